//! Traces of jobs, replayed.

use std::path::Path;

use proffer_test_harness::{Test, tests};
use serde_json::Value;

use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        the_shipped_example_runs_in_all_orders_and_is_drawn,
        a_trace_may_come_on_standard_input,
        bad_lines_are_named_and_jobs_that_never_fit_are_told,
        a_seed_is_played_recorded_and_repeated,
        what_is_no_recorded_run_is_refused,
        what_local_mode_decided_is_decided_again,
    ]
}

const HEADER: &str = "submit_seconds,pool,name,executors,cpu,memory,tasks,task_seconds\n";

fn the_shipped_example_runs_in_all_orders_and_is_drawn() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/simulate");
    let file = |name: &str| examples.join(name).to_str().unwrap().to_owned();
    let (trace, pools) = (file("jobs.csv"), file("pools.yaml"));
    let arguments = ["simulate", "--trace", &trace, "--pools", &pools, "--order", "all"];
    let folder = Folder::new();
    let table = folder.run(&[&arguments[..], &["--plot", "shares.svg"]].concat()).expect_code(0);
    assert!(table.stdout.starts_with("71 jobs with "), "{}", table.stdout);
    assert!(folder.read("shares.svg").ends_with("</svg>\n"));
    let json = folder.run(&[&arguments[..], &["-o", "json"]].concat()).expect_code(0);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let orders: Vec<&Value> =
        report["orders"].as_array().unwrap().iter().map(|order| &order["order"]).collect();
    assert_eq!(orders, ["hdrf", "drf", "fcfs"]);
    assert_eq!(report["orders"][0]["jobs"], 71);
}

fn a_trace_may_come_on_standard_input() {
    let trace = format!("{HEADER}0,default,a,1,1,1Gi,1,9\n");
    let ended = Folder::new().run_with_input(&["simulate", "--trace", "-"], &trace).expect_code(0);
    assert!(ended.stdout.contains("\nhdrf      10.0s  "), "{}", ended.stdout);
}

fn bad_lines_are_named_and_jobs_that_never_fit_are_told() {
    let folder = Folder::new();
    folder.write("jobs.csv", format!("{HEADER}0,lab,a,1,1,1Gi,1,9\n"));
    let ended = folder.run(&["simulate", "--trace", "jobs.csv"]).expect_code(2);
    assert_eq!(
        ended.stderr,
        "jobs.csv:2: pool: there is no pool \"lab\"; the pools are: default\n"
    );
    folder.write("jobs.csv", format!("{HEADER}0,default,a,1,17,1Gi,1,9\n"));
    let ended = folder.run(&["simulate", "--trace", "jobs.csv"]).expect_code(1);
    assert_eq!(
        ended.stderr,
        "proffer: nothing happens after 0.0s, but not all jobs have ended: a waits for its first \
         executor: an executor needs 17 cpu, more than any node has; the largest has 16\n"
    );
    folder.run(&["simulate"]).expect_code(2);
    folder.run(&["simulate", "--trace", "jobs.csv", "--order", "sjf"]).expect_code(2);
}

fn a_seed_is_played_recorded_and_repeated() {
    let folder = Folder::new();
    let arguments = ["simulate", "--seed", "7", "--steps", "200", "--record", "run.jsonl"];
    let seed = folder.run(&arguments).expect_code(0);
    assert!(seed.stdout.starts_with("1 runs, 200 steps: every promise held; decisions "));
    assert_eq!(folder.read("run.jsonl").lines().count(), 201, "a header and the steps");
    let again = folder.run(&["simulate", "--replay", "run.jsonl"]).expect_code(0);
    assert!(again.stdout.starts_with("200 steps: every promise held; decisions "));
    let twice = folder.run(&["simulate", "--replay", "run.jsonl"]).expect_code(0);
    assert_eq!(again.stdout, twice.stdout);
}

fn what_is_no_recorded_run_is_refused() {
    let folder = Folder::new();
    folder.run(&["simulate", "--replay", "none.jsonl"]).expect_code(2);
    let header = "{\"profferSimulation\":1,\"seed\":1,\"fairness\":\"hdrf\"}\n";
    folder.write("run.jsonl", format!("{header}\"tick\"\n\"tock\"\n"));
    let ended = folder.run(&["simulate", "--replay", "run.jsonl"]).expect_code(2);
    assert!(ended.stderr.starts_with("run.jsonl:3: this is not a step"), "{}", ended.stderr);
    folder.run(&["simulate", "--replay", "run.jsonl", "--seed", "1"]).expect_code(2);
    folder.run(&["simulate", "--steps", "5"]).expect_code(2);
}

fn what_local_mode_decided_is_decided_again() {
    let folder = Folder::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/sum-product.yaml");
    let local = ["local", example.to_str().unwrap(), "--quiet", "--record", "decisions.jsonl"];
    folder.run(&local).expect_code(0);
    let again = folder.run(&["simulate", "--replay", "decisions.jsonl"]).expect_code(0);
    assert!(again.stdout.starts_with("1 run, "), "{}", again.stdout);
    assert!(again.stdout.ends_with(": decided as recorded\n"), "{}", again.stdout);
    let aloud = ["simulate", "--replay", "decisions.jsonl", "--verbose"];
    let aloud = folder.run(&aloud).expect_code(0);
    assert!(aloud.stdout.contains(" hears Job(") && aloud.stdout.contains(" wants Launch("));
    // Had the sum failed, something else would have been decided.
    let told = folder.read("decisions.jsonl").replacen("\"finished\":[{", "\"running\":[{", 1);
    folder.write("decisions.jsonl", told);
    let other = folder.run(&["simulate", "--replay", "decisions.jsonl"]);
    assert!(other.code != Some(0), "{}", other.stdout);
}
