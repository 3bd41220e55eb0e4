//! A framework asks what has become of tasks.

use std::sync::Arc;

use proffer_core::time::Time;
use proffer_mesos::scheduler::CallReconcile;
use proffer_mesos::types::{
    AgentId, ExecutorId, TaskState, TaskStatus, TaskStatusReason as Reason,
};

use super::Master;
use super::tasks::{TaskRecord, status};

impl Master {
    /// Tells what has become of these tasks; of all that are known if none is named.
    pub(super) fn reconcile(&mut self, now: Time, id: &Arc<str>, call: &CallReconcile) {
        if !call.tasks.is_empty() {
            for task in &call.tasks {
                self.reconcile_task(now, id, &task.task_id.value, task.agent_id.as_ref());
            }
            return;
        }
        let Some(framework) = self.frameworks.get(id) else { return };
        let latest: Vec<TaskStatus> =
            framework.tasks.values().map(|record| record.latest(now)).collect();
        latest.into_iter().for_each(|status| self.tell_status(id, status));
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
