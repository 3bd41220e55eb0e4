//! Finding a node that fits without looking at all of them.
//!
//! A binary tree over the nodes, kept as an array. Every branch knows the most that is free below it,
//! kind by kind, and the emptiest node below it. A branch whose best is not enough is passed over
//! with all its nodes. Changing a node costs the height of the tree.

use std::collections::BTreeMap;

use super::NodeId;
use crate::arena::Id;
use crate::resources::{Kind, Resources};

/// How many nodes that fit are compared before the best of them is taken. With fewer the choice is
/// exact.
const CANDIDATES: usize = 32;

/// How full a node is: the larger share of its cpu and memory that is taken, in units of 2^-32.
pub(crate) type Fullness = u64;

/// Whether a node may be chosen at all.
pub(crate) type Accepts<'a> = &'a dyn Fn(NodeId) -> bool;

#[derive(Clone, Copy, Debug)]
struct Summary {
    /// The most that is free of each kind, not necessarily on one node.
    free: Resources,
    emptiest: Fullness,
}

impl Summary {
    /// Of a place without a node, or with one that is not offered: nothing fits, not even nothing.
    const CLOSED: Self = Self { free: Resources::LESS_THAN_NONE, emptiest: Fullness::MAX };
}

/// The tree. The root is at 1, the children of `n` at `2n` and `2n + 1`.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    tree: Vec<Summary>,
    /// The number of leaves, a power of two.
    width: usize,
}

impl Index {
    /// Takes in what is free on a node; `None` when it is not offered.
    pub(super) fn set(&mut self, id: NodeId, free: Option<&Resources>, usable: &Resources) {
        if id.index() >= self.width {
            self.grow(id.index() + 1);
        }
        let mut place = self.width + id.index();
        self.tree[place] = free.map_or(Summary::CLOSED, |free| Summary {
            free: *free,
            emptiest: fullness(free, usable),
        });
        while place > 1 {
            place /= 2;
            self.tree[place] = self.join(place);
        }
    }

    /// The most that is free on a node of each kind; below nothing if no node is offered.
    pub(super) fn largest(&self) -> Resources {
        self.tree.get(1).map_or(Resources::LESS_THAN_NONE, |root| root.free)
    }

    /// The fullest of the first nodes that a request fits on.
    pub(super) fn fullest(&self, request: &Resources, accepts: Accepts<'_>) -> Option<NodeId> {
        let mut best: Option<(Fullness, usize)> = None;
        let mut seen = 0;
        self.visit(request, accepts, Order::Left, |place, summary| {
            let is_leaf = place >= self.width;
            if is_leaf && best.is_none_or(|(fullness, _)| summary.emptiest > fullness) {
                best = Some((summary.emptiest, place));
            }
            seen += usize::from(is_leaf);
            if seen == CANDIDATES { Step::Stop } else { Step::Into }
        });
        best.map(|(_, place)| self.id(place))
    }

    /// The node with the fewest of these executors that a request fits on, and among those the
    /// emptiest.
    pub(super) fn emptiest(
        &self,
        request: &Resources,
        executors: &BTreeMap<NodeId, u32>,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        // Without any of the executors, and with.
        let mut free_of_them: Option<(Fullness, usize)> = None;
        let mut with_them: Option<(u32, Fullness, usize)> = None;
        let mut seen = 0;
        self.visit(request, accepts, Order::Emptiest, |place, summary| {
            if free_of_them.is_some_and(|(fullness, _)| summary.emptiest >= fullness) {
                return Step::Over;
            }
            if place < self.width {
                return Step::Into;
            }
            match executors.get(&self.id(place)).copied().unwrap_or(0) {
                0 => free_of_them = Some((summary.emptiest, place)),
                count => {
                    let candidate = (count, summary.emptiest, place);
                    if with_them.is_none_or(|best| candidate < best) {
                        with_them = Some(candidate);
                    }
                    seen += 1;
                }
            }
            if seen == CANDIDATES { Step::Stop } else { Step::Into }
        });
        let place = free_of_them.map(|(_, place)| place);
        place.or(with_them.map(|(_, _, place)| place)).map(|place| self.id(place))
    }

    /// Whether a request fits on any node.
    pub(super) fn fits(&self, request: &Resources, accepts: Accepts<'_>) -> bool {
        let mut fits = false;
        self.visit(request, accepts, Order::Left, |place, _| {
            fits |= place >= self.width;
            if fits { Step::Stop } else { Step::Into }
        });
        fits
    }

    /// Goes through the branches and nodes that a request may fit on.
    fn visit(
        &self,
        request: &Resources,
        accepts: Accepts<'_>,
        order: Order,
        mut look: impl FnMut(usize, &Summary) -> Step,
    ) {
        if self.width == 0 {
            return;
        }
        // One branch for each level, at most, waits for its sibling.
        let mut waiting = [0_usize; usize::BITS as usize];
        (waiting[0], waiting[1]) = (1, 0);
        let mut depth = 1;
        while depth > 0 {
            depth -= 1;
            let place = waiting[depth];
            let summary = &self.tree[place];
            let fits = request.fits_in(&summary.free);
            if !fits || (place >= self.width && !accepts(self.id(place))) {
                continue;
            }
            match look(place, summary) {
                Step::Stop => return,
                Step::Over => {}
                Step::Into if place >= self.width => {}
                Step::Into => {
                    let (left, right) = (2 * place, 2 * place + 1);
                    let right_first = order == Order::Emptiest
                        && self.tree[right].emptiest < self.tree[left].emptiest;
                    let both = if right_first { [left, right] } else { [right, left] };
                    waiting[depth..depth + 2].copy_from_slice(&both);
                    depth += 2;
                }
            }
        }
    }

    fn id(&self, place: usize) -> NodeId {
        NodeId::at(u32::try_from(place - self.width).unwrap_or(u32::MAX))
    }

    fn join(&self, place: usize) -> Summary {
        let (left, right) = (&self.tree[2 * place], &self.tree[2 * place + 1]);
        Summary {
            free: left.free.max_each(&right.free),
            emptiest: left.emptiest.min(right.emptiest),
        }
    }

    fn grow(&mut self, nodes: usize) {
        let width = nodes.next_power_of_two().max(2);
        let mut tree = vec![Summary::CLOSED; 2 * width];
        tree[width..width + self.width].copy_from_slice(&self.tree[self.width..]);
        (self.tree, self.width) = (tree, width);
        for place in (1..width).rev() {
            self.tree[place] = self.join(place);
        }
    }
}

/// Which of two branches comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// The left one: nodes in the order in which they were first seen.
    Left,
    /// The one with the emptier node; the left one if they are alike.
    Emptiest,
}

enum Step {
    /// Look at what is below.
    Into,
    /// Pass over what is below.
    Over,
    /// Look no further.
    Stop,
}

pub(super) fn fullness(free: &Resources, usable: &Resources) -> Fullness {
    let taken = |kind: Kind| {
        let (free, usable) = (free[kind].max(0).unsigned_abs(), usable[kind].max(0).unsigned_abs());
        let taken = u128::from(usable.saturating_sub(free));
        let fullness = (taken << 32).checked_div(u128::from(usable)).unwrap_or(0);
        Fullness::try_from(fullness).unwrap_or(Fullness::MAX)
    };
    taken(Kind::CPU).max(taken(Kind::MEMORY))
}

#[cfg(test)]
mod tests;
