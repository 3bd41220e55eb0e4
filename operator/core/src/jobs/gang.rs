//! Executors that begin together: Spark's barrier, Kubernetes' gang scheduling.

use super::ExecutorSpec;
use crate::time::Time;

/// Whether a job still waits for all executors of its gang to be ready, and for how long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gang {
    forming: bool,
    deadline: Option<Time>,
}

impl Gang {
    /// A gang that forms, if these executors begin together.
    pub(crate) fn new(spec: &ExecutorSpec) -> Self {
        Self { forming: spec.gang_timeout_milliseconds.is_some(), deadline: None }
    }

    /// Whether executors are waited for. No task runs meanwhile.
    pub(crate) fn is_forming(&self) -> bool {
        self.forming
    }

    /// Takes in that all of it is gone: it comes back as one.
    pub(crate) fn form_again(&mut self, spec: &ExecutorSpec) {
        self.forming = spec.gang_timeout_milliseconds.is_some();
    }

    /// Takes in that no executor is waited for any more.
    pub(crate) fn complete(&mut self) {
        *self = Self::default();
    }

    /// Waits for the others until then.
    pub(crate) fn wait_until(&mut self, deadline: Time) {
        self.deadline = Some(deadline);
    }

    /// Until when the others are waited for, if some of it is there.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Waits no more for the others of those that are there.
    pub(crate) fn forget_deadline(&mut self) {
        self.deadline = None;
    }

    /// Says once that the others did not come in time.
    pub(crate) fn take_failure(&mut self, now: Time) -> bool {
        self.deadline.take_if(|at| *at <= now).is_some()
    }
}
