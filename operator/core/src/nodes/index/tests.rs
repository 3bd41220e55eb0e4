use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn amount(cpu: i64, memory: i64) -> Resources {
    let mut resources = Resources::NONE;
    resources[Kind::CPU] = cpu;
    resources[Kind::MEMORY] = memory;
    resources
}

/// An index of nodes, each with what is free on it of 10 cpu and 10 memory.
fn index(nodes: &[Option<(i64, i64)>]) -> Index {
    let mut index = Index::default();
    for (id, node) in (0..).zip(nodes) {
        let free = node.map(|(cpu, memory)| amount(cpu, memory));
        index.set(NodeId::at(id), free.as_ref(), &amount(10, 10));
    }
    index
}

#[test]
fn nothing_fits_where_there_is_nothing() {
    assert_eq!(Index::default().fullest(&Resources::NONE, &|_| true), None);
    assert!(!index(&[None, None]).fits(&Resources::NONE, &|_| true));
    assert_eq!(index(&[None]).largest(), Resources::LESS_THAN_NONE);
}

#[test]
fn a_place_is_used_again() {
    let mut index = index(&[Some((4, 4)), Some((2, 2))]);
    index.set(NodeId::at(0), None, &Resources::NONE);
    assert_eq!(index.fullest(&amount(1, 1), &|_| true), Some(NodeId::at(1)));
    index.set(NodeId::at(0), Some(&amount(1, 1)), &amount(10, 10));
    assert_eq!(index.fullest(&amount(1, 1), &|_| true), Some(NodeId::at(0)));
    assert_eq!(index.largest(), amount(2, 2));
}

fn nodes() -> impl Strategy<Value = Vec<Option<(i64, i64)>>> {
    let node = prop::option::weighted(0.8, (0..=10_i64, 0..=10_i64));
    prop::collection::vec(node, 0..CANDIDATES)
}

proptest! {
    /// With few nodes every answer is that of looking at all of them.
    #[test]
    fn finds_what_a_scan_finds(
        nodes in nodes(),
        request in (0..=10_i64, 0..=10_i64),
        executors in prop::collection::btree_map(0..32_u32, 1..4_u32, 0..20),
        refused in prop::collection::btree_set(0..32_u32, 0..20),
    ) {
        let accepts = |id: NodeId| !refused.iter().any(|&refused| NodeId::at(refused) == id);
        let index = index(&nodes);
        let request = amount(request.0, request.1);
        let executors: BTreeMap<NodeId, u32> =
            executors.into_iter().map(|(id, count)| (NodeId::at(id), count)).collect();
        let fitting: Vec<(NodeId, Fullness)> = (0..)
            .map(NodeId::at)
            .zip(&nodes)
            .filter_map(|(id, node)| Some((id, amount(node.as_ref()?.0, node.as_ref()?.1))))
            .filter(|&(id, free)| accepts(id) && request.fits_in(&free))
            .map(|(id, free)| (id, fullness(&free, &amount(10, 10))))
            .collect();
        prop_assert_eq!(index.fits(&request, &accepts), !fitting.is_empty());
        let fullness_of = |id: NodeId| fitting.iter().find(|(other, _)| *other == id).map(|f| f.1);
        let fullest = index.fullest(&request, &accepts);
        prop_assert_eq!(fullest.and_then(fullness_of), fitting.iter().map(|f| f.1).max());
        let count = |id: NodeId| executors.get(&id).copied().unwrap_or(0);
        let expected = fitting.iter().map(|&(id, fullness)| (count(id), fullness)).min();
        let count_of = |id| executors.get(&id).copied().unwrap_or(0);
        let found = index.emptiest(&request, count_of, &accepts);
        prop_assert_eq!(found.and_then(|id| Some((count(id), fullness_of(id)?))), expected);
    }
}
