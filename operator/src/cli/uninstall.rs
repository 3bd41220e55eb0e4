//! `proffer uninstall`: what has to be done before the operator goes for good.
//!
//! What stays in the cluster has finalizers that only an operator removes. Without one, deleting a
//! pool, or a namespace, would never end. The Helm chart runs this before it is uninstalled.

use std::fmt::Debug;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use proffer_crds::{GROUP, ResourcePool, SparkExecutor, SparkJob};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::manifests::count;
use crate::terminal;

use super::connection::{Connection, ConnectionArguments, is_missing, list, sentence};
use super::wait::Timeout;

pub(super) const HELP: &str = "\
Three steps, each of which can be done again:
  1. With --delete-jobs, all jobs of all namespaces are deleted, and their executors are waited for.
  2. With --operator, the Deployment of that name is scaled to nothing and its pods are waited for.
  3. Proffer's finalizers are removed from jobs, pools and executors.
Definitions, pools and, without --delete-jobs, jobs stay, and their executors go on with the tasks that
they have. An operator that is installed again goes on with all of them.

Exit code: 0 when it is done, 1 if the cluster refuses, 2 if the arguments are wrong, 124 after --timeout.

Example:
  proffer uninstall --operator proffer --namespace proffer-system --delete-jobs";

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(500);

/// The exit code after `--timeout`.
const TIMED_OUT: u8 = 124;

/// The command line arguments of `uninstall`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct UninstallArguments {
    /// Stop the operator that is this Deployment of the namespace
    #[arg(long, value_name = "DEPLOYMENT")]
    operator: Option<String>,

    /// Delete all jobs first
    #[arg(long)]
    delete_jobs: bool,

    /// How long it may take
    #[arg(long, value_name = "TIME", default_value = "120s")]
    timeout: Timeout,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: &UninstallArguments) -> anyhow::Result<ExitCode> {
    let connection = Connection::open(&arguments.connection).await?;
    let work = uninstall(&connection, arguments.operator.as_deref(), arguments.delete_jobs);
    let limit = arguments.timeout.0;
    if let Ok(done) = tokio::time::timeout(limit, work).await {
        return done.map(|()| ExitCode::SUCCESS);
    }
    terminal::tell(format_args!(
        "proffer: not done after {limit:?}; run it again, or raise --timeout"
    ));
    Ok(ExitCode::from(TIMED_OUT))
}

async fn uninstall(
    connection: &Connection,
    operator: Option<&str>,
    delete_jobs: bool,
) -> anyhow::Result<()> {
    if delete_jobs {
        delete_all_jobs(connection).await?;
    }
    if let Some(operator) = operator {
        stop_operator(connection, operator).await?;
    }
    release::<SparkJob>(connection).await?;
    release::<ResourcePool>(connection).await?;
    release::<SparkExecutor>(connection).await
}

/// Deletes all jobs, and waits until they are gone with all that is theirs.
async fn delete_all_jobs(connection: &Connection) -> anyhow::Result<()> {
    let mut announced = false;
    loop {
        let jobs = all::<SparkJob>(connection).await?;
        if jobs.is_empty() {
            terminal::line("no jobs are left")?;
            return Ok(());
        }
        if !announced {
            terminal::line(format_args!("deleting {}", count(jobs.len(), "job", "jobs")))?;
            announced = true;
        }
        for job in jobs.iter().filter(|job| job.metadata.deletion_timestamp.is_none()) {
            let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
            let api: Api<SparkJob> = Api::namespaced(connection.client.clone(), &namespace);
            match api.delete(&name, &DeleteParams::foreground()).await {
                Err(error) if !is_missing(&error) => {
                    return Err(sentence(error, &format!("cannot delete job {namespace}/{name}")));
                }
                _ => {}
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Scales the operator to nothing, and waits until none of its pods could write any more.
async fn stop_operator(connection: &Connection, name: &str) -> anyhow::Result<()> {
    let deployments: Api<Deployment> = connection.api(false);
    let deployment = match deployments.get(name).await {
        Ok(deployment) => deployment,
        Err(error) if is_missing(&error) => {
            terminal::line(format_args!("there is no operator {name} to stop"))?;
            return Ok(());
        }
        Err(error) => return Err(sentence(error, &format!("cannot get deployment {name}"))),
    };
    let patch = Patch::Merge(json!({"spec": {"replicas": 0}}));
    let scaled = deployments.patch_scale(name, &PatchParams::default(), &patch).await;
    scaled.map_err(|error| sentence(error, &format!("cannot scale deployment {name} to 0")))?;
    let labels = deployment.spec.and_then(|spec| spec.selector.match_labels).unwrap_or_default();
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let pods: Api<Pod> = connection.api(false);
    while !list(&pods, Some(&labels.join(","))).await?.is_empty() {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(terminal::line(format_args!("stopped the operator {name}"))?)
}

/// Removes this project's finalizers from all objects of a kind.
async fn release<K>(connection: &Connection) -> anyhow::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut released = 0;
    loop {
        let held: Vec<K> = all::<K>(connection).await?.into_iter().filter(is_held).collect();
        if held.is_empty() {
            break;
        }
        for object in &held {
            released += usize::from(release_one(connection, object).await?);
        }
    }
    let kind = K::kind(&()).to_string();
    let released = count(released, &kind, &format!("{kind}s"));
    Ok(terminal::line(format_args!("removed finalizers of {released}"))?)
}

/// Removes the finalizers of one object; whether it was there and unchanged.
async fn release_one<K>(connection: &Connection, object: &K) -> anyhow::Result<bool>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let (name, namespace) = (object.name_any(), object.namespace());
    let kept: Vec<&String> =
        object.finalizers().iter().filter(|finalizer| !is_ours(finalizer)).collect();
    // With the version that was read, so that nobody else's finalizer is lost.
    let version = object.resource_version();
    let patch = json!({"metadata": {"resourceVersion": version, "finalizers": kept}});
    let request = kube::core::Request::new(K::url_path(&(), namespace.as_deref()));
    let request = request
        .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
        .context("cannot write a patch")?;
    match connection.client.request::<serde_json::Value>(request).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
        Err(error) => {
            let plural = K::plural(&());
            Err(sentence(error, &format!("cannot remove the finalizers of {plural} {name}")))
        }
    }
}

/// All objects of a kind, none if the cluster does not know it.
async fn all<K>(connection: &Connection) -> anyhow::Result<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::all(connection.client.clone());
    match api.list(&kube::api::ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(sentence(error, &format!("cannot list {}", K::plural(&())))),
    }
}

fn is_held<K: Resource>(object: &K) -> bool {
    object.finalizers().iter().any(|finalizer| is_ours(finalizer))
}

fn is_ours(finalizer: &str) -> bool {
    finalizer.split_once('/').is_some_and(|(group, _)| group == GROUP)
}

#[cfg(test)]
mod tests;
