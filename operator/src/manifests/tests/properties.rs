//! Whatever the input, the answer is objects or sentences.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The valid manifest as JSON values.
fn objects() -> Vec<Value> {
    yaml::documents(VALID, Dialect::Kubernetes).unwrap().iter().map(yaml::Node::to_json).collect()
}

/// How many values there are in one.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

/// Replaces one of the values in a value, in the order of a walk.
fn replace(value: &mut Value, index: &mut usize, by: &Value) {
    if *index == 0 {
        *value = by.clone();
    }
    *index = index.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, index, by)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, index, by)),
        _ => {}
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-5_i64..5).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9.:/*-]{0,8}".prop_map(Value::from),
        "[0-9]{1,30}([KMGTPE]i?|[mnu])?".prop_map(Value::from),
        "[-+]?[0-9]{0,50}([.][0-9]{0,45})?([eE][-+]?[0-9]{1,11}|[kKMGTPE]i?|[mnu])?"
            .prop_map(Value::from),
        "[1-9][0-9]{0,30}[kmgtKMGT][bB]?".prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        let name = prop_oneof!["name|command|tasks|text|uri|cpu|memory", ".{0,4}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn check_answer(text: &str) -> Result<(), TestCaseError> {
    if let Err(errors) = read(text) {
        prop_assert!(!errors.errors.is_empty());
        for error in &errors.errors {
            prop_assert!(!error.message.is_empty());
            prop_assert!(!error.message.contains("cannot be evaluated"), "{error}");
            // The last step, reading the types, has nothing left to refuse.
            prop_assert!(!error.message.contains("invalid type"), "{error}");
            prop_assert!(!error.message.contains("unknown variant"), "{error}");
        }
    }
    Ok(())
}

proptest! {
    /// However far apart, any two quantities that are read can be compared, and the others are refused.
    #[test]
    fn any_field_of_amounts_may_have_any_amount(
        amounts in proptest::collection::vec(
            "[-+]?(0{0,30}[0-9]{0,40})([.]0{0,20}[0-9]{0,20})?([eE][-+]?[0-9]{1,2}|[kKMGTPE]i?|[mnu])?",
            4,
        ),
    ) {
        let [weight, guarantee, limit, cpu] = amounts.as_slice() else { return Ok(()) };
        check_answer(&format!(
            "{{kind: List, items: [{{apiVersion: proffer.dev/v1alpha1, kind: ResourcePool, \
             metadata: {{name: a}}, spec: {{weight: \"{weight}\", guarantee: {{cpu: \"{guarantee}\"}}, \
             limit: {{cpu: \"{limit}\"}}}}}}, {{apiVersion: proffer.dev/v1alpha1, kind: SparkJob, \
             metadata: {{name: b}}, spec: {{executor: {{cpu: \"{cpu}\", memory: \"{weight}\"}}, \
             stages: [{{name: c, command: [d]}}]}}}}]}}"
        ))?;
    }

    #[test]
    fn any_field_may_have_any_value(which in any::<proptest::sample::Index>(), value in any_value()) {
        let mut objects = Value::from(objects());
        // The first value is the list of the objects itself.
        let mut index = 1 + which.index(size(&objects) - 1);
        replace(&mut objects, &mut index, &value);
        let list = serde_json::json!({ "kind": "List", "items": objects });
        check_answer(&list.to_string())?;
    }

    #[test]
    fn any_line_may_be_damaged(
        at in any::<proptest::sample::Index>(),
        removed in 0_usize..20,
        inserted in ".{0,6}",
    ) {
        let mut characters: Vec<char> = VALID.chars().collect();
        let start = at.index(characters.len());
        let end = (start + removed).min(characters.len());
        characters.splice(start..end, inserted.chars());
        check_answer(&characters.into_iter().collect::<String>())?;
    }

    #[test]
    fn any_text_may_be_read(text in "(?s).{0,60}") {
        check_answer(&text)?;
    }

    #[test]
    fn any_punctuation_may_be_read(text in "[-\\[\\]{}:,&*?!|>'\"%@` \n\tab#<0.]{0,40}") {
        check_answer(&text)?;
    }

    /// Paths that lead nowhere are no reason to fail either.
    #[test]
    fn any_path_has_a_position(path in "(spec|stages|metadata|[.\\[\\]0-9a-z]){0,6}") {
        let manifests = read(VALID).unwrap();
        prop_assert!(manifests.jobs[0].source.position(&path).is_some());
    }
}
