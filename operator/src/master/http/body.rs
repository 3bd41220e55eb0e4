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

/// The longest one of a framework, which may ask what has become of a hundred thousand tasks.
pub(super) const MAXIMUM_FRAMEWORK_BYTES: u64 = 16 << 20;

/// How long a call may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How often a byte of a body counts: once decoded, a call can take so much more.
pub(super) const WEIGHT: u64 = 16;

/// A body, and the room that it has until the call is answered.
pub(super) struct Taken {
    pub(super) bytes: Vec<u8>,
    pub(super) held: Held,
}

/// What so many bytes count. From the length of usual bodies on it is no more: what a body may hold is
/// bounded, too.
fn counted(bytes: u64) -> u64 {
    bytes.min(MAXIMUM_BYTES) * WEIGHT
}

/// The body of a call, if it comes in time, is not too large and there is room.
pub(super) async fn read(body: Body, budget: &Arc<Budget>, who: &Who) -> Result<Taken, Response> {
    read_up_to(MAXIMUM_BYTES, body, budget, who).await
}

/// The same for bodies of another length.
pub(super) async fn read_up_to(
    most_bytes: u64,
    body: Body,
    budget: &Arc<Budget>,
    who: &Who,
) -> Result<Taken, Response> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|length| length > most_bytes) {
        return Err(too_large(most_bytes));
    }
    // What is announced has its room before it comes, and the rest does not wait, so that bodies do not wait
    // for each other half read.
    let room = announced.unwrap_or_default();
    let mut held = budget.take_soon(who, counted(room)).await.map_err(no_room)?;
    let read = tokio::time::timeout(TIMEOUT, collect(body, most_bytes, room, &mut held));
    match read.await {
        Ok(bytes) => Ok(Taken { bytes: bytes?, held }),
        Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT, "The call did not arrive in time")),
    }
}

async fn collect(
    body: Body,
    most_bytes: u64,
    mut room: u64,
    held: &mut Held,
) -> Result<Vec<u8>, Response> {
    let mut bytes = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let failed = |_| refuse(StatusCode::BAD_REQUEST, "The call did not arrive as a whole");
        let piece = piece.map_err(failed)?;
        let length = u64::try_from(bytes.len() + piece.len()).unwrap_or(u64::MAX);
        if length > most_bytes {
            return Err(too_large(most_bytes));
        }
        if length > room {
            held.grow(counted(length) - counted(room)).map_err(no_room)?;
            room = length;
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn no_room(why: Exhausted) -> Response {
    exhausted(why, "bodies of calls that are not answered yet", "bodyMebibytes")
}

fn too_large(most_bytes: u64) -> Response {
    let message = format!("A call has at most {most_bytes} bytes");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, message)
}

#[cfg(test)]
mod tests;
