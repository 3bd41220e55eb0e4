//! What follows from what pods of tasks say.

use proffer_core::time::{Span, Time};
use proffer_mesos::types::{
    ContainerId, ContainerStatus, NetworkInfo, NetworkInfoIpAddress, TaskState,
    TaskStatusReason as Reason,
};

use super::super::super::pod::{ObjectName, PodFacts, Trouble};
use super::super::super::task_pod::TaskFacts;
use super::super::common::Common;
use super::Mesos;
use super::tasks::Step;
use crate::master::{News, TaskKey};

impl Mesos {
    /// Looks at the task of a pod anew.
    pub(in super::super) fn observe_pod(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
    ) {
        match self.by_pod.get(name).cloned() {
            Some(key) => self.review_task(common, now, &key),
            None => self.review_stray_task(common, name),
        }
    }

    /// Does what it is time for.
    pub(in super::super) fn fire(&mut self, common: &mut Common, now: Time) {
        while let Some((at, key)) = self.looks.first().filter(|(at, _)| *at <= now).cloned() {
            self.looks.remove(&(at, key.clone()));
            self.review_task(common, now, &key);
        }
    }

    /// Draws the conclusions from what is known of a task's pod.
    fn review_task(&mut self, common: &mut Common, now: Time, key: &TaskKey) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        let Some(pod) = common.index.pod(&task.name) else {
            if task.uid.is_some() {
                self.miss_pod(common, now, key);
            }
            return;
        };
        let Some(facts) = pod.task.clone() else { return };
        task.uid = Some(pod.uid.clone());
        let is_asked = task.is_killed || pod.is_deleting;
        if task.step == Step::Ended {
            return;
        }
        let container = container(pod, &facts);
        let (is_deleting, node) = (pod.is_deleting, pod.node.clone());
        self.master.set_container(key, container.clone());
        if task.step == Step::Staging && facts.has_started {
            let is_restored = task.is_restored;
            self.step(common, key, Step::Running);
            // Of one that another process told of, only the last state is told again.
            if !is_restored {
                self.master.take_news(now, key, News::Starting(container.clone()));
            }
            if !is_restored || facts.end.is_none() {
                self.master.take_news(now, key, News::Running(Some(container)));
            }
        }
        if let Some(end) = facts.end {
            let state = if is_asked && end.state != TaskState::Finished {
                TaskState::Killed
            } else {
                end.state
            };
            let reason = end.reason.filter(|_| state != TaskState::Killed);
            self.end_task(common, now, key, state, reason, end.message);
            self.finish(common, key);
            return;
        }
        let silent = node.filter(|node| is_deleting && !common.answers(node));
        if let Some(node) = silent {
            let message = format!("Node {node} does not answer");
            let reason = Some(Reason::AgentRemoved);
            self.end_task(common, now, key, TaskState::Gone, reason, message);
            self.finish(common, key);
        } else if let Some(trouble) = facts.trouble.filter(|_| !is_asked) {
            self.take_trouble(common, now, key, trouble);
        } else if let Some(task) = self.tasks.get_mut(key) {
            task.trouble_since = None;
        }
    }

    fn take_trouble(&mut self, common: &mut Common, now: Time, key: &TaskKey, trouble: Trouble) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        if let Some(patience) = trouble.patience() {
            let at = *task.trouble_since.get_or_insert(now) + patience;
            if now < at {
                self.looks.insert((at, key.clone()));
                return;
            }
        }
        // What never was on a node may be tried again.
        let is_dropped = trouble.is_unschedulable();
        let state = if is_dropped { TaskState::Dropped } else { TaskState::Failed };
        self.end_task(
            common,
            now,
            key,
            state,
            Some(Reason::ContainerLaunchFailed),
            trouble.message,
        );
        self.delete_task(common, key, Some(Span::ZERO));
        self.finish(common, key);
    }

    /// The pod of a task is gone, or was never made.
    pub(super) fn miss_pod(&mut self, common: &mut Common, now: Time, key: &TaskKey) {
        let Some(task) = self.tasks.get(key) else { return };
        if task.step != Step::Ended {
            let (state, reason, message) = if task.is_killed {
                (TaskState::Killed, None, "Command was killed")
            } else {
                let message = "The pod of the task was deleted";
                (TaskState::Gone, Some(Reason::ContainerPreempted), message)
            };
            self.end_task(common, now, key, state, reason, message.to_owned());
        }
        self.forget_task(common, key);
        if self.master.ends(&key.framework).any(|(ended, _)| ended == *key) {
            // It is known nowhere else now.
            self.due.insert(key.framework.clone(), now);
        }
    }

    /// What became of a task of a framework that is gone nobody has to know.
    fn finish(&mut self, common: &mut Common, key: &TaskKey) {
        if !self.master.is_live(&key.framework) {
            self.forget_task(common, key);
        }
    }

    /// A pod of a task that is not known: it stays for its log, or nobody wants it any more.
    fn review_stray_task(&mut self, common: &mut Common, name: &ObjectName) {
        let Some(pod) = common.index.pod(name) else {
            self.retained.values_mut().for_each(|pods| pods.retain(|(it, _)| it != name));
            return;
        };
        if pod.task.as_ref().is_some_and(|facts| facts.end.is_none()) {
            common.delete_pod(name);
        }
    }
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
