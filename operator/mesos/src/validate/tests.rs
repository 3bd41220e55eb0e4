use super::*;
use crate::from_json;
use crate::types::{FrameworkInfo, TaskInfo};

fn call(json: &str) -> Result<(), String> {
    check_call(&from_json(json.as_bytes()).unwrap(), Some("me"))
}

#[test]
fn calls_need_what_their_type_names() {
    let cases = [
        ("{}", "Expecting 'type' to be present"),
        (r#"{"type":"SUBSCRIBE"}"#, "Expecting 'subscribe' to be present"),
        (r#"{"type":"TEARDOWN"}"#, "Expecting 'framework_id' to be present"),
        (
            r#"{"type":"SUBSCRIBE","framework_id":{"value":"a"},
                "subscribe":{"framework_info":{"user":"","name":""}}}"#,
            "'framework_id' differs from 'subscribe.framework_info.id'",
        ),
        (
            r#"{"type":"SUBSCRIBE",
                "subscribe":{"framework_info":{"user":"","name":"","principal":"you"}}}"#,
            "Authenticated principal 'me' does not match principal 'you' set in `FrameworkInfo`",
        ),
        (
            r#"{"type":"ACKNOWLEDGE","framework_id":{"value":"a"},"acknowledge":{
                "agent_id":{"value":"s"},"task_id":{"value":"t"},"uuid":"AAAA"}}"#,
            "Invalid UUID: must be 16 bytes, but has 3",
        ),
    ];
    for (json, message) in cases {
        assert_eq!(call(json), Err(message.to_owned()), "{json}");
    }
    let kinds = [
        "accept",
        "decline",
        "accept_inverse_offers",
        "decline_inverse_offers",
        "kill",
        "shutdown",
        "acknowledge",
        "acknowledge_operation_status",
        "reconcile",
        "reconcile_operations",
        "message",
        "request",
        "update_framework",
    ];
    for field in kinds {
        let kind = field.to_uppercase();
        let json = format!(r#"{{"type":"{kind}","framework_id":{{"value":"a"}}}}"#);
        assert_eq!(call(&json), Err(format!("Expecting '{field}' to be present")), "{kind}");
    }
    for kind in ["TEARDOWN", "REVIVE", "SUPPRESS"] {
        let json = format!(r#"{{"type":"{kind}","framework_id":{{"value":"a"}}}}"#);
        assert_eq!(call(&json), Ok(()), "{kind}");
    }
}

fn framework(fields: &str) -> FrameworkInfo {
    from_json(format!(r#"{{"user":"u","name":"n"{fields}}}"#).as_bytes()).unwrap()
}

#[test]
fn frameworks_are_checked() {
    let multi = r#","capabilities":[{"type":"MULTI_ROLE"}]"#;
    let right = ["", r#","role":"a""#, multi, r#","failover_timeout":60"#, r#","id":{"value":""}"#];
    for fields in right {
        assert_eq!(check_framework(&framework(fields)), Ok(()), "{fields}");
    }
    let wrong = [
        r#","roles":["a"]"#.to_owned(),
        r#","role":"/a""#.to_owned(),
        format!(r#"{multi},"role":"a""#),
        format!(r#"{multi},"roles":["a","a"]"#),
        format!(r#"{multi},"roles":["a/"]"#),
        r#","failover_timeout":-1"#.to_owned(),
        r#","failover_timeout":"NaN""#.to_owned(),
        r#","failover_timeout":1e300"#.to_owned(),
        r#","id":{"value":"a/b"}"#.to_owned(),
        r#","offer_filters":{"b":{}}"#.to_owned(),
        r#","offer_filters":{"*":{"min_allocatable_resources":
            {"quantities":[{"quantities":{"cpus":{"value":-1}}}]}}}"#
            .to_owned(),
    ];
    for (amount, part) in [
        ("-1", "must not be negative"),
        ("1e300", "more than can be counted"),
        ("\"NaN\"", "not a number"),
    ] {
        let fields = format!(
            r#","offer_filters":{{"*":{{"min_allocatable_resources":
            {{"quantities":[{{"quantities":{{"cpus":{{"value":{amount}}}}}}}]}}}}}}"#
        );
        let problem = check_framework(&framework(&fields)).unwrap_err();
        assert!(problem.contains(part), "{problem}");
    }
    for fields in wrong {
        assert!(check_framework(&framework(&fields)).is_err(), "{fields}");
    }
    let info = framework(r#","role":"a""#);
    assert_eq!(check_subscription(&info, &["a".to_owned()]), Ok(()));
    assert!(check_subscription(&info, &["b".to_owned()]).is_err());
}

fn task(fields: &str) -> Result<(), String> {
    let json = format!(
        r#"{{"name":"n","task_id":{{"value":"t"}},"agent_id":{{"value":"s"}},
            "resources":[{{"name":"cpus","type":"SCALAR","scalar":{{"value":1}}}}]{fields}}}"#
    );
    let task: TaskInfo = from_json(json.as_bytes()).unwrap();
    check_task(&task, "s")
}

#[test]
fn tasks_are_checked() {
    let command = r#","command":{"value":"true"}"#;
    let executor = r#","executor":{"executor_id":{"value":"e"},"command":{"value":"true"}}"#;
    assert_eq!(task(command), Ok(()));
    assert_eq!(task(executor), Ok(()));
    assert_eq!(task(&format!(r#"{command},"limits":{{"cpus":{{"value":"Infinity"}}}}"#)), Ok(()));
    let wrong = [
        String::new(),
        format!("{command}{executor}"),
        r#","executor":{"executor_id":{"value":"e"}}"#.to_owned(),
        r#","executor":{"type":"DEFAULT","executor_id":{"value":"e"},"command":{}}"#.to_owned(),
        format!(r#"{command},"kill_policy":{{"grace_period":{{"nanoseconds":-1}}}}"#),
        format!(r#"{command},"max_completion_time":{{"nanoseconds":-1}}"#),
        format!(r#"{command},"limits":{{"disk":{{"value":1}}}}"#),
        format!(r#"{command},"limits":{{"cpus":{{"value":0.5}}}}"#),
        format!(r#"{command},"check":{{}}"#),
        format!(r#"{command},"check":{{"type":"TCP"}}"#),
        format!(r#"{command},"health_check":{{"type":"HTTP"}}"#),
    ];
    for fields in wrong {
        assert!(task(&fields).is_err(), "{fields}");
    }
}

#[test]
fn identifiers_are_checked() {
    assert_eq!(check_id("a.b-c_0"), Ok(()));
    for id in ["", ".", "..", "a/b", "a\\b", "a\nb"] {
        assert!(check_id(id).is_err(), "{id:?}");
    }
    assert_eq!(check_id(&"a".repeat(255)), Ok(()));
    assert!(check_id(&"a".repeat(256)).is_err());
}
