//! What should be written to executors, jobs, pools, pods and nodes.
//!
//! A wish says what should be different, not how: how it is done is decided when its turn comes, by what
//! is known then.

use std::mem::discriminant;
use std::sync::Arc;

use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::PoolObservation;
use proffer_core::jobs::JobKey;
use proffer_core::view::JobStatus;
use proffer_crds::ResourcePoolStatus;

use super::grants::Grant;
use super::pod::ObjectName;
use crate::master::NodeMark;

/// What is written to: writes to one target go one after the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// An executor: its pod and its object.
    Executor(ExecutorKey),
    /// The driver of a Spark application, until its pod is there.
    Driver(ExecutorKey),
    /// A job.
    Job(JobKey),
    /// A pool.
    Pool(Box<str>),
    /// A pod that others made, or that of a driver or a task.
    Pod(ObjectName),
    /// A node.
    Node(Box<str>),
    /// What executors or drivers of a namespace may do.
    Grant(Grant),
}

/// What should be written to which target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    /// To an executor.
    Executor(ExecutorKey, ExecutorWish),
    /// To a driver.
    Driver(ExecutorKey, DriverWish),
    /// To a job.
    Job(JobKey, JobWish),
    /// To a pool, by name.
    Pool(Box<str>, PoolWish),
    /// To a pod.
    Pod(ObjectName, PodWish),
    /// To a node, by name.
    Node(Box<str>, NodeWish),
    /// What executors or drivers may do is to be granted to them.
    Grant(Grant),
}

impl Wish {
    /// What is to be written to.
    pub(crate) fn target(&self) -> Target {
        match self {
            Self::Executor(key, _) => Target::Executor(key.clone()),
            Self::Driver(key, _) => Target::Driver(key.clone()),
            Self::Job(key, _) => Target::Job(key.clone()),
            Self::Pool(name, _) => Target::Pool(name.clone()),
            Self::Pod(name, _) => Target::Pod(name.clone()),
            Self::Node(name, _) => Target::Node(name.clone()),
            Self::Grant(grant) => Target::Grant(grant.clone()),
        }
    }
}

/// What should be written to one target.
pub(crate) trait Replaces {
    /// Whether an older one that waits is needless by this one.
    fn replaces(&self, older: &Self) -> bool;
}

/// What should be written to an executor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ExecutorWish {
    /// Make it.
    Launch(Launch),
    /// Tell it what to run.
    Assign(Assignment),
    /// Tell it to go.
    Remove,
    /// Delete its pod, which cannot start or has ended, with this grace period.
    DeletePod {
        /// The pod's uid.
        uid: Box<str>,
        /// How long it may take.
        grace_seconds: Option<u32>,
    },
    /// Read what it said.
    Read,
    /// Read whether its pod is there.
    ReadPod,
    /// Delete what it left.
    Discard,
}

impl Replaces for ExecutorWish {
    fn replaces(&self, older: &Self) -> bool {
        matches!((self, older), (Self::Remove, Self::Assign(_)))
            || discriminant(self) == discriminant(older)
    }
}

/// What should be written to a driver.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DriverWish {
    /// Make it.
    Launch(Launch),
}

impl Replaces for DriverWish {
    fn replaces(&self, older: &Self) -> bool {
        discriminant(self) == discriminant(older)
    }
}

/// What should be written to a job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum JobWish {
    /// Store its status.
    Status(Box<JobStatus>),
    /// Delete it: it ended long enough ago.
    Expire {
        /// The job's uid.
        uid: Box<str>,
    },
    /// It is a framework of Mesos.
    Framework(FrameworkWish),
}

/// What should be written to the job of a framework.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FrameworkWish {
    /// Make it: it is the framework of this id.
    Make(Arc<str>),
    /// Store what the framework of this id says of itself now.
    Update(Arc<str>),
}

impl Replaces for JobWish {
    fn replaces(&self, older: &Self) -> bool {
        if let (Self::Framework(wish), Self::Framework(older)) = (self, older) {
            return discriminant(wish) == discriminant(older);
        }
        discriminant(self) == discriminant(older)
    }
}

/// What should be written to a pool.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PoolWish {
    /// Store its status.
    Status(Box<ResourcePoolStatus>),
    /// Make it, without settings.
    Create,
    /// Keep it until its jobs are gone, or let it go.
    Keep(bool),
    /// Give it the weight, guarantee and limit that Mesos's operator API says.
    Shape(Box<PoolObservation>),
}

impl Replaces for PoolWish {
    fn replaces(&self, older: &Self) -> bool {
        discriminant(self) == discriminant(older)
    }
}

/// What should be written to a pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PodWish {
    /// Pin it to the node that was offered to it, and lift its gate.
    Place(Launch),
    /// Say in its status whether it was offered a node, or why not.
    Explain(Explanation),
    /// Delete it, with this grace period.
    Delete {
        /// The pod's uid.
        uid: Box<str>,
        /// How long it may take; what the pod says if nothing is said here.
        grace_seconds: Option<u32>,
    },
    /// Read the end of its log: it is a driver of Spark.
    ReadLog,
    /// It is that of a task.
    Task(TaskWish),
}

/// What should be written to the pod of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TaskWish {
    /// Make it.
    Run,
    /// Delete it.
    Delete {
        /// The pod's uid; unknown of one that may not have been made.
        uid: Option<Box<str>>,
        /// How long it may take; what the pod says if nothing is said here.
        grace_seconds: Option<u32>,
    },
    /// Note on it that the framework knows how the task ended.
    Acknowledge {
        /// The pod's uid.
        uid: Box<str>,
    },
    /// Store on it what is known of the executor of a framework's own that it is.
    Checkpoint,
}

impl Replaces for PodWish {
    fn replaces(&self, older: &Self) -> bool {
        match (self, older) {
            (Self::Delete { .. }, Self::Place(_)) => true,
            (Self::Task(wish), Self::Task(older)) => discriminant(wish) == discriminant(older),
            _ => discriminant(self) == discriminant(older),
        }
    }
}

/// Whether a pod was offered a node, or why not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Explanation {
    /// The pod's uid.
    pub(crate) uid: Box<str>,
    /// Whether it was.
    pub(crate) offered: bool,
    /// One word.
    pub(crate) reason: Box<str>,
    /// A sentence.
    pub(crate) message: String,
}

/// What should be written to a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeWish {
    /// Mark it as Mesos's operator API says.
    Mark(NodeMark),
}

impl Replaces for NodeWish {
    /// Each changes something else of the node.
    fn replaces(&self, _: &Self) -> bool {
        false
    }
}

/// That something is to be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrantWish;

impl Replaces for GrantWish {
    fn replaces(&self, _: &Self) -> bool {
        true
    }
}
