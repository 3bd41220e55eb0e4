use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

use super::Kind;
use super::world::World;

fn pool(name: &str, spec: serde_json::Value) -> serde_json::Value {
    json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "ResourcePool",
        "metadata": {"name": name, "uid": format!("{name}-uid"), "generation": 1},
        "spec": spec,
    })
}

/// The pods that were placed, of those whose names begin so.
fn placed<'a>(world: &'a World, prefix: &str) -> Vec<&'a str> {
    let mut names = world.pod_names();
    names.retain(|name| name.starts_with(prefix) && !world.node_of(name).is_empty());
    names
}

#[test]
fn pods_of_a_job_are_placed_up_to_the_limit_of_their_pool() {
    let mut world = World::new(&["n1", "n2"]);
    world.set_pool(pool("small", json!({"limit": {"cpu": 2}})));
    for name in ["w1", "w2", "w3"] {
        world.gate_pod(name, "small", "1", Some("work"));
    }
    world.advance(2000);
    assert_eq!(placed(&world, "w"), ["w1", "w2"]);
    let spec = serde_json::to_value(&world.pods["w1"].spec).unwrap();
    assert_eq!(spec.pointer("/schedulingGates/0"), None, "{spec:#}");
    let node = spec.pointer(
        "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
         /nodeSelectorTerms/0/matchFields/0/values/0",
    );
    assert_eq!(node, Some(&json!(world.node_of("w1"))));
    let (reason, message) = world.offered("w3");
    assert_eq!(reason, "LimitReached", "{message}");
    assert_eq!(world.pools["small"].status.as_ref().unwrap().allocated["cpu"].to_string(), "2");
    // What ends makes room.
    world.set_pod("w1", json!({"phase": "Succeeded"}));
    world.advance(1000);
    assert_eq!(placed(&world, "w"), ["w1", "w2", "w3"]);
    assert_eq!(world.offered("w3").0, "OfferAccepted");
    // And so does what is deleted.
    world.lose_pod("w2");
    world.gate_pod("w4", "small", "1", Some("work"));
    assert!(!world.node_of("w4").is_empty());
    for name in ["w1", "w3", "w4"] {
        world.lose_pod(name);
    }
    world.advance(2000);
    let status = world.pools["small"].status.clone().unwrap();
    assert_eq!((status.running_jobs, status.pending_jobs), (0, 0));
    assert!(status.allocated.values().all(|amount| amount.to_string() == "0"), "{status:?}");
}

#[test]
fn pools_share_by_weight_whatever_kind_of_work_they_have() {
    let mut world = World::new(&["n1", "n2", "n3"]);
    world.set_pool(pool("heavy", json!({"weight": 2})));
    world.set_pool(pool("light", json!({"weight": 1})));
    // Everything is taken at first, so that all wait.
    for node in ["n1", "n2", "n3"] {
        world.add_pod(&format!("other-{node}"), node, "2");
    }
    for index in 0..6 {
        world.gate_pod(&format!("h{index}"), "heavy", "1", Some("h"));
        world.gate_pod(&format!("l{index}"), "light", "1", None);
    }
    for node in ["n1", "n2", "n3"] {
        world.lose_pod(&format!("other-{node}"));
    }
    world.settle();
    assert_eq!((placed(&world, "h").len(), placed(&world, "l").len()), (4, 2));
}

#[test]
fn what_cannot_be_is_said_of_the_pod() {
    let mut world = World::new(&["n1"]);
    world.set_pool(pool("theirs", json!({"namespaces": ["others"]})));
    world.gate_pod("a", "nowhere", "1", None);
    world.gate_pod("b", "theirs", "1", None);
    world.gate_pod("c", "default", "64", None);
    world.advance(1000);
    assert_eq!(world.offered("a").0, "NoPool");
    assert_eq!(world.offered("b").0, "NamespaceMayNotUsePool");
    assert_eq!(world.offered("c").0, "LargerThanAnyNode");
    let mut reasons = world.reasons();
    reasons.sort_unstable();
    assert_eq!(reasons, ["LargerThanAnyNode", "NamespaceMayNotUsePool", "NoPool"]);
    // The pool comes.
    world.set_pool(pool("nowhere", json!({})));
    world.advance(1000);
    assert_eq!(world.node_of("a"), "n1");
}

#[test]
fn a_process_that_takes_over_charges_what_runs_from_the_pods_alone() {
    let mut world = World::new(&["n1", "n2"]);
    world.set_pool(pool("small", json!({"limit": {"cpu": 2}})));
    for name in ["w1", "w2", "w3"] {
        world.gate_pod(name, "small", "1", Some("work"));
    }
    for _ in 0..3 {
        world.restart();
        world.advance(10_000);
        assert_eq!(placed(&world, "w"), ["w1", "w2"]);
        assert_eq!(world.pools["small"].status.as_ref().unwrap().allocated["cpu"].to_string(), "2");
    }
    world.lose_pod("w2");
    world.advance(1000);
    assert_eq!(placed(&world, "w"), ["w1", "w3"]);
    // What went while nobody looked is not charged either.
    world.lose_pod("w1");
    world.forget_told();
    world.list(Kind::Pod);
    world.gate_pod("w4", "small", "1", Some("work"));
    world.advance(1000);
    assert_eq!(placed(&world, "w"), ["w3", "w4"]);
}

/// A pod of a job as an older operator has left it: on a node, as this executor of a group that has another
/// name by now, or waiting for this reason.
fn left(name: &str, placed: Option<(&str, &str)>) -> Pod {
    let annotations = placed.map(
        |(node, executor)| json!({"proffer.dev/placed-on": node, "proffer.dev/executor": executor}),
    );
    let gates = if placed.is_some() { json!([]) } else { json!([{"name": "proffer.dev/offer"}]) };
    let (status, reason) = match placed {
        Some(_) => ("True", "OfferAccepted"),
        None => ("False", "LimitReached"),
    };
    serde_json::from_value(json!({
        "metadata": {
            "namespace": "ns", "name": name, "uid": format!("{name}-uid"), "resourceVersion": "1",
            "labels": {"proffer.dev/pool": "small"}, "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "Job", "name": "work", "uid": "work-uid",
                "controller": true,
            }],
        },
        "spec": {
            "nodeName": placed.map(|(node, _)| node), "schedulingGates": gates,
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
        },
        "status": {"conditions": [
            {"type": "proffer.dev/Offered", "status": status, "reason": reason, "message": "as it was"},
        ]},
    }))
    .unwrap()
}

#[test]
fn pods_that_an_older_operator_placed_or_let_wait_go_on_under_another_name() {
    let mut world = World::unseen(&["n1", "n2"]);
    world.set_pool(pool("small", json!({"limit": {"cpu": 2}})));
    // What were two groups, each with a first executor, may be one by now.
    world.put_pod(left("w1", Some(("n1", "0-0"))));
    world.put_pod(left("w2", Some(("n2", "0-0"))));
    world.put_pod(left("w3", None));
    world.restart();
    world.advance(10_000);
    assert_eq!(placed(&world, "w"), ["w1", "w2"], "the limit of the pool is reached");
    assert_eq!(world.pools["small"].status.as_ref().unwrap().allocated["cpu"].to_string(), "2");
    for name in ["w1", "w2"] {
        assert_eq!(world.pods[name].resource_version().unwrap(), "1", "it is left as it is");
    }
    assert_eq!(world.offered("w3").0, "LimitReached");
    world.lose_pod("w2");
    world.advance(1000);
    assert_eq!(placed(&world, "w"), ["w1", "w3"]);
}

#[test]
fn what_the_scheduler_cannot_place_is_made_anew_elsewhere() {
    let mut world = World::new(&["n1", "n2"]);
    world.scheduler_refuses = true;
    world.gate_pod("w1", "default", "1", Some("work"));
    let unschedulable = json!({"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no",
    }]});
    let first = world.pods["w1"].annotations()["proffer.dev/placed-on"].clone();
    world.set_pod("w1", unschedulable.clone());
    assert_eq!(world.pod_names(), ["w1"], "what the scheduler knows may be old");
    world.advance(5000);
    assert!(world.pods.is_empty());
    assert_eq!(world.reasons(), ["Unschedulable"]);
    world.gate_pod("w2", "default", "1", Some("work"));
    let second = &world.pods["w2"].annotations()["proffer.dev/placed-on"];
    assert_ne!(first, *second, "the node is left alone for a while");
    // A pod that nobody makes anew stays.
    world.gate_pod("bare", "default", "1", None);
    world.set_pod("bare", unschedulable);
    world.advance(10_000);
    assert!(world.pods.contains_key("bare"));
    assert!(world.notices.last().unwrap().note.contains("make it anew"), "{:?}", world.notices);
}

#[test]
fn replies_that_get_lost_place_nothing_twice() {
    let mut world = World::new(&["n1"]);
    world.loses_replies = true;
    world.is_deaf = true;
    world.gate_pod("w1", "default", "1", Some("work"));
    world.loses_replies = false;
    world.is_deaf = false;
    world.gate_pod("w2", "default", "1", Some("work"));
    world.gate_pod("w3", "default", "1", Some("work"));
    world.advance(10_000);
    assert_eq!(placed(&world, "w").len(), 2);
}

#[test]
fn gates_of_others_are_waited_for() {
    let mut world = World::new(&["n1"]);
    world.make_pod(json!({
        "metadata": {"namespace": "ns", "name": "w", "labels": {"proffer.dev/pool": "default"}},
        "spec": {
            "schedulingGates": [{"name": "proffer.dev/offer"}, {"name": "example.com/quota"}],
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
        },
    }));
    world.advance(1000);
    assert_eq!(world.pods["w"].spec.as_ref().unwrap().scheduling_gates.as_ref().unwrap().len(), 2);
}

#[test]
fn an_owner_that_holds_back_its_pods_waits_no_more() {
    let mut world = World::new(&["n1"]);
    world.gate_pod("w1", "default", "2", Some("one"));
    world.gate_pod("x1", "default", "2", Some("two"));
    assert_eq!((world.node_of("w1"), world.node_of("x1")), ("n1", ""));
    world.lose_pod("x1");
    world.lose_pod("w1");
    world.gate_pod("y1", "default", "2", Some("three"));
    world.advance(1000);
    assert_eq!(world.node_of("y1"), "n1");
}
