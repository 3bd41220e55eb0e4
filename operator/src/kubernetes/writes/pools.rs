//! Writes to pools.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use proffer_core::event::PoolObservation;
use proffer_crds::pool::ResourcePoolSpec;
use proffer_crds::{ResourcePool, ResourcePoolStatus};
use serde_json::json;

use super::super::names::{MESOS_FIELD_MANAGER, POOL_FINALIZER};
use super::{Failure, Uncertain, Unknown, Writer, is_final, parameters, refusal, unknown};
use crate::convert;

/// A write to a pool.
#[derive(Clone, Debug)]
pub(crate) enum PoolWrite {
    /// Stores a pool's status.
    Status {
        /// The pool in the version that it replaces.
        pool: Arc<ResourcePool>,
        /// The new status.
        status: Box<ResourcePoolStatus>,
    },
    /// Makes a pool without settings, unless there is one.
    Create,
    /// Sets or takes away what keeps a pool.
    Keep {
        /// The pool in the version that it replaces.
        pool: Arc<ResourcePool>,
        /// Whether it is kept.
        keep: bool,
    },
    /// Gives a pool weight, guarantee and limit.
    Shape {
        /// The pool.
        pool: Arc<ResourcePool>,
        /// What has these.
        shape: Box<PoolObservation>,
    },
}

/// What came of a write to a pool: the pool as it is now, if it is there.
#[derive(Debug)]
pub(crate) enum PoolAnswer {
    /// Of storing its status.
    Status(Result<Option<Box<ResourcePool>>, Unknown>),
    /// Of making it.
    Created(Result<Option<Box<ResourcePool>>, Unknown>),
    /// Of keeping it, or of letting it go.
    Kept(bool, Result<Option<Box<ResourcePool>>, Unknown>),
    /// Of giving it weight, guarantee and limit.
    Shaped(Box<PoolObservation>, Result<Option<Box<ResourcePool>>, Failure>),
}

impl PoolAnswer {
    /// Why nothing certain is known of what came of it, if so.
    pub(super) fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Status(result) | Self::Created(result) | Self::Kept(_, result) => {
                result.unknown()
            }
            Self::Shaped(_, result) => result.unknown(),
        }
    }
}

impl Writer {
    pub(super) async fn write_pool(&self, name: &str, write: PoolWrite) -> PoolAnswer {
        match write {
            PoolWrite::Status { pool, status } => {
                PoolAnswer::Status(self.timely(self.store_pool_status(&pool, *status)).await)
            }
            PoolWrite::Create => PoolAnswer::Created(self.timely(self.create_pool(name)).await),
            PoolWrite::Keep { pool, keep } => {
                PoolAnswer::Kept(keep, self.timely(self.keep_pool(&pool, keep)).await)
            }
            PoolWrite::Shape { pool, shape } => {
                let result = self.timely(self.shape_pool(&pool, &shape)).await;
                PoolAnswer::Shaped(shape, result)
            }
        }
    }

    async fn store_pool_status(
        &self,
        pool: &ResourcePool,
        status: ResourcePoolStatus,
    ) -> Result<Option<Box<ResourcePool>>, Unknown> {
        let mut object = ResourcePool::clone(pool);
        object.status = Some(status);
        object.metadata.managed_fields = None;
        let name = object.name_any();
        let replaced = self.pools().replace_status(&name, &parameters(), &object).await;
        self.pool_now(&name, replaced).await
    }

    async fn create_pool(&self, name: &str) -> Result<Option<Box<ResourcePool>>, Unknown> {
        let pool = ResourcePool::new(name, ResourcePoolSpec::default());
        let created = self.pools().create(&parameters(), &pool).await;
        self.pool_now(name, created).await
    }

    async fn keep_pool(
        &self,
        pool: &ResourcePool,
        keep: bool,
    ) -> Result<Option<Box<ResourcePool>>, Unknown> {
        let name = pool.name_any();
        let mut finalizers = pool.finalizers().to_vec();
        finalizers.retain(|finalizer| finalizer != POOL_FINALIZER);
        if keep {
            finalizers.push(POOL_FINALIZER.to_owned());
        }
        let patch = json!({"metadata": {
            "finalizers": finalizers,
            "resourceVersion": pool.resource_version(),
        }});
        let patch = Patch::Merge(patch);
        let patched = self.pools().patch(&name, &PatchParams::default(), &patch).await;
        self.pool_now(&name, patched).await
    }

    async fn shape_pool(
        &self,
        pool: &ResourcePool,
        shape: &PoolObservation,
    ) -> Result<Option<Box<ResourcePool>>, Failure> {
        let name = pool.name_any();
        let spec = convert::pool_shape(shape);
        // With the uid of the one that is meant, no other one is changed or made. What is not there is left
        // out: of an empty map that had entries the API server makes nothing, which the schema refuses.
        let mut shape = json!({
            "apiVersion": "proffer.dev/v1alpha1",
            "kind": "ResourcePool",
            "metadata": {"name": name, "uid": pool.uid()},
            "spec": {"weight": spec.weight},
        });
        for (field, amounts) in [("guarantee", spec.guarantee), ("limit", spec.limit)] {
            if !amounts.is_empty() {
                shape["spec"][field] = json!(amounts);
            }
        }
        let parameters = PatchParams::apply(MESOS_FIELD_MANAGER).force();
        match self.pools().patch(&name, &parameters, &Patch::Apply(shape)).await {
            Err(kube::Error::Api(status)) if is_final(&status) => Err(refusal(&status)),
            shaped => Ok(self.pool_now(&name, shaped).await?),
        }
    }

    /// A pool as it is after a write.
    async fn pool_now(
        &self,
        name: &str,
        written: Result<ResourcePool, kube::Error>,
    ) -> Result<Option<Box<ResourcePool>>, Unknown> {
        match written {
            Ok(pool) => Ok(Some(Box::new(pool))),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            // What it is now is written next time.
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let read = self.pools().get_opt(name).await;
                read.map(|pool| pool.map(Box::new)).map_err(|error| unknown(&error))
            }
            Err(error) => Err(unknown(&error)),
        }
    }

    fn pools(&self) -> Api<ResourcePool> {
        Api::all(self.client.clone())
    }
}
