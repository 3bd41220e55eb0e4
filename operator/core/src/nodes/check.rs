//! The accounts of all nodes, the sums over them and the views compared with new ones.

use std::collections::BTreeMap;

use super::index::Index;
use super::{Load, Nodes};
use crate::arena::Id;
use crate::ensure::ensure;
use crate::ids::NodeId;
use crate::pools::Pools;
use crate::resources::{Kinds, Resources};

impl Nodes {
    /// Compares what is kept up to date with what follows from the nodes and from what is on them.
    pub(crate) fn check(
        &self,
        kinds: &Kinds,
        pools: &Pools,
        loads: &BTreeMap<NodeId, Load>,
    ) -> Result<(), String> {
        let empty = Load::default();
        for (id, node) in self.iter() {
            let name = &node.observed().name;
            ensure!(self.find(name) == Some(id), "node {name} is not found by its name");
            let load = loads.get(&id).unwrap_or(&empty);
            node.check(kinds, pools, &self.rules, load)
                .map_err(|problem| format!("node {name}: {problem}"))?;
            let promising = self.promising.contains(&id);
            ensure!(
                promising != node.promised().is_none(),
                "node {name} promises, noted otherwise"
            );
            let closed = self.closed.contains(&id);
            ensure!(closed == node.availability().closed, "node {name} is closed, noted otherwise");
            let noted = !node.is_news() || self.news.contains(id);
            ensure!(noted, "node {name} changed, and nobody will look");
        }
        ensure!(self.by_name.len() == self.iter().count(), "names and nodes differ in number");
        self.sums.check(self.iter().map(|(_, node)| node))?;
        self.views.check(self)
    }
}

impl Index {
    /// Compares every place with what is free and usable there.
    pub(super) fn check(
        &self,
        places: &BTreeMap<usize, (Resources, Resources)>,
    ) -> Result<(), String> {
        let last = places.keys().next_back().map_or(0, |last| last + 1);
        ensure!(last <= self.width(), "there is no place {last}");
        let mut new = Self::default();
        for place in 0..self.width() {
            let there = places.get(&place);
            let (free, usable) = (there.map(|it| &it.0), there.map_or(Resources::NONE, |it| it.1));
            new.set(NodeId::at(u32::try_from(place).unwrap_or(u32::MAX)), free, &usable);
        }
        let difference = self.difference(&new);
        ensure!(difference.is_none(), "place {difference:?} of the index is out of date");
        Ok(())
    }
}
