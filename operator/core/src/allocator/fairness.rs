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
//!
//! A grant costs the depth of the tree times the logarithm of the number of siblings: who is first is
//! kept by knock-out trees, and what children add up to is kept as sums.

mod amounts;
mod bounds;
mod branch;
mod shares;
mod tournament;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Claim, Order, times};
use crate::arena::Id;
use crate::ids::PoolId;
use crate::policy::Fairness;
use crate::pools::{Pools, Settings};
use crate::resources::Resources;
use branch::{Account, Branch, Rank};
use shares::{Contribution, Fraction, Holdings};
use tournament::Tournaments;

const ROOT: usize = 0;

pub(crate) struct Tree<'a> {
    total: Resources,
    order: Order<'a>,
    branches: Vec<Branch<'a>>,
    /// Which child that can grow is asked first.
    growing: Tournaments,
    /// Which child that can grow and holds something is furthest behind.
    holding: Tournaments,
    /// Which claim of a leaf is asked first.
    asked: Tournaments,
    /// The branch that holds a pool's own claims, by index of the pool.
    leaf_of_pool: Vec<u32>,
    /// Where a claim stands in its leaf, by index of the claim.
    places: Vec<Place>,
    /// Whether anything is guaranteed to anybody.
    has_guarantees: bool,
    /// Whether there are limits, too, under which something may be kept for guarantees.
    keeps_under_limits: bool,
}

/// Where a claim stands.
#[derive(Clone, Copy)]
struct Place {
    slot: u32,
    rank: ClaimRank,
}

/// The order among the claims of a pool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ClaimRank {
    priority: Reverse<i32>,
    share: Fraction,
    allocations: u64,
    sequence: u64,
}

impl<'a> Tree<'a> {
    /// `kept` is what is left of the pools' reservations.
    pub(crate) fn new(
        pools: &'a Pools,
        total: Resources,
        kept: &BTreeMap<PoolId, Resources>,
        order: Order<'a>,
        claims: &[Claim],
        can_grow: impl Fn(usize) -> bool,
    ) -> Self {
        let mut tree = Self {
            total,
            order,
            branches: Vec::with_capacity(pools.bound() + 1),
            growing: Tournaments::default(),
            holding: Tournaments::default(),
            asked: Tournaments::new(claims.len()),
            leaf_of_pool: vec![0; pools.bound()],
            places: Vec::with_capacity(claims.len()),
            has_guarantees: false,
            keeps_under_limits: false,
        };
        tree.plant(pools, kept);
        tree.arrange_children();
        tree.enter(claims, can_grow);
        for branch in (1..tree.branches.len()).rev() {
            tree.refresh(branch);
        }
        tree
    }

    /// The claim that is to be served next.
    pub(crate) fn first(&self) -> Option<usize> {
        let mut branch = &self.branches[ROOT];
        loop {
            if let Some(claim) = self.asked.first(branch.claims) {
                return Some(claim as usize);
            }
            branch = &self.branches[self.growing.first(branch.children)? as usize];
        }
    }

    /// Takes in that a claim was given `count` executors; `claim` is as it is now.
    /// `kept` is what is left of the pools' reservations.
    pub(super) fn granted(
        &mut self,
        index: usize,
        claim: &Claim,
        count: u32,
        kept: &BTreeMap<PoolId, Resources>,
    ) {
        self.took(index, claim, &times(&claim.request, count), (count, count), kept);
    }

    /// Takes in that a claim was given this amount, in so many allocations, and that it wants so many
    /// times less of what it requests; `claim` is as it is now.
    fn took(
        &mut self,
        index: usize,
        claim: &Claim,
        amount: &Resources,
        (allocations, fewer): (u32, u32),
        kept: &BTreeMap<PoolId, Resources>,
    ) {
        let satisfied = claim.wanted == 0;
        let leaf = self.leaf(claim);
        self.places[index].rank = self.claim_rank(claim, self.fairness_of(leaf));
        self.seat(leaf, index, !satisfied);
        let counts_demand = self.has_guarantees;
        self.along(leaf, |branch| {
            branch.held = branch.held.plus(amount);
            branch.allocations += u64::from(allocations);
            branch.wanting -= u32::from(satisfied);
            if counts_demand {
                branch.cover(kept);
                branch.want_less(&claim.request, fewer);
                branch.wish_less(amount);
            }
        });
    }

    /// Takes in that a claim cannot be given more in this round.
    pub(crate) fn blocked(&mut self, index: usize, claim: &Claim) {
        let leaf = self.leaf(claim);
        self.seat(leaf, index, false);
        let counts_demand = self.has_guarantees;
        self.along(leaf, |branch| {
            branch.wanting -= 1;
            if counts_demand {
                branch.want_less(&claim.request, claim.wanted);
            }
        });
    }

    /// Makes a branch for each pool, parents before their children.
    fn plant(&mut self, pools: &'a Pools, kept: &BTreeMap<PoolId, Resources>) {
        let own = Settings { weight: 1000, ..Settings::default() };
        let account = Account::default();
        self.branches.push(Branch::new((0, 0), "", &own, self.order.fairness, &account));
        let mut branch_of_pool = vec![0_u32; pools.bound()];
        // Pools come by name, so a parent's branch is there before its children's.
        for (id, pool) in pools.iter() {
            let parent = pool.parent.map_or(0, |parent| branch_of_pool[parent.index()]);
            let fairness = pool.settings.fairness;
            let fairness = fairness.unwrap_or(self.branches[parent as usize].fairness);
            self.has_guarantees |= !pool.settings.guarantee.is_none();
            let account =
                Account { held: pool.held, past: pool.past, allocations: pool.allocations };
            let branch = self.push(parent, &pool.name, &pool.settings, fairness, &account);
            branch_of_pool[id.index()] = branch;
            self.branches[branch as usize].id = Some(id);
            self.branches[branch as usize].cover(kept);
            self.leaf_of_pool[id.index()] = if pool.children.is_empty() {
                branch
            } else {
                let (held, past) = (pool.own_held, pool.own_past);
                let account = Account { held, past, allocations: pool.own_allocations };
                self.push(branch, &pool.name, &own, fairness, &account)
            };
        }
        self.keeps_under_limits =
            self.has_guarantees && self.branches.iter().any(|branch| branch.is_limited);
    }

    fn push(
        &mut self,
        parent: u32,
        pool: &'a str,
        settings: &Settings,
        fairness: Fairness,
        account: &Account,
    ) -> u32 {
        let index = u32::try_from(self.branches.len()).unwrap_or(u32::MAX);
        self.branches.push(Branch::new((index, parent), pool, settings, fairness, account));
        index
    }

    /// Gives each branch its slot among the children of its parent.
    fn arrange_children(&mut self) {
        let mut weights = vec![0_u64; self.branches.len()];
        for index in 1..self.branches.len() {
            let (parent, weight) =
                (self.branches[index].parent as usize, self.branches[index].weight);
            weights[parent] += u64::from(weight);
            self.branches[index].slot = self.branches[parent].children.len;
            self.branches[parent].children.len += 1;
        }
        let mut start = 0;
        for (branch, weights) in self.branches.iter_mut().zip(weights) {
            branch.direction_bits = shares::direction_bits(weights);
            branch.children.start = start;
            start += branch.children.len;
        }
        self.growing = Tournaments::new(start as usize);
        self.holding = Tournaments::new(start as usize);
    }

    /// Puts the claims into their leaves.
    fn enter(&mut self, claims: &[Claim], can_grow: impl Fn(usize) -> bool) {
        for claim in claims {
            let leaf = self.leaf(claim);
            let rank = self.claim_rank(claim, self.fairness_of(leaf));
            self.places.push(Place { slot: self.branches[leaf].claims.len, rank });
            self.branches[leaf].claims.len += 1;
        }
        let mut start = 0;
        for branch in &mut self.branches {
            branch.claims.start = start;
            start += branch.claims.len;
        }
        for (index, claim) in claims.iter().enumerate() {
            if self.has_guarantees {
                self.wish(claim);
            }
            if claim.wanted == 0 || !can_grow(index) {
                continue;
            }
            let mut branch = self.leaf(claim);
            self.seat(branch, index, true);
            loop {
                self.branches[branch].wanting += 1;
                if self.has_guarantees {
                    self.branches[branch].want(&claim.request, claim.wanted);
                }
                if branch == ROOT {
                    break;
                }
                branch = self.branches[branch].parent as usize;
            }
        }
    }

    fn wish(&mut self, claim: &Claim) {
        let mut branch = self.leaf(claim);
        while branch != ROOT {
            self.branches[branch].wish(claim);
            branch = self.branches[branch].parent as usize;
        }
    }

    fn leaf(&self, claim: &Claim) -> usize {
        self.leaf_of_pool[claim.pool.index()] as usize
    }

    fn fairness_of(&self, leaf: usize) -> Fairness {
        self.branches[leaf].fairness
    }

    fn claim_rank(&self, claim: &Claim, fairness: Fairness) -> ClaimRank {
        ClaimRank {
            priority: Reverse(claim.priority),
            share: shares::exact(&claim.held, &self.total, self.order.shared, 1000),
            allocations: counted(fairness, claim.allocations),
            sequence: claim.sequence,
        }
    }

    /// Gives a claim its place in its leaf, or takes it from there.
    fn seat(&mut self, leaf: usize, index: usize, takes_part: bool) {
        let group = self.branches[leaf].claims;
        let (slot, places) = (self.places[index].slot, &self.places);
        let member = takes_part.then(|| u32::try_from(index).unwrap_or(u32::MAX));
        self.asked.set(group, slot, member, |left, right| {
            (places[left as usize].rank, left) < (places[right as usize].rank, right)
        });
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
            index = self.branches[index].parent as usize;
        }
    }

    /// Computes anew what follows from a branch's holdings and its children's state, and moves it to
    /// its place among its siblings.
    fn refresh(&mut self, index: usize) {
        let parent = self.branches[index].parent as usize;
        let fairness = self.branches[parent].fairness;
        let share = match fairness {
            Fairness::Hdrf => self.scaled_share(index, parent),
            Fairness::Drf => {
                let branch = &self.branches[index];
                let held = branch.held.plus(&branch.past);
                shares::exact(&held, &self.total, self.order.shared, branch.compared_weight())
            }
        };
        let above_guarantee = !self.has_guarantees || self.refresh_guarantee(index, parent);
        let branch = &mut self.branches[index];
        branch.rank = Rank {
            above_guarantee,
            leftovers_only: branch.weight == 0,
            share,
            allocations: counted(fairness, branch.allocations),
            ..branch.rank
        };
        let (slot, member) = (branch.slot, branch.rank.branch);
        let member = (branch.wanting > 0).then_some(member);
        let (group, branches) = (self.branches[parent].children, &self.branches);
        self.growing.set(group, slot, member, |left, right| {
            branches[left as usize].rank < branches[right as usize].rank
        });
    }

    /// The share of a branch as H-DRF sees it, after its parent was told of it.
    fn scaled_share(&mut self, index: usize, parent: usize) -> Fraction {
        let shared = self.order.shared;
        let holdings = self.holdings(index);
        let bits = self.branches[parent].direction_bits;
        let branch = &mut self.branches[index];
        branch.holdings = holdings;
        let scales = branch.scales(shared);
        let contribution = if scales {
            Contribution::direction(&holdings, shared, branch.weight, bits)
        } else {
            Contribution::Fixed(holdings)
        };
        let old = std::mem::replace(&mut branch.contribution, contribution);
        let (slot, member) = (branch.slot, scales.then_some(branch.rank.branch));
        let share = holdings.weighted(shared, branch.compared_weight());
        self.branches[parent].sum.replace(&old, &contribution, shared);
        let (group, branches) = (self.branches[parent].children, &self.branches);
        self.holding.set(group, slot, member, |left, right| {
            let (left, right) = (&branches[left as usize], &branches[right as usize]);
            let weighted = |branch: &Branch<'_>, other: &Branch<'_>| {
                u128::from(branch.holdings.dominant(shared)) * u128::from(other.weight)
            };
            weighted(left, right) < weighted(right, left)
        });
        share
    }

    /// What a branch counts for: with children that are scaled less than it holds.
    fn holdings(&self, index: usize) -> Holdings {
        let (branch, shared) = (&self.branches[index], self.order.shared);
        if branch.children.len == 0 || branch.fairness == Fairness::Drf {
            return Holdings::of(&branch.held.plus(&branch.past), &self.total, shared);
        }
        let behind = self.holding.first(branch.children).map(|child| {
            let child = &self.branches[child as usize];
            (child.holdings.dominant(shared), child.weight)
        });
        branch.sum.holdings(behind, shared, branch.direction_bits)
    }

    /// Computes anew what has to be kept free for a branch; says whether nothing in it is below a
    /// guarantee that it could fill.
    fn refresh_guarantee(&mut self, index: usize, parent: usize) -> bool {
        let branch = &mut self.branches[index];
        let unmet = branch.unmet(&Resources::NONE);
        let required = unmet.max_each(&branch.children_required);
        let relief = branch.required.minus(&required);
        branch.required = required;
        let own_need = branch.needs(&unmet);
        let children = branch.children;
        let owed = branch.owes(&Resources::NONE, &branch.children_owed);
        let less = branch.owed.minus(&owed);
        branch.owed = owed;
        let above = &mut self.branches[parent];
        above.children_required = above.children_required.minus(&relief);
        above.children_owed = above.children_owed.minus(&less);
        let first = self.growing.first(children);
        let childs_need =
            first.is_some_and(|child| !self.branches[child as usize].rank.above_guarantee);
        !own_need && !childs_need
    }
}

/// The allocations that count when shares are equal.
fn counted(fairness: Fairness, allocations: u64) -> u64 {
    if fairness == Fairness::Drf { allocations } else { 0 }
}
