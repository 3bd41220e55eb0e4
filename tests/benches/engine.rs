//! What deciding costs: `cargo bench -p proffer-tests`.
//!
//! Each dimension grows alone, from a cluster that is the same for all; the last line is the largest
//! of each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use proffer_core::Placement;
use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::{Event, JobObservation, NodeObservation, PoolObservation};
use proffer_core::jobs::{ExecutorSpec, JobKey, JobSpec, StageSpec};

/// The size of a cluster.
#[derive(Clone, Copy, Debug)]
struct Size {
    nodes: u32,
    pools: u32,
    jobs: u32,
    /// Executors that each job wants.
    executors: u32,
}

fn node(index: u32) -> Event {
    Event::Node(NodeObservation {
        name: format!("node-{index}").into(),
        allocatable: vec![("cpu".into(), 16_000), ("memory".into(), 64 << 30)],
        taken_by_others: vec![("cpu".into(), i64::from(index % 7) * 250)],
        ..NodeObservation::default()
    })
}

fn pool(index: u32) -> Event {
    Event::Pool(PoolObservation {
        name: format!("org-{}.team-{index}", index % 10).into(),
        weight: 1000 + 500 * (index % 5),
        ..PoolObservation::default()
    })
}

fn job(index: u32, size: Size) -> Event {
    let cpu = 1000 * i64::from(1 + index % 4);
    let memory = (1 + i64::from(index % 7)) << 30;
    let pool = index % size.pools;
    let spec = JobSpec {
        pool: format!("org-{}.team-{pool}", pool % 10).into(),
        priority: 0,
        executor: ExecutorSpec {
            slots: 1,
            request: vec![("cpu".into(), cpu), ("memory".into(), memory)],
            instances: size.executors,
            placement: if index.is_multiple_of(2) { Placement::Spread } else { Placement::Pack },
            ..ExecutorSpec::default()
        },
        stages: vec![StageSpec { name: "s".into(), tasks: 1_000_000, ..StageSpec::default() }],
        ..JobSpec::default()
    };
    let key = JobKey { namespace: "default".into(), name: format!("job-{index}").into() };
    let uid = format!("{index}").into();
    Event::Job(Box::new(JobObservation {
        key,
        uid,
        generation: 1,
        created_at: 0,
        spec: Ok(spec),
        status: None,
    }))
}

fn cluster(size: Size) -> Engine {
    let mut engine = Engine::new(Settings::default());
    (0..size.nodes).for_each(|index| engine.handle(0, node(index)));
    (0..size.pools).for_each(|index| engine.handle(0, pool(index)));
    (0..size.jobs).for_each(|index| engine.handle(0, job(index, size)));
    engine
}

/// A full filling, then what one event costs on the full cluster.
fn measure(size: Size) -> (u32, Duration, Duration) {
    let mut engine = cluster(size);
    let start = Instant::now();
    let actions = black_box(engine.tick(0));
    let full = start.elapsed();
    let launches = actions.iter().filter(|action| matches!(action, Action::Launch(_))).count();
    engine.handle(1, node(3));
    let start = Instant::now();
    black_box(engine.tick(1));
    (u32::try_from(launches).unwrap_or(u32::MAX), full, start.elapsed())
}

fn main() {
    let base = Size { nodes: 5000, pools: 100, jobs: 1000, executors: 20 };
    println!(" nodes  pools   jobs  executors    filled     per executor     then an event");
    for size in [
        Size { nodes: 1000, ..base },
        base,
        Size { nodes: 50_000, ..base },
        Size { pools: 10, ..base },
        Size { pools: 1000, ..base },
        Size { jobs: 100, executors: 200, ..base },
        Size { jobs: 10_000, executors: 2, ..base },
        Size { nodes: 50_000, pools: 1000, jobs: 10_000, executors: 10 },
    ] {
        let (launches, full, event) = measure(size);
        println!(
            "{:6} {:6} {:6} {launches:10} {full:>11.2?} {:>13.2?} {event:>17.2?}",
            size.nodes,
            size.pools,
            size.jobs,
            full / launches.max(1),
        );
    }
}
