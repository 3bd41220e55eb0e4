use super::super::fake::{now, object, objects};
use super::*;

const WAITING: &str = r#"
metadata: {name: report, namespace: team, uid: u1, generation: 2, creationTimestamp: "2026-11-24T11:55:00Z"}
spec: {pool: analytics.dev, priority: 5, stages: []}
status:
  observedGeneration: 1
  state: Pending
  position: 2
  message: "waits for its first executor: limit reached: pool analytics holds cpu 16 of 16"
  tasks: 0/12
  executors: {ready: 0, launched: 0, wanted: 2, summary: 0/2}
  stages: [{name: count, state: Running, tasks: 12}, {name: merge, state: Waiting, tasks: 1}]
  conditions:
  - {type: QuotaReserved, status: "False", reason: LimitReached, message: "limit reached: pool analytics holds cpu 16 of 16", lastTransitionTime: "2026-11-24T11:56:00Z"}
"#;

const POOL: &str = r#"
metadata: {name: analytics.dev}
spec: {}
status: {dominantShare: "0.219", fairShare: "0.5", guaranteeMet: false}
"#;

const FAILING: &str = r#"
metadata: {name: sums, namespace: team, uid: u1, generation: 1, creationTimestamp: "2026-11-24T11:00:00Z"}
spec: {pool: default, stages: []}
status:
  observedGeneration: 1
  state: Running
  message: "runs on 2 of 3 executors: no node has 4 cpu free; largest 3.5"
  tasks: 8/31
  restarts: 1
  startTime: "2026-11-24T11:01:00Z"
  executors: {ready: 1, launched: 2, wanted: 3, failed: 1, preferred: 1, summary: 1/3}
  declinedNodes: [{name: node-1, until: "2026-11-24T12:10:00Z", reason: "2 tasks failed there"}]
  stages:
  - {name: count, state: Running, tasks: 30, running: 3, finished: "0-6,9", failures: {"7": 2}, losses: {"8": 1, "10": 1}}
  failures:
  - {stage: count, task: "7", attempt: 0, reason: Exited, message: the task ended with exit code 1, stderr: "cannot open data\nno such file\n"}
  - {stage: count, task: "7", attempt: 1, reason: OOMKilled, message: the task took more memory than its executor has}
  conditions:
  - {type: QuotaReserved, status: "True", reason: OfferAccepted, message: the job holds resources, lastTransitionTime: "2026-11-24T11:01:00Z"}
  - {type: PodsReady, status: "False", reason: WaitForExecutors, message: 1 of 3 executors are ready, lastTransitionTime: "2026-11-24T11:01:00Z"}
"#;

const EXECUTORS: &str = r#"
metadata: {name: sums-u1-0-0, namespace: team, creationTimestamp: "2026-11-24T11:01:00Z"}
spec: {job: sums, jobUID: u1, node: node-0, index: 0}
status: {ready: true, running: [{stage: count, attempt: 0, ranges: "11-12"}, {stage: count, attempt: 2, ranges: "7"}]}
---
metadata: {name: sums-u1-1-1, namespace: team, creationTimestamp: "2026-11-24T11:59:00Z"}
spec: {job: sums, jobUID: u1, node: node-2, index: 1, epoch: 1}
---
metadata: {name: sums-u0-0-0, namespace: team}
spec: {job: sums, jobUID: u0, node: node-0, index: 0}
---
metadata: {name: others-u1-0-0, namespace: team}
spec: {job: others, jobUID: u2, node: node-0, index: 0}
"#;

#[test]
fn a_job_that_waits() {
    insta::assert_snapshot!(explain(&object(WAITING), Some(&object(POOL)), &[], now()));
}

#[test]
fn a_job_with_failures() {
    let job = object(FAILING);
    let mut executors = objects::<SparkExecutor>(EXECUTORS);
    executors.retain(|executor| is_of(executor, &job));
    insta::assert_snapshot!(explain(&job, None, &executors, now()));
}

#[test]
fn a_job_that_nobody_has_seen() {
    let job = "metadata: {name: new, namespace: team}\nspec: {stages: []}";
    insta::assert_snapshot!(explain(&object(job), None, &[], now()), @r"
    Job:         team/new
    Pool:        default
    State:       no operator has seen it yet
    ");
}

#[test]
fn ended_jobs_decline_no_nodes_and_want_no_executors() {
    let mut job: SparkJob = object(FAILING);
    let status = job.status.as_mut().unwrap();
    status.state = JobState::Succeeded;
    status.executors.failed = 0;
    let text = explain(&job, None, &[], now());
    assert!(!text.contains("node-1") && !text.contains("Executors:"), "{text}");
}

#[test]
fn long_ranges_are_cut_between_numbers() {
    assert_eq!(shorten("0-9,11"), "0-9,11");
    let long: Vec<String> = (0..40).map(|number| (2 * number).to_string()).collect();
    assert_eq!(shorten(&long.join(",")), "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,…");
}

#[test]
fn counts_are_added_up_however_large_they_are() {
    let mut job: SparkJob = object(FAILING);
    let stage = &mut job.status.as_mut().unwrap().stages[0];
    stage.failures = [("7".to_owned(), i32::MAX), ("8".to_owned(), i32::MAX)].into();
    let text = explain(&job, None, &[], now());
    assert!(text.contains("4294967294"), "{text}");
}
