//! What no schema can say: settings that do not go together.

use std::net::SocketAddr;

use super::{Configuration, LeaderElection};
use crate::manifests::{Located, ManifestError, quote};

/// What is wrong with settings that have passed their schema.
pub(super) fn problems(read: &Located<Configuration>) -> Vec<ManifestError> {
    let Configuration { leader_election, http, scheduling, .. } = &read.object;
    let mut problems = Vec::new();
    let mut note = |field: &str, message: String| problems.push(read.source.error(field, message));
    election(leader_election, &mut note);
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
