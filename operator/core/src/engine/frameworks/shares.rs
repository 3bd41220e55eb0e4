//! How much frameworks may be offered while jobs wait.
//!
//! A framework wants everything, for as long as it takes to answer; a job knows what it wants. So
//! while there are jobs that want more than they get, offers to a framework stay within its *fair
//! share*: what it would hold if everything that is free or offered were given out in small pieces, in
//! the same order as in a round, to jobs up to what they want and to frameworks without end. Nodes do
//! not matter in that.

use std::collections::BTreeMap;

use crate::allocator::{Choice, Claim, Order, Placement, pour};
use crate::engine::Engine;
use crate::explain::Rejection;
use crate::frameworks::{ClientId, RescindReason};
use crate::jobs::Milliseconds;
use crate::nodes::Reach;
use crate::resources::Resources;
use crate::share::shared_kinds;

/// The least number of pieces that the cluster is divided into.
const PIECES: usize = 64;

/// What offers to each framework in each of its pools may hold, while jobs wait.
#[derive(Debug)]
pub(in crate::engine) struct FairShares {
    pub(in crate::engine) of_client: BTreeMap<ClientId, Resources>,
    /// How exact these are.
    piece: Resources,
}

impl Engine {
    /// The fair shares of frameworks; `None` if no job wants anything.
    pub(in crate::engine) fn fair_shares(&mut self, now: Milliseconds) -> Option<FairShares> {
        if self.wanting.is_empty() || self.state.frameworks.clients.iter().next().is_none() {
            return None;
        }
        let (jobs, mut claims) = self.claims(now);
        let total = *self.state.nodes.total();
        let shared = shared_kinds(&self.state.kinds, &self.settings.shared_resources);
        let (mut pools, mut free) = (self.state.pools.clone(), *self.state.nodes.free_sum());
        let takers: Vec<(ClientId, u64)> = self.takers();
        let pieces = (PIECES + 2 * takers.len()).next_power_of_two();
        let divisor = i64::try_from(pieces).unwrap_or(i64::MAX);
        let mut piece = Resources::NONE;
        for &kind in &shared {
            piece[kind] = total[kind] / divisor;
        }
        for (_, client) in self.state.frameworks.clients.iter() {
            if !client.counted.is_none() {
                pools.release(client.pool(), &client.counted);
                free = free.plus(&client.counted);
            }
        }
        let first = claims.len();
        for &(id, sequence) in &takers {
            let Some(client) = self.state.frameworks.clients.get(id) else { continue };
            claims.push(Claim {
                pool: client.pool(),
                priority: 0,
                sequence,
                held: client.held.minus(&client.counted),
                allocations: client.allocations,
                request: piece,
                reach: Reach::default(),
                unplaced: 0,
                choice: Choice::default(),
                wanted: u32::MAX,
                gang: false,
                placement: Placement::default(),
                on_nodes: BTreeMap::new(),
                client: None,
            });
        }
        let order = Order { fairness: self.settings.fairness, shared: &shared };
        let given = pour(&self.state.nodes, &pools, order, &mut claims, free);
        for (id, claim) in jobs.into_iter().zip(&mut claims) {
            if let Some(job) = self.state.jobs.get_mut(id) {
                job.on_nodes = std::mem::take(&mut claim.on_nodes);
                job.locality.nodes = std::mem::take(&mut claim.choice.preferred);
            }
        }
        let of_client = takers.iter().zip(&given[first..]).map(|(&(id, _), &count)| {
            let mut share = Resources::NONE;
            for (kind, amount) in total.iter() {
                let part = i128::from(amount) * i128::from(count) / i128::from(divisor);
                let part = i64::try_from(part).unwrap_or(i64::MAX);
                // Of what is not divided into pieces, such as GPUs, whole things are given.
                let rounded = shared.contains(&kind) || part >= amount || count == 0;
                share[kind] = if rounded { part } else { part + 1 };
            }
            (id, share)
        });
        Some(FairShares { of_client: of_client.collect(), piece })
    }

    /// Whether there are jobs that would take what frameworks are offered.
    pub(in crate::engine) fn jobs_wait(&self) -> bool {
        fn scarce(rejection: &Rejection) -> bool {
            match rejection {
                Rejection::NoNodeFree { .. }
                | Rejection::NoNodeHasAllFree
                | Rejection::Headroom { .. }
                | Rejection::Draining { .. } => true,
                Rejection::Gang { cause, .. } => scarce(cause),
                _ => false,
            }
        }
        let waiting = |job: &crate::jobs::Job| job.waiting.as_ref().is_some_and(scarce);
        self.wanting.iter().any(|&id| self.state.jobs.get(id).is_some_and(waiting))
    }

    /// Takes back what frameworks are offered beyond their fair shares, the newest offers first. Says
    /// whether there was any.
    pub(in crate::engine) fn rescind_beyond(
        &mut self,
        now: Milliseconds,
        shares: &FairShares,
    ) -> bool {
        let mut any = false;
        let holders: Vec<ClientId> = self
            .state
            .frameworks
            .clients
            .iter()
            .filter(|(_, client)| !client.counted.is_none())
            .map(|(id, _)| id)
            .collect();
        for id in holders {
            let share = shares.of_client.get(&id).copied().unwrap_or(Resources::NONE);
            // What is a little beyond is left alone, or offers would come and go.
            let most = share.plus(&shares.piece);
            loop {
                let frameworks = &self.state.frameworks;
                let client = frameworks.clients.get(id);
                let beyond = client.filter(|client| !client.counted.fits_in(&most));
                let mut newest_first =
                    beyond.into_iter().flat_map(|client| client.offers.iter().rev());
                let counts = |id: &&crate::frameworks::OfferId| {
                    frameworks.offers.get(id).is_some_and(|offer| !offer.unreserved.is_none())
                };
                let Some(&offer) = newest_first.find(counts) else { break };
                self.rescind(now, offer, RescindReason::FairShare);
                any = true;
            }
        }
        any
    }

    /// The clients that have offers or may be offered something, with their sequence numbers.
    fn takers(&self) -> Vec<(ClientId, u64)> {
        let frameworks = &self.state.frameworks;
        let mut takers = Vec::new();
        for (sequence, framework) in (super::FIRST_SEQUENCE..).zip(frameworks.by_key.values()) {
            let framework = frameworks.by_id.get(*framework);
            let connected = framework.filter(|framework| framework.connected());
            for (&pool, &id) in connected.into_iter().flat_map(|framework| &framework.clients) {
                let Some(client) = frameworks.clients.get(id) else { continue };
                let declared = self.state.pools.get(pool).is_some_and(|pool| pool.declared);
                let open = client.subscribed && !client.suppressed && frameworks.may_be_offered(id);
                if declared && (open || !client.counted.is_none()) {
                    takers.push((id, sequence));
                }
            }
        }
        takers
    }
}
