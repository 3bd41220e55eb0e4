//! Frameworks of Mesos: the master's frameworks are jobs, and its tasks are pods.
//!
//! ```text
//! framework ─► Master ─► touched: the SparkJob that it is, its status
//!                 │ ▲
//!             Run ▼ │ News
//!               pods of tasks
//! ```
//!
//! A task's pod stays until the framework knows how the task ended, so nothing of a task has to be stored
//! as long as its pod is there; updates have uuids that follow from pod and state. What is not known of
//! tasks whose pods are gone stands in the job's status. A process that takes over knows all tasks by
//! their pods, and tells the last state of each once more.

mod jobs;
mod restore;
mod review;
mod tasks;
mod writing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use proffer_core::event::{Event, NodeObservation};
use proffer_core::frameworks::FrameworkAction;
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;

use super::super::pod::ObjectName;
use super::super::task_pod::TaskSettings;
use super::super::wishes::{NodeWish, PoolWish, Wish};
use super::common::Common;
use crate::master::{Effect, Master, MasterSettings, TaskKey};
use tasks::TaskPod;

/// What has to be known to serve frameworks.
#[derive(Clone, Debug)]
pub(crate) struct MesosSettings {
    /// Of the master.
    pub(crate) master: MasterSettings,
    /// Of tasks' pods.
    pub(crate) tasks: TaskSettings,
    /// How long jobs of frameworks that have ended stay, in seconds.
    pub(crate) ttl_seconds: i64,
}

/// Frameworks and their tasks.
#[derive(Debug)]
pub(super) struct Mesos {
    master: Master,
    settings: MesosSettings,
    tasks: BTreeMap<TaskKey, TaskPod>,
    by_pod: BTreeMap<ObjectName, TaskKey>,
    /// What connections are to be told.
    outbox: Vec<Effect>,
    /// When the job of which framework is written next.
    due: BTreeMap<Arc<str>, Time>,
    /// When each was last written.
    written: BTreeMap<Arc<str>, Time>,
    /// Pods that stay for their logs, oldest first.
    retained: BTreeMap<JobKey, VecDeque<(ObjectName, Box<str>)>>,
    /// When to look at which task again.
    looks: BTreeSet<(Time, TaskKey)>,
}

impl Mesos {
    pub(super) fn new(now: Time, settings: MesosSettings) -> Self {
        Self {
            master: Master::new(now, settings.master.clone()),
            settings,
            tasks: BTreeMap::new(),
            by_pod: BTreeMap::new(),
            outbox: Vec::new(),
            due: BTreeMap::new(),
            written: BTreeMap::new(),
            retained: BTreeMap::new(),
            looks: BTreeSet::new(),
        }
    }

    /// The master.
    pub(super) fn master(&mut self) -> &mut Master {
        &mut self.master
    }

    /// What connections are to be told since this was last asked.
    pub(super) fn take_told(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.outbox)
    }

    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        let look = self.looks.first().map(|&(at, _)| at);
        let due = self.due.values().copied().min();
        self.master.next_wakeup().into_iter().chain(look).chain(due).min()
    }

    /// The engine says something to a framework, whose clock is that of the wall.
    pub(super) fn take_action(
        &mut self,
        common: &Common,
        now: Time,
        key: &JobKey,
        mut action: FrameworkAction,
    ) {
        let unavailable_from = match &mut action {
            FrameworkAction::Offer(offer) => offer.unavailable_from.as_mut(),
            FrameworkAction::InverseOffer { unavailable_from, .. } => Some(unavailable_from),
            _ => None,
        };
        if let Some(from) = unavailable_from {
            *from = common.wall.write(*from);
        }
        self.master.take_action(now, key, action);
    }

    /// Whether a task may be on a node.
    pub(super) fn is_on(&self, node: &str) -> bool {
        self.tasks.values().any(|task| task.may_be_on(node))
    }

    /// The pods of tasks on a node.
    pub(super) fn pods_on(&self, node: &str) -> impl Iterator<Item = &ObjectName> {
        let on = self.tasks.values().filter(move |task| task.may_be_on(node));
        on.map(|task| &task.name)
    }

    /// Tells the master of a node that is not as it was.
    pub(super) fn observe_node(&mut self, common: &Common, now: Time, node: &NodeObservation) {
        let facts = common.index.node(&node.name).filter(|facts| !facts.uid.is_empty());
        let uid = facts.map(|facts| Arc::from(&*facts.uid));
        self.master.observe_node(now, uid, &node.name, node.clone());
    }

    /// Takes in what another process had planned for nodes.
    pub(super) fn adopt_plans(&mut self, common: &Common) {
        for (name, facts) in common.index.nodes() {
            if let Some(maintenance) = facts.observation.maintenance {
                self.master.adopt_plan(name, maintenance, facts.is_down);
            }
        }
    }

    /// Does what the master wants; says whether the engine was told something.
    pub(super) fn perform(&mut self, common: &mut Common, now: Time) -> bool {
        let mut any = false;
        self.master.tick(now);
        loop {
            let effects = self.master.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                match effect {
                    Effect::Engine(Event::Node(node)) => {
                        any = true;
                        common.tell_of_node(now, node);
                    }
                    Effect::Engine(event) => {
                        any = true;
                        write_change(common, &event);
                        common.engine.handle(now, event);
                    }
                    Effect::Run(run) => self.run_task(common, now, *run),
                    Effect::Kill { task, grace } => self.kill_task(common, now, &task, grace),
                    Effect::Settled(task) => self.settle_task(common, &task),
                    Effect::Checkpoint(key) => self.store_executor(common, &key),
                    Effect::Mark(node, mark) => {
                        common.index.mark_node(&node, mark);
                        common.queue.push(Wish::Node(node, NodeWish::Mark(mark)));
                    }
                    told @ (Effect::Send(..)
                    | Effect::Tell(..)
                    | Effect::Close(_)
                    | Effect::AwaitReading(_)) => self.outbox.push(told),
                }
            }
        }
        self.note_touched(common, now);
        any
    }
}

/// What the operator API changes stands in objects.
fn write_change(common: &mut Common, event: &Event) {
    let Event::Pool(pool) = event else { return };
    if common.pools.get(&pool.name).is_some() {
        let wish = PoolWish::Shape(Box::new(pool.clone()));
        common.queue.push(Wish::Pool(pool.name.clone(), wish));
    }
}

/// The id of the framework that a job is.
fn framework_id(common: &Common, job: &JobKey) -> Option<Arc<str>> {
    let mesos = common.jobs.get(job)?.object.spec.mesos.as_ref()?;
    Some(mesos.framework_id.as_str().into())
}
