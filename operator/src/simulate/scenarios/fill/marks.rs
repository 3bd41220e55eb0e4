//! Taints and tolerations as scenarios write them.

use proffer_core::event::{Taint, TaintEffect, Toleration, TolerationOperator};

use super::super::read::Field;

const EFFECTS: [(&str, TaintEffect); 3] = [
    ("NoSchedule", TaintEffect::NoSchedule),
    ("PreferNoSchedule", TaintEffect::PreferNoSchedule),
    ("NoExecute", TaintEffect::NoExecute),
];

const OPERATORS: [(&str, TolerationOperator); 2] =
    [("Equal", TolerationOperator::Equal), ("Exists", TolerationOperator::Exists)];

pub(super) fn taint(field: &Field<'_>) -> Option<Taint> {
    let record = field.record(["key", "value", "effect"])?;
    let key = record.required("key").and_then(|field| field.text());
    let value = record.or("value", "", Field::text);
    let effect = record.required("effect").and_then(|field| field.choice(&EFFECTS));
    Some(Taint { key: key?.into(), value: value?.into(), effect: effect? })
}

pub(super) fn toleration(field: &Field<'_>) -> Option<Toleration> {
    let record = field.record(["key", "operator", "value", "effect"])?;
    let key = record.or("key", "", Field::text);
    let operator =
        record.or("operator", TolerationOperator::Equal, |field| field.choice(&OPERATORS));
    let value = record.or("value", "", Field::text);
    let effect = record.or("effect", None, |field| field.choice(&EFFECTS).map(Some));
    let (key, operator) = (key?, operator?);
    if key.is_empty() && operator == TolerationOperator::Equal {
        return field.wrong("a toleration without a key is for all taints: operator: Exists");
    }
    Some(Toleration { key: key.into(), operator, value: value?.into(), effect: effect? })
}
