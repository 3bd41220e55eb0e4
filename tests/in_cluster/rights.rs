//! Who may do what.

use std::io::Write;

use proffer_test_harness::{Test, tests};
use serde_json::{Value, json};

use crate::cluster::{Shared, kubectl, output, run};
use crate::namespace::Namespace;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        an_executor_writes_only_its_own_status,
        what_executors_need_comes_back,
        what_executors_say_at_length_is_clipped,
        nobody_else_makes_pods_that_are_taken_for_the_operators,
    ]
}

/// How the API server is reached by somebody who has nothing but a token.
pub(crate) struct Stranger {
    /// The API server.
    pub(crate) server: String,
    /// The file with the certificate that it is trusted by.
    pub(crate) authority: tempfile::NamedTempFile,
    namespace: String,
}

impl Stranger {
    pub(crate) fn new(namespace: &Namespace) -> Self {
        let view = kubectl(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]);
        let view: Value = serde_json::from_str(&view).unwrap();
        let cluster = &view["clusters"][0]["cluster"];
        let encoded = cluster["certificate-authority-data"].as_str().unwrap();
        let mut authority = tempfile::NamedTempFile::new().unwrap();
        let decoded = run(&["base64", "-d"], encoded).stdout;
        authority.write_all(&decoded).unwrap();
        let server = cluster["server"].as_str().unwrap().to_owned();
        Self { server, authority, namespace: namespace.name.clone() }
    }

    /// What `kubectl` prints, or says against it.
    fn kubectl(&self, token: &str, arguments: &[&str]) -> Result<String, String> {
        self.kubectl_with(token, arguments, "")
    }

    /// The same with something on its standard input.
    pub(crate) fn kubectl_with(
        &self,
        token: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, String> {
        let authority = self.authority.path().display().to_string();
        let identity = [
            &*format!("--server={}", self.server),
            &*format!("--certificate-authority={authority}"),
            &*format!("--token={token}"),
            "--kubeconfig=/dev/null",
            &*format!("--namespace={}", self.namespace),
        ];
        let output = run(&[&["kubectl"], &identity[..], arguments].concat(), input);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}

fn an_executor_writes_only_its_own_status(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "rights");
    namespace.job(
        "j",
        "{executor: {instances: 2}, stages: [{name: s, partitions: 2, command: [sleep, '3600']}]}",
    );
    namespace.wait("sparkjob/j", "two executors are ready", |job| {
        job["status"]["executors"]["ready"] == 2
    });
    let pods = namespace.executor_pods();
    let names: Vec<&str> =
        pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap()).collect();
    let token = |bound: &[&str]| {
        let token = namespace.kubectl(&[&["create", "token", "default"], bound].concat());
        token.trim().to_owned()
    };
    let own = token(&["--bound-object-kind=Pod", &format!("--bound-object-name={}", names[0])]);
    let free = token(&[]);
    let stranger = Stranger::new(&namespace);
    let report = |token: &str, name: &str| {
        let patch = r#"{"status":{"ready":true}}"#;
        let arguments =
            ["patch", "sparkexecutor", name, "--subresource=status", "--type=merge", "-p", patch];
        stranger.kubectl(token, &arguments)
    };
    report(&own, names[0]).unwrap();
    let other = report(&own, names[1]).unwrap_err();
    assert!(other.contains("an executor reports only in the SparkExecutor"), "{other}");
    let unbound = report(&free, names[0]).unwrap_err();
    assert!(unbound.contains("with the token of that pod"), "{unbound}");
    // What it is told, and the results of others, it can read but not change.
    stranger.kubectl(&own, &["get", "sparkexecutor", names[0]]).unwrap();
    stranger.kubectl(&own, &["get", "sparkjob", "j"]).unwrap();
    for arguments in [
        &["patch", "sparkexecutor", names[0], "--type=merge", "-p", r#"{"spec":{"stop":true}}"#][..],
        &["delete", "sparkexecutor", names[0]],
        &["delete", "sparkjob", "j"],
        &["patch", "sparkjob", "j", "--subresource=status", "--type=merge", "-p", "{}"],
        &["get", "pods"],
        &["get", "secrets"],
        &["get", "sparkjobs", "-A"],
    ] {
        let refused = stranger.kubectl(&own, arguments).unwrap_err();
        assert!(refused.contains("forbidden"), "{arguments:?}: {refused}");
    }
}

/// A job whose tasks end one after the other for a while.
const MANY: &str =
    "{executor: {instances: 2}, stages: [{name: s, partitions: 40, command: [sleep, '1']}]}";

fn what_executors_need_comes_back(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "comes-back");
    namespace.job("j", MANY);
    namespace
        .wait("sparkjob/j", "executors are ready", |job| job["status"]["executors"]["ready"] == 2);
    let binding = "rolebinding/proffer-executor";
    let uid = namespace.json(binding)["metadata"]["uid"].clone();
    namespace.kubectl(&["delete", binding]);
    namespace.until("it is there again", || {
        namespace
            .try_kubectl(&["get", binding, "-o", "jsonpath={.metadata.uid}"])
            .is_some_and(|now| uid != now)
    });
    // Somebody takes the subjects out.
    namespace.kubectl(&["patch", binding, "--type=merge", "-p", r#"{"subjects":[]}"#]);
    namespace.wait(binding, "its subjects are there again", |binding| {
        binding["subjects"].as_array().is_some_and(|subjects| subjects.len() == 1)
    });
    namespace.wait_for_end("j", "Complete");
}

fn what_executors_say_at_length_is_clipped(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "at-length");
    namespace.job(
        "j",
        "{maxTaskFailures: 9, executor: {instances: 1}, stages: [{name: s, partitions: 1, command: [sleep, '3600']}]}",
    );
    namespace.wait("sparkjob/j", "its executor is ready", |job| {
        job["status"]["executors"]["ready"] == 1
    });
    let name = namespace.executor_pods()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let failure = json!({
        "stage": "s", "partition": 0, "attempt": 0, "reason": "Exited", "message": "it failed",
        "stderr": "x".repeat(1_000_000),
    });
    let status = json!({"status": {"report": 1_000_000, "failures": [failure]}}).to_string();
    let patch = ["patch", "sparkexecutor", &name, "--subresource=status", "--type=merge"];
    let file = ["--patch-file=/dev/stdin", "-n", &namespace.name];
    output(&[&["kubectl"], &patch[..], &file].concat(), &status);
    let job = namespace.wait("sparkjob/j", "the failure is stored", |job| {
        job["status"]["failures"][0]["message"] == "it failed"
    });
    assert_eq!(job["status"]["failures"][0]["stderr"].as_str().unwrap().len(), 2048);
}

fn nobody_else_makes_pods_that_are_taken_for_the_operators(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "own-pods");
    let image = "--image=busybox:1.37";
    let forged = "--labels=proffer.dev/job=j,proffer.dev/job-uid=u,proffer.dev/executor-index=0";
    let try_kubectl = |arguments: &[&str]| namespace.try_kubectl(arguments).is_some();
    assert!(!try_kubectl(&["run", "forged", image, forged, "--", "sleep", "1"]));
    assert!(try_kubectl(&["run", "plain", image, "--", "sleep", "3600"]));
    assert!(!try_kubectl(&["label", "pod", "plain", "proffer.dev/job-uid=u"]));
    namespace.job("j", MANY);
    namespace
        .wait("sparkjob/j", "executors are ready", |job| job["status"]["executors"]["ready"] == 2);
    let name = namespace.executor_pods()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    for change in ["proffer.dev/executor-epoch=7", "proffer.dev/job-uid-"] {
        assert!(!try_kubectl(&["label", "--overwrite", "pod", &name, change]), "{change}");
    }
    assert!(try_kubectl(&["label", "pod", &name, "example.com/mine=yes"]));
    assert!(!try_kubectl(&["annotate", "pod", &name, "proffer.dev/mesos-task={}"]));
    namespace.wait_for_end("j", "Complete");
}
