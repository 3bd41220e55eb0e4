//! Jobs: Mesos's frameworks. What they want, what they hold, how far they are.

mod declines;
mod durations;
pub mod graph;
mod spec;
mod stages;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::explain::Rejection;
pub use crate::ids::JobKey;
use crate::ids::{ExecutorId, NodeId, PoolId};
use crate::nodes::Reach;
use crate::ranges::Ranges;
use crate::reasons::JobFailure;
use crate::resources::Resources;
use crate::time::Time;
pub use declines::DeclinedNode;
pub(crate) use declines::{Culprit, Declines, backoff};
pub use spec::{
    Elastic, ExcludeOnFailure, ExecutorSpec, JobSpec, PreferredNodes, Restart, Speculation,
    StageSpec,
};
pub(crate) use stages::{Live, StageRun, Straggler};
pub use stages::{ResultValue, StageState};

/// How many failures of tasks a job remembers for its status.
const REMEMBERED_FAILURES: usize = 10;

/// Where a job stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// It waits for its first executor.
    #[default]
    Pending,
    /// It has executors, or had some and waits for more.
    Running,
    /// It failed and will be run again.
    Restarting,
    /// Every task finished.
    Succeeded,
    /// It ended without finishing.
    Failed,
}

impl JobState {
    /// Whether the job has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// One attempt at a task that failed, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    /// The stage's name.
    pub stage: Box<str>,
    /// The task's name or partition.
    pub task: String,
    /// The attempt's number, from 0.
    pub attempt: u32,
    /// One word.
    pub reason: Box<str>,
    /// What happened.
    pub message: String,
    /// The end of the task's standard error.
    pub stderr: String,
}

/// How far a job is with waiting for the nodes that it prefers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locality {
    /// The preferred nodes that there are.
    pub(crate) nodes: BTreeSet<NodeId>,
    /// The version of all nodes that they were found in.
    pub(crate) version: Option<u64>,
    /// When it last got one of them, or else began to want one.
    pub(crate) waits_since: Option<Time>,
}

/// How long a job has waited for room for its next executor, or for its gang.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Since when no node has room.
    pub(crate) no_room_since: Option<Time>,
    /// How often room was kept for it on nodes that did not become free in time.
    pub(crate) moves: u32,
    /// These nodes.
    pub(crate) tried: BTreeSet<NodeId>,
}

/// A job with everything the engine knows of it.
// Each of the flags can be set whatever the others are.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) key: JobKey,
    pub(crate) uid: Box<str>,
    pub(crate) generation: i64,
    pub(crate) created_at: Time,
    /// Numbers jobs in the order in which they were first seen.
    pub(crate) sequence: u64,
    pub(crate) spec: JobSpec,
    /// What one executor needs, or why that cannot be accounted for.
    pub(crate) request: Result<Resources, Rejection>,
    pub(crate) pool: PoolId,
    /// Which nodes its executors may use, or why none, once that was looked up.
    pub(crate) reach: Option<Result<Reach, Rejection>>,
    pub(crate) state: JobState,
    pub(crate) failure: Option<JobFailure>,
    pub(crate) waiting: Option<Rejection>,
    /// The place among the waiting jobs of the pool, from 1.
    pub(crate) position: Option<u32>,
    pub(crate) restarts: u32,
    pub(crate) restart_at: Option<Time>,
    pub(crate) started_at: Option<Time>,
    pub(crate) ended_at: Option<Time>,
    pub(crate) stages: Vec<StageRun>,
    /// The live executor of each index.
    pub(crate) executors: BTreeMap<u32, ExecutorId>,
    /// The indices of the live executors.
    pub(crate) indices: Ranges,
    /// The indices of the live executors that have no node yet.
    pub(crate) unplaced: BTreeSet<u32>,
    /// Since when there is room for them.
    pub(crate) room_since: Option<Time>,
    /// How many executors are on which node.
    pub(crate) on_nodes: BTreeMap<NodeId, u32>,
    /// What the executors hold.
    pub(crate) held: Resources,
    /// What they will hold besides: what is kept for them, less what is on its way out.
    pub(crate) pending: Resources,
    /// Since when the job waits while others of its pool hold what it should have.
    pub(crate) below_share_since: Option<Time>,
    /// How many executors the job was ever given.
    pub(crate) allocations: u64,
    /// The epoch of the next executor of each index that had one.
    pub(crate) epochs: BTreeMap<u32, u32>,
    pub(crate) executor_failures: u32,
    /// Whether the job still waits for all executors of its gang to be ready.
    pub(crate) gang_forming: bool,
    pub(crate) gang_deadline: Option<Time>,
    /// The nodes that it declines.
    pub(crate) declines: Declines,
    pub(crate) locality: Locality,
    pub(crate) line: Line,
    /// When offers that it declined before may suit it.
    pub(crate) retry_at: Option<Time>,
    /// When to look for slow tasks again.
    pub(crate) next_speculation: Option<Time>,
    pub(crate) failures: VecDeque<TaskFailure>,
    /// The bytes of all results kept in the status.
    pub(crate) result_bytes: usize,
    /// Whether there is no job of this uid any more; it stays until its last executor is gone.
    pub(crate) is_deleted: bool,
    /// How many statuses were given out.
    pub(crate) revision: u64,
    /// The last of them that is known to be stored.
    pub(crate) durable_revision: u64,
    /// When the last one was given out, if it is not known to be stored.
    pub(crate) status_told_at: Option<Time>,
    /// Executors that are gone, by index and epoch, until what they left is deleted.
    pub(crate) remains: BTreeMap<(u32, u32), Remains>,
    /// How many executors in a row could not be made, and when the job may try again.
    pub(crate) withdrawals: u32,
    pub(crate) withheld_until: Option<Time>,
    pub(crate) withheld_because: Box<str>,
    /// Whether the status changed since it was last given out.
    pub(crate) status_changed: bool,
    /// Whether the change does not wait for the next interval.
    pub(crate) status_urgent: bool,
    pub(crate) status_at: Option<Time>,
}

/// What an executor that is gone left.
#[derive(Clone, Debug)]
pub(crate) struct Remains {
    /// The revision of the job's status that holds all that the executor said.
    pub(crate) revision: u64,
    /// Whether it should go.
    pub(crate) discarded: bool,
    /// When that was given out.
    pub(crate) told_at: Option<Time>,
}

impl Job {
    /// How many executors the job wants now. One that is elastic leaves those out of account that
    /// only tasks of later stages could use.
    pub(crate) fn wanted_executors(&self) -> u32 {
        let is_open = |stage: &&StageRun| stage.state == StageState::Running;
        if self.spec.executor.elastic.is_some() {
            return self.sized(self.stages.iter().filter(is_open));
        }
        self.useful_executors()
    }

    /// How many executors the job could make use of, later stages included.
    pub(crate) fn useful_executors(&self) -> u32 {
        self.sized(self.stages.iter())
    }

    /// How many executors the unfinished tasks of these stages fill, within the job's bounds.
    fn sized<'a>(&self, stages: impl Iterator<Item = &'a StageRun>) -> u32 {
        let may_run = matches!(self.state, JobState::Pending | JobState::Running);
        if self.is_deleted || self.spec.suspend || !may_run {
            return 0;
        }
        let executor = &self.spec.executor;
        if self.gang_forming {
            return executor.gang_size();
        }
        if executor.fixed {
            return executor.instances;
        }
        let (mut unfinished, mut speculates) = (0, false);
        for stage in stages {
            unfinished += stage.unfinished_slots();
            speculates |= stage.speculates();
        }
        let filled = unfinished.div_ceil(u64::from(executor.slots));
        let filled = u32::try_from(filled).unwrap_or(u32::MAX);
        // The second attempt at a task runs on another executor than the first.
        let filled = if speculates { filled.max(2) } else { filled };
        filled.min(executor.instances).max(executor.min_instances())
    }

    /// With fewer executors than this the job can do nothing. What holds a fixed number of them begins with
    /// all and goes on with any.
    pub(crate) fn least_executors(&self) -> u32 {
        let executor = &self.spec.executor;
        let goes_on = executor.fixed && !self.gang_forming;
        if executor.gang_timeout_milliseconds.is_some() && !goes_on {
            self.wanted_executors()
        } else {
            0
        }
    }

    /// The number of executors that hold resources.
    pub(crate) fn launched(&self) -> u32 {
        u32::try_from(self.executors.len()).unwrap_or(u32::MAX)
    }

    /// How many executors may die by themselves before the job fails.
    pub(crate) fn executor_failure_limit(&self) -> u32 {
        self.spec
            .max_executor_failures
            .unwrap_or_else(|| self.spec.executor.instances.saturating_mul(2).max(3))
    }

    /// Remembers a failure, forgetting the oldest when there are too many.
    pub(crate) fn remember(&mut self, failure: TaskFailure) {
        if self.failures.len() == REMEMBERED_FAILURES {
            self.failures.pop_front();
        }
        self.failures.push_back(failure);
    }

    /// The index of the stage of this name.
    pub(crate) fn stage_index(&self, name: &str) -> Option<usize> {
        self.spec.stages.iter().position(|stage| &*stage.name == name)
    }

    /// Opens the stages whose dependencies have finished; says whether any was opened.
    pub(crate) fn open_stages(&mut self) -> bool {
        let mut opened = false;
        for index in 0..self.stages.len() {
            let ready = self.stages[index].state == StageState::Waiting
                && self.spec.stages[index].depends_on.iter().all(|&other| {
                    // What the stage reads has to be stored.
                    let other = &self.stages[other];
                    other.state == StageState::Finished
                        && other.finished_revision <= self.durable_revision
                });
            if ready {
                self.stages[index].open();
                opened = true;
            }
        }
        opened
    }
}
