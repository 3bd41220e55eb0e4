//! Metrics, with the names of Mesos.

use proffer_core::ranges::Ranges;
use proffer_core::view::View;
use proffer_mesos::resources::{Quantities, scalar};
use proffer_mesos::types::{Resource, TaskState};
use serde_json::{Map, Value, json};

use crate::master::frameworks::role_of;
use crate::master::{Master, amounts};

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

impl Master {
    /// Everything that is counted and measured.
    pub(super) fn metrics(&self, view: &View) -> Value {
        let mut all = Map::new();
        let mut set = |name: String, value: Value| {
            all.insert(name, value);
        };
        set("master/elected".to_owned(), json!(1.0));
        set(
            "master/uptime_secs".to_owned(),
            json!(crate::master::span_seconds(self.now.since(self.started_at))),
        );
        let total = sum(view.nodes.iter().map(|node| &node.usable));
        let held = sum(view.nodes.iter().map(|node| &node.held));
        let offered = sum(view.nodes.iter().map(|node| &node.outstanding));
        for name in ["cpus", "mem", "disk", "gpus"] {
            let of = |sum: &Quantities| sum.scalars.get(name).map_or(0.0, |amount| scalar(*amount));
            let (total, held, used) = (of(&total), of(&held), of(&held) - of(&offered));
            let percent = if total > 0.0 { used / total } else { 0.0 };
            set(format!("master/{name}_total"), json!(total));
            set(format!("master/{name}_used"), json!(used));
            set(format!("master/{name}_percent"), json!(percent));
            let allocator = format!("allocator/mesos/resources/{name}");
            set(format!("{allocator}/total"), json!(total));
            set(format!("{allocator}/offered_or_allocated"), json!(held));
        }
        let count = |count: usize| json!(u32::try_from(count).map_or(f64::MAX, f64::from));
        let connected = self.frameworks.values().filter(|f| f.connection.is_some()).count();
        let gone = self.frameworks.len() - connected;
        for (name, number) in [
            ("frameworks_active", connected),
            ("frameworks_connected", connected),
            ("frameworks_inactive", gone),
            ("frameworks_disconnected", gone),
            ("outstanding_offers", view.offers.len()),
        ] {
            set(format!("master/{name}"), count(number));
        }
        let active = self.agents.iter().filter(|agent| agent.is_active()).count();
        let agents = self.agents.iter().count();
        for (name, number) in [
            ("slaves_active", active),
            ("slaves_connected", agents),
            ("slaves_inactive", agents - active),
            ("slaves_disconnected", 0),
            ("slaves_unreachable", 0),
        ] {
            set(format!("master/{name}"), count(number));
        }
        let tasks = self.all_tasks();
        for state in STATES {
            let number = tasks.iter().filter(|(task, _)| task.state == i32::from(state)).count();
            set(
                format!("master/{}", state.text().to_lowercase().replacen("task", "tasks", 1)),
                count(number),
            );
        }
        for pool in &view.pools {
            let share = billionths(pool.dominant_share.billionths());
            let role = role_of(&pool.name);
            set(format!("allocator/mesos/roles/{role}/shares/dominant"), json!(share));
        }
        for (name, number) in &self.counts {
            #[expect(
                clippy::cast_precision_loss,
                reason = "exact for longer than anybody will ask"
            )]
            set(format!("master/{name}"), json!(*number as f64));
        }
        Value::Object(all)
    }
}

/// Billionths as a fraction.
fn billionths(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share is at most one")]
    let count = count as f64;
    count / 1e9
}
