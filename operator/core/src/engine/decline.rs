//! Nodes that jobs decline for a while, and nodes that they wait for.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::allocator::Choice;
use crate::event::Departure;
use crate::explain::Rejection;
use crate::ids::{ExecutorKey, JobId, NodeId};
use crate::jobs::Culprit;
use crate::time::Time;

impl Engine {
    /// Takes in that an executor of a job is gone from a node, if that speaks against the node.
    /// `suspect` is the first task that it ran.
    pub(super) fn count_against_node(
        &mut self,
        now: Time,
        id: JobId,
        node: &str,
        key: &ExecutorKey,
        (departure, suspect): (&Departure, Option<(usize, u32)>),
    ) {
        match departure {
            Departure::Asked | Departure::Lost(_) | Departure::Withdrawn(_) => {}
            Departure::NotStarted(because) | Departure::Refused(because) => {
                if matches!(departure, Departure::NotStarted(_)) {
                    self.penalties.note_not_started(node, &key.job, now);
                }
                if let Some(job) = self.state.jobs.get_mut(id) {
                    let until = job.choice.declines_mut().note_not_started(node, because, now);
                    job.publication.mark_urgent();
                    self.agenda.set_timer(until, id);
                }
            }
            Departure::OutOfMemory(_) | Departure::Exited(_) => {
                // A task that kills its executors is one failure, not one for each of them.
                let culprit = suspect
                    .map_or(Culprit::Executor(key.index, key.epoch), |(stage, partition)| {
                        Culprit::Task(stage, partition)
                    });
                self.count_failure_on_node(now, id, node, culprit);
            }
        }
    }

    /// Takes in that something failed on a node, which may exclude it.
    pub(super) fn count_failure_on_node(
        &mut self,
        now: Time,
        id: JobId,
        node: &str,
        culprit: Culprit,
    ) {
        let Some(job) = self.state.jobs.get_mut(id) else { return };
        let Some(policy) = job.spec.executor.exclude_on_failure else { return };
        let until = job.choice.declines_mut().note_failure(node, culprit, now, policy);
        if let Some(until) = until {
            job.publication.mark_urgent();
            self.agenda.set_timer(until, id);
        }
    }

    /// Takes in that an executor can run tasks: the node starts executors.
    pub(super) fn count_for_node(&mut self, id: JobId, node: &str) {
        // Whoever declined the node for that may take it now.
        if self.penalties.note_started(node) {
            self.agenda.ask_all();
        }
        if let Some(job) = self.state.jobs.get_mut(id) {
            job.choice.declines_mut().note_started(node);
            self.agenda.ask(id);
        }
    }

    /// Lifts exclusions that leave a job no node at all, the oldest first: it has to end, and may
    /// have been mistaken about the nodes.
    pub(super) fn lift_exclusions(&mut self) {
        // The last node that was not excluded may have gone.
        let wanting = self.agenda.asks_all().then(|| self.queue.wanting()).into_iter().flatten();
        let declines = |id: &JobId| {
            self.state.jobs.get(*id).is_some_and(|job| !job.choice.declines().is_empty())
        };
        let ids: BTreeSet<JobId> = self.agenda.touched().chain(wanting).filter(declines).collect();
        for id in ids {
            let Ok(reach) = self.reach(id) else { continue };
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            let Ok(request) = job.request else { continue };
            let nodes = &self.state.nodes;
            let mut excluded = job.choice.declines().excluded();
            let mut out: BTreeSet<_> =
                excluded.iter().filter_map(|node| nodes.find(node)).collect();
            excluded.reverse();
            while !nodes.fits_on_when_empty(&request, reach, &|node| !out.contains(&node)) {
                let Some(oldest) = excluded.pop() else { break };
                let Some(node_id) = nodes.find(&oldest) else { continue };
                // One that the request does not fit on helps nobody; it stays excluded.
                if nodes.fits_on_when_empty(&request, reach, &|other| other == node_id) {
                    job.choice.declines_mut().lift(&oldest);
                    out.remove(&node_id);
                    job.publication.mark_changed();
                    self.agenda.ask_all();
                    self.agenda.touch(id);
                }
            }
        }
    }

    /// The nodes that a job declines now, and until when.
    pub(super) fn declined(&self, now: Time, id: JobId) -> BTreeMap<NodeId, Time> {
        let mut declined: BTreeMap<NodeId, Time> = BTreeMap::new();
        let Some(job) = self.state.jobs.get(id) else { return declined };
        for (node, until) in self.penalties.until().chain(job.choice.declines().until()) {
            if until > now
                && let Some(node) = self.state.nodes.find(node)
            {
                let latest = declined.entry(node).or_default();
                *latest = until.max(*latest);
            }
        }
        declined
    }

    /// What a job says about nodes in the next round.
    pub(super) fn choice(&mut self, now: Time, id: JobId) -> Choice {
        let mut choice = Choice { declined: self.declined(now, id), ..Choice::default() };
        let nodes = &self.state.nodes;
        let Some(job) = self.state.jobs.get_mut(id) else { return choice };
        let preferred = &job.spec.executor.preferred;
        if preferred.is_empty() {
            return choice;
        }
        job.choice.find_preferred(nodes, preferred);
        if let Some(since) = job.choice.wait_for_preferred(now) {
            let until = since + preferred.wait_milliseconds;
            choice.waits_until = (now < until).then_some(until);
        }
        choice.preferred = job.choice.lend_preferred();
        choice
    }

    /// Sees to it that a job is asked again when the reason why it declined offers is over.
    pub(super) fn retry_later(
        &mut self,
        id: JobId,
        rejection: Option<&Rejection>,
        declined: &BTreeMap<NodeId, Time>,
    ) {
        let mut rejection = rejection;
        while let Some(Rejection::Gang { cause, .. }) = rejection {
            rejection = Some(&**cause);
        }
        let at = match rejection {
            Some(Rejection::WaitsForPreferred { until, .. }) => Some(*until),
            Some(Rejection::Declines { nodes }) => nodes.first().map(|(_, until)| *until),
            _ => None,
        };
        // The node that it waits for may be one that it declines until earlier.
        let at = at.map(|at| declined.values().copied().fold(at, Time::min));
        if let Some(at) = at
            && let Some(job) = self.state.jobs.get_mut(id)
            && job.pauses.plan_retry(at)
        {
            self.agenda.set_timer(at, id);
        }
    }
}
