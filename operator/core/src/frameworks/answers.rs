//! What frameworks say, and what they are told.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::observation::NamedAmounts;
use super::offers::OfferDescription;
use crate::ids::{InverseOfferId, OfferId, TaskId};
use crate::ranges::Ranges;
use crate::time::{Span, Time};

/// What a framework says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameworkCall {
    /// It takes parts of offers, all of one node and one pool, for tasks. The rest comes back.
    Accept {
        /// The offers.
        offers: Vec<OfferId>,
        /// What takes parts of them, in this order.
        tasks: Vec<TaskRequest>,
        /// How long it does not want to see the rest, or less, again.
        refuse_milliseconds: Span,
    },
    /// It takes nothing of offers. Those that are not known are passed over.
    Decline {
        /// The offers.
        offers: Vec<OfferId>,
        /// How long it does not want to see the like, or less, again.
        refuse_milliseconds: Span,
    },
    /// It wants offers again, and to see again what it refused.
    Revive {
        /// In these pools; in all of its pools if there are none.
        pools: Vec<Box<str>>,
    },
    /// It wants no more offers. It keeps those that it has.
    Suppress {
        /// In these pools; in all of its pools if there are none.
        pools: Vec<Box<str>>,
    },
    /// It will give back what inverse offers ask for, or not.
    AnswerInverse {
        /// The inverse offers.
        offers: Vec<InverseOfferId>,
        /// Whether it will.
        agreed: bool,
        /// How long it does not want to be asked again.
        refuse_milliseconds: Span,
    },
}

/// A task that a framework wants to run on what it was offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRequest {
    /// The task's name among those of the framework.
    #[serde(with = "crate::text::shared")]
    pub task: TaskId,
    /// What it holds until it is gone.
    pub amounts: NamedAmounts,
    /// The ports that it holds.
    pub ports: Ranges,
}

/// What a framework is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameworkAction {
    /// It may take this, until it is told otherwise.
    Offer(Box<OfferDescription>),
    /// An offer holds no more.
    Rescind {
        /// The offer.
        offer: OfferId,
        /// Why.
        reason: RescindReason,
    },
    /// A task may start: it has what it asked for.
    TaskAccepted {
        /// The task.
        task: TaskId,
        /// Where.
        node: Box<str>,
        /// The pool that pays.
        pool: Box<str>,
    },
    /// A task may not start.
    TaskRefused {
        /// The task.
        task: TaskId,
        /// Why.
        problem: TaskProblem,
    },
    /// A task is lost with its node, and holds nothing any more.
    TaskLost {
        /// The task.
        task: TaskId,
        /// The node.
        node: Box<str>,
    },
    /// It should give back all that it has on a node.
    InverseOffer {
        /// The number of this.
        id: InverseOfferId,
        /// The node.
        node: Box<str>,
        /// By then.
        unavailable_from: Time,
    },
    /// An inverse offer holds no more.
    RescindInverse(InverseOfferId),
    /// A call names a pool that is not one of the framework's.
    NotInPool {
        /// The pool.
        pool: Box<str>,
    },
    /// There is no such framework: it has to subscribe before it calls.
    NotSubscribed,
}

/// Why an offer is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RescindReason {
    /// It was not answered in time.
    Timeout,
    /// The node is gone.
    NodeGone,
    /// The node may not be offered any more, has less than before, or goes into maintenance at
    /// another time.
    NodeChanged,
    /// A pool has a lower limit than before.
    Limit,
    /// Jobs wait for what goes beyond the framework's fair share.
    FairShare,
    /// The framework is not connected, has gone, or another has its name.
    Disconnected,
    /// The framework or the pool's owner has left the pool.
    PoolGone,
}

/// Why a task may not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskProblem {
    /// The offer is not known any more, or never was the framework's (Mesos: `TASK_LOST` or
    /// `TASK_DROPPED`, `REASON_INVALID_OFFERS`).
    UnknownOffer(OfferId),
    /// An offer is named twice (as above).
    RepeatedOffer(OfferId),
    /// The offers are of several nodes or pools (as above).
    DifferentOffers,
    /// No offer is named (as above).
    NoOffer,
    /// The framework has a task of this name (Mesos: `TASK_ERROR`, `REASON_TASK_INVALID`).
    RepeatedTask,
    /// The task asks for nothing (as above).
    NoResources,
    /// An amount is negative (as above).
    NegativeAmount {
        /// The resource.
        resource: Box<str>,
    },
    /// The task asks for more than is left of the offers (as above).
    TooLarge {
        /// The resource.
        resource: Box<str>,
        /// How much it asks for.
        requested: i64,
        /// How much is left.
        left: i64,
    },
    /// The task asks for ports that are not in the offers, or that another task took (as above).
    PortsNotOffered,
}

impl TaskProblem {
    /// Whether the offers are at fault and another try may succeed; otherwise the task is.
    pub fn is_of_offers(&self) -> bool {
        matches!(
            self,
            Self::UnknownOffer(_) | Self::RepeatedOffer(_) | Self::DifferentOffers | Self::NoOffer
        )
    }
}

impl fmt::Display for TaskProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOffer(offer) => write!(formatter, "offer {offer} is no longer valid"),
            Self::RepeatedOffer(offer) => write!(formatter, "offer {offer} is named twice"),
            Self::DifferentOffers => {
                formatter.write_str("the offers are not of one node and one pool")
            }
            Self::NoOffer => formatter.write_str("no offer is named"),
            Self::RepeatedTask => formatter.write_str("the framework has a task of this name"),
            Self::NoResources => formatter.write_str("the task asks for no resources"),
            Self::NegativeAmount { resource } => {
                write!(formatter, "the task asks for less than no {resource}")
            }
            Self::TooLarge { resource, requested, left } => write!(
                formatter,
                "the task asks for {requested} {resource}, and {left} are left of the offers"
            ),
            Self::PortsNotOffered => {
                formatter.write_str("the task asks for ports that are not left of the offers")
            }
        }
    }
}
