//! What pools say about nodes and namespaces, and who may use them.

use super::Engine;
use crate::event::PoolObservation;
use crate::explain::Rejection;
use crate::ids::JobId;
use crate::jobs::Job;
use crate::namespaces::Claims;
use crate::nodes::Reach;
use crate::pools::Settings;
use crate::resources::Resources;

impl Engine {
    pub(super) fn observe_pool(&mut self, pool: &PoolObservation) {
        let guarantee = self.intern(&pool.guarantee, Resources::NONE);
        let limit = self.intern(&pool.limit, Resources::UNLIMITED);
        // A guarantee above the limit could never be used, and would be kept free for ever.
        let guarantee = guarantee.minus(&guarantee.above(&limit));
        let reservations = pool.reservations.iter().map(|reservation| {
            let amount = self.intern(&reservation.resources, Resources::NONE);
            (reservation.node_selector.clone(), Resources::NONE.max_each(&amount))
        });
        let reservations = reservations.filter(|(_, amount)| !amount.is_none()).collect();
        let elastic = pool.elastic.as_ref().map(|up_to| self.intern(up_to, Resources::UNLIMITED));
        let kinds = &self.state.kinds;
        let named = pool.guarantee.iter().chain(&pool.limit);
        let uncounted = named.filter(|(name, _)| kinds.get(name).is_none());
        let settings = Settings {
            weight: pool.weight,
            guarantee,
            limit,
            uncounted: uncounted.map(|(name, _)| name.clone()).collect(),
            reclaim: pool.reclaim,
            idle_guarantee: pool.idle_guarantee,
            fairness: pool.fairness,
            selector: pool.node_selector.clone(),
            reservations,
            namespaces: pool.namespaces.clone(),
            elastic,
            deleting: pool.deleting,
        };
        let known = self.state.pools.find(&pool.name).and_then(|id| self.state.pools.get(id));
        let is_same = known.is_some_and(|known| known.declared && known.settings == settings);
        if self.state.pools.declare(&pool.name, settings) {
            self.agenda.review_pools();
        }
        if !is_same {
            self.note_pool_change();
        }
    }

    /// A pool that is gone while jobs are in it serves those that have started, without its settings:
    /// an engine that starts anew would not know them either.
    pub(super) fn forget_pool(&mut self, name: &str) {
        self.state.pools.retire(name);
        self.agenda.review_pools();
        self.note_pool_change();
    }

    fn note_pool_change(&mut self) {
        self.agenda.ask_all();
        self.agenda.review_limits();
        self.holds.review_all();
        self.reclaiming.note_change();
    }

    /// Takes in what pools say about nodes and namespaces, if that may have changed.
    pub(super) fn apply_pools(&mut self) {
        if self.agenda.take_pools() {
            self.state.nodes.apply_pools(&self.state.pools);
            let pools = self.state.pools.iter().filter(|(_, pool)| pool.declared || pool.jobs > 0);
            self.state.namespaces =
                Claims::new(pools.map(|(_, pool)| (&*pool.name, &*pool.settings.namespaces)));
            self.state.jobs.iter_mut().for_each(|job| job.choice.forget_reach());
        }
        if self.state.nodes.has_many_views() {
            let jobs = self.state.jobs.iter();
            let used = jobs.filter_map(|(_, job)| job.choice.reach()?.as_ref().ok());
            self.state.nodes.keep_views(used);
        }
    }

    /// Whether a job may be offered anything in its pool.
    pub(super) fn check_pool(&self, job: &Job) -> Result<(), Rejection> {
        let name = || job.spec.pool.clone();
        let pool = self.state.pools.get(job.pool);
        // A job that has started is served to its end, as an admitted workload is by Kueue.
        let has_started = job.progress.started_at().is_some();
        match pool {
            Some(pool) if pool.declared && !pool.settings.deleting => {}
            Some(_) if has_started => {}
            Some(pool) if pool.declared => return Err(Rejection::PoolDeleted { pool: name() }),
            _ => return Err(Rejection::NoPool { pool: name() }),
        }
        Ok(())
    }

    /// Which nodes a job's executors may use: those that suit the job and all pools above it. None if
    /// its namespace may not use its pool.
    pub(super) fn reach(&mut self, id: JobId) -> Result<Reach, Rejection> {
        let Some(job) = self.state.jobs.get(id) else { return Ok(Reach::default()) };
        if let Some(reach) = job.choice.reach() {
            return reach.clone();
        }
        let reach = self.look_up_reach(id);
        if let Some(job) = self.state.jobs.get_mut(id) {
            job.choice.set_reach(reach.clone());
        }
        reach
    }

    fn look_up_reach(&mut self, id: JobId) -> Result<Reach, Rejection> {
        let Some(job) = self.state.jobs.get(id) else { return Ok(Reach::default()) };
        if let Err(message) = self.state.namespaces.check(&job.key.namespace, &job.spec.pool) {
            return Err(Rejection::Namespace { message: message.into() });
        }
        let executor = &job.spec.executor;
        let pools = self.state.pools.requirement(job.pool);
        let both =
            pools.and_then(|pools| pools.and(&executor.node_selector, &executor.tolerations));
        match both {
            Ok(requirement) => {
                Ok(self.state.nodes.reach(&requirement, job.pool, &self.state.pools))
            }
            Err(contradiction) => Err(contradiction.into()),
        }
    }
}
