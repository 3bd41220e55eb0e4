//! The loop's body: events in, actions out.

mod assign;
mod books;
mod check;
mod decline;
mod departures;
mod drain;
mod due;
mod elastic;
mod entitlements;
mod frameworks;
mod head_of_line;
mod hold;
mod observe;
mod offer;
mod pool_status;
mod pools;
mod problems;
mod progress;
mod reclaim;
mod reports;
mod restore;
mod sizing;
mod speculate;
mod status;
mod writes;

use serde::{Deserialize, Serialize};

use books::{
    Agenda, Drains, HeadOfLine, Holds, MissingNodes, Penalties, Queue, Reclaiming, Restoring,
};

use crate::action::Action;
use crate::event::Event;
use crate::frameworks::NamedAmounts;
use crate::ids::{ExecutorId, JobId, JobKey};
use crate::policy::{Fairness, ReclaimDefaults};
use crate::resources::Kind;
use crate::share::{SHARED_RESOURCES, shared_kinds};
use crate::state::State;
use crate::time::{Span, Time};
use crate::view::{FrameworkStatus, Market, PoolStatus, View};

/// Settings of the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The least time between two versions of a job's status; the first change and the end go at
    /// once.
    pub status_interval_milliseconds: Span,
    /// Who is offered resources next.
    pub fairness: Fairness,
    /// After how long what a pool held counts half in its share; nothing if only what it holds
    /// counts.
    pub share_half_life_milliseconds: Option<Span>,
    /// The resources that shares are taken of; others only count for what fits.
    pub shared_resources: Vec<Box<str>>,
    /// The resources, beside cpu and memory and those that jobs and pools name, that are offered to
    /// frameworks.
    pub offered_resources: Vec<Box<str>>,
    /// How long a framework has for an answer to an offer; for ever if there is no time.
    pub offer_timeout_milliseconds: Option<Span>,
    /// How long a framework does not see again what it gave back. Others see it at once.
    pub return_delay_milliseconds: Span,
    /// An offer holds at least one of these (Mesos: `--min_allocatable_resources`); anything is
    /// enough if there are none.
    pub minimum_offers: Vec<NamedAmounts>,
    /// How long the engine waits to hear that what it gave out was done before it gives it out
    /// again. `None` where everything is done at once and for certain, as on one machine.
    pub write_deadline_milliseconds: Option<Span>,
    /// What pools take back that do not say otherwise, and how long executors drain in general.
    pub reclaim: ReclaimDefaults,
    /// How long a job waits for room for an executor, or for its gang, before what becomes free on a
    /// node is kept for it, so that smaller ones cannot starve it; never if there is no time.
    pub head_of_line_milliseconds: Option<Span>,
    /// On how many of all nodes, in percent, room is kept so; on one at least.
    pub head_of_line_nodes_percent: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            status_interval_milliseconds: Span::from_seconds(1),
            fairness: Fairness::default(),
            share_half_life_milliseconds: None,
            shared_resources: SHARED_RESOURCES.map(Box::from).into(),
            offered_resources: vec!["ephemeral-storage".into()],
            offer_timeout_milliseconds: Some(Span::from_seconds(30)),
            return_delay_milliseconds: Span::from_seconds(1),
            minimum_offers: vec![vec![("cpu".into(), 10)], vec![("memory".into(), 32 << 20)]],
            write_deadline_milliseconds: None,
            reclaim: ReclaimDefaults::default(),
            head_of_line_milliseconds: Some(Span::from_seconds(60)),
            head_of_line_nodes_percent: 10,
        }
    }
}

/// Folds events into its state and decides.
///
/// Time is given by the caller and never goes back. [`Engine::handle`] only takes in what happened;
/// [`Engine::tick`] decides, once for all that was taken in.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    /// The kinds of resources that shares are taken of.
    shared: Vec<Kind>,
    pub(crate) state: State,
    /// What has to be looked at again, and when.
    agenda: Agenda,
    /// Who wants executors, or nodes for them.
    queue: Queue,
    /// Nodes that were spoken of and not seen.
    missing: MissingNodes,
    /// Nodes on which executors do not start.
    penalties: Penalties,
    /// Executors to launch, to tell and to remove, each with the executor, and what frameworks are
    /// told, for the next tick to give out.
    outgoing: Vec<(Option<ExecutorId>, Action)>,
    /// While the engine waits to hear of everything that there is: what it has heard so far.
    restoring: Option<Box<Restoring>>,
    /// Executors on their way out for the sake of others.
    drains: Drains,
    /// Room that is kept for claims.
    holds: Holds,
    /// When to look at claims that wait for what others have.
    reclaiming: Reclaiming,
    /// When to look at claims that wait for room.
    head_of_line: HeadOfLine,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        let state = State::default();
        Self {
            shared: shared_kinds(&state.kinds, &settings.shared_resources),
            settings,
            state,
            agenda: Agenda::default(),
            queue: Queue::default(),
            missing: MissingNodes::default(),
            penalties: Penalties::default(),
            outgoing: Vec::new(),
            restoring: None,
            drains: Drains::default(),
            holds: Holds::default(),
            reclaiming: Reclaiming::default(),
            head_of_line: HeadOfLine::default(),
        }
    }

    /// An engine that goes on where another one stopped. It decides nothing before it has heard
    /// [`Event::Synced`], and before that it wants to hear of everything that there is.
    pub fn restoring(settings: Settings) -> Self {
        Self { restoring: Some(Box::default()), ..Self::new(settings) }
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Time, event: Event) {
        let event = match &mut self.restoring {
            Some(restoring) => match restoring.keep(event) {
                Some(event) => event,
                None => return,
            },
            None => event,
        };
        self.pass_time(now);
        match event {
            Event::Node(node) => self.observe_node(now, node),
            Event::NodeGone(name) => self.forget_node(now, &name),
            Event::Pool(pool) => self.observe_pool(&pool),
            Event::PoolGone(name) => self.forget_pool(&name),
            Event::Job(job) => self.observe_job(now, *job),
            Event::JobGone(key) => self.forget_job(&key),
            Event::Report(key, report) => self.take_report(now, &key, report),
            Event::Placed(key, node) => self.place_executor(now, &key, &node),
            Event::ExecutorGone(key, departure) => self.take_departure(now, &key, &departure),
            Event::NotDelivered(key) => self.deliver_again(&key),
            Event::Framework(framework) => self.observe_framework(now, *framework),
            Event::FrameworkGone(key) => self.forget_framework(now, &key),
            Event::FrameworkCall(key, call) => self.take_call(now, &key, call),
            Event::TaskRunning(task) => self.observe_task(&task),
            Event::TaskGone(key, task) => self.forget_task(&key, &task),
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
    pub fn tick(&mut self, now: Time) -> Vec<Action> {
        if self.restoring.is_some() {
            return Vec::new();
        }
        self.pass_time(now);
        self.fire_timers(now);
        self.apply_pools();
        self.review_landed(now);
        self.fire_framework_timers(now);
        self.empty_nodes(now);
        self.finish_drains(now);
        self.lift_exclusions();
        self.find_stragglers(now);
        self.size_jobs(now);
        self.serve_holds(now);
        self.make_offers(now);
        self.serve_holds(now);
        self.reclaim(now);
        self.keep_nodes_free(now);
        self.make_inverse_offers();
        self.assign_tasks(now);
        // Statuses come first: what is assigned may refer to results that stand in them.
        let mut actions = self.publish_statuses(now);
        let outgoing = std::mem::take(&mut self.outgoing);
        let matters = |(id, action)| self.matters(id, &action).then_some(action);
        actions.extend(outgoing.into_iter().filter_map(matters));
        self.await_writes(now, &actions);
        self.agenda.end_tick();
        actions
    }

    /// When the engine wants to be ticked again, if nothing happens before.
    pub fn next_wakeup(&self) -> Option<Time> {
        let wakeups = [
            self.state.frameworks.wakeup(),
            self.agenda.wakeup(),
            self.drains.wakeup(),
            self.holds.wakeup(),
            self.reclaiming.wakeup(),
            self.head_of_line.wakeup(),
        ];
        wakeups.into_iter().flatten().min()
    }

    /// The pools at this moment.
    pub fn pools(&self) -> Vec<PoolStatus> {
        self.pool_statuses()
    }

    /// A framework at this moment.
    pub fn framework(&self, key: &JobKey) -> Option<FrameworkStatus> {
        self.framework_of(key)
    }

    /// Everything at this moment.
    pub fn view(&self) -> View {
        View {
            jobs: self.job_statuses(),
            pools: self.pool_statuses(),
            nodes: self.node_statuses(),
            frameworks: self.framework_statuses(),
            offers: self.offer_statuses(),
        }
    }

    /// What there is, what is offered and what is held.
    pub fn market(&self) -> Market {
        Market {
            pools: self.pool_holdings(),
            nodes: self.node_statuses(),
            frameworks: self.frameworks_without_tasks(),
            offers: self.offer_statuses(),
        }
    }

    /// Takes in that pools held until now what they hold.
    fn pass_time(&mut self, now: Time) {
        if let Some(half_life) = self.settings.share_half_life_milliseconds {
            self.state.pools.pass_time(now, half_life);
        }
    }

    /// Notes that a job has to be looked at, and that its status may have changed.
    fn touch(&mut self, id: JobId) {
        if let Some(job) = self.state.jobs.get_mut(id) {
            job.publication.mark_changed();
        }
        self.agenda.touch(id);
    }

    /// Does what is due: deadlines, restarts, gangs that did not form.
    fn fire_timers(&mut self, now: Time) {
        while let Some(id) = self.agenda.take_timer(now) {
            self.tell_again(now, id);
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            self.agenda.touch(id);
            if job.pauses.take_launch(now) {
                self.agenda.ask_all();
            }
            if job.progress.is_final() {
                continue;
            }
            // There may be room for executors without a node since long enough.
            if job.fleet.has_seen_room() {
                self.agenda.ask_all();
            }
            if job.pauses.take_retry(now) {
                self.agenda.ask_all();
            }
            if job.choice.declines_mut().expire(now) {
                job.publication.mark_changed();
                self.agenda.ask_all();
            }
            let deadline = job.spec.deadline_milliseconds;
            if deadline.is_some_and(|limit| job.created_at + limit <= now) {
                self.exceed_deadline(now, id);
            } else if job.pauses.may_restart(now) && job.fleet.is_empty() {
                // What was left of a gang is gone.
                job.pauses.forget_restart();
                job.gang.forget_deadline();
                job.progress.wait_again();
                self.agenda.ask_all();
                self.touch(id);
            } else if job.gang.take_failure(now) {
                self.stop_executors(id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
