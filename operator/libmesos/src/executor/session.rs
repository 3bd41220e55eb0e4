//! What an executor and its agent say to each other, without how.

use proffer_mesos::executor::{
    Call, CallMessage, CallSubscribe, CallType, CallUpdate, Event, EventType,
};
use proffer_mesos::types::{
    AgentId, AgentInfo, ExecutorId, ExecutorInfo, FrameworkId, FrameworkInfo, TaskId, TaskInfo,
    TaskStatus, TaskStatusSource,
};

use super::Environment;
use crate::log;

/// Something that the executor is told, by the method of `org.apache.mesos.Executor` of that name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Callback {
    Registered {
        executor: Box<ExecutorInfo>,
        framework: Box<FrameworkInfo>,
        agent: Box<AgentInfo>,
    },
    Reregistered {
        agent: Box<AgentInfo>,
    },
    Disconnected,
    LaunchTask(Box<TaskInfo>),
    KillTask(TaskId),
    FrameworkMessage(Vec<u8>),
    /// The executor is to end. After it there is nothing more.
    Shutdown,
    /// The last one.
    Error(String),
}

/// An executor's side of the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    framework: FrameworkId,
    executor: ExecutorId,
    agent: AgentId,
    was_registered: bool,
    is_connected: bool,
    /// Tasks of which the agent has acknowledged no update.
    tasks: Vec<TaskInfo>,
    /// Updates that the agent has not acknowledged, in their order.
    updates: Vec<TaskStatus>,
}

impl Session {
    pub(crate) fn new(environment: &Environment) -> Self {
        Self {
            framework: FrameworkId { value: environment.framework.clone() },
            executor: ExecutorId { value: environment.executor.clone() },
            agent: AgentId { value: environment.agent_id.clone() },
            was_registered: false,
            is_connected: false,
            tasks: Vec::new(),
            updates: Vec::new(),
        }
    }

    /// A call of a kind, with nothing in it.
    pub(crate) fn call(&self, kind: CallType) -> Call {
        Call {
            executor_id: self.executor.clone(),
            framework_id: self.framework.clone(),
            r#type: Some(kind.into()),
            ..Call::default()
        }
    }

    /// The call that opens the stream of events, and the numbers of the updates that are in it.
    pub(crate) fn subscribe(&self) -> (Call, Vec<Vec<u8>>) {
        let mut call = self.call(CallType::Subscribe);
        let update = |status: &TaskStatus| CallUpdate { status: status.clone() };
        call.subscribe = Some(CallSubscribe {
            unacknowledged_tasks: self.tasks.clone(),
            unacknowledged_updates: self.updates.iter().map(update).collect(),
        });
        (call, self.updates.iter().filter_map(|status| status.uuid.clone()).collect())
    }

    /// The unacknowledged updates that do not have one of these numbers.
    pub(crate) fn updates_beside(&self, numbers: &[Vec<u8>]) -> Vec<Call> {
        let is_other = |status: &&TaskStatus| {
            status.uuid.as_ref().is_none_or(|number| !numbers.contains(number))
        };
        self.updates.iter().filter(is_other).map(|status| self.update_call(status)).collect()
    }

    fn update_call(&self, status: &TaskStatus) -> Call {
        let mut call = self.call(CallType::Update);
        call.update = Some(CallUpdate { status: status.clone() });
        call
    }

    /// How a task is, which is said until it is acknowledged. The number is 16 bytes that nobody else uses,
    /// the time in seconds since 1970.
    pub(crate) fn update(
        &mut self,
        mut status: TaskStatus,
        number: [u8; 16],
        now_seconds: f64,
    ) -> Call {
        status.uuid = Some(number.to_vec());
        status.timestamp = Some(now_seconds);
        status.agent_id = Some(self.agent.clone());
        status.executor_id = Some(self.executor.clone());
        status.set_source(TaskStatusSource::Executor);
        let call = self.update_call(&status);
        self.updates.push(status);
        call
    }

    /// A message to the framework.
    pub(crate) fn message(&self, data: Vec<u8>) -> Call {
        let mut call = self.call(CallType::Message);
        call.message = Some(CallMessage { data });
        call
    }

    /// The stream ended.
    pub(crate) fn disconnect(&mut self) -> Option<Callback> {
        std::mem::take(&mut self.is_connected).then_some(Callback::Disconnected)
    }

    /// Takes in an event. What this version does not know means nothing to it.
    pub(crate) fn take(&mut self, event: Event) -> Option<Callback> {
        match event.r#type() {
            EventType::Subscribed => {
                let subscribed = event.subscribed?;
                let agent = Box::new(subscribed.agent_info);
                if let Some(id) = &agent.id {
                    self.agent = id.clone();
                }
                self.is_connected = true;
                Some(if std::mem::replace(&mut self.was_registered, true) {
                    Callback::Reregistered { agent }
                } else {
                    let executor = Box::new(subscribed.executor_info);
                    let framework = Box::new(subscribed.framework_info);
                    Callback::Registered { executor, framework, agent }
                })
            }
            EventType::Launch => {
                let task = event.launch?.task;
                if self.tasks.iter().any(|known| known.task_id == task.task_id) {
                    // An agent that does not know that it was heard says it again.
                    return None;
                }
                self.tasks.push(task.clone());
                Some(Callback::LaunchTask(Box::new(task)))
            }
            EventType::LaunchGroup => {
                log::warn("a group of tasks cannot be launched by a MesosExecutorDriver");
                None
            }
            EventType::Kill => Some(Callback::KillTask(event.kill?.task_id)),
            EventType::Acknowledged => {
                let acknowledged = event.acknowledged?;
                self.updates.retain(|status| status.uuid.as_ref() != Some(&acknowledged.uuid));
                self.tasks.retain(|task| task.task_id != acknowledged.task_id);
                None
            }
            EventType::Message => Some(Callback::FrameworkMessage(event.message?.data)),
            EventType::Shutdown => Some(Callback::Shutdown),
            EventType::Error => Some(Callback::Error(event.error?.message)),
            EventType::Heartbeat | EventType::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests;
