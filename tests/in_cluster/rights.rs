//! Who may do what.

use std::io::Write;

use proffer_test_harness::{Test, tests};
use serde_json::Value;

use crate::cluster::{Shared, kubectl, run};
use crate::namespace::Namespace;

pub(crate) fn tests() -> Vec<Test> {
    tests![an_executor_writes_only_its_own_status]
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
