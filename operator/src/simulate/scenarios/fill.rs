//! Scenarios of jobs whose demand is known: how many executors each holds once nothing more can be
//! given.

mod cluster;
mod marks;
mod pools;

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::Fairness;
use proffer_core::event::{Taint, Toleration};

use super::Difference;
use super::amounts::{Amounts, RESOURCES};
use super::read::{Field, Record};
use crate::manifests::Source;
use cluster::Cluster;
pub use pools::Pool;
pub(super) use pools::weight;

/// The number of executors of a job that wants as many as there can be.
const UNBOUNDED: u32 = 1_000_000;

/// No more executors run at once.
const MOST_EXECUTORS: u64 = 100_000;

/// Shares are compared in units of this part of one, and may differ by a thousand of them.
const SHARE_UNITS: u64 = 1_000_000_000_000;
const SHARE_TOLERANCE: u64 = 1_000;

/// A cluster, its pools and jobs, and what becomes of them step by step.
#[derive(Clone, Debug)]
pub struct Fill {
    /// How pools are ordered.
    pub fairness: Fairness,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The pools.
    pub pools: Vec<Pool>,
    /// What happens, and what is expected then. The first step submits the jobs of the top level.
    pub steps: Vec<Step>,
}

/// The names that orders of pools have in scenarios.
pub(super) const FAIRNESS: [(&str, Fairness); 2] =
    [("drf", Fairness::Drf), ("hdrf", Fairness::Hdrf)];

/// A node and what it has.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What executors can have of it.
    pub total: Amounts,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// The marks that keep jobs away that do not tolerate them.
    pub taints: Vec<Taint>,
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The pool that pays, as the engine calls it.
    pub pool: String,
    /// What one executor needs.
    pub executor: Amounts,
    /// How many executors the job has work for.
    pub executors: u32,
    /// Jobs of a pool with a higher number come first.
    pub priority: i32,
    /// The labels of the nodes that it may use.
    pub selector: Vec<(String, String)>,
    /// The taints that do not matter to it.
    pub tolerations: Vec<Toleration>,
}

/// Something that happens, and what has to hold once nothing more can be given.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Where it stands: nothing for the top level, or such as `then[0]`.
    pub field: String,
    /// The jobs that are submitted.
    pub submit: Vec<Job>,
    /// How many executors of which jobs finish their work and go, the oldest first.
    pub finish: Vec<(String, u32)>,
    /// How many executors which jobs hold then.
    pub expect: Vec<(String, u32)>,
    /// The dominant shares that pools have then, in units of 10⁻¹².
    pub shares: Vec<(String, u64)>,
    /// How many executors may be taken away at most.
    pub evictions: Option<u32>,
    /// Whether executors may be taken away for others.
    pub reclaim: bool,
}

impl Fill {
    /// The fields of such a scenario.
    pub(super) const FIELDS: [&str; 10] =
        ["kind", "name", "source", "options", "nodes", "pools", "jobs", "expect", "shares", "then"];

    pub(super) fn read(record: &Record<'_>) -> Option<Self> {
        let fairness = record.or("options", Fairness::Hdrf, |options| {
            let options = options.record(["fairness"])?;
            options.or("fairness", Fairness::Hdrf, |field| field.choice(&FAIRNESS))
        });
        let nodes = record.required("nodes").and_then(|field| nodes(&field));
        let pools = record.required("pools").and_then(|field| pools::read(&field));
        let steps = steps(record, pools.as_deref().unwrap_or(&[]));
        let fill = Self { fairness: fairness?, nodes: nodes?, pools: pools?, steps: steps? };
        if fill.most_executors() > MOST_EXECUTORS {
            return record.get("jobs")?.wrong(format!(
                "more than {MOST_EXECUTORS} executors could run at once; give nodes less, executors \
                 more, or jobs fewer executors"
            ));
        }
        Some(fill)
    }

    /// There are never more executors than this: what jobs want, and what would fit on each node if all
    /// were of the job of which most fit.
    fn most_executors(&self) -> u64 {
        let jobs = || self.steps.iter().flat_map(|step| &step.submit);
        let wanted = jobs().map(|job| u64::from(job.executors)).sum::<u64>();
        let sizes: BTreeMap<_, _> =
            jobs().map(|job| (&job.executor.quantities, &job.executor)).collect();
        let most = |node: &Node| sizes.values().map(|size| size.times_in(&node.total)).max();
        let room = self.nodes.iter().filter_map(most).fold(0, u64::saturating_add);
        wanted.min(room)
    }

    /// Runs the scenario on the engine.
    pub(super) fn run(&self, source: &Source) -> Result<(), Difference> {
        let mut cluster = Cluster::new(self.fairness, &self.nodes, &self.pools);
        let mut passed = Vec::new();
        for step in &self.steps {
            let place = format!("{}{}", step.title(), super::line(source, step.title()));
            if let Err(message) = step.run(&mut cluster) {
                return Err(Difference::Differs { passed, place, message });
            }
            passed.push(place);
        }
        Ok(())
    }
}

impl Step {
    /// The field that the step is found by in its file.
    fn title(&self) -> &str {
        if self.field.is_empty() { "jobs" } else { &self.field }
    }

    fn run(&self, cluster: &mut Cluster) -> Result<(), String> {
        for (job, count) in &self.finish {
            cluster.finish(job, *count)?;
        }
        self.submit.iter().for_each(|job| cluster.submit(job));
        let evicted = if self.reclaim { cluster.reclaim()? } else { cluster.settle() };
        let held = cluster.held();
        for (job, expected) in &self.expect {
            let count = held.get(job).copied().unwrap_or(0);
            if count != *expected {
                return Err(different_count(cluster, job, count, *expected, &held));
            }
        }
        for (pool, expected) in &self.shares {
            let share = cluster.dominant_share(pool, SHARE_UNITS);
            if share.abs_diff(*expected) > SHARE_TOLERANCE {
                let role = pool.replace('.', "/");
                let (share, expected) = (decimal(share), decimal(*expected));
                return Err(format!("pool {role} has a share of {share}, expected {expected}"));
            }
        }
        match self.evictions {
            Some(most) if evicted > most => {
                Err(format!("{evicted} executors were taken away, expected at most {most}"))
            }
            _ => Ok(()),
        }
    }
}

fn different_count(
    cluster: &Cluster,
    job: &str,
    count: u32,
    expected: u32,
    held: &BTreeMap<String, u32>,
) -> String {
    let all: Vec<String> = held.iter().map(|(job, count)| format!("{job} {count}")).collect();
    let reason = cluster.reason(job).map_or_else(String::new, |reason| format!("; it {reason}"));
    format!(
        "job {job} holds {count} executors, expected {expected}{reason}. All hold: {}",
        all.join(", ")
    )
}

/// A share in units of [`SHARE_UNITS`] for people, without zeros at its end.
fn decimal(share: u64) -> String {
    let text = format!("{}.{:012}", share / SHARE_UNITS, share % SHARE_UNITS);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn nodes(field: &Field<'_>) -> Option<Vec<Node>> {
    let mut names = BTreeSet::new();
    field.list(|item| {
        let record = item.record(["name", "labels", "taints"].into_iter().chain(RESOURCES))?;
        let name = record.new_name("node", &mut names);
        let total = Amounts::read_countable(&record);
        let labels = record.or("labels", Vec::new(), pools::labels);
        let taints = record.or("taints", Vec::new(), |field| field.list(marks::taint));
        Some(Node { name: name?, total: total?, labels: labels?, taints: taints? })
    })
}

fn steps(record: &Record<'_>, pools: &[Pool]) -> Option<Vec<Step>> {
    let mut known = BTreeSet::new();
    let submit = record.required("jobs").and_then(|field| jobs(&field, pools, &mut known));
    let expect = record.or("expect", Vec::new(), |field| counts(field, &known));
    let shares = record.or("shares", Vec::new(), |field| {
        field.map(|name, value| {
            let pool = pools::find(pools, name, value);
            let share = share(value);
            Some((pool?.path.clone(), share?))
        })
    });
    let then = record
        .or("then", Vec::new(), |field| field.list(|item| later_step(item, pools, &mut known)));
    let first = Step { submit: submit?, expect: expect?, shares: shares?, ..Step::default() };
    let mut steps = vec![first];
    steps.extend(then?);
    if steps.iter().all(|step| step.expect.is_empty() && step.shares.is_empty()) {
        return record.field().wrong("nothing is expected of this scenario; say what under expect");
    }
    Some(steps)
}

fn later_step(field: &Field<'_>, pools: &[Pool], known: &mut BTreeSet<String>) -> Option<Step> {
    let record = field.record(["submit", "finish", "expect", "evictions", "reclaim"])?;
    let finish = record.or("finish", Vec::new(), |field| counts(field, known));
    let submit = record.or("submit", Vec::new(), |field| jobs(field, pools, known));
    let expect = record.or("expect", Vec::new(), |field| counts(field, known));
    let evictions = record.or("evictions", None, |field| field.whole(UNBOUNDED).map(Some));
    let reclaim = record.or("reclaim", false, Field::boolean);
    Some(Step {
        field: field.path().to_owned(),
        submit: submit?,
        finish: finish?,
        expect: expect?,
        shares: Vec::new(),
        evictions: evictions?,
        reclaim: reclaim?,
    })
}

fn jobs(field: &Field<'_>, pools: &[Pool], known: &mut BTreeSet<String>) -> Option<Vec<Job>> {
    field.list(|item| {
        let record = item.record([
            "name",
            "pool",
            "executor",
            "executors",
            "priority",
            "nodeSelector",
            "tolerations",
        ])?;
        let name = record.new_name("job", known);
        let pool = record.required("pool").and_then(|field| {
            let name = field.text()?;
            pools::find(pools, name, &field)
        });
        let executor = record.required("executor").and_then(|field| {
            let amounts = Amounts::read_countable(&field.record(RESOURCES)?)?;
            if amounts.is_nothing() {
                return field.wrong("an executor that needs nothing would fit without end");
            }
            Some(amounts)
        });
        let executors = record.required("executors").and_then(|field| match field.as_text() {
            Some("inf") => Some(UNBOUNDED),
            Some(_) => field.wrong("expected a whole number, or inf for as many as there can be"),
            None => field.whole(UNBOUNDED),
        });
        let priority = record.or("priority", 0, Field::integer);
        let selector = record.or("nodeSelector", Vec::new(), pools::labels);
        let tolerations =
            record.or("tolerations", Vec::new(), |field| field.list(marks::toleration));
        Some(Job {
            name: name?,
            pool: pool?.path.clone(),
            executor: executor?,
            executors: executors?,
            priority: priority?,
            selector: selector?,
            tolerations: tolerations?,
        })
    })
}

/// Numbers of executors by job.
fn counts(field: &Field<'_>, known: &BTreeSet<String>) -> Option<Vec<(String, u32)>> {
    field.map(|name, value| {
        if !known.contains(name) {
            return value.not_among("job", name, known.iter().map(String::as_str));
        }
        Some((name.to_owned(), value.whole(UNBOUNDED)?))
    })
}

/// A share between 0 and 1 in units of [`SHARE_UNITS`].
fn share(field: &Field<'_>) -> Option<u64> {
    let share = field.number()?.as_f64()?;
    if share > 1.0 {
        return field.wrong(format!("{share} is too large; the most is 1"));
    }
    format!("{share:.12}").replace('.', "").parse().ok()
}

#[cfg(test)]
mod tests;
