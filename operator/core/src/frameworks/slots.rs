//! Places of nodes in sets of bits.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::NodeId;

/// Which node has which place. Places of nodes that are gone are used again, the first first.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    of_node: BTreeMap<NodeId, u32>,
    nodes: Vec<Option<NodeId>>,
    vacant: BTreeSet<u32>,
}

impl Slots {
    pub(super) fn of(&self, node: NodeId) -> Option<u32> {
        self.of_node.get(&node).copied()
    }

    pub(super) fn node(&self, slot: u32) -> Option<NodeId> {
        self.nodes.get(slot as usize).copied().flatten()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, NodeId)> + '_ {
        (0..).zip(&self.nodes).filter_map(|(slot, node)| Some((slot, (*node)?)))
    }

    pub(super) fn add(&mut self, node: NodeId) -> u32 {
        let slot = self.vacant.pop_first().unwrap_or_else(|| {
            self.nodes.push(None);
            u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
        });
        self.nodes[slot as usize] = Some(node);
        self.of_node.insert(node, slot);
        slot
    }

    pub(super) fn remove(&mut self, node: NodeId) -> Option<u32> {
        let slot = self.of_node.remove(&node)?;
        self.nodes[slot as usize] = None;
        self.vacant.insert(slot);
        Some(slot)
    }
}
