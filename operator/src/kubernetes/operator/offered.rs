//! Pods that wait for offers or were placed by them, as executors of jobs of the engine.
//!
//! An executor that the engine launches is the oldest of a job's pods that wait. How many it should launch
//! is for the rooms to say: `gated` for pods of others, `spark` for those of applications.

mod outcome;

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::ExecutorKey;
use proffer_core::action::Launch;
use proffer_core::event::{Departure, Event, ExecutorObservation};
use proffer_core::jobs::JobKey;
use proffer_core::reasons::Reason;
use proffer_core::time::Time;

use super::super::gated_pod::{GatedFacts, Step};
use super::super::pod::{ObjectName, PodFacts};
use super::super::wishes::{PodWish, Wish};
use super::common::Common;

/// Pods by the job of the engine that they belong to.
#[derive(Debug, Default)]
pub(super) struct OfferedPods {
    groups: BTreeMap<JobKey, Group>,
    members: BTreeMap<ObjectName, Member>,
    /// When to look at which pod again.
    looks: BTreeSet<(Time, ObjectName)>,
}

/// Pods that are one job for the engine.
#[derive(Debug)]
struct Group {
    uid: Box<str>,
    pool: Box<str>,
    /// Those that wait, oldest first.
    waiting: BTreeSet<(i64, ObjectName)>,
    /// Those that were offered a node.
    placed: BTreeMap<ExecutorKey, ObjectName>,
    /// When it was last said why the others wait.
    told_at: Option<Time>,
    /// Whether it declines nodes.
    declines: bool,
}

/// A pod.
#[derive(Debug)]
struct Member {
    group: JobKey,
    uid: Box<str>,
    created_at: i64,
    /// The executor that it is, once it was offered a node.
    executor: Option<ExecutorKey>,
    /// What the engine was last told of it: where it is, and whether it goes.
    told: Option<(Option<Box<str>>, bool)>,
    /// The word in its status for why it waits.
    explained: Option<Reason>,
    /// Since when the scheduler finds no place for it.
    unschedulable_since: Option<Time>,
    /// Why it is deleted, if that is why.
    refused: Option<String>,
}

/// What was found of a pod that was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is none of these.
    Stranger,
    /// It is what it was.
    Same,
    /// It is gone, or asks for something else.
    Other,
}

/// What came of placing a pod.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It was taken in.
    Settled,
    /// The pod is not there any more.
    Missing(ObjectName),
}

impl OfferedPods {
    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        self.looks.first().map(|&(at, _)| at)
    }

    /// Does what it is time for.
    pub(super) fn fire(&mut self, common: &mut Common, now: Time) {
        while let Some((at, name)) = self.looks.first().filter(|(at, _)| *at <= now).cloned() {
            self.looks.remove(&(at, name.clone()));
            self.judge(common, now, &name);
        }
    }

    /// The pods of a job that wait, oldest first.
    pub(super) fn waiting(&self, job: &JobKey) -> Vec<ObjectName> {
        let waiting = self.groups.get(job).into_iter().flat_map(|group| &group.waiting);
        waiting.map(|(_, name)| name.clone()).collect()
    }

    /// How many pods of a job were placed, and how many wait.
    pub(super) fn placed_and_waiting(&self, job: &JobKey) -> (usize, usize) {
        let group = self.groups.get(job);
        group.map_or((0, 0), |group| (group.placed.len(), group.waiting.len()))
    }

    /// Whether an executor is one of these pods.
    pub(super) fn is_placed(&self, executor: &ExecutorKey) -> bool {
        self.groups.get(&executor.job).is_some_and(|group| group.placed.contains_key(executor))
    }

    /// Whether a placed pod may be on a node.
    pub(super) fn is_on(&self, node: &str) -> bool {
        let mut told = self.members.values().filter_map(|member| member.told.as_ref());
        told.any(|(on, _)| on.as_deref() == Some(node))
    }

    /// Whether a job declines nodes.
    pub(super) fn declines(&self, job: &JobKey) -> bool {
        self.groups.get(job).is_some_and(|group| group.declines)
    }

    /// A job has declined nodes for long enough.
    pub(super) fn forget_declined(&mut self, job: &JobKey) {
        if let Some(group) = self.groups.get_mut(job) {
            group.declines = false;
        }
    }

    /// There may be pods of a job from now on: one of this uid, in this pool, if it is not known.
    pub(super) fn open(&mut self, job: &JobKey, uid: &str, pool: &str) {
        self.groups.entry(job.clone()).or_insert_with(|| Group {
            uid: uid.into(),
            pool: pool.into(),
            waiting: BTreeSet::new(),
            placed: BTreeMap::new(),
            told_at: None,
            declines: false,
        });
    }

    /// There are no pods of a job any more.
    pub(super) fn close(&mut self, job: &JobKey) {
        self.groups.remove(job);
    }

    /// Makes a pod one of those of a job that wait.
    pub(super) fn join(&mut self, job: &JobKey, name: &ObjectName, uid: &str, created_at: i64) {
        let Some(group) = self.groups.get_mut(job) else { return };
        group.waiting.insert((created_at, name.clone()));
        let member = Member {
            group: job.clone(),
            uid: uid.into(),
            created_at,
            executor: None,
            told: None,
            explained: None,
            unschedulable_since: None,
            refused: None,
        };
        self.members.insert(name.clone(), member);
    }

    /// Looks at a pod anew, which is to be one of a job still if it waits.
    pub(super) fn look(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        belongs: impl FnOnce(&JobKey, &GatedFacts) -> bool,
    ) -> Found {
        let Some(member) = self.members.get(name) else { return Found::Stranger };
        let pod = common.index.pod(name).filter(|pod| !pod.has_ended && pod.uid == member.uid);
        let stays = pod.is_some_and(|pod| {
            let waits = |facts: &GatedFacts| {
                // What waits may still ask for something else.
                !pod.is_deleting && facts.step == Step::Waits && belongs(&member.group, facts)
            };
            let facts = pod.gated.as_deref();
            facts.is_some_and(|facts| member.executor.is_some() || waits(facts))
        });
        if !stays {
            return Found::Other;
        }
        self.tell_place(common, now, name);
        self.judge(common, now, name);
        Found::Same
    }

    /// Takes in that a pod is gone, or asks for something else. Returns the job that it was counted to.
    pub(super) fn leave(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
    ) -> Option<JobKey> {
        let member = self.members.remove(name)?;
        common.queue.pods.drop_waiting(name, |_| true);
        let group = self.groups.get_mut(&member.group)?;
        group.waiting.remove(&(member.created_at, name.clone()));
        if let Some(executor) = member.executor {
            group.placed.remove(&executor);
            group.declines |= member.refused.is_some();
            common.index.set_own(name, false);
            let departure = member.refused.map_or(Departure::Asked, Departure::Refused);
            common.gone(now, &executor, departure);
        }
        Some(member.group)
    }

    /// Whether a pod is as it was last seen; then a write that found none knows more.
    pub(super) fn is_as_seen(&self, common: &Common, name: &ObjectName) -> bool {
        let uid = self.members.get(name).map(|member| &member.uid);
        uid.is_some() && common.index.pod(name).map(|pod| &pod.uid) == uid
    }

    /// The engine accepted an offer for one of these pods.
    pub(super) fn place(&mut self, common: &mut Common, now: Time, launch: Launch) {
        let Some(group) = self.groups.get(&launch.key.job) else { return };
        let known = group.placed.get(&launch.key);
        let next = known.or_else(|| group.waiting.first().map(|(_, name)| name));
        let Some(name) = next.cloned() else {
            common.gone(now, &launch.key, Departure::Withdrawn("its pod is gone".to_owned()));
            return;
        };
        self.seat(common, &launch.key, &name);
        common.queue.push(Wish::Pod(name, PodWish::Place(launch)));
    }

    /// Makes the pod that waits longest an executor of the engine. Returns its name.
    pub(super) fn seat_first(
        &mut self,
        common: &mut Common,
        executor: &ExecutorKey,
    ) -> Option<ObjectName> {
        let (_, name) = self.groups.get(&executor.job)?.waiting.first().cloned()?;
        self.seat(common, executor, &name);
        Some(name)
    }

    /// Makes a pod that waits an executor of the engine, which accounts for it from now on.
    pub(super) fn seat(&mut self, common: &mut Common, executor: &ExecutorKey, name: &ObjectName) {
        let Some(member) = self.members.get_mut(name) else { return };
        let Some(group) = self.groups.get_mut(&member.group) else { return };
        member.executor = Some(executor.clone());
        group.waiting.remove(&(member.created_at, name.clone()));
        group.placed.insert(executor.clone(), name.clone());
        common.index.set_own(name, true);
    }

    /// A pod waits again, as nothing came of the offer.
    fn unseat(&mut self, common: &mut Common, now: Time, name: &ObjectName, departure: Departure) {
        let Some(member) = self.members.get_mut(name) else { return };
        let Some(executor) = member.executor.take() else { return };
        member.told = None;
        if let Some(group) = self.groups.get_mut(&member.group) {
            group.placed.remove(&executor);
            group.waiting.insert((member.created_at, name.clone()));
        }
        common.index.set_own(name, false);
        common.gone(now, &executor, departure);
    }

    /// The engine wants a pod to go; says whether there is one.
    pub(super) fn remove(
        &mut self,
        common: &mut Common,
        now: Time,
        executor: &ExecutorKey,
    ) -> bool {
        let group = self.groups.get(&executor.job);
        let Some(name) = group.and_then(|group| group.placed.get(executor)).cloned() else {
            return false;
        };
        let was_placed = self.members.get(&name).is_some_and(|it| it.told.is_some());
        let is_placed = was_placed || common.index.pod(&name).is_some_and(is_placed);
        if is_placed || common.queue.pods.is_in_flight(&name) {
            common.delete_pod(&name);
        } else {
            // It still waits, and may go on with that.
            common.queue.pods.drop_waiting(&name, |wish| matches!(wish, PodWish::Place(_)));
            self.unseat(common, now, &name, Departure::Asked);
        }
        true
    }

    /// Tells the engine where all placed pods are.
    pub(super) fn tell_places(&mut self, common: &mut Common, now: Time) {
        let names: Vec<ObjectName> = self.members.keys().cloned().collect();
        names.iter().for_each(|name| self.tell_place(common, now, name));
    }

    /// Tells the engine where a placed pod is, and whether it goes.
    fn tell_place(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        let Some(member) = self.members.get_mut(name) else { return };
        let Some(executor) = &member.executor else { return };
        let Some(pod) = common.index.pod(name) else { return };
        let Some(facts) = &pod.gated else { return };
        let Step::Placed(pinned) = &facts.step else { return };
        let told = (pod.node.clone().or_else(|| pinned.clone()), pod.is_deleting);
        if member.told.as_ref() == Some(&told) {
            return;
        }
        let Some(group) = self.groups.get(&member.group) else { return };
        let observed = ExecutorObservation {
            key: executor.clone(),
            job_uid: group.uid.clone(),
            pool: group.pool.clone(),
            node: told.0.clone(),
            request: facts.shape.request.clone(),
            attempts: Vec::new(),
            acknowledged_report: 0,
            terminating: told.1,
        };
        member.told = Some(told);
        common.engine.handle(now, Event::Executor(Box::new(observed)));
    }
}

/// Whether a pod was placed by an offer.
pub(super) fn is_placed(pod: &PodFacts) -> bool {
    pod.gated.as_ref().is_some_and(|facts| matches!(facts.step, Step::Placed(_)))
}
