//! The settings of the operator: the file that `proffer operator --config FILE` reads.
//!
//! ```yaml
//! apiVersion: config.proffer.dev/v1alpha1
//! kind: OperatorConfiguration
//! scheduling:
//!   offerTimeoutSeconds: 30
//! ```
//!
//! Everything has a default, and what is not known is refused with its line: a setting with a typo
//! in its name would otherwise do nothing, and nobody would hear of it. The schema of these types is
//! also that of `config` in the values of the Helm chart.

mod check;
mod executor;
mod mesos;
mod scheduling;

use std::path::Path;

use proffer_core::engine::Settings;
use proffer_core::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifests::{ManifestErrors, document, read_text};

pub use executor::{Executor, ImagePullPolicy, ImagePullSecret};
pub use mesos::{Mesos, MesosLimits, MesosTraffic, Privileges, Tls};
pub use scheduling::{Fairness, Reclaim, ReclaimPolicy, Scheduling};

/// The version of the file.
pub const API_VERSION: &str = "config.proffer.dev/v1alpha1";

/// The kind of the file.
pub const KIND: &str = "OperatorConfiguration";

/// How the operator works.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Configuration {
    /// The version of this file: `config.proffer.dev/v1alpha1`.
    pub api_version: ApiVersion,

    /// The kind of this file: `OperatorConfiguration`.
    pub kind: Kind,

    /// How replicas agree which of them decides.
    pub leader_election: LeaderElection,

    /// Where probes and metrics are served.
    pub http: Http,

    /// What is logged and how.
    pub logging: Logging,

    /// What the pods of executors have in common.
    pub executor: Executor,

    /// How much is asked of the API server.
    pub client: Client,

    /// Who gets what, and when.
    pub scheduling: Scheduling,

    /// What the operator sees.
    pub watch: Watch,

    /// The pool of jobs that name none.
    pub default_pool: DefaultPool,

    /// How software written for Apache Mesos is served.
    pub mesos: Mesos,
}

/// The version of the file; the type says that there is no other one.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiVersion {
    /// The first version.
    #[default]
    #[serde(rename = "config.proffer.dev/v1alpha1")]
    V1Alpha1,
}

/// The kind of the file; the type says that there is no other one.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The settings of an operator.
    #[default]
    OperatorConfiguration,
}

/// How replicas agree which of them decides. The defaults are those of client-go.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LeaderElection {
    /// Whether there is an election. Without one there must never be two operators at once.
    pub enabled: bool,

    /// The name of the Lease.
    #[schemars(length(min = 1, max = 253))]
    pub lease_name: String,

    /// The namespace of the Lease. Defaults to that of the operator's pod (`POD_NAMESPACE`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,

    /// How long others wait after the last renewal before one of them takes over.
    #[schemars(range(min = 1, max = 3600))]
    pub lease_duration_seconds: u32,

    /// How long the leader goes on without being able to renew; less than `leaseDurationSeconds`.
    #[schemars(range(min = 1, max = 3600))]
    pub renew_deadline_seconds: u32,

    /// How long to wait between two attempts; less than `renewDeadlineSeconds`.
    #[schemars(range(min = 1, max = 3600))]
    pub retry_period_seconds: u32,
}

/// Where probes and metrics are served.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Http {
    /// The address and port of `/healthz`, `/readyz` and `/metrics`, such as `0.0.0.0:8080`, or
    /// `[::]:8080` for both families of addresses.
    #[schemars(length(min = 1, max = 253))]
    pub address: String,
}

/// What is logged and how. `RUST_LOG`, where it is set, says more exactly what.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Logging {
    /// `text` for people, `json` for machines: an object a line.
    pub format: LogFormat,

    /// The least important messages that are logged: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: LogLevel,
}

/// How the log is written.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// How important a message is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Something has to be looked at.
    Error,
    /// Something went wrong that is dealt with.
    Warn,
    /// What was decided.
    #[default]
    Info,
    /// What led to it.
    Debug,
    /// Everything.
    Trace,
}

/// How much is asked of the API server, whose own limits (priority and fairness) hold in any case.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Client {
    /// The most writes a second, over a while.
    #[schemars(range(min = 1, max = 10_000))]
    pub writes_per_second: u32,

    /// The most writes that are on their way at once.
    #[schemars(range(min = 1, max = 1000))]
    pub max_concurrent_writes: u32,

    /// How long to wait for what was written to be seen before it is written again.
    #[schemars(range(min = 1, max = 3600))]
    pub write_deadline_seconds: u32,

    /// The least time between two versions of one job's status. The first change and the end are
    /// written at once.
    #[schemars(range(min = 0, max = 60_000))]
    pub status_interval_milliseconds: u32,
}

/// What the operator sees.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Watch {
    /// The namespaces whose jobs are served; all of them if none is named. What else runs on nodes
    /// is seen in all namespaces, as it takes room.
    #[schemars(length(max = 256), inner(length(min = 1, max = 63)))]
    pub namespaces: Vec<String>,
}

/// The pool of jobs that name none.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DefaultPool {
    /// Whether the operator makes the pool `default` when there is none. It never changes one.
    pub create: bool,
}

impl Configuration {
    /// Reads settings from a text; errors call it by the name `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestErrors> {
        let read = document::read::<Self>(file, text, &schema())?;
        document::refuse(check::problems(&read))?;
        Ok(read.object)
    }

    /// The settings of the engine.
    pub fn settings(&self) -> Settings {
        Settings {
            status_interval_milliseconds: Span::from_milliseconds(
                self.client.status_interval_milliseconds.into(),
            ),
            write_deadline_milliseconds: Some(scheduling::milliseconds(
                self.client.write_deadline_seconds,
            )),
            ..self.scheduling.settings()
        }
    }
}

/// Reads the settings of a file.
pub fn load(path: &Path) -> anyhow::Result<Configuration> {
    let (name, text) = read_text(path)?;
    Ok(Configuration::parse(&name, &text)?)
}

/// The schema of the file. A file says its version and kind.
pub fn schema() -> Value {
    let schema = schemars::generate::SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(kube::core::schema::StructuralSchemaRewriter)
        .with_transform(kube::core::schema::OptionalEnum)
        .into_generator()
        .into_root_schema_for::<Configuration>();
    let mut schema = schema.to_value();
    schema["required"] = ["apiVersion", "kind"].into_iter().collect();
    close(&mut schema);
    schema
}

/// Says again that there are no other fields; in the schemas of Kubernetes that goes without saying.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        fields.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if let Some(items) = fields.get_mut("items") {
        close(items);
    }
}

impl Default for LeaderElection {
    fn default() -> Self {
        Self {
            enabled: true,
            lease_name: "proffer-operator".to_owned(),
            namespace: None,
            lease_duration_seconds: 15,
            renew_deadline_seconds: 10,
            retry_period_seconds: 2,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { address: "0.0.0.0:8080".to_owned() }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self {
            writes_per_second: 100,
            max_concurrent_writes: 16,
            write_deadline_seconds: 30,
            status_interval_milliseconds: 1000,
        }
    }
}

impl Default for DefaultPool {
    fn default() -> Self {
        Self { create: true }
    }
}

#[cfg(test)]
mod tests;
