//! The end of a run: nothing happens any more. Every job has ended or waits for a true reason, and
//! nothing is left of those that ended.

use kube::ResourceExt;
use proffer_core::event::IdleGuarantee;
use proffer_core::jobs::JobSpec;
use proffer_core::reasons::Reason;
use proffer_core::view::JobStatus;

use super::account::{chain, usable};
use super::api::Api;
use super::constraints::{self, Demands};
use super::operator::Operator;
use super::world::Checked;
use crate::convert;

pub(super) fn check(api: &Api, operator: &Operator) -> Checked {
    if let Some(name) = api.executors.keys().next() {
        return Err(format!("executor {name} is left behind"));
    }
    let view = operator.engine.view();
    for job in api.jobs.values() {
        let name = job.name_any();
        let Some(seen) = view.jobs.iter().find(|seen| *seen.key.name == name) else {
            return Err(format!("the operator does not know job {name}"));
        };
        let Some(written) = &job.status else {
            return Err(format!("nobody says what became of job {name}"));
        };
        let told = convert::restored_status(job).map(|status| status.state);
        if told != Some(seen.state) {
            return Err(format!("job {name} is {:?}, its status says {told:?}", seen.state));
        }
        if seen.state.is_final() {
            continue;
        }
        if written.message.is_none() {
            return Err(format!("job {name} waits and does not say why"));
        }
        let Ok(spec) = convert::job_spec(job) else {
            return Err(format!("job {name} makes no sense and has not failed"));
        };
        reason(operator, seen, &spec).map_err(|problem| {
            let message = written.message.as_deref().unwrap_or_default();
            format!("job {name} says \"{message}\", but {problem}")
        })?;
    }
    Ok(())
}

/// Whether a job that waits in an empty cluster has a reason.
fn reason(operator: &Operator, status: &JobStatus, spec: &JobSpec) -> Checked {
    let instances = if spec.executor.gang_timeout_milliseconds.is_some() && !status.gang_formed {
        i64::from(spec.executor.instances)
    } else {
        1
    };
    let amount = |amounts: &[(Box<str>, i64)], kind: &str| {
        amounts.iter().find(|(name, _)| **name == *kind).map(|(_, amount)| *amount)
    };
    let limited = chain(&spec.pool).any(|pool| {
        let limits = operator.pools.get(pool).map(|pool| &*pool.limit).unwrap_or_default();
        let above = |(kind, request): &(Box<str>, i64)| {
            amount(limits, kind).is_some_and(|limit| request * instances > limit)
        };
        spec.executor.request.iter().any(above)
    });
    let executor = &spec.executor;
    let tolerates = !executor.tolerations.is_empty();
    let demands = Demands::new(operator, &spec.pool, &executor.node_selector, tolerates);
    let offered = || operator.nodes.values().filter(|node| node.offered && !node.draining);
    let suiting = || offered().filter(|node| demands.are_met_by(node));
    let fitting: i64 = suiting()
        .map(|node| {
            let mut has = usable(operator, &node.name);
            let reserved = constraints::kept_from(operator, &spec.pool, node, &|_| 0);
            has.entry("cpu".into()).and_modify(|cpu| *cpu = (*cpu - reserved).max(0));
            let fit = |(kind, request): &(Box<str>, i64)| {
                has.get(kind).copied().unwrap_or(0).checked_div(*request).unwrap_or(i64::MAX)
            };
            executor.request.iter().map(fit).min().unwrap_or(i64::MAX)
        })
        .fold(0, i64::saturating_add);
    let fits = fitting >= instances;
    let others_guaranteed = operator.pools.iter().any(|(name, pool)| {
        let own = chain(&spec.pool).any(|it| *it == **name);
        let holds = pool.idle_guarantee == IdleGuarantee::Hold;
        !own && holds && pool.guarantee.iter().any(|(_, amount)| *amount > 0)
    });
    let missing = !operator.pools.contains_key(&spec.pool);
    let ensure = |holds: bool, problem: &str| {
        if holds { Ok(()) } else { Err(problem.to_owned()) }
    };
    let reason = status.reason.ok_or("no reason is given")?;
    match reason {
        Reason::NoNodes | Reason::NoNodeSuits => {
            ensure(suiting().next().is_none(), "there are nodes that suit")
        }
        Reason::NodeSelectorContradiction => {
            ensure(demands.contradict_each_other(), "labels agree")
        }
        Reason::NamespaceMayNotUsePool => {
            ensure(!constraints::serves(operator, &spec.pool), "the pool serves the job")
        }
        Reason::NoPool => ensure(missing, "there is the pool"),
        Reason::LargerThanAnyNode => ensure(fitting == 0, "an executor fits on a node"),
        Reason::WaitingForResources => ensure(!fits && instances > 1, "everything is free"),
        Reason::LimitReached => ensure(limited, "no limit is reached"),
        Reason::KeptForGuarantees => ensure(others_guaranteed, "nobody else has a guarantee"),
        other => Err(format!("that is no reason: {other}")),
    }
}
