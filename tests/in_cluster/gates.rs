//! Pods that others make and that wait for offers of a pool.

use proffer_test_harness::{Test, tests};
use serde_json::Value;

use crate::cluster::{Alone, Shared};
use crate::namespace::Namespace;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_limited_pool_places_a_part_of_a_job,
        pods_share_by_the_weights_of_their_pools_and_survive_the_operator,
        a_pod_whose_pool_is_not_there_says_so,
    ]
}

/// A Job of so many pods, each with so much cpu, that wait for offers of a pool.
fn gated_job(name: &str, pool: &str, pods: usize, cpu: &str, seconds: u32) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\n\
         spec:\n  parallelism: {pods}\n  completions: {pods}\n  template:\n    \
         metadata: {{labels: {{proffer.dev/pool: {pool}}}}}\n    \
         spec: {{restartPolicy: Never, terminationGracePeriodSeconds: 0, \
                 schedulingGates: [{{name: proffer.dev/offer}}], \
                 containers: [{{name: c, image: 'busybox:1.37', command: [sleep, '{seconds}'], \
                 resources: {{requests: {{cpu: {cpu}, memory: 16Mi}}}}}}]}}\n"
    )
}

/// The pods of a Job by whether they have a node.
fn pods(namespace: &Namespace, job: &str) -> (Vec<Value>, Vec<Value>) {
    let all = namespace.list("pods").into_iter().filter(|pod| {
        pod["metadata"]["labels"]["job-name"] == job && pod["status"]["phase"] != "Succeeded"
    });
    all.partition(|pod| pod["spec"]["nodeName"].is_string())
}

fn condition<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let conditions = pod["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|it| it["type"] == name).unwrap_or(&Value::Null)
}

fn a_limited_pool_places_a_part_of_a_job(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "gates");
    namespace.delete_too("resourcepool/batch");
    namespace.kubectl(&["apply", "-f", "manifests/gated-pods.yaml"]);
    namespace.until("two pods of three run", || {
        let (placed, waiting) = pods(&namespace, "three-pods");
        assert!(placed.len() <= 2, "the pool has two cpus: {placed:#?}");
        let is_running = |pod: &Value| pod["status"]["phase"] == "Running";
        placed.iter().filter(|pod| is_running(pod)).count() == 2 && waiting.len() == 1
    });
    let (placed, waiting) = pods(&namespace, "three-pods");
    for pod in &placed {
        let on = &pod["metadata"]["annotations"]["proffer.dev/placed-on"];
        assert_eq!(*on, pod["spec"]["nodeName"]);
    }
    if let [pod] = &*waiting {
        assert_eq!(condition(pod, "PodScheduled")["reason"], "SchedulingGated");
    }
    namespace.wait("resourcepool/batch", "says what it holds", |pool| {
        pool["status"]["allocated"]["cpu"] == "2"
    });
    namespace.until("the third says why it waits", || {
        let (_, waiting) = pods(&namespace, "three-pods");
        // Nodes of two cpus with anything else on them have no room either.
        let is_reason = |pod: &Value| {
            let reason = &condition(pod, "proffer.dev/Offered")["reason"];
            *reason == "LimitReached" || *reason == "WaitingForResources"
        };
        waiting.iter().all(is_reason)
    });
    namespace.kubectl(&["wait", "job/three-pods", "--for=condition=Complete", "--timeout=120s"]);
    namespace
        .wait("resourcepool/batch", "holds nothing", |pool| pool["status"]["runningJobs"] == 0);
}

fn pods_share_by_the_weights_of_their_pools_and_survive_the_operator(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "gate-weights");
    // Both together may hold three cpus.
    namespace.pool("gates", "{limit: {cpu: 3}}");
    namespace.pool("gates.two", "{weight: 2}");
    namespace.pool("gates.one", "{weight: 1}");
    let count = |job: &str| pods(&namespace, job).0.len();
    namespace.apply(&format!(
        "{}---\n{}",
        gated_job("two", "gates.two", 8, "250m", 3600),
        gated_job("one", "gates.one", 8, "250m", 3600)
    ));
    namespace.until("all that fits is placed", || count("two") + count("one") == 12);
    // What came first may have been placed before the others were there.
    assert!(count("two") >= count("one"), "{} and {}", count("two"), count("one"));
    namespace.kubectl(&["-n", "proffer-system", "delete", "pods", "-l", "proffer.dev/leader=true"]);
    namespace.kubectl(&["delete", "job", "two", "--timeout=60s"]);
    namespace.until("the next operator places the others", || count("one") == 8);
    namespace.apply(&gated_job("two", "gates.two", 8, "250m", 3600));
    namespace.until("and no more than fits", || count("two") == 4);
}

fn a_pod_whose_pool_is_not_there_says_so(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "gate-nowhere");
    namespace.apply(&gated_job("lost", "there-is-no-such-pool", 1, "100m", 1));
    namespace.until("the pod says so", || {
        let (_, waiting) = pods(&namespace, "lost");
        waiting.iter().any(|pod| condition(pod, "proffer.dev/Offered")["reason"] == "NoPool")
    });
    namespace.until("and so does an Event", || {
        namespace.list("events").iter().any(|event| event["reason"] == "NoPool")
    });
}
