//! What the cluster refuses to make, and what becomes of tasks that take too much.

use proffer_test_harness::{Test, tests};
use serde_json::Value;

use crate::cluster::Shared;
use crate::namespace::{Namespace, has_condition};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_task_that_takes_too_much_memory,
        an_image_that_does_not_exist,
        a_template_that_the_api_server_refuses,
        a_quota_that_is_used_up,
        a_limit_range_that_is_too_narrow,
    ]
}

const ONE_TASK: &str = "stages: [{name: s, command: ['true']}]";

/// Waits until a job says why it waits, in words that hold these.
#[track_caller]
fn wait_for_message(namespace: &Namespace, job: &str, parts: &[&str]) -> String {
    let job = namespace.wait(&format!("sparkjob/{job}"), &format!("says {parts:?}"), |job| {
        let message = job["status"]["message"].as_str().unwrap_or_default();
        parts.iter().all(|part| message.contains(part))
    });
    job["status"]["message"].as_str().unwrap().to_owned()
}

fn a_task_that_takes_too_much_memory(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "memory");
    namespace.job(
        "j",
        "{maxTaskFailures: 2, stages: [{name: s, \
         command: [dd, if=/dev/zero, of=/dev/null, bs=300M, count=1000]}]}",
    );
    let status = namespace.wait_for_end("j", "Failed");
    // The kernel kills the task or, if it is set up so, all of the container.
    for failure in status["failures"].as_array().unwrap() {
        let (reason, message) = (&failure["reason"], failure["message"].as_str().unwrap());
        assert!(reason == "OOMKilled" || reason == "ExecutorFailed", "{failure:#}");
        assert!(message.contains("memory"), "{message}");
    }
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("task 0 of stage s failed 2 times"), "{message}");
}

fn an_image_that_does_not_exist(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "image");
    namespace
        .job("j", &format!("{{executor: {{image: 'localhost:1/no-such-image:1'}}, {ONE_TASK}}}"));
    wait_for_message(&namespace, "j", &["did not start", "no-such-image:1"]);
    let events = ["get", "events", "--field-selector=reason=ExecutorNotStarted"];
    assert!(namespace.kubectl(&events).contains("no-such-image:1"));
    // It never ran, so there is nothing that it would have failed at.
    assert_eq!(namespace.status("j")["stages"][0]["failures"], Value::Null);
}

fn a_template_that_the_api_server_refuses(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "template");
    let template = "{spec: {containers: [{name: executor, ports: [{containerPort: 70000}]}]}}";
    namespace.job("j", &format!("{{executor: {{template: {template}}}, {ONE_TASK}}}"));
    wait_for_message(&namespace, "j", &["containerPort", "65535"]);
    // Once it is put right, the job goes on.
    let patch = r#"[{"op": "remove", "path": "/spec/executor/template"}]"#;
    namespace.kubectl(&["patch", "sj", "j", "--type=json", "-p", patch]);
    namespace.wait_for_end("j", "Complete");
}

fn a_quota_that_is_used_up(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "quota");
    namespace.kubectl(&["create", "quota", "few", "--hard=pods=1"]);
    namespace
        .until("the quota holds", || namespace.json("quota/few")["status"]["hard"]["pods"] == "1");
    // The first executor is made; the second is not until there is room.
    namespace.job(
        "j",
        r#"{executor: {instances: 2, cores: 1}, stages: [
            {name: s, partitions: 2, command: [sleep, "3600"]}]}"#,
    );
    wait_for_message(&namespace, "j", &["exceeded quota: few"]);
    namespace.kubectl(&["delete", "quota", "few"]);
    namespace.wait("sparkjob/j", "two executors are ready", |job| {
        job["status"]["executors"]["ready"] == 2
    });
}

fn a_limit_range_that_is_too_narrow(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "limit-range");
    namespace.apply(
        "{apiVersion: v1, kind: LimitRange, metadata: {name: small}, \
         spec: {limits: [{type: Container, max: {memory: 32Mi}}]}}",
    );
    namespace.job("j", &format!("{{{ONE_TASK}}}"));
    wait_for_message(&namespace, "j", &["maximum memory usage per Container is 32Mi"]);
    assert!(!has_condition(&namespace.json("sparkjob/j"), "Failed"));
    namespace.kubectl(&["delete", "limitrange", "small"]);
    namespace.wait_for_end("j", "Complete");
}
