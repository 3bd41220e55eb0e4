//! `proffer jobs`: the jobs of a namespace, and why they wait.

use jiff::Timestamp;
use kube::ResourceExt;
use proffer_crds::SparkJob;

use super::connection::{Connection, ConnectionArguments, list};
use super::print::{self, Format, Objects, Table, age};
use crate::terminal;

pub(super) const HELP: &str = "\
Everything is read from the status of the SparkJobs. The message of a job that waits says what it waits
for; `proffer explain JOB` says more.

Examples:
  proffer jobs                          those of the namespace
  proffer jobs -A --pool analytics      those of a pool, wherever they are
  proffer jobs -o json | jq '.items[] | select(.status.state == \"Failed\") | .metadata.name'";

/// The command line arguments of `jobs`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct JobsArguments {
    /// Only this job
    #[arg(value_name = "JOB", conflicts_with_all = ["pool", "selector", "all_namespaces"])]
    name: Option<String>,

    /// The jobs of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Only the jobs of this pool
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,

    /// Only jobs with these labels, such as app=sums,team!=etl
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,

    /// How to print them, if not as a table
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: &JobsArguments) -> anyhow::Result<()> {
    let connection = Connection::open(&arguments.connection).await?;
    Ok(terminal::print(jobs(&connection, arguments, Timestamp::now()).await?)?)
}

async fn jobs(
    connection: &Connection,
    arguments: &JobsArguments,
    now: Timestamp,
) -> anyhow::Result<String> {
    let is_wide = arguments.output == Some(Format::Wide);
    if let Some(name) = &arguments.name {
        let job = connection.job(name).await?;
        let text = print::objects(arguments.output, &Objects::Named(&job))?;
        return Ok(text.unwrap_or_else(|| table(&[job], false, is_wide, now).to_string()));
    }
    let api = connection.api::<SparkJob>(arguments.all_namespaces);
    let mut jobs = list(&api, arguments.selector.as_deref()).await?;
    if let Some(pool) = &arguments.pool {
        jobs.retain(|job| job.spec.pool == *pool);
    }
    if let Some(text) = print::objects(arguments.output, &Objects::List(&jobs))? {
        return Ok(text);
    }
    let table = table(&jobs, arguments.all_namespaces, is_wide, now);
    if table.is_empty() {
        let place = if arguments.all_namespaces {
            "in any namespace".to_owned()
        } else {
            format!("in namespace {}", connection.namespace)
        };
        terminal::tell(format_args!("there are no such jobs {place}"));
        return Ok(String::new());
    }
    Ok(table.to_string())
}

fn table(jobs: &[SparkJob], has_namespaces: bool, is_wide: bool, now: Timestamp) -> Table {
    let namespace = has_namespaces.then_some("NAMESPACE");
    let wide = ["PLACE", "PRIORITY", "RESTARTS"].into_iter().filter(|_| is_wide);
    let narrow = ["NAME", "POOL", "STATE", "EXECUTORS", "TASKS", "AGE"];
    let mut table = Table::new(namespace.into_iter().chain(narrow).chain(wide).chain(["MESSAGE"]));
    for job in jobs {
        let namespace = has_namespaces.then(|| job.namespace().unwrap_or_default());
        let status = job.status.clone().unwrap_or_default();
        let message = match &job.status {
            None => "no operator has seen it yet".to_owned(),
            Some(_) => status.message.unwrap_or_default(),
        };
        let narrow = [
            job.name_any(),
            job.spec.pool.clone(),
            format!("{:?}", status.state),
            status.executors.summary,
            status.tasks,
            age(job, now),
        ];
        let wide = is_wide.then(|| {
            let place = status.position.map_or_else(String::new, |place| place.to_string());
            [place, job.spec.priority.to_string(), status.restarts.to_string()]
        });
        let cells = namespace.into_iter().chain(narrow);
        table.row(cells.chain(wide.into_iter().flatten()).chain([message]));
    }
    table
}

#[cfg(test)]
mod tests;
