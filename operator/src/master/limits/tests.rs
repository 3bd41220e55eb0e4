use crate::master::Limits;
use crate::master::tests::{World, framework, labelled, task};
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::{FrameworkId, FrameworkInfo, TaskState};

fn world(limits: Limits) -> World {
    World::limited(1, limits)
}

#[test]
fn a_principal_has_so_many_frameworks_and_is_told_so() {
    let mut world = world(Limits { frameworks: 2, ..Limits::default() });
    let first = world.subscribe(framework("{}"));
    world.subscribe(framework(r#"{"principal":"of a name that nobody checks"}"#));
    let refused = world.subscribe(framework("{}"));
    assert_eq!(world.kinds(refused), [EventType::Error]);
    let error = &world.errors(refused)[0];
    assert!(
        error.contains("may have 2 frameworks (on a cluster mesos.limits.frameworks)"),
        "{error}"
    );
    assert!(world.is_closed(refused));
    // One that goes makes room.
    assert_eq!(world.call(first, r#""type":"TEARDOWN""#).status, 202);
    let next = world.subscribe(framework("{}"));
    assert_eq!(world.errors(next), [""; 0]);
}

#[test]
fn those_that_are_gone_count_and_make_room() {
    let mut world = world(Limits { frameworks: 3, ..Limits::default() });
    for _ in 0..10 {
        let stream = world.subscribe(framework("{}"));
        assert_eq!(world.call(stream, r#""type":"TEARDOWN""#).status, 202);
    }
    assert_eq!(world.remembered(), 3);
    world.subscribe(framework("{}"));
    assert_eq!(world.remembered(), 2);
}

#[test]
fn what_frameworks_say_of_themselves_is_bounded_for_all_of_a_principal() {
    let mut world = world(Limits { framework_bytes: 250_000, ..Limits::default() });
    let stream = world.subscribe(labelled(200_000));
    let refused = world.subscribe(labelled(200_000));
    let error = &world.errors(refused)[0];
    assert!(error.contains("at most 250000 bytes together"), "{error}");
    // It may say that of itself once more, and another one may say little.
    world.disconnect(stream);
    world.subscribe(labelled(10));
    let small = world.subscribe(labelled(10));
    let id = Some(FrameworkId { value: world.framework_id(small) });
    let update = |bytes: usize| {
        let info = FrameworkInfo { id: id.clone(), ..labelled(bytes) };
        let info = proffer_mesos::to_json(&info);
        format!(r#""type":"UPDATE_FRAMEWORK","update_framework":{{"framework_info":{info}}}"#)
    };
    let answer = world.call(small, &update(300_000));
    assert_eq!(answer.status, 400, "{}", answer.message);
    assert!(answer.message.contains("at most 250000 bytes"), "{}", answer.message);
    assert_eq!(world.call(small, &update(20)).status, 200);
}

#[test]
fn those_that_are_there_come_back_whatever_the_limits_are_now() {
    let limits = Limits { frameworks: 2, framework_bytes: 250_000, ..Limits::default() };
    let mut world = world(limits);
    let of = |id: &str, bytes: usize| FrameworkInfo {
        id: Some(FrameworkId { value: id.to_owned() }),
        ..labelled(bytes)
    };
    for id in ["a", "b", "c"] {
        world.restore_framework(id, of(id, 100_000));
    }
    for id in ["a", "b", "c"] {
        let stream = world.subscribe(of(id, 100_000));
        assert_eq!(world.errors(stream), [""; 0], "{id}");
        // And again, once its failover timeout runs.
        world.disconnect(stream);
        let stream = world.subscribe(of(id, 90_000));
        assert_eq!(world.errors(stream), [""; 0], "{id}");
    }
    // What grows has to have room, and so has a new one.
    let larger = world.subscribe(of("a", 120_000));
    assert!(world.errors(larger)[0].contains("at most 250000 bytes together"));
    let new = world.subscribe(labelled(1));
    assert!(world.errors(new)[0].contains("may have 2 frameworks"));
}

#[test]
fn tasks_of_a_principal_are_bounded_until_they_have_ended() {
    let mut world = world(Limits { task_bytes: 10_000, ..Limits::default() });
    let stream = world.subscribe(framework("{}"));
    let with_data = |name: &str, bytes: usize| {
        let mut task = task(name, "m-S0", 0.1);
        task.data = Some(vec![b'x'; bytes]);
        task
    };
    let sizes = [("a", 6000), ("b", 6000), ("c", 100), ("never", 10_000)];
    world.launch(stream, &sizes.map(|(name, bytes)| with_data(name, bytes)));
    assert_eq!(world.runs.len(), 2, "the first and the third have room");
    let updates = world.updates(stream);
    let told = updates.iter().map(|update| (&*update.task_id.value, update.state));
    let states = [("b", TaskState::Lost), ("never", TaskState::Error)];
    assert_eq!(told.collect::<Vec<_>>(), states.map(|(name, state)| (name, i32::from(state))));
    let update = &updates[0];
    let message = update.message.as_deref().unwrap();
    assert!(message.contains("10000 bytes together until they have ended"), "{message}");
    // Its end makes room once the framework knows of it.
    world.news("a", crate::master::tests::finished());
    world.acknowledge_last(stream);
    world.advance(10_000);
    world.launch(stream, &[with_data("b", 6000)]);
    assert_eq!(world.runs.len(), 3);
}
