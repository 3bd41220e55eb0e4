//! Executors: where a job's tasks run.

use std::collections::BTreeMap;
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

/// Why an executor is on its way out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DrainCause {
    /// Its room goes to a job of this pool.
    Reclaim {
        /// The pool.
        pool: Box<str>,
    },
    /// Its node is being emptied.
    NodeDrained,
    /// Its node's maintenance comes.
    Maintenance,
    /// Its node has less than what is on it.
    NodeOvercommitted,
}

/// How an executor goes: its tasks may end until the deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draining {
    pub(crate) deadline: Milliseconds,
    pub(crate) cause: DrainCause,
    /// The hold that its room is for.
    pub(crate) hold: Option<u64>,
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
    pub(crate) node: NodeId,
    /// What it holds.
    pub(crate) request: Resources,
    pub(crate) ready: bool,
    /// Whether it was told to go.
    pub(crate) stopping: bool,
    /// Set while it is on its way out and its tasks may still end.
    pub(crate) draining: Option<Draining>,
    /// Whether what it holds is counted as leaving: it drains or was told to go.
    pub(crate) leaving: bool,
    /// The engine's count of changes of jobs, pools and nodes when room was made for it by share.
    pub(crate) reclaimed_at: Option<u64>,
    /// Since when each of the attempts runs that it last reported, by stage, attempt and partition.
    pub(crate) running_since: BTreeMap<(usize, u32, u32), Milliseconds>,
    /// What it has not started and is not to start; others get it when that is certain.
    pub(crate) withdrawn: Attempts,
    /// The number of the last assignment that it was given.
    pub(crate) assignment_number: u64,
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

    /// Whether it takes tasks now or later.
    pub(crate) fn stays(&self) -> bool {
        !self.stopping && self.draining.is_none()
    }

    /// Notes what it reports to run.
    pub(crate) fn set_running(&mut self, now: Milliseconds, running: Attempts) {
        self.running_since.retain(|&(stage, attempt, partition), _| {
            running.get(&(stage, attempt)).is_some_and(|ranges| ranges.contains(partition))
        });
        for (&(stage, attempt), partitions) in &running {
            for partition in partitions.iter() {
                self.running_since.entry((stage, attempt, partition)).or_insert(now);
            }
        }
        self.running = running;
    }

    /// The work that is lost when it goes now: the times for which its tasks ran, in milliseconds.
    pub(crate) fn work(&self, now: Milliseconds) -> u64 {
        self.running_since
            .values()
            .fold(0, |sum, &since| u64::saturating_add(sum, now.saturating_sub(since)))
    }

    /// Whether nothing that it was told to run is left but what was withdrawn.
    pub(crate) fn is_idle(&self) -> bool {
        self.assigned.iter().all(|(group, partitions)| {
            self.withdrawn.get(group).is_some_and(|withdrawn| withdrawn == partitions)
        })
    }

    /// Whether the attempt ran when the executor last reported.
    pub(crate) fn ran(&self, stage: usize, attempt: u32, partition: u32) -> bool {
        self.running.get(&(stage, attempt)).is_some_and(|ranges| ranges.contains(partition))
    }
}
