use super::*;

#[test]
fn each_endpoint_takes_its_methods_and_no_others() {
    use Change::{MachineDown, RemoveQuota, Reserve, Schedule, SetQuota, Teardown, Weights};
    for (endpoint, method, expected) in [
        ("weights", Method::PUT, Intent::Change(Weights)),
        ("weights", Method::GET, Intent::Read),
        ("weights", Method::POST, Intent::WrongMethod("GET, PUT")),
        ("quota", Method::POST, Intent::Change(SetQuota)),
        ("quota", Method::PUT, Intent::WrongMethod("GET, POST")),
        ("quota/team/a", Method::DELETE, Intent::Change(RemoveQuota)),
        ("quota/team", Method::GET, Intent::WrongMethod("DELETE")),
        ("maintenance/schedule", Method::POST, Intent::Change(Schedule)),
        ("maintenance/status", Method::POST, Intent::WrongMethod("GET")),
        ("machine/down", Method::POST, Intent::Change(MachineDown)),
        ("machine/down", Method::GET, Intent::WrongMethod("POST")),
        ("teardown", Method::POST, Intent::Change(Teardown)),
        ("teardown", Method::GET, Intent::WrongMethod("POST")),
        ("reserve", Method::POST, Intent::Change(Reserve)),
        ("state", Method::DELETE, Intent::WrongMethod("GET")),
        ("state", Method::HEAD, Intent::Read),
        ("nothing", Method::DELETE, Intent::Read),
    ] {
        assert_eq!(intent(endpoint, &method), expected, "{method} {endpoint}");
    }
}

#[test]
fn what_changes_something_is_a_call_of_the_later_api() {
    let weights = Change::Weights.call("weights", br#"[{"role":"a","weight":2}]"#).unwrap();
    let infos = json!({ "weight_infos": [{ "role": "a", "weight": 2 }] });
    assert_eq!(weights, json!({ "type": "UPDATE_WEIGHTS", "update_weights": infos }));
    let quota = br#"{"role":"a","force":true,
        "guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}"#;
    let quota = Change::SetQuota.call("quota", quota).unwrap();
    assert_eq!(quota["type"], json!("SET_QUOTA"));
    let request = &quota["set_quota"]["quota_request"];
    assert_eq!((&request["role"], &request["force"]), (&json!("a"), &json!(true)));
    let removed = Change::RemoveQuota.call("quota/team/a", b"").unwrap();
    assert_eq!(removed["remove_quota"]["role"], json!("team/a"));
    let teardown = Change::Teardown.call("teardown", b"frameworkId=m-0001").unwrap();
    assert_eq!(teardown["teardown"]["framework_id"]["value"], json!("m-0001"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (change, body) in [
        (Change::Weights, &b"{}"[..]),
        (Change::Weights, b"not JSON"),
        (Change::SetQuota, b"[]"),
        (Change::Schedule, br#"{"windows":{}}"#),
        (Change::MachineDown, b"{}"),
        (Change::Teardown, b"framework=m"),
    ] {
        assert!(change.call("", body).is_err(), "{change:?}");
    }
}

#[test]
fn roles_are_meant_as_they_are_encoded() {
    for (endpoint, role) in [
        ("quota/team%2Fspark", "team/spark"),
        ("quota/team/spark", "team/spark"),
        ("quota/a+b", "a+b"),
        ("quota/a%2Bb%26c=d%20e", "a+b&c=d e"),
        ("quota/%C3%A4", "ä"),
    ] {
        let call = Change::RemoveQuota.call(endpoint, b"").unwrap();
        assert_eq!(call["remove_quota"]["role"], json!(role), "{endpoint}");
    }
}
