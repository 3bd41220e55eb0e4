//! An executor on virtual time.

use std::collections::BTreeSet;

use proffer_core::event::{Report, StageAttempts};
use proffer_core::ranges::Ranges;

/// An attempt at a task. Jobs of a trace have one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Task {
    attempt: u32,
    partition: u32,
}

/// What an executor was told, and how far it is with it.
#[derive(Clone, Debug)]
pub(super) struct Executor {
    /// The submission of its job.
    pub(super) submission: usize,
    pub(super) node: Box<str>,
    slots: usize,
    ready: bool,
    reports: u64,
    /// The number of the last assignment.
    observed: u64,
    assigned: Vec<StageAttempts>,
    running: BTreeSet<Task>,
    /// What has ended and is still assigned.
    finished: BTreeSet<Task>,
    /// What has ended since the last report.
    unreported: BTreeSet<Task>,
}

impl Executor {
    pub(super) fn new(submission: usize, node: Box<str>, slots: u32) -> Self {
        Self {
            submission,
            node,
            slots: usize::try_from(slots).unwrap_or(usize::MAX),
            ready: false,
            reports: 0,
            observed: 0,
            assigned: Vec::new(),
            running: BTreeSet::new(),
            finished: BTreeSet::new(),
            unreported: BTreeSet::new(),
        }
    }

    pub(super) fn become_ready(&mut self) {
        self.ready = true;
    }

    /// Takes in all that it should run; returns whether that leads to something to report.
    pub(super) fn assign(&mut self, number: u64, attempts: Vec<StageAttempts>) -> bool {
        let before: BTreeSet<Task> = self.assigned_tasks().collect();
        self.observed = number;
        self.assigned = attempts;
        let assigned: BTreeSet<Task> = self.assigned_tasks().collect();
        // Others may have what was withdrawn before it was started as soon as that is known.
        let withdrawn = before.iter().any(|task| {
            !assigned.contains(task)
                && !self.running.contains(task)
                && !self.finished.contains(task)
        });
        let running = self.running.len();
        // What is not wanted any more stops, and what is known to have ended is forgotten.
        self.running.retain(|task| assigned.contains(task));
        self.finished.retain(|task| assigned.contains(task));
        let stopped = self.running.len() < running;
        let busy = self.running.len() + self.finished.len();
        self.ready
            && (stopped || withdrawn || (self.running.len() < self.slots && assigned.len() > busy))
    }

    /// A task comes to its end; `false` if it was stopped before.
    pub(super) fn finish(&mut self, task: Task) -> bool {
        let ran = self.running.remove(&task);
        if ran {
            self.finished.insert(task);
            self.unreported.insert(task);
        }
        ran
    }

    /// Starts what was assigned in free slots, and returns it.
    pub(super) fn start_tasks(&mut self) -> Vec<Task> {
        if !self.ready {
            return Vec::new();
        }
        let free = self.slots.saturating_sub(self.running.len());
        let unstarted = self
            .assigned_tasks()
            .filter(|task| !self.running.contains(task) && !self.finished.contains(task));
        let started: Vec<Task> = unstarted.take(free).collect();
        self.running.extend(&started);
        started
    }

    /// What it says next.
    pub(super) fn report(&mut self) -> Report {
        self.reports += 1;
        let finished = std::mem::take(&mut self.unreported);
        Report {
            number: self.reports,
            observed_assignment: self.observed,
            ready: self.ready,
            running: self.described(&self.running),
            finished: self.described(&finished),
            ..Report::default()
        }
    }

    fn assigned_tasks(&self) -> impl Iterator<Item = Task> + '_ {
        self.assigned.iter().flat_map(|attempts| {
            let attempt = attempts.attempt;
            attempts.partitions.iter().map(move |partition| Task { attempt, partition })
        })
    }

    /// Tasks as the protocol has them; all of them are assigned.
    fn described(&self, tasks: &BTreeSet<Task>) -> Vec<StageAttempts> {
        let mut described = Vec::new();
        for attempts in &self.assigned {
            let mut partitions = Ranges::new();
            for partition in attempts.partitions.iter() {
                if tasks.contains(&Task { attempt: attempts.attempt, partition }) {
                    partitions.insert(partition);
                }
            }
            if !partitions.is_empty() {
                described.push(StageAttempts { partitions, ..attempts.clone() });
            }
        }
        described
    }
}
