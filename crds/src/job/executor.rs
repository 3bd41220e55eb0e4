//! What each executor of a job needs, how many there are, and which nodes they prefer or decline.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pod::{PodTemplate, Toleration, opaque};
use crate::quantity::Quantity;
use crate::rules;

/// What each executor of a job needs, and how many there are.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.instances) || !has(self.minInstances) && !has(self.maxInstances)").message("there are either so many instances, or between minInstances and maxInstances"),
    validation = Rule::new("!has(self.minInstances) || has(self.maxInstances)").message("minInstances goes with maxInstances"),
    validation = Rule::new("!has(self.minInstances) || !has(self.maxInstances) || self.minInstances <= self.maxInstances").message("minInstances is at most maxInstances")
)]
pub struct ExecutorTemplate {
    /// How many task slots an executor has. Defaults to 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1024))]
    pub cores: i32,

    /// The cpu that an executor is given. Defaults to one cpu per core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::between("cpu", "1m", "1M"))]
    pub cpu: Option<Quantity>,

    /// The memory that an executor is given, for all tasks that run on it at once. Defaults to 1Gi.
    #[serde(default = "one_gibibyte")]
    #[x_kube(validation = rules::not_in_milli_bytes())]
    #[x_kube(validation = rules::sensible_memory())]
    pub memory: Quantity,

    /// Other resources that an executor is given, such as `nvidia.com/gpu: 1`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    #[x_kube(validation = Rule::new("!('cpu' in self) && !('memory' in self)").message("cpu and memory have fields of their own"))]
    #[x_kube(validation = rules::none_negative("resources"))]
    pub resources: BTreeMap<String, Quantity>,

    /// The image of the container that the tasks' commands run in. Defaults to the one that the
    /// operator is configured with. Local mode runs tasks without an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,

    /// What else the executors' pods have: a pod template as in a batch/v1 Job. Tasks run in its
    /// container `executor`, which need not be listed. What Proffer decides, such as requests, the
    /// node and the owner, replaces what stands there. The API server checks it when a pod is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "opaque")]
    pub template: Option<PodTemplate>,

    /// How many executors the job runs on. It starts with fewer when no more can be had, unless
    /// `gang` is set. Defaults to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub instances: Option<i32>,

    /// How many executors the job keeps while it runs, when their number follows what there is to
    /// do. Goes with `maxInstances`, in place of `instances`. Defaults to 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub min_instances: Option<i32>,

    /// How many executors the job has at most, when their number follows what there is to do: it
    /// grows while tasks wait, and shrinks when executors have nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_instances: Option<i32>,

    /// With `maxInstances`, how many seconds an executor may have nothing to do before it goes. One
    /// that no unfinished stage could use goes at once. Defaults to 60.
    #[serde(default = "sixty")]
    #[schemars(range(min = 0, max = 86_400))]
    pub idle_timeout_seconds: i64,

    /// All executors or none: no task starts before every instance is there, or `minInstances` of
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gang: Option<Gang>,

    /// Which node a job prefers among those that are offered: `Spread` takes the one with the fewest
    /// of the job's executors, `Pack` the fullest one that fits. Defaults to `Spread`.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub placement: Placement,

    /// Labels that a node has to have, `kubernetes.io/os` and `kubernetes.io/arch` among them, beside
    /// those that the job's pool asks for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub node_selector: BTreeMap<String, String>,

    /// Taints of nodes that do not keep the executors away, as in a pod. A taint of effect
    /// `PreferNoSchedule` never does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,

    /// Nodes that the job prefers, by name, as they have its data. It takes them at once, and
    /// others when it has waited for `localityWaitSeconds`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub preferred_nodes: Vec<String>,

    /// Labels of nodes that the job prefers; a node has to have all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = { "type": "string", "maxLength": 63 }))]
    pub preferred_node_selector: BTreeMap<String, String>,

    /// How many seconds the job declines other nodes after it last got one that it prefers, or began
    /// to want one. If there is no such node, it does not wait. Defaults to 3.
    #[serde(default = "three_seconds")]
    #[schemars(range(min = 0, max = 86_400))]
    pub locality_wait_seconds: i64,

    /// Declines a node for a while on which tasks or executors of the job fail again and again. Off
    /// unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_on_failure: Option<ExcludeOnFailure>,

    /// How long a task that is told to stop may take, in seconds, before it is killed. Defaults to 30.
    #[serde(default = "thirty")]
    #[schemars(range(min = 0, max = 86_400))]
    pub termination_grace_period_seconds: i64,
}

impl Default for ExecutorTemplate {
    fn default() -> Self {
        Self {
            cores: one(),
            cpu: None,
            memory: one_gibibyte(),
            resources: BTreeMap::new(),
            image: None,
            template: None,
            instances: None,
            min_instances: None,
            max_instances: None,
            idle_timeout_seconds: sixty(),
            gang: None,
            placement: Placement::default(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            preferred_nodes: Vec::new(),
            preferred_node_selector: BTreeMap::new(),
            locality_wait_seconds: three_seconds(),
            exclude_on_failure: None,
            termination_grace_period_seconds: thirty(),
        }
    }
}

/// All executors of a job start together.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Gang {
    /// When not all executors are ready this many seconds after they were launched, all are given
    /// back and the job waits for new offers. Defaults to 300.
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: i64,
}

/// When a job declines a node.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ExcludeOnFailure {
    /// How many different tasks fail on the node before it is declined, or executors that had no
    /// task. Defaults to 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_failures_per_node: i32,

    /// How many seconds the node is declined, and a failure counts. What runs there goes on, and
    /// executors there are replaced. When no other node is left, the one that was declined first is
    /// taken again. Defaults to 600.
    #[serde(default = "six_hundred")]
    #[schemars(range(min = 1, max = 604_800))]
    pub exclude_seconds: i64,
}

/// Which node a job prefers.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The node with the fewest executors of the job, then the emptiest.
    #[default]
    Spread,
    /// The fullest node that the executor fits on.
    Pack,
}

fn one() -> i32 {
    1
}

fn two() -> i32 {
    2
}

fn three_seconds() -> i64 {
    3
}

fn thirty() -> i64 {
    30
}

fn sixty() -> i64 {
    60
}

fn three_hundred() -> i64 {
    300
}

fn six_hundred() -> i64 {
    600
}

fn one_gibibyte() -> Quantity {
    Quantity::from_bytes(1 << 30)
}
