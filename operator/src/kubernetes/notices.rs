//! What people hear of as Kubernetes Events: transitions, never repetitions.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use proffer_core::jobs::JobState;
use proffer_core::view::JobStatus;
use proffer_crds::SparkJob;

use super::pod::ObjectName;

/// The longest note that an Event takes, in bytes.
const NOTE_BYTES: usize = 1000;

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    /// The object.
    pub(crate) object: ObjectReference,
    /// Whether somebody should look at it.
    pub(crate) is_warning: bool,
    /// One word.
    pub(crate) reason: &'static str,
    /// A sentence.
    pub(crate) note: String,
}

impl Notice {
    /// Something about a job.
    pub(crate) fn of_job(
        job: &SparkJob,
        is_warning: bool,
        reason: &'static str,
        note: &str,
    ) -> Self {
        Self { object: job.object_ref(&()), is_warning, reason, note: shortened(note) }
    }

    /// Something about a pod that others made.
    pub(crate) fn of_pod(
        name: &ObjectName,
        uid: &str,
        is_warning: bool,
        reason: &'static str,
        note: &str,
    ) -> Self {
        let object = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: Some(name.namespace.to_string()),
            name: Some(name.name.to_string()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        Self { object, is_warning, reason, note: shortened(note) }
    }

    /// Something about the operator itself, which runs in this pod.
    pub(crate) fn of_operator(object: ObjectReference, reason: &'static str, note: &str) -> Self {
        Self { object, is_warning: true, reason, note: shortened(note) }
    }

    /// An object that cannot be read.
    pub(crate) fn unreadable(object: ObjectReference, problem: &str) -> Self {
        let note = format!(
            "this object does not have the form that Proffer knows, so it is left as it is: {problem}"
        );
        Self { object, is_warning: true, reason: "Unreadable", note: shortened(&note) }
    }

    /// Something wrong with a node.
    pub(crate) fn of_node(name: &str, problem: &str) -> Self {
        let object = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: Some(name.to_owned()),
            // As the kubelet does it, so that `kubectl describe node` finds it.
            uid: Some(name.to_owned()),
            ..ObjectReference::default()
        };
        Self { object, is_warning: true, reason: "InvalidMaintenance", note: shortened(problem) }
    }
}

/// What is new about a job.
pub(crate) fn job_notices(
    job: &SparkJob,
    before: Option<&JobStatus>,
    status: &JobStatus,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut tell = |is_warning, reason, note: &str| {
        notices.push(Notice::of_job(job, is_warning, reason, note));
    };
    let state_before = before.map_or(JobState::Pending, |before| before.state);
    let message = status.message.as_deref().unwrap_or_default();
    let is_known = |failure| before.is_some_and(|before| before.failures.contains(failure));
    for failure in status.failures.iter().filter(|failure| !is_known(failure)) {
        let (stage, task, attempt) = (&failure.stage, &failure.task, failure.attempt);
        let note = format!("task {task} of stage {stage}, attempt {attempt}: {}", failure.message);
        tell(true, "TaskFailed", &note);
    }
    if state_before != status.state {
        match status.state {
            JobState::Pending => {}
            JobState::Running => tell(false, "Started", "the job has its first executor"),
            JobState::Restarting => tell(true, "Restarting", message),
            JobState::Succeeded => tell(false, "Succeeded", "every task finished"),
            JobState::Failed => tell(true, "Failed", message),
        }
    }
    let reason_before = before.and_then(|before| before.reason);
    if !status.state.is_final()
        && let Some(reason) = status.reason.filter(|&reason| Some(reason) != reason_before)
        && !message.is_empty()
        // A replica that has just taken over knows what was said, not always the word for it.
        && before.and_then(|before| before.message.as_deref()) != Some(message)
    {
        tell(false, reason.as_str(), message);
    }
    notices
}

fn shortened(note: &str) -> String {
    if note.len() <= NOTE_BYTES {
        return note.to_owned();
    }
    let end = (0..=NOTE_BYTES).rev().find(|&end| note.is_char_boundary(end)).unwrap_or(0);
    format!("{}…", &note[..end])
}
