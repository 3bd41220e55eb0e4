//! Connections: of those who are known, and of those who have not said who they are.
//!
//! Those two kinds take nothing from each other. Who is not known has little time to become so. When there
//! are too many of these, a new one takes the place of the oldest from the address that has most, so nobody
//! is locked out by the idle connections of another.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::budgets::{Budget, Exhausted, Held, Who};
use crate::web::Amount;

/// All connections.
#[derive(Debug)]
pub(super) struct Slots {
    known: Arc<Budget>,
    /// The most that are not known.
    most_unknown: usize,
    /// How long one may stay unknown.
    patience: Duration,
    table: Mutex<Table>,
    unknown: Amount,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: BTreeMap<u64, Open>,
    /// Those that are not known, the oldest first, by address.
    unknown: BTreeMap<IpAddr, BTreeSet<u64>>,
    unknown_count: usize,
}

/// A connection that is open.
#[derive(Debug)]
struct Open {
    close: Arc<Notify>,
    held: Option<Held>,
}

/// The place of a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    address: IpAddr,
    close: Arc<Notify>,
}

impl Table {
    /// Whether it was not known until now.
    fn forget_unknown(&mut self, number: u64, address: IpAddr) -> bool {
        let Some(of_address) = self.unknown.get_mut(&address) else { return false };
        let was_there = of_address.remove(&number);
        if of_address.is_empty() {
            self.unknown.remove(&address);
        }
        self.unknown_count -= usize::from(was_there);
        was_there
    }

    /// Closes the oldest that is not known, of the address that has most of them.
    fn close_oldest_unknown(&mut self) -> bool {
        let most = self.unknown.iter().max_by_key(|(_, numbers)| numbers.len());
        let oldest = most.and_then(|(address, numbers)| Some((*numbers.first()?, *address)));
        let Some((number, address)) = oldest else { return false };
        self.forget_unknown(number, address);
        if let Some(open) = self.open.get(&number) {
            open.close.notify_one();
        }
        true
    }
}

impl Slots {
    /// Places for so many who are known, and so many others.
    pub(super) fn new(
        known: Arc<Budget>,
        most_unknown: usize,
        patience: Duration,
        unknown: Amount,
    ) -> Arc<Self> {
        Arc::new(Self { known, most_unknown, patience, table: Mutex::default(), unknown })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection, of which nothing is known but where it comes from.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Slot {
        let address = network(peer);
        let mut table = self.table();
        while table.unknown_count >= self.most_unknown && table.close_oldest_unknown() {
            self.unknown.refuse();
        }
        let number = table.next;
        table.next += 1;
        let close = Arc::new(Notify::new());
        table.open.insert(number, Open { close: Arc::clone(&close), held: None });
        table.unknown.entry(address).or_default().insert(number);
        table.unknown_count += 1;
        self.show(&table);
        drop(table);
        Slot { slots: Arc::clone(self), number, address, close }
    }

    /// Makes room where the machine has none.
    pub(super) fn make_room(&self) {
        self.table().close_oldest_unknown();
        self.unknown.refuse();
    }

    /// Closes what belongs to those of whom something is so.
    pub(super) fn close(&self, is_so: impl Fn(&Who) -> bool) {
        for open in self.table().open.values() {
            if open.held.as_ref().is_some_and(|held| is_so(held.who())) {
                open.close.notify_one();
            }
        }
    }

    /// Whether it is known whose connection it is.
    fn is_known(&self, number: u64) -> bool {
        self.table().open.get(&number).is_some_and(|open| open.held.is_some())
    }

    fn show(&self, table: &Table) {
        self.unknown.hold(u64::try_from(table.unknown_count).unwrap_or(u64::MAX));
    }
}

impl Slot {
    /// Notes whose connection it is.
    pub(super) fn identify(&self, who: &Who) -> Result<(), Exhausted> {
        let mut table = self.slots.table();
        let Some(open) = table.open.get_mut(&self.number) else { return Ok(()) };
        if open.held.as_ref().is_some_and(|held| held.who() == who) {
            return Ok(());
        }
        open.held = Some(self.slots.known.take(who, 1)?);
        table.forget_unknown(self.number, self.address);
        self.slots.show(&table);
        Ok(())
    }

    /// It is not known any more whose connection it is, and has as little time as a new one to say so.
    pub(super) fn forget(&self) {
        let mut table = self.slots.table();
        let Some(open) = table.open.get_mut(&self.number) else { return };
        if open.held.take().is_none() {
            return;
        }
        table.unknown.entry(self.address).or_default().insert(self.number);
        table.unknown_count += 1;
        self.slots.show(&table);
    }

    /// Whether it is known to be somebody's.
    pub(super) fn is_of(&self, who: &Who) -> bool {
        let table = self.slots.table();
        let held = table.open.get(&self.number).and_then(|open| open.held.as_ref());
        held.is_some_and(|held| held.who() == who)
    }

    /// Comes when it is to be closed.
    pub(super) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let (slots, close, number) =
            (Arc::clone(&self.slots), Arc::clone(&self.close), self.number);
        async move {
            let unknown_for_too_long = async {
                loop {
                    tokio::time::sleep(slots.patience).await;
                    if !slots.is_known(number) {
                        return;
                    }
                }
            };
            tokio::select! {
                () = close.notified() => {}
                () = unknown_for_too_long => {}
            }
        }
    }

    /// Where it comes from: an address, or a network that one customer of a provider has.
    pub(super) fn network(&self) -> IpAddr {
        self.address
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.slots.table();
        let open = table.open.remove(&self.number);
        table.forget_unknown(self.number, self.address);
        self.slots.show(&table);
        drop(table);
        drop(open);
    }
}

/// An address, or the network of 64 bits that an IPv6 address is of: one machine has all of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) if address.is_loopback() => IpAddr::V6(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests;
