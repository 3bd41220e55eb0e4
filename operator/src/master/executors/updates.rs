//! What executors say of their tasks.

use std::sync::Arc;

use proffer_core::event::Event as EngineEvent;
use proffer_core::frameworks::TaskId;
use proffer_core::time::Time;
use proffer_mesos::executor::{Event, EventAcknowledged, EventType};
use proffer_mesos::types::{
    AgentId, ExecutorId, TaskState, TaskStatus, TaskStatusSource as Source,
};
use proffer_mesos::validate::has_uuid;

use super::event;
use crate::master::tasks::{TaskKey, is_terminal};
use crate::master::{Answer, Effect, Master, limits};

/// How much an update may have. Each is kept, with what is stored of the executor, until its framework
/// acknowledges it.
const MOST_UPDATE_BYTES: usize = 64 << 10;

/// How many updates of a task may wait for that.
const MOST_UPDATES: usize = 100;

/// What is wrong with an update by itself: what Mesos's agent refuses, states that only a master tells, and
/// times that are none.
fn check(executor: &str, status: &TaskStatus) -> Option<String> {
    if !has_uuid(status) {
        return Some("Expecting 'uuid' to be 16 bytes".to_owned());
    }
    if let Some(other) = status.executor_id.as_ref().filter(|other| other.value != executor) {
        return Some(format!(
            "The call is of executor '{executor}', and its 'executor_id' is '{}'",
            other.value
        ));
    }
    if status.source.is_some_and(|source| source != i32::from(Source::Executor)) {
        return Some("Expecting 'source' to be SOURCE_EXECUTOR".to_owned());
    }
    let is_of_master = |state: &TaskState| {
        use TaskState::{Gone, GoneByOperator, Staging, Unknown, Unreachable};
        matches!(state, Staging | Unreachable | Gone | GoneByOperator | Unknown)
    };
    if let Some(state) = TaskState::try_from(status.state).ok().filter(is_of_master) {
        return Some(format!("{} is no state that an executor tells", state.text()));
    }
    let is_time = status.timestamp.is_none_or(f64::is_finite);
    (!is_time).then(|| "Expecting 'timestamp' to be seconds since 1970".to_owned())
}

impl Master {
    /// Why an update is not taken, if it is not.
    pub(super) fn refuse_update(
        &self,
        id: &str,
        executor: &str,
        status: &TaskStatus,
    ) -> Option<Answer> {
        if let Some(problem) = check(executor, status) {
            return Some(Answer::new(400, problem));
        }
        let bytes = limits::bytes(status);
        if bytes > MOST_UPDATE_BYTES {
            let problem = format!(
                "The update has {bytes} bytes, and {MOST_UPDATE_BYTES} are the most that are kept: send \
                 what is larger as a message, or leave it in the sandbox"
            );
            return Some(Answer::new(413, problem));
        }
        let task = self.frameworks.get(id)?.tasks.get(&*status.task_id.value)?;
        (task.updates.len() >= MOST_UPDATES).then(|| {
            let problem = format!(
                "{MOST_UPDATES} updates of the task wait until the framework acknowledges them: send this \
                 one again later"
            );
            Answer::new(429, problem)
        })
    }

    /// What an executor says of one of its tasks. It is acknowledged once it is stored.
    pub(super) fn take_executor_update(
        &mut self,
        now: Time,
        id: &Arc<str>,
        name: &TaskId,
        mut status: TaskStatus,
    ) {
        self.count("messages_status_update", 1);
        let framework = self.frameworks.get(id);
        let is_valid = framework.is_some_and(|it| it.tasks.contains_key(&*status.task_id.value));
        self.count(if is_valid { "valid_status_updates" } else { "invalid_status_updates" }, 1);
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let Some(record) = framework.executors.get(name) else { return };
        let container = record.container.clone();
        let (executor, agent) = (record.info.executor_id.clone(), record.agent.clone());
        let job = framework.key.clone();
        let task: TaskId = status.task_id.value.as_str().into();
        let uuid = status.uuid.clone().unwrap_or_default();
        let acknowledged = EventAcknowledged { task_id: status.task_id.clone(), uuid };
        let told = Event { acknowledged: Some(acknowledged), ..event(EventType::Acknowledged) };
        if let Some(record) = framework.executors.get_mut(name) {
            record.tell_after_change(told);
            let key = TaskKey { framework: id.clone(), task: name.clone() };
            self.effects.push(Effect::Checkpoint(key));
        }
        let Some(known) = framework.tasks.get_mut(&task) else { return };
        let is_own = known.executor_id() == executor.value && *known.info.agent_id.value == *agent;
        let is_new = !known
            .statuses
            .iter()
            .any(|seen| seen.timestamp == status.timestamp && seen.state == status.state);
        let state = TaskState::try_from(status.state);
        let Ok(state) = state.map_err(drop).and_then(|state| {
            if is_own && is_new && !is_terminal(known.state) { Ok(state) } else { Err(()) }
        }) else {
            return;
        };
        known.state = state;
        let key = TaskKey { framework: id.clone(), task: task.clone() };
        if is_terminal(state) && std::mem::take(&mut known.holds) {
            self.effects.push(Effect::Engine(EngineEvent::TaskGone(job, task)));
        }
        status.agent_id = Some(AgentId { value: agent.to_string() });
        status.executor_id = Some(ExecutorId { value: executor.value });
        status.source = status.source.or(Some(Source::Executor.into()));
        status.container_status = status.container_status.or(container);
        self.queue_update(now, &key, status);
    }
}
