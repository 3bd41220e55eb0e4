//! Pods that others make and that wait for offers.
//!
//! Pods of one owner that ask for the same are one job of the engine, whose executors they are: it wants
//! as many as there are pods. The job has one stage, whose task nobody starts, as no executor ever says
//! that it is ready.

mod identity;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;
use proffer_core::ExecutorKey;
use proffer_core::action::Launch;
use proffer_core::event::{Departure, Event, JobObservation};
use proffer_core::jobs::{ExecutorSpec, JobKey, JobSpec, StageSpec};
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;

use super::super::pod::ObjectName;
use super::super::writes::Failure;
use super::common::Common;
use super::offered::{Found, OfferedPods, Placed};
use identity::Identity;

/// How long a job without pods is remembered that declines nodes.
const REMEMBERED: Span = Span::from_seconds(300);

/// The pods of others that wait for offers or were placed by them.
#[derive(Debug, Default)]
pub(super) struct Gated {
    pods: OfferedPods,
    groups: BTreeMap<JobKey, Group>,
    /// What the engine calls which pods.
    names: BTreeMap<Identity, JobKey>,
    /// When to forget which group, if it has no pods.
    forgets: BTreeSet<(Time, JobKey)>,
}

/// Pods that are one job for the engine.
#[derive(Debug)]
struct Group {
    identity: Identity,
    uid: Box<str>,
    /// Counts what the engine was told of it.
    generation: i64,
    created_at: Time,
    /// How many of its pods were placed before this process began.
    restored: u32,
}

impl Gated {
    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        let forget = self.forgets.first().map(|&(at, _)| at);
        self.pods.wakeup().into_iter().chain(forget).min()
    }

    /// Does what it is time for.
    pub(super) fn fire(&mut self, common: &mut Common, now: Time) {
        self.pods.fire(common, now);
        while let Some((at, key)) = self.forgets.first().filter(|(at, _)| *at <= now).cloned() {
            self.forgets.remove(&(at, key.clone()));
            self.pods.forget_declined(&key);
            if self.pods.placed_and_waiting(&key) == (0, 0) {
                self.tell_demand(common, now, &key);
            }
        }
    }

    /// Whether a job of the engine is made of these pods.
    pub(super) fn has(&self, job: &JobKey) -> bool {
        self.groups.contains_key(job)
    }

    /// Whether an executor is one of these pods.
    pub(super) fn has_placed(&self, executor: &ExecutorKey) -> bool {
        self.pods.is_placed(executor)
    }

    /// Whether a placed pod may be on a node.
    pub(super) fn is_on(&self, node: &str) -> bool {
        self.pods.is_on(node)
    }

    /// The engine accepted an offer for one of these pods.
    pub(super) fn launch(&mut self, common: &mut Common, now: Time, launch: Launch) {
        self.pods.place(common, now, launch);
    }

    /// The engine wants a pod to go.
    pub(super) fn remove(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        if !self.pods.remove(common, now, key) {
            common.gone(now, key, Departure::Asked);
        }
    }

    /// Says why pods wait, and that all is stored that there is to be stored: what is to be known after a
    /// restart stands in the pods.
    pub(super) fn explain(&mut self, common: &mut Common, now: Time, status: &JobStatus) {
        let written = Event::StatusWritten {
            job: status.key.clone(),
            uid: status.uid.clone(),
            revision: status.revision,
        };
        common.engine.handle(now, written);
        self.pods.explain_waiting(common, now, status);
    }

    /// Looks at a pod anew, which may be one of others now; says whether it is as it was.
    pub(super) fn look(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        is_others: bool,
    ) -> bool {
        let groups = &self.groups;
        let found = self.pods.look(common, now, name, |job, facts| {
            let group = groups.get(job);
            !is_others && group.is_some_and(|group| group.identity == Identity::of(name, facts))
        });
        if found == Found::Other {
            self.leave(common, now, name);
        }
        found == Found::Same
    }

    /// Makes a pod one of those that wait.
    pub(super) fn join(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        if let Some(group) = self.join_group(common, now, name) {
            self.tell_demand(common, now, &group);
        }
    }

    /// Makes a pod one of those that wait, with others that ask for the same.
    fn join_group(&mut self, common: &Common, now: Time, name: &ObjectName) -> Option<JobKey> {
        let pod = common.index.pod(name)?;
        let facts = pod.gated.as_deref()?;
        let identity = Identity::of(name, facts);
        let key = self.name_of(&identity);
        self.names.entry(identity.clone()).or_insert_with(|| key.clone());
        let uid = facts.owner.as_ref().map_or(&pod.uid, |owner| &owner.uid);
        let created_at = u64::try_from(facts.created_at).unwrap_or(0);
        let created_at = common.wall.read(Time::from_milliseconds(created_at));
        let group = self.groups.entry(key.clone()).or_insert_with(|| Group {
            identity,
            uid: uid.clone(),
            generation: 0,
            created_at: now,
            restored: 0,
        });
        group.created_at = group.created_at.min(created_at);
        self.pods.open(&key, &group.uid, &facts.pool);
        self.pods.join(&key, name, &pod.uid, facts.created_at);
        Some(key)
    }

    /// What the engine calls the pods of this identity: a name that others have is not theirs.
    fn name_of(&self, identity: &Identity) -> JobKey {
        if let Some(name) = self.names.get(identity) {
            return name.clone();
        }
        let mut number = 0;
        loop {
            let name = identity.job(number);
            if !self.groups.contains_key(&name) {
                return name;
            }
            number += 1;
        }
    }

    fn leave(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        if let Some(group) = self.pods.leave(common, now, name) {
            self.tell_demand(common, now, &group);
        }
    }

    /// Tells the engine how many pods there are, or that there are none.
    fn tell_demand(&mut self, common: &mut Common, now: Time, key: &JobKey) {
        let (placed, waiting) = self.pods.placed_and_waiting(key);
        let Some(group) = self.groups.get_mut(key) else { return };
        let pods = placed + waiting;
        if pods == 0 {
            if !self.pods.declines(key) {
                self.names.remove(&group.identity);
                self.groups.remove(key);
                self.pods.close(key);
                common.engine.handle(now, Event::JobGone(key.clone()));
                return;
            }
            let at = now + REMEMBERED;
            self.forgets.insert((at, key.clone()));
        }
        group.generation += 1;
        let shape = group.identity.shape();
        let spec = JobSpec {
            pool: group.identity.pool().into(),
            priority: shape.priority,
            executor: ExecutorSpec {
                request: shape.request.clone(),
                fixed: true,
                instances: u32::try_from(pods).unwrap_or(u32::MAX),
                node_selector: shape.node_selector.clone(),
                tolerations: shape.tolerations.clone(),
                ..ExecutorSpec::default()
            },
            stages: vec![StageSpec { name: "pods".into(), ..StageSpec::default() }],
            ..JobSpec::default()
        };
        let observed = JobObservation {
            key: key.clone(),
            uid: group.uid.clone(),
            generation: group.generation,
            created_at: group.created_at,
            spec: Ok(spec),
            status: None,
        };
        common.engine.handle(now, Event::Job(Box::new(observed)));
    }

    /// Takes in a pod that was placed before this process began. The engine is told when all are known.
    pub(super) fn restore(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        let Some(job) = self.join_group(common, now, name) else { return };
        let Some(group) = self.groups.get_mut(&job) else { return };
        let executor = ExecutorKey { job, index: group.restored, epoch: 0 };
        group.restored += 1;
        self.pods.seat(common, &executor, name);
    }

    /// Tells the engine how many pods were placed before this process began.
    pub(super) fn tell_restored(&mut self, common: &mut Common, now: Time) {
        let jobs: Vec<JobKey> = self.groups.keys().cloned().collect();
        jobs.iter().for_each(|job| self.tell_demand(common, now, job));
    }

    /// Tells the engine where the pods are that were placed before this process began.
    pub(super) fn tell_places(&mut self, common: &mut Common, now: Time) {
        self.pods.tell_places(common, now);
    }

    /// Takes in what came of placing a pod.
    pub(super) fn placed(
        &mut self,
        common: &mut Common,
        now: Time,
        launch: Launch,
        result: Result<Option<Box<Pod>>, Failure>,
    ) {
        if let Placed::Missing(name) = self.pods.placed(common, now, launch, result) {
            self.miss(common, now, &name);
        }
    }

    /// Takes in that a pod is gone; the watch may be behind.
    pub(super) fn miss(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        if self.pods.is_as_seen(common, name) {
            common.take_pod(name, None);
            self.leave(common, now, name);
        }
    }
}
