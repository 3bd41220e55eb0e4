//! Jobs that were refused in their last round, by why.

use std::collections::{BTreeMap, BTreeSet};

use super::Due;
use crate::ensure::ensure;
use crate::ids::{JobId, NodeId};
use crate::nodes::{Nodes, Reach};
use crate::resources::Resources;

/// What an executor needs and where it may go.
pub(crate) type Shape = (Resources, Reach);

/// The jobs that were given nothing more. Who waits for room on nodes is known by the shape of its
/// executors: it need not be asked before one of that shape fits somewhere.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Those for whose executors no node has room.
    by_shape: BTreeMap<Shape, BTreeSet<JobId>>,
    shapes: BTreeMap<JobId, Shape>,
    /// Those that wait for something else.
    others: BTreeSet<JobId>,
}

impl Refused {
    /// Takes in why a job waits now; `shape` if it is for want of room on nodes alone.
    pub(super) fn note(&mut self, id: JobId, shape: Option<Shape>) {
        if shape.is_some() && self.shapes.get(&id) == shape.as_ref() {
            return;
        }
        self.forget(id);
        match shape {
            Some(shape) => {
                self.by_shape.entry(shape).or_default().insert(id);
                self.shapes.insert(id, shape);
            }
            None => {
                self.others.insert(id);
            }
        }
    }

    /// Takes in that a job waits no more.
    pub(super) fn forget(&mut self, id: JobId) {
        self.others.remove(&id);
        if let Some(shape) = self.shapes.remove(&id)
            && let Some(jobs) = self.by_shape.get_mut(&shape)
        {
            jobs.remove(&id);
            if jobs.is_empty() {
                self.by_shape.remove(&shape);
            }
        }
    }

    /// The jobs whose executors fitted on a node that had so much, and do not now that it has less:
    /// they may be larger than any node.
    pub(super) fn too_large(&self, had: &Resources, has: &Resources) -> Vec<JobId> {
        let mut jobs = Vec::new();
        for ((request, _), waiting) in self.by_shape.iter().filter(|_| !had.fits_in(has)) {
            if request.fits_in(had) && !request.fits_in(has) {
                jobs.extend(waiting);
            }
        }
        jobs
    }

    /// The jobs that something new may help: those that it is about, those that fit where there is
    /// more room now, and those that do not wait for room.
    pub(super) fn helped_by(&self, due: Due, nodes: &Nodes) -> BTreeSet<JobId> {
        let (mut jobs, grown) = due.split();
        jobs.extend(&self.others);
        for ((request, reach), waiting) in &self.by_shape {
            let room = |&node: &NodeId| nodes.room_on(node, *reach);
            if grown.iter().filter_map(room).any(|(free, _)| request.fits_in(&free)) {
                jobs.extend(waiting);
            }
        }
        jobs
    }

    /// Compares the indices with each other; `wants` says whether a job wants more.
    pub(super) fn check(&self, wants: impl Fn(JobId) -> bool) -> Result<(), String> {
        let mut by_shape: BTreeMap<Shape, BTreeSet<JobId>> = BTreeMap::new();
        for (&id, shape) in &self.shapes {
            by_shape.entry(*shape).or_default().insert(id);
            ensure!(!self.others.contains(&id), "a job waits for room and for something else");
        }
        ensure!(self.by_shape == by_shape, "jobs by shape are {by_shape:?}");
        let mut refused = self.shapes.keys().chain(&self.others);
        ensure!(refused.all(|&id| wants(id)), "a job was refused that wants nothing");
        Ok(())
    }
}
