//! The Mesos master's HTTP API: software written for Mesos gets offers.
//!
//! ```text
//! HTTP ─► http ─► connections ─► Master ─► Effect: tell the engine, send an event, start or kill a task
//!                                  ▲
//!                   what the engine says, what becomes of tasks, the time
//! ```
//!
//! [`Master`] decides and does nothing itself. In local mode `host` does what it wants, and `processes`
//! runs tasks on this machine; in a cluster the operator does, and tasks are pods
//! (`kubernetes/operator/mesos.rs`).

mod accept;
pub(crate) mod access;
mod agents;
mod amounts;
mod budgets;
mod calls;
pub(crate) mod connections;
mod digest;
pub(crate) mod door;
mod executors;
pub(crate) mod files;
mod first_api;
mod frameworks;
mod guesses;
pub(crate) mod host;
pub(crate) mod hosts;
mod http;
mod limits;
pub(crate) mod nothing;
mod offers;
mod operator_api;
mod peer;
pub(crate) mod processes;
mod read;
mod readers;
mod reconcile;
mod reload;
pub(crate) mod restore;
mod server;
mod shared;
mod slots;
mod subscribe;
mod tasks;
pub(crate) mod tls;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use proffer_core::event::{Event, Maintenance, NodeObservation, PoolObservation};
use proffer_core::frameworks::{FrameworkAction, TaskId};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_mesos::types::{
    Address, MasterInfo, MasterInfoCapability, MasterInfoCapabilityType, TaskInfo, TaskState,
};
use proffer_mesos::{executor, scheduler};

use crate::web::Port;
use access::Access;
use agents::Agents;
pub(crate) use amounts::agent_ports;
use digest::Digest;
pub(crate) use executors::{executor_name, is_executor};
pub(crate) use frameworks::End;
use frameworks::Framework;
pub(crate) use limits::Limits;
pub(crate) use operator_api::ApiAnswer;
use operator_api::{Machine, Window};
pub(crate) use processes::{DEFAULT_GRACE, Meter};
pub(crate) use read::Snapshot;
use reconcile::Waiting;
use shared::Shared;
pub(crate) use tasks::{Ending, News, TaskKey, grace_period};

/// The version of Mesos whose behaviour this is.
pub(crate) const MESOS_VERSION: &str = "1.11.0";

/// How often a stream has a heartbeat.
const HEARTBEAT_INTERVAL: Span = Span::from_seconds(15);

/// How many frameworks that are gone are remembered, as in Mesos.
const COMPLETED_FRAMEWORKS: usize = 50;

/// How much the frameworks that are gone may be together, with their tasks.
const MOST_GONE_BYTES: usize = 64 << 20;

/// How many tasks of a framework that are gone are remembered, as in Mesos.
const COMPLETED_TASKS: usize = 1000;

/// How much these may be together.
const MOST_COMPLETED_BYTES: usize = 8 << 20;

/// How the master works.
#[derive(Clone, Debug)]
pub(crate) struct MasterSettings {
    /// Tells this master from others; agents and frameworks are named after it.
    pub(crate) id: String,
    /// Where it is asked.
    pub(crate) address: SocketAddr,
    /// Where its agents are asked, which may be the same.
    pub(crate) agents_address: SocketAddr,
    /// The name of its host.
    pub(crate) hostname: String,
    /// The namespace of the frameworks whose principal has none of its own.
    pub(crate) namespace: Arc<str>,
    /// The least time for which a framework that went away is waited for.
    pub(crate) least_failover: Span,
    /// Where the sandboxes of tasks are, if they are on this machine.
    pub(crate) sandboxes: Option<PathBuf>,
    /// Who may use which roles.
    pub(crate) access: Arc<Access>,
    /// What each of them may have.
    pub(crate) limits: Limits,
    /// What measures tasks, if anything can.
    pub(crate) meter: Meter,
    /// What the port carries.
    pub(crate) port: Port,
}

/// The number of a connection on which a framework is told events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// Something that the master wants.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The engine should hear this.
    Engine(Event),
    /// A framework should hear this.
    Send(ConnectionId, Box<scheduler::Event>),
    /// An executor should hear this.
    Tell(ConnectionId, Box<executor::Event>),
    /// Nothing more will be said on a connection.
    Close(ConnectionId),
    /// When all that was said on a connection so far has been read, [`Master::has_read`] is to be called.
    AwaitReading(ConnectionId),
    /// A task should run.
    Run(Box<Run>),
    /// A task should end: it is told so, and after the grace period it is killed.
    Kill {
        /// The task.
        task: TaskKey,
        /// How long it may take to end, if that is not what its own policy says.
        grace: Option<Span>,
    },
    /// The end of a task is known to its framework: nothing of the task is needed any more.
    Settled(TaskKey),
    /// What is known of an executor of a framework's own is to be stored, and then [`Master::checkpointed`]
    /// be called.
    Checkpoint(TaskKey),
    /// A node is to be marked so that others know, too. The engine hears of it besides.
    Mark(Box<str>, NodeMark),
}

/// What somebody decided about a node by the operator API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeMark {
    /// Nothing new goes there.
    Deactivated,
    /// It is as it was.
    Reactivated,
    /// Nothing new goes there, and what is there goes away.
    Draining,
    /// When it will be away, if at all.
    Maintenance(Option<Maintenance>),
    /// It is away for its maintenance: nothing new goes there, and what is there goes away.
    Down(Maintenance),
}

impl NodeMark {
    /// Changes a node as was decided.
    pub(crate) fn apply(self, node: &mut NodeObservation) {
        match self {
            Self::Deactivated => node.offered = false,
            Self::Reactivated => (node.offered, node.draining) = (!node.silent, false),
            Self::Draining => node.draining = true,
            Self::Maintenance(maintenance) => node.maintenance = maintenance,
            Self::Down(maintenance) => {
                (node.draining, node.maintenance) = (true, Some(maintenance));
            }
        }
    }
}

/// A task that should run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The task.
    pub(crate) key: TaskKey,
    /// What it is.
    pub(crate) task: TaskInfo,
    /// The agent that it runs on.
    pub(crate) agent: Arc<str>,
    /// The node that this is.
    pub(crate) node: Box<str>,
    /// The pool that pays.
    pub(crate) pool: Box<str>,
    /// The executor that runs it.
    pub(crate) executor: Box<str>,
    /// What it has to show when it speaks, if it is an executor of a framework's own.
    pub(crate) token: Option<String>,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What went wrong, or nothing.
    pub(crate) message: String,
    /// What was asked for.
    pub(crate) response: Option<scheduler::Response>,
}

impl Answer {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), response: None }
    }

    fn accepted() -> Self {
        Self::new(202, "")
    }
}

/// What is due at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Heartbeat(Arc<str>, ConnectionId),
    Failover(Arc<str>),
    Resend(TaskKey),
    Register(TaskKey),
}

/// The master: what frameworks say comes in, with what the engine says and what becomes of tasks;
/// [`Effect`]s come out.
#[derive(Debug)]
pub(crate) struct Master {
    settings: Arc<MasterSettings>,
    started_at: Time,
    /// When something last happened.
    now: Time,
    pools: Arc<BTreeMap<Box<str>, PoolObservation>>,
    agents: Agents,
    frameworks: Shared<Arc<str>, Framework>,
    by_key: BTreeMap<JobKey, Arc<str>>,
    /// Executors of frameworks' own, by what they show.
    by_token: BTreeMap<Digest, TaskKey>,
    /// Frameworks that are gone, the last one at the end.
    completed: VecDeque<Arc<Framework>>,
    /// What frameworks are still to be told, a piece at a time.
    waiting: BTreeMap<Arc<str>, Waiting>,
    next_framework: u64,
    /// Processes of frameworks that are gone, and the tasks which hold something until these have
    /// ended.
    orphans: BTreeMap<TaskKey, (JobKey, Vec<TaskId>)>,
    /// Frameworks with offers that they were not told of yet.
    offered: BTreeSet<Arc<str>>,
    /// Frameworks of which something is to be stored that is not as it was.
    touched: BTreeSet<Arc<str>>,
    /// When machines are not available.
    windows: Arc<Vec<Window>>,
    /// The machines that are away for their maintenance.
    down_machines: Arc<Vec<Machine>>,
    /// How often what happened, by the name of the metric.
    counts: BTreeMap<&'static str, u64>,
    timers: BTreeSet<(Time, Timer)>,
    effects: Vec<Effect>,
}

impl Master {
    pub(crate) fn new(now: Time, settings: MasterSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            started_at: now,
            now,
            pools: Arc::default(),
            agents: Agents::default(),
            frameworks: Shared::default(),
            by_key: BTreeMap::new(),
            by_token: BTreeMap::new(),
            completed: VecDeque::new(),
            waiting: BTreeMap::new(),
            next_framework: 0,
            orphans: BTreeMap::new(),
            offered: BTreeSet::new(),
            touched: BTreeSet::new(),
            windows: Arc::default(),
            down_machines: Arc::default(),
            counts: BTreeMap::new(),
            timers: BTreeSet::new(),
            effects: Vec::new(),
        }
    }

    /// The pools that there are: Mesos's roles.
    pub(crate) fn set_pools(&mut self, pools: impl IntoIterator<Item = PoolObservation>) {
        self.pools = Arc::new(pools.into_iter().map(|pool| (pool.name.clone(), pool)).collect());
    }

    /// A pool as it is now.
    pub(crate) fn observe_pool(&mut self, pool: PoolObservation) {
        Arc::make_mut(&mut self.pools).insert(pool.name.clone(), pool);
    }

    /// There is no such pool any more.
    pub(crate) fn forget_pool(&mut self, name: &str) {
        Arc::make_mut(&mut self.pools).remove(name);
    }

    /// A node as it is now, on a host of this name. It gets an id if it has none of its own.
    pub(crate) fn observe_node(
        &mut self,
        now: Time,
        id: Option<Arc<str>>,
        hostname: &str,
        node: NodeObservation,
    ) {
        let known = self.agents.on(&node.name).map(|agent| agent.id.clone());
        let made = || format!("{}-S{}", self.settings.id, self.agents.next_number() - 1).into();
        let id = id.or(known).unwrap_or_else(made);
        let is_new = self.agents.get(&id).is_none();
        if is_new {
            self.count("messages_register_slave", 1);
            self.count("slave_registrations", 1);
        }
        let is_other = self.agents.insert(now, id.clone(), hostname.to_owned(), node);
        self.observe_dependents(is_other);
        if is_new {
            self.plan_for_newcomer(&id);
        }
    }

    /// There is no such node any more. Of its tasks the engine tells.
    pub(crate) fn forget_node(&mut self, node: &str) {
        if self.agents.on(node).is_some() {
            self.count("slave_removals", 1);
        }
        let is_other = self.agents.remove(node);
        self.observe_dependents(is_other);
    }

    /// Tells the engine again of frameworks that say something of nodes, which are others now; of all of
    /// them if that concerns all.
    fn observe_dependents(&mut self, all: bool) {
        // What a constraint compares with may have come with the node.
        let looks = |framework: &&Framework| all || framework.depends_on_nodes();
        let ids: Vec<Arc<str>> =
            self.frameworks.values().filter(looks).map(|framework| framework.id.clone()).collect();
        ids.iter().for_each(|id| self.observe_framework(id));
    }

    /// What the engine says to a framework.
    pub(crate) fn take_action(&mut self, now: Time, key: &JobKey, action: FrameworkAction) {
        let Some(id) = self.by_key.get(key).cloned() else {
            // The framework is gone; what it asked for last is not needed.
            if let FrameworkAction::TaskAccepted { task, .. } = action {
                self.effects.push(Effect::Engine(Event::TaskGone(key.clone(), task)));
            }
            return;
        };
        match action {
            FrameworkAction::Offer(offer) => self.take_offer(&id, *offer),
            FrameworkAction::Rescind { offer, .. } => self.rescind(&id, offer),
            FrameworkAction::TaskAccepted { task, node, pool } => {
                self.start_task(now, &id, &task, &node, &pool);
            }
            FrameworkAction::TaskRefused { task, problem } => {
                self.refuse_task(now, &id, &task, &problem);
            }
            FrameworkAction::TaskLost { task, node } => self.lose_task(now, &id, &task, &node),
            FrameworkAction::InverseOffer { id: inverse, node, unavailable_from } => {
                self.take_inverse_offer(&id, inverse, &node, unavailable_from);
            }
            FrameworkAction::RescindInverse(inverse) => self.rescind_inverse(&id, inverse),
            // Calls were checked before the engine heard of them.
            FrameworkAction::NotInPool { .. } | FrameworkAction::NotSubscribed => {}
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Time) {
        self.now = now;
        while let Some((at, timer)) = self.timers.first().filter(|(at, _)| *at <= now).cloned() {
            self.timers.remove(&(at, timer.clone()));
            match timer {
                Timer::Heartbeat(id, connection) => self.beat(now, &id, connection),
                Timer::Failover(id) => self.give_up(now, &id),
                Timer::Resend(task) => self.resend(now, &task),
                Timer::Register(executor) => self.check_registered(now, &executor),
            }
        }
        self.send_offers();
    }

    /// When the master wants to be ticked again, if nothing happens before.
    pub(crate) fn next_wakeup(&self) -> Option<Time> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// Frameworks of which something is to be stored that was not when this was last asked.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.touched)
    }

    fn touch(&mut self, id: &Arc<str>) {
        self.touched.insert(id.clone());
    }

    /// What is to be done since this was last asked.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Counts that something happened, for the metrics.
    fn count(&mut self, name: &'static str, more: usize) {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let count = self.counts.entry(name).or_default();
        *count = count.saturating_add(more);
    }

    /// Counts a task that ended.
    fn count_end(&mut self, state: TaskState) {
        if let Some(name) = read::ends(state) {
            self.count(name, 1);
        }
    }

    fn set_timer(&mut self, at: Time, timer: Timer) {
        self.timers.insert((at, timer));
    }

    /// Sends an event to a framework, if it is connected.
    fn send(&mut self, id: &str, event: scheduler::Event) {
        let connection =
            self.frameworks.get(id).and_then(|framework| framework.connection.as_ref());
        if let Some(connection) = connection {
            self.effects.push(Effect::Send(connection.id, Box::new(event)));
        }
    }

    /// Remembers a framework that is gone, for a while.
    fn keep_gone(&mut self, framework: Framework) {
        let principal = framework.principal.clone();
        self.completed.push_back(Arc::new(framework));
        self.forget_gone(principal.as_deref());
        let sizes = self.completed.iter().map(|gone| gone.bytes + gone.completed_bytes);
        let mut bytes: usize = sizes.sum();
        while self.completed.len() > COMPLETED_FRAMEWORKS || bytes > MOST_GONE_BYTES {
            let Some(gone) = self.completed.pop_front() else { return };
            bytes -= gone.bytes + gone.completed_bytes;
        }
    }
}

impl MasterSettings {
    /// An address of the master's as it is told.
    fn located(&self, address: SocketAddr) -> Address {
        Address {
            hostname: Some(self.hostname.clone()),
            ip: Some(address.ip().to_string()),
            port: i32::from(address.port()),
        }
    }

    fn info(&self) -> MasterInfo {
        let capabilities = [
            MasterInfoCapabilityType::AgentUpdate,
            MasterInfoCapabilityType::AgentDraining,
            MasterInfoCapabilityType::QuotaV2,
        ];
        let address = self.address;
        // As `in_addr` holds it: the first byte of the address comes first in memory.
        let ip = match address.ip() {
            std::net::IpAddr::V4(ip) => u32::from_le_bytes(ip.octets()),
            std::net::IpAddr::V6(_) => 0,
        };
        MasterInfo {
            id: self.id.clone(),
            ip,
            port: u32::from(address.port()),
            pid: Some(format!("master@{address}")),
            hostname: Some(self.hostname.clone()),
            version: Some(MESOS_VERSION.to_owned()),
            address: Some(self.located(address)),
            capabilities: capabilities
                .iter()
                .map(|kind| MasterInfoCapability { r#type: Some((*kind).into()) })
                .collect(),
            ..MasterInfo::default()
        }
    }
}

/// A time in the seconds that Mesos tells.
fn seconds(at: Time) -> f64 {
    span_seconds(at.since(Time::ZERO))
}

/// A length of time in the seconds that Mesos tells.
fn span_seconds(span: Span) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for longer than anybody will ask")]
    let milliseconds = span.as_milliseconds() as f64;
    milliseconds / 1000.0
}

/// A time in the nanoseconds that Mesos tells.
fn nanoseconds(at: Time) -> u64 {
    at.as_milliseconds().saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests;
