//! `proffer offers`: what was offered and taken, and who waits to be offered something.

use jiff::Timestamp;
use kube::{Api, ResourceExt};
use proffer_crds::job::JobState;
use proffer_crds::{ResourcePool, SparkExecutor, SparkJob};

use super::connection::{Connection, ConnectionArguments, list};
use super::print::{Table, age, amounts};
use crate::terminal;

pub(super) const HELP: &str = "\
A job answers an offer at once, so what can be seen of offers is what was made of them: executors that
hold resources and do not run tasks yet, and jobs that would take more than they have been offered, in
the order of their places in their pools. Of offers that Mesos frameworks have not answered yet each pool
tells the sum, with that of its children.

Examples:
  proffer offers
  proffer offers -A --pool analytics    what a pool waits for, in all namespaces";

/// The command line arguments of `offers`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct OffersArguments {
    /// Offers to the jobs of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Only offers to the jobs of this pool
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: &OffersArguments) -> anyhow::Result<()> {
    let connection = Connection::open(&arguments.connection).await?;
    Ok(terminal::print(offers(&connection, arguments, Timestamp::now()).await?)?)
}

async fn offers(
    connection: &Connection,
    arguments: &OffersArguments,
    now: Timestamp,
) -> anyhow::Result<String> {
    let executors = connection.api::<SparkExecutor>(arguments.all_namespaces);
    let jobs = connection.api::<SparkJob>(arguments.all_namespaces);
    let pools: Api<ResourcePool> = Api::all(connection.client.clone());
    let (mut executors, mut jobs) = futures::try_join!(list(&executors, None), list(&jobs, None))?;
    // Not everybody who may see jobs may see pools.
    let mut pools = list(&pools, None).await.unwrap_or_default();
    if let Some(pool) = &arguments.pool {
        executors.retain(|executor| executor.spec.pool == *pool);
        jobs.retain(|job| job.spec.pool == *pool);
        pools.retain(|known| known.name_any() == *pool);
    }
    let open = open(&pools);
    let open = if open.is_empty() {
        String::new()
    } else {
        format!("Open offers to Mesos frameworks:\n{open}\n")
    };
    Ok(open + &render(&executors, jobs, arguments.all_namespaces, now))
}

/// What is in offers that are not answered.
fn open(pools: &[ResourcePool]) -> Table {
    let mut table = Table::new(["POOL", "RESOURCES"]).indented(2);
    for pool in pools {
        let offered = pool.status.as_ref().map(|status| amounts(&status.offered));
        if let Some(offered) = offered.filter(|offered| !offered.is_empty()) {
            table.row([pool.name_any(), offered]);
        }
    }
    table
}

fn render(
    executors: &[SparkExecutor],
    jobs: Vec<SparkJob>,
    has_namespaces: bool,
    now: Timestamp,
) -> String {
    let accepted = accepted(executors, has_namespaces, now);
    let waiting = waiting(jobs, has_namespaces);
    let accepted = if accepted.is_empty() {
        "No executor is on its way.\n".to_owned()
    } else {
        format!("Taken, and not ready yet:\n{accepted}")
    };
    let waiting = if waiting.is_empty() {
        "No job waits for an offer.\n".to_owned()
    } else {
        format!("Waiting for an offer:\n{waiting}")
    };
    format!("{accepted}\n{waiting}")
}

fn accepted(executors: &[SparkExecutor], has_namespaces: bool, now: Timestamp) -> Table {
    let namespace = has_namespaces.then_some("NAMESPACE");
    let columns = ["POOL", "JOB", "EXECUTOR", "NODE", "RESOURCES", "AGE"];
    let mut table = Table::new(namespace.into_iter().chain(columns)).indented(2);
    let is_ready =
        |executor: &&SparkExecutor| executor.status.as_ref().is_some_and(|status| status.ready);
    for executor in executors.iter().filter(|executor| !is_ready(executor)) {
        let namespace = has_namespaces.then(|| executor.namespace().unwrap_or_default());
        let spec = &executor.spec;
        table.row(namespace.into_iter().chain([
            spec.pool.clone(),
            spec.job.clone(),
            executor.name_any(),
            spec.node.clone(),
            amounts(&spec.resources),
            age(executor, now),
        ]));
    }
    table
}

fn waiting(mut jobs: Vec<SparkJob>, has_namespaces: bool) -> Table {
    let namespace = has_namespaces.then_some("NAMESPACE");
    let columns = ["POOL", "PLACE", "JOB", "EXECUTORS", "WAITS FOR"];
    let mut table = Table::new(namespace.into_iter().chain(columns)).indented(2);
    jobs.retain(|job| job.status.as_ref().is_some_and(waits));
    let place = |job: &SparkJob| job.status.as_ref().and_then(|status| status.position);
    // Those that have executors have no place; they come after those that have none.
    jobs.sort_by_key(|job| (job.spec.pool.clone(), place(job).is_none(), place(job)));
    for job in jobs {
        let namespace = has_namespaces.then(|| job.namespace().unwrap_or_default());
        let status = job.status.clone().unwrap_or_default();
        table.row(namespace.into_iter().chain([
            job.spec.pool.clone(),
            status.position.map_or_else(String::new, |place| place.to_string()),
            job.name_any(),
            status.executors.summary,
            status.message.unwrap_or_default(),
        ]));
    }
    table
}

/// Whether a job would take more than it has.
fn waits(status: &proffer_crds::SparkJobStatus) -> bool {
    let executors = &status.executors;
    match status.state {
        JobState::Pending => true,
        JobState::Running => executors.launched < executors.wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
