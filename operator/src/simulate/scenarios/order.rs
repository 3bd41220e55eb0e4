//! Scenarios of the order in which clients are asked.

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::Fairness;
use proffer_core::resources::TooManyKinds;
use proffer_core::sorter::Sorter;

use super::Difference;
use super::amounts::Amounts;
use super::fill::weight;
use super::read::{Field, Record};
use crate::manifests::{Source, quote};

/// What there is, and the clients that come, take and go.
#[derive(Clone, Debug)]
pub struct Order {
    /// What shares are parts of.
    pub total: Amounts,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// Changes, applied in the order of these fields, and the order that follows from them.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Clients that are new, and active.
    pub add: Vec<String>,
    /// Clients that go with all they hold.
    pub remove: Vec<String>,
    /// Clients that are to be asked again.
    pub activate: Vec<String>,
    /// Clients that are not to be asked.
    pub deactivate: Vec<String>,
    /// What clients are given; each entry counts as one allocation.
    pub allocate: Vec<(String, Amounts)>,
    /// What clients give back.
    pub unallocate: Vec<(String, Amounts)>,
    /// New weights of paths in thousandths.
    pub weight: Vec<(String, u32)>,
    /// What shares are parts of from now on.
    pub total: Option<Amounts>,
    /// The active clients in the order in which they would be asked.
    pub order: Option<Vec<String>>,
}

/// The clients that there are at some step.
#[derive(Default)]
struct Clients {
    /// What each holds.
    held: BTreeMap<String, Amounts>,
    inactive: BTreeSet<String>,
}

impl Order {
    /// The fields of such a scenario.
    pub(super) const FIELDS: [&str; 5] = ["kind", "name", "source", "total", "steps"];

    pub(super) fn read(record: &Record<'_>) -> Option<Self> {
        let total = record.required("total").and_then(|field| Amounts::read_alone(&field));
        let mut clients = Clients::default();
        let steps = record
            .required("steps")
            .and_then(|field| field.list(|item| Step::read(item, &mut clients)));
        let (total, steps) = (total?, steps?);
        if steps.iter().all(|step| step.order.is_none()) {
            let message = "nothing is expected of this scenario; say what under order";
            return record.field().wrong(message);
        }
        Some(Self { total, steps })
    }

    /// Runs the scenario on the engine's order, as Mesos has it.
    pub(super) fn run(&self, source: &Source) -> Result<(), Difference> {
        let mut sorter = Sorter::new(Fairness::Drf);
        let mut passed = Vec::new();
        let mut total = &self.total;
        for (index, step) in self.steps.iter().enumerate() {
            let field = format!("steps[{index}]");
            let place = format!("{field}{}", super::line(source, &field));
            total = step.total.as_ref().unwrap_or(total);
            match step.run(&mut sorter, total) {
                Ok(()) => passed.push(place),
                Err(message) => return Err(Difference::Differs { passed, place, message }),
            }
        }
        Ok(())
    }
}

impl Step {
    const FIELDS: [&str; 9] = [
        "add",
        "remove",
        "activate",
        "deactivate",
        "allocate",
        "unallocate",
        "weight",
        "total",
        "order",
    ];

    fn run(&self, sorter: &mut Sorter, total: &Amounts) -> Result<(), String> {
        let known = |error: TooManyKinds| error.to_string();
        let path = |name: &String| name.replace('/', ".");
        self.add.iter().for_each(|name| sorter.add(&path(name)));
        self.remove.iter().for_each(|name| sorter.remove(&path(name)));
        self.activate.iter().for_each(|name| sorter.set_active(&path(name), true));
        self.deactivate.iter().for_each(|name| sorter.set_active(&path(name), false));
        for (name, amounts) in &self.allocate {
            sorter.allocate(&path(name), &amounts.for_engine()).map_err(known)?;
        }
        for (name, amounts) in &self.unallocate {
            sorter.unallocate(&path(name), &amounts.for_engine()).map_err(known)?;
        }
        for (name, weight) in &self.weight {
            sorter.set_weight(&path(name), *weight);
        }
        sorter.set_total(&total.for_engine()).map_err(known)?;
        let Some(expected) = &self.order else { return Ok(()) };
        let order: Vec<String> = sorter.order().iter().map(|name| name.replace('.', "/")).collect();
        if order == *expected {
            return Ok(());
        }
        Err(format!("the order is {}, expected {}", order.join(", "), expected.join(", ")))
    }

    fn read(item: &Field<'_>, clients: &mut Clients) -> Option<Self> {
        let record = item.record(Self::FIELDS)?;
        let add = record.or("add", Vec::new(), |field| field.list(|name| clients.add(name)));
        let remove = record.or("remove", Vec::new(), |field| {
            field.list(|item| {
                let name = clients.known(item)?;
                clients.held.remove(&name);
                clients.inactive.remove(&name);
                Some(name)
            })
        });
        let activate = record.or("activate", Vec::new(), |field| {
            field.list(|item| {
                let name = clients.known(item)?;
                clients.inactive.remove(&name);
                Some(name)
            })
        });
        let deactivate = record.or("deactivate", Vec::new(), |field| {
            field.list(|item| {
                let name = clients.known(item)?;
                clients.inactive.insert(name.clone());
                Some(name)
            })
        });
        let allocate = record.or("allocate", Vec::new(), |field| {
            field.map(|name, value| {
                let amounts = Amounts::read_alone(value)?;
                clients.holdings(name, value)?.add(&amounts);
                Some((name.to_owned(), amounts))
            })
        });
        let unallocate = record.or("unallocate", Vec::new(), |field| {
            field.map(|name, value| {
                let amounts = Amounts::read_alone(value)?;
                let held = clients.holdings(name, value)?;
                if let Some(resource) = amounts.exceeding(held) {
                    return value.wrong(format!("{} has less {resource} than this", quote(name)));
                }
                held.subtract(&amounts);
                Some((name.to_owned(), amounts))
            })
        });
        let weights = record.or("weight", Vec::new(), |field| {
            field.map(|path, value| Some((path.to_owned(), weight(value)?)))
        });
        let total = record.or("total", None, |field| Amounts::read_alone(field).map(Some));
        let order = record.or("order", None, |field| clients.order(field).map(Some));
        Some(Self {
            add: add?,
            remove: remove?,
            activate: activate?,
            deactivate: deactivate?,
            allocate: allocate?,
            unallocate: unallocate?,
            weight: weights?,
            total: total?,
            order: order?,
        })
    }
}

impl Clients {
    fn add(&mut self, field: &Field<'_>) -> Option<String> {
        let name = field.text()?;
        if self.held.contains_key(name) {
            return field.wrong(format!("there is a client {} already", quote(name)));
        }
        let name = field.levelled("a client has", name.to_owned())?;
        self.held.insert(name.clone(), Amounts::default());
        Some(name)
    }

    /// The client that a field names.
    fn known(&mut self, field: &Field<'_>) -> Option<String> {
        let name = field.text()?;
        self.holdings(name, field)?;
        Some(name.to_owned())
    }

    fn holdings(&mut self, name: &str, field: &Field<'_>) -> Option<&mut Amounts> {
        if !self.held.contains_key(name) {
            return field.not_among("client", name, self.held.keys().map(String::as_str));
        }
        self.held.get_mut(name)
    }

    /// An order of all active clients.
    fn order(&mut self, field: &Field<'_>) -> Option<Vec<String>> {
        let order = field.list(|item| self.known(item))?;
        let given: BTreeSet<&String> = order.iter().collect();
        let active: BTreeSet<&String> =
            self.held.keys().filter(|name| !self.inactive.contains(*name)).collect();
        if given == active && given.len() == order.len() {
            return Some(order);
        }
        let names: Vec<&str> = active.into_iter().map(String::as_str).collect();
        let all = names.join(", ");
        field.wrong(format!("expected each active client once; those are: {all}"))
    }
}

#[cfg(test)]
mod tests;
