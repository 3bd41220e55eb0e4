use std::cell::Cell;
use std::cmp::Ordering;

use super::*;

thread_local! {
    static COMPARISONS: Cell<u64> = const { Cell::new(0) };
}

/// A job that counts how often one was compared with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted(u64);

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> Ordering {
        COMPARISONS.set(COMPARISONS.get() + 1);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn at(seconds: u64) -> Time {
    Time::ZERO + crate::time::Span::from_seconds(seconds)
}

/// How many comparisons it takes to forget one of so many jobs, on average, when all of them go.
fn comparisons_to_forget_one_of(jobs: u64) -> u64 {
    let mut timers = Timers::default();
    for job in 0..jobs {
        timers.set(at(jobs - job), Counted(job));
        timers.set(at(2 * jobs), Counted(job));
    }
    COMPARISONS.set(0);
    (0..jobs).rev().for_each(|job| timers.forget(Counted(job)));
    assert_eq!(timers.next(), None);
    COMPARISONS.get() / jobs
}

#[test]
fn a_job_that_goes_takes_no_longer_the_more_others_there_are() {
    let (few, many) = (comparisons_to_forget_one_of(256), comparisons_to_forget_one_of(8192));
    assert!(many < 3 * few, "{few} comparisons for one of 256 jobs, {many} for one of 8192");
}

#[test]
fn all_times_of_a_job_are_forgotten_and_no_others() {
    let mut timers = Timers::default();
    for (time, job) in [(1, 0), (5, 0), (5, 1), (7, 1)] {
        timers.set(at(time), job);
    }
    timers.forget(0);
    assert_eq!(timers.next(), Some(at(5)));
    assert!(timers.wakes_by(at(5), 1) && !timers.wakes_by(at(4), 1) && !timers.wakes_by(at(9), 0));
    assert_eq!(timers.check(|job| job == 1), Ok(()));
    assert!(timers.check(|_| false).is_err());
    assert_eq!(
        (timers.take(at(5)), timers.take(at(6)), timers.take(at(7))),
        (Some(1), None, Some(1))
    );
    assert_eq!(timers.check(|_| true), Ok(()));
}
