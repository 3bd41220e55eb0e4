//! What the order has to know where amounts are given that nobody asked for by size: room left under
//! limits and beside guarantees, and grants of any size.

use std::collections::BTreeMap;

use super::{ROOT, Tree};
use crate::allocator::Claim;
use crate::ids::PoolId;
use crate::resources::{Kind, Resources};

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
        self.took(index, claim, amount, (1, 0), kept);
    }

    /// How much more a pool may hold of each kind by all limits above it, and by what is kept there
    /// for the guarantees of others.
    pub(crate) fn room_under_limits(&self, pool: PoolId) -> Resources {
        let mut room = Resources::UNLIMITED;
        for branch in self.upwards(pool).filter(|branch| branch.is_limited) {
            for kind in Kind::all().filter(|&kind| branch.limit[kind] != i64::MAX) {
                let left = branch.limit[kind].saturating_sub(branch.held[kind]);
                room[kind] = room[kind].min(left);
            }
        }
        let room = room.max_each(&Resources::NONE);
        if self.keeps_under_limits { self.room_beside_owed(pool, room) } else { room }
    }

    /// How much of the room under limits is not kept there for the guarantees of others.
    fn room_beside_owed(&self, pool: PoolId, mut room: Resources) -> Resources {
        let most = room.min_each(&self.total);
        for (branch, relief) in self.with_relief(pool, &most) {
            for kind in Kind::all().filter(|&kind| branch.limit[kind] != i64::MAX) {
                let owed = branch.children_owed[kind];
                if relief[kind] < owed {
                    let left = branch.limit[kind].saturating_sub(branch.held[kind]);
                    let beside = relief[kind].saturating_add(left.saturating_sub(owed).max(0));
                    room[kind] = room[kind].min(beside);
                }
            }
        }
        room
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
        let relief = self.relief(pool, amount);
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
