use proptest::prelude::*;

use super::*;
use crate::allocator::{Fairness, Order};
use crate::pools::{Pools, Settings};
use crate::resources::Kind;

const NAMES: [&str; 5] = ["a", "a.b", "a.c", "d", "a.b.e"];

fn cpu(amount: i64) -> Resources {
    let mut resources = Resources::NONE;
    resources[Kind::CPU] = amount;
    resources
}

/// Pools with guarantees, limits and what they hold.
fn pools(settings: &[(i64, i64, i64)]) -> Pools {
    let mut pools = Pools::default();
    for (name, &(guarantee, limit, held)) in NAMES.iter().zip(settings) {
        let (guarantee, mut settings) = (cpu(guarantee), Settings::default());
        settings.guarantee = guarantee;
        if limit < 30 {
            settings.limit[Kind::CPU] = limit;
        }
        pools.declare(name, settings);
        let id = pools.find(name).unwrap();
        pools.charge(id, &cpu(held));
    }
    pools
}

fn tree(pools: &Pools) -> Tree<'_> {
    let order = Order { fairness: Fairness::Drf, shared: &[Kind::CPU] };
    Tree::new(pools, cpu(100), order, &[], |_| true)
}

proptest! {
    #[test]
    fn rooms_are_as_large_as_the_checks_let_through(
        settings in prop::collection::vec((0..20_i64, 0..40_i64, 0..10_i64), NAMES.len()),
        pool in 0..NAMES.len(),
        amount in 1..40_i64,
        free in 0..40_i64,
    ) {
        let pools = pools(&settings);
        let tree = tree(&pools);
        let pool = pools.find(NAMES[pool]).unwrap();
        let one = cpu(1);
        let (reserved, unreserved) = tree.room_under_limits(pool);
        prop_assert_eq!(reserved, unreserved);
        let room = unreserved[Kind::CPU].min(1000);
        let allowed = |amount: i64| tree.check_limits(pool, &one, &cpu(amount)).is_ok();
        prop_assert!(room == 0 || allowed(room));
        prop_assert!(room == 1000 || !allowed(room + 1));
        let beside = tree.room_beside_guarantees(pool, &cpu(amount), &cpu(free))[Kind::CPU];
        let allowed = |amount: i64| tree.check_headroom(pool, &cpu(amount), &cpu(free)).is_ok();
        prop_assert!(beside == 0 || allowed(beside), "{beside}");
        prop_assert!(beside == amount || !allowed(beside + 1), "{beside}");
    }

    #[test]
    fn a_reservation_counts_as_held_for_guarantees_and_limits_whether_it_is_used_or_not(
        settings in prop::collection::vec((0..20_i64, 0..40_i64, 0..10_i64), NAMES.len()),
        pool in 0..NAMES.len(),
        reserved in 1..20_i64,
        used in 0..20_i64,
    ) {
        let used = used.min(reserved);
        let pools = pools(&settings);
        let pool = pools.find(NAMES[pool]).unwrap();
        let mut idle = tree(&pools);
        idle.reserve(pool, &cpu(reserved));
        let mut held = pools.clone();
        held.charge(pool, &cpu(used));
        let mut partly = tree(&held);
        partly.reserve(pool, &cpu(reserved - used));
        let mut all = pools.clone();
        all.charge(pool, &cpu(reserved));
        let all = tree(&all);
        for name in NAMES {
            let other = pools.find(name).unwrap();
            let room = |tree: &Tree<'_>| tree.room_under_limits(other).1;
            prop_assert_eq!(room(&idle), room(&all));
            prop_assert_eq!(room(&partly), room(&all));
            // What is reserved and idle may still be taken.
            let (reserved, unreserved) = idle.room_under_limits(other);
            prop_assert!(unreserved.fits_in(&reserved));
        }
        let required = |tree: &Tree<'_>| tree.branches[ROOT].children_required;
        prop_assert_eq!(required(&idle), required(&all));
        prop_assert_eq!(required(&partly), required(&all));
    }
}
