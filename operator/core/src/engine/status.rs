//! Statuses and views.

use super::Engine;
use crate::action::Action;
use crate::executors::{DrainCause, Draining};
use crate::explain::TimeOfDay;
use crate::jobs::{Job, JobId, JobState, Milliseconds, ResultValue, StageRun, StageSpec};
use crate::nodes::Node;
use crate::pools::{Pool, PoolId};
use crate::resources::Resources;
use crate::share::{Share, shared_kinds};
use crate::view::{JobStatus, NodeStatus, PoolStatus, StageStatus};

impl Engine {
    /// The statuses that changed, each at most once an interval but for what others wait for: the end
    /// of the job and of its stages.
    pub(super) fn publish_statuses(&mut self, now: Milliseconds) -> Vec<Action> {
        let mut statuses = Vec::new();
        let ids: Vec<JobId> = std::mem::take(&mut self.touched).into_iter().collect();
        for id in ids {
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            let known = self.state.job_by_key.get(&job.key) == Some(&id);
            if !job.status_changed || !known {
                continue;
            }
            let interval = self.settings.status_interval_milliseconds;
            let due = job.status_at.map_or(now, |at| at.saturating_add(interval));
            if due <= now || job.status_urgent {
                (job.status_changed, job.status_urgent) = (false, false);
                job.status_at = Some(now);
                if let Some(status) = self.job_status(id) {
                    statuses.push(Action::Status(Box::new(status)));
                }
            } else {
                self.set_timer(due, id);
            }
        }
        statuses
    }

    pub(super) fn job_statuses(&self) -> Vec<JobStatus> {
        self.state.job_by_key.values().filter_map(|&id| self.job_status(id)).collect()
    }

    fn job_status(&self, id: JobId) -> Option<JobStatus> {
        let job = self.state.jobs.get(id)?;
        let ready = job.executors.values().filter(|&&id| {
            let executor = self.state.executors.get(id);
            executor.is_some_and(|executor| executor.ready && !executor.stopping)
        });
        let (reason, message) = self.reason_and_message(job);
        let stages = job.spec.stages.iter().zip(&job.stages).enumerate();
        Some(JobStatus {
            key: job.key.clone(),
            uid: job.uid.clone(),
            generation: job.generation,
            state: job.state,
            reason,
            message,
            position: job.position,
            restarts: job.restarts,
            started_at: job.started_at,
            ended_at: job.ended_at,
            executors_ready: u32::try_from(ready.count()).unwrap_or(u32::MAX),
            executors_launched: job.launched(),
            executors_wanted: job.wanted_executors(),
            executors_failed: job.executor_failures,
            stages: stages.map(|(i, (spec, run))| self.stage_status(job, i, spec, run)).collect(),
            failures: job.failures.iter().cloned().collect(),
        })
    }

    fn reason_and_message(&self, job: &Job) -> (Option<&'static str>, Option<String>) {
        if let Some(failure) = &job.failure {
            return (Some(failure.reason), Some(failure.message.clone()));
        }
        let drain = self.drain_reason(job);
        let Some(waiting) = &job.waiting else {
            return drain.map_or((None, None), |(reason, message)| (Some(reason), Some(message)));
        };
        let sentence = waiting.display(&self.state.kinds);
        let message = if job.executors.is_empty() {
            format!("waits for its first executor: {sentence}")
        } else {
            let (launched, wanted) = (job.launched(), job.wanted_executors());
            format!("runs on {launched} of {wanted} executors: {sentence}")
        };
        match drain {
            Some((reason, drain)) => (Some(reason), Some(format!("{message}; {drain}"))),
            None => (Some(waiting.reason()), Some(message)),
        }
    }

    /// Why executors of a job are on their way out.
    fn drain_reason(&self, job: &Job) -> Option<(&'static str, String)> {
        let executors = job.executors.values().filter_map(|&id| self.state.executors.get(id));
        let drains: Vec<&Draining> =
            executors.filter_map(|executor| executor.draining.as_ref()).collect();
        let cause = drains.iter().map(|draining| &draining.cause).min()?;
        let mut same = drains.iter().filter(|draining| draining.cause == *cause);
        let until = same.clone().map(|draining| draining.deadline).max()?;
        let (count, until) = (same.by_ref().count(), TimeOfDay(until));
        let (subject, their) = if count == 1 {
            ("1 executor drains".to_owned(), "its")
        } else {
            (format!("{count} executors drain"), "their")
        };
        let (reason, why) = match cause {
            DrainCause::Reclaim { pool } => {
                ("Reclaimed", format!("{their} room goes to pool {pool}"))
            }
            DrainCause::NodeDrained => ("NodeDrained", format!("{their} node is drained")),
            DrainCause::Maintenance => ("Maintenance", format!("{their} node's maintenance comes")),
            DrainCause::NodeOvercommitted => {
                ("NodeOvercommitted", format!("{their} node has less than what is on it"))
            }
        };
        Some((reason, format!("{subject} by {until}: {why}")))
    }

    fn stage_status(
        &self,
        job: &Job,
        index: usize,
        spec: &StageSpec,
        run: &StageRun,
    ) -> StageStatus {
        let executors = job.executors.values().filter_map(|&id| self.state.executors.get(id));
        let running: u64 = executors
            .flat_map(|executor| &executor.running)
            .filter(|((stage, _), _)| *stage == index)
            .map(|(_, partitions)| partitions.len())
            .sum();
        let named =
            |(partition, value): (&u32, &ResultValue)| (spec.task_name(*partition), value.clone());
        StageStatus {
            name: spec.name.clone(),
            state: run.state,
            tasks: run.tasks,
            running: u32::try_from(running).unwrap_or(u32::MAX),
            finished: run.finished.clone(),
            committed: run.committed,
            failures: run.failures.clone(),
            losses: run.losses.clone(),
            results: run.results.iter().map(named).collect(),
        }
    }

    pub(super) fn pool_statuses(&self) -> Vec<PoolStatus> {
        let mut running = vec![0_u32; self.state.pools.bound()];
        let mut pending = vec![0_u32; self.state.pools.bound()];
        for &id in self.state.job_by_key.values() {
            let Some(job) = self.state.jobs.get(id) else { continue };
            let counts = match job.state {
                _ if !job.executors.is_empty() => &mut running,
                JobState::Pending | JobState::Running => &mut pending,
                _ => continue,
            };
            let mut pool = Some(job.pool);
            while let Some(id) = pool {
                counts[crate::arena::Id::index(id)] += 1;
                pool = self.state.pools.get(id).and_then(|pool| pool.parent);
            }
        }
        let shared = shared_kinds(&self.state.kinds);
        let status = |(id, pool): (PoolId, &Pool)| {
            let index = crate::arena::Id::index(id);
            let unmet = pool.settings.guarantee.above(&pool.held);
            PoolStatus {
                name: pool.name.clone(),
                declared: pool.declared,
                allocated: self.named(&pool.held),
                dominant_share: Share::dominant(&pool.held, self.state.nodes.total(), &shared),
                problems: self.pool_problems(pool),
                guarantee_met: unmet.is_none() || pending[index] == 0,
                running_jobs: running[index],
                pending_jobs: pending[index],
            }
        };
        self.state.pools.iter().map(status).collect()
    }

    pub(super) fn node_statuses(&self) -> Vec<NodeStatus> {
        let status = |node: &Node| NodeStatus {
            name: node.observed.name.clone(),
            offered: node.is_open(),
            usable: self.named(&node.usable),
            held: self.named(&node.held),
        };
        self.state.nodes.iter().map(|(_, node)| status(node)).collect()
    }

    fn named(&self, resources: &Resources) -> Vec<(Box<str>, i64)> {
        let name = |kind| Box::from(self.state.kinds.name(kind));
        resources.iter().map(|(kind, amount)| (name(kind), amount)).collect()
    }
}
