//! A `Node` as the engine sees it.

use k8s_openapi::api::core::v1::{Node, Taint as WireTaint};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use proffer_core::event::{Label, Maintenance, NodeObservation, Taint, TaintEffect};
use serde_json::{Value, json};

use super::names::MAINTENANCE_ANNOTATION;
use super::requests::amounts;
use crate::master::NodeMark;
use proffer_core::time::Time;

/// What is remembered of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeFacts {
    /// Its uid.
    pub(crate) uid: Box<str>,
    /// Whether its kubelet answers.
    pub(crate) is_ready: bool,
    /// Whether somebody took it away for its maintenance, by the operator API of Mesos.
    pub(crate) is_down: bool,
    /// The node without what others take of it.
    pub(crate) observation: NodeObservation,
    /// Why the annotation about maintenance makes no sense.
    pub(crate) problem: Option<String>,
}

/// What is to be remembered of a node.
pub(crate) fn node_facts(node: &Node) -> NodeFacts {
    let spec = node.spec.as_ref();
    let status = node.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let is_ready = conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
    let is_cordoned = spec.is_some_and(|spec| spec.unschedulable == Some(true));
    let allocatable = status.and_then(|status| status.allocatable.as_ref());
    let taints = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let annotation = node.annotations().get(MAINTENANCE_ANNOTATION);
    let (plan, problem) = match annotation.map(|text| maintenance(text)) {
        None => (Plan::None, None),
        Some(Ok(plan)) => (plan, None),
        Some(Err(problem)) => (Plan::None, Some(problem)),
    };
    let observation = NodeObservation {
        name: node.name_any().into(),
        allocatable: amounts(allocatable.into_iter().flatten()).into_iter().collect(),
        silent: !is_ready,
        offered: is_ready && !is_cordoned && node.metadata.deletion_timestamp.is_none(),
        labels: node.labels().iter().map(label).collect(),
        taints: taints.iter().filter_map(taint).collect(),
        draining: matches!(plan, Plan::Drain | Plan::Down(_)),
        maintenance: match plan {
            Plan::Maintenance(maintenance) | Plan::Down(maintenance) => Some(maintenance),
            Plan::None | Plan::Drain => None,
        },
        ..NodeObservation::default()
    };
    let is_down = matches!(plan, Plan::Down(_));
    let uid = node.uid().unwrap_or_default().into();
    NodeFacts { uid, is_ready, is_down, observation, problem }
}

/// What stands in the annotation before the maintenance of a node that was taken away for it.
const DOWN: &str = "down ";

/// What the annotation says.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    None,
    Drain,
    Maintenance(Maintenance),
    Down(Maintenance),
}

fn maintenance(text: &str) -> Result<Plan, String> {
    match text.trim() {
        "" => Ok(Plan::None),
        "now" => Ok(Plan::Drain),
        text => match text.strip_prefix(DOWN) {
            Some(text) => Ok(Plan::Down(window(text.trim())?)),
            None => Ok(Plan::Maintenance(window(text)?)),
        },
    }
}

fn window(text: &str) -> Result<Maintenance, String> {
    let invalid = |part: &str| {
        format!(
            "the annotation {MAINTENANCE_ANNOTATION} has \"{part}\", which is no time: write now, a \
             time such as 2026-11-24T20:00:00Z, or start and end with a slash in between"
        )
    };
    let time = |part: &str| {
        let time = part.parse::<Timestamp>().ok();
        let time = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        time.map(Time::from_milliseconds).ok_or_else(|| invalid(part))
    };
    let (start, end) = match text.split_once('/') {
        Some((start, end)) => (time(start)?, Some(time(end)?)),
        None => (time(text)?, None),
    };
    if end.is_some_and(|end| end <= start) {
        return Err(format!("the annotation {MAINTENANCE_ANNOTATION} ends before it starts"));
    }
    Ok(Maintenance { start, duration: end.map(|end| end.since(start)) })
}

/// What is to be written of a node, if it has this uid, so that it says what was decided.
pub(crate) fn mark_patch(uid: &str, mark: NodeMark) -> Value {
    let time = |time: Time| {
        let milliseconds = i64::try_from(time.as_milliseconds()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX).to_string()
    };
    let window = |Maintenance { start, duration }: Maintenance| {
        let end = duration.map(|duration| format!("/{}", time(start + duration)));
        format!("{}{}", time(start), end.unwrap_or_default())
    };
    let plan = |text: Value| json!({ MAINTENANCE_ANNOTATION: text });
    let (annotations, spec) = match mark {
        NodeMark::Deactivated => (json!({}), json!({"unschedulable": true})),
        NodeMark::Reactivated => (plan(Value::Null), json!({"unschedulable": null})),
        NodeMark::Draining => (plan(json!("now")), json!({"unschedulable": true})),
        NodeMark::Maintenance(None) => (plan(Value::Null), json!({})),
        NodeMark::Maintenance(Some(maintenance)) => (plan(json!(window(maintenance))), json!({})),
        NodeMark::Down(maintenance) => {
            let text = format!("{DOWN}{}", window(maintenance));
            (plan(json!(text)), json!({"unschedulable": true}))
        }
    };
    json!({"metadata": {"uid": uid, "annotations": annotations}, "spec": spec})
}

fn label((key, value): (&String, &String)) -> Label {
    (key.as_str().into(), value.as_str().into())
}

fn taint(taint: &WireTaint) -> Option<Taint> {
    let effect = match taint.effect.as_str() {
        "NoSchedule" => TaintEffect::NoSchedule,
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        _ => return None,
    };
    let value = taint.value.as_deref().unwrap_or_default().into();
    Some(Taint { key: taint.key.as_str().into(), value, effect })
}

#[cfg(test)]
mod tests;
