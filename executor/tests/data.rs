//! Input, output and results of tasks in a work folder, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;

use common::Executor;
use serde_json::{Value, json};

fn work(folder: &Path) -> String {
    format!("file://{}/work", folder.display())
}

fn start(folder: &Path, stages: &Value) -> Executor {
    let mut executor = Executor::start(&[]);
    executor.send(&common::job(&json!({"cores": 2}), stages, Some(&work(folder))));
    executor
}

fn contents(folder: &Path, partitions: u32) -> String {
    (0..partitions)
        .map(|partition| {
            std::fs::read_to_string(folder.join(format!("part-{partition:05}"))).unwrap()
        })
        .collect()
}

fn stage(name: &str, partitions: i32, command: &str, input: &Value) -> Value {
    json!({
        "name": name, "partitions": partitions, "command": ["sh", "-c", command],
        "input": input, "output": {},
    })
}

#[test]
fn stages_read_files_and_one_another() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("work/in")).unwrap();
    let text: String = (0..30_000).map(|number| format!("line {number}\r\n")).collect();
    let (first, second) = text.split_at(100_000);
    std::fs::write(folder.path().join("work/in/a"), first).unwrap();
    std::fs::write(folder.path().join("work/in/b"), second).unwrap();
    // Files are cut where the text was, in the middle of a line.
    let whole = format!("{first}\n{second}");
    let mut count = stage("count", 1, "wc -c > $PROFFER_RESULT", &json!({"stage": "upper"}));
    count.as_object_mut().unwrap().remove("output");
    let stages = json!([
        stage("copy", 7, "cat", &json!({"uri": "in/*"})),
        stage("upper", 3, "tr a-z A-Z", &json!({"stage": "copy"})),
        count,
        stage("counted", 1, "cat", &json!({"stage": "count"})),
    ]);
    let mut executor = start(folder.path(), &stages);
    executor.assign(&[("copy", 0, "0-6")]);
    executor.ended(7);
    executor.assign(&[("copy", 0, "7")]);
    executor.ended(1);
    let read = contents(&folder.path().join("work/copy"), 7);
    assert_eq!(read.lines().collect::<Vec<_>>(), whole.lines().collect::<Vec<_>>());
    assert!(folder.path().join("work/copy/_SUCCESS").exists());
    assert!(!folder.path().join("work/copy/_proffer/attempts").exists());

    executor.assign(&[("upper", 0, "0-2")]);
    executor.ended(3);
    let upper = contents(&folder.path().join("work/upper"), 3);
    assert!(!upper.contains('l') && upper.to_lowercase() == read);
    executor.assign(&[("count", 0, "0")]);
    let report = executor.ended(1);
    assert_eq!(report.results[0].value, Some(upper.len().to_string()));
    let uri = format!("{}/_proffer/u/results/count/0", work(folder.path()));
    assert_eq!(report.results[0].uri, Some(uri));
    executor.assign(&[("counted", 0, "0")]);
    executor.ended(1);
    let counted = contents(&folder.path().join("work/counted"), 1);
    assert_eq!(counted, format!("{}\n", upper.len()));
}

#[test]
fn a_finished_partition_does_not_run_again_and_keeps_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let script = format!(
        "echo $PROFFER_ATTEMPT; echo $PROFFER_ATTEMPT > $PROFFER_RESULT; echo >> {}",
        ran.display()
    );
    let stages = json!([stage("s", 1, &script, &json!({"text": ""}))]);
    for attempt in 0..3 {
        let mut executor = start(folder.path(), &stages);
        executor.assign(&[("s", attempt, "0")]);
        let report = executor.ended(1);
        assert_eq!(report.results[0].value.as_deref(), Some("0"));
        assert_eq!(report.finished[0].attempt, attempt);
    }
    assert_eq!(contents(&folder.path().join("work/s"), 1), "0\n");
    assert_eq!(std::fs::read_to_string(ran).unwrap(), "\n");
}

#[test]
fn a_failed_attempt_publishes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = "seq 100000; [ $PROFFER_ATTEMPT = 1 ]";
    let mut executor = start(folder.path(), &json!([stage("s", 1, script, &json!({"text": ""}))]));
    executor.assign(&[("s", 0, "0")]);
    assert_eq!(executor.ended(1).failures[0].message, "exited with code 1");
    assert!(!folder.path().join("work/s/part-00000").exists());
    executor.assign(&[("s", 1, "0")]);
    executor.ended(1);
    assert_eq!(contents(&folder.path().join("work/s"), 1).lines().count(), 100_000);
}

#[test]
fn a_withdrawn_attempt_leaves_nothing_aside() {
    let folder = tempfile::tempdir().unwrap();
    let script = "head -c 20000000 /dev/zero; echo busy >&2; sleep 1000.125";
    let mut executor = start(folder.path(), &json!([stage("s", 1, script, &json!({"text": ""}))]));
    executor.assign(&[("s", 0, "0")]);
    executor.logs("j/s/0: busy");
    executor.assign(&[]);
    executor.report_when(|report| report.observed_generation == 2 && report.running.is_empty());
    let asides = std::fs::read_dir(folder.path().join("work/s/_proffer/attempts")).unwrap();
    assert_eq!(asides.count(), 0);
}

#[test]
fn a_task_need_not_read_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let text = "a line of text\n".repeat(15_000);
    let stages = json!([stage("s", 1, "head -n 1", &json!({"text": text}))]);
    let mut executor = start(folder.path(), &stages);
    executor.assign(&[("s", 0, "0")]);
    assert_eq!(executor.ended(1).failures, []);
    assert_eq!(contents(&folder.path().join("work/s"), 1), "a line of text\n");
}

#[test]
fn trouble_with_data_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("work/taken")).unwrap();
    std::fs::write(folder.path().join("work/taken/theirs"), "").unwrap();
    let mut taken = stage("taken", 1, "true", &json!({"text": ""}));
    taken["output"] = json!({"uri": "taken"});
    let mut far = stage("far", 1, "true", &json!({"text": ""}));
    far["output"] = json!({"uri": "ftp://host/out"});
    let stages = json!([stage("none", 1, "true", &json!({"uri": "no/*.csv"})), taken, far]);
    let mut executor = start(folder.path(), &stages);
    executor.assign(&[("none", 0, "0"), ("taken", 0, "0"), ("far", 0, "0")]);
    let mut failures = executor.ended(3).failures;
    failures.sort_by(|a, b| a.stage.cmp(&b.stage));
    let found: Vec<_> = failures.iter().map(|f| (f.reason.as_str(), f.is_final)).collect();
    assert_eq!(found, [("OutputFailed", true), ("InputFailed", true), ("Rejected", true)]);
    assert!(failures[0].message.contains("\"ftp://host/out\" names no place to store things"));
    assert!(failures[1].message.contains("no file matches \"no/*.csv\" in file:///"));
    assert!(failures[2].message.contains("already holds theirs"));
}

#[test]
fn killing_executors_at_any_instant_leaves_one_attempts_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "seq 1000 | sed \"s/^/$PROFFER_ATTEMPT /\"; echo $PROFFER_ATTEMPT > $PROFFER_RESULT";
    let stages = json!([stage("s", 8, script, &json!({"text": ""}))]);
    for attempt in 0..30 {
        let mut executor = start(folder.path(), &stages);
        executor.name = format!("e-{attempt}");
        executor.assign(&[("s", attempt, "0-8")]);
        // Some live longer than others, by what they have done and not by the clock.
        if attempt % 10 > 0 {
            executor.ended(u64::try_from(attempt % 10 - 1).unwrap());
        }
        executor.child.kill().unwrap();
        executor.child.wait().unwrap();
    }
    let mut executor = start(folder.path(), &stages);
    executor.assign(&[("s", 100, "0-7")]);
    let mut results = executor.ended(8).results;
    results.sort_by_key(|result| result.partition);
    executor.assign(&[("s", 100, "8")]);
    assert_eq!(executor.ended(1).failures, []);
    for (partition, result) in (0_u32..).zip(&results) {
        let path = folder.path().join(format!("work/s/part-{partition:05}"));
        let attempt = result.value.as_ref().unwrap();
        let wanted: String = (1..=1000).map(|number| format!("{attempt} {number}\n")).collect();
        assert_eq!(std::fs::read_to_string(path).unwrap(), wanted);
    }
    assert_eq!(results.len(), 8);
    assert!(!folder.path().join("work/s/_proffer/attempts").exists());
}
