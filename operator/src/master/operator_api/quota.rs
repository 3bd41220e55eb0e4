//! Quota as it was set before limits and guarantees were two things.

use proffer_core::view::Market;
use serde_json::{Map, Value, json};

use super::{ApiAnswer, refuse};
use crate::master::Master;
use crate::master::frameworks::pool_of;

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
