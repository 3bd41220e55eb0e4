//! What the pods of executors have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the pods of executors have in common.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Executor {
    /// The image with the program `proffer-executor`. It is copied into every pod of an executor by
    /// an init container, so that the tasks run in the job's own image.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,

    /// When that image is pulled: `Always`, `IfNotPresent` or `Never`.
    pub image_pull_policy: ImagePullPolicy,

    /// The image that tasks run in where their job names none. Without it, every job has to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub default_image: Option<String>,

    /// The Secrets, in the namespace of each job, to pull images with.
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<ImagePullSecret>,

    /// The service account of executors, in the namespace of each job, where the job names none.
    /// Without it, the namespace's `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,

    /// The priority class of executors where the job names none. Without it, the cluster's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,

    /// How long a node may be unreachable or not ready before its executors are given up, and their
    /// tasks run elsewhere.
    #[schemars(range(min = 0, max = 86_400))]
    pub node_lost_seconds: u32,

    /// How long a pod that has a node may take until its executor reports, with pulling its images:
    /// then it is given up, and counts as one that did not start.
    #[schemars(range(min = 1, max = 86_400))]
    pub start_timeout_seconds: u32,
}

/// When an image is pulled, as in a pod.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImagePullPolicy {
    /// For every pod.
    Always,
    /// Where the node does not have it.
    #[default]
    IfNotPresent,
    /// Somebody puts it on the nodes.
    Never,
}

/// The name of a Secret, written as in a pod.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImagePullSecret {
    /// The name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl Default for Executor {
    fn default() -> Self {
        Self {
            image: concat!("proffer-executor:", env!("CARGO_PKG_VERSION")).to_owned(),
            image_pull_policy: ImagePullPolicy::default(),
            default_image: None,
            image_pull_secrets: Vec::new(),
            service_account_name: None,
            priority_class_name: None,
            node_lost_seconds: 30,
            start_timeout_seconds: 600,
        }
    }
}
