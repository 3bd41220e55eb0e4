//! What offers to frameworks cost: `cargo bench -p proffer-tests --bench frameworks`.
//!
//! Frameworks do not say what they want, so each node with something left is offered to somebody.
//! Mesos 0.28 took about 28 s for a run over 2,000 agents and 2,000 frameworks (MESOS-4694).

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode};
use proffer_core::Fairness;
use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::PoolObservation;
use proffer_core::event::{Event, NodeObservation};
use proffer_core::frameworks::{
    FrameworkAction, FrameworkCall, FrameworkObservation, FrameworkPool,
};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};

/// Longer than any bench.
const FOR_EVER: Span = Span::from_seconds(1_000_000);

const POOLS: u32 = 100;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    for count in [500, 1000, 2000] {
        bench(&mut criterion, "nothing refused", count, |count| {
            let mut engine = cluster(count);
            let start = Instant::now();
            let offers = black_box(engine.tick(Time::ZERO)).len();
            assert!(offers >= count as usize);
            start.elapsed()
        });
        bench(&mut criterion, "everything declined", count, |count| {
            let mut engine = cluster(count);
            decline_everything(&mut engine, POOLS as usize);
            engine.handle(Time::from_milliseconds(1), node(3, 25_000));
            let start = Instant::now();
            black_box(engine.tick(Time::from_milliseconds(1)));
            start.elapsed()
        });
    }
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, name: &str, count: u32, measure: impl Fn(u32) -> Duration) {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BenchmarkId::from_parameter(format!("{count} nodes x frameworks")), |b| {
        b.iter_custom(|runs| (0..runs).map(|_| measure(count)).sum());
    });
    group.finish();
}

/// As many frameworks as nodes.
fn cluster(count: u32) -> Engine {
    let settings = Settings {
        fairness: Fairness::Drf,
        offer_timeout_milliseconds: None,
        return_delay_milliseconds: Span::ZERO,
        ..Settings::default()
    };
    let mut engine = Engine::new(settings);
    for index in 0..POOLS {
        let name = format!("p{index}").into();
        engine.handle(
            Time::ZERO,
            Event::Pool(PoolObservation { name, ..PoolObservation::default() }),
        );
    }
    (0..count).for_each(|index| engine.handle(Time::ZERO, node(index, 24_000)));
    for index in 0..count {
        let pool = format!("p{}", index % POOLS).into();
        engine.handle(
            Time::ZERO,
            Event::Framework(Box::new(FrameworkObservation {
                key: JobKey { namespace: "d".into(), name: format!("f{index:05}").into() },
                uid: "u".into(),
                connected: true,
                pools: vec![FrameworkPool { pool, ..FrameworkPool::default() }],
                offer_timeout_milliseconds: None,
                demand: None,
            })),
        );
    }
    engine
}

fn node(index: u32, cpu: i64) -> Event {
    Event::Node(NodeObservation {
        name: format!("n{index:05}").into(),
        allocatable: vec![("cpu".into(), cpu), ("memory".into(), 4096 << 20)],
        ports: "31000-32000".parse().unwrap_or_default(),
        ..NodeObservation::default()
    })
}

/// Lets every offer be declined for good, for so many rounds.
fn decline_everything(engine: &mut Engine, rounds: usize) {
    for _ in 0..rounds {
        let actions = engine.tick(Time::ZERO);
        if actions.is_empty() {
            return;
        }
        for action in actions {
            if let Action::Framework(key, FrameworkAction::Offer(offer)) = action {
                let (offers, refuse_milliseconds) = (vec![offer.id], FOR_EVER);
                let call = FrameworkCall::Decline { offers, refuse_milliseconds };
                engine.handle(Time::ZERO, Event::FrameworkCall(key, call));
            }
        }
    }
}
