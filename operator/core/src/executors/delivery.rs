//! What an executor was told, and whether it heard.

use crate::time::Time;

/// The assignments of an executor on their way to it.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// Whether the executor is known to exist.
    confirmed: bool,
    /// Whether what it should do changed since it was last told.
    changed: bool,
    /// The number of the last assignment that it was given.
    number: u64,
    /// When it was told what to do, if it is not known to have heard that.
    told_at: Option<Time>,
}

impl Default for Delivery {
    /// Nothing was told yet, and it is to hear of its first assignment even if that is empty.
    fn default() -> Self {
        Self { confirmed: false, changed: true, number: 0, told_at: None }
    }
}

impl Delivery {
    /// Takes in that the executor exists; says whether that was known.
    pub(crate) fn confirm(&mut self) -> bool {
        std::mem::replace(&mut self.confirmed, true)
    }

    /// Whether the executor is known to exist.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Notes that it has to be told what to do, be it anew or once more.
    pub(crate) fn mark_changed(&mut self) {
        self.changed = true;
    }

    /// Whether it has to be told what to do.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Numbers the assignment that is given out now.
    pub(crate) fn give_out(&mut self) -> u64 {
        self.changed = false;
        self.number += 1;
        self.number
    }

    /// The number of the last assignment that was given out.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Notes that it was told what to do, or to go.
    pub(crate) fn note_told(&mut self, now: Time) {
        self.told_at = Some(now);
    }

    /// Takes in that it heard what it was told.
    pub(crate) fn note_heard(&mut self) {
        self.told_at = None;
    }

    /// When it was told what to do, if it is not known to have heard that.
    pub(crate) fn told_at(&self) -> Option<Time> {
        self.told_at
    }
}
