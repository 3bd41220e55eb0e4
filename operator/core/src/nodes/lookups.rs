//! Which nodes fit or suit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Nodes;
use super::account::Node;
use super::index::Accepts;
use super::views::{Reach, Suitability, View};
use crate::ids::NodeId;
use crate::labels::Label;
use crate::resources::Resources;

impl Nodes {
    /// The acceptable node with the fewest of these executors that a request fits on, then the
    /// emptiest; what is reserved comes first, so that what everyone may take is left for others.
    pub(crate) fn emptiest(
        &self,
        request: &Resources,
        reach: Reach,
        executors: &BTreeMap<NodeId, u32>,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        self.views_of(reach).find_map(|view| view.emptiest(request, executors, accepts))
    }

    /// The fullest acceptable node that a request fits on, of the first few; what is reserved comes
    /// first.
    pub(crate) fn fullest(
        &self,
        request: &Resources,
        reach: Reach,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        self.views_of(reach).find_map(|view| view.fullest(request, accepts))
    }

    /// The nodes that have one of these names or all of these labels, which are watched.
    pub(crate) fn named_or_labelled(
        &self,
        names: &[Box<str>],
        labels: &[Label],
    ) -> BTreeSet<NodeId> {
        let mut nodes = self.labels.with_all(labels);
        nodes.extend(names.iter().filter_map(|name| self.find(name)));
        nodes
    }

    /// Whether a request fits on some node.
    pub(crate) fn fits(&self, request: &Resources, reach: Reach) -> bool {
        self.fits_on(request, reach, &|_| true)
    }

    /// Whether a request fits on some acceptable node.
    pub(crate) fn fits_on(&self, request: &Resources, reach: Reach, accepts: Accepts<'_>) -> bool {
        self.views_of(reach).any(|view| view.fits(request, accepts))
    }

    /// Whether a request would fit on some offered node without executors.
    pub(crate) fn fits_when_empty(&self, request: &Resources, reach: Reach) -> bool {
        self.fits_on_when_empty(request, reach, &|_| true)
    }

    /// Whether a request would fit on some acceptable node without executors.
    pub(crate) fn fits_on_when_empty(
        &self,
        request: &Resources,
        reach: Reach,
        accepts: Accepts<'_>,
    ) -> bool {
        self.views_of(reach).any(|view| view.fits_when_empty(request, accepts))
    }

    /// Whether a request fits on some node only because of what is kept for others. Looks at all nodes
    /// if anything is reserved.
    pub(crate) fn fits_in_kept(&self, request: &Resources, reach: Reach) -> bool {
        if self.rules.reserve_nothing() && self.promising.is_empty() {
            return false;
        }
        let Some(view) = self.views.get(&self.by_id, reach.general) else { return false };
        let fits = |node: &Node| {
            node.is_open() && request.fits_in(&node.usable().above(node.held())) && view.suits(node)
        };
        let mut promising = self.promising.iter().filter_map(|&id| self.by_id.get(id));
        promising.any(fits)
            || !self.rules.reserve_nothing()
                && self.iter().any(|(_, node)| node.reserved().is_some() && fits(node))
    }

    /// The most that is free on an offered node of each kind; below nothing if none is offered.
    pub(crate) fn largest_free(&self, reach: Reach) -> Resources {
        self.largest(reach, View::largest_free)
    }

    /// The most that an offered node has of each kind; below nothing if none is offered.
    pub(crate) fn largest_usable(&self, reach: Reach) -> Resources {
        self.largest(reach, View::largest_usable)
    }

    /// How many nodes have the labels that are asked for, and how many of these are tainted.
    pub(crate) fn suitability(&self, reach: Reach) -> Suitability {
        let view = self.views.get(&self.by_id, reach.general);
        view.map(|view| view.suitability()).unwrap_or_default()
    }

    /// Whether executors or tasks that are bound to a reach may be on a node.
    pub(crate) fn is_in_reach(&self, node: &Node, reach: Reach) -> bool {
        self.views.suits(reach.general, node)
    }

    fn views_of(&self, reach: Reach) -> impl Iterator<Item = Cow<'_, View>> {
        let ids = [reach.reserved, Some(reach.general)].into_iter().flatten();
        ids.filter_map(|id| self.views.get(&self.by_id, id))
    }

    fn largest(&self, reach: Reach, most: impl Fn(&View) -> Resources) -> Resources {
        let views = self.views_of(reach);
        views.fold(Resources::LESS_THAN_NONE, |largest, view| largest.max_each(&most(&view)))
    }
}
