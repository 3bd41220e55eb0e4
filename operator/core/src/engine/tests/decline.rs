//! Nodes on which jobs fail.

use super::world::{World, job, stage};
use crate::event::Departure;
use crate::jobs::{ExcludeOnFailure, JobSpec, JobState};
use crate::reasons::Reason;
use crate::time::Span;

fn not_started() -> Departure {
    Departure::NotStarted("no such image".to_owned())
}

/// A job that declines a node after two failures there.
fn wary(instances: u32, tasks: u32) -> JobSpec {
    let mut spec = job("default", instances, vec![stage("s", tasks)]);
    spec.executor.exclude_on_failure = Some(ExcludeOnFailure::default());
    spec.max_executor_failures = Some(100);
    spec
}

#[test]
fn one_task_that_fails_does_not_make_a_node_bad() {
    let mut world = World::with_nodes(&[1, 1]);
    world.submit("j", wary(1, 1));
    world.make_ready();
    for attempt in 0..3 {
        world.fail_attempt(&format!("s/0/{attempt} on 0-0"));
        assert_eq!(world.status("j").declined_nodes, []);
    }
}

#[test]
fn two_different_tasks_make_a_node_bad() {
    let mut world = World::with_nodes(&[1, 1, 1]);
    let mut spec = wary(2, 8);
    spec.executor.slots = 2;
    world.submit("j", spec);
    world.make_ready();
    assert_eq!(world.nodes("j"), ["n0", "n1"]);
    world.fail_attempt("s/0/0 on 0-0");
    assert_eq!(world.status("j").declined_nodes, []);
    world.fail_attempt("s/1/0 on 0-0");
    let status = world.status("j");
    let declined = &status.declined_nodes[0];
    assert_eq!((&*declined.node, declined.until), ("n0", world.now + Span::from_seconds(600)));
    assert_eq!(declined.reason, "2 tasks failed on it");
    assert_eq!(world.nodes("j"), ["n0", "n1", "n2"], "its executor has a task, and a replacement");
    world.finish_attempt("s/0/1 on 0-0");
    assert_eq!(world.nodes("j"), ["n1", "n2"]);
    world.check_account();
    // No executor comes back to it until its time is over.
    world.depart_index("j", 1, &Departure::Lost("gone".to_owned()));
    assert_eq!(world.nodes("j"), ["n1", "n2"]);
    world.remove_node(1);
    assert_eq!(world.nodes("j"), ["n2"]);
    let message = world.message("j");
    let expected = "only nodes have room that it declines, as executors or tasks failed there: n0 \
                    until 1970-01-01T00:26:40Z";
    assert!(message.ends_with(expected), "{message}");
    world.advance(599_999);
    assert_eq!(world.nodes("j"), ["n2"]);
    world.advance(1);
    assert_eq!(world.nodes("j"), ["n0", "n2"]);
    assert_eq!(world.status("j").declined_nodes, []);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn what_runs_on_an_excluded_node_goes_on_and_nothing_is_added() {
    let mut world = World::with_nodes(&[2, 1]);
    let mut spec = wary(1, 9);
    spec.executor.slots = 2;
    spec.executor.request = vec![("cpu".into(), 1000)];
    spec.executor.exclude_on_failure =
        Some(ExcludeOnFailure { max_failures_per_node: 1, ..ExcludeOnFailure::default() });
    world.submit("j", spec);
    world.make_ready();
    assert_eq!(world.nodes("j"), ["n0"]);
    world.fail_attempt("s/0/0 on 0-0");
    assert_eq!(world.running("j"), ["s/1/0 on 0-0"], "no new task");
    assert_eq!(world.nodes("j"), ["n0", "n1"], "a replacement");
    world.make_ready();
    world.finish_attempt("s/1/0 on 0-0");
    assert_eq!(world.nodes("j"), ["n1"]);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn the_last_node_is_not_declined() {
    let mut world = World::with_nodes(&[1, 1]);
    let mut spec = wary(2, 20);
    spec.max_task_failures = 100;
    spec.executor.exclude_on_failure =
        Some(ExcludeOnFailure { max_failures_per_node: 1, ..ExcludeOnFailure::default() });
    world.submit("j", spec);
    world.make_ready();
    world.fail_attempt("s/0/0 on 0-0");
    let declined = |world: &World| {
        let nodes = world.status("j").declined_nodes.into_iter();
        nodes.map(|declined| declined.node.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(declined(&world), ["n0"]);
    world.advance(1000);
    world.fail("s", 1, "exited");
    assert_eq!(declined(&world), ["n1"], "the one that was declined first is taken again");
    assert_eq!(world.nodes("j"), ["n0", "n0"][..1]);
    world.make_ready();
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn a_node_is_taken_again_when_the_last_other_one_goes() {
    let mut world = World::with_nodes(&[1, 1]);
    let mut spec = wary(1, 4);
    spec.executor.exclude_on_failure =
        Some(ExcludeOnFailure { max_failures_per_node: 1, ..ExcludeOnFailure::default() });
    world.submit("j", spec);
    world.make_ready();
    world.fail_attempt("s/0/0 on 0-0");
    assert_eq!(world.nodes("j"), ["n1"]);
    world.remove_node(1);
    assert_eq!(world.nodes("j"), ["n0"]);
    // The same while it waits already.
    let mut world = World::with_nodes(&[1, 1]);
    let mut spec = wary(1, 4);
    spec.executor.exclude_on_failure =
        Some(ExcludeOnFailure { max_failures_per_node: 1, ..ExcludeOnFailure::default() });
    spec.priority = 1;
    world.submit("holder", job("default", 1, vec![stage("h", 1)]));
    world.submit("j", spec);
    world.make_ready();
    world.fail("s", 0, "exited");
    assert_eq!(world.nodes("j"), Vec::<String>::new());
    world.remove_node(0);
    assert_eq!(world.nodes("j"), ["n1"]);
}

#[test]
fn a_task_that_kills_executors_is_one_failure_of_a_node() {
    let mut world = World::with_nodes(&[2, 2]);
    let mut spec = wary(1, 4);
    spec.max_task_failures = 100;
    world.submit("j", spec);
    for _ in 0..5 {
        world.make_ready();
        world.depart_one(&Departure::Exited("killed by signal 9".to_owned()));
    }
    assert_eq!(world.status("j").declined_nodes, []);
}

#[test]
fn executors_that_die_without_tasks_make_a_node_bad() {
    let mut world = World::with_nodes(&[1, 1]);
    world.submit("j", wary(1, 4));
    assert_eq!(world.nodes("j"), ["n0"]);
    world.depart_one(&Departure::Exited("exited with code 1".to_owned()));
    assert_eq!(world.nodes("j"), ["n0"]);
    world.depart_one(&Departure::Exited("exited with code 1".to_owned()));
    assert_eq!(world.nodes("j"), ["n1"]);
}

#[test]
fn a_node_that_starts_no_executor_is_declined_for_longer_and_longer() {
    let mut world = World::with_nodes(&[1]);
    let mut spec = job("default", 1, vec![stage("s", 1)]);
    spec.max_executor_failures = Some(100);
    world.submit("j", spec);
    for wait in [1000, 2000, 4000, 8000] {
        world.depart_one(&not_started());
        let message = world.message("j");
        assert!(message.contains("only nodes have room that it declines"), "{message}");
        assert_eq!(
            world.status("j").declined_nodes[0].reason,
            "an executor did not start on it: no such image"
        );
        world.advance(wait - 1);
        assert_eq!(world.live_executors(), 0);
        world.advance(1);
        assert_eq!(world.live_executors(), 1);
    }
    world.make_ready();
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn another_node_is_taken_at_once() {
    let mut world = World::with_nodes(&[1, 1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.depart_one(&not_started());
    assert_eq!(world.nodes("j"), ["n1"]);
}

#[test]
fn a_node_that_starts_executors_of_nobody_is_declined_by_all() {
    let mut world = World::with_nodes(&[2]);
    for name in ["a", "b"] {
        world.submit(name, job("default", 1, vec![stage("s", 1)]));
    }
    world.depart_index("a", 0, &not_started());
    world.submit("c", job("default", 1, vec![stage("s", 1)]));
    assert_eq!(world.nodes("c"), ["n0"], "it may be the fault of the first");
    world.delete("c");
    world.depart_index("b", 0, &not_started());
    world.submit("d", job("default", 1, vec![stage("s", 1)]));
    assert_eq!(world.live_executors(), 0);
    assert!(world.message("d").contains("n0 until"), "{}", world.message("d"));
    world.advance(1000);
    assert_eq!(world.live_executors(), 2, "two of three find room again");
    world.make_ready();
    world.check_account();
    world.run_to_the_end();
    for name in ["a", "b", "d"] {
        assert_eq!(world.state(name), JobState::Succeeded);
    }
}

#[test]
fn a_node_that_comes_back_under_its_name_is_still_declined() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.depart_one(&not_started());
    world.remove_node(0);
    world.add_node("other", 1);
    assert_eq!(world.nodes("j"), ["other"], "it may have the number that the other had");
    world.lose_node("other");
    world.add_node("n0", 1);
    assert_eq!(world.live_executors(), 0);
    world.advance(1000);
    assert_eq!(world.nodes("j"), ["n0"]);
}

#[test]
fn a_node_that_refuses_an_executor_is_declined_and_the_job_is_not_to_blame() {
    let mut world = World::with_nodes(&[1, 1]);
    let mut spec = job("default", 1, vec![stage("s", 1)]);
    spec.max_executor_failures = Some(0);
    world.submit("j", spec);
    let first = world.nodes("j");
    world.depart_one(&Departure::Refused("others were there first".to_owned()));
    let status = world.status("j");
    assert_eq!((status.executors_failed, status.state.is_final()), (0, false));
    let declined = &status.declined_nodes[0];
    assert_eq!(*declined.node, *first[0]);
    assert_eq!(declined.reason, "an executor did not start on it: others were there first");
    assert_ne!(world.nodes("j"), first, "it goes to the other node");
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn a_job_whose_executors_do_not_start_says_why_while_the_next_one_tries() {
    let mut world = World::with_nodes(&[1, 1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.depart_index("j", 0, &not_started());
    assert_eq!(world.nodes("j"), ["n1"], "the next one tries elsewhere");
    let status = world.status("j");
    assert_eq!(status.reason, Some(Reason::ExecutorNotStarted));
    let expected =
        "waits for its first executor: the last one, on node n0, did not start: no such image";
    assert_eq!(status.message.as_deref(), Some(expected));
    world.make_ready();
    assert_eq!(world.status("j").message, None, "what runs is no reason to worry");
}
