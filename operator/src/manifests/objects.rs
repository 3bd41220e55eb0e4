//! From a located value to a typed object.

use std::collections::BTreeMap;

use kube::Resource;
use kube::core::cel::apply_defaults;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Errors, ManifestError};
use super::kinds::{Kind, Kinds};
use super::quote::{nearest, quote};
use super::schema::{Check, describe};
use super::source::Source;
use super::yaml::Content;
use super::{Located, Manifests};

/// The namespace of objects that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// The version of all kinds.
const API_VERSION: &str = "proffer.dev/v1alpha1";

/// Where each object was first seen, by kind, namespace and name.
pub(super) type Names = BTreeMap<(String, String, String), Source>;

/// The objects of a document: itself, or the items of a list.
pub(super) fn flatten(source: Source, sources: &mut Vec<Source>, errors: &mut Errors) {
    let root = source.root();
    let is_list = root
        .text("kind")
        .is_some_and(|kind| matches!(kind, "List" | "SparkJobList" | "ResourcePoolList"));
    if !is_list {
        sources.push(source);
        return;
    }
    match root.get("items").map(|items| &items.content) {
        Some(Content::List(items)) => {
            for item in items {
                flatten(source.part(item.clone()), sources, errors);
            }
        }
        _ => errors.push(source.error("items", "a List has its objects here, as a list")),
    }
}

/// Checks one object and reads it.
pub(super) fn read(
    kinds: &Kinds,
    source: Source,
    names: &mut Names,
    manifests: &mut Manifests,
    errors: &mut Errors,
) {
    let kind = match kind_of(kinds, &source) {
        Ok(kind) => kind,
        Err(error) => return errors.push(error),
    };
    check_name(kind, &source, names, errors);
    let Some(value) = checked(kinds, kind, &source, errors) else { return };
    let result = match kind.name.as_str() {
        "SparkJob" => typed(value, kind, &source)
            .map(|object| manifests.jobs.push(Located { object, source })),
        _ => typed(value, kind, &source)
            .map(|object| manifests.pools.push(Located { object, source })),
    };
    if let Err(error) = result {
        errors.push(error);
    }
}

/// The object with its defaults, if it has passed the schema and the rules of its kind.
fn checked(kinds: &Kinds, kind: &Kind, source: &Source, errors: &mut Errors) -> Option<Value> {
    let errors_before = errors.count();
    let value = Check { kinds, source, errors }.value(&kind.schema, source.root(), "")?;
    let value = apply_defaults(&kind.schema, &value);
    kinds.check_rules(kind, &value, source, errors);
    (errors.count() == errors_before).then_some(value)
}

fn kind_of<'a>(kinds: &'a Kinds, source: &Source) -> Result<&'a Kind, ManifestError> {
    let root = source.root();
    if !matches!(root.content, Content::Map(_)) {
        let found = describe(&root.content);
        let message =
            format!("expected the fields apiVersion, kind, metadata and spec, found {found}");
        return Err(source.error("", message));
    }
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    let all = format!("kinds are {} of {API_VERSION}", names.join(" and "));
    let Some(name) = root.text("kind") else {
        return Err(source.error("kind", format!("this field is required; the {all}")));
    };
    let Some(kind) = kinds.iter().find(|kind| kind.name == name) else {
        let advice = match nearest(name, names) {
            Some(meant) => format!("did you mean {meant}? The {all}"),
            None => format!("the {all}"),
        };
        return Err(source.error("kind", format!("{} is not a kind; {advice}", quote(name))));
    };
    match root.text("apiVersion") {
        Some(version) if version == API_VERSION => Ok(kind),
        Some(version) => {
            let message =
                format!("{} is not the version of {name}; that is {API_VERSION}", quote(version));
            Err(source.error("apiVersion", message))
        }
        None => {
            let message = format!("this field is required; it is {API_VERSION}");
            Err(source.error("apiVersion", message))
        }
    }
}

/// Refuses a second object of one kind, namespace and name.
fn check_name(kind: &Kind, source: &Source, names: &mut Names, errors: &mut Errors) {
    let metadata = source.root().get("metadata");
    let Some(name) = metadata.and_then(|metadata| metadata.text("name")) else { return };
    let namespace = match metadata.and_then(|metadata| metadata.text("namespace")) {
        _ if !kind.is_namespaced => "",
        Some(namespace) => namespace,
        None => DEFAULT_NAMESPACE,
    };
    let key = (kind.name.clone(), namespace.to_owned(), name.to_owned());
    if let Some(first) = names.get(&key) {
        let line = first
            .position("metadata.name")
            .map_or_else(String::new, |position| format!(":{}", position.line));
        let message =
            format!("there is a {} {} already, at {}{line}", kind.name, quote(name), first.file());
        errors.push(source.error("metadata.name", message));
    } else {
        names.insert(key, source.clone());
    }
}

/// The typed object: without status, and with the metadata that a manifest may set.
fn typed<T>(mut value: Value, kind: &Kind, source: &Source) -> Result<T, ManifestError>
where
    T: DeserializeOwned + Resource,
{
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| {
                matches!(name.as_str(), "name" | "namespace" | "labels" | "annotations")
            });
        }
    }
    // The schema has seen everything that the types refuse; this is for what it may miss one day.
    let mut object: T =
        serde_json::from_value(value).map_err(|error| source.error("", error.to_string()))?;
    let metadata = object.meta_mut();
    metadata.namespace = kind
        .is_namespaced
        .then(|| metadata.namespace.take().unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()));
    Ok(object)
}
