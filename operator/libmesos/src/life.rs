//! Whether a driver runs, and who waits for its end: what drivers of frameworks and of executors share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::log;

/// How long whoever waits for the end of a driver waits until the framework was told why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A driver's status, with the numbers of `org.apache.mesos.Protos.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    NotStarted = 1,
    Running = 2,
    Aborted = 3,
    Stopped = 4,
}

/// Whom a driver works for.
pub(crate) trait Listener<Callback> {
    /// Tells it something; the error is what it threw.
    fn tell(&mut self, callback: Callback) -> Result<(), String>;
}

/// The life of a driver.
pub(crate) struct Life {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    status: Status,
    /// The thread on which the listener is being told why the driver ends.
    last_words: Option<ThreadId>,
}

impl Life {
    pub(crate) fn new() -> Self {
        let state = State { status: Status::NotStarted, last_words: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A thread that panicked left nothing half done that others rely on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> Status {
        self.state().status
    }

    pub(crate) fn is_running(&self) -> bool {
        self.status() == Status::Running
    }

    /// Starts the threads of a driver that was not started yet.
    pub(crate) fn start(&self, threads: impl FnOnce() -> Result<(), std::io::Error>) -> Status {
        let mut state = self.state();
        if state.status == Status::NotStarted {
            // Threads that look at the status wait until it is decided.
            state.status = match threads() {
                Ok(()) => Status::Running,
                Err(error) => {
                    log::warn(&format!("no thread can be started for the driver: {error}"));
                    Status::Aborted
                }
            };
        }
        state.status
    }

    /// Stops the driver; one that runs says `goodbye` first. Says what Mesos's drivers say to that.
    pub(crate) fn stop(&self, goodbye: impl FnOnce()) -> Status {
        let mut state = self.state();
        let was = state.status;
        if was == Status::Running {
            // Whoever waits for the end goes on only after that.
            goodbye();
        }
        if matches!(was, Status::Running | Status::Aborted) {
            state.status = Status::Stopped;
        }
        drop(state);
        self.changed.notify_all();
        if was == Status::Running { Status::Stopped } else { was }
    }

    /// Aborts the driver if it runs.
    pub(crate) fn abort(&self) -> Status {
        let mut state = self.state();
        if state.status == Status::Running {
            state.status = Status::Aborted;
        }
        let status = state.status;
        drop(state);
        self.changed.notify_all();
        status
    }

    /// Aborts the driver, of which the listener is now told why, on this thread.
    pub(crate) fn abort_with_last_words(&self) {
        self.state().last_words = Some(thread::current().id());
        self.abort();
    }

    /// The listener has been told.
    pub(crate) fn told(&self) {
        if self.state().last_words.take().is_some() {
            self.changed.notify_all();
        }
    }

    /// Waits until the driver does not run any more, and a moment for the listener to hear why: who waited
    /// may end the process. Longer would not do, as what the listener does about it may wait for this.
    pub(crate) fn join(&self) -> Status {
        let running = |state: &mut State| state.status == Status::Running;
        let state = self.changed.wait_while(self.state(), running);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let own = thread::current().id();
        let is_being_told =
            |state: &mut State| state.last_words.is_some_and(|teller| teller != own);
        let state = self.changed.wait_timeout_while(state, LAST_WORDS, is_being_told);
        state.unwrap_or_else(PoisonError::into_inner).0.status
    }

    /// Waits for so long, or until the driver ends.
    pub(crate) fn wait(&self, pause: Duration) {
        let running = |state: &mut State| state.status == Status::Running;
        let _ = self.changed.wait_timeout_while(self.state(), pause, running);
    }
}

/// Starts a thread that has a name.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<(), std::io::Error> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Pauses between two tries, each twice as long as the one before.
pub(crate) struct Pauses(Duration);

/// The first and the longest one.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(FIRST)
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests;
