//! What lets executors report, and drivers of Spark make executors.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::super::names::FIELD_MANAGER;
use super::{Writer, parameters};

impl Writer {
    /// Lets the executors of a namespace read their assignments and report: binds a role to the
    /// namespace's service accounts.
    pub(crate) async fn bind_executors(
        &self,
        namespace: &str,
        role: &str,
    ) -> Result<(), kube::Error> {
        let api: Api<RoleBinding> = self.api(namespace);
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {
                "name": role,
                "labels": {"app.kubernetes.io/managed-by": "proffer"},
            },
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Group",
                "name": format!("system:serviceaccounts:{namespace}"),
            }],
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(role, &parameters, &Patch::Apply(binding)).await.map(|_| ())
    }

    /// Lets a service account make the executors of Spark, and makes it if it is Proffer's own.
    pub(crate) async fn bind_driver(
        &self,
        namespace: &str,
        role: &str,
        account: &str,
        makes_account: bool,
    ) -> Result<(), kube::Error> {
        let labels = json!({"app.kubernetes.io/managed-by": "proffer"});
        if makes_account {
            let accounts = self.api::<ServiceAccount>(namespace);
            let object = json!({"metadata": {"name": account, "labels": &labels}});
            let made = match serde_json::from_value(object) {
                Ok(object) => accounts.create(&parameters(), &object).await,
                Err(error) => return Err(kube::Error::SerdeError(error)),
            };
            match made {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                made => drop(made?),
            }
        }
        let api: Api<RoleBinding> = self.api(namespace);
        let name = if makes_account { role.to_owned() } else { format!("{role}-{account}") };
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "labels": labels},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(&name, &parameters, &Patch::Apply(binding)).await.map(|_| ())
    }
}
