use proffer_core::event::NodeObservation;

use super::super::node::NodeFacts;
use super::super::pod::{ObjectName, PodFacts};
use super::Index;
use crate::master::NodeMark;

fn name(name: &str) -> ObjectName {
    ObjectName { namespace: "ns".into(), name: name.into() }
}

fn node(index: &mut Index, name: &str) {
    let observation = NodeObservation { name: name.into(), ..NodeObservation::default() };
    let uid = "".into();
    index.set_node(
        name,
        Some(NodeFacts { uid, is_ready: true, is_down: false, observation, problem: None }),
    );
}

fn pod(node: &str, cpu: i64) -> PodFacts {
    PodFacts {
        uid: "u".into(),
        node: Some(node.into()),
        requests: [("cpu".into(), cpu)].into(),
        has_ended: false,
        is_deleting: false,
        gated: None,
        driver: None,
        task: None,
        executor: None,
    }
}

/// What is taken of each node that changed.
fn changed(index: &mut Index) -> Vec<(String, i64)> {
    let cpu =
        |node: &NodeObservation| node.taken_by_others.first().map_or(0, |(_, amount)| *amount);
    index.take_changed().iter().map(|node| (node.name.to_string(), cpu(node))).collect()
}

#[test]
fn pods_of_others_are_counted_where_they_are() {
    let mut index = Index::default();
    node(&mut index, "a");
    node(&mut index, "b");
    index.set_pod(&name("p"), Some(pod("a", 5)));
    index.set_pod(&name("q"), Some(pod("a", 2)));
    assert_eq!(changed(&mut index), [("a".to_owned(), 7), ("b".to_owned(), 0)]);
    index.set_pod(&name("p"), Some(pod("b", 5)));
    assert_eq!(changed(&mut index), [("a".to_owned(), 2), ("b".to_owned(), 5)]);
    index.set_pod(&name("q"), None);
    assert_eq!(changed(&mut index), [("a".to_owned(), 0)]);
    assert_eq!(changed(&mut index), []);
}

#[test]
fn own_pods_are_not_counted_until_they_are_given_up() {
    let mut index = Index::default();
    node(&mut index, "a");
    index.set_own(&name("p"), true);
    index.set_pod(&name("p"), Some(pod("a", 5)));
    assert_eq!(changed(&mut index), [("a".to_owned(), 0)]);
    index.set_own(&name("p"), false);
    assert_eq!(changed(&mut index), [("a".to_owned(), 5)], "it may still run");
}

#[test]
fn a_pod_may_come_before_its_node() {
    let mut index = Index::default();
    index.set_pod(&name("p"), Some(pod("a", 5)));
    assert_eq!(changed(&mut index), []);
    node(&mut index, "a");
    assert_eq!(changed(&mut index), [("a".to_owned(), 5)]);
}

#[test]
fn what_is_about_to_be_written_of_a_node_holds_until_its_watch_tells() {
    let mut index = Index::default();
    node(&mut index, "a");
    index.take_changed();
    index.mark_node("a", NodeMark::Draining);
    index.set_pod(&name("p"), Some(pod("a", 5)));
    assert!(index.take_changed()[0].draining);
    node(&mut index, "a");
    assert!(!index.take_changed()[0].draining);
}

#[test]
fn absurd_amounts_are_as_much_as_can_be_written_and_leave_nothing_behind() {
    let mut index = Index::default();
    node(&mut index, "a");
    for pod_name in ["p", "q"] {
        index.set_pod(&name(pod_name), Some(pod("a", i64::MAX)));
    }
    assert_eq!(changed(&mut index), [("a".to_owned(), i64::MAX)]);
    index.set_pod(&name("p"), Some(pod("a", i64::MIN)));
    index.set_pod(&name("p"), None);
    assert_eq!(changed(&mut index), [("a".to_owned(), i64::MAX)]);
    index.set_pod(&name("q"), Some(pod("a", 5)));
    assert_eq!(changed(&mut index), [("a".to_owned(), 5)]);
}
