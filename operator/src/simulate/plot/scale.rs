//! The axis of time, in milliseconds.

use std::fmt::Write;

/// How many marks an axis has at most, besides that at 0.
const MOST_MARKS: u64 = 8;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Distances between marks that people count in.
const DISTANCES: [u64; 24] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    10 * DAY,
    50 * DAY,
    100 * DAY,
    500 * DAY,
];

/// An axis from 0 to some time, with marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    end: u64,
    distance: u64,
}

impl Ticks {
    /// An axis that ends at `end`, or a little above 0.
    pub(super) fn over(end: u64) -> Self {
        let end = end.max(1);
        let fits = |distance: &u64| end / distance <= MOST_MARKS;
        let distance = DISTANCES.into_iter().find(fits).unwrap_or(end);
        Self { end, distance }
    }

    /// The marks, from 0 on.
    pub(super) fn marks(self) -> impl Iterator<Item = u64> {
        (0..=self.end / self.distance).map(move |number| number * self.distance)
    }

    /// How far from 0 a time is on an axis `length` pixels long, in tenths of pixels.
    pub(super) fn position(self, at: u64, length: u32) -> u32 {
        let position =
            u128::from(at.min(self.end)) * u128::from(length) * 10 / u128::from(self.end);
        u32::try_from(position).unwrap_or(u32::MAX)
    }
}

/// A time as its mark says it, such as `90s`, `1h30m` or `2d`.
pub(super) fn time_label(at: u64) -> String {
    if at == 0 {
        return "0".to_owned();
    }
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")];
    let mut rest = at;
    let mut label = String::new();
    for (unit, letter) in units {
        if rest >= unit {
            // Writing to a string cannot fail.
            let _ = write!(label, "{}{letter}", rest / unit);
            rest %= unit;
        }
    }
    label
}
