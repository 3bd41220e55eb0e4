//! `ResourcePool` to the engine's settings of a pool.

use std::collections::BTreeMap;

use kube::ResourceExt;
use proffer_core::event::{IdleGuarantee, PoolObservation, ReclaimPolicy, ReclaimRules};
use proffer_crds::{Quantity, ResourcePool, pool};

use super::{Problem, amount, milliseconds};

/// The engine's settings of a pool.
pub fn pool_observation(pool: &ResourcePool) -> PoolObservation {
    PoolObservation {
        name: pool.name_any().into(),
        weight: u32::try_from(pool.spec.weight.milli()).unwrap_or(0),
        guarantee: amounts(&pool.spec.guarantee),
        limit: amounts(&pool.spec.limit),
        idle_guarantee: match pool.spec.idle_guarantee {
            pool::IdleGuarantee::Hold => IdleGuarantee::Hold,
            pool::IdleGuarantee::Lend => IdleGuarantee::Lend,
        },
        reclaim: ReclaimRules {
            policy: pool.spec.reclaim.policy.map(|policy| match policy {
                pool::ReclaimPolicy::Never => ReclaimPolicy::Never,
                pool::ReclaimPolicy::Guarantee => ReclaimPolicy::Guarantee,
                pool::ReclaimPolicy::FairShare => ReclaimPolicy::FairShare,
            }),
            grace_milliseconds: pool.spec.reclaim.grace_period_seconds.map(milliseconds),
            drain_milliseconds: pool.spec.reclaim.drain_seconds.map(milliseconds),
        },
    }
}

/// Everything that is wrong with a pool beyond its schema.
pub fn pool_problems(pool: &ResourcePool) -> Vec<Problem> {
    let limits = &pool.spec.limit;
    let above = |(name, guarantee): (&String, &Quantity)| {
        let limit = limits.get(name).filter(|&limit| guarantee > limit)?;
        let message = format!("a guarantee of {guarantee} {name} is above the limit of {limit}");
        Some(Problem::new(format!("spec.guarantee.{name}"), message))
    };
    pool.spec.guarantee.iter().filter_map(above).collect()
}

fn amounts(quantities: &BTreeMap<String, Quantity>) -> Vec<(Box<str>, i64)> {
    let amounts = quantities.iter();
    amounts.map(|(name, quantity)| (name.as_str().into(), amount(name, quantity))).collect()
}
