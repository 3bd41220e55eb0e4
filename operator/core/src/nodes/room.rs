//! What there is on nodes for a pool, now or when something has changed.

use std::collections::BTreeMap;

use super::Nodes;
use super::account::Node;
use super::index::{self, Fullness};
use super::reserve::{Reserved, chain};
use super::views::Reach;
use crate::ids::{NodeId, PoolId};
use crate::pools::Pools;
use crate::resources::Resources;

impl Nodes {
    /// What all nodes that some pool may use have together for executors.
    pub(crate) fn total(&self) -> &Resources {
        self.sums.total()
    }

    /// What is free for everyone on all offered nodes together.
    pub(crate) fn free_sum(&self) -> &Resources {
        self.sums.free()
    }

    /// What is kept of their reservations for the subtrees of pools.
    pub(crate) fn kept(&self) -> &BTreeMap<PoolId, Resources> {
        self.sums.kept()
    }

    /// What a pool may take of a node: what is usable, less what is held and what is kept for claims
    /// and for pools that are neither this one nor above it.
    pub(crate) fn free_for(&self, id: NodeId, pool: PoolId, pools: &Pools) -> Resources {
        self.by_id.get(id).map_or(Resources::NONE, |node| node.free_for(&chain(pools, pool)))
    }

    /// What is free on a node within reach, if it is offered, and how full it is.
    pub(crate) fn room_on(&self, id: NodeId, reach: Reach) -> Option<(Resources, Fullness)> {
        let node = self.by_id.get(id)?;
        if !node.is_open() || !self.is_in_reach(node, reach) {
            return None;
        }
        let free = node.free_for(self.views.chain(reach));
        Some((free, index::fullness(&free, node.usable())))
    }

    /// All that a node has for executors, if nothing of it is reserved for other pools than this.
    pub(crate) fn all_of(&self, id: NodeId, pool: PoolId, pools: &Pools) -> Option<Resources> {
        let node = self.by_id.get(id).filter(|node| node.is_open())?;
        let for_others = node
            .reserved()
            .is_some_and(|all| !all.kept_from_when_empty(&chain(pools, pool)).is_none());
        (!for_others).then_some(*node.usable())
    }

    /// What a pool could be given of a node once all that is on its way out is gone, and what is free
    /// has `changed` by so much besides; less than nothing where the node shrank. The pools that are
    /// `losing` something of that have a claim to their reservations again.
    pub(crate) fn expected_room(
        &self,
        pools: &Pools,
        id: NodeId,
        pool: PoolId,
        losing: impl Iterator<Item = (PoolId, Resources)>,
        changed: &Resources,
    ) -> Resources {
        let Some(node) = self.by_id.get(id) else { return Resources::NONE };
        let room = node.left_later().plus(changed);
        let Some(reserved) = node.reserved() else { return room };
        let mut reserved = reserved.clone();
        for (pool, lost) in losing {
            reserved.charge(&chain(pools, pool), &Resources::NONE.minus(&lost));
        }
        reserved.settle(&Resources::NONE.max_each(&room), node.usable());
        room.minus(&reserved.kept_from(&chain(pools, pool)))
    }

    /// How much more would be free on a node for everyone if these offers came back, each given with
    /// the pool that pays and all above it; and how much more would be kept of reservations.
    pub(crate) fn without<'a>(
        &self,
        id: NodeId,
        offers: impl Iterator<Item = (&'a [PoolId], &'a Resources)>,
    ) -> Option<(Resources, Vec<(PoolId, Resources)>)> {
        let node = self.by_id.get(id).filter(|node| node.is_open())?;
        let mut other = node.clone();
        for (path, amount) in offers {
            let back = Resources::NONE.minus(amount);
            other.hold_for(path, &back);
        }
        other.settle();
        let kept = |node: &Node| -> Vec<(PoolId, Resources)> {
            let all = node.reserved().into_iter().flat_map(Reserved::iter);
            all.map(|(pool, kept)| (pool, *kept)).collect()
        };
        let more = kept(&other).into_iter().zip(kept(node));
        let more = more.map(|((pool, then), (_, now))| (pool, then.minus(&now))).collect();
        Some((other.free_for_everyone().minus(&node.free_for_everyone()), more))
    }

    /// What would be free for everyone on all offered nodes together if room that is still being made
    /// for claims took nothing of it. The claim that is `served` has all its room already: on each node,
    /// so much of what is promised and so much of what is leaving is for it.
    pub(crate) fn free_beside_claims(
        &self,
        served: &BTreeMap<NodeId, (Resources, Resources)>,
    ) -> Resources {
        let mut sum = *self.sums.free();
        for &id in &self.promising {
            let Some(node) = self.by_id.get(id) else { continue };
            if !node.is_open() || node.reserved().is_some() {
                // What is reserved on a node depends on what is free there; it stays as it is counted.
                continue;
            }
            let (promised, leaving) = served.get(&id).copied().unwrap_or_default();
            let free = node.usable().above(node.held());
            let leaving = node.leaving().minus(&leaving);
            let promised = node.promised().minus(&promised);
            let to_come = node.usable().plus(&leaving).above(&node.held().plus(&promised));
            sum = sum.plus(&free.min_each(&to_come)).minus(&node.left());
        }
        sum
    }
}
