//! Who waits below what is theirs, and since when.

use std::collections::{BTreeMap, BTreeSet};

use crate::allocator::times;
use crate::arena::Id;
use crate::engine::Engine;
use crate::ids::{JobId, PoolId};
use crate::policy::ReclaimPolicy;
use crate::reclaim::{Ask, fits_guarantee};
use crate::resources::Resources;
use crate::share::Share;
use crate::time::{Span, Time};

/// Who waits below what is theirs, with the shortest grace period of those who wait for it.
#[derive(Default)]
struct Below {
    guarantee: BTreeMap<PoolId, Span>,
    share: BTreeMap<PoolId, Span>,
    own: BTreeMap<PoolId, Span>,
    jobs: BTreeMap<JobId, Span>,
}

fn shorten(graces: &mut BTreeMap<PoolId, Span>, pool: PoolId, grace: Span) {
    let known = graces.entry(pool).or_insert(grace);
    *known = grace.min(*known);
}

impl Engine {
    /// Notes since when pools and jobs wait below what is theirs.
    pub(super) fn measure(&mut self, now: Time, asks: &[(Ask, u32)]) {
        let by_share = |(ask, _): &(Ask, u32)| ask.rules.policy == ReclaimPolicy::FairShare;
        let (largest, in_pools) = if asks.iter().any(by_share) {
            (self.largest_children(), self.largest_in_pools())
        } else {
            (Vec::new(), BTreeMap::new())
        };
        let mut below = Below::default();
        let mut seen = BTreeSet::new();
        for (ask, _) in asks {
            if seen.insert((ask.pool, ask.request, ask.count, ask.rules.policy)) {
                self.measure_pools(ask, &largest, &mut below);
            }
            let inside = in_pools.get(&ask.pool);
            if ask.rules.policy == ReclaimPolicy::FairShare
                && inside.is_some_and(|inside| self.is_behind_in_pool(ask, inside))
            {
                below.jobs.insert(ask.job, ask.rules.grace_milliseconds);
            }
        }
        self.mark_since(now, &below);
    }

    /// Notes since when pools and jobs wait below what is theirs, and when they have done so for long
    /// enough.
    fn mark_since(&mut self, now: Time, below: &Below) {
        let pools = below.guarantee.keys().chain(below.share.keys()).chain(below.own.keys());
        let pools = self.reclaiming.wait_in_pools(pools.copied().collect());
        let jobs = self.reclaiming.wait_in_jobs(below.jobs.keys().copied().collect());
        for id in pools {
            let Some(pool) = self.state.pools.get_mut(id) else { continue };
            let ripe = [
                pool.below_guarantee.mark(now, below.guarantee.get(&id).copied()),
                pool.below_share.mark(now, below.share.get(&id).copied()),
                pool.own_below_share.mark(now, below.own.get(&id).copied()),
            ];
            ripe.into_iter().flatten().for_each(|at| self.reclaiming.look_again_at(at));
        }
        for id in jobs {
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            let ripe = job.waiting.mark_below_share(now, below.jobs.get(&id).copied());
            ripe.into_iter().for_each(|at| self.reclaiming.look_again_at(at));
        }
    }

    /// Finds the pools on a claim's path that are below their guarantee, or hold less by weight than
    /// a sibling would still hold if they were given what the claim asks for.
    fn measure_pools(&self, ask: &Ask, largest: &[Share], below: &mut Below) {
        let gain = times(&ask.request, ask.count);
        let grace = ask.rules.grace_milliseconds;
        let by_share = ask.rules.policy == ReclaimPolicy::FairShare;
        let root = self.state.pools.bound();
        for (id, pool) in self.state.pools.upwards(ask.pool) {
            let held = pool.held.plus(&pool.pending);
            if fits_guarantee(&pool.settings.guarantee, &held, &ask.request, ask.count) {
                shorten(&mut below.guarantee, id, grace);
            }
            if by_share && id == ask.pool && !pool.children.is_empty() {
                let own = self.share(&pool.own_held.plus(&pool.own_pending).plus(&gain), 1000);
                if largest[id.index()] >= own {
                    shorten(&mut below.own, id, grace);
                }
            }
            if by_share && pool.settings.weight > 0 {
                let place = pool.parent.map_or(root, Id::index);
                if largest[place] >= self.share(&held.plus(&gain), pool.settings.weight) {
                    shorten(&mut below.share, id, grace);
                }
            }
        }
    }

    /// The largest weighted share among the children of each pool, its own jobs included; for the
    /// pools without a parent behind all others.
    fn largest_children(&self) -> Vec<Share> {
        let root = self.state.pools.bound();
        let mut largest = vec![Share::ZERO; root + 1];
        for (id, pool) in self.state.pools.iter() {
            let held = pool.held.plus(&pool.pending);
            let place = pool.parent.map_or(root, Id::index);
            if !held.is_none() {
                largest[place] = largest[place].max(self.share(&held, pool.settings.weight));
            }
            if !pool.children.is_empty() {
                let own = self.share(&pool.own_held.plus(&pool.own_pending), 1000);
                largest[id.index()] = largest[id.index()].max(own);
            }
        }
        largest
    }

    /// The largest share of a job for each priority, by pool.
    fn largest_in_pools(&self) -> BTreeMap<PoolId, BTreeMap<i32, Share>> {
        let mut largest: BTreeMap<PoolId, BTreeMap<i32, Share>> = BTreeMap::new();
        for (_, job) in self.state.jobs.iter().filter(|(_, job)| !job.fleet.is_empty()) {
            let of_pool = largest.entry(job.pool).or_default();
            let most = of_pool.entry(job.spec.priority).or_insert(Share::ZERO);
            *most = (*most).max(self.job_share(job, &Resources::NONE));
        }
        largest
    }

    fn is_behind_in_pool(&self, ask: &Ask, inside: &BTreeMap<i32, Share>) -> bool {
        let Some(job) = self.state.jobs.get(ask.job) else { return false };
        let lower = inside.range(..ask.priority).any(|(_, most)| !most.is_zero());
        let share = self.job_share(job, &times(&ask.request, ask.count));
        lower || inside.get(&ask.priority).is_some_and(|most| *most >= share)
    }
}
