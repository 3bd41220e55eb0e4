//! Offers: from what is free to executors.

use std::collections::BTreeSet;

use super::Engine;
use super::frameworks::FairShares;
use crate::action::{Action, Launch, Search};
use crate::allocator::{Claim, Order, Round};
use crate::executors::Executor;
use crate::explain::Rejection;
use crate::ids::{ExecutorId, ExecutorKey, JobId, NodeId};
use crate::nodes::Reach;
use crate::time::Time;

impl Engine {
    /// Fills what is free, and launches an executor for every offer that a job accepts.
    pub(super) fn make_offers(&mut self, now: Time) {
        let touched: Vec<JobId> = self.agenda.touched().collect();
        for id in touched {
            let wants = self.state.jobs.get(id).is_some_and(|job| self.lacking_executors(job) > 0);
            if wants {
                if self.queue.join(id) {
                    self.agenda.ask(id);
                    self.agenda.count_places();
                }
            } else if self.queue.wants(id) {
                self.stop_wanting(id);
                if let Some(job) = self.state.jobs.get_mut(id)
                    && job.waiting.end()
                {
                    self.agenda.count_places();
                }
            }
        }
        self.enforce_limits(now);
        let due = self.agenda.take_due();
        if due.is_empty() {
            return;
        }
        self.reclaiming.look_again();
        self.head_of_line.look_again();
        if self.queue.is_empty() && !self.has_frameworks() {
            return;
        }
        let only = self.candidates(due);
        if only.as_ref().is_some_and(BTreeSet::is_empty) {
            return;
        }
        self.state.frameworks.take_changes(&mut self.state.nodes);
        let shares = self.fair_shares(now);
        self.fill(now, shares.as_ref(), only.as_ref());
        if let Some(shares) = shares {
            if self.jobs_wait(&shares) && self.rescind_beyond(now, &shares) {
                self.fill(now, Some(&shares), None);
            }
            if !self.jobs_wait(&shares) {
                // Nobody else wants what is beyond the fair shares.
                self.fill(now, None, None);
            }
        }
        self.tell_offers();
        self.agenda.note_all_asked();
        self.number_waiting_jobs();
    }

    /// One round: gives executors to whoever is next in the order, until nobody can be given more.
    /// `only` are the jobs that take part, if not all do.
    fn fill(&mut self, now: Time, fair: Option<&FairShares>, only: Option<&BTreeSet<JobId>>) {
        let (ids, mut claims) = self.claims(now, only);
        let most = fair.map(|fair| &fair.of_client);
        let (clients, mut of_frameworks) = self.framework_claims(most);
        claims.append(&mut of_frameworks);
        let order = Order { fairness: self.settings.fairness, shared: &self.shared };
        let mut round = Round::new(&mut self.state.nodes, &self.state.pools, &order, claims);
        if !clients.is_empty() {
            round = round.with_frameworks(&mut self.state.frameworks);
        }
        let mut grants = Vec::new();
        while let Some(grant) = round.next_grant() {
            grants.push(grant);
        }
        let with_room = round.unplaced_with_room();
        let outcome: Vec<_> =
            round.finish().map(|(claim, why)| (claim.on_nodes, claim.choice, why)).collect();
        let mut outcome = outcome.into_iter();
        for (&id, (on_nodes, choice, rejection)) in ids.iter().zip(&mut outcome) {
            self.retry_later(id, rejection.as_ref(), &choice.declined);
            if let Some(job) = self.state.jobs.get_mut(id) {
                job.fleet.take_counts_back(on_nodes);
                job.choice.take_preferred_back(choice.preferred);
            }
            self.explain(id, rejection);
        }
        for (&id, (_, _, rejection)) in clients.iter().zip(outcome) {
            self.explain_client(id, rejection);
        }
        for grant in grants {
            let Some(&id) = ids.get(grant.claim) else {
                self.make_offer(now, clients[grant.claim - ids.len()], grant);
                continue;
            };
            let nodes = grant.nodes.into_iter().map(Some);
            for node in nodes.chain((0..grant.unplaced).map(|_| None)) {
                self.launch(now, id, node);
            }
            if self.state.jobs.get(id).is_some_and(|job| job.spec.executor.fixed) {
                self.complete_gang(id);
            }
        }
        let with_room = with_room.into_iter().filter_map(|claim| ids.get(claim).copied()).collect();
        self.withdraw_unplaced(now, &with_room);
        // A job that has all it wants is not among the wanting ones any more. It joins them anew when
        // it wants more.
        for id in ids {
            if self.state.jobs.get(id).is_some_and(|job| self.lacking_executors(job) == 0) {
                self.stop_wanting(id);
            }
        }
    }

    /// Takes in that a job wants no more executors than it has.
    pub(super) fn stop_wanting(&mut self, id: JobId) {
        self.queue.leave(id);
        if let Some(job) = self.state.jobs.get_mut(id) {
            job.choice.stop_waiting();
        }
    }

    /// What the wanting jobs ask for. Those that cannot be offered anything are told why at once.
    pub(super) fn claims(
        &mut self,
        now: Time,
        only: Option<&BTreeSet<JobId>>,
    ) -> (Vec<JobId>, Vec<Claim>) {
        let wanting: Vec<JobId> = match only {
            Some(only) => only.iter().copied().collect(),
            None => self.queue.iter().collect(),
        };
        let mut ids = Vec::with_capacity(wanting.len());
        let mut claims = Vec::with_capacity(wanting.len());
        let mut refused = Vec::new();
        for id in wanting {
            let reach = match self.may_have(id) {
                Ok(reach) => reach,
                Err(rejection) => {
                    refused.push((id, rejection));
                    continue;
                }
            };
            let Some(job) = self.state.jobs.get(id) else { continue };
            let stopping = |executor: ExecutorId| {
                self.state
                    .executors
                    .get(executor)
                    .is_some_and(|executor| executor.exit.is_stopping())
            };
            if let Some(rejection) = job.pauses.withheld() {
                refused.push((id, rejection));
                continue;
            }
            let request = match &job.request {
                // Before a gang is offered anything, what is left of the one that did not form goes.
                Ok(_) if job.gang.is_forming() && job.fleet.ids().any(stopping) => continue,
                Ok(request) => *request,
                Err(rejection) => {
                    refused.push((id, rejection.clone()));
                    continue;
                }
            };
            let wanted = self.lacking_executors(job);
            let choice = self.choice(now, id);
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            ids.push(id);
            claims.push(Claim {
                pool: job.pool,
                priority: job.spec.priority,
                sequence: job.sequence,
                held: *job.fleet.held(),
                allocations: job.fleet.allocations(),
                request,
                wanted,
                unplaced: job.fleet.count_unplaced(),
                gang: job.gang.is_forming(),
                reach,
                client: None,
                placement: job.spec.executor.placement,
                on_nodes: job.fleet.lend_counts(),
                choice,
            });
        }
        // Jobs that take part only for their executors without a node ask for nothing more.
        refused.retain(|(id, _)| self.queue.wants(*id));
        for (id, rejection) in refused {
            self.explain(id, Some(rejection));
        }
        (ids, claims)
    }

    /// Which nodes a job may be offered, or why none at all.
    pub(super) fn may_have(&mut self, id: JobId) -> Result<Reach, Rejection> {
        let Some(job) = self.state.jobs.get(id) else { return Ok(Reach::default()) };
        self.check_pool(job)?;
        self.reach(id)
    }

    /// The job accepts the offer of a node, which the round has charged: an executor takes what it
    /// needs there. Without a node, it takes what it needs wherever there comes to be room.
    pub(super) fn launch(
        &mut self,
        now: Time,
        id: JobId,
        node: Option<NodeId>,
    ) -> Option<ExecutorId> {
        let job = self.state.jobs.get_mut(id)?;
        let Ok(request) = job.request else { return None };
        let name = node.and_then(|node| self.state.nodes.get(node));
        let name = name.map(|node| node.observed().name.clone());
        let (index, epoch) = job.fleet.next_seat();
        let key = ExecutorKey { job: job.key.clone(), index, epoch };
        if let Some(node) = node {
            job.choice.note_launch_on(node, now);
        }
        if job.waiting.advance() {
            self.agenda.count_places();
        }
        job.progress.begin(now);
        if let (true, Some(timeout)) =
            (job.gang.is_forming(), job.spec.executor.gang_timeout_milliseconds)
        {
            let deadline = now + timeout;
            job.gang.wait_until(deadline);
            self.agenda.set_timer(deadline, id);
        }
        let executor = self.seat(Executor::new(key.clone(), (id, node), request, now));
        let search = if name.is_none() { self.search(id) } else { Search::default() };
        self.outgoing.push((executor, Action::Launch(Launch { key, node: name, search })));
        self.touch(id);
        executor
    }

    /// Gives an executor its place in its job and charges it to the pool; the node, if it has one, is
    /// charged already.
    pub(super) fn seat(&mut self, executor: Executor) -> Option<ExecutorId> {
        let (index, job_id, request) = (executor.key.index, executor.job, executor.request);
        let node = executor.node;
        let job = self.state.jobs.get_mut(job_id)?;
        let id = self.state.executors.insert(executor);
        if let Some(node) = node {
            self.state.on_node.entry(node).or_default().insert(id);
        } else {
            self.queue.await_node(job_id);
            self.state.pools.count_unplaced(job.pool, &request);
        }
        self.state.of_pool.entry(job.pool).or_default().insert(id);
        job.fleet.seat(index, id, node.is_some(), &request);
        self.state.pools.charge(job.pool, &request);
        Some(id)
    }

    /// Notes why a job was given no more.
    pub(super) fn explain(&mut self, id: JobId, rejection: Option<Rejection>) {
        let rejection = rejection.map(|rejection| self.awaited(id).unwrap_or(rejection));
        self.note_refusal(id, rejection.as_ref());
        if let Some(job) = self.state.jobs.get_mut(id)
            && job.waiting.explain(rejection)
        {
            self.touch(id);
        }
    }

    /// Gives the jobs without executors their places in the queues of their pools.
    fn number_waiting_jobs(&mut self) {
        if !self.agenda.take_places() {
            return;
        }
        let mut queue: Vec<_> = self
            .queue
            .wanting()
            .filter_map(|id| Some((id, self.state.jobs.get(id)?)))
            .filter(|(_, job)| job.fleet.is_empty())
            .map(|(id, job)| (job.pool, std::cmp::Reverse(job.spec.priority), job.sequence, id))
            .collect();
        queue.sort_unstable();
        let mut previous = None;
        let mut place = 0;
        for (pool, _, _, id) in queue {
            place = if previous == Some(pool) { place + 1 } else { 1 };
            previous = Some(pool);
            if let Some(job) = self.state.jobs.get_mut(id)
                && job.waiting.queue_at(place)
            {
                self.touch(id);
            }
        }
    }
}
