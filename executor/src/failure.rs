//! Why an attempt failed, in one word and one sentence.

use std::fmt;

/// The word for a failure, as it stands in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The task ended with a code other than 0.
    Exited,
    /// The task was ended by a signal.
    Killed,
    /// The executor's tasks used more memory than it has.
    OutOfMemory,
    /// The command could not be started.
    CannotStart,
    /// The input could not be read.
    InputFailed,
    /// The output or the result could not be stored.
    OutputFailed,
    /// The result is larger than can be kept.
    ResultTooLarge,
    /// The result is not text.
    InvalidResult,
    /// The output may not be written there at all.
    Rejected,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Exited => "Exited",
            Self::Killed => "Killed",
            Self::OutOfMemory => "OOMKilled",
            Self::CannotStart => "CannotStart",
            Self::InputFailed => "InputFailed",
            Self::OutputFailed => "OutputFailed",
            Self::ResultTooLarge => "ResultTooLarge",
            Self::InvalidResult => "InvalidResult",
            Self::Rejected => "Rejected",
        })
    }
}

/// What went wrong with an attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Failure {
    /// The word for it.
    pub reason: Reason,
    /// A sentence: what happened, and what to change. At most [`MESSAGE_BYTES`].
    pub message: String,
    /// The end of the task's standard error.
    pub stderr: String,
    /// Whether another attempt cannot succeed.
    pub is_final: bool,
}

/// The length of a message, in bytes, past which it is cut so that a report has room for it.
const MESSAGE_BYTES: usize = 1024;

impl Failure {
    /// A failure that another attempt may get past.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let message = plain_text(&message.into(), MESSAGE_BYTES);
        Self { reason, message, stderr: String::new(), is_final: false }
    }

    /// A failure that every other attempt would meet as well.
    pub fn lasting(reason: Reason, message: impl Into<String>) -> Self {
        Self { is_final: true, ..Self::new(reason, message) }
    }

    /// The same failure with the end of the task's standard error.
    #[must_use]
    pub fn with_stderr(self, stderr: String) -> Self {
        Self { stderr, ..self }
    }
}

/// The beginning of a text without control characters, at most `limit` bytes of it. What is left
/// takes at most twice its length in JSON.
pub(crate) fn plain_text(text: &str, limit: usize) -> String {
    let mut plain = String::with_capacity(text.len().min(limit));
    for character in text.chars().filter(|&character| is_plain(character)) {
        if plain.len() + character.len_utf8() > limit {
            break;
        }
        plain.push(character);
    }
    plain
}

/// Whether a character may stand in a report: JSON writes other control characters in six bytes.
pub(crate) fn is_plain(character: char) -> bool {
    !character.is_control() || character == '\n' || character == '\t'
}
