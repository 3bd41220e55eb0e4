use std::cell::Cell;

use super::*;

thread_local! {
    /// How far both clocks have gone since the test began, in milliseconds.
    static CLOCKS: Cell<(u64, i64)> = const { Cell::new((0, 0)) };
    static BEGIN: Instant = Instant::now();
}

/// When the wall's clock begins, in milliseconds since 1970.
const WALL: i64 = 1_700_000_000_000;

fn read() -> Reading {
    let (steady, wall) = CLOCKS.get();
    let wall = u64::try_from(WALL + wall).unwrap();
    Reading {
        steady: BEGIN.with(|begin| *begin + Duration::from_millis(steady)),
        wall: Time::from_milliseconds(wall),
    }
}

fn after(milliseconds: u64) -> Time {
    Time::from_milliseconds(1_700_000_000_000 + milliseconds)
}

const HOUR: i64 = 3_600_000;

#[test]
fn time_goes_on_whatever_happens_to_the_wall() {
    let mut clock = Clock::start(read);
    assert_eq!(clock.now(), after(0));
    for wall in [5_000, 5_000 - HOUR, 5_000 + 24 * HOUR, -WALL] {
        CLOCKS.set((5_000, wall));
        assert_eq!(clock.now(), after(5_000), "{wall}");
        clock.take_step();
        assert_eq!(clock.now(), after(5_000), "{wall}");
    }
    let then = clock.instant(after(60_000));
    assert_eq!(then.duration_since(read().steady), Duration::from_secs(55));
}

#[test]
fn a_step_beyond_a_minute_is_told_once() {
    let mut clock = Clock::start(read);
    CLOCKS.set((10_000, 70_000));
    assert_eq!(clock.take_step(), None);
    CLOCKS.set((10_000, 10_000 - HOUR));
    assert_eq!(clock.take_step(), Some(Step(-HOUR)));
    assert_eq!(clock.take_step(), None);
    CLOCKS.set((90_000, 90_000));
    let step = clock.take_step().unwrap();
    assert_eq!(step, Step(HOUR));
    assert!(
        step.to_string().starts_with("the clock of this machine was set forward by 3600 seconds;")
    );
    assert_eq!(clock.take_step(), None);
}

#[test]
fn what_is_written_by_a_wall_that_was_set_is_read_as_when_it_was() {
    let mut clock = Clock::start(read);
    assert_eq!(clock.wall().read(after(3)), after(3));
    for (wall, written) in [(-HOUR, WALL - HOUR), (HOUR, WALL + HOUR)] {
        CLOCKS.set((0, wall));
        clock.take_step();
        // Written now, by the wall.
        let written = Time::from_milliseconds(u64::try_from(written).unwrap());
        assert_eq!(clock.wall().read(written), clock.now());
        assert_eq!(clock.wall().write(clock.now()), written);
    }
    CLOCKS.set((0, -WALL));
    clock.take_step();
    assert_eq!(clock.wall().read(Time::ZERO), clock.now());
}
