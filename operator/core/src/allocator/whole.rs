//! A turn of a framework: one node as a whole.
//!
//! The framework is offered everything that is left of the node and that it may take: what is
//! reserved for its pool or a pool above it, and of the rest as much as limits and the guarantees of
//! others leave (Mesos: `shrink` in both stages of the allocator). Unlike in Mesos, limits bind
//! subtrees and what is reserved.

use super::{Claim, Grant, Round, WholeNodes};
use crate::explain::Rejection;
use crate::frameworks::Frameworks;
use crate::nodes::NodeId;
use crate::pools::PoolId;
use crate::resources::Resources;

impl<'a> Round<'a> {
    /// Offers nodes to the claims of frameworks, too.
    pub(crate) fn with_frameworks(mut self, frameworks: &'a mut Frameworks) -> Self {
        frameworks.start_round();
        self.frameworks = Some(frameworks);
        self
    }

    /// Finds a node for a framework and takes what it may have there.
    pub(super) fn offer(&mut self, index: usize, whole: WholeNodes) -> Result<Grant, Rejection> {
        let Self { claims, tree, nodes, frameworks, .. } = self;
        let claim = &mut claims[index];
        let frameworks = frameworks.as_deref_mut().ok_or(Rejection::NothingToOffer)?;
        let client = frameworks.clients.get(whole.client).ok_or(Rejection::NothingToOffer)?;
        let (path, pool) = (client.path.clone(), claim.pool);
        let (reserved_room, unreserved_room) = tree.room_under_limits(pool);
        let free = *nodes.free_sum();
        let most = unreserved_room.min_each(&whole.most);
        let beside = tree.room_beside_guarantees(pool, &most.min_each(&free), &free);
        let why = |frameworks: &Frameworks, claim: &Claim| {
            tree.check_limits(pool, &claim.request, &claim.request)?;
            tree.check_headroom(pool, &claim.request, &free)?;
            if frameworks.suffices(whole.client, &whole.most) {
                Err(Rejection::NothingToOffer)
            } else {
                Err(Rejection::FairShare)
            }
        };
        let reserves = |pool: &PoolId| nodes.idle_reservations().contains_key(pool);
        if !frameworks.suffices(whole.client, &beside) && !path.iter().any(reserves) {
            return why(frameworks, claim);
        }
        let room = |left: &Resources, reserved: &Resources| {
            let kept = reserved.min_each(&reserved_room);
            let rest = left.minus(reserved).min_each(&most).min_each(&reserved_room.minus(&kept));
            kept.plus(&tree.room_beside_guarantees(pool, &rest, &free))
        };
        let Some(found) = frameworks.next_node(whole.client, nodes, room) else {
            return why(frameworks, claim);
        };
        let idle = |nodes: &crate::nodes::Nodes, id: NodeId| -> Vec<(PoolId, Resources)> {
            let node = nodes.get(id);
            node.map(|node| node.holdings.idle_by_pool().collect()).unwrap_or_default()
        };
        let before = idle(nodes, found.node);
        nodes.offer(found.node, &path, &found.amount, &found.ports);
        let mut unreserved = found.amount;
        if !before.is_empty() {
            let after = idle(nodes, found.node);
            for (pool, idle) in before {
                let left = after.iter().find(|&&(other, _)| other == pool);
                let used = idle.minus(&left.map_or(Resources::NONE, |&(_, left)| left));
                if !used.is_none() {
                    tree.use_reserved(pool, &used);
                    unreserved = unreserved.minus(&used);
                }
            }
        }
        claim.held = claim.held.plus(&found.amount);
        claim.allocations += 1;
        claim.client = Some(WholeNodes { most: whole.most.minus(&unreserved), ..whole });
        tree.granted_amount(index, claim, &found.amount);
        let (nodes, amount, ports) = (vec![found.node], found.amount, found.ports);
        Ok(Grant { claim: index, nodes, amount, unreserved, ports })
    }
}
