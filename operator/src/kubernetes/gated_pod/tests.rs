use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use proffer_core::ExecutorKey;
use proffer_core::action::{Launch, Search};
use proffer_core::jobs::JobKey;

use super::{GatedFacts, Step, gated_facts, placing_patch};

/// A pod that waits, with this over it.
fn pod(spec: &Value) -> Pod {
    let mut pod = json!({
        "metadata": {
            "namespace": "ns", "name": "p", "uid": "u", "resourceVersion": "7",
            "labels": {"proffer.dev/pool": "batch"},
        },
        "spec": {
            "schedulingGates": [{"name": "proffer.dev/offer"}],
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1500m", "memory": "1Gi"}}}],
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        pod["spec"][key] = value.clone();
    }
    serde_json::from_value(pod).unwrap()
}

fn on(node: Option<&str>) -> Launch {
    let job = JobKey { namespace: "ns".into(), name: "job/j".into() };
    let key = ExecutorKey { job, index: 3, epoch: 1 };
    Launch { key, node: node.map(Box::from), search: Search::default() }
}

fn facts(spec: &Value) -> GatedFacts {
    gated_facts(&pod(spec)).unwrap()
}

#[test]
fn a_pod_that_waits_says_what_it_wants() {
    let facts = facts(&json!({
        "nodeSelector": {"disk": "ssd"},
        "priority": 3,
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [
                {"key": "zone", "operator": "In", "values": ["a"]},
                {"key": "arch", "operator": "In", "values": ["x", "y"]},
            ]}],
        }}},
    }));
    assert_eq!((&*facts.pool, &facts.step), ("batch", &Step::Waits));
    let request = [("cpu".into(), 1500), ("memory".into(), 1 << 30)];
    assert_eq!(facts.shape.request, request);
    let labels = [("disk".into(), "ssd".into()), ("zone".into(), "a".into())];
    assert_eq!(facts.shape.node_selector, labels);
    assert_eq!((facts.shape.priority, facts.shape.tolerations.len()), (3, 1));
    assert_eq!(facts.owner, None);
}

#[test]
fn what_has_no_gate_and_was_not_placed_is_left_alone() {
    assert_eq!(gated_facts(&pod(&json!({"schedulingGates": []}))), None);
    let mut executor = pod(&json!({}));
    let labels = executor.metadata.labels.as_mut().unwrap();
    labels.insert("proffer.dev/job-uid".to_owned(), "j".to_owned());
    assert_eq!(gated_facts(&executor), None, "executors of stages have no gate");
}

#[test]
fn placing_pins_every_term_and_keeps_what_there_is() {
    let terms = json!([{"matchExpressions": []}, {"matchFields": []}]);
    let pod = pod(&json!({
        "schedulingGates": [{"name": "proffer.dev/offer"}, {"name": "other"}],
        "affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
        }},
    }));
    let patch = placing_patch(&pod, &on(Some("n1"))).unwrap().unwrap();
    let fields = json!([{"key": "metadata.name", "operator": "In", "values": ["n1"]}]);
    assert_eq!(patch["spec"]["schedulingGates"], json!([{"name": "other"}]));
    let required = &patch["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        ["nodeSelectorTerms"];
    assert_eq!(required[0]["matchFields"], fields);
    assert_eq!(required[1]["matchFields"], fields);
    assert_eq!(patch["metadata"]["resourceVersion"], "7");
    assert_eq!(patch["metadata"]["annotations"]["proffer.dev/placed-on"], "n1");
    assert_eq!(patch["metadata"]["annotations"]["proffer.dev/executor"], "3-1");
}

#[test]
fn placing_without_a_node_only_lifts_the_gate() {
    let patch = placing_patch(&pod(&json!({})), &on(None)).unwrap().unwrap();
    assert_eq!(patch["spec"], json!({"schedulingGates": []}));
    let ungated = pod(&json!({"schedulingGates": []}));
    assert_eq!(placing_patch(&ungated, &on(Some("n1"))).unwrap(), None);
}
