//! Machines that go away for their maintenance, and come back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proffer_core::event::Maintenance;
use proffer_core::time::{Span, Time};
use proffer_mesos::from_value;
use proffer_mesos::types::{DurationInfo, TimeInfo, Unavailability};
use serde_json::{Map, Value, json};

use super::{ApiAnswer, done, list, no_list, refuse};
use crate::master::agents::Agent;
use crate::master::read::value;
use crate::master::{Master, NodeMark};

const NANOSECONDS: i64 = 1_000_000;

/// A machine. Its host's name tells it from others, in whatever case, as in Mesos.
#[derive(Clone, Debug)]
pub(in crate::master) struct Machine {
    hostname: String,
    ip: Option<String>,
}

impl Machine {
    fn read(machine: &Value) -> Result<Self, String> {
        let text = |field: &str| match &machine[field] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            _ => Err(format!("'{field}' of machine '{machine}' is not a text")),
        };
        match (text("hostname")?, text("ip")?) {
            (Some(hostname), ip) => Ok(Self { hostname, ip }),
            (None, None) => Err("Both 'hostname' and 'ip' for a machine are empty".to_owned()),
            (None, Some(_)) => Err(format!(
                "Machine '{machine}' is named by its 'ip' alone, by which no agent is known here: give \
                 its 'hostname', as in /slaves"
            )),
        }
    }

    fn key(&self) -> String {
        self.hostname.to_lowercase()
    }

    pub(in crate::master) fn is_same(&self, other: &Self) -> bool {
        self.hostname.eq_ignore_ascii_case(&other.hostname)
    }

    /// Whether it is an agent's, by the name of the host or of the node.
    pub(in crate::master) fn is(&self, agent: &Agent) -> bool {
        let is = |name: &str| self.hostname.eq_ignore_ascii_case(name);
        is(&agent.hostname) || is(&agent.node.name)
    }

    pub(in crate::master) fn to_value(&self) -> Value {
        let mut machine = Map::from_iter([("hostname".to_owned(), json!(self.hostname))]);
        if let Some(ip) = &self.ip {
            machine.insert("ip".to_owned(), json!(ip));
        }
        Value::Object(machine)
    }
}

/// The names by which the machine of an agent may be called.
fn names(agent: &Agent) -> [String; 2] {
    [agent.hostname.to_lowercase(), agent.node.name.to_lowercase()]
}

/// The names of machines, to look them up.
fn keys<'a>(machines: impl IntoIterator<Item = &'a Machine>) -> BTreeSet<String> {
    machines.into_iter().map(Machine::key).collect()
}

/// A window in which machines are not available.
#[derive(Clone, Debug)]
pub(in crate::master) struct Window {
    pub(in crate::master) machines: Vec<Machine>,
    unavailability: Unavailability,
}

impl Window {
    fn read(window: &Value) -> Result<Self, String> {
        let machines = window["machine_ids"].as_array().map_or(&[][..], Vec::as_slice);
        if machines.is_empty() {
            return Err("List of machines in the maintenance window is empty".to_owned());
        }
        if window["unavailability"].is_null() {
            let problem = "A window has an 'unavailability' with a 'start' in nanoseconds";
            return Err(problem.to_owned());
        }
        let unavailability: Unavailability = from_value(&window["unavailability"])
            .map_err(|problem| format!("'unavailability' of a window: {problem}"))?;
        if unavailability.duration.as_ref().is_some_and(|duration| duration.nanoseconds < 0) {
            return Err("Unavailability 'duration' is negative".to_owned());
        }
        let machines = machines.iter().map(Machine::read).collect::<Result<_, _>>()?;
        Ok(Self { machines, unavailability })
    }

    /// As the engine wants it. What began before 1970 has begun.
    fn maintenance(&self) -> Maintenance {
        let milliseconds = |nanoseconds: i64| u64::try_from(nanoseconds / NANOSECONDS).unwrap_or(0);
        let duration = self.unavailability.duration.as_ref();
        Maintenance {
            start: Time::from_milliseconds(milliseconds(self.unavailability.start.nanoseconds)),
            // One without any length would be none at all.
            duration: duration
                .map(|duration| Span::from_milliseconds(milliseconds(duration.nanoseconds).max(1))),
        }
    }

    pub(in crate::master) fn to_value(&self) -> Value {
        let machines: Vec<Value> = self.machines.iter().map(Machine::to_value).collect();
        json!({ "machine_ids": machines, "unavailability": value(&self.unavailability) })
    }
}

/// The machines that a call names.
fn machines(body: &Value) -> Result<Vec<Machine>, ApiAnswer> {
    let machines = list(&body["machines"]).ok_or_else(|| no_list("machines"))?;
    if machines.is_empty() {
        return Err(refuse(400, "List of machines is empty"));
    }
    let machines: Result<_, _> = machines.iter().map(Machine::read).collect();
    machines.map_err(|problem| refuse(400, problem))
}

fn refuse_machine(machine: &Machine, problem: &str) -> ApiAnswer {
    refuse(400, format!("Machine '{}' {problem}", machine.to_value()))
}

impl Master {
    /// Takes in when machines are not available. Those that are not here (yet) may be among them, as in
    /// Mesos: the schedule holds for them when they come.
    pub(super) fn update_schedule(&mut self, body: &Value) -> ApiAnswer {
        let Some(asked) = list(&body["schedule"]["windows"]) else { return no_list("windows") };
        let windows: Result<Vec<Window>, String> = asked.iter().map(Window::read).collect();
        let windows = match windows {
            Ok(windows) => windows,
            Err(problem) => return refuse(400, problem),
        };
        let mut seen = BTreeSet::new();
        for machine in windows.iter().flat_map(|window| &window.machines) {
            if !seen.insert(machine.key()) {
                return refuse_machine(machine, "appears more than once");
            }
        }
        if let Some(machine) = self.down_machines.iter().find(|it| !seen.contains(&it.key())) {
            let problem = "is deactivated and cannot be removed from the schedule";
            return refuse_machine(machine, problem);
        }
        let former = keys(self.windows.iter().flat_map(|window| &window.machines));
        self.windows = Arc::new(windows);
        self.plan(|_| true, &former);
        done()
    }

    /// Tells of a node that has just come when it will be away, which may have been scheduled before.
    pub(in crate::master) fn plan_for_newcomer(&mut self, id: &str) {
        if !self.windows.is_empty() {
            self.plan(|agent| *agent.id == *id, &BTreeSet::new());
        }
    }

    /// Tells of nodes when they will be away by the schedule. Only machines that it named formerly lose what
    /// is planned for them: the plans of others are those of people.
    fn plan(&mut self, is_about: impl Fn(&Agent) -> bool, former: &BTreeSet<String>) {
        let mut windows: BTreeMap<String, &Window> = BTreeMap::new();
        for window in self.windows.iter() {
            windows.extend(window.machines.iter().map(|machine| (machine.key(), window)));
        }
        let planned = |agent: &Agent| {
            let window = names(agent).iter().find_map(|name| windows.get(name).copied());
            window.map(Window::maintenance)
        };
        let down = keys(self.down_machines.iter());
        let is_among = |agent: &Agent, machines: &BTreeSet<String>| {
            names(agent).iter().any(|name| machines.contains(name))
        };
        let changed: Vec<_> = self
            .agents
            .iter()
            .filter(|agent| is_about(agent))
            .map(|agent| (agent, planned(agent)))
            .filter(|(agent, plan)| *plan != agent.node.maintenance)
            .filter(|(agent, plan)| plan.is_some() || is_among(agent, former))
            .map(|(agent, plan)| (agent.id.clone(), plan, is_among(agent, &down)))
            .collect();
        for (id, maintenance, is_down) in changed {
            let mark = match maintenance {
                Some(maintenance) if is_down => NodeMark::Down(maintenance),
                other => NodeMark::Maintenance(other),
            };
            self.mark(&id, mark);
        }
    }

    /// Takes machines away whose maintenance is scheduled: what is there ends, and nothing new comes.
    pub(super) fn start_maintenance(&mut self, body: &Value) -> ApiAnswer {
        let machines = match machines(body) {
            Ok(machines) => machines,
            Err(refusal) => return refusal,
        };
        let scheduled = keys(self.windows.iter().flat_map(|window| &window.machines));
        let mut down = keys(self.down_machines.iter());
        for machine in &machines {
            if !scheduled.contains(&machine.key()) {
                return refuse_machine(machine, "is not part of a maintenance schedule");
            }
            if !down.insert(machine.key()) {
                return refuse_machine(
                    machine,
                    "is not in DRAINING mode and cannot be brought down",
                );
            }
        }
        let agents = self.agents_on(&machines);
        Arc::make_mut(&mut self.down_machines).extend(machines);
        for agent in agents {
            let maintenance = self.agents.get(&agent).and_then(|agent| agent.node.maintenance);
            self.drain_agent(&agent, maintenance.map_or(NodeMark::Draining, NodeMark::Down), None);
        }
        done()
    }

    /// Brings machines back, which are not in the schedule any more then.
    pub(super) fn stop_maintenance(&mut self, body: &Value) -> ApiAnswer {
        let machines = match machines(body) {
            Ok(machines) => machines,
            Err(refusal) => return refusal,
        };
        let down = keys(self.down_machines.iter());
        if let Some(machine) = machines.iter().find(|machine| !down.contains(&machine.key())) {
            return refuse_machine(machine, "is not in DOWN mode and cannot be brought up");
        }
        let back = keys(&machines);
        Arc::make_mut(&mut self.down_machines).retain(|machine| !back.contains(&machine.key()));
        let windows = Arc::make_mut(&mut self.windows);
        for window in windows.iter_mut() {
            window.machines.retain(|machine| !back.contains(&machine.key()));
        }
        windows.retain(|window| !window.machines.is_empty());
        let agents = self.agents_on(&machines);
        for agent in &agents {
            self.mark(agent, NodeMark::Reactivated);
        }
        self.plan(|agent| agents.iter().any(|id| **id == *agent.id), &back);
        done()
    }

    /// Takes in what another master had planned for the machine of a node, and whether it is away.
    pub(crate) fn adopt_plan(&mut self, node: &str, maintenance: Maintenance, is_down: bool) {
        let Some(agent) = self.agents.on(node) else { return };
        let is_known =
            self.windows.iter().flat_map(|window| &window.machines).any(|it| it.is(agent));
        if is_known {
            return;
        }
        let machine = Machine { hostname: agent.hostname.clone(), ip: None };
        let nanoseconds = |milliseconds: u64| {
            i64::try_from(milliseconds).unwrap_or(i64::MAX).saturating_mul(NANOSECONDS)
        };
        let unavailability = Unavailability {
            start: TimeInfo { nanoseconds: nanoseconds(maintenance.start.as_milliseconds()) },
            duration: maintenance.duration.map(|duration| DurationInfo {
                nanoseconds: nanoseconds(duration.as_milliseconds()),
            }),
        };
        if is_down {
            Arc::make_mut(&mut self.down_machines).push(machine.clone());
        }
        let window = Window { machines: vec![machine], unavailability };
        Arc::make_mut(&mut self.windows).push(window);
    }

    /// The ids of the agents on machines.
    fn agents_on(&self, machines: &[Machine]) -> Vec<String> {
        let named = keys(machines);
        let is_on = |agent: &&Agent| names(agent).iter().any(|name| named.contains(name));
        self.agents.iter().filter(is_on).map(|agent| agent.id.to_string()).collect()
    }
}

#[cfg(test)]
mod tests;
