//! What deciding costs, and how that grows: `cargo bench -p proffer-tests --bench scale`.
//!
//! Each dimension grows alone from a cluster that is the same for all; the goal is the largest of
//! each. Criterion prints every measurement with its spread; the table at the end has the fastest
//! runs, and how the cost grows: with `x` the size, the cost is about `x` to the power that is shown.

mod clusters;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use clusters::{BASE, Cluster, GOAL, Size};
use criterion::{BenchmarkId, Criterion, SamplingMode};
use proffer_core::action::Action;
use proffer_core::event::Event;

/// The fastest run of each measurement, by name and size.
type Fastest = RefCell<BTreeMap<(&'static str, String), Duration>>;

/// Makes the next event of its kind.
type MakeEvent = fn(&mut Cluster) -> Event;

/// What happens on a saturated cluster.
const EVENTS: [(&str, MakeEvent); 4] = [
    ("node", Cluster::node_event),
    ("report", Cluster::report_event),
    ("loss", Cluster::departure_event),
    ("job", Cluster::job_event),
];

const DIMENSIONS: [(&str, [Size; 3]); 3] = [
    ("nodes", [Size { nodes: 1000, ..BASE }, BASE, Size { nodes: 50_000, ..BASE }]),
    ("pools", [Size { pools: 10, ..BASE }, BASE, Size { pools: 1000, ..BASE }]),
    (
        "jobs",
        [
            Size { jobs: 100, executors: 200, ..BASE },
            BASE,
            Size { jobs: 10_000, executors: 2, ..BASE },
        ],
    ),
];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    let fastest = Fastest::default();
    let mut sizes: Vec<Size> = DIMENSIONS.iter().flat_map(|(_, sizes)| *sizes).collect();
    sizes.push(GOAL);
    sizes.sort_by_key(|size| (size.nodes, size.pools, size.jobs));
    sizes.dedup();
    for &size in &sizes {
        fill(&mut criterion, &fastest, size);
        churn(&mut criterion, &fastest, size);
    }
    criterion.final_summary();
    print_table(&fastest.into_inner(), &sizes);
}

/// An empty cluster and all that is wanted, decided on at once.
fn fill(criterion: &mut Criterion, fastest: &Fastest, size: Size) {
    let mut group = criterion.benchmark_group("fill");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BenchmarkId::from_parameter(label(size)), |bencher| {
        bencher.iter_custom(|runs| {
            let mut sum = Duration::ZERO;
            for _ in 0..runs {
                let mut cluster = Cluster::new(size);
                let start = Instant::now();
                let actions = black_box(cluster.tick());
                let taken = start.elapsed();
                sum += taken;
                note(fastest, "fill", size, taken);
                let launches = actions.iter().filter(|a| matches!(a, Action::Launch(_))).count();
                let per_launch = taken / u32::try_from(launches).unwrap_or(1).max(1);
                note(fastest, "per executor", size, per_launch);
            }
            sum
        });
    });
    group.finish();
}

/// A cluster without room, and one thing that happens at a time.
fn churn(criterion: &mut Criterion, fastest: &Fastest, size: Size) {
    let mut cluster = Cluster::saturated(size);
    for (name, event) in EVENTS {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(BenchmarkId::from_parameter(label(size)), |bencher| {
            bencher.iter_custom(|runs| {
                let mut sum = Duration::ZERO;
                for _ in 0..runs {
                    let event = event(&mut cluster);
                    let start = Instant::now();
                    cluster.handle(event);
                    let actions = black_box(cluster.tick());
                    let taken = start.elapsed();
                    sum += taken;
                    note(fastest, name, size, taken);
                    cluster.answer(actions);
                }
                sum
            });
        });
        group.finish();
    }
}

fn label(Size { nodes, pools, jobs, executors }: Size) -> String {
    format!("{nodes} nodes, {pools} pools, {jobs} jobs of {executors}")
}

fn note(fastest: &Fastest, name: &'static str, size: Size, taken: Duration) {
    let mut fastest = fastest.borrow_mut();
    let entry = fastest.entry((name, label(size))).or_insert(taken);
    *entry = taken.min(*entry);
}

fn print_table(fastest: &BTreeMap<(&'static str, String), Duration>, sizes: &[Size]) {
    let columns: Vec<&'static str> =
        ["fill", "per executor"].into_iter().chain(EVENTS.map(|(name, _)| name)).collect();
    let of = |name: &'static str, size: Size| fastest.get(&(name, label(size))).copied();
    let cells = |cell: &dyn Fn(&'static str) -> Option<String>| -> String {
        let cell = |name: &&'static str| format!(" {:>12}", cell(name).unwrap_or_default());
        columns.iter().map(cell).collect()
    };
    println!("\n nodes  pools   jobs {}", cells(&|name| Some(name.to_owned())));
    for &size in sizes {
        let times = cells(&|name| Some(format!("{:.2?}", of(name, size)?)));
        println!("{:6} {:6} {:6} {times}", size.nodes, size.pools, size.jobs);
    }
    println!("\ngrows with           {}", cells(&|name| Some(name.to_owned())));
    for (dimension, [smallest, _, largest]) in DIMENSIONS {
        let extent = |size: Size| match dimension {
            "nodes" => size.nodes,
            "pools" => size.pools,
            _ => size.jobs,
        };
        let factor = f64::from(extent(largest)) / f64::from(extent(smallest));
        let exponents = cells(&|name| {
            let cost = of(name, largest)?.as_secs_f64() / of(name, smallest)?.as_secs_f64();
            Some(format!("{:.2}", cost.ln() / factor.ln()))
        });
        println!("{dimension:20} {exponents}");
    }
}
