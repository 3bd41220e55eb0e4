//! Agents, frameworks, tasks and roles as JSON in the words of Mesos's first API.

use proffer_core::event::PoolObservation;
use proffer_core::frameworks::NamedAmounts;
use proffer_core::ranges::Ranges;
use proffer_core::view::NodeStatus;
use proffer_mesos::resources::{Quantities, brackets, scalar};
use proffer_mesos::to_json;
use proffer_mesos::types::{Labels, Resource, Task, TaskState, TaskStatus, ValueType};
use serde_json::{Map, Value, json};

use super::{Json, Reading};
use crate::master::agents::Agent;
use crate::master::frameworks::{Framework, role_of};
use crate::master::{MESOS_VERSION, amounts, seconds};

/// What an agent of this version can do.
const CAPABILITIES: [&str; 5] = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS",
];

/// Resources as one flat object.
pub(super) fn flat<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Value {
    let quantities = Quantities::of(resources);
    let mut object = Map::new();
    for name in ["cpus", "mem", "disk", "gpus"] {
        object.insert(name.to_owned(), json!(0.0));
    }
    for (name, amount) in &quantities.scalars {
        object.insert(name.clone(), json!(scalar(*amount)));
    }
    for (name, ranges) in &quantities.ranges {
        object.insert(name.clone(), json!(brackets(ranges)));
    }
    Value::Object(object)
}

/// Named amounts as one flat object.
pub(super) fn flat_amounts(amounts: &[(Box<str>, i64)], ports: &Ranges) -> Value {
    flat(&amounts::resources(&amounts.to_vec(), ports))
}

/// A message as a value.
pub(in crate::master) fn value<M: proffer_mesos::Message>(message: &M) -> Value {
    // What is written here can be read again.
    serde_json::from_str(&to_json(message)).unwrap_or_default()
}

/// Labels as a list, which may be empty.
pub(super) fn labels(labels: &Labels) -> Value {
    labels.labels.iter().map(value).collect()
}

fn state_name(state: i32) -> &'static str {
    TaskState::try_from(state).unwrap_or(TaskState::Unknown).text()
}

fn status(status: &TaskStatus) -> Value {
    let timestamp = status.timestamp.unwrap_or_default();
    let mut object = json!({ "state": state_name(status.state), "timestamp": timestamp });
    if let Some(container) = &status.container_status {
        object["container_status"] = value(container);
    }
    if let Some(known) = &status.labels {
        object["labels"] = labels(known);
    }
    if let Some(healthy) = status.healthy {
        object["healthy"] = json!(healthy);
    }
    object
}

/// A task.
pub(super) fn task(task: &Task, role: &str) -> Value {
    // The executor that is built in is not named.
    let executor = task.executor_id.as_ref().map(|id| id.value.as_str());
    let executor = executor.filter(|id| *id != task.task_id.value).unwrap_or_default();
    let mut object = json!({
        "id": task.task_id.value,
        "name": task.name,
        "framework_id": task.framework_id.value,
        "executor_id": executor,
        "slave_id": task.agent_id.value,
        "state": state_name(task.state),
        "resources": flat(&task.resources),
        "role": role,
        "statuses": task.statuses.iter().map(status).collect::<Vec<Value>>(),
    });
    if let Some(user) = &task.user {
        object["user"] = json!(user);
    }
    if let Some(known) = &task.labels {
        object["labels"] = labels(known);
    }
    if let Some(discovery) = &task.discovery {
        object["discovery"] = value(discovery);
    }
    if let Some(container) = &task.container {
        object["container"] = value(container);
    }
    object
}

impl Agent {
    /// Whether something new may come.
    pub(in crate::master) fn is_active(&self) -> bool {
        self.node.offered && !self.node.draining
    }
}

impl Reading {
    /// An agent.
    pub(in crate::master) fn slave(&self, agent: &Agent) -> Value {
        let node = self.node(&agent.node.name);
        let no_ports = Ranges::new();
        let of = |get: fn(&NodeStatus) -> &NamedAmounts, ports: &Ranges| {
            node.map_or_else(|| flat_amounts(&[], &no_ports), |node| flat_amounts(get(node), ports))
        };
        let total = of(|node| &node.usable, &agent.node.ports);
        let mut attributes = Map::new();
        for attribute in agent.attributes() {
            if attribute.r#type == i32::from(ValueType::Text) {
                let text = attribute.text.unwrap_or_default().value;
                attributes.insert(attribute.name, json!(text));
            }
        }
        let (used, used_ports) = node.map(|node| self.used(node)).unwrap_or_default();
        let outstanding = node.map(|node| (&node.outstanding, self.offered_ports(&node.name)));
        let (offered, ports) = outstanding.map(|(a, ports)| (a.clone(), ports)).unwrap_or_default();
        let full = |amounts: &NamedAmounts, ports: &Ranges| {
            amounts::resources(amounts, ports).iter().map(value).collect::<Vec<Value>>()
        };
        let usable = node.map(|node| node.usable.clone()).unwrap_or_default();
        let address = self.settings().agents_address;
        let mut object = json!({
            "id": &*agent.id,
            "hostname": agent.hostname,
            "port": address.port(),
            "pid": format!("slave({})@{address}", agent.number),
            "attributes": attributes,
            "registered_time": seconds(agent.registered_at),
            "resources": total,
            "used_resources": flat_amounts(&used, &used_ports),
            "offered_resources": flat_amounts(&offered, &ports),
            "reserved_resources": {},
            "unreserved_resources": total,
            "used_resources_full": full(&used, &used_ports),
            "offered_resources_full": full(&offered, &ports),
            "reserved_resources_full": {},
            "unreserved_resources_full": full(&usable, &agent.node.ports),
            "active": agent.is_active(),
            "deactivated": !agent.is_active(),
            "version": MESOS_VERSION,
            "capabilities": CAPABILITIES,
        });
        if agent.node.draining {
            let is_empty = used_nothing(&object["used_resources"]);
            let state = if is_empty { "DRAINED" } else { "DRAINING" };
            object["drain_info"] = json!({ "state": state, "config": {} });
        }
        object
    }

    /// A framework, without its tasks and offers.
    pub(super) fn described(&self, framework: &Framework) -> Value {
        let status = self.status(framework);
        let sum = |get: fn(&proffer_core::view::FrameworkPoolStatus) -> &NamedAmounts| {
            let pools = status.into_iter().flat_map(|status| &status.pools);
            let mut resources = Vec::new();
            for pool in pools {
                resources.extend(amounts::resources(get(pool), &Ranges::new()));
            }
            flat(&resources)
        };
        let info = &framework.info;
        let roles: Vec<&String> = framework.settings.roles.values().collect();
        let known = framework.tasks.values();
        let mut used: Vec<Resource> =
            known.filter(|record| record.holds).flat_map(|r| r.info.resources.clone()).collect();
        let executors = framework.executors.values().filter(|executor| executor.holds());
        used.extend(executors.flat_map(|executor| executor.info.resources.clone()));
        let mut object = json!({
            "id": &*framework.id,
            "name": info.name,
            "user": info.user,
            "hostname": info.hostname.clone().unwrap_or_default(),
            "webui_url": info.webui_url.clone().unwrap_or_default(),
            "active": framework.connection.is_some(),
            "connected": framework.connection.is_some(),
            "recovered": false,
            "failover_timeout": info.failover_timeout.unwrap_or(0.0),
            "checkpoint": info.checkpoint.unwrap_or(false),
            "registered_time": seconds(framework.registered_at),
            "unregistered_time": framework.unregistered_at.map_or(0.0, seconds),
            "capabilities": capabilities(framework),
            "resources": sum(|pool| &pool.allocated),
            "used_resources": flat(&used),
            "offered_resources": sum(|pool| &pool.offered),
        });
        // Not one of Mesos's fields, which have no place for it.
        let message = status.and_then(|it| it.pools.iter().find_map(|pool| pool.message.as_ref()));
        if let Some(message) = message {
            object["waits_for"] = json!(message);
        }
        if let Some(at) = framework.reregistered_at {
            object["reregistered_time"] = json!(seconds(at));
        }
        if let Some(principal) = &framework.principal {
            object["principal"] = json!(principal);
        }
        if framework.is_multi_role() {
            object["roles"] = json!(roles);
        } else {
            object["role"] = json!(roles.first().map_or("*", |role| role.as_str()));
        }
        if let Some(known) = &info.labels {
            object["labels"] = labels(known);
        }
        if let Some(constraints) = &framework.settings.offer_constraints {
            object["offer_constraints"] = value(constraints);
        }
        object
    }

    /// A framework with its tasks, offers and executors.
    pub(super) fn framework<'a>(&'a self, framework: &'a Framework) -> Json<'a> {
        let role = framework.settings.roles.values().next().map_or("*", String::as_str);
        let tasks = || {
            let tasks = framework.tasks.values();
            tasks.map(|record| task(&record.to_task(), record.role.as_deref().unwrap_or("*")))
        };
        let gone = move || framework.completed_tasks.iter().map(move |gone| task(gone, role));
        let offers = || {
            let offers = framework.offers.values();
            let offers =
                offers.filter_map(|it| framework.offer(it, self.settings(), self.agents()));
            offers.map(|offer| {
                json!({
                    "id": offer.id.value,
                    "framework_id": offer.framework_id.value,
                    "slave_id": offer.agent_id.value,
                    "resources": flat(&offer.resources),
                })
            })
        };
        let executors =
            || framework.running().into_iter().map(|one| self.executor(framework, &one));
        Json::from(self.described(framework))
            .with("tasks", Json::list(tasks))
            .with("unreachable_tasks", json!([]))
            .with("completed_tasks", Json::list(gone))
            .with("offers", Json::list(offers))
            .with("executors", Json::list(executors))
    }

    /// The roles: one for each pool.
    pub(super) fn roles(&self) -> impl Iterator<Item = Value> {
        let role = |pool: &PoolObservation| {
            let no_ports = Ranges::new();
            let status = self.holdings(&pool.name);
            let amounts = |amounts: Option<&Vec<(Box<str>, i64)>>| {
                flat_amounts(amounts.map_or(&[][..], Vec::as_slice), &no_ports)
            };
            let allocated = amounts(status.map(|status| &status.allocated));
            let own = self
                .frameworks()
                .filter(|framework| framework.settings.roles.contains_key(&pool.name));
            let limit = amounts::resources(&pool.limit, &no_ports);
            let guarantee = amounts::resources(&pool.guarantee, &no_ports);
            json!({
                "name": role_of(&pool.name),
                "weight": f64::from(pool.weight) / 1000.0,
                "quota": {
                    "role": role_of(&pool.name),
                    "limit": scalars(&limit),
                    "guarantee": scalars(&guarantee),
                    "consumed": allocated,
                },
                "resources": allocated,
                "allocated": allocated,
                "offered": amounts(status.map(|status| &status.offered)),
                "reserved": amounts(status.map(|status| &status.reserved)),
                "frameworks": own.map(|framework| &*framework.id).collect::<Vec<&str>>(),
            })
        };
        self.pools().values().map(role)
    }

    /// What tasks and executors hold of a node, without what is only offered.
    pub(super) fn used(&self, node: &NodeStatus) -> (NamedAmounts, Ranges) {
        let held = node.held.iter().map(|(name, amount)| {
            let outstanding = node.outstanding.iter().find(|(other, _)| other == name);
            (name.clone(), amount.saturating_sub(outstanding.map_or(0, |(_, amount)| *amount)))
        });
        let mut ports = node.ports_held.clone();
        ports.remove_all(&self.offered_ports(&node.name));
        (held.collect(), ports)
    }
}

/// The scalars that are there, and no others.
pub(in crate::master) fn scalars(resources: &[Resource]) -> Value {
    let named = Quantities::of(resources).scalars;
    named
        .into_iter()
        .map(|(name, amount)| (name, json!(scalar(amount))))
        .collect::<Map<_, _>>()
        .into()
}

fn used_nothing(flat: &Value) -> bool {
    flat.as_object().is_some_and(|object| object.values().all(|amount| *amount == json!(0.0)))
}

fn capabilities(framework: &Framework) -> Vec<&'static str> {
    let all = framework.capabilities.iter().copied();
    all.map(proffer_mesos::types::FrameworkInfoCapabilityType::text).collect()
}
