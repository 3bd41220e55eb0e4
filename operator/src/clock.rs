//! The clock by which everything is decided.
//!
//! A machine has two: one that only goes on, and one of the wall, which is set now and then. Timers follow
//! the first, which is read as time since 1970 from what the second said at the start. The second is for
//! people, and for the times that they and the API server write into objects: those are turned into the
//! first one's when they are read.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proffer_core::time::{Span, Time};
use tokio::time::Instant;

/// The wall's clock is never quite right; from here on it was set.
const STEP_MILLISECONDS: u64 = 60_000;

/// Both clocks of a machine, read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The clock that only goes on.
    pub(crate) steady: Instant,
    /// The clock of the wall, since 1970.
    pub(crate) wall: Time,
}

/// The time since 1970 by the clock that only goes on.
pub(crate) struct Clock {
    read: fn() -> Reading,
    start: Reading,
    wall: Wall,
}

/// How far the clock of the wall is ahead of the one that decides, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wall(i64);

/// By how many milliseconds the clock of the wall was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step(i64);

impl Reading {
    /// The clocks of this machine.
    pub(crate) fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { steady: Instant::now(), wall: Time::ZERO + wall.into() }
    }
}

impl Clock {
    /// A clock that begins with what the wall's says.
    pub(crate) fn start(read: fn() -> Reading) -> Self {
        Self { read, start: read(), wall: Wall::default() }
    }

    /// The time, which never goes back.
    pub(crate) fn now(&self) -> Time {
        self.time_of((self.read)())
    }

    /// When a time is, or was.
    pub(crate) fn instant(&self, at: Time) -> Instant {
        self.start.steady + Duration::from(at.since(self.start.wall))
    }

    /// How times of objects are read.
    pub(crate) fn wall(&self) -> Wall {
        self.wall
    }

    /// Whether the wall's clock was set since this was asked last.
    pub(crate) fn take_step(&mut self) -> Option<Step> {
        let reading = (self.read)();
        let ahead = difference(reading.wall, self.time_of(reading));
        let step = ahead.saturating_sub(self.wall.0);
        if step.unsigned_abs() <= STEP_MILLISECONDS {
            return None;
        }
        self.wall = Wall(ahead);
        Some(Step(step))
    }

    fn time_of(&self, reading: Reading) -> Time {
        self.start.wall + reading.steady.duration_since(self.start.steady).into()
    }
}

impl Wall {
    /// A wall whose clock is so far ahead.
    #[cfg(test)]
    pub(crate) fn ahead_by(span: Span) -> Self {
        Self(i64::try_from(span.as_milliseconds()).unwrap_or(i64::MAX))
    }

    /// A time that somebody wrote by the wall's clock, by the one that decides.
    pub(crate) fn read(self, written: Time) -> Time {
        let span = Span::from_milliseconds(self.0.unsigned_abs());
        if self.0 > 0 { written - span } else { written + span }
    }

    /// A time by the clock that decides, as the wall's will show it.
    pub(crate) fn write(self, decided: Time) -> Time {
        Self(self.0.saturating_neg()).read(decided)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.0 < 0 { "back" } else { "forward" };
        let seconds = self.0.unsigned_abs() / 1000;
        write!(
            formatter,
            "the clock of this machine was set {direction} by {seconds} seconds; timers go on as if it \
             had not been, and times that Proffer writes are by the old clock until it starts again"
        )
    }
}

/// How far one time is after another, in milliseconds.
fn difference(one: Time, other: Time) -> i64 {
    let milliseconds = |span: Span| i64::try_from(span.as_milliseconds()).unwrap_or(i64::MAX);
    milliseconds(one.since(other)) - milliseconds(other.since(one))
}

#[cfg(test)]
mod tests;
