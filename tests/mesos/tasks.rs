//! What becomes of tasks, and what is said of them.

use super::{aware, lost, multi_role, offered, one_node, patient};
use crate::mesos::Master;
use crate::mesos::framework::{Framework, amount, resources, state, task};
use crate::mesos::http::get;
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::{TaskState, TaskStatusReason as Reason, TaskStatusSource as Source};
use serde_json::{Value, json};

pub(super) fn scheduler_failover() {
    let (master, mut first, offer) = offered(&patient());
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

pub(super) fn scheduler_reconnect() {
    let (master, mut framework, offer) = offered(&patient());
    framework.run(&offer, "sleep 1000", TaskState::Running);
    framework.disconnect();
    let again = json!({ "failover_timeout": 600, "id": { "value": framework.id } });
    let mut again = Framework::subscribe(&master, &again);
    again.reconcile(&json!([]));
    assert_eq!(state(&again.next_update()), TaskState::Running);
    assert!(amount(&again.offer(), "cpus") > amount(&offer, "cpus") - 0.6, "the rest of the node");
}

pub(super) fn task_running() {
    let (_master, mut framework, offer) = offered(&json!({}));
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let update = framework.update("t", TaskState::Running);
    assert_eq!(update.source, Some(Source::Executor.into()));
    assert_eq!(update.agent_id.as_ref(), Some(&offer.agent_id));
    assert_eq!(update.executor_id.unwrap().value, "t");
    assert!(update.container_status.is_some());
    framework.teardown();
}

pub(super) fn reconcile_task() {
    let (_master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "sleep 1000", TaskState::Running);
    framework.reconcile(&json!([{ "task_id": { "value": "t" } }]));
    let update = framework.update("t", TaskState::Running);
    assert_eq!(update.reason, Some(Reason::Reconciliation.into()));
    assert_eq!((update.source, update.uuid), (Some(Source::Master.into()), None));
}

pub(super) fn kill_task() {
    let master = one_node();
    let killing = json!({ "capabilities": [{ "type": "TASK_KILLING_STATE" }] });
    let mut framework = Framework::subscribe(&master, &killing);
    // A shell that is told before it has set its trap ends by that; then another one is tried.
    for name in ["t0", "t1", "t2", "t3", "t4"] {
        let offer = framework.offer();
        // It would go on after SIGTERM, but is killed when the grace period has passed.
        let mut stubborn =
            task(name, &offer, "trap 'echo told' TERM; while :; do sleep 0.01; done");
        stubborn["kill_policy"] = json!({ "grace_period": { "nanoseconds": 300_000_000 } });
        framework.launch(&[&offer], &[stubborn]);
        let running = framework.update(name, TaskState::Running);
        framework.acknowledge(&running);
        framework.kill(name);
        let update = framework.update(name, TaskState::Killing);
        framework.acknowledge(&update);
        let update = framework.update(name, TaskState::Killed);
        framework.acknowledge(&update);
        if update.message.as_deref() != Some("Command terminated with signal Terminated") {
            assert_eq!(update.message.as_deref(), Some("Command terminated with signal Killed"));
            return;
        }
    }
    panic!("no shell has set its trap in time");
}

pub(super) fn shutdown_executor() {
    let (_master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "sleep 1000", TaskState::Running);
    framework.accepted(json!({ "type": "SHUTDOWN", "shutdown": {
        "executor_id": { "value": "t" }, "agent_id": { "value": offer.agent_id.value },
    }}));
    framework.update("t", TaskState::Killed);
}

/// Labels that make two offers of one node.
fn slices() -> Value {
    json!({ "labels": { "labels": [
        { "key": "proffer.dev/executors", "value": "2" },
        { "key": "proffer.dev/executor-cpus", "value": "1" },
        { "key": "proffer.dev/executor-memory", "value": "256Mi" },
    ]}})
}

pub(super) fn launch_combined_offers() {
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

pub(super) fn across_agents(is_aware: bool) {
    let master = Master::start("2x2cpu,1Gi", &[]);
    let fields = if is_aware { aware() } else { json!({}) };
    let mut framework = Framework::subscribe(&master, &fields);
    let mut offers = framework.offers();
    // A node that has just come back is offered a little later.
    while offers.len() < 2 {
        offers.extend(framework.offers());
    }
    assert_ne!(offers[0].agent_id, offers[1].agent_id);
    framework.launch(&[&offers[0], &offers[1]], &[task("t", &offers[0], "exit 0")]);
    let update = framework.update("t", lost(is_aware));
    assert_eq!(update.reason, Some(Reason::InvalidOffers.into()));
    assert_eq!((update.source, update.uuid), (Some(Source::Master.into()), None));
}

pub(super) fn duplicate_offer(is_aware: bool) {
    let master = one_node();
    let fields = if is_aware { aware() } else { json!({}) };
    let mut framework = Framework::subscribe(&master, &fields);
    let offer = framework.offer();
    framework.launch(&[&offer, &offer], &[task("t", &offer, "exit 0")]);
    let update = framework.update("t", lost(is_aware));
    assert_eq!(update.reason, Some(Reason::InvalidOffers.into()));
    assert!(update.message.unwrap().contains("Duplicate offer"));
}

pub(super) fn different_roles() {
    let master = Master::start("2x2cpu,1Gi", &["a", "b"]);
    let mut framework = Framework::subscribe(&master, &multi_role(&["a", "b"]));
    let mut offers = framework.offers();
    while offers.len() < 2 {
        offers.extend(framework.offers());
    }
    framework.launch(&[&offers[0], &offers[1]], &[task("t", &offers[0], "exit 0")]);
    framework.update("t", TaskState::Lost);
}

pub(super) fn kill_unknown_task() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    framework.kill("nobody");
    let update = framework.update("nobody", TaskState::Lost);
    assert_eq!(update.reason, Some(Reason::Reconciliation.into()));
}

pub(super) fn status_update_ack() {
    let (_master, mut framework, offer) = offered(&json!({}));
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

pub(super) fn unacknowledged_terminal_task() {
    let (master, mut framework, offer) = offered(&json!({}));
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

pub(super) fn tiny_resources() {
    let (_master, mut framework, offer) = offered(&json!({}));
    let mut tiny = task("t", &offer, "exit 0");
    tiny["resources"] = resources(0.001, 1.0);
    framework.launch(&[&offer], &[tiny]);
    framework.update("t", TaskState::Finished);
}

pub(super) fn cpus_only() {
    let (_master, mut framework, offer) = offered(&json!({}));
    let mut cpus = task("t", &offer, "exit 0");
    cpus["resources"] = json!([resources(2.0, 1.0)[0]]);
    framework.launch(&[&offer], &[cpus]);
    framework.update("t", TaskState::Finished);
}

pub(super) fn unknown_agent() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &aware());
    framework.reconcile(&json!([{ "task_id": { "value": "t" }, "agent_id": { "value": "x" } }]));
    framework.update("t", TaskState::Unknown);
}

pub(super) fn unknown_task() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let agent = framework.offer().agent_id.value;
    framework.reconcile(&json!([{ "task_id": { "value": "t" }, "agent_id": { "value": agent } }]));
    framework.update("t", TaskState::Lost);
}

pub(super) fn unknown_task_partition_aware() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &aware());
    let agent = framework.offer().agent_id.value;
    framework.reconcile(&json!([{ "task_id": { "value": "t" }, "agent_id": { "value": agent } }]));
    framework.update("t", TaskState::Gone);
}

pub(super) fn implicit_non_terminal() {
    let (_master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "sleep 1000", TaskState::Running);
    framework.reconcile(&json!([]));
    let update = framework.next_update();
    assert_eq!((update.task_id.value.as_str(), state(&update)), ("t", TaskState::Running));
    assert_eq!(update.message.as_deref(), Some("Reconciliation: Latest task state"));
}

pub(super) fn implicit_terminal() {
    let (_master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "exit 0", TaskState::Finished);
    framework.reconcile(&json!([]));
    assert_eq!(framework.count(EventType::Update), 0, "it is forgotten");
}

pub(super) fn invalid_task(change: &Value, problem: &str) {
    let (_master, mut framework, offer) = offered(&json!({}));
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

pub(super) fn duplicated_task_id() {
    let (_master, mut framework, offer) = offered(&json!({}));
    let tasks = [task("t", &offer, "sleep 1000"), task("t", &offer, "sleep 1000")];
    framework.launch(&[&offer], &tasks);
    let update = framework.next_update();
    assert_eq!(state(&update), TaskState::Error);
    assert!(update.message.unwrap().contains("duplicate ID"));
    framework.update("t", TaskState::Running);
}

pub(super) fn reconcile_many() {
    let (_master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "sleep 1000", TaskState::Running);
    let names = || (0..100_000).map(|number| format!("00000000-0000-0000-0000-{number:012}"));
    let agent = "00000000-0000-0000-0000-000000000000-S0";
    let asked_for = |name| json!({ "task_id": { "value": name }, "agent_id": { "value": agent } });
    let tasks: Vec<Value> = names().map(asked_for).collect();
    framework.reconcile(&json!(tasks));
    for name in names() {
        assert_eq!(framework.next_update().task_id.value, name);
    }
    framework.accepted(json!({ "type": "REVIVE" }));
    framework.reconcile(&json!([]));
    assert_eq!(state(&framework.next_update()), TaskState::Running);
}

pub(super) fn resources_of_another_kind() {
    let cpus = |more: Value| {
        let mut cpus = resources(0.1, 32.0);
        cpus[0].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cpus
    };
    let disk = |of: Value| {
        let mut resources = resources(0.1, 32.0);
        let disk =
            json!({ "name": "disk", "type": "SCALAR", "scalar": { "value": 10.0 }, "disk": of });
        resources.as_array_mut().unwrap().push(disk);
        resources
    };
    for resources in [
        cpus(json!({ "role": "other" })),
        cpus(json!({ "reservations": [{ "type": "DYNAMIC", "role": "x" }] })),
        cpus(json!({ "revocable": {} })),
        cpus(json!({ "shared": {} })),
        cpus(json!({ "provider_id": { "value": "p" } })),
        disk(json!({ "persistence": { "id": "v" } })),
        disk(json!({ "source": { "type": "MOUNT", "mount": { "root": "/mnt/x" } } })),
    ] {
        invalid_task(&json!({ "resources": resources }), "more resources than available");
    }
}
