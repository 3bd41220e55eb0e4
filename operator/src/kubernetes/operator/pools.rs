//! Pools.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use proffer_core::event::Event;
use proffer_core::time::{Span, Time};
use proffer_crds::{DEFAULT_POOL, ResourcePool};

use super::super::names::POOL_FINALIZER;
use super::super::wishes::{PoolWish, Wish};
use super::super::writes::{Failure, PoolAnswer, PoolWrite};
use super::Operator;
use super::common::Common;
use crate::convert;
use crate::record::RecordedEngine;

/// How long changes of pools' statuses are gathered.
const GATHERING: Span = Span::from_seconds(1);

/// The pools.
#[derive(Debug, Default)]
pub(super) struct Pools {
    known: BTreeMap<Box<str>, Arc<ResourcePool>>,
    /// When their statuses are written next, if something changed.
    due: Option<Time>,
}

impl Pools {
    /// A pool as last seen.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<ResourcePool>> {
        self.known.get(name)
    }

    /// The names of all pools.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(|name| &**name)
    }

    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        self.due
    }

    /// Has the statuses of pools written soon, if they are not to be anyway.
    pub(super) fn note(&mut self, now: Time) {
        self.due.get_or_insert(now + GATHERING);
    }

    /// Has the statuses of pools written at once, if they are not to be later anyway.
    pub(super) fn note_decisions(&mut self, now: Time) {
        self.due.get_or_insert(now);
    }

    /// How to write what should be written; nothing if the pool is gone.
    pub(super) fn write(&self, name: &str, wish: PoolWish) -> Option<PoolWrite> {
        let pool = || self.known.get(name).cloned();
        Some(match wish {
            PoolWish::Status(status) => PoolWrite::Status { pool: pool()?, status },
            PoolWish::Create => PoolWrite::Create,
            PoolWish::Keep(keep) => PoolWrite::Keep { pool: pool()?, keep },
            PoolWish::Shape(shape) => PoolWrite::Shape { pool: pool()?, shape },
        })
    }

    /// What has to be written of pools whose statuses are not as they were, and of those that nobody uses
    /// any more.
    fn changes(&self, now: Time, engine: &RecordedEngine) -> Vec<Wish> {
        let wishes = engine.pools().into_iter().filter_map(|status| {
            let pool = self.known.get(&status.name)?;
            let is_deleting = pool.metadata.deletion_timestamp.is_some();
            if is_deleting && !status.in_use {
                return Some(Wish::Pool(status.name.clone(), PoolWish::Keep(false)));
            }
            let before = pool.status.as_ref();
            let previous = before.map(|status| &*status.conditions).unwrap_or_default();
            let generation = pool.metadata.generation;
            let new = convert::pool_status(&status, previous, generation, now);
            let is_new = before != Some(&new);
            is_new.then(|| Wish::Pool(status.name.clone(), PoolWish::Status(Box::new(new))))
        });
        wishes.collect()
    }
}

impl Common {
    /// Everything was seen: makes the pool of jobs that name none, if it is to be made.
    pub(super) fn begin_pools(&mut self, now: Time) {
        self.pools.due = Some(now);
        if self.settings.makes_default_pool && self.pools.get(DEFAULT_POOL).is_none() {
            self.queue.push(Wish::Pool(DEFAULT_POOL.into(), PoolWish::Create));
        }
    }

    /// Stores the statuses of pools that are not as they were, and lets pools go that nobody uses.
    pub(super) fn publish_pools(&mut self, now: Time) {
        if self.pools.due.is_some_and(|at| at <= now) {
            self.pools.due = None;
            let changes = self.pools.changes(now, &self.engine);
            changes.into_iter().for_each(|wish| self.queue.push(wish));
        }
    }
}

impl Operator {
    /// Takes in a pool as it is now; `None` if it is gone.
    pub(super) fn observe_pool(
        &mut self,
        now: Time,
        name: &str,
        object: Option<Arc<ResourcePool>>,
    ) {
        let Self { common, mesos, .. } = self;
        common.pools.note(now);
        let Some(object) = object else {
            common.pools.known.remove(name);
            if let Some(mesos) = mesos {
                mesos.master().forget_pool(name);
            }
            common.engine.handle(now, Event::PoolGone(name.into()));
            return;
        };
        let is_news = common.pools.get(name).is_none_or(|before| {
            before.metadata.generation != object.metadata.generation
                || before.metadata.deletion_timestamp != object.metadata.deletion_timestamp
        });
        if is_news {
            let pool = convert::pool_observation(&object);
            if let Some(mesos) = mesos {
                mesos.master().observe_pool(pool.clone());
            }
            common.engine.handle(now, Event::Pool(pool));
        }
        let is_deleting = object.metadata.deletion_timestamp.is_some();
        let is_kept = object.finalizers().iter().any(|finalizer| finalizer == POOL_FINALIZER);
        if !is_deleting && !is_kept {
            common.queue.push(Wish::Pool(name.into(), PoolWish::Keep(true)));
        }
        common.pools.known.insert(name.into(), object);
    }

    /// Takes in what came of a write to a pool.
    pub(super) fn pool_answered(&mut self, now: Time, name: &str, answer: PoolAnswer) {
        let (again, result) = match answer {
            // What has changed until then is looked for every second.
            PoolAnswer::Status(result) => (None, result.map_err(Failure::from)),
            PoolAnswer::Created(result) => (Some(PoolWish::Create), result.map_err(Failure::from)),
            PoolAnswer::Kept(keep, result) => {
                (Some(PoolWish::Keep(keep)), result.map_err(Failure::from))
            }
            PoolAnswer::Shaped(shape, result) => (Some(PoolWish::Shape(shape)), result),
        };
        match result {
            Ok(Some(pool)) => {
                // A pool that is not known has gone since then, or its watch is about to tell.
                let known = self.common.pools.get(name);
                if known.is_some_and(|known| version(known) <= version(&pool)) {
                    self.observe_pool(now, name, Some(Arc::new(*pool)));
                }
            }
            Ok(None) => {}
            Err(Failure::Refused(problem)) => {
                tracing::error!(pool = %name, "cannot be written: {problem}");
            }
            Err(Failure::Unknown(_)) => {
                if let Some(again) = again {
                    self.common.queue.push(Wish::Pool(name.into(), again));
                }
            }
        }
    }
}

/// The number of an object's version; versions grow (KEP-5504).
fn version(pool: &ResourcePool) -> Option<u64> {
    pool.resource_version()?.parse().ok()
}
