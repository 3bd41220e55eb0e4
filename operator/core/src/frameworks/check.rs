//! The accounts of frameworks compared with ones that are made from scratch.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, Frameworks, Timer};
use crate::ensure::ensure;
use crate::ids::{ClientId, NodeId};
use crate::nodes::{Load, Nodes};
use crate::resources::Resources;

impl Frameworks {
    /// Adds what offers and tasks hold to what is on the nodes.
    pub(crate) fn add_to(&self, loads: &mut BTreeMap<NodeId, Load>) {
        let mut add = |client, node, amount: &Resources| {
            let load = loads.entry(node).or_default();
            if let Some(client) = self.clients.get(client) {
                let held = load.held.entry(Client::pool(client)).or_default();
                *held = held.plus(amount);
            }
        };
        for offer in self.offers.values() {
            add(offer.client, offer.node, &offer.amount);
        }
        for (_, framework) in self.by_id.iter() {
            for task in framework.tasks.values() {
                add(task.client, task.node, &task.amount);
            }
        }
        for offer in self.offers.values() {
            let load = loads.entry(offer.node).or_default();
            load.outstanding = load.outstanding.plus(&offer.amount);
            load.ports_outstanding.insert_all(&offer.ports);
            load.ports_held.insert_all(&offer.ports);
        }
        for (_, framework) in self.by_id.iter() {
            for task in framework.tasks.values() {
                loads.entry(task.node).or_default().ports_held.insert_all(&task.ports);
            }
        }
    }

    /// Compares what is kept up to date with what follows from offers, tasks and nodes.
    pub(crate) fn check(&self, nodes: &Nodes) -> Result<(), String> {
        for (key, &id) in &self.by_key {
            let named = self.by_id.get(id).is_some_and(|framework| framework.key == *key);
            ensure!(named, "the name {key} leads to no framework");
        }
        let there = self.by_id.iter().count();
        ensure!(self.by_key.len() == there, "{there} frameworks, {} names", self.by_key.len());
        for (id, client) in self.clients.iter() {
            self.check_client(id, client).map_err(|problem| format!("framework: {problem}"))?;
        }
        let mut offers_on: BTreeMap<NodeId, BTreeSet<_>> = BTreeMap::new();
        for (&id, offer) in &self.offers {
            offers_on.entry(offer.node).or_default().insert(id);
            ensure!(nodes.get(offer.node).is_some(), "offer {id} is of no node");
            let timer = offer.expires_at.map(|at| (at, Timer::Offer(id)));
            ensure!(timer.is_none_or(|at| self.timers.contains(&at)), "offer {id} never expires");
        }
        ensure!(self.offers_on == offers_on, "offers by node are {offers_on:?}");
        let mut tasks_on: BTreeMap<NodeId, BTreeSet<_>> = BTreeMap::new();
        for (id, framework) in self.by_id.iter() {
            for (name, task) in &framework.tasks {
                ensure!(nodes.get(task.node).is_some(), "task {name} is on no node");
                tasks_on.entry(task.node).or_default().insert((id, name.clone()));
            }
        }
        ensure!(self.tasks_on == tasks_on, "tasks by node are {tasks_on:?}");
        self.check_slots(nodes)
    }

    fn check_client(&self, id: ClientId, client: &Client) -> Result<(), String> {
        let framework = self.by_id.get(client.framework);
        let seat = framework.and_then(|framework| framework.clients.get(&client.pool()));
        ensure!(seat == Some(&id), "a client is none of its framework's");
        let offers = self.offers.iter().filter(|(_, offer)| offer.client == id);
        let names: BTreeSet<_> = offers.clone().map(|(&name, _)| name).collect();
        ensure!(client.offers == names, "has offers {names:?}, counted {:?}", client.offers);
        let sum = |amounts: &mut dyn Iterator<Item = &Resources>| {
            amounts.fold(Resources::NONE, |sum, amount| sum.plus(amount))
        };
        let offered = sum(&mut offers.clone().map(|(_, offer)| &offer.amount));
        let counted = sum(&mut offers.map(|(_, offer)| &offer.unreserved));
        let tasks = framework.into_iter().flat_map(|framework| framework.tasks.values());
        let tasks: Vec<_> = tasks.filter(|task| task.client == id).collect();
        let held = sum(&mut tasks.iter().map(|task| &task.amount)).plus(&offered);
        ensure!(client.tasks == tasks.len(), "counts {} tasks of {}", client.tasks, tasks.len());
        for (what, noted, is) in [
            ("held", client.held, held),
            ("offered", client.offered, offered),
            ("offered of what is reserved for nobody", client.counted, counted),
        ] {
            ensure!(noted == is, "counts {noted:?} as {what}, it is {is:?}");
        }
        let timer = client.filter_timer.map(|at| (at, Timer::Filters(id)));
        ensure!(timer.is_none_or(|at| self.timers.contains(&at)), "its filters never end");
        let end = client.filters.next_end();
        ensure!(end == client.filter_timer, "its filters end at {end:?}, noted otherwise");
        Ok(())
    }

    /// Every node that is worth an offer is looked at, and constraints hold where they are said to.
    fn check_slots(&self, nodes: &Nodes) -> Result<(), String> {
        for (slot, id) in self.slots.iter() {
            let Some(node) = nodes.get(id) else {
                return Err("a node that is gone has a slot".into());
            };
            if node.is_news() {
                // It is looked at in the next round.
                continue;
            }
            let name = &node.observed().name;
            let left = node.left();
            let worth = !left.is_none() && self.least.iter().any(|least| least.fits_in(&left));
            let open = self.open.contains(slot as usize);
            ensure!(open || !worth || !node.is_open(), "node {name} is not looked at");
            for (_, client) in self.clients.iter().filter(|(_, it)| !it.constraints.is_empty()) {
                let mut new = client.clone();
                new.check_constraints(slot, node);
                let (known, new) =
                    (client.excluded.contains(slot as usize), new.excluded.contains(slot as usize));
                ensure!(known == new, "node {name} is excluded: {new}, noted {known}");
            }
        }
        for &node in &self.unavailable {
            ensure!(nodes.get(node).is_some(), "a node that is gone goes into maintenance");
        }
        Ok(())
    }
}
