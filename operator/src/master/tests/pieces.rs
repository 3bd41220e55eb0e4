//! What is told a piece at a time.

use super::{SECOND, World, framework, task};
use crate::master::News;
use proffer_mesos::types::TaskState;

const MANY: usize = 2_300;

fn names() -> Vec<String> {
    (0..MANY).map(|number| format!("unknown-{number}")).collect()
}

#[test]
fn a_long_answer_comes_in_full_and_in_order_to_who_reads() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let names = names();
    world.reconcile(stream, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let told: Vec<String> =
        world.updates(stream).into_iter().map(|update| update.task_id.value).collect();
    assert_eq!(told, names);
}

#[test]
fn who_does_not_read_is_told_no_more_than_a_piece() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework(r#"{"failover_timeout":600}"#));
    world.launch(stream, &[task("precious", "m-S0", 1.0)]);
    world.is_unread = true;
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.reconcile(stream, &names);
    world.reconcile(stream, &[]);
    let told = world.updates(stream).len();
    assert!((1..MANY / 2).contains(&told), "{told}");
    world.is_unread = false;
    world.advance(SECOND);
    let updates = world.updates(stream);
    assert_eq!(updates.len(), MANY + 1);
    assert_eq!(updates.last().unwrap().task_id.value, "precious");
}

#[test]
fn what_was_asked_on_a_connection_ends_with_it_and_tasks_live_on() {
    let mut world = World::new(1);
    let patient = r#"{"failover_timeout":600}"#;
    let stream = world.subscribe(framework(patient));
    world.launch(stream, &[task("precious", "m-S0", 1.0)]);
    world.is_unread = true;
    let names = names();
    world.reconcile(stream, &names.iter().map(String::as_str).collect::<Vec<_>>());
    world.disconnect(stream);
    world.is_unread = false;
    world.advance(500 * SECOND);
    assert!(world.kills.is_empty());
    let id = world.framework_id(stream);
    let again = format!(r#"{{"failover_timeout":600,"id":{{"value":"{id}"}}}}"#);
    let again = world.subscribe(framework(&again));
    assert!(world.updates(again).is_empty());
    world.reconcile(again, &[]);
    assert_eq!(world.updates(again).len(), 1);
}

#[test]
fn all_that_is_not_acknowledged_is_said_again_to_who_comes_back() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework(r#"{"failover_timeout":600}"#));
    let names: Vec<String> = (0..600).map(|number| format!("t{number}")).collect();
    let tasks: Vec<_> = names.iter().map(|name| small(name)).collect();
    world.launch(stream, &tasks);
    names.iter().for_each(|name| world.news(name, News::Running(None)));
    world.disconnect(stream);
    let id = world.framework_id(stream);
    let again = format!(r#"{{"failover_timeout":600,"id":{{"value":"{id}"}}}}"#);
    let again = world.subscribe(framework(&again));
    assert_eq!(world.states(again), vec![TaskState::Running; 600]);
    world.advance(9 * SECOND);
    assert_eq!(world.states(again).len(), 600, "each is said again after ten seconds, not before");
}

/// A task of which thousands fit.
fn small(name: &str) -> proffer_mesos::types::TaskInfo {
    let mut task = task(name, "m-S0", 0.001);
    task.resources.truncate(1);
    task
}

#[test]
fn a_client_that_asks_for_more_than_it_reads_is_told_so() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.is_unread = true;
    let long = "x".repeat(8 << 20);
    let call = format!(
        r#""type":"RECONCILE","reconcile":{{"tasks":[{{"task_id":{{"value":"{long}"}}}}]}}"#
    );
    // The first is told at once; the others wait.
    let answers: Vec<u16> = (0..12).map(|_| world.call(stream, &call).status).collect();
    assert_eq!(answers.first(), Some(&202));
    assert_eq!(answers.last(), Some(&429));
}
