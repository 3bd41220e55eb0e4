//! A leader is killed, and another one takes over: whatever kinds of jobs there are, it changes nothing of
//! what is stored, and deletes nothing.

use proffer_crds::SparkJob;
use serde_json::{Value, json};

use super::spark::{ask, exit, run, spark};
use super::world::World;
use super::{FIRST, SECOND, job, two_executors, with};

/// Everything that is stored of jobs: their statuses, what their executors are told to run, and all pods.
fn stored(world: &World) -> Value {
    let status = |job: &SparkJob| {
        let mut status = job.status.clone();
        if let (Some(status), Some(_)) = (&mut status, &job.spec.mesos) {
            // What a framework waits for depends on its offers, and these begin anew.
            status.message = None;
        }
        status
    };
    let statuses: Vec<_> = world.jobs.iter().map(|(name, job)| (name, status(job))).collect();
    let executors = world.executors.iter();
    let told: Vec<_> = executors
        .map(|(name, it)| (name, &it.metadata.uid, &it.spec.assignments, it.spec.stop))
        .collect();
    json!([statuses, told, world.pods])
}

/// Leaders are killed one after the other, and whoever lost them comes back.
fn takes_over(world: &mut World, come_back: impl Fn(&mut World)) {
    world.advance(10_000);
    let before = stored(world);
    for _ in 0..3 {
        world.restart();
        come_back(world);
        world.advance(200_000);
        assert_eq!(first_difference(&stored(world), &before), None);
    }
}

/// The first lines in which one differs from the other, if they do.
fn first_difference(one: &Value, other: &Value) -> Option<(String, String)> {
    let [one, other] = [one, other].map(|it| serde_json::to_string_pretty(it).unwrap());
    let mut lines = one.lines().zip(other.lines());
    let found = lines.find(|(one, other)| one != other);
    found.map(|(one, other)| (one.to_owned(), other.to_owned()))
}

fn nobody(_: &mut World) {}

#[test]
fn jobs_with_stages_stay_as_they_were() {
    let spec = with(job(20, 2), "podRetention", json!("Always"));
    let mut world = two_executors(with(spec, "maxTaskFailures", json!(9)));
    world.report(FIRST, &[("s", 0, "0")]);
    world.settle();
    world.exit(FIRST, 1);
    world.advance(2000);
    let next = "j-j-uid-0-1";
    world.report(next, &[]);
    world.finish_all(SECOND);
    world.submit("waits", job(1, 9));
    world.submit("too-large", with(job(1, 1), "executor", json!({"memory": "99Gi"})));
    world.submit("suspended", with(job(1, 1), "suspend", json!(true)));
    world.advance(2000);
    assert_eq!(world.status("j", "/executorEpochs/0/count"), 1);
    assert!(world.pods.contains_key(FIRST), "it stays for its log");
    takes_over(&mut world, nobody);
}

#[test]
fn pods_that_others_make_stay_as_they_were() {
    let mut world = World::new(&["n1", "n2"]);
    for name in ["w1", "w2", "w3", "w4", "w5", "w6"] {
        world.gate_pod(name, "default", "1", Some("work"));
    }
    world.gate_pod("bare", "nowhere", "1", None);
    takes_over(&mut world, nobody);
    assert_eq!(["w4", "w5"].map(|pod| world.node_of(pod).is_empty()), [false, true]);
}

/// A world in which the second driver of an application runs with two executors; the first failed.
fn second_driver() -> (World, &'static str) {
    let mut world = World::new(&["n1", "n2"]);
    let again = json!({
        "type": "OnFailure", "onFailureRetries": 2, "onFailureRetryIntervalSeconds": 1,
    });
    world.submit("j", with(spark(2), "restartPolicy", again));
    let [first, second] = ["j-j-uid-driver-0", "j-j-uid-driver-1"];
    run(&mut world, first);
    exit(&mut world, first, 1, "java.lang.Error: no");
    world.advance(5000);
    run(&mut world, second);
    for number in [1, 2] {
        ask(&mut world, "j", second, number);
    }
    world.advance(5000);
    assert_eq!(world.pod_names().len(), 4, "{:?}", world.pod_names());
    (world, second)
}

#[test]
fn an_application_whose_first_driver_failed_stays_as_it_was() {
    let (mut world, second) = second_driver();
    assert_eq!(world.status("j", "/restarts"), 1);
    assert_eq!(
        world.status("j", "/failures/0/message"),
        "the driver exited with code 1: java.lang.Error: no"
    );
    assert_eq!(world.status("j", "/executorEpochs/0/count"), 1);
    takes_over(&mut world, nobody);
    exit(&mut world, second, 0, "");
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!(world.status("j", "/restarts"), 1);
}

/// The status was not stored since the first driver ran.
#[test]
fn an_old_driver_whose_end_was_not_stored_does_not_end_the_new_one() {
    let (mut world, second) = second_driver();
    let mut status = world.jobs["j"].status.clone().unwrap();
    (status.restarts, status.executor_epochs) = (0, Vec::new());
    (status.failures, status.stages[0].failures) = (Vec::new(), [].into());
    world.jobs.get_mut("j").unwrap().status = Some(status);
    let before = world.pods.clone();
    for _ in 0..2 {
        world.restart();
        world.advance(10_000);
        assert_eq!(world.pods, before);
        assert_eq!(world.status("j", "/state"), "Running");
        assert_eq!(world.status("j", "/stages/0/losses/0"), 1);
    }
    exit(&mut world, second, 0, "");
    world.advance(2000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    assert_eq!(world.launches, 2);
}

#[test]
fn what_runs_for_jobs_without_a_stored_status_runs_on() {
    let mut world = two_executors(job(20, 2));
    world.set_node("n3", true);
    world.submit("s", spark(1));
    let driver = "s-s-uid-driver-0";
    run(&mut world, driver);
    ask(&mut world, "s", driver, 1);
    world.advance(2000);
    let before = world.pods.clone();
    for _ in 0..2 {
        world.jobs.values_mut().for_each(|job| job.status = None);
        world.restart();
        world.advance(10_000);
        assert_eq!(world.pods, before);
        assert_eq!(["j", "s"].map(|job| world.status(job, "/state")), ["Running", "Running"]);
    }
}

#[test]
fn an_application_that_has_fewer_executors_than_it_began_with_stays_as_it_was() {
    let mut world = World::new(&["n1", "n2", "n3", "n4"]);
    let mut spec = spark(0);
    spec["spark"]["executor"] = json!({});
    spec["spark"]["dynamicAllocation"] =
        json!({"enabled": true, "initialExecutors": 3, "maxExecutors": 8});
    world.submit("j", spec.clone());
    world.submit("k", spec);
    let [used, idle] = ["j-j-uid-driver-0", "k-k-uid-driver-0"];
    run(&mut world, used);
    run(&mut world, idle);
    ask(&mut world, "j", used, 1);
    world.advance(200_000);
    assert_eq!(["j", "k"].map(|job| world.status(job, "/executors/wanted")), [1, 0]);
    takes_over(&mut world, nobody);
}

#[test]
fn places_of_executors_to_come_are_held_as_long_as_by_one_leader() {
    let mut world = World::new(&["n1", "n2"]);
    let mut spec = spark(0);
    spec["spark"]["executor"] = json!({});
    spec["spark"]["dynamicAllocation"] =
        json!({"enabled": true, "initialExecutors": 2, "maxExecutors": 8});
    world.submit("j", spec);
    run(&mut world, "j-j-uid-driver-0");
    world.advance(60_000);
    world.restart();
    world.advance(50_000);
    assert_eq!(world.status("j", "/executors/wanted"), 2);
    world.advance(20_000);
    assert_eq!(world.status("j", "/executors/wanted"), 0);
    assert_eq!(world.status("j", "/admission"), Value::Null);
}

#[test]
fn frameworks_stay_as_they_were() {
    let mut world = World::new(&["n1", "n2"]);
    let framework = world.subscribe(&json!({}));
    world.launch_in(&framework, "a", "e");
    let own = world.pod_names()[0].to_owned();
    world.start(&own);
    world.subscribe_executor(&framework, &json!({}));
    let runs = world.run(&framework, "runs", &json!({})).unwrap();
    world.start(&runs);
    let ends = world.run(&framework, "ends", &json!({})).unwrap();
    world.end(&ends, 3);
    takes_over(&mut world, |world| {
        let again = world.resubscribe(&framework);
        world.subscribe_executor(&again, &json!({}));
    });
}
