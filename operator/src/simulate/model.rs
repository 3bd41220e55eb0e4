//! The cluster on virtual time: nodes and executors that do what the engine says.
//!
//! Time jumps from one moment at which something happens to the next. At each, the engine hears of
//! everything that happens, decides, and is answered until it wants nothing more.
//!
//! An executor is ready a while after its launch, runs its tasks in as many slots as it has, each
//! for its duration, and reports at once. One that is told to go is gone at once.

mod executor;

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::ExecutorKey;
use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::{Departure, Event, JobObservation, NodeObservation, PoolObservation};
use proffer_core::jobs::{JobKey, JobSpec, JobState};
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;

use super::timeline::{Amounts, Timeline};
use super::units::Seconds;
use executor::{Executor, Task};

/// How often the engine may be asked at one moment before it is taken to run in a circle.
const MOST_ROUNDS: u32 = 10_000;

/// How many of the waiting jobs an error names.
const MOST_NAMED: usize = 5;

/// What is simulated.
#[derive(Clone, Debug)]
pub(super) struct Setup<'a> {
    pub(super) settings: Settings,
    pub(super) nodes: &'a [NodeObservation],
    pub(super) pools: &'a [PoolObservation],
    /// Ordered by time.
    pub(super) submissions: &'a [Submission],
    /// How many accounts there are.
    pub(super) accounts: usize,
    /// From an executor's launch until it can run tasks.
    pub(super) start_delay: Seconds,
    /// When all jobs have to have ended.
    pub(super) time_limit: Seconds,
}

/// A job that comes at some time.
#[derive(Clone, Debug)]
pub(super) struct Submission {
    pub(super) at: Time,
    /// The job's name, of which there is only one.
    pub(super) name: Box<str>,
    /// The account that what it holds is booked on, below [`Setup::accounts`].
    pub(super) account: usize,
    /// How long each of its tasks runs; above 0.
    pub(super) task_duration: Span,
    pub(super) spec: JobSpec,
}

/// What became of all jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// In the order of the submissions.
    pub(super) jobs: Vec<Course>,
    /// What was held on each account.
    pub(super) held: Timeline,
}

/// What became of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// When its first executor was launched.
    pub(super) started_at: Option<Time>,
    /// When it ended.
    pub(super) ended_at: Option<Time>,
    /// How many of its tasks ran to their end; one that ran twice counts twice.
    pub(super) tasks_run: u64,
}

/// Why a simulation came to no end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SimulationError {
    /// Nothing will ever happen any more, and jobs wait.
    #[error("nothing happens after {at}, but not all jobs have ended: {waiting}")]
    Stuck { at: Seconds, waiting: String },
    /// The time is over.
    #[error("not all jobs have ended by {limit}: {waiting}; --time-limit allows more time")]
    TimeLimit { limit: Seconds, waiting: String },
    /// A job failed, although no task ever does.
    #[error("job {job} failed at {at}: {message}")]
    Failed { job: Box<str>, at: Seconds, message: String },
    /// The engine broke its first promise.
    #[error("at {at} the executors on node {node} hold more than it has; this is a bug in Proffer")]
    Overcommitted { at: Seconds, node: Box<str> },
    /// The engine finds no rest.
    #[error("the engine comes to no rest at {at}; this is a bug in Proffer")]
    Restless { at: Seconds },
}

/// Something that will happen.
#[derive(Clone, Debug)]
enum Happening {
    /// The submission of this index is due.
    Submission(usize),
    /// An executor can run tasks.
    Ready(ExecutorKey),
    /// A task comes to its end.
    TaskEnds(ExecutorKey, Task),
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    usable: Amounts,
    held: Amounts,
}

/// The cluster at one moment.
#[derive(Debug)]
struct Model<'a> {
    setup: &'a Setup<'a>,
    engine: Engine,
    now: Time,
    /// By time; those of one moment in the order in which they were foreseen.
    happenings: BTreeMap<(Time, u64), Happening>,
    next_number: u64,
    /// The submission that each job came by.
    submission_of_job: BTreeMap<JobKey, usize>,
    executors: BTreeMap<ExecutorKey, Executor>,
    /// The executors that have something to report.
    reporting: BTreeSet<ExecutorKey>,
    nodes: BTreeMap<Box<str>, Node>,
    held: Vec<Amounts>,
    unended: usize,
    outcome: Outcome,
}

/// Runs all jobs to their end.
pub(super) fn run(setup: &Setup<'_>) -> Result<Outcome, SimulationError> {
    let mut model = Model::new(setup);
    while model.step()? {}
    Ok(model.outcome)
}

impl<'a> Model<'a> {
    fn new(setup: &'a Setup<'a>) -> Self {
        let mut model = Self {
            setup,
            engine: Engine::new(setup.settings.clone()),
            now: Time::ZERO,
            happenings: BTreeMap::new(),
            next_number: 0,
            submission_of_job: BTreeMap::new(),
            executors: BTreeMap::new(),
            reporting: BTreeSet::new(),
            nodes: BTreeMap::new(),
            held: vec![Amounts::default(); setup.accounts],
            unended: setup.submissions.len(),
            outcome: Outcome {
                jobs: vec![Course::default(); setup.submissions.len()],
                held: Timeline::default(),
            },
        };
        for node in setup.nodes {
            let usable = Amounts::named(&node.allocatable);
            model.nodes.insert(node.name.clone(), Node { usable, held: Amounts::default() });
            model.engine.handle(Time::ZERO, Event::Node(node.clone()));
        }
        for pool in setup.pools {
            model.engine.handle(Time::ZERO, Event::Pool(pool.clone()));
        }
        for (index, submission) in setup.submissions.iter().enumerate() {
            model.foresee(submission.at, Happening::Submission(index));
        }
        model
    }

    /// Goes on to the next moment at which something happens; `false` when all has ended.
    fn step(&mut self) -> Result<bool, SimulationError> {
        if self.unended == 0 && self.executors.is_empty() {
            return Ok(false);
        }
        let happening = self.happenings.first_key_value().map(|(&(at, _), _)| at);
        // Virtual time goes on, whatever the engine asks for.
        let wakeup =
            self.engine.next_wakeup().map(|at| at.max(self.now + Span::from_milliseconds(1)));
        let Some(next) = happening.into_iter().chain(wakeup).min() else {
            let at = Seconds::until(self.now);
            return Err(SimulationError::Stuck { at, waiting: self.waiting() });
        };
        let limit = self.setup.time_limit;
        if next > Time::ZERO + limit.span() {
            return Err(SimulationError::TimeLimit { limit, waiting: self.waiting() });
        }
        self.now = next;
        while let Some(entry) = self.happenings.first_entry().filter(|entry| entry.key().0 <= next)
        {
            let happening = entry.remove();
            self.happens(happening);
        }
        self.settle()?;
        self.outcome.held.note(self.now, &self.held);
        Ok(true)
    }

    fn foresee(&mut self, at: Time, happening: Happening) {
        self.happenings.insert((at, self.next_number), happening);
        self.next_number += 1;
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Submission(index) => self.submit(index),
            Happening::Ready(key) => {
                if let Some(executor) = self.executors.get_mut(&key) {
                    executor.become_ready();
                    self.reporting.insert(key);
                }
            }
            Happening::TaskEnds(key, task) => {
                if let Some(executor) = self.executors.get_mut(&key)
                    && executor.finish(task)
                {
                    self.outcome.jobs[executor.submission].tasks_run += 1;
                    self.reporting.insert(key);
                }
            }
        }
    }

    fn submit(&mut self, index: usize) {
        let Submission { at, name, spec, .. } = &self.setup.submissions[index];
        let key = JobKey { namespace: "simulation".into(), name: (**name).into() };
        self.submission_of_job.insert(key.clone(), index);
        let observed = JobObservation {
            key,
            uid: name.clone(),
            generation: 1,
            created_at: *at,
            spec: Ok(spec.clone()),
            status: None,
        };
        self.engine.handle(self.now, Event::Job(Box::new(observed)));
    }

    /// Lets executors report and the engine decide until nothing more is to be done now.
    fn settle(&mut self) -> Result<(), SimulationError> {
        for _ in 0..MOST_ROUNDS {
            for key in std::mem::take(&mut self.reporting) {
                self.report(&key);
            }
            let actions = self.engine.tick(self.now);
            if actions.is_empty() && self.reporting.is_empty() {
                return Ok(());
            }
            for action in actions {
                self.apply(action)?;
            }
        }
        Err(SimulationError::Restless { at: Seconds::until(self.now) })
    }

    /// Starts what fits into an executor's slots, and tells the engine of it.
    fn report(&mut self, key: &ExecutorKey) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        let started = executor.start_tasks();
        let report = executor.report();
        let duration = self.setup.submissions[executor.submission].task_duration;
        for task in started {
            self.foresee(self.now + duration, Happening::TaskEnds(key.clone(), task));
        }
        self.engine.handle(self.now, Event::Report(key.clone(), report));
    }

    fn apply(&mut self, action: Action) -> Result<(), SimulationError> {
        match action {
            // Pools are never elastic here, so there always is a node.
            Action::Launch(launch) => self.launch(launch.key, launch.node.unwrap_or_default()),
            Action::Assign(assignment) => {
                if let Some(executor) = self.executors.get_mut(&assignment.key)
                    && executor.assign(assignment.number, assignment.attempts)
                {
                    self.reporting.insert(assignment.key);
                }
                Ok(())
            }
            Action::Remove(key) => {
                self.remove(key);
                Ok(())
            }
            Action::Status(status) => self.take_status(*status),
            // There are no frameworks in traces.
            Action::Discard(_) | Action::Framework(..) => Ok(()),
        }
    }

    fn launch(&mut self, key: ExecutorKey, name: Box<str>) -> Result<(), SimulationError> {
        if self.executors.contains_key(&key) {
            return Ok(());
        }
        let Some(&submission) = self.submission_of_job.get(&key.job) else { return Ok(()) };
        let Submission { spec, account, .. } = &self.setup.submissions[submission];
        let request = Amounts::named(&spec.executor.request);
        let node = self.nodes.entry(name.clone()).or_default();
        node.held = node.held.plus(request);
        if !node.held.fits_in(node.usable) {
            let at = Seconds::until(self.now);
            return Err(SimulationError::Overcommitted { at, node: name });
        }
        self.held[*account] = self.held[*account].plus(request);
        let executor = Executor::new(submission, name, spec.executor.slots);
        self.executors.insert(key.clone(), executor);
        let ready_at = self.now + self.setup.start_delay.span();
        self.foresee(ready_at, Happening::Ready(key));
        Ok(())
    }

    fn remove(&mut self, key: ExecutorKey) {
        let Some(executor) = self.executors.remove(&key) else { return };
        let Submission { spec, account, .. } = &self.setup.submissions[executor.submission];
        let request = Amounts::named(&spec.executor.request);
        if let Some(node) = self.nodes.get_mut(&executor.node) {
            node.held = node.held.minus(request);
        }
        self.held[*account] = self.held[*account].minus(request);
        self.engine.handle(self.now, Event::ExecutorGone(key, Departure::Asked));
    }

    fn take_status(&mut self, status: JobStatus) -> Result<(), SimulationError> {
        let Some(&index) = self.submission_of_job.get(&status.key) else { return Ok(()) };
        if status.state == JobState::Failed {
            return Err(SimulationError::Failed {
                job: self.setup.submissions[index].name.clone(),
                at: Seconds::until(self.now),
                message: status.message.unwrap_or_default(),
            });
        }
        let course = &mut self.outcome.jobs[index];
        self.unended -= usize::from(course.ended_at.is_none() && status.ended_at.is_some());
        (course.started_at, course.ended_at) = (status.started_at, status.ended_at);
        Ok(())
    }

    /// The jobs that have not ended, and why, as far as the engine says.
    fn waiting(&self) -> String {
        let view = self.engine.view();
        let unended: Vec<&JobStatus> =
            view.jobs.iter().filter(|job| !job.state.is_final()).collect();
        let name = |job: &&JobStatus| {
            let message = job.message.as_deref().unwrap_or("runs");
            format!("{} {message}", job.key.name)
        };
        let mut sentences: Vec<String> = unended.iter().take(MOST_NAMED).map(name).collect();
        let unnamed = self.unended.saturating_sub(sentences.len());
        if unnamed > 0 {
            sentences.push(format!("and {unnamed} more"));
        }
        sentences.join("; ")
    }
}

#[cfg(test)]
mod tests;
