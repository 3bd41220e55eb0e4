//! The pod of an executor: what the job's template says, and over it what Proffer decides.

use proffer_core::action::Launch;
use proffer_crds::SparkJob;
use proffer_crds::executor::SparkExecutorSpec;
use serde_json::{Map, Value, json};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::names::{
    EPOCH_LABEL, EXECUTOR_CONTAINER, INDEX_LABEL, JOB_LABEL, JOB_UID_LABEL, POOL_LABEL,
    executor_name,
};

/// Where the executor's program is in the container.
const PROGRAM_FOLDER: &str = "/proffer";
/// Where tasks find room for files; it goes with the pod.
const SCRATCH_FOLDER: &str = "/proffer-scratch";
/// The user that everything runs as unless the template says otherwise.
const USER: i64 = 65532;
/// How much longer than a task's grace period the pod's is, for the last report.
const LAST_WORDS_SECONDS: i64 = 10;

/// What of an executor's pod is the same for all jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PodSettings {
    /// The image with the executor's program.
    pub(crate) image: String,
    /// The image that tasks of jobs run in that name none.
    pub(crate) default_image: Option<String>,
    /// When images are pulled: `Always`, `IfNotPresent` or `Never`.
    pub(crate) image_pull_policy: Option<String>,
    /// The names of secrets for registries.
    pub(crate) image_pull_secrets: Vec<String>,
    /// The pods' `PriorityClass`.
    pub(crate) priority_class_name: Option<String>,
    /// The service account of pods whose template names none.
    pub(crate) service_account_name: Option<String>,
    /// How long a pod stays on a node that does not answer.
    pub(crate) node_lost_seconds: i64,
}

/// The pod of a new executor, or why the job's template is none.
pub(crate) fn executor_pod(
    launch: &Launch,
    job: &SparkJob,
    spec: &SparkExecutorSpec,
    settings: &PodSettings,
) -> Result<Pod, String> {
    let template = job.spec.executor.template.as_ref();
    let mut pod = Value::Object(template.map(|template| template.0.clone()).unwrap_or_default());
    let name = executor_name(&launch.key, &job.uid().unwrap_or_default());
    if pod.get("spec").is_some_and(|spec| !spec.is_object()) {
        return Err("spec.executor.template.spec is no object".to_owned());
    }
    merge(&mut pod, decided(launch, job, spec, &name));
    let pod = pod.as_object_mut().ok_or("spec.executor.template is no object")?;
    let pod_spec = object(pod, "spec")?;
    default(pod_spec, "enableServiceLinks", json!(false));
    if let Some(class) = &settings.priority_class_name {
        default(pod_spec, "priorityClassName", json!(class));
    }
    if let Some(account) = &settings.service_account_name {
        default(pod_spec, "serviceAccountName", json!(account));
    }
    let context = json!({
        "runAsNonRoot": true,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    defaults(pod_spec, "securityContext", context)?;
    let secrets = settings.image_pull_secrets.iter().map(|name| json!({"name": name}));
    list(pod_spec, "imagePullSecrets")?.extend(secrets);
    list(pod_spec, "volumes")?.extend([
        json!({"name": "proffer-program", "emptyDir": {}}),
        json!({"name": "proffer-scratch", "emptyDir": {}}),
    ]);
    list(pod_spec, "tolerations")?.extend(tolerations(job, settings)?);
    let selector = &job.spec.executor.node_selector;
    let selector = selector.iter().map(|(key, value)| (key.clone(), json!(value)));
    let searched = launch.search.selector.iter();
    let searched = searched.map(|(key, value)| (key.to_string(), json!(value)));
    let selector: Map<String, Value> = selector.chain(searched).collect();
    if !selector.is_empty() {
        merge(pod_spec.entry("nodeSelector").or_insert_with(|| json!({})), Value::Object(selector));
    }
    require(pod_spec, &node_fields(launch))?;
    let resources = resources(spec);
    list(pod_spec, "initContainers")?.insert(0, install(&resources, settings));
    add_executor(pod_spec, job, &name, &resources, settings)?;
    serde_json::from_value(Value::Object(std::mem::take(pod)))
        .map_err(|error| format!("spec.executor.template makes no pod: {error}"))
}

/// What an executor's pod is called and how it ends, whatever the template says.
fn decided(launch: &Launch, job: &SparkJob, spec: &SparkExecutorSpec, name: &str) -> Value {
    json!({
        "metadata": {
            "name": name,
            "namespace": &*launch.key.job.namespace,
            "labels": {
                "app.kubernetes.io/name": "proffer-executor",
                "app.kubernetes.io/component": "executor",
                "app.kubernetes.io/managed-by": "proffer",
                POOL_LABEL: spec.pool,
                JOB_LABEL: spec.job,
                JOB_UID_LABEL: job.uid().unwrap_or_default(),
                INDEX_LABEL: launch.key.index.to_string(),
                EPOCH_LABEL: launch.key.epoch.to_string(),
            },
            "ownerReferences": [owner(job)],
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds":
                job.spec.executor.termination_grace_period_seconds.saturating_add(LAST_WORDS_SECONDS),
        },
    })
}

/// The job as the owner of what is made for it.
pub(crate) fn owner(job: &SparkJob) -> Value {
    json!({
        "apiVersion": "proffer.dev/v1alpha1",
        "kind": "SparkJob",
        "name": job.name_any(),
        "uid": job.uid().unwrap_or_default(),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// What an accepted offer says of the fields of the pod's node: it is this one, or none of those.
pub(crate) fn node_fields(launch: &Launch) -> Vec<Value> {
    let field =
        |operator, node| json!({"key": "metadata.name", "operator": operator, "values": [node]});
    let pin = launch.node.iter().map(|node| field("In", node));
    let avoided = launch.search.avoids.iter().map(|node| field("NotIn", node));
    pin.chain(avoided).collect()
}

/// Requires something of the fields of the pod's node, by way of the scheduler: a term holds if all
/// that it says does, and one of the terms has to.
pub(crate) fn require(pod_spec: &mut Map<String, Value>, fields: &[Value]) -> Result<(), String> {
    if fields.is_empty() {
        return Ok(());
    }
    let affinity = object(pod_spec, "affinity")?;
    let affinity = object(affinity, "nodeAffinity")?;
    let required = object(affinity, "requiredDuringSchedulingIgnoredDuringExecution")?;
    let terms = list(required, "nodeSelectorTerms")?;
    if terms.is_empty() {
        terms.push(json!({}));
    }
    for term in terms {
        let term =
            term.as_object_mut().ok_or("a term of the template's node affinity is no object")?;
        list(term, "matchFields")?.extend_from_slice(fields);
    }
    Ok(())
}

fn tolerations(job: &SparkJob, settings: &PodSettings) -> Result<Vec<Value>, String> {
    let lost = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map(|key| {
        json!({
            "key": key,
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": settings.node_lost_seconds,
        })
    });
    let own = job.spec.executor.tolerations.iter().map(|toleration| {
        let mut value = serde_json::to_value(toleration).map_err(|error| error.to_string())?;
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|_, value| value.as_str() != Some(""));
        }
        Ok(value)
    });
    own.chain(lost.into_iter().map(Ok)).collect()
}

/// What the container asks for. Memory is also the limit, as a task may not take what others hold, and
/// so is what cannot be overcommitted; cpu is not, as what is free may be used.
fn resources(spec: &SparkExecutorSpec) -> Value {
    let all = spec.resources.iter().map(|(name, quantity)| (name.clone(), json!(quantity)));
    let requests: Map<String, Value> = all.collect();
    let mut limits = requests.clone();
    limits.remove("cpu");
    json!({"requests": requests, "limits": limits})
}

/// Copies the executor's program to where the container with the user's image finds it. It asks for no
/// more than that does, so the pod needs no more for it.
fn install(resources: &Value, settings: &PodSettings) -> Value {
    let mut resources = resources.clone();
    for amounts in ["requests", "limits"] {
        if let Some(amounts) = resources[amounts].as_object_mut() {
            amounts.retain(|name, _| name == "cpu" || name == "memory");
        }
    }
    let mut container = json!({
        "name": "install",
        "image": settings.image,
        "args": ["install", PROGRAM_FOLDER],
        "resources": resources,
        "securityContext": restricted(),
        "volumeMounts": [{"name": "proffer-program", "mountPath": PROGRAM_FOLDER}],
    });
    container["securityContext"]["readOnlyRootFilesystem"] = json!(true);
    if let Some(policy) = &settings.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    container
}

fn add_executor(
    pod_spec: &mut Map<String, Value>,
    job: &SparkJob,
    name: &str,
    resources: &Value,
    settings: &PodSettings,
) -> Result<(), String> {
    let containers = list(pod_spec, "containers")?;
    let place = containers.iter().position(|container| container["name"] == EXECUTOR_CONTAINER);
    let place = place.unwrap_or_else(|| {
        containers.insert(0, json!({"name": EXECUTOR_CONTAINER}));
        0
    });
    let container =
        containers[place].as_object_mut().ok_or("a container of the template is no object")?;
    if let Some(image) = &job.spec.executor.image {
        container.insert("image".to_owned(), json!(image));
    } else if let Some(image) = &settings.default_image {
        default(container, "image", json!(image));
    }
    if !container.contains_key("image") {
        return Err(
            "the job names no image: set spec.executor.image to one that has the programs of its \
                    tasks"
                .to_owned(),
        );
    }
    let command = format!("{PROGRAM_FOLDER}/proffer-executor");
    container.insert("command".to_owned(), json!([command, "run", "--kubernetes", name]));
    container.remove("args");
    // The template may set other limits, such as one of cpu.
    merge(container.entry("resources").or_insert_with(|| json!({})), resources.clone());
    defaults(container, "securityContext", restricted())?;
    list(container, "env")?.push(json!({"name": "TMPDIR", "value": SCRATCH_FOLDER}));
    list(container, "volumeMounts")?.extend([
        json!({"name": "proffer-program", "mountPath": PROGRAM_FOLDER, "readOnly": true}),
        json!({"name": "proffer-scratch", "mountPath": SCRATCH_FOLDER}),
    ]);
    Ok(())
}

/// What the Pod Security Standard *restricted* asks of a container.
pub(crate) fn restricted() -> Value {
    json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
}

/// Puts one object over another: objects are merged, everything else is replaced.
pub(crate) fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

pub(crate) fn default(object: &mut Map<String, Value>, key: &str, value: Value) {
    object.entry(key).or_insert(value);
}

/// Sets what an object in an object does not say itself.
pub(crate) fn defaults(
    parent: &mut Map<String, Value>,
    key: &str,
    values: Value,
) -> Result<(), String> {
    let target = object(parent, key)?;
    if let Value::Object(values) = values {
        for (key, value) in values {
            target.entry(key).or_insert(value);
        }
    }
    Ok(())
}

pub(crate) fn object<'a>(
    parent: &'a mut Map<String, Value>,
    key: &str,
) -> Result<&'a mut Map<String, Value>, String> {
    let value = parent.entry(key).or_insert_with(|| json!({}));
    value.as_object_mut().ok_or_else(|| format!("\"{key}\" in the pod template is no object"))
}

pub(crate) fn list<'a>(
    parent: &'a mut Map<String, Value>,
    key: &str,
) -> Result<&'a mut Vec<Value>, String> {
    let value = parent.entry(key).or_insert_with(|| json!([]));
    value.as_array_mut().ok_or_else(|| format!("\"{key}\" in the pod template is no list"))
}

#[cfg(test)]
mod tests;
