//! Second attempts at slow tasks: Spark's speculation.

use super::Engine;
use crate::arena::Arena;
use crate::executors::{Executor, Since};
use crate::ids::ExecutorId;
use crate::jobs::{Job, Live, Speculation, StageRun, Straggler};
use crate::time::{Span, Time};

impl Engine {
    /// Finds the slow tasks of jobs that want second attempts at them.
    pub(super) fn find_stragglers(&mut self, now: Time) {
        let is_stored = self.settings.write_deadline_milliseconds.is_none();
        let mut timers = Vec::new();
        for id in self.agenda.touched() {
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            let Some(speculation) = job.spec.speculation else { continue };
            let queued =
                take_from_queues(job, speculation, &mut self.state.executors, (now, is_stored));
            let slow = find(job, speculation, &self.state.executors, now);
            let next = slow.into_iter().chain(queued).min();
            if let Some(at) = job.pauses.look_for_slow_tasks(now, next) {
                timers.push((at, id));
            }
        }
        timers.into_iter().for_each(|(at, id)| self.agenda.set_timer(at, id));
    }
}

/// Notes a job's stragglers; returns when the next of its tasks becomes one.
fn find(
    job: &mut Job,
    speculation: Speculation,
    executors: &Arena<ExecutorId, Executor>,
    now: Time,
) -> Option<Time> {
    let runs = job.progress.is_running() && !job.gang.is_forming();
    let mut next = None;
    for (index, stage) in job.progress.stages_mut().iter_mut().enumerate() {
        stage.copies_mut().set_stragglers(Vec::new());
        let Some(threshold) = threshold(stage, speculation).filter(|_| runs) else { continue };
        let mut slow = Vec::new();
        for id in job.fleet.ids() {
            let Some(executor) = executors.get(id) else { continue };
            let has_queue = executor.work.slots() > job.spec.executor.slots;
            for (&(of, attempt, partition), since) in executor.work.since() {
                let is_single = !stage.copies().has_twins(partition);
                if of != index || !is_single || !may_speculate(stage, partition) {
                    continue;
                }
                let going = executor.exit.cut_off_at().is_some()
                    || executor.withdrawal.contains((of, attempt, partition));
                if (has_queue || going) && matches!(since, Since::Assigned(_)) {
                    // It is moved, not copied.
                    continue;
                }
                let at = since.at() + threshold;
                if at > now {
                    next = next.map_or(Some(at), |earlier: Time| Some(earlier.min(at)));
                    continue;
                }
                let first = Live { executor: id, attempt };
                slow.push((since.at(), Straggler { partition, first }));
            }
        }
        // The one that has run for longest first.
        slow.sort_by_key(|&(since, Straggler { partition, .. })| (since, partition));
        let slow = slow.into_iter().map(|(_, straggler)| straggler);
        stage.copies_mut().set_stragglers(slow.collect());
    }
    next
}

/// Takes back tasks that wait in an executor behind slow ones, so that another executor gets them. The
/// executor may have begun such a task since it last reported. Then it stops the task, as it stops every
/// attempt that is withdrawn. Returns when the next task will have waited too long.
fn take_from_queues(
    job: &mut Job,
    speculation: Speculation,
    executors: &mut Arena<ExecutorId, Executor>,
    (now, is_stored): (Time, bool),
) -> Option<Time> {
    if !job.progress.is_running() || job.gang.is_forming() {
        return None;
    }
    let slots = job.spec.executor.slots;
    let revision = (!is_stored).then_some(job.publication.next_revision());
    let stages = job.progress.stages().iter();
    let patience: Vec<_> = stages.map(|stage| slow_after(stage, speculation)).collect();
    let mut next: Option<Time> = None;
    for id in job.fleet.ids() {
        let Some(executor) = executors.get_mut(id) else { continue };
        // If it is to be gone soon, what it has not started was taken back already.
        let going = executor.exit.is_certain() || !executor.withdrawal.is_empty();
        if going || executor.work.slots() <= slots {
            continue;
        }
        let mut waited = Vec::new();
        for (&(stage, attempt, partition), since) in executor.work.since() {
            let (Since::Assigned(at), Some(patience)) = (*since, patience[stage]) else { continue };
            if job.progress.stage(stage).copies().has_twins(partition) {
                continue;
            }
            let due = at.max(executor.work.progressed_at()) + patience;
            if due <= now {
                waited.push((stage, attempt, partition));
            } else {
                next = next.map_or(Some(due), |earlier| Some(earlier.min(due)));
            }
        }
        for (stage, attempt, partition) in waited {
            let run = job.progress.stage_mut(stage);
            executor.withdraw((stage, attempt, partition), run.slots(), revision);
            run.give_back(partition);
            executor.work.stop_prefetch();
            job.publication.mark_changed();
            job.publication.mark_urgent();
        }
    }
    next
}

/// How long a task of a stage runs before it is slow; `None` while too few have finished.
fn threshold(stage: &StageRun, speculation: Speculation) -> Option<Span> {
    let tasks = u64::from(stage.tasks());
    let needed = (tasks * u64::from(speculation.quantile_milli) / 1000).max(1);
    let finished = stage.finished().len();
    if finished < needed || finished == tasks {
        return None;
    }
    slow_after(stage, speculation)
}

/// How long a task of a stage runs before it is slow, as far as one can tell by now.
fn slow_after(stage: &StageRun, speculation: Speculation) -> Option<Span> {
    if !stage.is_running() {
        return None;
    }
    let median = u128::from(stage.median_duration()?.as_milliseconds());
    let slow = median * u128::from(speculation.multiplier_milli) / 1000;
    let slow = u64::try_from(slow).map_or(Span::MAX, Span::from_milliseconds);
    Some(slow.max(speculation.min_task_runtime_milliseconds))
}

/// Whether a second attempt at a partition makes sense. A task that may kill executors runs alone and
/// once. Committing the output is not faster elsewhere.
fn may_speculate(stage: &StageRun, partition: u32) -> bool {
    partition < stage.tasks() && !stage.tries().is_suspect(partition)
}

/// Gives stragglers to executors that have slots free, on other nodes if it can be.
pub(super) fn copy_stragglers(
    job: &mut Job,
    executors: &mut Arena<ExecutorId, Executor>,
    usable: &[ExecutorId],
    now: Time,
) {
    for (index, stage) in job.progress.stages_mut().iter_mut().enumerate() {
        let slots = stage.slots();
        let mut left = Vec::new();
        for straggler in stage.copies_mut().take_stragglers() {
            let first_node = executors.get(straggler.first.executor).map(|first| first.node);
            let candidates = usable.iter().filter_map(|&id| {
                let executor = executors.get(id)?;
                let has_room =
                    executor.work.taken_slots().saturating_add(slots) <= job.spec.executor.slots;
                let may =
                    id != straggler.first.executor && !executor.work.is_exclusive() && has_room;
                let rank = (Some(executor.node) == first_node, executor.work.slots());
                may.then_some((rank, id))
            });
            let Some((_, id)) = candidates.min() else {
                // The job asks for an executor more.
                left.push(straggler);
                continue;
            };
            let partition = straggler.partition;
            let attempt = stage.number_attempt(partition);
            if let Some(executor) = executors.get_mut(id) {
                executor.assign((index, attempt, partition), slots);
                executor.work.note_assigned((index, attempt, partition), now);
                stage.copies_mut().begin(&straggler, Live { executor: id, attempt });
            }
        }
        stage.copies_mut().set_stragglers(left);
    }
}
