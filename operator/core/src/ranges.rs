//! Sets of small integers kept as ranges, such as `0-99,105`.
//!
//! Partitions finish mostly in order, so a stage of a million tasks is described in a few bytes.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A set of `u32`, kept as sorted, disjoint, non-adjacent inclusive ranges.
///
/// ```
/// # use proffer_core::ranges::Ranges;
/// let mut ranges: Ranges = "0-99,105".parse()?;
/// ranges.insert(100);
/// assert_eq!(ranges.to_string(), "0-100,105");
/// # Ok::<(), proffer_core::ranges::InvalidRanges>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ranges(Vec<(u32, u32)>);

/// Text that is not a list of ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a list of ranges such as 0-99,105")]
pub struct InvalidRanges(pub String);

impl Ranges {
    /// The set that holds nothing.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The set `{0, …, count - 1}`.
    pub fn up_to(count: u32) -> Self {
        Self(if count == 0 { Vec::new() } else { vec![(0, count - 1)] })
    }

    /// The set of one member.
    pub fn one(member: u32) -> Self {
        Self(vec![(member, member)])
    }

    /// Whether the set holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of members.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|&(first, last)| u64::from(last - first) + 1).sum()
    }

    /// The smallest member.
    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|&(first, _)| first)
    }

    /// The largest member.
    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|&(_, last)| last)
    }

    /// The smallest number that is not a member.
    pub fn first_missing(&self) -> u32 {
        match self.0.first() {
            Some(&(0, last)) => last.saturating_add(1),
            _ => 0,
        }
    }

    /// Whether `member` is in the set.
    pub fn contains(&self, member: u32) -> bool {
        let at = self.0.partition_point(|&(_, last)| last < member);
        self.0.get(at).is_some_and(|&(first, _)| first <= member)
    }

    /// Adds a member; returns whether it was missing.
    pub fn insert(&mut self, member: u32) -> bool {
        let at = self.0.partition_point(|&(_, last)| last < member);
        if self.0.get(at).is_some_and(|&(first, _)| first <= member) {
            return false;
        }
        let joins_before = at > 0 && self.0[at - 1].1.checked_add(1) == Some(member);
        let joins_after =
            self.0.get(at).is_some_and(|&(first, _)| member.checked_add(1) == Some(first));
        match (joins_before, joins_after) {
            (true, true) => {
                self.0[at - 1].1 = self.0[at].1;
                self.0.remove(at);
            }
            (true, false) => self.0[at - 1].1 = member,
            (false, true) => self.0[at].0 = member,
            (false, false) => self.0.insert(at, (member, member)),
        }
        true
    }

    /// Removes a member; returns whether it was there.
    pub fn remove(&mut self, member: u32) -> bool {
        let at = self.0.partition_point(|&(_, last)| last < member);
        let Some(&(first, last)) = self.0.get(at).filter(|&&(first, _)| first <= member) else {
            return false;
        };
        match (first == member, last == member) {
            (true, true) => {
                self.0.remove(at);
            }
            (true, false) => self.0[at].0 = member + 1,
            (false, true) => self.0[at].1 = member - 1,
            (false, false) => {
                self.0[at].1 = member - 1;
                self.0.insert(at + 1, (member + 1, last));
            }
        }
        true
    }

    /// Whether all members of `other` are in the set.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|&(first, last)| {
            let at = self.0.partition_point(|&(_, end)| end < first);
            self.0.get(at).is_some_and(|&(start, end)| start <= first && last <= end)
        })
    }

    /// Adds all members of `other`.
    pub fn insert_all(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        let mut ranges: Vec<(u32, u32)> = self.0.iter().chain(&other.0).copied().collect();
        ranges.sort_unstable();
        self.0.clear();
        for (first, last) in ranges {
            match self.0.last_mut() {
                Some(previous) if first <= previous.1.saturating_add(1) => {
                    previous.1 = previous.1.max(last);
                }
                _ => self.0.push((first, last)),
            }
        }
    }

    /// Removes all members of `other`.
    pub fn remove_all(&mut self, other: &Self) {
        for &(first, last) in &other.0 {
            let kept = self.0.iter().flat_map(|&(start, end)| {
                let before = (start < first).then(|| (start, end.min(first - 1)));
                let after = (end > last).then(|| (start.max(last + 1), end));
                before.into_iter().chain(after)
            });
            self.0 = kept.collect();
        }
    }

    /// Removes all members that are not below `end`.
    pub fn keep_below(&mut self, end: u32) {
        self.0.retain(|&(first, _)| first < end);
        if let Some((_, last)) = self.0.last_mut() {
            *last = (*last).min(end.saturating_sub(1));
        }
    }

    /// The members below `end`.
    #[must_use]
    pub fn below(&self, end: u32) -> Self {
        let mut below = self.clone();
        below.keep_below(end);
        below
    }

    /// Removes and returns the smallest member.
    pub fn pop_first(&mut self) -> Option<u32> {
        let &(first, last) = self.0.first()?;
        if first == last {
            self.0.remove(0);
        } else {
            self.0[0].0 = first + 1;
        }
        Some(first)
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|&(first, last)| first..=last)
    }

    /// The ranges, as pairs of first and last member, in ascending order.
    pub fn as_slice(&self) -> &[(u32, u32)] {
        &self.0
    }
}

impl FromIterator<u32> for Ranges {
    fn from_iter<I: IntoIterator<Item = u32>>(members: I) -> Self {
        let mut ranges = Self::new();
        for member in members {
            ranges.insert(member);
        }
        ranges
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, &(first, last)) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            if first == last {
                write!(formatter, "{first}")?;
            } else {
                write!(formatter, "{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl From<Ranges> for String {
    fn from(ranges: Ranges) -> Self {
        ranges.to_string()
    }
}

impl TryFrom<String> for Ranges {
    type Error = InvalidRanges;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Ranges {
    type Err = InvalidRanges;

    /// Reads what [`Ranges`]'s `Display` writes; ranges may come in any order but may not overlap.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRanges(text.to_owned());
        let mut ranges = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: u32 = first.trim().parse().map_err(|_| invalid())?;
            let last: u32 = last.trim().parse().map_err(|_| invalid())?;
            if last < first {
                return Err(invalid());
            }
            ranges.push((first, last));
        }
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(previous) if first <= previous.1 => return Err(invalid()),
                Some(previous) if previous.1 + 1 == first => previous.1 = last,
                _ => joined.push((first, last)),
            }
        }
        Ok(Self(joined))
    }
}

#[cfg(test)]
mod tests;
