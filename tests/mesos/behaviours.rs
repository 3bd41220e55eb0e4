//! Behaviours of Mesos, over HTTP, each named after the test of Mesos that it follows.

mod endpoints;
mod http_api;
mod offers;
mod tasks;

use std::panic::{AssertUnwindSafe, catch_unwind};

use proffer_mesos::types::{Offer, TaskState};
use serde_json::{Value, json};

use super::Master;
use super::framework::{Framework, resources};

/// A behaviour: the test of Mesos, and what is played here.
pub(super) type Behaviour = (&'static str, fn());

const BEHAVIOURS: &[Behaviour] = &[
    ("SchedulerHttpApiTest.Subscribe", http_api::subscribe),
    ("SchedulerHttpApiTest.SubscribedOnRetry", http_api::subscribed_on_retry),
    ("SchedulerHttpApiTest.RejectFrameworkWithInvalidRole", http_api::invalid_role),
    ("SchedulerHttpApiTest.SubscribeWithStreamId", http_api::subscribe_with_stream_id),
    ("SchedulerHttpApiTest.TeardownWithoutStreamId", http_api::teardown_without_stream_id),
    ("SchedulerHttpApiTest.TeardownWrongStreamId", http_api::teardown_wrong_stream_id),
    ("SchedulerHttpApiTest.Teardown", http_api::teardown),
    ("SchedulerHttpApiTest.MalformedUUID", http_api::malformed_uuid),
    ("SchedulerHttpApiTest.NoContentType", http_api::no_content_type),
    ("SchedulerHttpApiTest.ValidJsonButInvalidProtobuf", http_api::valid_json_but_invalid_protobuf),
    ("SchedulerHttpApiTest.MalformedContent", http_api::malformed_content),
    ("SchedulerHttpApiTest.UnsupportedContentMediaType", http_api::unsupported_content_type),
    ("SchedulerHttpApiTest.NotAcceptable", http_api::not_acceptable),
    ("SchedulerHttpApiTest.NoAcceptHeader", http_api::no_accept_header),
    ("SchedulerHttpApiTest.DefaultAccept", http_api::default_accept),
    ("SchedulerHttpApiTest.GetRequest", http_api::get_request),
    ("SchedulerTest.Subscribe (protobuf)", http_api::subscribe_protobuf),
    ("SchedulerTest.SchedulerFailover", tasks::scheduler_failover),
    ("SchedulerTest.SchedulerReconnect", tasks::scheduler_reconnect),
    ("SchedulerTest.TaskRunning", tasks::task_running),
    ("SchedulerTest.ReconcileTask", tasks::reconcile_task),
    ("SchedulerTest.KillTask", tasks::kill_task),
    ("SchedulerTest.ShutdownExecutor", tasks::shutdown_executor),
    ("SchedulerTest.Decline", offers::decline),
    ("SchedulerTest.Revive", offers::revive),
    ("SchedulerTest.Suppress", offers::suppress),
    ("SchedulerTest.NoOffersWithAllRolesSuppressed", offers::no_offers_with_all_roles_suppressed),
    (
        "SchedulerTest.NoOffersOnReregistrationWithAllRolesSuppressed",
        offers::suppressed_on_reregistration,
    ),
    ("SchedulerTest.Request", offers::request_is_ignored),
    ("MasterTest.LaunchCombinedOfferTest", tasks::launch_combined_offers),
    ("MasterTest.LaunchAcrossSlavesLost", || tasks::across_agents(false)),
    ("MasterTest.LaunchAcrossSlavesDropped", || tasks::across_agents(true)),
    ("MasterTest.LaunchDuplicateOfferLost", || tasks::duplicate_offer(false)),
    ("MasterTest.LaunchDuplicateOfferDropped", || tasks::duplicate_offer(true)),
    ("MasterTest.LaunchDifferentRoleLost", tasks::different_roles),
    ("MasterTest.KillUnknownTask", tasks::kill_unknown_task),
    ("MasterTest.StatusUpdateAck", tasks::status_update_ack),
    ("MasterTest.UnacknowledgedTerminalTask", tasks::unacknowledged_terminal_task),
    (
        "MasterTest.ReleaseResourcesForTerminalTaskWithPendingUpdates",
        offers::release_with_pending_updates,
    ),
    ("MasterTest.TaskWithTinyResources", tasks::tiny_resources),
    ("MasterTest.MultiRoleFrameworkReceivesOffers", offers::multi_role_offers),
    ("MasterTest.FrameworkSubscribeEmptyId", http_api::empty_id),
    ("MasterTest.RejectFrameworkWithInvalidFailoverTimeout", http_api::invalid_failover_timeout),
    ("MasterTest.StateEndpoint", endpoints::state_endpoint),
    ("SlaveTest.StateEndpoint", endpoints::agent_endpoints),
    ("MasterTest.TasksOfRemovedFramework", endpoints::tasks_of_a_framework_that_is_gone),
    ("MasterTest.GetExecutors", endpoints::executors_and_resources),
    ("MasterTest.StateSummaryEndpoint", endpoints::state_summary_endpoint),
    ("MasterTest.TasksEndpoint", endpoints::tasks_endpoint),
    ("MasterTest.SlavesEndpointQuerySlave", endpoints::slaves_endpoint),
    ("MasterTest.FrameworksEndpointMultipleFrameworks", endpoints::frameworks_endpoint),
    ("MasterTest.MetricsInMetricsEndpoint", endpoints::metrics_endpoint),
    ("ReconciliationTest.TaskStateMatch", tasks::reconcile_task),
    ("ReconciliationTest.UnknownSlave", tasks::unknown_agent),
    ("ReconciliationTest.UnknownTask", tasks::unknown_task),
    ("ReconciliationTest.UnknownTaskPartitionAware", tasks::unknown_task_partition_aware),
    ("ReconciliationTest.ImplicitNonTerminalTask", tasks::implicit_non_terminal),
    ("ReconciliationTest.ImplicitTerminalTask", tasks::implicit_terminal),
    ("SchedulerReconcileTasks_BENCHMARK_Test.SchedulerReconcileTasks", tasks::reconcile_many),
    ("MasterValidationTest.TaskUsesNoResources", || {
        tasks::invalid_task(&json!({ "resources": [] }), "no resources");
    }),
    ("MasterValidationTest.TaskUsesCommandInfoAndExecutorInfo", || {
        let executor = json!({ "executor_id": { "value": "e" }, "command": { "value": "true" } });
        tasks::invalid_task(&json!({ "executor": executor }), "CommandInfo or ExecutorInfo");
    }),
    ("MasterValidationTest.TaskUsesMoreResourcesThanOffered", || {
        tasks::invalid_task(
            &json!({ "resources": resources(5.0, 64.0) }),
            "more resources than available",
        );
    }),
    ("ResourcesTest.ContainsNothingThatNoOfferHad", tasks::resources_of_another_kind),
    ("MasterValidationTest.ResourceLimitLessThanRequest", || {
        tasks::invalid_task(&json!({ "limits": { "cpus": { "value": 0.1 } } }), "limit");
    }),
    ("CommandInfoValidationTest.EnvironmentVariableWithoutValue", || {
        let environment = json!({ "variables": [{ "name": "EMPTY" }] });
        let command = json!({ "value": "true", "environment": environment });
        tasks::invalid_task(&json!({ "command": command }), "must have a value set");
    }),
    ("MasterValidationTest.TaskUsesInvalidID", || {
        tasks::invalid_task(&json!({ "task_id": { "value": "a/b" } }), "invalid");
    }),
    ("MasterValidationTest.KillPolicyGracePeriodIsNonNegative", || {
        let policy = json!({ "grace_period": { "nanoseconds": -1 } });
        tasks::invalid_task(&json!({ "kill_policy": policy }), "non-negative");
    }),
    ("MasterValidationTest.DuplicatedTaskID", tasks::duplicated_task_id),
    ("MasterValidationTest.MissingMultiRoleCapability", http_api::missing_multi_role),
    ("MasterAllocatorTest.ResourcesUnused", offers::resources_unused),
    ("MasterAllocatorTest.TaskFinished", offers::task_finished),
    ("MasterAllocatorTest.FrameworkExited", offers::framework_exited),
    ("MasterAllocatorTest.CpusOnlyOfferedAndTaskLaunched", tasks::cpus_only),
    ("RoleTest.RolesEndpointContainsConsumedQuota", endpoints::roles_endpoint),
    ("MasterQuotaTest.UpdateQuotaMultipleRoles", endpoints::quota_of_several_roles),
    ("DynamicWeightsTest.UpdateWeightsWithExplictWhitelist", endpoints::update_weights),
    ("MasterMaintenanceTest.PendingUnavailabilityTest", endpoints::pending_unavailability),
    ("MasterMaintenanceTest.InverseOffers", endpoints::inverse_offers),
    ("MasterMaintenanceTest.BringDownMachines", endpoints::machines_go_and_come),
    ("MasterQuotaTest.SetInvalidRequest", endpoints::first_quota),
    ("DynamicWeightsTest.PutInvalidRequest", endpoints::first_weights),
    ("TeardownTest.Success", endpoints::teardown),
    ("ReservationEndpointsTest.InsufficientResources", endpoints::reservations_are_refused),
    ("MasterDrainingTest.DrainAgent", endpoints::drain_agent),
    ("OfferConstraintsTest.HostnameEquals", offers::offer_constraints),
    ("PartitionTest.MasterToScheduler", http_api::calls_after_a_broken_stream),
];

/// Plays all behaviours of names that are chosen; says how many these are.
pub(super) fn play(is_chosen: impl Fn(&str) -> bool) -> usize {
    let chosen: Vec<&Behaviour> = BEHAVIOURS.iter().filter(|(name, _)| is_chosen(name)).collect();
    let failed: Vec<&str> = chosen
        .iter()
        .filter(|(name, play)| {
            let failed = catch_unwind(AssertUnwindSafe(play)).is_err();
            if failed {
                eprintln!("^ {name}");
            }
            failed
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), chosen.len());
    chosen.len()
}

const ONE_NODE: &str = "2cpu,1Gi";

fn one_node() -> Master {
    Master::start(ONE_NODE, &[])
}

/// A master with one node, a framework that says this of itself, and its first offer.
fn offered(fields: &Value) -> (Master, Framework, Offer) {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, fields);
    let offer = framework.offer();
    (master, framework, offer)
}

fn aware() -> Value {
    json!({ "capabilities": [{ "type": "PARTITION_AWARE" }] })
}

fn patient() -> Value {
    json!({ "failover_timeout": 600 })
}

fn lost(is_aware: bool) -> TaskState {
    if is_aware { TaskState::Dropped } else { TaskState::Lost }
}

fn multi_role(roles: &[&str]) -> Value {
    json!({ "roles": roles, "capabilities": [{ "type": "MULTI_ROLE" }] })
}
