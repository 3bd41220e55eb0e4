//! What is known of an executor, and what follows from what its pod says.

use proffer_core::event::Departure;
use proffer_crds::SparkExecutorStatus;

use super::super::super::index::Index;
use super::super::super::pod::{ExecutorFacts, ObjectName, PodFacts};

/// What is known of an executor.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each of the flags can be set whatever the others are"
)]
#[derive(Debug)]
pub(super) struct Executor {
    /// The name of its pod and its object.
    pub(super) name: ObjectName,
    /// Its object as last seen: uid and generation.
    pub(super) object: Option<(Box<str>, i64)>,
    /// What it last said.
    pub(super) status: Option<Box<SparkExecutorStatus>>,
    /// The generation that an assignment was written with, and the assignment's number. Only of that it
    /// is known whether the executor has heard it.
    pub(super) written: Option<(i64, u64)>,
    pub(super) pod: PodState,
    /// The node that it was launched on or has landed on.
    pub(super) node: Option<Box<str>>,
    /// Whether it was launched on a node.
    is_pinned: bool,
    /// Whether it was told to end by itself.
    pub(super) is_stopping: bool,
    /// Whether the engine wants it to go.
    pub(super) is_removing: bool,
    /// Whether it is known by when it has to have reported.
    pub(super) is_awaited: bool,
    /// Why its pod is being deleted, if not for that.
    pub(super) cause: Option<Departure>,
    /// What became of it, while its last report is read.
    pub(super) departure: Option<Departure>,
    /// Whether the engine knows that it is gone.
    pub(super) has_departed: bool,
}

/// What is known of an executor's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PodState {
    /// It was not seen yet.
    Unseen,
    /// It is there, with this uid.
    There(Box<str>),
    /// It was there.
    Gone,
}

impl Executor {
    pub(super) fn new(name: ObjectName, node: Option<Box<str>>) -> Self {
        Self {
            name,
            object: None,
            status: None,
            written: None,
            pod: PodState::Unseen,
            is_pinned: node.is_some(),
            node,
            is_stopping: false,
            is_removing: false,
            is_awaited: false,
            cause: None,
            departure: None,
            has_departed: false,
        }
    }

    /// Whether it was heard of at least once.
    pub(super) fn has_reported(&self) -> bool {
        self.status.is_some()
    }

    /// Whether it is certain, or all but told, that nothing of it runs.
    pub(super) fn is_over(&self) -> bool {
        self.has_departed || self.departure.is_some()
    }
}

/// What follows from what a pod says.
pub(super) enum Verdict {
    GoesOn,
    /// Nothing of the executor runs any more.
    Departs(Departure),
    /// Its pod has to be deleted; then it departs for this reason.
    IsDeletedFor(Departure),
    /// Its pod is being deleted by somebody.
    IsLeaving,
}

/// What follows from what an executor's pod says.
pub(super) fn verdict(
    executor: &Executor,
    pod: &PodFacts,
    facts: &ExecutorFacts,
    index: &Index,
) -> Verdict {
    let ended = || executor.cause.clone().or_else(|| facts.departure.clone());
    if pod.has_ended {
        let ended = ended().unwrap_or_else(|| Departure::Lost("its pod has ended".to_owned()));
        return Verdict::Departs(ended);
    }
    if pod.is_deleting {
        let node = pod.node.as_deref().and_then(|name| index.node(name));
        if let (Some(name), false) = (&pod.node, node.is_some_and(|node| node.is_ready)) {
            // Nobody there confirms that it has ended. Its name is not used again, so whatever it
            // still does counts for nothing.
            let lost = Departure::Lost(format!("node {name} does not answer"));
            return Verdict::Departs(
                executor.cause.clone().filter(|it| !is_lost(it)).unwrap_or(lost),
            );
        }
        return Verdict::IsLeaving;
    }
    if let Some(departure) = &facts.departure {
        // The kubelet is about to say that the pod has ended, and with it goes nothing that stays.
        return if facts.others_run {
            Verdict::IsDeletedFor(departure.clone())
        } else {
            Verdict::GoesOn
        };
    }
    match &facts.trouble {
        Some(trouble) if trouble.is_unschedulable() => {
            // Without a node it waits for one to come.
            if executor.is_pinned {
                Verdict::IsDeletedFor(Departure::Refused(trouble.message.clone()))
            } else {
                Verdict::GoesOn
            }
        }
        Some(trouble) => Verdict::IsDeletedFor(Departure::NotStarted(trouble.message.clone())),
        None => Verdict::GoesOn,
    }
}

/// Whether an executor was lost through no fault of its own.
pub(super) fn is_lost(departure: &Departure) -> bool {
    matches!(departure, Departure::Lost(_))
}

/// One word and a sentence for what became of an executor.
pub(super) fn describe(departure: &Departure) -> (&'static str, &str) {
    match departure {
        Departure::Asked => ("ExecutorStopped", "it was told to go"),
        Departure::Lost(message) => ("ExecutorLost", message),
        Departure::OutOfMemory(message) => ("ExecutorOOMKilled", message),
        Departure::Exited(message) => ("ExecutorExited", message),
        Departure::NotStarted(message) => ("ExecutorNotStarted", message),
        Departure::Refused(message) => ("ExecutorRefused", message),
        Departure::Withdrawn(message) => ("ExecutorNotMade", message),
    }
}
