//! Executors of a framework's own: processes that run several tasks and speak the executor API.
//!
//! Each is a process on an agent, which holds what its `ExecutorInfo` asks for beside what its tasks
//! hold. To the engine and to whatever runs processes it is one more task, whose name no framework can
//! give: it has slashes.

mod shown;
mod updates;

use std::collections::VecDeque;
use std::sync::Arc;

use proffer_core::event::Event as EngineEvent;
use proffer_core::frameworks::{TaskId, TaskRequest};
use proffer_core::time::{Span, Time};
use proffer_mesos::executor::{
    Call, CallType, Event, EventError, EventKill, EventLaunch, EventSubscribed, EventType,
};
use proffer_mesos::scheduler::{
    self, EventFailure, EventMessage as SchedulerMessage, EventType as SchedulerEvent,
};
use proffer_mesos::types::{
    AgentId, AgentInfo, ContainerStatus, ExecutorInfo, FrameworkId, FrameworkInfo, KillPolicy,
    TaskId as WireTaskId, TaskInfo, TaskState, TaskStatusReason as Reason,
    TaskStatusSource as Source, ValueInMap,
};

use super::accept::TOO_MUCH;
use super::digest::Digest;
use super::restore::{MOST_CHECKPOINT_BYTES, fits_checkpoint};
use super::tasks::TaskKey;
use super::{Answer, ConnectionId, Effect, Ending, Master, News, Run, Timer, amounts};

/// How long an executor may take to subscribe, as in Mesos.
const REGISTRATION_TIMEOUT: Span = Span::from_seconds(60);

/// How long an executor may take to end if nothing else is said, as in Mesos.
const SHUTDOWN_GRACE: Span = Span::from_seconds(5);

/// What names of executors begin with among those of tasks.
const PREFIX: &str = "executor/";

/// An executor of a framework's own on an agent.
#[derive(Clone, Debug)]
pub(super) struct ExecutorRecord {
    pub(super) info: ExecutorInfo,
    pub(super) agent: Arc<str>,
    /// Whether it holds something that is to be given back.
    holds: bool,
    /// Whether its process was started.
    is_started: bool,
    pub(super) connection: Option<ConnectionId>,
    /// How often what is stored of it has changed, and how many of these changes are stored.
    pub(super) changes: u64,
    pub(super) stored: u64,
    /// What it is told once it has subscribed and so many changes are stored.
    pub(super) outbox: VecDeque<(u64, Event)>,
    /// By when it has to subscribe.
    pub(super) register_by: Option<Time>,
    pub(super) container: Option<ContainerStatus>,
    /// Of what it has to show when it speaks.
    pub(super) token: Digest,
    /// Why it is to end, if that is known.
    ending: Option<(Reason, String)>,
}

impl ExecutorRecord {
    /// One that was not started.
    fn new(info: ExecutorInfo, agent: Arc<str>, token: Digest) -> Self {
        Self {
            info,
            agent,
            holds: false,
            is_started: false,
            connection: None,
            changes: 0,
            stored: 0,
            outbox: VecDeque::new(),
            register_by: None,
            container: None,
            token,
            ending: None,
        }
    }

    /// One that another master started, which has some time to subscribe here.
    pub(super) fn restored(info: ExecutorInfo, agent: Arc<str>, token: Digest, now: Time) -> Self {
        let register_by = Some(now + REGISTRATION_TIMEOUT);
        Self { holds: true, is_started: true, register_by, ..Self::new(info, agent, token) }
    }

    /// Whether it holds what its `ExecutorInfo` asks for.
    pub(super) fn holds(&self) -> bool {
        self.holds
    }

    /// Tells it something as soon as a change that led to it is stored.
    fn tell_after_change(&mut self, event: Event) {
        self.changes += 1;
        self.outbox.push_back((self.changes, event));
    }
}

/// What tells an executor to run a task.
pub(super) fn launch(task: TaskInfo) -> Event {
    Event { launch: Some(EventLaunch { task }), ..event(EventType::Launch) }
}

/// The name of an executor among the tasks of its framework.
pub(crate) fn executor_name(agent: &str, executor: &str) -> TaskId {
    format!("{PREFIX}{agent}/{executor}").into()
}

/// Whether a name is that of an executor.
pub(crate) fn is_executor(task: &str) -> bool {
    task.starts_with(PREFIX)
}

/// An event that says nothing more than what it is.
pub(super) fn event(kind: EventType) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

/// What tells an executor to end.
pub(super) fn shutdown() -> Event {
    event(EventType::Shutdown)
}

impl Master {
    /// What is to be asked of the engine for the executor of a task, beside the task itself. An error
    /// if another executor of this id is there.
    pub(super) fn ask_for_executor(
        &mut self,
        id: &str,
        info: &ExecutorInfo,
        agent: &Arc<str>,
        role: &str,
    ) -> Result<Option<TaskRequest>, String> {
        let name = executor_name(agent, &info.executor_id.value);
        let (mut amounts, ports) = amounts::request_of(role, &info.resources)
            .map_err(|problem| format!("{TOO_MUCH}: its executor: {problem}"))?;
        self.add_pod(agent, &mut amounts);
        let Some(framework) = self.frameworks.get_mut(id) else { return Ok(None) };
        if let Some(known) = framework.executors.get(&name) {
            let (mut old, mut new) = (known.info.clone(), info.clone());
            (old.framework_id, new.framework_id) = (None, None);
            if old != new {
                return Err(format!(
                    "ExecutorInfo is not compatible with existing ExecutorInfo with same \
                     ExecutorID '{}'",
                    info.executor_id.value
                ));
            }
            return Ok(None);
        }
        let record = ExecutorRecord::new(info.clone(), agent.clone(), Digest::default());
        framework.executors.insert(name.clone(), record);
        if amounts.is_empty() && ports.is_empty() {
            return Ok(None);
        }
        Ok(Some(TaskRequest { task: name, amounts, ports }))
    }

    /// The engine lets an executor have what it asked for.
    pub(super) fn hold_executor(&mut self, id: &str, name: &TaskId) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        if let Some(record) = framework.executors.get_mut(name) {
            record.holds = true;
        } else {
            let gone = EngineEvent::TaskGone(framework.key.clone(), name.clone());
            self.effects.push(Effect::Engine(gone));
        }
    }

    /// The engine does not let an executor have what it asked for; its tasks find none.
    pub(super) fn refuse_executor(&mut self, id: &str, name: &TaskId) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        if framework.executors.get(name).is_some_and(|record| !record.holds && !record.is_started) {
            framework.executors.remove(name);
        }
    }

    /// Forgets an executor that was never started, and that no task is for any more.
    pub(super) fn drop_unused_executor(&mut self, id: &str, task: &TaskInfo) {
        let Some(info) = &task.executor else { return };
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let (executor, agent) = (&info.executor_id.value, &task.agent_id.value);
        let name = executor_name(agent, executor);
        let is_unused = framework.tasks_of(executor, agent).is_empty();
        let record = framework.executors.get(&name).filter(|r| is_unused && !r.is_started);
        if record.is_some_and(|record| record.holds) {
            let gone = EngineEvent::TaskGone(framework.key.clone(), name.clone());
            self.effects.push(Effect::Engine(gone));
        }
        if record.is_some() {
            framework.executors.remove(&name);
        }
    }

    /// Gives a task to its executor, which is started if it does not run; the error says why it cannot be.
    pub(super) fn launch_on_executor(
        &mut self,
        now: Time,
        id: &Arc<str>,
        mut task: TaskInfo,
        (agent, node, pool): (&Arc<str>, &str, &str),
    ) -> Result<(), String> {
        let no_room = || "There is no room for the task's executor".to_owned();
        let framework = self.frameworks.get_mut(id).ok_or_else(no_room)?;
        let info = task.executor.as_mut().ok_or_else(no_room)?;
        info.framework_id = Some(FrameworkId { value: id.to_string() });
        let executor = info.executor_id.value.clone();
        let name = executor_name(agent, &executor);
        let key = TaskKey { framework: id.clone(), task: name };
        if !fits_checkpoint(framework, &key.task, &task) {
            return Err(format!(
                "The tasks of executor '{executor}' may have {MOST_CHECKPOINT_BYTES} bytes together, \
                 and this one is too much: put less into its data, or use another executor"
            ));
        }
        let record = framework.executors.get_mut(&key.task).ok_or_else(no_room)?;
        record.tell_after_change(launch(task.clone()));
        if record.is_started {
            self.effects.push(Effect::Checkpoint(key));
            return Ok(());
        }
        record.is_started = true;
        let at = now + REGISTRATION_TIMEOUT;
        record.register_by = Some(at);
        let token = uuid::Uuid::new_v4().to_string();
        record.token = Digest::of(&token);
        self.by_token.insert(record.token.clone(), key.clone());
        // What is run is a task that has nothing but the executor's command, and room for its first task.
        let info = &record.info;
        let process = TaskInfo {
            name: info.name.clone().unwrap_or_default(),
            task_id: WireTaskId { value: key.task.to_string() },
            agent_id: task.agent_id.clone(),
            resources: info.resources.iter().chain(&task.resources).cloned().collect(),
            // Further tasks come later.
            limits: [("mem".to_owned(), ValueInMap { value: Some(f64::INFINITY) })].into(),
            command: info.command.clone(),
            container: info.container.clone(),
            kill_policy: Some(KillPolicy {
                grace_period: Some(info.shutdown_grace_period.clone().unwrap_or_else(|| {
                    let nanoseconds = i64::try_from(SHUTDOWN_GRACE.as_milliseconds() * 1_000_000);
                    proffer_mesos::types::DurationInfo { nanoseconds: nanoseconds.unwrap_or(0) }
                })),
            }),
            ..TaskInfo::default()
        };
        let token = Some(token);
        let (agent, executor) = (agent.clone(), executor.into());
        let (node, pool) = (node.into(), pool.into());
        let run = Run { key: key.clone(), task: process, agent, node, pool, executor, token };
        self.effects.push(Effect::Run(Box::new(run)));
        self.effects.push(Effect::Checkpoint(key.clone()));
        self.set_timer(at, Timer::Register(key));
        Ok(())
    }

    /// So many changes of an executor are stored: it is told what follows from them.
    pub(crate) fn checkpointed(&mut self, key: &TaskKey, changes: u64) {
        let framework = self.frameworks.get_mut(&key.framework);
        let record = framework.and_then(|framework| framework.executors.get_mut(&key.task));
        let Some(record) = record else { return };
        record.stored = record.stored.max(changes.min(record.changes));
        let Some(connection) = record.connection else { return };
        let is_stored = |(changes, _): &(u64, Event)| *changes <= record.stored;
        let count = record.outbox.iter().take_while(|it| is_stored(it)).count();
        for (_, event) in record.outbox.drain(..count) {
            self.effects.push(Effect::Tell(connection, Box::new(event)));
        }
    }

    /// What is stored of the executor of a task is not as it was.
    pub(super) fn note_executor_change(&mut self, id: &Arc<str>, task: &TaskInfo) {
        let Some(info) = &task.executor else { return };
        let name = executor_name(&task.agent_id.value, &info.executor_id.value);
        let framework = self.frameworks.get_mut(id);
        let record = framework.and_then(|framework| framework.executors.get_mut(&name));
        if let Some(record) = record {
            record.changes += 1;
            self.effects.push(Effect::Checkpoint(TaskKey { framework: id.clone(), task: name }));
        }
    }

    /// Ends an executor that has not subscribed in time.
    pub(super) fn check_registered(&mut self, now: Time, key: &TaskKey) {
        let framework = self.frameworks.get_mut(&key.framework);
        let record = framework.and_then(|framework| framework.executors.get_mut(&key.task));
        let Some(record) = record.filter(|r| r.register_by.is_some_and(|at| at <= now)) else {
            return;
        };
        let message = "Executor did not register within 1mins".to_owned();
        record.ending = Some((Reason::ExecutorRegistrationTimeout, message));
        self.effects.push(Effect::Kill { task: key.clone(), grace: Some(Span::ZERO) });
    }

    /// What becomes of the process of an executor.
    pub(super) fn take_executor_news(&mut self, now: Time, key: &TaskKey, news: News) {
        let Some(framework) = self.frameworks.get_mut(&key.framework) else { return };
        let Some(record) = framework.executors.get_mut(&key.task) else { return };
        let ending = match news {
            News::Starting(container) => {
                record.container = Some(container);
                return;
            }
            News::Running(container) => {
                record.container = container.or(record.container.take());
                return;
            }
            News::Killing => return,
            News::Ended(ending) => ending,
        };
        let Some(record) = framework.executors.remove(&key.task) else { return };
        self.by_token.remove(&record.token);
        let job = framework.key.clone();
        let own = framework.tasks_of(&record.info.executor_id.value, &record.agent);
        self.count("messages_exited_executor", 1);
        self.effects.push(Effect::Settled(key.clone()));
        if record.holds {
            let gone = EngineEvent::TaskGone(job, key.task.clone());
            self.effects.push(Effect::Engine(gone));
        }
        if let Some(connection) = record.connection {
            self.effects.push(Effect::Close(connection));
        }
        let executor = record.info.executor_id.clone();
        let (reason, message) = record.ending.unwrap_or_else(|| {
            let reason = match ending.reason {
                Some(Reason::CommandExecutorFailed) | None => Reason::ExecutorTerminated,
                Some(other) => other,
            };
            (reason, format!("Executor terminated: {}", ending.message))
        });
        let failure = EventFailure {
            agent_id: Some(AgentId { value: record.agent.to_string() }),
            executor_id: Some(executor),
            status: Some(wait_status(&ending.message)),
        };
        // One that may not be run is no fault of its tasks', but will not be run another time either.
        let state = match ending.state {
            TaskState::Error => TaskState::Error,
            _ => TaskState::Failed,
        };
        for task in own {
            let ending = Ending {
                state,
                message: message.clone(),
                reason: Some(reason),
                source: Source::Agent,
            };
            let key = TaskKey { framework: key.framework.clone(), task };
            self.take_news(now, &key, News::Ended(ending));
        }
        let kind = Some(SchedulerEvent::Failure.into());
        let event = scheduler::Event {
            r#type: kind,
            failure: Some(failure),
            ..scheduler::Event::default()
        };
        self.send(&key.framework, event);
    }

    /// Tells an executor to end one of its tasks; says whether there is one that could.
    pub(super) fn kill_on_executor(
        &mut self,
        id: &str,
        task: &str,
        policy: Option<&KillPolicy>,
    ) -> bool {
        let Some(framework) = self.frameworks.get_mut(id) else { return false };
        let Some(task) = framework.tasks.get(task).map(|record| &record.info) else { return false };
        let Some(info) = &task.executor else { return false };
        let name = executor_name(&task.agent_id.value, &info.executor_id.value);
        let task_id = task.task_id.clone();
        let kill = EventKill { task_id: task_id.clone(), kill_policy: policy.cloned() };
        let kill = Event { kill: Some(kill), ..event(EventType::Kill) };
        let Some(record) = framework.executors.get_mut(&name) else { return true };
        if let Some(connection) = record.connection {
            self.effects.push(Effect::Tell(connection, Box::new(kill)));
        } else {
            // One is enough, and the last says how much time there is.
            let is_other = |it: &Event| it.kill.as_ref().is_none_or(|old| old.task_id != task_id);
            record.outbox.retain(|(_, waiting)| is_other(waiting));
            record.outbox.push_back((record.changes, kill));
        }
        true
    }

    /// Tells an executor to end.
    pub(super) fn shut_executor_down(&mut self, id: &Arc<str>, name: &TaskId) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let Some(record) = framework.executors.get(name) else { return };
        if let Some(connection) = record.connection {
            self.effects.push(Effect::Tell(connection, Box::new(shutdown())));
        }
        let key = TaskKey { framework: id.clone(), task: name.clone() };
        self.effects.push(Effect::Kill { task: key, grace: None });
    }

    /// An executor wants to be told events on a connection.
    pub(crate) fn subscribe_executor(
        &mut self,
        now: Time,
        connection: ConnectionId,
        token: Option<&str>,
        call: Call,
    ) {
        let Some((id, name)) = self.find_executor(&call, token) else {
            let message = "Executor cannot be found".to_owned();
            let error = Event { error: Some(EventError { message }), ..event(EventType::Error) };
            self.effects.push(Effect::Tell(connection, Box::new(error)));
            self.effects.push(Effect::Close(connection));
            return;
        };
        let Some(framework) = self.frameworks.get_mut(&id) else { return };
        let framework_info = FrameworkInfo::clone(&framework.info);
        let Some(record) = framework.executors.get_mut(&name) else { return };
        record.register_by = None;
        let before = record.connection.replace(connection);
        let agent = self.agents.get(&record.agent);
        let agent_info = AgentInfo {
            hostname: agent.map(|agent| agent.hostname.clone()).unwrap_or_default(),
            port: Some(i32::from(self.settings.agents_address.port())),
            attributes: agent.map(super::agents::Agent::attributes).unwrap_or_default(),
            id: Some(AgentId { value: record.agent.to_string() }),
            ..AgentInfo::default()
        };
        let subscribed = EventSubscribed {
            executor_info: record.info.clone(),
            framework_info,
            agent_info,
            container_id: record.container.as_ref().and_then(|c| c.container_id.clone()),
        };
        let subscribe = call.subscribe.unwrap_or_default();
        // What it does not know to be known here it says again; what it was told it does not need to hear.
        let has = |task: &TaskInfo| {
            subscribe.unacknowledged_tasks.iter().any(|other| other.task_id == task.task_id)
        };
        record.outbox.retain(|(_, event)| {
            event.kill.is_some() || event.launch.as_ref().is_some_and(|launch| !has(&launch.task))
        });
        if let Some(before) = before {
            self.effects.push(Effect::Close(before));
        }
        let subscribed = Event { subscribed: Some(subscribed), ..event(EventType::Subscribed) };
        self.effects.push(Effect::Tell(connection, Box::new(subscribed)));
        // One that cannot be acknowledged would be outstanding for ever.
        for update in subscribe.unacknowledged_updates {
            if self.refuse_update(&id, &call.executor_id.value, &update.status).is_none() {
                self.take_executor_update(now, &id, &name, update.status);
            }
        }
        self.checkpointed(&TaskKey { framework: id, task: name }, 0);
    }

    /// An executor says something.
    pub(crate) fn executor_call(&mut self, now: Time, token: Option<&str>, call: Call) -> Answer {
        let Some((id, name)) = self.find_executor(&call, token) else {
            return Answer::new(400, "Executor cannot be found");
        };
        let framework = self.frameworks.get(&id);
        let record = framework.and_then(|framework| framework.executors.get(&name));
        if record.is_none_or(|record| record.connection.is_none()) {
            return Answer::new(403, "Executor is not subscribed");
        }
        match call.r#type.and_then(|kind| CallType::try_from(kind).ok()) {
            Some(CallType::Update) => {
                let Some(update) = call.update else {
                    return Answer::new(400, "Expecting 'update' to be present");
                };
                let executor = &call.executor_id.value;
                if let Some(refusal) = self.refuse_update(&id, executor, &update.status) {
                    return refusal;
                }
                self.take_executor_update(now, &id, &name, update.status);
            }
            Some(CallType::Message) => {
                let Some(message) = call.message else {
                    return Answer::new(400, "Expecting 'message' to be present");
                };
                let agent = record.map(|r| r.agent.to_string()).unwrap_or_default();
                self.count("messages_executor_to_framework", 1);
                self.count("valid_executor_to_framework_messages", 1);
                let message = SchedulerMessage {
                    agent_id: AgentId { value: agent },
                    executor_id: call.executor_id,
                    data: message.data,
                };
                let event = scheduler::Event {
                    r#type: Some(SchedulerEvent::Message.into()),
                    message: Some(message),
                    ..scheduler::Event::default()
                };
                self.send(&id, event);
            }
            Some(CallType::Heartbeat) => {}
            _ => return Answer::new(501, "The call is of a type that is not known"),
        }
        Answer::accepted()
    }

    /// An executor's connection has ended. Whether it comes back or ends is seen at its process.
    pub(super) fn executor_disconnected(&mut self, connection: ConnectionId) {
        let is_of =
            |(_, record): &(&TaskId, &ExecutorRecord)| record.connection == Some(connection);
        let found = self.frameworks.values().find_map(|framework| {
            let (name, _) = framework.executors.iter().find(is_of)?;
            Some((framework.id.clone(), name.clone()))
        });
        let Some((id, name)) = found else { return };
        let framework = self.frameworks.get_mut(&id);
        if let Some(record) = framework.and_then(|known| known.executors.get_mut(&name)) {
            record.connection = None;
        }
    }
}

/// The status with which a process ended, as `wait` gives it.
fn wait_status(message: &str) -> i32 {
    let last = message.rsplit(' ').next().unwrap_or_default();
    match last.parse::<i32>() {
        Ok(code) => code << 8,
        Err(_) => match last {
            "Terminated" => 15,
            "Killed" => 9,
            _ => 1 << 8,
        },
    }
}
