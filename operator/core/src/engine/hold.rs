//! Room that is kept for a claim while those who have it drain.
//!
//! Nobody else is offered what is held. When the room is there, the claim is served at once; when the
//! job goes, needs it no more or was served elsewhere, or when it takes too long, it is given up, and
//! executors that only drained for it stay.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::head_of_line::Waiting;
use crate::allocator::times;
use crate::ensure::ensure;
use crate::executors::DrainCause;
use crate::explain::Rejection;
use crate::ids::{ExecutorId, JobId, NodeId, PoolId};
use crate::nodes::Load;
use crate::reclaim::{Ask, Entitlement, Placement, fits_guarantee};
use crate::resources::Resources;
use crate::time::{Span, Time};

/// How long after the end of the drain the room has to be there: executors that were told to go have
/// a grace period of their own.
const OVERTIME_MILLISECONDS: Span = Span::from_seconds(120);

#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) job: JobId,
    /// The job's pool.
    pub(super) pool: PoolId,
    pub(super) request: Resources,
    /// One for each executor.
    pub(super) nodes: Vec<NodeId>,
    victims: BTreeSet<ExecutorId>,
    /// By which rule room is made for it; nothing if it only waits until there is some (`head_of_line.rs`).
    entitlement: Option<Entitlement>,
    drained_by: Time,
    pub(super) expires: Time,
}

/// All holds.
#[derive(Debug, Default)]
pub(super) struct Holds {
    by_number: BTreeMap<u64, Hold>,
    of_job: BTreeMap<JobId, BTreeSet<u64>>,
    on_node: BTreeMap<NodeId, BTreeSet<u64>>,
    expiring: BTreeSet<(Time, u64)>,
    /// Those whose room may be there now.
    to_review: BTreeSet<u64>,
    /// Those that only wait until there is room.
    of_line: BTreeSet<u64>,
    next_number: u64,
}

/// What is to become of a hold.
enum Fate {
    Waits,
    IsServed,
    IsGivenUp,
}

impl Holds {
    pub(super) fn wakeup(&self) -> Option<Time> {
        if !self.to_review.is_empty() {
            return Some(Time::ZERO);
        }
        self.expiring.first().map(|&(at, _)| at).filter(|&at| at < Time::MAX)
    }

    /// Those that only wait until there is room.
    pub(super) fn of_line(&self) -> impl Iterator<Item = (u64, &Hold)> {
        self.of_line.iter().filter_map(|&number| Some((number, self.by_number.get(&number)?)))
    }

    /// That of a job, if there is one.
    pub(super) fn of_line_for(&self, job: JobId) -> Option<u64> {
        let mut numbers = self.of_job.get(&job)?.iter();
        numbers.find(|number| self.of_line.contains(number)).copied()
    }

    /// Something changed on a node.
    pub(super) fn review_node(&mut self, node: NodeId) {
        self.to_review.extend(self.on_node.get(&node).into_iter().flatten());
    }

    /// Something changed for any of them.
    pub(super) fn review_all(&mut self) {
        self.to_review.extend(self.by_number.keys());
    }

    /// A victim is gone.
    pub(super) fn forget_victim(&mut self, number: u64, victim: ExecutorId) {
        if let Some(hold) = self.by_number.get_mut(&number) {
            hold.victims.remove(&victim);
            self.to_review.insert(number);
        }
    }

    /// What others have of the room on a node before a hold does. What came before has it first, and
    /// room that is made is for those it is made for: a hold that still has victims takes none that
    /// was made for another, and one that only waits for room takes none that was made at all.
    fn promised_to_others(&self, number: u64, hold: &Hold, node: NodeId) -> Resources {
        let of_line = hold.entitlement.is_none();
        let all_come_first = of_line || !hold.victims.is_empty();
        let others =
            self.on_node.get(&node).into_iter().flatten().filter(|&&other| other != number);
        let first = others.filter(|&other| {
            let waits = self.of_line.contains(other);
            if waits { !of_line && all_come_first } else { all_come_first || *other < number }
        });
        let holds = first.filter_map(|other| self.by_number.get(other));
        holds.fold(Resources::NONE, |sum, hold| {
            let here = hold.nodes.iter().filter(|&&other| other == node).count();
            sum.plus(&times(&hold.request, u32::try_from(here).unwrap_or(u32::MAX)))
        })
    }

    /// For how many executors of a job room is being made.
    pub(super) fn executors_of(&self, job: JobId) -> u32 {
        let numbers = self.of_job.get(&job).into_iter().flatten();
        let made = numbers.filter(|number| !self.of_line.contains(number));
        let nodes = made.filter_map(|number| self.by_number.get(number));
        nodes.map(|hold| u32::try_from(hold.nodes.len()).unwrap_or(u32::MAX)).sum()
    }
}

impl Holds {
    /// What is being made room for for a job, for checks.
    pub(super) fn sum_of(&self, job: JobId) -> Resources {
        let made = |hold: &&Hold| hold.job == job && hold.entitlement.is_some();
        let holds = self.by_number.values().filter(made);
        holds.fold(Resources::NONE, |sum, hold| {
            let count = u32::try_from(hold.nodes.len()).unwrap_or(u32::MAX);
            sum.plus(&times(&hold.request, count))
        })
    }

    /// Adds what is held to what is on the nodes, for checks.
    pub(super) fn add_to(&self, loads: &mut BTreeMap<NodeId, Load>) {
        for hold in self.by_number.values() {
            for &node in &hold.nodes {
                let load = loads.entry(node).or_default();
                let promised = load.promised.entry(hold.pool).or_default();
                *promised = promised.plus(&hold.request);
            }
        }
    }

    /// Compares the indices with the holds.
    pub(super) fn check(&self) -> Result<(), String> {
        let waits = |hold: &Hold| hold.entitlement.is_none();
        let of_line = self.by_number.iter().filter(|(_, hold)| waits(hold));
        let of_line: BTreeSet<u64> = of_line.map(|(&number, _)| number).collect();
        ensure!(self.of_line == of_line, "holds that only wait are {of_line:?}");
        let (mut of_job, mut on_node) = (BTreeMap::new(), BTreeMap::new());
        for (&number, hold) in &self.by_number {
            of_job.entry(hold.job).or_insert_with(BTreeSet::new).insert(number);
            for &node in &hold.nodes {
                on_node.entry(node).or_insert_with(BTreeSet::new).insert(number);
            }
            let expires = self.expiring.contains(&(hold.expires, number));
            ensure!(expires || self.to_review.contains(&number), "hold {number} never ends");
        }
        ensure!(self.of_job == of_job, "holds by job are {of_job:?}");
        ensure!(self.on_node == on_node, "holds by node are {on_node:?}");
        Ok(())
    }
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
        let drained_by = now + ask.rules.drain_milliseconds;
        let expires = drained_by + OVERTIME_MILLISECONDS;
        let mut hold = Hold {
            job: ask.job,
            pool: ask.pool,
            request: ask.request,
            nodes: Vec::new(),
            victims: BTreeSet::new(),
            entitlement: Some(entitlement),
            drained_by,
            expires,
        };
        for Placement { node, victims } in placements {
            hold.nodes.push(node);
            hold.victims.extend(victims);
        }
        let victims = hold.victims.clone();
        let number = self.add_hold(hold);
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
        let number = self.add_hold(Hold {
            job: claim.job,
            pool: claim.pool,
            request: claim.request,
            nodes,
            victims: BTreeSet::new(),
            entitlement: None,
            drained_by: until,
            expires: until,
        });
        self.holds.of_line.insert(number);
        self.touch(claim.job);
        let waits = self.awaited(claim.job);
        self.explain(claim.job, waits);
    }

    fn add_hold(&mut self, hold: Hold) -> u64 {
        let number = self.holds.next_number;
        self.holds.next_number += 1;
        for &node in &hold.nodes {
            self.state.nodes.promise(&self.state.pools, node, hold.pool, &hold.request);
            self.holds.on_node.entry(node).or_default().insert(number);
        }
        self.expect_for(&hold, true);
        self.holds.expiring.insert((hold.expires, number));
        self.holds.of_job.entry(hold.job).or_default().insert(number);
        self.holds.by_number.insert(number, hold);
        self.holds.to_review.insert(number);
        number
    }

    /// Serves claims whose room is there, and gives up what is needed no more.
    pub(super) fn serve_holds(&mut self, now: Time) {
        let touched = self.agenda.touched().filter_map(|id| self.holds.of_job.get(&id));
        let mut numbers: BTreeSet<u64> = touched.flatten().copied().collect();
        numbers.append(&mut self.holds.to_review);
        while let Some(&(at, number)) = self.holds.expiring.first().filter(|&&(at, _)| at <= now) {
            self.holds.expiring.remove(&(at, number));
            numbers.insert(number);
        }
        for number in numbers {
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
        let Some(job) = self.holds.by_number.get(&number).map(|hold| hold.job) else {
            return Fate::Waits;
        };
        let reach = self.may_have(job);
        let declined = self.declined(now, job);
        let Some(hold) = self.holds.by_number.get(&number) else { return Fate::Waits };
        let Some(job) = self.state.jobs.get(hold.job) else { return Fate::IsGivenUp };
        let Ok(reach) = reach else { return Fate::IsGivenUp };
        let wants = self.lacking_executors(job);
        // Of several, those that came last are one too many, and before them those without victims.
        let of_job = self.holds.of_job.get(&hold.job).into_iter().flatten();
        let of_line = hold.entitlement.is_none();
        let before: usize = of_job
            .filter(|&other| of_line || *other <= number && !self.holds.of_line.contains(other))
            .filter_map(|other| self.holds.by_number.get(other))
            .map(|hold| hold.nodes.len())
            .sum();
        let open = hold.nodes.iter().all(|&id| {
            let node = self.state.nodes.get(id).filter(|_| !declined.contains_key(&id));
            let is_of_use =
                !of_line || self.state.nodes.all_of(id, hold.pool, &self.state.pools).is_some();
            node.is_some_and(|node| node.is_open() && self.state.nodes.is_in_reach(node, reach))
                && is_of_use
        });
        if !open || before > wants as usize || hold.expires <= now {
            return Fate::IsGivenUp;
        }
        let mut sums: BTreeMap<NodeId, u32> = BTreeMap::new();
        for &node in &hold.nodes {
            *sums.entry(node).or_default() += 1;
        }
        let has_room = |(&node_id, &count): (&NodeId, &u32)| {
            self.state.nodes.get(node_id).is_some_and(|node| {
                let wanted = times(&hold.request, count);
                let others = self.holds.promised_to_others(number, hold, node_id);
                let room = node.usable().minus(node.held()).minus(&others);
                wanted.iter().all(|(kind, amount)| amount <= room[kind])
            })
        };
        let all = times(&hold.request, u32::try_from(hold.nodes.len()).unwrap_or(u32::MAX));
        if !sums.iter().all(has_room) || !self.state.pools.within_limits(job.pool, &all) {
            Fate::Waits
        } else if self.may_be_served(hold) {
            Fate::IsServed
        } else if hold.victims.is_empty() {
            // What guarantees are short of by now goes to them.
            Fate::IsGivenUp
        } else {
            Fate::Waits
        }
    }

    /// Whether enough stays free for the guarantees of others with a hold served and its victims
    /// there.
    fn may_be_served(&self, hold: &Hold) -> bool {
        let count = u32::try_from(hold.nodes.len()).unwrap_or(u32::MAX);
        let all = times(&hold.request, count);
        // As when the room was found: what leaves does not count, and what is held does, of which
        // this is a part. Otherwise it would be found and given up again and again.
        let is_guaranteed = self.state.pools.upwards(hold.pool).any(|(_, pool)| {
            let others = pool.held.plus(&pool.pending).minus(&all);
            fits_guarantee(&pool.settings.guarantee, &others, &hold.request, count)
        });
        if hold.entitlement == Some(Entitlement::Guarantee) && is_guaranteed {
            return true;
        }
        let mut served: BTreeMap<NodeId, (Resources, Resources)> = BTreeMap::new();
        for &node in &hold.nodes {
            let (promised, _) = served.entry(node).or_default();
            *promised = promised.plus(&hold.request);
        }
        for victim in hold.victims.iter().filter_map(|&id| self.state.executors.get(id)) {
            if let Some(node) = victim.node.filter(|_| victim.exit.is_counted()) {
                let (_, leaving) = served.entry(node).or_default();
                *leaving = leaving.plus(&victim.request);
            }
        }
        let free = self.state.nodes.free_beside_claims(&served);
        self.leaves_guarantees(hold.pool, &all, &free)
    }

    fn serve(&mut self, now: Time, number: u64) {
        let Some(hold) = self.remove_hold(number) else { return };
        // The room came from elsewhere, or they are gone.
        self.let_stay(&hold.victims);
        self.agenda.offers_are_due();
        let by_guarantee = hold.entitlement == Some(Entitlement::Guarantee);
        for &node in &hold.nodes {
            if let Some(job) = self.state.jobs.get_mut(hold.job) {
                self.state.nodes.charge(&self.state.pools, node, job.pool, &hold.request);
                job.fleet.count_on(node);
            }
            let launched = self.launch(now, hold.job, Some(node));
            let executor = launched.and_then(|id| self.state.executors.get_mut(id));
            // So that there is rest: see `reclaim.rs`.
            if let Some(executor) = executor.filter(|_| !by_guarantee) {
                executor.reclaimed_at = Some(self.reclaiming.changes);
            }
        }
    }

    pub(super) fn give_up(&mut self, number: u64) {
        let Some(hold) = self.remove_hold(number) else { return };
        self.let_stay(&hold.victims);
        self.touch(hold.job);
        self.agenda.offers_are_due();
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
        for number in self.holds.of_job.get(&job).cloned().unwrap_or_default() {
            self.give_up(number);
        }
    }

    /// Gives up what is held on a node.
    pub(super) fn give_up_holds_on(&mut self, node: NodeId) {
        for number in self.holds.on_node.get(&node).cloned().unwrap_or_default() {
            self.give_up(number);
        }
    }

    /// What a job with holds waits for.
    pub(super) fn awaited(&self, job: JobId) -> Option<Rejection> {
        let numbers = self.holds.of_job.get(&job)?;
        let holds = || numbers.iter().filter_map(|number| self.holds.by_number.get(number));
        let holds = || holds().filter(|hold| hold.entitlement.is_some());
        if holds().next().is_none() {
            let number = self.holds.of_line_for(job)?;
            return self.kept_free(self.holds.by_number.get(&number)?);
        }
        let victims = holds().flat_map(|hold| &hold.victims);
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
            until: holds().map(|hold| hold.drained_by).max()?,
        })
    }

    /// Keeps again what was set aside.
    pub(super) fn put_back(&mut self, hold: Hold) {
        let number = self.add_hold(hold);
        self.holds.of_line.insert(number);
    }

    pub(super) fn remove_hold(&mut self, number: u64) -> Option<Hold> {
        let hold = self.holds.by_number.remove(&number)?;
        self.holds.expiring.remove(&(hold.expires, number));
        self.holds.of_line.remove(&number);
        self.holds.to_review.remove(&number);
        if let Some(numbers) = self.holds.of_job.get_mut(&hold.job) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.holds.of_job.remove(&hold.job);
            }
        }
        let less = Resources::NONE.minus(&hold.request);
        for &node in &hold.nodes {
            self.state.nodes.promise(&self.state.pools, node, hold.pool, &less);
            if let Some(numbers) = self.holds.on_node.get_mut(&node) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.holds.on_node.remove(&node);
                }
            }
        }
        self.expect_for(&hold, false);
        Some(hold)
    }

    /// Counts what is held as what the job and its pool will have. When there will be room for those
    /// that only wait for it is not known: they may still be made room for.
    fn expect_for(&mut self, hold: &Hold, added: bool) {
        if hold.entitlement.is_none() {
            return;
        }
        let all = times(&hold.request, u32::try_from(hold.nodes.len()).unwrap_or(u32::MAX));
        let change = if added { all } else { Resources::NONE.minus(&all) };
        if let Some(job) = self.state.jobs.get_mut(hold.job) {
            job.fleet.expect(&change);
            self.state.pools.expect(job.pool, &change);
        }
    }
}
