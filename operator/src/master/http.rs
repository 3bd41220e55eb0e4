//! The HTTP side: from requests to [`Request`]s, and from events to streams.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request as Incoming, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proffer_mesos::content::{ContentProblem, ContentType, NOT_ACCEPTABLE};
use proffer_mesos::scheduler::{Call, CallType, Event, EventType};
use proffer_mesos::{executor, recordio, validate};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::ConnectionId;
use super::access::{Access, Denied, bearer};
use super::connections::stream::Next;
use super::connections::{Request, Stream};
use super::files::{Download, Files, Found};
use super::first_api::{self, Intent};
use super::hosts::Hosts;
use super::read::{Question, Sight};
use super::readers::{Asked, Readers};
use super::server::Peer;

/// The longest body of a call.
const MAXIMUM_BODY_BYTES: usize = 8 << 20;

/// How long a call may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest name of a function for JSONP.
const MAXIMUM_FUNCTION_BYTES: usize = 128;

/// The header that names the connection on which a framework is told events.
const STREAM_ID: &str = "mesos-stream-id";

type Requests = mpsc::Sender<Request>;

/// What requests are answered with.
pub(super) struct Api {
    pub(super) requests: Requests,
    pub(super) readers: Readers,
    pub(super) access: Arc<Access>,
    pub(super) files: Files,
    pub(super) hosts: Hosts,
    /// Whether answers may be calls of functions, which pages of others can run.
    pub(super) has_jsonp: bool,
}

/// Answers a request. That it may be looked at comes before anything else.
pub(super) async fn answer(api: &Api, peer: &Peer, request: Incoming<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut answer = match api.hosts.check(&parts.uri, &parts.headers, peer.local) {
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
        let requests = &self.requests;
        let endpoint = endpoint(parts.uri.path());
        // Where only agents are asked, the first one is if nothing else is said.
        let agent = agent(parts.uri.path()).or(peer.asks_agents.then_some(1));
        let intent = first_api::intent(endpoint, method);
        match endpoint {
            // Executors show what they were given.
            "api/v1/executor" => {
                self.check_executor(peer, headers).await?;
                return executor_api(requests, method, headers, body).await;
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
        let authorization = text(headers, "authorization");
        let principal = self
            .access
            .principal(authorization, peer.is_same_user, Instant::now())
            .map_err(denial)?;
        // What somebody may see of what the master knows is decided here, and heeded in `read`.
        let sight = Sight::All;
        match endpoint {
            "api/v1/scheduler" => scheduler(requests, method, headers, principal, body).await,
            "api/v1" => {
                let may_change = self.access.may_operate(principal.as_deref());
                self.operate(method, headers, agent, (may_change, sight), body).await
            }
            "files/browse" | "files/read" | "files/download" => {
                let query = self.query(parts.uri.query()).map_err(refused)?;
                read_file(&self.files, endpoint, &query).await.map_err(refused)
            }
            _ => {
                if let Intent::Change(change) = intent {
                    if agent.is_some() {
                        let message = "An agent changes nothing: ask the master";
                        return Err(refuse(StatusCode::NOT_FOUND, message));
                    }
                    if !self.access.may_operate(principal.as_deref()) {
                        return Err(may_not_change());
                    }
                    let call = change.call(endpoint, &read(body).await?);
                    let call = call.map_err(|problem| refuse(StatusCode::BAD_REQUEST, problem))?;
                    return operated(requests, call).await;
                }
                let query = self.query(parts.uri.query()).map_err(refused)?;
                let endpoint = endpoint.to_owned();
                let question = Question { agent, endpoint, query };
                self.readers.answer(Asked::Endpoint(question), sight).await
            }
        }
    }

    /// The operator API. What only asks is answered from what the master shows.
    async fn operate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        agent: Option<usize>,
        (may_change, sight): (bool, Sight),
        body: Body,
    ) -> Result<Response, Response> {
        if let Some(refusal) = not_post(method) {
            return Err(refusal);
        }
        let content = match ContentType::of_request(text(headers, "content-type")) {
            Err(ContentProblem::Missing) => {
                return Err(refuse(StatusCode::BAD_REQUEST, ContentProblem::Missing.to_string()));
            }
            other => other,
        };
        let bytes = read(body).await?;
        if content != Ok(ContentType::Json) {
            let message = "The operator API is served in JSON: expecting 'Content-Type' of \
                           application/json";
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let call: Value = serde_json::from_slice(&bytes).map_err(|error| {
            refuse(StatusCode::BAD_REQUEST, format!("Failed to parse body into JSON: {error}"))
        })?;
        if ContentType::of_answer(text(headers, "accept")) != Some(ContentType::Json) {
            let message = "The operator API is served in JSON: expecting 'Accept' to allow \
                           'application/json'";
            return Err(refuse(StatusCode::NOT_ACCEPTABLE, message));
        }
        let kind = call["type"].as_str().unwrap_or_default();
        match (agent, kind.starts_with("GET_")) {
            (None, true) => self.readers.answer(Asked::Call(kind.to_owned()), sight).await,
            (Some(agent), true) => {
                self.readers.answer(Asked::AgentCall(agent, kind.to_owned()), sight).await
            }
            (Some(_), false) => {
                Err(refuse(StatusCode::NOT_IMPLEMENTED, first_api::refused_by_agents(kind)))
            }
            _ if !may_change => Err(may_not_change()),
            (None, false) => operated(&self.requests, call).await,
        }
    }

    /// Whether somebody may speak as an executor, before it is read what it says. The master looks at
    /// the token once more, for it has to be that of the executor that is named.
    async fn check_executor(&self, peer: &Peer, headers: &HeaderMap) -> Result<(), Response> {
        if peer.is_same_user || self.access.is_for_anybody() {
            return Ok(());
        }
        let token = executor_token(headers);
        if token.is_some() && token == peer.executor_token.get().map(String::as_str) {
            return Ok(());
        }
        let Some(token) = token else { return Err(denial(Denied::NoExecutor)) };
        let (reply, answer) = oneshot::channel();
        ask(&self.requests, Request::IsExecutor { token: token.to_owned(), reply }).await?;
        if !answer.await.map_err(|_| unavailable())? {
            return Err(denial(Denied::NoExecutor));
        }
        // If another one is shown on this connection, it is looked up each time.
        let _ = peer.executor_token.set(token.to_owned());
        Ok(())
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

/// What is said to who may not say something.
fn denial(denied: Denied) -> Response {
    let unauthorized = |message: &str, scheme: &'static str| {
        let mut refusal = refuse(StatusCode::UNAUTHORIZED, message);
        refusal.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        refusal
    };
    match denied {
        Denied::Unauthenticated => unauthorized(
            "The principal or its secret is missing or wrong",
            "Basic realm=\"mesos-master\"",
        ),
        Denied::OtherUser => unauthorized(
            "This master serves the user who started it: connect from a program of that user, or show \
             the token of the file mesos-PORT.token, in $XDG_RUNTIME_DIR/proffer or in proffer-UID among \
             the temporary files, as 'Authorization: Bearer TOKEN'. To serve other users, start it with \
             --mesos-credentials",
            "Bearer realm=\"mesos-master\"",
        ),
        Denied::NoExecutor => unauthorized(
            "An executor shows the token of MESOS_EXECUTOR_AUTHENTICATION_TOKEN as 'Authorization: \
             Bearer TOKEN', and this is none that is known",
            "Bearer realm=\"mesos-agent\"",
        ),
        Denied::TooOften => {
            let message = "The principal calls more often than its qps allows";
            let mut refusal = refuse(StatusCode::TOO_MANY_REQUESTS, message);
            refusal.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            refusal
        }
    }
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

pub(super) fn refuse(status: StatusCode, message: impl Into<String>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, message.into()).into_response()
}

fn refused((status, message): (StatusCode, String)) -> Response {
    refuse(status, message)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What an executor shows.
fn executor_token(headers: &HeaderMap) -> Option<&str> {
    text(headers, "authorization").and_then(bearer)
}

/// The body of a call, if it comes in time and is not too large.
async fn read(body: Body) -> Result<Vec<u8>, Response> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAXIMUM_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(_)) => {
            let message = format!("A call has at most {MAXIMUM_BODY_BYTES} bytes");
            Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, message))
        }
        Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT, "The call did not arrive in time")),
    }
}

/// What is said to who does something else than POST.
fn not_post(method: &Method) -> Option<Response> {
    (method != Method::POST).then(|| wrong_method(method, "POST"))
}

/// What is said to who does something else than is allowed.
fn wrong_method(method: &Method, allowed: &'static str) -> Response {
    let quoted: Vec<String> = allowed.split(", ").map(|name| format!("'{name}'")).collect();
    let quoted = quoted.join(", ");
    let message = format!("Expecting one of {{ {quoted} }}, but received '{method}'");
    let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, message);
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    refusal
}

fn may_not_change() -> Response {
    refuse(StatusCode::FORBIDDEN, "The principal may not change the cluster")
}

/// The body of a call, and how it is encoded.
async fn read_encoded(
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<(ContentType, Vec<u8>), Response> {
    if let Some(refusal) = not_post(method) {
        return Err(refusal);
    }
    let content = ContentType::of_request(text(headers, "content-type"));
    if content == Err(ContentProblem::Missing) {
        let message = ContentProblem::Missing.to_string();
        return Err(refuse(StatusCode::BAD_REQUEST, message));
    }
    let bytes = read(body).await?;
    let content = content
        .map_err(|problem| refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem.to_string()))?;
    Ok((content, bytes))
}

/// The scheduler API, with its checks in the order of Mesos.
async fn scheduler(
    requests: &Requests,
    method: &Method,
    headers: &HeaderMap,
    principal: Option<String>,
    body: Body,
) -> Result<Response, Response> {
    let bad = |message: String| refuse(StatusCode::BAD_REQUEST, message);
    let (content, bytes) = read_encoded(method, headers, body).await?;
    let call: Call = content.decode(&bytes, "scheduler::Call").map_err(bad)?;
    validate::check_call(&call, principal.as_deref())
        .map_err(|problem| bad(format!("Failed to validate scheduler::Call: {problem}")))?;
    let kind = call.r#type.and_then(|kind| CallType::try_from(kind).ok());
    let accept = ContentType::of_answer(text(headers, "accept"));
    let stream = text(headers, STREAM_ID).map(str::to_owned);
    let not_acceptable = || refuse(StatusCode::NOT_ACCEPTABLE, NOT_ACCEPTABLE);
    if let (Some(CallType::Subscribe), Some(subscribe)) = (kind, &call.subscribe) {
        let content = accept.ok_or_else(not_acceptable)?;
        if stream.is_some() {
            let message = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
            return Err(bad(message.to_owned()));
        }
        let (reply, stream) = oneshot::channel();
        let call = Box::new(subscribe.clone());
        ask(requests, Request::Subscribe { call, principal, content, reply }).await?;
        let stream = stream.await.map_err(|_| unavailable())?;
        return Ok(events(requests, content, stream, line_end(content)));
    }
    if kind == Some(CallType::ReconcileOperations) && accept.is_none() {
        return Err(not_acceptable());
    }
    let (reply, answer) = oneshot::channel();
    let call = Box::new(call);
    ask(requests, Request::Call { call, principal, stream, reply }).await?;
    let answer = answer.await.map_err(|_| unavailable())?;
    let status = StatusCode::from_u16(answer.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(match (answer.response, accept) {
        (Some(response), Some(content)) => {
            let kind = [(header::CONTENT_TYPE, content.media_type())];
            (status, kind, content.encode(&response)).into_response()
        }
        _ if answer.message.is_empty() => status.into_response(),
        _ => refuse(status, answer.message),
    })
}

/// The executor API, of all agents.
async fn executor_api(
    requests: &Requests,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let bad = |message: String| refuse(StatusCode::BAD_REQUEST, message);
    let (content, bytes) = read_encoded(method, headers, body).await?;
    let call: executor::Call = content.decode(&bytes, "executor::Call").map_err(bad)?;
    let token = executor_token(headers).map(str::to_owned);
    let (reply, stream) = oneshot::channel();
    if call.r#type == Some(executor::CallType::Subscribe.into()) {
        if call.subscribe.is_none() {
            return Err(bad("Expecting 'subscribe' to be present".to_owned()));
        }
        let content = ContentType::of_answer(text(headers, "accept"));
        let content = content.ok_or_else(|| refuse(StatusCode::NOT_ACCEPTABLE, NOT_ACCEPTABLE))?;
        let call = Box::new(call);
        ask(requests, Request::SubscribeExecutor { call, content, token, reply }).await?;
        let stream = stream.await.map_err(|_| unavailable())?;
        return Ok(events(requests, content, stream, None));
    }
    let (reply, answer) = oneshot::channel();
    let call = Box::new(call);
    ask(requests, Request::ExecutorCall { call, token, reply }).await?;
    let answer = answer.await.map_err(|_| unavailable())?;
    let status = StatusCode::from_u16(answer.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(if answer.message.is_empty() {
        status.into_response()
    } else {
        refuse(status, answer.message)
    })
}

/// Answers with what tasks have left.
async fn read_file(
    files: &Files,
    endpoint: &str,
    query: &BTreeMap<String, String>,
) -> Found<Response> {
    Ok(match endpoint {
        "files/browse" => with_function(query, &files.browse(query).await?),
        "files/read" => with_function(query, &files.read(query).await?),
        _ => {
            let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
            let file = match files.download(query).await? {
                Download::File(file) => file,
                Download::Text(text) => return Ok((kind, text).into_response()),
            };
            let pieces = futures::stream::try_unfold(file, |file| async move {
                Ok::<_, std::io::Error>(file.next().await?.map(|piece| (piece, file)))
            });
            (kind, Body::from_stream(pieces)).into_response()
        }
    })
}

/// JSON, or a call of the function that is named.
fn with_function(query: &BTreeMap<String, String>, value: &Value) -> Response {
    match query.get("jsonp") {
        Some(function) => {
            let kind = [(header::CONTENT_TYPE, "text/javascript")];
            (kind, format!("{function}({value});")).into_response()
        }
        None => json_response(StatusCode::OK, value),
    }
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, ContentType::Json.media_type())];
    (status, kind, value.to_string()).into_response()
}

/// What comes of a call of the operator API.
async fn operated(requests: &Requests, call: Value) -> Result<Response, Response> {
    let (reply, answer) = oneshot::channel();
    ask(requests, Request::Operate(Box::new(call), reply)).await?;
    let (status, value) = answer.await.map_err(|_| unavailable())?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(match value {
        Value::Null => status.into_response(),
        Value::String(message) => refuse(status, message),
        value => json_response(status, &value),
    })
}

async fn ask(requests: &Requests, request: Request) -> Result<(), Response> {
    requests.send(request).await.map_err(|_| unavailable())
}

pub(super) fn unavailable() -> Response {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "The master is about to end")
}

/// Tells the master when nobody reads a stream any more.
struct Reader {
    requests: Requests,
    connection: ConnectionId,
}

impl Reader {
    async fn tell_read(&self) {
        // A master that is about to end does not want to know.
        let _ = self.requests.send(Request::HasRead(self.connection)).await;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // If there is no room, the next heartbeat finds that nobody reads it.
        let _ = self.requests.try_send(Request::Ended(self.connection));
    }
}

/// What ends the line that an event is on. Some clients take a stream apart by lines, and have an event
/// only when the length of the next one follows it: a heartbeat, which says nothing.
fn line_end(content: ContentType) -> Option<Vec<u8>> {
    if content != ContentType::Json {
        return None;
    }
    let heartbeat = Event { r#type: Some(EventType::Heartbeat.into()), ..Event::default() };
    let mut record = Vec::new();
    recordio::encode(&content.encode(&heartbeat), &mut record);
    Some(record)
}

/// A stream of events. The end of a line follows when there is nothing else to follow.
fn events(
    requests: &Requests,
    content: ContentType,
    stream: Stream,
    line_end: Option<Vec<u8>>,
) -> Response {
    let Stream { connection, id, events } = stream;
    let reader = Reader { requests: requests.clone(), connection };
    let state = (events, reader, line_end, false);
    let body = futures::stream::unfold(state, |(mut events, reader, line_end, owed)| async move {
        loop {
            let next = match (events.try_next(), &line_end) {
                (Next::Nothing, Some(line_end)) if owed => Next::Record(line_end.clone()),
                (Next::Nothing, _) => events.next().await,
                (next, _) => next,
            };
            match next {
                Next::Record(record) => {
                    let owed = line_end.as_ref().is_some_and(|line_end| *line_end != record);
                    return Some((Ok::<_, Infallible>(record), (events, reader, line_end, owed)));
                }
                Next::Mark => reader.tell_read().await,
                Next::Nothing => {}
                Next::End => return None,
            }
        }
    });
    let headers = [(header::CONTENT_TYPE.as_str(), content.media_type()), (STREAM_ID, &id)];
    (StatusCode::OK, headers, Body::from_stream(body)).into_response()
}

#[cfg(test)]
mod tests;
