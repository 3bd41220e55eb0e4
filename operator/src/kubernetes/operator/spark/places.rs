//! Executors of applications: their pods, and places for those that are to come.

use std::collections::BTreeMap;

use proffer_core::ExecutorKey;
use proffer_core::action::{Launch, Search};
use proffer_core::event::{Departure, Event, ExecutorObservation};
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};
use proffer_crds::spark::{Place, SparkApplication};

use super::super::super::pod::ObjectName;
use super::super::super::wishes::{PodWish, Wish};
use super::super::common::Common;
use super::Spark;
use crate::convert::spark::executor_size;

/// How long places are held for the first executors of an application that decides itself how many it
/// wants, since its driver was made.
pub(super) const FIRST_EXECUTORS: Span = Span::from_seconds(120);

/// The most executors that an application asks for whose pool has no limit.
const MOST_EXECUTORS: u32 = 1000;

/// The places of an application.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Those that have no pods yet, with their nodes.
    held: BTreeMap<ExecutorKey, Option<Box<str>>>,
    /// How many the engine was told of, with the driver's and those of pods.
    told: u32,
    /// How many placed pods did not say which executors they are.
    unnamed: u32,
}

impl Places {
    /// Whether a place has no pod yet.
    pub(super) fn has(&self, key: &ExecutorKey) -> bool {
        self.held.contains_key(key)
    }

    /// The index of a placed pod that does not say which executor it is.
    pub(super) fn next_unnamed(&mut self) -> u32 {
        self.unnamed += 1;
        self.unnamed - 1
    }

    /// The places that have no pods yet, as a status has them.
    pub(super) fn in_status(&self) -> Vec<Place> {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let places = self.held.iter().map(|(key, node)| Place {
            index: number(key.index),
            epoch: number(key.epoch),
            node: node.as_deref().unwrap_or_default().to_owned(),
        });
        places.collect()
    }
}

impl Spark {
    /// How many places an application should have: its driver's, those of the pods that there are, and
    /// those of the executors that it is about to ask for.
    pub(in super::super) fn places_wanted(
        &self,
        common: &Common,
        now: Time,
        job: &JobKey,
    ) -> Option<u32> {
        let (_, spark) = common.application(job)?;
        let (placed, waiting) = self.pods.placed_and_waiting(job);
        let pods = u32::try_from(placed + waiting).unwrap_or(u32::MAX);
        let made_at = self.drivers.get(job).map(|driver| driver.made_at);
        let is_new = made_at.is_none_or(|at| now < at + FIRST_EXECUTORS);
        let first = u32::try_from(spark.first_executors()).unwrap_or(0);
        let expected = if spark.is_dynamic() && !is_new { 0 } else { first };
        Some(expected.max(pods).saturating_add(1))
    }

    /// Tells the engine how many places an application should have, if that has changed.
    pub(in super::super) fn tell_demand(&mut self, common: &mut Common, now: Time, job: &JobKey) {
        if let Some(wanted) = self.places_wanted(common, now, job) {
            self.tell_places(common, now, job, wanted);
            return;
        }
        // Its job is gone, and the engine knows.
        let is_empty = self.places.get(job).is_some_and(|places| places.held.is_empty());
        if is_empty && self.pods.placed_and_waiting(job) == (0, 0) {
            self.places.remove(job);
            self.pods.close(job);
        }
    }

    /// Tells the engine how many places an application should have, and gives back those beyond.
    fn tell_places(&mut self, common: &mut Common, now: Time, job: &JobKey, wanted: u32) {
        let mut surplus = Vec::new();
        if let Some(places) = self.places.get_mut(job) {
            let executors = wanted.saturating_sub(1) as usize;
            let (placed, _) = self.pods.placed_and_waiting(job);
            while placed + places.held.len() > executors {
                let Some((place, _)) = places.held.pop_last() else { break };
                surplus.push(place);
            }
            if places.told == wanted && surplus.is_empty() {
                return;
            }
            places.told = wanted;
        }
        for place in surplus {
            common.gone(now, &place, Departure::Asked);
        }
        common.tell_engine(now, job, self.places_wanted(common, now, job), None);
        self.note(common, job);
    }

    /// Holds a place for an executor that is to come.
    pub(super) fn hold_place(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        node: Option<Box<str>>,
    ) {
        let Some((job, _)) = common.application(&key.job) else { return };
        let Ok(spec) = &job.spec else { return };
        let uid: Box<str> = job.object.metadata.uid.clone().unwrap_or_default().into();
        self.open(&key.job, &uid, &spec.pool);
        if self.pods.is_placed(key) {
            return;
        }
        let observed = ExecutorObservation {
            key: key.clone(),
            job_uid: uid,
            pool: spec.pool.clone(),
            node: node.clone(),
            request: spec.executor.request.clone(),
            attempts: Vec::new(),
            acknowledged_report: 0,
            terminating: false,
        };
        self.places.entry(key.job.clone()).or_default().held.insert(key.clone(), node);
        common.engine.handle(now, Event::Executor(Box::new(observed)));
    }

    /// Gives back a place that has no pod; says whether there was one.
    pub(super) fn give_back(&mut self, key: &ExecutorKey) -> bool {
        let places = self.places.get_mut(&key.job);
        places.is_some_and(|places| places.held.remove(key).is_some())
    }

    /// Puts pods that wait into places that are held.
    pub(super) fn fill_places(&mut self, common: &mut Common, job: &JobKey) {
        while let Some(places) = self.places.get_mut(job)
            && let Some((key, _)) = places.held.first_key_value()
            && let Some(name) = self.pods.seat_first(common, key)
            && let Some((key, node)) = places.held.pop_first()
        {
            let launch = Launch { key, node, search: Search::default() };
            common.queue.push(Wish::Pod(name, PodWish::Place(launch)));
            self.note(common, job);
        }
    }

    /// Makes a pod one of those of an application that wait.
    pub(in super::super) fn join(
        &mut self,
        common: &mut Common,
        now: Time,
        job: &JobKey,
        name: &ObjectName,
    ) {
        if self.join_application(common, job, name) {
            self.check_version(common, job, name);
            self.tell_demand(common, now, job);
            self.fill_places(common, job);
            self.note(common, job);
        }
    }

    /// Counts a pod to an application; says whether it is there.
    pub(super) fn join_application(
        &mut self,
        common: &Common,
        job: &JobKey,
        name: &ObjectName,
    ) -> bool {
        let Some(pod) = common.index.pod(name) else { return false };
        let Some(facts) = pod.gated.as_deref() else { return false };
        let Some((known, _)) = common.application(job) else { return false };
        let uid = known.object.metadata.uid.clone().unwrap_or_default();
        self.open(job, &uid, &facts.pool);
        self.pods.join(job, name, &pod.uid, facts.created_at);
        true
    }

    /// Takes in that a pod is gone, or is one of others now.
    pub(super) fn leave(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        if let Some(job) = self.pods.leave(common, now, name) {
            self.note(common, &job);
            self.tell_demand(common, now, &job);
        }
    }

    /// There may be pods and places of an application from now on.
    fn open(&mut self, job: &JobKey, uid: &str, pool: &str) {
        self.pods.open(job, uid, pool);
        self.places.entry(job.clone()).or_default();
    }
}

impl Common {
    /// How many executors the limits of a pool, and of those above it, have room for.
    pub(super) fn room_for_executors(&self, pool: &str, spark: &SparkApplication) -> u32 {
        let size = executor_size(spark);
        let mut most = MOST_EXECUTORS;
        let mut name = Some(pool);
        while let Some(pool) = name {
            let limit = self.pools.get(pool).map(|pool| &pool.spec.limit);
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
}
