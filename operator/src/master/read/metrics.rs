//! Metrics, with the names of Mesos.

use proffer_core::ranges::Ranges;
use proffer_core::view::Market;
use proffer_mesos::resources::{Quantities, scalar};
use proffer_mesos::types::{Resource, TaskState};
use serde_json::{Map, Value, json};

use super::Reading;
use crate::master::amounts;
use crate::master::frameworks::role_of;

/// What is counted, each from zero.
const COUNTERS: [&str; 44] = [
    "dropped_messages",
    "invalid_executor_to_framework_messages",
    "invalid_framework_to_executor_messages",
    "invalid_status_update_acknowledgements",
    "invalid_status_updates",
    "messages_authenticate",
    "messages_deactivate_framework",
    "messages_decline_offers",
    "messages_executor_to_framework",
    "messages_exited_executor",
    "messages_framework_to_executor",
    "messages_kill_task",
    "messages_launch_tasks",
    "messages_reconcile_tasks",
    "messages_register_framework",
    "messages_register_slave",
    "messages_reregister_framework",
    "messages_reregister_slave",
    "messages_resource_request",
    "messages_revive_offers",
    "messages_status_update",
    "messages_status_update_acknowledgement",
    "messages_suppress_offers",
    "messages_unregister_framework",
    "messages_unregister_slave",
    "messages_update_slave",
    "recovery_slave_removals",
    "slave_registrations",
    "slave_removals",
    "slave_reregistrations",
    "slave_unreachable_completed",
    "slave_unreachable_scheduled",
    "tasks_dropped",
    "tasks_error",
    "tasks_failed",
    "tasks_finished",
    "tasks_gone",
    "tasks_gone_by_operator",
    "tasks_killed",
    "tasks_lost",
    "valid_executor_to_framework_messages",
    "valid_framework_to_executor_messages",
    "valid_status_update_acknowledgements",
    "valid_status_updates",
];

/// Under which name tasks that ended in a state are counted.
pub(in crate::master) fn ends(state: TaskState) -> Option<&'static str> {
    Some(match state {
        TaskState::Finished => "tasks_finished",
        TaskState::Failed => "tasks_failed",
        TaskState::Killed => "tasks_killed",
        TaskState::Lost => "tasks_lost",
        TaskState::Error => "tasks_error",
        TaskState::Dropped => "tasks_dropped",
        TaskState::Gone => "tasks_gone",
        TaskState::GoneByOperator => "tasks_gone_by_operator",
        TaskState::Staging
        | TaskState::Starting
        | TaskState::Running
        | TaskState::Killing
        | TaskState::Unreachable
        | TaskState::Unknown => return None,
    })
}

/// The states that tasks are counted by.
pub(super) const STATES: [TaskState; 10] = [
    TaskState::Staging,
    TaskState::Starting,
    TaskState::Running,
    TaskState::Killing,
    TaskState::Finished,
    TaskState::Failed,
    TaskState::Killed,
    TaskState::Lost,
    TaskState::Error,
    TaskState::Gone,
];

fn sum<'a>(lists: impl Iterator<Item = &'a Vec<(Box<str>, i64)>>) -> Quantities {
    let all: Vec<Resource> =
        lists.flat_map(|list| amounts::resources(list, &Ranges::new())).collect();
    Quantities::of(&all)
}

/// Metrics by name.
#[derive(Default)]
struct Metrics(Map<String, Value>);

impl Metrics {
    fn set(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), json!(value));
    }

    fn set_number(&mut self, name: impl Into<String>, value: u64) {
        #[expect(clippy::cast_precision_loss, reason = "exact for longer than anybody will ask")]
        self.set(name, value as f64);
    }

    fn set_count(&mut self, name: impl Into<String>, value: usize) {
        self.set(name, u32::try_from(value).map_or(f64::MAX, f64::from));
    }
}

impl Reading {
    /// Everything that is counted and measured.
    pub(super) fn metrics(&self) -> Value {
        let market = self.market();
        let mut all = Metrics::default();
        all.set("master/elected", 1.0);
        all.set(
            "master/uptime_secs",
            crate::master::span_seconds(self.now().since(self.started_at())),
        );
        all.set_count("master/outstanding_offers", market.offers.len());
        measure_system(&mut all);
        measure_resources(&mut all, market);
        self.of_everybody().measure_frameworks(&mut all);
        self.measure_agents(&mut all);
        self.measure_pools(&mut all, market);
        for name in COUNTERS {
            all.set(format!("master/{name}"), 0.0);
        }
        for (name, number) in self.counts() {
            all.set_number(format!("master/{name}"), *number);
        }
        for (name, number) in self.settings().port.values() {
            all.set_number(format!("proffer/port/{name}"), number);
        }
        Value::Object(all.0)
    }

    fn measure_frameworks(&self, all: &mut Metrics) {
        let connected = self.frameworks().filter(|f| f.connection.is_some()).count();
        let gone = self.frameworks().count() - connected;
        all.set_count("master/frameworks_active", connected);
        all.set_count("master/frameworks_connected", connected);
        all.set_count("master/frameworks_inactive", gone);
        all.set_count("master/frameworks_disconnected", gone);
        let tasks = self.frameworks().flat_map(|framework| framework.tasks.values());
        let states: Vec<TaskState> = tasks.map(|record| record.state).collect();
        for state in STATES.into_iter().filter(|state| ends(*state).is_none()) {
            let number = states.iter().filter(|other| **other == state).count();
            all.set_count(format!("master/{}", task_metric(state)), number);
        }
        all.set("master/tasks_unreachable", 0.0);
    }

    fn measure_agents(&self, all: &mut Metrics) {
        let active = self.agents().iter().filter(|agent| agent.is_active()).count();
        let agents = self.agents().iter().count();
        all.set_count("master/slaves_active", active);
        all.set_count("master/slaves_connected", agents);
        all.set_count("master/slaves_inactive", agents - active);
        all.set("master/slaves_disconnected", 0.0);
        all.set("master/slaves_unreachable", 0.0);
    }

    fn measure_pools(&self, all: &mut Metrics, market: &Market) {
        for pool in market.pools.iter().filter(|pool| self.pools().contains_key(&pool.name)) {
            let (share, role) = (billionths(pool.dominant_share.billionths()), role_of(&pool.name));
            all.set(format!("allocator/mesos/roles/{role}/shares/dominant"), share);
            let of_pool = market.frameworks.iter().flat_map(|framework| &framework.pools);
            let filters = of_pool.filter(|of| of.pool == pool.name).map(|of| of.filters).sum();
            all.set_count(format!("allocator/mesos/offer_filters/roles/{role}/active"), filters);
        }
        for pool in self.pools().values() {
            let quota = format!("allocator/mesos/quota/roles/{}/resources", role_of(&pool.name));
            for (kind, amounts) in [("guarantee", &pool.guarantee), ("limit", &pool.limit)] {
                for (name, amount) in sum([amounts].into_iter()).scalars {
                    all.set(format!("{quota}/{name}/{kind}"), scalar(amount));
                }
            }
        }
    }
}

/// The name of tasks in a state among the metrics: `tasks_running`.
pub(super) fn task_metric(state: TaskState) -> String {
    state.text().to_lowercase().replacen("task", "tasks", 1)
}

/// The machine that the master runs on.
fn measure_system(all: &mut Metrics) {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    all.set_count("system/cpus_total", processors);
    let system = rustix::system::sysinfo();
    #[expect(clippy::cast_precision_loss, reason = "as Mesos tells it")]
    let number = |value: u64| value as f64;
    for (name, load) in ["1min", "5min", "15min"].into_iter().zip(system.loads) {
        all.set(format!("system/load_{name}"), number(load) / 65536.0);
    }
    let unit = u64::from(system.mem_unit.max(1));
    for (name, units) in [("total", system.totalram), ("free", system.freeram)] {
        all.set(format!("system/mem_{name}_bytes"), number(units.saturating_mul(unit)));
    }
}

fn measure_resources(all: &mut Metrics, market: &Market) {
    let total = sum(market.nodes.iter().map(|node| &node.usable));
    let held = sum(market.nodes.iter().map(|node| &node.held));
    let offered = sum(market.nodes.iter().map(|node| &node.outstanding));
    for name in ["cpus", "mem", "disk", "gpus"] {
        let of = |sum: &Quantities| sum.scalars.get(name).map_or(0.0, |amount| scalar(*amount));
        let (total, held, used) = (of(&total), of(&held), of(&held) - of(&offered));
        let percent = if total > 0.0 { used / total } else { 0.0 };
        all.set(format!("master/{name}_total"), total);
        all.set(format!("master/{name}_used"), used);
        all.set(format!("master/{name}_percent"), percent);
        // Nothing is offered that may be taken back.
        for kind in ["total", "used", "percent"] {
            all.set(format!("master/{name}_revocable_{kind}"), 0.0);
        }
        let allocator = format!("allocator/mesos/resources/{name}");
        all.set(format!("{allocator}/total"), total);
        all.set(format!("{allocator}/offered_or_allocated"), held);
    }
}

/// Billionths as a fraction.
fn billionths(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share is at most one")]
    let count = count as f64;
    count / 1e9
}
