//! Proffer on a real Kubernetes cluster: `tests/cluster/README.md` says on which.
//!
//! They use a cluster that is there, and are ignored where there is none. `PROFFER_TEST_CLUSTER=required`
//! builds one, and fails if that is not possible; `skip` leaves the tests out; `installed` takes the cluster
//! as it is, with what is installed there.

// All of this is test code, helpers included.
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(clippy::needless_pass_by_value, reason = "a test is given what it needs")]

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

fn main() -> std::process::ExitCode {
    proffer_test_harness::run([
        adoption::tests(),
        bad_manifests::tests(),
        contract::tests(),
        examples::tests(),
        executors::tests(),
        gates::tests(),
        lifecycle::tests(),
        mesos::tests(),
        nodes::tests(),
        operators::tests(),
        pools::tests(),
        refusals::tests(),
        release::tests(),
        rights::tests(),
        spark::tests(),
        spark_on_mesos::tests(),
    ])
}
