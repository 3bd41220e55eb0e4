//! Executors: where a job's tasks run.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{ExecutorKey, JobId, NodeId};
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::time::{Span, Time};

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
    /// The job has more executors than it may have now.
    Surplus,
    /// The job declines its node by now, and gets another executor.
    NodeDeclined,
}

/// How an executor goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draining {
    /// Its tasks may end until then, and what it has not started is taken back. `None` if the job
    /// itself lets it go: it does all that it has, and may be asked to stay after all.
    pub(crate) deadline: Option<Time>,
    pub(crate) cause: DrainCause,
    /// The hold that its room is for.
    pub(crate) hold: Option<u64>,
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
    /// Where it is; `None` as long as it has no node.
    pub(crate) node: Option<NodeId>,
    /// What it holds.
    pub(crate) request: Resources,
    pub(crate) ready: bool,
    /// Whether it was told to go.
    pub(crate) stopping: bool,
    /// Set while it is on its way out: it gets no new tasks, and those that run may end.
    pub(crate) draining: Option<Draining>,
    /// Whether what it holds is counted as leaving: it drains and is to be gone by some time, or was
    /// told to go.
    pub(crate) leaving: bool,
    /// The engine's count of changes of jobs, pools and nodes when room was made for it by share.
    pub(crate) reclaimed_at: Option<u64>,
    /// What it has not started and is not to start; others get it when that is certain.
    pub(crate) withdrawn: Attempts,
    /// The revision of the job's status that accounts for that. Before it is stored the executor is
    /// not told: otherwise an engine that starts anew could give the attempts' numbers to others.
    pub(crate) withdrawn_revision: u64,
    /// The number of the first assignment that told it. What it was told to leave alone it is not
    /// told to run again.
    pub(crate) withdrawal_told: Option<u64>,
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
    pub(crate) told_at: Option<Time>,
    /// How many slots' worth of tasks it should have waiting, beyond those that run.
    pub(crate) prefetch_slots: u32,
    /// Whether what it should do changed since it was last told.
    pub(crate) assignment_changed: bool,
    /// Since when it has had no task, as far as that was noticed.
    pub(crate) idle_since: Option<Time>,
    /// When it last reported, or was launched.
    pub(crate) reported_at: Time,
    /// When an attempt last ended there, or it was launched.
    pub(crate) progressed_at: Time,
    /// The slots that attempts take which it should not run any more but did when it last reported.
    pub(crate) leaving_slots: u32,
    /// Since when it has run each attempt, by stage, attempt and partition. Since when it has had those
    /// that it does not run yet is only kept of jobs that want to know what is slow.
    pub(crate) since: BTreeMap<(usize, u32, u32), Since>,
}

/// Since when an executor has had an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// It was assigned then, and has not been seen to run.
    Assigned(Time),
    /// It ran in the report of then, for the first time.
    Running(Time),
}

impl Since {
    /// The moment.
    pub(crate) fn at(self) -> Time {
        match self {
            Self::Assigned(at) | Self::Running(at) => at,
        }
    }
}

impl Executor {
    /// An executor that was just accepted an offer for, and knows nothing yet.
    pub(crate) fn new(
        key: ExecutorKey,
        (job, node): (JobId, Option<NodeId>),
        request: Resources,
        now: Time,
    ) -> Self {
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
            draining: None,
            leaving: false,
            reclaimed_at: None,
            withdrawn: Attempts::new(),
            withdrawn_revision: 0,
            withdrawal_told: None,
            assignment_number: 0,
            idle_since: None,
            reported_at: now,
            progressed_at: now,
            leaving_slots: 0,
            since: BTreeMap::new(),
        }
    }

    /// Adds an attempt.
    pub(crate) fn assign(&mut self, stage: usize, attempt: u32, partition: u32, slots: u32) {
        self.assigned.entry((stage, attempt)).or_default().insert(partition);
        self.assigned_slots += slots;
        self.assignment_changed = true;
        self.idle_since = None;
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
        if let Some(withdrawn) = self.withdrawn.get_mut(&(stage, attempt))
            && withdrawn.remove(partition)
            && withdrawn.is_empty()
        {
            self.withdrawn.remove(&(stage, attempt));
        }
        self.since.remove(&(stage, attempt, partition));
        self.ending.entry((stage, attempt)).or_default().insert(partition);
        self.assigned_slots -= slots;
        self.exclusive &= self.assigned_slots > 0;
        self.assignment_changed = true;
        true
    }

    /// Withdraws an attempt that it may run right now. It is told so once the job's status of a
    /// revision is stored, if one is given: otherwise an engine that starts anew could give the
    /// attempt's number to another one.
    pub(crate) fn withdraw(
        &mut self,
        stage: usize,
        attempt: u32,
        (partition, slots): (u32, u32),
        revision: Option<u64>,
    ) {
        let is_told =
            self.withdrawal_told.is_some() && self.is_withdrawn(stage, attempt, partition);
        if !self.unassign(stage, attempt, partition, slots) {
            return;
        }
        if self.ran(stage, attempt, partition) {
            self.leaving_slots += slots;
        }
        let ended = std::mem::take(&mut self.ending);
        if let Some(revision) = revision.filter(|_| !is_told) {
            self.unsettled.push_back(Unsettled { report: self.folded, revision, ended });
        }
    }

    /// The slots that are taken or about to be free again.
    pub(crate) fn taken_slots(&self) -> u32 {
        self.assigned_slots.saturating_add(self.leaving_slots)
    }

    /// Since when it has run an attempt that has ended now, at the latest.
    pub(crate) fn ran_since(&self, stage: usize, attempt: u32, partition: u32) -> Option<Time> {
        Some(match *self.since.get(&(stage, attempt, partition))? {
            Since::Running(at) => at,
            // It began after the report before, for it did not stand there.
            Since::Assigned(at) => at.max(self.reported_at),
        })
    }

    /// Whether it takes tasks now or later.
    pub(crate) fn stays(&self) -> bool {
        !self.stopping && self.draining.is_none()
    }

    /// When it is cut off, if it is on its way out for the sake of others.
    pub(crate) fn cut_off_at(&self) -> Option<Time> {
        self.draining.as_ref()?.deadline
    }

    /// The work that is lost when it goes now: the times for which its tasks ran.
    pub(crate) fn work(&self, now: Time) -> Span {
        let running = self.since.values().filter_map(|since| match since {
            Since::Running(at) => Some(now.since(*at)),
            Since::Assigned(_) => None,
        });
        running.sum()
    }

    /// Whether it is not to start an attempt that it has.
    pub(crate) fn is_withdrawn(&self, stage: usize, attempt: u32, partition: u32) -> bool {
        self.withdrawn.get(&(stage, attempt)).is_some_and(|ranges| ranges.contains(partition))
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
