//! How often each task of a stage was tried.

use std::collections::BTreeMap;

/// A task that was on two executors that died by themselves may be what kills them: it runs alone.
const SUSPECT_DEATHS: u32 = 2;

/// The attempts at the partitions of a stage, by what became of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tries {
    /// How many failed.
    failures: BTreeMap<u32, u32>,
    /// How many were lost through no fault of theirs.
    losses: BTreeMap<u32, u32>,
    /// How many executors died by themselves while they ran the partition.
    deaths: BTreeMap<u32, u32>,
    /// The number of the next attempt, where there was one before and the partition has not finished.
    /// No number is used twice.
    next: BTreeMap<u32, u32>,
    /// Attempts of lower numbers that an engine before this one knew to be open, and that no executor
    /// is known to have. If one finished all the same, it counts.
    older: BTreeMap<u32, u32>,
}

/// Attempts that count neither as failures nor as losses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uncounted {
    /// How many are accounted for, by partition: those that were taken back, and all before the last
    /// restart of the job. With failures and losses they add up to the number of the first attempt
    /// that is not accounted for.
    pub(crate) others: BTreeMap<u32, u32>,
    /// By partition, the number of an attempt that is on its way although a later one is accounted
    /// for.
    pub(crate) older: BTreeMap<u32, u32>,
}

impl Tries {
    /// What an earlier engine noted, where `is_open` says which partitions have not finished.
    pub(super) fn restored(
        failures: &BTreeMap<u32, u32>,
        losses: &BTreeMap<u32, u32>,
        uncounted: &Uncounted,
        is_open: impl Fn(u32) -> bool,
    ) -> Self {
        let mut next: BTreeMap<u32, u32> = BTreeMap::new();
        for counts in [failures, losses, &uncounted.others] {
            for (&partition, &count) in counts.iter().filter(|&(&partition, _)| is_open(partition))
            {
                let next = next.entry(partition).or_default();
                *next = next.saturating_add(count);
            }
        }
        let mut older = uncounted.older.clone();
        older.retain(|&partition, _| is_open(partition));
        let (failures, losses) = (failures.clone(), losses.clone());
        Self { failures, losses, deaths: BTreeMap::new(), next, older }
    }

    /// How many attempts failed, by partition.
    pub(crate) fn failures(&self) -> &BTreeMap<u32, u32> {
        &self.failures
    }

    /// How many attempts were lost through no fault of theirs, by partition.
    pub(crate) fn losses(&self) -> &BTreeMap<u32, u32> {
        &self.losses
    }

    /// A number for an attempt at a partition, which no other attempt gets.
    pub(super) fn number(&mut self, partition: u32) -> u32 {
        count(&mut self.next, partition) - 1
    }

    /// The number that the next attempt at a partition gets.
    pub(crate) fn next(&self, partition: u32) -> u32 {
        self.next.get(&partition).copied().unwrap_or(0)
    }

    /// Uses no number of a partition below this one.
    pub(crate) fn skip_to(&mut self, partition: u32, number: u32) {
        let next = self.next.entry(partition).or_default();
        *next = number.max(*next);
    }

    /// What is to be known of attempts beyond how many failed and were lost, when these are on their
    /// way, by partition and number: how many else are accounted for, and which are not although a
    /// later one is. An attempt that is withdrawn (`true`) is both: its number is used, and what
    /// becomes of it still counts.
    pub(crate) fn uncounted(&self, live: &BTreeMap<(u32, u32), bool>) -> Uncounted {
        let mut uncounted = Uncounted::default();
        for (&partition, &next) in &self.next {
            let mut first = next;
            while first > 0 && live.get(&(partition, first - 1)) == Some(&false) {
                first -= 1;
            }
            let older = live.range((partition, 0)..(partition, first)).next();
            let older = older.map(|(&(_, number), _)| number);
            let older = older.or_else(|| self.older.get(&partition).copied());
            uncounted.older.extend(older.map(|older| (partition, older)));
            let count = |counts: &BTreeMap<u32, u32>| counts.get(&partition).copied().unwrap_or(0);
            let counted = count(&self.failures).saturating_add(count(&self.losses));
            let others = first.saturating_sub(counted);
            if others > 0 {
                uncounted.others.insert(partition, others);
            }
        }
        uncounted
    }

    /// Whether an attempt is one that an earlier engine knew to be open and that no executor is known
    /// to have.
    pub(crate) fn is_older(&self, partition: u32, attempt: u32) -> bool {
        self.older.get(&partition) == Some(&attempt)
    }

    /// Attempts that an earlier engine knew to be open and that no executor is known to have, by
    /// partition.
    pub(crate) fn older(&self) -> &BTreeMap<u32, u32> {
        &self.older
    }

    /// Takes in that an executor has an attempt of which an earlier engine told it.
    pub(super) fn claim(&mut self, partition: u32, attempt: u32) {
        self.skip_to(partition, attempt.saturating_add(1));
        if self.is_older(partition, attempt) {
            self.older.remove(&partition);
        }
    }

    /// Takes in that a partition finished: there are no more attempts at it.
    pub(super) fn finish(&mut self, partition: u32) {
        self.next.remove(&partition);
        self.older.remove(&partition);
    }

    /// Counts an attempt that failed; returns how many did.
    pub(super) fn fail(&mut self, partition: u32) -> u32 {
        count(&mut self.failures, partition)
    }

    /// Counts an attempt that was lost; returns how many were.
    pub(super) fn lose(&mut self, partition: u32) -> u32 {
        count(&mut self.losses, partition)
    }

    /// Counts an executor that died by itself while it ran a partition.
    pub(super) fn die(&mut self, partition: u32) {
        count(&mut self.deaths, partition);
    }

    /// Whether a partition may be what kills executors.
    pub(crate) fn is_suspect(&self, partition: u32) -> bool {
        self.deaths.get(&partition).is_some_and(|&deaths| deaths >= SUSPECT_DEATHS)
    }

    /// Whether no executor died that ran one of the partitions.
    pub(super) fn has_no_deaths(&self) -> bool {
        self.deaths.is_empty()
    }

    /// Forgives what failed. Numbers are not used again all the same.
    pub(super) fn forgive(&mut self) {
        self.failures.clear();
        self.losses.clear();
        self.deaths.clear();
    }
}

fn count(counts: &mut BTreeMap<u32, u32>, partition: u32) -> u32 {
    let count = counts.entry(partition).or_default();
    *count = count.saturating_add(1);
    *count
}
