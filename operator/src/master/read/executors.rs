//! Executors that run, and those that ran: where the sandboxes of their tasks are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proffer_core::frameworks::TaskId;
use proffer_mesos::types::{ContainerStatus, ExecutorInfo, Resource, Task};
use serde_json::{Value, json};

use super::Reading;
use super::objects::flat;
use crate::master::executors::executor_name;
use crate::master::files::sandbox;
use crate::master::frameworks::Framework;
use crate::master::tasks::{TaskKey, TaskRecord};

/// An executor that runs. Each task that names none has one of its own, which is built in.
pub(super) struct Running<'a> {
    pub(super) id: &'a str,
    pub(super) agent: &'a str,
    pub(super) container: String,
    pub(super) tasks: Vec<&'a TaskRecord>,
    /// What it is, if the framework has said so.
    pub(super) info: Option<&'a ExecutorInfo>,
}

impl Running<'_> {
    /// What it is among the tasks that are measured.
    pub(super) fn key(&self, framework: &Framework) -> TaskKey {
        let task = match self.info {
            Some(_) => executor_name(self.agent, self.id),
            None => self.id.into(),
        };
        TaskKey { framework: framework.id.clone(), task }
    }

    pub(super) fn name(&self) -> String {
        let named = self.info.and_then(|info| info.name.clone());
        named.unwrap_or_else(|| match self.info {
            Some(_) => String::new(),
            None => format!("Command Executor (Task: {})", self.id),
        })
    }

    pub(super) fn source(&self) -> String {
        self.info.map_or_else(|| self.id.to_owned(), |_| String::new())
    }

    /// What it holds with its tasks.
    pub(super) fn resources(&self) -> Vec<Resource> {
        let own = self.info.into_iter().flat_map(|info| &info.resources);
        let of_tasks = self.tasks.iter().filter(|task| task.holds);
        own.chain(of_tasks.flat_map(|task| &task.info.resources)).cloned().collect()
    }
}

fn container_of(status: Option<&ContainerStatus>) -> Option<String> {
    Some(status?.container_id.as_ref()?.value.clone())
}

/// The container that a task ran in, if that was told.
fn last_container(task: &Task) -> Option<String> {
    task.statuses.iter().rev().find_map(|status| container_of(status.container_status.as_ref()))
}

impl Framework {
    /// Its executors that run.
    pub(super) fn running(&self) -> Vec<Running<'_>> {
        if self.hides_executors {
            return Vec::new();
        }
        let mut of_own: BTreeMap<TaskId, Vec<&TaskRecord>> = BTreeMap::new();
        let mut running = Vec::new();
        for task in self.tasks.values() {
            let agent = task.info.agent_id.value.as_str();
            if let Some(executor) = &task.info.executor {
                let name = executor_name(agent, &executor.executor_id.value);
                of_own.entry(name).or_default().push(task);
                continue;
            }
            let last = task.statuses.last().and_then(|status| status.container_status.as_ref());
            let Some(container) = container_of(last) else { continue };
            let (id, tasks) = (task.executor_id(), vec![task]);
            running.push(Running { id, agent, container, tasks, info: None });
        }
        for (name, record) in self.executors.iter() {
            let Some(container) = container_of(record.container.as_ref()) else { continue };
            running.push(Running {
                id: &record.info.executor_id.value,
                agent: &record.agent,
                container,
                tasks: of_own.remove(name).unwrap_or_default(),
                info: Some(&record.info),
            });
        }
        running
    }
}

impl Reading {
    fn directory(&self, agent: &str, framework: &Framework, executor: &str, run: &str) -> String {
        let folder = self.settings().sandboxes.as_deref().unwrap_or(Path::new("/"));
        sandbox(folder, agent, &framework.id, executor, run).display().to_string()
    }

    /// An executor that runs.
    pub(super) fn executor(&self, framework: &Framework, running: &Running<'_>) -> Value {
        let Running { id, agent, container, .. } = running;
        json!({
            "id": id,
            "executor_id": id,
            "name": running.name(),
            "source": running.source(),
            "framework_id": &*framework.id,
            "slave_id": agent,
            "container": container,
            "directory": self.directory(agent, framework, id, container),
            "resources": flat(&running.resources()),
        })
    }

    /// The executors that ran on an agent and whose tasks are remembered.
    pub(super) fn completed_executors(&self, framework: &Framework, agent: &str) -> Vec<Value> {
        if framework.hides_executors {
            return Vec::new();
        }
        let running: BTreeSet<String> =
            framework.running().into_iter().map(|one| one.container).collect();
        let mut gone: BTreeMap<String, Vec<&Task>> = BTreeMap::new();
        for task in framework.completed_tasks.iter().filter(|it| it.agent_id.value == agent) {
            if let Some(container) = last_container(task).filter(|one| !running.contains(one)) {
                gone.entry(container).or_default().push(task);
            }
        }
        let executor = |(container, tasks): (String, Vec<&Task>)| {
            let id = tasks.first()?.executor_id.as_ref()?.value.clone();
            let completed = tasks.iter().map(|task| super::objects::task(task, "*"));
            Some(json!({
                "id": id,
                "name": "",
                "source": id,
                "container": container,
                "directory": self.directory(agent, framework, &id, &container),
                "resources": flat([]),
                "tasks": [],
                "queued_tasks": [],
                "completed_tasks": completed.collect::<Vec<Value>>(),
            }))
        };
        gone.into_iter().filter_map(executor).collect()
    }
}
