//! Proffer on a real Kubernetes cluster: `tests/cluster/README.md` says on which.
//!
//! Without one, the tests say so and pass. `PROFFER_TEST_CLUSTER=required` makes that a failure, `skip`
//! leaves them out, and `installed` takes the cluster as it is, with what is installed there.

// All of this is test code, helpers included.
#![allow(clippy::unwrap_used, clippy::panic)]

mod adoption;
mod bad_manifests;
mod cluster;
mod contract;
mod examples;
mod executors;
mod gates;
mod lifecycle;
mod mesos;
mod namespace;
mod nodes;
mod operators;
mod pools;
mod processes;
mod refusals;
mod release;
mod rights;
mod spark;
mod spark_on_mesos;
