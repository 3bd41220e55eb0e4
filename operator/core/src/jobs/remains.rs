//! What executors that are gone left, until it is deleted.

use std::collections::BTreeMap;

use crate::time::{Span, Time};

/// What is left of a job's executors, by index and epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remains {
    by_place: BTreeMap<(u32, u32), Remainder>,
}

/// What an executor that is gone left.
#[derive(Clone, Debug)]
struct Remainder {
    /// The revision of the job's status that holds all that the executor said.
    revision: u64,
    /// Whether it should go.
    discarded: bool,
    /// When that was given out.
    told_at: Option<Time>,
}

impl Remains {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    /// Takes in that an executor is gone. A status of this revision holds all that it said.
    pub(crate) fn add(&mut self, place: (u32, u32), revision: u64) {
        self.by_place.insert(place, Remainder { revision, discarded: false, told_at: None });
    }

    /// Takes in that nothing is left of it.
    pub(crate) fn remove(&mut self, place: (u32, u32)) {
        self.by_place.remove(&place);
    }

    pub(crate) fn contains(&self, place: (u32, u32)) -> bool {
        self.by_place.contains_key(&place)
    }

    /// Lets go what is settled, by the revision that has to be stored before; returns what goes from
    /// now on.
    pub(crate) fn discard(&mut self, is_settled: impl Fn(u64) -> bool) -> Vec<(u32, u32)> {
        let mut going = Vec::new();
        for (&place, remainder) in &mut self.by_place {
            if !remainder.discarded && is_settled(remainder.revision) {
                remainder.discarded = true;
                going.push(place);
            }
        }
        going
    }

    /// Whether somebody left something that should go.
    pub(crate) fn is_discarded(&self, place: (u32, u32)) -> bool {
        self.by_place.get(&place).is_some_and(|remainder| remainder.discarded)
    }

    /// Notes that somebody was told to delete it.
    pub(crate) fn note_told(&mut self, place: (u32, u32), now: Time) {
        if let Some(remainder) = self.by_place.get_mut(&place) {
            remainder.told_at = Some(now);
        }
    }

    /// When somebody was told to delete what is still there.
    pub(crate) fn told_at(&self) -> impl Iterator<Item = Time> + '_ {
        self.by_place.values().filter_map(|remainder| remainder.told_at)
    }

    /// What has not been deleted for longer than the deadline.
    pub(crate) fn overdue(
        &self,
        now: Time,
        deadline: Span,
    ) -> impl Iterator<Item = (u32, u32)> + '_ {
        let late =
            move |remainder: &Remainder| remainder.told_at.is_some_and(|at| at + deadline <= now);
        self.by_place.iter().filter(move |(_, it)| late(it)).map(|(&place, _)| place)
    }
}
