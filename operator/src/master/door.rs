//! The door: by which name the master is called, who it is that asks, and whether there is room for them.
//! Nothing of a request but its head is looked at before that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::Semaphore;

use super::access::{Access, Denied, Rights, Shown};
use super::budgets::{Bounds, Budget, Exhausted, Held, Who};
use super::guesses::{Guesses, Source, Turn};
use super::hosts::Hosts;
use super::server::Peer;
use super::slots::Slots;
use crate::web::{Amount, Port};

/// How many connections and requests are little.
const LITTLE: u64 = 16;

/// How many answers are few.
const LITTLE_ANSWERS: u64 = 2;

/// How much of the bytes of bodies is little: some usual calls.
const LITTLE_BYTES: u64 = 1 << 20;

/// How many executors' tokens are looked up at once. Others wait, so that those who are known find room in
/// the queue of the master.
const TOKENS_AT_ONCE: usize = 16;

/// How many connections, requests and bytes there may be at once.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    /// Connections of those who are known.
    pub(crate) connections: u32,
    /// Those of each of them.
    pub(crate) connections_each: u32,
    /// Those of the executors of each.
    pub(crate) connections_of_executors: u32,
    /// Connections of those who have not said who they are.
    pub(crate) unknown_connections: u32,
    /// How long one may stay so, in seconds.
    pub(crate) unknown_seconds: u32,
    /// Requests that are not answered yet.
    pub(crate) requests: u32,
    /// Those of each who asks.
    pub(crate) requests_each: u32,
    /// Answers that are on their way to those who read.
    pub(crate) answers: u32,
    /// Those of each who reads.
    pub(crate) answers_each: u32,
    /// Bodies of requests, in MiB; each byte counts 16 times, for what it may become.
    pub(crate) body_mebibytes: u32,
    /// Those of each who asks.
    pub(crate) body_mebibytes_each: u32,
}

impl Traffic {
    /// As many connections as a process with so many files can have.
    fn with_files(self, files: u64) -> Self {
        let files = u32::try_from(files).unwrap_or(u32::MAX);
        // A quarter is for everything else, as files of sandboxes and connections to others.
        let most = files - files / 4;
        let unknown_connections = self.unknown_connections.min(most / 4).max(1);
        let connections = self.connections.min(most - most / 4).max(1);
        if connections < self.connections {
            tracing::warn!(
                "the process may have {files} files, so the Mesos API has {connections} connections at most, \
                 and not {}",
                self.connections
            );
        }
        // Where there are fewer, nobody has a larger part of them.
        let part = |each: u32| {
            let part =
                u64::from(each) * u64::from(connections) / u64::from(self.connections.max(1));
            u32::try_from(part).unwrap_or(u32::MAX).max(1)
        };
        let connections_each = part(self.connections_each);
        let connections_of_executors = part(self.connections_of_executors);
        Self {
            connections,
            connections_each,
            connections_of_executors,
            unknown_connections,
            ..self
        }
    }
}

/// Has the process have as many files as it may, for each connection takes one. Says how many these are.
fn all_files() -> u64 {
    // Few are allowed at first.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// What there is for all.
pub(super) struct Door {
    pub(super) access: Arc<Access>,
    pub(super) hosts: Hosts,
    pub(super) slots: Arc<Slots>,
    pub(super) body_bytes: Arc<Budget>,
    pub(super) answers: Arc<Budget>,
    /// Who may look up a token.
    pub(super) tokens: Semaphore,
    pub(super) port: Port,
    requests: Arc<Budget>,
    guesses: Guesses,
}

/// Somebody who was let in, until the request is answered.
pub(super) struct Guest {
    pub(super) principal: Option<Arc<str>>,
    pub(super) who: Who,
    _request: Held,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may not say anything, or not now.
    Denied(Denied),
    /// A wrong secret was shown before, so this one is not looked at yet.
    Slowed(Duration),
    /// There are too many connections.
    Connections(Exhausted),
    /// There are too many connections of executors.
    ConnectionsOfExecutors(Exhausted),
    /// There are too many requests at once.
    Requests(Exhausted),
}

impl Door {
    /// A door with room for so many, which shows what it carries.
    pub(super) fn new(access: Arc<Access>, hosts: Hosts, traffic: Traffic, port: Port) -> Self {
        let traffic = traffic.with_files(all_files());
        let budget = |most: u64, most_each: u64, little: u64, amount: &Amount| {
            let bounds = Bounds { most, most_each, most_executors: most_each, little };
            Budget::new(bounds, amount.clone())
        };
        let Traffic { requests, requests_each, .. } = traffic;
        let (most, each) = (traffic.answers.into(), traffic.answers_each.into());
        let answers = budget(most, each, LITTLE_ANSWERS, &port.answers);
        let bounds = Bounds {
            most: traffic.connections.into(),
            most_each: traffic.connections_each.into(),
            most_executors: traffic.connections_of_executors.into(),
            little: LITTLE,
        };
        let known = Budget::new(bounds, port.known_connections.clone());
        let requests = budget(requests.into(), requests_each.into(), LITTLE, &port.requests);
        let bytes = |mebibytes: u32| u64::from(mebibytes) << 20;
        let most_bytes = bytes(traffic.body_mebibytes);
        let most_bytes_each = bytes(traffic.body_mebibytes_each);
        let body_bytes = budget(most_bytes, most_bytes_each, LITTLE_BYTES, &port.body_bytes);
        let most_unknown = usize::try_from(traffic.unknown_connections).unwrap_or(usize::MAX);
        let patience = Duration::from_secs(traffic.unknown_seconds.into());
        let slots = Slots::new(known, most_unknown, patience, port.unknown_connections.clone());
        let tokens = Semaphore::new(TOKENS_AT_ONCE);
        let guesses = Guesses::default();
        Self { access, hosts, slots, body_bytes, answers, tokens, port, requests, guesses }
    }

    /// What somebody sees.
    pub(super) fn rights(&self, guest: &Guest) -> Arc<Rights> {
        self.access.rights(guest.principal.as_deref())
    }

    /// Lets in a request of somebody who says who they are, if they have to.
    pub(super) async fn admit(&self, peer: &Peer, headers: &HeaderMap) -> Result<Guest, Refusal> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let shown = Shown::of(header);
        let principal = self.authenticate(peer, &shown).await?;
        if let Some(principal) = &principal {
            self.access.take_call(principal, Instant::now()).map_err(Refusal::Denied)?;
        }
        let who = match &principal {
            Some(principal) => Who::Principal(principal.clone()),
            None if self.access.is_for_anybody() => Who::Address(peer.slot.network()),
            None => Who::SameUser,
        };
        self.seat(peer, who, principal).await
    }

    /// Gives somebody who is known a place, for the connection and for a request.
    pub(super) async fn seat(
        &self,
        peer: &Peer,
        who: Who,
        principal: Option<Arc<str>>,
    ) -> Result<Guest, Refusal> {
        let refusal = match who {
            Who::Executors(_) => Refusal::ConnectionsOfExecutors,
            Who::SameUser | Who::Principal(_) | Who::Address(_) => Refusal::Connections,
        };
        peer.slot.identify(&who).map_err(refusal)?;
        let request = self.requests.take_soon(&who, 1).await.map_err(Refusal::Requests)?;
        Ok(Guest { principal, who, _request: request })
    }

    async fn authenticate(&self, peer: &Peer, shown: &Shown) -> Result<Option<Arc<str>>, Refusal> {
        let claimed = self.access.claimed(shown);
        let is_nobodys = matches!(shown, Shown::Nothing);
        if peer.is_same_user || self.access.is_for_anybody() || is_nobodys {
            return self.look(peer, shown);
        }
        let is_of = |name: &Arc<str>| peer.slot.is_of(&Who::Principal(name.clone()));
        let is_own = claimed.as_ref().is_some_and(is_of);
        let source = (peer.slot.network(), claimed);
        if !is_own {
            self.wait_for_turn(&source).await?;
        }
        let looked = self.look(peer, shown);
        match &looked {
            // It says nothing of others who guess from the same address.
            Ok(_) if is_own => {}
            Ok(_) => self.guesses.right(&source),
            Err(Refusal::Denied(Denied::WrongSecret | Denied::WrongToken)) => {
                // A proxy has requests of several on one connection, and what one of them has shown is
                // no reason not to slow another.
                peer.slot.forget();
                self.note_wrong(&source);
            }
            Err(_) => {}
        }
        looked
    }

    /// Waits until a secret from somewhere is looked at.
    async fn wait_for_turn(&self, source: &Source) -> Result<(), Refusal> {
        match self.guesses.turn(Instant::now(), source) {
            Turn::In(wait) if wait.is_zero() => {}
            Turn::In(wait) => tokio::time::sleep(wait).await,
            Turn::Later(wait) => {
                self.port.slowed_requests.inc();
                return Err(Refusal::Slowed(wait));
            }
        }
        Ok(())
    }

    fn note_wrong(&self, source: &Source) {
        if let Some(report) = self.guesses.wrong(Instant::now(), source) {
            let (count, (address, name)) = (report.count, source);
            let name = name.as_deref().unwrap_or("nobody who is known");
            tracing::warn!(
                "{count} wrong secrets were shown to the Mesos API, the last one from {address} for {name}"
            );
        }
    }

    fn look(&self, peer: &Peer, shown: &Shown) -> Result<Option<Arc<str>>, Refusal> {
        self.access.principal(shown, peer.is_same_user).map_err(|denied| {
            if matches!(denied, Denied::WrongSecret | Denied::WrongToken) {
                self.port.wrong_secrets.inc();
            }
            Refusal::Denied(denied)
        })
    }
}

#[cfg(test)]
mod tests;
