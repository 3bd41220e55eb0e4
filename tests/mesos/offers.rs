//! Who is offered what, and when again.

use super::{multi_role, offered, one_node, patient};
use crate::mesos::Master;
use crate::mesos::framework::{Framework, amount, info, resources, state, task};
use proffer_mesos::content::ContentType;
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::TaskState;
use serde_json::{Value, json};

pub(super) fn decline() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let first = framework.offers();
    framework.decline(&first, 0.0);
    let second = framework.offer();
    assert_ne!(second.id, first[0].id);
    assert_eq!(second.resources, first[0].resources);
}

pub(super) fn revive() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offers = framework.offers();
    framework.decline(&offers, 3600.0);
    assert_eq!(framework.count(EventType::Offers), 0);
    framework.accepted(json!({ "type": "REVIVE" }));
    framework.offer();
}

pub(super) fn suppress() {
    let master = one_node();
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offers = framework.offers();
    framework.accepted(json!({ "type": "SUPPRESS" }));
    framework.decline(&offers, 0.0);
    // Somebody else is offered what the first does not want, so its turn has passed.
    let mut other = Framework::subscribe(&master, &json!({}));
    other.offer();
    other.teardown();
    assert_eq!(framework.count(EventType::Offers), 0);
    framework.accepted(json!({ "type": "REVIVE" }));
    framework.offer();
}

fn all_suppressed(id: Option<&str>) -> Value {
    let mut fields = patient();
    if let Some(id) = id {
        fields["id"] = json!({ "value": id });
    }
    json!({ "framework_info": info(&fields), "suppressed_roles": ["*"] })
}

pub(super) fn no_offers_with_all_roles_suppressed() {
    let master = one_node();
    let mut framework = Framework::subscribe_as(&master, ContentType::Json, &all_suppressed(None));
    assert_eq!(framework.count(EventType::Offers), 0);
    framework.accepted(json!({ "type": "REVIVE" }));
    framework.offer();
}

pub(super) fn suppressed_on_reregistration() {
    let master = one_node();
    let mut first = Framework::subscribe(&master, &patient());
    first.offer();
    let subscribe = all_suppressed(Some(&first.id));
    let mut second = Framework::subscribe_as(&master, ContentType::Json, &subscribe);
    assert_eq!(second.count(EventType::Offers), 0);
}

pub(super) fn request_is_ignored() {
    let master = one_node();
    let framework = Framework::subscribe(&master, &json!({}));
    let requests = json!([{ "resources": resources(1.0, 1.0) }]);
    framework.accepted(json!({ "type": "REQUEST", "request": { "requests": requests } }));
    let old = framework.call(json!({ "type": "REQUEST", "requests": requests }));
    assert_eq!(old.status, 400, "as mesoshttp sends it");
}

pub(super) fn multi_role_offers() {
    let master = Master::start("2x2cpu,1Gi", &["a", "b"]);
    let mut framework = Framework::subscribe(&master, &multi_role(&["a", "b"]));
    let mut roles = Vec::new();
    while roles.len() < 2 {
        for offer in framework.offers() {
            let role = offer.allocation_info.clone().unwrap().role.unwrap();
            for resource in &offer.resources {
                let own = resource.allocation_info.clone().unwrap().role.unwrap();
                assert_eq!(own, role);
            }
            roles.push(role);
        }
    }
    roles.sort_unstable();
    assert_eq!(roles, ["a", "b"]);
}

pub(super) fn resources_unused() {
    let master = one_node();
    let mut first = Framework::subscribe(&master, &json!({}));
    let mut second = Framework::subscribe(&master, &json!({}));
    let offer = first.offer();
    first.launch_with(&[&offer], &[task("t", &offer, "sleep 1000")], 3600.0);
    let rest = second.offer();
    assert_eq!((amount(&rest, "cpus"), amount(&rest, "mem")), (1.5, 960.0));
}

pub(super) fn task_finished() {
    let (master, mut framework, offer) = offered(&json!({}));
    // It finishes when it is told to end.
    let mut all = task("t", &offer, "trap 'exit 0' TERM; while :; do sleep 0.01; done");
    all["resources"] = resources(2.0, 64.0);
    framework.launch(&[&offer], &[all]);
    framework.update("t", TaskState::Running);
    let mut other = Framework::subscribe(&master, &json!({}));
    assert!(amount(&other.offer(), "cpus") < 0.01, "there are only memory and disk");
    framework.kill("t");
    while amount(&other.offer(), "cpus") < 2.0 {}
}

pub(super) fn framework_exited() {
    let (master, mut first, offer) = offered(&json!({}));
    let mut all = task("t", &offer, "sleep 1000");
    all["resources"] = resources(2.0, 64.0);
    first.launch(&[&offer], &[all]);
    first.update("t", TaskState::Running);
    // It is not waited for, so its task is killed at once.
    first.disconnect();
    let mut second = Framework::subscribe(&master, &json!({}));
    while amount(&second.offer(), "cpus") < 2.0 {}
}

pub(super) fn offer_constraints() {
    let master = Master::start("1cpu,1Gi,label:zone=a", &[]);
    let constraints = |zone: &str| {
        let constraint = json!({
            "selector": { "attribute_name": "zone" },
            "predicate": { "text_matches": { "regex": zone } },
        });
        let groups = json!({ "groups": [{ "attribute_constraints": [constraint] }] });
        json!({
            "framework_info": info(&json!({})),
            "offer_constraints": { "role_constraints": { "*": groups } },
        })
    };
    let mut picky = Framework::subscribe_as(&master, ContentType::Json, &constraints("b|c"));
    assert_eq!(picky.count(EventType::Offers), 0);
    let mut fitting = Framework::subscribe_as(&master, ContentType::Json, &constraints("a|b"));
    fitting.offer();
}

pub(super) fn release_with_pending_updates() {
    let (_master, mut framework, offer) = offered(&json!({}));
    let mut all = task("t", &offer, "exit 0");
    all["resources"] = resources(2.0, 64.0);
    framework.launch(&[&offer], &[all]);
    // Nothing is acknowledged, and everything is offered again all the same.
    while amount(&framework.offer(), "cpus") < 2.0 {}
    let first = framework.next_update();
    assert_eq!(state(&first), TaskState::Starting);
}
