//! The cluster at one moment, and what a step does to it.

use kube::ResourceExt;
use proffer_core::action::{Action, Assignment, Search};
use proffer_core::engine::Settings;
use proffer_core::event::Departure;
use proffer_core::frameworks::FrameworkAction;
use proffer_core::time::{Span, Time};
use proffer_crds::SparkExecutor;
use serde::{Deserialize, Serialize};

use super::api::{Answer, Api, ObjectKey, Write};
use super::cluster::ClusterStep;
use super::constraints::ConstraintStep;
use super::executors::{Ending, ExecutorStep, Pod};
use super::frameworks::{FrameworkStep, Frameworks};
use super::operator::{Operator, Told};
use super::promises::Promises;
use super::random::Random;
use super::{account, rest};
use crate::{convert, record, terminal};

/// Whether the promises hold; the error is the one that does not.
pub(super) type Checked = Result<(), String>;

/// How often the engine may be asked until it has to be at rest.
const MOST_ROUNDS: u32 = 3000;

/// One thing that happens. Objects are picked by a number modulo how many there are, so that a run
/// makes sense without some of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Step {
    Cluster(ClusterStep),
    Constraint(ConstraintStep),
    Executor(ExecutorStep),
    Framework(FrameworkStep),
    /// The operator hears of the newest version of an object.
    Watch(u32),
    /// The operator hears again what it has heard.
    Repeat(u32),
    /// The operator lists everything again.
    Relist,
    /// The engine decides.
    Tick,
    /// A write comes to its end.
    Write {
        write: u32,
        outcome: Outcome,
    },
    /// The operator dies and another one starts. What was on its way arrives or not, by bits.
    Crash(u32),
    Advance(u32),
    /// Everything does what it can until nothing changes.
    Settle,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Outcome {
    Done,
    /// It is done, but the operator never hears of it.
    DoneUnheard,
    /// It is done, but the operator hears that it may not be.
    DoneTimedOut,
    /// It is not done, and will not be.
    Refused,
    /// It is not done, and the operator cannot know.
    Unavailable,
    /// It is not done, and nobody tells.
    Dropped,
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Time,
    pub(super) api: Api,
    pub(super) operator: Operator,
    pub(super) promises: Promises,
    pub(super) frameworks: Frameworks,
    settings: Settings,
    /// Tells what was decided from what was decided in another run.
    pub(super) hash: u64,
    /// Whether to print everything that happens.
    verbose: bool,
}

impl World {
    pub(super) fn new(settings: Settings, verbose: bool) -> Self {
        let now = Time::from_milliseconds(1_000_000);
        let api = Api::default();
        let operator = Operator::start(now, &settings, &api, Vec::new());
        let promises = Promises::default();
        let frameworks = Frameworks::default();
        let hash = record::SEED;
        Self { now, api, operator, promises, frameworks, settings, hash, verbose }
    }

    /// Does a step, and checks what has to hold after it.
    pub(super) fn step(&mut self, step: &Step) -> Checked {
        self.tell("", step);
        match step {
            Step::Cluster(step) => self.cluster_step(step),
            Step::Constraint(step) => self.constraint_step(step),
            Step::Executor(step) => self.executor_step(step)?,
            Step::Framework(step) => self.framework_step(step),
            &Step::Watch(pick) => {
                let unheard = &self.api.unheard;
                let key = unheard.iter().nth(pick as usize % unheard.len().max(1)).cloned();
                if let Some(key) = key {
                    self.hear_of(&key);
                }
            }
            &Step::Repeat(pick) => {
                let all: Vec<_> = self.api.all().collect();
                if let Some(key) = all.get(pick as usize % all.len().max(1)) {
                    self.hear_of(key);
                }
            }
            Step::Relist => {
                let mut all: Vec<_> = self.api.all().collect();
                all.extend(self.api.unheard.iter().cloned());
                all.iter().for_each(|key| self.hear_of(key));
            }
            Step::Tick => {
                self.tick()?;
            }
            &Step::Write { write, outcome } => {
                let writes = &self.operator.writes;
                let target = writes.keys().nth(write as usize % writes.len().max(1)).cloned();
                if let Some(target) = target {
                    self.write(&target, outcome)?;
                }
            }
            &Step::Crash(arrives) => self.crash(arrives)?,
            &Step::Advance(milliseconds) => {
                self.now += Span::from_milliseconds(milliseconds.into());
            }
            Step::Settle => self.settle()?,
        }
        self.operator.engine.check()
    }

    pub(super) fn tell(&self, what: &str, value: &impl std::fmt::Debug) {
        if self.verbose {
            // What stands behind standard output is told of at the end.
            let _ = terminal::line(format_args!("{:?} {what}{value:?}", self.now));
        }
    }

    fn hear_of(&mut self, key: &ObjectKey) {
        self.tell("  hears of ", key);
        self.api.unheard.remove(key);
        self.operator.observe(self.now, &self.api, key);
    }

    /// Lets the engine decide; says whether it wanted anything.
    fn tick(&mut self) -> Result<bool, String> {
        let actions = self.operator.engine.tick(self.now);
        self.hash = record::hash(self.hash, &actions);
        let wanted = !actions.is_empty();
        let (mut launches, mut offers, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for action in actions {
            self.tell("  wants ", &action);
            if let Action::Launch(launch) = &action {
                // One that is given out again was decided on before.
                if !self.operator.has_launched(&launch.key) {
                    launches.push(launch.clone());
                }
            }
            if let Action::Framework(key, action) = &action {
                answers.extend(self.frameworks.told(key, action)?);
                if let FrameworkAction::Offer(offer) = action {
                    offers.push(offer.id);
                }
            }
            self.operator.ask(self.now, action);
        }
        if !launches.is_empty() || !offers.is_empty() {
            account::check(&self.api, &self.operator, &self.frameworks, &launches, &offers)?;
        }
        // What is said to a decision comes after it.
        answers.into_iter().for_each(|event| self.operator.engine.handle(self.now, event));
        Ok(wanted)
    }

    fn write(&mut self, target: &ObjectKey, outcome: Outcome) -> Checked {
        let Some(write) = self.operator.take(target) else { return Ok(()) };
        self.tell("  writes ", &(&write, outcome));
        let is_done =
            matches!(outcome, Outcome::Done | Outcome::DoneUnheard | Outcome::DoneTimedOut);
        let answer = if is_done { Some(self.effect(&write)?) } else { None };
        let told = match (outcome, answer) {
            (Outcome::Done, Some(answer)) => Told::Answer(answer),
            (Outcome::Refused, _) => Told::Refused,
            (Outcome::DoneUnheard | Outcome::Dropped, _) => return Ok(()),
            _ => Told::Unknown,
        };
        self.operator.answered(self.now, &self.api, &write, told);
        Ok(())
    }

    /// What a write does when it arrives.
    fn effect(&mut self, write: &Write) -> Result<Answer, String> {
        let version = self.api.next_version();
        match write {
            Write::Create { name, executor, search } => {
                return self.create(version, name, executor, search);
            }
            Write::Assign { name, assignment } => return self.assign(version, name, assignment),
            Write::Delete { name } => {
                let Some(object) = self.api.executors.get_mut(name) else {
                    return Ok(Answer::Missing);
                };
                object.metadata.deletion_timestamp = convert::time(self.now);
                object.metadata.resource_version = Some(version);
                self.api.changed(ObjectKey::Executor(name.clone()));
            }
            Write::Discard { name } => {
                if self.api.executors.remove(name).is_none() {
                    return Ok(Answer::Missing);
                }
                if self.api.pods.remove(name).is_some_and(|pod| pod.runs_tasks()) {
                    return Err(format!("executor {name} is forgotten while it runs tasks"));
                }
                self.api.changed(ObjectKey::Executor(name.clone()));
            }
            Write::Status { job, uid, version: expected, status, .. } => {
                let Some(object) = self.api.jobs.get_mut(&*job.name) else {
                    return Ok(Answer::Missing);
                };
                if object.uid().as_deref() != Some(uid) {
                    return Ok(Answer::Missing);
                }
                if object.resource_version().as_deref() != Some(expected) {
                    return Ok(Answer::Conflict);
                }
                self.promises.stored(uid, object.status.as_ref(), status)?;
                object.status = Some((**status).clone());
                object.metadata.resource_version = Some(version);
                self.api.changed(ObjectKey::Job(job.name.to_string()));
            }
        }
        Ok(Answer::Done)
    }

    /// Makes an executor's object and its pod.
    fn create(
        &mut self,
        version: String,
        name: &str,
        executor: &SparkExecutor,
        search: &Search,
    ) -> Result<Answer, String> {
        if self.api.executors.contains_key(name) {
            return Ok(Answer::Exists);
        }
        let observed = convert::executor_observation(executor);
        let uid = observed.job_uid.to_string();
        self.promises.created(name)?;
        let mut executor = executor.clone();
        executor.metadata.uid = Some(self.api.next_uid());
        executor.metadata.generation = Some(1);
        executor.metadata.resource_version = Some(version);
        self.api.executors.insert(name.to_owned(), executor);
        let mut pod = Pod::new(observed.key, uid, observed.node.clone(), search.clone());
        if let Some(node) = observed.node.as_deref() {
            pod.departure = match self.api.nodes.get(node) {
                None => Some(Departure::Lost(format!("node {node} is gone"))),
                Some(found) if !self.takes(found, &observed.request) => {
                    Some(Departure::Refused(format!("node {node} has no room")))
                }
                Some(_) => None,
            };
        }
        if pod.departure.is_some() {
            self.api.changed(ObjectKey::Pod(name.to_owned()));
        }
        self.api.pods.insert(name.to_owned(), pod);
        self.api.changed(ObjectKey::Executor(name.to_owned()));
        Ok(Answer::Done)
    }

    /// Tells an executor its tasks.
    fn assign(
        &mut self,
        version: String,
        name: &str,
        assignment: &Assignment,
    ) -> Result<Answer, String> {
        let Some(object) = self.api.executors.get_mut(name) else { return Ok(Answer::Missing) };
        let told = convert::assigned_spec(assignment, &object.spec.node, 0);
        let (before, now) = (object.spec.acknowledged_report, told.acknowledged_report);
        if now < before {
            return Err(format!("executor {name} was told report {before} is stored, now {now}"));
        }
        object.spec.assignments = told.assignments;
        object.spec.acknowledged_report = told.acknowledged_report;
        object.metadata.generation = object.metadata.generation.map(|it| it + 1);
        object.metadata.resource_version = Some(version);
        self.api.changed(ObjectKey::Executor(name.to_owned()));
        Ok(Answer::Done)
    }

    fn crash(&mut self, arrives: u32) -> Checked {
        let targets: Vec<ObjectKey> = self.operator.writes.keys().cloned().collect();
        for (place, target) in targets.iter().enumerate() {
            if arrives >> (place % 32) & 1 == 1
                && let Some(write) = self.operator.take(target)
            {
                self.effect(&write)?;
            }
        }
        self.api.unheard.clear();
        let running = self.frameworks.restart();
        self.operator = Operator::start(self.now, &self.settings, &self.api, running);
        Ok(())
    }

    /// Lets everything do what it can, without faults and without any task ending, until nothing
    /// changes any more. Frameworks go: they would be offered something again and again.
    pub(super) fn settle(&mut self) -> Checked {
        self.end_frameworks();
        for _ in 0..MOST_ROUNDS {
            let mut changed = false;
            while let Some(key) = self.api.unheard.first().cloned() {
                self.hear_of(&key);
                changed = true;
            }
            let targets: Vec<ObjectKey> = self.operator.writes.keys().cloned().collect();
            for target in targets {
                self.write(&target, Outcome::Done)?;
                changed = true;
            }
            for name in self.living() {
                changed |= self.land(&name, 0);
                self.start(&name);
                changed |= self.hear(&name);
                changed |= self.work(&name)?;
                changed |= self.report(&name);
            }
            changed |= self.tick()?;
            self.operator.engine.check()?;
            if !changed {
                return Ok(());
            }
        }
        Err("the engine comes to no rest".to_owned())
    }

    /// The end of a run: no more faults, tasks run to their end, time goes on. Every job has to end
    /// or to say truly why it waits, and nothing may be left behind.
    pub(super) fn conclude(&mut self) -> Checked {
        for _ in 0..MOST_ROUNDS {
            self.settle()?;
            let running = self.running_tasks();
            for (name, tasks) in &running {
                (0..*tasks).for_each(|_| self.end_task(name, 0, Ending::Succeeds));
            }
            if !running.is_empty() || self.scale_up() {
                continue;
            }
            let Some(at) = self.operator.engine.next_wakeup() else {
                return rest::check(&self.api, &self.operator);
            };
            self.now = self.now.max(at);
        }
        Err("jobs neither end nor come to rest".to_owned())
    }
}

impl Outcome {
    fn random(random: &mut Random, faults: bool) -> Self {
        if !faults || random.chance(75) {
            return Self::Done;
        }
        random.one_of(&[
            Self::DoneUnheard,
            Self::DoneTimedOut,
            Self::Refused,
            Self::Unavailable,
            Self::Dropped,
        ])
    }
}

/// Which faults a run has. Each run has some of them: too much of everything hides what only
/// happens when the rest goes well (swarm testing, Groce et al., ISSTA 2012).
#[expect(
    clippy::struct_excessive_bools,
    reason = "each of the flags can be set whatever the others are"
)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    cluster: bool,
    executors: bool,
    writes: bool,
    crashes: bool,
    watches: bool,
    /// Whether there are frameworks, which is no fault.
    frameworks: bool,
    /// Whether work is bound to some nodes and pools, which is none either.
    constraints: bool,
}

impl Faults {
    pub(super) fn random(random: &mut Random) -> Self {
        Self {
            cluster: random.chance(60),
            executors: random.chance(60),
            writes: random.chance(60),
            crashes: random.chance(60),
            watches: random.chance(60),
            frameworks: random.chance(40),
            constraints: random.chance(50),
        }
    }
}

impl Step {
    pub(super) fn random(random: &mut Random, faults: Faults) -> Self {
        match random.below(1000) {
            0..60 => Self::Cluster(ClusterStep::random(random, faults.cluster)),
            60..560 => Self::Executor(ExecutorStep::random(random, faults.executors)),
            560..700 => Self::Watch(random.pick()),
            700..840 => Self::Write {
                write: random.pick(),
                outcome: Outcome::random(random, faults.writes),
            },
            840..900 if faults.frameworks => Self::Framework(FrameworkStep::random(random)),
            900..915 if faults.constraints => Self::Constraint(ConstraintStep::random(random)),
            930..975 => Self::Advance(random.one_of(&[1, 10, 100, 1000, 6000, 20_000])),
            975..980 => Self::Settle,
            980..990 if faults.watches => {
                if random.chance(10) {
                    Self::Relist
                } else {
                    Self::Repeat(random.pick())
                }
            }
            990..995 if faults.crashes => {
                Self::Crash(u32::try_from(random.next() & 0xffff_ffff).unwrap_or(0))
            }
            _ => Self::Tick,
        }
    }
}
