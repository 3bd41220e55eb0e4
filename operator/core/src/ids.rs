//! The names and numbers by which everything is known.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

use crate::arena::id;

/// The name of a job, or of a framework, which is a job too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobKey {
    /// The job's namespace.
    #[serde(with = "crate::text::shared")]
    pub namespace: Arc<str>,
    /// The job's name in it.
    #[serde(with = "crate::text::shared")]
    pub name: Arc<str>,
}

impl fmt::Display for JobKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// The name of an executor. At most one of them is alive for a job, an index and an epoch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// The name of a task among those of its framework.
pub type TaskId = Arc<str>;

/// The number of an offer; an engine uses none twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OfferId(pub u64);

impl fmt::Display for OfferId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The number of an inverse offer; an engine uses none twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InverseOfferId(pub u64);

id! {
    /// A pool that the engine knows, declared or implied by a child's name.
    PoolId
}

id! {
    /// A node that the engine knows.
    NodeId
}

id! {
    /// A job that the engine knows.
    JobId
}

id! {
    /// An executor that the engine knows.
    ExecutorId
}

id! {
    /// A framework that the engine knows.
    FrameworkId
}

id! {
    /// A framework in one of its pools.
    ClientId
}

impl FrameworkId {
    pub(crate) const FIRST: Self = Self(0);
    pub(crate) const LAST: Self = Self(u32::MAX);
}
