use proffer_core::engine::Settings;
use proffer_core::event::{NodeObservation, PoolObservation};
use proptest::prelude::*;

use super::{Amounts, Model, Outcome, Setup, SimulationError, Submission, run};
use crate::simulate::order::Order;
use crate::simulate::trace::TraceJob;
use proffer_core::time::{Span, Time};

/// Jobs on nodes of so many cpus with as many GiB of memory.
struct World {
    settings: Settings,
    nodes: Vec<NodeObservation>,
    pools: Vec<PoolObservation>,
    submissions: Vec<Submission>,
}

fn job(submitted_at: u64, pool: &str, executors: u32, tasks: u32, task_duration: u64) -> TraceJob {
    TraceJob {
        submitted_at: Time::from_milliseconds(submitted_at),
        pool: pool.into(),
        name: format!("{pool}-{submitted_at}").into(),
        executors,
        cpu: 1000,
        memory: 1 << 30,
        tasks,
        task_duration: Span::from_milliseconds(task_duration),
        priority: 0,
    }
}

impl World {
    fn new(cpus: &[i64], jobs: &[TraceJob], order: Order) -> Self {
        let node = |(index, &cpus): (usize, &i64)| NodeObservation {
            name: format!("node-{index}").into(),
            allocatable: vec![("cpu".into(), cpus * 1000), ("memory".into(), cpus << 30)],
            ..NodeObservation::default()
        };
        let pool = |name: &str| PoolObservation { name: name.into(), ..PoolObservation::default() };
        let pools = ["a", "b"].map(pool).to_vec();
        Self {
            settings: order.settings(),
            nodes: cpus.iter().enumerate().map(node).collect(),
            submissions: order.submissions(jobs, &pools),
            pools: order.pools(&pools),
        }
    }

    fn setup(&self) -> Setup<'_> {
        Setup {
            settings: self.settings.clone(),
            nodes: &self.nodes,
            pools: &self.pools,
            submissions: &self.submissions,
            accounts: 2,
            start_delay: Span::from_seconds(1).into(),
            time_limit: Span::from_seconds(1_000_000).into(),
        }
    }

    fn run(&self) -> Result<Outcome, SimulationError> {
        run(&self.setup())
    }

    /// When each job got its first executor and when it ended, in the order of submission.
    fn courses(&self) -> Vec<(u64, u64)> {
        let jobs = self.run().unwrap().jobs;
        let at = |time: Option<Time>| time.unwrap().as_milliseconds();
        jobs.iter().map(|job| (at(job.started_at), at(job.ended_at))).collect()
    }
}

#[test]
fn tasks_run_in_waves_after_the_start_delay() {
    // Two executors take four tasks in two waves; the other job gets the first one's executor.
    let jobs = [job(0, "a", 2, 4, 10_000), job(5000, "b", 1, 1, 5000)];
    let world = World::new(&[2], &jobs, Order::Hdrf);
    assert_eq!(world.courses(), [(0, 21_000), (21_000, 27_000)]);
}

#[test]
fn an_executor_runs_a_task_in_each_slot() {
    let wide = TraceJob { cpu: 4000, ..job(0, "a", 1, 6, 10_000) };
    assert_eq!(World::new(&[4], &[wide], Order::Hdrf).courses(), [(0, 21_000)]);
}

#[test]
fn executors_that_are_not_needed_any_more_go_early() {
    // The last of three tasks needs one of two executors; the other job gets the second one.
    let jobs = [job(0, "a", 2, 3, 10_000), job(1, "b", 1, 1, 1000)];
    let world = World::new(&[2], &jobs, Order::Hdrf);
    assert_eq!(world.courses(), [(0, 21_000), (11_000, 13_000)]);
}

#[test]
fn a_small_job_of_another_team_does_not_wait_for_the_long_ones_that_came_before() {
    let jobs = [
        job(0, "a", 2, 4, 10_000),
        job(1000, "a", 2, 4, 10_000),
        job(2000, "a", 2, 4, 10_000),
        job(3000, "b", 1, 1, 1000),
    ];
    let small = |order| World::new(&[2], &jobs, order).courses()[3];
    assert_eq!(small(Order::Hdrf), (21_000, 23_000));
    assert_eq!(small(Order::Fcfs), (63_000, 65_000));
}

#[test]
fn first_come_first_served_asks_neither_pool_nor_priority() {
    let jobs = [
        TraceJob { priority: 5, ..job(2000, "a", 1, 1, 1000) },
        job(1000, "b", 1, 1, 1000),
        job(0, "a", 1, 1, 10_000),
    ];
    let world = World::new(&[1], &jobs, Order::Fcfs);
    assert_eq!(world.courses(), [(0, 11_000), (11_000, 13_000), (13_000, 15_000)]);
    let accounts: Vec<usize> = world.submissions.iter().map(|job| job.account).collect();
    assert_eq!(accounts, [0, 1, 0]);
}

#[test]
fn a_job_that_fits_nowhere_ends_the_simulation_with_the_reason() {
    let jobs = [job(0, "a", 1, 1, 1000), TraceJob { cpu: 3000, ..job(5000, "b", 1, 1, 1000) }];
    let error = World::new(&[2], &jobs, Order::Hdrf).run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing happens after 5.0s, but not all jobs have ended: b-5000 waits for its first \
         executor: an executor needs 3 cpu, more than any node has; the largest has 2"
    );
}

#[test]
fn time_ends_at_the_limit() {
    let jobs: Vec<TraceJob> = (0..8).map(|at| job(at, "a", 1, 1, 60_000)).collect();
    let world = World::new(&[1], &jobs, Order::Hdrf);
    let time_limit = Span::from_seconds(30).into();
    let error = run(&Setup { time_limit, ..world.setup() }).unwrap_err().to_string();
    let waits = "waits for its first executor: no node has 1 cpu free; largest 0";
    assert_eq!(
        error,
        format!(
            "not all jobs have ended by 30.0s: a-0 runs; a-1 {waits}; a-2 {waits}; a-3 {waits}; \
             a-4 {waits}; and 3 more; --time-limit allows more time"
        )
    );
}

/// What executors hold is what nodes and accounts are charged, and no node is past what it has.
fn check_account(model: &Model<'_>) {
    let sum =
        |held: &mut dyn Iterator<Item = Amounts>| held.fold(Amounts::default(), Amounts::plus);
    for (name, node) in &model.nodes {
        let on_it = model.executors.values().filter(|executor| executor.node == *name);
        let mut requests = on_it.map(|executor| {
            Amounts::named(&model.setup.submissions[executor.submission].spec.executor.request)
        });
        assert_eq!(node.held, sum(&mut requests), "{name}");
        assert!(node.held.fits_in(node.usable), "{name} is overcommitted");
    }
    let on_nodes = sum(&mut model.nodes.values().map(|node| node.held));
    assert_eq!(on_nodes, sum(&mut model.held.iter().copied()));
}

fn any_job() -> impl Strategy<Value = TraceJob> {
    let sizes = (1_i64..=3000, 1_i64..=3, 1_u32..=5, 1_u32..=40);
    let rest = (0_u64..60_000, 1_u64..20_000, 0_i32..3, any::<bool>());
    (sizes, rest).prop_map(|((cpu, memory, executors, tasks), (at, duration, priority, first))| {
        let pool = if first { "a" } else { "b" };
        TraceJob {
            cpu,
            memory: memory << 30,
            priority,
            ..job(at, pool, executors, tasks, duration)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_node_is_overcommitted_and_every_task_runs_once(
        mut jobs in prop::collection::vec(any_job(), 1..25),
        cpus in prop::collection::vec(3_i64..=8, 1..5),
        order in prop::sample::select(vec![Order::Hdrf, Order::Drf, Order::Fcfs]),
    ) {
        for (index, job) in jobs.iter_mut().enumerate() {
            job.name = format!("job-{index}").into();
        }
        let world = World::new(&cpus, &jobs, order);
        let setup = world.setup();
        let mut model = Model::new(&setup);
        let mut before = Time::ZERO;
        while model.step().unwrap() {
            prop_assert!(before <= model.now);
            before = model.now;
            check_account(&model);
        }
        prop_assert!(model.held.iter().all(|held| *held == Amounts::default()));
        for (submission, course) in world.submissions.iter().zip(&model.outcome.jobs) {
            prop_assert_eq!(course.tasks_run, u64::from(submission.spec.stages[0].tasks));
            prop_assert!(course.started_at.unwrap() >= submission.at);
            prop_assert!(course.ended_at.unwrap() > course.started_at.unwrap() + Span::from_seconds(1));
        }
        prop_assert_eq!(run(&setup).unwrap(), model.outcome);
    }
}
