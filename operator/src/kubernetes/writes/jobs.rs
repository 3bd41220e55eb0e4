//! Writes to jobs.

use std::sync::Arc;

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use kube::core::Status;
use proffer_core::jobs::JobKey;
use proffer_crds::SparkJob;
use proffer_crds::mesos::FrameworkDocument;
use serde_json::json;

use super::{
    Failure, Outcome, Uncertain, Unknown, Writer, delete, is_final, parameters, refusal, unknown,
};

/// A write to a job.
#[derive(Clone, Debug)]
pub(crate) enum JobWrite {
    /// Stores a job's status.
    Status {
        /// The job with the new status, in the version that it replaces.
        job: Box<SparkJob>,
        /// The number of the status among those that the engine gave, which comes back with the answer.
        revision: u64,
    },
    /// Deletes a job.
    Delete {
        /// The uid that it has to have.
        uid: Box<str>,
    },
    /// It is the job of a framework of Mesos.
    Framework(FrameworkWrite),
}

/// A write to the job of a framework.
#[derive(Clone, Debug)]
pub(crate) enum FrameworkWrite {
    /// Makes the job that a framework is.
    Make {
        /// The framework's id.
        id: Arc<str>,
        /// The job.
        job: Box<SparkJob>,
    },
    /// Stores what a framework says of itself.
    Update {
        /// The framework's id.
        id: Arc<str>,
        /// The uid that the job has to have.
        uid: Box<str>,
        /// What it says.
        info: FrameworkDocument,
    },
}

/// What came of a write to a job.
#[derive(Debug)]
pub(crate) enum JobAnswer {
    /// Of storing a status.
    Status {
        /// The uid of the job that it was for.
        uid: Box<str>,
        /// The number of the status.
        revision: u64,
        /// The job, if it is there. Refused is what is too large.
        result: Result<Option<Stored>, Failure>,
    },
    /// Of deleting the job of this uid.
    Deleted(Box<str>, Result<Outcome, Unknown>),
    /// Of a write to the job of a framework.
    Framework(FrameworkAnswer),
}

/// What came of a write to the job of a framework.
#[derive(Debug)]
pub(crate) enum FrameworkAnswer {
    /// Of making the job of the framework of this id.
    Made(Arc<str>, Result<Box<SparkJob>, Failure>),
    /// Of storing what the framework of this id says.
    Updated(Arc<str>, Result<Outcome, Unknown>),
}

/// A job as it is now.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The job.
    pub(crate) job: Box<SparkJob>,
    /// Whether its status is the one that was to be stored.
    pub(crate) is_new: bool,
}

impl JobAnswer {
    /// Why nothing certain is known of what came of it, if so.
    pub(super) fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Status { result, .. } => result.unknown(),
            Self::Framework(FrameworkAnswer::Made(_, result)) => result.unknown(),
            Self::Framework(FrameworkAnswer::Updated(_, result)) | Self::Deleted(_, result) => {
                result.unknown()
            }
        }
    }
}

impl Writer {
    pub(super) async fn write_job(&self, key: &JobKey, write: JobWrite) -> JobAnswer {
        match write {
            JobWrite::Status { job, revision } => {
                let uid = job.uid().unwrap_or_default().into();
                let result = self.timely(self.store_status(&job)).await;
                JobAnswer::Status { uid, revision, result }
            }
            JobWrite::Delete { uid } => {
                let jobs = self.api::<SparkJob>(&key.namespace);
                let result = self.timely(delete(&jobs, &key.name, &uid, None)).await;
                JobAnswer::Deleted(uid, result)
            }
            JobWrite::Framework(write) => {
                JobAnswer::Framework(self.write_framework(key, write).await)
            }
        }
    }

    async fn write_framework(&self, key: &JobKey, write: FrameworkWrite) -> FrameworkAnswer {
        match write {
            FrameworkWrite::Make { id, job } => {
                FrameworkAnswer::Made(id, self.timely(self.make_job(&job)).await)
            }
            FrameworkWrite::Update { id, uid, info } => {
                let result = self.timely(self.update_framework(key, &uid, &info)).await;
                FrameworkAnswer::Updated(id, result)
            }
        }
    }

    async fn store_status(&self, job: &SparkJob) -> Result<Option<Stored>, Failure> {
        let jobs = self.api::<SparkJob>(&job.namespace().unwrap_or_default());
        let name = job.name_any();
        match jobs.replace_status(&name, &parameters(), job).await {
            Ok(job) => Ok(Some(Stored { job: Box::new(job), is_new: true })),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                match jobs.get_opt(&name).await {
                    Ok(Some(there)) if there.uid() == job.uid() => {
                        Ok(Some(Stored { job: Box::new(there), is_new: false }))
                    }
                    Ok(_) => Ok(None),
                    Err(error) => Err(unknown(&error).into()),
                }
            }
            Err(kube::Error::Api(status)) if is_too_large(&status) => Err(refusal(&status)),
            Err(error) => Err(unknown(&error).into()),
        }
    }

    /// Makes a job, unless it is there.
    async fn make_job(&self, job: &SparkJob) -> Result<Box<SparkJob>, Failure> {
        let jobs = self.api::<SparkJob>(&job.namespace().unwrap_or_default());
        let id = |job: &SparkJob| job.spec.mesos.as_ref().map(|it| it.framework_id.clone());
        match jobs.create(&parameters(), job).await {
            Ok(made) => Ok(Box::new(made)),
            Err(kube::Error::Api(status)) if status.code == 409 || is_final(&status) => {
                match jobs.get_opt(&job.name_any()).await {
                    Ok(Some(there)) if id(&there) == id(job) => Ok(Box::new(there)),
                    Ok(Some(_)) => {
                        Err(Failure::Refused("there is another SparkJob of its name".to_owned()))
                    }
                    Ok(None) if status.code != 409 => Err(refusal(&status)),
                    Ok(None) => Err(unknown(&kube::Error::Api(status)).into()),
                    Err(error) => Err(unknown(&error).into()),
                }
            }
            Err(error) => Err(unknown(&error).into()),
        }
    }

    async fn update_framework(
        &self,
        key: &JobKey,
        uid: &str,
        info: &FrameworkDocument,
    ) -> Result<Outcome, Unknown> {
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/spec/mesos/info", "value": info},
        ]);
        let jobs = self.api::<SparkJob>(&key.namespace);
        let patch = serde_json::from_value(patch)
            .map_err(|error| Unknown(format!("cannot make a patch: {error}")))?;
        let patch = Patch::Json::<()>(patch);
        match jobs.patch(&key.name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(Outcome::Done),
            Err(kube::Error::Api(status)) if is_final(&status) => Ok(Outcome::Missing),
            Err(error) => Err(unknown(&error)),
        }
    }
}

/// Whether an object is larger than the API server takes, or what it stores objects in, which says so as an
/// error of its own, or longer somewhere than its schema allows.
fn is_too_large(status: &Status) -> bool {
    match status.code {
        413 => true,
        // A rule of the schema may use the same words about something else.
        422 => status.details.iter().flat_map(|details| &details.causes).any(|cause| {
            matches!(cause.reason.as_str(), "FieldValueTooLong" | "FieldValueTooMany")
        }),
        500 => ["request is too large", "message larger than max"]
            .iter()
            .any(|words| status.message.contains(words)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
