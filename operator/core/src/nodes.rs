//! Nodes and what is left on them: Mesos's agents.

use std::collections::BTreeMap;

use crate::arena::{Arena, id};
use crate::resources::{Kinds, Resources};

id! {
    /// A node that the engine knows.
    NodeId
}

/// A node as observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeObservation {
    /// The node's name.
    pub name: Box<str>,
    /// What the node has for pods, by resource name; cpu in thousandths, memory in bytes.
    pub allocatable: Vec<(Box<str>, i64)>,
    /// What of it others take, by resource name.
    pub taken_by_others: Vec<(Box<str>, i64)>,
    /// Whether new executors may go there.
    pub offered: bool,
}

/// A node with its account.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) observed: NodeObservation,
    /// What executors can have at most: allocatable, less what others take.
    pub(crate) usable: Resources,
    /// What executors hold.
    pub(crate) held: Resources,
}

impl Node {
    /// What is left for executors; negative where the node shrank under them.
    pub(crate) fn free(&self) -> Resources {
        self.usable.minus(&self.held)
    }
}

/// All nodes, with the sum of what they have.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    by_id: Arena<NodeId, Node>,
    by_name: BTreeMap<Box<str>, NodeId>,
    total: Resources,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { by_id: Arena::new(), by_name: BTreeMap::new(), total: Resources::NONE }
    }
}

impl Nodes {
    /// Takes in a node's new version.
    pub(crate) fn observe(&mut self, kinds: &Kinds, observed: NodeObservation) {
        let usable = usable(kinds, &observed);
        if let Some(node) = self.find(&observed.name).and_then(|id| self.by_id.get_mut(id)) {
            self.total = self.total.minus(&node.usable).plus(&usable);
            node.usable = usable;
            node.observed = observed;
        } else {
            self.total = self.total.plus(&usable);
            let name = observed.name.clone();
            let id = self.by_id.insert(Node { observed, usable, held: Resources::NONE });
            self.by_name.insert(name, id);
        }
    }

    /// Forgets a node.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(node) = self.by_name.remove(name).and_then(|id| self.by_id.remove(id)) {
            self.total = self.total.minus(&node.usable);
        }
    }

    /// Counts again after a kind of resource was added to `kinds`.
    pub(crate) fn recount(&mut self, kinds: &Kinds) {
        self.total = Resources::NONE;
        for (_, node) in self.by_id.iter_mut() {
            node.usable = usable(kinds, &node.observed);
            self.total = self.total.plus(&node.usable);
        }
    }

    /// Charges what an executor holds to its node.
    pub(crate) fn charge(&mut self, id: NodeId, request: &Resources) {
        if let Some(node) = self.by_id.get_mut(id) {
            node.held = node.held.plus(request);
        }
    }

    /// Gives back what an executor held.
    pub(crate) fn release(&mut self, id: NodeId, request: &Resources) {
        if let Some(node) = self.by_id.get_mut(id) {
            node.held = node.held.minus(request);
        }
    }

    /// What all nodes have together for executors.
    pub(crate) fn total(&self) -> &Resources {
        &self.total
    }

    pub(crate) fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&Node> {
        self.by_id.get(id)
    }

    /// All nodes in the order in which they were first seen.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.by_id.iter()
    }

    /// One more than the largest index of a node.
    pub(crate) fn bound(&self) -> usize {
        self.by_id.bound()
    }
}

/// An observed list of amounts as a vector; kinds that no job or pool has named are left out.
pub(crate) fn vector(kinds: &Kinds, amounts: &[(Box<str>, i64)]) -> Resources {
    let mut vector = Resources::NONE;
    for (name, amount) in amounts {
        if let Some(kind) = kinds.get(name) {
            vector[kind] = *amount;
        }
    }
    vector
}

fn usable(kinds: &Kinds, observed: &NodeObservation) -> Resources {
    let allocatable = vector(kinds, &observed.allocatable);
    allocatable.above(&vector(kinds, &observed.taken_by_others))
}
