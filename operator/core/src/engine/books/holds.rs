//! Room that is kept for claims while those who have it drain, or until there is some.

use std::collections::{BTreeMap, BTreeSet};

use super::Hold;
use crate::allocator::times;
use crate::ensure::ensure;
use crate::ids::{ExecutorId, JobId, NodeId};
use crate::nodes::Load;
use crate::resources::Resources;
use crate::time::Time;

/// All holds, by number: an earlier one has a lower number.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    by_number: BTreeMap<u64, Hold>,
    of_job: BTreeMap<JobId, BTreeSet<u64>>,
    on_node: BTreeMap<NodeId, BTreeSet<u64>>,
    expiring: BTreeSet<(Time, u64)>,
    /// Those whose room may be there now.
    to_review: BTreeSet<u64>,
    /// Those that only wait until there is room.
    of_line: BTreeSet<u64>,
    next_number: u64,
}

/// They come and go.
impl Holds {
    /// Returns its number.
    pub(crate) fn add(&mut self, hold: Hold) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        for &node in hold.nodes() {
            self.on_node.entry(node).or_default().insert(number);
        }
        if hold.is_of_line() {
            self.of_line.insert(number);
        }
        self.expiring.insert((hold.expires(), number));
        self.of_job.entry(hold.job()).or_default().insert(number);
        self.by_number.insert(number, hold);
        self.to_review.insert(number);
        number
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Hold> {
        let hold = self.by_number.remove(&number)?;
        self.expiring.remove(&(hold.expires(), number));
        self.of_line.remove(&number);
        self.to_review.remove(&number);
        forget_in(&mut self.of_job, &hold.job(), number);
        for &node in hold.nodes() {
            forget_in(&mut self.on_node, &node, number);
        }
        Some(hold)
    }

    /// A victim of a hold is gone.
    pub(crate) fn forget_victim(&mut self, number: u64, victim: ExecutorId) {
        if let Some(hold) = self.by_number.get_mut(&number) {
            hold.forget_victim(victim);
            self.to_review.insert(number);
        }
    }
}

/// Which have to be looked at.
impl Holds {
    pub(crate) fn wakeup(&self) -> Option<Time> {
        if !self.to_review.is_empty() {
            return Some(Time::ZERO);
        }
        self.expiring.first().map(|&(at, _)| at).filter(|&at| at < Time::MAX)
    }

    /// Something changed on a node.
    pub(crate) fn review_node(&mut self, node: NodeId) {
        self.to_review.extend(self.on_node.get(&node).into_iter().flatten());
    }

    /// Something changed for any of them.
    pub(crate) fn review_all(&mut self) {
        self.to_review.extend(self.by_number.keys());
    }

    /// Those to look at now, in order: those of these jobs, too.
    pub(crate) fn take_due(
        &mut self,
        now: Time,
        jobs: impl Iterator<Item = JobId>,
    ) -> BTreeSet<u64> {
        let of_jobs = jobs.filter_map(|job| self.of_job.get(&job));
        let mut numbers: BTreeSet<u64> = of_jobs.flatten().copied().collect();
        numbers.append(&mut self.to_review);
        while let Some(&(at, number)) = self.expiring.first().filter(|&&(at, _)| at <= now) {
            self.expiring.remove(&(at, number));
            numbers.insert(number);
        }
        numbers
    }
}

/// Which there are.
impl Holds {
    pub(crate) fn get(&self, number: u64) -> Option<&Hold> {
        self.by_number.get(&number)
    }

    /// The numbers of those of a job.
    pub(crate) fn numbers_of(&self, job: JobId) -> Vec<u64> {
        self.of_job.get(&job).into_iter().flatten().copied().collect()
    }

    /// The numbers of those on a node.
    pub(crate) fn numbers_on(&self, node: NodeId) -> Vec<u64> {
        self.on_node.get(&node).into_iter().flatten().copied().collect()
    }

    /// Those for which room is being made for a job.
    pub(crate) fn made_for(&self, job: JobId) -> impl Iterator<Item = &Hold> + Clone {
        self.of(job).map(|(_, hold)| hold).filter(|hold| !hold.is_of_line())
    }

    /// Those that only wait until there is room.
    pub(crate) fn of_line(&self) -> impl Iterator<Item = (u64, &Hold)> {
        self.of_line.iter().filter_map(|&number| Some((number, self.by_number.get(&number)?)))
    }

    /// That of a job that only waits, if there is one.
    pub(crate) fn of_line_for(&self, job: JobId) -> Option<(u64, &Hold)> {
        self.of(job).find(|(_, hold)| hold.is_of_line())
    }

    /// For how many executors of a job room is being made.
    pub(crate) fn executors_of(&self, job: JobId) -> u32 {
        self.made_for(job).map(Hold::executors).sum()
    }

    /// How many executors of its job are to have room by this hold and those before it. Those that
    /// only wait for room come last, whatever their numbers.
    pub(crate) fn executors_up_to(&self, number: u64, hold: &Hold) -> usize {
        let before = self
            .of(hold.job())
            .filter(|&(other, it)| hold.is_of_line() || other <= number && !it.is_of_line());
        before.map(|(_, hold)| hold.nodes().len()).sum()
    }

    /// What others have of the room on a node before a hold does. What came before has it first, and
    /// room that is made is for those it is made for: a hold that still has victims takes none that
    /// was made for another, and one that only waits for room takes none that was made at all.
    pub(crate) fn promised_to_others(&self, number: u64, hold: &Hold, node: NodeId) -> Resources {
        let all_come_first = hold.is_of_line() || !hold.victims().is_empty();
        let others = self.on_node.get(&node).into_iter().flatten();
        let others = others.filter_map(|&other| Some((other, self.by_number.get(&other)?)));
        let first = others.filter(|&(other, it)| match it.is_of_line() {
            _ if other == number => false,
            true => !hold.is_of_line() && all_come_first,
            false => all_come_first || other < number,
        });
        first.fold(Resources::NONE, |sum, (_, hold)| {
            let here = hold.nodes().iter().filter(|&&other| other == node).count();
            sum.plus(&times(hold.request(), u32::try_from(here).unwrap_or(u32::MAX)))
        })
    }

    fn of(&self, job: JobId) -> impl Iterator<Item = (u64, &Hold)> + Clone {
        let numbers = self.of_job.get(&job).into_iter().flatten();
        numbers.filter_map(|&number| Some((number, self.by_number.get(&number)?)))
    }
}

/// Checks.
impl Holds {
    /// What is being made room for for a job.
    pub(crate) fn sum_of(&self, job: JobId) -> Resources {
        let made = self.by_number.values().filter(|hold| hold.job() == job && !hold.is_of_line());
        made.fold(Resources::NONE, |sum, hold| sum.plus(&hold.all()))
    }

    /// Adds what is held to what is on the nodes.
    pub(crate) fn add_to(&self, loads: &mut BTreeMap<NodeId, Load>) {
        for hold in self.by_number.values() {
            for &node in hold.nodes() {
                let load = loads.entry(node).or_default();
                let promised = load.promised.entry(hold.pool()).or_default();
                *promised = promised.plus(hold.request());
            }
        }
    }

    /// Compares the indices with the holds.
    pub(crate) fn check(&self) -> Result<(), String> {
        let of_line = self.by_number.iter().filter(|(_, hold)| hold.is_of_line());
        let of_line: BTreeSet<u64> = of_line.map(|(&number, _)| number).collect();
        ensure!(self.of_line == of_line, "holds that only wait are {of_line:?}");
        let (mut of_job, mut on_node) = (BTreeMap::new(), BTreeMap::new());
        for (&number, hold) in &self.by_number {
            of_job.entry(hold.job()).or_insert_with(BTreeSet::new).insert(number);
            for &node in hold.nodes() {
                on_node.entry(node).or_insert_with(BTreeSet::new).insert(number);
            }
            let expires = self.expiring.contains(&(hold.expires(), number));
            ensure!(expires || self.to_review.contains(&number), "hold {number} never ends");
        }
        ensure!(self.of_job == of_job, "holds by job are {of_job:?}");
        ensure!(self.on_node == on_node, "holds by node are {on_node:?}");
        Ok(())
    }
}

/// Takes a number from those of a key; a key without any is not listed.
fn forget_in<K: Ord>(index: &mut BTreeMap<K, BTreeSet<u64>>, key: &K, number: u64) {
    if let Some(numbers) = index.get_mut(key) {
        numbers.remove(&number);
        if numbers.is_empty() {
            index.remove(key);
        }
    }
}
