//! Nodes as agents.

use std::collections::BTreeSet;
use std::sync::Arc;

use proffer_core::event::{NodeObservation, Taint, TaintEffect};
use proffer_core::frameworks::{Constraint, Predicate, Selector};
use proffer_core::time::Time;
use proffer_mesos::constraints;
use proffer_mesos::types::{Attribute, Url, ValueText, ValueType};

use super::MasterSettings;
use super::amounts::PODS;
use super::shared::Shared;

/// The labels that are Mesos's region and zone.
const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";

/// A node as frameworks know it.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) id: Arc<str>,
    /// Counts from 1, as in `slave(1)`.
    pub(super) number: usize,
    pub(super) node: NodeObservation,
    /// Where tasks on it are reached: the name of a host, which made-up nodes share.
    pub(super) hostname: String,
    pub(super) registered_at: Time,
}

/// All agents, by the name of the node.
#[derive(Clone, Debug, Default)]
pub(super) struct Agents {
    by_node: Shared<Box<str>, Agent>,
    nodes: Shared<Arc<str>, Box<str>>,
    /// The nodes that keep away what does not tolerate their taints, which no task does.
    tainted: Arc<BTreeSet<Box<str>>>,
    last: usize,
}

impl Agents {
    /// Takes in a node as it is now. Says whether it keeps tasks away and did not before, or the other
    /// way round.
    pub(super) fn insert(
        &mut self,
        now: Time,
        id: Arc<str>,
        hostname: String,
        node: NodeObservation,
    ) -> bool {
        let keeps_away = |taint: &Taint| taint.effect != TaintEffect::PreferNoSchedule;
        let (name, is_tainted) = (node.name.clone(), node.taints.iter().any(keeps_away));
        let was_tainted = self.tainted.contains(&name);
        if let Some(known) = self.by_node.get_mut(&name).filter(|known| known.id == id) {
            (known.node, known.hostname) = (node, hostname);
        } else {
            self.remove(&name);
            self.last += 1;
            self.nodes.insert(id.clone(), name.clone());
            let number = self.last;
            let agent = Agent { id, number, node, hostname, registered_at: now };
            self.by_node.insert(name.clone(), agent);
        }
        if is_tainted {
            Arc::make_mut(&mut self.tainted).insert(name);
        } else if was_tainted {
            Arc::make_mut(&mut self.tainted).remove(&name);
        }
        is_tainted != was_tainted
    }

    /// Forgets a node. Says whether it kept tasks away.
    pub(super) fn remove(&mut self, node: &str) -> bool {
        if let Some(agent) = self.by_node.remove(node) {
            self.nodes.remove(&agent.id);
        }
        self.tainted.contains(node) && Arc::make_mut(&mut self.tainted).remove(node)
    }

    /// That a node does not keep tasks away, if any does.
    pub(super) fn untainted(&self) -> Option<Constraint> {
        (!self.tainted.is_empty()).then(|| Constraint {
            selector: Selector::NodeName,
            predicate: Predicate::TextNotAmong(BTreeSet::clone(&self.tainted)),
        })
    }

    /// Whether nodes hold only so many pods.
    pub(super) fn count_pods(&self) -> bool {
        self.by_node.values().next().is_some_and(Agent::counts_pods)
    }

    /// The agent that a node is.
    pub(super) fn on(&self, node: &str) -> Option<&Agent> {
        self.by_node.get(node)
    }

    /// The agent of this id.
    pub(super) fn get(&self, id: &str) -> Option<&Agent> {
        self.nodes.get(id).and_then(|node| self.by_node.get(node))
    }

    /// The agent of this id, to be changed.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Agent> {
        self.nodes.get(id).and_then(|node| self.by_node.get_mut(node))
    }

    /// All agents, by the name of the node.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Agent> {
        self.by_node.values()
    }

    /// The number that the next agent gets.
    pub(super) fn next_number(&self) -> usize {
        self.last + 1
    }

    /// An offer constraint for the engine, which knows no patterns: it is told the values that match.
    pub(super) fn constraint(&self, wire: &constraints::Constraint) -> Constraint {
        let selector = match &wire.selector {
            constraints::Selector::Attribute(name) => Selector::Label(name.as_str().into()),
            constraints::Selector::Hostname => Selector::NodeName,
            constraints::Selector::Region => Selector::Label(REGION.into()),
            constraints::Selector::Zone => Selector::Label(ZONE.into()),
        };
        if selector == Selector::NodeName {
            // The engine knows nodes by their own names.
            let holds = |agent: &&Agent| wire.holds(Some(&agent.hostname));
            let names = self.iter().filter(holds).map(|agent| agent.node.name.clone()).collect();
            return Constraint { selector, predicate: Predicate::TextAmong(names) };
        }
        let matching = |pattern: &dyn Fn(&str) -> bool| {
            let labels = self.iter().flat_map(|agent| &agent.node.labels);
            let named = labels.filter(|(key, _)| selector == Selector::Label(key.clone()));
            named.map(|(_, value)| value.clone()).filter(|value| pattern(value)).collect()
        };
        let predicate = match &wire.predicate {
            constraints::Predicate::Exists => Predicate::Exists,
            constraints::Predicate::NotExists => Predicate::NotExists,
            constraints::Predicate::Equals(text) => Predicate::text_equals(text),
            constraints::Predicate::NotEquals(text) => Predicate::text_not_equals(text),
            constraints::Predicate::Matches(pattern) => {
                Predicate::TextAmong(matching(&|value| pattern.is_match(value)))
            }
            constraints::Predicate::NotMatches(pattern) => {
                Predicate::TextNotAmong(matching(&|value| pattern.is_match(value)))
            }
        };
        Constraint { selector, predicate }
    }
}

impl Agent {
    /// Whether the node holds only so many pods, so that each task takes one of them.
    pub(super) fn counts_pods(&self) -> bool {
        self.node.allocatable.iter().any(|(name, _)| **name == *PODS)
    }

    /// The node's labels as attributes.
    pub(super) fn attributes(&self) -> Vec<Attribute> {
        let attribute = |(name, value): &(Box<str>, Box<str>)| Attribute {
            name: name.to_string(),
            r#type: ValueType::Text.into(),
            text: Some(ValueText { value: value.to_string() }),
            ..Attribute::default()
        };
        self.node.labels.iter().map(attribute).collect()
    }

    /// Where the agent is asked.
    pub(super) fn url(&self, settings: &MasterSettings) -> Url {
        Url {
            scheme: "http".to_owned(),
            address: settings.located(settings.agents_address),
            path: Some(format!("/slave({})", self.number)),
            ..Url::default()
        }
    }
}
