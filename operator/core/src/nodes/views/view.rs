//! One view: the nodes that suit, with a tree of what is free there.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Place, ViewId};
use crate::arena::{Arena, Id};
use crate::ensure::ensure;
use crate::ids::{NodeId, PoolId};
use crate::labels::{Requirement, Taint};
use crate::nodes::index::{Accepts, Index};
use crate::nodes::{Node, Nodes};
use crate::resources::Resources;

/// Nodes that suit a requirement.
#[derive(Clone, Debug)]
pub(in crate::nodes) struct View {
    requirement: Requirement,
    /// The pool whose reservations these are, below all pools above it; empty in a view for everyone.
    chain: Vec<PoolId>,
    /// The node at each place.
    members: Arena<Place, NodeId>,
    /// What can be taken.
    free: Index,
    /// What of it is reserved for the pool.
    kept: Index,
    /// What could be taken if the nodes were empty.
    usable: Index,
    /// How many nodes have the labels.
    matching: u32,
    /// How many of these have which taint that is not tolerated.
    tainted: BTreeMap<Taint, u32>,
    /// Whether the trees are kept up to date.
    is_kept: bool,
}

/// Which nodes suit, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suitability {
    /// The labels that are asked for, if any.
    pub(crate) selector: Option<Box<str>>,
    /// How many nodes have them.
    pub(crate) matching: u32,
    /// How many of these have a taint that is not tolerated.
    pub(crate) tainted: u32,
    /// The taint that most of these have, and how many.
    pub(crate) taint: Option<(Box<str>, u32)>,
}

impl View {
    /// A view without nodes.
    pub(super) fn new(requirement: Requirement, chain: Vec<PoolId>) -> Self {
        Self {
            requirement,
            chain,
            members: Arena::new(),
            free: Index::default(),
            kept: Index::default(),
            usable: Index::default(),
            matching: 0,
            tainted: BTreeMap::new(),
            is_kept: true,
        }
    }

    /// What is asked of its nodes.
    pub(super) fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// The pool whose reservations these are, below all pools above it; empty in a view for everyone.
    pub(super) fn chain(&self) -> &[PoolId] {
        &self.chain
    }

    /// What the view is found by: what is asked of its nodes, and the pool with the reservations.
    pub(super) fn key(&self) -> (Requirement, Option<PoolId>) {
        (self.requirement.clone(), self.chain.last().copied())
    }

    /// Its nodes.
    pub(super) fn members(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.members.iter().map(|(_, &node)| node)
    }

    /// Whether the trees are kept up to date.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// An empty view of the same kind, to be filled when it is asked.
    pub(super) fn unkept(&self) -> Self {
        Self { is_kept: false, ..self.emptied() }
    }

    /// The same without nodes.
    pub(super) fn emptied(&self) -> Self {
        Self::new(self.requirement.clone(), self.chain.clone())
    }

    /// The node at a place of the trees.
    fn node(&self, place: NodeId) -> Option<NodeId> {
        self.members.get(Place::at(u32::try_from(place.index()).unwrap_or(u32::MAX))).copied()
    }

    /// Whether a node has the labels, and no taint that matters.
    pub(in crate::nodes) fn suits(&self, node: &Node) -> bool {
        self.requirement.matches(&node.observed().labels)
            && self.requirement.untolerated(&node.observed().taints).is_none()
    }

    /// Whether a node suits; counts it in any case.
    pub(super) fn count_in(&mut self, node: &Node) -> bool {
        if !self.requirement.matches(&node.observed().labels) {
            return false;
        }
        self.matching += 1;
        if let Some(taint) = self.requirement.untolerated(&node.observed().taints) {
            *self.tainted.entry(taint.clone()).or_default() += 1;
            return false;
        }
        self.chain.is_empty() || node.reserved().is_some_and(|all| all.is_for(&self.chain))
    }

    /// Takes a node out of the count.
    pub(super) fn count_out(&mut self, node: &Node) {
        if !self.requirement.matches(&node.observed().labels) {
            return;
        }
        self.matching -= 1;
        if let Some(taint) = self.requirement.untolerated(&node.observed().taints)
            && let Some(count) = self.tainted.get_mut(taint)
        {
            *count -= 1;
            if *count == 0 {
                self.tainted.remove(taint);
            }
        }
    }

    /// Gives a node that suits a place in the trees.
    pub(super) fn add(&mut self, id: NodeId, node: &Node) -> Place {
        let place = self.members.insert(id);
        self.set(place, node, true);
        place
    }

    /// Takes in what is on a node now, and what would be if it were empty in case that changed.
    pub(super) fn set(&mut self, place: Place, node: &Node, usable_changed: bool) {
        let place = NodeId::at(u32::try_from(place.index()).unwrap_or(u32::MAX));
        let open = node.is_open();
        if usable_changed {
            let usable = open.then(|| node.usable_for(&self.chain));
            self.usable.set(place, usable.as_ref(), node.usable());
        }
        let free = node.free_for(&self.chain);
        if self.chain.is_empty() {
            self.free.set(place, open.then_some(&free), node.usable());
            return;
        }
        // Where nothing is kept for the pool, it has no more than everyone.
        let kept = free.minus(&node.free_for(&[]));
        let open = open && !kept.is_none();
        self.free.set(place, open.then_some(&free), node.usable());
        self.kept.set(place, open.then_some(&kept), node.usable());
    }

    /// Takes a node out of the trees.
    pub(super) fn clear(&mut self, place: Place) {
        self.members.remove(place);
        let place = NodeId::at(u32::try_from(place.index()).unwrap_or(u32::MAX));
        self.free.set(place, None, &Resources::NONE);
        self.usable.set(place, None, &Resources::NONE);
        if !self.chain.is_empty() {
            self.kept.set(place, None, &Resources::NONE);
        }
    }

    /// Compares the view with a new one; returns how many nodes it has.
    pub(super) fn check(&self, id: ViewId, nodes: &Nodes) -> Result<usize, String> {
        let mut new = self.emptied();
        let members = nodes.iter().filter(|(_, node)| new.count_in(node)).count();
        ensure!(new.tainted == self.tainted, "counts {:?} tainted", self.tainted);
        let (matching, counted) = (new.matching, self.matching);
        ensure!(matching == counted, "{matching} nodes match, counted {counted}");
        let places: Vec<(Place, NodeId)> =
            self.members.iter().map(|(place, &node)| (place, node)).collect();
        ensure!(places.len() == members, "has {} nodes, should have {members}", places.len());
        let (mut free, mut kept, mut usable) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (place, node) in places {
            let Some(node) = nodes.get(node) else { return Err("has a node that is gone".into()) };
            let name = &node.observed().name;
            ensure!(node.places().contains(&(id, place)), "node {name} does not know its place");
            if !node.is_open() {
                continue;
            }
            let (place, left) = (place.index(), node.free_for(&self.chain));
            usable.insert(place, (node.usable_for(&self.chain), *node.usable()));
            let own = left.minus(&node.free_for(&[]));
            if self.chain.is_empty() {
                free.insert(place, (left, *node.usable()));
            } else if !own.is_none() {
                free.insert(place, (left, *node.usable()));
                kept.insert(place, (own, *node.usable()));
            }
        }
        for (index, new, what) in [
            (&self.free, &free, "free"),
            (&self.kept, &kept, "kept"),
            (&self.usable, &usable, "usable"),
        ] {
            index.check(new).map_err(|problem| format!("what is {what}: {problem}"))?;
        }
        Ok(members)
    }
}

/// What a view can be asked.
impl View {
    /// Whether a request fits on an acceptable node.
    pub(in crate::nodes) fn fits(&self, request: &Resources, accepts: Accepts<'_>) -> bool {
        self.free.fits(request, &|place| self.node(place).is_some_and(accepts))
    }

    /// Whether a request would fit on an acceptable node without executors.
    pub(in crate::nodes) fn fits_when_empty(
        &self,
        request: &Resources,
        accepts: Accepts<'_>,
    ) -> bool {
        self.usable.fits(request, &|place| self.node(place).is_some_and(accepts))
    }

    /// The acceptable node with the fewest of these executors that a request fits on, then the
    /// emptiest; what is reserved as a whole comes first.
    pub(in crate::nodes) fn emptiest(
        &self,
        request: &Resources,
        executors: &BTreeMap<NodeId, u32>,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        let count =
            |place| self.node(place).and_then(|node| executors.get(&node)).copied().unwrap_or(0);
        self.choose(|index| {
            index.emptiest(request, count, &|place| self.node(place).is_some_and(accepts))
        })
    }

    /// The fullest acceptable node that a request fits on, of the first few; what is reserved as a
    /// whole comes first.
    pub(in crate::nodes) fn fullest(
        &self,
        request: &Resources,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        self.choose(|index| index.fullest(request, &|place| self.node(place).is_some_and(accepts)))
    }

    /// The first choice among what is reserved as a whole, and then what is reserved in part or not at
    /// all.
    fn choose(&self, choice: impl Fn(&Index) -> Option<NodeId>) -> Option<NodeId> {
        let place = choice(&self.kept).or_else(|| choice(&self.free));
        self.node(place?)
    }

    /// The most that is free on an offered node of each kind; below nothing if none is offered.
    pub(in crate::nodes) fn largest_free(&self) -> Resources {
        self.free.largest()
    }

    /// The most that an offered node has of each kind; below nothing if none is offered.
    pub(in crate::nodes) fn largest_usable(&self) -> Resources {
        self.usable.largest()
    }

    /// How many nodes have the labels that are asked for, and how many of these are tainted.
    pub(in crate::nodes) fn suitability(&self) -> Suitability {
        let most = self.tainted.iter().max_by_key(|&(taint, count)| (count, Reverse(taint)));
        Suitability {
            selector: self.requirement.selector(),
            matching: self.matching,
            tainted: self.tainted.values().sum(),
            taint: most.map(|(taint, &count)| (taint.to_string().into(), count)),
        }
    }
}
