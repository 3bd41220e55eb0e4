//! What is told before everything was: an engine that goes on where another one stopped decides nothing
//! before.

use std::collections::BTreeMap;

use crate::event::{Departure, Event, ExecutorObservation, JobObservation, Report, StageAttempts};
use crate::frameworks::{FrameworkCall, FrameworkObservation, RunningTask};
use crate::ids::{ExecutorKey, JobKey, TaskId};

/// The last that was told of each thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restoring {
    jobs: BTreeMap<JobKey, JobObservation>,
    executors: BTreeMap<ExecutorKey, Known>,
    frameworks: BTreeMap<JobKey, FrameworkObservation>,
    tasks: BTreeMap<(JobKey, TaskId), RunningTask>,
    calls: Vec<(JobKey, FrameworkCall)>,
}

/// All that was told, to be taken in.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Those that were created first come first.
    pub(crate) jobs: Vec<JobObservation>,
    pub(crate) executors: BTreeMap<ExecutorKey, Known>,
    pub(crate) frameworks: BTreeMap<JobKey, FrameworkObservation>,
    pub(crate) tasks: BTreeMap<(JobKey, TaskId), RunningTask>,
    /// In the order in which they were made.
    pub(crate) calls: Vec<(JobKey, FrameworkCall)>,
}

/// What is known of an executor, and what of it is taken in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    observation: Option<ExecutorObservation>,
    report: Option<Report>,
    departure: Option<Departure>,
    /// Where it landed, if its observation does not say.
    landed_on: Option<Box<str>>,
    /// Whether it has its place in its job.
    seated: bool,
    /// The attempts that are not taken in yet.
    left: Vec<StageAttempts>,
}

impl Known {
    /// What was seen of it, with the node where it landed.
    pub(crate) fn observation(&self) -> Option<&ExecutorObservation> {
        self.observation.as_ref()
    }

    /// The last that it reported.
    pub(crate) fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// How it went, if it is gone.
    pub(crate) fn departure(&self) -> Option<&Departure> {
        self.departure.as_ref()
    }

    /// Whether it has its place in its job.
    pub(crate) fn is_seated(&self) -> bool {
        self.seated
    }

    /// It has its place in its job.
    pub(crate) fn note_seated(&mut self) {
        self.seated = true;
    }

    /// The attempts that are not taken in yet.
    pub(crate) fn left(&self) -> &[StageAttempts] {
        &self.left
    }

    /// Has `claim` take in what is left, of which it leaves what cannot be taken in yet; says whether
    /// it took in any.
    pub(crate) fn take_in(&mut self, claim: impl FnOnce(&mut [StageAttempts]) -> bool) -> bool {
        claim(&mut self.left)
    }

    fn place(&mut self) {
        if let Some(observation) = &mut self.observation {
            observation.node = observation.node.take().or(self.landed_on.take());
        }
    }

    /// Whether all that it was told is accounted for.
    pub(crate) fn is_settled(&self) -> bool {
        self.left.iter().all(|attempts| attempts.partitions.is_empty())
    }
}

impl Restoring {
    /// Keeps what has to wait; returns what has not.
    pub(crate) fn keep(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Job(mut job) => {
                if let Some(before) = self.jobs.get_mut(&job.key).filter(|it| it.uid == job.uid) {
                    // Nothing is decided yet, so what became of it is what was said first.
                    job.status = job.status.or(before.status.take());
                }
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
            Event::Placed(key, node) => {
                self.executors.entry(key).or_default().landed_on = Some(node);
            }
            Event::Framework(framework) => {
                self.frameworks.insert(framework.key.clone(), *framework);
            }
            Event::FrameworkGone(key) => {
                self.frameworks.remove(&key);
            }
            Event::TaskRunning(task) => {
                self.tasks.insert((task.framework.clone(), task.task.clone()), *task);
            }
            Event::TaskGone(key, task) => {
                self.tasks.remove(&(key, task));
            }
            Event::FrameworkCall(key, call) => self.calls.push((key, call)),
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

    /// Everything was told.
    pub(crate) fn end(self) -> Told {
        let Self { jobs, mut executors, frameworks, tasks, calls } = self;
        let mut jobs: Vec<JobObservation> = jobs.into_values().collect();
        jobs.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
        executors.values_mut().for_each(Known::place);
        Told { jobs, executors, frameworks, tasks, calls }
    }
}
