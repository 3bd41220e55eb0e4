//! What schedulers say and are told: `mesos.v1.scheduler`.

use crate::types::{
    AgentId, ExecutorId, Filters, FrameworkId, FrameworkInfo, InverseOffer, KillPolicy, MasterInfo,
    Offer, OfferId, OfferOperation, OperationId, OperationStatus, Request, ResourceProviderId,
    TaskId, TaskStatus,
};

messages! {
    Event {
        1 optional enumeration(EventType) r#type;
        2 optional message(EventSubscribed) subscribed;
        3 optional message(EventOffers) offers;
        9 optional message(EventInverseOffers) inverse_offers;
        4 optional message(EventRescind) rescind;
        10 optional message(EventRescindInverseOffer) rescind_inverse_offer;
        5 optional message(EventUpdate) update;
        11 optional message(EventUpdateOperationStatus) update_operation_status;
        6 optional message(EventMessage) message;
        7 optional message(EventFailure) failure;
        8 optional message(EventError) error;
    }
    EventSubscribed {
        1 required message(FrameworkId) framework_id;
        2 optional double heartbeat_interval_seconds;
        3 optional message(MasterInfo) master_info;
    }
    EventOffers {
        1 repeated message(Offer) offers;
    }
    EventInverseOffers {
        1 repeated message(InverseOffer) inverse_offers;
    }
    EventRescind {
        1 required message(OfferId) offer_id;
    }
    EventRescindInverseOffer {
        1 required message(OfferId) inverse_offer_id;
    }
    EventUpdate {
        1 required message(TaskStatus) status;
    }
    EventUpdateOperationStatus {
        1 required message(OperationStatus) status;
    }
    EventMessage {
        1 required message(AgentId) agent_id;
        2 required message(ExecutorId) executor_id;
        3 required bytes data;
    }
    EventFailure {
        1 optional message(AgentId) agent_id;
        2 optional message(ExecutorId) executor_id;
        3 optional int32 status;
    }
    EventError {
        1 required string message;
    }
    Response {
        1 optional enumeration(ResponseType) r#type;
        2 optional message(ResponseReconcileOperations) reconcile_operations;
    }
    ResponseReconcileOperations {
        1 repeated message(OperationStatus) operation_statuses;
    }
    AttributeConstraint {
        1 required message(AttributeConstraintSelector) selector;
        2 required message(AttributeConstraintPredicate) predicate;
    }
    AttributeConstraintSelector {
        1 optional enumeration(AttributeConstraintSelectorPseudoattributeType) pseudoattribute_type;
        2 optional string attribute_name;
    }
    AttributeConstraintPredicate {
        1 optional message(AttributeConstraintPredicateExists) exists;
        2 optional message(AttributeConstraintPredicateNotExists) not_exists;
        3 optional message(AttributeConstraintPredicateTextEquals) text_equals;
        4 optional message(AttributeConstraintPredicateTextNotEquals) text_not_equals;
        5 optional message(AttributeConstraintPredicateTextMatches) text_matches;
        6 optional message(AttributeConstraintPredicateTextNotMatches) text_not_matches;
    }
    AttributeConstraintPredicateExists {}
    AttributeConstraintPredicateNotExists {}
    AttributeConstraintPredicateTextEquals {
        1 required string value;
    }
    AttributeConstraintPredicateTextNotEquals {
        1 required string value;
    }
    AttributeConstraintPredicateTextMatches {
        1 required string regex;
    }
    AttributeConstraintPredicateTextNotMatches {
        1 required string regex;
    }
    OfferConstraints {
        1 map message(OfferConstraintsRoleConstraints) role_constraints;
    }
    OfferConstraintsRoleConstraints {
        1 repeated message(OfferConstraintsRoleConstraintsGroup) groups;
    }
    OfferConstraintsRoleConstraintsGroup {
        1 repeated message(AttributeConstraint) attribute_constraints;
    }
    Call {
        1 optional message(FrameworkId) framework_id;
        2 optional enumeration(CallType) r#type;
        3 optional message(CallSubscribe) subscribe;
        4 optional message(CallAccept) accept;
        5 optional message(CallDecline) decline;
        13 optional message(CallAcceptInverseOffers) accept_inverse_offers;
        14 optional message(CallDeclineInverseOffers) decline_inverse_offers;
        15 optional message(CallRevive) revive;
        6 optional message(CallKill) kill;
        7 optional message(CallShutdown) shutdown;
        8 optional message(CallAcknowledge) acknowledge;
        17 optional message(CallAcknowledgeOperationStatus) acknowledge_operation_status;
        9 optional message(CallReconcile) reconcile;
        18 optional message(CallReconcileOperations) reconcile_operations;
        10 optional message(CallMessage) message;
        11 optional message(CallRequest) request;
        16 optional message(CallSuppress) suppress;
        19 optional message(CallUpdateFramework) update_framework;
    }
    CallSubscribe {
        1 required message(FrameworkInfo) framework_info;
        2 repeated string suppressed_roles;
        3 optional message(OfferConstraints) offer_constraints;
    }
    CallAccept {
        1 repeated message(OfferId) offer_ids;
        2 repeated message(OfferOperation) operations;
        3 optional message(Filters) filters;
    }
    CallDecline {
        1 repeated message(OfferId) offer_ids;
        2 optional message(Filters) filters;
    }
    CallAcceptInverseOffers {
        1 repeated message(OfferId) inverse_offer_ids;
        2 optional message(Filters) filters;
    }
    CallDeclineInverseOffers {
        1 repeated message(OfferId) inverse_offer_ids;
        2 optional message(Filters) filters;
    }
    CallRevive {
        1 repeated string roles;
    }
    CallKill {
        1 required message(TaskId) task_id;
        2 optional message(AgentId) agent_id;
        3 optional message(KillPolicy) kill_policy;
    }
    CallShutdown {
        1 required message(ExecutorId) executor_id;
        2 required message(AgentId) agent_id;
    }
    CallAcknowledge {
        1 required message(AgentId) agent_id;
        2 required message(TaskId) task_id;
        3 required bytes uuid;
    }
    CallAcknowledgeOperationStatus {
        1 optional message(AgentId) agent_id;
        2 optional message(ResourceProviderId) resource_provider_id;
        3 required bytes uuid;
        4 required message(OperationId) operation_id;
    }
    CallReconcile {
        1 repeated message(CallReconcileTask) tasks;
    }
    CallReconcileTask {
        1 required message(TaskId) task_id;
        2 optional message(AgentId) agent_id;
    }
    CallReconcileOperations {
        1 repeated message(CallReconcileOperationsOperation) operations;
    }
    CallReconcileOperationsOperation {
        1 required message(OperationId) operation_id;
        2 optional message(AgentId) agent_id;
        3 optional message(ResourceProviderId) resource_provider_id;
    }
    CallMessage {
        1 required message(AgentId) agent_id;
        2 required message(ExecutorId) executor_id;
        3 required bytes data;
    }
    CallRequest {
        1 repeated message(Request) requests;
    }
    CallSuppress {
        1 repeated string roles;
    }
    CallUpdateFramework {
        1 required message(FrameworkInfo) framework_info;
        2 repeated string suppressed_roles;
        3 optional message(OfferConstraints) offer_constraints;
    }
    ApiResult {
        1 required uint32 status_code;
        2 optional message(Response) response;
        3 optional string error;
    }
}

enumerations! {
    EventType {
        Unknown "UNKNOWN" = 0, Subscribed "SUBSCRIBED" = 1, Offers "OFFERS" = 2,
        InverseOffers "INVERSE_OFFERS" = 9, Rescind "RESCIND" = 3,
        RescindInverseOffer "RESCIND_INVERSE_OFFER" = 10, Update "UPDATE" = 4,
        UpdateOperationStatus "UPDATE_OPERATION_STATUS" = 11, Message "MESSAGE" = 5,
        Failure "FAILURE" = 6, Error "ERROR" = 7, Heartbeat "HEARTBEAT" = 8,
    }
    ResponseType {
        Unknown "UNKNOWN" = 0, ReconcileOperations "RECONCILE_OPERATIONS" = 1,
    }
    AttributeConstraintSelectorPseudoattributeType {
        Unknown "UNKNOWN" = 0, Hostname "HOSTNAME" = 1, Region "REGION" = 2, Zone "ZONE" = 3,
    }
    CallType {
        Unknown "UNKNOWN" = 0, Subscribe "SUBSCRIBE" = 1, Teardown "TEARDOWN" = 2,
        Accept "ACCEPT" = 3, Decline "DECLINE" = 4,
        AcceptInverseOffers "ACCEPT_INVERSE_OFFERS" = 13,
        DeclineInverseOffers "DECLINE_INVERSE_OFFERS" = 14, Revive "REVIVE" = 5, Kill "KILL" = 6,
        Shutdown "SHUTDOWN" = 7, Acknowledge "ACKNOWLEDGE" = 8,
        AcknowledgeOperationStatus "ACKNOWLEDGE_OPERATION_STATUS" = 15, Reconcile "RECONCILE" = 9,
        ReconcileOperations "RECONCILE_OPERATIONS" = 16, Message "MESSAGE" = 10,
        Request "REQUEST" = 11, Suppress "SUPPRESS" = 12, UpdateFramework "UPDATE_FRAMEWORK" = 17,
    }
}
