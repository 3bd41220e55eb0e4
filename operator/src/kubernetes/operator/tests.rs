// Literals of objects are handed over as they are written.
#![allow(clippy::needless_pass_by_value)]

mod failover;
mod gated;
mod grants;
mod mesos;
mod spark;
mod statuses;
mod world;

use serde_json::{Value, json};

use super::super::names::MAINTENANCE_ANNOTATION;
use super::Kind;
use crate::clock::Wall;
use proffer_core::time::{Span, Time};
use world::World;

/// A job of so many tasks on so many executors.
fn job(tasks: i32, instances: i32) -> Value {
    json!({
        "executor": {"instances": instances, "memory": "1Gi"},
        "stages": [{"name": "s", "command": ["true"], "partitions": tasks}],
    })
}

fn with(mut spec: Value, key: &str, value: Value) -> Value {
    spec[key] = value;
    spec
}

const FIRST: &str = "j-j-uid-0-0";
const SECOND: &str = "j-j-uid-1-0";

/// A world in which the job `j` has two executors that are ready.
fn two_executors(spec: Value) -> World {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spec);
    for name in [FIRST, SECOND] {
        world.report(name, &[]);
    }
    world.advance(1000);
    world
}

#[test]
fn a_job_runs_to_its_end_and_leaves_nothing() {
    let mut world = two_executors(job(2, 2));
    assert_eq!(world.executor_names(), [FIRST, SECOND]);
    assert_eq!(world.pod_names(), [FIRST, SECOND]);
    assert_eq!(world.status("j", "/executors/summary"), "2/2");
    world.finish_all(FIRST);
    world.finish_all(SECOND);
    world.advance(10_000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!(world.status("j", "/stages/0/results/1"), format!("by {SECOND}"));
    assert!(world.executors.is_empty() && world.pods.is_empty());
    assert_eq!(world.reasons(), ["Started", "Succeeded"]);
}

#[test]
fn a_process_that_takes_over_goes_on_with_the_same_executors() {
    let mut world = two_executors(job(20, 2));
    world.finish_all(FIRST);
    for _ in 0..3 {
        world.restart();
        world.advance(20_000);
        assert_eq!((world.launches, world.pods.len()), (2, 2));
        world.finish_all(SECOND);
    }
    for _ in 0..20 {
        let names: Vec<String> = world.executors.keys().cloned().collect();
        names.iter().for_each(|name| world.finish_all(name));
        world.advance(1000);
    }
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!(world.status("j", "/stages/0/losses"), Value::Null, "no task was lost");
    assert_eq!(world.launches, 2);
}

#[test]
fn what_an_executor_said_last_counts_although_its_pod_is_seen_to_end_first() {
    let mut world = two_executors(job(2, 2));
    // The watch of executors is late: nothing is heard of the report before the pod has ended.
    world.report(FIRST, &[("s", 0, "0")]);
    world.forget_told();
    world.exit(FIRST, 1);
    world.finish_all(SECOND);
    world.advance(10_000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!(world.launches, 2, "nothing had to run again");
}

#[test]
fn a_pod_that_is_deleted_costs_its_tasks_and_nothing_else() {
    let mut world = two_executors(job(2, 2));
    world.lose_pod(FIRST);
    world.advance(0);
    assert!(world.reasons().contains(&"ExecutorLost"), "{:?}", world.notices);
    let next = "j-j-uid-0-1";
    assert_eq!(world.pod_names(), [next, SECOND], "another epoch takes its place");
    world.report(next, &[]);
    world.advance(0);
    assert_eq!(world.executors[next].spec.assignments[0].attempt, 1, "the first may have run");
    world.finish_all(next);
    world.finish_all(SECOND);
    world.advance(10_000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert!(world.executors.is_empty());
}

#[test]
fn a_create_of_which_nothing_is_heard_is_not_done_twice() {
    let mut world = World::new(&["n1", "n2"]);
    world.loses_replies = true;
    world.is_deaf = true;
    world.submit("j", job(2, 2));
    assert_eq!(world.pods.len(), 2);
    world.advance(20_000);
    world.loses_replies = false;
    world.is_deaf = false;
    world.advance(20_000);
    assert_eq!((world.launches, world.executors.len()), (2, 2));
}

#[test]
fn what_quota_refuses_is_explained_and_tried_again() {
    let mut world = World::new(&["n1"]);
    world.refusal = Some("exceeded quota: pods".to_owned());
    world.submit("j", job(1, 1));
    world.advance(3000);
    let message = world.status("j", "/message").to_string();
    assert!(message.contains("exceeded quota: pods"), "{message}");
    world.refusal = None;
    world.advance(120_000);
    assert_eq!(world.pods.len(), 1);
}

#[test]
fn a_template_that_makes_no_pod_is_explained() {
    let mut world = World::new(&["n1"]);
    let mut spec = job(1, 1);
    spec["executor"]["template"] = json!({"spec": {"volumes": 1}});
    world.submit("j", spec);
    world.advance(3000);
    let message = world.status("j", "/message").to_string();
    assert!(message.contains("no list"), "{message}");
}

#[test]
fn a_pod_that_is_not_scheduled_goes_to_another_node() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", job(1, 1));
    let node = world.executors[FIRST].spec.node.clone();
    world.set_pod(
        FIRST,
        json!({"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/2 nodes are available: 1 Insufficient cpu.",
        }]}),
    );
    world.advance(0);
    let declined = world.status("j", "/declinedNodes/0");
    assert_eq!(declined["name"], node);
    assert!(declined["reason"].to_string().contains("Insufficient cpu"), "{declined}");
    assert_eq!(world.pod_names(), ["j-j-uid-0-1"]);
    assert_ne!(world.executors["j-j-uid-0-1"].spec.node, node);
    assert_eq!(world.status("j", "/executors/failed"), Value::Null, "the job is not to blame");
}

/// The status of a pod whose image cannot be pulled.
fn cannot_pull() -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "executor", "image": "nope:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}},
    }]})
}

#[test]
fn an_image_that_cannot_be_pulled_ends_the_job_with_the_cause() {
    let mut world = World::new(&["n1"]);
    world.submit("j", with(job(1, 1), "maxExecutorFailures", json!(0)));
    world.set_pod(FIRST, cannot_pull());
    world.advance(10_000);
    assert_eq!(world.status("j", "/state"), "Failed");
    let message = world.status("j", "/message").to_string();
    assert!(message.contains("nope:1") && message.contains("not found"), "{message}");
}

#[test]
fn a_pod_that_is_deleted_as_it_does_not_start_was_not_told_to_go() {
    let mut world = World::new(&["n1", "n2"]);
    world.pods_linger = true;
    world.submit("j", job(1, 1));
    let node = world.executors[FIRST].spec.node.clone();
    world.set_pod(FIRST, cannot_pull());
    // Its object is seen once more while its pod goes.
    world.list(Kind::Executor);
    world.settle();
    world.lose_pod(FIRST);
    world.advance(1000);
    assert_ne!(world.executors["j-j-uid-0-1"].spec.node, node, "its node is declined");
    assert_eq!(world.status("j", "/executors/failed"), 1);
    let message = world.status("j", "/message").to_string();
    assert!(message.contains("did not start") && message.contains("nope:1"), "{message}");
}

#[test]
fn a_node_that_does_not_answer_gives_up_its_executors_when_their_pods_are_told_to_go() {
    let mut world = two_executors(job(2, 2));
    world.pods_linger = true;
    let node = world.executors[FIRST].spec.node.clone();
    world.set_node(&node, false);
    world.advance(1000);
    assert_eq!(world.launches, 2, "it may come back");
    let now = serde_json::from_value(json!("2026-11-24T00:00:00Z")).unwrap();
    world.pods.get_mut(FIRST).unwrap().metadata.deletion_timestamp = Some(now);
    world.list(Kind::Pod);
    world.advance(1000);
    let message = world.notices.iter().find(|it| it.reason == "ExecutorLost").unwrap();
    assert!(message.note.contains("does not answer"), "{message:?}");
    assert_eq!(world.launches, 3, "there is room on the other node");
    world.set_node(&node, true);
    world.advance(1000);
    assert!(world.pods.contains_key(FIRST), "it holds its room until the node has ended it");
}

#[test]
fn a_node_that_is_gone_takes_its_executors_along() {
    let mut world = two_executors(job(4, 2));
    let node = world.executors[FIRST].spec.node.clone();
    world.remove_node(&node);
    world.lose_pod(FIRST);
    world.advance(10_000);
    assert!(world.reasons().contains(&"ExecutorLost"));
    let nodes: Vec<_> = world.executors.values().map(|it| it.spec.node.clone()).collect();
    assert!(!nodes.contains(&node), "{nodes:?}");
}

#[test]
fn a_pod_without_an_object_was_never_told_anything_and_goes() {
    let mut world = two_executors(job(2, 2));
    world.executors.remove(SECOND);
    world.restart();
    world.advance(10_000);
    assert!(world.pods.contains_key(FIRST));
    assert!(!world.pods.contains_key(SECOND) || world.executors.contains_key(SECOND));
    assert_eq!(world.executors.len(), 2, "the job has two again");
}

#[test]
fn an_object_without_a_pod_is_one_whose_pod_is_gone() {
    let mut world = two_executors(job(2, 2));
    world.pods.remove(SECOND);
    world.restart();
    world.advance(10_000);
    assert_eq!(world.pod_names(), [FIRST, "j-j-uid-1-1"]);
}

#[test]
fn what_a_list_leaves_out_is_gone() {
    let mut world = two_executors(job(2, 2));
    world.pods.remove(FIRST);
    world.list(Kind::Pod);
    world.advance(1000);
    assert_eq!(world.pod_names(), ["j-j-uid-0-1", SECOND]);
    world.jobs.remove("j");
    world.list(Kind::Job);
    world.advance(10_000);
    assert!(world.pods.is_empty() && world.executors.is_empty());
}

#[test]
fn pods_stay_as_the_job_says() {
    let left = |retention: &str, ends: fn(&mut World)| {
        let mut world = two_executors(with(job(2, 2), "podRetention", json!(retention)));
        ends(&mut world);
        world.advance(10_000);
        world.pods.len()
    };
    let fails: fn(&mut World) = |world| world.exit(FIRST, 3);
    let finishes: fn(&mut World) = |world| {
        world.finish_all(FIRST);
        world.finish_all(SECOND);
        world.advance(1000);
        // They end by themselves where they were told so.
        for name in [FIRST, SECOND] {
            if world.executors.get(name).is_some_and(|executor| executor.spec.stop) {
                world.exit(name, 0);
            }
        }
    };
    // One that failed is replaced by another, so there are two beside what stays.
    assert_eq!(left("OnFailure", fails), 3);
    assert_eq!(left("Never", fails), 2);
    assert_eq!(left("OnFailure", finishes), 0);
    assert_eq!(left("Never", finishes), 0);
    assert_eq!(left("Always", finishes), 2);
}

#[test]
fn at_most_ten_pods_of_a_job_stay() {
    let mut world = World::new(&["n1"]);
    let spec = with(job(1, 1), "maxExecutorFailures", json!(100));
    world.submit("j", with(spec, "maxTaskFailures", json!(100)));
    for epoch in 0..15 {
        world.exit(&format!("j-j-uid-0-{epoch}"), 1);
        // Long enough for another one, and not for so long that it should have reported.
        world.advance(500_000);
    }
    let ended = world.pods.values().filter(|pod| pod.status.is_some()).count();
    assert_eq!(ended, 10);
    assert!(world.pods.contains_key("j-j-uid-0-14"), "the last ones stay");
    world.restart();
    world.advance(1000);
    let ended = world.pods.values().filter(|pod| pod.status.is_some()).count();
    assert_eq!(ended, 10, "also when another process decides");
}

#[test]
fn pods_that_stay_are_forgotten_with_their_job_whatever_that_is() {
    let mut world = World::new(&["n1"]);
    world.submit("j", with(job(1, 1), "maxExecutorFailures", json!(3)));
    world.exit(FIRST, 3);
    world.advance(10_000);
    assert!(world.retains("j"));
    // Nobody refused that it becomes another kind, and the process that takes over goes by that.
    let spark = json!({"spark": {
        "sparkVersion": "4.3.0", "image": "spark:4", "mainApplicationFile": "local:///app.py",
    }});
    world.jobs.get_mut("j").unwrap().spec = serde_json::from_value(spark).unwrap();
    world.restart();
    assert!(world.retains("j"));
    world.delete_job("j");
    assert!(!world.retains("j"));
}

#[test]
fn a_job_that_ended_long_enough_ago_is_deleted() {
    let mut world = two_executors(with(job(2, 2), "ttlSecondsAfterFinished", json!(60)));
    world.finish_all(FIRST);
    world.finish_all(SECOND);
    world.advance(58_000);
    assert!(world.jobs.contains_key("j"));
    world.advance(3000);
    assert!(world.jobs.is_empty());
}

/// When jobs are created in these tests, by the clock of the wall, in milliseconds since 1970.
const CREATED: u64 = 1_795_478_400_000;

/// A world in which jobs that come now were created ten seconds ago, by a wall whose clock was set.
fn on_another_wall() -> World {
    let mut world = World::new(&["n1"]);
    let written = Time::from_milliseconds(CREATED) + Span::from_seconds(10);
    world.operator.set_wall(Wall::ahead_by(written.since(world.now)));
    world
}

#[test]
fn what_was_created_by_a_clock_that_was_set_counts_from_when_it_was() {
    let mut world = on_another_wall();
    world.submit("j", with(job(2, 1), "deadlineSeconds", json!(60)));
    world.advance(49_000);
    assert_ne!(world.status("j", "/state"), "Failed");
    world.advance(2_000);
    assert_eq!(world.status("j", "/state"), "Failed");
}

#[test]
fn maintenance_begins_by_the_clock_of_the_wall() {
    let mut world = on_another_wall();
    world.submit("j", job(2, 1));
    world.report(FIRST, &[]);
    // In ten minutes; after the clock was set by five, in five.
    let annotations = [(MAINTENANCE_ANNOTATION.to_owned(), "2026-11-24T00:10:10Z".to_owned())];
    world.nodes.get_mut("n1").unwrap().metadata.annotations = Some(annotations.into());
    world.list(Kind::Node);
    world.advance(1_000);
    assert_eq!(world.pods.len(), 1);
    let written = Time::from_milliseconds(CREATED) + Span::from_seconds(310);
    world.operator.set_wall(Wall::ahead_by(written.since(world.now)));
    // Nothing new goes there in the minute before, and what is idle goes.
    world.advance(200_000);
    assert_eq!(world.pods.len(), 1);
    world.advance(100_000);
    assert!(world.pods.is_empty(), "{:?}", world.pods);
}

#[test]
fn a_suspended_job_gives_back_its_executors() {
    let mut world = two_executors(job(4, 2));
    world.edit("j", |job| job.spec.suspend = true);
    world.advance(2000);
    assert!(world.pods.is_empty());
    assert_eq!(world.status("j", "/state"), "Suspended");
    world.edit("j", |job| job.spec.suspend = false);
    world.advance(2000);
    assert_eq!(world.pods.len(), 2);
    assert_eq!(world.status("j", "/state"), "Running");
}

#[test]
fn a_status_that_somebody_else_changed_meanwhile_is_written_again() {
    let mut world = two_executors(job(2, 2));
    // A version that the watch has not told yet.
    let job = world.jobs.get_mut("j").unwrap();
    job.metadata.resource_version = Some("1000000".to_owned());
    world.finish_all(FIRST);
    world.finish_all(SECOND);
    world.advance(20_000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
}

#[test]
fn the_default_pool_is_made_and_kept_while_it_is_used() {
    let mut world = two_executors(job(2, 2));
    world.advance(2000);
    let pool = &world.pools["default"];
    assert_eq!(pool.metadata.finalizers.as_deref(), Some(&["proffer.dev/jobs".to_owned()][..]));
    let status = serde_json::to_value(&pool.status).unwrap();
    assert_eq!((&status["allocated"]["cpu"], &status["runningJobs"]), (&json!("2"), &json!(1)));
    let mut pool = serde_json::to_value(pool).unwrap();
    pool["metadata"]["deletionTimestamp"] = json!("2026-11-24T00:00:00Z");
    world.set_pool(pool);
    world.advance(10_000);
    assert!(world.pools.contains_key("default"), "a job uses it");
    world.finish_all(FIRST);
    world.finish_all(SECOND);
    world.advance(10_000);
    assert!(world.pools.is_empty());
}

#[test]
fn what_others_take_of_a_node_is_not_given_out() {
    let mut world = World::new(&["n1"]);
    world.add_pod("other", "n1", "1500m");
    world.submit("j", job(1, 1));
    let message = world.status("j", "/message").to_string();
    assert!(message.contains("500m free") || message.contains("0.5"), "{message}");
    world.lose_pod("other");
    world.advance(1000);
    assert_eq!(world.pod_names(), [FIRST]);
}

#[test]
fn a_job_that_makes_no_sense_fails_with_the_field() {
    let mut world = World::new(&["n1"]);
    let mut spec = job(1, 1);
    spec["stages"][0]["dependsOn"] = json!(["nothing"]);
    world.submit("j", spec);
    world.advance(1000);
    assert_eq!(world.status("j", "/state"), "Failed");
    let message = world.status("j", "/message").to_string();
    assert!(message.contains("spec.stages[0].dependsOn[0]"), "{message}");
}

#[test]
fn a_pod_ends_by_itself_unless_something_beside_the_executor_goes_on() {
    let container = |name: &str, state: Value| {
        json!({
            "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": state,
        })
    };
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
    let beside = container("beside", json!({"running": {}}));
    for (others, is_deleted) in [(vec![], false), (vec![beside], true)] {
        let mut world = two_executors(with(job(2, 2), "podRetention", json!("OnFailure")));
        let mut containers = vec![container("executor", ended.clone())];
        containers.extend(others);
        // The kubelet tells of the container before it does of the pod.
        world.set_pod(FIRST, json!({"phase": "Running", "containerStatuses": containers}));
        let is_there =
            world.pods.get(FIRST).is_some_and(|pod| pod.metadata.deletion_timestamp.is_none());
        assert_eq!(is_there, !is_deleted);
    }
}

#[test]
fn a_name_that_a_pod_without_an_object_has_is_not_used_again() {
    let mut world = two_executors(job(2, 2));
    world.executors.remove(SECOND);
    // The kubelet has ended it long before a watch says so.
    world.pods_linger = true;
    world.restart();
    assert!(world.pods[SECOND].metadata.deletion_timestamp.is_some());
    world.advance(10_000);
    let next = "j-j-uid-1-1";
    assert_eq!(world.executor_names(), [FIRST, next]);
    world.lose_pod(SECOND);
    world.advance(10_000);
    assert_eq!(world.pod_names(), [FIRST, next], "that one goes is not taken for another's end");
    assert!(!world.reasons().contains(&"ExecutorLost"), "{:?}", world.notices);
}

#[test]
fn a_pod_without_an_object_that_could_not_be_deleted_is_deleted_later() {
    let mut world = two_executors(job(2, 2));
    world.executors.remove(SECOND);
    world.deletes_nothing = true;
    world.restart();
    assert!(world.pods.contains_key(SECOND));
    world.deletes_nothing = false;
    world.advance(10_000);
    assert_eq!(world.pod_names(), [FIRST, "j-j-uid-1-1"]);
}

#[test]
fn what_is_made_while_a_list_is_on_its_way_is_not_missed_in_it() {
    let mut world = World::new(&["n1", "n2"]);
    // Both lists are made, then the executors; what of them is told comes later.
    world.is_deaf = true;
    world.submit("j", job(2, 2));
    assert_eq!(world.pod_names(), [FIRST, SECOND]);
    for kind in [Kind::Executor, Kind::Pod] {
        world.list_nothing(kind);
    }
    world.settle();
    world.is_deaf = false;
    world.advance(10_000);
    assert_eq!((world.pod_names(), world.launches), (vec![FIRST, SECOND], 2));
    // What is really gone is missed all the same.
    world.is_deaf = true;
    world.submit("k", job(1, 1));
    let name = "k-k-uid-0-0";
    world.pods.remove(name).unwrap();
    world.forget_told();
    world.list(Kind::Pod);
    world.is_deaf = false;
    world.advance(10_000);
    assert_eq!(world.pod_names(), [FIRST, SECOND, "k-k-uid-0-1"]);
}

#[test]
fn a_pod_that_is_made_after_its_executor_was_given_up_goes() {
    let mut world = two_executors(job(2, 2));
    let pod = world.pods[FIRST].clone();
    world.lose_pod(FIRST);
    world.settle();
    world.put_pod(pod);
    world.advance(10_000);
    assert_eq!(world.pod_names(), ["j-j-uid-0-1", SECOND]);
}

#[test]
fn an_executor_that_never_reports_is_given_up() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", job(1, 1));
    world.set_pod(
        FIRST,
        json!({"phase": "Pending", "containerStatuses": [{
            "name": "executor", "image": "slow:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}},
        }]}),
    );
    let node = world.executors[FIRST].spec.node.clone();
    world.advance(500_000);
    assert_eq!(world.pod_names(), [FIRST]);
    world.advance(200_000);
    let event = world.notices.iter().find(|it| it.reason == "ExecutorNotStarted").unwrap();
    for part in ["within 600 s", "slow:1", "ContainerCreating"] {
        assert!(event.note.contains(part), "{event:?}");
    }
    let next = "j-j-uid-0-1";
    assert_eq!(world.pod_names(), [next]);
    assert_ne!(world.executors[next].spec.node, node, "the node is declined");
}
