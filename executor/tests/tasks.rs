//! What an executor does with tasks, seen from outside.

mod common;

use common::{Executor, processes_with, shell};
use serde_json::json;

#[test]
fn tasks_know_who_they_are_and_leave_results() {
    let mut executor = Executor::start_with(&[], &[("INHERITED", "inherited"), ("BOTH", "outer")]);
    let script = "echo $PROFFER_JOB $PROFFER_STAGE $PROFFER_PARTITION $PROFFER_PARTITIONS \
                  $PROFFER_ATTEMPT $INHERITED $GIVEN $BOTH > $PROFFER_RESULT; echo out; echo err >&2";
    let mut job = common::job(&json!({"cores": 2}), &json!([shell(3, script)]), None);
    job["spec"]["env"] = json!([
        {"name": "GIVEN", "value": "given"},
        {"name": "BOTH", "value": "inner"},
        {"name": "PROFFER_JOB", "value": "liar"},
    ]);
    executor.send(&job);
    executor.assign(&[("s", 4, "0-2")]);
    let mut report = executor.ended(3);
    report.results.sort_by_key(|result| result.partition);
    let results: Vec<_> =
        report.results.iter().map(|result| result.value.clone().unwrap()).collect();
    let wanted = |partition| format!("j s {partition} 3 4 inherited given inner");
    assert_eq!(results, [wanted(0), wanted(1), wanted(2)]);
    assert_eq!(
        (report.finished[0].attempt, report.finished[0].ranges.to_string()),
        (4, "0-2".into())
    );
    assert_eq!((report.ready, report.protocol_version, report.observed_generation), (true, 1, 1));
    assert!(executor.end().success());
    let log = executor.rest();
    for line in ["j/s/0: out", "j/s/2: out", "j/s/1: err"] {
        assert!(log.iter().any(|logged| logged == line), "{log:?}");
    }
}

#[test]
fn named_tasks_run_commands_of_their_own() {
    let mut executor = Executor::start(&[]);
    let task =
        |name: &str| json!({"name": name, "command": ["sh", "-c", format!("echo I am {name}")]});
    executor.job(&json!({}), &json!([{"name": "s", "tasks": [task("ape"), task("bee")]}]));
    executor.assign(&[("s", 0, "0-1")]);
    assert_eq!(executor.ended(2).finished[0].ranges.to_string(), "0-1");
    executor.end();
    assert_eq!(executor.rest(), ["j/s/ape: I am ape", "j/s/bee: I am bee"]);
}

#[test]
fn failures_say_what_happened() {
    let mut executor = Executor::start(&[]);
    let scripts = [
        "echo oh dear >&2; exit 3",
        "kill -9 $$",
        "printf 'a\\377' > $PROFFER_RESULT",
        "head -c 5000 /dev/zero | tr '\\0' a > $PROFFER_RESULT",
    ];
    let mut tasks: Vec<_> = scripts
        .iter()
        .enumerate()
        .map(|(at, script)| json!({"name": format!("t{at}"), "command": ["sh", "-c", script]}))
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    let missing = "/no/such/program";
    for program in ["no-such-program", missing, file.path().to_str().unwrap(), "/"] {
        tasks.push(json!({"name": format!("p{}", tasks.len()), "command": [program]}));
    }
    executor.job(&json!({"cores": 8}), &json!([{"name": "s", "tasks": tasks}]));
    executor.assign(&[("s", 0, "0-7"), ("t", 0, "0"), ("s", 1, "8")]);
    let mut failures = executor.ended(10).failures;
    failures.sort_by(|a, b| (&a.stage, a.partition).cmp(&(&b.stage, b.partition)));
    let found: Vec<_> =
        failures.iter().map(|f| (f.reason.as_str(), f.message.as_str(), f.is_final)).collect();
    let not_executable = format!(
        "\"{}\" may not be run: it is a folder or not marked as executable",
        file.path().display()
    );
    let wanted = [
        ("Exited", "exited with code 3", false),
        ("Killed", "killed by signal 9 (SIGKILL)", false),
        ("InvalidResult", "the result is not UTF-8 text: byte 1 is no part of a character", false),
        (
            "ResultTooLarge",
            "the result has 5000 bytes, and without spec.workURI a result has at most 4096, fewer \
             with control characters: set spec.workURI, or write what is so large elsewhere",
            true,
        ),
        ("CannotStart", "no such program \"no-such-program\" in PATH", false),
        ("CannotStart", "there is no program \"/no/such/program\"", false),
        ("CannotStart", &not_executable, false),
        ("CannotStart", "\"/\" may not be run: it is a folder or not marked as executable", false),
        ("CannotStart", "stage s has no partition 8", true),
        ("CannotStart", "the job has no stage \"t\"", true),
    ];
    assert_eq!(found, wanted);
    assert_eq!(failures[0].stderr, "oh dear\n");
}

#[test]
fn no_more_tasks_run_at_once_than_there_are_slots() {
    let folder = tempfile::tempdir().unwrap();
    let mut executor = Executor::start(&[]);
    // Each notes how many there are while it is one of them.
    let script = format!(
        "cd {}; mkdir $PROFFER_PARTITION; ls | wc -l > $PROFFER_RESULT; rmdir $PROFFER_PARTITION",
        folder.path().display()
    );
    let mut stage = shell(60, &script);
    stage["slots"] = json!(2);
    executor.job(&json!({"cores": 5}), &json!([stage]));
    executor.assign(&[("s", 0, "0-59")]);
    let report = executor.ended(60);
    let most = report.results.iter().map(|r| r.value.as_ref().unwrap().trim().parse().unwrap());
    let most: u32 = most.max().unwrap();
    assert!((1..=2).contains(&most), "{most}");
}

#[test]
fn what_has_ended_is_reported_until_it_is_acknowledged() {
    let mut executor = Executor::start(&[]);
    executor.job(&json!({}), &json!([shell(3, "exit $PROFFER_PARTITION")]));
    executor.assign(&[("s", 0, "0-1")]);
    executor.ended(2);
    let acknowledged = executor.last.report;
    executor.assign(&[("s", 1, "0")]);
    let report = executor.ended(1);
    assert!(report.report > acknowledged);
    assert_eq!((report.finished[0].attempt, report.failures.len()), (1, 0));
}

#[test]
fn withdrawn_tasks_are_asked_to_end_and_then_killed() {
    let mut executor = Executor::start(&[]);
    let polite = "trap 'echo goodbye; exit 0' TERM; echo here; while :; do read x < /dev/tty || sleep 0.01; done";
    let deaf = "trap '' TERM; echo here; exec sleep 1000.25";
    let task = |name: &str, script: &str| json!({"name": name, "command": ["sh", "-c", script]});
    executor.job(
        &json!({"cores": 2, "terminationGracePeriodSeconds": 1}),
        &json!([{"name": "s", "tasks": [task("polite", polite), task("deaf", deaf)]}]),
    );
    executor.assign(&[("s", 0, "0-1")]);
    executor.logs("j/s/polite: here");
    executor.logs("j/s/deaf: here");
    executor.report_when(|report| !report.running.is_empty());
    executor.assign(&[]);
    let report =
        executor.report_when(|report| report.observed_generation == 2 && report.running.is_empty());
    assert_eq!((report.finished.len(), report.failures.len()), (0, 0));
    executor.logs("j/s/polite: goodbye");
    assert_eq!(processes_with("sleep 1000.25"), 0);
    // A withdrawn attempt frees its slots.
    executor.job(&json!({"cores": 2}), &json!([shell(1, "true")]));
    executor.assign(&[("s", 1, "0")]);
    executor.ended(1);
}

#[test]
fn a_process_that_outlives_its_task_holds_nothing_up() {
    let mut executor = Executor::start(&[]);
    // One in the task's group, one in a session of its own that writes without end.
    let script = "sleep 1000.5 & setsid yes 1000.5 >&2 & echo task; exit 0";
    executor.job(&json!({}), &json!([shell(1, script)]));
    executor.assign(&[("s", 0, "0")]);
    executor.ended(1);
    executor.logs("j/s/0: task");
    assert_eq!(processes_with("sleep 1000.5"), 0);
    assert!(executor.end().success());
    assert_eq!(processes_with("1000.5"), 0);
}

#[test]
fn the_last_words_of_a_task_are_logged() {
    let mut executor = Executor::start(&[]);
    let script = "seq 20000; printf 'no line end'; seq 20000 >&2";
    executor.job(&json!({}), &json!([shell(1, script)]));
    executor.assign(&[("s", 0, "0")]);
    executor.ended(1);
    executor.end();
    let log = executor.rest();
    assert_eq!(log.len(), 40_001);
    assert!(log.contains(&"j/s/0: no line end".to_owned()));
}

#[test]
fn the_task_that_uses_most_memory_is_killed() {
    let mut executor = Executor::start(&["--memory-limit-bytes", "100000000"]);
    let task = |name: &str, script: &str| json!({"name": name, "command": ["sh", "-c", script]});
    let large = "cat /dev/zero | tail -c 1000000000";
    executor.job(
        &json!({"cores": 2}),
        &json!([{"name": "s", "tasks": [task("small", "exec sleep 1000.75"), task("large", large)]}]),
    );
    executor.assign(&[("s", 0, "0-1")]);
    let report = executor.ended(1);
    assert_eq!(
        (report.failures[0].partition, report.failures[0].reason.as_str()),
        (1, "OOMKilled")
    );
    let message = &report.failures[0].message;
    assert!(message.contains("its executor has 96Mi for all its tasks"), "{message}");
    assert_eq!(report.running[0].ranges.to_string(), "0");
}

#[test]
fn orphans_that_end_are_reaped() {
    let mut executor = Executor::start(&[]);
    let script = "(setsid sh -c 'exit 0' &) ; true";
    executor.job(&json!({}), &json!([shell(1, script)]));
    let id = executor.child.id();
    let zombies = || -> Vec<u32> {
        let all = proffer_executor::processes::all().unwrap();
        let zombies = all.iter().filter(|process| process.parent == id && process.is_zombie);
        zombies.map(|process| process.id).collect()
    };
    let mut attempt = 0;
    let mut run = |executor: &mut Executor| {
        assert!(attempt < 10_000, "orphans are not reaped");
        executor.assign(&[("s", attempt, "0")]);
        executor.ended(1);
        attempt += 1;
    };
    let mut seen = Vec::new();
    while seen.is_empty() {
        run(&mut executor);
        seen = zombies();
    }
    // Goes on until they are gone; without reaping, for ever.
    while zombies().iter().any(|zombie| seen.contains(zombie)) {
        run(&mut executor);
    }
}
