//! Finding, reaping and killing processes, so that none is left behind.
//!
//! As a child subreaper, an executor becomes the parent of every process below it whose own parent
//! dies: all that its tasks ever started are its descendants, however they detach themselves.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

/// What `/proc` says of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// The id of its parent.
    pub parent: u32,
    /// The id of its process group.
    pub group: u32,
    /// The memory that it holds, in bytes.
    pub resident_bytes: u64,
    /// How long it has run by itself, in ticks of the kernel's clock.
    pub user_ticks: u64,
    /// How long the kernel has run for it, in the same ticks.
    pub system_ticks: u64,
    /// Its threads.
    pub threads: u64,
    /// Whether it has ended and waits for its parent to notice.
    pub is_zombie: bool,
}

/// Makes this process the parent of all processes below it that lose theirs.
pub fn become_subreaper() -> io::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(io::Error::from)
}

/// All processes that this one can see.
pub fn all() -> io::Result<Vec<Process>> {
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that ends meanwhile is not there any more.
        let Ok(stat) = std::fs::read(format!("/proc/{id}/stat")) else {
            continue;
        };
        processes.extend(parse_stat(id, &stat, page_bytes));
    }
    Ok(processes)
}

/// The processes below `root` that have not ended, parents before children. Not `root` itself.
pub fn descendants(root: u32) -> io::Result<Vec<Process>> {
    Ok(below(root, &[], &all()?))
}

/// Kills all processes below `root`, again and again until none is left, except `spare` and what
/// is below those. Returns how many it killed. Fails when some have not gone after ten seconds, as
/// happens to processes that wait for a device.
pub async fn kill_descendants(root: u32, spare: &[u32]) -> io::Result<usize> {
    kill_until_gone(|| Ok(below(root, spare, &all()?))).await
}

/// Kills what `find` finds until it finds nothing; returns how many that were.
async fn kill_until_gone(find: impl Fn() -> io::Result<Vec<Process>>) -> io::Result<usize> {
    let mut killed = HashSet::new();
    // A process ends some time after it is killed; the wait grows from 1 ms, 10 s in all.
    for round in 0..60_u64 {
        let left = find()?;
        if left.is_empty() {
            return Ok(killed.len());
        }
        for process in &left {
            kill(process.id, Signal::KILL);
            killed.insert(process.id);
        }
        let milliseconds = if round > 20 { 220 } else { round + 1 };
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    let message = "some processes do not end although they were killed";
    Err(io::Error::new(io::ErrorKind::TimedOut, message))
}

/// Sends a signal to a process; one that has ended does not mind.
pub(crate) fn kill(id: u32, signal: Signal) {
    if let Some(id) = pid(id) {
        let _ = rustix::process::kill_process(id, signal);
    }
}

/// Sends a signal to a process group; one that is empty does not mind.
pub fn kill_group(id: u32, signal: Signal) {
    if let Some(id) = pid(id) {
        let _ = rustix::process::kill_process_group(id, signal);
    }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// The processes of `all` below `root` that live, parents first, without `spare` and what is below.
pub fn below(root: u32, spare: &[u32], all: &[Process]) -> Vec<Process> {
    let mut children: HashMap<u32, Vec<&Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            if spare.contains(&process.id) {
                continue;
            }
            parents.push(process.id);
            if !process.is_zombie {
                found.push(*process);
            }
        }
    }
    found
}

/// Reads a line of `/proc/PID/stat`, in which the name stands in parentheses and may hold any byte.
fn parse_stat(id: u32, stat: &[u8], page_bytes: u64) -> Option<Process> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let fields: Vec<&str> =
        std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace().collect();
    Some(Process {
        id,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        resident_bytes: fields.get(21)?.parse::<u64>().ok()?.saturating_mul(page_bytes),
        user_ticks: fields.get(11)?.parse().ok()?,
        system_ticks: fields.get(12)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
    })
}

/// The processes that this one has started, each with what it is for, told apart from children that
/// were adopted.
#[derive(Debug)]
pub struct Children<T> {
    /// Held for reading from before a process starts until it is listed, for writing while
    /// adopted children are reaped: a child that is not listed was then surely adopted.
    starting: RwLock<()>,
    listed: Mutex<HashMap<u32, T>>,
}

impl<T> Default for Children<T> {
    fn default() -> Self {
        Self { starting: RwLock::default(), listed: Mutex::default() }
    }
}

impl<T: Clone> Children<T> {
    /// To be held from before a process is started until it is listed.
    pub fn starting(&self) -> RwLockReadGuard<'_, ()> {
        self.starting.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists a process that was started.
    pub fn insert(&self, id: u32, purpose: T) {
        self.lock().insert(id, purpose);
    }

    /// Strikes a process off the list, after it was reaped.
    pub fn remove(&self, id: u32) {
        self.lock().remove(&id);
    }

    /// What is listed, by process.
    pub fn listed(&self) -> HashMap<u32, T> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, T>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reaps the children that were adopted and have ended. Those that were started here are left
    /// to the ones that wait for them.
    pub fn reap_adopted(&self) -> io::Result<()> {
        let any = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if !matches!(rustix::process::waitid(WaitId::All, any), Ok(Some(_))) {
            return Ok(());
        }
        let _no_start = self.starting.write().unwrap_or_else(PoisonError::into_inner);
        let all = all()?;
        self.reap(&all);
        Ok(())
    }

    /// Kills the children that were adopted and everything below them, and reaps them. What is
    /// listed is spared, with everything below.
    pub async fn kill_orphans(&self) -> io::Result<usize> {
        kill_until_gone(|| {
            let _no_start = self.starting.write().unwrap_or_else(PoisonError::into_inner);
            let spare: Vec<u32> = self.lock().keys().copied().collect();
            let all = all()?;
            self.reap(&all);
            Ok(below(std::process::id(), &spare, &all))
        })
        .await
    }

    /// Reaps the adopted children among these that have ended. Nothing may be started meanwhile.
    fn reap(&self, all: &[Process]) {
        let own = std::process::id();
        let listed = self.lock();
        for process in all {
            let is_adopted =
                process.parent == own && process.is_zombie && !listed.contains_key(&process.id);
            if let Some(id) = pid(process.id).filter(|_| is_adopted) {
                let reap = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
                let _ = rustix::process::waitid(WaitId::Pid(id), reap);
            }
        }
    }
}

#[cfg(test)]
mod tests;
