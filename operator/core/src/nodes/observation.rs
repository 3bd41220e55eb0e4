//! What is observed of nodes, and how the account takes it in.

use serde::{Deserialize, Serialize};

use super::Nodes;
use super::account::{Change, Node};
use crate::ids::NodeId;
use crate::labels::{Label, Taint};
use crate::pools::Pools;
use crate::ranges::Ranges;
use crate::resources::{Kinds, Resources};
use crate::time::{Span, Time};

/// The resource of which every executor takes one. A node that does not name it has room for any
/// number.
pub(crate) const PODS: &str = "pods";

/// Room for so many executors is room for any number; sums over all nodes still fit.
const ANY_NUMBER_OF_PODS: i64 = 1 << 40;

/// A node as observed. By default it has no name and nothing, and is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeObservation {
    /// The node's name.
    pub name: Box<str>,
    /// What the node has for pods, by resource name; cpu in thousandths, memory in bytes.
    pub allocatable: Vec<(Box<str>, i64)>,
    /// What of it others take, by resource name.
    pub taken_by_others: Vec<(Box<str>, i64)>,
    /// Whether new executors may go there. Where not (a cordoned node), those that are there stay.
    pub offered: bool,
    /// Whether nothing can be said of it, as it does not answer: it does not count in what all nodes
    /// have together.
    pub silent: bool,
    /// The labels that selectors look at, os and architecture among them.
    pub labels: Vec<Label>,
    /// The marks that keep executors away.
    pub taints: Vec<Taint>,
    /// The ports that tasks of frameworks may use. They are part of offers, but not of shares.
    pub ports: Ranges,
    /// Whether everything is to leave the node (`kubectl drain`, Mesos's `DRAIN_AGENT`): nothing new
    /// goes there, what is there drains, and frameworks that have something there are asked to give
    /// it back.
    pub draining: bool,
    /// When nothing may be on the node. Frameworks that have something there are asked to give it back
    /// by then.
    pub maintenance: Option<Maintenance>,
}

/// A time during which nothing may be on a node: Mesos's unavailability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// When it starts.
    pub start: Time,
    /// How long it lasts; `None` until the observation changes.
    pub duration: Option<Span>,
}

impl Maintenance {
    /// When it is over, if that is known.
    pub(crate) fn end(&self) -> Option<Time> {
        self.duration.map(|duration| self.start + duration)
    }
}

impl Default for NodeObservation {
    fn default() -> Self {
        Self {
            name: "".into(),
            allocatable: Vec::new(),
            taken_by_others: Vec::new(),
            offered: true,
            silent: false,
            labels: Vec::new(),
            taints: Vec::new(),
            ports: Ranges::new(),
            draining: false,
            maintenance: None,
        }
    }
}

impl NodeObservation {
    /// Whether one version of a node differs from another in nothing but amounts.
    pub(crate) fn differs_only_in_amounts(&self, other: &Self) -> bool {
        let Self { name, allocatable: _, taken_by_others: _, offered, silent, .. } = self;
        let Self { labels, taints, ports, draining, maintenance, .. } = self;
        (name, offered, silent, labels, taints)
            == (&other.name, &other.offered, &other.silent, &other.labels, &other.taints)
            && (ports, draining, maintenance) == (&other.ports, &other.draining, &other.maintenance)
    }

    /// Whether labels and taints are the same, so that the node suits the same jobs as before.
    fn is_marked_like(&self, other: &Self) -> bool {
        (&self.labels, &self.taints) == (&other.labels, &other.taints)
    }

    /// Whether somebody may take the node by now who could not take it before, however much was free.
    fn may_suit_others_than(&self, other: &Self) -> bool {
        !self.is_marked_like(other) || (self.offered, &self.ports) != (other.offered, &other.ports)
    }

    /// What executors can have at most: allocatable, less what others take.
    pub(super) fn usable(&self, kinds: &Kinds) -> Resources {
        let mut allocatable = vector(kinds, &self.allocatable);
        if let Some(pods) = kinds.get(PODS)
            && !self.allocatable.iter().any(|(name, _)| &**name == PODS)
        {
            allocatable[pods] = ANY_NUMBER_OF_PODS;
        }
        allocatable.above(&vector(kinds, &self.taken_by_others))
    }
}

/// An observed list of amounts as a vector; kinds that no job or pool has named are left out.
fn vector(kinds: &Kinds, amounts: &[(Box<str>, i64)]) -> Resources {
    let mut vector = Resources::NONE;
    for (name, amount) in amounts {
        if let Some(kind) = kinds.get(name) {
            vector[kind] = *amount;
        }
    }
    vector
}

impl Nodes {
    /// Takes in a node's new version.
    pub(crate) fn observe(
        &mut self,
        kinds: &Kinds,
        pools: &Pools,
        mut observed: NodeObservation,
    ) -> NodeId {
        observed.labels.sort_unstable();
        let usable = observed.usable(kinds);
        let known = self.find(&observed.name);
        let id = known.unwrap_or_else(|| self.add(observed.name.clone()));
        let Some(before) = self.by_id.get(id).map(Node::observed) else { return id };
        let other_marks = known.is_none() || !observed.is_marked_like(before);
        let may_suit_others = observed.may_suit_others_than(before);
        if known.is_none() || before.labels != observed.labels {
            self.labels.change(id, &before.labels, &observed.labels);
            self.version += 1;
        }
        let marks = other_marks.then(|| {
            let labels = &observed.labels;
            (self.rules.reservations_on(labels), self.rules.may_be_used(labels))
        });
        let take = |node: &mut Node| node.observe(observed, usable);
        if let Some((here, counted)) = marks {
            if known.is_some() {
                self.leave_views(id);
            }
            self.enter_views(pools, id, &here, counted, take);
        } else {
            self.change(id, take);
        }
        if may_suit_others {
            self.note(id, Change::More);
        }
        id
    }

    /// Forgets a node.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(id) = self.by_name.remove(name) {
            self.change(id, Node::vanish);
            self.promising.remove(&id);
            self.closed.remove(&id);
            if let Some(mut node) = self.by_id.remove(id) {
                self.views.leave(id, &mut node);
                self.labels.change(id, &node.observed().labels, &[]);
            }
            self.version += 1;
        }
    }

    /// Counts again after a kind of resource was added to `kinds`.
    pub(crate) fn recount(&mut self, kinds: &Kinds) {
        for id in self.ids() {
            self.change(id, |node| node.recount(kinds));
        }
    }

    /// Keeps track of the nodes with a label from now on. Costs a look at all nodes if the label is new.
    pub(crate) fn watch_label(&mut self, label: &Label) {
        if self.labels.watch(label) {
            for (id, node) in self.by_id.iter() {
                if node.observed().labels.contains(label) {
                    self.labels.change(id, &[], std::slice::from_ref(label));
                }
            }
            self.version += 1;
        }
    }

    /// Numbers a node that is seen for the first time.
    fn add(&mut self, name: Box<str>) -> NodeId {
        let id = self.by_id.insert(Node::default());
        self.by_name.insert(name, id);
        self.version += 1;
        id
    }
}
