//! Shows what the master knows to those who want to see it, in a share of the loop's time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::master::Snapshot;

/// The loop is without readers for so many times as long as they have cost it.
const PAUSE: u32 = 9;

/// Those who want to see what the master knows. All that wait are shown the same, so that it does not matter
/// how many they are.
#[derive(Debug, Default)]
pub(super) struct Showing {
    waiting: Vec<oneshot::Sender<Arc<Snapshot>>>,
    /// Not before then are they shown anything.
    pause: Option<Instant>,
}

impl Showing {
    /// Somebody wants to see it as it is from now on.
    pub(super) fn want(&mut self, reply: oneshot::Sender<Arc<Snapshot>>) {
        self.waiting.push(reply);
    }

    /// Whether somebody waits, and need not any longer.
    pub(super) fn is_due(&self) -> bool {
        !self.waiting.is_empty() && self.pause.is_none_or(|until| until <= Instant::now())
    }

    /// Waits until something is to be shown.
    pub(super) async fn due(&self) {
        match self.pause {
            _ if self.waiting.is_empty() => std::future::pending().await,
            Some(until) => tokio::time::sleep_until(until).await,
            None => {}
        }
    }

    /// Shows everybody who waits the same snapshot.
    pub(super) fn show(&mut self, snapshot: impl FnOnce() -> Snapshot) {
        // Whoever does not listen any more has gone away.
        self.waiting.retain(|reply| !reply.is_closed());
        if self.waiting.is_empty() {
            return;
        }
        let begin = Instant::now();
        let snapshot = Arc::new(snapshot());
        self.rest(begin, begin.elapsed());
        for reply in self.waiting.drain(..) {
            let _ = reply.send(Arc::clone(&snapshot));
        }
    }

    /// Lets the loop alone after it has taken so long.
    fn rest(&mut self, begin: Instant, taken: Duration) {
        self.pause = begin.checked_add(taken.saturating_mul(PAUSE + 1));
    }
}

#[cfg(test)]
mod tests;
