//! Statuses and views.

use std::collections::BTreeMap;

use super::Engine;
use crate::action::Action;
use crate::executors::DrainCause;
use crate::explain::{Rejection, Utc};
use crate::ids::{ExecutorId, JobId, NodeId};
use crate::jobs::{Job, ResultValue, StageRun, StageSpec};
use crate::nodes::Node;
use crate::reasons::Reason;
use crate::resources::Resources;
use crate::time::Time;
use crate::view::{JobStatus, NodeStatus, StageStatus};

impl Engine {
    /// The statuses that changed, each at most once an interval. What others wait for goes at once: the
    /// end of the job and of its stages.
    pub(super) fn publish_statuses(&mut self, now: Time) -> Vec<Action> {
        let mut statuses = Vec::new();
        for id in self.agenda.take_touched() {
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            let known = self.state.job_by_key.get(&job.key) == Some(&id);
            let due = job.publication.due(now, self.settings.status_interval_milliseconds);
            let Some(due) = due.filter(|_| known) else { continue };
            if due <= now {
                job.publication.give_out(now);
                if let Some(status) = self.job_status(id) {
                    statuses.push(Action::Status(Box::new(status)));
                }
            } else {
                self.agenda.set_timer(due, id);
            }
        }
        statuses
    }

    pub(super) fn job_statuses(&self) -> Vec<JobStatus> {
        self.state.job_by_key.values().filter_map(|&id| self.job_status(id)).collect()
    }

    fn job_status(&self, id: JobId) -> Option<JobStatus> {
        let job = self.state.jobs.get(id)?;
        let ready = job.fleet.ids().filter(|&id| {
            let executor = self.state.executors.get(id);
            executor.is_some_and(|executor| executor.ready && !executor.exit.is_stopping())
        });
        let (reason, message) = self.reason_and_message(job);
        let stages = job.spec.stages.iter().zip(job.progress.stages()).enumerate();
        Some(JobStatus {
            key: job.key.clone(),
            uid: job.uid.clone(),
            generation: job.generation,
            revision: job.publication.revision(),
            state: job.progress.state(),
            reason,
            message,
            position: job.waiting.position(),
            restarts: job.progress.restarts(),
            started_at: job.progress.started_at(),
            ended_at: job.progress.ended_at(),
            executors_ready: u32::try_from(ready.count()).unwrap_or(u32::MAX),
            executors_launched: job.fleet.count(),
            executors_wanted: job.wanted_executors(),
            executors_failed: job.progress.executor_failures(),
            executors_preferred: self.on_preferred_nodes(job),
            declined_nodes: job.choice.declines().describe(),
            epochs: job.fleet.epochs().clone(),
            gang_formed: !job.gang.is_forming(),
            stages: stages.map(|(i, (spec, run))| self.stage_status(job, i, spec, run)).collect(),
            failures: job.progress.failures().iter().cloned().collect(),
        })
    }

    fn reason_and_message(&self, job: &Job) -> (Option<Reason>, Option<String>) {
        if let Some(failure) = job.progress.failure() {
            return (Some(failure.reason()), Some(failure.to_string()));
        }
        if job.spec.suspend && !job.progress.is_final() {
            let message = "the job is suspended, and goes on when spec.suspend is false";
            return (Some(Reason::Suspended), Some(message.to_owned()));
        }
        let drain = self.drain_reason(job);
        // After an executor could not be made, the next one is likely to fail, too.
        let trouble = job.pauses.last_trouble().or_else(|| self.not_started(job));
        let Some(waiting) = job.waiting.reason().or(trouble.as_ref()) else {
            let drain = drain.map(|(reason, message)| (Some(reason), Some(message)));
            return drain.unwrap_or_else(|| waiting_for_nodes(job));
        };
        let sentence = waiting.display(&self.state.kinds);
        let mut executors = job.fleet.ids();
        let is_there = |id: ExecutorId| {
            self.state.executors.get(id).is_some_and(|it| it.delivery.is_confirmed())
        };
        let has_none = job.fleet.is_empty()
            || match trouble {
                // None of the executors that are there now has run yet.
                Some(Rejection::NotStarted { .. }) => true,
                Some(_) => !executors.any(is_there),
                None => false,
            };
        let message = if has_none {
            format!("waits for its first executor: {sentence}")
        } else {
            let (launched, wanted) = (job.fleet.count(), job.wanted_executors());
            format!("runs on {launched} of {wanted} executors: {sentence}")
        };
        match drain {
            Some((reason, drain)) => (Some(reason), Some(format!("{message}; {drain}"))),
            None => (Some(waiting.reason()), Some(message)),
        }
    }

    /// Why a job's last executor did not start, as long as none of them runs.
    fn not_started(&self, job: &Job) -> Option<Rejection> {
        let mut executors = job.fleet.ids().filter_map(|id| self.state.executors.get(id));
        if executors.any(|executor| executor.ready) {
            return None;
        }
        let (node, cause) = job.choice.declines().last_not_started()?;
        Some(Rejection::NotStarted { node: node.into(), cause: cause.into() })
    }

    /// Why executors of a job are on their way out.
    fn drain_reason(&self, job: &Job) -> Option<(Reason, String)> {
        let executors = job.fleet.ids().filter_map(|id| self.state.executors.get(id));
        let drains = executors.filter_map(|executor| {
            let draining = executor.exit.draining()?;
            Some((&draining.cause, draining.deadline?))
        });
        let drains: Vec<(&DrainCause, Time)> = drains.collect();
        let &(cause, _) = drains.iter().min()?;
        let mut same = drains.iter().filter(|&&(other, _)| other == cause);
        let until = same.clone().map(|&(_, deadline)| deadline).max()?;
        let (count, until) = (same.by_ref().count(), Utc(until));
        let (subject, their) = if count == 1 {
            ("1 executor drains".to_owned(), "its")
        } else {
            (format!("{count} executors drain"), "their")
        };
        let (reason, why) = match cause {
            DrainCause::Reclaim { pool } => {
                (Reason::Reclaimed, format!("{their} room goes to pool {pool}"))
            }
            DrainCause::NodeDrained => (Reason::NodeDrained, format!("{their} node is drained")),
            DrainCause::Maintenance => {
                (Reason::Maintenance, format!("{their} node's maintenance comes"))
            }
            DrainCause::NodeOvercommitted => {
                (Reason::NodeOvercommitted, format!("{their} node has less than what is on it"))
            }
            DrainCause::Surplus | DrainCause::NodeDeclined => return None,
        };
        Some((reason, format!("{subject} by {until}: {why}")))
    }

    fn on_preferred_nodes(&self, job: &Job) -> Option<u32> {
        let preferred = &job.spec.executor.preferred;
        if preferred.is_empty() {
            return None;
        }
        let is_preferred = |id: NodeId| {
            self.state.nodes.get(id).is_some_and(|node| preferred.includes(node.observed()))
        };
        let on_nodes = job.fleet.on_nodes().iter().filter(|&(&id, _)| is_preferred(id));
        Some(on_nodes.map(|(_, count)| count).sum())
    }

    fn stage_status(
        &self,
        job: &Job,
        index: usize,
        spec: &StageSpec,
        run: &StageRun,
    ) -> StageStatus {
        let executors = || job.fleet.ids().filter_map(|id| self.state.executors.get(id));
        let running: u64 = executors()
            .flat_map(|executor| executor.work.running())
            .filter(|((stage, _), _)| *stage == index)
            .map(|(_, partitions)| partitions.len())
            .sum();
        let mut live = BTreeMap::new();
        for executor in executors() {
            let groups = executor.work.assigned().iter().filter(|((stage, _), _)| *stage == index);
            for (&(stage, attempt), partitions) in groups {
                live.extend(partitions.iter().map(|partition| {
                    (
                        (partition, attempt),
                        executor.withdrawal.contains((stage, attempt, partition)),
                    )
                }));
            }
        }
        let uncounted = run.tries().uncounted(&live);
        let named =
            |(partition, value): (&u32, &ResultValue)| (spec.task_name(*partition), value.clone());
        StageStatus {
            name: spec.name.clone(),
            state: run.state(),
            tasks: run.tasks(),
            running: u32::try_from(running).unwrap_or(u32::MAX),
            speculative: u32::try_from(run.copies().twins().len()).unwrap_or(u32::MAX),
            speculated: run.copies().started(),
            finished: run.finished().clone(),
            committed: run.is_committed(),
            failures: run.tries().failures().clone(),
            losses: run.tries().losses().clone(),
            other_attempts: uncounted.others,
            older_attempts: uncounted.older,
            results: run.results().iter().map(named).collect(),
        }
    }

    pub(super) fn node_statuses(&self) -> Vec<NodeStatus> {
        let status = |node: &Node| NodeStatus {
            name: node.observed().name.clone(),
            offered: node.is_open(),
            usable: self.named(node.usable()),
            held: self.named(node.held()),
            outstanding: self.named(node.outstanding()),
            ports: node.observed().ports.clone(),
            ports_held: node.ports_held().clone(),
        };
        self.state.nodes.iter().map(|(_, node)| status(node)).collect()
    }

    pub(super) fn named(&self, resources: &Resources) -> Vec<(Box<str>, i64)> {
        let name = |kind| Box::from(self.state.kinds.name(kind));
        resources.iter().map(|(kind, amount)| (name(kind), amount)).collect()
    }
}

/// Says that a job has executors without a node, if it has some.
fn waiting_for_nodes(job: &Job) -> (Option<Reason>, Option<String>) {
    let message = match job.fleet.unplaced().len() {
        0 => return (None, None),
        1 => "1 executor waits for a node that an autoscaler may add".to_owned(),
        count => format!("{count} executors wait for nodes that an autoscaler may add"),
    };
    (Some(Reason::WaitingForNodes), Some(message))
}
