//! What all nodes have together.

use std::collections::BTreeMap;

use super::account::Node;
use super::reserve::Reserved;
use crate::ensure::ensure;
use crate::ids::PoolId;
use crate::resources::Resources;

/// Sums over all nodes: a node is counted out before it changes, and in again afterwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    total: Resources,
    free: Resources,
    kept: BTreeMap<PoolId, Resources>,
}

impl Sums {
    /// What all nodes that some pool may use have together for executors.
    pub(super) fn total(&self) -> &Resources {
        &self.total
    }

    /// What is free for everyone on all offered nodes together.
    pub(super) fn free(&self) -> &Resources {
        &self.free
    }

    /// What is kept of their reservations for the subtrees of pools.
    pub(super) fn kept(&self) -> &BTreeMap<PoolId, Resources> {
        &self.kept
    }

    /// Adds a node.
    pub(super) fn count_in(&mut self, node: &Node) {
        self.count(node, Resources::plus);
    }

    /// Takes a node away.
    pub(super) fn count_out(&mut self, node: &Node) {
        self.count(node, Resources::minus);
    }

    /// Forgets the pools for which nothing is kept any more.
    pub(super) fn forget_without_reservation(&mut self) {
        self.kept.retain(|_, kept| !kept.is_none());
    }

    fn count(&mut self, node: &Node, count: impl Fn(&Resources, &Resources) -> Resources) {
        self.total = count(&self.total, &node.counted());
        self.free = count(&self.free, &node.free_for_everyone());
        for (pool, kept) in node.reserved().into_iter().flat_map(Reserved::iter) {
            let sum = self.kept.entry(pool).or_default();
            *sum = count(sum, kept);
        }
    }

    /// Compares the sums with those over these nodes.
    pub(super) fn check<'a>(&self, nodes: impl Iterator<Item = &'a Node>) -> Result<(), String> {
        let mut new = Self::default();
        nodes.for_each(|node| new.count_in(node));
        ensure!(self.total == new.total, "all have {:?}, counted {:?}", new.total, self.total);
        ensure!(self.free == new.free, "{:?} is free, counted {:?}", new.free, self.free);
        let mut counted = self.clone();
        counted.forget_without_reservation();
        new.forget_without_reservation();
        ensure!(counted.kept == new.kept, "{:?} is kept, counted {:?}", new.kept, counted.kept);
        Ok(())
    }
}
