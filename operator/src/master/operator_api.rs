//! The operator API: `POST /api/v1`, in JSON.

use std::collections::BTreeMap;

use proffer_core::event::{Event as EngineEvent, Maintenance, PoolObservation};
use proffer_core::ranges::Ranges;
use proffer_core::time::{Span, Time};
use proffer_core::view::View;
use proffer_mesos::resources::{scalar_resource, thousandths};
use proffer_mesos::types::AgentId;
use serde_json::{Map, Value, json};

use super::frameworks::{End, pool_of, role_of};
use super::read::{Question, offered_ports, scalars, used, value};
use super::tasks::TaskKey;
use super::{Effect, Master, NodeMark, amounts, nanoseconds};

mod maintenance;
mod quota;

/// What a call comes to: a status, and what it says.
pub(crate) type ApiAnswer = (u16, Value);

fn refuse(status: u16, message: impl Into<String>) -> ApiAnswer {
    (status, Value::String(message.into()))
}

fn done() -> ApiAnswer {
    (200, Value::Null)
}

/// A window in which machines are not available.
#[derive(Clone, Debug)]
pub(super) struct Window {
    machines: Vec<Value>,
    unavailability: Value,
}

impl Master {
    /// Does what an operator asks for, or answers.
    pub(crate) fn operate(&mut self, now: Time, call: &Value, view: &View) -> ApiAnswer {
        let Some(kind) = call["type"].as_str() else {
            return refuse(400, "Failed to validate master::Call: Expecting 'type' to be present");
        };
        let field = kind.to_lowercase();
        let body = &call[&field];
        if !body.is_object() && !kind.starts_with("GET_") {
            let problem = format!("Expecting '{field}' to be present");
            return refuse(400, format!("Failed to validate master::Call: {problem}"));
        }
        match kind {
            "UPDATE_WEIGHTS" => self.update_weights(body),
            "UPDATE_QUOTA" => self.update_quota(body, view),
            "SET_QUOTA" => self.set_quota(&body["quota_request"], view),
            "REMOVE_QUOTA" => self.remove_quota(body, view),
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
            _ if kind.starts_with("GET_") => match self.answer_for(kind, view) {
                Some(answer) => {
                    let mut object = Map::from_iter([("type".to_owned(), json!(kind))]);
                    object.insert(field, answer);
                    (200, Value::Object(object))
                }
                None => refuse(501, format!("{kind} is not answered here")),
            },
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

    fn answer_for(&self, kind: &str, view: &View) -> Option<Value> {
        let read = |endpoint: &str| {
            let endpoint = endpoint.to_owned();
            self.read(&Question { agent: None, endpoint, query: BTreeMap::new() }, view)
        };
        Some(match kind {
            "GET_HEALTH" => json!({ "healthy": true }),
            "GET_VERSION" => json!({ "version_info": read("version")? }),
            "GET_FLAGS" => {
                let flags = self.flags();
                let flags = flags.as_object().into_iter().flatten();
                let flags = flags.map(|(name, value)| json!({ "name": name, "value": value }));
                json!({ "flags": flags.collect::<Vec<Value>>() })
            }
            "GET_METRICS" => {
                let metrics = read("metrics/snapshot")?;
                let metrics = metrics.as_object().into_iter().flatten();
                let metrics = metrics.map(|(name, value)| json!({ "name": name, "value": value }));
                json!({ "metrics": metrics.collect::<Vec<Value>>() })
            }
            "GET_LOGGING_LEVEL" => json!({ "level": 0 }),
            "GET_MASTER" => json!({
                "master_info": value(&self.info()),
                "start_time": super::seconds(self.started_at),
                "elected_time": super::seconds(self.started_at),
            }),
            "GET_AGENTS" => json!({ "agents": self.agent_messages(view), "recovered_agents": [] }),
            "GET_FRAMEWORKS" => self.framework_messages(),
            "GET_TASKS" => self.task_messages(),
            "GET_EXECUTORS" => self.executor_messages(),
            "GET_OPERATIONS" => json!({ "operations": [] }),
            "GET_STATE" => json!({
                "get_tasks": self.task_messages(),
                "get_executors": self.executor_messages(),
                "get_frameworks": self.framework_messages(),
                "get_agents": { "agents": self.agent_messages(view), "recovered_agents": [] },
            }),
            "GET_ROLES" => {
                let roles = read("roles")?["roles"].clone();
                let roles = roles.as_array().into_iter().flatten().map(|role| {
                    let frameworks = role["frameworks"].as_array().into_iter().flatten();
                    let ids = frameworks.map(|id| json!({ "value": id })).collect::<Vec<Value>>();
                    json!({ "name": role["name"], "weight": role["weight"], "frameworks": ids })
                });
                json!({ "roles": roles.collect::<Vec<Value>>() })
            }
            "GET_WEIGHTS" => json!({ "weight_infos": self.weights() }),
            "GET_QUOTA" => json!({ "status": self.quota() }),
            "GET_MAINTENANCE_SCHEDULE" => json!({ "schedule": self.maintenance_schedule() }),
            "GET_MAINTENANCE_STATUS" => json!({ "status": self.maintenance_status(view) }),
            _ => return None,
        })
    }

    fn agent_messages(&self, view: &View) -> Vec<Value> {
        let message = |agent: &super::agents::Agent| {
            let node = view.nodes.iter().find(|node| node.name == agent.node.name);
            let (used, used_ports) = node.map(|node| used(node, view)).unwrap_or_default();
            let offered_ports = node.map(|node| offered_ports(node, view)).unwrap_or_default();
            let list = |amounts: Option<&Vec<(Box<str>, i64)>>, ports: &Ranges| {
                let amounts = amounts.cloned().unwrap_or_default();
                let resources = amounts::resources(&amounts, ports);
                resources.iter().map(value).collect::<Vec<Value>>()
            };
            let total = list(node.map(|node| &node.usable), &agent.node.ports);
            let slave = self.slave(agent, view);
            let attributes: Vec<Value> = agent.attributes().iter().map(value).collect();
            let mut message = json!({
                "agent_info": {
                    "id": { "value": &*agent.id },
                    "hostname": agent.hostname,
                    "port": self.settings.address.port(),
                    "attributes": attributes,
                    "resources": total,
                },
                "active": agent.is_active(),
                "deactivated": !agent.is_active(),
                "version": slave["version"],
                "pid": slave["pid"],
                "registered_time": { "nanoseconds": nanoseconds(agent.registered_at) },
                "total_resources": total,
                "allocated_resources": list(Some(&used), &used_ports),
                "offered_resources": list(node.map(|node| &node.outstanding), &offered_ports),
                "capabilities": slave["capabilities"].as_array().into_iter().flatten()
                    .map(|kind| json!({ "type": kind })).collect::<Vec<Value>>(),
            });
            if let Some(info) = slave.get("drain_info") {
                message["drain_info"] = info.clone();
            }
            message
        };
        self.agents.iter().map(message).collect()
    }

    /// The executors that frameworks have of their own. Those that are built in are not told of.
    fn executor_messages(&self) -> Value {
        let executors = self.frameworks.values().flat_map(|framework| framework.executors.values());
        let executors = executors.map(|executor| {
            json!({
                "executor_info": value(&executor.info),
                "agent_id": { "value": &*executor.agent },
            })
        });
        json!({ "executors": executors.collect::<Vec<Value>>(), "orphan_executors": [] })
    }

    fn framework_messages(&self) -> Value {
        let message = |framework: &super::frameworks::Framework| {
            let offers = framework.offers.values();
            let offers = offers.filter_map(|offer| self.offer_message(framework, offer));
            let time = |at: Time| json!({ "nanoseconds": nanoseconds(at) });
            let held = framework.tasks.values().filter(|record| record.holds);
            let of_tasks = held.flat_map(|record| &record.info.resources);
            let executors = framework.executors.values().filter(|executor| executor.holds());
            let of_executors = executors.flat_map(|executor| &executor.info.resources);
            let offered = framework.offers.values();
            let offered = offered.filter_map(|offer| self.offer_message(framework, offer));
            let offered = offered.flat_map(|offer| offer.resources);
            let mut message = json!({
                "framework_info": value(&framework.info),
                "active": framework.connection.is_some(),
                "connected": framework.connection.is_some(),
                "recovered": false,
                "registered_time": time(framework.registered_at),
                "offers": offers.map(|offer| value(&offer)).collect::<Vec<Value>>(),
                "inverse_offers": [],
                "allocated_resources":
                    of_tasks.chain(of_executors).map(value).collect::<Vec<Value>>(),
                "offered_resources": offered.map(|one| value(&one)).collect::<Vec<Value>>(),
            });
            if let Some(at) = framework.unregistered_at {
                message["unregistered_time"] = time(at);
            }
            message
        };
        json!({
            "frameworks": self.frameworks.values().map(message).collect::<Vec<Value>>(),
            "completed_frameworks": self.completed.iter().map(message).collect::<Vec<Value>>(),
            "recovered_frameworks": [],
        })
    }

    fn task_messages(&self) -> Value {
        let frameworks = self.frameworks.values();
        let running = frameworks.clone().flat_map(|framework| framework.tasks.values());
        let running: Vec<Value> = running.map(|record| value(&record.to_task())).collect();
        let gone = frameworks.chain(&self.completed).flat_map(|f| &f.completed_tasks);
        json!({
            "pending_tasks": [],
            "unreachable_tasks": [],
            "orphan_tasks": [],
            "tasks": running,
            "completed_tasks": gone.map(value).collect::<Vec<Value>>(),
        })
    }

    /// The weights of pools that have another one than most.
    pub(super) fn weights(&self) -> Value {
        let others = self.pools.values().filter(|pool| pool.weight != 1000);
        let infos = others.map(|pool| {
            let weight = f64::from(pool.weight) / 1000.0;
            json!({ "role": role_of(&pool.name), "weight": weight })
        });
        infos.collect()
    }

    /// What pools are guaranteed and limited to.
    pub(super) fn quota(&self) -> Value {
        let wrapped = |amounts: &Vec<(Box<str>, i64)>| {
            let flat = scalars(&amounts::resources(amounts, &Ranges::new()));
            let flat = flat.as_object().cloned().unwrap_or_default().into_iter();
            flat.map(|(name, amount)| (name, json!({ "value": amount }))).collect::<Map<_, _>>()
        };
        let with = self.pools.values().filter(|p| !p.limit.is_empty() || !p.guarantee.is_empty());
        let (mut configs, mut infos) = (Vec::new(), Vec::new());
        for pool in with {
            let role = role_of(&pool.name);
            configs.push(json!({
                "role": role,
                "guarantees": wrapped(&pool.guarantee),
                "limits": wrapped(&pool.limit),
            }));
            let guarantee = amounts::resources(&pool.guarantee, &Ranges::new());
            let guarantee: Vec<Value> = guarantee.iter().map(value).collect();
            infos.push(json!({ "role": role, "guarantee": guarantee }));
        }
        json!({ "infos": infos, "configs": configs })
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
            let Some(milli) = milli.filter(|milli| *milli > 0) else {
                return refuse(400, format!("Invalid weight '{weight}': it has three decimals"));
            };
            match self.pools.get(&pool_of(role)) {
                Some(pool) => changed.push(PoolObservation { weight: milli, ..pool.clone() }),
                None => return refuse(400, no_pool(role)),
            }
        }
        self.change_pools(changed)
    }

    fn update_quota(&mut self, body: &Value, view: &View) -> ApiAnswer {
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
            let status = view.pools.iter().find(|status| status.name == pool.name);
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
            let usable = view.nodes.iter().flat_map(|node| &node.usable);
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
            self.pools.insert(pool.name.clone(), pool);
        }
        done()
    }

    /// The windows in which machines are not available.
    pub(super) fn maintenance_schedule(&self) -> Value {
        let windows = self.windows.iter().map(|window| {
            json!({ "machine_ids": window.machines, "unavailability": window.unavailability })
        });
        json!({ "windows": windows.collect::<Vec<Value>>() })
    }

    /// How far machines are, and what frameworks say to it.
    pub(super) fn maintenance_status(&self, view: &View) -> Value {
        let machines = self.windows.iter().flat_map(|window| &window.machines);
        let draining = machines.filter(|machine| !self.down_machines.contains(machine));
        let draining = draining.map(|machine| {
            let on = self.agents.iter().filter(|agent| is_machine(machine, agent));
            let nodes: Vec<&str> = on.map(|agent| &*agent.node.name).collect();
            let mut statuses = Vec::new();
            for framework in &view.frameworks {
                let Some(id) = self.by_key.get(&framework.key) else { continue };
                let asked = framework.inverse_offers.iter();
                for inverse in asked.filter(|inverse| nodes.contains(&&*inverse.node)) {
                    let answer = match inverse.agreed {
                        None => "UNKNOWN",
                        Some(true) => "ACCEPT",
                        Some(false) => "DECLINE",
                    };
                    statuses.push(json!({ "framework_id": { "value": &**id }, "status": answer }));
                }
            }
            json!({ "id": machine, "statuses": statuses })
        });
        json!({
            "draining_machines": draining.collect::<Vec<Value>>(),
            "down_machines": self.down_machines,
        })
    }

    fn update_schedule(&mut self, body: &Value) -> ApiAnswer {
        let mut windows = Vec::new();
        let mut seen: Vec<&Value> = Vec::new();
        let Some(asked) = list(&body["schedule"]["windows"]) else { return no_list("windows") };
        for window in asked {
            let machines = window["machine_ids"].as_array().cloned().unwrap_or_default();
            if machines.is_empty() {
                return refuse(400, "List of machines in the maintenance window is empty");
            }
            let start = &window["unavailability"]["start"]["nanoseconds"];
            if start.as_i64().is_none() {
                return refuse(
                    400,
                    "A window has an 'unavailability' with a 'start' in nanoseconds",
                );
            }
            for machine in window["machine_ids"].as_array().into_iter().flatten() {
                if machine["hostname"].as_str().unwrap_or_default().is_empty()
                    && machine["ip"].as_str().unwrap_or_default().is_empty()
                {
                    return refuse(400, "Both 'hostname' and 'ip' for a machine are empty");
                }
                if seen.contains(&machine) {
                    return refuse(400, format!("Machine '{machine}' appears more than once"));
                }
                seen.push(machine);
            }
            let unavailability = window["unavailability"].clone();
            windows.push(Window { machines, unavailability });
        }
        if let Some(machine) = self.down_machines.iter().find(|machine| !seen.contains(machine)) {
            let problem = "is deactivated and cannot be removed from the schedule";
            return refuse(400, format!("Machine '{machine}' {problem}"));
        }
        self.windows = windows;
        self.plan_maintenance();
        done()
    }

    /// Tells of nodes when they will be away by the schedule.
    fn plan_maintenance(&mut self) {
        let milliseconds =
            |nanoseconds: &Value| nanoseconds.as_u64().map(|nanoseconds| nanoseconds / 1_000_000);
        let planned = |agent: &super::agents::Agent| {
            let mut windows = self.windows.iter();
            let window = windows.find(|w| w.machines.iter().any(|m| is_machine(m, agent)))?;
            let start = milliseconds(&window.unavailability["start"]["nanoseconds"])?;
            let start = Time::from_milliseconds(start);
            let duration = milliseconds(&window.unavailability["duration"]["nanoseconds"]);
            let duration = duration.map(Span::from_milliseconds);
            Some(Maintenance { start, duration })
        };
        let changed: Vec<_> = self
            .agents
            .iter()
            .map(|agent| (agent.id.clone(), planned(agent), agent.node.maintenance))
            .filter(|(_, new, old)| new != old)
            .collect();
        for (id, maintenance, _) in changed {
            self.mark(&id, NodeMark::Maintenance(maintenance));
        }
    }

    /// Lets nothing new come to an agent, and ends what is there.
    fn drain(&mut self, body: &Value) -> ApiAnswer {
        if body["mark_gone"].as_bool().unwrap_or(false) {
            return refuse(501, "'mark_gone' is not done here: delete the node when it is drained");
        }
        let grace = &body["max_grace_period"]["seconds"];
        let grace = grace.as_u64().or_else(|| grace.as_str()?.parse().ok());
        let answer = self.mark_agent(body, NodeMark::Draining);
        if answer.0 != 200 {
            return answer;
        }
        let agent =
            AgentId { value: body["agent_id"]["value"].as_str().unwrap_or_default().into() };
        for framework in self.frameworks.values_mut() {
            for (task, record) in &mut framework.tasks {
                if record.info.agent_id == agent && record.holds {
                    record.is_drained = true;
                    let task = TaskKey { framework: framework.id.clone(), task: task.clone() };
                    let grace = grace.map(Span::from_seconds);
                    self.effects.push(Effect::Kill { task, grace });
                }
            }
        }
        answer
    }

    fn mark_agent(&mut self, body: &Value, mark: NodeMark) -> ApiAnswer {
        let id = body["agent_id"]["value"].as_str().unwrap_or_default().to_owned();
        if self.mark(&id, mark) { done() } else { refuse(400, format!("Unknown agent '{id}'")) }
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

fn no_pool(role: &str) -> String {
    format!("There is no pool for role '{role}': create a ResourcePool '{}'", pool_of(role))
}

/// Whether a machine, by host name or address, is an agent's.
fn is_machine(machine: &Value, agent: &super::agents::Agent) -> bool {
    let hostname = machine["hostname"].as_str().unwrap_or_default();
    hostname == agent.hostname || hostname == &*agent.node.name
}

/// Quantities such as `{"cpus": {"value": 4}}`, as the engine has them.
fn engine_amounts(quantities: &Value) -> Result<Vec<(Box<str>, i64)>, String> {
    let mut resources = Vec::new();
    for (name, quantity) in quantities.as_object().into_iter().flatten() {
        let value = quantity["value"].as_f64().or_else(|| quantity.as_f64());
        let amount = value.filter(|value| *value >= 0.0).and_then(thousandths);
        let Some(amount) = amount else {
            return Err(format!("the amount of {name} is not a number of at least 0"));
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
