//! Jobs: Mesos's frameworks. What they want, what they hold, how far they are.

pub mod graph;
mod spec;
mod stages;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::arena::id;
use crate::executors::ExecutorId;
use crate::explain::Rejection;
use crate::nodes::NodeId;
use crate::pools::PoolId;
use crate::ranges::Ranges;
use crate::resources::Resources;
pub use spec::{ExecutorSpec, JobSpec, Restart, StageSpec};
pub(crate) use stages::StageRun;
pub use stages::{ResultValue, StageState};

/// A time in milliseconds; only differences matter.
pub type Milliseconds = u64;

/// How many failures of tasks a job remembers for its status.
const REMEMBERED_FAILURES: usize = 10;

id! {
    /// A job that the engine knows.
    JobId
}

/// The name of a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKey {
    /// The job's namespace.
    pub namespace: Arc<str>,
    /// The job's name in it.
    pub name: Arc<str>,
}

impl fmt::Display for JobKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Why a job failed: a stable word and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFailure {
    /// One word, as conditions want it: `TaskFailed`, `TaskLost`, `ExecutorsFailed`,
    /// `DeadlineExceeded`, `ResultsTooLarge`, `InvalidSpec`.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
}

/// One attempt at a task that failed, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A job with everything the engine knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) key: JobKey,
    pub(crate) uid: Box<str>,
    pub(crate) generation: i64,
    pub(crate) created_at: Milliseconds,
    /// Numbers jobs in the order in which they were first seen.
    pub(crate) sequence: u64,
    pub(crate) spec: JobSpec,
    /// What one executor needs, or why that cannot be accounted for.
    pub(crate) request: Result<Resources, Rejection>,
    pub(crate) pool: PoolId,
    pub(crate) state: JobState,
    pub(crate) failure: Option<JobFailure>,
    pub(crate) waiting: Option<Rejection>,
    /// The place among the waiting jobs of the pool, from 1.
    pub(crate) position: Option<u32>,
    pub(crate) restarts: u32,
    pub(crate) restart_at: Option<Milliseconds>,
    pub(crate) started_at: Option<Milliseconds>,
    pub(crate) ended_at: Option<Milliseconds>,
    pub(crate) stages: Vec<StageRun>,
    /// The live executor of each index.
    pub(crate) executors: BTreeMap<u32, ExecutorId>,
    /// The indices of the live executors.
    pub(crate) indices: Ranges,
    /// How many executors are on which node.
    pub(crate) on_nodes: BTreeMap<NodeId, u32>,
    /// What the executors hold.
    pub(crate) held: Resources,
    /// What they will hold besides: what is kept for them, less what is on its way out.
    pub(crate) pending: Resources,
    /// Since when the job waits while others of its pool hold what it should have.
    pub(crate) below_share_since: Option<Milliseconds>,
    /// How many executors the job was ever given.
    pub(crate) allocations: u64,
    /// The epoch of the next executor of each index that had one.
    pub(crate) epochs: BTreeMap<u32, u32>,
    pub(crate) executor_failures: u32,
    /// Whether the job still waits for all executors of its gang to be ready.
    pub(crate) gang_forming: bool,
    pub(crate) gang_deadline: Option<Milliseconds>,
    pub(crate) failures: VecDeque<TaskFailure>,
    /// The bytes of all results kept in the status.
    pub(crate) result_bytes: usize,
    /// Whether the status changed since it was last given out.
    pub(crate) status_changed: bool,
    /// Whether the change does not wait for the next interval.
    pub(crate) status_urgent: bool,
    pub(crate) status_at: Option<Milliseconds>,
}

impl Job {
    /// How many executors the job can make use of now.
    pub(crate) fn wanted_executors(&self) -> u32 {
        if !matches!(self.state, JobState::Pending | JobState::Running) {
            return 0;
        }
        if self.gang_forming {
            return self.spec.executor.instances;
        }
        let slots = u64::from(self.spec.executor.slots);
        let unfinished: u64 = self.stages.iter().map(StageRun::unfinished_slots).sum();
        let useful = u32::try_from(unfinished.div_ceil(slots)).unwrap_or(u32::MAX);
        useful.min(self.spec.executor.instances)
    }

    /// With fewer executors than this the job can do nothing.
    pub(crate) fn least_executors(&self) -> u32 {
        let gang = self.spec.executor.gang_timeout_milliseconds.is_some();
        if gang { self.wanted_executors() } else { 0 }
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
                && self.spec.stages[index]
                    .depends_on
                    .iter()
                    .all(|&other| self.stages[other].state == StageState::Finished);
            if ready {
                self.stages[index].open();
                opened = true;
            }
        }
        opened
    }
}
