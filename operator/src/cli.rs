//! The command line.

mod connection;
mod explain;
#[cfg(test)]
pub(crate) mod fake;
mod jobs;
mod logs;
mod offers;
mod pools;
mod print;
mod spark_env;
mod uninstall;
mod wait;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser};
use clap_complete::Shell;
use proffer_executor::{ExecutorArguments, log_to_stderr};

use crate::configuration::{self, Configuration};
use crate::crds_output;
use crate::kubernetes;
use crate::local::{self, LocalArguments};
use crate::logging;
use crate::master::processes::supervisor::{self, TaskArguments};
use crate::simulate::{self, SimulateArguments};
use crate::terminal::{self, Unprinted};

/// Apache Mesos's resource offers on Kubernetes
///
/// Teams get pools with weights, guarantees and limits; jobs are offered resources in dominant
/// resource fair order and run their tasks there.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  proffer local manifests/sum-product.yaml         run a job on this machine
  proffer local --nodes 4x2cpu,4Gi jobs/*.yaml     on four made-up nodes
  proffer simulate --help                          what would become of a trace of jobs
  proffer crds | kubectl apply -f -                define the resources in a cluster
  proffer jobs -A                                  what runs in a cluster, and what waits for what
  proffer explain sum-product                      why a job waits or failed, and what would help
  source <(proffer completion bash)                complete commands in this shell

A link to this program called kubectl-proffer makes it a plugin: kubectl proffer jobs.";

const LOCAL_HELP: &str = "\
The jobs of all files run side by side and share the nodes by pool. Tasks are processes of this
machine, run in the current folder. Ctrl-C stops them within their grace period, a second one at
once.

Exit code: 0 if every job succeeded, 1 if one failed, 2 if the files or arguments are wrong, 130
after Ctrl-C.

Examples:
  proffer local manifests/sum-product.yaml
  proffer local -o json manifests/sum-product.yaml | jq .status.stages[0].results
  proffer local --mesos                            a Mesos master at 127.0.0.1:5050
  proffer local --nodes 2x1cpu,1Gi manifests/pools.yaml
  proffer local manifests/pools.yaml --mesos 127.0.0.1:5051";

const OPERATOR_HELP: &str = "\
The operator watches SparkJobs, ResourcePools, nodes and pods, and makes executors for jobs. It finds
the cluster by its pod's service account, or by KUBECONFIG. Of several replicas one decides, by a
Lease. The Helm chart in charts/proffer installs it.

Exit code: 0 when it was told to stop, 1 when it cannot go on, as when another replica decides; it is
then to be started again.

Examples:
  proffer operator
  proffer operator --config operator.yaml";

const SIMULATE_HELP: &str = "\
A trace names jobs, when they come, what they want and how long their tasks run. It is replayed by
the real scheduler on made-up nodes and made-up time, so that days take seconds. The table tells how
much of the cluster was held, how long jobs waited, and the shares of pools over time.

The columns of a trace:
  submit_seconds  when the job comes                 tasks         how many tasks it has
  pool            the pool that pays                 task_seconds  how long each of them runs
  name            its name, unique in the trace      priority      in its pool; may be left out,
  executors       how many it can use at most                      higher ones come first
  cpu, memory     what one executor holds
An executor runs a task on each whole cpu that it has, one at least. Nothing fails. Lines that start
with # are comments.

A job of 80 tasks on at most 4 executors, 2 tasks at a time on each, then a single short task:
  submit_seconds,pool,name,executors,cpu,memory,tasks,task_seconds
  0,etl,nightly,4,2,4Gi,80,30
  12.5,reports,daily,1,500m,1Gi,1,5

With --seed, everything fails: the same scheduler and executors run random jobs in random pools, while
nodes come, shrink and go, executors die, writes fail, are lost or done unheard of, watches lag, and
the operator is killed at any moment. After every step it is checked that no node holds more than it
has and no pool more than its limit, that no executor's name and no attempt is used twice, that nothing
reported is forgotten, and that the sums kept step by step are those made anew. At the end faults stop,
and every job has to end or say truly why it waits. The same seed gives the same run. Steps that break
a promise are made few, written to a file, and can be played again.

A scenario is a small cluster in YAML with the numbers that must come out, of which those under
tests/scenarios of the sources are examples. One line tells of each whether they do.

Exit code: 0 if every job ended, or every scenario or promise holds, 1 if not, 2 if the files or arguments are
wrong.

Examples:
  proffer simulate scenarios/*.yaml
  proffer simulate --trace jobs.csv --pools pools.yaml --nodes 20x16cpu,64Gi
  proffer simulate --trace jobs.csv --pools pools.yaml --order all --plot shares.svg
  proffer simulate --trace jobs.csv -o json | jq '.orders[].pools[].waitingSeconds'
  proffer simulate --seed 1 --seeds 1000 --steps 1000
  proffer simulate --replay seed-7.jsonl --verbose";

/// The exit code if the arguments are wrong.
const BAD_ARGUMENTS: u8 = 2;

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run jobs on this machine, without a cluster
    #[command(after_help = LOCAL_HELP)]
    Local(LocalArguments),

    /// Run jobs on a Kubernetes cluster
    #[command(after_help = OPERATOR_HELP)]
    Operator {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,

        /// Add to this file what is decided and why, for `proffer simulate --replay`
        #[arg(long, value_name = "FILE.jsonl")]
        record: Option<PathBuf>,
    },

    /// Replay a trace of jobs on virtual time, run scenarios, or simulate faults
    #[command(after_help = SIMULATE_HELP)]
    Simulate(SimulateArguments),

    /// List the jobs of a cluster
    #[command(visible_alias = "job", after_help = jobs::HELP)]
    Jobs(jobs::JobsArguments),

    /// List the pools of a cluster
    #[command(visible_alias = "pool", after_help = pools::HELP)]
    Pools(pools::PoolsArguments),

    /// Show what jobs of a cluster were offered, and who waits for an offer
    #[command(after_help = offers::HELP)]
    Offers(offers::OffersArguments),

    /// Tell why a job waits or failed, and what would help
    #[command(after_help = explain::HELP)]
    Explain(explain::ExplainArguments),

    /// Print what the tasks of a job print
    #[command(after_help = logs::HELP)]
    Logs(logs::LogsArguments),

    /// Wait until a job has come to something
    #[command(after_help = wait::HELP)]
    Wait(wait::WaitArguments),

    /// Make a cluster ready to go on without an operator
    #[command(after_help = uninstall::HELP)]
    Uninstall(uninstall::UninstallArguments),

    /// Print the custom resource definitions
    Crds {
        /// Write a file for each into this folder instead; can be given several times
        #[arg(long, value_name = "FOLDER")]
        write: Vec<PathBuf>,
    },

    /// Print what Apache Spark 3.5 needs for --master mesos://HOST:PORT
    #[command(after_help = spark_env::HELP)]
    SparkEnv(spark_env::SparkEnvArguments),

    /// Print the completions for a shell
    Completion {
        /// The shell
        shell: Shell,
    },

    /// Run the tasks of an executor; local mode starts this program again with it
    #[command(hide = true)]
    Executor(ExecutorArguments),

    /// Run a task of a Mesos framework; local mode starts this program again with it
    #[command(hide = true)]
    Task(TaskArguments),
}

/// Runs what the command line says.
pub fn main() -> ExitCode {
    let mut command = Arguments::command();
    if is_plugin() {
        command = command.bin_name("kubectl proffer");
    }
    let arguments =
        command.try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    let end = match arguments {
        Ok(arguments) => run(arguments.command),
        Err(answer) => print_answer(&answer),
    };
    end.unwrap_or_else(|error| {
        // Whoever read this has read enough.
        if let Some(Unprinted::Closed) = error.downcast_ref() {
            return ExitCode::SUCCESS;
        }
        terminal::tell(format_args!("proffer: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Prints what the arguments alone lead to: help, the version, or what is wrong with them.
fn print_answer(answer: &clap::Error) -> anyhow::Result<ExitCode> {
    let printed = answer.print().map_err(Unprinted::from);
    match printed {
        Err(failed @ Unprinted::Failed(_)) if !answer.use_stderr() => Err(failed.into()),
        _ => Ok(ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(BAD_ARGUMENTS))),
    }
}

/// Whether kubectl started this program.
fn is_plugin() -> bool {
    let name = std::env::args_os().next();
    name.is_some_and(|name| Path::new(&name).file_name() == Some("kubectl-proffer".as_ref()))
}

/// Runs what asks a cluster.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // What the client meets is told by whoever asked, in one sentence.
    log_to_stderr("warn,kube_client=off,kube_runtime=off,tower=off");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Local(arguments) => {
            log_to_stderr("warn");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(local::run(arguments))
        }
        Command::Operator { config, record } => {
            let configuration = match &config {
                Some(file) => configuration::load(file)?,
                None => Configuration::default(),
            };
            logging::start(&configuration.logging);
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let end = runtime.block_on(kubernetes::run(
                configuration,
                config.as_deref(),
                record.as_deref(),
            ));
            runtime.shutdown_background();
            end.map(|()| ExitCode::SUCCESS)
        }
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Jobs(arguments) => block_on(jobs::run(&arguments)).map(|()| ExitCode::SUCCESS),
        Command::Pools(arguments) => block_on(pools::run(&arguments)).map(|()| ExitCode::SUCCESS),
        Command::Offers(arguments) => block_on(offers::run(&arguments)).map(|()| ExitCode::SUCCESS),
        Command::Explain(arguments) => {
            block_on(explain::run(&arguments)).map(|()| ExitCode::SUCCESS)
        }
        Command::Logs(arguments) => block_on(logs::run(&arguments)).map(|()| ExitCode::SUCCESS),
        Command::Wait(arguments) => block_on(wait::run(&arguments)),
        Command::Uninstall(arguments) => block_on(uninstall::run(&arguments)),
        Command::SparkEnv(arguments) => spark_env::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Crds { write } if write.is_empty() => {
            for (_, text) in crds_output::render()? {
                terminal::print(format_args!("---\n{text}"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Crds { write } => {
            for (name, text) in crds_output::render()? {
                for folder in &write {
                    let file = folder.join(name);
                    std::fs::write(&file, &text)
                        .with_context(|| format!("cannot write {}", file.display()))?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            let mut completions = Vec::new();
            clap_complete::generate(shell, &mut command, "proffer", &mut completions);
            terminal::print(String::from_utf8_lossy(&completions))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Task(arguments) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let end = runtime.block_on(supervisor::run(arguments));
            // Standard input is read by a thread that may wait for ever.
            runtime.shutdown_background();
            end
        }
        Command::Executor(arguments) => {
            // What becomes of tasks is told by the one who started this.
            log_to_stderr("error");
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let end = runtime.block_on(proffer_executor::run(arguments));
            // Nothing that is stuck in a store keeps the process.
            runtime.shutdown_background();
            end.map(|()| ExitCode::SUCCESS)
        }
    }
}
