//! The program that runs in executor pods.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use proffer_executor::fetch::{Uri, fetch};
use proffer_executor::processes::Children;
use proffer_executor::{ExecutorArguments, install, log_to_stderr};

/// Run the tasks of a Proffer executor
#[derive(Parser)]
#[command(name = "proffer-executor", version, about, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run what the operator assigns
    #[command(after_help = RUN_EXAMPLE)]
    Run(ExecutorArguments),

    /// Copy this program into a folder, for a container whose image does not have it
    Install {
        /// The folder, made when it is not there
        folder: PathBuf,
    },

    /// Fetch the files of a Mesos task into its sandbox
    Fetch {
        /// The sandbox
        folder: PathBuf,

        /// The files, each as {"value": URI}, with the other fields that Mesos has
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
}

const EXAMPLES: &str = "\
Proffer starts executors itself; there is seldom a reason to do so by hand.

  proffer-executor install /proffer     in an init container, with a volume at /proffer
  /proffer/proffer-executor run --stdio in the container with the tasks' programs

Set RUST_LOG=debug for more in the log.";

const RUN_EXAMPLE: &str = r#"To see it work, type these two lines into `proffer-executor run --stdio`, and end with Ctrl-D:

{"kind":"SparkJob","apiVersion":"proffer.dev/v1alpha1","metadata":{"name":"hello","uid":"1"},"spec":{"stages":[{"name":"hello","command":["echo","hello"]}]}}
{"kind":"SparkExecutor","apiVersion":"proffer.dev/v1alpha1","metadata":{"name":"hello-0","generation":1},"spec":{"protocolVersion":1,"job":"hello","assignments":[{"stage":"hello","ranges":"0"}]}}"#;

fn main() -> ExitCode {
    log_to_stderr("info");
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run(arguments),
        Command::Install { folder } => install(&folder).map(|target| {
            println!("{}", target.display());
        }),
        Command::Fetch { folder, files } => get(&folder, &files),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proffer-executor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn get(folder: &Path, files: &[String]) -> anyhow::Result<()> {
    let file = |text: &String| {
        serde_json::from_str(text).with_context(|| format!("\"{text}\" does not name a file"))
    };
    let files: Vec<Uri> = files.iter().map(file).collect::<anyhow::Result<_>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetched = runtime.block_on(fetch(&files, folder, &Children::default()));
    fetched.map_err(|problem| anyhow::anyhow!("Failed to fetch all URIs of the task: {problem}"))
}

fn run(arguments: ExecutorArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let end = runtime.block_on(proffer_executor::run(arguments));
    // Nothing that is stuck in a store keeps the process.
    runtime.shutdown_background();
    end
}
