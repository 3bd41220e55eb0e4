//! Proffer on a real Kubernetes cluster: `tests/cluster/README.md` says on which.
//!
//! Without one, the tests say so and pass. `PROFFER_TEST_CLUSTER=required` makes that a failure, `skip`
//! leaves them out where there is one.

// All of this is test code, helpers included.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cluster;
mod examples;
mod executors;
mod namespace;
mod processes;
