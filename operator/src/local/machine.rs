//! The nodes of local mode: this machine, or several made up.

use std::collections::BTreeMap;
use std::str::FromStr;

use proffer_core::event::{Label, NodeObservation, Taint, TaintEffect};
use proffer_crds::Quantity;

use crate::convert::label_problem;

/// There are no more nodes than this in all, so that what they have together can be counted.
const MOST_NODES: usize = 10_000;

/// The most cpus that a node has.
const MOST_CPUS: i64 = 1_000_000;

/// The most that a node has of anything else: 512Ti.
const MOST_UNITS: i64 = 512 << 40;

/// Nodes to offer, as written on the command line: `4x2cpu,4Gi`, or
/// `8cpu,16Gi,nvidia.com/gpu=1,label:zone=a,taint:dedicated=gpu:NoSchedule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    count: u32,
    cpu: Quantity,
    memory: Quantity,
    others: Vec<(String, Quantity)>,
    labels: BTreeMap<Box<str>, Box<str>>,
    taints: Vec<Taint>,
}

/// Text that does not describe nodes.
#[derive(Debug, thiserror::Error)]
#[error(
    "{problem}; nodes are written as [COUNTx]CPUcpu,MEMORY\
     [,RESOURCE=AMOUNT…][,label:KEY=VALUE…][,taint:KEY[=VALUE]:EFFECT…], such as 4x2cpu,4Gi"
)]
pub struct InvalidNodeSpec {
    problem: String,
}

impl FromStr for NodeSpec {
    type Err = InvalidNodeSpec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: String| InvalidNodeSpec { problem };
        let (count, rest) = match text.split_once('x') {
            Some((count, rest)) if count.bytes().all(|byte| byte.is_ascii_digit()) => (
                count.parse::<u32>().map_err(|_| invalid(format!("\"{count}\" is not a count")))?,
                rest,
            ),
            _ => (1, text),
        };
        if count == 0 || count as usize > MOST_NODES {
            return Err(invalid(format!("there are between 1 and {MOST_NODES} nodes")));
        }
        let mut parts = rest.split(',');
        let cpu = parts.next().unwrap_or_default();
        let cpu = cpu
            .strip_suffix("cpu")
            .ok_or_else(|| invalid(format!("\"{cpu}\" does not end in \"cpu\"")))?;
        let cpu = positive(cpu).map_err(invalid)?;
        if cpu.units() > MOST_CPUS {
            return Err(invalid(format!("a node has at most {MOST_CPUS} cpus, not {cpu}")));
        }
        let memory = parts.next().ok_or_else(|| invalid("the memory is missing".to_owned()))?;
        let memory = positive(memory).map_err(invalid)?;
        if memory.units() < 1 << 20 {
            return Err(invalid(format!("{memory} bytes of memory are less than 1Mi")));
        }
        let memory = countable("memory", memory).map_err(invalid)?;
        let mut spec = Self {
            count,
            cpu,
            memory,
            others: Vec::new(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
        };
        parts.try_for_each(|part| spec.read_part(part)).map_err(invalid)?;
        Ok(spec)
    }
}

impl NodeSpec {
    /// Reads what comes after cpu and memory.
    fn read_part(&mut self, part: &str) -> Result<(), String> {
        if let Some(text) = part.strip_prefix("label:") {
            let (key, value) = label(text)?;
            return match self.labels.insert(key.clone(), value) {
                Some(_) => Err(format!("the label {key} is there twice")),
                None => Ok(()),
            };
        }
        if let Some(text) = part.strip_prefix("taint:") {
            self.taints.push(taint(text)?);
            return Ok(());
        }
        let (name, amount) =
            part.split_once('=').ok_or_else(|| format!("\"{part}\" is not RESOURCE=AMOUNT"))?;
        if let Some(problem) = resource_problem(name, amount) {
            return Err(problem);
        }
        if self.others.iter().any(|(other, _)| other == name) {
            return Err(format!("{name} is there twice"));
        }
        let amount = positive(amount)?;
        if amount.milli() != i64::MAX && amount.milli() % 1000 != 0 {
            return Err(format!("{amount} is no whole number of {name}"));
        }
        self.others.push((name.to_owned(), countable(name, amount)?));
        Ok(())
    }
}

/// Why a resource cannot be named beside cpu and memory.
fn resource_problem(name: &str, amount: &str) -> Option<String> {
    match name.to_ascii_lowercase().as_str() {
        "cpu" | "cpus" => {
            Some(format!("\"{name}={amount}\" is cpu, which comes first, as {amount}cpu"))
        }
        "memory" | "mem" => {
            Some(format!("\"{name}={amount}\" is memory, which comes second, as {amount}"))
        }
        _ if label_problem(name, "").is_some() => {
            Some(format!("\"{name}\" is not the name of a resource, such as nvidia.com/gpu"))
        }
        _ => None,
    }
}

/// An amount that sums over all nodes can hold.
fn countable(name: &str, amount: Quantity) -> Result<Quantity, String> {
    if amount.units() > MOST_UNITS {
        return Err(format!("a node has at most 512Ti of {name}, not {amount}"));
    }
    Ok(amount)
}

fn label(text: &str) -> Result<Label, String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("\"label:{text}\" is not label:KEY=VALUE"))?;
    match label_problem(key, value) {
        Some(problem) => Err(problem),
        None => Ok((key.into(), value.into())),
    }
}

/// A taint as kubectl writes it: `KEY=VALUE:EFFECT` or `KEY:EFFECT`.
fn taint(text: &str) -> Result<Taint, String> {
    let (mark, effect) = text
        .rsplit_once(':')
        .ok_or_else(|| format!("\"taint:{text}\" is not taint:KEY[=VALUE]:EFFECT"))?;
    let (key, value) = mark.split_once('=').unwrap_or((mark, ""));
    if let Some(problem) = label_problem(key, value) {
        return Err(problem);
    }
    let effect = match effect {
        "NoSchedule" => TaintEffect::NoSchedule,
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        _ => {
            let effects = "NoSchedule, PreferNoSchedule and NoExecute";
            return Err(format!("\"{effect}\" is not an effect; these are {effects}"));
        }
    };
    Ok(Taint { key: key.into(), value: value.into(), effect })
}

fn positive(text: &str) -> Result<Quantity, String> {
    let quantity: Quantity =
        text.parse().map_err(|error: proffer_crds::quantity::InvalidQuantity| error.to_string())?;
    if quantity.milli() <= 0 {
        return Err(format!("{quantity} is not above 0"));
    }
    Ok(quantity)
}

/// The nodes that these describe; this machine if there are none.
pub(crate) fn nodes(specs: &[NodeSpec]) -> Result<Vec<NodeObservation>, String> {
    if specs.is_empty() {
        let machine = this_machine();
        return machine
            .map(|machine| vec![machine])
            .map_err(|error| format!("cannot tell what this machine has: {error}"));
    }
    let count = specs.iter().map(|spec| spec.count as usize).fold(0, usize::saturating_add);
    if count > MOST_NODES {
        return Err(format!("--nodes: {count} nodes are too many; the most is {MOST_NODES}"));
    }
    let mut nodes = Vec::new();
    for spec in specs {
        for _ in 0..spec.count {
            let mut allocatable =
                vec![("cpu".into(), spec.cpu.milli()), ("memory".into(), spec.memory.units())];
            let others = spec.others.iter();
            allocatable.extend(others.map(|(name, amount)| (name.as_str().into(), amount.units())));
            let mut node = node(format!("node-{}", nodes.len()), allocatable);
            node.labels.retain(|(key, _)| !spec.labels.contains_key(key));
            let labels = spec.labels.iter();
            node.labels.extend(labels.map(|(key, value)| (key.clone(), value.clone())));
            node.taints.clone_from(&spec.taints);
            nodes.push(node);
        }
    }
    Ok(nodes)
}

/// This machine: the processors that this process may use, and the memory that is available to it.
fn this_machine() -> std::io::Result<NodeObservation> {
    let cpu = i64::try_from(std::thread::available_parallelism()?.get()).unwrap_or(i64::MAX);
    let meminfo = std::fs::read_to_string("/proc/meminfo")?;
    let available = available_bytes(&meminfo)
        .ok_or_else(|| std::io::Error::other("/proc/meminfo does not name MemAvailable"))?;
    let limit = cgroup_limit_bytes().unwrap_or(i64::MAX);
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let allocatable =
        vec![("cpu".into(), cpu.saturating_mul(1000)), ("memory".into(), available.min(limit))];
    Ok(node(name, allocatable))
}

/// A node with the labels that a kubelet would give it.
fn node(name: String, allocatable: Vec<(Box<str>, i64)>) -> NodeObservation {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let labels = vec![
        ("kubernetes.io/arch".into(), architecture.into()),
        ("kubernetes.io/hostname".into(), name.as_str().into()),
        ("kubernetes.io/os".into(), std::env::consts::OS.into()),
    ];
    NodeObservation { name: name.into(), allocatable, labels, ..NodeObservation::default() }
}

fn available_bytes(meminfo: &str) -> Option<i64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

/// The memory limit of the control group that a container runs in, if there is one.
fn cgroup_limit_bytes() -> Option<i64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let text = files.iter().find_map(|file| std::fs::read_to_string(file).ok())?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests;
