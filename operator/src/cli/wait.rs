//! `proffer wait JOB`: returns when something has become of a job.

mod bars;
mod timeout;

use std::process::ExitCode;

use anyhow::anyhow;
use futures::{StreamExt, TryStreamExt};
use kube::ResourceExt;
use kube::runtime::{WatchStreamExt, watcher};
use proffer_crds::SparkJob;

use super::connection::{Connection, ConnectionArguments, is_hopeless, sentence};
use crate::terminal;
use bars::Bars;
pub(super) use timeout::Timeout;

pub(super) const HELP: &str = "\
On a terminal a bar for each stage shows how far the job is. In a pipe nothing is printed but the last
line. A job that cannot come to what is waited for any more, as it has ended otherwise or was deleted,
is not waited for.

Exit code: 0 when it is so, 1 when it cannot become so any more or the cluster cannot be asked, 2 if the
arguments are wrong, 124 after the time that --timeout gives.

Examples:
  proffer wait sum-product                         until it has succeeded
  proffer wait sum-product --for Finished          succeeded or failed
  proffer wait sum-product --for PodsReady --timeout 5m && proffer logs -f sum-product";

/// The exit code after `--timeout`, that of timeout(1).
const TIMED_OUT: u8 = 124;

/// The command line arguments of `wait`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct WaitArguments {
    /// The job
    #[arg(value_name = "JOB")]
    name: String,

    /// What to wait for
    #[arg(long = "for", value_name = "WHAT", ignore_case = true, default_value = "Complete")]
    goal: Goal,

    /// How long to wait at most, such as 90s, 5m or 1h30m; for ever if it is not given
    #[arg(long, value_name = "TIME")]
    timeout: Option<Timeout>,

    /// Print nothing, whatever the terminal
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    connection: ConnectionArguments,
}

/// What to wait for: a condition of the job, or its deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(super) enum Goal {
    /// It has succeeded
    Complete,
    /// It has failed
    Failed,
    /// It has succeeded or failed
    Finished,
    /// It holds resources
    QuotaReserved,
    /// All the executors that it wants are ready
    PodsReady,
    /// It is suspended
    Suspended,
    /// It is gone
    Deleted,
}

/// What a look at the job says of the goal.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Reached,
    NotYet,
    Never(String),
}

pub(super) async fn run(arguments: &WaitArguments) -> anyhow::Result<ExitCode> {
    run_on(&Connection::open(&arguments.connection).await?, arguments).await
}

async fn run_on(connection: &Connection, arguments: &WaitArguments) -> anyhow::Result<ExitCode> {
    let mut bars = Bars::new(arguments.quiet);
    let (name, goal) = (&arguments.name, arguments.goal);
    let verdict = match arguments.timeout {
        None => wait(connection, name, goal, &mut bars).await,
        Some(Timeout(limit)) => {
            let waits = wait(connection, name, goal, &mut bars);
            let Ok(verdict) = tokio::time::timeout(limit, waits).await else {
                bars.finish();
                let last = bars.last();
                terminal::tell(format_args!(
                    "proffer: job {name} is not {goal:?} after {limit:?}: {last}"
                ));
                return Ok(ExitCode::from(TIMED_OUT));
            };
            verdict
        }
    };
    bars.finish();
    match verdict? {
        Ok(()) => {
            if !arguments.quiet {
                terminal::line(format_args!("sparkjob.proffer.dev/{name}: {goal:?}"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(sentence) => {
            terminal::tell(format_args!("proffer: {sentence}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Watches a job until it has come to the goal, or why it never will is known.
async fn wait(
    connection: &Connection,
    name: &str,
    goal: Goal,
    bars: &mut Bars,
) -> anyhow::Result<Result<(), String>> {
    let api = connection.api::<SparkJob>(false);
    let mut seen = false;
    let mut versions = watcher::watch_object(api, name).default_backoff().boxed();
    loop {
        let job = match versions.try_next().await {
            Ok(Some(job)) => job,
            Ok(None) => return Err(anyhow!("the watch of job {name} has ended")),
            Err(
                watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error),
            ) if is_hopeless(&error) => {
                return Err(sentence(error, &format!("cannot watch job {name}")));
            }
            Err(error) => {
                bars.line(&format!("the cluster cannot be reached, trying again: {error}"));
                continue;
            }
        };
        match judge(goal, job.as_ref()) {
            Verdict::Reached => return Ok(Ok(())),
            Verdict::NotYet => {}
            Verdict::Never(_) if job.is_none() && !seen => {
                let namespace = &connection.namespace;
                return Ok(Err(format!("there is no job {name} in namespace {namespace}")));
            }
            Verdict::Never(sentence) => return Ok(Err(format!("job {name} {sentence}"))),
        }
        seen |= job.is_some();
        if let Some(job) = job {
            bars.show(&job.name_any(), &job.status.unwrap_or_default());
        }
    }
}

fn judge(goal: Goal, job: Option<&SparkJob>) -> Verdict {
    let Some(job) = job else {
        return match goal {
            Goal::Deleted => Verdict::Reached,
            _ => Verdict::Never("was deleted".to_owned()),
        };
    };
    let Some(status) = &job.status else { return Verdict::NotYet };
    let name = format!("{goal:?}");
    let mut conditions = status.conditions.iter();
    if conditions.any(|condition| condition.type_ == name && condition.status == "True") {
        return Verdict::Reached;
    }
    if !status.state.is_final() || goal == Goal::Deleted {
        return Verdict::NotYet;
    }
    let message = status.message.as_ref().map(|message| format!(", {message}"));
    Verdict::Never(format!("has ended: {:?}{}", status.state, message.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
