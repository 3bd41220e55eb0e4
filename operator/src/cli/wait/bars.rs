//! What is seen on a terminal while one waits: a bar for each stage, and what the job waits for.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use proffer_crds::SparkJobStatus;
use proffer_crds::job::StageState;

use crate::terminal::shown;

/// Bars on standard error if that is a terminal, nothing elsewhere.
pub(super) struct Bars {
    screen: Option<MultiProgress>,
    pub(super) stages: BTreeMap<String, ProgressBar>,
    pub(super) message: Option<ProgressBar>,
    last: String,
}

impl Bars {
    pub(super) fn new(quiet: bool) -> Self {
        let screen = (!quiet && std::io::stderr().is_terminal())
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        Self::on(screen)
    }

    pub(super) fn on(screen: Option<MultiProgress>) -> Self {
        Self { screen, stages: BTreeMap::new(), message: None, last: "not seen yet".to_owned() }
    }

    /// Prints a line above the bars.
    pub(super) fn line(&self, line: &str) {
        if let Some(screen) = &self.screen {
            // A terminal that is gone cannot be told.
            drop(screen.println(shown(line)));
        }
    }

    /// Shows where a job stands.
    pub(super) fn show(&mut self, job: &str, status: &SparkJobStatus) {
        let message = status.message.as_ref().map(|message| format!(": {message}"));
        self.last = format!("it is {:?}{}", status.state, message.unwrap_or_default());
        let Some(screen) = &self.screen else { return };
        for stage in &status.stages {
            let bar = self.stages.entry(stage.name.clone()).or_insert_with(|| {
                let length = u64::try_from(stage.tasks).unwrap_or(0);
                let bar = screen.add(ProgressBar::new(length));
                if let Ok(style) =
                    ProgressStyle::with_template("{prefix:<28} {bar:32} {pos}/{len} {msg}")
                {
                    bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
                }
                bar.set_prefix(shown(&format!("{job}/{}", stage.name)).into_owned());
                bar
            });
            bar.set_position(stage.finished.len());
            bar.set_message(match stage.state {
                StageState::Waiting => "waits".to_owned(),
                StageState::Running => format!("{} running", stage.running),
                StageState::Finished => "done".to_owned(),
                StageState::Failed => "failed".to_owned(),
            });
        }
        let message = self.message.get_or_insert_with(|| {
            let bar = screen.add(ProgressBar::no_length());
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        let text = status.message.as_deref().unwrap_or_default();
        message.set_message(shown(text).into_owned());
    }

    /// Where the job stood when it was last seen.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        if let Some(screen) = &self.screen {
            drop(screen.clear());
        }
    }
}
