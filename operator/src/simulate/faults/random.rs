//! Random numbers that are the same everywhere: `SplitMix64`.
//!
//! Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
//! Sixteen lines of our own instead of a crate: a seed that someone noted has to give the same run
//! for as long as its steps mean the same.

/// A stream of numbers that follows from its seed alone.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        // Seeds are small numbers next to each other; the first output sets them far apart.
        Self(Self::unmixed(seed).next())
    }

    /// The plain generator.
    pub(super) fn unmixed(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is above 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from((u128::from(self.next()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// A number from `first` to `last`.
    pub(super) fn between(&mut self, first: u32, last: u32) -> u32 {
        first + self.below(last - first + 1)
    }

    /// Whether something happens that happens so often in a hundred cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of several values, which are at least one.
    pub(super) fn one_of<T: Clone>(&mut self, values: &[T]) -> T {
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        values[self.below(count) as usize].clone()
    }

    /// Any number, to be taken modulo what there is.
    pub(super) fn pick(&mut self) -> u32 {
        self.below(1 << 16)
    }
}
