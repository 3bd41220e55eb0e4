//! Offers: from what is free to executors.

use std::collections::BTreeMap;

use super::Engine;
use crate::action::{Action, Launch};
use crate::allocator::{Claim, Grant, Order, Round};
use crate::executors::{Attempts, Executor, ExecutorId, ExecutorKey};
use crate::explain::Rejection;
use crate::jobs::{JobId, JobState, Milliseconds};
use crate::nodes::NodeId;
use crate::share::shared_kinds;

impl Engine {
    /// Fills what is free, and launches an executor for every offer that a job accepts.
    pub(super) fn make_offers(&mut self, now: Milliseconds) {
        for &id in &self.touched {
            let wants =
                self.state.jobs.get(id).is_some_and(|job| job.wanted_executors() > job.launched());
            if wants {
                self.offers_due |= self.wanting.insert(id);
            } else if self.wanting.remove(&id)
                && let Some(job) = self.state.jobs.get_mut(id)
            {
                (job.waiting, job.position) = (None, None);
            }
        }
        if !std::mem::take(&mut self.offers_due) {
            return;
        }
        self.reclaiming.due = true;
        if self.wanting.is_empty() {
            return;
        }
        let (ids, claims) = self.claims();
        let shared = shared_kinds(&self.state.kinds);
        let order = Order { fairness: self.settings.fairness, shared: &shared };
        let mut round = Round::new(&mut self.state.nodes, &self.state.pools, &order, claims);
        let mut grants = Vec::new();
        while let Some(grant) = round.next_grant() {
            grants.push(grant);
        }
        let outcome: Vec<_> =
            round.finish().map(|(claim, rejection)| (claim.on_nodes, rejection)).collect();
        for (&id, (on_nodes, rejection)) in ids.iter().zip(outcome) {
            if let Some(job) = self.state.jobs.get_mut(id) {
                job.on_nodes = on_nodes;
            }
            self.explain(id, rejection);
        }
        for Grant { claim, nodes } in grants {
            for node in nodes {
                self.launch(now, ids[claim], node);
            }
        }
        self.number_waiting_jobs();
    }

    /// What the wanting jobs ask for. Those that cannot be offered anything are told why at once.
    fn claims(&mut self) -> (Vec<JobId>, Vec<Claim>) {
        let mut ids = Vec::with_capacity(self.wanting.len());
        let mut claims = Vec::with_capacity(self.wanting.len());
        let mut refused = Vec::new();
        for &id in &self.wanting {
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            let declared = self.state.pools.get(job.pool).is_some_and(|pool| pool.declared);
            if !declared {
                refused.push((id, Rejection::NoPool { pool: job.spec.pool.clone() }));
                continue;
            }
            let stopping = |&executor: &ExecutorId| {
                self.state.executors.get(executor).is_some_and(|executor| executor.stopping)
            };
            match &job.request {
                // What is left of a gang that did not form goes first.
                Ok(_) if job.gang_forming && job.executors.values().any(stopping) => {}
                Ok(request) => {
                    ids.push(id);
                    claims.push(Claim {
                        pool: job.pool,
                        priority: job.spec.priority,
                        sequence: job.sequence,
                        held: job.held,
                        allocations: job.allocations,
                        request: *request,
                        wanted: job.wanted_executors().saturating_sub(job.launched()),
                        gang: job.gang_forming,
                        placement: job.spec.executor.placement,
                        on_nodes: std::mem::take(&mut job.on_nodes),
                    });
                }
                Err(rejection) => refused.push((id, rejection.clone())),
            }
        }
        for (id, rejection) in refused {
            self.explain(id, Some(rejection));
        }
        (ids, claims)
    }

    /// The job accepts the offer of a node, which the round has charged: an executor takes what it
    /// needs there.
    pub(super) fn launch(
        &mut self,
        now: Milliseconds,
        id: JobId,
        node: NodeId,
    ) -> Option<ExecutorId> {
        let job = self.state.jobs.get_mut(id)?;
        let Ok(request) = job.request else { return None };
        let name = self.state.nodes.get(node).map(|node| node.observed.name.clone())?;
        let index = job.indices.first_missing();
        let epoch = job.epochs.get(&index).copied().unwrap_or(0);
        let key = ExecutorKey { job: job.key.clone(), index, epoch };
        let executor = self.state.executors.insert(Executor {
            key: key.clone(),
            job: id,
            node,
            request,
            ready: false,
            stopping: false,
            draining: None,
            leaving: false,
            reclaimed_at: None,
            running_since: BTreeMap::new(),
            withdrawn: Attempts::new(),
            assignment_number: 0,
            assigned: Attempts::new(),
            assigned_slots: 0,
            exclusive: false,
            running: Attempts::new(),
            acknowledged: 0,
            prefetch_slots: 0,
            assignment_changed: true,
        });
        job.executors.insert(index, executor);
        job.indices.insert(index);
        job.position = None;
        if job.state == JobState::Pending {
            job.state = JobState::Running;
            job.started_at.get_or_insert(now);
        }
        if let (true, Some(timeout)) =
            (job.gang_forming, job.spec.executor.gang_timeout_milliseconds)
        {
            let deadline = now.saturating_add(timeout);
            job.gang_deadline = Some(deadline);
            self.timers.insert((deadline, id));
        }
        self.state.executor_by_key.insert(key.clone(), executor);
        self.state.on_node.entry(node).or_default().insert(executor);
        self.state.of_pool.entry(job.pool).or_default().insert(executor);
        job.held = job.held.plus(&request);
        job.allocations += 1;
        let pool = job.pool;
        self.state.pools.charge(pool, &request);
        self.outgoing.push(Action::Launch(Launch { key, node: name }));
        self.touch(id);
        Some(executor)
    }

    /// Notes why a job was given no more.
    pub(super) fn explain(&mut self, id: JobId, rejection: Option<Rejection>) {
        let rejection = rejection.map(|rejection| self.awaited(id).unwrap_or(rejection));
        if let Some(job) = self.state.jobs.get_mut(id)
            && job.waiting != rejection
        {
            job.waiting = rejection;
            self.touch(id);
        }
    }

    /// Gives the jobs without executors their places in the queues of their pools.
    fn number_waiting_jobs(&mut self) {
        let mut queue: Vec<_> = self
            .wanting
            .iter()
            .filter_map(|&id| Some((id, self.state.jobs.get(id)?)))
            .filter(|(_, job)| job.executors.is_empty())
            .map(|(id, job)| (job.pool, std::cmp::Reverse(job.spec.priority), job.sequence, id))
            .collect();
        queue.sort_unstable();
        let mut previous = None;
        let mut place = 0;
        for (pool, _, _, id) in queue {
            place = if previous == Some(pool) { place + 1 } else { 1 };
            previous = Some(pool);
            if let Some(job) = self.state.jobs.get_mut(id)
                && job.position != Some(place)
            {
                job.position = Some(place);
                self.touch(id);
            }
        }
    }
}
