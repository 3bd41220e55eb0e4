use proffer_core::action::Assignment;
use proffer_core::event::StageAttempts;
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;
use proffer_core::{ExecutorKey, ranges::Ranges};

use super::super::wishes::{ExecutorWish, Target, Wish};
use super::Queue;

fn key(index: u32) -> ExecutorKey {
    let job = JobKey { namespace: "ns".into(), name: "j".into() };
    ExecutorKey { job, index, epoch: 0 }
}

fn target(index: u32) -> Target {
    Target::Executor(key(index))
}

fn wish(index: u32, wish: ExecutorWish) -> Wish {
    Wish::Executor(key(index), wish)
}

fn assign(number: u64) -> ExecutorWish {
    let partitions = Ranges::one(0);
    let attempts = vec![StageAttempts { stage: "s".into(), attempt: 0, partitions }];
    ExecutorWish::Assign(Assignment { key: key(0), number, acknowledged_report: 0, attempts })
}

#[test]
fn one_write_at_a_time_to_each_object() {
    let mut queue = Queue::new(8, 1000);
    queue.push(wish(0, ExecutorWish::Read));
    queue.push(wish(0, assign(1)));
    queue.push(wish(1, assign(1)));
    assert_eq!(queue.next(Time::ZERO), Some(wish(0, ExecutorWish::Read)));
    assert_eq!(queue.next(Time::ZERO), Some(wish(1, assign(1))));
    assert_eq!(queue.next(Time::ZERO), None, "the first is on its way");
    queue.done(Time::ZERO, &target(0), false);
    assert_eq!(queue.next(Time::ZERO), Some(wish(0, assign(1))));
}

#[test]
fn a_newer_one_replaces_what_waits_and_not_what_is_on_its_way() {
    let mut queue = Queue::new(8, 1000);
    queue.push(wish(0, assign(1)));
    queue.next(Time::ZERO);
    queue.push(wish(0, assign(2)));
    queue.push(wish(0, assign(3)));
    queue.done(Time::ZERO, &target(0), false);
    assert_eq!(queue.next(Time::ZERO), Some(wish(0, assign(3))));
    queue.push(wish(0, assign(4)));
    queue.push(wish(0, ExecutorWish::Remove));
    queue.done(Time::ZERO, &target(0), false);
    assert_eq!(
        queue.next(Time::ZERO),
        Some(wish(0, ExecutorWish::Remove)),
        "there is nothing to assign to"
    );
    queue.done(Time::ZERO, &target(0), false);
    assert_eq!((queue.next(Time::ZERO), queue.depth()), (None, 0));
}

#[test]
fn pauses_double_and_end_with_success() {
    let mut queue = Queue::new(8, 1000);
    let mut now = Time::ZERO;
    let mut pauses = Vec::new();
    for number in 0..4 {
        queue.push(wish(0, assign(number)));
        assert!(queue.next(now).is_some());
        queue.done(now, &target(0), true);
        queue.push(wish(0, assign(number)));
        assert_eq!(queue.next(now), None);
        let at = queue.wakeup(now).unwrap();
        pauses.push(at.since(now));
        now = at;
    }
    assert!(pauses.windows(2).all(|pair| pair[1] > pair[0]), "{pauses:?}");
    assert!(queue.next(now).is_some());
    queue.done(now, &target(0), false);
    queue.push(wish(0, assign(9)));
    assert!(queue.next(now).is_some(), "it counts from the start again");
}

#[test]
fn so_many_at_a_time_and_in_a_second() {
    let mut queue = Queue::new(2, 3);
    for index in 0..6 {
        queue.push(wish(index, ExecutorWish::Remove));
    }
    assert!(queue.next(Time::ZERO).is_some() && queue.next(Time::ZERO).is_some());
    assert_eq!(queue.next(Time::ZERO), None, "two are on their way");
    queue.done(Time::ZERO, &target(0), false);
    queue.done(Time::ZERO, &target(1), false);
    assert!(queue.next(Time::ZERO).is_some());
    assert_eq!(queue.next(Time::ZERO), None, "three in the first second");
    assert_eq!(queue.wakeup(Time::ZERO), Some(Time::from_milliseconds(334)));
    assert!(queue.next(Time::from_milliseconds(334)).is_some());
}
