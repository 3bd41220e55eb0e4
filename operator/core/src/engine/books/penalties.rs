//! Nodes on which executors do not start, whosever they are: all jobs decline them for a while.

use std::collections::BTreeMap;

use crate::ensure::ensure;
use crate::ids::JobKey;
use crate::jobs::backoff;
use crate::time::{Span, Time};

/// All jobs decline a node on which executors of this many jobs failed to start in a row.
const JOBS_BEFORE_PENALTY: usize = 2;

/// How long an executor that did not start counts against its node.
const FAILED_START_COUNTS_FOR: Span = Span::from_seconds(600);

/// Nodes by name. A restart forgets them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Penalties {
    nodes: BTreeMap<Box<str>, Penalty>,
}

#[derive(Clone, Debug, Default)]
struct Penalty {
    /// The jobs whose executors did not start, and when they last did not.
    jobs: BTreeMap<JobKey, Time>,
    strikes: u32,
    until: Time,
}

impl Penalties {
    /// An executor of a job did not start on a node.
    pub(crate) fn note_not_started(&mut self, node: &str, job: &JobKey, now: Time) {
        self.forget(now);
        let penalty = self.nodes.entry(node.into()).or_default();
        penalty.jobs.insert(job.clone(), now);
        if penalty.jobs.len() >= JOBS_BEFORE_PENALTY {
            penalty.strikes += 1;
            penalty.until = now + backoff(penalty.strikes);
        }
    }

    /// An executor started on a node; says whether anything spoke against the node before.
    pub(crate) fn note_started(&mut self, node: &str) -> bool {
        self.nodes.remove(node).is_some()
    }

    /// The nodes against which something speaks, and until when they are declined.
    pub(crate) fn until(&self) -> impl Iterator<Item = (&str, Time)> {
        self.nodes.iter().map(|(node, penalty)| (&**node, penalty.until))
    }

    /// Whether something speaks against each of the nodes.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (node, Penalty { jobs, strikes, until }) in &self.nodes {
            ensure!(!jobs.is_empty() || *strikes > 0, "nothing speaks against node {node}");
            let is_declined = *until > Time::ZERO;
            ensure!(is_declined == (*strikes > 0), "node {node} has {strikes} strikes");
        }
        Ok(())
    }

    fn forget(&mut self, now: Time) {
        let counts = |at: &Time| now < *at + FAILED_START_COUNTS_FOR;
        self.nodes.retain(|_, penalty| {
            penalty.jobs.retain(|_, at| counts(at));
            !penalty.jobs.is_empty() || penalty.until > now
        });
    }
}
