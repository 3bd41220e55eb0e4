//! The pod of a task of a Mesos framework: what is made, and what is read from it.
//!
//! | Mesos | pod |
//! |---|---|
//! | `CommandInfo` | command, arguments and environment of the container `task` |
//! | its `uris` | an init container of the same image that fetches them into the sandbox |
//! | the sandbox | an empty volume at `/mnt/mesos/sandbox`; output goes to the pod's log |
//! | image of Docker or Mesos | the container's image; else the one that is configured |
//! | `resources`, `limits` | requests and limits; ports are ports of the node |
//! | `kill_policy`, `max_completion_time` | the pod's grace period and deadline |
//!
//! What has no place here is refused by its name.

mod read;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use proffer_crds::SparkJob;
use proffer_mesos::resources::Quantities;
use proffer_mesos::to_json;
use proffer_mesos::types::{
    CommandInfo, ContainerInfo, ContainerInfoDockerInfoNetwork as Network, ContainerInfoType,
    EnvironmentVariableType, TaskInfo, Volume, VolumeMode, VolumeSourceSandboxPathType,
    VolumeSourceType,
};
use serde_json::{Map, Value, json};

use super::executor_pod::{PodSettings, owner, require, restricted};
use super::names::{
    CHECKPOINT_ANNOTATION, JOB_LABEL, JOB_UID_LABEL, PLACED_ANNOTATION, POOL_LABEL,
    TASK_ANNOTATION, TASK_CONTAINER, TASK_LABEL,
};
use crate::master::{DEFAULT_GRACE, Run, grace_period};
use proffer_core::time::Span;
pub(crate) use read::{TaskFacts, task_facts};

/// Where the sandbox is in the container, as with Docker containers of Mesos.
const SANDBOX: &str = "/mnt/mesos/sandbox";

/// Where the program that fetches files is.
const PROGRAM_FOLDER: &str = "/proffer";

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
    /// Where executors find their agent: host and port.
    pub(crate) agent: String,
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
    let no_container = ContainerInfo::default();
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
    let mut main = main_container(run, (command, container), pods, settings)?;
    (main["resources"], main["volumeMounts"]) = (resources, json!(mounts));
    let mut inits = Vec::new();
    if !command.uris.is_empty() {
        volumes.push(json!({"name": "program", "emptyDir": {}}));
        inits = fetchers(command, &main, pods);
    }
    let mut spec = common(task, pods);
    (spec["initContainers"], spec["containers"]) = (json!(inits), json!([main]));
    spec["volumes"] = json!(volumes);
    let user = match command.user.as_deref().map(str::parse::<i64>) {
        Some(Ok(user)) => Some(user),
        // Users have names only in their image, which knows its own.
        Some(Err(_)) | None => settings.user,
    };
    if let Some(user) = user {
        let context = &mut spec["securityContext"];
        (context["runAsUser"], context["runAsGroup"]) = (json!(user), json!(user));
        (context["fsGroup"], context["runAsNonRoot"]) = (json!(user), json!(user != 0));
    }
    if let Some(hostname) = &container.hostname {
        spec["hostname"] = json!(hostname);
    }
    let docker = container.docker.as_ref();
    if docker.and_then(|docker| docker.network) == Some(Network::Host.into()) {
        spec["hostNetwork"] = json!(true);
        spec["dnsPolicy"] = json!("ClusterFirstWithHostNet");
    }
    let pin = json!({"key": "metadata.name", "operator": "In", "values": [place.node]});
    require(spec.as_object_mut().ok_or("a pod has no spec")?, &[pin])?;
    Ok(spec)
}

/// The container that a task runs in, without its resources and volumes.
fn main_container(
    run: &Run,
    (command, container): (&CommandInfo, &ContainerInfo),
    pods: &PodSettings,
    settings: &TaskSettings,
) -> Result<Value, String> {
    let image = image(container).or(settings.default_image.as_deref());
    let image = image.or(pods.default_image.as_deref()).ok_or(
        "the task names no image, and there is none by default: set container.docker.image, or \
         mesos.defaultImage in the operator's configuration",
    )?;
    let mut main = json!({
        "name": TASK_CONTAINER,
        "image": image,
        "env": environment(run, command, settings)?,
        "securityContext": restricted(),
        "ports": ports(&run.task, container, settings),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    run_as(&mut main, command, container)?;
    let docker = container.docker.as_ref();
    let policy = match docker.and_then(|docker| docker.force_pull_image) {
        Some(true) => Some("Always"),
        Some(false) | None => pods.image_pull_policy.as_deref(),
    };
    if let Some(policy) = policy {
        main["imagePullPolicy"] = json!(policy);
    }
    Ok(main)
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

/// Refuses what has no place in a pod, by its name.
fn refuse(container: &ContainerInfo) -> Result<(), String> {
    let named = container.network_infos.iter().find_map(|network| network.name.as_ref());
    if let Some(name) = named {
        return Err(format!("there is no network '{name}' here: leave it out"));
    }
    let linux = container.linux_info.as_ref();
    let docker = container.docker.as_ref();
    let parameter = docker.and_then(|docker| docker.parameters.first());
    if let Some(parameter) = parameter {
        return Err(format!(
            "docker.parameters '{}' does not work here: leave it out",
            parameter.key
        ));
    }
    for (field, is_set) in [
        ("docker.privileged", docker.is_some_and(|docker| docker.privileged == Some(true))),
        ("docker.volume_driver", docker.is_some_and(|docker| docker.volume_driver.is_some())),
        ("linux_info.capability_info", linux.is_some_and(|linux| linux.capability_info.is_some())),
        (
            "linux_info.effective_capabilities",
            linux.is_some_and(|linux| linux.effective_capabilities.is_some()),
        ),
        ("linux_info.seccomp", linux.is_some_and(|linux| linux.seccomp.is_some())),
        ("linux_info.shm_size", linux.is_some_and(|linux| linux.shm_size.is_some())),
        ("rlimit_info", container.rlimit_info.is_some()),
        ("tty_info", container.tty_info.is_some()),
    ] {
        if is_set {
            return Err(format!("'{field}' does not work here: leave it out"));
        }
    }
    Ok(())
}

fn image(container: &ContainerInfo) -> Option<&str> {
    let docker = container.docker.as_ref().map(|docker| docker.image.as_str());
    let mesos = container.mesos.as_ref().and_then(|mesos| mesos.image.as_ref());
    docker.or_else(|| Some(mesos?.docker.as_ref()?.name.as_str())).filter(|name| !name.is_empty())
}

fn scalar(task: &TaskInfo, name: &str) -> i64 {
    Quantities::of(&task.resources).scalars.get(name).copied().unwrap_or(0)
}

/// Mebibytes in thousandths, in bytes, rounded up.
fn bytes(thousandths: i64) -> i64 {
    i64::try_from((i128::from(thousandths) * (1 << 20) + 999) / 1000).unwrap_or(i64::MAX)
}

fn scratch(task: &TaskInfo) -> Value {
    let disk = scalar(task, "disk");
    if disk > 0 { json!({"sizeLimit": bytes(disk).to_string()}) } else { json!({}) }
}

fn resources(task: &TaskInfo) -> Result<Value, String> {
    let mut requests = Map::new();
    let mut limits = Map::new();
    for (name, thousandths) in Quantities::of(&task.resources).scalars {
        let (name, quantity) = match name.as_str() {
            "cpus" => ("cpu", format!("{thousandths}m")),
            "mem" => ("memory", bytes(thousandths).to_string()),
            "disk" => ("ephemeral-storage", bytes(thousandths).to_string()),
            "gpus" => ("nvidia.com/gpu", (thousandths / 1000).to_string()),
            other => (other, (thousandths / 1000).to_string()),
        };
        if name != "cpu" {
            limits.insert(name.to_owned(), json!(quantity));
        }
        requests.insert(name.to_owned(), json!(quantity));
    }
    for (name, limit) in &task.limits {
        // Without bounds, as Mesos says it.
        let name = match name.as_str() {
            "cpus" => "cpu",
            "mem" => "memory",
            other => return Err(format!("there is no limit of '{other}' here: leave it out")),
        };
        if limit.value.is_infinite() {
            limits.remove(name);
            continue;
        }
        let thousandths = proffer_mesos::resources::thousandths(limit.value).unwrap_or(i64::MAX);
        let quantity = match name {
            "cpu" => format!("{thousandths}m"),
            _ => bytes(thousandths).to_string(),
        };
        limits.insert(name.to_owned(), json!(quantity));
    }
    Ok(json!({"requests": requests, "limits": limits}))
}

/// A volume of the pod, if one has to be made, and where it is mounted.
fn mapped(volume: &Volume, index: usize) -> Result<(Option<Value>, Value), String> {
    let path = &volume.container_path;
    // Relative paths are within the sandbox.
    let target = if path.starts_with('/') { path.clone() } else { format!("{SANDBOX}/{path}") };
    let is_read_only = volume.mode == i32::from(VolumeMode::Ro);
    let name = format!("volume-{index}");
    let mut mount = json!({"name": name, "mountPath": target, "readOnly": is_read_only});
    let refused = |what: &str| {
        Err(format!(
            "volume '{path}': {what} here; leave it out, or name a PersistentVolumeClaim of the \
             namespace by a docker_volume of driver 'pvc'"
        ))
    };
    if volume.host_path.is_some() {
        return refused("paths of the host are not mounted");
    }
    if volume.image.is_some() {
        return refused("images are not mounted");
    }
    let Some(source) = &volume.source else {
        return Ok((Some(json!({"name": name, "emptyDir": {}})), mount));
    };
    match source.r#type.and_then(|kind| VolumeSourceType::try_from(kind).ok()) {
        Some(VolumeSourceType::DockerVolume) => {
            let docker = source.docker_volume.clone().unwrap_or_default();
            if docker.driver.as_deref() != Some("pvc") {
                return refused("there are no volumes of this driver");
            }
            let claim = json!({"claimName": docker.name, "readOnly": is_read_only});
            Ok((Some(json!({"name": name, "persistentVolumeClaim": claim})), mount))
        }
        Some(VolumeSourceType::SandboxPath) => {
            let within = source.sandbox_path.clone().unwrap_or_default();
            let is_own = within.r#type == Some(VolumeSourceSandboxPathType::Own.into());
            if !is_own || within.path.starts_with('/') {
                return refused("only paths of the task's own sandbox can be mounted");
            }
            mount["name"] = json!("sandbox");
            mount["subPath"] = json!(within.path);
            Ok((None, mount))
        }
        Some(other) => refused(&format!("there are no volumes of type {}", other.text())),
        None => refused("the volume's source has no type"),
    }
}

/// Kubernetes would replace `$(NAME)` in what a container is given.
fn literal(text: &str) -> String {
    text.replace("$(", "$$(")
}

fn environment(
    run: &Run,
    command: &CommandInfo,
    settings: &TaskSettings,
) -> Result<Vec<Value>, String> {
    let address = json!({"fieldRef": {"fieldPath": "status.podIP"}});
    let mut all = vec![
        json!({"name": "MESOS_CONTAINER_IP", "valueFrom": &address}),
        json!({"name": "LIBPROCESS_IP", "valueFrom": &address}),
    ];
    let mut set = |name: &str, value: &str| {
        all.push(json!({"name": name, "value": literal(value)}));
    };
    set("MESOS_SANDBOX", SANDBOX);
    set("MESOS_DIRECTORY", SANDBOX);
    set("MESOS_FRAMEWORK_ID", &run.key.framework);
    set("MESOS_EXECUTOR_ID", &run.executor);
    set("MESOS_TASK_ID", &run.task.task_id.value);
    set("MESOS_SLAVE_ID", &run.agent);
    set("MESOS_AGENT_ENDPOINT", &settings.agent);
    set("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs");
    set("MESOS_CHECKPOINT", "1");
    set("MESOS_RECOVERY_TIMEOUT", "15mins");
    set("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs");
    if let Some(token) = &run.token {
        set("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", token);
    }
    for variable in command.environment.iter().flat_map(|environment| &environment.variables) {
        let name = &variable.name;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("'{name}' is not the name of a variable"));
        }
        if variable.r#type == Some(EnvironmentVariableType::Secret.into()) {
            let secret = variable.secret.as_ref().and_then(|secret| secret.value.as_ref());
            let secret = secret.ok_or_else(|| {
                format!("the secret of variable '{name}' is a reference: give its value instead")
            })?;
            set(name, &String::from_utf8_lossy(&secret.data));
        } else {
            set(name, variable.value.as_deref().unwrap_or_default());
        }
    }
    Ok(all)
}

/// What a container runs, and where.
fn run_as(
    main: &mut Value,
    command: &CommandInfo,
    container: &ContainerInfo,
) -> Result<(), String> {
    let arguments = command.arguments.iter().map(|argument| literal(argument));
    let value = command.value.as_deref().map(literal);
    let is_docker = container.r#type == i32::from(ContainerInfoType::Docker);
    if command.shell.unwrap_or(true) {
        if let Some(value) = value {
            main["command"] = json!(["/bin/sh", "-c", value]);
            main["workingDir"] = json!(SANDBOX);
        } else if image(container).is_none() {
            return Err("the task has neither a command nor an image that has one".to_owned());
        }
    } else if is_docker {
        // As `docker run` does: the image says what is run with these.
        let all: Vec<String> = value.into_iter().chain(arguments).collect();
        if !all.is_empty() {
            main["args"] = json!(all);
        }
    } else {
        // The first argument is what the program is told it is called, which a pod cannot say.
        let rest: Vec<String> = arguments.skip(usize::from(value.is_some())).collect();
        if let Some(value) = value {
            main["command"] = json!([value]);
            main["workingDir"] = json!(SANDBOX);
        }
        if !rest.is_empty() {
            main["args"] = json!(rest);
        }
    }
    Ok(())
}

fn ports(task: &TaskInfo, container: &ContainerInfo, settings: &TaskSettings) -> Vec<Value> {
    let held = Quantities::of(&task.resources).ranges.get("ports").cloned().unwrap_or_default();
    let mappings = container.docker.iter().flat_map(|docker| &docker.port_mappings);
    let mappings: Vec<_> = mappings.collect();
    let mut all = Vec::new();
    for port in held.iter().flat_map(|&(first, last)| first..=last) {
        let mapping = mappings.iter().find(|mapping| u64::from(mapping.host_port) == port);
        let inner = mapping.map_or(port, |mapping| u64::from(mapping.container_port));
        let protocol = mapping.and_then(|mapping| mapping.protocol.as_deref()).unwrap_or("tcp");
        let mut entry = json!({"containerPort": inner, "protocol": protocol.to_ascii_uppercase()});
        if settings.host_ports {
            entry["hostPort"] = json!(port);
        }
        all.push(entry);
    }
    all
}

/// The containers that bring files into the sandbox: one with the program, and one that fetches, in the
/// task's own image, which has what unpacks.
fn fetchers(command: &CommandInfo, main: &Value, pods: &PodSettings) -> Vec<Value> {
    let mut requests = main["resources"].clone();
    for amounts in ["requests", "limits"] {
        if let Some(amounts) = requests[amounts].as_object_mut() {
            amounts.retain(|name, _| name == "cpu" || name == "memory");
        }
    }
    let program = json!({"name": "program", "mountPath": PROGRAM_FOLDER});
    let mut install = json!({
        "name": "install",
        "image": pods.image,
        "args": ["install", PROGRAM_FOLDER],
        "resources": requests,
        "securityContext": restricted(),
        "volumeMounts": [program],
    });
    let mut words =
        vec![format!("{PROGRAM_FOLDER}/proffer-executor"), "fetch".to_owned(), SANDBOX.to_owned()];
    words.extend(command.uris.iter().map(|uri| literal(&to_json(uri))));
    let mut fetch = json!({
        "name": "fetch",
        "image": main["image"],
        "command": words,
        "workingDir": SANDBOX,
        "resources": requests,
        "securityContext": restricted(),
        "volumeMounts": [{"name": "sandbox", "mountPath": SANDBOX}, program],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    if let Some(policy) = &pods.image_pull_policy {
        install["imagePullPolicy"] = json!(policy);
        fetch["imagePullPolicy"] = main["imagePullPolicy"].clone();
    }
    vec![install, fetch]
}

#[cfg(test)]
mod tests;
