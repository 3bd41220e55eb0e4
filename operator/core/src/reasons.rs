//! The words for why something is as it is, as conditions of objects want them.

/// One word out of a few. It has a name because serde takes a reference that it sees for one into what
/// it reads.
pub type Reason = &'static str;

/// Why a job failed: a stable word and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFailure {
    /// One word, as conditions want it: `TaskFailed`, `TaskLost`, `ExecutorsFailed`,
    /// `DeadlineExceeded`, `ResultsTooLarge`, `InvalidSpec`.
    pub reason: Reason,
    /// What happened.
    pub message: String,
}

/// The words that there are for why a job failed.
const FAILURE_REASONS: [Reason; 6] = [
    "TaskFailed",
    "TaskLost",
    "ExecutorsFailed",
    "DeadlineExceeded",
    "ResultsTooLarge",
    "InvalidSpec",
];

/// The word for why a job failed, as read from where it was stored; `None` if it is none of them.
pub fn failure_reason(word: &str) -> Option<Reason> {
    FAILURE_REASONS.into_iter().find(|reason| *reason == word)
}
