//! Conditions that a framework has on nodes: Mesos 1.11's offer constraints.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::nodes::NodeObservation;

/// A condition on a node, by its labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// What is looked at.
    pub selector: Selector,
    /// What must hold of it.
    pub predicate: Predicate,
}

/// What a constraint looks at. Mesos's pseudo-attributes for region and zone are the labels
/// `topology.kubernetes.io/region` and `…/zone`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selector {
    /// The label of this name: Mesos's attribute.
    Label(Box<str>),
    /// The node's name: Mesos's pseudo-attribute `HOSTNAME`.
    NodeName,
}

/// What must hold of a label. All labels are texts.
///
/// There are no patterns here: for `TextMatches` the adapter looks which of the values that it knows
/// match, and tells them as a set (again whenever a node brings a new value).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Predicate {
    /// There is such a label.
    Exists,
    /// There is none.
    NotExists,
    /// There is one and its value is one of these.
    TextAmong(BTreeSet<Box<str>>),
    /// There is none, or its value is none of these.
    TextNotAmong(BTreeSet<Box<str>>),
}

impl Predicate {
    /// Mesos's `TextEquals`.
    pub fn text_equals(value: &str) -> Self {
        Self::TextAmong(BTreeSet::from([value.into()]))
    }

    /// Mesos's `TextNotEquals`.
    pub fn text_not_equals(value: &str) -> Self {
        Self::TextNotAmong(BTreeSet::from([value.into()]))
    }
}

impl Constraint {
    /// Whether it holds of a node.
    pub(super) fn holds(&self, node: &NodeObservation) -> bool {
        let value = match &self.selector {
            Selector::Label(name) => {
                node.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            Selector::NodeName => Some(&node.name),
        };
        match &self.predicate {
            Predicate::Exists => value.is_some(),
            Predicate::NotExists => value.is_none(),
            Predicate::TextAmong(values) => value.is_some_and(|value| values.contains(value)),
            Predicate::TextNotAmong(values) => value.is_none_or(|value| !values.contains(value)),
        }
    }
}
