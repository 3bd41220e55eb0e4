//! How far a stage is.

mod tasks;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::copies::Copies;
use super::durations::Durations;
use super::spec::StageSpec;
use super::tries::{Tries, Uncounted};
use crate::ranges::Ranges;
use crate::time::Span;

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

/// A stage with the state of its tasks.
///
/// A partition is pending, assigned to an executor (or two), or finished. The partition after the last one
/// stands for committing the output as a whole; it becomes pending when all others have finished.
#[derive(Clone, Debug)]
pub(crate) struct StageRun {
    state: StageState,
    tasks: u32,
    slots: u32,
    commits: bool,
    committed: bool,
    pending: Ranges,
    finished: Ranges,
    /// The revision of the job's status that says that the stage finished.
    finished_revision: u64,
    tries: Tries,
    copies: Copies,
    /// How long tasks took that finished, if that is of use.
    durations: Durations,
    results: BTreeMap<u32, ResultValue>,
}

/// What an earlier engine noted of a stage.
#[derive(Debug)]
pub(crate) struct PastStage<'a> {
    pub(crate) state: StageState,
    pub(crate) finished: &'a Ranges,
    pub(crate) committed: bool,
    pub(crate) failures: &'a BTreeMap<u32, u32>,
    pub(crate) losses: &'a BTreeMap<u32, u32>,
    pub(crate) uncounted: Uncounted,
    pub(crate) speculated: u32,
}

/// What it is, and how far.
impl StageRun {
    /// A stage that waits.
    pub(crate) fn new(spec: &StageSpec) -> Self {
        Self {
            state: StageState::Waiting,
            tasks: spec.tasks,
            slots: spec.slots,
            commits: spec.commits,
            committed: false,
            pending: Ranges::new(),
            finished: Ranges::new(),
            finished_revision: 0,
            tries: Tries::default(),
            copies: Copies::default(),
            durations: Durations::default(),
            results: BTreeMap::new(),
        }
    }

    /// A stage that goes on where an earlier engine stopped; `result` is what that kept of a partition.
    pub(crate) fn restored(
        spec: &StageSpec,
        past: &PastStage<'_>,
        result: impl Fn(u32) -> Option<ResultValue>,
    ) -> Self {
        let mut run = Self::new(spec);
        run.finished =
            past.finished.iter().take_while(|&partition| partition < run.tasks).collect();
        run.committed = past.committed && run.commits;
        let is_open = |partition| partition < run.partitions() && !run.is_done(partition);
        run.tries = Tries::restored(past.failures, past.losses, &past.uncounted, is_open);
        run.copies = Copies::restored(past.speculated);
        match past.state {
            StageState::Waiting => {}
            StageState::Failed => {
                run.open();
                run.state = StageState::Failed;
            }
            StageState::Running | StageState::Finished => {
                run.open();
                run.conclude();
            }
        }
        let done = run.finished.iter().chain(run.committed.then_some(run.tasks));
        run.results = done.filter_map(|partition| Some((partition, result(partition)?))).collect();
        run
    }

    pub(crate) fn state(&self) -> StageState {
        self.state
    }

    /// Whether its tasks may run.
    pub(crate) fn is_running(&self) -> bool {
        self.state == StageState::Running
    }

    /// The number of tasks.
    pub(crate) fn tasks(&self) -> u32 {
        self.tasks
    }

    /// The number of partitions: those of tasks, and that of the commit if there is one.
    pub(crate) fn partitions(&self) -> u32 {
        self.tasks.saturating_add(u32::from(self.commits))
    }

    /// The slots that a task takes.
    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// The partitions that wait for an executor.
    pub(crate) fn pending(&self) -> &Ranges {
        &self.pending
    }

    /// The partitions that finished.
    pub(crate) fn finished(&self) -> &Ranges {
        &self.finished
    }

    /// Whether the output is committed as a whole.
    pub(crate) fn is_committed(&self) -> bool {
        self.committed
    }

    /// Whether it has finished, and the status that says so is stored.
    pub(crate) fn is_stored(&self, is_stored: impl Fn(u64) -> bool) -> bool {
        self.state == StageState::Finished && is_stored(self.finished_revision)
    }

    /// Whether all tasks have finished, and the output is committed if there is one.
    pub(crate) fn has_all(&self) -> bool {
        self.finished.len() == u64::from(self.tasks) && (self.committed || !self.commits)
    }

    /// Whether nothing is left to do for a partition.
    pub(crate) fn is_done(&self, partition: u32) -> bool {
        self.finished.contains(partition) || (partition == self.tasks && self.committed)
    }

    /// The slots that tasks which have not finished would take all at once, with the second attempts
    /// at slow ones.
    pub(crate) fn unfinished_slots(&self) -> u64 {
        let tasks = u64::from(self.tasks) - self.finished.len();
        let commit = u64::from(self.commits && !self.committed);
        (tasks + commit + self.copies.count() as u64).saturating_mul(u64::from(self.slots))
    }

    /// How often its tasks were tried.
    pub(crate) fn tries(&self) -> &Tries {
        &self.tries
    }

    /// Uses no number of an attempt at a partition below this one.
    pub(crate) fn skip_attempts(&mut self, partition: u32, number: u32) {
        self.tries.skip_to(partition, number);
    }

    /// Second attempts at its tasks.
    pub(crate) fn copies(&self) -> &Copies {
        &self.copies
    }

    /// The same, to be changed.
    pub(crate) fn copies_mut(&mut self) -> &mut Copies {
        &mut self.copies
    }

    /// Whether a task has two attempts or should.
    pub(crate) fn speculates(&self) -> bool {
        self.copies.count() > 0
    }

    /// Notes how long a task took.
    pub(crate) fn note_duration(&mut self, duration: Span) {
        self.durations.add(duration);
    }

    /// The median of how long tasks took, if enough is known.
    pub(crate) fn median_duration(&self) -> Option<Span> {
        self.durations.median()
    }
}

/// What becomes of it.
impl StageRun {
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

    /// Takes in that one of its tasks failed for good.
    pub(crate) fn fail_for_good(&mut self) {
        self.state = StageState::Failed;
    }

    /// Forgives what failed, keeping what finished, when the job is run again.
    pub(crate) fn restart(&mut self) {
        self.tries.forgive();
        if self.state == StageState::Failed {
            self.state = StageState::Running;
        }
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

    /// Notes the revision of the job's status that says that it finished.
    pub(crate) fn note_finished(&mut self, revision: u64) {
        self.finished_revision = revision;
    }

    /// Sees whether all tasks have finished, and with them the stage.
    fn conclude(&mut self) -> bool {
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
}
