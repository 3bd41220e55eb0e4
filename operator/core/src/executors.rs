//! Executors: where a job's tasks run.

mod delivery;
mod exit;
mod reports;
mod withdrawal;
mod work;

use crate::ids::{ExecutorKey, JobId, NodeId};
use crate::resources::Resources;
use crate::time::Time;
use delivery::Delivery;
pub use exit::DrainCause;
pub(crate) use exit::Drained;
use exit::Exit;
use reports::Reports;
use withdrawal::Withdrawal;
use work::Work;
pub(crate) use work::{Attempt, Attempts, Since};

/// An executor with its account.
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    pub(crate) key: ExecutorKey,
    pub(crate) job: JobId,
    /// Where it is; `None` as long as it has no node.
    pub(crate) node: Option<NodeId>,
    /// What it holds.
    pub(crate) request: Resources,
    /// Whether it can run tasks.
    pub(crate) ready: bool,
    /// The engine's count of changes of jobs, pools and nodes when room was made for it by share.
    pub(crate) reclaimed_at: Option<u64>,
    /// The attempts that it has.
    pub(crate) work: Work,
    /// What it reported.
    pub(crate) reports: Reports,
    /// What it is asked to leave alone.
    pub(crate) withdrawal: Withdrawal,
    /// Whether it is on its way out.
    pub(crate) exit: Exit,
    /// What it was told.
    pub(crate) delivery: Delivery,
}

impl Executor {
    /// An executor that was just accepted an offer for, and knows nothing yet.
    pub(crate) fn new(
        key: ExecutorKey,
        (job, node): (JobId, Option<NodeId>),
        request: Resources,
        now: Time,
    ) -> Self {
        Self {
            key,
            job,
            node,
            request,
            ready: false,
            reclaimed_at: None,
            work: Work::new(now),
            reports: Reports::default(),
            withdrawal: Withdrawal::default(),
            exit: Exit::default(),
            delivery: Delivery::default(),
        }
    }

    /// Takes in how far it was with an earlier engine: it exists, its reports up to this one are
    /// stored, and it may have been told to go.
    pub(crate) fn resume(&mut self, acknowledged_report: u64, is_stopping: bool) {
        self.delivery.confirm();
        self.reports = Reports::acknowledged_up_to(acknowledged_report);
        if is_stopping {
            self.exit.stop();
        }
    }

    /// Adds an attempt.
    pub(crate) fn assign(&mut self, attempt: Attempt, slots: u32) {
        self.work.add(attempt, slots);
        self.delivery.mark_changed();
    }

    /// Removes an attempt that ended; says whether it was there.
    pub(crate) fn unassign(&mut self, attempt: Attempt, slots: u32) -> bool {
        let was_there = self.work.remove(attempt, slots);
        if was_there {
            self.withdrawal.remove(attempt);
            self.delivery.mark_changed();
        }
        was_there
    }

    /// Withdraws an attempt that it may run right now. It is told so once the job's status of a
    /// revision is stored, if one is given: otherwise an engine that starts anew could give the
    /// attempt's number to another one.
    pub(crate) fn withdraw(&mut self, attempt: Attempt, slots: u32, revision: Option<u64>) {
        let is_told = self.withdrawal.is_told() && self.withdrawal.contains(attempt);
        if !self.unassign(attempt, slots) {
            return;
        }
        self.work.note_leaving(attempt, slots);
        let ended = self.work.take_ended();
        if let Some(revision) = revision.filter(|_| !is_told) {
            self.reports.await_storage(revision, ended);
        }
    }

    /// Whether nothing that it was told to run is left but what was withdrawn.
    pub(crate) fn is_idle(&self) -> bool {
        let withdrawn = self.withdrawal.attempts();
        self.work
            .assigned()
            .iter()
            .all(|(group, partitions)| withdrawn.get(group).is_some_and(|all| all == partitions))
    }
}
