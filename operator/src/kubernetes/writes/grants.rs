//! Writes that grant executors and drivers what they need.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Patch, PatchParams};

use super::super::grants::{Grant, metadata};
use super::super::names::FIELD_MANAGER;
use super::{Unknown, Writer, parameters, unknown};

impl Writer {
    /// Makes the account if there is to be one, and makes the `RoleBinding` as it should be.
    pub(super) async fn grant(&self, grant: &Grant) -> Result<(), Unknown> {
        if let Some(name) = grant.account() {
            let account = ServiceAccount { metadata: metadata(&name), ..ServiceAccount::default() };
            let accounts = self.api::<ServiceAccount>(&name.namespace);
            match accounts.create(&parameters(), &account).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(unknown(&error)),
            }
        }
        let binding = grant.binding();
        let bindings = self.api::<RoleBinding>(&binding.namespace);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let object = Patch::Apply(grant.object());
        let applied = bindings.patch(&binding.name, &parameters, &object).await;
        applied.map(drop).map_err(|error| unknown(&error))
    }
}
