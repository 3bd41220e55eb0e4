//! What of a node is kept for some pools.
//!
//! A reservation is for the subtree of a pool. What a pool's offers and tasks hold counts towards
//! the deepest reservation above it first, and towards the next one above what that leaves over.

use std::collections::BTreeMap;

use crate::pools::PoolId;
use crate::resources::Resources;

/// A part of a node that is kept for the subtree of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) pool: PoolId,
    pub(crate) amount: Resources,
}

/// What is kept of a node, and what pools hold there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holdings {
    reservations: Vec<Reservation>,
    /// What of each reservation nobody uses, in the order of the reservations.
    idle: Vec<Resources>,
    /// The sum of these.
    idle_sum: Resources,
    /// What offers and tasks hold, by pool, with the pools above it.
    held: BTreeMap<PoolId, (Box<[PoolId]>, Resources)>,
}

impl Holdings {
    /// Replaces the reservations.
    pub(super) fn reserve(&mut self, reservations: Vec<Reservation>) {
        self.reservations = reservations;
        self.refresh();
    }

    /// The pools that something is reserved for.
    pub(crate) fn reserving_pools(&self) -> impl Iterator<Item = PoolId> + '_ {
        self.reservations.iter().map(|reservation| reservation.pool)
    }

    /// What nobody uses of all reservations together.
    pub(super) fn idle(&self) -> &Resources {
        &self.idle_sum
    }

    /// What nobody uses of the reservations, by pool.
    pub(crate) fn idle_by_pool(&self) -> impl Iterator<Item = (PoolId, Resources)> + '_ {
        let pairs = self.reservations.iter().zip(&self.idle);
        pairs
            .map(|(reservation, idle)| (reservation.pool, *idle))
            .filter(|(_, idle)| !idle.is_none())
    }

    /// What nobody uses of the reservations for a pool or one above it.
    pub(super) fn idle_of(&self, path: &[PoolId]) -> Resources {
        let of_path = self.idle_by_pool().filter(|(pool, _)| path.contains(pool));
        of_path.fold(Resources::NONE, |sum, (_, idle)| sum.plus(&idle))
    }

    /// Adds to what a pool holds, which is given with all pools above it.
    pub(super) fn add(&mut self, path: &[PoolId], amount: &Resources) {
        let Some(&pool) = path.first() else { return };
        let (_, held) = self.held.entry(pool).or_insert_with(|| (path.into(), Resources::NONE));
        *held = held.plus(amount);
        self.refresh();
    }

    /// Takes from what a pool holds.
    pub(super) fn subtract(&mut self, path: &[PoolId], amount: &Resources) {
        let Some(pool) = path.first() else { return };
        if let Some((_, held)) = self.held.get_mut(pool) {
            *held = held.minus(amount);
            if held.is_none() {
                self.held.remove(pool);
            }
        }
        self.refresh();
    }

    /// Finds out anew what is idle.
    fn refresh(&mut self) {
        if self.reservations.is_empty() {
            self.idle.clear();
            self.idle_sum = Resources::NONE;
            return;
        }
        let mut idle: Vec<Resources> = self.reservations.iter().map(|kept| kept.amount).collect();
        for (path, held) in self.held.values() {
            let mut rest = *held;
            for pool in path {
                let of_pool = self.reservations.iter().zip(&mut idle);
                for (_, idle) in of_pool.filter(|(kept, _)| kept.pool == *pool) {
                    let used = rest.min_each(idle);
                    (rest, *idle) = (rest.minus(&used), idle.minus(&used));
                }
            }
        }
        self.idle_sum = idle.iter().fold(Resources::NONE, |sum, idle| sum.plus(idle));
        self.idle = idle;
    }
}

#[cfg(test)]
mod tests;
