//! Fairness against an optimum that is reckoned another way.
//!
//! Where all executors are alike and need one kind of resource, the weighted max-min fair division
//! into whole executors can be had from the top: each pool's part is divided among its children one
//! by one, always to the one with the smallest share by weight. The engine goes from the bottom, an
//! executor at a time, on nodes. What it gives to a pool or a job may differ from the optimum by one
//! executor, no more: that is who comes first when shares are equal. With H-DRF a pool of pools is
//! compared by holdings that are scaled down to its child that is furthest behind, which is up to one
//! executor for each child; it may be off by as many.

use std::collections::BTreeMap;
use std::fmt;

use proffer_core::Fairness;
use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::{Event, JobObservation, NodeObservation, PoolObservation};
use proffer_core::jobs::{ExecutorSpec, JobKey, JobSpec, StageSpec};
use proffer_core::time::Time;

use super::random::Random;

/// By how many executors a pool or a job may be off, beside what scaling makes.
const BOUND: u32 = 1;

/// What one executor holds, in thousandths of a cpu.
const EXECUTOR: i64 = 1000;

/// How far from the optimum the engine was at most.
#[derive(Debug, Default)]
pub(super) struct Deviation {
    cases: u64,
    largest: u32,
}

impl fmt::Display for Deviation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, largest } = self;
        write!(
            formatter,
            "fairness: at most {largest} executors off the max-min optimum in {cases} clusters"
        )
    }
}

/// A pool of pools, or one with jobs.
#[derive(Clone, Debug)]
struct Pool {
    name: String,
    weight: u32,
    limit: Option<u32>,
    children: Vec<Pool>,
    /// How many executors each job wants.
    jobs: Vec<u32>,
}

/// Compares the engine with the optimum in a random cluster for each seed.
pub(super) fn measure(first: u64, last: u64) -> Result<Deviation, String> {
    let mut deviation = Deviation::default();
    for seed in first..=last {
        for fairness in [Fairness::Drf, Fairness::Hdrf] {
            let off = compare(seed, fairness)?;
            deviation.cases += 1;
            deviation.largest = deviation.largest.max(off);
        }
    }
    Ok(deviation)
}

fn compare(seed: u64, fairness: Fairness) -> Result<u32, String> {
    let mut random = Random::new(seed ^ 0xfa17);
    let nodes: Vec<u32> = (0..random.between(1, 6)).map(|_| random.between(1, 12)).collect();
    let deep = random.chance(50);
    let pools: Vec<Pool> = (0..random.between(2, 4))
        .map(|index| pool(&mut random, &format!("p{index}"), deep))
        .collect();
    let root = Pool { name: String::new(), weight: 1, limit: None, children: pools, jobs: vec![] };
    let mut optimum = BTreeMap::new();
    let units = nodes.iter().sum::<u32>().min(root.capacity());
    root.divide(units, &mut optimum);
    let given = fill(&nodes, &root, fairness);
    let most = root.children.iter().map(|pool| pool.children.len()).max().unwrap_or(0);
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    let bound = if fairness == Fairness::Hdrf { BOUND + most } else { BOUND };
    let mut largest = 0;
    for (name, &best) in &optimum {
        let got = given.get(name).copied().unwrap_or(0);
        let off = got.abs_diff(best);
        if off > bound {
            return Err(format!(
                "seed {seed}, fairness with {fairness:?}: {name} has {got} executors, the optimum \
                 is {best}; nodes {nodes:?}, {root:?}"
            ));
        }
        largest = largest.max(off);
    }
    Ok(largest)
}

fn pool(random: &mut Random, name: &str, deep: bool) -> Pool {
    let mut children = Vec::new();
    if deep && random.chance(60) {
        for index in 0..random.between(1, 3) {
            children.push(pool(random, &format!("{name}.c{index}"), false));
        }
    }
    let jobs = if children.is_empty() { random.between(1, 3) } else { 0 };
    Pool {
        name: name.to_owned(),
        weight: random.one_of(&[1, 1, 1, 2, 3]),
        limit: random.chance(20).then(|| random.between(1, 8)),
        children,
        jobs: (0..jobs).map(|_| random.between(1, 20)).collect(),
    }
}

impl Pool {
    /// How many executors the pool can make use of.
    fn capacity(&self) -> u32 {
        let wanted =
            self.jobs.iter().sum::<u32>() + self.children.iter().map(Self::capacity).sum::<u32>();
        wanted.min(self.limit.unwrap_or(u32::MAX))
    }

    /// Divides executors among the children and jobs.
    fn divide(&self, units: u32, into: &mut BTreeMap<String, u32>) {
        if !self.name.is_empty() {
            into.insert(self.name.clone(), units);
        }
        let caps = self.children.iter().map(|child| (child.capacity(), child.weight));
        let mut takers: Vec<(u32, u32, u32)> = caps.map(|(cap, weight)| (0, cap, weight)).collect();
        takers.extend(self.jobs.iter().map(|&wanted| (0, wanted, 1)));
        for _ in 0..units {
            let open = takers.iter_mut().filter(|(has, cap, _)| has < cap);
            // a/b < c/d, in whole numbers.
            let next = open.min_by(|left, right| {
                (u64::from(left.0) * u64::from(right.2))
                    .cmp(&(u64::from(right.0) * u64::from(left.2)))
            });
            if let Some((has, _, _)) = next {
                *has += 1;
            }
        }
        let (of_children, of_jobs) = takers.split_at(self.children.len());
        for (child, (units, _, _)) in self.children.iter().zip(of_children) {
            child.divide(*units, into);
        }
        for (index, (units, _, _)) in of_jobs.iter().enumerate() {
            into.insert(format!("{} job {index}", self.name), *units);
        }
    }

    fn observe(&self, engine: &mut Engine) {
        let amounts = |limit: u32| vec![("cpu".into(), i64::from(limit) * EXECUTOR)];
        if !self.name.is_empty() {
            let observed = PoolObservation {
                name: self.name.as_str().into(),
                weight: self.weight * 1000,
                limit: self.limit.map(amounts).unwrap_or_default(),
                ..PoolObservation::default()
            };
            engine.handle(Time::ZERO, Event::Pool(observed));
        }
        self.children.iter().for_each(|child| child.observe(engine));
        for (index, &wanted) in self.jobs.iter().enumerate() {
            let name = format!("{} job {index}", self.name);
            let stage = StageSpec { name: "s".into(), tasks: wanted, ..StageSpec::default() };
            let spec = JobSpec {
                pool: self.name.as_str().into(),
                executor: ExecutorSpec {
                    request: vec![("cpu".into(), EXECUTOR)],
                    instances: wanted,
                    ..ExecutorSpec::default()
                },
                stages: vec![stage],
                ..JobSpec::default()
            };
            let job = JobObservation {
                key: JobKey { namespace: "".into(), name: name.as_str().into() },
                uid: name.as_str().into(),
                generation: 1,
                created_at: Time::ZERO,
                spec: Ok(spec),
                status: None,
            };
            engine.handle(Time::ZERO, Event::Job(Box::new(job)));
        }
    }
}

/// What the engine gives from an empty cluster, by pool and by job.
fn fill(nodes: &[u32], root: &Pool, fairness: Fairness) -> BTreeMap<String, u32> {
    let mut engine = Engine::new(Settings { fairness, ..Settings::default() });
    for (index, &size) in nodes.iter().enumerate() {
        let observed = NodeObservation {
            name: format!("n{index}").into(),
            allocatable: vec![("cpu".into(), i64::from(size) * EXECUTOR)],
            ..NodeObservation::default()
        };
        engine.handle(Time::ZERO, Event::Node(observed));
    }
    root.observe(&mut engine);
    let mut given = BTreeMap::new();
    for action in engine.tick(Time::ZERO) {
        if let Action::Launch(launch) = action {
            let job = launch.key.job.name.to_string();
            let pool = job.split(' ').next().unwrap_or_default().to_owned();
            *given.entry(job).or_default() += 1;
            for pool in super::account::chain(&pool) {
                *given.entry(pool.to_owned()).or_default() += 1;
            }
        }
    }
    given
}
