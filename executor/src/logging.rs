//! The log of a program.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sends this program's log to standard error, from `level` up unless `RUST_LOG` says otherwise. To
/// be called once.
pub fn log_to_stderr(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
