//! Calls of frameworks that are subscribed.

use std::collections::BTreeSet;
use std::sync::Arc;

use proffer_core::frameworks::FrameworkCall;
use proffer_core::time::Time;
use proffer_mesos::scheduler::{
    Call, CallMessage, CallReconcileOperations, CallType, Response, ResponseReconcileOperations,
    ResponseType,
};
use proffer_mesos::types::{OperationState, OperationStatus};
use proffer_mesos::{executor, validate};

use super::executors::{event, executor_name};
use super::frameworks::{End, pool_of};
use super::{Answer, Effect, Master};

impl Master {
    /// Takes in a call other than SUBSCRIBE, which was found sound by itself.
    pub(crate) fn call(
        &mut self,
        now: Time,
        principal: Option<&str>,
        stream: Option<&str>,
        call: Call,
    ) -> Answer {
        let kind = call.r#type.and_then(|kind| CallType::try_from(kind).ok());
        let kind = kind.unwrap_or(CallType::Unknown);
        let id = call.framework_id.as_ref().map(|id| id.value.as_str()).unwrap_or_default();
        let Some(framework) = self.frameworks.get(id) else {
            return Answer::new(400, "Framework cannot be found");
        };
        let id = framework.id.clone();
        if let (Some(principal), Some(own)) = (principal, framework.principal.as_deref())
            && principal != own
        {
            return Answer::new(400, validate::different_principal(principal, own));
        }
        let Some(connection) = &framework.connection else {
            return Answer::new(403, "Framework is not subscribed");
        };
        match stream {
            None => {
                return Answer::new(
                    400,
                    "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
                );
            }
            Some(stream) if stream != connection.stream => {
                let message = format!(
                    "The stream ID '{stream}' included in this request didn't match the stream ID \
                     currently associated with framework ID {id}"
                );
                return Answer::new(400, message);
            }
            Some(_) => {}
        }
        self.dispatch(now, &id, kind, call)
    }

    fn dispatch(&mut self, now: Time, id: &Arc<str>, kind: CallType, call: Call) -> Answer {
        if let Some(name) = metric(kind) {
            self.count(name, 1);
        }
        match kind {
            CallType::Teardown => self.remove(now, id, End::TornDown),
            CallType::Accept => {
                if let Some(accept) = call.accept {
                    self.accept(now, id, accept);
                }
            }
            CallType::Decline => {
                if let Some(decline) = &call.decline {
                    self.decline(id, decline);
                }
            }
            CallType::AcceptInverseOffers => {
                if let Some(call) = call.accept_inverse_offers {
                    self.answer_inverse(id, &call.inverse_offer_ids, call.filters.as_ref(), true);
                }
            }
            CallType::DeclineInverseOffers => {
                if let Some(call) = call.decline_inverse_offers {
                    self.answer_inverse(id, &call.inverse_offer_ids, call.filters.as_ref(), false);
                }
            }
            CallType::Revive => {
                self.suppress(id, &call.revive.unwrap_or_default().roles, false);
            }
            CallType::Suppress => {
                self.suppress(id, &call.suppress.unwrap_or_default().roles, true);
            }
            CallType::Kill => {
                if let Some(kill) = &call.kill {
                    self.kill(now, id, kill);
                }
            }
            CallType::Shutdown => {
                if let Some(shutdown) = &call.shutdown {
                    self.shut_down(id, &shutdown.executor_id.value, &shutdown.agent_id);
                }
            }
            CallType::Acknowledge => {
                if let Some(acknowledge) = &call.acknowledge {
                    self.acknowledge(now, id, acknowledge);
                }
            }
            CallType::Reconcile => {
                if let Some(reconcile) = call.reconcile {
                    return self.reconcile(now, id, reconcile);
                }
            }
            CallType::ReconcileOperations => {
                return reconcile_operations(call.reconcile_operations.unwrap_or_default());
            }
            CallType::UpdateFramework => {
                if let Some(update) = call.update_framework {
                    return self.update_framework(id, update);
                }
            }
            CallType::Message => {
                if let Some(message) = call.message {
                    self.message(id, message);
                }
            }
            // Mesos's allocator does not heed requests either, and no operation is ever acknowledged.
            CallType::Request | CallType::AcknowledgeOperationStatus => {}
            CallType::Unknown | CallType::Subscribe => {
                return Answer::new(501, "The call is of a type that is not known");
            }
        }
        Answer::accepted()
    }

    /// Lets a framework have offers in these roles, or none. If one role is not its own, nothing is
    /// done.
    fn suppress(&mut self, id: &str, roles: &[String], suppressed: bool) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let settings = Arc::make_mut(&mut framework.settings);
        let own = &settings.roles;
        let known: BTreeSet<&String> = own.values().collect();
        if roles.iter().any(|role| !known.contains(role)) {
            return;
        }
        let pools: BTreeSet<Box<str>> = roles.iter().map(|role| pool_of(role)).collect();
        let named = if pools.is_empty() { own.keys().cloned().collect() } else { pools };
        for pool in &named {
            if suppressed {
                settings.suppressed.insert(pool.clone());
            } else {
                settings.suppressed.remove(pool);
            }
        }
        let pools = named.into_iter().collect();
        let call = if suppressed {
            FrameworkCall::Suppress { pools }
        } else {
            FrameworkCall::Revive { pools }
        };
        self.call_engine(id, call);
    }

    /// A framework says something to an executor.
    fn message(&mut self, id: &str, call: CallMessage) {
        let name = executor_name(&call.agent_id.value, &call.executor_id.value);
        let framework = self.frameworks.get(id);
        let record = framework.and_then(|framework| framework.executors.get(&name));
        let Some(connection) = record.and_then(|record| record.connection) else {
            self.count("invalid_framework_to_executor_messages", 1);
            return;
        };
        self.count("valid_framework_to_executor_messages", 1);
        let message = Some(executor::EventMessage { data: call.data });
        let told = executor::Event { message, ..event(executor::EventType::Message) };
        self.effects.push(Effect::Tell(connection, Box::new(told)));
    }
}

/// Under which name calls of a kind are counted.
fn metric(kind: CallType) -> Option<&'static str> {
    Some(match kind {
        CallType::Teardown => "messages_unregister_framework",
        CallType::Accept => "messages_launch_tasks",
        CallType::Decline => "messages_decline_offers",
        CallType::Revive => "messages_revive_offers",
        CallType::Suppress => "messages_suppress_offers",
        CallType::Kill => "messages_kill_task",
        CallType::Acknowledge => "messages_status_update_acknowledgement",
        CallType::Reconcile => "messages_reconcile_tasks",
        CallType::Message => "messages_framework_to_executor",
        CallType::Request => "messages_resource_request",
        _ => return None,
    })
}

/// No operation is ever done, so none is known.
fn reconcile_operations(call: CallReconcileOperations) -> Answer {
    let unknown = call.operations.into_iter().map(|operation| OperationStatus {
        operation_id: Some(operation.operation_id),
        state: OperationState::Unknown.into(),
        message: Some("Reconciliation: Operation is unknown".to_owned()),
        agent_id: operation.agent_id,
        resource_provider_id: operation.resource_provider_id,
        ..OperationStatus::default()
    });
    let statuses = ResponseReconcileOperations { operation_statuses: unknown.collect() };
    let response = Response {
        r#type: Some(ResponseType::ReconcileOperations.into()),
        reconcile_operations: Some(statuses),
    };
    Answer { response: Some(response), ..Answer::new(200, "") }
}
