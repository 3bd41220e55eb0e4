//! Frameworks as the master knows them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use proffer_core::event::PoolObservation;
use proffer_core::frameworks::{
    Demand, FrameworkObservation, FrameworkPool, InverseOfferId, NamedAmounts, OfferDescription,
    OfferId, TaskId,
};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_crds::Quantity;
use proffer_mesos::constraints::{self, Groups};
use proffer_mesos::resources::thousandths;
use proffer_mesos::scheduler::OfferConstraints;
use proffer_mesos::types::{
    FrameworkInfo, FrameworkInfoCapabilityType as Capability, InverseOffer, Task,
};
use proffer_mesos::validate;

use super::ConnectionId;
use super::agents::Agents;
use super::amounts;
use super::executors::ExecutorRecord;
use super::limits::{self, Tasks};
use super::shared::Shared;
use super::tasks::{TaskRecord, is_terminal};

/// How many executors a framework has use for.
const EXECUTORS: &str = "proffer.dev/executors";
/// What each of them holds.
const EXECUTOR_CPUS: &str = "proffer.dev/executor-cpus";
const EXECUTOR_MEMORY: &str = "proffer.dev/executor-memory";

/// A framework, with its offers and tasks.
#[derive(Clone, Debug)]
pub(super) struct Framework {
    pub(super) id: Arc<str>,
    pub(super) key: JobKey,
    pub(super) info: Arc<FrameworkInfo>,
    /// What it can do. That is asked for each resource of an offer, and may have been said any number of
    /// times.
    pub(super) capabilities: BTreeSet<Capability>,
    pub(super) principal: Option<String>,
    pub(super) settings: Arc<Subscription>,
    pub(super) connection: Option<Connection>,
    /// How much it says of itself.
    pub(super) bytes: usize,
    pub(super) tasks: Tasks,
    pub(super) executors: Shared<TaskId, ExecutorRecord>,
    /// Whether it is shown to somebody who sees none of its executors, not even those that are built in.
    pub(super) hides_executors: bool,
    pub(super) completed_tasks: VecDeque<Arc<Task>>,
    pub(super) completed_bytes: usize,
    /// The offers that it may answer.
    pub(super) offers: Shared<OfferId, OfferDescription>,
    /// Those of them that it was not told of yet.
    pub(super) untold: BTreeSet<OfferId>,
    /// What it is asked to give back, as it was told.
    pub(super) inverse: Shared<InverseOfferId, InverseOffer>,
    pub(super) registered_at: Time,
    pub(super) reregistered_at: Option<Time>,
    pub(super) unregistered_at: Option<Time>,
    /// When it is given up, if it does not come back before.
    pub(super) failover_at: Option<Time>,
    /// How it ended.
    pub(super) end: Option<End>,
}

/// How a framework ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it or an operator wanted.
    TornDown,
    /// It did not come back in time.
    FailedOver,
    /// It could not be taken in.
    Refused(String),
}

/// What a framework said when it subscribed, understood.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscription {
    /// Its roles, by pool.
    pub(super) roles: BTreeMap<Box<str>, String>,
    /// The pools in which it wants no offers.
    pub(super) suppressed: BTreeSet<Box<str>>,
    /// By role.
    pub(super) constraints: Vec<(String, Groups)>,
    /// The same, as it was told.
    pub(super) offer_constraints: Option<OfferConstraints>,
    pub(super) demand: Option<Demand>,
}

/// How a framework is connected.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) stream: String,
}

impl Subscription {
    /// How much a framework says of itself.
    pub(super) fn bytes(&self, info: &FrameworkInfo) -> usize {
        limits::bytes(info) + self.offer_constraints.as_ref().map_or(0, limits::bytes)
    }

    /// What a framework says, or what is wrong with it in the words of Mesos.
    pub(super) fn of(
        info: &FrameworkInfo,
        suppressed_roles: &[String],
        offer_constraints: Option<&OfferConstraints>,
        pools: &BTreeMap<Box<str>, PoolObservation>,
    ) -> Result<Self, String> {
        validate::check_subscription(info, suppressed_roles)?;
        let own = validate::roles(info);
        let constraints = constraints::constraints_by_role(offer_constraints, &own)?;
        let mut roles: BTreeMap<Box<str>, String> = BTreeMap::new();
        for role in own {
            let pool = pool_of(role);
            if !pools.contains_key(&pool) {
                return Err(format!(
                    "Role '{role}' is not present in the master's --roles: create a ResourcePool \
                     '{pool}' for it"
                ));
            }
            if let Some(other) = roles.insert(pool.clone(), role.to_owned()) {
                return Err(format!("Roles '{other}' and '{role}' are both the pool '{pool}'"));
            }
        }
        Ok(Self {
            roles,
            suppressed: suppressed_roles.iter().map(|role| pool_of(role)).collect(),
            constraints,
            offer_constraints: offer_constraints.cloned(),
            demand: demand(info)?,
        })
    }
}

/// The name of the pool that a role is.
pub(super) fn pool_of(role: &str) -> Box<str> {
    match role {
        "*" => proffer_crds::DEFAULT_POOL.into(),
        _ => role.replace('/', ".").into(),
    }
}

/// The role that a pool is.
pub(super) fn role_of(pool: &str) -> String {
    match pool {
        proffer_crds::DEFAULT_POOL => "*".to_owned(),
        _ => pool.replace('.', "/"),
    }
}

/// The demand that a framework's labels tell of.
fn demand(info: &FrameworkInfo) -> Result<Option<Demand>, String> {
    let value = |key: &str| {
        let labels = info.labels.iter().flat_map(|labels| &labels.labels);
        labels.filter(|label| label.key == key).find_map(|label| label.value.as_deref())
    };
    let keys = [EXECUTORS, EXECUTOR_CPUS, EXECUTOR_MEMORY];
    let [Some(executors), Some(cpus), Some(memory)] = keys.map(value) else {
        if keys.iter().all(|key| value(key).is_none()) {
            return Ok(None);
        }
        let missing: Vec<&str> = keys.into_iter().filter(|key| value(key).is_none()).collect();
        return Err(format!(
            "The labels {} go together, and {} is missing",
            keys.join(", "),
            missing.join(" and ")
        ));
    };
    let invalid = |key: &str, text: &str, what: &str| {
        format!("The label {key} is \"{text}\", which is not {what}")
    };
    let quantity = |key: &str, text: &str, what: &str| {
        let quantity = text.parse::<Quantity>().ok().filter(|quantity| quantity.milli() > 0);
        quantity.ok_or_else(|| invalid(key, text, what))
    };
    let count = executors.parse().map_err(|_| invalid(EXECUTORS, executors, "a whole number"))?;
    let cpus = quantity(EXECUTOR_CPUS, cpus, "an amount of cpus, such as 1 or 500m")?;
    let memory = quantity(EXECUTOR_MEMORY, memory, "an amount of memory, such as 1408Mi")?;
    Ok(Some(Demand {
        executors: count,
        amounts: vec![("cpu".into(), cpus.milli()), ("memory".into(), memory.units())],
    }))
}

impl Framework {
    pub(super) fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// The tasks of one of its executors that have not ended.
    pub(super) fn tasks_of(&self, executor: &str, agent: &str) -> Vec<TaskId> {
        let is_of = |record: &TaskRecord| {
            record.executor_id() == executor
                && *record.info.agent_id.value == *agent
                && !is_terminal(record.state)
        };
        let own = self.tasks.iter().filter(|(_, record)| is_of(record));
        own.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn is_multi_role(&self) -> bool {
        self.can(Capability::MultiRole)
    }

    /// Whether what the engine is told of its constraints depends on which nodes there are.
    pub(super) fn depends_on_nodes(&self) -> bool {
        let groups = self.settings.constraints.iter().flat_map(|(_, groups)| groups);
        groups.flatten().any(|constraint| {
            use constraints::Predicate::{Matches, NotMatches};
            constraint.selector == constraints::Selector::Hostname
                || matches!(constraint.predicate, Matches(_) | NotMatches(_))
        })
    }

    /// How long it is waited for when it is not connected.
    pub(super) fn failover_timeout(&self) -> Span {
        let seconds = self.info.failover_timeout.unwrap_or(0.0);
        let timeout = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
        timeout.into()
    }

    /// The framework as the engine should see it.
    pub(super) fn observation(&self, agents: &Agents) -> FrameworkObservation {
        let in_pool = |pool: &str, role: &String| {
            let groups = self.settings.constraints.iter().filter(|(of, _)| of == role);
            let groups = groups.flat_map(|(_, groups)| groups);
            let engine_group = |group: &Vec<constraints::Constraint>| {
                group.iter().map(|constraint| agents.constraint(constraint)).collect()
            };
            let mut groups: Vec<Vec<_>> = groups.map(engine_group).collect();
            if let Some(untainted) = agents.untainted() {
                if groups.is_empty() {
                    groups.push(Vec::new());
                }
                groups.iter_mut().for_each(|group| group.push(untainted.clone()));
            }
            FrameworkPool {
                pool: pool.into(),
                suppressed: self.settings.suppressed.contains(pool),
                constraints: groups,
                minimum: self.minimum(role),
            }
        };
        FrameworkObservation {
            key: self.key.clone(),
            uid: (&*self.id).into(),
            connected: self.connection.is_some(),
            pools: self.settings.roles.iter().map(|(pool, role)| in_pool(pool, role)).collect(),
            offer_timeout_milliseconds: None,
            demand: self.settings.demand.clone().map(|mut demand| {
                if agents.count_pods() {
                    demand.amounts.push((amounts::PODS.into(), 1));
                }
                demand
            }),
        }
    }

    /// What an offer in a role must have at least, if the framework says so.
    fn minimum(&self, role: &str) -> Option<Vec<NamedAmounts>> {
        let least = self.info.offer_filters.get(role)?.min_allocatable_resources.as_ref()?;
        let amounts = least.quantities.iter().map(|quantities| {
            let resources: Vec<_> = quantities
                .quantities
                .iter()
                .map(|(name, quantity)| {
                    let amount = thousandths(quantity.amount()).unwrap_or(i64::MAX);
                    proffer_mesos::resources::scalar_resource(name, amount)
                })
                .collect();
            amounts::request(&resources).map(|(amounts, _)| amounts).unwrap_or_default()
        });
        Some(amounts.collect())
    }
}
