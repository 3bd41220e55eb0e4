//! The real program, with real processes.
//!
//! Some tests need software of others, as `.ci/run` installs it, and are ignored where it is not there.

// All of this is test code, helpers included.
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(clippy::needless_pass_by_value, reason = "a test is given what it needs")]

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
mod streams;

fn main() -> std::process::ExitCode {
    proffer_test_harness::run([
        bad_input::tests(),
        chart::tests(),
        command_line::tests(),
        executors::tests(),
        faults::tests(),
        files::tests(),
        java::tests(),
        local::tests(),
        mesos::tests(),
        reclaim::tests(),
        scenarios::tests(),
        simulate::tests(),
        spark::tests(),
        spark_submit::tests(),
        streams::tests(),
    ])
}
