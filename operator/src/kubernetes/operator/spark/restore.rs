//! Applications that were there before this process began.

use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;

use super::super::super::pod::ObjectName;
use super::super::common::{Common, Job};
use super::Spark;
use super::driver::{Driver, Log};
use crate::convert;

impl Spark {
    /// Takes in the drivers.
    pub(in super::super) fn restore_drivers(&mut self, common: &mut Common, now: Time) {
        for key in applications(common) {
            let Some((job, _)) = common.application(&key) else { continue };
            let shown = job.object.status.as_ref().and_then(|status| status.application.clone());
            let driver = driver_of(common, &key, job, now);
            if job.object.status.is_none() {
                continue;
            }
            if let Some(shown) = shown {
                self.shown.insert(key.clone(), shown);
            }
            if let Some(driver) = driver {
                common.index.set_own(&driver.pod, true);
                self.drivers.insert(key.clone(), driver);
                self.tell_driver(common, now, &key, true);
            }
        }
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
        let jobs: Vec<JobKey> = self.places.keys().cloned().collect();
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

/// The driver of an application, if there is a pod of one that the job's status does not account for.
fn driver_of(common: &Common, key: &JobKey, job: &Job, now: Time) -> Option<Driver> {
    let status = convert::restored_status(&job.object)?;
    let uid: Box<str> = job.object.uid().unwrap_or_default().into();
    let next_epoch = status.epochs.get(&0).copied().unwrap_or(0);
    let attempt = status.stages.first().map_or(0, |stage| {
        [&stage.failures, &stage.losses, &stage.other_attempts]
            .map(|counts| counts.get(&0).copied().unwrap_or(0))
            .into_iter()
            .fold(0, u32::saturating_add)
    });
    let mut drivers = common.index.pods().filter_map(|(name, pod)| {
        let facts = pod.driver.as_deref().filter(|it| it.key.job == *key)?;
        (facts.job_uid == uid && facts.key.epoch >= next_epoch).then_some((name, pod, facts))
    });
    let (name, pod, facts) = drivers.next()?;
    Some(Driver {
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
    })
}
