//! Maintenance of nodes, to be rehearsed: `NODE=AFTER_SECONDS[,FOR_SECONDS]`.

use std::str::FromStr;

use proffer_core::event::{Maintenance, NodeObservation};
use proffer_core::time::{Span, Time};

/// A node's maintenance, as written on the command line: `node-0=30,60`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceSpec {
    node: String,
    after: Span,
    duration: Option<Span>,
}

/// Text that does not describe a maintenance.
#[derive(Debug, thiserror::Error)]
#[error(
    "{problem}; a maintenance is written as NODE=AFTER_SECONDS[,FOR_SECONDS], such as node-0=30,60"
)]
pub struct InvalidMaintenanceSpec {
    problem: String,
}

impl FromStr for MaintenanceSpec {
    type Err = InvalidMaintenanceSpec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: String| InvalidMaintenanceSpec { problem };
        let (node, times) = text
            .rsplit_once('=')
            .filter(|(node, _)| !node.is_empty())
            .ok_or_else(|| invalid("the node or its time is missing".to_owned()))?;
        let (after, duration) = match times.split_once(',') {
            Some((after, duration)) => (after, Some(duration)),
            None => (times, None),
        };
        let seconds = |text: &str| {
            let seconds = text.parse::<u32>();
            seconds
                .map(|seconds| Span::from_seconds(seconds.into()))
                .map_err(|_| invalid(format!("\"{text}\" is not a whole number of seconds")))
        };
        let duration = duration.map(seconds).transpose()?;
        if duration == Some(Span::ZERO) {
            return Err(invalid("a maintenance lasts at least a second".to_owned()));
        }
        Ok(Self { node: node.to_owned(), after: seconds(after)?, duration })
    }
}

/// Writes the maintenances into the nodes that they are of; the sentences tell people of each.
pub(super) fn schedule(
    nodes: &mut [NodeObservation],
    specs: &[MaintenanceSpec],
    now: Time,
) -> Result<Vec<String>, String> {
    let mut sentences = Vec::new();
    for spec in specs {
        let names: Vec<String> = nodes.iter().map(|node| node.name.to_string()).collect();
        let Some(node) = nodes.iter_mut().find(|node| *node.name == *spec.node) else {
            let (name, names) = (&spec.node, names.join(", "));
            return Err(format!(
                "--maintenance: there is no node \"{name}\"; the nodes are: {names}"
            ));
        };
        let start = now + spec.after;
        node.maintenance = Some(Maintenance { start, duration: spec.duration });
        let duration = spec.duration.map_or_else(String::new, |duration| {
            format!(", which takes {} seconds", duration.as_seconds())
        });
        let (name, after) = (&spec.node, spec.after.as_seconds());
        sentences.push(format!("{name}: empty for maintenance in {after} seconds{duration}"));
    }
    Ok(sentences)
}

#[cfg(test)]
mod tests;
