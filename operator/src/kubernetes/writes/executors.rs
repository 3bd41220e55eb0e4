//! Writes to executors: their pods and their objects.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use proffer_crds::SparkExecutor;
use proffer_crds::executor::Assignment;
use serde_json::{Value, json};

use super::super::pod::ObjectName;
use super::pods::is_of;
use super::{
    Failure, Outcome, Uncertain, Unknown, Writer, delete, is_final, parameters, refusal, unknown,
};

/// A write to an executor.
#[derive(Clone, Debug)]
pub(crate) enum ExecutorWrite {
    /// Makes an executor: its pod, then its object. So an object without a pod tells that the pod is
    /// gone, and what was never told anything is a pod without an object.
    Launch(Box<ExecutorParts>),
    /// Tells an executor what to run.
    Assign {
        /// The object's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
        /// The generation that it has to have.
        generation: i64,
        /// The number of the assignment, which comes back with the answer.
        number: u64,
        /// What to run.
        assignments: Vec<Assignment>,
        /// The last report that is stored.
        acknowledged_report: i64,
        /// The least time between two reports.
        report_interval_milliseconds: i32,
    },
    /// Tells an executor to end by itself, so that its pod stays.
    Stop {
        /// The object's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
    },
    /// Deletes its pod.
    DeletePod {
        /// The pod's name.
        name: ObjectName,
        /// The uid that it has to have; unknown of one that may not have been made.
        uid: Option<Box<str>>,
        /// How long it may take; what the pod says if nothing is said here.
        grace_seconds: Option<u32>,
    },
    /// Reads its object.
    Read {
        /// The object's name.
        name: ObjectName,
    },
    /// Reads its pod.
    ReadPod {
        /// The pod's name.
        name: ObjectName,
    },
    /// Deletes its object.
    Discard {
        /// The object's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
    },
}

/// What an executor is made of.
#[derive(Clone, Debug)]
pub(crate) struct ExecutorParts {
    /// The pod.
    pub(crate) pod: Pod,
    /// The object, of the same name.
    pub(crate) executor: SparkExecutor,
    /// The uid of the pod if it was seen already, so that only the object has to be made.
    pub(crate) made: Option<Box<str>>,
}

/// What came of a write to an executor.
#[derive(Debug)]
pub(crate) enum ExecutorAnswer {
    /// Of making it.
    Launched(Result<Launched, Failure>),
    /// Of telling it what to run, by the number of the assignment: its object, if it is there.
    Assigned(u64, Result<Option<Box<SparkExecutor>>, Unknown>),
    /// Of telling it to end: its object, if it is there.
    Stopped(Result<Option<Box<SparkExecutor>>, Unknown>),
    /// Of deleting its pod.
    PodDeleted(Result<Outcome, Unknown>),
    /// Of reading its object, if it is there.
    Read(Result<Option<Box<SparkExecutor>>, Unknown>),
    /// Of reading its pod: whether it is there.
    PodRead(Result<bool, Unknown>),
    /// Of deleting its object.
    Discarded(Result<Outcome, Unknown>),
}

impl ExecutorAnswer {
    /// Why nothing certain is known of what came of it, if so.
    pub(super) fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Launched(result) => result.unknown(),
            Self::Assigned(_, result) | Self::Stopped(result) | Self::Read(result) => {
                result.unknown()
            }
            Self::PodDeleted(result) | Self::Discarded(result) => result.unknown(),
            Self::PodRead(result) => result.unknown(),
        }
    }
}

/// An executor that is there.
#[derive(Debug)]
pub(crate) struct Launched {
    /// Its pod, unless that was seen before.
    pub(crate) pod: Option<Box<Pod>>,
    /// Its object.
    pub(crate) object: Box<SparkExecutor>,
}

impl Writer {
    pub(super) async fn write_executor(&self, write: ExecutorWrite) -> ExecutorAnswer {
        match write {
            ExecutorWrite::Launch(parts) => {
                ExecutorAnswer::Launched(self.timely(Box::pin(self.launch(*parts))).await)
            }
            ExecutorWrite::Assign {
                name,
                uid,
                generation,
                number,
                assignments,
                acknowledged_report,
                report_interval_milliseconds,
            } => {
                let patch = json!([
                    {"op": "test", "path": "/metadata/uid", "value": uid},
                    {"op": "test", "path": "/metadata/generation", "value": generation},
                    {"op": "add", "path": "/spec/assignments", "value": assignments},
                    {"op": "add", "path": "/spec/acknowledgedReport", "value": acknowledged_report},
                    {
                        "op": "add",
                        "path": "/spec/reportIntervalMilliseconds",
                        "value": report_interval_milliseconds,
                    },
                ]);
                let result = self.timely(self.patch_executor(&name, patch)).await;
                ExecutorAnswer::Assigned(number, result)
            }
            ExecutorWrite::Stop { name, uid } => {
                let patch = json!([
                    {"op": "test", "path": "/metadata/uid", "value": uid},
                    {"op": "add", "path": "/spec/stop", "value": true},
                ]);
                ExecutorAnswer::Stopped(self.timely(self.patch_executor(&name, patch)).await)
            }
            ExecutorWrite::DeletePod { name, uid, grace_seconds } => {
                let deleted = self.delete_pod(&name, uid, grace_seconds);
                ExecutorAnswer::PodDeleted(self.timely(deleted).await)
            }
            ExecutorWrite::Read { name } => {
                ExecutorAnswer::Read(self.timely(self.read_executor(&name)).await)
            }
            ExecutorWrite::ReadPod { name } => {
                ExecutorAnswer::PodRead(self.timely(self.has_pod(&name)).await)
            }
            ExecutorWrite::Discard { name, uid } => {
                let executors = self.api::<SparkExecutor>(&name.namespace);
                let deleted = delete(&executors, &name.name, &uid, None);
                ExecutorAnswer::Discarded(self.timely(deleted).await)
            }
        }
    }

    async fn launch(&self, parts: ExecutorParts) -> Result<Launched, Failure> {
        let ExecutorParts { pod, executor, made } = parts;
        if let Some(pod_uid) = made {
            return self.launch_object(None, pod_uid.into_string(), executor).await;
        }
        let namespace = pod.namespace().unwrap_or_default();
        let name = pod.name_any();
        let owner = executor.spec.job_uid.clone();
        let pods = self.api::<Pod>(&namespace);
        let made = match pods.create(&parameters(), &pod).await {
            Ok(made) => made,
            Err(kube::Error::Api(status)) if status.code == 409 || is_final(&status) => {
                // An earlier attempt of which nothing was heard may have made it.
                match pods.get_opt(&name).await {
                    Ok(Some(there)) if is_of(&there, &owner) => there,
                    Ok(None) if status.code != 409 => return Err(refusal(&status)),
                    Ok(_) => {
                        let there = format!("there is another pod {namespace}/{name}");
                        return Err(Unknown(there).into());
                    }
                    Err(error) => return Err(unknown(&error).into()),
                }
            }
            Err(error) => return Err(unknown(&error).into()),
        };
        let pod_uid = made.uid().unwrap_or_default();
        self.launch_object(Some(Box::new(made)), pod_uid, executor).await
    }

    async fn launch_object(
        &self,
        pod: Option<Box<Pod>>,
        pod_uid: String,
        executor: SparkExecutor,
    ) -> Result<Launched, Failure> {
        let namespace = executor.namespace().unwrap_or_default();
        let (name, owner) = (executor.name_any(), executor.spec.job_uid.clone());
        let pods = self.api::<Pod>(&namespace);
        let executors = self.api::<SparkExecutor>(&namespace);
        let refused = match executors.create(&parameters(), &executor).await {
            Ok(object) => return Ok(Launched { pod, object: Box::new(object) }),
            Err(kube::Error::Api(status)) if status.code == 409 || is_final(&status) => status,
            Err(error) => return Err(unknown(&error).into()),
        };
        match executors.get_opt(&name).await {
            Ok(Some(there)) if there.spec.job_uid == owner => {
                Ok(Launched { pod, object: Box::new(there) })
            }
            Ok(None) if refused.code != 409 => {
                // Nothing that could be told anything is left running.
                match delete(&pods, &name, &pod_uid, Some(0)).await? {
                    Outcome::Done | Outcome::Missing => Err(refusal(&refused)),
                }
            }
            Ok(_) => {
                Err(Unknown(format!("there is another SparkExecutor {namespace}/{name}")).into())
            }
            Err(error) => Err(unknown(&error).into()),
        }
    }

    async fn patch_executor(
        &self,
        name: &ObjectName,
        patch: Value,
    ) -> Result<Option<Box<SparkExecutor>>, Unknown> {
        let executors = self.api::<SparkExecutor>(&name.namespace);
        let patch = serde_json::from_value(patch)
            .map_err(|error| Unknown(format!("cannot make a patch: {error}")))?;
        let patch = Patch::Json::<()>(patch);
        match executors.patch(&name.name, &PatchParams::default(), &patch).await {
            Ok(object) => Ok(Some(Box::new(object))),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(unknown(&error)),
        }
    }

    async fn read_executor(
        &self,
        name: &ObjectName,
    ) -> Result<Option<Box<SparkExecutor>>, Unknown> {
        let executors = self.api::<SparkExecutor>(&name.namespace);
        let read = executors.get_opt(&name.name).await;
        read.map(|object| object.map(Box::new)).map_err(|error| unknown(&error))
    }

    async fn has_pod(&self, name: &ObjectName) -> Result<bool, Unknown> {
        let read = self.api::<Pod>(&name.namespace).get_metadata_opt(&name.name).await;
        read.map(|pod| pod.is_some()).map_err(|error| unknown(&error))
    }
}
