//! Jobs whose executors follow what there is to do.

use super::world::{World, job, stage};
use crate::jobs::{Elastic, JobSpec, JobState, StageSpec};
use crate::time::Span;

/// Between these numbers of executors; idle ones go after a minute.
fn elastic(min: u32, max: u32, stages: Vec<StageSpec>) -> JobSpec {
    let mut spec = job("default", max, stages);
    spec.executor.elastic =
        Some(Elastic { min_instances: min, idle_timeout_milliseconds: Span::from_seconds(60) });
    spec
}

/// One task after four.
fn four_then_one() -> Vec<StageSpec> {
    let mut last = stage("last", 1);
    last.depends_on = vec![0];
    vec![stage("first", 4), last]
}

#[test]
fn only_tasks_that_may_run_make_a_job_grow() {
    let mut world = World::with_nodes(&[16]);
    let mut wide = stage("wide", 8);
    wide.depends_on = vec![0];
    world.submit("j", elastic(0, 6, vec![stage("one", 1), wide]));
    assert_eq!(world.live_executors(), 1);
    world.make_ready();
    world.finish("one", 0);
    assert_eq!(world.live_executors(), 6, "the most, although eight tasks wait");
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn a_job_that_was_just_given_all_that_it_wanted_grows() {
    let mut world = World::with_nodes(&[1]);
    let mut wide = stage("wide", 8);
    wide.depends_on = vec![0];
    world.submit("j", elastic(0, 6, vec![stage("one", 1), stage("other", 1), wide]));
    world.make_ready();
    world.add_node("more", 9);
    assert_eq!(world.live_executors(), 2);
    world.finish("one", 0);
    assert_eq!(world.live_executors(), 6);
}

#[test]
fn executors_that_are_about_to_start_get_their_part() {
    let mut world = World::with_nodes(&[8]);
    let mut wide = stage("wide", 4);
    wide.depends_on = vec![0];
    world.submit("j", elastic(0, 4, vec![stage("one", 1), wide]));
    world.make_ready();
    world.finish("one", 0);
    assert_eq!(world.running("j"), ["wide/0/0 on 0-0"], "none waits behind another");
    world.make_ready();
    assert_eq!(world.running("j").len(), 4);
    assert_eq!(world.live_executors(), 4);
}

#[test]
fn idle_executors_wait_for_the_next_stage_for_a_while() {
    let mut world = World::with_nodes(&[8]);
    let mut wide = stage("wide", 4);
    wide.depends_on = vec![1];
    let mut stages = four_then_one();
    stages.push(wide);
    world.submit("j", elastic(1, 4, stages));
    world.make_ready();
    for partition in 0..4 {
        world.finish("first", partition);
    }
    // One runs the task between the stages, three have nothing to do.
    world.advance(59_999);
    assert_eq!(world.live_executors(), 4);
    world.finish("last", 0);
    assert_eq!(world.running_stages("j"), ["wide"; 4]);
    assert_eq!(world.launches, 4, "those that waited are used again");
}

#[test]
fn executors_that_are_idle_for_too_long_go_down_to_the_least() {
    for (min, left) in [(0, 1), (1, 1), (3, 3)] {
        let mut world = World::with_nodes(&[8]);
        let mut wide = stage("wide", 4);
        wide.depends_on = vec![1];
        let mut stages = four_then_one();
        stages.push(wide);
        world.submit("j", elastic(min, 4, stages));
        world.make_ready();
        for partition in 0..3 {
            world.finish("first", partition);
        }
        world.advance(30_000);
        world.finish("first", 3);
        world.advance(60_000);
        assert_eq!(world.live_executors(), left, "at least {min}");
        world.finish("last", 0);
        assert_eq!(world.live_executors(), 4, "it grows again");
        world.run_to_the_end();
        assert_eq!(world.state("j"), JobState::Succeeded);
        assert_eq!(world.live_executors(), 0);
    }
}

#[test]
fn executors_that_no_later_stage_needs_go_at_once_but_for_the_least() {
    for (min, left) in [(0, 1), (2, 2)] {
        let mut world = World::with_nodes(&[8]);
        world.submit("j", elastic(min, 4, vec![stage("s", 4)]));
        world.make_ready();
        for partition in 0..3 {
            world.finish("s", partition);
        }
        assert_eq!(world.live_executors(), left);
        world.check_account();
        world.finish("s", 3);
        assert_eq!(world.live_executors(), 0);
    }
}

#[test]
fn a_gang_is_of_the_least_and_grows_afterwards() {
    let mut world = World::with_nodes(&[3]);
    let mut spec = elastic(3, 5, vec![stage("s", 8)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(5));
    world.submit("j", spec);
    world.make_one_ready();
    world.make_one_ready();
    assert!(world.running("j").is_empty(), "two of three are ready");
    world.make_one_ready();
    assert_eq!(world.running("j").len(), 3);
    world.add_node("more", 9);
    world.make_ready();
    assert_eq!(world.running("j").len(), 5);
}

#[test]
fn a_running_job_is_made_smaller_and_larger() {
    let mut world = World::with_nodes(&[8]);
    world.submit("j", job("default", 4, vec![stage("s", 12)]));
    world.make_ready();
    world.submit("j", job("default", 2, vec![stage("s", 12)]));
    assert_eq!(world.live_executors(), 4, "they end what they have begun");
    for partition in 0..4 {
        world.finish("s", partition);
    }
    assert_eq!(world.live_executors(), 2);
    assert_eq!(world.status("j").stages[0].failures.len(), 0);
    world.check_account();
    world.submit("j", job("default", 5, vec![stage("s", 12)]));
    assert_eq!(world.live_executors(), 5);
    world.submit("j", elastic(1, 3, vec![stage("s", 12)]));
    world.make_ready();
    assert_eq!(world.live_executors(), 3);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn executors_that_run_empty_are_taken_back_when_the_job_grows_again() {
    let mut world = World::with_nodes(&[8]);
    world.submit("j", job("default", 2, vec![stage("s", 6)]));
    world.make_ready();
    world.submit("j", job("default", 1, vec![stage("s", 6)]));
    world.submit("j", job("default", 2, vec![stage("s", 6)]));
    world.finish("s", 0);
    world.finish("s", 1);
    assert_eq!(world.live_executors(), 2);
    assert_eq!(world.launches, 2);
}

#[test]
fn a_gang_that_forms_is_made_smaller() {
    let mut world = World::with_nodes(&[3]);
    let mut spec = job("default", 3, vec![stage("s", 6)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(5));
    world.submit("j", spec.clone());
    world.make_one_ready();
    world.make_one_ready();
    spec.executor.instances = 2;
    world.submit("j", spec);
    assert_eq!(world.running("j").len(), 2);
    assert_eq!(world.live_executors(), 2);
}

#[test]
fn a_job_keeps_the_least_even_when_it_has_nothing_for_them() {
    let mut world = World::with_nodes(&[8]);
    world.submit("j", elastic(3, 3, vec![stage("s", 1)]));
    assert_eq!(world.live_executors(), 3);
    world.make_ready();
    world.advance(600_000);
    assert_eq!(world.live_executors(), 3);
    world.finish("s", 0);
    assert_eq!(world.live_executors(), 0);
}
