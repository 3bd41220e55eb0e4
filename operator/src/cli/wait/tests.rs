use serde_json::{Value, json};

use super::super::fake::{Answer, block_on, cluster, failure, list_of, watch};
use super::*;

fn job(state: &str, condition: &str) -> Value {
    let mut conditions = Vec::new();
    if !condition.is_empty() {
        conditions.push(json!({
            "type": condition, "status": "True", "reason": "R", "message": "",
            "lastTransitionTime": "2026-11-24T12:00:00Z",
        }));
    }
    json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob",
        "metadata": {"name": "j", "namespace": "team", "resourceVersion": "2"},
        "spec": {"stages": []},
        "status": {"state": state, "message": "m", "conditions": conditions},
    })
}

#[track_caller]
fn verdict(goal: Goal, state: &str, condition: &str) -> Verdict {
    judge(goal, Some(&serde_json::from_value(job(state, condition)).unwrap()))
}

#[test]
fn conditions_decide() {
    let never = |state: &str| Verdict::Never(format!("has ended: {state}, m"));
    assert_eq!(verdict(Goal::Complete, "Running", "QuotaReserved"), Verdict::NotYet);
    assert_eq!(verdict(Goal::Complete, "Succeeded", "Complete"), Verdict::Reached);
    assert_eq!(verdict(Goal::Complete, "Failed", "Failed"), never("Failed"));
    assert_eq!(verdict(Goal::Failed, "Failed", "Failed"), Verdict::Reached);
    assert_eq!(verdict(Goal::Failed, "Succeeded", "Complete"), never("Succeeded"));
    assert_eq!(verdict(Goal::PodsReady, "Running", "PodsReady"), Verdict::Reached);
    assert_eq!(verdict(Goal::Suspended, "Suspended", "Suspended"), Verdict::Reached);
    assert_eq!(verdict(Goal::Deleted, "Succeeded", "Complete"), Verdict::NotYet);
    assert_eq!(judge(Goal::Deleted, None), Verdict::Reached);
    assert_eq!(judge(Goal::Finished, None), Verdict::Never("was deleted".to_owned()));
    let unseen = SparkJob::new("j", proffer_crds::SparkJobSpec::default());
    assert_eq!(judge(Goal::Complete, Some(&unseen)), Verdict::NotYet);
}

/// Waits for a goal of the job `j` in a cluster that lists and watches so.
fn waited(
    goal: Goal,
    listed: Vec<Value>,
    event: Option<(&'static str, Value)>,
) -> anyhow::Result<Result<(), String>> {
    let (connection, _) = cluster(move |request| {
        if request.contains("watch=true") {
            event.clone().map_or(Answer::None, |event| watch(&[event]))
        } else {
            Answer::Json(list_of(listed.clone()))
        }
    });
    let mut bars = Bars::on(None);
    block_on(wait(&connection, "j", goal, &mut bars))
}

#[test]
fn a_job_is_watched_until_it_is_so() {
    let before = || vec![job("Running", "")];
    let event = ("MODIFIED", job("Succeeded", "Complete"));
    assert_eq!(waited(Goal::Complete, before(), Some(event)).unwrap(), Ok(()));
    let event = ("MODIFIED", job("Failed", "Failed"));
    let failed = Err("job j has ended: Failed, m".to_owned());
    assert_eq!(waited(Goal::Complete, before(), Some(event)).unwrap(), failed);
    let gone = ("DELETED", job("Running", ""));
    assert_eq!(waited(Goal::Deleted, before(), Some(gone.clone())).unwrap(), Ok(()));
    let deleted = Err("job j was deleted".to_owned());
    assert_eq!(waited(Goal::Complete, before(), Some(gone)).unwrap(), deleted);
    let missing = Err("there is no job j in namespace team".to_owned());
    assert_eq!(waited(Goal::Complete, Vec::new(), None).unwrap(), missing);
}

#[test]
fn a_refusal_ends_the_wait() {
    let (connection, _) = cluster(|_| failure(403, "", "you may not"));
    let end = block_on(wait(&connection, "j", Goal::Complete, &mut Bars::on(None)));
    assert_eq!(end.unwrap_err().to_string(), "cannot watch job j: you may not");
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let code = |words: &[&str], listed: Vec<Value>| {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            arguments: WaitArguments,
        }
        let words = ["wait", "j", "-q"].iter().chain(words);
        let line = <Line as clap::Parser>::try_parse_from(words).unwrap();
        let (connection, _) = cluster(move |request| {
            if request.contains("watch=true") {
                Answer::None
            } else {
                Answer::Json(list_of(listed.clone()))
            }
        });
        block_on(run_on(&connection, &line.arguments)).unwrap()
    };
    let done = || vec![job("Succeeded", "Complete")];
    assert_eq!(code(&[], done()), ExitCode::SUCCESS);
    assert_eq!(code(&["--for", "failed"], done()), ExitCode::FAILURE);
    assert_eq!(code(&["--timeout", "0s"], vec![job("Running", "")]), ExitCode::from(TIMED_OUT));
}

#[test]
fn times_are_read_as_people_write_them() {
    let seconds = |text: &str| text.parse::<Timeout>().map(|timeout| timeout.0.as_secs());
    assert_eq!(seconds("90"), Ok(90));
    assert_eq!(seconds("90s"), Ok(90));
    assert_eq!(seconds("1h30m"), Ok(5400));
    assert!(seconds("-5s").is_err() && seconds("soon").is_err());
}

#[test]
fn bars_show_stages_and_what_is_waited_for() {
    let target = indicatif::ProgressDrawTarget::hidden();
    let mut bars = Bars::on(Some(indicatif::MultiProgress::with_draw_target(target)));
    let status = json!({
        "state": "Running", "message": "runs on 1 of 2 executors",
        "stages": [{"name": "count", "state": "Running", "tasks": 10, "running": 2, "finished": "0-4"}],
    });
    bars.show("j", &serde_json::from_value(status).unwrap());
    let bar = &bars.stages["count"];
    assert_eq!((bar.position(), bar.length()), (5, Some(10)));
    assert_eq!((bar.prefix(), bar.message()), ("j/count".to_owned(), "2 running".to_owned()));
    assert_eq!(bars.message.as_ref().unwrap().message(), "runs on 1 of 2 executors");
    assert_eq!(bars.last(), "it is Running: runs on 1 of 2 executors");
}
