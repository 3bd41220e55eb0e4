//! The orders in which jobs are served, and how each is had from the engine.

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::Fairness;
use proffer_core::engine::Settings;
use proffer_core::event::PoolObservation;
use proffer_core::jobs::JobSpec;
use proffer_crds::DEFAULT_POOL;
use serde::Serialize;

use super::model::Submission;
use super::trace::TraceJob;

/// Who is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    /// Hierarchical dominant resource fairness with weights.
    Hdrf,
    /// Dominant resource fairness with weights, summed up the tree of pools as Mesos does.
    Drf,
    /// First come, first served.
    Fcfs,
}

/// What the command line may say of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OrderChoice {
    /// Hierarchical dominant resource fairness, by weight
    Hdrf,
    /// Dominant resource fairness as in Mesos, by weight
    Drf,
    /// First come, first served, whatever the pool; who fits passes who does not
    Fcfs,
    /// Each of them, one after the other
    All,
}

/// The orders of a command line, each once.
pub(super) fn chosen(choices: &[OrderChoice]) -> Vec<Order> {
    let orders = choices.iter().flat_map(|choice| match choice {
        OrderChoice::Hdrf => &[Order::Hdrf][..],
        OrderChoice::Drf => &[Order::Drf],
        OrderChoice::Fcfs => &[Order::Fcfs],
        OrderChoice::All => &[Order::Hdrf, Order::Drf, Order::Fcfs],
    });
    let orders: BTreeSet<Order> = orders.copied().collect();
    orders.into_iter().collect()
}

impl Order {
    /// What the command line calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hdrf => "hdrf",
            Self::Drf => "drf",
            Self::Fcfs => "fcfs",
        }
    }

    /// What it is.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Hdrf => "hierarchical dominant resource fairness",
            Self::Drf => "dominant resource fairness",
            Self::Fcfs => "first come, first served",
        }
    }

    /// The engine's settings for it. First come, first served has no shares to compare.
    pub(super) fn settings(self) -> Settings {
        let fairness = match self {
            Self::Hdrf | Self::Fcfs => Fairness::Hdrf,
            Self::Drf => Fairness::Drf,
        };
        let mut settings = Settings { fairness, ..Settings::default() };
        if self != Self::Hdrf {
            // Mesos keeps nodes free for nobody, and here who fits passes who does not.
            settings.head_of_line_milliseconds = None;
        }
        settings
    }

    /// The pools that the engine is told of. First come, first served knows one, without bounds.
    pub(super) fn pools(self, pools: &[PoolObservation]) -> Vec<PoolObservation> {
        match self {
            Self::Hdrf | Self::Drf => pools.to_vec(),
            Self::Fcfs => {
                vec![PoolObservation { name: DEFAULT_POOL.into(), ..PoolObservation::default() }]
            }
        }
    }

    /// The jobs as they are submitted, each on the account of the pool that it names.
    ///
    /// For first come, first served all are in one pool, where who came earlier has priority.
    pub(super) fn submissions(
        self,
        jobs: &[TraceJob],
        pools: &[PoolObservation],
    ) -> Vec<Submission> {
        let accounts: BTreeMap<&str, usize> =
            pools.iter().enumerate().map(|(index, pool)| (&*pool.name, index)).collect();
        let mut sorted: Vec<&TraceJob> = jobs.iter().collect();
        // Those of the same moment stay in the order of the file.
        sorted.sort_by_key(|job| job.submitted_at);
        let submissions = sorted.into_iter().enumerate().map(|(place, job)| {
            let mut spec = job.spec();
            if self == Self::Fcfs {
                let priority = i32::try_from(place).map_or(i32::MIN, |place| -place);
                spec = JobSpec { pool: DEFAULT_POOL.into(), priority, ..spec };
            }
            Submission {
                at: job.submitted_at,
                name: job.name.clone(),
                account: accounts.get(&*job.pool).copied().unwrap_or(0),
                task_duration: job.task_duration,
                spec,
            }
        });
        submissions.collect()
    }
}
