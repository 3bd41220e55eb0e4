//! Which node an executor goes to.

use std::collections::BTreeMap;

use crate::explain::Rejection;
use crate::nodes::{NodeId, Nodes, Reach, Suitability};
use crate::resources::Resources;

/// Which of the nodes that fit a job prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The node with the fewest executors of the job, then the emptiest.
    #[default]
    Spread,
    /// The fullest node.
    Pack,
}

/// The node that suits best, if the request fits anywhere. `executors` are those that the job has.
pub(super) fn choose(
    nodes: &Nodes,
    request: &Resources,
    reach: Reach,
    placement: Placement,
    executors: &BTreeMap<NodeId, u32>,
) -> Option<NodeId> {
    match placement {
        Placement::Spread => nodes.emptiest(request, reach, executors),
        Placement::Pack => nodes.fullest(request, reach),
    }
}

/// Why a request fits on no node.
pub(super) fn explain(nodes: &Nodes, request: &Resources, reach: Reach) -> Rejection {
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
