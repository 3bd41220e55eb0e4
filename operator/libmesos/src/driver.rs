//! One scheduler driver, and the two threads that work for it.
//!
//! One thread reads the stream of events and opens it again when it breaks; the other one tells the
//! framework, one thing after the other. Calls are made by whoever makes them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proffer_mesos::scheduler::{Call, CallType, Event, OfferConstraints};
use proffer_mesos::types::FrameworkInfo;
use prost::Message;

use crate::connection::{Connection, Events, Failure, Subscription};
use crate::life::{Life, Listener, Pauses, Status, spawn};
use crate::log;
use crate::session::{Callback, Session};

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

/// How often it is said that there is still no master.
const REMINDER: Duration = Duration::from_secs(15);

/// A scheduler driver.
pub(crate) struct Driver {
    connection: Connection,
    life: Life,
    state: Mutex<State>,
    news: Mutex<Option<Receiver<News>>>,
    tell: Sender<News>,
}

struct State {
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
    pub(crate) fn new(connection: Connection, session: Session) -> Self {
        let (tell, news) = channel();
        let state = Mutex::new(State { session, subscription: None });
        let news = Mutex::new(Some(news));
        Self { connection, life: Life::new(), state, news, tell }
    }

    /// A thread that panicked left nothing half done that others rely on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the driver. `framework` makes the one who is told, on the thread on which it is told.
    pub(crate) fn start<F, M>(self: &Arc<Self>, framework: M) -> Status
    where
        F: Listener<Callback>,
        M: FnOnce(&dyn Fn(&mut F)) + Send + 'static,
    {
        let (reader, teller) = (Arc::clone(self), Arc::clone(self));
        self.life.start(|| {
            let news = self.news.lock().unwrap_or_else(PoisonError::into_inner).take();
            let news = Mutex::new(news);
            spawn("mesos-callbacks", move || {
                framework(&|framework: &mut F| {
                    let news = news.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(news) = news {
                        teller.tell_all(&news, framework);
                    }
                });
            })?;
            spawn("mesos-events", move || reader.read())
        })
    }

    /// Stops the driver. Unless somebody else takes over (`failover`), the framework and its tasks end.
    pub(crate) fn stop(&self, failover: bool) -> Status {
        let status = self.life.stop(|| {
            let state = self.state();
            let call = state.session.call(CallType::Teardown);
            let subscription = state.subscription.clone().filter(|_| !failover);
            drop(state);
            if let Some(subscription) = subscription {
                // The master closes the stream after that, which ends the other thread.
                if let Err(failure) = self.connection.call(&subscription, &call.encode_to_vec()) {
                    log::warn(&format!("the framework could not be taken down: {failure:?}"));
                }
            }
        });
        self.end();
        status
    }

    /// Ends the driver; the framework's tasks go on for as long as its failover timeout says.
    pub(crate) fn abort(&self) -> Status {
        let status = self.life.abort();
        self.end();
        status
    }

    fn end(&self) {
        // Where nobody listens any more there is nobody to tell.
        let _ = self.tell.send(News::Over);
    }

    pub(crate) fn join(&self) -> Status {
        self.life.join()
    }

    pub(crate) fn status(&self) -> Status {
        self.life.status()
    }

    /// Whether updates are acknowledged without the framework's doing.
    pub(crate) fn acknowledges(&self) -> bool {
        self.state().session.acknowledges()
    }

    /// Makes a call, if the driver runs. What is said while there is no master is lost, as with Mesos;
    /// but whoever launches tasks is told that they are.
    pub(crate) fn call(&self, make: impl FnOnce(&mut Session) -> Call) -> Status {
        let status = self.status();
        if status == Status::Running
            && let Err((call, why)) = self.send(make)
        {
            log::warn(&format!("{} was not heard: {why}", call.r#type().text()));
            for callback in self.state().session.lost(call) {
                let _ = self.tell.send(News::Callback(Box::new(callback)));
            }
        }
        status
    }

    /// Makes a call about what the session remembers, and tells a master that comes later by itself.
    pub(crate) fn call_now_or_later(&self, make: impl FnOnce(&mut Session) -> Call) -> Status {
        let status = self.status();
        if status == Status::Running
            && let Err((call, why)) = self.send(make)
        {
            self.state().session.was_not_heard();
            let kind = call.r#type().text();
            log::warn(&format!("{kind} is told when the framework registers again: {why}"));
        }
        status
    }

    /// Changes what the framework says of itself. A change that is refused ends the driver, as with Mesos.
    pub(crate) fn update_framework(
        &self,
        framework: FrameworkInfo,
        suppressed_roles: Vec<String>,
        constraints: Option<OfferConstraints>,
    ) -> Status {
        let status = self.status();
        if status != Status::Running {
            return status;
        }
        let mut refused = None;
        let sent = self.send(|session| {
            let call = session.update_framework(framework, suppressed_roles, constraints);
            call.unwrap_or_else(|problem| {
                refused = Some(problem);
                Call::default()
            })
        });
        match (refused, sent) {
            (Some(problem), _) | (None, Err((_, Failure::Refused(problem)))) => {
                let _ = self.tell.send(News::Failed(problem));
            }
            (None, Err((_, Failure::Unavailable(why)))) => {
                self.state().session.was_not_heard();
                log::warn(&format!(
                    "UPDATE_FRAMEWORK is told when the framework registers again: {why}"
                ));
            }
            (None, Ok(())) => {}
        }
        status
    }

    /// Sends a call to the master, if there is one. One without a type is none.
    fn send(&self, make: impl FnOnce(&mut Session) -> Call) -> Result<(), (Box<Call>, Failure)> {
        let mut state = self.state();
        let is_connected = state.session.is_connected();
        let call = make(&mut state.session);
        let subscription = state.subscription.clone().filter(|_| is_connected);
        // Others go on while the master answers.
        drop(state);
        if call.r#type.is_none() {
            return Ok(());
        }
        let sent = match &subscription {
            Some(subscription) => self.connection.call(subscription, &call.encode_to_vec()),
            None => Err(Failure::Unavailable("there is no master at the moment".to_owned())),
        };
        sent.map_err(|failure| (Box::new(call), failure))
    }

    /// Reads events until the driver ends, whatever happens to the stream.
    fn read(&self) {
        let started = Instant::now();
        let most = registration_timeout();
        let mut pauses = Pauses::new();
        let mut reminded: Option<Instant> = None;
        while self.life.is_running() {
            let call = self.state().session.subscribe();
            let why = match self.connection.subscribe(&call.encode_to_vec()) {
                Ok((subscription, events)) => {
                    log::info(&format!("subscribed at {}", subscription.master));
                    self.state().subscription = Some(subscription);
                    (pauses, reminded) = (Pauses::new(), None);
                    let Some(why) = self.read_stream(events) else { return };
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
            if self.life.is_running() && reminded.is_none_or(|at| at.elapsed() >= REMINDER) {
                reminded = Some(Instant::now());
                log::warn(&format!("{why}; trying again"));
            }
            self.life.wait(pauses.next());
        }
    }

    /// Reads one stream, and says why it ended; nothing if the driver ended before.
    fn read_stream(&self, mut events: Events) -> Option<String> {
        loop {
            match events.next_message() {
                Ok(Some(event)) => {
                    let _ = self.tell.send(News::Event(Box::new(event)));
                    if !self.life.is_running() {
                        return None;
                    }
                }
                Ok(None) => return Some("the master closed the connection".to_owned()),
                Err(problem) => return Some(problem),
            }
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

    /// Tells the framework everything, until the driver ends.
    fn tell_all(&self, news: &Receiver<News>, framework: &mut impl Listener<Callback>) {
        let mut said = None;
        while let Ok(news) = news.recv() {
            if !self.life.is_running() {
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
                self.life.abort_with_last_words();
            }
            let told = callback.map_or(Ok(()), |callback| framework.tell(callback));
            self.life.told();
            if let Err(thrown) = told {
                log::warn(&format!("the framework failed when it was told something: {thrown}"));
                self.abort();
                return;
            }
            // What the framework was told when it ended the driver is acknowledged by nobody, as in Mesos.
            if is_last || !self.life.is_running() {
                return;
            }
            let subscription = self.state().subscription.clone();
            if let (Some(call), Some(subscription)) = (answer, subscription)
                && let Err(failure) = self.connection.call(&subscription, &call.encode_to_vec())
            {
                // The master says again what was not acknowledged.
                log::warn(&format!("{} was not heard: {failure}", call.r#type().text()));
            }
        }
    }
}
