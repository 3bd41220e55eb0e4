//! Spark applications: drivers, and the places of their executors.
//!
//! To the engine an application is a job with one task, the driver, whose executor has index 0. The other
//! executors are places for pods that Spark makes. All of them are given at once, so that no driver holds
//! room that its executors would need; a place without a pod stands in the job's status
//! (`status.admission`). Pods of the application that wait take these places (`gated.rs`).
//!
//! What became of the driver is told as what became of its task, so restarts, deadlines and statuses are
//! those of all jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::action::{Assignment, Launch};
use proffer_core::event::{
    AttemptFailure, Departure, Event, ExecutorObservation, Report, StageAttempts,
};
use proffer_core::jobs::JobKey;
use proffer_core::ranges::Ranges;
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;
use proffer_crds::SparkJob;
use proffer_crds::job::{PodRetention, SparkJobStatus};
use proffer_crds::spark::{Admission, ApplicationStatus, Place, SparkApplication};

use super::super::driver_pod::DriverEnd;
use super::super::notices::Notice;
use super::super::pod::ObjectName;
use super::super::spark_pod::{Attempt, DEFAULT_ACCOUNT, parts, ui_service_name};
use super::super::wishes::{ExecutorWish, JobWish, PodWish, Wish};
use super::super::writes::{DriverParts, ExecutorWrite};
use super::Operator;
use crate::convert;
use crate::convert::spark::{DRIVER_STAGE, executor_size};

/// The least time between two statuses that say something new only of an application.
const STATUS_INTERVAL_MILLISECONDS: Span = Span::from_seconds(1);

/// How long places are held for the first executors of an application that decides itself how many it
/// wants, since its driver was made.
const FIRST_EXECUTORS_MILLISECONDS: Span = Span::from_seconds(120);

/// The most executors that an application asks for whose pool has no limit.
const MOST_EXECUTORS: u32 = 1000;

/// The Spark applications.
#[derive(Debug, Default)]
pub(super) struct Sparks {
    /// The driver of each job that has one.
    drivers: BTreeMap<JobKey, Driver>,
    /// Drivers that ended, until what became of them is stored: pod, uid, and whether it ended by itself.
    ended: BTreeMap<ExecutorKey, (ObjectName, Box<str>, bool)>,
    /// When which job is looked at.
    looks: BTreeSet<(Time, JobKey)>,
    /// Jobs whose status has something new of the application, and when it is written.
    changed: BTreeMap<JobKey, Time>,
    /// What of an application's last driver is shown.
    shown: BTreeMap<JobKey, ApplicationStatus>,
}

/// A driver.
#[derive(Debug)]
struct Driver {
    key: ExecutorKey,
    job_uid: Box<str>,
    pod: ObjectName,
    application: Box<str>,
    node: Option<Box<str>>,
    /// Its pod's uid, once it was seen.
    uid: Option<Box<str>>,
    /// What the engine was told of it: where it is, and whether it goes.
    told: Option<(Option<Box<str>>, bool)>,
    /// The number of the attempt that it is.
    attempt: Option<u32>,
    is_removing: bool,
    made_at: Time,
    /// Whether it was said that its image has another version of Spark.
    version_told: bool,
    log: Log,
}

/// The end of a driver's log.
#[derive(Debug, Default, PartialEq)]
enum Log {
    #[default]
    Unread,
    Asked,
    /// Nothing, if it could not be read.
    Read(String),
}

impl Sparks {
    pub(super) fn wakeup(&self) -> Option<Time> {
        let changed = self.changed.values().copied().min();
        self.looks.first().map(|&(at, _)| at).into_iter().chain(changed).min()
    }

    /// Whether a driver may be on a node.
    pub(super) fn is_on(&self, node: &str) -> bool {
        self.drivers.values().any(|driver| driver.node.as_deref() == Some(node))
    }

    /// Whether an executor of the engine is a driver.
    pub(super) fn is_driver(&self, key: &ExecutorKey) -> bool {
        self.drivers.get(&key.job).is_some_and(|driver| driver.key == *key)
    }

    /// Whether a driver ended whose end is not stored yet.
    pub(super) fn has_ended(&self, key: &ExecutorKey) -> bool {
        self.ended.contains_key(key)
    }

    /// Whether the driver of an application runs, as far as is known.
    pub(super) fn is_current(&self, job: &JobKey, application: &str) -> bool {
        self.drivers.get(job).is_some_and(|driver| &*driver.application == application)
    }
}

impl Operator {
    /// The application of a job, if it is one of Spark.
    pub(super) fn spark_of(&self, job: &JobKey) -> Option<(&Arc<SparkJob>, &SparkApplication)> {
        let object = &self.jobs.get(job)?.object;
        Some((object, object.spec.spark.as_ref()?))
    }

    /// How many places an application should have: its driver's, those of the pods that there are, and
    /// those of the executors that it is about to ask for.
    pub(super) fn places_of(&self, now: Time, job: &JobKey) -> Option<u32> {
        let (_, spark) = self.spark_of(job)?;
        let pods = self.gated.count(job);
        let made_at = self.sparks.drivers.get(job).map(|driver| driver.made_at);
        let is_new = made_at.is_none_or(|at| now < at + FIRST_EXECUTORS_MILLISECONDS);
        let first = u32::try_from(spark.first_executors()).unwrap_or(0);
        let expected = if spark.is_dynamic() && !is_new { 0 } else { first };
        Some(expected.max(pods).saturating_add(1))
    }

    /// The engine wants a driver.
    pub(super) fn want_driver(&mut self, now: Time, launch: Launch) {
        let Some((object, spark)) = self.spark_of(&launch.key.job) else {
            self.gone(now, &launch.key, Departure::Withdrawn("its job is gone".to_owned()));
            return;
        };
        let is_dynamic = spark.is_dynamic();
        let attempt = Attempt::new(object, launch.key.epoch);
        let job = launch.key.job.clone();
        let namespace = job.namespace.clone();
        let driver = Driver {
            key: launch.key.clone(),
            job_uid: object.uid().unwrap_or_default().into(),
            pod: ObjectName { namespace, name: attempt.driver.as_str().into() },
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
        let known = self.sparks.drivers.get(&job).filter(|known| known.key == launch.key);
        if known.is_none() {
            self.index.set_own(&driver.pod, true);
            self.sparks.drivers.insert(job.clone(), driver);
            let time = convert::time(now);
            let shown = ApplicationStatus {
                id: attempt.application,
                driver_pod: attempt.driver,
                driver_state: "Pending".to_owned(),
                submission_time: time,
                ..ApplicationStatus::default()
            };
            self.sparks.shown.insert(job.clone(), shown);
            self.note_spark(&job);
            if is_dynamic {
                let at = now + FIRST_EXECUTORS_MILLISECONDS;
                self.sparks.looks.insert((at, job));
            }
        }
        let wish = Wish::Executor(launch.key.clone(), ExecutorWish::LaunchDriver(launch));
        self.queue.push(wish);
    }

    /// The write that makes a driver, with what it needs.
    pub(super) fn driver_write(&mut self, now: Time, launch: &Launch) -> Option<ExecutorWrite> {
        if !self.sparks.is_driver(&launch.key) {
            return None;
        }
        let (object, spark) = self.spark_of(&launch.key.job)?;
        let most = self.room_in_pool(&object.spec.pool, spark);
        match parts(launch, object, spark, most, &self.settings.pods) {
            Ok(parts) => {
                let account = spark.driver.service_account.clone();
                Some(ExecutorWrite::LaunchDriver(Box::new(DriverParts {
                    parts,
                    makes_account: account.is_none(),
                    account: account.unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned()),
                })))
            }
            Err(problem) => {
                self.forget_driver(&launch.key);
                self.gone(now, &launch.key, Departure::Withdrawn(problem));
                None
            }
        }
    }

    /// How many executors the limits of a pool, and of those above it, have room for.
    fn room_in_pool(&self, pool: &str, spark: &SparkApplication) -> u32 {
        let size = executor_size(spark);
        let mut most = MOST_EXECUTORS;
        let mut name = Some(pool);
        while let Some(pool) = name {
            let limit = self.pools.get(pool).map(|pool| &pool.object.spec.limit);
            for (resource, quantity) in limit.into_iter().flatten() {
                let room = match resource.as_str() {
                    "cpu" if size.cpu > 0 => quantity.milli() / size.cpu,
                    "memory" if size.memory() > 0 => quantity.units() / size.memory(),
                    _ => continue,
                };
                most = most.min(u32::try_from(room).unwrap_or(0));
            }
            name = pool.rsplit_once('.').map(|(above, _)| above);
        }
        most
    }

    /// Draws the conclusions from what is known of a driver's pod.
    pub(super) fn review_driver(&mut self, now: Time, name: &ObjectName) {
        let facts = self.index.pod(name).and_then(|pod| pod.driver.as_deref());
        let job = match facts {
            Some(facts) => Some(facts.key.job.clone()),
            None => self.job_of_driver(name),
        };
        let Some(job) = job else { return };
        let is_known = self.sparks.drivers.get(&job).is_some_and(|driver| driver.pod == *name);
        if !is_known {
            self.review_stray_driver(name);
            return;
        }
        let Some(driver) = self.sparks.drivers.get_mut(&job) else { return };
        let key = driver.key.clone();
        let Some(pod) = self.index.pod(name) else {
            if driver.uid.is_some() {
                let lost = Departure::Lost("the driver's pod was deleted".to_owned());
                self.end_driver(now, &key, lost, false, "Lost");
            }
            return;
        };
        let Some(facts) = pod.driver.clone() else { return };
        driver.uid = Some(pod.uid.clone());
        let told = (pod.node.clone().or_else(|| driver.node.clone()), pod.is_deleting);
        let (is_deleting, has_ended, node) = (pod.is_deleting, pod.has_ended, pod.node.clone());
        if driver.told.as_ref() != Some(&told) && !has_ended {
            let first = driver.told.is_none();
            driver.node.clone_from(&told.0);
            driver.told = Some(told);
            self.tell_driver(now, &job, first);
        }
        if facts.is_running {
            self.show_driver(&job, "Running");
        }
        if let Some(end) = facts.end.clone() {
            self.take_end(now, &key, end);
        } else if let (Some(node), true) = (node, is_deleting) {
            if !self.index.node(&node).is_some_and(|node| node.is_ready) {
                let lost = Departure::Lost(format!("node {node} does not answer"));
                self.end_driver(now, &key, lost, false, "Lost");
            }
        } else if let Some(trouble) = facts.trouble.filter(|_| !is_deleting) {
            if &*trouble.reason == "Unschedulable" {
                let refused = Departure::Refused(trouble.message);
                self.delete_driver(&key);
                self.end_driver(now, &key, refused, false, "Lost");
            } else {
                let failed = DriverEnd::Failed {
                    reason: "DriverNotStarted".into(),
                    message: trouble.message,
                    log: String::new(),
                    by_signal: false,
                };
                self.take_end(now, &key, failed);
            }
        }
    }

    fn job_of_driver(&self, name: &ObjectName) -> Option<JobKey> {
        let mut all = self.sparks.drivers.iter();
        all.find(|(_, driver)| driver.pod == *name).map(|(job, _)| job.clone())
    }

    /// A driver's pod that the engine does not know of: it ended long ago and stays for its log, or nobody
    /// wants it any more.
    fn review_stray_driver(&mut self, name: &ObjectName) {
        let Some(pod) = self.index.pod(name).filter(|pod| !pod.is_deleting) else { return };
        let Some(facts) = &pod.driver else { return };
        if !pod.has_ended && !self.sparks.has_ended(&facts.key) {
            let wish = PodWish::Delete { uid: pod.uid.clone(), grace_seconds: None };
            self.queue.push(Wish::Pod(name.clone(), wish));
        }
    }

    /// Tells the engine of a driver's pod; the first time also that it takes its task.
    fn tell_driver(&mut self, now: Time, job: &JobKey, first: bool) {
        let Some(driver) = self.sparks.drivers.get(job) else { return };
        let Some(pool) = self.jobs.get(job).map(|job| job.object.spec.pool.clone()) else { return };
        let (node, terminating) = driver.told.clone().unwrap_or_default();
        let requests = self.index.pod(&driver.pod).map(|pod| pod.requests.clone());
        let request =
            requests.unwrap_or_default().into_iter().filter(|(name, _)| &**name != "pods");
        let attempts = driver.attempt.map(attempts).into_iter().collect();
        let observed = ExecutorObservation {
            key: driver.key.clone(),
            job_uid: driver.job_uid.clone(),
            pool: pool.as_str().into(),
            node,
            request: request.collect(),
            attempts,
            acknowledged_report: 0,
            terminating,
        };
        let key = driver.key.clone();
        self.engine.handle(now, Event::Executor(Box::new(observed)));
        if first {
            let report = Report { number: 1, ready: true, ..Report::default() };
            self.engine.handle(now, Event::Report(key, report));
        }
    }

    /// The engine gave the driver its task.
    pub(super) fn assign_driver(&mut self, now: Time, assignment: &Assignment) {
        let job = &assignment.key.job;
        let Some(driver) = self.sparks.drivers.get_mut(job) else { return };
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
        self.engine.handle(now, Event::Report(key, running));
        // It may have ended before it had a number.
        self.review_driver(now, &pod);
    }

    /// Takes in what became of a driver, as what became of its task.
    fn take_end(&mut self, now: Time, key: &ExecutorKey, end: DriverEnd) {
        let Some(driver) = self.sparks.drivers.get_mut(&key.job) else { return };
        let is_deleting = self.index.pod(&driver.pod).is_some_and(|pod| pod.is_deleting);
        // What has to make room, or goes with its node, is not to blame for it.
        let was_sent_away = match &end {
            DriverEnd::Failed { by_signal, .. } => driver.is_removing || is_deleting && *by_signal,
            DriverEnd::Succeeded | DriverEnd::Lost(_) => false,
        };
        if was_sent_away {
            let lost = Departure::Lost("the driver's pod was deleted".to_owned());
            self.end_driver(now, key, lost, false, "Lost");
            return;
        }
        let Some(attempt) = driver.attempt else { return };
        let end = match &driver.log {
            Log::Read(log) => end.with_log(Some(log)),
            Log::Asked => return,
            Log::Unread if end.is_for_its_log_to_say() => {
                driver.log = Log::Asked;
                self.queue.push(Wish::Pod(driver.pod.clone(), PodWish::ReadLog));
                return;
            }
            Log::Unread => end.with_log(None),
        };
        let mut report = Report { number: 3, ready: true, ..Report::default() };
        let (departure, shown) = match end {
            DriverEnd::Lost(departure) => {
                self.end_driver(now, key, departure, false, "Lost");
                return;
            }
            DriverEnd::Succeeded => {
                report.finished.push(attempts(attempt));
                (Departure::Asked, "Succeeded")
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
                (Departure::Asked, "Failed")
            }
        };
        self.engine.handle(now, Event::Report(key.clone(), report));
        self.end_driver(now, key, departure, true, shown);
    }

    /// Takes in the end of a driver's log.
    pub(super) fn take_log(&mut self, now: Time, pod: &ObjectName, log: String) {
        let Some(job) = self.job_of_driver(pod) else { return };
        if let Some(driver) = self.sparks.drivers.get_mut(&job) {
            driver.log = Log::Read(log);
        }
        self.review_driver(now, pod);
    }

    /// Tells the engine that a driver is gone.
    fn end_driver(
        &mut self,
        now: Time,
        key: &ExecutorKey,
        departure: Departure,
        by_itself: bool,
        shown: &str,
    ) {
        self.show_driver(&key.job, shown);
        let Some(driver) = self.forget_driver(key) else { return };
        if let Some(uid) = driver.uid {
            self.sparks.ended.insert(key.clone(), (driver.pod, uid, by_itself));
        }
        let asked = driver.is_removing && !by_itself;
        self.gone(now, key, if asked { Departure::Asked } else { departure });
        self.review_waiting(now, &key.job);
        self.let_nodes_go(now);
    }

    /// The API server refused a driver.
    pub(super) fn refuse_driver(&mut self, now: Time, key: &ExecutorKey, why: String) {
        if self.sparks.is_driver(key) {
            self.forget_driver(key);
        }
        self.gone(now, key, Departure::Withdrawn(why));
    }

    fn forget_driver(&mut self, key: &ExecutorKey) -> Option<Driver> {
        let driver = self.sparks.drivers.remove(&key.job)?;
        self.index.set_own(&driver.pod, false);
        Some(driver)
    }

    /// The engine wants a driver to go.
    pub(super) fn remove_driver(&mut self, now: Time, key: &ExecutorKey) {
        let Some(driver) = self.sparks.drivers.get_mut(&key.job) else { return };
        driver.is_removing = true;
        if driver.uid.is_none() && !self.queue.executors.is_in_flight(key) {
            // It was not begun to be made, or nothing was heard of that: what comes after all is deleted.
            let is_launch = |wish: &ExecutorWish| matches!(wish, ExecutorWish::LaunchDriver(_));
            self.queue.executors.drop_waiting(key, is_launch);
            self.end_driver(now, key, Departure::Asked, false, "Lost");
            return;
        }
        self.delete_driver(key);
    }

    fn delete_driver(&mut self, key: &ExecutorKey) {
        let Some(driver) = self.sparks.drivers.get(&key.job) else { return };
        if self.index.pod(&driver.pod).is_some_and(|pod| pod.is_deleting) {
            return;
        }
        if let Some(uid) = driver.uid.clone() {
            let wish = PodWish::Delete { uid, grace_seconds: None };
            self.queue.push(Wish::Pod(driver.pod.clone(), wish));
        }
    }

    /// What became of a driver is stored: its pod goes, unless it stays for its log.
    pub(super) fn discard_driver(&mut self, now: Time, key: &ExecutorKey) {
        if let Some((name, uid, by_itself)) = self.sparks.ended.remove(key) {
            let retention = self.jobs.get(&key.job).map(|job| job.object.spec.pod_retention);
            let stays = match retention {
                Some(PodRetention::OnFailure | PodRetention::Always) => by_itself,
                Some(PodRetention::Never) | None => false,
            };
            if !stays && self.index.pod(&name).is_some_and(|pod| !pod.is_deleting) {
                let wish = PodWish::Delete { uid, grace_seconds: None };
                self.queue.push(Wish::Pod(name, wish));
            }
        }
        self.engine.handle(now, Event::Discarded(key.clone()));
    }

    /// Says so, once, if an executor was made by another version of Spark than the job's. It runs all the
    /// same: what differs between them is for whoever wrote the program to know.
    pub(super) fn check_version(&mut self, job: &JobKey, executor: &ObjectName) {
        let facts = self.index.pod(executor).and_then(|pod| pod.gated.as_deref());
        let Some(found) = facts.and_then(|facts| facts.spark_version.as_deref()) else { return };
        let Some((object, spark)) = self.spark_of(job) else { return };
        let (wanted, image) = (&spark.spark_version, &spark.image);
        let rest = found.strip_prefix(wanted.as_str());
        if rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit())) {
            return;
        }
        let note = format!(
            "the image {image} has Spark {found}, but spec.spark.sparkVersion says {wanted}"
        );
        let notice = Notice::of_job(object, true, "SparkVersionMismatch", &note);
        if let Some(driver) = self.sparks.drivers.get_mut(job)
            && !std::mem::replace(&mut driver.version_told, true)
        {
            self.notices.push(notice);
        }
    }

    fn show_driver(&mut self, job: &JobKey, state: &str) {
        if let Some(shown) = self.sparks.shown.get_mut(job)
            && shown.driver_state != state
        {
            state.clone_into(&mut shown.driver_state);
            self.note_spark(job);
        }
    }

    /// Has the status of an application written soon.
    pub(super) fn note_spark(&mut self, job: &JobKey) {
        let Some(known) = self.jobs.get(job) else { return };
        let due = known.published_at + STATUS_INTERVAL_MILLISECONDS;
        self.sparks.changed.entry(job.clone()).or_insert(due);
    }

    /// Says of a Spark job's one task that it is the driver.
    pub(super) fn speak_of_driver(&self, status: &mut JobStatus) {
        if self.spark_of(&status.key).is_some()
            && let Some(message) = &mut status.message
        {
            *message = message
                .replace("task 0 of stage driver failed once, the last time: ", "")
                .replace("task 0 of stage driver", "the driver");
        }
    }

    /// What only a Spark application's status has.
    pub(super) fn add_application(&self, job: &JobKey, status: &mut SparkJobStatus) {
        let Some((object, spark)) = self.spark_of(job) else { return };
        let before = object.status.as_ref().and_then(|status| status.application.clone());
        let Some(mut shown) = self.sparks.shown.get(job).cloned().or(before) else { return };
        let (running, waiting) = self.gated.placed_and_waiting(job);
        shown.executors_running = i32::try_from(running).unwrap_or(i32::MAX);
        shown.executors_waiting = i32::try_from(waiting).unwrap_or(i32::MAX);
        let runs = shown.driver_state == "Running";
        shown.ui_service = runs.then(|| ui_service_name(&job.name));
        let history = spark.event_log.as_ref().and_then(|log| log.history_server.as_ref());
        shown.history_link =
            history.map(|server| format!("{}/history/{}", server.trim_end_matches('/'), shown.id));
        let wanted = status.executors.wanted.saturating_sub(1).max(0);
        status.executors.ready = shown.executors_running;
        status.executors.wanted = wanted;
        status.executors.summary = format!("{}/{wanted}", shown.executors_running);
        status.application = Some(shown);
        let places: Vec<Place> = self.gated.places(job).collect();
        status.admission = (!places.is_empty()).then_some(Admission { places });
    }

    /// Takes in drivers and places that were there before this process began.
    pub(super) fn restore_sparks(&mut self, now: Time) {
        let jobs: Vec<JobKey> = self.jobs.keys().cloned().collect();
        for job in jobs {
            let Some((object, _)) = self.spark_of(&job) else { continue };
            let object = Arc::clone(object);
            let Some(status) = convert::restored_status(&object) else { continue };
            let uid: Box<str> = object.uid().unwrap_or_default().into();
            let next_epoch = status.epochs.get(&0).copied().unwrap_or(0);
            let stage = status.stages.first();
            let used = stage.map_or(0, |stage| {
                [&stage.failures, &stage.losses, &stage.other_attempts]
                    .map(|counts| counts.get(&0).copied().unwrap_or(0))
                    .iter()
                    .sum()
            });
            let shown = object.status.as_ref().and_then(|status| status.application.clone());
            let mut drivers = self.index.pods().filter_map(|(name, pod)| {
                let facts = pod.driver.as_deref().filter(|it| it.key.job == job)?;
                (facts.job_uid == uid && facts.key.epoch >= next_epoch)
                    .then(|| (name.clone(), pod.uid.clone(), pod.node.clone(), facts.clone()))
            });
            let driver = drivers.next();
            drop(drivers);
            if let Some(shown) = shown {
                self.sparks.shown.insert(job.clone(), shown);
            }
            if let Some((pod, pod_uid, node, facts)) = driver {
                self.index.set_own(&pod, true);
                let driver = Driver {
                    key: facts.key,
                    job_uid: uid,
                    pod,
                    application: facts.application,
                    node: node.clone(),
                    uid: Some(pod_uid),
                    told: Some((node, false)),
                    attempt: Some(used),
                    is_removing: false,
                    made_at: now,
                    version_told: false,
                    log: Log::default(),
                };
                self.sparks.drivers.insert(job.clone(), driver);
                self.tell_driver(now, &job, true);
            }
        }
    }

    /// Takes in the places of applications that have no pods yet.
    pub(super) fn restore_places(&mut self, now: Time) {
        let jobs: Vec<JobKey> = self.jobs.keys().cloned().collect();
        for job in jobs {
            let Some((object, _)) = self.spark_of(&job) else { continue };
            let status = object.status.as_ref().filter(|status| !status.state.is_final());
            let admission = status.and_then(|status| status.admission.clone());
            for place in admission.into_iter().flat_map(|admission| admission.places) {
                let number = |number: i32| u32::try_from(number).unwrap_or(0);
                let (index, epoch) = (number(place.index), number(place.epoch));
                let key = ExecutorKey { job: job.clone(), index, epoch };
                let node = (!place.node.is_empty()).then(|| place.node.as_str().into());
                self.hold_place(now, &key, node);
            }
        }
    }

    /// Does what it is time for.
    pub(super) fn fire_spark_timers(&mut self, now: Time) {
        while let Some((at, job)) = self.sparks.looks.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.sparks.looks.remove(&(at, job.clone()));
            self.tell_demand(now, &job);
        }
        let due: Vec<JobKey> = self
            .sparks
            .changed
            .iter()
            .filter(|&(_, &at)| at <= now)
            .map(|(job, _)| job.clone())
            .collect();
        for job in due {
            self.sparks.changed.remove(&job);
            let Some(known) = self.jobs.get_mut(&job) else {
                self.sparks.shown.remove(&job);
                continue;
            };
            if let Some(status) = known.published.clone() {
                known.published_at = now;
                self.queue.push(Wish::Job(job, JobWish::Status(status)));
            }
        }
    }
}

fn attempts(attempt: u32) -> StageAttempts {
    StageAttempts { stage: DRIVER_STAGE.into(), attempt, partitions: Ranges::from_iter([0]) }
}
