//! What Mesos's master refuses, in its words.

mod framework;
mod task;

pub use framework::{capabilities, check_framework, check_subscription, roles};
pub use task::check_task;

use crate::scheduler::{Call, CallType};
use crate::types::TaskStatus;

/// The bytes of an update's uuid.
pub const UUID_BYTES: usize = 16;

/// The longest identifier.
const MAXIMUM_ID_BYTES: usize = 255;

/// What is wrong with a call by itself. The principal is that of the connection, if it has one.
pub fn check_call(call: &Call, principal: Option<&str>) -> Result<(), String> {
    let Some(kind) = call.r#type else { return Err(absent("type")) };
    let kind = CallType::try_from(kind).unwrap_or(CallType::Unknown);
    if kind == CallType::Subscribe {
        let Some(subscribe) = &call.subscribe else { return Err(absent("subscribe")) };
        let info = &subscribe.framework_info;
        let value = |id: &Option<crate::types::FrameworkId>| id.clone().unwrap_or_default().value;
        if value(&info.id) != value(&call.framework_id) {
            return Err("'framework_id' differs from 'subscribe.framework_info.id'".to_owned());
        }
        return match (principal, &info.principal) {
            (Some(principal), Some(named)) if principal != named => {
                Err(different_principal(principal, named))
            }
            _ => Ok(()),
        };
    }
    // All calls but SUBSCRIBE are of a framework that has an id.
    if call.framework_id.is_none() {
        return Err(absent("framework_id"));
    }
    let (field, present) = match kind {
        CallType::Accept => ("accept", call.accept.is_some()),
        CallType::Decline => ("decline", call.decline.is_some()),
        CallType::AcceptInverseOffers => {
            ("accept_inverse_offers", call.accept_inverse_offers.is_some())
        }
        CallType::DeclineInverseOffers => {
            ("decline_inverse_offers", call.decline_inverse_offers.is_some())
        }
        CallType::Kill => ("kill", call.kill.is_some()),
        CallType::Shutdown => ("shutdown", call.shutdown.is_some()),
        CallType::Acknowledge => ("acknowledge", call.acknowledge.is_some()),
        CallType::AcknowledgeOperationStatus => {
            ("acknowledge_operation_status", call.acknowledge_operation_status.is_some())
        }
        CallType::Reconcile => ("reconcile", call.reconcile.is_some()),
        CallType::ReconcileOperations => {
            ("reconcile_operations", call.reconcile_operations.is_some())
        }
        CallType::Message => ("message", call.message.is_some()),
        CallType::Request => ("request", call.request.is_some()),
        CallType::UpdateFramework => ("update_framework", call.update_framework.is_some()),
        // These have nothing of their own, or need not.
        CallType::Teardown
        | CallType::Revive
        | CallType::Suppress
        | CallType::Subscribe
        | CallType::Unknown => ("", true),
    };
    if !present {
        return Err(absent(field));
    }
    let uuid = match kind {
        CallType::Acknowledge => call.acknowledge.as_ref().map(|call| &call.uuid),
        CallType::AcknowledgeOperationStatus => {
            call.acknowledge_operation_status.as_ref().map(|call| &call.uuid)
        }
        _ => None,
    };
    if let Some(uuid) = uuid.filter(|uuid| uuid.len() != UUID_BYTES) {
        let length = uuid.len();
        return Err(format!("Invalid UUID: must be {UUID_BYTES} bytes, but has {length}"));
    }
    if kind == CallType::UpdateFramework {
        let info = call.update_framework.as_ref().map(|update| &update.framework_info);
        let id = info.and_then(|info| info.id.as_ref());
        if id != call.framework_id.as_ref() {
            let message = "'framework_id' differs from 'update_framework.framework_info.id'";
            return Err(message.to_owned());
        }
    }
    Ok(())
}

/// Whether an update of an executor has what it is acknowledged by.
pub fn has_uuid(status: &TaskStatus) -> bool {
    status.uuid.as_ref().is_some_and(|uuid| uuid.len() == UUID_BYTES)
}

fn absent(field: &str) -> String {
    format!("Expecting '{field}' to be present")
}

/// What a connection is told that is not the framework's own.
pub fn different_principal(principal: &str, of_framework: &str) -> String {
    format!(
        "Authenticated principal '{principal}' does not match principal '{of_framework}' set in \
         `FrameworkInfo`"
    )
}

/// What is wrong with an identifier.
pub fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("ID must not be empty".to_owned());
    }
    if id.len() > MAXIMUM_ID_BYTES {
        return Err(format!("ID must not be greater than {MAXIMUM_ID_BYTES} characters"));
    }
    if id == "." || id == ".." {
        return Err(format!("'{id}' is disallowed"));
    }
    if id.chars().any(|character| character.is_ascii_control() || matches!(character, '/' | '\\')) {
        return Err(format!("'{id}' contains invalid characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
