//! What the engine shows: plain data for status, pages and the command line.

use std::collections::BTreeMap;

use crate::jobs::{JobKey, JobState, Milliseconds, ResultValue, StageState, TaskFailure};
use crate::ranges::Ranges;
use crate::share::Share;

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The jobs, by name.
    pub jobs: Vec<JobStatus>,
    /// The pools, by name.
    pub pools: Vec<PoolStatus>,
    /// The nodes.
    pub nodes: Vec<NodeStatus>,
}

/// What became of a job so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// The job's name.
    pub key: JobKey,
    /// The job's uid.
    pub uid: Box<str>,
    /// The generation of the settings that this describes.
    pub generation: i64,
    /// Where it stands.
    pub state: JobState,
    /// One word for why it waits or failed.
    pub reason: Option<&'static str>,
    /// A sentence: what it waits for, or why it failed.
    pub message: Option<String>,
    /// Its place among the waiting jobs of its pool, from 1.
    pub position: Option<u32>,
    /// How often it was run again.
    pub restarts: u32,
    /// When the first executor was launched.
    pub started_at: Option<Milliseconds>,
    /// When it ended.
    pub ended_at: Option<Milliseconds>,
    /// Executors that can run tasks.
    pub executors_ready: u32,
    /// Executors that hold resources.
    pub executors_launched: u32,
    /// Executors that the job can make use of.
    pub executors_wanted: u32,
    /// Executors that died by themselves.
    pub executors_failed: u32,
    /// The stages, in order.
    pub stages: Vec<StageStatus>,
    /// The last failures, newest last.
    pub failures: Vec<TaskFailure>,
}

/// What became of a stage so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageStatus {
    /// The stage's name.
    pub name: Box<str>,
    /// Where it stands.
    pub state: StageState,
    /// The number of tasks.
    pub tasks: u32,
    /// Tasks that run.
    pub running: u32,
    /// The partitions that finished.
    pub finished: Ranges,
    /// Whether the output is committed as a whole.
    pub committed: bool,
    /// Attempts that failed, by partition.
    pub failures: BTreeMap<u32, u32>,
    /// Attempts that were lost, by partition.
    pub losses: BTreeMap<u32, u32>,
    /// Results by the task's name or number.
    pub results: BTreeMap<String, ResultValue>,
}

/// What a pool holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// The pool's name.
    pub name: Box<str>,
    /// Whether there is an object of this name.
    pub declared: bool,
    /// What its subtree holds, by resource name.
    pub allocated: Vec<(Box<str>, i64)>,
    /// The largest of its shares, before weights.
    pub dominant_share: Share,
    /// Whether its subtree holds what it is guaranteed, or wants no more.
    pub guarantee_met: bool,
    /// What of its settings cannot be, or is not so yet.
    pub problems: Vec<PoolProblem>,
    /// Jobs of its subtree that hold executors.
    pub running_jobs: u32,
    /// Jobs of its subtree that wait for their first executor.
    pub pending_jobs: u32,
}

/// Something about a pool that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolProblem {
    /// One word, as conditions want it.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// What is on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// The node's name.
    pub name: Box<str>,
    /// Whether new executors may go there.
    pub offered: bool,
    /// What executors can have at most, by resource name.
    pub usable: Vec<(Box<str>, i64)>,
    /// What executors hold, by resource name.
    pub held: Vec<(Box<str>, i64)>,
}
