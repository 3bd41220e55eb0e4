use super::*;
use crate::share::Share;
use proptest::prelude::*;

const SHARED: [Kind; 2] = [Kind::CPU, Kind::MEMORY];

fn amounts(cpu: i64, memory: i64) -> Resources {
    let mut amounts = Resources::NONE;
    (amounts[Kind::CPU], amounts[Kind::MEMORY]) = (cpu, memory);
    amounts
}

#[test]
fn equal_fractions_are_equal_numbers() {
    let total = amounts(3_000_000, 3 << 40);
    let third = |weight, times: i64| exact(&amounts(1_000_000 * times, 0), &total, &SHARED, weight);
    assert_eq!(third(1000, 1), exact(&amounts(0, 1 << 40), &total, &SHARED, 1000));
    assert_eq!(third(1000, 1), third(2000, 2));
    assert_eq!(third(7, 1), third(21, 3));
    assert!(third(1000, 1) < third(999, 1));
}

#[test]
fn what_there_is_nothing_of_does_not_count() {
    let total = amounts(1000, 0);
    assert_eq!(exact(&amounts(0, 5), &total, &SHARED, 1000), 0);
    assert_eq!(Holdings::of(&amounts(-5, 5), &total, &SHARED), Holdings::default());
}

/// Absurd amounts and weights give absurd numbers, and nothing overflows.
#[test]
fn absurd_amounts_stay_in_bounds() {
    let most = amounts(i64::MAX, i64::MAX);
    for (total, weight) in
        [(amounts(1, 1), 1), (most, 1), (most, u32::MAX), (amounts(1, 1), u32::MAX)]
    {
        exact(&most, &total, &SHARED, weight);
        let holdings = Holdings::of(&most, &total, &SHARED);
        let bits = direction_bits(u64::from(weight) * 1000);
        let direction = Contribution::direction(&holdings, &SHARED, weight, bits);
        let mut sum = ChildrenSum::default();
        for _ in 0..1000 {
            sum.replace(&Contribution::NONE, &direction, &SHARED);
        }
        let together = sum.holdings(Some((holdings.dominant(&SHARED), 1)), &SHARED, bits);
        assert!(u128::from(together.dominant(&SHARED)) <= MOST);
    }
}

proptest! {
    /// The numbers are in the order of the fractions, up to what they round away.
    #[test]
    fn the_order_is_that_of_exact_fractions(
        total in (1..1_i64 << 50, 1..1_i64 << 50),
        left in (0..1_i64 << 50, 0..1_i64 << 50, 1..100_000_u32),
        right in (0..1_i64 << 50, 0..1_i64 << 50, 1..100_000_u32),
    ) {
        let total = amounts(total.0, total.1);
        let of = |(cpu, memory, weight): (i64, i64, u32)| {
            let held = amounts(cpu.min(total[Kind::CPU]), memory.min(total[Kind::MEMORY]));
            let share = Share::dominant(&held, &total, &SHARED).weighted(weight);
            (share, exact(&held, &total, &SHARED, weight))
        };
        let ((left, left_number), (right, right_number)) = (of(left), of(right));
        prop_assert!(left > right || left_number <= right_number);
        prop_assert!(left != right || left_number == right_number);
    }

    /// Children that are taken out and put in again in any order leave nothing behind.
    #[test]
    fn sums_do_not_drift(holdings in prop::collection::vec((0..1000_i64, 0..1000_i64, 1..5000_u32), 1..20)) {
        let total = amounts(1000, 1000);
        let mut sum = ChildrenSum::default();
        let bits = direction_bits(100_000);
        let direction = |(cpu, memory, weight): (i64, i64, u32)| {
            let holdings = Holdings::of(&amounts(cpu + 1, memory), &total, &SHARED);
            Contribution::direction(&holdings, &SHARED, weight, bits)
        };
        for &child in &holdings {
            sum.replace(&Contribution::NONE, &direction(child), &SHARED);
        }
        for &child in holdings.iter().rev() {
            sum.replace(&direction(child), &Contribution::NONE, &SHARED);
        }
        prop_assert_eq!(sum.holdings(Some((1 << 44, 1)), &SHARED, bits), Holdings::default());
    }
}
