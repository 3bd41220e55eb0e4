//! Simulation: a trace of jobs, replayed on virtual time by the real engine.
//!
//! ```text
//! trace ─► jobs ──┐                                            ┌─► table, JSON, YAML
//! pools ──────────┼─► model (engine, virtual executors) ─► report
//! nodes, order ───┘                                            └─► plot
//! ```
//!
//! Nothing of what decides is written a second time here: [`model`] plays the nodes and executors
//! around a `proffer_core::Engine`. The same input gives the same output, to the byte.

mod faults;
mod model;
mod order;
mod plot;
mod report;
pub mod scenarios;
mod table;
mod timeline;
mod trace;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use proffer_core::engine::Settings;
use proffer_core::event::{NodeObservation, PoolObservation};
use proffer_crds::{DEFAULT_POOL, ResourcePool, ResourcePoolSpec};

use crate::convert;
use crate::local::{self, NodeSpec, OutputFormat};
use crate::manifests::{self, ManifestError, ManifestErrors, Manifests};
use crate::terminal;
use model::{Setup, SimulationError};
use order::{Order, OrderChoice};
use report::Report;
use trace::TraceJob;
use units::Seconds;

/// The exit code of a simulation that could not start, because of its arguments or files.
const BAD_INPUT: u8 = 2;

/// The command line arguments of simulations.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulateArguments {
    /// Scenarios: small clusters with the numbers that must come out; - is standard input
    #[arg(
        value_name = "FILE",
        conflicts_with_all = [
            "trace", "pools", "nodes", "order", "start_delay", "share_half_life", "time_limit", "plot",
            "output", "seed", "replay"
        ]
    )]
    files: Vec<PathBuf>,

    /// The jobs, as a table in CSV; - is standard input
    ///
    /// Its columns are explained below.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present_any = ["files", "seed", "replay"],
        conflicts_with_all = ["seed", "replay"]
    )]
    trace: Option<PathBuf>,

    /// A manifest of ResourcePools; without it there is the pool "default" only
    ///
    /// Their namespaces and what they may ask of an autoscaler do not matter here.
    #[arg(long, value_name = "FILE")]
    pools: Option<PathBuf>,

    /// The nodes, such as 20x16cpu,64Gi
    ///
    /// Written as [COUNTx]CPUcpu,MEMORY and any of ,RESOURCE=AMOUNT ,label:KEY=VALUE
    /// ,taint:KEY[=VALUE]:EFFECT after it. Can be given several times.
    #[arg(long, value_name = "NODES", default_value = "10x16cpu,64Gi")]
    nodes: Vec<NodeSpec>,

    /// Who is served first; several are compared
    #[arg(long, value_name = "ORDER", value_delimiter = ',', default_value = "hdrf")]
    order: Vec<OrderChoice>,

    /// How long an executor takes from its launch until it can run tasks
    #[arg(long, value_name = "SECONDS", default_value = "1")]
    start_delay: Seconds,

    /// Let what pools held lately count in their shares, half of it after this time
    #[arg(long, value_name = "SECONDS")]
    share_half_life: Option<Seconds>,

    /// Give up when a job has not ended by this time of the trace
    #[arg(long, value_name = "SECONDS", default_value = "31536000")]
    time_limit: Seconds,

    /// Write a picture of the shares over time into this file
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,

    /// Print everything as data instead of a table
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<OutputFormat>,

    #[command(flatten)]
    faults: faults::FaultArguments,
}

/// What a trace is replayed on.
#[derive(Clone, Debug)]
struct Scene {
    nodes: Vec<NodeObservation>,
    /// By name.
    pools: Vec<PoolObservation>,
    /// In the order of the file.
    jobs: Vec<TraceJob>,
    start_delay: Seconds,
    share_half_life: Option<Seconds>,
    time_limit: Seconds,
}

/// Replays a trace, or runs scenarios, and prints what became of it.
pub fn run(arguments: &SimulateArguments) -> anyhow::Result<ExitCode> {
    if arguments.faults.are_given() {
        return faults::run(&arguments.faults);
    }
    if !arguments.files.is_empty() {
        return scenarios::run(&arguments.files);
    }
    let scene = match load(arguments) {
        Ok(scene) => scene,
        Err(message) => {
            terminal::tell(message);
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let report = compare(&scene, &order::chosen(&arguments.order))?;
    if let Some(file) = &arguments.plot {
        std::fs::write(file, plot::svg(&report))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    match arguments.output {
        None => terminal::print(table::render(&report))?,
        Some(OutputFormat::Json) => {
            terminal::line(serde_json::to_string_pretty(&report).context("cannot write JSON")?)?;
        }
        Some(OutputFormat::Yaml) => {
            terminal::print(serde_yaml::to_string(&report).context("cannot write YAML")?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Replays the same trace once in each order.
fn compare(scene: &Scene, orders: &[Order]) -> Result<Report, SimulationError> {
    let mut report = Report::new(scene);
    for &order in orders {
        let outcome = model::run(&Setup {
            settings: Settings {
                share_half_life_milliseconds: scene.share_half_life.map(Seconds::span),
                ..order.settings()
            },
            nodes: &scene.nodes,
            pools: &order.pools(&scene.pools),
            submissions: &order.submissions(&scene.jobs, &scene.pools),
            accounts: scene.pools.len(),
            start_delay: scene.start_delay,
            time_limit: scene.time_limit,
        })?;
        report.add(scene, order, &outcome);
    }
    Ok(report)
}

/// Reads and checks everything; the error is all that is wrong, a line each.
fn load(arguments: &SimulateArguments) -> Result<Scene, String> {
    let mut pools = BTreeMap::new();
    if let Some(file) = &arguments.pools {
        pools = read_pools(file).map_err(|errors| errors.to_string())?;
    }
    pools.entry(DEFAULT_POOL.to_owned()).or_insert_with(|| {
        let pool = ResourcePool::new(DEFAULT_POOL, ResourcePoolSpec::default());
        convert::pool_observation(&pool)
    });
    let Some(trace) = &arguments.trace else {
        return Err("there is no trace to replay; name one by --trace FILE".to_owned());
    };
    let (name, text) = manifests::read_text(trace).map_err(|error| error.to_string())?;
    let names: Vec<&str> = pools.keys().map(String::as_str).collect();
    let jobs = trace::parse(&name, &text, &names).map_err(|errors| errors.to_string())?;
    let nodes = local::nodes(&arguments.nodes)?;
    Ok(Scene {
        nodes,
        pools: pools.into_values().collect(),
        jobs,
        start_delay: arguments.start_delay,
        share_half_life: arguments.share_half_life,
        time_limit: arguments.time_limit,
    })
}

/// The pools of a manifest, by name.
fn read_pools(file: &Path) -> Result<BTreeMap<String, PoolObservation>, ManifestErrors> {
    let Manifests { jobs, pools } = manifests::load(&[file.to_owned()])?;
    let mut errors: Vec<ManifestError> = jobs
        .iter()
        .map(|job| {
            let message = "a SparkJob has no place among the pools; the jobs come from the trace";
            job.source.error("kind", message)
        })
        .collect();
    let mut observations = BTreeMap::new();
    let objects: Vec<ResourcePool> = pools.iter().map(|pool| pool.object.clone()).collect();
    for pool in pools {
        let mut problems = convert::pool_problems(&pool.object);
        problems.extend(convert::pool_family_problems(&pool.object, &objects));
        let problems = problems.into_iter();
        errors.extend(problems.map(|problem| pool.source.error(&problem.field, problem.message)));
        // Jobs of a trace have no namespace, and there is nobody to add nodes.
        let (namespaces, elastic) = (Vec::new(), None);
        let pool = convert::pool_observation(&pool.object);
        let pool = PoolObservation { namespaces, elastic, ..pool };
        observations.insert(pool.name.to_string(), pool);
    }
    if errors.is_empty() { Ok(observations) } else { Err(ManifestErrors { errors, more: 0 }) }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
