//! Writes to the pods of tasks of Mesos frameworks.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{Resource, ResourceExt};

use super::super::names::{ACKNOWLEDGED_ANNOTATION, CHECKPOINT_ANNOTATION};
use super::super::pod::ObjectName;
use super::super::task_pod::AUTHORITY_KEY;
use super::{
    Failure, Outcome, Uncertain, Unknown, Writer, delete, is_final, parameters, refusal, unknown,
};

/// A write to the pod of a task.
#[derive(Clone, Debug)]
pub(crate) enum TaskWrite {
    /// Makes it.
    Run {
        /// The pod.
        pod: Box<Pod>,
        /// A Secret of its name that it needs, and that goes with it.
        secret: Option<Box<Secret>>,
        /// The file of the authority that this has, which may have changed.
        authority: Option<PathBuf>,
    },
    /// Deletes it.
    Delete {
        /// The uid that it has to have; unknown of one that may not have been made.
        uid: Option<Box<str>>,
        /// How long it may take; what the pod says if nothing is said here.
        grace_seconds: Option<u32>,
    },
    /// Notes on it that the framework knows how the task ended.
    Acknowledge {
        /// The uid that it has to have.
        uid: Box<str>,
    },
    /// Stores on it what is known of the executor of a framework's own that it is.
    Checkpoint {
        /// The uid that it has to have.
        uid: Box<str>,
        /// How many changes of the executor that has, which comes back with the answer.
        changes: u64,
        /// What is known.
        text: String,
    },
}

/// What came of a write to the pod of a task.
#[derive(Debug)]
pub(crate) enum TaskAnswer {
    /// Of making it.
    Run(Result<Box<Pod>, Failure>),
    /// Of deleting it.
    Deleted(Result<Outcome, Unknown>),
    /// Of noting on the pod of this uid that the framework knows how the task ended.
    Acknowledged(Box<str>, Result<Outcome, Unknown>),
    /// Of storing so many changes of an executor.
    Checkpointed(u64, Result<Outcome, Unknown>),
}

impl TaskAnswer {
    /// Why nothing certain is known of what came of it, if so.
    pub(super) fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Run(result) => result.unknown(),
            Self::Deleted(result)
            | Self::Acknowledged(_, result)
            | Self::Checkpointed(_, result) => result.unknown(),
        }
    }
}

/// Has a Secret bring the authority that a file has now. What cannot be read stays as it was.
async fn renew(secret: &mut Secret, authority: &Path) {
    let read = tokio::fs::read_to_string(authority).await.ok();
    if let Some(text) = read.filter(|text| !text.trim().is_empty()) {
        secret.string_data.get_or_insert_default().insert(AUTHORITY_KEY.to_owned(), text);
    }
}

impl Writer {
    /// The pod comes first, as what it needs belongs to it; its containers wait for that.
    async fn run_task(
        &self,
        pod: &Pod,
        secret: Option<Secret>,
        authority: Option<&Path>,
    ) -> Result<Box<Pod>, Failure> {
        let owner = pod.owner_references().first().map(|owner| owner.uid.clone());
        let made = self.make_pod(pod, &owner.unwrap_or_default()).await?;
        let Some(mut secret) = secret else { return Ok(made) };
        if let Some(authority) = authority {
            renew(&mut secret, authority).await;
        }
        secret.metadata.owner_references = made.owner_ref(&()).map(|owner| vec![owner]);
        let (namespace, name) = (made.namespace().unwrap_or_default(), made.name_any());
        match self.api::<Secret>(&namespace).create(&parameters(), &secret).await {
            Ok(_) => Ok(made),
            // An earlier attempt of which nothing was heard has made it.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(made),
            Err(kube::Error::Api(status)) if is_final(&status) => {
                let uid = made.uid().unwrap_or_default();
                delete(&self.api::<Pod>(&namespace), &name, &uid, Some(0)).await?;
                Err(refusal(&status))
            }
            Err(error) => Err(unknown(&error).into()),
        }
    }

    pub(super) async fn write_task(&self, name: &ObjectName, write: TaskWrite) -> TaskAnswer {
        match write {
            TaskWrite::Run { pod, secret, authority } => {
                let made = self.run_task(&pod, secret.map(|secret| *secret), authority.as_deref());
                TaskAnswer::Run(self.timely(Box::pin(made)).await)
            }
            TaskWrite::Delete { uid, grace_seconds } => {
                let deleted = self.delete_pod(name, uid, grace_seconds);
                TaskAnswer::Deleted(self.timely(deleted).await)
            }
            TaskWrite::Acknowledge { uid } => {
                let noted = self.annotate(name, &uid, (ACKNOWLEDGED_ANNOTATION, "true"));
                let result = self.timely(noted).await;
                TaskAnswer::Acknowledged(uid, result)
            }
            TaskWrite::Checkpoint { uid, changes, text } => {
                let noted = self.annotate(name, &uid, (CHECKPOINT_ANNOTATION, &text));
                TaskAnswer::Checkpointed(changes, self.timely(noted).await)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn executors_are_given_the_authority_that_the_file_has_now() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        let mut secret = Secret::default();
        for (text, brought) in [("old", "old"), ("new", "new"), ("\n", "new")] {
            std::fs::write(&file, text).unwrap();
            renew(&mut secret, &file).await;
            assert_eq!(secret.string_data.as_ref().unwrap()["ca.crt"], brought);
        }
        std::fs::remove_file(&file).unwrap();
        renew(&mut secret, &file).await;
        assert_eq!(secret.string_data.unwrap()["ca.crt"], "new", "it stays as it was");
    }
}
