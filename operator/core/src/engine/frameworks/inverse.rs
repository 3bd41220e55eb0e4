//! Inverse offers: frameworks are asked to give back what they have on nodes that are drained or go
//! into maintenance.
//!
//! A framework is asked once for each node, and again when the time changes or when its answer has
//! been there for as long as it wanted. What it answers is shown, and changes nothing: at that time
//! the node goes.

use std::collections::BTreeSet;

use crate::engine::Engine;
use crate::frameworks::{FrameworkAction, Inverse, Timer};
use crate::ids::{FrameworkId, InverseOfferId, NodeId};
use crate::time::{Span, Time};

impl Engine {
    /// By when a node is to be empty, if it is. All that inverse offers depend on is here.
    fn unavailable_from(&self, node: NodeId) -> Option<Time> {
        self.state.nodes.get(node)?.availability().unavailable_from
    }

    /// Asks every framework that has something on a node that is drained or goes into maintenance.
    pub(in crate::engine) fn make_inverse_offers(&mut self) {
        let nodes: Vec<NodeId> = self.state.frameworks.unavailable.iter().copied().collect();
        for node in nodes {
            let Some(from) = self.unavailable_from(node) else {
                self.rescind_inverse_of(node);
                self.state.frameworks.unavailable.remove(&node);
                continue;
            };
            let there = self.frameworks_on(node);
            let of_node = (node, FrameworkId::FIRST)..=(node, FrameworkId::LAST);
            let asked: Vec<FrameworkId> = self
                .state
                .frameworks
                .inverse
                .range(of_node)
                .filter(|((_, id), asked)| !there.contains(id) || asked.unavailable_from != from)
                .map(|(&(_, id), _)| id)
                .collect();
            for framework in asked {
                self.rescind_inverse(node, framework);
            }
            for framework in there {
                self.ask(node, framework, from);
            }
        }
    }

    /// Takes back what was asked for on a node.
    pub(super) fn rescind_inverse_of(&mut self, node: NodeId) {
        let of_node = (node, FrameworkId::FIRST)..=(node, FrameworkId::LAST);
        let asked = self.state.frameworks.inverse.range(of_node);
        let asked: Vec<FrameworkId> = asked.map(|(&(_, framework), _)| framework).collect();
        asked.into_iter().for_each(|framework| self.rescind_inverse(node, framework));
    }

    /// Forgets what a framework was asked for.
    pub(super) fn rescind_inverse_to(&mut self, framework: FrameworkId) {
        let asked = self.state.frameworks.inverse.keys().filter(|(_, id)| *id == framework);
        let asked: Vec<NodeId> = asked.map(|&(node, _)| node).collect();
        asked.into_iter().for_each(|node| self.rescind_inverse(node, framework));
    }

    /// Takes in what a framework answers.
    pub(super) fn take_inverse_answers(
        &mut self,
        now: Time,
        framework: FrameworkId,
        offers: &[InverseOfferId],
        agreed: bool,
        refuse_milliseconds: Span,
    ) {
        let again_at = now + refuse_milliseconds;
        let mut answered = Vec::new();
        for (&(node, id), asked) in &mut self.state.frameworks.inverse {
            if id == framework && offers.contains(&asked.id) {
                asked.agreed = Some(agreed);
                answered.push((node, asked.again_at.replace(again_at)));
            }
        }
        for (node, old) in answered {
            let timer = Timer::Inverse(node, framework);
            if let Some(old) = old {
                self.state.frameworks.timers.remove(&(old, timer));
            }
            self.state.frameworks.timers.insert((again_at, timer));
        }
    }

    /// Lets a framework be asked again for what it answered (Mesos: REVIVE clears the filters of
    /// inverse offers, too).
    pub(super) fn forget_inverse_answers(&mut self, framework: FrameworkId) {
        let answered = self
            .state
            .frameworks
            .inverse
            .iter()
            .filter(|((_, id), asked)| *id == framework && asked.again_at.is_some());
        let answered: Vec<NodeId> = answered.map(|(&(node, _), _)| node).collect();
        answered.into_iter().for_each(|node| self.ask_again(node, framework));
    }

    /// Forgets an answer, so that the framework is asked anew.
    pub(super) fn ask_again(&mut self, node: NodeId, framework: FrameworkId) {
        if let Some(asked) = self.state.frameworks.inverse.remove(&(node, framework))
            && let Some(at) = asked.again_at
        {
            self.state.frameworks.timers.remove(&(at, Timer::Inverse(node, framework)));
        }
    }

    /// The connected frameworks that have offers or tasks on a node.
    fn frameworks_on(&self, node: NodeId) -> BTreeSet<FrameworkId> {
        let frameworks = &self.state.frameworks;
        let offers = frameworks.offers_on.get(&node).into_iter().flatten();
        let offered = offers
            .filter_map(|id| frameworks.clients.get(frameworks.offers.get(id)?.client))
            .map(|client| client.framework);
        let tasks = frameworks.tasks_on.get(&node).into_iter().flatten();
        let all = offered.chain(tasks.map(|&(framework, _)| framework));
        let connected = |id: &FrameworkId| {
            frameworks.by_id.get(*id).is_some_and(crate::frameworks::Framework::connected)
        };
        all.filter(connected).collect()
    }

    fn ask(&mut self, node: NodeId, framework: FrameworkId, unavailable_from: Time) {
        if self.state.frameworks.inverse.contains_key(&(node, framework)) {
            return;
        }
        let id = InverseOfferId(self.state.frameworks.next_offer);
        self.state.frameworks.next_offer += 1;
        let asked = Inverse { id, unavailable_from, agreed: None, again_at: None };
        self.state.frameworks.inverse.insert((node, framework), asked);
        let name = self.state.nodes.get(node).map(|node| node.observed().name.clone());
        if let (Some(key), Some(node)) = (self.key_of(framework), name) {
            self.tell(&key, FrameworkAction::InverseOffer { id, node, unavailable_from });
        }
    }

    fn rescind_inverse(&mut self, node: NodeId, framework: FrameworkId) {
        let Some(asked) = self.state.frameworks.inverse.remove(&(node, framework)) else { return };
        if let Some(at) = asked.again_at {
            self.state.frameworks.timers.remove(&(at, Timer::Inverse(node, framework)));
        }
        if let Some(key) = self.key_of(framework) {
            self.tell(&key, FrameworkAction::RescindInverse(asked.id));
        }
    }
}
