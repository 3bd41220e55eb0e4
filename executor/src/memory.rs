//! Keeping the tasks of an executor within its memory where no cgroup does.

use std::collections::HashMap;
use std::io;

use crate::attempt::Attempt;
use crate::failure::{Failure, Reason};
use crate::processes::{self, Process};

/// What the processes below an executor use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// By attempt, in bytes.
    attempts: HashMap<Attempt, u64>,
    /// What belongs to no attempt that runs, in bytes.
    strays_bytes: u64,
    /// The processes that belong to none.
    strays: Vec<u32>,
}

/// Who has to go when the memory is used up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// The attempt that uses most, and why.
    Attempt(Attempt, Failure),
    /// Processes that outlived the attempts that started them.
    Strays(Vec<u32>),
}

/// Measures the processes below this one. `leaders` are the first processes of attempts.
pub(crate) fn measure(leaders: &HashMap<u32, Attempt>) -> io::Result<Usage> {
    Ok(Usage::of(std::process::id(), leaders, &processes::descendants(std::process::id())?))
}

impl Usage {
    fn of(own: u32, leaders: &HashMap<u32, Attempt>, processes: &[Process]) -> Self {
        let mut usage = Self::default();
        let mut owners: HashMap<u32, Option<&Attempt>> = HashMap::new();
        // Parents come first, so that each one's owner is known when its children are looked at.
        for process in processes {
            let inherited = if process.parent == own {
                None
            } else {
                owners.get(&process.parent).copied().flatten()
            };
            let owner =
                leaders.get(&process.id).or(inherited).or_else(|| leaders.get(&process.group));
            owners.insert(process.id, owner);
            if let Some(attempt) = owner {
                *usage.attempts.entry(attempt.clone()).or_default() += process.resident_bytes;
            } else {
                usage.strays_bytes += process.resident_bytes;
                usage.strays.push(process.id);
            }
        }
        usage
    }

    /// Who has to go, when the sum is over the limit.
    pub(crate) fn victim(&self, limit_bytes: u64) -> Option<Victim> {
        let used = self.attempts.values().sum::<u64>() + self.strays_bytes;
        if used <= limit_bytes {
            return None;
        }
        let largest = self.attempts.iter().max_by(|a, b| (a.1, b.0).cmp(&(b.1, a.0)));
        let Some((attempt, &most)) = largest.filter(|(_, most)| **most >= self.strays_bytes) else {
            return Some(Victim::Strays(self.strays.clone()));
        };
        let message = format!(
            "used {}; its executor has {} for all its tasks, which used {} together: raise \
             executor.memory, or the stage's slots so that fewer tasks run side by side",
            mebibytes(most),
            mebibytes(limit_bytes),
            mebibytes(used)
        );
        Some(Victim::Attempt(attempt.clone(), Failure::new(Reason::OutOfMemory, message)))
    }
}

/// How many processes the kernel has killed for want of memory in this process's cgroup: in a container,
/// its own. `None` where the kernel does not say.
pub(crate) fn kernel_kills() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];
    files.into_iter().find_map(|file| count_kills(&std::fs::read_to_string(file).ok()?))
}

/// The count in a file of either version of cgroups.
fn count_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// What has become of an attempt that the kernel killed.
pub(crate) fn killed_by_kernel() -> Failure {
    let message = "killed by the kernel, as there was no memory left: raise executor.memory, or the \
                   stage's slots so that fewer tasks run side by side";
    Failure::new(Reason::OutOfMemory, message)
}

/// Bytes as people write them, such as `300Mi`, rounded up.
fn mebibytes(bytes: u64) -> String {
    format!("{}Mi", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests;
