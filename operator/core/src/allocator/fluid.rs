//! Filling without nodes.

use std::collections::BTreeMap;

use super::{Claim, Order, Tree};
use crate::ids::PoolId;
use crate::nodes::Nodes;
use crate::pools::Pools;
use crate::resources::Resources;

/// Gives out what is free in the order of a round, as if it were on one large node. Claims are given
/// what they request again and again; returns how often each was. `kept` is what nobody uses of
/// reservations, by pool.
pub(crate) fn pour(
    nodes: &Nodes,
    pools: &Pools,
    order: Order<'_>,
    claims: &mut [Claim],
    mut free: Resources,
    kept: &BTreeMap<PoolId, Resources>,
) -> Vec<u64> {
    let possible =
        |claim: &Claim| claim.wanted > 0 && nodes.fits_when_empty(&claim.request, claim.reach);
    let can_grow: Vec<bool> = claims.iter().map(possible).collect();
    let mut tree = Tree::new(pools, *nodes.total(), kept, order, claims, |index| can_grow[index]);
    let mut given = vec![0; claims.len()];
    while let Some(index) = tree.first() {
        let claim = &mut claims[index];
        let request = claim.request;
        if request.is_none()
            || !request.fits_in(&free)
            || tree.check_limits(claim.pool, &request, &request).is_err()
            || tree.check_headroom(claim.pool, &request, &free).is_err()
        {
            tree.blocked(index, claim);
            continue;
        }
        claim.wanted -= 1;
        claim.held = claim.held.plus(&request);
        claim.allocations += 1;
        free = free.minus(&request);
        tree.granted(index, claim, 1, kept);
        given[index] += 1;
    }
    given
}
