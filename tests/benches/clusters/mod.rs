//! Clusters of any size, for the benches.

// Each bench uses a part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;

use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::{
    Departure, Event, JobObservation, NodeObservation, PoolObservation, Report, StageAttempts,
};
use proffer_core::jobs::{ExecutorSpec, JobKey, JobSpec, StageSpec};
use proffer_core::time::{Span, Time};
use proffer_core::{ExecutorKey, Placement};

/// The size of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) nodes: u32,
    pub(crate) pools: u32,
    pub(crate) jobs: u32,
    /// Executors that each job wants.
    pub(crate) executors: u32,
}

/// What all dimensions grow from, one at a time.
pub(crate) const BASE: Size = Size { nodes: 5000, pools: 100, jobs: 1000, executors: 20 };

/// The size of the goal: a full allocation in 50 ms, an event in 1 ms.
pub(crate) const GOAL: Size = Size { nodes: 50_000, pools: 1000, jobs: 10_000, executors: 5 };

/// A cluster in which every executor that was launched is ready and busy.
pub(crate) struct Cluster {
    pub(crate) engine: Engine,
    size: Size,
    now: Time,
    executors: BTreeMap<ExecutorKey, (u64, Vec<StageAttempts>)>,
    turn: usize,
    jobs: u32,
}

impl Cluster {
    /// Nodes, pools and jobs that nothing was decided about yet.
    pub(crate) fn new(size: Size) -> Self {
        let mut engine = Engine::new(Settings::default());
        (0..size.nodes).for_each(|index| engine.handle(Time::ZERO, node(index)));
        (0..size.pools).for_each(|index| engine.handle(Time::ZERO, pool(index)));
        (0..size.jobs).for_each(|index| engine.handle(Time::ZERO, job(index, size)));
        Self { engine, size, now: Time::ZERO, executors: BTreeMap::new(), turn: 0, jobs: size.jobs }
    }

    /// The same after all has been decided, with more demand than there is room.
    pub(crate) fn saturated(size: Size) -> Self {
        let most = 16 * size.nodes / size.jobs + 1;
        let mut cluster = Self::new(Size { executors: size.executors.max(most), ..size });
        cluster.settle();
        cluster
    }

    /// Decides and answers until nothing more is to be done.
    pub(crate) fn settle(&mut self) {
        loop {
            self.now += Span::from_milliseconds(10);
            let actions = self.engine.tick(self.now);
            if actions.iter().all(|action| matches!(action, Action::Status(_))) {
                return;
            }
            self.answer(actions);
        }
    }

    /// Takes in an event.
    pub(crate) fn handle(&mut self, event: Event) {
        self.engine.handle(self.now, event);
    }

    /// Decides once.
    pub(crate) fn tick(&mut self) -> Vec<Action> {
        self.engine.tick(self.now)
    }

    /// Plays the executors.
    pub(crate) fn answer(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Launch(launch) => {
                    self.executors.insert(launch.key.clone(), (1, Vec::new()));
                    let report = Report { number: 1, ready: true, ..Report::default() };
                    self.engine.handle(self.now, Event::Report(launch.key, report));
                }
                Action::Assign(assignment) => {
                    if let Some((_, attempts)) = self.executors.get_mut(&assignment.key) {
                        *attempts = assignment.attempts;
                    }
                }
                Action::Remove(key) => {
                    self.executors.remove(&key);
                    self.engine.handle(self.now, Event::ExecutorGone(key, Departure::Asked));
                }
                _ => {}
            }
        }
    }

    /// A node's new version, in which nothing of importance is different.
    pub(crate) fn node_event(&mut self) -> Event {
        self.turn += 1;
        self.now += Span::from_milliseconds(1);
        let index = u32::try_from(self.turn * 7919).unwrap_or(0) % self.size.nodes;
        node(index)
    }

    /// An executor reports that a task is finished.
    pub(crate) fn report_event(&mut self) -> Event {
        let (key, (number, attempts)) = self.some_executor();
        let report = Report {
            number: number + 1,
            ready: true,
            finished: attempts.into_iter().take(1).collect(),
            ..Report::default()
        };
        if let Some((last, _)) = self.executors.get_mut(&key) {
            *last += 1;
        }
        Event::Report(key, report)
    }

    /// An executor is lost, and leaves its room to whoever is next.
    pub(crate) fn departure_event(&mut self) -> Event {
        let (key, _) = self.some_executor();
        self.executors.remove(&key);
        Event::ExecutorGone(key, Departure::Lost("its node was shut down".to_owned()))
    }

    /// A job comes.
    pub(crate) fn job_event(&mut self) -> Event {
        self.jobs += 1;
        self.now += Span::from_milliseconds(1);
        job(self.jobs, self.size)
    }

    fn some_executor(&mut self) -> (ExecutorKey, (u64, Vec<StageAttempts>)) {
        self.turn += 1;
        self.now += Span::from_milliseconds(1);
        let at = (self.turn * 7919) % self.executors.len().max(1);
        let found = self.executors.iter().nth(at);
        found.map(|(key, executor)| (key.clone(), executor.clone())).expect("there are executors")
    }
}

/// The node of this number.
pub(crate) fn node(index: u32) -> Event {
    Event::Node(NodeObservation {
        name: format!("node-{index}").into(),
        allocatable: vec![("cpu".into(), 16_000), ("memory".into(), 64 << 30)],
        taken_by_others: vec![("cpu".into(), i64::from(index % 7) * 250)],
        ..NodeObservation::default()
    })
}

/// The pool of this number, one of ten organisations' teams.
pub(crate) fn pool(index: u32) -> Event {
    Event::Pool(PoolObservation {
        name: format!("org-{}.team-{index}", index % 10).into(),
        weight: 1000 + 500 * (index % 5),
        ..PoolObservation::default()
    })
}

/// The job of this number: 28 shapes of executors.
pub(crate) fn job(index: u32, size: Size) -> Event {
    let cpu = 1000 * i64::from(1 + index % 4);
    let memory = (1 + i64::from(index % 7)) << 30;
    let pool = index % size.pools;
    let spec = JobSpec {
        pool: format!("org-{}.team-{pool}", pool % 10).into(),
        executor: ExecutorSpec {
            request: vec![("cpu".into(), cpu), ("memory".into(), memory)],
            instances: size.executors,
            placement: if index.is_multiple_of(2) { Placement::Spread } else { Placement::Pack },
            ..ExecutorSpec::default()
        },
        stages: vec![StageSpec { name: "s".into(), tasks: 1_000_000, ..StageSpec::default() }],
        max_executor_failures: Some(u32::MAX),
        ..JobSpec::default()
    };
    let key = JobKey { namespace: "default".into(), name: format!("job-{index}").into() };
    let uid = format!("{index}").into();
    Event::Job(Box::new(JobObservation {
        key,
        uid,
        generation: 1,
        created_at: Time::ZERO,
        spec: Ok(spec),
        status: None,
    }))
}
