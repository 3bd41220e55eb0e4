//! Who may be given something that it was not given in the last round.
//!
//! Most of what happens helps few jobs or none: a node that has a little more room, an executor that
//! left. So a round asks only those whom it may help; for all others nothing would come out
//! differently.

use std::collections::BTreeSet;

use crate::ids::{JobId, NodeId};

/// When more nodes than this have more room, all jobs are looked at.
const MOST_NODES: usize = 64;

/// What happened since the last round that can lead to offers.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Whether it may help everybody.
    all: bool,
    /// Jobs that want something new.
    jobs: BTreeSet<JobId>,
    /// Nodes that may have more room than before.
    grown: BTreeSet<NodeId>,
}

impl Due {
    /// Everybody is to be asked.
    pub(super) fn ask_all(&mut self) {
        self.all = true;
    }

    /// Everybody was asked. What is about single jobs and nodes stays.
    pub(super) fn note_all_asked(&mut self) {
        self.all = false;
    }

    /// A job is to be asked.
    pub(super) fn ask(&mut self, job: JobId) {
        self.jobs.insert(job);
    }

    /// A node may have more room than before.
    pub(super) fn note_room(&mut self, node: NodeId) {
        self.grown.insert(node);
    }

    /// Whether everybody is to be asked by what happened.
    pub(super) fn asks_all(&self) -> bool {
        self.all
    }

    /// Whether nobody may be given anything new.
    pub(crate) fn is_empty(&self) -> bool {
        !self.all && self.jobs.is_empty() && self.grown.is_empty()
    }

    /// Whether to ask everybody, as it is about all jobs or about too many nodes to look at each.
    pub(crate) fn is_for_all(&self) -> bool {
        self.all || self.grown.len() > MOST_NODES
    }

    /// The jobs that want something new, and the nodes that may have more room than before.
    pub(super) fn split(self) -> (BTreeSet<JobId>, BTreeSet<NodeId>) {
        (self.jobs, self.grown)
    }
}
