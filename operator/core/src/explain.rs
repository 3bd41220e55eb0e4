//! Why a job waits, as data that knows how to say it.

mod utc;

use std::fmt;

use crate::labels::Contradiction;
use crate::reasons::Reason;
use crate::resources::{Kind, Kinds};
use crate::time::Time;
pub use utc::Utc;

/// How many nodes a sentence names.
const NAMED_NODES: usize = 3;

/// Why a claim was given nothing (more) in a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// No node is offered.
    NoNodes,
    /// The request is larger than what any node has, even when empty.
    LargerThanAnyNode {
        /// The kind of resource that is short.
        kind: Kind,
        /// How much one executor needs.
        requested: i64,
        /// The most that a node has.
        largest: i64,
    },
    /// Every kind of resource is on some node, but no node has enough of all.
    NoNodeHasAll,
    /// No node has the labels that are asked for.
    NoNodeMatches {
        /// The labels: `zone=a`.
        selector: Box<str>,
    },
    /// Not all nodes suit, and those that do have no room.
    FewNodesSuit {
        /// The labels that are asked for, if any.
        selector: Option<Box<str>>,
        /// How many nodes have them.
        matching: u32,
        /// The taint that keeps the job away from most of them, and from how many.
        taint: Option<(Box<str>, u32)>,
        /// Why there is no room on the others, if there are any.
        cause: Option<Box<Rejection>>,
    },
    /// The job and its pool, or pools above each other, ask for nodes that there cannot be.
    Contradiction {
        /// The label.
        key: Box<str>,
        /// The values that it would need to have.
        values: [Box<str>; 2],
    },
    /// The job's namespace may not use the pool.
    Namespace {
        /// The sentence that says so, and which pools it may use.
        message: Box<str>,
    },
    /// The pool is being deleted and takes no new jobs.
    PoolDeleted {
        /// The name.
        pool: Box<str>,
    },
    /// There is no room, and the pool has as much as it may without nodes.
    ElasticLimit {
        /// The pool whose limit it is.
        pool: Box<str>,
        /// The kind of resource that is limited.
        kind: Kind,
        /// How much executors without a node hold.
        held: i64,
        /// How much they may.
        limit: i64,
        /// Why there is no room.
        cause: Box<Rejection>,
    },
    /// No node has enough left.
    NoNodeFree {
        /// The kind of resource that is short.
        kind: Kind,
        /// How much one executor needs.
        requested: i64,
        /// The most that is free on a node.
        largest: i64,
    },
    /// Every kind of resource is free on some node, but no node has enough of all.
    NoNodeHasAllFree,
    /// The pool, or one above it, holds what it may.
    Limit {
        /// The pool whose limit it is.
        pool: Box<str>,
        /// The kind of resource that is limited.
        kind: Kind,
        /// How much the pool's subtree holds.
        held: i64,
        /// The limit.
        limit: i64,
    },
    /// What is free is kept for pools that are below their guarantee.
    Headroom {
        /// The kind of resource that is kept.
        kind: Kind,
        /// How much of it is free.
        free: i64,
        /// How much of it is kept.
        kept: i64,
    },
    /// What is left under the limit of a pool is kept for pools below it that are below their
    /// guarantee.
    KeptUnderLimit {
        /// The pool whose limit it is.
        pool: Box<str>,
        /// The kind of resource that is kept.
        kind: Kind,
        /// How much of it is left under the limit.
        free: i64,
        /// How much of it is kept.
        kept: i64,
    },
    /// Room is being made, and kept.
    Draining {
        /// How many executors are on their way out for it.
        executors: u32,
        /// The pools that they belong to.
        pools: Box<str>,
        /// When the last of them is cut off, in milliseconds since 1970.
        until: Time,
    },
    /// What becomes free on nodes is kept until there is room.
    KeepsNodes {
        /// The nodes, by name.
        nodes: Vec<Box<str>>,
        /// For how many executors.
        executors: u32,
        /// The kind of resource that is short.
        kind: Kind,
        /// How much there is room for so far.
        free: i64,
        /// How much it takes.
        wanted: i64,
    },
    /// Not all executors fit at once.
    Gang {
        /// How many do.
        fitting: u32,
        /// How many have to.
        wanted: u32,
        /// Why the next one does not.
        cause: Box<Rejection>,
    },
    /// No node has anything left that a framework may take and has not refused.
    NothingToOffer,
    /// A framework has offers of its fair share, and jobs wait for the rest.
    FairShare,
    /// A node that the job prefers may become free: others are declined for a while.
    WaitsForPreferred {
        /// The nodes that it prefers, by name.
        nodes: Vec<Box<str>>,
        /// Until when it waits.
        until: Time,
    },
    /// Only nodes have room that the job declines for a while, as executors failed there.
    Declines {
        /// The nodes, with when they are taken again, the first one first.
        nodes: Vec<(Box<str>, Time)>,
    },
    /// An executor could not be made, and it is not yet time to try again.
    Withheld {
        /// Why it could not.
        cause: Box<str>,
    },
    /// The last executor that was made never ran; another one is being made.
    NotStarted {
        /// The node that it was on.
        node: Box<str>,
        /// Why it did not run.
        cause: Box<str>,
    },
    /// There is no pool of the name that the job gives.
    NoPool {
        /// The name.
        pool: Box<str>,
    },
    /// The job names more kinds of resources than can be accounted for.
    TooManyKinds {
        /// The name of the kind that found no place.
        name: Box<str>,
    },
}

impl From<Contradiction> for Rejection {
    fn from(Contradiction { key, values }: Contradiction) -> Self {
        Self::Contradiction { key, values }
    }
}

impl Rejection {
    /// One word for it, stable, as conditions want it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NoNodes => Reason::NoNodes,
            Self::NoNodeMatches { .. } | Self::FewNodesSuit { cause: None, .. } => {
                Reason::NoNodeSuits
            }
            Self::Contradiction { .. } => Reason::NodeSelectorContradiction,
            Self::Namespace { .. } => Reason::NamespaceMayNotUsePool,
            Self::PoolDeleted { .. } => Reason::PoolDeleted,
            Self::LargerThanAnyNode { .. } | Self::NoNodeHasAll => Reason::LargerThanAnyNode,
            Self::NoNodeFree { .. } | Self::NoNodeHasAllFree => Reason::WaitingForResources,
            Self::Limit { .. } => Reason::LimitReached,
            Self::Headroom { .. } | Self::KeptUnderLimit { .. } => Reason::KeptForGuarantees,
            Self::Draining { .. } => Reason::WaitingForDrain,
            Self::KeepsNodes { .. } => Reason::KeepsNodesFree,
            Self::FewNodesSuit { cause: Some(cause), .. }
            | Self::ElasticLimit { cause, .. }
            | Self::Gang { cause, .. } => cause.reason(),
            Self::NothingToOffer => Reason::NothingToOffer,
            Self::FairShare => Reason::FairShareOffered,
            Self::WaitsForPreferred { .. } => Reason::WaitingForPreferredNode,
            Self::Declines { .. } => Reason::NodesDeclined,
            Self::Withheld { .. } => Reason::CannotLaunch,
            Self::NotStarted { .. } => Reason::ExecutorNotStarted,
            Self::NoPool { .. } => Reason::NoPool,
            Self::TooManyKinds { .. } => Reason::TooManyResourceKinds,
        }
    }

    /// Whether nothing is missing but room on nodes that would be large enough.
    pub(crate) fn lacks_room(&self) -> bool {
        match self {
            Self::NoNodeFree { .. } | Self::NoNodeHasAllFree | Self::KeepsNodes { .. } => true,
            Self::Gang { cause, .. }
            | Self::ElasticLimit { cause, .. }
            | Self::FewNodesSuit { cause: Some(cause), .. } => cause.lacks_room(),
            _ => false,
        }
    }

    /// Whether more nodes would help.
    pub(crate) fn lacks_nodes(&self) -> bool {
        match self {
            Self::NoNodes
            | Self::LargerThanAnyNode { .. }
            | Self::NoNodeHasAll
            | Self::NoNodeMatches { .. }
            | Self::FewNodesSuit { .. }
            | Self::NoNodeFree { .. }
            | Self::NoNodeHasAllFree => true,
            Self::Gang { cause, .. } => cause.lacks_nodes(),
            _ => false,
        }
    }

    /// The sentence for people.
    pub fn display<'a>(&'a self, kinds: &'a Kinds) -> impl fmt::Display + 'a {
        Sentence { rejection: self, kinds, no_node: "no node" }
    }
}

/// A rejection, as people are told of it.
struct Sentence<'a> {
    rejection: &'a Rejection,
    kinds: &'a Kinds,
    /// What is said for "no node", where nodes were spoken of before.
    no_node: &'static str,
}

impl<'a> Sentence<'a> {
    /// The sentence for another rejection that begins where this one would.
    fn of(&self, rejection: &'a Rejection) -> Self {
        Self { rejection, ..*self }
    }
}

impl fmt::Display for Sentence<'_> {
    #[expect(clippy::too_many_lines, reason = "one sentence for each rejection")]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |kind, amount| self.kinds.display(kind, amount);
        let no_node = self.no_node;
        match self.rejection {
            Rejection::NoNodes => write!(formatter, "{no_node} is ready for executors"),
            Rejection::LargerThanAnyNode { kind, requested, largest } => write!(
                formatter,
                "an executor needs {} {}, more than any node has; the largest has {}",
                amount(*kind, *requested),
                self.kinds.name(*kind),
                amount(*kind, *largest)
            ),
            Rejection::NoNodeHasAll => {
                write!(formatter, "{no_node} has all that an executor needs, even when empty")
            }
            Rejection::NoNodeFree { kind, requested, largest } => write!(
                formatter,
                "{no_node} has {} {} free; largest {}",
                amount(*kind, *requested),
                self.kinds.name(*kind),
                amount(*kind, *largest)
            ),
            Rejection::NoNodeHasAllFree => {
                write!(formatter, "{no_node} has all that an executor needs free at once")
            }
            Rejection::Limit { pool, kind, held, limit } => write!(
                formatter,
                "limit reached: pool {pool} holds {} {} of {}",
                self.kinds.name(*kind),
                amount(*kind, *held),
                amount(*kind, *limit)
            ),
            Rejection::Headroom { kind, free, kept } => write!(
                formatter,
                "of {} {} free, {} are kept for pools below their guarantee",
                amount(*kind, *free),
                self.kinds.name(*kind),
                amount(*kind, *kept)
            ),
            Rejection::KeptUnderLimit { pool, kind, free, kept } => write!(
                formatter,
                "of {} {} left under the limit of pool {pool}, {} are kept for pools below it that \
                 are below their guarantee",
                amount(*kind, *free),
                self.kinds.name(*kind),
                amount(*kind, *kept)
            ),
            Rejection::Draining { executors: 0, .. } => {
                formatter.write_str("waits for what leaves a node, which is kept for it")
            }
            Rejection::Draining { executors, pools, until } => {
                let s = if *executors == 1 { "" } else { "s" };
                let until = Utc(*until);
                write!(
                    formatter,
                    "waits for {executors} executor{s} of {pools} to drain by {until}"
                )
            }
            Rejection::Gang { fitting, wanted, cause } => write!(
                formatter,
                "only {fitting} of {wanted} executors fit at once: {}",
                cause.display(self.kinds)
            ),
            Rejection::NoNodeMatches { selector } => {
                write!(formatter, "{no_node} matches {selector}")
            }
            Rejection::FewNodesSuit { selector, matching, taint, cause } => {
                few_nodes(formatter, selector.as_deref(), *matching, taint.as_ref())?;
                match cause {
                    None => Ok(()),
                    Some(cause) => {
                        let all_match = selector.is_some() && taint.is_none();
                        let no_node = if all_match { "none" } else { "no other" };
                        write!(formatter, "; {}", Self { no_node, ..self.of(cause) })
                    }
                }
            }
            Rejection::Contradiction { key, values: [first, second] } => write!(
                formatter,
                "{no_node} can match both {key}={first} and {key}={second}, which the job and its \
                 pools ask for together"
            ),
            Rejection::Namespace { message } => formatter.write_str(message),
            Rejection::ElasticLimit { pool, kind, held, limit, cause } => write!(
                formatter,
                "{}; executors of pool {pool} that have no node hold {} {} of {} already",
                self.of(cause),
                self.kinds.name(*kind),
                amount(*kind, *held),
                amount(*kind, *limit)
            ),
            Rejection::PoolDeleted { pool } => {
                write!(formatter, "pool {pool} is being deleted and takes no new jobs")
            }
            Rejection::KeepsNodes { nodes, executors, kind, free, wanted } => {
                let (names, more) = first_few(nodes);
                let word = if nodes.len() == 1 { "node" } else { "nodes" };
                let names = names.join(", ");
                write!(formatter, "keeps {word} {names}{more} free for its ")?;
                match executors {
                    1 => formatter.write_str("executor")?,
                    _ => write!(formatter, "{executors} executors")?,
                }
                write!(
                    formatter,
                    ": {} of {} {} so far",
                    amount(*kind, *free),
                    amount(*kind, *wanted),
                    self.kinds.name(*kind)
                )
            }
            Rejection::NothingToOffer => write!(
                formatter,
                "{no_node} has anything left that it may take and has not refused"
            ),
            Rejection::FairShare => {
                formatter.write_str("it has its fair share, and jobs wait for what is left")
            }
            Rejection::WaitsForPreferred { nodes, until } => {
                let (names, more) = first_few(nodes);
                let (names, until) = (names.join(", "), Utc(*until));
                write!(
                    formatter,
                    "waits until {until} for one of the nodes it prefers: {names}{more}"
                )
            }
            Rejection::Declines { nodes } => {
                let (nodes, more) = first_few(nodes);
                let named =
                    |(node, until): &(Box<str>, Time)| format!("{node} until {}", Utc(*until));
                let named = nodes.iter().map(named).collect::<Vec<_>>().join(", ");
                write!(
                    formatter,
                    "only nodes have room that it declines, as executors or tasks failed there: \
                     {named}{more}"
                )
            }
            Rejection::Withheld { cause } => {
                write!(formatter, "an executor could not be made, tries again soon: {cause}")
            }
            Rejection::NotStarted { node, cause } => {
                write!(formatter, "the last one, on node {node}, did not start: {cause}")
            }
            Rejection::NoPool { pool } => write!(formatter, "there is no pool {pool}"),
            Rejection::TooManyKinds { name } => {
                crate::resources::TooManyKinds { name: name.to_string() }.fmt(formatter)
            }
        }
    }
}

/// How many nodes match, and how many of them the job may not use.
fn few_nodes(
    formatter: &mut fmt::Formatter<'_>,
    selector: Option<&str>,
    matching: u32,
    taint: Option<&(Box<str>, u32)>,
) -> fmt::Result {
    match (selector, matching) {
        (Some(selector), 1) => write!(formatter, "1 node matches {selector}")?,
        (Some(selector), _) => write!(formatter, "{matching} nodes match {selector}")?,
        (None, _) => {}
    }
    let Some((taint, count)) = taint else { return Ok(()) };
    match (selector.is_some(), count) {
        (false, 1) => write!(formatter, "1 node is")?,
        (false, _) => write!(formatter, "{count} nodes are")?,
        (true, 1) => write!(formatter, "; 1 of them is")?,
        (true, _) => write!(formatter, "; {count} of them are")?,
    }
    write!(formatter, " tainted {taint}, which the job does not tolerate")
}

/// The first of some items, and how to say how many there are more.
fn first_few<T>(items: &[T]) -> (&[T], String) {
    let shown = items.get(..NAMED_NODES).unwrap_or(items);
    let more = items.len() - shown.len();
    (shown, if more == 0 { String::new() } else { format!(" and {more} more") })
}

#[cfg(test)]
mod tests;
