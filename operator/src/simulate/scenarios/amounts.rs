//! Amounts of resources as scenarios write them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Number;

use super::read::{Field, Record};

/// The names that resources have in scenarios.
pub(super) const RESOURCES: [&str; 5] = ["cpus", "mem", "disk", "gpus", "ports"];

/// The largest number that can be written, in the units of scenarios.
const LARGEST: i64 = 1_000_000_000_000;

const BYTES_PER_MEBIBYTE: i64 = 1 << 20;

/// A kind of resource of which there are amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Processor time, in thousandths of a core.
    Cpus,
    /// Memory, in bytes.
    Memory,
    /// Storage of the node, in bytes.
    Disk,
    /// Devices.
    Gpus,
}

/// Some of each kind of resource. What is not named differs from an amount of 0: a limit that does
/// not name a kind does not limit it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Amounts by kind.
    pub quantities: BTreeMap<Resource, i64>,
    /// Numbers of ports.
    pub ports: Option<RangeInclusive<u16>>,
}

impl Resource {
    pub(super) const ALL: [(&'static str, Self); 4] =
        [("cpus", Self::Cpus), ("mem", Self::Memory), ("disk", Self::Disk), ("gpus", Self::Gpus)];

    /// The resource of a name such as `cpus`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|&(_, resource)| resource)
    }

    /// What the engine calls it.
    pub(super) fn engine_name(self) -> &'static str {
        match self {
            Self::Cpus => "cpu",
            Self::Memory => "memory",
            Self::Disk => "ephemeral-storage",
            Self::Gpus => "gpus",
        }
    }

    /// An amount for people, given by what the engine calls the resource: `cpus: 0.5`.
    pub(super) fn describe(engine_name: &str, amount: i64) -> String {
        let known = Self::ALL.iter().find(|(_, resource)| resource.engine_name() == engine_name);
        let Some(&(name, resource)) = known else { return format!("{engine_name}: {amount}") };
        let unit = match resource {
            Self::Cpus => 1000,
            Self::Memory | Self::Disk => BYTES_PER_MEBIBYTE,
            Self::Gpus => 1,
        };
        let thousandths = i128::from(amount) * 1000 / i128::from(unit);
        let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        format!("{name}: {}", text.trim_end_matches('0').trim_end_matches('.'))
    }

    /// What people call it.
    fn name(self) -> &'static str {
        Self::ALL.iter().find(|&&(_, resource)| resource == self).map_or("", |&(name, _)| name)
    }
}

impl Amounts {
    /// Reads fields such as `cpus: 2, mem: 1024`, whatever other fields are beside them.
    pub(super) fn read(record: &Record<'_>) -> Option<Self> {
        let mut amounts = Some(Self::default());
        for (name, resource) in Resource::ALL {
            let Some(field) = record.get(name) else { continue };
            match quantity(resource, &field) {
                Some(quantity) => {
                    if let Some(amounts) = &mut amounts {
                        amounts.quantities.insert(resource, quantity);
                    }
                }
                None => amounts = None,
            }
        }
        let ports = record.or("ports", None, |field| ports(field).map(Some));
        amounts.zip(ports).map(|(amounts, ports)| Self { ports, ..amounts })
    }

    /// Reads a value that is nothing but amounts.
    pub(super) fn read_alone(field: &Field<'_>) -> Option<Self> {
        Self::read(&field.record(RESOURCES)?)
    }

    /// Reads amounts where the engine is to count them, and notes what it cannot count.
    pub(super) fn read_countable(record: &Record<'_>) -> Option<Self> {
        if let Some(field) = record.get("ports") {
            return field.wrong("ports are not counted in scenarios of this kind");
        }
        Self::read(record)
    }

    /// Whether there is nothing.
    pub fn is_nothing(&self) -> bool {
        self.ports.is_none() && self.quantities.values().all(|&quantity| quantity == 0)
    }

    /// The first resource of which there is more than in `other`.
    pub(super) fn exceeding(&self, other: &Self) -> Option<&'static str> {
        let has = |resource| other.quantities.get(resource).copied().unwrap_or(0);
        let larger = self.quantities.iter().find(|&(resource, &amount)| amount > has(resource));
        larger.map(|(resource, _)| resource.name())
    }

    /// How often these quantities are in others.
    pub(super) fn times_in(&self, other: &Self) -> u64 {
        let needed = self.quantities.iter().filter(|&(_, &amount)| amount > 0);
        let times = needed.map(|(resource, amount)| {
            let has = other.quantities.get(resource).copied().unwrap_or(0);
            u64::try_from(has / amount).unwrap_or(0)
        });
        times.min().unwrap_or(u64::MAX)
    }

    /// Adds the quantities of others.
    pub(super) fn add(&mut self, other: &Self) {
        for (&resource, quantity) in &other.quantities {
            let sum = self.quantities.entry(resource).or_default();
            *sum = sum.saturating_add(*quantity);
        }
    }

    /// Takes quantities away, of which there is enough.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (&resource, quantity) in &other.quantities {
            *self.quantities.entry(resource).or_default() -= quantity;
        }
    }

    /// The quantities as the engine takes them.
    pub(super) fn for_engine(&self) -> Vec<(Box<str>, i64)> {
        let quantities = self.quantities.iter();
        quantities.map(|(resource, &quantity)| (resource.engine_name().into(), quantity)).collect()
    }
}

fn quantity(resource: Resource, field: &Field<'_>) -> Option<i64> {
    let number = field.number()?;
    let thousandths = thousandths(number, field)?;
    let (numerator, denominator, finest) = match resource {
        Resource::Cpus => return Some(thousandths),
        Resource::Memory | Resource::Disk => (BYTES_PER_MEBIBYTE, 1000, "bytes"),
        Resource::Gpus => (1, 1000, "devices"),
    };
    let product = i128::from(thousandths) * i128::from(numerator);
    if product % denominator != 0 {
        return field.wrong(format!("{number} is not a whole number of {finest}"));
    }
    match i64::try_from(product / denominator) {
        Ok(quantity) => Some(quantity),
        Err(_) => field.wrong(format!("{number} is too large")),
    }
}

/// A decimal number in thousandths.
pub(super) fn thousandths(number: &Number, field: &Field<'_>) -> Option<i64> {
    let text = number.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "0"));
    let value = match (whole.parse::<i64>(), format!("{decimals:0<3}").parse::<i64>()) {
        (Ok(whole), Ok(_)) if !(-LARGEST..=LARGEST).contains(&whole) => None,
        (Ok(whole), Ok(thousandths)) if decimals.len() <= 3 => Some(whole * 1000 + thousandths),
        _ if number.as_f64().is_some_and(|number| number < 1e12) => {
            return field.wrong(format!("{number} has more than three decimal places"));
        }
        _ => None,
    };
    match value {
        Some(value) => Some(value),
        None => field.wrong(format!("{number} is too large; the most is {LARGEST}")),
    }
}

fn ports(field: &Field<'_>) -> Option<RangeInclusive<u16>> {
    let text = field.text()?;
    let range = text.split_once('-').and_then(|(first, last)| {
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some(first..=last)
    });
    match range {
        Some(range) => Some(range),
        None => field.wrong("expected ports as FIRST-LAST, such as 31000-32000"),
    }
}
