//! What the order has to know where amounts are given that nobody asked for by size: room left under
//! limits and beside guarantees, and grants of any size.

use std::collections::BTreeMap;

use super::{ROOT, Tree};
use crate::allocator::Claim;
use crate::arena::Id;
use crate::pools::PoolId;
use crate::resources::Resources;

impl Tree<'_> {
    /// Takes in that a claim was given an amount, which counts as one allocation, and wants as much
    /// as before; `claim` is as it is now. `kept` is what is left of the pools' reservations.
    pub(crate) fn granted_amount(
        &mut self,
        index: usize,
        claim: &Claim,
        amount: &Resources,
        kept: &BTreeMap<PoolId, Resources>,
    ) {
        let leaf = self.leaf(claim);
        self.places[index].rank = self.claim_rank(claim, self.fairness_of(leaf));
        self.seat(leaf, index, true);
        let covers = self.has_guarantees;
        self.along(leaf, |branch| {
            branch.held = branch.held.plus(amount);
            branch.allocations += 1;
            if covers {
                branch.cover(kept);
            }
        });
    }

    /// How much more a pool may hold of each kind by all limits above it.
    pub(crate) fn room_under_limits(&self, pool: PoolId) -> Resources {
        let mut room = Resources::UNLIMITED;
        let mut index = self.leaf_of_pool[pool.index()] as usize;
        while index != ROOT {
            let branch = &self.branches[index];
            for kind in Resources::UNLIMITED.iter().map(|(kind, _)| kind) {
                let limit = branch.limit[kind];
                if limit != i64::MAX {
                    room[kind] = room[kind].min(limit.saturating_sub(branch.held[kind]));
                }
            }
            index = branch.parent as usize;
        }
        room.max_each(&Resources::NONE)
    }

    /// How much of `amount` a pool may take so that what is `free` stays enough for the guarantees
    /// that are not met. What goes towards a guarantee of the pool itself is always allowed, as in
    /// Mesos.
    pub(crate) fn room_beside_guarantees(
        &self,
        pool: PoolId,
        amount: &Resources,
        free: &Resources,
    ) -> Resources {
        let required = self.branches[ROOT].children_required;
        if required.is_none() {
            return *amount;
        }
        let mut relief = Resources::NONE;
        let mut index = self.leaf_of_pool[pool.index()] as usize;
        while index != ROOT {
            let branch = &self.branches[index];
            let unmet = branch.unmet(amount);
            let after = unmet.max_each(&branch.children_required.minus(&relief));
            relief = branch.required.minus(&after);
            index = branch.parent as usize;
        }
        // The first of what is taken relieves the guarantees, one for one, until it does so no more.
        let mut beside = relief.plus(&free.above(&required));
        for (kind, amount) in amount.iter() {
            if relief[kind] >= required[kind] {
                // Nothing is kept for others.
                beside[kind] = beside[kind].max(amount);
            }
        }
        amount.min_each(&beside)
    }
}

#[cfg(test)]
mod tests;
