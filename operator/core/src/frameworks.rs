//! Frameworks whose demand is not known, and what they are offered: Mesos's second level.
//!
//! A framework takes what it can use of an *offer*, which is everything that it may have of a node,
//! and answers in its own time. In each of its pools it is a *client*, as in Mesos's sorters: asked in
//! its turn, with filters of its own. Offers are exclusive: what is offered is charged to the node and
//! the pools at once, like an executor, until it is declined, taken back, or the task that took it is
//! gone.
//!
//! ```text
//! open nodes ∖ hidden by filters ∖ excluded by constraints ─► exact check ─► offer
//!   (bits)            (bits)                (bits)              of the first few
//! ```

mod answers;
mod bits;
mod check;
mod constraints;
mod filters;
mod inverse;
mod observation;
mod offers;
mod slots;
mod timers;

use std::collections::{BTreeMap, BTreeSet};

use crate::arena::Arena;
use crate::explain::Rejection;
use crate::ids::{ClientId, FrameworkId, JobKey, NodeId, PoolId};
pub use crate::ids::{InverseOfferId, OfferId, TaskId};
use crate::nodes::{Node, Nodes, Reach};
use crate::resources::Resources;
use crate::time::Time;
pub use answers::{FrameworkAction, FrameworkCall, RescindReason, TaskProblem, TaskRequest};
pub(crate) use bits::Bits;
pub use constraints::{Constraint, Predicate, Selector};
pub(crate) use filters::{Filters, Refused};
pub(crate) use inverse::Inverse;
pub use observation::{Demand, FrameworkObservation, FrameworkPool, NamedAmounts, RunningTask};
pub use offers::OfferDescription;
pub(crate) use offers::{Found, Offer, Task};
use slots::Slots;
pub(crate) use timers::Timer;

/// How many ports an offer of a slice has: the next one of the same node has others.
const PORTS_OF_A_SLICE: usize = 64;

/// A framework with its tasks.
#[derive(Clone, Debug)]
pub(crate) struct Framework {
    pub(crate) key: JobKey,
    /// What was seen of it; `None` for one of which only tasks are known, or that is gone.
    pub(crate) observed: Option<FrameworkObservation>,
    /// Its clients, by pool.
    pub(crate) clients: BTreeMap<PoolId, ClientId>,
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    /// How often it was offered something in this round, of which no offer was made yet.
    given: u32,
}

impl Framework {
    /// Whether it is there to answer offers.
    pub(crate) fn connected(&self) -> bool {
        self.observed.as_ref().is_some_and(|observed| observed.connected)
    }
}

/// A framework in one of its pools.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) framework: FrameworkId,
    /// The pool and all above it.
    pub(crate) path: Vec<PoolId>,
    /// Whether the framework still names the pool.
    pub(crate) subscribed: bool,
    pub(crate) suppressed: bool,
    /// What offers and tasks hold.
    pub(crate) held: Resources,
    /// What of it is in offers.
    pub(crate) offered: Resources,
    /// What of that is reserved for nobody.
    pub(crate) counted: Resources,
    /// How many offers it was ever given, and tasks seen after a restart.
    pub(crate) allocations: u64,
    pub(crate) offers: BTreeSet<OfferId>,
    /// The number of its tasks.
    pub(crate) tasks: usize,
    pub(crate) filters: Filters,
    /// How large its offers are, if the framework says what it can make use of.
    pub(crate) slice: Option<Resources>,
    /// One of these must be in an offer.
    pub(crate) minimum: Vec<Resources>,
    /// One of these groups must hold of a node.
    pub(crate) constraints: Vec<Vec<Constraint>>,
    /// The slots of nodes of which none holds.
    pub(crate) excluded: Bits,
    /// The slot at which to look on in this round.
    cursor: usize,
    /// Whether one of the slots before it has a node with room for a slice.
    found: bool,
    /// When the framework's filters are to be looked at.
    pub(crate) filter_timer: Option<Time>,
    /// Why it was offered no more in the last round.
    pub(crate) waiting: Option<Rejection>,
}

impl Client {
    pub(crate) fn pool(&self) -> PoolId {
        self.path[0]
    }

    /// Whether an amount is worth an offer.
    fn suffices(&self, amount: &Resources) -> bool {
        !amount.is_none()
            && (self.minimum.is_empty() || self.minimum.iter().any(|least| least.fits_in(amount)))
    }
}

/// All frameworks, and what is offered to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frameworks {
    pub(crate) by_id: Arena<FrameworkId, Framework>,
    pub(crate) by_key: BTreeMap<JobKey, FrameworkId>,
    pub(crate) clients: Arena<ClientId, Client>,
    pub(crate) offers: BTreeMap<OfferId, Offer>,
    offers_on: BTreeMap<NodeId, BTreeSet<OfferId>>,
    tasks_on: BTreeMap<NodeId, BTreeSet<(FrameworkId, TaskId)>>,
    inverse: BTreeMap<(NodeId, FrameworkId), Inverse>,
    /// The nodes that go into maintenance.
    unavailable: BTreeSet<NodeId>,
    timers: BTreeSet<(Time, Timer)>,
    next_offer: u64,
    /// Offers of which frameworks have to be told.
    fresh: BTreeSet<(ClientId, NodeId, OfferId)>,
    slots: Slots,
    /// All slots that nodes have.
    taken: Bits,
    /// Slots of nodes of which something could be offered to somebody.
    open: Bits,
    /// The smallest amounts that are worth an offer to any framework.
    least: Vec<Resources>,
}

impl Frameworks {
    /// The framework of this name; a new one is made if there is none.
    pub(crate) fn ensure(&mut self, key: &JobKey) -> FrameworkId {
        if let Some(&id) = self.by_key.get(key) {
            return id;
        }
        let id = self.by_id.insert(Framework {
            key: key.clone(),
            observed: None,
            clients: BTreeMap::new(),
            tasks: BTreeMap::new(),
            given: 0,
        });
        self.by_key.insert(key.clone(), id);
        id
    }

    /// Forgets a framework that has no clients.
    pub(crate) fn remove(&mut self, id: FrameworkId) {
        if let Some(framework) = self.by_id.remove(id) {
            self.by_key.remove(&framework.key);
        }
    }

    /// The client of a framework in a pool, if there is one.
    pub(crate) fn client(&self, framework: FrameworkId, pool: PoolId) -> Option<ClientId> {
        self.by_id.get(framework)?.clients.get(&pool).copied()
    }

    /// Adds a client, which is not subscribed yet.
    pub(crate) fn add_client(&mut self, framework: FrameworkId, path: Vec<PoolId>) -> ClientId {
        let pool = path[0];
        let id = self.clients.insert(Client {
            framework,
            path,
            subscribed: false,
            suppressed: false,
            held: Resources::NONE,
            offered: Resources::NONE,
            counted: Resources::NONE,
            allocations: 0,
            offers: BTreeSet::new(),
            tasks: 0,
            filters: Filters::default(),
            slice: None,
            minimum: Vec::new(),
            constraints: Vec::new(),
            excluded: Bits::default(),
            cursor: 0,
            found: false,
            filter_timer: None,
            waiting: None,
        });
        if let Some(framework) = self.by_id.get_mut(framework) {
            framework.clients.insert(pool, id);
        }
        id
    }

    /// Forgets a client that has neither offers nor tasks.
    pub(crate) fn remove_client(&mut self, id: ClientId) {
        let Some(client) = self.clients.remove(id) else { return };
        self.move_timer(client.filter_timer, None, Timer::Filters(id));
        if let Some(framework) = self.by_id.get_mut(client.framework) {
            framework.clients.remove(&client.pool());
        }
    }

    /// Sets what a client wants of offers and nodes.
    pub(crate) fn set_conditions(
        &mut self,
        id: ClientId,
        minimum: Vec<Resources>,
        constraints: Vec<Vec<Constraint>>,
        nodes: &Nodes,
    ) {
        // Of these more nodes are worth an offer than before.
        let smaller = |least: &Resources| !self.least.iter().any(|known| known.fits_in(least));
        if minimum.is_empty() && !self.least.contains(&Resources::NONE) {
            self.least = vec![Resources::NONE];
            self.open_all();
        } else if minimum.iter().any(smaller) {
            self.least.extend(minimum.iter().copied());
            self.open_all();
        }
        let Some(client) = self.clients.get_mut(id) else { return };
        client.minimum = minimum;
        if client.constraints != constraints {
            client.constraints = constraints;
            client.excluded.clear();
            for (slot, node) in self.slots.iter() {
                if let Some(node) = nodes.get(node) {
                    client.check_constraints(slot, node);
                }
            }
        }
    }

    /// The slot of a node, if it has been looked at.
    pub(crate) fn slot(&self, node: NodeId) -> Option<u32> {
        self.slots.of(node)
    }

    /// Takes in which nodes changed. New ones get slots in the order of their names, so that it does
    /// not matter in which order they were seen.
    pub(crate) fn take_changes(&mut self, nodes: &mut Nodes) {
        if self.by_id.bound() == 0 {
            return;
        }
        let changed = nodes.take_changed();
        let mut new: Vec<(&str, NodeId)> = changed
            .iter()
            .filter(|&&(id, _)| self.slots.of(id).is_none())
            .filter_map(|&(id, _)| Some((&*nodes.get(id)?.observed().name, id)))
            .collect();
        new.sort_unstable();
        for (_, id) in new {
            let slot = self.slots.add(id);
            self.taken.insert(slot as usize);
        }
        let mut grown = Bits::default();
        for &(id, more) in &changed {
            let Some(slot) = self.slots.of(id) else { continue };
            self.open.insert(slot as usize);
            if more {
                grown.insert(slot as usize);
            }
        }
        if grown.is_empty() {
            return;
        }
        let more = changed.iter().filter(|(_, more)| *more);
        let looked_at: Vec<(u32, NodeId)> =
            more.filter_map(|&(id, _)| Some((self.slots.of(id)?, id))).collect();
        for client in self.clients.iter_mut() {
            client.filters.look_again(&grown);
            if client.constraints.is_empty() {
                continue;
            }
            for &(slot, node) in &looked_at {
                if let Some(node) = nodes.get(node) {
                    client.check_constraints(slot, node);
                }
            }
        }
    }

    /// Forgets a node's slot, and all filters for it.
    pub(crate) fn forget_node(&mut self, node: NodeId) {
        if let Some(slot) = self.slots.remove(node) {
            self.open.remove(slot as usize);
            self.taken.remove(slot as usize);
            self.forget_filters_of(slot);
        }
        self.forget_unavailable(node);
    }

    /// Forgets all filters for a node.
    pub(crate) fn forget_filters(&mut self, node: NodeId) {
        if let Some(slot) = self.slots.of(node) {
            self.forget_filters_of(slot);
        }
    }

    fn forget_filters_of(&mut self, slot: u32) {
        self.clients.iter_mut().for_each(|client| client.filters.forget_slot(slot));
        let ends = |client: &Client| client.filter_timer != client.filters.next_end();
        let other = self.clients.iter().filter(|(_, client)| ends(client));
        let other: Vec<ClientId> = other.map(|(id, _)| id).collect();
        other.into_iter().for_each(|id| self.set_filter_timer(id));
    }

    /// Lets every client look at all nodes in a new round.
    pub(crate) fn start_round(&mut self) {
        self.clients.iter_mut().for_each(|client| (client.cursor, client.found) = (0, false));
        self.by_id.iter_mut().for_each(|framework| framework.given = 0);
    }

    /// Whether there may be a node that a client can be offered.
    pub(crate) fn may_be_offered(&self, id: ClientId) -> bool {
        let Some(client) = self.clients.get(id) else { return false };
        let without = [client.filters.hidden(), &client.excluded];
        self.open.first_outside(without, client.cursor).is_some()
    }

    /// Whether there is a node that a client would take an offer of, whoever has what is on it now.
    pub(crate) fn may_want(&self, id: ClientId) -> bool {
        let Some(client) = self.clients.get(id) else { return false };
        self.taken.first_outside([client.filters.hidden(), &client.excluded], 0).is_some()
    }

    /// Whether an amount is worth an offer to a client.
    pub(crate) fn suffices(&self, id: ClientId, amount: &Resources) -> bool {
        self.clients.get(id).is_some_and(|client| client.suffices(amount))
    }

    /// The next node that a client can be offered something of, and what. `room` says how much of
    /// what is left of a node, part of which is reserved for the client, it may take.
    pub(crate) fn next_node(
        &mut self,
        id: ClientId,
        nodes: &Nodes,
        reach: Reach,
        room: impl Fn(&Resources, &Resources) -> Resources,
    ) -> Option<Found> {
        let client = self.clients.get_mut(id)?;
        loop {
            let without = [client.filters.hidden(), &client.excluded];
            let Some(slot) = self.open.first_outside(without, client.cursor) else {
                // Slices go to all nodes in turn, and then there may be room for more of them.
                if !std::mem::take(&mut client.found) {
                    return None;
                }
                client.cursor = 0;
                continue;
            };
            client.cursor = slot + 1;
            let number = u32::try_from(slot).unwrap_or(u32::MAX);
            let node_id = self.slots.node(number);
            let Some((id, node)) = node_id.and_then(|id| Some((id, nodes.get(id)?))) else {
                self.open.remove(slot);
                continue;
            };
            let left = node.left();
            let worth = !left.is_none() && self.least.iter().any(|least| least.fits_in(&left));
            if !node.is_open() || !worth {
                self.open.remove(slot);
                continue;
            }
            if !nodes.is_in_reach(node, reach) {
                continue;
            }
            let (left, reserved) = node.takeable(&client.path);
            let mut amount = room(&left, &reserved);
            let mut ports = node.free_ports();
            if let Some(slice) = &client.slice {
                amount = amount.min_each(slice);
                ports = ports.iter().take(PORTS_OF_A_SLICE).collect();
            }
            if !client.suffices(&amount) {
                continue;
            }
            if !client.filters.hides(number, &amount, &ports) {
                client.found = client.slice.is_some();
                if let Some(framework) = self.by_id.get_mut(client.framework) {
                    framework.given += 1;
                }
                return Some(Found { node: id, amount, ports });
            }
            if client.slice.is_some() {
                continue;
            }
            let most = node.ceiling(&client.path);
            if client.filters.hides(number, &most, &node.ceiling_ports()) {
                client.filters.hide(number);
            }
        }
    }

    /// How many more executors a framework can make use of, if it says so.
    pub(crate) fn executors_left(&self, id: FrameworkId) -> Option<u32> {
        let framework = self.by_id.get(id)?;
        let demand = framework.observed.as_ref()?.demand.as_ref()?;
        let clients = framework.clients.values().filter_map(|&client| self.clients.get(client));
        let offers = clients.map(|client| client.offers.len()).sum::<usize>();
        let used = u32::try_from(framework.tasks.len() + offers).unwrap_or(u32::MAX);
        Some(demand.executors.saturating_sub(used).saturating_sub(framework.given))
    }

    /// How many nodes have something to offer; how many of them a client has refused, as far as that
    /// is known; and how many its constraints exclude.
    pub(crate) fn count_nodes(&self, client: &Client) -> (usize, usize, usize) {
        let refused = self.open.common(client.filters.hidden());
        (self.open.len(), refused, self.open.common(&client.excluded))
    }

    fn open_all(&mut self) {
        for (slot, _) in self.slots.iter() {
            self.open.insert(slot as usize);
        }
    }
}

impl Client {
    fn check_constraints(&mut self, slot: u32, node: &Node) {
        let holds = |group: &Vec<Constraint>| {
            group.iter().all(|constraint| constraint.holds(node.observed()))
        };
        if self.constraints.is_empty() || self.constraints.iter().any(holds) {
            self.excluded.remove(slot as usize);
        } else {
            self.excluded.insert(slot as usize);
        }
    }
}
