//! The process around a task: it starts the command, and whatever happens leaves nothing of it behind.
//!
//! Its standard input says `stop MILLISECONDS` or `kill`; when that ends, whoever started it is gone and
//! everything is killed. On its standard output it says `pid N` or `error SENTENCE`, and at last
//! `exited CODE` or `signal NUMBER`.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context;
use proffer_executor::processes;
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::Instant;

/// The command line arguments of a task's process.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TaskArguments {
    /// Where the command runs and its output goes
    #[arg(long, value_name = "FOLDER")]
    sandbox: PathBuf,

    /// What the program is told it is called
    #[arg(long, value_name = "NAME")]
    own_name: Option<OsString>,

    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs a command to its end.
pub(crate) async fn run(arguments: TaskArguments) -> anyhow::Result<ExitCode> {
    processes::become_subreaper().context("cannot become the parent of what the task leaves")?;
    let mut child = match start(&arguments) {
        Ok(child) => child,
        Err(problem) => {
            println!("error {problem}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let leader = child.id().unwrap_or_default();
    println!("pid {leader}");
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    let mut kill_at: Option<Instant> = None;
    let mut is_told = true;
    let status = loop {
        tokio::select! {
            biased;
            status = child.wait() => break status,
            line = told.next_line(), if is_told => {
                let line = line.ok().flatten();
                is_told = line.is_some();
                let time = line.as_deref().and_then(|line| line.strip_prefix("stop "));
                if let Some(milliseconds) = time.and_then(|time| time.parse().ok()) {
                    terminate(leader);
                    kill_at = Instant::now().checked_add(Duration::from_millis(milliseconds));
                } else {
                    processes::kill_group(leader, Signal::KILL);
                }
            }
            () = at(kill_at), if kill_at.is_some() => {
                kill_at = None;
                processes::kill_group(leader, Signal::KILL);
            }
        }
    };
    processes::kill_group(leader, Signal::KILL);
    processes::kill_descendants(std::process::id(), &[])
        .await
        .context("cannot end what the task has left")?;
    match status {
        Ok(status) => match status.signal() {
            Some(signal) => println!("signal {signal}"),
            None => println!("exited {}", status.code().unwrap_or_default()),
        },
        Err(error) => println!("error it is not known how the command ended: {error}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn start(arguments: &TaskArguments) -> Result<tokio::process::Child, String> {
    let TaskArguments { sandbox, own_name, command } = arguments;
    let (program, rest) = command.split_first().ok_or("the command is empty")?;
    let cannot =
        |error: std::io::Error| format!("Failed to run '{}': {error}", program.to_string_lossy());
    let log = |name: &str| File::create(sandbox.join(name)).map_err(cannot);
    let mut process = Command::new(program);
    if let Some(name) = own_name {
        process.arg0(name);
    }
    process
        .args(rest)
        .current_dir(sandbox)
        .stdin(Stdio::null())
        .stdout(log("stdout")?)
        .stderr(log("stderr")?)
        .process_group(0)
        .spawn()
        .map_err(cannot)
}

/// Asks everything of a task to end.
fn terminate(leader: u32) {
    processes::kill_group(leader, Signal::TERM);
    // What has made a group of its own is asked, too.
    for process in processes::descendants(std::process::id()).unwrap_or_default() {
        if process.group != leader && process.id == process.group {
            processes::kill_group(process.group, Signal::TERM);
        }
    }
}

async fn at(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time).await;
    }
}
