//! Nodes and what is left on them: Mesos's agents.

mod index;
mod reservations;

use std::collections::BTreeMap;

use index::Index;
pub(crate) use reservations::{Holdings, Reservation};

use crate::arena::{Arena, id};
use crate::frameworks::NamedAmounts;
use crate::jobs::Milliseconds;
use crate::pools::PoolId;
use crate::ranges::Ranges;
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
    /// The node's labels: Mesos's attributes, which frameworks' constraints look at.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// The ports that tasks of frameworks may use. They are part of offers, but not of shares.
    pub ports: Ranges,
    /// What of `allocatable` is kept for the subtrees of pools, by name of the pool and of the
    /// resource: Mesos's static reservations.
    pub reserved: Vec<(Box<str>, NamedAmounts)>,
    /// When the node goes into maintenance. Frameworks that have something there are asked to give
    /// it back by then.
    pub unavailable_from: Option<Milliseconds>,
}

impl Default for NodeObservation {
    fn default() -> Self {
        Self {
            name: "".into(),
            allocatable: Vec::new(),
            taken_by_others: Vec::new(),
            offered: true,
            labels: BTreeMap::new(),
            ports: Ranges::new(),
            reserved: Vec::new(),
            unavailable_from: None,
        }
    }
}

/// A node with its account.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) observed: NodeObservation,
    /// What executors can have at most: allocatable, less what others take.
    pub(crate) usable: Resources,
    /// What executors, offers and tasks hold.
    pub(crate) held: Resources,
    /// What of it is in offers that nobody has answered yet.
    pub(crate) outstanding: Resources,
    /// The ports that offers and tasks hold.
    pub(crate) ports_held: Ranges,
    /// The ports in offers that nobody has answered yet.
    pub(crate) ports_outstanding: Ranges,
    /// What of it is kept for whom, and what offers and tasks use of that.
    pub(crate) holdings: Holdings,
    change: Change,
}

/// What became of a node since it was last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Change {
    #[default]
    None,
    /// There is something else on it.
    Other,
    /// More of it could be offered than before, even if all offers came back.
    More,
}

impl Node {
    /// What can be offered to everybody: what is left for executors, nothing where the node shrank
    /// under them, `None` where no more may go there.
    fn offerable(&self) -> Option<Resources> {
        let left = || self.usable.above(&self.held).above(self.holdings.idle());
        self.observed.offered.then(left)
    }

    /// What can be offered to a pool, given with all pools above it, and what of that is reserved.
    pub(crate) fn takeable(&self, path: &[PoolId]) -> (Resources, Resources) {
        if !self.observed.offered {
            return (Resources::NONE, Resources::NONE);
        }
        let left = self.usable.above(&self.held);
        if self.holdings.idle().is_none() {
            return (left, Resources::NONE);
        }
        let reserved = self.holdings.idle_of(path);
        let left = left.above(&self.holdings.idle().minus(&reserved));
        (left, reserved.min_each(&left))
    }

    /// The most that a pool could be offered if all offers came back.
    pub(crate) fn ceiling(&self, path: &[PoolId]) -> Resources {
        let others = self.holdings.idle().minus(&self.holdings.idle_of(path));
        self.usable.above(&self.held.minus(&self.outstanding)).above(&others)
    }

    /// The most that could be offered if all offers came back.
    fn most(&self) -> Resources {
        self.usable.minus(&self.held).plus(&self.outstanding)
    }

    /// The number of ports that tasks hold.
    fn ports_of_tasks(&self) -> u64 {
        self.ports_held.len() - self.ports_outstanding.len()
    }

    /// The ports that can be offered.
    pub(crate) fn free_ports(&self) -> Ranges {
        let mut ports = self.observed.ports.clone();
        ports.remove_all(&self.ports_held);
        ports
    }

    /// The ports that could be offered if all offers came back.
    pub(crate) fn ceiling_ports(&self) -> Ranges {
        let mut ports = self.free_ports();
        ports.insert_all(&self.ports_outstanding);
        ports
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
    /// What of reservations nobody uses, over all nodes, by pool.
    idle: BTreeMap<PoolId, Resources>,
    /// Nodes on which there is something else than when they were last asked for; only kept once
    /// somebody has asked.
    changed: Vec<NodeId>,
    tracking: bool,
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
            idle: BTreeMap::new(),
            changed: Vec::new(),
            tracking: false,
        }
    }
}

impl Nodes {
    /// Takes in a node's new version.
    pub(crate) fn observe(&mut self, kinds: &Kinds, observed: NodeObservation) -> NodeId {
        let id = self.find(&observed.name).unwrap_or_else(|| {
            let name = observed.name.clone();
            let observed = NodeObservation { offered: false, ..observed.clone() };
            let id = self.by_id.insert(Node {
                observed,
                usable: Resources::NONE,
                held: Resources::NONE,
                outstanding: Resources::NONE,
                ports_held: Ranges::new(),
                ports_outstanding: Ranges::new(),
                holdings: Holdings::default(),
                change: Change::None,
            });
            self.by_name.insert(name, id);
            id
        });
        let usable = usable(kinds, &observed);
        let other = self.get(id).is_some_and(|node| {
            let old = &node.observed;
            (old.offered, &old.labels, &old.ports, &old.reserved)
                != (observed.offered, &observed.labels, &observed.ports, &observed.reserved)
        });
        self.change(id, |node| (node.observed, node.usable) = (observed, usable));
        if other {
            self.note(id, Change::More);
        }
        id
    }

    /// Forgets a node.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(id) = self.by_name.remove(name) {
            self.change(id, |node| {
                node.observed.offered = false;
                node.usable = Resources::NONE;
                node.holdings = Holdings::default();
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

    /// Keeps parts of a node for pools, instead of those that were kept before.
    pub(crate) fn reserve(&mut self, id: NodeId, reservations: Vec<Reservation>) {
        self.change(id, |node| node.holdings.reserve(reservations));
    }

    /// Charges what a task of a framework holds to its node. The pool that pays is given
    /// with all pools above it.
    pub(crate) fn charge_pool(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        self.change(id, |node| {
            node.held = node.held.plus(amount);
            node.ports_held.insert_all(ports);
            node.holdings.add(path, amount);
        });
    }

    /// Gives back what a task of a framework held.
    pub(crate) fn release_pool(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        self.change(id, |node| {
            node.held = node.held.minus(amount);
            node.ports_held.remove_all(ports);
            node.holdings.subtract(path, amount);
        });
    }

    /// Charges an offer to its node. The pool that pays is given with all pools above it.
    pub(crate) fn offer(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        self.change(id, |node| {
            node.held = node.held.plus(amount);
            node.ports_held.insert_all(ports);
            node.outstanding = node.outstanding.plus(amount);
            node.ports_outstanding.insert_all(ports);
            node.holdings.add(path, amount);
        });
    }

    /// Ends an offer: what is not kept for tasks is given back.
    pub(crate) fn answer(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        (amount, ports): (&Resources, &Ranges),
        (kept, kept_ports): (&Resources, &Ranges),
    ) {
        let rest = amount.minus(kept);
        self.change(id, |node| {
            node.held = node.held.minus(&rest);
            node.ports_held.remove_all(ports);
            node.ports_held.insert_all(kept_ports);
            node.outstanding = node.outstanding.minus(amount);
            node.ports_outstanding.remove_all(ports);
            node.holdings.subtract(path, &rest);
        });
    }

    /// How much more would be free on a node if these offers came back, each given with the pool that
    /// pays and all above it; and what of the node's reservations nobody would use.
    pub(crate) fn without<'a>(
        &self,
        id: NodeId,
        offers: impl Iterator<Item = (&'a [PoolId], &'a Resources)>,
    ) -> Option<(Resources, Vec<(PoolId, Resources)>)> {
        let node = self.by_id.get(id)?;
        let free = node.offerable()?;
        let mut other = node.clone();
        for (path, amount) in offers {
            other.held = other.held.minus(amount);
            other.holdings.subtract(path, amount);
        }
        let more = other.offerable()?.minus(&free);
        Some((more, other.holdings.idle_by_pool().collect()))
    }

    /// What of reservations nobody uses, over all nodes, by pool.
    pub(crate) fn idle_reservations(&self) -> &BTreeMap<PoolId, Resources> {
        &self.idle
    }

    /// The nodes on which there is something else than when this was last asked for, with whether
    /// more of them could be offered than before; all nodes when it is asked for the first time.
    pub(crate) fn take_changed(&mut self) -> Vec<(NodeId, bool)> {
        if !std::mem::replace(&mut self.tracking, true) {
            return self.iter().map(|(id, _)| (id, true)).collect();
        }
        let mut changed: Vec<(NodeId, bool)> = Vec::with_capacity(self.changed.len());
        for id in std::mem::take(&mut self.changed) {
            if let Some(node) = self.by_id.get_mut(id) {
                match std::mem::take(&mut node.change) {
                    Change::None => {}
                    change => changed.push((id, change == Change::More)),
                }
            }
        }
        changed
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
        let before = self.tracking.then(|| (node.most(), node.ports_of_tasks()));
        subtract_idle(&mut self.idle, node);
        change(node);
        for (pool, idle) in node.holdings.idle_by_pool() {
            let sum = self.idle.entry(pool).or_insert(Resources::NONE);
            *sum = sum.plus(&idle);
        }
        let now = node.offerable();
        self.total = self.total.minus(&usable).plus(&node.usable);
        let freed = now.unwrap_or(Resources::NONE);
        self.free_sum = self.free_sum.minus(&free.unwrap_or(Resources::NONE)).plus(&freed);
        self.free.set(id, now.as_ref(), &node.usable);
        if usable != node.usable || free.is_some() != now.is_some() {
            self.usable.set(id, now.is_some().then_some(&node.usable), &node.usable);
        }
        if let Some((most, ports)) = before {
            let more = !node.most().fits_in(&most) || node.ports_of_tasks() < ports;
            self.note(id, if more { Change::More } else { Change::Other });
        }
    }

    /// Remembers what became of a node.
    fn note(&mut self, id: NodeId, change: Change) {
        let Some(node) = self.by_id.get_mut(id).filter(|_| self.tracking) else { return };
        if node.change == Change::None {
            self.changed.push(id);
        }
        if node.change != Change::More {
            node.change = change;
        }
    }
}

/// Takes what is idle of a node's reservations off the sums.
fn subtract_idle(sums: &mut BTreeMap<PoolId, Resources>, node: &Node) {
    for (pool, idle) in node.holdings.idle_by_pool() {
        let Some(sum) = sums.get_mut(&pool) else { continue };
        *sum = sum.minus(&idle);
        if sum.is_none() {
            sums.remove(&pool);
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
