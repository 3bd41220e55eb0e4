//! Probes and metrics over HTTP.

mod port;

pub use port::{Amount, Port};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// After how long without a turn of its loop a leader counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// How the operator is, for probes and metrics.
pub struct Health {
    started: Instant,
    is_leader: AtomicBool,
    is_synced: AtomicBool,
    /// When the loop last turned, in milliseconds since the start.
    turned_at: AtomicU64,
    registry: Registry,
    /// What is measured.
    pub metrics: Metrics,
}

/// What is measured. None of it has a label that grows with the cluster.
#[derive(Default)]
pub struct Metrics {
    leader: Gauge<i64, AtomicI64>,
    /// Objects that wait to be written.
    pub write_queue_depth: Gauge<i64, AtomicI64>,
    /// Changes that watches have told and the loop has not taken in.
    pub change_queue_depth: Gauge<i64, AtomicI64>,
    /// Writes that were answered.
    pub writes: Counter,
    /// Writes that failed and are tried again.
    pub failed_writes: Counter,
    /// Changes that were taken in.
    pub changes: Counter,
    /// Executors that were launched.
    pub launches: Counter,
    /// Events for people that were left out because there were too many.
    pub dropped_events: Counter,
    /// The port of the Mesos API.
    pub mesos: Port,
    /// How long deciding took.
    pub tick_seconds: Option<Histogram>,
}

impl Health {
    /// Health of an operator that starts now.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("proffer");
        let histogram = Histogram::new(exponential_buckets(0.000_1, 4.0, 8));
        let metrics = Metrics { tick_seconds: Some(histogram.clone()), ..Metrics::default() };
        registry.register("leader", "Whether this replica decides", metrics.leader.clone());
        let depth = "Objects that wait to be written";
        registry.register("write_queue_depth", depth, metrics.write_queue_depth.clone());
        let depth = "Changes told by watches and not yet taken in";
        registry.register("change_queue_depth", depth, metrics.change_queue_depth.clone());
        registry.register("writes", "Writes to the API server", metrics.writes.clone());
        let failed = "Writes that failed and are tried again";
        registry.register("failed_writes", failed, metrics.failed_writes.clone());
        registry.register("changes", "Changes told by watches", metrics.changes.clone());
        registry.register("launches", "Executors launched", metrics.launches.clone());
        let dropped = "Events left out because there were too many";
        registry.register("dropped_events", dropped, metrics.dropped_events.clone());
        metrics.mesos.register(&mut registry);
        registry.register_with_unit("tick", "How long deciding took", Unit::Seconds, histogram);
        Self {
            started: Instant::now(),
            is_leader: AtomicBool::new(false),
            is_synced: AtomicBool::new(false),
            turned_at: AtomicU64::new(0),
            registry,
            metrics,
        }
    }

    /// Notes that this replica decides from now on.
    pub fn lead(&self) {
        self.turn();
        self.is_leader.store(true, Ordering::Relaxed);
        self.metrics.leader.set(1);
    }

    /// Notes that the loop has turned.
    pub fn turn(&self) {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.turned_at.store(passed, Ordering::Relaxed);
    }

    /// Notes that everything was seen once.
    pub fn sync(&self) {
        self.is_synced.store(true, Ordering::Relaxed);
    }

    fn problem(&self) -> Option<&'static str> {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let idle = passed.saturating_sub(self.turned_at.load(Ordering::Relaxed));
        let leads = self.is_leader.load(Ordering::Relaxed);
        (leads && u128::from(idle) > STUCK_AFTER.as_millis()).then_some("the loop does not turn")
    }

    fn is_ready(&self) -> bool {
        // A replica that waits for the lease is as ready as it can be.
        !self.is_leader.load(Ordering::Relaxed) || self.is_synced.load(Ordering::Relaxed)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` at an address until the process ends.
pub async fn serve(address: String, health: Arc<Health>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address} (http.address)"))?;
    tracing::info!("serving probes and metrics on {}", listener.local_addr()?);
    axum::serve(listener, router(health)).await.context("cannot serve probes and metrics")
}

fn router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn healthz(State(health): State<Arc<Health>>) -> Response {
    match health.problem() {
        None => "ok\n".into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response(),
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    if health.is_ready() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not everything was seen yet\n").into_response()
    }
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &health.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
