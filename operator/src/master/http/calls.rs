//! Calls of frameworks, executors and operators.

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proffer_mesos::content::{ContentProblem, ContentType, NOT_ACCEPTABLE, parse_json};
use proffer_mesos::scheduler::{Call, CallType};
use proffer_mesos::{Message, executor, validate};
use serde_json::Value;
use tokio::sync::oneshot;

use super::body::{MAXIMUM_FRAMEWORK_BYTES, Taken, read, read_up_to};
use super::events::{STREAM_ID, events, line_end};
use super::refusals::{may_not_change, not_post, refuse};
use super::{Api, Requests, ask, executor_token, json_response, text, unavailable};
use crate::master::connections::Request;
use crate::master::door::Guest;
use crate::master::first_api::refused_by_agents;
use crate::master::readers::Asked;

/// From this length on a body is long.
const LONG_BODY_BYTES: usize = 256 << 10;

/// The body of a call, and how it is encoded.
async fn read_encoded(
    api: &Api,
    guest: &Guest,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
    most_bytes: Option<u64>,
) -> Result<(ContentType, Taken), Response> {
    if let Some(refusal) = not_post(method) {
        return Err(refusal);
    }
    let content = ContentType::of_request(text(headers, "content-type"));
    if content == Err(ContentProblem::Missing) {
        let message = ContentProblem::Missing.to_string();
        return Err(refuse(StatusCode::BAD_REQUEST, message));
    }
    let (budget, who) = (&api.door.body_bytes, &guest.who);
    let taken = match most_bytes {
        Some(most_bytes) => read_up_to(most_bytes, body, budget, who).await?,
        None => read(body, budget, who).await?,
    };
    let content = content
        .map_err(|problem| refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem.to_string()))?;
    Ok((content, taken))
}

/// A call as it was meant. A long one is understood by another thread, so that nobody waits for that.
async fn decode<M: Message>(
    content: ContentType,
    bytes: Vec<u8>,
    name: &'static str,
) -> Result<M, String> {
    if bytes.len() < LONG_BODY_BYTES {
        return content.decode(&bytes, name);
    }
    let decoded = tokio::task::spawn_blocking(move || content.decode(&bytes, name)).await;
    decoded.map_err(|_| "The call could not be taken in".to_owned())?
}

/// The scheduler API, with its checks in the order of Mesos.
pub(super) async fn scheduler(
    api: &Api,
    guest: &Guest,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let requests = &api.requests;
    let principal = guest.principal.as_deref().map(str::to_owned);
    let bad = |message: String| refuse(StatusCode::BAD_REQUEST, message);
    let most = Some(MAXIMUM_FRAMEWORK_BYTES);
    let (content, Taken { bytes, held }) =
        read_encoded(api, guest, method, headers, body, most).await?;
    let call: Call = decode(content, bytes, "scheduler::Call").await.map_err(bad)?;
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
        drop(held);
        return Ok(events(requests, content, stream, line_end(content)));
    }
    if kind == Some(CallType::ReconcileOperations) && accept.is_none() {
        return Err(not_acceptable());
    }
    let (reply, answer) = oneshot::channel();
    let call = Box::new(call);
    ask(requests, Request::Call { call, principal, stream, reply }).await?;
    let answer = answer.await.map_err(|_| unavailable())?;
    // What the call says is not held any more.
    drop(held);
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
pub(super) async fn executor_api(
    api: &Api,
    guest: &Guest,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let requests = &api.requests;
    let bad = |message: String| refuse(StatusCode::BAD_REQUEST, message);
    let (content, Taken { bytes, held }) =
        read_encoded(api, guest, method, headers, body, None).await?;
    let call: executor::Call = decode(content, bytes, "executor::Call").await.map_err(bad)?;
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
        drop(held);
        return Ok(events(requests, content, stream, None));
    }
    let (reply, answer) = oneshot::channel();
    let call = Box::new(call);
    ask(requests, Request::ExecutorCall { call, token, reply }).await?;
    let answer = answer.await.map_err(|_| unavailable())?;
    drop(held);
    let status = StatusCode::from_u16(answer.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(if answer.message.is_empty() {
        status.into_response()
    } else {
        refuse(status, answer.message)
    })
}

/// The operator API.
pub(super) async fn operate(
    api: &Api,
    guest: &Guest,
    agent: Option<usize>,
    (method, headers): (&Method, &HeaderMap),
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
    let Taken { bytes, held } = read(body, &api.door.body_bytes, &guest.who).await?;
    if content != Ok(ContentType::Json) {
        let message = "The operator API is served in JSON: expecting 'Content-Type' of \
                       application/json";
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let call: Value =
        parse_json(&bytes).map_err(|problem| refuse(StatusCode::BAD_REQUEST, problem))?;
    drop(bytes);
    if ContentType::of_answer(text(headers, "accept")) != Some(ContentType::Json) {
        let message = "The operator API is served in JSON: expecting 'Accept' to allow \
                       'application/json'";
        return Err(refuse(StatusCode::NOT_ACCEPTABLE, message));
    }
    let kind = call["type"].as_str().unwrap_or_default();
    let asked = match (agent, kind.starts_with("GET_")) {
        (None, true) => Asked::Call(kind.to_owned()),
        (Some(agent), true) => Asked::AgentCall(agent, kind.to_owned()),
        (Some(_), false) => {
            return Err(refuse(StatusCode::NOT_IMPLEMENTED, refused_by_agents(kind)));
        }
        _ if !api.may_operate(guest) => return Err(may_not_change()),
        (None, false) => {
            let answer = operated(&api.requests, call).await;
            drop(held);
            return answer;
        }
    };
    drop((call, held));
    api.readers.answer(asked, api.sight(guest), &guest.who).await
}

/// What comes of a call of the operator API.
pub(super) async fn operated(requests: &Requests, call: Value) -> Result<Response, Response> {
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
