//! Shares of a cluster as exact fractions.
//!
//! Source: Ghodsi et al., Dominant Resource Fairness, NSDI 2011: who has the smallest dominant share
//! (the largest, over all resources, of what it holds over what there is) is asked next. Weights
//! divide shares.

use std::cmp::Ordering;

use crate::resources::{Kinds, Resources};

/// A weight in thousandths.
pub type WeightMilli = u32;

/// A fraction, not necessarily in lowest terms, that compares exactly. A denominator of 0 stands for
/// infinity.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    numerator: u128,
    denominator: u128,
}

impl Share {
    /// No share at all.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };

    /// The fraction `numerator / denominator`.
    pub fn new(numerator: u128, denominator: u128) -> Self {
        Self { numerator, denominator }
    }

    /// The dominant share of `held` in `total`. Kinds of which there is nothing do not count.
    pub fn dominant(
        held: &Resources,
        total: &Resources,
        shared: &[crate::resources::Kind],
    ) -> Self {
        let mut dominant = Self::ZERO;
        for &kind in shared {
            let (held, total) = (held[kind], total[kind]);
            if held > 0 && total > 0 {
                dominant = dominant.max(Self::new(
                    u128::from(held.unsigned_abs()),
                    u128::from(total.unsigned_abs()),
                ));
            }
        }
        dominant
    }

    /// The share divided by a weight in thousandths; infinite for a weight of 0.
    #[must_use]
    pub fn weighted(self, weight: WeightMilli) -> Self {
        Self {
            numerator: self.numerator.saturating_mul(1000),
            denominator: self.denominator.saturating_mul(u128::from(weight)),
        }
    }

    /// Whether there is nothing.
    pub fn is_zero(self) -> bool {
        self.numerator == 0
    }

    /// The share in billionths, rounded to the nearest, for display. Infinity is `u64::MAX`.
    pub fn billionths(self) -> u64 {
        self.scaled(1_000_000_000)
    }

    /// The share times `scale`, rounded to the nearest.
    pub fn scaled(self, scale: u64) -> u64 {
        if self.denominator == 0 {
            return u64::MAX;
        }
        let whole = self.numerator / self.denominator;
        let rest = self.numerator % self.denominator;
        let part = rest.saturating_mul(u128::from(scale)).saturating_add(self.denominator / 2)
            / self.denominator;
        let scaled = whole.saturating_mul(u128::from(scale)).saturating_add(part);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Share {}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.denominator, other.denominator) {
            (0, 0) => return Ordering::Equal,
            (0, _) => return Ordering::Greater,
            (_, 0) => return Ordering::Less,
            _ => {}
        }
        let left = self.numerator.checked_mul(other.denominator);
        let right = other.numerator.checked_mul(self.denominator);
        match (left, right) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => compare_by_continued_fractions(*self, *other),
        }
    }
}

/// Compares two fractions whose cross products do not fit: whole parts first, then the reciprocals
/// of what is left, as Euclid would.
fn compare_by_continued_fractions(mut left: Share, mut right: Share) -> Ordering {
    let mut reversed = false;
    loop {
        let (left_whole, right_whole) =
            (left.numerator / left.denominator, right.numerator / right.denominator);
        let (left_rest, right_rest) =
            (left.numerator % left.denominator, right.numerator % right.denominator);
        let ordering = left_whole.cmp(&right_whole).then_with(|| match (left_rest, right_rest) {
            (0, 0) => Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) => Ordering::Greater,
            _ => Ordering::Equal,
        });
        if ordering != Ordering::Equal || (left_rest == 0 && right_rest == 0) {
            return if reversed { ordering.reverse() } else { ordering };
        }
        left = Share::new(left.denominator, left_rest);
        right = Share::new(right.denominator, right_rest);
        reversed = !reversed;
    }
}

/// The resources that shares are taken of unless the settings say otherwise: not those that only
/// bound how much fits on a node, and not extended ones such as GPUs, which are scarce on most nodes
/// and would dominate every share (MESOS-5377).
pub const SHARED_RESOURCES: [&str; 2] = ["cpu", "memory"];

/// The kinds with one of these names, as far as they are counted.
pub fn shared_kinds<N: AsRef<str>>(kinds: &Kinds, names: &[N]) -> Vec<crate::resources::Kind> {
    let shared = |name: &str| names.iter().any(|shared| shared.as_ref() == name);
    kinds.iter().filter(|&kind| shared(kinds.name(kind))).collect()
}

#[cfg(test)]
mod tests;
