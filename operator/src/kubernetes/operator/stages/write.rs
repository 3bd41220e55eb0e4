//! What is wanted of executors, as writes.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::{Departure, Event};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_crds::SparkExecutor;
use proffer_crds::job::PodRetention;

use super::super::super::executor_pod::executor_pod;
use super::super::super::grants::Grant;
use super::super::super::names::{EPOCH_LABEL, INDEX_LABEL, JOB_LABEL, executor_name};
use super::super::super::pod::{ObjectName, PodFacts};
use super::super::super::wishes::{ExecutorWish, Wish};
use super::super::super::writes::{ExecutorParts, ExecutorWrite};
use super::super::common::{Common, Job};
use super::Stages;
use super::executor::{Executor, PodState};
use crate::convert;

/// How much longer than its grace period an executor may take to end by itself before its pod is
/// deleted.
const STOP_PATIENCE: Span = Span::from_seconds(20);

impl Stages {
    /// How to write what is wanted of an executor; nothing if there is nothing to be written after all.
    pub(in super::super) fn write(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        wish: ExecutorWish,
    ) -> Option<ExecutorWrite> {
        match wish {
            ExecutorWish::Launch(launch) => self.write_launch(common, now, key, &launch),
            ExecutorWish::Assign(assignment) => {
                self.write_assignment(common, now, key, &assignment)
            }
            ExecutorWish::Remove => self.write_end(common, now, key),
            ExecutorWish::DeletePod { uid, grace_seconds } => {
                let executor = self.executors.get(key).map(|executor| executor.name.clone());
                // Of what has no object there is only the name that all executors' pods have.
                let of_uid = || common.index.pods().find(|(_, pod)| pod.uid == uid);
                let name = executor.or_else(|| of_uid().map(|(name, _)| name.clone()))?;
                Some(ExecutorWrite::DeletePod { name, uid: Some(uid), grace_seconds })
            }
            ExecutorWish::Read => {
                let name = self.executors.get(key)?.name.clone();
                Some(ExecutorWrite::Read { name })
            }
            ExecutorWish::ReadPod => {
                let name = self.executors.get(key)?.name.clone();
                Some(ExecutorWrite::ReadPod { name })
            }
            ExecutorWish::Discard => {
                let Some(executor) = self.executors.get(key) else {
                    common.engine.handle(now, Event::Discarded(key.clone()));
                    return None;
                };
                let Some((uid, _)) = executor.object.clone() else {
                    self.forget(common, now, key);
                    return None;
                };
                Some(ExecutorWrite::Discard { name: executor.name.clone(), uid })
            }
        }
    }

    fn write_launch(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        launch: &Launch,
    ) -> Option<ExecutorWrite> {
        if let Some(executor) = self.executors.get(key)
            && executor.object.is_some()
        {
            // It is there; what the engine has not heard of yet it hears when it is read.
            common.queue.push(Wish::Executor(key.clone(), ExecutorWish::Read));
            tracing::debug!(executor = %executor.name.name, "it is there already");
            return None;
        }
        let Some(job) = common.jobs.get(&key.job) else {
            common.gone(now, key, Departure::Withdrawn("its job is gone".to_owned()));
            return None;
        };
        let uid = job.object.uid().unwrap_or_default();
        let grant = Grant::Executors { namespace: key.job.namespace.clone() };
        if !common.grants(&grant, key) {
            return None;
        }
        let job = common.jobs.get(&key.job)?;
        let name = object_name(key, &uid);
        let (pod, executor) = match parts(common, launch, job, &name) {
            Ok(made) => made,
            Err(problem) => {
                common.gone(now, key, Departure::Withdrawn(problem));
                return None;
            }
        };
        // One step at a time where both together take too long.
        let there = common.index.pod(&name).filter(|pod| !pod.is_deleting && !pod.has_ended);
        let is_of = |pod: &&PodFacts| pod.executor.as_ref().is_some_and(|it| *it.job_uid == *uid);
        let made = there.filter(is_of).map(|pod| pod.uid.clone());
        if !self.has(key) {
            self.add(common, key.clone(), Executor::new(name, launch.node.clone()));
        }
        Some(ExecutorWrite::Launch(Box::new(ExecutorParts { pod, executor, made })))
    }

    fn write_assignment(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        assignment: &Assignment,
    ) -> Option<ExecutorWrite> {
        let interval = self.report_interval_milliseconds();
        let executor = self.executors.get(key).filter(|executor| !executor.has_departed)?;
        let Some((uid, generation)) = executor.object.clone() else {
            common.engine.handle(now, Event::NotDelivered(key.clone()));
            return None;
        };
        let spec = convert::assigned_spec(assignment, "", interval);
        Some(ExecutorWrite::Assign {
            name: executor.name.clone(),
            uid,
            generation,
            number: assignment.number,
            assignments: spec.assignments,
            acknowledged_report: spec.acknowledged_report,
            report_interval_milliseconds: spec.report_interval_milliseconds,
        })
    }

    /// Lets an executor go: by itself if its pod is to stay, else with its pod.
    fn write_end(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
    ) -> Option<ExecutorWrite> {
        let executor = self.executors.get(key).filter(|executor| !executor.is_over())?;
        let name = executor.name.clone();
        let uid = match &executor.pod {
            PodState::There(uid) => Some(uid.clone()),
            PodState::Unseen => None,
            PodState::Gone => return None,
        };
        if common.index.pod(&name).is_some_and(|pod| pod.is_deleting) {
            return None;
        }
        let job = common.jobs.get(&key.job).map(|job| &job.object);
        let stays = job.filter(|job| job.spec.pod_retention == PodRetention::Always);
        let runs = executor.has_reported() && uid.is_some();
        if let (Some(job), Some((object, _)), true) = (stays, executor.object.clone(), runs) {
            if executor.is_stopping {
                return None;
            }
            let grace = job.spec.executor.termination_grace_period_seconds.max(0);
            let grace = Span::from_seconds(u64::try_from(grace).unwrap_or(0));
            let at = now + grace + STOP_PATIENCE;
            self.stop_deadlines.insert((at, key.clone()));
            return Some(ExecutorWrite::Stop { name, uid: object });
        }
        Some(ExecutorWrite::DeletePod { name, uid, grace_seconds: None })
    }

    /// How long executors wait between two reports: a second, or as long as makes a hundred a second of
    /// all of them.
    fn report_interval_milliseconds(&self) -> i32 {
        i32::try_from(self.executors.len() * 10).unwrap_or(60_000).clamp(1000, 60_000)
    }
}

/// The pod and the object of an executor.
fn parts(
    common: &Common,
    launch: &Launch,
    job: &Job,
    name: &ObjectName,
) -> Result<(Pod, SparkExecutor), String> {
    let spec = job.spec.as_ref().map_err(|_| "its job makes no sense any more".to_owned())?;
    let spec = convert::launched_spec(launch, &job.object, &spec.executor.request);
    let pod = executor_pod(launch, &job.object, &spec, &common.settings.pods)?;
    let labels = [
        (JOB_LABEL, spec.job.clone()),
        (INDEX_LABEL, spec.index.to_string()),
        (EPOCH_LABEL, spec.epoch.to_string()),
        ("app.kubernetes.io/managed-by", "proffer".to_owned()),
    ];
    let metadata = ObjectMeta {
        name: Some(name.name.to_string()),
        namespace: Some(name.namespace.to_string()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value)).into()),
        owner_references: Some(vec![owner_reference(&spec.job, &spec.job_uid)]),
        ..ObjectMeta::default()
    };
    Ok((pod, SparkExecutor { metadata, spec, status: None }))
}

/// The job as the owner of an executor's object.
fn owner_reference(name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "proffer.dev/v1alpha1".to_owned(),
        kind: "SparkJob".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The name of an executor's pod and object.
fn object_name(key: &ExecutorKey, job_uid: &str) -> ObjectName {
    let JobKey { namespace, .. } = &key.job;
    let name = executor_name(key, job_uid);
    ObjectName { namespace: namespace.clone(), name: name.into() }
}
