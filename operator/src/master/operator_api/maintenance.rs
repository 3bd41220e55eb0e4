//! Machines that go away for their maintenance, and come back.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ApiAnswer, done, is_machine, list, no_list, refuse};
use crate::master::{Master, NodeMark};

impl Master {
    /// Takes machines away whose maintenance is scheduled: what is there ends, and nothing new comes.
    pub(super) fn start_maintenance(&mut self, body: &Value) -> ApiAnswer {
        let Some(machines) = list(&body["machines"]) else { return no_list("machines") };
        if machines.is_empty() {
            return refuse(400, "List of machines is empty");
        }
        for machine in machines {
            let mut scheduled = self.windows.iter().flat_map(|window| &window.machines);
            if !scheduled.any(|other| other == machine) {
                let problem = "is not part of a maintenance schedule";
                return refuse(400, format!("Machine '{machine}' {problem}"));
            }
            if self.down_machines.contains(machine) {
                let problem = "is not in DRAINING mode and cannot be brought down";
                return refuse(400, format!("Machine '{machine}' {problem}"));
            }
        }
        for machine in machines {
            Arc::make_mut(&mut self.down_machines).push(machine.clone());
            for agent in self.agents_on(machine) {
                self.drain(&json!({ "agent_id": { "value": agent } }));
            }
        }
        done()
    }

    /// Brings machines back, which are not in the schedule any more then.
    pub(super) fn stop_maintenance(&mut self, body: &Value) -> ApiAnswer {
        let Some(machines) = list(&body["machines"]) else { return no_list("machines") };
        if machines.is_empty() {
            return refuse(400, "List of machines is empty");
        }
        if let Some(machine) = machines.iter().find(|one| !self.down_machines.contains(one)) {
            let problem = "is not in DOWN mode and cannot be brought up";
            return refuse(400, format!("Machine '{machine}' {problem}"));
        }
        Arc::make_mut(&mut self.down_machines).retain(|machine| !machines.contains(machine));
        let windows = Arc::make_mut(&mut self.windows);
        for window in windows.iter_mut() {
            window.machines.retain(|machine| !machines.contains(machine));
        }
        windows.retain(|window| !window.machines.is_empty());
        for agent in machines.iter().flat_map(|machine| self.agents_on(machine)).collect::<Vec<_>>()
        {
            self.mark(&agent, NodeMark::Reactivated);
        }
        self.plan_maintenance();
        done()
    }

    /// The ids of the agents on a machine.
    fn agents_on(&self, machine: &Value) -> Vec<String> {
        let on = self.agents.iter().filter(|agent| is_machine(machine, agent));
        on.map(|agent| agent.id.to_string()).collect()
    }
}
