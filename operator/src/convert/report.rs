//! The executor protocol: assignments to `SparkExecutor.spec`, `SparkExecutor.status` to reports.

use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::{self, ExecutorObservation, Report, StageAttempts};
use proffer_core::jobs::JobKey;
use proffer_crds::executor::{self, PROTOCOL_VERSION, SparkExecutorSpec, SparkExecutorStatus};
use proffer_crds::{SparkExecutor, SparkJob};

use super::clip::{end_of, start_of};
use super::{amount, count, number, quantity};

/// The most that is taken of a word and of a sentence, and of the end of what a task wrote. Executors of Proffer
/// say no more; whoever may write their statuses could.
const WORD_BYTES: usize = 64;
const SENTENCE_BYTES: usize = 1024;
const OUTPUT_BYTES: usize = 2048;

/// The most that is taken of the folder or the text of a result.
const RESULT_BYTES: usize = 4096;

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
        ..SparkExecutorSpec::default()
    }
}

/// What a new executor of a job starts with: who it is and what it holds.
pub fn launched_spec(
    launch: &Launch,
    job: &SparkJob,
    request: &[(Box<str>, i64)],
) -> SparkExecutorSpec {
    let amounts = request.iter();
    SparkExecutorSpec {
        protocol_version: PROTOCOL_VERSION,
        job: launch.key.job.name.to_string(),
        job_uid: job.metadata.uid.clone().unwrap_or_default(),
        pool: job.spec.pool.clone(),
        resources: amounts
            .map(|(name, amount)| (name.to_string(), quantity(name, *amount)))
            .collect(),
        index: number(launch.key.index),
        epoch: number(launch.key.epoch),
        node: launch.node.as_deref().unwrap_or_default().to_owned(),
        ..SparkExecutorSpec::default()
    }
}

/// An executor as it stands in the API.
pub fn executor_observation(executor: &SparkExecutor) -> ExecutorObservation {
    let spec = &executor.spec;
    let job = JobKey {
        namespace: executor.metadata.namespace.as_deref().unwrap_or_default().into(),
        name: spec.job.as_str().into(),
    };
    let amounts = spec.resources.iter();
    ExecutorObservation {
        key: ExecutorKey { job, index: count(spec.index), epoch: count(spec.epoch) },
        job_uid: spec.job_uid.as_str().into(),
        pool: spec.pool.as_str().into(),
        node: Some(spec.node.as_str()).filter(|node| !node.is_empty()).map(Box::from),
        request: amounts
            .map(|(name, quantity)| (name.as_str().into(), amount(name, quantity)))
            .collect(),
        attempts: attempts(&spec.assignments),
        acknowledged_report: u64::try_from(spec.acknowledged_report).unwrap_or(0),
        terminating: executor.metadata.deletion_timestamp.is_some(),
    }
}

/// What an executor says.
pub fn report(status: SparkExecutorStatus) -> Report {
    Report {
        number: u64::try_from(status.report).unwrap_or(0),
        observed_assignment: u64::try_from(status.observed_generation).unwrap_or(0),
        ready: status.ready,
        running: attempts(&status.running),
        finished: attempts(&status.finished),
        failures: status.failures.into_iter().map(failure).collect(),
        results: status.results.into_iter().map(result).collect(),
    }
}

fn attempts(assignments: &[executor::Assignment]) -> Vec<StageAttempts> {
    let attempts = assignments.iter().map(|assignment| StageAttempts {
        stage: assignment.stage.as_str().into(),
        attempt: count(assignment.attempt),
        partitions: assignment.ranges.clone(),
    });
    attempts.collect()
}

fn failure(failure: executor::AttemptFailure) -> event::AttemptFailure {
    event::AttemptFailure {
        stage: failure.stage.into(),
        partition: count(failure.partition),
        attempt: count(failure.attempt),
        reason: start_of(failure.reason, WORD_BYTES).into(),
        message: start_of(failure.message, SENTENCE_BYTES),
        stderr: end_of(failure.stderr, OUTPUT_BYTES),
        is_final: failure.is_final,
    }
}

fn result(result: executor::AttemptResult) -> event::AttemptResult {
    event::AttemptResult {
        stage: result.stage.into(),
        partition: count(result.partition),
        // Half a result would be a wrong one.
        value: result.value.filter(|text| text.len() <= RESULT_BYTES),
        uri: result.uri.filter(|text| text.len() <= RESULT_BYTES),
    }
}
