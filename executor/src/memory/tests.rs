use std::sync::Arc;

use super::*;

fn attempt(partition: u32) -> Attempt {
    Attempt { stage: Arc::from("s"), number: 0, partition }
}

fn process(id: u32, parent: u32, group: u32, mebibytes: u64) -> Process {
    Process { id, parent, group, resident_bytes: mebibytes << 20, ..Process::default() }
}

fn usage(processes: &[Process]) -> Usage {
    let leaders = HashMap::from([(10, attempt(0)), (20, attempt(1))]);
    Usage::of(1, &leaders, processes)
}

#[test]
fn processes_count_for_the_attempt_that_started_them() {
    let usage = usage(&[
        process(10, 1, 10, 1),
        process(20, 1, 20, 2),
        process(11, 10, 10, 4),
        // In a session of its own, but its parent lives.
        process(12, 11, 12, 8),
        // Its parent is gone, but it is in the group.
        process(21, 1, 20, 16),
        // Nobody's any more, nor its child.
        process(30, 1, 30, 32),
        process(31, 30, 30, 64),
    ]);
    assert_eq!(usage.attempts[&attempt(0)], 13 << 20);
    assert_eq!(usage.attempts[&attempt(1)], 18 << 20);
    assert_eq!((usage.strays_bytes, usage.strays), (96 << 20, vec![30, 31]));
}

#[test]
fn the_largest_attempt_goes_when_the_sum_is_over_the_limit() {
    let usage = usage(&[process(10, 1, 10, 300), process(20, 1, 20, 100)]);
    assert_eq!(usage.victim(400 << 20), None);
    let Some(Victim::Attempt(largest, failure)) = usage.victim((400 << 20) - 1) else {
        panic!("nobody goes");
    };
    assert_eq!(largest, attempt(0));
    assert_eq!(failure.reason, Reason::OutOfMemory);
    assert!(failure.message.starts_with(
        "used 300Mi; its executor has 400Mi for all its tasks, which used 400Mi together: raise \
         executor.memory"
    ));
}

#[test]
fn strays_go_when_they_are_larger_than_any_attempt() {
    let usage = usage(&[process(10, 1, 10, 100), process(30, 1, 30, 200)]);
    assert_eq!(usage.victim(200 << 20), Some(Victim::Strays(vec![30])));
    assert_eq!(Usage::default().victim(0), None);
}

#[test]
fn strays_alone_go_as_well() {
    let usage = usage(&[process(30, 1, 30, 200)]);
    assert_eq!(usage.victim(100 << 20), Some(Victim::Strays(vec![30])));
}

#[test]
fn the_kernel_s_count_in_files_of_both_versions() {
    let second = "low 0\nhigh 0\nmax 41\noom 3\noom_kill 2\noom_group_kill 0\n";
    assert_eq!(count_kills(second), Some(2));
    assert_eq!(count_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
    assert_eq!(count_kills("oom_kill_disable 0\nunder_oom 0\n"), None);
}
