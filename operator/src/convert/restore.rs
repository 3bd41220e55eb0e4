//! A job's status as the API has it, back to the engine's: what is durable of a job.

use std::collections::BTreeMap;

use kube::ResourceExt;
use proffer_core::jobs::{JobKey, JobState, ResultValue, StageState, TaskFailure};
use proffer_core::reasons::{Reason, read_failure};
use proffer_core::view::{JobStatus, StageStatus};
use proffer_crds::SparkJob;
use proffer_crds::job::{self, Counted, SparkJobStatus};

use super::{count, read_time};

/// More members than any job has tasks; what is beyond was never written by Proffer.
const MOST_MEMBERS: usize = 1 << 20;

/// What an engine that starts anew needs to know of what became of a job; `None` where nothing did.
pub fn restored_status(job: &SparkJob) -> Option<JobStatus> {
    let status = job.status.as_ref()?;
    let namespace = job.namespace().unwrap_or_default().into();
    Some(JobStatus {
        key: JobKey { namespace, name: job.name_any().into() },
        uid: job.uid().unwrap_or_default().into(),
        generation: status.observed_generation.unwrap_or(0),
        revision: 0,
        state: state(status),
        reason: reason(status),
        message: status.message.clone(),
        position: None,
        restarts: count(status.restarts),
        started_at: status.start_time.as_ref().map(|time| read_time(time.0)),
        ended_at: status.completion_time.as_ref().map(|time| read_time(time.0)),
        executors_ready: 0,
        executors_launched: 0,
        executors_wanted: 0,
        executors_failed: count(status.executors.failed),
        executors_preferred: None,
        declined_nodes: Vec::new(),
        epochs: by_member(&status.executor_epochs),
        gang_formed: status.gang_formed,
        stages: status.stages.iter().map(|status| stage(job, status)).collect(),
        failures: status.failures.iter().map(failure).collect(),
    })
}

fn state(status: &SparkJobStatus) -> JobState {
    match status.state {
        job::JobState::Suspended if status.start_time.is_some() => JobState::Running,
        job::JobState::Suspended | job::JobState::Pending => JobState::Pending,
        job::JobState::Running => JobState::Running,
        job::JobState::Restarting => JobState::Restarting,
        job::JobState::Succeeded => JobState::Succeeded,
        job::JobState::Failed => JobState::Failed,
    }
}

/// Why the job failed, as its conditions have it.
fn reason(status: &SparkJobStatus) -> Option<Reason> {
    let condition = |kind: &str| status.conditions.iter().find(|condition| condition.type_ == kind);
    let condition = condition("Failed").or_else(|| condition("QuotaReserved"))?;
    read_failure(&condition.reason)
}

fn stage(job: &SparkJob, status: &job::StageStatus) -> StageStatus {
    let counts = |counts: &BTreeMap<String, i32>| {
        let parse =
            |(partition, &number): (&String, &i32)| Some((partition.parse().ok()?, count(number)));
        counts.iter().filter_map(parse).collect()
    };
    let mut results: BTreeMap<String, ResultValue> = BTreeMap::new();
    let spec = job.spec.stages.iter().find(|stage| stage.name == status.name);
    if let (Some(folder), Some(spec)) = (&status.results_uri, spec) {
        // Which task has one there is not written down; the folder is what is shown again.
        let tasks = count(spec.task_count());
        for partition in status.finished.iter().take_while(|&partition| partition < tasks) {
            let name = spec.task_name(partition);
            let uri = ResultValue::Uri(format!("{folder}{name}"));
            results.insert(name, uri);
        }
    }
    let inline = status.results.iter();
    results.extend(inline.map(|(name, text)| (name.clone(), ResultValue::Inline(text.clone()))));
    StageStatus {
        name: status.name.as_str().into(),
        state: match status.state {
            job::StageState::Waiting => StageState::Waiting,
            job::StageState::Running => StageState::Running,
            job::StageState::Finished => StageState::Finished,
            job::StageState::Failed => StageState::Failed,
        },
        tasks: count(status.tasks),
        running: 0,
        speculative: 0,
        speculated: count(status.speculated),
        finished: status.finished.clone(),
        committed: status.committed,
        failures: counts(&status.failures),
        losses: counts(&status.losses),
        other_attempts: by_member(&status.other_attempts),
        older_attempts: by_member(&status.older_attempts),
        results,
    }
}

pub(super) fn by_member(counted: &[Counted]) -> BTreeMap<u32, u32> {
    let each = |counted: &Counted| {
        let number = count(counted.count);
        let members = counted.ranges.iter().take(MOST_MEMBERS);
        members.map(move |member| (member, number)).collect::<Vec<_>>()
    };
    counted.iter().flat_map(each).collect()
}

fn failure(failure: &job::TaskFailure) -> TaskFailure {
    TaskFailure {
        stage: failure.stage.as_str().into(),
        task: failure.task.clone(),
        attempt: count(failure.attempt),
        reason: failure.reason.as_str().into(),
        message: failure.message.clone(),
        stderr: failure.stderr.clone(),
    }
}
