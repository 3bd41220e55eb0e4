//! The nodes of local mode: this machine, or several made up.

use std::str::FromStr;

use proffer_core::event::NodeObservation;
use proffer_crds::Quantity;

/// Nodes to offer, as written on the command line: `4x2cpu,4Gi` or `8cpu,16Gi,nvidia.com/gpu=1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    count: u32,
    cpu: Quantity,
    memory: Quantity,
    others: Vec<(String, Quantity)>,
}

/// Text that does not describe nodes.
#[derive(Debug, thiserror::Error)]
#[error(
    "{problem}; nodes are written as [COUNTx]CPUcpu,MEMORY[,RESOURCE=AMOUNT…], such as 4x2cpu,4Gi"
)]
pub struct InvalidNodeSpec {
    problem: String,
}

impl FromStr for NodeSpec {
    type Err = InvalidNodeSpec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: String| InvalidNodeSpec { problem };
        let (count, rest) = match text.split_once('x') {
            Some((count, rest)) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                (count.parse().map_err(|_| invalid(format!("\"{count}\" is not a count")))?, rest)
            }
            _ => (1, text),
        };
        if !(1..=10_000).contains(&count) {
            return Err(invalid("there are between 1 and 10000 nodes".to_owned()));
        }
        let mut parts = rest.split(',');
        let cpu = parts.next().unwrap_or_default();
        let cpu = cpu
            .strip_suffix("cpu")
            .ok_or_else(|| invalid(format!("\"{cpu}\" does not end in \"cpu\"")))?;
        let cpu = positive(cpu).map_err(invalid)?;
        let memory = parts.next().ok_or_else(|| invalid("the memory is missing".to_owned()))?;
        let memory = positive(memory).map_err(invalid)?;
        if memory.units() < 1 << 20 {
            return Err(invalid(format!("{memory} bytes of memory are less than 1Mi")));
        }
        let mut others = Vec::new();
        for part in parts {
            let (name, amount) = part
                .split_once('=')
                .ok_or_else(|| invalid(format!("\"{part}\" is not RESOURCE=AMOUNT")))?;
            others.push((name.to_owned(), positive(amount).map_err(invalid)?));
        }
        Ok(Self { count, cpu, memory, others })
    }
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
pub(crate) fn nodes(specs: &[NodeSpec]) -> std::io::Result<Vec<NodeObservation>> {
    if specs.is_empty() {
        return Ok(vec![this_machine()?]);
    }
    let mut nodes = Vec::new();
    for spec in specs {
        for _ in 0..spec.count {
            let mut allocatable =
                vec![("cpu".into(), spec.cpu.milli()), ("memory".into(), spec.memory.units())];
            let others = spec.others.iter();
            allocatable.extend(others.map(|(name, amount)| (name.as_str().into(), amount.units())));
            nodes.push(node(format!("node-{}", nodes.len()), allocatable));
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

fn node(name: String, allocatable: Vec<(Box<str>, i64)>) -> NodeObservation {
    // As the kubelet labels nodes.
    let labels = vec![("kubernetes.io/hostname".into(), name.as_str().into())];
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
