//! Inverse offers: what frameworks were asked to give back, by node and framework.

use super::{FrameworkId, Frameworks, InverseOfferId, NodeId, Time, Timer};

/// What a framework was asked for on a node that goes into maintenance.
#[derive(Clone, Debug)]
pub(crate) struct Inverse {
    pub(crate) id: InverseOfferId,
    pub(crate) unavailable_from: Time,
    /// Whether it agreed; `None` while it has not answered.
    pub(crate) agreed: Option<bool>,
    /// When it may be asked again, if it answered.
    pub(crate) again_at: Option<Time>,
}

impl Frameworks {
    /// A node goes into maintenance.
    pub(crate) fn note_unavailable(&mut self, node: NodeId) {
        self.unavailable.insert(node);
    }

    /// A node does not go into maintenance after all, or is gone.
    pub(crate) fn forget_unavailable(&mut self, node: NodeId) {
        self.unavailable.remove(&node);
    }

    /// The nodes that go into maintenance.
    pub(crate) fn unavailable(&self) -> impl Iterator<Item = NodeId> {
        self.unavailable.iter().copied()
    }

    /// What frameworks were asked for on a node.
    pub(crate) fn inverse_on(&self, node: NodeId) -> impl Iterator<Item = (FrameworkId, &Inverse)> {
        let of_node = (node, FrameworkId::FIRST)..=(node, FrameworkId::LAST);
        self.inverse.range(of_node).map(|(&(_, framework), asked)| (framework, asked))
    }

    /// What a framework was asked for.
    pub(crate) fn inverse_to(
        &self,
        framework: FrameworkId,
    ) -> impl Iterator<Item = (NodeId, &Inverse)> {
        let of_framework = self.inverse.iter().filter(move |((_, id), _)| *id == framework);
        of_framework.map(|(&(node, _), asked)| (node, asked))
    }

    /// Notes that a framework is asked for what it has on a node; nothing if it was asked already.
    pub(crate) fn add_inverse(
        &mut self,
        node: NodeId,
        framework: FrameworkId,
        unavailable_from: Time,
    ) -> Option<InverseOfferId> {
        if self.inverse.contains_key(&(node, framework)) {
            return None;
        }
        let id = InverseOfferId(self.take_number());
        let asked = Inverse { id, unavailable_from, agreed: None, again_at: None };
        self.inverse.insert((node, framework), asked);
        Some(id)
    }

    /// Notes what a framework answers to some of what it was asked for, and until when that holds.
    pub(crate) fn answer_inverse(
        &mut self,
        framework: FrameworkId,
        offers: &[InverseOfferId],
        agreed: bool,
        again_at: Time,
    ) {
        let mut answered = Vec::new();
        for (&(node, id), asked) in &mut self.inverse {
            if id == framework && offers.contains(&asked.id) {
                asked.agreed = Some(agreed);
                answered.push((node, asked.again_at.replace(again_at)));
            }
        }
        for (node, old) in answered {
            self.move_timer(old, Some(again_at), Timer::Inverse(node, framework));
        }
    }

    /// Forgets what a framework was asked for on a node; returns what that was.
    pub(crate) fn remove_inverse(
        &mut self,
        node: NodeId,
        framework: FrameworkId,
    ) -> Option<Inverse> {
        let asked = self.inverse.remove(&(node, framework))?;
        self.move_timer(asked.again_at, None, Timer::Inverse(node, framework));
        Some(asked)
    }
}
