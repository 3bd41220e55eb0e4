//! Limits, and what is kept free for guarantees.

use std::collections::BTreeMap;

use super::{Branch, ROOT, Tree};
use crate::arena::Id;
use crate::explain::Rejection;
use crate::ids::PoolId;
use crate::resources::Resources;

impl Tree<'_> {
    /// Whether all limits above a pool leave room for `amount`, and for the guarantees of others below
    /// them.
    pub(crate) fn check_limits(
        &self,
        pool: PoolId,
        request: &Resources,
        amount: &Resources,
    ) -> Result<(), Rejection> {
        let branches = self.with_relief(pool, amount);
        let mut limited = branches.filter(|(branch, _)| branch.is_limited);
        limited.try_for_each(|(branch, relief)| branch.check_limit(request, amount, &relief))
    }

    /// What has to be left under which limits above a pool, for the guarantees of others below them,
    /// when it takes `amount`.
    pub(crate) fn kept_under_limits(
        &self,
        pool: PoolId,
        amount: &Resources,
    ) -> BTreeMap<PoolId, Resources> {
        let limited = self.with_relief(pool, amount).filter(|(branch, _)| branch.is_limited);
        let kept = |(branch, relief): (&Branch<'_>, Resources)| {
            let mut kept = Resources::NONE;
            for (kind, _) in amount.iter() {
                kept[kind] = branch.kept_under_limit(kind, amount, &relief);
            }
            Some((branch.id?, kept))
        };
        limited.filter_map(kept).collect()
    }

    /// The branch of a pool's own claims and all above it, each with how much less the guarantees of
    /// its children need under its limit when the pool takes `amount`.
    pub(super) fn with_relief(
        &self,
        pool: PoolId,
        amount: &Resources,
    ) -> impl Iterator<Item = (&Branch<'_>, Resources)> {
        let (counts, amount) = (self.keeps_under_limits, *amount);
        self.upwards(pool).scan(Resources::NONE, move |relief, branch| {
            let before = *relief;
            if counts {
                let owed = branch.owes(&amount, &branch.children_owed.minus(&before));
                *relief = branch.owed.minus(&owed);
            }
            Some((branch, before))
        })
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
