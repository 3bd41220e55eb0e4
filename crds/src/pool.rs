//! `ResourcePool`: a team's share of the cluster, Mesos's role.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Quantity;
use crate::rules;

/// A ResourcePool is a team's share of the cluster: Mesos's role. The pool `a.dev` is the role
/// `a/dev`: its parent is the pool `a`, and what it uses counts for `a` too. Jobs in pools are
/// offered resources in hierarchical dominant-resource-fair order.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "proffer.dev",
    version = "v1alpha1",
    doc = "A ResourcePool is a team's share of the cluster.",
    kind = "ResourcePool",
    shortname = "rp",
    category = "proffer",
    status = "ResourcePoolStatus",
    derive = "PartialEq",
    printcolumn(name = "Weight", type_ = "string", json_path = ".spec.weight"),
    printcolumn(name = "Share", type_ = "string", json_path = ".status.dominantShare"),
    printcolumn(name = "Running", type_ = "integer", json_path = ".status.runningJobs"),
    printcolumn(name = "Pending", type_ = "integer", json_path = ".status.pendingJobs"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ResourcePoolSpec {
    /// The pool's weight against its siblings: a pool of weight 2 gets twice the share of a pool of
    /// weight 1. A decimal, quoted when it has a point ("0.5"). A pool of weight 0 gets only what
    /// all others leave. Defaults to 1.
    #[serde(default = "one")]
    #[x_kube(validation = rules::between("weight", "0", "1000000"))]
    pub weight: Quantity,

    /// Resources that the pool and its children get before shares are compared. What is not used is
    /// kept free for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = rules::none_negative("guarantee"))]
    #[schemars(extend("maxProperties" = 16))]
    pub guarantee: BTreeMap<String, Quantity>,

    /// The most that the pool and its children may use together. A resource that is not named is
    /// unlimited.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = rules::none_negative("limit"))]
    #[schemars(extend("maxProperties" = 16))]
    pub limit: BTreeMap<String, Quantity>,

    /// How the jobs and children of the pool are compared: `Hdrf`, hierarchical DRF with weights, or
    /// `Drf`, as Mesos compares roles. Defaults to that of the parent, and at the top to that of the
    /// operator, which is `Hdrf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness: Option<Fairness>,
}

/// How the jobs and children of a pool are compared.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fairness {
    /// Hierarchical DRF with weights: children with different dominant resources do not pay for
    /// each other.
    Hdrf,
    /// As Mesos does: what a pool's children hold adds up, and of equal shares the one comes first
    /// that was given something less often.
    Drf,
}

/// What a pool holds and how that compares.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ResourcePoolStatus {
    /// The generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// What the executors of the pool's subtree hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocated: BTreeMap<String, Quantity>,

    /// The largest of the pool's shares over all resources, between 0 and 1, before weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominant_share: Option<String>,

    /// Jobs of the subtree that hold executors.
    #[serde(default)]
    pub running_jobs: i32,

    /// Jobs of the subtree that wait for their first executor.
    #[serde(default)]
    pub pending_jobs: i32,

    /// What is true of the pool: `Active` (its settings make sense), `GuaranteeMet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl Default for ResourcePoolSpec {
    fn default() -> Self {
        Self { weight: one(), guarantee: BTreeMap::new(), limit: BTreeMap::new(), fairness: None }
    }
}

fn one() -> Quantity {
    Quantity::from_milli(1000)
}
