//! Which jobs have to be looked at in the next round.
//!
//! Most of what happens helps few jobs or none: a node that has a little more room, an executor that
//! left. Who waits for room on nodes is known by the shape of its executors, so a round asks only those
//! whose executors fit where there is more room than before, those that are new, and those that wait
//! for something else. For all others nothing would come out differently.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::ensure::ensure;
use crate::explain::Rejection;
use crate::ids::{JobId, NodeId};
use crate::nodes::Reach;
use crate::resources::Resources;

/// When more nodes than this have more room, all jobs are looked at.
const MOST_NODES: usize = 64;

/// What an executor needs and where it may go.
type Shape = (Resources, Reach);

/// What happened since the last round, as far as it can lead to offers and is not for everybody.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Jobs that want something new.
    pub(super) jobs: BTreeSet<JobId>,
    /// Nodes that may have more room than before.
    pub(super) grown: BTreeSet<NodeId>,
}

/// The jobs that were refused in their last round, by why.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Those for whose executors no node has room.
    by_shape: BTreeMap<Shape, BTreeSet<JobId>>,
    shapes: BTreeMap<JobId, Shape>,
    /// Those that wait for something else.
    others: BTreeSet<JobId>,
}

impl Due {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.grown.is_empty()
    }
}

impl Refused {
    /// Takes in why a job waits now; `shape` if it is for want of room on nodes alone.
    fn note(&mut self, id: JobId, shape: Option<Shape>) {
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
}

impl Refused {
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

impl Engine {
    /// Takes in why a job was given no more, if anything.
    pub(super) fn note_refusal(&mut self, id: JobId, rejection: Option<&Rejection>) {
        let Some(rejection) = rejection else { return self.refused.forget(id) };
        let job = self.state.jobs.get(id);
        let request = job.and_then(|job| job.request.as_ref().ok().copied());
        let reach = job.and_then(|job| job.choice.reach()?.as_ref().ok().copied());
        let for_room = !matches!(rejection, Rejection::Gang { .. }) && rejection.lacks_nodes();
        let shape = request.zip(reach).filter(|_| for_room);
        self.refused.note(id, shape);
    }

    /// The jobs to look at in a round; `None` for all of them.
    pub(super) fn candidates(&self, due: Due) -> Option<BTreeSet<JobId>> {
        let everybody_counts = self.has_frameworks()
            || !self.unplaced.is_empty()
            // What is kept for a guarantee that is lent depends on all that is wanted.
            || self.state.pools.any_lends();
        if everybody_counts || due.grown.len() > MOST_NODES {
            return None;
        }
        let Due { mut jobs, grown } = due;
        jobs.extend(&self.refused.others);
        let nodes = &self.state.nodes;
        for ((request, reach), waiting) in &self.refused.by_shape {
            let room = |&node: &NodeId| nodes.room_on(node, *reach);
            if grown.iter().filter_map(room).any(|(free, _)| request.fits_in(&free)) {
                jobs.extend(waiting);
            }
        }
        jobs.retain(|id| self.wanting.contains(id));
        Some(jobs)
    }
}
