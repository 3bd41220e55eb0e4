//! Why a job failed, as data that knows how to say it.

use std::fmt;

use super::StageSpec;
use super::progress::RESULT_BYTES_LIMIT;
use crate::reasons::Reason;
use crate::time::Span;

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobFailure {
    /// An attempt at a task failed in a way that no other attempt would not.
    TaskCannotSucceed { task: Subject, last: String },
    /// A task failed as often as it may.
    TaskFailed { task: Subject, times: u32, last: String },
    /// A task was lost with its executor more often than is put up with.
    TaskLost { task: Subject, times: u32, last: String },
    /// More executors failed than may.
    ExecutorsFailed { limit: u32, last: String },
    /// It did not end in time.
    DeadlineExceeded { deadline: Span },
    /// The results of its tasks do not fit into its status.
    ResultsTooLarge,
    /// Its settings cannot be.
    InvalidSpec { problem: String },
    /// What an earlier engine said.
    Noted { reason: Reason, message: String },
}

/// A task, as sentences speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One of those of a stage: their names.
    Task { task: String, stage: Box<str> },
    /// The only one, which has a title: `the driver`.
    Titled(Box<str>),
}

impl Subject {
    /// The task of a partition.
    pub(crate) fn new(stage: &StageSpec, partition: u32) -> Self {
        match &stage.task_title {
            Some(title) if partition < stage.tasks => Self::Titled(title.clone()),
            _ => Self::Task { task: stage.task_name(partition), stage: stage.name.clone() },
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task { task, stage } => write!(formatter, "task {task} of stage {stage}"),
            Self::Titled(title) => formatter.write_str(title),
        }
    }
}

impl JobFailure {
    /// One word for it.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::TaskCannotSucceed { .. } | Self::TaskFailed { .. } => Reason::TaskFailed,
            Self::TaskLost { .. } => Reason::TaskLost,
            Self::ExecutorsFailed { .. } => Reason::ExecutorsFailed,
            Self::DeadlineExceeded { .. } => Reason::DeadlineExceeded,
            Self::ResultsTooLarge => Reason::ResultsTooLarge,
            Self::InvalidSpec { .. } => Reason::InvalidSpec,
            Self::Noted { reason, .. } => *reason,
        }
    }
}

impl fmt::Display for JobFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TaskCannotSucceed { task, last } => {
                write!(formatter, "{task} cannot succeed: {last}")
            }
            // What has a title is known by what happens to it: that alone is said.
            Self::TaskFailed { task: Subject::Titled(_), times: 1, last } => {
                formatter.write_str(last)
            }
            Self::TaskFailed { task, times: 1, last } => {
                write!(formatter, "{task} failed once, the last time: {last}")
            }
            Self::TaskFailed { task, times, last } => {
                write!(formatter, "{task} failed {times} times, the last time: {last}")
            }
            Self::TaskLost { task, times, last } => {
                write!(formatter, "{task} was lost {times} times, the last time: {last}")
            }
            Self::ExecutorsFailed { limit, last } => {
                write!(formatter, "more than {limit} executors failed, the last one: {last}")
            }
            Self::DeadlineExceeded { deadline } => write!(
                formatter,
                "the job did not end within its deadline of {} seconds",
                deadline.as_seconds()
            ),
            Self::ResultsTooLarge => write!(
                formatter,
                "the results of all tasks are larger than {} KiB together; write output instead, or \
                 set workURI so that they can be stored there",
                RESULT_BYTES_LIMIT / 1024
            ),
            Self::InvalidSpec { problem } => formatter.write_str(problem),
            Self::Noted { message, .. } => formatter.write_str(message),
        }
    }
}

#[cfg(test)]
mod tests;
