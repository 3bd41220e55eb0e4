//! What is seen of frameworks.

use super::constraints::Constraint;
use crate::ids::{JobKey, TaskId};
use crate::ranges::Ranges;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Amounts by resource name; cpu in thousandths, memory and storage in bytes.
pub type NamedAmounts = Vec<(Box<str>, i64)>;

/// A framework as it is now. What the observation says holds: which pools are suppressed, too, so an
/// adapter that repeats it keeps up with the calls that suppress and revive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameworkObservation {
    /// The framework's name: a framework is a `SparkJob` too.
    pub key: JobKey,
    /// Tells the framework from others that had or will have its name.
    pub uid: Box<str>,
    /// Whether it is there to answer offers. When it is not, its offers and filters go and its tasks
    /// stay; how long to wait for it is the adapter's to say.
    pub connected: bool,
    /// The pools that it takes offers in: Mesos's roles.
    pub pools: Vec<FrameworkPool>,
    /// How long it has for an answer, instead of the time that the settings give.
    pub offer_timeout_milliseconds: Option<Span>,
    /// What it can make use of, if it says so. Its offers are then as large as one executor.
    pub demand: Option<Demand>,
}

/// What a framework can make use of at once. Each of its tasks counts as an executor, as does each
/// offer that it has not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// How many executors, in all its pools together.
    pub executors: u32,
    /// What each of them holds.
    pub amounts: NamedAmounts,
}

/// A framework in one of its pools. By default it takes all offers of all nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameworkPool {
    /// The pool's name.
    pub pool: Box<str>,
    /// Whether it wants no offers for now.
    pub suppressed: bool,
    /// Groups of conditions on nodes: a node is offered if all conditions of one group hold. Without
    /// groups every node is.
    pub constraints: Vec<Vec<Constraint>>,
    /// An offer holds at least one of these. An empty list lets everything through, none at all is
    /// what the settings say (Mesos: `FrameworkInfo.offer_filters`).
    pub minimum: Option<Vec<NamedAmounts>>,
}

/// A task of a framework that runs already, as seen after a restart. Its node was told of before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningTask {
    /// The framework, which need not be known yet.
    pub framework: JobKey,
    /// The task's name among those of the framework.
    #[serde(with = "crate::text::shared")]
    pub task: TaskId,
    /// The pool that pays.
    pub pool: Box<str>,
    /// Where it runs.
    pub node: Box<str>,
    /// What it holds.
    pub amounts: NamedAmounts,
    /// The ports that it holds.
    pub ports: Ranges,
}
