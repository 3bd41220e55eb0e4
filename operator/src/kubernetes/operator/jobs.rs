//! Jobs: their objects, statuses and ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt;
use proffer_core::event::Event;
use proffer_core::jobs::JobKey;
use proffer_core::reasons::Reason;
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;
use proffer_crds::SparkJob;
use proffer_crds::job::SparkJobStatus;

use super::super::notices::Notice;
use super::super::pod::ObjectName;
use super::super::wishes::{FrameworkWish, JobWish, Wish};
use super::super::writes::{Failure, FrameworkAnswer, JobAnswer, JobWrite, Stored, Unknown};
use super::Operator;
use super::common::{Common, Job, JobKind};
use crate::convert;

/// How long no status of a job is written of which not even the shortest is taken.
const REFUSED_PAUSE: Span = Span::from_seconds(60);

/// When jobs that have ended are deleted.
#[derive(Debug, Default)]
pub(super) struct Expiries(BTreeSet<(Time, JobKey)>);

impl Expiries {
    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        self.0.first().map(|&(at, _)| at)
    }

    /// Has jobs deleted that ended long enough ago.
    pub(super) fn fire(&mut self, common: &mut Common, now: Time) {
        while let Some((at, key)) = self.0.first().filter(|(at, _)| *at <= now).cloned() {
            self.0.remove(&(at, key.clone()));
            let uid = common.jobs.get(&key).and_then(|job| job.object.metadata.uid.clone());
            if let Some(uid) = uid {
                common.queue.push(Wish::Job(key, JobWish::Expire { uid: uid.into() }));
            }
        }
    }

    /// Takes in when a job ended, if it has.
    fn schedule(&mut self, now: Time, key: &JobKey, job: &SparkJob) {
        let ended = job.status.as_ref().and_then(|status| status.completion_time.as_ref());
        let (Some(ended), Some(ttl)) = (ended, job.spec.ttl_seconds_after_finished) else { return };
        let ttl = Span::from_seconds(u64::try_from(ttl).unwrap_or(0));
        // The operator itself wrote when it ended, by the clock that decides.
        let at = convert::read_time(ended.0) + ttl;
        self.0.insert((at.max(now), key.clone()));
    }
}

impl Operator {
    /// Takes in a job as it is now; `None` if it is gone.
    pub(super) fn observe_job(
        &mut self,
        now: Time,
        name: &ObjectName,
        object: Option<Arc<SparkJob>>,
    ) {
        let key = JobKey { namespace: name.namespace.clone(), name: name.name.clone() };
        let is_served = self.common.serves(&key.namespace);
        // What is being deleted only waits for what belongs to it.
        let stays = |job: &Arc<SparkJob>| job.metadata.deletion_timestamp.is_none() && is_served;
        if let Some(object) = object.filter(stays) {
            self.see_job(now, &key, &object);
            return;
        }
        let known = self.common.jobs.remove(&key);
        if let Some(known) = &known {
            self.miss_job(now, &key, known);
        }
        if known.is_some() || !self.is_synced() {
            self.common.engine.handle(now, Event::JobGone(key));
        }
    }

    fn see_job(&mut self, now: Time, key: &JobKey, object: &Arc<SparkJob>) {
        self.expiries.schedule(now, key, object);
        let before = self.common.jobs.get_mut(key);
        if let Some(job) = before.filter(|job| job.object.uid() == object.uid()) {
            // Versions that a write has answered may come late.
            if is_older(object, &job.object) {
                return;
            }
            let is_edited = job.see(object);
            if let (Err(problem), true) = (&job.spec, is_edited) {
                let notice = Notice::of_job(object, true, Reason::InvalidSpec.as_str(), problem);
                self.common.notices.push(notice);
            }
            match job.kind {
                JobKind::Framework => self.see_framework(now, key),
                JobKind::Stages | JobKind::Spark if is_edited => self.tell_of_job(now, key, None),
                JobKind::Stages | JobKind::Spark => {}
            }
            return;
        }
        let restored = convert::restored_status(object).map(Box::new);
        let job = Job::new(object, restored.clone());
        let kind = job.kind;
        if let Some(replaced) = self.common.jobs.insert(key.clone(), job) {
            self.miss_job(now, key, &replaced);
        }
        match kind {
            JobKind::Framework => self.see_framework(now, key),
            JobKind::Stages | JobKind::Spark => self.tell_of_job(now, key, restored),
        }
    }

    fn see_framework(&mut self, now: Time, key: &JobKey) {
        if let Some(mesos) = &mut self.mesos {
            mesos.observe_job(&mut self.common, now, key);
        }
    }

    /// A job is gone, or another one has its name.
    fn miss_job(&mut self, now: Time, key: &JobKey, job: &Job) {
        // Pods of another kind of job may have stayed that had this name before.
        self.stages.forget_job(key);
        match (job.kind, &mut self.mesos) {
            (JobKind::Framework, Some(mesos)) => mesos.miss_job(now, &job.object),
            // Its executors, its driver and its places go when the engine wants so.
            (JobKind::Stages | JobKind::Spark, _) | (JobKind::Framework, None) => {}
        }
    }

    /// Tells the engine of a job.
    fn tell_of_job(&mut self, now: Time, key: &JobKey, status: Option<Box<JobStatus>>) {
        let places = self.spark.places_wanted(&self.common, now, key);
        self.common.tell_engine(now, key, places, status);
    }

    /// How to write what should be written to a job.
    pub(super) fn write_job(&self, now: Time, wish: JobWish) -> Option<JobWrite> {
        match wish {
            JobWish::Status(status) => {
                let job = Box::new(self.job_with_status(now, &status)?);
                Some(JobWrite::Status { job, revision: status.revision })
            }
            JobWish::Expire { uid } => Some(JobWrite::Delete { uid }),
            JobWish::Framework(wish) => {
                let write = self.mesos.as_ref()?.write_job(&self.common, wish)?;
                Some(JobWrite::Framework(write))
            }
        }
    }

    /// The job with this status, in the version in which it was last seen.
    fn job_with_status(&self, now: Time, status: &JobStatus) -> Option<SparkJob> {
        let job = self.common.jobs.get(&status.key).filter(|job| job.has_uid(&status.uid))?;
        if job.refused_until.is_some_and(|until| now < until) {
            // The engine gives it out again.
            return None;
        }
        let mut object = SparkJob::clone(&job.object);
        let previous = object.status.as_ref().map(|status: &SparkJobStatus| &*status.conditions);
        let mut new = convert::job_status(status, previous.unwrap_or_default(), now);
        self.spark.add_status(&self.common, &status.key, &mut new);
        if let Some(mesos) = &self.mesos {
            mesos.add_status(&self.common, &status.key, &mut new);
        }
        convert::shorten(&mut new, job.length, previous.unwrap_or_default(), now);
        object.status = Some(new);
        object.metadata.managed_fields = None;
        Some(object)
    }

    /// Takes in what came of a write to a job.
    pub(super) fn job_answered(&mut self, now: Time, key: &JobKey, answer: JobAnswer) {
        match answer {
            JobAnswer::Status { uid, revision, result } => {
                self.status_answered(now, key, uid, revision, result);
            }
            // That it is gone a watch tells.
            JobAnswer::Deleted(_, Ok(_)) => {}
            JobAnswer::Deleted(uid, Err(Unknown(_))) => {
                self.common.queue.push(Wish::Job(key.clone(), JobWish::Expire { uid }));
            }
            JobAnswer::Framework(answer) => self.framework_answered(now, key, answer),
        }
    }

    fn framework_answered(&mut self, now: Time, key: &JobKey, answer: FrameworkAnswer) {
        let again = match answer {
            FrameworkAnswer::Made(_, Ok(object)) => {
                if !self.common.jobs.contains_key(key) {
                    self.observe_job(now, &key.into(), Some(Arc::new(*object)));
                }
                return;
            }
            FrameworkAnswer::Made(id, Err(Failure::Refused(why))) => {
                if let Some(mesos) = &mut self.mesos {
                    mesos.refuse_job(now, &id, &why);
                }
                return;
            }
            // What it is now a watch tells.
            FrameworkAnswer::Updated(_, Ok(_)) => return,
            FrameworkAnswer::Made(id, Err(Failure::Unknown(_))) => FrameworkWish::Make(id),
            FrameworkAnswer::Updated(id, Err(Unknown(_))) => FrameworkWish::Update(id),
        };
        self.common.queue.push(Wish::Job(key.clone(), JobWish::Framework(again)));
    }

    fn status_answered(
        &mut self,
        now: Time,
        key: &JobKey,
        uid: Box<str>,
        revision: u64,
        result: Result<Option<Stored>, Failure>,
    ) {
        if let Err(Failure::Refused(why)) = &result
            && !self.common.shorten_status(now, key, &uid, why)
        {
            return;
        }
        let job = key.clone();
        let is_stored = matches!(&result, Ok(Some(Stored { is_new: true, .. })));
        if let Ok(Some(Stored { job: object, .. })) = result {
            let known = self.common.jobs.get(key);
            let same = known.filter(|job| job.object.uid() == object.uid());
            if same.is_some_and(|job| !is_older(&object, &job.object)) {
                let name = ObjectName::from(key);
                self.common.lists.note(super::Kind::Job, &name);
                self.observe_job(now, &name, Some(Arc::new(*object)));
            }
        }
        if is_stored && let Some(job) = self.common.jobs.get_mut(key) {
            job.refused_until = None;
        }
        let event = if is_stored {
            Event::StatusWritten { job, uid, revision }
        } else {
            if let Some(mesos) = &mut self.mesos {
                mesos.status_failed(&self.common, now, key);
            }
            Event::StatusNotWritten { job, uid }
        };
        self.common.engine.handle(now, event);
    }
}

impl Common {
    /// Stores less of a job's status from now on, as so much was refused. Says whether that can be tried.
    fn shorten_status(&mut self, now: Time, key: &JobKey, uid: &str, why: &str) -> bool {
        let Some(job) = self.jobs.get_mut(key).filter(|job| job.has_uid(uid)) else { return true };
        let shorter = job.length.shorter();
        let note = if let Some(length) = shorter {
            job.length = length;
            format!("the API server does not take the status: {why}; {}", length.left_out())
        } else {
            if job.refused_until.replace(now + REFUSED_PAUSE).is_some() {
                return false;
            }
            format!(
                "the API server does not take the status, however short: {why}; what the job does is \
                 not stored, and lost if the operator ends"
            )
        };
        self.notices.push(Notice::of_job(&job.object, true, "StatusRefused", &note));
        shorter.is_some()
    }
}

/// Whether a version of an object is older than another one: versions are numbers that grow
/// (KEP-5504).
fn is_older(one: &SparkJob, other: &SparkJob) -> bool {
    let number = |job: &SparkJob| job.resource_version().and_then(|it| it.parse::<u64>().ok());
    matches!((number(one), number(other)), (Some(one), Some(other)) if one < other)
}
