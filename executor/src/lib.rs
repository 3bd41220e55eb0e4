//! Runs the tasks of a Proffer executor as child processes and reports on them.
//!
//! ```text
//! operator ─► stdio ─► supervisor ─► session: what to start, stop and report
//!                          │  ▲
//!                          ▼  │ how it ended
//!                         run: input ─► process ─► result, output
//! ```
//!
//! - `session` decides and keeps what is not acknowledged; it does no IO.
//! - `supervisor` is the loop around it; `stdio` is its way to the operator in local mode, `kubernetes`
//!   in a cluster.
//! - `run` is one attempt. `input` finds and cuts what it reads, `process` runs the command,
//!   `results` and `output` keep what it leaves, in a `store`.
//! - [`processes`] finds and kills processes; `memory` keeps them within a limit.

// Words.
mod arguments;
mod attempt;
mod ending;
mod failure;

// The machine, stores and the log.
mod install;
mod log;
mod logging;
pub mod processes;
mod store;

// One side of an attempt each.
pub mod fetch;
mod memory;
mod output;
mod results;
mod session;

// What a task reads, the results of earlier stages among it.
mod input;

// A command.
mod process;

// An attempt.
mod run;

// All attempts.
mod supervisor;

// The ways to the operator.
mod kubernetes;
mod stdio;

pub use arguments::{ExecutorArguments, Options};
pub use attempt::{Attempt, Kept, Outcome};
pub use failure::{Failure, Reason};
pub use install::{PROGRAM, install};
pub use logging::log_to_stderr;
pub use session::{Session, UnknownProtocol};

/// Runs an executor as its arguments say. When this returns, no process that a task has started is
/// left.
pub async fn run(arguments: ExecutorArguments) -> anyhow::Result<()> {
    match arguments.kubernetes.clone() {
        Some(name) => kubernetes::run_kubernetes(&name, arguments.into()).await,
        None => stdio::run_stdio(arguments.into()).await,
    }
}
