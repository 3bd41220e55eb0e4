//! Streams of events.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use proffer_mesos::content::ContentType;
use proffer_mesos::recordio;
use proffer_mesos::scheduler::{Event, EventType};

use super::Requests;
use crate::master::ConnectionId;
use crate::master::connections::stream::Next;
use crate::master::connections::{Request, Stream};

/// The header that names the connection on which a framework is told events.
pub(super) const STREAM_ID: &str = "mesos-stream-id";

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
pub(super) fn line_end(content: ContentType) -> Option<Vec<u8>> {
    if content != ContentType::Json {
        return None;
    }
    let heartbeat = Event { r#type: Some(EventType::Heartbeat.into()), ..Event::default() };
    let mut record = Vec::new();
    recordio::encode(&content.encode(&heartbeat), &mut record);
    Some(record)
}

/// A stream of events. The end of a line follows when there is nothing else to follow.
pub(super) fn events(
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
