use super::{Amounts, Timeline};
use crate::simulate::units::Fraction;
use proffer_core::time::Time;

const TOTAL: Amounts = Amounts { cpu: 4000, memory: 1 << 30 };

fn cpu(cpu: i64) -> Amounts {
    Amounts { cpu, memory: 0 }
}

fn means(timeline: &Timeline, (from, to): (u64, u64), count: u32) -> Vec<String> {
    let window = (Time::from_milliseconds(from), Time::from_milliseconds(to));
    let means = timeline.means(window, count, 2, |held| held.cpu_share(TOTAL));
    means
        .into_iter()
        .map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn means_weigh_what_was_held_by_how_long() {
    let mut timeline = Timeline::default();
    timeline.note(Time::from_milliseconds(10), &[cpu(4000), cpu(0)]);
    timeline.note(Time::from_milliseconds(20), &[cpu(2000), cpu(1000)]);
    timeline.note(Time::from_milliseconds(40), &[cpu(0), cpu(0)]);
    assert_eq!(means(&timeline, (10, 40), 1), ["66.7% 16.7%"]);
    assert_eq!(means(&timeline, (10, 40), 3), ["100.0% 0.0%", "50.0% 25.0%", "50.0% 25.0%"]);
    // Parts that end between two notes, before the first and after the last.
    assert_eq!(
        means(&timeline, (0, 60), 4),
        ["33.3% 0.0%", "66.7% 16.7%", "33.3% 16.7%", "0.0% 0.0%"]
    );
    assert_eq!(means(&timeline, (10, 10), 1), ["0.0% 0.0%"]);
}

#[test]
fn the_last_note_of_a_moment_counts() {
    let mut timeline = Timeline::default();
    timeline.note(Time::ZERO, &[cpu(4000), cpu(0)]);
    timeline.note(Time::ZERO, &[cpu(1000), cpu(0)]);
    timeline.note(Time::from_milliseconds(5), &[cpu(1000), cpu(0)]);
    assert_eq!(timeline.steps.len(), 1);
    assert_eq!(means(&timeline, (0, 10), 1), ["25.0% 0.0%"]);
}

#[test]
fn the_dominant_share_is_the_larger_one() {
    let held = Amounts { cpu: 1000, memory: 1 << 29 };
    assert_eq!(held.dominant_share(TOTAL), Fraction::new(1, 2));
    assert_eq!(held.dominant_share(Amounts::default()), Fraction::default());
}
