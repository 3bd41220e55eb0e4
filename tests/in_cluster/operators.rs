//! Operators that are killed, paused and restarted while a job runs.

use std::collections::BTreeMap;

use proffer_test_harness::{Test, tests};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::cluster::{Alone, AloneOnThisMachine, json as get, kubectl};
use crate::namespace::Namespace;
use crate::processes;

pub(crate) fn tests() -> Vec<Test> {
    tests![killed_at_ten_moments, paused_for_longer_than_its_lease, rolled_out_anew]
}

/// A hundred tasks of a second on eight slots. The result tells which attempt it is, and no two attempts
/// leave the same.
const HUNDRED_TASKS: &str = r#"
executor: {instances: 4, cores: 2}
stages:
  - name: s
    partitions: 100
    command: [sh, -c, 'sleep 1; echo "$PROFFER_ATTEMPT $(cat /proc/sys/kernel/random/uuid)" > "$PROFFER_RESULT"']
"#;

/// The pod of the operator that decides, by the lease.
pub(crate) fn leader() -> Option<String> {
    let lease = get(&["-n", "proffer-system", "get", "lease", "proffer"]);
    let holder = lease["spec"]["holderIdentity"].as_str()?;
    holder.split_once('_').map(|(pod, _)| pod.to_owned())
}

fn count(ranges: &Value) -> usize {
    let ranges = ranges.as_str().unwrap_or_default().split(',').filter(|it| !it.is_empty());
    ranges
        .map(|range| match range.split_once('-') {
            Some((from, to)) => to.parse::<usize>().unwrap() - from.parse::<usize>().unwrap() + 1,
            None => 1,
        })
        .sum()
}

/// The executors' pods that may run: uid by place.
fn places(namespace: &Namespace) -> BTreeMap<String, String> {
    let mut places = BTreeMap::new();
    for pod in namespace.executor_pods() {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
            continue;
        }
        let place = text(&pod["metadata"]["labels"]["proffer.dev/executor-index"]);
        let second = places.insert(place, text(&pod["metadata"]["uid"]));
        assert!(second.is_none(), "two pods in one place: {pod:#}");
    }
    places
}

/// Results that were seen once stay as they are.
fn compare(seen: &mut BTreeMap<String, Value>, stage: &Value) {
    for (task, result) in stage["results"].as_object().into_iter().flatten() {
        let before = seen.entry(task.clone()).or_insert_with(|| result.clone());
        assert_eq!(before, result, "task {task} has another result than before");
    }
}

/// Every task finished by its only attempt.
fn check_hundred(status: &Value, seen: &mut BTreeMap<String, Value>) {
    let stage = &status["stages"][0];
    assert_eq!((&stage["finished"], &status["tasks"]), (&json!("0-99"), &json!("100/100")));
    assert_eq!((&stage["failures"], &stage["losses"]), (&Value::Null, &Value::Null));
    compare(seen, stage);
    assert_eq!(seen.len(), 100);
    for result in seen.values() {
        assert!(result.as_str().unwrap().starts_with("0 "), "not the first attempt: {result}");
    }
}

fn killed_at_ten_moments(AloneOnThisMachine(turn): AloneOnThisMachine) {
    let namespace = Namespace::new(turn, "killed-operator");
    // They have to last for ten times as long as it takes to lead.
    namespace.job("j", &HUNDRED_TASKS.replace("sleep 1", "sleep 5"));
    let mut seen = BTreeMap::new();
    let mut before = None;
    for moment in 0..10 {
        // The first ones while executors start.
        let job = namespace.wait("sparkjob/j", "tasks finish", |job| {
            moment < 2 || count(&job["status"]["stages"][0]["finished"]) >= moment * 8
        });
        compare(&mut seen, &job["status"]["stages"][0]);
        let pod = leader().unwrap();
        if let Some(id) = processes::of_pod("proffer", &pod) {
            processes::send(id, Signal::KILL);
        }
        // Another pod has no pause before it starts, and the killed process had no time for anything.
        kubectl(&["-n", "proffer-system", "delete", "pod", &pod, "--wait=false"]);
        namespace.until("another operator leads", || leader().is_some_and(|now| now != pod));
        let places = places(&namespace);
        if moment >= 2 {
            let all = before.get_or_insert_with(|| places.clone());
            assert_eq!(*all, places, "executors keep their pods");
        }
    }
    let status = namespace.wait_for_end("j", "Complete");
    check_hundred(&status, &mut seen);
    assert_eq!(status["executors"]["failed"], Value::Null);
    namespace.until("nothing is left", || {
        namespace.list("pods").is_empty() && namespace.list("sparkexecutors").is_empty()
    });
    wait_for_operators(&namespace);
}

fn paused_for_longer_than_its_lease(AloneOnThisMachine(turn): AloneOnThisMachine) {
    let namespace = Namespace::new(turn, "paused-operator");
    wait_for_operators(&namespace);
    namespace.job("j", HUNDRED_TASKS);
    namespace.wait("sparkjob/j", "tasks finish", |job| {
        count(&job["status"]["stages"][0]["finished"]) >= 8
    });
    let before = places(&namespace);
    let pod = leader().unwrap();
    let id = processes::of_pod("proffer", &pod).unwrap();
    processes::send(id, Signal::STOP);
    namespace.until("the other operator leads", || leader().is_some_and(|now| now != pod));
    let next = leader();
    processes::send(id, Signal::CONT);
    namespace.until("the first ends", || processes::of_pod("proffer", &pod) != Some(id));
    let status = namespace.wait_for_end("j", "Complete");
    check_hundred(&status, &mut BTreeMap::new());
    assert_eq!(status["executors"]["failed"], Value::Null);
    assert_eq!(before.len(), 4);
    assert_eq!(leader(), next);
    // The mark is where the lease is.
    namespace.until("one pod is marked", || {
        let marked = get(&["-n", "proffer-system", "get", "pods", "-l", "proffer.dev/leader=true"]);
        let marked = marked["items"].as_array().unwrap();
        marked.len() == 1 && marked[0]["metadata"]["name"].as_str() == next.as_deref()
    });
    wait_for_operators(&namespace);
}

fn rolled_out_anew(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "rolled-operator");
    namespace.job("j", HUNDRED_TASKS);
    namespace.wait("sparkjob/j", "tasks finish", |job| {
        count(&job["status"]["stages"][0]["finished"]) >= 8
    });
    let before = places(&namespace);
    kubectl(&["-n", "proffer-system", "rollout", "restart", "deployment/proffer"]);
    kubectl(&["-n", "proffer-system", "rollout", "status", "deployment/proffer", "--timeout=180s"]);
    let after = places(&namespace);
    assert!(
        after.iter().all(|(place, uid)| before.get(place) == Some(uid)),
        "{before:?} {after:?}"
    );
    let status = namespace.wait_for_end("j", "Complete");
    check_hundred(&status, &mut BTreeMap::new());
}

/// Waits until both operators can take over.
fn wait_for_operators(namespace: &Namespace) {
    namespace.until("both operators are there", both_are_there);
}

/// Whether both operators can take over.
pub(crate) fn both_are_there() -> bool {
    let deployment = get(&["-n", "proffer-system", "get", "deployment", "proffer"]);
    deployment["status"]["availableReplicas"] == 2
}
