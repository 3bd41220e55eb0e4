//! `SparkJob`: work to run, Mesos's framework.

mod executor;
mod stage;
mod status;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mesos::MesosFramework;
use crate::pod::EnvVar;
use crate::quantity::Quantity;
use crate::rules;
use crate::spark::SparkApplication;

pub use executor::{ExcludeOnFailure, ExecutorTemplate, Gang, Placement};
pub use stage::{Input, Output, Stage, Task};
pub use status::{
    Counted, DeclinedNode, ExecutorCounts, JobState, SparkJobStatus, StageState, StageStatus,
    TaskFailure,
};

/// A SparkJob is work in stages of partitioned tasks. Its executors come from resource offers: the
/// job's pool is offered nodes in dominant-resource-fair order, the job accepts what suits it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "proffer.dev",
    version = "v1alpha1",
    doc = "A SparkJob is work in stages of partitioned tasks, run by executors on offered resources.",
    kind = "SparkJob",
    namespaced,
    shortname = "sj",
    category = "proffer",
    status = "SparkJobStatus",
    derive = "PartialEq",
    printcolumn(name = "Pool", type_ = "string", json_path = ".spec.pool"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Executors", type_ = "string", json_path = ".status.executors.summary"),
    printcolumn(name = "Tasks", type_ = "string", json_path = ".status.tasks"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 40").message("a job's name has at most 40 characters, so that the names of its executors fit")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.stages), has(self.spark), has(self.mesos)].filter(set, set).size() == 1").message("a job has exactly one of stages, run by Proffer's executors, spark, an application of Apache Spark, and mesos, a framework that subscribed"))]
#[x_kube(validation = Rule::new("has(self.stages) == has(oldSelf.stages) && has(self.spark) == has(oldSelf.spark) && has(self.mesos) == has(oldSelf.mesos)").message("a job cannot become one of another kind"))]
#[x_kube(validation = Rule::new("!has(self.stages) || self.stages.all(stage, !has(stage.slots) || stage.slots <= self.executor.cores)").message("no task takes more slots than an executor has, which is executor.cores"))]
#[x_kube(validation = Rule::new("!has(self.stages) || has(self.workURI) || self.stages.all(stage, !has(stage.output))").message("a stage with output needs workURI, the place where the job's data lives"))]
pub struct SparkJobSpec {
    /// The ResourcePool that the job's resources are charged to. Defaults to `default`.
    #[serde(default = "crate::default_pool")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = ("self == oldSelf", "a job cannot move to another pool"))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')").message("pool is the name of a ResourcePool: lowercase letters, digits, '-' and '.'"))]
    pub pool: String,

    /// The job's place among the jobs of its pool: those with a higher number are offered resources
    /// first. Jobs of one priority share fairly. Defaults to 0.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub priority: i32,

    /// What each executor needs and how many there are.
    #[serde(default)]
    pub executor: ExecutorTemplate,

    /// The job's work. A stage starts when those it depends on have finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub stages: Vec<Stage>,

    /// An application of Apache Spark, in place of stages. `executor`, `env`, `speculation` and
    /// `workURI` are about stages; a Spark application has settings of its own for these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark: Option<SparkApplication>,

    /// A framework that speaks Mesos's HTTP API. The operator makes such a job when a framework
    /// subscribes; deleting it ends the framework and its tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesos: Option<MesosFramework>,

    /// Where the job's data lives: a mounted volume as `file:///mnt/work`, or an object store as
    /// `s3://bucket/path`. Stages with output or with input from files need it.
    #[serde(default, rename = "workURI", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z][a-z0-9+.-]*://')").message("workURI is a URI such as file:///mnt/work or s3://bucket/path"))]
    pub work_uri: Option<String>,

    /// Environment variables of every task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,

    /// How often one task may fail before the job does. Defaults to 4.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_task_failures: i32,

    /// How many executors may die by themselves before the job fails. Defaults to twice the number
    /// of instances, at least 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_executor_failures: Option<i32>,

    /// Whether a job that failed is run again. Tasks that finished stay finished.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub restart_policy: RestartPolicy,

    /// The job fails when it has not ended this many seconds after it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub deadline_seconds: Option<i64>,

    /// Starts a second attempt at a task that runs much longer than the others of its stage. The
    /// attempt that finishes first counts, the other is stopped. Off unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speculation: Option<Speculation>,

    /// Stops the job's executors and starts no others until it is false again. Tasks that finished
    /// stay finished.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub suspend: bool,

    /// The job is deleted this many seconds after it ended. Without it, it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i64>,

    /// Which pods stay, with their logs, when their executors have ended: `OnFailure`, the default,
    /// keeps those that ended by themselves, at most ten of a job. They hold no resources, and go
    /// with the job.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub pod_retention: PodRetention,
}

/// Which pods stay when their executors have ended.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodRetention {
    /// Those that ended by themselves.
    #[default]
    OnFailure,
    /// All but those that were lost, or had to make room.
    Always,
    /// None.
    Never,
}

/// Whether a job that failed is run again.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RestartPolicy {
    /// `Never` or `OnFailure`. Defaults to `Never`.
    #[serde(default, rename = "type")]
    pub kind: RestartKind,

    /// How often a failed job is run again. Defaults to 3.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 1000))]
    pub on_failure_retries: i32,

    /// How many seconds pass before it is. Defaults to 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 86_400))]
    pub on_failure_retry_interval_seconds: i64,
}

/// When a job is run again.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartKind {
    /// A failure is final.
    #[default]
    Never,
    /// A job that failed is run again.
    OnFailure,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            kind: RestartKind::default(),
            on_failure_retries: three(),
            on_failure_retry_interval_seconds: ten(),
        }
    }
}

/// When a task is slow. The words and defaults are those of Spark 4.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Speculation {
    /// The part of a stage's tasks that have to finish before any of the others is slow. A decimal,
    /// quoted when it has a point. Defaults to 0.9.
    #[serde(default = "nine_tenths")]
    #[x_kube(validation = rules::between("quantile", "0", "1"))]
    pub quantile: Quantity,

    /// A task is slow when it runs so many times as long as the median of those that finished. A
    /// decimal, quoted when it has a point. Defaults to 3.
    #[serde(default = "threefold")]
    #[x_kube(validation = rules::between("multiplier", "1", "1000"))]
    pub multiplier: Quantity,

    /// No task is slow before it has run for so many seconds. A decimal, quoted when it has a point.
    /// Defaults to 0.1.
    #[serde(default = "a_tenth")]
    #[x_kube(validation = rules::between("minTaskRuntimeSeconds", "0", "1000000"))]
    pub min_task_runtime_seconds: Quantity,
}

fn three() -> i32 {
    3
}

fn four() -> i32 {
    4
}

fn ten() -> i64 {
    10
}

fn nine_tenths() -> Quantity {
    Quantity::from_milli(900)
}

fn threefold() -> Quantity {
    Quantity::from_milli(3000)
}

fn a_tenth() -> Quantity {
    Quantity::from_milli(100)
}
