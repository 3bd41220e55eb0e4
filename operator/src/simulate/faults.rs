//! Simulation with faults: the real engine and the real executor's session in a cluster in which
//! everything fails, and promises that are checked after every step.
//!
//! ```text
//! seed ─► script ─► world: people and clouds (cluster.rs) ─┐
//!                          API server (api.rs) ────────────┼─► promises.rs, account.rs, rest.rs,
//!                          operator (operator.rs, engine) ─┤   Engine::check
//!                          executors (executors.rs) ───────┤
//!                          frameworks (frameworks.rs) ─────┘
//! ```
//!
//! A run is a list of steps. All that is random is which; a step means the same whenever it is played
//! at the same place, so a run can be recorded, repeated and made shorter. In the spirit of
//! `FoundationDB`'s simulation and `TigerBeetle`'s VOPR. Another kind of actor or fault is a file with its
//! steps, and a line in [`world::Step`].

mod account;
mod api;
mod cluster;
mod constraints;
mod executors;
mod fairness;
mod frameworks;
mod landing;
mod operator;
mod panics;
mod play;
mod promises;
mod random;
mod record;
mod rest;
mod world;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use proffer_core::explain::Utc;

use crate::record::Replay;
use crate::terminal;
use play::{Failure, Script};

/// The exit code when a promise is broken.
const BROKEN: u8 = 1;

/// The exit code of a simulation that could not start.
const BAD_INPUT: u8 = 2;

/// The command line arguments of simulations with faults.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct FaultArguments {
    /// Simulate faults: the number that everything random follows from
    #[arg(long, value_name = "NUMBER", group = "faults")]
    seed: Option<u64>,

    /// How many steps a run has
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1000,
        requires = "seed",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000)
    )]
    steps: usize,

    /// How many runs there are, each with the next seed
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        requires = "seed",
        value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000_000)
    )]
    seeds: u64,

    /// Write the steps of the run into this file, or the shortest that still break a promise
    #[arg(long, value_name = "FILE.jsonl")]
    record: Option<PathBuf>,

    /// Play a run that was recorded, here or by `proffer local` or `proffer operator`
    #[arg(long, value_name = "FILE.jsonl", group = "faults", conflicts_with = "seed")]
    replay: Option<PathBuf>,

    /// Print every step of the replay and everything that was decided
    #[arg(long, requires = "replay")]
    verbose: bool,
}

impl FaultArguments {
    /// Whether faults are to be simulated.
    pub(super) fn are_given(&self) -> bool {
        self.seed.is_some() || self.replay.is_some()
    }
}

/// Runs what the arguments say and tells whether all promises held.
pub(super) fn run(arguments: &FaultArguments) -> anyhow::Result<ExitCode> {
    panics::tell_apart();
    if let Some(file) = &arguments.replay {
        return replay(file, arguments.verbose);
    }
    let first = arguments.seed.unwrap_or(0);
    let last = first.saturating_add(arguments.seeds - 1);
    let progress = progress(arguments.seeds);
    let start = Instant::now();
    let mut hash = 0_u64;
    for seed in first..=last {
        let script = play::script(seed, arguments.steps);
        let outcome = play::play(&script);
        if let Some(failure) = outcome.failure {
            progress.finish_and_clear();
            return broken(arguments, &script, failure);
        }
        hash = hash.rotate_left(1) ^ outcome.hash;
        progress.inc(1);
        if let (Some(file), true) = (&arguments.record, seed == last) {
            record::write(file, &script)?;
        }
    }
    progress.finish_and_clear();
    let fairness = match fairness::measure(first, last) {
        Ok(fairness) => fairness,
        Err(problem) => {
            terminal::line(problem)?;
            return Ok(ExitCode::from(BROKEN));
        }
    };
    let runs = last - first + 1;
    let steps = u128::from(runs) * arguments.steps as u128;
    terminal::line(format_args!(
        "{runs} runs, {steps} steps: every promise held; decisions {hash:016x}"
    ))?;
    terminal::line(format_args!("{fairness}"))?;
    if progress.is_hidden() {
        return Ok(ExitCode::SUCCESS);
    }
    let seconds = start.elapsed().as_millis().max(1);
    terminal::tell(format_args!("{} steps a second", steps * 1000 / seconds));
    Ok(ExitCode::SUCCESS)
}

/// Decides again what `proffer local` or `proffer operator` decided.
fn replay_decisions(file: &Path, verbose: bool) -> anyhow::Result<ExitCode> {
    let replay = crate::record::replay(file, |at, what, it| {
        if verbose {
            // What stands behind standard output is told of at the end.
            let _ = terminal::line(format_args!("{} {what} {it:?}", Utc(at)));
        }
    });
    let replay = match replay {
        Ok(replay) => replay,
        Err(error) => {
            terminal::tell(format_args!("{error:#}"));
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let Replay { runs, events, ticks, actions, different } = replay;
    let runs = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
    let counts = format!("{runs}, {events} events, {ticks} ticks, {actions} actions");
    match different.first() {
        None => {
            terminal::line(format_args!("{counts}: decided as recorded"))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(line) => {
            let count = different.len();
            terminal::line(format_args!(
                "{counts}: {count} ticks decided otherwise, the first in line {line}"
            ))?;
            Ok(ExitCode::from(BROKEN))
        }
    }
}

fn replay(file: &Path, verbose: bool) -> anyhow::Result<ExitCode> {
    if crate::record::is_one(file) {
        return replay_decisions(file, verbose);
    }
    let script = match record::read(file) {
        Ok(script) => script,
        Err(error) => {
            terminal::tell(format_args!("{error:#}"));
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let outcome = play::play_aloud(&script, verbose);
    match outcome.failure {
        None => {
            let (steps, hash) = (script.steps.len(), outcome.hash);
            terminal::line(format_args!(
                "{steps} steps: every promise held; decisions {hash:016x}"
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(failure) => {
            let (steps, all) = (failure.steps, script.steps.len());
            terminal::line(format_args!("after {steps} of {all} steps: {}", failure.message))?;
            Ok(ExitCode::from(BROKEN))
        }
    }
}

/// Tells of a broken promise, how to repeat it, and the shortest way there.
fn broken(
    arguments: &FaultArguments,
    script: &Script,
    failure: Failure,
) -> anyhow::Result<ExitCode> {
    let (seed, steps) = (script.seed, arguments.steps);
    terminal::line(format_args!(
        "seed {seed}, after {} steps: {}",
        failure.steps, failure.message
    ))?;
    terminal::line(format_args!("  again:  proffer simulate --seed {seed} --steps {steps}"))?;
    let (shortest, failure) = play::shrink(script, failure, |script| play::play(script).failure);
    let file = arguments.record.clone().unwrap_or_else(|| format!("seed-{seed}.jsonl").into());
    record::write(&file, &shortest)?;
    terminal::line(format_args!(
        "  {} steps are enough: {}",
        shortest.steps.len(),
        failure.message
    ))?;
    terminal::line(format_args!("  replay: proffer simulate --replay {}", file.display()))?;
    Ok(ExitCode::from(BROKEN))
}

fn progress(runs: u64) -> ProgressBar {
    if runs < 2 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {eta} left");
    let bar = ProgressBar::new(runs);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests;
