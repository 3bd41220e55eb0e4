//! What tasks use, for those who ask their agent.

use std::collections::BTreeMap;
use std::fmt;

use proffer_executor::processes::{self, Process};

use super::{Table, TaskKey, lock};

/// What everything below the process around a task uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// The time that it has run by itself, in seconds.
    pub(crate) user_seconds: f64,
    /// The time that the kernel has run for it, in seconds.
    pub(crate) system_seconds: f64,
    /// The memory that it holds.
    pub(crate) resident_bytes: u64,
    /// Its processes.
    pub(crate) processes: u64,
    /// Their threads.
    pub(crate) threads: u64,
}

impl Usage {
    fn of(below: &[Process], ticks_per_second: u64) -> Self {
        let sum = |field: fn(&Process) -> u64| {
            below.iter().fold(0_u64, |sum, process| sum.saturating_add(field(process)))
        };
        #[expect(clippy::cast_precision_loss, reason = "exact for longer than any task runs")]
        let seconds = |ticks: u64| ticks as f64 / ticks_per_second.max(1) as f64;
        Self {
            user_seconds: seconds(sum(|process| process.user_ticks)),
            system_seconds: seconds(sum(|process| process.system_ticks)),
            resident_bytes: sum(|process| process.resident_bytes),
            processes: sum(|_| 1),
            threads: sum(|process| process.threads),
        }
    }
}

/// Measures tasks, if they are processes of this machine.
#[derive(Clone, Default)]
pub(crate) struct Meter(Option<Table>);

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.0.is_some()).finish()
    }
}

impl Meter {
    pub(super) fn of(table: Table) -> Self {
        Self(Some(table))
    }

    /// What each task uses now, as far as that can be seen. What has ended before does not count.
    pub(crate) fn measure(&self) -> BTreeMap<TaskKey, Usage> {
        let Some(table) = &self.0 else { return BTreeMap::new() };
        let around: Vec<(TaskKey, u32)> = lock(table)
            .iter()
            .filter_map(|(key, running)| Some((key.clone(), running.supervisor?)))
            .collect();
        let Ok(all) = (if around.is_empty() { Ok(Vec::new()) } else { processes::all() }) else {
            return BTreeMap::new();
        };
        let ticks = rustix::param::clock_ticks_per_second();
        let usage = |around| Usage::of(&processes::below(around, &[], &all), ticks);
        around.into_iter().map(|(key, around)| (key, usage(around))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_process_is_added_up() {
        let process = |id, user_ticks| Process {
            id,
            user_ticks,
            system_ticks: 50,
            resident_bytes: 4096,
            threads: 2,
            ..Process::default()
        };
        let usage = Usage::of(&[process(2, 100), process(3, 250)], 100);
        let expected = Usage {
            user_seconds: 3.5,
            system_seconds: 1.0,
            resident_bytes: 8192,
            processes: 2,
            threads: 4,
        };
        assert_eq!(usage, expected);
        assert_eq!(Usage::of(&[], 100), Usage::default());
        assert!(Meter::default().measure().is_empty());
    }
}
