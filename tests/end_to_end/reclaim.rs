//! Pools that take back what others hold, and nodes that are emptied, with tasks that end when the
//! test says so.

use proffer_test_harness::{Test, tests};
use serde_json::Value;

use crate::run::{Ended, Folder, Running};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_pool_takes_its_share_back_from_tasks_that_do_not_end,
        what_ends_while_it_drains_is_not_run_again,
        a_node_is_empty_when_its_maintenance_starts,
        executors_drain_in_the_minute_before_a_maintenance,
    ]
}

/// Two pools, of which the second takes its share back at once. The job of the second one fails at
/// first, and when it comes again the other one has everything. Its tasks end when there is a file
/// `done`.
const TWO_POOLS: &str = r"
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: first}
spec: {}
---
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: second}
spec: {reclaim: {policy: FairShare, gracePeriodSeconds: 0, drainSeconds: DRAIN}}
---
apiVersion: proffer.dev/v1alpha1
kind: SparkJob
metadata: {name: borrower}
spec:
  pool: first
  executor: {instances: 2, memory: 64Mi, terminationGracePeriodSeconds: 1}
  stages:
    - name: long
      partitions: 2
      command:
        - sh
        - -c
        - echo $PROFFER_ATTEMPT >> started-$PROFFER_PARTITION; until [ -e done ]; do sleep 0.02; done
---
apiVersion: proffer.dev/v1alpha1
kind: SparkJob
metadata: {name: latecomer}
spec:
  pool: second
  maxTaskFailures: 1
  restartPolicy: {type: OnFailure, onFailureRetryIntervalSeconds: 5}
  executor: {memory: 64Mi}
  stages:
    - name: short
      command: [sh, -c, '[ -e here ] || { touch here; exit 1; }; touch served']
";

fn start(folder: &Folder, drain_seconds: u32) -> Running {
    folder.write("jobs.yaml", TWO_POOLS.replace("DRAIN", &drain_seconds.to_string()));
    folder.start(&["local", "-o", "json", "--nodes", "2cpu,1Gi", "jobs.yaml"])
}

/// Checks that everything succeeded and that nothing is held against the borrower.
#[track_caller]
fn check(ended: Ended) {
    let ended = ended.expect_code(0);
    let list: Value = serde_json::from_str(&ended.stdout).unwrap();
    let jobs = list["items"].as_array().unwrap();
    let borrower = jobs.iter().find(|item| item["metadata"]["name"] == "borrower").unwrap();
    assert_eq!(borrower["status"]["state"], "Succeeded");
    assert_eq!(borrower["status"]["failures"], Value::Null, "{borrower}");
    assert_eq!(borrower["status"]["executors"]["failed"], Value::Null, "{borrower}");
}

/// The attempts at the borrower's tasks.
fn attempts(folder: &Folder) -> Vec<String> {
    let started = folder.read("started-0") + &folder.read("started-1");
    let mut attempts: Vec<String> = started.lines().map(str::to_owned).collect();
    attempts.sort();
    attempts
}

fn a_pool_takes_its_share_back_from_tasks_that_do_not_end() {
    let folder = Folder::new();
    let mut running = start(&folder, 0);
    running.wait_for(&["latecomer: succeeded"]);
    assert!(!folder.path().join("done").exists() && folder.path().join("served").exists());
    folder.write("done", "");
    check(running.wait());
    assert_eq!(attempts(&folder), ["0", "0", "1"], "one was cut off and ran again");
}

fn what_ends_while_it_drains_is_not_run_again() {
    let folder = Folder::new();
    let mut running = start(&folder, 3600);
    running.wait_for(&[
        "latecomer: waits for its first executor: waits for 1 executor of pool first to drain by",
        "borrower: 1 executor drains by",
    ]);
    assert!(!folder.path().join("served").exists());
    folder.write("done", "");
    check(running.wait());
    assert_eq!(attempts(&folder), ["0", "0"]);
    assert!(folder.path().join("served").exists());
}

fn a_node_is_empty_when_its_maintenance_starts() {
    let folder = Folder::new();
    folder.job(
        r"
executor: {memory: 64Mi, placement: Pack, terminationGracePeriodSeconds: 1}
stages:
  - name: s
    command: [sh, -c, 'echo $PROFFER_ATTEMPT >> started; [ -e done ]']
",
    );
    let nodes = ["--nodes", "1cpu,1Gi", "--nodes", "1cpu,1Gi", "--maintenance", "node-0=1"];
    let arguments: Vec<&str> =
        ["local", "-o", "json"].into_iter().chain(nodes).chain(["job.yaml"]).collect();
    folder.write("done", "");
    let ended = folder.run(&arguments).expect_code(0);
    assert!(
        ended.stderr.contains("node-0: empty for maintenance in 1 seconds"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.status()["state"], "Succeeded");
    // Within the minute before, nothing goes there: the job is on the other node from the start.
    assert_eq!(folder.read("started"), "0\n");
    let unknown = folder.run(&["local", "--nodes", "1cpu,1Gi", "--maintenance", "n=1", "job.yaml"]);
    let unknown = unknown.expect_code(2);
    assert_eq!(unknown.stderr, "--maintenance: there is no node \"n\"; the nodes are: node-0\n");
}

fn executors_drain_in_the_minute_before_a_maintenance() {
    let folder = Folder::new();
    folder.job("stages: [{name: s, command: [sh, -c, 'until [ -e done ]; do sleep 0.02; done']}]");
    let mut running = folder.start(&[
        "local",
        "-o",
        "json",
        "--nodes",
        "1cpu,1Gi",
        "--maintenance",
        "node-0=62,600",
        "job.yaml",
    ]);
    running.wait_for(&["Z: its node's maintenance comes"]);
    folder.write("done", "");
    running.wait().expect_code(0);
}
