//! The sums, the reservations and the views compared with new ones.

use std::collections::BTreeMap;

use super::index::Index;
use super::reserve::{Reserved, chain};
use super::views::{Place, View, ViewId};
use super::{Change, Node, NodeId, Nodes, count_kept, counted, free_for_everyone, usable};
use crate::arena::Id;
use crate::engine::ensure;
use crate::pools::{PoolId, Pools};
use crate::ranges::Ranges;
use crate::resources::{Kinds, Resources};

/// What is on a node, counted from scratch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    /// What executors, offers and tasks hold, by pool.
    pub(crate) held: BTreeMap<PoolId, Resources>,
    /// What of it is in offers.
    pub(crate) outstanding: Resources,
    /// What of it executors hold that are on their way out.
    pub(crate) leaving: Resources,
    /// What is kept for claims, by pool.
    pub(crate) promised: BTreeMap<PoolId, Resources>,
    pub(crate) ports_held: Ranges,
    pub(crate) ports_outstanding: Ranges,
}

impl Load {
    /// What pools have here or are to have.
    fn by_pool(&self) -> BTreeMap<PoolId, Resources> {
        let mut sums = self.held.clone();
        for (&pool, promised) in &self.promised {
            let sum = sums.entry(pool).or_default();
            *sum = sum.plus(promised);
        }
        sums
    }
}

impl Nodes {
    /// Compares what is kept up to date with what follows from the nodes and from what is on them.
    pub(crate) fn check(
        &self,
        kinds: &Kinds,
        pools: &Pools,
        loads: &BTreeMap<NodeId, Load>,
    ) -> Result<(), String> {
        let (mut total, mut free_sum, mut kept) =
            (Resources::NONE, Resources::NONE, BTreeMap::new());
        let empty = Load::default();
        for (id, node) in self.iter() {
            let name = &node.observed.name;
            ensure!(self.find(name) == Some(id), "node {name} is not found by its name");
            let fail = |problem| format!("node {name}: {problem}");
            let load = loads.get(&id).unwrap_or(&empty);
            self.check_node(kinds, node, load).map_err(fail)?;
            self.check_reserved(pools, node, load).map_err(fail)?;
            let promising = self.promising.contains(&id);
            ensure!(promising != node.promised.is_none(), "node {name} promises, noted otherwise");
            let noted = node.change == Change::None || self.changed.contains(&id);
            ensure!(noted, "node {name} changed, and nobody will look");
            total = total.plus(&counted(node));
            free_sum = free_sum.plus(&free_for_everyone(node));
            count_kept(&mut kept, node, Resources::plus);
        }
        ensure!(self.by_name.len() == self.iter().count(), "names and nodes differ in number");
        ensure!(self.total == total, "all nodes have {total:?}, counted {:?}", self.total);
        ensure!(self.free_sum == free_sum, "{free_sum:?} is free, counted {:?}", self.free_sum);
        let mut counted = self.kept.clone();
        counted.retain(|_, kept| !kept.is_none());
        kept.retain(|_, kept: &mut Resources| !kept.is_none());
        ensure!(counted == kept, "{kept:?} is kept, counted {counted:?}");
        self.views.check(self)
    }

    fn check_node(&self, kinds: &Kinds, node: &Node, load: &Load) -> Result<(), String> {
        let held = load.held.values().fold(Resources::NONE, |sum, held| sum.plus(held));
        ensure!(node.held == held, "counts {:?}, holds {held:?}", node.held);
        let promised = load.promised.values().fold(Resources::NONE, |sum, it| sum.plus(it));
        ensure!(node.promised == promised, "counts {:?}, keeps {promised:?}", node.promised);
        let (counted, is) = (node.leaving, load.leaving);
        ensure!(counted == is, "counts {counted:?} as leaving, it is {is:?}");
        let has = usable(kinds, &node.observed);
        ensure!(node.usable == has, "counts {:?}, has {has:?}", node.usable);
        let (counted, is) = (node.outstanding, load.outstanding);
        ensure!(counted == is, "counts {counted:?} in offers, it is {is:?}");
        let (counted, is) = (&node.ports_held, &load.ports_held);
        ensure!(counted == is, "counts ports {counted} as held, it is {is}");
        let (counted, is) = (&node.ports_outstanding, &load.ports_outstanding);
        ensure!(counted == is, "counts ports {counted} in offers, it is {is}");
        let some = |(_, held): &(PoolId, Resources)| !held.is_none();
        let counted: Vec<_> = node.held_by_pool.iter().copied().filter(some).collect();
        let is: Vec<_> = load.by_pool().into_iter().filter(some).collect();
        ensure!(counted == is, "counts {counted:?} by pool, it is {is:?}");
        let labels = &node.observed.labels;
        let used = self.used.as_ref();
        let used = used.is_none_or(|used| used.iter().any(|asked| asked.matches(labels)));
        ensure!(node.counted == used, "is used: {used}, noted {}", node.counted);
        Ok(())
    }

    fn check_reserved(&self, pools: &Pools, node: &Node, load: &Load) -> Result<(), String> {
        let labels = &node.observed.labels;
        let mut new = Reserved::default();
        let here = self.reservations.iter().filter(|all| all.requirement.matches(labels));
        for reservation in here {
            new.add(&reservation.chain, &reservation.amount);
        }
        for (pool, held) in &load.by_pool() {
            new.charge(&chain(pools, *pool), held);
        }
        let free = if node.is_open() { node.left() } else { Resources::NONE };
        new.settle(&free, &node.usable);
        let known = node.reserved.as_deref().cloned().unwrap_or_default();
        ensure!(known == new, "counts {known:?} as reserved, it is {new:?}");
        Ok(())
    }
}

impl View {
    /// Compares a view with its nodes, given by their places.
    pub(super) fn check(
        &self,
        id: ViewId,
        nodes: &Nodes,
        (matching, members): (u32, usize),
    ) -> Result<(), String> {
        ensure!(self.matching == matching, "{matching} nodes match, counted {}", self.matching);
        let places: Vec<(Place, NodeId)> =
            self.members.iter().map(|(place, &node)| (place, node)).collect();
        ensure!(places.len() == members, "has {} nodes, should have {members}", places.len());
        let (mut free, mut kept, mut usable) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (place, node) in places {
            let Some(node) = nodes.get(node) else { return Err("has a node that is gone".into()) };
            let name = &node.observed.name;
            ensure!(node.places.contains(&(id, place)), "node {name} does not know its place");
            if !node.is_open() {
                continue;
            }
            let (place, left) = (place.index(), node.free_for(&self.chain));
            usable.insert(place, (node.usable_for(&self.chain), node.usable));
            let own = left.minus(&node.free_for(&[]));
            if self.chain.is_empty() {
                free.insert(place, (left, node.usable));
            } else if !own.is_none() {
                free.insert(place, (left, node.usable));
                kept.insert(place, (own, node.usable));
            }
        }
        for (index, new, what) in [
            (&self.free, &free, "free"),
            (&self.kept, &kept, "kept"),
            (&self.usable, &usable, "usable"),
        ] {
            index.check(new).map_err(|problem| format!("what is {what}: {problem}"))?;
        }
        Ok(())
    }
}

impl Index {
    /// Compares every place with what is free and usable there.
    fn check(&self, places: &BTreeMap<usize, (Resources, Resources)>) -> Result<(), String> {
        let last = places.keys().next_back().map_or(0, |last| last + 1);
        ensure!(last <= self.width(), "there is no place {last}");
        let mut new = Self::default();
        for place in 0..self.width() {
            let there = places.get(&place);
            let (free, usable) = (there.map(|it| &it.0), there.map_or(Resources::NONE, |it| it.1));
            new.set(NodeId::at(u32::try_from(place).unwrap_or(u32::MAX)), free, &usable);
        }
        let difference = self.difference(&new);
        ensure!(difference.is_none(), "place {difference:?} of the index is out of date");
        Ok(())
    }
}
