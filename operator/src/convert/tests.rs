use kube::ResourceExt;
use proffer_core::Placement;
use proffer_core::jobs::{JobKey, JobState, Restart, ResultValue, StageState};
use proffer_core::ranges::Ranges;
use proffer_core::view::{JobStatus, PoolProblem, PoolStatus, StageStatus};
use proffer_crds::{ResourcePool, ResourcePoolSpec, SparkJob, SparkJobStatus};
use serde_json::{Value, json};

use super::*;

fn job(spec: &Value) -> SparkJob {
    let object = json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob",
        "metadata": { "name": "j", "namespace": "team" }, "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

/// The problems of a job as `field: message`.
fn problems(spec: &Value) -> Vec<String> {
    let problems = job_spec(&job(spec)).err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
}

#[test]
fn defaults_are_those_of_the_schema() {
    let spec =
        job_spec(&job(&json!({ "stages": [{ "name": "s", "command": ["true"] }] }))).unwrap();
    assert_eq!((&*spec.pool, spec.max_task_failures, spec.priority), ("default", 4, 0));
    assert_eq!((spec.restart, spec.deadline_milliseconds), (None, None));
    assert_eq!((spec.executor.slots, spec.executor.instances), (1, 1));
    let request = vec![("cpu".into(), 1000), ("memory".into(), 1 << 30)];
    assert_eq!(spec.executor.request, request);
    assert_eq!(spec.executor.placement, Placement::Spread);
    assert_eq!((spec.stages[0].tasks, spec.stages[0].slots), (1, 1));
}

#[test]
fn everything_that_is_set_arrives() {
    let spec = job(&json!({
        "pool": "team.a", "priority": 7, "maxTaskFailures": 2, "maxExecutorFailures": 9,
        "deadlineSeconds": 60, "workURI": "file:///work",
        "restartPolicy": { "type": "OnFailure", "onFailureRetries": 5, "onFailureRetryIntervalSeconds": 1 },
        "executor": {
            "cores": 4, "cpu": "1500m", "memory": "2Gi", "instances": 3, "placement": "Pack",
            "gang": { "timeoutSeconds": 30 }, "resources": { "nvidia.com/gpu": 2 },
        },
        "stages": [
            { "name": "read", "command": ["true"], "partitions": 10, "slots": 2, "output": {} },
            { "name": "sum", "tasks": [{ "name": "all", "command": ["true"] }], "input": { "stage": "read" } },
        ],
    }));
    let spec = job_spec(&spec).unwrap();
    assert_eq!((&*spec.pool, spec.priority), ("team.a", 7));
    assert_eq!((spec.max_task_failures, spec.max_executor_failures), (2, Some(9)));
    assert_eq!(spec.deadline_milliseconds, Some(60_000));
    assert_eq!(spec.restart, Some(Restart { retries: 5, interval_milliseconds: 1000 }));
    let executor = spec.executor;
    assert_eq!((executor.slots, executor.instances), (4, 3));
    assert_eq!(executor.gang_timeout_milliseconds, Some(30_000));
    assert_eq!(executor.placement, Placement::Pack);
    let request =
        vec![("cpu".into(), 1500), ("memory".into(), 2 << 30), ("nvidia.com/gpu".into(), 2)];
    assert_eq!(executor.request, request);
    assert_eq!((spec.stages[0].tasks, spec.stages[0].slots), (10, 2));
    assert!(spec.stages[0].commits);
    assert_eq!(spec.stages[1].depends_on, [0]);
    assert_eq!(spec.stages[1].task_name(0), "all");
}

#[test]
fn problems_name_the_field_and_what_is_allowed() {
    let stage =
        |name: &str, on: &[&str]| json!({ "name": name, "command": ["true"], "dependsOn": on });
    let stages = json!({ "stages": [stage("a", &["x"]), stage("b", &["a"])] });
    let expected = "spec.stages[0].dependsOn[0]: there is no stage \"x\"; the stages are: a, b";
    assert_eq!(problems(&stages), [expected]);

    let cycle = json!({ "stages": [stage("z", &[]), stage("a", &["c"]), stage("b", &["a"]), stage("c", &["b"])] });
    let expected = "spec.stages[1].dependsOn: these stages wait for each other and would never \
                    start: a → c → b → a";
    assert_eq!(problems(&cycle), [expected]);

    let itself =
        json!({ "stages": [{ "name": "a", "command": ["true"], "input": { "stage": "a" } }] });
    let expected = "spec.stages[0].input.stage: these stages wait for each other and would never \
                    start: a → a";
    assert_eq!(problems(&itself), [expected]);

    let twice = json!({ "stages": [stage("a", &[]), stage("a", &[])] });
    assert_eq!(problems(&twice), ["spec.stages[1].name: there is another stage \"a\""]);

    let slots = json!({ "stages": [{ "name": "a", "command": ["true"], "slots": 3 }] });
    let expected =
        "spec.stages[0].slots: a task takes 3 slots, but an executor has 1 (spec.executor.cores)";
    assert_eq!(problems(&slots), [expected]);

    let unplaced = json!({ "stages": [
        { "name": "a", "command": ["true"], "output": {}, "input": { "uri": "data/*.txt" } },
    ] });
    let found = problems(&unplaced);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|problem| problem.contains("needs spec.workURI")), "{found:?}");
    assert_eq!(problems(&json!({ "stages": [] })), ["spec.stages: a job has at least one stage"]);
}

#[test]
fn pools_are_read_and_checked() {
    let mut pool = ResourcePool::new("a.dev", ResourcePoolSpec::default());
    pool.spec.weight = "0.5".parse().unwrap();
    pool.spec.guarantee.insert("cpu".to_owned(), "4".parse().unwrap());
    pool.spec.limit.insert("memory".to_owned(), "1Gi".parse().unwrap());
    let observed = pool_observation(&pool);
    assert_eq!((&*observed.name, observed.weight), ("a.dev", 500));
    assert_eq!(observed.guarantee, [("cpu".into(), 4000)]);
    assert_eq!(observed.limit, [("memory".into(), 1 << 30)]);
    assert_eq!(pool_problems(&pool), []);
    assert_eq!(observed.reclaim, proffer_core::event::ReclaimRules::default());
    pool.spec.idle_guarantee = proffer_crds::pool::IdleGuarantee::Lend;
    pool.spec.reclaim.policy = Some(proffer_crds::pool::ReclaimPolicy::Never);
    pool.spec.reclaim.drain_seconds = Some(7);
    let observed = pool_observation(&pool);
    assert_eq!(observed.idle_guarantee, proffer_core::event::IdleGuarantee::Lend);
    assert_eq!(observed.reclaim.policy, Some(proffer_core::event::ReclaimPolicy::Never));
    let reclaim = observed.reclaim;
    assert_eq!((reclaim.grace_milliseconds, reclaim.drain_milliseconds), (None, Some(7000)));
    pool.spec.limit.insert("cpu".to_owned(), "3500m".parse().unwrap());
    let message = "a guarantee of 4 cpu is above the limit of 3500m";
    assert_eq!(pool_problems(&pool), [Problem::new("spec.guarantee.cpu", message)]);
    assert_eq!(pool.name_any(), "a.dev");
}

fn status(state: JobState, launched: u32) -> JobStatus {
    JobStatus {
        key: JobKey { namespace: "team".into(), name: "j".into() },
        uid: "1".into(),
        generation: 3,
        state,
        reason: None,
        message: None,
        position: None,
        restarts: 0,
        started_at: Some(1_000_500),
        ended_at: state.is_final().then_some(2_000_000),
        executors_ready: launched,
        executors_launched: launched,
        executors_wanted: 2,
        executors_failed: 0,
        stages: vec![StageStatus {
            name: "s".into(),
            state: StageState::Running,
            tasks: 3,
            running: 1,
            finished: Ranges::up_to(2),
            committed: false,
            failures: [(2, 1)].into(),
            losses: [].into(),
            results: [
                ("0".to_owned(), ResultValue::Inline("seven".to_owned())),
                ("1".to_owned(), ResultValue::Uri("file:///w/_proffer/1/results/s/1".to_owned())),
            ]
            .into(),
        }],
        failures: Vec::new(),
    }
}

#[test]
fn statuses_are_written_as_the_api_has_them() {
    let status = job_status(&status(JobState::Running, 2), &[], 5_000_000);
    let written = serde_json::to_value(&status).unwrap();
    assert_eq!(written["state"], "Running");
    assert_eq!(written["tasks"], "2/3");
    assert_eq!(written["executors"]["summary"], "2/2");
    assert_eq!(written["startTime"], "1970-01-01T00:16:40Z");
    assert_eq!(written["observedGeneration"], 3);
    let stage = &written["stages"][0];
    assert_eq!(stage["finished"], "0-1");
    assert_eq!(stage["failures"], json!({ "2": 1 }));
    assert_eq!(stage["results"], json!({ "0": "seven" }));
    assert_eq!(stage["resultsURI"], "file:///w/_proffer/1/results/s/");
}

#[test]
fn conditions_change_their_time_only_with_their_status() {
    let condition = |status: &SparkJobStatus, kind: &str| {
        let found = status.conditions.iter().find(|condition| condition.type_ == kind);
        found.map(|found| (found.status.clone(), found.last_transition_time.0.as_second()))
    };
    let waiting = job_status(&status(JobState::Pending, 0), &[], 1_000_000);
    assert_eq!(condition(&waiting, "QuotaReserved"), Some(("False".to_owned(), 1000)));
    let first = job_status(&status(JobState::Running, 1), &waiting.conditions, 2_000_000);
    assert_eq!(condition(&first, "QuotaReserved"), Some(("True".to_owned(), 2000)));
    assert_eq!(condition(&first, "PodsReady"), Some(("False".to_owned(), 1000)));
    let second = job_status(&status(JobState::Running, 2), &first.conditions, 3_000_000);
    assert_eq!(condition(&second, "QuotaReserved"), Some(("True".to_owned(), 2000)));
    assert_eq!(condition(&second, "PodsReady"), Some(("True".to_owned(), 3000)));
    let end = job_status(&status(JobState::Succeeded, 0), &second.conditions, 4_000_000);
    assert_eq!(condition(&end, "Complete"), Some(("True".to_owned(), 4000)));
    assert_eq!(condition(&end, "Finished"), Some(("True".to_owned(), 4000)));
    assert_eq!(condition(&end, "Failed"), None);
}

#[test]
fn pool_statuses_are_written_as_the_api_has_them() {
    let status = PoolStatus {
        name: "a".into(),
        declared: true,
        allocated: vec![("cpu".into(), 1500), ("memory".into(), 2 << 30)],
        dominant_share: proffer_core::share::Share::new(1, 3),
        problems: vec![PoolProblem { reason: "AboveLimit", message: "too much".to_owned() }],
        guarantee_met: false,
        running_jobs: 1,
        pending_jobs: 2,
    };
    let written = serde_json::to_value(pool_status(&status, &[], Some(1), 0)).unwrap();
    assert_eq!(written["allocated"], json!({ "cpu": "1500m", "memory": "2Gi" }));
    assert_eq!(written["dominantShare"], "0.333");
    let (active, met) = (&written["conditions"][0], &written["conditions"][1]);
    assert_eq!((&active["type"], &active["status"]), (&json!("Active"), &json!("True")));
    assert_eq!((&active["reason"], &active["message"]), (&json!("AboveLimit"), &json!("too much")));
    assert_eq!((&met["type"], &met["status"]), (&json!("GuaranteeMet"), &json!("False")));
}

#[test]
fn quantities_of_any_resource_go_both_ways() {
    for (name, text) in [("cpu", "250m"), ("memory", "3Mi"), ("nvidia.com/gpu", "2")] {
        let read: Quantity = text.parse().unwrap();
        assert_eq!(quantity(name, amount(name, &read)).as_str(), text);
    }
}
