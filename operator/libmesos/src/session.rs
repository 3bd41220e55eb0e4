//! What a framework and its master say to each other, without how.

use proffer_mesos::scheduler::{
    Call, CallAcceptInverseOffers, CallAcknowledge, CallSubscribe, CallType, Event, EventType,
};
use proffer_mesos::types::{
    AgentId, ExecutorId, FrameworkId, FrameworkInfo, MasterInfo, Offer, OfferId, TaskId, TaskState,
    TaskStatus, TaskStatusReason, TaskStatusSource,
};

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

/// A framework's side of the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    framework: FrameworkInfo,
    /// Whether updates are acknowledged once the framework has been told.
    acknowledges: bool,
    was_registered: bool,
    is_connected: bool,
    /// Heartbeats since the master was found, until it offers something.
    heartbeats: Option<u32>,
}

impl Session {
    pub(crate) fn new(framework: FrameworkInfo, acknowledges: bool) -> Self {
        let (was_registered, is_connected, heartbeats) = (false, false, None);
        Self { framework, acknowledges, was_registered, is_connected, heartbeats }
    }

    /// The call that opens the stream of events: the first time, or again.
    pub(crate) fn subscribe(&self) -> Call {
        let subscribe =
            CallSubscribe { framework_info: self.framework.clone(), ..CallSubscribe::default() };
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

    /// Who is to be asked why nothing is offered, if that was so for long enough: the first heartbeat comes
    /// at once.
    pub(crate) fn waits_for_offers(&self) -> Option<&str> {
        let id = self.framework.id.as_ref().filter(|_| self.heartbeats > Some(1))?;
        Some(&id.value)
    }

    pub(crate) fn was_registered(&self) -> bool {
        self.was_registered
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// The stream ended.
    pub(crate) fn disconnect(&mut self) -> Option<Callback> {
        std::mem::take(&mut self.is_connected).then_some(Callback::Disconnected)
    }

    /// Takes in an event. What this version does not know means nothing to it.
    pub(crate) fn take(&mut self, event: Event) -> Outcome {
        let callback = match event.r#type() {
            EventType::Subscribed => event.subscribed.map(|subscribed| {
                let master = Box::new(subscribed.master_info.unwrap_or_default());
                self.framework.id = Some(subscribed.framework_id.clone());
                self.is_connected = true;
                self.heartbeats = Some(0);
                if std::mem::replace(&mut self.was_registered, true) {
                    Callback::Reregistered { master }
                } else {
                    Callback::Registered { framework: subscribed.framework_id, master }
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
        Outcome { callback, answer: None }
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
pub(crate) fn lost(task: TaskId, agent: Option<AgentId>) -> Callback {
    let mut status = TaskStatus {
        task_id: task,
        agent_id: agent,
        message: Some("the master was disconnected when the task was launched".to_owned()),
        ..TaskStatus::default()
    };
    status.set_state(TaskState::Lost);
    status.set_source(TaskStatusSource::Master);
    status.set_reason(TaskStatusReason::MasterDisconnected);
    Callback::StatusUpdate(Box::new(status))
}

#[cfg(test)]
mod tests;
