//! The executors of a job, and what they hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::ensure::ensure;
use crate::ids::{ExecutorId, NodeId};
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::time::Time;

/// A job's executors by index, with sums over them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fleet {
    /// The live executor of each index.
    executors: BTreeMap<u32, ExecutorId>,
    /// The same indices.
    indices: Ranges,
    /// The epoch of the next executor of each index that had one.
    epochs: BTreeMap<u32, u32>,
    /// The indices of the executors that have no node yet.
    unplaced: BTreeSet<u32>,
    /// Since when there is room on nodes for these.
    room_since: Option<Time>,
    /// How many executors are on which node.
    on_nodes: BTreeMap<NodeId, u32>,
    /// What the executors hold.
    held: Resources,
    /// What they will hold besides: what is kept for them, less what is on its way out.
    pending: Resources,
    /// How many executors there ever were.
    allocations: u64,
}

/// Who is there.
impl Fleet {
    /// Nobody yet. Epochs below these were used by a job that had the name before.
    pub(crate) fn new(epochs: BTreeMap<u32, u32>) -> Self {
        Self { epochs, ..Self::default() }
    }

    /// The executors, by index.
    pub(crate) fn ids(&self) -> impl DoubleEndedIterator<Item = ExecutorId> + '_ {
        self.executors.values().copied()
    }

    /// The executors with their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, ExecutorId)> + '_ {
        self.executors.iter().map(|(&index, &id)| (index, id))
    }

    /// The executor of an index.
    pub(crate) fn get(&self, index: u32) -> Option<ExecutorId> {
        self.executors.get(&index).copied()
    }

    /// The number of executors: each of them holds resources.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.executors.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.executors.is_empty()
    }

    /// How many executors there ever were.
    pub(crate) fn allocations(&self) -> u64 {
        self.allocations
    }

    /// What the executors hold.
    pub(crate) fn held(&self) -> &Resources {
        &self.held
    }

    /// What the executors will hold besides: what is kept for them, less what is on its way out.
    pub(crate) fn pending(&self) -> &Resources {
        &self.pending
    }
}

/// They come and go.
impl Fleet {
    /// The index and the epoch of the next executor.
    pub(crate) fn next_seat(&self) -> (u32, u32) {
        let index = self.indices.first_missing();
        (index, self.next_epoch(index))
    }

    /// Gives an executor its place, on a node that counts it already, or without one.
    pub(crate) fn seat(&mut self, index: u32, id: ExecutorId, placed: bool, request: &Resources) {
        self.executors.insert(index, id);
        self.indices.insert(index);
        if !placed {
            self.unplaced.insert(index);
        }
        self.held = self.held.plus(request);
        self.allocations += 1;
    }

    /// Takes in that an executor has come to a node.
    pub(crate) fn land(&mut self, index: u32, node: NodeId) {
        self.count_on(node);
        self.forget_unplaced(index);
    }

    /// Takes in that an executor is gone.
    pub(crate) fn unseat(
        &mut self,
        (index, epoch): (u32, u32),
        node: Option<NodeId>,
        request: &Resources,
    ) {
        self.executors.remove(&index);
        self.indices.remove(index);
        self.epochs.insert(index, epoch.saturating_add(1));
        self.held = self.held.minus(request);
        match node {
            Some(node) => self.count_off(node),
            None => self.forget_unplaced(index),
        }
    }

    /// Takes in that an executor holds less than before.
    pub(crate) fn shrink(&mut self, less: &Resources) {
        self.held = self.held.minus(less);
    }

    /// Counts what executors will hold besides what they do, or (with less than nothing) will not.
    pub(crate) fn expect(&mut self, change: &Resources) {
        self.pending = self.pending.plus(change);
    }

    /// The epochs of the next executors of all indices that had one.
    pub(crate) fn epochs(&self) -> &BTreeMap<u32, u32> {
        &self.epochs
    }

    /// The epoch of the next executor of an index.
    pub(crate) fn next_epoch(&self, index: u32) -> u32 {
        self.epochs.get(&index).copied().unwrap_or(0)
    }

    /// Uses no epoch of an index below this one.
    pub(crate) fn skip_epochs(&mut self, index: u32, next: u32) {
        let epoch = self.epochs.entry(index).or_default();
        *epoch = next.max(*epoch);
    }
}

/// Where they are.
impl Fleet {
    /// How many executors are on which node.
    pub(crate) fn on_nodes(&self) -> &BTreeMap<NodeId, u32> {
        &self.on_nodes
    }

    /// How many executors are on a node.
    pub(crate) fn on_node(&self, node: NodeId) -> u32 {
        self.on_nodes.get(&node).copied().unwrap_or(0)
    }

    /// Counts an executor that is about to be seated on a node.
    pub(crate) fn count_on(&mut self, node: NodeId) {
        *self.on_nodes.entry(node).or_default() += 1;
    }

    fn count_off(&mut self, node: NodeId) {
        if let Some(count) = self.on_nodes.get_mut(&node) {
            *count -= 1;
            if *count == 0 {
                self.on_nodes.remove(&node);
            }
        }
    }

    /// Hands the counts of executors on nodes to a round of offers, which counts those that are added.
    pub(crate) fn lend_counts(&mut self) -> BTreeMap<NodeId, u32> {
        std::mem::take(&mut self.on_nodes)
    }

    /// Takes the counts back after the round.
    pub(crate) fn take_counts_back(&mut self, on_nodes: BTreeMap<NodeId, u32>) {
        self.on_nodes = on_nodes;
    }

    /// The indices of the executors that have no node yet.
    pub(crate) fn unplaced(&self) -> &BTreeSet<u32> {
        &self.unplaced
    }

    /// The number of executors that have no node yet.
    pub(crate) fn count_unplaced(&self) -> u32 {
        u32::try_from(self.unplaced.len()).unwrap_or(u32::MAX)
    }

    /// The executors that have no node yet, the last one first.
    pub(crate) fn last_unplaced(&self) -> impl Iterator<Item = ExecutorId> + '_ {
        self.unplaced.iter().rev().filter_map(|&index| self.get(index))
    }

    /// Takes in that there is room on nodes for executors that have none; returns since when.
    pub(crate) fn note_room(&mut self, now: Time) -> Time {
        *self.room_since.get_or_insert(now)
    }

    /// Takes in that there is no such room.
    pub(crate) fn forget_room(&mut self) {
        self.room_since = None;
    }

    /// Whether there was room for executors without a node when that was last looked at.
    pub(crate) fn has_seen_room(&self) -> bool {
        self.room_since.is_some()
    }

    fn forget_unplaced(&mut self, index: u32) {
        self.unplaced.remove(&index);
        if self.unplaced.is_empty() {
            self.room_since = None;
        }
    }

    /// Compares the sums with those over the executors, of which each is given with its node and what
    /// it holds.
    pub(crate) fn check(
        &self,
        executors: impl Iterator<Item = (u32, Option<NodeId>, Resources)>,
    ) -> Result<(), String> {
        let mut new = Self::default();
        for (index, node, request) in executors {
            new.held = new.held.plus(&request);
            new.indices.insert(index);
            match node {
                Some(node) => new.count_on(node),
                None => {
                    new.unplaced.insert(index);
                }
            }
        }
        ensure!(new.held == self.held, "its executors hold {:?}, it {:?}", new.held, self.held);
        let (there, counted) = (&new.on_nodes, &self.on_nodes);
        ensure!(there == counted, "its executors are on {there:?}, it counts {counted:?}");
        let (there, counted) = (&new.unplaced, &self.unplaced);
        ensure!(there == counted, "{there:?} have no node, it counts {counted:?}");
        let (there, counted) = (&new.indices, &self.indices);
        ensure!(there == counted, "its indices are {there}, it has {counted}");
        Ok(())
    }
}
