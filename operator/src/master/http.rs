//! The HTTP side: from requests to [`Request`]s, and from events to streams.

mod body;
mod calls;
mod events;
mod files;
mod refusals;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request as Incoming, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proffer_mesos::content::ContentType;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::access::{Denied, bearer};
use super::budgets::Who;
use super::connections::Request;
use super::door::{Door, Guest};
use super::files::{Files, Found};
use super::first_api::{self, Intent};
use super::read::{Question, Sight};
use super::readers::{Asked, Readers};
use super::server::Peer;
use calls::{executor_api, operate, operated, scheduler};
use refusals::{denial, may_not_change, not_let_in, refused, wrong_method};
pub(super) use refusals::{exhausted, refuse};

/// The longest name of a function for JSONP.
const MAXIMUM_FUNCTION_BYTES: usize = 128;

type Requests = mpsc::Sender<Request>;

/// What requests are answered with.
pub(super) struct Api {
    pub(super) requests: Requests,
    pub(super) readers: Readers,
    pub(super) door: Arc<Door>,
    pub(super) files: Files,
    /// Whether answers may be calls of functions, which pages of others can run.
    pub(super) has_jsonp: bool,
}

/// Answers a request. That it may be looked at comes before anything else.
pub(super) async fn answer(api: &Api, peer: &Peer, request: Incoming<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut answer = match api.door.hosts.check(&parts.uri, &parts.headers, peer.local) {
        Err(problem) => refuse(StatusCode::FORBIDDEN, problem),
        Ok(()) => api.route(peer, &parts, body).await.unwrap_or_else(|refusal| refusal),
    };
    // No page of others reads an answer, or has it taken for something that it is not.
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    answer
}

impl Api {
    async fn route(&self, peer: &Peer, parts: &Parts, body: Body) -> Result<Response, Response> {
        let Parts { method, headers, .. } = parts;
        let endpoint = endpoint(parts.uri.path());
        // Where only agents are asked, the first one is if nothing else is said.
        let agent = agent(parts.uri.path()).or(peer.asks_agents.then_some(1));
        let intent = first_api::intent(endpoint, method);
        match endpoint {
            // Executors show what they were given.
            "api/v1/executor" => {
                let guest = self.admit_executor(peer, headers).await?;
                return executor_api(self, &guest, method, headers, body).await;
            }
            "redirect" => {
                let host = text(headers, "host").unwrap_or_default();
                let location = [(header::LOCATION, format!("//{host}"))];
                return Ok((StatusCode::TEMPORARY_REDIRECT, location).into_response());
            }
            _ => {
                if let Intent::WrongMethod(allowed) = intent {
                    return Err(wrong_method(method, allowed));
                }
            }
        }
        let guest = self.door.admit(peer, headers).await.map_err(not_let_in)?;
        match endpoint {
            "api/v1/scheduler" => scheduler(self, &guest, method, headers, body).await,
            "api/v1" => operate(self, &guest, agent, (method, headers), body).await,
            "files/browse" | "files/read" | "files/download" => {
                let query = self.query(parts.uri.query()).map_err(refused)?;
                self.read_file(&guest, endpoint, &query).await
            }
            _ => {
                if let Intent::Change(change) = intent {
                    if agent.is_some() {
                        let message = "An agent changes nothing: ask the master";
                        return Err(refuse(StatusCode::NOT_FOUND, message));
                    }
                    if !self.may_operate(&guest) {
                        return Err(may_not_change());
                    }
                    let taken = body::read(body, &self.door.body_bytes, &guest.who).await?;
                    let call = change.call(endpoint, &taken.bytes);
                    let call = call.map_err(|problem| refuse(StatusCode::BAD_REQUEST, problem))?;
                    return operated(&self.requests, call).await;
                }
                let query = self.query(parts.uri.query()).map_err(refused)?;
                let endpoint = endpoint.to_owned();
                let question = Question { agent, endpoint, query };
                self.readers.answer(Asked::Endpoint(question), self.sight(&guest), &guest.who).await
            }
        }
    }

    /// What somebody may see of what the master knows.
    fn sight(&self, guest: &Guest) -> Sight {
        Sight::of(self.door.rights(guest))
    }

    fn may_operate(&self, guest: &Guest) -> bool {
        self.door.access.may_operate(guest.principal.as_deref())
    }

    /// Lets in who may speak as an executor, before it is read what it says. The master looks at the token
    /// once more, for it has to be that of the executor that is named.
    async fn admit_executor(&self, peer: &Peer, headers: &HeaderMap) -> Result<Guest, Response> {
        let who = self.executor(peer, headers).await?;
        self.door.seat(peer, who, None).await.map_err(not_let_in)
    }

    async fn executor(&self, peer: &Peer, headers: &HeaderMap) -> Result<Who, Response> {
        if peer.is_same_user {
            return Ok(Who::SameUser);
        }
        if self.door.access.is_for_anybody() {
            return Ok(Who::Address(peer.slot.network()));
        }
        let Some(token) = executor_token(headers) else {
            return Err(denial(Denied::NoExecutor));
        };
        if let Some((known, who)) = peer.executor.get()
            && known == token
        {
            return Ok(who.clone());
        }
        let permit = self.door.tokens.acquire().await;
        let (reply, answer) = oneshot::channel();
        let token = token.to_owned();
        ask(&self.requests, Request::IsExecutor { token: token.clone(), reply }).await?;
        let owner = answer.await.map_err(|_| unavailable())?;
        drop(permit);
        let Some(owner) = owner else {
            self.door.port.wrong_secrets.inc();
            return Err(denial(Denied::NoExecutor));
        };
        let who = Who::Executors(owner);
        // If another one is shown on this connection, it is looked up each time.
        let _ = peer.executor.set((token, who.clone()));
        Ok(who)
    }

    /// What is said in the query of a request. A function to call is there only if that may be.
    fn query(&self, text: Option<&str>) -> Found<BTreeMap<String, String>> {
        let pairs = url::form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        let query: BTreeMap<_, _> = pairs.into_owned().collect();
        match query.get("jsonp") {
            Some(_) if !self.has_jsonp => {
                let message = "JSONP is not served, for any page could read such an answer: leave out \
                               'jsonp', or have the master started with --mesos-jsonp (on a cluster \
                               with mesos.jsonp)";
                Err((StatusCode::FORBIDDEN, message.to_owned()))
            }
            Some(function) if !is_function(function) => {
                let message = "'jsonp' is not the name of a function, such as angular.callbacks._0";
                Err((StatusCode::BAD_REQUEST, message.to_owned()))
            }
            _ => Ok(query),
        }
    }
}

/// Whether a text is a name of JavaScript, or several with dots between them.
fn is_function(text: &str) -> bool {
    let is_start = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(is_start)
            && bytes.all(|byte| is_start(byte) || byte.is_ascii_digit())
    };
    text.len() <= MAXIMUM_FUNCTION_BYTES && text.split('.').all(is_name)
}

/// What a path names: everything is at `/master`, too, and may end in a slash.
fn endpoint(path: &str) -> &str {
    let path = path.trim_matches('/');
    // So is what is asked of agents, which are at the same address.
    let agent = path.strip_prefix("slave(").and_then(|rest| rest.split_once(")/"));
    let path = agent.map_or(path, |(_, path)| path);
    let path = path.strip_prefix("master/").unwrap_or(path);
    // As older tools say it.
    path.strip_suffix(".json").unwrap_or(path)
}

/// The number of the agent that a path is of, if it is of one.
fn agent(path: &str) -> Option<usize> {
    let (number, _) = path.trim_start_matches('/').strip_prefix("slave(")?.split_once(")/")?;
    // One that is no number is that of no agent.
    Some(number.parse().unwrap_or(0))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What an executor shows.
fn executor_token(headers: &HeaderMap) -> Option<&str> {
    text(headers, "authorization").and_then(bearer)
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, ContentType::Json.media_type())];
    (status, kind, value.to_string()).into_response()
}

async fn ask(requests: &Requests, request: Request) -> Result<(), Response> {
    requests.send(request).await.map_err(|_| unavailable())
}

/// What is said when nobody answers any more.
pub(super) fn unavailable() -> Response {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "The master is about to end")
}

#[cfg(test)]
mod tests;
