//! Executors on their way out.

use crate::time::Time;

/// Why an executor is on its way out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DrainCause {
    /// Its room goes to a job of this pool.
    Reclaim {
        /// The pool.
        pool: Box<str>,
    },
    /// Its node is being emptied.
    NodeDrained,
    /// Its node's maintenance comes.
    Maintenance,
    /// Its node has less than what is on it.
    NodeOvercommitted,
    /// The job has more executors than it may have now.
    Surplus,
    /// The job declines its node by now, and gets another executor.
    NodeDeclined,
}

/// How an executor goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draining {
    /// Its tasks may end until then, and what it has not started is taken back. `None` if the job
    /// itself lets it go: it does all that it has, and may be asked to stay after all.
    pub(crate) deadline: Option<Time>,
    pub(crate) cause: DrainCause,
    /// The hold that its room is for.
    pub(crate) hold: Option<u64>,
}

/// What became of the wish that an executor drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// It begins to drain, or has a deadline for the first time.
    Anew,
    /// It drains already, and has less time than before.
    Sooner {
        /// Its deadline before.
        before: Time,
    },
    /// It drains already, and goes no later than that.
    AsBefore,
}

/// Whether an executor is on its way out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exit {
    /// Whether it was told to go.
    stopping: bool,
    /// Set while it is on its way out: it gets no new tasks, and those that run may end.
    draining: Option<Draining>,
    /// Whether what it holds is counted as leaving: it drains and is to be gone by some time, or was
    /// told to go.
    counted: bool,
}

impl Exit {
    /// Tells it to go; says whether that is news.
    pub(crate) fn stop(&mut self) -> bool {
        !std::mem::replace(&mut self.stopping, true)
    }

    /// Whether it was told to go.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether the executor takes tasks now or later.
    pub(crate) fn stays(&self) -> bool {
        !self.stopping && self.draining.is_none()
    }

    /// How it goes, if it is on its way out.
    pub(crate) fn draining(&self) -> Option<&Draining> {
        self.draining.as_ref()
    }

    /// Lets it drain for the sake of others until a deadline. One that drains already goes by the
    /// earlier deadline.
    pub(crate) fn drain_until(
        &mut self,
        deadline: Time,
        cause: DrainCause,
        hold: Option<u64>,
    ) -> Drained {
        match &mut self.draining {
            Some(Draining { deadline: Some(known), cause: known_cause, .. }) => {
                if deadline >= *known {
                    return Drained::AsBefore;
                }
                *known_cause = cause;
                Drained::Sooner { before: std::mem::replace(known, deadline) }
            }
            // One that its job lets go has a deadline from now on.
            draining => {
                *draining = Some(Draining { deadline: Some(deadline), cause, hold });
                Drained::Anew
            }
        }
    }

    /// Lets it go as its own job wants it: it does all that it has.
    pub(crate) fn let_go(&mut self, cause: DrainCause) {
        self.draining = Some(Draining { deadline: None, cause, hold: None });
    }

    /// Lets it stay after all.
    pub(crate) fn stop_draining(&mut self) {
        self.draining = None;
    }

    /// When it is cut off, if it is on its way out for the sake of others.
    pub(crate) fn cut_off_at(&self) -> Option<Time> {
        self.draining.as_ref()?.deadline
    }

    /// Whether it was told to go, or drains for the sake of others.
    pub(crate) fn is_certain(&self) -> bool {
        self.stopping || self.cut_off_at().is_some()
    }

    /// Whether what it holds is counted as leaving.
    pub(crate) fn is_counted(&self) -> bool {
        self.counted
    }

    /// Counts what it holds as leaving, or not any more; says whether that is news.
    pub(crate) fn count(&mut self, counted: bool) -> bool {
        std::mem::replace(&mut self.counted, counted) != counted
    }
}
