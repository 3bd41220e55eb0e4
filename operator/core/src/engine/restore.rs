//! Going on where another engine stopped.
//!
//! Durable is what stands in API objects: a job's status, an executor's assignment, its last report.
//! An executor of an epoch below that in the status is accounted for, and so is an attempt of a number
//! below the next one or at a partition that finished; everything else is taken in again. Reasons for
//! waiting, timers and the suspicion against tasks start anew.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::observe::senseless;
use crate::event::{
    Departure, Event, ExecutorObservation, JobObservation, NodeObservation, Report, StageAttempts,
};
use crate::executors::{Executor, ExecutorKey, Unsettled};
use crate::jobs::{
    Job, JobFailure, JobId, JobKey, JobSpec, JobState, Milliseconds, StageRun, StageState,
};
use crate::view::{JobStatus, StageStatus};

/// What was told before everything was.
#[derive(Clone, Debug, Default)]
pub(super) struct Restoring {
    jobs: BTreeMap<JobKey, JobObservation>,
    executors: BTreeMap<ExecutorKey, Known>,
}

/// What is known of an executor.
#[derive(Clone, Debug, Default)]
struct Known {
    observation: Option<ExecutorObservation>,
    report: Option<Report>,
    departure: Option<Departure>,
    seated: bool,
    /// The attempts that are not taken in yet.
    left: Vec<StageAttempts>,
}

impl Known {
    /// Whether all that it was told is accounted for.
    fn is_settled(&self) -> bool {
        self.left.iter().all(|attempts| attempts.partitions.is_empty())
    }
}

impl Restoring {
    /// Keeps what has to wait; returns what has not.
    pub(super) fn keep(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Job(job) => {
                self.jobs.insert(job.key.clone(), *job);
            }
            Event::JobGone(key) => {
                self.jobs.remove(&key);
            }
            Event::Executor(executor) => {
                let known = self.executors.entry(executor.key.clone()).or_default();
                known.left.clone_from(&executor.attempts);
                known.observation = Some(*executor);
            }
            Event::Report(key, report) => {
                let known = self.executors.entry(key).or_default();
                if known.report.as_ref().is_none_or(|last| last.number < report.number) {
                    known.report = Some(report);
                }
            }
            Event::ExecutorGone(key, departure) => {
                self.executors.entry(key).or_default().departure = Some(departure);
            }
            Event::Node(_) | Event::NodeGone(_) | Event::Pool(_) | Event::PoolGone(_) => {
                return Some(event);
            }
            Event::Synced => return Some(event),
            Event::NotDelivered(_)
            | Event::StatusWritten { .. }
            | Event::StatusNotWritten { .. }
            | Event::Discarded(_) => {}
        }
        None
    }
}

impl Engine {
    /// Builds the state from all that was told.
    pub(super) fn restore(&mut self, now: Milliseconds) {
        let Some(restoring) = self.restoring.take() else { return };
        let Restoring { jobs, executors } = *restoring;
        let mut jobs: Vec<JobObservation> = jobs.into_values().collect();
        jobs.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
        for job in jobs {
            self.observe_job(now, job);
        }
        self.avoid_epochs_of_others(&executors);
        let mut of_jobs: BTreeMap<JobKey, BTreeMap<ExecutorKey, Known>> = BTreeMap::new();
        for (key, known) in executors {
            if known.observation.is_some() {
                of_jobs.entry(key.job.clone()).or_default().insert(key, known);
            }
        }
        for executors in of_jobs.into_values() {
            self.restore_executors(now, executors);
        }
        let ids: Vec<JobId> = self.state.job_by_key.values().copied().collect();
        for id in ids {
            self.complete_gang(id);
            self.bound_gang(now, id);
            self.go_on(now, id);
        }
    }

    /// Takes in the executors of one job. What one said may matter to what another was told: one after
    /// the other, in the order in which it must have happened.
    fn restore_executors(
        &mut self,
        now: Milliseconds,
        mut executors: BTreeMap<ExecutorKey, Known>,
    ) {
        loop {
            let mut progress = false;
            for (key, known) in &mut executors {
                if !known.seated && self.may_return(key, known) {
                    known.seated = self.seat_again(now, known);
                    progress |= known.seated;
                }
            }
            for (key, known) in &mut executors {
                if known.seated && self.claim(key, &mut known.left, None) {
                    progress = true;
                    self.report_again(now, key, known);
                }
            }
            if progress {
                continue;
            }
            let gone = |(_, known): &(&ExecutorKey, &Known)| known.seated && self.is_gone(known);
            let settled = executors.iter().filter(gone).find(|(_, known)| known.is_settled());
            let mut next = settled.map(|(key, _)| key.clone());
            if next.is_none() {
                // Who ran the attempts before is not known any more.
                if self.claim_lowest(now, &mut executors) {
                    continue;
                }
                let gone =
                    |(_, known): &(&ExecutorKey, &Known)| known.seated && self.is_gone(known);
                next = executors.iter().find(gone).map(|(key, _)| key.clone());
            }
            let Some(known) = next.as_ref().and_then(|key| executors.remove(key)) else { break };
            if let Some(key) = &next {
                self.report_again(now, key, &known);
                self.bury(now, key, known);
            }
        }
        for (key, mut known) in executors {
            if known.seated {
                self.report_again(now, &key, &known);
            } else if let Some(observation) = known.observation.take() {
                self.expel(now, &observation);
                if let Some(departure) = &known.departure {
                    self.take_departure(now, &key, departure);
                }
            }
        }
    }

    /// Gives what there is of a gang as long as a new one has.
    fn bound_gang(&mut self, now: Milliseconds, id: JobId) {
        if let Some(job) = self.state.jobs.get_mut(id)
            && job.gang_forming
            && !job.executors.is_empty()
            && let Some(timeout) = job.spec.executor.gang_timeout_milliseconds
        {
            let at = now.saturating_add(timeout);
            job.gang_deadline = Some(at);
            self.set_timer(at, id);
        }
    }

    /// Lets stages start whose dependencies are stored, and ends a job of which nothing is left to do.
    pub(super) fn go_on(&mut self, now: Milliseconds, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id).filter(|job| !job.state.is_final()) else {
            return;
        };
        if job.open_stages() {
            self.touch(id);
        }
        let Some(job) = self.state.jobs.get(id) else { return };
        if job.stages.iter().all(|stage| stage.state == StageState::Finished) {
            self.succeed(now, id);
        }
    }

    /// Takes in an executor that the engine does not want: it belongs to no job, or to one that has
    /// another one in its place. It holds what it holds until it is gone.
    pub(super) fn expel(&mut self, now: Milliseconds, observed: &ExecutorObservation) {
        let job = JobObservation {
            key: observed.key.job.clone(),
            uid: observed.job_uid.clone(),
            generation: 0,
            created_at: now,
            spec: Ok(JobSpec { pool: observed.pool.clone(), ..senseless() }),
            status: None,
        };
        let mut job = self.build_job(now, job, BTreeMap::new());
        job.state = JobState::Failed;
        let id = self.state.jobs.insert(job);
        self.seat_observed(id, observed);
        if let Some(&executor) = self.state.executor_by_key.get(&observed.key) {
            self.stop_executor(executor);
        }
        self.leave_missing_node(now, observed);
    }

    /// An executor of a job that was there before must not be taken for one of the job that has its
    /// name now.
    fn avoid_epochs_of_others(&mut self, executors: &BTreeMap<ExecutorKey, Known>) {
        for (key, known) in executors {
            let uid = known.observation.as_ref().map(|observation| &observation.job_uid);
            let id = self.state.job_by_key.get(&key.job).copied();
            if let Some(job) = id.and_then(|id| self.state.jobs.get_mut(id))
                && uid != Some(&job.uid)
            {
                let next = job.epochs.entry(key.index).or_default();
                *next = (*next).max(key.epoch + 1);
            }
        }
    }

    /// Whether an executor is one of a job's, not accounted for, and has its place free.
    fn may_return(&self, key: &ExecutorKey, known: &Known) -> bool {
        let id = self.state.job_by_key.get(&key.job).copied();
        let Some(job) = id.and_then(|id| self.state.jobs.get(id)) else { return false };
        let uid = known.observation.as_ref().map(|observation| &observation.job_uid);
        uid == Some(&job.uid)
            && !job.executors.contains_key(&key.index)
            && key.epoch >= job.epochs.get(&key.index).copied().unwrap_or(0)
    }

    fn seat_again(&mut self, now: Milliseconds, known: &Known) -> bool {
        let Some(observed) = &known.observation else { return false };
        let Some(&id) = self.state.job_by_key.get(&observed.key.job) else { return false };
        self.seat_observed(id, observed);
        let Some(job) = self.state.jobs.get_mut(id) else { return false };
        if job.state == JobState::Pending {
            job.state = JobState::Running;
            job.started_at.get_or_insert(now);
            self.touch(id);
        }
        let stays = self.state.jobs.get(id).is_some_and(|job| job.state == JobState::Running);
        if let (false, Some(&executor)) = (stays, self.state.executor_by_key.get(&observed.key)) {
            self.stop_executor(executor);
        }
        true
    }

    fn seat_observed(&mut self, id: JobId, observed: &ExecutorObservation) {
        let node = self.state.nodes.find(&observed.node).or_else(|| {
            // Without the node there is nothing on it; the executor leaves at once.
            let (name, offered) = (observed.node.clone(), false);
            let missing = NodeObservation { name, offered, ..NodeObservation::default() };
            self.state.nodes.observe(&self.state.kinds, missing);
            self.missing_nodes.insert(observed.node.clone());
            self.state.nodes.find(&observed.node)
        });
        let (Some(node), Ok(request)) = (node, self.request(&observed.request)) else { return };
        let mut executor = Executor::new(observed.key.clone(), id, node, request);
        executor.confirmed = true;
        executor.stopping = observed.terminating;
        executor.acknowledged = observed.acknowledged_report;
        executor.folded = observed.acknowledged_report;
        self.state.nodes.charge(node, &request);
        if let Some(job) = self.state.jobs.get_mut(id) {
            *job.on_nodes.entry(node).or_default() += 1;
        }
        self.seat(executor);
        self.touched.insert(id);
    }

    /// Whether an executor is gone, alone or with its node.
    fn is_gone(&self, known: &Known) -> bool {
        known.departure.is_some()
            || known.observation.as_ref().is_some_and(|it| self.is_missing(it))
    }

    /// A node that stands only for what was said to be on it.
    fn is_missing(&self, observed: &ExecutorObservation) -> bool {
        self.missing_nodes.contains(&observed.node)
    }

    fn leave_missing_node(&mut self, now: Milliseconds, observed: &ExecutorObservation) {
        if self.is_missing(observed) {
            self.forget_node(now, &observed.node);
        }
    }

    fn bury(&mut self, now: Milliseconds, key: &ExecutorKey, known: Known) {
        if let Some(departure) = known.departure {
            self.take_departure(now, key, &departure);
        } else if let Some(observed) = known.observation {
            self.take_departure(
                now,
                key,
                &Departure::Lost(format!("node {} is gone", observed.node)),
            );
        }
    }

    /// Takes in attempts whose predecessors are nowhere to be found, those of the lowest number first.
    fn claim_lowest(
        &mut self,
        now: Milliseconds,
        executors: &mut BTreeMap<ExecutorKey, Known>,
    ) -> bool {
        let left = executors.values().filter(|known| known.seated).flat_map(|known| &known.left);
        let numbers: BTreeSet<u32> = left.map(|attempts| attempts.attempt).collect();
        for number in numbers {
            for (key, known) in executors.iter_mut().filter(|(_, known)| known.seated) {
                if self.claim(key, &mut known.left, Some(number)) {
                    self.report_again(now, key, known);
                    return true;
                }
            }
        }
        false
    }

    /// Takes in what an executor was told to run, as far as it is not accounted for: the next attempts
    /// at partitions, or those of a number that may leave some out.
    fn claim(
        &mut self,
        key: &ExecutorKey,
        left: &mut [StageAttempts],
        number: Option<u32>,
    ) -> bool {
        let Some((_, executor, id, job)) = self.state.executor_mut(key) else { return false };
        let mut claimed = false;
        for attempts in left.iter_mut() {
            let Some(index) = job.stage_index(&attempts.stage) else { continue };
            let stage = &mut job.stages[index];
            let mut rest = attempts.partitions.clone();
            for partition in attempts.partitions.iter() {
                let next = stage.next_attempt(partition);
                if attempts.attempt < next || stage.is_done(partition) {
                    rest.remove(partition);
                } else if attempts.attempt == number.unwrap_or(next)
                    && stage.claim(partition, attempts.attempt)
                {
                    executor.assign(index, attempts.attempt, partition, stage.slots);
                    rest.remove(partition);
                    claimed = true;
                }
            }
            attempts.partitions = rest;
        }
        if claimed {
            // Tasks run only once a gang is complete.
            job.gang_forming = false;
            self.touched.insert(id);
        }
        claimed
    }

    /// Takes in an executor's last report, once more if more of it makes sense now.
    fn report_again(&mut self, now: Milliseconds, key: &ExecutorKey, known: &Known) {
        let Some(report) = &known.report else { return };
        let Some((_, executor, id, job)) = self.state.executor_mut(key) else { return };
        let number = report.number;
        if number <= executor.acknowledged {
            executor.folded = number.saturating_sub(1);
        } else {
            executor.folded = executor.acknowledged;
            // What is accounted for in it has to be acknowledged as well.
            let (revision, ended) = (job.revision + 1, BTreeMap::new());
            executor.unsettled.push_back(Unsettled { report: number, revision, ended });
        }
        self.touch(id);
        self.take_report(now, key, report.clone());
    }
}

/// Takes over what became of a job.
pub(super) fn restore_job(now: Milliseconds, job: &mut Job, status: &JobStatus) {
    for (&index, &epoch) in &status.epochs {
        let next = job.epochs.entry(index).or_default();
        *next = (*next).max(epoch);
    }
    for (spec, run) in job.spec.stages.iter().zip(&mut job.stages) {
        if let Some(stage) = status.stages.iter().find(|stage| stage.name == spec.name) {
            let named = |partition: u32| stage.results.get(&spec.task_name(partition)).cloned();
            *run = StageRun::restored(spec, stage);
            let finished = run.finished.iter().filter_map(|p| Some((p, named(p)?)));
            run.results = finished.collect();
        }
    }
    job.result_bytes = job.stages.iter().map(StageRun::result_bytes).sum();
    job.state = status.state;
    job.restarts = status.restarts;
    job.started_at = status.started_at;
    job.ended_at = status.ended_at.filter(|_| status.state.is_final());
    job.executor_failures = status.executors_failed;
    job.failures = status.failures.iter().cloned().collect();
    job.gang_forming &= !status.gang_formed;
    if matches!(status.state, JobState::Failed | JobState::Restarting) {
        let reason = status.reason.unwrap_or("Failed");
        let message = status.message.clone().unwrap_or_default();
        job.failure = Some(JobFailure { reason, message });
    }
    if status.state == JobState::Restarting {
        let interval = job.spec.restart.map_or(0, |restart| restart.interval_milliseconds);
        job.restart_at = Some(now.saturating_add(interval));
    }
}

impl StageRun {
    /// A stage as it stands in a status.
    fn restored(spec: &crate::jobs::StageSpec, status: &StageStatus) -> Self {
        let mut run = Self::new(spec);
        let below = |partition: &u32| *partition < run.tasks;
        let finished = status.finished.iter().take_while(below).collect();
        run.finished = finished;
        run.committed = status.committed && run.commits;
        run.failures.clone_from(&status.failures);
        run.losses.clone_from(&status.losses);
        run.other_attempts.clone_from(&status.other_attempts);
        match status.state {
            StageState::Waiting => {}
            StageState::Failed => {
                run.open();
                run.state = StageState::Failed;
            }
            StageState::Running | StageState::Finished => {
                run.open();
                run.conclude();
            }
        }
        run
    }
}
