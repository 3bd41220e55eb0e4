use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use super::{Timing, may_take, transitions};

fn lease(holder: &str) -> Lease {
    let spec = LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(15),
        ..LeaseSpec::default()
    };
    Lease { spec: Some(spec), ..Lease::default() }
}

#[test]
fn a_lease_is_taken_when_it_is_free_or_stale() {
    let after = Duration::from_secs;
    assert!(may_take(&lease(""), "a", after(0)), "it was given back");
    assert!(may_take(&lease("a"), "a", after(0)), "it is renewed");
    assert!(!may_take(&lease("b"), "a", after(14)));
    assert!(may_take(&lease("b"), "a", after(15)));
    assert!(may_take(&Lease::default(), "a", after(0)));
}

#[test]
fn a_write_that_begins_at_the_last_moment_ends_before_the_lease_can_pass_on() {
    let timing = Timing {
        duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    };
    assert!(timing.renew_deadline + timing.write_timeout() < timing.duration);
    assert!(timing.write_timeout() >= Duration::from_secs(2));
}

#[test]
fn transitions_are_counted_as_far_as_they_can_be() {
    let after = |count: i32, held| {
        let spec = LeaseSpec { lease_transitions: Some(count), ..LeaseSpec::default() };
        transitions(Some(&spec), held)
    };
    assert_eq!((after(3, true), after(3, false), after(i32::MAX, false)), (3, 4, i32::MAX));
    assert_eq!(transitions(None, false), 0);
}
