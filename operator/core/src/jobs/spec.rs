//! What a job asks for, validated: stage names are resolved, the graph has no cycle.

use crate::labels::{Label, Toleration};
use crate::nodes::NodeObservation;
use crate::policy::Placement;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// A job's settings. By default a job is in the pool `default`, has one executor and no stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub deadline_milliseconds: Option<Span>,
    /// Whether slow tasks get a second attempt beside the first.
    pub speculation: Option<Speculation>,
    /// Whether the job is to have no executors for now.
    pub suspend: bool,
}

/// What a job's executors need. By default there is one, with one slot and no resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutorSpec {
    /// How many task slots an executor has; at least 1.
    pub slots: u32,
    /// What an executor holds, by resource name; cpu in thousandths, memory in bytes.
    pub request: Vec<(Box<str>, i64)>,
    /// How many executors there are at most.
    pub instances: u32,
    /// All executors or none; when not all are ready so long after they were launched, all go.
    pub gang_timeout_milliseconds: Option<Span>,
    /// Which node is preferred.
    pub placement: Placement,
    /// The labels that a node has to have.
    pub node_selector: Vec<Label>,
    /// The taints that do not matter.
    pub tolerations: Vec<Toleration>,
    /// Whether the number of executors follows what there is to do; `instances` is then the most.
    pub elastic: Option<Elastic>,
    /// Whether the job wants `instances` executors whatever there is to do for its tasks, because
    /// others say how many there are to be. A gang of them is complete when all are launched.
    pub fixed: bool,
    /// The nodes that the job waits for.
    pub preferred: PreferredNodes,
    /// Whether nodes on which the job fails again and again are declined for a while.
    pub exclude_on_failure: Option<ExcludeOnFailure>,
}

/// A number of executors that follows what there is to do, in the words of Spark's dynamic
/// allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elastic {
    /// How many executors the job keeps while it runs.
    pub min_instances: u32,
    /// An executor goes when it has had nothing to do for so long.
    pub idle_timeout_milliseconds: Span,
}

/// The nodes that a job prefers: those named, and those with all of the labels. By default there are
/// none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferredNodes {
    /// Nodes by name.
    pub names: Vec<Box<str>>,
    /// Labels that a node has to have all of; none of them is no preference.
    pub labels: Vec<Label>,
    /// How long the job declines other nodes after it last got one of these, or began to want one
    /// (delay scheduling, Zaharia et al., 2010).
    pub wait_milliseconds: Span,
}

/// When a job declines a node on which it fails again and again, in the words of Spark's
/// `excludeOnFailure`. By default after 2 tasks, for 10 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludeOnFailure {
    /// So many tasks have to fail on the node, or executors; at least 1.
    pub max_failures_per_node: u32,
    /// So long the node is declined. Failures count for as long.
    pub exclude_milliseconds: Span,
}

/// When a task counts as slow, in the words of Spark's `speculation`. The defaults are those of
/// Spark 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speculation {
    /// The part of a stage's tasks that have to finish first, in thousandths.
    pub quantile_milli: u32,
    /// A task is slow when it runs this many times as long as the median of those that finished, in
    /// thousandths.
    pub multiplier_milli: u32,
    /// No task is slow before it has run so long.
    pub min_task_runtime_milliseconds: Span,
}

/// A stage's settings. By default it has no name and one task of one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What sentences call its only task, instead of its name and that of the stage: `the driver`.
    #[serde(default)]
    pub task_title: Option<Box<str>>,
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
            speculation: None,
            suspend: false,
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
            elastic: None,
            fixed: false,
            preferred: PreferredNodes::default(),
            exclude_on_failure: None,
        }
    }
}

impl Default for PreferredNodes {
    fn default() -> Self {
        Self { names: Vec::new(), labels: Vec::new(), wait_milliseconds: Span::from_seconds(3) }
    }
}

impl PreferredNodes {
    /// Whether no node is preferred.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.labels.is_empty()
    }

    /// Whether a node is one of them.
    pub fn includes(&self, node: &NodeObservation) -> bool {
        let has = |label: &Label| node.labels.contains(label);
        self.names.contains(&node.name) || (!self.labels.is_empty() && self.labels.iter().all(has))
    }
}

impl Default for ExcludeOnFailure {
    fn default() -> Self {
        Self { max_failures_per_node: 2, exclude_milliseconds: Span::from_seconds(600) }
    }
}

impl Default for Speculation {
    fn default() -> Self {
        Self {
            quantile_milli: 900,
            multiplier_milli: 3000,
            min_task_runtime_milliseconds: Span::from_milliseconds(100),
        }
    }
}

impl ExecutorSpec {
    /// How many executors the job keeps while it runs, whether it can make use of them or not.
    pub fn min_instances(&self) -> u32 {
        self.elastic.map_or(0, |elastic| elastic.min_instances.min(self.instances))
    }

    /// How many executors start together if they are a gang.
    pub fn gang_size(&self) -> u32 {
        if self.elastic.is_some() { self.min_instances().max(1) } else { self.instances }
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
            task_title: None,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// How often at most.
    pub retries: u32,
    /// How long after the failure.
    pub interval_milliseconds: Span,
}
