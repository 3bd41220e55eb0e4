//! Offers, and the tasks that took them.

use std::collections::{BTreeMap, BTreeSet};

use super::observation::NamedAmounts;
use super::{Frameworks, Timer};
use crate::ids::{ClientId, FrameworkId, JobKey, NodeId, OfferId, TaskId};
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::time::Time;

/// An offer: all that a framework may take on a node, for a while. It belongs to one of the
/// framework's pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferDescription {
    /// Its number.
    pub id: OfferId,
    /// Whose it is.
    pub framework: JobKey,
    /// The pool that pays.
    pub pool: Box<str>,
    /// The node.
    pub node: Box<str>,
    /// What may be taken.
    pub amounts: NamedAmounts,
    /// The ports that may be taken.
    pub ports: Ranges,
    /// When it is taken back if nobody has answered.
    pub expires_at: Option<Time>,
    /// When the node goes into maintenance, if it does.
    pub unavailable_from: Option<Time>,
}

/// An offer that nobody has answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) client: ClientId,
    pub(crate) node: NodeId,
    pub(crate) amount: Resources,
    /// What of it is reserved for nobody.
    pub(crate) unreserved: Resources,
    pub(crate) ports: Ranges,
    pub(crate) expires_at: Option<Time>,
}

/// A task, which holds what it took of an offer until it is gone.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) client: ClientId,
    pub(crate) node: NodeId,
    pub(crate) amount: Resources,
    pub(crate) ports: Ranges,
}

/// What a client can be offered.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) node: NodeId,
    pub(crate) amount: Resources,
    pub(crate) ports: Ranges,
}

/// Offers.
impl Frameworks {
    /// Numbers offers from this one on.
    pub(crate) fn start_numbers_at(&mut self, number: u64) {
        self.next_offer = number;
    }

    /// The number of the next offer, inverse or not.
    pub(super) fn take_number(&mut self) -> u64 {
        let number = self.next_offer;
        self.next_offer += 1;
        number
    }

    /// The first offer that was made to a client on a node in this tick.
    pub(crate) fn fresh_offer(&mut self, client: ClientId, node: NodeId) -> Option<&mut Offer> {
        let of_this_node = (client, node, OfferId(0))..=(client, node, OfferId(u64::MAX));
        let (_, _, id) = self.fresh.range(of_this_node).next()?;
        self.offers.get_mut(id)
    }

    /// Adds an offer, of which its framework has to be told.
    pub(crate) fn add_offer(&mut self, offer: Offer) {
        let id = OfferId(self.take_number());
        if let Some(client) = self.clients.get_mut(offer.client) {
            client.offers.insert(id);
        }
        self.fresh.insert((offer.client, offer.node, id));
        self.move_timer(None, offer.expires_at, Timer::Offer(id));
        self.offers_on.entry(offer.node).or_default().insert(id);
        self.offers.insert(id, offer);
    }

    /// The offers of which frameworks have to be told, in order. From now on they have been.
    pub(crate) fn take_fresh(&mut self) -> Vec<OfferId> {
        let fresh = std::mem::take(&mut self.fresh);
        let mut fresh: Vec<OfferId> = fresh.into_iter().map(|(_, _, id)| id).collect();
        fresh.sort_unstable();
        fresh
    }

    /// A framework need not be told of an offer any more; says whether it had not been yet.
    pub(crate) fn forget_fresh(&mut self, id: OfferId, offer: &Offer) -> bool {
        self.fresh.remove(&(offer.client, offer.node, id))
    }

    /// Removes an offer. What its client holds stays counted.
    pub(crate) fn remove_offer(&mut self, id: OfferId) -> Option<Offer> {
        let offer = self.offers.remove(&id)?;
        self.move_timer(offer.expires_at, None, Timer::Offer(id));
        forget_in(&mut self.offers_on, offer.node, &id);
        if let Some(client) = self.clients.get_mut(offer.client) {
            client.offers.remove(&id);
        }
        Some(offer)
    }

    /// The offers on a node, the oldest first.
    pub(crate) fn offers_on(&self, node: NodeId) -> impl DoubleEndedIterator<Item = OfferId> {
        self.offers_on.get(&node).into_iter().flatten().copied()
    }

    /// The nodes of which something is offered.
    pub(crate) fn offered_nodes(&self) -> impl Iterator<Item = NodeId> {
        self.offers_on.keys().copied()
    }
}

/// Tasks.
impl Frameworks {
    /// Adds a task. What its client holds is not counted here.
    pub(crate) fn add_task(&mut self, id: FrameworkId, name: &TaskId, task: Task) {
        if let Some(client) = self.clients.get_mut(task.client) {
            client.tasks += 1;
        }
        self.tasks_on.entry(task.node).or_default().insert((id, name.clone()));
        if let Some(framework) = self.by_id.get_mut(id) {
            framework.tasks.insert(name.clone(), task);
        }
    }

    /// Removes a task. What its client holds stays counted.
    pub(crate) fn remove_task(&mut self, id: FrameworkId, name: &TaskId) -> Option<Task> {
        let task = self.by_id.get_mut(id)?.tasks.remove(name)?;
        forget_in(&mut self.tasks_on, task.node, &(id, name.clone()));
        if let Some(client) = self.clients.get_mut(task.client) {
            client.tasks -= 1;
        }
        Some(task)
    }

    /// The tasks on a node with their frameworks.
    pub(crate) fn tasks_on(&self, node: NodeId) -> impl Iterator<Item = &(FrameworkId, TaskId)> {
        self.tasks_on.get(&node).into_iter().flatten()
    }
}

/// Takes something out of an index; nodes without any are not listed.
fn forget_in<T: Ord>(index: &mut BTreeMap<NodeId, BTreeSet<T>>, node: NodeId, it: &T) {
    if let Some(on) = index.get_mut(&node) {
        on.remove(it);
        if on.is_empty() {
            index.remove(&node);
        }
    }
}
