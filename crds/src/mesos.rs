//! A framework of Mesos as a `SparkJob`: the operator makes it when the framework subscribes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A framework that speaks Mesos's HTTP API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MesosFramework {
    /// The id by which the framework subscribes.
    #[schemars(length(min = 1, max = 255))]
    pub framework_id: String,

    /// The principal that subscribed, if it had to say who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub principal: Option<String>,

    /// What it said of itself: Mesos's `FrameworkInfo`, as the HTTP API writes it.
    #[serde(default)]
    pub info: FrameworkDocument,
}

/// Mesos's `FrameworkInfo`, opaque to Kubernetes.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct FrameworkDocument(pub serde_json::Map<String, serde_json::Value>);

impl JsonSchema for FrameworkDocument {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FrameworkDocument".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "maxProperties": 64,
            "x-kubernetes-preserve-unknown-fields": true,
        })
    }
}

/// What became of a framework so far.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MesosStatus {
    /// Whether it is connected.
    #[serde(default)]
    pub connected: bool,

    /// Its tasks that have not ended.
    #[serde(default)]
    pub tasks: i32,

    /// What it has not acknowledged of tasks whose pods are gone, at most 200. What it has not
    /// acknowledged of others is known from their pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub updates: Vec<MesosUpdate>,
}

/// How a task ended, until its framework has acknowledged that.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MesosUpdate {
    /// The task's id.
    pub task: String,

    /// The id of the agent that it ran on.
    #[serde(default)]
    pub agent: String,

    /// The id of its executor, if that is not the one that is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,

    /// The state, such as `TASK_KILLED`.
    pub state: String,

    /// Why, in Mesos's words, such as `REASON_EXECUTOR_TERMINATED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,

    /// Who says so, such as `SOURCE_EXECUTOR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,

    /// A sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// By what the framework acknowledges it.
    pub uuid: String,

    /// When it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}
