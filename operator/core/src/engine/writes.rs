//! What was given out and may not have been done: confirmations, and what happens without them.
//!
//! What an engine gives out is assumed to be done. It is confirmed when it is seen, and given out again
//! when it is not seen for too long. What nobody may forget, such as a finished task, is in two places
//! until it is known to be in the job's status: what an executor said stays in its report until it is
//! acknowledged, and what is left of an executor that is gone is deleted last.

use super::Engine;
use super::assign::assignment;
use crate::action::{Action, Launch, Search};
use crate::event::ExecutorObservation;
use crate::ids::{ExecutorId, ExecutorKey, JobId, JobKey};
use crate::resources::Resources;
use crate::time::{Span, Time};

impl Engine {
    /// Takes in an executor as it stands in the API.
    pub(super) fn observe_executor(&mut self, now: Time, observed: &ExecutorObservation) {
        if self.state.remains.contains_key(&observed.key) {
            return;
        }
        if let Some(node) = &observed.node {
            self.place_executor(now, &observed.key, node);
        }
        self.shrink_executor(&observed.key, &observed.request);
        let Some((executor_id, executor, id, job)) = self.state.executor_mut(&observed.key) else {
            self.expel(now, observed);
            return;
        };
        if job.uid != observed.job_uid {
            return;
        }
        // An executor without a node may still land where it cannot stay.
        if !executor.delivery.confirm() && executor.node.is_some() {
            job.pauses.note_launched();
        }
        if observed.terminating && executor.exit.stop() {
            // Somebody else told it to go.
            self.count_leaving(executor_id);
            self.touch(id);
        } else if executor.exit.is_stopping() {
            if observed.terminating {
                executor.delivery.note_heard();
            }
        } else if !executor.delivery.is_changed() {
            let wanted = assignment(job, executor);
            let heard = wanted.acknowledged_report == observed.acknowledged_report
                && wanted.attempts == observed.attempts;
            if heard {
                executor.delivery.note_heard();
            }
        }
    }

    /// Takes in that an executor asks for less than it was given: others may have the rest.
    fn shrink_executor(&mut self, key: &ExecutorKey, observed: &[(Box<str>, i64)]) {
        let Ok(observed) = self.request(observed) else { return };
        let Some((_, executor, id, job)) = self.state.executor_mut(key) else { return };
        let less = executor.request.above(&observed);
        if less.is_none() || executor.exit.is_counted() {
            return;
        }
        executor.request = executor.request.minus(&less);
        job.fleet.shrink(&less);
        let (pool, node) = (job.pool, executor.node);
        let is_unplaced = job.fleet.unplaced().contains(&key.index);
        self.state.pools.release(pool, &less);
        if let Some(node) = node {
            self.state.nodes.release(&self.state.pools, node, pool, &less);
            self.holds.review_node(node);
            self.agenda.note_room(node);
        } else if is_unplaced {
            self.state.pools.count_unplaced(pool, &Resources::NONE.minus(&less));
            self.agenda.ask_all();
        }
        self.touch(id);
    }

    /// Gives out again what an executor should do.
    pub(super) fn deliver_again(&mut self, key: &ExecutorKey) {
        let waits = self.settings.write_deadline_milliseconds.is_some();
        if let Some((id, executor, job, _)) = self.state.executor_mut(key) {
            let missing =
                waits && !executor.delivery.is_confirmed() && !executor.exit.is_stopping();
            executor.delivery.mark_changed();
            if executor.exit.is_stopping() {
                self.outgoing.push((Some(id), Action::Remove(key.clone())));
            } else if missing {
                self.launch_again(id);
            }
            self.agenda.touch(job);
        } else if let Some(&job) = self.state.remains.get(key)
            && let Some(job) = self.state.jobs.get(job)
            && job.remains.is_discarded((key.index, key.epoch))
        {
            self.outgoing.push((None, Action::Discard(key.clone())));
        }
    }

    /// Takes in that a status is stored: what it holds may be forgotten elsewhere.
    pub(super) fn status_written(&mut self, now: Time, key: &JobKey, uid: &str, revision: u64) {
        let Some(&id) = self.state.job_by_key.get(key) else { return };
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        if *job.uid != *uid {
            return;
        }
        if !job.publication.note_stored(revision) {
            return;
        }
        for executor in job.fleet.ids() {
            let Some(executor) = self.state.executors.get_mut(executor) else { continue };
            let settles = executor.reports.settle(revision);
            if settles || executor.withdrawal.waits_for(revision) {
                executor.delivery.mark_changed();
            }
        }
        self.agenda.touch(id);
        self.discard_settled(id);
        self.go_on(now, id);
    }

    /// Takes in that a status could not be stored.
    pub(super) fn status_not_written(&mut self, now: Time, key: &JobKey, uid: &str) {
        let Some(&id) = self.state.job_by_key.get(key) else { return };
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        if *job.uid != *uid || !job.publication.note_not_stored() {
            return;
        }
        let at = now + self.settings.status_interval_milliseconds.max(Span::from_milliseconds(1));
        self.agenda.set_timer(at, id);
    }

    /// Takes in that nothing is left of an executor.
    pub(super) fn forget_remains(&mut self, key: &ExecutorKey) {
        let Some(id) = self.state.remains.remove(key) else { return };
        if let Some(job) = self.state.jobs.get_mut(id) {
            job.remains.remove((key.index, key.epoch));
        }
        self.drop_if_done(id);
    }

    /// Discards what executors left once all that they said is stored, or at once if the job is gone.
    pub(super) fn discard_settled(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let known = self.state.job_by_key.get(&job.key) == Some(&id);
        let publication = &job.publication;
        for (index, epoch) in job.remains.discard(|it| !known || publication.is_stored(it)) {
            let key = ExecutorKey { job: job.key.clone(), index, epoch };
            self.outgoing.push((None, Action::Discard(key)));
        }
    }

    /// Whether what an action is about is still there: it may have gone since the action was wanted.
    pub(super) fn matters(&self, executor: Option<ExecutorId>, action: &Action) -> bool {
        // The place of one that is gone may be another's by now.
        let find = |key: &ExecutorKey| {
            executor.and_then(|id| self.state.executors.get(id)).filter(|it| it.key == *key)
        };
        match action {
            // An executor that was told to go is not made again: there may be another job of the name.
            Action::Launch(Launch { key, .. }) => find(key)
                .is_some_and(|it| !it.exit.is_stopping() || it.delivery.told_at().is_none()),
            Action::Remove(key) => find(key).is_some(),
            Action::Assign(assignment) => find(&assignment.key).is_some(),
            Action::Discard(key) => self.state.remains.contains_key(key),
            Action::Status(_) | Action::Framework(..) => true,
        }
    }

    /// Notes when to give out again what is given out now.
    pub(super) fn await_writes(&mut self, now: Time, actions: &[Action]) {
        let Some(deadline) = self.settings.write_deadline_milliseconds else { return };
        let at = now + deadline;
        for action in actions {
            let job = match action {
                Action::Launch(Launch { key, .. }) | Action::Remove(key) => {
                    self.note_told(now, key)
                }
                Action::Assign(assignment) => self.note_told(now, &assignment.key),
                Action::Discard(key) => {
                    let id = self.state.remains.get(key).copied();
                    if let Some(job) = id.and_then(|id| self.state.jobs.get_mut(id)) {
                        job.remains.note_told((key.index, key.epoch), now);
                    }
                    id
                }
                Action::Status(status) => {
                    let id = self.state.job_by_key.get(&status.key).copied();
                    if let Some(job) = id.and_then(|id| self.state.jobs.get_mut(id)) {
                        job.publication.note_told(now);
                    }
                    id
                }
                // A framework that missed something asks again by itself.
                Action::Framework(..) => None,
            };
            if let Some(job) = job {
                self.agenda.set_timer(at, job);
            }
        }
    }

    /// Gives out again what was not confirmed in time.
    pub(super) fn tell_again(&mut self, now: Time, id: JobId) {
        let Some(deadline) = self.settings.write_deadline_milliseconds else { return };
        let overdue = |told_at: Option<Time>| told_at.is_some_and(|at| at + deadline <= now);
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        job.publication.repeat_if_overdue(now, deadline);
        let key = |(index, epoch)| ExecutorKey { job: job.key.clone(), index, epoch };
        let mut late: Vec<_> = job.remains.overdue(now, deadline).map(key).collect();
        for executor in job.fleet.ids() {
            if let Some(executor) = self.state.executors.get(executor)
                && overdue(executor.delivery.told_at())
            {
                late.push(executor.key.clone());
            }
        }
        for key in late {
            self.deliver_again(&key);
        }
    }

    fn note_told(&mut self, now: Time, key: &ExecutorKey) -> Option<JobId> {
        let (_, executor, job, _) = self.state.executor_mut(key)?;
        executor.delivery.note_told(now);
        Some(job)
    }

    fn launch_again(&mut self, id: ExecutorId) {
        let Some(executor) = self.state.executors.get(id) else { return };
        let node = executor.node.and_then(|node| self.state.nodes.get(node));
        let node = node.map(|node| node.observed().name.clone());
        let search = if node.is_none() { self.search(executor.job) } else { Search::default() };
        let launch = Launch { key: executor.key.clone(), node, search };
        self.outgoing.push((Some(id), Action::Launch(launch)));
    }
}
