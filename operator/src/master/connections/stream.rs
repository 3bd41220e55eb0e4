//! What is sent on a connection and was not read yet: bounded in bytes, and in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::time::Instant;

/// How much may wait to be read.
const MOST_BYTES: usize = 64 << 20;

/// How long nothing may be read while something waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the two ends of a stream know of each other.
#[derive(Debug, Default)]
struct Backlog {
    /// What waits.
    bytes: AtomicUsize,
    /// How many pieces were read.
    read: AtomicU64,
}

/// A piece of a stream.
#[derive(Debug)]
enum Piece {
    Record(Vec<u8>),
    /// It should be told when everything before this has been read.
    Mark,
}

/// What comes next of a stream.
#[derive(Debug, PartialEq)]
pub(in crate::master) enum Next {
    /// A record.
    Record(Vec<u8>),
    /// Everything up to here was read, and somebody wants to know that.
    Mark,
    /// Nothing for now.
    Nothing,
    /// Nothing any more.
    End,
}

/// The end of a stream where it is written.
pub(in crate::master) struct Writing {
    pieces: mpsc::UnboundedSender<Piece>,
    backlog: Arc<Backlog>,
    /// How many pieces had been read when that last changed or something began to wait, and when that was.
    seen: (u64, Instant),
}

/// The end of a stream where it is read.
pub(crate) struct Reading {
    pieces: mpsc::UnboundedReceiver<Piece>,
    backlog: Arc<Backlog>,
}

/// A stream.
pub(in crate::master) fn stream() -> (Writing, Reading) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let backlog = Arc::new(Backlog::default());
    let seen = (0, Instant::now());
    let writing = Writing { pieces: sender, backlog: backlog.clone(), seen };
    (writing, Reading { pieces: receiver, backlog })
}

impl Writing {
    /// Says something; false if too much waits already, or nobody reads any more.
    pub(in crate::master) fn write(&mut self, record: Vec<u8>) -> bool {
        let waiting = self.backlog.bytes.fetch_add(record.len(), Relaxed);
        if waiting == 0 {
            self.seen.1 = Instant::now();
        }
        waiting.saturating_add(record.len()) <= MOST_BYTES
            && self.pieces.send(Piece::Record(record)).is_ok()
    }

    /// Has the reader tell when everything was read.
    pub(in crate::master) fn mark(&self) {
        // Of a reader that is gone it is heard otherwise.
        let _ = self.pieces.send(Piece::Mark);
    }

    /// Whether something waits and nothing was read for too long.
    pub(in crate::master) fn is_stuck(&mut self) -> bool {
        let read = self.backlog.read.load(Relaxed);
        if read != self.seen.0 || self.backlog.bytes.load(Relaxed) == 0 {
            self.seen = (read, Instant::now());
            return false;
        }
        self.seen.1.elapsed() >= PATIENCE
    }
}

impl Reading {
    /// What is there already.
    pub(in crate::master) fn try_next(&mut self) -> Next {
        match self.pieces.try_recv() {
            Ok(piece) => self.take(piece),
            Err(TryRecvError::Empty) => Next::Nothing,
            Err(TryRecvError::Disconnected) => Next::End,
        }
    }

    /// What comes next, as soon as it is there.
    pub(in crate::master) async fn next(&mut self) -> Next {
        match self.pieces.recv().await {
            Some(piece) => self.take(piece),
            None => Next::End,
        }
    }

    fn take(&self, piece: Piece) -> Next {
        self.backlog.read.fetch_add(1, Relaxed);
        match piece {
            Piece::Record(record) => {
                self.backlog.bytes.fetch_sub(record.len(), Relaxed);
                Next::Record(record)
            }
            Piece::Mark => Next::Mark,
        }
    }
}
