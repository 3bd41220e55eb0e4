//! What executors and drivers need in a namespace to do anything: rights, and an account.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use proffer_crds::SparkJob;
use serde_json::{Value, json};

use super::names::DRIVER_ACCOUNT;
use super::pod::ObjectName;
use crate::convert::spark::driver_account;

/// The role that lets executors read their assignments and report.
const EXECUTOR_ROLE: &str = "proffer-executor";

/// The role that lets drivers of Spark make executors.
const DRIVER_ROLE: &str = "proffer-spark-driver";

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// What is on each object that grants something, so that watches see no others.
pub(crate) const MANAGED: (&str, &str) = ("app.kubernetes.io/managed-by", "proffer");

/// What is granted, where, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant {
    /// Executors of a namespace may read their assignments and report.
    Executors {
        /// The namespace.
        namespace: Arc<str>,
    },
    /// Drivers of Spark that run as Proffer's own account, which is made, may make executors.
    OwnDrivers {
        /// The namespace.
        namespace: Arc<str>,
    },
    /// Drivers of Spark that run as an account of somebody else's may make executors.
    Drivers {
        /// The namespace.
        namespace: Arc<str>,
        /// The account.
        account: Box<str>,
    },
}

/// What a `RoleBinding` grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BindingFacts {
    role: String,
    subjects: Vec<(String, String)>,
}

/// What a `RoleBinding` grants, by its object.
pub(crate) fn binding_facts(binding: &RoleBinding) -> BindingFacts {
    let subjects = binding.subjects.iter().flatten();
    BindingFacts {
        role: format!("{}/{}", binding.role_ref.kind, binding.role_ref.name),
        subjects: subjects.map(|subject| (subject.kind.clone(), subject.name.clone())).collect(),
    }
}

impl fmt::Display for BindingFacts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects = self.subjects.iter().map(|(kind, name)| format!("{kind} {name}"));
        write!(formatter, "{} for {}", self.role, subjects.collect::<Vec<_>>().join(", "))
    }
}

impl Grant {
    /// What the driver of an application needs.
    pub(crate) fn of_driver(namespace: &Arc<str>, job: &SparkJob) -> Self {
        let namespace = namespace.clone();
        let spark = job.spec.spark.as_ref();
        match spark.and_then(driver_account) {
            Some(account) => Self::Drivers { namespace, account: account.into() },
            None => Self::OwnDrivers { namespace },
        }
    }

    /// The namespace.
    pub(crate) fn namespace(&self) -> &Arc<str> {
        match self {
            Self::Executors { namespace }
            | Self::OwnDrivers { namespace }
            | Self::Drivers { namespace, .. } => namespace,
        }
    }

    fn role(&self) -> &'static str {
        match self {
            Self::Executors { .. } => EXECUTOR_ROLE,
            Self::OwnDrivers { .. } | Self::Drivers { .. } => DRIVER_ROLE,
        }
    }

    /// Kind and name of whom it is granted to.
    fn subject(&self) -> (&'static str, String) {
        match self {
            Self::Executors { namespace } => {
                ("Group", format!("system:serviceaccounts:{namespace}"))
            }
            Self::OwnDrivers { .. } => ("ServiceAccount", DRIVER_ACCOUNT.to_owned()),
            Self::Drivers { account, .. } => ("ServiceAccount", account.to_string()),
        }
    }

    /// The name of the `RoleBinding`.
    pub(crate) fn binding(&self) -> ObjectName {
        let name = match self {
            Self::Executors { .. } | Self::OwnDrivers { .. } => self.role().into(),
            Self::Drivers { account, .. } => format!("{DRIVER_ROLE}-{account}").into(),
        };
        ObjectName { namespace: self.namespace().clone(), name }
    }

    /// The account that is made for it.
    pub(crate) fn account(&self) -> Option<ObjectName> {
        let Self::OwnDrivers { namespace } = self else { return None };
        Some(ObjectName { namespace: namespace.clone(), name: DRIVER_ACCOUNT.into() })
    }

    /// The `RoleBinding`, to be applied.
    pub(crate) fn object(&self) -> Value {
        let (kind, name) = self.subject();
        let mut subject = json!({"kind": kind, "name": name});
        match self {
            Self::Executors { .. } => subject["apiGroup"] = json!(RBAC_GROUP),
            Self::OwnDrivers { namespace } | Self::Drivers { namespace, .. } => {
                subject["namespace"] = json!(&**namespace);
            }
        }
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata(&self.binding()),
            "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": self.role()},
            "subjects": [subject],
        })
    }

    /// What its `RoleBinding` grants when it is as it should be.
    pub(crate) fn facts(&self) -> BindingFacts {
        let (kind, name) = self.subject();
        BindingFacts {
            role: format!("ClusterRole/{}", self.role()),
            subjects: vec![(kind.to_owned(), name)],
        }
    }

    /// What people read when it cannot be given.
    pub(crate) fn problem(&self, why: &str) -> String {
        let (kind, name) = self.subject();
        let (what, role) = match self {
            Self::Executors { .. } => ("executors cannot report", EXECUTOR_ROLE),
            Self::OwnDrivers { .. } | Self::Drivers { .. } => {
                ("drivers cannot make executors", DRIVER_ROLE)
            }
        };
        format!(
            "{what} in namespace {}, as the RoleBinding cannot be made: {why}. It is tried again; or \
             bind the ClusterRole {role} there to the {kind} {name} by hand",
            self.namespace()
        )
    }
}

/// The name and the labels of what is made for a grant.
pub(crate) fn metadata(name: &ObjectName) -> ObjectMeta {
    let (key, value) = MANAGED;
    ObjectMeta {
        name: Some(name.name.to_string()),
        labels: Some([(key.to_owned(), value.to_owned())].into()),
        ..ObjectMeta::default()
    }
}
