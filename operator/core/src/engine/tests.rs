//! The engine against a small world: executors that do what they are told, when the test says so.

mod decline;
mod drain;
mod edits;
mod elastic;
mod fixed;
mod head_of_line;
mod locality;
mod pools;
mod random;
mod reclaim;
mod restore;
mod speculation;
mod unplaced;
mod world;

use super::Settings;
use crate::event::{Departure, Event, NodeObservation, PoolObservation};
use crate::jobs::{JobState, Restart, ResultValue, StageState};
use crate::reasons::Reason;
use crate::time::Span;
use world::{World, job, stage};

#[test]
fn a_job_of_two_tasks_runs_and_keeps_its_results() {
    let mut world = World::with_nodes(&[2]);
    let mut arithmetic = stage("arithmetic", 2);
    arithmetic.task_names = vec!["sum".into(), "product".into()];
    world.submit("sum-product", job("default", 2, vec![arithmetic]));
    assert_eq!(world.state("sum-product"), JobState::Running);
    world.make_ready();
    let tasks = world.running("sum-product");
    assert_eq!(tasks, ["arithmetic/0/0 on 0-0", "arithmetic/1/0 on 1-0"]);
    world.finish_with("arithmetic", 0, "7");
    world.finish_with("arithmetic", 1, "12");
    let status = world.status("sum-product");
    assert_eq!(status.state, JobState::Succeeded);
    let results = &status.stages[0].results;
    assert_eq!(results.get("sum"), Some(&ResultValue::Inline("7".to_owned())));
    assert_eq!(results.get("product"), Some(&ResultValue::Inline("12".to_owned())));
    assert_eq!(world.live_executors(), 0);
    world.check_account();
}

#[test]
fn a_stage_waits_for_those_it_depends_on() {
    let mut world = World::with_nodes(&[4]);
    let mut merge = stage("merge", 1);
    merge.depends_on = vec![1, 2];
    world.submit("j", job("default", 4, vec![merge, stage("left", 1), stage("right", 1)]));
    world.make_ready();
    assert_eq!(world.running_stages("j"), ["left", "right"]);
    world.finish("right", 0);
    assert_eq!(world.running_stages("j"), ["left"]);
    assert_eq!(world.status("j").stages[0].state, StageState::Waiting);
    world.finish("left", 0);
    assert_eq!(world.running_stages("j"), ["merge"]);
    world.finish("merge", 0);
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn output_is_committed_after_the_last_task() {
    let mut world = World::with_nodes(&[2]);
    let mut write = stage("write", 2);
    write.commits = true;
    let mut read = stage("read", 1);
    read.depends_on = vec![0];
    world.submit("j", job("default", 2, vec![write, read]));
    world.make_ready();
    world.finish("write", 0);
    world.finish("write", 1);
    assert_eq!(world.running("j"), ["write/2/0 on 0-0"], "partition 2 of 2 is the commit");
    world.finish("write", 2);
    assert!(world.status("j").stages[0].committed);
    assert_eq!(world.running_stages("j"), ["read"]);
}

#[test]
fn tasks_take_slots() {
    let mut world = World::with_nodes(&[4]);
    let mut wide = stage("wide", 1);
    wide.slots = 3;
    let mut spec = job("default", 1, vec![wide, stage("narrow", 5)]);
    spec.executor.slots = 4;
    spec.executor.request = vec![("cpu".into(), 4000)];
    world.submit("j", spec);
    world.make_ready();
    assert_eq!(world.running("j"), ["wide/0/0 on 0-0", "narrow/0/0 on 0-0"]);
    world.finish("wide", 0);
    assert_eq!(world.running("j").len(), 4);
}

#[test]
fn a_task_that_keeps_failing_fails_the_job_with_its_reason() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.make_ready();
    for attempt in 0..4 {
        assert_eq!(world.running("j"), [format!("s/0/{attempt} on 0-0")]);
        world.fail("s", 0, "exited with code 3");
    }
    let status = world.status("j");
    assert_eq!(status.state, JobState::Failed);
    assert_eq!(status.reason, Some(Reason::TaskFailed));
    let message = "task 0 of stage s failed 4 times, the last time: exited with code 3";
    assert_eq!(status.message.as_deref(), Some(message));
    assert_eq!(status.failures.len(), 4);
    assert_eq!(status.stages[0].state, StageState::Failed);
    assert_eq!(world.live_executors(), 0);
}

#[test]
fn a_final_failure_is_not_tried_again() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.make_ready();
    world.fail_for_good("s", 0, "output belongs to job default/other");
    let message = world.status("j").message;
    let expected = "task 0 of stage s cannot succeed: output belongs to job default/other";
    assert_eq!(message.as_deref(), Some(expected));
}

#[test]
fn tasks_lost_with_their_node_run_again_without_blame_ten_times() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    for loss in 0..=10 {
        world.make_ready();
        assert_eq!(world.running("j"), [format!("s/0/{loss} on 0-{loss}")]);
        world.depart_all(&Departure::Lost("node n0 is gone".to_owned()));
    }
    let status = world.status("j");
    assert_eq!(status.state, JobState::Failed);
    assert_eq!(status.reason, Some(Reason::TaskLost));
    assert_eq!(status.stages[0].failures.len(), 0);
    assert_eq!(status.executors_failed, 0);
}

#[test]
fn a_node_that_goes_takes_its_executors_along() {
    let mut world = World::with_nodes(&[1, 1]);
    world.submit("j", job("default", 2, vec![stage("s", 2)]));
    world.make_ready();
    world.remove_node(0);
    assert_eq!(world.status("j").executors_launched, 1);
    assert_eq!(world.status("j").stages[0].losses.values().sum::<u32>(), 1);
    world.add_node("late", 1);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn an_executor_that_dies_counts_against_its_tasks_and_its_job() {
    let mut world = World::with_nodes(&[2]);
    let mut spec = job("default", 2, vec![stage("s", 2)]);
    spec.max_task_failures = 100;
    world.submit("j", spec);
    for death in 1..=5 {
        world.make_ready();
        world.depart_one(&Departure::OutOfMemory("the executor used more than 1Gi".to_owned()));
        assert_eq!(world.status("j").executors_failed, death);
    }
    let status = world.status("j");
    let expected = "more than 4 executors failed, the last one: the executor used more than 1Gi";
    assert_eq!(status.message.as_deref(), Some(expected));
    assert_eq!(status.stages[0].failures.values().sum::<u32>(), 5);
}

#[test]
fn a_repeat_suspect_runs_alone() {
    let mut world = World::with_nodes(&[2]);
    let mut spec = job("default", 1, vec![stage("s", 4)]);
    spec.executor.slots = 2;
    spec.max_executor_failures = Some(10);
    spec.max_task_failures = 10;
    world.submit("j", spec);
    for _ in 0..2 {
        world.make_ready();
        assert_eq!(world.running("j").len(), 2);
        world.depart_one(&Departure::Exited("killed by signal 9".to_owned()));
    }
    world.make_ready();
    assert_eq!(world.running("j"), ["s/0/2 on 0-2"], "alone although there are two slots");
    world.finish("s", 0);
    assert_eq!(world.running("j"), ["s/1/2 on 0-2"], "the other suspect, alone too");
    world.finish("s", 1);
    assert_eq!(world.running("j").len(), 2, "tasks that were never suspects share again");
}

#[test]
fn a_repeat_suspect_does_not_join_others() {
    let mut world = World::with_nodes(&[4]);
    let mut spec = job("default", 2, vec![stage("s", 8)]);
    spec.executor.slots = 2;
    (spec.max_executor_failures, spec.max_task_failures) = (Some(10), 10);
    world.submit("j", spec);
    world.make_ready();
    for _ in 0..2 {
        assert_eq!(world.running("j").len(), 4);
        world.depart_one(&Departure::Exited("killed by signal 9".to_owned()));
        world.make_ready();
    }
    // Partitions 0 and 1 were on both; the other executor runs 2 and 3.
    world.finish("s", 2);
    let on_other: Vec<_> =
        world.running("j").into_iter().filter(|task| task.ends_with("1-0")).collect();
    assert_eq!(on_other[..2], ["s/3/0 on 1-0", "s/4/0 on 1-0"]);
    assert!(!on_other.iter().any(|task| task.starts_with("s/0/") || task.starts_with("s/1/")));
}

#[test]
fn an_executor_that_cannot_start_costs_no_task_anything() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    for wait in [1000, 2000, 4000, 0] {
        world.depart_one(&Departure::NotStarted("no such image".to_owned()));
        world.advance(wait);
    }
    let status = world.status("j");
    assert_eq!(status.reason, Some(Reason::ExecutorsFailed));
    assert!(status.stages[0].failures.is_empty());
}

#[test]
fn a_gang_starts_when_all_are_ready_and_gives_up_after_its_timeout() {
    let mut world = World::with_nodes(&[3]);
    let mut spec = job("default", 3, vec![stage("s", 3)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(5));
    world.submit("j", spec);
    world.make_one_ready();
    world.make_one_ready();
    assert!(world.running("j").is_empty(), "two of three are ready");
    world.advance(4999);
    assert_eq!(world.live_executors(), 3);
    world.advance(1);
    assert_eq!(world.epochs("j"), [1, 1, 1], "all were given back and launched again");
    world.make_ready();
    assert_eq!(world.running("j").len(), 3);
    world.advance(10_000);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn a_gang_that_does_not_fit_holds_nothing() {
    let mut world = World::with_nodes(&[2]);
    let mut spec = job("default", 3, vec![stage("s", 3)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(5));
    world.submit("gang", spec);
    assert_eq!(world.live_executors(), 0);
    let message = world.status("gang").message.unwrap();
    assert_eq!(
        message,
        "waits for its first executor: only 2 of 3 executors fit at once: no node has 1 cpu free; largest 0"
    );
    world.submit("small", job("default", 1, vec![stage("s", 1)]));
    world.run_to_the_end();
    assert_eq!(world.state("small"), JobState::Succeeded);
    world.add_node("more", 1);
    world.run_to_the_end();
    assert_eq!(world.state("gang"), JobState::Succeeded);
}

#[test]
fn what_is_left_of_a_gang_goes_before_it_forms_again() {
    let mut world = World::with_nodes(&[3]);
    let mut spec = job("default", 3, vec![stage("s", 3)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(5));
    world.submit("j", spec);
    world.hold_departures = true;
    world.advance(5000);
    let keys: Vec<_> = world.executors().into_iter().map(|(key, _)| key).collect();
    world.depart(&keys[0], &Departure::Asked);
    world.depart(&keys[1], &Departure::Asked);
    assert_eq!(world.epochs("j"), [0], "two could be launched, but a gang has three");
    world.depart(&keys[2], &Departure::Asked);
    assert_eq!(world.epochs("j"), [1, 1, 1]);
}

#[test]
fn a_failed_job_is_run_again_and_keeps_what_finished() {
    let mut world = World::with_nodes(&[1]);
    let mut spec = job("default", 1, vec![stage("s", 2)]);
    spec.max_task_failures = 1;
    spec.restart = Some(Restart { retries: 1, interval_milliseconds: Span::from_seconds(10) });
    world.submit("j", spec);
    world.make_ready();
    world.finish("s", 0);
    world.fail("s", 1, "exited with code 1");
    assert_eq!(world.state("j"), JobState::Restarting);
    assert_eq!(world.live_executors(), 0);
    world.advance(9_999);
    assert_eq!(world.state("j"), JobState::Restarting);
    world.advance(1);
    world.make_ready();
    assert_eq!(world.running("j"), ["s/1/1 on 0-1"], "only what is missing, as a new attempt");
    world.fail("s", 1, "exited with code 1");
    assert_eq!(world.state("j"), JobState::Failed);
    assert_eq!(world.status("j").restarts, 1);
}

#[test]
fn a_deadline_ends_a_job_that_runs_and_one_that_waits() {
    for nodes in [&[1][..], &[]] {
        let mut world = World::with_nodes(nodes);
        let mut spec = job("default", 1, vec![stage("s", 1)]);
        spec.deadline_milliseconds = Some(Span::from_seconds(60));
        world.submit("j", spec);
        world.advance(59_999);
        assert!(!world.state("j").is_final());
        world.advance(1);
        let status = world.status("j");
        assert_eq!(
            (status.state, status.reason),
            (JobState::Failed, Some(Reason::DeadlineExceeded))
        );
        assert_eq!(world.live_executors(), 0);
    }
}

#[test]
fn executors_that_nothing_is_left_for_are_given_back() {
    let mut world = World::with_nodes(&[3]);
    world.submit("j", job("default", 3, vec![stage("s", 4)]));
    world.make_ready();
    world.finish("s", 0);
    assert_eq!(world.live_executors(), 3);
    world.finish("s", 1);
    world.finish("s", 2);
    assert_eq!(world.live_executors(), 1, "one task is left");
    world.check_account();
}

#[test]
fn executors_on_their_way_out_are_not_counted_as_surplus_again() {
    let mut world = World::with_nodes(&[4]);
    let mut later = stage("later", 2);
    later.depends_on = vec![0];
    world.submit("j", job("default", 4, vec![stage("s", 4), later]));
    world.make_ready();
    world.hold_departures = true;
    for partition in 0..3 {
        world.finish("s", partition);
    }
    // Three tasks are left, two of them for later: one executor was told to go and still holds what
    // it holds, two are idle and stay.
    world.repeat_last_report();
    world.advance(5000);
    world.hold_departures = false;
    world.tick();
    assert_eq!(world.live_executors(), 3);
    world.run_to_the_end();
    assert_eq!(world.launches, 4);
}

#[test]
fn what_fails_on_the_way_out_does_not_count() {
    let mut world = World::with_nodes(&[2]);
    let mut spec = job("default", 2, vec![stage("s", 2)]);
    spec.max_task_failures = 1;
    spec.restart = Some(Restart { retries: 1, interval_milliseconds: Span::from_milliseconds(10) });
    world.submit("j", spec);
    world.make_ready();
    world.hold_departures = true;
    world.fail("s", 0, "exited with code 1");
    world.fail("s", 1, "exited with code 1");
    assert_eq!(world.status("j").restarts, 1);
    assert_eq!(world.state("j"), JobState::Restarting);
    world.hold_departures = false;
    world.advance(10);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn a_job_never_gets_more_executors_than_it_has_tasks_for() {
    let mut world = World::with_nodes(&[8]);
    world.submit("j", job("default", 8, vec![stage("s", 2)]));
    assert_eq!(world.live_executors(), 2);
}

#[test]
fn jobs_of_two_pools_share_by_weight_and_use_what_the_other_leaves() {
    let mut world = World::with_nodes(&[6]);
    world.pool("a", 1000);
    world.pool("b", 2000);
    world.submit("x", job("a", 6, vec![stage("s", 12)]));
    world.submit_quietly("y", job("b", 6, vec![stage("s", 6)]));
    assert_eq!(world.status("x").executors_launched, 6, "x was alone");
    world.tick();
    assert_eq!(world.status("y").executors_launched, 0, "nothing is taken away");
    let mut world = World::with_nodes(&[6]);
    world.pool("a", 1000);
    world.pool("b", 2000);
    world.submit_quietly("x", job("a", 6, vec![stage("s", 12)]));
    world.submit_quietly("y", job("b", 6, vec![stage("s", 6)]));
    world.tick();
    let launched = |world: &World, name: &str| world.status(name).executors_launched;
    assert_eq!((launched(&world, "x"), launched(&world, "y")), (2, 4));
}

#[test]
fn a_job_in_an_unknown_pool_waits_until_there_is_one() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("team", 1, vec![stage("s", 1)]));
    let message = world.status("j").message;
    assert_eq!(message.as_deref(), Some("waits for its first executor: there is no pool team"));
    world.pool("team", 1000);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn waiting_jobs_know_their_place() {
    let mut world = World::with_nodes(&[1]);
    for name in ["first", "second", "third"] {
        world.submit(name, job("default", 1, vec![stage("s", 1)]));
    }
    let mut urgent = job("default", 1, vec![stage("s", 1)]);
    urgent.priority = 5;
    world.submit("urgent", urgent);
    let position = |world: &World, name: &str| world.status(name).position;
    assert_eq!(position(&world, "first"), None);
    assert_eq!(position(&world, "urgent"), Some(1));
    assert_eq!(position(&world, "second"), Some(2));
    assert_eq!(position(&world, "third"), Some(3));
    world.make_ready();
    world.finish("s", 0);
    assert_eq!(position(&world, "urgent"), None);
    assert_eq!(position(&world, "second"), Some(1));
}

#[test]
fn a_job_that_makes_no_sense_fails_until_it_does() {
    let mut world = World::with_nodes(&[1]);
    world.submit_senseless("j", "stages wait for each other: a, b");
    let status = world.status("j");
    assert_eq!((status.state, status.reason), (JobState::Failed, Some(Reason::InvalidSpec)));
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
}

#[test]
fn a_deleted_job_is_given_nothing_while_its_executors_go() {
    let mut world = World::with_nodes(&[2]);
    world.submit("j", job("default", 2, vec![stage("s", 4)]));
    world.hold_departures = true;
    world.delete("j");
    world.depart_one(&Departure::Asked);
    assert_eq!((world.launches, world.live_executors()), (2, 1));
}

#[test]
fn a_job_that_is_seen_again_as_it_was_is_no_news() {
    let mut world = World::with_nodes(&[1]);
    let spec = job("default", 1, vec![stage("s", 1)]);
    world.submit("j", spec.clone());
    world.advance(10_000);
    let published = world.published;
    world.submit("j", spec);
    world.advance(10_000);
    assert_eq!(world.published, published);
}

#[test]
fn a_job_created_again_while_executors_still_go_gets_names_of_its_own() {
    let mut world = World::with_nodes(&[4]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.hold_departures = true;
    world.delete("j");
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    assert_eq!(world.epochs("j"), [0, 1]);
}

#[test]
fn what_does_not_fit_is_not_blamed_on_the_jobs_own_guarantee() {
    let mut world = World::with_nodes(&[2]);
    let (name, guarantee) = ("a".into(), vec![("cpu".into(), 1000)]);
    world.tell(Event::Pool(PoolObservation { name, guarantee, ..PoolObservation::default() }));
    let mut spec = job("a", 3, vec![stage("s", 3)]);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(1));
    world.submit("j", spec);
    assert_eq!(world.status("j").reason, Some(Reason::WaitingForResources));
}

#[test]
fn what_fits_on_no_node_any_more_is_said_to_be_too_large() {
    let mut world = World::with_nodes(&[4]);
    world.submit("a", job("default", 2, vec![stage("s", 2)]));
    let mut spec = job("default", 1, vec![stage("s", 1)]);
    spec.executor.request[0].1 = 3000;
    world.submit("b", spec);
    assert_eq!(world.status("b").reason, Some(Reason::WaitingForResources));
    world.add_node("n0", 2);
    world.tick();
    assert_eq!(world.status("b").reason, Some(Reason::LargerThanAnyNode));
}

#[test]
fn a_pool_that_is_gone_limits_its_children_no_more() {
    let mut world = World::with_nodes(&[4]);
    let (name, limit) = ("a".into(), vec![("cpu".into(), 1000)]);
    world.tell(Event::Pool(PoolObservation { name, limit, ..PoolObservation::default() }));
    world.pool("a.x", 1000);
    world.submit("j", job("a.x", 3, vec![stage("s", 3)]));
    assert_eq!(world.live_executors(), 1);
    world.tell(Event::PoolGone("a".into()));
    world.tick();
    assert_eq!(world.live_executors(), 3);
}

#[test]
fn a_deleted_job_takes_everything_along() {
    let mut world = World::with_nodes(&[2]);
    world.submit("j", job("default", 2, vec![stage("s", 5)]));
    world.make_ready();
    world.delete("j");
    assert_eq!(world.live_executors(), 0);
    world.check_account();
    assert_eq!(world.engine.state.jobs.iter().count(), 0);
    assert!(!world.engine.agenda.has_timers());
}

#[test]
fn a_job_that_replaces_another_of_its_name_gets_executors_of_its_own() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.make_ready();
    world.hold_departures = true;
    world.resubmit("j", job("default", 1, vec![stage("s", 1)]));
    assert_eq!(world.status("j").executors_launched, 0, "the old executor still holds the node");
    world.hold_departures = false;
    world.tick();
    assert_eq!(world.epochs("j"), [1]);
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
    world.check_account();
}

#[test]
fn settings_that_may_change_do_and_others_do_not() {
    let mut world = World::with_nodes(&[4]);
    world.submit("j", job("default", 1, vec![stage("s", 8)]));
    assert_eq!(world.live_executors(), 1);
    let mut changed = job("default", 3, vec![stage("other", 1)]);
    changed.executor.request = vec![("cpu".into(), 64_000)];
    world.submit("j", changed);
    assert_eq!(world.live_executors(), 3);
    assert_eq!(&*world.status("j").stages[0].name, "s");
}

#[test]
fn a_repeated_report_changes_nothing() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 2)]));
    world.make_ready();
    world.finish("s", 0);
    let before = world.status("j");
    world.repeat_last_report();
    assert_eq!(world.status("j"), before);
}

#[test]
fn a_report_that_comes_late_changes_nothing() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.make_ready();
    let before = world.last_report.clone().unwrap();
    world.finish("s", 0);
    world.submit("k", job("default", 1, vec![stage("s", 2)]));
    world.make_ready();
    let (key, late) = (world.executors()[0].0.clone(), before.1);
    let status = world.status("k");
    assert_eq!(status.stages[0].running, 1);
    world.tell(Event::Report(key, crate::event::Report { running: Vec::new(), ..late }));
    world.tick();
    assert_eq!(world.status("k"), status);
}

#[test]
fn a_kind_of_resource_counts_from_when_a_job_names_it() {
    let mut world = World::with_nodes(&[4]);
    world.tell(Event::Node(NodeObservation {
        name: "gpu".into(),
        allocatable: vec![("cpu".into(), 2000), ("nvidia.com/gpu".into(), 1)],
        ..NodeObservation::default()
    }));
    let mut spec = job("default", 2, vec![stage("s", 2)]);
    spec.executor.request.push(("nvidia.com/gpu".into(), 1));
    world.submit("j", spec);
    let status = world.status("j");
    assert_eq!(status.executors_launched, 1);
    let message = "runs on 1 of 2 executors: no node has 1 nvidia.com/gpu free; largest 0";
    assert_eq!(status.message.as_deref(), Some(message));
}

#[test]
fn a_guarantee_above_the_limit_keeps_nothing_more_than_the_limit() {
    let mut world = World::with_nodes(&[4]);
    world.tell(Event::Pool(PoolObservation {
        name: "odd".into(),
        guarantee: vec![("cpu".into(), 4000)],
        limit: vec![("cpu".into(), 1000)],
        ..PoolObservation::default()
    }));
    world.submit("j", job("default", 4, vec![stage("s", 4)]));
    assert_eq!(world.status("j").executors_launched, 3);
}

#[test]
fn a_pool_goes_with_the_parents_that_only_it_implied() {
    let mut world = World::with_nodes(&[1]);
    world.pool("a.b.c", 1000);
    let names = |world: &World| {
        let pools = world.engine.view().pools;
        pools.into_iter().map(|pool| pool.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&world), ["a", "a.b", "a.b.c", "default"]);
    world.submit("j", job("a.b.c", 1, vec![stage("s", 1)]));
    world.tell(Event::PoolGone("a.b.c".into()));
    assert_eq!(names(&world).len(), 4, "a job still needs it");
    world.run_to_the_end();
    world.delete("j");
    assert_eq!(names(&world), ["default"]);
}

#[test]
fn what_was_not_delivered_is_told_again() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 1)]));
    world.lose_next_assignment = true;
    world.make_ready();
    world.tick();
    assert_eq!(world.running("j"), ["s/0/0 on 0-0"]);
}

#[test]
fn short_tasks_are_handed_out_many_at_a_time() {
    let mut world = World::with_nodes(&[2]);
    world.submit("j", job("default", 2, vec![stage("s", 10_000)]));
    world.make_ready();
    world.run_to_the_end();
    assert_eq!(world.state("j"), JobState::Succeeded);
    assert!(world.assignments < 200, "{} assignments for 10000 tasks", world.assignments);
}

#[test]
fn results_that_are_too_large_together_fail_the_job() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 100)]));
    world.make_ready();
    for partition in 0..13 {
        world.finish_with("s", partition, &"x".repeat(4096));
    }
    assert_eq!(world.status("j").reason, Some(Reason::ResultsTooLarge));
}

#[test]
fn results_that_are_stored_stay_there_when_the_status_is_full() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 14)]));
    world.make_ready();
    for partition in 0..14 {
        let uri = format!("file:///work/{partition}");
        world.finish_stored("s", partition, &"x".repeat(4096), Some(uri));
    }
    let status = world.status("j");
    assert_eq!(status.state, JobState::Succeeded);
    let results = &status.stages[0].results;
    assert_eq!(results["11"], ResultValue::Inline("x".repeat(4096)));
    assert_eq!(results["12"], ResultValue::Uri("file:///work/12".to_owned()));
}

#[test]
fn statuses_are_published_at_most_once_an_interval() {
    let mut world = World::with_nodes(&[1]);
    world.submit("j", job("default", 1, vec![stage("s", 50)]));
    world.make_ready();
    let before = world.published;
    for partition in 0..49 {
        world.finish("s", partition);
    }
    assert_eq!(world.published, before);
    world.advance(1000);
    assert_eq!(world.published, before + 1);
    world.finish("s", 49);
    assert!(world.published > before + 1, "the end goes out at once");
}

/// After an hour alone, a pool lets another one have more than half until its past has faded.
#[test]
fn what_was_held_lately_counts_with_a_half_life() {
    let split = |half_life| {
        let settings = Settings { share_half_life_milliseconds: half_life, ..Settings::default() };
        let mut world = World::with_settings(settings, &[8]);
        world.pool("a", 1000);
        world.pool("b", 1000);
        world.submit("first", job("a", 8, vec![stage("s", 8)]));
        world.make_ready();
        world.advance(3_600_000);
        (0..8).for_each(|partition| world.finish_of("first", "s", partition));
        world.submit_quietly("a2", job("a", 8, vec![stage("s", 8)]));
        world.submit_quietly("b2", job("b", 8, vec![stage("s", 8)]));
        world.tick();
        (world.status("a2").executors_launched, world.status("b2").executors_launched)
    };
    assert_eq!(split(None), (4, 4));
    assert_eq!(split(Some(Span::from_seconds(600))), (0, 8));
    // In a mean over ten hours, one hour of eight cores is about half a core.
    assert_eq!(split(Some(Span::from_seconds(36_000))), (4, 4));
}
