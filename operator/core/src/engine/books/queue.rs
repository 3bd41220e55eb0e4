//! The queue: the jobs that want executors, or nodes for those that they have.

use std::collections::BTreeSet;

use super::Due;
use super::refused::{Refused, Shape};
use crate::ensure::ensure;
use crate::ids::JobId;
use crate::nodes::Nodes;
use crate::resources::Resources;

/// Who waits for something.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Jobs that want more executors.
    wanting: BTreeSet<JobId>,
    /// Jobs with executors that have no node.
    unplaced: BTreeSet<JobId>,
    /// The wanting jobs that were given nothing more.
    refused: Refused,
}

/// Those that want more executors.
impl Queue {
    /// A job wants more executors; says whether it wanted none before.
    pub(crate) fn join(&mut self, job: JobId) -> bool {
        self.wanting.insert(job)
    }

    /// A job wants no more executors than it has.
    pub(crate) fn leave(&mut self, job: JobId) {
        self.wanting.remove(&job);
        self.refused.forget(job);
    }

    pub(crate) fn wants(&self, job: JobId) -> bool {
        self.wanting.contains(&job)
    }

    /// Those that want more executors, in order.
    pub(crate) fn wanting(&self) -> impl Iterator<Item = JobId> {
        self.wanting.iter().copied()
    }

    pub(crate) fn is_anything_wanted(&self) -> bool {
        !self.wanting.is_empty()
    }
}

/// Those with executors that have no node.
impl Queue {
    /// A job has an executor that has no node.
    pub(crate) fn await_node(&mut self, job: JobId) {
        self.unplaced.insert(job);
    }

    /// All executors of a job have nodes.
    pub(crate) fn found_nodes(&mut self, job: JobId) {
        self.unplaced.remove(&job);
    }

    pub(crate) fn awaits_node(&self, job: JobId) -> bool {
        self.unplaced.contains(&job)
    }

    /// Those with executors that have no node, in order.
    pub(crate) fn unplaced(&self) -> impl Iterator<Item = JobId> {
        self.unplaced.iter().copied()
    }
}

/// All of them, and whom a round is about.
impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.wanting.is_empty() && self.unplaced.is_empty()
    }

    /// All that wait for something, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = JobId> {
        self.wanting.union(&self.unplaced).copied()
    }

    /// A job was given no more; `shape` is that of its executors if it only lacks room on nodes.
    pub(crate) fn refuse(&mut self, job: JobId, shape: Option<Shape>) {
        self.refused.note(job, shape);
    }

    /// A job was not refused after all.
    pub(crate) fn forget_refusal(&mut self, job: JobId) {
        self.refused.forget(job);
    }

    /// The jobs that may have become too large for a node that had so much and has less now.
    pub(crate) fn too_large(&self, had: &Resources, has: &Resources) -> Vec<JobId> {
        self.refused.too_large(had, has)
    }

    /// The wanting jobs that something new may help; `None` for all that wait for something.
    pub(crate) fn helped_by(&self, due: Due, nodes: &Nodes) -> Option<BTreeSet<JobId>> {
        if !self.unplaced.is_empty() || due.is_for_all() {
            return None;
        }
        let mut jobs = self.refused.helped_by(due, nodes);
        jobs.retain(|job| self.wanting.contains(job));
        Some(jobs)
    }

    /// Compares the indices with each other; `exists` says whether there is a job.
    pub(crate) fn check(&self, exists: impl Fn(JobId) -> bool) -> Result<(), String> {
        for job in self.wanting.iter().chain(&self.unplaced) {
            ensure!(exists(*job), "a job that is gone wants something");
        }
        self.refused.check(|job| self.wanting.contains(&job))
    }
}

#[cfg(test)]
mod tests;
