//! Pools share the cluster's nodes.

use std::collections::BTreeSet;

use proffer_test_harness::{Test, tests};
use serde_json::Value;

use crate::cluster::{Alone, Shared, json as get};
use crate::namespace::Namespace;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        two_pools_share_by_weight,
        a_guarantee_is_taken_back,
        a_limit_holds,
        a_namespace_that_a_pool_claims,
        a_pool_that_is_deleted_stays_until_its_jobs_are_gone,
    ]
}

/// So much of a node that few executors fit.
const LARGE: &str = "cpu: 500m, memory: 64Mi, terminationGracePeriodSeconds: 1";

/// A job of tasks that do not end, on as many executors as it can get.
fn endless(pool: &str) -> String {
    format!(
        "{{pool: {pool}, executor: {{instances: 6, {LARGE}}}, \
          stages: [{{name: s, partitions: 6, command: [sleep, '3600']}}]}}"
    )
}

fn ready(job: &Value) -> i64 {
    job["status"]["executors"]["ready"].as_i64().unwrap_or(0)
}

/// How many executors two jobs have when nothing changes any more: all that fit.
fn division(namespace: &Namespace, jobs: [&str; 2], all: i64) -> [i64; 2] {
    let count = || jobs.map(|job| ready(&namespace.json(&format!("sparkjob/{job}"))));
    namespace.until(&format!("{all} executors are ready"), || count().iter().sum::<i64>() == all);
    count()
}

/// How many of the large executors fit beside what is there: two nodes of at least two cpus.
fn places() -> i64 {
    let milli = |quantity: &Value| {
        let text = quantity.as_str().unwrap_or("0");
        match text.strip_suffix('m') {
            Some(milli) => milli.parse().unwrap(),
            None => text.parse::<i64>().unwrap() * 1000,
        }
    };
    let pods = get(&["get", "pods", "-A"]);
    let nodes = get(&["get", "nodes", "-l", "type!=kwok"]);
    let nodes = nodes["items"].as_array().unwrap();
    let free = nodes.iter().map(|node| {
        let name = &node["metadata"]["name"];
        let on = pods["items"].as_array().unwrap().iter().filter(|pod| {
            let ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
            pod["spec"]["nodeName"] == *name && !ended
        });
        let taken: i64 = on
            .flat_map(|pod| pod["spec"]["containers"].as_array().unwrap())
            .map(|container| milli(&container["resources"]["requests"]["cpu"]))
            .sum();
        (milli(&node["status"]["allocatable"]["cpu"]) - taken) / 500
    });
    free.sum()
}

fn two_pools_share_by_weight(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "weights");
    namespace.pool("weights-two", "{weight: 2}");
    namespace.pool("weights-one", "{weight: 1}");
    let all = places().min(12);
    namespace.apply(&format!(
        "{}\n---\n{}",
        crate::namespace::job("two", &endless("weights-two")),
        crate::namespace::job("one", &endless("weights-one"))
    ));
    let [two, one] = division(&namespace, ["two", "one"], all);
    assert!((two - 2 * one).abs() <= 2 || two == 6, "{two} and {one} of {all}");
    let nodes: BTreeSet<String> = namespace
        .executor_pods()
        .iter()
        .map(|pod| pod["spec"]["nodeName"].as_str().unwrap().to_owned())
        .collect();
    assert!(nodes.len() >= 2, "{nodes:?}");
    // The pool says what it holds.
    let pool = namespace.wait("resourcepool/weights-two", "says what it holds", |pool| {
        pool["status"]["runningJobs"] == 1 && pool["status"]["allocated"]["cpu"] != Value::Null
    });
    let held = pool["status"]["allocated"]["cpu"].as_str().unwrap().to_owned();
    assert_eq!(held.parse::<f64>().ok(), Some(f64::from(i32::try_from(two).unwrap()) / 2.0));
    // A job that goes leaves everything to the other one.
    namespace.kubectl(&["delete", "sj", "two", "--timeout=120s"]);
    division(&namespace, ["one", "one"], 2 * all.min(6));
}

fn a_guarantee_is_taken_back(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "guarantee");
    namespace.pool("guarantee-none", "{}");
    let all = places();
    namespace.job(
        "greedy",
        &endless("guarantee-none")
            .replace("instances: 6", "instances: 64")
            .replace("partitions: 6", "partitions: 64"),
    );
    division(&namespace, ["greedy", "greedy"], 2 * all);
    namespace.pool(
        "guarantee-some",
        "{guarantee: {cpu: 1}, idleGuarantee: Lend, \
          reclaim: {gracePeriodSeconds: 1, drainSeconds: 1}}",
    );
    namespace.job(
        "entitled",
        &format!(
            "{{pool: guarantee-some, executor: {{instances: 2, {LARGE}}}, \
              stages: [{{name: s, partitions: 2, command: [sleep, '5']}}]}}"
        ),
    );
    namespace.wait_for_end("entitled", "Complete");
    // What was cut off is nobody's fault, and comes back.
    division(&namespace, ["greedy", "greedy"], 2 * all);
    let status = namespace.status("greedy");
    assert_eq!(status["stages"][0]["failures"], Value::Null);
}

fn a_limit_holds(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "limit");
    namespace.pool("limit-two", "{limit: {cpu: 200m}}");
    namespace.job(
        "j",
        "{pool: limit-two, executor: {instances: 4}, stages: [{name: s, partitions: 4, command: [sleep, '3600']}]}",
    );
    // While pods of tests before this one go, it may wait for room as well.
    namespace.wait("sparkjob/j", "two executors are ready and no more may come", |job| {
        let message = job["status"]["message"].as_str().unwrap_or_default();
        ready(job) == 2 && message.contains("limit")
    });
    assert_eq!(namespace.executor_pods().len(), 2);
    namespace.kubectl(&[
        "patch",
        "rp",
        "limit-two",
        "--type=merge",
        "-p",
        r#"{"spec":{"limit":{"cpu":"300m"}}}"#,
    ]);
    namespace.wait("sparkjob/j", "a third executor is ready", |job| ready(job) == 3);
}

fn a_namespace_that_a_pool_claims(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "claim");
    namespace.pool("claim-mine", &format!("{{namespaces: [{}]}}", namespace.name));
    namespace.until("the pool is known", || {
        namespace.json("resourcepool/claim-mine")["status"]["conditions"].is_array()
    });
    let task = "stages: [{name: s, command: ['true']}]";
    namespace.job("stranger", &format!("{{{task}}}"));
    namespace.wait("sparkjob/stranger", "says which pool it may use", |job| {
        let message = job["status"]["message"].as_str().unwrap_or_default();
        message.contains("may not use pool default") && message.contains("claim-mine")
    });
    namespace.job("mine", &format!("{{pool: claim-mine, {task}}}"));
    namespace.wait_for_end("mine", "Complete");
    // Once the claim is given up, the other one runs as well.
    namespace.kubectl(&[
        "patch",
        "rp",
        "claim-mine",
        "--type=merge",
        "-p",
        r#"{"spec":{"namespaces":null}}"#,
    ]);
    namespace.wait_for_end("stranger", "Complete");
}

fn a_pool_that_is_deleted_stays_until_its_jobs_are_gone(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "kept-pool");
    namespace.pool("kept-pool", "{}");
    namespace.job("j", "{pool: kept-pool, stages: [{name: s, command: [sleep, '3600']}]}");
    namespace.wait("sparkjob/j", "its task runs", |job| job["status"]["stages"][0]["running"] == 1);
    namespace.kubectl(&["delete", "rp", "kept-pool", "--wait=false"]);
    namespace.job("late", "{pool: kept-pool, stages: [{name: s, command: ['true']}]}");
    namespace.wait("sparkjob/late", "says that the pool goes", |job| {
        job["status"]["message"].as_str().is_some_and(|it| it.contains("kept-pool"))
    });
    assert_eq!(namespace.status("j")["state"], "Running");
    namespace.kubectl(&["delete", "sj", "j", "late", "--timeout=120s"]);
    namespace.wait_until_gone("resourcepool/kept-pool");
}
