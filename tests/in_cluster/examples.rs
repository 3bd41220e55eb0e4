//! The examples of `manifests/`, as they stand there.

use proffer_test_harness::{Test, tests};

use crate::cluster::{Alone, Shared, kubectl};
use crate::namespace::Namespace;

pub(crate) fn tests() -> Vec<Test> {
    tests![sum_product, word_count, elastic, speculation, pools, reclaim]
}

fn apply_example(namespace: &Namespace, name: &str) {
    namespace.kubectl(&["apply", "-f", &format!("manifests/{name}.yaml")]);
}

fn sum_product(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "sum-product");
    apply_example(&namespace, "sum-product");
    namespace.kubectl(&["wait", "sj/sum-product", "--for=condition=Complete", "--timeout=120s"]);
    let status = namespace.status("sum-product");
    assert_eq!(status["state"], "Succeeded");
    assert_eq!(status["stages"][0]["results"]["sum"], "13");
    assert_eq!(status["stages"][0]["results"]["product"], "42");
    let table = namespace.kubectl(&["get", "sj"]);
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "POOL", "STATE", "EXECUTORS", "TASKS", "AGE"]);
    assert_eq!(rows[1][..5], ["sum-product", "default", "Succeeded", "0/0", "2/2"]);
    let explained = kubectl(&["explain", "sparkjob.spec.executor"]);
    for part in
        ["FIELD: executor <Object>", "memory", "instances", "How many task slots an executor has"]
    {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    // Nothing is left of it but the job.
    namespace.until("executors are gone", || {
        namespace.list("pods").is_empty() && namespace.list("sparkexecutors").is_empty()
    });
}

fn word_count(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "word-count");
    apply_example(&namespace, "word-count");
    let status = namespace.wait_for_end("word-count", "Complete");
    let words = status["stages"][1]["results"]["top-ten"].as_str().unwrap();
    assert!(words.starts_with("19 the\n17 of\n13 was\n"), "{words}");
}

fn elastic(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "elastic");
    apply_example(&namespace, "elastic");
    let status = namespace.wait_for_end("elastic", "Complete");
    assert_eq!(status["tasks"], "13/13");
}

fn speculation(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "speculation");
    apply_example(&namespace, "speculation");
    let status = namespace.wait_for_end("straggler", "Complete");
    assert_eq!(status["stages"][0]["results"]["0"], "attempt 1");
    assert!(status["stages"][0]["speculated"].as_i64() >= Some(1), "{status:#}");
}

fn pools(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "pools");
    namespace.delete_too("resourcepool/analytics");
    namespace.delete_too("resourcepool/research");
    apply_example(&namespace, "pools");
    for (job, result) in [("report", "page 7 on executor "), ("experiment", "try 7 on executor ")] {
        let status = namespace.wait_for_end(job, "Complete");
        let text = status["stages"][0]["results"]["7"].as_str().unwrap();
        assert!(text.starts_with(result), "{text}");
    }
    let pools = kubectl(&["get", "rp", "analytics", "research"]);
    assert!(pools.starts_with("NAME"), "{pools}");
    for object in ["sparkjob/report", "sparkjob/experiment"] {
        namespace.kubectl(&["delete", object]);
    }
    namespace.kubectl(&["delete", "rp", "analytics", "research", "--timeout=60s"]);
}

fn reclaim(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "reclaim");
    namespace.delete_too("resourcepool/research");
    namespace.delete_too("resourcepool/reports");
    apply_example(&namespace, "reclaim");
    namespace.wait_for_end("daily", "Complete");
    let status = namespace.wait_for_end("experiment", "Complete");
    assert_eq!(status["tasks"], "4/4");
}
