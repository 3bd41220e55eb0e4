//! Objects that may be unreadable, as one that was stored under an older schema: a list with one of
//! them is still a list of all others.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object, or why it cannot be read.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, on its way from a list to what is kept"
)]
#[derive(Clone, Debug)]
pub(crate) enum Lenient<K> {
    /// The object.
    Readable(K),
    /// What can be read of it.
    Unreadable(Unreadable),
}

/// An object that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    metadata: ObjectMeta,
    /// Why not.
    pub(crate) problem: String,
}

impl Unreadable {
    /// The object.
    pub(crate) fn reference<K: Resource<DynamicType = ()>>(&self) -> ObjectReference {
        ObjectReference {
            api_version: Some(K::api_version(&()).into_owned()),
            kind: Some(K::kind(&()).into_owned()),
            namespace: self.metadata.namespace.clone(),
            name: self.metadata.name.clone(),
            uid: self.metadata.uid.clone(),
            ..ObjectReference::default()
        }
    }
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Lenient<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        K::deserialize(&value).map(Self::Readable).or_else(|problem| {
            // Without a name there is nothing to speak of.
            let metadata = ObjectMeta::deserialize(&value["metadata"]).map_err(D::Error::custom)?;
            Ok(Self::Unreadable(Unreadable { metadata, problem: problem.to_string() }))
        })
    }
}

impl<K: Resource> Resource for Lenient<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &Self::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &Self::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Readable(object) => object.meta(),
            Self::Unreadable(object) => &object.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Readable(object) => object.meta_mut(),
            Self::Unreadable(object) => &mut object.metadata,
        }
    }
}

#[cfg(test)]
mod tests;
