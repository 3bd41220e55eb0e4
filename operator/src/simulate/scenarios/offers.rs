//! Scenarios of frameworks that do not say what they want: who is offered which agent.

mod actors;
mod compare;
mod master;
mod step;

use std::time::Duration;

use proffer_core::Fairness;

use super::Difference;
use super::amounts::{RESOURCES, Resource};
use super::fill::FAIRNESS;
use super::read::{Field, Record};
use crate::manifests::Source;
use actors::Actors;
use master::Master;
pub use step::{Change, Expected, Framework, FrameworkOffers, Quota, Share, Step};

/// What happens to frameworks and agents, and the offers that are made.
#[derive(Clone, Debug)]
pub struct Offers {
    /// How roles are ordered.
    pub fairness: Fairness,
    /// Kinds of resources that are left out of shares.
    pub excluded: Vec<Resource>,
    /// How often the allocator runs by itself while time passes, if it does.
    pub interval: Option<Duration>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Offers {
    /// The fields of such a scenario.
    pub(super) const FIELDS: [&str; 5] = ["kind", "name", "source", "options", "steps"];

    pub(super) fn read(record: &Record<'_>) -> Option<Self> {
        let options = record.or("options", Some(Options::default()), |field| Some(options(field)));
        let options = options.flatten();
        let interval = options.as_ref().and_then(|options| options.interval);
        let mut actors = Actors::default();
        let steps = record
            .required("steps")
            .and_then(|field| field.list(|item| Step::read(item, interval, &mut actors)));
        let (Options { fairness, excluded, interval }, steps) = (options?, steps?);
        Some(Self { fairness, excluded, interval, steps })
    }

    /// Runs the scenario on the engine.
    pub(super) fn run(&self, source: &Source) -> Result<(), Difference> {
        let mut master = Master::new(self);
        let mut passed = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let field = format!("steps[{index}]");
            let place = format!("{field}{}", super::line(source, &field));
            let made = master.play(&step.change);
            match made.and_then(|made| compare::compare(&step.expected, &made, &master)) {
                Ok(()) => passed.push(place),
                Err(message) => return Err(Difference::Differs { passed, place, message }),
            }
        }
        Ok(())
    }
}

struct Options {
    fairness: Fairness,
    excluded: Vec<Resource>,
    interval: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self { fairness: Fairness::Drf, excluded: Vec::new(), interval: None }
    }
}

fn options(field: &Field<'_>) -> Option<Options> {
    let record = field.record(["fairness", "exclude", "batch"])?;
    let fairness = record.or("fairness", Fairness::Drf, |field| field.choice(&FAIRNESS));
    let excluded = record.or("exclude", Vec::new(), |field| {
        field.list(|item| {
            let name = item.text()?;
            let shared = RESOURCES.into_iter().filter(|&name| name != "ports");
            Resource::named(name).or_else(|| item.not_among("", name, shared))
        })
    });
    let interval = record.or("batch", None, |field| {
        let interval = step::duration(field)?;
        if interval.is_zero() {
            return field.wrong("the interval has to be longer than nothing");
        }
        Some(Some(interval))
    });
    Some(Options { fairness: fairness?, excluded: excluded?, interval: interval? })
}

#[cfg(test)]
mod tests;
