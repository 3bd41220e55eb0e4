//! Frameworks as jobs.

use std::sync::Arc;

use kube::ResourceExt;
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_crds::SparkJob;
use proffer_crds::job::SparkJobStatus;
use proffer_crds::mesos::{MesosStatus, MesosUpdate};

use super::super::super::wishes::{JobWish, Wish};
use super::super::super::writes::{Failure, JobWrite};
use super::super::Operator;
use super::Mesos;
use crate::convert;
use crate::master::End;

/// The least time between two statuses of a framework, but for what would be lost.
const STATUS_INTERVAL_MILLISECONDS: Span = Span::from_seconds(1);

/// After what time it is looked whether something is new of why a framework waits.
const REFRESH_MILLISECONDS: Span = Span::from_seconds(10);

/// How many updates a status holds.
const MOST_UPDATES: usize = 200;

impl Mesos {
    /// Has a framework written as soon as it may be again; at once if something would be lost.
    fn write_soon(&mut self, now: Time, id: Arc<str>, is_urgent: bool) {
        let last = self.written.get(&id).copied().unwrap_or_default();
        let next = last + STATUS_INTERVAL_MILLISECONDS;
        let at = if is_urgent { now } else { now.max(next) };
        let due = self.due.entry(id).or_insert(at);
        *due = at.min(*due);
    }
}

impl Operator {
    /// Notes what is to be stored of frameworks.
    pub(super) fn note_touched(&mut self, now: Time) {
        let Some(mesos) = &mut self.mesos else { return };
        for id in mesos.master.take_touched() {
            let lacks_job = mesos
                .master
                .stored(&id)
                .is_some_and(|stored| stored.end.is_some() || !self.jobs.contains_key(stored.key));
            // Ends of tasks whose pods are gone are known nowhere else.
            let is_urgent =
                lacks_job || mesos.master.ends(&id).any(|(key, _)| !mesos.tasks.contains_key(&key));
            mesos.write_soon(now, id, is_urgent);
        }
    }

    /// Has it looked at soon whether something of a framework is to be stored.
    pub(super) fn touch_framework(&mut self, now: Time, id: &Arc<str>) {
        if let Some(mesos) = &mut self.mesos {
            mesos.write_soon(now, id.clone(), false);
        }
    }

    /// Has written what is due.
    pub(in super::super) fn write_due(&mut self, now: Time) {
        let Some(mesos) = &mut self.mesos else { return };
        if !self.is_synced {
            return;
        }
        let due = mesos.due.iter().filter(|&(_, &at)| at <= now).map(|(id, _)| id.clone());
        for id in due.collect::<Vec<Arc<str>>>() {
            self.write_framework(now, &id);
        }
    }

    fn write_framework(&mut self, now: Time, id: &Arc<str>) {
        let Some(mesos) = &mut self.mesos else { return };
        mesos.due.remove(id);
        let Some(stored) = mesos.master.stored(id) else { return };
        let key = stored.key.clone();
        let has_ended = stored.end.is_some();
        let Some(job) = self.jobs.get(&key) else {
            if !has_ended {
                self.queue.push(Wish::Job(key, JobWish::MakeFramework(id.clone())));
            }
            return;
        };
        mesos.written.insert(id.clone(), now);
        if has_ended {
            mesos.written.remove(id);
        } else {
            mesos.due.insert(id.clone(), now + REFRESH_MILLISECONDS);
        }
        let object = Arc::clone(&job.object);
        if object.status.as_ref().is_some_and(|status| status.completion_time.is_some()) {
            mesos.due.remove(id);
            return;
        }
        let is_other = |known| convert::mesos::says_other(known, stored.info);
        if !has_ended && object.spec.mesos.as_ref().is_some_and(is_other) {
            self.queue.push(Wish::Job(key.clone(), JobWish::UpdateFramework(id.clone())));
        }
        let engine = self.engine.framework(&key);
        let status = convert::mesos::framework_status(&object, &stored, engine.as_ref(), now);
        let before = object.status.clone();
        let previous = before.as_ref().map(|status| &*status.conditions).unwrap_or_default();
        let mut new = convert::job_status(&status, previous, now);
        self.add_framework(&key, &mut new);
        if before.as_ref() != Some(&new) {
            self.tell_of(now, &status);
            self.queue.push(Wish::Job(key, JobWish::Status(Box::new(status))));
        }
    }

    /// What only a framework's status has.
    pub(in super::super) fn add_framework(&self, job: &JobKey, status: &mut SparkJobStatus) {
        let Some(mesos) = &self.mesos else { return };
        let Some(id) = self.framework_id(job) else { return };
        let Some(stored) = mesos.master.stored(&id) else { return };
        let tasks = i32::try_from(stored.tasks).unwrap_or(i32::MAX);
        let ends = mesos.master.ends(&id).filter(|(key, _)| !mesos.tasks.contains_key(key));
        let mut updates: Vec<MesosUpdate> =
            ends.map(|(_, status)| convert::mesos::update(status)).collect();
        updates.sort_by(|one, other| other.time.cmp(&one.time).then(one.task.cmp(&other.task)));
        updates.truncate(MOST_UPDATES);
        status.tasks = tasks.to_string();
        status.mesos = Some(MesosStatus { connected: stored.connected, tasks, updates });
    }

    /// The id of the framework that a job is.
    pub(super) fn framework_id(&self, job: &JobKey) -> Option<Arc<str>> {
        let mesos = self.jobs.get(job)?.object.spec.mesos.as_ref()?;
        Some(mesos.framework_id.as_str().into())
    }

    /// Takes in the job of a framework: one that is not known was made by another process, or by hand.
    pub(in super::super) fn see_framework(&mut self, now: Time, key: &JobKey) {
        if !self.is_synced {
            return;
        }
        let Some(object) = self.jobs.get(key).map(|job| Arc::clone(&job.object)) else { return };
        let Some(id) = self.framework_id(key) else { return };
        let Some(mesos) = &mut self.mesos else { return };
        match mesos.master.key_of(&id) {
            None => {
                if let Some(restored) = convert::mesos::restored(&object) {
                    mesos.master.restore_framework(restored);
                    self.touch_framework(now, &id);
                }
            }
            Some(own) if own == key => {
                self.touch_framework(now, &id);
                self.launch_waiting(&id);
            }
            // Another job has the framework.
            Some(_) => {}
        }
    }

    /// Takes in that a framework's job is gone, which ends the framework.
    pub(in super::super) fn miss_framework(&mut self, now: Time, object: &SparkJob) {
        let Some(framework) = &object.spec.mesos else { return };
        let Some(mesos) = &mut self.mesos else { return };
        let id = framework.framework_id.as_str();
        let is_own = mesos.master.key_of(id).is_some_and(|key| {
            *key.name == *object.name_any()
                && Some(&*key.namespace) == object.namespace().as_deref()
        });
        if is_own && mesos.master.is_live(id) {
            mesos.master.remove(now, id, End::TornDown);
        }
    }

    /// Takes in the frameworks that there were before this process began, and their tasks.
    pub(in super::super) fn restore_mesos(&mut self, now: Time) {
        if self.mesos.is_none() {
            return;
        }
        let mut jobs: Vec<Arc<SparkJob>> =
            self.jobs.values().map(|job| Arc::clone(&job.object)).collect();
        jobs.retain(|job| job.spec.mesos.is_some());
        // The oldest job of an id has it.
        jobs.sort_by_key(|job| job.creation_timestamp().map(|time| time.0));
        for job in jobs {
            let Some(restored) = convert::mesos::restored(&job) else {
                tracing::warn!(job = job.name_any(), "it has no framework that can be understood");
                continue;
            };
            let Some(mesos) = &mut self.mesos else { return };
            if mesos.master.knows(&restored.id) {
                continue;
            }
            if restored.ended_at.is_none() {
                mesos.due.insert(restored.id.clone(), now);
            }
            mesos.master.restore_framework(restored);
        }
        self.restore_tasks(now);
        let Some(mesos) = &mut self.mesos else { return };
        for effect in mesos.master.take_effects() {
            if let crate::master::Effect::Engine(event) = effect {
                self.engine.handle(now, event);
            }
        }
    }

    /// The write that makes a framework's job.
    pub(in super::super) fn framework_write(&self, id: Arc<str>) -> Option<JobWrite> {
        let mesos = self.mesos.as_ref()?;
        let stored = mesos.master.stored(&id).filter(|stored| stored.end.is_none())?;
        if self.jobs.contains_key(stored.key) {
            return None;
        }
        let job = convert::mesos::framework_job(&id, &stored, mesos.settings.ttl_seconds);
        Some(JobWrite::MakeFramework { id, job: Box::new(job) })
    }

    /// The write that stores what a framework says of itself now.
    pub(in super::super) fn framework_update(&self, id: Arc<str>) -> Option<JobWrite> {
        let stored = self.mesos.as_ref()?.master.stored(&id)?;
        let uid = self.jobs.get(stored.key)?.object.uid()?.into();
        let info = convert::mesos::document(stored.info);
        Some(JobWrite::UpdateFramework { id, uid, info })
    }

    /// Takes in what came of making a framework's job.
    pub(in super::super) fn framework_made(
        &mut self,
        now: Time,
        key: &JobKey,
        id: &Arc<str>,
        result: Result<Box<SparkJob>, Failure>,
    ) {
        match result {
            Ok(object) => {
                if !self.jobs.contains_key(key) {
                    self.observe_job(now, &key.into(), Some(Arc::new(*object)));
                }
            }
            Err(Failure::Refused(problem)) => {
                if let Some(mesos) = &mut self.mesos {
                    let message =
                        format!("The SparkJob of the framework cannot be made: {problem}");
                    mesos.master.refuse_framework(now, id, message);
                }
            }
            Err(Failure::Unknown(_)) => {
                self.queue.push(Wish::Job(key.clone(), JobWish::MakeFramework(id.clone())));
            }
        }
    }

    /// Has the status of a framework's job written again, if it is one.
    pub(in super::super) fn status_failed(&mut self, now: Time, key: &JobKey) {
        if let Some(id) = self.framework_id(key) {
            let at = now + STATUS_INTERVAL_MILLISECONDS;
            if let Some(mesos) = &mut self.mesos {
                mesos.due.insert(id, at);
            }
        }
    }
}
