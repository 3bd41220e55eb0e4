use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    Insert(u32),
    Remove(u32),
    PopFirst,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_u32).prop_map(Step::Insert),
        2 => (0..40_u32).prop_map(Step::Remove),
        1 => Just(Step::PopFirst),
    ]
}

proptest! {
    #[test]
    fn behaves_like_a_set(steps in prop::collection::vec(step(), 0..80)) {
        let mut ranges = Ranges::new();
        let mut set = BTreeSet::new();
        for step in steps {
            match step {
                Step::Insert(member) => prop_assert_eq!(ranges.insert(member), set.insert(member)),
                Step::Remove(member) => prop_assert_eq!(ranges.remove(member), set.remove(&member)),
                Step::PopFirst => prop_assert_eq!(ranges.pop_first(), set.pop_first()),
            }
            prop_assert_eq!(ranges.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(ranges.len(), set.len() as u64);
            prop_assert_eq!((ranges.first(), ranges.last()), (set.first().copied(), set.last().copied()));
            prop_assert_eq!(Some(ranges.first_missing()), (0..=40).find(|member| !set.contains(member)));
            for member in 0..41 {
                prop_assert_eq!(ranges.contains(member), set.contains(&member));
            }
            let canonical = ranges.as_slice().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0);
            prop_assert!(canonical, "adjacent or overlapping: {:?}", ranges);
            prop_assert_eq!(ranges.to_string().parse::<Ranges>(), Ok(ranges.clone()));
        }
    }
}

#[test]
fn reads_and_writes_text() {
    let read = |text: &str| text.parse::<Ranges>().map(|ranges| ranges.to_string());
    assert_eq!(read(""), Ok(String::new()));
    assert_eq!(read("7"), Ok("7".to_owned()));
    assert_eq!(read("105,0-99"), Ok("0-99,105".to_owned()));
    assert_eq!(read("0-3,4-5"), Ok("0-5".to_owned()));
    assert_eq!(read("4294967295"), Ok("4294967295".to_owned()));
    for text in ["a", "1-", "-1", "3-1", "0-5,5", "1.5", "4294967296"] {
        assert_eq!(read(text), Err(InvalidRanges(text.to_owned())), "{text}");
    }
}

#[test]
fn holds_the_largest_members() {
    let mut ranges = Ranges::new();
    assert!(ranges.insert(u32::MAX));
    assert!(ranges.insert(u32::MAX - 1));
    assert_eq!(ranges.to_string(), "4294967294-4294967295");
    assert!(ranges.remove(u32::MAX));
    assert_eq!(ranges.last(), Some(u32::MAX - 1));
}

proptest! {
    #[test]
    fn sets_are_joined_and_taken_apart(
        one in prop::collection::btree_set(0..40_u32, 0..20),
        other in prop::collection::btree_set(0..40_u32, 0..20),
    ) {
        let ranges = |members: &BTreeSet<u32>| -> Ranges {
            members.iter().copied().collect()
        };
        let (mut sum, mut rest) = (ranges(&one), ranges(&one));
        sum.insert_all(&ranges(&other));
        prop_assert_eq!(&sum, &ranges(&(&one | &other)));
        rest.remove_all(&ranges(&other));
        prop_assert_eq!(&rest, &ranges(&(&one - &other)));
        prop_assert_eq!(ranges(&one).contains_all(&ranges(&other)), other.is_subset(&one));
        prop_assert!(sum.contains_all(&rest));
    }
}

#[test]
fn ranges_are_cut_at_an_end() {
    let below = |text: &str, end: u32| text.parse::<Ranges>().unwrap().below(end).to_string();
    assert_eq!(below("0-4294967295", 3), "0-2");
    assert_eq!(below("1,3-5,8", 5), "1,3-4");
    assert_eq!(below("1,3-5,8", 3), "1");
    assert_eq!(below("0,2", 0), "");
}
