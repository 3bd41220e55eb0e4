//! Random frameworks, nodes and jobs: whatever they do, accounts match and promises hold.

use proptest::prelude::*;

use super::world::{World, framework, key, node, task};
use crate::Fairness;
use crate::engine::Settings;
use crate::event::{Event, NodeObservation, Reservation};
use crate::frameworks::{Constraint, Demand, FrameworkCall, Predicate, Selector};

const FRAMEWORKS: [&str; 4] = ["a", "b", "c", "d"];
const POOLS: [&str; 3] = ["default", "x", "x.y"];

#[derive(Clone, Debug)]
enum Step {
    Accept { framework: usize, offer: usize, cpu: i64, ports: u32, refuse: u64 },
    AcceptAll { framework: usize, cpu: i64 },
    Decline { framework: usize, offer: usize, refuse: u64 },
    Suppress(usize),
    Revive(usize),
    Observe { framework: usize, pools: usize, connected: bool, constrained: bool, executors: u32 },
    Gone(usize),
    TaskGone(usize),
    Node { node: usize, cores: i64, offered: bool, labelled: bool },
    NodeGone(usize),
    Job(usize),
    Advance(u64),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_usize, 0..4_usize, 1..6_i64, 0..4_u32, 0..6000_u64).prop_map(
            |(framework, offer, cpu, ports, refuse)| Step::Accept { framework, offer, cpu, ports, refuse }
        ),
        1 => (0..4_usize, 1..4_i64).prop_map(|(framework, cpu)| Step::AcceptAll { framework, cpu }),
        6 => (0..4_usize, 0..4_usize, 0..6000_u64).prop_map(
            |(framework, offer, refuse)| Step::Decline { framework, offer, refuse }
        ),
        1 => (0..4_usize).prop_map(Step::Suppress),
        1 => (0..4_usize).prop_map(Step::Revive),
        2 => (0..4_usize, 1..8_usize, any::<bool>(), any::<bool>(), 0..6_u32).prop_map(
            |(framework, pools, connected, constrained, executors)| {
                Step::Observe { framework, pools, connected, constrained, executors }
            }
        ),
        1 => (0..4_usize).prop_map(Step::Gone),
        4 => (0..8_usize).prop_map(Step::TaskGone),
        2 => (0..5_usize, 1..9_i64, 0..4_u32, any::<bool>()).prop_map(
            |(node, cores, offered, labelled)| Step::Node { node, cores, offered: offered > 0, labelled }
        ),
        1 => (0..5_usize).prop_map(Step::NodeGone),
        1 => (0..3_usize).prop_map(Step::Job),
        3 => (0..3000_u64).prop_map(Step::Advance),
        8 => Just(Step::Tick),
    ]
}

/// What kind of world it is.
#[derive(Clone, Copy, Debug)]
struct Kind {
    fairness: Fairness,
    /// Whether there are limits, guarantees, reservations and jobs.
    rich: bool,
}

fn observed(index: usize, cores: i64, kind: Kind) -> NodeObservation {
    let mut observed = node(&format!("n{index}"), cores);
    observed.ports = "100-109".parse().unwrap();
    if kind.rich && index == 1 {
        observed.labels.push(("reserved".into(), "yes".into()));
    }
    observed
}

fn world(kind: Kind) -> World {
    let settings = Settings { fairness: kind.fairness, ..Settings::default() };
    let mut world = World::new(settings);
    for pool in POOLS {
        world.pool(pool, |settings| {
            if kind.rich && pool.starts_with('x') {
                settings.reservations = vec![Reservation {
                    node_selector: vec![("reserved".into(), "yes".into())],
                    resources: vec![("cpu".into(), if pool == "x" { 3000 } else { 1000 })],
                }];
            }
            if kind.rich && pool == "x" {
                settings.limit = vec![("cpu".into(), 9000)];
            }
            if kind.rich && pool == "x.y" {
                settings.guarantee = vec![("cpu".into(), 3000)];
            }
        });
    }
    for index in 0..4 {
        world.tell(Event::Node(observed(index, 4, kind)));
    }
    for (index, name) in FRAMEWORKS.iter().enumerate() {
        world.framework(name, &POOLS[index % 3..=index % 3]);
    }
    world.tick();
    world
}

#[expect(clippy::too_many_lines, reason = "what each step does")]
fn apply(world: &mut World, number: usize, kind: Kind, step: &Step) {
    match *step {
        Step::Accept { framework, offer, cpu, ports, refuse } => {
            let offers = world.offers_of(FRAMEWORKS[framework]);
            let Some(offer) = offers.get(offer % offers.len().max(1)) else { return };
            let mut request = task(&format!("t{number}"), cpu * 1000);
            request.ports = offer.ports.iter().take(ports as usize).collect();
            // Only tasks that fit: what becomes of others is tested elsewhere.
            let fits = offer
                .amounts
                .iter()
                .any(|(resource, amount)| **resource == *"cpu" && *amount >= cpu * 1000);
            if fits {
                world.accept(FRAMEWORKS[framework], &[offer.id], vec![request], refuse);
            }
        }
        Step::AcceptAll { framework, cpu } => {
            let offers = world.offers_of(FRAMEWORKS[framework]);
            let Some(first) = offers.first() else { return };
            let same = |offer: &&crate::frameworks::OfferDescription| {
                (&offer.node, &offer.pool) == (&first.node, &first.pool)
            };
            let ids: Vec<_> = offers.iter().filter(same).map(|offer| offer.id).collect();
            let cpus = offers.iter().filter(same).flat_map(|offer| &offer.amounts);
            let all: i64 =
                cpus.filter(|(name, _)| **name == *"cpu").map(|(_, amount)| amount).sum();
            let request = task(&format!("t{number}"), cpu * all / 4);
            if all > 0 && cpu * all / 4 > 0 {
                world.accept(FRAMEWORKS[framework], &ids, vec![request], 0);
            }
        }
        Step::Decline { framework, offer, refuse } => {
            let offers = world.offers_of(FRAMEWORKS[framework]);
            if let Some(offer) = offers.get(offer % offers.len().max(1)) {
                world.decline(FRAMEWORKS[framework], offer.id, refuse);
            }
        }
        Step::Suppress(framework) => {
            world.call(FRAMEWORKS[framework], FrameworkCall::Suppress { pools: Vec::new() });
        }
        Step::Revive(framework) => world.revive(FRAMEWORKS[framework]),
        Step::Observe { framework: index, pools, connected, constrained, executors } => {
            let pools: Vec<&str> =
                (0..3).filter(|bit| pools & (1 << bit) != 0).map(|bit| POOLS[bit]).collect();
            let mut seen = framework(FRAMEWORKS[index], &pools);
            seen.connected = connected;
            // Half of them do not say what they can make use of.
            if let Some(executors) = executors.checked_sub(3) {
                let amounts = vec![("cpu".into(), 1000), ("memory".into(), 1 << 30)];
                seen.demand = Some(Demand { executors, amounts });
            }
            if constrained {
                let selector = Selector::Label("ssd".into());
                let constraint = Constraint { selector, predicate: Predicate::Exists };
                seen.pools[0].constraints = vec![vec![constraint]];
            }
            world.observe(seen);
        }
        Step::Gone(framework) => {
            let mut away = framework_away(FRAMEWORKS[framework]);
            away.pools.clear();
            world.observe(away);
            world.tell(Event::FrameworkGone(key(FRAMEWORKS[framework])));
        }
        Step::TaskGone(index) => {
            // What was accepted since the last tick is not known here yet.
            world.tick();
            let tasks: Vec<_> = world.accepted.iter().cloned().collect();
            if let Some((framework, task)) = tasks.get(index % tasks.len().max(1)) {
                world.accepted.remove(&(framework.clone(), task.clone()));
                world.tell(Event::TaskGone(framework.clone(), task.clone()));
            }
        }
        Step::Node { node: index, cores, offered, labelled } => {
            let mut seen = observed(index, cores.max(4), kind);
            seen.offered = offered;
            if labelled {
                seen.labels.push(("ssd".into(), "yes".into()));
            }
            world.forget_refusals(&format!("n{index}"));
            world.tell(Event::Node(seen));
        }
        Step::NodeGone(index) => {
            world.forget_refusals(&format!("n{index}"));
            world.tell(Event::NodeGone(format!("n{index}").into()));
        }
        Step::Job(index) if kind.rich => world.job(&format!("j{number}"), POOLS[index], 3),
        Step::Job(_) | Step::Tick => world.tick(),
        Step::Advance(milliseconds) => world.advance(milliseconds),
    }
}

fn framework_away(name: &str) -> crate::frameworks::FrameworkObservation {
    let mut away = framework(name, &["default"]);
    away.connected = false;
    away
}

fn kind() -> impl Strategy<Value = Kind> {
    (any::<bool>(), any::<bool>()).prop_map(|(hdrf, rich)| Kind {
        fairness: if hdrf { Fairness::Hdrf } else { Fairness::Drf },
        rich,
    })
}

proptest! {
    #[test]
    fn accounts_match_and_nobody_is_offered_what_it_refused(
        kind in kind(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut world = world(kind);
        for (number, step) in steps.iter().enumerate() {
            apply(&mut world, number, kind, step);
        }
        world.tick();
        if !kind.rich {
            world.check_all_is_offered();
        }
        // Offers do not come and go without end: after a few ticks there is nothing more to say.
        let mut said = usize::MAX;
        for _ in 0..8 {
            said = world.log.len();
            world.tell(Event::Node(observed(9, 0, kind)));
            world.tick();
        }
        prop_assert_eq!(&world.log[said..], &[]);
        // When all have gone, nothing is left of them.
        for name in FRAMEWORKS {
            world.observe(framework_away(name));
            world.tell(Event::FrameworkGone(key(name)));
        }
        world.tick();
        for (framework, task) in std::mem::take(&mut world.accepted) {
            world.tell(Event::TaskGone(framework, task));
        }
        world.tick();
        prop_assert!(world.engine.view().frameworks.is_empty());
        prop_assert!(world.engine.state.frameworks.wakeup().is_none());
        prop_assert_eq!(world.engine.state.frameworks.clients.iter().count(), 0);
    }

    #[test]
    fn the_same_events_give_the_same_actions(
        kind in kind(),
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let run = || {
            let mut world = world(kind);
            let numbered = steps.iter().enumerate();
            numbered.for_each(|(number, step)| apply(&mut world, number, kind, step));
            world.log
        };
        prop_assert_eq!(run(), run());
    }
}
