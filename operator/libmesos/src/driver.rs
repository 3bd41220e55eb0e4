//! One scheduler driver: its status, and the two threads that work for it.
//!
//! One thread reads the stream of events and opens it again when it breaks; the other one tells the
//! framework, one thing after the other. Calls are made by whoever makes them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use proffer_mesos::scheduler::{Call, CallType, Event};
use proffer_mesos::types::FrameworkInfo;

use crate::address::Address;
use crate::connection::{Connection, Failure, Subscription};
use crate::log;
use crate::session::{Callback, Session, lost};

/// How long a driver tries to find a master before it gives up. Once it has had one, it never does:
/// masters come back.
const REGISTRATION_TIMEOUT: Duration = Duration::from_secs(60);

/// Where it is said how many seconds that are.
const REGISTRATION_TIMEOUT_VARIABLE: &str = "PROFFER_REGISTRATION_TIMEOUT_SECONDS";

fn registration_timeout() -> Duration {
    let said = std::env::var(REGISTRATION_TIMEOUT_VARIABLE).ok();
    let seconds = said.and_then(|seconds| seconds.trim().parse().ok());
    seconds.map_or(REGISTRATION_TIMEOUT, Duration::from_secs)
}

/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long whoever waits for the end of a driver waits until the framework was told why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How often it is said that there is still no master.
const REMINDER: Duration = Duration::from_secs(15);

/// A driver's status, with the numbers of `org.apache.mesos.Protos.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    NotStarted = 1,
    Running = 2,
    Aborted = 3,
    Stopped = 4,
}

/// Whom a driver works for.
pub(crate) trait Framework {
    /// Tells it something; the error is what it threw.
    fn tell(&mut self, callback: Callback) -> Result<(), String>;
}

/// A scheduler driver.
pub(crate) struct Driver {
    connection: Connection,
    state: Mutex<State>,
    changed: Condvar,
    news: Mutex<Option<Receiver<News>>>,
    tell: Sender<News>,
}

struct State {
    status: Status,
    /// The thread on which the framework is being told why the driver ends.
    last_words: Option<ThreadId>,
    session: Session,
    subscription: Option<Subscription>,
}

/// What the thread that tells the framework hears.
enum News {
    Event(Box<Event>),
    Disconnected,
    /// Something to tell that no master said.
    Callback(Box<Callback>),
    Failed(String),
    /// There is nothing more.
    Over,
}

impl Driver {
    pub(crate) fn new(
        address: &Address,
        secure: bool,
        framework: FrameworkInfo,
        acknowledges: bool,
    ) -> Self {
        let (tell, news) = channel();
        let session = Session::new(framework, acknowledges);
        let (status, last_words, subscription) = (Status::NotStarted, None, None);
        let state = State { status, last_words, session, subscription };
        Self {
            connection: Connection::new(address, secure),
            state: Mutex::new(state),
            changed: Condvar::new(),
            news: Mutex::new(Some(news)),
            tell,
        }
    }

    /// A thread that panicked left nothing half done that others rely on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the driver. `framework` makes the one who is told, on the thread on which it is told.
    pub(crate) fn start<F, M>(self: &Arc<Self>, framework: M) -> Status
    where
        F: Framework,
        M: FnOnce(&dyn Fn(&mut F)) + Send + 'static,
    {
        let mut state = self.state();
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Status::NotStarted, Some(news)) = (state.status, news) else { return state.status };
        let (reader, teller) = (Arc::clone(self), Arc::clone(self));
        let news = Mutex::new(news);
        let telling = move || {
            framework(&|framework: &mut F| {
                let news = news.lock().unwrap_or_else(PoisonError::into_inner);
                teller.tell_all(&news, framework);
            });
        };
        let reading = move || reader.read();
        let threads = [
            thread::Builder::new().name("mesos-callbacks".to_owned()).spawn(telling),
            thread::Builder::new().name("mesos-events".to_owned()).spawn(reading),
        ];
        state.status = Status::Running;
        if threads.iter().any(Result::is_err) {
            log::warn("no thread can be started for the driver; it gives up");
            state.status = Status::Aborted;
        }
        state.status
    }

    /// Stops the driver. Unless somebody else takes over (`failover`), the framework and its tasks end.
    pub(crate) fn stop(&self, failover: bool) -> Status {
        let mut state = self.state();
        if !failover && state.status == Status::Running {
            let call = state.session.call(CallType::Teardown);
            if let Some(subscription) = state.subscription.clone() {
                // The master closes the stream after that, which ends the other thread.
                if let Err(failure) = self.connection.call(&subscription, &call) {
                    log::warn(&format!("the framework could not be taken down: {failure:?}"));
                }
            }
        }
        let was = state.status;
        if matches!(was, Status::Running | Status::Aborted) {
            state.status = Status::Stopped;
        }
        drop(state);
        self.end();
        if was == Status::Running { Status::Stopped } else { was }
    }

    /// Ends the driver; the framework's tasks go on for as long as its failover timeout says.
    pub(crate) fn abort(&self) -> Status {
        let mut state = self.state();
        if state.status == Status::Running {
            state.status = Status::Aborted;
        }
        let status = state.status;
        drop(state);
        self.end();
        status
    }

    fn end(&self) {
        // Where nobody listens any more there is nobody to tell.
        let _ = self.tell.send(News::Over);
        self.changed.notify_all();
    }

    /// Waits until the driver does not run any more, and a moment for the framework to hear why: who waited
    /// may end the process. Longer would not do, as what the framework does about it may wait for this.
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

    /// Makes a call, which `fill` completes. What is said while there is no master is lost, as with
    /// Mesos; but whoever launches tasks is told that they are.
    pub(crate) fn call(&self, kind: CallType, fill: impl FnOnce(&mut Call)) -> Status {
        let state = self.state();
        if state.status != Status::Running {
            return state.status;
        }
        let mut call = state.session.call(kind);
        fill(&mut call);
        let subscription = state.subscription.clone().filter(|_| state.session.is_connected());
        // Others go on while the master answers.
        drop(state);
        let sent = match &subscription {
            Some(subscription) => self.connection.call(subscription, &call),
            None => Err(Failure::Unavailable("there is no master at the moment".to_owned())),
        };
        if let Err(Failure::Unavailable(why) | Failure::Refused(why)) = sent {
            log::warn(&format!("{kind:?} was not heard: {why}"));
            let operations = call.accept.map(|accept| accept.operations).unwrap_or_default();
            let launches = operations.into_iter().filter_map(|operation| operation.launch);
            for task in launches.flat_map(|launch| launch.task_infos) {
                let callback = Box::new(lost(task.task_id, Some(task.agent_id)));
                let _ = self.tell.send(News::Callback(callback));
            }
        }
        Status::Running
    }

    pub(crate) fn status(&self) -> Status {
        self.state().status
    }

    fn is_running(&self) -> bool {
        self.status() == Status::Running
    }

    /// Reads events until the driver ends, whatever happens to the stream.
    fn read(&self) {
        let started = Instant::now();
        let most = registration_timeout();
        let (first, longest) = PAUSES;
        let mut pause = first;
        let mut reminded: Option<Instant> = None;
        while self.is_running() {
            let call = self.state().session.subscribe();
            let why = match self.connection.subscribe(&call) {
                Ok((subscription, mut events)) => {
                    log::info(&format!("subscribed at {}", subscription.master));
                    self.state().subscription = Some(subscription);
                    (pause, reminded) = (first, None);
                    let why = loop {
                        match events.next() {
                            Ok(Some(event)) => {
                                let _ = self.tell.send(News::Event(Box::new(event)));
                                if !self.is_running() {
                                    return;
                                }
                            }
                            Ok(None) => break "the master closed the connection".to_owned(),
                            Err(problem) => break problem,
                        }
                    };
                    self.state().subscription = None;
                    let _ = self.tell.send(News::Disconnected);
                    why
                }
                Err(Failure::Refused(why)) => {
                    let _ = self.tell.send(News::Failed(why));
                    return;
                }
                Err(Failure::Unavailable(why)) => why,
            };
            let registered = self.state().session.was_registered();
            if !registered && started.elapsed() >= most {
                let seconds = most.as_secs();
                let why = format!("no master was found within {seconds} seconds: {why}");
                let _ = self.tell.send(News::Failed(why));
                return;
            }
            if self.is_running() && reminded.is_none_or(|at| at.elapsed() >= REMINDER) {
                reminded = Some(Instant::now());
                log::warn(&format!("{why}; trying again"));
            }
            self.wait(pause);
            pause = (pause * 2).min(longest);
        }
    }

    /// Says why nothing is offered, if that is so and was not said yet.
    fn say_what_is_missing(&self, said: &mut Option<String>) {
        let state = self.state();
        let waiting = state.session.waits_for_offers().map(str::to_owned);
        let subscription = state.subscription.clone();
        drop(state);
        let (Some(id), Some(subscription)) = (waiting, subscription) else { return };
        let reason = self.connection.reason(&subscription, &id);
        if reason.is_some() && reason != *said {
            *said = reason;
            log::warn(&format!("no offer yet: {}", said.as_deref().unwrap_or_default()));
        }
    }

    /// Waits for so long, or until the driver ends.
    fn wait(&self, pause: Duration) {
        let running = |state: &mut State| state.status == Status::Running;
        let _ = self.changed.wait_timeout_while(self.state(), pause, running);
    }

    /// Tells the framework everything, until the driver ends.
    fn tell_all(&self, news: &Receiver<News>, framework: &mut impl Framework) {
        let mut said = None;
        while let Ok(news) = news.recv() {
            if !self.is_running() {
                return;
            }
            let (callback, answer) = match news {
                News::Event(event) => {
                    let outcome = self.state().session.take(*event);
                    (outcome.callback, outcome.answer)
                }
                News::Disconnected => (self.state().session.disconnect(), None),
                News::Callback(callback) => (Some(*callback), None),
                News::Failed(message) => (Some(Callback::Error(message)), None),
                News::Over => return,
            };
            if callback.is_none() {
                self.say_what_is_missing(&mut said);
            }
            let is_last = matches!(callback, Some(Callback::Error(_)));
            if let Some(Callback::Error(message)) = &callback {
                log::warn(message);
                self.state().last_words = Some(thread::current().id());
                self.abort();
            }
            let told = callback.map_or(Ok(()), |callback| framework.tell(callback));
            if self.state().last_words.take().is_some() {
                self.changed.notify_all();
            }
            if let Err(thrown) = told {
                log::warn(&format!("the framework failed when it was told something: {thrown}"));
                self.abort();
                return;
            }
            if is_last {
                return;
            }
            let subscription = self.state().subscription.clone();
            if let (Some(call), Some(subscription)) = (answer, subscription)
                && let Err(failure) = self.connection.call(&subscription, &call)
            {
                // The master says it again.
                log::warn(&format!("an update was not acknowledged: {failure:?}"));
            }
        }
    }
}
