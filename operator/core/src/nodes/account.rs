//! One node with its account: who holds what of it.

mod check;
mod free;

use super::observation::NodeObservation;
use super::reserve::{Reserved, chain};
use super::views::{Place, ViewId};
use crate::ids::PoolId;
use crate::pools::Pools;
use crate::ranges::Ranges;
use crate::resources::{Kinds, Resources};
use crate::time::Time;
pub(crate) use check::Load;

/// A node with its account. Only [`super::Nodes`] changes it, so that sums and views follow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    observed: NodeObservation,
    usable: Resources,
    held: Resources,
    promised: Resources,
    leaving: Resources,
    /// The part of `held` that is in offers which nobody has answered yet.
    outstanding: Resources,
    ports: Ports,
    /// What the executors, offers and tasks of each pool's own jobs hold, and what is kept for their
    /// claims, in the order of the pools' ids.
    held_by_pool: Vec<(PoolId, Resources)>,
    /// What pools reserve here, if any does.
    reserved: Option<Box<Reserved>>,
    availability: Availability,
    /// Whether some pool may use the node, so that it counts in the total.
    counted: bool,
    /// Where the node stands in the views that have it.
    places: Vec<(ViewId, Place)>,
    change: Change,
}

/// The ports of a node that are not free.
#[derive(Clone, Debug, Default)]
struct Ports {
    /// Those that offers and tasks hold.
    held: Ranges,
    /// Those of them that are in offers that nobody has answered yet.
    outstanding: Ranges,
}

/// Whether a node may be used, and until when: it may be drained, or its maintenance may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Availability {
    /// Whether nothing new goes there, although the node is offered.
    pub(crate) closed: bool,
    /// By when the node is to be empty.
    pub(crate) unavailable_from: Option<Time>,
    /// Until when what is there may stay, if the node is drained.
    pub(crate) drained_by: Option<Time>,
}

/// What became of a node since it was last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Change {
    #[default]
    None,
    /// Something changed on it.
    Other,
    /// More of it could be offered than before, even if all offers came back.
    More,
}

/// What is known of a node.
impl Node {
    /// What was last observed of it.
    pub(crate) fn observed(&self) -> &NodeObservation {
        &self.observed
    }

    /// What executors can have at most: allocatable, less what others take.
    pub(crate) fn usable(&self) -> &Resources {
        &self.usable
    }

    /// What executors, offers and tasks hold.
    pub(crate) fn held(&self) -> &Resources {
        &self.held
    }

    /// What is kept for claims whose room is being made.
    pub(crate) fn promised(&self) -> &Resources {
        &self.promised
    }

    /// The part of what is held that is held by executors on their way out.
    pub(crate) fn leaving(&self) -> &Resources {
        &self.leaving
    }

    /// The part of what is held that is in offers which nobody has answered yet.
    pub(crate) fn outstanding(&self) -> &Resources {
        &self.outstanding
    }

    /// Whether and until when it may be used.
    pub(crate) fn availability(&self) -> &Availability {
        &self.availability
    }

    /// Whether new executors may go there.
    pub(crate) fn is_open(&self) -> bool {
        self.observed.offered && !self.availability.closed
    }

    /// Whether some pool may use it.
    pub(super) fn is_counted(&self) -> bool {
        self.counted
    }

    /// What pools reserve here, and what of it the node has room for.
    pub(crate) fn reservations(&self) -> impl Iterator<Item = (PoolId, Resources, Resources)> + '_ {
        self.reserved().into_iter().flat_map(Reserved::amounts)
    }

    /// The account of what pools reserve here, if any does.
    pub(super) fn reserved(&self) -> Option<&Reserved> {
        self.reserved.as_deref()
    }
}

/// What changes it. A change is followed by [`Node::settle`].
impl Node {
    /// Takes in a new version and what it has for executors.
    pub(super) fn observe(&mut self, observed: NodeObservation, usable: Resources) {
        (self.observed, self.usable) = (observed, usable);
    }

    /// Takes in that a kind of resource was added to `kinds`.
    pub(super) fn recount(&mut self, kinds: &Kinds) {
        self.usable = self.observed.usable(kinds);
    }

    /// Takes in that it is gone.
    pub(super) fn vanish(&mut self) {
        self.observed.offered = false;
        self.usable = Resources::NONE;
    }

    /// Takes in whether and until when it may be used.
    pub(super) fn set_availability(&mut self, availability: Availability) {
        self.availability = availability;
    }

    /// Takes in whether some pool may use it, and what pools reserve on it, of which nothing is held
    /// yet.
    pub(super) fn apply_rules(&mut self, pools: &Pools, counted: bool, reserved: Option<Reserved>) {
        self.counted = counted;
        self.reserved = reserved.map(|mut reserved| {
            for (pool, held) in &self.held_by_pool {
                reserved.charge(&chain(pools, *pool), held);
            }
            Box::new(reserved)
        });
    }

    /// Takes in what a pool, given with all pools above it, took (or, with less than nothing, gave
    /// back).
    pub(super) fn hold(&mut self, pool: PoolId, chain: &[PoolId], amount: &Resources) {
        self.held = self.held.plus(amount);
        self.count_for(pool, chain, amount);
    }

    /// The same for the pool that pays, the first of `path`, which has all pools above it.
    pub(super) fn hold_for(&mut self, path: &[PoolId], amount: &Resources) {
        if let Some(&pool) = path.first() {
            self.hold(pool, path, amount);
        }
    }

    /// Takes ports for a task.
    pub(super) fn hold_ports(&mut self, ports: &Ranges) {
        self.ports.held.insert_all(ports);
    }

    /// Gives back the ports of a task.
    pub(super) fn release_ports(&mut self, ports: &Ranges) {
        self.ports.held.remove_all(ports);
    }

    /// Takes in that so much is offered to the pool that pays, the first of `path`.
    pub(super) fn offer(&mut self, path: &[PoolId], amount: &Resources, ports: &Ranges) {
        self.ports.held.insert_all(ports);
        self.ports.outstanding.insert_all(ports);
        self.outstanding = self.outstanding.plus(amount);
        self.hold_for(path, amount);
    }

    /// Takes in that such an offer was answered, and what of it is kept for tasks.
    pub(super) fn answer(
        &mut self,
        path: &[PoolId],
        (amount, ports): (&Resources, &Ranges),
        (kept, kept_ports): (&Resources, &Ranges),
    ) {
        self.ports.held.remove_all(ports);
        self.ports.held.insert_all(kept_ports);
        self.ports.outstanding.remove_all(ports);
        self.outstanding = self.outstanding.minus(amount);
        self.hold_for(path, &kept.minus(amount));
    }

    /// Keeps room for a claim of a pool, given with all pools above it, or (with less than nothing)
    /// gives it up.
    pub(super) fn promise(&mut self, pool: PoolId, chain: &[PoolId], amount: &Resources) {
        self.promised = self.promised.plus(amount);
        self.count_for(pool, chain, amount);
    }

    /// Counts what is on its way out.
    pub(super) fn count_leaving(&mut self, amount: &Resources) {
        self.leaving = self.leaving.plus(amount);
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

    /// Computes what is left of the pools' reservations after a change.
    pub(super) fn settle(&mut self) {
        // What nobody can be given keeps no promise.
        let free = if self.is_open() { self.left() } else { Resources::NONE };
        if let Some(reserved) = &mut self.reserved {
            reserved.settle(&free, &self.usable);
        }
    }
}

/// What others note on a node: its places in views, and whether it was looked at.
impl Node {
    pub(super) fn places(&self) -> &[(ViewId, Place)] {
        &self.places
    }

    /// Notes its place in a view.
    pub(super) fn enter(&mut self, view: ViewId, place: Place) {
        self.places.push((view, place));
    }

    /// Forgets its place in a view.
    pub(super) fn leave(&mut self, id: ViewId) {
        self.places.retain(|&(view, _)| view != id);
    }

    /// Forgets its places in all views, and returns them.
    pub(super) fn leave_all(&mut self) -> Vec<(ViewId, Place)> {
        std::mem::take(&mut self.places)
    }

    /// Whether it changed since it was last asked for.
    pub(crate) fn is_news(&self) -> bool {
        self.change != Change::None
    }

    /// Notes what became of it. That more of it could be offered stays noted whatever comes then.
    pub(super) fn note(&mut self, change: Change) {
        if self.change != Change::More {
            self.change = change;
        }
    }

    /// What became of it since this was last asked.
    pub(super) fn take_change(&mut self) -> Change {
        std::mem::take(&mut self.change)
    }
}
