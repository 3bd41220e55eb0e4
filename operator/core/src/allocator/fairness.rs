//! The order in which claims are asked: hierarchical weighted dominant resource fairness.
//!
//! The tree has a branch per pool. A pool that has children and jobs of its own gets a leaf for its
//! jobs that competes with the children at weight 1, as Mesos's `a/.` does.
//!
//! Among siblings that can still grow, in this order: those below a guarantee that their demand can
//! fill, those of weight above 0, the smallest share divided by weight, the name.
//!
//! The share of a pool is the dominant share of what its jobs hold. The share of a pool of pools is
//! that of its children's holdings, where the children that can still grow are first scaled down to
//! the smallest weighted share among those of them that hold something (H-DRF, section 4.2:
//! otherwise siblings with different dominant resources pay for each other). With [`Fairness::Drf`] it
//! is that of all that the subtree holds, as in Mesos, and the number of allocations breaks ties.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Claim, Fairness, Order, times};
use crate::arena::Id;
use crate::explain::Rejection;
use crate::pools::{PoolId, Pools, Settings};
use crate::reclaim::IdleGuarantee;
use crate::resources::{KIND_LIMIT, Kind, Resources};
use crate::share::{Share, WeightMilli};

/// The scale of scaled holdings: fractions of the total in units of 2^-44, fine enough to tell a
/// millicore in a cluster of a hundred million cores, small enough that products fit in 128 bits.
const SCALE: u128 = 1 << 44;

const ROOT: usize = 0;

pub(crate) struct Tree<'a> {
    total: Resources,
    order: Order<'a>,
    branches: Vec<Branch<'a>>,
    /// The branch that holds a pool's own claims, by index of the pool.
    leaf_of_pool: Vec<usize>,
    /// The rank under which a claim stands in its leaf, by index of the claim.
    ranks: Vec<ClaimRank>,
}

struct Branch<'a> {
    parent: usize,
    pool: &'a str,
    weight: WeightMilli,
    guarantee: Resources,
    limit: Resources,
    /// Whether only what the subtree's claims want is kept free for its guarantee.
    lends: bool,
    /// What claims of the subtree want and were not given, whether or not they can be.
    wants: Resources,
    held: Resources,
    allocations: u64,
    children: Vec<usize>,
    /// The children that can still grow.
    growing: BTreeSet<Rank>,
    /// The branch's own claims that can still grow.
    claims: BTreeSet<ClaimRank>,
    /// How many claims of the subtree that can still grow request each kind.
    demand: [u32; KIND_LIMIT],
    /// How many claims of the subtree can still grow.
    wanting: u32,
    rank: Rank,
    /// The holdings over the total, in units of 1 / [`SCALE`], scaled as H-DRF wants it.
    scaled: [u128; KIND_LIMIT],
    /// What has to be kept free so that the guarantees of the subtree can be met.
    required: Resources,
    children_required: Resources,
}

/// The order among siblings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    above_guarantee: bool,
    leftovers_only: bool,
    share: Share,
    /// How often it was given something; 0 where that does not count.
    allocations: u64,
    branch: usize,
}

/// The order among the claims of a pool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ClaimRank {
    priority: Reverse<i32>,
    share: Share,
    allocations: u64,
    sequence: u64,
    claim: usize,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(
        pools: &'a Pools,
        total: Resources,
        order: Order<'a>,
        claims: &[Claim],
        can_grow: impl Fn(usize) -> bool,
    ) -> Self {
        let mut tree = Self {
            total,
            order,
            branches: Vec::new(),
            leaf_of_pool: vec![ROOT; pools.bound()],
            ranks: Vec::with_capacity(claims.len()),
        };
        let everything = Settings { weight: 1000, ..Settings::default() };
        tree.grow(ROOT, "", &everything, (Resources::NONE, 0));
        let mut branch_of_pool = vec![ROOT; pools.bound()];
        // Pools come by name, so a parent's branch is there before its children's.
        for (id, pool) in pools.iter() {
            let parent = pool.parent.map_or(ROOT, |parent| branch_of_pool[parent.index()]);
            let branch =
                tree.grow(parent, &pool.name, &pool.settings, (pool.held, pool.allocations));
            branch_of_pool[id.index()] = branch;
            tree.leaf_of_pool[id.index()] = if pool.children.is_empty() {
                branch
            } else {
                tree.grow(branch, &pool.name, &everything, (pool.own_held, pool.own_allocations))
            };
        }
        for (index, claim) in claims.iter().enumerate() {
            tree.enter(index, claim, can_grow(index));
        }
        for branch in (1..tree.branches.len()).rev() {
            tree.refresh(branch);
        }
        tree
    }

    /// The claim that is to be served next.
    pub(crate) fn first(&self) -> Option<usize> {
        let mut branch = &self.branches[ROOT];
        loop {
            if let Some(rank) = branch.claims.first() {
                return Some(rank.claim);
            }
            branch = &self.branches[branch.growing.first()?.branch];
        }
    }

    /// Takes in that a claim was given `count` executors; `claim` is as it is now.
    pub(super) fn granted(&mut self, index: usize, claim: &Claim, count: u32) {
        let leaf = self.leaf_of_pool[claim.pool.index()];
        let amount = times(&claim.request, count);
        self.branches[leaf].claims.remove(&self.ranks[index]);
        let satisfied = claim.wanted == 0;
        if !satisfied {
            self.ranks[index] = self.claim_rank(index, claim);
            self.branches[leaf].claims.insert(self.ranks[index]);
        }
        self.along(leaf, |branch| {
            branch.held = branch.held.plus(&amount);
            branch.wants = branch.wants.minus(&amount);
            branch.allocations += u64::from(count);
            if satisfied {
                branch.count_out(&claim.request);
            }
        });
    }

    /// Takes in that a claim cannot be given more in this round.
    pub(crate) fn blocked(&mut self, index: usize, claim: &Claim) {
        let leaf = self.leaf_of_pool[claim.pool.index()];
        self.branches[leaf].claims.remove(&self.ranks[index]);
        self.along(leaf, |branch| branch.count_out(&claim.request));
    }

    /// Whether all limits above a pool leave room for `amount`.
    pub(super) fn check_limits(
        &self,
        pool: PoolId,
        request: &Resources,
        amount: &Resources,
    ) -> Result<(), Rejection> {
        let mut index = self.leaf_of_pool[pool.index()];
        while index != ROOT {
            let branch = &self.branches[index];
            for (kind, _) in request.iter() {
                let (held, limit) = (branch.held[kind], branch.limit[kind]);
                if limit != i64::MAX && held.saturating_add(amount[kind]) > limit {
                    let pool = branch.pool.into();
                    return Err(Rejection::Limit { pool, kind, held, limit });
                }
            }
            index = branch.parent;
        }
        Ok(())
    }

    /// Whether what is free stays enough for the guarantees that are not met, when a pool takes
    /// `amount`. What goes towards a guarantee of the pool itself is always allowed, as in Mesos.
    pub(super) fn check_headroom(
        &self,
        pool: PoolId,
        amount: &Resources,
        free: &Resources,
    ) -> Result<(), Rejection> {
        let before = self.branches[ROOT].children_required;
        if before.is_none() {
            return Ok(());
        }
        let mut relief = Resources::NONE;
        let mut index = self.leaf_of_pool[pool.index()];
        while index != ROOT {
            let branch = &self.branches[index];
            let unmet = branch.unmet(amount);
            let after = unmet.max_each(&branch.children_required.minus(&relief));
            relief = branch.required.minus(&after);
            index = branch.parent;
        }
        let after = before.minus(&relief);
        for (kind, amount) in amount.iter() {
            if relief[kind] < amount && free[kind].saturating_sub(amount) < after[kind] {
                return Err(Rejection::Headroom { kind, free: free[kind], kept: before[kind] });
            }
        }
        Ok(())
    }

    fn grow(
        &mut self,
        parent: usize,
        pool: &'a str,
        settings: &Settings,
        (held, allocations): (Resources, u64),
    ) -> usize {
        let index = self.branches.len();
        self.branches.push(Branch {
            parent,
            pool,
            weight: settings.weight,
            guarantee: settings.guarantee,
            limit: settings.limit,
            lends: settings.idle_guarantee == IdleGuarantee::Lend,
            wants: Resources::NONE,
            held,
            allocations,
            children: Vec::new(),
            growing: BTreeSet::new(),
            claims: BTreeSet::new(),
            demand: [0; KIND_LIMIT],
            wanting: 0,
            rank: Rank {
                above_guarantee: true,
                leftovers_only: false,
                share: Share::ZERO,
                allocations: 0,
                branch: index,
            },
            scaled: [0; KIND_LIMIT],
            required: Resources::NONE,
            children_required: Resources::NONE,
        });
        if index != ROOT {
            self.branches[parent].children.push(index);
        }
        index
    }

    fn enter(&mut self, index: usize, claim: &Claim, can_grow: bool) {
        let rank = self.claim_rank(index, claim);
        self.ranks.push(rank);
        let wants = times(&claim.request, claim.wanted);
        let mut branch = self.leaf_of_pool[claim.pool.index()];
        while branch != ROOT {
            self.branches[branch].wants = self.branches[branch].wants.plus(&wants);
            branch = self.branches[branch].parent;
        }
        if claim.wanted == 0 || !can_grow {
            return;
        }
        let mut branch = self.leaf_of_pool[claim.pool.index()];
        self.branches[branch].claims.insert(rank);
        loop {
            self.branches[branch].count_in(&claim.request);
            if branch == ROOT {
                return;
            }
            branch = self.branches[branch].parent;
        }
    }

    fn claim_rank(&self, index: usize, claim: &Claim) -> ClaimRank {
        ClaimRank {
            priority: Reverse(claim.priority),
            share: Share::dominant(&claim.held, &self.total, self.order.shared),
            allocations: self.order.counted(claim.allocations),
            sequence: claim.sequence,
            claim: index,
        }
    }

    /// Changes a branch and all above it, and puts each in its new place.
    fn along(&mut self, leaf: usize, change: impl Fn(&mut Branch<'_>)) {
        let mut index = leaf;
        loop {
            change(&mut self.branches[index]);
            if index == ROOT {
                return;
            }
            self.refresh(index);
            index = self.branches[index].parent;
        }
    }

    /// Computes anew what follows from a branch's holdings and its children's state, and moves it to
    /// its place among its siblings.
    fn refresh(&mut self, index: usize) {
        let is_leaf = self.branches[index].children.is_empty();
        let share = if self.order.fairness == Fairness::Drf {
            Share::dominant(&self.branches[index].held, &self.total, self.order.shared)
        } else if is_leaf {
            self.scale_leaf(index)
        } else {
            self.scale_children(index)
        };
        let branch = &mut self.branches[index];
        let unmet = branch.unmet(&Resources::NONE);
        let required = unmet.max_each(&branch.children_required);
        let relief = branch.required.minus(&required);
        branch.required = required;
        let own_need = unmet.iter().any(|(kind, _)| branch.demand_of(kind) > 0);
        let childs_need = branch.growing.first().is_some_and(|rank| !rank.above_guarantee);
        let leftovers_only = branch.weight == 0;
        let rank = Rank {
            above_guarantee: !own_need && !childs_need,
            leftovers_only,
            share: if leftovers_only { share } else { share.weighted(branch.weight) },
            allocations: self.order.counted(branch.allocations),
            branch: index,
        };
        let (old, wanting, parent) = (branch.rank, branch.wanting, branch.parent);
        branch.rank = rank;
        let parent = &mut self.branches[parent];
        parent.children_required = parent.children_required.minus(&relief);
        parent.growing.remove(&old);
        if wanting > 0 {
            parent.growing.insert(rank);
        }
    }

    fn scale_leaf(&mut self, index: usize) -> Share {
        let branch = &mut self.branches[index];
        for &kind in self.order.shared {
            let held = u128::try_from(branch.held[kind]).unwrap_or(0);
            let total = u128::try_from(self.total[kind]).unwrap_or(0);
            branch.scaled[kind.index()] = (held * SCALE).checked_div(total).unwrap_or(0).min(SCALE);
        }
        Share::dominant(&branch.held, &self.total, self.order.shared)
    }

    fn scale_children(&mut self, index: usize) -> Share {
        let children = &self.branches[index].children;
        let dominant = |child: &Branch<'_>| child.scaled.iter().copied().max().unwrap_or(0);
        // The smallest share by weight among the children that can grow and hold something, as the
        // pair of share and weight.
        let mut smallest: Option<(u128, u128)> = None;
        for child in children.iter().map(|&child| &self.branches[child]) {
            let pair = (dominant(child), u128::from(child.weight));
            if child.scales() && smallest.is_none_or(|least| pair.0 * least.1 < least.0 * pair.1) {
                smallest = Some(pair);
            }
        }
        let mut sum = [0_u128; KIND_LIMIT];
        for child in children.iter().map(|&child| &self.branches[child]) {
            let (numerator, denominator) = match smallest {
                Some((share, weight)) if child.scales() => {
                    (share * u128::from(child.weight), weight * dominant(child))
                }
                _ => (1, 1),
            };
            for (sum, part) in sum.iter_mut().zip(child.scaled) {
                *sum += part * numerator / denominator;
            }
        }
        let branch = &mut self.branches[index];
        branch.scaled = sum.map(|part| part.min(SCALE));
        Share::new(sum.into_iter().max().unwrap_or(0), SCALE)
    }
}

impl Order<'_> {
    /// The allocations that count when shares are equal.
    fn counted(&self, allocations: u64) -> u64 {
        if self.fairness == Fairness::Drf { allocations } else { 0 }
    }
}

impl Branch<'_> {
    /// Whether H-DRF scales the branch down: it can grow and holds something.
    fn scales(&self) -> bool {
        self.wanting > 0 && self.weight > 0 && self.scaled.iter().any(|&part| part > 0)
    }

    /// What is missing of the guarantee when the branch is given `amount`; where it is lent, only as
    /// far as claims want it.
    fn unmet(&self, amount: &Resources) -> Resources {
        let unmet = self.guarantee.above(&self.held.plus(amount));
        if self.lends { unmet.min_each(&self.wants.above(amount)) } else { unmet }
    }

    fn demand_of(&self, kind: Kind) -> u32 {
        self.demand[kind.index()]
    }

    fn count_in(&mut self, request: &Resources) {
        self.wanting += 1;
        for (kind, _) in request.iter() {
            self.demand[kind.index()] += 1;
        }
    }

    fn count_out(&mut self, request: &Resources) {
        self.wanting -= 1;
        for (kind, _) in request.iter() {
            self.demand[kind.index()] -= 1;
        }
    }
}
