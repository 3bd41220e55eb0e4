//! What is to be looked at when its time comes.

use super::{ClientId, FrameworkId, Frameworks, NodeId, OfferId, Time};

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// An offer that was not answered.
    Offer(OfferId),
    /// Filters that end.
    Filters(ClientId),
    /// A framework that may be asked again for what it has on a node.
    Inverse(NodeId, FrameworkId),
}

impl Frameworks {
    /// When the next of them is to be looked at.
    pub(crate) fn wakeup(&self) -> Option<Time> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// The next of them whose time has come.
    pub(crate) fn take_timer(&mut self, now: Time) -> Option<Timer> {
        let &(at, timer) = self.timers.first().filter(|&&(at, _)| at <= now)?;
        self.timers.remove(&(at, timer));
        Some(timer)
    }

    /// Registers when the filters of a client are to be looked at.
    pub(crate) fn set_filter_timer(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let end = client.filters.next_end();
        if client.filter_timer == end {
            return;
        }
        let old = std::mem::replace(&mut client.filter_timer, end);
        self.move_timer(old, end, Timer::Filters(id));
    }

    /// Sets a timer to another time, or to none.
    pub(super) fn move_timer(&mut self, from: Option<Time>, to: Option<Time>, timer: Timer) {
        if let Some(from) = from {
            self.timers.remove(&(from, timer));
        }
        if let Some(to) = to {
            self.timers.insert((to, timer));
        }
    }
}
