//! What is told piece by piece: answers to a framework that asks what has become of tasks, and what a
//! framework that comes back has not acknowledged.
//!
//! There may be a hundred thousand of these at once. The next piece is made when the last one has been
//! read, so that they take no memory in between, and nobody else waits for them.

use std::collections::VecDeque;
use std::sync::Arc;

use proffer_core::frameworks::TaskId;
use proffer_core::time::Time;
use proffer_mesos::scheduler::CallReconcile;
use proffer_mesos::types::{
    AgentId, ExecutorId, TaskState, TaskStatus, TaskStatusReason as Reason,
};

use super::tasks::{TaskKey, TaskRecord, status};
use super::{Answer, ConnectionId, Effect, Master};

/// How many are told at once.
const PIECE: usize = 500;

/// How much may wait to be told to a framework.
const MOST_WAITING_BYTES: usize = 64 << 20;

/// Something that is still to be told.
#[derive(Debug)]
enum Item {
    /// What has become of a task that the framework named, and the agent that it named for it.
    Named(String, Option<AgentId>),
    /// What has become of a task, if it is still known.
    Known(TaskId),
    /// What the framework has not acknowledged of a task.
    Unacknowledged(TaskId),
}

impl Item {
    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let text = match self {
            Self::Named(task, agent) => task.len() + agent.as_ref().map_or(0, |a| a.value.len()),
            // These share the text of the task.
            Self::Known(_) | Self::Unacknowledged(_) => 0,
        };
        size_of::<Self>() + text
    }
}

/// What is still to be told to a framework.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    /// Whether the last piece has not been read yet.
    is_unread: bool,
}

impl Waiting {
    fn push(&mut self, item: Item) {
        self.bytes += item.bytes();
        self.items.push_back(item);
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes -= item.bytes();
        Some(item)
    }
}

impl Master {
    /// Tells what has become of these tasks; of all that are known if none is named.
    pub(super) fn reconcile(&mut self, now: Time, id: &Arc<str>, call: CallReconcile) -> Answer {
        let Some(framework) = self.frameworks.get(id) else { return Answer::accepted() };
        let waiting = self.waiting.entry(id.clone()).or_default();
        if waiting.bytes > MOST_WAITING_BYTES {
            let message = "The framework has asked for more than it reads: read the answers first";
            return Answer::new(429, message);
        }
        if call.tasks.is_empty() {
            for task in framework.tasks.keys() {
                waiting.push(Item::Known(task.clone()));
            }
        }
        for task in call.tasks {
            waiting.push(Item::Named(task.task_id.value, task.agent_id));
        }
        self.tell_waiting(now, id);
        Answer::accepted()
    }

    /// Sends a framework that is connected anew all that it has not acknowledged.
    pub(super) fn resend_all(&mut self, now: Time, id: &Arc<str>) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let waiting = framework.tasks.iter().filter(|(_, record)| !record.updates.is_empty());
        let keys: Vec<TaskKey> = waiting
            .map(|(task, _)| TaskKey { framework: id.clone(), task: task.clone() })
            .collect();
        keys.iter().for_each(|key| self.stop_resending(key));
        let mut waiting = Waiting::default();
        keys.into_iter().for_each(|key| waiting.push(Item::Unacknowledged(key.task)));
        self.waiting.insert(id.clone(), waiting);
        self.tell_waiting(now, id);
    }

    /// A connection has read all that was sent to it.
    pub(crate) fn has_read(&mut self, now: Time, connection: ConnectionId) {
        let is_of = |framework: &&super::frameworks::Framework| {
            framework.connection.as_ref().is_some_and(|own| own.id == connection)
        };
        let Some(framework) = self.frameworks.values().find(is_of) else { return };
        let id = framework.id.clone();
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.is_unread = false;
        }
        self.tell_waiting(now, &id);
    }

    /// Tells a framework the next piece, if it has read the last one.
    fn tell_waiting(&mut self, now: Time, id: &Arc<str>) {
        let framework = self.frameworks.get(id);
        let connection = framework.and_then(|framework| Some(framework.connection.as_ref()?.id));
        let (Some(connection), Some(waiting)) = (connection, self.waiting.get_mut(id)) else {
            return;
        };
        if waiting.is_unread || waiting.items.is_empty() {
            return;
        }
        waiting.is_unread = true;
        for _ in 0..PIECE {
            let Some(item) = self.waiting.get_mut(id).and_then(Waiting::pop) else { break };
            match item {
                Item::Named(task, agent) => self.reconcile_task(now, id, &task, agent.as_ref()),
                Item::Known(task) => {
                    let framework = self.frameworks.get(id);
                    let record = framework.and_then(|framework| framework.tasks.get(&task));
                    let latest = record.map(|record| record.latest(now));
                    latest.into_iter().for_each(|status| self.tell_status(id, status));
                }
                Item::Unacknowledged(task) => {
                    self.resend(now, &TaskKey { framework: id.clone(), task });
                }
            }
        }
        self.effects.push(Effect::AwaitReading(connection));
    }

    /// Tells what has become of a task.
    pub(super) fn reconcile_task(
        &mut self,
        now: Time,
        id: &Arc<str>,
        task: &str,
        agent: Option<&AgentId>,
    ) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let answer = if let Some(record) = framework.tasks.get(task) {
            record.latest(now)
        } else {
            let is_registered = agent.is_some_and(|agent| self.agents.get(&agent.value).is_some());
            let (state, message) = if is_registered {
                (TaskState::Gone, "Reconciliation: Task is unknown to the agent")
            } else {
                (TaskState::Unknown, "Reconciliation: Task is unknown")
            };
            let reason = Some(Reason::Reconciliation);
            let status = status(now, task, state, reason, message.to_owned());
            TaskStatus { agent_id: agent.cloned(), ..status }
        };
        self.tell_status(id, answer);
    }
}

impl TaskRecord {
    /// The latest state that the framework was told, once more.
    fn latest(&self, now: Time) -> TaskStatus {
        let message = "Reconciliation: Latest task state".to_owned();
        let reason = Some(Reason::Reconciliation);
        let status = status(now, &self.info.task_id.value, self.told_state(), reason, message);
        let last = self.statuses.last();
        TaskStatus {
            agent_id: Some(self.info.agent_id.clone()),
            executor_id: Some(ExecutorId { value: self.executor_id().to_owned() }),
            container_status: last.and_then(|status| status.container_status.clone()),
            healthy: last.and_then(|status| status.healthy),
            ..status
        }
    }
}
