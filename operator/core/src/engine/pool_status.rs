//! What pools hold, and what about their settings does not work out.

use std::collections::BTreeMap;

use super::Engine;
use crate::arena::Id;
use crate::ids::PoolId;
use crate::jobs::JobState;
use crate::labels::{Contradiction, Requirement};
use crate::pools::Pool;
use crate::resources::Resources;
use crate::share::Share;
use crate::view::{PoolHoldings, PoolProblem, PoolStatus};

/// What is reserved for a pool on all nodes together.
#[derive(Clone, Debug, Default)]
struct ReservedSum {
    amount: Resources,
    nodes: u32,
    /// The first node that has too little, what it lacks, and how many such nodes there are.
    cut: Option<(Box<str>, Resources, u32)>,
}

impl Engine {
    pub(super) fn pool_statuses(&self) -> Vec<PoolStatus> {
        let mut running = vec![0_u32; self.state.pools.bound()];
        let mut pending = vec![0_u32; self.state.pools.bound()];
        // Jobs that are gone may have executors that are not.
        let mut in_use = vec![false; self.state.pools.bound()];
        for (_, job) in self.state.jobs.iter() {
            in_use[job.pool.index()] |= !job.fleet.is_empty();
        }
        for &id in self.state.job_by_key.values() {
            let Some(job) = self.state.jobs.get(id) else { continue };
            in_use[job.pool.index()] |=
                job.progress.started_at().is_some() && !job.progress.is_final();
            let counts = match job.progress.state() {
                _ if !job.fleet.is_empty() => &mut running,
                _ if job.spec.suspend => continue,
                JobState::Pending | JobState::Running => &mut pending,
                _ => continue,
            };
            for (id, _) in self.state.pools.upwards(job.pool) {
                counts[id.index()] += 1;
            }
        }
        let reserved = self.reserved_sums();
        // Few pools differ in what they ask of nodes, but there may be many of each.
        let mut matches: BTreeMap<Requirement, bool> = BTreeMap::new();
        let entitlements = self.entitlements();
        let mut status = |(id, pool): (PoolId, &Pool)| {
            let index = id.index();
            let reservation = reserved.get(&id).cloned().unwrap_or_default();
            let kept = self.state.nodes.kept().get(&id).copied().unwrap_or_default();
            let unmet = pool.settings.guarantee.above(&pool.held.plus(&kept));
            PoolStatus {
                name: pool.name.clone(),
                declared: pool.declared,
                allocated: self.named(&pool.held),
                offered: self.named(&pool.offered),
                dominant_share: Share::dominant(&pool.held, self.state.nodes.total(), &self.shared),
                fair_share: Share::dominant(
                    entitlements.get(&id).unwrap_or(&Resources::NONE),
                    self.state.nodes.total(),
                    &self.shared,
                ),
                guarantee_met: unmet.is_none() || pending[index] == 0,
                reserved: self.named(&reservation.amount),
                deleting: pool.settings.deleting,
                in_use: in_use[index],
                problems: self.pool_problems(id, pool, &reservation, &mut matches),
                running_jobs: running[index],
                pending_jobs: pending[index],
            }
        };
        self.state.pools.iter().map(&mut status).collect()
    }

    /// What pools hold, without what would have to be found out for it.
    pub(super) fn pool_holdings(&self) -> Vec<PoolHoldings> {
        let reserved = self.reserved_sums();
        let holdings = |(id, pool): (PoolId, &Pool)| PoolHoldings {
            name: pool.name.clone(),
            allocated: self.named(&pool.held),
            offered: self.named(&pool.offered),
            reserved: reserved.get(&id).map(|sum| self.named(&sum.amount)).unwrap_or_default(),
            dominant_share: Share::dominant(&pool.held, self.state.nodes.total(), &self.shared),
        };
        self.state.pools.iter().map(holdings).collect()
    }

    /// What about a pool's settings does not work out: what keeps its jobs from running first.
    fn pool_problems(
        &self,
        id: PoolId,
        pool: &Pool,
        reserved: &ReservedSum,
        matches: &mut BTreeMap<Requirement, bool>,
    ) -> Vec<PoolProblem> {
        let mut problems = self.node_problems(id, pool, reserved, matches);
        problems.extend(self.amount_problems(pool));
        problems
    }

    /// What pools reserve, by pool.
    fn reserved_sums(&self) -> BTreeMap<PoolId, ReservedSum> {
        let mut sums: BTreeMap<PoolId, ReservedSum> = BTreeMap::new();
        for (_, node) in self.state.nodes.iter() {
            for (pool, amount, has) in node.reservations() {
                let sum = sums.entry(pool).or_default();
                sum.amount = sum.amount.plus(&amount);
                sum.nodes += 1;
                let lacks = amount.above(&has);
                if !lacks.is_none() {
                    let name = || (node.observed().name.clone(), lacks, 0);
                    sum.cut.get_or_insert_with(name).2 += 1;
                }
            }
        }
        sums
    }

    /// What about nodes that a pool asks for or reserves does not work out.
    fn node_problems(
        &self,
        id: PoolId,
        pool: &Pool,
        reserved: &ReservedSum,
        matches: &mut BTreeMap<Requirement, bool>,
    ) -> Vec<PoolProblem> {
        let mut problems = Vec::new();
        let requirement = match self.state.pools.requirement(id) {
            Ok(requirement) => requirement,
            Err(Contradiction { key, values: [above, below] }) => {
                let message = format!(
                    "no node can match both {key}={above} and {key}={below}, which the node \
                     selectors of the pool and of those above it ask for together"
                );
                problems.push(PoolProblem::fatal("NodeSelectorContradiction", message));
                return problems;
            }
        };
        let any = |requirement: &Requirement| {
            let mut nodes = self.state.nodes.iter();
            nodes.any(|(_, node)| requirement.matches(&node.observed().labels))
        };
        let mut any = |requirement: Requirement| {
            let known = matches.get(&requirement).copied();
            known.unwrap_or_else(|| {
                let found = any(&requirement);
                matches.insert(requirement, found);
                found
            })
        };
        if let Some(selector) = requirement.selector()
            && !any(requirement.clone())
        {
            let message = format!("no node matches {selector}, which the pool asks for");
            problems.push(PoolProblem::fatal("NoNodeMatches", message));
            return problems;
        }
        for (index, (selector, _)) in pool.settings.reservations.iter().enumerate() {
            let text = match requirement.clone().narrowed(selector) {
                Ok(requirement) if any(requirement.clone()) => continue,
                Ok(requirement) => requirement.selector().unwrap_or_else(|| "anything".into()),
                Err(Contradiction { key, values: [above, below] }) => {
                    format!("both {key}={above} and {key}={below}").into()
                }
            };
            let message = format!("reservations[{index}] reserves nothing: no node matches {text}");
            problems.push(PoolProblem::new("ReservationWithoutNodes", message));
        }
        if let Some((node, lacks, count)) = &reserved.cut {
            let lacks: Vec<String> = lacks
                .iter()
                .map(|(kind, amount)| {
                    let kinds = &self.state.kinds;
                    format!("{} {}", kinds.display(kind, amount), kinds.name(kind))
                })
                .collect();
            let message = format!(
                "{count} of {} nodes have less than all pools reserve there: node {node} lacks {} \
                 of what this pool reserves; pools get theirs in order of their names",
                reserved.nodes,
                lacks.join(", ")
            );
            problems.push(PoolProblem::new("ReservationsAboveCapacity", message));
        }
        problems
    }
}
