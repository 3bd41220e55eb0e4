//! What a Spark application consists of: the driver's pod, as Spark's cluster mode makes it, its settings,
//! and the template of its executors' pods, which carries the gate.
//!
//! Addresses are those of pods and of the API server's Service, so no names have to be found.

mod properties;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::ResourceExt;
use proffer_core::action::Launch;
use proffer_crds::SparkJob;
use proffer_crds::spark::SparkApplication;
use serde_json::{Map, Value, json};

use super::executor_pod::{
    PodSettings, default, defaults, list, merge, node_fields, object, owner, require, restricted,
};
use super::names::{
    DRIVER_ACCOUNT, DRIVER_CONTAINER, EPOCH_LABEL, JOB_LABEL, JOB_UID_LABEL, OFFER_GATE,
    POOL_LABEL, SPARK_APPLICATION_LABEL, SPARK_JOB_LABEL, SPARK_ROLE_LABEL, SPARK_VERSION_LABEL,
};
use crate::convert::spark::{PodSize, driver_account, driver_size};
use properties::properties;

/// Where Spark looks for its settings.
const CONF_FOLDER: &str = "/opt/spark/conf";
/// Where Spark's cluster mode has the template of executors' pods.
const TEMPLATE_FOLDER: &str = "/opt/spark/pod-template";
/// Where a program from a `ConfigMap` is.
const PROGRAM_FOLDER: &str = "/opt/proffer/application";
/// Where shuffle files and spilled data go.
const SCRATCH_FOLDER: &str = "/var/data/spark-local";
const HADOOP_FOLDER: &str = "/opt/hadoop/conf";
/// The user of Spark's images.
const SPARK_USER: u32 = 185;
/// How long an executor may take to hand on what it has.
const DECOMMISSION_SECONDS: u32 = 60;
/// The longest prefix of executors' names that Spark takes.
const PREFIX_LENGTH: usize = 47;

/// An attempt at running an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Spark's id.
    pub(crate) application: String,
    /// The name of the driver's pod.
    pub(crate) driver: String,
    /// What executors' names begin with.
    prefix: String,
}

impl Attempt {
    /// The attempt of the driver of this epoch.
    pub(crate) fn new(job: &SparkJob, epoch: u32) -> Self {
        let uid = job.uid().unwrap_or_default();
        let short: String = uid.chars().take(5).collect();
        let name = job.name_any();
        let plain: String = uid.chars().filter(char::is_ascii_alphanumeric).take(26).collect();
        let end = format!("-{short}-{epoch}");
        let start = name.get(..PREFIX_LENGTH.saturating_sub(end.len()).min(name.len()));
        Self {
            application: format!("spark-{plain}{epoch:06x}"),
            driver: format!("{name}-{short}-driver-{epoch}"),
            prefix: format!("{}{end}", start.unwrap_or(&name).trim_end_matches(['-', '.'])),
        }
    }
}

/// The name of the Service of an application's page.
pub(crate) fn ui_service_name(job: &str) -> String {
    format!("{job}-spark-ui")
}

/// What is made for an attempt: the settings, the Service of the page, and the driver.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// Settings and template.
    pub(crate) settings: ConfigMap,
    /// The page's Service.
    pub(crate) service: Service,
    /// The driver.
    pub(crate) driver: Pod,
}

/// What to make for an attempt whose driver goes to a node. `most_executors` is what the pool has room for.
pub(crate) fn parts(
    launch: &Launch,
    job: &SparkJob,
    spark: &SparkApplication,
    most_executors: u32,
    settings: &PodSettings,
) -> Result<Parts, String> {
    let attempt = Attempt::new(job, launch.key.epoch);
    let template = executor_template(job, spark, settings)?;
    let data = json!({
        "spark.properties": properties(job, spark, &attempt, most_executors),
        "pod-spec-template.yml": template.to_string(),
    });
    let labels = json!({
        "app.kubernetes.io/managed-by": "proffer",
        JOB_LABEL: job.name_any(),
    });
    let config = json!({
        "metadata": {
            "name": format!("{}-conf", attempt.driver),
            "namespace": &*launch.key.job.namespace,
            "labels": &labels,
            "ownerReferences": [owner(job)],
        },
        "data": data,
    });
    let service = json!({
        "metadata": {
            "name": ui_service_name(&job.name_any()),
            "namespace": &*launch.key.job.namespace,
            "labels": labels,
            "ownerReferences": [owner(job)],
        },
        "spec": {
            "selector": {JOB_LABEL: job.name_any(), SPARK_ROLE_LABEL: "driver"},
            "ports": [{"name": "spark-ui", "port": 4040, "targetPort": 4040}],
        },
    });
    let made = |error: serde_json::Error| format!("cannot make the driver: {error}");
    Ok(Parts {
        settings: serde_json::from_value(config).map_err(made)?,
        service: serde_json::from_value(service).map_err(made)?,
        driver: driver(launch, job, spark, &attempt, settings)?,
    })
}

fn driver(
    launch: &Launch,
    job: &SparkJob,
    spark: &SparkApplication,
    attempt: &Attempt,
    settings: &PodSettings,
) -> Result<Pod, String> {
    let template = spark.driver.template.as_ref();
    let mut pod = Value::Object(template.map(|template| template.0.clone()).unwrap_or_default());
    if pod.get("spec").is_some_and(|spec| !spec.is_object()) {
        return Err("spec.spark.driver.template.spec is no object".to_owned());
    }
    merge(&mut pod, decided(launch, job, spark, attempt));
    let pod = pod.as_object_mut().ok_or("spec.spark.driver.template is no object")?;
    let pod_spec = object(pod, "spec")?;
    common(pod_spec, settings)?;
    let Needs { volumes, mounts, env } = driver_needs(spark, attempt);
    list(pod_spec, "volumes")?.extend(volumes);
    let containers = list(pod_spec, "containers")?;
    let place = containers.iter().position(|container| container["name"] == DRIVER_CONTAINER);
    let place = place.unwrap_or_else(|| {
        containers.insert(0, json!({"name": DRIVER_CONTAINER}));
        0
    });
    let container =
        containers[place].as_object_mut().ok_or("a container of the template is no object")?;
    fill_driver(container, spark, settings)?;
    list(container, "env")?.extend(env);
    list(container, "volumeMounts")?.extend(mounts);
    require(pod_spec, &node_fields(launch))?;
    for (key, value) in &launch.search.selector {
        object(pod_spec, "nodeSelector")?.insert(key.to_string(), json!(value));
    }
    serde_json::from_value(Value::Object(std::mem::take(pod)))
        .map_err(|error| format!("spec.spark.driver.template makes no pod: {error}"))
}

/// What a driver's pod is called and how it runs, whatever the template says.
fn decided(launch: &Launch, job: &SparkJob, spark: &SparkApplication, attempt: &Attempt) -> Value {
    let account = driver_account(spark).unwrap_or(DRIVER_ACCOUNT);
    json!({
        "metadata": {
            "name": attempt.driver,
            "namespace": &*launch.key.job.namespace,
            "labels": {
                "app.kubernetes.io/name": "spark",
                "app.kubernetes.io/component": "driver",
                "app.kubernetes.io/managed-by": "proffer",
                SPARK_VERSION_LABEL: spark.spark_version,
                "spark-app-name": job.name_any(),
                SPARK_APPLICATION_LABEL: attempt.application,
                SPARK_ROLE_LABEL: "driver",
                POOL_LABEL: job.spec.pool,
                JOB_LABEL: job.name_any(),
                JOB_UID_LABEL: job.uid().unwrap_or_default(),
                EPOCH_LABEL: launch.key.epoch.to_string(),
            },
            "ownerReferences": [owner(job)],
        },
        "spec": {"restartPolicy": "Never", "serviceAccountName": account},
    })
}

/// What a driver's container needs beside its own settings.
struct Needs {
    volumes: Vec<Value>,
    mounts: Vec<Value>,
    env: Vec<Value>,
}

/// Settings, template, the program and Hadoop's settings as files, and what says where they are.
fn driver_needs(spark: &SparkApplication, attempt: &Attempt) -> Needs {
    let config = format!("{}-conf", attempt.driver);
    let item = |key: &str| json!({"name": config, "items": [{"key": key, "path": key}]});
    let mut volumes = vec![
        json!({"name": "spark-conf-volume-driver", "configMap": item("spark.properties")}),
        json!({"name": "pod-template-volume", "configMap": item("pod-spec-template.yml")}),
        json!({"name": "spark-local-dir-1", "emptyDir": {}}),
    ];
    let mut mounts = vec![
        json!({"name": "spark-conf-volume-driver", "mountPath": CONF_FOLDER}),
        json!({"name": "pod-template-volume", "mountPath": TEMPLATE_FOLDER}),
        json!({"name": "spark-local-dir-1", "mountPath": SCRATCH_FOLDER}),
    ];
    if let Some(program) = &spark.main_application_config_map {
        volumes.push(json!({"name": "proffer-application", "configMap": {"name": program.name}}));
        mounts.push(json!({"name": "proffer-application", "mountPath": PROGRAM_FOLDER}));
    }
    let mut env = vec![
        json!({"name": "SPARK_USER", "value": "spark"}),
        json!({"name": "SPARK_APPLICATION_ID", "value": attempt.application}),
        json!({"name": "SPARK_DRIVER_BIND_ADDRESS", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}),
        json!({"name": "SPARK_LOCAL_DIRS", "value": SCRATCH_FOLDER}),
        json!({"name": "SPARK_CONF_DIR", "value": CONF_FOLDER}),
    ];
    if let Some(name) = &spark.hadoop_config_map {
        volumes.push(json!({"name": "hadoop-conf", "configMap": {"name": name}}));
        mounts.push(json!({"name": "hadoop-conf", "mountPath": HADOOP_FOLDER}));
        env.push(json!({"name": "HADOOP_CONF_DIR", "value": HADOOP_FOLDER}));
    }
    env.extend(spark.driver.env.iter().map(|it| json!({"name": it.name, "value": it.value})));
    Needs { volumes, mounts, env }
}

/// What the driver's container runs and is given.
fn fill_driver(
    container: &mut Map<String, Value>,
    spark: &SparkApplication,
    settings: &PodSettings,
) -> Result<(), String> {
    container.insert("image".to_owned(), json!(spark.image));
    if let Some(policy) = &settings.image_pull_policy {
        default(container, "imagePullPolicy", json!(policy));
    }
    container.insert("args".to_owned(), json!(arguments(spark)));
    container.insert(
        "ports".to_owned(),
        json!([
            {"name": "driver-rpc-port", "containerPort": 7078, "protocol": "TCP"},
            {"name": "blockmanager", "containerPort": 7079, "protocol": "TCP"},
            {"name": "spark-ui", "containerPort": 4040, "protocol": "TCP"},
            {"name": "spark-connect", "containerPort": 15002, "protocol": "TCP"},
        ]),
    );
    // The end of its log goes into its status when it fails.
    container.insert("terminationMessagePolicy".to_owned(), json!("FallbackToLogsOnError"));
    let size = resources(&driver_size(spark));
    merge(container.entry("resources").or_insert_with(|| json!({})), size);
    defaults(container, "securityContext", restricted())
}

/// Where the program is. Executors do not have the file of a `ConfigMap`: the driver hands them a jar of its own.
fn program(spark: &SparkApplication) -> String {
    match &spark.main_application_config_map {
        Some(program) => {
            let scheme = if spark.is_script() { "local" } else { "file" };
            format!("{scheme}://{PROGRAM_FOLDER}/{}", program.key)
        }
        None => spark.main_application_file.clone().unwrap_or_default(),
    }
}

/// What the entry point of Spark's images is started with. Kubernetes puts the addresses in.
fn arguments(spark: &SparkApplication) -> Vec<String> {
    let class = match &spark.main_class {
        Some(class) => class.as_str(),
        None if spark.is_python() => "org.apache.spark.deploy.PythonRunner",
        None => "org.apache.spark.deploy.RRunner",
    };
    let program = program(spark);
    let properties = format!("{CONF_FOLDER}/spark.properties");
    let fixed = [
        "driver",
        "--properties-file",
        &properties,
        "--conf",
        "spark.driver.host=$(SPARK_DRIVER_BIND_ADDRESS)",
        "--conf",
        "spark.kubernetes.driver.master=https://$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)",
        "--class",
        class,
        &program,
    ];
    // Kubernetes takes `$$` for a dollar sign.
    let own = spark.arguments.iter().map(|argument| argument.replace('$', "$$"));
    fixed.map(str::to_owned).into_iter().chain(own).collect()
}

/// What all pods of an application have.
fn common(pod_spec: &mut Map<String, Value>, settings: &PodSettings) -> Result<(), String> {
    default(pod_spec, "enableServiceLinks", json!(false));
    if let Some(class) = &settings.priority_class_name {
        default(pod_spec, "priorityClassName", json!(class));
    }
    // The user that Spark's images have for this. Some of them name it otherwise than by its number, or
    // begin as root, and neither may run.
    let context = json!({
        "runAsNonRoot": true,
        "runAsUser": SPARK_USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    defaults(pod_spec, "securityContext", context)?;
    let secrets = settings.image_pull_secrets.iter().map(|name| json!({"name": name}));
    let secrets: Vec<Value> = secrets.collect();
    if !secrets.is_empty() {
        list(pod_spec, "imagePullSecrets")?.extend(secrets);
    }
    list(pod_spec, "tolerations")?.extend(
        ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map(|key| {
            json!({
                "key": key, "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": settings.node_lost_seconds,
            })
        }),
    );
    Ok(())
}

fn resources(size: &PodSize) -> Value {
    let memory = format!("{}Mi", size.memory() >> 20);
    json!({
        "requests": {"cpu": format!("{}m", size.cpu), "memory": memory},
        "limits": {"memory": memory},
    })
}

/// The template of executors' pods: Spark adds what it needs, and leaves gate and labels as they are.
fn executor_template(
    job: &SparkJob,
    spark: &SparkApplication,
    settings: &PodSettings,
) -> Result<Value, String> {
    let template = spark.executor.template.as_ref();
    let mut pod = Value::Object(template.map(|template| template.0.clone()).unwrap_or_default());
    if pod.get("spec").is_some_and(|spec| !spec.is_object()) {
        return Err("spec.spark.executor.template.spec is no object".to_owned());
    }
    merge(
        &mut pod,
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"labels": {
                "app.kubernetes.io/name": "spark",
                "app.kubernetes.io/component": "executor",
                "app.kubernetes.io/managed-by": "proffer",
                POOL_LABEL: job.spec.pool,
                SPARK_JOB_LABEL: job.name_any(),
            }},
            "spec": {"terminationGracePeriodSeconds": DECOMMISSION_SECONDS},
        }),
    );
    let fields = pod.as_object_mut().ok_or("spec.spark.executor.template is no object")?;
    let pod_spec = object(fields, "spec")?;
    list(pod_spec, "schedulingGates")?.push(json!({"name": OFFER_GATE}));
    common(pod_spec, settings)?;
    let hadoop = spark.hadoop_config_map.as_ref();
    if let Some(name) = hadoop {
        list(pod_spec, "volumes")?
            .push(json!({"name": "hadoop-conf", "configMap": {"name": name}}));
    }
    let containers = list(pod_spec, "containers")?;
    if containers.is_empty() {
        containers.push(json!({"name": "spark-kubernetes-executor"}));
    }
    let container =
        containers[0].as_object_mut().ok_or("a container of the template is no object")?;
    defaults(container, "securityContext", restricted())?;
    container.insert("terminationMessagePolicy".to_owned(), json!("FallbackToLogsOnError"));
    if hadoop.is_some() {
        list(container, "volumeMounts")?
            .push(json!({"name": "hadoop-conf", "mountPath": HADOOP_FOLDER}));
        list(container, "env")?.push(json!({"name": "HADOOP_CONF_DIR", "value": HADOOP_FOLDER}));
    }
    Ok(pod)
}

#[cfg(test)]
mod tests;
