//! Executors without a node: they land, or are withdrawn.

use std::collections::BTreeSet;

use super::Engine;
use crate::action::Search;
use crate::ids::{ExecutorId, ExecutorKey, JobId};
use crate::resources::Resources;
use crate::time::{Span, Time};

/// How long there has to be room on nodes before an executor without a node is withdrawn, so that an
/// offer gives it a node. Until then the executors for which an autoscaler added a node can land there.
const ROOM_PATIENCE: Span = Span::from_seconds(5);

impl Engine {
    /// Where an executor of a job may go for which there is no node yet.
    pub(super) fn search(&self, id: JobId) -> Search {
        let Some(job) = self.state.jobs.get(id) else { return Search::default() };
        let both = self.state.pools.requirement(job.pool);
        let both = both.and_then(|pools| pools.narrowed(&job.spec.executor.node_selector));
        // The scheduler of Kubernetes does not know of maintenance, so it is told to avoid such nodes.
        let closed = self.state.nodes.closed().map(|node| node.observed().name.clone());
        let mut avoids: Vec<Box<str>> = closed.chain(job.choice.declines().excluded()).collect();
        avoids.drain(..avoids.len().saturating_sub(Search::MOST_AVOIDED));
        Search { selector: both.map_or_else(|_| Vec::new(), |both| both.labels().to_vec()), avoids }
    }

    /// Charges an executor that landed to its node.
    pub(super) fn place_executor(&mut self, now: Time, key: &ExecutorKey, name: &str) {
        let node = self.state.nodes.find(name);
        let Some((id, executor, job_id, job)) = self.state.executor_mut(key) else { return };
        if executor.node.is_some() {
            return;
        }
        let Some(node) = node else {
            self.missing.land(key, name);
            return;
        };
        executor.node = Some(node);
        job.fleet.land(key.index, node);
        if job.fleet.unplaced().is_empty() {
            self.queue.found_nodes(job_id);
        }
        let (request, pool, leaving) = (executor.request, job.pool, executor.exit.is_counted());
        self.state.on_node.entry(node).or_default().insert(id);
        if leaving {
            self.state.nodes.count_leaving(node, &request);
        }
        self.state.pools.count_unplaced(pool, &Resources::NONE.minus(&request));
        self.state.nodes.charge(&self.state.pools, node, pool, &request);
        self.agenda.note_landed(id);
        if self.state.nodes.get(node).is_some_and(|node| node.availability().closed) {
            self.review_node(now, node);
        }
        self.agenda.ask_all();
        self.touch(job_id);
    }

    /// Stops executors that landed where their pool may take nothing, or where nothing should be. This
    /// waits for the tick: that other executors are gone from the node may have been told after they
    /// landed.
    ///
    /// The job's next executor would probably land there too, or make an autoscaler add nodes on which
    /// everything is reserved. So the job waits before it launches another one, twice as long each time.
    pub(super) fn review_landed(&mut self, now: Time) {
        let mut landed = Vec::new();
        for id in self.agenda.take_landed() {
            let Some(executor) = self.state.executors.get(id) else { continue };
            let Some(job) = self.state.jobs.get(executor.job) else { continue };
            if let Some(node) = executor.node.filter(|_| !executor.exit.is_counted()) {
                landed.push((id, executor.job, node, job.pool, executor.request));
            }
        }
        for (_, _, node, pool, request) in &landed {
            let back = Resources::NONE.minus(request);
            self.state.nodes.charge(&self.state.pools, *node, *pool, &back);
        }
        for (id, job, node, pool, request) in landed {
            let free = self.state.nodes.free_for(node, pool, &self.state.pools);
            self.state.nodes.charge(&self.state.pools, node, pool, &request);
            let Some(job_state) = self.state.jobs.get_mut(job) else { continue };
            let Some(landed_on) = self.state.nodes.get(node) else { continue };
            if request.fits_in(&free) && !landed_on.availability().closed {
                job_state.pauses.note_launched();
                continue;
            }
            let why = if landed_on.availability().closed {
                "which is being emptied"
            } else {
                "where what is free is kept for others"
            };
            let because = format!("one landed on node {}, {why}", landed_on.observed().name);
            let at = job_state.pauses.withhold(now, &because);
            self.agenda.set_timer(at, job);
            self.stop_executor(id);
        }
    }

    /// Withdraws executors without a node for which there has been room for a while: one of a job
    /// at a time, or all of a gang.
    pub(super) fn withdraw_unplaced(&mut self, now: Time, with_room: &BTreeSet<JobId>) {
        let ids: Vec<JobId> = self.queue.unplaced().collect();
        for id in ids {
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            if !with_room.contains(&id) {
                job.fleet.forget_room();
                continue;
            }
            let since = job.fleet.note_room(now);
            let due = since + ROOM_PATIENCE;
            if now < due {
                self.agenda.set_timer(due, id);
                continue;
            }
            job.fleet.forget_room();
            let count = if job.gang.is_forming() { usize::MAX } else { 1 };
            let withdrawn: Vec<ExecutorId> = job.fleet.last_unplaced().take(count).collect();
            withdrawn.into_iter().for_each(|executor| self.stop_executor(executor));
        }
    }
}
