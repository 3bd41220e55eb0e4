//! Applications that were there before this process began.

use std::collections::BTreeSet;

use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::event::Departure;
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;

use super::super::super::driver_pod::{DriverEnd, DriverFacts};
use super::super::super::pod::{ObjectName, PodFacts};
use super::super::common::Common;
use super::Spark;
use super::driver::{Driver, Ended, Log};
use super::places::FIRST_EXECUTORS;
use crate::convert;

impl Spark {
    /// Takes in the drivers.
    pub(in super::super) fn restore_drivers(&mut self, common: &mut Common, now: Time) {
        for key in applications(common) {
            let drivers = drivers_of(common, &key, now);
            let Some((job, spark)) = common.application(&key) else { continue };
            let is_dynamic = spark.is_dynamic();
            if let Some(shown) = job.object.status.as_ref().and_then(|it| it.application.clone()) {
                self.shown.insert(key.clone(), shown);
            }
            for driver in drivers {
                self.bury_driver(common, now, &key);
                self.restore_driver(common, now, driver, is_dynamic);
            }
        }
    }

    /// Takes in a driver. Whether its first executors are still to come is known by its age.
    fn restore_driver(
        &mut self,
        common: &mut Common,
        now: Time,
        mut driver: Driver,
        is_dynamic: bool,
    ) {
        let key = driver.key.job.clone();
        let shown = self.shown.get(&key).filter(|shown| *shown.id == *driver.application);
        if let Some(shown) = shown {
            let submitted = shown.submission_time.as_ref();
            driver.made_at = submitted.map_or(now, |at| convert::read_time(at.0)).min(now);
        } else {
            self.shown.insert(key.clone(), driver.first_shown());
        }
        let first_until = driver.made_at + FIRST_EXECUTORS;
        if is_dynamic && now < first_until {
            self.looks.insert((first_until, key.clone()));
        }
        common.index.set_own(&driver.pod, true);
        self.drivers.insert(key.clone(), driver);
        self.tell_driver(common, now, &key, true);
    }

    /// There is a newer driver than the one that is known: that one was over, and its end was not stored.
    /// The application went on, so nothing that ended it long ago may end it now.
    fn bury_driver(&mut self, common: &mut Common, now: Time, job: &JobKey) {
        let Some(key) = self.drivers.get(job).map(|driver| driver.key.clone()) else { return };
        let Some(driver) = self.forget_driver(common, &key) else { return };
        let pod = common.index.pod(&driver.pod);
        let by_itself = pod.is_some_and(|pod| pod.has_ended);
        let message = match pod.and_then(|pod| pod.driver.as_deref()?.end.clone()) {
            Some(DriverEnd::Failed { message, .. }) => message,
            Some(DriverEnd::Lost(_) | DriverEnd::Succeeded) | None => {
                "another driver took its place".to_owned()
            }
        };
        if let Some(uid) = driver.uid {
            self.ended.insert(key.clone(), Ended { pod: driver.pod, uid, by_itself });
        }
        common.gone(now, &key, Departure::Lost(message));
    }

    /// Takes in a pod that was placed before this process began. The engine is told when all are known.
    pub(in super::super) fn restore_pod(
        &mut self,
        common: &mut Common,
        job: &JobKey,
        name: &ObjectName,
    ) {
        if !self.join_application(common, job, name) {
            return;
        }
        // What stands in a job's status goes by the names that its executors have had.
        let known = common.index.pod(name).and_then(|pod| pod.gated.as_ref()?.executor);
        let places = self.places.entry(job.clone()).or_default();
        let (index, epoch) = known.unwrap_or_else(|| (places.next_unnamed(), 0));
        let executor = ExecutorKey { job: job.clone(), index, epoch };
        self.pods.seat(common, &executor, name);
    }

    /// Tells the engine how many pods there were.
    pub(in super::super) fn tell_restored(&mut self, common: &mut Common, now: Time) {
        let jobs: BTreeSet<JobKey> =
            self.places.keys().chain(self.drivers.keys()).cloned().collect();
        jobs.iter().for_each(|job| self.tell_demand(common, now, job));
    }

    /// Tells the engine where the pods are.
    pub(in super::super) fn tell_pods(&mut self, common: &mut Common, now: Time) {
        self.pods.tell_places(common, now);
    }

    /// Takes in the places that have no pods yet.
    pub(in super::super) fn restore_places(&mut self, common: &mut Common, now: Time) {
        for key in applications(common) {
            let Some((job, _)) = common.application(&key) else { continue };
            let status = job.object.status.as_ref().filter(|status| !status.state.is_final());
            let admission = status.and_then(|status| status.admission.clone());
            for place in admission.into_iter().flat_map(|admission| admission.places) {
                let number = |number: i32| u32::try_from(number).unwrap_or(0);
                let (index, epoch) = (number(place.index), number(place.epoch));
                let executor = ExecutorKey { job: key.clone(), index, epoch };
                let node = (!place.node.is_empty()).then(|| place.node.as_str().into());
                self.hold_place(common, now, &executor, node);
            }
        }
    }
}

/// The jobs that are applications.
fn applications(common: &Common) -> Vec<JobKey> {
    let keys = common.jobs.keys().filter(|key| common.application(key).is_some());
    keys.cloned().collect()
}

/// The drivers of an application that its status does not account for, oldest first. The last one is the
/// one that it has: a driver is made only when those before are over.
fn drivers_of(common: &Common, key: &JobKey, now: Time) -> Vec<Driver> {
    let Some((job, _)) = common.application(key) else { return Vec::new() };
    let uid: Box<str> = job.object.uid().unwrap_or_default().into();
    // None may have been stored yet.
    let status = convert::restored_status(&job.object);
    let next_epoch = status.as_ref().and_then(|it| it.epochs.get(&0).copied()).unwrap_or(0);
    let stage = status.as_ref().and_then(|status| status.stages.first());
    let first_attempt = stage.map_or(0, |stage| {
        [&stage.failures, &stage.losses, &stage.other_attempts]
            .map(|counts| counts.get(&0).copied().unwrap_or(0))
            .into_iter()
            .fold(0, u32::saturating_add)
    });
    let mut pods: Vec<_> = common
        .index
        .pods()
        .filter_map(|(name, pod)| Some((name, pod, pod.driver.as_deref()?)))
        .filter(|(_, _, facts)| facts.key.job == *key && facts.job_uid == uid)
        .filter(|(_, _, facts)| facts.key.epoch >= next_epoch)
        .collect();
    pods.sort_by_key(|(_, _, facts)| facts.key.epoch);
    let driver = |(older, (name, pod, facts)): (u32, (&ObjectName, &PodFacts, &DriverFacts))| {
        let attempt = first_attempt.saturating_add(older);
        Driver {
            key: facts.key.clone(),
            pod: name.clone(),
            application: facts.application.clone(),
            node: pod.node.clone(),
            uid: Some(pod.uid.clone()),
            told: Some((pod.node.clone(), false)),
            attempt: Some(attempt),
            is_removing: false,
            made_at: now,
            version_told: false,
            log: Log::default(),
            job_uid: uid.clone(),
        }
    };
    (0..).zip(pods).map(driver).collect()
}
