//! Pods that others make and that wait for offers.
//!
//! Pods of one owner that ask for the same are one job of the engine, whose executors they are: it wants
//! as many as there are pods. An executor that the engine launches is the oldest of them that waits. The
//! job has one stage, whose task nobody starts, as no executor ever says that it is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use proffer_core::ExecutorKey;
use proffer_core::action::{Launch, Search};
use proffer_core::event::{Departure, Event, ExecutorObservation, JobObservation};
use proffer_core::jobs::{ExecutorSpec, JobKey, JobSpec, StageSpec};
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;
use proffer_crds::spark::Place;

use super::super::gated_pod::{GatedFacts, Owner, Shape, Step};
use super::super::names::OFFERED_CONDITION;
use super::super::notices::Notice;
use super::super::pod::{ObjectName, PodFacts, pod_facts};
use super::super::wishes::{Explanation, PodWish, Wish};
use super::super::writes::Failure;
use super::{Change, Operator};
use crate::convert;

/// How long the scheduler may find that a placed pod does not fit: what it knows may be older than what
/// the engine knows.
const UNSCHEDULABLE_PATIENCE_MILLISECONDS: Span = Span::from_seconds(5);

/// How long a job without pods is remembered that declines nodes.
const REMEMBERED_MILLISECONDS: Span = Span::from_seconds(300);

/// The least time between two explanations of why a pod waits for the same reason.
const EXPLAIN_INTERVAL_MILLISECONDS: Span = Span::from_seconds(30);

/// The pods that wait for offers or were placed by them.
#[derive(Debug, Default)]
pub(super) struct Gated {
    groups: BTreeMap<JobKey, Group>,
    members: BTreeMap<ObjectName, Member>,
    /// When to look at which pod again.
    looks: BTreeSet<(Time, ObjectName)>,
    /// When to forget which group, if it has no pods.
    forgets: BTreeSet<(Time, JobKey)>,
}

/// Pods that are one job for the engine.
#[derive(Debug, Default)]
struct Group {
    uid: Box<str>,
    pool: Box<str>,
    shape: Shape,
    /// Counts what the engine was told of it.
    generation: i64,
    created_at: Time,
    /// Those that wait, oldest first.
    waiting: BTreeSet<(i64, ObjectName)>,
    /// Those that were offered a node.
    placed: BTreeMap<ExecutorKey, ObjectName>,
    /// Places of a Spark application that have no pods yet, with their nodes.
    places: BTreeMap<ExecutorKey, Option<Box<str>>>,
    /// How many places of it the engine was told of.
    told_places: u32,
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
    explained: Option<&'static str>,
    /// Since when the scheduler finds no place for it.
    unschedulable_since: Option<Time>,
    /// Why it is deleted, if that is why.
    refused: Option<String>,
}

impl Gated {
    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        let look = self.looks.first().map(|&(at, _)| at);
        look.into_iter().chain(self.forgets.first().map(|&(at, _)| at)).min()
    }

    /// Whether a job of the engine is made of pods.
    pub(super) fn has(&self, job: &JobKey) -> bool {
        self.groups.contains_key(job)
    }

    /// How many pods a job has.
    pub(super) fn count(&self, job: &JobKey) -> u32 {
        let (placed, waiting) = self.placed_and_waiting(job);
        u32::try_from(placed + waiting).unwrap_or(u32::MAX)
    }

    /// How many pods of a job were placed, and how many wait.
    pub(super) fn placed_and_waiting(&self, job: &JobKey) -> (usize, usize) {
        let group = self.groups.get(job);
        group.map_or((0, 0), |group| (group.placed.len(), group.waiting.len()))
    }

    /// The places of a Spark application that have no pods yet.
    pub(super) fn places(&self, job: &JobKey) -> impl Iterator<Item = Place> {
        let places = self.groups.get(job).into_iter().flat_map(|group| &group.places);
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        places.map(move |(key, node)| Place {
            index: number(key.index),
            epoch: number(key.epoch),
            node: node.as_deref().unwrap_or_default().to_owned(),
        })
    }

    /// Whether a placed pod may be on a node.
    pub(super) fn is_on(&self, node: &str) -> bool {
        let told = self.members.values().filter_map(|member| member.told.as_ref());
        told.into_iter().any(|(on, _)| on.as_deref() == Some(node))
    }
}

impl Operator {
    /// Takes in what was placed before this process began. Everything else follows when all was seen.
    pub(super) fn restore_gated(&mut self, now: Time) {
        let placed: Vec<ObjectName> = self
            .index
            .pods()
            .filter(|(_, pod)| !pod.has_ended && is_placed(pod))
            .map(|(name, _)| name.clone())
            .collect();
        let mut counts: BTreeMap<JobKey, u32> = BTreeMap::new();
        for name in placed {
            let Some(group) = self.join_group(now, &name) else { continue };
            let index = counts.entry(group.clone()).or_default();
            // What stands in a job's status goes by the names that its executors have had.
            let known = self.index.pod(&name).and_then(|pod| pod.gated.as_ref()?.executor);
            let (index, epoch) = match known.filter(|_| self.jobs.contains_key(&group)) {
                Some(known) => known,
                None => (std::mem::replace(index, *index + 1), 0),
            };
            let executor = ExecutorKey { job: group, index, epoch };
            self.seat(&executor, &name);
        }
        for group in counts.into_keys() {
            self.tell_demand(now, &group);
        }
        let placed: Vec<ObjectName> = self.gated.members.keys().cloned().collect();
        for name in placed {
            self.tell_place(now, &name);
        }
    }

    /// Draws the conclusions from what is known of a pod.
    pub(super) fn review_gated(&mut self, now: Time, name: &ObjectName) {
        let pod = self.index.pod(name).filter(|pod| !pod.has_ended);
        let facts = pod.and_then(|pod| Some((pod, pod.gated.as_deref()?)));
        if let Some(member) = self.gated.members.get(name) {
            let stays = facts.is_some_and(|(pod, facts)| {
                let is_same = pod.uid == member.uid;
                // What waits may still ask for something else.
                is_same
                    && (member.executor.is_some()
                        || !pod.is_deleting
                            && facts.step == Step::Waits
                            && self.group_of(name, facts).as_ref() == Some(&member.group))
            });
            if stays {
                self.tell_place(now, name);
                self.judge_placed(now, name);
                return;
            }
            self.leave_group(now, name);
        }
        let Some(pod) = self.index.pod(name).filter(|pod| !pod.has_ended && !pod.is_deleting)
        else {
            return;
        };
        let namespaces = &self.settings.namespaces;
        let is_served = namespaces.is_empty() || namespaces.contains(&*name.namespace);
        if is_served
            && pod.gated.as_ref().is_some_and(|facts| facts.step == Step::Waits)
            && let Some(group) = self.join_group(now, name)
        {
            self.check_version(&group, name);
            self.tell_demand(now, &group);
            self.fill_places(&group);
            self.note_spark(&group);
        } else if self.is_left_over(name) {
            self.delete_gated(name);
        }
    }

    /// Whether a pod waits for an application that is over. Its driver's pod stays for the log, so nobody
    /// else deletes it.
    fn is_left_over(&self, name: &ObjectName) -> bool {
        let facts = self.index.pod(name).and_then(|pod| pod.gated.as_deref());
        let Some(facts) = facts.filter(|facts| facts.step == Step::Waits) else { return false };
        let Some((job, application)) = &facts.application else { return false };
        let job = JobKey { namespace: name.namespace.clone(), name: Arc::from(&**job) };
        self.spark_of(&job).is_some() && !self.sparks.is_current(&job, application)
    }

    /// The job that a pod is counted to: that of its owner, or the Spark job whose application it belongs
    /// to. Executors of an application that is over wait for nothing any more.
    fn group_of(&self, name: &ObjectName, facts: &GatedFacts) -> Option<JobKey> {
        let Some((job, application)) = &facts.application else {
            return Some(group_key(name, facts));
        };
        let job = JobKey { namespace: name.namespace.clone(), name: Arc::from(&**job) };
        let Some(spec) = self.spark_of(&job).map(|(object, _)| convert::job_spec(object)) else {
            return Some(group_key(name, facts));
        };
        if !self.sparks.is_current(&job, application) {
            return None;
        }
        // Of another size than the others (a resource profile of its own), it is asked for by itself.
        let place = spec.map(|spec| spec.executor.request).unwrap_or_default();
        let fits = facts.shape.request.iter().all(|(kind, amount)| {
            place.iter().any(|(name, place)| name == kind && amount <= place) || *amount == 0
        });
        Some(if fits { job } else { group_key(name, facts) })
    }

    /// The engine gave a Spark application a place: for its driver, for an executor that waits, or for
    /// one that is to come.
    pub(super) fn take_place(&mut self, now: Time, launch: Launch) {
        let job = launch.key.job.clone();
        if launch.key.index == 0 {
            self.want_driver(now, launch);
            return;
        }
        if self.gated.groups.get(&job).is_some_and(|group| group.placed.contains_key(&launch.key)) {
            self.place_one(now, launch);
            return;
        }
        self.hold_place(now, &launch.key, launch.node);
        self.fill_places(&job);
        self.note_spark(&job);
    }

    /// Holds a place for an executor that is to come.
    pub(super) fn hold_place(&mut self, now: Time, key: &ExecutorKey, node: Option<Box<str>>) {
        let Some((object, spec)) = self
            .spark_of(&key.job)
            .and_then(|(object, _)| Some((Arc::clone(object), convert::job_spec(object).ok()?)))
        else {
            return;
        };
        let uid: Box<str> = object.metadata.uid.clone().unwrap_or_default().into();
        let group = self.spark_group(now, &key.job, &uid, &spec.pool);
        if group.placed.contains_key(key) {
            return;
        }
        group.places.insert(key.clone(), node.clone());
        let observed = ExecutorObservation {
            key: key.clone(),
            job_uid: uid,
            pool: spec.pool,
            node,
            request: spec.executor.request,
            attempts: Vec::new(),
            acknowledged_report: 0,
            terminating: false,
        };
        self.engine.handle(now, Event::Executor(Box::new(observed)));
    }

    fn spark_group(&mut self, now: Time, job: &JobKey, uid: &str, pool: &str) -> &mut Group {
        self.gated.groups.entry(job.clone()).or_insert_with(|| Group {
            uid: uid.into(),
            pool: pool.into(),
            created_at: now,
            ..Group::default()
        })
    }

    /// Puts pods that wait into places that are held.
    fn fill_places(&mut self, job: &JobKey) {
        loop {
            let Some(group) = self.gated.groups.get_mut(job) else { return };
            let Some((_, name)) = group.waiting.first().cloned() else { return };
            let Some((key, node)) = group.places.pop_first() else { return };
            self.seat(&key, &name);
            let launch = Launch { key, node, search: Search::default() };
            self.queue.push(Wish::Pod(name, PodWish::Place(launch)));
            self.note_spark(job);
        }
    }

    /// Looks again at the pods of an application that wait: it may be over.
    pub(super) fn review_waiting(&mut self, now: Time, job: &JobKey) {
        let waiting = self.gated.groups.get(job).map(|group| group.waiting.clone());
        for (_, name) in waiting.unwrap_or_default() {
            self.review_gated(now, &name);
        }
        self.tell_demand(now, job);
    }

    /// Makes a pod one of those that wait, with others that ask for the same.
    fn join_group(&mut self, now: Time, name: &ObjectName) -> Option<JobKey> {
        let pod = self.index.pod(name)?;
        let facts = pod.gated.as_deref()?;
        let key = self.group_of(name, facts)?;
        let uid = self.jobs.get(&key).and_then(|job| job.object.metadata.uid.clone());
        let uid = uid.map(Box::from);
        let pod = self.index.pod(name)?;
        let facts = pod.gated.as_deref()?;
        let group = self.gated.groups.entry(key.clone()).or_insert_with(|| Group {
            uid: uid.unwrap_or_else(|| {
                facts.owner.as_ref().map_or(&pod.uid, |owner| &owner.uid).clone()
            }),
            pool: facts.pool.clone(),
            shape: facts.shape.clone(),
            created_at: now,
            ..Group::default()
        });
        let created_at = u64::try_from(facts.created_at).unwrap_or(0);
        let created_at = Time::from_milliseconds(created_at);
        group.created_at = group.created_at.min(created_at);
        group.waiting.insert((facts.created_at, name.clone()));
        let member = Member {
            group: key.clone(),
            uid: pod.uid.clone(),
            created_at: facts.created_at,
            executor: None,
            told: None,
            explained: None,
            unschedulable_since: None,
            refused: None,
        };
        self.gated.members.insert(name.clone(), member);
        Some(key)
    }

    /// Takes in that a pod is gone, or asks for something else.
    fn leave_group(&mut self, now: Time, name: &ObjectName) {
        let Some(member) = self.gated.members.remove(name) else { return };
        self.queue.pods.drop_waiting(name, |_| true);
        let Some(group) = self.gated.groups.get_mut(&member.group) else { return };
        group.waiting.remove(&(member.created_at, name.clone()));
        if let Some(executor) = member.executor {
            group.placed.remove(&executor);
            group.declines |= member.refused.is_some();
            self.index.set_own(name, false);
            let departure = member.refused.map_or(Departure::Asked, Departure::Refused);
            self.gone(now, &executor, departure);
        }
        self.note_spark(&member.group);
        self.tell_demand(now, &member.group);
        self.let_nodes_go(now);
    }

    /// Tells the engine how many pods there are, or that there are none.
    pub(super) fn tell_demand(&mut self, now: Time, key: &JobKey) {
        if let Some(places) = self.places_of(now, key) {
            self.tell_places(now, key, places);
            return;
        }
        let Some(group) = self.gated.groups.get_mut(key) else { return };
        let pods = group.waiting.len() + group.placed.len();
        if is_spark_group(key) {
            // Its job is gone, and the engine knows.
            if pods == 0 && self.gated.groups.get(key).is_some_and(|it| it.places.is_empty()) {
                self.gated.groups.remove(key);
            }
            return;
        }
        let Some(group) = self.gated.groups.get_mut(key) else { return };
        if pods == 0 {
            if !group.declines {
                self.gated.groups.remove(key);
                self.engine.handle(now, Event::JobGone(key.clone()));
                return;
            }
            let at = now + REMEMBERED_MILLISECONDS;
            self.gated.forgets.insert((at, key.clone()));
        }
        group.generation += 1;
        let spec = JobSpec {
            pool: group.pool.clone(),
            priority: group.shape.priority,
            executor: ExecutorSpec {
                request: group.shape.request.clone(),
                fixed: true,
                instances: u32::try_from(pods).unwrap_or(u32::MAX),
                node_selector: group.shape.node_selector.clone(),
                tolerations: group.shape.tolerations.clone(),
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
        self.engine.handle(now, Event::Job(Box::new(observed)));
    }

    /// Tells the engine how many places an application should have, and gives back those beyond.
    fn tell_places(&mut self, now: Time, key: &JobKey, places: u32) {
        let mut surplus = Vec::new();
        if let Some(group) = self.gated.groups.get_mut(key) {
            let executors = places.saturating_sub(1) as usize;
            while group.placed.len() + group.places.len() > executors {
                let Some((place, _)) = group.places.pop_last() else { break };
                surplus.push(place);
            }
            if group.told_places == places && surplus.is_empty() {
                return;
            }
            group.told_places = places;
        }
        for place in surplus {
            self.gone(now, &place, Departure::Asked);
        }
        self.tell_engine_again(now, key);
        self.note_spark(key);
    }

    /// The engine accepted an offer for one of these pods.
    pub(super) fn place_one(&mut self, now: Time, launch: Launch) {
        let Some(group) = self.gated.groups.get(&launch.key.job) else { return };
        let known = group.placed.get(&launch.key);
        let next = known.or_else(|| group.waiting.first().map(|(_, name)| name));
        let Some(name) = next.cloned() else {
            self.gone(now, &launch.key, Departure::Withdrawn("its pod is gone".to_owned()));
            return;
        };
        self.seat(&launch.key, &name);
        self.queue.push(Wish::Pod(name, PodWish::Place(launch)));
    }

    /// Makes a pod that waits an executor of the engine, which accounts for it from now on.
    fn seat(&mut self, executor: &ExecutorKey, name: &ObjectName) {
        let Some(member) = self.gated.members.get_mut(name) else { return };
        let Some(group) = self.gated.groups.get_mut(&member.group) else { return };
        member.executor = Some(executor.clone());
        group.waiting.remove(&(member.created_at, name.clone()));
        group.placed.insert(executor.clone(), name.clone());
        self.index.set_own(name, true);
    }

    /// The engine wants a pod to go.
    pub(super) fn remove_gated(&mut self, now: Time, key: &ExecutorKey) {
        if let Some(group) = self.gated.groups.get_mut(&key.job)
            && group.places.remove(key).is_some()
        {
            self.note_spark(&key.job);
        }
        let group = self.gated.groups.get(&key.job);
        let Some(name) = group.and_then(|group| group.placed.get(key)).cloned() else {
            self.gone(now, key, Departure::Asked);
            if is_spark_group(&key.job) {
                self.tell_demand(now, &key.job);
            }
            return;
        };
        let was_placed = self.gated.members.get(&name).is_some_and(|it| it.told.is_some());
        let is_placed = was_placed || self.index.pod(&name).is_some_and(is_placed);
        if !is_placed && !self.queue.pods.is_in_flight(&name) {
            // It still waits, and may go on with that.
            self.queue.pods.drop_waiting(&name, |wish| matches!(wish, PodWish::Place(_)));
            self.unseat(now, &name, Departure::Asked);
            return;
        }
        self.delete_gated(&name);
    }

    /// A pod waits again, as nothing came of the offer.
    fn unseat(&mut self, now: Time, name: &ObjectName, departure: Departure) {
        let Some(member) = self.gated.members.get_mut(name) else { return };
        let Some(executor) = member.executor.take() else { return };
        member.told = None;
        if let Some(group) = self.gated.groups.get_mut(&member.group) {
            group.placed.remove(&executor);
            group.waiting.insert((member.created_at, name.clone()));
        }
        self.index.set_own(name, false);
        self.gone(now, &executor, departure);
    }

    pub(super) fn delete_gated(&mut self, name: &ObjectName) {
        let Some(pod) = self.index.pod(name).filter(|pod| !pod.is_deleting) else { return };
        let wish = PodWish::Delete { uid: pod.uid.clone(), grace_seconds: None };
        self.queue.push(Wish::Pod(name.clone(), wish));
    }

    /// Tells the engine where a placed pod is, and whether it goes.
    fn tell_place(&mut self, now: Time, name: &ObjectName) {
        let Some(member) = self.gated.members.get_mut(name) else { return };
        let Some(executor) = &member.executor else { return };
        let Some(pod) = self.index.pod(name) else { return };
        let Some(facts) = &pod.gated else { return };
        let Step::Placed(pinned) = &facts.step else { return };
        let told = (pod.node.clone().or_else(|| pinned.clone()), pod.is_deleting);
        if member.told.as_ref() == Some(&told) {
            return;
        }
        let Some(group) = self.gated.groups.get(&member.group) else { return };
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
        self.engine.handle(now, Event::Executor(Box::new(observed)));
    }

    /// What the scheduler says of a placed pod: one that finds no place is made anew, if somebody does that.
    fn judge_placed(&mut self, now: Time, name: &ObjectName) {
        let Some(member) = self.gated.members.get_mut(name) else { return };
        let Some(pod) = self.index.pod(name).filter(|pod| !pod.is_deleting) else { return };
        let Some(facts) = &pod.gated else { return };
        let pinned = matches!(&facts.step, Step::Placed(Some(_)));
        let Some(message) = facts.unschedulable.as_ref().filter(|_| pinned) else {
            member.unschedulable_since = None;
            return;
        };
        if member.refused.is_some() {
            return;
        }
        let since = *member.unschedulable_since.get_or_insert(now);
        let at = since + UNSCHEDULABLE_PATIENCE_MILLISECONDS;
        if now < at {
            self.gated.looks.insert((at, name.clone()));
            return;
        }
        member.refused = Some(message.clone());
        let is_bare = facts.owner.is_none();
        let note = if is_bare {
            format!(
                "the scheduler finds that the pod does not fit on the node that was offered to it, and a \
                 pod cannot be made to wait again: delete it and make it anew ({message})"
            )
        } else {
            format!(
                "the scheduler finds that the pod does not fit on the node that was offered to it, so it \
                 is deleted for its owner to make another one ({message})"
            )
        };
        self.notices.push(Notice::of_pod(name, &pod.uid, true, "Unschedulable", &note));
        if !is_bare {
            self.delete_gated(name);
        }
    }

    /// Says why pods wait, and that all is stored that there is to be stored: what is to be known after a
    /// restart stands in the pods.
    pub(super) fn explain_gated(&mut self, now: Time, status: &JobStatus) {
        let written = Event::StatusWritten {
            job: status.key.clone(),
            uid: status.uid.clone(),
            revision: status.revision,
        };
        self.engine.handle(now, written);
        self.explain_waiting(now, status);
    }

    /// Says why the pods of a job wait.
    pub(super) fn explain_waiting(&mut self, now: Time, status: &JobStatus) {
        let Some(group) = self.gated.groups.get_mut(&status.key) else { return };
        group.declines |= !status.declined_nodes.is_empty();
        let Some(reason) = status.reason else { return };
        let again = group.told_at.is_none_or(|at| at + EXPLAIN_INTERVAL_MILLISECONDS <= now);
        if again {
            group.told_at = Some(now);
        }
        let message = status.message.clone().unwrap_or_default();
        let problem = ["NoPool", "NamespaceMayNotUsePool", "PoolDeleted", "LargerThanAnyNode"];
        for (_, name) in &group.waiting {
            let Some(member) = self.gated.members.get_mut(name) else { continue };
            let before = member.explained.replace(reason);
            if before == Some(reason) && !again {
                continue;
            }
            if before != Some(reason) && problem.contains(&reason) {
                let notice = Notice::of_pod(name, &member.uid, true, reason, &message);
                self.notices.push(notice);
            }
            let explanation = Explanation {
                uid: member.uid.clone(),
                offered: false,
                reason: reason.into(),
                message: message.clone(),
            };
            self.queue.push(Wish::Pod(name.clone(), PodWish::Explain(explanation)));
        }
    }

    /// Takes in what came of placing a pod.
    pub(super) fn placed(
        &mut self,
        now: Time,
        launch: &Launch,
        result: Result<Option<Box<Pod>>, Failure>,
    ) {
        let group = self.gated.groups.get(&launch.key.job);
        let Some(name) = group.and_then(|group| group.placed.get(&launch.key)).cloned() else {
            return;
        };
        match result {
            Ok(Some(pod)) => {
                let facts = pod_facts(&pod);
                // What a watch has told meanwhile is newer.
                if self.index.pod(&name).is_some_and(|known| !is_placed(known)) {
                    self.observe(now, Change::Pod(name.clone(), Some(Box::new(facts))));
                }
                if says_why_it_waits(&pod)
                    && let Some(member) = self.gated.members.get(&name)
                {
                    let node = launch.node.as_deref();
                    let explanation = Explanation {
                        uid: member.uid.clone(),
                        offered: true,
                        reason: "OfferAccepted".into(),
                        message: node.map_or_else(
                            || "it goes wherever there comes to be room".to_owned(),
                            |node| format!("node {node} was offered and accepted"),
                        ),
                    };
                    self.queue.push(Wish::Pod(name, PodWish::Explain(explanation)));
                }
            }
            Ok(None) => self.miss_gated(now, &name),
            Err(Failure::Refused(problem)) => {
                let uid = self.gated.members.get(&name).map(|member| member.uid.clone());
                let notice =
                    uid.map(|uid| Notice::of_pod(&name, &uid, true, "NotPlaced", &problem));
                self.notices.extend(notice);
                self.unseat(now, &name, Departure::Withdrawn(problem));
            }
            Err(Failure::Unknown(_)) => {
                self.queue.push(Wish::Pod(name, PodWish::Place(launch.clone())));
            }
        }
    }

    /// Takes in that a pod is gone; the watch may be behind.
    pub(super) fn miss_gated(&mut self, now: Time, name: &ObjectName) {
        let uid = self.gated.members.get(name).map(|member| &member.uid);
        if uid.is_some() && self.index.pod(name).map(|pod| &pod.uid) == uid {
            self.observe(now, Change::Pod(name.clone(), None));
        }
    }

    /// Does what it is time for.
    pub(super) fn fire_gated_timers(&mut self, now: Time) {
        while let Some((at, name)) = self.gated.looks.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.gated.looks.remove(&(at, name.clone()));
            self.judge_placed(now, &name);
        }
        while let Some((at, key)) = self.gated.forgets.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.gated.forgets.remove(&(at, key.clone()));
            if let Some(group) = self.gated.groups.get_mut(&key) {
                group.declines = false;
                let is_empty = group.waiting.is_empty() && group.placed.is_empty();
                if is_empty {
                    self.tell_demand(now, &key);
                }
            }
        }
    }
}

/// Whether a job is one of Spark, whose names have no kind in front.
fn is_spark_group(key: &JobKey) -> bool {
    !key.name.contains('/')
}

fn is_placed(pod: &PodFacts) -> bool {
    pod.gated.as_ref().is_some_and(|facts| matches!(facts.step, Step::Placed(_)))
}

/// Whether a pod's status says that it was not offered anything.
fn says_why_it_waits(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|it| it.type_ == OFFERED_CONDITION && it.status == "False")
}

/// The name that pods have together as a job: that of their owner, and a mark of what they ask for.
fn group_key(name: &ObjectName, facts: &GatedFacts) -> JobKey {
    let (kind, owner): (String, &str) = match &facts.owner {
        Some(Owner { kind, name, .. }) => (kind.to_ascii_lowercase(), name),
        None => ("pod".to_owned(), &name.name),
    };
    let uid = facts.owner.as_ref().map_or("", |owner| &owner.uid);
    let mark = format!("{uid} {} {:?}", facts.pool, facts.shape);
    let mark = mark
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    JobKey { namespace: name.namespace.clone(), name: format!("{kind}/{owner}~{mark:08x}").into() }
}
