//! Who may say what, where a file names principals.

use proffer_test_harness::{Test, tests};
use serde_json::{Value, json};

use super::Master;
use super::framework::info;
use super::http::{Reply, request};
use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        nobody_says_anything_without_a_secret,
        principals_use_their_own_roles,
        only_operators_change_the_cluster,
        who_calls_too_often_is_told_so,
        credentials_that_cannot_be_read_are_named,
    ]
}

const CREDENTIALS: &str = r#"{"credentials": [
    {"principal": "spark", "secret": "one", "roles": ["team"]},
    {"principal": "operator", "secret": "two"},
    {"principal": "eager", "secret": "three", "qps": 1}
]}"#;

/// `spark:one`, `operator:two` and `eager:three`, as they are sent.
const SPARK: &str = "Basic c3Bhcms6b25l";
const OPERATOR: &str = "Basic b3BlcmF0b3I6dHdv";
const EAGER: &str = "Basic ZWFnZXI6dGhyZWU=";

fn master() -> Master {
    Master::start_with_credentials(CREDENTIALS, &["team", "team.spark"])
}

fn send(master: &Master, who: Option<&str>, method: &str, path: &str, body: &Value) -> Reply {
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(who.map(|who| ("Authorization", who)));
    let body = body.to_string();
    request(&master.address, method, path, &headers, body.as_bytes())
}

/// What becomes of a subscription that ends at once, for its role is not allowed or wrong.
fn subscribe(master: &Master, who: Option<&str>, fields: &Value) -> Reply {
    let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info(fields) } });
    send(master, who, "POST", "/api/v1/scheduler", &call)
}

fn nobody_says_anything_without_a_secret() {
    let master = master();
    let wrong = Some("Basic c3Bhcms6dHdv");
    for who in [None, wrong] {
        assert_eq!(subscribe(&master, who, &json!({})).status, 401);
        assert_eq!(send(&master, who, "GET", "/state", &json!({})).status, 401);
        let reply = send(&master, who, "POST", "/api/v1", &json!({ "type": "GET_HEALTH" }));
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").is_some());
    }
    assert_eq!(send(&master, Some(SPARK), "GET", "/state", &json!({})).status, 200);
}

fn principals_use_their_own_roles() {
    let master = master();
    for role in ["*", "teams"] {
        let reply = subscribe(&master, Some(SPARK), &json!({ "role": role }));
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains(r#""type":"ERROR""#), "{}", reply.text());
    }
    let other = subscribe(&master, Some(SPARK), &json!({ "principal": "operator" }));
    assert_eq!(other.status, 400, "it is somebody else");
    // Its own role is fine; what is wrong is something else.
    let fields = json!({ "role": "team/spark", "failover_timeout": -1 });
    let reply = subscribe(&master, Some(SPARK), &fields);
    assert!(reply.text().contains("failover_timeout"), "{}", reply.text());
}

fn only_operators_change_the_cluster() {
    let master = master();
    let infos = json!({ "weight_infos": [{ "role": "team", "weight": 2 }] });
    let update = json!({ "type": "UPDATE_WEIGHTS", "update_weights": infos });
    assert_eq!(send(&master, Some(SPARK), "POST", "/api/v1", &update).status, 403);
    assert_eq!(send(&master, Some(OPERATOR), "POST", "/api/v1", &update).status, 200);
    let question = json!({ "type": "GET_WEIGHTS" });
    let weights = send(&master, Some(SPARK), "POST", "/api/v1", &question).json();
    assert_eq!(weights["get_weights"]["weight_infos"][0]["weight"], json!(2.0));
}

fn who_calls_too_often_is_told_so() {
    let master = master();
    let often = (0..20).map(|_| send(&master, Some(EAGER), "GET", "/version", &json!({})).status);
    let often: Vec<u16> = often.collect();
    assert_eq!(often[0], 200);
    assert!(often.contains(&429), "{often:?}");
    assert_eq!(send(&master, Some(SPARK), "GET", "/version", &json!({})).status, 200);
}

fn credentials_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    folder.write("credentials.json", r#"{"credentials": [{"principal": "a"}]}"#);
    let arguments = ["local", "--mesos", "127.0.0.1:0", "--mesos-credentials"];
    for (file, problem) in [("credentials.json", "secret"), ("none.json", "none.json")] {
        let arguments = [&arguments[..], &[file]].concat();
        let ended = folder.run(&arguments).expect_code(2);
        assert!(ended.stderr.contains(problem), "{}", ended.stderr);
    }
}
