use super::*;
use crate::master::tests::{World, framework, task};

/// A node that is away from a time of this many nanoseconds on, with more about that.
fn schedule(world: &mut World, hostname: &str, unavailability: &Value) -> ApiAnswer {
    let window =
        json!({ "machine_ids": [{ "hostname": hostname }], "unavailability": unavailability });
    let schedule = json!({ "schedule": { "windows": [window] } });
    world.operate("UPDATE_MAINTENANCE_SCHEDULE", &schedule)
}

fn on(world: &mut World, kind: &str, machine: &Value) -> ApiAnswer {
    world.operate(kind, &json!({ "machines": [machine] }))
}

const START: i64 = 2_000_000_000_000_000;

#[test]
fn how_long_a_machine_is_away_is_checked_and_told() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let start = json!({ "nanoseconds": START });
    for wrong in [json!("NaN"), json!(true), json!(-1), json!(1.5), json!({})] {
        let unavailability = json!({ "start": start, "duration": { "nanoseconds": wrong } });
        let (status, answer) = schedule(&mut world, "n0", &unavailability);
        assert_eq!(status, 400, "{wrong}: {answer}");
        assert!(answer.as_str().unwrap().contains("uration"), "{answer}");
    }
    for wrong in [json!("soon"), Value::Null, json!({ "start": { "nanoseconds": "soon" } })] {
        assert_eq!(schedule(&mut world, "n0", &wrong).0, 400, "{wrong}");
    }
    let hour = json!({ "start": start, "duration": { "nanoseconds": 3_600_000_000_000_i64 } });
    assert_eq!(schedule(&mut world, "n0", &hour), done());
    let told = world.offers(stream).pop().unwrap().unavailability.unwrap();
    assert_eq!(told.start.nanoseconds, START);
    assert_eq!(told.duration.unwrap().nanoseconds, 3_600_000_000_000);
    assert_eq!(world.told_schedule()["windows"][0]["unavailability"], hour);
}

#[test]
fn the_schedule_holds_for_who_comes_later() {
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let unavailability = json!({ "start": { "nanoseconds": START } });
    assert_eq!(schedule(&mut world, "N1", &unavailability), done());
    assert_eq!(world.offers(stream)[0].unavailability, None);
    world.add_node("n1");
    let offer = world.offers(stream).pop().unwrap();
    assert_eq!(offer.hostname, "n1");
    assert_eq!(offer.unavailability.unwrap().start.nanoseconds, START);
}

#[test]
fn machines_are_told_from_others_by_their_hosts() {
    let mut world = World::new(1);
    let unavailability = json!({ "start": { "nanoseconds": START } });
    assert_eq!(schedule(&mut world, "n0", &unavailability), done());
    let ip = on(&mut world, "START_MAINTENANCE", &json!({ "ip": "127.0.0.1" }));
    assert_eq!(ip.0, 400);
    assert!(ip.1.as_str().unwrap().contains("'ip' alone"), "{}", ip.1);
    assert_eq!(on(&mut world, "START_MAINTENANCE", &json!({})).0, 400);
    assert_eq!(on(&mut world, "START_MAINTENANCE", &json!({ "hostname": 7 })).0, 400);
    assert_eq!(on(&mut world, "START_MAINTENANCE", &json!({ "hostname": "N0" })), done());
    let again = json!({ "hostname": "n0" });
    assert_eq!(on(&mut world, "START_MAINTENANCE", &again).0, 400, "it is down");
    assert_eq!(on(&mut world, "STOP_MAINTENANCE", &again), done());
    assert_eq!(on(&mut world, "STOP_MAINTENANCE", &again).0, 400, "it is up");
}

#[test]
fn a_machine_that_goes_takes_its_tasks_with_it_and_is_marked() {
    let mut world = World::new(2);
    let stream = world.subscribe(framework("{}"));
    let offer = world.offers(stream).into_iter().find(|offer| offer.hostname == "n1").unwrap();
    world.accept(stream, &[&offer.id.value], &[task("t", &offer.agent_id.value, 1.0)]);
    let unavailability = json!({
        "start": { "nanoseconds": START }, "duration": { "nanoseconds": 1 },
    });
    assert_eq!(schedule(&mut world, "n1", &unavailability), done());
    assert_eq!(on(&mut world, "START_MAINTENANCE", &json!({ "hostname": "n1" })), done());
    assert_eq!(world.kills.len(), 1);
    let start = Time::from_milliseconds(2_000_000_000);
    let maintenance = Maintenance { start, duration: Some(Span::from_milliseconds(1)) };
    let marks: Vec<_> = world.marks.iter().map(|(node, mark)| (&**node, *mark)).collect();
    assert_eq!(
        marks,
        [("n1", NodeMark::Maintenance(Some(maintenance))), ("n1", NodeMark::Down(maintenance))]
    );
}

#[test]
fn what_another_master_had_planned_is_adopted_once() {
    let mut world = World::new(2);
    let maintenance = Maintenance { start: Time::from_milliseconds(5), duration: None };
    for is_down in [true, false] {
        world.adopt_plan("n0", maintenance, is_down);
    }
    world.adopt_plan("nobody", maintenance, true);
    let machine = json!({ "hostname": "n0" });
    assert_eq!(world.told_schedule()["windows"].as_array().unwrap().len(), 1);
    assert_eq!(on(&mut world, "START_MAINTENANCE", &machine).0, 400, "it is down");
    assert_eq!(on(&mut world, "STOP_MAINTENANCE", &machine), done());
}

#[test]
fn what_people_plan_for_nodes_stays_theirs() {
    let mut world = World::new(3);
    let from = |milliseconds: u64| Maintenance {
        start: Time::from_milliseconds(milliseconds),
        duration: None,
    };
    for (node, maintenance) in [("n0", from(2_000_000_000)), ("n2", from(2_500_000_000))] {
        world.annotate(node, Some(maintenance));
        world.adopt_plan(node, maintenance, node == "n2");
    }
    world.annotate("n1", Some(from(3_000_000_000)));
    // They have thought better of it.
    world.annotate("n0", None);
    world.add_node("n3");
    assert!(world.marks.is_empty(), "{:?}", world.marks);
    // One that comes back concerns no other.
    assert_eq!(on(&mut world, "STOP_MAINTENANCE", &json!({ "hostname": "n2" })), done());
    let back = [NodeMark::Reactivated, NodeMark::Maintenance(None)];
    assert_eq!(world.marks, back.map(|mark| (Box::<str>::from("n2"), mark)));
    // Nor does a schedule that does not name it, nor did before.
    world.marks.clear();
    let unavailability = json!({ "start": { "nanoseconds": START } });
    assert_eq!(schedule(&mut world, "n3", &unavailability), done());
    let marked: Vec<_> = world.marks.iter().map(|(node, _)| &**node).collect();
    assert_eq!(marked, ["n3"]);
}

#[test]
fn machines_that_the_schedule_names_no_more_are_free_again() {
    let mut world = World::new(2);
    let unavailability = json!({ "start": { "nanoseconds": START } });
    assert_eq!(schedule(&mut world, "n0", &unavailability), done());
    world.marks.clear();
    assert_eq!(schedule(&mut world, "n1", &unavailability), done());
    let plan = Maintenance { start: Time::from_milliseconds(2_000_000_000), duration: None };
    let marks = [None, Some(plan)].map(NodeMark::Maintenance);
    let nodes = ["n0", "n1"].map(Box::<str>::from);
    assert_eq!(world.marks, nodes.into_iter().zip(marks).collect::<Vec<_>>());
}
