use k8s_openapi::api::core::v1::Node;
use proffer_core::event::Maintenance;
use serde_json::json;

use super::super::notices::Notice;
use super::{MAINTENANCE_ANNOTATION, NodeFacts, mark_patch, node_facts};
use crate::master::NodeMark;
use proffer_core::time::{Span, Time};

fn node(annotation: &str, ready: &str, unschedulable: bool) -> NodeFacts {
    let node: Node = serde_json::from_value(json!({
        "metadata": {
            "name": "n",
            "labels": {"zone": "a"},
            "annotations": {"proffer.dev/maintenance": annotation},
        },
        "spec": {
            "unschedulable": unschedulable,
            "taints": [{"key": "gpu", "value": "a100", "effect": "NoSchedule"}],
        },
        "status": {
            "allocatable": {"cpu": "1900m", "memory": "2Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }))
    .unwrap();
    node_facts(&node)
}

#[test]
fn a_ready_node_is_offered() {
    let facts = node("", "True", false);
    assert!(facts.is_ready && facts.observation.offered);
    let amounts: Vec<_> =
        facts.observation.allocatable.iter().map(|(name, n)| (&**name, *n)).collect();
    assert_eq!(amounts, [("cpu", 1900), ("memory", 2 << 30), ("pods", 110)]);
    assert_eq!(facts.observation.taints[0].to_string(), "gpu=a100:NoSchedule");
    assert_eq!(facts.observation.labels, [("zone".into(), "a".into())]);
}

#[test]
fn one_that_does_not_answer_or_is_cordoned_is_not() {
    let silent = node("", "Unknown", false).observation;
    assert!(!silent.offered && silent.silent);
    let cordoned = node("", "True", true);
    assert!(cordoned.is_ready && !cordoned.observation.offered && !cordoned.observation.silent);
}

#[test]
fn maintenance_is_read_from_the_annotation() {
    let maintenance = |text: &str| node(text, "True", false).observation.maintenance;
    let start = 1_795_550_400_000;
    let open = Maintenance { start: Time::from_milliseconds(start), duration: None };
    assert_eq!(maintenance("2026-11-24T20:00:00Z"), Some(open));
    let hour = Maintenance {
        start: Time::from_milliseconds(start),
        duration: Some(Span::from_seconds(3600)),
    };
    assert_eq!(maintenance("2026-11-24T20:00:00Z/2026-11-24T21:00:00Z"), Some(hour));
    assert!(node("now", "True", false).observation.draining);
}

#[test]
fn a_wrong_annotation_is_explained_and_ignored() {
    for (text, part) in [("tomorrow", "\"tomorrow\""), ("2026-11-24T20:00:00Z/x", "\"x\"")] {
        let facts = node(text, "True", false);
        assert!(facts.observation.maintenance.is_none() && facts.observation.offered);
        let problem = facts.problem.unwrap();
        assert!(problem.contains(part) && problem.contains("2026-11-24T20:00:00Z"), "{problem}");
    }
    let facts = node("2026-11-24T20:00:00Z/2026-11-24T19:00:00Z", "True", false);
    assert!(facts.problem.unwrap().contains("ends before it starts"));
}

#[test]
fn what_is_written_is_read_again() {
    let marked = |mark: NodeMark| {
        let patch = mark_patch("u", mark);
        assert_eq!(patch["metadata"]["uid"], "u");
        let annotation = patch["metadata"]["annotations"][MAINTENANCE_ANNOTATION].as_str();
        let is_cordoned = patch["spec"]["unschedulable"] == true;
        node(annotation.unwrap_or_default(), "True", is_cordoned).observation
    };
    for duration in [None, Some(Span::from_seconds(3600))] {
        let plan =
            Some(Maintenance { start: Time::from_milliseconds(1_795_550_400_000), duration });
        let observation = marked(NodeMark::Maintenance(plan));
        assert_eq!((observation.maintenance, observation.offered), (plan, true));
    }
    let draining = marked(NodeMark::Draining);
    assert!(draining.draining && !draining.offered);
    assert!(!marked(NodeMark::Deactivated).offered);
    // What was written before goes.
    let patch = mark_patch("u", NodeMark::Reactivated);
    let removed = [&patch["metadata"]["annotations"][MAINTENANCE_ANNOTATION], &patch["spec"]];
    assert_eq!(removed, [&json!(null), &json!({"unschedulable": null})]);
}

#[test]
fn a_node_that_is_away_for_its_maintenance_says_so() {
    let start = Time::from_milliseconds(1_795_550_400_000);
    for duration in [None, Some(Span::from_seconds(3600))] {
        let maintenance = Maintenance { start, duration };
        let patch = mark_patch("uid", NodeMark::Down(maintenance));
        assert_eq!(patch["spec"]["unschedulable"], true);
        let text = patch["metadata"]["annotations"][MAINTENANCE_ANNOTATION].as_str().unwrap();
        let facts = node(text, "True", true);
        assert!(facts.is_down && facts.observation.draining, "{text}");
        assert_eq!(facts.observation.maintenance, Some(maintenance));
    }
    for wrong in ["down soon", "down now", "down", &"down ".repeat(50_000)] {
        let facts = node(wrong, "True", false);
        assert_eq!(facts.observation, node("", "True", false).observation);
        // No Event holds more.
        assert!(Notice::of_node("n", &facts.problem.unwrap()).note.len() <= 1024);
    }
    assert!(!node("now", "True", false).is_down);
}
