//! How far a stage is.

use std::collections::BTreeMap;

use super::spec::StageSpec;
use crate::ranges::Ranges;

/// A task that was on two executors that died by themselves may be what kills them: it runs alone.
const SUSPECT_DEATHS: u32 = 2;

/// Where a stage stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultValue {
    /// The text.
    Inline(String),
    /// Where the text is.
    Uri(String),
}

/// A stage with the state of its tasks.
///
/// A partition is pending, assigned to an executor, or finished. The partition after the last one
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
    pub(crate) assigned: u32,
    /// Attempts that failed, by partition.
    pub(crate) failures: BTreeMap<u32, u32>,
    /// Attempts that were lost through no fault of theirs, by partition.
    pub(crate) losses: BTreeMap<u32, u32>,
    /// How many executors died by themselves while they ran the partition.
    pub(crate) deaths: BTreeMap<u32, u32>,
    /// The number of attempts before the last restart of the job, so that none is used twice.
    pub(crate) earlier_attempts: BTreeMap<u32, u32>,
    pub(crate) results: BTreeMap<u32, ResultValue>,
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
            assigned: 0,
            failures: BTreeMap::new(),
            losses: BTreeMap::new(),
            deaths: BTreeMap::new(),
            earlier_attempts: BTreeMap::new(),
            results: BTreeMap::new(),
        }
    }

    /// Lets the tasks run.
    pub(crate) fn open(&mut self) {
        self.state = StageState::Running;
        self.pending = Ranges::up_to(self.tasks);
    }

    /// The slots that tasks which have not finished would take all at once.
    pub(crate) fn unfinished_slots(&self) -> u64 {
        let tasks = u64::from(self.tasks) - self.finished.len();
        let commit = u64::from(self.commits && !self.committed);
        (tasks + commit) * u64::from(self.slots)
    }

    /// The number that the next attempt at a partition gets.
    pub(crate) fn next_attempt(&self, partition: u32) -> u32 {
        let count = |map: &BTreeMap<u32, u32>| map.get(&partition).copied().unwrap_or(0);
        count(&self.failures) + count(&self.losses) + count(&self.earlier_attempts)
    }

    /// The next partition to assign. `alone` says whether the executor has nothing else to do, so
    /// that it may take a suspect. Returns the partition and whether it has to stay alone.
    pub(crate) fn take_next(&mut self, alone: bool) -> Option<(u32, bool)> {
        let partition = if self.deaths.is_empty() {
            self.pending.first()?
        } else {
            let deaths = &self.deaths;
            let suspect = |partition: u32| {
                deaths.get(&partition).is_some_and(|&deaths| deaths >= SUSPECT_DEATHS)
            };
            self.pending.iter().find(|&partition| alone || !suspect(partition))?
        };
        self.pending.remove(partition);
        self.assigned += 1;
        let deaths = self.deaths.get(&partition).copied().unwrap_or(0);
        Some((partition, deaths >= SUSPECT_DEATHS))
    }

    /// Takes in that an assigned partition finished; says whether the stage did.
    pub(crate) fn finish(&mut self, partition: u32) -> bool {
        self.assigned -= 1;
        if partition == self.tasks {
            self.committed = true;
        } else {
            self.finished.insert(partition);
        }
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

    /// Takes back an assigned partition that was not started, or whose attempt does not count.
    pub(crate) fn give_back(&mut self, partition: u32) {
        self.assigned -= 1;
        self.pending.insert(partition);
    }

    /// Lets the next attempt at a partition have a number that was not used, although the last one
    /// does not count.
    pub(crate) fn skip_attempt(&mut self, partition: u32) {
        count(&mut self.earlier_attempts, partition);
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
        for (&partition, &failures) in self.failures.iter().chain(&self.losses) {
            *self.earlier_attempts.entry(partition).or_default() += failures;
        }
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
