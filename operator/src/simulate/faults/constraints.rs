//! What binds work to some nodes and pools: labels and taints, what pools select, reserve and lend,
//! whom they serve, and what they may have without a node.

use std::collections::BTreeSet;

use proffer_core::Fairness;
use proffer_core::event::{
    IdleGuarantee, Label, NodeObservation, PoolObservation, Reservation, Taint, TaintEffect,
};
use proffer_crds::SparkJob;
use proffer_crds::pod::{Toleration, TolerationOperator};
use serde::{Deserialize, Serialize};

use super::account::chain;
use super::api::{NAMESPACE, ObjectKey};
use super::cluster::{NODES, pool_name};
use super::operator::Operator;
use super::random::Random;
use super::world::{Checked, World};

const ZONE: &str = "zone";
const TAINT: &str = "dedicated";
const ELSEWHERE: &str = "elsewhere";

/// Something that people or clouds say about where work may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ConstraintStep {
    /// A node has this zone from now on, and a taint or none.
    Mark { node: u32, zone: Option<u32>, tainted: bool },
    /// A pool has these rules from now on.
    Rule { pool: u32, rules: Rules },
}

/// What a pool says beside amounts and weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rules {
    /// The zone of the nodes that it uses.
    zone: Option<u32>,
    /// How much cpu it reserves on each node of the first zone.
    reserves: i64,
    /// Whom it serves.
    serves: Serves,
    plain_drf: Option<bool>,
    lends: bool,
    /// How much cpu its executors may hold without a node.
    elastic: Option<i64>,
}

/// The namespaces that a pool names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Serves {
    NobodyInParticular,
    TheJobs,
    Others,
}

impl ConstraintStep {
    pub(super) fn random(random: &mut Random) -> Self {
        let zone = random.chance(50).then(|| random.below(2));
        if random.chance(60) {
            return Self::Mark { node: random.below(NODES), zone, tainted: random.chance(20) };
        }
        Self::Rule {
            pool: random.pick(),
            rules: Rules {
                zone: zone.filter(|_| random.chance(40)),
                reserves: random.one_of(&[0, 0, 500, 1000, 3000]),
                serves: match random.below(20) {
                    0 => Serves::TheJobs,
                    1 => Serves::Others,
                    _ => Serves::NobodyInParticular,
                },
                plain_drf: random.chance(30).then(|| random.chance(50)),
                lends: random.chance(30),
                elastic: random.chance(30).then(|| random.one_of(&[1000, 2000, 9000])),
            },
        }
    }
}

impl World {
    pub(super) fn constraint_step(&mut self, step: &ConstraintStep) {
        match step {
            &ConstraintStep::Mark { node, zone, tainted } => {
                let name: Box<str> = format!("n{node}").into();
                let Some(observed) = self.api.nodes.get_mut(&name) else { return };
                observed.labels = zone.map(zone_label).into_iter().collect();
                let taint =
                    Taint { key: TAINT.into(), value: "".into(), effect: TaintEffect::NoSchedule };
                observed.taints = tainted.then_some(taint).into_iter().collect();
                self.api.changed(ObjectKey::Node(name));
            }
            ConstraintStep::Rule { pool, rules } => {
                let name: Box<str> = pool_name(*pool).into();
                let Some(observed) = self.api.pools.get_mut(&name) else { return };
                rules.apply(observed);
                self.api.changed(ObjectKey::Pool(name));
            }
        }
    }
}

impl Rules {
    fn apply(&self, pool: &mut PoolObservation) {
        let cpu = |amount: i64| vec![("cpu".into(), amount)];
        pool.node_selector = self.zone.map(zone_label).into_iter().collect();
        pool.reservations = (self.reserves > 0)
            .then(|| Reservation {
                node_selector: vec![zone_label(0)],
                resources: cpu(self.reserves),
            })
            .into_iter()
            .collect();
        pool.namespaces = match self.serves {
            Serves::NobodyInParticular => Vec::new(),
            Serves::TheJobs => vec![NAMESPACE.into()],
            Serves::Others => vec![ELSEWHERE.into()],
        };
        pool.fairness =
            self.plain_drf.map(|plain| if plain { Fairness::Drf } else { Fairness::Hdrf });
        pool.idle_guarantee = if self.lends { IdleGuarantee::Lend } else { IdleGuarantee::Hold };
        pool.elastic = self.elastic.map(cpu);
    }
}

/// Makes a job ask for a zone and put up with the taint.
pub(super) fn constrain(job: &mut SparkJob, zone: Option<u32>, tolerates: bool) {
    let executor = &mut job.spec.executor;
    if let Some(zone) = zone {
        let (key, value) = zone_label(zone);
        executor.node_selector.insert(key.into(), value.into());
    }
    if tolerates {
        executor.tolerations.push(Toleration {
            key: TAINT.to_owned(),
            operator: TolerationOperator::Exists,
            value: String::new(),
            effect: None,
            toleration_seconds: None,
        });
    }
}

/// What work asks of nodes: it and all pools above it.
#[derive(Debug)]
pub(super) struct Demands {
    labels: BTreeSet<Label>,
    tolerates: bool,
}

impl Demands {
    /// Those of something in a pool.
    pub(super) fn new(operator: &Operator, pool: &str, own: &[Label], tolerates: bool) -> Self {
        let pools = chain(pool).filter_map(|pool| operator.pools.get(pool));
        let selected = pools.flat_map(|pool| &pool.node_selector).chain(own);
        Self { labels: selected.cloned().collect(), tolerates }
    }

    /// Whether no node can have all the labels.
    pub(super) fn contradict_each_other(&self) -> bool {
        let keys: BTreeSet<&str> = self.labels.iter().map(|(key, _)| &**key).collect();
        keys.len() < self.labels.len()
    }

    pub(super) fn are_met_by(&self, node: &NodeObservation) -> bool {
        (self.tolerates || node.taints.is_empty())
            && self.labels.iter().all(|label| node.labels.contains(label))
    }
}

/// Whether something of a pool may be on a node, as far as labels and taints are concerned.
pub(super) fn check_node(
    operator: &Operator,
    name: &str,
    node: &str,
    demands: &Demands,
) -> Checked {
    match operator.nodes.get(node) {
        Some(seen) if !demands.are_met_by(seen) => {
            Err(format!("{name} comes to node {node}, which does not suit: {demands:?}, {seen:?}"))
        }
        _ => Ok(()),
    }
}

/// Whether the pool serves the namespace that everything here is in.
pub(super) fn serves(operator: &Operator, pool: &str) -> bool {
    let claimed = |name: &str| {
        let mut named = operator.pools.values().flat_map(|pool| &pool.namespaces);
        named.any(|namespace| **namespace == *name)
    };
    let nearest = chain(pool)
        .filter_map(|pool| operator.pools.get(pool))
        .find(|pool| !pool.namespaces.is_empty());
    let served = nearest.map(|pool| &*pool.namespaces).unwrap_or_default();
    if claimed(NAMESPACE) {
        served.iter().any(|namespace| **namespace == *NAMESPACE)
    } else {
        served.is_empty()
    }
}

/// How much cpu a pool reserves on a node.
fn reserves(operator: &Operator, pool: &str, node: &NodeObservation) -> i64 {
    let Some(settings) = operator.pools.get(pool) else { return 0 };
    if !Demands::new(operator, pool, &[], true).are_met_by(node) {
        return 0;
    }
    let here = settings
        .reservations
        .iter()
        .filter(|it| it.node_selector.iter().all(|label| node.labels.contains(label)));
    here.flat_map(|it| &it.resources).map(|(_, amount)| amount).sum()
}

/// Whether a pool or one above it reserves something on a node.
pub(super) fn has_reservation(operator: &Operator, pool: &str, node: &NodeObservation) -> bool {
    chain(pool).any(|pool| reserves(operator, pool, node) > 0)
}

/// How much cpu on a node belongs to others than a pool: what their subtrees do not hold of what they
/// reserve. `held` says what a pool's subtree holds there.
pub(super) fn kept_from(
    operator: &Operator,
    pool: &str,
    node: &NodeObservation,
    held: &impl Fn(&str) -> i64,
) -> i64 {
    let own: BTreeSet<&str> = chain(pool).collect();
    let all: BTreeSet<&str> = operator.pools.keys().flat_map(|name| chain(name)).collect();
    let parent =
        |name: &str| name.rsplit_once('.').map_or(String::new(), |(above, _)| above.into());
    // Those beside the pool's own path, the topmost of each branch.
    let beside = all.iter().filter(|name| {
        let above = parent(name);
        !own.contains(**name) && (above.is_empty() || own.contains(&*above))
    });
    beside.map(|name| unmet(operator, name, &all, node, held)).sum()
}

fn unmet(
    operator: &Operator,
    pool: &str,
    all: &BTreeSet<&str>,
    node: &NodeObservation,
    held: &impl Fn(&str) -> i64,
) -> i64 {
    let below = all.iter().filter(|name| name.rsplit_once('.').is_some_and(|it| it.0 == pool));
    let children: i64 = below.map(|name| unmet(operator, name, all, node, held)).sum();
    (reserves(operator, pool, node) - held(pool)).max(children)
}

fn zone_label(zone: u32) -> Label {
    (ZONE.into(), format!("z{zone}").into())
}
