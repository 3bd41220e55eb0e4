//! What follows from what a driver's pod says, and how a driver ends.

use proffer_core::ExecutorKey;
use proffer_core::event::{AttemptFailure, Departure, Event, Report};
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;

use super::super::super::driver_pod::DriverEnd;
use super::super::super::pod::{ObjectName, PodFacts, Trouble};
use super::super::super::wishes::{PodWish, Wish};
use super::super::common::Common;
use super::Spark;
use super::driver::{Ended, Log, attempts};
use crate::convert::spark::DRIVER_STAGE;

impl Spark {
    /// Draws the conclusions from what is known of a driver's pod.
    pub(in super::super) fn observe_driver(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
    ) {
        let pod = common.index.pod(name).filter(|pod| pod.driver.is_some()).cloned();
        let job = match pod.as_ref().and_then(|pod| pod.driver.as_deref()) {
            Some(facts) => Some(facts.key.job.clone()),
            None => self.job_of_driver(name),
        };
        let Some(job) = job else { return };
        let driver = self.drivers.get(&job).filter(|driver| driver.pod == *name);
        let Some(driver) = driver else {
            self.review_stray_driver(common, name);
            return;
        };
        let key = driver.key.clone();
        match pod {
            Some(pod) => self.review_driver(common, now, &key, &pod),
            None if driver.uid.is_some() && common.index.pod(name).is_none() => {
                let lost = Departure::Lost("the driver's pod was deleted".to_owned());
                self.end_driver(common, now, &key, lost, false);
            }
            None => {}
        }
    }

    fn review_driver(&mut self, common: &mut Common, now: Time, key: &ExecutorKey, pod: &PodFacts) {
        let Some(driver) = self.drivers.get_mut(&key.job) else { return };
        let Some(facts) = pod.driver.as_deref() else { return };
        driver.uid = Some(pod.uid.clone());
        let told = (pod.node.clone().or_else(|| driver.node.clone()), pod.is_deleting);
        if driver.told.as_ref() != Some(&told) && !pod.has_ended {
            let first = driver.told.is_none();
            driver.node.clone_from(&told.0);
            driver.told = Some(told);
            self.tell_driver(common, now, &key.job, first);
        }
        if facts.is_running {
            self.show_driver(common, &key.job, "Running");
        }
        if let Some(end) = facts.end.clone() {
            self.take_end(common, now, key, end);
        } else if let (Some(node), true) = (&pod.node, pod.is_deleting) {
            if !common.answers(node) {
                let lost = Departure::Lost(format!("node {node} does not answer"));
                self.end_driver(common, now, key, lost, false);
            }
        } else if let Some(trouble) = facts.trouble.clone().filter(|_| !pod.is_deleting) {
            self.take_trouble(common, now, key, trouble);
        }
    }

    /// A driver cannot start.
    fn take_trouble(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        trouble: Trouble,
    ) {
        if trouble.is_unschedulable() {
            self.delete_driver(common, key);
            self.end_driver(common, now, key, Departure::Refused(trouble.message), false);
            return;
        }
        let failed = DriverEnd::Failed {
            reason: "DriverNotStarted".into(),
            message: trouble.message,
            log: String::new(),
            by_signal: false,
        };
        self.take_end(common, now, key, failed);
    }

    fn job_of_driver(&self, name: &ObjectName) -> Option<JobKey> {
        let mut all = self.drivers.iter();
        all.find(|(_, driver)| driver.pod == *name).map(|(job, _)| job.clone())
    }

    /// A driver's pod that the engine does not know of: it ended long ago and stays for its log, or nobody
    /// wants it any more.
    fn review_stray_driver(&self, common: &mut Common, name: &ObjectName) {
        let Some(pod) = common.index.pod(name) else { return };
        let Some(facts) = &pod.driver else { return };
        if !pod.has_ended && !self.ended.contains_key(&facts.key) {
            common.delete_pod(name);
        }
    }

    /// Takes in what became of a driver, as what became of its task.
    fn take_end(&mut self, common: &mut Common, now: Time, key: &ExecutorKey, end: DriverEnd) {
        let Some(driver) = self.drivers.get_mut(&key.job) else { return };
        let is_deleting = common.index.pod(&driver.pod).is_some_and(|pod| pod.is_deleting);
        // What has to make room, or goes with its node, is not to blame for it.
        let was_sent_away = match &end {
            DriverEnd::Failed { by_signal, .. } => driver.is_removing || is_deleting && *by_signal,
            DriverEnd::Succeeded | DriverEnd::Lost(_) => false,
        };
        if was_sent_away {
            let lost = Departure::Lost("the driver's pod was deleted".to_owned());
            self.end_driver(common, now, key, lost, false);
            return;
        }
        let Some(attempt) = driver.attempt else { return };
        let end = match &driver.log {
            Log::Read(log) => end.with_log(Some(log)),
            Log::Asked => return,
            Log::Unread if end.is_for_its_log_to_say() => {
                driver.log = Log::Asked;
                common.queue.push(Wish::Pod(driver.pod.clone(), PodWish::ReadLog));
                return;
            }
            Log::Unread => end.with_log(None),
        };
        let mut report = Report { number: 3, ready: true, ..Report::default() };
        let shown = match end {
            DriverEnd::Lost(departure) => {
                self.end_driver(common, now, key, departure, false);
                return;
            }
            DriverEnd::Succeeded => {
                report.finished.push(attempts(attempt));
                "Succeeded"
            }
            DriverEnd::Failed { reason, message, log, .. } => {
                report.failures.push(AttemptFailure {
                    stage: DRIVER_STAGE.into(),
                    partition: 0,
                    attempt,
                    reason,
                    message,
                    stderr: log,
                    is_final: false,
                });
                "Failed"
            }
        };
        common.engine.handle(now, Event::Report(key.clone(), report));
        self.show_driver(common, &key.job, shown);
        self.end_driver(common, now, key, Departure::Asked, true);
    }

    /// Takes in the end of a driver's log.
    pub(in super::super) fn take_log(
        &mut self,
        common: &mut Common,
        now: Time,
        pod: &ObjectName,
        log: String,
    ) {
        let Some(job) = self.job_of_driver(pod) else { return };
        if let Some(driver) = self.drivers.get_mut(&job) {
            driver.log = Log::Read(log);
        }
        self.observe_driver(common, now, pod);
    }

    /// Tells the engine that a driver is gone: by itself, or lost.
    pub(super) fn end_driver(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        departure: Departure,
        by_itself: bool,
    ) {
        if !by_itself {
            self.show_driver(common, &key.job, "Lost");
        }
        let Some(driver) = self.forget_driver(common, key) else { return };
        if let Some(uid) = driver.uid {
            self.ended.insert(key.clone(), Ended { pod: driver.pod, uid, by_itself });
        }
        let asked = driver.is_removing && !by_itself;
        common.gone(now, key, if asked { Departure::Asked } else { departure });
        self.ended_jobs.insert(key.job.clone());
    }
}
