use super::*;
use crate::arena::Id;
use crate::resources::Kind;

fn cpu(amount: i64) -> Resources {
    let mut resources = Resources::NONE;
    resources[Kind::CPU] = amount;
    resources
}

fn holdings(reserved: &[(u32, i64)]) -> Holdings {
    let mut holdings = Holdings::default();
    let reservation =
        |&(pool, amount): &(u32, i64)| Reservation { pool: PoolId::at(pool), amount: cpu(amount) };
    holdings.reserve(reserved.iter().map(reservation).collect());
    holdings
}

fn path(pools: &[u32]) -> Vec<PoolId> {
    pools.iter().map(|&pool| PoolId::at(pool)).collect()
}

fn idle(holdings: &Holdings) -> Vec<(u32, i64)> {
    let idle = holdings.idle_by_pool();
    let number = |pool: PoolId| u32::try_from(pool.index()).unwrap();
    idle.map(|(pool, idle)| (number(pool), idle[Kind::CPU])).collect()
}

#[test]
fn the_deepest_reservation_is_used_first_and_each_only_once() {
    // Pool 1 is below pool 0, as is pool 2.
    let mut holdings = holdings(&[(0, 4), (1, 2)]);
    assert_eq!(idle(&holdings), [(0, 4), (1, 2)]);
    holdings.add(&path(&[1, 0]), &cpu(3));
    assert_eq!(idle(&holdings), [(0, 3)]);
    holdings.add(&path(&[2, 0]), &cpu(2));
    assert_eq!(idle(&holdings), [(0, 1)]);
    holdings.add(&path(&[0]), &cpu(5));
    assert!(holdings.idle().is_none());
    holdings.subtract(&path(&[0]), &cpu(5));
    holdings.subtract(&path(&[1, 0]), &cpu(3));
    assert_eq!(idle(&holdings), [(0, 2), (1, 2)]);
    assert_eq!(*holdings.idle(), cpu(4));
    assert_eq!(holdings.idle_of(&path(&[2, 0])), cpu(2));
    assert_eq!(holdings.idle_of(&path(&[9])), Resources::NONE);
}

#[test]
fn what_is_held_before_there_are_reservations_counts() {
    let mut holdings = holdings(&[]);
    holdings.add(&path(&[0]), &cpu(3));
    let reservations = vec![Reservation { pool: PoolId::at(0), amount: cpu(4) }];
    holdings.reserve(reservations);
    assert_eq!(idle(&holdings), [(0, 1)]);
    holdings.reserve(Vec::new());
    assert_eq!(idle(&holdings), []);
    assert!(holdings.held.len() == 1 && holdings.idle().is_none());
}
