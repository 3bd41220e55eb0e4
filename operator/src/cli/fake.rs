//! A cluster that answers as a test says, without a network.

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::connection::Connection;

/// What was asked: `GET /api/v1/pods?labelSelector=a%3Db {the body}`.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<Vec<String>>>);

impl Requests {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Those that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.all().into_iter().filter(|request| !request.starts_with("GET ")).collect()
    }
}

/// An answer of the cluster.
pub(crate) enum Answer {
    Json(Value),
    Text(String),
    /// It never comes.
    None,
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

/// A cluster in whose namespace `team` somebody works, and what it was asked.
pub(crate) fn cluster<A: Into<Answer>>(
    answer: impl Fn(&str) -> A + Send + Sync + 'static,
) -> (Connection, Requests) {
    let requests = Requests::default();
    let seen = requests.clone();
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (seen, answer) = (seen.clone(), Arc::clone(&answer));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let request =
                format!("{} {} {}", head.method, head.uri, String::from_utf8_lossy(&body));
            let request = request.trim().to_owned();
            seen.0.lock().unwrap().push(request.clone());
            let (code, text) = match answer(&request).into() {
                Answer::Json(value) => {
                    let is_failure = value["kind"] == "Status" && value["status"] == "Failure";
                    let code = value["code"].as_u64().filter(|_| is_failure).unwrap_or(200);
                    (u16::try_from(code).unwrap(), value.to_string())
                }
                Answer::Text(text) => (200, text),
                Answer::None => std::future::pending().await,
            };
            let response =
                http::Response::builder().status(code).body(Body::from(text.into_bytes()));
            Ok::<_, Infallible>(response.unwrap())
        }
    });
    let client = RUNTIME.with(|runtime| {
        let _entered = runtime.enter();
        Client::new(service, "team")
    });
    (Connection { client, namespace: "team".to_owned() }, requests)
}

thread_local! {
    /// Each test has a thread, and so a runtime, of its own.
    static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
}

/// Runs something that asks a cluster.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(work))
}

/// A list of objects.
pub(crate) fn list_of(items: impl Into<Vec<Value>>) -> Value {
    let items = items.into();
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": items})
}

/// The refusal of a request.
pub(crate) fn failure(code: u16, name: &str, message: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
        "message": message, "details": {"name": name},
    })
}

/// The lines of a watch.
pub(crate) fn watch(events: &[(&str, Value)]) -> Answer {
    let line =
        |(kind, object): &(&str, Value)| format!("{}\n", json!({"type": kind, "object": object}));
    Answer::Text(events.iter().map(line).collect())
}

/// An object as it is written.
#[track_caller]
pub(crate) fn object<T: DeserializeOwned>(yaml: &str) -> T {
    serde_yaml::from_str(yaml).unwrap()
}

/// The objects of several documents.
#[track_caller]
pub(crate) fn objects<T: DeserializeOwned>(yaml: &str) -> Vec<T> {
    serde_yaml::from_multiple(yaml).unwrap()
}

/// The present of all tests.
pub(crate) fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}
