//! What becomes of jobs: they go on, are run again, or end.

use super::Engine;
use crate::ids::{ExecutorId, JobId};
use crate::jobs::{Gang, Job, JobFailure, Subject, TaskFailure};
use crate::time::Time;

/// How a job goes on after something happened to one of its tasks.
pub(super) enum Verdict {
    /// It goes on, or has finished.
    GoesOn,
    /// It fails, and may be run again.
    Fails(JobFailure),
}

impl Engine {
    /// Ends a job that took too long.
    pub(super) fn exceed_deadline(&mut self, now: Time, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let deadline = job.spec.deadline_milliseconds.unwrap_or_default();
        self.end(now, id, Some(JobFailure::DeadlineExceeded { deadline }));
    }

    /// Ends the job, or gives it another try, as its tasks and its settings have it.
    pub(super) fn judge(&mut self, now: Time, id: JobId, verdict: Verdict) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        if job.progress.is_final() {
            return;
        }
        match verdict {
            Verdict::Fails(failure) => match job.spec.restart {
                Some(restart) if job.progress.restarts() < restart.retries => {
                    job.gang = Gang::new(&job.spec.executor);
                    job.progress.restart_after(failure);
                    let at = now + restart.interval_milliseconds;
                    job.pauses.plan_restart(at);
                    self.agenda.set_timer(at, id);
                    self.stop_executors(id);
                }
                _ => self.end(now, id, Some(failure)),
            },
            Verdict::GoesOn => {
                job.open_stages();
                if job.progress.is_finished() {
                    self.end(now, id, None);
                }
            }
        }
    }

    /// Ends a job of which nothing is left to do.
    pub(super) fn succeed(&mut self, now: Time, id: JobId) {
        self.end(now, id, None);
    }

    fn end(&mut self, now: Time, id: JobId, failure: Option<JobFailure>) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        job.progress.end(now, failure);
        job.publication.mark_urgent();
        job.pauses.forget_restart();
        job.gang.forget_deadline();
        job.choice.forget_declines();
        self.stop_executors(id);
    }

    /// Lets the tasks of a gang start once all its executors are ready.
    pub(super) fn complete_gang(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id).filter(|job| job.gang.is_forming()) else {
            return;
        };
        let executors = &self.state.executors;
        let fixed = job.spec.executor.fixed;
        let is_ready = |&id: &ExecutorId| {
            executors.get(id).is_some_and(|it| it.ready || fixed && !it.exit.is_stopping())
        };
        let ready = job.fleet.ids().filter(is_ready).count();
        if ready >= job.spec.executor.gang_size() as usize {
            job.gang.complete();
        }
    }
}

/// Counts a failure against a task that is not assigned any more.
pub(super) fn count_failure(
    job: &mut Job,
    index: usize,
    partition: u32,
    failure: TaskFailure,
    is_final: bool,
) -> Verdict {
    let failures = job.progress.stage_mut(index).fail(partition);
    let task = || Subject::new(&job.spec.stages[index], partition);
    let last = || failure.message.clone();
    let verdict = if is_final {
        Verdict::Fails(JobFailure::TaskCannotSucceed { task: task(), last: last() })
    } else if failures >= job.spec.max_task_failures {
        Verdict::Fails(JobFailure::TaskFailed { task: task(), times: failures, last: last() })
    } else {
        Verdict::GoesOn
    };
    if let Verdict::Fails(_) = verdict {
        job.progress.stage_mut(index).fail_for_good();
    }
    job.progress.remember(failure);
    verdict
}
