//! The operator around the engine: watches to events, actions to writes, and back.
//!
//! Writes to one object go one after the other, and each has an outcome of its own. What was asked for
//! and not answered is forgotten with the process.

use std::collections::{BTreeMap, VecDeque};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::action::{Action, Launch};
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::{Departure, Event, JobObservation, NodeObservation, PoolObservation};
use proffer_core::jobs::{JobKey, JobSpec};
use proffer_core::time::{Span, Time};
use proffer_crds::{SparkExecutor, SparkJob};

use super::api::{Answer, Api, NAMESPACE, ObjectKey, Write};
use crate::convert;

/// How long the engine waits to see what it wanted.
const WRITE_DEADLINE: Span = Span::from_seconds(5);

/// What the operator hears of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What the API server answered.
    Answer(Answer),
    /// That it will not do it.
    Refused,
    /// Nothing certain.
    Unknown,
}

/// A job as the operator last saw it.
#[derive(Debug)]
struct SeenJob {
    uid: String,
    object: SparkJob,
}

/// The operator's process.
#[derive(Debug)]
pub(super) struct Operator {
    pub(super) engine: Engine,
    jobs: BTreeMap<JobKey, SeenJob>,
    pub(super) nodes: BTreeMap<Box<str>, NodeObservation>,
    pub(super) pools: BTreeMap<Box<str>, PoolObservation>,
    /// The nodes that executors are known to be on, by the names of their objects.
    pub(super) placed: BTreeMap<String, Box<str>>,
    /// The objects that executors are known by.
    names: BTreeMap<ExecutorKey, String>,
    /// The last assignment of each executor that is known to be written: the generation of its
    /// object, and the assignment's number.
    written: BTreeMap<ExecutorKey, (i64, u64)>,
    /// What is asked for and not answered; the first of each object is on its way.
    pub(super) writes: BTreeMap<ObjectKey, VecDeque<Write>>,
}

impl Operator {
    /// A process that starts: it lists everything before it decides.
    pub(super) fn start(now: Time, settings: &Settings, api: &Api, running: Vec<Event>) -> Self {
        let settings =
            Settings { write_deadline_milliseconds: Some(WRITE_DEADLINE), ..settings.clone() };
        let mut operator = Self {
            engine: Engine::restoring(settings),
            jobs: BTreeMap::new(),
            nodes: BTreeMap::new(),
            pools: BTreeMap::new(),
            placed: BTreeMap::new(),
            names: BTreeMap::new(),
            written: BTreeMap::new(),
            writes: BTreeMap::new(),
        };
        for key in api.all() {
            operator.observe(now, api, &key);
        }
        running.into_iter().for_each(|event| operator.engine.handle(now, event));
        operator.engine.handle(now, Event::Synced);
        operator
    }

    /// Hears of an object as it is now.
    pub(super) fn observe(&mut self, now: Time, api: &Api, key: &ObjectKey) {
        match key {
            ObjectKey::Node(name) => {
                if let Some(node) = api.nodes.get(name) {
                    self.nodes.insert(name.clone(), node.clone());
                    self.engine.handle(now, Event::Node(node.clone()));
                } else {
                    self.nodes.remove(name);
                    // What the executors there said last comes first.
                    for (name, pod) in
                        api.pods.iter().filter(|(_, pod)| pod.node.as_ref() == Some(name))
                    {
                        self.report(now, api, &pod.key, name);
                    }
                    self.engine.handle(now, Event::NodeGone(name.clone()));
                }
            }
            ObjectKey::Pool(name) => {
                if let Some(pool) = api.pools.get(name) {
                    self.pools.insert(name.clone(), pool.clone());
                    self.engine.handle(now, Event::Pool(pool.clone()));
                } else {
                    self.pools.remove(name);
                    self.engine.handle(now, Event::PoolGone(name.clone()));
                }
            }
            ObjectKey::Job(name) => self.observe_job(now, api, name),
            ObjectKey::Executor(name) => self.observe_executor(now, api, name),
            ObjectKey::Pod(name) => self.observe_pod(now, api, name),
        }
    }

    fn observe_job(&mut self, now: Time, api: &Api, name: &str) {
        let key = JobKey { namespace: NAMESPACE.into(), name: name.into() };
        let Some(job) = api.jobs.get(name) else {
            self.jobs.remove(&key);
            self.engine.handle(now, Event::JobGone(key));
            return;
        };
        let uid = job.uid().unwrap_or_default();
        let known = self.jobs.get(&key).is_some_and(|seen| seen.uid == uid);
        let status = if known { None } else { convert::restored_status(job).map(Box::new) };
        let created = job.creation_timestamp();
        let problem = |problems: Vec<convert::Problem>| {
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
        };
        let observed = JobObservation {
            key: key.clone(),
            uid: uid.as_str().into(),
            generation: job.metadata.generation.unwrap_or(0),
            created_at: created.map_or(Time::ZERO, |time| convert::read_time(time.0)),
            spec: convert::job_spec(job).map_err(problem),
            status,
        };
        self.jobs.insert(key, SeenJob { uid, object: job.clone() });
        self.engine.handle(now, Event::Job(Box::new(observed)));
    }

    fn observe_executor(&mut self, now: Time, api: &Api, name: &str) {
        let Some(object) = api.executors.get(name) else {
            let known = self.names.iter().find(|(_, known)| *known == name);
            let Some(key) = known.map(|(key, _)| key.clone()) else { return };
            let departure = Departure::Lost("its object was deleted".to_owned());
            self.engine.handle(now, Event::ExecutorGone(key.clone(), departure));
            self.discarded(now, &key);
            return;
        };
        let observed = convert::executor_observation(object);
        let key = observed.key.clone();
        if self.names.entry(key.clone()).or_insert_with(|| name.to_owned()) != name {
            return;
        }
        self.engine.handle(now, Event::Executor(Box::new(observed)));
        self.report(now, api, &key, name);
        self.observe_pod(now, api, name);
    }

    fn observe_pod(&mut self, now: Time, api: &Api, name: &str) {
        let Some(pod) = api.pods.get(name) else { return };
        let is_known = self.names.get(&pod.key).is_some_and(|known| known == name);
        if let Some(node) = pod.node.as_ref().filter(|_| is_known) {
            self.placed.insert(name.to_owned(), node.clone());
            self.engine.handle(now, Event::Placed(pod.key.clone(), node.clone()));
        }
        let Some(departure) = pod.departure.clone() else { return };
        if is_known {
            // The pod is gone, so this is its last report.
            self.report(now, api, &pod.key, name);
            self.engine.handle(now, Event::ExecutorGone(pod.key.clone(), departure));
        }
    }

    fn report(&mut self, now: Time, api: &Api, key: &ExecutorKey, name: &str) {
        let status = api.executors.get(name).and_then(|object| object.status.clone());
        if let Some(status) = status
            && self.names.get(key).is_some_and(|known| known == name)
        {
            let mut report = convert::report(status);
            let seen = i64::try_from(report.observed_assignment).unwrap_or(0);
            let written = self.written.get(key).filter(|(generation, _)| *generation <= seen);
            report.observed_assignment = written.map_or(0, |&(_, number)| number);
            self.engine.handle(now, Event::Report(key.clone(), report));
        }
    }

    /// The settings of a job as it was last seen.
    pub(super) fn spec(&self, key: &JobKey) -> Option<JobSpec> {
        convert::job_spec(&self.jobs.get(key)?.object).ok()
    }

    fn discarded(&mut self, now: Time, key: &ExecutorKey) {
        if let Some(name) = self.names.remove(key) {
            self.placed.remove(&name);
        }
        self.written.remove(key);
        self.engine.handle(now, Event::Discarded(key.clone()));
    }

    /// Turns what the engine wants into writes.
    pub(super) fn ask(&mut self, now: Time, action: Action) {
        match &action {
            // Of what has no name any more nothing is left.
            Action::Remove(key) if !self.names.contains_key(key) => {
                let event = Event::ExecutorGone(key.clone(), Departure::Asked);
                self.engine.handle(now, event);
            }
            Action::Discard(key) if !self.names.contains_key(key) => {
                self.engine.handle(now, Event::Discarded(key.clone()));
            }
            _ => {}
        }
        let write = match action {
            Action::Launch(launch) => self.creation(&launch),
            Action::Assign(assignment) => self
                .names
                .get(&assignment.key)
                .map(|name| Write::Assign { name: name.clone(), assignment }),
            Action::Remove(key) => {
                self.names.get(&key).map(|name| Write::Delete { name: name.clone() })
            }
            Action::Discard(key) => {
                self.names.get(&key).map(|name| Write::Discard { name: name.clone() })
            }
            Action::Status(status) => self.jobs.get(&status.key).map(|seen| {
                let previous = seen.object.status.as_ref().map(|status| &*status.conditions);
                Write::Status {
                    job: status.key.clone(),
                    uid: status.uid.to_string(),
                    revision: status.revision,
                    version: String::new(),
                    status: Box::new(convert::job_status(
                        &status,
                        previous.unwrap_or_default(),
                        now,
                    )),
                }
            }),
            Action::Framework(..) => None,
        };
        let Some(write) = write else { return };
        let queue = self.writes.entry(write.target()).or_default();
        // The first one is on its way and cannot be called back.
        while queue.len() > 1 && queue.back().is_some_and(|last| last.is_replaced_by(&write)) {
            queue.pop_back();
        }
        queue.push_back(write);
    }

    /// Whether an executor was asked for before.
    pub(super) fn has_launched(&self, key: &ExecutorKey) -> bool {
        self.names.contains_key(key)
    }

    fn creation(&mut self, launch: &Launch) -> Option<Write> {
        let job = self.jobs.get(&launch.key.job)?;
        let request = convert::job_spec(&job.object).ok()?.executor.request;
        let ExecutorKey { job: JobKey { name, .. }, index, epoch } = &launch.key;
        let name = format!("{name}-{}-{index}-{epoch}", job.uid);
        let executor = SparkExecutor {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            spec: convert::launched_spec(launch, &job.object, &request),
            status: None,
        };
        self.names.insert(launch.key.clone(), name.clone());
        Some(Write::Create { name, executor: Box::new(executor), search: launch.search.clone() })
    }

    /// The next write to an object; a status goes with the version that was last seen.
    pub(super) fn take(&mut self, target: &ObjectKey) -> Option<Write> {
        let queue = self.writes.get_mut(target)?;
        let mut write = queue.pop_front()?;
        if queue.is_empty() {
            self.writes.remove(target);
        }
        if let Write::Status { job, version, .. } = &mut write
            && let Some(seen) = self.jobs.get(job)
        {
            *version = seen.object.resource_version().unwrap_or_default();
        }
        Some(write)
    }

    /// Hears what became of a write.
    pub(super) fn answered(&mut self, now: Time, api: &Api, write: &Write, told: Told) {
        let name = match write {
            Write::Create { name, .. }
            | Write::Assign { name, .. }
            | Write::Delete { name }
            | Write::Discard { name } => name.clone(),
            Write::Status { job, uid, revision, .. } => {
                let (job, uid) = (job.clone(), uid.as_str().into());
                let event = match told {
                    Told::Answer(Answer::Done) => {
                        let seen = self.jobs.get_mut(&job);
                        let object = api.jobs.get(&*job.name);
                        if let (Some(seen), Some(object)) = (seen, object)
                            && object.uid().as_deref() == Some(&seen.uid)
                        {
                            seen.object = object.clone();
                        }
                        Event::StatusWritten { job, uid, revision: *revision }
                    }
                    _ => Event::StatusNotWritten { job, uid },
                };
                self.engine.handle(now, event);
                return;
            }
        };
        let known = self.names.iter().find(|(_, known)| **known == name);
        let Some(key) = known.map(|(key, _)| key.clone()) else { return };
        let event = match (write, told) {
            // An earlier attempt may have been done all the same.
            (Write::Create { .. }, Told::Refused) if !api.executors.contains_key(&name) => {
                self.names.remove(&key);
                self.writes.remove(&write.target());
                Event::ExecutorGone(key, Departure::Withdrawn("quota exceeded".to_owned()))
            }
            (Write::Delete { .. }, Told::Answer(Answer::Missing)) => {
                Event::ExecutorGone(key, Departure::Asked)
            }
            (Write::Discard { .. }, Told::Answer(_)) => {
                self.discarded(now, &key);
                return;
            }
            (Write::Create { .. }, Told::Refused)
            | (_, Told::Answer(Answer::Done | Answer::Exists)) => {
                // The answer holds the object.
                if let Some(object) = api.executors.get(&name) {
                    if let Write::Assign { assignment, .. } = &write {
                        let generation = object.metadata.generation.unwrap_or(0);
                        self.written.insert(key, (generation, assignment.number));
                    }
                    let observed = convert::executor_observation(object);
                    self.engine.handle(now, Event::Executor(Box::new(observed)));
                }
                return;
            }
            _ => Event::NotDelivered(key),
        };
        self.engine.handle(now, event);
    }
}
