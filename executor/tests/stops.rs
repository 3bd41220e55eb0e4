//! How an executor ends, and that it leaves no process behind.

mod common;

use std::process::Command;

use common::{Executor, processes_with, shell};
use serde_json::json;

/// Starts a task with helpers that detach themselves; each has `mark` in its command line.
fn busy(mark: &str, grace_seconds: i64) -> Executor {
    let mut executor = Executor::start(&[]);
    let script = format!(
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep {mark} & sleep {mark}' & \
         (sleep {mark} &) ; echo busy; sleep {mark}; sleep {mark}"
    );
    executor
        .job(&json!({"terminationGracePeriodSeconds": grace_seconds}), &json!([shell(2, &script)]));
    executor.assign(&[("s", 0, "0-1")]);
    executor.logs("j/s/0: busy");
    executor.report_when(|report| !report.running.is_empty());
    executor
}

#[test]
fn when_its_input_ends_all_processes_end() {
    let mut executor = busy("1001.5", 0);
    assert!(executor.end().success());
    assert_eq!(processes_with("1001.5"), 0);
}

#[test]
fn when_it_is_terminated_all_processes_end() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut executor = busy("1002.5", 0);
        executor.signal(signal);
        assert!(executor.child.wait().unwrap().success());
        assert_eq!(processes_with("1002.5"), 0);
        // The last report says that nothing is left and nothing failed.
        while executor.report().is_some() {}
        assert!(!executor.last.ready);
        assert_eq!((executor.last.running.len(), executor.last.failures.len()), (0, 0));
    }
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut executor = busy("1003.5", 80_000);
    executor.signal("-TERM");
    executor.report_when(|report| !report.ready);
    executor.signal("-TERM");
    while executor.report().is_some() {}
    assert!(executor.child.wait().unwrap().success());
    assert_eq!(processes_with("1003.5"), 0);
}

#[test]
fn tasks_have_their_grace_period() {
    let mut executor = Executor::start(&[]);
    let script = "trap 'echo saved; exit 1' TERM; echo busy; while :; do sleep 0.01; done";
    executor.job(&json!({}), &json!([shell(1, script)]));
    executor.assign(&[("s", 0, "0")]);
    executor.logs("j/s/0: busy");
    assert!(executor.end().success());
    assert!(executor.rest().contains(&"j/s/0: saved".to_owned()));
    while executor.report().is_some() {}
    assert_eq!(executor.last.failures, []);
}

#[test]
fn what_ended_last_is_reported_before_it_ends() {
    let mut executor = Executor::start(&[]);
    executor.job(&json!({}), &json!([shell(2, "true")]));
    executor.assign(&[("s", 0, "0")]);
    executor.ended(1);
    executor.stdin = None;
    while executor.report().is_some() {}
    assert_eq!(executor.last.finished[0].ranges.to_string(), "0");
}

#[test]
fn another_protocol_is_refused() {
    let mut executor = Executor::start(&[]);
    executor.send(&json!({
        "kind": "SparkExecutor", "metadata": {"name": "e", "generation": 7},
        "spec": {"protocolVersion": 99, "job": "j"},
    }));
    let report = executor.report().unwrap();
    assert_eq!((report.ready, report.observed_generation, report.protocol_version), (false, 7, 1));
    assert_eq!(executor.child.wait().unwrap().code(), Some(1));
    let log = executor.rest().join("\n");
    assert!(log.contains("speaks version 99 of the executor protocol"), "{log}");
}

#[test]
fn nonsense_ends_it_with_a_reason() {
    let mut executor = busy("1004.5", 0);
    executor.send(&json!("nonsense"));
    assert_eq!(executor.child.wait().unwrap().code(), Some(1));
    assert!(executor.rest().join("\n").contains("no SparkJob or SparkExecutor: \"nonsense\""));
    assert_eq!(processes_with("1004.5"), 0);
}

#[test]
fn no_files_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("TMPDIR", folder.path().to_str().unwrap())];
    let mut executor = Executor::start_with(&[], &environment);
    executor
        .job(&json!({}), &json!([shell(4, "echo 1 > $PROFFER_RESULT; exit $PROFFER_PARTITION")]));
    executor.assign(&[("s", 0, "0-3")]);
    executor.ended(4);
    let inside = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read_dir(inside).unwrap().count(), 0);
    executor.end();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_program_installs_itself() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new/bin");
    let program = env!("CARGO_BIN_EXE_proffer-executor");
    for _ in 0..2 {
        let done = Command::new(program).arg("install").arg(&target).output().unwrap();
        assert!(done.status.success());
    }
    let copy = target.join("proffer-executor");
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 1);
    let version = Command::new(copy).arg("--version").output().unwrap();
    assert!(String::from_utf8(version.stdout).unwrap().starts_with("proffer-executor "));
    let failed = Command::new(program).args(["install", "/proc/nowhere"]).output().unwrap();
    let message = String::from_utf8(failed.stderr).unwrap();
    assert!(!failed.status.success() && message.contains("cannot make the folder /proc/nowhere"));
}
