//! What a pod takes of its node, counted as the kube-scheduler does
//! (`k8s.io/component-helpers/resource`, KEP-753 for sidecars, KEP-1287 for resizing, KEP-2837 for
//! requests of the pod as a whole).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use proffer_crds::Quantity as Exact;

/// Amounts by resource name; cpu in thousandths, all others in whole units.
pub(crate) type Amounts = BTreeMap<Box<str>, i64>;

/// What the pod takes, itself as one of `pods` included.
pub(crate) fn pod_requests(pod: &Pod) -> Amounts {
    let mut total = Amounts::new();
    let Some(spec) = &pod.spec else { return total };
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    for container in &spec.containers {
        add(&mut total, &container_requests(container, statuses.unwrap_or_default()));
    }
    // Containers that run before others need room for themselves and the sidecars started so far.
    let statuses = pod.status.as_ref().and_then(|status| status.init_container_statuses.as_deref());
    let (mut sidecars, mut largest) = (Amounts::new(), Amounts::new());
    for container in spec.init_containers.iter().flatten() {
        let own = container_requests(container, statuses.unwrap_or_default());
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut sidecars, &own);
            raise(&mut largest, &sidecars);
        } else {
            let mut with_sidecars = sidecars.clone();
            add(&mut with_sidecars, &own);
            raise(&mut largest, &with_sidecars);
        }
    }
    add(&mut total, &sidecars);
    raise(&mut total, &largest);
    // What is asked for the pod as a whole counts in place of the sum.
    let whole = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    total.extend(amounts(whole.into_iter().flatten()));
    add(&mut total, &amounts(spec.overhead.iter().flatten()));
    total.insert("pods".into(), 1);
    total
}

/// Amounts from quantities. What makes no sense counts as nothing: the API server lets none pass.
pub(crate) fn amounts<'a>(
    quantities: impl IntoIterator<Item = (&'a String, &'a Quantity)>,
) -> Amounts {
    let amount = |(name, quantity): (&'a String, &'a Quantity)| {
        let exact: Exact = quantity.0.parse().ok()?;
        let amount = if name == "cpu" { exact.milli() } else { exact.units() };
        Some((name.as_str().into(), amount))
    };
    quantities.into_iter().filter_map(amount).collect()
}

/// The larger of what a container asks for and of what it was given: a pod that shrinks holds what it
/// had until the kubelet has taken it.
fn container_requests(container: &Container, statuses: &[ContainerStatus]) -> Amounts {
    let asked = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let mut requests = amounts(asked.into_iter().flatten());
    let status = statuses.iter().find(|status| status.name == container.name);
    let given = status.and_then(|status| status.allocated_resources.as_ref());
    raise(&mut requests, &amounts(given.into_iter().flatten()));
    requests
}

fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = total.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*amount);
    }
}

fn raise(total: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        let most = total.entry(name.clone()).or_default();
        *most = (*most).max(*amount);
    }
}

#[cfg(test)]
mod tests;
