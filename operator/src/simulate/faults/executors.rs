//! Executors: pods that run the very session that Proffer's executor runs.

use std::collections::BTreeMap;

use proffer_core::ExecutorKey;
use proffer_core::action::Search;
use proffer_core::event::Departure;
use proffer_crds::SparkJob;
use proffer_crds::job::StageState;
use proffer_executor::{Attempt, Failure, Kept, Outcome, Reason, Session};
use serde::{Deserialize, Serialize};

use super::api::ObjectKey;
use super::random::Random;
use super::world::{Checked, World};

/// A pod, or what is left of it.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) key: ExecutorKey,
    pub(super) uid: String,
    /// Where it is, once it is anywhere.
    pub(super) node: Option<Box<str>>,
    /// Where it may go, if it was made without a node.
    pub(super) search: Search,
    session: Session,
    started: bool,
    running: Vec<Attempt>,
    seen_version: Option<String>,
    /// Why nothing of it runs any more.
    pub(super) departure: Option<Departure>,
}

/// Something that happens to an executor, of those there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ExecutorStep {
    /// It has no node, and gets one of those with room for it.
    Land { executor: u32, node: u32 },
    /// Its process starts.
    Start(u32),
    /// It hears what it should do.
    Hear(u32),
    /// It starts the tasks that it has slots for.
    Work(u32),
    /// One of its tasks ends.
    End { executor: u32, task: u32, ending: Ending },
    /// It writes a report.
    Report(u32),
    /// It dies by itself.
    Die { executor: u32, out_of_memory: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Ending {
    Succeeds,
    Fails,
    FailsForGood,
}

impl ExecutorStep {
    pub(super) fn random(random: &mut Random, faults: bool) -> Self {
        let executor = random.pick();
        match random.below(if faults { 42 } else { 40 }) {
            0 if random.chance(30) => Self::Land { executor, node: random.pick() },
            0..4 => Self::Start(executor),
            4..14 => Self::Hear(executor),
            14..22 => Self::Work(executor),
            22..30 => {
                let fails = if faults { random.below(30) } else { 0 };
                let ending = match fails {
                    28 => Ending::FailsForGood,
                    20..28 => Ending::Fails,
                    _ => Ending::Succeeds,
                };
                Self::End { executor, task: random.pick(), ending }
            }
            30..40 => Self::Report(executor),
            _ => Self::Die { executor, out_of_memory: random.chance(50) },
        }
    }
}

impl Pod {
    pub(super) fn new(
        key: ExecutorKey,
        uid: String,
        node: Option<Box<str>>,
        search: Search,
    ) -> Self {
        Self {
            key,
            uid,
            node,
            search,
            session: Session::default(),
            started: false,
            running: Vec::new(),
            seen_version: None,
            departure: None,
        }
    }

    pub(super) fn lives(&self) -> bool {
        self.departure.is_none()
    }

    pub(super) fn runs_tasks(&self) -> bool {
        !self.running.is_empty()
    }
}

impl World {
    pub(super) fn executor_step(&mut self, step: &ExecutorStep) -> Checked {
        let picked = match *step {
            ExecutorStep::Start(pick)
            | ExecutorStep::Hear(pick)
            | ExecutorStep::Work(pick)
            | ExecutorStep::Report(pick) => pick,
            ExecutorStep::Land { executor, .. }
            | ExecutorStep::End { executor, .. }
            | ExecutorStep::Die { executor, .. } => executor,
        };
        let living = self.living();
        let Some(name) = living.get(picked as usize % living.len().max(1)).cloned() else {
            return Ok(());
        };
        match *step {
            ExecutorStep::Land { node, .. } => {
                self.land(&name, node);
            }
            ExecutorStep::Start(_) => self.start(&name),
            ExecutorStep::Hear(_) => {
                self.hear(&name);
            }
            ExecutorStep::Work(_) => {
                self.work(&name)?;
            }
            ExecutorStep::End { task, ending, .. } => self.end_task(&name, task, ending),
            ExecutorStep::Report(_) => {
                self.report(&name);
            }
            ExecutorStep::Die { out_of_memory, .. } => {
                let started = self.api.pods.get(&name).is_some_and(|pod| pod.started);
                let departure = match (started, out_of_memory) {
                    (false, _) => Departure::NotStarted("its image cannot be pulled".to_owned()),
                    (true, true) => Departure::OutOfMemory("it used too much memory".to_owned()),
                    (true, false) => Departure::Exited("it exited with code 1".to_owned()),
                };
                self.kill(&name, departure);
            }
        }
        Ok(())
    }

    /// The pods that live, in order.
    pub(super) fn living(&self) -> Vec<String> {
        let living = self.api.pods.iter().filter(|(_, pod)| pod.lives());
        living.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn start(&mut self, name: &str) {
        let Some(pod) = self.api.pods.get_mut(name) else { return };
        let job = self.api.jobs.get(&*pod.key.job.name);
        let job = job.filter(|job| job.metadata.uid.as_ref() == Some(&pod.uid));
        if let (false, Some(_), Some(job)) = (pod.started, &pod.node, job) {
            pod.started = true;
            pod.session.set_job(SparkJob { status: None, ..job.clone() });
        }
    }

    /// An executor takes in its object as it is now; says whether that was news.
    pub(super) fn hear(&mut self, name: &str) -> bool {
        let Some(object) = self.api.executors.get(name) else { return false };
        let Some(pod) = self.api.pods.get_mut(name).filter(|pod| pod.lives()) else { return false };
        if object.metadata.deletion_timestamp.is_some() {
            for attempt in pod.session.stop() {
                pod.session.end(attempt, Outcome::Stopped);
            }
            pod.running.clear();
            self.report(name);
            self.kill(name, Departure::Asked);
            return true;
        }
        if !pod.started || pod.seen_version == object.metadata.resource_version {
            return false;
        }
        pod.seen_version.clone_from(&object.metadata.resource_version);
        for attempt in pod.session.set_executor(object).unwrap_or_default() {
            pod.running.retain(|running| *running != attempt);
            pod.session.end(attempt, Outcome::Stopped);
        }
        true
    }

    /// An executor starts what it can; says whether that was anything.
    pub(super) fn work(&mut self, name: &str) -> Result<bool, String> {
        let mut started = Vec::new();
        let Some(pod) = self.api.pods.get_mut(name).filter(|pod| pod.lives()) else {
            return Ok(false);
        };
        while let Some(attempt) = pod.session.next_start() {
            pod.running.push(attempt.clone());
            started.push(attempt);
        }
        let uid = pod.uid.clone();
        for attempt in &started {
            self.promises.started(&uid, attempt, name)?;
            self.can_read(&uid, attempt)?;
        }
        Ok(!started.is_empty())
    }

    /// What a task may read, the stages before its own, has to be stored as finished.
    fn can_read(&self, uid: &str, attempt: &Attempt) -> Checked {
        let of_uid = |job: &&SparkJob| job.metadata.uid.as_deref() == Some(uid);
        let Some(job) = self.api.jobs.values().find(of_uid) else { return Ok(()) };
        let stage = job.spec.stages.iter().find(|stage| *stage.name == *attempt.stage);
        for before in stage.into_iter().flat_map(|stage| &stage.depends_on) {
            let stages = job.status.iter().flat_map(|status| &status.stages);
            let mut finished = stages.filter(|stage| stage.state == StageState::Finished);
            if !finished.any(|stage| stage.name == *before) {
                return Err(format!("{attempt} runs, but nobody knows that {before} has finished"));
            }
        }
        Ok(())
    }

    pub(super) fn end_task(&mut self, name: &str, task: u32, ending: Ending) {
        let Some(pod) = self.api.pods.get_mut(name) else { return };
        if pod.running.is_empty() {
            return;
        }
        let attempt = pod.running.remove(task as usize % pod.running.len());
        let outcome = match ending {
            Ending::Succeeds => {
                let value = Some(self.promises.finished(&pod.uid, &attempt, name));
                Outcome::Finished(Some(Kept { value, uri: None }))
            }
            Ending::Fails => Outcome::Failed(Failure::new(Reason::Exited, "exited with code 1")),
            Ending::FailsForGood => {
                Outcome::Failed(Failure::lasting(Reason::Rejected, "another job's output"))
            }
        };
        if ending != Ending::Succeeds {
            self.promises.failed(&pod.uid, &attempt);
        }
        pod.session.end(attempt, outcome);
    }

    /// An executor writes what it has to say; says whether that was anything.
    pub(super) fn report(&mut self, name: &str) -> bool {
        let now = self.now.as_milliseconds();
        let Some(pod) = self.api.pods.get_mut(name).filter(|pod| pod.lives()) else { return false };
        let Some(object) = self.api.executors.get_mut(name) else { return false };
        if !pod.started || pod.session.report_due_milliseconds().is_none() {
            return false;
        }
        let status = pod.session.make_report(now);
        self.promises.reported(&pod.uid, &status);
        object.status = Some(status);
        // Status writes make a new version, but the executor has no need to hear of its own.
        self.api.changed(ObjectKey::Executor(name.to_owned()));
        true
    }

    /// Ends a pod. What it had not reported is lost.
    pub(super) fn kill(&mut self, name: &str, departure: Departure) {
        let Some(pod) = self.api.pods.get_mut(name).filter(|pod| pod.lives()) else { return };
        if matches!(departure, Departure::OutOfMemory(_) | Departure::Exited(_)) {
            self.promises.died(&pod.uid);
        }
        pod.departure = Some(departure);
        pod.running.clear();
        self.api.changed(ObjectKey::Pod(name.to_owned()));
    }

    /// The number of tasks that run, by executor.
    pub(super) fn running_tasks(&self) -> BTreeMap<String, usize> {
        let running = self.api.pods.iter().filter(|(_, pod)| pod.lives() && pod.runs_tasks());
        running.map(|(name, pod)| (name.clone(), pod.running.len())).collect()
    }
}
