//! The executor protocol over the Kubernetes API: the assignment is the spec of a `SparkExecutor`, the
//! report its status.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::StreamExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client, ResourceExt};
use proffer_crds::{SparkExecutor, SparkExecutorStatus, SparkJob};
use serde_json::json;
use tokio::sync::mpsc;

use crate::Options;
use crate::log::Logger;
use crate::supervisor::{Message, Transport, supervise};

/// How long the last report may take to be stored when the executor is told to go.
const LAST_REPORT_PATIENCE: Duration = Duration::from_secs(4);

/// The pause after the first write that failed; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Runs an executor that watches the `SparkExecutor` of this name in the namespace of its pod and
/// reports in its status, until that says so or is deleted, or the process is told to stop.
///
/// When this returns, no process that a task has started is left.
pub(crate) async fn run_kubernetes(name: &str, options: Options) -> anyhow::Result<()> {
    let (logger, log_end) = Logger::start().context("cannot start a thread")?;
    let client = Client::try_default().await.context(
        "cannot find the API server: an executor runs in a pod with a service account's token",
    )?;
    let namespace = client.default_namespace().to_owned();
    let link = Link {
        executors: Api::namespaced(client.clone(), &namespace),
        jobs: Api::namespaced(client, &namespace),
        name: name.to_owned(),
        uid: Arc::default(),
    };
    let (messages, heard) = mpsc::channel(16);
    let (reports, written) = mpsc::channel(1);
    let listener = tokio::spawn(link.clone().listen(messages));
    let writer = tokio::spawn(link.write(written));
    let end = supervise(options, Transport { messages: heard, reports }, logger).await;
    listener.abort();
    let _ = tokio::time::timeout(LAST_REPORT_PATIENCE, writer).await;
    log_end.wait().await;
    end
}

/// The way to the API server and back.
#[derive(Clone)]
struct Link {
    executors: Api<SparkExecutor>,
    jobs: Api<SparkJob>,
    name: String,
    /// The uid of the object that this executor obeys, from when it was first seen.
    uid: Arc<OnceLock<String>>,
}

impl Link {
    /// Passes on what the object says until it is gone or says that this executor should end.
    async fn listen(self, messages: mpsc::Sender<anyhow::Result<Message>>) {
        let mut versions =
            std::pin::pin!(watch_object(self.executors.clone(), &self.name).default_backoff());
        let mut generation = 0;
        let mut stages = BTreeSet::new();
        while let Some(version) = versions.next().await {
            let object = match version {
                Ok(Some(object)) => object,
                // It is made after the pod.
                Ok(None) if self.uid.get().is_none() => continue,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!("cannot watch SparkExecutor {}: {error}", self.name);
                    continue;
                }
            };
            let uid = self.uid.get_or_init(|| object.uid().unwrap_or_default());
            if object.uid().as_deref() != Some(uid) || object.spec.stop {
                return;
            }
            let seen = object.metadata.generation.unwrap_or(1);
            if seen == generation {
                continue;
            }
            generation = seen;
            // A stage that is new may read results of earlier ones, which stand in the job's status.
            let known = stages.len();
            stages.extend(object.spec.assignments.iter().map(|list| list.stage.clone()));
            if known == 0 || stages.len() > known {
                let Some(job) = self.job(&object).await else { return };
                if messages.send(Ok(Message::Job(Box::new(job)))).await.is_err() {
                    return;
                }
            }
            if messages.send(Ok(Message::Executor(Box::new(object)))).await.is_err() {
                return;
            }
        }
    }

    /// The job as it is now; `None` if it is gone.
    async fn job(&self, executor: &SparkExecutor) -> Option<SparkJob> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.jobs.get_opt(&executor.spec.job).await {
                Ok(job) => {
                    let wanted = &executor.spec.job_uid;
                    return job.filter(|job| job.uid().as_ref() == Some(wanted));
                }
                Err(error) => tracing::warn!("cannot read SparkJob {}: {error}", executor.spec.job),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Stores reports, one after the other, until there are no more or nobody keeps them.
    async fn write(self, mut reports: mpsc::Receiver<SparkExecutorStatus>) {
        while let Some(report) = reports.recv().await {
            let mut pause = FIRST_PAUSE;
            while let Err(error) = self.store(&report).await {
                if is_gone(&error) {
                    tracing::warn!("SparkExecutor {} is gone: {error:#}", self.name);
                    return;
                }
                tracing::warn!("cannot report: {error:#}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Replaces the status as a whole; a merge would keep lists that are empty by now.
    async fn store(&self, report: &SparkExecutorStatus) -> anyhow::Result<()> {
        let uid = self.uid.get().ok_or_else(|| anyhow!("no assignment was seen yet"))?;
        let patch = serde_json::from_value(json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": report},
        ]))
        .context("cannot make a patch of a report")?;
        let patch = Patch::Json::<()>(patch);
        self.executors.patch_status(&self.name, &PatchParams::default(), &patch).await?;
        Ok(())
    }
}

/// Whether there is no object (any more) that could take a report: none of the name, or another one.
fn is_gone(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => status.code == 404 || status.code == 422,
        _ => false,
    }
}
