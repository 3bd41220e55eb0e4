//! Limits, and what is kept free for guarantees.

use super::{Branch, ROOT, Tree};
use crate::arena::Id;
use crate::explain::Rejection;
use crate::ids::PoolId;
use crate::resources::Resources;

impl Tree<'_> {
    /// Whether all limits above a pool leave room for `amount`.
    pub(in crate::allocator) fn check_limits(
        &self,
        pool: PoolId,
        request: &Resources,
        amount: &Resources,
    ) -> Result<(), Rejection> {
        for branch in self.upwards(pool).filter(|branch| branch.is_limited) {
            for (kind, _) in request.iter() {
                let (held, limit) = (branch.held[kind], branch.limit[kind]);
                if limit != i64::MAX && held.saturating_add(amount[kind]) > limit {
                    let pool = branch.pool.into();
                    return Err(Rejection::Limit { pool, kind, held, limit });
                }
            }
        }
        Ok(())
    }

    /// Whether what is free stays enough for the guarantees that are not met, when a pool takes
    /// `amount`. What goes towards a guarantee of the pool itself is always allowed, as in Mesos.
    pub(in crate::allocator) fn check_headroom(
        &self,
        pool: PoolId,
        amount: &Resources,
        free: &Resources,
    ) -> Result<(), Rejection> {
        let before = self.branches[ROOT].children_required;
        if before.is_none() {
            return Ok(());
        }
        let relief = self.relief(pool, amount);
        let after = before.minus(&relief);
        for (kind, amount) in amount.iter() {
            // Where nothing is kept for others, what is missing is just not there.
            let short = free[kind].saturating_sub(amount) < after[kind];
            if relief[kind] < amount && after[kind] > 0 && short {
                return Err(Rejection::Headroom { kind, free: free[kind], kept: before[kind] });
            }
        }
        Ok(())
    }

    /// How much less has to be kept free for guarantees when a pool takes `amount`.
    pub(super) fn relief(&self, pool: PoolId, amount: &Resources) -> Resources {
        self.upwards(pool).fold(Resources::NONE, |relief, branch| {
            let unmet = branch.unmet(amount);
            let after = unmet.max_each(&branch.children_required.minus(&relief));
            branch.required.minus(&after)
        })
    }

    /// The branch of a pool's own claims and all above it but the root.
    pub(super) fn upwards(&self, pool: PoolId) -> impl Iterator<Item = &Branch<'_>> {
        let step = |index: u32| (index as usize != ROOT).then(|| &self.branches[index as usize]);
        let leaf = step(self.leaf_of_pool[pool.index()]);
        std::iter::successors(leaf, move |branch| step(branch.parent))
    }
}
