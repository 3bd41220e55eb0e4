// Literals of objects are handed over as they are written.
#![allow(clippy::needless_pass_by_value)]

use proffer_core::ExecutorKey;
use proffer_core::action::{Launch, Search};
use proffer_core::jobs::JobKey;
use proffer_crds::SparkJob;
use serde_json::{Value, json};

use super::{PodSettings, executor_pod};
use crate::convert;

fn settings() -> PodSettings {
    PodSettings {
        image: "executor:1".to_owned(),
        default_image: Some("tools:1".to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        image_pull_secrets: vec!["registry".to_owned()],
        priority_class_name: Some("low".to_owned()),
        service_account_name: None,
        node_lost_seconds: 30,
    }
}

fn try_pod(executor: Value, node: Option<&str>, settings: &PodSettings) -> Result<Value, String> {
    make_pod(executor, node, Search::default(), settings)
}

fn make_pod(
    executor: Value,
    node: Option<&str>,
    search: Search,
    settings: &PodSettings,
) -> Result<Value, String> {
    let job: SparkJob = serde_json::from_value(json!({
        "apiVersion": "proffer.dev/v1alpha1",
        "kind": "SparkJob",
        "metadata": {"namespace": "ns", "name": "j", "uid": "abcdefgh"},
        "spec": {"pool": "team.a", "executor": executor, "stages": [{"name": "s", "command": ["true"]}]},
    }))
    .unwrap();
    let key = JobKey { namespace: "ns".into(), name: "j".into() };
    let key = ExecutorKey { job: key, index: 3, epoch: 1 };
    let launch = Launch { key, node: node.map(Box::from), search };
    let request = convert::job_spec(&job).unwrap().executor.request;
    let spec = convert::launched_spec(&launch, &job, &request);
    executor_pod(&launch, &job, &spec, settings).map(|pod| serde_json::to_value(pod).unwrap())
}

fn pod(executor: Value) -> Value {
    try_pod(executor, Some("n1"), &settings()).unwrap()
}

#[test]
fn a_pod_as_a_whole() {
    let mut settings = settings();
    settings.image_pull_secrets.clear();
    let executor = json!({
        "cores": 2, "cpu": "1500m", "memory": "1Gi", "resources": {"example.com/gpu": "1"},
        "image": "python:3.13",
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    });
    insta::assert_json_snapshot!(try_pod(executor, Some("n1"), &settings).unwrap());
}

#[test]
fn a_node_is_added_to_every_term_of_the_template() {
    let terms = json!([
        {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
        {"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n2"]}]},
    ]);
    let affinity = json!({"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
    }});
    let pod = pod(json!({"template": {"spec": {"affinity": affinity}}}));
    let terms = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        ["nodeSelectorTerms"];
    let pin = json!({"key": "metadata.name", "operator": "In", "values": ["n1"]});
    assert_eq!(terms[0]["matchFields"], json!([pin]));
    assert_eq!(terms[0]["matchExpressions"][0]["key"], "a");
    assert_eq!(terms[1]["matchFields"][1], pin);
}

#[test]
fn one_without_a_node_goes_anywhere() {
    let pod = try_pod(json!({}), None, &settings()).unwrap();
    assert_eq!(pod["spec"]["affinity"], Value::Null);
}

#[test]
fn one_without_a_node_goes_where_its_pools_may_and_not_where_it_failed() {
    let search = Search {
        selector: vec![("zone".into(), "a".into())],
        avoids: vec!["n1".into(), "n2".into()],
    };
    let executor = json!({"nodeSelector": {"disk": "ssd"}});
    let pod = make_pod(executor, None, search, &settings()).unwrap();
    assert_eq!(pod["spec"]["nodeSelector"], json!({"disk": "ssd", "zone": "a"}));
    let terms = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        ["nodeSelectorTerms"];
    let not_in = |node| json!({"key": "metadata.name", "operator": "NotIn", "values": [node]});
    assert_eq!(*terms, json!([{"matchFields": [not_in("n1"), not_in("n2")]}]));
}

#[test]
fn the_template_adds_and_what_proffer_decides_stays() {
    let template = json!({
        "metadata": {"labels": {"team": "x", "proffer.dev/pool": "theirs"}},
        "spec": {
            "restartPolicy": "Always",
            "serviceAccountName": "data",
            "priorityClassName": "high",
            "securityContext": {"runAsUser": 1000},
            "volumes": [{"name": "data", "emptyDir": {}}],
            "imagePullSecrets": [{"name": "own"}],
            "containers": [
                {"name": "proxy", "image": "proxy:1"},
                {
                    "name": "executor",
                    "command": ["theirs"],
                    "args": ["theirs"],
                    "env": [{"name": "A", "value": "1"}],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    "resources": {"limits": {"cpu": "4"}, "requests": {"memory": "1"}},
                },
            ],
        },
    });
    let pod = pod(json!({"memory": "64Mi", "template": template}));
    let spec = &pod["spec"];
    assert_eq!(pod["metadata"]["labels"]["team"], "x");
    assert_eq!(pod["metadata"]["labels"]["proffer.dev/pool"], "team.a");
    assert_eq!(
        (&spec["restartPolicy"], &spec["priorityClassName"]),
        (&json!("Never"), &json!("high"))
    );
    assert_eq!(spec["serviceAccountName"], "data");
    assert_eq!(spec["securityContext"]["runAsUser"], 1000);
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
    assert_eq!(spec["imagePullSecrets"].as_array().unwrap().len(), 2);
    assert_eq!(spec["containers"][0]["name"], "proxy");
    let executor = &spec["containers"][1];
    assert_eq!(executor["command"][0], "/proffer/proffer-executor");
    assert_eq!(executor["args"], Value::Null);
    assert_eq!(executor["image"], "tools:1");
    assert_eq!(executor["resources"]["requests"]["memory"], "64Mi");
    assert_eq!(executor["resources"]["limits"]["cpu"], "4");
    assert_eq!(executor["env"].as_array().unwrap().len(), 2);
    assert_eq!(executor["volumeMounts"][0]["name"], "data");
}

#[test]
fn what_makes_no_pod_is_explained() {
    let problem = |executor: Value| try_pod(executor, Some("n1"), &settings()).unwrap_err();
    let template = |spec: Value| json!({"template": {"spec": spec}});
    let message = problem(template(json!({"volumes": 5})));
    assert_eq!(message, "\"volumes\" in the pod template is no list");
    let message = problem(json!({"template": {"spec": []}}));
    assert_eq!(message, "spec.executor.template.spec is no object");
    let message = problem(template(json!({"terminationGracePeriodSeconds": 1, "hostname": 5})));
    assert!(message.starts_with("spec.executor.template makes no pod: "), "{message}");
    let nothing = PodSettings { default_image: None, ..settings() };
    let message = try_pod(json!({}), None, &nothing).unwrap_err();
    assert!(message.contains("set spec.executor.image"), "{message}");
}
