//! A pool in the tree of a round.

use std::collections::BTreeMap;

use super::shares::{ChildrenSum, Contribution, Fraction, Holdings};
use super::tournament::Group;
use crate::allocator::Claim;
use crate::explain::Rejection;
use crate::ids::PoolId;
use crate::policy::{Fairness, IdleGuarantee};
use crate::pools::Settings;
use crate::resources::{KIND_LIMIT, Kind, Resources};
use crate::share::WeightMilli;

pub(super) struct Branch<'a> {
    pub(super) parent: u32,
    /// The place among its siblings.
    pub(super) slot: u32,
    pub(super) pool: &'a str,
    /// The pool; `None` for the root, and for the leaf of a pool that has children.
    pub(super) id: Option<PoolId>,
    /// How the children are compared.
    pub(super) fairness: Fairness,
    pub(super) weight: WeightMilli,
    /// What the subtree gets first.
    pub(super) guaranteed: Resources,
    /// What of it is not covered by what is kept of the subtree's reservations, which counts as if it
    /// was held.
    pub(super) guarantee: Resources,
    /// Whether only what the subtree's claims want is kept free for its guarantee.
    pub(super) lends: bool,
    pub(super) limit: Resources,
    pub(super) is_limited: bool,
    pub(super) held: Resources,
    /// What it held lately, as far as that counts in its share.
    pub(super) past: Resources,
    pub(super) allocations: u64,
    pub(super) children: Group,
    /// The branch's own claims.
    pub(super) claims: Group,
    /// How many claims of the subtree can still grow.
    pub(super) wanting: u32,
    /// How much of each kind claims of the subtree that can still grow want. Only kept where
    /// something is guaranteed.
    pub(super) demand: [i128; KIND_LIMIT],
    /// How much of each kind claims of the subtree want, whether or not they can be given it. Only kept
    /// where something is guaranteed.
    pub(super) wants: [i128; KIND_LIMIT],
    pub(super) rank: Rank,
    /// What the branch counts for, scaled as H-DRF wants it.
    pub(super) holdings: Holdings,
    /// What its children count for.
    pub(super) sum: ChildrenSum,
    /// What it adds to its parent.
    pub(super) contribution: Contribution,
    /// The bits behind the point of what its children add.
    pub(super) direction_bits: u32,
    /// What has to be kept free so that the guarantees of the subtree can be met.
    pub(super) required: Resources,
    pub(super) children_required: Resources,
    /// What has to be left under the limits above so that the guarantees of the subtree can be met:
    /// what is reserved counts under a limit only once it is held.
    pub(super) owed: Resources,
    pub(super) children_owed: Resources,
}

/// What a pool holds and was given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) held: Resources,
    pub(super) past: Resources,
    pub(super) allocations: u64,
}

/// The order among siblings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) above_guarantee: bool,
    pub(super) leftovers_only: bool,
    pub(super) share: Fraction,
    /// How often it was given something; 0 where that does not count.
    pub(super) allocations: u64,
    pub(super) branch: u32,
}

impl<'a> Branch<'a> {
    pub(super) fn new(
        (index, parent): (u32, u32),
        pool: &'a str,
        settings: &Settings,
        fairness: Fairness,
        account: &Account,
    ) -> Self {
        Self {
            parent,
            slot: 0,
            pool,
            id: None,
            fairness,
            weight: settings.weight,
            guaranteed: settings.guarantee,
            guarantee: settings.guarantee,
            lends: settings.idle_guarantee == IdleGuarantee::Lend,
            limit: settings.limit,
            is_limited: settings.limit != Resources::UNLIMITED,
            held: account.held,
            past: account.past,
            allocations: account.allocations,
            children: Group::default(),
            claims: Group::default(),
            wanting: 0,
            demand: [0; KIND_LIMIT],
            wants: [0; KIND_LIMIT],
            rank: Rank {
                above_guarantee: true,
                leftovers_only: false,
                share: 0,
                allocations: 0,
                branch: index,
            },
            holdings: Holdings::default(),
            sum: ChildrenSum::default(),
            contribution: Contribution::NONE,
            direction_bits: 0,
            required: Resources::NONE,
            children_required: Resources::NONE,
            owed: Resources::NONE,
            children_owed: Resources::NONE,
        }
    }

    /// Takes in what is kept of the subtree's reservations: idle as it is, it counts towards the
    /// guarantee, as in Mesos.
    pub(super) fn cover(&mut self, kept: &BTreeMap<PoolId, Resources>) {
        if let Some(kept) = self.id.and_then(|id| kept.get(&id)) {
            self.guarantee = self.guaranteed.minus(kept);
        }
    }

    /// Whether H-DRF scales the branch down: it can grow and holds something.
    pub(super) fn scales(&self, shared: &[Kind]) -> bool {
        self.wanting > 0 && self.weight > 0 && self.holdings.dominant(shared) > 0
    }

    /// The weight that the share is divided by. Those that only get leftovers share equally.
    pub(super) fn compared_weight(&self) -> WeightMilli {
        if self.weight == 0 { 1000 } else { self.weight }
    }

    /// What is missing of the guarantee when the branch is given `amount`; where it is lent, only as
    /// far as claims want it.
    pub(super) fn unmet(&self, amount: &Resources) -> Resources {
        self.missing_of(&self.guarantee, amount)
    }

    /// What has to be left under the limits above when the branch is given `amount` and its children
    /// are owed so much; no more than its own limit lets it have.
    pub(super) fn owes(&self, amount: &Resources, children_owed: &Resources) -> Resources {
        let owed = self.missing_of(&self.guaranteed, amount).max_each(children_owed);
        if !self.is_limited {
            return owed;
        }
        let room = self.limit.minus(&self.held.plus(amount));
        owed.min_each(&room).max_each(&Resources::NONE)
    }

    fn missing_of(&self, guarantee: &Resources, amount: &Resources) -> Resources {
        let mut unmet = guarantee.above(&self.held.plus(amount));
        if self.lends {
            for (kind, missing) in unmet.clone().iter() {
                let wanted = self.wants[kind.index()] - i128::from(amount[kind]);
                unmet[kind] = i64::try_from(wanted.max(0)).unwrap_or(i64::MAX).min(missing);
            }
        }
        unmet
    }

    /// Counts what a claim wants, whether or not it can be given it.
    pub(super) fn wish(&mut self, claim: &Claim) {
        for (kind, amount) in claim.request.iter() {
            // What a framework wants has no end.
            let amount = if claim.client.is_some() { i64::MAX } else { amount };
            self.wants[kind.index()] += i128::from(amount) * i128::from(claim.wanted);
        }
    }

    /// Takes in that a claim was given some of what it wants.
    pub(super) fn wish_less(&mut self, amount: &Resources) {
        for (kind, amount) in amount.iter() {
            self.wants[kind.index()] -= i128::from(amount);
        }
    }

    /// Whether the branch's own limit leaves room for `amount`, beside what its children are owed, of
    /// which `relief` is what they take of that themselves. What goes towards a guarantee is always
    /// allowed.
    pub(super) fn check_limit(
        &self,
        request: &Resources,
        amount: &Resources,
        relief: &Resources,
    ) -> Result<(), Rejection> {
        for (kind, _) in request.iter().filter(|&(kind, _)| self.limit[kind] != i64::MAX) {
            let (held, limit, kept) = (self.held[kind], self.limit[kind], self.children_owed[kind]);
            let pool = || self.pool.into();
            let after = held.saturating_add(amount[kind]);
            if after > limit {
                return Err(Rejection::Limit { pool: pool(), kind, held, limit });
            }
            if limit - after < self.kept_under_limit(kind, amount, relief) {
                let free = limit - held;
                return Err(Rejection::KeptUnderLimit { pool: pool(), kind, free, kept });
            }
        }
        Ok(())
    }

    /// How much has to be left under the branch's own limit for the guarantees of its children when one
    /// of them takes `amount`, which relieves them by `relief`.
    pub(super) fn kept_under_limit(
        &self,
        kind: Kind,
        amount: &Resources,
        relief: &Resources,
    ) -> i64 {
        let is_guaranteed = relief[kind] >= amount[kind];
        if is_guaranteed { 0 } else { self.children_owed[kind] - relief[kind] }
    }

    /// Whether a claim that can still grow wants something of what is guaranteed and not held.
    pub(super) fn needs(&self, unmet: &Resources) -> bool {
        unmet.iter().any(|(kind, _)| self.demand[kind.index()] > 0)
    }

    pub(super) fn want(&mut self, request: &Resources, count: u32) {
        for (kind, amount) in request.iter() {
            self.demand[kind.index()] += i128::from(amount) * i128::from(count);
        }
    }

    pub(super) fn want_less(&mut self, request: &Resources, count: u32) {
        for (kind, amount) in request.iter() {
            self.demand[kind.index()] -= i128::from(amount) * i128::from(count);
        }
    }
}
