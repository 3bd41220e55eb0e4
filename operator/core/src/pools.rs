//! The tree of pools and what each subtree holds: Mesos's roles.

use std::collections::BTreeMap;

use crate::arena::{Arena, Id};
use crate::decay::Decay;
use crate::ensure::ensure;
use crate::ids::PoolId;
use crate::labels::{Contradiction, Label, Requirement};
use crate::policy::{Fairness, IdleGuarantee, ReclaimDefaults, ReclaimRules};
use crate::resources::Resources;
use crate::share::WeightMilli;
use crate::time::{Lasting, Span, Time};

/// The settings of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) weight: WeightMilli,
    /// What the subtree gets first.
    pub(crate) guarantee: Resources,
    /// What the subtree gets at most.
    pub(crate) limit: Resources,
    /// How jobs and children are compared; as in the pool above if nothing is said.
    pub(crate) fairness: Option<Fairness>,
    /// The labels of the nodes that the subtree may use.
    pub(crate) selector: Vec<Label>,
    /// What is kept for the subtree on each node with these labels.
    pub(crate) reservations: Vec<(Vec<Label>, Resources)>,
    /// The namespaces that may use the pool; nothing for those of the pool above.
    pub(crate) namespaces: Vec<Box<str>>,
    /// What executors of the subtree may hold at most without a node; `None` for nothing.
    pub(crate) elastic: Option<Resources>,
    /// Whether the pool takes no new jobs and goes when the last one has ended.
    pub(crate) deleting: bool,
    /// Kinds of resources that it names and that found no place.
    pub(crate) uncounted: Vec<Box<str>>,
    /// How the pool gets back what others hold.
    pub(crate) reclaim: ReclaimRules,
    /// What becomes of the guarantee while nobody wants it.
    pub(crate) idle_guarantee: IdleGuarantee,
}

impl Settings {
    /// Whether the pool is guaranteed something.
    fn guarantees(&self) -> bool {
        !self.guarantee.is_none()
    }

    /// Whether it has a limit.
    fn limits(&self) -> bool {
        self.limit != Resources::UNLIMITED
    }

    /// Whether it lends what is guaranteed to it.
    fn lends(&self) -> bool {
        self.idle_guarantee == IdleGuarantee::Lend
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            weight: 1000,
            guarantee: Resources::NONE,
            limit: Resources::UNLIMITED,
            fairness: None,
            selector: Vec::new(),
            reservations: Vec::new(),
            namespaces: Vec::new(),
            elastic: None,
            deleting: false,
            uncounted: Vec::new(),
            reclaim: ReclaimRules::default(),
            idle_guarantee: IdleGuarantee::default(),
        }
    }
}

/// What the jobs and frameworks of one pool have, counted from scratch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    pub(crate) held: Resources,
    pub(crate) unplaced: Resources,
    pub(crate) offered: Resources,
    /// What they will hold besides.
    pub(crate) pending: Resources,
    pub(crate) jobs: u32,
}

/// A pool with its account.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) name: Box<str>,
    pub(crate) parent: Option<PoolId>,
    pub(crate) children: Vec<PoolId>,
    /// Whether there is an object of this name; otherwise a child's name implies the pool.
    pub(crate) declared: bool,
    pub(crate) settings: Settings,
    /// What the executors of the subtree hold.
    pub(crate) held: Resources,
    /// What of it executors hold that have no node.
    pub(crate) unplaced: Resources,
    /// What of that is in offers that frameworks have not answered yet.
    pub(crate) offered: Resources,
    /// What the executors of the pool's own jobs hold.
    pub(crate) own_held: Resources,
    /// What the subtree held lately, as far as that counts in its share.
    pub(crate) past: Resources,
    /// What the pool's own jobs held lately.
    pub(crate) own_past: Resources,
    /// What the subtree will hold besides: what is kept for it, less what is on its way out.
    pub(crate) pending: Resources,
    /// The same for the pool's own jobs.
    pub(crate) own_pending: Resources,
    /// Since when jobs wait below the subtree's guarantee.
    pub(crate) below_guarantee: Lasting,
    /// Since when jobs wait while a sibling holds more by weight.
    pub(crate) below_share: Lasting,
    /// Since when the pool's own jobs wait while its children hold more by weight.
    pub(crate) own_below_share: Lasting,
    /// How many executors the subtree was ever given.
    pub(crate) allocations: u64,
    /// How many executors the pool's own jobs were ever given.
    pub(crate) own_allocations: u64,
    /// The number of jobs that name this pool.
    pub(crate) jobs: u32,
}

/// The forest of pools; `a.dev` is a child of `a`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pools {
    by_id: Arena<PoolId, Pool>,
    by_name: BTreeMap<Box<str>, PoolId>,
    /// How many pools are guaranteed something.
    guaranteed: usize,
    /// How many pools lend what is guaranteed to them.
    lending: usize,
    /// How many pools have a limit.
    limited: usize,
    /// Up to when what they held is accounted for, if that counts.
    passed_at: Option<Time>,
}

impl Pools {
    /// Takes in a pool's new settings, making its parents where they are only implied. Says whether
    /// it says something else about nodes or namespaces than before.
    pub(crate) fn declare(&mut self, name: &str, settings: Settings) -> bool {
        let id = self.ensure(name);
        let Some(pool) = self.by_id.get_mut(id) else { return false };
        self.guaranteed -= usize::from(pool.settings.guarantees());
        self.lending -= usize::from(pool.settings.lends());
        self.limited -= usize::from(pool.settings.limits());
        self.guaranteed += usize::from(settings.guarantees());
        self.lending += usize::from(settings.lends());
        self.limited += usize::from(settings.limits());
        let changed = !pool.declared
            || pool.settings.selector != settings.selector
            || pool.settings.reservations != settings.reservations
            || pool.settings.namespaces != settings.namespaces;
        pool.declared = true;
        pool.settings = settings;
        changed
    }

    /// Forgets that a pool was declared, and its settings. It goes when no job and no child needs it
    /// any more.
    pub(crate) fn retire(&mut self, name: &str) {
        if let Some(id) = self.find(name) {
            if let Some(pool) = self.by_id.get_mut(id) {
                self.guaranteed -= usize::from(pool.settings.guarantees());
                self.lending -= usize::from(pool.settings.lends());
                self.limited -= usize::from(pool.settings.limits());
                pool.declared = false;
                pool.settings = Settings::default();
            }
            self.prune(id);
        }
    }

    /// Counts a job in. The pool is made if it is missing, so that the job has a place.
    pub(crate) fn enter(&mut self, name: &str) -> PoolId {
        let id = self.ensure(name);
        if let Some(pool) = self.by_id.get_mut(id) {
            pool.jobs += 1;
        }
        id
    }

    /// Counts a job out.
    pub(crate) fn leave(&mut self, id: PoolId) {
        if let Some(pool) = self.by_id.get_mut(id) {
            pool.jobs -= 1;
        }
        self.prune(id);
    }

    /// Charges what an executor holds to its pool and all pools above.
    pub(crate) fn charge(&mut self, id: PoolId, request: &Resources) {
        self.along(id, |pool, own| {
            pool.held = pool.held.plus(request);
            pool.allocations += 1;
            if own {
                pool.own_held = pool.own_held.plus(request);
                pool.own_allocations += 1;
            }
        });
    }

    /// Gives back what an executor held.
    pub(crate) fn release(&mut self, id: PoolId, request: &Resources) {
        self.along(id, |pool, own| {
            pool.held = pool.held.minus(request);
            if own {
                pool.own_held = pool.own_held.minus(request);
            }
        });
    }

    /// Notes that an executor that is charged has no node, or (with less than nothing) that it has one
    /// or is gone.
    pub(crate) fn count_unplaced(&mut self, id: PoolId, request: &Resources) {
        self.along(id, |pool, _| pool.unplaced = pool.unplaced.plus(request));
    }

    /// Notes that what a pool was charged is in an offer that is not answered yet.
    pub(crate) fn offer(&mut self, id: PoolId, amount: &Resources) {
        self.along(id, |pool, _| pool.offered = pool.offered.plus(amount));
    }

    /// Notes that an offer was answered or taken back.
    pub(crate) fn answer(&mut self, id: PoolId, amount: &Resources) {
        self.along(id, |pool, _| pool.offered = pool.offered.minus(amount));
    }

    /// Forgets how often pools were given something.
    pub(crate) fn forget_allocations(&mut self) {
        for pool in self.by_id.iter_mut() {
            (pool.allocations, pool.own_allocations) = (0, 0);
        }
    }

    /// Takes in that pools held until now what they hold; after a half-life that counts half.
    pub(crate) fn pass_time(&mut self, now: Time, half_life: Span) {
        let before = self.passed_at.unwrap_or(now);
        self.passed_at = Some(now.max(before));
        if now <= before {
            return;
        }
        let decay = Decay::after(now.since(before), half_life);
        for pool in self.by_id.iter_mut() {
            pool.past = decay.mean(&pool.past, &pool.held);
            pool.own_past = decay.mean(&pool.own_past, &pool.own_held);
        }
    }

    /// Whether some pool lends what is guaranteed to it while it does not use it.
    pub(crate) fn any_lends(&self) -> bool {
        self.lending > 0
    }

    /// Whether some pool is guaranteed something.
    pub(crate) fn any_guarantee(&self) -> bool {
        self.guaranteed > 0
    }

    /// Whether something may have to be left under limits for guarantees.
    pub(crate) fn keep_under_limits(&self) -> bool {
        self.guaranteed > 0 && self.limited > 0
    }

    /// A pool and all above it, the pool first.
    pub(crate) fn upwards(&self, id: PoolId) -> impl Iterator<Item = (PoolId, &Pool)> {
        let step = |id: PoolId| Some((id, self.by_id.get(id)?));
        std::iter::successors(step(id), move |(_, pool)| step(pool.parent?))
    }

    /// A pool and all above it, the pool first.
    pub(crate) fn path(&self, id: PoolId) -> Vec<PoolId> {
        self.upwards(id).map(|(id, _)| id).collect()
    }

    /// Counts what a pool and all above will hold besides what they hold; negative for what goes.
    pub(crate) fn expect(&mut self, id: PoolId, amount: &Resources) {
        self.along(id, |pool, own| {
            pool.pending = pool.pending.plus(amount);
            if own {
                pool.own_pending = pool.own_pending.plus(amount);
            }
        });
    }

    /// Whether the limits of a pool and of all above leave room for `amount`.
    pub(crate) fn within_limits(&self, id: PoolId, amount: &Resources) -> bool {
        self.upwards(id).all(|(_, pool)| {
            let (after, limit) = (pool.held.plus(amount), &pool.settings.limit);
            amount.iter().all(|(kind, _)| after[kind] <= limit[kind])
        })
    }

    /// A pool's effective rules: what it does not say, the pool above says, then the engine.
    pub(crate) fn reclaim_rules(&self, id: PoolId, defaults: &ReclaimDefaults) -> ReclaimDefaults {
        let rules = self.upwards(id).map(|(_, pool)| &pool.settings.reclaim);
        rules.fold(ReclaimRules::default(), ReclaimRules::or).complete(defaults)
    }

    pub(crate) fn get_mut(&mut self, id: PoolId) -> Option<&mut Pool> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn find(&self, name: &str) -> Option<PoolId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn get(&self, id: PoolId) -> Option<&Pool> {
        self.by_id.get(id)
    }

    /// All pools by name, so that a parent comes before its children.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PoolId, &Pool)> {
        self.by_name.values().filter_map(|&id| Some((id, self.by_id.get(id)?)))
    }

    /// All pools, each directly followed by those below it.
    pub(crate) fn by_path(&self) -> Vec<(PoolId, &Pool)> {
        let mut pools: Vec<_> = self.iter().collect();
        pools.sort_by(|(_, left), (_, right)| left.name.split('.').cmp(right.name.split('.')));
        pools
    }

    /// What the pools from the top down to this one ask of nodes together.
    pub(crate) fn requirement(&self, id: PoolId) -> Result<Requirement, Contradiction> {
        let Some(pool) = self.get(id) else { return Ok(Requirement::default()) };
        let above = pool.parent.map(|parent| self.requirement(parent)).transpose()?;
        above.unwrap_or_default().narrowed(&pool.settings.selector)
    }

    /// Compares what is kept up to date with what follows from what the pools' `own` jobs and
    /// frameworks hold, and from how many of those name them, by index.
    pub(crate) fn check(&self, own: &[Account]) -> Result<(), String> {
        let mut sums = own.to_vec();
        // Children come after their parents.
        let ids: Vec<PoolId> = self.iter().map(|(id, _)| id).collect();
        for &id in ids.iter().rev() {
            let Some(pool) = self.by_id.get(id) else { continue };
            let (name, sum, own) = (&pool.name, sums[id.index()], own[id.index()]);
            for (what, counted, is) in [
                ("held", pool.held, sum.held),
                ("its own", pool.own_held, own.held),
                ("unplaced", pool.unplaced, sum.unplaced),
                ("offered", pool.offered, sum.offered),
                ("expected", pool.pending, sum.pending),
                ("expected of its own", pool.own_pending, own.pending),
            ] {
                ensure!(counted == is, "pool {name} counts {counted:?} as {what}, it is {is:?}");
            }
            ensure!(pool.jobs == own.jobs, "{name} counts {} jobs, not {}", pool.jobs, own.jobs);
            let needed = pool.declared || own.jobs > 0 || !pool.children.is_empty();
            ensure!(needed, "pool {name} is kept although nothing needs it");
            let parent = name.rsplit_once('.').and_then(|(parent, _)| self.find(parent));
            ensure!(pool.parent == parent, "pool {name} is below another than its name says");
            if let Some(parent) = parent {
                let above = &mut sums[parent.index()];
                above.held = above.held.plus(&sum.held);
                above.unplaced = above.unplaced.plus(&sum.unplaced);
                above.offered = above.offered.plus(&sum.offered);
                above.pending = above.pending.plus(&sum.pending);
                let listed = self.by_id.get(parent).is_some_and(|it| it.children.contains(&id));
                ensure!(listed, "pool {name} is not among its parent's children");
            }
        }
        let children: usize = self.by_id.iter().map(|(_, pool)| pool.children.len()).sum();
        let below = self.by_id.iter().filter(|(_, pool)| pool.parent.is_some()).count();
        ensure!(children == below, "{below} pools are below others, {children} are listed there");
        let all = || self.by_id.iter().map(|(_, pool)| &pool.settings);
        let guaranteed = all().filter(|settings| settings.guarantees()).count();
        let counted = self.guaranteed;
        ensure!(
            guaranteed == counted,
            "{guaranteed} pools are guaranteed something, not {counted}"
        );
        let (lending, counted) = (all().filter(|settings| settings.lends()).count(), self.lending);
        ensure!(lending == counted, "{lending} pools lend their guarantees, not {counted}");
        let (limited, counted) = (all().filter(|settings| settings.limits()).count(), self.limited);
        ensure!(limited == counted, "{limited} pools have limits, not {counted}");
        Ok(())
    }

    /// One more than the largest index of a pool.
    pub(crate) fn bound(&self) -> usize {
        self.by_id.bound()
    }

    fn along(&mut self, id: PoolId, mut change: impl FnMut(&mut Pool, bool)) {
        let mut next = Some(id);
        while let Some(pool) = next.and_then(|id| self.by_id.get_mut(id)) {
            change(pool, next == Some(id));
            next = pool.parent;
        }
    }

    fn ensure(&mut self, name: &str) -> PoolId {
        if let Some(id) = self.find(name) {
            return id;
        }
        let parent = name.rsplit_once('.').map(|(parent, _)| self.ensure(parent));
        let id = self.by_id.insert(Pool {
            name: name.into(),
            parent,
            children: Vec::new(),
            declared: false,
            settings: Settings::default(),
            held: Resources::NONE,
            unplaced: Resources::NONE,
            offered: Resources::NONE,
            own_held: Resources::NONE,
            past: Resources::NONE,
            own_past: Resources::NONE,
            pending: Resources::NONE,
            own_pending: Resources::NONE,
            below_guarantee: Lasting::default(),
            below_share: Lasting::default(),
            own_below_share: Lasting::default(),
            allocations: 0,
            own_allocations: 0,
            jobs: 0,
        });
        self.by_name.insert(name.into(), id);
        if let Some(parent) = parent.and_then(|parent| self.by_id.get_mut(parent)) {
            parent.children.push(id);
        }
        id
    }

    /// Removes a pool that nothing needs, then its parent if nothing needs that.
    fn prune(&mut self, id: PoolId) {
        let unneeded = self
            .by_id
            .get(id)
            .is_some_and(|pool| !pool.declared && pool.jobs == 0 && pool.children.is_empty());
        let Some(pool) = unneeded.then(|| self.by_id.remove(id)).flatten() else {
            return;
        };
        self.by_name.remove(&pool.name);
        if let Some(parent) = pool.parent {
            if let Some(parent) = self.by_id.get_mut(parent) {
                parent.children.retain(|&child| child.index() != id.index());
            }
            self.prune(parent);
        }
    }
}
