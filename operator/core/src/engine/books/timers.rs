//! When to look at which job.

use std::collections::BTreeSet;

use crate::ensure::ensure;
use crate::time::Time;

/// Times of jobs. Each can be found by its time and by its job, so that a job that goes takes no longer
/// the more others there are.
#[derive(Debug)]
pub(crate) struct Timers<J> {
    by_time: BTreeSet<(Time, J)>,
    by_job: BTreeSet<(J, Time)>,
}

impl<J> Default for Timers<J> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_job: BTreeSet::new() }
    }
}

impl<J: Copy + Ord> Timers<J> {
    /// A job has to be looked at when the time comes.
    pub(crate) fn set(&mut self, at: Time, job: J) {
        self.by_time.insert((at, job));
        self.by_job.insert((job, at));
    }

    /// The first time.
    pub(crate) fn next(&self) -> Option<Time> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// The next job whose time has come.
    pub(crate) fn take(&mut self, now: Time) -> Option<J> {
        let &(at, job) = self.by_time.first().filter(|&&(at, _)| at <= now)?;
        self.by_time.remove(&(at, job));
        self.by_job.remove(&(job, at));
        Some(job)
    }

    /// Forgets the times of a job.
    pub(crate) fn forget(&mut self, job: J) {
        while let Some(at) = self.first_of(job) {
            self.by_time.remove(&(at, job));
            self.by_job.remove(&(job, at));
        }
    }

    /// Whether a job is looked at by then.
    pub(crate) fn wakes_by(&self, at: Time, job: J) -> bool {
        self.first_of(job).is_some_and(|first| first <= at)
    }

    /// Whether both indices have the same times, all of jobs that there are.
    pub(crate) fn check(&self, exists: impl Fn(J) -> bool) -> Result<(), String> {
        let turned: BTreeSet<_> = self.by_job.iter().map(|&(job, at)| (at, job)).collect();
        ensure!(turned == self.by_time, "a time is not found by its job");
        for &(job, _) in &self.by_job {
            ensure!(exists(job), "a job that is gone has a time");
        }
        Ok(())
    }

    fn first_of(&self, job: J) -> Option<Time> {
        self.by_job.range((job, Time::ZERO)..=(job, Time::MAX)).next().map(|&(_, at)| at)
    }
}

#[cfg(test)]
mod tests;
