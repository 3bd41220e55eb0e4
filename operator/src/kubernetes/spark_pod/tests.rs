// Literals of objects are handed over as they are written.
#![allow(clippy::needless_pass_by_value)]

use std::collections::BTreeMap;

use proffer_core::ExecutorKey;
use proffer_core::action::{Launch, Search};
use proffer_core::jobs::JobKey;
use proffer_crds::SparkJob;
use serde_json::{Value, json};

use super::properties::escaped;
use super::{Attempt, parts};
use crate::kubernetes::executor_pod::PodSettings;

/// What spark-submit 4.3.0 sends for the same application, as `spark_submit.rs` records it.
const STOCK: &str = include_str!("../../../../tests/goldens/spark-submit/4.3.0.json");

fn job(spark: Value) -> SparkJob {
    let mut spec = json!({
        "sparkVersion": "4.3.0", "image": "spark:4", "mainApplicationFile": "local:///app.py",
        "arguments": ["10"], "executor": {"instances": 2},
    });
    for (key, value) in spark.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob",
        "metadata": {
            "namespace": "ns", "name": "my-job", "uid": "0f4f3c2e-9d4f-4b6e-8f0d-9b8a7c6d5e4f",
        },
        "spec": {"pool": "batch", "spark": spec},
    }))
    .unwrap()
}

/// The driver, the settings, and the template of executors.
fn made(spark: Value) -> (Value, BTreeMap<String, String>, Value) {
    let job = job(spark);
    let key = ExecutorKey {
        job: JobKey { namespace: "ns".into(), name: "my-job".into() },
        index: 0,
        epoch: 2,
    };
    let launch = Launch { key, node: Some("n1".into()), search: Search::default() };
    let settings = PodSettings {
        image_pull_policy: Some("IfNotPresent".to_owned()),
        node_lost_seconds: 30,
        ..PodSettings::default()
    };
    let application = job.spec.spark.as_ref().unwrap();
    let parts = parts(&launch, &job, application, 7, &settings).unwrap();
    let data = parts.settings.data.unwrap();
    let lines = data["spark.properties"].lines().map(|line| line.split_once('=').unwrap());
    let properties = lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let template = serde_json::from_str(&data["pod-spec-template.yml"]).unwrap();
    (serde_json::to_value(parts.driver).unwrap(), properties, template)
}

fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_driver_is_that_of_spark_submit_but_for_what_proffer_adds() {
    let stock: Value = serde_json::from_str(STOCK).unwrap();
    let (driver, properties, _) = made(json!({}));
    let labels = driver["metadata"]["labels"].as_object().unwrap();
    for (name, value) in stock["driver"]["metadata"]["labels"].as_object().unwrap() {
        let ours = &labels[name];
        let is_id = name == "spark-app-selector";
        assert!(is_id || ours == value, "{name}: {ours}");
    }
    let (ours, theirs) =
        (&driver["spec"]["containers"][0], &stock["driver"]["spec"]["containers"][0]);
    for field in ["name", "image", "imagePullPolicy", "ports"] {
        assert_eq!(ours[field], theirs[field], "{field}");
    }
    // The addresses come as arguments, as no names have to be found.
    let mut arguments: Vec<&str> =
        ours["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let added: Vec<&str> = arguments.drain(3..7).collect();
    assert_eq!(json!(arguments), theirs["args"]);
    assert_eq!(added[1], "spark.driver.host=$(SPARK_DRIVER_BIND_ADDRESS)");
    let mut variables = names(&ours["env"]);
    variables.retain(|name| *name != "SPARK_LOCAL_DIRS");
    assert_eq!(variables, names(&theirs["env"]));
    assert_eq!(ours["resources"]["limits"], theirs["resources"]["limits"]);
    assert_eq!(ours["resources"]["requests"]["memory"], theirs["resources"]["requests"]["memory"]);
    assert_eq!(ours["resources"]["requests"]["cpu"], "1000m");
    assert_eq!(theirs["resources"]["requests"]["cpu"], "1");
    for mount in theirs["volumeMounts"].as_array().unwrap() {
        let all = ours["volumeMounts"].as_array().unwrap();
        assert!(all.iter().any(|it| it["mountPath"] == mount["mountPath"]), "{mount}");
    }
    assert_eq!(driver["spec"]["restartPolicy"], stock["driver"]["spec"]["restartPolicy"]);
    // The address is an argument, overheads are said in MiB, and nobody waits.
    let elsewhere = [
        "spark.driver.host",
        "spark.kubernetes.memoryOverheadFactor",
        "spark.kubernetes.submission.waitAppCompletion",
        "spark.submit.pyFiles",
    ];
    let of_an_attempt = ["spark.app.id", "spark.kubernetes.driver.pod.name"];
    for line in stock["properties"].as_array().unwrap() {
        let (key, value) = line.as_str().unwrap().split_once('=').unwrap();
        if elsewhere.contains(&key) {
            continue;
        }
        let ours = properties.get(key).unwrap_or_else(|| panic!("{key} is missing"));
        let same = *ours == value.replace("\\:", ":");
        assert!(same || of_an_attempt.contains(&key), "{key}: {ours}, {value}");
    }
}

/// What the real Spark makes of these is recorded by `spark_submit.rs`, beside what it makes without Proffer.
#[test]
fn settings_and_template_are_those_whose_executors_are_recorded() {
    let (_, properties, template) = made(json!({}));
    let lines = properties.iter().map(|(key, value)| format!("{key}={value}\n"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/goldens/spark-submit/");
    for (name, text) in [
        ("proffer.properties", lines.collect::<String>()),
        ("proffer-template.json", serde_json::to_string_pretty(&template).unwrap() + "\n"),
    ] {
        let file = format!("{folder}{name}");
        if std::env::var_os("PROFFER_UPDATE_GOLDENS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "{name} is stale");
    }
}

#[test]
fn a_jar_from_a_config_map_is_handed_to_executors() {
    let (driver, properties, _) = made(json!({
        "mainApplicationFile": null, "mainClass": "Main", "deps": {"jars": ["s3a://b/more.jar"]},
        "mainApplicationConfigMap": {"name": "program", "key": "app.jar"},
    }));
    assert_eq!(
        properties["spark.jars"],
        "s3a://b/more.jar,file:///opt/proffer/application/app.jar"
    );
    assert_eq!(properties["spark.kubernetes.resource.type"], "java");
    let container = &driver["spec"]["containers"][0];
    let arguments = container["args"].as_array().unwrap();
    let end = ["--class", "Main", "file:///opt/proffer/application/app.jar", "10"];
    assert_eq!(arguments[arguments.len() - 4..], end.map(Value::from));
}

#[test]
fn pods_run_as_the_user_of_the_image_unless_the_template_says_otherwise() {
    let (driver, _, template) = made(json!({
        "executor": {"template": {"spec": {"securityContext": {"runAsUser": 1000}}}},
    }));
    assert_eq!(driver["spec"]["securityContext"]["runAsUser"], 185);
    assert_eq!(template["spec"]["securityContext"]["runAsUser"], 1000);
}

#[test]
fn executors_carry_the_gate_and_what_the_template_says() {
    let (_, properties, template) = made(json!({"executor": {
        "instances": 3, "memory": "2g", "coreRequest": "500m",
        "env": [{"name": "A", "value": "b"}],
        "template": {"spec": {"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "c"}]}},
    }}));
    assert_eq!(template["spec"]["schedulingGates"], json!([{"name": "proffer.dev/offer"}]));
    assert_eq!(template["metadata"]["labels"]["proffer.dev/pool"], "batch");
    assert_eq!(template["spec"]["nodeSelector"]["disk"], "ssd");
    assert_eq!(template["spec"]["containers"].as_array().unwrap().len(), 1);
    assert_eq!(properties["spark.executor.memoryOverhead"], "819m", "four tenths for Python");
    assert_eq!(properties["spark.kubernetes.executor.request.cores"], "500m");
    assert_eq!(properties["spark.executorEnv.A"], "b");
    assert_eq!(properties["spark.decommission.enabled"], "true");
    assert_eq!(properties["spark.kubernetes.allocation.maxPendingPods"], "7");
}

#[test]
fn executors_that_follow_the_work_are_bounded_by_the_pool() {
    let (_, properties, _) = made(json!({
        "executor": {}, "conf": {"spark.decommission.enabled": "false"},
        "dynamicAllocation": {"enabled": true, "minExecutors": 1, "maxExecutors": 50},
    }));
    assert_eq!(properties["spark.dynamicAllocation.maxExecutors"], "7");
    assert_eq!(properties["spark.dynamicAllocation.initialExecutors"], "1");
    assert_eq!(properties["spark.decommission.enabled"], "false", "users may say otherwise");
    assert_eq!(properties.get("spark.executor.instances"), None);
    // Spark refuses more at the start than at most.
    let (_, properties, _) = made(json!({
        "executor": {},
        "dynamicAllocation": {"enabled": true, "minExecutors": 9, "initialExecutors": 10},
    }));
    let number = |which: &str| &properties[&format!("spark.dynamicAllocation.{which}Executors")];
    assert_eq!([number("min"), number("initial"), number("max")], ["7", "7", "7"]);
    for (said, expected) in [("3", "3"), ("50", "7"), ("many", "7")] {
        let key = "spark.kubernetes.allocation.maxPendingPods";
        let (_, properties, _) = made(json!({"conf": {key: said}}));
        assert_eq!(properties[key], expected, "of {said}");
    }
}

#[test]
fn names_fit_and_differ_from_attempt_to_attempt() {
    let mut job = job(json!({}));
    job.metadata.name = Some("a".repeat(40));
    let (first, second) = (Attempt::new(&job, 0), Attempt::new(&job, 12));
    assert_ne!(first, second);
    for attempt in [first, second] {
        assert!(attempt.driver.len() <= 63 && attempt.prefix.len() <= 47, "{attempt:?}");
        assert_eq!(attempt.application.len(), "spark-".len() + 32);
    }
}

#[test]
fn settings_are_written_as_java_reads_them() {
    let written = ["a=b", " x", "C:\\tmp", "ä", "two\nlines"].map(|text| escaped(text, false));
    assert_eq!(written, ["a=b", "\\ x", "C:\\\\tmp", "\\u00e4", "two\\nlines"]);
    assert_eq!(escaped("a b:c", true), "a\\ b\\:c");
}
