//! Frameworks as they come, go and speak.

mod accept;
mod inverse;
mod offers;
mod shares;
mod status;
mod tasks;

pub(super) use shares::FairShares;

use super::Engine;
use crate::action::Action;
use crate::frameworks::{
    FrameworkAction, FrameworkCall, FrameworkObservation, NamedAmounts, RescindReason,
};
use crate::ids::{ClientId, FrameworkId, JobKey, NodeId, OfferId};
use crate::resources::Resources;
use crate::time::Time;

/// The sequence numbers of frameworks start here: of equal shares, jobs come first.
const FIRST_SEQUENCE: u64 = 1 << 63;

impl Engine {
    pub(super) fn observe_framework(&mut self, now: Time, observed: FrameworkObservation) {
        for name in self.settings.offered_resources.clone() {
            // One that finds no place is not offered.
            let _ = self.kind(&name);
        }
        let id = self.state.frameworks.ensure(&observed.key);
        let Some(framework) = self.state.frameworks.by_id.get(id) else { return };
        let replaced = framework.observed.as_ref().is_some_and(|known| known.uid != observed.uid);
        if replaced {
            self.dismiss(now, id);
        }
        let slice = observed.demand.as_ref();
        let slice = slice.map(|demand| self.intern(&demand.amounts, Resources::NONE));
        let mut subscribed = Vec::with_capacity(observed.pools.len());
        for pool in &observed.pools {
            let minimum = pool.minimum.as_ref().unwrap_or(&self.settings.minimum_offers).clone();
            let minimum = minimum.iter().map(|amounts| self.intern(amounts, Resources::NONE));
            let minimum: Vec<Resources> =
                slice.map_or_else(|| minimum.collect(), |slice| vec![slice]);
            let client = self.enter_client(id, &pool.pool);
            let (state, constraints) = (&mut self.state, pool.constraints.clone());
            state.frameworks.set_conditions(client, minimum, constraints, &state.nodes);
            if let Some(client) = state.frameworks.clients.get_mut(client) {
                (client.subscribed, client.suppressed) = (true, pool.suppressed);
                client.slice = slice;
            }
            subscribed.push(client);
        }
        let connected = observed.connected;
        let Some(framework) = self.state.frameworks.by_id.get_mut(id) else { return };
        framework.observed = Some(observed);
        let clients: Vec<ClientId> = framework.clients.values().copied().collect();
        for client in clients {
            if !subscribed.contains(&client) {
                self.leave(now, client);
            } else if !connected {
                self.disconnect(now, client);
            }
        }
        self.agenda.ask_all();
    }

    pub(super) fn forget_framework(&mut self, now: Time, key: &JobKey) {
        let Some(&id) = self.state.frameworks.by_key.get(key) else { return };
        self.dismiss(now, id);
        if let Some(framework) = self.state.frameworks.by_id.get_mut(id) {
            framework.observed = None;
        }
        self.drop_framework_if_done(id);
    }

    pub(super) fn take_call(&mut self, now: Time, key: &JobKey, call: FrameworkCall) {
        let known = self.state.frameworks.by_key.get(key).copied();
        let known = known.filter(|&id| {
            let framework = self.state.frameworks.by_id.get(id);
            framework.is_some_and(|framework| framework.observed.is_some())
        });
        let Some(id) = known else {
            if let FrameworkCall::Accept { offers, tasks, .. } = &call {
                self.refuse_tasks(key, offers, tasks);
            }
            self.tell(key, FrameworkAction::NotSubscribed);
            return;
        };
        match call {
            FrameworkCall::Accept { offers, tasks, refuse_milliseconds } => {
                self.accept(now, id, &offers, &tasks, refuse_milliseconds);
            }
            FrameworkCall::Decline { offers, refuse_milliseconds } => {
                for offer in offers {
                    if self.owns(id, offer) {
                        self.give_back(now, offer, refuse_milliseconds);
                    }
                }
            }
            FrameworkCall::Revive { pools } => {
                for client in self.named_clients(id, &pools) {
                    if let Some(client) = self.state.frameworks.clients.get_mut(client) {
                        client.suppressed = false;
                        client.filters.clear();
                    }
                    self.state.frameworks.set_filter_timer(client);
                    self.agenda.ask_all();
                }
                self.forget_inverse_answers(id);
            }
            FrameworkCall::Suppress { pools } => {
                for client in self.named_clients(id, &pools) {
                    if let Some(client) = self.state.frameworks.clients.get_mut(client) {
                        client.suppressed = true;
                    }
                }
            }
            FrameworkCall::AnswerInverse { offers, agreed, refuse_milliseconds } => {
                self.take_inverse_answers(now, id, &offers, agreed, refuse_milliseconds);
            }
        }
    }

    /// Takes back the offers of a node that do not hold any more now that something about it changed;
    /// `all` if they are not what they were.
    pub(super) fn check_offers_on(&mut self, now: Time, id: NodeId, all: bool) {
        let Some(node) = self.state.nodes.get(id) else { return };
        let all = all || !node.is_open();
        if node.availability().unavailable_from.is_some() {
            self.state.frameworks.note_unavailable(id);
        }
        while let Some(offer) = self.newest_beyond(id, all) {
            self.rescind(now, offer, RescindReason::NodeChanged);
        }
    }

    /// The newest offer of a node that holds something of which the node has less than is held; or the
    /// newest of all.
    fn newest_beyond(&self, id: NodeId, all: bool) -> Option<OfferId> {
        let node = self.state.nodes.get(id)?;
        let beyond = node.held().above(node.usable());
        let frameworks = &self.state.frameworks;
        let mut newest_first = frameworks.offers_on(id).rev();
        let is_beyond = |offer: &OfferId| {
            frameworks.offers.get(offer).is_some_and(|offer| {
                !offer.amount.min_each(&beyond).is_none()
                    || !node.observed().ports.contains_all(&offer.ports)
            })
        };
        newest_first.find(|offer| all || is_beyond(offer))
    }

    /// Takes back the offers of a node that is gone, and reports its tasks lost.
    pub(super) fn clear_node(&mut self, now: Time, id: NodeId) {
        let newest_first: Vec<OfferId> = self.state.frameworks.offers_on(id).rev().collect();
        for offer in newest_first {
            self.rescind(now, offer, RescindReason::NodeGone);
        }
        self.lose_tasks_on(id);
        self.rescind_inverse_of(id);
        self.state.frameworks.forget_node(id);
    }

    /// The client of a framework in a pool of this name; a new one, not subscribed, if there is none.
    fn enter_client(&mut self, framework: FrameworkId, pool: &str) -> ClientId {
        if let Some(pool) = self.state.pools.find(pool)
            && let Some(client) = self.state.frameworks.client(framework, pool)
        {
            return client;
        }
        let pool = self.state.pools.enter(pool);
        self.state.frameworks.add_client(framework, self.state.pools.path(pool))
    }

    /// Takes from a framework all that it does not need to finish its tasks.
    fn dismiss(&mut self, now: Time, id: FrameworkId) {
        let Some(framework) = self.state.frameworks.by_id.get(id) else { return };
        let clients: Vec<ClientId> = framework.clients.values().copied().collect();
        for client in clients {
            self.disconnect(now, client);
            if let Some(client) = self.state.frameworks.clients.get_mut(client) {
                client.allocations = 0;
            }
            self.leave(now, client);
        }
    }

    /// Takes back a client's offers and forgets its filters; its tasks stay.
    fn disconnect(&mut self, now: Time, id: ClientId) {
        self.rescind_all(now, id, RescindReason::Disconnected);
        self.clear_filters(id);
    }

    /// Lets a framework leave a pool. The client stays while it has tasks.
    fn leave(&mut self, now: Time, id: ClientId) {
        self.rescind_all(now, id, RescindReason::PoolGone);
        self.clear_filters(id);
        if let Some(client) = self.state.frameworks.clients.get_mut(id) {
            (client.subscribed, client.suppressed) = (false, false);
        }
        self.drop_client_if_done(id);
    }

    fn clear_filters(&mut self, id: ClientId) {
        if let Some(client) = self.state.frameworks.clients.get_mut(id) {
            client.filters.clear();
        }
        self.state.frameworks.set_filter_timer(id);
    }

    fn rescind_all(&mut self, now: Time, id: ClientId, reason: RescindReason) {
        let client = self.state.frameworks.clients.get(id);
        let offers: Vec<OfferId> = client.into_iter().flat_map(|c| c.offers.clone()).collect();
        for offer in offers {
            self.rescind(now, offer, reason);
        }
    }

    /// Removes a client that neither takes offers nor has tasks.
    fn drop_client_if_done(&mut self, id: ClientId) {
        let frameworks = &mut self.state.frameworks;
        let Some(client) = frameworks.clients.get(id) else { return };
        if client.subscribed || client.tasks > 0 || !client.offers.is_empty() {
            return;
        }
        let (framework, pool) = (client.framework, client.pool());
        frameworks.remove_client(id);
        self.state.pools.leave(pool);
        self.drop_framework_if_done(framework);
    }

    /// Removes a framework that is gone, with its last task.
    fn drop_framework_if_done(&mut self, id: FrameworkId) {
        let frameworks = &mut self.state.frameworks;
        let Some(framework) = frameworks.by_id.get(id) else { return };
        if framework.observed.is_some() || !framework.clients.is_empty() {
            return;
        }
        frameworks.remove(id);
        self.rescind_inverse_to(id);
    }

    /// The clients that a call is about; it is told about pools that are not its own.
    fn named_clients(&mut self, id: FrameworkId, pools: &[Box<str>]) -> Vec<ClientId> {
        let subscribed = |engine: &Self, client: &ClientId| {
            engine.state.frameworks.clients.get(*client).is_some_and(|client| client.subscribed)
        };
        let Some(framework) = self.state.frameworks.by_id.get(id) else { return Vec::new() };
        let key = framework.key.clone();
        if pools.is_empty() {
            let all: Vec<ClientId> = framework.clients.values().copied().collect();
            return all.into_iter().filter(|client| subscribed(self, client)).collect();
        }
        let mut named = Vec::with_capacity(pools.len());
        for name in pools {
            let pool = self.state.pools.find(name);
            let client = pool.and_then(|pool| self.state.frameworks.client(id, pool));
            match client.filter(|client| subscribed(self, client)) {
                Some(client) => named.push(client),
                None => self.tell(&key, FrameworkAction::NotInPool { pool: name.clone() }),
            }
        }
        named
    }

    /// Whether an offer is a framework's.
    fn owns(&self, id: FrameworkId, offer: OfferId) -> bool {
        let client = self.state.frameworks.offers.get(&offer).map(|offer| offer.client);
        let client = client.and_then(|client| self.state.frameworks.clients.get(client));
        client.is_some_and(|client| client.framework == id)
    }

    fn tell(&mut self, key: &JobKey, action: FrameworkAction) {
        self.outgoing.push((None, Action::Framework(key.clone(), action)));
    }

    fn key_of(&self, id: FrameworkId) -> Option<JobKey> {
        Some(self.state.frameworks.by_id.get(id)?.key.clone())
    }

    fn named_amounts(&self, amount: &Resources) -> NamedAmounts {
        self.named(amount)
    }
}

#[cfg(test)]
mod tests;
