//! Executors: where a job's tasks run.

use std::collections::BTreeMap;
use std::fmt;

use crate::arena::id;
use crate::jobs::{JobId, JobKey};
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

/// An executor with its account.
// Each of the flags can be set whatever the others are.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    pub(crate) key: ExecutorKey,
    pub(crate) job: JobId,
    /// Where it is; `None` as long as it has no node.
    pub(crate) node: Option<NodeId>,
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
    pub(crate) acknowledged: u64,
    /// How many slots' worth of tasks it should have waiting, beyond those that run.
    pub(crate) prefetch_slots: u32,
    /// Whether what it should do changed since it was last told.
    pub(crate) assignment_changed: bool,
}

impl Executor {
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
