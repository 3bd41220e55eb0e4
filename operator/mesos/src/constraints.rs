//! Offer constraints: which agents a framework wants to be offered in a role.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

use crate::scheduler::{
    AttributeConstraint, AttributeConstraintSelectorPseudoattributeType as Pseudoattribute,
    OfferConstraints,
};

/// How large a compiled pattern may be, in bytes. Mesos gives RE2 4 KiB, which compiles to less.
const MAXIMUM_PATTERN_BYTES: usize = 64 << 10;

/// How many constraints a framework may have. Each is asked of every agent.
const MOST_CONSTRAINTS: usize = 1000;

/// How many of them may be patterns, each of which is compiled.
const MOST_PATTERNS: usize = 100;

/// What a constraint looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// An attribute of this name.
    Attribute(String),
    /// The name of the agent's host.
    Hostname,
    /// The region of the agent's fault domain.
    Region,
    /// Its zone.
    Zone,
}

/// What must hold of it. All but the first two hold of attributes that are no texts.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// It is there.
    Exists,
    /// It is not.
    NotExists,
    /// It is there and is this text.
    Equals(String),
    /// It is not there or another text.
    NotEquals(String),
    /// It is there and the whole text matches.
    Matches(Regex),
    /// It is not there or the text does not match.
    NotMatches(Regex),
}

/// A condition on agents.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// What is looked at.
    pub selector: Selector,
    /// What must hold of it.
    pub predicate: Predicate,
}

impl Constraint {
    /// A constraint, or what is wrong with it.
    pub fn of(wire: &AttributeConstraint) -> Result<Self, String> {
        let selector = match (&wire.selector.attribute_name, wire.selector.pseudoattribute_type) {
            (Some(name), None) => Selector::Attribute(name.clone()),
            (None, Some(kind)) => match Pseudoattribute::try_from(kind) {
                Ok(Pseudoattribute::Hostname) => Selector::Hostname,
                Ok(Pseudoattribute::Region) => Selector::Region,
                Ok(Pseudoattribute::Zone) => Selector::Zone,
                _ => return Err("Unknown pseudoattribute type".to_owned()),
            },
            (Some(_), Some(_)) => {
                let message = "Exactly one of 'AttributeConstraint::Selector::name' and \
                     'AttributeConstraint::Selector::pseudoattribute_type' must be set";
                return Err(message.to_owned());
            }
            (None, None) => {
                let message = "One of 'AttributeConstraint::Selector::name' and \
                     'AttributeConstraint::Selector::pseudoattribute_type' must be set";
                return Err(message.to_owned());
            }
        };
        Ok(Self { selector, predicate: predicate(&wire.predicate)? })
    }

    /// Whether it holds of what the selector finds.
    pub fn holds(&self, value: Option<&str>) -> bool {
        match &self.predicate {
            Predicate::Exists => value.is_some(),
            Predicate::NotExists => value.is_none(),
            Predicate::Equals(text) => value == Some(text),
            Predicate::NotEquals(text) => value != Some(text),
            Predicate::Matches(pattern) => value.is_some_and(|value| pattern.is_match(value)),
            Predicate::NotMatches(pattern) => !value.is_some_and(|value| pattern.is_match(value)),
        }
    }
}

fn predicate(wire: &crate::scheduler::AttributeConstraintPredicate) -> Result<Predicate, String> {
    let mut found = Vec::new();
    found.extend(wire.exists.as_ref().map(|_| Predicate::Exists));
    found.extend(wire.not_exists.as_ref().map(|_| Predicate::NotExists));
    found.extend(wire.text_equals.as_ref().map(|p| Predicate::Equals(p.value.clone())));
    found.extend(wire.text_not_equals.as_ref().map(|p| Predicate::NotEquals(p.value.clone())));
    if let Some(matches) = &wire.text_matches {
        found.push(Predicate::Matches(pattern(&matches.regex)?));
    }
    if let Some(matches) = &wire.text_not_matches {
        found.push(Predicate::NotMatches(pattern(&matches.regex)?));
    }
    match (found.pop(), found.is_empty()) {
        (Some(predicate), true) => Ok(predicate),
        (Some(_), false) => Err("A predicate must be of exactly one type".to_owned()),
        (None, _) => Err("Unknown predicate type".to_owned()),
    }
}

/// A pattern that the whole text has to match.
fn pattern(text: &str) -> Result<Regex, String> {
    let built = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(MAXIMUM_PATTERN_BYTES)
            .dfa_size_limit(MAXIMUM_PATTERN_BYTES)
            .build()
    };
    // It has to make sense alone: with something around it, `a)(b` would.
    built(text)
        .and_then(|_| built(&format!("^(?:{text})$")))
        .map_err(|error| format!("Failed to construct regex from pattern '{text}': {error}"))
}

/// The groups of a role: an agent is offered if all constraints of one of them hold.
pub type Groups = Vec<Vec<Constraint>>;

/// Refuses more than anybody needs, before anything of it is compiled.
fn check_size(wire: &OfferConstraints) -> Result<(), String> {
    let groups = wire.role_constraints.values().flat_map(|role| &role.groups);
    let all = groups.flat_map(|group| &group.attribute_constraints);
    let is_pattern = |it: &&crate::scheduler::AttributeConstraint| {
        it.predicate.text_matches.is_some() || it.predicate.text_not_matches.is_some()
    };
    let patterns = all.clone().filter(is_pattern).count();
    let all = all.count();
    if all > MOST_CONSTRAINTS {
        return Err(format!(
            "Offer constraints have {all} attribute constraints, and {MOST_CONSTRAINTS} are the \
             most that a framework may have"
        ));
    }
    if patterns > MOST_PATTERNS {
        return Err(format!(
            "Offer constraints have {patterns} patterns, and {MOST_PATTERNS} are the most that a \
             framework may have: name values by `TextEquals`, in groups of their own"
        ));
    }
    Ok(())
}

/// The constraints by role, or what is wrong with them. They are for roles of the framework only.
pub fn constraints_by_role(
    wire: Option<&OfferConstraints>,
    roles: &BTreeSet<&str>,
) -> Result<Vec<(String, Groups)>, String> {
    wire.map_or(Ok(()), check_size)?;
    let mut by_role = Vec::new();
    for (role, constraints) in wire.into_iter().flat_map(|wire| &wire.role_constraints) {
        if !roles.contains(role.as_str()) {
            return Err(format!(
                "Offer constraints specify `role_constraints` for role '{role}' which is not \
                 contained in the set of roles"
            ));
        }
        if constraints.groups.is_empty() {
            return Err(format!(
                "Constraints for role '{role}' are not valid: `RoleConstraints::groups` must not \
                 be empty"
            ));
        }
        let mut groups = Vec::new();
        for group in &constraints.groups {
            if group.attribute_constraints.is_empty() {
                return Err(format!(
                    "Constraints for role '{role}' are not valid: \
                     `Group::attribute_constraints` must not be empty"
                ));
            }
            let group: Result<Vec<Constraint>, String> =
                group.attribute_constraints.iter().map(Constraint::of).collect();
            let invalid =
                |problem| format!("Constraints for role '{role}' are not valid: {problem}");
            groups.push(group.map_err(invalid)?);
        }
        by_role.push((role.clone(), groups));
    }
    Ok(by_role)
}

#[cfg(test)]
mod tests;
