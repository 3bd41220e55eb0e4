//! Which nodes have changed since somebody last asked.

use super::account::{Change, Node};
use crate::arena::Arena;
use crate::ids::NodeId;

/// The nodes that changed, in the order in which they did; only kept once somebody has asked.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    changed: Vec<NodeId>,
    wanted: bool,
}

impl News {
    /// Whether somebody has asked.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Remembers what became of a node.
    pub(super) fn note(&mut self, id: NodeId, node: &mut Node, change: Change) {
        if !self.wanted {
            return;
        }
        if !node.is_news() {
            self.changed.push(id);
        }
        node.note(change);
    }

    /// The nodes that changed since this was last asked for, and whether more of each could be offered
    /// than before; all nodes when it is asked for the first time.
    pub(super) fn take(&mut self, nodes: &mut Arena<NodeId, Node>) -> Vec<(NodeId, bool)> {
        if !std::mem::replace(&mut self.wanted, true) {
            return nodes.iter().map(|(id, _)| (id, true)).collect();
        }
        let mut changed: Vec<(NodeId, bool)> = Vec::with_capacity(self.changed.len());
        for id in std::mem::take(&mut self.changed) {
            if let Some(node) = nodes.get_mut(id) {
                match node.take_change() {
                    Change::None => {}
                    Change::Other => changed.push((id, false)),
                    Change::More => changed.push((id, true)),
                }
            }
        }
        changed
    }

    /// Whether a node is among those that changed.
    pub(super) fn contains(&self, id: NodeId) -> bool {
        self.changed.contains(&id)
    }
}
