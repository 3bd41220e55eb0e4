//! When there is something to be done about claims that wait for room.

use crate::time::Time;

/// Whether claims have to be looked at, and when next.
#[derive(Debug, Default)]
pub(crate) struct HeadOfLine {
    due: bool,
    /// When the next claim has waited for long enough.
    ripe_at: Option<Time>,
}

impl HeadOfLine {
    pub(crate) fn wakeup(&self) -> Option<Time> {
        if self.due { Some(Time::ZERO) } else { self.ripe_at }
    }

    /// Claims have to be looked at.
    pub(crate) fn look_again(&mut self) {
        self.due = true;
    }

    /// A claim will have waited for long enough.
    pub(crate) fn ripens(&mut self, at: Time) {
        self.ripe_at = Some(self.ripe_at.map_or(at, |known| known.min(at)));
    }

    /// Whether claims have to be looked at now, which starts anew.
    pub(crate) fn take_due(&mut self, now: Time) -> bool {
        let is_due = std::mem::take(&mut self.due) || self.ripe_at.is_some_and(|at| at <= now);
        if is_due {
            self.ripe_at = None;
        }
        is_due
    }
}
