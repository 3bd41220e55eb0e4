//! What can be asked without being a framework: the endpoints of Mesos's web interface and of tools.

mod agents;
mod executors;
mod metrics;
mod objects;

pub(super) use metrics::ends;
pub(super) use objects::{offered_ports, scalars, used, value};

use std::collections::BTreeMap;

use proffer_core::view::View;
use proffer_mesos::types::{Task, TaskState};
use serde_json::{Value, json};

use super::frameworks::Framework;
use super::{MESOS_VERSION, Master, seconds};

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

impl Master {
    /// The answer to a question; nothing if there is no such endpoint.
    pub(crate) fn read(&self, question: &Question, view: &View) -> Option<Value> {
        if let Some(number) = question.agent {
            let agent = self.agents.iter().find(|agent| agent.number == number)?;
            return self.read_agent(agent, &question.endpoint, view);
        }
        Some(match question.endpoint.as_str() {
            "version" => version(),
            "health" => json!({}),
            "flags" => json!({ "flags": self.flags() }),
            "state" => self.state(view),
            "state-summary" => self.state_summary(view),
            "frameworks" => self.frameworks_value(view, question.value("framework_id")),
            "slaves" => self.slaves(view, question.value("slave_id")),
            other if let Some(id) = other.strip_prefix("slaves/") => self.slaves(view, Some(id)),
            "roles" => json!({ "roles": self.roles(view) }),
            "tasks" => self.tasks(question),
            "metrics/snapshot" => self.metrics(view),
            "maintenance/schedule" => self.maintenance_schedule(),
            "maintenance/status" => self.maintenance_status(view),
            "weights" => self.weights(),
            "quota" => self.quota(),
            _ => return None,
        })
    }

    pub(super) fn flags(&self) -> Value {
        let address = self.settings.address;
        json!({
            "ip": address.ip().to_string(),
            "port": address.port().to_string(),
            "hostname": self.settings.hostname,
            "allocator": "HierarchicalDRF",
            "authenticate_frameworks": "false",
            "authenticate_http_frameworks": "false",
            "quiet": "false",
        })
    }

    fn state(&self, view: &View) -> Value {
        let info = self.info();
        let mut state = self.frameworks_value(view, None);
        let more = json!({
            "version": MESOS_VERSION,
            "build_user": "proffer",
            "start_time": seconds(self.started_at),
            "elected_time": seconds(self.started_at),
            "id": self.settings.id,
            "pid": info.pid,
            "hostname": self.settings.hostname,
            "capabilities": ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"],
            "activated_slaves": self.agents.iter().filter(|agent| agent.is_active()).count(),
            "deactivated_slaves": self.agents.iter().filter(|agent| !agent.is_active()).count(),
            "unreachable_slaves": 0,
            "leader": info.pid,
            "leader_info": {
                "id": info.id,
                "pid": info.pid,
                "port": info.port,
                "hostname": info.hostname,
            },
            "flags": self.flags(),
            "slaves": self.slaves(view, None)["slaves"],
            "recovered_slaves": [],
            "orphan_tasks": [],
        });
        if let (Value::Object(state), Value::Object(more)) = (&mut state, more) {
            state.extend(more);
        }
        state
    }

    fn state_summary(&self, view: &View) -> Value {
        let with_counts = |mut value: Value, tasks: Vec<&Task>| {
            let count = |state: TaskState| {
                tasks.iter().filter(|task| task.state == i32::from(state)).count()
            };
            for state in metrics::STATES {
                value[state.text()] = json!(count(state));
            }
            value
        };
        let all: Vec<Task> = self.all_tasks().into_iter().map(|(task, _)| task).collect();
        let slaves = self.agents.iter().map(|agent| {
            let on = all.iter().filter(|task| *task.agent_id.value == *agent.id).collect();
            with_counts(self.slave(agent, view), on)
        });
        let frameworks = self.frameworks.values().map(|framework| {
            let of = |task: &&Task| *task.framework_id.value == *framework.id;
            let own: Vec<&Task> = all.iter().filter(of).collect();
            let mut agents: Vec<&str> = own.iter().map(|t| t.agent_id.value.as_str()).collect();
            agents.sort_unstable();
            agents.dedup();
            let mut value = self.framework(framework, view, false);
            value["slave_ids"] = json!(agents);
            with_counts(value, own)
        });
        json!({
            "hostname": self.settings.hostname,
            "slaves": slaves.collect::<Vec<Value>>(),
            "frameworks": frameworks.collect::<Vec<Value>>(),
        })
    }

    fn frameworks_value(&self, view: &View, id: Option<&str>) -> Value {
        let asked = |framework: &&Framework| id.is_none_or(|id| *framework.id == *id);
        let known = self.frameworks.values().filter(asked);
        let gone = self.completed.iter().filter(asked);
        json!({
            "frameworks": known.map(|f| self.framework(f, view, true)).collect::<Vec<Value>>(),
            "completed_frameworks":
                gone.map(|f| self.framework(f, view, true)).collect::<Vec<Value>>(),
            "unregistered_frameworks": [],
        })
    }

    fn slaves(&self, view: &View, id: Option<&str>) -> Value {
        let asked = self.agents.iter().filter(|agent| id.is_none_or(|id| *agent.id == *id));
        json!({
            "slaves": asked.map(|agent| self.slave(agent, view)).collect::<Vec<Value>>(),
            "recovered_slaves": [],
        })
    }

    /// All tasks that are remembered, with their roles.
    pub(super) fn all_tasks(&self) -> Vec<(Task, String)> {
        let mut all = Vec::new();
        for framework in self.frameworks.values().chain(&self.completed) {
            let known = framework.tasks.values();
            all.extend(known.map(|record| (record.to_task(), record.role.clone())));
            let gone = framework.completed_tasks.iter();
            all.extend(gone.map(|task| (task.clone(), None)));
        }
        let role = |role: Option<String>| role.unwrap_or_else(|| "*".to_owned());
        all.into_iter().map(|(task, of)| (task, role(of))).collect()
    }

    fn tasks(&self, question: &Question) -> Value {
        let (task, framework) = (question.value("task_id"), question.value("framework_id"));
        let is = |wanted: Option<&str>, value: &str| wanted.is_none_or(|wanted| wanted == value);
        let mut all: Vec<(Task, String)> = self
            .all_tasks()
            .into_iter()
            .filter(|(t, _)| is(task, &t.task_id.value) && is(framework, &t.framework_id.value))
            .collect();
        let first = |task: &Task| task.statuses.first().and_then(|status| status.timestamp);
        all.sort_by(|(a, _), (b, _)| {
            first(a).partial_cmp(&first(b)).unwrap_or(std::cmp::Ordering::Equal)
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
        let listed = all.iter().skip(offset.unwrap_or(0)).take(limit);
        let listed: Vec<Value> = listed.map(|(task, role)| objects::task(task, role)).collect();
        json!({ "tasks": listed })
    }
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
