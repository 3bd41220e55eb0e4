use std::sync::Arc;

use super::*;
use crate::master::tests::{World, framework, task};

fn ask(reading: &Reading, endpoint: &str, query: &[(&str, &str)]) -> Value {
    let query = query.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let question = Question { agent: None, endpoint: endpoint.to_owned(), query };
    serde_json::to_value(reading.read(&question).unwrap()).unwrap()
}

fn reading(world: &World) -> Reading {
    Reading::new(Arc::new(world.snapshot()), Sight::All)
}

#[test]
fn who_reads_sees_one_moment_while_the_master_goes_on() {
    let mut world = World::new(2);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("a", "m-S1", 1.0)]);
    let before = reading(&world);
    let first = ask(&before, "state", &[]);
    world.kill(stream, "a", None);
    let other = world.subscribe(framework("{}"));
    world.disconnect(other);
    world.advance(10_000);
    assert_eq!(ask(&before, "state", &[]), first);
    let now = ask(&reading(&world), "state", &[]);
    assert_eq!(now["completed_frameworks"].as_array().unwrap().len(), 1);
    assert_eq!(first["completed_frameworks"], json!([]));
    assert_eq!(first["frameworks"][0]["tasks"][0]["id"], "a");
}

#[test]
fn what_was_accepted_is_seen_at_once() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("a", "m-S0", 1.0), task("b", "m-S0", 1.0)]);
    let reading = reading(&world);
    let names = |query: &[(&str, &str)]| -> Vec<Value> {
        let tasks = ask(&reading, "tasks", query);
        tasks["tasks"].as_array().unwrap().iter().map(|task| task["id"].clone()).collect()
    };
    assert_eq!(names(&[]).len(), 2);
    assert_eq!(names(&[("limit", "1")]).len(), 1);
    assert_eq!(names(&[("offset", "1"), ("limit", "-1")]).len(), 1);
    assert_eq!(names(&[("task_id", "b")]), [json!("b")]);
    assert_eq!(names(&[("framework_id", "other")]).len(), 0);
}

#[test]
fn calls_ask_what_endpoints_do() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("a", "m-S0", 1.0)]);
    let reading = reading(&world);
    let call = |kind: &str| serde_json::to_value(reading.call(kind).unwrap()).unwrap();
    let state = call("GET_STATE");
    assert_eq!(state["type"], "GET_STATE");
    let state = &state["get_state"];
    for (list, kind) in [
        ("get_tasks", "GET_TASKS"),
        ("get_agents", "GET_AGENTS"),
        ("get_frameworks", "GET_FRAMEWORKS"),
        ("get_executors", "GET_EXECUTORS"),
    ] {
        assert_eq!(call(kind)[list], state[list], "{kind}");
    }
    assert_eq!(state["get_tasks"]["tasks"][0]["task_id"]["value"], "a");
    assert!(reading.call("GET_NOTHING").is_none());
}
