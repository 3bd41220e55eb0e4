//! Wrong secrets: who has shown them has to wait before the next one is looked at, longer each time.
//!
//! It is counted by where it comes from and whose secret it should be, so that nobody slows others but by
//! sharing an address and a name with them. A connection that is known already is not slowed, until a wrong
//! one is shown on it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many wrong ones are anybody's slips.
const FREE: u32 = 3;

/// How long the first wait is; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The longest that somebody has to wait after a wrong secret.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// How long a request is kept waiting; beyond that it is refused.
const PATIENCE: Duration = Duration::from_secs(2);

/// After how long wrong secrets are forgotten.
const MEMORY: Duration = Duration::from_secs(600);

/// The most that is remembered; then what is oldest is forgotten.
const MOST_REMEMBERED: usize = 4096;

/// How often it is logged, at most.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// Where something comes from, and whose secret it should be: nothing if nobody has that name.
pub(super) type Source = (IpAddr, Option<Arc<str>>);

/// Wrong secrets that were shown lately.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_source: BTreeMap<Source, Record>,
    log: Log,
}

#[derive(Debug)]
struct Record {
    wrong: u32,
    /// When the next secret is looked at.
    next_at: Instant,
}

/// What was not logged yet.
#[derive(Debug, Default)]
struct Log {
    count: u64,
    logged_at: Option<Instant>,
}

/// What is to be logged about wrong secrets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// How many there were since the last report.
    pub(super) count: u64,
}

/// When a secret is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// After so long.
    In(Duration),
    /// Not now, but after so long, if it is shown again.
    Later(Duration),
}

/// How long somebody has to wait after so many wrong secrets.
fn wait(wrong: u32) -> Duration {
    match wrong.checked_sub(FREE + 1) {
        None => Duration::ZERO,
        Some(doublings) => {
            let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
            FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
        }
    }
}

impl Guesses {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a secret from somewhere is looked at: one after the other if there were wrong ones.
    pub(super) fn turn(&self, now: Instant, source: &Source) -> Turn {
        let mut table = self.table();
        let Some(record) = table.by_source.get_mut(source) else {
            return Turn::In(Duration::ZERO);
        };
        let left = record.next_at.saturating_duration_since(now);
        if left > PATIENCE {
            return Turn::Later(left);
        }
        record.next_at = record.next_at.max(now) + wait(record.wrong);
        Turn::In(left)
    }

    /// A secret was wrong. Says what is to be logged, which is not much however many there are.
    pub(super) fn wrong(&self, now: Instant, source: &Source) -> Option<Report> {
        let mut table = self.table();
        table.make_room(now, source);
        let record =
            table.by_source.entry(source.clone()).or_insert(Record { wrong: 0, next_at: now });
        if now.saturating_duration_since(record.next_at) > MEMORY {
            record.wrong = 0;
        }
        record.wrong = record.wrong.saturating_add(1);
        record.next_at = record.next_at.max(now + wait(record.wrong));
        table.log.note(now)
    }

    /// A secret was right.
    pub(super) fn right(&self, source: &Source) {
        self.table().by_source.remove(source);
    }
}

impl Table {
    fn make_room(&mut self, now: Instant, source: &Source) {
        if self.by_source.len() < MOST_REMEMBERED || self.by_source.contains_key(source) {
            return;
        }
        self.by_source.retain(|_, record| now.saturating_duration_since(record.next_at) <= MEMORY);
        if self.by_source.len() >= MOST_REMEMBERED {
            let oldest = self.by_source.iter().min_by_key(|(_, record)| record.next_at);
            if let Some(oldest) = oldest.map(|(source, _)| source.clone()) {
                self.by_source.remove(&oldest);
            }
        }
    }
}

impl Log {
    fn note(&mut self, now: Instant) -> Option<Report> {
        self.count += 1;
        let is_recent = |at: Instant| now.saturating_duration_since(at) < LOG_PERIOD;
        if self.logged_at.is_some_and(is_recent) {
            return None;
        }
        self.logged_at = Some(now);
        Some(Report { count: std::mem::take(&mut self.count) })
    }
}

#[cfg(test)]
mod tests;
