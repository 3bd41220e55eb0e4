//! The words for why something waits, failed or is as it is: stable, one each, as conditions want them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares the words, each written as it is named.
macro_rules! reasons {
    ($($(#[doc = $text:literal])+ $word:ident,)+) => {
        /// One word for why a job or a framework has no more than it has, or why it ended.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $text])+ $word,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$word,)+];

            /// The word, as objects have it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)+
                }
            }
        }
    };
}

reasons! {
    // Why a job waits.
    /// No node is ready.
    NoNodes,
    /// No node has the labels, or those that do have taints.
    NoNodeSuits,
    /// The job and its pools ask for labels that no node can have together.
    NodeSelectorContradiction,
    /// The job's namespace may not use its pool.
    NamespaceMayNotUsePool,
    /// There is no pool of that name.
    NoPool,
    /// The pool is being deleted.
    PoolDeleted,
    /// An executor is larger than every node.
    LargerThanAnyNode,
    /// No node has enough free.
    WaitingForResources,
    /// The pool, or one above it, holds what it may.
    LimitReached,
    /// What is free is kept for pools below their guarantee.
    KeptForGuarantees,
    /// Room is being made.
    WaitingForDrain,
    /// What becomes free on nodes is kept until there is room.
    KeepsNodesFree,
    /// It waits for a node that it prefers.
    WaitingForPreferredNode,
    /// Only nodes have room that it declines.
    NodesDeclined,
    /// An executor could not be made.
    CannotLaunch,
    /// The last executor never ran.
    ExecutorNotStarted,
    /// An autoscaler may add nodes for its executors.
    WaitingForNodes,
    /// The job names more kinds of resources than can be accounted for.
    TooManyResourceKinds,
    /// Somebody suspended it.
    Suspended,

    // Why executors of a job drain.
    /// Their room goes to others.
    Reclaimed,
    /// Their node is drained.
    NodeDrained,
    /// Their node's maintenance comes.
    Maintenance,
    /// Their node has less than what is on it.
    NodeOvercommitted,

    // Why a framework is offered nothing.
    /// It is not connected.
    Disconnected,
    /// It takes no offers in this pool any more.
    NotSubscribed,
    /// It wants no offers for now.
    Suppressed,
    /// No node has anything left that it may take and has not refused.
    NothingToOffer,
    /// It has offers of its fair share, and jobs wait for the rest.
    FairShareOffered,

    // Why a job failed.
    /// A task failed too often, or for good.
    TaskFailed,
    /// A task was lost too often.
    TaskLost,
    /// Too many executors failed.
    ExecutorsFailed,
    /// It did not end within its deadline.
    DeadlineExceeded,
    /// The results of all tasks are too large together.
    ResultsTooLarge,
    /// Its settings cannot be.
    InvalidSpec,
    /// It is not known any more why.
    Failed,

    // How a framework ended.
    /// It was told to.
    TornDown,
    /// It did not come back.
    FailoverTimeout,
    /// It was not taken.
    Refused,
}

impl Reason {
    /// Whether it says why a job failed.
    pub const fn is_of_failure(self) -> bool {
        matches!(
            self,
            Self::TaskFailed
                | Self::TaskLost
                | Self::ExecutorsFailed
                | Self::DeadlineExceeded
                | Self::ResultsTooLarge
                | Self::InvalidSpec
        )
    }
}

/// A text that is none of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no reason that Proffer gives")]
pub struct UnknownReason;

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word).ok_or(UnknownReason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The word as a text: the text of what was decided tells decisions apart, and old records have it so.
impl fmt::Debug for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The word of a failure that was stored; `None` if it is another one. Only that of a failed job is of
/// use to an engine that takes it up.
pub fn read_failure(word: &str) -> Option<Reason> {
    word.parse().ok().filter(|reason: &Reason| reason.is_of_failure())
}

/// [`read_failure`], of what a record has.
pub(crate) fn deserialize_failure<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Reason>, D::Error> {
    let word: Option<Box<str>> = Deserialize::deserialize(deserializer)?;
    Ok(word.as_deref().and_then(read_failure))
}

#[cfg(test)]
mod tests;
