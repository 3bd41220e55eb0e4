//! An engine, and what is known outside of it: the frameworks' answers are up to the scenario.

use std::collections::BTreeMap;

use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::Label;
use proffer_core::event::{Event, NodeObservation, PoolObservation, Reservation};
use proffer_core::frameworks::{
    Constraint, FrameworkAction, FrameworkCall, FrameworkObservation, FrameworkPool, NamedAmounts,
    OfferDescription, OfferId, Predicate, RunningTask, Selector, TaskId, TaskRequest,
};
use proffer_core::jobs::JobKey;
use proffer_core::ranges::Ranges;
use proffer_core::time::{Span, Time};

use super::super::amounts::{Amounts, Resource};
use super::Offers;
use super::step::{Change, Framework, Quota};

/// The engine and the offers that are out.
pub(super) struct Master {
    engine: Engine,
    now: Time,
    /// How often the allocator runs while time passes, if it does.
    interval: Option<Span>,
    pools: BTreeMap<String, PoolObservation>,
    frameworks: BTreeMap<String, FrameworkObservation>,
    /// Tasks that ran already when their agents came.
    tasks: BTreeMap<String, Vec<TaskId>>,
    offers: BTreeMap<OfferId, OfferDescription>,
    /// The offers that were made in this step.
    made: Vec<OfferDescription>,
    /// Why tasks were refused since the last step.
    refused: Vec<String>,
}

impl Master {
    pub(super) fn new(scenario: &Offers) -> Self {
        let shared =
            Resource::ALL.iter().filter(|(_, resource)| !scenario.excluded.contains(resource));
        let named = |(_, resource): &(&str, Resource)| Box::from(resource.engine_name());
        let settings = Settings {
            fairness: scenario.fairness,
            shared_resources: shared.map(named).collect(),
            offered_resources: Resource::ALL.iter().map(named).collect(),
            // As in Mesos: frameworks may keep offers, and are asked again at once.
            offer_timeout_milliseconds: None,
            return_delay_milliseconds: Span::ZERO,
            ..Settings::default()
        };
        Self {
            engine: Engine::new(settings),
            now: Time::ZERO,
            interval: scenario.interval.map(Span::from),
            pools: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            tasks: BTreeMap::new(),
            offers: BTreeMap::new(),
            made: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Does what a step says; returns the offers that it makes.
    pub(super) fn play(&mut self, change: &Change) -> Result<Vec<OfferDescription>, String> {
        self.made.clear();
        match change {
            Change::Agent { name, unreserved, reserved, used, labels } => {
                self.reserve(name, reserved);
                let mut total = unreserved.clone();
                reserved.iter().for_each(|(_, amounts)| total.add(amounts));
                self.observe_agent(name, &total, labels);
                for (framework, amounts) in used {
                    self.run_task(framework, name, amounts);
                }
                self.run();
            }
            Change::Framework(framework) => {
                self.observe_framework(framework);
                self.run();
            }
            Change::Connect(name, connected) => self.connect(name, *connected),
            Change::Remove(name) => self.remove(name),
            Change::Suppress(name, roles) => {
                let pools = roles.iter().map(|role| pool(role)).collect();
                self.call(name, FrameworkCall::Suppress { pools });
            }
            Change::Revive(name, roles) => {
                let pools = roles.iter().map(|role| pool(role)).collect();
                self.call(name, FrameworkCall::Revive { pools });
                self.run();
            }
            Change::Accept { framework, agent, tasks, refuse } => {
                let offers = self.offers_of(framework, agent)?;
                let tasks = tasks.iter().map(task_request).collect();
                let refuse_milliseconds = self.refuse(*refuse);
                let call = FrameworkCall::Accept { offers, tasks, refuse_milliseconds };
                self.call(framework, call);
            }
            Change::Finish(framework, task) => {
                self.tell(Event::TaskGone(key(framework), task.as_str().into()));
            }
            Change::Weight(weights) => {
                for (role, weight) in weights {
                    self.pool(role, |pool| pool.weight = *weight);
                }
            }
            Change::Quota(quotas) => {
                for (role, Quota { guarantee, limit }) in quotas {
                    self.pool(role, |pool| {
                        pool.guarantee = guarantee.for_engine();
                        pool.limit = limit.for_engine();
                    });
                }
            }
            Change::Total(agent, amounts) => self.observe_agent(agent, amounts, &[]),
            Change::Decline { framework, agent, refuse } => {
                let offers = self.offers_of(framework, agent)?;
                let refuse_milliseconds = self.refuse(*refuse);
                self.call(framework, FrameworkCall::Decline { offers, refuse_milliseconds });
            }
            Change::ReturnAll => self.return_all(),
            Change::Batch(runs) => (0..*runs).for_each(|_| self.run()),
            Change::Advance(time) => self.advance(Span::from(*time)),
        }
        match self.refused.pop() {
            Some(refused) => Err(refused),
            None => Ok(std::mem::take(&mut self.made)),
        }
    }

    /// Keeps parts of an agent for roles.
    fn reserve(&mut self, agent: &str, reserved: &[(String, Amounts)]) {
        for (role, amounts) in reserved {
            let resources = amounts.for_engine();
            let reservation = Reservation { node_selector: own_label(agent), resources };
            self.pool(role, |pool| pool.reservations.push(reservation));
        }
    }

    fn observe_agent(&mut self, name: &str, total: &Amounts, labels: &[(String, String)]) {
        self.tell(Event::Node(NodeObservation {
            name: name.into(),
            allocatable: total.for_engine(),
            ports: ports(total),
            labels: own_label(name).into_iter().chain(named(labels)).collect(),
            ..NodeObservation::default()
        }));
    }

    fn observe_framework(&mut self, framework: &Framework) {
        for role in &framework.roles {
            self.pool(role, |_| {});
        }
        let seen = observation(framework);
        self.frameworks.insert(framework.name.clone(), seen.clone());
        self.tell(Event::Framework(Box::new(seen)));
    }

    fn connect(&mut self, name: &str, connected: bool) {
        if let Some(seen) = self.frameworks.get_mut(name) {
            seen.connected = connected;
            let seen = seen.clone();
            self.tell(Event::Framework(Box::new(seen)));
        }
        if connected {
            self.run();
        }
    }

    fn remove(&mut self, name: &str) {
        self.tell(Event::FrameworkGone(key(name)));
        for task in self.tasks.remove(name).unwrap_or_default() {
            self.tell(Event::TaskGone(key(name), task));
        }
        self.offers.retain(|_, offer| offer.framework != key(name));
    }

    fn return_all(&mut self) {
        for (id, offer) in std::mem::take(&mut self.offers) {
            let (offers, refuse_milliseconds) = (vec![id], Span::ZERO);
            let call = FrameworkCall::Decline { offers, refuse_milliseconds };
            self.tell(Event::FrameworkCall(offer.framework, call));
        }
    }

    /// What is left of an agent, by what the engine calls the resources, with the ports.
    pub(super) fn left(&self, agent: &str) -> (BTreeMap<Box<str>, i64>, Ranges) {
        let nodes = self.engine.view().nodes;
        let Some(node) = nodes.into_iter().find(|node| &*node.name == agent) else {
            return (BTreeMap::new(), Ranges::new());
        };
        let mut left: BTreeMap<Box<str>, i64> = node.usable.into_iter().collect();
        for (resource, held) in node.held {
            *left.entry(resource).or_default() -= held;
        }
        left.retain(|_, amount| *amount != 0);
        let mut ports = node.ports;
        ports.remove_all(&node.ports_held);
        (left, ports)
    }

    /// Why a framework was offered no more.
    pub(super) fn reason(&self, name: &str) -> Option<String> {
        let frameworks = self.engine.view().frameworks;
        let framework = frameworks.into_iter().find(|framework| &*framework.key.name == name)?;
        framework.pools.into_iter().find_map(|pool| pool.message)
    }

    /// The offers of an agent that a framework has.
    fn offers_of(&self, framework: &str, agent: &str) -> Result<Vec<OfferId>, String> {
        let offers = self.offers.values();
        let of_both = offers
            .filter(|offer| offer.framework == key(framework) && &*offer.node == agent)
            .map(|offer| offer.id);
        let offers: Vec<OfferId> = of_both.collect();
        if offers.is_empty() {
            return Err(format!("framework {framework} has no offer of agent {agent}"));
        }
        Ok(offers)
    }

    /// How long a filter lasts: for one interval at least, so that a run sees it.
    fn refuse(&self, time: std::time::Duration) -> Span {
        match Span::from(time) {
            Span::ZERO => Span::ZERO,
            time => time.max(self.interval.unwrap_or_default()),
        }
    }

    fn run_task(&mut self, framework: &str, agent: &str, amounts: &Amounts) {
        let seen = self.frameworks.get(framework);
        let pool = seen.and_then(|seen| seen.pools.first()).map(|pool| pool.pool.clone());
        let tasks = self.tasks.entry(framework.to_owned()).or_default();
        let task = TaskId::from(format!("{agent}-{}", tasks.len()));
        tasks.push(task.clone());
        self.tell(Event::TaskRunning(Box::new(RunningTask {
            framework: key(framework),
            task,
            pool: pool.unwrap_or_default(),
            node: agent.into(),
            amounts: amounts.for_engine(),
            ports: ports(amounts),
        })));
    }

    /// Makes sure that there is a pool for a role, and changes it.
    fn pool(&mut self, role: &str, change: impl FnOnce(&mut PoolObservation)) {
        let name = pool(role);
        let known = self
            .pools
            .entry(role.to_owned())
            .or_insert_with(|| PoolObservation { name, ..PoolObservation::default() });
        change(known);
        let known = known.clone();
        self.tell(Event::Pool(known));
    }

    /// Lets time pass, with a run at each end of an interval.
    fn advance(&mut self, time: Span) {
        let end = self.now + time;
        if let Some(interval) = self.interval {
            let interval = interval.as_milliseconds();
            while let runs = self.now.as_milliseconds() / interval
                && let Some(next) = (runs + 1).checked_mul(interval).map(Time::from_milliseconds)
                && next <= end
            {
                self.now = next;
                self.run();
            }
        }
        self.now = end;
    }

    /// Lets the allocator run.
    fn run(&mut self) {
        for action in self.engine.tick(self.now) {
            match action {
                Action::Framework(_, FrameworkAction::Offer(offer)) => {
                    self.offers.insert(offer.id, (*offer).clone());
                    self.made.push(*offer);
                }
                Action::Framework(_, FrameworkAction::Rescind { offer, .. }) => {
                    self.offers.remove(&offer);
                    self.made.retain(|made| made.id != offer);
                }
                Action::Framework(_, FrameworkAction::TaskRefused { task, problem }) => {
                    self.refused.push(format!("task {task} is refused: {problem}"));
                }
                _ => {}
            }
        }
    }

    fn call(&mut self, framework: &str, call: FrameworkCall) {
        if let FrameworkCall::Decline { offers, .. } | FrameworkCall::Accept { offers, .. } = &call
        {
            offers.iter().for_each(|offer| drop(self.offers.remove(offer)));
        }
        self.tell(Event::FrameworkCall(key(framework), call));
    }

    fn tell(&mut self, event: Event) {
        self.engine.handle(self.now, event);
    }
}

/// The label by which pools reserve something on one agent.
fn own_label(agent: &str) -> Vec<Label> {
    vec![("agent".into(), agent.into())]
}

fn observation(framework: &Framework) -> FrameworkObservation {
    let least = framework.minimum.as_ref();
    let minimum: Option<Vec<NamedAmounts>> =
        least.map(|least| least.iter().map(Amounts::for_engine).collect());
    let constraints: Vec<Constraint> = named(&framework.labels)
        .map(|(label, value)| Constraint {
            selector: Selector::Label(label),
            predicate: Predicate::text_equals(&value),
        })
        .collect();
    let constraints = if constraints.is_empty() { Vec::new() } else { vec![constraints] };
    let pools = framework.roles.iter().map(|role| FrameworkPool {
        pool: pool(role),
        suppressed: false,
        constraints: constraints.clone(),
        minimum: minimum.clone(),
    });
    FrameworkObservation {
        key: key(&framework.name),
        uid: framework.name.as_str().into(),
        connected: true,
        pools: pools.collect(),
        offer_timeout_milliseconds: None,
        demand: None,
    }
}

fn named(labels: &[(String, String)]) -> impl Iterator<Item = (Box<str>, Box<str>)> + '_ {
    labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()))
}

/// The pool that a role is.
fn pool(role: &str) -> Box<str> {
    role.replace('/', ".").into()
}

fn key(framework: &str) -> JobKey {
    JobKey { namespace: "default".into(), name: framework.into() }
}

fn task_request((name, amounts): &(String, Amounts)) -> TaskRequest {
    TaskRequest { task: name.as_str().into(), amounts: amounts.for_engine(), ports: ports(amounts) }
}

fn ports(amounts: &Amounts) -> Ranges {
    let range = amounts.ports.clone().into_iter().flatten();
    range.map(u32::from).collect()
}
