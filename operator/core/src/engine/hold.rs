//! Room that is kept for a claim while those who have it drain.
//!
//! Nobody else is offered what is held. When the room is there, the claim is served at once; when the
//! job goes, needs it no more or was served elsewhere, or when it takes too long, it is given up, and
//! executors that only drained for it stay.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::books::Hold;
use super::head_of_line::Waiting;
use crate::allocator::times;
use crate::executors::DrainCause;
use crate::explain::Rejection;
use crate::ids::{ExecutorId, JobId, NodeId};
use crate::nodes::Reach;
use crate::reclaim::{Ask, Entitlement, Placement, fits_guarantee};
use crate::resources::Resources;
use crate::time::Time;

/// What is to become of a hold.
enum Fate {
    Waits,
    IsServed,
    IsGivenUp,
}

impl Engine {
    /// Keeps the room that was found for a claim, and lets those who have it drain.
    pub(super) fn hold(
        &mut self,
        now: Time,
        ask: &Ask,
        entitlement: Entitlement,
        placements: Vec<Placement>,
    ) {
        let hold = Hold::made_for(ask, entitlement, placements, now);
        let (victims, drained_by) = (hold.victims().clone(), hold.drained_by());
        let number = self.keep(hold);
        let pool = self.state.pools.get(ask.pool).map_or("".into(), |pool| pool.name.clone());
        for victim in victims {
            let cause = DrainCause::Reclaim { pool: pool.clone() };
            self.drain_executor(victim, drained_by, cause, Some(number));
        }
        self.touch(ask.job);
        let waits = self.awaited(ask.job);
        self.explain(ask.job, waits);
    }

    /// Keeps whatever becomes free on nodes until there is room for a claim.
    pub(super) fn hold_for_line(&mut self, claim: &Waiting, nodes: Vec<NodeId>, until: Time) {
        let hold = Hold::of_line((claim.job, claim.pool), claim.request, nodes, until);
        self.keep(hold);
        self.touch(claim.job);
        let waits = self.awaited(claim.job);
        self.explain(claim.job, waits);
    }

    /// Keeps room on the nodes of a hold; returns its number.
    fn keep(&mut self, hold: Hold) -> u64 {
        self.promise(&hold, hold.request(), &hold.all());
        self.holds.add(hold)
    }

    /// Keeps the room of a hold no more.
    pub(super) fn release(&mut self, number: u64) -> Option<Hold> {
        let hold = self.holds.remove(number)?;
        let less = |amount: &Resources| Resources::NONE.minus(amount);
        self.promise(&hold, &less(hold.request()), &less(&hold.all()));
        Some(hold)
    }

    /// Promises room for an executor on each node of a hold, and counts on all of it for its job and
    /// pool. When there will be room for a hold that only waits for it is not known: it does not count
    /// for them, and room may still be made for them.
    fn promise(&mut self, hold: &Hold, on_each: &Resources, all: &Resources) {
        for &node in hold.nodes() {
            self.state.nodes.promise(&self.state.pools, node, hold.pool(), on_each);
        }
        if let Some(job) = self.state.jobs.get_mut(hold.job()).filter(|_| !hold.is_of_line()) {
            job.fleet.expect(all);
            self.state.pools.expect(job.pool, all);
        }
    }

    /// Serves claims whose room is there, and gives up what is needed no more.
    pub(super) fn serve_holds(&mut self, now: Time) {
        for number in self.holds.take_due(now, self.agenda.touched()) {
            match self.fate(now, number) {
                Fate::Waits => {}
                Fate::IsServed => self.serve(now, number),
                Fate::IsGivenUp => {
                    self.note_move(now, number);
                    self.give_up(number);
                }
            }
        }
    }

    fn fate(&mut self, now: Time, number: u64) -> Fate {
        let Some(job) = self.holds.get(number).map(Hold::job) else { return Fate::Waits };
        let reach = self.may_have(job);
        let Some(hold) = self.holds.get(number) else { return Fate::Waits };
        let Some(job) = self.state.jobs.get(hold.job()) else { return Fate::IsGivenUp };
        let Ok(reach) = reach else { return Fate::IsGivenUp };
        let wants = self.lacking_executors(job);
        // Of several, those that came last are one too many, and before them those without victims.
        let is_needed = self.holds.executors_up_to(number, hold) <= wants as usize;
        if hold.has_expired(now) || !is_needed || !self.are_nodes_of_use(now, hold, reach) {
            return Fate::IsGivenUp;
        }
        let has_room = |(node_id, count): (NodeId, u32)| {
            self.state.nodes.get(node_id).is_some_and(|node| {
                let wanted = times(hold.request(), count);
                let others = self.holds.promised_to_others(number, hold, node_id);
                let room = node.usable().minus(node.held()).minus(&others);
                wanted.iter().all(|(kind, amount)| amount <= room[kind])
            })
        };
        if !hold.by_node().into_iter().all(has_room)
            || !self.is_room_under_limits(job.pool, &hold.all())
        {
            Fate::Waits
        } else if self.may_be_served(hold) {
            Fate::IsServed
        } else if hold.victims().is_empty() {
            // What guarantees are short of by now goes to them.
            Fate::IsGivenUp
        } else {
            Fate::Waits
        }
    }

    /// Whether executors of the job may still go to all nodes of a hold, and those where it only waits
    /// may become free for its pool.
    fn are_nodes_of_use(&self, now: Time, hold: &Hold, reach: Reach) -> bool {
        let declined = self.declined(now, hold.job());
        let (nodes, pools) = (&self.state.nodes, &self.state.pools);
        hold.nodes().iter().all(|&id| {
            let node = nodes.get(id).filter(|_| !declined.contains_key(&id));
            node.is_some_and(|node| node.is_open() && nodes.is_in_reach(node, reach))
                && (!hold.is_of_line() || nodes.all_of(id, hold.pool(), pools).is_some())
        })
    }

    /// Whether enough stays free for the guarantees of others with a hold served and its victims
    /// there.
    fn may_be_served(&self, hold: &Hold) -> bool {
        let all = hold.all();
        // As when the room was found: what leaves does not count, and what is held does, of which
        // this is a part. Otherwise it would be found and given up again and again.
        let is_guaranteed = self.state.pools.upwards(hold.pool()).any(|(_, pool)| {
            let others = pool.held.plus(&pool.pending).minus(&all);
            fits_guarantee(&pool.settings.guarantee, &others, hold.request(), hold.executors())
        });
        if hold.is_by_guarantee() && is_guaranteed {
            return true;
        }
        let mut served: BTreeMap<NodeId, (Resources, Resources)> = BTreeMap::new();
        for &node in hold.nodes() {
            let (promised, _) = served.entry(node).or_default();
            *promised = promised.plus(hold.request());
        }
        for victim in hold.victims().iter().filter_map(|&id| self.state.executors.get(id)) {
            if let Some(node) = victim.node.filter(|_| victim.exit.is_counted()) {
                let (_, leaving) = served.entry(node).or_default();
                *leaving = leaving.plus(&victim.request);
            }
        }
        let free = self.state.nodes.free_beside_claims(&served);
        self.leaves_guarantees(hold.pool(), &all, &free)
    }

    fn serve(&mut self, now: Time, number: u64) {
        let Some(hold) = self.release(number) else { return };
        // The room came from elsewhere, or they are gone.
        self.let_stay(hold.victims());
        self.agenda.ask_all();
        for &node in hold.nodes() {
            if let Some(job) = self.state.jobs.get_mut(hold.job()) {
                self.state.nodes.charge(&self.state.pools, node, job.pool, hold.request());
                job.fleet.count_on(node);
            }
            let launched = self.launch(now, hold.job(), Some(node));
            let executor = launched.and_then(|id| self.state.executors.get_mut(id));
            // So that there is rest: see `reclaim.rs`.
            if let Some(executor) = executor.filter(|_| !hold.is_by_guarantee()) {
                executor.reclaimed_at = Some(self.reclaiming.changes());
            }
        }
    }

    pub(super) fn give_up(&mut self, number: u64) {
        let Some(hold) = self.release(number) else { return };
        self.let_stay(hold.victims());
        self.touch(hold.job());
        self.agenda.ask_all();
    }

    /// Lets victims stay that nobody needs to go any more, but for what is left of a gang.
    fn let_stay(&mut self, victims: &BTreeSet<ExecutorId>) {
        for &victim in victims {
            let job = self.state.executors.get(victim).map(|executor| executor.job);
            let Some(job) = job.and_then(|job| self.state.jobs.get(job)) else { continue };
            let remain = job.fleet.ids().filter(|&id| {
                self.state.executors.get(id).is_some_and(|executor| !executor.exit.is_stopping())
            });
            if remain.count() >= job.least_executors() as usize {
                self.stop_draining(victim);
            }
        }
    }

    /// Gives up what is held for a job.
    pub(super) fn give_up_holds_of(&mut self, job: JobId) {
        for number in self.holds.numbers_of(job) {
            self.give_up(number);
        }
    }

    /// Gives up what is held on a node.
    pub(super) fn give_up_holds_on(&mut self, node: NodeId) {
        for number in self.holds.numbers_on(node) {
            self.give_up(number);
        }
    }

    /// What a job with holds waits for.
    pub(super) fn awaited(&self, job: JobId) -> Option<Rejection> {
        let Some(until) = self.holds.made_for(job).map(Hold::drained_by).max() else {
            let (_, hold) = self.holds.of_line_for(job)?;
            return self.kept_free(hold);
        };
        let victims = self.holds.made_for(job).flat_map(Hold::victims);
        let pools: BTreeSet<&str> = victims
            .clone()
            .filter_map(|&id| {
                let job = self.state.jobs.get(self.state.executors.get(id)?.job)?;
                Some(&*self.state.pools.get(job.pool)?.name)
            })
            .collect();
        let names: Vec<&str> = pools.into_iter().collect();
        let word = if names.len() == 1 { "pool" } else { "pools" };
        Some(Rejection::Draining {
            executors: u32::try_from(victims.count()).unwrap_or(u32::MAX),
            pools: format!("{word} {}", names.join(", ")).into(),
            until,
        })
    }

    /// Keeps again what was set aside.
    pub(super) fn put_back(&mut self, hold: Hold) {
        self.keep(hold);
    }
}
