//! What can be asked without being a framework: the endpoints of Mesos's web interface and of tools.

mod agent_calls;
mod agents;
mod calls;
mod executors;
mod json;
mod maintenance;
mod metrics;
mod objects;
mod sight;
mod snapshot;

pub(super) use json::Json;
pub(super) use metrics::ends;
pub(super) use objects::value;
pub(crate) use sight::Sight;
pub(crate) use snapshot::{Reading, Snapshot};

use std::collections::BTreeMap;

use proffer_mesos::types::Task;
use serde_json::{Value, json};

use super::frameworks::Framework;
use super::tasks::TaskRecord;
use super::{MESOS_VERSION, seconds};

/// The most tasks that are listed if nothing is said.
const LISTED_TASKS: usize = 100;

/// Something that is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    /// The number of the agent that is asked, if it is not the master.
    pub(crate) agent: Option<usize>,
    /// The endpoint, without what comes before it.
    pub(crate) endpoint: String,
    /// What is said in the query.
    pub(crate) query: BTreeMap<String, String>,
}

impl Question {
    fn value(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.value(name)?.parse().ok()
    }
}

/// A task that is known, or was.
#[derive(Clone, Copy)]
enum Seen<'a> {
    Known(&'a TaskRecord),
    Gone(&'a Task),
}

impl<'a> Seen<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Known(record) => &record.info.task_id.value,
            Self::Gone(task) => &task.task_id.value,
        }
    }

    fn agent(self) -> &'a str {
        match self {
            Self::Known(record) => &record.info.agent_id.value,
            Self::Gone(task) => &task.agent_id.value,
        }
    }

    fn state(self) -> i32 {
        match self {
            Self::Known(record) => record.state.into(),
            Self::Gone(task) => task.state,
        }
    }

    /// When something was first said of it, in seconds.
    fn began(self) -> Option<f64> {
        let statuses = match self {
            Self::Known(record) => &record.statuses,
            Self::Gone(task) => &task.statuses,
        };
        statuses.first().and_then(|status| status.timestamp)
    }

    fn to_value(self) -> Value {
        match self {
            Self::Known(record) => {
                objects::task(&record.to_task(), record.role.as_deref().unwrap_or("*"))
            }
            Self::Gone(task) => objects::task(task, "*"),
        }
    }
}

impl Reading {
    /// The answer to a question; nothing if there is no such endpoint.
    pub(crate) fn read<'a>(&'a self, question: &'a Question) -> Option<Json<'a>> {
        if let Some(number) = question.agent {
            let agent = self.agents().iter().find(|agent| agent.number == number)?;
            return self.read_agent(agent, &question.endpoint);
        }
        Some(match question.endpoint.as_str() {
            "version" => version().into(),
            "health" => json!({}).into(),
            "flags" => json!({ "flags": self.flags() }).into(),
            "state" => self.state(),
            "state-summary" => self.state_summary(),
            "frameworks" => self.framework_lists(question.value("framework_id")),
            "slaves" => self.slaves(question.value("slave_id")),
            other if let Some(id) = other.strip_prefix("slaves/") => self.slaves(Some(id)),
            "roles" => Json::from(json!({})).with("roles", Json::list(|| self.roles())),
            "tasks" => self.tasks(question),
            "metrics/snapshot" => self.metrics().into(),
            "maintenance/schedule" => self.maintenance_schedule().into(),
            "maintenance/status" => self.maintenance_status().into(),
            "weights" => self.weights().into(),
            "quota" => self.quota().into(),
            _ => return None,
        })
    }

    fn flags(&self) -> Value {
        let address = self.settings().address;
        let authenticate = self.settings().access.is_required().to_string();
        json!({
            "ip": address.ip().to_string(),
            "port": address.port().to_string(),
            "hostname": self.settings().hostname,
            "allocator": "HierarchicalDRF",
            "authenticate_agents": "false",
            "authenticate_frameworks": authenticate,
            "authenticate_http_frameworks": authenticate,
            "authenticate_http_readonly": authenticate,
            "authenticate_http_readwrite": authenticate,
            "quiet": "false",
        })
    }

    fn state(&self) -> Json<'_> {
        let info = self.settings().info();
        let active = self.agents().iter().filter(|agent| agent.is_active()).count();
        let state = json!({
            "version": MESOS_VERSION,
            "build_user": "proffer",
            "start_time": seconds(self.started_at()),
            "elected_time": seconds(self.started_at()),
            "id": self.settings().id,
            "pid": info.pid,
            "hostname": self.settings().hostname,
            "capabilities": ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"],
            "activated_slaves": active,
            "deactivated_slaves": self.agents().iter().count() - active,
            "unreachable_slaves": 0,
            "leader": info.pid,
            "leader_info": {
                "id": info.id,
                "pid": info.pid,
                "port": info.port,
                "hostname": info.hostname,
            },
            "flags": self.flags(),
            "recovered_slaves": [],
            "orphan_tasks": [],
            "unregistered_frameworks": [],
        });
        Json::from(state)
            .with("slaves", Json::list(|| self.agents().iter().map(|agent| self.slave(agent))))
            .with("frameworks", Json::list(|| self.frameworks().map(|it| self.framework(it))))
            .with("completed_frameworks", Json::list(|| self.gone().map(|it| self.framework(it))))
    }

    fn state_summary(&self) -> Json<'_> {
        let mut on: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for framework in self.frameworks().chain(self.gone()) {
            for task in seen(framework) {
                on.entry(task.agent()).or_default().push(task.state());
            }
        }
        let slaves = move || {
            let on = on.clone();
            self.agents().iter().map(move |agent| {
                let states = on.get(&*agent.id).map_or(&[][..], Vec::as_slice);
                with_counts(self.slave(agent), states)
            })
        };
        let summary = |framework| {
            let mut agents: Vec<&str> = seen(framework).map(Seen::agent).collect();
            let states: Vec<i32> = seen(framework).map(Seen::state).collect();
            agents.sort_unstable();
            agents.dedup();
            let mut value = self.described(framework);
            value["slave_ids"] = json!(agents);
            with_counts(value, &states)
        };
        let frameworks = move || self.frameworks().map(summary);
        Json::from(json!({ "hostname": self.settings().hostname }))
            .with("slaves", Json::list(slaves))
            .with("frameworks", Json::list(frameworks))
    }

    fn framework_lists<'a>(&'a self, id: Option<&'a str>) -> Json<'a> {
        let asked = move |framework: &&Framework| id.is_none_or(|id| *framework.id == *id);
        let known = move || self.frameworks().filter(asked).map(|it| self.framework(it));
        let gone = move || self.gone().filter(asked).map(|it| self.framework(it));
        Json::from(json!({ "unregistered_frameworks": [] }))
            .with("frameworks", Json::list(known))
            .with("completed_frameworks", Json::list(gone))
    }

    fn slaves<'a>(&'a self, id: Option<&'a str>) -> Json<'a> {
        let asked = move || {
            let agents =
                self.agents().iter().filter(move |agent| id.is_none_or(|id| *agent.id == *id));
            agents.map(|agent| self.slave(agent))
        };
        Json::from(json!({ "recovered_slaves": [] })).with("slaves", Json::list(asked))
    }

    fn tasks(&self, question: &Question) -> Json<'_> {
        let (task, framework) = (question.value("task_id"), question.value("framework_id"));
        let is = |wanted: Option<&str>, value: &str| wanted.is_none_or(|wanted| wanted == value);
        let frameworks = self.frameworks().chain(self.gone()).filter(|it| is(framework, &it.id));
        let mut all: Vec<Seen<'_>> =
            frameworks.flat_map(seen).filter(|seen| is(task, seen.name())).collect();
        all.sort_by(|one, other| {
            one.began().partial_cmp(&other.began()).unwrap_or(std::cmp::Ordering::Equal)
        });
        // The newest come first unless something else is said.
        if question.value("order") != Some("asc") {
            all.reverse();
        }
        let limit = match question.number("limit") {
            None => LISTED_TASKS,
            // As a negative number it is more than there can be.
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let offset = question.number("offset").and_then(|offset| usize::try_from(offset).ok());
        let listed: Vec<Seen<'_>> = all.into_iter().skip(offset.unwrap_or(0)).take(limit).collect();
        let values = move || listed.clone().into_iter().map(Seen::to_value);
        Json::from(json!({})).with("tasks", Json::list(values))
    }
}

/// The tasks of a framework, those that are gone last.
fn seen(framework: &Framework) -> impl Iterator<Item = Seen<'_>> {
    let known = framework.tasks.values().map(Seen::Known);
    known.chain(framework.completed_tasks.iter().map(|task| Seen::Gone(task)))
}

/// Adds how many tasks are in which state.
fn with_counts(mut value: Value, states: &[i32]) -> Value {
    for state in metrics::STATES {
        let count = states.iter().filter(|other| **other == i32::from(state)).count();
        value[state.text()] = json!(count);
    }
    value
}

/// The version, for tools that ask for it.
fn version() -> Value {
    json!({
        "version": MESOS_VERSION,
        "build_date": "2024-08-23 00:00:00",
        "build_time": 1_724_371_200.0,
        "build_user": "proffer",
    })
}

#[cfg(test)]
mod tests;
