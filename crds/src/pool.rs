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
    printcolumn(name = "Fair", type_ = "string", json_path = ".status.fairShare"),
    printcolumn(
        name = "Guarantee met",
        type_ = "boolean",
        json_path = ".status.guaranteeMet",
        priority = 1
    ),
    printcolumn(name = "Running", type_ = "integer", json_path = ".status.runningJobs"),
    printcolumn(name = "Pending", type_ = "integer", json_path = ".status.pendingJobs"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.guarantee) || !has(self.limit) || self.guarantee.all(name, !(name in self.limit) || quantity(string(self.guarantee[name])).compareTo(quantity(string(self.limit[name]))) <= 0)").message("no guarantee is above the limit for the same resource"))]
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

    /// The nodes that jobs of the pool and its children may use: those that have all of these labels,
    /// and those that the pool's parents ask for. Without it, all nodes of the parent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub node_selector: BTreeMap<String, String>,

    /// Room that is kept for the pool and its children on each node that matches, whether they use it
    /// or not. What is kept counts towards their guarantee. A child's reservation lies inside its
    /// parent's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub reservations: Vec<PoolReservation>,

    /// The namespaces whose jobs may use the pool; such a namespace may use only pools that name it.
    /// Without it, those of the parent, or else all namespaces that no pool names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Vec<String>,

    /// What jobs of the pool may ask for beyond the nodes that there are, so that an autoscaler adds
    /// some: when an executor fits on no node although the limit allows it, it is created without
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic: Option<Elastic>,

    /// What becomes of the guarantee while nobody uses it. With `Hold`, the default, all of it is
    /// kept free, as Mesos does. With `Lend` only what waiting jobs ask for is kept free; others use
    /// the rest, and `reclaim` brings it back.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub idle_guarantee: IdleGuarantee,

    /// How the pool gets back what other pools hold. What is left out is as in the pool above; at the
    /// top guarantees are taken back, after 30 seconds, with a minute to drain.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub reclaim: Reclaim,
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

/// Room that is kept for a pool on every node that matches.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PoolReservation {
    /// The labels of the nodes, beside those that the pool's nodes have anyway. Without it, all nodes
    /// that the pool may use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub node_selector: BTreeMap<String, String>,

    /// What is kept on each of them.
    #[x_kube(validation = rules::none_negative("resources"))]
    #[schemars(extend("maxProperties" = 16))]
    pub resources: BTreeMap<String, Quantity>,
}

/// How much of a pool may wait for nodes that do not exist yet.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Elastic {
    /// The most that executors without a node may hold at once, for the pool and its children
    /// together. A resource that is not named is not bounded by this.
    #[x_kube(validation = rules::none_negative("upTo"))]
    #[schemars(extend("maxProperties" = 16))]
    pub up_to: BTreeMap<String, Quantity>,
}

/// What becomes of a guarantee while nobody uses it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdleGuarantee {
    /// It is kept free.
    #[default]
    Hold,
    /// Others may use it until it is reclaimed.
    Lend,
}

/// How a pool gets back what other pools hold: executors of pools that hold more than is theirs
/// drain, and what they leave is kept for the job that waits.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Reclaim {
    /// What is taken back: nothing (`Never`), what is guaranteed (`Guarantee`), or that and the share
    /// by weight (`FairShare`; jobs of the pool take from each other, too: higher priorities from
    /// lower ones, and equal ones until their shares are equal).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ReclaimPolicy>,

    /// How long the pool waits below what is its own before anything is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 604_800))]
    pub grace_period_seconds: Option<i64>,

    /// How long tasks of others may run on before they are cut off. They are run again, and nothing
    /// is held against them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 604_800))]
    pub drain_seconds: Option<i64>,
}

/// What a pool takes back.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReclaimPolicy {
    /// Nothing.
    Never,
    /// What it is guaranteed.
    Guarantee,
    /// What it is guaranteed, and its share.
    FairShare,
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

    /// What the pool reserves on all nodes together, whether its subtree holds it or not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reserved: BTreeMap<String, Quantity>,

    /// The largest of the pool's shares over all resources, between 0 and 1, before weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominant_share: Option<String>,

    /// What that would be if all that jobs hold or want were given out anew. A pool that does not want
    /// more has no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fair_share: Option<String>,

    /// What of `allocated` is in offers that Mesos frameworks have not answered yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offered: BTreeMap<String, Quantity>,

    /// Whether the subtree holds what it is guaranteed, or wants no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee_met: Option<bool>,

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
        Self {
            weight: one(),
            guarantee: BTreeMap::new(),
            limit: BTreeMap::new(),
            node_selector: BTreeMap::new(),
            reservations: Vec::new(),
            namespaces: Vec::new(),
            elastic: None,
            fairness: None,
            idle_guarantee: IdleGuarantee::default(),
            reclaim: Reclaim::default(),
        }
    }
}

fn one() -> Quantity {
    Quantity::from_milli(1000)
}
