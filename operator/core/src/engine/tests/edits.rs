//! Settings that are edited while jobs run, into what cannot be.

use crate::engine::Settings;
use crate::engine::tests::world::{World, job, stage};
use crate::event::{Event, PoolObservation};
use crate::jobs::JobState;
use crate::policy::{ReclaimDefaults, ReclaimPolicy};
use crate::reasons::Reason;
use crate::time::Span;

fn pool(name: &str) -> PoolObservation {
    PoolObservation { name: name.into(), ..PoolObservation::default() }
}

fn cores(cores: i64) -> Vec<(Box<str>, i64)> {
    vec![("cpu".into(), cores * 1000)]
}

/// All problems of a pool, as `reason: message`.
fn problems(world: &World, name: &str) -> Vec<String> {
    let pools = world.engine.view().pools;
    let pool = pools.into_iter().find(|pool| &*pool.name == name).unwrap();
    pool.problems.iter().map(|it| format!("{}: {}", it.reason, it.message)).collect()
}

/// Everything is taken back that can be.
fn world(nodes: &[i64]) -> World {
    let policy = ReclaimPolicy::FairShare;
    let reclaim = ReclaimDefaults { policy, ..ReclaimDefaults::default() };
    World::with_settings(Settings { reclaim, ..Settings::default() }, nodes)
}

#[test]
fn a_limit_below_what_is_held_lets_that_run_and_nothing_come() {
    let mut world = world(&[6]);
    world.submit("j", job("default", 4, vec![stage("s", 8)]));
    world.make_ready();
    world.declare(PoolObservation { limit: cores(2), ..pool("default") });
    world.advance(10_000_000);
    assert_eq!(world.held("j"), 4);
    let expected = "AboveLimit: the pool holds 4 cpu, more than its limit of 2; it gets nothing more, \
                    and what runs may end";
    assert_eq!(problems(&world, "default"), [expected]);
    for partition in 0..4 {
        world.finish_of("j", "s", partition);
    }
    world.submit("k", job("default", 1, vec![stage("s", 1)]));
    assert_eq!((world.held("j"), world.held("k")), (4, 0));
    let message = "waits for its first executor: limit reached: pool default holds cpu 4 of 2";
    assert_eq!(world.message("k"), message);
    world.run_to_the_end();
    assert_eq!(world.state("k"), JobState::Succeeded);
    assert_eq!(problems(&world, "default"), [] as [String; 0]);
}

#[test]
fn a_guarantee_above_the_cluster_is_explained_and_taken_back_as_far_as_there_is_something() {
    let mut world = world(&[4]);
    world.declare(pool("b"));
    world.submit("b", job("b", 4, vec![stage("s", 4)]));
    world.make_ready();
    world.declare(PoolObservation { guarantee: cores(6), ..pool("a") });
    let expected = "GuaranteeAboveCapacity: the guarantee of 6 cpu is more than the cluster has, which \
                    is 4; what there is is kept for the pool";
    assert_eq!(problems(&world, "a"), [expected]);
    world.submit("a", job("a", 8, vec![stage("s", 8)]));
    world.advance(10_000_000);
    assert_eq!((world.held("a"), world.held("b")), (4, 0));
}

#[test]
fn guarantees_above_the_cluster_together_come_to_rest() {
    let mut world = world(&[4]);
    for name in ["a", "b"] {
        world.declare(PoolObservation { guarantee: cores(3), ..pool(name) });
    }
    world.submit("a", job("a", 4, vec![stage("s", 4)]));
    world.submit("b", job("b", 4, vec![stage("s", 4)]));
    world.make_ready();
    let held = (world.held("a"), world.held("b"));
    world.advance(10_000_000);
    assert_eq!((world.held("a"), world.held("b")), held);
    let expected = "GuaranteesAboveCapacity: the guarantees of all pools are 6 cpu together, more than \
                    the cluster has, which is 4; those who come first get theirs";
    assert_eq!(problems(&world, "a"), [expected]);
}

#[test]
fn guarantees_above_the_limit_over_them_come_to_rest() {
    let mut world = world(&[8]);
    world.declare(PoolObservation { limit: cores(4), ..pool("a") });
    world.declare(PoolObservation { guarantee: cores(3), ..pool("a.x") });
    world.declare(PoolObservation { guarantee: cores(3), ..pool("a.y") });
    let expected = "GuaranteesAboveLimit: the guarantees below the pool are 6 cpu together, more than \
                    its limit of 4; they cannot all be met";
    assert_eq!(problems(&world, "a"), [expected]);
    world.submit("x", job("a.x", 4, vec![stage("s", 4)]));
    world.submit("y", job("a.y", 4, vec![stage("s", 4)]));
    world.make_ready();
    world.advance(10_000_000);
    assert_eq!(world.held("x") + world.held("y"), 4);
    assert_eq!(world.draining().len(), 0);
}

#[test]
fn weights_of_0_everywhere_share_equally_and_come_to_rest() {
    let mut world = world(&[4]);
    world.declare(PoolObservation { weight: 0, ..pool("default") });
    world.declare(PoolObservation { weight: 0, ..pool("a") });
    world.declare(PoolObservation { weight: 0, ..pool("b") });
    world.submit_quietly("a", job("a", 4, vec![stage("s", 4)]));
    world.submit_quietly("b", job("b", 4, vec![stage("s", 4)]));
    world.tick();
    world.make_ready();
    assert_eq!((world.held("a"), world.held("b")), (2, 2));
    world.submit("c", job("default", 4, vec![stage("s", 4)]));
    world.advance(10_000_000);
    assert_eq!((world.held("a"), world.held("b"), world.held("c")), (2, 2, 0));
    let expected = "AllWeightsZero: every pool beside it has a weight of 0, too: all share what there \
                    is equally, and none takes its share back";
    assert_eq!(problems(&world, "a"), [expected]);
}

#[test]
fn a_parent_that_is_removed_is_still_implied() {
    let mut world = world(&[4]);
    world.declare(PoolObservation { limit: cores(2), ..pool("a") });
    world.declare(pool("a.x"));
    world.submit("x", job("a.x", 4, vec![stage("s", 4)]));
    world.make_ready();
    assert_eq!(world.held("x"), 2);
    world.tell(Event::PoolGone("a".into()));
    world.tick();
    world.make_ready();
    assert_eq!(world.held("x"), 4, "the limit went with the pool");
    world.advance(10_000_000);
    world.run_to_the_end();
    assert_eq!(world.state("x"), JobState::Succeeded);
}

#[test]
fn a_pool_that_is_removed_while_it_takes_back_gets_nothing_more() {
    let mut world = world(&[2]);
    world.declare(pool("b"));
    world.submit("a", job("default", 2, vec![stage("s", 2)]));
    world.make_ready();
    world.submit("b", job("b", 1, vec![stage("s", 1)]));
    world.advance(30_000);
    assert_eq!(world.draining().len(), 1);
    world.tell(Event::PoolGone("b".into()));
    world.tick();
    assert_eq!(world.draining().len(), 0);
    assert_eq!(world.message("b"), "waits for its first executor: there is no pool b");
    world.advance(10_000_000);
    assert_eq!((world.held("a"), world.held("b")), (2, 0));
}

#[test]
fn a_kind_of_resource_that_finds_no_place_is_named() {
    let mut world = world(&[2]);
    let named = |index: i64| (format!("example.com/r{index}").into(), 1);
    world.declare(PoolObservation { guarantee: (0..7).map(named).collect(), ..pool("a") });
    let problems = problems(&world, "a");
    assert!(
        problems[1].starts_with("TooManyResourceKinds: \"example.com/r6\" is one"),
        "{problems:?}"
    );
}

#[test]
fn a_suspended_job_gives_everything_back_and_goes_on_later() {
    let mut world = World::with_nodes(&[3]);
    let mut spec = job("default", 3, vec![stage("s", 4)]);
    world.submit("j", spec.clone());
    world.make_ready();
    world.finish("s", 0);
    spec.suspend = true;
    world.submit("j", spec.clone());
    assert_eq!(world.live_executors(), 0);
    let status = world.status("j");
    assert_eq!((status.reason, status.executors_wanted), (Some(Reason::Suspended), 0));
    world.advance(100_000);
    assert_eq!(world.live_executors(), 0);
    spec.suspend = false;
    world.submit("j", spec);
    world.run_to_the_end();
    let status = world.status("j");
    assert_eq!(status.state, JobState::Succeeded);
    assert!(status.failures.is_empty(), "what was stopped did not fail: {status:?}");
}

#[test]
fn a_job_that_is_submitted_suspended_starts_when_it_is_released() {
    let mut world = World::with_nodes(&[3]);
    let mut spec = job("default", 3, vec![stage("s", 3)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(5));
    spec.suspend = true;
    world.submit("j", spec.clone());
    world.advance(1000);
    assert_eq!((world.live_executors(), world.status("j").reason), (0, Some(Reason::Suspended)));
    spec.suspend = false;
    world.submit("j", spec.clone());
    world.make_one_ready();
    spec.suspend = true;
    world.submit("j", spec.clone());
    assert_eq!(world.live_executors(), 0, "a gang that has not formed goes, too");
    spec.suspend = false;
    world.submit("j", spec);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}
