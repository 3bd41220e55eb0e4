use super::*;
use crate::resources::Kind;
use proptest::prelude::*;

const SHARED: [Kind; 2] = [Kind::CPU, Kind::MEMORY];

fn resources(cpu: i64, memory: i64) -> Resources {
    let mut resources = Resources::NONE;
    resources[Kind::CPU] = cpu;
    resources[Kind::MEMORY] = memory;
    resources
}

#[test]
fn the_dominant_share_is_the_largest() {
    let total = resources(9_000, 18 << 30);
    let share = Share::dominant(&resources(3_000, 12 << 30), &total, &SHARED);
    assert_eq!(share, Share::new(2, 3));
    assert_eq!(share.billionths(), 666_666_667);
    assert_eq!(share.weighted(2_000), Share::new(1, 3));
    assert_eq!(Share::dominant(&Resources::NONE, &total, &SHARED), Share::ZERO);
    assert!(Share::dominant(&resources(1, 1), &Resources::NONE, &SHARED).is_zero());
}

#[test]
fn a_weight_of_zero_comes_last() {
    let infinite = Share::new(1, 2).weighted(0);
    assert!(infinite > Share::new(u128::MAX, 1));
    assert_eq!(infinite, Share::ZERO.weighted(0));
}

#[test]
fn compares_fractions_whose_products_overflow() {
    let big = u128::MAX / 3;
    assert!(Share::new(big, big + 1) < Share::new(big + 1, big + 2));
    assert!(Share::new(big + 1, big) > Share::new(big + 2, big + 1));
    assert_eq!(Share::new(big, big * 2), Share::new(1 << 100, 1 << 101));
    assert!(Share::new(big, 1) > Share::new(big - 1, 1));
}

proptest! {
    #[test]
    fn continued_fractions_agree_with_cross_multiplication(
        a in 0..1000_u128, b in 1..1000_u128, c in 0..1000_u128, d in 1..1000_u128,
    ) {
        let expected = (a * d).cmp(&(c * b));
        prop_assert_eq!(compare_by_continued_fractions(Share::new(a, b), Share::new(c, d)), expected);
        prop_assert_eq!(Share::new(a, b).cmp(&Share::new(c, d)), expected);
        // The same fractions, blown up until their products no longer fit.
        let blow = 1_u128 << 110;
        prop_assert_eq!(Share::new(a * blow, b * blow).cmp(&Share::new(c * blow, d * blow)), expected);
    }
}
