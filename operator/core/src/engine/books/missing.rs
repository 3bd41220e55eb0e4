//! Nodes that were spoken of and not seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::ensure::ensure;
use crate::ids::ExecutorKey;

/// Nodes that are not there, by name, and what is on them all the same.
#[derive(Debug, Default)]
pub(crate) struct MissingNodes {
    /// Those that the state has all the same, as something is charged to them.
    charged: BTreeSet<Box<str>>,
    /// The executors that landed on nodes which the state does not have yet.
    landings: BTreeMap<Box<str>, Vec<ExecutorKey>>,
}

impl MissingNodes {
    /// A node is not there; the state keeps a place for what is on it.
    pub(crate) fn note(&mut self, node: &str) {
        self.charged.insert(node.into());
    }

    /// A node was seen, or its place is needed no more; says whether it had been missing.
    pub(crate) fn remove(&mut self, node: &str) -> bool {
        self.charged.remove(node)
    }

    /// Whether the state has a place for a node that is not there.
    pub(crate) fn contains(&self, node: &str) -> bool {
        self.charged.contains(node)
    }

    /// An executor landed on a node of which nothing is known.
    pub(crate) fn land(&mut self, executor: &ExecutorKey, node: &str) {
        let landed = self.landings.entry(node.into()).or_default();
        if !landed.contains(executor) {
            landed.push(executor.clone());
        }
    }

    /// The executors that landed on a node which is known now.
    pub(crate) fn take_landed(&mut self, node: &str) -> Vec<ExecutorKey> {
        self.landings.remove(node).unwrap_or_default()
    }

    /// An executor is gone that may have landed somewhere.
    pub(crate) fn forget_landing(&mut self, executor: &ExecutorKey) {
        self.landings.retain(|_, landed| {
            landed.retain(|landed| landed != executor);
            !landed.is_empty()
        });
    }

    /// Compares what is kept with the state: `has_node` says which nodes it has, `lands` which executors
    /// have no node yet.
    pub(crate) fn check(
        &self,
        has_node: impl Fn(&str) -> bool,
        lands: impl Fn(&ExecutorKey) -> bool,
    ) -> Result<(), String> {
        for (node, landed) in &self.landings {
            ensure!(!has_node(node), "executors wait to land on {node}");
            for key in landed {
                ensure!(lands(key), "executor {key} cannot land on {node}");
            }
        }
        for node in &self.charged {
            ensure!(has_node(node), "node {node} is not missing");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
