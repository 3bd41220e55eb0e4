//! What could be done about each reason for which a job waits or failed.

use proffer_core::reasons::Reason;

/// What helps, if anything but waiting does.
pub(super) fn advice(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NoNodes => "add nodes, or make some ready (kubectl get nodes)",
        Reason::NoNodeSuits => {
            "change spec.executor.nodeSelector or spec.executor.tolerations, or label a node"
        }
        Reason::NodeSelectorContradiction => {
            "change spec.executor.nodeSelector, or choose a pool with other nodes"
        }
        Reason::NamespaceMayNotUsePool => {
            "choose another pool, or add the namespace to spec.namespaces of the pool"
        }
        Reason::PoolDeleted | Reason::NoPool => {
            "create the pool, or choose another one (proffer pools)"
        }
        Reason::LargerThanAnyNode => {
            "ask for less in spec.executor, with more instances instead, or add larger nodes"
        }
        Reason::WaitingForResources | Reason::WaitingForDrain => {
            "wait, ask for smaller executors, or add nodes (proffer offers -A shows who else waits)"
        }
        Reason::LimitReached => "wait for the pool's other jobs, or raise spec.limit of the pool",
        Reason::KeptForGuarantees => {
            "wait, or let other pools lend their guarantees (spec.idleGuarantee: Lend)"
        }
        Reason::WaitingForPreferredNode => "wait, or lower spec.executor.localityWaitSeconds",
        Reason::NodesDeclined => {
            "look at the failures on these nodes; the job takes them again by itself"
        }
        Reason::CannotLaunch => {
            "look at what the API server says: a quota, an admission policy or the pod template"
        }
        Reason::TooManyResourceKinds => "name fewer kinds of resources in jobs and pools",
        Reason::Suspended => "set spec.suspend to false",
        Reason::KeepsNodesFree
        | Reason::ExecutorNotStarted
        | Reason::WaitingForNodes
        | Reason::Reclaimed
        | Reason::NodeDrained
        | Reason::Maintenance
        | Reason::NodeOvercommitted
        | Reason::Disconnected
        | Reason::NotSubscribed
        | Reason::Suppressed
        | Reason::NothingToOffer
        | Reason::FairShareOffered
        | Reason::TaskFailed
        | Reason::TaskLost
        | Reason::ExecutorsFailed
        | Reason::DeadlineExceeded
        | Reason::ResultsTooLarge
        | Reason::InvalidSpec
        | Reason::Failed
        | Reason::TornDown
        | Reason::FailoverTimeout
        | Reason::Refused => return None,
    })
}
