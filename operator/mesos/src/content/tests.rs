use super::*;
use crate::scheduler::{Call, CallType};

#[test]
fn requests_say_what_they_are_in() {
    let of = ContentType::of_request;
    assert_eq!(of(Some("application/json")), Ok(ContentType::Json));
    assert_eq!(of(Some("Application/JSON; charset=utf-8")), Ok(ContentType::Json));
    assert_eq!(of(Some("application/x-protobuf")), Ok(ContentType::Protobuf));
    assert_eq!(of(Some("text/plain")), Err(ContentProblem::Unsupported));
    assert_eq!(of(None), Err(ContentProblem::Missing));
}

#[test]
fn answers_are_json_if_they_may_be() {
    let of = |accept| ContentType::of_answer(Some(accept));
    assert_eq!(ContentType::of_answer(None), Some(ContentType::Json));
    assert_eq!(of("*/*"), Some(ContentType::Json));
    assert_eq!(of("application/x-protobuf, application/json"), Some(ContentType::Json));
    assert_eq!(of("application/x-protobuf"), Some(ContentType::Protobuf));
    assert_eq!(of("application/json;q=0, application/*"), Some(ContentType::Protobuf));
    assert_eq!(of("foo"), None);
    assert_eq!(of("application/json;q=0"), None);
}

#[test]
fn a_missing_field_is_an_error_in_both_encodings() {
    let json = ContentType::Json.decode::<Call>(br#"{"type":"KILL","kill":{}}"#, "Call");
    let error = "Failed to convert JSON into Call protobuf: Missing required fields: kill.task_id";
    assert_eq!(json, Err(error.to_owned()));
    // type = KILL, kill = {}
    let protobuf = ContentType::Protobuf.decode::<Call>(&[0x10, 6, 0x32, 0], "Call");
    assert_eq!(protobuf, Err("Failed to parse body into Call protobuf".to_owned()));
    let whole = ContentType::Protobuf.decode::<Call>(&[0x10, 2], "Call");
    assert_eq!(whole.map(|call| call.r#type()), Ok(CallType::Teardown));
}

#[test]
fn garbage_is_an_error() {
    assert!(ContentType::Json.decode::<Call>(b"{", "Call").is_err());
    assert!(ContentType::Json.decode::<Call>(b"[]", "Call").is_err());
    assert!(ContentType::Protobuf.decode::<Call>(b"{}", "Call").is_err());
}
