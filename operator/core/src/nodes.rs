//! Nodes and what is left on them: Mesos's agents.

mod check;
mod index;

use std::collections::BTreeMap;

use index::Index;

use crate::arena::{Arena, id};
use crate::resources::{Kinds, Resources};

id! {
    /// A node that the engine knows.
    NodeId
}

/// A node as observed. By default it has no name and nothing, and is offered.
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

impl Default for NodeObservation {
    fn default() -> Self {
        Self {
            name: "".into(),
            allocatable: Vec::new(),
            taken_by_others: Vec::new(),
            offered: true,
        }
    }
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
    /// What can be offered: what is left for executors, nothing where the node shrank under them,
    /// `None` where no more may go there.
    fn offerable(&self) -> Option<Resources> {
        self.observed.offered.then(|| self.usable.above(&self.held))
    }
}

/// All nodes, with the sum of what they have.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    by_id: Arena<NodeId, Node>,
    by_name: BTreeMap<Box<str>, NodeId>,
    total: Resources,
    /// What is free on offered nodes together.
    free_sum: Resources,
    /// Offered nodes by what is free on them.
    free: Index,
    /// Offered nodes by what would be free on them without executors.
    usable: Index,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            by_id: Arena::new(),
            by_name: BTreeMap::new(),
            total: Resources::NONE,
            free_sum: Resources::NONE,
            free: Index::default(),
            usable: Index::default(),
        }
    }
}

impl Nodes {
    /// Takes in a node's new version.
    pub(crate) fn observe(&mut self, kinds: &Kinds, observed: NodeObservation) {
        let id = self.find(&observed.name).unwrap_or_else(|| {
            let name = observed.name.clone();
            let observed = NodeObservation { offered: false, ..observed.clone() };
            let (usable, held) = (Resources::NONE, Resources::NONE);
            let id = self.by_id.insert(Node { observed, usable, held });
            self.by_name.insert(name, id);
            id
        });
        let usable = usable(kinds, &observed);
        self.change(id, |node| (node.observed, node.usable) = (observed, usable));
    }

    /// Forgets a node.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(id) = self.by_name.remove(name) {
            self.change(id, |node| {
                node.observed.offered = false;
                node.usable = Resources::NONE;
            });
            self.by_id.remove(id);
        }
    }

    /// Counts again after a kind of resource was added to `kinds`.
    pub(crate) fn recount(&mut self, kinds: &Kinds) {
        let ids: Vec<NodeId> = self.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.change(id, |node| node.usable = usable(kinds, &node.observed));
        }
    }

    /// Charges what an executor holds to its node.
    pub(crate) fn charge(&mut self, id: NodeId, request: &Resources) {
        self.change(id, |node| node.held = node.held.plus(request));
    }

    /// Gives back what an executor held.
    pub(crate) fn release(&mut self, id: NodeId, request: &Resources) {
        self.change(id, |node| node.held = node.held.minus(request));
    }

    /// The node with the fewest of these executors that a request fits on, then the emptiest.
    pub(crate) fn emptiest(
        &self,
        request: &Resources,
        executors: &BTreeMap<NodeId, u32>,
    ) -> Option<NodeId> {
        self.free.emptiest(request, executors)
    }

    /// The fullest node that a request fits on, of the first few.
    pub(crate) fn fullest(&self, request: &Resources) -> Option<NodeId> {
        self.free.fullest(request)
    }

    /// What is free on all offered nodes together.
    pub(crate) fn free_sum(&self) -> &Resources {
        &self.free_sum
    }

    /// The most that is free on an offered node of each kind; below nothing if none is offered.
    pub(crate) fn largest_free(&self) -> Resources {
        self.free.largest()
    }

    /// The most that an offered node has of each kind; below nothing if none is offered.
    pub(crate) fn largest_usable(&self) -> Resources {
        self.usable.largest()
    }

    /// Whether a request fits on some node.
    pub(crate) fn fits(&self, request: &Resources) -> bool {
        self.free.fits(request)
    }

    /// Whether a request would fit on some offered node without executors.
    pub(crate) fn fits_when_empty(&self, request: &Resources) -> bool {
        self.usable.fits(request)
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

    /// Changes a node, and everything that is summed up over nodes with it.
    fn change(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        let Some(node) = self.by_id.get_mut(id) else { return };
        let (usable, free) = (node.usable, node.offerable());
        change(node);
        let now = node.offerable();
        self.total = self.total.minus(&usable).plus(&node.usable);
        let freed = now.unwrap_or(Resources::NONE);
        self.free_sum = self.free_sum.minus(&free.unwrap_or(Resources::NONE)).plus(&freed);
        self.free.set(id, now.as_ref(), &node.usable);
        if usable != node.usable || free.is_some() != now.is_some() {
            self.usable.set(id, now.is_some().then_some(&node.usable), &node.usable);
        }
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
