use super::*;
use crate::nodes::NodeObservation;
use crate::policy::IdleGuarantee;
use crate::pools::{Pool, Settings};
use crate::resources::Kinds;
use crate::share::Share;
use crate::time::Time;
use proptest::prelude::*;
use std::collections::BTreeSet;

const SHARED: [Kind; 2] = [Kind::CPU, Kind::MEMORY];

/// Cores and GiB.
fn amount(cpu: i64, memory: i64) -> Resources {
    let mut resources = Resources::NONE;
    resources[Kind::CPU] = cpu * 1000;
    resources[Kind::MEMORY] = memory << 30;
    resources
}

#[derive(Clone, Debug, Default)]
struct Cluster {
    nodes: Nodes,
    pools: Pools,
    claims: Vec<Claim>,
    fairness: Fairness,
}

impl Cluster {
    fn new(nodes: &[(i64, i64)]) -> Self {
        let mut cluster = Self::default();
        for (index, &(cpu, memory)) in nodes.iter().enumerate() {
            let observed = NodeObservation {
                name: format!("n{index:03}").into(),
                allocatable: vec![("cpu".into(), cpu * 1000), ("memory".into(), memory << 30)],
                ..NodeObservation::default()
            };
            cluster.nodes.observe(&Kinds::default(), &cluster.pools, observed);
        }
        cluster
    }

    fn pool(mut self, name: &str, weight: f64, guarantee: i64, limit: i64) -> Self {
        let weight = format!("{:.0}", weight * 1000.0).parse().unwrap();
        let guarantee = amount(guarantee, 0);
        let mut settings = Settings { weight, guarantee, ..Settings::default() };
        settings.limit[Kind::CPU] = limit.saturating_mul(1000);
        self.pools.declare(name, settings);
        self
    }

    /// A pool without guarantee and limit.
    fn weighted(self, name: &str, weight: f64) -> Self {
        self.pool(name, weight, 0, i64::MAX)
    }

    fn job(mut self, pool: &str, cpu: i64, memory: i64, wanted: u32) -> Self {
        let sequence = self.claims.len() as u64;
        self.claims.push(Claim {
            pool: self.pools.enter(pool),
            priority: 0,
            sequence,
            held: Resources::NONE,
            allocations: 0,
            request: amount(cpu, memory),
            wanted,
            unplaced: 0,
            gang: false,
            reach: Reach::default(),
            placement: Placement::Spread,
            on_nodes: BTreeMap::new(),
            client: None,
            choice: Choice::default(),
        });
        self
    }

    fn change(mut self, change: impl Fn(&mut Claim)) -> Self {
        change(self.claims.last_mut().unwrap());
        self
    }

    fn round<'a>(&'a self, nodes: &'a mut Nodes) -> Round<'a> {
        let order = Order { fairness: self.fairness, shared: &SHARED };
        Round::new(nodes, &self.pools, &order, self.claims.clone())
    }

    /// How many executors each claim is given, and why it is given no more.
    fn fill(&self) -> (Vec<u32>, Vec<Option<String>>) {
        let mut nodes = self.nodes.clone();
        let mut round = self.round(&mut nodes);
        let mut counts = vec![0; self.claims.len()];
        while let Some(grant) = round.next_grant() {
            counts[grant.claim] += u32::try_from(grant.nodes.len()).unwrap();
        }
        let kinds = Kinds::default();
        let text = |rejection: &Rejection| rejection.display(&kinds).to_string();
        (counts, round.finish().map(|(_, rejection)| rejection.as_ref().map(text)).collect())
    }

    /// How many executors come to each node.
    fn per_node(&self) -> Vec<u32> {
        let mut nodes = self.nodes.clone();
        let mut round = self.round(&mut nodes);
        let mut counts = vec![0; self.nodes.iter().count()];
        while let Some(grant) = round.next_grant() {
            grant.nodes.iter().for_each(|&node| counts[crate::arena::Id::index(node)] += 1);
        }
        counts
    }

    fn counts(&self) -> Vec<u32> {
        self.fill().0
    }
}

const PLENTY: u32 = 5000;

/// Ghodsi et al., NSDI 2011, figure 3: shares of 2/3 each.
#[test]
fn the_example_of_the_drf_paper() {
    let cluster = Cluster::new(&[(9, 18)]).weighted("a", 1.0).weighted("b", 1.0);
    let cluster = cluster.job("a", 1, 4, PLENTY).job("b", 3, 1, PLENTY);
    assert_eq!(cluster.counts(), [3, 2]);
}

#[test]
fn weights_divide_what_is_scarce() {
    let cluster = Cluster::new(&[(100, 0)]).weighted("a", 1.0).weighted("b", 3.0);
    let cluster = cluster.weighted("half", 0.5).job("a", 1, 0, PLENTY);
    assert_eq!(cluster.job("b", 1, 0, PLENTY).job("half", 1, 0, PLENTY).counts(), [23, 66, 11]);
}

/// Armada's scheduling tests: demands of 1, 40 and 1000 of 100.
#[test]
fn what_a_small_demand_leaves_is_shared_by_the_others() {
    let cluster =
        Cluster::new(&[(100, 0)]).weighted("a", 1.0).weighted("b", 1.0).weighted("c", 1.0);
    let cluster = cluster.job("a", 1, 0, 1).job("b", 1, 0, 40).job("c", 1, 0, 1000);
    assert_eq!(cluster.counts(), [1, 40, 59]);
}

/// Derived: weights alone would give 200, 200 and 600.
#[test]
fn a_guarantee_above_the_weighted_share_holds() {
    let cluster = Cluster::new(&[(1000, 0)]).pool("a", 1.0, 500, i64::MAX).weighted("b", 1.0);
    let cluster = cluster.weighted("c", 3.0).job("a", 1, 0, PLENTY).job("b", 1, 0, PLENTY);
    assert_eq!(cluster.job("c", 1, 0, PLENTY).counts(), [500, 125, 375]);
}

/// Volcano's `hdrf_test`, "rescaling"; Bhattacharya et al., SoCC 2013.
#[test]
fn siblings_with_different_dominant_resources_do_not_pay_for_each_other() {
    let cluster = Cluster::new(&[(10, 10)]).weighted("sci", 50.0).weighted("eng", 50.0);
    let cluster = cluster.weighted("eng.dev", 50.0).weighted("eng.prod", 50.0);
    let cluster = cluster.job("sci", 1, 1, 10).job("eng.dev", 1, 0, 10).job("eng.prod", 0, 1, 10);
    assert_eq!(cluster.counts(), [5, 5, 5]);
}

/// After Bhattacharya et al., SoCC 2013, section 4: dev was alone and holds much cpu, prod has just
/// come and wants memory. That dev is ahead must not cost prod its turn.
#[test]
fn a_sibling_that_is_ahead_does_not_cost_others_their_turn() {
    let first = |fairness| {
        let mut cluster = Cluster { fairness, ..Cluster::new(&[(10, 10)]) };
        for (pool, cpu, memory) in [("sci", 3, 3), ("eng.dev", 6, 0), ("eng.prod", 0, 1)] {
            cluster = cluster.weighted(pool, 1.0).job(pool, cpu.min(1), memory.min(1), PLENTY);
            let pool = cluster.pools.find(pool).unwrap();
            cluster.pools.charge(pool, &amount(cpu, memory));
        }
        let mut nodes = cluster.nodes.clone();
        cluster.round(&mut nodes).next_grant().map(|grant| grant.claim)
    };
    assert_eq!(first(Fairness::Hdrf), Some(2), "eng counts as what prod holds");
    assert_eq!(first(Fairness::Drf), Some(0), "eng counts as what dev holds");
}

/// The same with the order of Mesos: what dev and prod hold together is what eng holds.
#[test]
fn drf_adds_up_what_siblings_hold() {
    let cluster = Cluster { fairness: Fairness::Drf, ..Cluster::new(&[(100, 100)]) };
    let cluster = cluster.weighted("sci", 1.0).weighted("eng", 1.0);
    let cluster =
        cluster.job("sci", 1, 1, 10).job("eng.dev", 1, 0, PLENTY).job("eng.prod", 0, 1, 10);
    let (counts, _) = cluster.fill();
    assert_eq!(counts, [10, 90, 10]);
    let contested = Cluster { fairness: Fairness::Drf, ..Cluster::new(&[(6, 6)]) };
    let contested = contested.weighted("sci", 1.0).weighted("eng", 1.0);
    let contested = contested.job("sci", 1, 1, PLENTY).job("eng.dev", 1, 0, PLENTY);
    assert_eq!(contested.job("eng.prod", 0, 1, PLENTY).counts(), [3, 3, 3]);
}

/// Mesos's sorter test `AllocationCountTieBreak`: equal shares, fewer allocations first.
#[test]
fn drf_breaks_ties_by_the_number_of_allocations() {
    let first = |fairness| {
        let cluster = Cluster { fairness, ..Cluster::new(&[(4, 0)]) };
        let cluster =
            cluster.weighted("a", 1.0).job("a", 1, 0, 1).change(|claim| claim.allocations = 5);
        let cluster = cluster.job("a", 1, 0, 1).change(|claim| claim.allocations = 4);
        let mut nodes = cluster.nodes.clone();
        cluster.round(&mut nodes).next_grant().map(|grant| grant.claim)
    };
    assert_eq!(first(Fairness::Drf), Some(1));
    assert_eq!(first(Fairness::Hdrf), Some(0), "the one that came first");
}

#[test]
fn idle_guarantees_are_kept_free_where_every_pool_has_one() {
    let cluster = Cluster::new(&[(10, 0)]).pool("a", 1.0, 4, i64::MAX).pool("b", 1.0, 2, i64::MAX);
    assert_eq!(cluster.job("b", 1, 0, PLENTY).counts(), [6]);
}

/// The same within a round, between jobs and between pools: what they are given in it counts, too.
#[test]
fn drf_breaks_ties_by_what_was_given_in_the_round() {
    for pools in [["a", "a"], ["a", "b"]] {
        let cluster = Cluster { fairness: Fairness::Drf, ..Cluster::new(&[(6, 0)]) };
        let cluster = cluster.weighted("a", 1.0).weighted("b", 1.0);
        let cluster = cluster.job(pools[0], 1, 0, PLENTY).job(pools[1], 2, 0, PLENTY);
        let mut nodes = cluster.nodes.clone();
        let mut round = cluster.round(&mut nodes);
        let order: Vec<usize> = std::iter::from_fn(|| Some(round.next_grant()?.claim)).collect();
        // With 2 cpu each, the second was given something less often.
        assert_eq!(order, [0, 1, 0, 1], "{pools:?}");
    }
}

#[test]
fn a_subtree_shares_what_its_root_may_have() {
    let cluster = Cluster::new(&[(12, 0)]).weighted("a", 1.0).weighted("b", 2.0);
    let cluster = cluster.weighted("b.x", 1.0).weighted("b.y", 3.0).job("a", 1, 0, PLENTY);
    let cluster = cluster.job("b.x", 1, 0, PLENTY).job("b.y", 1, 0, PLENTY);
    assert_eq!(cluster.counts(), [4, 2, 6]);
    // Jobs of the parent itself compete with its children at weight 1.
    assert_eq!(cluster.job("b", 1, 0, PLENTY).counts(), [4, 2, 4, 2]);
}

#[test]
fn a_weight_of_zero_gets_what_is_left() {
    let cluster = Cluster::new(&[(10, 0)]).weighted("zero", 0.0).weighted("one", 1.0);
    let cluster = cluster.job("zero", 1, 0, PLENTY).job("one", 1, 0, 7);
    assert_eq!(cluster.counts(), [3, 7]);
}

#[test]
fn weights_of_zero_everywhere_share_equally() {
    let cluster = Cluster::new(&[(10, 0)]).weighted("a", 0.0).weighted("b", 0.0);
    assert_eq!(cluster.job("a", 1, 0, PLENTY).job("b", 1, 0, PLENTY).counts(), [5, 5]);
}

#[test]
fn a_limit_binds_the_whole_subtree() {
    let cluster = Cluster::new(&[(20, 0)]).pool("a", 1.0, 0, 8).weighted("a.x", 1.0);
    let cluster = cluster.job("a.x", 3, 0, PLENTY).job("a.y", 1, 0, PLENTY);
    let (counts, reasons) = cluster.fill();
    assert_eq!(counts, [1, 5], "x holds 3 of 8 when y's fifth core leaves no room for another 3");
    assert_eq!(reasons[0].as_deref(), Some("limit reached: pool a holds cpu 6 of 8"));
    assert_eq!(reasons[1].as_deref(), Some("limit reached: pool a holds cpu 8 of 8"));
}

#[test]
fn an_idle_guarantee_is_kept_under_the_limit_of_a_pool_above() {
    let team =
        Cluster::new(&[(100, 100)]).pool("team", 1.0, 0, 9).pool("team.q1", 1.0, 2, i64::MAX);
    let team = || team.clone().pool("team.q3", 1.0, 5, i64::MAX);
    let (counts, reasons) = team().job("team.q1", 1, 0, PLENTY).fill();
    assert_eq!(counts, [4]);
    let kept = "of 5 cpu left under the limit of pool team, 5 are kept for pools below it that are \
                below their guarantee";
    assert_eq!(reasons[0].as_deref(), Some(kept));
    assert_eq!(team().job("team.q1", 3, 0, PLENTY).counts(), [1], "a second would leave 3");
    assert_eq!(team().job("team.q1", 2, 0, 3).change(|claim| claim.gang = true).counts(), [0]);
    assert_eq!(team().job("team", 1, 0, PLENTY).counts(), [2], "its own jobs leave 7 to both");
    let all = team().job("team.q1", 1, 0, PLENTY).job("team.q3", 1, 0, PLENTY);
    assert_eq!(all.counts(), [4, 5]);
    let large = team().job("team.q1", 1, 0, PLENTY).job("team.q3", 2, 0, PLENTY);
    assert_eq!(large.counts(), [3, 3], "the last goes beyond what is guaranteed");
}

#[test]
fn a_guarantee_that_is_lent_is_kept_under_limits_as_far_as_it_is_wanted() {
    let mut cluster = Cluster::new(&[(100, 0)]).pool("team", 1.0, 0, 9).weighted("team.q1", 1.0);
    let guarantee = amount(5, 0);
    let idle_guarantee = IdleGuarantee::Lend;
    cluster.pools.declare("team.q3", Settings { guarantee, idle_guarantee, ..Settings::default() });
    let cluster = cluster.job("team.q1", 1, 0, PLENTY);
    assert_eq!(cluster.counts(), [9]);
    // It cannot be placed now, and is wanted nevertheless.
    assert_eq!(cluster.job("team.q3", 2, 1, 2).counts(), [5, 0]);
}

#[test]
fn a_guarantee_is_kept_under_every_limit_above_as_far_as_all_of_them_allow() {
    let deep = |limit| {
        let cluster = Cluster::new(&[(100, 0)]).pool("a", 1.0, 0, 20).weighted("a.other", 1.0);
        cluster.pool("a.b", 1.0, 0, limit).pool("a.b.c.idle", 1.0, 8, i64::MAX)
    };
    let others = |limit| deep(limit).job("a.other", 1, 0, PLENTY).counts();
    assert_eq!(others(i64::MAX), [12]);
    assert_eq!(others(3), [17], "more than 3 the idle one could not have");
    assert_eq!(deep(10).job("a.b.d", 1, 0, PLENTY).job("a.other", 1, 0, PLENTY).counts(), [2, 10]);
}

#[test]
fn an_idle_guarantee_is_kept_free() {
    let cluster = Cluster::new(&[(10, 0)]).pool("idle", 1.0, 4, i64::MAX).weighted("busy", 1.0);
    let (counts, reasons) = cluster.job("busy", 1, 0, PLENTY).fill();
    assert_eq!(counts, [6]);
    let expected = "of 4 cpu free, 4 are kept for pools below their guarantee";
    assert_eq!(reasons[0].as_deref(), Some(expected));
}

#[test]
fn a_parent_s_guarantee_covers_its_children_s() {
    let cluster = Cluster::new(&[(10, 0)]).pool("a", 1.0, 6, i64::MAX).weighted("b", 1.0);
    let cluster = cluster.pool("a.x", 1.0, 2, i64::MAX).job("b", 1, 0, PLENTY);
    assert_eq!(cluster.counts(), [4], "6 are kept, not 8");
    // y fills its parent's guarantee; what is guaranteed to x stays free beside it.
    assert_eq!(cluster.job("a.y", 1, 0, PLENTY).counts(), [2, 6]);
}

#[test]
fn higher_priorities_of_a_pool_come_first() {
    let cluster = Cluster::new(&[(10, 0)]).weighted("a", 1.0).job("a", 1, 0, PLENTY);
    let cluster = cluster.job("a", 1, 0, 8).change(|claim| claim.priority = 1);
    assert_eq!(cluster.counts(), [2, 8]);
}

#[test]
fn a_gang_gets_all_or_nothing() {
    let cluster = Cluster::new(&[(2, 0), (3, 0)]).weighted("a", 1.0);
    let gang = |wanted| {
        let cluster = Cluster {
            nodes: cluster.nodes.clone(),
            pools: cluster.pools.clone(),
            ..Cluster::default()
        };
        cluster.job("a", 2, 0, wanted).change(|claim| claim.gang = true).job("a", 1, 0, PLENTY)
    };
    assert_eq!(gang(2).counts(), [2, 1]);
    let (counts, reasons) = gang(3).fill();
    assert_eq!(counts, [0, 5], "what a gang could not use goes to others");
    let expected = "only 2 of 3 executors fit at once: no node has 2 cpu free; largest 1";
    assert_eq!(reasons[0].as_deref(), Some(expected));
}

#[test]
fn spread_and_pack_choose_nodes() {
    let nodes_of = |placement| {
        let cluster = Cluster::new(&[(4, 4), (4, 4), (8, 8)]).weighted("a", 1.0);
        let cluster = cluster.job("a", 1, 1, 4).change(|claim| claim.placement = placement);
        cluster.per_node()
    };
    assert_eq!(nodes_of(Placement::Spread), [1, 1, 2]);
    assert_eq!(nodes_of(Placement::Pack), [4, 0, 0]);
}

#[test]
fn spread_and_pack_choose_among_preferred_nodes() {
    let nodes_of = |placement| {
        let cluster = Cluster::new(&[(4, 4), (4, 4), (4, 4)]).weighted("a", 1.0);
        let preferred: Vec<NodeId> = cluster.nodes.iter().map(|(id, _)| id).skip(1).collect();
        let cluster = cluster.job("a", 1, 1, 3).change(|claim| {
            claim.placement = placement;
            claim.choice.preferred = preferred.iter().copied().collect();
        });
        cluster.per_node()
    };
    assert_eq!(nodes_of(Placement::Spread), [0, 2, 1]);
    assert_eq!(nodes_of(Placement::Pack), [0, 3, 0]);
}

#[test]
fn a_preferred_node_that_is_declined_is_not_chosen() {
    for placement in [Placement::Spread, Placement::Pack] {
        let cluster = Cluster::new(&[(4, 4), (4, 4)]).weighted("a", 1.0);
        let (id, _) = cluster.nodes.iter().next().unwrap();
        let cluster = cluster.job("a", 1, 1, 3).change(|claim| {
            claim.placement = placement;
            claim.choice.preferred = [id].into();
            claim.choice.declined = [(id, Time::from_milliseconds(1000))].into();
        });
        assert_eq!(cluster.per_node(), [0, 3], "{placement:?}");
    }
}

#[test]
fn says_why_nothing_fits() {
    let reason = |cluster: &Cluster, cpu, memory| {
        let cluster = Cluster { nodes: cluster.nodes.clone(), ..Cluster::default() };
        let cluster = cluster.weighted("a", 1.0).job("a", 2, 2, 1).job("a", cpu, memory, 1);
        cluster.fill().1[1].clone().unwrap_or_default()
    };
    let cluster = Cluster::new(&[(4, 4)]);
    let larger = "an executor needs 5 cpu, more than any node has; the largest has 4";
    assert_eq!(reason(&cluster, 5, 1), larger);
    assert_eq!(reason(&cluster, 3, 1), "no node has 3 cpu free; largest 2");
    assert_eq!(reason(&cluster, 1, 3), "no node has 3Gi memory free; largest 2Gi");
    let halves = Cluster::new(&[(8, 2), (2, 8)]);
    assert_eq!(reason(&halves, 6, 6), "no node has all that an executor needs, even when empty");
    assert_eq!(reason(&Cluster::default(), 1, 1), "no node is ready for executors");
}

/// Random clusters: nodes, pools (some nested, with weights, guarantees and limits) and jobs.
fn cluster() -> impl Strategy<Value = Cluster> {
    let pool = (0..=4_u32, 0..6_i64, prop_oneof![Just(i64::MAX), 1..40_i64]);
    let job = (0..6_usize, 0..5_i64, 0..5_i64, 0..40_u32, any::<bool>(), any::<bool>());
    let names = ["a", "b", "b.x", "b.y", "c.z", "d"];
    let nodes = prop::collection::vec((0..20_i64, 0..20_i64), 0..8);
    let pools = prop::collection::vec(pool, names.len());
    (nodes, pools, prop::collection::vec(job, 0..10)).prop_map(move |(nodes, pools, jobs)| {
        let mut cluster = Cluster::new(&nodes);
        for (name, (weight, guarantee, limit)) in names.iter().zip(pools) {
            cluster = cluster.pool(name, f64::from(weight) / 2.0, guarantee.min(limit), limit);
        }
        for (pool, cpu, memory, wanted, gang, pack) in jobs {
            let gang = gang && wanted < 6;
            let placement = if pack { Placement::Pack } else { Placement::Spread };
            cluster = cluster.job(names[pool], cpu.max(i64::from(memory == 0)), memory, wanted);
            cluster = cluster.change(|claim| {
                claim.gang = gang;
                claim.placement = placement;
            });
        }
        cluster
    })
}

proptest! {
    /// No node past what it has, no pool past its limit, gangs whole, and whoever wants more knows
    /// why there is none.
    #[test]
    fn promises_hold_on_random_clusters(cluster in cluster()) {
        let mut charged = cluster.nodes.clone();
        let mut round = cluster.round(&mut charged);
        let (mut nodes, mut pools) = (cluster.nodes.clone(), cluster.pools.clone());
        let mut given = vec![0_u32; cluster.claims.len()];
        while let Some(grant) = round.next_grant() {
            let claim = &cluster.claims[grant.claim];
            let count = u32::try_from(grant.nodes.len()).unwrap();
            prop_assert_eq!(count, if claim.gang { claim.wanted } else { 1 });
            given[grant.claim] += count;
            prop_assert!(given[grant.claim] <= claim.wanted);
            for node in grant.nodes {
                nodes.charge(&cluster.pools, node, claim.pool, &claim.request);
                pools.charge(claim.pool, &claim.request);
            }
        }
        for (_, node) in nodes.iter() {
            prop_assert!(node.held().fits_in(node.usable()));
        }
        for (_, pool) in pools.iter() {
            prop_assert!(pool.held.fits_in(&pool.settings.limit), "pool {} past its limit", pool.name);
        }
        for ((claim, given), (after, rejection)) in cluster.claims.iter().zip(&given).zip(round.finish()) {
            prop_assert_eq!(*given < claim.wanted, rejection.is_some());
            prop_assert_eq!(after.on_nodes.values().sum::<u32>(), *given);
        }
        let held = |nodes: &Nodes| nodes.iter().map(|(_, node)| *node.held()).collect::<Vec<_>>();
        prop_assert_eq!(held(&charged), held(&nodes), "what is granted is charged");
    }

    /// Whatever guarantees are not met when a round ends, what is left free is enough for them, or
    /// was not enough to begin with.
    #[test]
    fn headroom_is_kept(cluster in cluster()) {
        let required = |pools: &Pools| {
            // From the leaves up: a pool needs what its own guarantee lacks or what its children do.
            let mut sums: BTreeMap<Option<Box<str>>, Resources> = BTreeMap::new();
            let by_name: Vec<_> = pools.iter().collect();
            for (_, pool) in by_name.into_iter().rev() {
                let children = sums.get(&Some(pool.name.clone())).copied().unwrap_or_default();
                let required = pool.settings.guarantee.above(&pool.held).max_each(&children);
                let parent = pool.parent.and_then(|id| pools.get(id)).map(|parent| parent.name.clone());
                let sum = sums.entry(parent).or_default();
                *sum = sum.plus(&required);
            }
            sums.get(&None).copied().unwrap_or_default()
        };
        let (mut nodes, mut pools) = (cluster.nodes.clone(), cluster.pools.clone());
        let overcommitted = !required(&pools).fits_in(nodes.total());
        let mut charged = cluster.nodes.clone();
        let mut round = cluster.round(&mut charged);
        while let Some(grant) = round.next_grant() {
            for node in grant.nodes {
                let claim = &cluster.claims[grant.claim];
                nodes.charge(&cluster.pools, node, claim.pool, &claim.request);
                pools.charge(cluster.claims[grant.claim].pool, &cluster.claims[grant.claim].request);
            }
        }
        prop_assert!(overcommitted || required(&pools).fits_in(nodes.free_sum()));
    }

    /// The same under the limit of each pool, for the guarantees of the pools below it.
    #[test]
    fn headroom_is_kept_under_limits(cluster in cluster()) {
        fn owed(pools: &Pools, pool: &Pool) -> i64 {
            let own = pool.settings.guarantee[Kind::CPU] - pool.held[Kind::CPU];
            let room = pool.settings.limit[Kind::CPU] - pool.held[Kind::CPU];
            own.max(owed_below(pools, pool)).min(room)
        }
        fn owed_below(pools: &Pools, pool: &Pool) -> i64 {
            pool.children.iter().map(|&child| owed(pools, pools.get(child).unwrap())).sum()
        }
        let short = |pools: &Pools| {
            let room = |pool: &Pool| pool.settings.limit[Kind::CPU] - pool.held[Kind::CPU];
            let short = |pool: &Pool| room(pool) < owed_below(pools, pool);
            let all = pools.iter().map(|(_, pool)| pool);
            all.filter(|&pool| short(pool)).map(|pool| pool.name.clone()).collect::<BTreeSet<_>>()
        };
        let mut pools = cluster.pools.clone();
        let before = short(&pools);
        let mut charged = cluster.nodes.clone();
        let mut round = cluster.round(&mut charged);
        while let Some(grant) = round.next_grant() {
            for _ in grant.nodes {
                pools.charge(cluster.claims[grant.claim].pool, &cluster.claims[grant.claim].request);
            }
        }
        let after = short(&pools);
        prop_assert!(after.is_subset(&before), "{:?} have too little left", after);
    }

    /// As long as nobody was stopped, no pool is ahead of another by more than its last executor.
    #[test]
    fn shares_stay_within_one_executor_of_each_other(
        nodes in prop::collection::vec((1..50_i64, 1..50_i64), 1..5),
        jobs in prop::collection::vec((1..8_u32, 0..4_i64, 0..4_i64), 2..6),
    ) {
        let mut cluster = Cluster::new(&nodes);
        for (index, &(weight, cpu, memory)) in jobs.iter().enumerate() {
            cluster = cluster.weighted(&format!("p{index}"), f64::from(weight));
            cluster = cluster.job(&format!("p{index}"), cpu.max(i64::from(memory == 0)), memory, PLENTY);
        }
        let mut charged = cluster.nodes.clone();
        let mut round = cluster.round(&mut charged);
        let mut held = vec![Resources::NONE; jobs.len()];
        let mut before_last = held.clone();
        while let Some(grant) = round.next_grant() {
            if round.rejections.iter().any(Option::is_some) {
                break;
            }
            before_last[grant.claim] = held[grant.claim];
            held[grant.claim] = held[grant.claim].plus(&cluster.claims[grant.claim].request);
        }
        let share = |held: &Resources, job: usize| {
            Share::dominant(held, cluster.nodes.total(), &SHARED).weighted(jobs[job].0 * 1000)
        };
        for ahead in 0..jobs.len() {
            for behind in 0..jobs.len() {
                prop_assert!(
                    held[ahead].is_none() || share(&before_last[ahead], ahead) <= share(&held[behind], behind),
                    "p{} was served though p{} was further behind", ahead, behind
                );
            }
        }
    }
}
