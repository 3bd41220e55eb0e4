//! Which pods are counted together as one job of the engine.

use std::fmt::Write;
use std::sync::Arc;

use proffer_core::event::{TaintEffect, Toleration, TolerationOperator};
use proffer_core::jobs::JobKey;

use super::super::super::gated_pod::{GatedFacts, Owner, Shape};
use super::super::super::pod::ObjectName;

/// What pods have in common that are one job of the engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Identity {
    /// One controller makes them, and they ask for the same.
    Controlled {
        /// Their namespace.
        namespace: Arc<str>,
        /// The controller.
        owner: Owner,
        /// The pool that they ask.
        pool: Box<str>,
        /// What they want of a node.
        shape: Shape,
    },
    /// There is one of them, which nobody makes anew.
    Bare {
        /// The pod.
        pod: ObjectName,
        /// The pool that it asks.
        pool: Box<str>,
        /// What it wants of a node.
        shape: Shape,
    },
}

impl Identity {
    /// The identity of a pod.
    pub(super) fn of(name: &ObjectName, facts: &GatedFacts) -> Self {
        let (pool, shape) = (facts.pool.clone(), facts.shape.clone());
        match facts.owner.clone() {
            Some(owner) => {
                Self::Controlled { namespace: name.namespace.clone(), owner, pool, shape }
            }
            None => Self::Bare { pod: name.clone(), pool, shape },
        }
    }

    /// The pool that the pods ask.
    pub(super) fn pool(&self) -> &str {
        match self {
            Self::Controlled { pool, .. } | Self::Bare { pool, .. } => pool,
        }
    }

    /// What the pods want of a node.
    pub(super) fn shape(&self) -> &Shape {
        match self {
            Self::Controlled { shape, .. } | Self::Bare { shape, .. } => shape,
        }
    }

    /// What the engine may call them: the name of their owner, and a mark of what they ask for. Others may
    /// have that name; then they are called by one with a higher number.
    pub(super) fn job(&self, number: u32) -> JobKey {
        let (namespace, kind, owner) = match self {
            Self::Controlled { namespace, owner, .. } => (namespace, &*owner.kind, &*owner.name),
            Self::Bare { pod, .. } => (&pod.namespace, "pod", &*pod.name),
        };
        let kind = kind.to_ascii_lowercase();
        let mark = mark(&self.text());
        let end = if number == 0 { String::new() } else { format!(".{number}") };
        let name = format!("{kind}/{owner}~{mark:08x}{end}").into();
        JobKey { namespace: namespace.clone(), name }
    }

    /// Everything that tells it from others, beside the name of the owner.
    fn text(&self) -> String {
        let uid = match self {
            Self::Controlled { owner, .. } => &*owner.uid,
            Self::Bare { .. } => "",
        };
        let Shape { request, node_selector, tolerations, priority } = self.shape();
        let mut text = format!("{uid}\n{}\n{priority}\n", self.pool());
        // Writing into a text cannot fail.
        for (resource, amount) in request {
            let _ = writeln!(text, "request {resource} {amount}");
        }
        for (label, value) in node_selector {
            let _ = writeln!(text, "label {label} {value}");
        }
        for toleration in tolerations {
            let Toleration { key, operator, value, effect } = toleration;
            let operator = match operator {
                TolerationOperator::Equal => "Equal",
                TolerationOperator::Exists => "Exists",
            };
            let effect = match effect {
                Some(TaintEffect::NoSchedule) => "NoSchedule",
                Some(TaintEffect::PreferNoSchedule) => "PreferNoSchedule",
                Some(TaintEffect::NoExecute) => "NoExecute",
                None => "",
            };
            let _ = writeln!(text, "toleration {key} {operator} {value} {effect}");
        }
        text
    }
}

/// A number that differs from text to text (FNV-1a).
fn mark(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests;
