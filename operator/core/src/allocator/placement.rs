//! Which node an executor goes to.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::arena::Id;
use crate::explain::Rejection;
use crate::nodes::{NodeId, Nodes};
use crate::resources::Resources;
use crate::share::Share;

/// Which of the nodes that fit a job prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The node with the fewest executors of the job, then the emptiest.
    #[default]
    Spread,
    /// The fullest node.
    Pack,
}

/// What is free on each node, less what the round gave away.
pub(super) struct Free<'a> {
    nodes: &'a Nodes,
    /// By index of the node; nothing where a node is not offered.
    by_node: Vec<Resources>,
    sum: Resources,
}

impl<'a> Free<'a> {
    pub(super) fn new(nodes: &'a Nodes) -> Self {
        let mut by_node = vec![Resources::NONE; nodes.bound()];
        let mut sum = Resources::NONE;
        for (id, node) in nodes.iter() {
            if node.observed.offered {
                // A node that shrank under its executors has nothing free, not less than nothing.
                by_node[id.index()] = node.free().max(&Resources::NONE);
                sum = sum.plus(&by_node[id.index()]);
            }
        }
        Self { nodes, by_node, sum }
    }

    /// What is free on all nodes together.
    pub(super) fn sum(&self) -> &Resources {
        &self.sum
    }

    pub(super) fn take(&mut self, node: NodeId, request: &Resources) {
        self.by_node[node.index()] = self.by_node[node.index()].minus(request);
        self.sum = self.sum.minus(request);
    }

    pub(super) fn give_back(&mut self, node: NodeId, request: &Resources) {
        self.by_node[node.index()] = self.by_node[node.index()].plus(request);
        self.sum = self.sum.plus(request);
    }

    /// The node that suits best, if the request fits anywhere.
    pub(super) fn choose(
        &self,
        request: &Resources,
        placement: Placement,
        on_nodes: &BTreeMap<NodeId, u32>,
    ) -> Option<NodeId> {
        let mut best: Option<(NodeId, u32, Share)> = None;
        for (id, node) in self.nodes.iter().filter(|(_, node)| node.observed.offered) {
            let free = &self.by_node[id.index()];
            if !request.fits_in(free) {
                continue;
            }
            let executors = on_nodes.get(&id).copied().unwrap_or(0);
            let fullness = fullness(free, &node.usable, request);
            let better = best.as_ref().is_none_or(|(_, best_executors, best_fullness)| {
                let order = match placement {
                    Placement::Spread => {
                        executors.cmp(best_executors).then_with(|| fullness.cmp(best_fullness))
                    }
                    Placement::Pack => best_fullness.cmp(&fullness),
                };
                order == Ordering::Less
            });
            if better {
                best = Some((id, executors, fullness));
            }
        }
        best.map(|(id, ..)| id)
    }

    /// Why a request fits on no node.
    pub(super) fn explain(&self, request: &Resources) -> Rejection {
        let offered = || self.nodes.iter().filter(|(_, node)| node.observed.offered);
        if offered().next().is_none() {
            return Rejection::NoNodes;
        }
        let mut largest = Resources::NONE;
        let mut largest_free = Resources::NONE;
        let mut ever = false;
        for (id, node) in offered() {
            largest = largest.max(&node.usable);
            largest_free = largest_free.max(&self.by_node[id.index()]);
            ever |= request.fits_in(&node.usable);
        }
        let short = |has: &Resources| request.iter().find(|&(kind, amount)| amount > has[kind]);
        if let Some((kind, requested)) = short(&largest) {
            return Rejection::LargerThanAnyNode { kind, requested, largest: largest[kind] };
        }
        if !ever {
            return Rejection::NoNodeHasAll;
        }
        match short(&largest_free) {
            Some((kind, requested)) => {
                Rejection::NoNodeFree { kind, requested, largest: largest_free[kind] }
            }
            None => Rejection::NoNodeHasAllFree,
        }
    }
}

/// The fullest of a node's resources, of those that the request needs.
fn fullness(free: &Resources, usable: &Resources, request: &Resources) -> Share {
    let mut fullest = Share::ZERO;
    for (kind, _) in request.iter() {
        let (free, usable) = (free[kind], usable[kind].max(1));
        let taken = u128::try_from(usable.saturating_sub(free)).unwrap_or(0);
        fullest = fullest.max(Share::new(taken, u128::from(usable.unsigned_abs())));
    }
    fullest
}
