//! What frameworks are offered, and what is taken back.

use std::sync::Arc;

use proffer_core::frameworks::{InverseOfferId, OfferDescription, OfferId};
use proffer_core::time::Time;
use proffer_mesos::resources::allocated;
use proffer_mesos::scheduler::{
    Event, EventInverseOffers, EventOffers, EventRescind, EventRescindInverseOffer, EventType,
};
use proffer_mesos::types::{
    self, AgentId, DurationInfo, FrameworkId, FrameworkInfoCapabilityType as Capability,
    InverseOffer, Offer, Resource, ResourceAllocationInfo, TimeInfo, Unavailability,
};

use super::agents::{Agent, Agents};
use super::frameworks::Framework;
use super::{Master, MasterSettings, amounts, nanoseconds};

/// An offer that cannot be.
pub(super) const NO_OFFER: OfferId = OfferId(u64::MAX);

impl Master {
    /// The offer of a name; [`NO_OFFER`] if none can have that.
    pub(super) fn offer_of(&self, name: &str) -> OfferId {
        let number = name.strip_prefix(&self.settings.id).and_then(|rest| rest.strip_prefix("-O"));
        let offer = number.and_then(|number| number.parse().ok()).map(OfferId);
        offer.filter(|offer| self.settings.offer_name(*offer) == name).unwrap_or(NO_OFFER)
    }

    fn inverse_name(&self, offer: InverseOfferId) -> String {
        format!("{}-I{}", self.settings.id, offer.0)
    }

    pub(super) fn inverse_of(&self, name: &str) -> InverseOfferId {
        let number = name.strip_prefix(&self.settings.id).and_then(|rest| rest.strip_prefix("-I"));
        InverseOfferId(number.and_then(|number| number.parse().ok()).unwrap_or(u64::MAX))
    }

    /// The engine offers something. The framework is told of all offers of one turn at once.
    pub(super) fn take_offer(&mut self, id: &Arc<str>, offer: OfferDescription) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.untold.insert(offer.id);
        framework.offers.insert(offer.id, offer);
        self.offered.insert(id.clone());
    }

    /// Tells frameworks of offers.
    pub(super) fn send_offers(&mut self) {
        for id in std::mem::take(&mut self.offered) {
            let Some(framework) = self.frameworks.get_mut(&id) else { continue };
            let untold = std::mem::take(&mut framework.untold);
            let Some(framework) = self.frameworks.get(&id) else { continue };
            let described = untold.iter().filter_map(|offer| framework.offers.get(offer));
            let offers: Vec<Offer> = described
                .filter_map(|offer| framework.offer(offer, &self.settings, &self.agents))
                .collect();
            if !offers.is_empty() {
                let kind = Some(EventType::Offers.into());
                let offers = Some(EventOffers { offers });
                self.send(&id, Event { r#type: kind, offers, ..Event::default() });
            }
        }
    }

    /// The engine takes an offer back.
    pub(super) fn rescind(&mut self, id: &str, offer: OfferId) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        if framework.offers.remove(&offer).is_none() || framework.untold.remove(&offer) {
            return;
        }
        let rescind =
            EventRescind { offer_id: types::OfferId { value: self.settings.offer_name(offer) } };
        let kind = Some(EventType::Rescind.into());
        self.send(id, Event { r#type: kind, rescind: Some(rescind), ..Event::default() });
    }

    pub(super) fn take_inverse_offer(
        &mut self,
        id: &str,
        inverse: InverseOfferId,
        node: &str,
        unavailable_from: Time,
    ) {
        let agent = self.agents.on(node);
        let (url, agent) = (
            agent.map(|agent| agent.url(&self.settings)),
            agent.map(|agent| AgentId { value: agent.id.to_string() }),
        );
        let offer = InverseOffer {
            id: types::OfferId { value: self.inverse_name(inverse) },
            url,
            framework_id: FrameworkId { value: id.to_owned() },
            agent_id: agent,
            unavailability: unavailability(unavailable_from, self.agents.on(node)),
            resources: Vec::new(),
        };
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.inverse.insert(inverse, offer.clone());
        let event = Event {
            r#type: Some(EventType::InverseOffers.into()),
            inverse_offers: Some(EventInverseOffers { inverse_offers: vec![offer] }),
            ..Event::default()
        };
        self.send(id, event);
    }

    pub(super) fn rescind_inverse(&mut self, id: &str, inverse: InverseOfferId) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        if framework.inverse.remove(&inverse).is_none() {
            return;
        }
        let inverse_offer_id = types::OfferId { value: self.inverse_name(inverse) };
        let event = Event {
            r#type: Some(EventType::RescindInverseOffer.into()),
            rescind_inverse_offer: Some(EventRescindInverseOffer { inverse_offer_id }),
            ..Event::default()
        };
        self.send(id, event);
    }
}

impl MasterSettings {
    /// The name of an offer among those of all masters.
    pub(super) fn offer_name(&self, offer: OfferId) -> String {
        format!("{}-O{offer}", self.id)
    }
}

impl Framework {
    /// An offer as the framework understands it; nothing if its agent is gone.
    pub(super) fn offer(
        &self,
        offer: &OfferDescription,
        settings: &MasterSettings,
        agents: &Agents,
    ) -> Option<Offer> {
        let agent = agents.on(&offer.node)?;
        let role = self.settings.roles.get(&offer.pool).map_or("*", String::as_str);
        let is_multi_role = self.can(Capability::MultiRole);
        let resources = amounts::resources(&offer.amounts, &offer.ports).into_iter();
        Some(Offer {
            id: types::OfferId { value: settings.offer_name(offer.id) },
            framework_id: FrameworkId { value: self.id.to_string() },
            agent_id: AgentId { value: agent.id.to_string() },
            hostname: agent.hostname.clone(),
            url: Some(agent.url(settings)),
            resources: resources.map(|resource| self.understood_resource(resource, role)).collect(),
            attributes: agent.attributes(),
            executor_ids: self.executors_on(&offer.node),
            unavailability: offer.unavailable_from.map(|from| unavailability(from, Some(agent))),
            allocation_info: is_multi_role
                .then(|| ResourceAllocationInfo { role: Some(role.to_owned()) }),
            ..Offer::default()
        })
    }

    /// A resource that is reserved for nobody, in the form that the framework knows.
    pub(super) fn understood_resource(&self, resource: Resource, role: &str) -> Resource {
        let mut resource = resource;
        if self.can(Capability::MultiRole) {
            resource = allocated(resource, role);
        }
        if !self.can(Capability::ReservationRefinement) {
            resource.role = Some("*".to_owned());
        }
        resource
    }

    /// The executors that the framework has on a node, apart from those that are built in.
    fn executors_on(&self, node: &str) -> Vec<types::ExecutorId> {
        let mut ids: Vec<types::ExecutorId> = self
            .tasks
            .values()
            .filter(|record| record.node.as_deref() == Some(node))
            .filter_map(|record| record.info.executor.as_ref())
            .map(|executor| executor.executor_id.clone())
            .collect();
        ids.sort_by(|a, b| a.value.cmp(&b.value));
        ids.dedup();
        ids
    }
}

/// From this time on, for as long as is planned for an agent, or as it takes.
fn unavailability(from: Time, agent: Option<&Agent>) -> Unavailability {
    let count = |at: Time| i64::try_from(nanoseconds(at)).unwrap_or(i64::MAX);
    let planned = agent.and_then(|agent| agent.node.maintenance).filter(|plan| plan.start == from);
    let duration = planned.and_then(|plan| plan.duration);
    Unavailability {
        start: TimeInfo { nanoseconds: count(from) },
        duration: duration
            .map(|duration| DurationInfo { nanoseconds: count(Time::ZERO + duration) }),
    }
}
