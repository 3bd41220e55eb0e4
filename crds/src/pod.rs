//! What is written in a job as in a pod.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pod template, opaque to Proffer but for what it replaces.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct PodTemplate(pub serde_json::Map<String, serde_json::Value>);

pub(crate) fn opaque(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    // Its metadata and its spec, of which the API server knows the fields.
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 2,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// An environment variable.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// The variable's name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"))]
    pub name: String,

    /// Its value.
    #[serde(default)]
    #[schemars(length(max = 32_768))]
    pub value: String,
}

/// A taint that is put up with, as in a pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.key != '' || self.operator == 'Exists'").message("a toleration without a key is for all taints, and its operator is Exists"),
    validation = Rule::new("self.operator != 'Exists' || self.value == ''").message("value goes with the operator Equal"),
    validation = Rule::new("!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'").message("tolerationSeconds goes with the effect NoExecute")
)]
pub struct Toleration {
    /// The taint's key. Without it, every key, which goes with the operator `Exists`.
    #[serde(default)]
    #[schemars(length(max = 317))]
    pub key: String,

    /// `Equal`: the taint has this value; `Exists`: any value will do. Defaults to `Equal`.
    #[serde(default)]
    pub operator: TolerationOperator,

    /// The taint's value.
    #[serde(default)]
    #[schemars(length(max = 63))]
    pub value: String,

    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`. Without it, every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,

    /// How many seconds a taint of effect `NoExecute` is put up with. Without it, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration compares values.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TolerationOperator {
    /// The taint has this value.
    #[default]
    Equal,
    /// Any value will do.
    Exists,
}

/// What a taint does.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaintEffect {
    /// Executors are not placed there.
    NoSchedule,
    /// Ignored by Proffer.
    PreferNoSchedule,
    /// Executors are not placed there, and those that run are removed.
    NoExecute,
}
