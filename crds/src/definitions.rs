//! The definitions that `proffer crds` prints: what the derives generate, made plain.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::{ResourcePool, SparkExecutor, SparkJob};

/// The definitions of all custom resources, each with the name of its file in `crds/`.
pub fn definitions() -> [(&'static str, CustomResourceDefinition); 3] {
    [
        ("sparkjobs.yaml", plain(SparkJob::crd())),
        ("resourcepools.yaml", plain(ResourcePool::crd())),
        ("sparkexecutors.yaml", plain(SparkExecutor::crd())),
    ]
}

/// Without what the derives add to every optional field: an absent field is absent and never null,
/// as in Kubernetes' own types, and CEL's `has()` is then the whole truth.
fn plain(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        if let Some(schema) =
            version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut())
        {
            simplify(schema);
        }
    }
    definition
}

fn simplify(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.title = None;
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        simplify(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        simplify(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        simplify(values);
    }
}

#[cfg(test)]
mod tests;
