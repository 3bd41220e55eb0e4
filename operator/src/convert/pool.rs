//! `ResourcePool` to the engine's settings of a pool.

use std::collections::BTreeMap;

use kube::ResourceExt;
use proffer_core::Fairness;
use proffer_core::event::{
    IdleGuarantee, PoolObservation, ReclaimPolicy, ReclaimRules, Reservation,
};
use proffer_core::namespaces::Claims;
use proffer_crds::pool::ResourcePoolSpec;
use proffer_crds::{Quantity, ResourcePool, pool};

use super::labels::{self, labels};
use super::{Problem, amount, quantity, span};

/// The engine's settings of a pool.
pub fn pool_observation(pool: &ResourcePool) -> PoolObservation {
    let spec = &pool.spec;
    let reservations = spec.reservations.iter().map(|reservation| Reservation {
        node_selector: labels(&reservation.node_selector),
        resources: amounts(&reservation.resources),
    });
    PoolObservation {
        name: pool.name_any().into(),
        weight: u32::try_from(spec.weight.milli()).unwrap_or(0),
        guarantee: amounts(&spec.guarantee),
        limit: amounts(&spec.limit),
        node_selector: labels(&spec.node_selector),
        reservations: reservations.collect(),
        namespaces: spec.namespaces.iter().map(|name| name.as_str().into()).collect(),
        elastic: spec.elastic.as_ref().map(|elastic| amounts(&elastic.up_to)),
        deleting: pool.metadata.deletion_timestamp.is_some(),
        fairness: spec.fairness.map(|fairness| match fairness {
            pool::Fairness::Hdrf => Fairness::Hdrf,
            pool::Fairness::Drf => Fairness::Drf,
        }),
        idle_guarantee: match spec.idle_guarantee {
            pool::IdleGuarantee::Hold => IdleGuarantee::Hold,
            pool::IdleGuarantee::Lend => IdleGuarantee::Lend,
        },
        reclaim: ReclaimRules {
            policy: spec.reclaim.policy.map(|policy| match policy {
                pool::ReclaimPolicy::Never => ReclaimPolicy::Never,
                pool::ReclaimPolicy::Guarantee => ReclaimPolicy::Guarantee,
                pool::ReclaimPolicy::FairShare => ReclaimPolicy::FairShare,
            }),
            grace_milliseconds: spec.reclaim.grace_period_seconds.map(span),
            drain_milliseconds: spec.reclaim.drain_seconds.map(span),
        },
    }
}

/// Weight, guarantee and limit of a pool, back from the engine's.
pub(crate) fn pool_shape(pool: &PoolObservation) -> ResourcePoolSpec {
    let quantities = |amounts: &[(Box<str>, i64)]| {
        amounts.iter().map(|(name, amount)| (name.to_string(), quantity(name, *amount))).collect()
    };
    ResourcePoolSpec {
        weight: Quantity::from_milli(pool.weight.into()),
        guarantee: quantities(&pool.guarantee),
        limit: quantities(&pool.limit),
        ..ResourcePoolSpec::default()
    }
}

/// Which namespaces may use which of these pools.
pub fn namespace_claims(pools: &[ResourcePool]) -> Claims {
    let own: Vec<(String, Vec<Box<str>>)> =
        pools.iter().map(|pool| (pool.name_any(), pool_observation(pool).namespaces)).collect();
    Claims::new(own.iter().map(|(name, namespaces)| (name.as_str(), namespaces.as_slice())))
}

/// Everything that is wrong with a pool beyond its schema.
pub fn pool_problems(pool: &ResourcePool) -> Vec<Problem> {
    let spec = &pool.spec;
    let above = |(name, guarantee): (&String, &Quantity)| {
        let limit = spec.limit.get(name).filter(|&limit| guarantee > limit)?;
        let message = format!("a guarantee of {guarantee} {name} is above the limit of {limit}");
        Some(Problem::new(format!("spec.guarantee.{name}"), message))
    };
    let mut problems: Vec<Problem> = spec.guarantee.iter().filter_map(above).collect();
    if spec.elastic.as_ref().is_some_and(|elastic| elastic.up_to.is_empty()) {
        let message = "name a resource, such as cpu; without one, nothing bounds what is asked for";
        problems.push(Problem::new("spec.elastic.upTo", message));
    }
    problems.extend(labels::problems("spec.nodeSelector", &spec.node_selector));
    for (index, reservation) in spec.reservations.iter().enumerate() {
        let field = format!("spec.reservations[{index}].nodeSelector");
        problems.extend(labels::problems(&field, &reservation.node_selector));
        for (key, value) in &reservation.node_selector {
            if let Some(other) = spec.node_selector.get(key).filter(|&other| other != value) {
                let message = format!(
                    "no node matches: the pool uses only nodes with {key}={other} \
                     (spec.nodeSelector)"
                );
                problems.push(Problem::new(format!("{field}.{key}"), message));
            }
        }
    }
    problems
}

/// Everything that is wrong with a pool as the child of others.
pub fn pool_family_problems(pool: &ResourcePool, pools: &[ResourcePool]) -> Vec<Problem> {
    let name = pool.name_any();
    let mut problems = Vec::new();
    for (key, value) in &pool.spec.node_selector {
        let above = pools.iter().find_map(|other| {
            let is_above = name.strip_prefix(&other.name_any())?.starts_with('.');
            let asked = other.spec.node_selector.get(key)?;
            (is_above && asked != value).then(|| (other.name_any(), asked))
        });
        if let Some((above, asked)) = above {
            let message = format!(
                "no node matches: pool \"{above}\", which is above this one, uses only nodes with \
                 {key}={asked}"
            );
            problems.push(Problem::new(format!("spec.nodeSelector.{key}"), message));
        }
    }
    problems
}

fn amounts(quantities: &BTreeMap<String, Quantity>) -> Vec<(Box<str>, i64)> {
    let amounts = quantities.iter();
    amounts.map(|(name, quantity)| (name.as_str().into(), amount(name, quantity))).collect()
}
