//! What tasks print: cut into lines for the log, the end kept for failures.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::failure::plain_text;

/// The longest piece of a line that is logged at once, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// How much of a task's standard error goes with its failure, in bytes.
const TAIL_BYTES: usize = 2048;

/// Cuts what a task prints into lines, each with a prefix.
#[derive(Debug)]
pub(crate) struct Lines {
    prefix: Arc<str>,
    partial: Vec<u8>,
}

impl Lines {
    /// Lines that begin with `prefix`.
    pub(crate) fn new(prefix: Arc<str>) -> Self {
        Self { prefix, partial: Vec::new() }
    }

    /// Adds bytes; returns the lines that they complete, each ending in a line feed.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut complete = Vec::new();
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.cut_pieces(&mut complete);
            self.cut(self.partial.len(), &mut complete);
        }
        self.partial.extend_from_slice(bytes);
        self.cut_pieces(&mut complete);
        complete
    }

    /// What is left when the task is done, as a line.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut complete = Vec::new();
        if !self.partial.is_empty() {
            self.cut(self.partial.len(), &mut complete);
        }
        complete
    }

    fn cut_pieces(&mut self, complete: &mut Vec<u8>) {
        while self.partial.len() > PIECE_BYTES {
            // Not in the middle of a character.
            let at = (PIECE_BYTES - 3..=PIECE_BYTES)
                .rev()
                .find(|&at| self.partial[at] & 0b1100_0000 != 0b1000_0000)
                .unwrap_or(PIECE_BYTES);
            self.cut(at, complete);
        }
    }

    fn cut(&mut self, at: usize, complete: &mut Vec<u8>) {
        complete.extend_from_slice(self.prefix.as_bytes());
        complete.extend_from_slice(String::from_utf8_lossy(&self.partial[..at]).as_bytes());
        complete.push(b'\n');
        self.partial.drain(..at);
    }
}

/// The end of what a task prints.
#[derive(Debug, Default)]
pub(crate) struct Tail(Vec<u8>);

impl Tail {
    /// Adds bytes, and forgets those that are too far from the end.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        self.0.extend_from_slice(bytes);
        if self.0.len() > 4 * TAIL_BYTES {
            self.0.drain(..self.0.len() - TAIL_BYTES);
        }
    }

    /// The last 2 KiB as text, from the beginning of a character.
    pub(crate) fn text(&self) -> String {
        let mut end = &self.0[self.0.len().saturating_sub(TAIL_BYTES)..];
        if end.len() < self.0.len() {
            let is_inside = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
            let inside = end.iter().take(3).take_while(is_inside).count();
            end = &end[inside..];
        }
        // Bytes that are not text grow threefold; the end is what counts.
        let text = plain_text(&String::from_utf8_lossy(end), usize::MAX);
        let excess = text.len().saturating_sub(TAIL_BYTES);
        let from = (excess..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text[from..].to_owned()
    }
}

/// Writes to this process's standard error from a thread of its own: a reader that is slow holds
/// back what prints, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Logger(mpsc::Sender<Vec<u8>>);

/// The logger's end.
#[derive(Debug)]
pub(crate) struct Logged(oneshot::Receiver<()>);

impl Logger {
    /// A logger, and what ends when all of its clones are gone and everything is written.
    pub(crate) fn start() -> std::io::Result<(Self, Logged)> {
        let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(64);
        let (done, logged) = oneshot::channel();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            while let Some(mut lines) = receiver.blocking_recv() {
                while let Ok(more) = receiver.try_recv() {
                    lines.extend_from_slice(&more);
                }
                // A log that nobody reads stops no task.
                let _ = std::io::stderr().lock().write_all(&lines);
            }
            let _ = done.send(());
        })?;
        Ok((Self(sender), Logged(logged)))
    }

    /// Logs whole lines.
    pub(crate) async fn log(&self, lines: Vec<u8>) {
        if !lines.is_empty() {
            let _ = self.0.send(lines).await;
        }
    }
}

impl Logged {
    /// Waits until everything is written, though not for a reader that is stuck.
    pub(crate) async fn wait(self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.0).await;
    }
}

#[cfg(test)]
mod tests;
