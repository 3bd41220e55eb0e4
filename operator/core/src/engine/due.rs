//! Which jobs have to be looked at in the next round.

use std::collections::BTreeSet;

use super::Engine;
use super::books::Due;
use crate::explain::Rejection;
use crate::ids::JobId;

impl Engine {
    /// Takes in why a job was given no more, if anything.
    pub(super) fn note_refusal(&mut self, id: JobId, rejection: Option<&Rejection>) {
        let Some(rejection) = rejection else { return self.queue.forget_refusal(id) };
        let job = self.state.jobs.get(id);
        let request = job.and_then(|job| job.request.as_ref().ok().copied());
        let reach = job.and_then(|job| job.choice.reach()?.as_ref().ok().copied());
        let for_room = !matches!(rejection, Rejection::Gang { .. }) && rejection.lacks_nodes();
        let shape = request.zip(reach).filter(|_| for_room);
        self.queue.refuse(id, shape);
    }

    /// The jobs to look at in a round; `None` for all of them.
    pub(super) fn candidates(&self, due: Due) -> Option<BTreeSet<JobId>> {
        // What is kept for a guarantee that is lent depends on all that is wanted.
        let everybody_counts = self.has_frameworks() || self.state.pools.any_lends();
        if everybody_counts { None } else { self.queue.helped_by(due, &self.state.nodes) }
    }
}
