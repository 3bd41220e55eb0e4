use super::*;

/// Every keyword of the schemas, with the schema it stands in.
fn keywords(schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        visit(keyword, schema);
        match keyword.as_str() {
            "properties" => {
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .for_each(|(_, inner)| keywords(inner, visit));
            }
            "items" | "additionalProperties" => keywords(value, visit),
            _ => {}
        }
    }
}

#[test]
fn the_check_knows_every_keyword_of_the_definitions() {
    let known = [
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
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];
    for kind in Kinds::new().iter() {
        keywords(&kind.schema, &mut |keyword, schema| {
            assert!(known.contains(&keyword), "{keyword} in {schema}");
            // The messages about lengths say "is empty", which is right for these only.
            let least = schema["minLength"].as_u64().or(schema["minItems"].as_u64());
            assert!(least.is_none_or(|least| least == 1), "{schema}");
            let keys = schema["x-kubernetes-list-map-keys"].as_array();
            assert!(keys.is_none_or(|keys| keys.len() == 1), "{schema}");
        });
    }
}

#[test]
fn every_pattern_can_be_checked_and_said_in_words() {
    let kinds = Kinds::new();
    for kind in kinds.iter() {
        keywords(&kind.schema, &mut |keyword, schema| {
            let Some(pattern) = schema["pattern"].as_str().filter(|_| keyword == "pattern") else {
                return;
            };
            assert!(kinds.knows(pattern), "{pattern}");
            assert!(pattern.is_empty() || pattern_in_words(pattern).is_some(), "{pattern}");
        });
    }
}

#[test]
fn names_that_do_not_read_well_stand_in_brackets() {
    assert_eq!(join("", "spec"), "spec");
    assert_eq!(join("spec", "work-dir_1"), "spec.work-dir_1");
    assert_eq!(join("spec", "a.b/c"), "spec[a.b/c]");
    assert_eq!(join("spec", ""), "spec[]");
}
