//! Nodes, pools and jobs as they come and go.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Engine;
use crate::event::{Departure, JobObservation, NodeObservation};
use crate::explain::Rejection;
use crate::jobs::{
    Declines, ExecutorSpec, Job, JobFailure, JobId, JobKey, JobSpec, JobState, Line, Locality,
    Milliseconds, StageRun,
};
use crate::nodes::PODS;
use crate::ranges::Ranges;
use crate::resources::{Kind, Resources, TooManyKinds};

impl Engine {
    pub(super) fn observe_node(&mut self, now: Milliseconds, mut node: NodeObservation) {
        let name = node.name.clone();
        let known = self.state.nodes.find(&name).and_then(|id| self.state.nodes.get(id));
        node.labels.sort_unstable();
        if known.is_some_and(|known| known.observed == node) {
            return;
        }
        let other_labels = known.is_some_and(|known| known.observed.labels != node.labels);
        if node.allocatable.iter().any(|(name, _)| &**name == PODS) {
            // Without a place for them they are not counted.
            let _ = self.kind(PODS);
        }
        let id = self.state.nodes.observe(&self.state.kinds, &self.state.pools, node);
        if other_labels {
            self.state.frameworks.forget_filters(id);
            self.check_offers_on(now, id, true);
        }
        for key in self.landings.remove(&name).unwrap_or_default() {
            self.place_executor(now, &key, &name);
        }
        self.offers_due = true;
        self.reclaiming.changes += 1;
        self.holds.review_node(id);
        self.review_node(now, id);
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
        self.clear_node(now, id);
        self.state.nodes.remove(name);
        self.offers_due = true;
        self.reclaiming.changes += 1;
    }

    pub(super) fn observe_job(&mut self, now: Milliseconds, observed: JobObservation) {
        self.offers_due = true;
        self.reclaiming.changes += 1;
        let known = self.state.job_by_key.get(&observed.key).copied();
        if let Some(id) = known
            && let Some(job) = self.state.jobs.get_mut(id)
            && job.uid == observed.uid
        {
            let was_invalid = job.spec.stages.is_empty();
            match observed.spec {
                Ok(spec) if !was_invalid => {
                    spec.executor.preferred.labels.iter().for_each(|label| {
                        self.state.nodes.watch_label(label);
                    });
                    adopt(job, &spec);
                    job.generation = observed.generation;
                    if let Some(limit) = job.spec.deadline_milliseconds {
                        let deadline = job.created_at.saturating_add(limit);
                        self.set_timer(deadline, id);
                    }
                    self.complete_gang(id);
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
            self.state.former_jobs.entry(key.clone()).or_default().push(id);
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
        let (pool, key) = (job.pool, job.key.clone());
        if let Some(former) = self.state.former_jobs.get_mut(&key) {
            former.retain(|&other| other != id);
            if former.is_empty() {
                self.state.former_jobs.remove(&key);
            }
        }
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
        spec.executor.preferred.labels.iter().for_each(|label| {
            self.state.nodes.watch_label(label);
        });
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
            reach: None,
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
            unplaced: BTreeSet::new(),
            room_since: None,
            on_nodes: BTreeMap::new(),
            held: Resources::NONE,
            pending: Resources::NONE,
            below_share_since: None,
            line: Line::default(),
            allocations: 0,
            epochs,
            executor_failures: 0,
            gang_forming: spec.executor.gang_timeout_milliseconds.is_some(),
            gang_deadline: None,
            declines: Declines::default(),
            locality: Locality::default(),
            retry_at: None,
            next_speculation: None,
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
        if let Some(pods) = self.state.kinds.get(PODS) {
            request[pods] = 1;
        }
        Ok(request)
    }

    /// Named amounts over a base; kinds that find no place keep the base's amount.
    pub(super) fn intern(&mut self, amounts: &[(Box<str>, i64)], base: Resources) -> Resources {
        let mut vector = base;
        for (name, amount) in amounts {
            if let Ok(kind) = self.kind(name) {
                vector[kind] = *amount;
            }
        }
        vector
    }

    /// The kind of a resource. When it is new, what nodes have of it counts from now on.
    pub(super) fn kind(&mut self, name: &str) -> Result<Kind, TooManyKinds> {
        let (kind, new) = self.state.kinds.intern(name)?;
        if new {
            self.state.nodes.recount(&self.state.kinds);
        }
        if new && name == PODS {
            // Executors to come take one each; those that are there were given none.
            for job in self.state.jobs.iter_mut() {
                if let Ok(request) = &mut job.request {
                    request[kind] = 1;
                }
            }
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
    job.spec.executor.node_selector.clone_from(&spec.executor.node_selector);
    job.spec.executor.tolerations.clone_from(&spec.executor.tolerations);
    job.reach = None;
    job.spec.executor.elastic = spec.executor.elastic;
    job.spec.executor.exclude_on_failure = spec.executor.exclude_on_failure;
    job.spec.speculation = spec.speculation;
    if job.spec.executor.preferred != spec.executor.preferred {
        job.spec.executor.preferred = spec.executor.preferred.clone();
        job.locality = Locality::default();
    }
}

/// The settings of a job whose settings make no sense: it never runs.
fn senseless() -> JobSpec {
    JobSpec {
        executor: ExecutorSpec { instances: 0, ..ExecutorSpec::default() },
        ..JobSpec::default()
    }
}
