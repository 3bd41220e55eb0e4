//! What became of a job so far.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use proffer_core::ranges::Ranges;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mesos::MesosStatus;
use crate::spark::{Admission, ApplicationStatus};

/// What became of a job so far.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SparkJobStatus {
    /// The generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Pending`, `Running`, `Restarting`, `Succeeded` or `Failed`.
    #[serde(default)]
    pub state: JobState,

    /// A sentence: what the job waits for, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// Its place among the waiting jobs of its pool, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i32>,

    /// How often the job was run again.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub restarts: i32,

    /// When the first executor was launched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,

    /// When the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,

    /// The job's executors.
    #[serde(default)]
    pub executors: ExecutorCounts,

    /// The Spark application, if the job is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationStatus>,

    /// What is held for executors of a Spark application before their pods are there: driver and first
    /// executors are admitted together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<Admission>,

    /// The framework, if the job is one of Mesos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesos: Option<MesosStatus>,

    /// Nodes that the job declines for a while, at most twenty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub declined_nodes: Vec<DeclinedNode>,
    /// How many executors each index had before those that may still say something: whatever earlier
    /// ones said stands in this status, and their names are not used again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executor_epochs: Vec<Counted>,

    /// Whether all executors of the gang were ready at once, so that tasks could start.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub gang_formed: bool,

    /// Tasks that finished, of all: `7/10`.
    #[serde(default)]
    pub tasks: String,

    /// The stages in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub stages: Vec<StageStatus>,

    /// The last failures of tasks, newest last, at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub failures: Vec<TaskFailure>,

    /// What is true of the job, in the words of Kueue and of batch/v1: `QuotaReserved`, `PodsReady`,
    /// `Finished`, `Complete`, `Failed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A number that some members of a set have in common.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// The number.
    pub count: i32,

    /// The members that have it, such as `0-99,105`.
    #[serde(default, with = "crate::ranges")]
    #[schemars(with = "String")]
    pub ranges: Ranges,
}

/// Where a job stands.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// It waits for its first executor.
    #[default]
    Pending,
    /// It has executors, or had some and waits for more.
    Running,
    /// It failed and will be run again.
    Restarting,
    /// It has no executors as long as `spec.suspend` is true.
    Suspended,
    /// Every task finished.
    Succeeded,
    /// It ended without finishing.
    Failed,
}

impl JobState {
    /// Whether the job will not change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// How many executors a job has.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExecutorCounts {
    /// Executors that can run tasks.
    #[serde(default)]
    pub ready: i32,

    /// Executors that hold resources.
    #[serde(default)]
    pub launched: i32,

    /// Executors that the job wants now.
    #[serde(default)]
    pub wanted: i32,

    /// Executors that died by themselves.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub failed: i32,

    /// Executors on nodes that the job prefers, if it prefers any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<i32>,

    /// Ready of wanted: `2/4`.
    #[serde(default)]
    pub summary: String,
}

/// A node that a job declines for a while.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeclinedNode {
    /// The node's name.
    pub name: String,

    /// When the job takes it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,

    /// Why it is declined.
    #[serde(default)]
    pub reason: String,
}

/// What became of a stage so far.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StageStatus {
    /// The stage's name.
    pub name: String,

    /// `Waiting` for other stages, `Running`, `Finished` or `Failed`.
    #[serde(default)]
    pub state: StageState,

    /// The number of tasks.
    #[serde(default)]
    pub tasks: i32,

    /// Attempts that run now.
    #[serde(default)]
    pub running: i32,

    /// Tasks that have two attempts now, as the first one is slow.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub speculative: i32,

    /// Second attempts at slow tasks that there were so far.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub speculated: i32,

    /// The partitions that finished, such as `0-99,105`.
    #[serde(default, with = "crate::ranges")]
    #[schemars(with = "String")]
    pub finished: Ranges,

    /// Whether the output was committed as a whole: `_SUCCESS` is there.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub committed: bool,

    /// Attempts that failed, by partition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, i32>,

    /// Attempts that were lost with their executor through no fault of theirs, by partition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub losses: BTreeMap<String, i32>,

    /// Attempts that neither failed nor were lost but whose numbers were used, by partition: those
    /// that were taken back from an executor, and those before the job was run again. No number is
    /// used twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_attempts: Vec<Counted>,

    /// The numbers of attempts, by partition, whose numbers count as used although it is open what
    /// becomes of them: a later attempt has ended already, as slow tasks are tried twice, or an
    /// executor on its way out is not to start it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older_attempts: Vec<Counted>,

    /// What tasks left in the file named by `PROFFER_RESULT`, by the task's name or its partition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, String>,

    /// Where the results are when they are too many or too large for this status.
    #[serde(default, rename = "resultsURI", skip_serializing_if = "Option::is_none")]
    pub results_uri: Option<String>,
}

/// Where a stage stands.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StageState {
    /// It waits for other stages.
    #[default]
    Waiting,
    /// Its tasks may run.
    Running,
    /// All its tasks finished.
    Finished,
    /// One of its tasks failed for good.
    Failed,
}

/// One attempt that failed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TaskFailure {
    /// The name of the stage.
    pub stage: String,

    /// The task's name or partition.
    pub task: String,

    /// The attempt's number, from 0.
    pub attempt: i32,

    /// One word, as in [`crate::executor::AttemptFailure`], or `ExecutorLost` or `ExecutorFailed`.
    pub reason: String,

    /// A sentence: what happened.
    pub message: String,

    /// The end of what the task wrote to its standard error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
}
