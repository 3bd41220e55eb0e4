//! What is wanted becomes a write when its turn comes; what came of it becomes events.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::{Departure, Event};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_crds::job::PodRetention;
use proffer_crds::{SparkExecutor, SparkJob};

use super::super::executor_pod::executor_pod;
use super::super::names::{EPOCH_LABEL, INDEX_LABEL, JOB_LABEL};
use super::super::pod::{ObjectName, PodFacts, pod_facts};
use super::super::wishes::{ExecutorWish, JobWish, NodeWish, PodWish, PoolWish, Wish};
use super::super::writes::{
    Answer, ExecutorAnswer, ExecutorParts, ExecutorWrite, Failure, JobAnswer, JobWrite, Launched,
    NodeAnswer, NodeWrite, Outcome, PodAnswer, PodWrite, PoolAnswer, PoolWrite, Stored, Unknown,
    Write,
};
use super::executors::{Executor, PodState, object_name, owner_reference};
use super::objects::is_older;
use super::{Change, Kind, Operator};
use crate::convert;

/// How much longer than its grace period an executor may take to end by itself before its pod is
/// deleted.
const STOP_PATIENCE_MILLISECONDS: Span = Span::from_seconds(20);

impl Operator {
    /// The next write that may start now. It has to be answered by [`Operator::answered`].
    pub(crate) fn next_write(&mut self, now: Time) -> Option<Write> {
        loop {
            let wish = self.queue.next(now)?;
            let target = wish.target();
            if let Some(write) = self.write_for(now, wish) {
                return Some(write);
            }
            // There was nothing to be written after all.
            self.queue.done(now, &target, false);
        }
    }

    fn write_for(&mut self, now: Time, wish: Wish) -> Option<Write> {
        Some(match wish {
            Wish::Executor(key, wish) => {
                let write = self.executor_write(now, &key, wish)?;
                Write::Executor(key, write)
            }
            Wish::Job(key, wish) => {
                let write = self.job_write(now, wish)?;
                Write::Job(key, write)
            }
            Wish::Pool(name, wish) => {
                let write = self.pool_write(&name, wish)?;
                Write::Pool(name, write)
            }
            Wish::Pod(name, wish) => {
                let write = self.pod_write(now, &name, wish)?;
                Write::Pod(name, write)
            }
            Wish::Node(name, NodeWish::Mark(mark)) => {
                let uid = self.index.node(&name)?.uid.clone();
                Write::Node(name, NodeWrite::Mark { uid, mark })
            }
        })
    }

    fn executor_write(
        &mut self,
        now: Time,
        key: &ExecutorKey,
        wish: ExecutorWish,
    ) -> Option<ExecutorWrite> {
        match wish {
            ExecutorWish::Launch(launch) => self.launch(now, key, &launch),
            ExecutorWish::LaunchDriver(launch) => self.driver_write(now, &launch),
            ExecutorWish::Assign(assignment) => self.assign(now, key, &assignment),
            ExecutorWish::Remove => self.end(now, key),
            ExecutorWish::DeletePod { uid, grace_seconds } => {
                let executor = self.executors.get(key).map(|executor| executor.name.clone());
                // Of what has no object there is only the name that all executors' pods have.
                let of_uid = || self.index.pods().find(|(_, pod)| pod.uid == uid);
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
                    self.engine.handle(now, Event::Discarded(key.clone()));
                    return None;
                };
                let Some((uid, _)) = executor.object.clone() else {
                    self.forget_executor(now, key);
                    return None;
                };
                Some(ExecutorWrite::Discard { name: executor.name.clone(), uid })
            }
        }
    }

    fn job_write(&mut self, now: Time, wish: JobWish) -> Option<JobWrite> {
        match wish {
            JobWish::Status(status) => {
                let job = Box::new(self.job_with_status(now, &status)?);
                Some(JobWrite::Status { job, revision: status.revision })
            }
            JobWish::Expire { uid } => Some(JobWrite::Delete { uid }),
            JobWish::MakeFramework(id) => self.framework_write(id),
            JobWish::UpdateFramework(id) => self.framework_update(id),
        }
    }

    fn pool_write(&mut self, name: &str, wish: PoolWish) -> Option<PoolWrite> {
        let pool = || Some(Arc::clone(&self.pools.get(name)?.object));
        Some(match wish {
            PoolWish::Status(status) => PoolWrite::Status { pool: pool()?, status },
            PoolWish::Create => PoolWrite::Create,
            PoolWish::Keep(keep) => PoolWrite::Keep { pool: pool()?, keep },
            PoolWish::Shape(shape) => PoolWrite::Shape { pool: pool()?, shape },
        })
    }

    fn pod_write(&mut self, now: Time, name: &ObjectName, wish: PodWish) -> Option<PodWrite> {
        match wish {
            PodWish::Place(launch) => {
                let uid = self.index.pod(name)?.uid.clone();
                Some(PodWrite::Place { uid, launch })
            }
            PodWish::Explain(explanation) => Some(PodWrite::Explain(explanation)),
            PodWish::Delete { uid, grace_seconds } => Some(PodWrite::Delete { uid, grace_seconds }),
            PodWish::ReadLog => Some(PodWrite::ReadLog),
            PodWish::RunTask => self.task_write(now, name),
            PodWish::DeleteTask { uid, grace_seconds } => {
                Some(PodWrite::DeleteTask { uid, grace_seconds })
            }
            PodWish::Acknowledge { uid } => Some(PodWrite::Acknowledge { uid }),
            PodWish::Checkpoint => self.checkpoint_write(name),
        }
    }

    fn launch(&mut self, now: Time, key: &ExecutorKey, launch: &Launch) -> Option<ExecutorWrite> {
        if let Some(executor) = self.executors.get(key)
            && executor.object.is_some()
        {
            // It is there; what the engine has not heard of yet it hears when it is read.
            let name = executor.name.clone();
            self.queue.push(Wish::Executor(key.clone(), ExecutorWish::Read));
            tracing::debug!(executor = %name.name, "it is there already");
            return None;
        }
        let Some(job) = self.jobs.get(&key.job) else {
            self.gone(now, key, Departure::Withdrawn("its job is gone".to_owned()));
            return None;
        };
        let job = Arc::clone(&job.object);
        let uid = job.uid().unwrap_or_default();
        let name = object_name(key, &uid);
        let made = self.parts_of(launch, &job, &name);
        let (pod, executor) = match made {
            Ok(made) => made,
            Err(problem) => {
                self.gone(now, key, Departure::Withdrawn(problem));
                return None;
            }
        };
        // One step at a time where both together take too long.
        let there = self.index.pod(&name).filter(|pod| !pod.is_deleting && !pod.has_ended);
        let is_of = |pod: &&PodFacts| pod.executor.as_ref().is_some_and(|it| *it.job_uid == *uid);
        let made = there.filter(is_of).map(|pod| pod.uid.clone());
        if !self.executors.contains_key(key) {
            let executor = Executor::new(name, launch.node.clone());
            self.add_executor(key.clone(), executor);
        }
        Some(ExecutorWrite::Launch(Box::new(ExecutorParts { pod, executor, made })))
    }

    fn parts_of(
        &self,
        launch: &Launch,
        job: &SparkJob,
        name: &ObjectName,
    ) -> Result<(Pod, SparkExecutor), String> {
        let spec = convert::job_spec(job);
        let spec = spec.map_err(|_| "its job makes no sense any more".to_owned())?;
        let spec = convert::launched_spec(launch, job, &spec.executor.request);
        let pod = executor_pod(launch, job, &spec, &self.settings.pods)?;
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

    fn assign(
        &mut self,
        now: Time,
        key: &ExecutorKey,
        assignment: &Assignment,
    ) -> Option<ExecutorWrite> {
        let interval = self.report_interval_milliseconds();
        let executor = self.executors.get(key).filter(|executor| !executor.has_departed)?;
        let Some((uid, generation)) = executor.object.clone() else {
            self.engine.handle(now, Event::NotDelivered(key.clone()));
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
    fn end(&mut self, now: Time, key: &ExecutorKey) -> Option<ExecutorWrite> {
        let executor = self.executors.get(key)?;
        if executor.has_departed || executor.departure.is_some() {
            return None;
        }
        let name = executor.name.clone();
        let uid = match &executor.pod {
            PodState::There(uid) => Some(uid.clone()),
            PodState::Unseen => None,
            PodState::Gone => return None,
        };
        if self.index.pod(&name).is_some_and(|pod| pod.is_deleting) {
            return None;
        }
        let job = self.jobs.get(&key.job).map(|job| &job.object);
        let stays = job.filter(|job| job.spec.pod_retention == PodRetention::Always);
        let runs = executor.has_reported() && uid.is_some();
        if let (Some(job), Some((object, _)), true) = (stays, executor.object.clone(), runs) {
            if executor.is_stopping {
                return None;
            }
            let grace = job.spec.executor.termination_grace_period_seconds.max(0);
            let grace = Span::from_seconds(u64::try_from(grace).unwrap_or(0));
            let at = now + grace + STOP_PATIENCE_MILLISECONDS;
            self.stop_deadlines.insert((at, key.clone()));
            return Some(ExecutorWrite::Stop { name, uid: object });
        }
        Some(ExecutorWrite::DeletePod { name, uid, grace_seconds: None })
    }

    /// Takes in what came of a write.
    pub(crate) fn answered(&mut self, now: Time, answer: Answer) {
        let target = answer.target();
        let failed = answer.unknown().is_some();
        if let Some(Unknown(problem)) = answer.unknown() {
            tracing::warn!(?target, "a write failed and is tried again: {problem}");
        }
        self.note_pools(now);
        match answer {
            Answer::Executor(key, answer) => self.executor_answered(now, &key, answer),
            Answer::Job(key, answer) => self.job_answered(now, &key, answer),
            Answer::Pool(name, answer) => self.pool_answered(now, &name, answer),
            Answer::Pod(name, answer) => self.pod_answered(now, &name, answer),
            Answer::Node(name, NodeAnswer::Marked(mark, result)) => match result {
                // How the node is now a watch tells.
                Ok(()) | Err(Failure::Refused(_)) => {}
                Err(Failure::Unknown(_)) => {
                    self.queue.push(Wish::Node(name, NodeWish::Mark(mark)));
                }
            },
        }
        self.queue.done(now, &target, failed);
    }

    fn executor_answered(&mut self, now: Time, key: &ExecutorKey, answer: ExecutorAnswer) {
        match answer {
            ExecutorAnswer::Launched(result) => self.launched(now, key, result),
            ExecutorAnswer::DriverLaunched(result) => self.driver_launched(now, key, result),
            ExecutorAnswer::Assigned(number, Ok(Some(object))) => {
                let generation = object.metadata.generation.unwrap_or(0);
                if let Some(executor) = self.executors.get_mut(key) {
                    executor.written = Some((generation, number));
                }
                self.see(now, object);
            }
            ExecutorAnswer::Stopped(Ok(Some(object))) => self.see(now, object),
            ExecutorAnswer::Assigned(_, Err(_)) | ExecutorAnswer::Stopped(Err(_)) => {
                self.engine.handle(now, Event::NotDelivered(key.clone()));
            }
            ExecutorAnswer::PodDeleted(Ok(Outcome::Missing))
            | ExecutorAnswer::PodRead(Ok(false)) => self.pod_is_missing(now, key),
            ExecutorAnswer::PodDeleted(Err(_)) => self.delete_again(now, key),
            ExecutorAnswer::Read(result) => self.object_read(now, key, result),
            ExecutorAnswer::PodRead(Err(_)) => {
                self.queue.push(Wish::Executor(key.clone(), ExecutorWish::ReadPod));
            }
            ExecutorAnswer::Discarded(Ok(Outcome::Missing)) => self.forget_executor(now, key),
            ExecutorAnswer::Discarded(Err(_)) => {
                self.queue.push(Wish::Executor(key.clone(), ExecutorWish::Discard));
            }
            // What follows a watch tells.
            ExecutorAnswer::Assigned(_, Ok(None))
            | ExecutorAnswer::Stopped(Ok(None))
            | ExecutorAnswer::PodDeleted(Ok(Outcome::Done))
            | ExecutorAnswer::PodRead(Ok(true))
            | ExecutorAnswer::Discarded(Ok(Outcome::Done)) => {}
        }
    }

    fn object_read(
        &mut self,
        now: Time,
        key: &ExecutorKey,
        result: Result<Option<Box<SparkExecutor>>, Unknown>,
    ) {
        if let Ok(Some(object)) = result {
            self.see(now, object);
            self.finish_departure(now, key);
            return;
        }
        let Some(executor) = self.executors.get(key) else { return };
        if result.is_err() {
            // What it said last must not be missed.
            self.queue.push(Wish::Executor(key.clone(), ExecutorWish::Read));
        } else if executor.departure.is_some() {
            self.finish_departure(now, key);
        } else {
            let name = executor.name.clone();
            self.miss_object(now, &name);
        }
    }

    fn job_answered(&mut self, now: Time, key: &JobKey, answer: JobAnswer) {
        match answer {
            JobAnswer::Status { uid, revision, result } => {
                self.status_answered(now, key, uid, revision, result);
            }
            JobAnswer::FrameworkMade(id, result) => self.framework_made(now, key, &id, result),
            // Of what a job is now, and that it is gone, a watch tells.
            JobAnswer::FrameworkUpdated(_, Ok(_)) | JobAnswer::Deleted(_, Ok(_)) => {}
            JobAnswer::FrameworkUpdated(id, Err(_)) => {
                self.queue.push(Wish::Job(key.clone(), JobWish::UpdateFramework(id)));
            }
            JobAnswer::Deleted(uid, Err(_)) => {
                self.queue.push(Wish::Job(key.clone(), JobWish::Expire { uid }));
            }
        }
    }

    fn pool_answered(&mut self, now: Time, name: &str, answer: PoolAnswer) {
        let (again, result) = match answer {
            // What has changed until then is looked for every second.
            PoolAnswer::Status(result) => (None, result.map_err(Failure::from)),
            PoolAnswer::Created(result) => (Some(PoolWish::Create), result.map_err(Failure::from)),
            PoolAnswer::Kept(keep, result) => {
                (Some(PoolWish::Keep(keep)), result.map_err(Failure::from))
            }
            PoolAnswer::Shaped(shape, result) => (Some(PoolWish::Shape(shape)), result),
        };
        match result {
            Ok(Some(pool)) => {
                // A pool that is not known has gone since then, or its watch is about to tell.
                let is_newer = self
                    .pools
                    .get(name)
                    .is_some_and(|known| version(&known.object) <= version(&pool));
                if is_newer {
                    self.observe_pool(now, name, Some(Arc::new(*pool)));
                }
            }
            Ok(None) => {}
            Err(Failure::Refused(problem)) => {
                tracing::error!(pool = %name, "cannot be written: {problem}");
            }
            Err(Failure::Unknown(_)) => {
                if let Some(again) = again {
                    self.queue.push(Wish::Pool(name.into(), again));
                }
            }
        }
    }

    fn pod_answered(&mut self, now: Time, name: &ObjectName, answer: PodAnswer) {
        match answer {
            PodAnswer::Placed(launch, result) => self.placed(now, &launch, result),
            // What follows a watch tells. A pod is explained again when there is something new to be
            // said, or some time later.
            PodAnswer::Explained(Ok(_) | Err(_))
            | PodAnswer::Deleted(Ok(Outcome::Done))
            | PodAnswer::Acknowledged(_, Ok(_)) => {}
            PodAnswer::Deleted(Ok(Outcome::Missing)) => self.miss_gated(now, name),
            PodAnswer::Deleted(Err(_)) => self.delete_gated(name),
            PodAnswer::LogRead(result) => self.take_log(now, name, result.unwrap_or_default()),
            PodAnswer::TaskRun(result) => self.task_made(now, name, result),
            PodAnswer::TaskDeleted(result) => self.task_deleted(now, name, &result),
            PodAnswer::Acknowledged(uid, Err(_)) => {
                self.queue.push(Wish::Pod(name.clone(), PodWish::Acknowledge { uid }));
            }
            PodAnswer::Checkpointed(changes, result) => {
                self.checkpoint_answered(name, changes, &result);
            }
        }
    }

    fn launched(&mut self, now: Time, key: &ExecutorKey, result: Result<Launched, Failure>) {
        match result {
            Ok(Launched { pod, object }) => {
                let Some(executor) = self.executors.get(key) else { return };
                let name = executor.name.clone();
                let is_untold = executor.object.is_none();
                // What a watch has told meanwhile is newer.
                if let Some(pod) = pod
                    && executor.pod == PodState::Unseen
                    && self.index.pod(&name).is_none()
                {
                    let facts = Some(Box::new(pod_facts(&pod)));
                    self.observe(now, Change::Pod(name.clone(), facts));
                    self.unconfirmed.insert((Kind::Pod, name.clone()));
                }
                self.observe(now, Change::Executor(name.clone(), Some(object)));
                if is_untold {
                    self.unconfirmed.insert((Kind::Executor, name));
                }
            }
            Err(Failure::Refused(message)) => {
                if let Some(executor) = self.executors.remove(key) {
                    self.executor_names.remove(&executor.name);
                    self.index.set_own(&executor.name, false);
                }
                self.queue.executors.drop_waiting(key, |_| true);
                self.gone(now, key, Departure::Withdrawn(message));
            }
            Err(Failure::Unknown(_)) => {
                self.engine.handle(now, Event::NotDelivered(key.clone()));
            }
        }
    }

    fn driver_launched(&mut self, now: Time, key: &ExecutorKey, result: Result<Box<Pod>, Failure>) {
        match result {
            Ok(pod) => {
                let facts = pod_facts(&pod);
                let name = ObjectName {
                    namespace: pod.namespace().unwrap_or_default().into(),
                    name: pod.name_any().into(),
                };
                // What a watch has told meanwhile is newer.
                if self.index.pod(&name).is_none() {
                    self.observe(now, Change::Pod(name, Some(Box::new(facts))));
                }
            }
            Err(Failure::Refused(message)) => self.refuse_driver(now, key, message),
            Err(Failure::Unknown(_)) => {
                self.engine.handle(now, Event::NotDelivered(key.clone()));
            }
        }
    }

    /// Takes in an executor's object that a write has answered.
    fn see(&mut self, now: Time, object: Box<SparkExecutor>) {
        let name = ObjectName {
            namespace: object.namespace().unwrap_or_default().into(),
            name: object.name_any().into(),
        };
        let told = (Kind::Executor, name.clone());
        let is_unconfirmed = self.unconfirmed.contains(&told);
        self.observe(now, Change::Executor(name, Some(object)));
        if is_unconfirmed {
            // No watch has told of it yet.
            self.unconfirmed.insert(told);
        }
    }

    /// Takes in that there is no pod (any more) that could be deleted.
    fn pod_is_missing(&mut self, now: Time, key: &ExecutorKey) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        let name = executor.name.clone();
        if !executor.has_departed {
            executor.pod = PodState::Gone;
            // The watch may be behind.
            self.observe(now, Change::Pod(name, None));
        }
    }

    fn delete_again(&mut self, now: Time, key: &ExecutorKey) {
        match self.executors.get(key).map(|executor| executor.is_removing) {
            Some(true) => self.engine.handle(now, Event::NotDelivered(key.clone())),
            Some(false) => self.delete_pod(key, None),
            None => self.review_orphans(key),
        }
    }

    fn status_answered(
        &mut self,
        now: Time,
        key: &JobKey,
        uid: Box<str>,
        revision: u64,
        result: Result<Option<Stored>, Unknown>,
    ) {
        let job = key.clone();
        let is_stored = matches!(&result, Ok(Some(Stored { is_new: true, .. })));
        if let Ok(Some(Stored { job: object, .. })) = result {
            let known = self.jobs.get(key);
            let same = known.filter(|job| job.object.uid() == object.uid());
            if same.is_some_and(|job| !is_older(&object, &job.object)) {
                let name = ObjectName::from(key);
                self.observe(now, Change::Job(name, Some(Arc::new(*object))));
            }
        }
        let event = if is_stored {
            Event::StatusWritten { job, uid, revision }
        } else {
            self.status_failed(now, key);
            Event::StatusNotWritten { job, uid }
        };
        self.engine.handle(now, event);
    }
}

fn version(pool: &proffer_crds::ResourcePool) -> Option<u64> {
    pool.resource_version()?.parse().ok()
}
