use kube::ResourceExt;
use proffer_core::action::{Launch, Search};
use proffer_core::jobs::{
    DeclinedNode, Elastic, ExcludeOnFailure, JobKey, JobSpec, JobState, PreferredNodes, Restart,
    ResultValue, Speculation, StageState,
};
use proffer_core::ranges::Ranges;
use proffer_core::reasons::Reason;
use proffer_core::time::{Span, Time};
use proffer_core::view::{JobStatus, PoolProblem, PoolStatus, StageStatus};
use proffer_core::{ExecutorKey, Placement};
use proffer_crds::SparkExecutor;
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
    assert_eq!((spec.executor.elastic, spec.executor.exclude_on_failure), (None, None));
    assert_eq!(spec.executor.preferred, PreferredNodes::default());
    assert_eq!(spec.speculation, None);
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
    assert_eq!(spec.deadline_milliseconds, Some(Span::from_seconds(60)));
    assert_eq!(
        spec.restart,
        Some(Restart { retries: 5, interval_milliseconds: Span::from_seconds(1) })
    );
    let executor = spec.executor;
    assert_eq!((executor.slots, executor.instances), (4, 3));
    assert_eq!(executor.gang_timeout_milliseconds, Some(Span::from_seconds(30)));
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
fn what_is_given_empty_has_the_defaults_of_spark() {
    let spec = job(&json!({
        "executor": { "maxInstances": 7, "excludeOnFailure": {} },
        "speculation": {},
        "stages": [{ "name": "s", "command": ["true"] }],
    }));
    let spec = job_spec(&spec).unwrap();
    assert_eq!(spec.speculation, Some(Speculation::default()));
    assert_eq!(spec.executor.exclude_on_failure, Some(ExcludeOnFailure::default()));
    let elastic = Elastic { min_instances: 0, idle_timeout_milliseconds: Span::from_seconds(60) };
    assert_eq!((spec.executor.instances, spec.executor.elastic), (7, Some(elastic)));
}

#[test]
fn how_a_job_grows_speculates_and_chooses_nodes_arrives() {
    let spec = job(&json!({
        "executor": {
            "minInstances": 2, "maxInstances": 7, "idleTimeoutSeconds": 5,
            "preferredNodes": ["n1", "n2"], "preferredNodeSelector": { "disk": "ssd" },
            "localityWaitSeconds": 4,
            "excludeOnFailure": { "maxFailuresPerNode": 3, "excludeSeconds": 9 },
        },
        "speculation": { "quantile": "0.75", "multiplier": "1.5", "minTaskRuntimeSeconds": 2 },
        "stages": [{ "name": "s", "command": ["true"] }],
    }));
    let JobSpec { executor, speculation, .. } = job_spec(&spec).unwrap();
    let elastic = Elastic { min_instances: 2, idle_timeout_milliseconds: Span::from_seconds(5) };
    assert_eq!((executor.instances, executor.elastic), (7, Some(elastic)));
    let preferred = PreferredNodes {
        names: vec!["n1".into(), "n2".into()],
        labels: vec![("disk".into(), "ssd".into())],
        wait_milliseconds: Span::from_seconds(4),
    };
    assert_eq!(executor.preferred, preferred);
    let exclude =
        ExcludeOnFailure { max_failures_per_node: 3, exclude_milliseconds: Span::from_seconds(9) };
    assert_eq!(executor.exclude_on_failure, Some(exclude));
    let expected = Speculation {
        quantile_milli: 750,
        multiplier_milli: 1500,
        min_task_runtime_milliseconds: Span::from_seconds(2),
    };
    assert_eq!(speculation, Some(expected));
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
    assert_eq!(
        (reclaim.grace_milliseconds, reclaim.drain_milliseconds),
        (None, Some(Span::from_seconds(7)))
    );
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
        revision: 1,
        state,
        reason: None,
        message: None,
        position: None,
        restarts: 0,
        started_at: Some(Time::from_milliseconds(1_000_500)),
        ended_at: state.is_final().then_some(Time::from_milliseconds(2_000_000)),
        executors_ready: launched,
        executors_launched: launched,
        executors_wanted: 2,
        executors_failed: 0,
        executors_preferred: Some(1),
        declined_nodes: vec![DeclinedNode {
            node: "n1".into(),
            until: Time::from_milliseconds(3_000_000),
            reason: "2 tasks failed on it".to_owned(),
        }],
        epochs: [].into(),
        gang_formed: false,
        stages: vec![StageStatus {
            name: "s".into(),
            state: StageState::Running,
            tasks: 3,
            running: 2,
            speculative: 1,
            speculated: 4,
            finished: Ranges::up_to(2),
            committed: false,
            failures: [(2, 1)].into(),
            losses: [].into(),
            other_attempts: [(2, 4)].into(),
            older_attempts: [(2, 3)].into(),
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
    let status = job_status(&status(JobState::Running, 2), &[], Time::from_milliseconds(5_000_000));
    let written = serde_json::to_value(&status).unwrap();
    assert_eq!(written["state"], "Running");
    assert_eq!(written["tasks"], "2/3");
    assert_eq!(written["executors"]["summary"], "2/2");
    assert_eq!(written["startTime"], "1970-01-01T00:16:40Z");
    assert_eq!(written["observedGeneration"], 3);
    let stage = &written["stages"][0];
    assert_eq!(stage["finished"], "0-1");
    assert_eq!(stage["failures"], json!({ "2": 1 }));
    assert_eq!(stage["otherAttempts"], json!([{ "count": 4, "ranges": "2" }]));
    assert_eq!(stage["olderAttempts"], json!([{ "count": 3, "ranges": "2" }]));
    assert_eq!((&stage["speculative"], &stage["speculated"]), (&json!(1), &json!(4)));
    assert_eq!(written["executors"]["preferred"], 1);
    let declined = json!({
        "name": "n1", "until": "1970-01-01T00:50:00Z", "reason": "2 tasks failed on it",
    });
    assert_eq!(written["declinedNodes"], json!([declined]));
    assert_eq!(stage["results"], json!({ "0": "seven" }));
    assert_eq!(stage["resultsURI"], "file:///w/_proffer/1/results/s/");
}

#[test]
fn conditions_change_their_time_only_with_their_status() {
    let condition = |status: &SparkJobStatus, kind: &str| {
        let found = status.conditions.iter().find(|condition| condition.type_ == kind);
        found.map(|found| (found.status.clone(), found.last_transition_time.0.as_second()))
    };
    let waiting =
        job_status(&status(JobState::Pending, 0), &[], Time::from_milliseconds(1_000_000));
    assert_eq!(condition(&waiting, "QuotaReserved"), Some(("False".to_owned(), 1000)));
    let first = job_status(
        &status(JobState::Running, 1),
        &waiting.conditions,
        Time::from_milliseconds(2_000_000),
    );
    assert_eq!(condition(&first, "QuotaReserved"), Some(("True".to_owned(), 2000)));
    assert_eq!(condition(&first, "PodsReady"), Some(("False".to_owned(), 1000)));
    let second = job_status(
        &status(JobState::Running, 2),
        &first.conditions,
        Time::from_milliseconds(3_000_000),
    );
    assert_eq!(condition(&second, "QuotaReserved"), Some(("True".to_owned(), 2000)));
    assert_eq!(condition(&second, "PodsReady"), Some(("True".to_owned(), 3000)));
    let end = job_status(
        &status(JobState::Succeeded, 0),
        &second.conditions,
        Time::from_milliseconds(4_000_000),
    );
    assert_eq!(condition(&end, "Complete"), Some(("True".to_owned(), 4000)));
    assert_eq!(condition(&end, "Finished"), Some(("True".to_owned(), 4000)));
    assert_eq!(condition(&end, "Failed"), None);
}

#[test]
fn what_is_durable_of_a_job_comes_back() {
    let mut given = status(JobState::Failed, 0);
    given.reason = Some(Reason::TaskFailed);
    given.message = Some("task 2 failed".to_owned());
    (given.restarts, given.executors_failed, given.gang_formed) = (2, 1, true);
    given.epochs = [(0, 3), (1, 1), (2, 1)].into();
    given.started_at = Some(Time::from_milliseconds(1_000_000));
    given.stages[0].losses = [(1, 4)].into();
    given.stages[0].other_attempts = [(0, 1), (1, 1), (2, 7)].into();
    let stages = json!([{ "name": "s", "command": ["true"], "partitions": 3 }]);
    let mut object = job(&json!({ "stages": stages }));
    object.metadata.uid = Some("1".to_owned());
    assert_eq!(restored_status(&object), None);
    let written = job_status(&given, &[], Time::from_milliseconds(5_000_000));
    let counted = serde_json::to_value(&written).unwrap()["executorEpochs"].clone();
    assert_eq!(counted, json!([{ "count": 1, "ranges": "1-2" }, { "count": 3, "ranges": "0" }]));
    object.status = Some(written);
    let restored = restored_status(&object).unwrap();
    // Soft state is not kept.
    (given.executors_wanted, given.stages[0].running, given.revision) = (0, 0, 0);
    (given.executors_preferred, given.stages[0].speculative) = (None, 0);
    given.declined_nodes.clear();
    assert_eq!(restored, given);
}

#[test]
fn executors_are_read_as_they_were_launched() {
    let mut object = job(&json!({ "pool": "a.dev", "stages": [] }));
    object.metadata.uid = Some("1".to_owned());
    let job_key = JobKey { namespace: "team".into(), name: "j".into() };
    let key = ExecutorKey { job: job_key, index: 2, epoch: 3 };
    let launch = Launch { key: key.clone(), node: Some("n".into()), search: Search::default() };
    let request = vec![("cpu".into(), 1500), ("memory".into(), 1 << 30)];
    let mut executor = SparkExecutor::new("e", launched_spec(&launch, &object, &request));
    executor.metadata.namespace = Some("team".to_owned());
    let observed = executor_observation(&executor);
    assert_eq!((observed.key, &*observed.job_uid), (key, "1"));
    assert_eq!((&*observed.pool, observed.node.as_deref()), ("a.dev", Some("n")));
    assert_eq!((observed.request, observed.terminating), (request, false));
}

#[test]
fn pool_statuses_are_written_as_the_api_has_them() {
    let status = PoolStatus {
        name: "a".into(),
        declared: true,
        offered: Vec::new(),
        allocated: vec![("cpu".into(), 1500), ("memory".into(), 2 << 30)],
        dominant_share: proffer_core::share::Share::new(1, 3),
        fair_share: proffer_core::share::Share::new(1, 2),
        problems: vec![PoolProblem {
            reason: "AboveLimit",
            message: "too much".to_owned(),
            is_fatal: false,
        }],
        guarantee_met: false,
        reserved: vec![("nvidia.com/gpu".into(), 4)],
        deleting: false,
        in_use: true,
        running_jobs: 1,
        pending_jobs: 2,
    };
    let written = serde_json::to_value(pool_status(&status, &[], Some(1), Time::ZERO)).unwrap();
    assert_eq!(written["allocated"], json!({ "cpu": "1500m", "memory": "2Gi" }));
    assert_eq!(written["dominantShare"], "0.333");
    assert_eq!((&written["fairShare"], &written["guaranteeMet"]), (&json!("0.500"), &json!(false)));
    assert_eq!(written["reserved"], json!({ "nvidia.com/gpu": "4" }));
    let (active, met) = (&written["conditions"][0], &written["conditions"][1]);
    assert_eq!((&active["type"], &active["status"]), (&json!("Active"), &json!("True")));
    assert_eq!((&active["reason"], &active["message"]), (&json!("AboveLimit"), &json!("too much")));
    assert_eq!((&met["type"], &met["status"]), (&json!("GuaranteeMet"), &json!("False")));
    let message = "no node matches zone=x".to_owned();
    let problems = vec![PoolProblem { reason: "NoNodeMatches", message, is_fatal: true }];
    let status = PoolStatus { problems, ..status };
    let written = serde_json::to_value(pool_status(&status, &[], Some(1), Time::ZERO)).unwrap();
    assert_eq!(written["conditions"][0]["status"], "False");
    assert_eq!(written["conditions"][0]["message"], "no node matches zone=x");
    let status = PoolStatus { deleting: true, ..status };
    let written = serde_json::to_value(pool_status(&status, &[], Some(1), Time::ZERO)).unwrap();
    assert_eq!(written["conditions"][0]["reason"], "Deleting");
}

#[test]
fn quantities_of_any_resource_go_both_ways() {
    for (name, text) in [("cpu", "250m"), ("memory", "3Mi"), ("nvidia.com/gpu", "2")] {
        let read: Quantity = text.parse().unwrap();
        assert_eq!(quantity(name, amount(name, &read)).as_str(), text);
    }
}

#[test]
fn what_pools_and_jobs_say_about_nodes_arrives() {
    use proffer_core::event::{TaintEffect, Toleration, TolerationOperator};
    let spec = json!({
        "nodeSelector": { "zone": "a" },
        "reservations": [{ "nodeSelector": { "disk": "ssd" }, "resources": { "cpu": "1500m" } }],
        "namespaces": ["team-a"],
        "elastic": { "upTo": { "cpu": 8 } },
    });
    let mut pool = ResourcePool::new("a", serde_json::from_value(spec).unwrap());
    let observed = pool_observation(&pool);
    let label = |key: &str, value: &str| (key.into(), value.into());
    assert_eq!(observed.node_selector, [label("zone", "a")]);
    assert_eq!(observed.reservations[0].node_selector, [label("disk", "ssd")]);
    assert_eq!(observed.reservations[0].resources, [("cpu".into(), 1500)]);
    assert_eq!(observed.namespaces, ["team-a".into()]);
    assert_eq!(observed.elastic, Some(vec![("cpu".into(), 8000)]));
    assert!(!observed.deleting);
    pool.metadata.deletion_timestamp = time(Time::from_milliseconds(1000));
    assert!(pool_observation(&pool).deleting);
    let spec = job_spec(&job(&json!({
        "stages": [{ "name": "s", "command": ["true"] }],
        "executor": {
            "nodeSelector": { "kubernetes.io/arch": "arm64" },
            "tolerations": [{ "key": "gpu", "operator": "Exists", "effect": "NoExecute" }],
        },
    })));
    let executor = spec.unwrap().executor;
    assert_eq!(executor.node_selector, [label("kubernetes.io/arch", "arm64")]);
    let toleration = Toleration {
        key: "gpu".into(),
        operator: TolerationOperator::Exists,
        value: "".into(),
        effect: Some(TaintEffect::NoExecute),
    };
    assert_eq!(executor.tolerations, [toleration]);
}

#[test]
fn selectors_that_can_match_nothing_are_named() {
    let pool = |name: &str, spec: &Value| {
        ResourcePool::new(name, serde_json::from_value(spec.clone()).unwrap())
    };
    let text = |problems: Vec<Problem>| -> Vec<String> {
        problems.into_iter().map(|found| format!("{}: {}", found.field, found.message)).collect()
    };
    let above = pool("a", &json!({ "nodeSelector": { "zone": "a" } }));
    let below = pool("a.dev", &json!({ "nodeSelector": { "zone": "b", "disk": "ssd" } }));
    let expected = "spec.nodeSelector.zone: no node matches: pool \"a\", which is above this one, uses \
                    only nodes with zone=a";
    assert_eq!(text(pool_family_problems(&below, &[above.clone(), below.clone()])), [expected]);
    assert_eq!(text(pool_family_problems(&above, &[above.clone(), below])), [""; 0]);
    let reservations = json!([{ "nodeSelector": { "zone": "b" }, "resources": { "cpu": 1 } }]);
    let spec = json!({ "nodeSelector": { "zone": "a", "-": "x" }, "reservations": reservations });
    let expected = [
        "spec.nodeSelector.-: \"-\" is not the key of a label, such as zone or example.com/zone",
        "spec.reservations[0].nodeSelector.zone: no node matches: the pool uses only nodes with \
         zone=a (spec.nodeSelector)",
    ];
    assert_eq!(text(pool_problems(&pool("a", &spec))), expected);
    for (key, value) in [("a/b/c", "x"), ("A.b/c", "x"), ("x", "a/b"), ("", "x"), ("x/", "")] {
        assert!(label_problem(key, value).is_some(), "{key}={value}");
    }
    for (key, value) in [("kubernetes.io/arch", "arm64"), ("a", ""), ("A_b.c-d", "1.2_3")] {
        assert_eq!(label_problem(key, value), None, "{key}={value}");
    }
}
