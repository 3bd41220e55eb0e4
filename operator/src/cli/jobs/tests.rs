use serde_json::{Value, json};

use super::super::fake::{Answer, block_on, cluster, failure, list_of, now, objects};
use super::*;

pub(super) const JOBS: &str = r#"
apiVersion: proffer.dev/v1alpha1
kind: SparkJob
metadata: {name: nightly, namespace: etl, creationTimestamp: "2026-11-24T02:00:00Z"}
spec: {pool: etl, priority: 5, stages: [{name: s, command: ["true"]}]}
status:
  state: Running
  tasks: 70/100
  restarts: 1
  executors: {ready: 3, launched: 4, wanted: 4, summary: 3/4}
---
apiVersion: proffer.dev/v1alpha1
kind: SparkJob
metadata: {name: report, namespace: team, creationTimestamp: "2026-11-24T11:55:00Z"}
spec: {pool: analytics.dev, stages: [{name: s, command: ["true"]}]}
status:
  state: Pending
  position: 2
  message: "waits for its first executor: no node has 4 cpu free; largest 3.5"
  tasks: 0/10
  executors: {ready: 0, launched: 0, wanted: 2, summary: 0/2}
---
apiVersion: proffer.dev/v1alpha1
kind: SparkJob
metadata: {name: new, namespace: team, creationTimestamp: "2026-11-24T12:00:00Z"}
spec: {stages: [{name: s, command: ["true"]}]}
"#;

fn arguments(words: &[&str]) -> JobsArguments {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: JobsArguments,
    }
    let words = ["jobs"].iter().chain(words);
    <Line as clap::Parser>::try_parse_from(words).unwrap().arguments
}

/// What is printed when the cluster answers so.
fn printed<A: Into<Answer>>(
    words: &[&str],
    answer: impl Fn(&str) -> A + Send + Sync + 'static,
) -> (anyhow::Result<String>, Vec<String>) {
    let (connection, requests) = cluster(answer);
    let text = block_on(jobs(&connection, &arguments(words), now()));
    (text, requests.all())
}

fn all(_: &str) -> Value {
    list_of(objects(JOBS))
}

#[test]
fn tables_tell_why_jobs_wait() {
    let (text, requests) = printed(&[], all);
    assert_eq!(requests, ["GET /apis/proffer.dev/v1alpha1/namespaces/team/sparkjobs?"]);
    insta::assert_snapshot!("table", text.unwrap());
    let (text, requests) = printed(&["-A", "-o", "wide", "-l", "app=x"], all);
    assert_eq!(requests, ["GET /apis/proffer.dev/v1alpha1/sparkjobs?&labelSelector=app%3Dx"]);
    insta::assert_snapshot!("wide", text.unwrap());
}

#[test]
fn pools_choose_among_jobs() {
    let (text, _) = printed(&["-A", "--pool", "etl", "-o", "name"], all);
    assert_eq!(text.unwrap(), "sparkjob.proffer.dev/nightly\n");
    let (text, _) = printed(&["--pool", "none"], all);
    assert_eq!(text.unwrap(), "");
}

#[test]
fn one_job_is_itself_and_no_list() {
    let one = |_: &str| objects::<Value>(JOBS).remove(1);
    let (text, requests) = printed(&["report", "-o", "json"], one);
    let job: Value = serde_json::from_str(&text.unwrap()).unwrap();
    assert_eq!(job["metadata"]["name"], "report");
    assert_eq!(requests, ["GET /apis/proffer.dev/v1alpha1/namespaces/team/sparkjobs/report"]);
}

#[test]
fn refusals_are_sentences() {
    let refusal = |words: &[&str], answer: Value| {
        printed(words, move |_: &str| answer.clone()).0.unwrap_err().to_string()
    };
    let missing = failure(404, "x", "sparkjobs.proffer.dev \"x\" not found");
    assert_eq!(refusal(&["x"], missing), "there is no job x in namespace team");
    let unknown = json!({"kind": "Status", "status": "Failure", "code": 404});
    insta::assert_snapshot!(refusal(&["x"], unknown.clone()), @"cannot get job x: the cluster does not know this kind; install Proffer in it first (helm install proffer charts/proffer)");
    insta::assert_snapshot!(refusal(&[], unknown), @"cannot list sparkjobs: the cluster does not know this kind; install Proffer in it first (helm install proffer charts/proffer)");
    let forbidden = failure(403, "", "sparkjobs.proffer.dev is forbidden: User \"u\" cannot list");
    insta::assert_snapshot!(refusal(&[], forbidden), @r#"cannot list sparkjobs: sparkjobs.proffer.dev is forbidden: User "u" cannot list"#);
}
