//! The first promise, reckoned without the engine: no node past what it has, no pool past its limit,
//! and what is kept for guarantees stays free.
//!
//! What counts is what the operator had heard of nodes and pools when it decided, and what executors
//! truly hold: all that live, and all that are on their way.

use std::collections::BTreeMap;

use proffer_core::action::Launch;
use proffer_core::event::{ExecutorObservation, IdleGuarantee, Label, PoolObservation};
use proffer_core::frameworks::{OfferDescription, OfferId};

use super::api::{Api, Write};
use super::constraints::{self, Demands};
use super::frameworks::Frameworks;
use super::operator::Operator;
use super::world::Checked;
use crate::convert;

type Amounts = BTreeMap<Box<str>, i64>;

/// What executors, tasks of frameworks and offers hold.
#[derive(Default)]
struct Held<'a> {
    on_node: BTreeMap<&'a str, Amounts>,
    /// In a pool and in those below it.
    in_pool: BTreeMap<&'a str, Amounts>,
    /// The same, on one node.
    at: BTreeMap<(&'a str, &'a str), Amounts>,
    /// The same, where it is not known on which node.
    unplaced: BTreeMap<&'a str, Amounts>,
}

impl<'a> Held<'a> {
    fn new(
        executors: &'a BTreeMap<&str, ExecutorObservation>,
        operator: &'a Operator,
        frameworks: &'a Frameworks,
    ) -> Self {
        let mut held = Self::default();
        for (name, executor) in executors {
            let node = executor.node.as_ref().or_else(|| operator.placed.get(*name));
            held.add(node.map(|node| &**node), &executor.pool, &executor.request);
        }
        for task in frameworks.tasks.values() {
            held.add(Some(&task.node), &task.pool, &task.amounts);
        }
        for offer in frameworks.offers.values() {
            held.add(Some(&offer.node), &offer.pool, &offer.amounts);
        }
        held
    }

    fn add(&mut self, node: Option<&'a str>, pool: &'a str, amounts: &[(Box<str>, i64)]) {
        if let Some(node) = node {
            add(self.on_node.entry(node).or_default(), amounts);
        }
        for pool in chain(pool) {
            add(self.in_pool.entry(pool).or_default(), amounts);
            match node {
                Some(node) => add(self.at.entry((node, pool)).or_default(), amounts),
                None => add(self.unplaced.entry(pool).or_default(), amounts),
            }
        }
    }
}

/// What was just given out.
struct New<'a> {
    name: String,
    /// `None` for what goes wherever there comes to be room.
    node: Option<&'a str>,
    pool: &'a str,
    amounts: &'a [(Box<str>, i64)],
    /// The labels that it asks for itself, and whether it puts up with taints.
    selects: Vec<Label>,
    tolerates: bool,
}

impl<'a> New<'a> {
    fn executor(operator: &Operator, executor: &'a ExecutorObservation) -> Self {
        let job = operator.spec(&executor.key.job);
        Self {
            name: executor.key.to_string(),
            node: executor.node.as_deref(),
            pool: &executor.pool,
            amounts: &executor.request,
            tolerates: job.as_ref().is_some_and(|job| !job.executor.tolerations.is_empty()),
            selects: job.map(|job| job.executor.node_selector).unwrap_or_default(),
        }
    }

    fn offer(offer: &'a OfferDescription) -> Self {
        Self {
            name: format!("offer {}", offer.id),
            node: Some(&offer.node),
            pool: &offer.pool,
            amounts: &offer.amounts,
            selects: Vec::new(),
            tolerates: false,
        }
    }
}

/// Checks what was just decided.
pub(super) fn check(
    api: &Api,
    operator: &Operator,
    frameworks: &Frameworks,
    launches: &[Launch],
    offers: &[OfferId],
) -> Checked {
    let executors = executors(api, operator);
    let held = Held::new(&executors, operator, frameworks);
    let fresh: Vec<&ExecutorObservation> = launches
        .iter()
        .filter_map(|launch| executors.values().find(|executor| executor.key == launch.key))
        .collect();
    fresh.iter().try_for_each(|executor| alone(api, executor))?;
    fresh.iter().try_for_each(|executor| in_its_pool(operator, executor))?;
    let fresh = fresh.into_iter().map(|executor| New::executor(operator, executor));
    let offered = offers.iter().filter_map(|id| frameworks.offers.get(id)).map(New::offer);
    let given: Vec<New<'_>> = fresh.chain(offered).collect();
    for new in &given {
        match new.node {
            Some(node) => on_node(operator, new, node, &held)?,
            None => without_node(operator, new, &held.unplaced)?,
        }
        within_limits(operator, new, &held.in_pool)?;
    }
    guarantees(operator, &given, &held.on_node)
}

/// The executors that live, and those that are on their way.
fn executors<'a>(api: &'a Api, operator: &'a Operator) -> BTreeMap<&'a str, ExecutorObservation> {
    let mut executors: BTreeMap<&str, ExecutorObservation> = BTreeMap::new();
    for (name, object) in &api.executors {
        if api.pods.get(name).is_some_and(super::executors::Pod::lives) {
            executors.insert(name, convert::executor_observation(object));
        }
    }
    for write in operator.writes.values().flatten() {
        if let Write::Create { name, executor, .. } = write
            && !api.executors.contains_key(name)
        {
            executors.insert(name, convert::executor_observation(executor));
        }
    }
    executors
}

/// Whether no other executor lives in the place of one that was launched.
fn alone(api: &Api, executor: &ExecutorObservation) -> Checked {
    let (uid, index) = (&executor.job_uid, executor.key.index);
    let mut pods = api.pods.iter().filter(|(_, pod)| pod.lives() && *pod.uid == **uid);
    match pods.find(|(_, pod)| pod.key.index == index) {
        Some((other, _)) => {
            Err(format!("executor {} is launched while {other} lives", executor.key))
        }
        None => Ok(()),
    }
}

/// Whether an executor was launched in a pool that its job may use.
fn in_its_pool(operator: &Operator, executor: &ExecutorObservation) -> Checked {
    let (key, pool) = (&executor.key, &executor.pool);
    if constraints::serves(operator, pool) {
        Ok(())
    } else {
        Err(format!("executor {key} is launched in {pool}, which serves others"))
    }
}

/// Whether a node has what was given of it, and may be given to that pool.
fn on_node(operator: &Operator, new: &New<'_>, node: &str, held: &Held<'_>) -> Checked {
    let New { name, pool, amounts, .. } = new;
    let usable = usable(operator, node);
    for (kind, &held) in held.on_node.get(node).into_iter().flatten() {
        let has = usable.get(kind).copied().unwrap_or(0);
        if held > has && request(amounts, kind) > 0 {
            return Err(format!("with {name} node {node} holds {held} of {has} {kind}"));
        }
    }
    suits(operator, new, node)?;
    let cpu = |amounts: Option<&Amounts>| {
        amounts.and_then(|amounts| amounts.get("cpu")).copied().unwrap_or(0)
    };
    if let Some(observed) = operator.nodes.get(node)
        && request(amounts, "cpu") > 0
        && !constraints::has_reservation(operator, pool, observed)
    {
        let in_pool = |pool: &str| cpu(held.at.get(&(node, pool)));
        let kept = constraints::kept_from(operator, pool, observed, &in_pool);
        let free = usable.get("cpu").copied().unwrap_or(0) - cpu(held.on_node.get(node));
        if free < kept {
            return Err(format!(
                "with {name} {free} cpu are free on {node}, but {kept} are reserved there"
            ));
        }
    }
    Ok(())
}

/// Whether the pool, and each above it, is within its limit.
fn within_limits(operator: &Operator, new: &New<'_>, in_pool: &BTreeMap<&str, Amounts>) -> Checked {
    for pool in chain(new.pool) {
        for (kind, limit) in operator.pools.get(pool).into_iter().flat_map(|pool| &pool.limit) {
            let held = in_pool.get(pool).and_then(|held| held.get(kind)).copied().unwrap_or(0);
            if held > *limit && request(new.amounts, kind) > 0 {
                let name = &new.name;
                return Err(format!("with {name} pool {pool} holds {held} of {limit} {kind}"));
            }
        }
    }
    Ok(())
}

/// Whether what is kept for guarantees is still free, whoever else was given something.
fn guarantees(
    operator: &Operator,
    given: &[New<'_>],
    on_node: &BTreeMap<&str, Amounts>,
) -> Checked {
    // A pool is taken to hold what the engine has not heard to be gone.
    let view = operator.engine.view();
    let believed: BTreeMap<&str, Amounts> = view
        .pools
        .iter()
        .map(|pool| (&*pool.name, pool.allocated.iter().cloned().collect()))
        .collect();
    let kept = required(operator, "", &believed);
    for New { name, node, pool, amounts, .. } in given {
        // What a pool has reserved is not free for others' guarantees anyway.
        let node = node.and_then(|node| operator.nodes.get(node));
        if node.is_none_or(|node| constraints::has_reservation(operator, pool, node)) {
            continue;
        }
        let guaranteed = |pool: &str| {
            let pool = operator.pools.get(pool);
            pool.is_some_and(|pool| pool.guarantee.iter().any(|(_, amount)| *amount > 0))
        };
        if chain(pool).any(guaranteed) {
            continue;
        }
        for (kind, &kept) in &kept {
            let free = free(operator, on_node, kind);
            if free < kept && request(amounts, kind) > 0 {
                return Err(format!(
                    "with {name} only {free} {kind} are free, but {kept} are kept for guarantees"
                ));
            }
        }
    }
    Ok(())
}

/// What is free of one kind of resource on all nodes that are offered.
fn free(operator: &Operator, on_node: &BTreeMap<&str, Amounts>, kind: &str) -> i64 {
    let offered = operator.nodes.values().filter(|node| node.offered && !node.draining);
    let free = offered.map(|node| {
        let held = on_node.get(&*node.name).and_then(|held| held.get(kind));
        let has = usable(operator, &node.name).get(kind).copied().unwrap_or(0);
        (has - held.copied().unwrap_or(0)).max(0)
    });
    free.sum()
}

/// Whether something that was given to a pool may be on its node.
fn suits(operator: &Operator, new: &New<'_>, node: &str) -> Checked {
    let demands = Demands::new(operator, new.pool, &new.selects, new.tolerates);
    constraints::check_node(operator, &new.name, node, &demands)
}

/// Whether a pool may have what goes wherever there comes to be room.
fn without_node(operator: &Operator, new: &New<'_>, unplaced: &BTreeMap<&str, Amounts>) -> Checked {
    let New { name, pool, amounts, .. } = new;
    let limits = chain(pool).filter_map(|pool| operator.pools.get(pool)?.elastic.as_ref());
    if limits.count() == 0 {
        return Err(format!("{name} goes without a node, which pool {pool} does not allow"));
    }
    for pool in chain(pool) {
        let limits = operator.pools.get(pool).and_then(|pool| pool.elastic.as_ref());
        for (kind, limit) in limits.into_iter().flatten() {
            let held = unplaced.get(pool).and_then(|held| held.get(kind)).copied().unwrap_or(0);
            if held > *limit && request(amounts, kind) > 0 {
                return Err(format!(
                    "with {name} pool {pool} holds {held} of {limit} {kind} without a node"
                ));
            }
        }
    }
    Ok(())
}

/// A pool's name and those of all above it.
pub(super) fn chain(pool: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pool), |name| name.rsplit_once('.').map(|(parent, _)| parent))
}

/// What executors can have of a node, as the operator last saw it.
pub(super) fn usable(operator: &Operator, node: &str) -> Amounts {
    let mut usable = Amounts::new();
    if let Some(node) = operator.nodes.get(node) {
        add(&mut usable, &node.allocatable);
        for (kind, taken) in &node.taken_by_others {
            *usable.entry(kind.clone()).or_default() -= taken;
        }
        usable.values_mut().for_each(|amount| *amount = (*amount).max(0));
    }
    usable
}

/// What has to stay free for the guarantees of all pools below one.
fn required(operator: &Operator, above: &str, in_pool: &BTreeMap<&str, Amounts>) -> Amounts {
    let mut sum = Amounts::new();
    // Pools that only the names of others imply have no guarantee, but their children may.
    let mut children: Vec<&str> = operator.pools.keys().flat_map(|name| chain(name)).collect();
    children.retain(|name| name.rsplit_once('.').map_or("", |(parent, _)| parent) == above);
    children.sort_unstable();
    children.dedup();
    for pool in children {
        let mut unmet = required(operator, pool, in_pool);
        let holds = |settings: &&PoolObservation| settings.idle_guarantee == IdleGuarantee::Hold;
        if let Some(settings) = operator.pools.get(pool).filter(holds) {
            for (kind, guarantee) in &settings.guarantee {
                let limit = settings.limit.iter().find(|(limited, _)| limited == kind);
                let guarantee = limit.map_or(*guarantee, |(_, limit)| *guarantee.min(limit));
                let held = in_pool.get(pool).and_then(|held| held.get(kind)).copied().unwrap_or(0);
                let own = unmet.entry(kind.clone()).or_default();
                *own = (*own).max(guarantee - held);
            }
        }
        for (kind, amount) in unmet {
            *sum.entry(kind).or_default() += amount;
        }
    }
    sum
}

fn add(amounts: &mut Amounts, more: &[(Box<str>, i64)]) {
    for (kind, amount) in more {
        *amounts.entry(kind.clone()).or_default() += amount;
    }
}

fn request(amounts: &[(Box<str>, i64)], kind: &str) -> i64 {
    amounts.iter().filter(|(name, _)| **name == *kind).map(|(_, amount)| amount).sum()
}
