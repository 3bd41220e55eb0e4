//! `SparkExecutor`: one executor of a job, and the protocol between it and the operator.
//!
//! The operator writes what should run into `spec`; the executor reports what happened in `status`.
//! Both are level-based: each version replaces the one before, and repeating one changes nothing.
//!
//! ```text
//! operator ── spec: assignments, acknowledgedReport ──► executor
//! operator ◄── status: report, running, finished, failures, results ── executor
//! ```
//!
//! An attempt at a task is named by (stage, partition, attempt). The executor runs each attempt it
//! is assigned once, keeps what became of it in every report until the operator has acknowledged
//! one that held it, and drops what it is no longer assigned: killed if it runs, forgotten if it
//! waits. The operator removes an attempt from the assignment in the same write that acknowledges
//! its end.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use proffer_core::ranges::Ranges;
use serde::{Deserialize, Serialize};

use crate::Quantity;

/// The version of the protocol described in this module.
pub const PROTOCOL_VERSION: i32 = 1;

/// A SparkExecutor is one executor of a SparkJob with stages. Proffer creates and deletes it; its
/// spec says which tasks to run, and the executor's pod reports in its status.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "proffer.dev",
    version = "v1alpha1",
    doc = "A SparkExecutor is one executor of a SparkJob.",
    kind = "SparkExecutor",
    namespaced,
    shortname = "se",
    category = "proffer",
    status = "SparkExecutorStatus",
    derive = "PartialEq",
    printcolumn(name = "Job", type_ = "string", json_path = ".spec.job"),
    printcolumn(name = "Node", type_ = "string", json_path = ".spec.node"),
    printcolumn(name = "Ready", type_ = "boolean", json_path = ".status.ready"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct SparkExecutorSpec {
    /// The version of the protocol that the operator speaks.
    #[serde(default)]
    pub protocol_version: i32,

    /// The name of the SparkJob, in the same namespace.
    pub job: String,

    /// The uid of the SparkJob, which tells it from others of its name.
    #[serde(default, rename = "jobUID", skip_serializing_if = "String::is_empty")]
    pub job_uid: String,

    /// The ResourcePool that pays.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pool: String,

    /// What the executor holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, Quantity>,

    /// The executor's place among those of its job, from 0.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub index: i32,

    /// How many executors had this index before.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub epoch: i32,

    /// The node whose offer was accepted.
    #[serde(default)]
    pub node: String,

    /// The tasks to run, by stage and attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub assignments: Vec<Assignment>,

    /// The last report whose contents are safely stored; the executor may forget them.
    #[serde(default)]
    pub acknowledged_report: i64,

    /// Whether the executor should end: it stops its tasks, reports for the last time and exits.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub stop: bool,

    /// The least time between two reports, in milliseconds. The first one after a pause goes at once.
    #[serde(default)]
    #[schemars(range(min = 0, max = 60000))]
    pub report_interval_milliseconds: i32,
}

/// Attempts at tasks of one stage, all with the same attempt number.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The name of the stage.
    pub stage: String,

    /// The attempt's number, from 0.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub attempt: i32,

    /// The partitions, such as `0-99,105`. In a stage with output the number after the last
    /// partition stands for committing the whole: publishing what is missing and writing `_SUCCESS`.
    #[serde(with = "crate::ranges")]
    #[schemars(with = "String")]
    pub ranges: Ranges,
}

/// What an executor says of itself and its tasks.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SparkExecutorStatus {
    /// The version of the protocol that the executor speaks.
    #[serde(default)]
    pub protocol_version: i32,

    /// The generation of the spec that the executor had seen when it reported.
    #[serde(default)]
    pub observed_generation: i64,

    /// The number of this report; each is one higher than the one before.
    #[serde(default)]
    pub report: i64,

    /// Whether the executor can run tasks.
    #[serde(default)]
    pub ready: bool,

    /// Attempts that run now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running: Vec<Assignment>,

    /// Attempts that succeeded and are not acknowledged yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<Assignment>,

    /// Attempts that failed and are not acknowledged yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<AttemptFailure>,

    /// Results of attempts in `finished`, where they left one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<AttemptResult>,
}

/// Why an attempt failed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AttemptFailure {
    /// The name of the stage.
    pub stage: String,

    /// The partition.
    #[schemars(range(min = 0))]
    pub partition: i32,

    /// The attempt's number.
    #[schemars(range(min = 0))]
    pub attempt: i32,

    /// One word: `Exited`, `Killed`, `OOMKilled`, `CannotStart`, `InputFailed`, `OutputFailed`,
    /// `ResultTooLarge`, `InvalidResult`, `Rejected`.
    pub reason: String,

    /// A sentence for people: what happened, and what to change.
    pub message: String,

    /// The end of what the task wrote to its standard error, at most 2 KiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,

    /// Whether another attempt cannot succeed, as with an output that belongs to another job.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub is_final: bool,
}

/// What a task left in the file named by `PROFFER_RESULT`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AttemptResult {
    /// The name of the stage.
    pub stage: String,

    /// The partition.
    #[schemars(range(min = 0))]
    pub partition: i32,

    /// The text, without a line end at its end. Absent when it is too large for a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,

    /// Where the text is stored, when the job has a work URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}
