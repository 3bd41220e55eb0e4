//! What each principal sees of others, by everything that can be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Question, Reading};
use super::Sight;
use crate::master::News;
use crate::master::access::{Access, Kind};
use crate::master::first_api::READ;
use crate::master::frameworks::Framework;
use crate::master::tests::{World, framework, task};

const CREDENTIALS: &str = r#"{"credentials": [
    {"principal": "own", "secret": "s", "roles": ["team-own"]},
    {"principal": "foreign", "secret": "s", "roles": ["team-foreign"]},
    {"principal": "colleague", "secret": "s", "roles": ["team-foreign"]},
    {"principal": "nobody", "secret": "s", "roles": []},
    {"principal": "monitor", "secret": "s", "roles": [], "view": ["view_frameworks", "view_tasks"]},
    {"principal": "viewer", "secret": "s", "roles": [], "view": "all"},
    {"principal": "operator", "secret": "s"}
]}"#;

/// The calls of `/api/v1` that are answered.
const CALLS: [&str; 16] = [
    "GET_HEALTH",
    "GET_VERSION",
    "GET_FLAGS",
    "GET_METRICS",
    "GET_LOGGING_LEVEL",
    "GET_MASTER",
    "GET_AGENTS",
    "GET_FRAMEWORKS",
    "GET_TASKS",
    "GET_EXECUTORS",
    "GET_OPERATIONS",
    "GET_STATE",
    "GET_ROLES",
    "GET_WEIGHTS",
    "GET_QUOTA",
    "GET_MAINTENANCE_STATUS",
];

/// A master with a framework of each of two principals, with a task each and one that is gone.
fn world() -> (World, Access) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CREDENTIALS).unwrap();
    let access = Access::load(file.path()).unwrap();
    let mut world = World::new(2);
    for name in ["own", "foreign"] {
        world.add_pool(&format!("team-{name}"));
        let fields = format!(
            r#"{{"principal":"{name}","roles":["team-{name}"],"hostname":"host-{name}",
            "capabilities":[{{"type":"MULTI_ROLE"}}]}}"#
        );
        let gone = world.subscribe(framework(&fields));
        world.disconnect(gone);
        world.advance(10_000);
        let stream = world.subscribe(framework(&fields));
        let agent = world.offers(stream).pop().unwrap().agent_id.value;
        world.launch(stream, &[task(&format!("task-{name}"), &agent, 1.0)]);
        world.call(stream, r#""type":"SUPPRESS""#);
    }
    let weights = json!({ "weight_infos": [
        { "role": "team-own", "weight": 2.0 }, { "role": "team-foreign", "weight": 3.0 },
    ] });
    assert_eq!(world.operate("UPDATE_WEIGHTS", &weights).0, 200);
    let quota = |role: &str| json!({ "role": role, "limits": { "cpus": { "value": 3.0 } } });
    let quota = json!({ "quota_configs": [quota("team-own"), quota("team-foreign")] });
    assert_eq!(world.operate("UPDATE_QUOTA", &quota).0, 200);
    (world, access)
}

/// Everything that can be read, by name.
fn everything(reading: &Reading) -> BTreeMap<String, String> {
    let read = |agent: Option<usize>, endpoint: &str| {
        let question = Question { agent, endpoint: endpoint.to_owned(), query: BTreeMap::new() };
        let answer: Option<Value> =
            reading.read(&question).map(|answer| serde_json::to_value(answer).unwrap());
        answer.map(|answer| (format!("{agent:?} {endpoint}"), answer.to_string()))
    };
    let more = ["weights", "quota", "maintenance/schedule"];
    let endpoints: Vec<&str> = READ.into_iter().chain(more).collect();
    let agents = [None, Some(0), Some(1), Some(2)];
    let of_agents = agents.into_iter().flat_map(|agent| {
        endpoints.iter().filter_map(move |endpoint| read(agent, endpoint)).collect::<Vec<_>>()
    });
    let calls = CALLS.into_iter().map(|kind| {
        let answer = serde_json::to_value(reading.call(kind).unwrap()).unwrap();
        (kind.to_owned(), answer.to_string())
    });
    let more = ["GET_CONTAINERS", "GET_AGENT", "GET_RESOURCE_PROVIDERS"];
    let kinds: Vec<&str> = CALLS.into_iter().chain(more).collect();
    let to_agents = [0, 1, 2].into_iter().flat_map(|agent| {
        let call = |kind: &&str| {
            let answer = serde_json::to_value(reading.agent_call(agent, kind)?).unwrap();
            Some((format!("{agent} {kind}"), answer.to_string()))
        };
        kinds.iter().filter_map(call).collect::<Vec<_>>()
    });
    of_agents.chain(calls).chain(to_agents).collect()
}

fn reading(world: &World, access: &Access, principal: &str) -> Reading {
    let sight = Sight::of(access.rights(Some(principal)));
    Reading::new(Arc::new(world.snapshot()), sight)
}

/// The answers in which something of a principal's framework, task, host or role is named.
fn naming<'a>(all: &'a BTreeMap<String, String>, what: &str) -> Vec<&'a str> {
    let named = all.iter().filter(|(_, answer)| answer.contains(what));
    named.map(|(name, _)| name.as_str()).collect()
}

#[test]
fn nothing_that_is_read_tells_of_others() {
    let (world, access) = world();
    for (principal, own, foreign) in
        [("own", true, false), ("colleague", false, true), ("nobody", false, false)]
    {
        let all = everything(&reading(&world, &access, principal));
        assert!(all.len() > 40, "{:?}", all.keys());
        for (name, is_seen) in [("own", own), ("foreign", foreign)] {
            for what in ["task-", "host-", "team-"] {
                let naming = naming(&all, &format!("{what}{name}"));
                assert_eq!(!naming.is_empty(), is_seen, "{principal}: {what}{name} in {naming:?}");
            }
        }
    }
    // There is as much to be seen for whom it may be.
    let all = everything(&reading(&world, &access, "operator"));
    for (what, answers) in [
        ("task-foreign", &["None state", "None tasks", "GET_STATE", "GET_TASKS"][..]),
        ("host-foreign", &["None state", "None frameworks", "None state-summary"]),
        ("team-foreign", &["None roles", "None weights", "None quota", "GET_ROLES"]),
    ] {
        let naming = naming(&all, what);
        assert!(answers.iter().all(|answer| naming.contains(answer)), "{what} in {naming:?}");
    }
    assert_eq!(all.len(), everything(&reading(&world, &access, "viewer")).len());
}

#[test]
fn a_right_shows_what_it_is_for() {
    let (world, access) = world();
    let all = everything(&reading(&world, &access, "monitor"));
    for what in ["task-own", "task-foreign", "host-foreign"] {
        assert!(!naming(&all, what).is_empty(), "{what}");
    }
    let roles = ["GET_ROLES", "GET_WEIGHTS", "GET_QUOTA", "GET_METRICS", "None roles"];
    let named = naming(&all, "team-own");
    assert!(roles.iter().all(|role| !named.contains(role)), "{named:?}");
}

#[test]
fn executors_that_are_built_in_are_for_those_with_the_right() {
    let access = world().1;
    let mut world = World::new(1);
    let stream = world.subscribe(framework(r#"{"principal":"foreign"}"#));
    world.launch(stream, &[task("marked", "m-S0", 1.0)]);
    let container = proffer_mesos::from_json(br#"{"container_id":{"value":"c"}}"#).unwrap();
    world.news("marked", News::Running(Some(container)));
    for (principal, is_seen) in [("monitor", false), ("viewer", true), ("operator", true)] {
        let all = everything(&reading(&world, &access, principal));
        assert!(naming(&all, "marked").contains(&"None state"), "{principal} sees the task");
        let named = naming(&all, "Command Executor");
        for answer in ["None state", "Some(1) state", "Some(1) containers", "1 GET_CONTAINERS"] {
            assert_eq!(named.contains(&answer), is_seen, "{principal}: {answer} in {named:?}");
        }
    }
}

#[test]
fn sandboxes_are_for_those_who_see_the_framework_and_have_the_right() {
    let (world, access) = world();
    let operator = reading(&world, &access, "operator");
    let id = |principal: &str| {
        let is_of = |it: &&Framework| it.principal.as_deref() == Some(principal);
        operator.frameworks().find(is_of).unwrap().id.clone()
    };
    for (principal, own, foreign) in [
        ("own", true, false),
        ("colleague", false, true),
        ("nobody", false, false),
        ("monitor", false, false),
        ("viewer", true, true),
        ("operator", true, true),
    ] {
        let reading = reading(&world, &access, principal);
        let enters = |of: &str| reading.sandboxes_of(&id(of)).is_some();
        assert_eq!((enters("own"), enters("foreign")), (own, foreign), "{principal}");
        assert!(reading.sandboxes_of("none").is_none());
    }
    assert!(access.rights(Some("viewer")).all(Kind::AccessSandboxes));
}
