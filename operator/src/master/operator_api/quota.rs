//! Quota as it was set before limits and guarantees were two things.

use proffer_core::view::Market;
use proffer_mesos::resources::{scalar_resource, thousandths};
use serde_json::{Map, Value, json};

use super::{ApiAnswer, refuse};
use crate::master::frameworks::pool_of;
use crate::master::{Master, amounts};

impl Master {
    /// Sets what a role is guaranteed, which is its limit, too, if it has no quota yet.
    pub(super) fn set_quota(&mut self, request: &Value, market: &Market) -> ApiAnswer {
        let role = request["role"].as_str().unwrap_or_default();
        if self.has_quota(role) {
            let problem = "already has quota: remove that first, or use UPDATE_QUOTA";
            return refuse(400, format!("Cannot set quota for role '{role}' which {problem}"));
        }
        let amounts = match quantities(&request["guarantee"]) {
            Ok(amounts) => amounts,
            Err(problem) => return refuse(400, format!("Invalid quota request: {problem}")),
        };
        let config = json!({ "role": role, "guarantees": amounts, "limits": amounts });
        let update = json!({ "force": request["force"], "quota_configs": [config] });
        self.update_quota(&update, market)
    }

    /// Takes away what a role is guaranteed and limited to.
    pub(super) fn remove_quota(&mut self, body: &Value, market: &Market) -> ApiAnswer {
        let role = body["role"].as_str().unwrap_or_default();
        if !self.has_quota(role) {
            return refuse(400, format!("Failed to remove quota: role '{role}' has no quota set"));
        }
        self.update_quota(&json!({ "quota_configs": [{ "role": role }] }), market)
    }

    fn has_quota(&self, role: &str) -> bool {
        let pool = self.pools.get(&pool_of(role));
        pool.is_some_and(|pool| !pool.guarantee.is_empty() || !pool.limit.is_empty())
    }
}

/// Scalar resources as the quantities that are set today.
fn quantities(resources: &Value) -> Result<Map<String, Value>, String> {
    let mut quantities = Map::new();
    for resource in resources.as_array().into_iter().flatten() {
        let (name, amount) = (resource["name"].as_str(), &resource["scalar"]["value"]);
        let Some(name) = name.filter(|_| amount.is_number()) else {
            return Err("a guarantee has resources with a 'name' and a 'scalar'".to_owned());
        };
        if quantities.insert(name.to_owned(), json!({ "value": amount })).is_some() {
            return Err(format!("the guarantee names '{name}' twice"));
        }
    }
    if quantities.is_empty() {
        return Err("'guarantee' is missing or empty".to_owned());
    }
    Ok(quantities)
}

/// The most of a resource that can be counted in thousandths.
const MOST: f64 = 9_007_199_254_740.992;

/// The longest name of a resource.
const MOST_NAME_BYTES: usize = 253;

/// Quantities such as `{"cpus": {"value": 4}}`, as the engine has them.
pub(super) fn engine_amounts(quantities: &Value) -> Result<Vec<(Box<str>, i64)>, String> {
    let mut resources = Vec::new();
    for (name, quantity) in quantities.as_object().into_iter().flatten() {
        check_name(name)?;
        let value = quantity["value"].as_f64().or_else(|| quantity.as_f64());
        let Some(value) = value.filter(|value| *value >= 0.0) else {
            return Err(format!("the amount of {name} is not a number of at least 0"));
        };
        let Some(amount) = thousandths(value) else {
            return Err(format!(
                "the amount of {name} is {value:e}, which is more than can be counted: at most {MOST}"
            ));
        };
        resources.push((name, amount));
    }
    let scalars: Vec<_> = resources.iter().map(|(name, a)| scalar_resource(name, *a)).collect();
    // Zero is a limit, too, and would be left out.
    let mut amounts = amounts::request(&scalars)?.0;
    for (name, amount) in resources {
        let engine = amounts::engine_name(name);
        if amount == 0 && !amounts.iter().any(|(other, _)| **other == *engine) {
            amounts.push((engine.into(), 0));
        }
    }
    Ok(amounts)
}

/// Whether there can be a quota for a resource of this name.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a resource has no name".to_owned());
    }
    if name == "ports" {
        return Err("ports are ranges, and there are quotas for amounts only".to_owned());
    }
    if let Some(mesos) = amounts::mesos_name(name) {
        return Err(format!("there is no resource '{name}': Mesos calls it {mesos}"));
    }
    let is_part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        bytes.iter().copied().all(inner) && outer(bytes.first()) && outer(bytes.last())
    };
    let (prefix, last) = name.split_once('/').unwrap_or(("a", name));
    if name.len() <= MOST_NAME_BYTES && is_part(prefix) && is_part(last) {
        return Ok(());
    }
    Err(format!("'{name}' is not the name of a resource, such as cpus or nvidia.com/gpu"))
}

#[cfg(test)]
mod tests;
