//! Keeps tasks within their memory, as nothing else does for processes without a control group.

use std::time::Duration;

use proffer_executor::processes::{self, Process};
use proffer_mesos::types::TaskInfo;

use super::{Control, Table, lock, requested_bytes};

/// How often it is looked what tasks use.
const INTERVAL: Duration = Duration::from_millis(250);

/// What Mesos adds for the executor that is built in.
const EXECUTOR_MEBIBYTES: f64 = 32.0;

/// The memory that a task may use: its limit, or what it asked for.
pub(super) fn limit_bytes(task: &TaskInfo) -> Option<u64> {
    let limit = task.limits.get("mem").map(|limit| limit.value);
    let mebibytes = limit.or_else(|| requested_bytes(task, "mem"))? + EXECUTOR_MEBIBYTES;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is bounded before.
    let bytes = (mebibytes.clamp(0.0, 1e12) * 1_048_576.0) as u64;
    mebibytes.is_finite().then_some(bytes)
}

/// Kills tasks that use more than they may, for as long as somebody knows of the tasks.
pub(super) async fn watch(table: Table) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if std::sync::Arc::strong_count(&table) == 1 {
            return;
        }
        let has_tasks = lock(&table).values().any(|running| running.leader.is_some());
        let Ok(all) = (if has_tasks { processes::all() } else { continue }) else { continue };
        for running in lock(&table).values() {
            let (Some(leader), Some(limit)) = (running.leader, running.limit_bytes) else {
                continue;
            };
            let used = used_bytes(&all, leader);
            if used > limit {
                let (used, limit) = (used.div_ceil(1 << 20), limit >> 20);
                let problem =
                    format!("Memory limit exceeded: Requested: {limit}MB Maximum Used: {used}MB");
                running.control.send_replace(Control::OutOfMemory(problem));
            }
        }
    }
}

/// The memory of a process, of its group and of everything below it.
fn used_bytes(all: &[Process], leader: u32) -> u64 {
    let below = processes::below(leader, &[], all);
    let is_below = |id: u32| below.iter().any(|process| process.id == id);
    let own = all
        .iter()
        .filter(|process| process.id == leader || process.group == leader || is_below(process.id));
    own.map(|process| process.resident_bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(id: u32, parent: u32, group: u32) -> Process {
        Process { id, parent, group, resident_bytes: 10, is_zombie: false }
    }

    #[test]
    fn what_a_task_uses_is_what_all_its_processes_use() {
        let all = [
            process(1, 0, 1),
            process(2, 1, 2),
            process(3, 2, 3),
            process(4, 3, 4),
            process(5, 1, 2),
            process(6, 1, 6),
        ];
        assert_eq!(used_bytes(&all, 2), 40);
        assert_eq!(used_bytes(&all, 6), 10);
    }
}
