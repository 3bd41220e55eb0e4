//! The API types of Proffer: the custom resources of the group `proffer.dev`.
//!
//! `SparkJob` (what runs) ─► `ResourcePool` (who shares) and `SparkExecutor` (where it runs).
//!
//! The doc comments of fields are what `kubectl explain` prints. The YAML files beside this crate
//! are generated from these types by `proffer crds`; a test fails when they are stale.

// The KubeSchema derive repeats each struct in a private scope, as `pub`.
#![allow(unreachable_pub)]

pub mod executor;
pub mod job;
pub mod pool;
pub mod quantity;
mod ranges;
mod rules;

pub use executor::{SparkExecutor, SparkExecutorSpec, SparkExecutorStatus};
pub use job::{SparkJob, SparkJobSpec, SparkJobStatus};
pub use pool::{ResourcePool, ResourcePoolSpec, ResourcePoolStatus};
pub use quantity::Quantity;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// The API group of every resource here.
pub const GROUP: &str = "proffer.dev";

/// The pool of jobs that name none.
pub const DEFAULT_POOL: &str = "default";

/// The definitions of all custom resources, each with the name of its file in `crds/`.
pub fn definitions() -> [(&'static str, CustomResourceDefinition); 3] {
    [
        ("sparkjobs.yaml", SparkJob::crd()),
        ("resourcepools.yaml", ResourcePool::crd()),
        ("sparkexecutors.yaml", SparkExecutor::crd()),
    ]
}

fn default_pool() -> String {
    DEFAULT_POOL.to_owned()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
