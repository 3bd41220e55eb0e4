//! A node's account compared with a new one.

use std::collections::BTreeMap;

use super::Node;
use crate::ensure::ensure;
use crate::ids::PoolId;
use crate::nodes::reserve::chain;
use crate::nodes::rules::Rules;
use crate::pools::Pools;
use crate::ranges::Ranges;
use crate::resources::{Kinds, Resources};

/// What is on a node, counted from scratch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    /// What executors, offers and tasks hold, by pool.
    pub(crate) held: BTreeMap<PoolId, Resources>,
    /// What of it is in offers.
    pub(crate) outstanding: Resources,
    /// What of it executors hold that are on their way out.
    pub(crate) leaving: Resources,
    /// What is kept for claims, by pool.
    pub(crate) promised: BTreeMap<PoolId, Resources>,
    pub(crate) ports_held: Ranges,
    pub(crate) ports_outstanding: Ranges,
}

impl Load {
    /// What pools have here or are to have.
    fn by_pool(&self) -> BTreeMap<PoolId, Resources> {
        let mut sums = self.held.clone();
        for (&pool, promised) in &self.promised {
            let sum = sums.entry(pool).or_default();
            *sum = sum.plus(promised);
        }
        sums
    }
}

impl Node {
    /// Compares the account with what is on the node and what pools say about it.
    pub(in crate::nodes) fn check(
        &self,
        kinds: &Kinds,
        pools: &Pools,
        rules: &Rules,
        load: &Load,
    ) -> Result<(), String> {
        self.check_amounts(kinds, load)?;
        let used = rules.may_be_used(&self.observed.labels);
        ensure!(self.counted == used, "is used: {used}, noted {}", self.counted);
        self.check_reserved(pools, rules, load)
    }

    fn check_amounts(&self, kinds: &Kinds, load: &Load) -> Result<(), String> {
        let held = load.held.values().fold(Resources::NONE, |sum, held| sum.plus(held));
        ensure!(self.held == held, "counts {:?}, holds {held:?}", self.held);
        let promised = load.promised.values().fold(Resources::NONE, |sum, it| sum.plus(it));
        ensure!(self.promised == promised, "counts {:?}, keeps {promised:?}", self.promised);
        let (counted, is) = (self.leaving, load.leaving);
        ensure!(counted == is, "counts {counted:?} as leaving, it is {is:?}");
        let has = self.observed.usable(kinds);
        ensure!(self.usable == has, "counts {:?}, has {has:?}", self.usable);
        let (counted, is) = (self.outstanding, load.outstanding);
        ensure!(counted == is, "counts {counted:?} in offers, it is {is:?}");
        let (counted, is) = (&self.ports.held, &load.ports_held);
        ensure!(counted == is, "counts ports {counted} as held, it is {is}");
        let (counted, is) = (&self.ports.outstanding, &load.ports_outstanding);
        ensure!(counted == is, "counts ports {counted} in offers, it is {is}");
        let some = |(_, held): &(PoolId, Resources)| !held.is_none();
        let counted: Vec<_> = self.held_by_pool.iter().copied().filter(some).collect();
        let is: Vec<_> = load.by_pool().into_iter().filter(some).collect();
        ensure!(counted == is, "counts {counted:?} by pool, it is {is:?}");
        Ok(())
    }

    fn check_reserved(&self, pools: &Pools, rules: &Rules, load: &Load) -> Result<(), String> {
        let here = rules.reservations_on(&self.observed.labels);
        let mut new = rules.reserved(&here).unwrap_or_default();
        for (pool, held) in &load.by_pool() {
            new.charge(&chain(pools, *pool), held);
        }
        let free = if self.is_open() { self.left() } else { Resources::NONE };
        new.settle(&free, &self.usable);
        let known = self.reserved.as_deref().cloned().unwrap_or_default();
        ensure!(known == new, "counts {known:?} as reserved, it is {new:?}");
        Ok(())
    }
}
