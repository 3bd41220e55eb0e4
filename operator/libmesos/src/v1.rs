//! The v1 API for schedulers on the JVM: `V1Mesos` and `V0Mesos` of `org.apache.mesos.v1.scheduler`.
//!
//! The framework is told that there is a master, subscribes, and is told every event as the master sent it.
//! It has to subscribe again when the connection was lost. One thread reads, another one tells.
//!
//! With Mesos, `V0Mesos` does the same over the old protocol, as the framework that it was made with. Here
//! both speak HTTP, and all that is left of the difference is who says what the framework is.
//!
//! Source: Apache Mesos 1.11, `src/scheduler/scheduler.cpp`, `src/java/jni`.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proffer_mesos::scheduler::{Call, CallType, Event, EventError, EventType};
use proffer_mesos::types::FrameworkInfo;
use proffer_mesos::validate;
use prost::Message;

use crate::connection::{Connection, Events, Failure, Subscription};
use crate::life::{Life, Listener, Pauses, Status, spawn};
use crate::log;

/// How often it is said that there is still no master.
const REMINDER: Duration = Duration::from_secs(15);

/// Something that the framework is told, by the method of `org.apache.mesos.v1.scheduler.Scheduler` of that
/// name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Callback {
    Connected,
    Disconnected,
    /// An event, encoded.
    Received(Vec<u8>),
}

/// Why a call cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is wrong by itself.
    Call(String),
    /// There are no calls any more.
    Over(String),
}

/// A framework's connection to the master.
pub(crate) struct Mesos {
    connection: Connection,
    life: Life,
    state: Mutex<State>,
    changed: Condvar,
    news: Mutex<Option<Receiver<News>>>,
    tell: Sender<News>,
}

struct State {
    stage: Stage,
    /// The number of the connection: what comes from others is old.
    connection: u64,
    /// What the framework is, if that was said before it subscribes.
    framework: Option<FrameworkInfo>,
    /// What the framework threw when it was told something.
    thrown: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Disconnected,
    /// There is a master.
    Connected,
    /// The framework has made the call, which is on its way or will be.
    Subscribing(Vec<u8>),
    Subscribed(Subscription),
}

/// What the thread that tells the framework hears, of a connection.
struct News(u64, Callback);

impl Mesos {
    /// `framework` is what the framework is, if it does not say so when it subscribes.
    pub(crate) fn new(connection: Connection, framework: Option<FrameworkInfo>) -> Self {
        let (tell, news) = channel();
        let state = State { stage: Stage::Disconnected, connection: 0, framework, thrown: None };
        Self {
            connection,
            life: Life::new(),
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

    /// Starts looking for a master. `framework` makes the one who is told, on the thread on which it is told.
    pub(crate) fn start<F, M>(self: &Arc<Self>, framework: M) -> Status
    where
        F: Listener<Callback>,
        M: FnOnce(&dyn Fn(&mut F)) + Send + 'static,
    {
        let (teller, first) = (Arc::clone(self), self.disconnect());
        self.life.start(|| {
            spawn("mesos-callbacks", move || {
                framework(&|framework: &mut F| teller.tell_all(framework));
            })?;
            self.connect(first)
        })
    }

    /// Gives up what is connected, and says the number of the connection that is next.
    fn disconnect(&self) -> u64 {
        let mut state = self.state();
        state.connection += 1;
        state.stage = Stage::Disconnected;
        let connection = state.connection;
        drop(state);
        self.changed.notify_all();
        connection
    }

    /// Has a thread look for a master.
    fn connect(self: &Arc<Self>, connection: u64) -> Result<(), std::io::Error> {
        let reader = Arc::clone(self);
        spawn("mesos-events", move || reader.read(connection))
    }

    /// Leaves the master and looks for one again. Without a master that is going on anyway.
    pub(crate) fn reconnect(self: &Arc<Self>) -> Result<(), Refusal> {
        self.check_life()?;
        if self.state().stage == Stage::Disconnected {
            return Ok(());
        }
        let next = self.disconnect();
        self.tell(next, Callback::Disconnected);
        self.connect(next)
            .map_err(|error| Refusal::Over(format!("no thread can be started: {error}")))
    }

    fn check_life(&self) -> Result<(), Refusal> {
        if self.life.is_running() {
            return Ok(());
        }
        let thrown = self.state().thrown.clone().unwrap_or_default();
        Err(Refusal::Over(format!(
            "the connection to the master has ended, as the scheduler threw an exception: {thrown}"
        )))
    }

    /// Makes a call, given as it is encoded. As with Mesos, one that comes at the wrong time is dropped, and
    /// what the master refuses is an ERROR that the framework receives.
    pub(crate) fn send(&self, encoded: Vec<u8>) -> Result<(), Refusal> {
        self.check_life()?;
        let call = Call::decode(&*encoded).map_err(|error| Refusal::Call(error.to_string()))?;
        if call.r#type() == CallType::Unknown {
            return Err(Refusal::Call("Expecting 'type' to be present".to_owned()));
        }
        validate::check_call(&call, None).map_err(Refusal::Call)?;
        let mut state = self.state();
        let drop = |why: &str| log::warn(&format!("{} is dropped: {why}", call.r#type().text()));
        let subscription = match (&state.stage, call.r#type()) {
            (Stage::Connected, CallType::Subscribe) => {
                state.stage = Stage::Subscribing(state.subscribe(call, encoded));
                self.changed.notify_all();
                return Ok(());
            }
            (Stage::Subscribing(_) | Stage::Subscribed(_), CallType::Subscribe) => {
                drop("the framework has subscribed already");
                return Ok(());
            }
            (Stage::Subscribed(subscription), _) => subscription.clone(),
            (Stage::Disconnected, _) => {
                drop("there is no master at the moment");
                return Ok(());
            }
            (Stage::Connected | Stage::Subscribing(_), _) => {
                drop("the framework has not subscribed");
                return Ok(());
            }
        };
        let connection = state.connection;
        // Others go on while the master answers.
        std::mem::drop(state);
        match self.connection.call(&subscription, &encoded) {
            Ok(()) => {}
            Err(Failure::Unavailable(why)) => drop(&why),
            Err(Failure::Refused(why)) => self.tell(connection, error(why)),
        }
        Ok(())
    }

    fn tell(&self, connection: u64, callback: Callback) {
        // Where nobody listens any more there is nobody to tell.
        let _ = self.tell.send(News(connection, callback));
    }

    /// Comes to a stage, unless another connection is used by now.
    fn enter(&self, connection: u64, next: Stage) -> bool {
        let mut state = self.state();
        let is_current = state.connection == connection && self.life.is_running();
        if is_current {
            state.stage = next;
        }
        is_current
    }

    /// Reads events as one connection until it is given up, whatever happens to the stream.
    fn read(&self, connection: u64) {
        let mut pauses = Pauses::new();
        let mut reminded: Option<Instant> = None;
        while self.enter(connection, Stage::Disconnected) {
            let why = match self.connection.knock() {
                Ok(()) => {
                    if !self.enter(connection, Stage::Connected) {
                        return;
                    }
                    self.tell(connection, Callback::Connected);
                    let Some(why) = self.subscribe(connection, &mut pauses) else { return };
                    if !self.enter(connection, Stage::Disconnected) {
                        return;
                    }
                    self.tell(connection, Callback::Disconnected);
                    why
                }
                Err(failure) => failure.to_string(),
            };
            if reminded.is_none_or(|at| at.elapsed() >= REMINDER) {
                reminded = Some(Instant::now());
                log::warn(&format!("{why}; trying again"));
            }
            self.life.wait(pauses.next());
        }
    }

    /// Subscribes when the framework wants to, and reads events. Says why they ended; nothing if nobody wants
    /// to know that any more.
    fn subscribe(&self, connection: u64, pauses: &mut Pauses) -> Option<String> {
        loop {
            let call = self.subscribe_call(connection)?;
            match self.connection.subscribe(&call) {
                Ok((subscription, events)) => {
                    log::info(&format!("subscribed at {}", subscription.master));
                    *pauses = Pauses::new();
                    if !self.enter(connection, Stage::Subscribed(subscription)) {
                        return None;
                    }
                    return self.read_stream(connection, events);
                }
                Err(Failure::Refused(why)) => {
                    log::warn(&why);
                    if !self.enter(connection, Stage::Connected) {
                        return None;
                    }
                    self.tell(connection, error(why));
                }
                Err(Failure::Unavailable(why)) => return Some(why),
            }
        }
    }

    /// Waits for the call by which the framework subscribes.
    fn subscribe_call(&self, connection: u64) -> Option<Vec<u8>> {
        let mut state = self.state();
        loop {
            if state.connection != connection || !self.life.is_running() {
                return None;
            }
            if let Stage::Subscribing(call) = &state.stage {
                return Some(call.clone());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read_stream(&self, connection: u64, mut events: Events) -> Option<String> {
        loop {
            let record = events.next_record();
            let mut state = self.state();
            if state.connection != connection || !self.life.is_running() {
                return None;
            }
            match record {
                Ok(Some(record)) => {
                    state.learn(&record);
                    drop(state);
                    self.tell(connection, Callback::Received(record));
                }
                Ok(None) => return Some("the master closed the connection".to_owned()),
                Err(problem) => return Some(problem),
            }
        }
    }

    /// Tells the framework everything, until it throws.
    fn tell_all(&self, framework: &mut impl Listener<Callback>) {
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut is_connected = false;
        for News(connection, callback) in news.into_iter().flatten() {
            if self.state().connection != connection {
                continue;
            }
            match callback {
                Callback::Connected => is_connected = true,
                Callback::Disconnected if !std::mem::take(&mut is_connected) => continue,
                Callback::Disconnected | Callback::Received(_) => {}
            }
            if let Err(thrown) = framework.tell(callback) {
                log::warn(&format!("the scheduler failed when it was told something: {thrown}"));
                self.state().thrown = Some(thrown);
                self.end();
                return;
            }
        }
    }

    /// Ends it: nothing is said or told any more.
    pub(crate) fn end(&self) {
        self.life.abort();
        self.disconnect();
    }
}

impl State {
    /// The call by which the framework subscribes: its own, or as what was said that it is.
    fn subscribe(&self, mut call: Call, encoded: Vec<u8>) -> Vec<u8> {
        let Some(framework) = &self.framework else { return encoded };
        call.framework_id.clone_from(&framework.id);
        if let Some(subscribe) = &mut call.subscribe {
            subscribe.framework_info = framework.clone();
        }
        call.encode_to_vec()
    }

    /// The id that a framework got is its own from then on.
    fn learn(&mut self, record: &[u8]) {
        let Some(framework) = &mut self.framework else { return };
        let event = Event::decode(record).unwrap_or_default();
        if let Some(subscribed) = event.subscribed {
            framework.id = Some(subscribed.framework_id);
        }
    }
}

/// What a framework receives when something that it said is refused.
fn error(message: String) -> Callback {
    let error = Some(EventError { message });
    let event = Event { r#type: Some(EventType::Error.into()), error, ..Event::default() };
    Callback::Received(event.encode_to_vec())
}

#[cfg(test)]
mod tests;
