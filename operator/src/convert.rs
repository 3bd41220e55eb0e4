//! Between the API types and the engine's types. Every adapter goes through here.

mod clip;
mod job;
mod labels;
pub(crate) mod mesos;
mod pool;
mod report;
mod restore;
pub(crate) mod spark;
mod status;

pub use job::job_spec;
pub(crate) use labels::{label_problem, node_selector, toleration};
pub(crate) use pool::pool_shape;
pub use pool::{namespace_claims, pool_family_problems, pool_observation, pool_problems};
pub use report::{assigned_spec, executor_observation, launched_spec, report};
pub use restore::restored_status;
pub(crate) use status::{Length, shorten};
pub use status::{job_status, pool_status, read_time, time};

use proffer_core::time::Span;
use proffer_crds::Quantity;

/// Something about an object that its schema cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, such as `spec.stages[1].dependsOn[0]`.
    pub field: String,
    /// What is wrong with it, and what is allowed.
    pub message: String,
}

impl Problem {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// The engine's amount of a resource: thousandths of cpu, whole units of everything else.
fn amount(name: &str, quantity: &Quantity) -> i64 {
    if name == "cpu" { quantity.milli() } else { quantity.units() }
}

/// The quantity that people would write for the engine's amount of a resource.
fn quantity(name: &str, amount: i64) -> Quantity {
    match name {
        "cpu" => Quantity::from_milli(amount),
        "memory" | "ephemeral-storage" => Quantity::from_bytes(amount),
        _ => Quantity::from_milli(amount.saturating_mul(1000)),
    }
}

fn span(seconds: i64) -> Span {
    Span::from_seconds(u64::try_from(seconds).unwrap_or(0))
}

/// A number of the API, where negative ones are refused by the schema, as the engine counts.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// A number of the engine as the API writes it.
fn number(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
