//! A cluster on which executors do as they are told, around a real engine.

use std::collections::BTreeMap;

use proffer_core::action::Action;
use proffer_core::engine::Settings;
use proffer_core::event::{
    Departure, Event, JobObservation, Label, NodeObservation, PoolObservation, Report, Reservation,
    StageAttempts,
};
use proffer_core::jobs::{ExecutorSpec, JobKey, JobSpec, StageSpec};
use proffer_core::time::Time;
use proffer_core::{Engine, ExecutorKey, Fairness};
use proffer_core::{ReclaimDefaults, ReclaimPolicy};

use super::{Job, Node, Pool};

/// How often time may go on in one step before the engine is taken to find no rest.
const MOST_MOMENTS: u32 = 10_000;

/// The engine and the executors that it launched.
pub(super) struct Cluster {
    engine: Engine,
    /// Stands still but where executors may be taken back.
    now: Time,
    executors: BTreeMap<ExecutorKey, Executor>,
    /// How many executors were launched so far.
    launched: u64,
}

struct Executor {
    /// How many were launched before it.
    order: u64,
    reports: u64,
    /// What it runs: one task that ends when the scenario says so.
    running: Vec<StageAttempts>,
}

impl Executor {
    /// Runs what it is told.
    fn start(&mut self, number: u64, attempts: Vec<StageAttempts>) -> Report {
        self.running = attempts;
        self.reports += 1;
        Report {
            number: self.reports,
            observed_assignment: number,
            ready: true,
            running: self.running.clone(),
            ..Report::default()
        }
    }
}

impl Cluster {
    pub(super) fn new(fairness: Fairness, nodes: &[Node], pools: &[Pool]) -> Self {
        // Grace and drain are the engine's own; nothing is taken back while time stands still.
        let policy = ReclaimPolicy::FairShare;
        let reclaim = ReclaimDefaults { policy, ..ReclaimDefaults::default() };
        // Executors here do not end by themselves: what is kept free until they do would stay so.
        let head_of_line_milliseconds = None;
        let settings =
            Settings { fairness, reclaim, head_of_line_milliseconds, ..Settings::default() };
        let mut engine = Engine::new(settings);
        for node in nodes {
            let node = NodeObservation {
                name: node.name.as_str().into(),
                allocatable: node.total.for_engine(),
                labels: labels(&node.labels),
                taints: node.taints.clone(),
                ..NodeObservation::default()
            };
            engine.handle(Time::ZERO, Event::Node(node));
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
                idle_guarantee: pool.idle_guarantee,
                ..PoolObservation::default()
            };
            engine.handle(Time::ZERO, Event::Pool(pool));
        }
        Self { engine, now: Time::ZERO, executors: BTreeMap::new(), launched: 0 }
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
            created_at: self.now,
            spec: Ok(spec),
            status: None,
        };
        self.engine.handle(self.now, Event::Job(Box::new(observation)));
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
            let Some(executor) = self.executors.remove(&key) else { continue };
            let (number, finished) = (executor.reports + 1, executor.running);
            let report = Report { number, ready: true, finished, ..Report::default() };
            self.engine.handle(self.now, Event::Report(key.clone(), report));
            self.engine.handle(self.now, Event::ExecutorGone(key, Departure::Asked));
        }
        Ok(())
    }

    /// Lets time pass, and with it grace periods and drains, until nothing is to come any more;
    /// returns how many executors were taken away from their work.
    pub(super) fn reclaim(&mut self) -> Result<u32, String> {
        let mut evicted = self.settle();
        for _ in 0..MOST_MOMENTS {
            let Some(at) = self.engine.next_wakeup() else { return Ok(evicted) };
            self.now = at.max(self.now);
            evicted += self.settle();
        }
        Err(format!("there is no rest: {evicted} executors were taken away and no end is in sight"))
    }

    /// Lets the engine decide until it wants nothing more; returns how many executors it took away
    /// from their work.
    pub(super) fn settle(&mut self) -> u32 {
        let mut evicted = 0;
        loop {
            let mut settled = true;
            for action in self.engine.tick(self.now) {
                match action {
                    Action::Launch(launch) => {
                        let report = Report { number: 1, ready: true, ..Report::default() };
                        self.engine.handle(self.now, Event::Report(launch.key.clone(), report));
                        let order = self.launched;
                        let executor = Executor { order, reports: 1, running: Vec::new() };
                        self.launched += 1;
                        self.executors.insert(launch.key, executor);
                    }
                    Action::Assign(assignment) => {
                        if let Some(executor) = self.executors.get_mut(&assignment.key) {
                            let report = executor.start(assignment.number, assignment.attempts);
                            self.engine.handle(self.now, Event::Report(assignment.key, report));
                        }
                    }
                    Action::Remove(key) => {
                        let gone = self.executors.remove(&key);
                        evicted += u32::from(gone.is_some_and(|gone| !gone.running.is_empty()));
                        self.engine.handle(self.now, Event::ExecutorGone(key, Departure::Asked));
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
