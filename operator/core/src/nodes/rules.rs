//! What pools say about nodes: which they may use, and what they reserve where.

use std::collections::BTreeSet;

use super::reserve::{Reserved, chain};
use crate::ids::PoolId;
use crate::labels::{Label, Requirement};
use crate::pools::Pools;
use crate::resources::Resources;

/// What all pools say about nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Pools stand before those below them, as [`Reserved`] wants it.
    reservations: Vec<Reservation>,
    /// What pools ask of the nodes that they may use, unless one of them may use them all.
    used: Option<BTreeSet<Requirement>>,
}

/// What a pool reserves on the nodes that match.
#[derive(Clone, Debug)]
struct Reservation {
    /// The pool, below all pools above it.
    chain: Vec<PoolId>,
    requirement: Requirement,
    amount: Resources,
}

impl Rules {
    /// What these pools say.
    pub(super) fn new(pools: &Pools) -> Self {
        let declared = pools.iter().filter(|(_, pool)| pool.declared);
        let used: BTreeSet<Requirement> =
            declared.filter_map(|(id, _)| pools.requirement(id).ok()).collect();
        let everything = used.is_empty() || used.iter().any(Requirement::asks_for_no_labels);
        Self { reservations: reservations(pools), used: (!everything).then_some(used) }
    }

    /// Which labels each reservation asks for, in order.
    pub(super) fn reserving(&self) -> impl Iterator<Item = &Requirement> {
        self.reservations.iter().map(|reservation| &reservation.requirement)
    }

    /// What pools ask of the nodes that they may use; `None` if one of them may use them all.
    pub(super) fn used(&self) -> Option<&BTreeSet<Requirement>> {
        self.used.as_ref()
    }

    /// The reservations on a node with these labels, by their places in the order.
    pub(super) fn reservations_on(&self, labels: &[Label]) -> Vec<usize> {
        let matching = self.reserving().enumerate().filter(|(_, asked)| asked.matches(labels));
        matching.map(|(index, _)| index).collect()
    }

    /// Whether some pool may use a node with these labels.
    pub(super) fn may_be_used(&self, labels: &[Label]) -> bool {
        self.used.as_ref().is_none_or(|used| used.iter().any(|asked| asked.matches(labels)))
    }

    /// The account of these reservations on one node; `None` if there are none.
    pub(super) fn reserved(&self, here: &[usize]) -> Option<Reserved> {
        let mut reserved = Reserved::default();
        for &index in here {
            let Reservation { chain, amount, .. } = &self.reservations[index];
            reserved.add(chain, amount);
        }
        (!here.is_empty()).then_some(reserved)
    }

    /// Whether nothing is reserved anywhere.
    pub(super) fn reserve_nothing(&self) -> bool {
        self.reservations.is_empty()
    }
}

fn reservations(pools: &Pools) -> Vec<Reservation> {
    let by_path = pools.by_path().into_iter();
    let all = by_path.flat_map(|(id, pool)| {
        let chain = chain(pools, id);
        // A reservation where the pool may not go would be of no use to anybody.
        let own = pools.requirement(id).ok();
        pool.settings.reservations.iter().filter_map(move |(selector, amount)| {
            let requirement = own.clone()?.narrowed(selector).ok()?;
            Some(Reservation { chain: chain.clone(), requirement, amount: *amount })
        })
    });
    all.collect()
}
