//! How long tasks took: enough of it to know the median.

use std::collections::BTreeMap;

use crate::time::Span;

/// How many of a duration's highest bits tell it from others, beside the first one: durations that
/// differ by less than 1/32 may count as the same. Up to 63 milliseconds they are exact.
const BITS: u32 = 5;

/// Counts of durations, in a few hundred numbers however many there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations {
    counts: BTreeMap<u32, u64>,
    total: u64,
}

impl Durations {
    /// Adds a duration.
    pub(crate) fn add(&mut self, duration: Span) {
        *self.counts.entry(class(duration)).or_default() += 1;
        self.total += 1;
    }

    /// The lower median, at most 1/32 too large; `None` without any duration.
    pub(crate) fn median(&self) -> Option<Span> {
        let mut before = self.total.div_ceil(2);
        for (&class, &count) in &self.counts {
            if count >= before {
                return Some(longest(class));
            }
            before -= count;
        }
        None
    }
}

/// The class of a duration: its exponent, then its highest bits.
fn class(duration: Span) -> u32 {
    let duration = duration.as_milliseconds();
    let exponent = duration.max(1).ilog2().saturating_sub(BITS);
    let bits = u32::try_from(duration >> exponent).unwrap_or(u32::MAX);
    (exponent << BITS) + bits
}

/// The longest duration of a class.
fn longest(class: u32) -> Span {
    let exponent = (class >> BITS).saturating_sub(1);
    let bits = u64::from(class - (exponent << BITS));
    Span::from_milliseconds((bits << exponent) + ((1 << exponent) - 1))
}

#[cfg(test)]
mod tests;
