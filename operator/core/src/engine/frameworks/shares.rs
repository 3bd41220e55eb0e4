//! How much frameworks may be offered while jobs wait.
//!
//! A framework wants everything, for as long as it takes to answer; a job knows what it wants. So
//! while there are jobs that want more than they get, offers to a framework stay within its *fair
//! share*: what it would hold if everything that is free or offered were given out in small pieces, in
//! the same order as in a round, to jobs up to what they want and to frameworks without end. Nodes do
//! not matter in that, and neither does how often somebody was given something: fair shares depend on
//! what is held for good alone, so that offers do not come and go because of offers.

use std::collections::{BTreeMap, BTreeSet};

use crate::allocator::{Choice, Claim, Order, pour};
use crate::engine::Engine;
use crate::frameworks::{Client, RescindReason};
use crate::ids::{ClientId, JobId, PoolId};
use crate::nodes::Reach;
use crate::policy::Placement;
use crate::resources::Resources;
use crate::time::Time;

/// The least number of pieces that the cluster is divided into.
const PIECES: usize = 64;

/// What offers to each framework in each of its pools may hold, while jobs wait.
#[derive(Debug)]
pub(in crate::engine) struct FairShares {
    pub(in crate::engine) of_client: BTreeMap<ClientId, Resources>,
    /// The jobs that would be given more.
    short: BTreeSet<JobId>,
    /// How exact these are.
    piece: Resources,
}

impl Engine {
    /// The fair shares of frameworks; `None` if no job wants anything.
    pub(in crate::engine) fn fair_shares(&mut self, now: Time) -> Option<FairShares> {
        if !self.queue.is_anything_wanted() || self.state.frameworks.clients.iter().next().is_none()
        {
            return None;
        }
        let (jobs, mut claims) = self.claims(now, None);
        let total = *self.state.nodes.total();
        let mut pools = self.state.pools.clone();
        let (free, idle) = self.without_offers();
        pools.forget_allocations();
        claims.iter_mut().for_each(|claim| claim.allocations = 0);
        let takers: Vec<(ClientId, u64)> = self.takers();
        let pieces = (PIECES + 2 * takers.len()).next_power_of_two();
        let divisor = i64::try_from(pieces).unwrap_or(i64::MAX);
        let mut piece = Resources::NONE;
        for &kind in &self.shared {
            piece[kind] = total[kind] / divisor;
        }
        for (_, client) in self.state.frameworks.clients.iter() {
            if !client.offers.is_empty() {
                pools.release(client.pool(), &client.offered);
            }
        }
        let first = claims.len();
        for &(id, sequence) in &takers {
            let Some(client) = self.state.frameworks.clients.get(id) else { continue };
            let wanted = self.pieces_wanted(client, &piece);
            claims.push(Claim {
                pool: client.pool(),
                priority: 0,
                sequence,
                held: client.held.minus(&client.offered),
                allocations: 0,
                request: piece,
                reach: Reach::default(),
                unplaced: 0,
                choice: Choice::default(),
                wanted,
                gang: false,
                placement: Placement::default(),
                on_nodes: BTreeMap::new(),
                client: None,
            });
        }
        let order = Order { fairness: self.settings.fairness, shared: &self.shared };
        let given = pour(&self.state.nodes, &pools, order, &mut claims, free, &idle);
        let mut short = BTreeSet::new();
        for ((id, claim), &count) in jobs.into_iter().zip(&mut claims).zip(&given) {
            if count > 0 {
                short.insert(id);
            }
            if let Some(job) = self.state.jobs.get_mut(id) {
                job.fleet.take_counts_back(std::mem::take(&mut claim.on_nodes));
                job.choice.take_preferred_back(std::mem::take(&mut claim.choice.preferred));
            }
        }
        let of_client = takers.iter().zip(&given[first..]).map(|(&(id, _), &count)| {
            let mut share = Resources::NONE;
            for (kind, amount) in total.iter() {
                let part = i128::from(amount) * i128::from(count) / i128::from(divisor);
                let part = i64::try_from(part).unwrap_or(i64::MAX);
                // Of what is not divided into pieces, such as GPUs, whole things are given.
                let rounded = self.shared.contains(&kind) || part >= amount || count == 0;
                share[kind] = if rounded { part } else { part + 1 };
            }
            (id, share)
        });
        Some(FairShares { of_client: of_client.collect(), short, piece })
    }

    /// How many pieces a framework can make use of beyond what its tasks hold.
    fn pieces_wanted(&self, client: &Client, piece: &Resources) -> u32 {
        let framework = self.state.frameworks.by_id.get(client.framework);
        let demand = framework.and_then(|framework| framework.observed.as_ref()?.demand.as_ref());
        let (Some(demand), Some(slice)) = (demand, &client.slice) else { return u32::MAX };
        let tasks = framework.map_or(0, |framework| framework.tasks.len());
        let executors = i64::from(demand.executors) - i64::try_from(tasks).unwrap_or(i64::MAX);
        let pieces = piece.iter().filter(|(_, amount)| *amount > 0).map(|(kind, amount)| {
            slice[kind].saturating_mul(executors.max(0)).saturating_add(amount - 1) / amount
        });
        u32::try_from(pieces.max().unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// What would be free, and what of reservations nobody would use, if all offers came back.
    fn without_offers(&self) -> (Resources, BTreeMap<PoolId, Resources>) {
        let frameworks = &self.state.frameworks;
        let mut free = *self.state.nodes.free_sum();
        let mut idle = self.state.nodes.kept().clone();
        for node in frameworks.offered_nodes() {
            let offers = frameworks.offers_on(node).filter_map(|id| {
                let offer = frameworks.offers.get(&id)?;
                Some((&*frameworks.clients.get(offer.client)?.path, &offer.amount))
            });
            let Some((more, more_idle)) = self.state.nodes.without(node, offers) else { continue };
            free = free.plus(&more);
            for (pool, amount) in more_idle {
                let sum = idle.entry(pool).or_default();
                *sum = sum.plus(&amount);
            }
        }
        (free, idle)
    }

    /// Whether there are jobs that wait for what frameworks are offered: that would be given more if
    /// offers came back, and are not. It does not matter why, for offers use up limits, too.
    pub(in crate::engine) fn jobs_wait(&self, shares: &FairShares) -> bool {
        shares.short.iter().any(|id| {
            self.queue.wants(*id)
                && self.state.jobs.get(*id).is_some_and(|job| job.waiting.reason().is_some())
        })
    }

    /// Takes back what frameworks are offered beyond their fair shares, the newest offers first. Says
    /// whether there was any.
    pub(in crate::engine) fn rescind_beyond(&mut self, now: Time, shares: &FairShares) -> bool {
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
                let counts = |id: &&crate::ids::OfferId| {
                    frameworks.offers.get(id).is_some_and(|offer| !offer.unreserved.is_none())
                };
                let Some(&offer) = newest_first.find(counts) else { break };
                self.rescind(now, offer, RescindReason::FairShare);
                any = true;
            }
        }
        any
    }

    /// The clients that have offers or would take some, with their sequence numbers.
    fn takers(&self) -> Vec<(ClientId, u64)> {
        let frameworks = &self.state.frameworks;
        let mut takers = Vec::new();
        for (sequence, framework) in (super::FIRST_SEQUENCE..).zip(frameworks.by_key.values()) {
            let framework = frameworks.by_id.get(*framework);
            let connected = framework.filter(|framework| framework.connected());
            for (&pool, &id) in connected.into_iter().flat_map(|framework| &framework.clients) {
                let Some(client) = frameworks.clients.get(id) else { continue };
                let declared = self.state.pools.get(pool).is_some_and(|pool| pool.declared);
                let open = client.subscribed && !client.suppressed && frameworks.may_want(id);
                if declared && (open || !client.counted.is_none()) {
                    takers.push((id, sequence));
                }
            }
        }
        takers
    }
}
