//! How far a stage is.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::durations::Durations;
use super::spec::StageSpec;
use crate::ids::ExecutorId;
use crate::ranges::Ranges;

/// A task that was on two executors that died by themselves may be what kills them: it runs alone.
const SUSPECT_DEATHS: u32 = 2;

/// Where a stage stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageState {
    /// It waits for other stages.
    #[default]
    Waiting,
    /// Its tasks may run.
    Running,
    /// All its tasks finished, and its output is committed if it has one.
    Finished,
    /// One of its tasks failed for good.
    Failed,
}

/// What a task left as its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResultValue {
    /// The text.
    Inline(String),
    /// Where the text is.
    Uri(String),
}

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

/// A stage with the state of its tasks.
///
/// A partition is pending, assigned to an executor (or two), or finished. The partition after the last one
/// stands for committing the output as a whole; it becomes pending when all others have finished.
#[derive(Clone, Debug)]
pub(crate) struct StageRun {
    pub(crate) state: StageState,
    pub(crate) tasks: u32,
    pub(crate) slots: u32,
    pub(crate) commits: bool,
    pub(crate) committed: bool,
    pub(crate) pending: Ranges,
    pub(crate) finished: Ranges,
    /// Attempts that failed, by partition.
    pub(crate) failures: BTreeMap<u32, u32>,
    /// Attempts that were lost through no fault of theirs, by partition.
    pub(crate) losses: BTreeMap<u32, u32>,
    /// How many executors died by themselves while they ran the partition.
    pub(crate) deaths: BTreeMap<u32, u32>,
    /// The number of the next attempt, by partition, where there was one before and it has not
    /// finished. No number is used twice.
    pub(crate) next_attempts: BTreeMap<u32, u32>,
    /// Attempts of lower numbers that an engine before this one knew to be open, and that no executor
    /// is known to have, by partition. If one finished all the same, it counts.
    pub(crate) older_attempts: BTreeMap<u32, u32>,
    /// The partitions of which two attempts are on their way: the first, and the speculative one.
    pub(crate) twins: BTreeMap<u32, [Live; 2]>,
    /// Slow tasks that no executor has been found for yet, the slowest first.
    pub(crate) stragglers: Vec<Straggler>,
    /// How many speculative attempts there ever were.
    pub(crate) speculated: u32,
    /// How long tasks took that finished, if that is of use.
    pub(crate) durations: Durations,
    pub(crate) results: BTreeMap<u32, ResultValue>,
    /// The revision of the job's status that says that the stage finished.
    pub(crate) finished_revision: u64,
}

impl StageRun {
    pub(crate) fn new(spec: &StageSpec) -> Self {
        Self {
            state: StageState::Waiting,
            tasks: spec.tasks,
            slots: spec.slots,
            commits: spec.commits,
            committed: false,
            pending: Ranges::new(),
            finished: Ranges::new(),
            failures: BTreeMap::new(),
            losses: BTreeMap::new(),
            deaths: BTreeMap::new(),
            next_attempts: BTreeMap::new(),
            older_attempts: BTreeMap::new(),
            twins: BTreeMap::new(),
            stragglers: Vec::new(),
            speculated: 0,
            durations: Durations::default(),
            results: BTreeMap::new(),
            finished_revision: 0,
        }
    }

    /// Lets the tasks run.
    pub(crate) fn open(&mut self) {
        self.state = StageState::Running;
        self.pending = Ranges::up_to(self.tasks);
        for &(first, last) in self.finished.as_slice() {
            (first..=last).for_each(|partition| {
                self.pending.remove(partition);
            });
        }
    }

    /// The slots that tasks which have not finished would take all at once, with the second attempts
    /// at slow ones.
    pub(crate) fn unfinished_slots(&self) -> u64 {
        let tasks = u64::from(self.tasks) - self.finished.len();
        let commit = u64::from(self.commits && !self.committed);
        let copies = (self.twins.len() + self.stragglers.len()) as u64;
        (tasks + commit + copies) * u64::from(self.slots)
    }

    /// Whether a task has two attempts or should.
    pub(crate) fn speculates(&self) -> bool {
        !self.twins.is_empty() || !self.stragglers.is_empty()
    }

    /// A number for an attempt at a partition, which no other attempt gets.
    pub(crate) fn number_attempt(&mut self, partition: u32) -> u32 {
        count(&mut self.next_attempts, partition) - 1
    }

    /// The number that the next attempt at a partition gets.
    pub(crate) fn next_attempt(&self, partition: u32) -> u32 {
        self.next_attempts.get(&partition).copied().unwrap_or(0)
    }

    /// What is to be known of attempts beyond how many failed and were lost, when these are on their
    /// way, by partition and number: how many else are accounted for, and which are not although a
    /// later one is. An attempt that is withdrawn (`true`) is both: its number is used, and what
    /// becomes of it still counts.
    pub(crate) fn uncounted_attempts(&self, live: &BTreeMap<(u32, u32), bool>) -> Uncounted {
        let mut uncounted = Uncounted::default();
        for (&partition, &next) in &self.next_attempts {
            let mut first = next;
            while first > 0 && live.get(&(partition, first - 1)) == Some(&false) {
                first -= 1;
            }
            let older = live.range((partition, 0)..(partition, first)).next();
            let older = older.map(|(&(_, number), _)| number);
            let older = older.or_else(|| self.older_attempts.get(&partition).copied());
            uncounted.older.extend(older.map(|older| (partition, older)));
            let count = |counts: &BTreeMap<u32, u32>| counts.get(&partition).copied().unwrap_or(0);
            let others = first.saturating_sub(count(&self.failures) + count(&self.losses));
            if others > 0 {
                uncounted.others.insert(partition, others);
            }
        }
        uncounted
    }

    /// Takes in that a straggler is tried once more beside its first attempt.
    pub(crate) fn twin(&mut self, straggler: &Straggler, second: Live) {
        self.twins.insert(straggler.partition, [straggler.first, second]);
        self.speculated += 1;
    }

    /// Whether a partition may be what kills executors.
    pub(crate) fn is_suspect(&self, partition: u32) -> bool {
        self.deaths.get(&partition).is_some_and(|&deaths| deaths >= SUSPECT_DEATHS)
    }

    /// The next partition to assign. `alone` says whether the executor has nothing else to do, so
    /// that it may take a suspect. Returns the partition and whether it has to stay alone.
    pub(crate) fn take_next(&mut self, alone: bool) -> Option<(u32, bool)> {
        let partition = if self.deaths.is_empty() {
            self.pending.first()?
        } else {
            self.pending.iter().find(|&partition| alone || !self.is_suspect(partition))?
        };
        self.pending.remove(partition);
        Some((partition, self.is_suspect(partition)))
    }

    /// Takes in that an attempt finished that no executor is known to have; says whether it counts.
    pub(crate) fn finish_older(&mut self, partition: u32, attempt: u32) -> bool {
        let counts = self.state == StageState::Running
            && self.older_attempts.get(&partition) == Some(&attempt)
            && !self.is_done(partition);
        if counts {
            self.pending.remove(partition);
        }
        counts
    }

    /// Takes in that an attempt finished. Returns the other attempt at the partition, if there is
    /// one: it is of no use any more.
    pub(crate) fn finish_attempt(&mut self, partition: u32, attempt: u32) -> Option<Live> {
        self.next_attempts.remove(&partition);
        self.older_attempts.remove(&partition);
        let twins = self.twins.remove(&partition)?;
        twins.into_iter().find(|live| live.attempt != attempt)
    }

    /// Takes in that an assigned partition finished; says whether the stage did.
    pub(crate) fn finish(&mut self, partition: u32) -> bool {
        if partition == self.tasks {
            self.committed = true;
        } else {
            self.finished.insert(partition);
        }
        self.conclude()
    }

    /// Sees whether all tasks have finished, and with them the stage.
    pub(crate) fn conclude(&mut self) -> bool {
        if self.finished.len() < u64::from(self.tasks) {
            return false;
        }
        if self.commits && !self.committed {
            self.pending.insert(self.tasks);
            return false;
        }
        self.state = StageState::Finished;
        true
    }

    /// Whether nothing is left to do for a partition.
    pub(crate) fn is_done(&self, partition: u32) -> bool {
        self.finished.contains(partition) || (partition == self.tasks && self.committed)
    }

    /// Whether an attempt of this number, of which an earlier engine told an executor, is accounted
    /// for.
    pub(crate) fn is_settled(&self, partition: u32, attempt: u32) -> bool {
        self.is_done(partition)
            || (attempt < self.next_attempt(partition)
                && self.older_attempts.get(&partition) != Some(&attempt))
    }

    /// Takes in that an executor was told to run an attempt at a partition by an earlier engine,
    /// beside another one that is on its way if that is given; says whether the partition was there
    /// to be taken.
    pub(crate) fn claim(&mut self, partition: u32, mine: Live, other: Option<Live>) -> bool {
        if self.state != StageState::Running {
            return false;
        }
        if !self.pending.remove(partition) {
            let Some(other) = other.filter(|_| !self.twins.contains_key(&partition)) else {
                return false;
            };
            let mut twins = [other, mine];
            twins.sort_by_key(|live| live.attempt);
            self.twins.insert(partition, twins);
        }
        let next = self.next_attempts.entry(partition).or_default();
        *next = (*next).max(mine.attempt + 1);
        if self.older_attempts.get(&partition) == Some(&mine.attempt) {
            self.older_attempts.remove(&partition);
        }
        true
    }

    /// The bytes of the results that are kept as they are.
    pub(crate) fn result_bytes(&self) -> usize {
        let bytes = |result: &ResultValue| match result {
            ResultValue::Inline(text) => text.len(),
            ResultValue::Uri(_) => 0,
        };
        self.results.values().map(bytes).sum()
    }

    /// Takes back an assigned partition whose attempt does not count, whether or not it was started.
    /// It waits for another executor, unless a second attempt is on its way. The next attempt has
    /// another number all the same: the executor may run this one yet.
    pub(crate) fn give_back(&mut self, partition: u32) {
        if self.twins.remove(&partition).is_none() {
            self.pending.insert(partition);
        }
    }

    /// Takes in that an assigned partition failed; returns how often it did.
    pub(crate) fn fail(&mut self, partition: u32) -> u32 {
        self.give_back(partition);
        count(&mut self.failures, partition)
    }

    /// Takes in that an assigned partition was lost; returns how often it was.
    pub(crate) fn lose(&mut self, partition: u32) -> u32 {
        self.give_back(partition);
        count(&mut self.losses, partition)
    }

    /// Takes in that an executor died by itself while it ran a partition.
    pub(crate) fn died(&mut self, partition: u32) {
        count(&mut self.deaths, partition);
    }

    /// Forgives what failed, keeping what finished, when the job is run again.
    pub(crate) fn restart(&mut self) {
        self.failures.clear();
        self.losses.clear();
        self.deaths.clear();
        if self.state == StageState::Failed {
            self.state = StageState::Running;
        }
    }
}

fn count(counts: &mut BTreeMap<u32, u32>, partition: u32) -> u32 {
    let count = counts.entry(partition).or_default();
    *count += 1;
    *count
}
