//! The operator with its real ways in and out, against an API server in this process that breaks down
//! as the tests say. Time is paused: nobody waits for anything.

mod world;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use proffer_fake_api::{FakeApi, Fault, Request, Rule};
use serde_json::{Value, json};

use super::leadership::{Candidate, Leadership};
use world::{BINDINGS, EXECUTORS, JOBS, PODS, World, clocks, set_wall_by_seconds};

/// Forty tasks on four executors.
fn forty_tasks() -> Value {
    json!({
        "executor": {"instances": 4, "memory": "1Gi"},
        "stages": [{"name": "s", "command": ["true"], "partitions": 40}],
    })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Something that goes wrong with every so manieth request that this is said of.
fn every(nth: usize, fault: Fault, applies: impl Fn(&Request) -> bool + Send + 'static) -> Rule {
    let count = AtomicUsize::new(0);
    Rule::always(fault, move |request| {
        applies(request) && (count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(nth)
    })
}

/// Every task has finished, by an attempt that was not lost.
#[track_caller]
fn check_end(world: &World) {
    let status = world.job("j")["status"].clone();
    assert_eq!(status["state"], "Succeeded", "{status:#}");
    let stage = &status["stages"][0];
    assert_eq!(stage["finished"], "0-39");
    assert_eq!(stage["failures"], Value::Null, "{stage:#}");
    assert_eq!(stage["results"].as_object().unwrap().len(), 40);
}

/// Nothing was lost either.
#[track_caller]
fn check_first_attempts(world: &World) {
    check_end(world);
    let stage = world.job("j")["status"]["stages"][0].clone();
    assert_eq!(stage["losses"], Value::Null, "{stage:#}");
    let results = stage["results"].as_object().unwrap().values();
    results.for_each(|it| assert!(it.as_str().unwrap().starts_with("attempt 0 "), "{it}"));
}

async fn ends_and_leaves_nothing(world: &World) {
    world.until("the job ends", |world| world.has_ended("j")).await;
    world.until("nothing is left", World::is_empty).await;
}

/// How often it was told that the clock was set.
fn steps_told(world: &World) -> usize {
    let events = world.api.all("apis/events.k8s.io/v1/events");
    events.iter().filter(|event| event["reason"] == "ClockSet").count()
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_is_told_and_no_timer_waits_for_it() {
    let world = World::new(2, seconds(1));
    world.submit("j", &forty_tasks());
    let end = async {
        world.until("some tasks finish", |world| world.finished("j") > 3).await;
        set_wall_by_seconds(-3600);
        ends_and_leaves_nothing(&world).await;
        world.until("it is told", |world| steps_told(world) > 0).await;
    };
    world.operate(end).await;
    check_first_attempts(&world);
    assert_eq!(steps_told(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_to_its_end() {
    let world = World::new(2, seconds(1));
    world.submit("j", &forty_tasks());
    world.operate(ends_and_leaves_nothing(&world)).await;
    check_first_attempts(&world);
    assert_eq!(world.pods_seen(), 4);
}

/// What goes wrong, in words and in fact.
type Trouble = (&'static str, fn(&FakeApi));

/// What goes wrong with writes. None of it costs an attempt.
const TROUBLE_WITH_WRITES: &[Trouble] = &[
    ("conflicts", |api| api.inject(every(3, Fault::Answer(409), Request::is_write))),
    ("too many requests", |api| api.inject(every(2, Fault::Answer(429), Request::is_write))),
    ("internal errors", |api| api.inject(every(3, Fault::Answer(500), |_| true))),
    ("gone", |api| api.inject(every(4, Fault::Answer(410), |_| true))),
    ("refused connections", |api| api.inject(every(3, Fault::Break, |_| true))),
    ("lost replies", |api| api.inject(every(2, Fault::LoseReply, Request::is_write))),
    ("silence", |api| api.inject(every(4, Fault::Silence, Request::is_write))),
    ("slow replies", |api| {
        api.inject(Rule::always(Fault::SlowReply(seconds(2)), Request::is_write));
    }),
    ("slow writes", |api| api.inject(Rule::always(Fault::Late(seconds(2)), Request::is_write))),
    ("refused pods", |api| {
        api.inject(every(3, Fault::Answer(422), |it| it.is_write() && it.resource() == "pods"));
    }),
    ("refused executors", |api| {
        let of = |it: &Request| it.is_write() && it.resource() == "sparkexecutors";
        api.inject(every(5, Fault::Answer(422), of));
    }),
    ("refused statuses", |api| {
        api.inject(every(2, Fault::Answer(422), |it| it.subresource == "status"));
    }),
];

/// What goes wrong with watches.
const TROUBLE_WITH_WATCHES: &[Trouble] = &[
    ("late", |api| api.delay_watches(seconds(3))),
    ("repeated", FakeApi::repeat_watch_events),
    ("late and repeated", |api| {
        api.delay_watches(Duration::from_millis(700));
        api.repeat_watch_events();
    }),
    ("refused", |api| {
        let is_read = |it: &Request| !it.is_write();
        api.inject(every(2, Fault::Answer(500), is_read));
    }),
];

#[tokio::test(start_paused = true)]
async fn trouble_with_writes_costs_no_attempt() {
    for (what, trouble) in TROUBLE_WITH_WRITES {
        eprintln!("{what}");
        let world = World::new(2, seconds(1));
        trouble(&world.api);
        world.submit("j", &forty_tasks());
        let half = world.until("half is done", |world| world.finished("j") >= 20);
        world
            .operate(async {
                half.await;
                world.api.heal();
                ends_and_leaves_nothing(&world).await;
            })
            .await;
        check_first_attempts(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_with_watches_costs_no_attempt() {
    for (what, trouble) in TROUBLE_WITH_WATCHES {
        eprintln!("{what}");
        let world = World::new(2, seconds(1));
        trouble(&world.api);
        world.submit("j", &forty_tasks());
        world.operate(ends_and_leaves_nothing(&world)).await;
        check_first_attempts(&world);
        assert_eq!(world.pods_seen(), 4, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn watches_that_break_off_and_begin_anew_miss_nothing() {
    for forgets in [false, true] {
        let world = World::new(2, seconds(1));
        world.submit("j", &forty_tasks());
        let breaks = async {
            loop {
                tokio::time::sleep(Duration::from_millis(350)).await;
                if forgets {
                    world.api.compact();
                }
                world.api.break_watches();
            }
        };
        let work = world.operate(ends_and_leaves_nothing(&world));
        tokio::select! { () = work => {}, () = breaks => {} }
        check_first_attempts(&world);
        assert_eq!(world.pods_seen(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_made_unheard_is_taken_for_what_it_is() {
    for kind in ["pods", "sparkexecutors"] {
        let world = World::new(2, seconds(1));
        let is_create =
            move |it: &Request| it.is_write() && it.resource() == kind && it.name.is_empty();
        for _ in 0..4 {
            world.api.inject(Rule::once(Fault::LoseReply, is_create));
        }
        world.submit("j", &forty_tasks());
        world.operate(ends_and_leaves_nothing(&world)).await;
        check_first_attempts(&world);
        assert_eq!(world.pods_seen(), 4, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_killed_again_and_again_loses_nothing() {
    // Each time after another while, and with what is on its way.
    for odd in [7, 110, 230, 410, 1130] {
        let world = World::new(2, seconds(2));
        world.submit("j", &forty_tasks());
        for moment in 0..10 {
            let while_ = Duration::from_millis(odd * (moment + 1) % 1500 + 1);
            world.operate(tokio::time::sleep(while_)).await;
            // Until another may lead, what was begun has ended.
            tokio::time::sleep(clocks().duration).await;
        }
        world.operate(ends_and_leaves_nothing(&world)).await;
        check_first_attempts(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_killed_while_replies_are_lost_loses_no_result() {
    for nth in 2..6 {
        let world = World::new(2, seconds(1));
        world.api.inject(every(nth, Fault::LoseReply, Request::is_write));
        world.api.delay_watches(Duration::from_millis(300));
        world.submit("j", &forty_tasks());
        for moment in 0..10 {
            world.operate(tokio::time::sleep(Duration::from_millis(400 * moment + 50))).await;
            tokio::time::sleep(clocks().duration).await;
        }
        world.operate(ends_and_leaves_nothing(&world)).await;
        check_end(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn an_executor_whose_pod_somebody_deletes_is_replaced() {
    let world = World::new(2, seconds(1));
    world.submit("j", &forty_tasks());
    world
        .operate(async {
            world.until("some are done", |world| world.finished("j") >= 8).await;
            let pod = world.api.all(PODS)[0]["metadata"]["name"].clone();
            world.api.remove(PODS, "ns", pod.as_str().unwrap()).unwrap();
            ends_and_leaves_nothing(&world).await;
        })
        .await;
    check_end(&world);
    assert_eq!(world.pods_seen(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_role_binding_that_somebody_deletes_comes_back() {
    let world = World::new(2, seconds(1));
    world.submit("j", &forty_tasks());
    world
        .operate(async {
            world.until("some are done", |world| world.finished("j") >= 8).await;
            world.api.remove(BINDINGS, "ns", "proffer-executor").unwrap();
            let is_there =
                |world: &World| world.api.get(BINDINGS, "ns", "proffer-executor").is_some();
            world.until("it is there again", is_there).await;
            ends_and_leaves_nothing(&world).await;
        })
        .await;
    check_first_attempts(&world);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_what_cannot_be_granted() {
    let world = World::new(2, seconds(1));
    world.api.inject(Rule::always(Fault::Answer(403), |it| it.resource() == "rolebindings"));
    world.submit("j", &forty_tasks());
    world.operate(ends_and_leaves_nothing(&world)).await;
    check_first_attempts(&world);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_too_large_is_stored_without_what_is_long() {
    let world = World::new(2, seconds(1));
    let is_status = |it: &Request| it.resource() == "sparkjobs" && it.subresource == "status";
    world.api.inject(Rule::once(Fault::Answer(413), is_status));
    world.submit("j", &forty_tasks());
    world.operate(ends_and_leaves_nothing(&world)).await;
    check_first_attempts(&world);
    let conditions = world.job("j")["status"]["conditions"].clone();
    assert!(conditions.to_string().contains("StatusShortened"), "{conditions:#}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_deleted_takes_everything_along() {
    let world = World::new(2, seconds(60));
    world.submit("j", &forty_tasks());
    world
        .operate(async {
            world.until("executors are there", |world| world.api.all(EXECUTORS).len() == 4).await;
            world.api.remove(JOBS, "ns", "j").unwrap();
            world.until("nothing is left", World::is_empty).await;
        })
        .await;
}

fn candidate(api: &FakeApi, name: &str) -> Candidate {
    let leases: Api<Lease> = Api::namespaced(api.client(), "proffer-system");
    Candidate::new(leases, "proffer".to_owned(), name.to_owned(), clocks())
}

async fn lead(api: &FakeApi, name: &str) -> Leadership {
    candidate(api, name).lead().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_another_begins() {
    let api = FakeApi::new();
    let mut first = lead(&api, "first").await;
    let permit = first.permit();
    let is_lease = |it: &Request| it.is_write() && it.body.to_string().contains("\"first\"");
    tokio::time::sleep(seconds(60)).await;
    assert!(permit.may_write(), "it is renewed");
    for fault in [Fault::Answer(429), Fault::Answer(500), Fault::Break] {
        // For less than the deadline that does no harm.
        api.inject(Rule::always(fault, is_lease));
        let margin = clocks().retry_period * 2 + seconds(1);
        tokio::time::sleep(clocks().renew_deadline.checked_sub(margin).unwrap()).await;
        assert!(permit.may_write(), "{fault:?}");
        api.heal();
        tokio::time::sleep(seconds(10)).await;
    }
    api.inject(Rule::always(Fault::Silence, is_lease));
    let start = tokio::time::Instant::now();
    let second = tokio::select! {
        second = lead(&api, "second") => second,
        () = async { loop { tokio::time::sleep(seconds(1)).await } } => unreachable!(),
    };
    assert!(!permit.may_write() && second.permit().may_write());
    assert!(start.elapsed() > clocks().renew_deadline);
    first.lost().await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_gives_back_lets_another_begin_at_once() {
    let api = FakeApi::new();
    let first = lead(&api, "first").await;
    let second = candidate(&api, "second");
    let waits = async { tokio::time::timeout(seconds(120), candidate(&api, "third").lead()).await };
    assert!(waits.await.is_err(), "nobody takes it while it is renewed");
    first.release().await.unwrap();
    let start = tokio::time::Instant::now();
    assert!(second.lead().await.unwrap().permit().may_write());
    assert!(start.elapsed() <= clocks().retry_period);
}

#[tokio::test(start_paused = true)]
async fn of_two_that_take_a_lease_at_once_one_has_it() {
    let api = FakeApi::new();
    let (one, other) = (candidate(&api, "one").lead(), candidate(&api, "other").lead());
    let both = Box::pin(futures::future::join(one, other));
    assert!(tokio::time::timeout(seconds(120), both).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_done_unheard_is_one() {
    let api = FakeApi::new();
    let first = lead(&api, "first").await;
    api.inject(every(2, Fault::LoseReply, Request::is_write));
    tokio::time::sleep(seconds(120)).await;
    assert!(first.permit().may_write());
}
