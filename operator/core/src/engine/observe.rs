//! Nodes, pools and jobs as they come and go.

use std::collections::{BTreeMap, VecDeque};

use super::Engine;
use super::restore::restore_job;
use crate::event::{Departure, JobObservation, NodeObservation, PoolObservation};
use crate::executors::ExecutorKey;
use crate::explain::Rejection;
use crate::jobs::{
    ExecutorSpec, Job, JobFailure, JobId, JobKey, JobSpec, JobState, Milliseconds, StageRun,
};
use crate::nodes::NodeId;
use crate::pools::Settings;
use crate::ranges::Ranges;
use crate::resources::{Kind, Resources, TooManyKinds};

impl Engine {
    pub(super) fn observe_node(&mut self, node: NodeObservation) {
        self.missing_nodes.remove(&node.name);
        self.state.nodes.observe(&self.state.kinds, node);
        self.offers_due = true;
    }

    pub(super) fn forget_node(&mut self, now: Milliseconds, name: &str) {
        let Some(id) = self.state.nodes.find(name) else { return };
        let on_it = self.state.executors.iter().filter(|(_, executor)| executor.node == id);
        // What may not have been made yet may still be made, and run when the node comes back.
        let waits = self.settings.write_deadline_milliseconds.is_some();
        let on_it: Vec<_> = on_it
            .map(|(id, executor)| (id, executor.key.clone(), waits && !executor.confirmed))
            .collect();
        for (id, key, may_come) in on_it {
            if may_come {
                self.stop_executor(id);
                continue;
            }
            self.take_departure(now, &key, &Departure::Lost(format!("node {name} is gone")));
        }
        let (missing, offered) = (name.into(), false);
        let missing = NodeObservation { name: missing, offered, ..NodeObservation::default() };
        self.state.nodes.observe(&self.state.kinds, missing);
        self.missing_nodes.insert(name.into());
        self.leave_node(id);
        self.offers_due = true;
    }

    /// Forgets a node that is gone once nothing is charged to it any more.
    pub(super) fn leave_node(&mut self, id: NodeId) {
        if let Some(node) = self.state.nodes.get(id)
            && node.held.is_none()
            && self.missing_nodes.contains(&node.observed.name)
            && !self.state.executors.iter().any(|(_, executor)| executor.node == id)
        {
            let name = node.observed.name.clone();
            self.missing_nodes.remove(&name);
            self.state.nodes.remove(&name);
        }
    }

    pub(super) fn observe_pool(&mut self, pool: &PoolObservation) {
        let guarantee = self.intern(&pool.guarantee, Resources::NONE);
        let limit = self.intern(&pool.limit, Resources::UNLIMITED);
        // A guarantee above the limit could never be used, and would be kept free for ever.
        let guarantee = guarantee.minus(&guarantee.above(&limit));
        self.state.pools.declare(&pool.name, Settings { weight: pool.weight, guarantee, limit });
        self.offers_due = true;
    }

    pub(super) fn forget_pool(&mut self, name: &str) {
        self.state.pools.retire(name);
        self.offers_due = true;
    }

    pub(super) fn observe_job(&mut self, now: Milliseconds, observed: JobObservation) {
        let known = self.state.job_by_key.get(&observed.key).copied();
        if let Some(id) = known
            && let Some(job) = self.state.jobs.get_mut(id)
            && job.uid == observed.uid
        {
            let was_invalid = job.spec.stages.is_empty();
            match observed.spec {
                Ok(spec) if !was_invalid => {
                    // An object changes with its status too, which is nothing new.
                    let is_news = adopt(job, &spec) || job.generation != observed.generation;
                    job.generation = observed.generation;
                    if !is_news {
                        return;
                    }
                    self.offers_due = true;
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
        self.offers_due = true;
        // A new job, one that replaces another of its name, or one that makes sense at last.
        let mut epochs = known.map(|id| self.replace(id)).unwrap_or_default();
        self.avoid_epochs_in_use(&observed.key, &mut epochs);
        self.admit(now, observed, epochs);
    }

    pub(super) fn forget_job(&mut self, key: &JobKey) {
        if let Some(id) = self.state.job_by_key.remove(key) {
            if let Some(job) = self.state.jobs.get_mut(id) {
                job.is_deleted = true;
            }
            self.stop_executors(id);
            self.discard_settled(id);
            self.drop_if_done(id);
            self.offers_due = true;
        }
    }

    /// Removes a job that no name leads to any more, once its last executor is gone.
    pub(super) fn drop_if_done(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get(id) else { return };
        if self.state.job_by_key.get(&job.key) == Some(&id)
            || !job.executors.is_empty()
            || !job.remains.is_empty()
        {
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

    /// Passes over the epochs of executors that are still on their way out, or have left something.
    fn avoid_epochs_in_use(&self, key: &JobKey, epochs: &mut BTreeMap<u32, u32>) {
        let first = ExecutorKey { job: key.clone(), index: 0, epoch: 0 };
        let last = ExecutorKey { job: key.clone(), index: u32::MAX, epoch: u32::MAX };
        let there = self.state.executor_by_key.range(&first..=&last).map(|(key, _)| key);
        let left = self.state.remains.range(&first..=&last).map(|(key, _)| key);
        for key in there.chain(left) {
            let next = epochs.entry(key.index).or_default();
            *next = (*next).max(key.epoch + 1);
        }
    }

    fn admit(&mut self, now: Milliseconds, observed: JobObservation, epochs: BTreeMap<u32, u32>) {
        let key = observed.key.clone();
        let is_news = observed.status.is_none();
        let job = self.build_job(now, observed, epochs);
        let deadline = job.spec.deadline_milliseconds;
        let deadline = deadline.map(|limit| job.created_at.saturating_add(limit));
        let restart_at = job.restart_at;
        let id = self.state.jobs.insert(job);
        self.state.job_by_key.insert(key, id);
        for at in deadline.into_iter().chain(restart_at) {
            self.set_timer(at, id);
        }
        self.touched.insert(id);
        if is_news {
            self.touch(id);
        }
    }

    /// A job as it is first seen, with nothing but its place in its pool.
    pub(super) fn build_job(
        &mut self,
        now: Milliseconds,
        observed: JobObservation,
        epochs: BTreeMap<u32, u32>,
    ) -> Job {
        let (spec, problem) = match observed.spec {
            Ok(spec) => (spec, None),
            Err(problem) => (senseless(), Some(problem)),
        };
        let request = self.request(&spec.executor.request);
        let pool = self.state.pools.enter(&spec.pool);
        let stages = spec.stages.iter().map(StageRun::new).collect();
        let sequence = self.state.next_sequence;
        self.state.next_sequence += 1;
        // Where nothing has to be waited for, everything is stored.
        let lasts = self.settings.write_deadline_milliseconds.is_none();
        let durable_revision = if lasts { u64::MAX } else { 0 };
        let mut job = Job {
            key: observed.key,
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
            allocations: 0,
            epochs,
            executor_failures: 0,
            gang_forming: spec.executor.gang_timeout_milliseconds.is_some(),
            gang_deadline: None,
            failures: VecDeque::new(),
            result_bytes: 0,
            is_deleted: false,
            revision: 0,
            durable_revision,
            status_told_at: None,
            remains: BTreeMap::new(),
            withdrawals: 0,
            withheld_until: None,
            withheld_because: "".into(),
            status_changed: problem.is_some(),
            status_urgent: false,
            status_at: None,
            spec,
        };
        if let (Some(status), None) = (&observed.status, &problem) {
            restore_job(now, &mut job, status);
        }
        job.open_stages();
        if let Some(message) = problem {
            job.state = JobState::Failed;
            job.ended_at = Some(now);
            job.status_urgent = true;
            job.failure = Some(JobFailure { reason: "InvalidSpec", message });
        }
        job
    }

    /// What one executor needs as a vector.
    pub(super) fn request(&mut self, amounts: &[(Box<str>, i64)]) -> Result<Resources, Rejection> {
        let mut request = Resources::NONE;
        for (name, amount) in amounts {
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
/// Says whether any of them is another one now.
fn adopt(job: &mut Job, spec: &JobSpec) -> bool {
    let before = job.spec.clone();
    job.spec.priority = spec.priority;
    job.spec.max_task_failures = spec.max_task_failures;
    job.spec.max_executor_failures = spec.max_executor_failures;
    job.spec.restart = spec.restart;
    job.spec.deadline_milliseconds = spec.deadline_milliseconds;
    job.spec.executor.instances = spec.executor.instances;
    job.spec.executor.placement = spec.executor.placement;
    job.spec != before
}

/// The settings of a job whose settings make no sense: it never runs.
pub(super) fn senseless() -> JobSpec {
    JobSpec {
        executor: ExecutorSpec { instances: 0, ..ExecutorSpec::default() },
        ..JobSpec::default()
    }
}
