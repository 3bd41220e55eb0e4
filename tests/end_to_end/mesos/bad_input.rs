//! What others do wrong does not hurt a framework that does nothing wrong.

use std::io::{Read, Write};
use std::net::TcpStream;

use proffer_mesos::content::ContentType;
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::TaskState;
use proffer_test_harness::{Test, tests};
use serde_json::{Value, json};

use super::Master;
use super::framework::{Framework, info, task};
use super::http::{get, request};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_body_that_is_too_large_is_refused,
        a_thousand_idle_connections_do_not_hurt,
        half_a_request_does_not_hurt,
        deep_and_strange_json_is_refused,
        nothing_touches_the_task_of_another,
        an_address_that_others_can_reach_is_refused,
        one_that_does_not_read_does_not_hurt,
        what_a_principal_makes_others_carry_is_bounded,
    ]
}

/// Whether the master still does what it should.
fn works(master: &Master) {
    let mut framework = Framework::subscribe(master, &json!({}));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "exit 0")]);
    framework.update("t", TaskState::Finished);
    framework.teardown();
}

fn a_body_that_is_too_large_is_refused() {
    let master = Master::start("2cpu,1Gi", &[]);
    let headers = [("Content-Type", "application/json")];
    let body = vec![b' '; 17 << 20];
    let reply = request(&master.address, "POST", "/api/v1/scheduler", &headers, &body);
    assert_eq!(reply.status, 413);
    works(&master);
}

fn a_thousand_idle_connections_do_not_hurt() {
    let master = Master::start("2cpu,1Gi", &[]);
    let idle: Vec<TcpStream> =
        (0..1000).map(|_| TcpStream::connect(&master.address).unwrap()).collect();
    works(&master);
    drop(idle);
}

fn half_a_request_does_not_hurt() {
    let master = Master::start("2cpu,1Gi", &[]);
    let mut halves = Vec::new();
    for text in [
        "POST /api/v1/sch",
        "POST /api/v1/scheduler HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        "\0\0\0\0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(&master.address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        halves.push(stream);
    }
    works(&master);
    let mut refusal = String::new();
    halves.pop().unwrap().read_to_string(&mut refusal).unwrap();
    assert!(refusal.starts_with("HTTP/1.1 400"), "{refusal:?}");
}

fn deep_and_strange_json_is_refused() {
    let master = Master::start("2cpu,1Gi", &[]);
    let headers = [("Content-Type", "application/json")];
    for body in ["[".repeat(1 << 20), "\u{0}".to_owned(), "null".to_owned(), "1e999".to_owned()] {
        let post = |path: &str| request(&master.address, "POST", path, &headers, body.as_bytes());
        assert_eq!(post("/api/v1/scheduler").status, 400);
        assert!(matches!(post("/api/v1").status, 400 | 501));
    }
    works(&master);
}

fn nothing_touches_the_task_of_another() {
    let master = Master::start("2cpu,1Gi", &[]);
    let mut owner = Framework::subscribe(&master, &json!({}));
    let offer = owner.offer();
    owner.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let running = owner.update("t", TaskState::Running);
    owner.acknowledge(&running);
    let mut thief = Framework::subscribe(&master, &json!({}));
    thief.kill("t");
    thief.update("t", TaskState::Lost);
    thief.acknowledge(&running);
    thief.accepted(json!({ "type": "SHUTDOWN", "shutdown": {
        "executor_id": { "value": "t" }, "agent_id": { "value": offer.agent_id.value },
    }}));
    // Its offers are no use to another either.
    thief.launch(&[&offer], &[task("mine", &offer, "exit 0")]);
    thief.update("mine", TaskState::Lost);
    let tasks = get(&master.address, "/tasks?task_id=t").json();
    assert_eq!(tasks["tasks"][0]["state"], json!("TASK_RUNNING"));
    owner.kill("t");
    owner.update("t", TaskState::Killed);
}

fn an_address_that_others_can_reach_is_refused() {
    let folder = crate::run::Folder::new();
    let ended = folder.run(&["local", "--mesos", "0.0.0.0:0"]).expect_code(2);
    assert!(ended.stderr.contains("loopback"), "{}", ended.stderr);
}

/// A framework that never reads its events is cut off when too many wait for it, and nobody else notices.
fn one_that_does_not_read_does_not_hurt() {
    let master = Master::start("2cpu,1Gi", &["slow"]);
    let info = info(&json!({"role": "slow"}));
    let body = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}).to_string();
    let mut slow = TcpStream::connect(&master.address).unwrap();
    let head = "POST /api/v1/scheduler HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Accept: application/json\r\nContent-Length";
    write!(slow, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        slow.read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
    let said = String::from_utf8(said).unwrap().to_lowercase();
    let stream = said.split_once("mesos-stream-id: ").unwrap().1.split_once("\r\n").unwrap().0;
    let framework = || get(&master.address, "/frameworks").json()["frameworks"][0].clone();
    let id = framework()["id"].clone();
    let tasks: Vec<Value> = (0..1000)
        .map(|number| json!({"task_id": {"value": format!("{}-{number}", "t".repeat(100))}}))
        .collect();
    let call = json!({
        "type": "RECONCILE", "framework_id": {"value": id}, "reconcile": {"tasks": tasks},
    });
    let headers = [("Content-Type", "application/json"), ("Mesos-Stream-Id", stream)];
    let mut others = 0;
    master.until("it is cut off", || {
        let body = call.to_string();
        request(&master.address, "POST", "/api/v1/scheduler", &headers, body.as_bytes());
        if others < 3 {
            others += 1;
            works(&master);
        }
        framework()["id"] != id
    });
    assert_eq!(others, 3);
    works(&master);
}

/// Frameworks that say much of themselves and go away: others do not carry all of it.
fn what_a_principal_makes_others_carry_is_bounded() {
    let master = Master::start("2cpu,1Gi", &[]);
    let label = json!({ "key": "k", "value": "v".repeat(1_000_000) });
    let much = json!({ "labels": { "labels": [label] }, "failover_timeout": 1e9 });
    let mut taken = 0;
    let refusal = loop {
        assert!(taken < 20, "more than 16 MiB are taken");
        let subscribe = json!({ "framework_info": info(&much) });
        let mut framework = Framework::connect(&master, ContentType::Json, &subscribe);
        if framework.try_next(EventType::Subscribed).is_none() {
            break framework.next(EventType::Error).error.unwrap().message;
        }
        taken += 1;
    };
    assert!(refusal.contains("mesos.limits.frameworkMebibytes"), "{refusal}");
    assert_eq!(taken, 16);
    let state = get(&master.address, "/state");
    assert!(state.body.len() < 20 << 20, "{} bytes", state.body.len());
    works(&master);
}
