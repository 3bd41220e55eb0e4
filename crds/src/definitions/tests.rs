use super::*;
use serde_json::Value;

fn schemas() -> Vec<(&'static str, Value)> {
    definitions()
        .into_iter()
        .map(|(name, mut definition)| {
            let version = definition.spec.versions.remove(0);
            let schema = version.schema.unwrap().open_api_v3_schema.unwrap();
            (name, serde_json::to_value(schema).unwrap())
        })
        .collect()
}

/// Calls `visit` with the path and the schema of every value.
fn walk(path: &str, schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, visit);
    }
    for (name, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[name].is_object() {
            walk(&format!("{path}{mark}"), &schema[name], visit);
        }
    }
}

/// Pod templates, which the API server checks when pods are made.
const TEMPLATES: [&str; 4] = [
    "sparkjobs.yaml.spec.executor.template",
    "sparkjobs.yaml.spec.mesos.info",
    "sparkjobs.yaml.spec.spark.driver.template",
    "sparkjobs.yaml.spec.spark.executor.template",
];

#[test]
fn schemas_are_structural_and_plain() {
    let allowed = [
        "additionalProperties",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-validations",
    ];
    for (name, schema) in schemas() {
        walk(name, &schema, &mut |path, schema| {
            for key in schema.as_object().unwrap().keys() {
                // Only what others define is opaque: Kubernetes or Mesos.
                let opaque =
                    key == "x-kubernetes-preserve-unknown-fields" && TEMPLATES.contains(&path);
                assert!(opaque || allowed.contains(&key.as_str()), "{path}: {key}");
            }
            assert_ne!(
                schema["type"].is_string(),
                schema["x-kubernetes-int-or-string"].is_boolean(),
                "{path} has one type"
            );
            let format = schema["format"].as_str().unwrap_or("int32");
            assert!(["int32", "int64", "date-time"].contains(&format), "{path}: {format}");
        });
    }
}

#[test]
fn every_field_is_described() {
    for (name, schema) in schemas() {
        walk(name, &schema, &mut |path, schema| {
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                let description = property["description"].as_str().unwrap_or_default();
                assert!(description.ends_with(['.', '`']), "{path}.{field}: {description}");
            }
        });
    }
}

/// Without bounds the API server estimates that rules cost too much, and etcd fills up.
#[test]
fn what_people_write_is_bounded() {
    for (name, schema) in schemas() {
        if name == "sparkexecutors.yaml" {
            continue;
        }
        walk("spec", &schema["properties"]["spec"], &mut |path, schema| {
            let bounds: &[&str] = match schema["type"].as_str() {
                Some("string") => &["maxLength", "enum"],
                Some("array") => &["maxItems"],
                Some("object") => &["maxProperties", "properties"],
                Some("integer") => &["minimum"],
                None => &["maxLength"],
                _ => return,
            };
            assert!(bounds.iter().any(|bound| !schema[bound].is_null()), "{path} of {name}");
        });
    }
}

#[test]
fn lists_of_named_things_merge_by_name() {
    let keys = |pointer: &str| {
        let schema = schemas().remove(0).1;
        schema.pointer(&format!("/properties{pointer}/x-kubernetes-list-map-keys")).cloned()
    };
    let stages = "/spec/properties/stages";
    for pointer in [
        stages.to_owned(),
        format!("{stages}/items/properties/tasks"),
        "/spec/properties/env".to_owned(),
        "/status/properties/stages".to_owned(),
    ] {
        assert_eq!(keys(&pointer), Some(serde_json::json!(["name"])), "{pointer}");
    }
    assert_eq!(keys("/status/properties/conditions"), Some(serde_json::json!(["type"])));
}
