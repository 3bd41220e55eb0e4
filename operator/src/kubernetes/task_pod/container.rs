//! The container that a task runs in, and those that bring its files.

use proffer_mesos::resources::Quantities;
use proffer_mesos::to_json;
use proffer_mesos::types::{
    CommandInfo, ContainerInfo, ContainerInfoDockerInfoNetwork as Network, ContainerInfoType,
    EnvironmentVariableType, LinuxInfoIpcMode, TaskInfo, Volume, VolumeMode,
    VolumeSourceSandboxPathType, VolumeSourceType,
};
use serde_json::{Map, Value, json};

use super::super::executor_pod::{PodSettings, restricted};
use super::super::names::{FETCH_CONTAINER, TASK_CONTAINER};
use super::{
    AUTHORITY_KEY, PROGRAM_FOLDER, Place, SANDBOX, TOKEN_KEY, TRUSTED_FOLDER, TaskSettings,
};
use crate::master::Run;

/// The container that a task runs in, without its resources and volumes.
pub(super) fn main_container(
    run: &Run,
    place: Place<'_>,
    (command, container): (&CommandInfo, &ContainerInfo),
    pods: &PodSettings,
    settings: &TaskSettings,
) -> Result<Value, String> {
    let ports = ports(&run.task, container, settings);
    if settings.host_ports && !ports.is_empty() {
        place.rights.host_ports()?;
    }
    let image = image(container).or(settings.default_image.as_deref());
    let image = image.or(pods.default_image.as_deref()).ok_or(
        "the task names no image, and there is none by default: set container.docker.image, or \
         mesos.defaultImage in the operator's configuration",
    )?;
    let mut main = json!({
        "name": TASK_CONTAINER,
        "image": image,
        "env": environment(run, place, command, settings)?,
        "securityContext": restricted(),
        "ports": ports,
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

/// Refuses what has no place in a pod, by its name.
pub(super) fn refuse(container: &ContainerInfo) -> Result<(), String> {
    let named = container.network_infos.iter().find_map(|network| network.name.as_ref());
    if let Some(name) = named {
        return Err(format!("there is no network '{name}' here: leave it out"));
    }
    let linux = container.linux_info.as_ref();
    let docker = container.docker.as_ref();
    let image = container.mesos.as_ref().and_then(|mesos| mesos.image.as_ref());
    let of_docker = image.and_then(|image| image.docker.as_ref());
    let networks = [Network::None, Network::User].map(i32::from);
    let private = i32::from(LinuxInfoIpcMode::Private);
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
        (
            "linux_info.bounding_capabilities",
            linux.is_some_and(|linux| linux.bounding_capabilities.is_some()),
        ),
        (
            "linux_info.share_pid_namespace",
            linux.is_some_and(|linux| linux.share_pid_namespace == Some(true)),
        ),
        (
            "linux_info.ipc_mode",
            linux.and_then(|linux| linux.ipc_mode).is_some_and(|mode| mode != private),
        ),
        ("mesos.image.appc", image.is_some_and(|image| image.appc.is_some())),
        ("mesos.image.docker.config", of_docker.is_some_and(|image| image.config.is_some())),
        (
            "mesos.image.docker.credential",
            of_docker.is_some_and(|image| image.credential.is_some()),
        ),
        (
            "docker.network",
            docker.and_then(|it| it.network).is_some_and(|it| networks.contains(&it)),
        ),
        (
            "network_infos.port_mappings",
            container.network_infos.iter().any(|network| !network.port_mappings.is_empty()),
        ),
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

pub(super) fn scratch(task: &TaskInfo) -> Value {
    let disk = scalar(task, "disk");
    if disk > 0 { json!({"sizeLimit": bytes(disk).to_string()}) } else { json!({}) }
}

pub(super) fn resources(task: &TaskInfo) -> Result<Value, String> {
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
        let limit = limit.amount();
        if limit.is_infinite() {
            limits.remove(name);
            continue;
        }
        let thousandths = proffer_mesos::resources::thousandths(limit).unwrap_or(i64::MAX);
        let quantity = match name {
            "cpu" => format!("{thousandths}m"),
            _ => bytes(thousandths).to_string(),
        };
        limits.insert(name.to_owned(), json!(quantity));
    }
    Ok(json!({"requests": requests, "limits": limits}))
}

/// A volume of the pod, if one has to be made, and where it is mounted.
pub(super) fn mapped(volume: &Volume, index: usize) -> Result<(Option<Value>, Value), String> {
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

/// Kubernetes would replace `$(NAME)` in what a container is given, and takes `$$` for one dollar sign.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

fn environment(
    run: &Run,
    place: Place<'_>,
    command: &CommandInfo,
    settings: &TaskSettings,
) -> Result<Vec<Value>, String> {
    let address = json!({"fieldRef": {"fieldPath": "status.podIP"}});
    let mut all = vec![
        json!({"name": "MESOS_CONTAINER_IP", "valueFrom": &address}),
        json!({"name": "LIBPROCESS_IP", "valueFrom": &address}),
    ];
    if run.token.is_some() {
        // Whoever may read pods may not read this.
        let secret = json!({"secretKeyRef": {"name": place.name, "key": TOKEN_KEY}});
        all.push(json!({"name": "MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "valueFrom": secret}));
    }
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
    // Only executors speak with their agent, and another program with libprocess ends at once if it reads this
    // and has no certificate of its own.
    if settings.is_encrypted && run.token.is_some() {
        set("LIBPROCESS_SSL_ENABLED", "1");
        if settings.authority.is_some() {
            set("LIBPROCESS_SSL_CA_FILE", &format!("{TRUSTED_FOLDER}/{AUTHORITY_KEY}"));
        }
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
pub(super) fn fetchers(command: &CommandInfo, main: &Value, pods: &PodSettings) -> Vec<Value> {
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
        "name": FETCH_CONTAINER,
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
