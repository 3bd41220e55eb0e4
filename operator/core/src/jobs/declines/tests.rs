use super::{Culprit, Declines, backoff};
use crate::jobs::ExcludeOnFailure;

const POLICY: ExcludeOnFailure =
    ExcludeOnFailure { max_failures_per_node: 2, exclude_milliseconds: 1000 };

fn declined(declines: &Declines) -> Vec<(&str, u64)> {
    declines.until().collect()
}

#[test]
fn a_node_is_excluded_when_so_many_different_tasks_failed_on_it() {
    let mut declines = Declines::default();
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 1), 100, POLICY), None);
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 1), 200, POLICY), None, "the same task");
    assert_eq!(declines.note_failure("b", Culprit::Task(0, 2), 200, POLICY), None, "another node");
    assert_eq!(declines.note_failure("a", Culprit::Task(1, 1), 300, POLICY), Some(1300));
    assert!(declines.excludes("a") && !declines.excludes("b"));
    assert_eq!(declines.describe()[0].reason, "2 tasks failed on it");
    // What fails on the way out does not make it longer.
    assert_eq!(declines.note_failure("a", Culprit::Executor(0, 0), 900, POLICY), None);
    assert_eq!(declined(&declines), [("a", 1300)]);
    assert!(!declines.expire(1299));
    assert!(declines.expire(1300));
    assert!(!declines.excludes("a"));
}

#[test]
fn failures_are_forgotten() {
    let mut declines = Declines::default();
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 1), 0, POLICY), None);
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 2), 1000, POLICY), None);
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 3), 1999, POLICY), Some(2999));
    declines.expire(2999);
    assert!(declines.is_empty(), "{declines:?}");
}

#[test]
fn the_oldest_exclusion_is_the_first_to_be_lifted() {
    let mut declines = Declines::default();
    for (at, node) in [(1, "b"), (2, "c"), (3, "a")] {
        declines.note_failure(node, Culprit::Task(0, 0), at, POLICY);
        declines.note_failure(node, Culprit::Task(0, 1), at, POLICY);
    }
    assert_eq!(declines.excluded(), ["b".into(), "c".into(), "a".into()]);
    declines.lift("b");
    assert_eq!(declines.excluded(), ["c".into(), "a".into()]);
    assert_eq!(declined(&declines), [("a", 1003), ("c", 1002)]);
}

#[test]
fn waiting_doubles_while_executors_do_not_start() {
    let mut declines = Declines::default();
    assert_eq!(declines.note_not_started("a", "no image", 0), 1000);
    assert!(!declines.excludes("a"), "executors that did start go on");
    assert!(declines.expire(1000));
    assert_eq!(declined(&declines), []);
    assert_eq!(declines.note_not_started("a", "no image", 1000), 3000);
    declines.expire(3000);
    declines.note_started("a");
    assert_eq!(declines.note_not_started("a", "no image", 3000), 4000);
    assert_eq!(declines.describe()[0].reason, "an executor did not start on it: no image");
    // After a long while without failures it is as before.
    declines.expire(400_000);
    assert!(declines.is_empty(), "{declines:?}");
    assert_eq!([1, 2, 9, 10, 99].map(backoff), [1000, 2000, 256_000, 300_000, 300_000]);
}
