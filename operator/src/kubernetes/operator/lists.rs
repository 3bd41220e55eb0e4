//! What watches have told: lists of all objects of a kind, and what a list must not be believed of.

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::event::Event;
use proffer_core::time::Time;

use super::super::pod::ObjectName;
use super::{Change, Kind, Operator};

/// What was listed.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Names of a kind that were told since it is listed.
    listing: BTreeMap<Kind, BTreeSet<ObjectName>>,
    /// The kinds that were listed at least once.
    listed: BTreeSet<Kind>,
    /// Pods and executors' objects that a write has answered and no watch has told of yet.
    unconfirmed: BTreeSet<(Kind, ObjectName)>,
    is_synced: bool,
}

impl Lists {
    /// Whether everything was seen once.
    pub(super) fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Whether all objects of a kind were told at least once.
    pub(super) fn has_listed(&self, kind: Kind) -> bool {
        self.listed.contains(&kind)
    }

    /// All objects of a kind are told anew from now on.
    pub(super) fn begin(&mut self, kind: Kind) {
        self.listing.insert(kind, BTreeSet::new());
    }

    /// An object was told of.
    pub(super) fn note(&mut self, kind: Kind, name: &ObjectName) {
        if let Some(told) = self.listing.get_mut(&kind) {
            told.insert(name.clone());
        }
        self.unconfirmed.remove(&(kind, name.clone()));
    }

    /// A write has answered an object of which no watch has told yet, so a list may not have it.
    pub(super) fn expect(&mut self, kind: Kind, name: &ObjectName) {
        self.unconfirmed.insert((kind, name.clone()));
    }

    /// Whether that is so.
    pub(super) fn is_expected(&self, kind: Kind, name: &ObjectName) -> bool {
        self.unconfirmed.contains(&(kind, name.clone()))
    }

    /// An object is none any more that anything is expected of.
    pub(super) fn forget(&mut self, kind: Kind, name: &ObjectName) {
        self.unconfirmed.remove(&(kind, name.clone()));
    }

    /// All objects of a kind were told; returns which.
    pub(super) fn end(&mut self, kind: Kind) -> BTreeSet<ObjectName> {
        self.listing.remove(&kind).unwrap_or_default()
    }

    /// Notes that a kind is known; says whether with that everything was seen for the first time.
    pub(super) fn complete(&mut self, kind: Kind) -> bool {
        self.listed.insert(kind);
        let is_first = !self.is_synced
            && Kind::ALL.iter().all(|kind| !kind.is_decisive() || self.listed.contains(kind));
        self.is_synced |= is_first;
        is_first
    }
}

impl Operator {
    /// All objects of a kind were told: others there are none.
    pub(super) fn end_listing(&mut self, now: Time, kind: Kind) {
        let told = self.common.lists.end(kind);
        let name = |name: &str| ObjectName { namespace: "".into(), name: name.into() };
        let known: Vec<ObjectName> = match kind {
            Kind::Node => self.common.index.node_names().map(name).collect(),
            Kind::Pool => self.common.pools.names().map(name).collect(),
            Kind::Job => self.common.jobs.keys().map(ObjectName::from).collect(),
            Kind::Executor => self.stages.objects().cloned().collect(),
            Kind::Pod => self.common.index.pods().map(|(name, _)| name.clone()).collect(),
            Kind::Binding | Kind::Account => self.common.grants.names(kind),
        };
        for gone in known.into_iter().filter(|name| !told.contains(name)) {
            if self.common.lists.is_expected(kind, &gone) {
                // It may have been made after the list was.
                self.stages.look_for(&mut self.common, kind, &gone);
                continue;
            }
            self.observe(
                now,
                match kind {
                    Kind::Node => Change::Node(gone.name, None),
                    Kind::Pool => Change::Pool(gone.name, None),
                    Kind::Job => Change::Job(gone, None),
                    Kind::Executor => Change::Executor(gone, None),
                    Kind::Pod => Change::Pod(gone, None),
                    Kind::Binding => Change::Binding(gone, None),
                    Kind::Account => Change::Account(gone, false),
                },
            );
        }
        if self.common.lists.complete(kind) {
            self.begin(now);
        }
        if !kind.is_decisive() {
            self.common.review_grants(|_| true);
        }
    }

    /// Everything was seen: goes on where another process stopped.
    fn begin(&mut self, now: Time) {
        self.spark.restore_drivers(&mut self.common, now);
        self.restore_offered(now);
        self.spark.restore_places(&mut self.common, now);
        self.tell_nodes(now);
        if let Some(mesos) = &mut self.mesos {
            mesos.adopt_plans(&self.common);
            mesos.restore(&mut self.common, now);
        }
        self.stages.pass_over_names(&mut self.common, now);
        self.common.engine.handle(now, Event::Synced);
        self.stages.review_all(&mut self.common, now);
        let pods: Vec<ObjectName> =
            self.common.index.pods().map(|(name, _)| name.clone()).collect();
        for name in pods {
            if !self.stages.has_pod(&name) {
                self.review_pod(now, &name);
            }
        }
        self.common.begin_pools(now);
        self.stages.keep_granted(&mut self.common);
        self.spark.keep_granted(&mut self.common);
        self.common.review_grants(|_| true);
    }
}
