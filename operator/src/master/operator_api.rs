//! The operator API: `POST /api/v1`, in JSON.

use std::sync::Arc;

use proffer_core::event::{Event as EngineEvent, PoolObservation};
use proffer_core::time::{Span, Time};
use proffer_core::view::Market;
use proffer_mesos::resources::thousandths;
use proffer_mesos::types::{DurationInfo, KillPolicy};
use serde_json::Value;

use super::frameworks::{End, pool_of};
use super::tasks::TaskKey;
use super::{Effect, Master, NodeMark};

mod maintenance;
mod quota;

pub(super) use maintenance::{Machine, Window};
use quota::engine_amounts;

/// The weights that pools can have, in thousandths.
const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=1_000_000_000;

/// What a call comes to: a status, and what it says.
pub(crate) type ApiAnswer = (u16, Value);

fn refuse(status: u16, message: impl Into<String>) -> ApiAnswer {
    (status, Value::String(message.into()))
}

fn done() -> ApiAnswer {
    (200, Value::Null)
}

impl Master {
    /// Does what an operator asks for.
    pub(crate) fn operate(&mut self, now: Time, call: &Value, market: &Market) -> ApiAnswer {
        let Some(kind) = call["type"].as_str() else {
            return refuse(400, "Failed to validate master::Call: Expecting 'type' to be present");
        };
        let field = kind.to_lowercase();
        let body = &call[&field];
        if !body.is_object() {
            let problem = format!("Expecting '{field}' to be present");
            return refuse(400, format!("Failed to validate master::Call: {problem}"));
        }
        match kind {
            "UPDATE_WEIGHTS" => self.update_weights(body),
            "UPDATE_QUOTA" => self.update_quota(body, market),
            "SET_QUOTA" => self.set_quota(&body["quota_request"], market),
            "REMOVE_QUOTA" => self.remove_quota(body, market),
            "UPDATE_MAINTENANCE_SCHEDULE" => self.update_schedule(body),
            "START_MAINTENANCE" => self.start_maintenance(body),
            "STOP_MAINTENANCE" => self.stop_maintenance(body),
            "DRAIN_AGENT" => self.drain(body),
            "DEACTIVATE_AGENT" => self.mark_agent(body, NodeMark::Deactivated),
            "REACTIVATE_AGENT" => self.mark_agent(body, NodeMark::Reactivated),
            "TEARDOWN" => {
                let id = body["framework_id"]["value"].as_str().unwrap_or_default();
                if !self.frameworks.contains_key(id) {
                    return refuse(400, format!("No framework found with ID {id}"));
                }
                self.remove(now, id, End::TornDown);
                done()
            }
            "RESERVE_RESOURCES"
            | "UNRESERVE_RESOURCES"
            | "CREATE_VOLUMES"
            | "DESTROY_VOLUMES"
            | "GROW_VOLUME"
            | "SHRINK_VOLUME" => refuse(
                409,
                format!(
                    "{kind} is not done here: reservations are set in a ResourcePool, and there \
                     are no persistent volumes"
                ),
            ),
            _ => refuse(501, format!("{kind} is not done here")),
        }
    }

    fn update_weights(&mut self, body: &Value) -> ApiAnswer {
        let mut changed = Vec::new();
        let Some(infos) = list(&body["weight_infos"]) else { return no_list("weight_infos") };
        for info in infos {
            let (role, weight) = (info["role"].as_str(), info["weight"].as_f64());
            let (Some(role), Some(weight)) = (role, weight) else {
                return refuse(400, "A weight has a 'role' and a 'weight'");
            };
            if weight <= 0.0 {
                return refuse(400, format!("Invalid weight '{weight}': Weights must be positive"));
            }
            let milli = thousandths(weight).and_then(|weight| weight.try_into().ok());
            let Some(milli) = milli.filter(|milli| WEIGHTS.contains(milli)) else {
                let problem = "weights are between 0.001 and 1000000";
                return refuse(
                    400,
                    format!("Invalid weight '{weight}' of role '{role}': {problem}"),
                );
            };
            match self.pools.get(&pool_of(role)) {
                Some(pool) => changed.push(PoolObservation { weight: milli, ..pool.clone() }),
                None => return refuse(400, no_pool(role)),
            }
        }
        self.change_pools(changed)
    }

    fn update_quota(&mut self, body: &Value, market: &Market) -> ApiAnswer {
        let is_forced = body["force"].as_bool().unwrap_or(false);
        let mut changed = Vec::new();
        let Some(configs) = list(&body["quota_configs"]) else { return no_list("quota_configs") };
        for config in configs {
            let role = config["role"].as_str().unwrap_or_default();
            let Some(pool) = self.pools.get(&pool_of(role)) else {
                return refuse(400, no_pool(role));
            };
            let amounts = |field: &str| engine_amounts(&config[field]);
            let (limit, guarantee) = match (amounts("limits"), amounts("guarantees")) {
                (Ok(limit), Ok(guarantee)) => (limit, guarantee),
                (Err(problem), _) | (_, Err(problem)) => {
                    return refuse(400, format!("Invalid quota for role '{role}': {problem}"));
                }
            };
            let find = |list: &[(Box<str>, i64)], name: &str| {
                list.iter().find(|(other, _)| **other == *name).map(|(_, amount)| *amount)
            };
            let beyond = guarantee
                .iter()
                .find(|(name, amount)| find(&limit, name).is_some_and(|limit| limit < *amount));
            if let Some((name, _)) = beyond {
                let problem = format!("the guarantee of {name} is above its limit");
                return refuse(400, format!("Invalid quota for role '{role}': {problem}"));
            }
            let status = market.pools.iter().find(|status| status.name == pool.name);
            let consumed = status.map(|status| {
                let offered = |name: &str| find(&status.offered, name).unwrap_or(0);
                let held = status.allocated.iter();
                held.map(|(name, amount)| (name.clone(), amount.saturating_sub(offered(name))))
                    .collect::<Vec<_>>()
            });
            let consumed = consumed.unwrap_or_default();
            let over = consumed
                .iter()
                .find(|(name, amount)| find(&limit, name).is_some_and(|limit| limit < *amount));
            if let (Some((name, _)), false) = (over, is_forced) {
                let problem = format!(
                    "role '{role}' has more {name} than the new limit; 'force' sets it all the same"
                );
                return refuse(400, format!("Invalid quota configuration: {problem}"));
            }
            changed.push(PoolObservation { limit, guarantee, ..pool.clone() });
        }
        let guarantees = self
            .pools
            .values()
            .map(|pool| changed.iter().find(|new| new.name == pool.name).unwrap_or(pool));
        let sum = |name: &str| {
            let of = guarantees.clone().filter(|pool| !pool.name.contains('.'));
            let amounts = of.flat_map(|pool| &pool.guarantee).filter(|(other, _)| **other == *name);
            amounts.map(|(_, amount)| i128::from(*amount)).sum::<i128>()
        };
        let total = |name: &str| {
            let usable = market.nodes.iter().flat_map(|node| &node.usable);
            let amounts = usable.filter(|(other, _)| **other == *name);
            amounts.map(|(_, amount)| i128::from(*amount)).sum::<i128>()
        };
        let promised = changed.iter().flat_map(|pool| &pool.guarantee);
        let short = promised.map(|(name, _)| name).find(|name| sum(name) > total(name));
        if let (Some(name), false) = (short, is_forced) {
            let problem = format!("the cluster has less {name} than would be guaranteed");
            return refuse(400, format!("Invalid quota configuration: {problem}"));
        }
        self.change_pools(changed)
    }

    fn change_pools(&mut self, changed: Vec<PoolObservation>) -> ApiAnswer {
        for pool in changed {
            self.effects.push(Effect::Engine(EngineEvent::Pool(pool.clone())));
            Arc::make_mut(&mut self.pools).insert(pool.name.clone(), pool);
        }
        done()
    }

    /// Lets nothing new come to an agent, and ends what is there.
    fn drain(&mut self, body: &Value) -> ApiAnswer {
        if body["mark_gone"].as_bool().unwrap_or(false) {
            return refuse(501, "'mark_gone' is not done here: delete the node when it is drained");
        }
        let grace = &body["max_grace_period"]["seconds"];
        let grace = grace.as_u64().or_else(|| grace.as_str()?.parse().ok());
        let grace = grace.map(Span::from_seconds);
        let id = body["agent_id"]["value"].as_str().unwrap_or_default();
        if self.drain_agent(id, NodeMark::Draining, grace) { done() } else { no_agent(id) }
    }

    /// Marks an agent's node, and ends what is there; says whether there is one.
    fn drain_agent(&mut self, id: &str, mark: NodeMark, grace: Option<Span>) -> bool {
        if !self.mark(id, mark) {
            return false;
        }
        let frameworks = self.frameworks.values();
        let tasks = frameworks.flat_map(|framework| framework.tasks.iter());
        let on = tasks.filter(|(_, record)| record.info.agent_id.value == id && record.holds);
        let on: Vec<TaskKey> = on
            .map(|(task, record)| TaskKey {
                framework: record.framework.clone(),
                task: task.clone(),
            })
            .collect();
        for task in on {
            let framework = self.frameworks.get_mut(&task.framework);
            if let Some(record) = framework.and_then(|known| known.tasks.get_mut(&task.task)) {
                record.is_drained = true;
            }
            // One of an executor of its framework's own is ended by that.
            let policy = grace.map(kill_policy);
            if !self.kill_on_executor(&task.framework, &task.task, policy.as_ref()) {
                self.effects.push(Effect::Kill { task, grace });
            }
        }
        true
    }

    fn mark_agent(&mut self, body: &Value, mark: NodeMark) -> ApiAnswer {
        let id = body["agent_id"]["value"].as_str().unwrap_or_default().to_owned();
        if self.mark(&id, mark) { done() } else { no_agent(&id) }
    }

    /// Changes an agent's node; says whether there is one.
    fn mark(&mut self, id: &str, mark: NodeMark) -> bool {
        let Some(agent) = self.agents.get_mut(id) else { return false };
        let node = &mut agent.node;
        mark.apply(node);
        self.effects.push(Effect::Mark(node.name.clone(), mark));
        self.effects.push(Effect::Engine(EngineEvent::Node(node.clone())));
        true
    }
}

/// A policy that gives a task so long to end.
fn kill_policy(grace: Span) -> KillPolicy {
    let nanoseconds = grace.as_milliseconds().saturating_mul(1_000_000);
    let nanoseconds = i64::try_from(nanoseconds).unwrap_or(i64::MAX);
    KillPolicy { grace_period: Some(DurationInfo { nanoseconds }) }
}

/// The elements of a list that may be left out; nothing if it is something else.
fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Null => Some(&[]),
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn no_list(field: &str) -> ApiAnswer {
    refuse(400, format!("Expecting a JSON array for '{field}'"))
}

fn no_agent(id: &str) -> ApiAnswer {
    refuse(400, format!("Unknown agent '{id}'"))
}

fn no_pool(role: &str) -> String {
    format!("There is no pool for role '{role}': create a ResourcePool '{}'", pool_of(role))
}
