//! The offers that were made, and those that a step says.

use std::collections::BTreeMap;

use proffer_core::frameworks::OfferDescription;
use proffer_core::ranges::Ranges;

use super::super::amounts::{Amounts, Resource};
use super::master::Master;
use super::step::{Expected, Share};

/// What one framework is offered of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Offered {
    amounts: BTreeMap<Box<str>, i64>,
    ports: Ranges,
}

/// By framework, with its role where that matters, and agent.
type All = BTreeMap<(String, String), Offered>;

/// Compares what was offered in a step with what the step says.
pub(super) fn compare(
    expected: &Expected,
    made: &[OfferDescription],
    master: &Master,
) -> Result<(), String> {
    let with_role = |name: &str| match expected {
        Expected::Offers(frameworks) => {
            frameworks.iter().any(|offers| offers.framework == name && offers.role.is_some())
        }
        Expected::Counts(_) => false,
    };
    let mut found = All::new();
    for offer in made {
        let mut framework = offer.framework.name.to_string();
        if with_role(&framework) {
            framework = format!("{framework}@{}", offer.pool.replace('.', "/"));
        }
        let place = (framework, offer.node.to_string());
        let offered = found.entry(place).or_default();
        for (resource, amount) in offer.amounts.iter().filter(|(_, amount)| *amount != 0) {
            *offered.amounts.entry(resource.clone()).or_default() += amount;
        }
        offered.ports.insert_all(&offer.ports);
    }
    match expected {
        Expected::Offers(frameworks) => {
            let mut wanted = All::new();
            for framework in frameworks {
                for (agent, share) in &framework.agents {
                    let offered = match share {
                        Share::All => everything(agent, &found, master),
                        Share::Exactly(amounts) => exactly(amounts),
                    };
                    let mut name = framework.framework.clone();
                    if let Some(role) = &framework.role {
                        name = format!("{name}@{role}");
                    }
                    wanted.insert((name, agent.clone()), offered);
                }
            }
            if wanted == found {
                return Ok(());
            }
            let reasons = wanted.keys().filter(|place| !found.contains_key(place));
            let reasons: Vec<String> = reasons
                .filter_map(|(name, _)| {
                    Some(format!("; {name}: {}", master.reason(name.split('@').next()?)?))
                })
                .collect();
            Err(format!("offered {}, expected {}{}", list(&found), list(&wanted), reasons.concat()))
        }
        Expected::Counts(counts) => {
            let mut agents: BTreeMap<&str, u32> = BTreeMap::new();
            for (framework, _) in found.keys() {
                *agents.entry(framework).or_default() += 1;
            }
            let wanted = counts.iter().map(|(framework, count)| (framework.as_str(), *count));
            let wanted: BTreeMap<&str, u32> = wanted.filter(|(_, count)| *count > 0).collect();
            if wanted == agents {
                return Ok(());
            }
            Err(format!("agents offered: {}, expected {}", count(&agents), count(&wanted)))
        }
    }
}

/// What was left of an agent before this step offered it.
fn everything(agent: &str, found: &All, master: &Master) -> Offered {
    let (mut amounts, mut ports) = master.left(agent);
    for ((_, other), offered) in found {
        if other == agent {
            for (resource, amount) in &offered.amounts {
                *amounts.entry(resource.clone()).or_default() += amount;
            }
            ports.insert_all(&offered.ports);
        }
    }
    Offered { amounts, ports }
}

fn exactly(amounts: &Amounts) -> Offered {
    let quantities = amounts.for_engine().into_iter().filter(|(_, amount)| *amount != 0);
    let ports = amounts.ports.clone().into_iter().flatten().map(u32::from);
    Offered { amounts: quantities.collect(), ports: ports.collect() }
}

/// Offers for people: `F1: A1 {cpus: 2, mem: 1024}`.
fn list(all: &All) -> String {
    if all.is_empty() {
        return "nothing".to_owned();
    }
    let texts = all.iter().map(|((framework, agent), offered)| {
        let amounts = offered.amounts.iter();
        let mut parts: Vec<String> =
            amounts.map(|(name, amount)| Resource::describe(name, *amount)).collect();
        if !offered.ports.is_empty() {
            parts.push(format!("ports: {}", offered.ports));
        }
        format!("{framework}: {agent} {{{}}}", parts.join(", "))
    });
    texts.collect::<Vec<String>>().join(", ")
}

fn count(agents: &BTreeMap<&str, u32>) -> String {
    if agents.is_empty() {
        return "none".to_owned();
    }
    let texts = agents.iter().map(|(framework, count)| format!("{framework} {count}"));
    texts.collect::<Vec<String>>().join(", ")
}
