//! The tree of pools and what each subtree holds: Mesos's roles.

use std::collections::BTreeMap;

use crate::arena::{Arena, Id, id};
use crate::jobs::Milliseconds;
use crate::reclaim::{IdleGuarantee, ReclaimDefaults, ReclaimRules};
use crate::resources::Resources;
use crate::share::WeightMilli;

id! {
    /// A pool that the engine knows, declared or implied by a child's name.
    PoolId
}

/// The settings of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) weight: WeightMilli,
    /// What the subtree gets first.
    pub(crate) guarantee: Resources,
    /// What the subtree gets at most.
    pub(crate) limit: Resources,
    /// Kinds of resources that it names and that found no place.
    pub(crate) uncounted: Vec<Box<str>>,
    /// How the pool gets back what others hold.
    pub(crate) reclaim: ReclaimRules,
    /// What becomes of the guarantee while nobody wants it.
    pub(crate) idle_guarantee: IdleGuarantee,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            weight: 1000,
            guarantee: Resources::NONE,
            limit: Resources::UNLIMITED,
            uncounted: Vec::new(),
            reclaim: ReclaimRules::default(),
            idle_guarantee: IdleGuarantee::default(),
        }
    }
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
    /// What the executors of the pool's own jobs hold.
    pub(crate) own_held: Resources,
    /// What the subtree will hold besides: what is kept for it, less what is on its way out.
    pub(crate) pending: Resources,
    /// The same for the pool's own jobs.
    pub(crate) own_pending: Resources,
    /// Since when jobs wait below the subtree's guarantee.
    pub(crate) below_guarantee_since: Option<Milliseconds>,
    /// Since when jobs wait while a sibling holds more by weight.
    pub(crate) below_share_since: Option<Milliseconds>,
    /// Since when the pool's own jobs wait while its children hold more by weight.
    pub(crate) own_below_share_since: Option<Milliseconds>,
    /// How many executors the subtree was ever given.
    pub(crate) allocations: u64,
    /// How many executors the pool's own jobs were ever given.
    pub(crate) own_allocations: u64,
    /// The number of jobs that name this pool.
    pub(crate) jobs: u32,
}

/// The forest of pools; `a.dev` is a child of `a`.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    by_id: Arena<PoolId, Pool>,
    by_name: BTreeMap<Box<str>, PoolId>,
}

impl Default for Pools {
    fn default() -> Self {
        Self { by_id: Arena::new(), by_name: BTreeMap::new() }
    }
}

impl Pools {
    /// Takes in a pool's new settings, making its parents where they are only implied.
    pub(crate) fn declare(&mut self, name: &str, settings: Settings) {
        let id = self.ensure(name);
        if let Some(pool) = self.by_id.get_mut(id) {
            pool.declared = true;
            pool.settings = settings;
        }
    }

    /// Forgets that a pool was declared. It goes when no job and no child needs it any more.
    pub(crate) fn retire(&mut self, name: &str) {
        if let Some(id) = self.find(name) {
            if let Some(pool) = self.by_id.get_mut(id) {
                pool.declared = false;
                // Where it is still implied, it is as any implied one.
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
        let mut next = Some(id);
        while let Some(pool) = next.and_then(|id| self.by_id.get(id)) {
            let (after, limit) = (pool.held.plus(amount), &pool.settings.limit);
            if amount.iter().any(|(kind, _)| after[kind] > limit[kind]) {
                return false;
            }
            next = pool.parent;
        }
        true
    }

    /// A pool's effective rules: what it does not say, the pool above says, then the engine.
    pub(crate) fn reclaim_rules(&self, id: PoolId, defaults: &ReclaimDefaults) -> ReclaimDefaults {
        let mut rules = ReclaimRules::default();
        let mut next = Some(id);
        while let Some(pool) = next.and_then(|id| self.by_id.get(id)) {
            rules = rules.or(&pool.settings.reclaim);
            next = pool.parent;
        }
        rules.complete(defaults)
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
            own_held: Resources::NONE,
            pending: Resources::NONE,
            own_pending: Resources::NONE,
            below_guarantee_since: None,
            below_share_since: None,
            own_below_share_since: None,
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
