//! A cluster on which executors do as they are told, around a real engine.

use std::collections::BTreeMap;

use proffer_core::action::Action;
use proffer_core::engine::Settings;
use proffer_core::event::{
    Departure, Event, JobObservation, Label, NodeObservation, PoolObservation, Report, Reservation,
    StageAttempts,
};
use proffer_core::jobs::{ExecutorSpec, JobKey, JobSpec, StageSpec};
use proffer_core::{Engine, ExecutorKey, Fairness};

use super::{Job, Node, Pool};

/// Nothing in these scenarios depends on time: it stands still.
const NOW: u64 = 0;

/// The engine and the executors that it launched.
pub(super) struct Cluster {
    engine: Engine,
    executors: BTreeMap<ExecutorKey, Executor>,
    /// How many executors were launched so far.
    launched: u64,
}

struct Executor {
    /// How many were launched before it.
    order: u64,
    /// What it runs: one task that ends when the scenario says so.
    running: Vec<StageAttempts>,
}

impl Cluster {
    pub(super) fn new(fairness: Fairness, nodes: &[Node], pools: &[Pool]) -> Self {
        let mut engine = Engine::new(Settings { fairness, ..Settings::default() });
        for node in nodes {
            let node = NodeObservation {
                name: node.name.as_str().into(),
                allocatable: node.total.for_engine(),
                labels: labels(&node.labels),
                taints: node.taints.clone(),
                ..NodeObservation::default()
            };
            engine.handle(NOW, Event::Node(node));
        }
        for pool in pools {
            let reservations = pool.reservations.iter().map(|(selector, resources)| Reservation {
                node_selector: labels(selector),
                resources: resources.for_engine(),
            });
            let pool = PoolObservation {
                name: pool.path.as_str().into(),
                weight: pool.weight,
                guarantee: pool.guarantee.for_engine(),
                limit: pool.limit.for_engine(),
                node_selector: labels(&pool.selector),
                reservations: reservations.collect(),
                ..PoolObservation::default()
            };
            engine.handle(NOW, Event::Pool(pool));
        }
        Self { engine, executors: BTreeMap::new(), launched: 0 }
    }

    /// Submits a job, which has a task for each executor that it wants.
    pub(super) fn submit(&mut self, job: &Job) {
        let stage =
            StageSpec { name: "work".into(), tasks: job.executors.max(1), ..StageSpec::default() };
        let spec = JobSpec {
            pool: job.pool.as_str().into(),
            priority: job.priority,
            executor: ExecutorSpec {
                slots: 1,
                request: job.executor.for_engine(),
                instances: job.executors,
                node_selector: labels(&job.selector),
                tolerations: job.tolerations.clone(),
                ..ExecutorSpec::default()
            },
            stages: vec![stage],
            max_task_failures: 1,
            ..JobSpec::default()
        };
        let key = JobKey { namespace: "default".into(), name: job.name.as_str().into() };
        let observation = JobObservation {
            key,
            uid: job.name.as_str().into(),
            generation: 1,
            created_at: NOW,
            spec: Ok(spec),
            status: None,
        };
        self.engine.handle(NOW, Event::Job(Box::new(observation)));
    }

    /// Lets the oldest executors of a job finish their tasks and go.
    pub(super) fn finish(&mut self, job: &str, count: u32) -> Result<(), String> {
        let of_job = self.executors.iter().filter(|(key, _)| &*key.job.name == job);
        let mut keys: Vec<_> =
            of_job.map(|(key, executor)| (executor.order, key.clone())).collect();
        let (held, count) = (keys.len(), count as usize);
        if count > held {
            return Err(format!("job {job} holds {held} executors, so {count} cannot finish"));
        }
        keys.sort_unstable();
        for (_, key) in keys.into_iter().take(count) {
            let running = self.executors.remove(&key).map(|executor| executor.running);
            let finished = running.unwrap_or_default();
            let report = Report { number: 2, ready: true, finished, ..Report::default() };
            self.engine.handle(NOW, Event::Report(key.clone(), report));
            self.engine.handle(NOW, Event::ExecutorGone(key, Departure::Asked));
        }
        Ok(())
    }

    /// Lets the engine decide until it wants nothing more; returns how many executors it took away
    /// from their work.
    pub(super) fn settle(&mut self) -> u32 {
        let mut evicted = 0;
        loop {
            let mut settled = true;
            for action in self.engine.tick(NOW) {
                match action {
                    Action::Launch(launch) => {
                        let report = Report { number: 1, ready: true, ..Report::default() };
                        self.engine.handle(NOW, Event::Report(launch.key.clone(), report));
                        let executor = Executor { order: self.launched, running: Vec::new() };
                        self.launched += 1;
                        self.executors.insert(launch.key, executor);
                    }
                    Action::Assign(assignment) => {
                        if let Some(executor) = self.executors.get_mut(&assignment.key) {
                            executor.running = assignment.attempts;
                        }
                    }
                    Action::Remove(key) => {
                        let gone = self.executors.remove(&key);
                        evicted += u32::from(gone.is_some_and(|gone| !gone.running.is_empty()));
                        self.engine.handle(NOW, Event::ExecutorGone(key, Departure::Asked));
                    }
                    Action::Discard(_) | Action::Status(_) | Action::Framework(..) => continue,
                }
                settled = false;
            }
            if settled {
                return evicted;
            }
        }
    }

    /// How many executors each job holds, by the engine's account.
    pub(super) fn held(&self) -> BTreeMap<String, u32> {
        let jobs = self.engine.view().jobs.into_iter();
        jobs.map(|job| (job.key.name.to_string(), job.executors_launched)).collect()
    }

    /// The share of a pool before weights, in units of 1 / `units`.
    pub(super) fn dominant_share(&self, path: &str, units: u64) -> u64 {
        let pools = self.engine.view().pools;
        let pool = pools.into_iter().find(|pool| &*pool.name == path);
        pool.map_or(0, |pool| pool.dominant_share.scaled(units))
    }

    /// Why a job has no more executors.
    pub(super) fn reason(&self, name: &str) -> Option<String> {
        let jobs = self.engine.view().jobs;
        jobs.into_iter().find(|job| &*job.key.name == name)?.message
    }
}

fn labels(labels: &[(String, String)]) -> Vec<Label> {
    labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}
