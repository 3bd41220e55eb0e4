//! Amounts that many share: connections, requests, and bytes that are held for them.
//!
//! Nobody holds more than a part of an amount, and the last tenth of it is for those who hold little: who
//! asks for much finds nothing left before who asks for little does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::web::Amount;

/// How long it is waited until something is free.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who holds something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The user who runs the master.
    SameUser,
    /// A principal.
    Principal(Arc<str>),
    /// The executors of a principal's frameworks, or of a framework without one.
    Executors(Arc<str>),
    /// Whoever calls from an address, where nobody has to say who it is.
    Address(IpAddr),
}

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// In all.
    pub(super) most: u64,
    /// For each; the user who runs the master may have everything.
    pub(super) most_each: u64,
    /// For all executors of each.
    pub(super) most_executors: u64,
    /// What counts as little.
    pub(super) little: u64,
}

/// Why there is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exhausted {
    /// Who asks holds too much.
    Own,
    /// All hold too much.
    All,
}

/// An amount that is shared.
#[derive(Debug)]
pub(super) struct Budget {
    bounds: Bounds,
    holdings: Mutex<Holdings>,
    freed: Notify,
    amount: Amount,
}

#[derive(Debug, Default)]
struct Holdings {
    all: u64,
    by: BTreeMap<Who, u64>,
}

/// A part of an amount, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    who: Who,
    amount: u64,
}

impl Budget {
    /// A budget whose use is shown.
    pub(super) fn new(bounds: Bounds, amount: Amount) -> Arc<Self> {
        Arc::new(Self { bounds, holdings: Mutex::default(), freed: Notify::new(), amount })
    }

    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an amount, if it is free.
    pub(super) fn take(self: &Arc<Self>, who: &Who, amount: u64) -> Result<Held, Exhausted> {
        self.add(who, amount).inspect_err(|_| self.amount.refuse())?;
        Ok(Held { budget: Arc::clone(self), who: who.clone(), amount })
    }

    /// Takes an amount as soon as it is free, if that is soon.
    pub(super) async fn take_soon(
        self: &Arc<Self>,
        who: &Who,
        amount: u64,
    ) -> Result<Held, Exhausted> {
        let taken = timeout(PATIENCE, async {
            loop {
                // What is freed from now on is not missed.
                let freed = self.freed.notified();
                if self.add(who, amount).is_ok() {
                    return;
                }
                freed.await;
            }
        });
        match taken.await {
            Ok(()) => Ok(Held { budget: Arc::clone(self), who: who.clone(), amount }),
            Err(_) => self.take(who, amount),
        }
    }

    fn add(&self, who: &Who, amount: u64) -> Result<(), Exhausted> {
        let mut holdings = self.holdings();
        let own = holdings.by.get(who).copied().unwrap_or_default().saturating_add(amount);
        let all = holdings.all.saturating_add(amount);
        let Bounds { most, most_each, most_executors, little } = self.bounds;
        let most_own = match who {
            Who::SameUser => most,
            Who::Executors(_) => most_executors,
            Who::Principal(_) | Who::Address(_) => most_each,
        };
        if own > most_own {
            return Err(Exhausted::Own);
        }
        let kept = if own <= little { 0 } else { most / 10 };
        if all > most - kept {
            return Err(Exhausted::All);
        }
        holdings.by.insert(who.clone(), own);
        holdings.all = all;
        self.amount.hold(all);
        Ok(())
    }

    fn remove(&self, who: &Who, amount: u64) {
        let mut holdings = self.holdings();
        holdings.all = holdings.all.saturating_sub(amount);
        self.amount.hold(holdings.all);
        if let Some(own) = holdings.by.get_mut(who) {
            *own = own.saturating_sub(amount);
            if *own == 0 {
                holdings.by.remove(who);
            }
        }
        drop(holdings);
        self.freed.notify_waiters();
    }

    /// How much is held in all.
    #[cfg(test)]
    pub(super) fn held(&self) -> u64 {
        self.holdings().all
    }
}

impl Held {
    /// Takes more, if it is free.
    pub(super) fn grow(&mut self, amount: u64) -> Result<(), Exhausted> {
        self.budget.add(&self.who, amount).inspect_err(|_| self.budget.amount.refuse())?;
        self.amount = self.amount.saturating_add(amount);
        Ok(())
    }

    /// Who holds it.
    pub(super) fn who(&self) -> &Who {
        &self.who
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.remove(&self.who, self.amount);
    }
}

#[cfg(test)]
mod tests;
