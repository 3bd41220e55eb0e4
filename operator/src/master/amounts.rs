//! Resources as Mesos names them, and as the engine does.
//!
//! | Mesos | engine |
//! |---|---|
//! | `cpus`, three decimals | `cpu` in thousandths |
//! | `mem`, `disk` in MiB, three decimals | `memory`, `ephemeral-storage` in bytes |
//! | `gpus` | `nvidia.com/gpu` |
//! | `ports`, ranges | ports |
//!
//! What is offered is rounded down and what is asked for up, so that whoever takes all of an offer
//! never asks for more than there is.

use proffer_core::frameworks::NamedAmounts;
use proffer_core::ranges::Ranges;
use proffer_mesos::resources::{Quantities, distinction, ranges_resource, scalar, scalar_resource};
use proffer_mesos::types::Resource;

const MEBIBYTE: i128 = 1 << 20;

/// The resource of which every pod takes one; frameworks need not know of it.
pub(super) const PODS: &str = "pods";

/// The names of Mesos and of the engine, in the order in which offers show them.
const NAMES: [(&str, &str); 4] =
    [("cpus", "cpu"), ("mem", "memory"), ("disk", "ephemeral-storage"), ("gpus", "nvidia.com/gpu")];

/// How Mesos's thousandths of a resource relate to the engine's units.
fn is_in_mebibytes(mesos: &str) -> bool {
    matches!(mesos, "mem" | "disk")
}

/// The resources that an offer or a task has.
pub(super) fn resources(amounts: &NamedAmounts, ports: &Ranges) -> Vec<Resource> {
    let known = NAMES.iter().filter_map(|&(mesos, engine)| {
        let (_, amount) = amounts.iter().find(|(name, _)| **name == *engine)?;
        Some(scalar_resource(mesos, thousandths(mesos, *amount)))
    });
    let others = amounts
        .iter()
        .filter(|(name, _)| NAMES.iter().all(|(_, engine)| **name != **engine) && **name != *PODS);
    let others = others.map(|(name, amount)| scalar_resource(name, amount.saturating_mul(1000)));
    let pairs = ports.as_slice().iter().map(|&(first, last)| (u64::from(first), u64::from(last)));
    let ports = (!ports.is_empty()).then(|| ranges_resource("ports", pairs));
    known.chain(others).chain(ports).collect()
}

fn thousandths(mesos: &str, amount: i64) -> i64 {
    let amount = i128::from(amount);
    let value = match mesos {
        "cpus" => amount,
        name if is_in_mebibytes(name) => amount * 1000 / MEBIBYTE,
        _ => amount * 1000,
    };
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What the engine calls a resource.
pub(super) fn engine_name(mesos: &str) -> &str {
    NAMES.iter().find(|(name, _)| *name == mesos).map_or(mesos, |(_, engine)| engine)
}

/// What Mesos calls a resource that the engine has under another name, if it is one.
pub(super) fn mesos_name(engine: &str) -> Option<&'static str> {
    // Mesos knows no extended resources, so these may be named as they are.
    let own = NAMES.iter().find(|(_, name)| *name == engine && !name.contains('/'));
    own.map(|(mesos, _)| *mesos)
}

/// What resources ask for of an offer in a role. The error says what no such offer has.
pub(super) fn request_of(
    role: &str,
    resources: &[Resource],
) -> Result<(NamedAmounts, Ranges), String> {
    for resource in resources {
        if let Some(distinction) = distinction(resource, role) {
            return Err(format!("no offer here has {} {distinction}", resource.name));
        }
    }
    request(resources)
}

/// An amount of the engine's as people read it in the words of Mesos: `3 cpus`, `128 MiB of mem`. Only the
/// number, and what follows it.
pub(super) fn told(engine: &str, amount: i64) -> (f64, String) {
    let mesos = NAMES.iter().find(|(_, name)| *name == engine).map_or(engine, |(name, _)| name);
    let unit = if is_in_mebibytes(mesos) { format!("MiB of {mesos}") } else { mesos.to_owned() };
    (scalar(thousandths(mesos, amount)), unit)
}

/// What resources ask for, in the engine's names and units.
pub(super) fn request(resources: &[Resource]) -> Result<(NamedAmounts, Ranges), String> {
    let quantities = Quantities::of(resources);
    let mut amounts = NamedAmounts::new();
    for (mesos, &thousandths) in &quantities.scalars {
        let engine = engine_name(mesos);
        let value = i128::from(thousandths);
        let amount = match mesos.as_str() {
            "cpus" => value,
            name if is_in_mebibytes(name) => (value * MEBIBYTE + 999) / 1000,
            name if value % 1000 != 0 => return Err(format!("there are only whole {name}")),
            _ => value / 1000,
        };
        let amount = i64::try_from(amount).map_err(|_| format!("there are not so many {mesos}"))?;
        amounts.push((engine.into(), amount));
    }
    let mut ports = Ranges::new();
    for (name, ranges) in &quantities.ranges {
        if name != "ports" {
            return Err(format!("there is no resource '{name}' that is given in ranges"));
        }
        for &(begin, end) in ranges {
            if end > u64::from(u16::MAX) {
                return Err(format!("{end} is not a port"));
            }
            (begin..=end).filter_map(|port| u32::try_from(port).ok()).for_each(|port| {
                ports.insert(port);
            });
        }
    }
    match quantities.sets.keys().next() {
        Some(name) => Err(format!("there is no resource '{name}' that is given as a set")),
        None => Ok((amounts, ports)),
    }
}

/// The ports that agents offer by default.
pub(crate) fn agent_ports() -> Ranges {
    let mut ports = Ranges::new();
    (31_000..=32_000).for_each(|port| {
        ports.insert(port);
    });
    ports
}

#[cfg(test)]
mod tests;
