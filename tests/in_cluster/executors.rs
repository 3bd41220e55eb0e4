//! Executors that die, one way or another.

use proffer_test_harness::{Test, tests};
use rustix::process::Signal;
use serde_json::Value;

use crate::cluster::{AloneOnThisMachine, Shared};
use crate::namespace::Namespace;
use crate::processes;

pub(crate) fn tests() -> Vec<Test> {
    tests![deleted_pods, killed_processes]
}

/// Six tasks on two executors. Each leaves the number of its attempt and a random number as its result;
/// the last two wait until they are tried again, after somebody ended their executor.
const JOB: &str = r#"
executor: {instances: 2, cores: 2}
stages:
  - name: s
    partitions: 6
    command:
      - sh
      - -c
      - |
        echo "$PROFFER_ATTEMPT $(cat /proc/sys/kernel/random/uuid)" > "$PROFFER_RESULT"
        if [ "$PROFFER_PARTITION" -ge 4 ] && [ "$PROFFER_ATTEMPT" = 0 ]; then sleep 3600; fi
"#;

/// Waits until the tasks that end by themselves have, and the others run.
fn wait_until_half_done(namespace: &Namespace) -> Value {
    let job = namespace.wait("sparkjob/j", "four tasks finish and two run", |job| {
        let stage = &job["status"]["stages"][0];
        stage["finished"] == "0-3" && stage["running"] == 2
    });
    job["status"]["stages"][0]["results"].clone()
}

/// The job succeeds, and what had finished was not run again.
fn check_end(namespace: &Namespace, before: &Value) -> Value {
    let status = namespace.wait_for_end("j", "Complete");
    let stage = &status["stages"][0];
    assert_eq!(stage["finished"], "0-5");
    for task in ["0", "1", "2", "3"] {
        assert_eq!(stage["results"][task], before[task]);
    }
    for task in ["4", "5"] {
        assert!(stage["results"][task].as_str().unwrap().starts_with("1 "), "{stage:#}");
    }
    status
}

fn deleted_pods(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "deleted-pods");
    namespace.job("j", JOB);
    let before = wait_until_half_done(&namespace);
    namespace.kubectl(&["delete", "pods", "--all", "--wait=false"]);
    let status = check_end(&namespace, &before);
    // Nobody is to blame.
    assert_eq!(status["failures"], Value::Null);
    assert_eq!(status["executors"]["failed"], Value::Null);
}

fn killed_processes(AloneOnThisMachine(turn): AloneOnThisMachine) {
    let namespace = Namespace::new(turn, "killed-processes");
    namespace.job("j", JOB);
    let before = wait_until_half_done(&namespace);
    for pod in namespace.executor_pods() {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let id = processes::with_arguments(&["run", "--kubernetes", name]).unwrap();
        processes::send(id, Signal::KILL);
    }
    let status = check_end(&namespace, &before);
    // They exited by themselves, as far as anybody can tell, so their tasks are suspects.
    let failures = status["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 2, "{status:#}");
    for failure in failures {
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains("the executor exited with code 137"), "{message}");
    }
    let events = namespace.kubectl(&["get", "events", "--field-selector=reason=ExecutorExited"]);
    assert!(events.contains("exited with code 137"), "{events}");
}
