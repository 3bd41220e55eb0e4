//! Nodes and what is left on them: Mesos's agents.
//!
//! [`Nodes`] has all of them, and a [`Node`] is one with the account of what is held of it. Every change
//! of a node goes through [`Nodes::change`], which keeps the sums over all nodes and the views of the
//! nodes that suit somebody up to date.

mod account;
mod charges;
mod check;
mod index;
mod labels;
mod lookups;
mod news;
mod observation;
mod reserve;
mod room;
mod rules;
mod sums;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use account::Change;
use labels::Labels;
use news::News;
use rules::Rules;
use sums::Sums;
use views::Views;

use crate::arena::Arena;
use crate::ids::{NodeId, PoolId};
use crate::labels::Requirement;
use crate::pools::Pools;
pub(crate) use account::{Availability, Load, Node};
pub(crate) use index::{Accepts, Fullness};
pub(crate) use observation::PODS;
pub use observation::{Maintenance, NodeObservation};
pub(crate) use views::{Reach, Suitability, ViewId};

/// All nodes, with the sum of what they have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nodes {
    by_id: Arena<NodeId, Node>,
    by_name: BTreeMap<Box<str>, NodeId>,
    labels: Labels,
    /// Changes whenever a node comes or goes or its labels change.
    version: u64,
    /// What pools say about them.
    rules: Rules,
    sums: Sums,
    views: Views,
    /// The nodes on which room is kept for claims.
    promising: BTreeSet<NodeId>,
    /// The nodes that take nothing new although they are offered.
    closed: BTreeSet<NodeId>,
    news: News,
}

impl Nodes {
    /// The node of this name.
    pub(crate) fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// A node; `None` if it is gone.
    pub(crate) fn get(&self, id: NodeId) -> Option<&Node> {
        self.by_id.get(id)
    }

    /// All nodes in the order in which they were first seen.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.by_id.iter()
    }

    /// The number of nodes.
    pub(crate) fn count(&self) -> usize {
        self.by_name.len()
    }

    /// Changes whenever a node comes or goes or its labels change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The nodes that take nothing new although they are offered.
    pub(crate) fn closed(&self) -> impl Iterator<Item = &Node> {
        self.closed.iter().filter_map(|&id| self.by_id.get(id))
    }

    /// The number of nodes on which room is kept for claims.
    #[cfg(test)]
    pub(crate) fn promising(&self) -> usize {
        self.promising.len()
    }

    /// The nodes that changed since this was last asked for, and whether more of each could be offered
    /// than before; all nodes when it is asked for the first time.
    pub(crate) fn take_changed(&mut self) -> Vec<(NodeId, bool)> {
        self.news.take(&mut self.by_id)
    }

    /// Takes in what pools say about nodes: which they use, and what they reserve where. Costs as
    /// much as there are nodes if that changed. Afterwards, every [`Reach`] has to be asked for
    /// again.
    pub(crate) fn apply_pools(&mut self, pools: &Pools) {
        self.rules = Rules::new(pools);
        self.views.forget_reserved(&mut self.by_id);
        let mut here: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (index, requirement) in self.rules.reserving().enumerate() {
            for id in self.views.matching(&self.by_id, requirement) {
                here.entry(id).or_default().push(index);
            }
        }
        let mut counted: BTreeSet<NodeId> = BTreeSet::new();
        for asked in self.rules.used().into_iter().flatten() {
            counted.extend(self.views.matching(&self.by_id, asked));
        }
        for id in self.ids() {
            let counts = self.rules.used().is_none() || counted.contains(&id);
            let here = here.remove(&id).unwrap_or_default();
            let is_same = |node: &Node| node.reserved().is_none() && node.is_counted() == counts;
            if here.is_empty() && self.by_id.get(id).is_some_and(is_same) {
                // Who may use it may be others, which is for those to see who make offers.
                self.note(id, Change::Other);
                continue;
            }
            self.leave_views(id);
            self.enter_views(pools, id, &here, counts, |_| {});
        }
        self.sums.forget_without_reservation();
    }

    /// Where the executors of a pool's jobs may go.
    pub(crate) fn reach(
        &mut self,
        requirement: &Requirement,
        pool: PoolId,
        pools: &Pools,
    ) -> Reach {
        self.views.reach(&mut self.by_id, requirement, pool, pools)
    }

    /// Whether it is time to say which of the views made by [`Nodes::reach`] are still of use.
    pub(crate) fn has_many_views(&self) -> bool {
        self.views.is_full()
    }

    /// Forgets all views but these.
    pub(crate) fn keep_views<'a>(&mut self, used: impl Iterator<Item = &'a Reach>) {
        let used = used.flat_map(|reach| [Some(reach.general), reach.reserved]);
        let used: BTreeSet<ViewId> = used.flatten().collect();
        self.views.keep(&mut self.by_id, &used);
    }

    fn ids(&self) -> Vec<NodeId> {
        self.iter().map(|(id, _)| id).collect()
    }

    /// Changes a node, and everything that is summed up over nodes with it.
    fn change(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        let Some(node) = self.by_id.get_mut(id) else { return };
        let (usable, open) = (*node.usable(), node.is_open());
        let before = self.news.is_wanted().then(|| (node.most(), node.ports_of_tasks()));
        self.sums.count_out(node);
        change(node);
        node.settle();
        self.sums.count_in(node);
        let usable_changed = usable != *node.usable() || open != node.is_open();
        self.views.set(node, usable_changed);
        if let Some((most, ports)) = before {
            let more = !node.most().fits_in(&most) || node.ports_of_tasks() < ports;
            self.note(id, if more { Change::More } else { Change::Other });
        }
    }

    /// Remembers what became of a node.
    fn note(&mut self, id: NodeId, change: Change) {
        if let Some(node) = self.by_id.get_mut(id) {
            self.news.note(id, node, change);
        }
    }

    /// Takes a node out of the views before its labels, taints or reservations change.
    fn leave_views(&mut self, id: NodeId) {
        if let Some(node) = self.by_id.get_mut(id) {
            self.views.leave(id, node);
        }
    }

    /// Changes a node's labels and taints, and everything that follows from them: which reservations
    /// are here, and whether it counts.
    fn enter_views(
        &mut self,
        pools: &Pools,
        id: NodeId,
        here: &[usize],
        counted: bool,
        change: impl FnOnce(&mut Node),
    ) {
        let reserved = self.rules.reserved(here);
        self.change(id, |node| {
            change(node);
            node.apply_rules(pools, counted, reserved);
        });
        if let Some(node) = self.by_id.get_mut(id) {
            self.views.enter(id, node);
        }
    }
}

#[cfg(test)]
mod tests;
