//! What the engine wants.
//!
//! Actions are level-based: each says how something should look, so a repeated one changes nothing.

use crate::event::StageAttempts;
use crate::frameworks::FrameworkAction;
use crate::ids::{ExecutorKey, JobKey};
use crate::labels::Label;
use crate::view::JobStatus;

/// Something that should be made so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// There should be this executor.
    Launch(Launch),
    /// An executor should be told what to do.
    Assign(Assignment),
    /// There should not be this executor any more. When it is gone, the engine wants to hear.
    Remove(ExecutorKey),
    /// An executor is gone and all that it said is stored: what is left of it should go.
    Discard(ExecutorKey),
    /// A job's status should be published.
    Status(Box<JobStatus>),
    /// A framework should be told something. Its number says whether it was told before.
    Framework(JobKey, FrameworkAction),
}

/// An accepted offer: the executor that takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The executor's name.
    pub key: ExecutorKey,
    /// The node whose offer was accepted; `None` for one that goes wherever there comes to be room,
    /// so that an autoscaler sees it. Where it landed is to be told by
    /// [`Event::Placed`](crate::event::Event::Placed).
    pub node: Option<Box<str>>,
    /// Where one without a node may go.
    pub search: Search,
}

/// What has to hold of the node on which an executor lands that was launched without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The labels that the job and its pools ask for.
    pub selector: Vec<Label>,
    /// The nodes that are being emptied or that the job declines for now, as it failed there; at most
    /// [`Search::MOST_AVOIDED`].
    pub avoids: Vec<Box<str>>,
}

impl Search {
    /// How many nodes are avoided by name at most: of more, the ones that were declined last.
    pub const MOST_AVOIDED: usize = 100;
}

/// All that an executor should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The executor's name.
    pub key: ExecutorKey,
    /// Each assignment of an executor has a higher number than the one before.
    pub number: u64,
    /// The last report whose contents are stored.
    pub acknowledged_report: u64,
    /// The attempts that it should run.
    pub attempts: Vec<StageAttempts>,
}
