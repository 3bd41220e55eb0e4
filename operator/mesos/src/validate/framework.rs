//! What is wrong with a framework that subscribes.

use std::collections::BTreeSet;

use super::check_id;
use crate::resources::thousandths;
use crate::roles::{check_role, check_roles};
use crate::types::{FrameworkInfo, FrameworkInfoCapabilityType as Capability};

/// A year in seconds, and more than Mesos's durations can hold times nothing: the longest timeout.
const MAXIMUM_TIMEOUT_SECONDS: f64 = 9_223_372_036.0;

/// What a framework can do.
pub fn capabilities(info: &FrameworkInfo) -> BTreeSet<Capability> {
    let named = info.capabilities.iter().filter_map(|capability| capability.r#type);
    named.filter_map(|kind| Capability::try_from(kind).ok()).collect()
}

/// The roles of a framework.
pub fn roles(info: &FrameworkInfo) -> BTreeSet<&str> {
    if capabilities(info).contains(&Capability::MultiRole) {
        info.roles.iter().map(String::as_str).collect()
    } else {
        BTreeSet::from([info.role.as_deref().unwrap_or("*")])
    }
}

/// What is wrong with a framework.
pub fn check_framework(info: &FrameworkInfo) -> Result<(), String> {
    if capabilities(info).contains(&Capability::MultiRole) {
        if info.role.is_some() {
            return Err("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE \
                        capable"
                .to_owned());
        }
        check_roles(&info.roles)?;
    } else {
        if !info.roles.is_empty() {
            return Err("'FrameworkInfo.roles' must not be set when the framework is not \
                        MULTI_ROLE capable"
                .to_owned());
        }
        let role = info.role.as_deref().unwrap_or("*");
        check_role(role)
            .map_err(|problem| format!("'FrameworkInfo.role' is not a valid role: {problem}"))?;
    }
    if let Some(id) = info.id.as_ref().filter(|id| !id.value.is_empty()) {
        check_id(&id.value)
            .map_err(|problem| format!("'FrameworkInfo.id' is not a valid ID: {problem}"))?;
    }
    let timeout = info.failover_timeout.unwrap_or(0.0);
    if !(0.0..=MAXIMUM_TIMEOUT_SECONDS).contains(&timeout) {
        return Err(format!("The framework failover_timeout ({timeout:?}) is invalid"));
    }
    let own = roles(info);
    for (role, filters) in &info.offer_filters {
        if !own.contains(role.as_str()) {
            return Err(format!(
                "Offer filters are specified for role '{role}' which is not one of the \
                 framework's roles"
            ));
        }
        let least = filters.min_allocatable_resources.iter().flat_map(|least| &least.quantities);
        for (name, quantity) in least.flat_map(|least| &least.quantities) {
            let problem = match quantity.amount() {
                value if value < 0.0 => "must not be negative",
                value if value.is_nan() => "is not a number",
                value if thousandths(value).is_none() => "is more than can be counted",
                _ => continue,
            };
            return Err(format!(
                "Invalid 'OfferFilters' for role '{role}': the quantity of '{name}' {problem}"
            ));
        }
    }
    Ok(())
}

/// What is wrong with a framework and the roles in which it wants no offers.
pub fn check_subscription(info: &FrameworkInfo, suppressed: &[String]) -> Result<(), String> {
    check_framework(info)?;
    let own = roles(info);
    match suppressed.iter().find(|role| !own.contains(role.as_str())) {
        Some(role) => {
            Err(format!("Suppressed role '{role}' is not contained in the list of roles"))
        }
        None => Ok(()),
    }
}
