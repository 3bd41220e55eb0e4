//! Writes to the API server, and what came of them.
//!
//! Each write names the version or the uid of what it changes, so that none hits an object that is
//! another one by now. What may come of it is said by the type of its answer.

mod drivers;
mod executors;
mod grants;
mod jobs;
mod nodes;
mod pods;
mod pools;
mod tasks;

use std::time::Duration;

use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::Status;
use kube::{Api, Client};
use proffer_core::ExecutorKey;
use proffer_core::jobs::JobKey;

use super::grants::Grant;
use super::names::FIELD_MANAGER;
use super::pod::ObjectName;
use super::wishes::Target;
pub(crate) use drivers::{DriverAnswer, DriverWrite};
pub(crate) use executors::{ExecutorAnswer, ExecutorParts, ExecutorWrite, Launched};
pub(crate) use jobs::{FrameworkAnswer, FrameworkWrite, JobAnswer, JobWrite, Stored};
pub(crate) use nodes::{NodeAnswer, NodeWrite};
pub(crate) use pods::{PodAnswer, PodWrite};
pub(crate) use pools::{PoolAnswer, PoolWrite};
pub(crate) use tasks::{TaskAnswer, TaskWrite};

/// A write, with all that it needs.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// To an executor.
    Executor(ExecutorKey, ExecutorWrite),
    /// To a driver of Spark.
    Driver(ExecutorKey, DriverWrite),
    /// To a job.
    Job(JobKey, JobWrite),
    /// To a pool, by name.
    Pool(Box<str>, PoolWrite),
    /// To a pod that others made, or a task's or driver's.
    Pod(ObjectName, PodWrite),
    /// To a node, by name.
    Node(Box<str>, NodeWrite),
    /// Grants executors or drivers what they need.
    Grant(Grant),
}

/// What was written, and what came of it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// To an executor.
    Executor(ExecutorKey, ExecutorAnswer),
    /// To a driver of Spark.
    Driver(ExecutorKey, DriverAnswer),
    /// To a job.
    Job(JobKey, JobAnswer),
    /// To a pool, by name.
    Pool(Box<str>, PoolAnswer),
    /// To a pod that others made, or a task's or driver's.
    Pod(ObjectName, PodAnswer),
    /// To a node, by name.
    Node(Box<str>, NodeAnswer),
    /// Of granting something.
    Grant(Grant, Result<(), Unknown>),
}

impl Answer {
    /// What was written to.
    pub(crate) fn target(&self) -> Target {
        match self {
            Self::Executor(key, _) => Target::Executor(key.clone()),
            Self::Driver(key, _) => Target::Driver(key.clone()),
            Self::Job(key, _) => Target::Job(key.clone()),
            Self::Pool(name, _) => Target::Pool(name.clone()),
            Self::Pod(name, _) => Target::Pod(name.clone()),
            Self::Node(name, _) => Target::Node(name.clone()),
            Self::Grant(grant, _) => Target::Grant(grant.clone()),
        }
    }

    /// Why nothing certain is known of what came of it, if so.
    pub(crate) fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Executor(_, answer) => answer.unknown(),
            Self::Driver(_, answer) => answer.unknown(),
            Self::Job(_, answer) => answer.unknown(),
            Self::Pool(_, answer) => answer.unknown(),
            Self::Pod(_, answer) => answer.unknown(),
            Self::Node(_, answer) => answer.unknown(),
            Self::Grant(_, answer) => answer.unknown(),
        }
    }
}

/// Nothing certain is known of what came of a write, for this reason. It is to be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) String);

/// Why nothing came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The API server will not do it, however often it is asked.
    Refused(String),
    /// Nothing certain is known.
    Unknown(Unknown),
}

impl From<Unknown> for Failure {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

/// Whether a write found what it was meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done.
    Done,
    /// There is nothing of the name any more, or it is another object.
    Missing,
}

/// Why something went wrong, which may be uncertainty.
trait Uncertain {
    fn unknown(&self) -> Option<&Unknown>;
}

impl Uncertain for Unknown {
    fn unknown(&self) -> Option<&Unknown> {
        Some(self)
    }
}

impl Uncertain for Failure {
    fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(unknown) => Some(unknown),
            Self::Refused(_) => None,
        }
    }
}

impl<T, F: Uncertain> Uncertain for Result<T, F> {
    fn unknown(&self) -> Option<&Unknown> {
        self.as_ref().err().and_then(Uncertain::unknown)
    }
}

/// What writes go through.
#[derive(Clone)]
pub(crate) struct Writer {
    client: Client,
    /// How long a write may take: when it is over, another replica may write.
    timeout: Duration,
}

impl Writer {
    /// A writer that waits so long for each answer.
    pub(crate) fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// Does a write.
    pub(crate) async fn perform(&self, write: Write) -> Answer {
        match write {
            Write::Executor(key, write) => {
                let answer = self.write_executor(write).await;
                Answer::Executor(key, answer)
            }
            Write::Driver(key, write) => {
                let answer = self.write_driver(write).await;
                Answer::Driver(key, answer)
            }
            Write::Job(key, write) => {
                let answer = self.write_job(&key, write).await;
                Answer::Job(key, answer)
            }
            Write::Pool(name, write) => {
                let answer = self.write_pool(&name, write).await;
                Answer::Pool(name, answer)
            }
            Write::Pod(name, write) => {
                let answer = self.write_pod(&name, write).await;
                Answer::Pod(name, answer)
            }
            Write::Node(name, write) => {
                let answer = self.write_node(&name, write).await;
                Answer::Node(name, answer)
            }
            Write::Grant(grant) => {
                let granted = self.timely(self.grant(&grant)).await;
                Answer::Grant(grant, granted)
            }
        }
    }

    /// Gives up waiting for an answer when it is too late for it.
    async fn timely<T, F: From<Unknown>>(
        &self,
        write: impl Future<Output = Result<T, F>>,
    ) -> Result<T, F> {
        let late = |_| Err(Unknown(format!("no answer within {:?}", self.timeout)).into());
        tokio::time::timeout(self.timeout, write).await.unwrap_or_else(late)
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

fn parameters() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

async fn delete<K>(
    api: &Api<K>,
    name: &str,
    uid: &str,
    grace_seconds: Option<u32>,
) -> Result<Outcome, Unknown>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let parameters = DeleteParams {
        grace_period_seconds: grace_seconds,
        ..DeleteParams::background().preconditions(preconditions)
    };
    match api.delete(name, &parameters).await {
        Ok(_) => Ok(Outcome::Done),
        // A conflict is about the uid: the one that was meant is gone.
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {
            Ok(Outcome::Missing)
        }
        Err(error) => Err(unknown(&error)),
    }
}

/// Whether asking again gives the same answer until somebody changes something.
fn is_final(status: &Status) -> bool {
    (400..500).contains(&status.code) && !matches!(status.code, 401 | 408 | 409 | 429)
}

/// Why something was refused, without what the API server says of every refusal.
fn refusal(status: &Status) -> Failure {
    let message = status.message.trim();
    let about = [" is forbidden: ", " is invalid: "];
    let short = about.iter().find_map(|marker| Some(message.split_once(marker)?.1));
    Failure::Refused(short.unwrap_or(message).to_owned())
}

/// What went wrong, in one line.
fn unknown(error: &kube::Error) -> Unknown {
    Unknown(match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        error => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                let inner_text = inner.to_string();
                if !text.contains(&inner_text) {
                    text = format!("{text}: {inner_text}");
                }
                cause = inner.source();
            }
            text
        }
    })
}
