//! `proffer logs JOB`: what the tasks of a job print.

mod follow;

use std::io::Write;

use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, ResourceExt};
use proffer_crds::SparkJob;

use super::connection::{Connection, ConnectionArguments, list};
use crate::kubernetes::names::{EXECUTOR_CONTAINER, INDEX_LABEL, JOB_LABEL};
use crate::terminal::{self, Shown, Unprinted};

pub(super) const HELP: &str = "\
An executor logs what its tasks print line by line, each with the job, the stage and the task before it.
The logs of pods that are there still are shown: spec.podRetention says which those are. The end of what
failed tasks wrote is kept with the job in any case: proffer explain JOB.

Examples:
  proffer logs sum-product
  proffer logs -f sum-product                      as it comes, until the job has ended
  proffer logs sum-product --stage count --task 7
  proffer logs sum-product --executor 0 --tail 20";

/// The command line arguments of `logs`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LogsArguments {
    /// The job
    #[arg(value_name = "JOB")]
    name: String,

    /// Print what comes, until the job has ended
    #[arg(short, long)]
    follow: bool,

    /// Only lines of this stage
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,

    /// Only lines of this task, by its name or number
    #[arg(long, value_name = "TASK", requires = "stage")]
    task: Option<String>,

    /// Only this executor, by its number in the job or its name
    #[arg(long, value_name = "EXECUTOR")]
    executor: Option<String>,

    /// Only so many lines at the end of the log of each executor
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(i64).range(0..))]
    tail: Option<i64>,

    /// Begin each line with the time when it was printed
    #[arg(long)]
    timestamps: bool,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: &LogsArguments) -> anyhow::Result<()> {
    let connection = Connection::open(&arguments.connection).await?;
    let job = connection.job(&arguments.name).await?;
    let filter = Filter::new(arguments);
    let mut out = Shown::output();
    if arguments.follow {
        return follow::follow(&connection, &job, &filter, &mut out).await;
    }
    print_all(&connection, &job, &filter, &mut out).await
}

/// Prints what there is, one executor after the other.
async fn print_all(
    connection: &Connection,
    job: &SparkJob,
    filter: &Filter,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let api: Api<Pod> = connection.api(false);
    let mut pods = list(&api, Some(&selector(job))).await?;
    pods.retain(|pod| filter.wants_pod(pod, job));
    pods.sort_by_cached_key(|pod| (index(pod), pod.name_any()));
    if pods.is_empty() {
        terminal::tell(no_pods(job));
    }
    for pod in pods {
        let name = pod.name_any();
        let lines = match api.log_stream(&name, &filter.parameters(false)).await {
            Ok(reader) => reader.lines(),
            Err(error) => {
                // One that has not started, or has gone meanwhile, hides nothing of the others.
                terminal::tell(format_args!("no log of {name}: {}", cause(&error)));
                continue;
            }
        };
        futures::pin_mut!(lines);
        while let Some(line) = lines.try_next().await? {
            if filter.wants_line(&line) {
                print(out, &line)?;
            }
        }
    }
    Ok(out.flush().map_err(Unprinted::from)?)
}

/// Why there is nothing to show.
fn no_pods(job: &SparkJob) -> String {
    let name = job.name_any();
    let status = job.status.clone().unwrap_or_default();
    if status.state.is_final() {
        let retention = job.spec.pod_retention;
        return format!(
            "no such pods of job {name} are left, spec.podRetention being {retention:?}; what failed \
             tasks wrote last is kept: proffer explain {name}"
        );
    }
    let message = status.message.map(|message| format!(": {message}"));
    format!("there are no such pods of job {name} yet{}", message.unwrap_or_default())
}

/// Prints a line.
fn print(out: &mut impl Write, line: &str) -> Result<(), Unprinted> {
    Ok(writeln!(out, "{line}")?)
}

fn cause(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

fn selector(job: &SparkJob) -> String {
    format!("{JOB_LABEL}={}", job.name_any())
}

fn index(pod: &Pod) -> Option<u32> {
    pod.labels().get(INDEX_LABEL)?.parse().ok()
}

/// What of the logs is wanted.
struct Filter {
    prefix: Option<String>,
    executor: Option<String>,
    tail: Option<i64>,
    timestamps: bool,
}

impl Filter {
    fn new(arguments: &LogsArguments) -> Self {
        let job = &arguments.name;
        let prefix = match (&arguments.stage, &arguments.task) {
            (Some(stage), Some(task)) => Some(format!("{job}/{stage}/{task}: ")),
            (Some(stage), None) => Some(format!("{job}/{stage}/")),
            (None, _) => None,
        };
        Self {
            prefix,
            executor: arguments.executor.clone(),
            tail: arguments.tail,
            timestamps: arguments.timestamps,
        }
    }

    fn parameters(&self, follow: bool) -> LogParams {
        LogParams {
            container: Some(EXECUTOR_CONTAINER.to_owned()),
            follow,
            tail_lines: self.tail,
            timestamps: self.timestamps,
            ..LogParams::default()
        }
    }

    /// Whether a pod is one of this very job, and of the executor that is asked for.
    fn wants_pod(&self, pod: &Pod, job: &SparkJob) -> bool {
        let owners = pod.owner_references();
        if !owners.iter().any(|owner| Some(&owner.uid) == job.metadata.uid.as_ref()) {
            return false;
        }
        let Some(executor) = &self.executor else { return true };
        pod.name_any() == *executor || pod.labels().get(INDEX_LABEL) == Some(executor)
    }

    fn wants_line(&self, line: &str) -> bool {
        let Some(prefix) = &self.prefix else { return true };
        let line = match line.split_once(' ') {
            Some((_, rest)) if self.timestamps => rest,
            _ => line,
        };
        line.starts_with(prefix)
    }
}

#[cfg(test)]
mod tests;
