//! A job's status on its way out: what changed, what was given out, and what is known to be stored.

use crate::time::{Span, Time};

/// Which statuses of a job were given out, and whether another one is due.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publication {
    /// Whether the status changed since it was last given out.
    changed: bool,
    /// Whether the change does not wait for the next interval.
    urgent: bool,
    /// When a status was last given out.
    given_out_at: Option<Time>,
    /// How many statuses were given out.
    revision: u64,
    /// The last of them that is known to be stored.
    stored_revision: u64,
    /// When the last one was given out, if it is not known to be stored.
    told_at: Option<Time>,
}

impl Publication {
    /// Nothing was given out yet. Where nothing has to be waited for, everything counts as stored.
    pub(crate) fn new(is_stored_at_once: bool) -> Self {
        let stored_revision = if is_stored_at_once { u64::MAX } else { 0 };
        Self { stored_revision, ..Self::default() }
    }

    /// The number of the last status that was given out.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The number of the next status: it will hold what happens now.
    pub(crate) fn next_revision(&self) -> u64 {
        self.revision.saturating_add(1)
    }

    /// Whether what stands in a status of this number is known to be stored.
    pub(crate) fn is_stored(&self, revision: u64) -> bool {
        revision <= self.stored_revision
    }

    /// Notes that the status is another one now.
    pub(crate) fn mark_changed(&mut self) {
        self.changed = true;
    }

    /// Notes that what changed, or changes now, does not wait for the next interval.
    pub(crate) fn mark_urgent(&mut self) {
        self.urgent = true;
    }

    /// When the status is to be given out, if it changed: at most once an interval unless that is
    /// urgent. It may be due since earlier.
    pub(crate) fn due(&self, now: Time, interval: Span) -> Option<Time> {
        let at = self.given_out_at.filter(|_| !self.urgent).map_or(now, |at| at + interval);
        self.changed.then_some(at)
    }

    /// When the status is to be given out at the latest, if it changed and was given out before.
    pub(crate) fn next_regular(&self, interval: Span) -> Option<Time> {
        self.given_out_at.filter(|_| self.changed).map(|at| at + interval)
    }

    /// Takes in that the status is given out now.
    pub(crate) fn give_out(&mut self, now: Time) {
        (self.changed, self.urgent) = (false, false);
        self.given_out_at = Some(now);
        self.revision += 1;
    }

    /// Notes that it was told to somebody who has to store it.
    pub(crate) fn note_told(&mut self, now: Time) {
        self.told_at = Some(now);
    }

    /// When the last status was told, if it is not known to be stored.
    pub(crate) fn told_at(&self) -> Option<Time> {
        self.told_at
    }

    /// Takes in that a status is stored; says whether that is news.
    pub(crate) fn note_stored(&mut self, revision: u64) -> bool {
        if revision >= self.revision {
            self.told_at = None;
        }
        let is_news = revision > self.stored_revision;
        self.stored_revision = self.stored_revision.max(revision);
        is_news
    }

    /// Takes in that the last status could not be stored; says whether it is waited for.
    pub(crate) fn note_not_stored(&mut self) -> bool {
        let was_awaited = self.told_at.take().is_some();
        self.changed |= was_awaited;
        was_awaited
    }

    /// Has the status given out again at once if it has not been stored for longer than the deadline.
    pub(crate) fn repeat_if_overdue(&mut self, now: Time, deadline: Span) {
        if self.told_at.is_some_and(|at| at + deadline <= now) {
            (self.changed, self.urgent, self.told_at) = (true, true, None);
        }
    }
}
