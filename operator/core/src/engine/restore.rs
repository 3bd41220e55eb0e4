//! Going on where another engine stopped.
//!
//! Durable is what stands in API objects: a job's status, an executor's assignment, its last report.
//! An executor of an epoch below that in the status is accounted for, and so is an attempt of a number
//! below the next one or at a partition that finished; everything else is taken in again. Reasons for
//! waiting, timers, the suspicion against tasks, declined nodes and how long tasks take start anew.
//! So do drains, what is kept for claims while others drain, and offers to frameworks; tasks of
//! frameworks are told of like executors.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::books::{Known, Told};
use super::observe::senseless;
use crate::event::{Departure, ExecutorObservation, JobObservation, StageAttempts};
use crate::executors::Executor;
use crate::frameworks::{FrameworkObservation, RunningTask};
use crate::ids::{ExecutorId, ExecutorKey, JobId, JobKey, NodeId, TaskId};
use crate::jobs::{
    Job, JobFailure, JobSpec, JobState, Live, Past, PastStage, Progress, StageRun, StageSpec,
    Uncounted,
};
use crate::reasons::Reason;
use crate::time::{Span, Time};
use crate::view::{JobStatus, StageStatus};

impl Engine {
    /// Builds the state from all that was told.
    pub(super) fn restore(&mut self, now: Time) {
        let Some(restoring) = self.restoring.take() else { return };
        let Told { jobs, executors, frameworks, tasks, calls } = restoring.end();
        // Jobs that have started are served even in pools that are not declared any more.
        self.agenda.review_pools();
        self.agenda.ask_all();
        for job in jobs {
            self.observe_job(now, job);
        }
        self.avoid_epochs_of_others(&executors);
        let mut of_jobs: BTreeMap<JobKey, BTreeMap<ExecutorKey, Known>> = BTreeMap::new();
        for (key, known) in executors {
            if known.observation().is_some() {
                of_jobs.entry(key.job.clone()).or_default().insert(key, known);
            }
        }
        for executors in of_jobs.into_values() {
            self.restore_executors(now, executors);
        }
        self.restore_frameworks(now, frameworks, tasks);
        for (key, call) in calls {
            self.take_call(now, &key, call);
        }
        // Who has to leave a node has time for it from now on.
        let nodes: Vec<NodeId> = self.state.on_node.keys().copied().collect();
        for node in nodes {
            self.review_node(now, node);
        }
        let ids: Vec<JobId> = self.state.job_by_key.values().copied().collect();
        for id in ids {
            self.complete_gang(id);
            self.bound_gang(now, id);
            self.go_on(now, id);
        }
    }

    /// Takes in frameworks and their tasks. What was offered before is not any more, and no number of
    /// an offer means two things: an engine gives out fewer than 2^20 in a millisecond.
    fn restore_frameworks(
        &mut self,
        now: Time,
        frameworks: BTreeMap<JobKey, FrameworkObservation>,
        tasks: BTreeMap<(JobKey, TaskId), RunningTask>,
    ) {
        self.state.frameworks.start_numbers_at(now.as_milliseconds().saturating_mul(1 << 20));
        for framework in frameworks.into_values() {
            self.observe_framework(now, framework);
        }
        for task in tasks.into_values() {
            self.observe_task(&task);
        }
    }

    /// Takes in the executors of one job. What one said may matter to what another was told: one after
    /// the other, in the order in which it must have happened.
    fn restore_executors(&mut self, now: Time, mut executors: BTreeMap<ExecutorKey, Known>) {
        loop {
            let mut progress = false;
            for (key, known) in &mut executors {
                if !known.is_seated() && self.may_return(key, known) && self.seat_again(now, known)
                {
                    known.note_seated();
                    progress = true;
                }
            }
            for (key, known) in &mut executors {
                if known.is_seated() && known.take_in(|left| self.claim(now, key, left, None)) {
                    progress = true;
                    self.report_again(now, key, known);
                }
            }
            if progress {
                continue;
            }
            let gone =
                |(_, known): &(&ExecutorKey, &Known)| known.is_seated() && self.is_gone(known);
            let settled = executors.iter().filter(gone).find(|(_, known)| known.is_settled());
            let mut next = settled.map(|(key, _)| key.clone());
            if next.is_none() {
                // Who ran the attempts before is not known any more.
                if self.claim_lowest(now, &mut executors) {
                    continue;
                }
                let gone =
                    |(_, known): &(&ExecutorKey, &Known)| known.is_seated() && self.is_gone(known);
                next = executors.iter().find(gone).map(|(key, _)| key.clone());
            }
            let Some(known) = next.as_ref().and_then(|key| executors.remove(key)) else { break };
            if let Some(key) = &next {
                self.report_again(now, key, &known);
                self.bury(now, key, &known);
            }
        }
        for (key, known) in executors {
            if known.is_seated() {
                self.pass_over(&key, known.left());
                self.report_again(now, &key, &known);
            } else if let Some(observation) = known.observation() {
                self.expel(now, observation);
                if let Some(departure) = known.departure() {
                    self.take_departure(now, &key, departure);
                }
            }
        }
    }

    /// Gives what there is of a gang as long as a new one has.
    fn bound_gang(&mut self, now: Time, id: JobId) {
        if let Some(job) = self.state.jobs.get_mut(id)
            && job.gang.is_forming()
            && !job.fleet.is_empty()
            && let Some(timeout) = job.spec.executor.gang_timeout_milliseconds
        {
            let at = now + timeout;
            job.gang.wait_until(at);
            self.agenda.set_timer(at, id);
        }
    }

    /// Lets stages start whose dependencies are stored, and ends a job of which nothing is left to do.
    pub(super) fn go_on(&mut self, now: Time, id: JobId) {
        let Some(job) = self.state.jobs.get_mut(id).filter(|job| !job.progress.is_final()) else {
            return;
        };
        if job.open_stages() {
            self.touch(id);
        }
        let Some(job) = self.state.jobs.get(id) else { return };
        if job.progress.is_finished() {
            self.succeed(now, id);
        }
    }

    /// Takes in an executor that the engine does not want: it belongs to no job, or to one that has
    /// another one in its place. It holds what it holds until it is gone.
    pub(super) fn expel(&mut self, now: Time, observed: &ExecutorObservation) {
        let job = JobObservation {
            key: observed.key.job.clone(),
            uid: observed.job_uid.clone(),
            generation: 0,
            created_at: now,
            spec: Ok(JobSpec { pool: observed.pool.clone(), ..senseless() }),
            status: None,
        };
        let mut job = self.build_job(now, job, BTreeMap::new());
        job.progress.never_run();
        let id = self.state.jobs.insert(job);
        self.state.former_jobs.entry(observed.key.job.clone()).or_default().push(id);
        self.seat_observed(now, id, observed);
        if let Some(executor) = self.state.find_executor(&observed.key) {
            self.stop_executor(executor);
        }
        self.leave_missing_node(now, observed);
    }

    /// An executor of a job that was there before must not be taken for one of the job that has its
    /// name now.
    fn avoid_epochs_of_others(&mut self, executors: &BTreeMap<ExecutorKey, Known>) {
        for (key, known) in executors {
            let uid = known.observation().map(|observation| &observation.job_uid);
            let id = self.state.job_by_key.get(&key.job).copied();
            if let Some(job) = id.and_then(|id| self.state.jobs.get_mut(id))
                && uid != Some(&job.uid)
            {
                job.fleet.skip_epochs(key.index, key.epoch.saturating_add(1));
            }
        }
    }

    /// Whether an executor is one of a job's, not accounted for, and has its place free.
    fn may_return(&self, key: &ExecutorKey, known: &Known) -> bool {
        let id = self.state.job_by_key.get(&key.job).copied();
        let Some(job) = id.and_then(|id| self.state.jobs.get(id)) else { return false };
        let uid = known.observation().map(|observation| &observation.job_uid);
        uid == Some(&job.uid)
            && job.fleet.get(key.index).is_none()
            && key.epoch >= job.fleet.next_epoch(key.index)
    }

    fn seat_again(&mut self, now: Time, known: &Known) -> bool {
        let Some(observed) = known.observation() else { return false };
        let Some(&id) = self.state.job_by_key.get(&observed.key.job) else { return false };
        self.seat_observed(now, id, observed);
        let Some(job) = self.state.jobs.get_mut(id) else { return false };
        if job.progress.begin(now) {
            self.touch(id);
        }
        let stays = self.state.jobs.get(id).is_some_and(|job| job.progress.is_running());
        if let (false, Some(executor)) = (stays, self.state.find_executor(&observed.key)) {
            self.stop_executor(executor);
        }
        true
    }

    fn seat_observed(&mut self, now: Time, id: JobId, observed: &ExecutorObservation) {
        let node = observed.node.as_ref().map(|name| {
            // Without the node there is nothing on it; the executor leaves at once.
            self.state.nodes.find(name).unwrap_or_else(|| self.note_missing(name))
        });
        let Ok(request) = self.request(&observed.request) else { return };
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let mut executor = Executor::new(observed.key.clone(), (id, node), request, now);
        executor.resume(observed.acknowledged_report, observed.terminating);
        if let Some(node) = node {
            self.state.nodes.charge(&self.state.pools, node, job.pool, &request);
            job.fleet.count_on(node);
        }
        if let Some(executor) = self.seat(executor)
            && observed.terminating
        {
            self.count_leaving(executor);
        }
        self.agenda.touch(id);
    }

    /// Whether an executor is gone, alone or with its node.
    fn is_gone(&self, known: &Known) -> bool {
        known.departure().is_some() || known.observation().is_some_and(|it| self.is_missing(it))
    }

    /// A node that stands only for what was said to be on it.
    fn is_missing(&self, observed: &ExecutorObservation) -> bool {
        observed.node.as_ref().is_some_and(|node| self.missing.contains(node))
    }

    fn leave_missing_node(&mut self, now: Time, observed: &ExecutorObservation) {
        if let Some(node) = observed.node.as_ref().filter(|_| self.is_missing(observed)) {
            self.forget_node(now, node);
        }
    }

    fn bury(&mut self, now: Time, key: &ExecutorKey, known: &Known) {
        if let Some(departure) = known.departure() {
            self.take_departure(now, key, departure);
        } else if let Some(node) = known.observation().and_then(|seen| seen.node.as_ref()) {
            self.take_departure(now, key, &Departure::Lost(format!("node {node} is gone")));
        }
    }

    /// Takes in attempts whose predecessors are nowhere to be found, those of the lowest number first.
    fn claim_lowest(&mut self, now: Time, executors: &mut BTreeMap<ExecutorKey, Known>) -> bool {
        let left = executors.values().filter(|known| known.is_seated()).flat_map(Known::left);
        let numbers: BTreeSet<u32> = left.map(|attempts| attempts.attempt).collect();
        for number in numbers {
            for (key, known) in executors.iter_mut().filter(|(_, known)| known.is_seated()) {
                if known.take_in(|left| self.claim(now, key, left, Some(number))) {
                    self.report_again(now, key, known);
                    return true;
                }
            }
        }
        false
    }

    /// Takes in what an executor was told to run, as far as it is not accounted for: the next attempts
    /// at partitions, or those of a number that may leave some out or stand beside others.
    fn claim(
        &mut self,
        now: Time,
        key: &ExecutorKey,
        left: &mut [StageAttempts],
        number: Option<u32>,
    ) -> bool {
        let Some(executor_id) = self.state.find_executor(key) else { return false };
        let mut others = BTreeMap::new();
        if number.is_some() {
            others = self.live_attempts(executor_id);
        }
        let Some((_, executor, id, job)) = self.state.executor_mut(key) else { return false };
        let mut claimed = false;
        for attempts in left.iter_mut() {
            let Some(index) = job.stage_index(&attempts.stage) else { continue };
            let stage = job.progress.stage_mut(index);
            let attempt = attempts.attempt;
            let mine = Live { executor: executor_id, attempt };
            attempts.partitions.keep_below(stage.partitions());
            let mut rest = attempts.partitions.clone();
            for partition in attempts.partitions.iter() {
                let older = stage.tries().is_older(partition, attempt);
                let turn = number
                    .map_or(older || attempt == stage.tries().next(partition), |it| attempt == it);
                if stage.is_settled(partition, attempt) {
                    rest.remove(partition);
                } else if turn
                    && stage.claim(partition, mine, others.get(&(index, partition)).copied())
                {
                    executor.assign((index, attempt, partition), stage.slots());
                    if job.spec.speculation.is_some() {
                        executor.work.note_assigned((index, attempt, partition), now);
                    }
                    rest.remove(partition);
                    claimed = true;
                }
            }
            attempts.partitions = rest;
        }
        if claimed {
            // Tasks run only once a gang is complete.
            job.gang.complete();
            self.agenda.touch(id);
        }
        claimed
    }

    /// The attempts of an executor's job that are on their way, by stage and partition.
    fn live_attempts(&self, id: ExecutorId) -> BTreeMap<(usize, u32), Live> {
        let mut live = BTreeMap::new();
        let job = self.state.executors.get(id).and_then(|it| self.state.jobs.get(it.job));
        for executor in job.into_iter().flat_map(|job| job.fleet.ids()) {
            let Some(it) = self.state.executors.get(executor) else { continue };
            for (&(stage, attempt), partitions) in it.work.assigned() {
                for partition in partitions.iter() {
                    live.insert((stage, partition), Live { executor, attempt });
                }
            }
        }
        live
    }

    /// Sees to it that the numbers of attempts that found no place are not used again.
    fn pass_over(&mut self, key: &ExecutorKey, left: &[StageAttempts]) {
        let Some((_, _, _, job)) = self.state.executor_mut(key) else { return };
        for attempts in left {
            let Some(index) = job.stage_index(&attempts.stage) else { continue };
            let stage = job.progress.stage_mut(index);
            let partitions = attempts.partitions.below(stage.partitions());
            for partition in partitions.iter() {
                if !stage.is_settled(partition, attempts.attempt) {
                    stage.skip_attempts(partition, attempts.attempt.saturating_add(1));
                }
            }
        }
    }

    /// Takes in an executor's last report, once more if more of it makes sense now.
    fn report_again(&mut self, now: Time, key: &ExecutorKey, known: &Known) {
        let Some(report) = known.report() else { return };
        let Some((_, executor, id, job)) = self.state.executor_mut(key) else { return };
        let number = report.number;
        executor.reports.expect_again(number, job.publication.next_revision());
        self.touch(id);
        self.take_report(now, key, report.clone());
    }
}

/// Takes over what became of a job.
pub(super) fn restore_job(now: Time, job: &mut Job, status: &JobStatus) {
    for (&index, &epoch) in &status.epochs {
        job.fleet.skip_epochs(index, epoch);
    }
    let stages = job.spec.stages.iter().map(|spec| {
        let stage = status.stages.iter().find(|stage| stage.name == spec.name);
        stage.map_or_else(|| StageRun::new(spec), |stage| restored_stage(spec, stage))
    });
    let has_failed = matches!(status.state, JobState::Failed | JobState::Restarting);
    let failure = has_failed.then(|| JobFailure::Noted {
        reason: status.reason.unwrap_or(Reason::Failed),
        message: status.message.clone().unwrap_or_default(),
    });
    let past = Past {
        state: status.state,
        failure,
        failures: status.failures.clone(),
        restarts: status.restarts,
        executor_failures: status.executors_failed,
        started_at: status.started_at,
        ended_at: status.ended_at.filter(|_| status.state.is_final()),
    };
    job.progress = Progress::restored(stages.collect(), past);
    if status.gang_formed {
        job.gang.complete();
    }
    if status.state == JobState::Restarting {
        let interval = job.spec.restart.map_or(Span::ZERO, |restart| restart.interval_milliseconds);
        job.pauses.plan_restart(now + interval);
    }
}

/// A stage as it stands in a status.
fn restored_stage(spec: &StageSpec, status: &StageStatus) -> StageRun {
    let uncounted =
        Uncounted { others: status.other_attempts.clone(), older: status.older_attempts.clone() };
    let past = PastStage {
        state: status.state,
        finished: &status.finished,
        committed: status.committed,
        failures: &status.failures,
        losses: &status.losses,
        uncounted,
        speculated: status.speculated,
    };
    let result = |partition| status.results.get(&spec.task_name(partition)).cloned();
    StageRun::restored(spec, &past, result)
}
