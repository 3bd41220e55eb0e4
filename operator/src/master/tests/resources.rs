//! Tasks on what no offer had.

use super::{World, framework, task};
use proffer_mesos::from_json;
use proffer_mesos::types::{ExecutorInfo, Resource, TaskState, TaskStatus, TaskStatusReason};

fn with(fields: &str) -> Resource {
    let json = format!(r#"{{"name":"cpus","type":"SCALAR","scalar":{{"value":1}}{fields}}}"#);
    from_json(json.as_bytes()).unwrap()
}

/// What comes of a task on a resource with these fields, of a framework with those.
fn launched(info: &str, fields: &str) -> (World, Vec<TaskStatus>) {
    let mut world = World::new(1);
    world.add_pool("a");
    let stream = world.subscribe(framework(info));
    let mut odd = task("odd", "m-S0", 1.0);
    odd.resources = vec![with(fields)];
    world.launch(stream, &[odd]);
    let updates = world.updates(stream);
    (world, updates)
}

/// The message of a task that is an error.
fn refused(info: &str, fields: &str) -> String {
    let (world, updates) = launched(info, fields);
    assert!(world.runs.is_empty(), "{fields}");
    let [update] = &updates[..] else { panic!("{fields}: {updates:?}") };
    assert_eq!(update.state, i32::from(TaskState::Error), "{fields}");
    assert_eq!(update.reason, Some(TaskStatusReason::TaskInvalid.into()), "{fields}");
    update.message.clone().unwrap()
}

#[test]
fn everything_that_sets_a_resource_apart_is_checked() {
    for (fields, words) in [
        (r#","role":"other""#, "cpus reserved for role 'other'"),
        (r#","reservations":[{"type":"DYNAMIC","role":"x"}]"#, "reserved for role 'x'"),
        (r#","reservations":[{"type":"STATIC","role":"x"}]"#, "reserved for role 'x'"),
        (r#","role":"x","reservation":{"principal":"p"}"#, "reserved for role 'x'"),
        (r#","revocable":{}"#, "revocable"),
        (r#","shared":{}"#, "shared"),
        (r#","provider_id":{"value":"p"}"#, "resource provider 'p'"),
        (r#","disk":{"persistence":{"id":"v"}}"#, "persistent volume 'v'"),
        (r#","disk":{"source":{"type":"MOUNT","mount":{"root":"/m"}}}"#, "type MOUNT"),
        (r#","disk":{"volume":{"mode":"RW","container_path":"v"}}"#, "volume"),
        (r#","allocation_info":{"role":"other"}"#, "allocated to role 'other'"),
    ] {
        let message = refused("{}", fields);
        let expected = "Task uses more resources than available: no offer here has cpus ";
        assert!(message.starts_with(expected) && message.contains(words), "{message}");
    }
}

#[test]
fn what_the_offer_had_runs() {
    let multi = r#"{"roles":["a"],"capabilities":[{"type":"MULTI_ROLE"}]}"#;
    for (info, fields) in [
        ("{}", ""),
        ("{}", r#","role":"*""#),
        ("{}", r#","allocation_info":{"role":"*"}"#),
        (multi, r#","role":"*","allocation_info":{"role":"a"}"#),
        (multi, r#","reservations":[]"#),
    ] {
        let (world, updates) = launched(info, fields);
        assert!(updates.is_empty(), "{fields}: {updates:?}");
        assert_eq!(world.runs.len(), 1, "{fields}");
    }
    assert!(refused(multi, r#","role":"a""#).contains("reserved for role 'a'"));
    assert!(refused(multi, r#","allocation_info":{"role":"*"}"#).contains("allocated to role '*'"));
}

#[test]
fn executors_are_held_to_it_too() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let mut odd = task("odd", "m-S0", 1.0);
    let executor = r#"{"executor_id":{"value":"e"},"command":{"value":"true"}}"#;
    let mut executor: ExecutorInfo = from_json(executor.as_bytes()).unwrap();
    executor.resources = vec![with(r#","role":"other""#)];
    (odd.command, odd.executor) = (None, Some(executor));
    world.launch(stream, &[odd]);
    let update = world.updates(stream).pop().unwrap();
    assert_eq!(update.state, i32::from(TaskState::Error));
    assert!(update.message.unwrap().contains("its executor: no offer here has cpus reserved"));
    assert!(world.runs.is_empty());
}

#[test]
fn amounts_are_told_in_the_units_of_mesos() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let mut large = task("large", "m-S0", 1.0);
    large.resources[1].scalar.as_mut().unwrap().value = 8192.5;
    world.launch(stream, &[task("three", "m-S0", 5.5), large]);
    let messages: Vec<String> =
        world.updates(stream).into_iter().filter_map(|update| update.message).collect();
    assert!(messages[0].ends_with("asks for 5.5 cpus, and 4 are left"), "{messages:?}");
    assert!(messages[1].ends_with("asks for 8192.5 MiB of mem, and 4096 are left"), "{messages:?}");
}

#[test]
fn offers_are_named_as_they_were_sent() {
    for name in ["bogus", "m-O007", "m-O+7", "m-O18446744073709551616", "x-O1"] {
        let mut world = World::new(1);
        let stream = world.subscribe(framework("{}"));
        world.accept(stream, &[name], &[task("t", "m-S0", 1.0)]);
        let message = world.updates(stream).pop().unwrap().message.unwrap();
        assert!(message.ends_with(&format!("Offer {name} is no longer valid")), "{message}");
    }
}
