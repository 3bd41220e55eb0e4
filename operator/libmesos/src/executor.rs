//! One executor driver: it speaks the executor API of the agent that started this process.
//!
//! As with a scheduler driver, one thread reads events and another one tells the executor. What an agent
//! does not say for a long time is no sign that it is gone, for agents say nothing unless there is something
//! to do; so the executor says that it is alive, and subscribes again where it is not known any more.
//!
//! Source: Apache Mesos 1.11, `src/exec/exec.cpp`, `docs/executor-http-api.md`.

mod environment;
mod session;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use proffer_mesos::executor::{Call, CallType, Event};
use proffer_mesos::types::TaskStatus;
use prost::Message;

pub(crate) use self::environment::Environment;
pub(crate) use self::session::Callback;
use self::session::Session;
use crate::connection::{Connection, Events, Failure, Subscription};
use crate::life::{Life, Listener, Pauses, Status, spawn};
use crate::log;

/// How often an executor that has nothing else to hear of says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Whom an executor driver works for.
pub(crate) trait Executor: Listener<Callback> {
    /// Ends the process, whatever it does.
    fn halt(&mut self);
}

/// An executor driver, which was started.
pub(crate) struct ExecutorDriver {
    life: Life,
    work: Mutex<Option<Arc<Work>>>,
}

/// What threads of a driver share.
struct Work {
    environment: Environment,
    connection: Connection,
    state: Mutex<State>,
    /// Held by who says something, so that updates arrive in the order in which they were made.
    speaking: Mutex<()>,
    tell: Sender<News>,
}

struct State {
    session: Session,
    subscription: Option<Subscription>,
    /// The number of the stream that is read: what comes from others is old.
    stream: u64,
}

/// What the thread that tells the executor hears.
enum News {
    /// An event of a stream.
    Event(u64, Box<Event>),
    /// A stream has ended.
    Disconnected(u64),
    /// A stream cannot be read.
    Failed(u64, String),
    /// The agent has been gone for too long.
    AgentGone(u64, String),
    /// There is nothing more.
    Over,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked left nothing half done that others rely on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ExecutorDriver {
    pub(crate) fn new() -> Self {
        Self { life: Life::new(), work: Mutex::new(None) }
    }

    /// Starts the driver. `executor` makes the one who is told, on the thread on which it is told.
    pub(crate) fn start<E, M>(self: &Arc<Self>, environment: Environment, executor: M) -> Status
    where
        E: Executor,
        M: FnOnce(&dyn Fn(&mut E)) + Send + 'static,
    {
        self.life.start(|| {
            let (tell, news) = channel();
            let session = Session::new(&environment);
            let work = Arc::new(Work {
                connection: environment.connection(),
                environment,
                state: Mutex::new(State { session, subscription: None, stream: 0 }),
                speaking: Mutex::new(()),
                tell,
            });
            *lock(&self.work) = Some(Arc::clone(&work));
            let (driver, teller) = (Arc::clone(self), Arc::clone(&work));
            let news = Mutex::new(Some(news));
            spawn("mesos-callbacks", move || {
                executor(&|executor: &mut E| {
                    let news = lock(&news).take();
                    if let Some(news) = news {
                        driver.tell_all(&teller, &news, executor);
                    }
                });
            })?;
            self.read_on(&work, 0)
        })
    }

    /// Has a thread read a stream.
    fn read_on(self: &Arc<Self>, work: &Arc<Work>, stream: u64) -> Result<(), std::io::Error> {
        let (driver, work) = (Arc::clone(self), Arc::clone(work));
        spawn("mesos-events", move || driver.read(&work, stream))
    }

    /// Stops the driver: it tells and is told nothing more. The agent sees how the process ends.
    pub(crate) fn stop(&self) -> Status {
        let status = self.life.stop(|| ());
        self.end();
        status
    }

    pub(crate) fn abort(&self) -> Status {
        let status = self.life.abort();
        self.end();
        status
    }

    fn end(&self) {
        if let Some(work) = &*lock(&self.work) {
            // Where nobody listens any more there is nobody to tell.
            let _ = work.tell.send(News::Over);
        }
    }

    pub(crate) fn join(&self) -> Status {
        self.life.join()
    }

    /// Tells the agent how a task is, until it has acknowledged that.
    pub(crate) fn send_status_update(self: &Arc<Self>, status: TaskStatus) -> Status {
        self.say(|session| session.update(status, uuid::Uuid::new_v4().into_bytes(), now_seconds()))
    }

    /// Sends the framework a message, which gets lost if there is no agent at the moment.
    pub(crate) fn send_framework_message(self: &Arc<Self>, data: Vec<u8>) -> Status {
        self.say(|session| session.message(data))
    }

    fn say(self: &Arc<Self>, make: impl FnOnce(&mut Session) -> Call) -> Status {
        let status = self.life.status();
        let work = lock(&self.work).clone();
        let (Status::Running, Some(work)) = (status, work) else { return status };
        let speaking = lock(&work.speaking);
        let mut state = lock(&work.state);
        let call = make(&mut state.session);
        let subscription = state.subscription.clone();
        drop(state);
        let kind = call.r#type().text();
        let sent = match &subscription {
            Some(subscription) => work.connection.call(subscription, &call.encode_to_vec()),
            None => Err(Failure::Unavailable("there is no agent at the moment".to_owned())),
        };
        drop(speaking);
        if let Err(failure) = sent {
            log::warn(&format!("{kind} was not heard: {failure}"));
            // Updates are said again by who subscribes.
            if let Some(subscription) = subscription {
                self.subscribe_again(&work, &subscription);
            }
        }
        status
    }

    /// Leaves a subscription in which the agent is not heard, or does not hear the executor, unless that was
    /// left already.
    fn subscribe_again(self: &Arc<Self>, work: &Arc<Work>, left: &Subscription) {
        let mut state = lock(&work.state);
        if state.subscription.as_ref() != Some(left) {
            return;
        }
        state.subscription = None;
        state.stream += 1;
        let stream = state.stream;
        drop(state);
        let _ = work.tell.send(News::Disconnected(stream));
        if let Err(error) = self.read_on(work, stream) {
            let _ =
                work.tell.send(News::Failed(stream, format!("no thread can be started: {error}")));
        }
    }

    /// Reads events until the driver ends or another stream is read instead.
    fn read(&self, work: &Work, stream: u64) {
        let patience = work.environment.patience();
        let mut pauses = Pauses::new();
        let mut alone_since = Instant::now();
        while self.life.is_running() && work.reads(stream) {
            let (call, told) = lock(&work.state).session.subscribe();
            match work.connection.subscribe(&call.encode_to_vec()) {
                Ok((subscription, events)) => {
                    if !work.enter(stream, &subscription, &told) {
                        return;
                    }
                    pauses = Pauses::new();
                    let Some(why) = self.read_stream(work, stream, events) else { return };
                    if !work.leave(stream) {
                        return;
                    }
                    log::warn(&format!("the agent is lost: {why}; trying again"));
                    let _ = work.tell.send(News::Disconnected(stream));
                    alone_since = Instant::now();
                }
                Err(Failure::Refused(why)) => {
                    let _ = work.tell.send(News::Failed(stream, why));
                    return;
                }
                Err(Failure::Unavailable(why)) if alone_since.elapsed() >= patience => {
                    let _ = work.tell.send(News::AgentGone(stream, why));
                    return;
                }
                Err(Failure::Unavailable(_)) => {}
            }
            self.life.wait(pauses.next());
        }
    }

    /// Reads one stream, and says why it ended; nothing if nobody wants to know that any more.
    fn read_stream(&self, work: &Work, stream: u64, mut events: Events) -> Option<String> {
        loop {
            let event = events.next_message();
            if !self.life.is_running() || !work.reads(stream) {
                return None;
            }
            match event {
                Ok(Some(event)) => {
                    let _ = work.tell.send(News::Event(stream, Box::new(event)));
                }
                Ok(None) => return Some("the agent closed the connection".to_owned()),
                Err(problem) => return Some(problem),
            }
        }
    }

    /// Tells the executor everything, until the driver ends.
    fn tell_all(
        self: &Arc<Self>,
        work: &Arc<Work>,
        news: &Receiver<News>,
        executor: &mut impl Executor,
    ) {
        loop {
            let news = match news.recv_timeout(HEARTBEAT) {
                Ok(news) => news,
                Err(RecvTimeoutError::Timeout) => {
                    self.say_alive(work);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if !self.life.is_running() {
                return;
            }
            let callback = match news {
                News::Event(stream, _)
                | News::Disconnected(stream)
                | News::Failed(stream, _)
                | News::AgentGone(stream, _)
                    if !work.reads(stream) =>
                {
                    None
                }
                News::Event(_, event) => lock(&work.state).session.take(*event),
                News::Disconnected(_) => lock(&work.state).session.disconnect(),
                News::Failed(_, message) => Some(Callback::Error(message)),
                News::AgentGone(_, why) => {
                    log::warn(&format!("the agent is gone, and the executor ends: {why}"));
                    Some(Callback::Shutdown)
                }
                News::Over => return,
            };
            let Some(callback) = callback else { continue };
            let (is_error, is_end) = match &callback {
                Callback::Error(message) => {
                    log::warn(message);
                    self.life.abort_with_last_words();
                    (true, false)
                }
                Callback::Shutdown => (false, true),
                _ => (false, false),
            };
            let told = executor.tell(callback);
            self.life.told();
            if let Err(thrown) = told {
                log::warn(&format!("the executor failed when it was told something: {thrown}"));
                self.abort();
            }
            if is_end {
                halt_late(&work.environment, executor);
            }
            if is_error || is_end {
                return;
            }
        }
    }

    /// Says that the executor is alive, and subscribes again if the agent does not know it.
    fn say_alive(self: &Arc<Self>, work: &Arc<Work>) {
        let state = lock(&work.state);
        let call = state.session.call(CallType::Heartbeat);
        let subscription = state.subscription.clone();
        drop(state);
        let Some(subscription) = subscription.filter(|_| self.life.is_running()) else { return };
        if let Err(failure) = work.connection.call(&subscription, &call.encode_to_vec()) {
            log::warn(&format!("subscribing again: {failure}"));
            self.subscribe_again(work, &subscription);
        }
    }
}

impl Work {
    fn reads(&self, stream: u64) -> bool {
        lock(&self.state).stream == stream
    }

    /// The agent was told some updates when the executor subscribed; it is told those that came since. Says
    /// whether the stream is still read.
    fn enter(&self, stream: u64, subscription: &Subscription, told: &[Vec<u8>]) -> bool {
        let speaking = lock(&self.speaking);
        let mut state = lock(&self.state);
        if state.stream != stream {
            return false;
        }
        log::info(&format!("subscribed at {}", subscription.master));
        let missing = state.session.updates_beside(told);
        state.subscription = Some(subscription.clone());
        drop(state);
        for call in missing {
            if let Err(failure) = self.connection.call(subscription, &call.encode_to_vec()) {
                log::warn(&format!("an update was not heard: {failure}"));
            }
        }
        drop(speaking);
        true
    }

    /// The stream has ended. Says whether it was still read.
    fn leave(&self, stream: u64) -> bool {
        let mut state = lock(&self.state);
        let is_read = state.stream == stream;
        if is_read {
            state.subscription = None;
        }
        is_read
    }
}

/// Ends the process if it does not end by itself within its time, as Mesos's drivers do.
fn halt_late(environment: &Environment, executor: &mut impl Executor) {
    if let Some(grace) = environment.grace() {
        thread::sleep(grace);
        log::warn("the executor did not end in time");
        executor.halt();
    }
}

fn now_seconds() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests;
