//! Tasks as pods: how they are made, and how they go.

use std::sync::Arc;

use proffer_core::time::{Span, Time};
use proffer_mesos::types::{TaskState, TaskStatusReason as Reason, TaskStatusSource as Source};

use super::super::super::pod::ObjectName;
use super::super::super::task_pod::grace_seconds;
use super::super::super::wishes::{PodWish, TaskWish, Wish};
use super::super::common::Common;
use super::Mesos;
use crate::master::restore::mark;
use crate::master::{Ending, News, Run, TaskKey};

/// How many pods of a framework stay for their logs.
const MOST_RETAINED: usize = 10;

/// How much of a task's id the name of its pod has.
const NAME_LENGTH: usize = 15;

/// How far a task is, as the master was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Staging,
    Running,
    Ended,
}

/// A task's pod.
#[derive(Debug)]
pub(super) struct TaskPod {
    pub(super) name: ObjectName,
    pub(super) node: Box<str>,
    pub(super) pool: Box<str>,
    /// What is to run, if this process has the pod made.
    pub(super) run: Option<Box<Run>>,
    /// How many changes of an executor of a framework's own its pod is made with.
    pub(super) changes: u64,
    /// The pod's uid, once it was seen.
    pub(super) uid: Option<Box<str>>,
    pub(super) step: Step,
    /// Whether another process told its framework of it before.
    pub(super) is_restored: bool,
    /// Whether the task was told to end.
    pub(super) is_killed: bool,
    /// How long it may take to, if that is not what the pod says.
    pub(super) grace: Option<Span>,
    pub(super) trouble_since: Option<Time>,
}

impl TaskPod {
    /// The pod of a task that was not made yet.
    fn new(name: ObjectName, run: Run) -> Self {
        Self {
            name,
            node: run.node.clone(),
            pool: run.pool.clone(),
            run: Some(Box::new(run)),
            changes: 0,
            uid: None,
            step: Step::Staging,
            is_restored: false,
            is_killed: false,
            grace: None,
            trouble_since: None,
        }
    }

    /// Whether the task may be on a node.
    pub(super) fn may_be_on(&self, node: &str) -> bool {
        self.step != Step::Ended && *self.node == *node
    }
}

impl Mesos {
    /// Makes the pod of a task, once the framework's job is there to own it.
    pub(super) fn run_task(&mut self, common: &mut Common, now: Time, run: Run) {
        let key = run.key.clone();
        let Some(job) = self.master.key_of(&key.framework).cloned() else { return };
        let letters = key.task.chars().map(|letter| match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => letter,
            _ => '-',
        });
        let plain: String = letters.take(NAME_LENGTH).collect();
        let mark = mark(&uuid::Uuid::new_v4().to_string());
        let name = format!("{}-{}-{mark}", job.name, plain.trim_matches('-'));
        let name = ObjectName { namespace: job.namespace.clone(), name: name.into() };
        common.index.set_own(&name, true);
        self.by_pod.insert(name.clone(), key.clone());
        self.tasks.insert(key.clone(), TaskPod::new(name, run));
        if common.jobs.contains_key(&job) {
            self.launch_task(common, &key);
        } else {
            self.touch(now, &key.framework);
        }
    }

    fn launch_task(&self, common: &mut Common, key: &TaskKey) {
        let Some(task) = self.tasks.get(key) else { return };
        if task.uid.is_none() && task.step == Step::Staging {
            wish(common, &task.name, TaskWish::Run);
        }
    }

    /// Makes the pods of tasks whose framework has a job now.
    pub(super) fn launch_waiting(&self, common: &mut Common, framework: &Arc<str>) {
        let waiting = self.tasks.iter().filter(|(key, task)| {
            key.framework == *framework
                && task.uid.is_none()
                && !common.queue.pods.is_in_flight(&task.name)
        });
        let waiting: Vec<TaskKey> = waiting.map(|(key, _)| key.clone()).collect();
        waiting.iter().for_each(|key| self.launch_task(common, key));
    }

    /// What is known of an executor of a framework's own is to be stored; its pod is made with it.
    pub(super) fn store_executor(&self, common: &mut Common, key: &TaskKey) {
        if let Some(task) = self.tasks.get(key).filter(|task| task.step != Step::Ended) {
            wish(common, &task.name, TaskWish::Checkpoint);
        }
    }

    /// A task is to end.
    pub(super) fn kill_task(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &TaskKey,
        grace: Option<Span>,
    ) {
        let Some(task) = self.tasks.get_mut(key) else {
            // Nothing of it is there.
            self.master.take_news(now, key, killed(""));
            return;
        };
        if task.step == Step::Ended {
            if !self.master.is_live(&key.framework) {
                self.delete_task(common, key, None);
            }
            return;
        }
        let name = task.name.clone();
        let is_first = !std::mem::replace(&mut task.is_killed, true);
        task.grace = grace;
        let is_made = task.uid.is_some();
        if !is_made && !common.queue.pods.is_in_flight(&name) {
            let is_run = |wish: &PodWish| matches!(wish, PodWish::Task(TaskWish::Run));
            common.queue.pods.drop_waiting(&name, is_run);
            self.step(common, key, Step::Ended);
            self.master.take_news(now, key, killed("Command was killed before it started"));
            self.forget_task(common, key);
            return;
        }
        if is_first {
            self.master.take_news(now, key, News::Killing);
        }
        if is_made {
            self.delete_task(common, key, grace);
        }
    }

    /// Deletes the pod of a task.
    pub(super) fn delete_task(&self, common: &mut Common, key: &TaskKey, grace: Option<Span>) {
        let Some(task) = self.tasks.get(key) else { return };
        let uid = task.uid.clone();
        let grace_seconds = grace.map(|grace| grace_seconds(grace).try_into().unwrap_or(u32::MAX));
        wish(common, &task.name, TaskWish::Delete { uid, grace_seconds });
    }

    /// A framework knows how a task ended: its pod goes, or stays a while for its log.
    pub(super) fn settle_task(&mut self, common: &mut Common, key: &TaskKey) {
        let Some(task) = self.tasks.get(key) else { return };
        let (name, uid) = (task.name.clone(), task.uid.clone());
        // That a pod has ended is said somewhat later than that its container has.
        let stays = common.index.pod(&name).is_some_and(|pod| {
            !pod.is_deleting && pod.task.as_ref().is_some_and(|facts| facts.end.is_some())
        });
        if let (Some(uid), true) = (uid, stays) {
            wish(common, &name, TaskWish::Acknowledge { uid: uid.clone() });
            self.retain(common, &name, uid);
        } else {
            self.delete_task(common, key, None);
        }
        self.forget_task(common, key);
    }

    /// Keeps an ended pod for its log, and lets the oldest go.
    pub(super) fn retain(&mut self, common: &mut Common, name: &ObjectName, uid: Box<str>) {
        let facts = common.index.pod(name).and_then(|pod| pod.task.as_ref());
        let Some(job) = facts.map(|facts| facts.job.clone()) else { return };
        let retained = self.retained.entry(job).or_default();
        retained.push_back((name.clone(), uid));
        if retained.len() > MOST_RETAINED
            && let Some((name, uid)) = retained.pop_front()
        {
            let wish = PodWish::Delete { uid, grace_seconds: None };
            common.queue.push(Wish::Pod(name, wish));
        }
    }

    /// Forgets the pod of a task.
    pub(super) fn forget_task(&mut self, common: &mut Common, key: &TaskKey) {
        if let Some(task) = self.tasks.remove(key) {
            self.by_pod.remove(&task.name);
            common.index.set_own(&task.name, false);
        }
    }

    /// Notes how far a task is.
    pub(super) fn step(&mut self, common: &mut Common, key: &TaskKey, step: Step) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        task.step = step;
        if step == Step::Ended {
            // What its pod still takes is not the framework's any more.
            common.index.set_own(&task.name, false);
        }
    }

    /// Tells the master how a task ended.
    pub(super) fn end_task(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &TaskKey,
        state: TaskState,
        reason: Option<Reason>,
        message: String,
    ) {
        self.step(common, key, Step::Ended);
        let source = match state {
            TaskState::Error => Source::Master,
            TaskState::Failed | TaskState::Finished | TaskState::Killed => Source::Executor,
            _ => Source::Agent,
        };
        let ending = Ending { state, message, reason, source };
        self.master.take_news(now, key, News::Ended(ending));
    }
}

/// Adds what is wanted of the pod of a task.
pub(super) fn wish(common: &mut Common, name: &ObjectName, wish: TaskWish) {
    common.queue.push(Wish::Pod(name.clone(), PodWish::Task(wish)));
}

fn killed(message: &str) -> News {
    News::Ended(Ending {
        state: TaskState::Killed,
        message: message.to_owned(),
        reason: None,
        source: Source::Executor,
    })
}
