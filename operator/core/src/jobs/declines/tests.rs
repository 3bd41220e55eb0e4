use super::{Culprit, Declines, backoff};
use crate::jobs::ExcludeOnFailure;
use crate::time::{Span, Time};

const POLICY: ExcludeOnFailure =
    ExcludeOnFailure { max_failures_per_node: 2, exclude_milliseconds: Span::from_seconds(1) };

fn at(milliseconds: u64) -> Time {
    Time::from_milliseconds(milliseconds)
}

fn declined(declines: &Declines) -> Vec<(&str, u64)> {
    declines.until().map(|(node, until)| (node, until.as_milliseconds())).collect()
}

#[test]
fn a_node_is_excluded_when_so_many_different_tasks_failed_on_it() {
    let mut declines = Declines::default();
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 1), at(100), POLICY), None);
    assert_eq!(
        declines.note_failure("a", Culprit::Task(0, 1), at(200), POLICY),
        None,
        "the same task"
    );
    assert_eq!(
        declines.note_failure("b", Culprit::Task(0, 2), at(200), POLICY),
        None,
        "another node"
    );
    assert_eq!(declines.note_failure("a", Culprit::Task(1, 1), at(300), POLICY), Some(at(1300)));
    assert!(declines.excludes("a") && !declines.excludes("b"));
    assert_eq!(declines.describe()[0].reason, "2 tasks failed on it");
    // What fails on the way out does not make it longer.
    assert_eq!(declines.note_failure("a", Culprit::Executor(0, 0), at(900), POLICY), None);
    assert_eq!(declined(&declines), [("a", 1300)]);
    assert!(!declines.expire(at(1299)));
    assert!(declines.expire(at(1300)));
    assert!(!declines.excludes("a"));
}

#[test]
fn failures_are_forgotten() {
    let mut declines = Declines::default();
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 1), at(0), POLICY), None);
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 2), at(1000), POLICY), None);
    assert_eq!(declines.note_failure("a", Culprit::Task(0, 3), at(1999), POLICY), Some(at(2999)));
    declines.expire(at(2999));
    assert!(declines.is_empty(), "{declines:?}");
}

#[test]
fn the_oldest_exclusion_is_the_first_to_be_lifted() {
    let mut declines = Declines::default();
    for (time, node) in [(1, "b"), (2, "c"), (3, "a")] {
        declines.note_failure(node, Culprit::Task(0, 0), at(time), POLICY);
        declines.note_failure(node, Culprit::Task(0, 1), at(time), POLICY);
    }
    assert_eq!(declines.excluded(), ["b".into(), "c".into(), "a".into()]);
    declines.lift("b");
    assert_eq!(declines.excluded(), ["c".into(), "a".into()]);
    assert_eq!(declined(&declines), [("a", 1003), ("c", 1002)]);
}

#[test]
fn waiting_doubles_while_executors_do_not_start() {
    let mut declines = Declines::default();
    assert_eq!(declines.note_not_started("a", "no image", at(0)), at(1000));
    assert!(!declines.excludes("a"), "executors that did start go on");
    assert!(declines.expire(at(1000)));
    assert_eq!(declined(&declines), []);
    assert_eq!(declines.note_not_started("a", "no image", at(1000)), at(3000));
    declines.expire(at(3000));
    declines.note_started("a");
    assert_eq!(declines.note_not_started("a", "no image", at(3000)), at(4000));
    assert_eq!(declines.describe()[0].reason, "an executor did not start on it: no image");
    // After a long while without failures it is as before.
    declines.expire(at(400_000));
    assert!(declines.is_empty(), "{declines:?}");
    assert_eq!(
        [1, 2, 9, 10, 99].map(|strikes| backoff(strikes).as_seconds()),
        [1, 2, 256, 300, 300]
    );
}
