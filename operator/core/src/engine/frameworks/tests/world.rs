//! Frameworks that say what the test says, and a watch over what they are told.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::Action;
use crate::engine::{Engine, Settings};
use crate::event::{Departure, Event, JobObservation, NodeObservation, PoolObservation};
use crate::frameworks::{
    Demand, FrameworkAction, FrameworkCall, FrameworkObservation, FrameworkPool, OfferDescription,
    RescindReason, TaskProblem, TaskRequest,
};
use crate::ids::{JobKey, OfferId, TaskId};
use crate::jobs::{ExecutorSpec, JobSpec, StageSpec};
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::time::{Span, Time};
use crate::view::FrameworkStatus;

/// What a framework refused, as it remembers it.
#[derive(Clone, Debug)]
struct Refusal {
    framework: JobKey,
    pool: Box<str>,
    node: Box<str>,
    amounts: BTreeMap<Box<str>, i64>,
    ports: Ranges,
    until: Time,
}

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Time,
    /// The offers that frameworks think they have.
    pub(super) offers: BTreeMap<OfferId, OfferDescription>,
    pub(super) rescinded: Vec<(OfferId, RescindReason)>,
    pub(super) accepted: BTreeSet<(JobKey, TaskId)>,
    pub(super) refused: Vec<(TaskId, TaskProblem)>,
    pub(super) lost: Vec<TaskId>,
    /// Everything that the engine said, in order.
    pub(super) log: Vec<Action>,
    refusals: Vec<Refusal>,
    seen: BTreeSet<OfferId>,
    return_delay: Span,
}

pub(super) fn key(name: &str) -> JobKey {
    JobKey { namespace: "default".into(), name: name.into() }
}

pub(super) fn node(name: &str, cores: i64) -> NodeObservation {
    NodeObservation {
        name: name.into(),
        allocatable: vec![("cpu".into(), cores * 1000), ("memory".into(), cores << 30)],
        ..NodeObservation::default()
    }
}

pub(super) fn framework(name: &str, pools: &[&str]) -> FrameworkObservation {
    let pool = |name: &&str| FrameworkPool { pool: (*name).into(), ..FrameworkPool::default() };
    FrameworkObservation {
        key: key(name),
        uid: name.into(),
        connected: true,
        pools: pools.iter().map(pool).collect(),
        offer_timeout_milliseconds: None,
        demand: None,
    }
}

pub(super) fn task(name: &str, cpu: i64) -> TaskRequest {
    TaskRequest { task: name.into(), amounts: vec![("cpu".into(), cpu)], ports: Ranges::new() }
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        let return_delay = settings.return_delay_milliseconds;
        let mut world = Self {
            engine: Engine::new(settings),
            now: Time::from_milliseconds(1000),
            offers: BTreeMap::new(),
            rescinded: Vec::new(),
            accepted: BTreeSet::new(),
            refused: Vec::new(),
            lost: Vec::new(),
            log: Vec::new(),
            refusals: Vec::new(),
            seen: BTreeSet::new(),
            return_delay,
        };
        world.pool("default", |_| {});
        world
    }

    /// A world with nodes of so many cores, each with as many GiB of memory.
    pub(super) fn with_nodes(cores: &[i64]) -> Self {
        let mut world = Self::new(Settings::default());
        for (index, &cores) in cores.iter().enumerate() {
            world.tell(Event::Node(node(&format!("n{index}"), cores)));
        }
        world
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.engine.handle(self.now, event);
    }

    pub(super) fn pool(&mut self, name: &str, change: impl FnOnce(&mut PoolObservation)) {
        let mut pool = PoolObservation { name: name.into(), ..PoolObservation::default() };
        change(&mut pool);
        self.tell(Event::Pool(pool));
    }

    pub(super) fn framework(&mut self, name: &str, pools: &[&str]) {
        self.observe(framework(name, pools));
    }

    pub(super) fn observe(&mut self, framework: FrameworkObservation) {
        if !framework.connected {
            self.refusals.retain(|refusal| refusal.framework != framework.key);
        }
        let pools = &framework.pools;
        self.refusals.retain(|refusal| {
            refusal.framework != framework.key || pools.iter().any(|pool| pool.pool == refusal.pool)
        });
        self.tell(Event::Framework(Box::new(framework)));
    }

    pub(super) fn call(&mut self, name: &str, call: FrameworkCall) {
        self.tell(Event::FrameworkCall(key(name), call));
    }

    pub(super) fn decline(&mut self, name: &str, offer: OfferId, refuse_milliseconds: u64) {
        // One that was taken back meanwhile cannot be refused.
        let known = self.engine.state.frameworks.offers.contains_key(&offer);
        if let Some(offer) = self.offers.remove(&offer)
            && known
        {
            let amounts = offer.amounts.iter().cloned().collect();
            self.remember(
                &offer,
                amounts,
                offer.ports.clone(),
                Span::from_milliseconds(refuse_milliseconds),
            );
        }
        self.call(
            name,
            FrameworkCall::Decline {
                offers: vec![offer],
                refuse_milliseconds: Span::from_milliseconds(refuse_milliseconds),
            },
        );
    }

    /// Declines everything that a framework has.
    pub(super) fn decline_all(&mut self, name: &str, refuse_milliseconds: u64) {
        for offer in self.offers_of(name) {
            self.decline(name, offer.id, refuse_milliseconds);
        }
    }

    pub(super) fn accept(
        &mut self,
        name: &str,
        offers: &[OfferId],
        tasks: Vec<TaskRequest>,
        refuse_milliseconds: u64,
    ) {
        let known = |offer: &&OfferId| self.engine.state.frameworks.offers.contains_key(offer);
        let known = offers.iter().filter(known).count() == offers.len();
        let taken: Vec<OfferDescription> =
            offers.iter().filter_map(|offer| self.offers.remove(offer)).collect();
        let taken = if known { taken } else { Vec::new() };
        if let (Some(first), true) = (taken.first(), taken.len() == offers.len()) {
            let mut rest: BTreeMap<Box<str>, i64> = BTreeMap::new();
            let mut ports = Ranges::new();
            for offer in &taken {
                for (resource, amount) in &offer.amounts {
                    *rest.entry(resource.clone()).or_default() += amount;
                }
                ports.insert_all(&offer.ports);
            }
            for task in &tasks {
                for (resource, amount) in &task.amounts {
                    let left = rest.entry(resource.clone()).or_default();
                    *left = left.saturating_sub(*amount);
                }
                ports.remove_all(&task.ports);
            }
            // What a task that is refused would have taken is refused with the rest, too.
            self.remember(first, rest, ports, Span::from_milliseconds(refuse_milliseconds));
        }
        let offers = offers.to_vec();
        self.call(
            name,
            FrameworkCall::Accept {
                offers,
                tasks,
                refuse_milliseconds: Span::from_milliseconds(refuse_milliseconds),
            },
        );
    }

    pub(super) fn revive(&mut self, name: &str) {
        self.refusals.retain(|refusal| refusal.framework != key(name));
        self.call(name, FrameworkCall::Revive { pools: Vec::new() });
    }

    /// A job of executors with one core each, of which there is work for so many.
    pub(super) fn job(&mut self, name: &str, pool: &str, executors: u32) {
        let stage = StageSpec { name: "work".into(), tasks: executors, ..StageSpec::default() };
        let spec = JobSpec {
            pool: pool.into(),
            executor: ExecutorSpec {
                slots: 1,
                request: vec![("cpu".into(), 1000)],
                instances: executors,
                ..ExecutorSpec::default()
            },
            stages: vec![stage],
            max_task_failures: u32::MAX,
            max_executor_failures: Some(u32::MAX),
            ..JobSpec::default()
        };
        self.tell(Event::Job(Box::new(JobObservation {
            key: key(name),
            uid: name.into(),
            generation: 1,
            created_at: self.now,
            spec: Ok(spec),
            status: None,
        })));
    }

    pub(super) fn tick(&mut self) {
        let now = self.now;
        self.refusals.retain(|refusal| refusal.until > now);
        for action in self.engine.tick(self.now) {
            self.log.push(action.clone());
            match action {
                Action::Framework(framework, action) => self.hear(&framework, action),
                Action::Remove(key) => {
                    self.tell(Event::ExecutorGone(key, Departure::Asked));
                }
                _ => {}
            }
        }
        self.check();
    }

    /// Lets time pass, stopping at each moment that the engine asked for.
    pub(super) fn advance(&mut self, milliseconds: u64) {
        let end = self.now + Span::from_milliseconds(milliseconds);
        while let Some(at) = self.engine.next_wakeup().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.tick();
        }
        self.now = end;
        self.tick();
    }

    pub(super) fn offers_of(&self, name: &str) -> Vec<OfferDescription> {
        self.offers.values().filter(|offer| *offer.framework.name == *name).cloned().collect()
    }

    /// What a framework is offered, as `node cores`.
    pub(super) fn offered(&self, name: &str) -> Vec<String> {
        let cores = |offer: &OfferDescription| {
            let cpu = offer.amounts.iter().find(|(resource, _)| **resource == *"cpu");
            cpu.map_or(0, |(_, amount)| amount / 1000)
        };
        let offers = self.offers_of(name);
        let mut offers: Vec<String> =
            offers.iter().map(|offer| format!("{} {}", offer.node, cores(offer))).collect();
        offers.sort();
        offers
    }

    pub(super) fn status(&self, name: &str) -> FrameworkStatus {
        let frameworks = self.engine.view().frameworks;
        frameworks.into_iter().find(|framework| *framework.key.name == *name).unwrap()
    }

    /// The executors that a job has.
    pub(super) fn executors(&self, name: &str) -> u32 {
        let jobs = self.engine.view().jobs;
        jobs.iter().find(|job| *job.key.name == *name).map_or(0, |job| job.executors_launched)
    }

    fn hear(&mut self, framework: &JobKey, action: FrameworkAction) {
        match action {
            FrameworkAction::Offer(offer) => {
                assert!(self.seen.insert(offer.id), "offer {} is made twice", offer.id);
                assert_eq!(offer.framework, *framework);
                for refusal in &self.refusals {
                    let same = (&refusal.framework, &refusal.pool, &refusal.node)
                        == (&offer.framework, &offer.pool, &offer.node);
                    let no_more = offer.amounts.iter().all(|(resource, amount)| {
                        amount <= refusal.amounts.get(resource).unwrap_or(&0)
                    });
                    let hidden = same && no_more && refusal.ports.contains_all(&offer.ports);
                    assert!(!hidden, "{offer:?} was refused: {refusal:?}, now {:?}", self.now);
                }
                self.offers.insert(offer.id, *offer);
            }
            FrameworkAction::Rescind { offer, reason } => {
                self.rescinded.push((offer, reason));
                if let Some(offer) = self.offers.remove(&offer)
                    && reason == RescindReason::Timeout
                {
                    let amounts = offer.amounts.iter().cloned().collect();
                    self.remember(&offer, amounts, offer.ports.clone(), Span::ZERO);
                }
            }
            FrameworkAction::TaskAccepted { task, .. } => {
                assert!(self.accepted.insert((framework.clone(), task)));
            }
            FrameworkAction::TaskRefused { task, problem } => self.refused.push((task, problem)),
            FrameworkAction::TaskLost { task, .. } => {
                self.accepted.remove(&(framework.clone(), task.clone()));
                self.lost.push(task);
            }
            _ => {}
        }
    }

    fn remember(
        &mut self,
        offer: &OfferDescription,
        amounts: BTreeMap<Box<str>, i64>,
        ports: Ranges,
        refuse_milliseconds: Span,
    ) {
        let until = self.now + refuse_milliseconds.max(self.return_delay);
        self.refusals.push(Refusal {
            framework: offer.framework.clone(),
            pool: offer.pool.clone(),
            node: offer.node.clone(),
            amounts,
            ports,
            until,
        });
    }

    /// Forgets what was refused of a node.
    pub(super) fn forget_refusals(&mut self, node: &str) {
        self.refusals.retain(|refusal| *refusal.node != *node);
    }

    /// What executors, offers and tasks hold is what nodes, pools and clients are charged; offers are
    /// those that frameworks know of; nothing is given twice.
    pub(super) fn check(&self) {
        let state = &self.engine.state;
        let frameworks = &state.frameworks;
        let known: Vec<&OfferId> = self.offers.keys().collect();
        assert_eq!(frameworks.offers.keys().collect::<Vec<_>>(), known);
        let mut of_pool: BTreeMap<_, (Resources, Resources)> = BTreeMap::new();
        let mut charge = |pool, amount: &Resources, offered: bool| {
            for pool in state.pools.path(pool) {
                let (held, out) = of_pool.entry(pool).or_default();
                *held = held.plus(amount);
                if offered {
                    *out = out.plus(amount);
                }
            }
        };
        let mut of_node: BTreeMap<_, (Resources, Resources, Ranges, u64)> = BTreeMap::new();
        let mut of_client: BTreeMap<_, (Resources, Resources, usize)> = BTreeMap::new();
        for (_, executor) in state.executors.iter() {
            let node = of_node.entry(executor.node.unwrap()).or_default();
            node.0 = node.0.plus(&executor.request);
            charge(state.jobs.get(executor.job).unwrap().pool, &executor.request, false);
        }
        for offer in frameworks.offers.values() {
            let node = of_node.entry(offer.node).or_default();
            (node.0, node.1) = (node.0.plus(&offer.amount), node.1.plus(&offer.amount));
            node.2.insert_all(&offer.ports);
            node.3 += offer.ports.len();
            charge(frameworks.clients.get(offer.client).unwrap().pool(), &offer.amount, true);
            let client = of_client.entry(offer.client).or_default();
            (client.0, client.1) = (client.0.plus(&offer.amount), client.1.plus(&offer.amount));
        }
        let mut tasks = BTreeSet::new();
        for (_, framework) in frameworks.by_id.iter() {
            for (name, task) in &framework.tasks {
                tasks.insert((framework.key.clone(), name.clone()));
                let node = of_node.entry(task.node).or_default();
                node.0 = node.0.plus(&task.amount);
                node.2.insert_all(&task.ports);
                node.3 += task.ports.len();
                charge(frameworks.clients.get(task.client).unwrap().pool(), &task.amount, false);
                let client = of_client.entry(task.client).or_default();
                (client.0, client.2) = (client.0.plus(&task.amount), client.2 + 1);
            }
        }
        assert_eq!(tasks, self.accepted);
        for (id, node) in state.nodes.iter() {
            let name = &node.observed().name;
            let (held, outstanding, ports, count) = of_node.remove(&id).unwrap_or_default();
            assert_eq!((*node.held(), *node.outstanding()), (held, outstanding), "node {name}");
            // A node may shrink under tasks, but not under offers.
            let beyond = held.above(node.usable());
            assert!(beyond.min_each(&outstanding).is_none(), "node {name} is overcommitted");
            assert_eq!(*node.ports_held(), ports, "node {name}");
            assert_eq!(ports.len(), count, "ports of {name} are given twice");
        }
        assert!(of_node.is_empty());
        for (id, pool) in state.pools.iter() {
            let (held, offered) = of_pool.remove(&id).unwrap_or_default();
            assert_eq!((pool.held, pool.offered), (held, offered), "pool {}", pool.name);
            let limit = &pool.settings.limit;
            assert!(pool.held.fits_in(limit), "pool {} is past its limit", pool.name);
        }
        for (id, client) in frameworks.clients.iter() {
            let (held, offered, tasks) = of_client.remove(&id).unwrap_or_default();
            assert_eq!((client.held, client.offered, client.tasks), (held, offered, tasks));
            assert!(client.counted.fits_in(&client.offered));
        }
    }

    /// Nobody who takes offers is left without something that it may have: for worlds without limits,
    /// guarantees, reservations and jobs.
    pub(super) fn check_all_is_offered(&self) {
        let state = &self.engine.state;
        let frameworks = &state.frameworks;
        for (_, client) in frameworks.clients.iter() {
            let framework = frameworks.by_id.get(client.framework).unwrap();
            if !framework.connected() || !client.subscribed || client.suppressed {
                continue;
            }
            // Offers that were made do not count as given any more.
            let observed = framework.observed.as_ref().unwrap();
            let clients = framework.clients.values().map(|id| frameworks.clients.get(*id).unwrap());
            let used =
                framework.tasks.len() + clients.map(|client| client.offers.len()).sum::<usize>();
            let enough = |demand: &Demand| demand.executors as usize <= used;
            if observed.demand.as_ref().is_some_and(enough) {
                continue;
            }
            for (id, node) in state.nodes.iter() {
                let mut left = node.usable().above(node.held());
                let mut ports = node.free_ports();
                if let Some(slice) = &client.slice {
                    left = left.min_each(slice);
                    ports = ports.iter().take(64).collect();
                }
                let worth = client.minimum.iter().any(|least| least.fits_in(&left));
                if !node.observed().offered || !worth {
                    continue;
                }
                let slot = frameworks.slot(id).unwrap();
                let hidden = client.filters.hides(slot, &left, &ports);
                let excluded = client.excluded.contains(slot as usize);
                let name = &node.observed().name;
                assert!(hidden || excluded, "{} could have {left:?} of {name}", framework.key);
                let status = self.status(&framework.key.name);
                let pools = status.pools.iter().filter(|pool| pool.subscribed && !pool.suppressed);
                pools.for_each(|pool| assert!(pool.message.is_some(), "{pool:?}"));
            }
        }
    }
}
