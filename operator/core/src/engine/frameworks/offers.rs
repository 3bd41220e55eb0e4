//! Offers are made, given back and taken back.

use super::FIRST_SEQUENCE;
use crate::allocator::{Choice, Claim, Grant, WholeNodes, explain_placement};
use crate::engine::Engine;
use crate::explain::Rejection;
use crate::frameworks::{
    Client, FrameworkAction, Offer, OfferDescription, Refused, RescindReason, Timer,
};
use crate::ids::{ClientId, OfferId, PoolId};
use crate::nodes::Reach;
use crate::policy::Placement;
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::state::State;
use crate::time::{Span, Time};
use std::collections::BTreeMap;

impl Engine {
    /// What the frameworks may be offered: a claim for each client that takes offers and that there
    /// may be a node for. `most` says how much, where jobs wait.
    pub(in crate::engine) fn framework_claims(
        &mut self,
        most: Option<&BTreeMap<ClientId, Resources>>,
    ) -> (Vec<ClientId>, Vec<Claim>) {
        let (mut ids, mut claims) = (Vec::new(), Vec::new());
        let request = self.one_of_each();
        self.state.frameworks.start_round();
        let mut waiting = Vec::new();
        for (sequence, pool, id, has_all) in self.connected_clients() {
            if has_all {
                waiting.push((id, None));
                continue;
            }
            let reach = match self.client_reach(pool, id) {
                Ok(Some(reach)) => reach,
                Ok(None) => continue,
                Err(rejection) => {
                    waiting.push((id, Some(rejection)));
                    continue;
                }
            };
            let Some(client) = self.state.frameworks.clients.get(id) else { continue };
            let most = most.and_then(|most| most.get(&id));
            let most = most.map_or(Resources::UNLIMITED, |most| most.above(&client.counted));
            ids.push(id);
            claims.push(Claim {
                pool,
                priority: 0,
                sequence,
                held: client.held,
                allocations: client.allocations,
                request,
                reach,
                unplaced: 0,
                choice: Choice::default(),
                wanted: u32::MAX,
                gang: false,
                placement: Placement::default(),
                on_nodes: BTreeMap::new(),
                client: Some(WholeNodes { client: id, most }),
            });
        }
        for (id, rejection) in waiting {
            self.explain_client(id, rejection);
        }
        (ids, claims)
    }

    /// The clients of connected frameworks with their places in the order and their pools, and whether
    /// their framework has all the executors that it wants.
    fn connected_clients(&self) -> Vec<(u64, PoolId, ClientId, bool)> {
        let frameworks = &self.state.frameworks;
        let mut clients = Vec::new();
        for (sequence, &id) in (FIRST_SEQUENCE..).zip(frameworks.by_key.values()) {
            let Some(framework) = frameworks.by_id.get(id).filter(|it| it.connected()) else {
                continue;
            };
            let has_all = frameworks.executors_left(id) == Some(0);
            let of_this = framework.clients.iter();
            clients.extend(of_this.map(|(&pool, &client)| (sequence, pool, client, has_all)));
        }
        clients
    }

    /// Which nodes a client may be offered: `Ok(None)` if it wants no offers, or why there are none.
    fn client_reach(&mut self, pool: PoolId, id: ClientId) -> Result<Option<Reach>, Rejection> {
        let State { frameworks, pools, nodes, .. } = &mut self.state;
        let wants = |client: &&Client| client.subscribed && !client.suppressed;
        let client = frameworks.clients.get(id).filter(wants);
        let Some((client, declared)) = client.zip(pools.get(pool)) else { return Ok(None) };
        if !declared.declared {
            return Err(Rejection::NoPool { pool: declared.name.clone() });
        }
        let requirement = pools.requirement(pool)?;
        let reach = nodes.reach(&requirement, pool, pools);
        if frameworks.may_be_offered(id) {
            return Ok(Some(reach));
        }
        let slice = client.slice.filter(|slice| !nodes.fits(slice, reach));
        let reason = slice.map(|slice| explain_placement(nodes, &slice, reach));
        Err(reason.unwrap_or(Rejection::NothingToOffer))
    }

    /// Whether there is a framework that could be offered something.
    pub(in crate::engine) fn has_frameworks(&self) -> bool {
        !self.state.frameworks.by_key.is_empty()
    }

    /// One of each kind of resource that there is: a framework may want any of them.
    pub(super) fn one_of_each(&self) -> Resources {
        let mut one = Resources::NONE;
        for (kind, _) in self.state.nodes.total().iter() {
            one[kind] = 1;
        }
        one
    }

    /// Makes an offer of what the round has charged to a node. The framework is told when all rounds
    /// of the tick are over: what another round adds on the same node is in the same offer.
    pub(in crate::engine) fn make_offer(&mut self, now: Time, id: ClientId, grant: Grant) {
        let Some(&node) = grant.nodes.first() else { return };
        let frameworks = &mut self.state.frameworks;
        let Some(client) = frameworks.clients.get_mut(id) else { return };
        client.held = client.held.plus(&grant.amount);
        client.offered = client.offered.plus(&grant.amount);
        client.counted = client.counted.plus(&grant.unreserved);
        client.allocations += 1;
        let (framework, pool, slice) = (client.framework, client.pool(), client.slice);
        self.state.pools.charge(pool, &grant.amount);
        self.state.pools.offer(pool, &grant.amount);
        let Grant { amount, unreserved, ports, .. } = grant;
        // Slices stay apart: each is for one executor.
        if slice.is_none()
            && let Some(offer) = frameworks.fresh_offer(id, node)
        {
            offer.amount = offer.amount.plus(&amount);
            offer.unreserved = offer.unreserved.plus(&unreserved);
            offer.ports.insert_all(&ports);
            return;
        }
        let observed = frameworks.by_id.get(framework).and_then(|known| known.observed.as_ref());
        let own = observed.and_then(|seen| seen.offer_timeout_milliseconds);
        let timeout = own.or(self.settings.offer_timeout_milliseconds);
        let expires_at = timeout.map(|timeout| now + timeout);
        frameworks.add_offer(Offer { client: id, node, amount, unreserved, ports, expires_at });
    }

    /// Tells frameworks of the offers that were made in this tick.
    pub(in crate::engine) fn tell_offers(&mut self) {
        for offer in self.state.frameworks.take_fresh() {
            if let Some(description) = self.describe(offer) {
                let key = description.framework.clone();
                self.tell(&key, FrameworkAction::Offer(Box::new(description)));
            }
        }
    }

    pub(super) fn describe(&self, id: OfferId) -> Option<OfferDescription> {
        let frameworks = &self.state.frameworks;
        let offer = frameworks.offers.get(&id)?;
        let client = frameworks.clients.get(offer.client)?;
        let node = self.state.nodes.get(offer.node)?;
        Some(OfferDescription {
            id,
            framework: frameworks.by_id.get(client.framework)?.key.clone(),
            pool: self.state.pools.get(client.pool())?.name.clone(),
            node: node.observed().name.clone(),
            amounts: self.named_amounts(&offer.amount),
            ports: offer.ports.clone(),
            expires_at: offer.expires_at,
            unavailable_from: node.availability().unavailable_from,
        })
    }

    /// Ends an offer. What is not kept for tasks goes back to the node and the pools.
    pub(super) fn end_offer(
        &mut self,
        id: OfferId,
        kept: &Resources,
        kept_ports: &Ranges,
    ) -> Option<Offer> {
        let frameworks = &mut self.state.frameworks;
        let offer = frameworks.remove_offer(id)?;
        let rest = offer.amount.minus(kept);
        let client = frameworks.clients.get_mut(offer.client)?;
        client.held = client.held.minus(&rest);
        client.offered = client.offered.minus(&offer.amount);
        client.counted = client.counted.minus(&offer.unreserved);
        let (path, pool) = (client.path.clone(), client.pool());
        let offered = (&offer.amount, &offer.ports);
        self.state.nodes.answer(offer.node, &path, offered, (kept, kept_ports));
        self.state.pools.answer(pool, &offer.amount);
        self.state.pools.release(pool, &rest);
        self.agenda.ask_all();
        Some(offer)
    }

    /// A framework gives back an offer, and does not want to see the like for some time.
    pub(super) fn give_back(&mut self, now: Time, id: OfferId, refuse: Span) {
        if let Some(offer) = self.end_offer(id, &Resources::NONE, &Ranges::new()) {
            let refused = Refused { amount: offer.amount, ports: offer.ports };
            self.refuse(now, offer.client, offer.node, refused, refuse);
        }
    }

    /// Hides what came back from a framework from it: as long as it wants, and for a moment in any
    /// case, so that others come first.
    pub(super) fn refuse(
        &mut self,
        now: Time,
        id: ClientId,
        node: crate::ids::NodeId,
        refused: Refused,
        refuse_milliseconds: Span,
    ) {
        let time = refuse_milliseconds.max(self.settings.return_delay_milliseconds);
        if time == Span::ZERO || (refused.amount.is_none() && refused.ports.is_empty()) {
            return;
        }
        let frameworks = &mut self.state.frameworks;
        let Some(slot) = frameworks.slot(node) else { return };
        if let Some(client) = frameworks.clients.get_mut(id) {
            client.filters.add(slot, refused, now + time);
        }
        frameworks.set_filter_timer(id);
    }

    /// Takes an offer back.
    pub(super) fn rescind(&mut self, now: Time, id: OfferId, reason: RescindReason) {
        let Some(offer) = self.end_offer(id, &Resources::NONE, &Ranges::new()) else { return };
        if reason == RescindReason::Timeout {
            let refused = Refused { amount: offer.amount, ports: offer.ports.clone() };
            self.refuse(now, offer.client, offer.node, refused, Span::ZERO);
        }
        if self.state.frameworks.forget_fresh(id, &offer) {
            // The framework has not heard of it.
            return;
        }
        let client = self.state.frameworks.clients.get(offer.client);
        let key = client.and_then(|client| self.key_of(client.framework));
        if let Some(key) = key {
            self.tell(&key, FrameworkAction::Rescind { offer: id, reason });
        }
    }

    /// Does what is due: offers that were not answered, filters that end.
    pub(in crate::engine) fn fire_framework_timers(&mut self, now: Time) {
        while let Some(timer) = self.state.frameworks.take_timer(now) {
            match timer {
                Timer::Offer(offer) => self.rescind(now, offer, RescindReason::Timeout),
                Timer::Filters(id) => {
                    if let Some(client) = self.state.frameworks.clients.get_mut(id) {
                        client.filter_timer = None;
                        client.filters.end(now);
                    }
                    self.state.frameworks.set_filter_timer(id);
                    self.agenda.ask_all();
                }
                Timer::Inverse(node, framework) => self.ask_again(node, framework),
            }
        }
    }

    /// Takes back what is offered beyond limits that were lowered, and in pools that are gone: the
    /// newest offers first.
    pub(in crate::engine) fn enforce_limits(&mut self, now: Time) {
        if !self.agenda.take_limits() || self.state.frameworks.offers.is_empty() {
            return;
        }
        let ids: Vec<OfferId> = self.state.frameworks.offers.keys().rev().copied().collect();
        for id in ids {
            let frameworks = &self.state.frameworks;
            let client = frameworks.offers.get(&id).map(|offer| offer.client);
            let Some(client) = client.and_then(|id| frameworks.clients.get(id)) else { continue };
            let pool = |id: &PoolId| self.state.pools.get(*id);
            let exceeds = |pool: &crate::pools::Pool| !pool.held.fits_in(&pool.settings.limit);
            let reason = if !pool(&client.pool()).is_some_and(|pool| pool.declared) {
                RescindReason::PoolGone
            } else if client.path.iter().filter_map(pool).any(exceeds) {
                RescindReason::Limit
            } else {
                continue;
            };
            self.rescind(now, id, reason);
        }
    }

    pub(in crate::engine) fn explain_client(&mut self, id: ClientId, why: Option<Rejection>) {
        let frameworks = &mut self.state.frameworks;
        let Some(client) = frameworks.clients.get(id) else { return };
        let has_all = frameworks.executors_left(client.framework) == Some(0);
        if let Some(client) = frameworks.clients.get_mut(id) {
            client.waiting = why.filter(|_| !has_all);
        }
    }
}
