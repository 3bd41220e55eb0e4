//! The operator around the engine: what watches tell becomes events, what the engine wants becomes
//! writes, and what comes of them events again. No IO here.
//!
//! Each kind of job has a room with a state of its own and the same few verbs: it observes pods, is asked
//! by the engine, says how to write what it wishes, takes in answers, and says when it is to be woken.
//! All use what is in `common`.
//!
//! - `stages` has the executors of jobs with stages.
//! - `gated` is about pods that others make and that wait for offers.
//! - `spark` is about drivers of Spark and the places of their executors.
//! - `mesos` is about frameworks of Mesos and the pods of their tasks.
//! - `offered` counts pods that wait for offers, for `gated` and `spark`.
//! - `grants` sees to what executors and drivers need in their namespaces, for `stages` and `spark`.
//!
//! Around the rooms, `jobs`, `pools`, `nodes` and `pods` take in these objects, `lists` knows what was listed,
//! and `writing` brings wishes and answers to the rooms that they are for.

mod common;
mod gated;
mod grants;
mod jobs;
mod lists;
mod mesos;
mod nodes;
mod offered;
mod pods;
mod pools;
mod spark;
mod stages;
mod writing;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use proffer_core::ExecutorKey;
use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::Event;
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_crds::{ResourcePool, SparkExecutor, SparkJob};

use super::executor_pod::PodSettings;
use super::grants::BindingFacts;
use super::node::NodeFacts;
use super::notices::Notice;
use super::pod::{ObjectName, PodFacts};
use super::wishes::{JobWish, Wish};
use crate::master::{Effect, Master};
use common::{Common, JobKind};
use gated::Gated;
use jobs::Expiries;
use mesos::Mesos;
pub(crate) use mesos::MesosSettings;
use spark::Spark;
use stages::Stages;

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
    /// `RoleBinding`s that Proffer made.
    Binding,
    /// Service accounts that Proffer made.
    Account,
}

impl Kind {
    /// All kinds.
    pub(crate) const ALL: [Self; 7] = [
        Self::Node,
        Self::Pool,
        Self::Job,
        Self::Executor,
        Self::Pod,
        Self::Binding,
        Self::Account,
    ];

    /// Whether nothing is decided before all objects of the kind were told.
    fn is_decisive(self) -> bool {
        !matches!(self, Self::Binding | Self::Account)
    }
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
    /// A `RoleBinding` that Proffer made.
    Binding(ObjectName, Option<Box<BindingFacts>>),
    /// A service account that Proffer made, and whether it is there.
    Account(ObjectName, bool),
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

/// The operator.
pub(crate) struct Operator {
    common: Common,
    stages: Stages,
    gated: Gated,
    spark: Spark,
    mesos: Option<Mesos>,
    /// When jobs are deleted.
    expiries: Expiries,
    /// Nodes that are gone, until what was on them is accounted for.
    leaving_nodes: BTreeSet<Box<str>>,
}

/// A room, in which the executors of a kind of job are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Stages,
    Gated,
    Spark,
}

impl Operator {
    /// Adds what is decided from now on, and why, to a file.
    pub(crate) fn record_to(&mut self, file: &Path) -> anyhow::Result<()> {
        self.common.engine.record_to(file)
    }

    /// An operator that has seen nothing yet, and decides nothing before it has seen everything.
    pub(crate) fn new(now: Time, settings: OperatorSettings) -> Self {
        let mesos = settings.mesos.clone().map(|settings| Mesos::new(now, settings));
        Self {
            common: Common::new(settings),
            stages: Stages::default(),
            gated: Gated::default(),
            spark: Spark::default(),
            mesos,
            expiries: Expiries::default(),
            leaving_nodes: BTreeSet::new(),
        }
    }

    /// Whether everything was seen once, so that it decides.
    pub(crate) fn is_synced(&self) -> bool {
        self.common.lists.is_synced()
    }

    /// Whether all objects of a kind were told.
    pub(crate) fn has_listed(&self, kind: Kind) -> bool {
        self.common.lists.has_listed(kind)
    }

    /// How many objects wait to be written.
    pub(crate) fn queue_depth(&self) -> usize {
        self.common.queue.depth()
    }

    /// What people should hear, since this was last asked.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.common.notices)
    }

    /// The master and the engine, if frameworks are served.
    pub(crate) fn mesos(&mut self) -> Option<(&mut Master, &Engine)> {
        self.mesos.as_mut().map(|mesos| (mesos.master(), &*self.common.engine))
    }

    /// What connections are to be told since this was last asked.
    pub(crate) fn take_told(&mut self) -> Vec<Effect> {
        self.mesos.as_mut().map(Mesos::take_told).unwrap_or_default()
    }

    /// Takes in what a watch tells.
    pub(crate) fn observe(&mut self, now: Time, change: Change) {
        let name = |name: &str| ObjectName { namespace: "".into(), name: name.into() };
        match change {
            Change::Node(node, facts) => {
                self.common.lists.note(Kind::Node, &name(&node));
                self.observe_node(now, &node, facts.map(|facts| *facts));
            }
            Change::Pool(pool, object) => {
                self.common.lists.note(Kind::Pool, &name(&pool));
                self.observe_pool(now, &pool, object);
            }
            Change::Job(name, job) => {
                self.common.lists.note(Kind::Job, &name);
                self.observe_job(now, &name, job);
            }
            Change::Executor(name, executor) => {
                self.common.lists.note(Kind::Executor, &name);
                self.stages.observe_object(&mut self.common, now, &name, executor);
            }
            Change::Pod(name, facts) => {
                self.common.take_pod(&name, facts.map(|facts| *facts));
                if self.is_synced() {
                    self.review_pod(now, &name);
                }
            }
            Change::Binding(name, facts) => {
                self.common.lists.note(Kind::Binding, &name);
                self.common.observe_binding(&name, facts.map(|facts| *facts));
            }
            Change::Account(name, is_there) => {
                self.common.lists.note(Kind::Account, &name);
                self.common.observe_account(&name, is_there);
            }
            Change::Unreadable(kind, name, notice) => {
                self.common.lists.note(kind, &name);
                self.common.notices.push(*notice);
            }
            Change::Listing(kind) => self.common.lists.begin(kind),
            Change::Listed(kind) => self.end_listing(now, kind),
        }
        self.settle(now);
    }

    /// Decides what should be different.
    pub(crate) fn tick(&mut self, now: Time) {
        if !self.is_synced() {
            return;
        }
        self.tell_nodes(now);
        self.fire(now);
        loop {
            let actions = self.common.engine.tick(now);
            if !actions.is_empty() {
                self.common.pools.note_decisions(now);
            }
            for action in actions {
                self.ask(now, action);
                self.settle(now);
            }
            let Some(mesos) = &mut self.mesos else { break };
            let was_told = mesos.perform(&mut self.common, now);
            self.settle(now);
            if !was_told {
                break;
            }
        }
        if let Some(mesos) = &mut self.mesos {
            mesos.write_due(&mut self.common, now);
        }
        self.common.publish_pools(now);
    }

    /// When to be ticked again, if nothing happens before.
    pub(crate) fn next_wakeup(&self, now: Time) -> Option<Time> {
        let engine = self.is_synced().then(|| self.common.engine.next_wakeup()).flatten();
        let timers = [
            engine,
            self.common.queue.wakeup(now),
            self.common.pools.wakeup(),
            self.expiries.wakeup(),
            self.stages.wakeup(),
            self.gated.wakeup(),
            self.spark.wakeup(),
            self.mesos.as_ref().and_then(Mesos::wakeup),
        ];
        timers.into_iter().flatten().min()
    }

    fn fire(&mut self, now: Time) {
        self.gated.fire(&mut self.common, now);
        self.spark.fire(&mut self.common, now);
        if let Some(mesos) = &mut self.mesos {
            mesos.fire(&mut self.common, now);
        }
        self.expiries.fire(&mut self.common, now);
        self.stages.fire(&mut self.common, now);
        self.settle(now);
    }

    /// Has the rooms do what the engine wants.
    fn ask(&mut self, now: Time, action: Action) {
        match action {
            Action::Launch(launch) => match self.room_of_job(&launch.key.job) {
                Room::Stages => Stages::launch(&mut self.common, launch),
                Room::Gated => self.gated.launch(&mut self.common, now, launch),
                Room::Spark => self.spark.launch(&mut self.common, now, launch),
            },
            Action::Assign(assignment) => match self.room_of(&assignment.key) {
                Room::Stages => Stages::assign(&mut self.common, assignment),
                // Nobody starts the task of such a job.
                Room::Gated => {}
                Room::Spark => self.spark.assign(&mut self.common, now, &assignment),
            },
            Action::Remove(key) => match self.room_of(&key) {
                Room::Stages => self.stages.remove(&mut self.common, now, &key),
                Room::Gated => self.gated.remove(&mut self.common, now, &key),
                Room::Spark => self.spark.remove(&mut self.common, now, &key),
            },
            Action::Discard(key) => match self.room_of(&key) {
                Room::Stages => self.stages.discard(&mut self.common, now, key),
                // Nothing is left of a pod that is gone.
                Room::Gated => self.common.engine.handle(now, Event::Discarded(key)),
                Room::Spark => self.spark.discard(&mut self.common, now, key),
            },
            Action::Status(status) => {
                match self.room_of_job(&status.key) {
                    Room::Stages => self.common.tell_of(now, &status),
                    Room::Gated => {
                        self.gated.explain(&mut self.common, now, &status);
                        return;
                    }
                    Room::Spark => self.spark.take_status(&mut self.common, now, &status),
                }
                let key = status.key.clone();
                self.common.queue.push(Wish::Job(key, JobWish::Status(status)));
            }
            Action::Framework(key, action) => {
                if let Some(mesos) = &mut self.mesos {
                    mesos.take_action(&self.common, now, &key, action);
                }
            }
        }
    }

    /// The room of a job.
    fn room_of_job(&self, job: &JobKey) -> Room {
        match self.common.jobs.get(job).map(|job| job.kind) {
            Some(JobKind::Spark) => Room::Spark,
            None if self.gated.has(job) => Room::Gated,
            // Frameworks have tasks instead of executors.
            Some(JobKind::Stages | JobKind::Framework) | None => Room::Stages,
        }
    }

    /// The room that an executor is in: another job may have the name of its own by now.
    fn room_of(&self, executor: &ExecutorKey) -> Room {
        if self.stages.has(executor) {
            Room::Stages
        } else if self.spark.has(executor) {
            Room::Spark
        } else {
            self.room_of_job(&executor.job)
        }
    }

    /// Does what follows for others from what happened in a room: pods wait for an application that is
    /// over, and nodes that are gone are empty.
    fn settle(&mut self, now: Time) {
        for (job, waiting) in self.spark.take_ended() {
            for name in waiting {
                self.review_offered(now, &name);
            }
            self.spark.tell_demand(&mut self.common, now, &job);
        }
        self.let_nodes_go(now);
    }
}

#[cfg(test)]
mod tests;
