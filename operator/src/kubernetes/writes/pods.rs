//! Writes to pods that are there.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{LogParams, Patch, PatchParams};
use proffer_core::action::Launch;
use serde_json::json;

use super::super::driver_pod::LOG_LINES;
use super::super::gated_pod::placing_patch;
use super::super::names::{DRIVER_CONTAINER, OFFERED_CONDITION};
use super::super::pod::ObjectName;
use super::super::wishes::Explanation;
use super::{
    Failure, Outcome, TaskAnswer, TaskWrite, Uncertain, Unknown, Writer, delete, is_final,
    parameters, refusal, unknown,
};

/// The most that is read of a log.
const LOG_BYTES: i64 = 1 << 20;

/// A write to a pod.
#[derive(Clone, Debug)]
pub(crate) enum PodWrite {
    /// Pins a pod that waits to a node, if there is one, and lifts its gate.
    Place {
        /// The uid that it has to have.
        uid: Box<str>,
        /// The offer that was accepted.
        launch: Launch,
    },
    /// Says in a pod's status whether it was offered a node.
    Explain(Explanation),
    /// Deletes a pod.
    Delete {
        /// The uid that it has to have.
        uid: Box<str>,
        /// How long it may take; what the pod says if nothing is said here.
        grace_seconds: Option<u32>,
    },
    /// Reads the end of a Spark driver's log.
    ReadLog,
    /// It is the pod of a task.
    Task(TaskWrite),
}

/// What came of a write to a pod.
#[derive(Debug)]
pub(crate) enum PodAnswer {
    /// Of placing it by an offer: the pod, if it is there.
    Placed(Launch, Result<Option<Box<Pod>>, Failure>),
    /// Of explaining.
    Explained(Result<Outcome, Unknown>),
    /// Of deleting it.
    Deleted(Result<Outcome, Unknown>),
    /// Of reading its log.
    LogRead(Result<String, Failure>),
    /// Of a write to the pod of a task.
    Task(TaskAnswer),
}

impl PodAnswer {
    /// Why nothing certain is known of what came of it, if so.
    pub(super) fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Placed(_, result) => result.unknown(),
            Self::LogRead(result) => result.unknown(),
            Self::Explained(result) | Self::Deleted(result) => result.unknown(),
            Self::Task(answer) => answer.unknown(),
        }
    }
}

impl Writer {
    pub(super) async fn write_pod(&self, name: &ObjectName, write: PodWrite) -> PodAnswer {
        match write {
            PodWrite::Place { uid, launch } => {
                let result = self.timely(self.place(name, &uid, &launch)).await;
                PodAnswer::Placed(launch, result)
            }
            PodWrite::Explain(explanation) => {
                PodAnswer::Explained(self.timely(self.explain(name, explanation)).await)
            }
            PodWrite::Delete { uid, grace_seconds } => {
                let deleted = self.delete_pod(name, Some(uid), grace_seconds);
                PodAnswer::Deleted(self.timely(deleted).await)
            }
            PodWrite::ReadLog => PodAnswer::LogRead(self.timely(self.read_log(name)).await),
            PodWrite::Task(write) => PodAnswer::Task(self.write_task(name, write).await),
        }
    }

    /// What a pod says of nodes may have changed since it was seen, so it is read first.
    async fn place(
        &self,
        name: &ObjectName,
        uid: &str,
        launch: &Launch,
    ) -> Result<Option<Box<Pod>>, Failure> {
        let pods = self.api::<Pod>(&name.namespace);
        let pod = match pods.get_opt(&name.name).await {
            Ok(Some(pod)) if pod.uid().as_deref() == Some(uid) => pod,
            Ok(_) => return Ok(None),
            Err(error) => return Err(unknown(&error).into()),
        };
        let patch = match placing_patch(&pod, launch) {
            Ok(Some(patch)) => patch,
            Ok(None) => return Ok(Some(Box::new(pod))),
            Err(problem) => return Err(Failure::Refused(problem)),
        };
        match pods.patch(&name.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(pod) => Ok(Some(Box::new(pod))),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(kube::Error::Api(status)) if is_final(&status) => Err(refusal(&status)),
            Err(error) => Err(unknown(&error).into()),
        }
    }

    async fn explain(
        &self,
        name: &ObjectName,
        explanation: Explanation,
    ) -> Result<Outcome, Unknown> {
        let Explanation { uid, offered, reason, message } = explanation;
        let condition = json!({
            "type": OFFERED_CONDITION,
            "status": if offered { "True" } else { "False" },
            "reason": reason,
            "message": message,
            "lastTransitionTime": jiff::Timestamp::now(),
        });
        let patch = json!({
            "metadata": {"uid": uid},
            "status": {"conditions": [condition]},
        });
        let pods = self.api::<Pod>(&name.namespace);
        let patch = Patch::Strategic(patch);
        found(pods.patch_status(&name.name, &PatchParams::default(), &patch).await)
    }

    async fn read_log(&self, name: &ObjectName) -> Result<String, Failure> {
        let parameters = LogParams {
            container: Some(DRIVER_CONTAINER.to_owned()),
            tail_lines: Some(LOG_LINES),
            limit_bytes: Some(LOG_BYTES),
            ..LogParams::default()
        };
        let log = self.api::<Pod>(&name.namespace).logs(&name.name, &parameters).await;
        log.map_err(|error| Failure::Refused(unknown(&error).0))
    }

    /// Makes a pod, unless it is there.
    pub(super) async fn make_pod(&self, pod: &Pod, owner: &str) -> Result<Box<Pod>, Failure> {
        let namespace = pod.namespace().unwrap_or_default();
        let pods = self.api::<Pod>(&namespace);
        let name = pod.name_any();
        match pods.create(&parameters(), pod).await {
            Ok(pod) => Ok(Box::new(pod)),
            Err(kube::Error::Api(status)) if status.code == 409 || is_final(&status) => {
                match pods.get_opt(&name).await {
                    Ok(Some(there)) if is_of(&there, owner) => Ok(Box::new(there)),
                    Ok(None) if status.code != 409 => Err(refusal(&status)),
                    Ok(_) => {
                        Err(Unknown(format!("there is another pod {namespace}/{name}")).into())
                    }
                    Err(error) => Err(unknown(&error).into()),
                }
            }
            Err(error) => Err(unknown(&error).into()),
        }
    }

    /// Deletes the pod of this uid, or the one that there is if its uid is not known.
    pub(super) async fn delete_pod(
        &self,
        name: &ObjectName,
        uid: Option<Box<str>>,
        grace_seconds: Option<u32>,
    ) -> Result<Outcome, Unknown> {
        let pods = self.api::<Pod>(&name.namespace);
        let uid = match uid {
            Some(uid) => uid.into_string(),
            None => match pods.get_opt(&name.name).await {
                Ok(Some(pod)) => pod.uid().unwrap_or_default(),
                Ok(None) => return Ok(Outcome::Missing),
                Err(error) => return Err(unknown(&error)),
            },
        };
        delete(&pods, &name.name, &uid, grace_seconds).await
    }

    /// Gives a pod of this uid an annotation.
    pub(super) async fn annotate(
        &self,
        name: &ObjectName,
        uid: &str,
        (key, value): (&str, &str),
    ) -> Result<Outcome, Unknown> {
        let patch = json!({"metadata": {"uid": uid, "annotations": {key: value}}});
        let pods = self.api::<Pod>(&name.namespace);
        found(pods.patch(&name.name, &PatchParams::default(), &Patch::Merge(patch)).await)
    }
}

/// Whether a patch found the pod of the uid that it names.
fn found(patched: Result<Pod, kube::Error>) -> Result<Outcome, Unknown> {
    match patched {
        Ok(_) => Ok(Outcome::Done),
        Err(kube::Error::Api(status)) if is_final(&status) || status.code == 409 => {
            Ok(Outcome::Missing)
        }
        Err(error) => Err(unknown(&error)),
    }
}

/// Whether the pod was made for this job.
pub(super) fn is_of(pod: &Pod, job_uid: &str) -> bool {
    let owned = pod.owner_references().iter().any(|owner| owner.uid == job_uid);
    owned && pod.metadata.deletion_timestamp.is_none()
}
