//! Does what the master wants: between its decisions, connections and tasks.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use proffer_core::event::Event;
use proffer_core::jobs::Milliseconds;
use proffer_core::view::View;
use proffer_mesos::content::ContentType;
use proffer_mesos::scheduler::{Call, CallSubscribe};
use proffer_mesos::{Message, executor, recordio};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, ApiAnswer, ConnectionId, Effect, Master, News, Question, Run, TaskKey, http};

/// Calls that wait to be taken in; those who call wait when there are more.
const REQUEST_QUEUE_LENGTH: usize = 1024;

/// Events that wait to be read by a framework. One that reads no more than that is disconnected.
const EVENT_QUEUE_LENGTH: usize = 8192;

/// News of tasks that wait to be taken in.
const NEWS_QUEUE_LENGTH: usize = 1024;

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
    /// Somebody asks something.
    Ask(Question, oneshot::Sender<Option<serde_json::Value>>),
    /// An operator says something.
    Operate(Box<serde_json::Value>, oneshot::Sender<ApiAnswer>),
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
    pub(crate) records: mpsc::Receiver<Vec<u8>>,
}

/// What runs tasks.
pub(crate) trait Tasks {
    /// Starts a task. What becomes of it is told as [`News`].
    fn run(&mut self, run: Run);
    /// Tells a task to end.
    fn kill(&mut self, task: &TaskKey, grace: Option<Milliseconds>);
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
    requests: mpsc::Receiver<Request>,
    news: mpsc::Receiver<(TaskKey, News)>,
    connections: BTreeMap<ConnectionId, (ContentType, mpsc::Sender<Vec<u8>>)>,
    next_connection: u64,
}

/// Where news of tasks come from and go to.
pub(crate) fn news() -> (NewsSender, mpsc::Receiver<(TaskKey, News)>) {
    mpsc::channel(NEWS_QUEUE_LENGTH)
}

impl Host {
    /// A host that serves what comes in at a listener.
    pub(crate) fn serve(
        listener: TcpListener,
        master: Master,
        tasks: Box<dyn Tasks>,
        news: mpsc::Receiver<(TaskKey, News)>,
    ) -> Self {
        let (sender, requests) = mpsc::channel(REQUEST_QUEUE_LENGTH);
        tokio::spawn(http::serve(listener, sender, master.access()));
        let connections = BTreeMap::new();
        Self { master, tasks, requests, news, connections, next_connection: 0 }
    }

    /// Waits until something comes in.
    pub(crate) async fn next(&mut self) -> Input {
        tokio::select! {
            Some((task, news)) = self.news.recv() => Input::News(task, news),
            Some(request) = self.requests.recv() => Input::Request(request),
            else => std::future::pending().await,
        }
    }

    /// What has come in already, if anything has.
    pub(crate) fn try_next(&mut self) -> Option<Input> {
        if let Ok((task, news)) = self.news.try_recv() {
            return Some(Input::News(task, news));
        }
        self.requests.try_recv().ok().map(Input::Request)
    }

    /// Takes in what came in. Who asks something is shown the cluster as it is.
    pub(crate) fn take(&mut self, now: Milliseconds, input: Input, view: impl FnOnce() -> View) {
        match input {
            // Whoever does not listen any more needs no answer.
            Input::Request(Request::Ask(question, reply)) => {
                let _ = reply.send(self.master.read(&question, &view()));
            }
            Input::Request(Request::Operate(call, reply)) => {
                let _ = reply.send(self.master.operate(now, &call, &view()));
            }
            Input::News(task, news) => self.master.take_news(now, &task, news),
            Input::Request(Request::Ended(connection)) => {
                self.connections.remove(&connection);
                self.master.disconnected(now, connection);
            }
            Input::Request(Request::Subscribe { call, principal, content, reply }) => {
                if let Some((connection, id)) = self.open(content, reply) {
                    self.master.subscribe(now, connection, &id, principal.as_deref(), *call);
                }
            }
            Input::Request(Request::SubscribeExecutor { call, content, token, reply }) => {
                if let Some((connection, _)) = self.open(content, reply) {
                    self.master.subscribe_executor(now, connection, token.as_deref(), *call);
                }
            }
            Input::Request(Request::ExecutorCall { call, token, reply }) => {
                let answer = self.master.executor_call(now, token.as_deref(), *call);
                let _ = reply.send(answer);
            }
            Input::Request(Request::Call { call, principal, stream, reply }) => {
                let (principal, stream) = (principal.as_deref(), stream.as_deref());
                // Whoever does not listen any more has said it all the same.
                let _ = reply.send(self.master.call(now, principal, stream, *call));
            }
        }
    }

    /// Opens a stream; nothing if nobody listens any more.
    fn open(
        &mut self,
        content: ContentType,
        reply: oneshot::Sender<Stream>,
    ) -> Option<(ConnectionId, String)> {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let id = uuid::Uuid::new_v4().to_string();
        let (sender, records) = mpsc::channel(EVENT_QUEUE_LENGTH);
        reply.send(Stream { connection, id: id.clone(), records }).ok()?;
        self.connections.insert(connection, (content, sender));
        Some((connection, id))
    }

    /// Sends an event on a connection, whatever it is of.
    fn send<M: Message>(&mut self, now: Milliseconds, connection: ConnectionId, event: &M) {
        let Some((content, sender)) = self.connections.get(&connection) else { return };
        let mut record = Vec::new();
        recordio::encode(&content.encode(event), &mut record);
        if sender.try_send(record).is_err() {
            // It is gone, or does not read what it is told.
            self.connections.remove(&connection);
            self.master.disconnected(now, connection);
        }
    }

    /// Lets the master do what is due, and does what it wants. What the engine should hear is
    /// returned.
    pub(crate) fn perform(&mut self, now: Milliseconds) -> Vec<Event> {
        self.master.tick(now);
        let mut events = Vec::new();
        loop {
            let effects = self.master.take_effects();
            if effects.is_empty() {
                return events;
            }
            for effect in effects {
                match effect {
                    Effect::Engine(event) => events.push(event),
                    Effect::Run(run) => self.tasks.run(*run),
                    Effect::Kill { task, grace } => self.tasks.kill(&task, grace),
                    Effect::Close(connection) => {
                        self.connections.remove(&connection);
                    }
                    Effect::Send(connection, event) => self.send(now, connection, &*event),
                    Effect::Tell(connection, event) => self.send(now, connection, &*event),
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

/// Listens at an address.
pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}
