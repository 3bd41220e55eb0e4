//! The frameworks and agents that a step may speak of.

use std::collections::BTreeSet;

use super::super::read::Field;
use crate::manifests::quote;

/// What there is at some step.
#[derive(Default)]
pub(super) struct Actors {
    frameworks: BTreeSet<String>,
    tasks: BTreeSet<(String, String)>,
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

    /// A framework and one of its roles, which is left out if it does not matter: `F1@a/b`.
    pub(super) fn client_named(
        &self,
        name: &str,
        field: &Field<'_>,
    ) -> Option<(String, Option<String>)> {
        match name.split_once('@') {
            Some((name, role)) => Some((self.framework_named(name, field)?, Some(role.to_owned()))),
            None => Some((self.framework_named(name, field)?, None)),
        }
    }

    pub(super) fn add_task(
        &mut self,
        framework: &str,
        task: &str,
        field: &Field<'_>,
    ) -> Option<String> {
        if !self.tasks.insert((framework.to_owned(), task.to_owned())) {
            return field.wrong(format!("there is a task {} already", quote(task)));
        }
        Some(task.to_owned())
    }

    pub(super) fn end_task(&mut self, framework: &str, field: &Field<'_>) -> Option<String> {
        let task = field.text()?;
        if self.tasks.remove(&(framework.to_owned(), task.to_owned())) {
            return Some(task.to_owned());
        }
        let of_framework = self.tasks.iter().filter(|(name, _)| name == framework);
        field.not_among("task", task, of_framework.map(|(_, task)| task.as_str()))
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
