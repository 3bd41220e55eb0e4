use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::super::super::super::gated_pod::gated_facts;
use super::super::super::super::pod::ObjectName;
use proffer_core::time::Time;

use super::super::{Gated, Group};
use super::Identity;

/// A pod that waits, of this owner if there is one, with this in its spec.
fn identity(pod: &str, owner: Option<&str>, fields: &Value) -> Identity {
    let owner = owner.map(|uid| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "name": "work", "uid": uid, "controller": true})
    });
    let mut value = json!({
        "metadata": {
            "namespace": "ns", "name": pod, "labels": {"proffer.dev/pool": "batch"},
            "ownerReferences": owner.into_iter().collect::<Vec<_>>(),
        },
        "spec": {
            "schedulingGates": [{"name": "proffer.dev/offer"}],
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
        },
    });
    for (key, field) in fields.as_object().unwrap() {
        value["spec"][key] = field.clone();
    }
    let pod: Pod = serde_json::from_value(value).unwrap();
    let name =
        ObjectName { namespace: "ns".into(), name: pod.metadata.name.as_deref().unwrap().into() };
    Identity::of(&name, &gated_facts(&pod).unwrap())
}

#[test]
fn pods_of_one_owner_that_ask_for_the_same_are_one() {
    let plain = identity("p", Some("u"), &json!({}));
    assert_eq!(plain, identity("q", Some("u"), &json!({})));
    let others = [
        identity("p", Some("v"), &json!({})),
        identity("p", Some("u"), &json!({"priority": 1})),
        identity("p", Some("u"), &json!({"nodeSelector": {"disk": "ssd"}})),
        identity("p", Some("u"), &json!({"tolerations": [{"key": "gpu", "operator": "Exists"}]})),
        identity("p", None, &json!({})),
    ];
    for other in &others {
        assert_ne!(plain, *other);
        assert_ne!(plain.job(0), other.job(0), "{other:?}");
    }
    assert_ne!(identity("p", None, &json!({})), identity("q", None, &json!({})));
}

#[test]
fn the_name_of_a_group_follows_from_its_fields_alone() {
    let tolerations = json!([{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]);
    let fields = json!({"priority": 2, "nodeSelector": {"a": "b"}, "tolerations": tolerations});
    let name = |identity: &Identity, number| identity.job(number).name.to_string();
    let owned = identity("p", Some("u"), &fields);
    assert_eq!(name(&owned, 0), "job/work~08de3dca");
    assert_eq!(name(&owned, 1), "job/work~08de3dca.1");
    assert_eq!(name(&identity("p", None, &json!({})), 0), "pod/p~b05f2575");
}

#[test]
fn a_name_that_others_have_is_not_theirs() {
    let (mine, others) =
        (identity("p", Some("u"), &json!({})), identity("p", Some("v"), &json!({})));
    let mut gated = Gated::default();
    assert_eq!(gated.name_of(&mine), mine.job(0));
    let group = Group {
        identity: others,
        uid: "v".into(),
        generation: 0,
        created_at: Time::ZERO,
        restored: 0,
    };
    gated.groups.insert(mine.job(0), group);
    assert_eq!(gated.name_of(&mine), mine.job(1));
    // It stays theirs, even when the other one is free.
    gated.names.insert(mine.clone(), mine.job(1));
    gated.groups.clear();
    assert_eq!(gated.name_of(&mine), mine.job(1));
}
