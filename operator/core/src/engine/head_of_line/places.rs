//! On which nodes room is kept for a claim at the head of the line.

use std::collections::{BTreeMap, BTreeSet};

use super::Waiting;
use crate::allocator::times;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::resources::Resources;
use crate::time::Time;

/// How many nodes are compared before the best of them is taken; a gang looks at one more for each
/// of its executors.
const CANDIDATE_NODES: usize = 32;

/// How many nodes are passed in the search for these.
const NODES_PASSED: usize = 2048;

impl Engine {
    /// The nodes where there will be room soonest for all executors of a claim, as far as can be
    /// seen: those with the most room, or room that is about to be, of the first few.
    pub(super) fn nodes_to_keep(&mut self, now: Time, claim: &Waiting) -> Option<Vec<NodeId>> {
        let mut nodes = self.best_nodes(now, claim, &claim.tried);
        if nodes.is_none() && !claim.tried.is_empty() {
            nodes = self.best_nodes(now, claim, &BTreeSet::new());
            // It has waited on all that there are.
            if let Some(job) = self.state.jobs.get_mut(claim.job) {
                job.waiting.forget_tried();
            }
        }
        let nodes = nodes?;
        let held: BTreeSet<NodeId> =
            self.holds.of_line().flat_map(|(_, hold)| hold.nodes()).copied().collect();
        let wanted = nodes.iter().collect::<BTreeSet<_>>().len();
        let all = self.state.nodes.count();
        let percent = self.settings.head_of_line_nodes_percent.min(100) as usize;
        let most = (all * percent / 100).max(1);
        // A gang that needs more waits until nothing else is kept.
        let fits = held.len() + wanted <= most || held.is_empty() && wanted <= all.div_ceil(2);
        let amount = times(&claim.request, claim.count);
        // What is free on the nodes is free no more.
        let mut kept = Resources::NONE;
        let mut left: BTreeMap<NodeId, Resources> = BTreeMap::new();
        for &id in &nodes {
            let free = left
                .entry(id)
                .or_insert_with(|| self.state.nodes.free_for(id, claim.pool, &self.state.pools));
            let rest = free.above(&claim.request);
            kept = kept.plus(&claim.request).minus(&free.minus(&rest));
            *free = rest;
        }
        let free = self.state.nodes.free_beside_claims(&BTreeMap::new()).plus(&kept);
        let may_have = self.leaves_guarantees(claim.pool, &amount, &free)
            && self.is_room_under_limits(claim.pool, &amount);
        (fits && may_have).then_some(nodes)
    }

    fn best_nodes(
        &self,
        now: Time,
        claim: &Waiting,
        tried: &BTreeSet<NodeId>,
    ) -> Option<Vec<NodeId>> {
        let job = self.state.jobs.get(claim.job)?;
        let declined = self.declined(now, claim.job);
        let most = CANDIDATE_NODES + claim.count as usize - 1;
        // Where there could be room if others went: with what is in use now there, and in all.
        let mut rooms: BTreeMap<NodeId, (Resources, Resources)> = BTreeMap::new();
        let nodes = &self.state.nodes;
        for quarters in (0..=4_i64).rev() {
            let mut part = claim.request;
            for (kind, amount) in claim.request.iter() {
                part[kind] = amount / 4 * quarters;
            }
            let seen = std::cell::RefCell::new((&mut rooms, 0));
            nodes.fits_on(&part, claim.reach, &|id| {
                let (rooms, passed) = &mut *seen.borrow_mut();
                *passed += 1;
                if !declined.contains_key(&id)
                    && !tried.contains(&id)
                    && let Some(node) = nodes.get(id).filter(|node| node.promised().is_none())
                    && let Some(all) = nodes.all_of(id, claim.pool, &self.state.pools)
                {
                    // What the job has there itself goes when it ends.
                    let own = job.fleet.on_node(id);
                    let all = all.minus(&times(&claim.request, own));
                    let now = node.usable().minus(node.held()).plus(node.leaving());
                    if covers(&all, &claim.request) {
                        rooms.insert(id, (now, all));
                    }
                }
                rooms.len() >= most || *passed >= NODES_PASSED
            });
            if rooms.len() >= most {
                break;
            }
        }
        let mut chosen = Vec::with_capacity(claim.count as usize);
        for _ in 0..claim.count {
            let fitting = rooms.iter().filter(|(_, (_, all))| covers(all, &claim.request));
            let best = fitting.min_by_key(|&(&id, (now, _))| (missing(now, &claim.request), id));
            let id = *best?.0;
            if let Some((now, all)) = rooms.get_mut(&id) {
                (*now, *all) = (now.minus(&claim.request), all.minus(&claim.request));
            }
            chosen.push(id);
        }
        Some(chosen)
    }
}

/// Whether there is as much of every kind that is requested.
fn covers(room: &Resources, request: &Resources) -> bool {
    request.iter().all(|(kind, amount)| amount <= room[kind])
}

/// How much of a request there is no room for, in thousandths of the kind of which most is missing.
fn missing(room: &Resources, request: &Resources) -> i64 {
    let asked = request.iter().filter(|&(_, amount)| amount > 0);
    asked.map(|(kind, amount)| 1000 - per_mille(room[kind], amount)).max().unwrap_or(0)
}

pub(super) fn per_mille(part: i64, whole: i64) -> i64 {
    let per_mille = i128::from(part.clamp(0, whole)) * 1000 / i128::from(whole.max(1));
    i64::try_from(per_mille).unwrap_or(0)
}
