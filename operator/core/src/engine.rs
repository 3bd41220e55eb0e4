//! The loop's body: events in, actions out.

mod assign;
mod drain;
mod hold;
mod observe;
mod offer;
mod problems;
mod progress;
mod reclaim;
mod status;

use std::collections::BTreeSet;

use drain::Drains;
use hold::Holds;
use reclaim::Reclaiming;

use crate::action::Action;
use crate::allocator::Fairness;
use crate::event::Event;
use crate::jobs::{JobId, JobState, Milliseconds};
use crate::reclaim::ReclaimDefaults;
use crate::state::State;
use crate::view::View;

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The least time between two versions of a job's status; the first change and the end go at
    /// once.
    pub status_interval_milliseconds: Milliseconds,
    /// Who is offered resources next.
    pub fairness: Fairness,
    /// What pools take back that do not say otherwise, and how long executors drain in general.
    pub reclaim: ReclaimDefaults,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            status_interval_milliseconds: 1000,
            fairness: Fairness::default(),
            reclaim: ReclaimDefaults::default(),
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
    pub(crate) state: State,
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
    drains: Drains,
    holds: Holds,
    reclaiming: Reclaiming,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Milliseconds, event: Event) {
        match event {
            Event::Node(node) => self.observe_node(now, node),
            Event::NodeGone(name) => self.forget_node(now, &name),
            Event::Pool(pool) => self.observe_pool(&pool),
            Event::PoolGone(name) => self.forget_pool(&name),
            Event::Job(job) => self.observe_job(now, *job),
            Event::JobGone(key) => self.forget_job(&key),
            Event::Report(key, report) => self.take_report(now, &key, report),
            Event::ExecutorGone(key, departure) => self.take_departure(now, &key, &departure),
            Event::NotDelivered(key) => self.deliver_again(&key),
        }
    }

    /// Decides what should be different.
    pub fn tick(&mut self, now: Milliseconds) -> Vec<Action> {
        self.fire_timers(now);
        self.empty_nodes(now);
        self.finish_drains(now);
        self.release_idle_executors();
        self.serve_holds(now);
        self.make_offers(now);
        self.serve_holds(now);
        self.reclaim(now);
        self.assign_tasks();
        // Statuses come first: what is assigned may refer to results that stand in them.
        let mut actions = self.publish_statuses(now);
        actions.append(&mut self.outgoing);
        actions
    }

    /// When the engine wants to be ticked again, if nothing happens before.
    pub fn next_wakeup(&self) -> Option<Milliseconds> {
        if self.offers_due {
            return Some(0);
        }
        let timer = self.timers.first().map(|&(time, _)| time);
        let others = [self.drains.wakeup(), self.holds.wakeup(), self.reclaiming.wakeup()];
        timer.into_iter().chain(others.into_iter().flatten()).min()
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
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            self.touched.insert(id);
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
