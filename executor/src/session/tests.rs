use proffer_crds::executor::AttemptResult;
use proffer_crds::job::{ExecutorTemplate, Stage};
use proffer_crds::{SparkExecutorSpec, SparkJobSpec};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::attempt::Kept;
use crate::failure::{Failure, Reason};

fn job(cores: i32, slots: i32) -> SparkJob {
    let stage = |name: &str| Stage {
        name: name.to_owned(),
        partitions: Some(1_000_000),
        slots,
        ..Stage::default()
    };
    let spec = SparkJobSpec {
        executor: ExecutorTemplate { cores, ..ExecutorTemplate::default() },
        stages: vec![stage("s"), stage("t")],
        ..SparkJobSpec::default()
    };
    SparkJob::new("j", spec)
}

fn executor(generation: i64, ack: i64, assignments: &[(&str, i32, &str)]) -> SparkExecutor {
    let assignments = assignments
        .iter()
        .map(|&(stage, attempt, ranges)| Assignment {
            stage: stage.to_owned(),
            attempt,
            ranges: ranges.parse().unwrap(),
        })
        .collect();
    let mut executor = SparkExecutor::new(
        "e",
        SparkExecutorSpec {
            protocol_version: PROTOCOL_VERSION,
            job: "j".to_owned(),
            assignments,
            acknowledged_report: ack,
            report_interval_milliseconds: 1000,
            ..SparkExecutorSpec::default()
        },
    );
    executor.metadata.generation = Some(generation);
    executor
}

fn session(cores: i32, assignments: &[(&str, i32, &str)]) -> Session {
    let mut session = Session::default();
    session.set_job(job(cores, 1));
    session.set_executor(&executor(1, 0, assignments)).unwrap();
    session
}

fn starts(session: &mut Session) -> Vec<String> {
    std::iter::from_fn(|| session.next_start())
        .map(|attempt| format!("{}{}.{}", attempt.stage, attempt.partition, attempt.number))
        .collect()
}

fn attempt(stage: &str, number: i32, partition: u32) -> Attempt {
    Attempt { stage: Arc::from(stage), number, partition }
}

fn value(text: &str) -> Outcome {
    Outcome::Finished(Some(Kept { value: Some(text.to_owned()), uri: None }))
}

fn failed(stderr: &str) -> Outcome {
    Outcome::Failed(
        Failure::new(Reason::Exited, "exited with code 1").with_stderr(stderr.to_owned()),
    )
}

/// `s0-3,7` for each group.
fn show(assignments: &[Assignment]) -> Vec<String> {
    assignments.iter().map(|a| format!("{}{}.{}", a.stage, a.ranges, a.attempt)).collect()
}

#[test]
fn attempts_start_in_order_as_slots_allow() {
    let mut session = session(3, &[("t", 1, "5,7"), ("s", 0, "0-9")]);
    assert_eq!(starts(&mut session), ["t5.1", "t7.1", "s0.0"]);
    session.end(attempt("t", 1, 7), Outcome::Finished(None));
    assert_eq!(starts(&mut session), ["s1.0"]);
}

#[test]
fn a_task_takes_its_slots_and_no_more_than_there_are() {
    let mut session = session(4, &[("s", 0, "0-9")]);
    session.set_job(job(4, 2));
    assert_eq!(starts(&mut session).len(), 2);
    session.set_job(job(4, 9));
    session.end(attempt("s", 0, 0), Outcome::Finished(None));
    assert_eq!(starts(&mut session).len(), 0);
    session.end(attempt("s", 0, 1), Outcome::Finished(None));
    assert_eq!(starts(&mut session).len(), 1);
}

#[test]
fn nothing_starts_before_the_job_is_known() {
    let mut session = Session::default();
    session.set_executor(&executor(1, 0, &[("s", 0, "0")])).unwrap();
    assert_eq!(starts(&mut session).len(), 0);
    assert!(session.make_report(0).ready);
    session.set_job(job(1, 1));
    assert_eq!(starts(&mut session), ["s0.0"]);
}

#[test]
fn what_is_withdrawn_is_dropped_or_stopped_and_no_failure() {
    let mut session = session(1, &[("s", 0, "0-5")]);
    starts(&mut session);
    let stops = session.set_executor(&executor(2, 0, &[("s", 0, "3")])).unwrap();
    assert_eq!(stops, [attempt("s", 0, 0)]);
    // It is still there until it has ended.
    assert_eq!(show(&session.make_report(0).running), ["s0.0"]);
    assert_eq!(session.set_executor(&executor(3, 0, &[("s", 0, "3")])).unwrap(), []);
    session.end(attempt("s", 0, 0), failed(""));
    let report = session.make_report(0);
    assert_eq!((report.running, report.failures), (Vec::new(), Vec::new()));
    assert_eq!(starts(&mut session), ["s3.0"]);
}

#[test]
fn what_finished_although_withdrawn_is_reported() {
    let mut session = session(1, &[("s", 0, "0")]);
    starts(&mut session);
    session.set_executor(&executor(2, 0, &[])).unwrap();
    session.end(attempt("s", 0, 0), Outcome::Finished(None));
    assert_eq!(show(&session.make_report(0).finished), ["s0.0"]);
}

#[test]
fn what_is_withdrawn_and_assigned_again_runs_once_it_has_stopped() {
    let mut session = session(2, &[("s", 0, "0")]);
    starts(&mut session);
    session.set_executor(&executor(2, 0, &[])).unwrap();
    session.set_executor(&executor(3, 0, &[("s", 0, "0")])).unwrap();
    assert_eq!(starts(&mut session).len(), 0);
    session.end(attempt("s", 0, 0), Outcome::Stopped);
    assert_eq!(starts(&mut session), ["s0.0"]);
}

#[test]
fn what_has_ended_stands_in_every_report_until_it_is_acknowledged() {
    let mut session = session(3, &[("s", 0, "0-2")]);
    starts(&mut session);
    session.end(attempt("s", 0, 0), value("zero"));
    let first = session.make_report(0);
    session.end(attempt("s", 0, 1), failed("oh"));
    let second = session.make_report(0);
    for report in [&first, &second] {
        assert_eq!(show(&report.finished), ["s0.0"]);
        assert_eq!(report.results[0].value.as_deref(), Some("zero"));
    }
    assert_eq!(second.failures[0].stderr, "oh");
    // Acknowledging a report before it changes nothing.
    session.set_executor(&executor(2, first.report - 1, &[("s", 0, "0-2")])).unwrap();
    assert_eq!(show(&session.make_report(0).finished), ["s0.0"]);
    session.set_executor(&executor(3, first.report, &[("s", 0, "1-2")])).unwrap();
    let third = session.make_report(0);
    assert_eq!((third.finished.len(), third.results.len(), third.failures.len()), (0, 0, 1));
    session.set_executor(&executor(4, third.report, &[("s", 0, "2")])).unwrap();
    assert_eq!(session.make_report(0).failures, []);
}

#[test]
fn what_has_ended_does_not_run_again_while_it_is_listed() {
    let mut session = session(3, &[("s", 0, "0-2")]);
    starts(&mut session);
    session.end(attempt("s", 0, 0), Outcome::Finished(None));
    session.end(attempt("s", 0, 1), failed(""));
    session.set_executor(&executor(2, 0, &[("s", 0, "0-2")])).unwrap();
    assert_eq!(starts(&mut session).len(), 0);
    let report = session.make_report(0).report;
    session.end(attempt("s", 0, 2), Outcome::Finished(None));
    session.set_executor(&executor(3, 0, &[("s", 0, "0-2")])).unwrap();
    // Not even when the operator lists what it has acknowledged.
    session.set_executor(&executor(4, report, &[("s", 0, "0-2")])).unwrap();
    assert_eq!(starts(&mut session).len(), 0);
    // The next attempt is another one.
    session.set_executor(&executor(5, report, &[("s", 1, "0-1")])).unwrap();
    assert_eq!(starts(&mut session), ["s0.1", "s1.1"]);
}

#[test]
fn an_older_spec_changes_nothing() {
    let mut session = session(1, &[("s", 0, "0")]);
    starts(&mut session);
    session.set_executor(&executor(3, 0, &[("s", 0, "0")])).unwrap();
    assert_eq!(session.set_executor(&executor(2, 0, &[])).unwrap(), []);
    assert_eq!(session.make_report(0).observed_generation, 3);
}

#[test]
fn a_partition_that_is_listed_twice_runs_once() {
    let mut session = session(9, &[("s", 0, "0-2"), ("t", 0, "0"), ("s", 0, "2-3")]);
    assert_eq!(starts(&mut session), ["s0.0", "s1.0", "s2.0", "t0.0", "s3.0"]);
}

#[test]
fn reports_are_due_at_once_and_then_at_intervals() {
    let mut session = Session::default();
    assert_eq!(session.report_due_milliseconds(), None);
    session.set_job(job(1, 1));
    session.set_executor(&executor(1, 0, &[("s", 0, "0")])).unwrap();
    assert_eq!(session.report_due_milliseconds(), Some(0));
    assert_eq!(session.make_report(5000).report, 1);
    assert_eq!(session.report_due_milliseconds(), None);
    starts(&mut session);
    assert_eq!(session.report_due_milliseconds(), Some(6000));
    session.make_report(6000);
    session.end(attempt("s", 0, 0), Outcome::Finished(None));
    assert_eq!(session.report_due_milliseconds(), Some(7000));
    session.make_report(9000);
    // The same spec again says nothing new, a newer one does.
    session.set_executor(&executor(1, 0, &[("s", 0, "0")])).unwrap();
    assert_eq!(session.report_due_milliseconds(), None);
    session.set_executor(&executor(2, 0, &[("s", 0, "0")])).unwrap();
    assert_eq!(session.report_due_milliseconds(), Some(10_000));
}

#[test]
fn a_protocol_that_is_not_spoken_is_refused() {
    let mut session = Session::default();
    let mut newer = executor(4, 0, &[("s", 0, "0")]);
    newer.spec.protocol_version = 2;
    let error = session.set_executor(&newer).unwrap_err().to_string();
    assert!(error.contains("version 2 of the executor protocol, this executor only version 1"));
    let report = session.make_report(0);
    assert_eq!((report.ready, report.observed_generation, report.protocol_version), (false, 4, 1));
}

#[test]
fn when_stopping_nothing_starts_and_failures_are_not_the_tasks() {
    let mut session = session(2, &[("s", 0, "0-9")]);
    starts(&mut session);
    assert_eq!(session.stop().len(), 2);
    assert_eq!(starts(&mut session).len(), 0);
    session.end(attempt("s", 0, 0), failed(""));
    session.end(attempt("s", 0, 1), Outcome::Finished(None));
    let report = session.make_report(0);
    assert_eq!((show(&report.finished), report.failures.len()), (vec!["s1.0".to_owned()], 0));
    assert!(!report.ready && session.running.is_empty());
}

#[test]
fn many_tasks_that_finish_in_order_take_a_few_bytes() {
    let mut session = session(1, &[("s", 0, "0-99999")]);
    for partition in 0..100_000 {
        assert_eq!(starts(&mut session).len(), 1);
        session.end(attempt("s", 0, partition), Outcome::Finished(None));
        if partition % 10_000 == 0 {
            session.make_report(0);
        }
    }
    let report = session.make_report(0);
    assert_eq!(show(&report.finished), ["s0-99999.0"]);
}

#[test]
fn when_too_much_is_held_back_nothing_starts_until_it_is_acknowledged() {
    let mut session = session(1, &[("s", 0, "0-99999")]);
    let mut ended = 0;
    while let Some(next) = session.next_start() {
        session.end(next, value(&"r".repeat(4000)));
        ended += 1;
    }
    assert!((60..80).contains(&ended), "{ended}");
    let mut seen = Vec::new();
    let mut generation = 1;
    while seen.len() < ended {
        let report = session.make_report(0);
        seen.extend(report.results.iter().map(|result| result.partition));
        assert!(serde_json::to_string(&report).unwrap().len() < 16 * 1024);
        generation += 1;
        session.set_executor(&executor(generation, report.report, &[("s", 0, "50000")])).unwrap();
        assert!(session.report_due_milliseconds().is_some());
    }
    let wanted: Vec<i32> = (0..i32::try_from(ended).unwrap()).collect();
    assert_eq!(seen, wanted);
    assert_eq!(starts(&mut session), ["s50000.0"]);
}

#[test]
fn attempts_that_do_not_fit_into_a_report_wait() {
    let all: String = (0..4000).map(|n| format!("{},", 100_000 + 2 * n)).collect();
    let mut session = session(5000, &[("s", 0, &all)]);
    let started = starts(&mut session).len();
    let report = session.make_report(0);
    assert_eq!(report.running[0].ranges.len(), started as u64);
    assert!(started < 1000);
    assert!(serde_json::to_string(&report).unwrap().len() < 16 * 1024);
    session.end(attempt("s", 0, 100_000), Outcome::Finished(None));
    assert_eq!(starts(&mut session).len(), 1);
}

/// What happens to a session in the property below.
#[derive(Clone, Debug)]
enum Step {
    Assign(u32, u32),
    Withdraw(u32),
    End(prop::sample::Index, usize, u8),
    Report,
    /// One of the reports so far, or the last one.
    Acknowledge(Option<prop::sample::Index>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3000_u32, 1..400_u32).prop_map(|(first, count)| Step::Assign(first, count)),
        1 => (0..3000_u32).prop_map(Step::Withdraw),
        12 => (any::<prop::sample::Index>(), 0..4096_usize, any::<u8>())
            .prop_map(|(which, size, kind)| Step::End(which, size, kind)),
        5 => Just(Step::Report),
        3 => any::<prop::sample::Index>().prop_map(|which| Step::Acknowledge(Some(which))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// An operator that follows the protocol learns of every end, whatever the order of things.
    #[test]
    fn reports_are_small_and_nothing_is_lost(cores in 1..200_i32, steps in vec(step(), 1..300)) {
        let mut session = session(cores, &[]);
        let mut assigned = Ranges::new();
        let mut known: BTreeMap<i32, Option<AttemptResult>> = BTreeMap::new();
        let mut running: Vec<Attempt> = Vec::new();
        let mut ended = BTreeMap::new();
        let mut reports: Vec<SparkExecutorStatus> = Vec::new();
        let mut generation = 1;
        let mut acknowledged = 0;
        let drain = (0..600).flat_map(|_| [Step::Report, Step::Acknowledge(None)]);
        for (at, step) in steps.iter().cloned().chain(drain).enumerate() {
            let is_spec = !matches!(step, Step::End(..) | Step::Report);
            match step {
                Step::Assign(first, count) => (first..first + count)
                    .filter(|&partition| !known.contains_key(&partition.cast_signed()))
                    .for_each(|partition| { assigned.insert(partition); }),
                Step::Withdraw(partition) => { assigned.remove(partition); }
                Step::End(which, size, kind) if !running.is_empty() => {
                    let attempt = running.swap_remove(which.index(running.len()));
                    let text: String = ["\"", "\n", "x", "é"][usize::from(kind % 4)].repeat(size);
                    let text = crate::failure::plain_text(&text, 4096);
                    let outcome = match kind / 4 % 8 {
                        0 => failed(&crate::failure::plain_text(&text, 2048)),
                        1 => value(&text),
                        _ => Outcome::Finished(None),
                    };
                    if assigned.contains(attempt.partition)
                        || matches!(outcome, Outcome::Finished(_))
                    {
                        ended.insert(attempt.partition.cast_signed(), outcome.clone());
                    }
                    session.end(attempt, outcome);
                }
                Step::End(..) => {}
                Step::Report => {
                    let report = session.make_report(0);
                    let json = serde_json::to_string(&report).unwrap();
                    prop_assert!(json.len() < 16 * 1024, "{} bytes", json.len());
                    reports.push(report);
                }
                Step::Acknowledge(_) if reports.is_empty() => {}
                Step::Acknowledge(which) => {
                    let last = reports.len() - 1;
                    let which = which.map_or(last, |which| which.index(reports.len()));
                    let report = &reports[which];
                    if report.report > acknowledged {
                        acknowledged = report.report;
                        for partition in report.finished.iter().flat_map(|f| f.ranges.iter()) {
                            known.insert(partition.cast_signed(), None);
                            assigned.remove(partition);
                        }
                        for result in &report.results {
                            known.insert(result.partition, Some(result.clone()));
                        }
                        for failure in &report.failures {
                            known.insert(failure.partition, None);
                            assigned.remove(failure.partition.cast_unsigned());
                        }
                    }
                }
            }
            if is_spec {
                generation += 1;
                let ranges = assigned.to_string();
                let spec = executor(generation, acknowledged, &[("s", 0, &ranges)]);
                session.set_executor(&spec).unwrap();
            }
            if at < steps.len() {
                running.extend(std::iter::from_fn(|| session.next_start()));
            }
            prop_assert!(running.len() as u64 <= u64::from(cores.unsigned_abs()));
        }
        for (partition, outcome) in ended {
            let learned = known.get(&partition);
            prop_assert!(learned.is_some(), "the end of {} is lost", partition);
            if let Outcome::Finished(Some(Kept { value, .. })) = outcome {
                let result = learned.and_then(Option::as_ref).and_then(|r| r.value.clone());
                prop_assert_eq!(result, value);
            }
        }
    }
}
