//! What the order has to know where amounts are given that nobody asked for by size: room left under
//! limits and beside guarantees, grants of any size, and reservations.
//!
//! Reservations that nobody uses count towards the guarantees and limits of the pools above them, as
//! Mesos counts them to a role's quota (`docs/quota.md`), but not towards shares (MESOS-8299). Here
//! they are taken off guarantee and limit as long as they are idle.

use super::{ROOT, Tree};
use crate::allocator::Claim;
use crate::arena::Id;
use crate::pools::PoolId;
use crate::resources::Resources;

impl Tree<'_> {
    /// Takes in that so much is reserved for a pool, and idle.
    pub(crate) fn reserve(&mut self, pool: PoolId, amount: &Resources) {
        let leaf = self.leaf_of_pool[pool.index()];
        self.along(leaf, |branch| {
            branch.idle_reservations = branch.idle_reservations.plus(amount);
            branch.guarantee = branch.guarantee.minus(amount);
            for (kind, amount) in amount.iter() {
                if branch.limit[kind] != i64::MAX {
                    branch.limit[kind] = branch.limit[kind].saturating_sub(amount);
                }
            }
        });
    }

    /// Takes in that so much of what is reserved for a pool is idle no more. The grant that uses it
    /// is taken in by [`Tree::granted_amount`].
    pub(crate) fn use_reserved(&mut self, pool: PoolId, amount: &Resources) {
        self.reserve(pool, &Resources::NONE.minus(amount));
    }

    /// Takes in that a claim was given an amount, which counts as one allocation; `claim` is as it is
    /// now.
    pub(crate) fn granted_amount(&mut self, index: usize, claim: &Claim, amount: &Resources) {
        let leaf = self.leaf_of_pool[claim.pool.index()];
        self.branches[leaf].claims.remove(&self.ranks[index]);
        self.ranks[index] = self.claim_rank(index, claim);
        self.branches[leaf].claims.insert(self.ranks[index]);
        self.along(leaf, |branch| {
            branch.held = branch.held.plus(amount);
            branch.allocations += 1;
        });
    }

    /// How much more a pool may hold of each kind by all limits above it: of what is reserved for it
    /// or a pool above it, and of the rest.
    pub(crate) fn room_under_limits(&self, pool: PoolId) -> (Resources, Resources) {
        let (mut reserved, mut unreserved) = (Resources::UNLIMITED, Resources::UNLIMITED);
        let mut index = self.leaf_of_pool[pool.index()];
        while index != ROOT {
            let branch = &self.branches[index];
            for kind in Resources::UNLIMITED.iter().map(|(kind, _)| kind) {
                let limit = branch.limit[kind];
                if limit != i64::MAX {
                    let room = limit.saturating_sub(branch.held[kind]);
                    let idle = branch.idle_reservations[kind];
                    unreserved[kind] = unreserved[kind].min(room);
                    reserved[kind] = reserved[kind].min(room.saturating_add(idle));
                }
            }
            index = branch.parent;
        }
        (reserved.max_each(&Resources::NONE), unreserved.max_each(&Resources::NONE))
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
        let mut index = self.leaf_of_pool[pool.index()];
        while index != ROOT {
            let branch = &self.branches[index];
            let unmet = branch.guarantee.above(&branch.held.plus(amount));
            let after = unmet.max_each(&branch.children_required.minus(&relief));
            relief = branch.required.minus(&after);
            index = branch.parent;
        }
        // The first of what is taken relieves the guarantees, one for one, until it does so no more.
        let beside = relief.plus(&free.above(&required));
        amount.min_each(&beside)
    }
}

#[cfg(test)]
mod tests;
