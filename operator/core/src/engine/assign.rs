//! Tasks to executors.

use super::Engine;
use super::speculate::copy_stragglers;
use crate::action::{Action, Assignment};
use crate::arena::Arena;
use crate::event::StageAttempts;
use crate::executors::Executor;
use crate::ids::{ExecutorId, JobId};
use crate::jobs::Job;
use crate::time::Time;

impl Engine {
    /// Fills the slots of executors with tasks, and tells those for which something changed.
    pub(super) fn assign_tasks(&mut self, now: Time) {
        let ids: Vec<JobId> = self.agenda.touched().collect();
        for id in ids {
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            let executors: Vec<ExecutorId> = job.fleet.ids().collect();
            if job.progress.is_running() && !job.gang.is_forming() {
                let arena = &mut self.state.executors;
                let can_run = |executor: &Executor| executor.ready && executor.exit.stays();
                let mut usable = executors.clone();
                usable.retain(|&id| arena.get(id).is_some_and(can_run));
                // First the tasks that run at once, spread evenly. Then second attempts in the slots
                // that are left. Then tasks that wait there, which keep executors busy between reports.
                fill(job, arena, &usable, 0, now);
                copy_stragglers(job, arena, &usable, now);
                let fair = guided_slots(job);
                fill(job, arena, &usable, fair, now);
            }
            for executor_id in executors {
                if let Some(executor) = self.state.executors.get_mut(executor_id)
                    && executor.delivery.is_changed()
                    && !executor.exit.is_stopping()
                {
                    let number = executor.delivery.give_out();
                    let is_stored = job.publication.is_stored(executor.withdrawal.revision());
                    executor.withdrawal.note_assignment(number, is_stored);
                    let told = Action::Assign(assignment(job, executor));
                    self.outgoing.push((Some(executor_id), told));
                }
            }
        }
    }
}

/// Gives tasks to executors in turn until none takes any more. Each fills its slots, and takes at most
/// `advance` slots' worth of tasks beyond that.
fn fill(
    job: &mut Job,
    executors: &mut Arena<ExecutorId, Executor>,
    usable: &[ExecutorId],
    advance: u32,
    now: Time,
) {
    let mut open = usable.to_vec();
    while !open.is_empty() {
        open.retain(|&id| {
            executors.get_mut(id).is_some_and(|executor| {
                let window = job.spec.executor.slots;
                let window = window.saturating_add(executor.work.prefetch_slots().min(advance));
                give_one(job, executor, window, now)
            })
        });
    }
}

/// How many slots' worth of tasks one executor may have in advance: half of an equal part of all that
/// wait, so that the last tasks spread evenly (guided self-scheduling, Polychronopoulos and Kuck 1987).
/// Executors that are not ready yet count, too.
fn guided_slots(job: &Job) -> u32 {
    let waiting: u64 = job
        .progress
        .stages()
        .iter()
        .filter(|stage| stage.is_running())
        .map(|stage| stage.pending().len().saturating_mul(stage.slots().into()))
        .fold(0, u64::saturating_add);
    let parts = u64::from(job.fleet.count().max(1)) * 2;
    u32::try_from(waiting / parts).unwrap_or(u32::MAX)
}

/// Gives an executor its next task, if one fits into the window; says whether it did.
fn give_one(job: &mut Job, executor: &mut Executor, window: u32, now: Time) -> bool {
    if executor.work.is_exclusive() {
        return false;
    }
    let alone = executor.work.taken_slots() == 0;
    for (index, stage) in job.progress.stages_mut().iter_mut().enumerate() {
        if !stage.is_running() || executor.work.taken_slots().saturating_add(stage.slots()) > window
        {
            continue;
        }
        if let Some((partition, exclusive)) = stage.take_next(alone) {
            let attempt = stage.number_attempt(partition);
            executor.assign((index, attempt, partition), stage.slots());
            if job.spec.speculation.is_some() {
                executor.work.note_assigned((index, attempt, partition), now);
            }
            executor.work.set_exclusive(exclusive);
            return true;
        }
    }
    false
}

/// What an executor is told to do. Attempts that ended or were withdrawn stay listed until the status
/// that accounts for them is stored.
pub(super) fn assignment(job: &Job, executor: &Executor) -> Assignment {
    let mut all = executor.work.assigned().clone();
    if job.publication.is_stored(executor.withdrawal.revision()) {
        for (group, withdrawn) in executor.withdrawal.attempts() {
            if let Some(listed) = all.get_mut(group) {
                listed.remove_all(withdrawn);
            }
        }
        all.retain(|_, listed| !listed.is_empty());
    }
    for ended in executor.reports.unsettled() {
        for (&group, partitions) in ended {
            let listed = all.entry(group).or_default();
            partitions.iter().for_each(|partition| {
                listed.insert(partition);
            });
        }
    }
    let attempts = all.into_iter().map(|((stage, attempt), partitions)| StageAttempts {
        stage: job.spec.stages[stage].name.clone(),
        attempt,
        partitions,
    });
    Assignment {
        key: executor.key.clone(),
        number: executor.delivery.number(),
        acknowledged_report: executor.reports.acknowledged(),
        attempts: attempts.collect(),
    }
}
