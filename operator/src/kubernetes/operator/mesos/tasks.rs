//! Tasks as pods.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use proffer_core::frameworks::TaskId;
use proffer_core::time::{Span, Time};
use proffer_mesos::from_json;
use proffer_mesos::types::{
    ContainerId, ContainerStatus, NetworkInfo, NetworkInfoIpAddress, TaskInfo, TaskState,
    TaskStatusReason as Reason, TaskStatusSource as Source,
};

use super::super::super::pod::{ObjectName, PodFacts, pod_facts};
use super::super::super::task_pod::{Place, TaskFacts, grace_seconds, task_pod};
use super::super::super::wishes::{PodWish, Wish};
use super::super::super::writes::{Failure, Outcome, PodWrite, Unknown};
use super::super::{Change, Kind, Operator};
use crate::master::restore::mark;
use crate::master::{Ending, News, Run, TaskKey, is_executor};

/// How long the scheduler may find that a task's pod does not fit: what it knows may be older than what
/// the engine knows.
const UNSCHEDULABLE_PATIENCE_MILLISECONDS: Span = Span::from_seconds(5);

/// How many pods of a framework stay for their logs.
const MOST_RETAINED: usize = 10;

/// How much of a task's id the name of its pod has.
const NAME_LENGTH: usize = 15;

/// How far a task is, as the master was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Staging,
    Running,
    Ended,
}

/// A task's pod.
#[derive(Debug)]
pub(in super::super) struct TaskPod {
    name: ObjectName,
    node: Box<str>,
    pool: Box<str>,
    /// What is to run, if this process has the pod made.
    run: Option<Box<Run>>,
    /// How many changes of an executor of a framework's own its pod is made with.
    changes: u64,
    /// The pod's uid, once it was seen.
    uid: Option<Box<str>>,
    step: Step,
    /// Whether another process told its framework of it before.
    is_restored: bool,
    /// Whether the task was told to end.
    is_killed: bool,
    /// How long it may take to, if that is not what the pod says.
    grace: Option<Span>,
    unschedulable_since: Option<Time>,
}

impl TaskPod {
    /// The pod's name.
    pub(super) fn name(&self) -> &ObjectName {
        &self.name
    }

    /// Whether the task may be on a node.
    pub(super) fn may_be_on(&self, node: &str) -> bool {
        self.step != Step::Ended && *self.node == *node
    }
}

impl Operator {
    /// Makes the pod of a task, once the framework's job is there to own it.
    pub(super) fn run_task(&mut self, now: Time, run: Run) {
        let Some(mesos) = &mut self.mesos else { return };
        let key = run.key.clone();
        let Some(job) = mesos.master.key_of(&key.framework).cloned() else { return };
        let letters = key.task.chars().map(|letter| match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => letter,
            _ => '-',
        });
        let plain: String = letters.take(NAME_LENGTH).collect();
        let mark = mark(&uuid::Uuid::new_v4().to_string());
        let name = format!("{}-{}-{mark}", job.name, plain.trim_matches('-'));
        let name = ObjectName { namespace: job.namespace.clone(), name: name.into() };
        self.index.set_own(&name, true);
        mesos.by_pod.insert(name.clone(), key.clone());
        let task = TaskPod {
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
            unschedulable_since: None,
        };
        mesos.tasks.insert(key.clone(), task);
        if self.jobs.contains_key(&job) {
            self.launch_task(&key);
        } else {
            self.touch_framework(now, &key.framework);
        }
    }

    fn launch_task(&mut self, key: &TaskKey) {
        let Some(task) = self.mesos.as_ref().and_then(|mesos| mesos.tasks.get(key)) else { return };
        if task.uid.is_none() && task.step == Step::Staging {
            self.queue.push(Wish::Pod(task.name.clone(), PodWish::RunTask));
        }
    }

    /// Makes the pods of tasks whose framework has a job now.
    pub(super) fn launch_waiting(&mut self, framework: &Arc<str>) {
        let Some(mesos) = &self.mesos else { return };
        let waiting = mesos.tasks.iter().filter(|(key, task)| {
            key.framework == *framework
                && task.uid.is_none()
                && !self.queue.pods.is_in_flight(&task.name)
        });
        let waiting: Vec<TaskKey> = waiting.map(|(key, _)| key.clone()).collect();
        waiting.iter().for_each(|key| self.launch_task(key));
    }

    /// The write that makes a task's pod.
    pub(in super::super) fn task_write(
        &mut self,
        now: Time,
        name: &ObjectName,
    ) -> Option<PodWrite> {
        let mesos = self.mesos.as_mut()?;
        let key = mesos.by_pod.get(name)?.clone();
        let stored = mesos.master.checkpoint(&key);
        let task = mesos.tasks.get_mut(&key).filter(|task| task.step == Step::Staging)?;
        let run = task.run.as_ref()?;
        let job = &self.jobs.get(mesos.master.key_of(&key.framework)?)?.object;
        let (changes, text) = stored.unzip();
        task.changes = changes.unwrap_or(0);
        let checkpoint = text.as_deref();
        let place = Place { name: &name.name, node: &task.node, pool: &task.pool, checkpoint };
        match task_pod(run, place, job, &self.settings.pods, &mesos.settings.tasks) {
            Ok(pod) => Some(PodWrite::RunTask(Box::new(pod))),
            Err(message) => {
                self.end_task(now, &key, TaskState::Error, Some(Reason::TaskInvalid), message);
                self.forget_task(&key);
                None
            }
        }
    }

    /// Takes in what came of making a task's pod.
    pub(in super::super) fn task_made(
        &mut self,
        now: Time,
        name: &ObjectName,
        result: Result<Box<Pod>, Failure>,
    ) {
        let Some(key) = self.task_of(name) else { return };
        let killed = self.task(&key).filter(|task| task.is_killed).map(|task| task.grace);
        let changes = self.task(&key).map_or(0, |task| task.changes);
        match result {
            Ok(pod) => {
                if let Some(mesos) = &mut self.mesos {
                    mesos.master.checkpointed(&key, changes);
                }
                // What a watch has told meanwhile is newer.
                if self.index.pod(name).is_none() {
                    let facts = Some(Box::new(pod_facts(&pod)));
                    self.observe(now, Change::Pod(name.clone(), facts));
                    self.unconfirmed.insert((Kind::Pod, name.clone()));
                }
                if let Some(grace) = killed {
                    self.kill_task(now, &key, grace);
                }
            }
            Err(Failure::Refused(problem)) => {
                let message = format!("The pod of the task was refused: {problem}");
                let reason = Some(Reason::ContainerLaunchFailed);
                self.end_task(now, &key, TaskState::Failed, reason, message);
                self.forget_task(&key);
            }
            Err(Failure::Unknown(_)) => match killed {
                // It may have been made: what is there of it goes.
                Some(grace) => self.delete_task(&key, grace),
                None => self.queue.push(Wish::Pod(name.clone(), PodWish::RunTask)),
            },
        }
    }

    /// What is known of an executor of a framework's own is to be stored; its pod is made with it.
    pub(super) fn store_executor(&mut self, key: &TaskKey) {
        if let Some(task) = self.task(key).filter(|task| task.step != Step::Ended) {
            self.queue.push(Wish::Pod(task.name.clone(), PodWish::Checkpoint));
        }
    }

    /// The write that stores what is known of an executor, and how many changes that has.
    pub(in super::super) fn checkpoint_write(&self, name: &ObjectName) -> Option<PodWrite> {
        let key = self.task_of(name)?;
        let uid = self.task(&key)?.uid.clone()?;
        let (changes, text) = self.mesos.as_ref()?.master.checkpoint(&key)?;
        Some(PodWrite::Checkpoint { uid, changes, text })
    }

    /// Takes in what came of that.
    pub(in super::super) fn checkpoint_answered(
        &mut self,
        name: &ObjectName,
        changes: u64,
        result: &Result<Outcome, Unknown>,
    ) {
        let Some(key) = self.task_of(name) else { return };
        match result {
            Ok(Outcome::Done) => {
                if let Some(mesos) = &mut self.mesos {
                    mesos.master.checkpointed(&key, changes);
                }
            }
            Ok(Outcome::Missing) => {}
            Err(Unknown(_)) => self.store_executor(&key),
        }
    }

    /// A task is to end.
    pub(super) fn kill_task(&mut self, now: Time, key: &TaskKey, grace: Option<Span>) {
        let Some(mesos) = &mut self.mesos else { return };
        let Some(task) = mesos.tasks.get_mut(key) else {
            // Nothing of it is there.
            self.tell_master(now, key, killed(""));
            return;
        };
        if task.step == Step::Ended {
            if !mesos.master.is_live(&key.framework) {
                self.delete_task(key, None);
            }
            return;
        }
        let name = task.name.clone();
        let is_first = !std::mem::replace(&mut task.is_killed, true);
        task.grace = grace;
        let is_made = task.uid.is_some();
        if !is_made && !self.queue.pods.is_in_flight(&name) {
            self.queue.pods.drop_waiting(&name, |wish| matches!(wish, PodWish::RunTask));
            self.step(key, Step::Ended);
            self.tell_master(now, key, killed("Command was killed before it started"));
            self.forget_task(key);
            return;
        }
        if is_first {
            self.tell_master(now, key, News::Killing);
        }
        if is_made {
            self.delete_task(key, grace);
        }
    }

    fn delete_task(&mut self, key: &TaskKey, grace: Option<Span>) {
        let Some(task) = self.task(key) else { return };
        let uid = task.uid.clone();
        let grace_seconds = grace.map(|grace| grace_seconds(grace).try_into().unwrap_or(u32::MAX));
        let wish = PodWish::DeleteTask { uid, grace_seconds };
        self.queue.push(Wish::Pod(task.name.clone(), wish));
    }

    /// Takes in what came of deleting a task's pod.
    pub(in super::super) fn task_deleted(
        &mut self,
        now: Time,
        name: &ObjectName,
        result: &Result<Outcome, Unknown>,
    ) {
        match result {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Missing) => {
                if self.index.pod(name).is_some() {
                    // The watch may be behind.
                    self.observe(now, Change::Pod(name.clone(), None));
                } else if let Some(key) = self.task_of(name) {
                    self.miss_pod(now, &key);
                }
            }
            Err(Unknown(_)) => {
                if let Some(key) = self.task_of(name) {
                    let grace = self.task(&key).and_then(|task| task.grace);
                    self.delete_task(&key, grace);
                }
            }
        }
    }

    /// A framework knows how a task ended: its pod goes, or stays a while for its log.
    pub(super) fn settle_task(&mut self, key: &TaskKey) {
        let Some(task) = self.task(key) else { return };
        let (name, uid) = (task.name.clone(), task.uid.clone());
        // That a pod has ended is said somewhat later than that its container has.
        let stays = self.index.pod(&name).is_some_and(|pod| {
            !pod.is_deleting && pod.task.as_ref().is_some_and(|facts| facts.end.is_some())
        });
        if let (Some(uid), true) = (uid, stays) {
            let wish = PodWish::Acknowledge { uid: uid.clone() };
            self.queue.push(Wish::Pod(name.clone(), wish));
            self.retain(&name, uid);
        } else {
            self.delete_task(key, None);
        }
        self.forget_task(key);
    }

    /// Keeps an ended pod for its log, and lets the oldest go.
    fn retain(&mut self, name: &ObjectName, uid: Box<str>) {
        let job = self.index.pod(name).and_then(|pod| pod.task.as_ref()).map(|it| it.job.clone());
        let (Some(mesos), Some(job)) = (&mut self.mesos, job) else { return };
        let retained = mesos.retained.entry(job).or_default();
        retained.push_back((name.clone(), uid));
        if retained.len() > MOST_RETAINED
            && let Some((name, uid)) = retained.pop_front()
        {
            let wish = PodWish::Delete { uid, grace_seconds: None };
            self.queue.push(Wish::Pod(name, wish));
        }
    }

    fn forget_task(&mut self, key: &TaskKey) {
        let Some(mesos) = &mut self.mesos else { return };
        if let Some(task) = mesos.tasks.remove(key) {
            mesos.by_pod.remove(&task.name);
            self.index.set_own(&task.name, false);
        }
    }

    fn task(&self, key: &TaskKey) -> Option<&TaskPod> {
        self.mesos.as_ref()?.tasks.get(key)
    }

    fn task_of(&self, name: &ObjectName) -> Option<TaskKey> {
        self.mesos.as_ref()?.by_pod.get(name).cloned()
    }

    fn step(&mut self, key: &TaskKey, step: Step) {
        let Some(mesos) = &mut self.mesos else { return };
        let Some(task) = mesos.tasks.get_mut(key) else { return };
        task.step = step;
        if step == Step::Ended {
            // What its pod still takes is not the framework's any more.
            let name = task.name.clone();
            self.index.set_own(&name, false);
        }
    }

    fn tell_master(&mut self, now: Time, key: &TaskKey, news: News) {
        if let Some(mesos) = &mut self.mesos {
            mesos.master.take_news(now, key, news);
        }
    }

    /// Tells the master how a task ended.
    fn end_task(
        &mut self,
        now: Time,
        key: &TaskKey,
        state: TaskState,
        reason: Option<Reason>,
        message: String,
    ) {
        self.step(key, Step::Ended);
        let source = match state {
            TaskState::Error => Source::Master,
            TaskState::Failed | TaskState::Finished | TaskState::Killed => Source::Executor,
            _ => Source::Agent,
        };
        let ending = Ending { state, message, reason, source };
        self.tell_master(now, key, News::Ended(ending));
        self.let_nodes_go(now);
    }

    /// Looks at the task of a pod anew.
    pub(in super::super) fn review_task_pod(&mut self, now: Time, name: &ObjectName) {
        match self.task_of(name) {
            Some(key) => self.review_task(now, &key),
            None => self.review_stray_task(name),
        }
    }

    /// Draws the conclusions from what is known of a task's pod.
    pub(super) fn review_task(&mut self, now: Time, key: &TaskKey) {
        let Some(mesos) = &mut self.mesos else { return };
        let Some(task) = mesos.tasks.get_mut(key) else { return };
        let name = task.name.clone();
        let Some(pod) = self.index.pod(&name) else {
            if task.uid.is_some() {
                self.miss_pod(now, key);
            }
            return;
        };
        let Some(facts) = pod.task.clone() else { return };
        task.uid = Some(pod.uid.clone());
        let is_asked = task.is_killed || pod.is_deleting;
        let (step, is_restored) = (task.step, task.is_restored);
        if step == Step::Ended {
            return;
        }
        let container = container(pod, &facts);
        let (is_deleting, node) = (pod.is_deleting, pod.node.clone());
        mesos.master.set_container(key, container.clone());
        if step == Step::Staging && facts.has_started {
            self.step(key, Step::Running);
            // Of one that another process told of, only the last state is told again.
            if !is_restored {
                self.tell_master(now, key, News::Starting(container.clone()));
            }
            if !is_restored || facts.end.is_none() {
                self.tell_master(now, key, News::Running(Some(container)));
            }
        }
        if let Some(end) = facts.end {
            let state = if is_asked && end.state != TaskState::Finished {
                TaskState::Killed
            } else {
                end.state
            };
            let reason = end.reason.filter(|_| state != TaskState::Killed);
            self.end_task(now, key, state, reason, end.message);
            self.finish(key);
            return;
        }
        let is_silent = node
            .as_deref()
            .is_some_and(|node| !self.index.node(node).is_some_and(|facts| facts.is_ready));
        if is_deleting && is_silent {
            let message = format!("Node {} does not answer", node.unwrap_or_default());
            let reason = Some(Reason::AgentRemoved);
            self.end_task(now, key, TaskState::Gone, reason, message);
            self.finish(key);
        } else if let Some(trouble) = facts.trouble.filter(|_| !is_asked) {
            self.take_trouble(now, key, &trouble.reason, trouble.message);
        } else if let Some(task) = self.mesos.as_mut().and_then(|it| it.tasks.get_mut(key)) {
            task.unschedulable_since = None;
        }
    }

    fn take_trouble(&mut self, now: Time, key: &TaskKey, reason: &str, message: String) {
        let Some(mesos) = &mut self.mesos else { return };
        let Some(task) = mesos.tasks.get_mut(key) else { return };
        let state = if reason == "Unschedulable" {
            let since = *task.unschedulable_since.get_or_insert(now);
            let at = since + UNSCHEDULABLE_PATIENCE_MILLISECONDS;
            if now < at {
                mesos.looks.insert((at, key.clone()));
                return;
            }
            // It never ran, and may be tried again.
            TaskState::Dropped
        } else {
            TaskState::Failed
        };
        self.end_task(now, key, state, Some(Reason::ContainerLaunchFailed), message);
        self.delete_task(key, Some(Span::ZERO));
        self.finish(key);
    }

    /// The pod of a task is gone, or was never made.
    fn miss_pod(&mut self, now: Time, key: &TaskKey) {
        let Some(task) = self.task(key) else { return };
        if task.step != Step::Ended {
            let (state, reason, message) = if task.is_killed {
                (TaskState::Killed, None, "Command was killed")
            } else {
                let message = "The pod of the task was deleted";
                (TaskState::Gone, Some(Reason::ContainerPreempted), message)
            };
            self.end_task(now, key, state, reason, message.to_owned());
        }
        self.forget_task(key);
        if let Some(mesos) = &mut self.mesos
            && mesos.master.ends(&key.framework).any(|(ended, _)| ended == *key)
        {
            // It is known nowhere else now.
            mesos.due.insert(key.framework.clone(), now);
        }
    }

    /// What became of a task of a framework that is gone nobody has to know.
    fn finish(&mut self, key: &TaskKey) {
        let is_live = self.mesos.as_ref().is_some_and(|it| it.master.is_live(&key.framework));
        if !is_live {
            self.forget_task(key);
        }
    }

    /// A pod of a task that is not known: it stays for its log, or nobody wants it any more.
    fn review_stray_task(&mut self, name: &ObjectName) {
        let Some(pod) = self.index.pod(name) else {
            if let Some(mesos) = &mut self.mesos {
                mesos.retained.values_mut().for_each(|pods| pods.retain(|(it, _)| it != name));
            }
            return;
        };
        let runs = pod.task.as_ref().is_some_and(|facts| facts.end.is_none());
        if pod.is_deleting || !runs || self.mesos.is_none() {
            return;
        }
        let wish = PodWish::Delete { uid: pod.uid.clone(), grace_seconds: None };
        self.queue.push(Wish::Pod(name.clone(), wish));
    }

    /// Takes in the tasks that run or ran before this process began.
    pub(super) fn restore_tasks(&mut self, now: Time) {
        let pods = self.index.pods().filter(|(_, pod)| pod.task.is_some());
        let pods: Vec<(ObjectName, PodFacts)> =
            pods.map(|(name, pod)| (name.clone(), pod.clone())).collect();
        for (name, pod) in pods {
            let Some(facts) = &pod.task else { continue };
            let job = self.jobs.get(&facts.job).map(|job| &job.object);
            let is_of = job.is_some_and(|job| job.metadata.uid.as_deref() == Some(&facts.job_uid));
            let Some(framework) = self.framework_id(&facts.job).filter(|_| is_of) else { continue };
            if facts.is_acknowledged {
                self.retain(&name, pod.uid.clone());
                continue;
            }
            let Ok(info) = from_json::<TaskInfo>(facts.info.as_bytes()) else { continue };
            let task: TaskId = info.task_id.value.as_str().into();
            let key = TaskKey { framework, task };
            let node = pod.node.clone().unwrap_or_else(|| facts.node.clone());
            let Some(mesos) = &mut self.mesos else { return };
            let is_restored = match &facts.checkpoint {
                _ if mesos.tasks.contains_key(&key) => false,
                Some(checkpoint) if is_executor(&key.task) => {
                    let place = (&*info.agent_id.value, &*node, &*facts.pool);
                    mesos.master.restore_executor(now, &key, checkpoint, place)
                }
                // What it runs is not known to this process.
                None if is_executor(&key.task) => false,
                _ => mesos.master.restore_task(&key, info, &node, &facts.pool),
            };
            if !is_restored {
                continue;
            }
            mesos.by_pod.insert(name.clone(), key.clone());
            let task = TaskPod {
                name: name.clone(),
                node,
                pool: facts.pool.clone(),
                run: None,
                changes: 0,
                uid: Some(pod.uid.clone()),
                step: Step::Staging,
                is_restored: true,
                is_killed: pod.is_deleting,
                grace: None,
                unschedulable_since: None,
            };
            mesos.tasks.insert(key, task);
            self.index.set_own(&name, true);
        }
    }
}

fn killed(message: &str) -> News {
    News::Ended(Ending {
        state: TaskState::Killed,
        message: message.to_owned(),
        reason: None,
        source: Source::Executor,
    })
}

/// The container as frameworks know it.
fn container(pod: &PodFacts, facts: &TaskFacts) -> ContainerStatus {
    let address = facts.address.as_ref().map(|address| NetworkInfoIpAddress {
        ip_address: Some(address.to_string()),
        ..NetworkInfoIpAddress::default()
    });
    ContainerStatus {
        container_id: Some(ContainerId { value: pod.uid.to_string(), parent: None }),
        network_infos: vec![NetworkInfo {
            ip_addresses: address.into_iter().collect(),
            ..NetworkInfo::default()
        }],
        executor_pid: None,
    }
}
