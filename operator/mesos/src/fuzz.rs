//! Whatever bytes come, they are read or refused.

use proffer_fuzz::Target;

use crate::content::ContentType;
use crate::recordio::{Decoder, encode};
use crate::scheduler::Call;
use crate::{Message, executor, from_json, to_json, validate};

#[test]
fn recordio() {
    Target::named("recordio").run(|bytes| {
        let mut whole = Decoder::new(1 << 16);
        let read = whole.push(bytes);
        // In pieces it is the same, and what was read can be written.
        let mut decoder = Decoder::new(1 << 16);
        let pieces: Result<Vec<_>, _> = bytes.chunks(3).map(|piece| decoder.push(piece)).collect();
        assert_eq!(pieces.as_ref().err(), read.as_ref().err());
        let (Ok(pieces), Ok(records)) = (pieces, read) else { return };
        assert_eq!(pieces.concat(), records);
        let mut written = Vec::new();
        records.iter().for_each(|record| encode(record, &mut written));
        assert_eq!(Decoder::new(1 << 16).push(&written).unwrap(), records);
    });
}

#[test]
fn mesos_json() {
    Target::named("mesos-json").run(|bytes| {
        check(from_json::<Call>(bytes).ok(), |call| drop(validate::check_call(call, Some("p"))));
        check(from_json::<executor::Call>(bytes).ok(), |_| {});
    });
}

#[test]
fn mesos_protobuf() {
    let calls = Target::named("mesos-json").translated("mesos-protobuf", |bytes| {
        ContentType::Protobuf.encode(&from_json::<Call>(&bytes).unwrap())
    });
    calls.run(|bytes| {
        let read = |bytes| ContentType::Protobuf.decode::<Call>(bytes, "Call").ok();
        check(read(bytes), |call| drop(validate::check_call(call, Some("p"))));
        let read = |bytes| ContentType::Protobuf.decode::<executor::Call>(bytes, "Call").ok();
        check(read(bytes), |_| {});
    });
}

/// What was read can be written in both encodings, and comes back as it was.
fn check<M: Message + PartialEq + std::fmt::Debug>(message: Option<M>, also: impl Fn(&M)) {
    let Some(message) = message else { return };
    also(&message);
    let bytes = ContentType::Protobuf.encode(&message);
    let again = ContentType::Protobuf.decode::<M>(&bytes, "message").unwrap();
    // Numbers that are none differ from themselves.
    assert_eq!(format!("{again:?}"), format!("{message:?}"));
    drop(to_json(&message));
}
