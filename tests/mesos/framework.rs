//! A framework that does what a test says.

use std::collections::VecDeque;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use proffer_mesos::content::ContentType;
use proffer_mesos::recordio::Decoder;
use proffer_mesos::scheduler::{Call, Event, EventType};
use proffer_mesos::types::{Offer, TaskState, TaskStatus};
use proffer_mesos::{from_value, to_json};
use serde_json::{Value, json};

use super::Master;
use super::http::{Connection, Reply, request};

/// How long an event may take that must come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Framework {
    address: String,
    authorization: Option<String>,
    content: ContentType,
    pub(crate) id: String,
    pub(crate) stream: String,
    events: mpsc::Receiver<Event>,
    /// Events that were passed over while another one was waited for.
    passed: VecDeque<Event>,
    socket: TcpStream,
}

/// What a framework says of itself, beside what it must.
pub(crate) fn info(fields: &Value) -> Value {
    let mut info = json!({ "user": "nobody", "name": "test" });
    info.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    info
}

/// A task that runs a line of shell.
pub(crate) fn task(name: &str, offer: &Offer, line: &str) -> Value {
    json!({
        "name": name,
        "task_id": { "value": name },
        "agent_id": { "value": offer.agent_id.value },
        "command": { "value": line },
        "resources": resources(0.5, 64.0),
    })
}

pub(crate) fn resources(cpus: f64, mem: f64) -> Value {
    json!([
        { "name": "cpus", "type": "SCALAR", "scalar": { "value": cpus } },
        { "name": "mem", "type": "SCALAR", "scalar": { "value": mem } },
    ])
}

/// How much of a scalar resource there is.
pub(crate) fn amount(offer: &Offer, name: &str) -> f64 {
    let of_name = offer.resources.iter().filter(|resource| resource.name == name);
    of_name.filter_map(|resource| resource.scalar.as_ref()).map(|scalar| scalar.value).sum()
}

/// The same in thousandths, which can be compared.
pub(crate) fn thousandths(offer: &Offer, name: &str) -> Option<i64> {
    proffer_mesos::resources::thousandths(amount(offer, name))
}

pub(crate) fn state(status: &TaskStatus) -> TaskState {
    status.state.try_into().unwrap()
}

impl Framework {
    /// Subscribes with JSON.
    pub(crate) fn subscribe(master: &Master, fields: &Value) -> Self {
        Self::subscribe_as(master, ContentType::Json, &json!({ "framework_info": info(fields) }))
    }

    pub(crate) fn subscribe_as(master: &Master, content: ContentType, subscribe: &Value) -> Self {
        Self::connect(master, content, subscribe).subscribed()
    }

    /// Subscribes as a principal, by its `Authorization`.
    #[allow(dead_code)] // Not all tests have principals.
    pub(crate) fn subscribe_by(master: &Master, authorization: &str, fields: &Value) -> Self {
        let subscribe = json!({ "framework_info": info(fields) });
        let by = Some(authorization);
        Self::connect_by(master, by, ContentType::Json, &subscribe).subscribed()
    }

    fn subscribed(mut self) -> Self {
        let subscribed = self.next(EventType::Subscribed).subscribed.unwrap();
        self.id = subscribed.framework_id.value;
        self
    }

    /// Opens a stream, whatever comes on it.
    pub(crate) fn connect(master: &Master, content: ContentType, subscribe: &Value) -> Self {
        Self::connect_by(master, None, content, subscribe)
    }

    fn connect_by(
        master: &Master,
        authorization: Option<&str>,
        content: ContentType,
        subscribe: &Value,
    ) -> Self {
        let mut call = json!({ "type": "SUBSCRIBE", "subscribe": subscribe });
        if let Some(id) = subscribe["framework_info"].get("id") {
            call["framework_id"] = id.clone();
        }
        let address = master.address.clone();
        let body = encode(content, &call);
        let kind = content.media_type();
        let mut headers = vec![("Content-Type", kind), ("Accept", kind)];
        headers.extend(authorization.map(|it| ("Authorization", it)));
        let mut connection =
            Connection::open(&address, "POST", "/api/v1/scheduler", &headers, &body);
        let socket = connection.socket();
        let reply = connection.head();
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some(kind));
        let stream = reply.header("mesos-stream-id").unwrap().to_owned();
        let (sender, events) = mpsc::channel();
        // Ends with the connection, or when the test is over and nobody listens.
        std::thread::spawn(move || {
            let mut decoder = Decoder::default();
            while let Some(chunk) = connection.chunk() {
                for record in decoder.push(&chunk).unwrap() {
                    let event = content.decode(&record, "Event").unwrap();
                    if sender.send(event).is_err() {
                        return;
                    }
                }
            }
        });
        let (id, passed) = (String::new(), VecDeque::new());
        let authorization = authorization.map(str::to_owned);
        Self { address, authorization, content, id, stream, events, passed, socket }
    }

    /// The next event of a kind; nothing if the stream ends before.
    pub(crate) fn try_next(&mut self, kind: EventType) -> Option<Event> {
        let is_it = |event: &Event| event.r#type == Some(kind.into());
        if let Some(index) = self.passed.iter().position(is_it) {
            return self.passed.remove(index);
        }
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.events.recv_timeout(left) {
                Ok(event) if is_it(&event) => return Some(event),
                Ok(event) => self.passed.push_back(event),
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no {kind:?}: {:?}", self.passed),
            }
        }
    }

    #[track_caller]
    pub(crate) fn next(&mut self, kind: EventType) -> Event {
        self.try_next(kind).unwrap_or_else(|| panic!("no {kind:?} before the end of the stream"))
    }

    /// What has come so far of a kind, and what comes until the answer to a question that is asked
    /// now, which comes after all that was said before.
    pub(crate) fn count(&mut self, kind: EventType) -> usize {
        self.reconcile(&json!([{ "task_id": { "value": "barrier" } }]));
        while self.next_update().task_id.value != "barrier" {}
        let is_it = |event: &&Event| event.r#type == Some(kind.into());
        self.passed.iter().filter(is_it).count()
    }

    /// The offers of the next event.
    pub(crate) fn offers(&mut self) -> Vec<Offer> {
        self.next(EventType::Offers).offers.unwrap().offers
    }

    pub(crate) fn offer(&mut self) -> Offer {
        self.offers().remove(0)
    }

    pub(crate) fn next_update(&mut self) -> TaskStatus {
        self.next(EventType::Update).update.unwrap().status
    }

    /// Runs a task `t` on an offer until it is in a state, and acknowledges that.
    #[track_caller]
    pub(crate) fn run(&mut self, offer: &Offer, line: &str, wanted: TaskState) -> TaskStatus {
        self.launch(&[offer], &[task("t", offer, line)]);
        let status = self.update("t", wanted);
        self.acknowledge(&status);
        status
    }

    /// The next update of a task in a state; those before it are acknowledged.
    #[track_caller]
    pub(crate) fn update(&mut self, task: &str, wanted: TaskState) -> TaskStatus {
        loop {
            let status = self.next_update();
            if status.task_id.value == task {
                if state(&status) == wanted {
                    return status;
                }
                let is_before = matches!(
                    state(&status),
                    TaskState::Starting | TaskState::Running | TaskState::Killing
                );
                assert!(is_before, "{status:?} instead of {wanted:?}");
                self.acknowledge(&status);
            }
        }
    }

    /// A call, given without the framework's id.
    pub(crate) fn call(&self, call: Value) -> Reply {
        self.call_with(call, &[("Mesos-Stream-Id", &self.stream)])
    }

    pub(crate) fn call_with(&self, mut call: Value, headers: &[(&str, &str)]) -> Reply {
        call["framework_id"] = json!({ "value": self.id });
        let kind = self.content.media_type();
        let mut all = vec![("Content-Type", kind), ("Accept", kind)];
        all.extend(self.authorization.as_deref().map(|it| ("Authorization", it)));
        all.extend(headers);
        request(&self.address, "POST", "/api/v1/scheduler", &all, &encode(self.content, &call))
    }

    #[track_caller]
    pub(crate) fn accepted(&self, call: Value) {
        let reply = self.call(call);
        assert_eq!(reply.status, 202, "{}", reply.text());
    }

    #[track_caller]
    pub(crate) fn launch(&self, offers: &[&Offer], tasks: &[Value]) {
        self.launch_with(offers, tasks, 0.0);
    }

    #[track_caller]
    pub(crate) fn launch_with(&self, offers: &[&Offer], tasks: &[Value], refuse_seconds: f64) {
        let ids: Vec<Value> =
            offers.iter().map(|offer| json!({ "value": offer.id.value })).collect();
        self.accepted(json!({ "type": "ACCEPT", "accept": {
            "offer_ids": ids,
            "operations": [{ "type": "LAUNCH", "launch": { "task_infos": tasks } }],
            "filters": { "refuse_seconds": refuse_seconds },
        }}));
    }

    #[track_caller]
    pub(crate) fn decline(&self, offers: &[Offer], refuse_seconds: f64) {
        let ids: Vec<Value> =
            offers.iter().map(|offer| json!({ "value": offer.id.value })).collect();
        self.accepted(json!({ "type": "DECLINE", "decline": {
            "offer_ids": ids,
            "filters": { "refuse_seconds": refuse_seconds },
        }}));
    }

    #[track_caller]
    pub(crate) fn acknowledge(&self, status: &TaskStatus) {
        if status.uuid.is_none() {
            return;
        }
        let status: Value = serde_json::from_str(&to_json(status)).unwrap();
        self.accepted(json!({ "type": "ACKNOWLEDGE", "acknowledge": {
            "agent_id": status["agent_id"],
            "task_id": status["task_id"],
            "uuid": status["uuid"],
        }}));
    }

    #[track_caller]
    pub(crate) fn reconcile(&self, tasks: &Value) {
        self.accepted(json!({ "type": "RECONCILE", "reconcile": { "tasks": tasks } }));
    }

    #[track_caller]
    pub(crate) fn kill(&self, task: &str) {
        self.accepted(json!({ "type": "KILL", "kill": { "task_id": { "value": task } } }));
    }

    #[track_caller]
    pub(crate) fn teardown(self) {
        self.accepted(json!({ "type": "TEARDOWN" }));
    }

    /// Breaks the connection.
    pub(crate) fn disconnect(&self) {
        self.socket.shutdown(Shutdown::Both).unwrap();
    }
}

fn encode(content: ContentType, call: &Value) -> Vec<u8> {
    match content {
        ContentType::Json => call.to_string().into_bytes(),
        ContentType::Protobuf => content.encode(&from_value::<Call>(call).unwrap()),
    }
}
