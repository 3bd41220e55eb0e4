//! The chart's release: upgraded, tested and uninstalled while jobs run.

use proffer_test_harness::{Test, tests};
use serde_json::Value;

use crate::cluster::{Alone, install, json as get, output, run};
use crate::namespace::Namespace;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        upgraded_and_tested_while_a_job_runs,
        uninstalled_while_jobs_run,
        uninstalled_with_its_jobs,
    ]
}

const IN_ITS_NAMESPACE: [&str; 2] = ["--namespace", "proffer-system"];

/// Eight tasks on two executors. The last two wait for a file that the test makes in their pods.
const JOB: &str = r#"
executor: {instances: 2, cores: 2}
stages:
  - name: s
    partitions: 8
    command:
      - sh
      - -c
      - |
        if [ "$PROFFER_PARTITION" -ge 6 ]; then until [ -e /tmp/go ]; do sleep 0.2; done; fi
        echo "$PROFFER_ATTEMPT" > "$PROFFER_RESULT"
"#;

fn wait_until_half_done(namespace: &Namespace, job: &str) {
    namespace.wait(&format!("sparkjob/{job}"), "six tasks finish and two run", |job| {
        let stage = &job["status"]["stages"][0];
        stage["finished"] == "0-5" && stage["running"] == 2
    });
}

/// The uids of the executors' pods.
fn uids(namespace: &Namespace) -> Vec<Value> {
    let pods = namespace.executor_pods();
    let mut uids: Vec<Value> = pods.iter().map(|pod| pod["metadata"]["uid"].clone()).collect();
    uids.sort_by_key(Value::to_string);
    uids
}

/// Lets the tasks that wait go on. The job then ends by first attempts in the pods that it had.
fn check_end(namespace: &Namespace, job: &str) {
    for pod in namespace.executor_pods() {
        let name = pod["metadata"]["name"].as_str().unwrap();
        namespace.kubectl(&["exec", name, "-c", "executor", "--", "touch", "/tmp/go"]);
    }
    let status = namespace.wait_for_end(job, "Complete");
    let stage = &status["stages"][0];
    assert_eq!((&stage["losses"], &stage["failures"]), (&Value::Null, &Value::Null));
    assert_eq!(status["executors"]["failed"], Value::Null);
    let results = stage["results"].as_object().unwrap();
    assert!(results.len() == 8 && results.values().all(|attempt| attempt == "0"), "{stage:#}");
}

fn helm(arguments: &[&str]) -> String {
    output(&[&["helm"], arguments, &IN_ITS_NAMESPACE].concat(), "")
}

/// Upgrades the release, as somebody does who changes one value.
fn upgrade(value: &str) {
    let wait = ["--reuse-values", "--wait", "--timeout", "5m", "--set-string"];
    helm(&[&["upgrade", "proffer", "charts/proffer"], &wait[..], &[value]].concat());
}

/// Has everything installed again when a test is over, however it ends.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        let installed = install();
        assert!(std::thread::panicking() || installed.is_ok(), "{installed:?}");
    }
}

fn upgraded_and_tested_while_a_job_runs(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "upgrade");
    namespace.job("j", JOB);
    wait_until_half_done(&namespace, "j");
    let before = uids(&namespace);
    upgrade("podAnnotations.upgraded=yes");
    assert_eq!(uids(&namespace), before, "executors keep their pods");
    let operators =
        get(&["-n", "proffer-system", "get", "pods", "-l", "app.kubernetes.io/component=operator"]);
    let is_new = |pod: &Value| pod["metadata"]["annotations"]["upgraded"] == "yes";
    assert!(operators["items"].as_array().unwrap().iter().any(is_new), "{operators:#}");
    helm(&["test", "proffer", "--timeout", "2m"]);
    check_end(&namespace, "j");
}

fn uninstalled_while_jobs_run(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "uninstall");
    let installed = Installed;
    namespace.pool("uninstall", "{}");
    namespace.job("j", &format!("pool: uninstall\n{JOB}"));
    wait_until_half_done(&namespace, "j");
    let before = uids(&namespace);
    helm(&["uninstall", "proffer", "--wait", "--timeout", "5m"]);
    let left = get(&["-n", "proffer-system", "get", "deployments,pods,jobs"]);
    let names = |it: &Value| it["metadata"]["name"].as_str().unwrap().to_owned();
    let is_going = |it: &&Value| it["metadata"]["deletionTimestamp"].is_null();
    let left = left["items"].as_array().unwrap();
    let left: Vec<String> = left.iter().filter(is_going).map(names).collect();
    assert!(left.is_empty(), "{left:?}");
    // What people made stays, and nothing of it waits for an operator to be let go.
    assert_eq!(uids(&namespace), before, "executors go on");
    assert_eq!(namespace.json("resourcepool/uninstall")["metadata"]["finalizers"], Value::Null);
    assert_eq!(namespace.json("sparkjob/j")["metadata"]["finalizers"], Value::Null);
    drop(installed);
    assert_eq!(uids(&namespace), before, "the next operator goes on with them");
    check_end(&namespace, "j");
}

fn uninstalled_with_its_jobs(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "uninstall-jobs");
    let installed = Installed;
    namespace.job("j", JOB);
    wait_until_half_done(&namespace, "j");
    let value = ["--set", "uninstall.deleteJobs=true"];
    let wait = ["--reuse-values", "--wait", "--timeout", "5m"];
    helm(&[&["upgrade", "proffer", "charts/proffer"], &wait[..], &value].concat());
    helm(&["uninstall", "proffer", "--wait", "--timeout", "5m"]);
    assert!(namespace.list("sparkjobs").is_empty());
    namespace.until("their pods are gone", || namespace.executor_pods().is_empty());
    assert!(namespace.list("sparkexecutors").is_empty());
    // Definitions stay, with whatever else is stored.
    assert!(run(&["kubectl", "get", "crd", "sparkjobs.proffer.dev"], "").status.success());
    drop(installed);
}
