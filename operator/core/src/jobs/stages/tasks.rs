//! What becomes of the tasks of a stage.

use std::collections::BTreeMap;

use super::{ResultValue, StageRun};
use crate::jobs::copies::Live;

impl StageRun {
    /// The next partition to assign. `alone` says whether the executor has nothing else to do, so
    /// that it may take a suspect. Returns the partition and whether it has to stay alone.
    pub(crate) fn take_next(&mut self, alone: bool) -> Option<(u32, bool)> {
        let is_suspect = |partition| self.tries.is_suspect(partition);
        let partition = if self.tries.has_no_deaths() {
            self.pending.first()?
        } else {
            self.pending.iter().find(|&partition| alone || !is_suspect(partition))?
        };
        let exclusive = is_suspect(partition);
        self.pending.remove(partition);
        Some((partition, exclusive))
    }

    /// A number for an attempt at a partition, which no other attempt gets.
    pub(crate) fn number_attempt(&mut self, partition: u32) -> u32 {
        self.tries.number(partition)
    }

    /// Takes in that an attempt finished that no executor is known to have; says whether it counts.
    pub(crate) fn finish_older(&mut self, partition: u32, attempt: u32) -> bool {
        let counts = self.is_running()
            && self.tries.is_older(partition, attempt)
            && !self.is_done(partition);
        if counts {
            self.pending.remove(partition);
        }
        counts
    }

    /// Takes in that an attempt finished. Returns the other attempt at the partition, if there is
    /// one: it is of no use any more.
    pub(crate) fn finish_attempt(&mut self, partition: u32, attempt: u32) -> Option<Live> {
        self.tries.finish(partition);
        let twins = self.copies.end(partition)?;
        twins.into_iter().find(|live| live.attempt != attempt)
    }

    /// Whether an attempt of this number, of which an earlier engine told an executor, is accounted
    /// for.
    pub(crate) fn is_settled(&self, partition: u32, attempt: u32) -> bool {
        let is_older = self.tries.is_older(partition, attempt);
        self.is_done(partition) || (attempt < self.tries.next(partition) && !is_older)
    }

    /// Takes in that an executor was told to run an attempt at a partition by an earlier engine,
    /// beside another one that is on its way if that is given; says whether the partition was there
    /// to be taken.
    pub(crate) fn claim(&mut self, partition: u32, mine: Live, other: Option<Live>) -> bool {
        if !self.is_running() {
            return false;
        }
        if !self.pending.remove(partition)
            && !other.is_some_and(|other| self.copies.claim(partition, [other, mine]))
        {
            return false;
        }
        self.tries.claim(partition, mine.attempt);
        true
    }

    /// Takes back an assigned partition whose attempt does not count, whether or not it was started.
    /// It waits for another executor, unless a second attempt is on its way. The next attempt has
    /// another number all the same: the executor may run this one yet.
    pub(crate) fn give_back(&mut self, partition: u32) {
        if self.copies.end(partition).is_none() {
            self.pending.insert(partition);
        }
    }

    /// Takes in that an assigned partition failed; returns how often it did.
    pub(crate) fn fail(&mut self, partition: u32) -> u32 {
        self.give_back(partition);
        self.tries.fail(partition)
    }

    /// Takes in that an assigned partition was lost; returns how often it was.
    pub(crate) fn lose(&mut self, partition: u32) -> u32 {
        self.give_back(partition);
        self.tries.lose(partition)
    }

    /// Takes in that an executor died by itself while it ran a partition.
    pub(crate) fn died(&mut self, partition: u32) {
        self.tries.die(partition);
    }

    /// The results of tasks, by partition.
    pub(crate) fn results(&self) -> &BTreeMap<u32, ResultValue> {
        &self.results
    }

    /// Keeps the result of a partition.
    pub(in crate::jobs) fn keep_result(&mut self, partition: u32, result: ResultValue) {
        self.results.insert(partition, result);
    }

    /// The bytes of the results that are kept as they are.
    pub(crate) fn result_bytes(&self) -> usize {
        let bytes = |result: &ResultValue| match result {
            ResultValue::Inline(text) => text.len(),
            ResultValue::Uri(_) => 0,
        };
        self.results.values().map(bytes).sum()
    }
}
