//! Jobs with stages: their executors, each with a pod and an object, from launch to departure.
//!
//! An executor departs when nothing of it runs any more: its pod has ended or is gone, or its node does
//! not answer and the pod is given up. Before the engine hears so, its object is read once more, for
//! the watch of pods may be ahead of that of executors and the last report must not be missed.
//!
//! - `executor` is what is known of one executor, and what follows from what its pod says.
//! - `review` is what follows from that, and how executors depart.
//! - `retain` decides which pods stay for their logs.
//! - `write` turns what is wanted into writes.
//! - `answered` takes in what came of them.

mod answered;
mod executor;
mod retain;
mod review;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::{Departure, Event};
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;
use proffer_crds::{SparkExecutor, SparkExecutorStatus};

use super::super::grants::Grant;
use super::super::pod::ObjectName;
use super::super::wishes::{ExecutorWish, Wish};
use super::Kind;
use super::common::Common;
use crate::convert;
use executor::{Executor, PodState, is_lost};
use retain::Retained;

/// The executors of jobs with stages.
#[derive(Debug, Default)]
pub(super) struct Stages {
    executors: BTreeMap<ExecutorKey, Executor>,
    by_name: BTreeMap<ObjectName, ExecutorKey>,
    retained: Retained,
    /// When executors that were told to end have to have ended.
    stop_deadlines: BTreeSet<(Time, ExecutorKey)>,
    /// When executors that have a node have to have reported.
    start_deadlines: BTreeSet<(Time, ExecutorKey)>,
}

impl Stages {
    /// Whether an executor is one of these.
    pub(super) fn has(&self, key: &ExecutorKey) -> bool {
        self.executors.contains_key(key)
    }

    /// Whether a pod is that of one of these.
    pub(super) fn has_pod(&self, name: &ObjectName) -> bool {
        self.by_name.contains_key(name)
    }

    /// The names of those whose objects were seen.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectName> {
        let seen = self.executors.values().filter(|executor| executor.object.is_some());
        seen.map(|executor| &executor.name)
    }

    /// Whether an executor may be on a node.
    pub(super) fn is_on(&self, node: &str) -> bool {
        let is_there = |it: &Executor| !it.has_departed && it.node.as_deref() == Some(node);
        self.executors.values().any(is_there)
    }

    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        let stop = self.stop_deadlines.first().map(|&(at, _)| at);
        stop.into_iter().chain(self.start_deadlines.first().map(|&(at, _)| at)).min()
    }

    /// Does what it is time for.
    pub(super) fn fire(&mut self, common: &mut Common, now: Time) {
        while let Some((at, key)) =
            self.stop_deadlines.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.stop_deadlines.remove(&(at, key.clone()));
            self.delete_pod(common, &key, None);
        }
        while let Some((at, key)) =
            self.start_deadlines.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.start_deadlines.remove(&(at, key.clone()));
            self.give_up_start(common, &key);
        }
    }

    /// The engine wants an executor.
    pub(super) fn launch(common: &mut Common, launch: Launch) {
        let key = launch.key.clone();
        common.queue.push(Wish::Executor(key, ExecutorWish::Launch(launch)));
    }

    /// The engine wants an executor to run tasks.
    pub(super) fn assign(common: &mut Common, assignment: Assignment) {
        let key = assignment.key.clone();
        common.queue.push(Wish::Executor(key, ExecutorWish::Assign(assignment)));
    }

    /// The engine wants an executor to go.
    pub(super) fn remove(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        match self.executors.get_mut(key) {
            None => {
                // It was not begun to be made.
                common.queue.executors.drop_waiting(key, |_| true);
                common.gone(now, key, Departure::Asked);
            }
            Some(executor) if executor.has_departed => common.gone(now, key, Departure::Asked),
            Some(executor) => {
                executor.is_removing = true;
                if executor.departure.is_none() {
                    common.queue.push(Wish::Executor(key.clone(), ExecutorWish::Remove));
                }
            }
        }
    }

    /// What became of an executor is stored: what it left may go.
    pub(super) fn discard(&mut self, common: &mut Common, now: Time, key: ExecutorKey) {
        if self.has(&key) {
            common.queue.push(Wish::Executor(key, ExecutorWish::Discard));
        } else {
            common.engine.handle(now, Event::Discarded(key));
        }
    }

    /// Takes in an executor's object as it is now; `None` if it is gone.
    pub(super) fn observe_object(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        object: Option<Box<SparkExecutor>>,
    ) {
        match object {
            Some(object) => self.see_object(common, now, name, *object),
            None => self.miss_object(common, now, name),
        }
    }

    fn see_object(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        object: SparkExecutor,
    ) {
        let mut observed = convert::executor_observation(&object);
        let key = observed.key.clone();
        if !self.has(&key) {
            let executor = Executor::new(name.clone(), observed.node.clone());
            self.add(common, key.clone(), executor);
        }
        let is_leaving = common.index.pod(name).is_some_and(|pod| pod.is_deleting);
        let Some(executor) = self.executors.get_mut(&key).filter(|it| it.name == *name) else {
            return;
        };
        let generation = object.metadata.generation.unwrap_or(0);
        let uid: Box<str> = object.uid().unwrap_or_default().into();
        if executor.object.as_ref().is_some_and(|(seen, at)| *seen == uid && *at > generation) {
            // The watch is behind what a write has answered.
            return;
        }
        executor.object = Some((uid, generation));
        executor.is_stopping = object.spec.stop;
        executor.status = object.status.map(Box::new);
        // A pod that is deleted for what is wrong with it goes by itself: that counts when it is gone.
        let goes_by_itself = executor.cause.as_ref().is_some_and(|cause| !is_lost(cause));
        observed.terminating |= object.spec.stop || is_leaving && !goes_by_itself;
        if !executor.has_departed {
            common.engine.handle(now, Event::Executor(Box::new(observed)));
            self.report(common, now, &key);
        }
        if common.lists.is_synced() {
            self.review(common, now, &key);
        }
    }

    fn miss_object(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        let Some(key) = self.by_name.get(name).cloned() else { return };
        let Some(executor) = self.executors.get_mut(&key) else { return };
        executor.object = None;
        if executor.has_departed {
            self.forget(common, now, &key);
        } else if executor.departure.is_none() {
            let cause = Departure::Lost("its SparkExecutor was deleted".to_owned());
            executor.cause.get_or_insert(cause);
            self.delete_pod(common, &key, None);
        }
    }

    /// Tells the engine what an executor said.
    fn report(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        let Some(executor) = self.executors.get(key) else { return };
        let Some(status) = &executor.status else { return };
        let mut report = convert::report(SparkExecutorStatus::clone(status));
        let seen = status.observed_generation;
        let heard = executor.written.filter(|&(generation, _)| generation <= seen);
        report.observed_assignment = heard.map_or(0, |(_, number)| number);
        common.engine.handle(now, Event::Report(key.clone(), report));
    }

    /// Looks at the executor of a pod anew; says whether there is one.
    pub(super) fn observe_pod(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
    ) -> bool {
        let key = self.by_name.get(name).cloned();
        match &key {
            Some(key) => self.review(common, now, key),
            None => self.review_orphan(common, name),
        }
        key.is_some()
    }

    /// Has the engine use no name that a pod without an object has: what of it runs until it is deleted
    /// must not take another's assignment for its own.
    pub(super) fn pass_over_names(&self, common: &mut Common, now: Time) {
        let pods = common.index.pods().filter(|(name, _)| !self.by_name.contains_key(*name));
        let keys: Vec<ExecutorKey> =
            pods.filter_map(|(_, pod)| Some(pod.executor.as_ref()?.key.clone())).collect();
        for key in keys {
            let untold = Departure::Withdrawn("it was never told anything".to_owned());
            common.gone(now, &key, untold);
        }
    }

    /// Reads whether there is a pod or an object that a list did not tell of.
    pub(super) fn look_for(&self, common: &mut Common, kind: Kind, name: &ObjectName) {
        let wish = if kind == Kind::Pod { ExecutorWish::ReadPod } else { ExecutorWish::Read };
        if let Some(key) = self.by_name.get(name) {
            common.queue.push(Wish::Executor(key.clone(), wish));
        }
    }

    /// Wants an executor's pod deleted.
    fn delete_pod(&mut self, common: &mut Common, key: &ExecutorKey, grace_seconds: Option<u32>) {
        let Some(executor) = self.executors.get(key) else { return };
        let PodState::There(uid) = &executor.pod else { return };
        if common.index.pod(&executor.name).is_some_and(|pod| pod.is_deleting) {
            return;
        }
        let wish = ExecutorWish::DeletePod { uid: uid.clone(), grace_seconds };
        common.queue.push(Wish::Executor(key.clone(), wish));
    }

    /// What the executors need that there are is granted to them as long as it is needed.
    pub(super) fn keep_granted(&self, common: &mut Common) {
        for key in self.executors.keys() {
            common.keep_granted(Grant::Executors { namespace: key.job.namespace.clone() });
        }
    }

    /// Begins to follow an executor.
    fn add(&mut self, common: &mut Common, key: ExecutorKey, executor: Executor) {
        common.index.set_own(&executor.name, true);
        self.by_name.insert(executor.name.clone(), key.clone());
        self.executors.insert(key, executor);
    }

    /// Forgets an executor of which nothing is left.
    fn forget(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        if let Some(executor) = self.executors.remove(key) {
            common.index.set_own(&executor.name, false);
            self.by_name.remove(&executor.name);
            for kind in [Kind::Pod, Kind::Executor] {
                common.lists.forget(kind, &executor.name);
            }
        }
        common.engine.handle(now, Event::Discarded(key.clone()));
    }

    /// Whether pods of a job are known that stay for their logs.
    #[cfg(test)]
    pub(super) fn retains(&self, job: &JobKey) -> bool {
        self.retained.has(job)
    }

    /// A job is gone, or another one has its name.
    pub(super) fn forget_job(&mut self, job: &JobKey) {
        self.retained.forget(job);
    }
}
