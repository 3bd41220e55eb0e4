//! Apache Mesos's resource offers on Kubernetes: the operator's adapters and its command line.
//!
//! Decisions are made in `proffer_core`; here is what it needs to see and do:
//!
//! - [`kubernetes`] is a cluster, [`web`] its probes and metrics, and what the Mesos API counts.
//! - [`local`] makes this machine a cluster, with processes for executors.
//! - [`convert`] is the way between the API's types and the engine's.
//! - `master` serves frameworks that speak Mesos's HTTP API.
//! - [`manifests`] reads files as an API server would.
//! - [`configuration`] is the file that says how the operator works.
//! - [`simulate`] replays traces of jobs on virtual time.
//! - [`cli`] is the command line.
//!
//! All of it prints through `terminal`.

// What is counted.
pub mod web;

// What uses nothing else here.
mod clock;
pub mod crds_output;
pub mod manifests;
mod master;
mod record;
mod terminal;

// Objects and files as the engine wants them.
pub mod configuration;
pub mod convert;

// The log, which follows the file.
pub mod logging;

// Clusters.
pub mod kubernetes;
pub mod local;

// Clusters that are played, from the same files as a local one.
pub mod simulate;

// What people call.
pub mod cli;

#[cfg(test)]
mod fuzz;
