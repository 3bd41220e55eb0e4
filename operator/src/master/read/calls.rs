//! The calls of `/api/v1` that ask.

use proffer_core::ranges::Ranges;
use proffer_core::time::Time;
use serde_json::{Map, Value, json};

use super::objects::scalars;
use super::{Json, Reading, value, version};
use crate::master::agents::Agent;
use crate::master::frameworks::{Framework, role_of};
use crate::master::{amounts, nanoseconds, seconds};

/// The fields of an object as a list of names and values.
pub(super) fn named(fields: &Value) -> Value {
    let fields = fields.as_object().into_iter().flatten();
    fields.map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

pub(super) fn object<'a>() -> Json<'a> {
    json!({}).into()
}

impl Reading {
    /// The answer to a call of this type; nothing if it is none that is answered.
    pub(crate) fn call(&self, kind: &str) -> Option<Json<'_>> {
        let answer = match kind {
            "GET_HEALTH" => json!({ "healthy": true }).into(),
            "GET_VERSION" => json!({ "version_info": version() }).into(),
            "GET_FLAGS" => json!({ "flags": named(&self.flags()) }).into(),
            "GET_METRICS" => json!({ "metrics": named(&self.metrics()) }).into(),
            "GET_LOGGING_LEVEL" => json!({ "level": 0 }).into(),
            "GET_MASTER" => json!({
                "master_info": value(&self.settings().info()),
                "start_time": seconds(self.started_at()),
                "elected_time": seconds(self.started_at()),
            })
            .into(),
            "GET_AGENTS" => self.agent_messages(),
            "GET_FRAMEWORKS" => self.framework_messages(),
            "GET_TASKS" => self.task_messages(),
            "GET_EXECUTORS" => self.executor_messages(),
            "GET_OPERATIONS" => json!({ "operations": [] }).into(),
            "GET_STATE" => object()
                .with("get_tasks", self.task_messages())
                .with("get_executors", self.executor_messages())
                .with("get_frameworks", self.framework_messages())
                .with("get_agents", self.agent_messages()),
            "GET_ROLES" => object().with("roles", Json::list(|| self.role_messages())),
            "GET_WEIGHTS" => json!({ "weight_infos": self.weights() }).into(),
            "GET_QUOTA" => json!({ "status": self.quota() }).into(),
            "GET_MAINTENANCE_SCHEDULE" => json!({ "schedule": self.maintenance_schedule() }).into(),
            "GET_MAINTENANCE_STATUS" => json!({ "status": self.maintenance_status() }).into(),
            _ => return None,
        };
        Some(Json::from(json!({ "type": kind })).with(kind.to_lowercase(), answer))
    }

    fn role_messages(&self) -> impl Iterator<Item = Value> {
        self.roles().map(|role| {
            let frameworks = role["frameworks"].as_array().into_iter().flatten();
            let ids = frameworks.map(|id| json!({ "value": id })).collect::<Vec<Value>>();
            json!({ "name": role["name"], "weight": role["weight"], "frameworks": ids })
        })
    }

    fn agent_messages(&self) -> Json<'_> {
        let agents = || self.agents().iter().map(|agent| self.agent_message(agent));
        Json::from(json!({ "recovered_agents": [] })).with("agents", Json::list(agents))
    }

    pub(super) fn agent_message(&self, agent: &Agent) -> Value {
        let node = self.node(&agent.node.name);
        let (used, used_ports) = node.map(|node| self.used(node)).unwrap_or_default();
        let offered_ports = node.map(|node| self.offered_ports(&node.name)).unwrap_or_default();
        let list = |amounts: Option<&Vec<(Box<str>, i64)>>, ports: &Ranges| {
            let amounts = amounts.cloned().unwrap_or_default();
            let resources = amounts::resources(&amounts, ports);
            resources.iter().map(value).collect::<Vec<Value>>()
        };
        let total = list(node.map(|node| &node.usable), &agent.node.ports);
        let slave = self.slave(agent);
        let attributes: Vec<Value> = agent.attributes().iter().map(value).collect();
        let mut message = json!({
            "agent_info": {
                "id": { "value": &*agent.id },
                "hostname": agent.hostname,
                "port": self.settings().agents_address.port(),
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
    }

    /// The executors that frameworks have of their own. Those that are built in are not told of.
    fn executor_messages(&self) -> Json<'_> {
        let executors = || {
            self.frameworks().flat_map(|framework| framework.executors.values()).map(|executor| {
                json!({
                    "executor_info": value(&executor.info),
                    "agent_id": { "value": &*executor.agent },
                })
            })
        };
        Json::from(json!({ "orphan_executors": [] })).with("executors", Json::list(executors))
    }

    fn framework_messages(&self) -> Json<'_> {
        let known = || self.frameworks().map(|framework| self.framework_message(framework));
        let gone = || self.gone().map(|framework| self.framework_message(framework));
        Json::from(json!({ "recovered_frameworks": [] }))
            .with("frameworks", Json::list(known))
            .with("completed_frameworks", Json::list(gone))
    }

    fn framework_message(&self, framework: &Framework) -> Value {
        let offers = framework.offers.values();
        let offers =
            offers.filter_map(|offer| framework.offer(offer, self.settings(), self.agents()));
        let time = |at: Time| json!({ "nanoseconds": nanoseconds(at) });
        let held = framework.tasks.values().filter(|record| record.holds);
        let of_tasks = held.flat_map(|record| &record.info.resources);
        let executors = framework.executors.values().filter(|executor| executor.holds());
        let of_executors = executors.flat_map(|executor| &executor.info.resources);
        let offered = framework.offers.values();
        let offered =
            offered.filter_map(|offer| framework.offer(offer, self.settings(), self.agents()));
        let offered = offered.flat_map(|offer| offer.resources);
        let mut message = json!({
            "framework_info": value(&*framework.info),
            "active": framework.connection.is_some(),
            "connected": framework.connection.is_some(),
            "recovered": false,
            "registered_time": time(framework.registered_at),
            "offers": offers.map(|offer| value(&offer)).collect::<Vec<Value>>(),
            "inverse_offers": framework.inverse.values().map(value).collect::<Vec<Value>>(),
            "allocated_resources":
                of_tasks.chain(of_executors).map(value).collect::<Vec<Value>>(),
            "offered_resources": offered.map(|one| value(&one)).collect::<Vec<Value>>(),
        });
        if let Some(at) = framework.unregistered_at {
            message["unregistered_time"] = time(at);
        }
        message
    }

    fn task_messages(&self) -> Json<'_> {
        let running = || {
            let tasks = self.frameworks().flat_map(|framework| framework.tasks.values());
            tasks.map(|record| value(&record.to_task()))
        };
        let gone = || {
            let frameworks = self.frameworks().chain(self.gone());
            frameworks.flat_map(|known| &known.completed_tasks).map(|task| value(&**task))
        };
        let none = json!({ "pending_tasks": [], "unreachable_tasks": [], "orphan_tasks": [] });
        Json::from(none)
            .with("tasks", Json::list(running))
            .with("completed_tasks", Json::list(gone))
    }

    /// The weights of pools that have another one than most.
    pub(super) fn weights(&self) -> Value {
        let others = self.pools().values().filter(|pool| pool.weight != 1000);
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
        let with = self.pools().values().filter(|p| !p.limit.is_empty() || !p.guarantee.is_empty());
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
}
