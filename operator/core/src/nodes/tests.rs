use proptest::prelude::*;

use super::*;
use crate::arena::Id;
use crate::labels::{Label, Taint, TaintEffect, Toleration, TolerationOperator};
use crate::pools::Settings;
use crate::resources::{Kind, Kinds, Resources};

const POOLS: [&str; 6] = ["a", "a.x", "a.x.deep", "a.y", "b", "c"];

fn amount(cpu: i64, memory: i64) -> Resources {
    let mut resources = Resources::NONE;
    (resources[Kind::CPU], resources[Kind::MEMORY]) = (cpu, memory);
    resources
}

fn label(key: &str, value: &str) -> Label {
    (key.into(), value.into())
}

/// What pools reserve, nodes, and what happens to them.
#[derive(Clone, Debug)]
enum Step {
    /// A node comes or changes: which, how much it has, where it is, whether it is tainted and offered.
    Observe(usize, (i64, i64), usize, bool, bool),
    Remove(usize),
    /// A pool takes as much of a node as it may, at most so much.
    Charge(usize, usize, (i64, i64)),
    /// The executor that was launched so and so many before the last goes.
    Release(usize),
    /// A pool reserves so much in a zone, or nothing.
    Reserve(usize, usize, (i64, i64)),
}

fn step() -> impl Strategy<Value = Step> {
    let amounts = || (0..12_i64, 0..12_i64);
    prop_oneof![
        3 => (0..4_usize, amounts(), 0..3_usize, any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(node, has, zone, tainted, offered)| {
                Step::Observe(node, has, zone, tainted, offered)
            }),
        1 => (0..4_usize).prop_map(Step::Remove),
        8 => (0..4_usize, 0..POOLS.len(), amounts())
            .prop_map(|(node, pool, most)| Step::Charge(node, pool, most)),
        3 => (0..8_usize).prop_map(Step::Release),
        3 => (0..POOLS.len(), 0..3_usize, amounts())
            .prop_map(|(pool, zone, amount)| Step::Reserve(pool, zone, amount)),
    ]
}

/// A zone's label, or none.
fn zone(zone: usize) -> Vec<Label> {
    ["a", "b"].get(zone).map(|name| label("zone", name)).into_iter().collect()
}

#[derive(Clone, Debug, Default)]
struct World {
    kinds: Kinds,
    pools: Pools,
    nodes: Nodes,
    charges: Vec<(NodeId, PoolId, Resources)>,
    requirements: Vec<Requirement>,
}

impl World {
    fn new() -> Self {
        let mut world = Self::default();
        for name in POOLS {
            world.pools.declare(name, Settings::default());
        }
        let tolerant = Toleration { operator: TolerationOperator::Exists, ..Toleration::default() };
        let requirement = |selector: &[Label], tolerations: &[Toleration]| {
            Requirement::default().and(selector, tolerations).unwrap()
        };
        world.requirements = vec![
            requirement(&[], &[]),
            requirement(&zone(0), &[]),
            requirement(&zone(1), std::slice::from_ref(&tolerant)),
            requirement(&[], &[tolerant]),
        ];
        world
    }

    fn pool(&self, index: usize) -> PoolId {
        self.pools.find(POOLS[index]).unwrap()
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Observe(node, (cpu, memory), place, tainted, offered) => {
                let taint =
                    Taint { key: "t".into(), value: "".into(), effect: TaintEffect::NoSchedule };
                let observed = NodeObservation {
                    name: format!("n{node}").into(),
                    allocatable: vec![("cpu".into(), cpu), ("memory".into(), memory)],
                    labels: zone(place),
                    taints: tainted.then_some(taint).into_iter().collect(),
                    offered,
                    ..NodeObservation::default()
                };
                self.nodes.observe(&self.kinds, &self.pools, observed);
            }
            Step::Remove(node) => {
                let name = format!("n{node}");
                // The engine has taken back everything on it before.
                if let Some(id) = self.nodes.find(&name) {
                    for (node, pool, amount) in std::mem::take(&mut self.charges) {
                        if node == id {
                            self.nodes.release(&self.pools, node, pool, &amount);
                        } else {
                            self.charges.push((node, pool, amount));
                        }
                    }
                }
                self.nodes.remove(&name);
            }
            Step::Charge(node, pool, (cpu, memory)) => {
                let Some(node) = self.nodes.find(&format!("n{node}")) else { return };
                let pool = self.pool(pool);
                let free = self.nodes.free_for(node, pool, &self.pools);
                let amount = amount(cpu.min(free[Kind::CPU]), memory.min(free[Kind::MEMORY]));
                self.nodes.charge(&self.pools, node, pool, &amount);
                self.charges.push((node, pool, amount));
            }
            Step::Release(back) => {
                if self.charges.len() > back {
                    let index = self.charges.len() - 1 - back;
                    let (node, pool, amount) = self.charges.remove(index);
                    self.nodes.release(&self.pools, node, pool, &amount);
                }
            }
            Step::Reserve(pool, place, (cpu, memory)) => {
                let amount = amount(cpu, memory);
                let reservations =
                    if amount.is_none() { vec![] } else { vec![(zone(place), amount)] };
                let settings = Settings { reservations, ..Settings::default() };
                if self.pools.declare(POOLS[pool], settings) {
                    self.nodes.apply_pools(&self.pools);
                }
            }
        }
    }

    /// The same, put together from nothing.
    fn put_together(&self) -> Nodes {
        let mut nodes = Nodes::default();
        nodes.apply_pools(&self.pools);
        let mut ids = BTreeMap::new();
        for (id, node) in self.nodes.iter() {
            nodes.observe(&self.kinds, &self.pools, node.observed().clone());
            ids.insert(id, nodes.find(&node.observed().name).unwrap());
        }
        for (node, pool, amount) in &self.charges {
            nodes.charge(&self.pools, ids[node], *pool, amount);
        }
        nodes
    }

    /// What is unmet of the reservations of a pool's subtree on a node, and what is kept of it when
    /// there is so much left, kind by kind; a plain recursion over names.
    fn kept(&self, node: NodeId, name: &str, left: i64, kind: Kind) -> i64 {
        let observed = self.nodes.get(node).unwrap().observed();
        let below = |other: &str| {
            other.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let held: i64 = self
            .charges
            .iter()
            .filter(|(on, pool, _)| *on == node && below(&self.pools.get(*pool).unwrap().name))
            .map(|(_, _, amount)| amount[kind])
            .sum();
        let settings = &self.pools.get(self.pools.find(name).unwrap()).unwrap().settings;
        let reserved: i64 = settings
            .reservations
            .iter()
            .filter(|(selector, _)| selector.iter().all(|label| observed.labels.contains(label)))
            .map(|(_, amount)| amount[kind])
            .sum();
        let mut of_children = 0;
        for child in POOLS {
            if child.rsplit_once('.').is_some_and(|(parent, _)| parent == name) {
                of_children += self.kept(node, child, left - of_children, kind);
            }
        }
        (reserved - held).clamp(0, left).max(of_children)
    }

    /// What a pool may take of a node, by the definition.
    fn may_take(&self, node: NodeId, pool: &str, kind: Kind) -> i64 {
        let state = self.nodes.get(node).unwrap();
        let free = (state.usable()[kind] - state.held()[kind]).max(0);
        let offered = state.observed().offered;
        let mut kept = 0;
        let mut beside = 0;
        // From the top: what is kept for pools that are neither this one nor above it.
        let is_above = |other: &str| {
            pool.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        for root in ["a", "b", "c"] {
            let mine = self.kept(node, root, if offered { free - kept } else { 0 }, kind);
            kept += mine;
            if !is_above(root) {
                beside += mine;
            }
        }
        let mut below = String::new();
        for part in pool.split('.') {
            below = if below.is_empty() { part.to_owned() } else { format!("{below}.{part}") };
            let mut left = if offered { free - self.kept_before(node, &below, kind) } else { 0 };
            for child in POOLS {
                if child.rsplit_once('.').is_some_and(|(parent, _)| parent == below) {
                    let kept = self.kept(node, child, left, kind);
                    left -= kept;
                    if !is_above(child) {
                        beside += kept;
                    }
                }
            }
        }
        free - beside
    }

    /// What was dealt out before a pool's turn came.
    fn kept_before(&self, node: NodeId, name: &str, kind: Kind) -> i64 {
        let state = self.nodes.get(node).unwrap();
        let free = (state.usable()[kind] - state.held()[kind]).max(0);
        let parent = name.rsplit_once('.').map(|(parent, _)| parent);
        let before = parent.map_or(0, |parent| self.kept_before(node, parent, kind));
        let siblings = POOLS.iter().filter(|other| {
            other.rsplit_once('.').map(|(parent, _)| parent) == parent && ***other < *name
        });
        siblings.fold(before, |sum, other| sum + self.kept(node, other, free - sum, kind))
    }
}

proptest! {
    #[test]
    fn what_is_kept_incrementally_is_what_is_found_from_scratch(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.apply(step);
            for requirement in &world.requirements.clone() {
                for pool in 0..POOLS.len() {
                    // Views that are there before the next step have to follow it.
                    let pool = world.pool(pool);
                    world.nodes.reach(requirement, pool, &world.pools);
                }
            }
        }
        let mut scratch = world.put_together();
        prop_assert_eq!(world.nodes.total(), scratch.total());
        prop_assert_eq!(world.nodes.free_sum(), scratch.free_sum());
        let kept = |nodes: &Nodes| {
            let mut kept = nodes.kept().clone();
            kept.retain(|_, kept| !kept.is_none());
            kept
        };
        prop_assert_eq!(kept(&world.nodes), kept(&scratch));
        for (index, name) in POOLS.iter().enumerate() {
            let pool = world.pool(index);
            for (id, node) in world.nodes.iter() {
                let free = world.nodes.free_for(id, pool, &world.pools);
                let other = scratch.find(&node.observed().name).unwrap();
                prop_assert_eq!(free, scratch.free_for(other, pool, &world.pools));
                for kind in [Kind::CPU, Kind::MEMORY] {
                    prop_assert_eq!(free[kind], world.may_take(id, name, kind), "{} on {:?}", name, id);
                }
            }
            for requirement in &world.requirements.clone() {
                let reach = world.nodes.reach(requirement, pool, &world.pools);
                let other = scratch.reach(requirement, pool, &world.pools);
                let (nodes, fresh) = (&world.nodes, &scratch);
                prop_assert_eq!(nodes.suitability(reach), fresh.suitability(other));
                prop_assert_eq!(nodes.largest_free(reach), fresh.largest_free(other));
                prop_assert_eq!(nodes.largest_usable(reach), fresh.largest_usable(other));
                for request in [amount(0, 0), amount(1, 1), amount(3, 0), amount(2, 5)] {
                    let suits = |node: &Node| {
                        node.observed().offered
                            && requirement.matches(&node.observed().labels)
                            && requirement.untolerated(&node.observed().taints).is_none()
                    };
                    let fits = nodes.iter().any(|(id, node)| {
                        suits(node) && request.fits_in(&nodes.free_for(id, pool, &world.pools))
                    });
                    prop_assert_eq!(nodes.fits(&request, reach), fits);
                    let none = BTreeMap::new();
                    let spread = nodes.emptiest(&request, reach, &none, &|_| true);
                    for chosen in [spread, nodes.fullest(&request, reach, &|_| true)] {
                        prop_assert_eq!(chosen.is_some(), fits);
                        let Some(id) = chosen else { continue };
                        prop_assert!(suits(nodes.get(id).unwrap()));
                        prop_assert!(request.fits_in(&nodes.free_for(id, pool, &world.pools)));
                    }
                }
            }
        }
    }

    /// Taking what may be taken leaves what is kept for others, and frees nothing for anybody.
    #[test]
    fn what_is_reserved_is_never_taken_by_others(
        steps in prop::collection::vec(step(), 1..30),
        last in prop::collection::vec((0..4_usize, 0..POOLS.len(), (0..12_i64, 0..12_i64)), 1..6),
    ) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.apply(step));
        for (node, taker, most) in last {
            let before = world.clone();
            world.apply(&Step::Charge(node, taker, most));
            for (pool, name) in POOLS.iter().enumerate() {
                let id = world.pool(pool);
                let kept = |nodes: &Nodes| nodes.kept().get(&id).copied().unwrap_or_default();
                let above = POOLS[taker].strip_prefix(name);
                if !above.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
                    prop_assert_eq!(kept(&before.nodes), kept(&world.nodes), "pool {}", name);
                }
                for (node, _) in world.nodes.iter() {
                    let free = |world: &World| world.nodes.free_for(node, id, &world.pools);
                    prop_assert!(free(&world).fits_in(&free(&before)), "pool {}", name);
                }
            }
        }
    }
}

fn node(name: &str, cpu: i64, labels: &[Label]) -> NodeObservation {
    NodeObservation {
        name: name.into(),
        allocatable: vec![("cpu".into(), cpu)],
        labels: labels.to_vec(),
        ..NodeObservation::default()
    }
}

#[test]
fn what_is_reserved_comes_first() {
    let mut world = World::new();
    for (name, place) in [("everyone's", 0), ("a's", 1)] {
        world.nodes.observe(&world.kinds, &world.pools, node(name, 8, &zone(place)));
    }
    let settings = Settings { reservations: vec![(zone(1), amount(2, 0))], ..Settings::default() };
    world.pools.declare("a", settings);
    world.nodes.apply_pools(&world.pools);
    let (a, b) = (world.pool(0), world.pool(4));
    let everything = Requirement::default();
    let mut place = |pool| {
        let reach = world.nodes.reach(&everything, pool, &world.pools);
        let node = world.nodes.emptiest(&amount(1, 0), reach, &BTreeMap::new(), &|_| true).unwrap();
        world.nodes.charge(&world.pools, node, pool, &amount(1, 0));
        world.nodes.get(node).unwrap().observed().name.to_string()
    };
    // The two that are reserved, though that node is not the emptiest; then as for everyone.
    assert_eq!(
        [place(a), place(a), place(a), place(b)],
        ["a's", "a's", "everyone's", "everyone's"]
    );
}

#[test]
fn what_is_reserved_as_a_whole_comes_before_what_is_in_part() {
    let mut world = World::new();
    for (name, cpu, place) in [("large", 16, 0), ("small", 4, 1)] {
        world.nodes.observe(&world.kinds, &world.pools, node(name, cpu, &zone(place)));
    }
    let reservations = vec![(zone(0), amount(1, 0)), (zone(1), amount(2, 0))];
    world.pools.declare("a", Settings { reservations, ..Settings::default() });
    world.nodes.apply_pools(&world.pools);
    let (a, b, small) = (world.pool(0), world.pool(4), world.nodes.find("small").unwrap());
    world.nodes.charge(&world.pools, small, b, &amount(1, 0));
    let reach = world.nodes.reach(&Requirement::default(), a, &world.pools);
    // The large node is emptier, but half of it would be taken from everyone.
    assert_eq!(
        world.nodes.emptiest(&amount(2, 0), reach, &BTreeMap::new(), &|_| true),
        Some(small)
    );
}

#[test]
fn a_node_that_no_pool_may_use_does_not_count() {
    let mut world = World::default();
    for index in 0..3 {
        world.nodes.observe(
            &world.kinds,
            &world.pools,
            node(&format!("n{index}"), 4, &zone(index)),
        );
    }
    assert_eq!(world.nodes.total()[Kind::CPU], 12, "without any pool there is nothing to go by");
    let selecting = |selector| Settings { selector, ..Settings::default() };
    world.pools.declare("a", selecting(zone(0)));
    world.pools.declare("b", selecting(vec![label("none", "such")]));
    world.nodes.apply_pools(&world.pools);
    assert_eq!(world.nodes.total()[Kind::CPU], 4);
    world.nodes.observe(&world.kinds, &world.pools, node("n1", 5, &zone(0)));
    assert_eq!(world.nodes.total()[Kind::CPU], 9);
    // Nor does one that does not answer, until it does.
    let silent = NodeObservation { silent: true, ..node("n1", 5, &zone(0)) };
    world.nodes.observe(&world.kinds, &world.pools, silent);
    assert_eq!(world.nodes.total()[Kind::CPU], 4);
    world.nodes.observe(&world.kinds, &world.pools, node("n1", 5, &zone(0)));
    assert_eq!(world.nodes.total()[Kind::CPU], 9);
    world.pools.declare("c", selecting(Vec::new()));
    world.nodes.apply_pools(&world.pools);
    assert_eq!(world.nodes.total()[Kind::CPU], 13);
}

#[test]
fn views_without_a_use_are_forgotten_and_very_many_are_made_when_asked() {
    let mut world = World::new();
    for index in 0..2000 {
        let host = [label("host", &index.to_string())];
        world.nodes.observe(&world.kinds, &world.pools, node(&format!("n{index}"), 4, &host));
    }
    let pool = world.pool(0);
    let host = |index: usize| {
        Requirement::default().narrowed(&[label("host", &index.to_string())]).unwrap()
    };
    let mut used = Vec::new();
    for index in 0..100 {
        let reach = world.nodes.reach(&host(index), pool, &world.pools);
        let found = world.nodes.emptiest(&amount(4, 0), reach, &BTreeMap::new(), &|_| true);
        assert_eq!(found.map(Id::index), Some(index), "a node of its own costs one place");
        used.push(reach);
    }
    assert!(world.nodes.has_many_views());
    world.nodes.keep_views(used[..10].iter());
    assert!(!world.nodes.has_many_views());
    // Views of everything, each by other words, until they are too many to keep.
    for index in 0..100 {
        let key = format!("t{index}").into();
        let toleration = Toleration { key, ..Toleration::default() };
        let requirement = Requirement::default().and(&[], &[toleration]).unwrap();
        let reach = world.nodes.reach(&requirement, pool, &world.pools);
        assert!(world.nodes.fits(&amount(4, 0), reach) && !world.nodes.fits(&amount(5, 0), reach));
        assert_eq!(world.nodes.suitability(reach).matching, 2000);
    }
    let places: usize = world.nodes.iter().map(|(_, node)| node.places().len()).sum();
    assert!(places <= 2000 * 64, "{places}");
}
