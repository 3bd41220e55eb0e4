//! The nodes that a job declines for a while, and why.
//!
//! Nodes are known by name here: one that goes and comes back is still the machine that failed.
//! All of it is soft state.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::spec::ExcludeOnFailure;
use crate::time::{Span, Time};

/// The first time that a node is declined on which an executor did not start. It doubles each time.
const FIRST_BACKOFF: Span = Span::from_seconds(1);

/// The longest time that a node is declined on which an executor did not start.
const LONGEST_BACKOFF: Span = Span::from_seconds(300);

/// How long a node is declined on which executors did not start so many times in a row.
pub(crate) fn backoff(strikes: u32) -> Span {
    FIRST_BACKOFF.doubled(strikes.saturating_sub(1)).min(LONGEST_BACKOFF)
}

/// What failed on a node. The same thing counts once, however often it fails there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Culprit {
    /// A task: its stage and partition.
    Task(usize, u32),
    /// An executor without tasks: its index and epoch.
    Executor(u32, u32),
}

/// The nodes that one job declines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declines {
    nodes: BTreeMap<Box<str>, Record>,
}

#[derive(Clone, Debug, Default)]
struct Record {
    /// What failed there, and when it last did.
    failures: BTreeMap<Culprit, Time>,
    /// How long such a failure counts.
    failures_count_for: Span,
    exclusion: Option<Exclusion>,
    /// How often in a row an executor did not start there.
    strikes: u32,
    /// Why it did not start.
    because: Box<str>,
    /// When it last did not.
    not_started_at: Time,
    backoff_until: Option<Time>,
    strikes_until: Time,
}

#[derive(Clone, Copy, Debug)]
struct Exclusion {
    since: Time,
    until: Time,
    failures: usize,
}

/// A node that is declined, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclinedNode {
    /// The node's name.
    pub node: Box<str>,
    /// When it is taken again.
    pub until: Time,
    /// Why it is declined.
    pub reason: String,
}

impl Declines {
    /// Whether no node is declined and nothing has failed lately.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Takes in that something failed on a node; returns until when the node is declined if it is
    /// from now on.
    pub(crate) fn note_failure(
        &mut self,
        node: &str,
        culprit: Culprit,
        now: Time,
        policy: ExcludeOnFailure,
    ) -> Option<Time> {
        let record = self.nodes.entry(node.into()).or_default();
        record.failures_count_for = policy.exclude_milliseconds;
        record.failures.insert(culprit, now);
        record.forget(now);
        let failures = record.failures.len();
        if record.exclusion.is_some() || failures < policy.max_failures_per_node.max(1) as usize {
            return None;
        }
        record.failures.clear();
        let until = now + policy.exclude_milliseconds;
        record.exclusion = Some(Exclusion { since: now, until, failures });
        Some(until)
    }

    /// Takes in that an executor did not start on a node, and why; returns until when the node is
    /// declined.
    pub(crate) fn note_not_started(&mut self, node: &str, because: &str, now: Time) -> Time {
        let record = self.nodes.entry(node.into()).or_default();
        (record.because, record.not_started_at) = (because.into(), now);
        record.strikes += 1;
        let until = now + backoff(record.strikes);
        record.backoff_until = Some(until);
        record.strikes_until = until + LONGEST_BACKOFF;
        until
    }

    /// Takes in that an executor is ready on a node.
    pub(crate) fn note_started(&mut self, node: &str) {
        if let Some(record) = self.nodes.get_mut(node) {
            record.strikes = 0;
        }
    }

    /// The node on which an executor did not start lately, and why; the last one, if on several.
    pub(crate) fn last_not_started(&self) -> Option<(&str, &str)> {
        let failing = self.nodes.iter().filter(|(_, record)| record.strikes > 0);
        let last = failing.max_by_key(|(_, record)| record.not_started_at)?;
        Some((last.0, &last.1.because))
    }

    /// Forgets what is over; says whether a node is taken again.
    pub(crate) fn expire(&mut self, now: Time) -> bool {
        let mut ended = false;
        self.nodes.retain(|_, record| {
            let exclusion_ended = record.exclusion.is_some_and(|exclusion| exclusion.until <= now);
            let backoff_ended = record.backoff_until.is_some_and(|until| until <= now);
            if exclusion_ended {
                record.exclusion = None;
            }
            if backoff_ended {
                record.backoff_until = None;
            }
            ended |= exclusion_ended || backoff_ended;
            record.forget(now);
            let has_strikes = record.strikes > 0 && record.strikes_until > now;
            let declined = record.exclusion.is_some() || record.backoff_until.is_some();
            declined || has_strikes || !record.failures.is_empty()
        });
        ended
    }

    /// Whether a node is declined because the job failed there: its executors there get no new tasks.
    pub(crate) fn excludes(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|record| record.exclusion.is_some())
    }

    /// The nodes that are excluded, the one that has been for longest first.
    pub(crate) fn excluded(&self) -> Vec<Box<str>> {
        let mut excluded: Vec<_> = self
            .nodes
            .iter()
            .filter_map(|(node, record)| Some((record.exclusion?.since, node.clone())))
            .collect();
        excluded.sort_unstable();
        excluded.into_iter().map(|(_, node)| node).collect()
    }

    /// Takes an excluded node again.
    pub(crate) fn lift(&mut self, node: &str) {
        if let Some(record) = self.nodes.get_mut(node) {
            record.exclusion = None;
        }
    }

    /// The nodes that are declined and until when.
    pub(crate) fn until(&self) -> impl Iterator<Item = (&str, Time)> {
        self.nodes.iter().filter_map(|(node, record)| {
            let excluded = record.exclusion.map(|exclusion| exclusion.until);
            Some((&**node, excluded.max(record.backoff_until)?))
        })
    }

    /// The nodes that are declined, for people.
    pub(crate) fn describe(&self) -> Vec<DeclinedNode> {
        let mut declined = Vec::new();
        for (node, record) in &self.nodes {
            let reason = match (record.exclusion, record.backoff_until) {
                (Some(Exclusion { failures: 1, .. }), _) => "a task failed on it".to_owned(),
                (Some(Exclusion { failures, .. }), _) => format!("{failures} tasks failed on it"),
                (None, Some(_)) => format!("an executor did not start on it: {}", record.because),
                (None, None) => continue,
            };
            let excluded = record.exclusion.map(|exclusion| exclusion.until);
            let until = excluded.max(record.backoff_until).unwrap_or(Time::ZERO);
            declined.push(DeclinedNode { node: node.clone(), until, reason });
        }
        declined
    }
}

impl Record {
    /// Forgets failures that do not count any more.
    fn forget(&mut self, now: Time) {
        let counts_for = self.failures_count_for;
        self.failures.retain(|_, &mut at| now < at + counts_for);
    }
}

#[cfg(test)]
mod tests;
