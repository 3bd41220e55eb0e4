//! What an executor reported, until it is known to be stored.

use std::collections::VecDeque;

use super::Attempts;

/// The reports of an executor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports {
    /// The last report that was taken in.
    folded: u64,
    /// The last report whose contents are stored.
    acknowledged: u64,
    /// Reports that were taken in and are not known to be stored, oldest first.
    unsettled: VecDeque<Unsettled>,
}

/// A report that was taken in and is not known to be stored. Until it is, what ended by it stays in
/// the executor's assignment: whoever restores the state from that finds everything.
#[derive(Clone, Debug)]
struct Unsettled {
    report: u64,
    /// The revision of the job's status that holds it.
    revision: u64,
    ended: Attempts,
}

impl Reports {
    /// The reports of an executor that an earlier engine knew.
    pub(super) fn acknowledged_up_to(number: u64) -> Self {
        Self { folded: number, acknowledged: number, unsettled: VecDeque::new() }
    }

    /// Takes in a report; says whether it is news.
    pub(crate) fn take_in(&mut self, number: u64) -> bool {
        let is_news = number > self.folded;
        self.folded = self.folded.max(number);
        is_news
    }

    /// Takes in that a report is stored.
    pub(crate) fn acknowledge(&mut self, number: u64) {
        self.acknowledged = number;
    }

    /// The last report whose contents are stored.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Notes that what ended by the last report is stored with a status of this revision.
    pub(crate) fn await_storage(&mut self, revision: u64, ended: Attempts) {
        self.unsettled.push_back(Unsettled { report: self.folded, revision, ended });
    }

    /// Takes in that the status of this revision is stored; says whether that settles anything.
    pub(crate) fn settle(&mut self, revision: u64) -> bool {
        let mut settled = false;
        while let Some(first) = self.unsettled.front()
            && first.revision <= revision
        {
            self.acknowledged = self.acknowledged.max(first.report);
            self.unsettled.pop_front();
            settled = true;
        }
        settled
    }

    /// Lets a report be taken in once more. What is accounted for in it has to be acknowledged as
    /// well, with a status of this revision.
    pub(crate) fn expect_again(&mut self, number: u64, revision: u64) {
        if number <= self.acknowledged {
            self.folded = number.saturating_sub(1);
        } else {
            self.folded = self.acknowledged;
            let ended = Attempts::new();
            self.unsettled.push_back(Unsettled { report: number, revision, ended });
        }
    }

    /// What ended by reports that are not known to be stored.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = &Attempts> {
        self.unsettled.iter().map(|unsettled| &unsettled.ended)
    }
}
