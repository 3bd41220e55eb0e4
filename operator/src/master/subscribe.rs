//! Frameworks come, go and come back.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use proffer_core::event::Event as EngineEvent;
use proffer_core::jobs::JobKey;
use proffer_core::namespaces::Claims;
use proffer_core::time::Time;
use proffer_mesos::scheduler::{
    CallSubscribe, CallUpdateFramework, Event, EventError, EventSubscribed, EventType,
};
use proffer_mesos::types::{FrameworkId, FrameworkInfo, TaskState, TaskStatusReason as Reason};
use proffer_mesos::validate;

use super::frameworks::{Connection, End, Framework, Subscription};
use super::limits::Tasks;
use super::shared::Shared;
use super::tasks::{TaskKey, is_terminal, status};
use super::{
    Answer, ConnectionId, Effect, HEARTBEAT_INTERVAL, Master, Timer, executors, restore,
    span_seconds,
};

impl Master {
    /// A framework wants to be told events on a connection. What is wrong with it it is told there.
    pub(crate) fn subscribe(
        &mut self,
        now: Time,
        connection: ConnectionId,
        stream: &str,
        principal: Option<&str>,
        call: CallSubscribe,
    ) {
        let is_known = call.framework_info.id.as_ref().is_some_and(|id| !id.value.is_empty());
        self.count(
            if is_known { "messages_reregister_framework" } else { "messages_register_framework" },
            1,
        );
        match self.admit(now, principal, call) {
            Ok(id) => self.connect(now, &id, Connection { id: connection, stream: stream.into() }),
            Err(message) => self.refuse(connection, message),
        }
    }

    fn refuse(&mut self, connection: ConnectionId, message: String) {
        let error = Event {
            r#type: Some(EventType::Error.into()),
            error: Some(EventError { message }),
            ..Event::default()
        };
        self.effects.push(Effect::Send(connection, Box::new(error)));
        self.effects.push(Effect::Close(connection));
    }

    /// Takes in a framework, new or known; returns its id.
    fn admit(
        &mut self,
        now: Time,
        principal: Option<&str>,
        call: CallSubscribe,
    ) -> Result<Arc<str>, String> {
        let CallSubscribe { mut framework_info, suppressed_roles, offer_constraints } = call;
        let settings = Subscription::of(
            &framework_info,
            &suppressed_roles,
            offer_constraints.as_ref(),
            &self.pools,
        )?;
        let may_use = |role: &&String| self.settings.access.may_use(principal, role);
        if let Some(role) = settings.roles.values().find(|role| !may_use(role)) {
            return Err(format!("Not authorized to use role '{role}'"));
        }
        let principal = principal.map(str::to_owned).or(framework_info.principal.clone());
        self.check_claims(&self.namespace_of(principal.as_deref()), &settings)?;
        let id = framework_info.id.take().map(|id| id.value).filter(|id| !id.is_empty());
        let id: Arc<str> = match id {
            None => self.new_id(),
            Some(id) if self.completed.iter().any(|gone| *gone.id == *id) => {
                return Err("Framework has been removed".to_owned());
            }
            Some(id) => id.into(),
        };
        framework_info.id = Some(FrameworkId { value: id.to_string() });
        self.check_framework(principal.as_deref(), &id, &framework_info, &settings)?;
        self.touch(&id);
        if let Some(known) = self.frameworks.get_mut(&id) {
            if known.principal != principal {
                let (named, known) = (principal.as_deref(), known.principal.as_deref());
                return Err(validate::different_principal(
                    named.unwrap_or_default(),
                    known.unwrap_or_default(),
                ));
            }
            known.update(framework_info, settings);
            known.reregistered_at = Some(now);
            return Ok(id);
        }
        let namespace = self.namespace_of(principal.as_deref());
        let key = JobKey { namespace, name: restore::job_name(&framework_info.name, &id).into() };
        let framework =
            Framework::new(now, id.clone(), key, framework_info, principal.clone(), settings);
        self.by_key.insert(framework.key.clone(), id.clone());
        self.frameworks.insert(id.clone(), framework);
        self.forget_gone(principal.as_deref());
        Ok(id)
    }

    /// Whether frameworks of a namespace may use pools, as with jobs.
    fn check_claims(&self, namespace: &str, settings: &Subscription) -> Result<(), String> {
        let pools = self.pools.values().map(|pool| (&*pool.name, &*pool.namespaces));
        let claims = Claims::new(pools);
        settings.roles.keys().try_for_each(|pool| claims.check(namespace, pool))
    }

    /// The namespace of the frameworks of a principal.
    pub(super) fn namespace_of(&self, principal: Option<&str>) -> Arc<str> {
        let own = principal.and_then(|principal| self.settings.access.namespace(principal));
        own.map_or_else(|| self.settings.namespace.clone(), Arc::from)
    }

    fn new_id(&mut self) -> Arc<str> {
        loop {
            let id: Arc<str> = format!("{}-{:04}", self.settings.id, self.next_framework).into();
            self.next_framework += 1;
            let gone = self.completed.iter().any(|gone| gone.id == id);
            if !gone && !self.frameworks.contains_key(&id) {
                return id;
            }
        }
    }

    fn connect(&mut self, now: Time, id: &Arc<str>, connection: Connection) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let number = connection.id;
        let before = framework.connection.replace(connection);
        if let Some(at) = framework.failover_at.take() {
            self.timers.remove(&(at, Timer::Failover(id.clone())));
        }
        if let Some(before) = before {
            self.timers.retain(|(_, timer)| *timer != Timer::Heartbeat(id.clone(), before.id));
            self.refuse(before.id, "Framework failed over".to_owned());
            self.forget_offers(id);
        }
        self.observe_framework(id);
        let subscribed = EventSubscribed {
            framework_id: FrameworkId { value: id.to_string() },
            heartbeat_interval_seconds: Some(span_seconds(HEARTBEAT_INTERVAL)),
            master_info: Some(self.settings.info()),
        };
        let event = Event {
            r#type: Some(EventType::Subscribed.into()),
            subscribed: Some(subscribed),
            ..Event::default()
        };
        self.send(id, event);
        // Some clients read an event only when they see the next one begin.
        self.beat(now, id, number);
        self.resend_all(now, id);
    }

    /// Sends a heartbeat, if the connection is still the framework's.
    pub(super) fn beat(&mut self, now: Time, id: &Arc<str>, connection: ConnectionId) {
        let framework = self.frameworks.get(id);
        let current = framework.and_then(|framework| framework.connection.as_ref());
        if current.is_some_and(|current| current.id == connection) {
            let kind = Some(EventType::Heartbeat.into());
            self.send(id, Event { r#type: kind, ..Event::default() });
            let at = now + HEARTBEAT_INTERVAL;
            self.set_timer(at, Timer::Heartbeat(id.clone(), connection));
        }
    }

    /// Takes back what a framework is offered, without a word: it is another connection that had it.
    fn forget_offers(&mut self, id: &str) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.offers = Shared::default();
        framework.untold.clear();
        framework.inverse = Shared::default();
        let mut gone = framework.observation(&self.agents);
        gone.connected = false;
        self.effects.push(Effect::Engine(EngineEvent::Framework(Box::new(gone))));
    }

    /// Tells the engine how a framework is now.
    pub(super) fn observe_framework(&mut self, id: &str) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let observed = framework.observation(&self.agents);
        self.effects.push(Effect::Engine(EngineEvent::Framework(Box::new(observed))));
    }

    /// A connection has ended.
    pub(crate) fn disconnected(&mut self, now: Time, connection: ConnectionId) {
        let held = |framework: &&Framework| {
            framework.connection.as_ref().is_some_and(|held| held.id == connection)
        };
        let Some(id) = self.frameworks.values().find(held).map(|f| f.id.clone()) else {
            self.executor_disconnected(connection);
            return;
        };
        let least = self.settings.least_failover;
        let Some(framework) = self.frameworks.get_mut(&id) else { return };
        framework.connection = None;
        self.waiting.remove(&id);
        self.touched.insert(id.clone());
        let at = now + framework.failover_timeout().max(least);
        framework.failover_at = Some(at);
        self.timers.retain(|(_, timer)| *timer != Timer::Heartbeat(id.clone(), connection));
        self.set_timer(at, Timer::Failover(id.clone()));
        self.forget_offers(&id);
    }

    /// Removes a framework that did not come back in time.
    pub(super) fn give_up(&mut self, now: Time, id: &str) {
        let framework = self.frameworks.get(id);
        if framework.and_then(|framework| framework.failover_at).is_some_and(|at| at <= now) {
            self.remove(now, id, End::FailedOver);
        }
    }

    /// Removes a framework that cannot be, and tells it why.
    pub(crate) fn refuse_framework(&mut self, now: Time, id: &str, message: String) {
        let connection =
            self.frameworks.get(id).and_then(|framework| framework.connection.as_ref());
        if let Some(connection) = connection.map(|connection| connection.id) {
            self.refuse(connection, message.clone());
        }
        self.remove(now, id, End::Refused(message));
    }

    /// Removes a framework: its tasks are killed, and it cannot come back.
    pub(crate) fn remove(&mut self, now: Time, id: &str, end: End) {
        let Some(mut framework) = self.frameworks.remove(id) else { return };
        self.touched.insert(framework.id.clone());
        framework.end = Some(end);
        if let Some(connection) = framework.connection.take() {
            self.timers.retain(|(_, timer)| {
                *timer != Timer::Heartbeat(framework.id.clone(), connection.id)
            });
            self.effects.push(Effect::Close(connection.id));
        }
        self.offered.remove(id);
        self.by_key.remove(&framework.key);
        framework.unregistered_at = Some(now);
        framework.offers = Shared::default();
        self.waiting.remove(id);
        self.effects.push(Effect::Engine(EngineEvent::FrameworkGone(framework.key.clone())));
        for (name, record) in framework.executors.drain() {
            self.by_token.remove(&record.token);
            let key = TaskKey { framework: framework.id.clone(), task: name.clone() };
            let mut held = framework.tasks_of(&record.info.executor_id.value, &record.agent);
            held.push(name);
            self.orphans.insert(key.clone(), (framework.key.clone(), held));
            if let Some(connection) = record.connection {
                self.effects.push(Effect::Tell(connection, Box::new(executors::shutdown())));
            }
            self.effects.push(Effect::Kill { task: key, grace: None });
        }
        let message = format!("Framework {id} removed");
        for (name, mut record) in framework.tasks.drain() {
            let (killed, reason) = (TaskState::Killed, Some(Reason::FrameworkRemoved));
            if !is_terminal(record.state) {
                record.statuses.push(status(now, &name, killed, reason, message.clone()));
                record.state = killed;
                self.count_end(killed);
            }
            let key = TaskKey { framework: framework.id.clone(), task: name };
            if let Some(at) = record.resend_at {
                self.timers.remove(&(at, Timer::Resend(key.clone())));
            }
            if record.holds && record.info.executor.is_none() {
                // What it holds is free when it has ended.
                let held = vec![key.task.clone()];
                self.orphans.insert(key.clone(), (framework.key.clone(), held));
                self.effects.push(Effect::Kill { task: key, grace: None });
            } else {
                self.effects.push(Effect::Settled(key));
            }
            framework.keep_completed(record.to_task());
        }
        self.keep_gone(framework);
    }

    /// Takes in that a framework is another one now, while it stays connected.
    pub(super) fn update_framework(&mut self, id: &str, update: CallUpdateFramework) -> Answer {
        let CallUpdateFramework { framework_info, suppressed_roles, offer_constraints } = update;
        let settings = match Subscription::of(
            &framework_info,
            &suppressed_roles,
            offer_constraints.as_ref(),
            &self.pools,
        ) {
            Ok(settings) => settings,
            Err(message) => return Answer::new(400, message),
        };
        let Some(framework) = self.frameworks.get(id) else {
            return Answer::new(400, "Framework cannot be found");
        };
        let principal = framework.principal.as_deref();
        let may_use = |role: &&String| self.settings.access.may_use(principal, role);
        if let Some(role) = settings.roles.values().find(|role| !may_use(role)) {
            return Answer::new(403, format!("Not authorized to use role '{role}'"));
        }
        if let Err(problem) = self.check_claims(&framework.key.namespace, &settings) {
            return Answer::new(403, problem);
        }
        if let Err(problem) = self.check_framework(principal, id, &framework_info, &settings) {
            return Answer::new(400, problem);
        }
        let (old, new) = (&framework.info, &framework_info);
        let changed = [
            ("principal", old.principal != new.principal),
            ("user", old.user != new.user),
            ("checkpoint", old.checkpoint.unwrap_or(false) != new.checkpoint.unwrap_or(false)),
        ];
        if let Some((field, _)) = changed.iter().find(|(_, changed)| *changed) {
            return Answer::new(400, format!("Updating 'FrameworkInfo.{field}' is unsupported"));
        }
        let id = framework.id.clone();
        if let Some(framework) = self.frameworks.get_mut(&id) {
            framework.update(framework_info, settings);
        }
        self.touch(&id);
        self.observe_framework(&id);
        Answer::new(200, "")
    }
}

impl Framework {
    /// A framework without tasks that is not connected.
    pub(super) fn new(
        now: Time,
        id: Arc<str>,
        key: JobKey,
        info: FrameworkInfo,
        principal: Option<String>,
        settings: Subscription,
    ) -> Self {
        let bytes = settings.bytes(&info);
        Self {
            id,
            key,
            capabilities: validate::capabilities(&info),
            info: Arc::new(info),
            principal,
            settings: Arc::new(settings),
            connection: None,
            bytes,
            tasks: Tasks::default(),
            executors: Shared::default(),
            hides_executors: false,
            completed_tasks: VecDeque::new(),
            completed_bytes: 0,
            offers: Shared::default(),
            untold: BTreeSet::new(),
            inverse: Shared::default(),
            registered_at: now,
            reregistered_at: None,
            unregistered_at: None,
            failover_at: None,
            end: None,
        }
    }

    /// Takes in what may change. What may not keeps its old value, as in Mesos.
    fn update(&mut self, info: FrameworkInfo, settings: Subscription) {
        let FrameworkInfo { user, checkpoint, principal, .. } = &*self.info;
        let (user, checkpoint, principal) = (user.clone(), *checkpoint, principal.clone());
        self.info = Arc::new(FrameworkInfo { user, checkpoint, principal, ..info });
        self.capabilities = validate::capabilities(&self.info);
        self.bytes = settings.bytes(&self.info);
        self.settings = Arc::new(settings);
    }
}
