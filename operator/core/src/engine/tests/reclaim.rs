//! Pools that take back what others hold.

use crate::engine::Settings;
use crate::engine::tests::world::{World, job, stage};
use crate::event::Event;
use crate::event::{NodeObservation, PoolObservation, Reservation};
use crate::jobs::{JobSpec, JobState};
use crate::policy::{IdleGuarantee, ReclaimDefaults, ReclaimPolicy, ReclaimRules};
use crate::reasons::Reason;
use crate::time::Span;

/// Pools take back their share after 10 seconds, within which... and tasks drain for 20.
fn fair() -> Settings {
    let reclaim = ReclaimDefaults {
        policy: ReclaimPolicy::FairShare,
        grace_milliseconds: Span::from_seconds(10),
        drain_milliseconds: Span::from_seconds(20),
    };
    Settings { reclaim, ..Settings::default() }
}

fn pool(name: &str, weight: u32, guaranteed_cores: i64) -> PoolObservation {
    PoolObservation {
        name: name.into(),
        weight,
        guarantee: vec![("cpu".into(), guaranteed_cores * 1000)],
        ..PoolObservation::default()
    }
}

/// A job of executors of so many cores, with a task for each.
fn wide(pool: &str, instances: u32, cores: i64) -> JobSpec {
    let mut spec = job(pool, instances, vec![stage("s", instances)]);
    spec.executor.request = vec![("cpu".into(), cores * 1000)];
    spec
}

/// Two pools; the first has everything, and its tasks run.
fn borrowed(nodes: &[i64]) -> World {
    let mut world = World::with_settings(fair(), nodes);
    world.declare(pool("a", 1000, 0));
    world.declare(pool("b", 1000, 0));
    let cores = u32::try_from(nodes.iter().sum::<i64>()).unwrap();
    world.submit("a", wide("a", cores, 1));
    world.make_ready();
    world
}

#[test]
fn a_pool_below_its_share_gets_it_back_after_grace_and_drain() {
    let mut world = borrowed(&[4]);
    world.submit("b", wide("b", 4, 1));
    world.advance(9_999);
    assert_eq!((world.held("a"), world.held("b")), (4, 0));
    assert_eq!(world.status("a").reason, None);
    world.advance(1);
    assert_eq!((world.held("a"), world.held("b")), (4, 0), "the tasks may end");
    let message = "waits for its first executor: waits for 2 executors of pool a to drain by 1970-01-01T00:17:10Z";
    assert_eq!(world.message("b"), message);
    assert_eq!(world.status("b").reason, Some(Reason::WaitingForDrain));
    assert_eq!(world.status("a").reason, Some(Reason::Reclaimed));
    assert_eq!(
        world.message("a"),
        "2 executors drain by 1970-01-01T00:17:10Z: their room goes to pool b"
    );
    world.advance(20_000);
    assert_eq!((world.held("a"), world.held("b")), (2, 2));
    world.check_account();
    world.run_to_the_end();
    let status = world.status("a");
    assert_eq!(status.state, JobState::Succeeded);
    assert!(status.stages[0].failures.is_empty() && status.stages[0].losses.is_empty());
    assert_eq!(world.state("b"), JobState::Succeeded);
}

#[test]
fn what_ends_while_it_drains_makes_room_at_once() {
    let mut world = borrowed(&[2]);
    world.submit("b", wide("b", 1, 1));
    world.advance(10_000);
    let draining = world.draining();
    assert_eq!(draining.len(), 1);
    let partition = draining[0].index;
    world.finish_of("a", "s", partition);
    assert_eq!((world.held("a"), world.held("b")), (1, 1));
    assert_eq!(world.status("a").stages[0].finished.len(), 1);
}

#[test]
fn nobody_else_gets_the_room_that_is_held() {
    let mut world = borrowed(&[2]);
    world.submit("b", wide("b", 1, 1));
    world.advance(10_000);
    world.declare(pool("c", 1_000_000, 0));
    world.submit("c", wide("c", 2, 1));
    world.hold_departures = true;
    world.finish_of("a", "s", 0);
    world.finish_of("a", "s", 1);
    world.hold_departures = false;
    world.tick();
    assert_eq!((world.held("b"), world.held("c")), (1, 1));
}

#[test]
fn a_claim_that_goes_lets_its_victims_stay() {
    let mut world = borrowed(&[2]);
    world.submit("b", wide("b", 1, 1));
    world.advance(10_000);
    assert_eq!(world.draining().len(), 1);
    world.delete("b");
    assert_eq!(world.draining().len(), 0);
    world.advance(60_000);
    assert_eq!((world.held("a"), world.state("a")), (2, JobState::Running));
    assert_eq!(world.status("a").reason, None);
    world.run_to_the_end();
    assert_eq!(world.state("a"), JobState::Succeeded);
    world.check_account();
}

#[test]
fn a_claim_that_is_served_elsewhere_lets_its_victims_stay() {
    let mut world = borrowed(&[2]);
    world.submit("b", wide("b", 1, 1));
    world.advance(10_000);
    assert_eq!(world.draining().len(), 1);
    world.add_node("late", 1);
    assert_eq!((world.held("a"), world.held("b"), world.draining().len()), (2, 1, 0));
    world.advance(60_000);
    assert_eq!(world.held("a"), 2);
    world.check_account();
}

#[test]
fn a_guarantee_that_is_lent_comes_back_within_grace_and_drain() {
    let mut world = World::with_settings(Settings::default(), &[8]);
    let lent = PoolObservation { idle_guarantee: IdleGuarantee::Lend, ..pool("a", 1000, 6) };
    world.declare(lent);
    world.declare(pool("b", 1000, 0));
    world.submit("b", wide("b", 8, 1));
    world.make_ready();
    assert_eq!(world.held("b"), 8, "nobody wants the guarantee");
    world.submit("a", wide("a", 8, 1));
    world.advance(30_000 + 60_000);
    assert_eq!((world.held("a"), world.held("b")), (6, 2), "the guarantee, and no more");
    world.advance(600_000);
    assert_eq!((world.held("a"), world.held("b")), (6, 2));
}

#[test]
fn beside_what_is_kept_under_a_limit_room_comes_from_below_it() {
    let mut world = World::with_settings(fair(), &[16]);
    world.declare(PoolObservation { limit: vec![("cpu".into(), 8000)], ..pool("a", 1000, 0) });
    world.declare(pool("a.idle", 1000, 4));
    world.declare(pool("a.x", 1000, 0));
    world.declare(pool("a.y", 1000, 0));
    world.declare(pool("b", 1000, 0));
    world.submit("x", wide("a.x", 8, 1));
    world.submit("b", wide("b", 12, 1));
    world.make_ready();
    assert_eq!((world.held("x"), world.held("b")), (4, 8), "4 are kept under the limit of a");
    world.submit("y", wide("a.y", 4, 1));
    world.advance(600_000);
    assert_eq!((world.held("x"), world.held("y"), world.held("b")), (2, 2, 8));
    assert_eq!(world.status("b").reason, Some(Reason::KeptForGuarantees));
}

#[test]
fn a_guarantee_that_is_held_needs_no_reclaim() {
    let mut world = World::with_nodes(&[8]);
    world.declare(pool("a", 1000, 6));
    world.declare(pool("b", 1000, 0));
    world.submit("b", wide("b", 8, 1));
    assert_eq!(world.held("b"), 2);
    world.submit("a", wide("a", 8, 1));
    assert_eq!(world.held("a"), 6);
}

#[test]
fn what_jobs_wait_for_is_kept_of_a_lent_guarantee() {
    let mut world = World::with_nodes(&[4, 4]);
    let lent = PoolObservation { idle_guarantee: IdleGuarantee::Lend, ..pool("a", 1000, 8) };
    world.declare(lent);
    world.declare(pool("b", 1000, 0));
    world.submit_quietly("b", wide("b", 8, 1));
    world.submit_quietly("a", wide("a", 3, 1));
    world.tick();
    assert_eq!((world.held("a"), world.held("b")), (3, 5));
}

#[test]
fn without_a_policy_only_guarantees_are_taken_back() {
    let mut world = World::with_nodes(&[4]);
    world.declare(pool("a", 1000, 0));
    world.declare(pool("b", 1000, 0));
    world.submit("a", wide("a", 4, 1));
    world.submit("b", wide("b", 4, 1));
    world.make_ready();
    world.advance(10_000_000);
    assert_eq!((world.held("a"), world.held("b")), (4, 0));
}

#[test]
fn rules_are_those_of_the_pool_above_where_a_pool_says_nothing() {
    let mut world = World::with_nodes(&[4]);
    let rules = ReclaimRules {
        policy: Some(ReclaimPolicy::FairShare),
        grace_milliseconds: Some(Span::ZERO),
        drain_milliseconds: None,
    };
    world.declare(PoolObservation { reclaim: rules, ..pool("b", 1000, 0) });
    let drain = ReclaimRules { drain_milliseconds: Some(Span::ZERO), ..ReclaimRules::default() };
    world.declare(PoolObservation { reclaim: drain, ..pool("b.x", 1000, 0) });
    world.submit("a", wide("default", 4, 1));
    world.make_ready();
    world.submit("b", wide("b.x", 4, 1));
    world.advance(0);
    assert_eq!((world.held("a"), world.held("b")), (2, 2));
}

#[test]
fn weights_decide_how_much_is_taken() {
    let mut world = World::with_settings(fair(), &[9]);
    world.declare(pool("a", 1000, 0));
    world.declare(pool("b", 2000, 0));
    world.submit("a", wide("a", 9, 1));
    world.make_ready();
    world.submit("b", wide("b", 9, 1));
    world.advance(30_000);
    assert_eq!((world.held("a"), world.held("b")), (3, 6));
}

#[test]
fn leftovers_are_taken_first_and_take_nothing() {
    let mut world = World::with_settings(fair(), &[6]);
    world.declare(pool("a", 1000, 0));
    world.declare(pool("left", 0, 0));
    world.declare(pool("b", 1000, 0));
    world.submit("a", wide("a", 4, 1));
    world.submit("left", wide("left", 6, 1));
    world.make_ready();
    assert_eq!((world.held("a"), world.held("left")), (4, 2));
    world.submit("b", wide("b", 2, 1));
    world.advance(30_000);
    assert_eq!((world.held("a"), world.held("left"), world.held("b")), (4, 0, 2));
    world.advance(1_000_000);
    assert_eq!((world.held("a"), world.held("left"), world.held("b")), (4, 0, 2));
}

#[test]
fn a_guarantee_is_not_taken_for_a_share() {
    let mut world = World::with_settings(fair(), &[4]);
    world.declare(pool("a", 1000, 4));
    world.declare(pool("b", 1000, 0));
    world.submit("a", wide("a", 4, 1));
    world.make_ready();
    world.submit("b", wide("b", 4, 1));
    world.advance(1_000_000);
    assert_eq!((world.held("a"), world.held("b")), (4, 0));
}

#[test]
fn no_share_is_taken_back_while_guarantees_are_short() {
    let mut world = borrowed(&[4]);
    world.declare(pool("c", 1000, 1));
    world.submit("b", wide("b", 4, 1));
    world.advance(100_000);
    assert_eq!((world.held("a"), world.held("b"), world.draining().len()), (4, 0, 0));
    world.tell(Event::PoolGone("c".into()));
    world.tick();
    world.advance(30_000);
    assert_eq!((world.held("a"), world.held("b")), (2, 2));
}

#[test]
fn what_guarantees_are_short_of_when_others_have_drained_goes_to_them() {
    for guaranteed in [0, 2] {
        // Room is made for b by its share, or by a guarantee that it has no more in the end.
        let mut world = borrowed(&[4]);
        world.declare(pool("b", 1000, guaranteed));
        world.submit("b", wide("b", 2, 1));
        world.advance(10_000);
        assert_eq!(world.draining().len(), 2);
        world.declare(pool("b", 1000, 0));
        world.declare(pool("c", 1000, 2));
        world.advance(20_000);
        assert_eq!((world.held("a"), world.held("b")), (2, 0), "two are kept for c");
        world.advance(100_000);
        assert_eq!((world.held("a"), world.held("b")), (1, 1), "what others have may change hands");
        world.submit("c", wide("c", 2, 1));
        assert_eq!(world.held("c"), 2);
        world.check_account();
    }
}

/// What is free on a node is not taken for a share while those whose room it takes still drain.
#[test]
fn a_share_waits_for_its_victims_where_room_is_kept_for_guarantees() {
    let mut world = World::with_settings(fair(), &[5]);
    for observation in [pool("a", 1000, 0), pool("b", 1000, 0), pool("c", 1000, 1)] {
        world.declare(observation);
    }
    world.submit("a", wide("a", 5, 1));
    world.make_ready();
    world.submit("b", wide("b", 1, 1));
    world.advance(10_000);
    assert_eq!((world.held("a"), world.held("b"), world.draining().len()), (4, 0, 1));
    world.advance(20_000);
    assert_eq!((world.held("a"), world.held("b")), (3, 1));
}

/// What leaves a pool counts neither when room is found for its guarantee nor when it is there.
#[test]
fn a_guarantee_is_met_while_others_of_the_pool_leave() {
    let mut world = World::with_settings(fair(), &[2]);
    world.declare(pool("a.y", 1000, 0));
    world.submit("old", wide("a.y", 1, 1));
    world.declare(pool("a", 1000, 1));
    world.declare(pool("a.x", 1000, 5));
    assert_eq!(world.held("old"), 1);
    world.hold_departures = true;
    world.delete("old");
    world.submit("new", wide("a", 1, 1));
    world.advance(10_000);
    assert_eq!(world.held("new"), 1);
    world.check_account();
}

#[test]
fn the_executors_with_the_least_work_go() {
    let mut world = World::with_settings(fair(), &[2, 2]);
    world.declare(pool("a", 1000, 0));
    world.declare(pool("b", 1000, 0));
    world.submit("a", wide("a", 4, 1));
    world.make_one_ready();
    world.advance(5_000);
    world.make_ready();
    world.advance(5_000);
    let fresh: Vec<_> = world.executors().into_iter().skip(1).map(|(key, _)| key).collect();
    world.submit("b", wide("b", 2, 1));
    world.advance(10_000);
    let draining = world.draining();
    assert_eq!(draining.len(), 2);
    assert!(draining.iter().all(|key| fresh.contains(key)), "{draining:?}");
}

#[test]
fn no_more_go_than_it_takes() {
    // Five single cores and a four: the four alone makes room for another.
    let mut world = World::with_settings(fair(), &[9]);
    world.declare(pool("a", 1000, 0));
    world.declare(pool("b", 2000, 0));
    world.submit("small", wide("a", 5, 1));
    world.submit("large", wide("a", 1, 4));
    world.make_ready();
    world.submit("b", wide("b", 1, 4));
    world.advance(10_000);
    let draining = world.draining();
    assert_eq!(draining.len(), 1, "{draining:?}");
    assert_eq!(&*draining[0].job.name, "large");
}

#[test]
fn a_gang_takes_room_for_all_of_it_or_none() {
    let mut world = borrowed(&[2, 2, 2]);
    let mut gang = wide("b", 3, 1);
    gang.executor.gang_timeout_milliseconds = Some(Span::from_seconds(600));
    world.submit("b", gang);
    world.advance(30_000);
    assert_eq!((world.held("a"), world.held("b")), (3, 3));
    let mut gang = wide("b", 2, 1);
    gang.executor.gang_timeout_milliseconds = Some(Span::from_seconds(600));
    world.submit("more", gang);
    world.advance(500_000);
    assert_eq!(world.held("more"), 0, "two more would be above the share");
    world.check_account();
}

#[test]
fn a_gang_goes_as_a_whole() {
    let mut world = World::with_settings(fair(), &[4]);
    world.declare(pool("a", 1000, 0));
    world.declare(pool("b", 2000, 0));
    let mut gang = wide("a", 3, 1);
    gang.executor.gang_timeout_milliseconds = Some(Span::from_seconds(600));
    world.submit("gang", gang);
    world.submit("other", wide("a", 1, 1));
    world.make_ready();
    world.submit("b", wide("b", 1, 1));
    world.advance(30_000);
    assert_eq!((world.held("gang"), world.held("other"), world.held("b")), (3, 0, 1));
    world.submit("more", wide("b", 1, 1));
    world.advance(1_000_000);
    assert_eq!(world.held("gang"), 3, "without all three a would be below its share");
    assert_eq!(world.held("more"), 0);
}

#[test]
fn a_gang_that_gives_way_comes_back_as_one() {
    let mut world = World::with_settings(fair(), &[2, 1]);
    world.declare(PoolObservation { idle_guarantee: IdleGuarantee::Lend, ..pool("b", 1000, 1) });
    let mut gang = wide("default", 3, 1);
    gang.executor.gang_timeout_milliseconds = Some(Span::from_seconds(600));
    world.submit("gang", gang);
    world.make_ready();
    world.report_all();
    world.submit("b", wide("b", 1, 1));
    world.advance(29_999);
    assert_eq!((world.held("gang"), world.held("b")), (3, 0));
    world.advance(1);
    assert_eq!((world.held("gang"), world.held("b")), (0, 1));
    let message = world.message("gang");
    assert!(message.contains("only 2 of 3 executors fit at once"), "{message}");
    world.make_ready();
    world.finish_of("b", "s", 0);
    assert_eq!(world.held("gang"), 3);
    world.check_account();
}

#[test]
fn what_is_left_of_a_gang_goes_too() {
    let mut world = World::with_settings(fair(), &[2, 1]);
    world.declare(PoolObservation { idle_guarantee: IdleGuarantee::Lend, ..pool("b", 1000, 1) });
    let mut gang = wide("default", 3, 1);
    gang.stages[0].tasks = 6;
    gang.executor.gang_timeout_milliseconds = Some(Span::from_seconds(600));
    world.submit("gang", gang);
    world.make_ready();
    world.report_all();
    world.submit("b", wide("b", 1, 1));
    world.advance(10_000);
    // Its room is there as soon as one of the three is gone.
    world.finish_of("gang", "s", 1);
    assert_eq!((world.held("gang"), world.held("b")), (2, 1));
    world.advance(20_000);
    assert_eq!(world.held("gang"), 0, "with two it can do nothing");
    world.check_account();
}

#[test]
fn a_higher_priority_takes_from_lower_ones_of_its_pool() {
    let mut world = World::with_settings(fair(), &[4]);
    world.submit("low", wide("default", 4, 1));
    world.make_ready();
    world.submit("high", JobSpec { priority: 1, ..wide("default", 3, 1) });
    world.advance(30_000);
    assert_eq!((world.held("low"), world.held("high")), (1, 3));
    world.advance(1_000_000);
    assert_eq!((world.held("low"), world.held("high")), (1, 3));
}

#[test]
fn jobs_of_a_pool_take_their_share_from_each_other() {
    let mut world = World::with_settings(fair(), &[4]);
    world.submit("first", wide("default", 4, 1));
    world.make_ready();
    world.submit("second", wide("default", 4, 1));
    world.advance(30_000);
    assert_eq!((world.held("first"), world.held("second")), (2, 2));
}

#[test]
fn within_a_limit_siblings_take_from_each_other() {
    let mut world = World::with_settings(fair(), &[8]);
    let limit = vec![("cpu".into(), 4000)];
    world.declare(PoolObservation { limit, ..pool("a", 1000, 0) });
    world.declare(pool("a.x", 1000, 0));
    world.declare(pool("a.y", 1000, 0));
    world.submit("x", wide("a.x", 4, 1));
    world.submit("default", wide("default", 2, 1));
    world.make_ready();
    world.submit("y", wide("a.y", 4, 1));
    world.advance(30_000);
    assert_eq!((world.held("x"), world.held("y"), world.held("default")), (2, 2, 2));
}

#[test]
fn a_large_executor_does_not_starve_behind_a_stream_of_small_ones() {
    let mut world = World::with_settings(fair(), &[4]);
    world.declare(pool("small", 1000, 0));
    world.declare(pool("large", 1000, 0));
    let mut stream = wide("small", 4, 1);
    stream.stages[0].tasks = 1000;
    world.submit("stream", stream);
    world.make_ready();
    world.submit("large", wide("large", 1, 2));
    let mut partition = 0;
    let mut waited = 0;
    // A task ends every second, and the next one takes its place.
    while world.held("large") == 0 {
        world.finish_of("stream", "s", partition);
        partition += 1;
        world.advance(1_000);
        waited += 1;
        assert!(waited <= 30, "{}", world.message("large"));
    }
    assert_eq!(world.held("stream"), 2);
}

#[test]
fn leaving_executors_are_counted_before_more_go() {
    let mut world = borrowed(&[4]);
    world.submit("b", wide("b", 2, 1));
    world.advance(10_000);
    assert_eq!(world.draining().len(), 2);
    world.advance(10_000);
    assert_eq!(world.draining().len(), 2);
    world.tell(Event::Node(NodeObservation {
        name: "n0".into(),
        allocatable: vec![("cpu".into(), 4000), ("memory".into(), 5 << 30)],
        ..NodeObservation::default()
    }));
    world.tick();
    assert_eq!(world.draining().len(), 2);
    world.advance(10_000);
    assert_eq!((world.held("a"), world.held("b")), (2, 2));
}

#[test]
fn room_is_made_only_on_nodes_that_suit() {
    let mut world = World::with_settings(fair(), &[]);
    for (name, zone) in [("x", "a"), ("y", "b")] {
        world.add_labelled_node(name, 2, &[("zone", zone)]);
    }
    world.declare(pool("a", 1000, 0));
    world.declare(pool("b", 1000, 0));
    world.submit("a", wide("a", 4, 1));
    world.make_ready();
    let mut spec = wide("b", 2, 1);
    spec.executor.node_selector = vec![("zone".into(), "b".into())];
    world.submit("b", spec);
    world.advance(10_000);
    let draining = world.draining();
    assert_eq!(draining.len(), 2);
    assert!(draining.iter().all(|key| world.node_of(key) == "y"), "{draining:?}");
    world.advance(20_000);
    assert_eq!(world.nodes("b"), ["y", "y"]);
    world.check_account();
}

#[test]
fn what_others_reserve_is_not_taken() {
    let mut world = borrowed(&[4]);
    let mut reserving = pool("r", 1000, 0);
    let resources = vec![("cpu".into(), 2000)];
    reserving.reservations = vec![Reservation { node_selector: Vec::new(), resources }];
    world.declare(reserving);
    world.submit("b", wide("b", 4, 1));
    world.advance(10_000);
    world.advance(20_000);
    assert_eq!((world.held("a"), world.held("b")), (1, 1), "the rest is kept for pool r");
    world.submit("r", wide("r", 2, 1));
    assert_eq!(world.held("r"), 2);
    world.check_account();
}

#[test]
fn a_job_that_is_made_smaller_counts_those_that_give_way() {
    let mut world = borrowed(&[4]);
    world.submit("b", wide("b", 2, 1));
    world.advance(10_000);
    let giving_way = world.draining();
    assert_eq!(giving_way.len(), 2);
    let mut smaller = wide("a", 4, 1);
    smaller.executor.instances = 2;
    world.submit("a", smaller);
    assert_eq!(world.draining(), giving_way);
    let mut larger = wide("a", 4, 1);
    larger.executor.instances = 4;
    world.submit("a", larger);
    assert_eq!(world.draining(), giving_way, "they do not stay because the job could use them");
    world.advance(20_000);
    assert_eq!((world.held("a"), world.held("b")), (2, 2));
    world.check_account();
}

#[test]
fn what_a_job_lets_go_is_taken_at_once_for_others() {
    let mut world = borrowed(&[4]);
    let mut smaller = wide("a", 4, 1);
    smaller.executor.instances = 3;
    world.submit("a", smaller);
    assert_eq!(world.draining().len(), 1, "it may end what it has");
    world.submit("b", wide("b", 2, 1));
    world.advance(10_000);
    assert!(!world.draining().is_empty());
    world.advance(20_000);
    assert_eq!((world.held("a"), world.held("b")), (2, 2));
    world.check_account();
}
