//! Jobs that wait for the nodes that they prefer.

use super::world::{World, job, stage};
use crate::event::Departure;
use crate::jobs::{JobSpec, PreferredNodes};
use crate::reasons::Reason;
use crate::time::Span;

fn prefers(names: &[&str], labels: &[(&str, &str)], instances: u32) -> JobSpec {
    let mut spec = job("default", instances, vec![stage("s", 100)]);
    spec.executor.preferred = PreferredNodes {
        names: names.iter().map(|&name| name.into()).collect(),
        labels: labels.iter().map(|&(key, value)| (key.into(), value.into())).collect(),
        ..PreferredNodes::default()
    };
    spec
}

#[test]
fn a_preferred_node_is_taken_at_once_and_others_after_the_wait() {
    let mut world = World::with_nodes(&[4, 2, 4]);
    world.submit("j", prefers(&["n1"], &[], 4));
    assert_eq!(world.nodes("j"), ["n1", "n1"]);
    assert_eq!(
        world.message("j"),
        "runs on 2 of 4 executors: waits until 1970-01-01T00:16:43Z for one of the nodes it \
         prefers: n1"
    );
    assert_eq!(world.status("j").reason, Some(Reason::WaitingForPreferredNode));
    world.advance(2999);
    assert_eq!(world.live_executors(), 2);
    world.advance(1);
    assert_eq!(world.nodes("j"), ["n0", "n1", "n1", "n2"], "the others spread");
    assert_eq!(world.status("j").executors_preferred, Some(2));
    world.check_account();
}

#[test]
fn the_wait_begins_anew_with_every_preferred_node() {
    let mut world = World::with_nodes(&[4, 1]);
    world.submit("j", prefers(&["n1"], &[], 3));
    world.make_ready();
    world.advance(2000);
    world.add_node("n1", 2);
    assert_eq!(world.nodes("j"), ["n1", "n1"], "there is more room by now");
    world.advance(2999);
    assert_eq!(world.live_executors(), 2);
    world.advance(1);
    assert_eq!(world.nodes("j"), ["n0", "n1", "n1"]);
    // It had all that it wanted; when it wants again, it waits again.
    world.depart_index("j", 2, &Departure::Lost("gone".to_owned()));
    assert_eq!(world.nodes("j"), ["n1", "n1"]);
    world.advance(3000);
    assert_eq!(world.nodes("j"), ["n0", "n1", "n1"]);
}

#[test]
fn who_waits_does_not_keep_others_from_a_node() {
    let mut world = World::with_nodes(&[2, 1]);
    world.submit("first", job("default", 1, vec![stage("s", 1)]));
    world.submit("picky", prefers(&["nowhere-free"], &[], 1));
    assert_eq!(world.nodes("picky").len(), 1, "none of its nodes exists: it waits for none");
    let mut world = World::with_nodes(&[2, 1]);
    world.submit("holder", prefers(&["n1"], &[], 1));
    world.submit("picky", prefers(&["n1"], &[], 2));
    assert_eq!(world.live_executors(), 1);
    world.submit("easy", job("default", 2, vec![stage("s", 9)]));
    assert_eq!(world.nodes("easy"), ["n0", "n0"]);
    assert_eq!(world.status("picky").reason, Some(Reason::WaitingForPreferredNode));
    world.advance(3000);
    assert_eq!(world.status("picky").reason, Some(Reason::WaitingForResources));
}

#[test]
fn nodes_are_preferred_by_their_labels() {
    let mut world = World::with_nodes(&[4]);
    world.add_labelled_node("a", 1, &[("zone", "a"), ("disk", "ssd")]);
    world.add_labelled_node("b", 1, &[("zone", "b"), ("disk", "ssd")]);
    world.submit("j", prefers(&[], &[("disk", "ssd"), ("zone", "b")], 2));
    assert_eq!(world.nodes("j"), ["b"]);
    // A node is given the labels, and another comes with them.
    world.add_labelled_node("a", 1, &[("zone", "b"), ("disk", "ssd")]);
    assert_eq!(world.nodes("j"), ["a", "b"]);
    world.submit("k", prefers(&["n0"], &[("zone", "c")], 1));
    assert_eq!(world.nodes("k"), ["n0"], "either is enough");
    world.add_labelled_node("c", 1, &[("zone", "c")]);
    world.submit("l", prefers(&[], &[("zone", "c")], 1));
    assert_eq!(world.nodes("l"), ["c"]);
}

#[test]
fn a_gang_waits_for_its_nodes_as_a_whole() {
    let mut world = World::with_nodes(&[4, 2]);
    let mut spec = prefers(&["n1"], &[], 3);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(60));
    world.submit("j", spec);
    assert_eq!(world.live_executors(), 0);
    let message = world.message("j");
    assert!(message.contains("only 2 of 3 executors fit at once: waits until"), "{message}");
    world.advance(3000);
    assert_eq!(world.nodes("j"), ["n0", "n1", "n1"]);
}
