//! What a framework does not want to see again for a while.
//!
//! A filter hides an offer of a node if what was refused is at least as much, in every kind; an offer
//! that grew gets through (Mesos: `RefusedOfferFilter`). Each filter belongs to a framework in one of
//! its pools, and to a node.
//!
//! With 2,000 nodes and 2,000 frameworks there may be millions of them, of which next to nothing
//! changes. So nodes of which nothing could get through are kept as bits, which say so until more
//! could be offered of the node than ever before, or a filter ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bits::Bits;
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::time::Time;

/// What was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) amount: Resources,
    pub(crate) ports: Ranges,
}

impl Refused {
    /// Whether this is at least as much.
    pub(crate) fn covers(&self, amount: &Resources, ports: &Ranges) -> bool {
        amount.fits_in(&self.amount) && self.ports.contains_all(ports)
    }
}

#[derive(Clone, Debug)]
struct Filter {
    until: Time,
    refused: Arc<Refused>,
}

/// The filters of a framework in one of its pools. Nodes are given by their slots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters {
    /// By slot, and numbered.
    by_slot: BTreeMap<(u32, u32), Filter>,
    ends: BTreeSet<(Time, u32, u32)>,
    /// Slots of nodes of which nothing would get through.
    hidden: Bits,
    next_number: u32,
    /// What was refused last: often the next refusal is the same.
    last: Arc<Refused>,
}

impl Filters {
    /// Hides what was refused of a node until some time.
    pub(crate) fn add(&mut self, slot: u32, refused: Refused, until: Time) {
        if *self.last != refused {
            self.last = Arc::new(refused);
        }
        let (refused, number) = (self.last.clone(), self.next_number);
        self.next_number = self.next_number.wrapping_add(1);
        // Those that hide no more than this one, and no longer, are of no use any more.
        let of_slot = self.by_slot.range((slot, 0)..=(slot, u32::MAX));
        let useless: Vec<_> = of_slot
            .filter(|(_, old)| {
                old.until <= until && refused.covers(&old.refused.amount, &old.refused.ports)
            })
            .map(|(&key, old)| (key, old.until))
            .collect();
        for ((slot, number), until) in useless {
            self.by_slot.remove(&(slot, number));
            self.ends.remove(&(until, slot, number));
        }
        self.by_slot.insert((slot, number), Filter { until, refused });
        self.ends.insert((until, slot, number));
    }

    /// Forgets the filters that have ended.
    pub(crate) fn end(&mut self, now: Time) {
        while let Some(&(until, slot, number)) = self.ends.first().filter(|end| end.0 <= now) {
            self.ends.remove(&(until, slot, number));
            self.by_slot.remove(&(slot, number));
            self.hidden.remove(slot as usize);
        }
    }

    /// When the next filter ends.
    pub(crate) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|&(until, ..)| until)
    }

    /// Forgets the filters of a node.
    pub(crate) fn forget_slot(&mut self, slot: u32) {
        self.hidden.remove(slot as usize);
        while let Some((&key, filter)) = self.by_slot.range((slot, 0)..=(slot, u32::MAX)).next() {
            self.ends.remove(&(filter.until, key.0, key.1));
            self.by_slot.remove(&key);
        }
    }

    /// Forgets all filters.
    pub(crate) fn clear(&mut self) {
        self.by_slot.clear();
        self.ends.clear();
        self.hidden.clear();
    }

    /// Whether an offer would be hidden.
    pub(crate) fn hides(&self, slot: u32, amount: &Resources, ports: &Ranges) -> bool {
        let mut of_slot = self.by_slot.range((slot, 0)..=(slot, u32::MAX));
        of_slot.any(|(_, filter)| filter.refused.covers(amount, ports))
    }

    /// Notes that nothing of a node would get through, whatever comes back to it.
    pub(crate) fn hide(&mut self, slot: u32) {
        self.hidden.insert(slot as usize);
    }

    /// Forgets what was noted of nodes of which more can be offered than before.
    pub(crate) fn look_again(&mut self, grown: &Bits) {
        self.hidden.remove_all(grown);
    }

    /// The nodes of which nothing would get through, as far as that is known.
    pub(crate) fn hidden(&self) -> &Bits {
        &self.hidden
    }

    pub(crate) fn len(&self) -> usize {
        self.by_slot.len()
    }
}

#[cfg(test)]
mod tests;
