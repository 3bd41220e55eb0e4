//! How many executors a job keeps.
//!
//! Executors that drain for the sake of others do not count: the job can neither keep them nor let them
//! go. They hold their room until they are gone, so they are not replaced before.

use std::cmp::Reverse;

use super::Engine;
use crate::executors::DrainCause;
use crate::ids::{ExecutorId, JobId};
use crate::jobs::Job;
use crate::time::Time;

/// An executor that nobody else makes go.
struct Staying {
    id: ExecutorId,
    /// The slots of the tasks that it has.
    slots: u32,
    draining: bool,
    /// Whether it has no node yet.
    unplaced: bool,
    /// Since when it has had nothing to do although it is ready.
    idle_since: Option<Time>,
}

impl Engine {
    /// Gives back the executors that their jobs do not need, or have not needed for some time. Where a
    /// job has more than it may have, those beyond do what they have and get nothing new.
    pub(super) fn size_jobs(&mut self, now: Time) {
        let ids: Vec<JobId> = self.agenda.touched().collect();
        let mut going = Vec::new();
        for id in ids {
            let Some(job) = self.state.jobs.get(id) else { continue };
            if job.spec.suspend {
                going.extend(job.fleet.ids());
                continue;
            }
            if !job.progress.is_running() || job.gang.is_forming() {
                continue;
            }
            let mut staying = Vec::with_capacity(job.fleet.count() as usize);
            // Those without a node are the first to go, then the newest.
            for id in job.fleet.ids().rev() {
                let Some(executor) = self.state.executors.get_mut(id) else { continue };
                if executor.exit.is_certain() {
                    continue;
                }
                let is_idle = executor.work.slots() == 0;
                let excluded = !job.choice.declines().is_empty()
                    && executor
                        .node
                        .and_then(|node| self.state.nodes.get(node))
                        .is_some_and(|node| job.choice.declines().excludes(&node.observed().name));
                if excluded {
                    // The job gets another one in its place.
                    executor.exit.let_go(DrainCause::NodeDeclined);
                    going.extend(is_idle.then_some(id));
                    continue;
                }
                if is_idle && executor.ready {
                    executor.work.note_idle(now);
                }
                let (slots, draining) = (executor.work.slots(), executor.exit.draining().is_some());
                let unplaced = executor.node.is_none();
                let idle_since = executor.work.idle_since();
                staying.push(Staying { id, slots, draining, unplaced, idle_since });
            }
            staying.sort_by_key(|executor| !executor.unplaced);
            let kept = give_back_idle(job, now, staying, &mut going);
            let draining = drain(job, kept.staying);
            for (id, draining) in draining {
                if let Some(executor) = self.state.executors.get_mut(id) {
                    if draining {
                        executor.exit.let_go(DrainCause::Surplus);
                    } else {
                        executor.exit.stop_draining();
                    }
                }
            }
            if let Some(at) = kept.look_again_at {
                self.agenda.set_timer(at, id);
            }
        }
        for executor in going {
            self.stop_executor(executor);
        }
    }

    /// How many executors a job lacks. Executors on nodes that it declines by now do not count: they
    /// finish what they have, and then go.
    pub(super) fn lacking_executors(&self, job: &Job) -> u32 {
        let replaced: u32 = if job.choice.declines().is_empty() {
            0
        } else {
            let excluded = job.choice.declines().excluded().into_iter();
            let nodes = excluded.filter_map(|node| self.state.nodes.find(&node));
            nodes.map(|node| job.fleet.on_node(node)).sum()
        };
        job.wanted_executors().saturating_sub(job.fleet.count().saturating_sub(replaced))
    }
}

struct Kept {
    staying: Vec<Staying>,
    look_again_at: Option<Time>,
}

/// Takes out idle executors that no unfinished task needs, and those that were idle for too long.
fn give_back_idle(
    job: &Job,
    now: Time,
    mut staying: Vec<Staying>,
    going: &mut Vec<ExecutorId>,
) -> Kept {
    let mut surplus = staying.len().saturating_sub(job.useful_executors() as usize);
    staying.retain(|executor| {
        let goes = surplus > 0 && executor.slots == 0;
        if goes {
            surplus -= 1;
            going.push(executor.id);
        }
        !goes
    });
    let Some(elastic) = job.spec.executor.elastic else {
        return Kept { staying, look_again_at: None };
    };
    let mut surplus = staying.len().saturating_sub(job.wanted_executors() as usize);
    let mut look_again_at = None;
    staying.retain(|executor| {
        let Some(since) = executor.idle_since.filter(|_| surplus > 0 && executor.slots == 0) else {
            return true;
        };
        let at = since + elastic.idle_timeout_milliseconds;
        if at <= now {
            surplus -= 1;
            going.push(executor.id);
            return false;
        }
        look_again_at = look_again_at.map_or(Some(at), |earlier: Time| Some(earlier.min(at)));
        true
    });
    Kept { staying, look_again_at }
}

/// Which executors take no new tasks, as the job has more than it may have. They are those with the
/// least to do.
fn drain(job: &Job, mut staying: Vec<Staying>) -> Vec<(ExecutorId, bool)> {
    let surplus = staying.len().saturating_sub(job.spec.executor.instances as usize);
    staying.sort_by_key(|executor| (Reverse(executor.draining), executor.slots));
    let ranked = staying.into_iter().enumerate();
    ranked
        .filter(|(rank, executor)| executor.draining != (*rank < surplus))
        .map(|(rank, executor)| (executor.id, rank < surplus))
        .collect()
}
