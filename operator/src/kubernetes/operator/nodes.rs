//! Nodes.

use proffer_core::event::Event;
use proffer_core::time::Time;

use super::super::node::NodeFacts;
use super::super::notices::Notice;
use super::super::pod::ObjectName;
use super::Operator;
use crate::clock::Wall;
use crate::master::agent_ports;

impl Operator {
    /// Takes in a node as it is now; `None` if it is gone.
    pub(super) fn observe_node(&mut self, now: Time, name: &str, facts: Option<NodeFacts>) {
        let problem = facts.as_ref().and_then(|facts| facts.problem.clone());
        let is_gone = facts.is_none();
        let was_ready = self.common.index.node(name).map(|facts| facts.is_ready);
        let is_ready = facts.as_ref().map(|facts| facts.is_ready);
        let before = self.common.index.set_node(name, facts);
        if let Some(problem) = problem
            && before.and_then(|before| before.problem).as_ref() != Some(&problem)
        {
            self.common.notices.push(Notice::of_node(name, &problem));
        }
        if is_gone {
            self.leaving_nodes.insert(name.into());
        } else {
            self.leaving_nodes.remove(name);
        }
        if was_ready != is_ready {
            let tasks = self.mesos.iter().flat_map(|mesos| mesos.pods_on(name));
            let pods: Vec<ObjectName> =
                self.common.index.executors_on(name).chain(tasks).cloned().collect();
            for pod in pods {
                self.review_pod(now, &pod);
            }
        }
    }

    /// Takes in that the clock of the wall was set: what is scheduled by it comes at other times.
    pub(crate) fn set_wall(&mut self, wall: Wall) {
        self.common.wall = wall;
        self.common.index.touch_scheduled();
    }

    /// Tells the engine of nodes that are not as they were, and the master.
    pub(super) fn tell_nodes(&mut self, now: Time) {
        for mut node in self.common.index.take_changed() {
            if let Some(mesos) = &mut self.mesos {
                node.ports = agent_ports();
                mesos.observe_node(&self.common, now, &node);
            }
            self.common.tell_of_node(now, node);
        }
    }

    /// Tells the engine of nodes that are gone, once all is known of what was on them.
    pub(super) fn let_nodes_go(&mut self, now: Time) {
        if self.leaving_nodes.is_empty() {
            return;
        }
        let is_on = |node: &str| {
            self.stages.is_on(node)
                || self.gated.is_on(node)
                || self.spark.is_on(node)
                || self.mesos.as_ref().is_some_and(|mesos| mesos.is_on(node))
        };
        let gone: Vec<Box<str>> =
            self.leaving_nodes.iter().filter(|node| !is_on(node)).cloned().collect();
        for node in gone {
            self.leaving_nodes.remove(&node);
            if let Some(mesos) = &mut self.mesos {
                mesos.master().forget_node(&node);
            }
            self.common.engine.handle(now, Event::NodeGone(node));
        }
    }
}
