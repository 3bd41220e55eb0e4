//! Those who read what the master knows: so many at once, outside of the master's loop.
//!
//! ```text
//! request ─► a place among the answers ─► Look ─► Snapshot ─► a thread makes JSON ─► pieces ─► response
//! ```
//!
//! An answer is made while it is read: what waits of it is a piece or two, however long it is.

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use proffer_mesos::content::ContentType;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::budgets::{Budget, Held, Who};
use super::connections::Request;
use super::http::{exhausted, refuse, unavailable};
use super::read::{Json, Question, Reading, Sight};

/// How long a piece of an answer may wait until it is read.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer may take in all.
const LONGEST: Duration = Duration::from_secs(120);

/// How long pieces are.
const PIECE_BYTES: usize = 64 << 10;

/// What somebody wants to know.
#[derive(Debug)]
pub(super) enum Asked {
    /// What is at an endpoint.
    Endpoint(Question),
    /// The answer to a call of `/api/v1` of this type.
    Call(String),
    /// The same of the agent of this number.
    AgentCall(usize, String),
}

impl Asked {
    fn answer<'a>(&'a self, reading: &'a Reading) -> Option<Json<'a>> {
        match self {
            Self::Endpoint(question) => reading.read(question),
            Self::Call(kind) => reading.call(kind),
            Self::AgentCall(number, kind) => reading.agent_call(*number, kind),
        }
    }

    /// What is said if nothing is known of that.
    fn missing(&self) -> Response {
        match self {
            Self::Endpoint(_) => refuse(StatusCode::NOT_FOUND, "There is no such endpoint"),
            Self::Call(kind) => {
                refuse(StatusCode::NOT_IMPLEMENTED, format!("{kind} is not answered here"))
            }
            Self::AgentCall(number, kind) => refuse(
                StatusCode::NOT_IMPLEMENTED,
                format!("There is no agent {number}, or {kind} is not answered by agents here"),
            ),
        }
    }

    /// The function that is to be called with the answer, if that is asked for.
    fn function(&self) -> Option<&str> {
        match self {
            Self::Endpoint(question) => question.query.get("jsonp").map(String::as_str),
            Self::Call(_) | Self::AgentCall(..) => None,
        }
    }
}

/// What comes of making an answer.
#[derive(Debug, PartialEq)]
enum Made {
    /// There is no answer.
    Nothing,
    /// Some of it.
    Piece(Vec<u8>),
    /// The end of it.
    Last(Vec<u8>),
}

/// Answers those who read.
pub(super) struct Readers {
    requests: mpsc::Sender<Request>,
    /// Answers that are on their way. Others wait for their turn.
    answers: Arc<Budget>,
    /// So many threads make answers at once that as many are left for everything else.
    makers: Arc<Semaphore>,
    patience: Duration,
}

impl Readers {
    pub(super) fn new(requests: mpsc::Sender<Request>, answers: Arc<Budget>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let makers = Arc::new(Semaphore::new((processors / 2).max(1)));
        Self { requests, answers, makers, patience: PATIENCE }
    }

    /// Answers with what a reader may see. Whatever was accepted before is seen.
    pub(super) async fn answer(
        &self,
        asked: Asked,
        sight: Sight,
        who: &Who,
    ) -> Result<Response, Response> {
        let place = self.place(who).await?;
        let reading = self.look(sight).await?;
        let kind = match asked.function() {
            Some(_) => "text/javascript",
            None => ContentType::Json.media_type(),
        };
        let asked = Arc::new(asked);
        let mut pieces = self.make(place, Arc::clone(&asked), reading);
        let kind = [(header::CONTENT_TYPE, kind)];
        match pieces.recv().await {
            None => Err(unavailable()),
            Some(Made::Nothing) => Err(asked.missing()),
            Some(Made::Last(whole)) => Ok((kind, whole).into_response()),
            Some(first) => Ok((kind, body(Some(first), pieces)).into_response()),
        }
    }

    /// A place for an answer, as soon as there is one.
    pub(super) async fn place(&self, who: &Who) -> Result<Held, Response> {
        let no_place = |why| exhausted(why, "answers that are on their way", "answers");
        self.answers.take_soon(who, 1).await.map_err(no_place)
    }

    /// A body of pieces that others make. It has its place until the last one was taken, or one is not taken
    /// for long.
    pub(super) fn send(
        &self,
        place: Held,
        pieces: impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static,
    ) -> Body {
        let (sender, receiver) = mpsc::channel(1);
        let patience = self.patience;
        tokio::spawn(async move {
            let _place = place;
            let mut pieces = std::pin::pin!(pieces);
            loop {
                let made = match pieces.next().await {
                    Some(Ok(piece)) => Made::Piece(piece),
                    Some(Err(error)) => {
                        tracing::debug!("a file that is sent breaks off: {error}");
                        return;
                    }
                    None => Made::Last(Vec::new()),
                };
                let is_last = matches!(made, Made::Last(_));
                let sent = tokio::time::timeout(patience, sender.send(made)).await;
                if is_last || !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        });
        body(None, receiver)
    }

    /// What the master knows now, as far as a reader may see it.
    pub(super) async fn look(&self, sight: Sight) -> Result<Reading, Response> {
        let (reply, snapshot) = oneshot::channel();
        self.requests.send(Request::Look(reply)).await.map_err(|_| unavailable())?;
        Ok(Reading::new(snapshot.await.map_err(|_| unavailable())?, sight))
    }

    /// Has a thread make an answer, which is told piece by piece.
    fn make(&self, place: Held, asked: Arc<Asked>, reading: Reading) -> mpsc::Receiver<Made> {
        let (sender, pieces) = mpsc::channel(1);
        let mut writing = Pieces {
            buffer: Vec::new(),
            sender,
            makers: Arc::clone(&self.makers),
            turn: None,
            patience: self.patience,
            deadline: Instant::now() + LONGEST,
            runtime: Handle::current(),
        };
        tokio::task::spawn_blocking(move || {
            let _place = place;
            if let Err(error) = writing.write_answer(&asked, &reading) {
                tracing::debug!("an answer of the Mesos API breaks off: {error}");
            }
        });
        pieces
    }
}

/// The rest of an answer. One that breaks off does not end as if it were whole.
fn body(first: Option<Made>, pieces: mpsc::Receiver<Made>) -> Body {
    let state = (first, Some(pieces));
    Body::from_stream(futures::stream::unfold(state, |(first, pieces)| async move {
        let mut pieces = pieces?;
        let made = match first {
            Some(made) => Some(made),
            None => pieces.recv().await,
        };
        match made {
            Some(Made::Piece(piece)) => Some((Ok(piece), (None, Some(pieces)))),
            Some(Made::Last(piece)) => Some((Ok(piece), (None, None))),
            Some(Made::Nothing) | None => {
                let error = io::Error::new(io::ErrorKind::TimedOut, "it was not read in time");
                Some((Err(error), (None, None)))
            }
        }
    }))
}

/// Where an answer is written. While a piece waits to be read, others have the turn.
struct Pieces {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Made>,
    makers: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
    patience: Duration,
    deadline: Instant,
    runtime: Handle,
}

impl Pieces {
    fn take_turn(&mut self) -> io::Result<()> {
        let turn = self.runtime.block_on(Arc::clone(&self.makers).acquire_owned());
        self.turn = Some(turn.map_err(io::Error::other)?);
        Ok(())
    }

    fn write_answer(&mut self, asked: &Asked, reading: &Reading) -> io::Result<()> {
        self.take_turn()?;
        let Some(answer) = asked.answer(reading) else { return self.send(Made::Nothing) };
        if let Some(function) = asked.function() {
            write!(self, "{function}(")?;
        }
        serde_json::to_writer(&mut *self, &answer)?;
        if asked.function().is_some() {
            self.write_all(b");")?;
        }
        let last = Made::Last(std::mem::take(&mut self.buffer));
        self.send(last)
    }

    /// Sends something on, and waits until it is taken.
    fn send(&mut self, made: Made) -> io::Result<()> {
        self.turn = None;
        let until = self.deadline.min(Instant::now() + self.patience);
        let sender = &self.sender;
        let sent = async move { tokio::time::timeout_at(until, sender.send(made)).await };
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            let piece = Made::Piece(std::mem::take(&mut self.buffer));
            self.send(piece)?;
            self.take_turn()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
