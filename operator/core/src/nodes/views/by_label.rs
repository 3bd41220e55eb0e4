//! The nodes by the labels that somebody asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::arena::Arena;
use crate::ids::NodeId;
use crate::labels::Requirement;
use crate::nodes::Node;

/// The nodes by value of each label that was ever asked for, by its key.
#[derive(Clone, Debug, Default)]
pub(super) struct ByLabel {
    by_key: BTreeMap<Box<str>, BTreeMap<Box<str>, BTreeSet<NodeId>>>,
}

impl ByLabel {
    /// Sorts all nodes by the labels that are asked for here for the first time.
    pub(super) fn watch(&mut self, nodes: &Arena<NodeId, Node>, requirement: &Requirement) {
        for (key, _) in requirement.labels() {
            if self.by_key.contains_key(key) {
                continue;
            }
            let mut by_value: BTreeMap<Box<str>, BTreeSet<NodeId>> = BTreeMap::new();
            for (id, node) in nodes.iter() {
                if let Some(value) = value(node, key) {
                    by_value.entry(value.into()).or_default().insert(id);
                }
            }
            self.by_key.insert(key.clone(), by_value);
        }
    }

    /// All nodes that may have the labels: those with the rarest of them.
    pub(super) fn candidates(
        &self,
        nodes: &Arena<NodeId, Node>,
        requirement: &Requirement,
    ) -> Vec<NodeId> {
        let mut fewest: Option<&BTreeSet<NodeId>> = None;
        for (key, value) in requirement.labels() {
            let Some(by_value) = self.by_key.get(key) else { continue };
            let Some(with_it) = by_value.get(value) else { return Vec::new() };
            if fewest.is_none_or(|fewest| with_it.len() < fewest.len()) {
                fewest = Some(with_it);
            }
        }
        match fewest {
            Some(fewest) => fewest.iter().copied().collect(),
            None => nodes.iter().map(|(id, _)| id).collect(),
        }
    }

    /// Takes in the labels of a node.
    pub(super) fn enter(&mut self, id: NodeId, node: &Node) {
        for (key, by_value) in &mut self.by_key {
            if let Some(value) = value(node, key) {
                by_value.entry(value.into()).or_default().insert(id);
            }
        }
    }

    /// Forgets the labels of a node before they change.
    pub(super) fn leave(&mut self, id: NodeId, node: &Node) {
        for (key, by_value) in &mut self.by_key {
            if let Some(value) = value(node, key)
                && let Some(with_it) = by_value.get_mut(value)
            {
                with_it.remove(&id);
                if with_it.is_empty() {
                    by_value.remove(value);
                }
            }
        }
    }
}

/// The value of a node's label.
fn value<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    let labels = &node.observed().labels;
    let place = labels.binary_search_by(|(label, _)| (**label).cmp(key)).ok()?;
    Some(&labels[place].1)
}
