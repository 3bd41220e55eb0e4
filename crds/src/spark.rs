//! The genuine Apache Spark as the work of a `SparkJob`. Names are those that users of Kubeflow's
//! `SparkApplication` know.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pod::{EnvVar, PodTemplate, opaque};
use crate::rules;

/// An application of Apache Spark, 3.5 to 4.3. Proffer makes the driver's pod as Spark's own cluster
/// mode would; the driver asks for executors, and the job's pool offers them nodes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.mainApplicationFile) != has(self.mainApplicationConfigMap)").message("a Spark application has either mainApplicationFile or mainApplicationConfigMap"),
    validation = Rule::new("has(self.mainClass) != (has(self.mainApplicationFile) && (self.mainApplicationFile.endsWith('.py') || self.mainApplicationFile.endsWith('.R')) || has(self.mainApplicationConfigMap) && !self.mainApplicationConfigMap.key.endsWith('.jar'))").message("mainClass says which class of a jar has the main method; a Python or R file has none"),
    validation = Rule::new("!has(self.executor) || !has(self.executor.instances) || !has(self.dynamicAllocation) || !self.dynamicAllocation.enabled").message("with dynamicAllocation the number of executors is initialExecutors, minExecutors and maxExecutors, not executor.instances"),
    validation = Rule::new("!has(self.conf) || !('spark.task.cpus' in self.conf) || !self.conf['spark.task.cpus'].matches('^[0-9]{1,9}$') || int(self.conf['spark.task.cpus']) <= (has(self.executor) && has(self.executor.cores) ? self.executor.cores : 1)").message("spark.task.cpus is at most executor.cores, or no executor could run a task")
)]
pub struct SparkApplication {
    /// The version of Spark in the image, such as `4.3.0`: 3.5 to 4.3.
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^(3[.]5|4[.][0-3])([.][0-9]+)?$')").message("sparkVersion is between 3.5 and 4.3, such as 3.5.9 or 4.3.0"))]
    pub spark_version: String,

    /// The image of driver and executors, with Spark in `/opt/spark` and the entry point of Spark's
    /// own images, such as `apache/spark:4.3.0`. It runs as their user, 185, unless the templates'
    /// `securityContext` says otherwise.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,

    /// The program: the URI of a Python file, of an R file or of a jar, such as
    /// `local:///opt/spark/examples/src/main/python/pi.py`, where `local` is the image's own files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z][a-z0-9+.-]*:/')").message("mainApplicationFile is a URI such as local:///opt/spark/work/app.py or s3a://bucket/app.jar"))]
    pub main_application_file: Option<String>,

    /// The program as a key of a ConfigMap in the job's namespace, whose name ends in `.py`, `.R` or
    /// `.jar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_application_config_map: Option<ConfigMapKey>,

    /// The class with the main method, of a jar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub main_class: Option<String>,

    /// The program's arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 32_768)))]
    pub arguments: Vec<String>,

    /// Spark's settings, as in `spark-defaults.conf`. What Proffer decides, such as the master and the
    /// names of pods, cannot be set here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 256, "additionalProperties" = {"type": "string", "maxLength": 4096}))]
    #[x_kube(
        validation = rules::decided_settings(),
        validation = rules::settings_with_fields(),
        validation = rules::memory_settings(),
        validation = rules::sensible_memory_settings(),
        validation = rules::heap_options(),
        validation = Rule::new("!('spark.shuffle.service.enabled' in self) || self['spark.shuffle.service.enabled'] != 'true'").message("spark.shuffle.service.enabled needs a shuffle service on each node, which Kubernetes does not have; executors hand their shuffle files on")
    )]
    pub conf: BTreeMap<String, String>,

    /// The driver.
    #[serde(default)]
    pub driver: Driver,

    /// The executors.
    #[serde(default)]
    pub executor: Executor,

    /// Lets Spark ask for as many executors as there is work for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_allocation: Option<DynamicAllocation>,

    /// What the program needs beside its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deps: Option<Dependencies>,

    /// A ConfigMap in the job's namespace with Hadoop's files, such as `core-site.xml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub hadoop_config_map: Option<String>,

    /// Where the events of the application go for a history server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_log: Option<EventLog>,
}

/// A key of a ConfigMap.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKey {
    /// The ConfigMap's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The key, such as `app.py`.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+\.(py|R|jar)$"))]
    pub key: String,
}

/// The driver of an application.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Driver {
    /// The driver's cores. Defaults to 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1024))]
    pub cores: i32,

    /// The cpu that its pod requests, such as `500m`. Defaults to one per core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::cpu_request("coreRequest"))]
    pub core_request: Option<String>,

    /// The heap of the driver's JVM, such as `512m` or `4g`. Defaults to `1g`.
    #[serde(default = "one_gigabyte")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::jvm_memory("memory"), validation = rules::sensible_jvm_memory("memory"))]
    pub memory: String,

    /// The memory beside the heap. Defaults to a tenth of it, four tenths for Python and R, and at
    /// least 384m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::jvm_memory("memoryOverhead"), validation = rules::sensible_jvm_memory("memoryOverhead"))]
    pub memory_overhead: Option<String>,

    /// The service account of the driver. Defaults to `proffer-spark`, which Proffer makes; either is
    /// given the rights to make executors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account: Option<String>,

    /// Environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,

    /// What else the driver's pod has. Its container is `spark-kubernetes-driver`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "opaque")]
    pub template: Option<PodTemplate>,
}

/// The executors of an application.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Executor {
    /// How many executors there are. Defaults to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub instances: Option<i32>,

    /// How many tasks an executor runs at once. Defaults to 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1024))]
    pub cores: i32,

    /// The cpu that each pod requests, such as `500m`. Defaults to one per core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::cpu_request("coreRequest"))]
    pub core_request: Option<String>,

    /// The heap of each executor's JVM, such as `512m` or `4g`. Defaults to `1g`.
    #[serde(default = "one_gigabyte")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::jvm_memory("memory"), validation = rules::sensible_jvm_memory("memory"))]
    pub memory: String,

    /// The memory beside the heap. Defaults to a tenth of it, four tenths for Python and R, and at
    /// least 384m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::jvm_memory("memoryOverhead"), validation = rules::sensible_jvm_memory("memoryOverhead"))]
    pub memory_overhead: Option<String>,

    /// Environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,

    /// What else the executors' pods have. Their container is the first one, and Spark names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "opaque")]
    pub template: Option<PodTemplate>,
}

/// How the number of executors follows the work.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.minExecutors) || !has(self.maxExecutors) || self.minExecutors <= self.maxExecutors").message("minExecutors is at most maxExecutors"),
    validation = Rule::new("!has(self.initialExecutors) || !has(self.maxExecutors) || self.initialExecutors <= self.maxExecutors").message("initialExecutors is at most maxExecutors")
)]
pub struct DynamicAllocation {
    /// Whether it does.
    #[serde(default)]
    pub enabled: bool,

    /// How many executors the application starts with. Defaults to `minExecutors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub initial_executors: Option<i32>,

    /// How many it keeps. Defaults to 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub min_executors: Option<i32>,

    /// How many it asks for at most. Defaults to what the pool's limit has room for, at most 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_executors: Option<i32>,
}

/// What a program needs beside its file.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Dependencies {
    /// Jars for driver and executors, by URI.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 1024)))]
    pub jars: Vec<String>,

    /// Files for the working folder of executors, by URI.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 1024)))]
    pub files: Vec<String>,

    /// Python files, zip archives and eggs, by URI.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 1024)))]
    pub py_files: Vec<String>,

    /// Packages of a Maven repository, as `group:artifact:version`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 1024)))]
    pub packages: Vec<String>,

    /// Packages that are not fetched although others need them, as `group:artifact`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 1024)))]
    pub exclude_packages: Vec<String>,

    /// Further Maven repositories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 1024)))]
    pub repositories: Vec<String>,
}

/// Where the events of an application go.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EventLog {
    /// A folder that exists, by URI, which the history server reads.
    #[schemars(length(min = 1, max = 1024))]
    pub dir: String,

    /// The history server's address, for a link in the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub history_server: Option<String>,
}

/// What became of a Spark application.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationStatus {
    /// Spark's id of the last attempt.
    #[serde(default)]
    pub id: String,

    /// The driver's pod.
    #[serde(default)]
    pub driver_pod: String,

    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Lost`.
    #[serde(default)]
    pub driver_state: String,

    /// Executors that run.
    #[serde(default)]
    pub executors_running: i32,

    /// Executors that wait for an offer.
    #[serde(default)]
    pub executors_waiting: i32,

    /// The Service of the driver's page, as long as it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_service: Option<String>,

    /// The application's page of the history server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_link: Option<String>,

    /// When the driver's pod was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_time: Option<Time>,
}

/// What is held for an application whose executors' pods are not there yet.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Admission {
    /// The places, each for one executor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// A place for an executor.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The executor's index among those of the job; 0 is the driver.
    pub index: i32,

    /// How many executors had this index before.
    pub epoch: i32,

    /// The node.
    #[serde(default)]
    pub node: String,
}

impl Default for Driver {
    fn default() -> Self {
        Self {
            cores: one(),
            core_request: None,
            memory: one_gigabyte(),
            memory_overhead: None,
            service_account: None,
            env: Vec::new(),
            template: None,
        }
    }
}

impl Default for Executor {
    fn default() -> Self {
        Self {
            instances: None,
            cores: one(),
            core_request: None,
            memory: one_gigabyte(),
            memory_overhead: None,
            env: Vec::new(),
            template: None,
        }
    }
}

impl SparkApplication {
    /// Whether the program is not for the JVM: it needs more memory beside the heap.
    pub fn is_script(&self) -> bool {
        self.is_python() || self.has_extension("R")
    }

    /// Whether the program is in Python.
    pub fn is_python(&self) -> bool {
        self.has_extension("py")
    }

    fn has_extension(&self, extension: &str) -> bool {
        let found = Path::new(self.main_file()).extension();
        found.is_some_and(|found| found == extension)
    }

    /// The program's file, or the key of the ConfigMap.
    fn main_file(&self) -> &str {
        let key = self.main_application_config_map.as_ref().map(|it| it.key.as_str());
        self.main_application_file.as_deref().or(key).unwrap_or_default()
    }

    /// Whether Spark decides how many executors there are.
    pub fn is_dynamic(&self) -> bool {
        self.dynamic_allocation.as_ref().is_some_and(|it| it.enabled)
    }

    /// How many executors the application starts with.
    pub fn first_executors(&self) -> i32 {
        match self.dynamic_allocation.as_ref().filter(|it| it.enabled) {
            Some(dynamic) => {
                let least = dynamic.min_executors.unwrap_or(0);
                dynamic.initial_executors.unwrap_or(least).max(least)
            }
            None => self.executor.instances.unwrap_or(2),
        }
    }
}

fn one() -> i32 {
    1
}

fn one_gigabyte() -> String {
    "1g".to_owned()
}
