//! What there is to be done about claims that wait for what others have.

use std::collections::BTreeSet;

use crate::ensure::ensure;
use crate::ids::{JobId, PoolId};
use crate::time::Time;

/// Whether and when claims have to be looked at, and who waits below what is theirs.
#[derive(Debug, Default)]
pub(crate) struct Reclaiming {
    due: bool,
    /// How often a job, pool or node came, went or was changed.
    changes: u64,
    /// When a grace period ends. Entries may be out of date.
    wakeups: BTreeSet<Time>,
    pools: BTreeSet<PoolId>,
    jobs: BTreeSet<JobId>,
}

impl Reclaiming {
    pub(crate) fn wakeup(&self) -> Option<Time> {
        if self.due { Some(Time::ZERO) } else { self.wakeups.first().copied() }
    }

    /// Claims have to be looked at.
    pub(crate) fn look_again(&mut self) {
        self.due = true;
    }

    /// A grace period ends, and claims have to be looked at then.
    pub(crate) fn look_again_at(&mut self, at: Time) {
        self.wakeups.insert(at);
    }

    /// Whether claims have to be looked at now.
    pub(crate) fn take_due(&mut self, now: Time) -> bool {
        while self.wakeups.first().is_some_and(|&at| at <= now) {
            self.wakeups.pop_first();
            self.due = true;
        }
        std::mem::take(&mut self.due)
    }

    /// A job, pool or node came, went or was changed: what was reclaimed before may be taken again.
    pub(crate) fn note_change(&mut self) {
        self.changes += 1;
    }

    /// How often that was so.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// These pools wait below what is theirs; returns those that did or do.
    pub(crate) fn wait_in_pools(&mut self, pools: BTreeSet<PoolId>) -> BTreeSet<PoolId> {
        let before = std::mem::replace(&mut self.pools, pools);
        before.union(&self.pools).copied().collect()
    }

    /// These jobs wait below what is theirs in their pools; returns those that did or do.
    pub(crate) fn wait_in_jobs(&mut self, jobs: BTreeSet<JobId>) -> BTreeSet<JobId> {
        let before = std::mem::replace(&mut self.jobs, jobs);
        before.union(&self.jobs).copied().collect()
    }

    /// Compares who waits below what is theirs with those that are marked so: who is not noted here
    /// would be marked for ever.
    pub(crate) fn check(
        &self,
        mut pools: impl Iterator<Item = PoolId>,
        mut jobs: impl Iterator<Item = JobId>,
    ) -> Result<(), String> {
        ensure!(
            pools.all(|pool| self.pools.contains(&pool)),
            "a pool waits below what is its own, unnoticed"
        );
        ensure!(jobs.all(|job| self.jobs.contains(&job)), "a job waits below its share, unnoticed");
        Ok(())
    }
}
