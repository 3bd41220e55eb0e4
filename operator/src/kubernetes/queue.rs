//! What is to be written: one write at a time to each object, so many at a time in all, and pauses
//! that double for objects whose writes fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::PoolObservation;
use proffer_core::jobs::{JobKey, Milliseconds};
use proffer_core::view::JobStatus;
use proffer_crds::ResourcePoolStatus;

use super::pod::ObjectName;
use crate::master::NodeMark;

/// The pause after the first failed write to an object, and how often it doubles.
const FIRST_PAUSE_MILLISECONDS: Milliseconds = 100;
const DOUBLINGS: u32 = 8;

/// What is written: writes to one of them go one after the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// An executor: its pod and its object.
    Executor(ExecutorKey),
    /// A job.
    Job(JobKey),
    /// A pool.
    Pool(Box<str>),
    /// A pod that others made.
    Pod(ObjectName),
    /// A node.
    Node(Box<str>),
}

/// What should be written. How it is done is decided when its turn comes, by what is known then.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Intent {
    /// Make an executor.
    Launch(Launch),
    /// Tell an executor what to run.
    Assign(Assignment),
    /// Tell an executor to go.
    Remove,
    /// Delete an executor's pod, which cannot start or has ended, with this grace period.
    DeletePod {
        /// The pod's uid.
        uid: Box<str>,
        /// How long it may take.
        grace_seconds: Option<u32>,
    },
    /// Pin a pod that waits to the node that was offered to it, and lift its gate.
    Place(Launch),
    /// Say in a pod's status whether it was offered a node, or why not.
    Explain {
        /// The pod's uid.
        uid: Box<str>,
        /// Whether it was.
        offered: bool,
        /// One word.
        reason: Box<str>,
        /// A sentence.
        message: String,
    },
    /// Read what an executor said.
    Read,
    /// Read whether an executor's pod is there.
    ReadPod,
    /// Read the end of a Spark driver's log.
    ReadLog,
    /// Delete what an executor left.
    Discard,
    /// Store a job's status.
    Status(Box<JobStatus>),
    /// Delete a job that ended long enough ago.
    Expire {
        /// The job's uid.
        uid: Box<str>,
    },
    /// Store a pool's status.
    PoolStatus(Box<ResourcePoolStatus>),
    /// Make a pool without settings.
    CreatePool,
    /// Keep a pool until its jobs are gone, or let it go.
    Keep(bool),
    /// Make the job that a framework of this id is.
    MakeFramework(Arc<str>),
    /// Store what a framework says of itself now.
    UpdateFramework(Arc<str>),
    /// Make the pod of a task.
    RunTask,
    /// Delete the pod of a task.
    DeleteTask {
        /// The pod's uid; unknown of one that may not have been made.
        uid: Option<Box<str>>,
        /// How long it may take; what the pod says if nothing is said here.
        grace_seconds: Option<u32>,
    },
    /// Note on the pod of a task that its framework knows how it ended.
    Acknowledge {
        /// The pod's uid.
        uid: Box<str>,
    },
    /// Give a pool the weight, guarantee and limit that Mesos's operator API says.
    ShapePool(Box<PoolObservation>),
    /// Store what is known of an executor of a Mesos framework's own.
    Checkpoint,
    /// Mark a node as Mesos's operator API says.
    MarkNode(NodeMark),
}

/// What waits to be written.
#[derive(Debug)]
pub(crate) struct Queue {
    targets: BTreeMap<Target, Waiting>,
    ready: VecDeque<Target>,
    paused: BTreeSet<(Milliseconds, Target)>,
    in_flight: usize,
    most_in_flight: usize,
    budget: Budget,
}

#[derive(Debug, Default)]
struct Waiting {
    intents: VecDeque<Intent>,
    in_flight: bool,
    failures: u32,
}

/// How many writes there may be in a second: what was not used up to one second's worth is kept.
#[derive(Debug)]
struct Budget {
    per_second: u64,
    /// In thousandths of a write.
    left: u64,
    at: Milliseconds,
}

impl Queue {
    /// A queue from which so many writes are taken at a time, and so many in a second.
    pub(crate) fn new(most_in_flight: usize, per_second: u32) -> Self {
        let per_second = u64::from(per_second.max(1));
        Self {
            targets: BTreeMap::new(),
            ready: VecDeque::new(),
            paused: BTreeSet::new(),
            in_flight: 0,
            most_in_flight: most_in_flight.max(1),
            budget: Budget { per_second, left: per_second * 1000, at: 0 },
        }
    }

    /// Adds what should be written; it replaces what it makes needless.
    pub(crate) fn push(&mut self, target: Target, intent: Intent) {
        let waiting = self.targets.entry(target.clone()).or_default();
        let idle = waiting.intents.is_empty() && !waiting.in_flight;
        waiting.intents.retain(|waiting| !intent.replaces(waiting));
        waiting.intents.push_back(intent);
        if idle && waiting.failures == 0 {
            self.ready.push_back(target);
        }
    }

    /// Drops what waits for a target that is of no use any more.
    pub(crate) fn drop_waiting(&mut self, target: &Target, needless: impl Fn(&Intent) -> bool) {
        if let Some(waiting) = self.targets.get_mut(target) {
            waiting.intents.retain(|intent| !needless(intent));
        }
    }

    /// Whether something is being written to a target.
    pub(crate) fn is_in_flight(&self, target: &Target) -> bool {
        self.targets.get(target).is_some_and(|waiting| waiting.in_flight)
    }

    /// The next one that may be written now. It has to be answered by [`Queue::done`].
    pub(crate) fn next(&mut self, now: Milliseconds) -> Option<(Target, Intent)> {
        while let Some((at, target)) = self.paused.first().filter(|(at, _)| *at <= now).cloned() {
            self.paused.remove(&(at, target.clone()));
            self.ready.push_back(target);
        }
        self.budget.refill(now);
        while self.in_flight < self.most_in_flight && self.budget.left >= 1000 {
            let target = self.ready.pop_front()?;
            let Some(waiting) = self.targets.get_mut(&target).filter(|it| !it.in_flight) else {
                continue;
            };
            let Some(intent) = waiting.intents.pop_front() else {
                self.targets.remove(&target);
                continue;
            };
            waiting.in_flight = true;
            self.in_flight += 1;
            self.budget.left -= 1000;
            return Some((target, intent));
        }
        None
    }

    /// Takes in that a write is over, and whether it has to be tried again later.
    pub(crate) fn done(&mut self, now: Milliseconds, target: &Target, failed: bool) {
        let Some(waiting) = self.targets.get_mut(target) else { return };
        if std::mem::take(&mut waiting.in_flight) {
            self.in_flight -= 1;
        }
        if failed {
            // Objects that fail at once are not tried again at once: the pause depends on the name.
            let pause = FIRST_PAUSE_MILLISECONDS << waiting.failures.min(DOUBLINGS);
            let pause = pause + scatter(target) % pause;
            waiting.failures += 1;
            self.paused.insert((now.saturating_add(pause), target.clone()));
            return;
        }
        waiting.failures = 0;
        if waiting.intents.is_empty() {
            self.targets.remove(target);
        } else {
            self.ready.push_back(target.clone());
        }
    }

    /// When to look again, if nothing happens before.
    pub(crate) fn wakeup(&self, now: Milliseconds) -> Option<Milliseconds> {
        let paused = self.paused.first().map(|&(at, _)| at);
        let lacks = !self.ready.is_empty() && self.in_flight < self.most_in_flight;
        let refilled = lacks.then(|| now + 1000_u64.div_ceil(self.budget.per_second));
        paused.into_iter().chain(refilled).min()
    }

    /// How many targets have something to be written.
    pub(crate) fn depth(&self) -> usize {
        self.targets.len()
    }
}

impl Budget {
    fn refill(&mut self, now: Milliseconds) {
        let passed = now.saturating_sub(self.at).min(1000);
        self.left = (self.left + passed * self.per_second).min(self.per_second * 1000);
        self.at = now;
    }
}

impl Intent {
    /// Whether an older one that waits is needless by this one.
    fn replaces(&self, older: &Self) -> bool {
        match (self, older) {
            (Self::Remove, Self::Assign(_)) | (Self::DeletePod { .. }, Self::Place(_)) => true,
            // Each changes something else of the node.
            (Self::MarkNode(_), Self::MarkNode(_)) => false,
            _ => std::mem::discriminant(self) == std::mem::discriminant(older),
        }
    }
}

/// A number that differs from target to target (FNV-1a).
fn scatter(target: &Target) -> u64 {
    let text = format!("{target:?}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
