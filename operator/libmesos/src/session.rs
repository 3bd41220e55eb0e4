//! What a framework and its master say to each other, without how.

use std::collections::BTreeSet;

use proffer_mesos::scheduler::{
    Call, CallAcceptInverseOffers, CallAcknowledge, CallRevive, CallSubscribe, CallSuppress,
    CallType, CallUpdateFramework, Event, EventType, OfferConstraints,
};
use proffer_mesos::types::{
    AgentId, ExecutorId, FrameworkId, FrameworkInfo, FrameworkInfoCapabilityType, MasterInfo,
    Offer, OfferId, TaskInfo, TaskState, TaskStatus, TaskStatusReason, TaskStatusSource,
};
use proffer_mesos::validate;

/// Something that the framework is told, by the method of `org.apache.mesos.Scheduler` of that name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Callback {
    Registered {
        framework: FrameworkId,
        master: Box<MasterInfo>,
    },
    Reregistered {
        master: Box<MasterInfo>,
    },
    Disconnected,
    ResourceOffers(Vec<Offer>),
    OfferRescinded(OfferId),
    StatusUpdate(Box<TaskStatus>),
    FrameworkMessage {
        executor: ExecutorId,
        agent: AgentId,
        data: Vec<u8>,
    },
    AgentLost(AgentId),
    ExecutorLost {
        executor: ExecutorId,
        agent: AgentId,
        status: i32,
    },
    /// The last one: after it there is nothing more.
    Error(String),
}

/// What follows from an event: what the framework is told, and what is answered after that.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) callback: Option<Callback>,
    pub(crate) answer: Option<Box<Call>>,
}

/// How far a framework has come with the masters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unregistered,
    Connected,
    Disconnected,
}

/// A framework's side of the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    framework: FrameworkInfo,
    suppressed_roles: BTreeSet<String>,
    constraints: Option<OfferConstraints>,
    /// Whether updates are acknowledged once the framework has been told.
    acknowledges: bool,
    /// Whether the master may not know what the framework says of itself by now.
    is_changed: bool,
    stage: Stage,
    /// Heartbeats since the master was found, until it offers something.
    heartbeats: Option<u32>,
}

impl Session {
    /// A framework that is offered nothing in some of its roles.
    pub(crate) fn new(
        framework: FrameworkInfo,
        suppressed_roles: impl IntoIterator<Item = String>,
        acknowledges: bool,
    ) -> Self {
        Self {
            framework,
            suppressed_roles: suppressed_roles.into_iter().collect(),
            constraints: None,
            acknowledges,
            is_changed: false,
            stage: Stage::Unregistered,
            heartbeats: None,
        }
    }

    /// The call that opens the stream of events: the first time, or again.
    pub(crate) fn subscribe(&mut self) -> Call {
        self.is_changed = false;
        let subscribe = CallSubscribe {
            framework_info: self.framework.clone(),
            suppressed_roles: self.suppressed_roles.iter().cloned().collect(),
            offer_constraints: self.constraints.clone(),
        };
        let mut call = self.call(CallType::Subscribe);
        call.subscribe = Some(subscribe);
        call
    }

    /// A call of a kind, with nothing in it.
    pub(crate) fn call(&self, kind: CallType) -> Call {
        let mut call = Call { framework_id: self.framework.id.clone(), ..Call::default() };
        call.set_type(kind);
        call
    }

    /// Asks for offers again, in some roles or, if none is named, in all.
    pub(crate) fn revive(&mut self, roles: Vec<String>) -> Call {
        self.suppressed_roles.retain(|role| !roles.is_empty() && !roles.contains(role));
        let mut call = self.call(CallType::Revive);
        call.revive = Some(CallRevive { roles });
        call
    }

    /// Asks for no more offers, in some roles or, if none is named, in all.
    pub(crate) fn suppress(&mut self, roles: Vec<String>) -> Call {
        if roles.is_empty() {
            self.suppressed_roles =
                validate::roles(&self.framework).into_iter().map(str::to_owned).collect();
        }
        self.suppressed_roles.extend(roles.iter().cloned());
        let mut call = self.call(CallType::Suppress);
        call.suppress = Some(CallSuppress { roles });
        call
    }

    /// Changes what the framework says of itself. One that names no id means its own.
    pub(crate) fn update_framework(
        &mut self,
        mut framework: FrameworkInfo,
        suppressed_roles: Vec<String>,
        constraints: Option<OfferConstraints>,
    ) -> Result<Call, String> {
        let Some(id) = self.framework.id.as_ref().filter(|id| !id.value.is_empty()) else {
            return Err("MesosSchedulerDriver::updateFramework() must not be called prior to \
                        registration with the master"
                .to_owned());
        };
        let named = framework.id.get_or_insert_with(|| id.clone());
        if named != id {
            return Err(format!(
                "The 'FrameworkInfo.id' provided to MesosSchedulerDriver::updateFramework() ({}) \
                 must be equal to the value known to the MesosSchedulerDriver ({})",
                named.value, id.value
            ));
        }
        framework.principal = framework.principal.or_else(|| self.framework.principal.clone());
        self.framework = framework;
        self.suppressed_roles = suppressed_roles.into_iter().collect();
        self.constraints = constraints;
        Ok(self.update())
    }

    /// A master did not hear what the framework says of itself by now.
    pub(crate) fn was_not_heard(&mut self) {
        self.is_changed = true;
    }

    /// The call that says what the framework says of itself.
    fn update(&self) -> Call {
        let mut call = self.call(CallType::UpdateFramework);
        call.update_framework = Some(CallUpdateFramework {
            framework_info: self.framework.clone(),
            suppressed_roles: self.suppressed_roles.iter().cloned().collect(),
            offer_constraints: self.constraints.clone(),
        });
        call
    }

    pub(crate) fn acknowledges(&self) -> bool {
        self.acknowledges
    }

    /// Who is to be asked why nothing is offered, if that was so for long enough: the first heartbeat comes
    /// at once.
    pub(crate) fn waits_for_offers(&self) -> Option<&str> {
        let id = self.framework.id.as_ref().filter(|_| self.heartbeats > Some(1))?;
        Some(&id.value)
    }

    pub(crate) fn was_registered(&self) -> bool {
        self.stage != Stage::Unregistered
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.stage == Stage::Connected
    }

    /// The stream ended.
    pub(crate) fn disconnect(&mut self) -> Option<Callback> {
        if self.stage != Stage::Connected {
            return None;
        }
        self.stage = Stage::Disconnected;
        Some(Callback::Disconnected)
    }

    /// Takes in an event. What this version does not know means nothing to it.
    pub(crate) fn take(&mut self, event: Event) -> Outcome {
        let mut answer = None;
        let callback = match event.r#type() {
            EventType::Subscribed => event.subscribed.map(|subscribed| {
                let master = Box::new(subscribed.master_info.unwrap_or_default());
                self.framework.id = Some(subscribed.framework_id.clone());
                self.heartbeats = Some(0);
                // What was said while SUBSCRIBE was on its way.
                if std::mem::take(&mut self.is_changed) {
                    answer = Some(Box::new(self.update()));
                }
                let before = std::mem::replace(&mut self.stage, Stage::Connected);
                if before == Stage::Unregistered {
                    Callback::Registered { framework: subscribed.framework_id, master }
                } else {
                    Callback::Reregistered { master }
                }
            }),
            EventType::Offers => {
                self.heartbeats = None;
                event.offers.map(|offers| Callback::ResourceOffers(offers.offers))
            }
            EventType::Heartbeat => {
                self.heartbeats = self.heartbeats.map(|heartbeats| heartbeats.saturating_add(1));
                None
            }
            EventType::Rescind => {
                event.rescind.map(|rescind| Callback::OfferRescinded(rescind.offer_id))
            }
            EventType::Update => {
                return event.update.map_or_else(Outcome::default, |update| {
                    let answer = self.acknowledgement(&update.status).map(Box::new);
                    let callback = Some(Callback::StatusUpdate(Box::new(update.status)));
                    Outcome { callback, answer }
                });
            }
            EventType::Message => event.message.map(|message| Callback::FrameworkMessage {
                executor: message.executor_id,
                agent: message.agent_id,
                data: message.data,
            }),
            EventType::Failure => event.failure.and_then(|failure| {
                let agent = failure.agent_id?;
                Some(match failure.executor_id {
                    None => Callback::AgentLost(agent),
                    Some(executor) => {
                        let status = failure.status.unwrap_or(-1);
                        Callback::ExecutorLost { executor, agent, status }
                    }
                })
            }),
            EventType::Error => event.error.map(|error| Callback::Error(error.message)),
            // The old interface has no way to ask; what the framework holds there ends in time.
            EventType::InverseOffers => {
                let offers = event.inverse_offers.map(|it| it.inverse_offers).unwrap_or_default();
                let mut call = self.call(CallType::AcceptInverseOffers);
                call.accept_inverse_offers = Some(CallAcceptInverseOffers {
                    inverse_offer_ids: offers.into_iter().map(|offer| offer.id).collect(),
                    filters: None,
                });
                return Outcome { callback: None, answer: Some(Box::new(call)) };
            }
            _ => None,
        };
        Outcome { callback, answer }
    }

    /// What the framework is told of the tasks that a call would have launched which nobody heard.
    pub(crate) fn lost(&self, call: Box<Call>) -> impl Iterator<Item = Callback> + use<> {
        let aware = FrameworkInfoCapabilityType::PartitionAware.into();
        let is_aware = self.framework.capabilities.iter().any(|it| it.r#type == Some(aware));
        let state = if is_aware { TaskState::Dropped } else { TaskState::Lost };
        let operations = call.accept.map(|accept| accept.operations).unwrap_or_default();
        let launches = operations.into_iter().filter_map(|operation| operation.launch);
        launches.flat_map(|launch| launch.task_infos).map(move |task| lost(task, state))
    }

    /// What says that an update has arrived. Those that the master made itself have no number.
    fn acknowledgement(&self, status: &TaskStatus) -> Option<Call> {
        let uuid = status.uuid.clone().filter(|uuid| self.acknowledges && !uuid.is_empty())?;
        let mut call = self.call(CallType::Acknowledge);
        call.acknowledge = Some(CallAcknowledge {
            agent_id: status.agent_id.clone()?,
            task_id: status.task_id.clone(),
            uuid,
        });
        Some(call)
    }
}

/// What a framework is told of a task that it launched while nobody could hear it.
fn lost(task: TaskInfo, state: TaskState) -> Callback {
    let mut status = TaskStatus {
        task_id: task.task_id,
        agent_id: Some(task.agent_id),
        message: Some("the master was disconnected when the task was launched".to_owned()),
        ..TaskStatus::default()
    };
    status.set_state(state);
    status.set_source(TaskStatusSource::Master);
    status.set_reason(TaskStatusReason::MasterDisconnected);
    Callback::StatusUpdate(Box::new(status))
}

#[cfg(test)]
mod tests;
