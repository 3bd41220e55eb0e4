//! Frameworks of Mesos: their jobs, the pods of their tasks, and processes that take over.

mod executors;
mod maintenance;

use std::sync::Arc;

use proffer_crds::ResourcePool;
use proffer_mesos::from_value;
use proffer_mesos::scheduler::{Call, CallSubscribe};
use proffer_mesos::to_json;
use proffer_mesos::types::{Offer, TaskState, TaskStatus};
use serde_json::{Value, json};

use super::super::super::writes::{Answer, PoolAnswer};
use super::super::Change;
use super::world::World;
use crate::master::ConnectionId;

/// A framework on a connection.
pub(super) struct Framework {
    connection: ConnectionId,
    id: String,
}

impl World {
    pub(super) fn subscribe(&mut self, fields: &Value) -> Framework {
        let connection = self.connect(fields);
        let mut told = self.events.iter().filter(|(to, _)| *to == connection);
        let id = told.find_map(|(_, event)| event.subscribed.as_ref());
        Framework { connection, id: id.unwrap().framework_id.value.clone() }
    }

    fn connect(&mut self, fields: &Value) -> ConnectionId {
        let connection = ConnectionId(self.connections);
        self.connections += 1;
        let mut info = json!({"user": "u", "name": "pi", "failover_timeout": 600});
        info.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let info = from_value(&info).unwrap();
        let call = CallSubscribe { framework_info: info, ..CallSubscribe::default() };
        let now = self.now;
        let (master, _) = self.operator.mesos().unwrap();
        master.subscribe(now, connection, "stream", None, call);
        self.settle();
        connection
    }

    /// The framework subscribes again, at this process or another one.
    pub(super) fn resubscribe(&mut self, framework: &Framework) -> Framework {
        self.subscribe(&json!({"id": {"value": framework.id}}))
    }

    fn say(&mut self, framework: &Framework, mut call: Value) {
        call["framework_id"] = json!({"value": framework.id});
        let call: Call = from_value(&call).unwrap();
        let now = self.now;
        let (master, _) = self.operator.mesos().unwrap();
        assert_eq!(master.call(now, None, Some("stream"), call).status, 202);
        self.settle();
    }

    fn last_offer(&self, framework: &Framework) -> Offer {
        let told = self.events.iter().filter(|(to, _)| *to == framework.connection);
        let offers = told.filter_map(|(_, event)| event.offers.clone());
        offers.flat_map(|offers| offers.offers).last().unwrap()
    }

    /// Launches a task; returns its pod, if one was made.
    pub(super) fn run(
        &mut self,
        framework: &Framework,
        name: &str,
        more: &Value,
    ) -> Option<String> {
        let offer = self.last_offer(framework);
        let mut task = json!({
            "name": name, "task_id": {"value": name},
            "agent_id": {"value": offer.agent_id.value}, "command": {"value": "true"},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}}],
        });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.accept(framework, &offer, &task);
        self.pod_of(name)
    }

    /// Accepts an offer for a task.
    fn accept(&mut self, framework: &Framework, offer: &Offer, task: &Value) {
        self.say(
            framework,
            json!({"type": "ACCEPT", "accept": {
                "offer_ids": [{"value": offer.id.value}],
                "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
                "filters": {"refuse_seconds": 0},
            }}),
        );
        self.advance(2000);
    }

    fn pod_of(&self, task: &str) -> Option<String> {
        let is_of = |pod: &&k8s_openapi::api::core::v1::Pod| {
            let labels = pod.metadata.labels.as_ref();
            labels.and_then(|labels| labels.get("proffer.dev/task")).is_some_and(|it| it == task)
        };
        self.pods.values().rfind(is_of).and_then(|pod| pod.metadata.name.clone())
    }

    fn updates(&self, framework: &Framework) -> Vec<TaskStatus> {
        let told = self.events.iter().filter(|(to, _)| *to == framework.connection);
        told.filter_map(|(_, event)| Some(event.update.clone()?.status)).collect()
    }

    fn states(&self, framework: &Framework) -> Vec<TaskState> {
        self.updates(framework).iter().map(|it| it.state.try_into().unwrap()).collect()
    }

    fn acknowledge(&mut self, framework: &Framework) {
        let update = self.updates(framework).pop().unwrap();
        let status: Value = serde_json::from_str(&to_json(&update)).unwrap();
        self.say(framework, json!({"type": "ACKNOWLEDGE", "acknowledge": {
            "agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"],
        }}));
    }

    fn kill(&mut self, framework: &Framework, task: &str) {
        self.say(framework, json!({"type": "KILL", "kill": {"task_id": {"value": task}}}));
    }

    /// The task's container is in this state.
    fn contain(&mut self, pod: &str, phase: &str, state: &Value) {
        self.set_pod(
            pod,
            json!({"phase": phase, "podIP": "10.0.0.1", "containerStatuses": [{
                "name": "task", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": state,
            }]}),
        );
    }

    pub(super) fn start(&mut self, pod: &str) {
        self.contain(pod, "Running", &json!({"running": {"startedAt": "2026-11-24T00:00:00Z"}}));
    }

    pub(super) fn end(&mut self, pod: &str, code: i32) {
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let ended = json!({"exitCode": code, "reason": "E", "startedAt": "2026-11-24T00:00:00Z"});
        self.contain(pod, phase, &json!({"terminated": ended}));
    }

    fn is_acknowledged(&self, pod: &str) -> bool {
        let annotations = self.pods[pod].metadata.annotations.as_ref();
        annotations.is_some_and(|it| it.contains_key("proffer.dev/acknowledged"))
    }

    fn only_job(&self) -> &str {
        self.jobs.keys().next().unwrap()
    }
}

use TaskState::{Failed, Finished, Gone, Killed, Lost, Running, Starting};

fn none() -> Value {
    json!({})
}

#[test]
fn a_framework_is_a_job_and_its_tasks_are_pods() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    assert_eq!(world.jobs.len(), 1);
    let job = world.only_job().to_owned();
    assert!(job.starts_with("pi-"), "{job}");
    let spec = serde_json::to_value(&world.jobs[&job].spec).unwrap();
    assert_eq!(spec["mesos"]["frameworkId"], framework.id);
    assert_eq!(world.last_offer(&framework).agent_id.value, "n1-uid");
    let pod = world.run(&framework, "t", &none()).unwrap();
    assert_eq!(world.node_of(&pod), "n1");
    assert_eq!(world.status(&job, "/mesos/tasks"), 1);
    assert_eq!(world.status(&job, "/state"), "Running");
    world.start(&pod);
    assert_eq!(world.states(&framework), [Starting]);
    world.acknowledge(&framework);
    world.end(&pod, 0);
    world.acknowledge(&framework);
    assert_eq!(world.states(&framework), [Starting, Running, Finished]);
    assert!(!world.is_acknowledged(&pod));
    world.acknowledge(&framework);
    // It stays for its log, and says that its framework knows.
    assert!(world.is_acknowledged(&pod));
    world.advance(2000);
    assert_eq!(world.status(&job, "/mesos/tasks"), 0);
}

#[test]
fn a_pod_stays_whose_container_has_ended_before_it() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    let pod = world.run(&framework, "t", &none()).unwrap();
    let ended = json!({"exitCode": 0, "startedAt": "2026-11-24T00:00:00Z"});
    world.contain(&pod, "Running", &json!({"terminated": ended}));
    for _ in 0..3 {
        world.acknowledge(&framework);
    }
    world.end(&pod, 0);
    assert!(world.is_acknowledged(&pod));
    assert!(world.pods[&pod].metadata.deletion_timestamp.is_none());
}

#[test]
fn few_pods_stay_for_their_logs() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    for number in 0..12 {
        let pod = world.run(&framework, &format!("t{number}"), &none()).unwrap();
        world.end(&pod, 1);
        for _ in 0..3 {
            world.acknowledge(&framework);
        }
    }
    assert_eq!(world.pods.len(), 10);
    world.restart();
    assert_eq!(world.pods.len(), 10);
}

#[test]
fn a_task_that_cannot_be_a_pod_is_an_error() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    let container = json!({"type": "MESOS", "tty_info": {}});
    assert_eq!(world.run(&framework, "t", &json!({ "container": container })), None);
    let update = world.updates(&framework).pop().unwrap();
    assert_eq!(update.state, i32::from(TaskState::Error));
    assert!(update.message.unwrap().contains("tty_info"));
    let root = json!({"command": {"value": "id", "user": "0"}});
    assert_eq!(world.run(&framework, "root", &root), None);
    let update = world.updates(&framework).pop().unwrap();
    assert_eq!(update.state, i32::from(TaskState::Error));
    assert!(update.message.unwrap().contains("mesos.privileges.root"));
    world.refusal = Some("quota".to_owned());
    assert_eq!(world.run(&framework, "u", &none()), None);
    let update = world.updates(&framework).pop().unwrap();
    assert_eq!(update.state, i32::from(Failed));
    assert!(update.message.unwrap().contains("quota"));
    // What they asked for is offered again.
    world.refusal = None;
    world.advance(10_000);
    assert!(world.run(&framework, "v", &none()).is_some());
}

#[test]
fn a_name_that_nobody_proved_allows_nothing() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&json!({"principal": "trusted"}));
    let root = json!({"command": {"value": "id", "user": "0"}});
    assert_eq!(world.run(&framework, "root", &root), None);
    let message = world.updates(&framework).pop().unwrap().message.unwrap();
    assert!(message.contains("name '*'"), "{message}");
}

#[test]
fn a_framework_without_a_namespace_is_told_so() {
    let mut world = World::new(&["n1"]);
    world.refusal = Some("namespaces \"ns\" not found".to_owned());
    let connection = world.connect(&none());
    let errors: Vec<String> = world
        .events
        .iter()
        .filter(|(to, _)| *to == connection)
        .filter_map(|(_, event)| Some(event.error.clone()?.message))
        .collect();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("not found"), "{errors:?}");
    assert!(world.closed.contains(&connection));
}

#[test]
fn pools_of_other_namespaces_are_refused() {
    let mut world = World::new(&["n1"]);
    world.set_pool(json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "ResourcePool",
        "metadata": {"name": "theirs", "generation": 1}, "spec": {"namespaces": ["theirs"]},
    }));
    let connection = world.connect(&json!({"role": "theirs"}));
    let (_, event) = world.events.iter().rfind(|(to, _)| *to == connection).unwrap();
    let error = event.error.as_ref().unwrap();
    assert!(error.message.contains("may not use pool theirs"), "{}", error.message);
    assert!(world.jobs.is_empty());
}

#[test]
fn a_killed_task_is_known_beyond_its_pod() {
    let mut world = World::new(&["n1"]);
    world.pods_linger = true;
    let framework = world.subscribe(&none());
    let pod = world.run(&framework, "t", &none()).unwrap();
    world.start(&pod);
    world.acknowledge(&framework);
    world.acknowledge(&framework);
    world.kill(&framework, "t");
    assert!(world.pods[&pod].metadata.deletion_timestamp.is_some());
    world.end(&pod, 143);
    assert_eq!(world.states(&framework), [Starting, Running, Killed]);
    let told = world.updates(&framework).pop().unwrap();
    world.lose_pod(&pod);
    world.settle();
    let job = world.only_job().to_owned();
    assert_eq!(world.status(&job, "/mesos/updates/0/state"), "TASK_KILLED");
    // It is not acknowledged, so another process tells it again, as the same update.
    world.restart();
    let framework = world.resubscribe(&framework);
    assert_eq!(world.states(&framework), [Killed]);
    let again = world.updates(&framework).pop().unwrap();
    assert_eq!((again.uuid, again.message), (told.uuid, told.message));
    world.acknowledge(&framework);
    world.advance(5000);
    assert_eq!(world.status(&job, "/mesos/updates"), Value::Null);
}

#[test]
fn a_process_that_takes_over_knows_tasks_by_their_pods() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    let pods = ["a", "b", "c"].map(|task| world.run(&framework, task, &none()).unwrap());
    world.start(&pods[0]);
    world.start(&pods[1]);
    let before = world.updates(&framework);
    world.end(&pods[1], 0);
    world.restart();
    // Nobody is subscribed, so nothing is given up.
    world.advance(3_600_000);
    assert_eq!(world.pods.len(), 3);
    let again = world.resubscribe(&framework);
    assert_eq!(again.id, framework.id);
    let mut states = world.states(&again);
    states.sort_unstable();
    assert_eq!(states, [Running, Finished]);
    // Both processes give an update the same uuid.
    world.acknowledge(&again);
    world.start(&pods[2]);
    assert_eq!(world.states(&again).len(), 3);
    assert!(before.iter().all(|update| update.state == i32::from(Starting)));
    // What is held is known: the node has half a cpu for each of two tasks, and the rest is offered.
    let cpus = |offer: &Offer| offer.resources[0].scalar.as_ref().unwrap().value;
    world.advance(10_000);
    assert!((cpus(&world.last_offer(&again)) - 1.0).abs() < 1e-9);
    assert_eq!(world.jobs.len(), 1);
}

#[test]
fn a_framework_that_does_not_come_back_is_given_up() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&json!({"failover_timeout": 100}));
    world.run(&framework, "t", &none()).unwrap();
    let now = world.now;
    world.operator.mesos().unwrap().0.disconnected(now, framework.connection);
    world.advance(99_000);
    assert_eq!(world.pods.len(), 1);
    let job = world.only_job().to_owned();
    assert!(world.status(&job, "/message").as_str().unwrap().contains("not connected"));
    world.advance(2000);
    assert_eq!(world.pods.len(), 0);
    assert_eq!(world.status(&job, "/state"), "Failed");
    // Its id is used, for other processes as well.
    world.restart();
    let connection = world.connect(&json!({"id": {"value": framework.id}}));
    let mut told = world.events.iter().filter(|(to, _)| *to == connection);
    let error = told.find_map(|(_, event)| event.error.clone()).unwrap();
    assert_eq!(error.message, "Framework has been removed");
}

#[test]
fn deleting_its_job_ends_a_framework() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    world.run(&framework, "t", &none()).unwrap();
    let job = world.only_job().to_owned();
    world.delete_job(&job);
    assert!(world.closed.contains(&framework.connection));
    assert_eq!((world.pods.len(), world.jobs.len()), (0, 0));
}

#[test]
fn a_teardown_completes_the_job() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    world.run(&framework, "t", &none()).unwrap();
    world.say(&framework, json!({"type": "TEARDOWN"}));
    world.advance(2000);
    let job = world.only_job().to_owned();
    assert_eq!((world.pods.len(), world.status(&job, "/state")), (0, json!("Succeeded")));
    world.advance(3_600_000);
    assert!(world.jobs.is_empty(), "its time is over");
}

#[test]
fn lost_replies_make_no_second_pod() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    world.loses_replies = true;
    world.run(&framework, "t", &none());
    world.loses_replies = false;
    world.advance(60_000);
    assert_eq!((world.pods.len(), world.launches), (1, 1));
}

#[test]
fn a_task_whose_node_does_not_answer_is_gone() {
    let mut world = World::new(&["n1"]);
    world.pods_linger = true;
    let aware = json!({"capabilities": [{"type": "PARTITION_AWARE"}]});
    for (fields, expected) in [(none(), Lost), (aware, Gone)] {
        let framework = world.subscribe(&fields);
        let pod = world.run(&framework, "t", &none()).unwrap();
        world.set_node("n1", false);
        // Kubernetes evicts it, and nobody is there to end it.
        world.evict(&pod);
        assert_eq!(world.states(&framework), [expected]);
        world.set_node("n1", true);
        world.lose_pod(&pod);
        world.settle();
        world.say(&framework, json!({"type": "TEARDOWN"}));
    }
}

#[test]
fn what_the_scheduler_refuses_is_dropped() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    let pod = world.run(&framework, "t", &none()).unwrap();
    world.set_pod(
        &pod,
        json!({"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room",
        }]}),
    );
    assert_eq!(world.states(&framework), []);
    world.advance(6000);
    assert_eq!(world.states(&framework), [Lost]);
    assert!(world.updates(&framework)[0].message.as_ref().unwrap().contains("no room"));
    assert!(world.pods.is_empty());
}

#[test]
fn weights_and_quota_are_written_to_pools() {
    let mut world = World::new(&["n1"]);
    let now = world.now;
    let (master, engine) = world.operator.mesos().unwrap();
    let market = engine.market();
    let call = json!({"type": "UPDATE_WEIGHTS", "update_weights": {
        "weight_infos": [{"role": "*", "weight": 2.5}],
    }});
    assert_eq!(master.operate(now, &call, &market).0, 200);
    let quota = json!({"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [
        {"role": "*", "limits": {"cpus": {"value": 1.5}, "mem": {"value": 64}}},
    ]}});
    assert_eq!(master.operate(now, &quota, &market).0, 200);
    world.settle();
    let pool = serde_json::to_value(&world.pools["default"].spec).unwrap();
    assert_eq!((&pool["weight"], &pool["limit"]["cpu"]), (&json!("2500m"), &json!("1500m")));
    assert_eq!(pool["limit"]["memory"], "64Mi");
}

#[test]
fn absurd_guarantees_are_refused() {
    let mut world = World::new(&["n1"]);
    for name in ["a", "b", "c"] {
        world.set_pool(json!({"metadata": {"name": name}, "spec": {}}));
    }
    let now = world.now;
    let (master, engine) = world.operator.mesos().unwrap();
    let most = json!({"mem": {"value": 8e12}});
    let configs = ["a", "b", "c"].map(|role| json!({"role": role, "guarantees": most}));
    let quota = json!({"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": configs}});
    let (code, answer) = master.operate(now, &quota, &engine.market());
    assert_eq!(code, 400, "{answer:?}");
}

#[test]
fn what_is_planned_for_nodes_outlives_the_process() {
    let mut world = World::new(&["n1", "n2"]);
    world.set_node("n1", true);
    let ids: Vec<String> =
        world.nodes.values().map(|node| node.metadata.uid.clone().unwrap()).collect();
    let operate = |world: &mut World, call: &Value| {
        let now = world.now;
        let (master, engine) = world.operator.mesos().unwrap();
        let market = engine.market();
        assert_eq!(master.operate(now, call, &market).0, 200);
        world.settle();
    };
    let drain = json!({"type": "DRAIN_AGENT", "drain_agent": {"agent_id": {"value": ids[0]}}});
    operate(&mut world, &drain);
    let window = json!({
        "machine_ids": [{"hostname": "n2"}],
        "unavailability": {"start": {"nanoseconds": 1_795_550_400_000_000_000_i64}},
    });
    let schedule = json!({"schedule": {"windows": [window]}});
    let plan =
        json!({"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": schedule});
    operate(&mut world, &plan);
    world.restart();
    let framework = world.subscribe(&none());
    let offer = world.last_offer(&framework);
    assert_eq!(offer.hostname, "n2", "the other one is drained");
    assert_eq!(offer.unavailability.unwrap().start.nanoseconds, 1_795_550_400_000_000_000);
    let back =
        json!({"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": {"value": ids[0]}}});
    operate(&mut world, &back);
    world.advance(2000);
    assert_eq!(world.last_offer(&framework).hostname, "n1");
}

#[test]
fn a_machine_that_is_down_stays_so_when_another_process_takes_over() {
    let mut world = World::new(&["n1", "n2"]);
    let operate = |world: &mut World, kind: &str, body: &Value| {
        let now = world.now;
        let call = json!({"type": kind, kind.to_lowercase(): body});
        let (master, engine) = world.operator.mesos().unwrap();
        let market = engine.market();
        let status = master.operate(now, &call, &market).0;
        world.settle();
        status
    };
    let schedule = |machines: &Value| json!({"schedule": {"windows": machines}});
    let window = json!([{
        "machine_ids": [{"hostname": "n1"}],
        "unavailability": {
            "start": {"nanoseconds": 1_795_550_400_000_000_000_i64},
            "duration": {"nanoseconds": 3_600_000_000_000_i64},
        },
    }]);
    let machines = json!({"machines": [{"hostname": "n1"}]});
    let plan = schedule(&window);
    assert_eq!(operate(&mut world, "UPDATE_MAINTENANCE_SCHEDULE", &plan), 200);
    assert_eq!(operate(&mut world, "START_MAINTENANCE", &machines), 200);
    world.restart();
    let framework = world.subscribe(&none());
    assert_eq!(world.last_offer(&framework).hostname, "n2", "the other one is away");
    assert_eq!(operate(&mut world, "START_MAINTENANCE", &machines), 400, "it is away");
    let none = schedule(&json!([]));
    assert_eq!(operate(&mut world, "UPDATE_MAINTENANCE_SCHEDULE", &none), 400, "it is away");
    assert_eq!(operate(&mut world, "STOP_MAINTENANCE", &machines), 200);
    world.restart();
    let framework = world.subscribe(&self::none());
    world.advance(2000);
    let _ = world.last_offer(&framework);
    assert_eq!(operate(&mut world, "STOP_MAINTENANCE", &machines), 400, "it is back");
}

#[test]
fn an_answer_does_not_bring_back_a_pool_that_is_gone() {
    let mut world = World::new(&["n1"]);
    let now = world.now;
    let pool: ResourcePool = serde_json::from_value(json!({
        "apiVersion": "proffer.dev/v1alpha1",
        "kind": "ResourcePool",
        "metadata": {"name": "a", "uid": "a-uid", "resourceVersion": "900", "generation": 1},
        "spec": {"guarantee": {"cpu": "1"}},
    }))
    .unwrap();
    world.operator.observe(now, Change::Pool("a".into(), Some(Arc::new(pool.clone()))));
    world.operator.tick(now);
    world.operator.next_write(now).unwrap();
    // The watch is faster than the answer to what was written before.
    world.operator.observe(now, Change::Pool("a".into(), None));
    let answer = PoolAnswer::Kept(true, Ok(Some(Box::new(pool))));
    world.operator.answered(now, Answer::Pool("a".into(), answer));
    world.operator.tick(now);
    let (_, engine) = world.operator.mesos().unwrap();
    assert!(engine.pools().iter().all(|pool| &*pool.name != "a"));
}

#[test]
fn nodes_with_taints_are_not_offered() {
    let mut world = World::new(&["n1"]);
    world.taint_node("n1");
    let framework = world.subscribe(&none());
    assert!(!world.events.iter().any(|(_, event)| event.offers.is_some()));
    world.set_node("n1", true);
    world.advance(2000);
    world.last_offer(&framework);
}
