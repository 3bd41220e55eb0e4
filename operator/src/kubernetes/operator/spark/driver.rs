//! Drivers: how they are made, get their task, and are told to go.

use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::{Departure, Event, ExecutorObservation, Report, StageAttempts};
use proffer_core::jobs::JobKey;
use proffer_core::ranges::Ranges;
use proffer_core::time::Time;
use proffer_crds::job::PodRetention;
use proffer_crds::spark::ApplicationStatus;

use super::super::super::grants::Grant;
use super::super::super::pod::{ObjectName, pod_facts};
use super::super::super::spark_pod::{Attempt, parts};
use super::super::super::wishes::{DriverWish, PodWish, Wish};
use super::super::super::writes::{DriverAnswer, DriverWrite, Failure};
use super::super::common::Common;
use super::Spark;
use super::places::FIRST_EXECUTORS;
use crate::convert;
use crate::convert::spark::DRIVER_STAGE;

/// A driver.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) key: ExecutorKey,
    pub(super) job_uid: Box<str>,
    pub(super) pod: ObjectName,
    pub(super) application: Box<str>,
    pub(super) node: Option<Box<str>>,
    /// Its pod's uid, once it was seen.
    pub(super) uid: Option<Box<str>>,
    /// What the engine was told of it: where it is, and whether it goes.
    pub(super) told: Option<(Option<Box<str>>, bool)>,
    /// The number of the attempt that it is.
    pub(super) attempt: Option<u32>,
    pub(super) is_removing: bool,
    pub(super) made_at: Time,
    /// Whether it was said that its image has another version of Spark.
    pub(super) version_told: bool,
    pub(super) log: Log,
}

/// The end of a driver's log.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Log {
    #[default]
    Unread,
    Asked,
    /// Nothing, if it could not be read.
    Read(String),
}

/// A driver that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) pod: ObjectName,
    pub(super) uid: Box<str>,
    pub(super) by_itself: bool,
}

impl Driver {
    /// What is first shown of its application.
    pub(super) fn first_shown(&self) -> ApplicationStatus {
        ApplicationStatus {
            id: self.application.to_string(),
            driver_pod: self.pod.name.to_string(),
            driver_state: "Pending".to_owned(),
            submission_time: convert::time(self.made_at),
            ..ApplicationStatus::default()
        }
    }
}

impl Spark {
    /// Whether an executor of the engine is a driver.
    pub(super) fn is_driver(&self, key: &ExecutorKey) -> bool {
        self.drivers.get(&key.job).is_some_and(|driver| driver.key == *key)
    }

    /// Whether the driver of an application runs, as far as is known.
    pub(super) fn is_current(&self, job: &JobKey, application: &str) -> bool {
        self.drivers.get(job).is_some_and(|driver| &*driver.application == application)
    }

    /// The engine wants a driver.
    pub(super) fn want_driver(&mut self, common: &mut Common, now: Time, launch: Launch) {
        let Some((job, spark)) = common.application(&launch.key.job) else {
            common.gone(now, &launch.key, Departure::Withdrawn("its job is gone".to_owned()));
            return;
        };
        if !self.is_driver(&launch.key) {
            let is_dynamic = spark.is_dynamic();
            let attempt = Attempt::new(&job.object, launch.key.epoch);
            let (job_uid, key) = (job.object.uid().unwrap_or_default().into(), &launch.key.job);
            let (namespace, name) = (key.namespace.clone(), attempt.driver.as_str().into());
            let driver = Driver {
                key: launch.key.clone(),
                job_uid,
                pod: ObjectName { namespace, name },
                application: attempt.application.as_str().into(),
                node: launch.node.clone(),
                uid: None,
                told: None,
                attempt: None,
                is_removing: false,
                made_at: now,
                version_told: false,
                log: Log::default(),
            };
            common.index.set_own(&driver.pod, true);
            self.shown.insert(key.clone(), driver.first_shown());
            self.drivers.insert(key.clone(), driver);
            self.note(common, key);
            if is_dynamic {
                let at = now + FIRST_EXECUTORS;
                self.looks.insert((at, key.clone()));
            }
        }
        let key = launch.key.clone();
        common.queue.push(Wish::Driver(key, DriverWish::Launch(launch)));
    }

    /// How to make a driver, with what it needs; nothing if it is not wanted any more.
    pub(in super::super) fn write(
        &mut self,
        common: &mut Common,
        now: Time,
        wish: DriverWish,
    ) -> Option<DriverWrite> {
        let DriverWish::Launch(launch) = wish;
        if !self.is_driver(&launch.key) {
            return None;
        }
        let (job, _) = common.application(&launch.key.job)?;
        let grant = Grant::of_driver(&launch.key.job.namespace, &job.object);
        if !common.grants(&grant, &launch.key) {
            return None;
        }
        let (job, spark) = common.application(&launch.key.job)?;
        let most = common.room_for_executors(&job.object.spec.pool, spark);
        match parts(&launch, &job.object, spark, most, &common.settings.pods) {
            Ok(parts) => Some(DriverWrite::Launch { parts: Box::new(parts) }),
            Err(problem) => {
                self.forget_driver(common, &launch.key);
                common.gone(now, &launch.key, Departure::Withdrawn(problem));
                None
            }
        }
    }

    /// Takes in what came of making a driver.
    pub(in super::super) fn answered(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        answer: DriverAnswer,
    ) {
        let DriverAnswer::Launched(result) = answer;
        match result {
            Ok(pod) => {
                let name = ObjectName {
                    namespace: pod.namespace().unwrap_or_default().into(),
                    name: pod.name_any().into(),
                };
                // What a watch has told meanwhile is newer.
                if common.index.pod(&name).is_none() {
                    common.take_pod(&name, Some(pod_facts(&pod)));
                    self.observe_driver(common, now, &name);
                }
            }
            Err(Failure::Refused(why)) => {
                if self.is_driver(key) {
                    self.forget_driver(common, key);
                }
                common.gone(now, key, Departure::Withdrawn(why));
            }
            Err(Failure::Unknown(_)) => {
                common.engine.handle(now, Event::NotDelivered(key.clone()));
            }
        }
    }

    /// Tells the engine of a driver's pod; the first time also that it takes its task.
    pub(super) fn tell_driver(&self, common: &mut Common, now: Time, job: &JobKey, first: bool) {
        let Some(driver) = self.drivers.get(job) else { return };
        let Some(known) = common.jobs.get(job) else { return };
        let (node, terminating) = driver.told.clone().unwrap_or_default();
        let requests = common.index.pod(&driver.pod).map(|pod| pod.requests.clone());
        let request =
            requests.unwrap_or_default().into_iter().filter(|(name, _)| &**name != "pods");
        let observed = ExecutorObservation {
            key: driver.key.clone(),
            job_uid: driver.job_uid.clone(),
            pool: known.object.spec.pool.as_str().into(),
            node,
            request: request.collect(),
            attempts: driver.attempt.map(attempts).into_iter().collect(),
            acknowledged_report: 0,
            terminating,
        };
        common.engine.handle(now, Event::Executor(Box::new(observed)));
        if first {
            let report = Report { number: 1, ready: true, ..Report::default() };
            common.engine.handle(now, Event::Report(driver.key.clone(), report));
        }
    }

    /// The engine gave a driver its task. Places and pods are given none.
    pub(in super::super) fn assign(
        &mut self,
        common: &mut Common,
        now: Time,
        assignment: &Assignment,
    ) {
        if !self.is_driver(&assignment.key) {
            return;
        }
        let Some(driver) = self.drivers.get_mut(&assignment.key.job) else { return };
        let Some(attempt) = assignment.attempts.first().map(|attempts| attempts.attempt) else {
            return;
        };
        driver.attempt = Some(attempt);
        let (pod, key) = (driver.pod.clone(), driver.key.clone());
        let running = Report {
            number: 2,
            ready: true,
            running: vec![attempts(attempt)],
            observed_assignment: assignment.number,
            ..Report::default()
        };
        common.engine.handle(now, Event::Report(key, running));
        // It may have ended before it had a number.
        self.observe_driver(common, now, &pod);
    }

    /// What the drivers need that there are is granted to them as long as it is needed.
    pub(in super::super) fn keep_granted(&self, common: &mut Common) {
        for key in self.drivers.keys() {
            let Some((job, _)) = common.application(key) else { continue };
            common.keep_granted(Grant::of_driver(&key.namespace, &job.object));
        }
    }

    /// Forgets a driver, and no longer accounts for its pod.
    pub(super) fn forget_driver(
        &mut self,
        common: &mut Common,
        key: &ExecutorKey,
    ) -> Option<Driver> {
        let driver = self.drivers.remove(&key.job)?;
        common.index.set_own(&driver.pod, false);
        Some(driver)
    }

    /// The engine wants a driver to go.
    pub(super) fn remove_driver(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        let Some(driver) = self.drivers.get_mut(&key.job) else { return };
        driver.is_removing = true;
        if driver.uid.is_none() && !common.queue.drivers.is_in_flight(key) {
            // It was not begun to be made, or nothing was heard of that: what comes after all is deleted.
            common.queue.drivers.drop_waiting(key, |DriverWish::Launch(_)| true);
            self.end_driver(common, now, key, Departure::Asked, false);
            return;
        }
        self.delete_driver(common, key);
    }

    /// Wants a driver's pod deleted, if it is known to be there.
    pub(super) fn delete_driver(&self, common: &mut Common, key: &ExecutorKey) {
        let Some(driver) = self.drivers.get(&key.job) else { return };
        if common.index.pod(&driver.pod).is_some_and(|pod| pod.is_deleting) {
            return;
        }
        if let Some(uid) = driver.uid.clone() {
            let wish = PodWish::Delete { uid, grace_seconds: None };
            common.queue.push(Wish::Pod(driver.pod.clone(), wish));
        }
    }

    /// What became of a driver is stored: its pod goes, unless it stays for its log.
    pub(super) fn discard_driver(&mut self, common: &mut Common, key: &ExecutorKey) {
        let Some(Ended { pod, uid, by_itself }) = self.ended.remove(key) else { return };
        let retention = common.jobs.get(&key.job).map(|job| job.object.spec.pod_retention);
        let stays = match retention {
            Some(PodRetention::OnFailure | PodRetention::Always) => by_itself,
            Some(PodRetention::Never) | None => false,
        };
        if !stays && common.index.pod(&pod).is_some_and(|pod| !pod.is_deleting) {
            let wish = PodWish::Delete { uid, grace_seconds: None };
            common.queue.push(Wish::Pod(pod, wish));
        }
    }
}

/// The attempt of the driver's task that has this number.
pub(super) fn attempts(attempt: u32) -> StageAttempts {
    StageAttempts { stage: DRIVER_STAGE.into(), attempt, partitions: Ranges::from_iter([0]) }
}
