//! Who is offered what next.
//!
//! A [`Round`] fills the cluster progressively: again and again the claim that is furthest below its
//! fair share is offered one executor, until nobody can be given more. It knows nothing of jobs: a
//! [`Claim`] is all that it sees of one. What a round grants is charged to the nodes at once; its
//! pools are the caller's to charge.
//!
//! ```text
//! claims ─► tree of pools (who is next: fairness.rs) ─► limits, headroom ─► node (placement.rs) ─► Grant
//!                         ▲                                  │ cannot
//!                         └───── blocked, with a Rejection ◄─┘
//! ```
//!
//! Sources: DRF (Ghodsi et al., NSDI 2011), its hierarchical form H-DRF (Bhattacharya et al., SoCC
//! 2013) with weights, guarantees and limits as Mesos's quota has them (`docs/quota.md`), but
//! binding for whole subtrees.

mod fairness;
mod placement;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::explain::Rejection;
use crate::nodes::{NodeId, Nodes};
use crate::pools::{PoolId, Pools};
use crate::resources::{Kind, Resources};
pub(crate) use fairness::Tree;

pub(crate) use placement::Choice;
pub use placement::Placement;

/// What one job asks for in a round.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The pool that pays.
    pub(crate) pool: PoolId,
    /// Claims of a pool with a higher number come first.
    pub(crate) priority: i32,
    /// Breaks ties: earlier claims have lower numbers.
    pub(crate) sequence: u64,
    /// What the claimant holds already.
    pub(crate) held: Resources,
    /// How many executors it was ever given.
    pub(crate) allocations: u64,
    /// What one executor needs.
    pub(crate) request: Resources,
    /// How many executors more it could use.
    pub(crate) wanted: u32,
    /// Whether it takes all that it wants or none.
    pub(crate) gang: bool,
    /// Which of the nodes that fit it prefers.
    pub(crate) placement: Placement,
    /// How many of its executors are on which node.
    pub(crate) on_nodes: BTreeMap<NodeId, u32>,
    /// Which nodes it declines, and which it waits for.
    pub(crate) choice: Choice,
}

/// How claims are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fairness {
    /// H-DRF with weights: pools of pools are compared by what their children hold, scaled down to
    /// the one that is furthest behind (Bhattacharya et al., SoCC 2013).
    #[default]
    Hdrf,
    /// As Mesos does: pools of pools are compared by all that their children hold. Of equal shares
    /// the one comes first that was given something less often.
    Drf,
}

/// How a round compares claims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) fairness: Fairness,
    /// The kinds of resources that shares are taken of.
    pub(crate) shared: &'a [Kind],
}

/// What a round gives to a claim: one executor on each of these nodes, all or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The claim's place in the list that the round was started with.
    pub(crate) claim: usize,
    pub(crate) nodes: Vec<NodeId>,
}

/// One filling of what is free.
pub(crate) struct Round<'a> {
    claims: Vec<Claim>,
    tree: Tree<'a>,
    nodes: &'a mut Nodes,
    rejections: Vec<Option<Rejection>>,
    /// Why nodes are found for no executor of a shape any more, by shape. What is free only shrinks
    /// in a round.
    shapes: BTreeMap<Resources, Option<Rejection>>,
}

impl<'a> Round<'a> {
    /// Starts a round over what is free now. Claims that nothing can be given to are set aside at
    /// once: whether a pool can grow counts when its parent's share is taken.
    pub(crate) fn new(
        nodes: &'a mut Nodes,
        pools: &'a Pools,
        order: &Order<'a>,
        claims: Vec<Claim>,
    ) -> Self {
        // Many claims have the same shape, which fits or does not.
        let mut shapes: BTreeMap<Resources, Option<Rejection>> = BTreeMap::new();
        let mut rejections: Vec<Option<Rejection>> = vec![None; claims.len()];
        for (claim, rejection) in claims.iter().zip(&mut rejections) {
            let request = &claim.request;
            let shape = shapes.entry(*request).or_insert_with(|| {
                (!nodes.fits(request)).then(|| placement::explain(nodes, request))
            });
            if claim.wanted > 0 {
                rejection.clone_from(shape);
            }
        }
        let can_grow = |index: usize| rejections.get(index).is_some_and(Option::is_none);
        let mut tree = Tree::new(pools, *nodes.total(), *order, &claims, can_grow);
        for (index, (claim, rejection)) in claims.iter().zip(&mut rejections).enumerate() {
            if claim.wanted > 0
                && rejection.is_none()
                && let Err(reached) = tree.check_limits(claim.pool, &claim.request, &claim.request)
            {
                tree.blocked(index, claim);
                *rejection = Some(reached);
            }
        }
        Self { claims, tree, nodes, rejections, shapes }
    }

    /// The next grant, already accounted for; `None` when nobody can be given more.
    pub(crate) fn next_grant(&mut self) -> Option<Grant> {
        while let Some(index) = self.tree.first() {
            let count = if self.claims[index].gang { self.claims[index].wanted } else { 1 };
            match self.place(index, count) {
                Ok(nodes) => {
                    let claim = &mut self.claims[index];
                    claim.wanted -= count;
                    claim.held = claim.held.plus(&times(&claim.request, count));
                    claim.allocations += u64::from(count);
                    self.tree.granted(index, claim, count);
                    return Some(Grant { claim: index, nodes });
                }
                Err(rejection) => {
                    self.tree.blocked(index, &self.claims[index]);
                    self.rejections[index] = Some(rejection);
                }
            }
        }
        None
    }

    /// The claims as they are now, each with why it was given no more if it still wants more.
    pub(crate) fn finish(self) -> impl Iterator<Item = (Claim, Option<Rejection>)> {
        self.claims.into_iter().zip(self.rejections)
    }

    /// Finds nodes for `count` executors and takes them, or changes nothing.
    fn place(&mut self, index: usize, count: u32) -> Result<Vec<NodeId>, Rejection> {
        let claim = &mut self.claims[index];
        let request = claim.request;
        if let Some(Some(rejection)) = self.shapes.get(&request) {
            return Err(rejection.clone());
        }
        let all = times(&request, count);
        self.tree.check_limits(claim.pool, &request, &all)?;
        self.tree.check_headroom(claim.pool, &all, self.nodes.free_sum())?;
        let mut chosen = Vec::with_capacity(count as usize);
        while chosen.len() < count as usize {
            let Claim { placement, on_nodes, choice, .. } = &*claim;
            match placement::choose(self.nodes, &request, *placement, on_nodes, choice) {
                Some(node) => {
                    self.nodes.charge(node, &request);
                    *claim.on_nodes.entry(node).or_default() += 1;
                    chosen.push(node);
                }
                None => break,
            }
        }
        if chosen.len() == count as usize {
            return Ok(chosen);
        }
        let chosen_against = placement::explain_choice(self.nodes, &request, &claim.choice);
        let others_fit = chosen_against.is_some();
        let rejection = chosen_against.unwrap_or_else(|| placement::explain(self.nodes, &request));
        if chosen.is_empty() && !others_fit {
            self.shapes.insert(request, Some(rejection.clone()));
        }
        let fitting = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        for node in chosen {
            self.nodes.release(node, &request);
            count_down(&mut claim.on_nodes, node);
        }
        if claim.gang && count > 1 {
            return Err(Rejection::Gang { fitting, wanted: count, cause: Box::new(rejection) });
        }
        Err(rejection)
    }
}

/// Takes an executor off its node's count; a node without any is not listed.
pub(crate) fn count_down(on_nodes: &mut BTreeMap<NodeId, u32>, node: NodeId) {
    if let Entry::Occupied(mut count) = on_nodes.entry(node) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

/// A request times a number of executors.
pub(crate) fn times(request: &Resources, count: u32) -> Resources {
    let mut product = Resources::NONE;
    for (kind, amount) in request.iter() {
        product[kind] = amount.saturating_mul(i64::from(count));
    }
    product
}

#[cfg(test)]
mod tests;
