//! The engine's statuses to those of the API.

mod shorten;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{self as meta, Condition};
use proffer_core::jobs::{DeclinedNode, JobState, ResultValue, StageState};
use proffer_core::ranges::Ranges;
use proffer_core::reasons::Reason;
use proffer_core::share::Share;
use proffer_core::time::Time;
use proffer_core::view::{JobStatus, PoolStatus, StageStatus};
use proffer_crds::ResourcePoolStatus;
use proffer_crds::job::{self, ExecutorCounts, SparkJobStatus};

use super::{number, quantity};
pub(crate) use shorten::{Length, shorten};

/// How many declined nodes a job's status names at most.
const DECLINED_NODES: usize = 20;

/// The status of a job as the API has it. `previous` is the one before, whose conditions keep their
/// transition times where they still hold.
pub fn job_status(status: &JobStatus, previous: &[Condition], now: Time) -> SparkJobStatus {
    let finished: u64 = status.stages.iter().map(|stage| stage.finished.len()).sum();
    let tasks: u64 = status.stages.iter().map(|stage| u64::from(stage.tasks)).sum();
    let (ready, wanted) = (status.executors_ready, status.executors_wanted);
    SparkJobStatus {
        observed_generation: Some(status.generation),
        state: state(status),
        message: status.message.clone(),
        position: status.position.map(number),
        restarts: number(status.restarts),
        start_time: status.started_at.and_then(time),
        completion_time: status.ended_at.and_then(time),
        executors: ExecutorCounts {
            ready: number(ready),
            launched: number(status.executors_launched),
            wanted: number(wanted),
            failed: number(status.executors_failed),
            preferred: status.executors_preferred.map(number),
            summary: format!("{ready}/{wanted}"),
        },
        declined_nodes: status.declined_nodes.iter().take(DECLINED_NODES).map(declined).collect(),
        application: None,
        admission: None,
        mesos: None,
        executor_epochs: counted(&status.epochs),
        gang_formed: status.gang_formed,
        tasks: format!("{finished}/{tasks}"),
        stages: status.stages.iter().map(stage).collect(),
        failures: status.failures.iter().map(failure).collect(),
        conditions: conditions(status, previous, now),
    }
}

/// Numbers by member, written as members by number: tasks mostly share their fate.
fn counted(numbers: &BTreeMap<u32, u32>) -> Vec<job::Counted> {
    let mut members: BTreeMap<u32, Ranges> = BTreeMap::new();
    for (&member, &number) in numbers {
        members.entry(number).or_default().insert(member);
    }
    let counted = |(count, ranges)| job::Counted { count: number(count), ranges };
    members.into_iter().map(counted).collect()
}

/// The status of a pool as the API has it.
pub fn pool_status(
    status: &PoolStatus,
    previous: &[Condition],
    generation: Option<i64>,
    now: Time,
) -> ResourcePoolStatus {
    let amounts = |amounts: &[(Box<str>, i64)]| {
        let amounts = amounts.iter();
        amounts.map(|(name, amount)| (name.to_string(), quantity(name, *amount))).collect()
    };
    let share = |share: Share| {
        let billionths = share.billionths();
        format!("{}.{:03}", billionths / 1_000_000_000, billionths % 1_000_000_000 / 1_000_000)
    };
    let mut builder = Conditions { previous, generation, now, list: Vec::new() };
    let problems: Vec<&str> = status.problems.iter().map(|problem| &*problem.message).collect();
    let problems = problems.join("; ");
    let fatal = status.problems.iter().any(|problem| problem.is_fatal);
    let (reason, message) = match (status.deleting, status.problems.first()) {
        (true, _) if status.in_use => ("Deleting", "the pool goes when its last job has ended"),
        (true, _) => ("Deleting", "the pool is being deleted"),
        (false, Some(first)) => (first.reason, problems.as_str()),
        (false, None) => ("Ready", "the pool takes jobs"),
    };
    builder.add("Active", !status.deleting && !fatal, reason, message);
    let (reason, message) = if status.guarantee_met {
        ("Met", "the pool holds what it is guaranteed, or wants no more")
    } else {
        ("WaitingForResources", "jobs of the pool wait although it is below its guarantee")
    };
    builder.add("GuaranteeMet", status.guarantee_met, reason, message);
    ResourcePoolStatus {
        observed_generation: generation,
        allocated: amounts(&status.allocated),
        reserved: amounts(&status.reserved),
        dominant_share: Some(share(status.dominant_share)),
        fair_share: Some(share(status.fair_share)),
        offered: amounts(&status.offered),
        guarantee_met: Some(status.guarantee_met),
        running_jobs: number(status.running_jobs),
        pending_jobs: number(status.pending_jobs),
        conditions: builder.list,
    }
}

fn state(status: &JobStatus) -> job::JobState {
    match status.state {
        JobState::Pending | JobState::Running if is_suspended(status) => job::JobState::Suspended,
        JobState::Pending => job::JobState::Pending,
        JobState::Running => job::JobState::Running,
        JobState::Restarting => job::JobState::Restarting,
        JobState::Succeeded => job::JobState::Succeeded,
        JobState::Failed => job::JobState::Failed,
    }
}

fn is_suspended(status: &JobStatus) -> bool {
    status.reason == Some(Reason::Suspended)
}

fn stage(status: &StageStatus) -> job::StageStatus {
    let counts = |counts: &BTreeMap<u32, u32>| {
        counts.iter().map(|(partition, &count)| (partition.to_string(), number(count))).collect()
    };
    let mut results = BTreeMap::new();
    let mut results_uri = None;
    for (task, value) in &status.results {
        match value {
            ResultValue::Inline(text) => {
                results.insert(task.clone(), text.clone());
            }
            ResultValue::Uri(uri) => {
                results_uri = uri.rsplit_once('/').map(|(folder, _)| format!("{folder}/"));
            }
        }
    }
    job::StageStatus {
        name: status.name.to_string(),
        state: match status.state {
            StageState::Waiting => job::StageState::Waiting,
            StageState::Running => job::StageState::Running,
            StageState::Finished => job::StageState::Finished,
            StageState::Failed => job::StageState::Failed,
        },
        tasks: number(status.tasks),
        running: number(status.running),
        speculative: number(status.speculative),
        speculated: number(status.speculated),
        finished: status.finished.clone(),
        committed: status.committed,
        failures: counts(&status.failures),
        losses: counts(&status.losses),
        other_attempts: counted(&status.other_attempts),
        older_attempts: counted(&status.older_attempts),
        results,
        results_uri,
    }
}

fn declined(declined: &DeclinedNode) -> job::DeclinedNode {
    job::DeclinedNode {
        name: declined.node.to_string(),
        until: time(declined.until),
        reason: declined.reason.clone(),
    }
}

fn failure(failure: &proffer_core::jobs::TaskFailure) -> job::TaskFailure {
    job::TaskFailure {
        stage: failure.stage.to_string(),
        task: failure.task.clone(),
        attempt: number(failure.attempt),
        reason: failure.reason.to_string(),
        message: failure.message.clone(),
        stderr: failure.stderr.clone(),
    }
}

/// The conditions of a job, in the words of Kueue's `Workload` and of batch/v1's `Job`.
fn conditions(status: &JobStatus, previous: &[Condition], now: Time) -> Vec<Condition> {
    let generation = Some(status.generation);
    let mut conditions = Conditions { previous, generation, now, list: Vec::new() };
    let waiting = status.reason.map_or("Pending", Reason::as_str);
    let message = status.message.as_deref().unwrap_or_default();
    let ended = status.state.is_final();
    let launched = status.executors_launched > 0;
    if !ended {
        if is_suspended(status) {
            conditions.add("Suspended", true, waiting, message);
        }
        let (reason, sentence) = if launched {
            ("OfferAccepted", "the job holds resources")
        } else {
            (waiting, message)
        };
        conditions.add("QuotaReserved", launched, reason, sentence);
        let ready = launched && status.executors_ready >= status.executors_wanted;
        let reason = if ready { "Ready" } else { "WaitForExecutors" };
        let (have, want) = (status.executors_ready, status.executors_wanted);
        conditions.add(
            "PodsReady",
            ready,
            reason,
            &format!("{have} of {want} executors are ready"),
        );
    }
    let succeeded = status.state == JobState::Succeeded;
    let reason =
        if succeeded { "Succeeded" } else { status.reason.map_or("Failed", Reason::as_str) };
    if ended {
        let sentence = if succeeded { "every task finished" } else { message };
        conditions.add("Finished", true, reason, sentence);
        let kind = if succeeded { "Complete" } else { "Failed" };
        conditions.add(kind, true, reason, sentence);
    }
    conditions.list
}

struct Conditions<'a> {
    previous: &'a [Condition],
    generation: Option<i64>,
    now: Time,
    list: Vec<Condition>,
}

impl Conditions<'_> {
    /// Adds a condition; its transition time is that of the one before if the status is the same.
    fn add(&mut self, kind: &str, status: bool, reason: &str, message: &str) {
        let status = if status { "True" } else { "False" };
        let unchanged = self
            .previous
            .iter()
            .find(|previous| previous.type_ == kind && previous.status == status)
            .map(|previous| previous.last_transition_time.clone());
        let last_transition_time =
            unchanged.or_else(|| time(self.now)).unwrap_or(meta::Time(Timestamp::UNIX_EPOCH));
        self.list.push(Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: self.generation,
            last_transition_time,
        });
    }
}

/// A time of the engine, counted from 1970, in whole seconds as the API has it.
pub fn time(time: Time) -> Option<meta::Time> {
    let seconds = i64::try_from(time.as_milliseconds() / 1000).ok()?;
    Timestamp::from_second(seconds).ok().map(meta::Time)
}

/// A time of the API as the engine has it; what lies before 1970 is 1970.
pub fn read_time(time: Timestamp) -> Time {
    Time::from_milliseconds(u64::try_from(time.as_millisecond()).unwrap_or(0))
}
