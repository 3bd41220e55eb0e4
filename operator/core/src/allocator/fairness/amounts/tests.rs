use proptest::prelude::*;

use super::*;
use crate::allocator::Order;
use crate::policy::Fairness;
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
    Tree::new(pools, cpu(100), &BTreeMap::new(), order, &[], |_| true)
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
        let room = tree.room_under_limits(pool)[Kind::CPU].min(1000);
        let allowed = |amount: i64| tree.check_limits(pool, &one, &cpu(amount)).is_ok();
        prop_assert!(room == 0 || allowed(room));
        prop_assert!(room == 1000 || !allowed(room + 1));
        let beside = tree.room_beside_guarantees(pool, &cpu(amount), &cpu(free))[Kind::CPU];
        let allowed = |amount: i64| tree.check_headroom(pool, &cpu(amount), &cpu(free)).is_ok();
        prop_assert!(beside == 0 || allowed(beside), "{beside}");
        prop_assert!(beside == amount || !allowed(beside + 1), "{beside}");
    }

    #[test]
    fn a_reservation_counts_as_held_for_guarantees_whether_it_is_used_or_not(
        settings in prop::collection::vec((0..20_i64, 0..40_i64, 0..10_i64), NAMES.len()),
        pool in 0..NAMES.len(),
        reserved in 1..20_i64,
        used in 0..20_i64,
    ) {
        let required = |used: i64, kept: i64| {
            let mut pools = pools(&settings);
            let pool = pools.find(NAMES[pool]).unwrap();
            pools.charge(pool, &cpu(used));
            let kept = pools.path(pool).into_iter().map(|above| (above, cpu(kept))).collect();
            let order = Order { fairness: Fairness::Drf, shared: &[Kind::CPU] };
            Tree::new(&pools, cpu(100), &kept, order, &[], |_| true).branches[ROOT].children_required
        };
        let used = used.min(reserved);
        prop_assert_eq!(required(0, reserved), required(reserved, 0));
        prop_assert_eq!(required(used, reserved - used), required(reserved, 0));
    }
}
