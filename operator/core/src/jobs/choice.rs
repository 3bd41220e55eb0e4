//! Which nodes a job's executors may use, and which it prefers or declines.

use std::collections::BTreeSet;

use super::{Declines, PreferredNodes};
use crate::explain::Rejection;
use crate::ids::NodeId;
use crate::nodes::{Nodes, Reach};
use crate::time::Time;

/// What a job says about nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeChoice {
    /// Which nodes its executors may use, or why none, once that was looked up.
    reach: Option<Result<Reach, Rejection>>,
    declines: Declines,
    locality: Locality,
}

/// How far a job is with waiting for the nodes that it prefers.
#[derive(Clone, Debug, Default)]
struct Locality {
    /// The preferred nodes that there are.
    nodes: BTreeSet<NodeId>,
    /// The version of all nodes that they were found in.
    version: Option<u64>,
    /// When it last got one of them, or else began to want one.
    waits_since: Option<Time>,
}

/// Where its executors may go at all.
impl NodeChoice {
    /// Which nodes its executors may use, or why none; `None` if that has to be looked up.
    pub(crate) fn reach(&self) -> Option<&Result<Reach, Rejection>> {
        self.reach.as_ref()
    }

    /// Takes in what was found when that was looked up.
    pub(crate) fn set_reach(&mut self, reach: Result<Reach, Rejection>) {
        self.reach = Some(reach);
    }

    /// Has it looked up anew.
    pub(crate) fn forget_reach(&mut self) {
        self.reach = None;
    }

    /// The nodes that it declines for a while.
    pub(crate) fn declines(&self) -> &Declines {
        &self.declines
    }

    pub(crate) fn declines_mut(&mut self) -> &mut Declines {
        &mut self.declines
    }

    /// Declines no node any more.
    pub(crate) fn forget_declines(&mut self) {
        self.declines = Declines::default();
    }
}

/// Where they would rather go.
impl NodeChoice {
    /// Finds the preferred nodes among all that there are, unless these are the same as last time.
    pub(crate) fn find_preferred(&mut self, nodes: &Nodes, preferred: &PreferredNodes) {
        if self.locality.version != Some(nodes.version()) {
            self.locality.version = Some(nodes.version());
            self.locality.nodes = nodes.named_or_labelled(&preferred.names, &preferred.labels);
        }
    }

    /// Whether a node is one that it prefers.
    pub(crate) fn prefers(&self, node: NodeId) -> bool {
        self.locality.nodes.contains(&node)
    }

    /// Waits for one of the preferred nodes, if there are any; returns since when.
    pub(crate) fn wait_for_preferred(&mut self, now: Time) -> Option<Time> {
        let is_there = !self.locality.nodes.is_empty();
        is_there.then(|| *self.locality.waits_since.get_or_insert(now))
    }

    /// Takes in that it got a node; it begins to wait anew if that is one of the preferred ones.
    pub(crate) fn note_launch_on(&mut self, node: NodeId, now: Time) {
        if self.prefers(node) {
            self.locality.waits_since = Some(now);
        }
    }

    /// Waits no more, as no executor is wanted.
    pub(crate) fn stop_waiting(&mut self) {
        self.locality.waits_since = None;
    }

    /// Prefers other nodes from now on.
    pub(crate) fn forget_preferred(&mut self) {
        self.locality = Locality::default();
    }

    /// Hands the preferred nodes to a round of offers.
    pub(crate) fn lend_preferred(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.locality.nodes)
    }

    /// Takes them back after the round.
    pub(crate) fn take_preferred_back(&mut self, nodes: BTreeSet<NodeId>) {
        self.locality.nodes = nodes;
    }
}
