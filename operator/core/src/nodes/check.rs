//! The sums and the index compared with new ones.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::{NodeId, Nodes, usable};
use crate::arena::Id;
use crate::engine::ensure;
use crate::resources::{Kinds, Resources};

impl Nodes {
    /// Compares what is kept up to date with what follows from the nodes and from what is `held` on
    /// them. `requests` are looked for in the index and in a new one.
    pub(crate) fn check(
        &self,
        kinds: &Kinds,
        held: &BTreeMap<NodeId, Resources>,
        requests: &BTreeSet<Resources>,
    ) -> Result<(), String> {
        let (mut total, mut free_sum) = (Resources::NONE, Resources::NONE);
        let (mut free_index, mut usable_index) = (Index::default(), Index::default());
        for place in 0..self.by_id.bound() {
            let id = NodeId::at(u32::try_from(place).unwrap_or(u32::MAX));
            let Some(node) = self.by_id.get(id) else {
                free_index.set(id, None, &Resources::NONE);
                usable_index.set(id, None, &Resources::NONE);
                continue;
            };
            let name = &node.observed.name;
            ensure!(self.find(name) == Some(id), "node {name} is not found by its name");
            let on_it = held.get(&id).copied().unwrap_or_default();
            ensure!(node.held == on_it, "node {name} counts {:?}, holds {on_it:?}", node.held);
            let has = usable(kinds, &node.observed);
            ensure!(node.usable == has, "node {name} counts {:?}, has {has:?}", node.usable);
            total = total.plus(&has);
            let free = node.observed.offered.then(|| has.above(&on_it));
            free_sum = free_sum.plus(&free.unwrap_or_default());
            free_index.set(id, free.as_ref(), &has);
            usable_index.set(id, free.is_some().then_some(&has), &has);
        }
        ensure!(self.total == total, "all nodes have {total:?}, counted {:?}", self.total);
        ensure!(self.free_sum == free_sum, "{free_sum:?} is free, counted {:?}", self.free_sum);
        let nowhere = BTreeMap::new();
        for (kept, new, name) in
            [(&self.free, &free_index, "free"), (&self.usable, &usable_index, "usable")]
        {
            let (left, right) = (kept.largest(), new.largest());
            ensure!(left == right, "the index of what is {name} has {left:?}, a new one {right:?}");
            for request in requests {
                let left = (kept.fits(request), kept.emptiest(request, &nowhere));
                let right = (new.fits(request), new.emptiest(request, &nowhere));
                ensure!(
                    left == right && kept.fullest(request) == new.fullest(request),
                    "the index of what is {name} finds {left:?} for {request:?}, a new one {right:?}"
                );
            }
        }
        Ok(())
    }
}
