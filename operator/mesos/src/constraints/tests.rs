use super::*;
use crate::from_json;

fn constraint(json: &str) -> Result<Constraint, String> {
    Constraint::of(&from_json(json.as_bytes()).unwrap())
}

fn on_rack(predicate: &str) -> Constraint {
    constraint(&format!(r#"{{"selector":{{"attribute_name":"rack"}},"predicate":{predicate}}}"#))
        .unwrap()
}

#[test]
fn predicates_hold_as_in_mesos() {
    let cases = [
        (r#"{"exists":{}}"#, [true, true, false]),
        (r#"{"not_exists":{}}"#, [false, false, true]),
        (r#"{"text_equals":{"value":"a"}}"#, [true, false, false]),
        (r#"{"text_not_equals":{"value":"a"}}"#, [false, true, true]),
        (r#"{"text_matches":{"regex":"a|x"}}"#, [true, false, false]),
        (r#"{"text_not_matches":{"regex":"a|x"}}"#, [false, true, true]),
    ];
    for (predicate, expected) in cases {
        let constraint = on_rack(predicate);
        let held = [Some("a"), Some("ab"), None].map(|value| constraint.holds(value));
        assert_eq!(held, expected, "{predicate}");
    }
}

#[test]
fn constraints_that_make_no_sense_are_refused() {
    let wrong = [
        r#"{"selector":{},"predicate":{"exists":{}}}"#,
        r#"{"selector":{"attribute_name":"a","pseudoattribute_type":"ZONE"},"predicate":{"exists":{}}}"#,
        r#"{"selector":{"attribute_name":"a"},"predicate":{}}"#,
        r#"{"selector":{"attribute_name":"a"},"predicate":{"exists":{},"not_exists":{}}}"#,
        r#"{"selector":{"attribute_name":"a"},"predicate":{"text_matches":{"regex":"("}}}"#,
        r#"{"selector":{"attribute_name":"a"},"predicate":{"text_matches":{"regex":"a)(b"}}}"#,
        r#"{"selector":{"attribute_name":"a"},"predicate":{"text_matches":{"regex":"((a{99}){99}){99}"}}}"#,
    ];
    for json in wrong {
        assert!(constraint(json).is_err(), "{json}");
    }
}

#[test]
fn constraints_are_for_roles_of_the_framework() {
    let json = br#"{"role_constraints":{"b":{"groups":[]}}}"#;
    let wire = from_json(json).unwrap();
    let error = constraints_by_role(Some(&wire), &BTreeSet::from(["a"])).unwrap_err();
    assert!(error.contains("role 'b'"), "{error}");
    let error = constraints_by_role(Some(&wire), &BTreeSet::from(["b"])).unwrap_err();
    assert!(error.contains("must not be empty"), "{error}");
}

#[test]
fn more_constraints_than_anybody_needs_are_refused_before_they_are_compiled() {
    let refusal = |predicate: &str, count: usize| {
        let one = format!(r#"{{"selector":{{"attribute_name":"a"}},"predicate":{predicate}}}"#);
        let group = format!(r#"{{"attribute_constraints":[{}]}}"#, vec![one; count].join(","));
        let wire = format!(r#"{{"role_constraints":{{"a":{{"groups":[{group}]}}}}}}"#);
        let wire = from_json(wire.as_bytes()).unwrap();
        constraints_by_role(Some(&wire), &BTreeSet::from(["a"])).err().unwrap_or_default()
    };
    let exists = r#"{"exists":{}}"#;
    assert_eq!(refusal(exists, 1000), "");
    assert!(refusal(exists, 1001).contains("1000 are the most"));
    assert_eq!(refusal(r#"{"text_matches":{"regex":"x|y"}}"#, 100), "");
    // The pattern makes no sense, and nobody looks.
    let error = refusal(r#"{"text_not_matches":{"regex":"("}}"#, 101);
    assert!(error.contains("101 patterns"), "{error}");
}
