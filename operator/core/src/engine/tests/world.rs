//! Executors that do what they are told.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{Action, Assignment};
use crate::engine::{Engine, Settings};
use crate::event::{
    AttemptFailure, AttemptResult, Departure, Event, JobObservation, NodeObservation,
    PoolObservation, Report, StageAttempts,
};
use crate::ids::{ExecutorKey, JobKey};
use crate::jobs::{ExecutorSpec, JobSpec, JobState, StageSpec};
use crate::ranges::Ranges;
use crate::reasons::Reason;
use crate::resources::Resources;
use crate::time::{Span, Time};
use crate::view::JobStatus;

/// A job of executors with one slot and one core each.
pub(super) fn job(pool: &str, instances: u32, stages: Vec<StageSpec>) -> JobSpec {
    JobSpec {
        pool: pool.into(),
        priority: 0,
        executor: ExecutorSpec {
            slots: 1,
            request: vec![("cpu".into(), 1000)],
            instances,
            ..ExecutorSpec::default()
        },
        stages,
        ..JobSpec::default()
    }
}

/// A stage of numbered tasks that depends on none.
pub(super) fn stage(name: &str, tasks: u32) -> StageSpec {
    StageSpec { name: name.into(), tasks, ..StageSpec::default() }
}

#[derive(Default)]
struct Fake {
    node: Box<str>,
    ready: bool,
    /// Whether it was told to go.
    is_going: bool,
    /// The number of the last assignment that it was given.
    observed: u64,
    reports: u64,
    last: Report,
    /// What it was told to run, in order.
    assigned: Vec<StageAttempts>,
}

impl Fake {
    /// What runs when these have ended: what ran before, then the first that was assigned.
    fn runs(&self, at_once: usize, ended: &BTreeSet<(Box<str>, u32, u32)>) -> Vec<StageAttempts> {
        let single = |all: &[StageAttempts]| -> Vec<(Box<str>, u32, u32)> {
            all.iter()
                .flat_map(|attempts| {
                    let StageAttempts { stage, attempt, partitions } = attempts;
                    partitions.iter().map(|partition| (stage.clone(), *attempt, partition))
                })
                .collect()
        };
        let mut assigned = single(&self.assigned);
        assigned.retain(|task| !ended.contains(task));
        let mut before = single(&self.last.running);
        before.retain(|task| assigned.contains(task));
        assigned.retain(|task| !before.contains(task));
        let running: BTreeSet<_> = before.into_iter().chain(assigned).take(at_once).collect();
        let mut runs = self.assigned.clone();
        for attempts in &mut runs {
            let runs = |p: &u32| running.contains(&(attempts.stage.clone(), attempts.attempt, *p));
            attempts.partitions = attempts.partitions.iter().filter(runs).collect();
        }
        runs.retain(|attempts| !attempts.partitions.is_empty());
        runs
    }
}

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Time,
    fakes: BTreeMap<ExecutorKey, Fake>,
    departing: Vec<ExecutorKey>,
    /// Keeps executors that were told to go until it is set back.
    pub(super) hold_departures: bool,
    pub(super) lose_next_assignment: bool,
    /// How many tasks an executor runs at once; the others wait in it.
    pub(super) running_at_once: usize,
    pub(super) assignments: usize,
    pub(super) launches: usize,
    pub(super) published: usize,
    uids: BTreeMap<String, u32>,
    /// Executors that were told not to run something any more that they ran.
    stopped: BTreeSet<ExecutorKey>,
    /// Which executor every attempt was given to: job, its uid, stage, partition, attempt.
    attempts: BTreeMap<(String, u32, Box<str>, u32, u32), ExecutorKey>,
    /// Whether nodes may become smaller than what is on them.
    pub(super) shrinks: bool,
    pub(super) last_report: Option<(ExecutorKey, Report)>,
    /// Every action, in order.
    pub(super) log: Vec<Action>,
}

impl World {
    /// A world with a default pool and nodes of so many cores.
    pub(super) fn with_nodes(cores: &[i64]) -> Self {
        Self::with_settings(Settings::default(), cores)
    }

    /// The same with other settings of the engine.
    pub(super) fn with_settings(settings: Settings, cores: &[i64]) -> Self {
        let mut world = Self {
            engine: Engine::new(settings),
            now: Time::from_milliseconds(1_000_000),
            fakes: BTreeMap::new(),
            departing: Vec::new(),
            hold_departures: false,
            lose_next_assignment: false,
            running_at_once: usize::MAX,
            assignments: 0,
            launches: 0,
            published: 0,
            uids: BTreeMap::new(),
            stopped: BTreeSet::new(),
            attempts: BTreeMap::new(),
            shrinks: false,
            last_report: None,
            log: Vec::new(),
        };
        world.pool("default", 1000);
        for (index, &cores) in cores.iter().enumerate() {
            world.add_node(&format!("n{index}"), cores);
        }
        world
    }

    pub(super) fn add_node(&mut self, name: &str, cores: i64) {
        self.add_labelled_node(name, cores, &[]);
    }

    pub(super) fn add_labelled_node(&mut self, name: &str, cores: i64, labels: &[(&str, &str)]) {
        self.tell(Event::Node(NodeObservation {
            name: name.into(),
            allocatable: vec![("cpu".into(), cores * 1000), ("memory".into(), cores << 30)],
            labels: labels.iter().map(|&(key, value)| (key.into(), value.into())).collect(),
            ..NodeObservation::default()
        }));
        self.tick();
    }

    pub(super) fn node(&mut self, name: &str, cores: i64, marks: NodeObservation) {
        self.tell(Event::Node(NodeObservation {
            name: name.into(),
            allocatable: vec![("cpu".into(), cores * 1000), ("memory".into(), cores << 30)],
            ..marks
        }));
        self.tick();
    }

    pub(super) fn remove_node(&mut self, index: usize) {
        self.lose_node(&format!("n{index}"));
    }

    /// Removes a node with all that is on it.
    pub(super) fn lose_node(&mut self, node: &str) {
        let keys: Vec<_> = self.fakes.keys().cloned().collect();
        let known = |engine: &Engine, key: &ExecutorKey| engine.state.find_executor(key).is_some();
        let before: Vec<_> = keys.into_iter().filter(|key| known(&self.engine, key)).collect();
        self.tell(Event::NodeGone(node.into()));
        self.fakes.retain(|key, _| !before.contains(key) || known(&self.engine, key));
        self.tick();
    }

    pub(super) fn pool(&mut self, name: &str, weight: u32) {
        let name = name.into();
        self.tell(Event::Pool(PoolObservation { name, weight, ..PoolObservation::default() }));
        self.tick();
    }

    pub(super) fn submit(&mut self, name: &str, spec: JobSpec) {
        self.submit_quietly(name, spec);
        self.tick();
    }

    /// Submits without letting the engine decide yet.
    pub(super) fn submit_quietly(&mut self, name: &str, spec: JobSpec) {
        self.observe(name, Ok(spec));
    }

    pub(super) fn submit_senseless(&mut self, name: &str, problem: &str) {
        self.observe(name, Err(problem.to_owned()));
        self.tick();
    }

    /// Deletes and creates a job before the engine hears of it.
    pub(super) fn resubmit(&mut self, name: &str, spec: JobSpec) {
        *self.uids.entry(name.to_owned()).or_default() += 1;
        self.submit(name, spec);
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.tell(Event::JobGone(key(name)));
        self.tick();
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.engine.handle(self.now, event);
    }

    /// Lets time pass, stopping at each moment that the engine asked for.
    pub(super) fn advance(&mut self, milliseconds: u64) {
        let end = self.now + Span::from_milliseconds(milliseconds);
        while let Some(at) = self.engine.next_wakeup().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.tick();
        }
        self.now = end;
        self.tick();
    }

    /// Lets the engine decide until it wants nothing more.
    pub(super) fn tick(&mut self) {
        loop {
            let actions = self.engine.tick(self.now);
            let departing =
                if self.hold_departures { Vec::new() } else { std::mem::take(&mut self.departing) };
            self.engine.check().unwrap();
            if actions.is_empty() && departing.is_empty() {
                return;
            }
            for key in departing {
                if self.fakes.remove(&key).is_some() {
                    self.tell(Event::ExecutorGone(key, Departure::Asked));
                }
            }
            self.log.extend_from_slice(&actions);
            actions.into_iter().for_each(|action| self.apply(action));
            for key in std::mem::take(&mut self.stopped) {
                self.tell_report(&key, no_news);
            }
        }
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Launch(launch) => {
                self.launches += 1;
                let same =
                    |key: &&ExecutorKey| key.job == launch.key.job && key.index == launch.key.index;
                assert!(
                    !self.fakes.iter().any(|(key, fake)| same(&key) && !fake.is_going),
                    "two executors {}",
                    launch.key
                );
                self.fakes.insert(
                    launch.key,
                    Fake {
                        node: launch.node.unwrap_or_else(|| "nowhere".into()),
                        ..Fake::default()
                    },
                );
            }
            Action::Assign(Assignment { key, .. }) if self.lose_next_assignment => {
                self.lose_next_assignment = false;
                self.tell(Event::NotDelivered(key));
            }
            Action::Assign(assignment) => {
                self.assignments += 1;
                self.check_attempts(&assignment);
                let fake = self.fakes.get_mut(&assignment.key).unwrap();
                fake.assigned = assignment.attempts;
                let still_assigned = |running: &StageAttempts| {
                    let same = |other: &&StageAttempts| {
                        (&other.stage, other.attempt) == (&running.stage, running.attempt)
                    };
                    let assigned = fake.assigned.iter().find(same);
                    running
                        .partitions
                        .iter()
                        .all(|p| assigned.is_some_and(|assigned| assigned.partitions.contains(p)))
                };
                if !fake.last.running.iter().all(still_assigned) {
                    self.stopped.insert(assignment.key);
                }
                fake.observed = assignment.number;
            }
            Action::Remove(key) => {
                if let Some(fake) = self.fakes.get_mut(&key) {
                    fake.is_going = true;
                }
                self.departing.push(key);
            }
            Action::Status(_) => self.published += 1,
            Action::Framework(..) => {}
            Action::Discard(key) => self.tell(Event::Discarded(key)),
        }
    }

    /// No attempt is given to two executors.
    fn check_attempts(&mut self, assignment: &Assignment) {
        let (key, job) = (&assignment.key, &assignment.key.job.name);
        let uid = self.uids.get(&**job).copied().unwrap_or(0);
        for StageAttempts { stage, attempt, partitions } in &assignment.attempts {
            for partition in partitions.iter() {
                let name = (job.to_string(), uid, stage.clone(), partition, *attempt);
                let first = self.attempts.entry(name.clone()).or_insert_with(|| key.clone());
                assert_eq!(first, key, "{name:?} is on two executors");
            }
        }
    }

    pub(super) fn make_ready(&mut self) {
        while self.make_one_ready() {}
    }

    pub(super) fn make_one_ready(&mut self) -> bool {
        let unready = self.fakes.iter_mut().find(|(_, fake)| !fake.ready);
        let Some((key, fake)) = unready else { return false };
        fake.ready = true;
        let key = key.clone();
        self.report(&key, |_| {});
        true
    }

    /// Sends the next report of an executor, which says that all it was assigned runs.
    fn report<F: FnOnce(&mut Report)>(&mut self, key: &ExecutorKey, fill: F) {
        self.tell_report(key, fill);
        self.tick();
        if let Some(fake) = self.fakes.get(key)
            && !fake.assigned.is_empty()
            && fake.last.running != fake.runs(self.running_at_once, &BTreeSet::new())
        {
            // What was assigned meanwhile runs now.
            self.report(key, no_news);
        }
    }

    fn tell_report<F: FnOnce(&mut Report)>(&mut self, key: &ExecutorKey, fill: F) {
        let fake = self.fakes.get_mut(key).unwrap();
        fake.reports += 1;
        let mut report = Report {
            number: fake.reports,
            observed_assignment: fake.observed,
            ready: fake.ready,
            ..Report::default()
        };
        fill(&mut report);
        let ended = report
            .finished
            .iter()
            .flat_map(|ended| {
                ended.partitions.iter().map(|p| (ended.stage.clone(), ended.attempt, p))
            })
            .chain(report.failures.iter().map(|f| (f.stage.clone(), f.attempt, f.partition)))
            .collect();
        report.running = fake.runs(self.running_at_once, &ended);
        fake.last = report.clone();
        self.last_report = Some((key.clone(), report.clone()));
        self.tell(Event::Report(key.clone(), report));
    }

    pub(super) fn repeat_last_report(&mut self) {
        if let Some((key, report)) = self.last_report.clone() {
            self.tell(Event::Report(key, report));
            self.tick();
        }
    }

    pub(super) fn finish(&mut self, stage: &str, partition: u32) {
        self.finish_of("", stage, partition);
    }

    /// Finishes a task of a job, or of any job if that is empty.
    pub(super) fn finish_of(&mut self, job: &str, stage: &str, partition: u32) {
        let (key, attempts) = self.find(job, stage, partition);
        self.report(&key, |report| report.finished.push(attempts));
    }

    pub(super) fn finish_with(&mut self, stage: &str, partition: u32, result: &str) {
        self.finish_stored(stage, partition, result, None);
    }

    /// Finishes a task whose result is stored as well.
    pub(super) fn finish_stored(
        &mut self,
        stage: &str,
        partition: u32,
        result: &str,
        uri: Option<String>,
    ) {
        let (key, attempts) = self.find("", stage, partition);
        let value = Some(result.to_owned());
        self.report(&key, |report| {
            report.finished.push(attempts);
            report.results.push(AttemptResult { stage: stage.into(), partition, value, uri });
        });
    }

    /// Finishes an attempt, written as [`World::running`] does.
    pub(super) fn finish_attempt(&mut self, attempt: &str) {
        let (key, attempts) = self.find_attempt(attempt);
        self.finish_on(&key, attempts);
    }

    pub(super) fn finish_on(&mut self, key: &ExecutorKey, attempts: StageAttempts) {
        self.report(key, |report| report.finished.push(attempts));
    }

    /// Reports that an attempt finished, without letting the engine decide yet.
    pub(super) fn tell_finished(
        &mut self,
        (key, attempts): &(ExecutorKey, StageAttempts),
        result: Option<&str>,
    ) {
        let (stage, partition) = (attempts.stage.clone(), attempts.partitions.first().unwrap());
        let value = result.map(str::to_owned);
        self.tell_report(key, |report| {
            report.finished.push(attempts.clone());
            if value.is_some() {
                report.results.push(AttemptResult { stage, partition, value, uri: None });
            }
        });
    }

    /// Fails an attempt, written as [`World::running`] does.
    pub(super) fn fail_attempt(&mut self, attempt: &str) {
        let (key, attempts) = self.find_attempt(attempt);
        self.fail_on(&key, &attempts);
    }

    pub(super) fn fail_on(&mut self, key: &ExecutorKey, attempts: &StageAttempts) {
        self.report(key, |report| report.failures.push(failure(attempts, "exited", false)));
    }

    pub(super) fn find_attempt(&self, attempt: &str) -> (ExecutorKey, StageAttempts) {
        for (key, fake) in &self.fakes {
            for attempts in &fake.assigned {
                for partition in attempts.partitions.iter() {
                    let (stage, number) = (&attempts.stage, attempts.attempt);
                    let name =
                        format!("{stage}/{partition}/{number} on {}-{}", key.index, key.epoch);
                    if name == attempt {
                        let partitions = Ranges::one(partition);
                        return (key.clone(), StageAttempts { partitions, ..attempts.clone() });
                    }
                }
            }
        }
        panic!("nobody runs {attempt}");
    }

    pub(super) fn fail(&mut self, stage: &str, partition: u32, message: &str) {
        self.fail_with("", stage, partition, message, false);
    }

    pub(super) fn fail_for_good(&mut self, stage: &str, partition: u32, message: &str) {
        self.fail_with("", stage, partition, message, true);
    }

    fn fail_with(&mut self, job: &str, stage: &str, partition: u32, message: &str, is_final: bool) {
        let (key, attempts) = self.find(job, stage, partition);
        self.report(&key, |report| report.failures.push(failure(&attempts, message, is_final)));
    }

    /// The executor that was told to run a partition.
    fn find(&self, job: &str, stage: &str, partition: u32) -> (ExecutorKey, StageAttempts) {
        for (key, fake) in &self.fakes {
            if !job.is_empty() && &*key.job.name != job {
                continue;
            }
            for attempts in &fake.assigned {
                if &*attempts.stage == stage && attempts.partitions.contains(partition) {
                    let partitions = Ranges::one(partition);
                    return (key.clone(), StageAttempts { partitions, ..attempts.clone() });
                }
            }
        }
        panic!("nobody runs {stage}/{partition}");
    }

    pub(super) fn depart_one(&mut self, departure: &Departure) {
        let key = self.fakes.keys().next().cloned().unwrap();
        self.depart(&key, departure);
    }

    pub(super) fn depart_all(&mut self, departure: &Departure) {
        let keys: Vec<_> = self.fakes.keys().cloned().collect();
        keys.iter().for_each(|key| self.depart(key, departure));
    }

    pub(super) fn depart(&mut self, key: &ExecutorKey, departure: &Departure) {
        self.fakes.remove(key);
        self.departing.retain(|departing| departing != key);
        self.tell(Event::ExecutorGone(key.clone(), departure.clone()));
        self.tick();
    }

    /// Finishes everything that is assigned, again and again, and lets every executor say which
    /// assignment it knows.
    pub(super) fn run_to_the_end(&mut self) {
        loop {
            self.make_ready();
            let has_news = |fake: &Fake| {
                !fake.assigned.is_empty() || fake.last.observed_assignment < fake.observed
            };
            let busy = self.fakes.iter().find(|(_, fake)| has_news(fake));
            let Some((key, fake)) = busy else { return };
            let (key, finished) = (key.clone(), fake.assigned.clone());
            self.report(&key, |report| report.finished = finished);
        }
    }

    pub(super) fn status(&self, name: &str) -> JobStatus {
        let jobs = self.engine.view().jobs;
        jobs.into_iter().find(|job| &*job.key.name == name).unwrap()
    }

    pub(super) fn state(&self, name: &str) -> JobState {
        self.status(name).state
    }

    /// What a job's executors were told to run, as `stage/partition/attempt on index-epoch`.
    pub(super) fn running(&self, name: &str) -> Vec<String> {
        let mut running = Vec::new();
        for (key, fake) in self.fakes.iter().filter(|(key, _)| &*key.job.name == name) {
            for attempts in &fake.assigned {
                running.extend(attempts.partitions.iter().map(|partition| {
                    let (stage, attempt) = (&attempts.stage, attempts.attempt);
                    format!("{stage}/{partition}/{attempt} on {}-{}", key.index, key.epoch)
                }));
            }
        }
        running
    }

    pub(super) fn running_stages(&self, name: &str) -> Vec<String> {
        let stage = |task: &String| task.split('/').next().unwrap_or("").to_owned();
        self.running(name).iter().map(stage).collect()
    }

    /// The reason and the sentence for why a job has no more.
    pub(super) fn waits(&self, name: &str) -> String {
        let status = self.status(name);
        let message = status.message.unwrap_or_default();
        let reason = status.reason.map(Reason::as_str).unwrap_or_default();
        format!("{reason}: {message}")
    }

    /// How many of a job's executors are on which node.
    pub(super) fn placed(&self, name: &str) -> Vec<(String, usize)> {
        let mut counts = BTreeMap::new();
        for (_, executor) in self.engine.state.executors.iter() {
            if &*executor.key.job.name == name {
                let node = executor.node.and_then(|node| self.engine.state.nodes.get(node));
                let name =
                    node.map_or("nowhere".to_owned(), |node| node.observed().name.to_string());
                *counts.entry(name).or_insert(0) += 1;
            }
        }
        counts.into_iter().collect()
    }

    /// The nodes of a job's executors, in order.
    pub(super) fn nodes(&self, name: &str) -> Vec<String> {
        let fakes = self.fakes.iter().filter(|(key, _)| &*key.job.name == name);
        let mut nodes: Vec<String> = fakes.map(|(_, fake)| fake.node.to_string()).collect();
        nodes.sort_unstable();
        nodes
    }

    pub(super) fn message(&self, name: &str) -> String {
        self.status(name).message.unwrap_or_default()
    }

    pub(super) fn live_executors(&self) -> usize {
        self.fakes.len()
    }

    pub(super) fn executors(&self) -> Vec<(ExecutorKey, Vec<StageAttempts>)> {
        self.fakes.iter().map(|(key, fake)| (key.clone(), fake.assigned.clone())).collect()
    }

    pub(super) fn is_ready(&self, key: &ExecutorKey) -> bool {
        self.fakes.get(key).is_some_and(|fake| fake.ready)
    }

    pub(super) fn epochs(&self, name: &str) -> Vec<u32> {
        let of_job = self.fakes.keys().filter(|key| &*key.job.name == name);
        of_job.map(|key| key.epoch).collect()
    }

    /// The partitions that an executor was told to run.
    pub(super) fn assigned_to(&self, key: &ExecutorKey) -> Vec<u32> {
        self.fakes[key].assigned.iter().flat_map(|attempts| attempts.partitions.iter()).collect()
    }

    /// Finishes all that an executor was told to run.
    pub(super) fn finish_all_of(&mut self, key: &ExecutorKey) {
        let finished = self.fakes[key].assigned.clone();
        self.report(key, |report| report.finished = finished);
    }

    /// Lets an executor say that it runs one partition of what it was told, and nothing else yet.
    pub(super) fn report_running(&mut self, key: &ExecutorKey, partition: u32) {
        let fake = self.fakes.get_mut(key).unwrap();
        fake.reports += 1;
        let mut running = fake.assigned.clone();
        running.retain(|attempts| attempts.partitions.contains(partition));
        running.iter_mut().for_each(|attempts| attempts.partitions = Ranges::one(partition));
        let report = Report {
            number: fake.reports,
            observed_assignment: fake.observed,
            ready: true,
            running,
            ..Report::default()
        };
        self.tell(Event::Report(key.clone(), report));
        self.tick();
    }

    /// Lets every executor say that it runs what it was told.
    pub(super) fn report_all(&mut self) {
        let keys: Vec<_> = self.fakes.keys().cloned().collect();
        keys.iter().for_each(|key| self.report(key, no_news));
    }

    /// Observes a node.
    pub(super) fn see(&mut self, node: NodeObservation) {
        self.tell(Event::Node(node));
        self.tick();
    }

    /// The executors that drain.
    pub(super) fn draining(&self) -> Vec<ExecutorKey> {
        let executors = self.engine.state.executors.iter();
        let drain = executors.filter(|(_, executor)| executor.exit.draining().is_some());
        let mut keys: Vec<_> = drain.map(|(_, executor)| executor.key.clone()).collect();
        keys.sort();
        keys
    }

    pub(super) fn node_of(&self, key: &ExecutorKey) -> String {
        let state = &self.engine.state;
        let executor = state.executors.get(state.find_executor(key).unwrap()).unwrap();
        state.nodes.get(executor.node.unwrap()).unwrap().observed().name.to_string()
    }

    /// Declares a pool.
    pub(super) fn declare(&mut self, pool: PoolObservation) {
        self.tell(Event::Pool(pool));
        self.tick();
    }

    /// How many executors a job holds.
    pub(super) fn held(&self, name: &str) -> u32 {
        self.status(name).executors_launched
    }

    /// A round about everybody gives nothing that a round about those who were thought to matter did
    /// not give.
    pub(super) fn check_that_nothing_was_overlooked(&mut self) {
        while self.engine.next_wakeup().is_some_and(|at| at <= self.now) {
            self.tick();
        }
        self.engine.agenda.ask_all();
        self.engine.make_offers(self.now);
        let mut actions = self.engine.outgoing.iter().map(|(_, action)| action);
        let overlooked = actions.find(|action| matches!(action, Action::Launch(_)));
        assert_eq!(overlooked, None, "somebody was overlooked");
        self.tick();
    }

    /// What executors hold is what nodes and pools are charged, and no node is past what it has.
    pub(super) fn check_account(&self) {
        let state = &self.engine.state;
        let mut sum = Resources::NONE;
        for (id, node) in state.nodes.iter() {
            let on_it = state.executors.iter().filter(|(_, executor)| executor.node == Some(id));
            let held =
                on_it.fold(Resources::NONE, |sum, (_, executor)| sum.plus(&executor.request));
            assert_eq!(*node.held(), held, "node {}", node.observed().name);
            if !self.shrinks {
                assert!(
                    held.fits_in(node.usable()),
                    "node {} is overcommitted",
                    node.observed().name
                );
            }
            let leaving = state
                .executors
                .iter()
                .filter(|(_, executor)| executor.node == Some(id) && executor.exit.is_counted())
                .fold(Resources::NONE, |sum, (_, executor)| sum.plus(&executor.request));
            assert_eq!(*node.leaving(), leaving, "leaving node {}", node.observed().name);
            assert_eq!(
                state.on_node.get(&id).map_or(0, BTreeSet::len),
                state.executors.iter().filter(|(_, executor)| executor.node == Some(id)).count()
            );
            sum = sum.plus(&held);
        }
        let unplaced = state.executors.iter().filter(|(_, executor)| executor.node.is_none());
        let unplaced =
            unplaced.fold(Resources::NONE, |sum, (_, executor)| sum.plus(&executor.request));
        sum = sum.plus(&unplaced);
        let roots = || state.pools.iter().filter(|(_, pool)| pool.parent.is_none());
        let waiting = roots().fold(Resources::NONE, |sum, (_, pool)| sum.plus(&pool.unplaced));
        assert_eq!(waiting, unplaced);
        let roots = state.pools.iter().filter(|(_, pool)| pool.parent.is_none());
        assert_eq!(roots.fold(Resources::NONE, |sum, (_, pool)| sum.plus(&pool.held)), sum);
        assert_eq!(state.executors.iter().count(), self.fakes.len());
    }

    /// Departs the executor of this index of a job.
    pub(super) fn depart_index(&mut self, name: &str, index: u32, departure: &Departure) {
        let of_job = |key: &&ExecutorKey| &*key.job.name == name && key.index == index;
        let key = self.fakes.keys().find(of_job).cloned().unwrap();
        self.depart(&key, departure);
    }

    /// Nothing is kept for anybody, and nobody is waited for.
    pub(super) fn check_rest(&self) {
        let state = &self.engine.state;
        for (_, node) in state.nodes.iter() {
            assert!(node.promised().is_none() && node.leaving().is_none(), "{node:?}");
        }
        for (_, pool) in state.pools.iter() {
            assert!(pool.pending.is_none() && pool.own_pending.is_none(), "{pool:?}");
        }
        assert!(state.on_node.is_empty() && state.of_pool.is_empty());
        assert!(state.executors_leaving.is_empty());
    }

    fn observe(&mut self, name: &str, spec: Result<JobSpec, String>) {
        let number = self.uids.entry(name.to_owned()).or_default();
        let uid = format!("{name}-{number}").into();
        self.tell(Event::Job(Box::new(JobObservation {
            key: key(name),
            uid,
            generation: 1,
            created_at: self.now,
            spec,
            status: None,
        })));
    }
}

/// That the first of some attempts failed.
fn failure(attempts: &StageAttempts, message: &str, is_final: bool) -> AttemptFailure {
    AttemptFailure {
        stage: attempts.stage.clone(),
        partition: attempts.partitions.first().unwrap(),
        attempt: attempts.attempt,
        reason: "Exited".into(),
        message: message.to_owned(),
        stderr: String::new(),
        is_final,
    }
}

fn no_news(_: &mut Report) {}

fn key(name: &str) -> JobKey {
    JobKey { namespace: "default".into(), name: name.into() }
}
