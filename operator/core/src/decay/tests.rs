use super::*;
use crate::resources::Kind;
use crate::time::Span;
use proptest::prelude::*;

fn cpu(amount: i64) -> Resources {
    let mut resources = Resources::NONE;
    resources[Kind::CPU] = amount;
    resources
}

#[test]
fn half_is_left_after_a_half_life() {
    let left = |milliseconds| {
        let decay = Decay::after(Span::from_milliseconds(milliseconds), Span::from_seconds(1));
        decay.mean(&cpu(1_000_000), &cpu(0))[Kind::CPU]
    };
    assert_eq!((left(0), left(1000), left(2000)), (1_000_000, 500_000, 250_000));
    assert_eq!(left(500), 707_106);
    assert_eq!(left(40_000), 0);
    let (once, shortest) = (Span::from_milliseconds(5), Span::from_milliseconds(1));
    assert_eq!(
        Decay::after(once, Span::ZERO),
        Decay::after(once, shortest),
        "a half-life of nothing forgets at once"
    );
}

#[test]
fn the_mean_moves_towards_what_is_held() {
    let decay = Decay::after(Span::from_seconds(1), Span::from_seconds(1));
    assert_eq!(decay.mean(&cpu(4000), &cpu(8000)), cpu(6000));
    assert_eq!(decay.mean(&cpu(8000), &cpu(4000)), cpu(6000));
    assert_eq!(decay.mean(&cpu(4000), &cpu(4000)), cpu(4000));
    let most = cpu(i64::MAX);
    assert_eq!(decay.mean(&most, &most), most);
}

proptest! {
    /// It does not matter in how many steps time passes, up to rounding.
    #[test]
    fn two_steps_are_one(first in 0..100_000_u64, second in 0..100_000_u64, half_life in 1..50_000_u64) {
        let past = cpu(1 << 40);
        let (first, second) = (Span::from_milliseconds(first), Span::from_milliseconds(second));
        let half_life = Span::from_milliseconds(half_life);
        let step = |past: &Resources, elapsed| Decay::after(elapsed, half_life).mean(past, &cpu(0));
        let two = step(&step(&past, first), second)[Kind::CPU];
        let one = step(&past, first + second)[Kind::CPU];
        prop_assert!(two.abs_diff(one) <= (one.unsigned_abs() >> 12) + 4096, "{two} {one}");
    }
}
