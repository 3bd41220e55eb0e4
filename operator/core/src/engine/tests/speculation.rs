//! Second attempts at slow tasks.

use super::world::{World, job, stage};
use crate::event::Departure;
use crate::jobs::{JobSpec, JobState, Restart, ResultValue, Speculation};
use crate::policy::Placement;
use crate::time::Span;

/// A job that takes a task for slow after three times the median.
fn speculative(instances: u32, tasks: u32) -> JobSpec {
    let mut spec = job("default", instances, vec![stage("s", tasks)]);
    spec.speculation = Some(Speculation { quantile_milli: 500, ..Speculation::default() });
    spec
}

/// Two nodes, on each an executor; partition 0 is slow, the others took a second. The other executor
/// was given back, for nothing was left to do.
fn with_straggler(spec: JobSpec) -> World {
    let mut world = World::with_nodes(&[1, 1]);
    let tasks = spec.stages[0].tasks;
    world.submit("j", spec);
    world.make_ready();
    for partition in 1..tasks {
        world.advance(1000);
        world.finish("s", partition);
    }
    assert_eq!(world.live_executors(), 1);
    world
}

#[test]
fn a_slow_task_gets_a_second_attempt_and_the_first_to_finish_counts() {
    for winner in ["s/0/0 on 0-0", "s/0/1 on 1-1"] {
        let mut world = with_straggler(speculative(2, 4));
        // The median is a second, to within a 32nd; the task has run for three.
        world.advance(99);
        assert_eq!(world.live_executors(), 2, "an executor for the second attempt");
        assert_eq!(world.nodes("j"), ["n0", "n1"]);
        world.make_ready();
        assert_eq!(world.running("j"), ["s/0/0 on 0-0", "s/0/1 on 1-1"]);
        let stage = world.status("j").stages[0].clone();
        assert_eq!((stage.speculative, stage.speculated, stage.running), (1, 1, 2));
        world.finish_attempt(winner);
        let status = world.status("j");
        assert_eq!(status.state, JobState::Succeeded);
        let stage = &status.stages[0];
        assert_eq!((stage.speculative, stage.speculated), (0, 1));
        assert!(stage.failures.is_empty() && stage.losses.is_empty());
        assert_eq!((status.executors_failed, world.live_executors()), (0, 0));
        world.check_account();
    }
}

#[test]
fn a_task_is_not_slow_before_its_time() {
    let mut world = with_straggler(speculative(2, 4));
    world.advance(0);
    assert_eq!(world.live_executors(), 1, "not before three times the median");
    let mut spec = speculative(2, 4);
    spec.speculation = Some(Speculation {
        quantile_milli: 500,
        multiplier_milli: 3000,
        min_task_runtime_milliseconds: Span::from_seconds(60),
    });
    let mut world = with_straggler(spec);
    world.advance(56_999);
    assert_eq!(world.live_executors(), 1, "not before it has run for a minute");
    world.advance(1);
    assert_eq!(world.live_executors(), 2);
}

#[test]
fn nothing_is_slow_while_too_few_have_finished() {
    let mut world = World::with_nodes(&[1, 1]);
    let mut spec = speculative(2, 4);
    spec.speculation = Some(Speculation { quantile_milli: 750, ..Speculation::default() });
    world.submit("j", spec);
    world.make_ready();
    for partition in 1..3 {
        world.advance(1000);
        world.finish("s", partition);
    }
    world.advance(1_000_000);
    assert_eq!(world.running("j"), ["s/0/0 on 0-0", "s/3/0 on 1-0"], "two of four have finished");
    world.finish("s", 3);
    world.make_ready();
    assert_eq!(world.running("j"), ["s/0/0 on 0-0", "s/0/1 on 1-0"]);
}

#[test]
fn what_waits_comes_before_second_attempts() {
    let mut world = World::with_nodes(&[1, 1]);
    let mut spec = speculative(2, 2);
    spec.stages.push(stage("other", 3));
    world.submit("j", spec);
    world.make_ready();
    world.advance(1000);
    world.finish("s", 1);
    world.advance(10_000);
    assert_eq!(world.running("j"), ["s/0/0 on 0-0", "other/0/0 on 1-0"]);
    for partition in 0..2 {
        world.finish("other", partition);
        let next = format!("other/{}/0 on 1-0", partition + 1);
        assert_eq!(world.running("j"), ["s/0/0 on 0-0".to_owned(), next]);
    }
    world.finish("other", 2);
    assert_eq!(world.running("j"), ["s/0/0 on 0-0", "s/0/1 on 1-0"]);
}

#[test]
fn a_stopped_attempt_frees_its_slot_when_it_has_stopped() {
    let mut world = World::with_nodes(&[1, 1]);
    let mut spec = speculative(2, 2);
    let mut later = stage("later", 2);
    later.depends_on = vec![0];
    spec.stages.push(later);
    world.submit("j", spec);
    world.make_ready();
    world.advance(1000);
    world.finish("s", 1);
    world.advance(10_000);
    assert_eq!(world.running("j"), ["s/0/0 on 0-0", "s/0/1 on 1-0"]);
    world.finish_attempt("s/0/1 on 1-0");
    // The executor of the first attempt has to stop it before it gets something new.
    assert_eq!(world.running("j"), ["later/1/0 on 0-0", "later/0/0 on 1-0"]);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

/// The same with a stage behind it, which keeps executors there.
fn with_later_stage(instances: u32, tasks: u32) -> JobSpec {
    let mut spec = speculative(instances, tasks);
    let mut later = stage("later", 8);
    later.depends_on = vec![0];
    spec.stages.push(later);
    spec
}

#[test]
fn the_result_is_that_of_the_attempt_that_finished() {
    let mut world = World::with_nodes(&[1, 1]);
    world.submit("j", with_later_stage(2, 2));
    world.make_ready();
    world.advance(1000);
    world.finish("s", 1);
    world.advance(10_000);
    let slow = world.find_attempt("s/0/0 on 0-0");
    let fast = world.find_attempt("s/0/1 on 1-0");
    // Both have finished before the engine hears of either, the one without a result first.
    world.tell_finished(&fast, None);
    world.tell_finished(&slow, Some("late"));
    world.tick();
    let stage = world.status("j").stages[0].clone();
    assert_eq!(stage.finished.len(), 2);
    assert_eq!(stage.results.get("0"), None::<&ResultValue>);
}

#[test]
fn a_second_attempt_prefers_another_node() {
    let mut world = World::with_nodes(&[2, 1]);
    let mut spec = with_later_stage(3, 3);
    spec.executor.placement = Placement::Pack;
    world.submit("j", spec);
    world.make_ready();
    assert_eq!(world.nodes("j"), ["n0", "n0", "n1"]);
    world.advance(1000);
    world.finish("s", 1);
    world.finish("s", 2);
    world.advance(10_000);
    assert_eq!(world.running("j"), ["s/0/0 on 0-0", "s/0/1 on 2-0"]);
}

#[test]
fn the_slowest_task_comes_first() {
    let mut world = World::with_nodes(&[1, 1, 1]);
    world.submit("j", with_later_stage(3, 4));
    world.make_ready();
    world.advance(1000);
    world.fail_attempt("s/0/0 on 0-0");
    world.finish("s", 2);
    world.advance(100_000);
    // Too few had finished. Now two tasks are slow at once, and one executor is free.
    world.finish("s", 3);
    assert_eq!(world.running("j"), ["s/0/1 on 0-0", "s/1/0 on 1-0", "s/1/1 on 2-0"]);
}

#[test]
fn a_free_slot_beside_the_slow_task_is_not_enough() {
    let mut spec = speculative(2, 4);
    spec.executor.slots = 2;
    let mut world = World::with_nodes(&[1, 1]);
    world.submit("j", spec);
    world.make_ready();
    for partition in 1..4 {
        world.advance(1000);
        world.finish("s", partition);
    }
    assert_eq!(world.live_executors(), 1);
    world.advance(10_000);
    assert_eq!(world.live_executors(), 2);
    world.make_ready();
    assert_eq!(world.running("j"), ["s/0/0 on 0-0", "s/0/1 on 1-1"]);
}

#[test]
fn a_failed_attempt_counts_and_the_other_goes_on() {
    for (failed, left) in [("s/0/0 on 0-0", "s/0/1 on 1-1"), ("s/0/1 on 1-1", "s/0/0 on 0-0")] {
        let mut world = with_straggler(speculative(2, 4));
        world.advance(99);
        world.make_ready();
        world.fail_attempt(failed);
        let stage = world.status("j").stages[0].clone();
        assert_eq!(stage.failures.get(&0), Some(&1));
        let running = world.running("j");
        assert!(running.contains(&left.to_owned()), "{running:?}");
        // The one that is left is as slow as before, or becomes slow in its turn.
        world.advance(10_000);
        world.make_ready();
        let third = world.running("j").into_iter().find(|task| task.starts_with("s/0/2"));
        assert!(third.is_some(), "{:?}", world.running("j"));
        world.finish_attempt(left);
        assert_eq!(world.state("j"), JobState::Succeeded);
    }
}

#[test]
fn a_task_that_fails_too_often_fails_the_job_although_a_second_attempt_runs() {
    let mut spec = speculative(2, 4);
    spec.max_task_failures = 1;
    let mut world = with_straggler(spec);
    world.advance(99);
    world.make_ready();
    world.fail_attempt("s/0/1 on 1-1");
    assert_eq!(world.state("j"), JobState::Failed);
    assert_eq!(world.live_executors(), 0);
}

#[test]
fn an_executor_that_is_lost_leaves_the_other_attempt() {
    for (index, left) in [(0, "s/0/1 on 1-1"), (1, "s/0/0 on 0-0")] {
        let mut world = with_straggler(speculative(2, 4));
        world.advance(99);
        world.make_ready();
        world.depart_index("j", index, &Departure::Lost("its node is gone".to_owned()));
        assert_eq!(world.running("j"), [left]);
        assert_eq!(world.status("j").stages[0].losses.get(&0), Some(&1));
        world.finish_attempt(left);
        assert_eq!(world.state("j"), JobState::Succeeded);
        world.check_account();
    }
}

#[test]
fn numbers_go_on_after_a_restart() {
    let mut spec = speculative(2, 4);
    spec.max_task_failures = 1;
    spec.restart = Some(Restart { retries: 1, interval_milliseconds: Span::from_seconds(1) });
    let mut world = with_straggler(spec);
    world.advance(99);
    world.make_ready();
    world.fail_attempt("s/0/0 on 0-0");
    assert_eq!(world.state("j"), JobState::Restarting);
    let others = &world.status("j").stages[0].other_attempts;
    assert_eq!(others.get(&0), Some(&2), "to be kept in the status");
    world.advance(1000);
    world.make_ready();
    assert_eq!(world.running("j"), ["s/0/2 on 0-1"]);
}

#[test]
fn one_executor_does_not_try_its_own_task_twice() {
    let mut world = World::with_nodes(&[8]);
    let mut spec = speculative(1, 4);
    spec.executor.slots = 4;
    world.submit("j", spec);
    world.make_ready();
    for partition in 1..4 {
        world.advance(1000);
        world.finish("s", partition);
    }
    world.advance(1_000_000);
    assert_eq!(world.running("j"), ["s/0/0 on 0-0"]);
    assert_eq!(world.live_executors(), 1);
}

#[test]
fn what_commits_or_kills_executors_is_tried_once_at_a_time() {
    let mut world = World::with_nodes(&[1, 1]);
    let mut spec = speculative(2, 4);
    spec.stages[0].commits = true;
    world.submit("j", spec);
    world.make_ready();
    for partition in 0..4 {
        world.advance(1000);
        world.finish("s", partition);
    }
    world.advance(1_000_000);
    assert_eq!(world.running("j"), ["s/4/0 on 0-0"], "the commit");
    let mut spec = speculative(2, 4);
    (spec.max_executor_failures, spec.max_task_failures) = (Some(9), 9);
    let mut world = with_straggler(spec);
    for _ in 0..2 {
        world.depart_one(&Departure::Exited("killed by signal 9".to_owned()));
        world.make_ready();
    }
    world.advance(1_000_000);
    assert_eq!(world.running("j"), ["s/0/2 on 0-2"]);
}

#[test]
fn a_task_that_waits_behind_a_slow_one_goes_elsewhere() {
    let mut world = World::with_nodes(&[1, 1]);
    world.running_at_once = 1;
    let mut spec = speculative(2, 12);
    // Nothing is slow before all have finished.
    spec.speculation = Some(Speculation { quantile_milli: 1000, ..Speculation::default() });
    world.submit("j", spec);
    world.make_ready();
    let of = |world: &World, executor: &str| -> Vec<String> {
        world.running("j").into_iter().filter(|task| task.ends_with(executor)).collect()
    };
    // Executor 0 has several tasks and is stuck with the first.
    world.advance(1000);
    world.finish_attempt("s/0/0 on 0-0");
    let stuck = of(&world, "0-0");
    assert!(stuck.len() > 1, "{stuck:?}");
    let mut finished = 1;
    while let Some(task) = of(&world, "1-0").first().cloned() {
        world.advance(500);
        world.finish_attempt(&task);
        finished += 1;
    }
    // All have run but the one that is stuck.
    assert_eq!((finished, of(&world, "0-0").len()), (11, 1));
    let stage = world.status("j").stages[0].clone();
    assert_eq!(stage.speculated, 0, "those that waited have moved");
    world.advance(10_000);
    world.submit("j", speculative(2, 12));
    world.make_ready();
    let second = world.running("j").into_iter().find(|task| !task.ends_with("0-0")).unwrap();
    world.finish_attempt(&second);
    assert_eq!(world.state("j"), JobState::Succeeded);
    assert_eq!(world.status("j").stages[0].speculated, 1);
}
