//! `proffer pools`: who shares the cluster, and how.

use jiff::Timestamp;
use kube::{Api, ResourceExt};
use proffer_crds::ResourcePool;

use super::connection::{Connection, ConnectionArguments, is_missing, list, sentence};
use super::print::{self, Format, Objects, Table, age, amounts};
use crate::terminal;

pub(super) const HELP: &str = "\
SHARE is the largest part of any resource that the pool and its children hold, ALLOCATED what they hold, FAIR
the share that they would have if all that is held or wanted were given out anew. OFFERED is what of it is in
offers that Mesos frameworks have not answered yet.
The pool `a.dev` is a child of `a`.

Examples:
  proffer pools
  proffer pools -o wide               with reservations, namespaces and what is wrong with settings
  proffer pools analytics -o yaml";

/// The command line arguments of `pools`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PoolsArguments {
    /// Only this pool
    #[arg(value_name = "POOL")]
    name: Option<String>,

    /// How to print them, if not as a table
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: &PoolsArguments) -> anyhow::Result<()> {
    let connection = Connection::open(&arguments.connection).await?;
    Ok(terminal::print(pools(&connection, arguments, Timestamp::now()).await?)?)
}

async fn pools(
    connection: &Connection,
    arguments: &PoolsArguments,
    now: Timestamp,
) -> anyhow::Result<String> {
    let api: Api<ResourcePool> = Api::all(connection.client.clone());
    let is_wide = arguments.output == Some(Format::Wide);
    if let Some(name) = &arguments.name {
        let pool = api.get(name).await.map_err(|error| {
            if is_missing(&error) {
                anyhow::anyhow!("there is no pool {name}")
            } else {
                sentence(error, &format!("cannot get pool {name}"))
            }
        })?;
        let text = print::objects(arguments.output, &Objects::Named(&pool))?;
        return Ok(text.unwrap_or_else(|| table(&[pool], is_wide, now).to_string()));
    }
    let pools = list(&api, None).await?;
    if let Some(text) = print::objects(arguments.output, &Objects::List(&pools))? {
        return Ok(text);
    }
    if pools.is_empty() {
        terminal::tell("there are no pools; jobs that name none need one called default");
        return Ok(String::new());
    }
    Ok(table(&pools, is_wide, now).to_string())
}

fn table(pools: &[ResourcePool], is_wide: bool, now: Timestamp) -> Table {
    let wide = ["OFFERED", "RESERVED", "FAIRNESS", "NAMESPACES", "MESSAGE"];
    let narrow = [
        "NAME",
        "WEIGHT",
        "SHARE",
        "FAIR",
        "ALLOCATED",
        "GUARANTEE",
        "LIMIT",
        "RUNNING",
        "PENDING",
        "AGE",
    ];
    let mut table = Table::new(narrow.into_iter().chain(wide.into_iter().filter(|_| is_wide)));
    for pool in pools {
        let (spec, status) = (&pool.spec, pool.status.clone().unwrap_or_default());
        let narrow = [
            pool.name_any(),
            spec.weight.to_string(),
            status.dominant_share.unwrap_or_default(),
            status.fair_share.unwrap_or_default(),
            amounts(&status.allocated),
            guarantee(&amounts(&spec.guarantee), status.guarantee_met),
            amounts(&spec.limit),
            status.running_jobs.to_string(),
            status.pending_jobs.to_string(),
            age(pool, now),
        ];
        let wide = is_wide.then(|| {
            let active = status.conditions.iter().find(|condition| condition.type_ == "Active");
            let message = active.filter(|active| active.reason != "Ready");
            [
                amounts(&status.offered),
                amounts(&status.reserved),
                spec.fairness.map_or_else(String::new, |fairness| format!("{fairness:?}")),
                spec.namespaces.join(","),
                message.map_or_else(String::new, |active| active.message.clone()),
            ]
        });
        table.row(narrow.into_iter().chain(wide.into_iter().flatten()));
    }
    table
}

/// A guarantee, and whether it is broken.
fn guarantee(amounts: &str, is_met: Option<bool>) -> String {
    match is_met {
        Some(false) if !amounts.is_empty() => format!("{amounts} (not met)"),
        _ => amounts.to_owned(),
    }
}

#[cfg(test)]
mod tests;
