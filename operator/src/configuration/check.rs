//! What no schema can say: settings that do not go together.

use std::net::SocketAddr;

use super::{Configuration, LeaderElection, Mesos, Watch};
use crate::manifests::{Located, ManifestError, quote};

/// What is wrong with settings that have passed their schema.
pub(super) fn problems(read: &Located<Configuration>) -> Vec<ManifestError> {
    let Configuration { leader_election, http, scheduling, mesos, watch, .. } = &read.object;
    let mut problems = Vec::new();
    let mut note = |field: &str, message: String| problems.push(read.source.error(field, message));
    election(leader_election, &mut note);
    if mesos.enabled {
        frameworks(mesos, watch, &mut note);
    }
    if http.address.parse::<SocketAddr>().is_err() {
        let address = quote(&http.address);
        let message = format!("{address} is not an address and a port, such as 0.0.0.0:8080");
        note("http.address", message);
    }
    let names = scheduling.extended_resources_in_shares.iter().enumerate();
    for (index, name) in names.filter(|(_, name)| matches!(name.as_str(), "cpu" | "memory")) {
        let message = format!("{name} counts in any case; leave it out");
        note(&format!("scheduling.extendedResourcesInShares[{index}]"), message);
    }
    problems
}

/// Nobody is let in by mistake, and frameworks are where jobs are looked at.
fn frameworks(mesos: &Mesos, watch: &Watch, note: &mut impl FnMut(&str, String)) {
    let address = quote(&mesos.address);
    match mesos.address.parse::<SocketAddr>() {
        Err(_) => note(
            "mesos.address",
            format!("{address} is not an address and a port, such as 0.0.0.0:5050"),
        ),
        Ok(at)
            if !at.ip().is_loopback()
                && mesos.credentials_file.is_none()
                && !mesos.allow_anonymous =>
        {
            note(
                "mesos.address",
                format!(
                    "whoever can reach {address} could run pods: set mesos.credentialsFile, or \
                     mesos.allowAnonymous if that is as it should be"
                ),
            );
        }
        Ok(_) => {}
    }
    if !watch.namespaces.is_empty() && !watch.namespaces.contains(&mesos.namespace) {
        let namespace = quote(&mesos.namespace);
        note("mesos.namespace", format!("{namespace} is not one of watch.namespaces"));
    }
}

/// A leader has to notice that it is no longer one before another one can take over.
fn election(election: &LeaderElection, note: &mut impl FnMut(&str, String)) {
    let LeaderElection { lease_duration_seconds, renew_deadline_seconds, .. } = election;
    if renew_deadline_seconds >= lease_duration_seconds {
        let message = format!(
            "{renew_deadline_seconds} is not less than leaseDurationSeconds, which is \
             {lease_duration_seconds}: there could be two leaders"
        );
        note("leaderElection.renewDeadlineSeconds", message);
    }
    let retry_period_seconds = election.retry_period_seconds;
    if retry_period_seconds >= *renew_deadline_seconds {
        let message = format!(
            "{retry_period_seconds} is not less than renewDeadlineSeconds, which is \
             {renew_deadline_seconds}: a leader could not try twice"
        );
        note("leaderElection.retryPeriodSeconds", message);
    }
}
