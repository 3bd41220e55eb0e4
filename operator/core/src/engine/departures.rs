//! Executors that are told to go, and those that are gone.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::progress::{Verdict, count_failure};
use crate::action::Action;
use crate::event::Departure;
use crate::executors::Executor;
use crate::ids::{ExecutorId, ExecutorKey, JobId};
use crate::jobs::{Job, JobFailure, Subject, TaskFailure};
use crate::resources::Resources;
use crate::time::Time;

/// How often one task may be lost with its executor through no fault of its own.
const MAX_TASK_LOSSES: u32 = 10;

impl Engine {
    /// Takes in that an executor is gone: its tasks go to others, and what it held is free.
    pub(super) fn take_departure(&mut self, now: Time, key: &ExecutorKey, departure: &Departure) {
        let Some((id, executor, job_id, job)) = self.state.executor_mut(key) else { return };
        let excused = executor.exit.is_stopping() || job.progress.is_final();
        let suspect = executor
            .work
            .running()
            .iter()
            .find_map(|(&(stage, _), partitions)| Some((stage, partitions.first()?)));
        let verdict = take_back(job, executor, departure);
        let reclaimed = executor.exit.draining().is_some_and(|draining| draining.hold.is_some());
        self.forget_drain(id);
        let Some((_, executor, _, job)) = self.state.executor_mut(key) else { return };
        job.fleet.unseat((key.index, key.epoch), executor.node, &executor.request);
        let (node, request, pool) = (executor.node, executor.request, job.pool);
        if let Departure::Withdrawn(cause) = departure {
            let at = job.pauses.withhold(now, cause);
            self.agenda.set_timer(at, job_id);
        } else if self.settings.write_deadline_milliseconds.is_some() {
            let revision = job.publication.next_revision();
            job.remains.add((key.index, key.epoch), revision);
        }
        let leaves_something = job.remains.contains((key.index, key.epoch));
        if job.fleet.is_empty() && (reclaimed || job.spec.suspend) && !job.progress.is_final() {
            // All of a gang gave way: it comes back as one.
            job.gang.form_again(&job.spec.executor);
        }
        if let Some(node) = node {
            let name = self.state.nodes.get(node).map(|node| node.observed().name.clone());
            if let Some(name) = name.filter(|_| !excused) {
                self.count_against_node(now, job_id, &name, key, (departure, suspect));
            }
            self.state.nodes.release(&self.state.pools, node, pool, &request);
            forget_in(&mut self.state.on_node, node, id);
            self.holds.review_node(node);
        } else {
            if job.fleet.unplaced().is_empty() {
                self.queue.found_nodes(job_id);
            }
            self.state.pools.count_unplaced(pool, &Resources::NONE.minus(&request));
            self.missing.forget_landing(key);
        }
        self.state.pools.release(pool, &request);
        self.state.executors.remove(id);
        if leaves_something {
            self.state.remains.insert(key.clone(), job_id);
        }
        forget_in(&mut self.state.of_pool, pool, id);
        match node {
            Some(node) => {
                self.agenda.note_room(node);
                self.agenda.ask(job_id);
                self.leave_node(node);
            }
            None => self.agenda.ask_all(),
        }
        self.touch(job_id);
        self.judge(now, job_id, verdict);
        if let Some(at) = self.state.jobs.get(job_id).and_then(|job| job.pauses.restart_at()) {
            // The restart may have waited for this executor to go.
            self.agenda.set_timer(at, job_id);
        }
        self.discard_settled(job_id);
        self.drop_if_done(job_id);
    }

    /// Tells all executors of a job to go.
    pub(super) fn stop_executors(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get(id) else { return };
        let executors: Vec<ExecutorId> = job.fleet.ids().collect();
        for executor in executors {
            self.stop_executor(executor);
        }
        self.touch(id);
    }

    /// Tells an executor to go, once.
    pub(super) fn stop_executor(&mut self, id: ExecutorId) {
        if let Some(executor) = self.state.executors.get_mut(id)
            && executor.exit.stop()
        {
            self.outgoing.push((Some(id), Action::Remove(executor.key.clone())));
            self.count_leaving(id);
        }
    }
}

/// Takes an executor out of an index; places without any are not listed.
fn forget_in<K: Ord>(index: &mut BTreeMap<K, BTreeSet<ExecutorId>>, place: K, id: ExecutorId) {
    if let Entry::Occupied(mut executors) = index.entry(place) {
        executors.get_mut().remove(&id);
        if executors.get().is_empty() {
            executors.remove();
        }
    }
}

/// Takes back what a gone executor had, and counts what that means for its tasks and its job.
fn take_back(job: &mut Job, executor: &mut Executor, departure: &Departure) -> Verdict {
    let mut verdict = Verdict::GoesOn;
    let excused = executor.exit.is_stopping() || job.progress.is_final();
    let mut unknown_slots =
        if executor.work.running().is_empty() { job.spec.executor.slots } else { 0 };
    for ((index, attempt), partitions) in executor.work.take_all() {
        for partition in partitions.iter() {
            let slots = job.progress.stage(index).slots();
            // Without a report on what ran, the first ones are taken to have run.
            let ran = executor.work.ran((index, attempt, partition)) || unknown_slots >= slots;
            unknown_slots = unknown_slots.saturating_sub(slots);
            let fault = match departure {
                _ if excused || !ran => None,
                Departure::Asked
                | Departure::NotStarted(_)
                | Departure::Refused(_)
                | Departure::Withdrawn(_) => None,
                Departure::Lost(message) => Some((message, false)),
                Departure::OutOfMemory(message) | Departure::Exited(message) => {
                    Some((message, true))
                }
            };
            let next = match fault {
                None => {
                    job.progress.stage_mut(index).give_back(partition);
                    Verdict::GoesOn
                }
                Some((message, fault)) => blame(job, (index, attempt, partition), message, fault),
            };
            if let (Verdict::GoesOn, Verdict::Fails(_)) = (&verdict, &next) {
                verdict = next;
            }
        }
    }
    if excused {
        return verdict;
    }
    if let Departure::OutOfMemory(message)
    | Departure::Exited(message)
    | Departure::NotStarted(message) = departure
    {
        let limit = job.executor_failure_limit();
        if job.progress.count_executor_failure() > limit {
            return Verdict::Fails(JobFailure::ExecutorsFailed { limit, last: message.clone() });
        }
    }
    verdict
}

/// Counts the end of an executor against a task that it ran; `fault` if the executor failed and was not
/// lost.
fn blame(
    job: &mut Job,
    (index, attempt, partition): (usize, u32, u32),
    message: &str,
    fault: bool,
) -> Verdict {
    let stage = &job.spec.stages[index];
    let failure = TaskFailure {
        stage: stage.name.clone(),
        task: stage.task_name(partition),
        attempt,
        reason: if fault { "ExecutorFailed" } else { "ExecutorLost" }.into(),
        message: message.into(),
        stderr: String::new(),
    };
    if fault {
        job.progress.stage_mut(index).died(partition);
        return count_failure(job, index, partition, failure, false);
    }
    let losses = job.progress.stage_mut(index).lose(partition);
    let verdict = if losses > MAX_TASK_LOSSES {
        let task = Subject::new(&job.spec.stages[index], partition);
        Verdict::Fails(JobFailure::TaskLost { task, times: losses, last: message.into() })
    } else {
        Verdict::GoesOn
    };
    job.progress.remember(failure);
    verdict
}
