use super::find_cycle;
use proptest::prelude::*;

#[test]
fn finds_the_cycle_and_nothing_around_it() {
    assert_eq!(find_cycle(&[]), None);
    assert_eq!(find_cycle(&[vec![0]]), Some(vec![0]));
    // 0 waits for 1; 1, 2 and 3 wait for each other in a ring; 4 is apart.
    assert_eq!(find_cycle(&[vec![1], vec![2], vec![3], vec![1], vec![]]), Some(vec![1, 2, 3]));
    assert_eq!(find_cycle(&[vec![1, 2], vec![2], vec![]]), None);
    assert_eq!(find_cycle(&[vec![7]]), None, "a dependency out of range is not a cycle");
}

#[test]
fn long_chains_do_not_overflow_the_stack() {
    let chain: Vec<Vec<usize>> = (0..100_000).map(|node| vec![node + 1]).collect();
    assert_eq!(find_cycle(&chain), None);
}

proptest! {
    /// A graph whose edges all go to lower numbers has no cycle; one edge back closes one.
    #[test]
    fn agrees_with_how_the_graph_was_made(
        edges in prop::collection::vec((1..20_usize, 0..20_usize), 0..60),
    ) {
        let mut dependencies = vec![Vec::new(); 20];
        for (from, to) in edges {
            dependencies[from].push(to % from);
        }
        prop_assert_eq!(find_cycle(&dependencies), None);
        let reachable = dependencies[19].first().copied();
        if let Some(target) = reachable {
            dependencies[target].push(19);
            let cycle = find_cycle(&dependencies).unwrap_or_default();
            prop_assert!(!cycle.is_empty());
            for (index, node) in cycle.iter().enumerate() {
                let next = cycle[(index + 1) % cycle.len()];
                prop_assert!(dependencies[*node].contains(&next), "{:?}", cycle);
            }
        }
    }
}
