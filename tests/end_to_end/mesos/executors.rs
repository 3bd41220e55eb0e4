//! Executors of a framework's own. Their processes only sleep; the test says what they would say.

use proffer_mesos::content::ContentType;
use proffer_mesos::executor::{Event, EventType};
use proffer_mesos::recordio::Decoder;
use proffer_mesos::scheduler;
use proffer_mesos::types::{Offer, TaskState, TaskStatusReason as Reason};
use proffer_test_harness::{Test, tests};
use serde_json::{Value, json};

use super::Master;
use super::framework::{Framework, resources, thousandths};
use super::http::{Connection, Reply, post};
use crate::run::until;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        an_executor_runs_several_tasks,
        messages_go_both_ways,
        an_executor_that_ends_takes_its_tasks_along,
        an_executor_is_shut_down,
        tasks_of_executors_end_when_their_agent_is_drained,
        nobody_speaks_for_an_executor_that_is_not_there,
        executors_of_one_id_are_alike,
        what_executors_say_of_tasks_is_kept_within_bounds,
        what_only_a_master_can_say_executors_do_not,
    ]
}

const UUID: &str = "AAECAwQFBgcICQoLDA0ODw==";

struct Executor {
    address: String,
    framework: String,
    connection: Connection,
    decoder: Decoder,
    events: Vec<Event>,
}

impl Executor {
    fn subscribe(master: &Master, framework: &Framework) -> Self {
        let mut call = json!({ "type": "SUBSCRIBE", "subscribe": {} });
        name(&mut call, &framework.id);
        let headers = [("Content-Type", "application/json")];
        let path = "/slave(1)/api/v1/executor";
        let body = call.to_string();
        let open = || Connection::open(&master.address, "POST", path, &headers, body.as_bytes());
        let mut connection = open();
        assert_eq!(connection.head().status, 200);
        let address = master.address.clone();
        let (decoder, events) = (Decoder::default(), Vec::new());
        Self { address, framework: framework.id.clone(), connection, decoder, events }
    }

    #[track_caller]
    fn next(&mut self, kind: EventType) -> Event {
        loop {
            if !self.events.is_empty() {
                let event = self.events.remove(0);
                assert_eq!(event.r#type, Some(kind.into()), "{event:?}");
                return event;
            }
            let chunk = self.connection.chunk().expect("the stream has ended");
            for record in self.decoder.push(&chunk).unwrap() {
                self.events.push(ContentType::Json.decode(&record, "Event").unwrap());
            }
        }
    }

    fn call(&self, mut call: Value) -> Reply {
        name(&mut call, &self.framework);
        post(&self.address, "/api/v1/executor", &call)
    }

    #[track_caller]
    fn update(&self, task: &str, state: &str, time: f64) {
        let reply = self.try_update(task, state, time, "");
        assert_eq!(reply.status, 202, "{}", reply.text());
    }

    fn try_update(&self, task: &str, state: &str, time: f64, message: &str) -> Reply {
        let status = json!({
            "task_id": { "value": task }, "state": state, "source": "SOURCE_EXECUTOR",
            "uuid": UUID, "timestamp": time, "message": message,
        });
        self.call(json!({ "type": "UPDATE", "update": { "status": status } }))
    }
}

fn name(call: &mut Value, framework: &str) {
    call["executor_id"] = json!({ "value": "e" });
    call["framework_id"] = json!({ "value": framework });
}

fn task(name: &str, offer: &Offer, line: &str) -> Value {
    json!({
        "name": name,
        "task_id": { "value": name },
        "agent_id": { "value": offer.agent_id.value },
        "resources": resources(0.5, 64.0),
        "executor": {
            "executor_id": { "value": "e" },
            "command": { "value": line },
            "resources": resources(0.25, 32.0),
        },
    })
}

/// A framework with a task on an executor, which waits for it to subscribe.
fn launched(line: &str) -> (Master, Framework, Offer) {
    let master = Master::start("2cpu,1Gi", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, line)]);
    (master, framework, offer)
}

fn an_executor_runs_several_tasks() {
    let (master, mut framework, offer) = launched("exec sleep 1000");
    let mut executor = Executor::subscribe(&master, &framework);
    let subscribed = executor.next(EventType::Subscribed).subscribed.unwrap();
    assert_eq!(subscribed.agent_info.id, Some(offer.agent_id));
    assert_eq!(subscribed.framework_info.name, "test");
    let launch = executor.next(EventType::Launch).launch.unwrap();
    assert_eq!(launch.task.task_id.value, "t");
    executor.update("t", "TASK_RUNNING", 1.0);
    let acknowledged = executor.next(EventType::Acknowledged).acknowledged.unwrap();
    assert_eq!(acknowledged.uuid, (0..16).collect::<Vec<u8>>());
    let status = framework.update("t", TaskState::Running);
    assert_eq!(status.uuid.as_deref(), Some(&*acknowledged.uuid));
    assert_eq!(status.executor_id.as_ref().unwrap().value, "e");
    framework.acknowledge(&status);

    // Executor and task both hold what they asked for.
    let offer = framework.offer();
    assert_eq!(thousandths(&offer, "cpus"), Some(1250));
    assert_eq!(offer.executor_ids.len(), 1);
    framework.launch(&[&offer], &[task("u", &offer, "exec sleep 1000")]);
    let launch = executor.next(EventType::Launch).launch.unwrap();
    assert_eq!(launch.task.task_id.value, "u");
    assert_eq!(thousandths(&framework.offer(), "cpus"), Some(750));

    framework.kill("t");
    let kill = executor.next(EventType::Kill).kill.unwrap();
    assert_eq!(kill.task_id.value, "t");
    executor.update("t", "TASK_KILLED", 2.0);
    executor.next(EventType::Acknowledged);
    framework.update("t", TaskState::Killed);
}

fn messages_go_both_ways() {
    let (master, mut framework, offer) = launched("exec sleep 1000");
    let mut executor = Executor::subscribe(&master, &framework);
    executor.next(EventType::Subscribed);
    executor.next(EventType::Launch);
    let (agent, own) = (json!({ "value": offer.agent_id.value }), json!({ "value": "e" }));
    framework.accepted(json!({ "type": "MESSAGE", "message": {
        "agent_id": agent, "executor_id": own, "data": "aGVsbG8=",
    }}));
    assert_eq!(executor.next(EventType::Message).message.unwrap().data, b"hello");
    let reply = executor.call(json!({ "type": "MESSAGE", "message": { "data": "d29ybGQ=" } }));
    assert_eq!(reply.status, 202);
    let message = framework.next(scheduler::EventType::Message).message.unwrap();
    assert_eq!((message.executor_id.value.as_str(), &*message.data), ("e", &b"world"[..]));
}

fn an_executor_that_ends_takes_its_tasks_along() {
    let (master, mut framework, offer) = launched("until test -e end; do sleep 0.01; done; exit 3");
    let mut executor = Executor::subscribe(&master, &framework);
    executor.next(EventType::Subscribed);
    let sandboxes = master.folder.path().join(format!(
        "sandboxes/slaves/{}/frameworks/{}/executors/e/runs",
        offer.agent_id.value, framework.id
    ));
    let run = || std::fs::read_dir(&sandboxes).ok()?.next()?.ok();
    until("its process has a sandbox", || run().is_some());
    std::fs::write(run().unwrap().path().join("end"), "").unwrap();
    let status = framework.update("t", TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ExecutorTerminated.into()));
    let failure = framework.next(scheduler::EventType::Failure).failure.unwrap();
    assert_eq!(failure.status, Some(3 << 8));
    assert_eq!(failure.executor_id.unwrap().value, "e");
    assert_eq!(failure.agent_id, Some(offer.agent_id));
    framework.acknowledge(&status);
    while super::framework::amount(&framework.offer(), "cpus") < 2.0 {}
}

fn an_executor_is_shut_down() {
    let (master, mut framework, offer) = launched("exec sleep 1000");
    let mut executor = Executor::subscribe(&master, &framework);
    executor.next(EventType::Subscribed);
    executor.next(EventType::Launch);
    framework.accepted(json!({ "type": "SHUTDOWN", "shutdown": {
        "executor_id": { "value": "e" }, "agent_id": { "value": offer.agent_id.value },
    }}));
    executor.next(EventType::Shutdown);
    framework.update("t", TaskState::Failed);
}

fn tasks_of_executors_end_when_their_agent_is_drained() {
    let (master, mut framework, offer) = launched("exec sleep 1000");
    let mut executor = Executor::subscribe(&master, &framework);
    executor.next(EventType::Subscribed);
    executor.next(EventType::Launch);
    let agent = json!({ "agent_id": { "value": offer.agent_id.value } });
    let call = json!({ "type": "DRAIN_AGENT", "drain_agent": agent });
    assert_eq!(post(&master.address, "/api/v1", &call).status, 200);
    let kill = executor.next(EventType::Kill).kill.unwrap();
    assert_eq!(kill.task_id.value, "t");
    executor.update("t", "TASK_KILLED", 1.0);
    let status = framework.update("t", TaskState::Killed);
    assert_eq!(status.reason, Some(Reason::AgentDraining.into()));
}

fn nobody_speaks_for_an_executor_that_is_not_there() {
    let master = Master::start("2cpu,1Gi", &[]);
    let framework = Framework::subscribe(&master, &json!({}));
    let mut executor = Executor::subscribe(&master, &framework);
    executor.next(EventType::Error);
    assert_eq!(executor.call(json!({ "type": "HEARTBEAT" })).status, 400);
}

fn executors_of_one_id_are_alike() {
    let (master, mut framework, _) = launched("exec sleep 1000");
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("u", &offer, "exec sleep 2000")]);
    let status = framework.update("u", TaskState::Error);
    assert!(status.message.unwrap().contains("not compatible"));
    // Nothing was taken for it.
    until("everything but the first is free", || {
        super::framework::amount(&framework.offer(), "cpus") >= 1.25
    });
    drop(master);
}

fn what_executors_say_of_tasks_is_kept_within_bounds() {
    let (master, mut framework, _) = launched("exec sleep 1000");
    let executor = Executor::subscribe(&master, &framework);
    let reply = executor.try_update("t", "TASK_RUNNING", 0.5, &"x".repeat(64 << 10));
    assert_eq!(reply.status, 413, "{}", reply.text());
    (0..100).for_each(|time| executor.update("t", "TASK_RUNNING", f64::from(time)));
    let reply = executor.try_update("t", "TASK_FINISHED", 100.0, "");
    assert_eq!(reply.status, 429, "{}", reply.text());
    let first = framework.update("t", TaskState::Running);
    framework.acknowledge(&first);
    executor.update("t", "TASK_FINISHED", 100.0);
}

fn what_only_a_master_can_say_executors_do_not() {
    let (master, mut framework, _) = launched("exec sleep 1000");
    let executor = Executor::subscribe(&master, &framework);
    let status = |with: &Value| {
        let mut status = json!({
            "task_id": { "value": "t" }, "state": "TASK_RUNNING", "source": "SOURCE_EXECUTOR",
            "uuid": UUID, "timestamp": 1.0,
        });
        status.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        executor.call(json!({ "type": "UPDATE", "update": { "status": status } })).status
    };
    for wrong in [
        json!({ "source": "SOURCE_MASTER" }),
        json!({ "state": "TASK_STAGING" }),
        json!({ "state": "TASK_UNREACHABLE" }),
        json!({ "executor_id": { "value": "another" } }),
        json!({ "timestamp": "NaN" }),
        json!({ "uuid": "AAEC" }),
    ] {
        assert_eq!(status(&wrong), 400, "{wrong}");
    }
    assert_eq!(status(&json!({ "executor_id": { "value": "e" } })), 202);
    framework.update("t", TaskState::Running);
}
