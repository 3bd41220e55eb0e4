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
mod tasks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use proffer_core::engine::Engine;
use proffer_core::event::Event;
use proffer_core::frameworks::FrameworkAction;
use proffer_core::jobs::JobKey;
use proffer_core::ranges::Ranges;
use proffer_core::time::Time;

use super::super::pod::ObjectName;
use super::super::task_pod::TaskSettings;
use super::super::wishes::{NodeWish, PoolWish, Wish};
use super::Operator;
use crate::master::{Effect, Master, MasterSettings, TaskKey, agent_ports};
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

    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        let look = self.looks.first().map(|&(at, _)| at);
        let due = self.due.values().copied().min();
        self.master.next_wakeup().into_iter().chain(look).chain(due).min()
    }

    /// The engine says something to a framework.
    pub(super) fn take_action(&mut self, now: Time, key: &JobKey, action: FrameworkAction) {
        self.master.take_action(now, key, action);
    }

    /// Whether a task may be on a node.
    pub(super) fn is_on(&self, node: &str) -> bool {
        self.tasks.values().any(|task| task.may_be_on(node))
    }

    /// The pods of tasks on a node.
    pub(super) fn pods_on(&self, node: &str) -> Vec<ObjectName> {
        let on = self.tasks.values().filter(|task| task.may_be_on(node));
        on.map(|task| task.name().clone()).collect()
    }
}

impl Operator {
    /// The master and the engine, if frameworks are served.
    pub(crate) fn mesos(&mut self) -> Option<(&mut Master, &Engine)> {
        self.mesos.as_mut().map(|mesos| (&mut mesos.master, &*self.engine))
    }

    /// What connections are to be told since this was last asked.
    pub(crate) fn take_told(&mut self) -> Vec<Effect> {
        self.mesos.as_mut().map(|mesos| std::mem::take(&mut mesos.outbox)).unwrap_or_default()
    }

    /// The ports that nodes offer.
    pub(super) fn node_ports(&self) -> Ranges {
        if self.mesos.is_some() { agent_ports() } else { Ranges::new() }
    }

    /// Tells the engine of nodes that are not as they were, and the master.
    pub(super) fn tell_nodes(&mut self, now: Time) {
        for mut node in self.index.take_changed() {
            node.ports = self.node_ports();
            if let Some(mesos) = &mut self.mesos {
                let facts = self.index.node(&node.name).filter(|facts| !facts.uid.is_empty());
                let uid = facts.map(|facts| Arc::from(&*facts.uid));
                let hostname = node.name.clone();
                mesos.master.observe_node(now, uid, &hostname, node.clone());
            }
            self.engine.handle(now, Event::Node(node));
        }
    }

    /// Tells the master of a node that is gone.
    pub(super) fn forget_agent(&mut self, node: &str) {
        if let Some(mesos) = &mut self.mesos {
            mesos.master.forget_node(node);
        }
    }

    /// Does what the master wants; says whether the engine was told something.
    pub(super) fn perform_mesos(&mut self, now: Time) -> bool {
        let mut any = false;
        if let Some(mesos) = &mut self.mesos {
            mesos.master.tick(now);
        }
        loop {
            let Some(mesos) = &mut self.mesos else { return any };
            let effects = mesos.master.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                match effect {
                    Effect::Engine(event) => {
                        any = true;
                        self.write_change(&event);
                        self.engine.handle(now, event);
                    }
                    Effect::Run(run) => self.run_task(now, *run),
                    Effect::Kill { task, grace } => self.kill_task(now, &task, grace),
                    Effect::Settled(task) => self.settle_task(&task),
                    Effect::Checkpoint(key) => self.store_executor(&key),
                    Effect::Mark(node, mark) => {
                        self.index.mark_node(&node, mark);
                        self.queue.push(Wish::Node(node, NodeWish::Mark(mark)));
                    }
                    told @ (Effect::Send(..) | Effect::Tell(..) | Effect::Close(_)) => {
                        if let Some(mesos) = &mut self.mesos {
                            mesos.outbox.push(told);
                        }
                    }
                }
            }
        }
        self.note_touched(now);
        any
    }

    /// What the operator API changes stands in objects.
    fn write_change(&mut self, event: &Event) {
        let Event::Pool(pool) = event else { return };
        if self.pools.contains_key(&pool.name) {
            let wish = PoolWish::Shape(Box::new(pool.clone()));
            self.queue.push(Wish::Pool(pool.name.clone(), wish));
        }
    }

    /// Does what it is time for.
    pub(super) fn fire_mesos_timers(&mut self, now: Time) {
        loop {
            let Some(mesos) = &mut self.mesos else { return };
            let Some((at, key)) = mesos.looks.first().filter(|(at, _)| *at <= now).cloned() else {
                break;
            };
            mesos.looks.remove(&(at, key.clone()));
            self.review_task(now, &key);
        }
    }
}
