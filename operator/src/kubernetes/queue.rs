//! What waits to be written: one write at a time to each target, so many at a time in all, and pauses
//! that double for targets whose writes fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proffer_core::ExecutorKey;
use proffer_core::jobs::JobKey;
use proffer_core::time::{Span, Time};

use super::grants::Grant;
use super::pod::ObjectName;
use super::wishes::{
    DriverWish, ExecutorWish, GrantWish, JobWish, NodeWish, PodWish, PoolWish, Replaces, Target,
    Wish,
};

/// The pause after the first failed write to a target, and how often it doubles.
const FIRST_PAUSE: Span = Span::from_milliseconds(100);
const DOUBLINGS: u32 = 8;

/// What waits to be written.
#[derive(Debug)]
pub(crate) struct Queue {
    /// What waits for executors.
    pub(crate) executors: Lane<ExecutorKey, ExecutorWish>,
    /// What waits for drivers.
    pub(crate) drivers: Lane<ExecutorKey, DriverWish>,
    /// What waits for pods.
    pub(crate) pods: Lane<ObjectName, PodWish>,
    /// What waits for jobs.
    jobs: Lane<JobKey, JobWish>,
    /// What waits for pools.
    pools: Lane<Box<str>, PoolWish>,
    /// What waits for nodes.
    nodes: Lane<Box<str>, NodeWish>,
    /// What waits to be granted.
    grants: Lane<Grant, GrantWish>,
    ready: VecDeque<Target>,
    paused: BTreeSet<(Time, Target)>,
    in_flight: usize,
    most_in_flight: usize,
    budget: Budget,
}

/// What waits for the targets of one kind.
#[derive(Debug)]
pub(crate) struct Lane<K, W> {
    targets: BTreeMap<K, Waiting<W>>,
}

#[derive(Debug)]
struct Waiting<W> {
    wishes: VecDeque<W>,
    in_flight: bool,
    failures: u32,
}

/// What is known of a target when a write to it is over.
struct Over {
    /// Whether the write was on its way.
    was_in_flight: bool,
    next: Next,
}

/// What follows when a write to a target is over.
enum Next {
    /// Nothing.
    Nothing,
    /// What waits may be written.
    IsReady,
    /// It is tried again after the pause that follows so many failures.
    PausesAfter(u32),
}

/// How many writes there may be in a second: what was not used up to one second's worth is kept.
#[derive(Debug)]
struct Budget {
    per_second: u64,
    /// In thousandths of a write.
    left: u64,
    at: Time,
}

impl Queue {
    /// A queue from which so many writes are taken at a time, and so many in a second.
    pub(crate) fn new(most_in_flight: usize, per_second: u32) -> Self {
        let per_second = u64::from(per_second.max(1));
        Self {
            executors: Lane::new(),
            drivers: Lane::new(),
            pods: Lane::new(),
            jobs: Lane::new(),
            pools: Lane::new(),
            nodes: Lane::new(),
            grants: Lane::new(),
            ready: VecDeque::new(),
            paused: BTreeSet::new(),
            in_flight: 0,
            most_in_flight: most_in_flight.max(1),
            budget: Budget { per_second, left: per_second * 1000, at: Time::ZERO },
        }
    }

    /// Adds what should be written; it replaces what it makes needless.
    pub(crate) fn push(&mut self, wish: Wish) {
        let target = wish.target();
        let is_ready = match wish {
            Wish::Executor(key, wish) => self.executors.push(key, wish),
            Wish::Driver(key, wish) => self.drivers.push(key, wish),
            Wish::Job(key, wish) => self.jobs.push(key, wish),
            Wish::Pool(name, wish) => self.pools.push(name, wish),
            Wish::Pod(name, wish) => self.pods.push(name, wish),
            Wish::Node(name, wish) => self.nodes.push(name, wish),
            Wish::Grant(grant) => self.grants.push(grant, GrantWish),
        };
        if is_ready {
            self.ready.push_back(target);
        }
    }

    /// The next one that may be written now. It has to be answered by [`Queue::done`].
    pub(crate) fn next(&mut self, now: Time) -> Option<Wish> {
        while let Some((at, target)) = self.paused.first().filter(|(at, _)| *at <= now).cloned() {
            self.paused.remove(&(at, target.clone()));
            self.ready.push_back(target);
        }
        self.budget.refill(now);
        while self.in_flight < self.most_in_flight && self.budget.left >= 1000 {
            let turn = match self.ready.pop_front()? {
                Target::Executor(key) => self.executors.begin(key, Wish::Executor),
                Target::Driver(key) => self.drivers.begin(key, Wish::Driver),
                Target::Job(key) => self.jobs.begin(key, Wish::Job),
                Target::Pool(name) => self.pools.begin(name, Wish::Pool),
                Target::Pod(name) => self.pods.begin(name, Wish::Pod),
                Target::Node(name) => self.nodes.begin(name, Wish::Node),
                Target::Grant(grant) => {
                    self.grants.begin(grant, |grant, GrantWish| Wish::Grant(grant))
                }
            };
            if let Some(wish) = turn {
                self.in_flight += 1;
                self.budget.left -= 1000;
                return Some(wish);
            }
        }
        None
    }

    /// Takes in that a write is over, and whether it has to be tried again later.
    pub(crate) fn done(&mut self, now: Time, target: &Target, failed: bool) {
        let over = match target {
            Target::Executor(key) => self.executors.done(key, failed),
            Target::Driver(key) => self.drivers.done(key, failed),
            Target::Job(key) => self.jobs.done(key, failed),
            Target::Pool(name) => self.pools.done(name, failed),
            Target::Pod(name) => self.pods.done(name, failed),
            Target::Node(name) => self.nodes.done(name, failed),
            Target::Grant(grant) => self.grants.done(grant, failed),
        };
        let Some(Over { was_in_flight, next }) = over else { return };
        if was_in_flight {
            self.in_flight -= 1;
        }
        match next {
            Next::Nothing => {}
            Next::IsReady => self.ready.push_back(target.clone()),
            Next::PausesAfter(failures) => {
                // Targets that fail at once are not tried again at once: the pause depends on the name.
                let pause = FIRST_PAUSE.doubled(failures.min(DOUBLINGS));
                let more = scatter(target) % pause.as_milliseconds();
                let pause = pause + Span::from_milliseconds(more);
                self.paused.insert((now + pause, target.clone()));
            }
        }
    }

    /// When to look again, if nothing happens before.
    pub(crate) fn wakeup(&self, now: Time) -> Option<Time> {
        let paused = self.paused.first().map(|&(at, _)| at);
        let lacks = !self.ready.is_empty() && self.in_flight < self.most_in_flight;
        let refilled = lacks.then(|| now + self.budget.each());
        paused.into_iter().chain(refilled).min()
    }

    /// How many targets have something to be written.
    pub(crate) fn depth(&self) -> usize {
        self.executors.targets.len()
            + self.drivers.targets.len()
            + self.jobs.targets.len()
            + self.pools.targets.len()
            + self.pods.targets.len()
            + self.nodes.targets.len()
            + self.grants.targets.len()
    }
}

impl<K: Ord, W: Replaces> Lane<K, W> {
    fn new() -> Self {
        Self { targets: BTreeMap::new() }
    }

    /// Drops what waits for a target that is of no use any more.
    pub(crate) fn drop_waiting(&mut self, target: &K, needless: impl Fn(&W) -> bool) {
        if let Some(waiting) = self.targets.get_mut(target) {
            waiting.wishes.retain(|wish| !needless(wish));
        }
    }

    /// Whether something is being written to a target.
    pub(crate) fn is_in_flight(&self, target: &K) -> bool {
        self.targets.get(target).is_some_and(|waiting| waiting.in_flight)
    }

    /// Adds what should be written; says whether its target was idle and may be written to now.
    fn push(&mut self, target: K, wish: W) -> bool {
        let waiting = self.targets.entry(target).or_default();
        let is_idle = waiting.wishes.is_empty() && !waiting.in_flight;
        waiting.wishes.retain(|older| !wish.replaces(older));
        waiting.wishes.push_back(wish);
        is_idle && waiting.failures == 0
    }

    /// Begins with what waits longest for a target, unless something is on its way to it.
    fn begin(&mut self, target: K, wish: impl Fn(K, W) -> Wish) -> Option<Wish> {
        let waiting = self.targets.get_mut(&target).filter(|it| !it.in_flight)?;
        let Some(next) = waiting.wishes.pop_front() else {
            self.targets.remove(&target);
            return None;
        };
        waiting.in_flight = true;
        Some(wish(target, next))
    }

    /// Takes in that a write is over; `None` if nothing is known of its target.
    fn done(&mut self, target: &K, failed: bool) -> Option<Over> {
        let waiting = self.targets.get_mut(target)?;
        let was_in_flight = std::mem::take(&mut waiting.in_flight);
        if failed {
            let failures = waiting.failures;
            waiting.failures += 1;
            return Some(Over { was_in_flight, next: Next::PausesAfter(failures) });
        }
        waiting.failures = 0;
        let is_over = waiting.wishes.is_empty();
        if is_over {
            self.targets.remove(target);
        }
        Some(Over { was_in_flight, next: if is_over { Next::Nothing } else { Next::IsReady } })
    }
}

impl<W> Default for Waiting<W> {
    fn default() -> Self {
        Self { wishes: VecDeque::new(), in_flight: false, failures: 0 }
    }
}

impl Budget {
    /// How long one write takes to come back.
    fn each(&self) -> Span {
        Span::from_milliseconds(1000_u64.div_ceil(self.per_second))
    }

    fn refill(&mut self, now: Time) {
        let passed = now.since(self.at).as_milliseconds().min(1000);
        self.left = (self.left + passed * self.per_second).min(self.per_second * 1000);
        self.at = now;
    }
}

/// A number that differs from target to target (FNV-1a).
fn scatter(target: &Target) -> u64 {
    let text = match target {
        // A driver is an executor of its job, too.
        Target::Driver(key) => format!("Executor({key:?})"),
        Target::Executor(_)
        | Target::Job(_)
        | Target::Pool(_)
        | Target::Pod(_)
        | Target::Node(_)
        | Target::Grant(_) => format!("{target:?}"),
    };
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
