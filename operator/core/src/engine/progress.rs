//! What executors report, what becomes of jobs through it, and executors that go.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::action::Action;
use crate::allocator::count_down;
use crate::event::{AttemptFailure, AttemptResult, Departure, Report, StageAttempts};
use crate::executors::{Attempts, Executor, ExecutorId, ExecutorKey};
use crate::jobs::{
    Job, JobFailure, JobId, JobState, Milliseconds, ResultValue, StageState, TaskFailure,
};

/// How often one task may be lost with its executor through no fault of its own.
const MAX_TASK_LOSSES: u32 = 10;

/// How many bytes of results a job's status holds at most; an object of the Kubernetes API should
/// stay well below 64 KiB with them.
const RESULT_BYTES_LIMIT: usize = 48 * 1024;

/// How a job goes on after something happened to one of its tasks.
enum Verdict {
    GoesOn,
    Fails(JobFailure),
}

impl Engine {
    pub(super) fn take_report(&mut self, now: Milliseconds, key: &ExecutorKey, report: Report) {
        let Some((_, executor, job_id, job)) = self.state.executor_mut(key) else { return };
        if report.number <= executor.acknowledged {
            return;
        }
        executor.acknowledged = report.number;
        executor.assignment_changed |= !report.finished.is_empty() || !report.failures.is_empty();
        executor.set_running(now, attempts(job, &report.running));
        let became_ready = report.ready && !executor.ready;
        executor.ready = report.ready;
        let mut verdict = Verdict::GoesOn;
        if !job.state.is_final() {
            let finished_slots = take_finished(job, executor, &report.finished);
            executor.prefetch_slots = (2 * finished_slots).max(executor.prefetch_slots / 2);
            verdict = take_results(job, report.results);
            for failure in report.failures {
                if let Verdict::GoesOn = verdict {
                    verdict = take_failure(job, executor, failure);
                }
            }
        }
        if became_ready {
            self.complete_gang(job_id);
        }
        self.take_released(key, report.observed_assignment);
        self.touch(job_id);
        self.judge(now, job_id, verdict);
    }

    pub(super) fn take_departure(
        &mut self,
        now: Milliseconds,
        key: &ExecutorKey,
        departure: &Departure,
    ) {
        let Some((id, executor, job_id, job)) = self.state.executor_mut(key) else { return };
        let verdict = take_back(job, executor, departure);
        let reclaimed = executor.draining.as_ref().is_some_and(|draining| draining.hold.is_some());
        self.forget_drain(id);
        let Some((_, executor, _, job)) = self.state.executor_mut(key) else { return };
        job.executors.remove(&key.index);
        job.indices.remove(key.index);
        job.held = job.held.minus(&executor.request);
        count_down(&mut job.on_nodes, executor.node);
        job.epochs.insert(key.index, key.epoch + 1);
        let (node, request, pool) = (executor.node, executor.request, job.pool);
        if job.executors.is_empty() && reclaimed && !job.state.is_final() {
            // All of a gang gave way: it comes back as one.
            job.gang_forming = job.spec.executor.gang_timeout_milliseconds.is_some();
        }
        self.state.nodes.release(node, &request);
        self.state.pools.release(pool, &request);
        self.state.executors.remove(id);
        self.state.executor_by_key.remove(key);
        forget_in(&mut self.state.on_node, node, id);
        forget_in(&mut self.state.of_pool, pool, id);
        self.holds.review_node(node);
        self.offers_due = true;
        self.touch(job_id);
        self.judge(now, job_id, verdict);
        if let Some(at) = self.state.jobs.get(job_id).and_then(|job| job.restart_at) {
            // The restart may have waited for this executor to go.
            self.set_timer(at, job_id);
        }
        self.drop_if_done(job_id);
    }

    pub(super) fn deliver_again(&mut self, key: &ExecutorKey) {
        if let Some((_, executor, job_id, _)) = self.state.executor_mut(key) {
            executor.assignment_changed = true;
            if executor.stopping {
                self.outgoing.push(Action::Remove(key.clone()));
            }
            self.touched.insert(job_id);
        }
    }

    /// Tells all executors of a job to go.
    pub(super) fn stop_executors(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get(id) else { return };
        let executors: Vec<ExecutorId> = job.executors.values().copied().collect();
        for executor in executors {
            self.stop_executor(executor);
        }
        self.touch(id);
    }

    pub(super) fn stop_executor(&mut self, id: ExecutorId) {
        if let Some(executor) = self.state.executors.get_mut(id)
            && !executor.stopping
        {
            executor.stopping = true;
            self.outgoing.push(Action::Remove(executor.key.clone()));
            self.count_leaving(id);
        }
    }

    pub(super) fn exceed_deadline(&mut self, now: Milliseconds, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let seconds = job.spec.deadline_milliseconds.unwrap_or(0) / 1000;
        let message = format!("the job did not end within its deadline of {seconds} seconds");
        let failure = JobFailure { reason: "DeadlineExceeded", message };
        self.end(now, id, JobState::Failed, Some(failure));
    }

    /// Ends the job, or gives it another try, as its tasks and its settings have it.
    fn judge(&mut self, now: Milliseconds, id: JobId, verdict: Verdict) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        if job.state.is_final() {
            return;
        }
        match verdict {
            Verdict::Fails(failure) => match job.spec.restart {
                Some(restart) if job.restarts < restart.retries => {
                    job.restarts += 1;
                    job.executor_failures = 0;
                    job.gang_forming = job.spec.executor.gang_timeout_milliseconds.is_some();
                    job.gang_deadline = None;
                    job.state = JobState::Restarting;
                    job.failure = Some(failure);
                    job.stages.iter_mut().for_each(crate::jobs::StageRun::restart);
                    let at = now.saturating_add(restart.interval_milliseconds);
                    job.restart_at = Some(at);
                    self.set_timer(at, id);
                    self.stop_executors(id);
                }
                _ => self.end(now, id, JobState::Failed, Some(failure)),
            },
            Verdict::GoesOn => {
                job.open_stages();
                if job.stages.iter().all(|stage| stage.state == StageState::Finished) {
                    self.end(now, id, JobState::Succeeded, None);
                }
            }
        }
    }

    fn end(&mut self, now: Milliseconds, id: JobId, state: JobState, failure: Option<JobFailure>) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        job.state = state;
        job.failure = failure;
        job.ended_at = Some(now);
        job.status_urgent = true;
        (job.restart_at, job.gang_deadline) = (None, None);
        self.stop_executors(id);
    }

    /// Lets the tasks of a gang start once all its executors are ready.
    fn complete_gang(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let executors = &self.state.executors;
        let ready = job
            .executors
            .values()
            .filter(|&&id| executors.get(id).is_some_and(|executor| executor.ready))
            .count();
        if job.gang_forming && ready >= job.spec.executor.instances as usize {
            job.gang_forming = false;
            job.gang_deadline = None;
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

/// Reported attempts by stage index; stages that the job does not have are left out.
fn attempts(job: &Job, reported: &[StageAttempts]) -> Attempts {
    reported
        .iter()
        .filter_map(|attempts| {
            let stage = job.stage_index(&attempts.stage)?;
            Some(((stage, attempts.attempt), attempts.partitions.clone()))
        })
        .collect()
}

/// Takes in attempts that succeeded; returns the slots that they took. Attempts that the executor
/// does not have (any more) were taken in before.
fn take_finished(job: &mut Job, executor: &mut Executor, finished: &[StageAttempts]) -> u32 {
    let mut slots = 0;
    for attempts in finished {
        let Some(index) = job.stage_index(&attempts.stage) else { continue };
        let stage = &mut job.stages[index];
        for partition in attempts.partitions.iter() {
            if executor.unassign(index, attempts.attempt, partition, stage.slots) {
                job.status_urgent |= stage.finish(partition);
                slots += stage.slots;
            }
        }
    }
    slots
}

/// Keeps results in the status as long as they fit there; beyond that only where they are stored.
fn take_results(job: &mut Job, results: Vec<AttemptResult>) -> Verdict {
    let mut too_large = false;
    for AttemptResult { stage, partition, value, uri } in results {
        let Some(index) = job.stage_index(&stage) else { continue };
        let stage = &mut job.stages[index];
        if !stage.finished.contains(partition) || stage.results.contains_key(&partition) {
            continue;
        }
        let room = RESULT_BYTES_LIMIT.saturating_sub(job.result_bytes);
        let kept = match (value, uri) {
            (Some(text), _) if text.len() <= room => {
                job.result_bytes += text.len();
                ResultValue::Inline(text)
            }
            (_, Some(uri)) => ResultValue::Uri(uri),
            (text, None) => {
                too_large |= text.is_some();
                continue;
            }
        };
        stage.results.insert(partition, kept);
    }
    if !too_large {
        return Verdict::GoesOn;
    }
    let message = format!(
        "the results of all tasks are larger than {} KiB together; write output instead, or set \
         workURI so that they can be stored there",
        RESULT_BYTES_LIMIT / 1024
    );
    Verdict::Fails(JobFailure { reason: "ResultsTooLarge", message })
}

fn take_failure(job: &mut Job, executor: &mut Executor, failed: AttemptFailure) -> Verdict {
    let Some(index) = job.stage_index(&failed.stage) else { return Verdict::GoesOn };
    let slots = job.stages[index].slots;
    if !executor.unassign(index, failed.attempt, failed.partition, slots) {
        return Verdict::GoesOn;
    }
    if executor.stopping {
        // It was told to go: what fails on the way out says nothing about the task.
        job.stages[index].give_back(failed.partition);
        return Verdict::GoesOn;
    }
    let failure = TaskFailure {
        task: job.spec.stages[index].task_name(failed.partition),
        stage: failed.stage,
        attempt: failed.attempt,
        reason: failed.reason,
        message: failed.message,
        stderr: failed.stderr,
    };
    count_failure(job, index, failed.partition, failure, failed.is_final)
}

/// Counts a failure against a task that is not assigned any more.
fn count_failure(
    job: &mut Job,
    index: usize,
    partition: u32,
    failure: TaskFailure,
    is_final: bool,
) -> Verdict {
    let failures = job.stages[index].fail(partition);
    let (stage, task, last) = (&failure.stage, &failure.task, &failure.message);
    let verdict = if is_final {
        let message = format!("task {task} of stage {stage} cannot succeed: {last}");
        Verdict::Fails(JobFailure { reason: "TaskFailed", message })
    } else if failures >= job.spec.max_task_failures {
        let times = if failures == 1 { "once".to_owned() } else { format!("{failures} times") };
        let message = format!("task {task} of stage {stage} failed {times}, the last time: {last}");
        Verdict::Fails(JobFailure { reason: "TaskFailed", message })
    } else {
        Verdict::GoesOn
    };
    if let Verdict::Fails(_) = verdict {
        job.stages[index].state = StageState::Failed;
    }
    job.remember(failure);
    verdict
}

/// Takes back what a gone executor had, and counts what that means for its tasks and its job.
fn take_back(job: &mut Job, executor: &mut Executor, departure: &Departure) -> Verdict {
    let mut verdict = Verdict::GoesOn;
    let excused = executor.stopping || job.state.is_final();
    let mut unknown_slots = if executor.running.is_empty() { job.spec.executor.slots } else { 0 };
    for ((index, attempt), partitions) in std::mem::take(&mut executor.assigned) {
        for partition in partitions.iter() {
            let slots = job.stages[index].slots;
            // Without a report on what ran, the first ones are taken to have run.
            let ran = executor.ran(index, attempt, partition) || unknown_slots >= slots;
            unknown_slots = unknown_slots.saturating_sub(slots);
            let fault = match departure {
                _ if excused || !ran => None,
                Departure::Asked | Departure::NotStarted(_) => None,
                Departure::Lost(_) => Some(false),
                Departure::OutOfMemory(_) | Departure::Exited(_) => Some(true),
            };
            let next = match fault {
                None => {
                    job.stages[index].give_back(partition);
                    if ran {
                        // Its number is used up, although nothing is counted against it.
                        job.stages[index].skip_attempt(partition);
                    }
                    Verdict::GoesOn
                }
                Some(fault) => blame(job, (index, attempt, partition), departure, fault),
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
        job.executor_failures += 1;
        let limit = job.executor_failure_limit();
        if job.executor_failures > limit {
            let message = format!("more than {limit} executors failed, the last one: {message}");
            return Verdict::Fails(JobFailure { reason: "ExecutorsFailed", message });
        }
    }
    verdict
}

/// Counts the end of an executor against a task that it ran.
fn blame(
    job: &mut Job,
    (index, attempt, partition): (usize, u32, u32),
    departure: &Departure,
    fault: bool,
) -> Verdict {
    let (Departure::Lost(message)
    | Departure::OutOfMemory(message)
    | Departure::Exited(message)
    | Departure::NotStarted(message)) = departure
    else {
        return Verdict::GoesOn;
    };
    let stage = &job.spec.stages[index];
    let failure = TaskFailure {
        stage: stage.name.clone(),
        task: stage.task_name(partition),
        attempt,
        reason: if fault { "ExecutorFailed" } else { "ExecutorLost" }.into(),
        message: message.clone(),
        stderr: String::new(),
    };
    if fault {
        job.stages[index].died(partition);
        return count_failure(job, index, partition, failure, false);
    }
    let losses = job.stages[index].lose(partition);
    let verdict = if losses > MAX_TASK_LOSSES {
        let message = format!(
            "task {} of stage {} was lost {losses} times, the last time: {message}",
            failure.task, failure.stage
        );
        Verdict::Fails(JobFailure { reason: "TaskLost", message })
    } else {
        Verdict::GoesOn
    };
    job.remember(failure);
    verdict
}
