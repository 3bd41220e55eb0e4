use std::collections::BTreeSet;

use kube::core::cel::{ErrorKind, ValidationError, ValidationErrors, Validator};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::Quantity;

fn schema(file: &str) -> Value {
    let definition = crate::definitions().into_iter().find(|(name, _)| *name == file);
    let version = definition.unwrap().1.spec.versions.remove(0);
    serde_json::to_value(version.schema.unwrap().open_api_v3_schema.unwrap()).unwrap()
}

fn broken(file: &str, object: &Value, old: Option<&Value>) -> Vec<ValidationError> {
    let result = Validator::new().validate(&schema(file), object, old);
    result.map_err(ValidationErrors::into_vec).err().unwrap_or_default()
}

/// A job that obeys every rule, with one field changed: a pointer and its value.
fn job(changes: &[(&str, Value)]) -> Value {
    let mut job = json!({
        "apiVersion": "proffer.dev/v1alpha1",
        "kind": "SparkJob",
        "metadata": { "name": "sums" },
        "spec": {
            "workURI": "s3://bucket/path",
            "executor": { "cores": 1, "cpu": "500m", "memory": "2Gi", "resources": { "nvidia.com/gpu": 1 } },
            "stages": [
                { "name": "count", "command": ["wc"], "partitions": 2, "input": { "text": "a" } },
                { "name": "merge", "tasks": [{ "name": "all", "command": ["cat"] }] },
            ],
        },
    });
    set(&mut job, changes);
    job
}

fn pool(changes: &[(&str, Value)]) -> Value {
    let mut pool = json!({
        "apiVersion": "proffer.dev/v1alpha1",
        "kind": "ResourcePool",
        "metadata": { "name": "analytics.dev" },
        "spec": { "weight": "0.5", "guarantee": { "cpu": 4 }, "limit": { "memory": "64Gi" } },
    });
    set(&mut pool, changes);
    pool
}

fn set(object: &mut Value, changes: &[(&str, Value)]) {
    for (pointer, value) in changes {
        if let Some(there) = object.pointer_mut(pointer) {
            *there = value.clone();
        } else {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            object.pointer_mut(parent).unwrap()[field] = value.clone();
        }
    }
}

/// What each rule refuses: the change, the field that is blamed and the message.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn refusals() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let memory = "/spec/executor/memory";
    let one_input = "an input has exactly one of text, uri and stage";
    let one_command = "a stage has either tasks, each with a name and a command, or one command \
                       for all partitions";
    let no_partitions =
        "partitions goes with command; a stage with tasks has one partition per task";
    let executor = "/spec/executor";
    let either = "there are either so many instances, or between minInstances and maxInstances";
    let uri = "workURI is a URI such as file:///mnt/work or s3://bucket/path";
    vec![
        (
            "/metadata/name",
            json!("a".repeat(41)),
            "",
            "a job's name has at most 40 characters, so that the names of its executors fit",
        ),
        ("/spec/workURI", json!("bucket/path"), "spec.workURI", uri),
        (
            "/spec/pool",
            json!("No Pool"),
            "spec.pool",
            "pool is the name of a ResourcePool: lowercase letters, digits, '-' and '.'",
        ),
        (
            "/spec/stages/0/slots",
            json!(2),
            "spec",
            "no task takes more slots than an executor has, which is executor.cores",
        ),
        ("/spec/workURI", json!("S3://bucket"), "spec.workURI", uri),
        ("/spec/executor/cpu", json!("999u"), "spec.executor.cpu", "cpu is between 1m and 1M"),
        ("/spec/executor/cpu", json!(1_000_001), "spec.executor.cpu", "cpu is between 1m and 1M"),
        ("/spec/executor/cpu", json!(-1), "spec.executor.cpu", "cpu is between 1m and 1M"),
        (
            memory,
            json!("512m"),
            "spec.executor.memory",
            "512m is thousandths of a byte; did you mean 512Mi?",
        ),
        (memory, json!("1023Ki"), "spec.executor.memory", "memory is between 1Mi and 1Pi"),
        (memory, json!(4096), "spec.executor.memory", "memory is between 1Mi and 1Pi"),
        (memory, json!("2Pi"), "spec.executor.memory", "memory is between 1Mi and 1Pi"),
        (
            "/spec/executor/resources",
            json!({ "cpu": 1 }),
            "spec.executor.resources",
            "cpu and memory have fields of their own",
        ),
        (
            "/spec/executor/resources",
            json!({ "memory": 1 }),
            "spec.executor.resources",
            "cpu and memory have fields of their own",
        ),
        (
            "/spec/executor/resources",
            json!({ "a/b": 1, "a/c": "-1m" }),
            "spec.executor.resources",
            "no value of resources is negative",
        ),
        (executor, json!({ "instances": 2, "maxInstances": 2 }), "spec.executor", either),
        (
            executor,
            json!({ "minInstances": 1 }),
            "spec.executor",
            "minInstances goes with maxInstances",
        ),
        (
            executor,
            json!({ "minInstances": 3, "maxInstances": 2 }),
            "spec.executor",
            "minInstances is at most maxInstances",
        ),
        (
            "/spec/speculation",
            json!({ "quantile": "1.1" }),
            "spec.speculation.quantile",
            "quantile is between 0 and 1",
        ),
        (
            "/spec/speculation",
            json!({ "multiplier": "0.5" }),
            "spec.speculation.multiplier",
            "multiplier is between 1 and 1000",
        ),
        (
            "/spec/speculation",
            json!({ "minTaskRuntimeSeconds": -1 }),
            "spec.speculation.minTaskRuntimeSeconds",
            "minTaskRuntimeSeconds is between 0 and 1000000",
        ),
        (
            "/spec/executor/tolerations",
            json!([{ "value": "x" }]),
            "spec.executor.tolerations[0]",
            "a toleration without a key is for all taints, and its operator is Exists",
        ),
        (
            "/spec/executor/tolerations",
            json!([{ "key": "a", "operator": "Exists", "value": "x" }]),
            "spec.executor.tolerations[0]",
            "value goes with the operator Equal",
        ),
        (
            "/spec/executor/tolerations",
            json!([{ "key": "a", "effect": "NoSchedule", "tolerationSeconds": 1 }]),
            "spec.executor.tolerations[0]",
            "tolerationSeconds goes with the effect NoExecute",
        ),
        ("/spec/stages/0", json!({ "name": "a" }), "spec.stages[0]", one_command),
        ("/spec/stages/1/command", json!(["cat"]), "spec.stages[1]", one_command),
        ("/spec/stages/1/partitions", json!(3), "spec.stages[1]", no_partitions),
        ("/spec/stages/0/input", json!({}), "spec.stages[0].input", one_input),
        (
            "/spec/stages/0/input",
            json!({ "text": "a", "uri": "b" }),
            "spec.stages[0].input",
            one_input,
        ),
        (
            "/spec/stages/0/input",
            json!({ "text": "a", "uri": "b", "stage": "c" }),
            "spec.stages[0].input",
            one_input,
        ),
    ]
}

fn pool_refusals() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    vec![
        ("/spec/weight", json!("-1m"), "spec.weight", "weight is between 0 and 1000000"),
        ("/spec/weight", json!(1_000_001), "spec.weight", "weight is between 0 and 1000000"),
        (
            "/spec/guarantee/memory",
            json!("-1Gi"),
            "spec.guarantee",
            "no value of guarantee is negative",
        ),
        ("/spec/limit/memory", json!(-1), "spec.limit", "no value of limit is negative"),
        (
            "/spec/limit/cpu",
            json!("3999m"),
            "spec",
            "no guarantee is above the limit for the same resource",
        ),
        (
            "/spec/reservations",
            json!([{ "resources": { "cpu": -1 } }]),
            "spec.reservations[0].resources",
            "no value of resources is negative",
        ),
        (
            "/spec/elastic",
            json!({ "upTo": { "cpu": -1 } }),
            "spec.elastic.upTo",
            "no value of upTo is negative",
        ),
    ]
}

fn check(file: &str, object: &Value, field: &str, message: &str) -> String {
    let errors = broken(file, object, None);
    let found: Vec<_> = errors
        .iter()
        .map(|error| (error.kind.clone(), error.field_path.as_str(), error.message.as_str()))
        .collect();
    assert_eq!(found, [(ErrorKind::ValidationFailure, field, message)], "{object}");
    errors[0].rule.clone()
}

/// All rules of a schema that look at one version of an object only.
fn rules(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            for validation in fields
                .get("x-kubernetes-validations")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let rule = validation["rule"].as_str().unwrap();
                if !rule.contains("oldSelf") {
                    found.insert(rule.to_owned());
                }
            }
            fields.values().for_each(|value| rules(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| rules(item, found)),
        _ => {}
    }
}

/// A Spark application that obeys every rule, with one field changed.
fn application(pointer: &str, value: Value) -> Value {
    let spark = json!({
        "sparkVersion": "4.3.0",
        "image": "apache/spark:4.3.0",
        "mainApplicationFile": "local:///opt/spark/work/app.py",
        "driver": { "coreRequest": "500m", "memory": "512m" },
        "executor": { "coreRequest": "1.5", "memory": "4g" },
        "dynamicAllocation": { "enabled": true, "minExecutors": 1, "maxExecutors": 4 },
    });
    let spec = json!({ "executor": { "memory": "1Gi" }, "spark": spark });
    let mut job = json!({ "metadata": { "name": "application" }, "spec": spec });
    set(&mut job, &[(pointer, value)]);
    job
}

/// The same for what is only said of Spark applications, from `spec.spark` on.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn spark_refusals() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let memory = "memory is an amount in the JVM's words, such as 512m or 4g";
    let map = json!({ "name": "app", "key": "app.py" });
    vec![
        (
            "/mainApplicationConfigMap",
            map,
            "",
            "a Spark application has either mainApplicationFile or mainApplicationConfigMap",
        ),
        (
            "/mainApplicationFile",
            json!("s3a://bucket/app.jar"),
            "",
            "mainClass says which class of a jar has the main method; a Python or R file has none",
        ),
        (
            "/executor/instances",
            json!(2),
            "",
            "with dynamicAllocation the number of executors is initialExecutors, minExecutors and \
             maxExecutors, not executor.instances",
        ),
        (
            "/driver/coreRequest",
            json!("half"),
            ".driver.coreRequest",
            "coreRequest is an amount of cpu, such as 500m, 1 or 1.5",
        ),
        ("/driver/memory", json!("512Mi"), ".driver.memory", memory),
        ("/driver/memory", json!("1023k"), ".driver.memory", "memory is between 1m and 1024t"),
        (
            "/executor/memoryOverhead",
            json!("1025tb"),
            ".executor.memoryOverhead",
            "memoryOverhead is between 1m and 1024t",
        ),
        (
            "/dynamicAllocation/minExecutors",
            json!(5),
            ".dynamicAllocation",
            "minExecutors is at most maxExecutors",
        ),
        (
            "/mainApplicationFile",
            json!("app.py"),
            ".mainApplicationFile",
            "mainApplicationFile is a URI such as local:///opt/spark/work/app.py or \
             s3a://bucket/app.jar",
        ),
        (
            "/sparkVersion",
            json!("2.4.8"),
            ".sparkVersion",
            "sparkVersion is between 3.5 and 4.3, such as 3.5.9 or 4.3.0",
        ),
        (
            "/dynamicAllocation/initialExecutors",
            json!(5),
            ".dynamicAllocation",
            "initialExecutors is at most maxExecutors",
        ),
        (
            "/conf",
            json!({ "spark.task.cpus": "2" }),
            "",
            "spark.task.cpus is at most executor.cores, or no executor could run a task",
        ),
        (
            "/conf",
            json!({ "spark.sql.shuffle.partitions": "2", "spark.master": "local" }),
            ".conf",
            "spark.master is decided by Proffer; leave it out of conf",
        ),
        (
            "/conf",
            json!({ "spark.executor.memory": "1g" }),
            ".conf",
            "spark.executor.memory has a field of its own: spec.spark.executor.memory",
        ),
        (
            "/conf",
            json!({ "spark.driver.memoryOverhead": "512m", "spark.executor.memoryOverhead": "much" }),
            ".conf",
            "spark.executor.memoryOverhead is an amount of memory, such as 512m or 4g",
        ),
        (
            "/conf",
            json!({ "spark.memory.offHeap.size": "1073741824", "spark.executor.memoryOverhead": "1073741825" }),
            ".conf",
            "spark.executor.memoryOverhead is at most 1024t",
        ),
        (
            "/conf",
            json!({ "spark.executor.extraJavaOptions": "-XX:+UseG1GC -Xmx4g" }),
            ".conf",
            "extraJavaOptions cannot set -Xmx: driver.memory and executor.memory are the heaps",
        ),
        (
            "/conf",
            json!({ "spark.shuffle.service.enabled": "true" }),
            ".conf",
            "spark.shuffle.service.enabled needs a shuffle service on each node, which Kubernetes \
             does not have; executors hand their shuffle files on",
        ),
    ]
}

#[test]
fn every_rule_refuses_what_it_is_there_for() {
    let mut tried = BTreeSet::new();
    for (pointer, value, field, message) in spark_refusals() {
        let job = application(&format!("/spec/spark{pointer}"), value);
        tried.insert(check("sparkjobs.yaml", &job, &format!("spec.spark{field}"), message));
    }
    let both = application("/spec/stages", json!([{ "name": "s", "command": ["true"] }]));
    let message = "a job has exactly one of stages, run by Proffer's executors, spark, an application \
                   of Apache Spark, and mesos, a framework that subscribed";
    tried.insert(check("sparkjobs.yaml", &both, "spec", message));
    for (pointer, value, field, message) in refusals() {
        tried.insert(check("sparkjobs.yaml", &job(&[(pointer, value)]), field, message));
    }
    let mut no_place = job(&[("/spec/stages/0/output", json!({}))]);
    assert!(broken("sparkjobs.yaml", &no_place, None).is_empty());
    no_place["spec"].as_object_mut().unwrap().remove("workURI");
    let message = "a stage with output needs workURI, the place where the job's data lives";
    tried.insert(check("sparkjobs.yaml", &no_place, "spec", message));
    for (pointer, value, field, message) in pool_refusals() {
        tried.insert(check("resourcepools.yaml", &pool(&[(pointer, value)]), field, message));
    }
    let mut all = BTreeSet::new();
    for (file, _) in crate::definitions() {
        rules(&schema(file), &mut all);
    }
    assert_eq!(tried, all, "each rule needs a case above");
}

#[test]
fn a_right_application_is_accepted() {
    let conf = |setting: &str, value: &str| ("/conf", json!({ setting: value }));
    for (pointer, value) in [
        ("/arguments", json!(["10"])),
        ("/driver/memory", json!("1024k")),
        ("/driver/memory", json!("1M")),
        ("/driver/memory", json!("1024TB")),
        ("/executor/memoryOverhead", json!("1048576g")),
        conf("spark.driver.memoryOverhead", "1073741824"),
        conf("spark.memory.offHeap.size", "1125899906842624"),
        conf("spark.memory.offHeap.size", "0"),
        conf("spark.executor.pyspark.memory", "1024tb"),
    ] {
        let right = application(&format!("/spec/spark{pointer}"), value);
        assert_eq!(broken("sparkjobs.yaml", &right, None), [], "{right}");
    }
}

#[test]
fn absurd_amounts_of_memory_are_refused() {
    let absurd = "9223372036854775807m";
    for (pointer, value) in [
        ("/driver/memory", json!(absurd)),
        ("/executor/memory", json!(absurd)),
        ("/conf", json!({ "spark.driver.memoryOverhead": absurd })),
    ] {
        let job = application(&format!("/spec/spark{pointer}"), value);
        assert!(!broken("sparkjobs.yaml", &job, None).is_empty(), "{job}");
    }
}

#[test]
fn what_is_right_is_accepted() {
    let jobs = [
        job(&[]),
        job(&[("/metadata/name", json!("a".repeat(40)))]),
        job(&[("/spec/workURI", json!("file:///mnt/work"))]),
        job(&[("/spec/executor/cpu", json!("1m"))]),
        job(&[("/spec/executor/cpu", json!("1M"))]),
        job(&[("/spec/executor/memory", json!("1Mi"))]),
        job(&[("/spec/executor/memory", json!(1 << 30))]),
        job(&[("/spec/executor/memory", json!("1Pi"))]),
        job(&[("/spec/executor/resources", json!({ "a/b": 0, "cpus": 1 }))]),
        job(&[("/spec/stages/0/input", json!({ "uri": "*.txt" }))]),
        job(&[("/spec/executor", json!({ "maxInstances": 4 }))]),
        job(&[("/spec/executor", json!({ "minInstances": 4, "maxInstances": 4, "gang": {} }))]),
        job(&[("/spec/speculation", json!({}))]),
        job(&[("/spec/speculation", json!({ "quantile": "0.5", "multiplier": "1.5" }))]),
        job(&[("/spec/stages/1/input", json!({ "stage": "count" }))]),
    ];
    for job in jobs {
        assert_eq!(broken("sparkjobs.yaml", &job, None), [], "{job}");
    }
    for weight in [json!(0), json!("0"), json!(1_000_000), json!("1M"), json!("1.5")] {
        let pool = pool(&[("/spec/weight", weight)]);
        assert_eq!(broken("resourcepools.yaml", &pool, None), [], "{pool}");
    }
}

#[test]
fn a_job_stays_in_its_pool() {
    let errors = broken("sparkjobs.yaml", &job(&[("/spec/pool", json!("b"))]), Some(&job(&[])));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].message, "a job cannot move to another pool");
    // Unset and the default are the same.
    let same = broken("sparkjobs.yaml", &job(&[("/spec/pool", json!("default"))]), Some(&job(&[])));
    assert_eq!(same, []);
}

#[test]
fn a_job_stays_of_its_kind() {
    let (stages, spark) = (job(&[]), application("/spec/spark/arguments", json!(["10"])));
    let mut mesos = stages.clone();
    mesos["spec"].as_object_mut().unwrap().remove("stages");
    mesos["spec"]["mesos"] = json!({ "frameworkID": "f-1" });
    let messages = |old: &Value, new: &Value| -> Vec<String> {
        let errors = broken("sparkjobs.yaml", new, Some(old));
        errors.into_iter().map(|error| error.message).collect()
    };
    for old in [&stages, &spark, &mesos] {
        for new in [&stages, &spark, &mesos] {
            let message = "a job cannot become one of another kind".to_owned();
            assert_eq!(messages(old, new).contains(&message), old != new, "{old} to {new}");
        }
    }
}

proptest! {
    /// A quantity that the types read is one that the rules can evaluate, unless it is so large that
    /// the client's CEL overflows: then it is refused all the same.
    #[test]
    fn rules_read_the_quantities_that_the_types_read(
        text in "[+-]?([0-9]{1,6}([.][0-9]{0,6})?|[.][0-9]{1,6})([KMGT]i|[numkMGT]|[eE][+-]?[0-9])?"
    ) {
        prop_assert!(text.parse::<Quantity>().is_ok());
        let pool = pool(&[("/spec/weight", json!(text))]);
        for error in broken("resourcepools.yaml", &pool, None) {
            prop_assert_eq!(error.kind, ErrorKind::ValidationFailure, "{}: {}", text, error.message);
        }
    }

    /// The rules compare quantities as the types do.
    #[test]
    fn rules_compare_as_the_types_do(
        text in "-?[0-9]{1,9}([.][0-9]{0,3})?([KMG]i|[numkMG]|[eE][+-]?[0-9])?"
    ) {
        let weight: Quantity = text.parse().unwrap();
        let accepted = broken("resourcepools.yaml", &pool(&[("/spec/weight", json!(text))]), None).is_empty();
        let most = Quantity::from_milli(1_000_000_000);
        prop_assert_eq!(accepted, !weight.is_negative() && weight <= most, "{}", weight);
    }
}
