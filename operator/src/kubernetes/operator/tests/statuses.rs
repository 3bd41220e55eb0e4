//! What executors say at length, and statuses that the API server does not take.

use serde_json::{Value, json};

use super::world::World;
use super::{FIRST, SECOND, job, two_executors, with};

/// A job whose first task failed so often, with so much output each time.
fn failed(times: i32, bytes: usize, largest_status: usize) -> World {
    let mut world = two_executors(with(job(2, 2), "maxTaskFailures", json!(99)));
    world.largest_status = largest_status;
    for attempt in 0..times {
        world.fail(FIRST, ("s", attempt), &"x".repeat(bytes));
        world.advance(2000);
    }
    world.advance(5000);
    world
}

fn told(world: &World) -> Vec<&str> {
    let told = world.notices.iter().filter(|it| it.reason == "StatusRefused");
    told.map(|notice| &*notice.note).collect()
}

fn condition(world: &World) -> String {
    let conditions = world.status("j", "/conditions");
    let all = conditions.as_array().unwrap();
    let found = all.iter().find(|it| it["type"] == "StatusShortened");
    found.map(|it| it["message"].as_str().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn what_an_executor_says_is_clipped() {
    let world = failed(2, 1 << 20, 1 << 20);
    assert_eq!(world.status("j", "/stages/0/failures/0"), 2);
    assert_eq!(world.status("j", "/failures/1/stderr").as_str().unwrap().len(), 2048);
    assert_eq!((world.refused_statuses, &*condition(&world)), (0, ""));
}

#[test]
fn what_is_too_large_is_shortened_and_told() {
    let world = failed(9, 2000, 5000);
    assert_eq!(world.status("j", "/stages/0/failures/0"), 9);
    assert_eq!(world.status("j", "/failures").as_array().unwrap().len(), 9);
    assert_eq!(world.status("j", "/failures/0/stderr"), Value::Null);
    assert!(condition(&world).contains("what tasks wrote"), "{}", condition(&world));
    let told = told(&world);
    assert_eq!((told.len(), world.refused_statuses), (1, 1), "{told:?}");
    assert!(told[0].contains("request is too large") && told[0].contains("what tasks wrote"));
    let mut world = failed(9, 2000, 1500);
    assert_eq!(world.status("j", "/failures"), Value::Null);
    assert_eq!(world.status("j", "/stages/0/otherAttempts/0/count"), 9, "no number is used again");
    assert_eq!(world.refused_statuses, 2);
    // The next one goes on from there.
    world.restart();
    world.advance(5000);
    assert_eq!(world.executors[FIRST].spec.assignments[0].attempt, 9);
    world.finish_all(FIRST);
    world.finish_all(SECOND);
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
}

#[test]
fn not_even_the_shortest_is_tried_again_and_again() {
    let mut world = two_executors(job(2, 2));
    world.largest_status = 10;
    world.finish_all(FIRST);
    world.advance(600_000);
    assert_eq!(told(&world).len(), 3, "{:?}", told(&world));
    assert!((3..20).contains(&world.refused_statuses), "{}", world.refused_statuses);
    world.largest_status = 1 << 20;
    world.finish_all(SECOND);
    world.advance(120_000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
}
