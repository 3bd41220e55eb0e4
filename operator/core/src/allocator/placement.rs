//! Which node an executor goes to.

use std::collections::{BTreeMap, BTreeSet};

use crate::explain::Rejection;
use crate::ids::NodeId;
use crate::nodes::{Accepts, Fullness, Nodes, Reach, Suitability};
use crate::policy::Placement;
use crate::resources::Resources;
use crate::time::Time;

/// How many preferred nodes are looked at one by one; among more of them the tree of all nodes finds
/// one.
const FEW: usize = 256;

/// What a job says about nodes besides [`Placement`]. By default it takes any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Nodes that it declines, and until when.
    pub(crate) declined: BTreeMap<NodeId, Time>,
    /// Nodes that it takes before all others, if there are any.
    pub(crate) preferred: BTreeSet<NodeId>,
    /// Until when it waits for one of these; `None` if it takes others as well.
    pub(crate) waits_until: Option<Time>,
}

impl Choice {
    fn accepts(&self, id: NodeId) -> bool {
        !self.declined.contains_key(&id)
    }

    fn is_local(&self, id: NodeId) -> bool {
        self.preferred.contains(&id) && self.accepts(id)
    }
}

/// The node that suits best, if the request fits anywhere. `executors` are those that the job has.
pub(super) fn choose(
    nodes: &Nodes,
    request: &Resources,
    reach: Reach,
    placement: Placement,
    executors: &BTreeMap<NodeId, u32>,
    choice: &Choice,
) -> Option<NodeId> {
    let best = |accepts: Accepts<'_>| match placement {
        Placement::Spread => nodes.emptiest(request, reach, executors, accepts),
        Placement::Pack => nodes.fullest(request, reach, accepts),
    };
    let preferred = if choice.preferred.len() > FEW {
        best(&|id| choice.is_local(id))
    } else {
        let offers =
            choice.preferred.iter().filter_map(|&id| Some((id, nodes.room_on(id, reach)?)));
        let fitting =
            offers.filter(|&(id, (free, _))| choice.is_local(id) && request.fits_in(&free));
        let ranked = fitting.map(|(id, (_, fullness))| match placement {
            Placement::Spread => (executors.get(&id).copied().unwrap_or(0), fullness, id),
            Placement::Pack => (0, Fullness::MAX - fullness, id),
        });
        ranked.min().map(|(_, _, id)| id)
    };
    if preferred.is_some() || choice.waits_until.is_some() {
        return preferred;
    }
    best(&|id| choice.accepts(id))
}

/// Why a job was given no node because of what it says about nodes, if that is so: the request would
/// fit on a node that it did not take.
pub(super) fn explain_choice(
    nodes: &Nodes,
    request: &Resources,
    reach: Reach,
    choice: &Choice,
) -> Option<Rejection> {
    if choice.declined.is_empty() && choice.waits_until.is_none() {
        return None;
    }
    let name = |id: &NodeId| nodes.get(*id).map(|node| node.observed().name.clone());
    if let Some(until) = choice.waits_until
        && nodes.fits_on(request, reach, &|id| choice.accepts(id))
    {
        let mut names: Vec<Box<str>> = choice.preferred.iter().filter_map(name).collect();
        names.sort_unstable();
        return Some(Rejection::WaitsForPreferred { nodes: names, until });
    }
    if !nodes.fits(request, reach) {
        return None;
    }
    let declined = choice.declined.iter();
    let mut declined: Vec<(Time, Box<str>)> =
        declined.filter_map(|(id, &until)| Some((until, name(id)?))).collect();
    declined.sort_unstable();
    let declined = declined.into_iter().map(|(until, name)| (name, until)).collect();
    Some(Rejection::Declines { nodes: declined })
}

/// Why a request fits on no node.
pub(crate) fn explain(nodes: &Nodes, request: &Resources, reach: Reach) -> Rejection {
    let Suitability { selector, matching, tainted, taint } = nodes.suitability(reach);
    if let (Some(selector), 0) = (&selector, matching) {
        return Rejection::NoNodeMatches { selector: selector.clone() };
    }
    let cause = explain_room(nodes, request, reach);
    if selector.is_none() && tainted == 0 {
        return cause;
    }
    let cause = (matching > tainted).then(|| Box::new(cause));
    Rejection::FewNodesSuit { selector, matching, taint, cause }
}

/// Why a request fits on none of the nodes that suit.
fn explain_room(nodes: &Nodes, request: &Resources, reach: Reach) -> Rejection {
    let (largest, largest_free) = (nodes.largest_usable(reach), nodes.largest_free(reach));
    if largest == Resources::LESS_THAN_NONE {
        return Rejection::NoNodes;
    }
    let short = |has: &Resources| request.iter().find(|&(kind, amount)| amount > has[kind]);
    if let Some((kind, requested)) = short(&largest) {
        return Rejection::LargerThanAnyNode { kind, requested, largest: largest[kind] };
    }
    if !nodes.fits_when_empty(request, reach) {
        return Rejection::NoNodeHasAll;
    }
    match short(&largest_free) {
        Some((kind, requested)) => {
            Rejection::NoNodeFree { kind, requested, largest: largest_free[kind] }
        }
        None => Rejection::NoNodeHasAllFree,
    }
}
