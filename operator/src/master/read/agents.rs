//! What is asked of an agent, at the master's own address.

use proffer_mesos::resources::{Quantities, scalar};
use serde_json::{Map, Value, json};

use super::executors::Running;
use super::{Json, Reading, Seen, metrics, objects, seen, version};
use crate::master::agents::Agent;
use crate::master::frameworks::Framework;
use crate::master::processes::Usage;
use crate::master::{seconds, span_seconds};

impl Reading {
    /// The answer of an agent; nothing if it has no such endpoint.
    pub(super) fn read_agent<'a>(&'a self, agent: &'a Agent, endpoint: &str) -> Option<Json<'a>> {
        Some(match endpoint {
            "version" => version().into(),
            "health" => json!({}).into(),
            "flags" => json!({ "flags": self.flags() }).into(),
            "state" => self.agent_state(agent),
            "containers" | "monitor/statistics" => Json::list(move || self.containers(agent)),
            "metrics/snapshot" => self.of_everybody().agent_metrics(agent).into(),
            _ => return None,
        })
    }

    /// The containers on an agent, with what they use and may use.
    pub(super) fn containers<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = Value> {
        let used = self.settings().meter.measure();
        let on = self.running_on(agent);
        on.map(move |(framework, one)| {
            self.container(framework, &one, used.get(&one.key(framework)))
        })
    }

    pub(super) fn running_on<'a>(
        &'a self,
        agent: &'a Agent,
    ) -> impl Iterator<Item = (&'a Framework, Running<'a>)> {
        let of = |framework: &'a Framework| {
            framework.running().into_iter().map(move |running| (framework, running))
        };
        self.frameworks().flat_map(of).filter(|(_, running)| *running.agent == *agent.id)
    }

    fn agent_state<'a>(&'a self, agent: &'a Agent) -> Json<'a> {
        let mut state = self.slave(agent);
        let more = json!({
            "build_user": "proffer",
            "start_time": seconds(agent.registered_at),
            "master_hostname": self.settings().hostname,
            "master_pid": self.settings().info().pid,
            "flags": self.flags(),
            "reserved_resources_allocated": {},
            "unreserved_resources_allocated": state["used_resources"],
        });
        if let (Value::Object(state), Value::Object(more)) = (&mut state, more) {
            state.extend(more);
        }
        let known = move || self.frameworks().filter_map(|one| self.framework_on(agent, one));
        let gone = move || self.gone().filter_map(|one| self.framework_on(agent, one));
        Json::from(state)
            .with("frameworks", Json::list(known))
            .with("completed_frameworks", Json::list(gone))
    }

    /// What of a framework is on an agent, if anything is or was.
    fn framework_on(&self, agent: &Agent, framework: &Framework) -> Option<Value> {
        let running = framework.running().into_iter().filter(|one| *one.agent == *agent.id);
        let executors: Vec<Value> = running
            .map(|one| {
                let task = |record: &&crate::master::tasks::TaskRecord| {
                    let role = record.role.as_deref().unwrap_or("*");
                    objects::task(&record.to_task(), role)
                };
                let mut executor = self.executor(framework, &one);
                executor["tasks"] = one.tasks.iter().map(task).collect();
                executor["queued_tasks"] = json!([]);
                executor["completed_tasks"] = json!([]);
                executor
            })
            .collect();
        let completed = self.completed_executors(framework, &agent.id);
        if executors.is_empty() && completed.is_empty() {
            return None;
        }
        let info = &framework.info;
        let roles: Vec<&String> = framework.settings.roles.values().collect();
        let mut object = json!({
            "id": &*framework.id,
            "name": info.name,
            "user": info.user,
            "hostname": info.hostname.clone().unwrap_or_default(),
            "failover_timeout": info.failover_timeout.unwrap_or(0.0),
            "checkpoint": info.checkpoint.unwrap_or(false),
            "executors": executors,
            "completed_executors": completed,
        });
        if framework.is_multi_role() {
            object["roles"] = json!(roles);
        } else {
            object["role"] = json!(roles.first().map_or("*", |role| role.as_str()));
        }
        Some(object)
    }

    /// A container, with what it uses, if that is known, and may use.
    fn container(
        &self,
        framework: &Framework,
        running: &Running<'_>,
        usage: Option<&Usage>,
    ) -> Value {
        let resources = Quantities::of(&running.resources());
        let amount = |name: &str| resources.scalars.get(name).map_or(0.0, |it| scalar(*it));
        let mebibyte = f64::from(1 << 20);
        let mut container = json!({
            "container_id": running.container,
            "executor_id": running.id,
            "executor_name": running.name(),
            "framework_id": &*framework.id,
            "source": running.source(),
            "statistics": {
                "cpus_limit": amount("cpus"),
                "mem_limit_bytes": amount("mem") * mebibyte,
                "disk_limit_bytes": amount("disk") * mebibyte,
                "timestamp": seconds(self.now()),
            },
            "status": { "container_id": { "value": running.container } },
        });
        if let Some(usage) = usage {
            let statistics = &mut container["statistics"];
            statistics["cpus_user_time_secs"] = json!(usage.user_seconds);
            statistics["cpus_system_time_secs"] = json!(usage.system_seconds);
            statistics["mem_rss_bytes"] = json!(usage.resident_bytes);
            statistics["mem_total_bytes"] = json!(usage.resident_bytes);
            statistics["processes"] = json!(usage.processes);
            statistics["threads"] = json!(usage.threads);
        }
        container
    }

    pub(super) fn agent_metrics(&self, agent: &Agent) -> Value {
        let mut all = Map::new();
        let mut set = |name: &str, value: f64| {
            all.insert(format!("slave/{name}"), json!(value));
        };
        set("registered", 1.0);
        set("uptime_secs", span_seconds(self.now().since(agent.registered_at)));
        let slave = self.slave(agent);
        for name in ["cpus", "mem", "disk", "gpus"] {
            let of = |list: &str| slave[list][name].as_f64().unwrap_or(0.0);
            let (total, used) = (of("resources"), of("used_resources"));
            set(&format!("{name}_total"), total);
            set(&format!("{name}_used"), used);
            set(&format!("{name}_percent"), if total > 0.0 { used / total } else { 0.0 });
        }
        let count = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
        let active = self.frameworks().filter(|one| self.framework_on(agent, one).is_some());
        set("frameworks_active", count(active.count()));
        set("executors_running", count(self.running_on(agent).count()));
        let tasks: Vec<i32> = self
            .frameworks()
            .chain(self.gone())
            .flat_map(seen)
            .filter(|task| task.agent() == &*agent.id)
            .map(Seen::state)
            .collect();
        for state in metrics::STATES {
            let number = tasks.iter().filter(|other| **other == i32::from(state)).count();
            set(&metrics::task_metric(state), count(number));
        }
        Value::Object(all)
    }
}
