//! How frameworks subscribe, and what is said to calls that are wrong.

use super::{one_node, patient};
use crate::mesos::Master;
use crate::mesos::framework::{Framework, info, task};
use crate::mesos::http::{Reply, get, request};
use proffer_mesos::content::ContentType;
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::TaskState;
use serde_json::json;

/// A subscription, whatever its headers and its body.
fn raw(master: &Master, headers: &[(&str, &str)], body: &str) -> Reply {
    request(&master.address, "POST", "/api/v1/scheduler", headers, body.as_bytes())
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A SUBSCRIBE that is an error, so that its stream ends.
fn failing_subscription() -> String {
    json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info(&json!({ "role": "/" })) } })
        .to_string()
}

pub(super) fn subscribe() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    framework.next(EventType::Heartbeat);
    let offer = framework.offer();
    assert_eq!(offer.framework_id.value, framework.id);
    assert!(offer.id.value.contains("-O"), "{}", offer.id.value);
}

pub(super) fn subscribe_protobuf() {
    let master = one_node();
    let subscribe = json!({ "framework_info": info(&json!({})) });
    let mut framework = Framework::subscribe_as(&master, ContentType::Protobuf, &subscribe);
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "exit 0")]);
    framework.update("t", TaskState::Finished);
}

pub(super) fn subscribed_on_retry() {
    let master = one_node();
    let mut first = Framework::subscribe(&master, &patient());
    let again = json!({ "failover_timeout": 600, "id": { "value": first.id } });
    let second = Framework::subscribe(&master, &again);
    assert_eq!(second.id, first.id);
    let error = first.next(EventType::Error).error.unwrap();
    assert_eq!(error.message, "Framework failed over");
}

pub(super) fn invalid_role() {
    let master = one_node();
    let subscribe = json!({ "framework_info": info(&json!({ "role": "/test/test1" })) });
    let mut framework = Framework::connect(&master, ContentType::Json, &subscribe);
    let error = framework.next(EventType::Error).error.unwrap();
    assert!(error.message.contains("cannot start with a slash"), "{}", error.message);
    assert_eq!(framework.try_next(EventType::Offers), None, "the connection is closed");
}

pub(super) fn subscribe_with_stream_id() {
    let master = one_node();
    let headers = [JSON, ("Mesos-Stream-Id", "x")];
    let reply = raw(&master, &headers, &failing_subscription());
    assert_eq!(reply.status, 400);
}

pub(super) fn teardown_without_stream_id() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let reply = framework.call_with(json!({ "type": "TEARDOWN" }), &[]);
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("Mesos-Stream-Id"));
}

pub(super) fn teardown_wrong_stream_id() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let headers = [("Mesos-Stream-Id", "wrong")];
    let reply = framework.call_with(json!({ "type": "TEARDOWN" }), &headers);
    assert_eq!(reply.status, 400);
}

pub(super) fn teardown() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    framework.accepted(json!({ "type": "TEARDOWN" }));
    assert_eq!(framework.try_next(EventType::Failure), None, "the connection is closed");
    let frameworks = get(&master.address, "/frameworks").json();
    let mut completed = frameworks["completed_frameworks"].as_array().unwrap().iter();
    assert!(completed.any(|known| known["id"] == json!(framework.id)));
}

pub(super) fn malformed_uuid() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let acknowledge = json!({
        "agent_id": { "value": "a" }, "task_id": { "value": "t" }, "uuid": "YmFk",
    });
    let reply = framework.call(json!({ "type": "ACKNOWLEDGE", "acknowledge": acknowledge }));
    assert_eq!(reply.status, 400);
}

pub(super) fn no_content_type() {
    assert_eq!(raw(&one_node(), &[], &failing_subscription()).status, 400);
}

pub(super) fn valid_json_but_invalid_protobuf() {
    let reply = raw(&one_node(), &[JSON], r#"{"string": "valid_json"}"#);
    assert_eq!(reply.status, 400);
    let reply = raw(&one_node(), &[JSON], r#"{"type": "SUBSCRIBE", "subscribe": {}}"#);
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("framework_info"), "{}", reply.text());
}

pub(super) fn malformed_content() {
    let master = one_node();
    for kind in ["application/json", "application/x-protobuf"] {
        let reply = raw(&master, &[("Content-Type", kind)], "MALFORMED_CONTENT");
        assert_eq!(reply.status, 400, "{kind}");
    }
}

pub(super) fn unsupported_content_type() {
    let headers = [("Content-Type", "application/unknown-content-type")];
    assert_eq!(raw(&one_node(), &headers, &failing_subscription()).status, 415);
}

pub(super) fn not_acceptable() {
    let headers = [JSON, ("Accept", "foo")];
    assert_eq!(raw(&one_node(), &headers, &failing_subscription()).status, 406);
}

pub(super) fn no_accept_header() {
    let reply = raw(&one_node(), &[JSON], &failing_subscription());
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert!(reply.text().contains(r#""type":"ERROR""#), "{}", reply.text());
}

pub(super) fn default_accept() {
    let headers = [JSON, ("Accept", "*/*")];
    let reply = raw(&one_node(), &headers, &failing_subscription());
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
}

pub(super) fn get_request() {
    assert_eq!(get(&one_node().address, "/api/v1/scheduler").status, 405);
}

pub(super) fn empty_id() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({ "id": { "value": "" } }));
    assert!(framework.id.ends_with("-0000"), "{}", framework.id);
}

pub(super) fn invalid_failover_timeout() {
    let master = one_node();
    let subscribe = json!({ "framework_info": info(&json!({ "failover_timeout": -1 })) });
    let mut framework = Framework::connect(&master, ContentType::Json, &subscribe);
    let error = framework.next(EventType::Error).error.unwrap();
    assert!(error.message.contains("failover_timeout"), "{}", error.message);
}

pub(super) fn missing_multi_role() {
    let master = one_node();
    let subscribe = json!({ "framework_info": info(&json!({ "roles": ["*"] })) });
    let mut framework = Framework::connect(&master, ContentType::Json, &subscribe);
    let error = framework.next(EventType::Error).error.unwrap();
    assert!(error.message.contains("MULTI_ROLE"), "{}", error.message);
}

pub(super) fn calls_after_a_broken_stream() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &patient());
    framework.disconnect();
    master
        .until("the master notices", || framework.call(json!({ "type": "REVIVE" })).status == 403);
}
