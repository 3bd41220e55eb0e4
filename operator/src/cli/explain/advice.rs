//! What could be done about each reason for which a job waits or failed.

/// What helps, if anything but waiting does.
pub(super) fn advice(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "NoNodes" => "add nodes, or make some ready (kubectl get nodes)",
        "NoNodeSuits" => {
            "change spec.executor.nodeSelector or spec.executor.tolerations, or label a node"
        }
        "NodeSelectorContradiction" => {
            "change spec.executor.nodeSelector, or choose a pool with other nodes"
        }
        "NamespaceMayNotUsePool" => {
            "choose another pool, or add the namespace to spec.namespaces of the pool"
        }
        "PoolDeleted" | "NoPool" => "create the pool, or choose another one (proffer pools)",
        "LargerThanAnyNode" => {
            "ask for less in spec.executor, with more instances instead, or add larger nodes"
        }
        "WaitingForResources" | "WaitingForDrain" => {
            "wait, ask for smaller executors, or add nodes (proffer offers -A shows who else waits)"
        }
        "LimitReached" => "wait for the pool's other jobs, or raise spec.limit of the pool",
        "KeptForGuarantees" => {
            "wait, or let other pools lend their guarantees (spec.idleGuarantee: Lend)"
        }
        "WaitingForPreferredNode" => "wait, or lower spec.executor.localityWaitSeconds",
        "NodesDeclined" => {
            "look at the failures on these nodes; the job takes them again by itself"
        }
        "CannotLaunch" => {
            "look at what the API server says: a quota, an admission policy or the pod template"
        }
        "TooManyResourceKinds" => "name fewer kinds of resources in jobs and pools",
        "Suspended" => "set spec.suspend to false",
        _ => return None,
    })
}
