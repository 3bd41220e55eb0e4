//! Offers, and the tasks that took them.

use super::observation::NamedAmounts;
use crate::ids::{ClientId, FrameworkId, InverseOfferId, JobKey, NodeId, OfferId};
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::time::Time;

/// An offer: all that a framework may take on a node, for a while. It belongs to one of the
/// framework's pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferDescription {
    /// Its number.
    pub id: OfferId,
    /// Whose it is.
    pub framework: JobKey,
    /// The pool that pays.
    pub pool: Box<str>,
    /// The node.
    pub node: Box<str>,
    /// What may be taken.
    pub amounts: NamedAmounts,
    /// The ports that may be taken.
    pub ports: Ranges,
    /// When it is taken back if nobody has answered.
    pub expires_at: Option<Time>,
    /// When the node goes into maintenance, if it does.
    pub unavailable_from: Option<Time>,
}

/// An offer that nobody has answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) client: ClientId,
    pub(crate) node: NodeId,
    pub(crate) amount: Resources,
    /// What of it is reserved for nobody.
    pub(crate) unreserved: Resources,
    pub(crate) ports: Ranges,
    pub(crate) expires_at: Option<Time>,
}

/// A task, which holds what it took of an offer until it is gone.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) client: ClientId,
    pub(crate) node: NodeId,
    pub(crate) amount: Resources,
    pub(crate) ports: Ranges,
}

/// What a client can be offered.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) node: NodeId,
    pub(crate) amount: Resources,
    pub(crate) ports: Ranges,
}

/// What a framework was asked for on a node that goes into maintenance.
#[derive(Clone, Debug)]
pub(crate) struct Inverse {
    pub(crate) id: InverseOfferId,
    pub(crate) unavailable_from: Time,
    /// Whether it agreed; `None` while it has not answered.
    pub(crate) agreed: Option<bool>,
    /// When it may be asked again, if it answered.
    pub(crate) again_at: Option<Time>,
}

/// What is to be looked at when its time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// An offer that was not answered.
    Offer(OfferId),
    /// Filters that end.
    Filters(ClientId),
    /// A framework that may be asked again for what it has on a node.
    Inverse(NodeId, FrameworkId),
}
