//! Labels, selectors and tolerations.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1;
use proffer_core::event::{Label, TaintEffect, Toleration, TolerationOperator};
use proffer_crds::pod;

use super::Problem;

/// Labels as the engine has them.
pub(super) fn labels(labels: &BTreeMap<String, String>) -> Vec<Label> {
    labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}

/// Tolerations as the engine has them.
pub(super) fn tolerations(tolerations: &[pod::Toleration]) -> Vec<Toleration> {
    let engine = |toleration: &pod::Toleration| Toleration {
        key: toleration.key.as_str().into(),
        operator: match toleration.operator {
            pod::TolerationOperator::Equal => TolerationOperator::Equal,
            pod::TolerationOperator::Exists => TolerationOperator::Exists,
        },
        value: toleration.value.as_str().into(),
        effect: toleration.effect.map(|effect| match effect {
            pod::TaintEffect::NoSchedule => TaintEffect::NoSchedule,
            pod::TaintEffect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
            pod::TaintEffect::NoExecute => TaintEffect::NoExecute,
        }),
    };
    tolerations.iter().map(engine).collect()
}

/// The labels that a pod's node has to have, as far as single labels say so. What else a pod says of nodes
/// is for the scheduler to judge.
pub(crate) fn node_selector(spec: &v1::PodSpec) -> Vec<Label> {
    let selector = spec.node_selector.iter().flatten();
    let mut labels: Vec<Label> =
        selector.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity
        .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    // Of several terms one has to hold, so none of them must.
    if let Some([term]) = required.map(|required| &*required.node_selector_terms) {
        labels.extend(term.match_expressions.iter().flatten().filter_map(|expression| {
            let [value] = expression.values.as_deref().unwrap_or_default() else { return None };
            let is_one = expression.operator == "In";
            is_one.then(|| (expression.key.as_str().into(), value.as_str().into()))
        }));
    }
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// A toleration of a pod as the engine has it.
pub(crate) fn toleration(toleration: &v1::Toleration) -> Toleration {
    Toleration {
        key: toleration.key.as_deref().unwrap_or_default().into(),
        operator: match toleration.operator.as_deref() {
            Some("Exists") => TolerationOperator::Exists,
            _ => TolerationOperator::Equal,
        },
        value: toleration.value.as_deref().unwrap_or_default().into(),
        effect: match toleration.effect.as_deref() {
            Some("NoSchedule") => Some(TaintEffect::NoSchedule),
            Some("PreferNoSchedule") => Some(TaintEffect::PreferNoSchedule),
            Some("NoExecute") => Some(TaintEffect::NoExecute),
            _ => None,
        },
    }
}

/// What of a selector no label can be.
pub(super) fn problems(field: &str, selector: &BTreeMap<String, String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, value) in selector {
        let message = label_problem(key, value);
        problems.extend(message.map(|message| Problem::new(format!("{field}.{key}"), message)));
    }
    problems
}

/// Why a key or a value is not one that a label can have, by the rules of Kubernetes.
pub(crate) fn label_problem(key: &str, value: &str) -> Option<String> {
    let name = match key.split_once('/') {
        Some((prefix, _)) if !is_domain(prefix) => {
            return Some(format!(
                "\"{prefix}\" is not a domain such as example.com, so \"{key}\" is not the key of a \
                 label"
            ));
        }
        Some((_, name)) => name,
        None => key,
    };
    if name.is_empty() || !is_name(name) {
        return Some(format!(
            "\"{key}\" is not the key of a label, such as zone or example.com/zone"
        ));
    }
    (!is_name(value)).then(|| format!("\"{value}\" is not the value of a label, such as a or v1.2"))
}

/// At most 63 letters, digits, `-`, `_` and `.`, the first and last of them letters or digits; or
/// nothing.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let outer = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|&byte| inner(byte))
        && outer(bytes.first())
        && outer(bytes.last())
}

fn is_domain(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && is_name(part)
            && !part.contains('_')
            && !part.bytes().any(|byte| byte.is_ascii_uppercase())
    };
    text.len() <= 253 && text.split('.').all(part)
}
