//! The attempts that an executor has: what it should run, and what it said that it ran.

use std::collections::BTreeMap;

use crate::ranges::Ranges;
use crate::time::{Span, Time};

/// Attempts by stage and attempt number.
pub(crate) type Attempts = BTreeMap<(usize, u32), Ranges>;

/// One attempt: its stage, its number and its partition.
pub(crate) type Attempt = (usize, u32, u32);

/// What an executor should run, and what it ran when it last reported.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// The attempts that it should run or has not yet accounted for.
    assigned: Attempts,
    /// The slots that these take.
    slots: u32,
    /// Whether it runs a suspect and may get nothing else.
    exclusive: bool,
    /// How many slots' worth of tasks it should have waiting, beyond those that run.
    prefetch_slots: u32,
    /// What it said it ran when it last reported.
    running: Attempts,
    /// The slots that attempts take which it should not run any more but did when it last reported.
    leaving_slots: u32,
    /// Since when it has run each attempt. Since when it has had those that it does not run yet is only
    /// kept of jobs that want to know what is slow.
    since: BTreeMap<Attempt, Since>,
    /// Attempts that ended by the report that is being taken in.
    ending: Attempts,
    /// Since when it has had no task, as far as that was noticed.
    idle_since: Option<Time>,
    /// When it last reported, or was launched.
    reported_at: Time,
    /// When an attempt last ended there, or it was launched.
    progressed_at: Time,
}

/// Since when an executor has had an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// It was assigned then, and has not been seen to run.
    Assigned(Time),
    /// It ran in the report of then, for the first time.
    Running(Time),
}

impl Since {
    /// The moment.
    pub(crate) fn at(self) -> Time {
        match self {
            Self::Assigned(at) | Self::Running(at) => at,
        }
    }
}

/// What it should run.
impl Work {
    /// Nothing, for an executor that is launched now.
    pub(super) fn new(now: Time) -> Self {
        Self {
            assigned: Attempts::new(),
            slots: 0,
            exclusive: false,
            prefetch_slots: 0,
            running: Attempts::new(),
            leaving_slots: 0,
            since: BTreeMap::new(),
            ending: Attempts::new(),
            idle_since: None,
            reported_at: now,
            progressed_at: now,
        }
    }

    /// The attempts that it should run or has not yet accounted for.
    pub(crate) fn assigned(&self) -> &Attempts {
        &self.assigned
    }

    /// The slots that these take.
    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// The slots that are taken or about to be free again.
    pub(crate) fn taken_slots(&self) -> u32 {
        self.slots.saturating_add(self.leaving_slots)
    }

    /// Adds an attempt.
    pub(super) fn add(&mut self, (stage, attempt, partition): Attempt, slots: u32) {
        self.assigned.entry((stage, attempt)).or_default().insert(partition);
        self.slots = self.slots.saturating_add(slots);
        self.idle_since = None;
    }

    /// Removes an attempt that ended; says whether it was there.
    pub(super) fn remove(&mut self, ended: Attempt, slots: u32) -> bool {
        let (stage, attempt, partition) = ended;
        let was_there = take(&mut self.assigned, ended);
        if was_there {
            self.since.remove(&ended);
            self.ending.entry((stage, attempt)).or_default().insert(partition);
            self.slots = self.slots.saturating_sub(slots);
            self.exclusive &= self.slots > 0;
        }
        was_there
    }

    /// Takes away all attempts, as the executor is gone.
    pub(crate) fn take_all(&mut self) -> Attempts {
        std::mem::take(&mut self.assigned)
    }

    /// Whether it runs a suspect and may get nothing else.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Notes whether what it got last has to stay alone.
    pub(crate) fn set_exclusive(&mut self, exclusive: bool) {
        self.exclusive = exclusive;
    }

    /// How many slots' worth of tasks it should have waiting, beyond those that run.
    pub(crate) fn prefetch_slots(&self) -> u32 {
        self.prefetch_slots
    }

    /// Takes in that tasks of so many slots ended between two reports: twice as much should wait, and
    /// at least half of what did before.
    pub(crate) fn adapt_prefetch(&mut self, ended_slots: u32) {
        self.prefetch_slots = ended_slots.saturating_mul(2).max(self.prefetch_slots / 2);
    }

    /// Lets nothing wait there.
    pub(crate) fn stop_prefetch(&mut self) {
        self.prefetch_slots = 0;
    }

    /// Notes that it has nothing to do; it has had nothing since this was first noted.
    pub(crate) fn note_idle(&mut self, now: Time) {
        self.idle_since.get_or_insert(now);
    }

    /// Since when it has had no task, as far as that was noticed.
    pub(crate) fn idle_since(&self) -> Option<Time> {
        self.idle_since
    }
}

/// What it said that it ran.
impl Work {
    /// What it said it ran when it last reported.
    pub(crate) fn running(&self) -> &Attempts {
        &self.running
    }

    /// Whether an attempt ran when the executor last reported.
    pub(crate) fn ran(&self, (stage, attempt, partition): Attempt) -> bool {
        self.running.get(&(stage, attempt)).is_some_and(|ranges| ranges.contains(partition))
    }

    /// The attempts that it should run and did not when it last reported, as far as they are asked for
    /// by stage and partition.
    pub(crate) fn not_running(&self, is_asked_for: impl Fn(usize, u32) -> bool) -> Attempts {
        let mut waiting = Attempts::new();
        for (&(stage, attempt), partitions) in &self.assigned {
            let waits = |&it: &u32| !self.ran((stage, attempt, it)) && is_asked_for(stage, it);
            let partitions: Ranges = partitions.iter().filter(waits).collect();
            if !partitions.is_empty() {
                waiting.insert((stage, attempt), partitions);
            }
        }
        waiting
    }

    /// Takes in what a report says that runs.
    pub(crate) fn report(&mut self, running: Attempts) {
        self.running = running;
    }

    /// Takes in since when it has run what it runs, and the slots of what it should not run any more,
    /// once the ends in the same report are taken in.
    pub(crate) fn note_running(&mut self, now: Time, slots_of: impl Fn(usize) -> u32) {
        self.reported_at = now;
        self.leaving_slots = 0;
        for (&(stage, attempt), partitions) in &self.running {
            let assigned = self.assigned.get(&(stage, attempt));
            for partition in partitions.iter() {
                if assigned.is_some_and(|assigned| assigned.contains(partition)) {
                    let since = self.since.entry((stage, attempt, partition));
                    let since = since.or_insert(Since::Running(now));
                    if matches!(since, Since::Assigned(_)) {
                        *since = Since::Running(now);
                    }
                } else {
                    self.leaving_slots = self.leaving_slots.saturating_add(slots_of(stage));
                }
            }
        }
    }

    /// Counts the slots of an attempt that was withdrawn, if it may still run.
    pub(super) fn note_leaving(&mut self, withdrawn: Attempt, slots: u32) {
        if self.ran(withdrawn) {
            self.leaving_slots = self.leaving_slots.saturating_add(slots);
        }
    }

    /// Since when it has had or run each attempt, as far as that is kept.
    pub(crate) fn since(&self) -> &BTreeMap<Attempt, Since> {
        &self.since
    }

    /// Notes since when it has had an attempt that it does not run yet.
    pub(crate) fn note_assigned(&mut self, attempt: Attempt, now: Time) {
        self.since.insert(attempt, Since::Assigned(now));
    }

    /// Since when it has run an attempt that has ended now, at the latest.
    pub(crate) fn ran_since(&self, attempt: Attempt) -> Option<Time> {
        Some(match *self.since.get(&attempt)? {
            Since::Running(at) => at,
            // It began after the report before, for it did not stand there.
            Since::Assigned(at) => at.max(self.reported_at),
        })
    }

    /// For how long its tasks have run, summed up: what is lost when it goes now.
    pub(crate) fn invested(&self, now: Time) -> Span {
        let running = self.since.values().filter_map(|since| match since {
            Since::Running(at) => Some(now.since(*at)),
            Since::Assigned(_) => None,
        });
        running.sum()
    }

    /// Notes that an attempt ended that it was not told to run by this engine.
    pub(crate) fn note_ended(&mut self, (stage, attempt, partition): Attempt) {
        self.ending.entry((stage, attempt)).or_default().insert(partition);
    }

    /// Takes out what ended since this was last asked.
    pub(crate) fn take_ended(&mut self) -> Attempts {
        std::mem::take(&mut self.ending)
    }

    /// The same, by a report that came now.
    pub(crate) fn take_ended_by_report(&mut self, now: Time) -> Attempts {
        if !self.ending.is_empty() {
            self.progressed_at = now;
        }
        self.take_ended()
    }

    /// Whether all that ended was taken.
    pub(crate) fn has_no_ends(&self) -> bool {
        self.ending.is_empty()
    }

    /// When an attempt last ended there, or it was launched.
    pub(crate) fn progressed_at(&self) -> Time {
        self.progressed_at
    }
}

/// Removes one attempt; says whether it was there.
pub(super) fn take(attempts: &mut Attempts, (stage, attempt, partition): Attempt) -> bool {
    let Some(ranges) = attempts.get_mut(&(stage, attempt)) else { return false };
    let was_there = ranges.remove(partition);
    if ranges.is_empty() {
        attempts.remove(&(stage, attempt));
    }
    was_there
}
