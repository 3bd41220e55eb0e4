//! The HTTP side: from requests to [`Request`]s, and from events to streams.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use proffer_mesos::content::{ContentProblem, ContentType, NOT_ACCEPTABLE};
use proffer_mesos::scheduler::{Call, CallType, Event, EventType};
use proffer_mesos::{executor, recordio, validate};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::access::{Access, Denied};
use super::connections::stream::Next;
use super::connections::{Request, Service, Stream};
use super::files::{Download, Files, Found};
use super::{ConnectionId, Question};

/// The longest body of a call.
const MAXIMUM_BODY_BYTES: usize = 8 << 20;

/// How long a call may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the head of a request may take to arrive, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How many connections there are at most; others wait.
const MAXIMUM_CONNECTIONS: usize = 10_000;

/// How long it is waited when no connection can be taken in.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The header that names the connection on which a framework is told events.
const STREAM_ID: &str = "mesos-stream-id";

type Requests = mpsc::Sender<Request>;

/// Serves until the process ends.
pub(super) async fn serve(service: Service, requests: Requests) {
    let Service { listener, access, files, tls } = service;
    let router = Router::new().fallback(answer).with_state((requests, access, files));
    let permits = Arc::new(Semaphore::new(MAXIMUM_CONNECTIONS));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // As when there are no more file descriptors: some will be free again.
                tracing::warn!("cannot take in a connection to the Mesos API: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Events are small and wanted at once; one that cannot be sent so soon is sent all the same.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => speak(stream, service).await,
                Some(tls) => match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => speak(stream, service).await,
                    Ok(Err(error)) => tracing::debug!("a connection to the Mesos API: {error}"),
                    Err(_) => tracing::debug!("a connection to the Mesos API: it says nothing"),
                },
            }
            drop(permit);
        });
    }
}

/// Serves a connection until it ends.
async fn speak<S>(stream: S, service: TowerToHyperService<Router>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!("a connection to the Mesos API: {error}");
    }
}

async fn answer(
    State((requests, access, files)): State<(Requests, Arc<Access>, Files)>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let answer = match endpoint(parts.uri.path()) {
        // Executors show what they were given.
        "api/v1/executor" => executor_api(&requests, &parts.method, &parts.headers, body).await,
        "redirect" => {
            let host = text(&parts.headers, "host").unwrap_or_default();
            let location = [(header::LOCATION, format!("//{host}"))];
            Ok((StatusCode::TEMPORARY_REDIRECT, location).into_response())
        }
        other => match access.principal(text(&parts.headers, "authorization"), Instant::now()) {
            Err(denied) => Err(denial(denied)),
            Ok(principal) => match other {
                "api/v1/scheduler" => {
                    scheduler(&requests, &parts.method, &parts.headers, principal, body).await
                }
                "api/v1" => {
                    let may_change = access.may_operate(principal.as_deref());
                    operate(&requests, &parts.method, &parts.headers, may_change, body).await
                }
                "files/browse" | "files/read" | "files/download" => {
                    let query = query(parts.uri.query());
                    read_file(&files, other, &query)
                        .await
                        .map_err(|(status, problem)| refuse(status, problem))
                }
                _ => read_only(&requests, other, query(parts.uri.query())).await,
            },
        },
    };
    answer.unwrap_or_else(|refusal| refusal)
}

/// What is said to who may not say something.
fn denial(denied: Denied) -> Response {
    match denied {
        Denied::Unauthenticated => {
            let message = "The principal or its secret is missing or wrong";
            let mut refusal = refuse(StatusCode::UNAUTHORIZED, message);
            let realm = HeaderValue::from_static("Basic realm=\"mesos-master\"");
            refusal.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
            refusal
        }
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
    path.strip_prefix("master/").unwrap_or(path)
}

fn refuse(status: StatusCode, message: impl Into<String>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, message.into()).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
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
    if method == Method::POST {
        return None;
    }
    let message = format!("Expecting one of {{ 'POST' }}, but received '{method}'");
    let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, message);
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    Some(refusal)
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
    let token = text(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = token.map(str::to_owned);
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

/// What is said in the query of a request.
fn query(text: Option<&str>) -> BTreeMap<String, String> {
    let pairs = url::form_urlencoded::parse(text.unwrap_or_default().as_bytes());
    pairs.into_owned().collect()
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
            let pieces = futures::stream::try_unfold(file, |mut file| async move {
                let mut piece = vec![0; 64 << 10];
                let length = file.read(&mut piece).await?;
                piece.truncate(length);
                Ok::<_, std::io::Error>((length > 0).then_some((piece, file)))
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

/// Answers what anybody may ask.
async fn read_only(
    requests: &Requests,
    endpoint: &str,
    query: BTreeMap<String, String>,
) -> Result<Response, Response> {
    let (reply, answer) = oneshot::channel();
    let question = Question { endpoint: endpoint.to_owned(), query };
    ask(requests, Request::Ask(question.clone(), reply)).await?;
    let answer = answer.await.map_err(|_| unavailable())?;
    match answer {
        Some(value) => Ok(with_function(&question.query, &value)),
        None => Err(refuse(StatusCode::NOT_FOUND, "There is no such endpoint")),
    }
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, ContentType::Json.media_type())];
    (status, kind, value.to_string()).into_response()
}

/// The operator API.
async fn operate(
    requests: &Requests,
    method: &Method,
    headers: &HeaderMap,
    may_change: bool,
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
    let is_question = call["type"].as_str().is_some_and(|kind| kind.starts_with("GET_"));
    if !may_change && !is_question {
        return Err(refuse(StatusCode::FORBIDDEN, "The principal may not change the cluster"));
    }
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

fn unavailable() -> Response {
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
mod tests {
    use super::*;
    use crate::master::connections::stream::stream;
    use futures::StreamExt;

    #[tokio::test]
    async fn an_event_is_followed_by_the_end_of_its_line_at_once() {
        let (requests, _asked) = mpsc::channel(1);
        let (writing, events) = stream();
        let stream = Stream { connection: ConnectionId(1), id: "s".to_owned(), events };
        let end = line_end(ContentType::Json);
        let response = super::events(&requests, ContentType::Json, stream, end.clone());
        let mut body = response.into_body().into_data_stream();
        assert!(writing.write(b"3\none".to_vec()) && writing.write(b"3\ntwo".to_vec()));
        for expected in [&b"3\none"[..], b"3\ntwo", &end.unwrap()] {
            assert_eq!(body.next().await.unwrap().unwrap(), expected);
        }
        drop(writing);
        assert!(body.next().await.is_none(), "a heartbeat is not followed by another");
    }

    #[tokio::test]
    async fn it_is_told_when_everything_was_read() {
        let (requests, mut asked) = mpsc::channel(1);
        let (writing, events) = stream();
        let stream = Stream { connection: ConnectionId(1), id: "s".to_owned(), events };
        let response = super::events(&requests, ContentType::Protobuf, stream, None);
        let mut body = response.into_body().into_data_stream();
        assert!(writing.write(b"one".to_vec()));
        writing.mark();
        drop(writing);
        assert!(body.next().await.is_some() && asked.try_recv().is_err());
        assert!(body.next().await.is_none());
        assert!(matches!(asked.try_recv(), Ok(Request::HasRead(ConnectionId(1)))));
    }

    #[test]
    fn everything_is_below_master_too() {
        for path in ["/state", "/master/state", "/master/state/", "/state/"] {
            assert_eq!(endpoint(path), "state", "{path}");
        }
        assert_eq!(endpoint("/master/api/v1/scheduler"), "api/v1/scheduler");
        assert_eq!(endpoint("/slave(12)/api/v1/executor"), "api/v1/executor");
    }
}
