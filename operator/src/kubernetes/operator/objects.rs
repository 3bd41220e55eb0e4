//! Jobs and pools.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use proffer_core::event::{Event, JobObservation};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;
use proffer_crds::job::SparkJobStatus;
use proffer_crds::{ResourcePool, SparkJob};

use super::super::names::POOL_FINALIZER;
use super::super::notices::job_notices;
use super::super::pod::ObjectName;
use super::super::wishes::{PoolWish, Wish};
use super::{Job, Operator, Pool};
use crate::convert;

/// How long changes of pools' statuses are gathered.
const POOLS_INTERVAL_MILLISECONDS: Span = Span::from_seconds(1);

impl Operator {
    pub(super) fn observe_job(
        &mut self,
        now: Time,
        name: &ObjectName,
        object: Option<Arc<SparkJob>>,
    ) {
        let key = JobKey { namespace: name.namespace.clone(), name: name.name.clone() };
        let namespaces = &self.settings.namespaces;
        let is_served = namespaces.is_empty() || namespaces.contains(&*key.namespace);
        // What is being deleted only waits for what belongs to it.
        let stays = |job: &Arc<SparkJob>| job.metadata.deletion_timestamp.is_none() && is_served;
        if let Some(object) = object.filter(stays) {
            self.see_job(now, key, &object);
            return;
        }
        let known = self.jobs.remove(&key);
        if let Some(known) = &known {
            self.miss_framework(now, &known.object);
        }
        if known.is_some() || !self.is_synced {
            self.engine.handle(now, Event::JobGone(key));
        }
    }

    fn see_job(&mut self, now: Time, key: JobKey, object: &Arc<SparkJob>) {
        self.schedule_expiry(now, &key, object);
        let before = self.jobs.get_mut(&key);
        if let Some(job) = before.filter(|job| job.object.uid() == object.uid()) {
            let is_edited = job.object.metadata.generation != object.metadata.generation;
            // Versions that a write has answered may come late.
            if is_older(object, &job.object) {
                return;
            }
            job.object = Arc::clone(object);
            if object.spec.mesos.is_some() {
                self.see_framework(now, &key);
            } else if is_edited {
                self.tell_engine(now, key, object, None);
            }
            return;
        }
        let restored = convert::restored_status(object).map(Box::new);
        let job = Job {
            object: Arc::clone(object),
            published: restored.clone(),
            published_at: Time::ZERO,
            retained: Vec::new(),
        };
        if let Some(replaced) = self.jobs.insert(key.clone(), job) {
            self.miss_framework(now, &replaced.object);
        }
        if object.spec.mesos.is_some() {
            self.see_framework(now, &key);
            return;
        }
        self.tell_engine(now, key, object, restored);
    }

    /// Tells the engine of a job whose demand is another one now.
    pub(super) fn tell_engine_again(&mut self, now: Time, key: &JobKey) {
        if let Some(object) = self.jobs.get(key).map(|job| Arc::clone(&job.object)) {
            self.tell_engine(now, key.clone(), &object, None);
        }
    }

    fn tell_engine(
        &mut self,
        now: Time,
        key: JobKey,
        object: &SparkJob,
        status: Option<Box<JobStatus>>,
    ) {
        let created = object.creation_timestamp();
        let problem = |problems: Vec<convert::Problem>| {
            let sentences = problems.into_iter().map(|it| format!("{}: {}", it.field, it.message));
            sentences.collect::<Vec<_>>().join("; ")
        };
        let mut spec = convert::job_spec(object).map_err(problem);
        if let (Ok(spec), Some(places)) = (&mut spec, self.places_of(now, &key)) {
            spec.executor.instances = places;
        }
        let observed = JobObservation {
            key,
            uid: object.uid().unwrap_or_default().into(),
            generation: object.metadata.generation.unwrap_or(0),
            created_at: created.map_or(Time::ZERO, |time| convert::read_time(time.0)),
            spec,
            status,
        };
        self.engine.handle(now, Event::Job(Box::new(observed)));
    }

    fn schedule_expiry(&mut self, now: Time, key: &JobKey, job: &SparkJob) {
        let ended = job.status.as_ref().and_then(|status| status.completion_time.as_ref());
        let (Some(ended), Some(ttl)) = (ended, job.spec.ttl_seconds_after_finished) else { return };
        let ttl = Span::from_seconds(u64::try_from(ttl).unwrap_or(0));
        let at = convert::read_time(ended.0) + ttl;
        self.expiries.insert((at.max(now), key.clone()));
    }

    /// Notes what is new in a status, for people.
    pub(super) fn tell_of(&mut self, now: Time, status: &JobStatus) {
        let Some(job) = self.jobs.get_mut(&status.key) else { return };
        if job.object.uid().as_deref() != Some(&*status.uid) {
            return;
        }
        self.notices.extend(job_notices(&job.object, job.published.as_deref(), status));
        job.published = Some(Box::new(status.clone()));
        job.published_at = now;
    }

    /// The job with this status, in the version in which it was last seen.
    pub(super) fn job_with_status(&self, now: Time, status: &JobStatus) -> Option<SparkJob> {
        let job = self.jobs.get(&status.key)?;
        if job.object.uid().as_deref() != Some(&*status.uid) {
            return None;
        }
        let mut object = SparkJob::clone(&job.object);
        let previous = object.status.as_ref().map(|status: &SparkJobStatus| &*status.conditions);
        let mut new = convert::job_status(status, previous.unwrap_or_default(), now);
        self.add_application(&status.key, &mut new);
        self.add_framework(&status.key, &mut new);
        object.status = Some(new);
        object.metadata.managed_fields = None;
        Some(object)
    }

    pub(super) fn observe_pool(
        &mut self,
        now: Time,
        name: &str,
        object: Option<Arc<ResourcePool>>,
    ) {
        self.pools_due.get_or_insert(now + POOLS_INTERVAL_MILLISECONDS);
        let Some(object) = object else {
            self.pools.remove(name);
            if let Some((master, _)) = self.mesos() {
                master.forget_pool(name);
            }
            self.engine.handle(now, Event::PoolGone(name.into()));
            return;
        };
        let before = self.pools.get(name);
        let is_news = before.is_none_or(|before| {
            before.object.metadata.generation != object.metadata.generation
                || before.object.metadata.deletion_timestamp != object.metadata.deletion_timestamp
        });
        if is_news {
            let pool = convert::pool_observation(&object);
            if let Some((master, _)) = self.mesos() {
                master.observe_pool(pool.clone());
            }
            self.engine.handle(now, Event::Pool(pool));
        }
        let is_deleting = object.metadata.deletion_timestamp.is_some();
        let is_kept = object.finalizers().iter().any(|finalizer| finalizer == POOL_FINALIZER);
        if !is_deleting && !is_kept {
            self.queue.push(Wish::Pool(name.into(), PoolWish::Keep(true)));
        }
        self.pools.insert(name.into(), Pool { object });
    }

    /// Stores the statuses of pools that are not as they were, and lets pools go that nobody uses.
    pub(super) fn publish_pools(&mut self, now: Time) {
        if self.pools_due.is_none_or(|at| at > now) {
            return;
        }
        self.pools_due = None;
        for status in self.engine.pools() {
            let Some(pool) = self.pools.get(&status.name) else { continue };
            let object = &pool.object;
            let is_deleting = object.metadata.deletion_timestamp.is_some();
            if is_deleting && !status.in_use {
                self.queue.push(Wish::Pool(status.name.clone(), PoolWish::Keep(false)));
                continue;
            }
            let before = object.status.as_ref();
            let previous = before.map(|status| &*status.conditions).unwrap_or_default();
            let generation = object.metadata.generation;
            let new = convert::pool_status(&status, previous, generation, now);
            if before != Some(&new) {
                let wish = PoolWish::Status(Box::new(new));
                self.queue.push(Wish::Pool(status.name.clone(), wish));
            }
        }
    }

    /// Has the statuses of pools written soon, if they are not to be anyway.
    pub(super) fn note_pools(&mut self, now: Time) {
        self.pools_due.get_or_insert(now + POOLS_INTERVAL_MILLISECONDS);
    }
}

/// Whether a version of an object is older than another one: versions are numbers that grow
/// (KEP-5504).
pub(super) fn is_older(one: &SparkJob, other: &SparkJob) -> bool {
    let number = |job: &SparkJob| job.resource_version().and_then(|it| it.parse::<u64>().ok());
    matches!((number(one), number(other)), (Some(one), Some(other)) if one < other)
}

/// The time now, counted from 1970.
pub(crate) fn wall_clock() -> Time {
    convert::read_time(Timestamp::now())
}
