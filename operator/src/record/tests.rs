use proffer_core::ExecutorKey;
use proffer_core::event::{
    AttemptResult, JobObservation, NodeObservation, PoolObservation, Report, StageAttempts,
};
use proffer_core::jobs::{ExecutorSpec, JobKey, JobSpec, StageSpec};
use proffer_core::time::Time;

use tempfile::TempDir;

use super::*;

fn node(name: &str) -> Event {
    let allocatable = vec![("cpu".into(), 2000), ("memory".into(), 4 << 30)];
    Event::Node(NodeObservation { name: name.into(), allocatable, ..NodeObservation::default() })
}

fn key() -> JobKey {
    JobKey { namespace: "default".into(), name: "j".into() }
}

fn job() -> Event {
    let request = vec![("cpu".into(), 1000)];
    let executor = ExecutorSpec { slots: 1, request, instances: 2, ..ExecutorSpec::default() };
    let stages = vec![StageSpec { name: "s".into(), tasks: 4, ..StageSpec::default() }];
    Event::Job(Box::new(JobObservation {
        key: key(),
        uid: "u".into(),
        generation: 1,
        created_at: Time::ZERO,
        spec: Ok(JobSpec { executor, stages, ..JobSpec::default() }),
        status: None,
    }))
}

fn report() -> Event {
    let attempts = |partitions: &str| StageAttempts {
        stage: "s".into(),
        attempt: 0,
        partitions: partitions.parse().unwrap(),
    };
    let report = Report {
        number: 1,
        observed_assignment: 1,
        ready: true,
        finished: vec![attempts("0")],
        results: vec![AttemptResult {
            stage: "s".into(),
            partition: 0,
            value: Some("13".to_owned()),
            uri: None,
        }],
        ..Report::default()
    };
    Event::Report(ExecutorKey { job: key(), index: 0, epoch: 0 }, report)
}

/// Two nodes, a job of two executors, and a report of the first.
fn work(engine: &mut RecordedEngine) -> usize {
    let pool = PoolObservation { name: "default".into(), ..PoolObservation::default() };
    engine.handle(Time::ZERO, Event::Pool(pool));
    engine.handle(Time::ZERO, node("n0"));
    engine.handle(Time::ZERO, node("n1"));
    engine.handle(Time::from_milliseconds(1), job());
    let mut actions = engine.tick(Time::from_milliseconds(1)).len();
    engine.handle(Time::from_milliseconds(5), report());
    actions += engine.tick(Time::from_milliseconds(5)).len();
    actions
}

/// A record of that work: the folder that it is in, and the file.
fn recorded() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("decisions.jsonl");
    let mut engine = RecordedEngine::new(Settings::default());
    engine.record_to(&file).unwrap();
    work(&mut engine);
    (folder, file)
}

fn silent(_: Time, _: &str, _: &dyn Debug) {}

#[test]
fn what_was_decided_is_decided_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("decisions.jsonl");
    let mut engine = RecordedEngine::new(Settings::default());
    engine.record_to(&file).unwrap();
    let actions = work(&mut engine);
    assert!(actions > 2, "it launched two executors and told of the job: {actions}");
    // An operator that starts again writes on.
    let mut engine = RecordedEngine::restoring(Settings::default());
    engine.record_to(&file).unwrap();
    engine.handle(Time::from_milliseconds(9), Event::Synced);
    engine.tick(Time::from_milliseconds(9));
    assert!(is_one(&file));
    let found = replay(&file, silent).unwrap();
    assert_eq!(found, Replay { runs: 2, events: 6, ticks: 3, actions, different: vec![] });
}

#[test]
fn another_decision_is_named_by_its_line() {
    let (_folder, file) = recorded();
    let text = std::fs::read_to_string(&file).unwrap();
    // As if the second node had not been there.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"n1\"")).collect();
    std::fs::write(&file, lines.join("\n").replace("\"instances\":2", "\"instances\":3")).unwrap();
    let found = replay(&file, silent).unwrap();
    assert_eq!(found.different.first(), Some(&5));
}

#[test]
fn a_record_that_cannot_be_read_says_where() {
    let (_folder, file) = recorded();
    let text = std::fs::read_to_string(&file).unwrap();
    let problem = |text: String| {
        std::fs::write(&file, text).unwrap();
        format!("{:#}", replay(&file, silent).unwrap_err())
    };
    let cut = problem(text[..text.len() - 5].to_owned());
    assert!(cut.contains(":8: this is no line of a record"), "{cut}");
    let headless = problem(text.split_once('\n').unwrap().1.to_owned());
    assert!(headless.contains(":1: no engine was started"), "{headless}");
    let newer = problem(text.replacen("\"version\":1", "\"version\":2", 1));
    assert!(newer.contains(":1: the record is of version 2"), "{newer}");
}

#[test]
fn what_has_no_lines_is_not_read_for_ever() {
    let endless = Path::new("/dev/zero");
    assert!(!is_one(endless));
    let problem = format!("{:#}", replay(endless, silent).unwrap_err());
    assert_eq!(problem, "cannot read /dev/zero:1: the line is longer than 64 MiB");
}
