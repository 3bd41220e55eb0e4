// Literals of objects are handed over as they are written.
#![allow(clippy::needless_pass_by_value)]

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::pod_requests;

#[track_caller]
fn check(spec: serde_json::Value, status: serde_json::Value, cpu: i64, memory: i64) {
    let pod: Pod = serde_json::from_value(json!({"spec": spec, "status": status})).unwrap();
    let requests = pod_requests(&pod);
    let of = |name: &str| requests.get(name).copied().unwrap_or(0);
    assert_eq!((of("cpu"), of("memory"), of("pods")), (cpu, memory, 1));
}

fn container(name: &str, cpu: &str, memory: &str) -> serde_json::Value {
    json!({"name": name, "resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

fn sidecar(name: &str, cpu: &str, memory: &str) -> serde_json::Value {
    let mut sidecar = container(name, cpu, memory);
    sidecar["restartPolicy"] = json!("Always");
    sidecar
}

#[test]
fn containers_add_up() {
    let spec = json!({"containers": [container("a", "500m", "1Ki"), container("b", "1", "1k")]});
    check(spec, json!({}), 1500, 2024);
}

#[test]
fn what_runs_before_counts_only_if_it_is_more() {
    let spec = json!({
        "initContainers": [container("i", "3", "1"), container("j", "1", "5")],
        "containers": [container("a", "2", "2")],
    });
    check(spec, json!({}), 3000, 5);
}

#[test]
fn sidecars_stay_and_count_beside_what_starts_after_them() {
    // As in KEP-753: the init container runs beside the first sidecar, not the second.
    let spec = json!({
        "initContainers": [sidecar("s", "1", "1"), container("i", "4", "1"), sidecar("t", "1", "1")],
        "containers": [container("a", "2", "2")],
    });
    check(spec, json!({}), 5000, 4);
}

#[test]
fn overhead_and_requests_of_the_pod() {
    let spec = json!({
        "containers": [container("a", "1", "10")],
        "resources": {"requests": {"cpu": "2"}},
        "overhead": {"cpu": "250m", "memory": "5"},
    });
    check(spec, json!({}), 2250, 15);
}

#[test]
fn a_pod_that_shrinks_holds_what_it_had() {
    let spec = json!({"containers": [container("a", "1", "10")]});
    let status = json!({"containerStatuses": [{
        "name": "a", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "allocatedResources": {"cpu": "2", "memory": "10"},
    }]});
    check(spec, status, 2000, 10);
}

#[test]
fn a_pod_without_requests_is_still_a_pod() {
    check(json!({"containers": [{"name": "a"}]}), json!({}), 0, 0);
}
