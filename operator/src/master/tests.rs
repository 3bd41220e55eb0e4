//! The master and the engine, with a framework that says what the test says.

mod pieces;
mod resources;
mod world;

use proffer_mesos::from_json;
use proffer_mesos::resources::thousandths;
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::{
    ContainerStatus, Resource, TaskState, TaskStatusReason as Reason, TaskStatusSource as Source,
};

use super::{Ending, News};
pub(super) use world::{World, framework, labelled, settings, task};

pub(super) fn finished() -> News {
    News::Ended(Ending {
        state: TaskState::Finished,
        message: "Command exited with status 0".to_owned(),
        reason: None,
        source: Source::Executor,
    })
}

/// A scalar in thousandths.
fn amount(resource: &Resource) -> Option<i64> {
    resource.scalar.as_ref().and_then(|scalar| thousandths(scalar.value))
}

const SECOND: u64 = 1000;

#[test]
fn a_framework_is_subscribed_and_offered_everything() {
    let mut world = World::new(2);
    let stream = world.subscribe(framework("{}"));
    let kinds = world.kinds(stream);
    assert_eq!(kinds, [EventType::Subscribed, EventType::Heartbeat, EventType::Offers]);
    let offers = world.offers(stream);
    assert_eq!(offers.len(), 2);
    let offer = &offers[0];
    assert_eq!(offer.hostname, "n0");
    assert_eq!(offer.agent_id.value, "m-S0");
    assert!(offer.allocation_info.is_none(), "it is not multi-role");
    let names: Vec<&str> = offer.resources.iter().map(|resource| resource.name.as_str()).collect();
    assert_eq!(names, ["cpus", "mem", "disk", "ports"]);
    assert!(offer.resources.iter().all(|resource| resource.role.as_deref() == Some("*")));
    assert!(offer.resources.iter().all(|resource| resource.allocation_info.is_none()));
    let attribute = offer.attributes.iter().find(|attribute| attribute.name == "zone").unwrap();
    assert_eq!(attribute.text.as_ref().unwrap().value, "a");
}

#[test]
fn multi_role_frameworks_see_who_an_offer_is_for() {
    let mut world = World::new(1);
    world.add_pool("a.b");
    let stream = world.subscribe(framework(
        r#"{"roles":["a/b"],"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}]}"#,
    ));
    let offer = &world.offers(stream)[0];
    let role = |info: &Option<proffer_mesos::types::ResourceAllocationInfo>| {
        info.as_ref().and_then(|info| info.role.clone())
    };
    assert_eq!(role(&offer.allocation_info).as_deref(), Some("a/b"));
    for resource in &offer.resources {
        assert_eq!(role(&resource.allocation_info).as_deref(), Some("a/b"));
        assert_eq!(resource.role, None);
    }
}

#[test]
fn a_role_without_a_pool_is_an_error_that_names_the_pool() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework(r#"{"role":"team/spark"}"#));
    let error = world.errors(stream).pop().unwrap();
    assert!(error.contains("create a ResourcePool 'team.spark'"), "{error}");
    assert!(world.is_closed(stream));
}

#[test]
fn bad_frameworks_are_told_so_in_an_event() {
    let cases = [
        (r#"{"roles":["a"]}"#, "MULTI_ROLE"),
        (r#"{"role":"/a"}"#, "cannot start with a slash"),
        (r#"{"failover_timeout":-1}"#, "failover_timeout"),
        (r#"{"labels":{"labels":[{"key":"proffer.dev/executors","value":"2"}]}}"#, "executor-cpus"),
    ];
    for (fields, part) in cases {
        let mut world = World::new(1);
        let stream = world.subscribe(framework(fields));
        let error = world.errors(stream).pop().unwrap();
        assert!(error.contains(part), "{fields}: {error}");
        assert!(world.is_closed(stream), "{fields}");
    }
}

#[test]
fn a_task_runs_and_its_updates_come_one_by_one() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("t", "m-S0", 1.0)]);
    let run = world.runs.pop().unwrap();
    assert_eq!((&*run.agent, &*run.key.task), ("m-S0", "t"));
    world.news("t", News::Starting(ContainerStatus::default()));
    world.news("t", News::Running(None));
    world.news("t", finished());
    // Nothing is acknowledged yet.
    assert_eq!(world.states(stream), [TaskState::Starting]);
    world.acknowledge_last(stream);
    world.acknowledge_last(stream);
    assert_eq!(
        world.states(stream),
        [TaskState::Starting, TaskState::Running, TaskState::Finished]
    );
    let update = world.updates(stream).pop().unwrap();
    assert_eq!(update.agent_id.unwrap().value, "m-S0");
    assert_eq!(update.executor_id.unwrap().value, "t");
    assert_eq!(update.uuid.unwrap().len(), 16);
    world.acknowledge_last(stream);
    world.reconcile(stream, &["t"]);
    let update = world.updates(stream).pop().unwrap();
    assert_eq!((update.state, update.uuid), (TaskState::Lost.into(), None), "it is forgotten");
}

#[test]
fn what_is_not_acknowledged_is_said_again_after_twice_as_long_each_time() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("t", "m-S0", 1.0)]);
    world.news("t", News::Running(None));
    for (seconds, count) in [(9, 1), (1, 2), (19, 2), (1, 3), (39, 3), (1, 4)] {
        world.advance(seconds * SECOND);
        assert_eq!(world.states(stream).len(), count);
    }
    world.acknowledge_last(stream);
    world.advance(3600 * SECOND);
    assert_eq!(world.states(stream).len(), 4);
}

#[test]
fn resources_of_a_task_are_free_when_it_has_ended_whoever_has_heard() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("t", "m-S0", 4.0)]);
    world.news("t", finished());
    world.advance(10 * SECOND);
    let offer = world.offers(stream).pop().unwrap();
    assert_eq!(amount(&offer.resources[0]), Some(4_000));
}

#[test]
fn tasks_on_offers_that_are_not_valid_are_lost_and_dropped() {
    for (fields, state) in [
        ("{}", TaskState::Lost),
        (r#"{"capabilities":[{"type":"PARTITION_AWARE"}]}"#, TaskState::Dropped),
    ] {
        let mut world = World::new(1);
        let stream = world.subscribe(framework(fields));
        world.accept(stream, &["m-O7"], &[task("t", "m-S0", 1.0)]);
        let update = world.updates(stream).pop().unwrap();
        assert_eq!(update.state, i32::from(state));
        assert_eq!(update.reason, Some(Reason::InvalidOffers.into()));
        assert_eq!(update.source, Some(Source::Master.into()));
        assert_eq!(update.uuid, None);
        assert!(update.message.unwrap().contains("Offer m-O7 is no longer valid"));
        assert!(world.runs.is_empty());
    }
}

#[test]
fn a_refused_launch_forgets_no_task_that_runs() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("t", "m-S0", 1.0)]);
    world.news("t", News::Running(None));
    world.acknowledge_last(stream);
    world.accept(stream, &["m-O7"], &[task("t", "m-S0", 1.0)]);
    assert_eq!(world.states(stream).last(), Some(&TaskState::Lost), "of the second launch");
    world.kill(stream, "t", None);
    assert_eq!(world.kills.len(), 1, "the first is still known");
    world.news("t", finished());
    assert_eq!(world.states(stream).last(), Some(&TaskState::Finished));
    // A name that only executors have is none.
    world.accept(stream, &["m-O7"], &[task("executor/m-S0/e", "m-S0", 1.0)]);
    assert_eq!(world.states(stream).last(), Some(&TaskState::Error));
}

#[test]
fn tasks_that_make_no_sense_are_errors_and_the_others_run() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let mut no_command = task("no-command", "m-S0", 1.0);
    no_command.command = None;
    let tasks = [
        no_command,
        task("elsewhere", "m-S9", 1.0),
        task("large", "m-S0", 5.0),
        task("good", "m-S0", 1.0),
        task("good", "m-S0", 1.0),
    ];
    world.launch(stream, &tasks);
    let started: Vec<&str> = world.runs.iter().map(|run| &*run.key.task).collect();
    assert_eq!(started, ["good"]);
    let updates = world.updates(stream);
    let mut named: Vec<&str> = updates.iter().map(|u| u.task_id.value.as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, ["elsewhere", "good", "large", "no-command"]);
    for update in updates {
        assert_eq!(update.state, i32::from(TaskState::Error));
        assert_eq!(update.reason, Some(Reason::TaskInvalid.into()));
    }
    world.news("good", News::Running(None));
    assert_eq!(world.states(stream).last(), Some(&TaskState::Running), "it is still known");
}

#[test]
fn a_task_is_killed_and_an_unknown_one_is_reconciled() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("t", "m-S0", 1.0)]);
    world.kill(stream, "t", Some("m-S9"));
    assert!(world.kills.is_empty(), "it is not there");
    world.kill(stream, "t", None);
    assert_eq!(world.kills.len(), 1);
    world.kill(stream, "nobody", None);
    let update = world.updates(stream).pop().unwrap();
    assert_eq!(update.reason, Some(Reason::Reconciliation.into()));
    assert_eq!(update.state, i32::from(TaskState::Lost));
}

#[test]
fn a_task_that_is_killed_before_its_executor_is_there_is_killed_all_the_same() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let mut one = task("t", "m-S0", 1.0);
    let executor = r#"{"executor_id":{"value":"e"},"command":{"value":"true"}}"#;
    (one.command, one.executor) = (None, Some(from_json(executor.as_bytes()).unwrap()));
    world.launch(stream, &[one]);
    // Frameworks say it again until they hear of it.
    world.kill(stream, "t", None);
    world.kill(stream, "t", None);
    let connection = world.subscribe_executor();
    let told = world.told[&connection].iter();
    let told: Vec<_> = told.map(|event| (event.launch.is_some(), event.kill.is_some())).collect();
    assert_eq!(told, [(false, false), (true, false), (false, true)]);
}

#[test]
fn all_that_is_known_is_told_on_request() {
    let mut world = World::new(1);
    let aware = framework(r#"{"capabilities":[{"type":"PARTITION_AWARE"}]}"#);
    let stream = world.subscribe(aware);
    world.launch(stream, &[task("one", "m-S0", 1.0), task("two", "m-S0", 1.0)]);
    world.news("one", News::Running(None));
    world.reconcile(stream, &[]);
    let told = |world: &World| -> Vec<(String, TaskState)> {
        let updates = world.updates(stream).into_iter().filter(|update| update.uuid.is_none());
        let state = |update: &proffer_mesos::types::TaskStatus| update.state.try_into().unwrap();
        updates.map(|update| (update.task_id.value.clone(), state(&update))).collect()
    };
    assert_eq!(
        told(&world),
        [("one".to_owned(), TaskState::Running), ("two".to_owned(), TaskState::Staging)]
    );
    world.reconcile(stream, &["three"]);
    assert_eq!(told(&world).pop(), Some(("three".to_owned(), TaskState::Unknown)));
    world.reconcile_on(stream, "three", "m-S0");
    assert_eq!(told(&world).pop(), Some(("three".to_owned(), TaskState::Gone)));
}

#[test]
fn a_framework_that_comes_back_takes_over() {
    let mut world = World::new(1);
    let first = world.subscribe(framework(r#"{"failover_timeout":60}"#));
    let id = world.framework_id(first);
    world.launch(first, &[task("t", "m-S0", 1.0)]);
    world.news("t", News::Running(None));
    let again = framework(&format!(r#"{{"failover_timeout":60,"id":{{"value":"{id}"}}}}"#));
    let second = world.subscribe(again);
    assert_eq!(world.errors(first), ["Framework failed over"]);
    assert!(world.is_closed(first));
    assert_eq!(world.framework_id(second), id);
    assert_eq!(world.states(second), [TaskState::Running], "what it did not acknowledge");
    assert!(world.kills.is_empty());
    // The old connection ends afterwards, which is none of the new one's business.
    world.disconnect(first);
    world.advance(61 * SECOND);
    assert!(world.kills.is_empty());
}

#[test]
fn a_framework_that_stays_away_is_removed_with_its_tasks() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework(r#"{"failover_timeout":60}"#));
    let id = world.framework_id(stream);
    world.launch(stream, &[task("t", "m-S0", 4.0)]);
    world.disconnect(stream);
    world.advance(59 * SECOND);
    assert!(world.kills.is_empty());
    world.advance(SECOND);
    assert_eq!(world.kills.len(), 1);
    let other = world.subscribe(framework("{}"));
    assert!(world.offers(other).iter().all(|offer| offer.resources[0].name != "cpus"));
    world.news("t", finished());
    world.advance(10 * SECOND);
    assert!(world.offers(other).iter().any(|offer| offer.resources[0].name == "cpus"));
    let late = world.subscribe(framework(&format!(r#"{{"id":{{"value":"{id}"}}}}"#)));
    assert_eq!(world.errors(late), ["Framework has been removed"]);
}

#[test]
fn a_framework_may_end_itself() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.launch(stream, &[task("t", "m-S0", 1.0)]);
    assert_eq!(world.call(stream, r#""type":"TEARDOWN""#).status, 202);
    assert_eq!(world.kills.len(), 1);
    assert!(world.is_closed(stream));
    assert_eq!(world.call(stream, r#""type":"REVIVE""#).status, 400);
}

#[test]
fn calls_are_checked_in_order() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework(r#"{"failover_timeout":60}"#));
    let revive = r#""type":"REVIVE""#;
    assert_eq!(world.call(stream, revive).status, 202);
    assert_eq!(world.call_as(stream, revive, "nobody", None).message, "Framework cannot be found");
    let id = world.framework_id(stream);
    let without = world.call_as(stream, revive, &id, None);
    assert_eq!(without.status, 400);
    assert!(without.message.contains("Mesos-Stream-Id"), "{}", without.message);
    let wrong = world.call_as(stream, revive, &id, Some("other"));
    assert_eq!(wrong.status, 400);
    assert!(wrong.message.contains("didn't match"), "{}", wrong.message);
    assert_eq!(world.call(stream, r#""type":"UNKNOWN""#).status, 501);
    world.disconnect(stream);
    let gone = world.call(stream, revive);
    assert_eq!((gone.status, gone.message.as_str()), (403, "Framework is not subscribed"));
}

#[test]
fn suppressed_frameworks_are_offered_nothing_until_they_revive() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.decline_all(stream, 0.0);
    world.call(stream, r#""type":"SUPPRESS""#);
    world.advance(60 * SECOND);
    assert_eq!(world.offers(stream).len(), 1);
    world.call(stream, r#""type":"REVIVE","revive":{"roles":["nobody's"]}"#);
    world.advance(SECOND);
    assert_eq!(world.offers(stream).len(), 1, "a role that is not its own drops the call");
    world.call(stream, r#""type":"REVIVE""#);
    world.advance(SECOND);
    assert_eq!(world.offers(stream).len(), 2);
}

#[test]
fn refused_offers_stay_away_for_as_long_as_was_said() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    world.decline_all(stream, 30.0);
    world.advance(29 * SECOND);
    assert_eq!(world.offers(stream).len(), 1);
    world.advance(SECOND);
    assert_eq!(world.offers(stream).len(), 2);
}

#[test]
fn heartbeats_come_every_fifteen_seconds() {
    let mut world = World::new(0);
    let stream = world.subscribe(framework("{}"));
    let beats = |world: &World| {
        world.kinds(stream).iter().filter(|kind| **kind == EventType::Heartbeat).count()
    };
    assert_eq!(beats(&world), 1);
    world.advance(15 * SECOND - 1);
    assert_eq!(beats(&world), 1);
    world.advance(1);
    assert_eq!(beats(&world), 2);
}

#[test]
fn labels_tell_what_a_framework_can_use() {
    let labels = r#"{"labels":{"labels":[
        {"key":"proffer.dev/executors","value":"2"},
        {"key":"proffer.dev/executor-cpus","value":"1"},
        {"key":"proffer.dev/executor-memory","value":"512Mi"}]}}"#;
    let mut world = World::new(1);
    let stream = world.subscribe(framework(labels));
    let offers = world.offers(stream);
    assert_eq!(offers.len(), 2);
    for offer in offers {
        assert_eq!(amount(&offer.resources[0]), Some(1_000));
        assert_eq!(amount(&offer.resources[1]), Some(512_000));
    }
}

#[test]
fn what_is_not_done_here_is_refused_by_name() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let operations = r#"{"type":"RESERVE","id":{"value":"o"},"reserve":{"resources":[]}}"#;
    let offer = world.offers(stream)[0].id.value.clone();
    let accept = format!(
        r#""type":"ACCEPT","accept":{{"offer_ids":[{{"value":"{offer}"}}],"operations":[{operations}]}}"#
    );
    assert_eq!(world.call(stream, &accept).status, 202);
    let status = world.operations(stream).pop().unwrap();
    assert!(status.message.unwrap().contains("RESERVE"));
    let answer = world.call(
        stream,
        r#""type":"RECONCILE_OPERATIONS","reconcile_operations":{"operations":[{"operation_id":{"value":"o"}}]}"#,
    );
    assert_eq!(answer.status, 200);
    let response = answer.response.unwrap().reconcile_operations.unwrap();
    assert_eq!(response.operation_statuses.len(), 1);
}

#[test]
fn a_framework_may_change_while_it_is_connected() {
    let mut world = World::new(1);
    world.add_pool("a");
    let multi = r#""capabilities":[{"type":"MULTI_ROLE"}]"#;
    let stream = world.subscribe(framework(&format!(r#"{{"roles":[],{multi}}}"#)));
    assert!(world.offers(stream).is_empty());
    let id = world.framework_id(stream);
    let update = |user: &str, role: &str| {
        format!(
            r#""type":"UPDATE_FRAMEWORK","update_framework":{{"framework_info":{{"user":"{user}",
            "name":"n","id":{{"value":"{id}"}},"roles":["{role}"],{multi}}}}}"#
        )
    };
    assert_eq!(world.call(stream, &update("root", "a")).status, 400);
    assert_eq!(world.call(stream, &update("u", "nobody's")).status, 400);
    assert_eq!(world.call(stream, &update("u", "a")).status, 200);
    world.advance(SECOND);
    assert_eq!(world.offers(stream).len(), 1);
}
