// Literals of objects are handed over as they are written.
#![allow(clippy::needless_pass_by_value)]

use serde_json::{Value, json};

use super::world::World;

/// An application of so many executors; driver and executors have one cpu each.
pub(super) fn spark(executors: i32) -> Value {
    json!({"spark": {
        "sparkVersion": "4.3.0",
        "image": "spark:4",
        "mainApplicationFile": "local:///app.py",
        "executor": {"instances": executors},
    }})
}

fn with(mut spec: Value, key: &str, value: Value) -> Value {
    spec[key] = value;
    spec
}

const DRIVER: &str = "j-j-uid-driver-0";

/// The driver's container is so.
fn driver_is(world: &mut World, name: &str, phase: &str, state: Value) {
    world.set_pod(
        name,
        json!({"phase": phase, "containerStatuses": [{
            "name": "spark-kubernetes-driver", "image": "", "imageID": "", "ready": false,
            "restartCount": 0, "state": state,
        }]}),
    );
}

pub(super) fn run(world: &mut World, driver: &str) {
    driver_is(world, driver, "Running", json!({"running": {}}));
}

pub(super) fn exit(world: &mut World, driver: &str, code: i32, log: &str) {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let state = json!({"terminated": {"exitCode": code, "reason": "Error", "message": log}});
    driver_is(world, driver, phase, state);
}

/// The driver asks for an executor.
pub(super) fn ask(world: &mut World, job: &str, driver: &str, number: i32) -> String {
    ask_with(world, job, driver, number, "4.3.0")
}

/// The driver, of some version of Spark, asks for an executor.
fn ask_with(world: &mut World, job: &str, driver: &str, number: i32, version: &str) -> String {
    let application =
        world.pods[driver].metadata.labels.as_ref().unwrap()["spark-app-selector"].clone();
    let pool = world.jobs[job].spec.pool.clone();
    let name = format!("{driver}-exec-{number}");
    world.make_pod(json!({
        "metadata": {
            "namespace": "ns", "name": name,
            "labels": {
                "proffer.dev/pool": pool, "proffer.dev/spark-job": job, "spark-role": "executor",
                "spark-app-selector": application, "spark-version": version,
            },
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Pod", "name": driver, "controller": true,
                "uid": world.pods[driver].metadata.uid,
            }],
        },
        "spec": {
            "schedulingGates": [{"name": "proffer.dev/offer"}],
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1433Mi"}}}],
        },
    }));
    name
}

#[test]
fn driver_and_first_executors_are_admitted_together() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spark(2));
    assert_eq!(world.pod_names(), [DRIVER]);
    assert!(!world.node_of(DRIVER).is_empty());
    world.advance(2000);
    assert_eq!(world.status("j", "/admission/places").as_array().unwrap().len(), 2);
    assert_eq!(world.status("j", "/application/driverState"), "Pending");
    // What is held for its executors nobody else gets.
    world.gate_pod("other1", "default", "1", None);
    world.gate_pod("other2", "default", "1", None);
    world.advance(1000);
    assert_eq!(["other1", "other2"].map(|pod| world.node_of(pod).is_empty()), [false, true]);
    run(&mut world, DRIVER);
    let executors = [1, 2].map(|number| ask(&mut world, "j", DRIVER, number));
    assert!(executors.iter().all(|name| !world.node_of(name).is_empty()), "{:?}", world.pods);
    world.advance(2000);
    assert_eq!(world.status("j", "/admission"), Value::Null);
    assert_eq!(world.status("j", "/application/driverState"), "Running");
    assert_eq!(world.status("j", "/executors/summary"), "2/2");
    exit(&mut world, DRIVER, 0, "");
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!(world.status("j", "/application/driverState"), "Succeeded");
    assert_eq!(world.pod_names(), [DRIVER, "other1", "other2"], "the driver stays for its log");
    assert!(!world.node_of("other2").is_empty());
}

#[test]
fn a_driver_that_fails_says_why_and_runs_again_under_another_name() {
    let mut world = World::new(&["n1", "n2"]);
    let again = json!({
        "type": "OnFailure", "onFailureRetries": 1, "onFailureRetryIntervalSeconds": 5,
    });
    world.submit("j", with(spark(1), "restartPolicy", again));
    run(&mut world, DRIVER);
    let waits = ask(&mut world, "j", DRIVER, 1);
    exit(&mut world, DRIVER, 1, "Traceback\nZeroDivisionError: division by zero\n");
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Restarting");
    let message = world.status("j", "/failures/0/message");
    assert_eq!(message, "the driver exited with code 1: ZeroDivisionError: division by zero");
    assert!(!world.pods.contains_key(&waits), "{:?}", world.pod_names());
    world.advance(10_000);
    let second = "j-j-uid-driver-1";
    assert_eq!(world.pod_names(), [DRIVER, second]);
    let ids = [DRIVER, second].map(|name| {
        world.pods[name].metadata.labels.as_ref().unwrap()["spark-app-selector"].clone()
    });
    assert_ne!(ids[0], ids[1]);
    run(&mut world, second);
    exit(&mut world, second, 1, "java.lang.Error: again");
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Failed");
    let message = "the driver exited with code 1: java.lang.Error: again";
    assert_eq!(world.status("j", "/message"), message);
    assert_eq!(world.status("j", "/restarts"), 1);
    let pool = world.pools["default"].status.clone().unwrap();
    assert!(pool.allocated.values().all(|amount| amount.to_string() == "0"), "{pool:?}");
}

#[test]
fn the_cause_is_found_where_the_status_does_not_reach() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spark(1));
    run(&mut world, DRIVER);
    let log = "ValueError: too far up\n26/11/28 18:43:09 INFO MemoryStore: MemoryStore cleared\n";
    world.logs.insert(DRIVER.to_owned(), log.to_owned());
    exit(&mut world, DRIVER, 1, "26/11/28 18:43:09 INFO MemoryStore: MemoryStore cleared");
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Failed");
    assert_eq!(
        world.status("j", "/message"),
        "the driver exited with code 1: ValueError: too far up"
    );
    assert_eq!(world.status("j", "/failures/0/stderr"), "ValueError: too far up");
}

#[test]
fn a_process_that_takes_over_goes_on_with_the_same_driver_and_places() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spark(2));
    world.advance(2000);
    for _ in 0..3 {
        world.restart();
        world.advance(10_000);
        assert_eq!(world.pod_names(), [DRIVER]);
        assert_eq!(world.status("j", "/admission/places").as_array().unwrap().len(), 2);
    }
    run(&mut world, DRIVER);
    let first = ask(&mut world, "j", DRIVER, 1);
    world.restart();
    let second = ask(&mut world, "j", DRIVER, 2);
    world.restart();
    world.advance(10_000);
    assert!(!world.node_of(&first).is_empty() && !world.node_of(&second).is_empty());
    assert_eq!(world.pools["default"].status.as_ref().unwrap().allocated["cpu"].to_string(), "3");
    // What ends while nobody looks counts all the same.
    exit(&mut world, DRIVER, 0, "");
    world.forget_told();
    world.restart();
    world.advance(10_000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!((world.pod_names(), world.launches), (vec![DRIVER], 1));
}

#[test]
fn a_process_that_takes_over_goes_on_with_the_driver_of_the_second_attempt() {
    let mut world = World::new(&["n1", "n2"]);
    let again = json!({
        "type": "OnFailure", "onFailureRetries": 1, "onFailureRetryIntervalSeconds": 1,
    });
    world.submit("j", with(spark(1), "restartPolicy", again));
    run(&mut world, DRIVER);
    exit(&mut world, DRIVER, 137, "");
    world.advance(10_000);
    let second = "j-j-uid-driver-1";
    assert_eq!(world.pod_names(), [DRIVER, second]);
    for _ in 0..2 {
        world.restart();
        world.advance(10_000);
        assert_eq!(world.pod_names(), [DRIVER, second]);
    }
    run(&mut world, second);
    let executor = ask(&mut world, "j", second, 1);
    for _ in 0..2 {
        world.restart();
        world.advance(10_000);
        assert_eq!(world.pod_names(), [DRIVER, second, &executor]);
    }
    exit(&mut world, second, 0, "");
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!(world.status("j", "/restarts"), 1);
}

#[test]
fn drivers_never_fill_a_cluster() {
    let mut world = World::new(&["n1", "n2"]);
    for job in 0..8 {
        world.submit(&format!("j{job}"), spark(1));
    }
    for _ in 0..4 {
        let drivers: Vec<String> = world
            .pod_names()
            .into_iter()
            .filter(|name| name.ends_with("-driver-0") && world.pods[*name].status.is_none())
            .map(str::to_owned)
            .collect();
        assert_eq!(drivers.len(), 2, "two fit with an executor each");
        for driver in drivers {
            run(&mut world, &driver);
            let job = driver.split('-').next().unwrap().to_owned();
            let executor = ask(&mut world, &job, &driver, 1);
            assert!(!world.node_of(&executor).is_empty());
            exit(&mut world, &driver, 0, "");
        }
        world.advance(5000);
    }
    for job in 0..8 {
        assert_eq!(world.status(&format!("j{job}"), "/state"), "Succeeded");
    }
}

#[test]
fn a_driver_that_is_lost_is_replaced_and_one_that_cannot_start_is_not() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spark(1));
    run(&mut world, DRIVER);
    world.lose_pod(DRIVER);
    world.advance(2000);
    let second = "j-j-uid-driver-1";
    assert_eq!(world.pod_names(), [second]);
    driver_is(
        &mut world,
        second,
        "Pending",
        json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}),
    );
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Failed");
    let message = world.status("j", "/message");
    assert!(message.as_str().unwrap().contains("no such image"), "{message}");
}

/// A pod that is deleted ends first, and is gone a moment later.
#[test]
fn a_driver_that_is_sent_away_is_not_to_blame() {
    let mut world = World::new(&["n1", "n2"]);
    world.pods_linger = true;
    world.submit("j", spark(1));
    run(&mut world, DRIVER);
    // By somebody else, as for its node.
    world.delete_pod(DRIVER);
    exit(&mut world, DRIVER, 143, "26/11/28 19:00:00 ERROR Utils: no");
    world.lose_pod(DRIVER);
    world.advance(2000);
    let second = "j-j-uid-driver-1";
    assert_eq!(world.pod_names(), [second]);
    assert_eq!(world.status("j", "/failures"), Value::Null);
    // By Proffer.
    run(&mut world, second);
    world.edit("j", |job| job.spec.suspend = true);
    exit(&mut world, second, 143, "");
    world.lose_pod(second);
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Suspended");
    assert_eq!(world.status("j", "/failures"), Value::Null);
    // What is killed with nobody having deleted it has failed.
    world.edit("j", |job| job.spec.suspend = false);
    world.advance(2000);
    let third = "j-j-uid-driver-2";
    run(&mut world, third);
    exit(&mut world, third, 137, "");
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Failed");
    assert_eq!(world.status("j", "/message"), "the driver exited with code 137");
}

#[test]
fn a_suspended_application_gives_back_everything() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spark(2));
    run(&mut world, DRIVER);
    let executor = ask(&mut world, "j", DRIVER, 1);
    world.edit("j", |job| job.spec.suspend = true);
    world.advance(2000);
    assert!(!world.pods.contains_key(DRIVER) && !world.pods.contains_key(&executor));
    assert_eq!(world.status("j", "/state"), "Suspended");
    let pool = world.pools["default"].status.clone().unwrap();
    assert!(pool.allocated.values().all(|amount| amount.to_string() == "0"), "{pool:?}");
    world.edit("j", |job| job.spec.suspend = false);
    world.advance(2000);
    assert_eq!(world.pod_names(), ["j-j-uid-driver-1"]);
}

#[test]
fn places_that_are_not_asked_for_are_given_back() {
    let mut world = World::new(&["n1", "n2"]);
    let mut spec = spark(0);
    spec["spark"]["executor"] = json!({});
    spec["spark"]["dynamicAllocation"] =
        json!({"enabled": true, "initialExecutors": 2, "maxExecutors": 8});
    world.submit("j", spec);
    run(&mut world, DRIVER);
    let first = ask(&mut world, "j", DRIVER, 1);
    world.advance(200_000);
    assert_eq!(world.pools["default"].status.as_ref().unwrap().allocated["cpu"].to_string(), "2");
    // It grows as far as there is room, and shrinks again.
    let more: Vec<String> = (2..6).map(|number| ask(&mut world, "j", DRIVER, number)).collect();
    world.advance(1000);
    let placed = more.iter().filter(|name| !world.node_of(name).is_empty()).count();
    assert_eq!(placed, 2);
    assert_eq!(world.offered(&more[3]).0, "WaitingForResources");
    for name in more.iter().chain([&first]) {
        world.lose_pod(name);
    }
    world.advance(2000);
    assert_eq!(world.pools["default"].status.as_ref().unwrap().allocated["cpu"].to_string(), "1");
}

#[test]
fn an_image_with_another_version_of_spark_is_named_once() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spark(2));
    run(&mut world, DRIVER);
    for number in [1, 2] {
        ask_with(&mut world, "j", DRIVER, number, "3.5.9");
    }
    let mut notices = world.notices.iter().filter(|it| it.reason == "SparkVersionMismatch");
    let note = &notices.next().unwrap().note;
    assert_eq!(note, "the image spark:4 has Spark 3.5.9, but spec.spark.sparkVersion says 4.3.0");
    assert_eq!(notices.next(), None);
    for (wanted, found, is_same) in
        [("4.3", "4.3.0", true), ("4.3.0", "4.3.0-custom", true), ("4.3.1", "4.3.10", false)]
    {
        let mut world = World::new(&["n1", "n2"]);
        let mut spec = spark(1);
        spec["spark"]["sparkVersion"] = wanted.into();
        world.submit("j", spec);
        run(&mut world, DRIVER);
        ask_with(&mut world, "j", DRIVER, 1, found);
        let is_named = world.reasons().contains(&"SparkVersionMismatch");
        assert_ne!(is_named, is_same, "{wanted}, {found}");
    }
}

#[test]
fn an_application_gives_back_executors_and_keeps_its_driver() {
    let mut world = World::new(&["n1", "n2"]);
    for name in ["a", "b"] {
        world.set_pool(json!({
            "metadata": {"name": name},
            "spec": {"reclaim": {
                "policy": "FairShare", "gracePeriodSeconds": 1, "drainSeconds": 1,
            }},
        }));
    }
    world.submit("j", with(spark(3), "pool", json!("a")));
    run(&mut world, DRIVER);
    let first: Vec<String> = (1..4).map(|number| ask(&mut world, "j", DRIVER, number)).collect();
    assert!(first.iter().all(|name| !world.node_of(name).is_empty()));
    // Its half of four cpus is the driver and an executor.
    world.submit("k", with(spark(1), "pool", json!("b")));
    world.advance(30_000);
    let left = first.iter().filter(|name| world.pods.contains_key(*name)).count();
    assert_eq!(left, 1, "{:?}", world.pod_names());
    assert!(world.pods.contains_key(DRIVER) && world.pods.contains_key("k-k-uid-driver-0"));
    // Spark asks for others in place of those that went, and they wait.
    let again = ask(&mut world, "j", DRIVER, 4);
    world.advance(30_000);
    assert!(world.node_of(&again).is_empty());
    assert_eq!(world.status("j", "/failures"), Value::Null);
}

#[test]
fn a_driver_that_has_ended_is_not_made_again_by_a_write_that_waits() {
    let mut world = World::new(&["n1", "n2"]);
    // Nothing is heard of the first write, so another one waits for a while.
    world.loses_replies = true;
    world.is_deaf = true;
    world.submit("j", spark(1));
    assert_eq!((world.pod_names(), world.driver_writes), (vec![DRIVER], 1));
    world.loses_replies = false;
    world.is_deaf = false;
    exit(&mut world, DRIVER, 0, "");
    world.advance(10_000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!((world.driver_writes, world.executors.len()), (1, 0));
}

#[test]
fn a_driver_that_cannot_be_made_lets_its_node_go() {
    let mut world = World::new(&["n1"]);
    let mut spec = spark(0);
    spec["spark"]["driver"] = json!({"template": {"spec": {"volumes": 1}}});
    world.writes_wait = true;
    world.submit("j", spec);
    world.remove_node("n1");
    world.settle();
    assert!(world.keeps_a_node(), "a driver is about to be made there");
    world.writes_wait = false;
    world.settle();
    assert!(!world.keeps_a_node());
}

#[test]
fn an_application_that_is_edited_to_be_another_kind_of_job_stays_one() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spark(1));
    run(&mut world, DRIVER);
    let before = world.jobs["j"].spec.clone();
    let stages = json!([{"name": "s", "command": ["true"]}]);
    world.edit("j", |job| {
        job.spec.spark = None;
        job.spec.stages = serde_json::from_value(stages).unwrap();
    });
    world.advance(10_000);
    assert!(world.reasons().contains(&"InvalidSpec"));
    assert_eq!(world.pod_names(), [DRIVER]);
    assert_eq!(world.status("j", "/state"), "Running");
    world.edit("j", |job| job.spec = before);
    exit(&mut world, DRIVER, 0, "");
    world.advance(10_000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
}

#[test]
fn counts_at_the_end_of_their_range_stop_no_process() {
    let mut world = World::new(&["n1", "n2"]);
    world.submit("j", spark(0));
    run(&mut world, DRIVER);
    world.advance(10_000);
    let status = world.jobs.get_mut("j").unwrap().status.as_mut().unwrap();
    let stage = &mut status.stages[0];
    (stage.failures, stage.losses) =
        ([("0".to_owned(), i32::MAX)].into(), [("0".to_owned(), i32::MAX)].into());
    stage.other_attempts =
        serde_json::from_value(json!([{"ranges": "0", "count": i32::MAX}])).unwrap();
    world.restart();
    world.advance(10_000);
    assert_eq!(world.status("j", "/state"), "Running");
}
