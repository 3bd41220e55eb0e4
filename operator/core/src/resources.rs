//! Amounts of resources as integer vectors, and the table that gives each kind its place.
//!
//! Amounts of cpu are thousandths of a core, amounts of memory and storage are bytes, all others
//! count whole things.

use std::fmt;
use std::ops::{Index, IndexMut};

/// How many kinds of resources a cluster can account for at once.
pub const KIND_LIMIT: usize = 8;

/// A kind of resource: its place in every [`Resources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(u8);

impl Kind {
    /// Processor time, in thousandths of a core.
    pub const CPU: Self = Self(0);
    /// Memory, in bytes.
    pub const MEMORY: Self = Self(1);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The kinds of resources that matter to some job or pool, by name.
#[derive(Clone, Debug)]
pub struct Kinds {
    names: Vec<Box<str>>,
}

/// There is no place left for another kind of resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{name}\" is one kind of resource too many: jobs and pools together may name {KIND_LIMIT}"
)]
pub struct TooManyKinds {
    /// The name that found no place.
    pub name: String,
}

impl Default for Kinds {
    fn default() -> Self {
        Self { names: vec!["cpu".into(), "memory".into()] }
    }
}

impl Kinds {
    /// The kind of this name, if some job or pool has named it.
    pub fn get(&self, name: &str) -> Option<Kind> {
        let index = self.names.iter().position(|known| &**known == name)?;
        u8::try_from(index).ok().map(Kind)
    }

    /// The kind of this name, with a new place if it has none; says whether it is new.
    pub fn intern(&mut self, name: &str) -> Result<(Kind, bool), TooManyKinds> {
        if let Some(kind) = self.get(name) {
            return Ok((kind, false));
        }
        let index = u8::try_from(self.names.len()).unwrap_or(u8::MAX);
        if usize::from(index) >= KIND_LIMIT {
            return Err(TooManyKinds { name: name.to_owned() });
        }
        self.names.push(name.into());
        Ok((Kind(index), true))
    }

    /// The name of a kind.
    pub fn name(&self, kind: Kind) -> &str {
        &self.names[kind.index()]
    }

    /// All kinds, in order.
    pub fn iter(&self) -> impl Iterator<Item = Kind> + use<> {
        (0..u8::try_from(self.names.len()).unwrap_or(u8::MAX)).map(Kind)
    }

    /// An amount with its unit, for people: `3.5`, `4Gi`.
    pub fn display(&self, kind: Kind, amount: i64) -> Amount {
        let unit = match self.name(kind) {
            "cpu" => Unit::Milli,
            "memory" | "ephemeral-storage" => Unit::Bytes,
            name if name.starts_with("hugepages-") => Unit::Bytes,
            _ => Unit::Count,
        };
        Amount { amount, unit }
    }
}

/// An amount of one kind of resource that knows how people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    amount: i64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Milli,
    Bytes,
    Count,
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Count => write!(formatter, "{}", self.amount),
            Unit::Milli => decimal(formatter, self.amount, 1000, ""),
            Unit::Bytes => {
                let suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
                let mut unit = 1_i64;
                let mut index = 0;
                while index + 1 < suffixes.len() && self.amount / unit >= 1024 {
                    unit *= 1024;
                    index += 1;
                }
                decimal(formatter, self.amount, unit, suffixes[index])
            }
        }
    }
}

/// Writes `amount / unit`, cut to at most three decimal places.
fn decimal(
    formatter: &mut fmt::Formatter<'_>,
    amount: i64,
    unit: i64,
    suffix: &str,
) -> fmt::Result {
    let thousandths = i128::from(amount) * 1000 / i128::from(unit);
    let sign = if thousandths < 0 { "-" } else { "" };
    let magnitude = thousandths.unsigned_abs();
    let fraction = format!("{:03}", magnitude % 1000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    write!(formatter, "{sign}{}{point}{fraction}{suffix}", magnitude / 1000)
}

/// An amount of each kind of resource. Arithmetic saturates: absurd numbers stay absurd, and nothing
/// wraps around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resources([i64; KIND_LIMIT]);

impl Resources {
    /// Nothing of any kind.
    pub const NONE: Self = Self([0; KIND_LIMIT]);
    /// Less than nothing of any kind: nothing fits in it.
    pub(crate) const LESS_THAN_NONE: Self = Self([-1; KIND_LIMIT]);
    /// As much of every kind as can be written.
    pub const UNLIMITED: Self = Self([i64::MAX; KIND_LIMIT]);

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.zip(other, i64::saturating_add)
    }

    /// The difference, which may be negative.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.zip(other, i64::saturating_sub)
    }

    /// The difference, or 0 where that would be negative.
    #[must_use]
    pub fn above(&self, other: &Self) -> Self {
        self.zip(other, |left, right| left.saturating_sub(right).max(0))
    }

    /// The larger of each kind.
    #[must_use]
    pub fn max_each(&self, other: &Self) -> Self {
        self.zip(other, i64::max)
    }

    /// The smaller of each kind.
    #[must_use]
    pub(crate) fn min_each(&self, other: &Self) -> Self {
        self.zip(other, i64::min)
    }

    /// Whether there is at most as much of every kind as in `other`.
    pub fn fits_in(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(left, right)| left <= right)
    }

    /// Whether there is nothing of any kind.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// The kinds of which there is something, with their amounts.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, i64)> + '_ {
        (0_u8..).zip(self.0).filter(|&(_, amount)| amount != 0).map(|(kind, a)| (Kind(kind), a))
    }

    fn zip(&self, other: &Self, operation: impl Fn(i64, i64) -> i64) -> Self {
        let mut result = Self::NONE;
        for index in 0..KIND_LIMIT {
            result.0[index] = operation(self.0[index], other.0[index]);
        }
        result
    }
}

impl Index<Kind> for Resources {
    type Output = i64;

    fn index(&self, kind: Kind) -> &i64 {
        &self.0[kind.index()]
    }
}

impl IndexMut<Kind> for Resources {
    fn index_mut(&mut self, kind: Kind) -> &mut i64 {
        &mut self.0[kind.index()]
    }
}

#[cfg(test)]
mod tests;
