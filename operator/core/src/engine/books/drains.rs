//! Executors on their way out for the sake of others, and nodes from which they have to go.

use std::collections::BTreeSet;

use crate::arena::Arena;
use crate::ensure::ensure;
use crate::executors::Executor;
use crate::ids::{ExecutorId, NodeId};
use crate::time::Time;

/// Whom to cut off when, and what to look at.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    /// When which executor is cut off.
    due: BTreeSet<(Time, ExecutorId)>,
    /// Those of which something was heard.
    heard: BTreeSet<ExecutorId>,
    /// When to look at which node again; entries may be out of date.
    nodes: BTreeSet<(Time, NodeId)>,
}

impl Drains {
    pub(crate) fn wakeup(&self) -> Option<Time> {
        let due = self.due.first().map(|&(at, _)| at);
        due.into_iter().chain(self.nodes.first().map(|&(at, _)| at)).min()
    }
}

/// Executors.
impl Drains {
    /// An executor drains, and is cut off at its deadline.
    pub(crate) fn start(&mut self, executor: ExecutorId, deadline: Time) {
        self.due.insert((deadline, executor));
        self.heard.insert(executor);
    }

    /// An executor that drains has an earlier deadline.
    pub(crate) fn hasten(&mut self, executor: ExecutorId, known: Time, deadline: Time) {
        self.due.remove(&(known, executor));
        self.due.insert((deadline, executor));
    }

    /// Something was heard of an executor that drains: it may have nothing left to do.
    pub(crate) fn hear(&mut self, executor: ExecutorId) {
        self.heard.insert(executor);
    }

    /// An executor stays after all, or is gone.
    pub(crate) fn stop(&mut self, executor: ExecutorId, deadline: Option<Time>) {
        self.heard.remove(&executor);
        if let Some(deadline) = deadline {
            self.due.remove(&(deadline, executor));
        }
    }

    /// Those of which something was heard, in order.
    pub(crate) fn take_heard(&mut self) -> BTreeSet<ExecutorId> {
        std::mem::take(&mut self.heard)
    }

    /// The next one whose time is over.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<ExecutorId> {
        let &(at, executor) = self.due.first().filter(|&&(at, _)| at <= now)?;
        self.due.remove(&(at, executor));
        Some(executor)
    }

    /// Compares the deadlines with those of the executors: each that was not told to go yet is cut off
    /// some time.
    pub(crate) fn check(&self, executors: &Arena<ExecutorId, Executor>) -> Result<(), String> {
        for &(at, id) in &self.due {
            let deadline = executors.get(id).and_then(|executor| executor.exit.cut_off_at());
            ensure!(deadline == Some(at), "an executor is cut off at {at:?}, not at {deadline:?}");
        }
        for (id, executor) in executors.iter().filter(|(_, executor)| !executor.exit.is_stopping())
        {
            if let Some(at) = executor.exit.cut_off_at() {
                ensure!(self.due.contains(&(at, id)), "executor {} is never cut off", executor.key);
            }
        }
        Ok(())
    }
}

/// Nodes.
impl Drains {
    /// A node has to be looked at when the time comes.
    pub(crate) fn review_node_at(&mut self, at: Time, node: NodeId) {
        self.nodes.insert((at, node));
    }

    /// The next node whose time has come.
    pub(crate) fn take_node(&mut self, now: Time) -> Option<NodeId> {
        let &(at, node) = self.nodes.first().filter(|&&(at, _)| at <= now)?;
        self.nodes.remove(&(at, node));
        Some(node)
    }
}
