use serde_json::{Value, json};

use super::super::fake::{Answer, block_on, cluster, failure, list_of, watch};
use super::*;

fn arguments(words: &[&str]) -> LogsArguments {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: LogsArguments,
    }
    let words = ["logs", "j"].iter().chain(words);
    <Line as clap::Parser>::try_parse_from(words).unwrap().arguments
}

fn job(state: &str) -> Value {
    json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob",
        "metadata": {"name": "j", "namespace": "team", "uid": "u1", "resourceVersion": "2"},
        "spec": {"stages": []}, "status": {"state": state},
    })
}

fn pod(index: u32, uid: &str, state: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("j-{uid}-{index}-0"), "namespace": "team", "uid": format!("p{uid}{index}"),
            "resourceVersion": "2",
            "labels": {"proffer.dev/job": "j", "proffer.dev/executor-index": index.to_string()},
            "ownerReferences": [
                {"apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob", "name": "j", "uid": uid},
            ],
        },
        "status": {"containerStatuses": [{
            "name": "executor", "image": "", "imageID": "", "ready": true, "restartCount": 0,
            "state": {state: {}},
        }]},
    })
}

fn log(request: &str) -> Answer {
    if request.contains("/j-u1-0-0/log") {
        Answer::Text("j/count/0: zero\nj/merge/all: merged\n".to_owned())
    } else if request.contains("/j-u1-1-0/log") {
        Answer::Text("starts\nj/count/1: one\n".to_owned())
    } else {
        failure(400, "", "container \"executor\" is waiting to start").into()
    }
}

fn printed(words: &[&str]) -> (String, Vec<String>) {
    let (connection, requests) = cluster(|request| {
        if request.contains("/log?") {
            return log(request);
        }
        let pods = [
            pod(1, "u1", "running"),
            pod(0, "u0", "running"),
            pod(0, "u1", "running"),
            pod(2, "u1", "waiting"),
        ];
        list_of(pods.to_vec()).into()
    });
    let (arguments, mut out) = (arguments(words), Vec::new());
    let job = serde_json::from_value(job("Running")).unwrap();
    let filter = Filter::new(&arguments);
    block_on(print_all(&connection, &job, &filter, &mut out)).unwrap();
    (String::from_utf8(out).unwrap(), requests.all())
}

#[test]
fn logs_come_in_the_order_of_executors() {
    let (text, requests) = printed(&[]);
    assert_eq!(text, "j/count/0: zero\nj/merge/all: merged\nstarts\nj/count/1: one\n");
    let pods = "GET /api/v1/namespaces/team/pods?&labelSelector=proffer.dev%2Fjob%3Dj";
    let first = "GET /api/v1/namespaces/team/pods/j-u1-0-0/log?&container=executor";
    assert_eq!(requests[..2], [pods, first]);
    assert!(!requests.iter().any(|request| request.contains("u0")), "another job of the name");
}

#[test]
fn stages_tasks_and_executors_choose_lines() {
    assert_eq!(printed(&["--stage", "count"]).0, "j/count/0: zero\nj/count/1: one\n");
    assert_eq!(printed(&["--stage", "count", "--task", "1"]).0, "j/count/1: one\n");
    assert_eq!(printed(&["--executor", "1"]).0, "starts\nj/count/1: one\n");
    let (text, requests) = printed(&["--executor", "j-u1-0-0", "--tail", "5"]);
    assert_eq!(text, "j/count/0: zero\nj/merge/all: merged\n");
    assert!(requests[1].contains("tailLines=5"), "{requests:?}");
}

#[test]
fn a_time_before_a_line_is_no_part_of_it() {
    let filter = Filter::new(&arguments(&["--stage", "count", "--timestamps"]));
    assert!(filter.wants_line("2026-11-24T12:00:00Z j/count/0: zero"));
    assert!(!filter.wants_line("2026-11-24T12:00:00Z j/merge/all: merged"));
}

#[test]
fn following_ends_with_the_job() {
    let (connection, requests) = cluster(|request| {
        let is_watch = request.contains("watch=true");
        if request.contains("/log?") {
            log(request)
        } else if request.contains("/pods") && !is_watch {
            list_of(vec![pod(0, "u1", "running"), pod(1, "u1", "waiting")]).into()
        } else if request.contains("/pods") {
            watch(&[("MODIFIED", pod(1, "u1", "running"))])
        } else if is_watch && request.contains("resourceVersion=2") {
            Answer::None
        } else if is_watch {
            watch(&[("MODIFIED", job("Succeeded"))])
        } else {
            list_of(vec![job("Running")]).into()
        }
    });
    let filter = Filter::new(&arguments(&["-f"]));
    let (job, mut out) = (serde_json::from_value(job("Running")).unwrap(), Vec::new());
    block_on(follow::follow(&connection, &job, &filter, &mut out)).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("j/count/0: zero\n"), "{text}");
    let follows = requests.all().into_iter().filter(|request| request.contains("follow=true"));
    assert!(follows.count() >= 1, "logs are followed");
}

#[test]
fn nothing_to_show_is_explained() {
    let message = |state| no_pods(&serde_json::from_value(job(state)).unwrap());
    assert_eq!(message("Pending"), "there are no such pods of job j yet");
    let left = "no such pods of job j are left, spec.podRetention being OnFailure";
    assert!(message("Succeeded").starts_with(left), "{}", message("Succeeded"));
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn nobody_who_reads_is_no_error() {
    assert!(matches!(print(&mut Closed, "line"), Err(Unprinted::Closed)));
    assert!(print(&mut Vec::new(), "line").is_ok());
}
