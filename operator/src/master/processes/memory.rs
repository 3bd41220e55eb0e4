//! Keeps tasks within their memory, as nothing else does for processes without a control group.

use std::time::Duration;

use proffer_executor::processes::{self, Process};
use proffer_mesos::types::{TaskInfo, ValueInMap};

use super::{Control, Table, lock, requested_bytes};

/// How often it is looked what tasks use.
const INTERVAL: Duration = Duration::from_millis(250);

/// What Mesos adds for the executor that is built in.
const EXECUTOR_MEBIBYTES: f64 = 32.0;

/// The memory that a task may use: its limit, or what it asked for.
pub(super) fn limit_bytes(task: &TaskInfo) -> Option<u64> {
    let limit = task.limits.get("mem").map(ValueInMap::amount);
    let mebibytes = limit.or_else(|| requested_bytes(task, "mem"))? + EXECUTOR_MEBIBYTES;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is bounded before"
    )]
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
        let has_tasks = lock(&table).values().any(|running| running.supervisor.is_some());
        let Ok(all) = (if has_tasks { processes::all() } else { continue }) else { continue };
        for running in lock(&table).values() {
            let (Some(supervisor), Some(limit)) = (running.supervisor, running.limit_bytes) else {
                continue;
            };
            let used = used_bytes(&all, supervisor);
            if used > limit {
                let (used, limit) = (used.div_ceil(1 << 20), limit >> 20);
                let problem =
                    format!("Memory limit exceeded: Requested: {limit}MB Maximum Used: {used}MB");
                running.control.send_replace(Control::OutOfMemory(problem));
            }
        }
    }
}

/// The memory of everything below a process.
fn used_bytes(all: &[Process], supervisor: u32) -> u64 {
    processes::below(supervisor, &[], all).iter().map(|process| process.resident_bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_uses_is_what_is_below_the_process_around_it() {
        let process = |id, parent| Process {
            id,
            parent,
            group: id,
            resident_bytes: 10,
            ..Process::default()
        };
        let all = [process(1, 0), process(2, 1), process(3, 2), process(4, 3), process(5, 1)];
        assert_eq!((used_bytes(&all, 2), used_bytes(&all, 5)), (20, 0));
    }
}
