//! Parts of the cluster that fail while a job runs.

use proffer_test_harness::{Test, tests};
use rustix::process::Signal;
use serde_json::Value;

use crate::cluster::{AloneOnThisMachine, json as get, mend, run};
use crate::namespace::Namespace;
use crate::processes;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_kubelet_that_stops,
        an_api_server_that_is_restarted,
        a_node_that_is_cordoned_and_drained,
    ]
}

/// The pid of a daemon of the test cluster.
fn daemon(name: &str) -> u32 {
    let file = crate::cluster::state().join("pids").join(name);
    let text = std::fs::read_to_string(file).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Has the cluster whole again when a test is over, however it ends.
struct Mended;

impl Drop for Mended {
    fn drop(&mut self) {
        mend();
    }
}

fn is_ready(node: &str) -> bool {
    let node = get(&["get", "node", node]);
    let conditions = node["status"]["conditions"].as_array().unwrap();
    conditions.iter().any(|it| it["type"] == "Ready" && it["status"] == "True")
}

fn a_kubelet_that_stops(AloneOnThisMachine(turn): AloneOnThisMachine) {
    let namespace = Namespace::new(turn, "kubelet");
    // Tasks on node-1 do not end. Which node it is they know from the pod's template.
    let node = "{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}";
    let command = r#"[sh, -c, 'if [ "$NODE" = node-1 ]; then sleep 3600; fi; echo "$NODE" > "$PROFFER_RESULT"']"#;
    namespace.job(
        "j",
        &format!(
            "{{executor: {{instances: 2, placement: Spread, template: {{spec: {{containers: \
               [{{name: executor, env: [{node}]}}]}}}}}}, \
               stages: [{{name: s, partitions: 4, command: {command}}}]}}"
        ),
    );
    namespace.wait("sparkjob/j", "only the task on node-1 is left", |job| {
        let stage = &job["status"]["stages"][0];
        stage["running"] == 1 && stage["results"].as_object().is_some_and(|it| it.len() == 3)
    });
    let mended = Mended;
    processes::send(daemon("kubelet-node-1"), Signal::KILL);
    namespace.until("the node is not ready", || !is_ready("node-1"));
    let status = namespace.wait_for_end("j", "Complete");
    for task in ["0", "1", "2", "3"] {
        assert_eq!(status["stages"][0]["results"][task], "node-0");
    }
    assert_eq!(status["stages"][0]["failures"], Value::Null, "nobody is to blame");
    drop(mended);
    namespace.until("the node is ready again", || is_ready("node-1"));
    namespace.until("nothing is left", || {
        namespace.list("pods").is_empty() && namespace.list("sparkexecutors").is_empty()
    });
}

fn an_api_server_that_is_restarted(AloneOnThisMachine(turn): AloneOnThisMachine) {
    let namespace = Namespace::new(turn, "api-server");
    namespace.job(
        "j",
        r#"{executor: {instances: 2, cores: 2}, stages: [{name: s, partitions: 40, command: [sh, -c,
            'sleep 1; echo "$PROFFER_ATTEMPT" > "$PROFFER_RESULT"']}]}"#,
    );
    namespace.wait("sparkjob/j", "some tasks finish", |job| {
        job["status"]["stages"][0]["results"].as_object().is_some_and(|it| it.len() >= 8)
    });
    // One that has just started knows no custom resources for a moment, and would leave those of a
    // namespace behind that is being deleted.
    namespace.until("other namespaces are gone", || {
        let all = get(&["get", "namespaces"]);
        let mut all = all["items"].as_array().unwrap().iter();
        all.all(|it| it["metadata"]["deletionTimestamp"].is_null())
    });
    processes::send(daemon("kube-apiserver"), Signal::KILL);
    assert!(!run(&["kubectl", "get", "--raw", "/readyz"], "").status.success());
    mend();
    let status = namespace.wait_for_end("j", "Complete");
    let stage = &status["stages"][0];
    assert_eq!((&stage["losses"], &stage["failures"]), (&Value::Null, &Value::Null));
    let results = stage["results"].as_object().unwrap();
    assert!(results.len() == 40 && results.values().all(|attempt| attempt == "0"), "{stage:#}");
    namespace.until("operators are there again", || {
        let operators = get(&["-n", "proffer-system", "get", "deployment", "proffer"]);
        operators["status"]["availableReplicas"] == 2
    });
}

/// Lets pods onto the node again, however the test ends.
struct Uncordoned;

impl Drop for Uncordoned {
    fn drop(&mut self) {
        run(&["kubectl", "uncordon", "node-1"], "");
    }
}

fn a_node_that_is_cordoned_and_drained(AloneOnThisMachine(turn): AloneOnThisMachine) {
    let namespace = Namespace::new(turn, "cordon");
    let uncordoned = Uncordoned;
    run(&["kubectl", "cordon", "node-1"], "");
    let command = "[sh, -c, 'sleep 1']";
    namespace.job(
        "j",
        &format!("{{executor: {{instances: 3}}, stages: [{{name: s, partitions: 9, command: {command}}}, {{name: t, dependsOn: [s], command: [sleep, '3600']}}]}}"),
    );
    namespace.wait("sparkjob/j", "three executors are ready", |job| {
        job["status"]["executors"]["ready"] == 3
    });
    let pods = namespace.executor_pods();
    assert!(pods.iter().all(|pod| pod["spec"]["nodeName"] == "node-0"), "{pods:#?}");
    drop(uncordoned);
    // What drains a node deletes or evicts pods: tasks run again elsewhere.
    run(&["kubectl", "cordon", "node-0"], "");
    namespace.kubectl(&["delete", "pods", "-l", "proffer.dev/job=j", "--wait=false"]);
    namespace.until("executors run on the other node", || {
        let pods = namespace.executor_pods();
        pods.len() == 3 && pods.iter().all(|pod| pod["spec"]["nodeName"] == "node-1")
    });
    run(&["kubectl", "uncordon", "node-0"], "");
}
