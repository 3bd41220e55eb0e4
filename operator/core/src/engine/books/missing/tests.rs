use super::*;
use crate::ids::JobKey;

fn executor(index: u32) -> ExecutorKey {
    let job = JobKey { namespace: "default".into(), name: "j".into() };
    ExecutorKey { job, index, epoch: 0 }
}

#[test]
fn executors_wait_for_the_node_that_they_landed_on() {
    let mut missing = MissingNodes::default();
    missing.land(&executor(1), "n");
    missing.land(&executor(0), "n");
    missing.land(&executor(1), "n");
    missing.forget_landing(&executor(0));
    assert_eq!(missing.take_landed("n"), [executor(1)]);
    assert!(missing.take_landed("n").is_empty());
}

#[test]
fn a_node_is_missing_until_it_is_seen() {
    let mut missing = MissingNodes::default();
    missing.note("n");
    assert!(missing.contains("n"));
    assert!(missing.remove("n") && !missing.remove("n"));
}
