//! Nodes and pods as last seen, and what others take of each node. An entry is a few dozen bytes where
//! the object has kilobytes.

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::event::NodeObservation;

use super::node::NodeFacts;
use super::pod::{ObjectName, PodFacts};
use crate::master::NodeMark;

/// Nodes and pods.
#[derive(Debug, Default)]
pub(crate) struct Index {
    nodes: BTreeMap<Box<str>, NodeFacts>,
    pods: BTreeMap<ObjectName, PodFacts>,
    /// The pods of executors that the engine accounts for itself.
    own: BTreeSet<ObjectName>,
    /// What all other pods take, by node. The sums are exact: one that stopped at the end of its range would be
    /// wrong once a pod is taken off it.
    taken: BTreeMap<Box<str>, BTreeMap<Box<str>, i128>>,
    /// The pods of executors by node.
    executors_on: BTreeMap<Box<str>, BTreeSet<ObjectName>>,
    /// Nodes that are not as the engine knows them.
    changed: BTreeSet<Box<str>>,
}

impl Index {
    /// Takes in what is about to be written to a node. Whatever else is heard of it until its watch tells,
    /// that holds.
    pub(crate) fn mark_node(&mut self, name: &str, mark: NodeMark) {
        if let Some(facts) = self.nodes.get_mut(name) {
            mark.apply(&mut facts.observation);
        }
    }

    /// What is remembered of all nodes, by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, &NodeFacts)> {
        self.nodes.iter().map(|(name, facts)| (&**name, facts))
    }

    /// Takes in a node as it is now; `None` if it is gone. Returns it as it was.
    pub(crate) fn set_node(&mut self, name: &str, facts: Option<NodeFacts>) -> Option<NodeFacts> {
        let before = match facts {
            Some(facts) => self.nodes.insert(name.into(), facts),
            None => self.nodes.remove(name),
        };
        if before.as_ref() != self.nodes.get(name) {
            self.changed.insert(name.into());
        }
        before
    }

    /// Takes in a pod as it is now; `None` if it is gone. Returns it as it was.
    pub(crate) fn set_pod(
        &mut self,
        name: &ObjectName,
        facts: Option<PodFacts>,
    ) -> Option<PodFacts> {
        // Most versions of a pod differ in nothing that counts.
        if let (Some(before), Some(facts)) = (self.pods.get_mut(name), &facts)
            && before.node == facts.node
            && before.requests == facts.requests
            && before.executor.is_some() == facts.executor.is_some()
        {
            return Some(std::mem::replace(before, facts.clone()));
        }
        self.count(name, -1);
        let before = match facts {
            Some(facts) => self.pods.insert(name.clone(), facts),
            None => self.pods.remove(name),
        };
        self.count(name, 1);
        before
    }

    /// Says whether the engine accounts for a pod itself.
    pub(crate) fn set_own(&mut self, name: &ObjectName, own: bool) {
        self.count(name, -1);
        if own {
            self.own.insert(name.clone());
        } else {
            self.own.remove(name);
        }
        self.count(name, 1);
    }

    /// A pod.
    pub(crate) fn pod(&self, name: &ObjectName) -> Option<&PodFacts> {
        self.pods.get(name)
    }

    /// All pods.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (&ObjectName, &PodFacts)> {
        self.pods.iter()
    }

    /// A node.
    pub(crate) fn node(&self, name: &str) -> Option<&NodeFacts> {
        self.nodes.get(name)
    }

    /// The names of all nodes.
    pub(crate) fn node_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(|name| &**name)
    }

    /// The pods of executors on a node.
    pub(crate) fn executors_on(&self, node: &str) -> impl Iterator<Item = &ObjectName> {
        self.executors_on.get(node).into_iter().flatten()
    }

    /// The nodes that changed since this was last asked, as they are now; those that are gone are left
    /// out.
    pub(crate) fn take_changed(&mut self) -> Vec<NodeObservation> {
        let changed = std::mem::take(&mut self.changed);
        changed.iter().filter_map(|name| self.observation(name)).collect()
    }

    /// Counts nodes as changed whose maintenance is scheduled.
    pub(crate) fn touch_scheduled(&mut self) {
        let nodes = self.nodes.iter();
        let scheduled = nodes.filter(|(_, facts)| facts.observation.maintenance.is_some());
        self.changed.extend(scheduled.map(|(name, _)| name.clone()));
    }

    fn observation(&self, name: &str) -> Option<NodeObservation> {
        let mut observation = self.nodes.get(name)?.observation.clone();
        let taken = self.taken.get(name).into_iter().flatten();
        observation.taken_by_others = taken
            .filter(|&(_, &amount)| amount > 0)
            .map(|(kind, &amount)| (kind.clone(), i64::try_from(amount).unwrap_or(i64::MAX)))
            .collect();
        Some(observation)
    }

    /// Counts a pod in (1) or out (-1).
    fn count(&mut self, name: &ObjectName, sign: i128) {
        let Some(pod) = self.pods.get(name) else { return };
        let Some(node) = &pod.node else { return };
        if pod.executor.is_some() {
            let executors = self.executors_on.entry(node.clone()).or_default();
            if sign > 0 {
                executors.insert(name.clone());
            } else {
                executors.remove(name);
                if executors.is_empty() {
                    self.executors_on.remove(node);
                }
            }
        }
        if pod.requests.is_empty() || self.own.contains(name) {
            return;
        }
        let taken = self.taken.entry(node.clone()).or_default();
        for (kind, amount) in &pod.requests {
            let sum = taken.entry(kind.clone()).or_default();
            *sum += sign * i128::from(*amount);
        }
        taken.retain(|_, amount| *amount != 0);
        if taken.is_empty() {
            self.taken.remove(node);
        }
        self.changed.insert(node.clone());
    }
}

#[cfg(test)]
mod tests;
