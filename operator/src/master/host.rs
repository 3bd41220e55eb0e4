//! The master of local mode: between its decisions, connections and tasks.

use proffer_core::event::Event;
use proffer_core::time::{Span, Time};
use proffer_core::view::Market;
use tokio::sync::mpsc;

use super::connections::{Connections, Request, Service};
use super::{Effect, Master, News, Run, TaskKey};

/// News of tasks that wait to be taken in.
const NEWS_QUEUE_LENGTH: usize = 1024;

/// What runs tasks.
pub(crate) trait Tasks {
    /// Starts a task. What becomes of it is told as [`News`].
    fn run(&mut self, run: Run);
    /// Tells a task to end.
    fn kill(&mut self, task: &TaskKey, grace: Option<Span>);
    /// Whether no task is left.
    fn is_idle(&self) -> bool;
    /// Tells all tasks to end.
    fn stop(&mut self);
}

/// What came in.
pub(crate) enum Input {
    /// A call.
    Request(Request),
    /// News of a task.
    News(TaskKey, News),
}

/// Where news of tasks go.
pub(crate) type NewsSender = mpsc::Sender<(TaskKey, News)>;

/// The master with its connections and tasks.
pub(crate) struct Host {
    pub(crate) master: Master,
    tasks: Box<dyn Tasks>,
    news: mpsc::Receiver<(TaskKey, News)>,
    connections: Connections,
}

/// Where news of tasks come from and go to.
pub(crate) fn news() -> (NewsSender, mpsc::Receiver<(TaskKey, News)>) {
    mpsc::channel(NEWS_QUEUE_LENGTH)
}

impl Host {
    /// A host that serves what comes in.
    pub(crate) fn serve(
        service: Service,
        master: Master,
        tasks: Box<dyn Tasks>,
        news: mpsc::Receiver<(TaskKey, News)>,
    ) -> Self {
        Self { master, tasks, news, connections: Connections::serve(service) }
    }

    /// Waits until something comes in.
    pub(crate) async fn next(&mut self) -> Input {
        tokio::select! {
            Some((task, news)) = self.news.recv() => Input::News(task, news),
            request = self.connections.next() => Input::Request(request),
        }
    }

    /// What has come in already, if anything has.
    pub(crate) fn try_next(&mut self) -> Option<Input> {
        if let Ok((task, news)) = self.news.try_recv() {
            return Some(Input::News(task, news));
        }
        self.connections.try_next().map(Input::Request)
    }

    /// Takes in what came in. `market` is what the engine shows.
    pub(crate) fn take(&mut self, now: Time, input: Input, market: impl FnOnce() -> Market) {
        match input {
            Input::News(task, news) => self.master.take_news(now, &task, news),
            Input::Request(request) => {
                self.connections.take(now, request, &mut self.master, market);
            }
        }
    }

    /// Lets the master do what is due, and does what it wants. What the engine should hear is
    /// returned.
    pub(crate) fn perform(&mut self, now: Time) -> Vec<Event> {
        self.master.tick(now);
        let mut events = Vec::new();
        loop {
            let effects = self.master.take_effects();
            if effects.is_empty() {
                return events;
            }
            for effect in effects {
                match self.connections.tell(now, effect, &mut self.master) {
                    Some(Effect::Engine(event)) => events.push(event),
                    Some(Effect::Run(run)) => self.tasks.run(*run),
                    Some(Effect::Kill { task, grace }) => self.tasks.kill(&task, grace),
                    // What runs here ends with this process, so nothing is stored.
                    Some(Effect::Checkpoint(key)) => self.master.checkpointed(&key, u64::MAX),
                    // Nothing is kept of a task that has ended, and told are all.
                    _ => {}
                }
            }
        }
    }

    /// Tells all tasks to end.
    pub(crate) fn stop(&mut self) {
        self.tasks.stop();
    }

    /// Whether no task is left.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_idle()
    }
}
