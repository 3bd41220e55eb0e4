use super::Rejection;
use crate::resources::{Kind, Kinds};

fn no_room() -> Rejection {
    Rejection::NoNodeFree { kind: Kind::CPU, requested: 2000, largest: 1000 }
}

/// The sentence for nodes with a label, or without a taint, that have no room for a cause.
fn few(selector: Option<&str>, taint: Option<(&str, u32)>, cause: Rejection) -> String {
    let rejection = Rejection::FewNodesSuit {
        selector: selector.map(Box::from),
        matching: 3,
        taint: taint.map(|(taint, count)| (taint.into(), count)),
        cause: Some(cause.into()),
    };
    rejection.display(&Kinds::default()).to_string()
}

#[test]
fn nodes_that_were_spoken_of_are_not_named_again() {
    let (zone, taint) = (Some("zone=a"), Some(("gpu:NoSchedule", 2)));
    assert_eq!(few(zone, None, no_room()), "3 nodes match zone=a; none has 2 cpu free; largest 1");
    assert_eq!(
        few(zone, taint, no_room()),
        "3 nodes match zone=a; 2 of them are tainted gpu:NoSchedule, which the job does not tolerate; \
         no other has 2 cpu free; largest 1"
    );
    let limit = Rejection::ElasticLimit {
        pool: "p".into(),
        kind: Kind::CPU,
        held: 1000,
        limit: 1000,
        cause: no_room().into(),
    };
    assert_eq!(
        few(None, taint, limit),
        "2 nodes are tainted gpu:NoSchedule, which the job does not tolerate; no other has 2 cpu free; \
         largest 1; executors of pool p that have no node hold cpu 1 of 1 already"
    );
}

#[test]
fn a_sentence_within_a_sentence_names_them() {
    let gang = Rejection::Gang { fitting: 1, wanted: 2, cause: no_room().into() };
    assert_eq!(
        few(Some("zone=a"), None, gang),
        "3 nodes match zone=a; only 1 of 2 executors fit at once: no node has 2 cpu free; largest 1"
    );
}
