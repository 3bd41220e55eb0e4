//! What tasks ask for that processes of this machine cannot have. It is named, as nothing that is asked
//! for is passed over.

use proffer_mesos::types::{
    CommandInfo, ContainerInfo, ContainerInfoType, LinuxInfo, LinuxInfoIpcMode,
    RLimitInfoRLimitType,
};

/// What a container wants that a process cannot have.
pub(super) fn in_container(container: &ContainerInfo) -> Option<String> {
    const WHAT: &str = "Tasks are processes of this machine";
    let image = container.mesos.as_ref().and_then(|mesos| mesos.image.as_ref());
    if container.r#type == i32::from(ContainerInfoType::Docker) || image.is_some() {
        return Some(format!("{WHAT}, without images: leave out the container's image"));
    }
    if let Some(volume) = container.volumes.first() {
        return Some(format!("{WHAT}, without volumes: leave out '{}'", volume.container_path));
    }
    let networks = &container.network_infos;
    if let Some(name) = networks.iter().find_map(|network| network.name.as_ref()) {
        return Some(format!("{WHAT}, on its network: leave out network '{name}'"));
    }
    if networks.iter().any(|network| !network.port_mappings.is_empty()) {
        return Some(format!("{WHAT}, on its network: leave out 'port_mappings'"));
    }
    if let Some(hostname) = &container.hostname {
        return Some(format!("{WHAT}, with its host name: leave out hostname '{hostname}'"));
    }
    if let Some(limit) = container.rlimit_info.as_ref().and_then(|limits| limits.rlimits.first()) {
        let kind = limit.r#type.and_then(|kind| RLimitInfoRLimitType::try_from(kind).ok());
        let kind = kind.map_or("rlimit_info", RLimitInfoRLimitType::text);
        return Some(format!("{WHAT}, with the limits of this program: leave out {kind}"));
    }
    if container.tty_info.is_some() {
        return Some(format!("{WHAT}, without terminals: leave out 'tty_info'"));
    }
    let named = container.linux_info.as_ref().and_then(in_linux)?;
    Some(format!("{WHAT}, with the rights of this program: leave out '{named}'"))
}

/// The field that asks for other rights or namespaces than this program has.
fn in_linux(linux: &LinuxInfo) -> Option<&'static str> {
    let is_private = linux.ipc_mode == Some(LinuxInfoIpcMode::Private.into());
    [
        ("linux_info.capability_info", linux.capability_info.is_some()),
        ("linux_info.bounding_capabilities", linux.bounding_capabilities.is_some()),
        ("linux_info.effective_capabilities", linux.effective_capabilities.is_some()),
        ("linux_info.share_pid_namespace", linux.share_pid_namespace == Some(false)),
        ("linux_info.seccomp", linux.seccomp.is_some()),
        ("linux_info.ipc_mode", is_private),
        ("linux_info.shm_size", linux.shm_size.is_some()),
        ("linux_info.share_cgroups", linux.share_cgroups == Some(false)),
    ]
    .into_iter()
    .find_map(|(field, is_asked)| is_asked.then_some(field))
}

/// What a command wants that it cannot have: to run as somebody else.
pub(super) fn in_command(command: &CommandInfo) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let id = rustix::process::geteuid().as_raw();
    as_other_user(command.user.as_deref()?, id, &users)
}

/// What is wrong with a user if that is not the one of this id, by the list of users.
fn as_other_user(wanted: &str, id: u32, users: &str) -> Option<String> {
    let id = id.to_string();
    let own = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number == id).then_some(name)
    });
    if wanted == id || own == Some(wanted) {
        return None;
    }
    let own = own.unwrap_or(&id);
    Some(format!("Tasks run as user '{own}' here: leave out user '{wanted}'"))
}

#[cfg(test)]
mod tests;
