// Literals of objects are handed over as they are written.
#![allow(clippy::needless_pass_by_value)]

use k8s_openapi::api::core::v1::Pod;
use proffer_core::event::Departure;
use serde_json::{Value, json};

use super::{PodFacts, Role, executor_number, pod_facts};

fn facts(status: Value) -> PodFacts {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {
            "namespace": "ns", "name": "j-abcde-1-2", "uid": "u",
            "labels": {
                "proffer.dev/job": "j", "proffer.dev/job-uid": "job-uid",
                "proffer.dev/executor-index": "1", "proffer.dev/executor-epoch": "2",
            },
        },
        "spec": {
            "nodeName": "n",
            "containers": [{"name": "executor", "resources": {"requests": {"cpu": "1"}}}],
        },
        "status": status,
    }))
    .unwrap();
    pod_facts(&pod)
}

fn departure(status: Value) -> Option<Departure> {
    facts(status).executor.unwrap().departure
}

fn terminated(name: &str, state: Value) -> Value {
    json!({
        "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": state},
    })
}

#[test]
fn an_executor_is_known_by_its_labels() {
    let facts = facts(json!({"phase": "Running"}));
    let executor = facts.executor.unwrap();
    assert_eq!(executor.key.to_string(), "ns/j-1-2");
    assert_eq!((&*executor.job_uid, facts.node.as_deref()), ("job-uid", Some("n")));
    assert_eq!((executor.departure, executor.trouble), (None, None));
    assert_eq!(facts.requests["cpu"], 1000);
}

#[test]
fn one_that_was_out_of_memory_is_told_from_one_that_exited() {
    let state = json!({"exitCode": 137, "reason": "OOMKilled"});
    let status = json!({"phase": "Failed", "containerStatuses": [terminated("executor", state)]});
    assert!(matches!(departure(status), Some(Departure::OutOfMemory(_))));
    let state = json!({"exitCode": 3, "reason": "Error"});
    let status = json!({"phase": "Failed", "containerStatuses": [terminated("executor", state)]});
    let exited = Departure::Exited("the executor exited with code 3".to_owned());
    assert_eq!(departure(status), Some(exited));
}

#[test]
fn a_sidecar_that_runs_on_does_not_hide_that_the_executor_ended() {
    let executor = terminated("executor", json!({"exitCode": 0, "reason": "Completed"}));
    let sidecar = json!({
        "name": "proxy", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {}},
    });
    let status = json!({"phase": "Running", "containerStatuses": [executor, sidecar]});
    let facts = facts(status);
    assert!(!facts.has_ended && facts.requests["cpu"] == 1000, "it holds what it holds");
    assert!(matches!(facts.executor.unwrap().departure, Some(Departure::Exited(_))));
}

#[test]
fn what_others_did_to_it_is_no_fault_of_its_tasks() {
    let state = json!({"exitCode": 137, "reason": "Error"});
    for (condition, word) in [
        ("PreemptionByScheduler", "preempting to accommodate a higher priority pod"),
        ("DeletionByTaintManager", "deleting due to NoExecute taint"),
        ("EvictionByEvictionAPI", "evicting"),
    ] {
        let status = json!({
            "phase": "Failed",
            "containerStatuses": [terminated("executor", state.clone())],
            "conditions": [{
                "type": "DisruptionTarget", "status": "True", "reason": condition, "message": word,
            }],
        });
        let Some(Departure::Lost(message)) = departure(status) else { panic!("{condition}") };
        assert!(message.contains(condition) && message.ends_with(word), "{message}");
    }
    let status = json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory."});
    let lost = Departure::Lost("the pod was ended (Evicted): low on memory".to_owned());
    assert_eq!(departure(status), Some(lost));
}

#[test]
fn a_node_that_refuses_the_pod_did_not_start_it() {
    let message = "Node didn't have enough resource: cpu";
    let status = json!({"phase": "Failed", "reason": "OutOfcpu", "message": message});
    let refused = format!("the node refused the pod (OutOfcpu): {message}");
    assert_eq!(departure(status), Some(Departure::Refused(refused)));
    let init = terminated("install", json!({"exitCode": 1, "message": "no space"}));
    let status = json!({"phase": "Failed", "initContainerStatuses": [init]});
    let failed = "the init container install exited with code 1: no space";
    assert_eq!(departure(status), Some(Departure::NotStarted(failed.to_owned())));
}

#[test]
fn why_it_does_not_start_is_found() {
    let status = json!({"phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/2 nodes are available",
    }]});
    let trouble = facts(status).executor.unwrap().trouble.unwrap();
    assert_eq!((&*trouble.reason, &*trouble.message), ("Unschedulable", "0/2 nodes are available"));
    let waiting = |reason: &str| {
        json!({"phase": "Pending", "containerStatuses": [{
            "name": "executor", "image": "nope:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": "not found"}},
        }]})
    };
    assert!(facts(waiting("ErrImagePull")).executor.unwrap().trouble.is_none(), "tried again");
    let trouble = facts(waiting("ImagePullBackOff")).executor.unwrap().trouble.unwrap();
    let message =
        "the container executor of image nope:1 does not start (ImagePullBackOff): not found";
    assert_eq!(trouble.message, message);
}

#[test]
fn one_that_has_ended_takes_nothing() {
    let facts = facts(json!({"phase": "Succeeded"}));
    assert!(facts.has_ended && facts.requests.is_empty());
}

#[test]
fn numbers_that_no_executor_can_have_are_not_read() {
    let numbers = ["0", "2147483647", "2147483648", "4294967295", "-1", "x"].map(executor_number);
    assert_eq!(numbers, [Some(0), Some(2_147_483_647), None, None, None, None]);
}

#[test]
fn what_was_out_of_memory_is_told_what_it_was_given() {
    let killed = |container: &str, role| {
        let state = json!({"exitCode": 137, "reason": "OOMKilled"});
        let status = json!({"containerStatuses": [terminated(container, state)]});
        super::departure(&serde_json::from_value(status).unwrap(), true, role)
    };
    let given = |what: &str| Some(Departure::OutOfMemory(what.to_owned()));
    assert_eq!(
        killed("executor", Role::Executor),
        given("the executor was killed because it used more memory than spec.executor.memory"),
    );
    assert_eq!(
        killed("task", Role::Task),
        given("the task was killed because it used more memory than its pod has"),
    );
}
