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

mod elastic;
mod fairness;
mod fluid;
mod placement;
mod whole;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::explain::Rejection;
use crate::frameworks::Frameworks;
use crate::ids::{ClientId, NodeId, PoolId};
use crate::nodes::{Nodes, Reach};
use crate::policy::{Fairness, Placement};
use crate::pools::Pools;
use crate::ranges::Ranges;
use crate::resources::{Kind, Resources};
use elastic::Elastic;
pub(crate) use fairness::Tree;
pub(crate) use fluid::pour;

pub(crate) use placement::{Choice, explain as explain_placement};

/// What one job asks for in a round, or one framework in one of its pools.
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
    /// How many executors it has that have no node.
    pub(crate) unplaced: u32,
    /// Whether it takes all that it wants or none.
    pub(crate) gang: bool,
    /// Which nodes it may use.
    pub(crate) reach: Reach,
    /// Which of the nodes that fit it prefers.
    pub(crate) placement: Placement,
    /// How many of its executors are on which node.
    pub(crate) on_nodes: BTreeMap<NodeId, u32>,
    /// For a framework, whose demand is not known. Each turn gives it one node as a whole.
    pub(crate) client: Option<WholeNodes>,
    /// Which nodes it declines, and which it waits for.
    pub(crate) choice: Choice,
}

/// What a framework may take of nodes in a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeNodes {
    pub(crate) client: ClientId,
    /// How much it may take in all, because jobs wait; reservations are on top.
    pub(crate) most: Resources,
}

/// How a round compares claims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) fairness: Fairness,
    /// The kinds of resources that shares are taken of.
    pub(crate) shared: &'a [Kind],
}

/// What a round gives to a claim: one executor on each of these nodes, all or none, or some without
/// a node; or what an offer of one node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The claim's place in the list that the round was started with.
    pub(crate) claim: usize,
    pub(crate) nodes: Vec<NodeId>,
    /// How many executors are given without a node.
    pub(crate) unplaced: u32,
    /// What is given on each node.
    pub(crate) amount: Resources,
    /// What of it is reserved for nobody.
    pub(crate) unreserved: Resources,
    /// The ports that are offered with it.
    pub(crate) ports: Ranges,
}

/// What decides whether an executor fits somewhere.
type Shape = (Resources, Reach);

/// One filling of what is free.
pub(crate) struct Round<'a> {
    claims: Vec<Claim>,
    tree: Tree<'a>,
    pools: &'a Pools,
    nodes: &'a mut Nodes,
    rejections: Vec<Option<Rejection>>,
    /// Why nodes are found for no executor of a shape any more, by shape. What is free only shrinks
    /// in a round.
    shapes: BTreeMap<Shape, Option<Rejection>>,
    /// Whether something was given since it was last seen which shapes still fit somewhere.
    given: bool,
    /// Whether some claim may be given executors without a node.
    may_grow: bool,
    elastic: Elastic,
    frameworks: Option<&'a mut Frameworks>,
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
        let mut shapes: BTreeMap<Shape, Option<Rejection>> = BTreeMap::new();
        let mut rejections: Vec<Option<Rejection>> = vec![None; claims.len()];
        let mut may_grow = false;
        let jobs = claims.iter().zip(&mut rejections).filter(|(claim, _)| claim.client.is_none());
        for (claim, rejection) in jobs {
            let (request, reach) = (claim.request, claim.reach);
            let shape = shapes.entry((request, reach)).or_insert_with(|| {
                let fits = nodes.fits(&request, reach);
                (!fits).then(|| placement::explain(nodes, &request, reach))
            });
            if claim.wanted > 0 {
                if elastic::may_grow(pools, claim.pool) {
                    may_grow = true;
                } else {
                    rejection.clone_from(shape);
                }
            }
        }
        let can_grow = |index: usize| rejections.get(index).is_some_and(Option::is_none);
        let mut tree = Tree::new(pools, *nodes.total(), nodes.kept(), *order, &claims, can_grow);
        for (index, (claim, rejection)) in claims.iter().zip(&mut rejections).enumerate() {
            if claim.wanted > 0
                && rejection.is_none()
                && let Err(reached) = tree.check_limits(claim.pool, &claim.request, &claim.request)
            {
                tree.blocked(index, claim);
                *rejection = Some(reached);
            }
        }
        let (elastic, frameworks) = (Elastic::default(), None);
        let given = false;
        Self {
            claims,
            tree,
            pools,
            nodes,
            rejections,
            shapes,
            given,
            may_grow,
            elastic,
            frameworks,
        }
    }

    /// The next grant, already accounted for; `None` when nobody can be given more.
    pub(crate) fn next_grant(&mut self) -> Option<Grant> {
        while let Some(index) = self.tree.first() {
            if let Some(whole) = self.claims[index].client {
                match self.offer(index, whole) {
                    Ok(grant) => return Some(grant),
                    Err(rejection) => {
                        self.tree.blocked(index, &self.claims[index]);
                        self.rejections[index] = Some(rejection);
                    }
                }
                continue;
            }
            let count = if self.claims[index].gang { self.claims[index].wanted } else { 1 };
            let (nodes, unplaced) = match self.place(index, count) {
                Ok(nodes) => (Ok(nodes), 0),
                Err(rejection) => match self.go_without_node(index, count, rejection) {
                    Ok(()) => (Ok(Vec::new()), count),
                    Err(rejection) => (Err(rejection), 0),
                },
            };
            match nodes {
                Ok(nodes) => {
                    let claim = &mut self.claims[index];
                    claim.wanted -= count;
                    claim.held = claim.held.plus(&times(&claim.request, count));
                    claim.allocations += u64::from(count);
                    self.tree.granted(index, claim, count, self.nodes.kept());
                    self.given = true;
                    let (amount, ports) = (claim.request, Ranges::new());
                    let unreserved = amount;
                    return Some(Grant {
                        claim: index,
                        nodes,
                        unplaced,
                        amount,
                        unreserved,
                        ports,
                    });
                }
                Err(rejection) => {
                    self.tree.blocked(index, &self.claims[index]);
                    self.rejections[index] = Some(rejection);
                    if self.is_exhausted() {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// The claims as they are now, each with why it was given no more if it still wants more.
    pub(crate) fn finish(self) -> impl Iterator<Item = (Claim, Option<Rejection>)> {
        let Self { claims, rejections, shapes, .. } = self;
        claims.into_iter().zip(rejections).map(move |(claim, rejection)| {
            // A round that was exhausted ended before everybody was asked.
            let of_shape = || shapes.get(&(claim.request, claim.reach)).cloned().flatten();
            let rejection = rejection.or_else(|| if claim.wanted > 0 { of_shape() } else { None });
            (claim, rejection)
        })
    }

    /// Whether no executor of any shape fits anywhere any more. It is looked at again when somebody
    /// was refused after something was given: at the end of a round most claims are left.
    fn is_exhausted(&mut self) -> bool {
        // What fits nowhere may still be had as a part of a node, or without one.
        let others_count = self.frameworks.is_some() || self.may_grow;
        if !std::mem::take(&mut self.given) || others_count {
            return false;
        }
        let mut exhausted = true;
        for (&(request, reach), rejection) in &mut self.shapes {
            if rejection.is_none() {
                if self.nodes.fits(&request, reach) {
                    exhausted = false;
                } else {
                    *rejection = Some(placement::explain(self.nodes, &request, reach));
                }
            }
        }
        exhausted
    }

    /// Finds nodes for `count` executors and takes them, or changes nothing.
    fn place(&mut self, index: usize, count: u32) -> Result<Vec<NodeId>, Rejection> {
        let claim = &self.claims[index];
        let (pool, request, reach) = (claim.pool, claim.request, claim.reach);
        if let Some(Some(rejection)) = self.shapes.get(&(request, reach)) {
            return Err(rejection.clone());
        }
        let all = times(&request, count);
        self.tree.check_limits(pool, &request, &all)?;
        self.find_room(index, count)
    }

    /// Finds nodes for `count` executors whose pool may have them, and takes them, or changes
    /// nothing.
    fn find_room(&mut self, index: usize, count: u32) -> Result<Vec<NodeId>, Rejection> {
        let claim = &self.claims[index];
        let (pool, request, reach, gang) = (claim.pool, claim.request, claim.reach, claim.gang);
        let all = times(&request, count);
        let free = *self.nodes.free_sum();
        // Only what the pool has reserved can be taken whatever is kept for guarantees.
        if !reach.has_reserved() {
            self.tree.check_headroom(pool, &all, &free)?;
        }
        let chosen = self.choose(index, count);
        let drawn = free.minus(self.nodes.free_sum());
        let rejection = if chosen.len() < count as usize {
            let choice = &self.claims[index].choice;
            let against = placement::explain_choice(self.nodes, &request, reach, choice);
            let others_fit = against.is_some();
            let rejection =
                against.unwrap_or_else(|| placement::explain(self.nodes, &request, reach));
            if chosen.is_empty() && !others_fit {
                self.shapes.insert((request, reach), Some(rejection.clone()));
            }
            rejection
        } else if let Err(kept) = self.tree.check_headroom(pool, &drawn, &free) {
            kept
        } else {
            return Ok(chosen);
        };
        let fitting = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        self.give_back(index, chosen);
        if gang && count > 1 && fitting < count {
            return Err(Rejection::Gang { fitting, wanted: count, cause: Box::new(rejection) });
        }
        Err(rejection)
    }

    fn give_back(&mut self, index: usize, chosen: Vec<NodeId>) {
        let claim = &mut self.claims[index];
        for node in chosen {
            self.nodes.release(self.pools, node, claim.pool, &claim.request);
            count_down(&mut claim.on_nodes, node);
        }
    }

    /// Takes nodes for `count` executors, or for as many as there are.
    fn choose(&mut self, index: usize, count: u32) -> Vec<NodeId> {
        let Claim { pool, request, reach, placement, ref mut on_nodes, ref choice, .. } =
            self.claims[index];
        let mut chosen = Vec::with_capacity(count as usize);
        while chosen.len() < count as usize {
            let node = placement::choose(self.nodes, &request, reach, placement, on_nodes, choice);
            let Some(node) = node else { break };
            self.nodes.charge(self.pools, node, pool, &request);
            *on_nodes.entry(node).or_default() += 1;
            chosen.push(node);
        }
        chosen
    }
}

/// Takes an executor off its node's count; a node without any is not listed.
fn count_down(on_nodes: &mut BTreeMap<NodeId, u32>, node: NodeId) {
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
