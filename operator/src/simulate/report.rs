//! What a simulation shows, in numbers.

use proffer_core::time::{Span, Time};
use serde::Serialize;

use super::Scene;
use super::model::{Course, Outcome};
use super::order::Order;
use super::timeline::Amounts;
use super::units::{Decimal, Fraction, Seconds};

/// In how many parts the time is cut for the table of shares over time.
const INTERVALS: u32 = 12;

/// In how many parts the time is cut for plots.
pub(super) const PLOTTED: u32 = 384;

/// A trace, replayed in one or several orders.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) nodes: usize,
    /// In whole cpus.
    pub(super) cpu: Decimal,
    /// In bytes.
    pub(super) memory: i64,
    pub(super) jobs: usize,
    pub(super) tasks: u64,
    pub(super) orders: Vec<OrderReport>,
}

/// What became of the jobs in one order.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderReport {
    pub(super) order: Order,
    /// From the first submission to the end of the last job.
    #[serde(rename = "makespanSeconds")]
    pub(super) makespan: Seconds,
    /// The mean part of all cpu that was held in that time.
    pub(super) cpu_utilization: Fraction,
    /// The mean part of all memory that was held in that time.
    pub(super) memory_utilization: Fraction,
    /// Of all jobs.
    #[serde(flatten)]
    pub(super) jobs: JobsReport,
    /// The pools that have jobs, by name.
    pub(super) pools: Vec<PoolReport>,
    /// Equal parts of the makespan.
    pub(super) intervals: Vec<Interval>,
    /// What plots show.
    #[serde(skip)]
    pub(super) curves: Vec<Curve>,
}

/// What became of the jobs of one pool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PoolReport {
    pub(super) pool: Box<str>,
    pub(super) weight: Decimal,
    /// The mean of the pool's dominant share over the makespan, before weights.
    pub(super) dominant_share: Fraction,
    #[serde(flatten)]
    pub(super) jobs: JobsReport,
}

/// What became of some jobs.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobsReport {
    #[serde(rename = "jobs")]
    pub(super) count: usize,
    /// From the submission to the first executor.
    #[serde(rename = "waitingSeconds")]
    pub(super) waiting: Spread,
    /// The mean time from the submission to the end.
    #[serde(rename = "completionMeanSeconds")]
    pub(super) completion_mean: Seconds,
}

/// How some times are spread. The median and the percentile are times that occur (nearest rank).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Spread {
    pub(super) mean: Seconds,
    pub(super) median: Seconds,
    /// The time that 95 of 100 do not exceed.
    pub(super) p95: Seconds,
    pub(super) max: Seconds,
}

/// The mean shares in a part of the makespan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Interval {
    /// When it begins, on the trace's clock.
    #[serde(rename = "fromSeconds")]
    pub(super) from: Seconds,
    /// The dominant share of each of [`OrderReport::pools`].
    pub(super) dominant_shares: Vec<Fraction>,
    pub(super) cpu_utilization: Fraction,
    pub(super) memory_utilization: Fraction,
}

/// A pool's shares over the makespan, in [`PLOTTED`] equal parts.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) cpu: Vec<Fraction>,
    pub(super) memory: Vec<Fraction>,
}

impl Report {
    /// A report on no order yet.
    pub(super) fn new(scene: &Scene) -> Self {
        let total = total(scene);
        Self {
            nodes: scene.nodes.len(),
            cpu: Decimal::from_thousandths(u64::try_from(total.cpu).unwrap_or(0)),
            memory: total.memory,
            jobs: scene.jobs.len(),
            tasks: scene.jobs.iter().map(|job| u64::from(job.tasks)).sum(),
            orders: Vec::new(),
        }
    }

    /// Adds what became of the scene in an order.
    pub(super) fn add(&mut self, scene: &Scene, order: Order, outcome: &Outcome) {
        self.orders.push(OrderReport::new(scene, order, outcome));
    }
}

impl OrderReport {
    fn new(scene: &Scene, order: Order, outcome: &Outcome) -> Self {
        let total = total(scene);
        let submissions = order.submissions(&scene.jobs, &scene.pools);
        let from = submissions.first().map_or(Time::ZERO, |first| first.at);
        let to = outcome.jobs.iter().filter_map(|course| course.ended_at).max().unwrap_or(from);
        let accounts = scene.pools.len();
        let means = |count, share: &dyn Fn(Amounts) -> Fraction| {
            outcome.held.means((from, to), count, accounts, share)
        };
        let dominant = means(1, &|held| held.dominant_share(total));
        let mut pools = Vec::new();
        let mut shown = Vec::new();
        for (account, pool) in scene.pools.iter().enumerate() {
            let of_pool = submissions.iter().zip(&outcome.jobs);
            let of_pool = of_pool.filter(|(submission, _)| submission.account == account);
            let jobs = JobsReport::new(of_pool.map(|(submission, course)| (submission.at, course)));
            if jobs.count > 0 {
                shown.push(account);
                pools.push(PoolReport {
                    pool: pool.name.clone(),
                    weight: Decimal::from_thousandths(pool.weight.into()),
                    dominant_share: dominant[0][account],
                    jobs,
                });
            }
        }
        let pick = |row: &[Fraction]| shown.iter().map(|&account| row[account]).collect();
        let (cpu, memory) = (
            means(INTERVALS, &|held| held.cpu_share(total)),
            means(INTERVALS, &|held| held.memory_share(total)),
        );
        let dominant = means(INTERVALS, &|held| held.dominant_share(total));
        let whole = to.since(from).as_milliseconds();
        let part = |number| Span::from_milliseconds(whole * number / u64::from(INTERVALS));
        let intervals = dominant.iter().zip(cpu.iter().zip(&memory)).zip(0_u64..);
        let intervals = intervals.map(|((dominant, (cpu, memory)), number)| Interval {
            from: Seconds::until(from + part(number)),
            dominant_shares: pick(dominant),
            cpu_utilization: cpu.iter().sum(),
            memory_utilization: memory.iter().sum(),
        });
        let intervals = intervals.collect();
        let (cpu, memory) = (
            means(PLOTTED, &|held| held.cpu_share(total)),
            means(PLOTTED, &|held| held.memory_share(total)),
        );
        let curve = |&account: &usize| Curve {
            cpu: cpu.iter().map(|row| row[account]).collect(),
            memory: memory.iter().map(|row| row[account]).collect(),
        };
        let all = submissions.iter().map(|submission| submission.at).zip(&outcome.jobs);
        Self {
            order,
            makespan: to.since(from).into(),
            cpu_utilization: means(1, &|held| held.cpu_share(total))[0].iter().sum(),
            memory_utilization: means(1, &|held| held.memory_share(total))[0].iter().sum(),
            jobs: JobsReport::new(all),
            pools,
            intervals,
            curves: shown.iter().map(curve).collect(),
        }
    }
}

impl JobsReport {
    /// Of jobs, each with the time of its submission.
    fn new<'a>(jobs: impl Iterator<Item = (Time, &'a Course)>) -> Self {
        let (mut waiting, mut completion) = (Vec::new(), Vec::new());
        for (submitted_at, course) in jobs {
            let since = |at: Option<Time>| at.unwrap_or(submitted_at).since(submitted_at);
            waiting.push(since(course.started_at));
            completion.push(since(course.ended_at));
        }
        Self {
            count: waiting.len(),
            waiting: Spread::new(waiting),
            completion_mean: mean(&completion),
        }
    }
}

impl Spread {
    fn new(mut times: Vec<Span>) -> Self {
        times.sort_unstable();
        let rank = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            Seconds::from(times.get(rank - 1).copied().unwrap_or_default())
        };
        Self { mean: mean(&times), median: rank(50), p95: rank(95), max: rank(100) }
    }
}

fn mean(times: &[Span]) -> Seconds {
    let sum = times.iter().copied().sum::<Span>().as_milliseconds();
    let count = u64::try_from(times.len()).unwrap_or(u64::MAX);
    Seconds::from(Span::from_milliseconds(
        sum.saturating_add(count / 2).checked_div(count).unwrap_or(0),
    ))
}

/// What all nodes have.
fn total(scene: &Scene) -> Amounts {
    let nodes = scene.nodes.iter().map(|node| Amounts::named(&node.allocatable));
    nodes.fold(Amounts::default(), Amounts::plus)
}

#[cfg(test)]
mod tests;
