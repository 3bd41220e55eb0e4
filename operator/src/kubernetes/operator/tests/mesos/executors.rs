//! Executors of frameworks' own: what is stored of them, and when they hear of it.

use proffer_mesos::executor::{Call, Event};
use proffer_mesos::from_value;
use proffer_mesos::types::TaskState;
use serde_json::{Value, json};

use super::{Framework, World, none};
use crate::master::ConnectionId;

/// Where an executor is told its events.
const CONNECTION: ConnectionId = ConnectionId(1000);

impl World {
    /// Launches a task in an executor of the framework's own.
    pub(in super::super) fn launch_in(
        &mut self,
        framework: &Framework,
        name: &str,
        executor: &str,
    ) {
        self.launch_with(framework, name, executor, "aGVsbG8=");
    }

    /// The same with this as the task's data.
    fn launch_with(&mut self, framework: &Framework, name: &str, executor: &str, data: &str) {
        let offer = self.last_offer(framework);
        let cpus =
            |value: f64| json!([{"name": "cpus", "type": "SCALAR", "scalar": {"value": value}}]);
        let task = json!({
            "name": name, "task_id": {"value": name}, "resources": cpus(0.5),
            "agent_id": {"value": offer.agent_id.value}, "data": data,
            "executor": {
                "executor_id": {"value": executor}, "command": {"value": "run"},
                "resources": cpus(0.1),
            },
        });
        self.accept(framework, &offer, &task);
    }

    /// The executor subscribes, with what it does not know to be known.
    pub(in super::super) fn subscribe_executor(&mut self, framework: &Framework, more: &Value) {
        let call = call(framework, "SUBSCRIBE", more);
        let (now, token) = (self.now, self.token());
        let (master, _) = self.operator.mesos().unwrap();
        master.subscribe_executor(now, CONNECTION, Some(&token), call);
        self.settle();
    }

    /// The executor says how far a task is.
    fn update(&mut self, framework: &Framework, task: &str, state: &str, uuid: &str) {
        let call = call(framework, "UPDATE", &update(task, state, uuid));
        let (now, token) = (self.now, self.token());
        let (master, _) = self.operator.mesos().unwrap();
        assert_eq!(master.executor_call(now, Some(&token), call).status, 202);
        self.settle();
    }

    /// What the executor shows, as its pod has it from a Secret.
    fn token(&self) -> String {
        let env = self.pods.values().flat_map(|pod| &pod.spec.as_ref().unwrap().containers[0].env);
        let name = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN";
        let token = env.flatten().find(|variable| variable.name == name).unwrap();
        let source = token.value_from.as_ref().unwrap().secret_key_ref.as_ref().unwrap();
        self.secrets[&source.name][&source.key].clone()
    }

    /// What the executor was told since this was last asked: `LAUNCH a`.
    fn told_executor(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.executor_events);
        let texts = told.iter().filter_map(|(_, event): &(ConnectionId, Event)| {
            let launch =
                event.launch.as_ref().map(|it| format!("LAUNCH {}", it.task.task_id.value));
            let known = event.acknowledged.as_ref();
            launch.or_else(|| known.map(|it| format!("ACKNOWLEDGED {}", it.task_id.value)))
        });
        texts.collect()
    }
}

fn call(framework: &Framework, kind: &str, more: &Value) -> Call {
    let mut call = json!({
        "type": kind, "framework_id": {"value": framework.id}, "executor_id": {"value": "e"},
    });
    call[kind.to_lowercase()] = more.clone();
    from_value(&call).unwrap()
}

fn update(task: &str, state: &str, uuid: &str) -> Value {
    json!({"status": {
        "task_id": {"value": task}, "state": state, "source": "SOURCE_EXECUTOR", "uuid": uuid,
        "timestamp": 1.0,
    }})
}

const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAQ==";
const TWO: &str = "AAAAAAAAAAAAAAAAAAAAAg==";
const THREE: &str = "AAAAAAAAAAAAAAAAAAAAAw==";

/// A framework with an executor that runs `a`, of which the framework knows.
fn running(world: &mut World) -> Framework {
    let framework = world.subscribe(&none());
    world.launch_in(&framework, "a", "e");
    let pod = world.pods.keys().next().unwrap().clone();
    world.start(&pod);
    world.subscribe_executor(&framework, &none());
    assert_eq!(world.told_executor(), ["LAUNCH a"]);
    world.update(&framework, "a", "TASK_RUNNING", ONE);
    assert_eq!(world.told_executor(), ["ACKNOWLEDGED a"]);
    world.acknowledge(&framework);
    framework
}

#[test]
fn they_outlive_the_process() {
    let mut world = World::new(&["n1"]);
    let framework = running(&mut world);
    world.launch_in(&framework, "b", "e");
    world.launch_in(&framework, "c", "e");
    assert_eq!(world.told_executor(), ["LAUNCH b", "LAUNCH c"]);
    world.restart();
    let again = world.resubscribe(&framework);
    assert_eq!(world.states(&again), [], "what was acknowledged is not said again");
    // It has heard of b and not of c, and a has ended meanwhile.
    let b = json!({
        "name": "b", "task_id": {"value": "b"}, "agent_id": {"value": "x"}, "resources": [],
    });
    let ended = update("a", "TASK_FINISHED", TWO);
    world.subscribe_executor(
        &again,
        &json!({"unacknowledged_tasks": [b], "unacknowledged_updates": [ended]}),
    );
    assert_eq!(world.told_executor(), ["LAUNCH c", "ACKNOWLEDGED a"]);
    assert_eq!(world.states(&again), [TaskState::Finished]);
    world.acknowledge(&again);
    world.update(&again, "b", "TASK_RUNNING", THREE);
    assert_eq!(world.states(&again), [TaskState::Finished, TaskState::Running]);
    assert_eq!(world.pods.len(), 1);
    // Of two cpus the executor has a tenth, and b and c have a half each.
    world.advance(10_000);
    let told = world.events.iter().filter(|(to, _)| *to == again.connection);
    let offers = told.filter_map(|(_, event)| event.offers.clone()).flat_map(|it| it.offers);
    let cpus: f64 = offers.map(|it| it.resources[0].scalar.as_ref().unwrap().value).sum();
    assert!((cpus - 0.9).abs() < 1e-9, "{cpus}");
}

#[test]
fn nobody_speaks_for_one_without_what_it_shows() {
    let mut world = World::new(&["n1"]);
    let framework = running(&mut world);
    let (now, token) = (world.now, world.token());
    let stranger = ConnectionId(2000);
    for shown in [None, Some("guessed"), Some("")] {
        let (master, _) = world.operator.mesos().unwrap();
        master.subscribe_executor(now, stranger, shown, call(&framework, "SUBSCRIBE", &none()));
        let ended = call(&framework, "UPDATE", &update("a", "TASK_FAILED", TWO));
        assert_eq!(master.executor_call(now, shown, ended).status, 400, "{shown:?}");
        world.settle();
        let told = world.executor_events.pop().unwrap();
        assert!(told.0 == stranger && told.1.error.is_some(), "{told:?}");
        assert!(world.closed.contains(&stranger));
        assert!(!world.closed.contains(&CONNECTION), "it keeps its own connection");
        world.closed.clear();
    }
    assert!(!world.states(&framework).contains(&TaskState::Failed));
    // What is stored shows nobody what to show.
    let stored = serde_json::to_string(&(&world.pods, &world.jobs)).unwrap();
    assert!(stored.contains("token_digest") && !stored.contains(&token));
}

#[test]
fn what_an_older_operator_has_stored_is_known() {
    let mut world = World::new(&["n1"]);
    let framework = running(&mut world);
    let token = world.token();
    let pod = world.pods.values_mut().next().unwrap();
    let annotations = pod.metadata.annotations.as_mut().unwrap();
    let text = annotations.get_mut("proffer.dev/mesos-executor").unwrap();
    let mut stored: Value = serde_json::from_str(text).unwrap();
    stored.as_object_mut().unwrap().remove("token_digest");
    stored["token"] = json!(token);
    *text = stored.to_string();
    world.restart();
    let again = world.resubscribe(&framework);
    world.subscribe_executor(&again, &none());
    world.update(&again, "a", "TASK_FINISHED", TWO);
    assert_eq!(world.states(&again), [TaskState::Finished]);
    let stored = serde_json::to_string(&world.pods).unwrap();
    assert!(!stored.contains(&token), "it is not stored any more");
}

#[test]
fn one_that_may_not_be_run_is_an_error_of_its_tasks() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    let offer = world.last_offer(&framework);
    let cpus = json!([{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}]);
    let task = json!({
        "name": "a", "task_id": {"value": "a"}, "resources": cpus,
        "agent_id": {"value": offer.agent_id.value},
        "executor": {
            "executor_id": {"value": "e"}, "command": {"value": "id", "user": "0"},
            "resources": cpus,
        },
    });
    world.accept(&framework, &offer, &task);
    let update = world.updates(&framework).pop().unwrap();
    assert_eq!(update.state, i32::from(TaskState::Error));
    assert!(update.message.unwrap().contains("mesos.privileges.root"));
    assert!(world.pods.is_empty());
}

#[test]
fn one_that_does_not_come_back_loses_its_tasks() {
    let mut world = World::new(&["n1"]);
    let framework = running(&mut world);
    world.restart();
    let again = world.resubscribe(&framework);
    world.advance(61_000);
    assert_eq!(world.states(&again), [TaskState::Failed]);
    assert!(world.pods.is_empty());
}

#[test]
fn they_hear_only_what_is_stored() {
    let mut world = World::new(&["n1"]);
    let framework = running(&mut world);
    world.loses_replies = true;
    world.launch_in(&framework, "b", "e");
    world.update(&framework, "a", "TASK_FINISHED", TWO);
    assert_eq!(world.told_executor(), [""; 0]);
    world.loses_replies = false;
    world.advance(10_000);
    assert_eq!(world.told_executor(), ["LAUNCH b", "ACKNOWLEDGED a"]);
}

#[test]
fn a_task_that_cannot_be_stored_holds_nothing() {
    let mut world = World::new(&["n1"]);
    let framework = world.subscribe(&none());
    world.launch_with(&framework, "large", "e", &"AAAA".repeat(40_000));
    let update = world.updates(&framework).pop().unwrap();
    assert_eq!(update.state, i32::from(TaskState::Error));
    assert!(update.message.unwrap().contains("put less into its data"));
    assert!(world.pods.is_empty());
    // Nor does its executor, which has no other task.
    world.advance(10_000);
    let (_, engine) = world.operator.mesos().unwrap();
    assert!(engine.view().frameworks.iter().all(|framework| framework.tasks.is_empty()));
}
