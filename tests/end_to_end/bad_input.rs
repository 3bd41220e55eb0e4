//! What people get wrong, and what they are told.

use proffer_test_harness::{Test, tests};

use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        files_that_cannot_be_read,
        fields_are_named_with_their_line_and_what_is_allowed,
        a_guarantee_above_the_limit,
        pools_that_ask_for_what_cannot_be,
        a_command_that_does_not_exist_fails_after_its_retries,
        a_failed_job_shows_the_end_of_its_task_s_standard_error,
        what_can_never_run_is_said_and_ends,
        a_job_that_is_held_up_for_a_while_is_waited_for,
        a_spark_application_needs_a_cluster,
        results_that_are_too_large_say_what_to_do,
    ]
}

const HEAD: &str = "apiVersion: proffer.dev/v1alpha1\nkind: SparkJob\nmetadata: {name: j}\n";

/// What `proffer local` says of a file, before anything runs.
#[track_caller]
fn refused(text: &str) -> String {
    let folder = Folder::new();
    folder.write("bad.yaml", text);
    let ended = folder.run(&["local", "bad.yaml"]).expect_code(2);
    assert_eq!(ended.stdout, "");
    ended.stderr
}

fn files_that_cannot_be_read() {
    let folder = Folder::new();
    let missing = folder.run(&["local", "missing.yaml"]).expect_code(2).stderr;
    assert!(missing.starts_with("missing.yaml: "), "{missing}");
    let broken = refused("a: [1, 2\nb: }");
    assert!(broken.starts_with("bad.yaml:"), "{broken}");
}

fn fields_are_named_with_their_line_and_what_is_allowed() {
    for (spec, line, field, allowed) in [
        ("spec: {stages: [{name: s, comand: [x]}]}", 4, "comand", "command"),
        (
            "spec:\n  executor: {memory: 512m}\n  stages: [{name: s, command: [x]}]",
            5,
            "spec.executor.memory",
            "512Mi",
        ),
        (
            "spec:\n  executor: {cores: -1}\n  stages: [{name: s, command: [x]}]",
            5,
            "spec.executor.cores",
            "1",
        ),
        (
            "spec:\n  executor: {cpu: '1e9'}\n  stages: [{name: s, command: [x]}]",
            5,
            "spec.executor.cpu",
            "1M",
        ),
        (
            "spec:\n  stages:\n  - {name: a, command: [x], dependsOn: [b]}\n  - {name: b, command: [x], dependsOn: [a]}",
            6,
            "spec.stages[0].dependsOn",
            "a → b → a",
        ),
        (
            "spec:\n  stages:\n  - {name: a, command: [x], dependsOn: [c]}",
            6,
            "spec.stages[0].dependsOn[0]",
            "the stages are: a",
        ),
        (
            "spec:\n  pool: nowhere\n  stages: [{name: s, command: [x]}]",
            5,
            "spec.pool",
            "the pools are: default",
        ),
    ] {
        let message = refused(&format!("{HEAD}{spec}\n"));
        assert!(message.starts_with(&format!("bad.yaml:{line}: ")), "{message}");
        assert!(message.contains(field) && message.contains(allowed), "{message}");
    }
}

fn a_guarantee_above_the_limit() {
    let pool = "apiVersion: proffer.dev/v1alpha1\nkind: ResourcePool\nmetadata: {name: a}\nspec:\n  \
                guarantee: {cpu: 4}\n  limit: {cpu: 2}\n";
    let message = refused(pool);
    let expected = "bad.yaml:4: spec: no guarantee is above the limit for the same resource";
    assert!(message.starts_with(expected), "{message}");
}

fn pools_that_ask_for_what_cannot_be() {
    let pool = |name: &str, spec: &str| {
        format!(
            "apiVersion: proffer.dev/v1alpha1\nkind: ResourcePool\nmetadata: {{name: {name}}}\n\
             spec:\n  {spec}\n---\n"
        )
    };
    let job = "stages: [{name: s, command: [x]}]";
    for (pools, spec, expected) in [
        (
            pool("a", "nodeSelector: {zone: a}") + &pool("a.dev", "nodeSelector: {zone: b}"),
            job,
            "bad.yaml:11: spec.nodeSelector.zone: no node matches: pool \"a\", which is above",
        ),
        (
            pool("a", "reservations: [{nodeSelector: {zone: x y}, resources: {cpu: 1}}]"),
            job,
            "bad.yaml:5: spec.reservations[0].nodeSelector.zone: \"x y\" is not the value of a label",
        ),
        (
            pool("a", "reservations: [{resources: {cpu: -1}}]"),
            job,
            "bad.yaml:5: spec.reservations[0].resources: no value of resources is negative",
        ),
        (
            pool("a", "namespaces: [team-a]") + &pool("b", "namespaces: [default]"),
            "pool: a\n  stages: [{name: s, command: [x]}]",
            "bad.yaml:17: spec.pool: namespace default may not use pool a; it may use: b",
        ),
        (
            String::new(),
            "executor: {tolerations: [{value: x}]}\n  stages: [{name: s, command: [x]}]",
            "bad.yaml:5: spec.executor.tolerations[0]: a toleration without a key is for all taints",
        ),
        (
            String::new(),
            "executor: {nodeSelector: {a/b/c: x}}\n  stages: [{name: s, command: [x]}]",
            "bad.yaml:5: spec.executor.nodeSelector.a/b/c: \"a/b/c\" is not the key of a label",
        ),
    ] {
        let message = refused(&format!("{pools}{HEAD}spec:\n  {spec}\n"));
        assert!(message.starts_with(expected), "{message}");
    }
}

fn a_command_that_does_not_exist_fails_after_its_retries() {
    let folder = Folder::new();
    folder.job("stages: [{name: s, command: [no-such-program, --fast]}]");
    let ended = folder.run_job().expect_code(1);
    let status = ended.status();
    assert_eq!(status["stages"][0]["failures"]["0"], 4);
    assert_eq!(status["failures"][0]["reason"], "CannotStart");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("failed 4 times") && message.contains("no-such-program"), "{message}");
}

fn a_failed_job_shows_the_end_of_its_task_s_standard_error() {
    let folder = Folder::new();
    folder.job("stages: [{name: s, command: [sh, -c, 'echo the disk is on fire >&2; exit 3']}]");
    let ended = folder.run(&["local", "-q", "job.yaml"]).expect_code(1);
    let expected = "j failed: task 0 of stage s failed 4 times, the last time: exited with code 3\n  \
                    the disk is on fire\n";
    assert!(ended.stdout.ends_with(expected), "{}", ended.stdout);
}

/// A job that runs, and what is said of another one, beside a pool `none` without anything.
#[track_caller]
fn never_runs(spec: &str, arguments: &[&str], why: &str) {
    let folder = Folder::new();
    folder.job(&format!("{spec}\nstages: [{{name: s, command: ['true']}}]"));
    folder.write(
        "others.yaml",
        "apiVersion: proffer.dev/v1alpha1\nkind: ResourcePool\nmetadata: {name: none}\n\
         spec: {limit: {cpu: 0}}\n---\n\
         apiVersion: proffer.dev/v1alpha1\nkind: SparkJob\nmetadata: {name: other}\n\
         spec: {executor: {memory: 1Mi}, stages: [{name: s, command: ['true']}]}\n",
    );
    let all = [&["local", "-q", "-o", "json"], arguments, &["job.yaml", "others.yaml"]].concat();
    let ended = folder.run(&all).expect_code(1);
    assert!(ended.stderr.starts_with("j would wait for ever: "), "{}", ended.stderr);
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert_ne!(ended.status()["state"], "Succeeded");
}

fn what_can_never_run_is_said_and_ends() {
    let two = ["--nodes", "2x2cpu,4Gi"];
    let larger = "an executor needs 64 cpu, more than any node has; the largest has 2";
    never_runs("executor: {cpu: 64}", &two, larger);
    never_runs("executor: {resources: {example.com/gpu: 1}}", &two, "example.com/gpu");
    never_runs("executor: {nodeSelector: {zone: moon}}", &two, "zone");
    never_runs("pool: none", &two, "limit");
    never_runs("suspend: true", &two, "it is suspended");
    let tainted = ["--nodes", "1cpu,1Gi,taint:a:NoSchedule", "--nodes", "1cpu,32Mi"];
    never_runs("executor: {memory: 1Gi}", &tainted, "node");
}

fn a_job_that_is_held_up_for_a_while_is_waited_for() {
    let folder = Folder::new();
    folder.job("executor: {memory: 1Mi}\nstages: [{name: s, command: ['true']}]");
    let away = ["local", "--nodes", "1cpu,1Gi", "--maintenance", "node-0=0,1", "job.yaml"];
    folder.run(&away).expect_code(0);
    let gone = ["local", "--nodes", "1cpu,1Gi", "--maintenance", "node-0=0", "job.yaml"];
    let ended = folder.run(&gone).expect_code(1);
    assert!(ended.stderr.contains("j would wait for ever: "), "{}", ended.stderr);
}

fn a_spark_application_needs_a_cluster() {
    let spec =
        "spec:\n  spark: {image: i, sparkVersion: 4.1.0, mainApplicationFile: 'local:///a.py'}";
    let refusal = refused(&format!("{HEAD}{spec}"));
    assert!(
        refusal.starts_with("bad.yaml:5: spec.spark: a Spark application has pods"),
        "{refusal}"
    );
    assert!(refusal.contains("proffer local --mesos"), "{refusal}");
}

fn results_that_are_too_large_say_what_to_do() {
    let folder = Folder::new();
    folder.job("stages: [{name: s, command: [sh, -c, 'head -c 5000 /dev/zero | tr \"\\\\0\" x > \"$PROFFER_RESULT\"']}]");
    let ended = folder.run_job().expect_code(1);
    let message = ended.status()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("workURI"), "{message}");
}
