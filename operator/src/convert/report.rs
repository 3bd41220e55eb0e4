//! The executor protocol: assignments to `SparkExecutor.spec`, `SparkExecutor.status` to reports.

use proffer_core::action::Assignment;
use proffer_core::event::{self, Report, StageAttempts};
use proffer_crds::executor::{self, PROTOCOL_VERSION, SparkExecutorSpec, SparkExecutorStatus};

use super::{count, number};

/// What an executor on `node` is told.
pub fn assigned_spec(
    assignment: &Assignment,
    node: &str,
    report_interval_milliseconds: i32,
) -> SparkExecutorSpec {
    let attempts = assignment.attempts.iter().map(|attempts| executor::Assignment {
        stage: attempts.stage.to_string(),
        attempt: number(attempts.attempt),
        ranges: attempts.partitions.clone(),
    });
    SparkExecutorSpec {
        protocol_version: PROTOCOL_VERSION,
        job: assignment.key.job.name.to_string(),
        index: number(assignment.key.index),
        epoch: number(assignment.key.epoch),
        node: node.to_owned(),
        assignments: attempts.collect(),
        acknowledged_report: i64::try_from(assignment.acknowledged_report).unwrap_or(i64::MAX),
        report_interval_milliseconds,
    }
}

/// What an executor says.
pub fn report(status: SparkExecutorStatus) -> Report {
    Report {
        number: u64::try_from(status.report).unwrap_or(0),
        observed_assignment: u64::try_from(status.observed_generation).unwrap_or(0),
        ready: status.ready,
        running: attempts(status.running),
        finished: attempts(status.finished),
        failures: status.failures.into_iter().map(failure).collect(),
        results: status.results.into_iter().map(result).collect(),
    }
}

fn attempts(assignments: Vec<executor::Assignment>) -> Vec<StageAttempts> {
    let attempts = assignments.into_iter().map(|assignment| StageAttempts {
        stage: assignment.stage.into(),
        attempt: count(assignment.attempt),
        partitions: assignment.ranges,
    });
    attempts.collect()
}

fn failure(failure: executor::AttemptFailure) -> event::AttemptFailure {
    event::AttemptFailure {
        stage: failure.stage.into(),
        partition: count(failure.partition),
        attempt: count(failure.attempt),
        reason: failure.reason.into(),
        message: failure.message,
        stderr: failure.stderr,
        is_final: failure.is_final,
    }
}

fn result(result: executor::AttemptResult) -> event::AttemptResult {
    event::AttemptResult {
        stage: result.stage.into(),
        partition: count(result.partition),
        value: result.value,
        uri: result.uri,
    }
}
