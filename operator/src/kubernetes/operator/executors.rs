//! Each executor through its pod and its object, from launch to departure.
//!
//! An executor departs when nothing of it runs any more: its pod has ended or is gone, or its node does
//! not answer and the pod is given up. Before the engine hears so, its object is read once more, for
//! the watch of pods may be ahead of that of executors and the last report must not be missed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::event::{Departure, Event};
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;
use proffer_crds::job::PodRetention;
use proffer_crds::{SparkExecutor, SparkExecutorStatus};

use super::super::index::Index;
use super::super::names::executor_name;
use super::super::notices::Notice;
use super::super::pod::{ExecutorFacts, ObjectName, PodFacts};
use super::super::wishes::{ExecutorWish, Wish};
use super::Operator;
use crate::convert;

/// The most pods of a job that stay when their executors have ended.
const MOST_RETAINED: usize = 10;

/// How long what is left in a pod may take to end when its executor has: sidecars.
const SIDECAR_GRACE_SECONDS: u32 = 5;

/// How long a pod without an object may take to end. Not no time at all: then its name would be free
/// before it has ended.
const ORPHAN_GRACE_SECONDS: u32 = 1;

/// What is known of an executor.
// Each of the flags can be set whatever the others are.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub(super) struct Executor {
    /// The name of its pod and its object.
    pub(super) name: ObjectName,
    /// Its object as last seen: uid and generation.
    pub(super) object: Option<(Box<str>, i64)>,
    /// What it last said.
    status: Option<Box<SparkExecutorStatus>>,
    /// The generation that an assignment was written with, and the assignment's number. Only of that it
    /// is known whether the executor has heard it.
    pub(super) written: Option<(i64, u64)>,
    pub(super) pod: PodState,
    /// The node that it was launched on or has landed on.
    pub(super) node: Option<Box<str>>,
    /// Whether it was launched on a node.
    is_pinned: bool,
    /// Whether it was told to end by itself.
    pub(super) is_stopping: bool,
    /// Whether the engine wants it to go.
    pub(super) is_removing: bool,
    /// Whether it is known by when it has to have reported.
    is_awaited: bool,
    /// Why its pod is being deleted, if not for that.
    cause: Option<Departure>,
    /// What became of it, while its last report is read.
    pub(super) departure: Option<Departure>,
    /// Whether the engine knows that it is gone.
    pub(super) has_departed: bool,
}

/// What is known of an executor's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PodState {
    /// It was not seen yet.
    Unseen,
    /// It is there, with this uid.
    There(Box<str>),
    /// It was there.
    Gone,
}

impl Executor {
    pub(super) fn new(name: ObjectName, node: Option<Box<str>>) -> Self {
        Self {
            name,
            object: None,
            status: None,
            written: None,
            pod: PodState::Unseen,
            is_pinned: node.is_some(),
            node,
            is_stopping: false,
            is_removing: false,
            is_awaited: false,
            cause: None,
            departure: None,
            has_departed: false,
        }
    }

    /// Whether it was heard of at least once.
    pub(super) fn has_reported(&self) -> bool {
        self.status.is_some()
    }

    /// Whether it is certain, or all but told, that nothing of it runs.
    fn is_over(&self) -> bool {
        self.has_departed || self.departure.is_some()
    }
}

impl Operator {
    pub(super) fn observe_executor(
        &mut self,
        now: Time,
        name: &ObjectName,
        object: Option<Box<SparkExecutor>>,
    ) {
        match object {
            Some(object) => self.see_object(now, name, *object),
            None => self.miss_object(now, name),
        }
    }

    fn see_object(&mut self, now: Time, name: &ObjectName, object: SparkExecutor) {
        let mut observed = convert::executor_observation(&object);
        let key = observed.key.clone();
        if !self.executors.contains_key(&key) {
            let executor = Executor::new(name.clone(), observed.node.clone());
            self.add_executor(key.clone(), executor);
        }
        let pod = self.index.pod(name);
        let is_leaving = pod.is_some_and(|pod| pod.is_deleting);
        let Some(executor) = self.executors.get_mut(&key).filter(|it| it.name == *name) else {
            return;
        };
        let generation = object.metadata.generation.unwrap_or(0);
        let uid: Box<str> = object.uid().unwrap_or_default().into();
        if executor.object.as_ref().is_some_and(|(seen, at)| *seen == uid && *at > generation) {
            // The watch is behind what a write has answered.
            return;
        }
        executor.object = Some((uid, generation));
        executor.is_stopping = object.spec.stop;
        executor.status = object.status.map(Box::new);
        // A pod that is deleted for what is wrong with it goes by itself: that counts when it is gone.
        let goes_by_itself = executor.cause.as_ref().is_some_and(|cause| !is_lost(cause));
        observed.terminating |= object.spec.stop || is_leaving && !goes_by_itself;
        if !executor.has_departed {
            self.engine.handle(now, Event::Executor(Box::new(observed)));
            self.report(now, &key);
        }
        if self.is_synced {
            self.review(now, &key);
        }
    }

    pub(super) fn miss_object(&mut self, now: Time, name: &ObjectName) {
        let Some(key) = self.key_of(name) else { return };
        let Some(executor) = self.executors.get_mut(&key) else { return };
        executor.object = None;
        if executor.has_departed {
            self.forget_executor(now, &key);
        } else if executor.departure.is_none() {
            let cause = Departure::Lost("its SparkExecutor was deleted".to_owned());
            executor.cause.get_or_insert(cause);
            self.delete_pod(&key, None);
        }
    }

    /// Tells the engine what an executor said.
    fn report(&mut self, now: Time, key: &ExecutorKey) {
        let Some(executor) = self.executors.get(key) else { return };
        let Some(status) = &executor.status else { return };
        let mut report = convert::report(SparkExecutorStatus::clone(status));
        let seen = status.observed_generation;
        let heard = executor.written.filter(|&(generation, _)| generation <= seen);
        report.observed_assignment = heard.map_or(0, |(_, number)| number);
        self.engine.handle(now, Event::Report(key.clone(), report));
    }

    pub(super) fn observe_pod(&mut self, now: Time, name: &ObjectName, facts: Option<PodFacts>) {
        self.index.set_pod(name, facts);
        if self.is_synced {
            self.review_pod(now, name);
        }
    }

    /// Looks at the executor of a pod anew.
    pub(super) fn review_pod(&mut self, now: Time, name: &ObjectName) {
        if let Some(key) = self.key_of(name) {
            self.review(now, &key);
        } else {
            self.review_orphan(name);
            self.review_gated(now, name);
            self.review_driver(now, name);
            self.review_task_pod(now, name);
        }
    }

    /// Has the engine use no name that a pod without an object has: what of it runs until it is deleted
    /// must not take another's assignment for its own.
    pub(super) fn pass_over_names(&mut self, now: Time) {
        let pods = self.index.pods().filter(|(name, _)| !self.executor_names.contains_key(*name));
        let keys: Vec<ExecutorKey> =
            pods.filter_map(|(_, pod)| Some(pod.executor.as_ref()?.key.clone())).collect();
        for key in keys {
            let untold = Departure::Withdrawn("it was never told anything".to_owned());
            self.gone(now, &key, untold);
        }
    }

    /// Looks at everything anew, when everything was seen.
    pub(super) fn review_all(&mut self, now: Time) {
        let keys: Vec<ExecutorKey> = self.executors.keys().cloned().collect();
        for key in keys {
            // The pod is made first: what was listed after the object and has none is gone.
            let executor = self.executors.get_mut(&key);
            if let Some(executor) = executor.filter(|it| self.index.pod(&it.name).is_none()) {
                executor.pod = PodState::Gone;
            }
            self.review(now, &key);
        }
        let pods: Vec<ObjectName> = self.index.pods().map(|(name, _)| name.clone()).collect();
        for pod in pods {
            if self.key_of(&pod).is_none() {
                self.review_orphan(&pod);
                self.review_gated(now, &pod);
                self.review_driver(now, &pod);
                self.review_task_pod(now, &pod);
            }
        }
    }

    /// Draws the conclusions from what is known of an executor.
    fn review(&mut self, now: Time, key: &ExecutorKey) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        if executor.is_over() {
            // A create of which nothing was heard may have come late.
            if executor.has_departed
                && let Some(pod) = self.index.pod(&executor.name)
                && !pod.is_deleting
                && !pod.has_ended
            {
                let wish = ExecutorWish::DeletePod { uid: pod.uid.clone(), grace_seconds: None };
                self.queue.push(Wish::Executor(key.clone(), wish));
            }
            return;
        }
        let Some(pod) = self.index.pod(&executor.name) else {
            if let PodState::There(_) = executor.pod {
                executor.pod = PodState::Gone;
            }
            if executor.pod == PodState::Gone {
                let deleted = || Departure::Lost("its pod was deleted".to_owned());
                let departure = executor.cause.clone().unwrap_or_else(deleted);
                self.depart(key, departure);
            }
            return;
        };
        let Some(facts) = pod.executor.as_deref() else { return };
        executor.pod = PodState::There(pod.uid.clone());
        if let (None, Some(node)) = (&executor.node, &pod.node) {
            executor.node = Some(node.clone());
            self.engine.handle(now, Event::Placed(key.clone(), node.clone()));
        }
        if !executor.is_awaited && executor.node.is_some() && !executor.has_reported() {
            executor.is_awaited = true;
            let at = now + self.settings.start_timeout;
            self.start_deadlines.insert((at, key.clone()));
        }
        match verdict(executor, pod, facts, &self.index) {
            Verdict::GoesOn => {}
            Verdict::Departs(departure) => self.depart(key, departure),
            Verdict::IsDeletedFor(cause) => {
                executor.cause.get_or_insert(cause);
                self.delete_pod(key, Some(SIDECAR_GRACE_SECONDS));
            }
            Verdict::IsLeaving => {
                let deleted = Departure::Lost("its pod was deleted".to_owned());
                if executor.cause.is_none() && !executor.is_removing {
                    executor.cause = Some(deleted);
                    // When it is read, the engine hears that it goes, and gives it nothing more.
                    self.queue.push(Wish::Executor(key.clone(), ExecutorWish::Read));
                }
            }
        }
    }

    /// Gives up an executor that should have reported by now.
    pub(super) fn give_up_start(&mut self, key: &ExecutorKey) {
        let seconds = self.settings.start_timeout.as_seconds();
        let Some(executor) = self.executors.get_mut(key) else { return };
        if executor.has_reported() || executor.is_over() || executor.is_removing {
            return;
        }
        let pod = self.index.pod(&executor.name).and_then(|pod| pod.executor.as_deref());
        let state =
            pod.and_then(|facts| facts.state.as_deref()).unwrap_or("its pod says nothing of why");
        let message = format!("the executor did not report within {seconds} s: {state}");
        executor.cause.get_or_insert(Departure::NotStarted(message));
        self.delete_pod(key, None);
    }

    /// A pod of an executor that has no object: it was never told anything, or has ended and stays for
    /// its logs.
    fn review_orphan(&mut self, name: &ObjectName) {
        let Some(pod) = self.index.pod(name) else { return };
        let Some(facts) = &pod.executor else { return };
        if pod.is_deleting {
            return;
        }
        let (key, uid) = (facts.key.clone(), pod.uid.clone());
        if !pod.has_ended {
            let wish = ExecutorWish::DeletePod { uid, grace_seconds: Some(ORPHAN_GRACE_SECONDS) };
            self.queue.push(Wish::Executor(key, wish));
            return;
        }
        let is_of = |job: &super::Job| job.object.uid().as_deref() == Some(&*facts.job_uid);
        if let Some(job) = self.jobs.get_mut(&key.job).filter(|job| is_of(job))
            && !job.retained.iter().any(|(known, _)| known == name)
        {
            job.retained.push((name.clone(), uid));
        }
    }

    /// Has another look at the pods of an executor that is not known (any more).
    pub(super) fn review_orphans(&mut self, key: &ExecutorKey) {
        let is_of = |pod: &PodFacts| pod.executor.as_ref().is_some_and(|facts| facts.key == *key);
        let pods = self.index.pods().filter(|(_, pod)| is_of(pod));
        let names: Vec<ObjectName> = pods.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.review_orphan(&name);
        }
    }

    /// Reads whether there is a pod or an object that a list did not tell of.
    pub(super) fn look_for(&mut self, kind: super::Kind, name: &ObjectName) {
        let is_pod = kind == super::Kind::Pod;
        let wish = if is_pod { ExecutorWish::ReadPod } else { ExecutorWish::Read };
        if let Some(key) = self.key_of(name) {
            self.queue.push(Wish::Executor(key, wish));
        }
    }

    /// Reads what an executor said last; then the engine hears that it is gone.
    fn depart(&mut self, key: &ExecutorKey, departure: Departure) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        executor.departure = Some(departure);
        let needless = |wish: &ExecutorWish| {
            matches!(wish, ExecutorWish::Launch(_) | ExecutorWish::Assign(_) | ExecutorWish::Remove)
        };
        self.queue.executors.drop_waiting(key, needless);
        self.queue.push(Wish::Executor(key.clone(), ExecutorWish::Read));
    }

    /// Tells the engine that an executor is gone, now that its last report is known.
    pub(super) fn finish_departure(&mut self, now: Time, key: &ExecutorKey) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        let Some(departure) = executor.departure.take() else { return };
        executor.has_departed = true;
        let (name, is_removing) = (executor.name.clone(), executor.is_removing);
        self.report(now, key);
        self.index.set_own(&name, false);
        let ended_by_itself =
            !is_removing && matches!(departure, Departure::Exited(_) | Departure::OutOfMemory(_));
        self.retain_pod(key, &name, ended_by_itself, is_removing);
        if !is_removing && let Some(job) = self.jobs.get(&key.job) {
            let (reason, message) = describe(&departure);
            let note = format!("executor {}: {message}", name.name);
            self.notices.push(Notice::of_job(&job.object, true, reason, &note));
        }
        self.gone(now, key, if is_removing { Departure::Asked } else { departure });
        self.let_nodes_go(now);
    }

    /// Deletes the pod of an executor that is gone, unless it stays for its logs.
    fn retain_pod(
        &mut self,
        key: &ExecutorKey,
        name: &ObjectName,
        ended_by_itself: bool,
        was_asked: bool,
    ) {
        let Some(pod) = self.index.pod(name) else { return };
        if pod.is_deleting {
            return;
        }
        let uid = pod.uid.clone();
        let job = self.jobs.get_mut(&key.job);
        let stays = job.as_ref().is_some_and(|job| match job.object.spec.pod_retention {
            PodRetention::Always => pod.has_ended && (ended_by_itself || was_asked),
            PodRetention::OnFailure => pod.has_ended && ended_by_itself,
            PodRetention::Never => false,
        });
        let mut surplus = vec![(name.clone(), uid)];
        if let Some(job) = job.filter(|_| stays) {
            job.retained.append(&mut surplus);
            let many = job.retained.len().saturating_sub(MOST_RETAINED);
            surplus = job.retained.drain(..many).collect();
        }
        for (pod, uid) in surplus {
            // The pods of several executors may go, each with the target of its own name.
            let facts = self.index.pod(&pod).and_then(|pod| pod.executor.as_ref());
            if let Some(facts) = facts {
                let wish = ExecutorWish::DeletePod { uid, grace_seconds: None };
                self.queue.push(Wish::Executor(facts.key.clone(), wish));
            }
        }
    }

    /// Takes in that the engine wants an executor to go.
    pub(super) fn remove(&mut self, now: Time, key: &ExecutorKey) {
        match self.executors.get_mut(key) {
            None => {
                // It was not begun to be made.
                self.queue.executors.drop_waiting(key, |_| true);
                self.gone(now, key, Departure::Asked);
            }
            Some(executor) if executor.has_departed => self.gone(now, key, Departure::Asked),
            Some(executor) => {
                executor.is_removing = true;
                if executor.departure.is_none() {
                    self.queue.push(Wish::Executor(key.clone(), ExecutorWish::Remove));
                }
            }
        }
    }

    /// Wants an executor's pod deleted.
    pub(super) fn delete_pod(&mut self, key: &ExecutorKey, grace_seconds: Option<u32>) {
        let Some(executor) = self.executors.get(key) else { return };
        let PodState::There(uid) = &executor.pod else { return };
        if self.index.pod(&executor.name).is_some_and(|pod| pod.is_deleting) {
            return;
        }
        let wish = ExecutorWish::DeletePod { uid: uid.clone(), grace_seconds };
        self.queue.push(Wish::Executor(key.clone(), wish));
    }

    /// Begins to follow an executor.
    pub(super) fn add_executor(&mut self, key: ExecutorKey, executor: Executor) {
        self.index.set_own(&executor.name, true);
        self.executor_names.insert(executor.name.clone(), key.clone());
        self.executors.insert(key, executor);
    }

    /// Forgets an executor of which nothing is left.
    pub(super) fn forget_executor(&mut self, now: Time, key: &ExecutorKey) {
        if let Some(executor) = self.executors.remove(key) {
            self.index.set_own(&executor.name, false);
            self.executor_names.remove(&executor.name);
            for kind in [super::Kind::Pod, super::Kind::Executor] {
                self.unconfirmed.remove(&(kind, executor.name.clone()));
            }
        }
        self.engine.handle(now, Event::Discarded(key.clone()));
    }

    pub(super) fn key_of(&self, name: &ObjectName) -> Option<ExecutorKey> {
        self.executor_names.get(name).cloned()
    }

    /// How long executors wait between two reports: a second, or as long as makes a hundred a second of
    /// all of them.
    pub(super) fn report_interval_milliseconds(&self) -> i32 {
        i32::try_from(self.executors.len() * 10).unwrap_or(60_000).clamp(1000, 60_000)
    }
}

/// What follows from what a pod says.
enum Verdict {
    GoesOn,
    /// Nothing of the executor runs any more.
    Departs(Departure),
    /// Its pod has to be deleted; then it departs for this reason.
    IsDeletedFor(Departure),
    /// Its pod is being deleted by somebody.
    IsLeaving,
}

fn verdict(executor: &Executor, pod: &PodFacts, facts: &ExecutorFacts, index: &Index) -> Verdict {
    let ended = || executor.cause.clone().or_else(|| facts.departure.clone());
    if pod.has_ended {
        let ended = ended().unwrap_or_else(|| Departure::Lost("its pod has ended".to_owned()));
        return Verdict::Departs(ended);
    }
    if pod.is_deleting {
        let node = pod.node.as_deref().and_then(|name| index.node(name));
        if let (Some(name), false) = (&pod.node, node.is_some_and(|node| node.is_ready)) {
            // Nobody there confirms that it has ended. Its name is not used again, so whatever it
            // still does counts for nothing.
            let lost = Departure::Lost(format!("node {name} does not answer"));
            return Verdict::Departs(
                executor.cause.clone().filter(|it| !is_lost(it)).unwrap_or(lost),
            );
        }
        return Verdict::IsLeaving;
    }
    if let Some(departure) = &facts.departure {
        // The kubelet is about to say that the pod has ended, and with it goes nothing that stays.
        return if facts.others_run {
            Verdict::IsDeletedFor(departure.clone())
        } else {
            Verdict::GoesOn
        };
    }
    match &facts.trouble {
        Some(trouble) if &*trouble.reason == "Unschedulable" => {
            // Without a node it waits for one to come.
            if executor.is_pinned {
                Verdict::IsDeletedFor(Departure::Refused(trouble.message.clone()))
            } else {
                Verdict::GoesOn
            }
        }
        Some(trouble) => Verdict::IsDeletedFor(Departure::NotStarted(trouble.message.clone())),
        None => Verdict::GoesOn,
    }
}

fn is_lost(departure: &Departure) -> bool {
    matches!(departure, Departure::Lost(_))
}

/// One word and a sentence for what became of an executor.
fn describe(departure: &Departure) -> (&'static str, &str) {
    match departure {
        Departure::Asked => ("ExecutorStopped", "it was told to go"),
        Departure::Lost(message) => ("ExecutorLost", message),
        Departure::OutOfMemory(message) => ("ExecutorOOMKilled", message),
        Departure::Exited(message) => ("ExecutorExited", message),
        Departure::NotStarted(message) => ("ExecutorNotStarted", message),
        Departure::Refused(message) => ("ExecutorRefused", message),
        Departure::Withdrawn(message) => ("ExecutorNotMade", message),
    }
}

/// The job as the owner of an executor's object.
pub(super) fn owner_reference(name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "proffer.dev/v1alpha1".to_owned(),
        kind: "SparkJob".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The name of an executor's pod and object.
pub(super) fn object_name(key: &ExecutorKey, job_uid: &str) -> ObjectName {
    let JobKey { namespace, .. } = &key.job;
    let name = executor_name(key, job_uid);
    ObjectName { namespace: namespace.clone(), name: name.into() }
}
