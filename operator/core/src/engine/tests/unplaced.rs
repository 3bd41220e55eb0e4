//! Executors without a node, and an autoscaler that adds nodes for them.

use std::collections::BTreeMap;

use super::world::{World, job, stage};
use crate::action::{Action, Search};
use crate::event::{Departure, Event, NodeObservation, PoolObservation, Reservation};
use crate::ids::ExecutorKey;
use crate::jobs::{ExcludeOnFailure, JobSpec, JobState};
use crate::time::Span;

fn cores(cores: i64) -> Vec<(Box<str>, i64)> {
    vec![("cpu".into(), cores * 1000)]
}

/// A pool whose executors without a node may hold so many cores.
fn elastic(name: &str, up_to: i64) -> PoolObservation {
    let elastic = Some(cores(up_to));
    PoolObservation { name: name.into(), elastic, ..PoolObservation::default() }
}

fn tell(world: &mut World, pool: PoolObservation) {
    world.tell(Event::Pool(pool));
    world.tick();
}

fn wide(pool: &str, instances: u32) -> JobSpec {
    job(pool, instances, vec![stage("s", instances)])
}

/// The executors that were launched without a node and are not gone, in order.
fn without_node(world: &World) -> Vec<ExecutorKey> {
    let state = &world.engine.state;
    let unplaced = state.executors.iter().filter(|(_, executor)| executor.node.is_none());
    let mut keys: Vec<_> = unplaced.map(|(_, executor)| executor.key.clone()).collect();
    keys.sort();
    keys
}

/// An autoscaler: a node for every so many executors that have none, on which they land.
struct Autoscaler {
    cores: i64,
    nodes: usize,
}

impl Autoscaler {
    fn scale(&mut self, world: &mut World) {
        for landing in without_node(world).chunks(usize::try_from(self.cores).unwrap()) {
            let name = format!("auto{}", self.nodes);
            self.nodes += 1;
            world.tell(Event::Node(NodeObservation {
                name: name.as_str().into(),
                allocatable: cores(self.cores),
                ..NodeObservation::default()
            }));
            for key in landing {
                world.tell(Event::Placed(key.clone(), name.as_str().into()));
            }
            world.tick();
            world.check_account();
        }
    }
}

#[test]
fn an_autoscaler_adds_nodes_for_executors_that_have_none() {
    let mut world = World::with_nodes(&[2]);
    tell(&mut world, elastic("a", 4));
    world.submit("j", wide("a", 9));
    assert_eq!(world.placed("j"), [("n0".to_owned(), 2), ("nowhere".to_owned(), 4)]);
    assert_eq!(
        world.waits("j"),
        "WaitingForResources: runs on 6 of 9 executors: no node has 1 cpu free; largest 0; executors \
         of pool a that have no node hold cpu 4 of 4 already"
    );
    let launches = world.log.iter().filter_map(|action| match action {
        Action::Launch(launch) => Some(launch.node.as_deref()),
        _ => None,
    });
    let mut counts = BTreeMap::new();
    launches.for_each(|node| *counts.entry(node).or_insert(0) += 1);
    assert_eq!(counts, BTreeMap::from([(None, 4), (Some("n0"), 2)]));
    world.check_account();
    let mut autoscaler = Autoscaler { cores: 2, nodes: 0 };
    autoscaler.scale(&mut world);
    let expected = [("auto0", 2), ("auto1", 2), ("n0", 2), ("nowhere", 3)];
    assert_eq!(world.placed("j"), expected.map(|(node, count)| (node.to_owned(), count)));
    assert_eq!(
        world.waits("j"),
        "WaitingForNodes: 3 executors wait for nodes that an autoscaler may add"
    );
    autoscaler.scale(&mut world);
    assert_eq!(without_node(&world), []);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
    world.check_account();
}

#[test]
fn limits_bind_executors_without_a_node_too() {
    let mut world = World::with_nodes(&[]);
    tell(&mut world, PoolObservation { limit: cores(3), ..elastic("a", 10) });
    tell(&mut world, elastic("b", 4));
    tell(&mut world, elastic("b.x", 9));
    world.submit("a", wide("a", 9));
    world.submit("x", wide("b.x", 9));
    world.submit("none", wide("default", 9));
    assert_eq!(world.placed("a"), [("nowhere".to_owned(), 3)]);
    assert_eq!(world.placed("x"), [("nowhere".to_owned(), 4)], "the parent's bound holds below it");
    assert_eq!(world.placed("none"), []);
    assert!(world.waits("none").starts_with("NoNodes"));
    world.check_account();
}

#[test]
fn gangs_go_without_nodes_as_a_whole() {
    let mut world = World::with_nodes(&[2]);
    tell(&mut world, elastic("a", 4));
    let gang = |instances| {
        let mut spec = wide("a", instances);
        spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(600));
        spec
    };
    world.submit("large", gang(5));
    assert_eq!(world.placed("large"), []);
    assert!(world.waits("large").contains("only 2 of 5 executors fit at once"));
    world.submit("small", gang(4));
    assert_eq!(world.placed("small"), [("nowhere".to_owned(), 4)]);
    world.check_account();
}

#[test]
fn what_has_no_node_is_withdrawn_when_there_is_room_or_no_demand() {
    let mut world = World::with_nodes(&[1]);
    tell(&mut world, elastic("a", 2));
    world.submit("first", wide("default", 1));
    world.submit("j", wide("a", 2));
    assert_eq!(world.placed("j"), [("nowhere".to_owned(), 2)]);
    // Room that comes and goes at once withdraws nothing.
    world.add_node("n1", 1);
    world.advance(4_999);
    assert_eq!(world.placed("j"), [("nowhere".to_owned(), 2)]);
    world.advance(1);
    assert_eq!(world.placed("j"), [("n1".to_owned(), 1), ("nowhere".to_owned(), 1)]);
    world.check_account();
    // The one that has a node does all the work; the other one is not wanted any more.
    world.make_ready();
    world.finish_of("j", "s", 0);
    assert_eq!(without_node(&world), []);
    world.run_to_the_end();
    assert_eq!((world.state("j"), world.live_executors()), (JobState::Succeeded, 0));
    world.check_account();
}

#[test]
fn what_lands_where_it_should_not_goes_again() {
    let mut world = World::with_nodes(&[2]);
    let everywhere = Reservation { node_selector: Vec::new(), resources: cores(2) };
    tell(
        &mut world,
        PoolObservation {
            name: "b".into(),
            reservations: vec![everywhere],
            ..PoolObservation::default()
        },
    );
    tell(&mut world, elastic("a", 4));
    let mut spec = wide("a", 1);
    world.submit("small", spec.clone());
    // Whoever places it would put it where room is kept for others.
    assert_eq!(world.placed("small"), []);
    spec.executor.request = cores(3);
    world.submit("large", spec);
    // It is too small for others, and lands on a node that only others see.
    assert_eq!(world.placed("large"), [("nowhere".to_owned(), 1)], "{}", world.waits("large"));
    let key = without_node(&world).remove(0);
    world.hold_departures = true;
    world.tell(Event::Placed(key.clone(), "n0".into()));
    world.tick();
    assert!(world.log.contains(&Action::Remove(key)));
    assert_eq!(world.placed("large"), [("n0".to_owned(), 1)], "until it is gone it is charged");
}

#[test]
fn an_executor_may_land_before_its_node_is_seen() {
    let mut world = World::with_nodes(&[]);
    tell(&mut world, elastic("a", 2));
    world.submit("j", wide("a", 1));
    let key = without_node(&world).remove(0);
    for _ in 0..2 {
        world.tell(Event::Placed(key.clone(), "n9".into()));
    }
    assert_eq!(without_node(&world), std::slice::from_ref(&key));
    world.add_node("n9", 1);
    assert_eq!(world.placed("j"), [("n9".to_owned(), 1)]);
    world.tell(Event::Placed(key, "elsewhere".into()));
    world.check_account();
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn news_that_comes_with_a_landing_counts_in_any_order() {
    let mut world = World::with_nodes(&[2]);
    tell(&mut world, elastic("a", 4));
    world.submit("first", wide("a", 2));
    world.submit("second", wide("a", 1));
    let key = without_node(&world).remove(0);
    let before = world.executors()[0].0.clone();
    // The node had room, for what was there had ended; but that is heard of second.
    world.tell(Event::Placed(key.clone(), "n0".into()));
    world.depart(&before, &Departure::Lost("killed".to_owned()));
    assert!(!world.log.contains(&Action::Remove(key)), "{:?}", world.log);
    assert_eq!(world.placed("second"), [("n0".to_owned(), 1)]);
    world.check_account();
}

#[test]
fn whoever_places_it_is_told_what_suits() {
    let mut world = World::with_nodes(&[]);
    let node_selector = vec![("zone".into(), "a".into())];
    tell(&mut world, PoolObservation { node_selector, ..elastic("a", 9) });
    world.add_labelled_node("n0", 1, &[("zone", "a"), ("disk", "ssd")]);
    let mut spec = wide("a", 1);
    spec.executor.node_selector = vec![("disk".into(), "ssd".into())];
    spec.executor.exclude_on_failure =
        Some(ExcludeOnFailure { max_failures_per_node: 1, ..ExcludeOnFailure::default() });
    spec.max_task_failures = 4;
    world.submit("j", spec);
    world.make_ready();
    world.pool("b", 1000);
    world.add_labelled_node("n1", 1, &[("zone", "a"), ("disk", "ssd")]);
    world.submit("other", wide("b", 1));
    assert_eq!(world.placed("other"), [("n1".to_owned(), 1)]);
    // It declines its node from now on, and there is no room on the other.
    world.hold_departures = true;
    world.fail("s", 0, "no such file");
    let launched = |world: &World| {
        let mut launches = world.log.iter().filter_map(|action| match action {
            Action::Launch(launch) if launch.node.is_none() => Some(launch.search.clone()),
            _ => None,
        });
        launches.next_back()
    };
    let search = launched(&world).expect("an executor without a node");
    let selector = [("disk", "ssd"), ("zone", "a")].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(search, Search { selector: selector.into(), avoids: vec!["n0".into()] });
}

#[test]
fn a_job_pauses_when_an_executor_landed_where_it_should_not() {
    let mut world = World::with_nodes(&[]);
    let everywhere = Reservation { node_selector: Vec::new(), resources: cores(1) };
    let reserving = PoolObservation {
        name: "b".into(),
        reservations: vec![everywhere],
        ..PoolObservation::default()
    };
    tell(&mut world, reserving);
    tell(&mut world, elastic("a", 4));
    world.submit("j", wide("a", 1));
    // An autoscaler that adds nodes on which everything is reserved, and pods that take time to go.
    let mut autoscaler = Autoscaler { cores: 1, nodes: 0 };
    world.hold_departures = true;
    (0..20).for_each(|_| autoscaler.scale(&mut world));
    assert_eq!(autoscaler.nodes, 1);
    assert!(world.waits("j").contains("kept for others"), "{}", world.waits("j"));
    world.hold_departures = false;
    world.advance(60_000);
    assert_eq!(without_node(&world), [], "it knows now that it would land on that node again");
}

#[test]
fn who_may_not_use_its_pool_any_more_keeps_what_it_asked_for() {
    let mut world = World::with_nodes(&[]);
    tell(&mut world, elastic("a", 4));
    world.submit("j", wide("a", 1));
    assert_eq!(without_node(&world).len(), 1);
    // It wants nothing more, so it is not told that it would get nothing.
    let claims =
        PoolObservation { namespaces: vec!["default".into()], ..PoolObservation::default() };
    tell(&mut world, PoolObservation { name: "b".into(), ..claims });
    assert_eq!(without_node(&world).len(), 1);
    assert_eq!(world.message("j"), "1 executor waits for a node that an autoscaler may add");
}
