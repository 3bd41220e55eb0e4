//! Head of line: what becomes free on nodes is kept for a claim that has waited too long for room, so
//! that a stream of small executors cannot starve a large one or a gang.
//!
//! Only the first claim of a pool is at the head of the line, and only if no other pool waits for
//! room that has a smaller share by weight where the two part, as that one would be served first. A
//! claim within a guarantee goes before all others: while one waits, nodes are kept for no other.
//!
//! A claim stays on its nodes until it is served, goes, or can use them no more. Executors there may
//! never end, so it moves on when it has waited there for long, each time for twice as long, and a
//! few times only.

mod places;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::books::Hold;
use crate::allocator::{Choice, Claim, Order, Tree, times};
use crate::explain::Rejection;
use crate::ids::{JobId, NodeId, PoolId};
use crate::nodes::Reach;
use crate::pools::Pool;
use crate::reclaim::fits_guarantee;
use crate::resources::Resources;
use crate::share::Share;
use crate::time::{Span, Time};
use places::per_mille;

/// A claim waits on its nodes for so many times as long as before it kept any.
const PATIENCE: u32 = 10;

/// How often a claim moves to other nodes.
const MOST_MOVES: u32 = 10;

/// A claim that waits for room, with what is compared about it.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) job: JobId,
    pub(super) pool: PoolId,
    pub(super) request: Resources,
    /// How many executors have to be placed at once.
    count: u32,
    reach: Reach,
    since: Time,
    moves: u32,
    tried: BTreeSet<NodeId>,
    /// Whether a pool above it is within its guarantee with it.
    within_guarantee: bool,
    /// Who is first in the pool.
    rank: (Reverse<i32>, Share, u64),
}

/// The pools from the top down to one, the last maybe for its own jobs, each with its share.
type Lineage = Vec<((PoolId, bool), Share)>;

impl Engine {
    /// Keeps nodes free for claims that have waited for long enough.
    pub(super) fn keep_nodes_free(&mut self, now: Time) {
        if !self.head_of_line.take_due(now) {
            return;
        }
        let Some(timeout) = self.settings.head_of_line_milliseconds else { return };
        let (first, guaranteed) = self.waiting_for_room(now);
        self.yield_to_guarantees(&guaranteed);
        let mut turns: Vec<(bool, Lineage, Waiting)> = first
            .into_values()
            .map(|claim| (!claim.within_guarantee, self.lineage(claim.pool), claim))
            .collect();
        turns.sort_by(|(left, left_line, _), (right, right_line, _)| {
            left.cmp(right).then_with(|| shares(left_line).cmp(shares(right_line)))
        });
        for (place, (_, line, claim)) in turns.iter().enumerate() {
            if self.holds.of_line().any(|(_, hold)| hold.pool() == claim.pool) {
                continue;
            }
            let ripe_at = claim.since + timeout;
            if now < ripe_at {
                self.head_of_line.ripens(ripe_at);
                continue;
            }
            let others = turns.iter().enumerate().filter(|&(other, _)| other != place);
            let is_behind = others.into_iter().any(|(_, (_, other, _))| is_less(other, line));
            let yields = guaranteed.iter().any(|&pool| pool != claim.pool);
            if !claim.within_guarantee && (is_behind || yields) {
                continue;
            }
            if let Some(nodes) = self.nodes_to_keep(now, claim) {
                let patience = timeout.max(Span::from_milliseconds(1)) * PATIENCE;
                let until = if claim.moves < MOST_MOVES {
                    now + patience.doubled(claim.moves)
                } else {
                    Time::MAX
                };
                self.hold_for_line(claim, nodes, until);
            }
        }
    }

    /// The first claim of each pool that waits for nothing but room, and the pools of all that wait
    /// for room within a guarantee.
    fn waiting_for_room(&mut self, now: Time) -> (BTreeMap<PoolId, Waiting>, BTreeSet<PoolId>) {
        let mut first: BTreeMap<PoolId, Waiting> = BTreeMap::new();
        let mut guaranteed = BTreeSet::new();
        let wanting: Vec<JobId> = self.queue.wanting().collect();
        for id in wanting {
            let waits = self.state.jobs.get(id).and_then(|job| job.waiting.reason());
            if !waits.is_some_and(Rejection::lacks_room) {
                continue;
            }
            let Ok(reach) = self.may_have(id) else { continue };
            let wanted = self.state.jobs.get(id).map_or(0, |job| self.lacking_executors(job));
            let wanted = wanted.saturating_sub(self.holds.executors_of(id));
            let Some(job) = self.state.jobs.get_mut(id) else { continue };
            let Ok(request) = job.request else { continue };
            let since = job.waiting.note_no_room(now);
            let count = if job.gang.is_forming() { wanted } else { 1 };
            let Some(job) = self.state.jobs.get(id).filter(|_| wanted > 0) else { continue };
            let pool = job.pool;
            if !self.state.pools.within_limits(pool, &times(&request, count)) {
                continue;
            }
            let within_guarantee = self.is_within_guarantee(pool, &request, count);
            if within_guarantee {
                guaranteed.insert(pool);
            }
            let rank =
                (Reverse(job.spec.priority), self.share(job.fleet.held(), 1000), job.sequence);
            if first.get(&pool).is_none_or(|known| rank < known.rank) {
                let (moves, tried) = (job.waiting.moves(), job.waiting.tried().clone());
                let claim = Waiting {
                    job: id,
                    pool,
                    request,
                    count,
                    reach,
                    since,
                    moves,
                    tried,
                    within_guarantee,
                    rank,
                };
                first.insert(pool, claim);
            }
        }
        (first, guaranteed)
    }

    /// Gives up what is kept for claims beyond guarantees while one within a guarantee waits, or if it
    /// is needed to meet one.
    fn yield_to_guarantees(&mut self, guaranteed: &BTreeSet<PoolId>) {
        let mut given_up = Vec::new();
        let free = self.state.nodes.free_beside_claims(&BTreeMap::new());
        for (number, hold) in self.holds.of_line() {
            let (pool, all) = (hold.pool(), hold.all());
            let yields = guaranteed.iter().any(|&other| other != pool)
                && !self.is_within_guarantee(pool, hold.request(), hold.executors());
            if yields || !self.leaves_guarantees(pool, &all, &free.plus(&all)) {
                given_up.push(number);
            }
        }
        given_up.into_iter().for_each(|number| self.give_up(number));
    }

    fn is_within_guarantee(&self, pool: PoolId, request: &Resources, count: u32) -> bool {
        let pools = &self.state.pools;
        let fits =
            |pool: &Pool| fits_guarantee(&pool.settings.guarantee, &pool.held, request, count);
        pools.any_guarantee() && pools.upwards(pool).any(|(_, pool)| fits(pool))
    }

    /// Whether what is free besides stays enough for the guarantees that are not met when a pool takes
    /// an amount of what is free.
    pub(super) fn leaves_guarantees(
        &self,
        pool: PoolId,
        amount: &Resources,
        free: &Resources,
    ) -> bool {
        if !self.state.pools.any_guarantee() {
            return true;
        }
        amount.fits_in(&self.guarantees().room_beside_guarantees(pool, amount, free))
    }

    /// Whether the limits above a pool leave room for an amount, and for the guarantees of others
    /// below them.
    pub(super) fn is_room_under_limits(&self, pool: PoolId, amount: &Resources) -> bool {
        let pools = &self.state.pools;
        pools.within_limits(pool, amount)
            && (!pools.keep_under_limits()
                || self.guarantees().check_limits(pool, amount, amount).is_ok())
    }

    /// What has to be left under which limits for the guarantees of others when a pool takes an amount.
    pub(super) fn kept_under_limits(
        &self,
        pool: PoolId,
        amount: &Resources,
    ) -> BTreeMap<PoolId, Resources> {
        if !self.state.pools.keep_under_limits() {
            return BTreeMap::new();
        }
        self.guarantees().kept_under_limits(pool, amount)
    }

    /// What guarantees need, with all that jobs want.
    fn guarantees(&self) -> Tree<'_> {
        let claims: Vec<Claim> = self.queue.wanting().filter_map(|id| self.wish(id)).collect();
        let state = &self.state;
        let order = Order { fairness: self.settings.fairness, shared: &self.shared };
        let nodes = &state.nodes;
        Tree::new(&state.pools, *nodes.total(), nodes.kept(), order, &claims, |_| true)
    }

    /// What a job wants, as far as guarantees that are lent depend on it.
    fn wish(&self, id: JobId) -> Option<Claim> {
        let job = self.state.jobs.get(id)?;
        Some(Claim {
            pool: job.pool,
            priority: job.spec.priority,
            sequence: job.sequence,
            held: *job.fleet.held(),
            allocations: job.fleet.allocations(),
            request: job.request.clone().ok()?,
            wanted: self.lacking_executors(job),
            unplaced: job.fleet.count_unplaced(),
            gang: job.gang.is_forming(),
            reach: Reach::default(),
            placement: job.spec.executor.placement,
            on_nodes: BTreeMap::new(),
            client: None,
            choice: Choice::default(),
        })
    }

    fn lineage(&self, pool: PoolId) -> Lineage {
        let mut line: Lineage = Vec::new();
        if let Some(own) = self.state.pools.get(pool).filter(|pool| !pool.children.is_empty()) {
            line.push(((pool, true), self.share(&own.own_held, 1000)));
        }
        for id in self.state.pools.path(pool) {
            if let Some(pool) = self.state.pools.get(id) {
                line.push(((id, false), self.share(&pool.held, pool.settings.weight)));
            }
        }
        line.reverse();
        line
    }

    /// Notes that a claim has waited in vain on its nodes.
    pub(super) fn note_move(&mut self, now: Time, number: u64) {
        let hold = self.holds.get(number);
        if let Some(hold) = hold.filter(|hold| hold.is_of_line() && hold.has_expired(now))
            && let Some(job) = self.state.jobs.get_mut(hold.job())
        {
            job.waiting.note_move(hold.nodes().to_vec());
        }
    }

    /// Gives up what is kept for a job until there is room, to be put back.
    pub(super) fn set_aside(&mut self, job: JobId) -> Option<Hold> {
        let (number, _) = self.holds.of_line_for(job)?;
        self.release(number)
    }

    /// What a claim with a hold waits for.
    pub(super) fn kept_free(&self, hold: &Hold) -> Option<Rejection> {
        let mut free = Resources::NONE;
        let mut nodes = Vec::new();
        for (id, count) in hold.by_node() {
            let node = self.state.nodes.get(id)?;
            let most = times(hold.request(), count);
            free = free.plus(&node.usable().above(node.held()).min_each(&most));
            nodes.push(node.observed().name.clone());
        }
        let wanted = hold.all();
        let asked = wanted.iter().filter(|&(_, wanted)| wanted > 0);
        let (kind, wanted) = asked.min_by_key(|&(kind, wanted)| per_mille(free[kind], wanted))?;
        let executors = hold.executors();
        Some(Rejection::KeepsNodes { nodes, executors, kind, free: free[kind], wanted })
    }
}

/// The shares of the pools from the top down.
fn shares(line: &Lineage) -> impl Iterator<Item = Share> {
    line.iter().map(|&(_, share)| share)
}

/// Whether a pool has a smaller share than another where the two part.
fn is_less(line: &Lineage, other: &Lineage) -> bool {
    let parting = line.iter().zip(other).find(|((left, _), (right, _))| left != right);
    parting.is_some_and(|((_, left), (_, right))| left < right)
}
