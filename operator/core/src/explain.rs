//! Why a job waits, as data that knows how to say it.

use std::fmt;

use crate::jobs::Milliseconds;
use crate::resources::{Kind, Kinds};

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
    /// Room is being made, and kept.
    Draining {
        /// How many executors are on their way out for it.
        executors: u32,
        /// The pools that they belong to.
        pools: Box<str>,
        /// When the last of them is cut off, in milliseconds since 1970.
        until: Milliseconds,
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

impl Rejection {
    /// One word for it, stable, as conditions want it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoNodes => "NoNodes",
            Self::LargerThanAnyNode { .. } | Self::NoNodeHasAll => "LargerThanAnyNode",
            Self::NoNodeFree { .. } | Self::NoNodeHasAllFree => "WaitingForResources",
            Self::Limit { .. } => "LimitReached",
            Self::Headroom { .. } => "KeptForGuarantees",
            Self::Draining { .. } => "WaitingForDrain",
            Self::Gang { cause, .. } => cause.reason(),
            Self::NoPool { .. } => "NoPool",
            Self::TooManyKinds { .. } => "TooManyResourceKinds",
        }
    }

    /// The sentence for people.
    pub fn display<'a>(&'a self, kinds: &'a Kinds) -> impl fmt::Display + 'a {
        Sentence { rejection: self, kinds }
    }
}

struct Sentence<'a> {
    rejection: &'a Rejection,
    kinds: &'a Kinds,
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |kind, amount| self.kinds.display(kind, amount);
        match self.rejection {
            Rejection::NoNodes => formatter.write_str("no node is ready for executors"),
            Rejection::LargerThanAnyNode { kind, requested, largest } => write!(
                formatter,
                "an executor needs {} {}, more than any node has; the largest has {}",
                amount(*kind, *requested),
                self.kinds.name(*kind),
                amount(*kind, *largest)
            ),
            Rejection::NoNodeHasAll => {
                formatter.write_str("no node has all that an executor needs, even when empty")
            }
            Rejection::NoNodeFree { kind, requested, largest } => write!(
                formatter,
                "no node has {} {} free; largest {}",
                amount(*kind, *requested),
                self.kinds.name(*kind),
                amount(*kind, *largest)
            ),
            Rejection::NoNodeHasAllFree => {
                formatter.write_str("no node has all that an executor needs free at once")
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
            Rejection::Draining { executors: 0, .. } => {
                formatter.write_str("waits for what leaves a node, which is kept for it")
            }
            Rejection::Draining { executors, pools, until } => {
                let s = if *executors == 1 { "" } else { "s" };
                let until = TimeOfDay(*until);
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
            Rejection::NoPool { pool } => write!(formatter, "there is no pool {pool}"),
            Rejection::TooManyKinds { name } => {
                crate::resources::TooManyKinds { name: name.to_string() }.fmt(formatter)
            }
        }
    }
}

/// A time in milliseconds since 1970 as people read it off a clock: `16:03:05 UTC`.
pub(crate) struct TimeOfDay(pub(crate) Milliseconds);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        write!(formatter, "{hours:02}:{minutes:02}:{:02} UTC", seconds % 60)
    }
}
