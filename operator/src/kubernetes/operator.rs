//! The operator around the engine: what watches tell becomes events, what the engine wants becomes
//! writes, and what comes of them events again. No IO here.
//!
//! - `executors` follows each executor through its pod and its object.
//! - `gated` is about pods that others make and that wait for offers.
//! - `mesos` is about frameworks of Mesos and the pods of their tasks.
//! - `objects` is about jobs and pools.
//! - `spark` is about drivers of Spark and the places of their executors.
//! - `intents` turns what is wanted into writes, and takes in what came of them.

mod executors;
mod gated;
mod intents;
mod mesos;
mod objects;
mod spark;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proffer_core::ExecutorKey;
use proffer_core::action::Action;
use proffer_core::engine::Settings;
use proffer_core::event::{Departure, Event};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;
use proffer_crds::{ResourcePool, SparkExecutor, SparkJob};

use super::executor_pod::PodSettings;
use super::index::Index;
use super::node::NodeFacts;
use super::notices::Notice;
use super::pod::{ObjectName, PodFacts};
use super::queue::Queue;
use super::wishes::{ExecutorWish, JobWish, PoolWish, Wish};
use crate::record::RecordedEngine;
use executors::Executor;
use gated::Gated;
use mesos::Mesos;
pub(crate) use mesos::MesosSettings;
pub(crate) use objects::wall_clock;
use spark::Sparks;

/// The pool of jobs that name none.
const DEFAULT_POOL: &str = "default";

/// The kinds of objects that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Nodes.
    Node,
    /// Pools.
    Pool,
    /// Jobs.
    Job,
    /// Executors' objects.
    Executor,
    /// Pods.
    Pod,
}

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum Change {
    /// A node, by name; `None` if it is gone, as below.
    Node(Arc<str>, Option<Box<NodeFacts>>),
    /// A pool, by name.
    Pool(Arc<str>, Option<Arc<ResourcePool>>),
    /// A job.
    Job(ObjectName, Option<Arc<SparkJob>>),
    /// An executor's object.
    Executor(ObjectName, Option<Box<SparkExecutor>>),
    /// A pod.
    Pod(ObjectName, Option<Box<PodFacts>>),
    /// There is an object that cannot be read, and people should hear so.
    Unreadable(Kind, ObjectName, Box<Notice>),
    /// All objects of a kind are told anew from now on.
    Listing(Kind),
    /// All objects of a kind were told: others there are none.
    Listed(Kind),
}

/// What the operator has to know beside the engine's settings.
#[derive(Clone, Debug)]
pub(crate) struct OperatorSettings {
    /// Of the engine.
    pub(crate) engine: Settings,
    /// Of executors' pods.
    pub(crate) pods: PodSettings,
    /// How long an executor may take to report when its pod has a node.
    pub(crate) start_timeout: Span,
    /// The most writes on their way at once.
    pub(crate) most_writes_in_flight: usize,
    /// The most writes in a second, over a while.
    pub(crate) writes_per_second: u32,
    /// The namespaces whose jobs are served; all if none is named.
    pub(crate) namespaces: BTreeSet<String>,
    /// Whether to make the pool of jobs that name none, if there is none.
    pub(crate) makes_default_pool: bool,
    /// How frameworks of Mesos are served, if they are.
    pub(crate) mesos: Option<MesosSettings>,
}

/// A job as last seen.
#[derive(Debug)]
struct Job {
    object: Arc<SparkJob>,
    /// What was last published, to tell what is new.
    published: Option<Box<JobStatus>>,
    /// When that was.
    published_at: Time,
    /// Pods that stay with their logs, oldest first.
    retained: Vec<(ObjectName, Box<str>)>,
}

/// A pool as last seen.
#[derive(Debug)]
struct Pool {
    object: Arc<ResourcePool>,
}

/// The operator.
pub(crate) struct Operator {
    engine: RecordedEngine,
    settings: OperatorSettings,
    index: Index,
    jobs: BTreeMap<JobKey, Job>,
    pools: BTreeMap<Box<str>, Pool>,
    executors: BTreeMap<ExecutorKey, Executor>,
    executor_names: BTreeMap<ObjectName, ExecutorKey>,
    gated: Gated,
    sparks: Sparks,
    mesos: Option<Mesos>,
    queue: Queue,
    /// Names of a kind that were told since it is listed.
    listing: BTreeMap<Kind, BTreeSet<ObjectName>>,
    /// The kinds that were listed at least once.
    listed: BTreeSet<Kind>,
    is_synced: bool,
    /// Pods and executors' objects that a write has answered and no watch has told of yet.
    unconfirmed: BTreeSet<(Kind, ObjectName)>,
    /// Nodes that are gone, until what was on them is accounted for.
    leaving_nodes: BTreeSet<Box<str>>,
    /// When jobs are deleted.
    expiries: BTreeSet<(Time, JobKey)>,
    /// When executors that were told to end have to have ended.
    stop_deadlines: BTreeSet<(Time, ExecutorKey)>,
    /// When executors that have a node have to have reported.
    start_deadlines: BTreeSet<(Time, ExecutorKey)>,
    /// When the statuses of pools are written next, if something changed.
    pools_due: Option<Time>,
    notices: Vec<Notice>,
}

impl Operator {
    /// Adds what is decided from now on, and why, to a file.
    pub(crate) fn record_to(&mut self, file: &Path) -> anyhow::Result<()> {
        self.engine.record_to(file)
    }

    /// An operator that has seen nothing yet, and decides nothing before it has seen everything.
    pub(crate) fn new(now: Time, settings: OperatorSettings) -> Self {
        let mesos = settings.mesos.clone().map(|settings| Mesos::new(now, settings));
        let engine = RecordedEngine::restoring(settings.engine.clone());
        let queue = Queue::new(settings.most_writes_in_flight, settings.writes_per_second);
        Self {
            engine,
            settings,
            index: Index::default(),
            jobs: BTreeMap::new(),
            pools: BTreeMap::new(),
            executors: BTreeMap::new(),
            executor_names: BTreeMap::new(),
            gated: Gated::default(),
            sparks: Sparks::default(),
            mesos,
            queue,
            listing: BTreeMap::new(),
            listed: BTreeSet::new(),
            is_synced: false,
            unconfirmed: BTreeSet::new(),
            leaving_nodes: BTreeSet::new(),
            expiries: BTreeSet::new(),
            stop_deadlines: BTreeSet::new(),
            start_deadlines: BTreeSet::new(),
            pools_due: None,
            notices: Vec::new(),
        }
    }

    /// Whether everything was seen once, so that it decides.
    pub(crate) fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Whether all objects of a kind were told.
    pub(crate) fn has_listed(&self, kind: Kind) -> bool {
        self.listed.contains(&kind)
    }

    /// How many objects wait to be written.
    pub(crate) fn queue_depth(&self) -> usize {
        self.queue.depth()
    }

    /// What people should hear, since this was last asked.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Takes in what a watch tells.
    pub(crate) fn observe(&mut self, now: Time, change: Change) {
        match change {
            Change::Node(name, facts) => {
                self.note_listed(Kind::Node, "", &name);
                self.observe_node(now, &name, facts.map(|facts| *facts));
            }
            Change::Pool(name, pool) => {
                self.note_listed(Kind::Pool, "", &name);
                self.observe_pool(now, &name, pool);
            }
            Change::Job(name, job) => {
                self.note_listed(Kind::Job, &name.namespace, &name.name);
                self.observe_job(now, &name, job);
            }
            Change::Executor(name, executor) => {
                self.note_listed(Kind::Executor, &name.namespace, &name.name);
                self.observe_executor(now, &name, executor);
            }
            Change::Pod(name, facts) => {
                self.note_listed(Kind::Pod, &name.namespace, &name.name);
                self.observe_pod(now, &name, facts.map(|facts| *facts));
            }
            Change::Unreadable(kind, name, notice) => {
                self.note_listed(kind, &name.namespace, &name.name);
                self.notices.push(*notice);
            }
            Change::Listing(kind) => {
                self.listing.insert(kind, BTreeSet::new());
            }
            Change::Listed(kind) => self.end_listing(now, kind),
        }
    }

    /// Decides what should be different.
    pub(crate) fn tick(&mut self, now: Time) {
        if !self.is_synced {
            return;
        }
        self.tell_nodes(now);
        self.fire_timers(now);
        loop {
            let actions = self.engine.tick(now);
            if !actions.is_empty() {
                self.pools_due.get_or_insert(now);
            }
            for action in actions {
                self.ask(now, action);
            }
            if !self.perform_mesos(now) {
                break;
            }
        }
        self.write_due(now);
        self.publish_pools(now);
    }

    /// When to be ticked again, if nothing happens before.
    pub(crate) fn next_wakeup(&self, now: Time) -> Option<Time> {
        let engine = self.is_synced.then(|| self.engine.next_wakeup()).flatten();
        let timers = [
            engine,
            self.queue.wakeup(now),
            self.expiries.first().map(|&(at, _)| at),
            self.stop_deadlines.first().map(|&(at, _)| at),
            self.start_deadlines.first().map(|&(at, _)| at),
            self.pools_due,
            self.gated.wakeup(),
            self.sparks.wakeup(),
            self.mesos.as_ref().and_then(Mesos::wakeup),
        ];
        timers.into_iter().flatten().min()
    }

    /// Notes what the engine wants.
    fn ask(&mut self, now: Time, action: Action) {
        match action {
            Action::Launch(launch) if self.spark_of(&launch.key.job).is_some() => {
                self.take_place(now, launch);
            }
            Action::Launch(launch) if self.gated.has(&launch.key.job) => {
                self.place_one(now, launch);
            }
            Action::Remove(key) if self.sparks.is_driver(&key) => self.remove_driver(now, &key),
            Action::Assign(assignment) if self.sparks.is_driver(&assignment.key) => {
                self.assign_driver(now, &assignment);
            }
            Action::Discard(key) if self.sparks.has_ended(&key) => self.discard_driver(now, &key),
            Action::Remove(key) if self.gated.has(&key.job) => self.remove_gated(now, &key),
            Action::Assign(assignment) if self.gated.has(&assignment.key.job) => {}
            Action::Status(status)
                if self.gated.has(&status.key) && !self.jobs.contains_key(&status.key) =>
            {
                self.explain_gated(now, &status);
            }
            Action::Launch(launch) => {
                let key = launch.key.clone();
                self.queue.push(Wish::Executor(key, ExecutorWish::Launch(launch)));
            }
            Action::Assign(assignment) => {
                let key = assignment.key.clone();
                self.queue.push(Wish::Executor(key, ExecutorWish::Assign(assignment)));
            }
            Action::Remove(key) => self.remove(now, &key),
            Action::Discard(key) => {
                if self.executors.contains_key(&key) {
                    self.queue.push(Wish::Executor(key, ExecutorWish::Discard));
                } else {
                    self.engine.handle(now, Event::Discarded(key));
                }
            }
            Action::Status(mut status) => {
                self.speak_of_driver(&mut status);
                self.tell_of(now, &status);
                self.explain_waiting(now, &status);
                self.queue.push(Wish::Job(status.key.clone(), JobWish::Status(status)));
            }
            Action::Framework(key, action) => {
                if let Some(mesos) = &mut self.mesos {
                    mesos.take_action(now, &key, action);
                }
            }
        }
    }

    fn note_listed(&mut self, kind: Kind, namespace: &str, name: &str) {
        let name = ObjectName { namespace: namespace.into(), name: name.into() };
        if let Some(told) = self.listing.get_mut(&kind) {
            told.insert(name.clone());
        }
        self.unconfirmed.remove(&(kind, name));
    }

    fn end_listing(&mut self, now: Time, kind: Kind) {
        let told = self.listing.remove(&kind).unwrap_or_default();
        let name = |name: &str| ObjectName { namespace: "".into(), name: name.into() };
        let known: Vec<ObjectName> = match kind {
            Kind::Node => self.index.node_names().map(name).collect(),
            Kind::Pool => self.pools.keys().map(|key| name(key)).collect(),
            Kind::Job => self.jobs.keys().map(ObjectName::from).collect(),
            Kind::Executor => {
                let seen = self.executors.values().filter(|executor| executor.object.is_some());
                seen.map(|executor| executor.name.clone()).collect()
            }
            Kind::Pod => self.index.pods().map(|(name, _)| name.clone()).collect(),
        };
        for gone in known.into_iter().filter(|name| !told.contains(name)) {
            if self.unconfirmed.contains(&(kind, gone.clone())) {
                // It may have been made after the list was.
                self.look_for(kind, &gone);
                continue;
            }
            self.observe(
                now,
                match kind {
                    Kind::Node => Change::Node(gone.name, None),
                    Kind::Pool => Change::Pool(gone.name, None),
                    Kind::Job => Change::Job(gone, None),
                    Kind::Executor => Change::Executor(gone, None),
                    Kind::Pod => Change::Pod(gone, None),
                },
            );
        }
        self.listed.insert(kind);
        let kinds = [Kind::Node, Kind::Pool, Kind::Job, Kind::Executor, Kind::Pod];
        if !self.is_synced && kinds.iter().all(|kind| self.listed.contains(kind)) {
            self.is_synced = true;
            self.restore_sparks(now);
            self.restore_gated(now);
            self.restore_places(now);
            self.tell_nodes(now);
            self.restore_mesos(now);
            self.pass_over_names(now);
            self.engine.handle(now, Event::Synced);
            self.review_all(now);
            self.pools_due = Some(now);
            if self.settings.makes_default_pool && !self.pools.contains_key(DEFAULT_POOL) {
                self.queue.push(Wish::Pool(DEFAULT_POOL.into(), PoolWish::Create));
            }
        }
    }

    fn observe_node(&mut self, now: Time, name: &str, facts: Option<NodeFacts>) {
        let problem = facts.as_ref().and_then(|facts| facts.problem.clone());
        let is_gone = facts.is_none();
        let was_ready = self.index.node(name).map(|facts| facts.is_ready);
        let is_ready = facts.as_ref().map(|facts| facts.is_ready);
        let before = self.index.set_node(name, facts);
        if let Some(problem) = problem
            && before.and_then(|before| before.problem).as_ref() != Some(&problem)
        {
            self.notices.push(Notice::of_node(name, problem));
        }
        if is_gone {
            self.leaving_nodes.insert(name.into());
        } else {
            self.leaving_nodes.remove(name);
        }
        if was_ready != is_ready {
            let tasks = self.mesos.iter().flat_map(|mesos| mesos.pods_on(name));
            let pods: Vec<ObjectName> =
                self.index.executors_on(name).cloned().chain(tasks).collect();
            for pod in pods {
                self.review_pod(now, &pod);
            }
        }
        self.let_nodes_go(now);
    }

    /// Tells the engine of nodes that are gone, once all is known of what was on them.
    pub(super) fn let_nodes_go(&mut self, now: Time) {
        if self.leaving_nodes.is_empty() {
            return;
        }
        let is_on = |node: &str| {
            let is_there = |it: &Executor| !it.has_departed && it.node.as_deref() == Some(node);
            self.executors.values().any(is_there)
                || self.gated.is_on(node)
                || self.sparks.is_on(node)
                || self.mesos.as_ref().is_some_and(|mesos| mesos.is_on(node))
        };
        let gone: Vec<Box<str>> =
            self.leaving_nodes.iter().filter(|node| !is_on(node)).cloned().collect();
        for node in gone {
            self.leaving_nodes.remove(&node);
            self.forget_agent(&node);
            self.engine.handle(now, Event::NodeGone(node));
        }
    }

    fn fire_timers(&mut self, now: Time) {
        self.fire_gated_timers(now);
        self.fire_spark_timers(now);
        self.fire_mesos_timers(now);
        while let Some((at, key)) = self.expiries.first().filter(|(at, _)| *at <= now).cloned() {
            self.expiries.remove(&(at, key.clone()));
            if let Some(uid) = self.jobs.get(&key).and_then(|job| job.object.metadata.uid.clone()) {
                self.queue.push(Wish::Job(key, JobWish::Expire { uid: uid.into() }));
            }
        }
        while let Some((at, key)) =
            self.stop_deadlines.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.stop_deadlines.remove(&(at, key.clone()));
            self.delete_pod(&key, None);
        }
        while let Some((at, key)) =
            self.start_deadlines.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.start_deadlines.remove(&(at, key.clone()));
            self.give_up_start(&key);
        }
    }

    fn gone(&mut self, now: Time, key: &ExecutorKey, departure: Departure) {
        self.engine.handle(now, Event::ExecutorGone(key.clone(), departure));
    }
}

#[cfg(test)]
mod tests;
