//! Nodes, pools and jobs as they come and go.

use std::collections::{BTreeMap, VecDeque};

use super::Engine;
use crate::event::{Departure, JobObservation, NodeObservation, PoolObservation};
use crate::explain::Rejection;
use crate::jobs::{
    ExecutorSpec, Job, JobFailure, JobId, JobKey, JobSpec, JobState, Milliseconds, StageRun,
};
use crate::pools::Settings;
use crate::ranges::Ranges;
use crate::resources::{Kind, Resources, TooManyKinds};

impl Engine {
    pub(super) fn observe_node(&mut self, now: Milliseconds, node: NodeObservation) {
        let name = node.name.clone();
        let known = self.state.nodes.find(&name).and_then(|id| self.state.nodes.get(id));
        if known.is_some_and(|known| known.observed == node) {
            return;
        }
        self.state.nodes.observe(&self.state.kinds, node);
        self.offers_due = true;
        self.reclaiming.changes += 1;
        if let Some(id) = self.state.nodes.find(&name) {
            self.holds.review_node(id);
            self.review_node(now, id);
        }
    }

    pub(super) fn forget_node(&mut self, now: Milliseconds, name: &str) {
        let Some(id) = self.state.nodes.find(name) else { return };
        let on_it = self.state.on_node.get(&id).into_iter().flatten();
        let keys: Vec<_> =
            on_it.filter_map(|&id| Some(self.state.executors.get(id)?.key.clone())).collect();
        for key in keys {
            self.take_departure(now, &key, &Departure::Lost(format!("node {name} is gone")));
        }
        self.give_up_holds_on(id);
        self.state.nodes.remove(name);
        self.offers_due = true;
        self.reclaiming.changes += 1;
    }

    pub(super) fn observe_pool(&mut self, pool: &PoolObservation) {
        let guarantee = self.intern(&pool.guarantee, Resources::NONE);
        let limit = self.intern(&pool.limit, Resources::UNLIMITED);
        let named = pool.guarantee.iter().chain(&pool.limit);
        let uncounted = named
            .filter(|(name, _)| self.state.kinds.get(name).is_none())
            .map(|(name, _)| name.clone())
            .collect();
        // A guarantee above the limit could never be used, and would be kept free for ever.
        let guarantee = guarantee.minus(&guarantee.above(&limit));
        let settings = Settings {
            weight: pool.weight,
            guarantee,
            limit,
            uncounted,
            reclaim: pool.reclaim,
            idle_guarantee: pool.idle_guarantee,
        };
        let known = self.state.pools.find(&pool.name).and_then(|id| self.state.pools.get(id));
        if known.is_none_or(|known| !known.declared || known.settings != settings) {
            self.reclaiming.changes += 1;
        }
        self.state.pools.declare(&pool.name, settings);
        self.offers_due = true;
    }

    pub(super) fn forget_pool(&mut self, name: &str) {
        self.state.pools.retire(name);
        self.holds.review_all();
        self.offers_due = true;
        self.reclaiming.changes += 1;
    }

    pub(super) fn observe_job(&mut self, now: Milliseconds, observed: JobObservation) {
        self.offers_due = true;
        let known = self.state.job_by_key.get(&observed.key).copied();
        let before = known.and_then(|id| self.state.jobs.get(id));
        let is_same = before
            .is_some_and(|job| (&job.uid, job.generation) == (&observed.uid, observed.generation));
        if !is_same {
            self.reclaiming.changes += 1;
        }
        if let Some(id) = known
            && let Some(job) = self.state.jobs.get_mut(id)
            && job.uid == observed.uid
        {
            let was_invalid = job.spec.stages.is_empty();
            match observed.spec {
                Ok(spec) if !was_invalid => {
                    adopt(job, &spec);
                    job.generation = observed.generation;
                    if let Some(limit) = job.spec.deadline_milliseconds {
                        let deadline = job.created_at.saturating_add(limit);
                        self.set_timer(deadline, id);
                    }
                    self.touch(id);
                    return;
                }
                Err(_) if !was_invalid => return,
                _ => {}
            }
        }
        // A new job, one that replaces another of its name, or one that makes sense at last.
        let epochs = known.map(|id| self.replace(id)).unwrap_or_default();
        self.admit(now, observed, epochs);
    }

    pub(super) fn forget_job(&mut self, key: &JobKey) {
        if let Some(id) = self.state.job_by_key.remove(key) {
            self.stop_executors(id);
            self.give_up_holds_of(id);
            self.drop_if_done(id);
            self.offers_due = true;
            self.reclaiming.changes += 1;
        }
    }

    /// Removes a job that no name leads to any more, once its last executor is gone.
    pub(super) fn drop_if_done(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get(id) else { return };
        if self.state.job_by_key.get(&job.key) == Some(&id) || !job.executors.is_empty() {
            return;
        }
        let pool = job.pool;
        self.state.jobs.remove(id);
        self.state.pools.leave(pool);
        self.wanting.remove(&id);
        self.touched.remove(&id);
        self.timers.retain(|&(_, job)| job != id);
    }

    /// Takes the name from a job and returns the epochs that its executors have used, so that no
    /// executor of the next job of this name is taken for one of this.
    fn replace(&mut self, id: JobId) -> BTreeMap<u32, u32> {
        let Some(job) = self.state.jobs.get(id) else { return BTreeMap::new() };
        let mut epochs = job.epochs.clone();
        for (&index, &executor) in &job.executors {
            if let Some(executor) = self.state.executors.get(executor) {
                epochs.insert(index, executor.key.epoch + 1);
            }
        }
        let key = job.key.clone();
        self.forget_job(&key);
        epochs
    }

    fn admit(&mut self, now: Milliseconds, observed: JobObservation, epochs: BTreeMap<u32, u32>) {
        let (spec, problem) = match observed.spec {
            Ok(spec) => (spec, None),
            Err(problem) => (senseless(), Some(problem)),
        };
        let request = self.request(&spec.executor);
        let pool = self.state.pools.enter(&spec.pool);
        let stages = spec.stages.iter().map(StageRun::new).collect();
        let sequence = self.state.next_sequence;
        self.state.next_sequence += 1;
        let mut job = Job {
            key: observed.key.clone(),
            uid: observed.uid,
            generation: observed.generation,
            created_at: observed.created_at,
            sequence,
            request,
            pool,
            state: JobState::Pending,
            failure: None,
            waiting: None,
            position: None,
            restarts: 0,
            restart_at: None,
            started_at: None,
            ended_at: None,
            stages,
            executors: BTreeMap::new(),
            indices: Ranges::new(),
            on_nodes: BTreeMap::new(),
            held: Resources::NONE,
            pending: Resources::NONE,
            below_share_since: None,
            allocations: 0,
            epochs,
            executor_failures: 0,
            gang_forming: spec.executor.gang_timeout_milliseconds.is_some(),
            gang_deadline: None,
            failures: VecDeque::new(),
            result_bytes: 0,
            status_changed: true,
            status_urgent: false,
            status_at: None,
            spec,
        };
        job.open_stages();
        if let Some(message) = problem {
            job.state = JobState::Failed;
            job.ended_at = Some(now);
            job.status_urgent = true;
            job.failure = Some(JobFailure { reason: "InvalidSpec", message });
        }
        let deadline = job.spec.deadline_milliseconds;
        let deadline = deadline.map(|limit| job.created_at.saturating_add(limit));
        let id = self.state.jobs.insert(job);
        self.state.job_by_key.insert(observed.key, id);
        if let Some(at) = deadline {
            self.set_timer(at, id);
        }
        self.touch(id);
    }

    /// What one executor needs as a vector.
    fn request(&mut self, spec: &ExecutorSpec) -> Result<Resources, Rejection> {
        let mut request = Resources::NONE;
        for (name, amount) in &spec.request {
            let too_many = |TooManyKinds { name }| Rejection::TooManyKinds { name: name.into() };
            request[self.kind(name).map_err(too_many)?] = *amount;
        }
        Ok(request)
    }

    /// Named amounts over a base; kinds that find no place keep the base's amount.
    fn intern(&mut self, amounts: &[(Box<str>, i64)], base: Resources) -> Resources {
        let mut vector = base;
        for (name, amount) in amounts {
            if let Ok(kind) = self.kind(name) {
                vector[kind] = *amount;
            }
        }
        vector
    }

    /// The kind of a resource. When it is new, what nodes have of it counts from now on.
    fn kind(&mut self, name: &str) -> Result<Kind, TooManyKinds> {
        let (kind, new) = self.state.kinds.intern(name)?;
        if new {
            self.state.nodes.recount(&self.state.kinds);
        }
        Ok(kind)
    }
}

/// Takes over the settings that may change while a job runs: not what its executors hold, not what
/// its stages are.
fn adopt(job: &mut Job, spec: &JobSpec) {
    job.spec.priority = spec.priority;
    job.spec.max_task_failures = spec.max_task_failures;
    job.spec.max_executor_failures = spec.max_executor_failures;
    job.spec.restart = spec.restart;
    job.spec.deadline_milliseconds = spec.deadline_milliseconds;
    job.spec.executor.instances = spec.executor.instances;
    job.spec.executor.placement = spec.executor.placement;
}

/// The settings of a job whose settings make no sense: it never runs.
fn senseless() -> JobSpec {
    JobSpec {
        executor: ExecutorSpec { instances: 0, ..ExecutorSpec::default() },
        ..JobSpec::default()
    }
}
