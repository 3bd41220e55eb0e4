//! Executors on their way out.
//!
//! A draining executor gets no new tasks and gives back what it has not started; what runs may end
//! until a deadline. Then it is removed, or at once when nothing runs any more. It holds its
//! resources until it is gone. Nothing of that is held against its tasks or its job.
//!
//! Executors drain because room is reclaimed, because their node is drained, nears its maintenance,
//! or has less than what is on it. Those that their own job lets go (`sizing.rs`) have no deadline:
//! they do all that they have.

use super::Engine;
use crate::executors::{DrainCause, Drained, Executor};
use crate::ids::{ExecutorId, ExecutorKey, NodeId};
use crate::nodes::Availability;
use crate::resources::Resources;
use crate::time::Time;

impl Engine {
    /// Lets an executor drain. One that drains already goes by the earlier deadline.
    pub(super) fn drain_executor(
        &mut self,
        id: ExecutorId,
        deadline: Time,
        cause: DrainCause,
        hold: Option<u64>,
    ) {
        let Some(executor) =
            self.state.executors.get_mut(id).filter(|executor| !executor.exit.is_stopping())
        else {
            return;
        };
        let job = executor.job;
        match executor.exit.drain_until(deadline, cause, hold) {
            Drained::AsBefore => return,
            Drained::Sooner { before } => {
                self.drains.hasten(id, before, deadline);
                self.touch(job);
                return;
            }
            Drained::Anew => {}
        }
        // What it was told to leave alone when it drained before is not mixed up with what is new.
        if executor.withdrawal.is_empty() {
            let Some(job) = self.state.jobs.get_mut(job) else { return };
            // Of two attempts nobody is waited for.
            let has_twin =
                |stage, partition| job.progress.stage(stage).copies().has_twins(partition);
            let waiting = executor.work.not_running(|stage, it| !has_twin(stage, it));
            if !waiting.is_empty() {
                let revision = job.publication.next_revision();
                executor.withdrawal.begin(waiting, revision);
                if !job.publication.is_stored(revision) {
                    job.publication.mark_urgent();
                }
            }
        }
        executor.delivery.mark_changed();
        self.drains.start(id, deadline);
        self.count_leaving(id);
        self.touch(job);
    }

    /// Lets an executor stay after all that drained for the sake of others, unless it was told to go
    /// already.
    pub(super) fn stop_draining(&mut self, id: ExecutorId) {
        let Some(executor) = self.state.executors.get_mut(id) else { return };
        if executor.exit.is_stopping() {
            return;
        }
        let Some(deadline) = executor.exit.cut_off_at() else { return };
        executor.exit.stop_draining();
        executor.withdrawal.forget_untold();
        executor.delivery.mark_changed();
        let job = executor.job;
        self.drains.stop(id, Some(deadline));
        self.uncount_leaving(id);
        self.touch(job);
        // Whether the job still needs it is for the next tick to say.
        self.agenda.set_timer(Time::ZERO, job);
    }

    /// Removes executors that drained: those that have nothing left, and those whose time is over.
    pub(super) fn finish_drains(&mut self, now: Time) {
        for id in self.drains.take_heard() {
            if self.state.executors.get(id).is_some_and(Executor::is_idle) {
                self.stop_executor(id);
            }
        }
        while let Some(id) = self.drains.take_due(now) {
            self.stop_executor(id);
        }
    }

    /// Takes back what was withdrawn from an executor that knows of it.
    pub(super) fn take_released(&mut self, key: &ExecutorKey, observed_assignment: u64) {
        let Some((id, executor, _, job)) = self.state.executor_mut(key) else { return };
        if executor.exit.cut_off_at().is_some() {
            self.drains.hear(id);
        }
        let told = executor.withdrawal.is_told_by(observed_assignment);
        if !told || executor.exit.is_stopping() || job.progress.is_final() {
            return;
        }
        for ((index, attempt), partitions) in executor.withdrawal.finish() {
            for partition in partitions.iter() {
                let slots = job.progress.stage(index).slots();
                if executor.unassign((index, attempt, partition), slots) {
                    job.progress.stage_mut(index).give_back(partition);
                }
            }
        }
        // That these numbers are used is stored already.
        executor.work.take_ended();
    }

    /// Forgets that a gone executor was on its way out.
    pub(super) fn forget_drain(&mut self, id: ExecutorId) {
        self.uncount_leaving(id);
        let executor = self.state.executors.get(id);
        let draining = executor.and_then(|executor| executor.exit.draining());
        self.drains.stop(id, draining.and_then(|draining| draining.deadline));
        if let Some(hold) = draining.and_then(|draining| draining.hold) {
            self.holds.forget_victim(hold, id);
        }
    }

    /// Counts what an executor holds as leaving.
    pub(super) fn count_leaving(&mut self, id: ExecutorId) {
        self.set_leaving(id, true);
    }

    fn uncount_leaving(&mut self, id: ExecutorId) {
        self.set_leaving(id, false);
    }

    fn set_leaving(&mut self, id: ExecutorId, leaving: bool) {
        let Some(executor) = self.state.executors.get_mut(id) else { return };
        if !executor.exit.count(leaving) {
            return;
        }
        let (node, job, request) = (executor.node, executor.job, executor.request);
        let less = Resources::NONE.minus(&request);
        let (on_node, expected) = if leaving { (request, less) } else { (less, request) };
        if let Some(node) = node {
            self.state.nodes.count_leaving(node, &on_node);
        }
        if let Some(job) = self.state.jobs.get_mut(job) {
            job.fleet.expect(&expected);
            self.state.pools.expect(job.pool, &expected);
        }
        if leaving {
            self.state.executors_leaving.insert(id);
        } else {
            self.state.executors_leaving.remove(&id);
        }
    }

    /// Looks at the nodes for which it is time.
    pub(super) fn empty_nodes(&mut self, now: Time) {
        while let Some(node) = self.drains.take_node(now) {
            self.review_node(now, node);
        }
    }

    /// Lets executors go from a node that is drained, nears its maintenance or is too small for them,
    /// and lets them stay where that is over.
    pub(super) fn review_node(&mut self, now: Time, id: NodeId) {
        let Some(node) = self.state.nodes.get(id) else { return };
        let window = self.settings.reclaim.drain_milliseconds;
        let mut wanted: Option<(Time, DrainCause)> = None;
        let mut unavailable_from = None;
        if let Some(maintenance) = node.observed().maintenance {
            let opens = maintenance.start - window;
            let end = maintenance.end();
            if end.is_none_or(|end| now < end) {
                unavailable_from = Some(maintenance.start);
                end.into_iter().for_each(|end| self.drains.review_node_at(end, id));
                if now < opens {
                    self.drains.review_node_at(opens, id);
                } else {
                    wanted = Some((maintenance.start.max(now), DrainCause::Maintenance));
                }
            }
        }
        let drained_by = node.observed().draining.then(|| {
            // What comes later, such as an executor that was launched without a node, has no more time.
            node.availability().drained_by.unwrap_or(now + window)
        });
        if let Some(drained_by) = drained_by {
            let drain = (drained_by.max(now), DrainCause::NodeDrained);
            wanted = Some(wanted.map_or(drain.clone(), |other| other.min(drain)));
            unavailable_from =
                Some(unavailable_from.map_or(drained_by, |from| from.min(drained_by)));
        }
        let executors: Vec<ExecutorId> =
            self.state.on_node.get(&id).into_iter().flatten().copied().collect();
        let availability = Availability { closed: wanted.is_some(), unavailable_from, drained_by };
        let other_time = node.availability().unavailable_from != unavailable_from;
        if *node.availability() != availability {
            self.state.nodes.set_availability(id, availability);
            self.agenda.ask_all();
        }
        self.check_offers_on(now, id, other_time);
        if let Some((deadline, cause)) = wanted {
            self.give_up_holds_on(id);
            for executor in executors {
                self.drain_executor(executor, deadline, cause.clone(), None);
            }
            return;
        }
        for executor in executors {
            let draining = self.state.executors.get(executor).and_then(|it| it.exit.draining());
            let for_claim =
                draining.is_some_and(|it| matches!(it.cause, DrainCause::Reclaim { .. }));
            if !for_claim {
                self.stop_draining(executor);
            }
        }
        self.drain_excess(now, id);
    }

    /// Lets executors go from a node that has less than they hold: leftovers first, then lower
    /// priorities, then those that lose less work, and no more than it takes.
    fn drain_excess(&mut self, now: Time, id: NodeId) {
        let Some(node) = self.state.nodes.get(id) else { return };
        let mut excess = node.held().minus(node.leaving()).above(node.usable());
        if excess.is_none() {
            return;
        }
        let mut candidates = Vec::new();
        for &id in self.state.on_node.get(&id).into_iter().flatten() {
            let Some(executor) = self.state.executors.get(id) else { continue };
            let Some(job) = self.state.jobs.get(executor.job) else { continue };
            let weight = self.state.pools.get(job.pool).map_or(0, |pool| pool.settings.weight);
            if !executor.exit.is_counted() {
                let order = (weight > 0, job.spec.priority, executor.work.invested(now), id);
                candidates.push((order, executor.request));
            }
        }
        candidates.sort_unstable();
        let mut victims = Vec::new();
        for ((.., id), request) in candidates {
            if excess.iter().any(|(kind, excess)| excess > 0 && request[kind] > 0) {
                excess = excess.minus(&request);
                victims.push((id, request));
            }
        }
        let deadline = now + self.settings.reclaim.drain_milliseconds;
        for (id, request) in victims.into_iter().rev() {
            // What is over after all stays, the dearest first.
            let without = excess.plus(&request);
            if without.iter().all(|(_, excess)| excess <= 0) {
                excess = without;
            } else {
                self.drain_executor(id, deadline, DrainCause::NodeOvercommitted, None);
            }
        }
    }
}
