//! From creation to deletion: jobs that are suspended, deleted, cut off, and what stays of them.

use proffer_test_harness::{Test, tests};
use rustix::process::Signal;
use serde_json::Value;

use crate::cluster::{AloneOnThisMachine, Shared};
use crate::namespace::Namespace;
use crate::processes;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        suspend_and_resume,
        what_was_made_for_a_job_goes_with_it,
        a_job_of_the_same_name,
        a_job_is_deleted_some_time_after_its_end,
        a_deadline,
        pods_that_stay,
        pods_that_go,
        pods_that_stay_if_they_failed,
        a_container_beside_that_never_ends,
        two_jobs_in_a_chain_of_stages,
    ]
}

/// Waits until nothing that was made for jobs is left.
fn wait_until_empty(namespace: &Namespace) {
    namespace.until("nothing is left", || {
        namespace.list("pods").is_empty() && namespace.list("sparkexecutors").is_empty()
    });
}

fn wait_until_running(namespace: &Namespace, tasks: i64) {
    namespace.wait("sparkjob/j", "tasks run", |job| job["status"]["stages"][0]["running"] == tasks);
}

fn suspend_and_resume(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "suspend");
    namespace.job(
        "j",
        r#"{suspend: true, executor: {cores: 2}, stages: [{name: s, partitions: 2, command: [sh, -c,
            'echo "$PROFFER_ATTEMPT" > "$PROFFER_RESULT"; [ "$PROFFER_PARTITION$PROFFER_ATTEMPT" != 10 ] || sleep 3600']}]}"#,
    );
    let suspend = |suspend: bool| {
        let patch = format!(r#"{{"spec":{{"suspend":{suspend}}}}}"#);
        namespace.kubectl(&["patch", "sj", "j", "--type=merge", "-p", &patch]);
    };
    namespace.wait("sparkjob/j", "says that it is suspended", |job| {
        job["status"]["message"].as_str().is_some_and(|message| message.contains("suspend"))
    });
    assert!(namespace.list("pods").is_empty());
    suspend(false);
    namespace.wait("sparkjob/j", "one task finishes and one runs", |job| {
        let stage = &job["status"]["stages"][0];
        stage["finished"] == "0" && stage["running"] == 1
    });
    suspend(true);
    wait_until_empty(&namespace);
    suspend(false);
    let status = namespace.wait_for_end("j", "Complete");
    assert_eq!(status["stages"][0]["results"], serde_json::json!({"0": "0", "1": "1"}));
}

fn what_was_made_for_a_job_goes_with_it(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "delete");
    namespace.job(
        "j",
        "{executor: {instances: 2}, stages: [{name: s, partitions: 2, command: [sleep, '3600']}]}",
    );
    wait_until_running(&namespace, 2);
    namespace.kubectl(&["delete", "sj", "j", "--timeout=120s"]);
    wait_until_empty(&namespace);
}

fn a_job_of_the_same_name(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "again");
    namespace.job("j", "{stages: [{name: s, command: [sleep, '3600']}]}");
    wait_until_running(&namespace, 1);
    let before = namespace.json("sparkjob/j")["metadata"]["uid"].clone();
    namespace.kubectl(&["delete", "sj", "j", "--cascade=background", "--timeout=120s"]);
    namespace
        .job("j", "{stages: [{name: s, command: [sh, -c, 'echo new > \"$PROFFER_RESULT\"']}]}");
    let status = namespace.wait_for_end("j", "Complete");
    assert_eq!(status["stages"][0]["results"]["0"], "new");
    assert_ne!(namespace.json("sparkjob/j")["metadata"]["uid"], before);
    wait_until_empty(&namespace);
}

fn a_job_is_deleted_some_time_after_its_end(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "ttl");
    namespace.job("j", "{ttlSecondsAfterFinished: 3, stages: [{name: s, command: ['true']}]}");
    namespace.wait_for_end("j", "Complete");
    namespace.wait_until_gone("sparkjob/j");
    wait_until_empty(&namespace);
}

fn a_deadline(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "deadline");
    namespace.job("j", "{deadlineSeconds: 5, stages: [{name: s, command: [sleep, '3600']}]}");
    let status = namespace.wait_for_end("j", "Failed");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("5 seconds"), "{message}");
    wait_until_empty(&namespace);
}

const TALKS: &str = "stages: [{name: s, command: [echo, hello from the task]}]";

fn pods_that_stay(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "pods-stay");
    namespace.job("j", &format!("{{podRetention: Always, {TALKS}}}"));
    namespace.wait_for_end("j", "Complete");
    namespace.until("the executor's object is gone", || namespace.list("se").is_empty());
    let pods = namespace.executor_pods();
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0]["status"]["phase"], "Succeeded", "{:#}", pods[0]["status"]);
    let name = pods[0]["metadata"]["name"].as_str().unwrap();
    let log = namespace.kubectl(&["logs", name, "-c", "executor"]);
    assert!(log.contains("hello from the task"), "{log}");
    // They go with the job.
    namespace.kubectl(&["delete", "sj", "j", "--timeout=120s"]);
    wait_until_empty(&namespace);
}

fn pods_that_go(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "pods-go");
    namespace.job("j", &format!("{{podRetention: Never, {TALKS}}}"));
    namespace.wait_for_end("j", "Complete");
    wait_until_empty(&namespace);
}

fn pods_that_stay_if_they_failed(AloneOnThisMachine(turn): AloneOnThisMachine) {
    let namespace = Namespace::new(turn, "pods-failed");
    namespace.job(
        "j",
        r#"{podRetention: OnFailure, stages: [{name: s, command: [sh, -c, '[ "$PROFFER_ATTEMPT" -gt 0 ] || sleep 3600']}]}"#,
    );
    wait_until_running(&namespace, 1);
    let pod = namespace.executor_pods()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let id = processes::with_arguments(&["run", "--kubernetes", &pod]).unwrap();
    processes::send(id, Signal::KILL);
    namespace.wait_for_end("j", "Complete");
    namespace.until("only the failed pod is left", || {
        let pods = namespace.list("pods");
        pods.len() == 1 && pods[0]["metadata"]["name"] == pod.as_str()
    });
    assert_eq!(namespace.json(&format!("pod/{pod}"))["status"]["phase"], "Failed");
}

fn a_container_beside_that_never_ends(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "sidecar");
    let beside = "{name: beside, image: 'busybox:1.37', command: [sleep, '3600']}";
    for (name, retention) in [("stays", "Always"), ("goes", "Never")] {
        namespace.job(
            name,
            &format!(
                "{{podRetention: {retention}, executor: {{template: {{spec: {{containers: [{beside}]}}}}}}, {TALKS}}}"
            ),
        );
        namespace.wait_for_end(name, "Complete");
    }
    // What never ends keeps no pod that has ended.
    namespace.until("no pod runs", || {
        namespace.list("pods").iter().all(|pod| pod["status"]["phase"] != "Running")
    });
    assert!(namespace.list("sparkexecutors").is_empty());
}

fn two_jobs_in_a_chain_of_stages(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "stages");
    for name in ["a", "b"] {
        namespace.job(
            name,
            r#"{executor: {instances: 2, cores: 2}, stages: [
                {name: one, partitions: 8, command: [sh, -c, 'echo "$PROFFER_PARTITION" > "$PROFFER_RESULT"']},
                {name: two, input: {stage: one}, tasks: [{name: sum, command: [sh, -c, 'awk "{s += \$1} END {print s}" > "$PROFFER_RESULT"']}]}]}"#,
        );
    }
    for name in ["a", "b"] {
        let status = namespace.wait_for_end(name, "Complete");
        assert_eq!(status["stages"][1]["results"]["sum"], "28");
        assert_eq!(status["stages"][0]["failures"], Value::Null);
    }
}
