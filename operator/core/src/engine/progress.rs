//! What executors report, what becomes of jobs through it, and executors that go.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::action::Action;
use crate::allocator::count_down;
use crate::event::{AttemptFailure, AttemptResult, Departure, Report, StageAttempts};
use crate::executors::{Attempts, Executor, Since, Unsettled};
use crate::ids::{ExecutorId, ExecutorKey, JobId};
use crate::jobs::{
    Culprit, Declines, Job, JobState, Live, Remains, ResultValue, StageState, TaskFailure,
};
use crate::reasons::JobFailure;
use crate::resources::Resources;
use crate::time::{Span, Time};

/// How often one task may be lost with its executor through no fault of its own.
const MAX_TASK_LOSSES: u32 = 10;

/// How many bytes of results a job's status holds at most; an object of the Kubernetes API should
/// stay well below 64 KiB with them.
const RESULT_BYTES_LIMIT: usize = 48 * 1024;

/// How long a job waits after an executor could not be made, doubled for each one in a row.
const LAUNCH_PAUSE: Span = Span::from_milliseconds(500);

/// How often that is doubled at most: half a minute.
const LAUNCH_PAUSE_DOUBLINGS: u32 = 6;

/// How a job goes on after something happened to one of its tasks.
enum Verdict {
    GoesOn,
    Fails(JobFailure),
}

impl Engine {
    pub(super) fn take_report(&mut self, now: Time, key: &ExecutorKey, report: Report) {
        // Where nothing has to be waited for, what is taken in is stored.
        let is_stored = self.settings.write_deadline_milliseconds.is_none();
        let Some((_, executor, job_id, job)) = self.state.executor_mut(key) else { return };
        if report.number <= executor.folded {
            return;
        }
        let number = report.number;
        let has_ends = !report.finished.is_empty() || !report.failures.is_empty();
        executor.folded = number;
        executor.running = attempts(job, &report.running);
        let became_ready = report.ready && !executor.ready;
        executor.ready = report.ready;
        let node = executor.node;
        let mut verdict = Verdict::GoesOn;
        let (mut finished, mut failed) = (Finished::default(), Vec::new());
        if !job.state.is_final() {
            finished = take_finished(job, executor, &report.finished, now);
            let slots = finished.slots;
            executor.prefetch_slots = (2 * slots).max(executor.prefetch_slots / 2);
            verdict = take_results(job, report.results, &finished.partitions);
            for failure in report.failures {
                if let Verdict::GoesOn = verdict {
                    let counted;
                    (verdict, counted) = take_failure(job, executor, failure);
                    failed.extend(counted);
                }
            }
        }
        note_running(job, executor, now);
        let ended = std::mem::take(&mut executor.ending);
        if !ended.is_empty() {
            executor.progressed_at = now;
        }
        if is_stored {
            executor.acknowledged = number;
            executor.assignment_changed |= has_ends;
        } else if !ended.is_empty() {
            let revision = job.revision + 1;
            executor.unsettled.push_back(Unsettled { report: number, revision, ended });
        }
        finished.losers.extend(self.live_attempts_at(job_id, &finished.repeated));
        self.withdraw(job_id, &finished.losers);
        let node = node.and_then(|node| self.state.nodes.get(node));
        if let Some(name) = node.map(|node| node.observed().name.clone()) {
            if became_ready {
                self.count_for_node(job_id, &name);
            }
            for (stage, partition) in failed {
                let culprit = Culprit::Task(stage, partition);
                self.count_failure_on_node(now, job_id, &name, culprit);
            }
        }
        if became_ready {
            self.complete_gang(job_id);
        }
        self.take_released(key, report.observed_assignment);
        self.touch(job_id);
        self.judge(now, job_id, verdict);
    }

    pub(super) fn take_departure(&mut self, now: Time, key: &ExecutorKey, departure: &Departure) {
        let Some((id, executor, job_id, job)) = self.state.executor_mut(key) else { return };
        let excused = executor.stopping || job.state.is_final();
        let suspect = executor
            .running
            .iter()
            .find_map(|(&(stage, _), partitions)| Some((stage, partitions.first()?)));
        let verdict = take_back(job, executor, departure);
        let reclaimed = executor.draining.as_ref().is_some_and(|draining| draining.hold.is_some());
        self.forget_drain(id);
        let Some((_, executor, _, job)) = self.state.executor_mut(key) else { return };
        job.executors.remove(&key.index);
        job.indices.remove(key.index);
        job.held = job.held.minus(&executor.request);
        job.epochs.insert(key.index, key.epoch + 1);
        let (node, request, pool) = (executor.node, executor.request, job.pool);
        if let Departure::Withdrawn(cause) = departure {
            let at = withhold(job, now, cause);
            self.timers.insert((at, job_id));
        } else if self.settings.write_deadline_milliseconds.is_some() {
            let revision = job.revision + 1;
            let remains = Remains { revision, discarded: false, told_at: None };
            job.remains.insert((key.index, key.epoch), remains);
        }
        let leaves_something = job.remains.contains_key(&(key.index, key.epoch));
        if let Some(node) = node {
            count_down(&mut job.on_nodes, node);
        }
        if job.executors.is_empty() && (reclaimed || job.spec.suspend) && !job.state.is_final() {
            // All of a gang gave way: it comes back as one.
            job.gang_forming = job.spec.executor.gang_timeout_milliseconds.is_some();
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
            job.unplaced.remove(&key.index);
            if job.unplaced.is_empty() {
                job.room_since = None;
                self.unplaced.remove(&job_id);
            }
            self.state.pools.count_unplaced(pool, &Resources::NONE.minus(&request));
            self.landings.retain(|_, landed| {
                landed.retain(|landed| landed != key);
                !landed.is_empty()
            });
        }
        self.state.pools.release(pool, &request);
        self.state.executors.remove(id);
        if leaves_something {
            self.state.remains.insert(key.clone(), job_id);
        }
        forget_in(&mut self.state.of_pool, pool, id);
        match node {
            Some(node) => {
                self.due.grown.insert(node);
                self.due.jobs.insert(job_id);
                self.leave_node(node);
            }
            None => self.offers_due = true,
        }
        self.touch(job_id);
        self.judge(now, job_id, verdict);
        if let Some(at) = self.state.jobs.get(job_id).and_then(|job| job.restart_at) {
            // The restart may have waited for this executor to go.
            self.set_timer(at, job_id);
        }
        self.discard_settled(job_id);
        self.drop_if_done(job_id);
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

    pub(super) fn exceed_deadline(&mut self, now: Time, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let seconds = job.spec.deadline_milliseconds.unwrap_or_default().as_seconds();
        let message = format!("the job did not end within its deadline of {seconds} seconds");
        let failure = JobFailure { reason: "DeadlineExceeded", message };
        self.end(now, id, JobState::Failed, Some(failure));
    }

    /// Ends the job, or gives it another try, as its tasks and its settings have it.
    fn judge(&mut self, now: Time, id: JobId, verdict: Verdict) {
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
                    let at = now + restart.interval_milliseconds;
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

    pub(super) fn succeed(&mut self, now: Time, id: JobId) {
        self.end(now, id, JobState::Succeeded, None);
    }

    fn end(&mut self, now: Time, id: JobId, state: JobState, failure: Option<JobFailure>) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        job.state = state;
        job.failure = failure;
        job.ended_at = Some(now);
        job.status_urgent = true;
        (job.restart_at, job.gang_deadline) = (None, None);
        job.declines = Declines::default();
        self.stop_executors(id);
    }

    /// Stops attempts at tasks that another attempt has finished.
    fn withdraw(&mut self, id: JobId, losers: &[(usize, u32, Live)]) {
        let is_stored = self.settings.write_deadline_milliseconds.is_none();
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let revision = (!is_stored).then_some(job.revision + 1);
        for &(stage, partition, Live { executor, attempt }) in losers {
            let slots = job.stages[stage].slots;
            if let Some(executor) = self.state.executors.get_mut(executor) {
                executor.withdraw(stage, attempt, (partition, slots), revision);
                // It is told so once that is stored.
                job.status_urgent = true;
            }
        }
    }

    /// All attempts at some partitions that executors of a job have.
    fn live_attempts_at(
        &self,
        id: JobId,
        partitions: &BTreeSet<(usize, u32)>,
    ) -> Vec<(usize, u32, Live)> {
        let mut live = Vec::new();
        let Some(job) = self.state.jobs.get(id).filter(|_| !partitions.is_empty()) else {
            return live;
        };
        for &executor in job.executors.values() {
            let Some(it) = self.state.executors.get(executor) else { continue };
            for (&(stage, attempt), assigned) in &it.assigned {
                let there = assigned.iter().filter(|&it| partitions.contains(&(stage, it)));
                live.extend(there.map(|it| (stage, it, Live { executor, attempt })));
            }
        }
        live
    }

    /// Lets the tasks of a gang start once all its executors are ready.
    pub(super) fn complete_gang(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id).filter(|job| job.gang_forming) else { return };
        let executors = &self.state.executors;
        let fixed = job.spec.executor.fixed;
        let ready = job
            .executors
            .values()
            .filter(|&&id| executors.get(id).is_some_and(|it| it.ready || fixed && !it.stopping))
            .count();
        if job.gang_forming && ready >= job.spec.executor.gang_size() as usize {
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

/// What a report says of attempts that succeeded.
#[derive(Default)]
struct Finished {
    /// The slots that they took.
    slots: u32,
    /// Their stages and partitions.
    partitions: BTreeSet<(usize, u32)>,
    /// Those of them at which others may be at work, as an engine before this one had taken them back.
    repeated: BTreeSet<(usize, u32)>,
    /// Other attempts at the same partitions, by stage and partition.
    losers: Vec<(usize, u32, Live)>,
}

/// Takes in attempts that succeeded. Attempts that the executor does not have (any more) were taken
/// in before, or another one was first.
fn take_finished(
    job: &mut Job,
    executor: &mut Executor,
    reported: &[StageAttempts],
    now: Time,
) -> Finished {
    let mut finished = Finished::default();
    for attempts in reported {
        let Some(index) = job.stage_index(&attempts.stage) else { continue };
        let stage = &mut job.stages[index];
        for partition in attempts.partitions.iter() {
            let attempt = attempts.attempt;
            let ran_since = executor.ran_since(index, attempt, partition);
            let is_older = stage.finish_older(partition, attempt);
            if is_older {
                executor.ending.entry((index, attempt)).or_default().insert(partition);
                finished.repeated.insert((index, partition));
            }
            if is_older || executor.unassign(index, attempt, partition, stage.slots) {
                if let Some(since) = ran_since.filter(|_| job.spec.speculation.is_some()) {
                    stage.durations.add(now.since(since));
                }
                let loser = stage.finish_attempt(partition, attempt).filter(|_| !is_older);
                finished.losers.extend(loser.map(|live| (index, partition, live)));
                if stage.finish(partition) {
                    stage.finished_revision = job.revision + 1;
                    job.status_urgent = true;
                }
                finished.slots += stage.slots;
                finished.partitions.insert((index, partition));
            }
        }
    }
    finished
}

/// Takes in what an executor said that it runs: since when, and what it runs although it should not
/// any more.
fn note_running(job: &Job, executor: &mut Executor, now: Time) {
    executor.reported_at = now;
    executor.leaving_slots = 0;
    for (&(stage, attempt), partitions) in &executor.running {
        let assigned = executor.assigned.get(&(stage, attempt));
        for partition in partitions.iter() {
            if assigned.is_some_and(|assigned| assigned.contains(partition)) {
                let since = executor.since.entry((stage, attempt, partition));
                let since = since.or_insert(Since::Running(now));
                if matches!(since, Since::Assigned(_)) {
                    *since = Since::Running(now);
                }
            } else {
                executor.leaving_slots += job.stages[stage].slots;
            }
        }
    }
}

/// Keeps results in the status as long as they fit there; beyond that only where they are stored.
/// They are those of the attempts that finished in the same report, and of no others.
fn take_results(
    job: &mut Job,
    results: Vec<AttemptResult>,
    finished: &BTreeSet<(usize, u32)>,
) -> Verdict {
    let mut too_large = false;
    for AttemptResult { stage, partition, value, uri } in results {
        let Some(index) = job.stage_index(&stage) else { continue };
        if !finished.contains(&(index, partition)) {
            continue;
        }
        let stage = &mut job.stages[index];
        if stage.results.contains_key(&partition) {
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

/// Takes in an attempt that failed; returns its stage and partition if it counts.
fn take_failure(
    job: &mut Job,
    executor: &mut Executor,
    failed: AttemptFailure,
) -> (Verdict, Option<(usize, u32)>) {
    let Some(index) = job.stage_index(&failed.stage) else { return (Verdict::GoesOn, None) };
    let slots = job.stages[index].slots;
    if !executor.unassign(index, failed.attempt, failed.partition, slots) {
        return (Verdict::GoesOn, None);
    }
    if executor.stopping {
        // It was told to go: what fails on the way out says nothing about the task.
        job.stages[index].give_back(failed.partition);
        return (Verdict::GoesOn, None);
    }
    let failure = TaskFailure {
        task: job.spec.stages[index].task_name(failed.partition),
        stage: failed.stage,
        attempt: failed.attempt,
        reason: failed.reason,
        message: failed.message,
        stderr: failed.stderr,
    };
    let verdict = count_failure(job, index, failed.partition, failure, failed.is_final);
    (verdict, Some((index, failed.partition)))
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
                Departure::Asked
                | Departure::NotStarted(_)
                | Departure::Refused(_)
                | Departure::Withdrawn(_) => None,
                Departure::Lost(_) => Some(false),
                Departure::OutOfMemory(_) | Departure::Exited(_) => Some(true),
            };
            let next = match fault {
                None => {
                    job.stages[index].give_back(partition);
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

/// Makes a job wait before it launches again; returns until when.
pub(super) fn withhold(job: &mut Job, now: Time, because: &str) -> Time {
    job.withdrawals += 1;
    let pause = LAUNCH_PAUSE.doubled(job.withdrawals.min(LAUNCH_PAUSE_DOUBLINGS));
    let at = now + pause;
    (job.withheld_until, job.withheld_because) = (Some(at), because.into());
    at
}
