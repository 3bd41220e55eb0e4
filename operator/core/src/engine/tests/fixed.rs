//! Jobs whose number of executors others decide.

use super::world::{World, job, stage};
use crate::event::{Event, ExecutorObservation};
use crate::ids::ExecutorKey;
use crate::jobs::{JobSpec, JobState};
use crate::time::Span;

/// A job with one task and so many executors, all or none.
fn fixed(pool: &str, instances: u32) -> JobSpec {
    let mut spec = job(pool, instances, vec![stage("s", 1)]);
    spec.executor.fixed = true;
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(1));
    spec
}

/// The key of an executor and what was asked for it.
fn observed(world: &World, key: &ExecutorKey, cpu: i64) -> ExecutorObservation {
    ExecutorObservation {
        key: key.clone(),
        job_uid: world.status(&key.job.name).uid,
        pool: "default".into(),
        node: None,
        request: vec![("cpu".into(), cpu)],
        attempts: Vec::new(),
        acknowledged_report: 0,
        terminating: false,
    }
}

#[test]
fn it_has_as_many_executors_as_are_said_and_all_at_once() {
    let mut world = World::with_nodes(&[2, 2]);
    world.submit("large", fixed("default", 5));
    assert_eq!(world.live_executors(), 0, "five do not fit");
    world.submit("small", fixed("default", 3));
    assert_eq!(world.placed("small").iter().map(|(_, count)| count).sum::<usize>(), 3);
    // Nobody has to be ready for it to be complete.
    world.advance(5000);
    assert_eq!((world.state("small"), world.live_executors()), (JobState::Running, 3));
    // Its task is done by one of them, and the others stay until then.
    world.make_one_ready();
    world.advance(100_000);
    assert_eq!(world.live_executors(), 3);
    world.finish("s", 0);
    assert_eq!(world.state("small"), JobState::Succeeded);
}

#[test]
fn what_an_executor_does_not_ask_for_others_get() {
    let mut world = World::with_nodes(&[2]);
    let mut wide = fixed("default", 1);
    wide.executor.request = vec![("cpu".into(), 2000)];
    world.submit("wide", wide);
    world.submit("other", job("default", 1, vec![stage("s", 1)]));
    assert_eq!(world.placed("other"), []);
    let (key, _) = world.executors().remove(0);
    let observation = observed(&world, &key, 1000);
    world.tell(Event::Executor(Box::new(observation.clone())));
    world.tick();
    assert_eq!(world.placed("other").len(), 1);
    world.check_account();
    // Saying it again changes nothing, and neither does asking for more.
    world.tell(Event::Executor(Box::new(observation)));
    let more = observed(&world, &key, 4000);
    world.tell(Event::Executor(Box::new(more)));
    world.tick();
    assert_eq!((world.held("wide"), world.held("other")), (1, 1));
    world.check_account();
}
