//! How far a job is.

use std::collections::VecDeque;

use super::{JobFailure, JobState, ResultValue, StageRun, StageSpec, StageState, TaskFailure};
use crate::time::Time;

/// How many failures of tasks a job remembers for its status.
const REMEMBERED_FAILURES: usize = 10;

/// How many bytes of results a job's status holds at most; an object of the Kubernetes API should
/// stay well below 64 KiB with them.
pub(crate) const RESULT_BYTES_LIMIT: usize = 48 * 1024;

/// What became of a job and its stages so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    state: JobState,
    stages: Vec<StageRun>,
    /// Why it failed, for good or for now.
    failure: Option<JobFailure>,
    /// The last attempts at tasks that failed, newest last.
    failures: VecDeque<TaskFailure>,
    /// How often it was run again.
    restarts: u32,
    /// How many executors died by themselves since it was last run again.
    executor_failures: u32,
    /// The bytes of all results kept in the status.
    result_bytes: usize,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    /// Whether there is no job of this uid any more; what is left of it stays until its last executor
    /// is gone.
    is_deleted: bool,
}

/// What an earlier engine noted of a job beside its stages.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) state: JobState,
    pub(crate) failure: Option<JobFailure>,
    pub(crate) failures: Vec<TaskFailure>,
    pub(crate) restarts: u32,
    pub(crate) executor_failures: u32,
    pub(crate) started_at: Option<Time>,
    pub(crate) ended_at: Option<Time>,
}

/// The job.
impl Progress {
    /// Nothing has happened yet.
    pub(crate) fn new(stages: &[StageSpec]) -> Self {
        Self { stages: stages.iter().map(StageRun::new).collect(), ..Self::default() }
    }

    /// It goes on where an earlier engine stopped.
    pub(crate) fn restored(stages: Vec<StageRun>, past: Past) -> Self {
        let Past { state, failure, failures, restarts, executor_failures, started_at, ended_at } =
            past;
        let result_bytes = stages.iter().map(StageRun::result_bytes).sum();
        Self {
            state,
            stages,
            failure,
            failures: failures.into(),
            restarts,
            executor_failures,
            result_bytes,
            started_at,
            ended_at,
            is_deleted: false,
        }
    }

    pub(crate) fn state(&self) -> JobState {
        self.state
    }

    /// Whether it has executors, or had some and waits for more.
    pub(crate) fn is_running(&self) -> bool {
        self.state == JobState::Running
    }

    /// Whether it has ended.
    pub(crate) fn is_final(&self) -> bool {
        self.state.is_final()
    }

    /// Whether its tasks may run, now or once it has executors.
    pub(crate) fn may_run(&self) -> bool {
        !self.is_deleted && matches!(self.state, JobState::Pending | JobState::Running)
    }

    /// When it got its first executor.
    pub(crate) fn started_at(&self) -> Option<Time> {
        self.started_at
    }

    /// When it ended.
    pub(crate) fn ended_at(&self) -> Option<Time> {
        self.ended_at
    }

    /// Why it failed, for good or for now.
    pub(crate) fn failure(&self) -> Option<&JobFailure> {
        self.failure.as_ref()
    }

    /// How often it was run again.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Takes in that it has an executor; says whether it waited for its first one.
    pub(crate) fn begin(&mut self, now: Time) -> bool {
        let was_pending = self.state == JobState::Pending;
        if was_pending {
            self.state = JobState::Running;
            self.started_at.get_or_insert(now);
        }
        was_pending
    }

    /// Takes in that it failed and will be run again.
    pub(crate) fn restart_after(&mut self, failure: JobFailure) {
        self.restarts += 1;
        self.executor_failures = 0;
        self.state = JobState::Restarting;
        self.failure = Some(failure);
        self.stages.iter_mut().for_each(StageRun::restart);
    }

    /// Takes in that it may run again.
    pub(crate) fn wait_again(&mut self) {
        self.state = JobState::Pending;
        self.failure = None;
    }

    /// Takes in that it succeeded, or failed for good.
    pub(crate) fn end(&mut self, now: Time, failure: Option<JobFailure>) {
        self.state = if failure.is_some() { JobState::Failed } else { JobState::Succeeded };
        self.failure = failure;
        self.ended_at = Some(now);
    }

    /// Takes in that it only stands for an executor that belongs to no job.
    pub(crate) fn never_run(&mut self) {
        self.state = JobState::Failed;
    }

    /// Takes in that there is no job of this uid any more.
    pub(crate) fn delete(&mut self) {
        self.is_deleted = true;
    }

    /// Counts an executor that died by itself; returns how many there are by now.
    pub(crate) fn count_executor_failure(&mut self) -> u32 {
        self.executor_failures += 1;
        self.executor_failures
    }

    /// How many executors died by themselves.
    pub(crate) fn executor_failures(&self) -> u32 {
        self.executor_failures
    }
}

/// Its stages and tasks.
impl Progress {
    pub(crate) fn stages(&self) -> &[StageRun] {
        &self.stages
    }

    pub(crate) fn stages_mut(&mut self) -> &mut [StageRun] {
        &mut self.stages
    }

    pub(crate) fn stage(&self, index: usize) -> &StageRun {
        &self.stages[index]
    }

    pub(crate) fn stage_mut(&mut self, index: usize) -> &mut StageRun {
        &mut self.stages[index]
    }

    /// Whether all stages have finished.
    pub(crate) fn is_finished(&self) -> bool {
        self.stages.iter().all(|stage| stage.state() == StageState::Finished)
    }

    /// Opens the stages whose dependencies have finished and are stored; says whether any was opened.
    pub(crate) fn open_stages(
        &mut self,
        specs: &[StageSpec],
        is_stored: impl Fn(u64) -> bool,
    ) -> bool {
        let mut opened = false;
        for (index, spec) in specs.iter().enumerate() {
            // What the stage reads has to be stored.
            let has_finished = |&other: &usize| self.stages[other].is_stored(&is_stored);
            if self.stages[index].state() == StageState::Waiting
                && spec.depends_on.iter().all(has_finished)
            {
                self.stages[index].open();
                opened = true;
            }
        }
        opened
    }

    /// Keeps the result of a task that finished: in the status if there is room, otherwise only where
    /// it is stored. Says whether it is kept.
    pub(crate) fn keep_result(
        &mut self,
        (stage, partition): (usize, u32),
        value: Option<String>,
        uri: Option<String>,
    ) -> bool {
        let stage = &mut self.stages[stage];
        if stage.results().contains_key(&partition) {
            return true;
        }
        let room = RESULT_BYTES_LIMIT.saturating_sub(self.result_bytes);
        let kept = match (value, uri) {
            (Some(text), _) if text.len() <= room => {
                self.result_bytes += text.len();
                ResultValue::Inline(text)
            }
            (_, Some(uri)) => ResultValue::Uri(uri),
            (text, None) => return text.is_none(),
        };
        stage.keep_result(partition, kept);
        true
    }

    /// Remembers an attempt at a task that failed, forgetting the oldest when there are too many.
    pub(crate) fn remember(&mut self, failure: TaskFailure) {
        if self.failures.len() == REMEMBERED_FAILURES {
            self.failures.pop_front();
        }
        self.failures.push_back(failure);
    }

    /// The last attempts at tasks that failed, newest last.
    pub(crate) fn failures(&self) -> &VecDeque<TaskFailure> {
        &self.failures
    }
}
