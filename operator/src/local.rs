//! Local mode: manifests, run on this machine.
//!
//! ```text
//! manifests ─► convert ─► engine ─► executors, which are processes of this program
//! ```

mod cluster;
mod machine;
mod maintenance;
mod mesos;
pub(crate) mod output;
mod process;
mod progress;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use kube::ResourceExt;
use proffer_core::jobs::JobSpec;
use proffer_crds::job::JobState;
use proffer_crds::{DEFAULT_POOL, ResourcePool, ResourcePoolSpec, SparkJob};
use proffer_executor::processes;
use tokio::signal::unix::{SignalKind, signal};

use crate::convert::{self, Problem};
use crate::manifests::{self, Located, ManifestError, Manifests};
use crate::terminal;
use cluster::LocalCluster;
pub use machine::NodeSpec;
pub(crate) use machine::nodes;
pub use maintenance::MaintenanceSpec;
use mesos::MesosArguments;
pub use output::OutputFormat;
use progress::Progress;

/// The command line arguments of local mode.
#[derive(Clone, Debug, clap::Args)]
pub struct LocalArguments {
    /// Manifests of SparkJobs and ResourcePools; - is standard input
    #[arg(required_unless_present = "mesos", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Offer these nodes instead of this machine, such as 4x2cpu,4Gi
    ///
    /// Written as [COUNTx]CPUcpu,MEMORY and any of ,RESOURCE=AMOUNT ,label:KEY=VALUE
    /// ,taint:KEY[=VALUE]:EFFECT after it. They are as virtual as you like: nothing stops you from
    /// offering more than this machine has. Can be given several times.
    #[arg(long, value_name = "NODES")]
    nodes: Vec<NodeSpec>,

    /// Empty a node in so many seconds, for so many seconds, such as node-0=30,60
    ///
    /// Nothing new goes there in the minute before, what runs may end until then, and what does not
    /// runs again elsewhere. Without the second number it is for good. Can be given several times.
    #[arg(long, value_name = "NODE=AFTER[,FOR]")]
    maintenance: Vec<MaintenanceSpec>,

    #[command(flatten)]
    mesos: MesosArguments,

    /// Add to this file what is decided and why, for `proffer simulate --replay`
    #[arg(long, value_name = "FILE.jsonl")]
    record: Option<PathBuf>,

    /// Print the final objects, and nothing else, on standard output
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<OutputFormat>,

    /// Print neither progress nor the lines of tasks
    #[arg(short, long)]
    quiet: bool,
}

/// The exit code of a run in which a job failed.
const JOB_FAILED: u8 = 1;

/// The exit code of a run that could not start, because of its arguments or files.
const BAD_INPUT: u8 = 2;

/// What is said of Spark applications.
const SPARK_NEEDS_A_CLUSTER: &str = "a Spark application has pods, which a cluster runs and this machine \
    does not; here it runs by spark-submit --master mesos://127.0.0.1:5050, beside proffer local --mesos";

/// How a run ended.
enum End {
    /// Every job ended by itself, or would wait for ever.
    Complete,
    /// A signal of this number stopped it.
    Stopped(u8),
}

/// Runs the jobs of some files to their end.
pub async fn run(arguments: LocalArguments) -> anyhow::Result<ExitCode> {
    let (jobs, pools) = match load(&arguments.files, arguments.mesos.is_asked_for()) {
        Ok(loaded) => loaded,
        Err(message) => {
            terminal::tell(message);
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    processes::become_subreaper()
        .context("cannot become the parent of what executors leave behind")?;
    let mut nodes = match machine::nodes(&arguments.nodes) {
        Ok(nodes) => nodes,
        Err(message) => {
            terminal::tell(message);
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let progress = Progress::new(arguments.quiet);
    let mut cluster = LocalCluster::new(pools, progress.clone(), arguments.record.as_deref())?;
    match maintenance::schedule(&mut nodes, &arguments.maintenance, cluster.now()) {
        Ok(sentences) => sentences.iter().for_each(|sentence| progress.line(sentence)),
        Err(message) => {
            terminal::tell(message);
            return Ok(ExitCode::from(BAD_INPUT));
        }
    }
    let traces = match mesos::start(&arguments.mesos, &mut cluster, &mut nodes, &progress).await {
        Ok(traces) => traces,
        Err(message) => {
            terminal::tell(message);
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    cluster.add_nodes(nodes);
    for (job, spec) in jobs {
        cluster.submit(job, spec)?;
    }
    let end = run_until_signalled(&mut cluster, &progress).await?;
    progress.finish();
    drop(traces);
    let (jobs, pools) = cluster.objects();
    if matches!(end, End::Complete) {
        cluster.waiting().iter().for_each(|(job, message)| tell_of_waiting(job, message));
    }
    match arguments.output {
        Some(format) => terminal::print(output::objects(format, &jobs, &pools)?)?,
        None if jobs.is_empty() => {}
        None => terminal::print(output::summary(&jobs))?,
    }
    let succeeded = |job: &SparkJob| {
        job.status.as_ref().is_some_and(|status| status.state == JobState::Succeeded)
    };
    Ok(match end {
        End::Stopped(number) => ExitCode::from(128 + number),
        End::Complete if jobs.iter().all(succeeded) => ExitCode::SUCCESS,
        End::Complete => ExitCode::from(JOB_FAILED),
    })
}

/// Tells why a job was left waiting.
fn tell_of_waiting(job: &str, message: &str) {
    terminal::tell(format_args!(
        "{job} would wait for ever: {message}; nodes and pools stay as they are here, so name others by \
         --nodes and in the files, or ask for less"
    ));
}

/// Runs until all jobs have ended. The first signal stops executors, which lets tasks end within
/// their grace period; the second one kills everything.
async fn run_until_signalled(
    cluster: &mut LocalCluster,
    progress: &Progress,
) -> anyhow::Result<End> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut stopped = None;
    loop {
        let number = tokio::select! {
            done = cluster.run() => {
                done?;
                return Ok(stopped.map_or(End::Complete, End::Stopped));
            }
            _ = interrupt.recv() => 2,
            _ = terminate.recv() => 15,
        };
        if stopped.is_some() {
            let own = std::process::id();
            processes::kill_descendants(own, &[]).await.context("cannot kill what was started")?;
            return Ok(End::Stopped(number));
        }
        stopped = Some(number);
        progress.line("stopping; once more to kill at once");
        cluster.stop();
    }
}

type Loaded = (Vec<(SparkJob, JobSpec)>, Vec<ResourcePool>);

/// Reads and checks everything; the error is all that is wrong, a line each.
fn load(files: &[PathBuf], may_be_empty: bool) -> Result<Loaded, String> {
    let Manifests { jobs, pools } = manifests::load(files).map_err(|errors| errors.to_string())?;
    let mut errors: Vec<ManifestError> = Vec::new();
    let objects: Vec<ResourcePool> = pools.iter().map(|pool| pool.object.clone()).collect();
    for pool in &pools {
        collect(&mut errors, pool, convert::pool_problems(&pool.object));
        collect(&mut errors, pool, convert::pool_family_problems(&pool.object, &objects));
        if pool.object.spec.elastic.is_some() {
            // Not an error: the same files are for clusters.
            let message = "no autoscaler adds nodes to this machine; elastic is ignored";
            terminal::tell(format_args!("warning: {}", pool.source.error("spec.elastic", message)));
        }
    }
    let mut pools = objects;
    pools.iter_mut().for_each(|pool| pool.spec.elastic = None);
    if !pools.iter().any(|pool| pool.name_any() == DEFAULT_POOL) {
        pools.push(ResourcePool::new(DEFAULT_POOL, ResourcePoolSpec::default()));
    }
    let names: BTreeSet<String> = pools.iter().map(ResourceExt::name_any).collect();
    let mut specs = Vec::new();
    let claims = convert::namespace_claims(&pools);
    for job in jobs {
        let namespace = job.object.namespace().unwrap_or_default();
        if !names.contains(&job.object.spec.pool) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (pool, names) = (&job.object.spec.pool, names.join(", "));
            let message =
                format!("there is no pool \"{pool}\" in these files; the pools are: {names}");
            errors.push(job.source.error("spec.pool", message));
        } else if let Err(message) = claims.check(&namespace, &job.object.spec.pool) {
            errors.push(job.source.error("spec.pool", message));
        }
        if job.object.spec.spark.is_some() {
            errors.push(job.source.error("spec.spark", SPARK_NEEDS_A_CLUSTER));
            continue;
        }
        match convert::job_spec(&job.object) {
            Ok(spec) => specs.push((job.object, spec)),
            Err(problems) => collect(&mut errors, &job, problems),
        }
    }
    if errors.is_empty() && specs.is_empty() && !may_be_empty {
        return Err("there is no SparkJob in these files, so there is nothing to run".to_owned());
    }
    if errors.is_empty() {
        return Ok((specs, pools));
    }
    Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn collect<T>(errors: &mut Vec<ManifestError>, object: &Located<T>, problems: Vec<Problem>) {
    let problems = problems.into_iter();
    errors.extend(problems.map(|problem| object.source.error(&problem.field, problem.message)));
}
