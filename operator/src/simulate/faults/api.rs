//! The API server: objects with versions, and who has yet to hear of what.

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::action::{Assignment, Search};
use proffer_core::event::{NodeObservation, PoolObservation};
use proffer_core::jobs::JobKey;
use proffer_crds::{SparkExecutor, SparkJob, SparkJobStatus};

use super::executors::Pod;

/// The namespace of everything.
pub(super) const NAMESPACE: &str = "simulation";

/// The name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ObjectKey {
    Node(Box<str>),
    Pool(Box<str>),
    Job(String),
    Executor(String),
    Pod(String),
}

/// What the operator asks the API server for.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// Creates an executor's object, and with it its pod.
    Create { name: String, executor: Box<SparkExecutor>, search: Search },
    /// Tells an executor what to run.
    Assign { name: String, assignment: Assignment },
    /// Tells an executor to go; its object stays.
    Delete { name: String },
    /// Deletes the object of an executor that is gone.
    Discard { name: String },
    /// Replaces a job's status, if the job is of this version.
    Status { job: JobKey, uid: String, revision: u64, version: String, status: Box<SparkJobStatus> },
}

/// What the API server says to a write that it heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Exists,
    Conflict,
    Missing,
}

/// All objects as they are. Watches are told the newest version of one object after the other, in any
/// order, sooner or later; versions in between are missed by those who are slow.
#[derive(Debug, Default)]
pub(super) struct Api {
    pub(super) nodes: BTreeMap<Box<str>, NodeObservation>,
    pub(super) pools: BTreeMap<Box<str>, PoolObservation>,
    pub(super) jobs: BTreeMap<String, SparkJob>,
    pub(super) executors: BTreeMap<String, SparkExecutor>,
    pub(super) pods: BTreeMap<String, Pod>,
    /// What the operator has not heard of yet.
    pub(super) unheard: BTreeSet<ObjectKey>,
    version: u64,
    uids: u64,
}

impl Api {
    pub(super) fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    pub(super) fn next_uid(&mut self) -> String {
        self.uids += 1;
        format!("u{}", self.uids)
    }

    /// Notes that an object is not what it was.
    pub(super) fn changed(&mut self, key: ObjectKey) {
        self.unheard.insert(key);
    }

    /// All objects that there are.
    pub(super) fn all(&self) -> impl Iterator<Item = ObjectKey> + '_ {
        let nodes = self.nodes.keys().cloned().map(ObjectKey::Node);
        let pools = self.pools.keys().cloned().map(ObjectKey::Pool);
        let jobs = self.jobs.keys().cloned().map(ObjectKey::Job);
        let executors = self.executors.keys().cloned().map(ObjectKey::Executor);
        let pods = self.pods.keys().cloned().map(ObjectKey::Pod);
        nodes.chain(pools).chain(jobs).chain(executors).chain(pods)
    }
}

impl Write {
    /// The object that is written; writes to one object go one after the other.
    pub(super) fn target(&self) -> ObjectKey {
        match self {
            Self::Create { name, .. }
            | Self::Assign { name, .. }
            | Self::Delete { name }
            | Self::Discard { name } => ObjectKey::Executor(name.clone()),
            Self::Status { job, .. } => ObjectKey::Job(job.name.to_string()),
        }
    }

    /// Whether a write that waits behind others is made needless by a newer one.
    pub(super) fn is_replaced_by(&self, newer: &Self) -> bool {
        matches!(
            (self, newer),
            (Self::Assign { .. }, Self::Assign { .. } | Self::Delete { .. })
                | (Self::Status { .. }, Self::Status { .. })
                | (Self::Create { .. }, Self::Create { .. })
                | (Self::Delete { .. }, Self::Delete { .. })
                | (Self::Discard { .. }, Self::Discard { .. })
        )
    }
}
