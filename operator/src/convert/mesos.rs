//! Frameworks of Mesos: what the master knows of them, as jobs of the API and back.

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use kube::ResourceExt;
use proffer_core::jobs::{JobKey, JobState};
use proffer_core::reasons::Reason;
use proffer_core::time::Time;
use proffer_core::view::{FrameworkStatus, JobStatus};
use proffer_crds::SparkJob;
use proffer_crds::job::SparkJobSpec;
use proffer_crds::mesos::{FrameworkDocument, MesosFramework, MesosUpdate};
use proffer_mesos::types::{AgentId, ExecutorId, FrameworkInfo, TaskId, TaskStatus};
use proffer_mesos::{from_value, to_json};
use serde_json::{Value, json};

use super::{read_time, span, time};
use crate::master::End;
use crate::master::restore::{Restored, Stored};

/// The job that a framework is to be.
pub(crate) fn framework_job(id: &str, stored: &Stored<'_>, ttl_seconds: i64) -> SparkJob {
    let spec = SparkJobSpec {
        pool: stored.pool.to_string(),
        mesos: Some(MesosFramework {
            framework_id: id.to_owned(),
            principal: stored.principal.map(str::to_owned),
            info: document(stored.info),
        }),
        max_task_failures: 4,
        ttl_seconds_after_finished: Some(ttl_seconds),
        ..SparkJobSpec::default()
    };
    let mut job = SparkJob::new(&stored.key.name, spec);
    job.metadata.namespace = Some(stored.key.namespace.to_string());
    let labels = [("app.kubernetes.io/managed-by".to_owned(), "proffer".to_owned())];
    job.metadata.labels = Some(labels.into());
    job
}

/// What a framework says of itself, as it is stored.
pub(crate) fn document(info: &FrameworkInfo) -> FrameworkDocument {
    let value: Value = serde_json::from_str(&to_json(info)).unwrap_or_default();
    FrameworkDocument(value.as_object().cloned().unwrap_or_default())
}

/// Whether a framework says something else of itself than is stored. Numbers may be written in other ways.
pub(crate) fn says_other(known: &MesosFramework, info: &FrameworkInfo) -> bool {
    from_value::<FrameworkInfo>(&Value::Object(known.info.0.clone())).ok().as_ref() != Some(info)
}

/// A framework as a job has it; nothing if the job is none or cannot be understood.
pub(crate) fn restored(job: &SparkJob) -> Option<Restored> {
    let mesos = job.spec.mesos.as_ref()?;
    let info = from_value(&Value::Object(mesos.info.0.clone())).ok()?;
    let status = job.status.as_ref();
    let at = |time: &meta::Time| read_time(time.0);
    let updates = status.and_then(|status| status.mesos.as_ref()).map(|status| &status.updates);
    Some(Restored {
        id: mesos.framework_id.as_str().into(),
        key: JobKey {
            namespace: job.namespace().unwrap_or_default().into(),
            name: job.name_any().into(),
        },
        info,
        principal: mesos.principal.clone(),
        registered_at: job.creation_timestamp().as_ref().map_or(Time::ZERO, at),
        updates: updates.into_iter().flatten().filter_map(task_status).collect(),
        ended_at: status.and_then(|status| status.completion_time.as_ref()).map(at),
    })
}

/// How a framework's job is, in the engine's words.
pub(crate) fn framework_status(
    job: &SparkJob,
    stored: &Stored<'_>,
    engine: Option<&FrameworkStatus>,
    now: Time,
) -> JobStatus {
    let before = job.status.as_ref();
    let started = before.and_then(|status| status.start_time.as_ref());
    let started = started.map(|time| read_time(time.0));
    let tasks = u32::try_from(stored.tasks).unwrap_or(u32::MAX);
    let started_at = started.or_else(|| (tasks > 0).then_some(now));
    let (state, reason, message) = match stored.end {
        Some((End::TornDown, _)) => (JobState::Succeeded, Some(Reason::TornDown), None),
        Some((End::FailedOver, _)) => {
            let message = "the framework did not come back within its failover_timeout";
            (JobState::Failed, Some(Reason::FailoverTimeout), Some(message.to_owned()))
        }
        Some((End::Refused(why), _)) => {
            (JobState::Failed, Some(Reason::Refused), Some(why.clone()))
        }
        None => {
            let state = if started_at.is_some() { JobState::Running } else { JobState::Pending };
            let (reason, message) = why(stored, engine);
            (state, reason, message)
        }
    };
    JobStatus {
        key: stored.key.clone(),
        uid: job.uid().unwrap_or_default().into(),
        generation: job.metadata.generation.unwrap_or(0),
        revision: 0,
        state,
        reason,
        message,
        position: None,
        restarts: 0,
        started_at,
        ended_at: stored.end.as_ref().map(|(_, at)| *at),
        executors_ready: tasks,
        executors_launched: tasks,
        executors_wanted: tasks,
        executors_failed: 0,
        executors_preferred: None,
        declined_nodes: Vec::new(),
        epochs: [].into(),
        gang_formed: false,
        stages: Vec::new(),
        failures: Vec::new(),
    }
}

/// Why a framework has no more than it has.
fn why(stored: &Stored<'_>, engine: Option<&FrameworkStatus>) -> (Option<Reason>, Option<String>) {
    if !stored.connected {
        let message = "the framework is not connected: it is offered nothing, and its tasks go on";
        return (Some(Reason::Disconnected), Some(message.to_owned()));
    }
    let pools = engine.into_iter().flat_map(|framework| &framework.pools);
    let waiting = pools.filter_map(|pool| Some((pool.reason?, pool.message.clone())));
    waiting.map(|(reason, message)| (Some(reason), message)).next().unwrap_or((None, None))
}

/// How a task ended, as it is stored.
pub(crate) fn update(status: &TaskStatus) -> MesosUpdate {
    let value: Value = serde_json::from_str(&to_json(status)).unwrap_or_default();
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let id = |name: &str| value[name]["value"].as_str().map(str::to_owned);
    let task = id("task_id").unwrap_or_default();
    let uuid = status.uuid.as_deref().and_then(|uuid| uuid::Uuid::from_slice(uuid).ok());
    let seconds = status.timestamp.unwrap_or(0.0);
    let at = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    MesosUpdate {
        agent: id("agent_id").unwrap_or_default(),
        executor: id("executor_id").filter(|executor| *executor != task),
        task,
        state: text("state").unwrap_or_default(),
        reason: text("reason"),
        source: text("source"),
        message: text("message").map(|message| message.chars().take(200).collect()),
        uuid: uuid.unwrap_or_default().to_string(),
        time: time(Time::from_milliseconds(u64::try_from(at.as_millis()).unwrap_or(0))),
    }
}

/// The same back; nothing if it makes no sense.
fn task_status(update: &MesosUpdate) -> Option<TaskStatus> {
    let mut fields = json!({"task_id": {"value": update.task}, "state": update.state});
    for (name, text) in [("reason", &update.reason), ("source", &update.source)] {
        if let Some(text) = text {
            fields[name] = json!(text);
        }
    }
    let status: TaskStatus = from_value(&fields).ok()?;
    let at = update.time.as_ref().map_or(0, |time| time.0.as_second());
    #[expect(clippy::cast_precision_loss, reason = "exact for longer than anybody will ask")]
    let timestamp = span(at).as_milliseconds() as f64 / 1000.0;
    Some(TaskStatus {
        task_id: TaskId { value: update.task.clone() },
        agent_id: Some(AgentId { value: update.agent.clone() }),
        executor_id: Some(ExecutorId {
            value: update.executor.clone().unwrap_or_else(|| update.task.clone()),
        }),
        message: update.message.clone(),
        uuid: Some(update.uuid.parse::<uuid::Uuid>().ok()?.as_bytes().to_vec()),
        timestamp: Some(timestamp),
        ..status
    })
}
