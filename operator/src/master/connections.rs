//! Connections of frameworks and executors: what comes in on them, and what they are told.

mod showing;
pub(super) mod stream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proffer_core::time::Time;
use proffer_core::view::Market;
use proffer_mesos::content::ContentType;
use proffer_mesos::scheduler::{Call, CallSubscribe};
use proffer_mesos::{Message, executor, recordio};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior};

use super::access::Access;
use super::door::Traffic;
use super::files::Files;
use super::hosts::Hosts;
use super::tls::Tls;
use super::{Answer, ApiAnswer, ConnectionId, Effect, Master, Snapshot, server};
use crate::web::Port;
use showing::Showing;

/// Calls that wait to be taken in; those who call wait when there are more.
const REQUEST_QUEUE_LENGTH: usize = 1024;

/// The most requests that are taken in before the engine decides.
pub(crate) const REQUESTS_AT_ONCE: usize = 256;

/// How often it is looked at who does not read what is sent to it.
const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// Something that the master is asked.
pub(crate) enum Request {
    /// A framework wants to be told events.
    Subscribe {
        /// What it says.
        call: Box<CallSubscribe>,
        /// Who says so, if that was checked.
        principal: Option<String>,
        /// How events are encoded.
        content: ContentType,
        /// Where it is told.
        reply: oneshot::Sender<Stream>,
    },
    /// A framework says something.
    Call {
        /// What it says.
        call: Box<Call>,
        /// Who says so, if that was checked.
        principal: Option<String>,
        /// The connection on which it is told events.
        stream: Option<String>,
        /// What becomes of it.
        reply: oneshot::Sender<Answer>,
    },
    /// An executor wants to be told events.
    SubscribeExecutor {
        /// What it says.
        call: Box<executor::Call>,
        /// How events are encoded.
        content: ContentType,
        /// What it shows.
        token: Option<String>,
        /// Where it is told.
        reply: oneshot::Sender<Stream>,
    },
    /// An executor says something.
    ExecutorCall {
        /// What it says.
        call: Box<executor::Call>,
        /// What it shows.
        token: Option<String>,
        /// What becomes of it.
        reply: oneshot::Sender<Answer>,
    },
    /// Somebody shows a token, before it is heard as an executor.
    IsExecutor {
        /// What it shows.
        token: String,
        /// Whose executor it is of, if it is of one: a principal's, or else a framework's.
        reply: oneshot::Sender<Option<Arc<str>>>,
    },
    /// Somebody wants to see what the master knows.
    Look(oneshot::Sender<Arc<Snapshot>>),
    /// It is time to show what the master knows to those who want to see it.
    Show,
    /// An operator says something.
    Operate(Box<serde_json::Value>, oneshot::Sender<ApiAnswer>),
    /// All that was sent on a connection before it was asked for this has been read.
    HasRead(ConnectionId),
    /// A connection has ended.
    Ended(ConnectionId),
}

/// The events of a framework, encoded.
pub(crate) struct Stream {
    /// The number of the connection.
    pub(crate) connection: ConnectionId,
    /// Its name, as the framework has to repeat it.
    pub(crate) id: String,
    /// What it is told.
    pub(super) events: stream::Reading,
}

/// All connections.
pub(crate) struct Connections {
    requests: mpsc::Receiver<Request>,
    open: BTreeMap<ConnectionId, (ContentType, stream::Writing)>,
    next: u64,
    watch: Interval,
    /// Those that nobody reads, and that are still to be ended.
    stuck: Vec<ConnectionId>,
    showing: Showing,
}

/// How connections are served.
pub(crate) struct Service {
    /// Where.
    pub(crate) listener: TcpListener,
    /// Where agents are asked, if they have an address of their own.
    pub(crate) agents: Option<TcpListener>,
    /// To whom.
    pub(crate) access: Arc<Access>,
    /// The sandboxes of tasks, if they are here.
    pub(crate) files: Files,
    /// What connections are encrypted with, if they are.
    pub(crate) tls: Option<Tls>,
    /// By which names it may be called.
    pub(crate) hosts: Hosts,
    /// Whether answers may be calls of functions, which pages of others can run.
    pub(crate) has_jsonp: bool,
    /// How many connections, requests and bytes there may be.
    pub(crate) traffic: Traffic,
    /// Where it is counted how many there are.
    pub(crate) port: Port,
}

impl Connections {
    /// Serves what comes in at a listener.
    pub(crate) fn serve(service: Service) -> Self {
        let (sender, requests) = mpsc::channel(REQUEST_QUEUE_LENGTH);
        tokio::spawn(server::serve(service, sender));
        Self::of(requests)
    }

    fn of(requests: mpsc::Receiver<Request>) -> Self {
        let mut watch = tokio::time::interval(WATCH_PERIOD);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stuck = Vec::new();
        Self { requests, open: BTreeMap::new(), next: 0, watch, stuck, showing: Showing::default() }
    }

    /// Waits until something comes in. Who does not read has ended the connection.
    pub(crate) async fn next(&mut self) -> Request {
        loop {
            if let Some(request) = self.end_stuck() {
                return request;
            }
            tokio::select! {
                () = self.showing.due() => return Request::Show,
                Some(request) = self.requests.recv() => match request {
                    Request::Look(reply) => self.showing.want(reply),
                    other => return other,
                },
                _ = self.watch.tick() => {
                    let is_stuck = |(connection, (_, writing)): (&_, &mut (_, stream::Writing))| {
                        writing.is_stuck().then_some(*connection)
                    };
                    self.stuck = self.open.iter_mut().filter_map(is_stuck).collect();
                }
            }
        }
    }

    /// The end of the next connection that nobody reads, if there is one.
    fn end_stuck(&mut self) -> Option<Request> {
        let connection = self.stuck.pop()?;
        tracing::warn!("a connection to the Mesos API is closed: nobody reads it");
        Some(Request::Ended(connection))
    }

    /// What has come in already, if anything has. Those who only look come last, so that they see what
    /// they have said before.
    pub(crate) fn try_next(&mut self) -> Option<Request> {
        if let Some(request) = self.end_stuck() {
            return Some(request);
        }
        while let Ok(request) = self.requests.try_recv() {
            match request {
                Request::Look(reply) => self.showing.want(reply),
                other => return Some(other),
            }
        }
        self.showing.is_due().then_some(Request::Show)
    }

    /// Has the master take in what came in. `market` is what the engine shows.
    pub(crate) fn take(
        &mut self,
        now: Time,
        request: Request,
        master: &mut Master,
        market: impl FnOnce() -> Market,
    ) {
        match request {
            // Whoever does not listen any more needs no answer.
            Request::Look(reply) => self.showing.want(reply),
            Request::Show => self.showing.show(|| master.snapshot(now, market())),
            Request::IsExecutor { token, reply } => {
                let _ = reply.send(master.owner_of_executor(&token));
            }
            Request::Operate(call, reply) => {
                let _ = reply.send(master.operate(now, &call, &market()));
            }
            Request::Ended(connection) => {
                self.open.remove(&connection);
                master.disconnected(now, connection);
            }
            Request::HasRead(connection) => master.has_read(now, connection),
            Request::Subscribe { call, principal, content, reply } => {
                if let Some((connection, id)) = self.open(content, reply) {
                    master.subscribe(now, connection, &id, principal.as_deref(), *call);
                }
            }
            Request::SubscribeExecutor { call, content, token, reply } => {
                if let Some((connection, _)) = self.open(content, reply) {
                    master.subscribe_executor(now, connection, token.as_deref(), *call);
                }
            }
            Request::ExecutorCall { call, token, reply } => {
                let answer = master.executor_call(now, token.as_deref(), *call);
                let _ = reply.send(answer);
            }
            Request::Call { call, principal, stream, reply } => {
                let (principal, stream) = (principal.as_deref(), stream.as_deref());
                // Whoever does not listen any more has said it all the same.
                let _ = reply.send(master.call(now, principal, stream, *call));
            }
        }
    }

    /// Opens a stream; nothing if nobody listens any more.
    fn open(
        &mut self,
        content: ContentType,
        reply: oneshot::Sender<Stream>,
    ) -> Option<(ConnectionId, String)> {
        let connection = ConnectionId(self.next);
        self.next += 1;
        let id = uuid::Uuid::new_v4().to_string();
        let (writing, events) = stream::stream();
        reply.send(Stream { connection, id: id.clone(), events }).ok()?;
        self.open.insert(connection, (content, writing));
        Some((connection, id))
    }

    /// Tells what is to be told; what the effect is beside that is returned.
    pub(crate) fn tell(
        &mut self,
        now: Time,
        effect: Effect,
        master: &mut Master,
    ) -> Option<Effect> {
        match effect {
            Effect::Send(connection, event) => self.send(now, connection, &*event, master),
            Effect::Tell(connection, event) => self.send(now, connection, &*event, master),
            Effect::AwaitReading(connection) => {
                if let Some((_, writing)) = self.open.get(&connection) {
                    writing.mark();
                }
            }
            Effect::Close(connection) => {
                self.open.remove(&connection);
            }
            other => return Some(other),
        }
        None
    }

    /// Sends an event on a connection, whatever it is of. Nobody is waited for.
    fn send<M: Message>(
        &mut self,
        now: Time,
        connection: ConnectionId,
        event: &M,
        master: &mut Master,
    ) {
        let Some((content, writing)) = self.open.get_mut(&connection) else { return };
        let mut record = Vec::new();
        recordio::encode(&content.encode(event), &mut record);
        if !writing.write(record) {
            // It is gone, or reads less than it is told.
            self.open.remove(&connection);
            master.disconnected(now, connection);
        }
    }
}

/// Listens at an address.
pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

#[cfg(test)]
mod tests;
