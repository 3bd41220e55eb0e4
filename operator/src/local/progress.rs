//! What people see while jobs run: a bar per stage on a terminal, plain lines elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use proffer_core::explain::Utc;
use proffer_core::jobs::{DeclinedNode, JobKey, JobState, StageState};
use proffer_core::reasons::Reason;
use proffer_core::time::Time;
use proffer_core::view::{JobStatus, StageStatus};

use crate::terminal::{self, shown};

/// Shows how jobs get on, on standard error. Clones show on the same screen.
#[derive(Clone)]
pub(super) struct Progress {
    screen: Screen,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone)]
enum Screen {
    Bars(MultiProgress),
    Lines,
    Nothing,
}

/// What was shown already.
#[derive(Default)]
struct Seen {
    bars: BTreeMap<(JobKey, usize), ProgressBar>,
    /// Numbers in messages change all the time; a line is for what is new.
    states: BTreeMap<JobKey, (JobState, Option<Reason>)>,
    stages: BTreeMap<(JobKey, usize), StageState>,
    failures: BTreeSet<(JobKey, Box<str>, String, u32)>,
    speculated: BTreeMap<(JobKey, usize), u32>,
    declined: BTreeSet<(JobKey, Box<str>, Time)>,
}

impl Progress {
    /// Bars if standard error is a terminal, lines if not, nothing if `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let screen = if quiet {
            Screen::Nothing
        } else if std::io::stderr().is_terminal() {
            Screen::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)))
        } else {
            Screen::Lines
        };
        Self { screen, seen: Arc::default() }
    }

    /// Prints a line above the bars.
    pub(super) fn line(&self, line: &str) {
        match &self.screen {
            // A terminal that is gone cannot be told.
            Screen::Bars(bars) => drop(bars.println(shown(line))),
            Screen::Lines => terminal::tell(line),
            Screen::Nothing => {}
        }
    }

    /// Shows a job's new status.
    pub(super) fn job(&self, status: &JobStatus) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.failures(&mut seen, status);
        for (index, stage) in status.stages.iter().enumerate() {
            self.speculation(&mut seen, status, index, stage);
            match &self.screen {
                Screen::Bars(bars) => seen.show_bar(bars, status, index, stage),
                Screen::Lines => self.stage(&mut seen, status, index, stage),
                Screen::Nothing => {}
            }
        }
        self.declined(&mut seen, status);
        self.state(&mut seen, status);
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        if let Screen::Bars(bars) = &self.screen {
            drop(bars.clear());
        }
    }

    fn state(&self, seen: &mut Seen, status: &JobStatus) {
        let now = (status.state, status.reason);
        let before = seen.states.insert(status.key.clone(), now);
        if before == Some(now) {
            return;
        }
        let name = &status.key.name;
        match (status.state, &status.message) {
            (JobState::Succeeded, _) => self.line(&format!("{name}: succeeded")),
            (JobState::Failed, Some(message)) => self.line(&format!("{name}: failed: {message}")),
            (JobState::Restarting, Some(message)) => {
                self.line(&format!("{name}: will be run again: {message}"));
            }
            (_, Some(message)) => self.line(&format!("{name}: {message}")),
            (JobState::Running, None) => {
                let executors = status.executors_launched;
                let s = if executors == 1 { "" } else { "s" };
                self.line(&format!("{name}: runs on {executors} executor{s}"));
            }
            _ => {}
        }
    }

    fn stage(&self, seen: &mut Seen, status: &JobStatus, index: usize, stage: &StageStatus) {
        let before = seen.stages.insert((status.key.clone(), index), stage.state);
        if before.unwrap_or_default() == stage.state {
            return;
        }
        let (job, name, tasks) = (&status.key.name, &stage.name, stage.tasks);
        let s = if tasks == 1 { "" } else { "s" };
        match stage.state {
            StageState::Running => self.line(&format!("{job}/{name}: started, {tasks} task{s}")),
            StageState::Finished => self.line(&format!("{job}/{name}: finished")),
            StageState::Failed => self.line(&format!("{job}/{name}: failed")),
            StageState::Waiting => {}
        }
    }

    fn failures(&self, seen: &mut Seen, status: &JobStatus) {
        for failure in &status.failures {
            let (stage, task, attempt) = (&failure.stage, &failure.task, failure.attempt);
            let key = (status.key.clone(), stage.clone(), task.clone(), attempt);
            if seen.failures.insert(key) {
                let (job, message) = (&status.key.name, &failure.message);
                self.line(&format!("{job}/{stage}/{task}: attempt {attempt} failed: {message}"));
            }
        }
    }

    fn speculation(&self, seen: &mut Seen, status: &JobStatus, index: usize, stage: &StageStatus) {
        let before = seen.speculated.insert((status.key.clone(), index), stage.speculated);
        let (job, name) = (&status.key.name, &stage.name);
        match stage.speculated.saturating_sub(before.unwrap_or(0)) {
            0 => {}
            1 => self.line(&format!("{job}/{name}: a second attempt at a slow task")),
            more => self.line(&format!("{job}/{name}: second attempts at {more} slow tasks")),
        }
    }

    fn declined(&self, seen: &mut Seen, status: &JobStatus) {
        for DeclinedNode { node, until, reason } in &status.declined_nodes {
            if seen.declined.insert((status.key.clone(), node.clone(), *until)) {
                let (job, until) = (&status.key.name, Utc(*until));
                self.line(&format!("{job}: declines node {node} until {until}: {reason}"));
            }
        }
    }
}

impl Seen {
    fn show_bar(
        &mut self,
        bars: &MultiProgress,
        status: &JobStatus,
        index: usize,
        stage: &StageStatus,
    ) {
        let bar = self.bars.entry((status.key.clone(), index)).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(u64::from(stage.tasks)));
            let template = "{prefix:<28} {bar:32} {pos}/{len} {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
            }
            let prefix = format!("{}/{}", status.key.name, stage.name);
            bar.set_prefix(shown(&prefix).into_owned());
            bar
        });
        bar.set_position(stage.finished.len());
        let failures: u32 = stage.failures.values().chain(stage.losses.values()).sum();
        let mut message = match (stage.state, status.state) {
            (StageState::Waiting, _) => "waits".to_owned(),
            (StageState::Running, JobState::Pending) => "waits for an executor".to_owned(),
            (StageState::Running, _) => format!("{} running", stage.running),
            (StageState::Finished, _) => "done".to_owned(),
            (StageState::Failed, _) => "failed".to_owned(),
        };
        if failures > 0 {
            message = format!("{message}, {failures} run again");
        }
        if bar.message() != message {
            bar.set_message(message);
        }
        if status.state.is_final() {
            bar.abandon();
        }
    }
}
