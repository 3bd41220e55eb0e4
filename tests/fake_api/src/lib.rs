//! A Kubernetes API server inside a test: the same kube client as always, no socket, and with paused
//! time no waiting.
//!
//! It keeps whatever objects it is given and knows versions, preconditions, patches, finalizers, watches
//! and compaction. It knows no schemas, no permissions and no controllers. What it does and a real one
//! does is checked by one table ([`contract`]), on both.
//!
//! Beside the client a test has the [`FakeApi`] itself: it changes objects as other programs do, and
//! injects what goes wrong: refusals, lost replies, slow writes, watches that break off, lag or repeat
//! themselves.

// All of this is test code.
#![allow(clippy::unwrap_used, clippy::panic)]

pub mod contract;
mod faults;
mod request;
mod store;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::BoxError;

pub use faults::{Fault, Rule};
pub use request::{Request, Verb};
pub use store::{Failure, Key};

use faults::Faults;
use store::Store;

/// What it answers.
type Answer = UnsyncBoxBody<Bytes, BoxError>;

/// The server, to be held by as many as like.
#[derive(Clone)]
pub struct FakeApi(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Counts up whenever a watch should look again.
    changed: tokio::sync::watch::Sender<u64>,
}

struct State {
    store: Store,
    faults: Faults,
    /// What was asked, reads and watches included.
    requests: Vec<Request>,
}

impl Default for FakeApi {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeApi {
    /// An empty server.
    pub fn new() -> Self {
        let state = State { store: Store::new(), faults: Faults::default(), requests: Vec::new() };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed: tokio::sync::watch::channel(0).0,
        }))
    }

    /// A client of it whose namespace is `default`.
    pub fn client(&self) -> Client {
        let this = self.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let this = this.clone();
            async move { this.serve(request).await }
        });
        Client::new(service, "default")
    }

    /// What goes wrong from now on: the first rule that applies counts.
    pub fn inject(&self, rule: Rule) {
        self.state().faults.rules.push(rule);
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        self.state().faults = Faults::default();
        self.wake();
    }

    /// Delivers what watches tell so much later.
    pub fn delay_watches(&self, lag: Duration) {
        self.state().faults.watch_lag = lag;
        self.wake();
    }

    /// Has watches tell everything twice.
    pub fn repeat_watch_events(&self) {
        self.state().faults.repeats = true;
    }

    /// Breaks off all watches that are open. Their clients ask for what they have missed.
    pub fn break_watches(&self) {
        self.state().faults.generation += 1;
        self.wake();
    }

    /// Forgets what happened so far, so that who asks for it is told 410.
    pub fn compact(&self) {
        self.state().store.compact();
    }

    /// Asks as a program without a connection would.
    pub fn call(&self, request: &Request) -> Result<Value, Failure> {
        let answer = self.state().store.answer(request);
        self.wake();
        answer
    }

    /// An object, by the path of its kind (`api/v1/pods`).
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state().store.get(&Key::new(kind, namespace, name)).cloned()
    }

    /// The objects of a kind.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.state().store.all(kind).cloned().collect()
    }

    /// Makes an object.
    ///
    /// # Panics
    ///
    /// If there is one of its name.
    #[track_caller]
    pub fn create(&self, kind: &str, namespace: &str, object: Value) -> Value {
        self.call(&Request::new(Verb::Create, kind, namespace, "").with(object)).unwrap()
    }

    /// Merges something into an object or one of its subresources, such as `status`.
    pub fn merge(
        &self,
        (kind, namespace, name): (&str, &str, &str),
        subresource: &str,
        patch: Value,
    ) -> Result<Value, Failure> {
        let request = Request::new(Verb::MergePatch, kind, namespace, name);
        self.call(&request.of(subresource).with(patch))
    }

    /// Deletes an object at once.
    pub fn remove(&self, kind: &str, namespace: &str, name: &str) -> Result<Value, Failure> {
        let request = Request::new(Verb::Delete, kind, namespace, name);
        self.call(&request.with(json!({"gracePeriodSeconds": 0})))
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn wake(&self) {
        self.0.changed.send_modify(|count| *count += 1);
    }

    async fn serve(&self, request: http::Request<Body>) -> Result<Response<Answer>, BoxError> {
        let request = Request::read(request).await?;
        let fault = {
            let mut state = self.state();
            state.requests.push(request.clone());
            state.faults.draw(&request)
        };
        match fault {
            Some(Fault::Answer(code)) => {
                return Ok(respond(Err(Failure::injected(code))));
            }
            Some(Fault::Break) => return Err("the connection was reset".into()),
            Some(Fault::Late(delay)) => tokio::time::sleep(delay).await,
            _ => {}
        }
        if request.verb == Verb::Watch {
            return Ok(watch::response(self.clone(), &request));
        }
        let answer = self.call(&request);
        match fault {
            Some(Fault::LoseReply) => Err("the connection was reset".into()),
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::SlowReply(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(respond(answer))
            }
            _ => Ok(respond(answer)),
        }
    }
}

fn respond(answer: Result<Value, Failure>) -> Response<Answer> {
    let (code, body) = match answer {
        Ok(body) => (200, body),
        Err(failure) => (failure.code, failure.status()),
    };
    let mut response = Response::builder().status(code).header("content-type", "application/json");
    if code == 429 {
        response = response.header("retry-after", "1");
    }
    let body = Full::new(Bytes::from(body.to_string()));
    response.body(body.map_err(|never| match never {}).boxed_unsync()).unwrap()
}

#[cfg(test)]
mod tests;
