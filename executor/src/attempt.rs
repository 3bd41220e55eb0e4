//! What an attempt is called and how it ends.

use std::fmt;
use std::sync::Arc;

use crate::failure::Failure;

/// One attempt at one task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// The name of the stage.
    pub stage: Arc<str>,
    /// The attempt's number, from 0.
    pub number: i32,
    /// The partition.
    pub partition: u32,
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{} attempt {}", self.stage, self.partition, self.number)
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The task is done.
    Finished(Option<Kept>),
    /// The task failed.
    Failed(Failure),
    /// It was told to stop, and did.
    Stopped,
}

/// A task's result, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The text, when it is small.
    pub value: Option<String>,
    /// Where the text is stored.
    pub uri: Option<String>,
}

/// What a running attempt is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Nothing: it runs.
    Run,
    /// To end: SIGTERM now, SIGKILL after the grace period.
    Stop,
    /// To end at once.
    Kill,
    /// To end at once, and why that counts as a failure.
    Fail(Failure),
}
