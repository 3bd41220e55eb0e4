//! What an executor is asked to leave alone.

use super::Attempts;
use super::work::{Attempt, take};

/// What an executor has not started and is not to start; others get it when that is certain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Withdrawal {
    attempts: Attempts,
    /// The revision of the job's status that accounts for them. Before it is stored the executor is
    /// not told: otherwise an engine that starts anew could give the attempts' numbers to others.
    revision: u64,
    /// The number of the first assignment that told it. What it was told to leave alone it is not
    /// told to run again.
    told_by: Option<u64>,
}

impl Withdrawal {
    /// Asks it to leave these alone, once a status of this revision is stored.
    pub(crate) fn begin(&mut self, attempts: Attempts, revision: u64) {
        *self = Self { attempts, revision, told_by: None };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    /// What it is asked to leave alone.
    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// Whether it is asked to leave an attempt alone.
    pub(crate) fn contains(&self, (stage, attempt, partition): Attempt) -> bool {
        self.attempts.get(&(stage, attempt)).is_some_and(|ranges| ranges.contains(partition))
    }

    /// The revision of the job's status that accounts for it.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether it was told.
    pub(crate) fn is_told(&self) -> bool {
        self.told_by.is_some()
    }

    /// Whether it is to be told once a status of this revision is stored.
    pub(crate) fn waits_for(&self, revision: u64) -> bool {
        !self.is_empty() && !self.is_told() && self.revision <= revision
    }

    /// Takes in that an assignment of this number is given out, and whether the job's status that
    /// accounts for it is stored.
    pub(crate) fn note_assignment(&mut self, number: u64, is_stored: bool) {
        if self.is_empty() {
            self.told_by = None;
        } else if is_stored {
            self.told_by.get_or_insert(number);
        }
    }

    /// Whether it was told by an assignment of this number or an earlier one.
    pub(crate) fn is_told_by(&self, number: u64) -> bool {
        self.told_by.is_some_and(|first| number >= first)
    }

    /// Lets it run all after all, unless it was told already.
    pub(crate) fn forget_untold(&mut self) {
        if !self.is_told() {
            self.attempts.clear();
        }
    }

    /// Takes back what it leaves alone.
    pub(crate) fn finish(&mut self) -> Attempts {
        self.told_by = None;
        std::mem::take(&mut self.attempts)
    }

    /// Forgets an attempt that ended.
    pub(super) fn remove(&mut self, attempt: Attempt) {
        take(&mut self.attempts, attempt);
    }
}
