//! What is shown of an application, in its job's status and to people.

use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;
use proffer_crds::job::SparkJobStatus;
use proffer_crds::spark::{Admission, Place};

use super::super::super::notices::Notice;
use super::super::super::pod::ObjectName;
use super::super::super::spark_pod::ui_service_name;
use super::super::super::wishes::{JobWish, Wish};
use super::super::common::Common;
use super::Spark;
use super::places::Places;

/// The least time between two statuses that say something new only of an application.
const STATUS_INTERVAL: Span = Span::from_seconds(1);

impl Spark {
    /// Has the status of an application written soon.
    pub(super) fn note(&mut self, common: &Common, job: &JobKey) {
        let Some(known) = common.jobs.get(job) else { return };
        let due = known.published_at + STATUS_INTERVAL;
        self.changed.entry(job.clone()).or_insert(due);
    }

    /// Writes the statuses that have something new, and forgets those of jobs that are gone.
    pub(super) fn write_changed(&mut self, common: &mut Common, now: Time) {
        let due = self.changed.iter().filter(|&(_, &at)| at <= now);
        let due: Vec<JobKey> = due.map(|(job, _)| job.clone()).collect();
        for job in due {
            self.changed.remove(&job);
            let Some(known) = common.jobs.get_mut(&job) else {
                self.shown.remove(&job);
                continue;
            };
            if let Some(status) = known.published.clone() {
                known.published_at = now;
                common.queue.push(Wish::Job(job, JobWish::Status(status)));
            }
        }
    }

    /// Shows how far a driver is.
    pub(super) fn show_driver(&mut self, common: &Common, job: &JobKey, state: &str) {
        if let Some(shown) = self.shown.get_mut(job)
            && shown.driver_state != state
        {
            state.clone_into(&mut shown.driver_state);
            self.note(common, job);
        }
    }

    /// Takes in a status that is about to be written: says of pods that wait why they do.
    pub(in super::super) fn take_status(
        &mut self,
        common: &mut Common,
        now: Time,
        status: &JobStatus,
    ) {
        common.tell_of(now, status);
        self.pods.explain_waiting(common, now, status);
    }

    /// What only an application's status has.
    pub(in super::super) fn add_status(
        &self,
        common: &Common,
        job: &JobKey,
        status: &mut SparkJobStatus,
    ) {
        let Some((known, spark)) = common.application(job) else { return };
        let before = known.object.status.as_ref().and_then(|status| status.application.clone());
        let Some(mut shown) = self.shown.get(job).cloned().or(before) else { return };
        let (running, waiting) = self.pods.placed_and_waiting(job);
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
        let places: Vec<Place> = self.places.get(job).map(Places::in_status).unwrap_or_default();
        status.admission = (!places.is_empty()).then_some(Admission { places });
    }

    /// Says so, once, if an executor was made by another version of Spark than the job's. It runs all the
    /// same: what differs between them is for whoever wrote the program to know.
    pub(super) fn check_version(
        &mut self,
        common: &mut Common,
        job: &JobKey,
        executor: &ObjectName,
    ) {
        let facts = common.index.pod(executor).and_then(|pod| pod.gated.as_deref());
        let Some(found) = facts.and_then(|facts| facts.spark_version.as_deref()) else { return };
        let Some((known, spark)) = common.application(job) else { return };
        let (wanted, image) = (&spark.spark_version, &spark.image);
        let rest = found.strip_prefix(wanted.as_str());
        if rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit())) {
            return;
        }
        let note = format!(
            "the image {image} has Spark {found}, but spec.spark.sparkVersion says {wanted}"
        );
        let notice = Notice::of_job(&known.object, true, "SparkVersionMismatch", &note);
        if let Some(driver) = self.drivers.get_mut(job)
            && !std::mem::replace(&mut driver.version_told, true)
        {
            common.notices.push(notice);
        }
    }
}
