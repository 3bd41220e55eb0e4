use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn bits(members: &BTreeSet<usize>) -> Bits {
    let mut bits = Bits::default();
    members.iter().for_each(|&member| bits.insert(member));
    bits
}

fn members() -> impl Strategy<Value = BTreeSet<usize>> {
    prop::collection::btree_set(0..200_usize, 0..60)
}

proptest! {
    #[test]
    fn behave_like_sets(one in members(), other in members(), third in members(), start in 0..210_usize) {
        let (mut bits_one, bits_other) = (bits(&one), bits(&other));
        let outside = |member: &&usize| !other.contains(member) && !third.contains(member);
        let first = one.range(start..).find(outside).copied();
        prop_assert_eq!(bits_one.first_outside([&bits_other, &bits(&third)], start), first);
        prop_assert_eq!(bits_one.common(&bits_other), one.intersection(&other).count());
        prop_assert_eq!(bits_one.len(), one.len());
        bits_one.remove_all(&bits_other);
        let rest: BTreeSet<usize> = one.difference(&other).copied().collect();
        (0..210).for_each(|member| assert_eq!(bits_one.contains(member), rest.contains(&member)));
        prop_assert_eq!(bits_one.is_empty(), rest.is_empty());
        for member in rest {
            bits_one.remove(member);
        }
        prop_assert!(bits_one.is_empty());
    }
}
