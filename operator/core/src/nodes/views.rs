//! Views of the nodes: for each distinct requirement, and each pool with reservations, a tree of the
//! nodes that suit, so that finding one that fits does not look at those that do not.
//!
//! Changing a node costs the height of a tree in each view that has it. Memory goes with the sum of
//! the views' nodes, which [`VIEW_SIZE_LIMIT`] bounds; a view beyond it is made when it is asked,
//! and forgotten again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::reserve::chain;
use super::{Node, Nodes};
use crate::arena::{Arena, Id, id};
use crate::ensure::ensure;
use crate::ids::{NodeId, PoolId};
use crate::labels::{Requirement, Taint};
use crate::pools::Pools;
use crate::resources::Resources;

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

/// Nodes that suit a requirement.
#[derive(Clone, Debug)]
pub(super) struct View {
    requirement: Requirement,
    /// The pool whose reservations these are, below all pools above it; empty in a view for everyone.
    pub(super) chain: Vec<PoolId>,
    /// The node at each place.
    pub(super) members: Arena<Place, NodeId>,
    /// What can be taken.
    pub(super) free: Index,
    /// What of it is reserved for the pool.
    pub(super) kept: Index,
    /// What could be taken if the nodes were empty.
    pub(super) usable: Index,
    /// How many nodes have the labels.
    pub(super) matching: u32,
    /// How many of these have which taint that is not tolerated.
    pub(super) tainted: BTreeMap<Taint, u32>,
    /// Whether the trees are kept up to date.
    is_kept: bool,
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
    /// The nodes by value of each label that was ever asked for, by its key.
    by_label: BTreeMap<Box<str>, BTreeMap<Box<str>, BTreeSet<NodeId>>>,
    /// The nodes' places in all views.
    size: usize,
    /// How many views there were after those without a use were last forgotten.
    swept: usize,
}

impl View {
    fn new(requirement: Requirement, chain: Vec<PoolId>) -> Self {
        Self {
            requirement,
            chain,
            members: Arena::new(),
            free: Index::default(),
            kept: Index::default(),
            usable: Index::default(),
            matching: 0,
            tainted: BTreeMap::new(),
            is_kept: true,
        }
    }

    /// The node at a place of the trees.
    pub(super) fn node(&self, place: NodeId) -> Option<NodeId> {
        self.members.get(Place::at(u32::try_from(place.index()).unwrap_or(u32::MAX))).copied()
    }

    /// The labels that are asked for, for people.
    pub(super) fn selector(&self) -> Option<Box<str>> {
        self.requirement.selector()
    }

    /// Whether a node has the labels, and no taint that matters.
    pub(super) fn suits(&self, node: &Node) -> bool {
        self.requirement.matches(&node.observed().labels)
            && self.requirement.untolerated(&node.observed().taints).is_none()
    }

    /// Whether a node suits; counts it in any case.
    fn count_in(&mut self, node: &Node) -> bool {
        if !self.requirement.matches(&node.observed().labels) {
            return false;
        }
        self.matching += 1;
        if let Some(taint) = self.requirement.untolerated(&node.observed().taints) {
            *self.tainted.entry(taint.clone()).or_default() += 1;
            return false;
        }
        self.chain.is_empty() || node.reserved().is_some_and(|all| all.is_for(&self.chain))
    }

    fn count_out(&mut self, node: &Node) {
        if !self.requirement.matches(&node.observed().labels) {
            return;
        }
        self.matching -= 1;
        if let Some(taint) = self.requirement.untolerated(&node.observed().taints)
            && let Some(count) = self.tainted.get_mut(taint)
        {
            *count -= 1;
            if *count == 0 {
                self.tainted.remove(taint);
            }
        }
    }

    fn add(&mut self, id: NodeId, node: &Node) -> Place {
        let place = self.members.insert(id);
        self.set(place, node, true);
        place
    }

    /// Takes in what is on a node now, and what would be if it were empty in case that changed.
    fn set(&mut self, place: Place, node: &Node, usable_changed: bool) {
        let place = NodeId::at(u32::try_from(place.index()).unwrap_or(u32::MAX));
        let open = node.is_open();
        if usable_changed {
            let usable = open.then(|| node.usable_for(&self.chain));
            self.usable.set(place, usable.as_ref(), node.usable());
        }
        let free = node.free_for(&self.chain);
        if self.chain.is_empty() {
            self.free.set(place, open.then_some(&free), node.usable());
            return;
        }
        // Where nothing is kept for the pool, it has no more than everyone.
        let kept = free.minus(&node.free_for(&[]));
        let open = open && !kept.is_none();
        self.free.set(place, open.then_some(&free), node.usable());
        self.kept.set(place, open.then_some(&kept), node.usable());
    }

    fn clear(&mut self, place: Place) {
        self.members.remove(place);
        let place = NodeId::at(u32::try_from(place.index()).unwrap_or(u32::MAX));
        self.free.set(place, None, &Resources::NONE);
        self.usable.set(place, None, &Resources::NONE);
        if !self.chain.is_empty() {
            self.kept.set(place, None, &Resources::NONE);
        }
    }
}

impl Default for Views {
    fn default() -> Self {
        let mut views = Self {
            by_id: Arena::new(),
            by_key: BTreeMap::new(),
            by_label: BTreeMap::new(),
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
        reserved.map_or(&[], |view| &view.chain)
    }

    /// Whether a node belongs to a view for everyone.
    pub(super) fn suits(&self, id: ViewId, node: &Node) -> bool {
        let Some(view) = self.by_id.get(id) else { return false };
        if view.is_kept {
            node.places().iter().any(|&(view, _)| view == id)
        } else {
            view.suits(node)
        }
    }

    /// A view with its trees.
    pub(super) fn get(&self, nodes: &Arena<NodeId, Node>, id: ViewId) -> Option<Cow<'_, View>> {
        let view = self.by_id.get(id)?;
        if view.is_kept {
            return Some(Cow::Borrowed(view));
        }
        let mut made = View::new(view.requirement.clone(), view.chain.clone());
        for id in self.candidates(nodes, &view.requirement) {
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
        self.note_labels(nodes, requirement);
        let mut matching = self.candidates(nodes, requirement);
        matching.retain(|&id| {
            nodes.get(id).is_some_and(|node| requirement.matches(&node.observed().labels))
        });
        matching
    }

    /// Sorts all nodes by the labels that are asked for here for the first time.
    fn note_labels(&mut self, nodes: &Arena<NodeId, Node>, requirement: &Requirement) {
        for (key, _) in requirement.labels() {
            if self.by_label.contains_key(key) {
                continue;
            }
            let mut by_value: BTreeMap<Box<str>, BTreeSet<NodeId>> = BTreeMap::new();
            for (id, node) in nodes.iter() {
                if let Some(value) = value(node, key) {
                    by_value.entry(value.into()).or_default().insert(id);
                }
            }
            self.by_label.insert(key.clone(), by_value);
        }
    }

    /// All nodes that may have the labels: those with the rarest of them.
    fn candidates(&self, nodes: &Arena<NodeId, Node>, requirement: &Requirement) -> Vec<NodeId> {
        let mut fewest: Option<&BTreeSet<NodeId>> = None;
        for (key, value) in requirement.labels() {
            let Some(by_value) = self.by_label.get(key) else { continue };
            let Some(with_it) = by_value.get(value) else { return Vec::new() };
            if fewest.is_none_or(|fewest| with_it.len() < fewest.len()) {
                fewest = Some(with_it);
            }
        }
        match fewest {
            Some(fewest) => fewest.iter().copied().collect(),
            None => nodes.iter().map(|(id, _)| id).collect(),
        }
    }

    /// Counts a node in whose labels, taints or reservations changed.
    pub(super) fn enter(&mut self, id: NodeId, node: &mut Node) {
        for (key, by_value) in &mut self.by_label {
            if let Some(value) = value(node, key) {
                by_value.entry(value.into()).or_default().insert(id);
            }
        }
        let ids: Vec<ViewId> = self.by_id.iter().map(|(id, _)| id).collect();
        for view_id in ids {
            let Some(view) = self.by_id.get_mut(view_id) else { continue };
            if view.is_kept && view.count_in(node) {
                let place = view.add(id, node);
                node.enter(view_id, place);
                self.size += 1;
            }
        }
    }

    /// Counts a node out whose labels, taints or reservations are about to change.
    pub(super) fn leave(&mut self, id: NodeId, node: &mut Node) {
        for (key, by_value) in &mut self.by_label {
            if let Some(value) = value(node, key)
                && let Some(with_it) = by_value.get_mut(value)
            {
                with_it.remove(&id);
                if with_it.is_empty() {
                    by_value.remove(value);
                }
            }
        }
        let ids: Vec<ViewId> = self.by_id.iter().map(|(id, _)| id).collect();
        for view_id in ids {
            if let Some(view) = self.by_id.get_mut(view_id).filter(|view| view.is_kept) {
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
            let key = (view.requirement.clone(), view.chain.last().copied());
            ensure!(self.by_key.get(&key) == Some(&id), "a view is not found by what it asks for");
            if !view.is_kept {
                continue;
            }
            let mut new = View::new(view.requirement.clone(), view.chain.clone());
            let members = nodes.iter().filter(|(_, node)| new.count_in(node)).count();
            ensure!(new.tainted == view.tainted, "a view counts {:?} tainted", view.tainted);
            let fail = |problem| format!("view of {:?}: {problem}", view.selector());
            view.check(id, nodes, (new.matching, members)).map_err(fail)?;
            size += members;
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
            .filter(|(_, view)| !view.chain.is_empty())
            .map(|(id, _)| id)
            .collect();
        for id in reserved {
            self.forget(nodes, id);
        }
    }

    fn forget(&mut self, nodes: &mut Arena<NodeId, Node>, id: ViewId) {
        let Some(view) = self.by_id.remove(id) else { return };
        for (_, &node) in view.members.iter() {
            if let Some(node) = nodes.get_mut(node) {
                node.leave(id);
                self.size -= 1;
            }
        }
        let scope = view.chain.last().copied();
        self.by_key.remove(&(view.requirement, scope));
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
        self.note_labels(nodes, requirement);
        let limit = nodes.bound().saturating_mul(VIEW_SIZE_LIMIT).max(VIEW_SIZE_FLOOR);
        let mut view = View::new(requirement.clone(), chain);
        let mut members = Vec::new();
        for id in self.candidates(nodes, requirement) {
            if let Some(node) = nodes.get(id).filter(|node| view.count_in(node)) {
                members.push((id, view.add(id, node)));
            }
        }
        view.is_kept = self.size + members.len() <= limit;
        if !view.is_kept {
            members.clear();
            view = View { is_kept: false, ..View::new(view.requirement, view.chain) };
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

/// The value of a node's label.
fn value<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    let labels = &node.observed().labels;
    let place = labels.binary_search_by(|(label, _)| (**label).cmp(key)).ok()?;
    Some(&labels[place].1)
}
