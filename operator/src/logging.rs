//! The operator's log: for people or for machines, at a level that follows the configuration file.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::configuration::{self, LogFormat, LogLevel, Logging};

/// How often the configuration file is looked at. A `ConfigMap` takes up to a minute to reach a pod.
const LOOK_EVERY: Duration = Duration::from_secs(10);

static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Sends the log to standard error. To be called once.
pub fn start(logging: &Logging) {
    let (filter, handle) = reload::Layer::new(filter(logging.level));
    let _ = FILTER.set(handle);
    let registry = tracing_subscriber::registry().with(filter);
    match logging.format {
        LogFormat::Json => {
            registry.with(fmt::layer().json().with_writer(std::io::stderr)).init();
        }
        LogFormat::Text => {
            let layer = fmt::layer().with_writer(std::io::stderr);
            registry.with(layer.with_ansi(std::io::stderr().is_terminal())).init();
        }
    }
}

/// Takes over the level that the configuration file says, whenever it says another one. Other settings
/// count from the next start.
pub async fn follow(file: PathBuf) {
    let mut level = configuration::load(&file).ok().map(|it| it.logging.level);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match configuration::load(&file) {
            Ok(read) if Some(read.logging.level) != level => {
                level = Some(read.logging.level);
                if let Some(handle) = FILTER.get()
                    && handle.reload(filter(read.logging.level)).is_ok()
                {
                    tracing::info!(level = ?read.logging.level, "the log's level is another one now");
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("the configuration file makes no sense any more: {error:#}");
            }
        }
    }
}

/// What is logged; `RUST_LOG` says it more exactly.
fn filter(level: LogLevel) -> EnvFilter {
    let level = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        // Libraries tell their own story at these levels.
        let quiet = "hyper=info,hyper_util=info,rustls=info,tower=info,kube=info,h2=info";
        EnvFilter::new(format!("{level},{quiet}"))
    })
}
