//! A framework takes offers: `ACCEPT`.

use std::sync::Arc;

use proffer_core::event::Event as EngineEvent;
use proffer_core::frameworks::{FrameworkCall, NamedAmounts, OfferId, TaskId, TaskRequest};
use proffer_core::time::{Span, Time};
use proffer_mesos::scheduler::{
    CallAccept, CallDecline, Event, EventType, EventUpdateOperationStatus,
};
use proffer_mesos::types::{
    AgentId, Filters, OfferOperation, OfferOperationType as Operation, OperationState,
    OperationStatus, TaskInfo, TaskState, TaskStatus, TaskStatusReason as Reason,
};
use proffer_mesos::validate;

use super::offers::NO_OFFER;
use super::tasks::{TaskRecord, status};
use super::{Effect, Master, amounts, limits};

/// How long a rest is refused if nothing sensible is said.
const REFUSE_SECONDS: f64 = 5.0;

/// The longest time for which it can be: a year.
const MAXIMUM_REFUSE_SECONDS: f64 = 365.0 * 24.0 * 3600.0;

fn refuse_milliseconds(filters: Option<&Filters>) -> Span {
    let seconds = filters.and_then(|filters| filters.refuse_seconds).unwrap_or(REFUSE_SECONDS);
    let seconds = if seconds >= 0.0 { seconds } else { REFUSE_SECONDS };
    let seconds = seconds.min(MAXIMUM_REFUSE_SECONDS);
    let time = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    time.into()
}

/// What offers are of: an agent, in a role.
struct Place {
    agent: Arc<str>,
    role: String,
}

/// What is said of a task on what no offer of the call had, before what that is.
pub(super) const TOO_MUCH: &str = "Task uses more resources than available";

impl Master {
    /// Takes offers for what the operations say; the rest comes back.
    pub(super) fn accept(&mut self, now: Time, id: &Arc<str>, call: CallAccept) {
        let CallAccept { offer_ids, operations, filters } = call;
        let offers: Vec<OfferId> = offer_ids.iter().map(|o| self.offer_of(&o.value)).collect();
        let place = self.place_of(id, &offers);
        let no_offer = offer_ids.iter().map(|offer| &offer.value);
        let no_offer = no_offer.zip(&offers).find(|(_, offer)| **offer == NO_OFFER);
        let no_offer = no_offer.map(|(name, _)| name.clone());
        let mut requests = Vec::new();
        let mut bytes_left = self.task_bytes_left(id);
        for operation in operations {
            let kind = operation.r#type.and_then(|kind| Operation::try_from(kind).ok());
            match kind.unwrap_or(Operation::Unknown) {
                Operation::Launch => {
                    let has_id = operation.id.is_some();
                    let tasks = operation.launch.map(|launch| launch.task_infos);
                    for task in tasks.unwrap_or_default() {
                        let bytes = limits::bytes(&task);
                        if bytes > bytes_left {
                            let (state, reason, message) = self.too_much(id, bytes);
                            self.refuse_launch(now, id, &task, state, reason, message);
                            continue;
                        }
                        let checked = if has_id {
                            Err("Operation 'LAUNCH' must not have 'id' set".to_owned())
                        } else {
                            self.check(id, &task, place.as_ref())
                        };
                        if checked.is_ok() {
                            bytes_left -= bytes;
                        }
                        let mut record = TaskRecord::new(id.clone(), task);
                        record.no_offer.clone_from(&no_offer);
                        self.ask_for(now, id, record, place.as_ref(), checked, &mut requests);
                    }
                }
                Operation::LaunchGroup => {
                    let group = operation.launch_group.map(|group| group.task_group.tasks);
                    let message = "Task groups (LAUNCH_GROUP) do not run here: launch each task by \
                                   itself (LAUNCH)";
                    for task in group.unwrap_or_default() {
                        self.refuse_launch(
                            now,
                            id,
                            &task,
                            TaskState::Error,
                            Reason::TaskGroupInvalid,
                            message.to_owned(),
                        );
                    }
                }
                _ => self.refuse_operation(id, &operation),
            }
        }
        self.answer(id, |framework| {
            for offer in &offers {
                framework.offers.remove(offer);
            }
        });
        let refuse_milliseconds = refuse_milliseconds(filters.as_ref());
        self.call_engine(
            id,
            FrameworkCall::Accept { offers, tasks: requests, refuse_milliseconds },
        );
    }

    /// Gives offers back.
    pub(super) fn decline(&mut self, id: &str, call: &CallDecline) {
        let offers: Vec<OfferId> =
            call.offer_ids.iter().map(|offer| self.offer_of(&offer.value)).collect();
        self.answer(id, |framework| {
            for offer in &offers {
                framework.offers.remove(offer);
            }
        });
        let refuse_milliseconds = refuse_milliseconds(call.filters.as_ref());
        self.call_engine(id, FrameworkCall::Decline { offers, refuse_milliseconds });
    }

    /// Says whether a framework will give back what inverse offers ask for.
    pub(super) fn answer_inverse(
        &mut self,
        id: &str,
        names: &[proffer_mesos::types::OfferId],
        filters: Option<&Filters>,
        agreed: bool,
    ) {
        let offers = names.iter().map(|offer| self.inverse_of(&offer.value)).collect();
        let refuse_milliseconds = refuse_milliseconds(filters);
        self.call_engine(id, FrameworkCall::AnswerInverse { offers, agreed, refuse_milliseconds });
    }

    fn answer(&mut self, id: &str, change: impl FnOnce(&mut super::frameworks::Framework)) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            change(framework);
        }
    }

    pub(super) fn call_engine(&mut self, id: &str, call: FrameworkCall) {
        if let Some(framework) = self.frameworks.get(id) {
            let call = EngineEvent::FrameworkCall(framework.key.clone(), call);
            self.effects.push(Effect::Engine(call));
        }
    }

    /// Where offers are of; nothing if they are not all valid and of one agent.
    fn place_of(&self, id: &str, offers: &[OfferId]) -> Option<Place> {
        let framework = self.frameworks.get(id)?;
        let first = framework.offers.get(offers.first()?)?;
        let is_there = |id| framework.offers.get(id).is_some_and(|offer| offer.node == first.node);
        let agent = self.agents.on(&first.node).filter(|_| offers.iter().all(is_there))?;
        let role = framework.settings.roles.get(&first.pool).map_or("*", String::as_str);
        Some(Place { agent: agent.id.clone(), role: role.to_owned() })
    }

    /// What a task asks for, or what is wrong with it. The engine says what is wrong with offers.
    fn check(
        &self,
        id: &str,
        task: &TaskInfo,
        place: Option<&Place>,
    ) -> Result<TaskRequest, String> {
        let name: TaskId = task.task_id.value.as_str().into();
        // Names of executors among those of tasks are none that a framework can give.
        validate::check_id(&name)
            .map_err(|problem| format!("TaskID '{name}' is invalid: {problem}"))?;
        let Some(Place { agent, role }) = place else {
            let (amounts, ports) = amounts::request(&task.resources).unwrap_or_default();
            return Ok(TaskRequest { task: name, amounts, ports });
        };
        if self.frameworks.get(id).is_some_and(|known| known.tasks.contains_key(&name)) {
            return Err(format!("Task has duplicate ID: {name}"));
        }
        validate::check_task(task, agent)?;
        unsupported(task)?;
        let (mut amounts, ports) = amounts::request_of(role, &task.resources)
            .map_err(|problem| format!("{TOO_MUCH}: {problem}"))?;
        if task.executor.is_none() {
            self.add_pod(agent, &mut amounts);
        }
        Ok(TaskRequest { task: name, amounts, ports })
    }

    /// Adds that something is one of the pods on its agent, where these are counted.
    pub(super) fn add_pod(&self, agent: &str, amounts: &mut NamedAmounts) {
        if self.agents.get(agent).is_some_and(super::agents::Agent::counts_pods) {
            amounts.push((amounts::PODS.into(), 1));
        }
    }

    /// Asks the engine for what a task needs, unless something is wrong with the task.
    fn ask_for(
        &mut self,
        now: Time,
        id: &Arc<str>,
        record: TaskRecord,
        place: Option<&Place>,
        checked: Result<TaskRequest, String>,
        requests: &mut Vec<TaskRequest>,
    ) {
        let checked = checked.and_then(|request| {
            if let (Some(executor), Some(place)) = (&record.info.executor, place) {
                requests.extend(self.ask_for_executor(id, executor, &place.agent, &place.role)?);
            }
            Ok(request)
        });
        match checked {
            Ok(request) => {
                if let Some(framework) = self.frameworks.get_mut(id)
                    && !framework.tasks.contains_key(&request.task)
                {
                    framework.tasks.insert(request.task.clone(), record);
                }
                requests.push(request);
            }
            Err(message) => {
                let (state, reason) = (TaskState::Error, Reason::TaskInvalid);
                self.refuse_launch(now, id, &record.info, state, reason, message);
            }
        }
    }

    fn refuse_launch(
        &mut self,
        now: Time,
        id: &str,
        task: &TaskInfo,
        state: TaskState,
        reason: Reason,
        message: String,
    ) {
        let name = &task.task_id.value;
        let status = status(now, name, state, Some(reason), message);
        let agent_id = Some(AgentId { value: task.agent_id.value.clone() });
        self.tell_status(id, TaskStatus { agent_id, ..status });
    }

    /// Refuses what is not done here. A framework that wants to know has given the operation an id.
    fn refuse_operation(&mut self, id: &str, operation: &OfferOperation) {
        let Some(operation_id) = operation.id.clone() else { return };
        let kind = operation.r#type.and_then(|kind| Operation::try_from(kind).ok());
        let kind = kind.unwrap_or(Operation::Unknown).text();
        let status = OperationStatus {
            operation_id: Some(operation_id),
            state: OperationState::Error.into(),
            message: Some(format!(
                "Operation {kind} is not done here: reservations are set in a ResourcePool, and \
                 there are no persistent volumes"
            )),
            ..OperationStatus::default()
        };
        let event = Event {
            r#type: Some(EventType::UpdateOperationStatus.into()),
            update_operation_status: Some(EventUpdateOperationStatus { status }),
            ..Event::default()
        };
        self.send(id, event);
    }
}

/// What a task wants that nothing here does.
fn unsupported(task: &TaskInfo) -> Result<(), String> {
    let problem = if task.health_check.is_some() {
        "'health_check'"
    } else if task.check.is_some() {
        "'check'"
    } else {
        return Ok(());
    };
    Err(format!("{problem} is not done here: leave it out"))
}
