//! The kinds that manifests may have, each with the schema and the rules of its definition.

use std::collections::BTreeMap;

use kube::core::cel::{CompiledSchema, ErrorKind, Validator, compile_schema};
use regex::Regex;
use serde_json::{Value, json};

use super::error::Errors;
use super::source::Source;

/// Letters and digits of DNS, in words joined by dots: the names of objects.
pub(super) const SUBDOMAIN: &str =
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// One such word: the names of namespaces.
pub(super) const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// The values of labels.
pub(super) const LABEL_VALUE: &str = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";
/// The names of environment variables.
pub(super) const VARIABLE: &str = "^[-._a-zA-Z][-._a-zA-Z0-9]*$";

/// All kinds.
pub(super) struct Kinds {
    all: Vec<Kind>,
    /// The patterns of all schemas.
    patterns: BTreeMap<String, Regex>,
    validator: Validator,
}

/// A kind of object.
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) is_namespaced: bool,
    /// The schema of a whole object, metadata included.
    pub(super) schema: Value,
    rules: CompiledSchema,
}

impl Kinds {
    /// The kinds that people write: all but `SparkExecutor`.
    pub(super) fn new() -> Self {
        let kinds: Vec<Kind> = proffer_crds::definitions()
            .into_iter()
            .filter(|(_, definition)| definition.spec.names.kind != "SparkExecutor")
            .flat_map(|(_, definition)| {
                let spec = definition.spec;
                spec.versions.into_iter().map(move |version| {
                    let schema = version.schema.and_then(|schema| schema.open_api_v3_schema);
                    let schema = whole(serde_json::to_value(schema).unwrap_or_default());
                    Kind {
                        name: spec.names.kind.clone(),
                        is_namespaced: spec.scope == "Namespaced",
                        rules: compile_schema(&schema),
                        schema,
                    }
                })
            })
            .collect();
        let mut patterns = BTreeMap::new();
        for kind in &kinds {
            compile_patterns(&kind.schema, &mut patterns);
        }
        Self { all: kinds, patterns, validator: Validator::new() }
    }

    /// No kinds, but the patterns of a schema that is not one of theirs.
    pub(super) fn patterns_of(schema: &Value) -> Self {
        let mut patterns = BTreeMap::new();
        compile_patterns(schema, &mut patterns);
        Self { all: Vec::new(), patterns, validator: Validator::new() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.all.iter()
    }

    /// Whether a pattern of a schema is one that can be checked.
    #[cfg(test)]
    pub(super) fn knows(&self, pattern: &str) -> bool {
        self.patterns.contains_key(pattern)
    }

    /// Whether a text matches a pattern of a schema.
    pub(super) fn matches(&self, pattern: &str, text: &str) -> bool {
        self.patterns.get(pattern).is_some_and(|regex| regex.is_match(text))
    }

    /// Evaluates the CEL rules of an object that has passed its schema.
    pub(super) fn check_rules(
        &self,
        kind: &Kind,
        object: &Value,
        source: &Source,
        errors: &mut Errors,
    ) {
        let broken = self.validator.validate_compiled(&kind.rules, object, None).err();
        for error in broken.into_iter().flatten() {
            let message = match error.kind {
                ErrorKind::ValidationFailure => error.message,
                _ => format!("the rule `{}` cannot be evaluated: {}", error.rule, error.message),
            };
            // Rules on the name have to stand at the root, where Kubernetes lets them see it.
            let is_of_name =
                error.field_path.is_empty() && error.rule.contains("self.metadata.name");
            let field = if is_of_name { "metadata.name" } else { error.field_path.as_str() };
            errors.push(source.error(field, message));
        }
    }
}

/// The schema of a definition, with what the API server adds to it.
fn whole(mut schema: Value) -> Value {
    let anything = json!({ "x-kubernetes-preserve-unknown-fields": true });
    let texts = |pattern: &str, longest: u32| {
        json!({
            "type": "object",
            "additionalProperties":
                { "type": "string", "pattern": pattern, "maxLength": longest },
        })
    };
    let mut metadata = json!({
        "name": { "type": "string", "minLength": 1, "maxLength": 253, "pattern": SUBDOMAIN },
        "namespace": { "type": "string", "minLength": 1, "maxLength": 63, "pattern": LABEL },
        "labels": texts(LABEL_VALUE, 63),
        "annotations": texts("", 262_144),
    });
    // What the API server fills in is in the output of `kubectl get -o yaml`, and is ignored.
    for field in SERVER_FIELDS {
        metadata[field] = anything.clone();
    }
    schema["properties"]["apiVersion"] = json!({ "type": "string" });
    schema["properties"]["kind"] = json!({ "type": "string" });
    schema["properties"]["status"] = anything;
    schema["properties"]["metadata"] =
        json!({ "type": "object", "properties": metadata, "required": ["name"] });
    let required = schema["required"].as_array().into_iter().flatten().cloned();
    schema["required"] = [json!("metadata")].into_iter().chain(required).collect();
    schema
}

/// The fields of metadata that mean nothing in a manifest.
const SERVER_FIELDS: [&str; 11] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

fn compile_patterns(schema: &Value, patterns: &mut BTreeMap<String, Regex>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(pattern)) = fields.get("pattern")
                && let Ok(regex) = Regex::new(pattern)
            {
                patterns.insert(pattern.clone(), regex);
            }
            fields.values().for_each(|value| compile_patterns(value, patterns));
        }
        Value::Array(items) => items.iter().for_each(|item| compile_patterns(item, patterns)),
        _ => {}
    }
}
