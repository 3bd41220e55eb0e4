//! The tree of pools of a scenario.

use std::collections::BTreeSet;

use proffer_core::event::IdleGuarantee;

use super::super::amounts::{Amounts, RESOURCES, thousandths};
use super::super::read::Field;
use crate::convert::label_problem;
use crate::manifests::quote;

/// The largest weight, in thousandths.
const LARGEST_WEIGHT: u32 = 1_000_000_000;

/// A pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name in the scenario.
    pub name: String,
    /// What the engine calls it: the names from the root on, with dots between them.
    pub path: String,
    /// Its weight in thousandths.
    pub weight: u32,
    /// What its subtree gets first.
    pub guarantee: Amounts,
    /// What its subtree gets at most.
    pub limit: Amounts,
    /// The labels of the nodes that it may use.
    pub selector: Vec<(String, String)>,
    /// What is kept for it on the nodes with some labels.
    pub reservations: Vec<(Vec<(String, String)>, Amounts)>,
    /// What becomes of the guarantee while nobody wants it.
    pub idle_guarantee: IdleGuarantee,
}

/// A pool whose place in the tree is not known yet.
struct Seed<'a> {
    field: Field<'a>,
    parent: Option<(String, Field<'a>)>,
    pool: Pool,
}

pub(super) fn read(field: &Field<'_>) -> Option<Vec<Pool>> {
    let mut names = BTreeSet::new();
    let seeds = field.list(|item| seed(item, &mut names))?;
    let paths: Vec<Option<String>> = seeds.iter().map(|seed| path(seed, &seeds)).collect();
    let mut pools = Vec::with_capacity(seeds.len());
    let mut seen = BTreeSet::new();
    for (seed, path) in seeds.into_iter().zip(paths) {
        let path = path?;
        if !seen.insert(path.clone()) {
            return seed.field.wrong(format!("there is a pool {} already", quote(&path)));
        }
        pools.push(Pool { path, ..seed.pool });
    }
    Some(pools)
}

/// The pool that a field names, by its own name or by that of its role.
pub(super) fn find<'b>(pools: &'b [Pool], name: &str, field: &Field<'_>) -> Option<&'b Pool> {
    let path = dotted(name);
    match pools.iter().find(|pool| pool.name == name || pool.path == path) {
        Some(pool) => Some(pool),
        None => field.not_among("pool", name, pools.iter().map(|pool| pool.name.as_str())),
    }
}

fn seed<'a>(item: &Field<'a>, names: &mut BTreeSet<String>) -> Option<Seed<'a>> {
    let record = item.record([
        "name",
        "parent",
        "weight",
        "guarantee",
        "limit",
        "idleGuarantee",
        "nodeSelector",
        "reservations",
    ])?;
    let name = record.new_name("pool", names);
    let parent = record.or("parent", None, |field| {
        let name = field.text()?.to_owned();
        Some(Some((name, field.clone())))
    });
    let weight = record.or("weight", 1000, weight);
    let guarantee = record.or("guarantee", Amounts::default(), countable);
    let limit = record.or("limit", Amounts::default(), countable);
    let idle_guarantee = record.or("idleGuarantee", IdleGuarantee::Hold, |field| {
        field.choice(&[("hold", IdleGuarantee::Hold), ("lend", IdleGuarantee::Lend)])
    });
    let selector = record.or("nodeSelector", Vec::new(), labels);
    let reservations = record.or("reservations", Vec::new(), |field| {
        field.list(|item| {
            let record = item.record(["nodeSelector", "resources"])?;
            let selector = record.or("nodeSelector", Vec::new(), labels);
            let resources = record.required("resources").and_then(|field| countable(&field));
            Some((selector?, resources?))
        })
    });
    let (name, guarantee, limit) = (name?, guarantee?, limit?);
    for (resource, guaranteed) in &guarantee.quantities {
        if limit.quantities.get(resource).is_some_and(|limit| guaranteed > limit) {
            return item.wrong("the guarantee is above the limit");
        }
    }
    if name.split(['/', '.']).any(|part| part.trim().is_empty()) {
        let message = format!("{} has a part without a name", quote(&name));
        return record.required("name").and_then(|field| field.wrong(message));
    }
    let pool = Pool {
        path: dotted(&name),
        name,
        weight: weight?,
        guarantee,
        limit,
        idle_guarantee: idle_guarantee?,
        selector: selector?,
        reservations: reservations?,
    };
    Some(Seed { field: item.clone(), parent: parent?, pool })
}

/// Labels, or what a selector wants of them.
pub(super) fn labels(field: &Field<'_>) -> Option<Vec<(String, String)>> {
    field.map(|key, value| {
        let label = value.text()?;
        match label_problem(key, label) {
            Some(problem) => value.wrong(problem),
            None => Some((key.to_owned(), label.to_owned())),
        }
    })
}

fn countable(field: &Field<'_>) -> Option<Amounts> {
    Amounts::read_countable(&field.record(RESOURCES)?)
}

pub(in super::super) fn weight(field: &Field<'_>) -> Option<u32> {
    let number = field.number()?;
    let weight = thousandths(number, field)?;
    match u32::try_from(weight).ok().filter(|&weight| weight <= LARGEST_WEIGHT) {
        Some(weight) => Some(weight),
        None => field.wrong(format!("{number} is too large; the most is 1000000")),
    }
}

/// The names from the root to a pool.
fn path(seed: &Seed<'_>, seeds: &[Seed<'_>]) -> Option<String> {
    let mut path = seed.pool.path.clone();
    let mut place = seed;
    for _ in seeds {
        let Some((parent, field)) = &place.parent else {
            return seed.field.levelled("pools have", path);
        };
        let Some(above) = seeds.iter().find(|other| other.pool.name == *parent) else {
            let names = seeds.iter().map(|seed| seed.pool.name.as_str());
            return field.not_among("pool", parent, names);
        };
        place = above;
        path = format!("{}.{path}", place.pool.path);
    }
    let (_, field) = seed.parent.as_ref()?;
    field.wrong(format!("{} is below itself", quote(&seed.pool.name)))
}

/// A role as the name of a pool.
fn dotted(role: &str) -> String {
    role.replace('/', ".")
}
