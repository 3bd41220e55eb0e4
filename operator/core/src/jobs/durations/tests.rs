use proptest::prelude::*;

use super::{Durations, class, longest};
use crate::time::Span;

fn median(durations: &[u64]) -> Option<u64> {
    let mut counts = Durations::default();
    durations.iter().for_each(|&duration| counts.add(Span::from_milliseconds(duration)));
    counts.median().map(Span::as_milliseconds)
}

#[test]
fn the_median_is_the_lower_one() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[7]), Some(7));
    assert_eq!(median(&[50, 3]), Some(3));
    assert_eq!(median(&[50, 3, 9]), Some(9));
    assert_eq!(median(&[0, 0, 60_000]), Some(0));
}

proptest! {
    #[test]
    fn a_class_is_at_most_a_32nd_wide(duration in prop_oneof![0..200_u64, any::<u64>()]) {
        let longest = longest(class(Span::from_milliseconds(duration))).as_milliseconds();
        prop_assert!(longest >= duration);
        prop_assert!(longest - duration <= duration / 32, "{duration}: {longest}");
    }

    #[test]
    fn longer_durations_are_in_later_classes(duration in 0..u64::MAX) {
        let class = |duration| class(Span::from_milliseconds(duration));
        prop_assert!(class(duration) <= class(duration + 1));
        prop_assert!(class(duration + 1) - class(duration) <= 1);
    }

    #[test]
    fn the_median_is_nearly_exact(mut durations in prop::collection::vec(0..1_000_000_u64, 1..50)) {
        let found = median(&durations).unwrap();
        durations.sort_unstable();
        let exact = durations[(durations.len() - 1) / 2];
        prop_assert!(found >= exact && found - exact <= exact / 32, "{exact}: {found}");
    }
}
