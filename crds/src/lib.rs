//! The API types of Proffer: the custom resources of the group `proffer.dev`.
//!
//! `SparkJob` (what runs) ─► `ResourcePool` (who shares) and `SparkExecutor` (where it runs).
//!
//! The doc comments of fields are what `kubectl explain` prints. The YAML files beside this crate
//! are generated from these types by `proffer crds`; a test fails when they are stale.

// The KubeSchema derive repeats each struct in a private scope, as `pub`.
#![allow(unreachable_pub)]
// The names of kinds are plain words in what `kubectl explain` prints.
#![allow(clippy::doc_markdown)]
// Columns of one type are repeated attributes to the lint.
#![allow(clippy::duplicated_attributes)]

// Words.
pub mod pod;
pub mod quantity;
mod ranges;
mod rules;

// What each kind of object, and each kind of job, says.
pub mod executor;
pub mod mesos;
pub mod pool;
pub mod spark;

// A job of any kind.
pub mod job;

// All kinds, as the API server is told of them.
mod definitions;

pub use definitions::definitions;
pub use executor::{SparkExecutor, SparkExecutorSpec, SparkExecutorStatus};
pub use job::{SparkJob, SparkJobSpec, SparkJobStatus};
pub use pool::{ResourcePool, ResourcePoolSpec, ResourcePoolStatus};
pub use quantity::Quantity;

/// The API group of every resource here.
pub const GROUP: &str = "proffer.dev";

/// The pool of jobs that name none.
pub const DEFAULT_POOL: &str = "default";

fn default_pool() -> String {
    DEFAULT_POOL.to_owned()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
