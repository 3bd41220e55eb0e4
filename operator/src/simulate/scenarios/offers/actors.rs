//! The frameworks and agents that a step may speak of.

use std::collections::BTreeSet;

use super::super::read::Field;
use crate::manifests::quote;

/// What there is at some step.
#[derive(Default)]
pub(super) struct Actors {
    frameworks: BTreeSet<String>,
    agents: BTreeSet<String>,
}

impl Actors {
    pub(super) fn add_framework(&mut self, field: &Field<'_>) -> Option<String> {
        let name = field.text()?;
        if !self.frameworks.insert(name.to_owned()) {
            return field.wrong(format!("there is a framework {} already", quote(name)));
        }
        Some(name.to_owned())
    }

    pub(super) fn remove_framework(&mut self, field: &Field<'_>) -> Option<String> {
        let name = self.framework(field)?;
        self.frameworks.remove(&name);
        Some(name)
    }

    pub(super) fn add_agent(&mut self, field: &Field<'_>) -> Option<String> {
        let name = field.text()?;
        if !self.agents.insert(name.to_owned()) {
            return field.wrong(format!("there is an agent {} already", quote(name)));
        }
        Some(name.to_owned())
    }

    /// The framework that a field names.
    pub(super) fn framework(&self, field: &Field<'_>) -> Option<String> {
        let name = field.text()?;
        self.framework_named(name, field)
    }

    pub(super) fn framework_named(&self, name: &str, field: &Field<'_>) -> Option<String> {
        if self.frameworks.contains(name) {
            return Some(name.to_owned());
        }
        field.not_among("framework", name, self.frameworks.iter().map(String::as_str))
    }

    /// The agent that a field names.
    pub(super) fn agent(&self, field: &Field<'_>) -> Option<String> {
        let name = field.text()?;
        self.agent_named(name, field)
    }

    pub(super) fn agent_named(&self, name: &str, field: &Field<'_>) -> Option<String> {
        if self.agents.contains(name) {
            return Some(name.to_owned());
        }
        field.not_among("agent", name, self.agents.iter().map(String::as_str))
    }

    /// How many agents there are.
    pub(super) fn agent_count(&self) -> u32 {
        u32::try_from(self.agents.len()).unwrap_or(u32::MAX)
    }
}
