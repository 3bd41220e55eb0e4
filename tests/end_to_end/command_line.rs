//! What the commands that ask a cluster do before they ask it, and without one.

use std::process::Command;

use proffer_test_harness::{Test, tests};

use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        kubectl_finds_it_as_a_plugin,
        without_a_cluster_they_say_where_it_is_looked_for,
        a_cluster_that_does_not_answer_is_an_error,
        wrong_arguments_are_refused_before,
        waiting_for_a_cluster_that_does_not_answer_ends_in_time,
    ]
}

/// A kubeconfig of a cluster that does not answer: nobody listens on port 1.
const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: c, user: u, namespace: team}}]
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: u, user: {}}]
";

fn kubectl_finds_it_as_a_plugin() {
    let folder = Folder::new();
    let plugin = folder.path().join("kubectl-proffer");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_proffer-under-test"), &plugin).unwrap();
    let output = Command::new(plugin).args(["wait", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Usage: kubectl proffer wait [OPTIONS] <JOB>"), "{help}");
}

fn without_a_cluster_they_say_where_it_is_looked_for() {
    let folder = Folder::new();
    for command in
        [&["jobs"][..], &["pools"], &["offers"], &["explain", "j"], &["logs", "j"], &["wait", "j"]]
    {
        let mut proffer = folder.proffer(command);
        for variable in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST"] {
            proffer.env_remove(variable);
        }
        let output = proffer.env("HOME", folder.path()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.starts_with("proffer: there is no cluster: give --kubeconfig"), "{stderr}");
    }
}

fn a_cluster_that_does_not_answer_is_an_error() {
    let folder = Folder::new();
    folder.write("config", KUBECONFIG);
    let ended = folder.run(&["pools", "--kubeconfig", "config"]).expect_code(1);
    assert!(
        ended
            .stderr
            .starts_with("proffer: cannot list resourcepools: the cluster cannot be reached: "),
        "{}",
        ended.stderr
    );
    let ended = folder.run(&["pools", "--kubeconfig", "other"]).expect_code(1);
    assert!(
        ended.stderr.starts_with("proffer: cannot read the kubeconfig other"),
        "{}",
        ended.stderr
    );
    let ended = folder.run(&["jobs", "--kubeconfig", "config", "--context", "x"]).expect_code(1);
    assert!(
        ended.stderr.starts_with("proffer: cannot use the kubeconfig config"),
        "{}",
        ended.stderr
    );
}

fn wrong_arguments_are_refused_before() {
    let folder = Folder::new();
    for arguments in [
        &["wait", "j", "--for", "happiness"][..],
        &["wait", "j", "--timeout", "soon"],
        &["logs", "j", "--task", "7"],
        &["jobs", "j", "--pool", "p"],
        &["jobs", "-o", "xml"],
        &["explain"],
    ] {
        folder.run(arguments).expect_code(2);
    }
}

fn waiting_for_a_cluster_that_does_not_answer_ends_in_time() {
    let folder = Folder::new();
    folder.write("config", KUBECONFIG);
    let arguments = ["wait", "j", "--timeout", "1s", "--kubeconfig", "config"];
    let ended = folder.run(&arguments).expect_code(124);
    assert!(
        ended.stderr.contains("job j is not Complete after 1s: not seen yet"),
        "{}",
        ended.stderr
    );
}
