//! What the master knows at one moment, for those who read it while the master goes on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use proffer_core::event::PoolObservation;
use proffer_core::jobs::JobKey;
use proffer_core::ranges::Ranges;
use proffer_core::time::Time;
use proffer_core::view::{FrameworkStatus, Market, NodeStatus, PoolHoldings};

use super::Sight;
use crate::master::access::Kind;
use crate::master::agents::Agents;
use crate::master::frameworks::Framework;
use crate::master::operator_api::{Machine, Window};
use crate::master::shared::Shared;
use crate::master::{Master, MasterSettings};

/// What the master knows at one moment. It shares with the master whatever has not changed since, so it
/// costs the master next to nothing.
#[derive(Debug)]
pub(crate) struct Snapshot {
    settings: Arc<MasterSettings>,
    started_at: Time,
    now: Time,
    pools: Arc<BTreeMap<Box<str>, PoolObservation>>,
    agents: Agents,
    frameworks: Shared<Arc<str>, Framework>,
    gone: VecDeque<Arc<Framework>>,
    windows: Arc<Vec<Window>>,
    down_machines: Arc<Vec<Machine>>,
    counts: BTreeMap<&'static str, u64>,
    market: Market,
    places: OnceLock<Places>,
}

/// Where in the market things are; found out by the first who wants to know.
#[derive(Debug)]
struct Places {
    nodes: BTreeMap<Box<str>, usize>,
    pools: BTreeMap<Box<str>, usize>,
    frameworks: BTreeMap<JobKey, usize>,
    /// The ports of each node that are in offers.
    offered_ports: BTreeMap<Box<str>, Ranges>,
}

impl Places {
    fn of(market: &Market) -> Self {
        let mut offered_ports: BTreeMap<Box<str>, Ranges> = BTreeMap::new();
        for offer in &market.offers {
            offered_ports.entry(offer.node.clone()).or_default().insert_all(&offer.ports);
        }
        let nodes = market.nodes.iter().enumerate();
        let pools = market.pools.iter().enumerate();
        let frameworks = market.frameworks.iter().enumerate();
        Self {
            nodes: nodes.map(|(index, node)| (node.name.clone(), index)).collect(),
            pools: pools.map(|(index, pool)| (pool.name.clone(), index)).collect(),
            frameworks: frameworks.map(|(index, it)| (it.key.clone(), index)).collect(),
            offered_ports,
        }
    }
}

impl Master {
    /// What is known now; `market` is what the engine shows.
    pub(crate) fn snapshot(&self, now: Time, market: Market) -> Snapshot {
        Snapshot {
            settings: Arc::clone(&self.settings),
            started_at: self.started_at,
            now,
            pools: Arc::clone(&self.pools),
            agents: self.agents.clone(),
            frameworks: self.frameworks.clone(),
            gone: self.completed.clone(),
            windows: Arc::clone(&self.windows),
            down_machines: Arc::clone(&self.down_machines),
            counts: self.counts.clone(),
            market,
            places: OnceLock::new(),
        }
    }
}

/// A snapshot as one reader may see it.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    snapshot: Arc<Snapshot>,
    sight: Sight,
    /// What is seen, if it is not everything.
    seen: Option<Arc<Seen>>,
}

/// The part of a snapshot that a reader may see.
#[derive(Debug)]
struct Seen {
    frameworks: Vec<Arc<Framework>>,
    gone: Vec<Arc<Framework>>,
    pools: BTreeMap<Box<str>, PoolObservation>,
}

impl Seen {
    fn of(snapshot: &Snapshot, sight: &Sight) -> Self {
        let frameworks = snapshot.frameworks.shared();
        let pools = snapshot.pools.iter().filter(|(name, _)| sight.shows_pool(name));
        Self {
            frameworks: frameworks.filter_map(|framework| sight.seen(framework)).collect(),
            gone: snapshot.gone.iter().filter_map(|framework| sight.seen(framework)).collect(),
            pools: pools.map(|(name, pool)| (name.clone(), pool.clone())).collect(),
        }
    }
}

impl Reading {
    pub(crate) fn new(snapshot: Arc<Snapshot>, sight: Sight) -> Self {
        let seen = match sight {
            Sight::All => None,
            Sight::Of(_) => Some(Seen::of(&snapshot, &sight).into()),
        };
        Self { snapshot, sight, seen }
    }

    /// The same as those see it who see everything: for numbers, which name nobody.
    pub(super) fn of_everybody(&self) -> Self {
        Self::new(Arc::clone(&self.snapshot), Sight::All)
    }

    /// The frameworks that the reader may see.
    pub(in crate::master) fn frameworks(&self) -> impl Iterator<Item = &Framework> {
        let all = self.seen.is_none().then(|| self.snapshot.frameworks.values());
        let some = self.seen.iter().flat_map(|seen| &seen.frameworks).map(|it| &**it);
        all.into_iter().flatten().chain(some)
    }

    /// The frameworks that are gone and that the reader may see, the last one at the end.
    pub(in crate::master) fn gone(&self) -> impl Iterator<Item = &Framework> {
        let all = self.seen.is_none().then(|| self.snapshot.gone.iter());
        let some = self.seen.iter().flat_map(|seen| &seen.gone);
        all.into_iter().flatten().chain(some).map(|framework| &**framework)
    }

    /// The job that a framework is, if the reader may look into its sandboxes.
    pub(in crate::master) fn sandboxes_of(&self, framework: &str) -> Option<JobKey> {
        let known = self.snapshot.frameworks.get(framework);
        let mut gone = self.snapshot.gone.iter().map(|gone| &**gone);
        let found = known.or_else(|| gone.find(|gone| *gone.id == *framework))?;
        self.sight.sees(Kind::AccessSandboxes, found).then(|| found.key.clone())
    }

    pub(super) fn settings(&self) -> &MasterSettings {
        &self.snapshot.settings
    }

    pub(super) fn started_at(&self) -> Time {
        self.snapshot.started_at
    }

    pub(super) fn now(&self) -> Time {
        self.snapshot.now
    }

    pub(super) fn agents(&self) -> &Agents {
        &self.snapshot.agents
    }

    /// The pools that the reader may see.
    pub(super) fn pools(&self) -> &BTreeMap<Box<str>, PoolObservation> {
        self.seen.as_ref().map_or(&*self.snapshot.pools, |seen| &seen.pools)
    }

    pub(super) fn windows(&self) -> &[Window] {
        &self.snapshot.windows
    }

    pub(super) fn down_machines(&self) -> &[Machine] {
        &self.snapshot.down_machines
    }

    pub(super) fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.snapshot.counts
    }

    /// What the engine shows, of everybody.
    pub(super) fn market(&self) -> &Market {
        &self.snapshot.market
    }

    fn places(&self) -> &Places {
        self.snapshot.places.get_or_init(|| Places::of(&self.snapshot.market))
    }

    /// A node as the engine sees it.
    pub(super) fn node(&self, name: &str) -> Option<&NodeStatus> {
        self.market().nodes.get(*self.places().nodes.get(name)?)
    }

    /// What a pool holds.
    pub(super) fn holdings(&self, pool: &str) -> Option<&PoolHoldings> {
        self.market().pools.get(*self.places().pools.get(pool)?)
    }

    /// A framework as the engine sees it.
    pub(super) fn status(&self, framework: &Framework) -> Option<&FrameworkStatus> {
        self.market().frameworks.get(*self.places().frameworks.get(&framework.key)?)
    }

    /// The ports of a node that are in offers.
    pub(super) fn offered_ports(&self, node: &str) -> Ranges {
        self.places().offered_ports.get(node).cloned().unwrap_or_default()
    }
}
