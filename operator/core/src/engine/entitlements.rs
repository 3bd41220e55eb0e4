//! What pools would hold if everything were given out anew: the fair shares that people compare with
//! what pools do hold.

use std::collections::BTreeMap;

use super::Engine;
use crate::allocator::{Choice, Claim, Order, pour};
use crate::ids::PoolId;
use crate::nodes::Reach;
use crate::policy::Placement;
use crate::resources::Resources;

impl Engine {
    /// What the subtree of each pool would hold if all that jobs hold or want were given out anew, in
    /// the order of offers, on one large node. What frameworks hold stays theirs.
    ///
    /// It takes a step for each executor, so it is not for every tick.
    pub(super) fn entitlements(&self) -> BTreeMap<PoolId, Resources> {
        let mut pools = self.state.pools.clone();
        pools.forget_allocations();
        let mut free = *self.state.nodes.free_sum();
        let mut claims = Vec::new();
        let anywhere = Ok(Reach::default());
        for &id in self.state.job_by_key.values() {
            let Some(job) = self.state.jobs.get(id) else { continue };
            pools.release(job.pool, job.fleet.held());
            free = free.plus(job.fleet.held());
            // What cannot run has no part in it.
            let (Ok(request), Ok(reach)) = (&job.request, job.choice.reach().unwrap_or(&anywhere))
            else {
                continue;
            };
            claims.push(Claim {
                pool: job.pool,
                priority: job.spec.priority,
                sequence: job.sequence,
                held: Resources::NONE,
                allocations: 0,
                request: *request,
                wanted: job.wanted_executors(),
                unplaced: 0,
                gang: false,
                reach: *reach,
                placement: Placement::default(),
                on_nodes: BTreeMap::new(),
                client: None,
                choice: Choice::default(),
            });
        }
        let order = Order { fairness: self.settings.fairness, shared: &self.shared };
        let given = pour(&self.state.nodes, &pools, order, &mut claims, free, &BTreeMap::new());
        let mut entitlements: BTreeMap<PoolId, Resources> = BTreeMap::new();
        for (claim, _) in claims.iter().zip(given).filter(|&(_, count)| count > 0) {
            for (id, _) in self.state.pools.upwards(claim.pool) {
                let sum = entitlements.entry(id).or_default();
                *sum = sum.plus(&claim.held);
            }
        }
        entitlements
    }
}
