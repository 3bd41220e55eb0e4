//! Tasks that end as soon as they have begun, to measure everything around them.

use proffer_core::time::Span;
use proffer_mesos::types::{TaskState, TaskStatusSource as Source};

use super::host::{NewsSender, Tasks};
use super::{Ending, News, Run, TaskKey};

/// What runs no task.
pub(crate) struct Nothing(pub(crate) NewsSender);

impl Tasks for Nothing {
    fn run(&mut self, run: Run) {
        let news = self.0.clone();
        tokio::spawn(async move {
            let ending = Ending {
                state: TaskState::Finished,
                message: String::new(),
                reason: None,
                source: Source::Executor,
            };
            // Nobody wants to know any more when the program ends.
            let _ = news.send((run.key.clone(), News::Running(None))).await;
            let _ = news.send((run.key, News::Ended(ending))).await;
        });
    }

    fn kill(&mut self, _: &TaskKey, _: Option<Span>) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn stop(&mut self) {}
}
