//! What follows from what pods of executors say, and how executors depart.

use proffer_core::ExecutorKey;
use proffer_core::event::{Departure, Event};
use proffer_core::time::Time;

use super::super::super::notices::Notice;
use super::super::super::pod::{ObjectName, PodFacts};
use super::super::super::wishes::{ExecutorWish, Wish};
use super::super::common::Common;
use super::Stages;
use super::executor::{PodState, Verdict, describe, verdict};

/// How long what is left in a pod may take to end when its executor has: sidecars.
const SIDECAR_GRACE_SECONDS: u32 = 5;

/// How long a pod without an object may take to end. Not no time at all: then its name would be free
/// before it has ended.
const ORPHAN_GRACE_SECONDS: u32 = 1;

impl Stages {
    /// Looks at all executors anew, when everything was seen.
    pub(in super::super) fn review_all(&mut self, common: &mut Common, now: Time) {
        let keys: Vec<ExecutorKey> = self.executors.keys().cloned().collect();
        for key in keys {
            // The pod is made first: what was listed after the object and has none is gone.
            let executor = self.executors.get_mut(&key);
            if let Some(executor) = executor.filter(|it| common.index.pod(&it.name).is_none()) {
                executor.pod = PodState::Gone;
            }
            self.review(common, now, &key);
        }
    }

    /// Draws the conclusions from what is known of an executor.
    pub(super) fn review(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        if executor.is_over() {
            // A create of which nothing was heard may have come late.
            if executor.has_departed
                && let Some(pod) = common.index.pod(&executor.name)
                && !pod.is_deleting
                && !pod.has_ended
            {
                let wish = ExecutorWish::DeletePod { uid: pod.uid.clone(), grace_seconds: None };
                common.queue.push(Wish::Executor(key.clone(), wish));
            }
            return;
        }
        let Some(pod) = common.index.pod(&executor.name) else {
            if let PodState::There(_) = executor.pod {
                executor.pod = PodState::Gone;
            }
            if executor.pod == PodState::Gone {
                let deleted = || Departure::Lost("its pod was deleted".to_owned());
                let departure = executor.cause.clone().unwrap_or_else(deleted);
                self.depart(common, key, departure);
            }
            return;
        };
        let Some(facts) = pod.executor.as_deref() else { return };
        executor.pod = PodState::There(pod.uid.clone());
        if let (None, Some(node)) = (&executor.node, &pod.node) {
            executor.node = Some(node.clone());
            common.engine.handle(now, Event::Placed(key.clone(), node.clone()));
        }
        if !executor.is_awaited && executor.node.is_some() && !executor.has_reported() {
            executor.is_awaited = true;
            let at = now + common.settings.start_timeout;
            self.start_deadlines.insert((at, key.clone()));
        }
        match verdict(executor, pod, facts, &common.index) {
            Verdict::GoesOn => {}
            Verdict::Departs(departure) => self.depart(common, key, departure),
            Verdict::IsDeletedFor(cause) => {
                executor.cause.get_or_insert(cause);
                self.delete_pod(common, key, Some(SIDECAR_GRACE_SECONDS));
            }
            Verdict::IsLeaving => {
                let deleted = Departure::Lost("its pod was deleted".to_owned());
                if executor.cause.is_none() && !executor.is_removing {
                    executor.cause = Some(deleted);
                    // When it is read, the engine hears that it goes, and gives it nothing more.
                    common.queue.push(Wish::Executor(key.clone(), ExecutorWish::Read));
                }
            }
        }
    }

    /// Gives up an executor that should have reported by now.
    pub(super) fn give_up_start(&mut self, common: &mut Common, key: &ExecutorKey) {
        let seconds = common.settings.start_timeout.as_seconds();
        let Some(executor) = self.executors.get_mut(key) else { return };
        if executor.has_reported() || executor.is_over() || executor.is_removing {
            return;
        }
        let pod = common.index.pod(&executor.name).and_then(|pod| pod.executor.as_deref());
        let state =
            pod.and_then(|facts| facts.state.as_deref()).unwrap_or("its pod says nothing of why");
        let message = format!("the executor did not report within {seconds} s: {state}");
        executor.cause.get_or_insert(Departure::NotStarted(message));
        self.delete_pod(common, key, None);
    }

    /// A pod of an executor that has no object: it was never told anything, or has ended and stays for
    /// its logs.
    pub(super) fn review_orphan(&mut self, common: &mut Common, name: &ObjectName) {
        let Some(pod) = common.index.pod(name) else { return };
        let Some(facts) = &pod.executor else { return };
        if pod.is_deleting {
            return;
        }
        let (key, uid) = (facts.key.clone(), pod.uid.clone());
        if !pod.has_ended {
            let wish = ExecutorWish::DeletePod { uid, grace_seconds: Some(ORPHAN_GRACE_SECONDS) };
            common.queue.push(Wish::Executor(key, wish));
        } else if common.jobs.get(&key.job).is_some_and(|job| job.has_uid(&facts.job_uid)) {
            self.retained.note(&key.job, name, uid);
        }
    }

    /// Has another look at the pods of an executor that is not known (any more).
    pub(super) fn review_orphans(&mut self, common: &mut Common, key: &ExecutorKey) {
        let is_of = |pod: &PodFacts| pod.executor.as_ref().is_some_and(|facts| facts.key == *key);
        let pods = common.index.pods().filter(|(_, pod)| is_of(pod));
        let names: Vec<ObjectName> = pods.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.review_orphan(common, &name);
        }
    }

    /// Reads what an executor said last; then the engine hears that it is gone.
    fn depart(&mut self, common: &mut Common, key: &ExecutorKey, departure: Departure) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        executor.departure = Some(departure);
        common.queue.executors.drop_waiting(key, |wish| match wish {
            ExecutorWish::Launch(_) | ExecutorWish::Assign(_) | ExecutorWish::Remove => true,
            ExecutorWish::DeletePod { .. }
            | ExecutorWish::Read
            | ExecutorWish::ReadPod
            | ExecutorWish::Discard => false,
        });
        common.queue.push(Wish::Executor(key.clone(), ExecutorWish::Read));
    }

    /// Tells the engine that an executor is gone, now that its last report is known.
    pub(super) fn finish_departure(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        let Some(departure) = executor.departure.take() else { return };
        executor.has_departed = true;
        let (name, is_removing) = (executor.name.clone(), executor.is_removing);
        self.report(common, now, key);
        common.index.set_own(&name, false);
        let ended_by_itself =
            !is_removing && matches!(departure, Departure::Exited(_) | Departure::OutOfMemory(_));
        self.retained.keep_or_delete(common, key, &name, ended_by_itself, is_removing);
        if !is_removing && let Some(job) = common.jobs.get(&key.job) {
            let (reason, message) = describe(&departure);
            let note = format!("executor {}: {message}", name.name);
            common.notices.push(Notice::of_job(&job.object, true, reason, &note));
        }
        common.gone(now, key, if is_removing { Departure::Asked } else { departure });
    }
}
