//! What people get wrong, and what the API server and `proffer local` say to it.

mod table;

use std::fmt::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::cluster::{Alone, Shared, is_foreign, kubectl, root, run};
use crate::namespace::{Namespace, job};
use proffer_test_harness::{Test, tests};
use table::CASES;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        both_refuse_the_same_manifests,
        what_no_schema_can_say_becomes_a_condition,
        an_object_that_cannot_be_read,
    ]
}

/// What somebody says against a manifest: `None` if it is taken.
type Verdict = Option<String>;

/// The API server, which is asked to do everything but keep it.
fn cluster_says(namespace: &str, manifest: &str) -> Verdict {
    let arguments = ["kubectl", "-n", namespace, "apply", "--dry-run=server", "-f", "-"];
    let output = run(&arguments, manifest);
    (!output.status.success()).then(|| {
        let text = String::from_utf8(output.stderr).unwrap();
        text.replace("Error from server (BadRequest): ", "").trim().to_owned()
    })
}

/// `proffer local`.
fn local_says(manifest: &str) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.yaml"), manifest).unwrap();
    let mut command = Command::new("timeout");
    // What it takes, it also runs: a job that waits is not waited for.
    let program = env!("CARGO_BIN_EXE_proffer-under-test");
    let command = command.args(["20", program, "local", "--quiet", "bad.yaml"]);
    let command = command.current_dir(folder.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code() == Some(2)).then(|| String::from_utf8(output.stderr).unwrap())
}

fn both_refuse_the_same_manifests(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "bad-manifests");
    let mut text = String::new();
    let (mut taken, mut taken_locally) = (Vec::new(), Vec::new());
    for (name, kind, spec) in CASES {
        let manifest = format!(
            "apiVersion: proffer.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: bad}}\nspec: {spec}\n"
        );
        let (cluster, local) = (cluster_says(&namespace.name, &manifest), local_says(&manifest));
        taken.extend(cluster.is_none().then_some(*name));
        taken_locally.extend(local.is_none().then_some(*name));
        let _ = writeln!(text, "# {name}\n{kind}: {spec}");
        for (who, verdict) in [("cluster", cluster), ("local", local)] {
            let verdict = verdict.unwrap_or_else(|| "takes it".to_owned());
            let indented = verdict.trim().replace('\n', "\n    ");
            let _ = writeln!(text, "  {who}: {indented}");
        }
    }
    assert!(taken.is_empty() && taken_locally.is_empty(), "{text}");
    // Other versions of Kubernetes say it in other words.
    if is_foreign() {
        return;
    }
    let golden = root().join("tests/goldens/cluster/bad-manifests.txt");
    if std::env::var_os("PROFFER_UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(text == expected, "stale: write it anew with PROFFER_UPDATE_GOLDENS=1\n{text}");
}

fn what_no_schema_can_say_becomes_a_condition(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "conditions");
    for (name, spec, parts) in [
        (
            "circle",
            "stages: [{name: a, command: [x], dependsOn: [b]}, {name: b, command: [x], dependsOn: [a]}]",
            &["a → b → a"][..],
        ),
        ("nowhere", "pool: nowhere, stages: [{name: s, command: [x]}]", &["nowhere"]),
        (
            "large",
            "executor: {cpu: 4k}, stages: [{name: s, command: [x]}]",
            &["more than any node"],
        ),
    ] {
        namespace.apply(&job(name, &format!("{{{spec}}}")));
        namespace.wait(&format!("sparkjob/{name}"), "says what is wrong", |job| {
            let message = job["status"]["message"].as_str().unwrap_or_default();
            parts.iter().all(|part| message.contains(part))
        });
    }
    // None of them keeps others from running.
    namespace.job("good", "{stages: [{name: s, command: ['true']}]}");
    namespace.wait_for_end("good", "Complete");
}

/// Writes a definition as Helm does, so that the release goes on owning every field and label of it.
fn apply_as_helm(definition: &Value) -> Output {
    let apply = ["kubectl", "apply", "--server-side", "--force-conflicts", "--field-manager=helm"];
    run(&[&apply[..], &["-f", "-"]].concat(), &definition.to_string())
}

/// Has the definition of jobs as it is installed again when a test is over, however it ends.
struct Restored(Value);

impl Drop for Restored {
    fn drop(&mut self) {
        let applied = apply_as_helm(&self.0);
        assert!(std::thread::panicking() || applied.status.success(), "{applied:?}");
    }
}

fn an_object_that_cannot_be_read(Alone(turn): Alone) {
    let namespace = Namespace::new(turn, "unreadable");
    let name = "sparkjobs.proffer.dev";
    let installed: Value =
        serde_json::from_str(&kubectl(&["get", "crd", name, "-o", "json"])).unwrap();
    let metadata = &installed["metadata"];
    let mut definition = json!({
        "apiVersion": installed["apiVersion"],
        "kind": installed["kind"],
        "metadata": {
            "name": name,
            "labels": metadata["labels"],
            "annotations": metadata["annotations"],
        },
        "spec": installed["spec"],
    });
    let restored = Restored(definition.clone());
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    *schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let applied = apply_as_helm(&definition);
    assert!(applied.status.success(), "{applied:?}");
    let bad = "{apiVersion: proffer.dev/v1alpha1, kind: SparkJob, metadata: {name: bad}, \
               spec: {stages: of another form}}";
    namespace.until("the definition is in force", || {
        let apply = ["kubectl", "-n", &namespace.name, "apply", "--validate=false", "-f", "-"];
        run(&apply, bad).status.success()
    });
    drop(restored);
    let restored: Value =
        serde_json::from_str(&kubectl(&["get", "crd", name, "-o", "json"])).unwrap();
    assert_eq!(restored["metadata"]["labels"], installed["metadata"]["labels"]);
    assert_eq!(restored["spec"], installed["spec"]);
    let tells = || {
        let events = ["get", "events", "--field-selector=reason=Unreadable"];
        namespace.try_kubectl(&events).is_some_and(|events| events.contains("sparkjob/bad"))
    };
    namespace.until("people are told", tells);
    // Neither who watches nor who lists anew is stopped by it.
    namespace.job("beside", "{stages: [{name: s, command: ['true']}]}");
    namespace.wait_for_end("beside", "Complete");
    kubectl(&["-n", "proffer-system", "rollout", "restart", "deployment/proffer"]);
    kubectl(&["-n", "proffer-system", "rollout", "status", "deployment/proffer", "--timeout=180s"]);
    namespace.job("later", "{stages: [{name: s, command: ['true']}]}");
    namespace.wait_for_end("later", "Complete");
}
