//! The calls of an agent's `/api/v1` that ask.

use proffer_mesos::types::TaskState;
use serde_json::{Value, json};

use super::{Json, Reading, calls, value, version};
use crate::master::agents::Agent;
use crate::master::frameworks::Framework;
use crate::master::tasks::TaskRecord;

impl Reading {
    /// The answer of the agent of this number to a call of this type; nothing if there is no such agent or
    /// call.
    pub(crate) fn agent_call(&self, number: usize, kind: &str) -> Option<Json<'_>> {
        let agent = self.agents().iter().find(|agent| agent.number == number)?;
        let answer = match kind {
            "GET_HEALTH" => json!({ "healthy": true }).into(),
            "GET_VERSION" => json!({ "version_info": version() }).into(),
            "GET_FLAGS" => json!({ "flags": calls::named(&self.flags()) }).into(),
            "GET_METRICS" => {
                let metrics = self.of_everybody().agent_metrics(agent);
                json!({ "metrics": calls::named(&metrics) }).into()
            }
            "GET_LOGGING_LEVEL" => json!({ "level": 0 }).into(),
            "GET_AGENT" => json!({ "agent_info": self.agent_message(agent)["agent_info"] }).into(),
            "GET_CONTAINERS" => calls::object()
                .with("containers", Json::list(move || self.container_messages(agent))),
            "GET_FRAMEWORKS" => self.frameworks_on(agent),
            "GET_EXECUTORS" => self.executors_on(agent),
            "GET_TASKS" => self.tasks_on(agent),
            "GET_OPERATIONS" => json!({ "operations": [] }).into(),
            "GET_RESOURCE_PROVIDERS" => json!({ "resource_providers": [] }).into(),
            "GET_STATE" => calls::object()
                .with("get_tasks", self.tasks_on(agent))
                .with("get_executors", self.executors_on(agent))
                .with("get_frameworks", self.frameworks_on(agent)),
            _ => return None,
        };
        Some(Json::from(json!({ "type": kind })).with(kind.to_lowercase(), answer))
    }

    fn container_messages<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = Value> {
        self.containers(agent).map(|container| {
            json!({
                "container_id": { "value": container["container_id"] },
                "executor_id": { "value": container["executor_id"] },
                "executor_name": container["executor_name"],
                "framework_id": { "value": container["framework_id"] },
                "container_status": container["status"],
                "resource_statistics": container["statistics"],
            })
        })
    }

    fn frameworks_on<'a>(&'a self, agent: &'a Agent) -> Json<'a> {
        let message = |one: &Framework| json!({ "framework_info": value(&*one.info) });
        let known = move || self.frameworks().filter(move |it| has_tasks(it, agent)).map(message);
        let gone = move || self.gone().filter(move |it| had_tasks(it, agent)).map(message);
        calls::object()
            .with("frameworks", Json::list(known))
            .with("completed_frameworks", Json::list(gone))
    }

    /// The executors that frameworks have of their own.
    fn executors_on<'a>(&'a self, agent: &'a Agent) -> Json<'a> {
        let executors = move || {
            let all = self.frameworks().flat_map(|framework| framework.executors.values());
            let on = all.filter(move |executor| *executor.agent == *agent.id);
            on.map(|executor| json!({ "executor_info": value(&executor.info) }))
        };
        calls::object()
            .with("executors", Json::list(executors))
            .with("completed_executors", json!([]))
    }

    fn tasks_on<'a>(&'a self, agent: &'a Agent) -> Json<'a> {
        let known = move |is_wanted: fn(&TaskRecord) -> bool| {
            let all = self.frameworks().flat_map(|framework| framework.tasks.values());
            let on = all.filter(move |task| is_on(task, agent) && is_wanted(task));
            on.map(|task| value(&task.to_task()))
        };
        let ended = |task: &TaskRecord| crate::master::tasks::is_terminal(task.state);
        let queued = |task: &TaskRecord| task.state == TaskState::Staging;
        let launched = |task: &TaskRecord| {
            task.state != TaskState::Staging && !crate::master::tasks::is_terminal(task.state)
        };
        let gone = move || {
            let frameworks = self.frameworks().chain(self.gone());
            let all = frameworks.flat_map(|framework| &framework.completed_tasks);
            let on = all.filter(|task| *task.agent_id.value == *agent.id);
            on.map(|task| value(&**task))
        };
        calls::object()
            .with("pending_tasks", json!([]))
            .with("queued_tasks", Json::list(move || known(queued)))
            .with("launched_tasks", Json::list(move || known(launched)))
            .with("terminated_tasks", Json::list(move || known(ended)))
            .with("completed_tasks", Json::list(gone))
    }
}

fn is_on(task: &TaskRecord, agent: &Agent) -> bool {
    *task.info.agent_id.value == *agent.id
}

fn has_tasks(framework: &Framework, agent: &Agent) -> bool {
    framework.tasks.values().any(|task| is_on(task, agent))
        || framework.executors.values().any(|executor| *executor.agent == *agent.id)
}

fn had_tasks(framework: &Framework, agent: &Agent) -> bool {
    framework.completed_tasks.iter().any(|task| *task.agent_id.value == *agent.id)
}
