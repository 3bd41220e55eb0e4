//! Spark applications: drivers, and the places of their executors.
//!
//! To the engine an application is a job with one task, the driver, whose executor has index 0. The other
//! executors are places for pods that Spark makes. All of them are given at once, so that no driver holds
//! room that its executors would need; a place without a pod stands in the job's status
//! (`status.admission`). Pods of the application that wait take these places.
//!
//! What became of the driver is told as what became of its task, so restarts, deadlines and statuses are
//! those of all jobs.
//!
//! - `driver` makes drivers and hands them their task, `end` is about what becomes of them.
//! - `places` is about the executors' pods, and places for those that are to come.
//! - `status` is what is shown of an application.
//! - `restore` takes in what was there before this process began.

mod driver;
mod end;
mod places;
mod restore;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;
use proffer_core::ExecutorKey;
use proffer_core::action::Launch;
use proffer_core::event::{Departure, Event};
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;
use proffer_crds::spark::ApplicationStatus;

use super::super::gated_pod::GatedFacts;
use super::super::pod::ObjectName;
use super::super::writes::Failure;
use super::common::Common;
use super::offered::{Found, OfferedPods, Placed};
use driver::{Driver, Ended};
use places::Places;

/// The Spark applications.
#[derive(Debug, Default)]
pub(super) struct Spark {
    /// The driver of each job that has one.
    drivers: BTreeMap<JobKey, Driver>,
    /// Drivers that ended, until what became of them is stored.
    ended: BTreeMap<ExecutorKey, Ended>,
    /// Executors' pods.
    pods: OfferedPods,
    /// The places of executors that have no pods yet.
    places: BTreeMap<JobKey, Places>,
    /// When which job is looked at.
    looks: BTreeSet<(Time, JobKey)>,
    /// Jobs whose status has something new of the application, and when it is written.
    changed: BTreeMap<JobKey, Time>,
    /// What of an application's last driver is shown.
    shown: BTreeMap<JobKey, ApplicationStatus>,
    /// Jobs whose drivers have ended: their pods that wait have to be looked at.
    ended_jobs: BTreeSet<JobKey>,
}

/// Whose a pod is that waits for an offer or was placed by one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// An application's.
    Application(JobKey),
    /// One of those that are counted by what they ask for.
    Group,
    /// Nobody's: it waits for an application that is over.
    Nobody,
}

impl Spark {
    /// When there is something to be done.
    pub(super) fn wakeup(&self) -> Option<Time> {
        let look = self.looks.first().map(|&(at, _)| at);
        let changed = self.changed.values().copied().min();
        self.pods.wakeup().into_iter().chain(look).chain(changed).min()
    }

    /// Does what it is time for.
    pub(super) fn fire(&mut self, common: &mut Common, now: Time) {
        self.pods.fire(common, now);
        while let Some((at, job)) = self.looks.first().filter(|(at, _)| *at <= now).cloned() {
            self.looks.remove(&(at, job.clone()));
            self.tell_demand(common, now, &job);
        }
        self.write_changed(common, now);
    }

    /// Whether a driver or a placed pod may be on a node.
    pub(super) fn is_on(&self, node: &str) -> bool {
        let mut drivers = self.drivers.values();
        drivers.any(|driver| driver.node.as_deref() == Some(node)) || self.pods.is_on(node)
    }

    /// Whether an executor of the engine is known: a driver, a pod or a place.
    pub(super) fn has(&self, key: &ExecutorKey) -> bool {
        self.is_driver(key)
            || self.ended.contains_key(key)
            || self.pods.is_placed(key)
            || self.places.get(&key.job).is_some_and(|places| places.has(key))
    }

    /// Whose a pod is that waits for an offer or was placed by one. Executors of an application that is
    /// over wait for nothing any more.
    pub(super) fn home_of(&self, common: &Common, name: &ObjectName, facts: &GatedFacts) -> Home {
        let Some((job, application)) = &facts.application else { return Home::Group };
        let key = JobKey { namespace: name.namespace.clone(), name: (&**job).into() };
        let Some((job, _)) = common.application(&key) else { return Home::Group };
        if !self.is_current(&key, application) {
            return Home::Nobody;
        }
        // Of another size than the others (a resource profile of its own), it is asked for by itself.
        let place = job.spec.as_ref().map(|spec| &*spec.executor.request).unwrap_or_default();
        let fits = facts.shape.request.iter().all(|(kind, amount)| {
            place.iter().any(|(name, place)| name == kind && amount <= place) || *amount == 0
        });
        if fits { Home::Application(key) } else { Home::Group }
    }

    /// The engine gave an application a place: for its driver, for an executor that waits, or for one
    /// that is to come.
    pub(super) fn launch(&mut self, common: &mut Common, now: Time, launch: Launch) {
        if launch.key.index == 0 {
            self.want_driver(common, now, launch);
        } else if self.pods.is_placed(&launch.key) {
            self.pods.place(common, now, launch);
        } else {
            self.hold_place(common, now, &launch.key, launch.node);
            self.fill_places(common, &launch.key.job);
            self.note(common, &launch.key.job);
        }
    }

    /// The engine wants a driver, a pod or a place to go.
    pub(super) fn remove(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        if self.is_driver(key) {
            self.remove_driver(common, now, key);
            return;
        }
        if self.give_back(key) {
            self.note(common, &key.job);
        }
        if !self.pods.remove(common, now, key) {
            common.gone(now, key, Departure::Asked);
            if self.places.contains_key(&key.job) {
                self.tell_demand(common, now, &key.job);
            }
        }
    }

    /// What became of a driver is stored. Nothing is left of pods and places that are gone.
    pub(super) fn discard(&mut self, common: &mut Common, now: Time, key: ExecutorKey) {
        self.discard_driver(common, &key);
        common.engine.handle(now, Event::Discarded(key));
    }

    /// Looks at a pod anew, which may be one of others now; says whether it is as it was.
    pub(super) fn look(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        home: Option<&Home>,
    ) -> bool {
        let belongs = |job: &JobKey, _: &GatedFacts| matches!(home, Some(Home::Application(own)) if own == job);
        let found = self.pods.look(common, now, name, belongs);
        if found == Found::Other {
            self.leave(common, now, name);
        }
        found == Found::Same
    }

    /// Jobs whose drivers have ended since this was last asked, with their pods that wait.
    pub(super) fn take_ended(&mut self) -> Vec<(JobKey, Vec<ObjectName>)> {
        let jobs = std::mem::take(&mut self.ended_jobs).into_iter();
        jobs.map(|job| (job.clone(), self.pods.waiting(&job))).collect()
    }

    /// Takes in what came of placing a pod.
    pub(super) fn placed(
        &mut self,
        common: &mut Common,
        now: Time,
        launch: Launch,
        result: Result<Option<Box<Pod>>, Failure>,
    ) {
        if let Placed::Missing(name) = self.pods.placed(common, now, launch, result) {
            self.miss(common, now, &name);
        }
    }

    /// Takes in that a pod is gone; the watch may be behind.
    pub(super) fn miss(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        if self.pods.is_as_seen(common, name) {
            common.take_pod(name, None);
            self.leave(common, now, name);
        }
    }
}
