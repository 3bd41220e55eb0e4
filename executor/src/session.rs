//! What the executor should do next: assignments come in, starts, stops and reports go out.
//!
//! Nothing here reads a clock, starts a process or writes: the supervisor does, and tells the session
//! what became of it.

mod ledger;

use std::collections::BTreeMap;
use std::sync::Arc;

use proffer_core::ranges::Ranges;
use proffer_crds::executor::{Assignment, PROTOCOL_VERSION};
use proffer_crds::{SparkExecutor, SparkExecutorStatus, SparkJob};

use crate::attempt::{Attempt, Outcome};
use ledger::Ledger;

/// The attempts of one stage with the same number.
type Group = (Arc<str>, i32);

/// The room that running attempts may take in a report, in bytes. They stand in every report, for
/// what is not in one counts as released.
const RUNNING_BYTES: usize = 6 * 1024;

/// The executor's view of its assignment.
#[derive(Debug, Default)]
pub struct Session {
    job: Option<Arc<SparkJob>>,
    generation: i64,
    report_interval_milliseconds: u64,
    /// What the last spec lists.
    assigned: BTreeMap<Group, Ranges>,
    /// What of it has not been started, in the order of the list.
    waiting: Vec<(Group, Ranges)>,
    running: BTreeMap<Attempt, Running>,
    slots_taken: i32,
    running_by_group: BTreeMap<Group, usize>,
    /// What the running attempts take in a report, in bytes.
    running_bytes: usize,
    ledger: Ledger,
    /// What was acknowledged and is still listed: not to be run again.
    settled: BTreeMap<Group, Ranges>,
    is_stopping: bool,
    /// Whether something changed since the last report.
    is_changed: bool,
    report: i64,
    reported_at_milliseconds: Option<u64>,
}

#[derive(Debug)]
struct Running {
    slots: i32,
    bytes: usize,
    is_wanted: bool,
}

/// A spec that this executor cannot follow.
#[derive(Debug, thiserror::Error)]
#[error(
    "the operator speaks version {theirs} of the executor protocol, this executor only version \
     {PROTOCOL_VERSION}: run the same version of Proffer's operator and executor"
)]
pub struct UnknownProtocol {
    theirs: i32,
}

impl Session {
    /// The job, when it has been sent.
    pub fn job(&self) -> Option<&Arc<SparkJob>> {
        self.job.as_ref()
    }

    /// Takes a new version of the job.
    pub fn set_job(&mut self, job: SparkJob) {
        self.job = Some(Arc::new(job));
    }

    /// Takes a new version of the assignment; returns the running attempts to stop.
    pub fn set_executor(
        &mut self,
        executor: &SparkExecutor,
    ) -> Result<Vec<Attempt>, UnknownProtocol> {
        let generation = executor.metadata.generation.unwrap_or(1);
        if generation < self.generation {
            return Ok(Vec::new());
        }
        self.is_changed |= generation > self.generation;
        self.generation = generation;
        let spec = &executor.spec;
        if spec.protocol_version != PROTOCOL_VERSION {
            self.is_stopping = true;
            return Err(UnknownProtocol { theirs: spec.protocol_version });
        }
        self.report_interval_milliseconds =
            u64::try_from(spec.report_interval_milliseconds).unwrap_or(0);

        self.assigned.clear();
        let mut order = Vec::with_capacity(spec.assignments.len());
        for Assignment { stage, attempt, ranges } in &spec.assignments {
            let group = (Arc::from(stage.as_str()), *attempt);
            let mut ranges = ranges.clone();
            if let Some(listed) = self.assigned.get_mut(&group) {
                for partition in ranges.clone().iter() {
                    if !listed.insert(partition) {
                        ranges.remove(partition);
                    }
                }
            } else {
                self.assigned.insert(group.clone(), ranges.clone());
            }
            order.push((group, ranges));
        }
        self.acknowledge(spec.acknowledged_report);
        self.waiting = order
            .into_iter()
            .map(|(group, ranges)| {
                let left = self.not_begun(&group, ranges);
                (group, left)
            })
            .filter(|(_, ranges)| !ranges.is_empty())
            .collect();

        let assigned = &self.assigned;
        let mut stops = Vec::new();
        for (attempt, running) in &mut self.running {
            let is_wanted = lists(assigned, attempt);
            if running.is_wanted && !is_wanted {
                stops.push(attempt.clone());
            }
            running.is_wanted = is_wanted;
        }
        Ok(stops)
    }

    /// The next attempt to start, if there is one and a slot for it.
    pub fn next_start(&mut self) -> Option<Attempt> {
        if self.is_stopping || self.ledger.is_full() {
            return None;
        }
        let job = self.job.as_ref()?;
        let cores = job.spec.executor.cores.max(1);
        let (group, ranges) = self.waiting.first_mut()?;
        let stage = job.spec.stages.iter().find(|stage| *stage.name == *group.0);
        let slots = stage.map_or(1, |stage| stage.slots.clamp(1, cores));
        let digits = ranges.first()?.checked_ilog10().map_or(1, |power| power as usize + 1);
        let bytes = digits + 1;
        let group_bytes = if self.running_by_group.contains_key(group) {
            0
        } else {
            ledger::group_bytes(&group.0)
        };
        let has_room = self.running_bytes + group_bytes + bytes <= RUNNING_BYTES;
        if self.slots_taken.saturating_add(slots) > cores || !has_room {
            return None;
        }
        let partition = ranges.pop_first()?;
        let attempt = Attempt { stage: Arc::clone(&group.0), number: group.1, partition };
        *self.running_by_group.entry(group.clone()).or_default() += 1;
        if ranges.is_empty() {
            self.waiting.remove(0);
        }
        self.slots_taken += slots;
        self.running_bytes += group_bytes + bytes;
        self.running.insert(attempt.clone(), Running { slots, bytes, is_wanted: true });
        self.is_changed = true;
        Some(attempt)
    }

    /// Takes what became of an attempt that was started.
    pub fn end(&mut self, attempt: Attempt, outcome: Outcome) {
        let Some(running) = self.running.remove(&attempt) else {
            return;
        };
        self.slots_taken -= running.slots;
        self.running_bytes -= running.bytes;
        let group = (Arc::clone(&attempt.stage), attempt.number);
        if let Some(count) = self.running_by_group.get_mut(&group) {
            *count -= 1;
            if *count == 0 {
                self.running_by_group.remove(&group);
                self.running_bytes -= ledger::group_bytes(&attempt.stage);
            }
        }
        self.is_changed = true;
        match outcome {
            Outcome::Stopped if running.is_wanted && !self.is_stopping => {
                // It was withdrawn and assigned again before it had ended.
                self.waiting.insert(0, (group, Ranges::one(attempt.partition)));
            }
            Outcome::Failed(_) if !running.is_wanted || self.is_stopping => {}
            Outcome::Stopped => {}
            outcome => self.ledger.add(attempt, outcome),
        }
    }

    /// Starts nothing any more. Returns what runs.
    pub fn stop(&mut self) -> Vec<Attempt> {
        self.is_changed |= !self.is_stopping;
        self.is_stopping = true;
        self.running.keys().cloned().collect()
    }

    /// When the next report is due, in milliseconds: `None` when there is nothing to say.
    pub fn report_due_milliseconds(&self) -> Option<u64> {
        (self.is_changed && self.generation > 0).then(|| {
            self.reported_at_milliseconds
                .map_or(0, |last| last.saturating_add(self.report_interval_milliseconds))
        })
    }

    /// The next report.
    pub fn make_report(&mut self, now_milliseconds: u64) -> SparkExecutorStatus {
        self.report = self.report.saturating_add(1);
        self.is_changed = false;
        self.reported_at_milliseconds = Some(now_milliseconds);
        let ended = self.ledger.report(self.report);
        let mut running: BTreeMap<Group, Ranges> = BTreeMap::new();
        for attempt in self.running.keys() {
            let group = (Arc::clone(&attempt.stage), attempt.number);
            running.entry(group).or_default().insert(attempt.partition);
        }
        SparkExecutorStatus {
            protocol_version: PROTOCOL_VERSION,
            observed_generation: self.generation,
            report: self.report,
            ready: !self.is_stopping,
            running: assignments(running),
            finished: assignments(ended.finished),
            failures: ended.failures,
            results: ended.results,
        }
    }

    /// Forgets what the operator has stored.
    fn acknowledge(&mut self, report: i64) {
        for (group, partitions) in self.ledger.acknowledge(report.min(self.report)) {
            let settled = self.settled.entry(group).or_default();
            partitions.iter().for_each(|partition| {
                settled.insert(partition);
            });
        }
        // What is held back fits into the next report when the acknowledged makes room.
        self.is_changed |= self.ledger.holds_back();
        let assigned = &self.assigned;
        self.settled.retain(|group, settled| {
            let Some(listed) = assigned.get(group) else {
                return false;
            };
            *settled = settled.iter().filter(|&partition| listed.contains(partition)).collect();
            !settled.is_empty()
        });
    }

    /// Those of a group's partitions that neither run nor have ended.
    fn not_begun(&self, group: &Group, mut ranges: Ranges) -> Ranges {
        for attempt in self.running.keys() {
            if attempt.stage == group.0 && attempt.number == group.1 {
                ranges.remove(attempt.partition);
            }
        }
        self.ledger.subtract(group, &mut ranges);
        if let Some(settled) = self.settled.get(group) {
            settled.iter().for_each(|partition| {
                ranges.remove(partition);
            });
        }
        ranges
    }
}

fn lists(assigned: &BTreeMap<Group, Ranges>, attempt: &Attempt) -> bool {
    assigned
        .get(&(Arc::clone(&attempt.stage), attempt.number))
        .is_some_and(|ranges| ranges.contains(attempt.partition))
}

fn assignments(groups: BTreeMap<Group, Ranges>) -> Vec<Assignment> {
    groups
        .into_iter()
        .map(|((stage, attempt), ranges)| Assignment { stage: stage.to_string(), attempt, ranges })
        .collect()
}

#[cfg(test)]
mod tests;
