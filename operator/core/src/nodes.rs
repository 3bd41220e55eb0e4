//! Nodes and what is left on them: Mesos's agents.

mod check;
mod index;
mod labels;
mod reserve;
mod suit;
mod views;

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use labels::Labels;
use reserve::{Reserved, chain};
use views::{Place, View, Views};

use crate::arena::{Arena, id};
use crate::jobs::Milliseconds;
use crate::pools::{PoolId, Pools};
use crate::ranges::Ranges;
use crate::resources::{Kinds, Resources};
pub(crate) use suit::{Contradiction, Requirement};
pub use suit::{Label, Taint, TaintEffect, Toleration, TolerationOperator};
pub(crate) use views::{Reach, ViewId};

/// The resource of which every executor takes one. A node that does not name it has room for any
/// number.
pub(crate) const PODS: &str = "pods";

/// Room for so many executors is room for any number; sums over all nodes still fit.
const ANY_NUMBER_OF_PODS: i64 = 1 << 40;

pub(crate) use check::Load;
pub(crate) use index::{Accepts, Fullness};

id! {
    /// A node that the engine knows.
    NodeId
}

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
    /// Whether what there is on a node is all in which one version differs from another.
    pub(crate) fn differs_only_in_amounts(&self, other: &Self) -> bool {
        let Self { name, allocatable: _, taken_by_others: _, offered, silent, .. } = self;
        let Self { labels, taints, ports, draining, maintenance, .. } = self;
        (name, offered, silent, labels, taints)
            == (&other.name, &other.offered, &other.silent, &other.labels, &other.taints)
            && (ports, draining, maintenance) == (&other.ports, &other.draining, &other.maintenance)
    }
}

/// A node with its account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) observed: NodeObservation,
    /// What executors can have at most: allocatable, less what others take.
    pub(crate) usable: Resources,
    /// What executors, offers and tasks hold.
    pub(crate) held: Resources,
    /// What is kept for claims whose room is being made.
    pub(crate) promised: Resources,
    /// What of `held` is held by executors on their way out.
    pub(crate) leaving: Resources,
    /// Whether it is drained or near its maintenance, so that nothing new goes there.
    pub(crate) closed: bool,
    /// By when it is to be empty, as it is drained or its maintenance comes.
    pub(crate) unavailable_from: Option<Milliseconds>,
    /// Until when what is there may stay, if it is drained.
    pub(crate) drained_by: Option<Milliseconds>,
    /// What of what is held is in offers that nobody has answered yet.
    pub(crate) outstanding: Resources,
    /// The ports that offers and tasks hold.
    pub(crate) ports_held: Ranges,
    /// The ports in offers that nobody has answered yet.
    pub(crate) ports_outstanding: Ranges,
    /// What the executors, offers and tasks of each pool's own jobs hold, and what is kept for their
    /// claims.
    held_by_pool: Vec<(PoolId, Resources)>,
    /// What pools reserve here, if any does.
    reserved: Option<Box<Reserved>>,
    /// Whether some pool may use the node, so that it counts in the total.
    counted: bool,
    places: Vec<(ViewId, Place)>,
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
    /// Whether new executors may go there.
    pub(crate) fn is_open(&self) -> bool {
        self.observed.offered && !self.closed
    }

    /// What can be offered to a pool, given with all pools above it, and what of that is reserved.
    pub(crate) fn takeable(&self, chain: &[PoolId]) -> (Resources, Resources) {
        if !self.is_open() {
            return (Resources::NONE, Resources::NONE);
        }
        let left = self.free_for(chain);
        (left, left.minus(&self.free_for(&[])))
    }

    /// What is left, whoever may take it: neither held nor kept for claims. Nothing where the node
    /// shrank.
    pub(crate) fn left(&self) -> Resources {
        self.usable.above(&self.held.plus(&self.promised))
    }

    /// The most that a pool could be offered if all offers came back.
    pub(crate) fn ceiling(&self, chain: &[PoolId]) -> Resources {
        let free = self.usable.above(&self.held.plus(&self.promised).minus(&self.outstanding));
        self.reserved.as_ref().map_or(free, |all| free.above(&all.kept_from(chain)))
    }

    /// The most that could be offered if all offers came back.
    fn most(&self) -> Resources {
        self.usable.minus(&self.held).minus(&self.promised).plus(&self.outstanding)
    }

    /// The number of ports that tasks hold.
    fn ports_of_tasks(&self) -> u64 {
        self.ports_held.len() - self.ports_outstanding.len()
    }

    /// Whether there is something else on it than when it was last asked for.
    pub(crate) fn is_news(&self) -> bool {
        self.change != Change::None
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

    /// Takes in what a pool, given with all pools above it, took (or, with less than nothing, gave
    /// back).
    fn hold(&mut self, pool: PoolId, chain: &[PoolId], amount: &Resources) {
        self.held = self.held.plus(amount);
        self.count_for(pool, chain, amount);
    }

    /// The same for the pool that pays, the first of `path`, which has all pools above it.
    fn hold_for(&mut self, path: &[PoolId], amount: &Resources) {
        if let Some(&pool) = path.first() {
            self.hold(pool, path, amount);
        }
    }

    /// Takes in what a pool has here, or is to have.
    fn count_for(&mut self, pool: PoolId, chain: &[PoolId], amount: &Resources) {
        match self.held_by_pool.binary_search_by_key(&pool, |&(pool, _)| pool) {
            Ok(place) => {
                let held = &mut self.held_by_pool[place].1;
                *held = held.plus(amount);
                if held.is_none() {
                    self.held_by_pool.remove(place);
                }
            }
            Err(place) => self.held_by_pool.insert(place, (pool, *amount)),
        }
        if let Some(reserved) = &mut self.reserved {
            reserved.charge(chain, amount);
        }
    }

    /// What a pool, the last of `chain`, may take: what is left for executors, less what is kept for
    /// others; nothing where the node shrank under them.
    fn free_for(&self, chain: &[PoolId]) -> Resources {
        let free = self.left();
        self.reserved.as_ref().map_or(free, |all| free.above(&all.kept_from(chain)))
    }

    /// What a pool could take if there were no executors.
    fn usable_for(&self, chain: &[PoolId]) -> Resources {
        let kept = self.reserved.as_ref().map(|all| all.kept_from_when_empty(chain));
        kept.map_or(self.usable, |kept| self.usable.above(&kept))
    }

    /// What is left of the pools' reservations after a change.
    fn settle(&mut self) {
        // What nobody can be given keeps no promise.
        let free = if self.is_open() { self.left() } else { Resources::NONE };
        if let Some(reserved) = &mut self.reserved {
            reserved.settle(&free, &self.usable);
        }
    }
}

/// What a pool reserves on the nodes that match.
#[derive(Clone, Debug)]
struct Reservation {
    /// The pool, below all pools above it.
    chain: Vec<PoolId>,
    requirement: Requirement,
    amount: Resources,
}

/// All nodes, with the sum of what they have.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    by_id: Arena<NodeId, Node>,
    by_name: BTreeMap<Box<str>, NodeId>,
    total: Resources,
    /// The nodes on which room is kept for claims.
    promising: BTreeSet<NodeId>,
    /// The nodes that take nothing new although they are offered.
    closed: BTreeSet<NodeId>,
    /// What is free for everyone on offered nodes together.
    free_sum: Resources,
    views: Views,
    reservations: Vec<Reservation>,
    /// What is kept for each pool's subtree on all nodes together.
    kept: BTreeMap<PoolId, Resources>,
    /// The labels that pools ask of nodes, unless a pool may use them all.
    used: Option<BTreeSet<Requirement>>,
    /// Nodes on which there is something else than when they were last asked for; only kept once
    /// somebody has asked.
    changed: Vec<NodeId>,
    tracking: bool,
    labels: Labels,
    /// Changes whenever a node comes or goes or its labels change.
    version: u64,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            by_id: Arena::new(),
            by_name: BTreeMap::new(),
            total: Resources::NONE,
            promising: BTreeSet::new(),
            closed: BTreeSet::new(),
            free_sum: Resources::NONE,
            views: Views::default(),
            reservations: Vec::new(),
            kept: BTreeMap::new(),
            used: None,
            changed: Vec::new(),
            tracking: false,
            labels: Labels::default(),
            version: 0,
        }
    }
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
        let usable = usable(kinds, &observed);
        let known = self.find(&observed.name);
        let unmarked = known.and_then(|id| self.by_id.get(id)).is_some_and(|node| {
            node.observed.labels == observed.labels && node.observed.taints == observed.taints
        });
        let id = known.unwrap_or_else(|| {
            let name = observed.name.clone();
            let id = self.by_id.insert(Node::default());
            self.by_name.insert(name, id);
            self.version += 1;
            id
        });
        if let Some(before) = self.by_id.get(id).map(|node| &node.observed.labels)
            && (known.is_none() || *before != observed.labels)
        {
            self.labels.change(id, before, &observed.labels);
            self.version += 1;
        }
        let marks = (!unmarked)
            .then(|| (self.reservations_on(&observed.labels), self.counts(&observed.labels)));
        let is_other = self.get(id).is_some_and(|node| {
            let old = &node.observed;
            (old.offered, &old.labels, &old.taints, &old.ports)
                != (observed.offered, &observed.labels, &observed.taints, &observed.ports)
        });
        let take = |node: &mut Node| (node.observed, node.usable) = (observed, usable);
        if let Some((here, counted)) = marks {
            if known.is_some() {
                self.leave_views(id);
            }
            self.enter_views(pools, id, &here, counted, take);
        } else {
            self.change(id, take);
        }
        if is_other {
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
            });
            self.promising.remove(&id);
            self.closed.remove(&id);
            if let Some(mut node) = self.by_id.remove(id) {
                self.views.leave(id, &mut node);
                self.labels.change(id, &node.observed.labels, &[]);
            }
            self.version += 1;
        }
    }

    /// Counts again after a kind of resource was added to `kinds`.
    pub(crate) fn recount(&mut self, kinds: &Kinds) {
        for id in self.ids() {
            self.change(id, |node| node.usable = usable(kinds, &node.observed));
        }
    }

    /// Takes in what pools say about nodes: which they use, and what they reserve where. Costs as
    /// much as there are nodes if that changed. Afterwards, every [`Reach`] has to be asked for
    /// again.
    pub(crate) fn apply_pools(&mut self, pools: &Pools) {
        self.reservations = pools
            .by_path()
            .into_iter()
            .flat_map(|(id, pool)| {
                let chain = chain(pools, id);
                // A reservation where the pool may not go would be of no use to anybody.
                let own = pools.requirement(id).ok();
                pool.settings.reservations.iter().filter_map(move |(selector, amount)| {
                    let requirement = own.clone()?.narrowed(selector).ok()?;
                    Some(Reservation { chain: chain.clone(), requirement, amount: *amount })
                })
            })
            .collect();
        let declared = pools.iter().filter(|(_, pool)| pool.declared);
        let used: BTreeSet<Requirement> =
            declared.filter_map(|(id, _)| pools.requirement(id).ok()).collect();
        let everything = used.is_empty() || used.iter().any(Requirement::asks_for_no_labels);
        self.used = (!everything).then_some(used);
        self.views.forget_reserved(&mut self.by_id);
        let mut here: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (index, reservation) in self.reservations.iter().enumerate() {
            for id in self.views.matching(&self.by_id, &reservation.requirement) {
                here.entry(id).or_default().push(index);
            }
        }
        let mut counted: BTreeSet<NodeId> = BTreeSet::new();
        for asked in self.used.iter().flatten() {
            counted.extend(self.views.matching(&self.by_id, asked));
        }
        for id in self.ids() {
            let counts = self.used.is_none() || counted.contains(&id);
            let here = here.remove(&id).unwrap_or_default();
            self.leave_views(id);
            self.enter_views(pools, id, &here, counts, |_| {});
        }
        self.kept.retain(|_, kept| !kept.is_none());
    }

    /// Where the executors of a pool's jobs may go.
    pub(crate) fn reach(
        &mut self,
        requirement: &Requirement,
        pool: PoolId,
        pools: &Pools,
    ) -> Reach {
        self.views.reach(&mut self.by_id, requirement, pool, pools)
    }

    /// Whether it is time to say which of the views made by [`Nodes::reach`] are still of use.
    pub(crate) fn has_many_views(&self) -> bool {
        self.views.is_full()
    }

    /// Forgets all views but these.
    pub(crate) fn keep_views<'a>(&mut self, used: impl Iterator<Item = &'a Reach>) {
        let used = used.flat_map(|reach| [Some(reach.general), reach.reserved]);
        let used: BTreeSet<ViewId> = used.flatten().collect();
        self.views.keep(&mut self.by_id, &used);
    }

    /// Charges what an executor of a pool holds to its node.
    pub(crate) fn charge(&mut self, pools: &Pools, id: NodeId, pool: PoolId, request: &Resources) {
        self.change(id, |node| {
            // Who is above a pool only matters where something is reserved.
            let chain = if node.reserved.is_some() { chain(pools, pool) } else { Vec::new() };
            node.hold(pool, &chain, request);
        });
    }

    /// Charges what a task of a framework holds to its node. The pool that pays, the first of
    /// `path`, is given with all pools above it.
    pub(crate) fn charge_task(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        self.change(id, |node| {
            node.ports_held.insert_all(ports);
            node.hold_for(path, amount);
        });
    }

    /// Gives back what a task of a framework held.
    pub(crate) fn release_task(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        let amount = Resources::NONE.minus(amount);
        self.change(id, |node| {
            node.ports_held.remove_all(ports);
            node.hold_for(path, &amount);
        });
    }

    /// Charges an offer to its node. The pool that pays, the first of `path`, is given with all pools
    /// above it.
    pub(crate) fn offer(
        &mut self,
        id: NodeId,
        path: &[PoolId],
        amount: &Resources,
        ports: &Ranges,
    ) {
        self.change(id, |node| {
            node.ports_held.insert_all(ports);
            node.outstanding = node.outstanding.plus(amount);
            node.ports_outstanding.insert_all(ports);
            node.hold_for(path, amount);
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
        let back = kept.minus(amount);
        self.change(id, |node| {
            node.ports_held.remove_all(ports);
            node.ports_held.insert_all(kept_ports);
            node.outstanding = node.outstanding.minus(amount);
            node.ports_outstanding.remove_all(ports);
            node.hold_for(path, &back);
        });
    }

    /// How much more would be free on a node for everyone if these offers came back, each given with
    /// the pool that pays and all above it; and how much more would be kept of reservations.
    pub(crate) fn without<'a>(
        &self,
        id: NodeId,
        offers: impl Iterator<Item = (&'a [PoolId], &'a Resources)>,
    ) -> Option<(Resources, Vec<(PoolId, Resources)>)> {
        let node = self.by_id.get(id).filter(|node| node.is_open())?;
        let mut other = node.clone();
        for (path, amount) in offers {
            let back = Resources::NONE.minus(amount);
            other.hold_for(path, &back);
        }
        other.settle();
        let kept = |node: &Node| -> Vec<(PoolId, Resources)> {
            let all = node.reserved.iter().flat_map(|reserved| reserved.iter());
            all.map(|(pool, kept)| (pool, *kept)).collect()
        };
        let more = kept(&other).into_iter().zip(kept(node));
        let more = more.map(|((pool, then), (_, now))| (pool, then.minus(&now))).collect();
        Some((free_for_everyone(&other).minus(&free_for_everyone(node)), more))
    }

    /// Whether executors or tasks that are bound to a reach may be on a node.
    pub(crate) fn is_in_reach(&self, node: &Node, reach: Reach) -> bool {
        self.views.suits(reach.general, node)
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

    /// Gives back what an executor held.
    pub(crate) fn release(&mut self, pools: &Pools, id: NodeId, pool: PoolId, request: &Resources) {
        self.charge(pools, id, pool, &Resources::NONE.minus(request));
    }

    /// What a pool may take of a node: what is usable, less what is held and what is kept for claims
    /// and for pools that are neither this one nor above it.
    pub(crate) fn free_for(&self, id: NodeId, pool: PoolId, pools: &Pools) -> Resources {
        self.by_id.get(id).map_or(Resources::NONE, |node| node.free_for(&chain(pools, pool)))
    }

    /// Keeps room on a node for a claim of a pool, or (with less than nothing) gives it up. It counts
    /// as what the pool has of its reservations there.
    pub(crate) fn promise(&mut self, pools: &Pools, id: NodeId, pool: PoolId, amount: &Resources) {
        self.change(id, |node| {
            let chain = if node.reserved.is_some() { chain(pools, pool) } else { Vec::new() };
            node.promised = node.promised.plus(amount);
            node.count_for(pool, &chain, amount);
        });
        if self.by_id.get(id).is_some_and(|node| !node.promised.is_none()) {
            self.promising.insert(id);
        } else {
            self.promising.remove(&id);
        }
    }

    /// Counts what is on its way out.
    pub(crate) fn count_leaving(&mut self, id: NodeId, amount: &Resources) {
        if let Some(node) = self.by_id.get_mut(id) {
            node.leaving = node.leaving.plus(amount);
        }
    }

    /// Says whether a node takes nothing new although it is offered, by when it is to be empty, and
    /// until when what is there may stay if it is drained.
    pub(crate) fn set_availability(
        &mut self,
        id: NodeId,
        closed: bool,
        unavailable_from: Option<Milliseconds>,
        drained_by: Option<Milliseconds>,
    ) {
        self.change(id, |node| {
            (node.closed, node.unavailable_from) = (closed, unavailable_from);
            node.drained_by = drained_by;
        });
        if closed {
            self.closed.insert(id);
        } else {
            self.closed.remove(&id);
        }
    }

    /// The nodes that take nothing new although they are offered.
    pub(crate) fn closed(&self) -> impl Iterator<Item = &Node> {
        self.closed.iter().filter_map(|&id| self.by_id.get(id))
    }

    /// What a pool could be given of a node once all that is on its way out is gone and what is free
    /// has `changed`; less than nothing where the node shrank. `losing` are the pools that lose
    /// something in that: their reservations are theirs again.
    pub(crate) fn expected_room(
        &self,
        pools: &Pools,
        id: NodeId,
        pool: PoolId,
        losing: impl Iterator<Item = (PoolId, Resources)>,
        changed: &Resources,
    ) -> Resources {
        let Some(node) = self.by_id.get(id) else { return Resources::NONE };
        let room =
            node.usable.minus(&node.held).plus(&node.leaving).minus(&node.promised).plus(changed);
        let Some(reserved) = &node.reserved else { return room };
        let mut reserved = reserved.as_ref().clone();
        for (pool, lost) in losing {
            reserved.charge(&chain(pools, pool), &Resources::NONE.minus(&lost));
        }
        reserved.settle(&Resources::NONE.max_each(&room), &node.usable);
        room.minus(&reserved.kept_from(&chain(pools, pool)))
    }

    /// All that a node has for executors, if nothing of it is kept for others than a pool.
    pub(crate) fn all_of(&self, id: NodeId, pool: PoolId, pools: &Pools) -> Option<Resources> {
        let node = self.by_id.get(id).filter(|node| node.is_open())?;
        let reserved = node.reserved.as_ref();
        let for_others =
            reserved.is_some_and(|all| !all.kept_from_when_empty(&chain(pools, pool)).is_none());
        (!for_others).then_some(node.usable)
    }

    /// The number of nodes on which room is kept for claims.
    #[cfg(test)]
    pub(crate) fn promising(&self) -> usize {
        self.promising.len()
    }

    /// The number of nodes.
    pub(crate) fn count(&self) -> usize {
        self.by_name.len()
    }

    /// The acceptable node with the fewest of these executors that a request fits on, then the
    /// emptiest; what is reserved comes first, so that what everyone may take is left for others.
    pub(crate) fn emptiest(
        &self,
        request: &Resources,
        reach: Reach,
        executors: &BTreeMap<NodeId, u32>,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        self.choose(reach, |view, trees| {
            let count = |place| {
                view.node(place).and_then(|node| executors.get(&node)).copied().unwrap_or(0)
            };
            trees.emptiest(request, count, &|place| view.node(place).is_some_and(accepts))
        })
    }

    /// The fullest acceptable node that a request fits on, of the first few; what is reserved comes
    /// first.
    pub(crate) fn fullest(
        &self,
        request: &Resources,
        reach: Reach,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        self.choose(reach, |view, trees| {
            trees.fullest(request, &|place| view.node(place).is_some_and(accepts))
        })
    }

    /// What is free on a node within reach, if it is offered, and how full it is.
    pub(crate) fn room_on(&self, id: NodeId, reach: Reach) -> Option<(Resources, Fullness)> {
        let node = self.by_id.get(id)?;
        if !node.is_open() || !self.is_in_reach(node, reach) {
            return None;
        }
        let free = node.free_for(self.views.chain(reach));
        Some((free, index::fullness(&free, &node.usable)))
    }

    /// The nodes that have one of these names or all of these labels, which are watched.
    pub(crate) fn named_or_labelled(
        &self,
        names: &[Box<str>],
        labels: &[Label],
    ) -> BTreeSet<NodeId> {
        let mut nodes = self.labels.with_all(labels);
        nodes.extend(names.iter().filter_map(|name| self.find(name)));
        nodes
    }

    /// Makes nodes with a label known from now on. Costs a look at all nodes if the label is new.
    pub(crate) fn watch_label(&mut self, label: &Label) {
        if self.labels.watch(label) {
            for (id, node) in self.by_id.iter() {
                if node.observed.labels.contains(label) {
                    self.labels.change(id, &[], std::slice::from_ref(label));
                }
            }
            self.version += 1;
        }
    }

    /// Changes whenever a node comes or goes or its labels change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// What is free for everyone on all offered nodes together.
    pub(crate) fn free_sum(&self) -> &Resources {
        &self.free_sum
    }

    /// The same, where room that is still being made for claims takes nothing from what is free, and
    /// that of one is there: on nodes so much is promised and is leaving for it.
    pub(crate) fn free_beside_claims(
        &self,
        served: &BTreeMap<NodeId, (Resources, Resources)>,
    ) -> Resources {
        let mut sum = self.free_sum;
        for &id in &self.promising {
            let Some(node) = self.by_id.get(id) else { continue };
            if !node.is_open() || node.reserved.is_some() {
                // What is reserved on a node depends on what is free there; it stays as it is counted.
                continue;
            }
            let (promised, leaving) = served.get(&id).copied().unwrap_or_default();
            let free = node.usable.above(&node.held);
            let leaving = node.leaving.minus(&leaving);
            let promised = node.promised.minus(&promised);
            let to_come = node.usable.plus(&leaving).above(&node.held.plus(&promised));
            sum = sum.plus(&free.min_each(&to_come)).minus(&node.left());
        }
        sum
    }

    /// What is kept of their reservations for the subtrees of pools.
    pub(crate) fn kept(&self) -> &BTreeMap<PoolId, Resources> {
        &self.kept
    }

    /// The most that is free on an offered node of each kind; below nothing if none is offered.
    pub(crate) fn largest_free(&self, reach: Reach) -> Resources {
        self.largest(reach, |view| view.free.largest())
    }

    /// The most that an offered node has of each kind; below nothing if none is offered.
    pub(crate) fn largest_usable(&self, reach: Reach) -> Resources {
        self.largest(reach, |view| view.usable.largest())
    }

    /// Whether a request fits on some node.
    pub(crate) fn fits(&self, request: &Resources, reach: Reach) -> bool {
        self.views_of(reach).any(|view| view.free.fits(request, &|_| true))
    }

    /// Whether a request fits on some acceptable node.
    pub(crate) fn fits_on(&self, request: &Resources, reach: Reach, accepts: Accepts<'_>) -> bool {
        self.views_of(reach)
            .any(|view| view.free.fits(request, &|place| view.node(place).is_some_and(accepts)))
    }

    /// Whether a request would fit on some offered node without executors.
    pub(crate) fn fits_when_empty(&self, request: &Resources, reach: Reach) -> bool {
        self.views_of(reach).any(|view| view.usable.fits(request, &|_| true))
    }

    /// Whether a request would fit on some acceptable node without executors.
    pub(crate) fn fits_on_when_empty(
        &self,
        request: &Resources,
        reach: Reach,
        accepts: Accepts<'_>,
    ) -> bool {
        self.views_of(reach)
            .any(|view| view.usable.fits(request, &|place| view.node(place).is_some_and(accepts)))
    }

    /// Whether a request fits on some node only because of what is kept for others. Looks at all nodes
    /// if anything is reserved.
    pub(crate) fn fits_in_kept(&self, request: &Resources, reach: Reach) -> bool {
        if self.reservations.is_empty() && self.promising.is_empty() {
            return false;
        }
        let Some(view) = self.views.get(&self.by_id, reach.general) else { return false };
        let fits = |node: &Node| {
            node.is_open() && request.fits_in(&node.usable.above(&node.held)) && view.suits(node)
        };
        let mut promising = self.promising.iter().filter_map(|&id| self.by_id.get(id));
        promising.any(fits)
            || !self.reservations.is_empty()
                && self.iter().any(|(_, node)| node.reserved.is_some() && fits(node))
    }

    /// How many nodes have the labels that are asked for, and how many of these are tainted.
    pub(crate) fn suitability(&self, reach: Reach) -> Suitability {
        let Some(view) = self.views.get(&self.by_id, reach.general) else {
            return Suitability::default();
        };
        let most =
            view.tainted.iter().max_by_key(|&(taint, count)| (count, std::cmp::Reverse(taint)));
        Suitability {
            selector: view.selector(),
            matching: view.matching,
            tainted: view.tainted.values().sum(),
            taint: most.map(|(taint, &count)| (taint.to_string().into(), count)),
        }
    }

    /// What all nodes that some pool may use have together for executors.
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

    /// What pools reserve on a node, and what of it the node has room for.
    pub(crate) fn reserved_on(
        node: &Node,
    ) -> impl Iterator<Item = (PoolId, Resources, Resources)> + '_ {
        node.reserved.iter().flat_map(|reserved| reserved.amounts())
    }

    fn ids(&self) -> Vec<NodeId> {
        self.iter().map(|(id, _)| id).collect()
    }

    fn views_of(&self, reach: Reach) -> impl Iterator<Item = Cow<'_, View>> {
        let ids = [reach.reserved, Some(reach.general)].into_iter().flatten();
        ids.filter_map(|id| self.views.get(&self.by_id, id))
    }

    fn largest(&self, reach: Reach, most: impl Fn(&View) -> Resources) -> Resources {
        let views = self.views_of(reach);
        views.fold(Resources::LESS_THAN_NONE, |largest, view| largest.max_each(&most(&view)))
    }

    /// The first choice among what is reserved as a whole, what is reserved in part, and the rest.
    fn choose(
        &self,
        reach: Reach,
        choice: impl Fn(&View, &index::Index) -> Option<NodeId>,
    ) -> Option<NodeId> {
        self.views_of(reach).find_map(|view| {
            let place = choice(&view, &view.kept).or_else(|| choice(&view, &view.free));
            view.node(place?)
        })
    }

    /// Changes a node, and everything that is summed up over nodes with it.
    fn change(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        let Some(node) = self.by_id.get_mut(id) else { return };
        let (usable, open) = (node.usable, node.is_open());
        let before = self.tracking.then(|| (node.most(), node.ports_of_tasks()));
        self.total = self.total.minus(&counted(node));
        self.free_sum = self.free_sum.minus(&free_for_everyone(node));
        count_kept(&mut self.kept, node, Resources::minus);
        change(node);
        node.settle();
        self.total = self.total.plus(&counted(node));
        self.free_sum = self.free_sum.plus(&free_for_everyone(node));
        count_kept(&mut self.kept, node, Resources::plus);
        let usable_changed = usable != node.usable || open != node.is_open();
        self.views.set(node, usable_changed);
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

    fn leave_views(&mut self, id: NodeId) {
        if let Some(node) = self.by_id.get_mut(id) {
            self.views.leave(id, node);
        }
    }

    /// The reservations on a node with these labels.
    fn reservations_on(&self, labels: &[Label]) -> Vec<usize> {
        let all = self.reservations.iter().enumerate();
        all.filter(|(_, all)| all.requirement.matches(labels)).map(|(index, _)| index).collect()
    }

    /// Whether some pool may use a node with these labels.
    fn counts(&self, labels: &[Label]) -> bool {
        self.used.as_ref().is_none_or(|used| used.iter().any(|asked| asked.matches(labels)))
    }

    /// Changes a node's labels and taints, and everything that follows from them.
    fn enter_views(
        &mut self,
        pools: &Pools,
        id: NodeId,
        here: &[usize],
        counted: bool,
        change: impl FnOnce(&mut Node),
    ) {
        let reservations = std::mem::take(&mut self.reservations);
        self.change(id, |node| {
            change(node);
            node.counted = counted;
            node.reserved = (!here.is_empty()).then(|| {
                let mut reserved = Reserved::default();
                for &index in here {
                    let Reservation { chain, amount, .. } = &reservations[index];
                    reserved.add(chain, amount);
                }
                for (pool, held) in &node.held_by_pool {
                    reserved.charge(&chain(pools, *pool), held);
                }
                Box::new(reserved)
            });
        });
        self.reservations = reservations;
        if let Some(node) = self.by_id.get_mut(id) {
            self.views.enter(id, node);
        }
    }
}

/// Which nodes suit, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suitability {
    /// The labels that are asked for, if any.
    pub(crate) selector: Option<Box<str>>,
    /// How many nodes have them.
    pub(crate) matching: u32,
    /// How many of these have a taint that is not tolerated.
    pub(crate) tainted: u32,
    /// The taint that most of these have, and how many.
    pub(crate) taint: Option<(Box<str>, u32)>,
}

fn counted(node: &Node) -> Resources {
    if node.counted && !node.observed.silent { node.usable } else { Resources::NONE }
}

fn free_for_everyone(node: &Node) -> Resources {
    if node.is_open() { node.free_for(&[]) } else { Resources::NONE }
}

fn count_kept(
    sums: &mut BTreeMap<PoolId, Resources>,
    node: &Node,
    count: impl Fn(&Resources, &Resources) -> Resources,
) {
    for (pool, kept) in node.reserved.iter().flat_map(|reserved| reserved.iter()) {
        let sum = sums.entry(pool).or_default();
        *sum = count(sum, kept);
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
    let mut allocatable = vector(kinds, &observed.allocatable);
    if let Some(pods) = kinds.get(PODS)
        && !observed.allocatable.iter().any(|(name, _)| &**name == PODS)
    {
        allocatable[pods] = ANY_NUMBER_OF_PODS;
    }
    allocatable.above(&vector(kinds, &observed.taken_by_others))
}

#[cfg(test)]
mod tests;
