//! What is wanted becomes a write when its turn comes; what came of it becomes events.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::{Departure, Event};
use proffer_core::jobs::{JobKey, Milliseconds};
use proffer_crds::job::PodRetention;
use proffer_crds::{SparkExecutor, SparkJob};

use super::super::executor_pod::executor_pod;
use super::super::names::{EPOCH_LABEL, INDEX_LABEL, JOB_LABEL};
use super::super::pod::{ObjectName, PodFacts, pod_facts};
use super::super::queue::{Intent, Target};
use super::super::writes::{Reply, Write};
use super::executors::{Executor, PodState, object_name, owner_reference};
use super::objects::is_older;
use super::{Change, Kind, Operator};
use crate::convert;

/// How much longer than its grace period an executor may take to end by itself before its pod is
/// deleted.
const STOP_PATIENCE_MILLISECONDS: Milliseconds = 20_000;

/// A write that is on its way, to be handed back with its reply.
#[derive(Debug)]
pub(crate) struct Sent {
    target: Target,
    kind: SentKind,
}

#[derive(Debug)]
enum SentKind {
    Launch,
    Assign(u64),
    Stop,
    DeletePod,
    Place(Launch),
    Explain,
    Framework(Arc<str>),
    RunTask,
    DeleteTask,
    Checkpoint(u64),
    Read,
    ReadPod,
    ReadLog,
    Discard,
    Status {
        uid: Box<str>,
        revision: u64,
    },
    /// What is to be tried again where nothing is known of what came of it.
    Other(Option<Intent>),
}

impl Operator {
    /// The next write that may start now.
    pub(crate) fn next_write(&mut self, now: Milliseconds) -> Option<(Sent, Write)> {
        loop {
            let (target, intent) = self.queue.next(now)?;
            if let Some((kind, write)) = self.write_for(now, &target, intent) {
                return Some((Sent { target, kind }, write));
            }
            // There was nothing to be written after all.
            self.queue.done(now, &target, false);
        }
    }

    fn write_for(
        &mut self,
        now: Milliseconds,
        target: &Target,
        intent: Intent,
    ) -> Option<(SentKind, Write)> {
        match (target, intent) {
            (Target::Executor(key), Intent::Launch(launch)) => {
                Some((SentKind::Launch, self.launch(now, key, &launch)?))
            }
            (Target::Executor(key), Intent::Assign(assignment)) => {
                let number = assignment.number;
                Some((SentKind::Assign(number), self.assign(now, key, &assignment)?))
            }
            (Target::Executor(key), Intent::Remove) => self.end(now, key),
            (Target::Executor(key), Intent::DeletePod { uid, grace_seconds }) => {
                let executor = self.executors.get(key).map(|executor| executor.name.clone());
                // Of what has no object there is only the name that all executors' pods have.
                let of_uid = || self.index.pods().find(|(_, pod)| pod.uid == uid);
                let name = executor.or_else(|| of_uid().map(|(name, _)| name.clone()))?;
                let write = Write::DeletePod { name, uid: Some(uid), grace_seconds };
                Some((SentKind::DeletePod, write))
            }
            (Target::Pod(name), Intent::DeletePod { uid, grace_seconds }) => {
                let write = Write::DeletePod { name: name.clone(), uid: Some(uid), grace_seconds };
                Some((SentKind::DeletePod, write))
            }
            (Target::Pod(name), Intent::Place(launch)) => {
                let uid = self.index.pod(name)?.uid.clone();
                let write = Write::Place { name: name.clone(), uid, launch: launch.clone() };
                Some((SentKind::Place(launch), write))
            }
            (Target::Pod(name), Intent::Explain { uid, offered, reason, message }) => {
                let name = name.clone();
                let write = Write::Explain { name, uid, offered, reason, message };
                Some((SentKind::Explain, write))
            }
            (Target::Job(_), Intent::MakeFramework(id)) => {
                Some((SentKind::Framework(id.clone()), self.framework_write(&id)?))
            }
            (Target::Job(_), Intent::UpdateFramework(id)) => {
                let write = self.framework_update(&id)?;
                Some((SentKind::Other(Some(Intent::UpdateFramework(id))), write))
            }
            (Target::Pod(name), Intent::RunTask) => {
                Some((SentKind::RunTask, self.task_write(now, name)?))
            }
            (Target::Pod(name), Intent::DeleteTask { uid, grace_seconds }) => {
                let write = Write::DeletePod { name: name.clone(), uid, grace_seconds };
                Some((SentKind::DeleteTask, write))
            }
            (Target::Pod(name), Intent::Acknowledge { uid }) => {
                let again = SentKind::Other(Some(Intent::Acknowledge { uid: uid.clone() }));
                Some((again, Write::Acknowledge { name: name.clone(), uid }))
            }
            (Target::Pod(name), Intent::Checkpoint) => {
                let (changes, write) = self.checkpoint_write(name)?;
                Some((SentKind::Checkpoint(changes), write))
            }
            (Target::Pool(name), Intent::ShapePool(shape)) => {
                let pool = Arc::clone(&self.pools.get(name)?.object);
                let again = SentKind::Other(Some(Intent::ShapePool(shape.clone())));
                let spec = convert::pool_shape(&shape);
                Some((again, Write::ShapePool { pool, spec: Box::new(spec) }))
            }
            (Target::Node(name), Intent::MarkNode(mark)) => {
                let uid = self.index.node(name)?.uid.clone();
                let write = Write::MarkNode { name: name.clone(), uid, mark };
                Some((SentKind::Other(Some(Intent::MarkNode(mark))), write))
            }
            (Target::Executor(key), Intent::Read) => {
                let name = self.executors.get(key)?.name.clone();
                Some((SentKind::Read, Write::ReadExecutor { name }))
            }
            (Target::Executor(key), Intent::ReadPod) => {
                let name = self.executors.get(key)?.name.clone();
                Some((SentKind::ReadPod, Write::ReadPod { name }))
            }
            (Target::Pod(name), Intent::ReadLog) => {
                Some((SentKind::ReadLog, Write::ReadLog { name: name.clone() }))
            }
            (Target::Executor(key), Intent::Discard) => {
                let Some(executor) = self.executors.get(key) else {
                    self.engine.handle(now, Event::Discarded(key.clone()));
                    return None;
                };
                let Some((uid, _)) = executor.object.clone() else {
                    self.forget_executor(now, key);
                    return None;
                };
                let name = executor.name.clone();
                Some((SentKind::Discard, Write::DeleteExecutor { name, uid }))
            }
            (Target::Job(_), Intent::Status(status)) => {
                let job = Box::new(self.job_with_status(now, &status)?);
                let kind = SentKind::Status { uid: status.uid.clone(), revision: status.revision };
                Some((kind, Write::JobStatus { job }))
            }
            (Target::Job(key), Intent::Expire { uid }) => {
                let name = ObjectName::from(key);
                let again = SentKind::Other(Some(Intent::Expire { uid: uid.clone() }));
                Some((again, Write::DeleteJob { name, uid }))
            }
            (Target::Pool(name), Intent::PoolStatus(status)) => {
                let pool = Arc::clone(&self.pools.get(name)?.object);
                // What has changed until then is looked for every second.
                Some((SentKind::Other(None), Write::PoolStatus { pool, status }))
            }
            (Target::Pool(name), Intent::CreatePool) => {
                let again = SentKind::Other(Some(Intent::CreatePool));
                Some((again, Write::CreatePool { name: name.clone() }))
            }
            (Target::Pool(name), Intent::Keep(keep)) => {
                let pool = Arc::clone(&self.pools.get(name)?.object);
                Some((SentKind::Other(Some(Intent::Keep(keep))), Write::KeepPool { pool, keep }))
            }
            // No other intent is ever meant for these.
            (
                Target::Executor(_)
                | Target::Job(_)
                | Target::Pool(_)
                | Target::Pod(_)
                | Target::Node(_),
                _,
            ) => None,
        }
    }

    fn launch(&mut self, now: Milliseconds, key: &ExecutorKey, launch: &Launch) -> Option<Write> {
        if self.sparks.is_driver(key) {
            return self.driver_write(now, launch);
        }
        if let Some(executor) = self.executors.get(key)
            && executor.object.is_some()
        {
            // It is there; what the engine has not heard of yet it hears when it is read.
            let name = executor.name.clone();
            self.queue.push(Target::Executor(key.clone()), Intent::Read);
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
        Some(Write::Launch { pod, executor, made })
    }

    fn parts_of(
        &self,
        launch: &Launch,
        job: &SparkJob,
        name: &ObjectName,
    ) -> Result<(Box<k8s_openapi::api::core::v1::Pod>, Box<SparkExecutor>), String> {
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
        Ok((Box::new(pod), Box::new(SparkExecutor { metadata, spec, status: None })))
    }

    fn assign(
        &mut self,
        now: Milliseconds,
        key: &ExecutorKey,
        assignment: &Assignment,
    ) -> Option<Write> {
        let interval = self.report_interval_milliseconds();
        let executor = self.executors.get(key).filter(|executor| !executor.has_departed)?;
        let Some((uid, generation)) = executor.object.clone() else {
            self.engine.handle(now, Event::NotDelivered(key.clone()));
            return None;
        };
        let spec = convert::assigned_spec(assignment, "", interval);
        Some(Write::Assign {
            name: executor.name.clone(),
            uid,
            generation,
            assignments: spec.assignments,
            acknowledged_report: spec.acknowledged_report,
            report_interval_milliseconds: spec.report_interval_milliseconds,
        })
    }

    /// Lets an executor go: by itself if its pod is to stay, else with its pod.
    fn end(&mut self, now: Milliseconds, key: &ExecutorKey) -> Option<(SentKind, Write)> {
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
            let grace = u64::try_from(grace).unwrap_or(0).saturating_mul(1000);
            let at = now.saturating_add(grace).saturating_add(STOP_PATIENCE_MILLISECONDS);
            self.stop_deadlines.insert((at, key.clone()));
            return Some((SentKind::Stop, Write::Stop { name, uid: object }));
        }
        let write = Write::DeletePod { name, uid, grace_seconds: None };
        Some((SentKind::DeletePod, write))
    }

    /// Takes in what came of a write.
    pub(crate) fn answered(&mut self, now: Milliseconds, sent: Sent, reply: Reply) {
        let failed = matches!(reply, Reply::Unknown(_));
        if let Reply::Unknown(problem) = &reply {
            tracing::warn!(target = ?sent.target, "a write failed and is tried again: {problem}");
        }
        self.note_pools(now);
        match (&sent.target, sent.kind) {
            (Target::Executor(key), SentKind::Launch) => self.launched(now, key, reply),
            (Target::Executor(key), SentKind::Assign(number)) => match reply {
                Reply::Executor(object) => {
                    let generation = object.metadata.generation.unwrap_or(0);
                    if let Some(executor) = self.executors.get_mut(key) {
                        executor.written = Some((generation, number));
                    }
                    self.see(now, object);
                }
                Reply::Missing => {}
                _ => self.engine.handle(now, Event::NotDelivered(key.clone())),
            },
            (Target::Executor(key), SentKind::Stop) => match reply {
                Reply::Executor(object) => self.see(now, object),
                Reply::Missing => {}
                _ => self.engine.handle(now, Event::NotDelivered(key.clone())),
            },
            (Target::Executor(key), SentKind::DeletePod) => match reply {
                Reply::Missing => self.pod_is_missing(now, key),
                Reply::Done => {}
                _ => self.delete_again(now, key),
            },
            (Target::Pod(_), SentKind::Place(launch)) => self.placed(now, &launch, reply),
            (Target::Job(key), SentKind::Framework(id)) => {
                self.framework_made(now, key, &id, reply);
            }
            (Target::Pod(name), SentKind::RunTask) => self.task_made(now, name, reply),
            (Target::Pod(name), SentKind::Checkpoint(changes)) => {
                self.checkpoint_answered(name, changes, &reply);
            }
            (Target::Pod(name), SentKind::DeleteTask) => self.task_deleted(now, name, &reply),
            (Target::Pod(name), SentKind::DeletePod) => match reply {
                Reply::Missing => self.miss_gated(now, name),
                Reply::Done => {}
                _ => self.delete_gated(name),
            },
            (Target::Executor(key), SentKind::Read) => {
                let departs = self.executors.get(key).is_some_and(|it| it.departure.is_some());
                match reply {
                    Reply::Executor(object) => {
                        self.see(now, object);
                        self.finish_departure(now, key);
                    }
                    Reply::Missing if departs => self.finish_departure(now, key),
                    Reply::Missing => {
                        if let Some(executor) = self.executors.get(key) {
                            let name = executor.name.clone();
                            self.miss_object(now, &name);
                        }
                    }
                    // What it said last must not be missed.
                    _ if self.executors.contains_key(key) => {
                        self.queue.push(sent.target.clone(), Intent::Read);
                    }
                    _ => {}
                }
            }
            (Target::Executor(key), SentKind::ReadPod) => match reply {
                Reply::Pod => {}
                Reply::Missing => self.pod_is_missing(now, key),
                _ => self.queue.push(sent.target.clone(), Intent::ReadPod),
            },
            (Target::Pod(name), SentKind::ReadLog) => {
                let log = if let Reply::Log(log) = reply { log } else { String::new() };
                self.take_log(now, name, log);
            }
            (Target::Executor(key), SentKind::Discard) => match reply {
                Reply::Missing => self.forget_executor(now, key),
                Reply::Done => {}
                _ => self.queue.push(sent.target.clone(), Intent::Discard),
            },
            (Target::Job(key), SentKind::Status { uid, revision }) => {
                self.status_answered(now, key, uid, revision, reply);
            }
            (target, SentKind::Other(Some(again))) if failed => {
                self.queue.push(target.clone(), again);
            }
            (Target::Pool(name), SentKind::Other(_)) => {
                if let Reply::Refused(problem) = &reply {
                    tracing::error!(pool = %name, "cannot be written: {problem}");
                }
                if let Reply::Pool(pool) = reply {
                    // A pool that is not known has gone since then, or its watch is about to tell.
                    let is_newer = self
                        .pools
                        .get(name)
                        .is_some_and(|known| version(&known.object) <= version(&pool));
                    if is_newer {
                        self.observe_pool(now, name, Some(Arc::new(*pool)));
                    }
                }
            }
            // Of a job that is deleted a watch tells; no other write has these targets.
            (
                Target::Executor(_)
                | Target::Job(_)
                | Target::Pool(_)
                | Target::Pod(_)
                | Target::Node(_),
                _,
            ) => {}
        }
        self.queue.done(now, &sent.target, failed);
    }

    fn launched(&mut self, now: Milliseconds, key: &ExecutorKey, reply: Reply) {
        match reply {
            Reply::Launched(pod, object) => {
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
            Reply::Placed(pod) => {
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
            Reply::Refused(message) if self.sparks.is_driver(key) => {
                self.refuse_driver(now, key, message);
            }
            Reply::Refused(message) => {
                if let Some(executor) = self.executors.remove(key) {
                    self.executor_names.remove(&executor.name);
                    self.index.set_own(&executor.name, false);
                }
                self.queue.drop_waiting(&Target::Executor(key.clone()), |_| true);
                self.gone(now, key, Departure::Withdrawn(message));
            }
            _ => self.engine.handle(now, Event::NotDelivered(key.clone())),
        }
    }

    /// Takes in an executor's object that a write has answered.
    fn see(&mut self, now: Milliseconds, object: Box<SparkExecutor>) {
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
    fn pod_is_missing(&mut self, now: Milliseconds, key: &ExecutorKey) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        let name = executor.name.clone();
        if !executor.has_departed {
            executor.pod = PodState::Gone;
            // The watch may be behind.
            self.observe(now, Change::Pod(name, None));
        }
    }

    fn delete_again(&mut self, now: Milliseconds, key: &ExecutorKey) {
        match self.executors.get(key).map(|executor| executor.is_removing) {
            Some(true) => self.engine.handle(now, Event::NotDelivered(key.clone())),
            Some(false) => self.delete_pod(key, None),
            None => self.review_orphans(key),
        }
    }

    fn status_answered(
        &mut self,
        now: Milliseconds,
        key: &JobKey,
        uid: Box<str>,
        revision: u64,
        reply: Reply,
    ) {
        let job = key.clone();
        let event = match reply {
            Reply::Job(object, is_stored) => {
                let known = self.jobs.get(key);
                let same = known.filter(|job| job.object.uid() == object.uid());
                if same.is_some_and(|job| !is_older(&object, &job.object)) {
                    let name = ObjectName::from(key);
                    self.observe(now, Change::Job(name, Some(Arc::new(*object))));
                }
                if is_stored {
                    Event::StatusWritten { job, uid, revision }
                } else {
                    self.status_failed(now, key);
                    Event::StatusNotWritten { job, uid }
                }
            }
            Reply::Refused(problem) => {
                tracing::error!(job = %key, "its status is refused: {problem}");
                Event::StatusNotWritten { job, uid }
            }
            _ => {
                self.status_failed(now, key);
                Event::StatusNotWritten { job, uid }
            }
        };
        self.engine.handle(now, event);
    }
}

fn version(pool: &proffer_crds::ResourcePool) -> Option<u64> {
    pool.resource_version()?.parse().ok()
}
