//! Processes of the cluster, which run on this machine.

use rustix::process::{Pid, Signal};

pub(crate) fn send(id: u32, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    rustix::process::kill_process(id, signal).unwrap();
}

/// The process whose arguments end with these.
pub(crate) fn with_arguments(arguments: &[&str]) -> Option<u32> {
    all().find(|id| {
        let line = read(*id, "cmdline");
        let words: Vec<&str> = line.split_terminator('\0').collect();
        words.ends_with(arguments)
    })
}

/// The program that runs as a container of a pod with this name in its environment.
pub(crate) fn of_pod(program: &str, pod: &str) -> Option<u32> {
    let variable = format!("POD_NAME={pod}");
    all().find(|id| {
        let line = read(*id, "cmdline");
        let runs = line.split('\0').next().is_some_and(|first| first.ends_with(program));
        runs && read(*id, "environ").split('\0').any(|it| it == variable)
    })
}

fn all() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn read(id: u32, file: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
