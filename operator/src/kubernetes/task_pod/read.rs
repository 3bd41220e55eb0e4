//! What a task's pod says.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod, PodStatus};
use kube::ResourceExt;
use proffer_core::event::Departure;
use proffer_core::jobs::JobKey;
use proffer_mesos::types::{TaskState, TaskStatusReason as Reason};

use super::super::names::{
    ACKNOWLEDGED_ANNOTATION, CHECKPOINT_ANNOTATION, JOB_LABEL, JOB_UID_LABEL, PLACED_ANNOTATION,
    POOL_LABEL, TASK_ANNOTATION, TASK_CONTAINER,
};
use super::super::pod::{Role, Trouble, container_state, departure, trouble};

/// What is remembered of a task's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskFacts {
    /// The job that its framework is.
    pub(crate) job: JobKey,
    /// The uid of that.
    pub(crate) job_uid: Box<str>,
    /// The task as it was told.
    pub(crate) info: Box<str>,
    /// What is stored with an executor of a framework's own.
    pub(crate) checkpoint: Option<Box<str>>,
    /// The pool that pays.
    pub(crate) pool: Box<str>,
    /// The node that it was made for.
    pub(crate) node: Box<str>,
    /// Whether its framework knows how it ended.
    pub(crate) is_acknowledged: bool,
    /// Its address.
    pub(crate) address: Option<Box<str>>,
    /// Whether the task runs or ran.
    pub(crate) has_started: bool,
    /// How it ended.
    pub(crate) end: Option<TaskEnd>,
    /// Why it does not start.
    pub(crate) trouble: Option<Trouble>,
}

/// How a task ended, by what its pod says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskEnd {
    /// The state, unless the task was told to end.
    pub(crate) state: TaskState,
    /// Why.
    pub(crate) reason: Option<Reason>,
    /// A sentence.
    pub(crate) message: String,
}

/// What there is to know of a pod if it is one of a task.
pub(crate) fn task_facts(pod: &Pod, has_ended: bool) -> Option<TaskFacts> {
    let info = pod.annotations().get(TASK_ANNOTATION)?;
    let label = |name: &str| pod.labels().get(name).map(String::as_str);
    let annotation = |name: &str| pod.annotations().get(name).map(String::as_str);
    let job = JobKey {
        namespace: pod.namespace().unwrap_or_default().into(),
        name: label(JOB_LABEL)?.into(),
    };
    let status = pod.status.clone().unwrap_or_default();
    let state = container_state(&status, TASK_CONTAINER);
    let ended = state.and_then(|state| state.terminated.as_ref());
    let has_started = state.is_some_and(|state| state.running.is_some())
        || ended.is_some_and(|ended| ended.started_at.is_some());
    Some(TaskFacts {
        job,
        job_uid: label(JOB_UID_LABEL)?.into(),
        info: info.as_str().into(),
        checkpoint: annotation(CHECKPOINT_ANNOTATION).map(Box::from),
        pool: label(POOL_LABEL).unwrap_or_default().into(),
        node: annotation(PLACED_ANNOTATION).unwrap_or_default().into(),
        is_acknowledged: annotation(ACKNOWLEDGED_ANNOTATION).is_some(),
        address: status.pod_ip.as_deref().map(Box::from),
        has_started,
        end: end(&status, has_ended, ended),
        trouble: if has_ended { None } else { trouble(&status) },
    })
}

fn end(
    status: &PodStatus,
    has_ended: bool,
    ended: Option<&ContainerStateTerminated>,
) -> Option<TaskEnd> {
    let (state, reason, message) = match departure(status, has_ended, Role::Task)? {
        _ if status.reason.as_deref() == Some("DeadlineExceeded") => (
            TaskState::Failed,
            Some(Reason::MaxCompletionTimeReached),
            "Task was killed since it exceeded its max_completion_time".to_owned(),
        ),
        Departure::OutOfMemory(_) => (
            TaskState::Failed,
            Some(Reason::ContainerLimitationMemory),
            "Memory limit exceeded: the container was killed".to_owned(),
        ),
        Departure::Exited(message) => match ended.map(|ended| ended.exit_code) {
            Some(0) => (TaskState::Finished, None, "Command exited with status 0".to_owned()),
            Some(code) => (TaskState::Failed, Some(Reason::CommandExecutorFailed), exit(code)),
            None => (TaskState::Failed, None, message),
        },
        Departure::NotStarted(message) => {
            (TaskState::Failed, Some(Reason::ContainerLaunchFailed), message)
        }
        Departure::Refused(message) => {
            (TaskState::Dropped, Some(Reason::ContainerLaunchFailed), message)
        }
        Departure::Lost(message) | Departure::Withdrawn(message) => {
            (TaskState::Gone, Some(Reason::ContainerPreempted), message)
        }
        Departure::Asked => (TaskState::Killed, None, String::new()),
    };
    Some(TaskEnd { state, reason, message })
}

/// How a command ended, in Mesos's words: shells and runtimes add 128 to the number of a signal.
fn exit(code: i32) -> String {
    let name = match code.saturating_sub(128) {
        2 => "Interrupt",
        6 => "Aborted",
        9 => "Killed",
        11 => "Segmentation fault",
        15 => "Terminated",
        _ => return format!("Command exited with status {code}"),
    };
    format!("Command terminated with signal {name}")
}
