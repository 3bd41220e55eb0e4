//! When machines are not available, and how far they are.

use serde_json::{Value, json};

use super::Reading;
use crate::master::operator_api::{Machine, Window};

impl Reading {
    /// The windows in which machines are not available.
    pub(super) fn maintenance_schedule(&self) -> Value {
        let windows: Vec<Value> = self.windows().iter().map(Window::to_value).collect();
        json!({ "windows": windows })
    }

    /// How far machines are, and what frameworks say to it.
    pub(super) fn maintenance_status(&self) -> Value {
        let machines = self.windows().iter().flat_map(|window| &window.machines);
        let draining = machines
            .filter(|machine| !self.down_machines().iter().any(|down| down.is_same(machine)));
        let draining = draining.map(|machine| {
            let on = self.agents().iter().filter(|agent| machine.is(agent));
            let nodes: Vec<&str> = on.map(|agent| &*agent.node.name).collect();
            let mut statuses = Vec::new();
            for framework in self.frameworks() {
                let Some(status) = self.status(framework) else { continue };
                let asked = status.inverse_offers.iter();
                for inverse in asked.filter(|inverse| nodes.contains(&&*inverse.node)) {
                    let answer = match inverse.agreed {
                        None => "UNKNOWN",
                        Some(true) => "ACCEPT",
                        Some(false) => "DECLINE",
                    };
                    statuses.push(
                        json!({ "framework_id": { "value": &*framework.id }, "status": answer }),
                    );
                }
            }
            json!({ "id": machine.to_value(), "statuses": statuses })
        });
        json!({
            "draining_machines": draining.collect::<Vec<Value>>(),
            "down_machines":
                self.down_machines().iter().map(Machine::to_value).collect::<Vec<Value>>(),
        })
    }
}
