//! Which replica decides: one at a time, by a Lease, as client-go does it.
//!
//! A leader may begin a write until [`Timing::renew_deadline`] after it last asked for a renewal that was
//! granted, and a write ends within what is left of the lease's duration after that. Others count the
//! duration from when they saw the renewal, which is later. So no write of one leader meets one of the
//! next.

use std::time::Duration;

use anyhow::{Context, bail};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio::time::Instant;

/// The clocks of the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// How long others wait after they last saw a renewal.
    pub(crate) duration: Duration,
    /// How long the leader goes on after its last renewal.
    pub(crate) renew_deadline: Duration,
    /// How long to wait between two attempts.
    pub(crate) retry_period: Duration,
}

impl Timing {
    /// How long a write may take at most, begun at the last moment.
    pub(crate) fn write_timeout(&self) -> Duration {
        self.duration.saturating_sub(self.renew_deadline) / 2
    }
}

/// A candidate of the election.
pub(crate) struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
    /// The lease as last seen and when it was first seen so, by this process's clock.
    seen: Option<(Lease, Instant)>,
}

/// Until when a leader may begin a write.
#[derive(Clone)]
pub(crate) struct Permit(watch::Receiver<Instant>);

impl Permit {
    /// Whether a write may begin.
    pub(crate) fn may_write(&self) -> bool {
        Instant::now() < *self.0.borrow()
    }
}

/// Being the leader.
pub(crate) struct Leadership {
    /// Until when a write may begin.
    until: watch::Receiver<Instant>,
    renewals: tokio::task::JoinHandle<()>,
    release: Option<(Api<Lease>, String, String)>,
}

impl Candidate {
    /// A candidate of this name for the lease of another.
    pub(crate) fn new(leases: Api<Lease>, name: String, identity: String, timing: Timing) -> Self {
        Self { leases, name, identity, timing, seen: None }
    }

    /// Waits until this candidate is the leader.
    pub(crate) async fn lead(mut self) -> anyhow::Result<Leadership> {
        loop {
            let asked_at = Instant::now();
            match self.ask().await {
                Ok(true) => return Ok(self.keep(asked_at)),
                Ok(false) => {}
                Err(error) if is_hopeless(&error) => {
                    return Err(error).with_context(|| {
                        format!(
                            "cannot take part in the election of a leader by Lease {}",
                            self.name
                        )
                    });
                }
                Err(error) => tracing::warn!("cannot ask for the lease: {error}"),
            }
            tokio::time::sleep(self.timing.retry_period).await;
        }
    }

    /// Asks for the lease, or for more of it. Says whether it is this candidate's.
    async fn ask(&mut self) -> Result<bool, kube::Error> {
        let Some(lease) = self.leases.get_opt(&self.name).await? else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(None)) };
            return match self.leases.create(&PostParams::default(), &lease).await {
                Ok(lease) => {
                    self.seen = Some((lease, Instant::now()));
                    Ok(true)
                }
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
                Err(error) => Err(error),
            };
        };
        let is_same =
            |seen: &(Lease, Instant)| seen.0.resource_version() == lease.resource_version();
        if !self.seen.as_ref().is_some_and(is_same) {
            self.seen = Some((lease.clone(), Instant::now()));
        }
        let since = self.seen.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        if !may_take(&lease, &self.identity, since.elapsed()) {
            return Ok(false);
        }
        // The version in it makes sure that nobody else took it meanwhile.
        let taken = Lease { spec: Some(self.spec(lease.spec.as_ref())), ..lease };
        match self.leases.replace(&self.name, &PostParams::default(), &taken).await {
            Ok(lease) => {
                self.seen = Some((lease, Instant::now()));
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let held = before.is_some_and(|it| it.holder_identity.as_ref() == Some(&self.identity));
        let since = before.filter(|_| held).and_then(|before| before.acquire_time.clone());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timing.duration.as_secs()).ok(),
            acquire_time: since.or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions(before, held)),
            ..LeaseSpec::default()
        }
    }

    /// Renews the lease until that fails for too long.
    fn keep(mut self, asked_at: Instant) -> Leadership {
        let (sender, until) = watch::channel(asked_at + self.timing.renew_deadline);
        let release = Some((self.leases.clone(), self.name.clone(), self.identity.clone()));
        let renewals = tokio::spawn(async move {
            let mut last = asked_at;
            loop {
                tokio::time::sleep(self.timing.retry_period).await;
                let asked_at = Instant::now();
                let left = (last + self.timing.renew_deadline).saturating_duration_since(asked_at);
                match tokio::time::timeout(left, self.ask()).await {
                    Ok(Ok(true)) => {
                        last = asked_at;
                        sender.send_replace(asked_at + self.timing.renew_deadline);
                    }
                    // Somebody else has it, or there was no answer in time.
                    Ok(Ok(false)) | Err(_) => return,
                    Ok(Err(error)) => tracing::warn!("cannot renew the lease: {error}"),
                }
                if last.elapsed() >= self.timing.renew_deadline {
                    return;
                }
            }
        });
        Leadership { until, renewals, release }
    }
}

impl Leadership {
    /// Leadership that nobody contests, for an operator that runs alone.
    pub(crate) fn uncontested() -> Self {
        let far = Instant::now() + Duration::from_secs(365 * 24 * 3600);
        let (sender, until) = watch::channel(far);
        let renewals = tokio::spawn(async move { sender.closed().await });
        Self { until, renewals, release: None }
    }

    /// Until when a write may begin, as long as this lasts.
    pub(crate) fn permit(&self) -> Permit {
        Permit(self.until.clone())
    }

    /// Waits until the lease is lost.
    pub(crate) async fn lost(&mut self) {
        let _ = (&mut self.renewals).await;
    }

    /// Gives the lease back, so that another replica need not wait. Nothing may be written any more.
    pub(crate) async fn release(mut self) -> anyhow::Result<()> {
        self.renewals.abort();
        let Some((leases, name, identity)) = self.release.take() else { return Ok(()) };
        let mut lease = leases.get(&name).await?;
        let Some(spec) = &mut lease.spec else { return Ok(()) };
        if spec.holder_identity.as_ref() != Some(&identity) {
            bail!("the lease is not ours any more");
        }
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        leases.replace(&name, &PostParams::default(), &lease).await?;
        Ok(())
    }
}

/// Whether a candidate may take a lease that it has seen unchanged for so long.
fn may_take(lease: &Lease, identity: &str, unchanged_for: Duration) -> bool {
    let Some(spec) = &lease.spec else { return true };
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
    holder.is_empty() || holder == identity || unchanged_for >= Duration::from_secs(seconds)
}

/// Whether waiting does not help: the service account may not see leases.
fn is_hopeless(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// How often the lease has passed to another holder, now that one takes it who may have held it.
fn transitions(before: Option<&LeaseSpec>, held: bool) -> i32 {
    let transitions = before.and_then(|before| before.lease_transitions).unwrap_or(0);
    transitions.saturating_add(i32::from(before.is_some() && !held))
}

#[cfg(test)]
mod tests;
