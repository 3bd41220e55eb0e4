//! The agenda: what has to be looked at again, and when.
//!
//! Events and decisions note here what they may lead to. Each step of a tick takes what is for it.

use std::collections::BTreeSet;

use super::{Due, Timers};
use crate::ensure::ensure;
use crate::ids::{ExecutorId, JobId, NodeId};
use crate::time::Time;

/// What there is to do in the next tick, and what to do at which time.
#[expect(clippy::struct_excessive_bools, reason = "each flag can be set whatever the others are")]
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// Jobs to look at.
    touched: BTreeSet<JobId>,
    /// Who may be given something that it was not given before.
    due: Due,
    /// Whether the last tick left something for the next one, which is then due at once.
    unfinished: bool,
    /// Whether the places of waiting jobs have to be counted anew.
    places: bool,
    /// Whether what pools say about nodes and namespaces has to be applied.
    pools: bool,
    /// Whether more may be offered in a pool than its limit allows.
    limits: bool,
    /// Executors that have landed.
    landed: Vec<ExecutorId>,
    /// When to look at which job. Entries may be out of date.
    timers: Timers<JobId>,
}

impl Agenda {
    /// When the next tick is due, if nothing happens before.
    pub(crate) fn wakeup(&self) -> Option<Time> {
        if self.unfinished { Some(Time::ZERO) } else { self.timers.next() }
    }

    /// Notes at the end of a tick whether it left something for the next one.
    pub(crate) fn end_tick(&mut self) {
        self.unfinished = !self.due.is_empty();
    }

    /// Forgets a job that is gone.
    pub(crate) fn forget(&mut self, job: JobId) {
        self.touched.remove(&job);
        self.timers.forget(job);
    }
}

/// Jobs to look at in every step of a tick.
impl Agenda {
    /// A job has to be looked at.
    pub(crate) fn touch(&mut self, job: JobId) {
        self.touched.insert(job);
    }

    pub(crate) fn is_touched(&self, job: JobId) -> bool {
        self.touched.contains(&job)
    }

    /// The jobs to look at, in order.
    pub(crate) fn touched(&self) -> impl Iterator<Item = JobId> {
        self.touched.iter().copied()
    }

    /// The jobs to look at for the last time.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<JobId> {
        std::mem::take(&mut self.touched)
    }
}

/// Offers.
impl Agenda {
    /// Everybody may be given something new, and is to be asked.
    pub(crate) fn ask_all(&mut self) {
        self.due.ask_all();
    }

    /// A job may be given something new, and is to be asked.
    pub(crate) fn ask(&mut self, job: JobId) {
        self.due.ask(job);
    }

    /// A node may have more room: whoever waits for some is to be asked.
    pub(crate) fn note_room(&mut self, node: NodeId) {
        self.due.note_room(node);
    }

    /// Whether everybody is to be asked.
    pub(crate) fn asks_all(&self) -> bool {
        self.due.asks_all()
    }

    /// Who may be given something new: from now on only what comes later is noted.
    pub(crate) fn take_due(&mut self) -> Due {
        std::mem::take(&mut self.due)
    }

    /// Everybody was just asked.
    pub(crate) fn note_all_asked(&mut self) {
        self.due.note_all_asked();
    }
}

/// What has to be done once, however often it is noted.
impl Agenda {
    /// The places of waiting jobs have to be counted anew.
    pub(crate) fn count_places(&mut self) {
        self.places = true;
    }

    pub(crate) fn take_places(&mut self) -> bool {
        std::mem::take(&mut self.places)
    }

    /// What pools say about nodes and namespaces has to be applied.
    pub(crate) fn review_pools(&mut self) {
        self.pools = true;
    }

    pub(crate) fn are_pools_due(&self) -> bool {
        self.pools
    }

    pub(crate) fn take_pools(&mut self) -> bool {
        std::mem::take(&mut self.pools)
    }

    /// A pool may have a lower limit than what is offered in it.
    pub(crate) fn review_limits(&mut self) {
        self.limits = true;
    }

    pub(crate) fn take_limits(&mut self) -> bool {
        std::mem::take(&mut self.limits)
    }

    /// An executor without a node has landed on one.
    pub(crate) fn note_landed(&mut self, executor: ExecutorId) {
        self.landed.push(executor);
    }

    /// The executors that have landed, in the order in which they did.
    pub(crate) fn take_landed(&mut self) -> Vec<ExecutorId> {
        std::mem::take(&mut self.landed)
    }
}

/// Times.
impl Agenda {
    /// A job has to be looked at when the time comes.
    pub(crate) fn set_timer(&mut self, at: Time, job: JobId) {
        self.timers.set(at, job);
    }

    /// The next job whose time has come.
    pub(crate) fn take_timer(&mut self, now: Time) -> Option<JobId> {
        self.timers.take(now)
    }

    /// Whether a job is looked at by then, for checks.
    pub(crate) fn wakes_by(&self, at: Time, job: JobId) -> bool {
        self.timers.wakes_by(at, job)
    }

    /// Whether a job is looked at some time, for checks.
    pub(crate) fn wakes(&self, job: JobId) -> bool {
        self.timers.wakes_by(Time::MAX, job)
    }

    /// Whether what is noted is of jobs that there are.
    pub(crate) fn check(&self, exists: impl Fn(JobId) -> bool) -> Result<(), String> {
        for job in self.touched() {
            ensure!(exists(job), "a job that is gone is to be looked at");
        }
        self.timers.check(exists)
    }

    #[cfg(test)]
    pub(crate) fn has_timers(&self) -> bool {
        self.timers.next().is_some()
    }
}

#[cfg(test)]
mod tests;
