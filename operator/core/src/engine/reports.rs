//! What executors report, and what that means for their tasks.

use std::collections::BTreeSet;

use super::Engine;
use super::progress::{Verdict, count_failure};
use crate::event::{AttemptFailure, AttemptResult, Report, StageAttempts};
use crate::executors::{Attempts, Executor};
use crate::ids::{ExecutorKey, JobId};
use crate::jobs::{Culprit, Job, JobFailure, Live, TaskFailure};
use crate::time::Time;

impl Engine {
    /// Takes in what an executor reports, unless it was taken in before.
    pub(super) fn take_report(&mut self, now: Time, key: &ExecutorKey, report: Report) {
        // Where nothing has to be waited for, what is taken in is stored.
        let is_stored = self.settings.write_deadline_milliseconds.is_none();
        let Some((_, executor, job_id, job)) = self.state.executor_mut(key) else { return };
        let number = report.number;
        if !executor.reports.take_in(number) {
            return;
        }
        let has_ends = !report.finished.is_empty() || !report.failures.is_empty();
        executor.work.report(attempts(job, &report.running));
        let became_ready = report.ready && !executor.ready;
        executor.ready = report.ready;
        let node = executor.node;
        let mut verdict = Verdict::GoesOn;
        let (mut finished, mut failed) = (Finished::default(), Vec::new());
        if !job.progress.is_final() {
            finished = take_finished(job, executor, &report.finished, now);
            executor.work.adapt_prefetch(finished.slots);
            verdict = take_results(job, report.results, &finished.partitions);
            for failure in report.failures {
                if let Verdict::GoesOn = verdict {
                    let counted;
                    (verdict, counted) = take_failure(job, executor, failure);
                    failed.extend(counted);
                }
            }
        }
        executor.work.note_running(now, |stage| job.progress.stage(stage).slots());
        let ended = executor.work.take_ended_by_report(now);
        if is_stored {
            executor.reports.acknowledge(number);
            if has_ends {
                executor.delivery.mark_changed();
            }
        } else if !ended.is_empty() {
            executor.reports.await_storage(job.publication.next_revision(), ended);
        }
        finished.losers.extend(self.live_attempts_at(job_id, &finished.repeated));
        self.withdraw(job_id, &finished.losers);
        let node = node.and_then(|node| self.state.nodes.get(node));
        if let Some(name) = node.map(|node| node.observed().name.clone()) {
            if became_ready {
                self.count_for_node(job_id, &name);
            }
            for (stage, partition) in failed {
                let culprit = Culprit::Task(stage, partition);
                self.count_failure_on_node(now, job_id, &name, culprit);
            }
        }
        if became_ready {
            self.complete_gang(job_id);
        }
        self.take_released(key, report.observed_assignment);
        self.touch(job_id);
        self.judge(now, job_id, verdict);
    }

    /// Stops attempts at tasks that another attempt has finished.
    fn withdraw(&mut self, id: JobId, losers: &[(usize, u32, Live)]) {
        let is_stored = self.settings.write_deadline_milliseconds.is_none();
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let revision = (!is_stored).then_some(job.publication.next_revision());
        for &(stage, partition, Live { executor, attempt }) in losers {
            let slots = job.progress.stage(stage).slots();
            if let Some(executor) = self.state.executors.get_mut(executor) {
                executor.withdraw((stage, attempt, partition), slots, revision);
                // It is told so once that is stored.
                job.publication.mark_urgent();
            }
        }
    }

    /// All attempts at some partitions that executors of a job have.
    fn live_attempts_at(
        &self,
        id: JobId,
        partitions: &BTreeSet<(usize, u32)>,
    ) -> Vec<(usize, u32, Live)> {
        let mut live = Vec::new();
        let Some(job) = self.state.jobs.get(id).filter(|_| !partitions.is_empty()) else {
            return live;
        };
        for executor in job.fleet.ids() {
            let Some(it) = self.state.executors.get(executor) else { continue };
            for (&(stage, attempt), assigned) in it.work.assigned() {
                let there = assigned.iter().filter(|&it| partitions.contains(&(stage, it)));
                live.extend(there.map(|it| (stage, it, Live { executor, attempt })));
            }
        }
        live
    }
}

/// Reported attempts by stage index; stages and partitions that the job does not have are left out.
fn attempts(job: &Job, reported: &[StageAttempts]) -> Attempts {
    reported
        .iter()
        .filter_map(|attempts| {
            let stage = job.stage_index(&attempts.stage)?;
            let partitions = attempts.partitions.below(job.progress.stage(stage).partitions());
            Some(((stage, attempts.attempt), partitions))
        })
        .collect()
}

/// What a report says of attempts that succeeded.
#[derive(Default)]
struct Finished {
    /// The slots that they took.
    slots: u32,
    /// Their stages and partitions.
    partitions: BTreeSet<(usize, u32)>,
    /// Those of them at which others may be at work, as an engine before this one had taken them back.
    repeated: BTreeSet<(usize, u32)>,
    /// Other attempts at the same partitions, by stage and partition.
    losers: Vec<(usize, u32, Live)>,
}

/// Takes in attempts that succeeded. Attempts that the executor does not have (any more) were taken
/// in before, or another one was first.
fn take_finished(
    job: &mut Job,
    executor: &mut Executor,
    reported: &[StageAttempts],
    now: Time,
) -> Finished {
    let mut finished = Finished::default();
    for attempts in reported {
        let Some(index) = job.stage_index(&attempts.stage) else { continue };
        let stage = job.progress.stage_mut(index);
        for partition in attempts.partitions.below(stage.partitions()).iter() {
            let attempt = attempts.attempt;
            let ran_since = executor.work.ran_since((index, attempt, partition));
            let is_older = stage.finish_older(partition, attempt);
            if is_older {
                executor.work.note_ended((index, attempt, partition));
                finished.repeated.insert((index, partition));
            }
            if is_older || executor.unassign((index, attempt, partition), stage.slots()) {
                if let Some(since) = ran_since.filter(|_| job.spec.speculation.is_some()) {
                    stage.note_duration(now.since(since));
                }
                let loser = stage.finish_attempt(partition, attempt).filter(|_| !is_older);
                finished.losers.extend(loser.map(|live| (index, partition, live)));
                if stage.finish(partition) {
                    stage.note_finished(job.publication.next_revision());
                    job.publication.mark_urgent();
                }
                finished.slots = finished.slots.saturating_add(stage.slots());
                finished.partitions.insert((index, partition));
            }
        }
    }
    finished
}

/// Keeps results in the status as long as they fit there; beyond that only where they are stored.
/// They are those of the attempts that finished in the same report, and of no others.
fn take_results(
    job: &mut Job,
    results: Vec<AttemptResult>,
    finished: &BTreeSet<(usize, u32)>,
) -> Verdict {
    let mut too_large = false;
    for AttemptResult { stage, partition, value, uri } in results {
        let Some(index) = job.stage_index(&stage) else { continue };
        if !finished.contains(&(index, partition)) {
            continue;
        }
        too_large |= !job.progress.keep_result((index, partition), value, uri);
    }
    if !too_large {
        return Verdict::GoesOn;
    }
    Verdict::Fails(JobFailure::ResultsTooLarge)
}

/// Takes in an attempt that failed; returns its stage and partition if it counts.
fn take_failure(
    job: &mut Job,
    executor: &mut Executor,
    failed: AttemptFailure,
) -> (Verdict, Option<(usize, u32)>) {
    let Some(index) = job.stage_index(&failed.stage) else { return (Verdict::GoesOn, None) };
    let slots = job.progress.stage(index).slots();
    if !executor.unassign((index, failed.attempt, failed.partition), slots) {
        return (Verdict::GoesOn, None);
    }
    if executor.exit.is_stopping() {
        // It was told to go: what fails on the way out says nothing about the task.
        job.progress.stage_mut(index).give_back(failed.partition);
        return (Verdict::GoesOn, None);
    }
    let failure = TaskFailure {
        task: job.spec.stages[index].task_name(failed.partition),
        stage: failed.stage,
        attempt: failed.attempt,
        reason: failed.reason,
        message: failed.message,
        stderr: failed.stderr,
    };
    let verdict = count_failure(job, index, failed.partition, failure, failed.is_final);
    (verdict, Some((index, failed.partition)))
}
