//! What was held lately, fading with a half-life.
//!
//! With a half-life, a pool's share counts what it holds and what it held: the mean of the past,
//! where what lies one half-life back counts half. Who had the cluster alone for an hour lets others
//! go first for a while, as in the fair-share queues of batch systems (Slurm's `PriorityDecayHalfLife`,
//! `HTCondor`'s `PRIORITY_HALFLIFE`). Pools that go on holding the same are compared as without it.

use crate::resources::Resources;
use crate::time::Span;

/// One, as a factor.
const ONE: u64 = 1 << 32;

/// 2 to the power of -1/2, -1/4, -1/8 and so on, in units of 2^-32.
const ROOTS: [u64; 16] = [
    3_037_000_500,
    3_611_622_603,
    3_938_502_376,
    4_112_874_773,
    4_202_935_003,
    4_248_701_965,
    4_271_771_996,
    4_283_353_945,
    4_289_156_690,
    4_292_061_010,
    4_293_513_907,
    4_294_240_540,
    4_294_603_903,
    4_294_785_595,
    4_294_876_445,
    4_294_921_870,
];

/// What is left of the past after some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decay {
    /// In units of 2^-32.
    remaining: u64,
}

impl Decay {
    /// What is left after a time, given after how long it is half.
    pub(crate) fn after(elapsed: Span, half_life: Span) -> Self {
        let (elapsed, half_life) = (elapsed.as_milliseconds(), half_life.as_milliseconds().max(1));
        let halvings = elapsed / half_life;
        if halvings >= 32 {
            return Self { remaining: 0 };
        }
        let rest = u128::from(elapsed % half_life);
        // The part of a half-life that is left over, in units of 2^-16.
        let part = u64::try_from((rest << 16) / u128::from(half_life)).unwrap_or(0);
        let mut remaining = ONE >> halvings;
        for (bit, root) in (0..16).rev().zip(ROOTS) {
            if part & (1 << bit) != 0 {
                remaining = (remaining * root) >> 32;
            }
        }
        Self { remaining }
    }

    /// The mean of the past, when this much was held for the time that has passed since it was
    /// `past`.
    pub(crate) fn mean(self, past: &Resources, held: &Resources) -> Resources {
        let mut mean = *held;
        for (kind, gone) in past.minus(held).iter() {
            let fraction = i128::from(gone) * i128::from(self.remaining) / i128::from(ONE);
            mean[kind] = mean[kind].saturating_add(i64::try_from(fraction).unwrap_or(0));
        }
        mean
    }
}

#[cfg(test)]
mod tests;
