//! `proffer explain JOB`: where a job stands, why, and what could be done about it.

mod advice;
mod application;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{Api, ResourceExt};
use proffer_core::ranges::Ranges;
use proffer_crds::job::{JobState, StageStatus, TaskFailure};
use proffer_crds::{ResourcePool, SparkExecutor, SparkJob, SparkJobStatus};

use super::connection::{Connection, ConnectionArguments, list};
use super::print::{Table, age, since};
use crate::kubernetes::names::SPARK_APPLICATION_LABEL;
use crate::terminal;

pub(super) const HELP: &str = "\
Everything is read from the status of the SparkJob and of its SparkExecutors: the place of the job among
those of its pool that wait, what it waits for and what would help, how far each stage is, which nodes it
declines, and the last failures with the end of what the task wrote to its standard error. Of an application
of Apache Spark, the pods of driver and executors are shown, each with what it waits for.

Examples:
  proffer explain sum-product
  proffer explain sum-product -n team";

/// The command line arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ExplainArguments {
    /// The job
    #[arg(value_name = "JOB")]
    name: String,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: &ExplainArguments) -> anyhow::Result<()> {
    let connection = Connection::open(&arguments.connection).await?;
    let api = connection.api::<SparkExecutor>(false);
    let (job, mut executors) =
        futures::try_join!(connection.job(&arguments.name), list(&api, None))?;
    executors.retain(|executor| is_of(executor, &job));
    let pools: Api<ResourcePool> = Api::all(connection.client.clone());
    // Not everybody who may see jobs may see pools.
    let pool = pools.get_opt(&job.spec.pool).await.ok().flatten();
    let now = Timestamp::now();
    terminal::print(explain(&job, pool.as_ref(), &executors, now))?;
    if let Some(of_spark) = job.status.as_ref().and_then(|status| status.application.as_ref()) {
        let selector = format!("{SPARK_APPLICATION_LABEL}={}", of_spark.id);
        let pods: Api<Pod> = connection.api(false);
        let pods = list(&pods, Some(&selector)).await?;
        terminal::print(application::explain(of_spark, &pods, now))?;
    }
    Ok(())
}

/// Whether an executor is one of a job, and not of an earlier one of its name.
fn is_of(executor: &SparkExecutor, job: &SparkJob) -> bool {
    let spec = &executor.spec;
    let is_same = spec.job_uid.is_empty() || Some(&spec.job_uid) == job.metadata.uid.as_ref();
    spec.job == job.name_any() && is_same
}

fn explain(
    job: &SparkJob,
    pool: Option<&ResourcePool>,
    executors: &[SparkExecutor],
    now: Timestamp,
) -> String {
    let status = job.status.clone().unwrap_or_default();
    let mut text = head(job, pool, &status, now);
    section(&mut text, "Conditions", &conditions(&status.conditions, now));
    section(&mut text, "Stages", &stages(&status.stages));
    section(&mut text, "Executors", &executor_table(executors, now));
    section(&mut text, "Declined nodes", &declined(&status));
    failures(&mut text, &status.failures);
    text
}

fn head(
    job: &SparkJob,
    pool: Option<&ResourcePool>,
    status: &SparkJobStatus,
    now: Timestamp,
) -> String {
    let shares = pool.filter(|_| !status.state.is_final()).and_then(shares).unwrap_or_default();
    let mut text = String::new();
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            line(&mut text, format_args!("{:<13}{value}", format!("{name}:")));
        }
    };
    field("Job", format!("{}/{}", job.namespace().unwrap_or_default(), job.name_any()));
    let priority = job.spec.priority;
    let pool = &job.spec.pool;
    field(
        "Pool",
        if priority == 0 { pool.clone() } else { format!("{pool}, priority {priority}") },
    );
    field("Pool holds", shares);
    let place =
        status.position.map(|place| format!(", place {place} among those that wait in its pool"));
    let state = format!("{:?}{}", status.state, place.unwrap_or_default());
    field(
        "State",
        if job.status.is_some() { state } else { "no operator has seen it yet".to_owned() },
    );
    let reason = reason(status);
    field("Reason", reason.unwrap_or_default().to_owned());
    field("Message", status.message.clone().unwrap_or_default());
    field(
        "What helps",
        reason.and_then(|word| advice::advice(word.parse().ok()?)).unwrap_or_default().to_owned(),
    );
    field("Created", ago(job.metadata.creation_timestamp.as_ref(), now));
    field("Started", ago(status.start_time.as_ref(), now));
    field("Ended", ago(status.completion_time.as_ref(), now));
    field("Tasks", status.tasks.clone());
    let executors = job.status.as_ref().map(executor_counts);
    field("Executors", executors.unwrap_or_default());
    field(
        "Restarts",
        if status.restarts == 0 { String::new() } else { status.restarts.to_string() },
    );
    let is_stale = job.metadata.generation > status.observed_generation;
    if job.status.is_some() && is_stale {
        line(
            &mut text,
            format_args!("\nThe operator has not yet seen the latest change of the job."),
        );
    }
    text
}

/// What a pool holds beside what would be fair.
fn shares(pool: &ResourcePool) -> Option<String> {
    let status = pool.status.as_ref()?;
    let mut text = status.dominant_share.clone()?;
    if let Some(fair) = &status.fair_share {
        text = format!("{text} of the cluster; {fair} would be fair");
    }
    if status.guarantee_met == Some(false) {
        text.push_str("; less than it is guaranteed");
    }
    Some(text)
}

/// The word for what keeps a job from going on, or made it fail.
fn reason(status: &SparkJobStatus) -> Option<&str> {
    let found = |kind: &str, value: &str| {
        let mut conditions = status.conditions.iter();
        conditions.find(|condition| condition.type_ == kind && condition.status == value)
    };
    let condition = found("Failed", "True")
        .or_else(|| found("Suspended", "True"))
        .or_else(|| found("QuotaReserved", "False"));
    condition.map(|condition| condition.reason.as_str())
}

fn executor_counts(status: &SparkJobStatus) -> String {
    let counts = &status.executors;
    if status.state.is_final() && counts.failed == 0 {
        return String::new();
    }
    let failed = match counts.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let preferred =
        counts.preferred.map(|count| format!(", {count} on nodes that the job prefers"));
    let (ready, launched, wanted) = (counts.ready, counts.launched, counts.wanted);
    let preferred = preferred.unwrap_or_default();
    format!("{ready} ready, {launched} launched, {wanted} wanted{failed}{preferred}")
}

fn ago(time: Option<&Time>, now: Timestamp) -> String {
    time.map_or_else(String::new, |time| format!("{} ago, {}", since(time.0, now), time.0))
}

fn conditions(conditions: &[Condition], now: Timestamp) -> Table {
    let mut table = Table::new(["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"]).indented(2);
    for condition in conditions {
        let since = since(condition.last_transition_time.0, now);
        let Condition { type_, status, reason, message, .. } = condition.clone();
        table.row([type_, status, since, reason, message]);
    }
    table
}

fn stages(stages: &[StageStatus]) -> Table {
    let columns = ["NAME", "STATE", "DONE", "RUNNING", "FAILED", "LOST", "LEFT"];
    let mut table = Table::new(columns).indented(2);
    let sum = |counts: &BTreeMap<String, i32>| counts.values().copied().map(i64::from).sum::<i64>();
    for stage in stages {
        let total = u32::try_from(stage.tasks).unwrap_or(0);
        let mut left = Ranges::up_to(total);
        left.remove_all(&stage.finished);
        table.row([
            stage.name.clone(),
            format!("{:?}", stage.state),
            format!("{}/{}", stage.finished.len(), stage.tasks),
            stage.running.to_string(),
            sum(&stage.failures).to_string(),
            sum(&stage.losses).to_string(),
            shorten(&left.to_string()),
        ]);
    }
    table
}

/// The start of a long list of numbers.
fn shorten(ranges: &str) -> String {
    const LONGEST: usize = 40;
    match ranges.get(..LONGEST).and_then(|start| start.rsplit_once(',')) {
        Some((start, _)) if ranges.len() > LONGEST => format!("{start},…"),
        _ => ranges.to_owned(),
    }
}

fn executor_table(executors: &[SparkExecutor], now: Timestamp) -> Table {
    let mut table = Table::new(["NAME", "NODE", "READY", "RUNS", "AGE"]).indented(2);
    for executor in executors {
        let status = executor.status.clone().unwrap_or_default();
        let runs =
            status.running.iter().map(|running| format!("{} {}", running.stage, running.ranges));
        table.row([
            executor.name_any(),
            executor.spec.node.clone(),
            status.ready.to_string(),
            runs.collect::<Vec<_>>().join(", "),
            age(executor, now),
        ]);
    }
    table
}

fn declined(status: &SparkJobStatus) -> Table {
    let mut table = Table::new(["NODE", "UNTIL", "REASON"]).indented(2);
    if status.state.is_final() || status.state == JobState::Suspended {
        return table;
    }
    for node in &status.declined_nodes {
        let until = node.until.as_ref().map_or_else(String::new, |until| until.0.to_string());
        table.row([node.name.clone(), until, node.reason.clone()]);
    }
    table
}

fn failures(text: &mut String, failures: &[TaskFailure]) {
    if failures.is_empty() {
        return;
    }
    line(text, format_args!("\nFailures, the last one last:"));
    for failure in failures {
        let TaskFailure { stage, task, attempt, reason, message, stderr } = failure;
        line(text, format_args!("  {stage}/{task}, attempt {attempt}, {reason}: {message}"));
        for printed in stderr.trim_end().lines() {
            line(text, format_args!("    | {printed}"));
        }
    }
}

fn section(text: &mut String, title: &str, table: &Table) {
    if !table.is_empty() {
        line(text, format_args!("\n{title}:"));
        text.push_str(&table.to_string());
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests;
