//! Pods that others make and that wait for an offer: what is remembered of them, and how they are placed.
//!
//! Such a pod has a scheduling gate, which keeps the scheduler away, and names its pool by a label. What
//! it requests is what is wanted. Accepting an offer pins it to the node and lifts the gate at once.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use proffer_core::action::Launch;
use proffer_core::event::{Label, Toleration};
use serde_json::{Value, json};

use super::executor_pod::{node_fields, require};
use super::names::{
    EXECUTOR_ANNOTATION, JOB_UID_LABEL, OFFER_GATE, PLACED_ANNOTATION, POOL_LABEL,
    SPARK_APPLICATION_LABEL, SPARK_JOB_LABEL, SPARK_ROLE_LABEL, SPARK_VERSION_LABEL,
};
use super::pod::executor_number;
use super::requests::pod_requests;
use crate::convert::{node_selector, toleration};

/// What is remembered of a pod that waits for an offer or was placed by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatedFacts {
    /// The pool that it asks.
    pub(crate) pool: Box<str>,
    /// What it wants of a node.
    pub(crate) shape: Shape,
    /// Who made it, and makes another one when it is deleted; nobody for a bare pod.
    pub(crate) owner: Option<Owner>,
    /// The Spark job and the application that it is an executor of.
    pub(crate) application: Option<(Box<str>, Box<str>)>,
    /// The version of Spark that made it.
    pub(crate) spark_version: Option<Box<str>>,
    /// How far it is.
    pub(crate) step: Step,
    /// The index and the epoch of the executor that it is, once it was placed.
    pub(crate) executor: Option<(u32, u32)>,
    /// What the scheduler says if it finds no place for it.
    pub(crate) unschedulable: Option<String>,
    /// When it was created, in milliseconds since 1970.
    pub(crate) created_at: i64,
}

/// What decides whether and when a pod is offered a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    /// What it requests, by resource name; cpu in thousandths, others in whole units.
    pub(crate) request: Vec<(Box<str>, i64)>,
    /// The labels that its node has to have.
    pub(crate) node_selector: Vec<Label>,
    /// The taints that it puts up with.
    pub(crate) tolerations: Vec<Toleration>,
    /// Pods of a higher priority come first in their pool.
    pub(crate) priority: i32,
}

/// The controller of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) kind: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) uid: Box<str>,
}

/// How far a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Gates of others keep it back, too.
    Blocked,
    /// It waits for an offer.
    Waits,
    /// An offer was accepted for it: of this node, or of one that the scheduler finds.
    Placed(Option<Box<str>>),
}

/// What there is to know of a pod if it is one that waits for an offer or was placed by one.
pub(crate) fn gated_facts(pod: &Pod) -> Option<GatedFacts> {
    let labels = pod.labels();
    let pool = labels.get(POOL_LABEL)?;
    if labels.contains_key(JOB_UID_LABEL) {
        return None;
    }
    let spec = pod.spec.as_ref()?;
    let gates = spec.scheduling_gates.iter().flatten();
    let (own, others): (Vec<_>, Vec<_>) = gates.partition(|gate| gate.name == OFFER_GATE);
    let placed = pod.annotations().get(PLACED_ANNOTATION);
    let step = match (own.is_empty(), placed) {
        (false, _) if others.is_empty() => Step::Waits,
        (false, _) => Step::Blocked,
        (true, Some(node)) => Step::Placed((!node.is_empty()).then(|| node.as_str().into())),
        (true, None) => return None,
    };
    let mut request = pod_requests(pod);
    request.remove("pods");
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let unschedulable = conditions.into_iter().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    });
    Some(GatedFacts {
        pool: pool.as_str().into(),
        shape: Shape {
            request: request.into_iter().collect(),
            node_selector: node_selector(spec),
            tolerations: spec.tolerations.iter().flatten().map(toleration).collect(),
            priority: spec.priority.unwrap_or(0),
        },
        owner: owner(pod),
        application: labels.get(SPARK_JOB_LABEL).map(|job| {
            let application = labels.get(SPARK_APPLICATION_LABEL).map(String::as_str);
            (job.as_str().into(), application.unwrap_or_default().into())
        }),
        spark_version: labels.get(SPARK_VERSION_LABEL).map(|version| version.as_str().into()),
        step,
        executor: pod.annotations().get(EXECUTOR_ANNOTATION).and_then(|text| {
            let (index, epoch) = text.split_once('-')?;
            Some((executor_number(index)?, executor_number(epoch)?))
        }),
        unschedulable: unschedulable.map(|it| it.message.clone().unwrap_or_default()),
        created_at: pod.creation_timestamp().map_or(0, |time| time.0.as_millisecond()),
    })
}

/// Its controller, if that makes another pod for one that is deleted. A driver of Spark does so for its
/// executors.
fn owner(pod: &Pod) -> Option<Owner> {
    let controls = |owner: &&OwnerReference| owner.controller == Some(true);
    let owner = pod.owner_references().iter().find(controls)?;
    let is_executor = pod.labels().get(SPARK_ROLE_LABEL).is_some_and(|role| role == "executor");
    (owner.kind != "Pod" || is_executor).then(|| Owner {
        kind: owner.kind.as_str().into(),
        name: owner.name.as_str().into(),
        uid: owner.uid.as_str().into(),
    })
}

/// The merge patch that pins a pod in this version to a node and lifts its gate; `None` if it has no gate
/// any more.
pub(crate) fn placing_patch(pod: &Pod, launch: &Launch) -> Result<Option<Value>, String> {
    let Launch { key: executor, node, search } = launch;
    let gates = pod.spec.as_ref().and_then(|spec| spec.scheduling_gates.clone());
    let mut gates = gates.unwrap_or_default();
    let before = gates.len();
    gates.retain(|gate| gate.name != OFFER_GATE);
    if gates.len() == before {
        return Ok(None);
    }
    let mut patch = json!({
        "metadata": {
            "resourceVersion": pod.resource_version(),
            "annotations": {
                PLACED_ANNOTATION: node.as_deref().unwrap_or_default(),
                EXECUTOR_ANNOTATION: format!("{}-{}", executor.index, executor.epoch),
            },
        },
        "spec": {"schedulingGates": gates},
    });
    let fields = node_fields(launch);
    if !fields.is_empty() {
        let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref());
        let mut spec = serde_json::Map::new();
        if let Some(affinity) = affinity {
            let affinity = serde_json::to_value(affinity).map_err(|error| error.to_string())?;
            spec.insert("affinity".to_owned(), affinity);
        }
        require(&mut spec, &fields)?;
        patch["spec"]["affinity"] = spec.remove("affinity").unwrap_or_default();
    }
    for (key, value) in &search.selector {
        patch["spec"]["nodeSelector"][&**key] = json!(value);
    }
    Ok(Some(patch))
}

#[cfg(test)]
mod tests;
