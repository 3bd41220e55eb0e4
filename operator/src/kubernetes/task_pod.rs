//! The pod of a task of a Mesos framework: what is made, and what is read from it.
//!
//! | Mesos | pod |
//! |---|---|
//! | `CommandInfo` | command, arguments and environment of the container `task` |
//! | its `uris` | an init container of the same image that fetches them into the sandbox |
//! | the sandbox | an empty volume at `/mnt/mesos/sandbox`; output goes to the pod's log |
//! | image of Docker or Mesos | the container's image; else the one that is configured |
//! | `resources`, `limits` | requests and limits; ports are ports of the pod, or of the node |
//! | `kill_policy`, `max_completion_time` | the pod's grace period and deadline |
//!
//! What has no place here is refused by its name.

mod container;
mod privileges;
mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use proffer_core::time::Span;
use proffer_crds::SparkJob;
use proffer_mesos::to_json;
use proffer_mesos::types::{
    CommandInfo, ContainerInfo, ContainerInfoDockerInfoNetwork as Network, ContainerInfoType,
    TaskInfo,
};
use serde_json::{Value, json};

use super::executor_pod::{PodSettings, owner, require};
use super::names::{
    CHECKPOINT_ANNOTATION, JOB_LABEL, JOB_UID_LABEL, PLACED_ANNOTATION, POOL_LABEL,
    TASK_ANNOTATION, TASK_LABEL,
};
use crate::configuration::Privileges;
use crate::master::{DEFAULT_GRACE, Run, grace_period};
use container::{fetchers, main_container, mapped, refuse, resources, scratch};
pub(crate) use privileges::Rights;
pub(crate) use read::{TaskFacts, task_facts};

/// Where the sandbox is in the container, as with Docker containers of Mesos.
const SANDBOX: &str = "/mnt/mesos/sandbox";

/// Where the program that fetches files is.
const PROGRAM_FOLDER: &str = "/proffer";

/// Where it is by what executors check the certificate of their agent.
const TRUSTED_FOLDER: &str = "/proffer-trusted";

/// What stands in the Secret of an executor under which key.
const TOKEN_KEY: &str = "token";
pub(super) const AUTHORITY_KEY: &str = "ca.crt";

/// How much of what is known of a task its pod keeps.
const MOST_ANNOTATION_BYTES: usize = 64 << 10;

/// What pods of tasks have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskSettings {
    /// The image of tasks that name none.
    pub(crate) default_image: Option<String>,
    /// The user that tasks run as, unless theirs is a number; the image's own if there is none.
    pub(crate) user: Option<i64>,
    /// Whether ports are ports of the node.
    pub(crate) host_ports: bool,
    /// Whose tasks may do what reaches beyond their pods.
    pub(crate) privileges: Privileges,
    /// Where executors find their agent: host and port.
    pub(crate) agent: String,
    /// Whether they speak TLS with it.
    pub(crate) is_encrypted: bool,
    /// By what they check its certificate, if it is not known to everybody.
    pub(crate) authority: Option<Authority>,
}

/// By what executors check the certificate of their agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// The file, which may change.
    pub(crate) file: PathBuf,
    /// What it had at first, in PEM.
    pub(crate) text: String,
}

/// Where a task goes and who pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The pod's name.
    pub(crate) name: &'a str,
    /// The node.
    pub(crate) node: &'a str,
    /// The pool.
    pub(crate) pool: &'a str,
    /// What is stored with an executor of a framework's own.
    pub(crate) checkpoint: Option<&'a str>,
    /// What the task may do.
    pub(crate) rights: Rights<'a>,
}

/// The pod of a task, or why there can be none.
pub(crate) fn task_pod(
    run: &Run,
    place: Place<'_>,
    job: &SparkJob,
    pods: &PodSettings,
    settings: &TaskSettings,
) -> Result<Pod, String> {
    let task = &run.task;
    let spec = pod_spec(run, place, pods, settings)?;
    let mut pod = json!({
        "metadata": {
            "name": place.name,
            "namespace": job.namespace(),
            "labels": {
                "app.kubernetes.io/name": "mesos-task",
                "app.kubernetes.io/component": "task",
                "app.kubernetes.io/managed-by": "proffer",
                POOL_LABEL: place.pool,
                JOB_LABEL: job.name_any(),
                JOB_UID_LABEL: job.uid(),
                TASK_LABEL: label_value(&run.key.task),
            },
            "annotations": {
                PLACED_ANNOTATION: place.node,
                TASK_ANNOTATION: kept(task)?,
            },
            "ownerReferences": [owner(job)],
        },
        "spec": spec,
    });
    if let Some(checkpoint) = place.checkpoint {
        pod["metadata"]["annotations"][CHECKPOINT_ANNOTATION] = json!(checkpoint);
    }
    serde_json::from_value(pod).map_err(|error| format!("the task makes no pod: {error}"))
}

/// What runs in the pod of a task, with what, and where.
fn pod_spec(
    run: &Run,
    place: Place<'_>,
    pods: &PodSettings,
    settings: &TaskSettings,
) -> Result<Value, String> {
    let task = &run.task;
    let no_command = CommandInfo::default();
    let command = task.command.as_ref().unwrap_or(&no_command);
    // Without a container of Docker's, what is run is what the command says.
    let no_container =
        ContainerInfo { r#type: ContainerInfoType::Mesos.into(), ..ContainerInfo::default() };
    let container = task.container.as_ref().unwrap_or(&no_container);
    refuse(container)?;
    let resources = resources(task)?;
    let mut volumes = vec![json!({"name": "sandbox", "emptyDir": scratch(task)})];
    let mut mounts = vec![json!({"name": "sandbox", "mountPath": SANDBOX})];
    for (index, volume) in container.volumes.iter().enumerate() {
        let (made, mount) = mapped(volume, index)?;
        volumes.extend(made);
        mounts.push(mount);
    }
    let mut main = main_container(run, place, (command, container), pods, settings)?;
    if let Some((volume, mount)) = trusted(run, place, settings) {
        volumes.push(volume);
        mounts.push(mount);
    }
    (main["resources"], main["volumeMounts"]) = (resources, json!(mounts));
    let mut inits = Vec::new();
    if !command.uris.is_empty() {
        volumes.push(json!({"name": "program", "emptyDir": {}}));
        inits = fetchers(command, &main, pods);
    }
    let mut spec = common(task, pods);
    (spec["initContainers"], spec["containers"]) = (json!(inits), json!([main]));
    spec["volumes"] = json!(volumes);
    set_user(&mut spec["securityContext"], user(command, place)?, place, settings);
    if let Some(hostname) = &container.hostname {
        spec["hostname"] = json!(hostname);
    }
    let docker = container.docker.as_ref();
    if docker.and_then(|docker| docker.network) == Some(Network::Host.into()) {
        place.rights.host_network()?;
        spec["hostNetwork"] = json!(true);
        spec["dnsPolicy"] = json!("ClusterFirstWithHostNet");
    }
    let pin = json!({"key": "metadata.name", "operator": "In", "values": [place.node]});
    require(spec.as_object_mut().ok_or("a pod has no spec")?, &[pin])?;
    Ok(spec)
}

/// The user that a task asks for. Users have names only in their image, which knows its own, but for root.
fn user(command: &CommandInfo, place: Place<'_>) -> Result<Option<i64>, String> {
    let user = match command.user.as_deref() {
        Some("root") => Some(0),
        Some(name) => name.parse().ok(),
        None => None,
    };
    if user == Some(0) {
        place.rights.root()?;
    }
    Ok(user)
}

/// Who a task runs as: whom it asks for, whom the settings name, or whom its image does.
fn set_user(context: &mut Value, user: Option<i64>, place: Place<'_>, settings: &TaskSettings) {
    let Some(user) = user.or(settings.user) else {
        context["runAsNonRoot"] = json!(!place.rights.has_root());
        return;
    };
    (context["runAsUser"], context["runAsGroup"]) = (json!(user), json!(user));
    (context["fsGroup"], context["runAsNonRoot"]) = (json!(user), json!(user != 0));
}

/// What the pods of all tasks have: how they end, and what the operator's settings say.
fn common(task: &TaskInfo, pods: &PodSettings) -> Value {
    let lost = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map(|key| {
        json!({
            "key": key, "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": pods.node_lost_seconds,
        })
    });
    let grace = task.kill_policy.as_ref().and_then(grace_period);
    let secrets = pods.image_pull_secrets.iter().map(|name| json!({"name": name}));
    let mut spec = json!({
        "restartPolicy": "Never",
        // A shell that is the first process of its namespace would not end when it is told to.
        "shareProcessNamespace": true,
        "terminationGracePeriodSeconds": grace_seconds(grace.unwrap_or(DEFAULT_GRACE)),
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": lost,
        "imagePullSecrets": secrets.collect::<Vec<_>>(),
    });
    if let Some(longest) = task.max_completion_time.as_ref() {
        let seconds = longest.nanoseconds.max(0).div_euclid(1_000_000_000).max(1);
        spec["activeDeadlineSeconds"] = json!(seconds);
    }
    for (field, value) in [
        ("priorityClassName", &pods.priority_class_name),
        ("serviceAccountName", &pods.service_account_name),
    ] {
        if let Some(value) = value {
            spec[field] = json!(value);
        }
    }
    spec
}

/// The Secret of the pod of an executor of a framework's own, which belongs to the pod: what it shows when it
/// speaks, and by what it checks to whom.
pub(crate) fn executor_secret(run: &Run, name: &str, settings: &TaskSettings) -> Option<Secret> {
    let mut data = BTreeMap::from([(TOKEN_KEY.to_owned(), run.token.clone()?)]);
    let authority = settings.authority.as_ref().filter(|_| settings.is_encrypted);
    data.extend(authority.map(|it| (AUTHORITY_KEY.to_owned(), it.text.clone())));
    let labels = [("app.kubernetes.io/managed-by".to_owned(), "proffer".to_owned())];
    Some(Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.into()),
            ..ObjectMeta::default()
        },
        immutable: Some(true),
        string_data: Some(data),
        ..Secret::default()
    })
}

/// By what an executor checks the certificate of its agent, as a file.
fn trusted(run: &Run, place: Place<'_>, settings: &TaskSettings) -> Option<(Value, Value)> {
    let has_any = settings.is_encrypted && settings.authority.is_some() && run.token.is_some();
    let items = json!([{"key": AUTHORITY_KEY, "path": AUTHORITY_KEY}]);
    let secret = json!({"secretName": place.name, "items": items});
    has_any.then(|| {
        let mount = json!({"name": "trusted", "mountPath": TRUSTED_FOLDER, "readOnly": true});
        (json!({"name": "trusted", "secret": secret}), mount)
    })
}

/// What a process that takes over has to know of a task. What runs stands in the pod's spec.
fn kept(task: &TaskInfo) -> Result<String, String> {
    let mut kept = TaskInfo { data: None, ..task.clone() };
    if let Some(command) = &mut kept.command {
        (command.environment, command.uris) = (None, Vec::new());
    }
    let text = to_json(&kept);
    if text.len() > MOST_ANNOTATION_BYTES {
        return Err(format!(
            "the task has {} bytes beside its environment and data, and {MOST_ANNOTATION_BYTES} fit",
            text.len()
        ));
    }
    Ok(text)
}

/// A text as the value of a label: what is allowed of it.
pub(crate) fn label_value(text: &str) -> String {
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let plain: String =
        text.chars().map(|letter| if allowed(letter) { letter } else { '-' }).take(63).collect();
    plain.trim_matches(|letter: char| !letter.is_ascii_alphanumeric()).to_owned()
}

/// Whole seconds, and at least one: none at all would forget the pod before it has ended.
pub(crate) fn grace_seconds(grace: Span) -> u64 {
    grace.as_milliseconds().div_ceil(1000).max(1)
}

#[cfg(test)]
mod tests;
