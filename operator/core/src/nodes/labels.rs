//! Which nodes have the labels that somebody asks for.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::NodeId;
use crate::labels::Label;

/// Nodes by label; only labels that were asked for once are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    nodes: BTreeMap<Label, BTreeSet<NodeId>>,
}

impl Labels {
    /// Keeps a label from now on; says whether it is new, so that the nodes have to be set again.
    pub(super) fn watch(&mut self, label: &Label) -> bool {
        let is_new = !self.nodes.contains_key(label);
        if is_new {
            self.nodes.insert(label.clone(), BTreeSet::new());
        }
        is_new
    }

    /// Takes in that a node has other labels than before.
    pub(super) fn change(&mut self, id: NodeId, before: &[Label], after: &[Label]) {
        for label in before {
            if let Some(nodes) = self.nodes.get_mut(label) {
                nodes.remove(&id);
            }
        }
        for label in after {
            if let Some(nodes) = self.nodes.get_mut(label) {
                nodes.insert(id);
            }
        }
    }

    /// The nodes that have all of these labels, which are watched; none if there are no labels.
    pub(super) fn with_all(&self, labels: &[Label]) -> BTreeSet<NodeId> {
        let mut sets: Vec<&BTreeSet<NodeId>> = Vec::with_capacity(labels.len());
        for label in labels {
            let Some(nodes) = self.nodes.get(label) else { return BTreeSet::new() };
            sets.push(nodes);
        }
        sets.sort_unstable_by_key(|nodes| nodes.len());
        let Some((smallest, others)) = sets.split_first() else { return BTreeSet::new() };
        let in_all = |id: &&NodeId| others.iter().all(|nodes| nodes.contains(id));
        smallest.iter().filter(in_all).copied().collect()
    }
}
