//! Executors on their way out.

use crate::engine::tests::world::{World, job, stage};
use crate::event::{Maintenance, NodeObservation};
use crate::jobs::JobState;
use crate::reasons::Reason;
use crate::time::Span;

fn node(name: &str, cores: i64) -> NodeObservation {
    NodeObservation {
        name: name.into(),
        allocatable: vec![("cpu".into(), cores * 1000), ("memory".into(), 64 << 30)],
        ..NodeObservation::default()
    }
}

fn busy(cores: i64) -> World {
    let mut world = World::with_nodes(&[]);
    world.shrinks = true;
    world.see(node("n", cores));
    let executors = u32::try_from(cores).unwrap();
    world.submit("j", job("default", executors, vec![stage("s", 100)]));
    world.make_ready();
    world
}

#[test]
fn a_cordoned_node_keeps_what_it_has() {
    let mut world = busy(2);
    world.see(NodeObservation { offered: false, ..node("n", 2) });
    world.advance(1_000_000);
    assert_eq!(world.held("j"), 2);
    world.finish_of("j", "s", 0);
    assert_eq!(world.held("j"), 2);
}

#[test]
fn a_drained_node_is_empty_after_the_drain() {
    let mut world = busy(2);
    world.see(NodeObservation { draining: true, ..node("n", 2) });
    assert_eq!(world.held("j"), 2);
    assert_eq!(
        world.message("j"),
        "2 executors drain by 1970-01-01T00:17:40Z: their node is drained"
    );
    world.finish_of("j", "s", 0);
    assert_eq!(world.held("j"), 1, "an idle executor goes at once");
    world.advance(60_000);
    assert_eq!(world.held("j"), 0);
    let stage = &world.status("j").stages[0];
    assert!(stage.losses.is_empty() && stage.failures.is_empty());
    world.see(node("n", 2));
    world.make_ready();
    assert_eq!(
        world.running("j")[0],
        "s/1/1 on 0-1",
        "what was cut off runs again, as another attempt"
    );
    world.check_account();
}

#[test]
fn a_drain_that_is_called_off_lets_executors_stay() {
    let mut world = busy(2);
    world.see(NodeObservation { draining: true, ..node("n", 2) });
    world.advance(30_000);
    world.see(node("n", 2));
    world.advance(100_000);
    assert_eq!(world.held("j"), 2);
    world.finish_of("j", "s", 0);
    assert!(world.running("j").len() >= 2, "both have work again");
    world.check_account();
}

#[test]
fn what_was_not_started_goes_to_others_when_that_is_certain() {
    let mut world = World::with_nodes(&[]);
    world.see(node("n", 1));
    world.see(node("m", 1));
    world.submit("j", job("default", 2, vec![stage("s", 40)]));
    world.make_ready();
    let key = world.executors()[0].0.clone();
    // It finishes several at once, so it is given some in advance, of which one runs.
    world.finish_all_of(&key);
    world.finish_all_of(&key);
    let assigned = world.assigned_to(&key);
    assert!(assigned.len() > 1, "{assigned:?}");
    world.report_running(&key, assigned[0]);
    world.see(NodeObservation { draining: true, ..node(&world.node_of(&key), 1) });
    assert_eq!(world.assigned_to(&key), [assigned[0]], "it is told to run no more than it does");
    let other = world.executors()[1].0.clone();
    world.report_running(&key, assigned[0]);
    world.finish_all_of(&other);
    assert_eq!(world.held("j"), 2);
    while world.assigned_to(&other) != [] as [u32; 0] {
        world.finish_all_of(&other);
    }
    assert_eq!(world.status("j").stages[0].finished.len(), 39, "all but the one that runs");
    world.advance(60_000);
    assert_eq!(world.held("j"), 1);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
    world.check_account();
}

#[test]
fn the_first_report_that_knows_of_a_withdrawal_gives_it_back() {
    let mut world = World::with_nodes(&[]);
    world.running_at_once = 1;
    world.see(node("n", 1));
    let mut spec = job("default", 1, vec![stage("s", 2)]);
    spec.executor.slots = 2;
    world.submit("j", spec);
    world.make_ready();
    assert_eq!(world.running("j"), ["s/0/0 on 0-0", "s/1/0 on 0-0"]);
    world.see(NodeObservation { draining: true, ..node("n", 1) });
    assert_eq!(world.running("j"), ["s/0/0 on 0-0"]);
    world.see(node("n", 1));
    assert_eq!(world.running("j"), ["s/0/0 on 0-0"], "it is not told to run again what it was not");
    // What it should do changes by the report itself: no later one need come.
    world.finish_of("j", "s", 0);
    assert_eq!(world.running("j"), ["s/1/1 on 0-0"]);
}

#[test]
fn nothing_is_on_a_node_when_its_maintenance_starts() {
    let mut world = busy(2);
    let start = world.now + Span::from_seconds(100);
    let maintenance = Some(Maintenance { start, duration: Some(Span::from_seconds(50)) });
    world.see(NodeObservation { maintenance, ..node("n", 2) });
    world.advance(39_999);
    assert_eq!(world.status("j").reason, None, "the drain takes a minute");
    world.advance(1);
    assert_eq!(world.status("j").reason, Some(Reason::Maintenance));
    assert_eq!(world.held("j"), 2);
    world.submit("k", job("default", 1, vec![stage("s", 1)]));
    world.finish_of("j", "s", 0);
    assert_eq!((world.held("j"), world.held("k")), (1, 0), "nothing new comes");
    world.advance(60_000);
    assert_eq!(world.held("j"), 0);
    world.advance(49_999);
    assert_eq!(world.held("j") + world.held("k"), 0);
    world.advance(1);
    assert_eq!(world.held("j") + world.held("k"), 2, "it is over");
}

#[test]
fn a_maintenance_that_is_put_off_lets_executors_stay() {
    let mut world = busy(2);
    let start = world.now + Span::from_seconds(30);
    let soon = Some(Maintenance { start, duration: None });
    world.see(NodeObservation { maintenance: soon, ..node("n", 2) });
    assert_eq!(world.draining().len(), 2);
    let later = Some(Maintenance { start: start + Span::from_seconds(1000), duration: None });
    world.see(NodeObservation { maintenance: later, ..node("n", 2) });
    assert_eq!(world.draining().len(), 0);
    world.advance(500_000);
    assert_eq!(world.held("j"), 2);
    world.advance(530_000);
    assert_eq!(world.held("j"), 0);
}

#[test]
fn a_node_that_shrinks_lets_as_many_go_as_it_takes() {
    let mut world = busy(4);
    world.see(node("n", 3));
    assert_eq!(world.draining().len(), 1);
    assert_eq!(world.status("j").reason, Some(Reason::NodeOvercommitted));
    world.see(node("n", 1));
    assert_eq!(world.draining().len(), 3);
    world.see(node("n", 2));
    assert_eq!(world.draining().len(), 2);
    world.advance(60_000);
    assert_eq!(world.held("j"), 2);
    world.check_account();
}

#[test]
fn a_resource_that_vanishes_lets_those_go_that_have_it() {
    let mut world = World::with_nodes(&[]);
    world.shrinks = true;
    let with = |gpus: i64| {
        let mut node = node("n", 4);
        node.allocatable.push(("nvidia.com/gpu".into(), gpus));
        node
    };
    world.see(with(1));
    let mut spec = job("default", 1, vec![stage("s", 1)]);
    spec.executor.request.push(("nvidia.com/gpu".into(), 1));
    world.submit("gpu", spec);
    world.submit("cpu", job("default", 2, vec![stage("s", 2)]));
    world.make_ready();
    world.see(node("n", 4));
    world.advance(60_000);
    assert_eq!((world.held("gpu"), world.held("cpu")), (0, 2));
    let message = world.message("gpu");
    assert!(message.contains("needs 1 nvidia.com/gpu, more than any node has"), "{message}");
    world.see(with(1));
    assert_eq!(world.held("gpu"), 1);
}

#[test]
fn an_executor_that_dies_while_it_drains_is_no_exception() {
    let mut world = busy(1);
    world.see(NodeObservation { draining: true, ..node("n", 1) });
    world.depart_one(&crate::event::Departure::Exited("killed by signal 9".to_owned()));
    assert_eq!(world.status("j").stages[0].failures.values().sum::<u32>(), 1);
    world.advance(100_000);
    world.check_account();
}

#[test]
fn a_node_that_goes_and_comes_back_forgets_its_drain() {
    let mut world = busy(2);
    world.see(NodeObservation { draining: true, ..node("n", 2) });
    world.lose_node("n");
    assert_eq!(world.held("j"), 0);
    world.see(node("n", 2));
    world.make_ready();
    world.advance(1_000_000);
    assert_eq!(world.held("j"), 2);
    assert_eq!(world.draining().len(), 0);
    world.check_account();
}
