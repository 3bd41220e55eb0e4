//! What a job asks for, validated: stage names are resolved, the graph has no cycle.

use super::Milliseconds;
use crate::allocator::Placement;
use crate::nodes::{Label, Toleration};

/// A job's settings. By default a job is in the pool `default`, has one executor and no stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// The pool that pays.
    pub pool: Box<str>,
    /// Jobs of a pool with a higher number come first.
    pub priority: i32,
    /// What the job runs on.
    pub executor: ExecutorSpec,
    /// What the job runs. A stage may depend on any other, as long as there is no cycle.
    pub stages: Vec<StageSpec>,
    /// How often one task may fail before the job does.
    pub max_task_failures: u32,
    /// How many executors may die by themselves; `None` for max(3, twice the instances).
    pub max_executor_failures: Option<u32>,
    /// Whether the job is run again after it failed.
    pub restart: Option<Restart>,
    /// The job fails when it has not ended so long after it was created.
    pub deadline_milliseconds: Option<Milliseconds>,
}

/// What a job's executors need. By default there is one, with one slot and no resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorSpec {
    /// How many task slots an executor has; at least 1.
    pub slots: u32,
    /// What an executor holds, by resource name; cpu in thousandths, memory in bytes.
    pub request: Vec<(Box<str>, i64)>,
    /// How many executors there are at most.
    pub instances: u32,
    /// All executors or none; when not all are ready so long after they were launched, all go.
    pub gang_timeout_milliseconds: Option<Milliseconds>,
    /// Which node is preferred.
    pub placement: Placement,
    /// The labels that a node has to have.
    pub node_selector: Vec<Label>,
    /// The taints that do not matter.
    pub tolerations: Vec<Toleration>,
}

/// A stage's settings. By default it has no name and one task of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageSpec {
    /// The stage's name, unique in its job.
    pub name: Box<str>,
    /// The indices of the stages that have to finish first.
    pub depends_on: Vec<usize>,
    /// The number of tasks; at least 1.
    pub tasks: u32,
    /// The names of the tasks, or nothing if they are numbered.
    pub task_names: Vec<Box<str>>,
    /// How many slots one task takes.
    pub slots: u32,
    /// Whether the stage's output has to be committed as a whole after its last task.
    pub commits: bool,
}

impl Default for JobSpec {
    fn default() -> Self {
        Self {
            pool: "default".into(),
            priority: 0,
            executor: ExecutorSpec::default(),
            stages: Vec::new(),
            max_task_failures: 4,
            max_executor_failures: None,
            restart: None,
            deadline_milliseconds: None,
        }
    }
}

impl Default for ExecutorSpec {
    fn default() -> Self {
        Self {
            slots: 1,
            request: Vec::new(),
            instances: 1,
            gang_timeout_milliseconds: None,
            placement: Placement::default(),
            node_selector: Vec::new(),
            tolerations: Vec::new(),
        }
    }
}

impl Default for StageSpec {
    fn default() -> Self {
        Self {
            name: "".into(),
            depends_on: Vec::new(),
            tasks: 1,
            task_names: Vec::new(),
            slots: 1,
            commits: false,
        }
    }
}

impl StageSpec {
    /// What people call a partition: its task's name, its number, or the commit.
    pub fn task_name(&self, partition: u32) -> String {
        if partition == self.tasks {
            return "commit".to_owned();
        }
        self.task_names
            .get(partition as usize)
            .map_or_else(|| partition.to_string(), ToString::to_string)
    }
}

/// How a job is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// How often at most.
    pub retries: u32,
    /// How long after the failure.
    pub interval_milliseconds: Milliseconds,
}
