//! What has ended and is not acknowledged, kept so that every report stays small.
//!
//! Ended attempts are held until they fit into a report, and from then on go with every report in
//! the batch they first went with, until the operator acknowledges that batch. Batches are charged
//! one by one: what they take together is no more, also when some of them are gone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proffer_core::ranges::Ranges;
use proffer_crds::executor::{AttemptFailure, AttemptResult};

use super::Group;
use crate::attempt::{Attempt, Kept, Outcome};

/// The room that ended attempts may take in a report, in bytes. With those that run
/// ([`super::RUNNING_BYTES`]) and the rest, a report stays under 16 KiB; the largest single end (a
/// result of 8 KiB as JSON) fits.
const ENDED_BYTES: usize = 9728;

/// What may be held back, in bytes of JSON, before no further task starts.
const HELD_BYTES: usize = 256 * 1024;

/// Attempts that ended.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What went with a report, oldest first.
    batches: VecDeque<Batch>,
    /// What went with none, oldest first.
    held: VecDeque<Held>,
    held_bytes: usize,
}

/// What first went with one report.
#[derive(Debug, Default)]
struct Batch {
    report: i64,
    bytes: usize,
    ended: Ended,
}

/// A part of a report: attempts that ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended {
    pub(super) finished: BTreeMap<Group, Ranges>,
    pub(super) failures: Vec<AttemptFailure>,
    pub(super) results: Vec<AttemptResult>,
}

#[derive(Debug)]
struct Held {
    attempt: Attempt,
    detail: Detail,
    bytes: usize,
}

/// What there is to say of an attempt besides its name.
#[derive(Debug)]
enum Detail {
    Finished,
    Result(AttemptResult),
    Failure(Box<AttemptFailure>),
}

impl Ledger {
    /// Adds what became of an attempt. One that was stopped leaves nothing to say.
    pub(super) fn add(&mut self, attempt: Attempt, outcome: Outcome) {
        let stage = attempt.stage.to_string();
        let partition = i32::try_from(attempt.partition).unwrap_or(i32::MAX);
        // In ranges: a comma, and at most as many digits.
        let plain_bytes = attempt.partition.checked_ilog10().map_or(2, |power| power as usize + 2);
        let (detail, bytes) = match outcome {
            Outcome::Stopped => return,
            Outcome::Finished(None) => (Detail::Finished, plain_bytes),
            Outcome::Finished(Some(Kept { value, uri })) => {
                let result = AttemptResult { stage, partition, value, uri };
                let bytes = plain_bytes + json_bytes(&result) + 1;
                (Detail::Result(result), bytes)
            }
            Outcome::Failed(failure) => {
                let failure = AttemptFailure {
                    stage,
                    partition,
                    attempt: attempt.number,
                    reason: failure.reason.to_string(),
                    message: failure.message,
                    stderr: failure.stderr,
                    is_final: failure.is_final,
                };
                let bytes = json_bytes(&failure) + 1;
                (Detail::Failure(Box::new(failure)), bytes)
            }
        };
        self.held_bytes += bytes;
        self.held.push_back(Held { attempt, detail, bytes });
    }

    /// Whether so much is held back that nothing further should start.
    pub(super) fn is_full(&self) -> bool {
        self.held_bytes > HELD_BYTES
    }

    /// Whether something has not gone with a report.
    pub(super) fn holds_back(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes into report number `report` what fits, and returns all that stands in it.
    pub(super) fn report(&mut self, report: i64) -> Ended {
        let taken: usize = self.batches.iter().map(|batch| batch.bytes).sum();
        let mut batch = Batch { report, ..Batch::default() };
        while let Some(next) = self.held.front() {
            let mut bytes = next.bytes;
            if !batch.ended.has_group(&next.attempt) {
                bytes += group_bytes(&next.attempt.stage);
            }
            if taken + batch.bytes + bytes > ENDED_BYTES {
                // Neighbours share a range; what is charged is what is really taken.
                batch.bytes = batch.ended.bytes();
                if taken + batch.bytes + bytes > ENDED_BYTES {
                    break;
                }
            }
            batch.bytes += bytes;
            let Some(held) = self.held.pop_front() else { break };
            self.held_bytes -= held.bytes;
            batch.ended.take(held);
        }
        if !batch.ended.is_empty() {
            batch.bytes = batch.ended.bytes();
            self.batches.push_back(batch);
        }
        let mut all = Ended::default();
        for batch in &self.batches {
            all.join(&batch.ended);
        }
        all
    }

    /// Forgets what first went with a report up to number `report`; returns what that was.
    pub(super) fn acknowledge(&mut self, report: i64) -> Vec<(Group, Ranges)> {
        let mut forgotten = Vec::new();
        while self.batches.front().is_some_and(|batch| batch.report <= report) {
            if let Some(batch) = self.batches.pop_front() {
                forgotten.extend(batch.ended.finished);
                forgotten.extend(batch.ended.failures.into_iter().map(|failure| {
                    let partition = u32::try_from(failure.partition).unwrap_or(0);
                    ((Arc::from(failure.stage), failure.attempt), Ranges::one(partition))
                }));
            }
        }
        forgotten
    }

    /// Removes from a group's partitions those that stand here.
    pub(super) fn subtract(&self, group: &Group, ranges: &mut Ranges) {
        for batch in &self.batches {
            if let Some(finished) = batch.ended.finished.get(group) {
                finished.iter().for_each(|partition| {
                    ranges.remove(partition);
                });
            }
            for failure in &batch.ended.failures {
                if *failure.stage == *group.0 && failure.attempt == group.1 {
                    ranges.remove(u32::try_from(failure.partition).unwrap_or(0));
                }
            }
        }
        for Held { attempt, .. } in &self.held {
            if attempt.stage == group.0 && attempt.number == group.1 {
                ranges.remove(attempt.partition);
            }
        }
    }
}

impl Ended {
    fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.failures.is_empty()
    }

    fn has_group(&self, attempt: &Attempt) -> bool {
        self.finished.contains_key(&(Arc::clone(&attempt.stage), attempt.number))
    }

    fn take(&mut self, held: Held) {
        let Held { attempt, detail, .. } = held;
        if let Detail::Failure(failure) = detail {
            self.failures.push(*failure);
            return;
        }
        let group = (attempt.stage, attempt.number);
        self.finished.entry(group).or_default().insert(attempt.partition);
        if let Detail::Result(result) = detail {
            self.results.push(result);
        }
    }

    fn join(&mut self, other: &Self) {
        for (group, partitions) in &other.finished {
            match self.finished.get_mut(group) {
                None => {
                    self.finished.insert(group.clone(), partitions.clone());
                }
                Some(ranges) => partitions.iter().for_each(|partition| {
                    ranges.insert(partition);
                }),
            }
        }
        self.failures.extend_from_slice(&other.failures);
        self.results.extend_from_slice(&other.results);
    }

    /// What it takes in a report, in bytes.
    fn bytes(&self) -> usize {
        let finished: usize = self
            .finished
            .iter()
            .map(|((stage, _), ranges)| group_bytes(stage) + ranges.to_string().len() + 1)
            .sum();
        let failures: usize = self.failures.iter().map(|failure| json_bytes(failure) + 1).sum();
        let results: usize = self.results.iter().map(|result| json_bytes(result) + 1).sum();
        finished + failures + results
    }
}

/// What a group takes in a report besides its ranges, in bytes.
pub(super) fn group_bytes(stage: &str) -> usize {
    stage.len() + r#"{"stage":"","attempt":-2147483648,"ranges":""},"#.len()
}

fn json_bytes<T: serde::Serialize>(value: &T) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting cannot fail, and these types have only text and numbers.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}
