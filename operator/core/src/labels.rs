//! Labels and taints, and which nodes suit an executor by them. Both mean what Kubernetes says
//! (`k8s.io/component-helpers/scheduling/corev1`).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A label, or what a selector wants of one: a key and a value.
pub type Label = (Box<str>, Box<str>);

/// A mark on a node that keeps away what does not tolerate it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Taint {
    /// What kind of mark it is.
    pub key: Box<str>,
    /// Its value, which may be empty.
    pub value: Box<str>,
    /// What it does.
    pub effect: TaintEffect,
}

/// What a taint does to executors that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaintEffect {
    /// None is placed there.
    NoSchedule,
    /// Kubernetes would rather place none there. Proffer ignores it.
    PreferNoSchedule,
    /// None is placed there, and Kubernetes removes those that run.
    NoExecute,
}

/// A taint that is put up with. By default the key is empty, the operator `Equal`, and the effect any.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Toleration {
    /// The key of the taint; empty for all of them, which goes with [`TolerationOperator::Exists`].
    pub key: Box<str>,
    /// How the value is compared.
    pub operator: TolerationOperator,
    /// The value of the taint.
    pub value: Box<str>,
    /// The effect of the taint; `None` for any.
    pub effect: Option<TaintEffect>,
}

/// How a toleration compares values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TolerationOperator {
    /// The taint has this value.
    #[default]
    Equal,
    /// Any value will do.
    Exists,
}

impl Taint {
    /// Whether executors that do not tolerate it stay away.
    fn keeps_away(&self) -> bool {
        self.effect != TaintEffect::PreferNoSchedule
    }
}

impl fmt::Display for Taint {
    /// As kubectl writes it: `key=value:Effect`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, effect } = self;
        if value.is_empty() {
            write!(formatter, "{key}:{effect:?}")
        } else {
            write!(formatter, "{key}={value}:{effect:?}")
        }
    }
}

impl Toleration {
    /// Whether a taint is put up with.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && match self.operator {
                TolerationOperator::Exists => true,
                TolerationOperator::Equal => self.value == taint.value,
            }
    }
}

/// What an executor asks of a node beside room. Two that mean the same are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Requirement {
    /// Labels, by key.
    selector: Vec<Label>,
    tolerations: Vec<Toleration>,
}

/// Two values of one label are asked for, so that no node has both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    pub(crate) key: Box<str>,
    pub(crate) values: [Box<str>; 2],
}

impl Requirement {
    /// With these labels too, and putting up with these taints.
    pub(crate) fn and(
        mut self,
        selector: &[Label],
        tolerations: &[Toleration],
    ) -> Result<Self, Contradiction> {
        self.tolerations.extend_from_slice(tolerations);
        self.tolerations.sort_unstable();
        self.tolerations.dedup();
        self.narrowed(selector)
    }

    /// With these labels too.
    pub(crate) fn narrowed(mut self, selector: &[Label]) -> Result<Self, Contradiction> {
        for (key, value) in selector {
            match self.selector.binary_search_by(|(known, _)| known.cmp(key)) {
                Ok(place) if self.selector[place].1 == *value => {}
                Ok(place) => {
                    let values = [self.selector[place].1.clone(), value.clone()];
                    return Err(Contradiction { key: key.clone(), values });
                }
                Err(place) => self.selector.insert(place, (key.clone(), value.clone())),
            }
        }
        Ok(self)
    }

    /// Whether a node, whose labels are in order, has all labels.
    pub(crate) fn matches(&self, labels: &[Label]) -> bool {
        self.selector.iter().all(|(key, value)| {
            let found = labels.binary_search_by(|(label, _)| label.cmp(key));
            found.is_ok_and(|place| labels[place].1 == *value)
        })
    }

    /// The first taint that keeps executors away and is not put up with.
    pub(crate) fn untolerated<'a>(&self, taints: &'a [Taint]) -> Option<&'a Taint> {
        let tolerated =
            |taint: &Taint| self.tolerations.iter().any(|toleration| toleration.tolerates(taint));
        taints.iter().find(|taint| taint.keeps_away() && !tolerated(taint))
    }

    /// The labels that are asked for.
    pub(crate) fn labels(&self) -> &[Label] {
        &self.selector
    }

    /// The labels for people: `arch=arm64,zone=a`; nothing if none are asked for.
    pub(crate) fn selector(&self) -> Option<Box<str>> {
        let labels: Vec<String> =
            self.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (!labels.is_empty()).then(|| labels.join(",").into())
    }

    /// Whether every node will do that has no taints.
    pub(crate) fn asks_for_no_labels(&self) -> bool {
        self.selector.is_empty()
    }
}

#[cfg(test)]
mod tests;
