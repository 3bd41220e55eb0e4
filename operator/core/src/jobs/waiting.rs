//! Why a job waits, and for how long.

use std::collections::BTreeSet;

use crate::explain::Rejection;
use crate::ids::NodeId;
use crate::time::{Lasting, Span, Time};

/// What a job that wants more executors waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    reason: Option<Rejection>,
    /// The place among the waiting jobs of the pool, from 1.
    position: Option<u32>,
    line: Line,
    /// Since when others of its pool hold what it should have.
    below_share: Lasting,
}

/// How long a job has waited for room for its next executor, or for its gang.
#[derive(Clone, Debug, Default)]
struct Line {
    /// Since when no node has room.
    no_room_since: Option<Time>,
    /// How often room was kept for it on nodes that did not become free in time.
    moves: u32,
    /// These nodes.
    tried: BTreeSet<NodeId>,
}

impl Waiting {
    /// Why it was given no more, if it waits.
    pub(crate) fn reason(&self) -> Option<&Rejection> {
        self.reason.as_ref()
    }

    /// Takes in why it was given no more; says whether that is another reason than before.
    pub(crate) fn explain(&mut self, reason: Option<Rejection>) -> bool {
        let is_news = self.reason != reason;
        self.reason = reason;
        is_news
    }

    /// Its place among the waiting jobs of its pool, from 1.
    pub(crate) fn position(&self) -> Option<u32> {
        self.position
    }

    /// Gives it a place among them; says whether that is another one than before.
    pub(crate) fn queue_at(&mut self, place: u32) -> bool {
        self.position.replace(place) != Some(place)
    }

    /// Takes in that it got an executor: it leaves the queue and begins to wait for the next one. Says
    /// whether it had a place.
    pub(crate) fn advance(&mut self) -> bool {
        self.line = Line::default();
        self.position.take().is_some()
    }

    /// Takes in that it wants nothing more; says whether it had a place.
    pub(crate) fn end(&mut self) -> bool {
        self.reason = None;
        self.advance()
    }

    /// Takes in that no node has room; returns since when.
    pub(crate) fn note_no_room(&mut self, now: Time) -> Time {
        *self.line.no_room_since.get_or_insert(now)
    }

    /// How often room was kept for it in vain.
    pub(crate) fn moves(&self) -> u32 {
        self.line.moves
    }

    /// The nodes on which room was kept for it in vain.
    pub(crate) fn tried(&self) -> &BTreeSet<NodeId> {
        &self.line.tried
    }

    /// Takes in that room was kept for it in vain on these nodes.
    pub(crate) fn note_move(&mut self, nodes: Vec<NodeId>) {
        self.line.moves += 1;
        self.line.tried.extend(nodes);
    }

    /// Takes in that it has waited on all nodes that there are: it may begin again with the first.
    pub(crate) fn forget_tried(&mut self) {
        self.line.tried.clear();
    }

    /// Since when others of its pool hold what it should have.
    pub(crate) fn below_share(&self) -> Lasting {
        self.below_share
    }

    /// Takes in whether they do now, with the grace period after which that counts; returns when that
    /// ends, if it has not.
    pub(crate) fn mark_below_share(&mut self, now: Time, grace: Option<Span>) -> Option<Time> {
        self.below_share.mark(now, grace)
    }
}
