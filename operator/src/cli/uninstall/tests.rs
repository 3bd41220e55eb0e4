use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::super::fake::{Answer, block_on, cluster, failure, list_of};
use super::*;

fn held(kind: &str, name: &str, finalizers: &[&str]) -> Value {
    let mut object = json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "resourceVersion": "7", "finalizers": finalizers},
        "spec": {"stages": [], "job": "j"},
    });
    if kind != "ResourcePool" {
        object["metadata"]["namespace"] = "team".into();
    }
    object
}

#[test]
fn only_finalizers_of_this_project_go() {
    let patched = AtomicUsize::new(0);
    let (connection, requests) = cluster(move |request| -> Answer {
        if request.starts_with("PATCH") {
            patched.fetch_add(1, Ordering::Relaxed);
            return held("ResourcePool", "a", &[]).into();
        }
        let pools = match patched.load(Ordering::Relaxed) {
            0 => vec![
                held("ResourcePool", "a", &["example.com/own", "proffer.dev/jobs"]),
                held("ResourcePool", "b", &["example.com/proffer.dev"]),
            ],
            _ => vec![held("ResourcePool", "b", &["example.com/proffer.dev"])],
        };
        list_of(if request.contains("resourcepools") { pools } else { Vec::new() }).into()
    });
    block_on(uninstall(&connection, None, false)).unwrap();
    let patch = r#"{"metadata":{"finalizers":["example.com/own"],"resourceVersion":"7"}}"#;
    let expected = format!("PATCH /apis/proffer.dev/v1alpha1/resourcepools/a? {patch}");
    assert_eq!(requests.writes(), [expected]);
}

#[test]
fn a_cluster_that_knows_no_jobs_has_nothing_to_release() {
    let (connection, requests) =
        cluster(|_| json!({"kind": "Status", "status": "Failure", "code": 404}));
    block_on(uninstall(&connection, None, true)).unwrap();
    assert_eq!(requests.writes(), Vec::<String>::new());
}

#[test]
fn jobs_are_deleted_first_then_the_operator_stops() {
    let deleted = AtomicUsize::new(0);
    let (connection, requests) = cluster(move |request| -> Answer {
        let is_there = deleted.load(Ordering::Relaxed) == 0;
        if request.starts_with("DELETE") {
            deleted.fetch_add(1, Ordering::Relaxed);
            return held("SparkJob", "j", &[]).into();
        }
        if request.contains("/deployments/proffer/scale") {
            return json!({"metadata": {"name": "proffer"}, "spec": {"replicas": 0}}).into();
        }
        if request.contains("/deployments/proffer") {
            let selector = json!({"matchLabels": {"app": "proffer"}});
            let spec = json!({"selector": selector, "template": {}});
            return json!({"metadata": {"name": "proffer"}, "spec": spec}).into();
        }
        let jobs = if is_there { vec![held("SparkJob", "j", &[])] } else { Vec::new() };
        list_of(if request.contains("sparkjobs") { jobs } else { Vec::new() }).into()
    });
    block_on(uninstall(&connection, Some("proffer"), true)).unwrap();
    let writes = requests.writes();
    let starts = [
        "DELETE /apis/proffer.dev/v1alpha1/namespaces/team/sparkjobs/j? ",
        "PATCH /apis/apps/v1/namespaces/team/deployments/proffer/scale? ",
    ];
    assert_eq!(writes.len(), 2, "{writes:?}");
    for (write, start) in writes.iter().zip(starts) {
        assert!(write.starts_with(start), "{write}");
    }
    assert!(writes[0].contains(r#""propagationPolicy":"Foreground""#), "{}", writes[0]);
    let pods = "GET /api/v1/namespaces/team/pods?&labelSelector=app%3Dproffer";
    assert!(requests.all().contains(&pods.to_owned()), "its pods are waited for");
}

#[test]
fn an_operator_that_is_gone_does_not_have_to_stop() {
    let (connection, requests) = cluster(|request| {
        if request.contains("deployments") {
            failure(404, "proffer", "not found")
        } else {
            list_of([])
        }
    });
    block_on(uninstall(&connection, Some("proffer"), false)).unwrap();
    assert_eq!(requests.writes(), Vec::<String>::new());
}

#[test]
fn a_refusal_is_named() {
    let (connection, _) = cluster(|_| failure(403, "", "you may not"));
    let end = block_on(uninstall(&connection, None, false));
    assert_eq!(end.unwrap_err().to_string(), "cannot list sparkjobs: you may not");
}
