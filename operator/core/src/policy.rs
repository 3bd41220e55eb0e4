//! The choices that owners of pools and jobs have: how claims are compared, which node is preferred,
//! and what is taken back from whom.

use crate::time::Span;
use serde::{Deserialize, Serialize};

/// How claims are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fairness {
    /// H-DRF with weights: pools of pools are compared by what their children hold, scaled down to
    /// the one that is furthest behind (Bhattacharya et al., SoCC 2013).
    #[default]
    Hdrf,
    /// As Mesos does: pools of pools are compared by all that their children hold. Of equal shares
    /// the one comes first that was given something less often.
    Drf,
}

/// Which of the nodes that fit a job prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// The node with the fewest executors of the job, then the emptiest.
    #[default]
    Spread,
    /// The fullest node.
    Pack,
}

/// What a pool takes back from others.
///
/// The names are near Kueue's `reclaimWithinCohort`; the default is what people expect of the word
/// guarantee, while losing work for the sake of equal shares has to be asked for (Armada's users
/// found that wasteful: armadaproject/armada#5072).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReclaimPolicy {
    /// Nothing.
    Never,
    /// What it is guaranteed.
    #[default]
    Guarantee,
    /// What it is guaranteed and its share by weight; its jobs take from each other, too.
    FairShare,
}

/// A pool's own settings of reclaim. What is `None` is as in the pool above, at the top as in the
/// engine's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclaimRules {
    /// What the pool takes back.
    pub policy: Option<ReclaimPolicy>,
    /// How long it waits before it does.
    pub grace_milliseconds: Option<Span>,
    /// How long the tasks of others may run on before they are cut off.
    pub drain_milliseconds: Option<Span>,
}

/// The settings of reclaim with nothing left open.
///
/// By default guarantees are reclaimed after 30 seconds, the delay of `YuniKorn`'s preemption, within
/// which much is settled by itself; and tasks have a minute to end, which most of them need less
/// than.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclaimDefaults {
    /// What a pool takes back.
    pub policy: ReclaimPolicy,
    /// How long it waits before it does.
    pub grace_milliseconds: Span,
    /// How long the tasks of others may run on before they are cut off. It is also how long before
    /// a maintenance its node is emptied.
    pub drain_milliseconds: Span,
}

impl Default for ReclaimDefaults {
    fn default() -> Self {
        Self {
            policy: ReclaimPolicy::default(),
            grace_milliseconds: Span::from_seconds(30),
            drain_milliseconds: Span::from_seconds(60),
        }
    }
}

/// What becomes of a guarantee that nobody wants at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdleGuarantee {
    /// It is kept free, as Mesos does: whoever comes finds it at once.
    #[default]
    Hold,
    /// Only what waiting jobs ask for is kept free; others use the rest until it is reclaimed.
    Lend,
}

impl ReclaimRules {
    /// These rules, and where they say nothing the others.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self {
            policy: self.policy.or(other.policy),
            grace_milliseconds: self.grace_milliseconds.or(other.grace_milliseconds),
            drain_milliseconds: self.drain_milliseconds.or(other.drain_milliseconds),
        }
    }

    pub(crate) fn complete(self, defaults: &ReclaimDefaults) -> ReclaimDefaults {
        ReclaimDefaults {
            policy: self.policy.unwrap_or(defaults.policy),
            grace_milliseconds: self.grace_milliseconds.unwrap_or(defaults.grace_milliseconds),
            drain_milliseconds: self.drain_milliseconds.unwrap_or(defaults.drain_milliseconds),
        }
    }
}
