//! Executors without a node: they land, or are withdrawn.

use std::collections::BTreeSet;

use super::Engine;
use crate::executors::{ExecutorId, ExecutorKey};
use crate::jobs::{JobId, Milliseconds};
use crate::resources::Resources;

/// How long there has to be room for an executor without a node before it is withdrawn, so that it
/// gets a node by an offer. What an autoscaler has just added is taken meanwhile by those it was
/// added for.
const ROOM_MILLISECONDS: Milliseconds = 5_000;

impl Engine {
    /// Charges an executor that landed to its node. If what it takes there is not its pool's to take,
    /// it has to go again.
    pub(super) fn place_executor(&mut self, now: Milliseconds, key: &ExecutorKey, name: &str) {
        let node = self.state.nodes.find(name);
        let Some((id, executor, job_id, job)) = self.state.executor_mut(key) else { return };
        if executor.node.is_some() {
            return;
        }
        let Some(node) = node else {
            let landed = self.landings.entry(name.into()).or_default();
            if !landed.contains(key) {
                landed.push(key.clone());
            }
            return;
        };
        executor.node = Some(node);
        *job.on_nodes.entry(node).or_default() += 1;
        job.unplaced.remove(&key.index);
        if job.unplaced.is_empty() {
            job.room_since = None;
            self.unplaced.remove(&job_id);
        }
        let (request, pool, leaving) = (executor.request, job.pool, executor.leaving);
        self.state.on_node.entry(node).or_default().insert(id);
        if leaving {
            self.state.nodes.count_leaving(node, &request);
        }
        let free = self.state.nodes.free_for(node, pool, &self.state.pools);
        self.state.pools.count_unplaced(pool, &Resources::NONE.minus(&request));
        self.state.nodes.charge(&self.state.pools, node, pool, &request);
        if !request.fits_in(&free) {
            self.stop_executor(id);
        }
        if self.state.nodes.get(node).is_some_and(|node| node.closed) {
            self.review_node(now, node);
        }
        self.offers_due = true;
        self.touch(job_id);
    }

    /// Withdraws executors without a node for which there has been room for a while: one of a job
    /// at a time, or all of a gang.
    pub(super) fn withdraw_unplaced(&mut self, now: Milliseconds, with_room: &BTreeSet<JobId>) {
        let ids: Vec<JobId> = self.unplaced.iter().copied().collect();
        for id in ids {
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            if !with_room.contains(&id) {
                job.room_since = None;
                continue;
            }
            let since = *job.room_since.get_or_insert(now);
            let due = since.saturating_add(ROOM_MILLISECONDS);
            if now < due {
                self.set_timer(due, id);
                continue;
            }
            job.room_since = None;
            let count = if job.gang_forming { usize::MAX } else { 1 };
            let last = job.unplaced.iter().rev().filter_map(|index| job.executors.get(index));
            let withdrawn: Vec<ExecutorId> = last.copied().take(count).collect();
            withdrawn.into_iter().for_each(|executor| self.stop_executor(executor));
        }
    }
}
