//! What the port of the Mesos API carries, and what it refused.

use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// An amount that is held now, and how often more was refused.
#[derive(Clone, Debug, Default)]
pub struct Amount {
    held: Gauge<i64, AtomicI64>,
    refused: Counter,
}

/// What is counted at the port of the Mesos API.
#[derive(Clone, Debug, Default)]
pub struct Port {
    /// Connections of those who are known.
    pub known_connections: Amount,
    /// Connections of those who have not said who they are.
    pub unknown_connections: Amount,
    /// Requests that were not answered yet.
    pub requests: Amount,
    /// Answers that are on their way to those who read.
    pub answers: Amount,
    /// Bytes of the bodies of requests, as they count while they are held.
    pub body_bytes: Amount,
    /// Wrong secrets and tokens.
    pub wrong_secrets: Counter,
    /// Requests that were refused because wrong secrets had come before.
    pub slowed_requests: Counter,
}

impl Amount {
    /// Notes how much is held.
    pub fn hold(&self, held: u64) {
        self.held.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    /// Notes that somebody was refused.
    pub fn refuse(&self) {
        self.refused.inc();
    }

    /// How much is held.
    pub fn held(&self) -> u64 {
        u64::try_from(self.held.get()).unwrap_or_default()
    }

    /// How often somebody was refused.
    pub fn refused(&self) -> u64 {
        self.refused.get()
    }
}

impl Port {
    fn amounts(&self) -> [(&'static str, &'static str, &Amount); 5] {
        [
            ("known_connections", "Connections of those who are known", &self.known_connections),
            (
                "unknown_connections",
                "Connections of those who have not said who they are",
                &self.unknown_connections,
            ),
            ("requests", "Requests that were not answered yet", &self.requests),
            ("answers", "Answers that are on their way", &self.answers),
            ("body_bytes", "Bytes of bodies of requests that are held", &self.body_bytes),
        ]
    }

    fn counters(&self) -> [(&'static str, &'static str, &Counter); 2] {
        [
            ("wrong_secrets", "Wrong secrets and tokens", &self.wrong_secrets),
            (
                "slowed_requests",
                "Requests refused because wrong secrets had come before",
                &self.slowed_requests,
            ),
        ]
    }

    /// Registers everything, each under a name that begins with `mesos_`.
    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("mesos");
        for (name, what, amount) in self.amounts() {
            registry.register(name, what, amount.held.clone());
            let refused = format!("{name}_refused");
            registry.register(
                refused,
                "How often more of them was refused",
                amount.refused.clone(),
            );
        }
        for (name, what, counter) in self.counters() {
            registry.register(name, what, counter.clone());
        }
    }

    /// Everything by name.
    pub fn values(&self) -> Vec<(String, u64)> {
        let amounts = self.amounts().into_iter().flat_map(|(name, _, amount)| {
            [(name.to_owned(), amount.held()), (format!("{name}_refused"), amount.refused())]
        });
        let counters = self.counters().into_iter();
        let counters = counters.map(|(name, _, counter)| (name.to_owned(), counter.get()));
        amounts.chain(counters).collect()
    }
}
