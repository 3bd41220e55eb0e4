//! What is stored of frameworks and their tasks, and a master that goes on where another one stopped.
//!
//! A framework that was stored is known and not connected. It is not given up before this master has seen
//! it connected: how long it was waited for before, nobody knows.

use std::fmt::Write as _;
use std::sync::Arc;

use proffer_core::event::Event as EngineEvent;
use proffer_core::frameworks::{NamedAmounts, RunningTask, TaskId};
use proffer_core::jobs::JobKey;
use proffer_core::ranges::Ranges;
use proffer_core::time::Time;
use proffer_mesos::types::{
    AgentId, ContainerStatus, ExecutorInfo, FrameworkInfo, TaskId as WireTaskId, TaskInfo,
    TaskState, TaskStatus,
};
use proffer_mesos::{Message, from_json, to_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::Digest;
use super::executors::{ExecutorRecord, launch};
use super::frameworks::{Framework, Subscription, pool_of};
use super::read::value;
use super::tasks::{TaskRecord, is_terminal};
use super::{Effect, End, Master, TaskKey, Timer, amounts};

/// How much of a framework's name the name of its job has.
const NAME_LENGTH: usize = 24;

/// A framework as it is to be stored.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    /// The name of its job.
    pub(crate) key: &'a JobKey,
    /// What it said of itself.
    pub(crate) info: &'a FrameworkInfo,
    /// Who subscribed it.
    pub(crate) principal: Option<&'a str>,
    /// The pool of its first role.
    pub(crate) pool: Box<str>,
    /// Whether it is connected.
    pub(crate) connected: bool,
    /// How many of its tasks have not ended.
    pub(crate) tasks: usize,
    /// How and when it ended, if it did.
    pub(crate) end: Option<(&'a End, Time)>,
}

/// A framework as it was stored.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Its id.
    pub(crate) id: Arc<str>,
    /// The name of its job.
    pub(crate) key: JobKey,
    /// What it said of itself.
    pub(crate) info: FrameworkInfo,
    /// Who subscribed it.
    pub(crate) principal: Option<String>,
    /// When it subscribed first.
    pub(crate) registered_at: Time,
    /// Ends of tasks that it has not acknowledged.
    pub(crate) updates: Vec<TaskStatus>,
    /// When it ended, if it did.
    pub(crate) ended_at: Option<Time>,
}

/// The name of a framework's job: some of its own name, and a mark that other ids do not have.
pub(super) fn job_name(framework: &str, id: &str) -> String {
    let letters = framework.chars().map(|letter| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9') => letter,
        _ => '-',
    });
    let plain: String = letters.take(NAME_LENGTH).collect();
    let plain = plain.trim_matches('-');
    let plain = if plain.is_empty() { "framework" } else { plain };
    format!("{plain}-{}", mark(id))
}

/// Ten letters that differ from text to text.
pub(crate) fn mark(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(5).fold(String::new(), |mut mark, byte| {
        let _ = write!(mark, "{byte:02x}");
        mark
    })
}

impl Master {
    /// The job that a framework is.
    pub(crate) fn key_of(&self, id: &str) -> Option<&JobKey> {
        self.known(id).map(|framework| &framework.key)
    }

    /// Whether a framework is known, even if it has ended.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.known(id).is_some()
    }

    /// Whether a framework may have tasks.
    pub(crate) fn is_live(&self, id: &str) -> bool {
        self.frameworks.contains_key(id)
    }

    fn known(&self, id: &str) -> Option<&Framework> {
        let mut ended = self.completed.iter().rev();
        let known = self.frameworks.get(id);
        known.or_else(|| ended.find(|framework| *framework.id == *id).map(|found| &**found))
    }

    /// A framework as it is to be stored.
    pub(crate) fn stored(&self, id: &str) -> Option<Stored<'_>> {
        let framework = self.known(id)?;
        let role = proffer_mesos::validate::roles(&framework.info).into_iter().next();
        let live = framework.tasks.values().filter(|record| !is_terminal(record.state));
        Some(Stored {
            key: &framework.key,
            info: &framework.info,
            principal: framework.principal.as_deref(),
            pool: pool_of(role.unwrap_or("*")),
            connected: framework.connection.is_some(),
            tasks: live.count(),
            end: framework.end.as_ref().zip(framework.unregistered_at),
        })
    }

    /// The last update of each task of a framework that has ended, as far as it is not acknowledged.
    pub(crate) fn ends(&self, id: &str) -> impl Iterator<Item = (TaskKey, &TaskStatus)> {
        let tasks = self.frameworks.get(id).into_iter().flat_map(|known| known.tasks.iter());
        let ended = tasks.filter(|(_, record)| is_terminal(record.state));
        ended.filter_map(|(task, record)| {
            let key = TaskKey { framework: record.framework.clone(), task: task.clone() };
            Some((key, record.updates.back()?))
        })
    }

    /// Takes in a framework that subscribed at another master.
    pub(crate) fn restore_framework(&mut self, restored: Restored) {
        let Restored { id, key, mut info, principal, registered_at, updates, ended_at } = restored;
        info.id = Some(proffer_mesos::types::FrameworkId { value: id.to_string() });
        // Its pool may be gone; then it is told so when it subscribes.
        let settings = Subscription::of(&info, &[], None, &self.pools).unwrap_or_default();
        let mut framework =
            Framework::new(registered_at, id.clone(), key.clone(), info, principal, settings);
        if ended_at.is_some() {
            framework.unregistered_at = ended_at;
            self.keep_gone(framework);
            return;
        }
        for status in updates {
            let task = TaskInfo {
                name: status.task_id.value.clone(),
                task_id: WireTaskId { value: status.task_id.value.clone() },
                agent_id: status
                    .agent_id
                    .clone()
                    .unwrap_or_else(|| AgentId { value: String::new() }),
                ..TaskInfo::default()
            };
            let mut record = TaskRecord::new(id.clone(), task);
            record.state = status.state.try_into().unwrap_or(record.state);
            record.note_status(&status);
            framework.tasks.insert(status.task_id.value.as_str().into(), record);
            if let Some(record) = framework.tasks.get_mut(status.task_id.value.as_str()) {
                record.updates.push_back(status);
            }
        }
        self.by_key.insert(key, id.clone());
        self.frameworks.insert(id.clone(), framework);
        self.observe_framework(&id);
    }

    /// Takes in what is known of the container of a task.
    pub(crate) fn set_container(&mut self, key: &TaskKey, container: ContainerStatus) {
        let framework = self.frameworks.get_mut(&key.framework);
        if let Some(record) = framework.and_then(|framework| framework.tasks.get_mut(&key.task)) {
            record.container = Some(container);
        }
    }

    /// Takes in a task that was launched by another master and holds something; says whether its
    /// framework is known.
    pub(crate) fn restore_task(
        &mut self,
        key: &TaskKey,
        info: TaskInfo,
        node: &str,
        pool: &str,
    ) -> bool {
        let mut amounts = amounts::request(&info.resources).unwrap_or_default();
        self.add_pod(&info.agent_id.value, &mut amounts.0);
        let Some(framework) = self.frameworks.get_mut(&key.framework) else { return false };
        let mut record = TaskRecord::new(key.framework.clone(), info);
        record.node = Some(node.into());
        record.role = framework.settings.roles.get(pool).cloned();
        record.holds = true;
        framework.tasks.insert(key.task.clone(), record);
        let (amounts, ports) = amounts;
        self.effects.push(Effect::Engine(EngineEvent::TaskRunning(Box::new(RunningTask {
            framework: framework.key.clone(),
            task: key.task.clone(),
            pool: pool.into(),
            node: node.into(),
            amounts,
            ports,
        }))));
        true
    }
}

/// How much the tasks of an executor may be, so that all of it can be stored with its pod.
pub(super) const MOST_CHECKPOINT_BYTES: usize = 128 << 10;

/// What is stored of an executor: its task as it was told, and how far each is.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    executor: Value,
    /// The digest of what it shows.
    #[serde(default)]
    token_digest: String,
    /// What it shows, as older versions have stored it.
    #[serde(default, skip_serializing)]
    token: Option<String>,
    tasks: Vec<StoredTask>,
}

#[derive(Serialize, Deserialize)]
struct StoredTask {
    task: Value,
    state: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    statuses: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    updates: Vec<Value>,
}

fn read<M: Message>(value: &Value) -> Option<M> {
    from_json(value.to_string().as_bytes()).ok()
}

impl Master {
    /// What is to be stored of an executor of a framework's own, and how many changes that has.
    pub(crate) fn checkpoint(&self, key: &TaskKey) -> Option<(u64, String)> {
        let framework = self.frameworks.get(&key.framework)?;
        let record = framework.executors.get(&key.task)?;
        let tasks = framework.tasks.values().filter(|task| task.node.is_some());
        let tasks = tasks.filter(|task| task.is_of(&key.task)).map(|task| StoredTask {
            // Its executor stands beside it.
            task: value(&TaskInfo { executor: None, ..task.info.clone() }),
            state: task.state.into(),
            statuses: task.statuses.iter().map(value).collect(),
            updates: task.updates.iter().map(value).collect(),
        });
        let checkpoint = Checkpoint {
            executor: value(&record.info),
            token_digest: record.token.as_text().to_owned(),
            token: None,
            tasks: tasks.collect(),
        };
        Some((record.changes, serde_json::to_string(&checkpoint).ok()?))
    }

    /// Takes in an executor that was started by another master, with its tasks; says whether all of it is
    /// understood. It subscribes here when it misses the other one.
    pub(crate) fn restore_executor(
        &mut self,
        now: Time,
        key: &TaskKey,
        checkpoint: &str,
        (agent, node, pool): (&str, &str, &str),
    ) -> bool {
        let Ok(stored) = serde_json::from_str::<Checkpoint>(checkpoint) else { return false };
        let Some(info) = read::<ExecutorInfo>(&stored.executor) else { return false };
        let mut amounts = amounts::request(&info.resources).unwrap_or_default();
        self.add_pod(agent, &mut amounts.0);
        let Some(framework) = self.frameworks.get_mut(&key.framework) else { return false };
        let token = stored.token.as_deref().map(Digest::of);
        let token = token.unwrap_or_else(|| Digest::stored(stored.token_digest));
        let mut record = ExecutorRecord::restored(info.clone(), agent.into(), token, now);
        let running = |task: &TaskId, (amounts, ports): (NamedAmounts, Ranges)| {
            Effect::Engine(EngineEvent::TaskRunning(Box::new(RunningTask {
                framework: framework.key.clone(),
                task: task.clone(),
                pool: pool.into(),
                node: node.into(),
                amounts,
                ports,
            })))
        };
        self.effects.push(running(&key.task, amounts));
        let mut records = Vec::new();
        for StoredTask { task, state, statuses, updates } in stored.tasks {
            let Some(mut task) = read::<TaskInfo>(&task) else { continue };
            task.executor = Some(info.clone());
            if statuses.is_empty() {
                // It may not have been told; if it was, it says so.
                record.outbox.push_back((0, launch(task.clone())));
            }
            let name: TaskId = task.task_id.value.as_str().into();
            let mut known = TaskRecord::new(key.framework.clone(), task);
            known.node = Some(node.into());
            known.role = framework.settings.roles.get(pool).cloned();
            known.state = TaskState::try_from(state).unwrap_or(known.state);
            known.holds = !is_terminal(known.state);
            known.statuses = statuses.iter().filter_map(read).collect();
            known.updates = updates.iter().filter_map(read).collect();
            if known.holds {
                let amounts = amounts::request(&known.info.resources).unwrap_or_default();
                self.effects.push(running(&name, amounts));
            }
            records.push((name, known));
        }
        let register_by = record.register_by;
        for (name, known) in records {
            framework.tasks.insert(name, known);
        }
        self.by_token.insert(record.token.clone(), key.clone());
        framework.executors.insert(key.task.clone(), record);
        if let Some(at) = register_by {
            self.set_timer(at, Timer::Register(key.clone()));
        }
        true
    }
}

/// Whether what is stored of an executor has room for one more task.
pub(super) fn fits_checkpoint(framework: &Framework, name: &TaskId, task: &TaskInfo) -> bool {
    let size = |task: &TaskInfo| to_json(task).len();
    let tasks = framework.tasks.values().filter(|record| record.is_of(name));
    let all: usize = tasks.map(|record| size(&record.info)).sum();
    all + size(task) <= MOST_CHECKPOINT_BYTES
}

#[cfg(test)]
mod tests {
    use super::job_name;

    #[test]
    fn jobs_are_named_after_their_frameworks() {
        let name = job_name("Spark Pi (nightly)", "a");
        assert!(name.starts_with("spark-pi--nightly-"), "{name}");
        assert_ne!(name, job_name("Spark Pi (nightly)", "b"));
        assert!(job_name("…", "a").starts_with("framework-"));
        assert!(job_name(&"x".repeat(100), "a").len() <= 40);
    }
}
