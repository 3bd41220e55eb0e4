//! Shares as fixed-point numbers, and what a pool of pools counts for.
//!
//! Equal fractions give equal numbers whatever they are fractions of, so what is a tie in exact
//! arithmetic is a tie here. Fractions that differ by less than a unit are taken to be equal.

use crate::resources::{KIND_LIMIT, Kind, Resources};
use crate::share::WeightMilli;

/// Scaled holdings are fractions of the total in units of 2^-44: fine enough to tell a millicore in
/// a cluster of ten million cores.
const SCALE_BITS: u32 = 44;

/// The most that holdings count for, where nodes shrank under them: 64 times what there is.
const MOST: u128 = 1 << (SCALE_BITS + 6);

/// Exact shares are compared in units of 2^-50, which is how exactly Mesos's doubles tell them.
const EXACT_BITS: u32 = 50;

/// H-DRF compares in units of 2^-30. What its scaling rounds away is far less than half of one, so
/// that a pool ties with a pool of pools that holds the same.
const ROUNDED_BITS: u32 = 30;

/// The directions that children's holdings point in are summed up with at most this many bits.
const SUM_BITS: u32 = 76;

/// A share, as a multiple of some small unit that is the same for all that are compared.
pub(super) type Fraction = u64;

/// Fractions of the total by kind, in units of 2^-44.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holdings([u64; KIND_LIMIT]);

impl Holdings {
    pub(super) fn of(held: &Resources, total: &Resources, shared: &[Kind]) -> Self {
        let mut holdings = Self::default();
        for &kind in shared {
            holdings.set(kind, ratio(held[kind], total[kind], SCALE_BITS));
        }
        holdings
    }

    pub(super) fn dominant(&self, shared: &[Kind]) -> u64 {
        shared.iter().map(|kind| self.0[kind.index()]).max().unwrap_or(0)
    }

    /// The dominant share by weight, for comparing among siblings.
    pub(super) fn weighted(&self, shared: &[Kind], weight: WeightMilli) -> Fraction {
        let dominant = self.dominant(shared);
        let weighted = dominant * 1000 / u64::from(weight.max(1));
        let unit = SCALE_BITS - ROUNDED_BITS;
        weighted.saturating_add(1 << (unit - 1)) >> unit
    }

    fn set(&mut self, kind: Kind, amount: u128) {
        self.0[kind.index()] = u64::try_from(amount.min(MOST)).unwrap_or(0);
    }
}

/// The exact dominant share of what is held, divided by a weight.
pub(super) fn exact(
    held: &Resources,
    total: &Resources,
    shared: &[Kind],
    weight: WeightMilli,
) -> Fraction {
    let mut largest = 0;
    for &kind in shared {
        let (held, total) = (held[kind], total[kind]);
        let fraction = if weight == 1000 {
            ratio(held, total, EXACT_BITS)
        } else {
            let held = u128::try_from(held).unwrap_or(0).saturating_mul(1000);
            let total = u128::try_from(total).unwrap_or(0) * u128::from(weight);
            (held << EXACT_BITS.min(held.leading_zeros())).checked_div(total).unwrap_or(0)
        };
        largest = largest.max(fraction);
    }
    Fraction::try_from(largest).unwrap_or(Fraction::MAX)
}

fn ratio(held: i64, total: i64, bits: u32) -> u128 {
    match (u64::try_from(held), u64::try_from(total)) {
        (Ok(held), Ok(total)) if held > 0 && total > 0 => {
            (u128::from(held) << bits) / u128::from(total)
        }
        _ => 0,
    }
}

/// What a child adds to its parent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Contribution {
    /// It can grow and holds something: it counts as if it held as little by weight as the one that
    /// is furthest behind. What it holds, over the dominant share of that, times the weight.
    Direction([u128; KIND_LIMIT]),
    /// It counts with what it holds.
    Fixed(Holdings),
}

/// What the children of a branch hold together, kept up to date child by child.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChildrenSum {
    directions: [u128; KIND_LIMIT],
    fixed: [u128; KIND_LIMIT],
}

/// The bits behind the point of directions, for children of this weight together.
pub(super) fn direction_bits(weights: u64) -> u32 {
    (SUM_BITS - (u64::BITS - weights.leading_zeros())).min(SCALE_BITS)
}

impl Contribution {
    pub(super) const NONE: Self = Self::Fixed(Holdings([0; KIND_LIMIT]));

    pub(super) fn direction(
        holdings: &Holdings,
        shared: &[Kind],
        weight: WeightMilli,
        bits: u32,
    ) -> Self {
        let dominant = holdings.dominant(shared);
        let mut directions = [0; KIND_LIMIT];
        for &kind in shared {
            let part = holdings.0[kind.index()];
            // Most often one kind is all of it, and needs no division.
            let direction = if part == dominant {
                1 << bits
            } else {
                (u128::from(part) << bits) / u128::from(dominant)
            };
            directions[kind.index()] = direction * u128::from(weight);
        }
        Self::Direction(directions)
    }
}

impl ChildrenSum {
    /// Takes in that a child counts differently than before.
    pub(super) fn replace(&mut self, old: &Contribution, new: &Contribution, shared: &[Kind]) {
        for index in shared.iter().map(|kind| kind.index()) {
            match old {
                Contribution::Direction(directions) => self.directions[index] -= directions[index],
                Contribution::Fixed(holdings) => self.fixed[index] -= u128::from(holdings.0[index]),
            }
            match new {
                Contribution::Direction(directions) => self.directions[index] += directions[index],
                Contribution::Fixed(holdings) => self.fixed[index] += u128::from(holdings.0[index]),
            }
        }
    }

    /// What the children count for together, when the one that is furthest behind has this dominant
    /// share and this weight.
    pub(super) fn holdings(
        &self,
        behind: Option<(u64, WeightMilli)>,
        shared: &[Kind],
        bits: u32,
    ) -> Holdings {
        let mut holdings = Holdings::default();
        for &kind in shared {
            let fixed = self.fixed[kind.index()];
            let scaled = behind.map_or(0, |(share, weight)| {
                let product = self.directions[kind.index()] * u128::from(share);
                (product >> bits) / u128::from(weight)
            });
            holdings.set(kind, fixed + scaled);
        }
        holdings
    }
}

#[cfg(test)]
mod tests;
