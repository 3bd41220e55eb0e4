//! How software written for Apache Mesos is served.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How software written for Apache Mesos is served: the HTTP API of a Mesos master.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // Switches of a file that people write.
pub struct Mesos {
    /// Whether it is served, by the operator that decides.
    pub enabled: bool,

    /// Where it is served. Whoever can reach it can run pods, so other addresses than loopback ones need
    /// `credentialsFile`, or `allowAnonymous`.
    #[schemars(length(min = 1, max = 253))]
    pub address: String,

    /// The host by which frameworks and executors reach it, such as the name of a Service. Defaults to
    /// the address of the operator's pod (`POD_IP`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub advertised_host: Option<String>,

    /// Further hosts by which it may be called, such as the name of an Ingress. Requests for others are
    /// refused; `advertisedHost`, `localhost` and the address are always taken, and every address if it is
    /// served at all of them.
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub hosts: Vec<String>,

    /// Whether answers may be calls of the function that `?jsonp=NAME` names, which pages of others can
    /// read.
    pub jsonp: bool,

    /// The namespace of frameworks and their tasks, for principals whose credentials name none. It has
    /// to exist.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,

    /// A file of principals, as `{"credentials": [{"principal": …, "secret": …}]}`. With a list of
    /// `roles`, a principal may use these and those below, but not change the cluster; `namespace` is
    /// where its frameworks and tasks are; with a number `qps` it may call so often in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub credentials_file: Option<String>,

    /// Whether anybody is served who can reach the address, without credentials.
    pub allow_anonymous: bool,

    /// What connections are encrypted with; without it they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// The least time for which a framework that went away is waited for before its tasks are killed,
    /// whatever its `failover_timeout` says. With 0 that alone counts.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub minimum_failover_seconds: u32,

    /// The image of tasks that name none. Defaults to `executor.defaultImage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub default_image: Option<String>,

    /// The user that tasks run as whose own user is no number. With -1, images decide.
    #[schemars(range(min = -1, max = 2_147_483_647))]
    pub run_as_user: i64,

    /// Whether the ports that tasks hold are ports of the node. Namespaces that enforce the Pod Security
    /// Standards `baseline` or `restricted` allow none.
    pub host_ports: bool,

    /// What one principal may make others carry.
    pub limits: MesosLimits,

    /// How long jobs of frameworks that have ended stay.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: u32,
}

/// What one principal may make others carry. What is more is refused.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MesosLimits {
    /// How many frameworks it has at most, with those that are gone and remembered.
    #[schemars(range(min = 1, max = 100_000))]
    pub frameworks: u32,

    /// How much these say of themselves at most, in MiB: names, labels, offer constraints.
    #[schemars(range(min = 1, max = 65_536))]
    pub framework_mebibytes: u32,

    /// How much their tasks are at most until they have ended, in MiB: commands, data, labels.
    #[schemars(range(min = 1, max = 65_536))]
    pub task_mebibytes: u32,
}

impl Default for MesosLimits {
    fn default() -> Self {
        Self { frameworks: 1000, framework_mebibytes: 16, task_mebibytes: 128 }
    }
}

/// What connections are encrypted with, in PEM.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// The file of the certificate, with those above it.
    #[schemars(length(min = 1, max = 1024))]
    pub certificate_file: String,

    /// The file of its private key.
    #[schemars(length(min = 1, max = 1024))]
    pub key_file: String,
}

impl Default for Mesos {
    fn default() -> Self {
        Self {
            enabled: false,
            address: "0.0.0.0:5050".to_owned(),
            advertised_host: None,
            hosts: Vec::new(),
            jsonp: false,
            namespace: "default".to_owned(),
            credentials_file: None,
            allow_anonymous: false,
            tls: None,
            minimum_failover_seconds: 60,
            default_image: None,
            run_as_user: 65532,
            host_ports: true,
            limits: MesosLimits::default(),
            ttl_seconds_after_finished: 86_400,
        }
    }
}
