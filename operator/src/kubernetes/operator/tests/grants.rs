//! What executors and drivers need in their namespaces is there before them, and stays.

use serde_json::json;

use super::super::super::grants::Grant;
use super::super::super::wishes::Wish;
use super::spark::spark;
use super::world::World;
use super::{FIRST, SECOND, job, two_executors, with};

const EXECUTORS: &str = "proffer-executor";
const DRIVERS: &str = "proffer-spark-driver";

#[test]
fn what_executors_need_is_granted_once_and_before_they_are_made() {
    let mut world = two_executors(job(2, 2));
    world.submit("k", job(2, 1));
    assert_eq!(world.binding_names(), [EXECUTORS]);
    assert_eq!((world.grants, world.launches), (1, 3));
    let facts = world.bindings.values().next().unwrap().to_string();
    assert_eq!(facts, "ClusterRole/proffer-executor for Group system:serviceaccounts:ns");
    let mut world = World::new(&["n1", "n2"]);
    world.submit("own", spark(1));
    let named = json!({"sparkVersion": "4.3.0", "image": "s", "mainApplicationFile": "local:///a.py",
        "driver": {"serviceAccount": "irsa"}, "executor": {"instances": 1}});
    world.submit("named", json!({ "spark": named }));
    assert_eq!(world.binding_names(), [DRIVERS, "proffer-spark-driver-irsa"]);
    assert_eq!(world.accounts.first().unwrap().name, "proffer-spark".into());
    assert_eq!((world.accounts.len(), world.grants, world.launches), (1, 2, 2));
}

#[test]
fn who_waits_for_what_a_watch_tells_of_is_made() {
    let mut world = World::new(&["n1", "n2"]);
    world.writes_wait = true;
    world.submit("j", job(2, 2));
    let (now, grant) = (world.now, Grant::Executors { namespace: "ns".into() });
    let common = &mut world.operator.common;
    while let Some(wish) = common.queue.next(now) {
        if let Wish::Executor(executor, _) = &wish {
            assert!(!common.grants(&grant, executor));
        }
        common.queue.done(now, &wish.target(), false);
    }
    // The watch is faster than the turn of what was to be written.
    common.observe_binding(&grant.binding(), Some(grant.facts()));
    assert!(!common.write_grant(now, &grant));
    world.bindings.insert(grant.binding(), grant.facts());
    world.writes_wait = false;
    world.advance(1000);
    assert_eq!((world.grants, world.launches), (0, 2));
}

#[test]
fn what_somebody_deletes_or_changes_comes_back_while_a_job_needs_it() {
    let mut world = two_executors(job(2, 2));
    world.submit("s", with(spark(0), "pool", json!("other")));
    world.set_pool(json!({"apiVersion": "proffer.dev/v1alpha1", "kind": "ResourcePool", "metadata": {"name": "other"}, "spec": {}}));
    world.advance(1000);
    assert_eq!(world.binding_names(), [EXECUTORS, DRIVERS], "{:?}", world.pod_names());
    for name in [EXECUTORS, DRIVERS, "proffer-spark"] {
        let (bindings, accounts) = (world.bindings.clone(), world.accounts.clone());
        world.revoke(name);
        assert_eq!((&world.bindings, &world.accounts), (&bindings, &accounts), "{name}");
    }
    // Somebody binds others by that name.
    let name = Grant::Executors { namespace: "ns".into() }.binding();
    let facts = Grant::Executors { namespace: "other".into() }.facts();
    world.bindings.insert(name.clone(), facts.clone());
    world.list(super::Kind::Binding);
    world.settle();
    assert_ne!(world.bindings[&name], facts);
    // What a list does not have is not there.
    world.list_nothing(super::Kind::Binding);
    let before = world.grants;
    world.settle();
    assert_eq!(world.grants, before + 2);
    world.finish_all(FIRST);
    world.finish_all(SECOND);
    world.advance(1000);
    assert_eq!(world.status("j", "/state"), "Succeeded");
    world.revoke(EXECUTORS);
    assert_eq!(world.binding_names(), [DRIVERS], "nobody needs it any more");
}

#[test]
fn a_namespace_that_is_made_again_has_what_executors_need() {
    let mut world = two_executors(job(2, 2));
    world.finish_all(FIRST);
    world.finish_all(SECOND);
    world.advance(1000);
    world.delete_job("j");
    world.revoke(EXECUTORS);
    assert!(world.bindings.is_empty());
    world.submit("k", job(2, 2));
    assert_eq!((world.binding_names(), world.launches), (vec![EXECUTORS], 4));
}

#[test]
fn what_was_deleted_while_nobody_led_comes_back() {
    let mut world = two_executors(job(2, 2));
    world.submit("s", spark(0));
    world.advance(1000);
    let (bindings, accounts) = (world.bindings.clone(), world.accounts.clone());
    world.restart();
    let grants = world.grants;
    for name in [EXECUTORS, DRIVERS, "proffer-spark"] {
        world.revoke(name);
        world.bindings.clear();
        world.accounts.clear();
        world.restart();
        assert_eq!((&world.bindings, &world.accounts), (&bindings, &accounts));
    }
    assert!(world.grants > grants);
    let grants = world.grants;
    world.restart();
    assert_eq!(world.grants, grants, "what is there is not written again");
}

#[test]
fn what_cannot_be_granted_is_told_once_and_tried_again() {
    let mut world = World::new(&["n1", "n2"]);
    world.grants_nothing = Some("rolebindings is forbidden (403)".to_owned());
    world.submit("j", job(2, 2));
    world.advance(100_000);
    assert_eq!(world.launches, 2, "it may have been granted by hand");
    let told: Vec<_> = world.notices.iter().filter(|it| it.reason == "NotPermitted").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    for words in ["forbidden (403)", "proffer-executor", "system:serviceaccounts:ns"] {
        assert!(told[0].note.contains(words), "{}", told[0].note);
    }
    assert!(world.grants < 20, "it pauses in between: {}", world.grants);
    world.grants_nothing = None;
    world.advance(100_000);
    assert_eq!(world.binding_names(), [EXECUTORS]);
}
