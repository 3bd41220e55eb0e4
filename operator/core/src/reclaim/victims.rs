//! The choice of victims on one node.

use std::collections::BTreeMap;

use super::search::{Ask, Branch, Entitlement, Search, add, covers};
use crate::executors::Executor;
use crate::ids::{ExecutorId, JobId, NodeId, PoolId};
use crate::jobs::Job;
use crate::resources::Resources;
use crate::time::Span;

/// What a choice of victims costs: whether any is of a pool with a weight above 0, the work that is
/// lost, and how many go.
pub(super) type Cost = (bool, Span, usize);

/// Executors that go together: one, or all of a gang.
struct Unit {
    executors: Vec<ExecutorId>,
    pool: PoolId,
    job: JobId,
    /// What each of them holds.
    request: Resources,
}

/// An executor that might go.
#[derive(Clone, Copy)]
struct Candidate {
    pool: PoolId,
    id: ExecutorId,
    /// Whether none of its pool on the node has a lower priority.
    has_lowest_priority: bool,
}

impl Search<'_> {
    /// The victims on a node with which an executor of the claim has room there: a single one, or
    /// several, whatever costs less.
    pub(super) fn cheapest_victims(
        &mut self,
        ask: &Ask,
        entitlement: Entitlement,
        node: NodeId,
    ) -> Option<(Cost, Vec<ExecutorId>)> {
        if self.is_enough(ask, entitlement, node) {
            return Some(((false, Span::ZERO, 0), Vec::new()));
        }
        let limiting = self.limiting_pool(ask);
        let mut candidates = self.victims_in_order(ask, node);
        candidates.retain(|candidate| {
            limiting.is_none_or(|limit| self.path(candidate.pool).contains(&limit))
        });
        let missing = ask.request.above(&self.expected_room(ask, node));
        let mut best: Option<(Cost, Vec<ExecutorId>)> = None;
        for candidate in candidates.iter().filter(|candidate| candidate.has_lowest_priority) {
            let Some(unit) = self.unit(candidate.id) else { continue };
            // Most are too small, which is seen without trying.
            if unit.executors.len() == 1 && !covers(&unit.request, &missing) {
                continue;
            }
            self.take(&unit.executors);
            if self.may_go(ask, entitlement, &unit) && self.is_enough(ask, entitlement, node) {
                let cost = self.cost(std::slice::from_ref(&unit));
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, unit.executors.clone()));
                }
            }
            self.untake(&unit.executors);
        }
        let several = self.several_victims(ask, entitlement, node, &candidates);
        best.into_iter().chain(several).min()
    }

    /// Takes executors in order until there is room; then those that are not needed stay after all,
    /// the dearest first.
    fn several_victims(
        &mut self,
        ask: &Ask,
        entitlement: Entitlement,
        node: NodeId,
        candidates: &[Candidate],
    ) -> Option<(Cost, Vec<ExecutorId>)> {
        let mut chosen: Vec<Unit> = Vec::new();
        let mut enough = false;
        for candidate in candidates {
            let Some(unit) = self.unit(candidate.id) else { continue };
            self.take(&unit.executors);
            if self.may_go(ask, entitlement, &unit) {
                chosen.push(unit);
            } else {
                self.untake(&unit.executors);
            }
            enough = self.is_enough(ask, entitlement, node);
            if enough {
                break;
            }
        }
        if enough {
            for place in (0..chosen.len()).rev() {
                self.untake(&chosen[place].executors);
                if self.is_enough(ask, entitlement, node) {
                    chosen.remove(place);
                } else {
                    self.take(&chosen[place].executors);
                }
            }
        }
        let victims: Vec<ExecutorId> =
            chosen.iter().flat_map(|unit| unit.executors.iter().copied()).collect();
        self.untake(&victims);
        enough.then(|| (self.cost(&chosen), victims))
    }

    fn cost(&self, units: &[Unit]) -> Cost {
        let work = |&id: &ExecutorId| {
            self.state
                .executors
                .get(id)
                .map_or(Span::ZERO, |executor| executor.work.invested(self.now))
        };
        let weighty = units.iter().any(|unit| !self.is_leftover(unit.pool));
        let all = || units.iter().flat_map(|unit| &unit.executors);
        (weighty, all().map(work).sum(), all().count())
    }

    /// Whether an executor of the claim has room on a node with all that was taken so far.
    fn is_enough(&self, ask: &Ask, entitlement: Entitlement, node: NodeId) -> bool {
        let room = self.expected_room(ask, node);
        // What is free already may be kept for guarantees, which only a guarantee may use.
        let freed = self.freed.get(&node).unwrap_or(&Resources::NONE);
        let own = !self.guarantees || entitlement == Entitlement::Guarantee;
        covers(&room, &ask.request)
            && (own || covers(freed, &ask.request))
            && self.limiting_pool(ask).is_none()
    }

    /// What the claim's pool can have on a node once all that is on its way out is gone, less what is
    /// kept for the reservations of others when the victims are gone, too.
    fn expected_room(&self, ask: &Ask, node: NodeId) -> Resources {
        let here = self.state.on_node.get(&node).into_iter().flatten();
        let losing = here.filter_map(|&id| {
            let (executor, job) = self.executor(id)?;
            let goes = executor.exit.is_counted() || self.taken.contains(&id);
            goes.then_some((job.pool, executor.request))
        });
        let changed = self.room.get(&node).copied().unwrap_or_default();
        self.state.nodes.expected_room(&self.state.pools, node, ask.pool, losing, &changed)
    }

    /// The lowest pool of the claim whose limit is too low for it, beside what is kept there.
    fn limiting_pool(&self, ask: &Ask) -> Option<PoolId> {
        let gain = Self::gain(ask);
        self.path(ask.pool).into_iter().find(|&pool| {
            let after = self.held(Branch { pool, own: false }).plus(&gain);
            let limit = self.pool(pool).map_or(Resources::UNLIMITED, |pool| pool.settings.limit);
            let limit = self.kept.get(&pool).map_or(limit, |kept| limit.minus(kept));
            ask.request.iter().any(|(kind, _)| after[kind] > limit[kind])
        })
    }

    /// The executors on a node that might go. Within a pool lower priorities come first, then those
    /// that lose less work; leftovers of pools of weight 0 come before all.
    fn victims_in_order(&self, ask: &Ask, node: NodeId) -> Vec<Candidate> {
        let mut by_pool: BTreeMap<PoolId, Vec<(i32, Span, ExecutorId)>> = BTreeMap::new();
        for &id in self.state.on_node.get(&node).into_iter().flatten() {
            let Some((executor, job)) = self.executor(id) else { continue };
            if executor.exit.is_counted() || self.taken.contains(&id) || executor.job == ask.job {
                continue;
            }
            let entry = (job.spec.priority, executor.work.invested(self.now), id);
            by_pool.entry(job.pool).or_default().push(entry);
        }
        let mut all = Vec::new();
        for (pool, mut executors) in by_pool {
            executors.sort_unstable();
            let lowest = executors.first().map(|&(priority, ..)| priority);
            let weighty = !self.is_leftover(pool);
            let mut dearest = Span::ZERO;
            for (place, (priority, work, id)) in executors.into_iter().enumerate() {
                // None comes before a cheaper one of its pool with a lower priority.
                dearest = work.max(dearest);
                let has_lowest_priority = Some(priority) == lowest;
                all.push(((weighty, dearest, place), Candidate { pool, id, has_lowest_priority }));
            }
        }
        all.sort_unstable_by_key(|&(order, Candidate { pool, id, .. })| (order, pool, id));
        all.into_iter().map(|(_, candidate)| candidate).collect()
    }

    /// What goes with an executor: all of its job if that can use no fewer.
    fn unit(&self, id: ExecutorId) -> Option<Unit> {
        let (executor, job) = self.executor(id).filter(|_| !self.taken.contains(&id))?;
        let (pool, job_id, request) = (job.pool, executor.job, executor.request);
        let least = job.least_executors() as usize;
        let mut unit = Unit { executors: vec![id], pool, job: job_id, request };
        if least == 0 {
            return Some(unit);
        }
        let staying: Vec<ExecutorId> = job
            .fleet
            .ids()
            .filter(|id| !self.taken.contains(id))
            .filter(|&id| {
                self.state.executors.get(id).is_some_and(|executor| !executor.exit.is_counted())
            })
            .collect();
        if staying.len() <= least {
            unit.executors = staying;
        }
        Some(unit)
    }

    fn executor(&self, id: ExecutorId) -> Option<(&Executor, &Job)> {
        let executor = self.state.executors.get(id)?;
        Some((executor, self.state.jobs.get(executor.job)?))
    }

    /// Whether what was just taken may go for the claim.
    fn may_go(&self, ask: &Ask, entitlement: Entitlement, unit: &Unit) -> bool {
        self.keeps_guarantees(ask, unit)
            && if unit.pool == ask.pool {
                entitlement == Entitlement::Share && self.may_go_within_pool(ask, unit)
            } else {
                self.may_lose(ask, entitlement, unit.pool)
                    && (entitlement == Entitlement::Guarantee || !self.is_settled(unit))
            }
    }

    /// Whether the pool can spare what was taken from it so far, or the first thing if that is
    /// nothing.
    pub(super) fn may_lose(&self, ask: &Ask, entitlement: Entitlement, pool: PoolId) -> bool {
        let (ours, theirs) = self.parting(ask.pool, pool);
        let below = |&pool: &PoolId| !ours.own && Some(pool) != self.parent_of(ours);
        let mut path = self.path(ask.pool).into_iter().take_while(below);
        if entitlement == Entitlement::Guarantee {
            return path.any(|pool| self.within_guarantee(ask, pool));
        }
        let leftovers = path.any(|pool| self.pool(pool).is_some_and(|p| p.settings.weight == 0));
        let since = self
            .pool(ours.pool)
            .map(|pool| if ours.own { pool.own_below_share } else { pool.below_share });
        !leftovers
            && since.is_some_and(|since| self.is_ripe(ask, since))
            && self.weighted_share(theirs, &Resources::NONE)
                >= self.weighted_share(ours, &Self::gain(ask))
    }

    fn parent_of(&self, branch: Branch) -> Option<PoolId> {
        self.pool(branch.pool)?.parent
    }

    fn may_go_within_pool(&self, ask: &Ask, unit: &Unit) -> bool {
        let Some(victim) = self.state.jobs.get(unit.job) else { return false };
        if !ask.within_pool || victim.spec.priority > ask.priority {
            return false;
        }
        victim.spec.priority < ask.priority
            || !self.is_settled(unit)
                && self.job_share(unit.job, &Resources::NONE)
                    >= self.job_share(ask.job, &Self::gain(ask))
    }

    /// The share of a job after what it loses, when it gains something.
    fn job_share(&self, id: JobId, gain: &Resources) -> crate::share::Share {
        let held = self
            .state
            .jobs
            .get(id)
            .map_or(Resources::NONE, |job| job.fleet.held().plus(job.fleet.pending()));
        let held = self.job_loss.get(&id).map_or(held, |loss| held.minus(loss)).plus(gain);
        crate::share::Share::dominant(&held, self.state.nodes.total(), self.shared)
    }

    /// Whether room was made for some of these, and nothing has changed outside since.
    fn is_settled(&self, unit: &Unit) -> bool {
        unit.executors.iter().any(|&id| {
            let executor = self.state.executors.get(id);
            executor.is_some_and(|executor| executor.reclaimed_at == Some(self.changes))
        })
    }

    /// Whether all pools that lose these executors keep what they are guaranteed and held before.
    fn keeps_guarantees(&self, ask: &Ask, unit: &Unit) -> bool {
        let (gain, gaining) = (Self::gain(ask), self.path(ask.pool));
        self.path(unit.pool).into_iter().all(|id| {
            let Some(pool) = self.pool(id) else { return false };
            let before = pool.held.plus(&pool.pending);
            let mut after = self.held(Branch { pool: id, own: false });
            if gaining.contains(&id) {
                add(&mut after, &gain);
            }
            let guarantee = &pool.settings.guarantee;
            unit.request.iter().all(|(kind, _)| after[kind] >= before[kind].min(guarantee[kind]))
        })
    }

    /// Whether a pool, or one above it, has a weight of 0.
    fn is_leftover(&self, pool: PoolId) -> bool {
        let path = self.path(pool);
        path.into_iter().any(|id| self.pool(id).is_some_and(|pool| pool.settings.weight == 0))
    }

    pub(super) fn take(&mut self, executors: &[ExecutorId]) {
        self.change(executors, true);
    }

    fn untake(&mut self, executors: &[ExecutorId]) {
        self.change(executors, false);
    }

    fn change(&mut self, executors: &[ExecutorId], takes: bool) {
        for &id in executors {
            let Some((executor, job)) = self.executor(id) else { continue };
            let (node, pool, job_id) = (executor.node, job.pool, executor.job);
            let request = executor.request;
            let lost = if takes { request } else { Resources::NONE.minus(&request) };
            if let Some(node) = node {
                add(self.room.entry(node).or_default(), &lost);
                add(self.freed.entry(node).or_default(), &lost);
            }
            for pool in self.path(pool) {
                add(self.pool_loss.entry(Branch { pool, own: false }).or_default(), &lost);
            }
            add(self.pool_loss.entry(Branch { pool, own: true }).or_default(), &lost);
            add(self.job_loss.entry(job_id).or_default(), &lost);
            if takes {
                self.taken.insert(id);
            } else {
                self.taken.remove(&id);
            }
        }
    }
}
