//! The settings that the engine has.

use proffer_core::ReclaimDefaults;
use proffer_core::engine::Settings;
use proffer_core::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who gets what, and when.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scheduling {
    /// The least time between two rounds of decisions. What happens meanwhile is decided on
    /// together.
    #[schemars(range(min = 0, max = 60_000))]
    pub tick_interval_milliseconds: u32,

    /// How pools at the top are compared: `Hdrf`, hierarchical DRF with weights, or `Drf`, as Mesos
    /// compares roles. A pool can say otherwise for what is in it.
    pub fairness: Fairness,

    /// How long a framework has to answer an offer. 0: for ever.
    #[schemars(range(min = 0, max = 86_400))]
    pub offer_timeout_seconds: u32,

    /// How long a job waits for room for an executor, or for its gang, before what becomes free on a
    /// node is kept for it, so that smaller ones cannot starve it. 0: that is never done.
    #[schemars(range(min = 0, max = 604_800))]
    pub head_of_line_seconds: u32,

    /// On how many of all nodes, in percent, room is kept so; on one at least.
    #[schemars(range(min = 0, max = 100))]
    pub head_of_line_nodes_percent: u32,

    /// After how long what a pool held counts half in its share. Without it, only what it holds now
    /// counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 31_622_400))]
    pub share_half_life_seconds: Option<u32>,

    /// Resources whose shares count beside those of cpu and memory, such as `nvidia.com/gpu`.
    #[schemars(length(max = 14), inner(length(min = 1, max = 317)))]
    pub extended_resources_in_shares: Vec<String>,

    /// Resources that are offered to frameworks beside cpu, memory and those that some job or pool
    /// names.
    #[schemars(length(max = 14), inner(length(min = 1, max = 317)))]
    pub offered_resources: Vec<String>,

    /// What pools take back from others that do not say otherwise.
    pub reclaim: Reclaim,
}

/// How pools are compared.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fairness {
    /// Hierarchical DRF with weights.
    #[default]
    Hdrf,
    /// As Mesos compares roles.
    Drf,
}

/// What pools take back from others that do not say otherwise.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Reclaim {
    /// `Never`: nothing; `Guarantee`: what is guaranteed; `FairShare`: that and the share by weight.
    pub policy: ReclaimPolicy,

    /// How long a pool waits below what is its own before anything is taken back.
    #[schemars(range(min = 0, max = 604_800))]
    pub grace_period_seconds: u32,

    /// How long tasks of others may run on before they are cut off, and how long before a
    /// maintenance its node is emptied.
    #[schemars(range(min = 0, max = 604_800))]
    pub drain_seconds: u32,
}

/// What a pool takes back.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReclaimPolicy {
    /// Nothing.
    Never,
    /// What it is guaranteed.
    #[default]
    Guarantee,
    /// What it is guaranteed, and its share.
    FairShare,
}

impl Scheduling {
    /// The engine's settings, with those that are not about scheduling at their defaults.
    pub(super) fn settings(&self) -> Settings {
        let defaults = Settings::default();
        let mut shared_resources = defaults.shared_resources;
        shared_resources
            .extend(self.extended_resources_in_shares.iter().map(|name| name.as_str().into()));
        Settings {
            fairness: match self.fairness {
                Fairness::Hdrf => proffer_core::Fairness::Hdrf,
                Fairness::Drf => proffer_core::Fairness::Drf,
            },
            head_of_line_milliseconds: positive(self.head_of_line_seconds),
            head_of_line_nodes_percent: self.head_of_line_nodes_percent,
            share_half_life_milliseconds: self.share_half_life_seconds.map(milliseconds),
            shared_resources,
            offered_resources: self
                .offered_resources
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            offer_timeout_milliseconds: positive(self.offer_timeout_seconds),
            reclaim: self.reclaim.defaults(),
            ..Settings::default()
        }
    }
}

impl Reclaim {
    fn defaults(&self) -> ReclaimDefaults {
        ReclaimDefaults {
            policy: match self.policy {
                ReclaimPolicy::Never => proffer_core::ReclaimPolicy::Never,
                ReclaimPolicy::Guarantee => proffer_core::ReclaimPolicy::Guarantee,
                ReclaimPolicy::FairShare => proffer_core::ReclaimPolicy::FairShare,
            },
            grace_milliseconds: milliseconds(self.grace_period_seconds),
            drain_milliseconds: milliseconds(self.drain_seconds),
        }
    }
}

/// A time that is none when it is 0.
fn positive(seconds: u32) -> Option<Span> {
    (seconds > 0).then(|| milliseconds(seconds))
}

pub(super) fn milliseconds(seconds: u32) -> Span {
    Span::from_seconds(seconds.into())
}

impl Default for Scheduling {
    fn default() -> Self {
        Self {
            tick_interval_milliseconds: 10,
            fairness: Fairness::default(),
            offer_timeout_seconds: 30,
            head_of_line_seconds: 60,
            head_of_line_nodes_percent: 10,
            share_half_life_seconds: None,
            extended_resources_in_shares: Vec::new(),
            offered_resources: vec!["ephemeral-storage".to_owned()],
            reclaim: Reclaim::default(),
        }
    }
}

impl Default for Reclaim {
    fn default() -> Self {
        Self { policy: ReclaimPolicy::default(), grace_period_seconds: 30, drain_seconds: 60 }
    }
}
