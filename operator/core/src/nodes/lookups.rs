//! Which nodes fit or suit.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Nodes;
use super::account::Node;
use super::index::{Accepts, Index};
use super::views::{Reach, View};
use crate::ids::NodeId;
use crate::labels::Label;
use crate::resources::Resources;

/// Which nodes suit, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suitability {
    /// The labels that are asked for, if any.
    pub(crate) selector: Option<Box<str>>,
    /// How many nodes have them.
    pub(crate) matching: u32,
    /// How many of these have a taint that is not tolerated.
    pub(crate) tainted: u32,
    /// The taint that most of these have, and how many.
    pub(crate) taint: Option<(Box<str>, u32)>,
}

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
        self.choose(reach, |view, trees| {
            let count = |place| {
                view.node(place).and_then(|node| executors.get(&node)).copied().unwrap_or(0)
            };
            trees.emptiest(request, count, &|place| view.node(place).is_some_and(accepts))
        })
    }

    /// The fullest acceptable node that a request fits on, of the first few; what is reserved comes
    /// first.
    pub(crate) fn fullest(
        &self,
        request: &Resources,
        reach: Reach,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        self.choose(reach, |view, trees| {
            trees.fullest(request, &|place| view.node(place).is_some_and(accepts))
        })
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
        self.views_of(reach).any(|view| view.free.fits(request, &|_| true))
    }

    /// Whether a request fits on some acceptable node.
    pub(crate) fn fits_on(&self, request: &Resources, reach: Reach, accepts: Accepts<'_>) -> bool {
        self.views_of(reach)
            .any(|view| view.free.fits(request, &|place| view.node(place).is_some_and(accepts)))
    }

    /// Whether a request would fit on some offered node without executors.
    pub(crate) fn fits_when_empty(&self, request: &Resources, reach: Reach) -> bool {
        self.views_of(reach).any(|view| view.usable.fits(request, &|_| true))
    }

    /// Whether a request would fit on some acceptable node without executors.
    pub(crate) fn fits_on_when_empty(
        &self,
        request: &Resources,
        reach: Reach,
        accepts: Accepts<'_>,
    ) -> bool {
        self.views_of(reach)
            .any(|view| view.usable.fits(request, &|place| view.node(place).is_some_and(accepts)))
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
        self.largest(reach, |view| view.free.largest())
    }

    /// The most that an offered node has of each kind; below nothing if none is offered.
    pub(crate) fn largest_usable(&self, reach: Reach) -> Resources {
        self.largest(reach, |view| view.usable.largest())
    }

    /// How many nodes have the labels that are asked for, and how many of these are tainted.
    pub(crate) fn suitability(&self, reach: Reach) -> Suitability {
        let Some(view) = self.views.get(&self.by_id, reach.general) else {
            return Suitability::default();
        };
        let most = view.tainted.iter().max_by_key(|&(taint, count)| (count, Reverse(taint)));
        Suitability {
            selector: view.selector(),
            matching: view.matching,
            tainted: view.tainted.values().sum(),
            taint: most.map(|(taint, &count)| (taint.to_string().into(), count)),
        }
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

    /// The first choice among what is reserved as a whole, what is reserved in part, and the rest.
    fn choose(
        &self,
        reach: Reach,
        choice: impl Fn(&View, &Index) -> Option<NodeId>,
    ) -> Option<NodeId> {
        self.views_of(reach).find_map(|view| {
            let place = choice(&view, &view.kept).or_else(|| choice(&view, &view.free));
            view.node(place?)
        })
    }
}
