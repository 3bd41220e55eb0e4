//! Nodes, pools and jobs as they come and go.

use std::collections::BTreeMap;

use super::Engine;
use super::restore::restore_job;
use crate::event::{Departure, JobObservation, NodeObservation};
use crate::explain::Rejection;
use crate::ids::{ExecutorKey, JobId, JobKey, NodeId};
use crate::jobs::{
    ExecutorSpec, Fleet, Gang, Job, JobFailure, JobSpec, NodeChoice, Pauses, Progress, Publication,
    Remains, Waiting,
};
use crate::nodes::PODS;
use crate::resources::{Kind, Resources, TooManyKinds};
use crate::share::shared_kinds;
use crate::time::Time;

impl Engine {
    pub(super) fn observe_node(&mut self, now: Time, mut node: NodeObservation) {
        let name = node.name.clone();
        let known = self.state.nodes.find(&name).and_then(|id| self.state.nodes.get(id));
        node.labels.sort_unstable();
        let was_missing = self.missing.remove(&name);
        if known.is_some_and(|known| *known.observed() == node) && !was_missing {
            return;
        }
        let other_labels = known.is_some_and(|known| known.observed().labels != node.labels);
        let only_amounts =
            known.is_some_and(|known| known.observed().differs_only_in_amounts(&node));
        let had = known.map(|known| *known.usable()).unwrap_or_default();
        if node.allocatable.iter().any(|(name, _)| &**name == PODS) {
            // Without a place for them they are not counted.
            let _ = self.kind(PODS);
        }
        let id = self.state.nodes.observe(&self.state.kinds, &self.state.pools, node);
        if other_labels {
            self.state.frameworks.forget_filters(id);
            self.check_offers_on(now, id, true);
        }
        for key in self.missing.take_landed(&name) {
            self.place_executor(now, &key, &name);
        }
        if only_amounts {
            self.agenda.note_room(id);
            let has = self.state.nodes.get(id).map(|node| *node.usable()).unwrap_or_default();
            for job in self.queue.too_large(&had, &has) {
                self.agenda.ask(job);
            }
        } else {
            self.agenda.ask_all();
        }
        self.reclaiming.note_change();
        self.holds.review_node(id);
        self.review_node(now, id);
    }

    pub(super) fn forget_node(&mut self, now: Time, name: &str) {
        let Some(id) = self.state.nodes.find(name) else { return };
        let on_it = self.state.on_node.get(&id).into_iter().flatten();
        // What may not have been made yet may still be made, and run when the node comes back.
        let waits = self.settings.write_deadline_milliseconds.is_some();
        let on_it: Vec<_> = on_it
            .filter_map(|&id| Some((id, self.state.executors.get(id)?)))
            .map(|(id, executor)| {
                (id, executor.key.clone(), waits && !executor.delivery.is_confirmed())
            })
            .collect();
        for (id, key, may_come) in on_it {
            if may_come {
                self.stop_executor(id);
                continue;
            }
            self.take_departure(now, &key, &Departure::Lost(format!("node {name} is gone")));
        }
        self.give_up_holds_on(id);
        self.clear_node(now, id);
        self.note_missing(name);
        self.leave_node(id);
        self.agenda.ask_all();
        self.reclaiming.note_change();
    }

    /// Keeps a place for what may be on a node that is not there.
    pub(super) fn note_missing(&mut self, name: &str) -> NodeId {
        let missing =
            NodeObservation { name: name.into(), offered: false, ..NodeObservation::default() };
        self.missing.note(name);
        self.state.nodes.observe(&self.state.kinds, &self.state.pools, missing)
    }

    /// Forgets a node that is gone once nothing is charged to it any more.
    pub(super) fn leave_node(&mut self, id: NodeId) {
        if let Some(node) = self.state.nodes.get(id)
            && node.held().is_none()
            && self.missing.contains(&node.observed().name)
            && !self.state.on_node.contains_key(&id)
        {
            let name = node.observed().name.clone();
            self.missing.remove(&name);
            self.state.frameworks.forget_node(id);
            self.state.nodes.remove(&name);
        }
    }

    pub(super) fn observe_job(&mut self, now: Time, observed: JobObservation) {
        let known = self.state.job_by_key.get(&observed.key).copied();
        let before = known.and_then(|id| self.state.jobs.get(id));
        let is_same = before
            .is_some_and(|job| (&job.uid, job.generation) == (&observed.uid, observed.generation));
        if !is_same {
            self.reclaiming.note_change();
        }
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
                    // An object changes with its status too, which is nothing new.
                    let is_news = adopt(job, &spec) || job.generation != observed.generation;
                    job.generation = observed.generation;
                    if !is_news {
                        return;
                    }
                    self.reclaiming.note_change();
                    if let Some(limit) = job.spec.deadline_milliseconds {
                        let deadline = job.created_at + limit;
                        self.agenda.set_timer(deadline, id);
                    }
                    self.complete_gang(id);
                    self.agenda.ask(id);
                    self.touch(id);
                    return;
                }
                Err(_) if !was_invalid => return,
                _ => {}
            }
        }
        self.reclaiming.note_change();
        // A new job, one that replaces another of its name, or one that makes sense at last.
        let mut epochs = known.map(|id| self.replace(id)).unwrap_or_default();
        self.avoid_epochs_in_use(&observed.key, &mut epochs);
        self.admit(now, observed, epochs);
    }

    pub(super) fn forget_job(&mut self, key: &JobKey) {
        if let Some(id) = self.state.job_by_key.remove(key) {
            if let Some(job) = self.state.jobs.get_mut(id) {
                job.progress.delete();
            }
            self.state.former_jobs.entry(key.clone()).or_default().push(id);
            self.stop_executors(id);
            self.discard_settled(id);
            self.give_up_holds_of(id);
            self.drop_if_done(id);
            self.agenda.count_places();
            self.reclaiming.look_again();
            self.reclaiming.note_change();
        }
    }

    /// Removes a job that no name leads to any more, once its last executor is gone.
    pub(super) fn drop_if_done(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get(id) else { return };
        if self.state.job_by_key.get(&job.key) == Some(&id)
            || !job.fleet.is_empty()
            || !job.remains.is_empty()
        {
            return;
        }
        let (pool, key) = (job.pool, job.key.clone());
        if let Some(former) = self.state.former_jobs.get_mut(&key) {
            former.retain(|&other| other != id);
            if former.is_empty() {
                self.state.former_jobs.remove(&key);
            }
        }
        self.stop_wanting(id);
        self.state.jobs.remove(id);
        self.state.pools.leave(pool);
        self.agenda.forget(id);
    }

    /// Takes the name from a job and returns the epochs that its executors have used, so that no
    /// executor of the next job of this name is taken for one of this.
    fn replace(&mut self, id: JobId) -> BTreeMap<u32, u32> {
        let Some(job) = self.state.jobs.get(id) else { return BTreeMap::new() };
        let mut epochs = job.fleet.epochs().clone();
        for (index, executor) in job.fleet.iter() {
            if let Some(executor) = self.state.executors.get(executor) {
                epochs.insert(index, executor.key.epoch.saturating_add(1));
            }
        }
        let key = job.key.clone();
        self.forget_job(&key);
        epochs
    }

    /// Passes over the epochs of executors that are still on their way out, or have left something.
    fn avoid_epochs_in_use(&self, key: &JobKey, epochs: &mut BTreeMap<u32, u32>) {
        let former = self.state.former_jobs.get(key).into_iter().flatten();
        let jobs = former.filter_map(|&id| self.state.jobs.get(id));
        let there = jobs.flat_map(|job| job.fleet.ids());
        let there = there.filter_map(|id| Some(&self.state.executors.get(id)?.key));
        let first = ExecutorKey { job: key.clone(), index: 0, epoch: 0 };
        let last = ExecutorKey { job: key.clone(), index: u32::MAX, epoch: u32::MAX };
        let left = self.state.remains.range(&first..=&last).map(|(key, _)| key);
        for key in there.chain(left) {
            let next = epochs.entry(key.index).or_default();
            *next = (*next).max(key.epoch.saturating_add(1));
        }
    }

    fn admit(&mut self, now: Time, observed: JobObservation, epochs: BTreeMap<u32, u32>) {
        let key = observed.key.clone();
        let is_news = observed.status.is_none();
        let job = self.build_job(now, observed, epochs);
        let deadline = job.spec.deadline_milliseconds;
        let deadline = deadline.map(|limit| job.created_at + limit);
        let restart_at = job.pauses.restart_at();
        let id = self.state.jobs.insert(job);
        self.state.job_by_key.insert(key, id);
        for at in deadline.into_iter().chain(restart_at) {
            self.agenda.set_timer(at, id);
        }
        self.agenda.touch(id);
        if is_news {
            self.touch(id);
        }
    }

    /// A job as it is first seen, with nothing but its place in its pool.
    pub(super) fn build_job(
        &mut self,
        now: Time,
        observed: JobObservation,
        epochs: BTreeMap<u32, u32>,
    ) -> Job {
        let (spec, problem) = match observed.spec {
            Ok(spec) => (spec, None),
            Err(problem) => (senseless(), Some(problem)),
        };
        let request = self.request(&spec.executor.request);
        let pool = self.state.pools.enter(&spec.pool);
        spec.executor.preferred.labels.iter().for_each(|label| {
            self.state.nodes.watch_label(label);
        });
        let sequence = self.state.next_sequence;
        self.state.next_sequence += 1;
        // Where nothing has to be waited for, everything is stored.
        let is_stored_at_once = self.settings.write_deadline_milliseconds.is_none();
        let mut job = Job {
            key: observed.key,
            uid: observed.uid,
            generation: observed.generation,
            created_at: observed.created_at,
            sequence,
            request,
            pool,
            choice: NodeChoice::default(),
            progress: Progress::new(&spec.stages),
            waiting: Waiting::default(),
            pauses: Pauses::default(),
            fleet: Fleet::new(epochs),
            gang: Gang::new(&spec.executor),
            publication: Publication::new(is_stored_at_once),
            remains: Remains::default(),
            spec,
        };
        if let (Some(status), None) = (&observed.status, &problem) {
            restore_job(now, &mut job, status);
        }
        job.open_stages();
        if let Some(problem) = problem {
            job.publication.mark_changed();
            job.publication.mark_urgent();
            job.progress.end(now, Some(JobFailure::InvalidSpec { problem }));
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
            self.shared = shared_kinds(&self.state.kinds, &self.settings.shared_resources);
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
    job.spec.executor.node_selector.clone_from(&spec.executor.node_selector);
    job.spec.executor.tolerations.clone_from(&spec.executor.tolerations);
    job.spec.executor.elastic = spec.executor.elastic;
    job.spec.executor.fixed = spec.executor.fixed;
    job.spec.executor.exclude_on_failure = spec.executor.exclude_on_failure;
    job.spec.speculation = spec.speculation;
    job.spec.suspend = spec.suspend;
    if job.spec.executor.preferred != spec.executor.preferred {
        job.spec.executor.preferred = spec.executor.preferred.clone();
        job.choice.forget_preferred();
    }
    let is_news = job.spec != before;
    if is_news {
        job.choice.forget_reach();
    }
    is_news
}

/// The settings of a job whose settings make no sense: it never runs.
pub(super) fn senseless() -> JobSpec {
    JobSpec {
        executor: ExecutorSpec { instances: 0, ..ExecutorSpec::default() },
        ..JobSpec::default()
    }
}
