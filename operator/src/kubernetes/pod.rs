//! A `Pod` as the operator remembers it, and what became of an executor by what its pod says.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod, PodStatus};
use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::event::Departure;
use proffer_core::jobs::JobKey;
use proffer_core::time::Span;

use super::driver_pod::{DriverFacts, driver_facts};
use super::gated_pod::{GatedFacts, gated_facts};
use super::names::{
    DRIVER_CONTAINER, EPOCH_LABEL, EXECUTOR_CONTAINER, FETCH_CONTAINER, INDEX_LABEL, JOB_LABEL,
    JOB_UID_LABEL, TASK_CONTAINER,
};
use super::requests::{Amounts, pod_requests};
use super::task_pod::{TaskFacts, task_facts};

/// A namespaced object's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectName {
    /// The namespace.
    pub(crate) namespace: Arc<str>,
    /// The name in it.
    pub(crate) name: Arc<str>,
}

impl From<&JobKey> for ObjectName {
    fn from(key: &JobKey) -> Self {
        Self { namespace: key.namespace.clone(), name: key.name.clone() }
    }
}

/// What is remembered of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodFacts {
    /// Its uid.
    pub(crate) uid: Box<str>,
    /// The node that it is on, or that others were preempted for it on.
    pub(crate) node: Option<Box<str>>,
    /// What it takes of that; nothing if it has ended.
    pub(crate) requests: Amounts,
    /// Whether nothing of it runs any more.
    pub(crate) has_ended: bool,
    /// Whether it was told to go.
    pub(crate) is_deleting: bool,
    /// What there is to know if it is an executor's.
    pub(crate) executor: Option<Box<ExecutorFacts>>,
    /// What there is to know if it waits for an offer or was placed by one.
    pub(crate) gated: Option<Box<GatedFacts>>,
    /// What there is to know if it is a Spark driver that Proffer made.
    pub(crate) driver: Option<Box<DriverFacts>>,
    /// What there is to know if it is a task of a Mesos framework.
    pub(crate) task: Option<Box<TaskFacts>>,
}

/// What is remembered of an executor's pod beside that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExecutorFacts {
    /// The executor's name.
    pub(crate) key: ExecutorKey,
    /// The uid of the job that it was made for.
    pub(crate) job_uid: Box<str>,
    /// What became of the executor, if it runs no more.
    pub(crate) departure: Option<Departure>,
    /// Whether a container beside the executor's may still run.
    pub(crate) others_run: bool,
    /// Why the executor cannot start.
    pub(crate) trouble: Option<Trouble>,
    /// What a container waits for that has not started, as the kubelet says it.
    pub(crate) state: Option<Box<str>>,
    /// When it was created, in milliseconds since 1970.
    pub(crate) created_at: i64,
}

/// What a kubelet says of a container that cannot be made as it lacks something, such as a Secret.
const CONFIG_ERROR: &str = "CreateContainerConfigError";

/// How long a pod may lack a Secret that is made after it: a kubelet looks again every ten seconds or so.
const SECRET_PATIENCE: Span = Span::from_seconds(30);

/// How long the scheduler may find that a pod does not fit on its node: what it knows may be older than what
/// the engine knows.
pub(crate) const UNSCHEDULABLE_PATIENCE: Span = Span::from_seconds(5);

/// What the scheduler says of a pod for which it finds no place.
const UNSCHEDULABLE: &str = "Unschedulable";

/// Why a pod does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// One word of Kubernetes: `Unschedulable`, `ImagePullBackOff`.
    pub(crate) reason: Box<str>,
    /// A sentence.
    pub(crate) message: String,
}

impl Trouble {
    /// How long it may pass by itself, if it may.
    pub(crate) fn patience(&self) -> Option<Span> {
        let lacks_secret = || &*self.reason == CONFIG_ERROR && self.message.contains("secret");
        if self.is_unschedulable() {
            Some(UNSCHEDULABLE_PATIENCE)
        } else {
            lacks_secret().then_some(SECRET_PATIENCE)
        }
    }

    /// Whether the scheduler finds no place for it.
    pub(crate) fn is_unschedulable(&self) -> bool {
        &*self.reason == UNSCHEDULABLE
    }
}

/// What is to be remembered of a pod.
pub(crate) fn pod_facts(pod: &Pod) -> PodFacts {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    let has_ended = matches!(phase, "Succeeded" | "Failed");
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let node = node.or_else(|| status.and_then(|status| status.nominated_node_name.as_deref()));
    let task = task_facts(pod, has_ended);
    // The phase of a task's pod follows when its only container has ended.
    let is_over = has_ended || task.as_ref().is_some_and(|task| task.end.is_some());
    PodFacts {
        uid: pod.uid().unwrap_or_default().into(),
        node: node.filter(|node| !node.is_empty()).map(Box::from),
        requests: if is_over { Amounts::new() } else { pod_requests(pod) },
        has_ended,
        is_deleting: pod.metadata.deletion_timestamp.is_some(),
        executor: executor_facts(pod, has_ended).map(Box::new),
        gated: gated_facts(pod).map(Box::new),
        driver: driver_facts(pod, has_ended).map(Box::new),
        task: task.map(Box::new),
    }
}

fn executor_facts(pod: &Pod, has_ended: bool) -> Option<ExecutorFacts> {
    let label = |name: &str| pod.labels().get(name).map(String::as_str);
    let job = JobKey {
        namespace: pod.namespace().unwrap_or_default().into(),
        name: label(JOB_LABEL)?.into(),
    };
    let index = executor_number(label(INDEX_LABEL)?)?;
    let epoch = executor_number(label(EPOCH_LABEL)?)?;
    let status = pod.status.clone().unwrap_or_default();
    let created = pod.creation_timestamp().map_or(0, |time| time.0.as_millisecond());
    Some(ExecutorFacts {
        key: ExecutorKey { job, index, epoch },
        job_uid: label(JOB_UID_LABEL)?.into(),
        departure: departure(&status, has_ended, Role::Executor),
        others_run: !has_ended && others_run(&status),
        trouble: if has_ended { None } else { trouble(&status) },
        state: waiting(&status),
        created_at: created,
    })
}

/// The index or the epoch of an executor, as a label has it: one that an executor's object can have.
pub(super) fn executor_number(text: &str) -> Option<u32> {
    u32::try_from(text.parse::<i32>().ok()?).ok()
}

/// What the first container waits for that has not started.
fn waiting(status: &PodStatus) -> Option<Box<str>> {
    let init = status.init_container_statuses.iter().flatten();
    let all = init.chain(status.container_statuses.iter().flatten());
    let mut waiting = all.filter_map(|it| Some((it, it.state.as_ref()?.waiting.as_ref()?)));
    let (container, waiting) = waiting.next()?;
    let reason = waiting.reason.as_deref().unwrap_or("waiting");
    let what = format!("the container {} of image {} is {reason}", container.name, container.image);
    Some(sentence(&what, waiting.message.as_deref().unwrap_or_default()).into())
}

/// What runs in the container of a pod that Proffer made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Executor,
    Driver,
    Task,
}

impl Role {
    fn container(self) -> &'static str {
        match self {
            Self::Executor => EXECUTOR_CONTAINER,
            Self::Driver => DRIVER_CONTAINER,
            Self::Task => TASK_CONTAINER,
        }
    }

    /// What it was given of memory.
    fn memory(self) -> &'static str {
        match self {
            Self::Executor => "spec.executor.memory",
            Self::Driver | Self::Task => "its pod has",
        }
    }

    /// Whether what an init container says of its end needs no introduction: what fetches the files of
    /// a task says whole sentences.
    fn speaks_for_itself(self, init_container: &str, ended: &ContainerStateTerminated) -> bool {
        self == Self::Task && init_container == FETCH_CONTAINER && ended.exit_code == 1
    }
}

/// As sentences call it.
impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Executor => "the executor",
            Self::Driver => "the driver",
            Self::Task => "the task",
        })
    }
}

/// What became of what runs in a pod: nothing while it may run.
pub(super) fn departure(status: &PodStatus, has_ended: bool, role: Role) -> Option<Departure> {
    let ended =
        container_state(status, role.container()).and_then(|state| state.terminated.as_ref());
    if !has_ended && ended.is_none() {
        return None;
    }
    let message = || status.message.clone().unwrap_or_default();
    // Others ended it: what its container says of that is only how.
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let disrupted =
        conditions.iter().find(|it| it.type_ == "DisruptionTarget" && it.status == "True");
    if let Some(condition) = disrupted {
        let reason = condition.reason.as_deref().unwrap_or("Disrupted");
        let message = condition.message.clone().unwrap_or_else(message);
        return Some(Departure::Lost(sentence(
            &format!("the pod was disrupted ({reason})"),
            &message,
        )));
    }
    match status.reason.as_deref() {
        // The kubelet did not take it: what was free there was taken by others first.
        Some(reason) if is_refusal(reason) => {
            let what = format!("the node refused the pod ({reason})");
            return Some(Departure::Refused(sentence(&what, &message())));
        }
        Some(reason @ ("Evicted" | "Preempting" | "Shutdown" | "NodeShutdown" | "Terminated")) => {
            return Some(Departure::Lost(sentence(
                &format!("the pod was ended ({reason})"),
                &message(),
            )));
        }
        Some("NodeLost") => return Some(Departure::Lost("the node was lost".to_owned())),
        Some("DeadlineExceeded") => {
            let what = "the pod's activeDeadlineSeconds are over";
            return Some(Departure::Exited(sentence(what, &message())));
        }
        _ => {}
    }
    if let Some(ended) = ended {
        return Some(exit(role, ended));
    }
    let init = status.init_container_statuses.iter().flatten();
    let failed = init.filter_map(|status| Some((&status.name, status.state.as_ref()?)));
    let failed = failed.filter_map(|(name, state)| Some((name, state.terminated.as_ref()?)));
    let mut failed = failed.filter(|(_, ended)| ended.exit_code != 0);
    Some(match failed.next() {
        Some((name, ended)) => {
            let what = format!("the init container {name} exited with code {}", ended.exit_code);
            let said = trimmed(ended.message.as_deref().unwrap_or_default());
            Departure::NotStarted(if role.speaks_for_itself(name, ended) && !said.is_empty() {
                said.to_owned()
            } else {
                sentence(&what, said)
            })
        }
        None => Departure::Lost(sentence("the pod ended", &message())),
    })
}

fn exit(role: Role, ended: &ContainerStateTerminated) -> Departure {
    let code = ended.exit_code;
    match ended.reason.as_deref() {
        Some("OOMKilled") => {
            let limit = role.memory();
            let message = format!("{role} was killed because it used more memory than {limit}");
            Departure::OutOfMemory(message)
        }
        Some(reason @ ("ContainerCannotRun" | "StartError" | "CannotStart")) => {
            let what = format!("{role}'s container could not be started ({reason})");
            Departure::NotStarted(sentence(&what, ended.message.as_deref().unwrap_or_default()))
        }
        Some("ContainerStatusUnknown") => {
            Departure::Lost(format!("the node no longer knows what became of {role}"))
        }
        _ => Departure::Exited(sentence(
            &format!("{role} exited with code {code}"),
            ended.message.as_deref().unwrap_or_default(),
        )),
    }
}

/// Whether a kubelet says so of a pod that it does not admit.
fn is_refusal(reason: &str) -> bool {
    reason.starts_with("OutOf")
        || matches!(
            reason,
            "NodeAffinity"
                | "NodeName"
                | "Taint"
                | "UnexpectedAdmissionError"
                | "TopologyAffinityError"
                | "PodOSSelectorNodeLabelDoesNotMatch"
                | "PodOSNotSupported"
                | "AppArmor"
                | "SysctlForbidden"
                | "NodePorts"
                | "InvalidNodeInfo"
        )
}

pub(super) fn trouble(status: &PodStatus) -> Option<Trouble> {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let unschedulable = conditions.iter().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some(UNSCHEDULABLE)
    });
    if let Some(condition) = unschedulable {
        let message = condition.message.clone().unwrap_or_default();
        return Some(Trouble { reason: UNSCHEDULABLE.into(), message });
    }
    let init = status.init_container_statuses.iter().flatten();
    let all = init.chain(status.container_statuses.iter().flatten());
    let waiting = all.filter_map(|status| Some((status, status.state.as_ref()?.waiting.as_ref()?)));
    waiting.into_iter().find_map(|(status, waiting)| {
        let reason = waiting.reason.as_deref()?;
        // The first failure of a pull or of a start may be a passing one; the kubelet tries again.
        let stays = matches!(
            reason,
            "ImagePullBackOff"
                | "InvalidImageName"
                | "ErrImageNeverPull"
                | "ImageInspectError"
                | CONFIG_ERROR
                | "CreateContainerError"
                | "RunContainerError"
                | "CrashLoopBackOff"
        );
        let what = format!(
            "the container {} of image {} does not start ({reason})",
            status.name, status.image
        );
        let message = sentence(&what, waiting.message.as_deref().unwrap_or_default());
        stays.then(|| Trouble { reason: reason.into(), message })
    })
}

/// Whether a container beside the executor's has not ended. Init containers do not count: those that go on
/// are ended by the kubelet.
fn others_run(status: &PodStatus) -> bool {
    let all = status.container_statuses.iter().flatten();
    let mut others = all.filter(|status| status.name != EXECUTOR_CONTAINER);
    others.any(|status| status.state.as_ref().is_none_or(|state| state.terminated.is_none()))
}

pub(super) fn container_state<'a>(
    status: &'a PodStatus,
    container: &str,
) -> Option<&'a ContainerState> {
    let mut all = status.container_statuses.iter().flatten();
    all.find(|status| status.name == container)?.state.as_ref()
}

/// What happened, and what somebody else says of it.
fn sentence(what: &str, message: &str) -> String {
    let message = trimmed(message);
    if message.is_empty() { what.to_owned() } else { format!("{what}: {message}") }
}

/// A sentence without the full stop at its end.
fn trimmed(message: &str) -> &str {
    message.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests;
