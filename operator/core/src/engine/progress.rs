//! What executors report, what becomes of jobs through it, and executors that go.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::action::Action;
use crate::event::{AttemptFailure, AttemptResult, Departure, Report, StageAttempts};
use crate::executors::{Attempts, Executor};
use crate::ids::{ExecutorId, ExecutorKey, JobId};
use crate::jobs::{Culprit, Gang, Job, JobFailure, Live, Subject, TaskFailure};
use crate::resources::Resources;
use crate::time::Time;

/// How often one task may be lost with its executor through no fault of its own.
const MAX_TASK_LOSSES: u32 = 10;

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
        let number = report.number;
        if !executor.reports.take_in(number) {
            return;
        }
        let has_ends = !report.finished.is_empty() || !report.failures.is_empty();
        executor.work.report(attempts(job, &report.running));
        let became_ready = report.ready && !executor.ready;
        executor.ready = report.ready;
        let node = executor.node;
        let mut verdict = Verdict::GoesOn;
        let (mut finished, mut failed) = (Finished::default(), Vec::new());
        if !job.progress.is_final() {
            finished = take_finished(job, executor, &report.finished, now);
            executor.work.adapt_prefetch(finished.slots);
            verdict = take_results(job, report.results, &finished.partitions);
            for failure in report.failures {
                if let Verdict::GoesOn = verdict {
                    let counted;
                    (verdict, counted) = take_failure(job, executor, failure);
                    failed.extend(counted);
                }
            }
        }
        executor.work.note_running(now, |stage| job.progress.stage(stage).slots());
        let ended = executor.work.take_ended_by_report(now);
        if is_stored {
            executor.reports.acknowledge(number);
            if has_ends {
                executor.delivery.mark_changed();
            }
        } else if !ended.is_empty() {
            executor.reports.await_storage(job.publication.next_revision(), ended);
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
                self.queue.has_nodes(job_id);
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
                self.agenda.has_more_room(node);
                self.agenda.offers_are_due_to(job_id);
                self.leave_node(node);
            }
            None => self.agenda.offers_are_due(),
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

    pub(super) fn stop_executor(&mut self, id: ExecutorId) {
        if let Some(executor) = self.state.executors.get_mut(id)
            && executor.exit.stop()
        {
            self.outgoing.push(Action::Remove(executor.key.clone()));
            self.count_leaving(id);
        }
    }

    pub(super) fn exceed_deadline(&mut self, now: Time, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let deadline = job.spec.deadline_milliseconds.unwrap_or_default();
        self.end(now, id, Some(JobFailure::DeadlineExceeded { deadline }));
    }

    /// Ends the job, or gives it another try, as its tasks and its settings have it.
    fn judge(&mut self, now: Time, id: JobId, verdict: Verdict) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        if job.progress.is_final() {
            return;
        }
        match verdict {
            Verdict::Fails(failure) => match job.spec.restart {
                Some(restart) if job.progress.restarts() < restart.retries => {
                    job.gang = Gang::new(&job.spec.executor);
                    job.progress.restart_after(failure);
                    let at = now + restart.interval_milliseconds;
                    job.pauses.restart(at);
                    self.agenda.set_timer(at, id);
                    self.stop_executors(id);
                }
                _ => self.end(now, id, Some(failure)),
            },
            Verdict::GoesOn => {
                job.open_stages();
                if job.progress.is_finished() {
                    self.end(now, id, None);
                }
            }
        }
    }

    pub(super) fn succeed(&mut self, now: Time, id: JobId) {
        self.end(now, id, None);
    }

    fn end(&mut self, now: Time, id: JobId, failure: Option<JobFailure>) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        job.progress.end(now, failure);
        job.publication.mark_urgent();
        job.pauses.forget_restart();
        job.gang.forget_deadline();
        job.choice.forget_declines();
        self.stop_executors(id);
    }

    /// Stops attempts at tasks that another attempt has finished.
    fn withdraw(&mut self, id: JobId, losers: &[(usize, u32, Live)]) {
        let is_stored = self.settings.write_deadline_milliseconds.is_none();
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let revision = (!is_stored).then_some(job.publication.next_revision());
        for &(stage, partition, Live { executor, attempt }) in losers {
            let slots = job.progress.stage(stage).slots();
            if let Some(executor) = self.state.executors.get_mut(executor) {
                executor.withdraw((stage, attempt, partition), slots, revision);
                // It is told so once that is stored.
                job.publication.mark_urgent();
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
        for executor in job.fleet.ids() {
            let Some(it) = self.state.executors.get(executor) else { continue };
            for (&(stage, attempt), assigned) in it.work.assigned() {
                let there = assigned.iter().filter(|&it| partitions.contains(&(stage, it)));
                live.extend(there.map(|it| (stage, it, Live { executor, attempt })));
            }
        }
        live
    }

    /// Lets the tasks of a gang start once all its executors are ready.
    pub(super) fn complete_gang(&mut self, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id).filter(|job| job.gang.is_forming()) else {
            return;
        };
        let executors = &self.state.executors;
        let fixed = job.spec.executor.fixed;
        let is_ready = |&id: &ExecutorId| {
            executors.get(id).is_some_and(|it| it.ready || fixed && !it.exit.is_stopping())
        };
        let ready = job.fleet.ids().filter(is_ready).count();
        if ready >= job.spec.executor.gang_size() as usize {
            job.gang.complete();
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
        let stage = job.progress.stage_mut(index);
        for partition in attempts.partitions.iter() {
            let attempt = attempts.attempt;
            let ran_since = executor.work.ran_since((index, attempt, partition));
            let is_older = stage.finish_older(partition, attempt);
            if is_older {
                executor.work.note_ended((index, attempt, partition));
                finished.repeated.insert((index, partition));
            }
            if is_older || executor.unassign((index, attempt, partition), stage.slots()) {
                if let Some(since) = ran_since.filter(|_| job.spec.speculation.is_some()) {
                    stage.note_duration(now.since(since));
                }
                let loser = stage.finish_attempt(partition, attempt).filter(|_| !is_older);
                finished.losers.extend(loser.map(|live| (index, partition, live)));
                if stage.finish(partition) {
                    stage.note_finished(job.publication.next_revision());
                    job.publication.mark_urgent();
                }
                finished.slots += stage.slots();
                finished.partitions.insert((index, partition));
            }
        }
    }
    finished
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
        too_large |= !job.progress.keep_result((index, partition), value, uri);
    }
    if !too_large {
        return Verdict::GoesOn;
    }
    Verdict::Fails(JobFailure::ResultsTooLarge)
}

/// Takes in an attempt that failed; returns its stage and partition if it counts.
fn take_failure(
    job: &mut Job,
    executor: &mut Executor,
    failed: AttemptFailure,
) -> (Verdict, Option<(usize, u32)>) {
    let Some(index) = job.stage_index(&failed.stage) else { return (Verdict::GoesOn, None) };
    let slots = job.progress.stage(index).slots();
    if !executor.unassign((index, failed.attempt, failed.partition), slots) {
        return (Verdict::GoesOn, None);
    }
    if executor.exit.is_stopping() {
        // It was told to go: what fails on the way out says nothing about the task.
        job.progress.stage_mut(index).give_back(failed.partition);
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
    let failures = job.progress.stage_mut(index).fail(partition);
    let task = || Subject::new(&job.spec.stages[index], partition);
    let last = || failure.message.clone();
    let verdict = if is_final {
        Verdict::Fails(JobFailure::TaskCannotSucceed { task: task(), last: last() })
    } else if failures >= job.spec.max_task_failures {
        Verdict::Fails(JobFailure::TaskFailed { task: task(), times: failures, last: last() })
    } else {
        Verdict::GoesOn
    };
    if let Verdict::Fails(_) = verdict {
        job.progress.stage_mut(index).fail_for_good();
    }
    job.progress.remember(failure);
    verdict
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
                Departure::Lost(_) => Some(false),
                Departure::OutOfMemory(_) | Departure::Exited(_) => Some(true),
            };
            let next = match fault {
                None => {
                    job.progress.stage_mut(index).give_back(partition);
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
        let limit = job.executor_failure_limit();
        if job.progress.count_executor_failure() > limit {
            return Verdict::Fails(JobFailure::ExecutorsFailed { limit, last: message.clone() });
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
        job.progress.stage_mut(index).died(partition);
        return count_failure(job, index, partition, failure, false);
    }
    let losses = job.progress.stage_mut(index).lose(partition);
    let verdict = if losses > MAX_TASK_LOSSES {
        let task = Subject::new(&job.spec.stages[index], partition);
        Verdict::Fails(JobFailure::TaskLost { task, times: losses, last: message.clone() })
    } else {
        Verdict::GoesOn
    };
    job.progress.remember(failure);
    verdict
}
