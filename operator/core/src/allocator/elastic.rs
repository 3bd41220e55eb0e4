//! Executors without a node: what pools may have beyond the nodes that there are.
//!
//! A pool that is elastic is given what fits on no node as long as its limits allow it. It is charged
//! to the pool at once, but to no node until it is known where it landed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Round, Shape, times};
use crate::explain::Rejection;
use crate::ids::PoolId;
use crate::pools::Pools;
use crate::resources::Resources;

/// What a round gave without a node.
#[derive(Debug, Default)]
pub(super) struct Elastic {
    /// How much, by pool, for whole subtrees.
    given: BTreeMap<PoolId, Resources>,
    /// Shapes that would find room which is kept for others: whoever places executors without a node
    /// does not know of it.
    tempted: BTreeSet<Shape>,
}

/// Whether executors of a pool may be without a node.
pub(super) fn may_grow(pools: &Pools, pool: PoolId) -> bool {
    pools.upwards(pool).any(|(_, pool)| pool.settings.elastic.is_some())
}

impl Round<'_> {
    /// Gives `count` executors without a node to a claim that was refused otherwise, if its pool may
    /// have them.
    pub(super) fn go_without_node(
        &mut self,
        index: usize,
        count: u32,
        refused: Rejection,
    ) -> Result<(), Rejection> {
        let claim = &self.claims[index];
        let (pool, request, shape) = (claim.pool, claim.request, (claim.request, claim.reach));
        if !refused.lacks_nodes() || !may_grow(self.pools, pool) {
            return Err(refused);
        }
        let all = times(&request, count);
        self.tree.check_limits(pool, &request, &all)?;
        let pools = self.pools;
        for (id, above) in pools.upwards(pool) {
            let Some(limit) = above.settings.elastic else { continue };
            let given = self.elastic.given.get(&id).copied().unwrap_or_default();
            let held = above.unplaced.plus(&given);
            let exceeded = request.iter().find(|&(kind, _)| {
                limit[kind] != i64::MAX && held[kind].saturating_add(all[kind]) > limit[kind]
            });
            if let Some((kind, _)) = exceeded {
                return Err(Rejection::ElasticLimit {
                    pool: above.name.clone(),
                    kind,
                    held: held[kind],
                    limit: limit[kind],
                    cause: Box::new(refused),
                });
            }
        }
        if self.elastic.tempted.contains(&shape) || self.nodes.fits_in_kept(&shape.0, shape.1) {
            self.elastic.tempted.insert(shape);
            return Err(refused);
        }
        for (id, _) in pools.upwards(pool) {
            let given = self.elastic.given.entry(id).or_default();
            *given = given.plus(&all);
        }
        Ok(())
    }

    /// The claims with executors that have no node, for which there is room after everybody was
    /// served: for one of them, or for all of a gang.
    pub(crate) fn unplaced_with_room(&mut self) -> Vec<usize> {
        let mut with_room = Vec::new();
        for index in 0..self.claims.len() {
            let claim = &self.claims[index];
            if claim.unplaced == 0 {
                continue;
            }
            let count = if claim.gang { claim.unplaced } else { 1 };
            if let Ok(nodes) = self.find_room(index, count) {
                self.give_back(index, nodes);
                with_room.push(index);
            }
        }
        with_room
    }
}
