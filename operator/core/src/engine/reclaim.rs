//! When pools take back what others hold: who waits for how long, and in which order they are served.
//! What may be taken is decided in [`crate::reclaim`].

mod measure;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::allocator::times;
use crate::explain::Rejection;
use crate::ids::{JobId, NodeId, PoolId};
use crate::jobs::Job;
use crate::nodes::Reach;
use crate::policy::{ReclaimDefaults, ReclaimPolicy};
use crate::reclaim::{Ask, Entitlement, Search, fits_guarantee};
use crate::resources::Resources;
use crate::share::Share;
use crate::time::Time;

/// How many claims are served in one tick, so that it stays short; the others are in the next, which
/// is due at once.
const MOVES_PER_TICK: usize = 16;

/// The order in which claims are served: those of guarantees first, then as the tree has it, then
/// those of the pool.
type Turn = (bool, Vec<Share>, Reverse<i32>, Share, u64, JobId);

/// Claims that differ in nothing that the search looks at.
type Shape = (PoolId, i32, Resources, u32, bool, Reach, BTreeSet<NodeId>);

impl Engine {
    /// Makes room for claims that have waited for their grace period.
    pub(super) fn reclaim(&mut self, now: Time) {
        if !self.reclaiming.take_due(now) {
            return;
        }
        let asks = if self.anything_is_reclaimed() { self.waiting_asks() } else { Vec::new() };
        self.measure(now, &asks);
        let mut turns: BTreeSet<Turn> = BTreeSet::new();
        let mut asks: BTreeMap<JobId, (Ask, u32)> =
            asks.into_iter().map(|(ask, wanted)| (ask.job, (ask, wanted))).collect();
        for (ask, _) in asks.values_mut() {
            ask.within_pool = self.is_ripe_within_pool(now, ask);
            turns.extend(self.turn(ask));
        }
        let guarantees = self.state.pools.any_guarantee();
        let mut hopeless: BTreeSet<Shape> = BTreeSet::new();
        let mut moves = 0;
        while let Some((.., id)) = turns.pop_first() {
            let Some((ask, wanted)) = asks.get_mut(&id) else { continue };
            let ask = *ask;
            let declined: BTreeSet<NodeId> = self.declined(now, id).into_keys().collect();
            let (pool, within_pool) = (ask.pool, ask.within_pool);
            let shape =
                (pool, ask.priority, ask.request, ask.count, within_pool, ask.reach, declined);
            if hopeless.contains(&shape) {
                continue;
            }
            // It may as well be made room for where it waits for some.
            let aside = self.set_aside(id);
            let search =
                Search::new(&self.state, &self.shared, now, self.reclaiming.changes(), guarantees);
            let kept = self.kept_under_limits(ask.pool, &times(&ask.request, ask.count));
            let mut search = search.declining(shape.6.clone()).keeping(kept);
            let found = search.find(&ask).filter(|&(entitlement, _)| {
                // What is short for guarantees is not taken by share: it would go to them.
                let gain = times(&ask.request, ask.count);
                let free = self.state.nodes.free_beside_claims(&BTreeMap::new());
                entitlement == Entitlement::Guarantee
                    || self.leaves_guarantees(ask.pool, &gain, &free.plus(&gain))
            });
            let Some((entitlement, placements)) = found else {
                aside.into_iter().for_each(|hold| self.put_back(hold));
                hopeless.insert(shape);
                continue;
            };
            *wanted = wanted.saturating_sub(ask.count);
            let wants_more = *wanted > 0;
            self.hold(now, &ask, entitlement, placements);
            moves += 1;
            if moves == MOVES_PER_TICK {
                self.reclaiming.look_again();
                break;
            }
            if wants_more {
                turns.extend(self.turn(&ask));
            }
        }
        self.finish_drains(now);
    }

    /// Lets what was reclaimed be taken again, as if something had changed outside.
    #[cfg(test)]
    pub(crate) fn change_something(&mut self) {
        self.reclaiming.note_change();
    }

    /// Whether some pool has a guarantee or takes back shares; otherwise nobody need be looked at.
    fn anything_is_reclaimed(&self) -> bool {
        let share = ReclaimPolicy::FairShare;
        self.settings.reclaim.policy == share
            || self.state.pools.any_guarantee()
            || self.state.pools.iter().any(|(_, it)| it.settings.reclaim.policy == Some(share))
    }

    /// What waits for room that others have, with how many executors more it wants.
    fn waiting_asks(&mut self) -> Vec<(Ask, u32)> {
        let mut rules: BTreeMap<PoolId, ReclaimDefaults> = BTreeMap::new();
        let mut asks = Vec::new();
        let wanting: Vec<JobId> = self.queue.wanting().collect();
        for id in wanting {
            let waits = self.state.jobs.get(id).and_then(|job| job.waiting.reason());
            if !waits.is_some_and(can_be_helped) {
                continue;
            }
            let Ok(reach) = self.may_have(id) else { continue };
            let Some(job) = self.state.jobs.get(id) else { continue };
            let rules = *rules.entry(job.pool).or_insert_with(|| {
                self.state.pools.reclaim_rules(job.pool, &self.settings.reclaim)
            });
            let Ok(request) = job.request else { continue };
            if rules.policy == ReclaimPolicy::Never {
                continue;
            }
            let taken = job.fleet.count() + self.holds.executors_of(id);
            let wanted = job.wanted_executors().saturating_sub(taken);
            if wanted == 0 {
                continue;
            }
            let ask = Ask {
                job: id,
                pool: job.pool,
                priority: job.spec.priority,
                request,
                count: if job.gang.is_forming() { wanted } else { 1 },
                rules,
                within_pool: false,
                reach,
            };
            asks.push((ask, wanted));
        }
        asks
    }

    fn is_ripe_within_pool(&self, now: Time, ask: &Ask) -> bool {
        let since = self.state.jobs.get(ask.job).map(|job| job.waiting.below_share());
        since.is_some_and(|since| since.is_ripe(now, ask.rules.grace_milliseconds))
    }

    /// The turn of a claim; `None` when none of its grace periods is over.
    fn turn(&self, ask: &Ask) -> Option<Turn> {
        let job = self.state.jobs.get(ask.job)?;
        let mut shares = Vec::new();
        let mut within_guarantee = false;
        let mut waits = ask.within_pool;
        for (_, pool) in self.state.pools.upwards(ask.pool) {
            let held = pool.held.plus(&pool.pending);
            within_guarantee |= pool.below_guarantee.is_so()
                && fits_guarantee(&pool.settings.guarantee, &held, &ask.request, ask.count);
            waits |= pool.below_share.is_so() || pool.own_below_share.is_so();
            shares.push(self.share(&held, pool.settings.weight));
        }
        shares.reverse();
        (waits || within_guarantee).then(|| {
            let share = self.job_share(job, &Resources::NONE);
            (!within_guarantee, shares, Reverse(ask.priority), share, job.sequence, ask.job)
        })
    }

    pub(super) fn share(&self, held: &Resources, weight: u32) -> Share {
        Share::dominant(held, self.state.nodes.total(), &self.shared).weighted(weight)
    }

    fn job_share(&self, job: &Job, gain: &Resources) -> Share {
        self.share(&job.fleet.held().plus(job.fleet.pending()).plus(gain), 1000)
    }
}

/// Whether what a job waits for is something that others have.
fn can_be_helped(rejection: &Rejection) -> bool {
    match rejection {
        Rejection::NoNodeFree { .. }
        | Rejection::NoNodeHasAllFree
        | Rejection::Headroom { .. }
        | Rejection::KeptUnderLimit { .. }
        | Rejection::Limit { .. }
        | Rejection::Draining { .. }
        | Rejection::KeepsNodes { .. } => true,
        Rejection::Gang { cause, .. }
        | Rejection::ElasticLimit { cause, .. }
        | Rejection::FewNodesSuit { cause: Some(cause), .. } => can_be_helped(cause),
        _ => false,
    }
}
