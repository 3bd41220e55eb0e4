//! `SparkJob`: work to run, Mesos's framework.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use proffer_core::ranges::Ranges;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mesos::{MesosFramework, MesosStatus};
use crate::quantity::Quantity;
use crate::rules;
use crate::spark::{Admission, ApplicationStatus, SparkApplication};

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

/// Which node a job prefers.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The node with the fewest executors of the job, then the emptiest.
    #[default]
    Spread,
    /// The fullest node that the executor fits on.
    Pack,
}

/// A step of a job: tasks that run side by side.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.tasks) != has(self.command)").message("a stage has either tasks, each with a name and a command, or one command for all partitions"),
    validation = Rule::new("!has(self.tasks) || !has(self.partitions)").message("partitions goes with command; a stage with tasks has one partition per task")
)]
pub struct Stage {
    /// The stage's name.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// The stages that have to finish before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub depends_on: Vec<String>,

    /// Tasks with a name and a command of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub tasks: Vec<Task>,

    /// The command that every partition runs: a program and its arguments, without a shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1024), inner(length(max = 131_072)))]
    pub command: Vec<String>,

    /// How many tasks run `command`, each with its number in `PROFFER_PARTITION`. Defaults to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub partitions: Option<i32>,

    /// How many of an executor's slots one task takes. Defaults to 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1024))]
    pub slots: i32,

    /// What the tasks read: each gets its share, cut at line ends, on its standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,

    /// Where the tasks' standard output goes: files `part-00000` and on, and `_SUCCESS` when all are
    /// complete. Without it, standard output is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

/// A task with a name.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The task's name; its result stands under it in the status.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// A program and its arguments, without a shell.
    #[schemars(length(min = 1, max = 1024), inner(length(max = 131_072)))]
    pub command: Vec<String>,
}

/// What a stage reads. Exactly one field is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.text), has(self.uri), has(self.stage)].filter(set, set).size() == 1").message("an input has exactly one of text, uri and stage"))]
pub struct Input {
    /// The text itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub text: Option<String>,

    /// Files: a URI or a path below the job's work URI, where `*`, `?` and `[…]` match within a name
    /// and `**` across folders. They are listed once; every attempt reads the same bytes. Files that
    /// end in `.gz` are unpacked and never split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub uri: Option<String>,

    /// An earlier stage: its output, or when it has none its results, a line or more each, in the
    /// order of the partitions. This stage then depends on that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub stage: Option<String>,
}

/// Where a stage writes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// A folder: a URI or a path below the job's work URI. Defaults to the stage's name. It has to
    /// be new, or this job's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub uri: Option<String>,
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

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            kind: RestartKind::default(),
            on_failure_retries: three(),
            on_failure_retry_interval_seconds: ten(),
        }
    }
}

impl Stage {
    /// The number of tasks.
    pub fn task_count(&self) -> i32 {
        if self.tasks.is_empty() {
            self.partitions.unwrap_or(1)
        } else {
            i32::try_from(self.tasks.len()).unwrap_or(i32::MAX)
        }
    }

    /// What a partition is called in results and logs: its task's name, or its number.
    pub fn task_name(&self, partition: u32) -> String {
        usize::try_from(partition)
            .ok()
            .and_then(|index| self.tasks.get(index))
            .map_or_else(|| partition.to_string(), |task| task.name.clone())
    }
}

impl JobState {
    /// Whether the job will not change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

fn one() -> i32 {
    1
}

fn two() -> i32 {
    2
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

fn thirty() -> i64 {
    30
}

fn three_seconds() -> i64 {
    3
}

fn sixty() -> i64 {
    60
}

fn six_hundred() -> i64 {
    600
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

fn three_hundred() -> i64 {
    300
}

fn one_gibibyte() -> Quantity {
    Quantity::from_bytes(1 << 30)
}
