//! What the engine shows: plain data for status, pages and the command line.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::frameworks::{NamedAmounts, OfferDescription};
use crate::ids::{InverseOfferId, JobKey, TaskId};
use crate::jobs::{DeclinedNode, JobState, ResultValue, StageState, TaskFailure};
use crate::ranges::Ranges;
use crate::reasons::Reason;
use crate::share::Share;
use crate::time::Time;

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The jobs, by name.
    pub jobs: Vec<JobStatus>,
    /// The pools, by name.
    pub pools: Vec<PoolStatus>,
    /// The nodes.
    pub nodes: Vec<NodeStatus>,
    /// The frameworks whose demand is not known, by name.
    pub frameworks: Vec<FrameworkStatus>,
    /// The offers that nobody has answered yet, oldest first.
    pub offers: Vec<OfferDescription>,
}

/// What there is, what is offered and what is held: the part of a [`View`] that frameworks and their tools
/// ask for. It costs little to make, for it has no jobs and no tasks, and no shares that have to be found.
#[derive(Clone, Debug, Default)]
pub struct Market {
    /// The pools, by name.
    pub pools: Vec<PoolHoldings>,
    /// The nodes.
    pub nodes: Vec<NodeStatus>,
    /// The frameworks whose demand is not known, by name, without their tasks.
    pub frameworks: Vec<FrameworkStatus>,
    /// The offers that nobody has answered yet, oldest first.
    pub offers: Vec<OfferDescription>,
}

/// What became of a job so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// The job's name.
    pub key: JobKey,
    /// The job's uid.
    pub uid: Box<str>,
    /// The generation of the settings that this describes.
    pub generation: i64,
    /// Numbers the statuses that were given out of this job, for [`crate::event::Event::StatusWritten`].
    pub revision: u64,
    /// Where it stands.
    pub state: JobState,
    /// One word for why it waits or failed.
    #[serde(deserialize_with = "crate::reasons::deserialize_failure")]
    pub reason: Option<Reason>,
    /// A sentence: what it waits for, or why it failed.
    pub message: Option<String>,
    /// Its place among the waiting jobs of its pool, from 1.
    pub position: Option<u32>,
    /// How often it was run again.
    pub restarts: u32,
    /// When the first executor was launched.
    pub started_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Executors that can run tasks.
    pub executors_ready: u32,
    /// Executors that hold resources.
    pub executors_launched: u32,
    /// Executors that the job can make use of.
    pub executors_wanted: u32,
    /// Executors that died by themselves.
    pub executors_failed: u32,
    /// Executors that are on nodes which the job prefers; `None` if it prefers none.
    pub executors_preferred: Option<u32>,
    /// Nodes that the job declines for a while.
    pub declined_nodes: Vec<DeclinedNode>,
    /// The epoch of the next executor of each index that had one. Whatever an executor of an earlier
    /// epoch said or did stands in this status.
    pub epochs: BTreeMap<u32, u32>,
    /// Whether the job does not wait (any more) for all executors of its gang.
    pub gang_formed: bool,
    /// The stages, in order.
    pub stages: Vec<StageStatus>,
    /// The last failures, newest last.
    pub failures: Vec<TaskFailure>,
}

/// What became of a stage so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageStatus {
    /// The stage's name.
    pub name: Box<str>,
    /// Where it stands.
    pub state: StageState,
    /// The number of tasks.
    pub tasks: u32,
    /// Attempts that run.
    pub running: u32,
    /// Tasks that have two attempts now, as the first one is slow.
    pub speculative: u32,
    /// Second attempts that there ever were.
    pub speculated: u32,
    /// The partitions that finished.
    pub finished: Ranges,
    /// Whether the output is committed as a whole.
    pub committed: bool,
    /// Attempts that failed, by partition.
    pub failures: BTreeMap<u32, u32>,
    /// Attempts that were lost, by partition.
    pub losses: BTreeMap<u32, u32>,
    /// Attempts that count for nothing, but whose numbers were used, by partition. The number of
    /// the first attempt that is not accounted for is the sum of failures, losses and these.
    pub other_attempts: BTreeMap<u32, u32>,
    /// By partition, the number of an attempt that is lower than that and not accounted for either.
    pub older_attempts: BTreeMap<u32, u32>,
    /// Results by the task's name or number.
    pub results: BTreeMap<String, ResultValue>,
}

/// What a pool holds, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolHoldings {
    /// The pool's name.
    pub name: Box<str>,
    /// What its subtree holds, by resource name.
    pub allocated: Vec<(Box<str>, i64)>,
    /// What of it is in offers that frameworks have not answered yet.
    pub offered: Vec<(Box<str>, i64)>,
    /// What is reserved for it, whether held or not, by resource name.
    pub reserved: Vec<(Box<str>, i64)>,
    /// The largest of its shares, before weights.
    pub dominant_share: Share,
}

/// What a pool holds.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each of the flags can be set whatever the others are"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// The pool's name.
    pub name: Box<str>,
    /// Whether there is an object of this name.
    pub declared: bool,
    /// What its subtree holds, by resource name.
    pub allocated: Vec<(Box<str>, i64)>,
    /// What of it is in offers that frameworks have not answered yet.
    pub offered: Vec<(Box<str>, i64)>,
    /// The largest of its shares, before weights.
    pub dominant_share: Share,
    /// What that would be if all that jobs hold or want were given out anew.
    pub fair_share: Share,
    /// Whether its subtree holds what it is guaranteed, or wants no more.
    pub guarantee_met: bool,
    /// What is reserved for it, whether held or not, by resource name.
    pub reserved: Vec<(Box<str>, i64)>,
    /// Whether it is being deleted and takes no new jobs.
    pub deleting: bool,
    /// Whether a job that has started and not ended names it.
    pub in_use: bool,
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
    /// Whether no job of the pool can run because of it.
    pub is_fatal: bool,
}

impl PoolProblem {
    pub(crate) fn new(reason: &'static str, message: String) -> Self {
        Self { reason, message, is_fatal: false }
    }

    pub(crate) fn fatal(reason: &'static str, message: String) -> Self {
        Self { reason, message, is_fatal: true }
    }
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
    /// What executors, offers and tasks hold, by resource name.
    pub held: Vec<(Box<str>, i64)>,
    /// What of it is in offers that frameworks have not answered yet.
    pub outstanding: Vec<(Box<str>, i64)>,
    /// The ports that tasks may have.
    pub ports: Ranges,
    /// The ports that offers and tasks hold.
    pub ports_held: Ranges,
}

/// A framework whose demand is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameworkStatus {
    /// The framework's name.
    pub key: JobKey,
    /// Its uid; `None` for one of which only tasks are left or seen so far.
    pub uid: Option<Box<str>>,
    /// Whether it is there to answer offers.
    pub connected: bool,
    /// Its pools.
    pub pools: Vec<FrameworkPoolStatus>,
    /// Its tasks, by name.
    pub tasks: Vec<FrameworkTaskStatus>,
    /// What it was asked to give back before maintenance.
    pub inverse_offers: Vec<InverseOfferStatus>,
}

/// A framework in one of its pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameworkPoolStatus {
    /// The pool's name.
    pub pool: Box<str>,
    /// Whether the framework takes offers in it; otherwise it only has tasks there.
    pub subscribed: bool,
    /// Whether it wants no offers for now.
    pub suppressed: bool,
    /// What offers and tasks hold, by resource name.
    pub allocated: NamedAmounts,
    /// What of it is in offers.
    pub offered: NamedAmounts,
    /// How many filters hide nodes from it.
    pub filters: usize,
    /// One word for why it is offered no more.
    pub reason: Option<Reason>,
    /// A sentence for it.
    pub message: Option<String>,
}

/// A task of a framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameworkTaskStatus {
    /// The task's name among those of the framework.
    pub task: TaskId,
    /// The pool that pays.
    pub pool: Box<str>,
    /// Where it runs.
    pub node: Box<str>,
    /// What it holds.
    pub amounts: NamedAmounts,
    /// The ports that it holds.
    pub ports: Ranges,
}

/// What a framework was asked for on a node that goes into maintenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InverseOfferStatus {
    /// Its number.
    pub id: InverseOfferId,
    /// The node.
    pub node: Box<str>,
    /// When the node goes.
    pub unavailable_from: Time,
    /// Whether the framework agreed; `None` while it has not answered.
    pub agreed: Option<bool>,
}
