//! Jobs: Mesos's frameworks. What they want, what they hold, how far they are.

mod choice;
mod copies;
mod declines;
mod durations;
mod failure;
mod fleet;
mod gang;
pub mod graph;
mod pauses;
mod progress;
mod publication;
mod remains;
mod spec;
mod stages;
mod tries;
mod waiting;

use serde::{Deserialize, Serialize};

use crate::explain::Rejection;
pub use crate::ids::JobKey;
use crate::ids::PoolId;
use crate::resources::Resources;
use crate::time::Time;
pub(crate) use choice::NodeChoice;
pub(crate) use copies::{Live, Straggler};
pub use declines::DeclinedNode;
pub(crate) use declines::{Culprit, Declines, backoff};
pub(crate) use failure::{JobFailure, Subject};
pub(crate) use fleet::Fleet;
pub(crate) use gang::Gang;
pub(crate) use pauses::Pauses;
pub(crate) use progress::{Past, Progress};
pub(crate) use publication::Publication;
pub(crate) use remains::Remains;
pub use spec::{
    Elastic, ExcludeOnFailure, ExecutorSpec, JobSpec, PreferredNodes, Restart, Speculation,
    StageSpec,
};
pub(crate) use stages::{PastStage, StageRun};
pub use stages::{ResultValue, StageState};
pub(crate) use tries::Uncounted;
pub(crate) use waiting::Waiting;

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

/// A job with everything the engine knows of it: what it is, what it asks for, and what became of it.
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

    /// How far it is with its stages.
    pub(crate) progress: Progress,
    /// Its executors, and what they hold.
    pub(crate) fleet: Fleet,
    /// What executors that are gone left.
    pub(crate) remains: Remains,
    /// Whether its executors still have to come together.
    pub(crate) gang: Gang,
    /// What it waits for when it wants more executors.
    pub(crate) waiting: Waiting,
    /// What it does not do before some time has come.
    pub(crate) pauses: Pauses,
    /// Which nodes it may use, prefers and declines.
    pub(crate) choice: NodeChoice,
    /// Its statuses on their way out.
    pub(crate) publication: Publication,
}

impl Job {
    /// How many executors the job wants now. An elastic job does not count those that only tasks of
    /// later stages could use.
    pub(crate) fn wanted_executors(&self) -> u32 {
        let is_open = |stage: &&StageRun| stage.is_running();
        if self.spec.executor.elastic.is_some() {
            return self.sized(self.progress.stages().iter().filter(is_open));
        }
        self.useful_executors()
    }

    /// How many executors the job could make use of, later stages included.
    pub(crate) fn useful_executors(&self) -> u32 {
        self.sized(self.progress.stages().iter())
    }

    /// How many executors the unfinished tasks of these stages fill, within the job's bounds.
    fn sized<'a>(&self, stages: impl Iterator<Item = &'a StageRun>) -> u32 {
        if self.spec.suspend || !self.progress.may_run() {
            return 0;
        }
        let executor = &self.spec.executor;
        if self.gang.is_forming() {
            return executor.gang_size();
        }
        if executor.fixed {
            return executor.instances;
        }
        let (mut unfinished, mut speculates) = (0_u64, false);
        for stage in stages {
            unfinished = stage.unfinished_slots().saturating_add(unfinished);
            speculates |= stage.speculates();
        }
        let filled = unfinished.div_ceil(u64::from(executor.slots));
        let filled = u32::try_from(filled).unwrap_or(u32::MAX);
        // The second attempt at a task runs on another executor than the first.
        let filled = if speculates { filled.max(2) } else { filled };
        filled.min(executor.instances).max(executor.min_instances())
    }

    /// With fewer executors than this the job can do nothing: a gang needs all that it wants. One that
    /// keeps a fixed number of executors begins with all of them, and then goes on with any.
    pub(crate) fn least_executors(&self) -> u32 {
        let executor = &self.spec.executor;
        let goes_on = executor.fixed && !self.gang.is_forming();
        if executor.gang_timeout_milliseconds.is_some() && !goes_on {
            self.wanted_executors()
        } else {
            0
        }
    }

    /// How many executors may die by themselves before the job fails.
    pub(crate) fn executor_failure_limit(&self) -> u32 {
        self.spec
            .max_executor_failures
            .unwrap_or_else(|| self.spec.executor.instances.saturating_mul(2).max(3))
    }

    /// The index of the stage of this name.
    pub(crate) fn stage_index(&self, name: &str) -> Option<usize> {
        self.spec.stages.iter().position(|stage| &*stage.name == name)
    }

    /// Opens the stages whose dependencies have finished; says whether any was opened.
    pub(crate) fn open_stages(&mut self) -> bool {
        let Self { spec, progress, publication, .. } = self;
        progress.open_stages(&spec.stages, |revision| publication.is_stored(revision))
    }
}
