//! Executors without a node: the scheduler finds one for them among the nodes that there are, and in
//! the end an autoscaler adds what is missing. It is also the kubelet, which takes no more than fits.

use std::collections::BTreeMap;

use proffer_core::action::Search;
use proffer_core::event::NodeObservation;
use proffer_core::frameworks::NamedAmounts;

use super::api::ObjectKey;
use super::executors::Pod;
use super::world::World;
use crate::convert;

/// More cpu than all pools together can reserve on a node.
const MOST_RESERVED: i64 = 20_000;

impl World {
    /// Lets an executor without a node land on one of those with room; says whether it did.
    pub(super) fn land(&mut self, name: &str, pick: u32) -> bool {
        let Some((search, tolerates, request)) = self.unplaced(name) else { return false };
        let nodes = self.api.nodes.values().filter(|node| {
            node.offered
                && !node.draining
                && (tolerates || node.taints.is_empty())
                && search.selector.iter().all(|label| node.labels.contains(label))
                && !search.avoids.contains(&node.name)
                && self.takes(node, &request)
        });
        let nodes: Vec<Box<str>> = nodes.map(|node| node.name.clone()).collect();
        match nodes.get(pick as usize % nodes.len().max(1)) {
            Some(node) => self.put(name, node.clone()),
            None => return false,
        }
        true
    }

    /// Adds a node for an executor that has none; says whether there was one.
    pub(super) fn scale_up(&mut self) -> bool {
        for name in self.living() {
            if self.land(&name, 0) {
                return true;
            }
            let Some((search, _, request)) = self.unplaced(&name) else { continue };
            let node: Box<str> = format!("x{}", self.api.nodes.len()).into();
            let mut allocatable = request;
            // Whatever pools reserve on each node, there is room beside it.
            for (_, amount) in allocatable.iter_mut().filter(|(kind, _)| **kind == *"cpu") {
                *amount += MOST_RESERVED;
            }
            let added = NodeObservation {
                name: node.clone(),
                allocatable,
                labels: search.selector,
                ..NodeObservation::default()
            };
            self.api.nodes.insert(node.clone(), added);
            self.api.changed(ObjectKey::Node(node.clone()));
            self.put(&name, node);
            return true;
        }
        false
    }

    fn put(&mut self, name: &str, node: Box<str>) {
        self.tell("  lands ", &(name, &node));
        if let Some(pod) = self.api.pods.get_mut(name) {
            pod.node = Some(node);
            self.api.changed(ObjectKey::Pod(name.to_owned()));
        }
    }

    /// What an executor that lives and has no node asks for, and whether it puts up with taints.
    fn unplaced(&self, name: &str) -> Option<(Search, bool, NamedAmounts)> {
        let pod = self.api.pods.get(name).filter(|pod| pod.lives() && pod.node.is_none())?;
        let object = self.api.executors.get(name)?;
        if object.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let job = self.api.jobs.get(&*pod.key.job.name)?;
        let tolerates = !job.spec.executor.tolerations.is_empty();
        let request = convert::executor_observation(object).request;
        Some((pod.search.clone(), tolerates, request))
    }

    /// Whether a node has room for so much, whatever the operator thinks.
    pub(super) fn takes(&self, node: &NodeObservation, request: &NamedAmounts) -> bool {
        let here = |pod: &Pod| pod.lives() && pod.node.as_ref() == Some(&node.name);
        let pods = self.api.pods.iter().filter(|(_, pod)| here(pod));
        let executors = pods.filter_map(|(name, _)| self.api.executors.get(name));
        let tasks = self.frameworks.tasks.values().filter(|task| task.node == node.name);
        let taken = executors
            .map(|object| convert::executor_observation(object).request)
            .chain(tasks.map(|task| task.amounts.clone()))
            .chain([node.taken_by_others.clone()]);
        let mut room: BTreeMap<Box<str>, i64> = node.allocatable.iter().cloned().collect();
        for (kind, amount) in taken.flatten() {
            *room.entry(kind).or_default() -= amount;
        }
        request.iter().all(|(kind, amount)| room.get(kind).copied().unwrap_or(0) >= *amount)
    }
}
