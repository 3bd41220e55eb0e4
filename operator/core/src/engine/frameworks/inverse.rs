//! Inverse offers: frameworks are asked to give back what they have on nodes that are drained or go
//! into maintenance.
//!
//! A framework is asked once for each node, and again when the time changes or when its answer has
//! been there for as long as it wanted. What it answers is shown, and changes nothing: at that time
//! the node goes.

use std::collections::BTreeSet;

use crate::engine::Engine;
use crate::frameworks::FrameworkAction;
use crate::ids::{FrameworkId, InverseOfferId, NodeId};
use crate::time::{Span, Time};

impl Engine {
    /// By when a node is to be empty, if it is. All that inverse offers depend on is here.
    fn unavailable_from(&self, node: NodeId) -> Option<Time> {
        self.state.nodes.get(node)?.availability().unavailable_from
    }

    /// Asks every framework that has something on a node that is drained or goes into maintenance.
    pub(in crate::engine) fn make_inverse_offers(&mut self) {
        let nodes: Vec<NodeId> = self.state.frameworks.unavailable().collect();
        for node in nodes {
            let Some(from) = self.unavailable_from(node) else {
                self.rescind_inverse_of(node);
                self.state.frameworks.forget_unavailable(node);
                continue;
            };
            let there = self.frameworks_on(node);
            let asked = self.state.frameworks.inverse_on(node);
            let outdated = asked
                .filter(|(id, asked)| !there.contains(id) || asked.unavailable_from != from)
                .map(|(id, _)| id);
            let asked: Vec<FrameworkId> = outdated.collect();
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
        let asked = self.state.frameworks.inverse_on(node);
        let asked: Vec<FrameworkId> = asked.map(|(framework, _)| framework).collect();
        asked.into_iter().for_each(|framework| self.rescind_inverse(node, framework));
    }

    /// Forgets what a framework was asked for.
    pub(super) fn rescind_inverse_to(&mut self, framework: FrameworkId) {
        let asked = self.state.frameworks.inverse_to(framework);
        let asked: Vec<NodeId> = asked.map(|(node, _)| node).collect();
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
        self.state.frameworks.answer_inverse(framework, offers, agreed, again_at);
    }

    /// Lets a framework be asked again for what it answered (Mesos: REVIVE clears the filters of
    /// inverse offers, too).
    pub(super) fn forget_inverse_answers(&mut self, framework: FrameworkId) {
        let asked = self.state.frameworks.inverse_to(framework);
        let answered = asked.filter(|(_, asked)| asked.again_at.is_some());
        let answered: Vec<NodeId> = answered.map(|(node, _)| node).collect();
        answered.into_iter().for_each(|node| self.ask_again(node, framework));
    }

    /// Forgets an answer, so that the framework is asked anew.
    pub(super) fn ask_again(&mut self, node: NodeId, framework: FrameworkId) {
        self.state.frameworks.remove_inverse(node, framework);
    }

    /// The connected frameworks that have offers or tasks on a node.
    fn frameworks_on(&self, node: NodeId) -> BTreeSet<FrameworkId> {
        let frameworks = &self.state.frameworks;
        let offered = frameworks
            .offers_on(node)
            .filter_map(|id| frameworks.clients.get(frameworks.offers.get(&id)?.client))
            .map(|client| client.framework);
        let tasks = frameworks.tasks_on(node).map(|&(framework, _)| framework);
        let all = offered.chain(tasks);
        let connected = |id: &FrameworkId| {
            frameworks.by_id.get(*id).is_some_and(crate::frameworks::Framework::connected)
        };
        all.filter(connected).collect()
    }

    fn ask(&mut self, node: NodeId, framework: FrameworkId, unavailable_from: Time) {
        let frameworks = &mut self.state.frameworks;
        let Some(id) = frameworks.add_inverse(node, framework, unavailable_from) else { return };
        let name = self.state.nodes.get(node).map(|node| node.observed().name.clone());
        if let (Some(key), Some(node)) = (self.key_of(framework), name) {
            self.tell(&key, FrameworkAction::InverseOffer { id, node, unavailable_from });
        }
    }

    fn rescind_inverse(&mut self, node: NodeId, framework: FrameworkId) {
        let frameworks = &mut self.state.frameworks;
        let Some(asked) = frameworks.remove_inverse(node, framework) else { return };
        if let Some(key) = self.key_of(framework) {
            self.tell(&key, FrameworkAction::RescindInverse(asked.id));
        }
    }
}
