use super::*;
use proptest::prelude::*;

proptest! {
    /// Whatever changes in whatever order, each group's first is the smallest that takes part.
    #[test]
    fn the_first_of_each_group_is_its_smallest(
        lengths in prop::collection::vec(0..9_u32, 1..5),
        changes in prop::collection::vec((0..5_usize, 0..9_u32, prop::option::of(0..20_u32)), 0..80),
    ) {
        let mut groups = Vec::new();
        let mut start = 0;
        for &len in &lengths {
            groups.push(Group { start, len });
            start += len;
        }
        let mut tournaments = Tournaments::new(start as usize);
        let mut keys = vec![None; start as usize];
        for (group, slot, key) in changes {
            let group = groups[group % groups.len()];
            if group.len == 0 {
                prop_assert_eq!(tournaments.first(group), None);
                continue;
            }
            let slot = slot % group.len;
            let member = group.start + slot;
            keys[member as usize] = key;
            tournaments.set(group, slot, key.map(|_| member), |left, right| {
                (keys[left as usize], left) < (keys[right as usize], right)
            });
            for group in &groups {
                let members = group.start..group.start + group.len;
                let alive = members.filter(|&member| keys[member as usize].is_some());
                let smallest = alive.min_by_key(|&member| (keys[member as usize], member));
                prop_assert_eq!(tournaments.first(*group), smallest);
            }
        }
    }
}
