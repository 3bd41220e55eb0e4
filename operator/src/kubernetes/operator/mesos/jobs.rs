//! Frameworks as jobs.

use std::sync::Arc;

use kube::ResourceExt;
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_crds::SparkJob;
use proffer_crds::job::SparkJobStatus;
use proffer_crds::mesos::{MesosStatus, MesosUpdate};

use super::super::super::wishes::{FrameworkWish, JobWish, Wish};
use super::super::super::writes::FrameworkWrite;
use super::super::common::Common;
use super::{Mesos, framework_id};
use crate::convert;
use crate::master::End;

/// The least time between two statuses of a framework, but for what would be lost.
const STATUS_INTERVAL: Span = Span::from_seconds(1);

/// After what time it is looked whether something is new of why a framework waits.
const REFRESH: Span = Span::from_seconds(10);

/// How many updates a status holds.
const MOST_UPDATES: usize = 200;

impl Mesos {
    /// Has a framework written as soon as it may be again; at once if something would be lost.
    fn write_soon(&mut self, now: Time, id: Arc<str>, is_urgent: bool) {
        let last = self.written.get(&id).copied().unwrap_or_default();
        let next = last + STATUS_INTERVAL;
        let at = if is_urgent { now } else { now.max(next) };
        let due = self.due.entry(id).or_insert(at);
        *due = at.min(*due);
    }

    /// Notes what is to be stored of frameworks.
    pub(super) fn note_touched(&mut self, common: &Common, now: Time) {
        for id in self.master.take_touched() {
            let lacks_job = self.master.stored(&id).is_some_and(|stored| {
                stored.end.is_some() || !common.jobs.contains_key(stored.key)
            });
            // Ends of tasks whose pods are gone are known nowhere else.
            let is_urgent =
                lacks_job || self.master.ends(&id).any(|(key, _)| !self.tasks.contains_key(&key));
            self.write_soon(now, id, is_urgent);
        }
    }

    /// Has it looked at soon whether something of a framework is to be stored.
    pub(super) fn touch(&mut self, now: Time, id: &Arc<str>) {
        self.write_soon(now, id.clone(), false);
    }

    /// Has written what is due.
    pub(in super::super) fn write_due(&mut self, common: &mut Common, now: Time) {
        let due = self.due.iter().filter(|&(_, &at)| at <= now).map(|(id, _)| id.clone());
        for id in due.collect::<Vec<Arc<str>>>() {
            self.write_framework(common, now, &id);
        }
    }

    fn write_framework(&mut self, common: &mut Common, now: Time, id: &Arc<str>) {
        self.due.remove(id);
        let Some(stored) = self.master.stored(id) else { return };
        let key = stored.key.clone();
        let has_ended = stored.end.is_some();
        let Some(job) = common.jobs.get(&key) else {
            if !has_ended {
                wish(common, &key, FrameworkWish::Make(id.clone()));
            }
            return;
        };
        self.written.insert(id.clone(), now);
        if has_ended {
            self.written.remove(id);
        } else {
            self.due.insert(id.clone(), now + REFRESH);
        }
        let object = Arc::clone(&job.object);
        if object.status.as_ref().is_some_and(|status| status.completion_time.is_some()) {
            self.due.remove(id);
            return;
        }
        let is_other = |known| convert::mesos::says_other(known, stored.info);
        if !has_ended && object.spec.mesos.as_ref().is_some_and(is_other) {
            wish(common, &key, FrameworkWish::Update(id.clone()));
        }
        let engine = common.engine.framework(&key);
        let status = convert::mesos::framework_status(&object, &stored, engine.as_ref(), now);
        let before = object.status.as_ref();
        let previous = before.map(|status| &*status.conditions).unwrap_or_default();
        let mut new = convert::job_status(&status, previous, now);
        self.add_status(common, &key, &mut new);
        if before != Some(&new) {
            common.tell_of(now, &status);
            common.queue.push(Wish::Job(key, JobWish::Status(Box::new(status))));
        }
    }

    /// What only a framework's status has.
    pub(in super::super) fn add_status(
        &self,
        common: &Common,
        job: &JobKey,
        status: &mut SparkJobStatus,
    ) {
        let Some(id) = framework_id(common, job) else { return };
        let Some(stored) = self.master.stored(&id) else { return };
        let tasks = i32::try_from(stored.tasks).unwrap_or(i32::MAX);
        let ends = self.master.ends(&id).filter(|(key, _)| !self.tasks.contains_key(key));
        let mut updates: Vec<MesosUpdate> =
            ends.map(|(_, status)| convert::mesos::update(status)).collect();
        updates.sort_by(|one, other| other.time.cmp(&one.time).then(one.task.cmp(&other.task)));
        updates.truncate(MOST_UPDATES);
        status.tasks = tasks.to_string();
        status.mesos = Some(MesosStatus { connected: stored.connected, tasks, updates });
    }

    /// Takes in the job of a framework: one that is not known was made by another process, or by hand.
    pub(in super::super) fn observe_job(&mut self, common: &mut Common, now: Time, key: &JobKey) {
        if !common.lists.is_synced() {
            return;
        }
        let Some(job) = common.jobs.get(key) else { return };
        let Some(id) = framework_id(common, key) else { return };
        match self.master.key_of(&id) {
            None => {
                if let Some(restored) = convert::mesos::restored(&job.object) {
                    self.master.restore_framework(restored);
                    self.touch(now, &id);
                }
            }
            Some(own) if own == key => {
                self.touch(now, &id);
                self.launch_waiting(common, &id);
            }
            // Another job has the framework.
            Some(_) => {}
        }
    }

    /// Takes in that a framework's job is gone, which ends the framework.
    pub(in super::super) fn miss_job(&mut self, now: Time, object: &SparkJob) {
        let Some(framework) = &object.spec.mesos else { return };
        let id = framework.framework_id.as_str();
        let is_own = self.master.key_of(id).is_some_and(|key| {
            *key.name == *object.name_any()
                && Some(&*key.namespace) == object.namespace().as_deref()
        });
        if is_own && self.master.is_live(id) {
            self.master.remove(now, id, End::TornDown);
        }
    }

    /// How to write what is wanted of a framework's job; nothing if there is nothing to be written after
    /// all.
    pub(in super::super) fn write_job(
        &self,
        common: &Common,
        wish: FrameworkWish,
    ) -> Option<FrameworkWrite> {
        match wish {
            FrameworkWish::Make(id) => {
                let stored = self.master.stored(&id).filter(|stored| stored.end.is_none())?;
                if common.jobs.contains_key(stored.key) {
                    return None;
                }
                let ttl_seconds = self.settings.ttl_seconds;
                let job = convert::mesos::framework_job(&id, &stored, ttl_seconds);
                Some(FrameworkWrite::Make { id, job: Box::new(job) })
            }
            FrameworkWish::Update(id) => {
                let stored = self.master.stored(&id)?;
                let uid = common.jobs.get(stored.key)?.object.uid()?.into();
                let info = convert::mesos::document(stored.info);
                Some(FrameworkWrite::Update { id, uid, info })
            }
        }
    }

    /// The job of a framework cannot be made.
    pub(in super::super) fn refuse_job(&mut self, now: Time, id: &Arc<str>, why: &str) {
        let message = format!("The SparkJob of the framework cannot be made: {why}");
        self.master.refuse_framework(now, id, message);
    }

    /// Has the status of a framework's job written again, if it is one.
    pub(in super::super) fn status_failed(&mut self, common: &Common, now: Time, key: &JobKey) {
        if let Some(id) = framework_id(common, key) {
            let at = now + STATUS_INTERVAL;
            self.due.insert(id, at);
        }
    }
}

fn wish(common: &mut Common, key: &JobKey, wish: FrameworkWish) {
    common.queue.push(Wish::Job(key.clone(), JobWish::Framework(wish)));
}
