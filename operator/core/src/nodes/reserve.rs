//! What is kept on one node for pools that reserve there: Mesos's reservations.
//!
//! A pool's reservation holds for its subtree. What its subtree does not hold of it on the node is
//! *kept*: free, but for nobody else. A child's reservation lies inside its parent's, as with
//! guarantees, so that taking from a reservation never frees room for somebody else.

use crate::ids::PoolId;
use crate::pools::Pools;
use crate::resources::Resources;

/// The pools that reserve something on a node, and those above them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reserved {
    /// Every pool stands before those below it, siblings by name.
    branches: Vec<Branch>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Branch {
    pool: PoolId,
    /// How many branches are above.
    depth: usize,
    /// What the pool reserves.
    amount: Resources,
    /// What its subtree holds on the node.
    held: Resources,
    /// What is kept for its subtree.
    kept: Resources,
    /// What would be kept if the node were empty.
    kept_when_empty: Resources,
}

impl Reserved {
    /// Adds a pool's reservation. Pools come in the order of [`Pools::by_path`].
    pub(super) fn add(&mut self, chain: &[PoolId], amount: &Resources) {
        for (depth, &pool) in chain.iter().enumerate() {
            let reserves = if depth + 1 == chain.len() { *amount } else { Resources::NONE };
            match self.branches.iter_mut().rev().find(|branch| branch.pool == pool) {
                Some(branch) => branch.amount = branch.amount.plus(&reserves),
                None => self.branches.push(Branch {
                    pool,
                    depth,
                    amount: reserves,
                    held: Resources::NONE,
                    kept: Resources::NONE,
                    kept_when_empty: Resources::NONE,
                }),
            }
        }
    }

    /// Takes in what a pool's own executors took (or, with less than nothing, gave back).
    pub(super) fn charge(&mut self, chain: &[PoolId], request: &Resources) {
        for branch in self.branches.iter_mut().filter(|branch| chain.contains(&branch.pool)) {
            branch.held = branch.held.plus(request);
        }
    }

    /// Computes what is kept of what is free. Where that is not enough for all reservations, as
    /// others were there first, pools get theirs in order of their names.
    pub(super) fn settle(&mut self, free: &Resources, usable: &Resources) {
        self.deal(free, |branch, budget, children| {
            branch.kept = least(&branch.amount.above(&branch.held), budget).max_each(children);
            branch.kept
        });
        self.deal(usable, |branch, budget, children| {
            branch.kept_when_empty = least(&branch.amount, budget).max_each(children);
            branch.kept_when_empty
        });
    }

    /// What is kept for others than a pool, which is the last of `chain`, and those above it.
    pub(super) fn kept_from(&self, chain: &[PoolId]) -> Resources {
        self.sum_beside(chain, |branch| &branch.kept)
    }

    /// What would be kept for others if the node were empty.
    pub(super) fn kept_from_when_empty(&self, chain: &[PoolId]) -> Resources {
        self.sum_beside(chain, |branch| &branch.kept_when_empty)
    }

    /// Whether something is reserved for one of these pools.
    pub(super) fn is_for(&self, chain: &[PoolId]) -> bool {
        let mut branches = self.branches.iter();
        branches.any(|branch| !branch.amount.is_none() && chain.contains(&branch.pool))
    }

    /// What is kept for each pool's subtree.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PoolId, &Resources)> {
        self.branches.iter().map(|branch| (branch.pool, &branch.kept))
    }

    /// What each pool reserves, and what of it the node has.
    pub(super) fn amounts(&self) -> impl Iterator<Item = (PoolId, Resources, Resources)> {
        let reserving = self.branches.iter().filter(|branch| !branch.amount.is_none());
        reserving.map(|branch| (branch.pool, branch.amount, branch.kept_when_empty))
    }

    /// The sum over the branches that leave the chain.
    fn sum_beside(&self, chain: &[PoolId], amount: impl Fn(&Branch) -> &Resources) -> Resources {
        let mut sum = Resources::NONE;
        let mut inside_of = usize::MAX;
        for branch in &self.branches {
            if branch.depth > inside_of {
                continue;
            }
            inside_of = usize::MAX;
            if !chain.contains(&branch.pool) {
                sum = sum.plus(amount(branch));
                inside_of = branch.depth;
            }
        }
        sum
    }

    /// Deals out a budget. `take` is told of each branch what is left for it and what those below it
    /// took of that, and says how much it takes with them.
    fn deal(
        &mut self,
        budget: &Resources,
        mut take: impl FnMut(&mut Branch, &Resources, &Resources) -> Resources,
    ) {
        let mut sum = Resources::NONE;
        let mut next = 0;
        while next < self.branches.len() {
            let left = budget.above(&sum);
            let (taken, after) = deal(&mut self.branches, next, &left, &mut take);
            (sum, next) = (sum.plus(&taken), after);
        }
    }
}

/// Deals out a budget to a branch and those below it; returns what they took, and the branch after
/// them.
fn deal(
    branches: &mut [Branch],
    at: usize,
    budget: &Resources,
    take: &mut impl FnMut(&mut Branch, &Resources, &Resources) -> Resources,
) -> (Resources, usize) {
    let mut children = Resources::NONE;
    let mut next = at + 1;
    while branches.get(next).is_some_and(|branch| branch.depth > branches[at].depth) {
        let (taken, after) = deal(branches, next, &budget.above(&children), take);
        (children, next) = (children.plus(&taken), after);
    }
    (take(&mut branches[at], budget, &children), next)
}

fn least(left: &Resources, right: &Resources) -> Resources {
    left.minus(&left.above(right))
}

/// A pool and those above it, the topmost first.
pub(super) fn chain(pools: &Pools, pool: PoolId) -> Vec<PoolId> {
    let mut chain = pools.path(pool);
    chain.reverse();
    chain
}
