//! What tools and operators ask and change.

use super::{ONE_NODE, offered, one_node};
use crate::mesos::Master;
use crate::mesos::framework::{Framework, task, thousandths};
use crate::mesos::http::{get, post, request};
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::{TaskState, TaskStatusReason as Reason};
use serde_json::{Value, json};

pub(super) fn state_endpoint() {
    let (master, mut framework, offer) = offered(&json!({}));
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
    assert_eq!(get(&master.address, "/version?jsonp=f").status, 403);
}

pub(super) fn state_summary_endpoint() {
    let (master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "exit 0", TaskState::Finished);
    let summary = get(&master.address, "/state-summary").json();
    assert_eq!(summary["frameworks"][0]["TASK_FINISHED"], json!(1));
    assert_eq!(summary["slaves"][0]["TASK_FINISHED"], json!(1));
    assert_eq!(summary["slaves"][0]["TASK_RUNNING"], json!(0));
}

pub(super) fn tasks_endpoint() {
    let (master, mut framework, offer) = offered(&json!({}));
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

pub(super) fn slaves_endpoint() {
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

pub(super) fn frameworks_endpoint() {
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

pub(super) fn metrics_endpoint() {
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
    for name in ["system/cpus_total", "system/mem_total_bytes", "system/mem_free_bytes"] {
        assert!(metrics[name].as_f64().unwrap() > 0.0, "{name}");
    }
    assert!(metrics["system/load_1min"].as_f64().unwrap() >= 0.0);
}

pub(super) fn roles_endpoint() {
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

pub(super) fn quota_of_several_roles() {
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
    assert_eq!(thousandths(&framework.offer(), "cpus"), Some(1000));
    assert_eq!(update(5.0, true).status, 200);
}

pub(super) fn update_weights() {
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

pub(super) fn pending_unavailability() {
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

pub(super) fn inverse_offers() {
    let (master, mut framework, offer) = offered(&json!({}));
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    framework.update("t", TaskState::Running);
    schedule(&master);
    let inverse = framework.next(EventType::InverseOffers).inverse_offers.unwrap();
    let inverse = &inverse.inverse_offers[0];
    assert_eq!(inverse.agent_id.as_ref(), Some(&offer.agent_id));
    framework.accepted(json!({ "type": "ACCEPT_INVERSE_OFFERS", "accept_inverse_offers": {
        "inverse_offer_ids": [{ "value": inverse.id.value }],
    }}));
    master.until("the answer is known", || {
        let status = get(&master.address, "/maintenance/status").json();
        let statuses = status["draining_machines"][0]["statuses"].as_array().unwrap();
        // Where the master serves others, too, they are asked as well.
        let own = json!({"framework_id": {"value": framework.id}, "status": "ACCEPT"});
        statuses.contains(&own)
    });
}

pub(super) fn drain_agent() {
    let (master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "sleep 1000", TaskState::Running);
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

/// The status of a request to the first API.
fn ask(master: &Master, method: &str, path: &str, body: &str) -> u16 {
    request(&master.address, method, path, &[("Content-Type", "application/json")], body.as_bytes())
        .status
}

pub(super) fn first_weights() {
    let master = Master::start(ONE_NODE, &["a"]);
    let put = |body: &str| ask(&master, "PUT", "/weights", body);
    assert_eq!(put(r#"[{"role":"a","weight":7.0}]"#), 200);
    let weights = get(&master.address, "/weights").json();
    assert_eq!(weights, json!([{ "role": "a", "weight": 7.0 }]));
    for bad in ["", "{}", r#"[{"role":"a","weight":0}]"#, r#"[{"role":"nobody","weight":1}]"#] {
        assert_eq!(put(bad), 400, "{bad}");
    }
    assert_eq!(ask(&master, "POST", "/weights", "[]"), 405);
    assert_eq!(ask(&master, "DELETE", "/state", ""), 405);
}

pub(super) fn first_quota() {
    let master = Master::start(ONE_NODE, &["a"]);
    let cpus = r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]"#;
    let set = |guarantee: &str| {
        let body = format!(r#"{{"role":"a","guarantee":{guarantee}}}"#);
        ask(&master, "POST", "/quota", &body)
    };
    let configs = || get(&master.address, "/quota").json()["configs"].as_array().unwrap().len();
    assert_eq!((set("[]"), set(cpus)), (400, 200));
    // On a cluster it is the pool's once it was written there.
    master.until("it is there", || configs() == 1);
    assert_eq!(set(cpus), 400);
    let quota = get(&master.address, "/quota").json();
    assert_eq!(quota["configs"][0]["guarantees"]["cpus"]["value"], json!(1.0));
    assert_eq!(quota["configs"][0]["limits"]["cpus"]["value"], json!(1.0));
    let remove = || ask(&master, "DELETE", "/quota/a", "");
    assert_eq!(remove(), 200);
    master.until("it is gone", || configs() == 0);
    assert_eq!(remove(), 400);
    assert_eq!(ask(&master, "PUT", "/quota", ""), 405);
}

pub(super) fn teardown() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let body = format!("frameworkId={}", framework.id);
    assert_eq!(ask(&master, "POST", "/teardown", "frameworkId=nobody"), 400);
    assert_eq!(ask(&master, "POST", "/master/teardown", &body), 200);
    let frameworks = get(&master.address, "/frameworks").json();
    assert_eq!(frameworks["completed_frameworks"][0]["id"], json!(framework.id));
    assert_eq!(ask(&master, "GET", "/teardown", ""), 405);
}

pub(super) fn reservations_are_refused() {
    let master = one_node();
    for path in ["/reserve", "/unreserve", "/create-volumes", "/destroy-volumes"] {
        assert_eq!(ask(&master, "POST", path, "slaveId=m-S0&resources=[]"), 409, "{path}");
        assert_eq!(ask(&master, "GET", path, ""), 405, "{path}");
    }
}

pub(super) fn machines_go_and_come() {
    let (master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "sleep 1000", TaskState::Running);
    let machine = json!([{ "hostname": "node-0" }]).to_string();
    let post = |path: &str, body: &str| ask(&master, "POST", path, body);
    // A master that others use, too, may have been told of some.
    assert_eq!(post("/maintenance/schedule", r#"{"windows":[]}"#), 200);
    assert_eq!(post("/machine/down", &machine), 400, "it is not scheduled");
    let schedule = json!({ "windows": [{
        "machine_ids": [{ "hostname": "node-0" }],
        "unavailability": { "start": { "nanoseconds": 1_900_000_000_000_000_000_u64 } },
    }] });
    assert_eq!(post("/maintenance/schedule", &schedule.to_string()), 200);
    assert_eq!(post("/machine/up", &machine), 400, "it is not down");
    assert_eq!(post("/machine/down", &machine), 200);
    assert_eq!(post("/machine/down", &machine), 400, "it is down already");
    framework.update("t", TaskState::Killed);
    let status = || get(&master.address, "/maintenance/status").json();
    assert_eq!(status()["down_machines"], json!([{ "hostname": "node-0" }]));
    assert_eq!(status()["draining_machines"], json!([]));
    assert_eq!(post("/maintenance/schedule", r#"{"windows":[]}"#), 400, "it is away");
    assert_eq!(post("/machine/up", &machine), 200);
    assert_eq!(get(&master.address, "/maintenance/schedule").json(), json!({ "windows": [] }));
    framework.offer();
}

pub(super) fn agent_endpoints() {
    let (master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "sleep 1000", TaskState::Running);
    let agent = offer.url.as_ref().unwrap().path.clone().unwrap();
    let read = |endpoint: &str| get(&master.address, &format!("{agent}/{endpoint}"));
    let state = read("state").json();
    assert_eq!(state["id"], json!(offer.agent_id.value));
    assert!(state.get("slaves").is_none(), "it is not the master's");
    let executor = &state["frameworks"][0]["executors"][0];
    assert_eq!((&executor["id"], &executor["tasks"][0]["id"]), (&json!("t"), &json!("t")));
    assert_eq!(executor["resources"]["cpus"], json!(0.5));
    assert!(executor["directory"].as_str().unwrap().contains("/executors/t/runs/"));
    for endpoint in ["containers", "monitor/statistics", "monitor/statistics.json"] {
        let listed = read(endpoint).json();
        assert_eq!(listed[0]["executor_id"], json!("t"), "{endpoint}");
        assert_eq!(listed[0]["statistics"]["cpus_limit"], json!(0.5), "{endpoint}");
    }
    let metrics = read("metrics/snapshot").json();
    assert_eq!(metrics["slave/tasks_running"], json!(1.0));
    let call = |kind: &str| {
        let answer = post(&master.address, &format!("{agent}/api/v1"), &json!({ "type": kind }));
        answer.json()[kind.to_lowercase()].clone()
    };
    let tasks = call("GET_TASKS");
    assert_eq!(tasks["launched_tasks"][0]["task_id"]["value"], json!("t"));
    assert_eq!(call("GET_STATE")["get_tasks"], tasks);
    assert_eq!(call("GET_AGENT")["agent_info"]["id"]["value"], json!(offer.agent_id.value));
    let container = &call("GET_CONTAINERS")["containers"][0];
    assert_eq!(container["executor_id"]["value"], json!("t"));
    assert_eq!(container["resource_statistics"]["cpus_limit"], json!(0.5));
    assert_eq!(
        call("GET_FRAMEWORKS")["frameworks"][0]["framework_info"]["id"]["value"],
        json!(framework.id)
    );
    assert_eq!(read("frameworks").status, 404, "it is the master that has this");
    assert_eq!(get(&master.address, "/slave(99)/state").status, 404);
    let id = &offer.agent_id.value;
    let one = get(&master.address, &format!("/slaves/{id}")).json();
    assert_eq!(one["slaves"][0]["id"], json!(id));
    assert_eq!(one["slaves"][0]["used_resources_full"][0]["name"], json!("cpus"));
    framework.kill("t");
    let killed = framework.update("t", TaskState::Killed);
    framework.acknowledge(&killed);
    master.until("it is among those that ran", || {
        let state = read("state").json();
        state["frameworks"][0]["completed_executors"][0]["id"] == json!("t")
    });
}

pub(super) fn tasks_of_a_framework_that_is_gone() {
    let (master, mut framework, offer) = offered(&json!({ "labels": { "labels": [] } }));
    framework.run(&offer, "sleep 1000", TaskState::Running);
    let id = json!(framework.id);
    let of = |list: &str| {
        let all = get(&master.address, "/state").json()[list].as_array().unwrap().clone();
        all.into_iter().find(|one| one["id"] == id).unwrap()
    };
    assert_eq!(of("frameworks")["labels"], json!([]));
    assert!(of("frameworks").get("pid").is_none(), "it has none");
    // It is there from the start.
    let killed = || {
        let metrics = get(&master.address, "/metrics/snapshot").json();
        metrics["master/tasks_killed"].as_f64().unwrap()
    };
    let before = killed();
    framework.teardown();
    let gone = of("completed_frameworks");
    assert!(gone.get("pid").is_none());
    let task = &gone["completed_tasks"][0];
    assert_eq!(task["state"], json!("TASK_KILLED"));
    assert_eq!(task["statuses"].as_array().unwrap().last().unwrap()["state"], task["state"]);
    assert!(killed() > before);
}

pub(super) fn executors_and_resources() {
    let (master, mut framework, offer) = offered(&json!({}));
    framework.run(&offer, "sleep 1000", TaskState::Running);
    let ask = |kind: &str| post(&master.address, "/api/v1", &json!({ "type": kind })).json();
    let frameworks = ask("GET_FRAMEWORKS");
    let known = &frameworks["get_frameworks"]["frameworks"][0];
    assert_eq!(known["allocated_resources"][0]["scalar"]["value"], json!(0.5));
    assert!(known["offered_resources"].is_array());
    assert_eq!(ask("GET_EXECUTORS")["get_executors"]["executors"], json!([]));
    let agents = ask("GET_AGENTS");
    let agent = &agents["get_agents"]["agents"][0];
    assert_eq!(agent["allocated_resources"][0]["scalar"]["value"], json!(0.5));
}
