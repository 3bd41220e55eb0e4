//! Writes that take time or fail, and engines that go on where another one stopped.

use std::collections::BTreeMap;

use super::world::{job, stage};
use crate::action::{Action, Assignment};
use crate::engine::{Engine, Settings};
use crate::event::{
    AttemptFailure, Departure, Event, ExecutorObservation, JobObservation, NodeObservation,
    PoolObservation, Report, StageAttempts,
};
use crate::ids::{ExecutorKey, JobKey};
use crate::jobs::{JobSpec, JobState, Restart, StageSpec};
use crate::ranges::Ranges;
use crate::reasons::Reason;
use crate::time::{Span, Time};
use crate::view::JobStatus;

const DEADLINE: u64 = 5000;

/// An engine whose actions are done only when the test says so.
struct Server {
    engine: Engine,
    now: Time,
    specs: BTreeMap<String, JobSpec>,
    nodes: Vec<(String, i64)>,
    /// The status of each job that is stored.
    stored: BTreeMap<String, JobStatus>,
    /// The status of each job that was given out last.
    wanted: BTreeMap<String, JobStatus>,
    /// What was given out last, without statuses.
    actions: Vec<Action>,
}

fn settings() -> Settings {
    Settings {
        write_deadline_milliseconds: Some(Span::from_milliseconds(DEADLINE)),
        ..Settings::default()
    }
}

fn job_key(name: &str) -> JobKey {
    JobKey { namespace: "default".into(), name: name.into() }
}

fn key(name: &str, index: u32, epoch: u32) -> ExecutorKey {
    ExecutorKey { job: job_key(name), index, epoch }
}

fn attempts(stage: &str, attempt: u32, partitions: &str) -> StageAttempts {
    StageAttempts { stage: stage.into(), attempt, partitions: partitions.parse().unwrap() }
}

fn observed(key: &ExecutorKey, attempts: Vec<StageAttempts>) -> ExecutorObservation {
    ExecutorObservation {
        key: key.clone(),
        job_uid: key.job.name.as_ref().into(),
        pool: "default".into(),
        node: Some("n0".into()),
        request: vec![("cpu".into(), 1000)],
        attempts,
        acknowledged_report: 0,
        terminating: false,
    }
}

impl Server {
    fn new(cores: i64) -> Self {
        let mut server = Self {
            engine: Engine::new(settings()),
            now: Time::from_milliseconds(1_000_000),
            specs: BTreeMap::new(),
            nodes: vec![("n0".to_owned(), cores)],
            stored: BTreeMap::new(),
            wanted: BTreeMap::new(),
            actions: Vec::new(),
        };
        server.list();
        server
    }

    fn list(&mut self) {
        let (name, weight) = ("default".into(), 1000);
        self.tell(Event::Pool(PoolObservation { name, weight, ..PoolObservation::default() }));
        for (name, cores) in self.nodes.clone() {
            self.tell(Event::Node(NodeObservation {
                name: name.as_str().into(),
                allocatable: vec![("cpu".into(), cores * 1000)],
                ..NodeObservation::default()
            }));
        }
        for (name, spec) in self.specs.clone() {
            self.tell(Event::Job(Box::new(JobObservation {
                key: job_key(&name),
                uid: name.as_str().into(),
                generation: 1,
                created_at: Time::from_milliseconds(1_000_000),
                spec: Ok(spec),
                status: self.stored.get(&name).cloned().map(Box::new),
            })));
        }
    }

    fn tell(&mut self, event: Event) {
        self.engine.handle(self.now, event);
    }

    fn submit(&mut self, name: &str, spec: JobSpec) {
        self.specs.insert(name.to_owned(), spec);
        self.list();
        self.tick();
    }

    fn tick(&mut self) {
        self.actions.clear();
        for action in self.engine.tick(self.now) {
            match action {
                Action::Status(status) => {
                    self.wanted.insert(status.key.name.to_string(), *status);
                }
                other => self.actions.push(other),
            }
        }
        self.engine.check().unwrap();
    }

    fn advance(&mut self, milliseconds: u64) {
        self.now += Span::from_milliseconds(milliseconds);
        self.tick();
    }

    /// Lets everything go from a node, as `kubectl drain` does.
    fn drain(&mut self, name: &str) {
        let cores = self.nodes.iter().find(|(node, _)| node == name).unwrap().1;
        self.tell(Event::Node(NodeObservation {
            name: name.into(),
            allocatable: vec![("cpu".into(), cores * 1000)],
            draining: true,
            ..NodeObservation::default()
        }));
        self.tick();
    }

    /// Stores the last status of a job.
    fn store(&mut self, name: &str) {
        let status = self.wanted[name].clone();
        let (job, uid, revision) = (status.key.clone(), status.uid.clone(), status.revision);
        self.stored.insert(name.to_owned(), status);
        self.tell(Event::StatusWritten { job, uid, revision });
        self.tick();
    }

    /// The operator dies; another one hears of these executors, of what they said and of those that
    /// are gone.
    fn restart(
        &mut self,
        executors: Vec<ExecutorObservation>,
        reports: Vec<(ExecutorKey, Report)>,
        gone: Vec<(ExecutorKey, Departure)>,
    ) {
        self.engine = Engine::restoring(settings());
        executors.into_iter().for_each(|it| self.tell(Event::Executor(Box::new(it))));
        reports.into_iter().for_each(|(key, report)| self.tell(Event::Report(key, report)));
        gone.into_iter().for_each(|(key, why)| self.tell(Event::ExecutorGone(key, why)));
        self.list();
        self.tick();
        assert!(self.actions.is_empty(), "it decides before it knows everything");
        self.tell(Event::Synced);
        self.tick();
    }

    fn confirm(&mut self, key: &ExecutorKey, attempts: Vec<StageAttempts>) {
        self.tell(Event::Executor(Box::new(observed(key, attempts))));
    }

    fn launched(&self) -> Vec<String> {
        let launch = |action: &Action| match action {
            Action::Launch(launch) => Some(launch.key.to_string()),
            _ => None,
        };
        self.actions.iter().filter_map(launch).collect()
    }

    /// The last that an executor was told.
    fn assigned(&self, key: &ExecutorKey) -> Option<&Assignment> {
        let assign = |action: &'_ Action| matches!(action, Action::Assign(it) if it.key == *key);
        self.actions.iter().rev().find(|action| assign(action)).and_then(|action| match action {
            Action::Assign(assignment) => Some(assignment),
            _ => None,
        })
    }

    fn report(&mut self, key: &ExecutorKey, report: Report) {
        self.tell(Event::Report(key.clone(), report));
        self.tick();
    }
}

fn ready(number: u64) -> Report {
    Report { number, ready: true, ..Report::default() }
}

fn finished(number: u64, partitions: &str) -> Report {
    Report { finished: vec![attempts("s", 0, partitions)], ..ready(number) }
}

fn failed(number: u64, partition: u32) -> Report {
    let failure = AttemptFailure {
        stage: "s".into(),
        partition,
        attempt: 0,
        reason: "Exited".into(),
        message: "exited with code 1".to_owned(),
        stderr: String::new(),
        is_final: false,
    };
    Report { failures: vec![failure], ..ready(number) }
}

#[test]
fn a_report_is_acknowledged_only_when_the_status_that_holds_it_is_stored() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 3)]));
    let executor = key("j", 0, 0);
    server.report(&executor, ready(1));
    server.report(&executor, finished(2, "0"));
    // It keeps what ended, beside what is new.
    let told = server.assigned(&executor).unwrap();
    assert_eq!((told.acknowledged_report, &told.attempts), (0, &vec![attempts("s", 0, "0-1")]));
    server.advance(1000);
    server.store("j");
    let told = server.assigned(&executor).unwrap();
    assert_eq!((told.acknowledged_report, &told.attempts), (2, &vec![attempts("s", 0, "1")]));
}

#[test]
fn what_is_not_confirmed_in_time_is_given_out_again() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 1)]));
    assert_eq!(server.launched(), ["default/j-0-0"]);
    let first = server.wanted["j"].revision;
    server.advance(DEADLINE - 1);
    assert!(server.launched().is_empty());
    server.advance(1);
    assert_eq!(server.launched(), ["default/j-0-0"]);
    assert!(server.wanted["j"].revision > first);
    let executor = key("j", 0, 0);
    server.confirm(&executor, Vec::new());
    server.advance(DEADLINE);
    assert!(server.actions.is_empty(), "{:?}", server.actions);
    server.report(&executor, ready(1));
    assert!(server.assigned(&executor).is_some());
    server.advance(DEADLINE);
    assert!(server.assigned(&executor).is_some());
    server.confirm(&executor, vec![attempts("s", 0, "0")]);
    server.advance(DEADLINE);
    assert!(server.actions.is_empty(), "{:?}", server.actions);
}

#[test]
fn an_executor_that_could_not_be_made_costs_nobody_anything_and_waits_longer_each_time() {
    let mut server = Server::new(1);
    let mut spec = job("default", 1, vec![stage("s", 1)]);
    spec.max_executor_failures = Some(0);
    server.submit("j", spec);
    let mut pauses = Vec::new();
    for epoch in 0..3 {
        let refused = Departure::Withdrawn("quota exceeded".to_owned());
        server.tell(Event::ExecutorGone(key("j", 0, epoch), refused));
        server.tick();
        let start = server.now;
        while server.launched().is_empty() {
            server.advance(500);
        }
        pauses.push(server.now.since(start).as_milliseconds());
    }
    assert_eq!(pauses, [1000, 2000, 4000]);
    assert_eq!(server.launched(), ["default/j-0-3"]);
    assert_eq!(server.wanted["j"].state, JobState::Running);
    assert_eq!(server.wanted["j"].executors_failed, 0);
}

#[test]
fn what_an_executor_left_goes_only_when_all_that_it_said_is_stored() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 1)]));
    server.store("j");
    let executor = key("j", 0, 0);
    server.tell(Event::ExecutorGone(executor.clone(), Departure::Exited("killed".to_owned())));
    server.advance(1000);
    let discard = Action::Discard(executor.clone());
    assert!(!server.actions.contains(&discard));
    server.store("j");
    assert!(server.actions.contains(&discard));
    assert_eq!(server.stored["j"].epochs, [(0, 1)].into());
    server.advance(DEADLINE);
    assert!(server.actions.contains(&discard), "it is given out again");
    server.tell(Event::Discarded(executor));
    server.advance(DEADLINE);
    assert!(!server.actions.contains(&discard));
}

#[test]
fn a_stage_starts_when_what_it_reads_is_stored() {
    let mut server = Server::new(1);
    let mut second = stage("t", 1);
    second.depends_on = vec![0];
    server.submit("j", job("default", 1, vec![stage("s", 1), second]));
    let executor = key("j", 0, 0);
    server.report(&executor, ready(1));
    server.report(&executor, finished(2, "0"));
    let told: Vec<_> =
        server.assigned(&executor).into_iter().flat_map(|told| told.attempts.clone()).collect();
    assert!(told.iter().all(|attempts| &*attempts.stage == "s"), "{told:?}");
    server.store("j");
    let told = server.assigned(&executor).unwrap();
    assert_eq!(told.attempts, [attempts("t", 0, "0")]);
}

#[test]
fn a_new_engine_goes_on_with_the_executors_that_are_there() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 3)]));
    let executor = key("j", 0, 0);
    server.report(&executor, ready(1));
    // Nothing was ever stored; the executor has finished one task and was told of another.
    let there = observed(&executor, vec![attempts("s", 0, "0-1")]);
    let report = Report { running: vec![attempts("s", 0, "1")], ..finished(2, "0") };
    server.restart(vec![there], vec![(executor.clone(), report)], Vec::new());
    assert!(server.launched().is_empty());
    server.advance(1000);
    assert_eq!(server.wanted["j"].stages[0].finished, Ranges::one(0));
    server.store("j");
    let told = server.assigned(&executor).unwrap();
    assert_eq!((told.acknowledged_report, &told.attempts), (2, &vec![attempts("s", 0, "1")]));
}

#[test]
fn what_is_stored_does_not_count_twice() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 3)]));
    let executor = key("j", 0, 0);
    server.report(&executor, ready(1));
    server.report(&executor, failed(2, 0));
    server.advance(1000);
    server.store("j");
    assert_eq!(server.stored["j"].stages[0].failures, [(0, 1)].into());
    // The acknowledgement never arrived; the executor says it again.
    let there = observed(&executor, vec![attempts("s", 0, "0")]);
    server.restart(vec![there], vec![(executor.clone(), failed(2, 0))], Vec::new());
    server.advance(1000);
    assert_eq!(server.wanted["j"].stages[0].failures, [(0, 1)].into());
    let told = server.assigned(&executor);
    assert!(told.is_none_or(|told| !told.attempts.contains(&attempts("s", 0, "0"))));
    server.store("j");
    let told = server.assigned(&executor).unwrap();
    assert_eq!((told.acknowledged_report, &told.attempts), (2, &vec![attempts("s", 1, "0")]));
}

#[test]
fn names_are_not_used_again_although_nothing_is_left_of_their_executors() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 1)]));
    let gone = Departure::Lost("its node is gone".to_owned());
    server.tell(Event::ExecutorGone(key("j", 0, 0), gone));
    server.advance(1000);
    server.store("j");
    server.restart(Vec::new(), Vec::new(), Vec::new());
    assert_eq!(server.launched(), ["default/j-0-1"]);
}

#[test]
fn an_executor_that_died_meanwhile_gives_way_to_the_one_after_it() {
    let mut server = Server::new(2);
    server.submit("j", job("default", 1, vec![stage("s", 1)]));
    // The one before ran attempt 0, the one after was told attempt 1; nothing of that was stored.
    let (before, after) = (key("j", 0, 0), key("j", 0, 1));
    let there = vec![
        observed(&before, vec![attempts("s", 0, "0")]),
        observed(&after, vec![attempts("s", 1, "0")]),
    ];
    let report = Report { running: vec![attempts("s", 0, "0")], ..ready(1) };
    let gone = vec![(before.clone(), Departure::OutOfMemory("too much".to_owned()))];
    server.restart(there, vec![(before.clone(), report), (after.clone(), ready(1))], gone);
    assert!(server.launched().is_empty());
    server.advance(1000);
    assert_eq!(server.wanted["j"].stages[0].failures, [(0, 1)].into());
    assert_eq!(server.wanted["j"].executors_failed, 1);
    server.store("j");
    assert!(server.actions.contains(&Action::Discard(before)));
}

#[test]
fn executors_of_jobs_that_are_not_there_hold_their_node_until_they_are_gone() {
    let mut server = Server::new(1);
    server.specs.insert("j".to_owned(), job("default", 1, vec![stage("s", 1)]));
    let stranger = key("other", 0, 0);
    server.restart(vec![observed(&stranger, Vec::new())], Vec::new(), Vec::new());
    assert_eq!(server.actions, [Action::Remove(stranger.clone())]);
    server.tell(Event::ExecutorGone(stranger.clone(), Departure::Asked));
    server.tick();
    assert!(server.actions.contains(&Action::Discard(stranger)));
    assert_eq!(server.launched(), ["default/j-0-0"]);
}

#[test]
fn a_new_job_does_not_take_over_executors_of_the_one_before_it() {
    let mut server = Server::new(2);
    server.specs.insert("j".to_owned(), job("default", 1, vec![stage("s", 1)]));
    let mut old = observed(&key("j", 0, 3), vec![attempts("s", 0, "0")]);
    old.job_uid = "before".into();
    server.restart(vec![old], Vec::new(), Vec::new());
    assert!(server.actions.contains(&Action::Remove(key("j", 0, 3))));
    assert_eq!(server.launched(), ["default/j-0-4"]);
}

#[test]
fn a_part_of_a_gang_does_not_wait_for_the_rest_for_ever() {
    let mut server = Server::new(1);
    let mut spec = job("default", 2, vec![stage("s", 2)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(20));
    server.specs.insert("j".to_owned(), spec);
    let executor = key("j", 0, 0);
    server.restart(vec![observed(&executor, Vec::new())], Vec::new(), Vec::new());
    let remove = Action::Remove(executor.clone());
    server.advance(19_999);
    assert!(!server.actions.contains(&remove));
    server.advance(1);
    assert!(server.actions.contains(&remove));
}

#[test]
fn a_job_that_starts_again_waits_no_more_for_what_was_left_of_its_gang() {
    let mut server = Server::new(2);
    let mut spec = job("default", 2, vec![stage("s", 2)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(10));
    spec.max_task_failures = 1;
    spec.restart = Some(Restart { retries: 1, interval_milliseconds: Span::from_seconds(10) });
    server.specs.insert("j".to_owned(), spec);
    let (dead, left) = (key("j", 0, 0), key("j", 1, 0));
    let exited = Departure::Exited("it exited with code 1".to_owned());
    server.restart(
        vec![observed(&dead, vec![attempts("s", 0, "0")]), observed(&left, Vec::new())],
        Vec::new(),
        vec![(dead, exited)],
    );
    assert_eq!(server.wanted["j"].state, JobState::Restarting);
    server.tell(Event::ExecutorGone(left, Departure::Asked));
    server.advance(5_000);
    server.nodes.clear();
    server.tell(Event::NodeGone("n0".into()));
    // Both moments are the same.
    server.advance(5_000);
    server.engine.check().unwrap();
}

#[test]
fn nothing_is_wanted_of_an_executor_that_went_before_the_engine_decided() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 1)]));
    let executor = key("j", 0, 0);
    server.tell(Event::NotDelivered(executor.clone()));
    server.tell(Event::ExecutorGone(executor, Departure::Withdrawn("quota".to_owned())));
    server.tick();
    assert!(server.launched().is_empty(), "{:?}", server.actions);
}

#[test]
fn what_the_last_of_several_dead_executors_finished_is_not_lost() {
    // Attempt 0 ran on the executor of index 1, attempt 1 on that of index 0; nothing was stored.
    let mut server = Server::new(2);
    server.submit("j", job("default", 2, vec![stage("s", 2)]));
    let (first, last) = (key("j", 1, 0), key("j", 0, 1));
    let there = vec![
        observed(&first, vec![attempts("s", 0, "0")]),
        observed(&last, vec![attempts("s", 1, "0")]),
    ];
    let report = Report { finished: vec![attempts("s", 1, "0")], ..ready(2) };
    let departure = || Departure::Lost("its node is gone".to_owned());
    let gone = vec![(first, departure()), (last.clone(), departure())];
    server.restart(there, vec![(last, report)], gone);
    server.advance(1000);
    assert_eq!(server.wanted["j"].stages[0].finished, Ranges::one(0));
}

#[test]
fn what_a_dead_executor_finished_is_not_lost_although_its_forerunner_left_no_trace() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 2)]));
    let executor = key("j", 0, 1);
    let report = Report { finished: vec![attempts("s", 1, "0")], ..ready(2) };
    let gone = vec![(executor.clone(), Departure::Lost("its node is gone".to_owned()))];
    let there = vec![observed(&executor, vec![attempts("s", 1, "0")])];
    server.restart(there, vec![(executor, report)], gone);
    server.advance(1000);
    assert_eq!(server.wanted["j"].stages[0].finished, Ranges::one(0));
}

#[test]
fn a_job_that_ended_stays_as_it_was() {
    let mut server = Server::new(1);
    let mut spec = job("default", 1, vec![stage("s", 1)]);
    spec.max_task_failures = 1;
    server.submit("j", spec);
    let executor = key("j", 0, 0);
    server.report(&executor, ready(1));
    server.report(&executor, failed(2, 0));
    assert_eq!(server.wanted["j"].state, JobState::Failed);
    server.store("j");
    let mut there = observed(&executor, Vec::new());
    there.terminating = true;
    server.restart(vec![there], Vec::new(), Vec::new());
    let status = server.engine.view().jobs.into_iter().next().unwrap();
    assert_eq!(status.state, JobState::Failed);
    assert_eq!(status.reason, Some(Reason::TaskFailed));
    assert_eq!(status.message, server.stored["j"].message);
    assert_eq!(status.ended_at, server.stored["j"].ended_at);
    assert!(server.launched().is_empty());
}

#[test]
fn an_executor_on_its_way_to_a_node_that_is_gone_holds_what_it_holds() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 1)]));
    server.tell(Event::NodeGone("n0".into()));
    server.tick();
    assert!(server.actions.contains(&Action::Remove(key("j", 0, 0))));
    // The node comes back; what was asked for may arrive yet.
    server.list();
    server.tick();
    assert!(server.launched().is_empty());
    server.tell(Event::ExecutorGone(key("j", 0, 0), Departure::Asked));
    server.tick();
    assert_eq!(server.launched(), ["default/j-0-1"]);
}

#[test]
fn what_is_taken_back_from_an_executor_that_drains_is_told_once_it_is_stored() {
    let mut server = Server::new(1);
    let mut spec = job("default", 1, vec![stage("s", 2)]);
    spec.executor.slots = 2;
    server.submit("j", spec);
    let executor = key("j", 0, 0);
    server.report(&executor, ready(1));
    let running = |number: u64| Report { running: vec![attempts("s", 0, "0")], ..ready(number) };
    server.report(&executor, running(2));
    server.drain("n0");
    assert_eq!(server.assigned(&executor).unwrap().attempts, [attempts("s", 0, "0-1")]);
    let stage = server.wanted["j"].stages[0].clone();
    assert_eq!(stage.other_attempts, [(1, 1)].into(), "its number is used");
    assert_eq!(stage.older_attempts, [(1, 0)].into(), "what becomes of it is open");
    server.store("j");
    assert_eq!(server.assigned(&executor).unwrap().attempts, [attempts("s", 0, "0")]);
    // It had finished the task before it heard that; the next engine hears of it.
    let report = Report { finished: vec![attempts("s", 0, "1")], ..running(3) };
    let there = observed(&executor, vec![attempts("s", 0, "0")]);
    server.restart(vec![there], vec![(executor, report)], vec![]);
    server.advance(1000);
    assert_eq!(server.wanted["j"].stages[0].finished, Ranges::one(1));
}

#[test]
fn what_became_of_a_job_is_known_although_it_is_told_of_again_before_all_is_known() {
    let mut server = Server::new(1);
    let mut spec = job("default", 1, vec![stage("s", 1)]);
    spec.max_task_failures = 9;
    server.submit("j", spec.clone());
    server.report(&key("j", 0, 0), ready(1));
    server.report(&key("j", 0, 0), failed(2, 0));
    server.advance(1000);
    server.store("j");
    let told = |uid: &str| {
        Event::Job(Box::new(JobObservation {
            key: job_key("j"),
            uid: uid.into(),
            generation: 2,
            created_at: Time::from_milliseconds(1_000_000),
            spec: Ok(spec.clone()),
            status: None,
        }))
    };
    for (uid, failures) in [("j", [(0, 1)].into()), ("another", BTreeMap::new())] {
        server.engine = Engine::restoring(settings());
        server.list();
        server.tell(told(uid));
        server.tell(Event::Synced);
        server.advance(1000);
        let jobs = server.engine.view().jobs;
        assert_eq!(jobs[0].stages[0].failures, failures);
    }
}

#[test]
fn what_has_to_go_again_is_not_launched_again() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 1, vec![stage("s", 1)]));
    assert_eq!(server.launched(), ["default/j-0-0"]);
    server.tell(Event::NotDelivered(key("j", 0, 0)));
    server.tell(Event::JobGone(job_key("j")));
    server.tick();
    assert_eq!(server.actions, [Action::Remove(key("j", 0, 0))]);
}

#[test]
fn a_report_counts_only_for_partitions_that_its_stages_have() {
    let mut server = Server::new(1);
    let wide = StageSpec { slots: 1024, ..stage("s", 2) };
    let mut spec = job("default", 1, vec![wide]);
    spec.executor.slots = 2048;
    server.submit("j", spec);
    let executor = key("j", 0, 0);
    server.report(&executor, ready(1));
    let all = vec![attempts("s", 7, "0-4294967295")];
    server.report(&executor, Report { running: all.clone(), finished: all, ..ready(2) });
    server.report(&executor, finished(3, "0-4294967295"));
    server.advance(1000);
    server.store("j");
    assert_eq!(server.stored["j"].state, JobState::Succeeded);
    assert_eq!(server.stored["j"].stages[0].finished, Ranges::up_to(2));
}

#[test]
fn numbers_at_the_end_of_their_range_stop_no_engine() {
    let mut server = Server::new(1);
    server.submit("j", job("default", 2, vec![stage("s", 2)]));
    server.store("j");
    let most = u32::try_from(i32::MAX).unwrap();
    let status = server.stored.get_mut("j").unwrap();
    let counts: BTreeMap<u32, u32> = [(0, most), (1, 0), (7, most)].into();
    let stage = &mut status.stages[0];
    (stage.failures, stage.losses) = (counts.clone(), counts.clone());
    (stage.other_attempts, stage.older_attempts) = (counts, [(7, 3)].into());
    let left = vec![attempts("s", u32::MAX, "0-4294967295")];
    let old = observed(&key("j", 0, u32::MAX), left.clone());
    let mut stranger = observed(&key("j", 1, u32::MAX), left);
    stranger.job_uid = "another".into();
    let gone = vec![
        (old.key.clone(), Departure::Lost("its node is gone".to_owned())),
        (stranger.key.clone(), Departure::Asked),
    ];
    let report = Report { finished: vec![attempts("s", 3, "7")], ..ready(1) };
    let reports = vec![(old.key.clone(), report)];
    server.restart(vec![old, stranger], reports, gone);
    server.advance(DEADLINE);
    assert_eq!(server.wanted["j"].epochs[&0], u32::MAX);
    assert_eq!(server.wanted["j"].stages[0].finished, Ranges::new());
}
