//! What pools say about nodes and namespaces.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{World, job, stage};
use crate::action::Action;
use crate::engine::{Engine, Settings};
use crate::event::{Event, JobObservation, NodeObservation, PoolObservation, Reservation};
use crate::ids::JobKey;
use crate::jobs::{JobSpec, JobState};
use crate::labels::{Label, Taint, TaintEffect, Toleration, TolerationOperator};
use crate::policy::IdleGuarantee;
use crate::time::{Span, Time};

fn label(key: &str, value: &str) -> Label {
    (key.into(), value.into())
}

fn labels(labels: &[(&str, &str)]) -> NodeObservation {
    let labels = labels.iter().map(|(key, value)| label(key, value)).collect();
    NodeObservation { labels, ..NodeObservation::default() }
}

fn tainted(key: &str, effect: TaintEffect) -> NodeObservation {
    let taint = Taint { key: key.into(), value: "".into(), effect };
    NodeObservation { taints: vec![taint], ..NodeObservation::default() }
}

fn pool(name: &str) -> PoolObservation {
    PoolObservation { name: name.into(), ..PoolObservation::default() }
}

/// Keeps so many cores on each node with these labels.
fn reservation(selector: &[Label], cores: i64) -> Reservation {
    let resources = vec![("cpu".into(), cores * 1000)];
    Reservation { node_selector: selector.to_vec(), resources }
}

/// A job with work for any number of executors.
fn wide(pool: &str, instances: u32) -> JobSpec {
    job(pool, instances, vec![stage("s", instances)])
}

fn tell(world: &mut World, pool: PoolObservation) {
    world.tell(Event::Pool(pool));
    world.tick();
}

#[test]
fn executors_go_only_to_nodes_that_suit() {
    let mut world = World::with_nodes(&[]);
    world.node("plain", 2, labels(&[]));
    world.node("a", 2, labels(&[("zone", "a"), ("arch", "arm64")]));
    world.node(
        "gpu",
        2,
        NodeObservation {
            labels: vec![label("zone", "a")],
            ..tainted("gpu", TaintEffect::NoSchedule)
        },
    );
    world.node("spot", 2, tainted("spot", TaintEffect::PreferNoSchedule));
    let mut spec = wide("default", 20);
    spec.executor.node_selector = vec![label("zone", "a")];
    world.submit("narrow", spec.clone());
    assert_eq!(world.placed("narrow"), [("a".to_owned(), 2)]);
    assert_eq!(
        world.waits("narrow"),
        "WaitingForResources: runs on 2 of 20 executors: 2 nodes match zone=a; 1 of them is tainted \
         gpu:NoSchedule, which the job does not tolerate; no other has 1 cpu free; largest 0"
    );
    let toleration = Toleration {
        key: "gpu".into(),
        operator: TolerationOperator::Exists,
        ..Toleration::default()
    };
    spec.executor.tolerations = vec![toleration];
    world.submit("tolerant", spec);
    assert_eq!(world.placed("tolerant"), [("gpu".to_owned(), 2)]);
    world.submit("any", wide("default", 20));
    let expected = [("plain".to_owned(), 2), ("spot".to_owned(), 2)];
    assert_eq!(world.placed("any"), expected, "a preference keeps nobody away");
    world.check_account();
}

#[test]
fn what_does_not_suit_is_explained() {
    let mut world = World::with_nodes(&[]);
    world.node("n0", 4, labels(&[("zone", "b")]));
    world.node("n1", 4, labels(&[("zone", "b")]));
    world.node("g0", 8, tainted("gpu", TaintEffect::NoExecute));
    let mut spec = wide("default", 1);
    spec.executor.node_selector = vec![label("zone", "a")];
    world.submit("nowhere", spec.clone());
    let expected = "NoNodeSuits: waits for its first executor: no node matches zone=a";
    assert_eq!(world.waits("nowhere"), expected);
    spec.executor.node_selector = vec![label("zone", "b")];
    spec.executor.request = vec![("cpu".into(), 5000)];
    world.submit("large", spec.clone());
    assert_eq!(
        world.waits("large"),
        "LargerThanAnyNode: waits for its first executor: 2 nodes match zone=b; an executor needs 5 \
         cpu, more than any node has; the largest has 4"
    );
    let mut narrow = pool("narrow");
    narrow.node_selector = vec![label("zone", "a")];
    tell(&mut world, narrow);
    spec.pool = "narrow".into();
    world.submit("contradiction", spec.clone());
    assert_eq!(
        world.waits("contradiction"),
        "NodeSelectorContradiction: waits for its first executor: no node can match both zone=a and \
         zone=b, which the job and its pools ask for together"
    );
    world.tell(Event::NodeGone("n0".into()));
    world.tell(Event::NodeGone("n1".into()));
    world.submit("tainted", wide("default", 1));
    assert_eq!(
        world.waits("tainted"),
        "NoNodeSuits: waits for its first executor: 1 node is tainted gpu:NoExecute, which the job \
         does not tolerate"
    );
}

#[test]
fn a_child_s_selector_narrows_its_parent_s() {
    let mut world = World::with_nodes(&[]);
    for (name, zone, disk) in [("n0", "a", "hdd"), ("n1", "a", "ssd"), ("n2", "b", "ssd")] {
        world.node(name, 1, labels(&[("zone", zone), ("disk", disk)]));
    }
    let mut parent = pool("a");
    parent.node_selector = vec![label("zone", "a")];
    tell(&mut world, parent.clone());
    let mut child = pool("a.fast");
    child.node_selector = vec![label("disk", "ssd")];
    tell(&mut world, child);
    world.submit("fast", wide("a.fast", 9));
    assert_eq!(world.placed("fast"), [("n1".to_owned(), 1)]);
    // A selector that changes binds what comes, not what runs.
    parent.node_selector = vec![label("zone", "b")];
    tell(&mut world, parent);
    let expected = [("n1".to_owned(), 1), ("n2".to_owned(), 1)];
    assert_eq!(world.placed("fast"), expected);
    world.check_account();
}

#[test]
fn what_is_reserved_is_kept_for_the_pool_and_counts_for_its_guarantee() {
    let mut world = World::with_nodes(&[]);
    world.node("fast", 6, labels(&[("disk", "ssd")]));
    world.node("slow", 4, labels(&[]));
    let mut reserving = pool("a");
    reserving.reservations = vec![reservation(&[label("disk", "ssd")], 4)];
    reserving.guarantee = vec![("cpu".into(), 5000)];
    tell(&mut world, reserving);
    world.submit("other", wide("default", 20));
    // Of the ten, four are reserved and one more is kept for the guarantee.
    assert_eq!(world.placed("other").iter().map(|(_, count)| count).sum::<usize>(), 5);
    assert_eq!(
        world.waits("other"),
        "KeptForGuarantees: runs on 5 of 20 executors: of 1 cpu free, 1 are kept for pools below \
         their guarantee"
    );
    world.submit("own", wide("a", 20));
    assert_eq!(world.placed("own").iter().map(|(_, count)| count).sum::<usize>(), 5);
    assert!(world.placed("own").contains(&("fast".to_owned(), 4)), "{:?}", world.placed("own"));
    world.check_account();
}

#[test]
fn what_is_reserved_can_be_had_whatever_others_are_guaranteed() {
    let mut world = World::with_nodes(&[6]);
    let mut reserving = pool("a");
    reserving.reservations = vec![reservation(&[], 4)];
    tell(&mut world, reserving);
    let mut guaranteed = pool("b");
    guaranteed.guarantee = vec![("cpu".into(), 6000)];
    tell(&mut world, guaranteed);
    world.submit("own", wide("a", 20));
    assert_eq!(world.placed("own").iter().map(|(_, count)| count).sum::<usize>(), 4);
}

#[test]
fn a_child_may_use_what_its_parent_reserves_and_not_the_other_way_round() {
    let mut world = World::with_nodes(&[8]);
    let mut parent = pool("a");
    parent.reservations = vec![reservation(&[], 4)];
    let mut child = pool("a.dev");
    child.reservations = vec![reservation(&[], 2)];
    tell(&mut world, parent);
    tell(&mut world, child);
    world.submit("other", wide("default", 20));
    assert_eq!(world.placed("other"), [("n0".to_owned(), 4)]);
    world.submit("parent's", wide("a", 20));
    assert_eq!(world.placed("parent's"), [("n0".to_owned(), 2)]);
    world.submit("child's", wide("a.dev", 20));
    assert_eq!(world.placed("child's"), [("n0".to_owned(), 2)]);
}

#[test]
fn reservations_that_do_not_work_out_are_explained() {
    let mut world = World::with_nodes(&[4, 6]);
    for (name, cores) in [("b", 3), ("a", 3)] {
        let mut reserving = pool(name);
        reserving.reservations = vec![reservation(&[], cores)];
        tell(&mut world, reserving);
    }
    let mut child = pool("a.x");
    child.node_selector = vec![label("zone", "x")];
    tell(&mut world, child.clone());
    child.name = "a.x.y".into();
    child.node_selector = vec![label("zone", "y")];
    tell(&mut world, child);
    let mut nothing = pool("c");
    nothing.reservations = vec![reservation(&[label("zone", "z")], 1)];
    tell(&mut world, nothing);
    let pools = world.engine.view().pools;
    let problems = |name: &str| {
        let pool = pools.iter().find(|pool| &*pool.name == name).unwrap();
        let messages = pool.problems.iter().map(|problem| &*problem.message);
        messages.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(problems("a"), "");
    assert_eq!(
        problems("b"),
        "1 of 2 nodes have less than all pools reserve there: node n0 lacks 2 cpu of what this pool \
         reserves; pools get theirs in order of their names"
    );
    assert_eq!(problems("a.x"), "no node matches zone=x, which the pool asks for");
    assert!(problems("a.x.y").starts_with("no node can match both zone=x and zone=y"));
    assert_eq!(problems("c"), "reservations[0] reserves nothing: no node matches zone=z");
    let reserved = &pools.iter().find(|pool| &*pool.name == "b").unwrap().reserved;
    assert_eq!(reserved, &[("cpu".into(), 6000)]);
}

#[test]
fn a_claimed_namespace_waits_in_a_pool_of_others() {
    let mut world = World::with_nodes(&[4]);
    let mut claiming = pool("a");
    claiming.namespaces = vec!["team-a".into()];
    tell(&mut world, claiming.clone());
    world.submit("j", wide("a", 1));
    assert_eq!(
        world.waits("j"),
        "NamespaceMayNotUsePool: waits for its first executor: namespace default may not use pool a; \
         it may use: default"
    );
    claiming.namespaces.push("default".into());
    tell(&mut world, claiming);
    assert_eq!(world.state("j"), JobState::Running);
}

#[test]
fn a_pool_that_is_deleted_serves_what_has_started_and_nothing_else() {
    for gone in [false, true] {
        let mut world = World::with_nodes(&[2]);
        tell(&mut world, pool("a"));
        world.submit("started", wide("a", 4));
        assert_eq!(world.live_executors(), 2);
        if gone {
            world.tell(Event::PoolGone("a".into()));
        } else {
            tell(&mut world, PoolObservation { deleting: true, ..pool("a") });
        }
        world.submit("late", wide("a", 4));
        world.add_node("n1", 2);
        assert_eq!((world.live_executors(), world.state("late")), (4, JobState::Pending));
        let reason = if gone { "NoPool" } else { "PoolDeleted" };
        assert!(world.waits("late").starts_with(reason), "{}", world.waits("late"));
        let in_use = |world: &World| {
            let pools = world.engine.view().pools;
            pools.iter().find(|pool| &*pool.name == "a").is_some_and(|pool| pool.in_use)
        };
        assert!(in_use(&world));
        world.run_to_the_end();
        assert_eq!(world.state("started"), JobState::Succeeded);
        assert!(!in_use(&world), "a job that never started does not keep the pool");
        world.check_account();
    }
}

#[test]
fn pods_bound_what_fits_and_not_what_is_fair() {
    let mut world = World::with_nodes(&[]);
    world.tell(Event::Node(NodeObservation {
        name: "few".into(),
        allocatable: vec![("cpu".into(), 8000), ("memory".into(), 8 << 30), ("pods".into(), 3)],
        taken_by_others: vec![("pods".into(), 1)],
        ..NodeObservation::default()
    }));
    world.submit("j", wide("default", 20));
    assert_eq!(world.placed("j"), [("few".to_owned(), 2)]);
    assert!(
        world.waits("j").ends_with("no node has 1 pods free; largest 0"),
        "{}",
        world.waits("j")
    );
    world.add_node("any", 8);
    assert_eq!(world.placed("j"), [("any".to_owned(), 8), ("few".to_owned(), 2)]);
    let pools = world.engine.view().pools;
    assert_eq!(pools[0].dominant_share, crate::share::Share::new(10, 16));
}

#[test]
fn resources_count_for_shares_when_they_are_named() {
    let share = |shared: &[&str]| {
        let shared_resources = shared.iter().map(|&name| name.into()).collect();
        let mut engine = Engine::new(Settings { shared_resources, ..Settings::default() });
        engine.handle(
            Time::ZERO,
            Event::Node(NodeObservation {
                name: "n".into(),
                allocatable: vec![("cpu".into(), 10_000), ("gpu".into(), 2)],
                ..NodeObservation::default()
            }),
        );
        engine.handle(Time::ZERO, Event::Pool(pool("default")));
        let mut spec = wide("default", 1);
        spec.executor.request = vec![("cpu".into(), 1000), ("gpu".into(), 1)];
        engine.handle(Time::ZERO, Event::Job(Box::new(observed("j", spec))));
        engine.tick(Time::ZERO);
        engine.view().pools[0].dominant_share.scaled(10)
    };
    assert_eq!((share(&["cpu", "memory"]), share(&["cpu", "gpu"])), (1, 5));
}

fn observed(name: &str, spec: JobSpec) -> JobObservation {
    JobObservation {
        key: JobKey { namespace: "default".into(), name: name.into() },
        uid: name.into(),
        generation: 1,
        created_at: Time::ZERO,
        spec: Ok(spec),
        status: None,
    }
}

const POOLS: [&str; 4] = ["default", "a", "a.dev", "b"];

fn selector() -> impl Strategy<Value = Vec<Label>> {
    let zone = prop::option::of(prop::sample::select(vec!["a", "b"]));
    zone.prop_map(|zone| zone.map(|zone| label("zone", zone)).into_iter().collect())
}

fn node() -> impl Strategy<Value = NodeObservation> {
    let effects =
        vec![TaintEffect::NoSchedule, TaintEffect::PreferNoSchedule, TaintEffect::NoExecute];
    let taint = prop::option::weighted(0.3, prop::sample::select(effects));
    (1..6_i64, selector(), taint).prop_map(|(cores, labels, effect)| NodeObservation {
        allocatable: vec![("cpu".into(), cores * 1000), ("memory".into(), 8 << 30)],
        labels,
        ..effect.map_or_else(NodeObservation::default, |effect| tainted("t", effect))
    })
}

fn settings() -> impl Strategy<Value = PoolObservation> {
    let reservations = prop::collection::vec((selector(), 1..4_i64), 0..3);
    (selector(), reservations, 0..6_i64).prop_map(|(node_selector, reserved, guarantee)| {
        let reserved = reserved.iter();
        PoolObservation {
            node_selector,
            reservations: reserved.map(|(labels, cores)| reservation(labels, *cores)).collect(),
            guarantee: vec![("cpu".into(), guarantee * 1000)],
            ..PoolObservation::default()
        }
    })
}

fn work() -> impl Strategy<Value = JobSpec> {
    (0..POOLS.len(), 1..8_u32, 1..3_i64, selector(), any::<bool>(), any::<bool>()).prop_map(
        |(pool, instances, cores, selector, tolerates, gang)| {
            let mut spec = wide(POOLS[pool], instances);
            spec.executor.request = vec![("cpu".into(), cores * 1000)];
            spec.executor.node_selector = selector;
            let all = Toleration { operator: TolerationOperator::Exists, ..Toleration::default() };
            spec.executor.tolerations = tolerates.then_some(all).into_iter().collect();
            spec.executor.gang_timeout_milliseconds = gang.then_some(Span::from_seconds(1));
            spec
        },
    )
}

/// Where executors were launched: the job and the node of each.
fn launched(actions: &[Action]) -> Vec<(String, String)> {
    let launches = actions.iter().filter_map(|action| match action {
        Action::Launch(launch) => {
            Some((launch.key.job.name.to_string(), launch.node.as_deref()?.to_owned()))
        }
        _ => None,
    });
    launches.collect()
}

proptest! {
    /// No executor is where it should not be, none takes what is reserved for others, and it does not
    /// matter whether nodes, pools or jobs are seen first, nor in which order pools are.
    #[test]
    fn executors_suit_their_nodes_whatever_is_seen_first(
        nodes in prop::collection::vec(node(), 1..6),
        pools in prop::collection::vec(settings(), POOLS.len()),
        jobs in prop::collection::vec(work(), 1..6),
        kinds in Just([0, 1, 2]).prop_shuffle(),
        order in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        let nodes = |engine: &mut Engine| {
            for (index, node) in nodes.iter().enumerate() {
                let name = format!("n{index}").into();
                engine.handle(Time::ZERO, Event::Node(NodeObservation { name, ..node.clone() }));
            }
        };
        let pools_in = |engine: &mut Engine, order: [usize; 4]| {
            for index in order {
                let name = POOLS[index].into();
                engine.handle(Time::ZERO, Event::Pool(PoolObservation { name, ..pools[index].clone() }));
            }
        };
        let jobs_in = |engine: &mut Engine| {
            for (index, spec) in jobs.iter().enumerate() {
                let job = observed(&format!("j{index}"), spec.clone());
                engine.handle(Time::ZERO, Event::Job(Box::new(job)));
            }
        };
        let mut engine = Engine::new(Settings::default());
        nodes(&mut engine);
        pools_in(&mut engine, [0, 1, 2, 3]);
        jobs_in(&mut engine);
        let actions = engine.tick(Time::ZERO);
        let mut other = Engine::new(Settings::default());
        for kind in kinds {
            match kind {
                0 => nodes(&mut other),
                1 => pools_in(&mut other, order),
                _ => jobs_in(&mut other),
            }
        }
        prop_assert_eq!(launched(&actions), launched(&other.tick(Time::ZERO)));
        // What each root pool holds on a node leaves what the others reserve there.
        let root = |pool: &str| pool.split('.').next().unwrap_or_default().to_owned();
        let mut held: BTreeMap<(String, String), i64> = BTreeMap::new();
        for (job, node) in launched(&actions) {
            let spec = &jobs[job[1..].parse::<usize>().unwrap()];
            let id = engine.state.nodes.find(&node).unwrap();
            let observed = engine.state.nodes.get(id).unwrap().observed();
            let above = POOLS.iter().zip(&pools).filter(|(name, _)| {
                let rest = spec.pool.strip_prefix(**name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            let asked = above.flat_map(|(_, pool)| &pool.node_selector);
            for label in asked.chain(&spec.executor.node_selector) {
                prop_assert!(observed.labels.contains(label), "{} on {}", job, node);
            }
            let bad = |taint: &&Taint| taint.effect != TaintEffect::PreferNoSchedule;
            let tainted = observed.taints.iter().any(|taint| bad(&taint));
            prop_assert!(!tainted || !spec.executor.tolerations.is_empty(), "{} on {}", job, node);
            *held.entry((root(&spec.pool), node)).or_default() += spec.executor.request[0].1;
        }
        for (_, node) in engine.state.nodes.iter() {
            let name = &node.observed().name;
            let reserved = |index: usize| {
                let own = &pools[index];
                let matching = own.reservations.iter().filter(|reservation| {
                    let mut labels = own.node_selector.iter().chain(&reservation.node_selector);
                    labels.all(|label| node.observed().labels.contains(label))
                });
                matching.map(|reservation| reservation.resources[0].1).sum::<i64>()
            };
            let roots = [("default", reserved(0)), ("a", reserved(1)), ("b", reserved(3))];
            let all: i64 = roots.iter().map(|(_, own)| own).sum::<i64>() + reserved(2);
            let held_by = |root: &str| held.get(&(root.to_owned(), name.to_string())).copied().unwrap_or(0);
            let usable = node.usable()[crate::resources::Kind::CPU];
            if all <= usable {
                let unused: i64 = roots.iter().map(|(root, own)| (own - held_by(root)).max(0)).sum();
                let held: i64 = roots.iter().map(|(root, _)| held_by(root)).sum();
                prop_assert!(held + unused <= usable, "{}", name);
            }
        }
    }
}

#[test]
fn the_fair_share_of_a_pool_is_what_it_would_hold_if_all_were_given_out_anew() {
    let mut world = World::with_nodes(&[6]);
    world.pool("a", 2000);
    world.pool("b", 1000);
    world.submit("first", job("b", 6, vec![stage("s", 100)]));
    world.submit("second", job("a", 6, vec![stage("s", 100)]));
    let shares = |world: &World| -> Vec<_> {
        let pools = world.engine.pools();
        let of = |name: &str| pools.iter().find(|pool| &*pool.name == name).unwrap();
        let millionths = |share: crate::share::Share| share.billionths() / 1000;
        [of("a"), of("b")]
            .map(|it| (millionths(it.dominant_share), millionths(it.fair_share)))
            .to_vec()
    };
    assert_eq!(shares(&world), [(0, 666_666), (1_000_000, 333_333)]);
    let mut modest = job("a", 1, vec![stage("s", 1)]);
    modest.executor.instances = 1;
    world.submit("second", modest);
    assert_eq!(shares(&world)[1].1, 833_333, "what one does not want is for others");
    world.check_account();
}

#[test]
fn what_a_pool_lends_is_kept_again_for_what_it_asks_for() {
    let lending = PoolObservation {
        name: "a".into(),
        guarantee: vec![("cpu".into(), 4000)],
        idle_guarantee: IdleGuarantee::Lend,
        ..PoolObservation::default()
    };
    for (asks, left) in [(false, 4), (true, 1)] {
        let mut world = World::with_nodes(&[2, 2]);
        world.declare(lending.clone());
        world.pool("b", 1000);
        if asks {
            // It fits on no node now, but it is asked for.
            let mut spec = job("a", 1, vec![stage("s", 1)]);
            spec.executor.request = vec![("cpu".into(), 3000)];
            world.submit("large", spec);
        }
        world.submit("small", job("b", 4, vec![stage("s", 4)]));
        let placed: usize = world.placed("small").iter().map(|(_, count)| count).sum();
        assert_eq!(placed, left, "{}", world.waits("small"));
        world.check_account();
    }
}
