//! Tasks, and what their framework is told of them.
//!
//! An *update* is what became of a task. Each has a uuid, is sent again until the framework has
//! acknowledged it, and only then the next one of the task is sent. What the master says by itself has
//! no uuid, and is said once.

use std::collections::VecDeque;
use std::sync::Arc;

use proffer_core::event::Event as EngineEvent;
use proffer_core::frameworks::{TaskId, TaskProblem};
use proffer_core::time::{Span, Time};
use proffer_mesos::scheduler::{
    CallAcknowledge, CallKill, Event, EventFailure, EventType, EventUpdate,
};
use proffer_mesos::types::{
    self, AgentId, ContainerStatus, ExecutorId, FrameworkId, FrameworkInfoCapabilityType, Task,
    TaskInfo, TaskState, TaskStatus, TaskStatusReason as Reason, TaskStatusSource as Source,
};

use super::accept::TOO_MUCH;
use super::amounts::{self, PODS};
use super::executors::{executor_name, is_executor};
use super::frameworks::Framework;
use super::offers::NO_OFFER;
use super::{COMPLETED_TASKS, Effect, MOST_COMPLETED_BYTES, Master, Run, Timer, limits, seconds};

/// After how long an update is sent again; each time after twice as long, up to the most.
const FIRST_RESEND_PAUSE: Span = Span::from_seconds(10);
const LAST_RESEND_PAUSE: Span = Span::from_seconds(600);

/// How much of what was said of a task is remembered.
const MOST_STATUSES: usize = 100;

/// A task among those of all frameworks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskKey {
    /// The id of its framework.
    pub(crate) framework: Arc<str>,
    /// Its id among those of the framework.
    pub(crate) task: TaskId,
}

/// What becomes of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    /// It is about to run in this container.
    Starting(ContainerStatus),
    /// It runs, in this container if more is known of that now.
    Running(Option<ContainerStatus>),
    /// It was told to end.
    Killing,
    /// It has ended, and nothing of it is left.
    Ended(Ending),
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    /// The state that it ended in.
    pub(crate) state: TaskState,
    /// A sentence.
    pub(crate) message: String,
    /// Why, if Mesos has a word for it.
    pub(crate) reason: Option<Reason>,
    /// Who says so.
    pub(crate) source: Source,
}

/// A task and what is still to be said of it.
#[derive(Clone, Debug)]
pub(super) struct TaskRecord {
    pub(super) info: TaskInfo,
    /// How much that is.
    pub(super) bytes: usize,
    pub(super) framework: Arc<str>,
    /// Where it runs, once the engine has said that it may.
    pub(super) node: Option<Box<str>>,
    pub(super) role: Option<String>,
    pub(super) state: TaskState,
    /// Whether it holds what it asked for.
    pub(super) holds: bool,
    /// Whether it is to be killed before it has started.
    pub(super) is_killed: bool,
    /// Whether it is to end as its agent is drained.
    pub(super) is_drained: bool,
    /// What the framework has not acknowledged. The first has been sent.
    pub(super) updates: VecDeque<TaskStatus>,
    /// When that is sent again, and after how long from then.
    pub(super) resend_at: Option<Time>,
    resend_after: Span,
    /// What was said of it, each state once.
    pub(super) statuses: Vec<TaskStatus>,
    pub(super) container: Option<ContainerStatus>,
    /// The first name in the call that launched it that is not one of an offer.
    pub(super) no_offer: Option<String>,
}

pub(super) fn is_terminal(state: TaskState) -> bool {
    use TaskState::{Dropped, Error, Failed, Finished, Gone, GoneByOperator, Killed, Lost};
    matches!(state, Finished | Failed | Killed | Error | Lost | Dropped | Gone | GoneByOperator)
}

impl TaskRecord {
    pub(super) fn new(framework: Arc<str>, info: TaskInfo) -> Self {
        Self {
            bytes: limits::bytes(&info),
            info,
            framework,
            node: None,
            role: None,
            state: TaskState::Staging,
            holds: false,
            is_killed: false,
            is_drained: false,
            updates: VecDeque::new(),
            resend_at: None,
            resend_after: FIRST_RESEND_PAUSE,
            statuses: Vec::new(),
            container: None,
            no_offer: None,
        }
    }

    /// The executor that runs the task: its own, or the one that is built in.
    pub(super) fn executor_id(&self) -> &str {
        let own = self.info.executor.as_ref().map(|executor| &executor.executor_id.value);
        own.unwrap_or(&self.info.task_id.value)
    }

    /// Whether it runs in this executor of its framework's own.
    pub(super) fn is_of(&self, executor: &TaskId) -> bool {
        self.info.executor.as_ref().is_some_and(|info| {
            *executor_name(&self.info.agent_id.value, &info.executor_id.value) == **executor
        })
    }

    /// The state as the framework was told last, whether or not it has heard.
    pub(super) fn told_state(&self) -> TaskState {
        let first = self.updates.front().and_then(|update| TaskState::try_from(update.state).ok());
        first.unwrap_or(self.state)
    }

    /// Remembers what was said of it, without what it was said for.
    pub(super) fn note_status(&mut self, status: &TaskStatus) {
        self.statuses.push(TaskStatus { uuid: None, data: None, ..status.clone() });
        if self.statuses.len() > MOST_STATUSES {
            // When it began stays known.
            self.statuses.remove(1);
        }
    }

    pub(super) fn to_task(&self) -> Task {
        Task {
            name: self.info.name.clone(),
            task_id: self.info.task_id.clone(),
            framework_id: FrameworkId { value: self.framework.to_string() },
            executor_id: Some(ExecutorId { value: self.executor_id().to_owned() }),
            agent_id: self.info.agent_id.clone(),
            state: self.state.into(),
            resources: self.info.resources.clone(),
            statuses: self.statuses.clone(),
            status_update_state: self.updates.front().map(|update| update.state),
            status_update_uuid: self.updates.front().and_then(|update| update.uuid.clone()),
            labels: self.info.labels.clone(),
            discovery: self.info.discovery.clone(),
            container: self.info.container.clone(),
            health_check: self.info.health_check.clone(),
            kill_policy: self.info.kill_policy.clone(),
            user: self.info.command.as_ref().and_then(|command| command.user.clone()),
            limits: self.info.limits.clone(),
        }
    }
}

impl Framework {
    /// Remembers a task that is gone, for a while.
    pub(super) fn keep_completed(&mut self, task: Task) {
        self.completed_bytes += limits::bytes(&task);
        self.completed_tasks.push_back(Arc::new(task));
        while self.completed_tasks.len() > COMPLETED_TASKS
            || self.completed_bytes > MOST_COMPLETED_BYTES
        {
            let Some(task) = self.completed_tasks.pop_front() else { return };
            self.completed_bytes -= limits::bytes(&*task);
        }
    }

    /// The state for a task that is gone, as the framework understands it.
    pub(super) fn understood(&self, state: TaskState) -> TaskState {
        understood(self.can(FrameworkInfoCapabilityType::PartitionAware), state)
    }
}

fn understood(is_aware: bool, state: TaskState) -> TaskState {
    use TaskState::{Dropped, Gone, GoneByOperator, Lost, Unknown, Unreachable};
    let is_new = matches!(state, Dropped | Unreachable | Gone | GoneByOperator | Unknown);
    if is_new && !is_aware { Lost } else { state }
}

/// A status that the master makes.
pub(super) fn status(
    now: Time,
    task: &str,
    state: TaskState,
    reason: Option<Reason>,
    message: String,
) -> TaskStatus {
    TaskStatus {
        task_id: types::TaskId { value: task.to_owned() },
        state: state.into(),
        message: Some(message),
        source: Some(Source::Master.into()),
        reason: reason.map(Into::into),
        timestamp: Some(seconds(now)),
        ..TaskStatus::default()
    }
}

/// What an update is acknowledged by. It follows from the container and the state, so that a master that
/// takes over gives it the same.
fn update_uuid(container: Option<&ContainerStatus>, state: TaskState) -> Vec<u8> {
    let container = container.and_then(|container| container.container_id.as_ref());
    let Some(container) = container else { return uuid::Uuid::new_v4().as_bytes().to_vec() };
    let text = format!("{} {}", container.value, state.text());
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().as_bytes().to_vec()
}

fn update_event(status: TaskStatus) -> Event {
    Event {
        r#type: Some(EventType::Update.into()),
        update: Some(EventUpdate { status }),
        ..Event::default()
    }
}

impl Master {
    /// Tells a framework something about a task that is not acknowledged.
    pub(super) fn tell_status(&mut self, id: &str, mut status: TaskStatus) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let mut ended = None;
        if let Ok(state) = TaskState::try_from(status.state) {
            let state = framework.understood(state);
            status.state = state.into();
            // What is only said once more was counted before.
            let is_answer = status.reason == Some(Reason::Reconciliation.into());
            ended = Some(state).filter(|state| is_terminal(*state) && !is_answer);
        }
        ended.into_iter().for_each(|state| self.count_end(state));
        self.send(id, update_event(status));
    }

    /// The engine lets a task start.
    pub(super) fn start_task(
        &mut self,
        now: Time,
        id: &Arc<str>,
        name: &TaskId,
        node: &str,
        pool: &str,
    ) {
        if is_executor(name) {
            self.hold_executor(id, name);
            return;
        }
        let agent = self.agents.on(node).map(|agent| agent.id.clone());
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let role = framework.settings.roles.get(pool).cloned();
        let (key, job) = (TaskKey { framework: id.clone(), task: name.clone() }, &framework.key);
        let gone = EngineEvent::TaskGone(job.clone(), name.clone());
        let (Some(record), Some(agent)) = (framework.tasks.get_mut(name), agent) else {
            self.effects.push(Effect::Engine(gone));
            return;
        };
        if record.is_killed {
            let info = record.info.clone();
            let agent = info.agent_id.clone();
            framework.tasks.remove(name);
            self.effects.push(Effect::Engine(gone));
            self.drop_unused_executor(id, &info);
            let message = "Task killed before delivery to agent".to_owned();
            let reason = Some(Reason::TaskKilledDuringLaunch);
            let status = status(now, name, TaskState::Killed, reason, message);
            self.tell_status(id, TaskStatus { agent_id: Some(agent), ..status });
            return;
        }
        (record.node, record.role, record.holds) = (Some(node.into()), role, true);
        self.touched.insert(id.clone());
        let task = record.info.clone();
        if task.executor.is_none() {
            let executor = record.executor_id().into();
            self.effects.push(Effect::Run(Box::new(Run {
                key,
                task,
                agent,
                node: node.into(),
                pool: pool.into(),
                executor,
                token: None,
            })));
            return;
        }
        let info = task.clone();
        if let Err(message) = self.launch_on_executor(now, id, task, (&agent, node, pool)) {
            let (reason, source) = (Some(Reason::TaskInvalid), Source::Master);
            let ending = Ending { state: TaskState::Error, message, reason, source };
            self.take_news(now, &key, News::Ended(ending));
            self.drop_unused_executor(id, &info);
        }
    }

    /// The engine does not let a task start.
    pub(super) fn refuse_task(
        &mut self,
        now: Time,
        id: &str,
        name: &TaskId,
        problem: &TaskProblem,
    ) {
        if is_executor(name) {
            self.refuse_executor(id, name);
            return;
        }
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        // Another task of this name may run, or have ended, and stays what it is.
        let known = framework.tasks.get(name);
        let is_asked_for = known.is_some_and(|it| !it.holds && !is_terminal(it.state));
        let (info, no_offer) = known
            .map_or((None, None), |record| (Some(record.info.clone()), record.no_offer.clone()));
        if is_asked_for {
            framework.tasks.remove(name);
        }
        if let Some(info) = &info {
            self.drop_unused_executor(id, info);
        }
        let agent = info.map(|info| info.agent_id);
        let (state, reason, message) = if problem.is_of_offers() {
            let message = match problem {
                TaskProblem::UnknownOffer(offer) => {
                    let name = no_offer.filter(|_| *offer == NO_OFFER);
                    let name = name.unwrap_or_else(|| self.settings.offer_name(*offer));
                    format!("Offer {name} is no longer valid")
                }
                TaskProblem::RepeatedOffer(offer) => {
                    format!("Duplicate offer {} in offer list", self.settings.offer_name(*offer))
                }
                other => other.to_string(),
            };
            let message = format!("Task launched with invalid offers: {message}");
            (TaskState::Dropped, Reason::InvalidOffers, message)
        } else {
            let message = match problem {
                TaskProblem::RepeatedTask => format!("Task has duplicate ID: {name}"),
                TaskProblem::TooLarge { resource, .. } if **resource == *PODS => {
                    format!("{TOO_MUCH}: the agent has no room for one more pod")
                }
                TaskProblem::TooLarge { resource, requested, left } => {
                    let (requested, unit) = amounts::told(resource, *requested);
                    let (left, _) = amounts::told(resource, *left);
                    format!("{TOO_MUCH}: the task asks for {requested} {unit}, and {left} are left")
                }
                TaskProblem::PortsNotOffered => format!("{TOO_MUCH}: {problem}"),
                other => other.to_string(),
            };
            (TaskState::Error, Reason::TaskInvalid, message)
        };
        let status = status(now, name, state, Some(reason), message);
        self.tell_status(id, TaskStatus { agent_id: agent, ..status });
    }

    /// A task is lost with its node.
    pub(super) fn lose_task(&mut self, now: Time, id: &str, name: &TaskId, node: &str) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let Some(mut record) = framework.tasks.remove(name) else { return };
        let key = TaskKey { framework: framework.id.clone(), task: name.clone() };
        if let Some(at) = record.resend_at {
            self.timers.remove(&(at, Timer::Resend(key.clone())));
        }
        record.state = framework.understood(TaskState::Gone);
        framework.keep_completed(record.to_task());
        let agent = Some(record.info.agent_id);
        let message = format!("Node {node} is gone");
        let status = status(now, name, TaskState::Gone, Some(Reason::AgentRemoved), message);
        self.tell_status(id, TaskStatus { agent_id: agent.clone(), ..status });
        let failure = EventFailure { agent_id: agent, ..EventFailure::default() };
        let kind = Some(EventType::Failure.into());
        self.send(id, Event { r#type: kind, failure: Some(failure), ..Event::default() });
        self.effects.push(Effect::Kill { task: key.clone(), grace: None });
        self.effects.push(Effect::Settled(key));
    }

    /// Something became of a task.
    pub(crate) fn take_news(&mut self, now: Time, key: &TaskKey, news: News) {
        if is_executor(&key.task) && self.frameworks.contains_key(&key.framework) {
            self.take_executor_news(now, key, news);
            return;
        }
        let has_ended = matches!(news, News::Ended(_));
        self.count("messages_status_update", 1);
        let framework = self.frameworks.get(&key.framework);
        let is_valid = framework.is_some_and(|it| it.tasks.contains_key(&key.task));
        self.count(if is_valid { "valid_status_updates" } else { "invalid_status_updates" }, 1);
        let Some(framework) = self.frameworks.get_mut(&key.framework) else {
            if has_ended && let Some((job, held)) = self.orphans.remove(key) {
                let gone = held.into_iter().map(|task| EngineEvent::TaskGone(job.clone(), task));
                self.effects.extend(gone.map(Effect::Engine));
            }
            return;
        };
        let job = framework.key.clone();
        let knows_killing = framework.can(FrameworkInfoCapabilityType::TaskKillingState);
        let is_aware = framework.can(FrameworkInfoCapabilityType::PartitionAware);
        let Some(record) = framework.tasks.get_mut(&key.task) else { return };
        let of_executor = |state| (state, None, None, Source::Executor);
        let (state, message, reason, source) = match news {
            News::Starting(container) => {
                record.container = Some(container);
                of_executor(TaskState::Starting)
            }
            News::Running(container) => {
                if container.is_some() {
                    record.container = container;
                }
                of_executor(TaskState::Running)
            }
            News::Killing if knows_killing => of_executor(TaskState::Killing),
            News::Killing => return,
            News::Ended(ending) => {
                let message = Some(ending.message).filter(|message| !message.is_empty());
                (understood(is_aware, ending.state), message, ending.reason, ending.source)
            }
        };
        if is_terminal(record.state) {
            return;
        }
        record.state = state;
        let status = TaskStatus {
            task_id: record.info.task_id.clone(),
            state: state.into(),
            message,
            source: Some(source.into()),
            reason: reason.map(Into::into),
            agent_id: Some(record.info.agent_id.clone()),
            executor_id: Some(ExecutorId { value: record.executor_id().to_owned() }),
            timestamp: Some(seconds(now)),
            uuid: Some(update_uuid(record.container.as_ref(), state)),
            container_status: record.container.clone(),
            ..TaskStatus::default()
        };
        if has_ended {
            record.holds = false;
            let gone = EngineEvent::TaskGone(job, key.task.clone());
            self.effects.push(Effect::Engine(gone));
            self.count_end(state);
        }
        self.queue_update(now, key, status);
        self.touch(&key.framework);
    }

    pub(super) fn queue_update(&mut self, now: Time, key: &TaskKey, mut status: TaskStatus) {
        let framework = self.frameworks.get_mut(&key.framework);
        let record = framework.and_then(|framework| framework.tasks.get_mut(&key.task));
        let Some(record) = record else { return };
        if record.is_drained && status.state == i32::from(TaskState::Killed) {
            status.reason = Some(Reason::AgentDraining.into());
        }
        record.note_status(&status);
        record.updates.push_back(status);
        if record.updates.len() == 1 {
            record.resend_after = FIRST_RESEND_PAUSE;
            self.send_first(now, key);
        }
    }

    /// Sends the first update of a task that is not acknowledged.
    fn send_first(&mut self, now: Time, key: &TaskKey) {
        let Some(framework) = self.frameworks.get_mut(&key.framework) else { return };
        let is_connected = framework.connection.is_some();
        let Some(record) = framework.tasks.get_mut(&key.task) else { return };
        if let Some(at) = record.resend_at.take() {
            self.timers.remove(&(at, Timer::Resend(key.clone())));
        }
        let Some(update) = record.updates.front().cloned().filter(|_| is_connected) else { return };
        let at = now + record.resend_after;
        record.resend_after = (record.resend_after * 2).min(LAST_RESEND_PAUSE);
        record.resend_at = Some(at);
        self.set_timer(at, Timer::Resend(key.clone()));
        self.send(&key.framework, update_event(update));
    }

    pub(super) fn resend(&mut self, now: Time, key: &TaskKey) {
        self.send_first(now, key);
    }

    /// Leaves an update that is not acknowledged until it is sent anew, as if it had never been sent.
    pub(super) fn stop_resending(&mut self, key: &TaskKey) {
        let framework = self.frameworks.get_mut(&key.framework);
        let record = framework.and_then(|framework| framework.tasks.get_mut(&key.task));
        let Some(record) = record else { return };
        record.resend_after = FIRST_RESEND_PAUSE;
        if let Some(at) = record.resend_at.take() {
            self.timers.remove(&(at, Timer::Resend(key.clone())));
        }
    }

    /// A framework has taken in an update. One that is not the outstanding one is passed over.
    pub(super) fn acknowledge(&mut self, now: Time, id: &Arc<str>, call: &CallAcknowledge) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let task: TaskId = call.task_id.value.as_str().into();
        let Some(record) = framework.tasks.get_mut(&task) else { return };
        let outstanding = record.updates.front().and_then(|update| update.uuid.as_ref());
        if outstanding != Some(&call.uuid) || record.info.agent_id != call.agent_id {
            self.count("invalid_status_update_acknowledgements", 1);
            return;
        }
        let update = record.updates.pop_front();
        let key = TaskKey { framework: id.clone(), task };
        let info = record.info.clone();
        let state = update.and_then(|update| TaskState::try_from(update.state).ok());
        if state.is_some_and(is_terminal) {
            if let Some(at) = record.resend_at {
                self.timers.remove(&(at, Timer::Resend(key.clone())));
            }
            let task = record.to_task();
            framework.tasks.remove(&key.task);
            framework.keep_completed(task);
            self.touch(id);
            self.effects.push(Effect::Settled(key));
            self.count("valid_status_update_acknowledgements", 1);
            self.note_executor_change(id, &info);
            return;
        }
        record.resend_after = FIRST_RESEND_PAUSE;
        self.count("valid_status_update_acknowledgements", 1);
        self.note_executor_change(id, &info);
        self.send_first(now, &key);
    }

    /// A framework wants a task to end. Of one that is not known it is told so.
    pub(super) fn kill(&mut self, now: Time, id: &Arc<str>, call: &CallKill) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let task: TaskId = call.task_id.value.as_str().into();
        let Some(record) = framework.tasks.get_mut(&task) else {
            self.reconcile_task(now, id, &call.task_id.value, call.agent_id.as_ref());
            return;
        };
        if call.agent_id.as_ref().is_some_and(|agent| *agent != record.info.agent_id) {
            return;
        }
        record.is_killed = true;
        let holds = record.holds;
        if holds && !self.kill_on_executor(id, &task, call.kill_policy.as_ref()) {
            let task = TaskKey { framework: id.clone(), task };
            let grace = call.kill_policy.as_ref().and_then(grace_period);
            self.effects.push(Effect::Kill { task, grace });
        }
    }

    /// Ends all tasks of an executor.
    pub(super) fn shut_down(&mut self, id: &Arc<str>, executor: &str, agent: &AgentId) {
        let name = executor_name(&agent.value, executor);
        if self.frameworks.get(id).is_some_and(|known| known.executors.contains_key(&name)) {
            self.shut_executor_down(id, &name);
            return;
        }
        let Some(framework) = self.frameworks.get(id) else { return };
        let of_executor = framework.tasks.iter().filter(|(_, record)| {
            record.holds && record.executor_id() == executor && record.info.agent_id == *agent
        });
        for (task, _) in of_executor {
            let task = TaskKey { framework: id.clone(), task: task.clone() };
            self.effects.push(Effect::Kill { task, grace: None });
        }
    }
}

/// How long a task may take to end by a policy, if that says so.
pub(crate) fn grace_period(policy: &types::KillPolicy) -> Option<Span> {
    let grace = policy.grace_period.as_ref()?;
    u64::try_from(grace.nanoseconds)
        .ok()
        .map(|nanoseconds| Span::from_milliseconds(nanoseconds / 1_000_000))
}
