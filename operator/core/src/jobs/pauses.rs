//! What a job does not do before some time has come.

use crate::explain::Rejection;
use crate::time::{Span, Time};

/// How long a job waits after an executor could not be made, doubled for each one in a row.
const LAUNCH_PAUSE: Span = Span::from_milliseconds(500);

/// How often that is doubled at most: half a minute.
const LAUNCH_PAUSE_DOUBLINGS: u32 = 6;

/// When a job goes on with what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pauses {
    restart_at: Option<Time>,
    /// When offers that it declined before may suit it.
    retry_at: Option<Time>,
    /// When to look for slow tasks again.
    next_speculation: Option<Time>,
    launches: Launches,
}

/// Executors that could not be made.
#[derive(Clone, Debug, Default)]
struct Launches {
    /// How many in a row.
    withdrawals: u32,
    /// When the job may try again.
    withheld_until: Option<Time>,
    because: Box<str>,
}

impl Pauses {
    /// Has the job run again then.
    pub(crate) fn plan_restart(&mut self, at: Time) {
        self.restart_at = Some(at);
    }

    /// When the job is run again, if it is to be.
    pub(crate) fn restart_at(&self) -> Option<Time> {
        self.restart_at
    }

    /// Whether it is time to run the job again.
    pub(crate) fn may_restart(&self, now: Time) -> bool {
        self.restart_at.is_some_and(|at| at <= now)
    }

    /// Takes in that the job runs again, or never does.
    pub(crate) fn forget_restart(&mut self) {
        self.restart_at = None;
    }

    /// Has the job asked again then; says whether that is news.
    pub(crate) fn plan_retry(&mut self, at: Time) -> bool {
        self.retry_at.replace(at) != Some(at)
    }

    /// Says once that it is time to ask the job again.
    pub(crate) fn take_retry(&mut self, now: Time) -> bool {
        self.retry_at.take_if(|at| *at <= now).is_some()
    }

    /// Looks for slow tasks at the next of these times; returns it if nothing earlier was planned.
    pub(crate) fn look_for_slow_tasks(&mut self, now: Time, next: Option<Time>) -> Option<Time> {
        self.next_speculation.take_if(|at| *at <= now);
        let next = next.filter(|&next| self.next_speculation.is_none_or(|at| next < at))?;
        self.next_speculation = Some(next);
        Some(next)
    }

    /// Makes the job wait before it launches again, as an executor could not be made; returns until
    /// when.
    pub(crate) fn withhold(&mut self, now: Time, because: &str) -> Time {
        let Launches { withdrawals, .. } = self.launches;
        let withdrawals = withdrawals + 1;
        let at = now + LAUNCH_PAUSE.doubled(withdrawals.min(LAUNCH_PAUSE_DOUBLINGS));
        self.launches = Launches { withdrawals, withheld_until: Some(at), because: because.into() };
        at
    }

    /// Takes in that an executor could be made: the next pause is a short one.
    pub(crate) fn note_launched(&mut self) {
        self.launches.withdrawals = 0;
    }

    /// Says once that the job may launch again from now on.
    pub(crate) fn take_launch(&mut self, now: Time) -> bool {
        self.launches.withheld_until.take_if(|at| *at <= now).is_some()
    }

    /// Until when the job launches nothing.
    pub(crate) fn withheld_until(&self) -> Option<Time> {
        self.launches.withheld_until
    }

    /// Why the job launches nothing now.
    pub(crate) fn withheld(&self) -> Option<Rejection> {
        self.launches.withheld_until.map(|_| self.launches.rejection())
    }

    /// What went wrong with the last executor, as long as none could be made since.
    pub(crate) fn last_trouble(&self) -> Option<Rejection> {
        (self.launches.withdrawals > 0).then(|| self.launches.rejection())
    }
}

impl Launches {
    fn rejection(&self) -> Rejection {
        Rejection::Withheld { cause: self.because.clone() }
    }
}
