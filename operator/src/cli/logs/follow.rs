//! Logs as they come, of executors as they come.

use std::collections::BTreeSet;
use std::io::Write;

use futures::stream::{BoxStream, SelectAll};
use futures::{AsyncBufReadExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use proffer_crds::SparkJob;

use super::super::connection::Connection;
use super::{EXECUTOR_CONTAINER, Filter, cause, print, selector};
use crate::terminal::{self, Unprinted};

/// Prints what the executors of a job log, until it has ended and nothing more comes.
pub(super) async fn follow(
    connection: &Connection,
    job: &SparkJob,
    filter: &Filter,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let api: Api<Pod> = connection.api(false);
    let config = watcher::Config::default().labels(&selector(job));
    let mut pods = watcher(api.clone(), config).default_backoff().applied_objects().boxed();
    let jobs = connection.api::<SparkJob>(false);
    let mut jobs = watcher::watch_object(jobs, &job.name_any()).default_backoff().boxed();
    let mut followed = BTreeSet::new();
    let mut lines: SelectAll<BoxStream<'static, std::io::Result<String>>> = SelectAll::new();
    let mut has_ended = false;
    loop {
        tokio::select! {
            // What is there is printed before the end is heard of.
            biased;
            Some(line) = lines.next(), if !lines.is_empty() => match line {
                Ok(line) if filter.wants_line(&line) => {
                    print(out, &line)?;
                    out.flush().map_err(Unprinted::from)?;
                }
                Ok(_) => {}
                Err(error) => terminal::tell(format_args!("a log broke off: {error}")),
            },
            Some(pod) = pods.next() => {
                // Errors of watches are tried again; what they are is not of interest here.
                let Ok(pod) = pod else { continue };
                if !filter.wants_pod(&pod, job) || !has_started(&pod) {
                    continue;
                }
                let name = pod.name_any();
                if !followed.insert(pod.uid().unwrap_or_default()) {
                    continue;
                }
                match api.log_stream(&name, &filter.parameters(true)).await {
                    Ok(reader) => lines.push(reader.lines().boxed()),
                    Err(error) => {
                        terminal::tell(format_args!("no log of {name}: {}", cause(&error)));
                    }
                }
            }
            Some(job) = jobs.next() => match job {
                Ok(Some(job)) => {
                    has_ended = job.status.is_some_and(|status| status.state.is_final());
                }
                Ok(None) => has_ended = true,
                Err(_) => {}
            },
            else => return Ok(()),
        }
        if has_ended && lines.is_empty() {
            return Ok(());
        }
    }
}

/// Whether the executor of a pod has ever run, so that there is a log.
fn has_started(pod: &Pod) -> bool {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let state = statuses.into_iter().flatten().find(|status| status.name == EXECUTOR_CONTAINER);
    state.and_then(|status| status.state.as_ref()).is_some_and(|state| state.waiting.is_none())
}
