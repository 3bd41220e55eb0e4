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

#[test]
fn what_a_body_holds_is_bounded_before_it_is_decoded() {
    let of = |json: String| parse_json(json.as_bytes()).map(drop);
    assert_eq!(of(format!("[{}0]", "0,".repeat(MOST_VALUES - 1))), Ok(()));
    let problem = of(format!("[{}0]", "0,".repeat(MOST_VALUES))).unwrap_err();
    assert!(problem.contains("more than 1048576 values"), "{problem}");
    // Texts hold nothing, whatever is in them.
    let text = ",[{\\\",".repeat(MOST_VALUES);
    assert_eq!(of(format!("[\"{text}\", 1]")), Ok(()));
    for (value, is_fine) in [("[],", true), ("{},", true)] {
        let few = format!("[{}0]", value.repeat(MOST_VALUES / 2 - 1));
        assert_eq!(of(few).is_ok(), is_fine);
        assert!(of(format!("[{}0]", value.repeat(MOST_VALUES / 2))).is_err());
    }
    // A call with a message of this key, in which a value comes again and again.
    let decoded = |key: u8, value: [u8; 2], count: usize| {
        let mut message = value.repeat(count);
        let mut length = message.len();
        let mut call = vec![0x10, 3, key];
        while length >= 0x80 {
            call.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        call.push(u8::try_from(length).unwrap());
        call.append(&mut message);
        ContentType::Protobuf.decode::<Call>(&call, "Call")
    };
    // An ACCEPT with empty operations, and a REVIVE of roles without a name.
    for (key, value) in [(0x22, [0x12, 0]), (0x7a, [0x0a, 0])] {
        assert!(decoded(key, value, 1000).is_ok());
        let problem = decoded(key, value, MOST_MESSAGES).unwrap_err();
        assert!(problem.contains("more than 524288 messages"), "{problem}");
    }
}
