//! Finding a node that fits without looking at all of them.
//!
//! A binary tree over the nodes, kept as an array. Every branch knows the most that is free below it,
//! kind by kind, and the emptiest node below it. A branch whose best is not enough is passed over
//! with all its nodes. Changing a node costs the height of the tree.

use crate::arena::Id;
use crate::ids::NodeId;
use crate::resources::{KIND_LIMIT, Kind, Resources};

/// How many nodes that fit are compared before the best of them is taken. With fewer the choice is
/// exact.
const CANDIDATES: usize = 32;

/// How full a node is: the larger share of its cpu and memory that is taken, in units of 2^-32.
pub(crate) type Fullness = u64;

/// Whether a node may be chosen at all.
pub(crate) type Accepts<'a> = &'a dyn Fn(NodeId) -> bool;

/// The tree. The root is at 1, the children of `n` at `2n` and `2n + 1`, the nodes from `width` on.
/// Each kind has a column of its own: most clusters count two or three, and what is not counted is
/// not read.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// By kind, the most that is free below each place, not necessarily on one node. In a place
    /// without a node, or with one that is not offered, there is less than nothing.
    free: [Vec<i64>; KIND_LIMIT],
    /// How full the emptiest node below each place is.
    emptiest: Vec<Fullness>,
    /// The number of columns in use: no node has anything of the kinds beyond.
    kinds: usize,
    /// The number of leaves, a power of two.
    width: usize,
}

/// Nothing fits here, not even nothing.
const CLOSED: i64 = -1;

impl Default for Index {
    fn default() -> Self {
        let (free, emptiest) = (Default::default(), Vec::new());
        // Every cluster counts cpu and memory, and by the first column closed places are told.
        Self { free, emptiest, kinds: 2, width: 0 }
    }
}

impl Index {
    /// Takes in what is free on a node; `None` when it is not offered.
    pub(super) fn set(&mut self, id: NodeId, free: Option<&Resources>, usable: &Resources) {
        self.make_room(id.index() + 1, usable);
        let mut place = self.width + id.index();
        for (kind, column) in Kind::all().zip(&mut self.free[..self.kinds]) {
            column[place] = free.map_or(CLOSED, |free| free[kind]);
        }
        self.emptiest[place] = free.map_or(Fullness::MAX, |free| fullness(free, usable));
        while place > 1 {
            place /= 2;
            if !self.join(place) {
                return;
            }
        }
    }

    /// The most that is free on a node of each kind; below nothing if no node is offered.
    pub(super) fn largest(&self) -> Resources {
        let mut largest = Resources::LESS_THAN_NONE;
        if self.width > 0 && self.free[0][1] > CLOSED {
            for (kind, column) in Kind::all().zip(&self.free) {
                largest[kind] = column.get(1).copied().unwrap_or(0);
            }
        }
        largest
    }

    /// The fullest of the first nodes that a request fits on.
    pub(super) fn fullest(&self, request: &Resources, accepts: Accepts<'_>) -> Option<NodeId> {
        let mut best: Option<(Fullness, usize)> = None;
        let mut seen = 0;
        self.visit(request, accepts, Order::Left, |place| {
            let is_leaf = place >= self.width;
            if is_leaf && best.is_none_or(|(fullness, _)| self.emptiest[place] > fullness) {
                best = Some((self.emptiest[place], place));
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
        executors: impl Fn(NodeId) -> u32,
        accepts: Accepts<'_>,
    ) -> Option<NodeId> {
        // Without any of the executors, and with.
        let mut free_of_them: Option<(Fullness, usize)> = None;
        let mut with_them: Option<(u32, Fullness, usize)> = None;
        let mut seen = 0;
        self.visit(request, accepts, Order::Emptiest, |place| {
            let emptiest = self.emptiest[place];
            if free_of_them.is_some_and(|(fullness, _)| emptiest >= fullness) {
                return Step::Over;
            }
            if place < self.width {
                return Step::Into;
            }
            match executors(self.id(place)) {
                0 => free_of_them = Some((emptiest, place)),
                count => {
                    let candidate = (count, emptiest, place);
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
        self.visit(request, accepts, Order::Left, |place| {
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
        mut look: impl FnMut(usize) -> Step,
    ) {
        if self.width == 0 || request.iter().any(|(kind, _)| kind.index() >= self.kinds) {
            return;
        }
        // One branch for each level, at most, waits for its sibling.
        let mut waiting = [0_usize; usize::BITS as usize];
        (waiting[0], waiting[1]) = (1, 0);
        let mut depth = 1;
        while depth > 0 {
            depth -= 1;
            let place = waiting[depth];
            let fits = self.may_fit(request, place);
            if !fits || (place >= self.width && !accepts(self.id(place))) {
                continue;
            }
            match look(place) {
                Step::Stop => return,
                Step::Over => {}
                Step::Into if place >= self.width => {}
                Step::Into => {
                    let (left, right) = (2 * place, 2 * place + 1);
                    let right_first =
                        order == Order::Emptiest && self.emptiest[right] < self.emptiest[left];
                    let both = if right_first { [left, right] } else { [right, left] };
                    waiting[depth..depth + 2].copy_from_slice(&both);
                    depth += 2;
                }
            }
        }
    }

    /// The number of nodes that there are places for.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The first place of the tree in which this one differs from another of the same width.
    pub(super) fn difference(&self, other: &Self) -> Option<usize> {
        let at = |index: &Self, kind: usize, place: usize| {
            // Where nothing is there it does not matter what else is said.
            if index.free[0][place] == CLOSED {
                return CLOSED;
            }
            index.free[kind].get(place).copied().unwrap_or(0)
        };
        (1..2 * self.width).find(|&place| {
            self.width != other.width
                || self.emptiest[place] != other.emptiest[place]
                || (0..KIND_LIMIT).any(|kind| at(self, kind, place) != at(other, kind, place))
        })
    }

    fn id(&self, place: usize) -> NodeId {
        NodeId::at(u32::try_from(place - self.width).unwrap_or(u32::MAX))
    }

    fn may_fit(&self, request: &Resources, place: usize) -> bool {
        let mut columns = Kind::all().zip(&self.free[..self.kinds]);
        columns.all(|(kind, column)| request[kind] <= column[place])
    }

    /// Computes a place from the two below it; says whether it changed.
    fn join(&mut self, place: usize) -> bool {
        let (left, right) = (2 * place, 2 * place + 1);
        let mut changed = false;
        for column in &mut self.free[..self.kinds] {
            let larger = column[left].max(column[right]);
            changed |= column[place] != larger;
            column[place] = larger;
        }
        let emptiest = self.emptiest[left].min(self.emptiest[right]);
        changed |= self.emptiest[place] != emptiest;
        self.emptiest[place] = emptiest;
        changed
    }

    /// Makes places for so many nodes, and columns for the kinds of resources that one has.
    fn make_room(&mut self, nodes: usize, usable: &Resources) {
        let kinds = usable.iter().map(|(kind, _)| kind.index() + 1).max().unwrap_or(0);
        if nodes <= self.width && kinds <= self.kinds {
            return;
        }
        let old = std::mem::take(self);
        self.kinds = kinds.max(old.kinds);
        self.width = nodes.next_power_of_two().max(2).max(old.width);
        let (from, to) = (old.width..2 * old.width, self.width..self.width + old.width);
        for (column, old) in self.free[..self.kinds].iter_mut().zip(&old.free) {
            column.resize(2 * self.width, CLOSED);
            if old.is_empty() {
                // Until now there was nothing of this kind anywhere.
                column[to.clone()].fill(0);
            } else {
                column[to.clone()].copy_from_slice(&old[from.clone()]);
            }
        }
        self.emptiest.resize(2 * self.width, Fullness::MAX);
        self.emptiest[to].copy_from_slice(&old.emptiest[from]);
        for place in (1..self.width).rev() {
            self.join(place);
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

/// Cut to what fits in 64 bits: this only chooses between nodes.
pub(super) fn fullness(free: &Resources, usable: &Resources) -> Fullness {
    let taken = |kind: Kind| {
        let (free, usable) = (free[kind].max(0).unsigned_abs(), usable[kind].max(0).unsigned_abs());
        let cut = (u64::BITS - usable.leading_zeros()).saturating_sub(32);
        let taken = usable.saturating_sub(free) >> cut;
        (taken << 32).checked_div(usable >> cut).unwrap_or(0)
    };
    taken(Kind::CPU).max(taken(Kind::MEMORY))
}

#[cfg(test)]
mod tests;
