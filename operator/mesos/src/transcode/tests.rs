use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::fields::survey;
use crate::scheduler::{Call, Event, EventType};
use crate::types::{
    ContainerId, Labels, Offer, OfferOperation, TaskInfo, TaskState, TaskStatus, TaskStatusReason,
};

/// The bytes were worked out by hand from the numbers of the fields.
#[test]
fn an_update_has_the_bytes_that_its_numbers_say() {
    let json = r#"{"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING","source":"SOURCE_EXECUTOR","agent_id":{"value":"s"},"timestamp":1.0,"uuid":"AQIDBAUGBwgJCgsMDQ4PEA=="}}}"#;
    let event: Event = from_json(json.as_bytes()).unwrap();
    let status = [
        &[0x0a, 3, 0x0a, 1, b't'][..],         // 1: task_id
        &[0x10, 1],                            // 2: state
        &[0x2a, 3, 0x0a, 1, b's'],             // 5: agent_id
        &[0x31, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f], // 6: timestamp
        &[0x48, 2],                            // 9: source
        &[0x5a, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], // 11: uuid
    ]
    .concat();
    let length = u8::try_from(status.len()).unwrap();
    // 1: type = UPDATE = 4; 5: update { 1: status }
    let whole = [&[0x08, 4, 0x2a, length + 2, 0x0a, length][..], &status].concat();
    let mut by_tag = Event::decode(&whole[..]).unwrap();
    assert_eq!(by_tag, event);
    assert_eq!(event.encoded_len(), whole.len());
    assert_eq!(survey(&whole, Event::fields()).missing, [""; 0]);
    // Written in the order of the notation, which is that of Mesos's own files.
    assert_eq!(to_json(&event), json);
    by_tag.r#type = Some(99);
    assert!(!to_json(&by_tag).contains("type"), "an unknown value is left out");
}

#[test]
fn a_heartbeat_is_eight() {
    let event = Event { r#type: Some(EventType::Heartbeat.into()), ..Event::default() };
    assert_eq!(event.encode_to_vec(), [0x08, 8]);
    assert_eq!(to_json(&event), r#"{"type":"HEARTBEAT"}"#);
}

#[test]
fn lenient_readers_and_strict_writers() {
    let json = r#"{"type":"KILL","framework_id":{"value":"f","extra":[1]},"unknown":{},
        "kill":{"task_id":{"value":"t"},"agent_id":null,
                "kill_policy":{"grace_period":{"nanoseconds":"5"}}}}"#;
    let call: Call = from_json(json.as_bytes()).unwrap();
    let written = r#"{"framework_id":{"value":"f"},"type":"KILL","kill":{"task_id":{"value":"t"},"kill_policy":{"grace_period":{"nanoseconds":5}}}}"#;
    assert_eq!(to_json(&call), written);
    let newer: Call = from_json(br#"{"type":"FROM_THE_FUTURE"}"#).unwrap();
    assert_eq!(newer.r#type, None);
    let twice: TaskStatus = from_json(
        br#"{"task_id":{"value":"t"},"state":"TASK_LOST","healthy":"true","timestamp":"2.5"}"#,
    )
    .unwrap();
    assert_eq!((twice.healthy, twice.timestamp), (Some(true), Some(2.5)));
    let required = from_json::<TaskStatus>(br#"{"task_id":{"value":"t"},"state":"NEWER"}"#);
    assert!(required.unwrap_err().contains("Missing required fields: state"));
}

#[test]
fn what_is_written_is_one_line_of_ascii() {
    let status =
        TaskStatus { message: Some("ä\n\"😀\u{7f}".to_owned()), ..TaskStatus::default() };
    let json = to_json(&status);
    assert!(json.contains(r#""\u00e4\n\"\ud83d\ude00\u007f""#), "{json}");
    assert_eq!(from_json::<TaskStatus>(json.as_bytes()).unwrap(), status);
}

#[test]
fn numbers_as_mesos_writes_them() {
    let mut out = String::new();
    for value in [4.0, 0.1, 1.7e9, f64::INFINITY, f64::NEG_INFINITY, -0.5] {
        write_double(value, &mut out);
        out.push(' ');
    }
    assert_eq!(out, r#"4.0 0.1 1700000000.0 "Infinity" "-Infinity" -0.5 "#);
}

#[test]
fn names_of_values_are_those_of_mesos() {
    assert_eq!(TaskState::GoneByOperator.text(), "TASK_GONE_BY_OPERATOR");
    assert_eq!(TaskState::Staging as i32, 6);
    assert_eq!(TaskStatusReason::TaskInvalid.text(), "REASON_TASK_INVALID");
    assert_eq!(TaskStatusReason::InvalidOffers as i32, 6);
}

#[test]
fn deep_nesting_is_an_error_and_no_more() {
    let mut container = ContainerId::default();
    for _ in 0..150 {
        container = ContainerId { value: String::new(), parent: Some(Box::new(container)) };
    }
    let bytes = container.encode_to_vec();
    assert!(ContainerId::decode(&bytes[..]).is_err());
    assert!(from_json::<ContainerId>(to_json(&container).as_bytes()).is_err());
    let _ = survey(&bytes, ContainerId::fields());
}

/// A value for a field of a message, by its description.
fn values(fields: &'static [Field], seed: &mut dyn FnMut() -> u8) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        if !field.required && !seed().is_multiple_of(3) {
            continue;
        }
        if let Some(nested) = field.nested
            && !field.map
            && field.name != "parent"
        {
            let inner = values(nested(), seed);
            prost::encoding::encode_key(
                field.tag,
                prost::encoding::WireType::LengthDelimited,
                &mut out,
            );
            prost::encoding::encode_varint(inner.len() as u64, &mut out);
            out.extend(inner);
        }
    }
    out
}

fn there_and_back<M: Message + PartialEq + std::fmt::Debug>(
    message: &M,
) -> Result<(), TestCaseError> {
    let json = to_json(message);
    prop_assert!(json.is_ascii() && !json.contains('\n'));
    let read: M = from_json(json.as_bytes()).map_err(TestCaseError::fail)?;
    prop_assert_eq!(&read, message);
    let bytes = message.encode_to_vec();
    prop_assert!(survey(&bytes, M::fields()).missing.is_empty());
    prop_assert_eq!(&M::decode(&bytes[..]).unwrap(), message);
    Ok(())
}

proptest! {
    /// Messages made of whatever fields hold messages, through JSON and protobuf.
    #[test]
    fn messages_go_through_both_forms(seeds in prop::collection::vec(any::<u8>(), 1..200)) {
        let mut seeds = seeds.into_iter().cycle();
        let mut seed = move || seeds.next().unwrap_or(0);
        let bytes = values(OfferOperation::fields(), &mut seed);
        there_and_back(&OfferOperation::decode(&bytes[..]).unwrap())?;
        let bytes = values(Offer::fields(), &mut seed);
        there_and_back(&Offer::decode(&bytes[..]).unwrap())?;
        let bytes = values(Call::fields(), &mut seed);
        there_and_back(&Call::decode(&bytes[..]).unwrap())?;
    }

    #[test]
    fn leaves_go_through_both_forms(
        text in any::<String>(),
        data in prop::collection::vec(any::<u8>(), 0..20),
        number in any::<f64>().prop_filter("comparable", |number| !number.is_nan()),
        nanoseconds in any::<i64>(),
        code in any::<u32>(),
        flag in any::<Option<bool>>(),
    ) {
        there_and_back(&TaskStatus {
            message: Some(text.clone()),
            data: Some(data),
            timestamp: Some(number),
            healthy: flag,
            state: TaskState::Killed.into(),
            unreachable_time: Some(crate::types::TimeInfo { nanoseconds }),
            check_status: Some(crate::types::CheckStatusInfo {
                http: Some(crate::types::CheckStatusInfoHttp { status_code: Some(code) }),
                ..Default::default()
            }),
            ..TaskStatus::default()
        })?;
        let limits = [(text.clone(), crate::types::ValueInMap { value: Some(number) })].into();
        there_and_back(&TaskInfo { limits, name: text, ..TaskInfo::default() })?;
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = survey(&bytes, Call::fields());
        let _ = from_json::<Labels>(&bytes);
    }
}

/// prost leaves a map's value out if it is a default.
#[test]
fn an_amount_of_nothing_in_a_map_is_written_and_has_to_be_there() {
    let limits = [("mem".to_owned(), crate::types::ValueInMap { value: Some(0.0) })].into();
    let bytes = TaskInfo { limits, ..TaskInfo::default() }.encode_to_vec();
    // 15: { 1: "mem", 2: { 1: 0.0 } }
    let entry = [0x7a, 16, 0x0a, 3, b'm', b'e', b'm', 0x12, 9, 0x09, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(bytes.windows(entry.len()).any(|part| part == entry), "{bytes:x?}");
    let without_value = [0x7a, 5, 0x0a, 3, b'm', b'e', b'm'];
    let missing = survey(&without_value, TaskInfo::fields()).missing;
    assert!(missing.contains(&"limits.value".to_owned()), "{missing:?}");
}
