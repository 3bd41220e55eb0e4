//! The body of a call, which is read only for those who were let in, and counted while it is held.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use axum::response::Response;
use futures::StreamExt;

use super::refusals::{exhausted, refuse};
use crate::master::budgets::{Budget, Exhausted, Held, Who};

/// The longest body of a call.
const MAXIMUM_BYTES: u64 = 8 << 20;

/// How long a call may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How often a byte of a body counts: once decoded, a call can take so much more.
pub(super) const WEIGHT: u64 = 16;

/// A body, and the room that it has until the call is answered.
pub(super) struct Taken {
    pub(super) bytes: Vec<u8>,
    pub(super) held: Held,
}

/// The body of a call, if it comes in time, is not too large and there is room.
pub(super) async fn read(body: Body, budget: &Arc<Budget>, who: &Who) -> Result<Taken, Response> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|length| length > MAXIMUM_BYTES) {
        return Err(too_large());
    }
    // What is announced has its room before it comes, so that bodies do not wait for each other half read.
    let room = announced.unwrap_or_default();
    let mut held = budget.take_soon(who, room * WEIGHT).await.map_err(no_room)?;
    let read = tokio::time::timeout(TIMEOUT, collect(body, room, &mut held));
    match read.await {
        Ok(bytes) => Ok(Taken { bytes: bytes?, held }),
        Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT, "The call did not arrive in time")),
    }
}

async fn collect(body: Body, mut room: u64, held: &mut Held) -> Result<Vec<u8>, Response> {
    let mut bytes = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let failed = |_| refuse(StatusCode::BAD_REQUEST, "The call did not arrive as a whole");
        let piece = piece.map_err(failed)?;
        let length = u64::try_from(bytes.len() + piece.len()).unwrap_or(u64::MAX);
        if length > MAXIMUM_BYTES {
            return Err(too_large());
        }
        if length > room {
            held.grow((length - room) * WEIGHT).map_err(no_room)?;
            room = length;
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn no_room(why: Exhausted) -> Response {
    exhausted(why, "bodies of calls that are not answered yet", "bodyMebibytes")
}

fn too_large() -> Response {
    let message = format!("A call has at most {MAXIMUM_BYTES} bytes");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, message)
}

#[cfg(test)]
mod tests;
