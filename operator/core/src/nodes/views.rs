//! Views of the nodes: for each distinct requirement, and each pool with reservations, a tree of the
//! nodes that suit, so that finding one that fits does not look at those that do not.
//!
//! Changing a node costs the height of a tree in each view that has it. Memory goes with the sum of
//! the views' nodes, which [`VIEW_SIZE_LIMIT`] bounds; a view beyond it is made when it is asked,
//! and forgotten again.

mod by_label;
mod view;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::reserve::chain;
use super::{Node, Nodes};
use crate::arena::{Arena, id};
use crate::ensure::ensure;
use crate::ids::{NodeId, PoolId};
use crate::labels::Requirement;
use crate::pools::Pools;
use by_label::ByLabel;
pub(crate) use view::Suitability;
pub(super) use view::View;

/// How many times the number of nodes all views together may have; beyond, a question to a view
/// costs as much as there are nodes.
const VIEW_SIZE_LIMIT: usize = 64;

/// The nodes' places in views that are allowed however few nodes there are.
const VIEW_SIZE_FLOOR: usize = 65_536;

id! {
    /// A view of the nodes.
    ViewId
}

/// The view of all nodes without taints. It is never forgotten.
const EVERYTHING: ViewId = ViewId(0);

/// Where a claim's executors may go: the nodes that suit, for everyone and for its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reach {
    /// What everyone may take.
    pub(super) general: ViewId,
    /// What is kept for the claim's pool or one above it, if they reserve anything.
    pub(super) reserved: Option<ViewId>,
}

impl Reach {
    /// Whether there may be nodes on which something is kept for the claim's pool.
    pub(crate) fn has_reserved(self) -> bool {
        self.reserved.is_some()
    }
}

impl Default for Reach {
    /// All nodes without taints, and what everyone may take of them.
    fn default() -> Self {
        Self { general: EVERYTHING, reserved: None }
    }
}

id! {
    /// A place in a view.
    Place
}

/// All views.
#[derive(Clone, Debug)]
pub(super) struct Views {
    by_id: Arena<ViewId, View>,
    by_key: BTreeMap<(Requirement, Option<PoolId>), ViewId>,
    by_label: ByLabel,
    /// The nodes' places in all views.
    size: usize,
    /// How many views there were after those without a use were last forgotten.
    swept: usize,
}

impl Default for Views {
    fn default() -> Self {
        let mut views = Self {
            by_id: Arena::new(),
            by_key: BTreeMap::new(),
            by_label: ByLabel::default(),
            size: 0,
            swept: 0,
        };
        let everything = Requirement::default();
        let id = views.by_id.insert(View::new(everything.clone(), Vec::new()));
        views.by_key.insert((everything, None), id);
        views
    }
}

impl Views {
    /// The views for a requirement and a pool, made if there are none.
    pub(super) fn reach(
        &mut self,
        nodes: &mut Arena<NodeId, Node>,
        requirement: &Requirement,
        pool: PoolId,
        pools: &Pools,
    ) -> Reach {
        let general = self.view(nodes, requirement, Vec::new());
        let mut scope = chain(pools, pool);
        while scope.last().is_some_and(|&pool| {
            pools.get(pool).is_none_or(|pool| pool.settings.reservations.is_empty())
        }) {
            scope.pop();
        }
        let reserved = (!scope.is_empty()).then(|| self.view(nodes, requirement, scope));
        Reach { general, reserved }
    }

    /// The pool whose reservations are within reach, below all pools above it.
    pub(super) fn chain(&self, reach: Reach) -> &[PoolId] {
        let reserved = reach.reserved.and_then(|id| self.by_id.get(id));
        reserved.map_or(&[], View::chain)
    }

    /// Whether a node belongs to a view for everyone.
    pub(super) fn suits(&self, id: ViewId, node: &Node) -> bool {
        let Some(view) = self.by_id.get(id) else { return false };
        if view.is_kept() {
            node.places().iter().any(|&(view, _)| view == id)
        } else {
            view.suits(node)
        }
    }

    /// A view with its trees.
    pub(super) fn get(&self, nodes: &Arena<NodeId, Node>, id: ViewId) -> Option<Cow<'_, View>> {
        let view = self.by_id.get(id)?;
        if view.is_kept() {
            return Some(Cow::Borrowed(view));
        }
        let mut made = view.emptied();
        for id in self.by_label.candidates(nodes, view.requirement()) {
            if let Some(node) = nodes.get(id).filter(|node| made.count_in(node)) {
                made.add(id, node);
            }
        }
        Some(Cow::Owned(made))
    }

    /// The nodes that have the labels that are asked for.
    pub(super) fn matching(
        &mut self,
        nodes: &Arena<NodeId, Node>,
        requirement: &Requirement,
    ) -> Vec<NodeId> {
        self.by_label.watch(nodes, requirement);
        let mut matching = self.by_label.candidates(nodes, requirement);
        matching.retain(|&id| {
            nodes.get(id).is_some_and(|node| requirement.matches(&node.observed().labels))
        });
        matching
    }

    /// Counts a node in whose labels, taints or reservations changed.
    pub(super) fn enter(&mut self, id: NodeId, node: &mut Node) {
        self.by_label.enter(id, node);
        let ids: Vec<ViewId> = self.by_id.iter().map(|(id, _)| id).collect();
        for view_id in ids {
            let Some(view) = self.by_id.get_mut(view_id) else { continue };
            if view.is_kept() && view.count_in(node) {
                let place = view.add(id, node);
                node.enter(view_id, place);
                self.size += 1;
            }
        }
    }

    /// Counts a node out whose labels, taints or reservations are about to change.
    pub(super) fn leave(&mut self, id: NodeId, node: &mut Node) {
        self.by_label.leave(id, node);
        let ids: Vec<ViewId> = self.by_id.iter().map(|(id, _)| id).collect();
        for view_id in ids {
            if let Some(view) = self.by_id.get_mut(view_id).filter(|view| view.is_kept()) {
                view.count_out(node);
            }
        }
        for (view, place) in node.leave_all() {
            if let Some(view) = self.by_id.get_mut(view) {
                view.clear(place);
                self.size -= 1;
            }
        }
    }

    /// Takes in what is on a node now, and what would be if it were empty in case that changed.
    pub(super) fn set(&mut self, node: &Node, usable_changed: bool) {
        for &(view, place) in node.places() {
            if let Some(view) = self.by_id.get_mut(view) {
                view.set(place, node, usable_changed);
            }
        }
    }

    /// Compares all views that are kept up to date with the nodes.
    pub(super) fn check(&self, nodes: &Nodes) -> Result<(), String> {
        let mut size = 0;
        for (id, view) in self.by_id.iter() {
            let found = self.by_key.get(&view.key());
            ensure!(found == Some(&id), "a view is not found by what it asks for");
            if view.is_kept() {
                let fail = |problem| format!("view of {:?}: {problem}", view.requirement());
                size += view.check(id, nodes).map_err(fail)?;
            }
        }
        ensure!(size == self.size, "views have {size} places, counted {}", self.size);
        Ok(())
    }

    /// Whether there are many more views than were of use when that was last looked at.
    pub(super) fn is_full(&self) -> bool {
        self.by_key.len() > 2 * self.swept + 16
    }

    /// Forgets the views that are not among these, but for that of everything.
    pub(super) fn keep(&mut self, nodes: &mut Arena<NodeId, Node>, used: &BTreeSet<ViewId>) {
        let unused: Vec<ViewId> = self
            .by_id
            .iter()
            .map(|(id, _)| id)
            .filter(|id| *id != EVERYTHING && !used.contains(id))
            .collect();
        for id in unused {
            self.forget(nodes, id);
        }
        self.swept = self.by_key.len();
    }

    /// Forgets the views that are for pools with reservations.
    pub(super) fn forget_reserved(&mut self, nodes: &mut Arena<NodeId, Node>) {
        let reserved: Vec<ViewId> = self
            .by_id
            .iter()
            .filter(|(_, view)| !view.chain().is_empty())
            .map(|(id, _)| id)
            .collect();
        for id in reserved {
            self.forget(nodes, id);
        }
    }

    fn forget(&mut self, nodes: &mut Arena<NodeId, Node>, id: ViewId) {
        let Some(view) = self.by_id.remove(id) else { return };
        for node in view.members() {
            if let Some(node) = nodes.get_mut(node) {
                node.leave(id);
                self.size -= 1;
            }
        }
        self.by_key.remove(&view.key());
    }

    fn view(
        &mut self,
        nodes: &mut Arena<NodeId, Node>,
        requirement: &Requirement,
        chain: Vec<PoolId>,
    ) -> ViewId {
        let key = (requirement.clone(), chain.last().copied());
        if let Some(&id) = self.by_key.get(&key) {
            return id;
        }
        self.by_label.watch(nodes, requirement);
        let limit = nodes.bound().saturating_mul(VIEW_SIZE_LIMIT).max(VIEW_SIZE_FLOOR);
        let mut view = View::new(requirement.clone(), chain);
        let mut members = Vec::new();
        for id in self.by_label.candidates(nodes, requirement) {
            if let Some(node) = nodes.get(id).filter(|node| view.count_in(node)) {
                members.push((id, view.add(id, node)));
            }
        }
        if self.size + members.len() > limit {
            members.clear();
            view = view.unkept();
        }
        let id = self.by_id.insert(view);
        self.size += members.len();
        for (node, place) in members {
            if let Some(node) = nodes.get_mut(node) {
                node.enter(id, place);
            }
        }
        self.by_key.insert(key, id);
        id
    }
}
