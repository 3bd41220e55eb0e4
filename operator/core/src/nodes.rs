//! Nodes and what is left on them: Mesos's agents.

mod index;

use std::collections::BTreeMap;

use index::Index;

use crate::arena::{Arena, id};
use crate::jobs::Milliseconds;
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
    /// Whether new executors may go there. Where not (a cordoned node), those that are there stay.
    pub offered: bool,
    /// Whether everything is to leave the node (`kubectl drain`, Mesos's `DRAIN_AGENT`): nothing new
    /// goes there, and what is there drains.
    pub draining: bool,
    /// When nothing may be on the node.
    pub maintenance: Option<Maintenance>,
}

/// A time during which nothing may be on a node: Mesos's unavailability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// When it starts.
    pub start: Milliseconds,
    /// How long it lasts; `None` until the observation changes.
    pub duration: Option<Milliseconds>,
}

impl Maintenance {
    /// When it is over, if that is known.
    pub(crate) fn end(&self) -> Option<Milliseconds> {
        self.duration.map(|duration| self.start.saturating_add(duration))
    }
}

impl Default for NodeObservation {
    fn default() -> Self {
        Self {
            name: "".into(),
            allocatable: Vec::new(),
            taken_by_others: Vec::new(),
            offered: true,
            draining: false,
            maintenance: None,
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
    /// What is kept for claims whose room is being made.
    pub(crate) kept: Resources,
    /// What of `held` is held by executors on their way out.
    pub(crate) leaving: Resources,
    /// Whether it is drained or near its maintenance, so that nothing new goes there.
    pub(crate) closed: bool,
}

impl Node {
    /// What can be offered: what is left for executors and kept for nobody, nothing where the node
    /// shrank under them, `None` where no more may go there.
    fn offerable(&self) -> Option<Resources> {
        self.is_open().then(|| self.usable.above(&self.held.plus(&self.kept)))
    }

    /// Whether new executors may go there.
    pub(crate) fn is_open(&self) -> bool {
        self.observed.offered && !self.closed
    }

    /// What will be free once all that is on its way out is gone, and that is not kept; below nothing
    /// where the node shrank.
    pub(crate) fn expected_room(&self) -> Resources {
        self.usable.minus(&self.held).plus(&self.leaving).minus(&self.kept)
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
            let id = self.by_id.insert(Node {
                observed,
                usable: Resources::NONE,
                held: Resources::NONE,
                kept: Resources::NONE,
                leaving: Resources::NONE,
                closed: false,
            });
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

    /// Keeps room for a claim (again), or gives it up where `amount` is negative.
    pub(crate) fn keep(&mut self, id: NodeId, amount: &Resources) {
        self.change(id, |node| node.kept = node.kept.plus(amount));
    }

    /// Counts what is on its way out.
    pub(crate) fn count_leaving(&mut self, id: NodeId, amount: &Resources) {
        if let Some(node) = self.by_id.get_mut(id) {
            node.leaving = node.leaving.plus(amount);
        }
    }

    /// Says whether a node takes nothing new although it is offered.
    pub(crate) fn close(&mut self, id: NodeId, closed: bool) {
        self.change(id, |node| node.closed = closed);
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
