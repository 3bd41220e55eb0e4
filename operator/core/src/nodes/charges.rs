//! What is held on nodes, offered and kept for claims.

use super::Nodes;
use super::account::{Availability, Node};
use super::reserve::chain;
use crate::ids::{NodeId, PoolId};
use crate::pools::Pools;
use crate::ranges::Ranges;
use crate::resources::Resources;

impl Nodes {
    /// Charges what an executor of a pool holds to its node.
    pub(crate) fn charge(&mut self, pools: &Pools, id: NodeId, pool: PoolId, request: &Resources) {
        self.change(id, |node| node.hold(pool, &chain_on(node, pools, pool), request));
    }

    /// Gives back what an executor held.
    pub(crate) fn release(&mut self, pools: &Pools, id: NodeId, pool: PoolId, request: &Resources) {
        self.charge(pools, id, pool, &Resources::NONE.minus(request));
    }

    /// Charges what a task of a framework holds to its node. The pool that pays, the first of
    /// `path`, is given with all pools above it.
    pub(crate) fn charge_task(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        self.change(id, |node| {
            node.hold_ports(ports);
            node.hold_for(path, amount);
        });
    }

    /// Gives back what a task of a framework held.
    pub(crate) fn release_task(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        self.change(id, |node| {
            node.release_ports(ports);
            node.hold_for(path, &Resources::NONE.minus(amount));
        });
    }

    /// Charges an offer to its node. The pool that pays, the first of `path`, is given with all pools
    /// above it.
    pub(crate) fn offer(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        self.change(id, |node| node.offer(path, amount, ports));
    }

    /// Ends an offer: what is not kept for tasks is given back.
    pub(crate) fn answer(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        offered: (&Resources, &Ranges),
        kept: (&Resources, &Ranges),
    ) {
        self.change(id, |node| node.answer(path, offered, kept));
    }

    /// Keeps room on a node for a claim of a pool, or (with less than nothing) gives it up. It counts
    /// as what the pool has of its reservations there.
    pub(crate) fn promise(&mut self, pools: &Pools, id: NodeId, pool: PoolId, amount: &Resources) {
        self.change(id, |node| node.promise(pool, &chain_on(node, pools, pool), amount));
        if self.by_id.get(id).is_some_and(|node| !node.promised().is_none()) {
            self.promising.insert(id);
        } else {
            self.promising.remove(&id);
        }
    }

    /// Counts what is on its way out.
    pub(crate) fn count_leaving(&mut self, id: NodeId, amount: &Resources) {
        if let Some(node) = self.by_id.get_mut(id) {
            node.count_leaving(amount);
        }
    }

    /// Says whether and until when a node may be used.
    pub(crate) fn set_availability(&mut self, id: NodeId, availability: Availability) {
        self.change(id, |node| node.set_availability(availability));
        if availability.closed {
            self.closed.insert(id);
        } else {
            self.closed.remove(&id);
        }
    }
}

/// A pool and those above it, the topmost first; they only matter where something is reserved.
fn chain_on(node: &Node, pools: &Pools, pool: PoolId) -> Vec<PoolId> {
    if node.reserved().is_some() { chain(pools, pool) } else { Vec::new() }
}
