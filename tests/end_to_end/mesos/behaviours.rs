//! Behaviours of Mesos, over HTTP, each named after the test of Mesos that it follows.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proffer_mesos::content::ContentType;
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::{TaskState, TaskStatusReason as Reason, TaskStatusSource as Source};
use serde_json::{Value, json};

use super::Master;
use super::framework::{Framework, amount, info, resources, state, task};
use super::http::{Reply, get, post, request};

/// A behaviour: the test of Mesos, and what is played here.
type Behaviour = (&'static str, fn());

const BEHAVIOURS: &[Behaviour] = &[
    ("SchedulerHttpApiTest.Subscribe", subscribe),
    ("SchedulerHttpApiTest.SubscribedOnRetry", subscribed_on_retry),
    ("SchedulerHttpApiTest.RejectFrameworkWithInvalidRole", invalid_role),
    ("SchedulerHttpApiTest.SubscribeWithStreamId", subscribe_with_stream_id),
    ("SchedulerHttpApiTest.TeardownWithoutStreamId", teardown_without_stream_id),
    ("SchedulerHttpApiTest.TeardownWrongStreamId", teardown_wrong_stream_id),
    ("SchedulerHttpApiTest.Teardown", teardown),
    ("SchedulerHttpApiTest.MalformedUUID", malformed_uuid),
    ("SchedulerHttpApiTest.NoContentType", no_content_type),
    ("SchedulerHttpApiTest.ValidJsonButInvalidProtobuf", valid_json_but_invalid_protobuf),
    ("SchedulerHttpApiTest.MalformedContent", malformed_content),
    ("SchedulerHttpApiTest.UnsupportedContentMediaType", unsupported_content_type),
    ("SchedulerHttpApiTest.NotAcceptable", not_acceptable),
    ("SchedulerHttpApiTest.NoAcceptHeader", no_accept_header),
    ("SchedulerHttpApiTest.DefaultAccept", default_accept),
    ("SchedulerHttpApiTest.GetRequest", get_request),
    ("SchedulerTest.Subscribe (protobuf)", subscribe_protobuf),
    ("SchedulerTest.SchedulerFailover", scheduler_failover),
    ("SchedulerTest.SchedulerReconnect", scheduler_reconnect),
    ("SchedulerTest.TaskRunning", task_running),
    ("SchedulerTest.ReconcileTask", reconcile_task),
    ("SchedulerTest.KillTask", kill_task),
    ("SchedulerTest.ShutdownExecutor", shutdown_executor),
    ("SchedulerTest.Decline", decline),
    ("SchedulerTest.Revive", revive),
    ("SchedulerTest.Suppress", suppress),
    ("SchedulerTest.NoOffersWithAllRolesSuppressed", no_offers_with_all_roles_suppressed),
    ("SchedulerTest.NoOffersOnReregistrationWithAllRolesSuppressed", suppressed_on_reregistration),
    ("SchedulerTest.Request", request_is_ignored),
    ("MasterTest.LaunchCombinedOfferTest", launch_combined_offers),
    ("MasterTest.LaunchAcrossSlavesLost", || across_agents(false)),
    ("MasterTest.LaunchAcrossSlavesDropped", || across_agents(true)),
    ("MasterTest.LaunchDuplicateOfferLost", || duplicate_offer(false)),
    ("MasterTest.LaunchDuplicateOfferDropped", || duplicate_offer(true)),
    ("MasterTest.LaunchDifferentRoleLost", different_roles),
    ("MasterTest.KillUnknownTask", kill_unknown_task),
    ("MasterTest.StatusUpdateAck", status_update_ack),
    ("MasterTest.UnacknowledgedTerminalTask", unacknowledged_terminal_task),
    ("MasterTest.ReleaseResourcesForTerminalTaskWithPendingUpdates", release_with_pending_updates),
    ("MasterTest.TaskWithTinyResources", tiny_resources),
    ("MasterTest.MultiRoleFrameworkReceivesOffers", multi_role_offers),
    ("MasterTest.FrameworkSubscribeEmptyId", empty_id),
    ("MasterTest.RejectFrameworkWithInvalidFailoverTimeout", invalid_failover_timeout),
    ("MasterTest.StateEndpoint", state_endpoint),
    ("MasterTest.StateSummaryEndpoint", state_summary_endpoint),
    ("MasterTest.TasksEndpoint", tasks_endpoint),
    ("MasterTest.SlavesEndpointQuerySlave", slaves_endpoint),
    ("MasterTest.FrameworksEndpointMultipleFrameworks", frameworks_endpoint),
    ("MasterTest.MetricsInMetricsEndpoint", metrics_endpoint),
    ("ReconciliationTest.TaskStateMatch", reconcile_task),
    ("ReconciliationTest.UnknownSlave", unknown_agent),
    ("ReconciliationTest.UnknownTask", unknown_task),
    ("ReconciliationTest.UnknownTaskPartitionAware", unknown_task_partition_aware),
    ("ReconciliationTest.ImplicitNonTerminalTask", implicit_non_terminal),
    ("ReconciliationTest.ImplicitTerminalTask", implicit_terminal),
    ("MasterValidationTest.TaskUsesNoResources", || {
        invalid_task(&json!({ "resources": [] }), "no resources")
    }),
    ("MasterValidationTest.TaskUsesCommandInfoAndExecutorInfo", || {
        let executor = json!({ "executor_id": { "value": "e" }, "command": { "value": "true" } });
        invalid_task(&json!({ "executor": executor }), "CommandInfo or ExecutorInfo");
    }),
    ("MasterValidationTest.TaskUsesMoreResourcesThanOffered", || {
        invalid_task(
            &json!({ "resources": resources(5.0, 64.0) }),
            "more resources than available",
        );
    }),
    ("MasterValidationTest.ResourceLimitLessThanRequest", || {
        invalid_task(&json!({ "limits": { "cpus": { "value": 0.1 } } }), "limit");
    }),
    ("MasterValidationTest.TaskUsesInvalidID", || {
        invalid_task(&json!({ "task_id": { "value": "a/b" } }), "invalid");
    }),
    ("MasterValidationTest.KillPolicyGracePeriodIsNonNegative", || {
        let policy = json!({ "grace_period": { "nanoseconds": -1 } });
        invalid_task(&json!({ "kill_policy": policy }), "non-negative");
    }),
    ("MasterValidationTest.DuplicatedTaskID", duplicated_task_id),
    ("MasterValidationTest.MissingMultiRoleCapability", missing_multi_role),
    ("MasterAllocatorTest.ResourcesUnused", resources_unused),
    ("MasterAllocatorTest.TaskFinished", task_finished),
    ("MasterAllocatorTest.FrameworkExited", framework_exited),
    ("MasterAllocatorTest.CpusOnlyOfferedAndTaskLaunched", cpus_only),
    ("RoleTest.RolesEndpointContainsConsumedQuota", roles_endpoint),
    ("MasterQuotaTest.UpdateQuotaMultipleRoles", quota_of_several_roles),
    ("DynamicWeightsTest.UpdateWeightsWithExplictWhitelist", update_weights),
    ("MasterMaintenanceTest.PendingUnavailabilityTest", pending_unavailability),
    ("MasterMaintenanceTest.InverseOffers", inverse_offers),
    ("MasterDrainingTest.DrainAgent", drain_agent),
    ("OfferConstraintsTest.HostnameEquals", offer_constraints),
    ("PartitionTest.MasterToScheduler", calls_after_a_broken_stream),
];

#[test]
fn mesos_behaves_so() {
    let failed: Vec<&str> = BEHAVIOURS
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
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), BEHAVIOURS.len());
}

const ONE_NODE: &str = "2cpu,1Gi";

fn one_node() -> Master {
    Master::start(ONE_NODE, &[])
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

/// A subscription, whatever its headers and its body.
fn raw(master: &Master, headers: &[(&str, &str)], body: &str) -> Reply {
    request(&master.address, "POST", "/api/v1/scheduler", headers, body.as_bytes())
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A SUBSCRIBE that is an error, so that its stream ends.
fn failing_subscription() -> String {
    json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info(&json!({ "role": "/" })) } })
        .to_string()
}

fn subscribe() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    framework.next(EventType::Heartbeat);
    let offer = framework.offer();
    assert_eq!(offer.framework_id.value, framework.id);
    assert!(offer.id.value.contains("-O"), "{}", offer.id.value);
}

fn subscribe_protobuf() {
    let master = one_node();
    let subscribe = json!({ "framework_info": info(&json!({})) });
    let mut framework = Framework::subscribe_as(&master, ContentType::Protobuf, &subscribe);
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "exit 0")]);
    framework.update("t", TaskState::Finished);
}

fn subscribed_on_retry() {
    let master = one_node();
    let mut first = Framework::subscribe(&master, &patient());
    let again = json!({ "failover_timeout": 600, "id": { "value": first.id } });
    let second = Framework::subscribe(&master, &again);
    assert_eq!(second.id, first.id);
    let error = first.next(EventType::Error).error.unwrap();
    assert_eq!(error.message, "Framework failed over");
}

fn invalid_role() {
    let master = one_node();
    let subscribe = json!({ "framework_info": info(&json!({ "role": "/test/test1" })) });
    let mut framework = Framework::connect(&master, ContentType::Json, &subscribe);
    let error = framework.next(EventType::Error).error.unwrap();
    assert!(error.message.contains("cannot start with a slash"), "{}", error.message);
    assert_eq!(framework.try_next(EventType::Offers), None, "the connection is closed");
}

fn subscribe_with_stream_id() {
    let master = one_node();
    let headers = [JSON, ("Mesos-Stream-Id", "x")];
    let reply = raw(&master, &headers, &failing_subscription());
    assert_eq!(reply.status, 400);
}

fn teardown_without_stream_id() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let reply = framework.call_with(json!({ "type": "TEARDOWN" }), &[]);
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("Mesos-Stream-Id"));
}

fn teardown_wrong_stream_id() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let headers = [("Mesos-Stream-Id", "wrong")];
    let reply = framework.call_with(json!({ "type": "TEARDOWN" }), &headers);
    assert_eq!(reply.status, 400);
}

fn teardown() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    framework.accepted(json!({ "type": "TEARDOWN" }));
    assert_eq!(framework.try_next(EventType::Failure), None, "the connection is closed");
    let frameworks = get(&master.address, "/frameworks").json();
    assert_eq!(frameworks["completed_frameworks"][0]["id"], json!(framework.id));
}

fn malformed_uuid() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let acknowledge = json!({
        "agent_id": { "value": "a" }, "task_id": { "value": "t" }, "uuid": "YmFk",
    });
    let reply = framework.call(json!({ "type": "ACKNOWLEDGE", "acknowledge": acknowledge }));
    assert_eq!(reply.status, 400);
}

fn no_content_type() {
    assert_eq!(raw(&one_node(), &[], &failing_subscription()).status, 400);
}

fn valid_json_but_invalid_protobuf() {
    let reply = raw(&one_node(), &[JSON], r#"{"string": "valid_json"}"#);
    assert_eq!(reply.status, 400);
    let reply = raw(&one_node(), &[JSON], r#"{"type": "SUBSCRIBE", "subscribe": {}}"#);
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("framework_info"), "{}", reply.text());
}

fn malformed_content() {
    let master = one_node();
    for kind in ["application/json", "application/x-protobuf"] {
        let reply = raw(&master, &[("Content-Type", kind)], "MALFORMED_CONTENT");
        assert_eq!(reply.status, 400, "{kind}");
    }
}

fn unsupported_content_type() {
    let headers = [("Content-Type", "application/unknown-content-type")];
    assert_eq!(raw(&one_node(), &headers, &failing_subscription()).status, 415);
}

fn not_acceptable() {
    let headers = [JSON, ("Accept", "foo")];
    assert_eq!(raw(&one_node(), &headers, &failing_subscription()).status, 406);
}

fn no_accept_header() {
    let reply = raw(&one_node(), &[JSON], &failing_subscription());
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert!(reply.text().contains(r#""type":"ERROR""#), "{}", reply.text());
}

fn default_accept() {
    let headers = [JSON, ("Accept", "*/*")];
    let reply = raw(&one_node(), &headers, &failing_subscription());
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
}

fn get_request() {
    assert_eq!(get(&one_node().address, "/api/v1/scheduler").status, 405);
}

fn scheduler_failover() {
    let master = one_node();
    let mut first = Framework::subscribe(&master, &patient());
    let offer = first.offer();
    first.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let running = first.update("t", TaskState::Running);
    let again = json!({ "failover_timeout": 600, "id": { "value": first.id } });
    let mut second = Framework::subscribe(&master, &again);
    // What the first has not acknowledged is told the second one.
    let told = second.update("t", TaskState::Running);
    assert_eq!(told.uuid, running.uuid);
    assert_eq!(first.call(json!({ "type": "REVIVE" })).status, 400, "its stream is the old one");
    second.acknowledge(&told);
    second.kill("t");
    second.update("t", TaskState::Killed);
}

fn scheduler_reconnect() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &patient());
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let running = framework.update("t", TaskState::Running);
    framework.acknowledge(&running);
    framework.disconnect();
    let again = json!({ "failover_timeout": 600, "id": { "value": framework.id } });
    let mut again = Framework::subscribe(&master, &again);
    again.reconcile(&json!([]));
    assert_eq!(state(&again.next_update()), TaskState::Running);
    assert!(amount(&again.offer(), "cpus") > 1.4, "the rest of the node");
}

fn task_running() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let update = framework.update("t", TaskState::Running);
    assert_eq!(update.source, Some(Source::Executor.into()));
    assert_eq!(update.agent_id.as_ref(), Some(&offer.agent_id));
    assert_eq!(update.executor_id.unwrap().value, "t");
    assert!(update.container_status.is_some());
    framework.teardown();
}

fn reconcile_task() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let running = framework.update("t", TaskState::Running);
    framework.acknowledge(&running);
    framework.reconcile(&json!([{ "task_id": { "value": "t" } }]));
    let update = framework.update("t", TaskState::Running);
    assert_eq!(update.reason, Some(Reason::Reconciliation.into()));
    assert_eq!((update.source, update.uuid), (Some(Source::Master.into()), None));
}

fn kill_task() {
    let master = one_node();
    let killing = json!({ "capabilities": [{ "type": "TASK_KILLING_STATE" }] });
    let mut framework = Framework::subscribe(&master, &killing);
    let offer = framework.offer();
    // It would go on after SIGTERM, but is killed when the grace period has passed.
    let mut stubborn = task("t", &offer, "trap 'echo told' TERM; while :; do sleep 0.01; done");
    stubborn["kill_policy"] = json!({ "grace_period": { "nanoseconds": 300_000_000 } });
    framework.launch(&[&offer], &[stubborn]);
    let running = framework.update("t", TaskState::Running);
    framework.acknowledge(&running);
    framework.kill("t");
    let update = framework.update("t", TaskState::Killing);
    framework.acknowledge(&update);
    let update = framework.update("t", TaskState::Killed);
    assert_eq!(update.message.as_deref(), Some("Command terminated with signal Killed"));
}

fn shutdown_executor() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let running = framework.update("t", TaskState::Running);
    framework.acknowledge(&running);
    framework.accepted(json!({ "type": "SHUTDOWN", "shutdown": {
        "executor_id": { "value": "t" }, "agent_id": { "value": offer.agent_id.value },
    }}));
    framework.update("t", TaskState::Killed);
}

fn decline() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let first = framework.offers();
    framework.decline(&first, 0.0);
    let second = framework.offer();
    assert_ne!(second.id, first[0].id);
    assert_eq!(second.resources, first[0].resources);
}

fn revive() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offers = framework.offers();
    framework.decline(&offers, 3600.0);
    assert_eq!(framework.count(EventType::Offers), 0);
    framework.accepted(json!({ "type": "REVIVE" }));
    framework.offer();
}

fn suppress() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offers = framework.offers();
    framework.accepted(json!({ "type": "SUPPRESS" }));
    framework.decline(&offers, 0.0);
    // Somebody else is offered what the first does not want, so its turn has passed.
    let mut other = Framework::subscribe(&master, &json!({}));
    other.offer();
    other.teardown();
    assert_eq!(framework.count(EventType::Offers), 0);
    framework.accepted(json!({ "type": "REVIVE" }));
    framework.offer();
}

fn all_suppressed(id: Option<&str>) -> Value {
    let mut fields = patient();
    if let Some(id) = id {
        fields["id"] = json!({ "value": id });
    }
    json!({ "framework_info": info(&fields), "suppressed_roles": ["*"] })
}

fn no_offers_with_all_roles_suppressed() {
    let master = one_node();
    let mut framework = Framework::subscribe_as(&master, ContentType::Json, &all_suppressed(None));
    assert_eq!(framework.count(EventType::Offers), 0);
    framework.accepted(json!({ "type": "REVIVE" }));
    framework.offer();
}

fn suppressed_on_reregistration() {
    let master = one_node();
    let mut first = Framework::subscribe(&master, &patient());
    first.offer();
    let subscribe = all_suppressed(Some(&first.id));
    let mut second = Framework::subscribe_as(&master, ContentType::Json, &subscribe);
    assert_eq!(second.count(EventType::Offers), 0);
}

fn request_is_ignored() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let requests = json!([{ "resources": resources(1.0, 1.0) }]);
    framework.accepted(json!({ "type": "REQUEST", "request": { "requests": requests } }));
    let old = framework.call(json!({ "type": "REQUEST", "requests": requests }));
    assert_eq!(old.status, 400, "as mesoshttp sends it");
}

/// Labels that make two offers of one node.
fn slices() -> Value {
    json!({ "labels": { "labels": [
        { "key": "proffer.dev/executors", "value": "2" },
        { "key": "proffer.dev/executor-cpus", "value": "1" },
        { "key": "proffer.dev/executor-memory", "value": "256Mi" },
    ]}})
}

fn launch_combined_offers() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &slices());
    let offers = framework.offers();
    assert_eq!(offers.len(), 2);
    assert_eq!(offers[0].agent_id, offers[1].agent_id);
    let mut large = task("t", &offers[0], "exit 0");
    large["resources"] = resources(1.5, 300.0);
    framework.launch(&[&offers[0], &offers[1]], &[large]);
    framework.update("t", TaskState::Finished);
}

fn across_agents(is_aware: bool) {
    let master = Master::start("2x2cpu,1Gi", &[]);
    let fields = if is_aware { aware() } else { json!({}) };
    let mut framework = Framework::subscribe(&master, &fields);
    let offers = framework.offers();
    assert_eq!(offers.len(), 2);
    framework.launch(&[&offers[0], &offers[1]], &[task("t", &offers[0], "exit 0")]);
    let update = framework.update("t", lost(is_aware));
    assert_eq!(update.reason, Some(Reason::InvalidOffers.into()));
    assert_eq!((update.source, update.uuid), (Some(Source::Master.into()), None));
}

fn duplicate_offer(is_aware: bool) {
    let master = one_node();
    let fields = if is_aware { aware() } else { json!({}) };
    let mut framework = Framework::subscribe(&master, &fields);
    let offer = framework.offer();
    framework.launch(&[&offer, &offer], &[task("t", &offer, "exit 0")]);
    let update = framework.update("t", lost(is_aware));
    assert_eq!(update.reason, Some(Reason::InvalidOffers.into()));
    assert!(update.message.unwrap().contains("Duplicate offer"));
}

fn multi_role(roles: &[&str]) -> Value {
    json!({ "roles": roles, "capabilities": [{ "type": "MULTI_ROLE" }] })
}

fn different_roles() {
    let master = Master::start("2x2cpu,1Gi", &["a", "b"]);
    let mut framework = Framework::subscribe(&master, &multi_role(&["a", "b"]));
    let mut offers = framework.offers();
    while offers.len() < 2 {
        offers.extend(framework.offers());
    }
    framework.launch(&[&offers[0], &offers[1]], &[task("t", &offers[0], "exit 0")]);
    framework.update("t", TaskState::Lost);
}

fn kill_unknown_task() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    framework.kill("nobody");
    let update = framework.update("nobody", TaskState::Lost);
    assert_eq!(update.reason, Some(Reason::Reconciliation.into()));
}

fn status_update_ack() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "exit 3")]);
    let first = framework.next_update();
    assert_eq!(state(&first), TaskState::Starting);
    // The next one comes only after the first was acknowledged.
    assert_eq!(framework.count(EventType::Update), 0);
    framework.acknowledge(&first);
    let second = framework.next_update();
    assert_eq!(state(&second), TaskState::Running);
    framework.acknowledge(&second);
    let last = framework.update("t", TaskState::Failed);
    assert_eq!(last.message.as_deref(), Some("Command exited with status 3"));
    assert_eq!(last.reason, Some(Reason::CommandExecutorFailed.into()));
}

fn unacknowledged_terminal_task() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "exit 0")]);
    let last = framework.update("t", TaskState::Finished);
    let listed = |field: &str| {
        let frameworks = get(&master.address, "/frameworks").json();
        frameworks["frameworks"][0][field].as_array().unwrap().len()
    };
    assert_eq!((listed("tasks"), listed("completed_tasks")), (1, 0));
    framework.acknowledge(&last);
    assert_eq!((listed("tasks"), listed("completed_tasks")), (0, 1));
}

fn release_with_pending_updates() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let mut all = task("t", &offer, "exit 0");
    all["resources"] = resources(2.0, 64.0);
    framework.launch(&[&offer], &[all]);
    // Nothing is acknowledged, and everything is offered again all the same.
    while amount(&framework.offer(), "cpus") < 2.0 {}
    let first = framework.next_update();
    assert_eq!(state(&first), TaskState::Starting);
}

fn tiny_resources() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let mut tiny = task("t", &offer, "exit 0");
    tiny["resources"] = resources(0.001, 1.0);
    framework.launch(&[&offer], &[tiny]);
    framework.update("t", TaskState::Finished);
}

fn multi_role_offers() {
    let master = Master::start("2x2cpu,1Gi", &["a", "b"]);
    let mut framework = Framework::subscribe(&master, &multi_role(&["a", "b"]));
    let mut roles = Vec::new();
    while roles.len() < 2 {
        for offer in framework.offers() {
            let role = offer.allocation_info.clone().unwrap().role.unwrap();
            for resource in &offer.resources {
                let own = resource.allocation_info.clone().unwrap().role.unwrap();
                assert_eq!(own, role);
            }
            roles.push(role);
        }
    }
    roles.sort_unstable();
    assert_eq!(roles, ["a", "b"]);
}

fn empty_id() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({ "id": { "value": "" } }));
    assert!(framework.id.ends_with("-0000"), "{}", framework.id);
}

fn invalid_failover_timeout() {
    let master = one_node();
    let subscribe = json!({ "framework_info": info(&json!({ "failover_timeout": -1 })) });
    let mut framework = Framework::connect(&master, ContentType::Json, &subscribe);
    let error = framework.next(EventType::Error).error.unwrap();
    assert!(error.message.contains("failover_timeout"), "{}", error.message);
}

fn state_endpoint() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    framework.update("t", TaskState::Running);
    for path in ["/state", "/master/state", "/master/state/"] {
        let state = get(&master.address, path).json();
        assert_eq!(state["activated_slaves"], json!(1), "{path}");
        assert_eq!(state["slaves"][0]["id"], json!(offer.agent_id.value));
        assert_eq!(state["slaves"][0]["resources"]["cpus"], json!(2.0));
        assert_eq!(state["slaves"][0]["used_resources"]["cpus"], json!(0.5));
        assert_eq!(state["slaves"][0]["resources"]["ports"], json!("[31000-32000]"));
        let known = &state["frameworks"][0];
        assert_eq!(known["id"], json!(framework.id));
        assert_eq!(known["tasks"][0]["state"], json!("TASK_RUNNING"));
        assert_eq!(known["tasks"][0]["executor_id"], json!(""));
    }
    let flags = get(&master.address, "/flags").json();
    assert_eq!(flags["flags"]["ip"], json!("127.0.0.1"));
    assert_eq!(get(&master.address, "/version").json()["version"], json!("1.11.0"));
    assert_eq!(get(&master.address, "/health").status, 200);
    let redirect = get(&master.address, "/redirect");
    assert_eq!(redirect.status, 307);
    assert_eq!(redirect.header("location"), Some(&*format!("//{}", master.address)));
    assert_eq!(get(&master.address, "/nothing").status, 404);
    assert!(get(&master.address, "/version?jsonp=f").text().starts_with("f({"));
}

fn state_summary_endpoint() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "exit 0")]);
    let last = framework.update("t", TaskState::Finished);
    framework.acknowledge(&last);
    let summary = get(&master.address, "/state-summary").json();
    assert_eq!(summary["frameworks"][0]["TASK_FINISHED"], json!(1));
    assert_eq!(summary["slaves"][0]["TASK_FINISHED"], json!(1));
    assert_eq!(summary["slaves"][0]["TASK_RUNNING"], json!(0));
}

fn tasks_endpoint() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let tasks = ["a", "b"].map(|name| task(name, &offer, "sleep 1000"));
    framework.launch(&[&offer], &tasks);
    framework.update("a", TaskState::Running);
    let names = |query: &str| -> Vec<Value> {
        let tasks = get(&master.address, &format!("/tasks{query}")).json();
        tasks["tasks"].as_array().unwrap().iter().map(|task| task["id"].clone()).collect()
    };
    assert_eq!(names("?order=asc&limit=-1").len(), 2);
    assert_eq!(names("?limit=1").len(), 1);
    assert_eq!(names("?offset=2").len(), 0);
    assert_eq!(names("?task_id=b"), [json!("b")]);
    assert_eq!(names(&format!("?framework_id={}", framework.id)).len(), 2);
    assert_eq!(names("?framework_id=other").len(), 0);
}

fn slaves_endpoint() {
    let master = Master::start("2x1cpu,1Gi", &[]);
    let all = get(&master.address, "/slaves").json();
    let slaves = all["slaves"].as_array().unwrap();
    assert_eq!(slaves.len(), 2);
    let id = slaves[1]["id"].as_str().unwrap();
    let one = get(&master.address, &format!("/slaves?slave_id={id}")).json();
    assert_eq!(one["slaves"].as_array().unwrap().len(), 1);
    assert_eq!(one["slaves"][0]["id"], json!(id));
    let pid = one["slaves"][0]["pid"].as_str().unwrap();
    assert_eq!(pid, format!("slave(2)@{}", master.address));
    assert_eq!(one["slaves"][0]["attributes"]["kubernetes.io/hostname"], json!("node-1"));
}

fn frameworks_endpoint() {
    let master = one_node();
    let first = Framework::subscribe(&master, &json!({ "name": "first" }));
    let second = Framework::subscribe(&master, &json!({ "name": "second" }));
    let names = |list: &str| -> Vec<Value> {
        let all = get(&master.address, "/master/frameworks/").json();
        all[list].as_array().unwrap().iter().map(|framework| framework["name"].clone()).collect()
    };
    assert_eq!(names("frameworks"), [json!("first"), json!("second")]);
    first.teardown();
    assert_eq!(names("frameworks"), [json!("second")]);
    assert_eq!(names("completed_frameworks"), [json!("first")]);
    drop(second);
}

fn metrics_endpoint() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    framework.offer();
    let metrics = get(&master.address, "/metrics/snapshot").json();
    for (name, value) in [
        ("master/cpus_total", 2.0),
        ("master/slaves_active", 1.0),
        ("master/frameworks_active", 1.0),
        ("master/outstanding_offers", 1.0),
        ("master/messages_register_framework", 1.0),
        ("allocator/mesos/roles/*/shares/dominant", 1.0),
    ] {
        assert_eq!(metrics[name], json!(value), "{name}");
    }
}

fn unknown_agent() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &aware());
    framework.reconcile(&json!([{ "task_id": { "value": "t" }, "agent_id": { "value": "x" } }]));
    framework.update("t", TaskState::Unknown);
}

fn unknown_task() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let agent = framework.offer().agent_id.value;
    framework.reconcile(&json!([{ "task_id": { "value": "t" }, "agent_id": { "value": agent } }]));
    framework.update("t", TaskState::Lost);
}

fn unknown_task_partition_aware() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &aware());
    let agent = framework.offer().agent_id.value;
    framework.reconcile(&json!([{ "task_id": { "value": "t" }, "agent_id": { "value": agent } }]));
    framework.update("t", TaskState::Gone);
}

fn implicit_non_terminal() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let running = framework.update("t", TaskState::Running);
    framework.acknowledge(&running);
    framework.reconcile(&json!([]));
    let update = framework.next_update();
    assert_eq!((update.task_id.value.as_str(), state(&update)), ("t", TaskState::Running));
    assert_eq!(update.message.as_deref(), Some("Reconciliation: Latest task state"));
}

fn implicit_terminal() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "exit 0")]);
    let last = framework.update("t", TaskState::Finished);
    framework.acknowledge(&last);
    framework.reconcile(&json!([]));
    assert_eq!(framework.count(EventType::Update), 0, "it is forgotten");
}

fn invalid_task(change: &Value, problem: &str) {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let mut bad = task("bad", &offer, "exit 0");
    bad.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    framework.launch(&[&offer], &[bad, task("good", &offer, "exit 0")]);
    let update = framework.next_update();
    assert_eq!(state(&update), TaskState::Error, "{update:?}");
    assert_eq!(update.reason, Some(Reason::TaskInvalid.into()));
    let message = update.message.unwrap();
    assert!(message.contains(problem), "{message}");
    framework.update("good", TaskState::Finished);
}

fn duplicated_task_id() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let tasks = [task("t", &offer, "sleep 1000"), task("t", &offer, "sleep 1000")];
    framework.launch(&[&offer], &tasks);
    let update = framework.next_update();
    assert_eq!(state(&update), TaskState::Error);
    assert!(update.message.unwrap().contains("duplicate ID"));
    framework.update("t", TaskState::Running);
}

fn missing_multi_role() {
    let master = one_node();
    let subscribe = json!({ "framework_info": info(&json!({ "roles": ["*"] })) });
    let mut framework = Framework::connect(&master, ContentType::Json, &subscribe);
    let error = framework.next(EventType::Error).error.unwrap();
    assert!(error.message.contains("MULTI_ROLE"), "{}", error.message);
}

fn resources_unused() {
    let master = one_node();
    let mut first = Framework::subscribe(&master, &json!({}));
    let mut second = Framework::subscribe(&master, &json!({}));
    let offer = first.offer();
    first.launch_with(&[&offer], &[task("t", &offer, "sleep 1000")], 3600.0);
    let rest = second.offer();
    assert_eq!((amount(&rest, "cpus"), amount(&rest, "mem")), (1.5, 960.0));
}

fn task_finished() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let flag = master.folder.path().join("finish");
    let wait = format!("until test -e {}; do sleep 0.01; done", flag.display());
    let mut all = task("t", &offer, &wait);
    all["resources"] = resources(2.0, 64.0);
    framework.launch(&[&offer], &[all]);
    framework.update("t", TaskState::Running);
    let mut other = Framework::subscribe(&master, &json!({}));
    assert!(amount(&other.offer(), "cpus") < 0.01, "there are only memory and disk");
    std::fs::write(flag, "").unwrap();
    while amount(&other.offer(), "cpus") < 2.0 {}
}

fn framework_exited() {
    let master = one_node();
    let mut first = Framework::subscribe(&master, &json!({}));
    let offer = first.offer();
    let mut all = task("t", &offer, "sleep 1000");
    all["resources"] = resources(2.0, 64.0);
    first.launch(&[&offer], &[all]);
    first.update("t", TaskState::Running);
    // It is not waited for, so its task is killed at once.
    first.disconnect();
    let mut second = Framework::subscribe(&master, &json!({}));
    while amount(&second.offer(), "cpus") < 2.0 {}
}

fn cpus_only() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let mut cpus = task("t", &offer, "exit 0");
    cpus["resources"] = json!([resources(2.0, 1.0)[0]]);
    framework.launch(&[&offer], &[cpus]);
    framework.update("t", TaskState::Finished);
}

fn roles_endpoint() {
    let master = Master::start(ONE_NODE, &["team", "team.spark"]);
    let mut framework = Framework::subscribe(&master, &json!({ "role": "team/spark" }));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    framework.update("t", TaskState::Running);
    let roles = get(&master.address, "/roles").json();
    let roles = roles["roles"].as_array().unwrap();
    let role = |name: &str| roles.iter().find(|role| role["name"] == json!(name)).unwrap();
    assert_eq!(role("team/spark")["frameworks"], json!([framework.id]));
    assert!(role("team")["quota"]["consumed"]["cpus"].as_f64().unwrap() >= 0.5);
    assert_eq!(role("*")["weight"], json!(1.0));
}

fn quota_of_several_roles() {
    let master = Master::start(ONE_NODE, &["a", "b"]);
    let update = |second: f64, force: bool| {
        let config = |role: &str, cpus: f64| {
            json!({
                "role": role,
                "guarantees": { "cpus": { "value": cpus } },
                "limits": { "cpus": { "value": cpus } },
            })
        };
        let update =
            json!({ "force": force, "quota_configs": [config("a", 1.0), config("b", second)] });
        post(&master.address, "/api/v1", &json!({ "type": "UPDATE_QUOTA", "update_quota": update }))
    };
    let quota = || {
        let answer = post(&master.address, "/api/v1", &json!({ "type": "GET_QUOTA" })).json();
        answer["get_quota"]["status"]["configs"].as_array().unwrap().len()
    };
    // More than there is, so nothing is changed.
    assert_eq!(update(5.0, false).status, 400);
    assert_eq!(quota(), 0);
    assert_eq!(update(1.0, false).status, 200);
    assert_eq!(quota(), 2);
    let mut framework = Framework::subscribe(&master, &json!({ "role": "a" }));
    assert_eq!(amount(&framework.offer(), "cpus"), 1.0);
    assert_eq!(update(5.0, true).status, 200);
}

fn update_weights() {
    let master = Master::start(ONE_NODE, &["a"]);
    let update = |role: &str, weight: f64| {
        let infos = json!({ "weight_infos": [{ "role": role, "weight": weight }] });
        let call = json!({ "type": "UPDATE_WEIGHTS", "update_weights": infos });
        post(&master.address, "/api/v1", &call).status
    };
    assert_eq!((update("a", 0.0), update("nobody", 1.0), update("a", 2.5)), (400, 400, 200));
    let weights = post(&master.address, "/api/v1", &json!({ "type": "GET_WEIGHTS" })).json();
    let infos = &weights["get_weights"]["weight_infos"];
    assert_eq!(infos, &json!([{ "role": "a", "weight": 2.5 }]));
}

/// Schedules maintenance of the only node, an hour from now.
fn schedule(master: &Master) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let start = u64::try_from(now.as_nanos()).unwrap() + 3_600_000_000_000;
    let window = json!({
        "machine_ids": [{ "hostname": "node-0" }],
        "unavailability": { "start": { "nanoseconds": start } },
    });
    let schedule = json!({ "schedule": { "windows": [window] } });
    let call = json!({
        "type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": schedule,
    });
    assert_eq!(post(&master.address, "/api/v1", &call).status, 200);
}

fn pending_unavailability() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let before = framework.offer();
    assert_eq!(before.unavailability, None);
    schedule(&master);
    let rescinded = framework.next(EventType::Rescind).rescind.unwrap();
    assert_eq!(rescinded.offer_id, before.id);
    assert!(framework.offer().unavailability.is_some());
    let schedule = get(&master.address, "/maintenance/schedule").json();
    assert_eq!(schedule["windows"][0]["machine_ids"][0]["hostname"], json!("node-0"));
}

fn inverse_offers() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    framework.update("t", TaskState::Running);
    schedule(&master);
    let inverse = framework.next(EventType::InverseOffers).inverse_offers.unwrap();
    let inverse = &inverse.inverse_offers[0];
    assert_eq!(inverse.agent_id.as_ref(), Some(&offer.agent_id));
    framework.accepted(json!({ "type": "ACCEPT_INVERSE_OFFERS", "accept_inverse_offers": {
        "inverse_offer_ids": [{ "value": inverse.id.value }],
    }}));
    let status = get(&master.address, "/maintenance/status").json();
    assert_eq!(status["draining_machines"][0]["statuses"][0]["status"], json!("ACCEPT"));
}

fn drain_agent() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let running = framework.update("t", TaskState::Running);
    framework.acknowledge(&running);
    let agent = json!({ "agent_id": { "value": offer.agent_id.value } });
    let call = json!({ "type": "DRAIN_AGENT", "drain_agent": agent });
    assert_eq!(post(&master.address, "/api/v1", &call).status, 200);
    let update = framework.update("t", TaskState::Killed);
    assert_eq!(update.reason, Some(Reason::AgentDraining.into()));
    let agents = post(&master.address, "/api/v1", &json!({ "type": "GET_AGENTS" })).json();
    let known = &agents["get_agents"]["agents"][0];
    assert_eq!(
        (&known["deactivated"], &known["drain_info"]["state"]),
        (&json!(true), &json!("DRAINED"))
    );
    let mut other = Framework::subscribe(&master, &json!({}));
    assert_eq!(other.count(EventType::Offers), 0);
    let call = json!({ "type": "REACTIVATE_AGENT", "reactivate_agent": agent });
    assert_eq!(post(&master.address, "/api/v1", &call).status, 200);
    other.offer();
}

fn offer_constraints() {
    let master = Master::start("1cpu,1Gi,label:zone=a", &[]);
    let constraints = |zone: &str| {
        let constraint = json!({
            "selector": { "attribute_name": "zone" },
            "predicate": { "text_matches": { "regex": zone } },
        });
        let groups = json!({ "groups": [{ "attribute_constraints": [constraint] }] });
        json!({
            "framework_info": info(&json!({})),
            "offer_constraints": { "role_constraints": { "*": groups } },
        })
    };
    let mut picky = Framework::subscribe_as(&master, ContentType::Json, &constraints("b|c"));
    assert_eq!(picky.count(EventType::Offers), 0);
    let mut fitting = Framework::subscribe_as(&master, ContentType::Json, &constraints("a|b"));
    fitting.offer();
}

fn calls_after_a_broken_stream() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &patient());
    framework.disconnect();
    crate::run::until("the master notices", || {
        framework.call(json!({ "type": "REVIVE" })).status == 403
    });
}
