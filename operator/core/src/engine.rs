//! The loop's body: events in, actions out.

mod assign;
mod check;
mod observe;
mod offer;
mod progress;
mod restore;
mod status;
mod writes;

use std::collections::BTreeSet;

use crate::action::Action;
use crate::allocator::Fairness;
use crate::event::Event;
use crate::jobs::{JobId, JobState, Milliseconds};
use crate::state::State;
use crate::view::View;
pub(crate) use check::ensure;
use restore::Restoring;

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The least time between two versions of a job's status; the first change and the end go at
    /// once.
    pub status_interval_milliseconds: Milliseconds,
    /// Who is offered resources next.
    pub fairness: Fairness,
    /// How long the engine waits to hear that what it gave out was done before it gives it out
    /// again. `None` where everything is done at once and for certain, as on one machine.
    pub write_deadline_milliseconds: Option<Milliseconds>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            status_interval_milliseconds: 1000,
            fairness: Fairness::default(),
            write_deadline_milliseconds: None,
        }
    }
}

/// Folds events into its state and decides.
///
/// Time is given by the caller and never goes back. [`Engine::handle`] only takes in what happened;
/// [`Engine::tick`] decides, once for all that was taken in.
#[derive(Debug, Default)]
pub struct Engine {
    settings: Settings,
    state: State,
    /// Whether something changed that could lead to a new offer.
    offers_due: bool,
    /// Jobs that have to be looked at in the next tick.
    touched: BTreeSet<JobId>,
    /// Jobs that want more executors.
    wanting: BTreeSet<JobId>,
    /// When to look at which job again. Entries may be out of date.
    timers: BTreeSet<(Milliseconds, JobId)>,
    /// Executors to launch, to tell and to remove, for the next tick to give out.
    outgoing: Vec<Action>,
    /// What was there before the engine, until all of it was told.
    restoring: Option<Box<Restoring>>,
    /// Nodes that stand only for what was said to be on them.
    missing_nodes: BTreeSet<Box<str>>,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// An engine that goes on where another one stopped. It decides nothing before it has heard
    /// [`Event::Synced`], and before that it wants to hear of everything that there is.
    pub fn restoring(settings: Settings) -> Self {
        Self { settings, restoring: Some(Box::default()), ..Self::default() }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Milliseconds, event: Event) {
        let event = match &mut self.restoring {
            Some(restoring) => match restoring.keep(event) {
                Some(event) => event,
                None => return,
            },
            None => event,
        };
        match event {
            Event::Node(node) => self.observe_node(node),
            Event::NodeGone(name) => self.forget_node(now, &name),
            Event::Pool(pool) => self.observe_pool(&pool),
            Event::PoolGone(name) => self.forget_pool(&name),
            Event::Job(job) => self.observe_job(now, *job),
            Event::JobGone(key) => self.forget_job(&key),
            Event::Report(key, report) => self.take_report(now, &key, report),
            Event::ExecutorGone(key, departure) => self.take_departure(now, &key, &departure),
            Event::NotDelivered(key) => self.deliver_again(&key),
            Event::Executor(executor) => self.observe_executor(now, &executor),
            Event::Synced => self.restore(now),
            Event::StatusWritten { job, uid, revision } => {
                self.status_written(now, &job, &uid, revision);
            }
            Event::StatusNotWritten { job, uid } => self.status_not_written(now, &job, &uid),
            Event::Discarded(key) => self.forget_remains(&key),
        }
    }

    /// Decides what should be different.
    pub fn tick(&mut self, now: Milliseconds) -> Vec<Action> {
        if self.restoring.is_some() {
            return Vec::new();
        }
        self.fire_timers(now);
        self.release_idle_executors();
        self.make_offers(now);
        self.assign_tasks();
        // Statuses come first: what is assigned may refer to results that stand in them.
        let mut actions = self.publish_statuses(now);
        let outgoing = std::mem::take(&mut self.outgoing);
        actions.extend(outgoing.into_iter().filter(|action| self.matters(action)));
        self.await_writes(now, &actions);
        actions
    }

    /// When the engine wants to be ticked again, if nothing happens before.
    pub fn next_wakeup(&self) -> Option<Milliseconds> {
        self.timers.first().map(|&(time, _)| time)
    }

    /// Everything at this moment.
    pub fn view(&self) -> View {
        View { jobs: self.job_statuses(), pools: self.pool_statuses(), nodes: self.node_statuses() }
    }

    /// Notes that a job has to be looked at, and that its status may have changed.
    fn touch(&mut self, id: JobId) {
        if let Some(job) = self.state.jobs.get_mut(id) {
            job.status_changed = true;
        }
        self.touched.insert(id);
    }

    fn set_timer(&mut self, at: Milliseconds, id: JobId) {
        self.timers.insert((at, id));
    }

    /// Does what is due: deadlines, restarts, gangs that did not form.
    fn fire_timers(&mut self, now: Milliseconds) {
        while let Some(&(at, id)) = self.timers.first().filter(|&&(at, _)| at <= now) {
            self.timers.remove(&(at, id));
            self.tell_again(now, id);
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            self.touched.insert(id);
            if job.withheld_until.is_some_and(|at| at <= now) {
                job.withheld_until = None;
                self.offers_due = true;
            }
            if job.state.is_final() {
                continue;
            }
            let deadline = job.spec.deadline_milliseconds;
            if deadline.is_some_and(|limit| job.created_at.saturating_add(limit) <= now) {
                self.exceed_deadline(now, id);
            } else if job.restart_at.is_some_and(|at| at <= now) && job.executors.is_empty() {
                job.restart_at = None;
                job.state = JobState::Pending;
                job.failure = None;
                self.offers_due = true;
                self.touch(id);
            } else if job.gang_deadline.is_some_and(|at| at <= now) {
                job.gang_deadline = None;
                self.stop_executors(id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
