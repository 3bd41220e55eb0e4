//! How software written for Apache Mesos is served.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::master::Limits;
use crate::master::door::Traffic;

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
    /// `roles`, a principal may use these and those below, and sees what is in them, but does not change the
    /// cluster; `view` is what it sees beside that, as `"all"` or a list of `view_frameworks`, `view_tasks`,
    /// `view_executors`, `view_roles` and `access_sandboxes`; `namespace` is where its frameworks and tasks
    /// are; with a number `qps` it may call so often in a second. A changed file is read within seconds.
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

    /// The user that tasks run as whose own user is no number. With -1, images decide, but for root.
    #[schemars(range(min = -1, max = 2_147_483_647))]
    pub run_as_user: i64,

    /// Whether the ports that tasks hold are ports of the node, which `privileges.hostPorts` has to allow;
    /// otherwise they are ports of the task's own pod. Namespaces that enforce the Pod Security Standards
    /// `baseline` or `restricted` allow none of the node.
    pub host_ports: bool,

    /// What one principal may make others carry.
    pub limits: MesosLimits,

    /// Whose tasks may do what reaches beyond their pods. By default nobody's.
    pub privileges: Privileges,

    /// How long jobs of frameworks that have ended stay.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: u32,

    /// How much there may be at once. What is beyond it waits for some seconds, and is then refused with 429
    /// or 503 and `Retry-After`. A body that does not say how long it is does not wait.
    pub traffic: MesosTraffic,
}

/// How much there may be at once of connections, requests and what they hold. The last tenth is for those
/// who have little of it. Without credentials, each address counts as a principal.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MesosTraffic {
    /// Connections of those who have said who they are; less if the process may not have so many files.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub connections: u32,

    /// Connections of each principal. Those of its frameworks' executors count by themselves.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub connections_per_principal: u32,

    /// Connections of the executors of each principal's frameworks. One that speaks the v1 API has two.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub connections_of_executors: u32,

    /// Connections of those who have not said who they are. When there are more, the oldest one is closed, of
    /// the address that has most.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub unknown_connections: u32,

    /// How long a connection may be open before it says who it is, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub unknown_seconds: u32,

    /// Requests that are not answered yet.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub requests: u32,

    /// Those of each principal.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub requests_per_principal: u32,

    /// Answers that are on their way to those who read `/state`, files and the like.
    #[schemars(range(min = 10, max = 10_000))]
    pub answers: u32,

    /// Those of each principal.
    #[schemars(range(min = 1, max = 10_000))]
    pub answers_per_principal: u32,

    /// Bodies of requests that are not answered yet, in MiB. A byte counts 16 times, as what it says can take
    /// so much room, and at most 128 MiB.
    #[schemars(range(min = 256, max = 1_048_576))]
    pub body_mebibytes: u32,

    /// Those of each principal.
    #[schemars(range(min = 128, max = 1_048_576))]
    pub body_mebibytes_per_principal: u32,
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

/// Whose tasks may do what reaches beyond their pods: principals by their names, or `*` for all, with those
/// who have none. A name that nobody had to prove, as with `allowAnonymous`, counts for nothing.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Privileges {
    /// Whose tasks may run as root.
    #[schemars(length(max = 1000), inner(length(min = 1, max = 253)))]
    pub root: Vec<String>,

    /// Whose tasks may use the network of their node.
    #[schemars(length(max = 1000), inner(length(min = 1, max = 253)))]
    pub host_network: Vec<String>,

    /// Whose tasks may take ports of their node.
    #[schemars(length(max = 1000), inner(length(min = 1, max = 253)))]
    pub host_ports: Vec<String>,
}

/// What connections are encrypted with, in PEM. If there is a file `ca.crt` beside the certificate, executors
/// of frameworks' own check the certificate by that.
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
            host_ports: false,
            limits: MesosLimits::default(),
            privileges: Privileges::default(),
            ttl_seconds_after_finished: 86_400,
            traffic: MesosTraffic::default(),
        }
    }
}

impl Default for MesosTraffic {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_principal: 2500,
            connections_of_executors: 5000,
            unknown_connections: 1000,
            unknown_seconds: 10,
            requests: 1024,
            requests_per_principal: 256,
            answers: 64,
            answers_per_principal: 24,
            body_mebibytes: 512,
            body_mebibytes_per_principal: 128,
        }
    }
}

impl From<&MesosLimits> for Limits {
    fn from(limits: &MesosLimits) -> Self {
        let bytes = |mebibytes: u32| (mebibytes as usize) << 20;
        Self {
            frameworks: limits.frameworks as usize,
            framework_bytes: bytes(limits.framework_mebibytes),
            task_bytes: bytes(limits.task_mebibytes),
        }
    }
}

impl From<&MesosTraffic> for Traffic {
    fn from(traffic: &MesosTraffic) -> Self {
        Self {
            connections: traffic.connections,
            connections_each: traffic.connections_per_principal,
            connections_of_executors: traffic.connections_of_executors,
            unknown_connections: traffic.unknown_connections,
            unknown_seconds: traffic.unknown_seconds,
            requests: traffic.requests,
            requests_each: traffic.requests_per_principal,
            answers: traffic.answers,
            answers_each: traffic.answers_per_principal,
            body_mebibytes: traffic.body_mebibytes,
            body_mebibytes_each: traffic.body_mebibytes_per_principal,
        }
    }
}
