//! A master on an engine, with nodes of four cores and four GiB each.

use std::collections::BTreeMap;
use std::sync::Arc;

use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::{Event as EngineEvent, Maintenance, NodeObservation, PoolObservation};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_mesos::from_json;
use proffer_mesos::scheduler::{Call, CallSubscribe, Event, EventType};
use proffer_mesos::types::{
    FrameworkInfo, Offer, OperationStatus, TaskInfo, TaskState, TaskStatus,
};
use proffer_mesos::{executor, to_json, validate};
use serde_json::{Value, json};

use crate::master::read::{Reading, Sight};
use crate::master::restore::Restored;
use crate::master::{
    Answer, ApiAnswer, ConnectionId, Effect, Limits, Master, MasterSettings, Meter, News, NodeMark,
    Run, Snapshot, TaskKey, agent_ports,
};
use crate::web::Port;

pub(in crate::master) struct World {
    engine: Engine,
    master: Master,
    now: Time,
    pools: Vec<PoolObservation>,
    events: BTreeMap<ConnectionId, Vec<Event>>,
    /// What executors are told.
    pub(in crate::master) told: BTreeMap<ConnectionId, Vec<executor::Event>>,
    closed: Vec<ConnectionId>,
    pub(in crate::master) runs: Vec<Run>,
    pub(in crate::master) kills: Vec<(TaskKey, Option<Span>)>,
    /// How nodes were marked.
    pub(in crate::master) marks: Vec<(Box<str>, NodeMark)>,
    /// Whether nobody reads what was sent.
    pub(in crate::master) is_unread: bool,
    unread: Vec<ConnectionId>,
    next: u64,
}

pub(in crate::master) fn settings() -> MasterSettings {
    MasterSettings {
        id: "m".to_owned(),
        address: "127.0.0.1:5050".parse().unwrap(),
        agents_address: "127.0.0.1:5051".parse().unwrap(),
        hostname: "localhost".to_owned(),
        namespace: "mesos".into(),
        least_failover: Span::ZERO,
        sandboxes: Some("/sandboxes".into()),
        access: Arc::default(),
        limits: Limits::default(),
        meter: Meter::default(),
        port: Port::default(),
    }
}

/// A framework with these fields, beside those that it must have.
pub(in crate::master) fn framework(fields: &str) -> FrameworkInfo {
    let fields = fields.strip_prefix('{').unwrap();
    let comma = if fields == "}" { "" } else { "," };
    from_json(format!(r#"{{"user":"u","name":"n"{comma}{fields}"#).as_bytes()).unwrap()
}

/// A framework with a label of this length.
pub(in crate::master) fn labelled(bytes: usize) -> FrameworkInfo {
    let label = format!(r#"{{"key":"k","value":"{}"}}"#, "v".repeat(bytes));
    framework(&format!(r#"{{"labels":{{"labels":[{label}]}},"failover_timeout":1e6}}"#))
}

pub(in crate::master) fn task(name: &str, agent: &str, cpus: f64) -> TaskInfo {
    let json = format!(
        r#"{{"name":"{name}","task_id":{{"value":"{name}"}},"agent_id":{{"value":"{agent}"}},
        "command":{{"value":"true"}},"resources":[
        {{"name":"cpus","type":"SCALAR","scalar":{{"value":{cpus}}}}},
        {{"name":"mem","type":"SCALAR","scalar":{{"value":128}}}}]}}"#
    );
    from_json(json.as_bytes()).unwrap()
}

impl World {
    pub(in crate::master) fn new(nodes: usize) -> Self {
        Self::limited(nodes, Limits::default())
    }

    /// One in which a principal may have so much.
    pub(in crate::master) fn limited(nodes: usize, limits: Limits) -> Self {
        let settings = MasterSettings { limits, ..settings() };
        let master = Master::new(Time::from_milliseconds(1_000_000), settings);
        let mut world = Self {
            engine: Engine::new(Settings::default()),
            master,
            now: Time::from_milliseconds(1_000_000),
            pools: Vec::new(),
            events: BTreeMap::new(),
            told: BTreeMap::new(),
            closed: Vec::new(),
            runs: Vec::new(),
            kills: Vec::new(),
            marks: Vec::new(),
            is_unread: false,
            unread: Vec::new(),
            next: 0,
        };
        world.add_pool("default");
        (0..nodes).for_each(|index| world.add_node(&format!("n{index}")));
        world
    }

    /// A node more.
    pub(in crate::master) fn add_node(&mut self, name: &str) {
        self.annotate(name, None);
    }

    /// People say when a node will be away, if at all.
    pub(in crate::master) fn annotate(&mut self, name: &str, maintenance: Option<Maintenance>) {
        let node = NodeObservation {
            name: name.into(),
            allocatable: vec![
                ("cpu".into(), 4000),
                ("memory".into(), 4 << 30),
                ("ephemeral-storage".into(), 10 << 30),
            ],
            labels: vec![("zone".into(), "a".into())],
            ports: agent_ports(),
            maintenance,
            ..NodeObservation::default()
        };
        self.master.observe_node(self.now, None, name, node.clone());
        self.engine.handle(self.now, EngineEvent::Node(node));
        self.settle();
    }

    pub(in crate::master) fn add_pool(&mut self, name: &str) {
        let pool = PoolObservation { name: name.into(), ..PoolObservation::default() };
        self.pools.push(pool.clone());
        self.master.set_pools(self.pools.clone());
        self.engine.handle(self.now, EngineEvent::Pool(pool));
    }

    /// What comes of a call of the operator API.
    pub(in crate::master) fn operate(&mut self, kind: &str, body: &Value) -> ApiAnswer {
        let call = json!({ "type": kind, kind.to_lowercase(): body });
        let answer = self.master.operate(self.now, &call, &self.engine.market());
        self.settle();
        answer
    }

    /// What the master tells of maintenance.
    pub(in crate::master) fn told_schedule(&self) -> Value {
        let reading = Reading::new(Arc::new(self.snapshot()), Sight::All);
        let answer = reading.call("GET_MAINTENANCE_SCHEDULE").unwrap();
        serde_json::to_value(answer).unwrap()["get_maintenance_schedule"]["schedule"].clone()
    }

    pub(in crate::master) fn adopt_plan(
        &mut self,
        node: &str,
        maintenance: Maintenance,
        is_down: bool,
    ) {
        self.master.adopt_plan(node, maintenance, is_down);
    }

    /// A framework that subscribed at another master.
    pub(in crate::master) fn restore_framework(&mut self, id: &str, info: FrameworkInfo) {
        self.master.restore_framework(Restored {
            id: id.into(),
            key: JobKey { namespace: "mesos".into(), name: id.into() },
            info,
            principal: None,
            registered_at: self.now,
            updates: Vec::new(),
            ended_at: None,
        });
        self.settle();
    }

    /// How many frameworks that are gone are remembered.
    pub(in crate::master) fn remembered(&self) -> usize {
        self.master.completed.len()
    }

    /// What the master shows.
    pub(in crate::master) fn snapshot(&self) -> Snapshot {
        self.master.snapshot(self.now, self.engine.market())
    }

    /// Lets everything happen that happens now.
    fn settle(&mut self) {
        loop {
            for action in self.engine.tick(self.now) {
                if let Action::Framework(key, action) = action {
                    self.master.take_action(self.now, &key, action);
                }
            }
            self.master.tick(self.now);
            if !self.is_unread {
                for connection in std::mem::take(&mut self.unread) {
                    self.master.has_read(self.now, connection);
                }
            }
            let effects = self.master.take_effects();
            if effects.is_empty() && self.engine.next_wakeup() != Some(Time::ZERO) {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Engine(event) => self.engine.handle(self.now, event),
                    Effect::Send(connection, event) => {
                        self.events.entry(connection).or_default().push(*event);
                    }
                    Effect::Tell(connection, event) => {
                        self.told.entry(connection).or_default().push(*event);
                    }
                    Effect::Close(connection) => self.closed.push(connection),
                    Effect::AwaitReading(connection) => self.unread.push(connection),
                    Effect::Run(run) => self.runs.push(*run),
                    Effect::Kill { task, grace } => self.kills.push((task, grace)),
                    Effect::Checkpoint(key) => self.master.checkpointed(&key, u64::MAX),
                    Effect::Mark(node, mark) => self.marks.push((node, mark)),
                    Effect::Settled(_) => {}
                }
            }
        }
    }

    /// Lets time pass, with everything that is due in it.
    pub(in crate::master) fn advance(&mut self, milliseconds: u64) {
        let end = self.now + Span::from_milliseconds(milliseconds);
        loop {
            let of_both = [self.engine.next_wakeup(), self.master.next_wakeup()];
            match of_both.into_iter().flatten().min().filter(|at| *at <= end) {
                Some(at) => self.now = self.now.max(at),
                None => break,
            }
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    pub(in crate::master) fn subscribe(&mut self, info: FrameworkInfo) -> ConnectionId {
        let connection = ConnectionId(self.next);
        self.next += 1;
        let call = CallSubscribe { framework_info: info, ..CallSubscribe::default() };
        let stream = format!("stream-{}", connection.0);
        self.master.subscribe(self.now, connection, &stream, None, call);
        self.settle();
        connection
    }

    /// The executor whose process was started last subscribes.
    pub(in crate::master) fn subscribe_executor(&mut self) -> ConnectionId {
        let connection = ConnectionId(self.next);
        self.next += 1;
        let run = self.runs.last().unwrap();
        let json = format!(
            r#"{{"type":"SUBSCRIBE","subscribe":{{}},"executor_id":{{"value":"{}"}},
            "framework_id":{{"value":"{}"}}}}"#,
            run.executor, run.key.framework
        );
        let (call, token) = (from_json(json.as_bytes()).unwrap(), run.token.clone());
        self.master.subscribe_executor(self.now, connection, token.as_deref(), call);
        self.settle();
        connection
    }

    /// Whose the executor is whose process was started last, by what it shows.
    pub(in crate::master) fn owner_of_executor(&self) -> Option<String> {
        let token = self.runs.last().and_then(|run| run.token.as_deref());
        self.master.owner_of_executor(token.unwrap()).map(|owner| owner.to_string())
    }

    pub(in crate::master) fn disconnect(&mut self, connection: ConnectionId) {
        self.master.disconnected(self.now, connection);
        self.settle();
    }

    /// A call of the framework on a connection, given without its id.
    pub(in crate::master) fn call(&mut self, connection: ConnectionId, fields: &str) -> Answer {
        let id = self.framework_id(connection);
        let stream = format!("stream-{}", connection.0);
        self.call_as(connection, fields, &id, Some(&stream))
    }

    pub(in crate::master) fn call_as(
        &mut self,
        _: ConnectionId,
        fields: &str,
        id: &str,
        stream: Option<&str>,
    ) -> Answer {
        let json = format!(r#"{{"framework_id":{{"value":"{id}"}},{fields}}}"#);
        let call: Call = from_json(json.as_bytes()).unwrap();
        assert_eq!(validate::check_call(&call, None), Ok(()), "{json}");
        let answer = self.master.call(self.now, None, stream, call);
        self.settle();
        answer
    }

    /// Launches tasks on the newest offer.
    pub(in crate::master) fn launch(&mut self, connection: ConnectionId, tasks: &[TaskInfo]) {
        let offer = self.offers(connection).pop().unwrap().id.value;
        self.accept(connection, &[&offer], tasks);
    }

    pub(in crate::master) fn accept(
        &mut self,
        connection: ConnectionId,
        offers: &[&str],
        tasks: &[TaskInfo],
    ) {
        let list = |texts: Vec<String>| texts.join(",");
        let offers = list(offers.iter().map(|o| format!(r#"{{"value":"{o}"}}"#)).collect());
        let tasks = list(tasks.iter().map(to_json).collect());
        let accept = format!(
            r#""type":"ACCEPT","accept":{{"offer_ids":[{offers}],"operations":[
            {{"type":"LAUNCH","launch":{{"task_infos":[{tasks}]}}}}]}}"#
        );
        assert_eq!(self.call(connection, &accept).status, 202);
    }

    pub(in crate::master) fn decline_all(&mut self, connection: ConnectionId, seconds: f64) {
        let offers = self.offers(connection);
        let offers = offers.iter().map(|offer| to_json(&offer.id)).collect::<Vec<_>>().join(",");
        let decline = format!(
            r#""type":"DECLINE","decline":{{"offer_ids":[{offers}],
            "filters":{{"refuse_seconds":{seconds}}}}}"#
        );
        assert_eq!(self.call(connection, &decline).status, 202);
    }

    pub(in crate::master) fn kill(
        &mut self,
        connection: ConnectionId,
        task: &str,
        agent: Option<&str>,
    ) {
        let agent =
            agent.map_or(String::new(), |agent| format!(r#","agent_id":{{"value":"{agent}"}}"#));
        let kill = format!(r#""type":"KILL","kill":{{"task_id":{{"value":"{task}"}}{agent}}}"#);
        assert_eq!(self.call(connection, &kill).status, 202);
    }

    pub(in crate::master) fn reconcile(&mut self, connection: ConnectionId, tasks: &[&str]) {
        let tasks = tasks.iter().map(|task| format!(r#"{{"task_id":{{"value":"{task}"}}}}"#));
        let tasks = tasks.collect::<Vec<_>>().join(",");
        let call = format!(r#""type":"RECONCILE","reconcile":{{"tasks":[{tasks}]}}"#);
        assert_eq!(self.call(connection, &call).status, 202);
    }

    pub(in crate::master) fn reconcile_on(
        &mut self,
        connection: ConnectionId,
        task: &str,
        agent: &str,
    ) {
        let call = format!(
            r#""type":"RECONCILE","reconcile":{{"tasks":[
            {{"task_id":{{"value":"{task}"}},"agent_id":{{"value":"{agent}"}}}}]}}"#
        );
        assert_eq!(self.call(connection, &call).status, 202);
    }

    /// Acknowledges the last update that has a uuid.
    pub(in crate::master) fn acknowledge_last(&mut self, connection: ConnectionId) {
        let mut updates = self.updates(connection).into_iter();
        let update = updates.rfind(|update| update.uuid.is_some()).unwrap();
        // A status is written with the same names.
        let status: serde_json::Value = serde_json::from_str(&to_json(&update)).unwrap();
        let (agent, uuid) = (&status["agent_id"], &status["uuid"]);
        let task = &status["task_id"];
        let call = format!(
            r#""type":"ACKNOWLEDGE","acknowledge":{{"agent_id":{agent},"task_id":{task},"uuid":{uuid}}}"#
        );
        assert_eq!(self.call(connection, &call).status, 202);
    }

    /// Something becomes of a task of the first framework that has one of this name.
    pub(in crate::master) fn news(&mut self, task: &str, news: News) {
        let framework = self.events.values().flatten().find_map(|event| event.subscribed.as_ref());
        let framework = framework.unwrap().framework_id.value.as_str().into();
        let key = TaskKey { framework, task: task.into() };
        self.master.take_news(self.now, &key, news);
        self.settle();
    }

    fn told(&self, connection: ConnectionId) -> impl Iterator<Item = &Event> {
        self.events.get(&connection).into_iter().flatten()
    }

    pub(in crate::master) fn framework_id(&self, connection: ConnectionId) -> String {
        let subscribed = self.told(connection).find_map(|event| event.subscribed.as_ref());
        subscribed.unwrap().framework_id.value.clone()
    }

    pub(in crate::master) fn kinds(&self, connection: ConnectionId) -> Vec<EventType> {
        let kinds = self.told(connection).filter_map(|event| event.r#type);
        kinds.map(|kind| kind.try_into().unwrap()).collect()
    }

    pub(in crate::master) fn offers(&self, connection: ConnectionId) -> Vec<Offer> {
        let offers = self.told(connection).filter_map(|event| event.offers.clone());
        offers.flat_map(|offers| offers.offers).collect()
    }

    pub(in crate::master) fn updates(&self, connection: ConnectionId) -> Vec<TaskStatus> {
        let updates = self.told(connection).filter_map(|event| event.update.clone());
        updates.map(|update| update.status).collect()
    }

    pub(in crate::master) fn states(&self, connection: ConnectionId) -> Vec<TaskState> {
        let updates = self.updates(connection).into_iter();
        updates.map(|update| update.state.try_into().unwrap()).collect()
    }

    pub(in crate::master) fn operations(&self, connection: ConnectionId) -> Vec<OperationStatus> {
        let told = self.told(connection);
        let updates = told.filter_map(|event| event.update_operation_status.clone());
        updates.map(|update| update.status).collect()
    }

    pub(in crate::master) fn errors(&self, connection: ConnectionId) -> Vec<String> {
        let errors = self.told(connection).filter_map(|event| event.error.clone());
        errors.map(|error| error.message).collect()
    }

    pub(in crate::master) fn is_closed(&self, connection: ConnectionId) -> bool {
        self.closed.contains(&connection)
    }
}
