//! Executors: where a job's tasks run.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::arena::id;
use crate::jobs::{JobId, JobKey, Milliseconds};
use crate::nodes::NodeId;
use crate::ranges::Ranges;
use crate::resources::Resources;

id! {
    /// An executor that the engine knows.
    ExecutorId
}

/// The name of an executor. At most one of them is alive for a job, an index and an epoch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExecutorKey {
    /// The job that it works for.
    pub job: JobKey,
    /// Its place among the executors of the job, from 0.
    pub index: u32,
    /// How many executors had this place before.
    pub epoch: u32,
}

impl fmt::Display for ExecutorKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{}", self.job, self.index, self.epoch)
    }
}

/// Attempts by stage and attempt number.
pub(crate) type Attempts = BTreeMap<(usize, u32), Ranges>;

/// A report that was taken in and is not known to be stored. Until it is, what ended by it stays in
/// the executor's assignment: whoever restores the state from that finds everything.
#[derive(Clone, Debug)]
pub(crate) struct Unsettled {
    pub(crate) report: u64,
    /// The revision of the job's status that holds it.
    pub(crate) revision: u64,
    pub(crate) ended: Attempts,
}

/// An executor with its account.
// Each of the flags can be set whatever the others are.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    pub(crate) key: ExecutorKey,
    pub(crate) job: JobId,
    pub(crate) node: NodeId,
    /// What it holds.
    pub(crate) request: Resources,
    pub(crate) ready: bool,
    /// Whether it was told to go.
    pub(crate) stopping: bool,
    /// The attempts that it should run or has not yet accounted for.
    pub(crate) assigned: Attempts,
    /// The slots that these take.
    pub(crate) assigned_slots: u32,
    /// Whether it runs a suspect and may get nothing else.
    pub(crate) exclusive: bool,
    /// What it said it ran when it last reported.
    pub(crate) running: Attempts,
    /// The last report that was taken in.
    pub(crate) folded: u64,
    /// The last report whose contents are stored.
    pub(crate) acknowledged: u64,
    /// Reports that were taken in and are not known to be stored, oldest first.
    pub(crate) unsettled: VecDeque<Unsettled>,
    /// Attempts that ended by the report that is being taken in.
    pub(crate) ending: Attempts,
    /// Whether it is known to exist.
    pub(crate) confirmed: bool,
    /// When it was told what to do, if it is not known to have heard that.
    pub(crate) told_at: Option<Milliseconds>,
    /// How many slots' worth of tasks it should have waiting, beyond those that run.
    pub(crate) prefetch_slots: u32,
    /// Whether what it should do changed since it was last told.
    pub(crate) assignment_changed: bool,
}

impl Executor {
    /// An executor that was just accepted an offer for, and knows nothing yet.
    pub(crate) fn new(key: ExecutorKey, job: JobId, node: NodeId, request: Resources) -> Self {
        Self {
            key,
            job,
            node,
            request,
            ready: false,
            stopping: false,
            assigned: Attempts::new(),
            assigned_slots: 0,
            exclusive: false,
            running: Attempts::new(),
            folded: 0,
            acknowledged: 0,
            unsettled: VecDeque::new(),
            ending: Attempts::new(),
            confirmed: false,
            told_at: None,
            prefetch_slots: 0,
            assignment_changed: true,
        }
    }

    /// Adds an attempt.
    pub(crate) fn assign(&mut self, stage: usize, attempt: u32, partition: u32, slots: u32) {
        self.assigned.entry((stage, attempt)).or_default().insert(partition);
        self.assigned_slots += slots;
        self.assignment_changed = true;
    }

    /// Removes an attempt that ended; says whether it was there.
    pub(crate) fn unassign(
        &mut self,
        stage: usize,
        attempt: u32,
        partition: u32,
        slots: u32,
    ) -> bool {
        let Some(ranges) = self.assigned.get_mut(&(stage, attempt)) else {
            return false;
        };
        if !ranges.remove(partition) {
            return false;
        }
        if ranges.is_empty() {
            self.assigned.remove(&(stage, attempt));
        }
        self.ending.entry((stage, attempt)).or_default().insert(partition);
        self.assigned_slots -= slots;
        self.exclusive &= self.assigned_slots > 0;
        self.assignment_changed = true;
        true
    }

    /// Whether the attempt ran when the executor last reported.
    pub(crate) fn ran(&self, stage: usize, attempt: u32, partition: u32) -> bool {
        self.running.get(&(stage, attempt)).is_some_and(|ranges| ranges.contains(partition))
    }
}
