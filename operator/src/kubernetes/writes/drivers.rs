//! Writes that make drivers of Spark.

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::ResourceExt;

use super::super::spark_pod::Parts;
use super::{Failure, Uncertain, Unknown, Writer, is_final, parameters, refusal, unknown};

/// A write to a driver.
#[derive(Clone, Debug)]
pub(crate) enum DriverWrite {
    /// Makes a driver, with its settings and the Service of its page.
    Launch {
        /// What is made.
        parts: Box<Parts>,
    },
}

/// What came of a write to a driver.
#[derive(Debug)]
pub(crate) enum DriverAnswer {
    /// Of making it: its pod.
    Launched(Result<Box<Pod>, Failure>),
}

impl DriverAnswer {
    /// Why nothing certain is known of what came of it, if so.
    pub(super) fn unknown(&self) -> Option<&Unknown> {
        let Self::Launched(result) = self;
        result.unknown()
    }
}

impl Writer {
    pub(super) async fn write_driver(&self, write: DriverWrite) -> DriverAnswer {
        let DriverWrite::Launch { parts } = write;
        let made = Box::pin(self.launch_driver(*parts));
        DriverAnswer::Launched(self.timely(made).await)
    }

    /// The settings come first, as the driver's pod cannot start without them.
    async fn launch_driver(&self, parts: Parts) -> Result<Box<Pod>, Failure> {
        let Parts { settings, service, driver } = parts;
        let namespace = driver.namespace().unwrap_or_default();
        let owner = driver.owner_references().first().map(|owner| owner.uid.clone());
        let owner = owner.unwrap_or_default();
        let made = self.api::<ConfigMap>(&namespace).create(&parameters(), &settings).await.err();
        let served = self.api::<Service>(&namespace).create(&parameters(), &service).await.err();
        for error in made.into_iter().chain(served) {
            match error {
                kube::Error::Api(status) if status.code == 409 => {}
                kube::Error::Api(status) if is_final(&status) => return Err(refusal(&status)),
                error => return Err(unknown(&error).into()),
            }
        }
        self.make_pod(&driver, &owner).await
    }
}
