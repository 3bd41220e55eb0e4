use super::is_too_large;
use serde_json::json;

#[test]
fn what_is_too_large_is_told_from_what_breaks_a_rule() {
    let is_too_large = |code: u16, message: &str, cause: &str| {
        let details = json!({"causes": [{"reason": cause, "message": message, "field": "status"}]});
        let status = json!({
            "status": "Failure", "code": code, "message": message, "details": details,
        });
        is_too_large(&serde_json::from_value(status).unwrap())
    };
    assert!(is_too_large(413, "limit is 3145728", ""));
    assert!(is_too_large(422, "may not be more than 1024 bytes", "FieldValueTooLong"));
    assert!(is_too_large(422, "must have at most 16 items", "FieldValueTooMany"));
    assert!(is_too_large(500, "etcdserver: request is too large", ""));
    assert!(!is_too_large(422, "a job has at most one of stages and spark", "FieldValueInvalid"));
    assert!(!is_too_large(422, "Too many cooks", ""));
    assert!(!is_too_large(500, "Too long", "FieldValueTooLong"));
}
