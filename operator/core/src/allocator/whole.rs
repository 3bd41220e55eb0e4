//! A turn of a framework: one node as a whole, or a slice of it for one executor if the framework says
//! how large that is.
//!
//! The framework is offered everything that is left of the node and that it may take: what is
//! reserved for its pool or a pool above it, and of the rest as much as limits and the guarantees of
//! others leave (Mesos: `shrink` in both stages of the allocator). Unlike in Mesos, limits bind
//! subtrees and what is reserved.

use super::{Claim, Grant, Round, WholeNodes, placement};
use crate::explain::Rejection;
use crate::frameworks::Frameworks;
use crate::ids::PoolId;
use crate::nodes::Nodes;
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
        if frameworks.executors_left(client.framework) == Some(0) {
            return Err(Rejection::NothingToOffer);
        }
        let (path, pool) = (client.path.clone(), claim.pool);
        let limit_room = tree.room_under_limits(pool);
        let free = *nodes.free_sum();
        let most = limit_room.min_each(&whole.most);
        let beside = tree.room_beside_guarantees(pool, &most.min_each(&free), &free);
        let slice = client.slice;
        let why = |frameworks: &Frameworks, nodes: &Nodes, claim: &Claim| {
            tree.check_limits(pool, &claim.request, &claim.request)?;
            tree.check_headroom(pool, &claim.request, &free)?;
            if let Some(slice) = slice.filter(|slice| !nodes.fits(slice, claim.reach)) {
                Err(placement::explain(nodes, &slice, claim.reach))
            } else if frameworks.suffices(whole.client, &whole.most) {
                Err(Rejection::NothingToOffer)
            } else {
                Err(Rejection::FairShare)
            }
        };
        let reserves = |pool: &PoolId| nodes.kept().get(pool).is_some_and(|kept| !kept.is_none());
        if !frameworks.suffices(whole.client, &beside) && !path.iter().any(reserves) {
            return why(frameworks, nodes, claim);
        }
        let room = |left: &Resources, reserved: &Resources| {
            let kept = reserved.min_each(&limit_room);
            let rest = left.minus(reserved).min_each(&most).min_each(&limit_room.minus(&kept));
            kept.plus(&tree.room_beside_guarantees(pool, &rest, &free))
        };
        let Some(found) = frameworks.next_node(whole.client, nodes, claim.reach, room) else {
            return why(frameworks, nodes, claim);
        };
        let kept_here = |nodes: &Nodes| {
            nodes.get(found.node).map_or(Resources::NONE, |node| node.takeable(&path).1)
        };
        let before = kept_here(nodes);
        nodes.offer(found.node, &path, &found.amount, &found.ports);
        let unreserved = found.amount.minus(&before.above(&kept_here(nodes)));
        claim.held = claim.held.plus(&found.amount);
        claim.allocations += 1;
        claim.client = Some(WholeNodes { most: whole.most.minus(&unreserved), ..whole });
        tree.granted_amount(index, claim, &found.amount, nodes.kept());
        let (nodes, amount, ports) = (vec![found.node], found.amount, found.ports);
        Ok(Grant { claim: index, nodes, unplaced: 0, amount, unreserved, ports })
    }
}
