//! The real program, with real processes.

// All of this is test code, helpers included.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bad_input;
mod chart;
mod command_line;
mod executors;
mod faults;
mod files;
mod java;
mod local;
mod mesos;
mod reclaim;
mod run;
mod scenarios;
mod simulate;
mod spark;
mod spark_submit;
