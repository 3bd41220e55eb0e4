//! The search for room: which nodes and victims are looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::allocator::times;
use crate::ids::{ExecutorId, JobId, NodeId, PoolId};
use crate::nodes::Reach;
use crate::policy::{ReclaimDefaults, ReclaimPolicy};
use crate::pools::Pool;
use crate::resources::{Kind, Resources};
use crate::share::Share;
use crate::state::State;
use crate::time::{Lasting, Span, Time};

/// How many nodes are compared for an executor before the best of them is taken.
const CANDIDATE_NODES: usize = 32;

/// How many executors of others are passed in the search for these nodes.
const EXECUTORS_PASSED: usize = 2048;

/// A job that wants room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) job: JobId,
    pub(crate) pool: PoolId,
    pub(crate) priority: i32,
    /// What one executor needs.
    pub(crate) request: Resources,
    /// How many executors have to be placed at once.
    pub(crate) count: u32,
    /// The rules of its pool.
    pub(crate) rules: ReclaimDefaults,
    /// Whether it may take from jobs of its own pool.
    pub(crate) within_pool: bool,
    /// Which nodes it may use.
    pub(crate) reach: Reach,
}

/// By which rule room is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entitlement {
    /// A pool stays within its guarantee.
    Guarantee,
    /// A pool stays within its share.
    Share,
}

/// Room on a node for one executor, once some are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) node: NodeId,
    pub(crate) victims: Vec<ExecutorId>,
}

/// Where two pools part: a pool, or the jobs that a pool has beside its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Branch {
    pub(super) pool: PoolId,
    pub(super) own: bool,
}

/// The state, and what a claim that is being served would change about it.
pub(crate) struct Search<'a> {
    pub(super) state: &'a State,
    pub(super) shared: &'a [Kind],
    pub(super) now: Time,
    /// The number of changes from outside so far.
    pub(super) changes: u64,
    /// Whether some pool is guaranteed something, so that what is free may be kept for it.
    pub(super) guarantees: bool,
    /// The nodes that the job declines.
    declined: BTreeSet<NodeId>,
    /// What has to be left under the limits above the claim, for the guarantees of others there.
    pub(super) kept: BTreeMap<PoolId, Resources>,
    pub(super) taken: BTreeSet<ExecutorId>,
    /// What pools lose.
    pub(super) pool_loss: BTreeMap<Branch, Resources>,
    pub(super) job_loss: BTreeMap<JobId, Resources>,
    /// What is gained on nodes: by victims, less what the claim's other executors take.
    pub(super) room: BTreeMap<NodeId, Resources>,
    /// What victims give up on nodes, less what the claim's other executors take.
    pub(super) freed: BTreeMap<NodeId, Resources>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        state: &'a State,
        shared: &'a [Kind],
        now: Time,
        changes: u64,
        guarantees: bool,
    ) -> Self {
        Self {
            state,
            shared,
            now,
            changes,
            guarantees,
            declined: BTreeSet::new(),
            kept: BTreeMap::new(),
            taken: BTreeSet::new(),
            pool_loss: BTreeMap::new(),
            job_loss: BTreeMap::new(),
            room: BTreeMap::new(),
            freed: BTreeMap::new(),
        }
    }

    /// Leaves out nodes that the job declines.
    pub(crate) fn declining(self, declined: BTreeSet<NodeId>) -> Self {
        Self { declined, ..self }
    }

    /// Leaves so much under limits. No victim's pool goes below its guarantee, so that this stays as it
    /// is whoever goes.
    pub(crate) fn keeping(self, kept: BTreeMap<PoolId, Resources>) -> Self {
        Self { kept, ..self }
    }

    /// Room for all executors of a claim, with the least work lost of what was looked at; `None` if
    /// there is none that it may have.
    pub(crate) fn find(&mut self, ask: &Ask) -> Option<(Entitlement, Vec<Placement>)> {
        for entitlement in [Entitlement::Guarantee, Entitlement::Share] {
            if !self.may_have(ask, entitlement) {
                continue;
            }
            let mut placements = Vec::new();
            while placements.len() < ask.count as usize {
                match self.place_one(ask, entitlement) {
                    Some(placement) => placements.push(placement),
                    None => break,
                }
            }
            let complete = placements.len() == ask.count as usize;
            self.taken.clear();
            self.pool_loss.clear();
            self.job_loss.clear();
            self.room.clear();
            self.freed.clear();
            if complete {
                return Some((entitlement, placements));
            }
        }
        None
    }

    /// Whether a claim may have anything at all by a rule.
    fn may_have(&self, ask: &Ask, entitlement: Entitlement) -> bool {
        match entitlement {
            Entitlement::Guarantee => {
                ask.rules.policy >= ReclaimPolicy::Guarantee
                    && self.path(ask.pool).into_iter().any(|pool| self.within_guarantee(ask, pool))
            }
            Entitlement::Share => ask.rules.policy == ReclaimPolicy::FairShare,
        }
    }

    /// Takes room for one executor on the best of some nodes.
    fn place_one(&mut self, ask: &Ask, entitlement: Entitlement) -> Option<Placement> {
        let mut best: Option<(super::victims::Cost, Placement)> = None;
        for node in self.candidates(ask, entitlement) {
            let Some((cost, victims)) = self.cheapest_victims(ask, entitlement, node) else {
                continue;
            };
            let costs_least = cost.1 == Span::ZERO && cost.2 <= 1;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, Placement { node, victims }));
            }
            if costs_least {
                break;
            }
        }
        let (_, placement) = best?;
        self.take(&placement.victims);
        let less = Resources::NONE.minus(&ask.request);
        add(self.room.entry(placement.node).or_default(), &less);
        add(self.freed.entry(placement.node).or_default(), &less);
        Some(placement)
    }

    /// The nodes to look at: where something is on its way out already, then where the pools that
    /// hold most by weight have executors.
    fn candidates(&self, ask: &Ask, entitlement: Entitlement) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        let mut seen = BTreeSet::new();
        let all = &self.state.nodes;
        let mut note = |id: NodeId| {
            let suits = !self.declined.contains(&id)
                && all.get(id).is_some_and(|node| {
                    node.is_open()
                        && covers(node.usable(), &ask.request)
                        && all.is_in_reach(node, ask.reach)
                });
            if suits && seen.insert(id) {
                nodes.push(id);
            }
            nodes.len() >= CANDIDATE_NODES
        };
        let leaving = self.state.executors_leaving.iter().take(EXECUTORS_PASSED);
        for executor in leaving.filter_map(|&id| self.state.executors.get(id)) {
            if executor.node.is_some_and(&mut note) {
                return nodes;
            }
        }
        let mut passed = 0;
        for pool in self.pools_to_take_from(ask, entitlement) {
            for &id in self.state.of_pool.get(&pool).into_iter().flatten() {
                passed += 1;
                let Some(executor) = self.state.executors.get(id) else { continue };
                if passed > EXECUTORS_PASSED || executor.node.is_some_and(&mut note) {
                    return nodes;
                }
            }
        }
        nodes
    }

    /// The pools whose own jobs may lose something, those that hold most by weight first and the
    /// claim's own pool last.
    fn pools_to_take_from(&self, ask: &Ask, entitlement: Entitlement) -> Vec<PoolId> {
        let mut pools: Vec<_> = self
            .state
            .of_pool
            .keys()
            .filter_map(|&pool| {
                if pool == ask.pool {
                    let may = entitlement == Entitlement::Share && ask.within_pool;
                    return may.then_some((true, Share::ZERO, pool));
                }
                if !self.may_lose(ask, entitlement, pool) {
                    return None;
                }
                let (_, branch) = self.parting(ask.pool, pool);
                Some((false, self.weighted_share(branch, &Resources::NONE), pool))
            })
            .collect();
        pools.sort_unstable_by_key(|&(own, share, pool)| (own, std::cmp::Reverse(share), pool));
        pools.into_iter().map(|(_, _, pool)| pool).collect()
    }

    /// A pool and all above it, the pool first.
    pub(super) fn path(&self, pool: PoolId) -> Vec<PoolId> {
        self.state.pools.path(pool)
    }

    pub(super) fn pool(&self, pool: PoolId) -> Option<&'a Pool> {
        self.state.pools.get(pool)
    }

    /// The branches in which two different pools are below the lowest pool above both.
    pub(super) fn parting(&self, left: PoolId, right: PoolId) -> (Branch, Branch) {
        let (mut left_path, mut right_path) = (self.path(left), self.path(right));
        let mut common = left;
        while let (Some(left), Some(right)) = (left_path.last(), right_path.last())
            && left == right
        {
            common = *left;
            left_path.pop();
            right_path.pop();
        }
        let branch = |path: &[PoolId]| match path.last() {
            Some(&pool) => Branch { pool, own: false },
            None => Branch { pool: common, own: true },
        };
        (branch(&left_path), branch(&right_path))
    }

    /// What a branch will hold after what it loses.
    pub(super) fn held(&self, branch: Branch) -> Resources {
        let held = self.pool(branch.pool).map_or(Resources::NONE, |pool| {
            if branch.own {
                pool.own_held.plus(&pool.own_pending)
            } else {
                pool.held.plus(&pool.pending)
            }
        });
        self.pool_loss.get(&branch).map_or(held, |loss| held.minus(loss))
    }

    pub(super) fn weight(&self, branch: Branch) -> u32 {
        if branch.own {
            1000
        } else {
            self.pool(branch.pool).map_or(0, |pool| pool.settings.weight)
        }
    }

    /// The share of a branch over its weight when it gains something; infinite for a weight of 0.
    pub(super) fn weighted_share(&self, branch: Branch, gain: &Resources) -> Share {
        let held = self.held(branch).plus(gain);
        Share::dominant(&held, self.state.nodes.total(), self.shared).weighted(self.weight(branch))
    }

    /// Whether a pool on the claim's path waits below its guarantee for long enough, and is within it
    /// when it has what the claim asks for.
    pub(super) fn within_guarantee(&self, ask: &Ask, pool: PoolId) -> bool {
        let Some(settings) = self.pool(pool) else { return false };
        let ripe = self.is_ripe(ask, settings.below_guarantee);
        ripe && fits_guarantee(
            &settings.settings.guarantee,
            &self.held(Branch { pool, own: false }),
            &ask.request,
            ask.count,
        )
    }

    pub(super) fn is_ripe(&self, ask: &Ask, since: Lasting) -> bool {
        since.is_ripe(self.now, ask.rules.grace_milliseconds)
    }

    /// All that the claim gains.
    pub(super) fn gain(ask: &Ask) -> Resources {
        times(&ask.request, ask.count)
    }
}

/// Whether a pool that holds `held` is within its guarantee with `count` executors more, and these
/// are of something that is guaranteed.
pub(crate) fn fits_guarantee(
    guarantee: &Resources,
    held: &Resources,
    request: &Resources,
    count: u32,
) -> bool {
    let after = held.plus(&times(request, count));
    let mut asks_for_some = false;
    for (kind, amount) in guarantee.iter() {
        asks_for_some |= request[kind] > 0;
        if request[kind] > 0 && after[kind] > amount {
            return false;
        }
    }
    asks_for_some
}

/// Whether there is as much of what is requested.
pub(super) fn covers(room: &Resources, request: &Resources) -> bool {
    request.iter().all(|(kind, amount)| amount <= room[kind])
}

pub(super) fn add(sum: &mut Resources, amount: &Resources) {
    *sum = sum.plus(amount);
}
