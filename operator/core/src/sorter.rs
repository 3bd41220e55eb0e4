//! The order in which clients would be asked, without nodes and offers.
//!
//! This is the view that Mesos's sorter tests have of the allocator: clients at paths of a tree hold
//! something, and the question is whose turn it is. It asks the same tree as a round does, so what
//! holds here holds there.

use crate::allocator::{Choice, Claim, Order, Tree};
use crate::nodes::Reach;
use crate::policy::{Fairness, Placement};
use crate::pools::{Pools, Settings};
use crate::resources::{Kinds, Resources, TooManyKinds};
use crate::share::{SHARED_RESOURCES, WeightMilli, shared_kinds};
use std::collections::BTreeMap;

/// Clients in a tree of pools, each alone in its pool.
#[derive(Debug)]
pub struct Sorter {
    fairness: Fairness,
    kinds: Kinds,
    pools: Pools,
    total: Resources,
    clients: BTreeMap<Box<str>, Client>,
}

#[derive(Debug)]
struct Client {
    held: Resources,
    allocations: u64,
    active: bool,
}

impl Sorter {
    /// A sorter without clients.
    pub fn new(fairness: Fairness) -> Self {
        Self {
            fairness,
            kinds: Kinds::default(),
            pools: Pools::default(),
            total: Resources::NONE,
            clients: BTreeMap::new(),
        }
    }

    /// Sets what shares are parts of, by resource name; cpu in thousandths, memory in bytes.
    pub fn set_total(&mut self, amounts: &[(Box<str>, i64)]) -> Result<(), TooManyKinds> {
        self.total = self.vector(amounts)?;
        Ok(())
    }

    /// Adds an active client that holds nothing, at a path such as `a.b`.
    pub fn add(&mut self, path: &str) {
        self.pools.enter(path);
        let client = Client { held: Resources::NONE, allocations: 0, active: true };
        self.clients.insert(path.into(), client);
    }

    /// Removes a client with all that it holds.
    pub fn remove(&mut self, path: &str) {
        let (Some(client), Some(pool)) = (self.clients.remove(path), self.pools.find(path)) else {
            return;
        };
        self.pools.release(pool, &client.held);
        self.pools.leave(pool);
    }

    /// Says whether a client is to be asked.
    pub fn set_active(&mut self, path: &str, active: bool) {
        if let Some(client) = self.clients.get_mut(path) {
            client.active = active;
        }
    }

    /// Sets the weight of a path, in thousandths.
    pub fn set_weight(&mut self, path: &str, weight: WeightMilli) {
        self.pools.declare(path, Settings { weight, ..Settings::default() });
    }

    /// Gives a client something, which counts as one allocation.
    pub fn allocate(
        &mut self,
        path: &str,
        amounts: &[(Box<str>, i64)],
    ) -> Result<(), TooManyKinds> {
        let amount = self.vector(amounts)?;
        if let (Some(client), Some(pool)) = (self.clients.get_mut(path), self.pools.find(path)) {
            client.held = client.held.plus(&amount);
            client.allocations += 1;
            self.pools.charge(pool, &amount);
        }
        Ok(())
    }

    /// Takes something back from a client.
    pub fn unallocate(
        &mut self,
        path: &str,
        amounts: &[(Box<str>, i64)],
    ) -> Result<(), TooManyKinds> {
        let amount = self.vector(amounts)?;
        if let (Some(client), Some(pool)) = (self.clients.get_mut(path), self.pools.find(path)) {
            client.held = client.held.minus(&amount);
            self.pools.release(pool, &amount);
        }
        Ok(())
    }

    /// The active clients in the order in which they would be asked.
    pub fn order(&self) -> Vec<&str> {
        let active = self.clients.iter().filter(|(_, client)| client.active);
        let (paths, claims): (Vec<&str>, Vec<Claim>) =
            active.filter_map(|(path, client)| Some((&**path, self.claim(path, client)?))).unzip();
        let shared = shared_kinds(&self.kinds, &SHARED_RESOURCES);
        let order = Order { fairness: self.fairness, shared: &shared };
        let mut tree =
            Tree::new(&self.pools, self.total, &BTreeMap::new(), order, &claims, |_| true);
        let mut asked = Vec::with_capacity(paths.len());
        while let Some(index) = tree.first() {
            asked.push(paths[index]);
            // One that declines leaves its turn to the next.
            tree.blocked(index, &claims[index]);
        }
        asked
    }

    fn claim(&self, path: &str, client: &Client) -> Option<Claim> {
        Some(Claim {
            pool: self.pools.find(path)?,
            priority: 0,
            sequence: 0,
            held: client.held,
            allocations: client.allocations,
            request: Resources::NONE,
            wanted: 1,
            unplaced: 0,
            gang: false,
            reach: Reach::default(),
            placement: Placement::default(),
            on_nodes: BTreeMap::new(),
            client: None,
            choice: Choice::default(),
        })
    }

    fn vector(&mut self, amounts: &[(Box<str>, i64)]) -> Result<Resources, TooManyKinds> {
        let mut vector = Resources::NONE;
        for (name, amount) in amounts {
            let (kind, _) = self.kinds.intern(name)?;
            vector[kind] = *amount;
        }
        Ok(vector)
    }
}

#[cfg(test)]
mod tests;
