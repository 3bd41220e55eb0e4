//! Second attempts at slow tasks.

use std::collections::BTreeMap;

use crate::ids::ExecutorId;

/// An attempt that an executor was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) executor: ExecutorId,
    /// The attempt's number.
    pub(crate) attempt: u32,
}

/// A slow task that should get a second attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Straggler {
    pub(crate) partition: u32,
    pub(crate) first: Live,
}

/// The tasks of a stage that have two attempts, or should.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copies {
    /// The partitions of which two attempts are on their way: the first, and the speculative one.
    twins: BTreeMap<u32, [Live; 2]>,
    /// Slow tasks that no executor has been found for yet, the slowest first.
    stragglers: Vec<Straggler>,
    /// How many speculative attempts there ever were.
    started: u32,
}

impl Copies {
    /// None at the moment, after so many that there were.
    pub(super) fn restored(started: u32) -> Self {
        Self { started, ..Self::default() }
    }

    /// How many tasks have two attempts or should.
    pub(super) fn count(&self) -> usize {
        self.twins.len() + self.stragglers.len()
    }

    /// How many speculative attempts there ever were.
    pub(crate) fn started(&self) -> u32 {
        self.started
    }

    /// The partitions of which two attempts are on their way, with both.
    pub(crate) fn twins(&self) -> &BTreeMap<u32, [Live; 2]> {
        &self.twins
    }

    /// Whether a partition has two attempts.
    pub(crate) fn has_twins(&self, partition: u32) -> bool {
        self.twins.contains_key(&partition)
    }

    /// Takes in that a straggler is tried once more beside its first attempt.
    pub(crate) fn begin(&mut self, straggler: &Straggler, second: Live) {
        self.twins.insert(straggler.partition, [straggler.first, second]);
        self.started += 1;
    }

    /// Takes in that a partition has two attempts of which an earlier engine told executors; says
    /// whether it had not.
    pub(super) fn claim(&mut self, partition: u32, mut both: [Live; 2]) -> bool {
        let is_new = !self.has_twins(partition);
        if is_new {
            both.sort_by_key(|live| live.attempt);
            self.twins.insert(partition, both);
        }
        is_new
    }

    /// Takes in that one of two attempts has ended; returns both, if there were two.
    pub(super) fn end(&mut self, partition: u32) -> Option<[Live; 2]> {
        self.twins.remove(&partition)
    }

    /// Notes which tasks should have a second attempt, the slowest first, in place of those before.
    pub(crate) fn set_stragglers(&mut self, stragglers: Vec<Straggler>) {
        self.stragglers = stragglers;
    }

    /// Takes out the tasks that should have a second attempt.
    pub(crate) fn take_stragglers(&mut self) -> Vec<Straggler> {
        std::mem::take(&mut self.stragglers)
    }
}
