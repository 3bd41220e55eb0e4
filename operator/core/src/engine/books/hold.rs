//! Room that is kept for a claim: where, for whom and until when.

use std::collections::{BTreeMap, BTreeSet};

use crate::allocator::times;
use crate::ids::{ExecutorId, JobId, NodeId, PoolId};
use crate::reclaim::{Ask, Entitlement, Placement};
use crate::resources::Resources;
use crate::time::{Span, Time};

/// How long after the end of the drain the room has to be there: executors that were told to go have
/// a grace period of their own.
const OVERTIME: Span = Span::from_seconds(120);

/// Room for executors of one job on nodes.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    job: JobId,
    pool: PoolId,
    request: Resources,
    /// One for each executor.
    nodes: Vec<NodeId>,
    victims: BTreeSet<ExecutorId>,
    /// By which rule room is made for it; nothing if it only waits until there is some.
    entitlement: Option<Entitlement>,
    drained_by: Time,
    expires: Time,
}

impl Hold {
    /// Room that is made for a claim by letting others drain.
    pub(crate) fn made_for(
        ask: &Ask,
        entitlement: Entitlement,
        placements: Vec<Placement>,
        now: Time,
    ) -> Self {
        let drained_by = now + ask.rules.drain_milliseconds;
        let mut hold = Self {
            job: ask.job,
            pool: ask.pool,
            request: ask.request,
            nodes: Vec::new(),
            victims: BTreeSet::new(),
            entitlement: Some(entitlement),
            drained_by,
            expires: drained_by + OVERTIME,
        };
        for Placement { node, victims } in placements {
            hold.nodes.push(node);
            hold.victims.extend(victims);
        }
        hold
    }

    /// Room that a claim at the head of the line waits for: whatever becomes free on nodes.
    pub(crate) fn of_line(
        (job, pool): (JobId, PoolId),
        request: Resources,
        nodes: Vec<NodeId>,
        until: Time,
    ) -> Self {
        Self {
            job,
            pool,
            request,
            nodes,
            victims: BTreeSet::new(),
            entitlement: None,
            drained_by: until,
            expires: until,
        }
    }

    pub(crate) fn job(&self) -> JobId {
        self.job
    }

    /// The job's pool.
    pub(crate) fn pool(&self) -> PoolId {
        self.pool
    }

    /// What one executor needs.
    pub(crate) fn request(&self) -> &Resources {
        &self.request
    }

    /// The nodes, one for each executor.
    pub(crate) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// For how many executors there is to be room.
    pub(crate) fn executors(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    /// For how many of them on which node.
    pub(crate) fn by_node(&self) -> BTreeMap<NodeId, u32> {
        let mut counts: BTreeMap<NodeId, u32> = BTreeMap::new();
        for &node in &self.nodes {
            *counts.entry(node).or_default() += 1;
        }
        counts
    }

    /// What all executors need.
    pub(crate) fn all(&self) -> Resources {
        times(&self.request, self.executors())
    }

    /// Those who drain for it and are there.
    pub(crate) fn victims(&self) -> &BTreeSet<ExecutorId> {
        &self.victims
    }

    /// A victim is gone.
    pub(super) fn forget_victim(&mut self, victim: ExecutorId) {
        self.victims.remove(&victim);
    }

    /// Whether it only waits until there is room.
    pub(crate) fn is_of_line(&self) -> bool {
        self.entitlement.is_none()
    }

    /// Whether room is made for it because of a guarantee.
    pub(crate) fn is_by_guarantee(&self) -> bool {
        self.entitlement == Some(Entitlement::Guarantee)
    }

    /// When the last of those who drain for it is cut off.
    pub(crate) fn drained_by(&self) -> Time {
        self.drained_by
    }

    /// Until when it may wait.
    pub(super) fn expires(&self) -> Time {
        self.expires
    }

    /// Whether it has waited for as long as it may.
    pub(crate) fn has_expired(&self, now: Time) -> bool {
        self.expires <= now
    }
}
