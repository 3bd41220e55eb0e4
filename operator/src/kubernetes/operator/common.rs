//! What all rooms use: the engine, what is known of the cluster, and what is to be written and told.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::event::{Departure, Event, JobObservation, NodeObservation};
use proffer_core::jobs::{JobKey, JobSpec};
use proffer_core::time::Time;
use proffer_core::view::JobStatus;
use proffer_crds::SparkJob;
use proffer_crds::spark::SparkApplication;

use super::super::index::Index;
use super::super::notices::{Notice, job_notices};
use super::super::pod::{ObjectName, PodFacts};
use super::super::queue::Queue;
use super::super::wishes::{PodWish, Wish};
use super::grants::Grants;
use super::lists::Lists;
use super::pools::Pools;
use super::{Kind, OperatorSettings};
use crate::clock::Wall;
use crate::convert::{self, Length};
use crate::record::RecordedEngine;

/// What all rooms use.
pub(super) struct Common {
    pub(super) engine: RecordedEngine,
    pub(super) settings: OperatorSettings,
    /// Nodes and pods.
    pub(super) index: Index,
    pub(super) jobs: BTreeMap<JobKey, Job>,
    pub(super) pools: Pools,
    /// What is to be written.
    pub(super) queue: Queue,
    /// What people should hear.
    pub(super) notices: Vec<Notice>,
    pub(super) lists: Lists,
    /// How times that others wrote into objects are read.
    pub(super) wall: Wall,
    /// What executors and drivers need in their namespaces.
    pub(super) grants: Grants,
}

/// A job as last seen.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) object: Arc<SparkJob>,
    /// The room that it is in.
    pub(super) kind: JobKind,
    /// The engine's settings of this version of it, or what is wrong with it.
    pub(super) spec: Result<JobSpec, String>,
    /// What was last published, to tell what is new.
    pub(super) published: Option<Box<JobStatus>>,
    /// When that was.
    pub(super) published_at: Time,
    /// How much of its status the API server takes.
    pub(super) length: Length,
    /// Until when none is written, as the API server takes not even the shortest.
    pub(super) refused_until: Option<Time>,
}

/// What is wrong with a job that was edited to be one of another kind.
const OTHER_KIND: &str =
    "spec: a job cannot become one of another kind; delete it, and make another one";

/// What a job is. That is decided when it is first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobKind {
    /// It has stages, whose tasks Proffer's executors run.
    Stages,
    /// It is an application of Spark.
    Spark,
    /// It is a framework of Mesos.
    Framework,
}

impl Job {
    /// A job that is seen for the first time.
    pub(super) fn new(object: &Arc<SparkJob>, published: Option<Box<JobStatus>>) -> Self {
        let (kind, spec) = (kind_of(object), spec_of(object));
        Self {
            object: Arc::clone(object),
            kind,
            spec,
            published,
            published_at: Time::ZERO,
            length: Length::Whole,
            refused_until: None,
        }
    }

    /// Takes in a newer version; says whether the job was edited.
    pub(super) fn see(&mut self, object: &Arc<SparkJob>) -> bool {
        let is_edited = self.object.metadata.generation != object.metadata.generation;
        if kind_of(object) == self.kind {
            self.object = Arc::clone(object);
            if is_edited {
                self.spec = spec_of(object);
            }
        } else {
            // Where nobody has refused that. The room that it is in goes by what it was.
            let spec = self.object.spec.clone();
            self.object = Arc::new(SparkJob { spec, ..SparkJob::clone(object) });
            self.spec = Err(OTHER_KIND.to_owned());
        }
        is_edited
    }

    /// Whether it is the job of this uid.
    pub(super) fn has_uid(&self, uid: &str) -> bool {
        self.object.metadata.uid.as_deref() == Some(uid)
    }
}

fn kind_of(object: &SparkJob) -> JobKind {
    if object.spec.mesos.is_some() {
        JobKind::Framework
    } else if object.spec.spark.is_some() {
        JobKind::Spark
    } else {
        JobKind::Stages
    }
}

fn spec_of(object: &SparkJob) -> Result<JobSpec, String> {
    convert::job_spec(object).map_err(|problems| {
        let sentences = problems.into_iter().map(|it| format!("{}: {}", it.field, it.message));
        sentences.collect::<Vec<_>>().join("; ")
    })
}

impl Common {
    pub(super) fn new(settings: OperatorSettings) -> Self {
        Self {
            engine: RecordedEngine::restoring(settings.engine.clone()),
            queue: Queue::new(settings.most_writes_in_flight, settings.writes_per_second),
            settings,
            index: Index::default(),
            jobs: BTreeMap::new(),
            pools: Pools::default(),
            notices: Vec::new(),
            lists: Lists::default(),
            wall: Wall::default(),
            grants: Grants::default(),
        }
    }

    /// Tells the engine that an executor is gone.
    pub(super) fn gone(&mut self, now: Time, key: &ExecutorKey, departure: Departure) {
        self.engine.handle(now, Event::ExecutorGone(key.clone(), departure));
    }

    /// Whether the jobs and pods of a namespace are served.
    pub(super) fn serves(&self, namespace: &str) -> bool {
        let namespaces = &self.settings.namespaces;
        namespaces.is_empty() || namespaces.contains(namespace)
    }

    /// The application of a job, if it is one of Spark.
    pub(super) fn application(&self, job: &JobKey) -> Option<(&Job, &SparkApplication)> {
        let job = self.jobs.get(job).filter(|job| job.kind == JobKind::Spark)?;
        Some((job, job.object.spec.spark.as_ref()?))
    }

    /// Tells the engine of a job, with another number of executors if one is given.
    pub(super) fn tell_engine(
        &mut self,
        now: Time,
        key: &JobKey,
        instances: Option<u32>,
        status: Option<Box<JobStatus>>,
    ) {
        let Some(job) = self.jobs.get(key) else { return };
        let mut spec = job.spec.clone();
        if let (Ok(spec), Some(instances)) = (&mut spec, instances) {
            spec.executor.instances = instances;
        }
        let created = job.object.creation_timestamp();
        let observed = JobObservation {
            key: key.clone(),
            uid: job.object.uid().unwrap_or_default().into(),
            generation: job.object.metadata.generation.unwrap_or(0),
            created_at: created
                .map_or(Time::ZERO, |time| self.wall.read(convert::read_time(time.0))),
            spec,
            status,
        };
        self.engine.handle(now, Event::Job(Box::new(observed)));
    }

    /// Tells the engine of a node, whose maintenance is written by the wall's clock.
    pub(super) fn tell_of_node(&mut self, now: Time, mut node: NodeObservation) {
        if let Some(maintenance) = &mut node.maintenance {
            maintenance.start = self.wall.read(maintenance.start);
        }
        self.engine.handle(now, Event::Node(node));
    }

    /// Notes what is new in a job's status, for people.
    pub(super) fn tell_of(&mut self, now: Time, status: &JobStatus) {
        let job = self.jobs.get_mut(&status.key).filter(|job| job.has_uid(&status.uid));
        let Some(job) = job else { return };
        self.notices.extend(job_notices(&job.object, job.published.as_deref(), status));
        job.published = Some(Box::new(status.clone()));
        job.published_at = now;
    }

    /// Takes in a pod that a write has told of; `None` if there is none. The room that it is in has to
    /// look at it then.
    pub(super) fn take_pod(&mut self, name: &ObjectName, facts: Option<PodFacts>) {
        self.lists.note(Kind::Pod, name);
        self.index.set_pod(name, facts);
    }

    /// Wants a pod deleted, unless it goes already.
    pub(super) fn delete_pod(&mut self, name: &ObjectName) {
        if let Some(pod) = self.index.pod(name).filter(|pod| !pod.is_deleting) {
            let wish = PodWish::Delete { uid: pod.uid.clone(), grace_seconds: None };
            self.queue.push(Wish::Pod(name.clone(), wish));
        }
    }

    /// Whether a node answers, as far as is known.
    pub(super) fn answers(&self, node: &str) -> bool {
        self.index.node(node).is_some_and(|node| node.is_ready)
    }
}
